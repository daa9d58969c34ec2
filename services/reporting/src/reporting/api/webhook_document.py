"""What this service sends to others: the section `webhooks` of the OpenAPI document. Nothing here answers anybody."""

from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import APIRouter, Body, Header
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from reporting.adapters.webhooks import TEST_EVENT
from reporting.application import examples
from shared.events import CONTENT_TYPE, schema_address

outgoing = APIRouter(tags=["webhooks"])

_ENVELOPE: dict[str, Any] = {
    "specversion": "1.0",
    "source": "/services/reporting",
    "time": "2026-06-09T01:30:21Z",
    "datacontenttype": "application/json",
    "tenantid": "0198f000-0000-7000-8000-000000000001",
}
_TESTED: dict[str, Any] = _ENVELOPE | {
    "id": "0198f000-0000-7000-8000-000000000a05",
    "type": f"dev.upheld.{TEST_EVENT}",
    "subject": f"webhook/{examples.WEBHOOK}",
    "dataschema": schema_address(TEST_EVENT),
    "aggregateversion": 1,
    "data": {"webhook_id": examples.WEBHOOK, "requested_by": "Nadia Benali"},
}
_DOWN: dict[str, Any] = _ENVELOPE | {
    "id": examples.DOWN,
    "source": "/services/probes",
    "type": "dev.upheld.probes.monitor.down.v1",
    "subject": "monitor/0198f000-0000-7000-8000-000000000601",
    "dataschema": "urn:upheld:schema:probes.monitor.down.v1",
    "aggregateversion": 7,
    "data": {"outage_id": examples.OUTAGE, "client_id": examples.CLIENT, "down_since": "2026-06-09T01:30:00Z"},
}

SIGNED = (
    "Signed as Standard Webhooks 1.0.0 over `webhook-id`, `webhook-timestamp` and exactly the bytes of the body, "
    "joined by full stops. `webhook-signature` lists `v1,` (HMAC-SHA256 with the secret) and `v1a,` (Ed25519 with the "
    "key whose public half the webhook shows), during a rotation of each generation; one that fits is enough. Refuse "
    "what is dated more than five minutes away from your clock, and take each `webhook-id` once: it may come again."
)
ANSWERED = (
    "Answer 2xx within 15 seconds; anything else, redirects included, is tried again, ten times within 76 hours, not "
    "before `Retry-After`. Of the answer the beginning is kept."
)


class CloudEvent(BaseModel):
    """A CloudEvent 1.0 in structured JSON: the very bytes that are in the stream."""

    model_config = ConfigDict(json_schema_extra={"examples": [_DOWN]})

    specversion: Literal["1.0"]
    id: UUID = Field(description="the same as `webhook-id`")
    source: str = Field(max_length=200)
    type: str = Field(max_length=200, description="`dev.upheld.` and the name of the event")
    subject: str = Field(max_length=200, description="what it happened to: kind and id")
    time: AwareDatetime
    datacontenttype: Literal["application/json"]
    dataschema: str = Field(
        max_length=300, description="names the schema of `data`, among those that the services publish with AsyncAPI"
    )
    tenantid: UUID = Field(description="the agency")
    aggregateversion: int = Field(ge=0, description="counts what happens to the subject; later is higher, with gaps")
    correlationid: str | None = Field(default=None, max_length=200)
    causationid: str | None = Field(default=None, max_length=200)
    traceparent: str | None = Field(default=None, max_length=100)
    data: dict[str, Any]


class WebhookTest(BaseModel):
    """What a test event says: that it arrived."""

    model_config = ConfigDict(json_schema_extra={"examples": [_TESTED["data"]]})

    webhook_id: UUID
    requested_by: str = Field(max_length=255)


class TestEvent(CloudEvent):
    """A CloudEvent that was asked for by a person, to see whether it arrives."""

    model_config = ConfigDict(json_schema_extra={"examples": [_TESTED]})

    data: WebhookTest  # type: ignore[assignment]


Id = Annotated[str, Header(alias="webhook-id", max_length=100, description="the same at every try and every replay")]
Timestamp = Annotated[
    str, Header(alias="webhook-timestamp", max_length=20, pattern="^[0-9]+$", description="Unix seconds of this try")
]
Signature = Annotated[
    str,
    Header(alias="webhook-signature", max_length=1_000, description="signatures, separated by spaces"),
]
_ANSWERS: dict[int | str, dict[str, Any]] = {
    "2XX": {"description": "It was taken, too"},
    410: {"description": "There is nobody here any more: the webhook is disabled at once"},
    429: {"description": "Too much at once: nothing is sent to the webhook until `Retry-After`, at most an hour"},
}


@outgoing.post(
    "event",
    summary="Something happened",
    operation_id="webhook_event",
    description=f"Every event that the filters of a webhook let through. {SIGNED} {ANSWERED}",
    responses=_ANSWERS,
    response_description="It was taken",
    status_code=204,
)
def event(
    body: Annotated[CloudEvent, Body(media_type=CONTENT_TYPE)], _id: Id, _timestamp: Timestamp, _signature: Signature
) -> None:
    """Described, never called."""


@outgoing.post(
    str(TEST_EVENT),
    summary="A test event",
    operation_id="webhook_test_event",
    description=f"Sent to one webhook by `POST /v1/webhooks/{{webhook_id}}/test`. {SIGNED}",
    responses=_ANSWERS,
    response_description="It was taken",
    status_code=204,
)
def test_event(
    body: Annotated[TestEvent, Body(media_type=CONTENT_TYPE)], _id: Id, _timestamp: Timestamp, _signature: Signature
) -> None:
    """Described, never called."""
