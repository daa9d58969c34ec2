"""Traces continue where they came from, their steps are told to whoever collects them, and secrets stay out of logs."""

import io
import logging
import subprocess
import sys
from collections.abc import Iterator
from contextlib import redirect_stdout
from types import SimpleNamespace

import pytest
import structlog
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status

from shared.span_export import is_wanted, start_export
from shared.telemetry import (
    REDACTED,
    Attributes,
    SpanKind,
    TraceContext,
    collect_spans,
    configure_logging,
    current_request_id,
    current_trace_id,
    current_traceparent,
    redact,
    tell_span,
    traced,
)
from shared.testing.small_site import SmallSite

TRACE = "0af7651916cd43dd8448eb211c80319c"
PARENT = f"00-{TRACE}-b7ad6b7169203331-01"


def test_a_trace_goes_on_with_a_new_span() -> None:
    child = TraceContext.continue_from(PARENT)
    assert child.trace_id == TRACE
    assert child.span_id != "b7ad6b7169203331"
    assert TraceContext.parse(child.traceparent) == child


@pytest.mark.parametrize(
    "field",
    [
        None,
        "",
        "nonsense",
        f"ff-{TRACE}-b7ad6b7169203331-01",
        f"00-{'0' * 32}-b7ad6b7169203331-01",
        f"00-{TRACE}-{'0' * 16}-01",
        f"00-{TRACE.upper()}-b7ad6b7169203331-01",
        PARENT + "-more",
    ],
)
def test_a_malformed_traceparent_starts_a_new_trace(field: str | None) -> None:
    assert TraceContext.parse(field) is None
    assert TraceContext.continue_from(field).trace_id != TRACE


def test_a_later_version_of_the_field_is_understood() -> None:
    parsed = TraceContext.parse(f"01-{TRACE}-b7ad6b7169203331-00-what-is-to-come")
    assert parsed == TraceContext(TRACE, "b7ad6b7169203331", sampled=False)


def test_the_trace_is_on_every_line_inside_and_on_none_outside() -> None:
    with traced(PARENT, request_id="r1", tenant_id="t1") as trace:
        assert (current_trace_id(), current_request_id()) == (TRACE, "r1")
        assert current_traceparent() == trace.traceparent
        assert structlog.contextvars.get_contextvars() == {
            "trace_id": TRACE,
            "span_id": trace.span_id,
            "request_id": "r1",
            "tenant_id": "t1",
        }
        with traced(current_traceparent()) as inner:
            assert inner.trace_id == TRACE
            assert current_request_id() == "r1"
    assert (current_trace_id(), current_request_id(), current_traceparent()) == ("", "", None)
    assert structlog.contextvars.get_contextvars() == {}


# --- spans -----------------------------------------------------------------------------------------------------------


class Told:
    """Collects in memory; samples every trace or none."""

    def __init__(self, *, everything: bool = True) -> None:
        self.everything = everything
        self.spans: list[tuple[str, SpanKind, TraceContext, Attributes, str | None]] = []

    def samples(self, trace_id: str) -> bool:
        return self.everything

    def take(
        self, name: str, kind: SpanKind, trace: TraceContext, seconds: float, attributes: Attributes, error: str | None
    ) -> None:
        self.spans.append((name, kind, trace, attributes, error))


@pytest.fixture(autouse=True)
def nobody_collects_afterwards() -> Iterator[None]:
    yield
    collect_spans(None)


def test_a_step_is_told_with_the_step_that_it_is_a_part_of() -> None:
    collect_spans(told := Told())
    with traced(PARENT) as outer:
        with traced(current_traceparent()) as inner:
            tell_span("publish", "producer", inner, 0.1, lambda: {"size": 1}, error="TimeoutError")
        tell_span("POST /v1/books", "server", outer, 0.2, dict)
    assert told.spans == [
        ("publish", "producer", inner, {"size": 1}, "TimeoutError"),
        ("POST /v1/books", "server", outer, {}, None),
    ]
    assert [span[2].parent_id for span in told.spans] == [outer.span_id, "b7ad6b7169203331"]


def test_what_the_caller_does_not_sample_is_told_by_nobody() -> None:
    collect_spans(told := Told())
    with traced(f"00-{TRACE}-b7ad6b7169203331-00") as trace, traced(trace.traceparent) as step:
        tell_span("GET /v1/books", "server", step, 0.1, dict)
    assert told.spans == []


def test_a_trace_that_begins_here_is_sampled_as_whoever_collects_wishes() -> None:
    assert TraceContext.start().sampled
    collect_spans(told := Told(everything=False))
    with traced() as trace:
        assert trace.traceparent.endswith("-00")
        tell_span("GET /v1/books", "server", trace, 0.1, dict)
    assert told.spans == []


def test_without_anybody_who_collects_not_even_the_attributes_are_made() -> None:
    with traced() as trace:
        tell_span("GET /v1/books", "server", trace, 0.1, lambda: pytest.fail("made"))


