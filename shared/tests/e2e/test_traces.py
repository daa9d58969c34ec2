"""One request is one trace: through its answer, the outbox, NATS, whoever handles its event, and what that one says."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from shared.testing.running_stack import RunningStack
from shared.testing.small_site import SmallSite

from .contract_registers import obligation_under
from .thread_client import ThreadClient, eventually

TRACED = ("contracts", "incidents")
EXPECTED = {
    ("contracts", "SERVER"),
    ("contracts", "PRODUCER"),
    ("incidents", "CONSUMER"),
    ("incidents", "PRODUCER"),
}
TRACE, CALLER = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"


@dataclass(frozen=True)
class Step:
    """A span as it was received, and the service that told it."""

    service: str
    name: str
    kind: str
    span_id: str
    parent_id: str
    attributes: dict[str, str | int]


def steps_of(collector: SmallSite, trace_id: str) -> list[Step]:
    """What OTLP over HTTP has brought about one trace."""
    found = []
    for headers, body in collector.received:
        assert headers["content-type"] == "application/x-protobuf"
        for resource in ExportTraceServiceRequest.FromString(body).resource_spans:
            about = {each.key: each.value.string_value for each in resource.resource.attributes}
            found += [
                Step(
                    about["service.name"],
                    span.name,
                    Span.SpanKind.Name(span.kind).removeprefix("SPAN_KIND_"),
                    span.span_id.hex(),
                    span.parent_span_id.hex(),
                    {each.key: each.value.string_value or each.value.int_value for each in span.attributes},
                )
                for scope in resource.scope_spans
                for span in scope.spans
                if span.trace_id.hex() == trace_id
            ]
    return found


@pytest.fixture
def collector(running_stack: RunningStack, monkeypatch: pytest.MonkeyPatch) -> Iterator[SmallSite]:
    """Somebody who collects the spans of two services, as every process with such an environment tells them."""

    def restart() -> None:
        for service in TRACED:
            running_stack.kill_service(service)
            running_stack.start_service(service, ready=service == TRACED[-1])

    with SmallSite() as site:
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", site.url(""))
        monkeypatch.setenv("OTEL_BSP_SCHEDULE_DELAY", "200")
        restart()
        yield site
        monkeypatch.undo()
        restart()


def test_one_request_is_one_trace_over_two_services(running_stack: RunningStack, collector: SmallSite) -> None:
    tenant = running_stack.new_tenant("Agency that is traced")
    with ThreadClient(running_stack, running_stack.token(tenant)) as thread:
        site = ("Traced site", collector.url("/traced"))
        contract_id = thread.activate_contract(thread.create_client("Traced client"), [site]).contract_id
        request = thread.post(
            "incidents",
            "/v1/requests",
            {"contract_id": contract_id, "form": "assistance", "title": "A page is missing", "topic": "Pages"},
        )
        item_id = request["item_id"]
        owed = obligation_under(contract_id, timedelta(days=30)) | {"work_item_id": item_id}
        thread.call("POST", "contracts", "/v1/obligations", owed, headers={"traceparent": f"00-{TRACE}-{CALLER}-01"})

    def all_told() -> list[Step] | None:
        found = steps_of(collector, TRACE)
        return found if {(step.service, step.kind) for step in found} >= EXPECTED else None

    steps = eventually(all_told, 30, "the steps of the request are told")
    by_id = {step.span_id: step for step in steps}

    (answered,) = [step for step in steps if step.kind == "SERVER"]
    assert (answered.service, answered.name, answered.parent_id) == ("contracts", "POST /v1/obligations", CALLER)
    assert answered.attributes["http.response.status_code"] == 201

    said = next(step for step in steps if step.kind == "PRODUCER" and step.service == "incidents")
    chain = [said]
    while chain[-1].parent_id in by_id:
        chain.append(by_id[chain[-1].parent_id])
    assert [(step.service, step.kind) for step in chain] == [
        ("incidents", "PRODUCER"),
        ("incidents", "CONSUMER"),
        ("contracts", "PRODUCER"),
        ("contracts", "SERVER"),
    ]
    assert chain[1].name.removeprefix("process ") == chain[2].name.removeprefix("publish ")
    assert chain[1].attributes["upheld.tenant_id"] == tenant.tenant_id
    # Nothing that a step tells names a person or carries what somebody wrote.
    assert not [step for step in steps if "Pages" in str(step.attributes) or "@" in str(step.attributes)]

    lines = [json.loads(line) for line in running_stack.services.processes["contracts"].output().splitlines()]
    (line,) = [line for line in lines if line.get("event") == "request" and line.get("trace_id") == TRACE]
    assert line["span_id"] == answered.span_id
