"""Traces continue where they came from, and secrets stay out of logs."""

import pytest
import structlog

from shared.telemetry import (
    REDACTED,
    TraceContext,
    current_request_id,
    current_trace_id,
    current_traceparent,
    redact,
    traced,
)

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
        assert structlog.contextvars.get_contextvars() == {"trace_id": TRACE, "request_id": "r1", "tenant_id": "t1"}
        with traced(current_traceparent()) as inner:
            assert inner.trace_id == TRACE
            assert current_request_id() == "r1"
    assert (current_trace_id(), current_request_id(), current_traceparent()) == ("", "", None)
    assert structlog.contextvars.get_contextvars() == {}


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