@pytest.mark.parametrize(
    ("environment", "wanted"),
    [
        ({}, False),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": ""}, False),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://collector:4318"}, True),
        ({"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://collector:4318/v1/traces"}, True),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://collector:4318", "OTEL_SDK_DISABLED": "true"}, False),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://collector:4318", "OTEL_TRACES_EXPORTER": "none"}, False),
    ],
)
def test_opentelemetrys_own_variables_say_whether_spans_are_exported(
    environment: dict[str, str], *, wanted: bool
) -> None:
    assert is_wanted(environment) is wanted


def test_spans_have_left_when_the_export_has_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    with SmallSite() as collector:
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", collector.url(""))
        export = start_export("library", "1.2.3")
        assert export is not None
        with traced(PARENT) as trace:
            attributes: dict[str, str | int] = {"http.request.method": "POST", "http.response.status_code": 503}
            tell_span("POST /v1/books", "server", trace, 0.25, lambda: attributes, error="503")
        export.shutdown()
    ((headers, body),) = collector.received
    assert headers["content-type"] == "application/x-protobuf"
    (resource,) = ExportTraceServiceRequest.FromString(body).resource_spans
    about = {each.key: each.value.string_value for each in resource.resource.attributes}
    assert about["service.name"] == "library"
    assert (about["service.namespace"], about["service.version"]) == ("upheld", "1.2.3")
    (span,) = resource.scope_spans[0].spans
    assert (span.trace_id.hex(), span.span_id.hex(), span.parent_span_id.hex()) == (
        TRACE,
        trace.span_id,
        "b7ad6b7169203331",
    )
    assert (span.name, span.kind, span.status.code) == (
        "POST /v1/books",
        Span.SPAN_KIND_SERVER,
        Status.STATUS_CODE_ERROR,
    )
    assert span.end_time_unix_nano - span.start_time_unix_nano == 250_000_000
    said = {each.key: each.value.string_value or each.value.int_value for each in span.attributes}
    assert said == attributes | {"error.type": "503"}


def test_the_usual_sampler_variables_count(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:9")
    monkeypatch.setenv("OTEL_TRACES_SAMPLER", "parentbased_traceidratio")
    monkeypatch.setenv("OTEL_TRACES_SAMPLER_ARG", "0.5")
    export = start_export("library", "1")
    assert export is not None
    assert {TraceContext.start().sampled for _ in range(100)} == {True, False}
    export.shutdown()


def test_a_protocol_that_we_do_not_speak_is_no_reason_not_to_start(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:9")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc")
    assert start_export("library", "1") is None


def test_who_exports_nothing_imports_nothing_of_it() -> None:
    exporting = ("opentelemetry.sdk", "opentelemetry.exporter", "requests")
    code = f"import sys, shared.service_process; print([m for m in sys.modules if m.startswith({exporting})])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


# --- secrets ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "key",
    ["password", "client_secret", "Authorization", "token", "access_token", "api_key", "webhook_secret", "set-cookie"],
)
def test_values_of_secret_names_are_removed(key: str) -> None:
    assert redact({"deep": [{key: "hunter2"}]}) == {"deep": [{key: REDACTED}]}


def test_names_that_only_resemble_secrets_keep_their_values() -> None:
    facts = {
        "token_count": 3,
        "idempotency_key": "k",
        "author": "Voltaire",
        "secrets_rotated": True,
        "event": "token_minted",
    }
    assert redact(facts) == facts


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("postgresql://app:hunter2@db:5432/x", "db:5432/x"),
        ("Authorization: Bearer hunter2hunter2", "Authorization"),
        ("got eyJhbGciOiJFZERTQSJ9.eyJzdWIiOiJodW50ZXIyIn0.c2lnbmF0dXJl there", "there"),
        ("POST /token?client_secret=hunter2&x=1", "x=1"),
    ],
)
def test_secrets_inside_of_texts_are_removed(text: str, kept: str) -> None:
    cleaned = redact(text)
    assert kept in cleaned
    assert REDACTED in cleaned
    for secret in ("hunter2", "eyJ"):
        assert secret not in cleaned


def test_whom_a_mail_address_names_stays_out_of_logs_and_its_domain_does_not() -> None:
    lines = io.StringIO()
    before, root = structlog.get_config(), logging.getLogger()
    handlers, level = list(root.handlers), root.level
    try:
        with redirect_stdout(lines):
            configure_logging(SimpleNamespace(log_level="info", log_format="json"), service="library")
            error = "550 <lea.martin+x@client.example> unknown"
            structlog.get_logger().warning("mail_not_sent", error=error, tried=[{"to": "lea.martin@client.example"}])
            try:
                raise ValueError("lea.martin@client.example has no mailbox")
            except ValueError as failed:
                structlog.get_logger().warning("mail_not_sent", exc_info=failed)
    finally:
        structlog.configure(**before)
        root.handlers[:], root.level = handlers, level
    assert "lea" not in lines.getvalue()
    answered, raised = lines.getvalue().splitlines()
    assert answered.count(f"{REDACTED}@client.example") == 2
    assert f"ValueError: {REDACTED}@client.example has no mailbox" in raised
    assert redact("to lea@client.example") == "to lea@client.example"
