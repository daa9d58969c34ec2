"""Requests and answers of the webhook routes."""

from typing import Annotated, Any, Literal, TypeAlias
from urllib.parse import urlsplit
from uuid import UUID

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StrictBool
from pydantic.config import JsonDict

from reporting.adapters.tables import Attempt, Delivery, Webhook, WebhookReplay
from reporting.application import examples
from reporting.domain.replays import Status as ReplayStatus
from reporting.domain.subscriptions import PATTERN
from shared.events import CONTENT_TYPE
from shared.values import Instant, forbid_unknown


def _address(url: str) -> str:
    """An absolute http(s) address with a host, without credentials and fragment; whether it may be reached, the
    address guard decides."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise ValueError("this is no address; write one such as https://example.com/hooks") from None
    if parts.scheme not in {"https", "http"} or not parts.hostname or port == 0:
        raise ValueError("write an absolute https address, such as https://example.com/hooks")
    if parts.username is not None or parts.password is not None or parts.fragment:
        raise ValueError("leave user name, password and fragment out of the address; deliveries are signed instead")
    if any(character.isspace() or not character.isprintable() or character == "\\" for character in url):
        raise ValueError("an address has no spaces, control characters or backslashes")
    return url


WebhookUrl = Annotated[
    str,
    Field(min_length=10, max_length=2_000, examples=["https://hooks.agency.example/upheld"]),
    AfterValidator(_address),
]
EventPattern = Annotated[
    str,
    Field(
        max_length=120,
        pattern=PATTERN,
        description="a full name (`incidents.incident.opened.v1`), an aggregate (`incidents.incident.*`) or a service "
        "(`incidents.*`)",
        examples=["incidents.incident.opened.v1"],
    ),
]
Description = Annotated[str, Field(max_length=500, examples=["Chat room of the operators"])]

ClientIds = Annotated[
    list[UUID],
    Field(
        max_length=100,
        description="of which clients; none named is all of them. An event that names another client beside them, or "
        "no client at all, is not sent, nor one that is for the agency alone (`audience` `agency`, who is on call, a "
        "proposal about an outage that was not approved): the receiver may be the client's",
    ),
]
Ordered = Annotated[
    StrictBool,
    Field(
        description="of what happens to one thing (an incident, a monitor, a contract) the next event is sent when the "
        "one before it was delivered or given up; things do not wait for one another. Not for what is queued already"
    ),
]

DeliveryStatus: TypeAlias = Literal["pending", "delivered", "failed"]

_ATTEMPT: JsonDict = {
    "number": 1,
    "at": "2026-06-09T01:30:21Z",
    "duration_ms": 84,
    "status_code": 204,
    "error": None,
    "sent_timestamp": 1780968621,
    "response_headers": {"content-type": "text/plain"},
    "response_excerpt": "",
}
_REQUEST: JsonDict = {
    "method": "POST",
    "url": "https://hooks.agency.example/upheld",
    "headers": {"content-type": CONTENT_TYPE, "webhook-id": examples.DOWN},
    "body_bytes": 48,
    "body_excerpt": '{"specversion":"1.0","type":"dev.upheld.probes"}',
}
_DELIVERY: JsonDict = {
    "delivery_id": examples.DELIVERY_ID,
    "webhook_id": examples.WEBHOOK,
    "event_id": examples.DOWN,
    "event_type": "probes.monitor.down.v1",
    "status": "delivered",
    "created_at": "2026-06-09T01:30:21Z",
    "due_at": None,
    "finished_at": "2026-06-09T01:30:21Z",
    "last_status_code": 204,
    "attempts": [_ATTEMPT],
}
_EXAMPLE: dict[str, Any] = {
    "url": "https://hooks.agency.example/upheld",
    "description": "Chat room of the operators",
    "event_types": ["incidents.incident.*", "probes.monitor.down.v1"],
    "client_ids": [],
    "ordered": False,
    "enabled": True,
}
PUBLIC_KEY = "whpk_T2pXl1EdlKsJ+kfMZRl3V7VJqVFMDSq6+9gHTzbL8wk="

_VIEW: dict[str, Any] = {
    "webhook_id": "0198f000-0000-7000-8000-0000000000e1",
    "version": 1,
    **_EXAMPLE,
    "disabled_reason": None,
    "disabled_at": None,
    "failing_since": None,
    "resting_until": None,
    "public_key": PUBLIC_KEY,
    "previous_public_key": None,
    "previous_secret_valid_until": None,
    "created_at": "2026-06-08T09:00:00Z",
    "updated_at": "2026-06-08T09:00:00Z",
}


class NewWebhook(BaseModel):
    """An address that wants to be told."""

    model_config = forbid_unknown(examples=[_EXAMPLE])

    url: WebhookUrl
    description: Description = ""
    event_types: list[EventPattern] = Field(
        default=[], max_length=100, description="which events; none named is every event"
    )
    client_ids: ClientIds = []
    ordered: Ordered = False
    enabled: StrictBool = True


def _left_out() -> Any:
    """Default of a key that may be left out; null is refused, because there is nothing to remove."""
    return Field(default_factory=lambda: None)


class WebhookChange(BaseModel):
    """What changes; a key that is left out stays as it is."""

    model_config = forbid_unknown(examples=[{"enabled": True}])

    url: WebhookUrl = _left_out()
    description: Description = _left_out()
    event_types: Annotated[list[EventPattern], Field(max_length=100)] = _left_out()
    client_ids: ClientIds = _left_out()
    ordered: Ordered = _left_out()
    enabled: StrictBool = _left_out()


class WebhookView(BaseModel):
    """A webhook. Its secret is shown when it is made or rotated, and never again."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [_VIEW]},
    )

    webhook_id: UUID
    version: int
    url: str = Field(max_length=2_000)
    description: str = Field(max_length=500)
    event_types: list[str] = Field(max_length=100)
    client_ids: list[UUID] = Field(max_length=100)
    ordered: bool
    enabled: bool
    disabled_reason: Literal["by_hand", "gone", "failing"] | None = Field(
        description="`gone`: the receiver answered 410. `failing`: it failed for about three days"
    )
    disabled_at: Instant | None
    failing_since: Instant | None = Field(description="the first failure since the last success")
    resting_until: Instant | None = Field(
        description="until then nothing was or is sent: the receiver asked for a pause (`Retry-After`), at most an hour"
    )
    public_key: str | None = Field(
        max_length=100,
        description="verifies the `v1a` signatures (Ed25519), `whpk_` and base64; null: rotate to get one",
        examples=[PUBLIC_KEY],
    )
    previous_public_key: str | None = Field(max_length=100, examples=[PUBLIC_KEY])
    previous_secret_valid_until: Instant | None = Field(
        description="until then deliveries carry the signatures of the keys before, too"
    )
    created_at: Instant
    updated_at: Instant

    @classmethod
    def of(cls, webhook: Webhook) -> "WebhookView":
        """The view of a row."""
        return cls.model_validate(_columns(webhook))


class CreatedWebhook(WebhookView):
    """A new webhook with its secret."""

    model_config = ConfigDict(json_schema_extra={"examples": [{**_VIEW, "secret": "whsec_MfKQ9r8GKYqrTwjU"}]})

    secret: str = Field(
        max_length=100, description="keep it: it is not shown again", examples=["whsec_MfKQ9r8GKYqrTwjU"]
    )


def _columns(webhook: Webhook) -> dict[str, Any]:
    names = set(WebhookView.model_fields) - {"previous_secret_valid_until"}
    return {name: getattr(webhook, name) for name in names} | {
        "previous_secret_valid_until": webhook.previous_secret_until
    }


def created_webhook(webhook: Webhook, secret: str) -> CreatedWebhook:
    """The view of a new row, with its secret."""
    return CreatedWebhook.model_validate({**_columns(webhook), "secret": secret})


class RotatedSecret(BaseModel):
    """The new secret and public key; those before go on signing beside them for a while."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "secret": "whsec_MfKQ9r8GKYqrTwjU",
                    "public_key": PUBLIC_KEY,
                    "previous_secret_valid_until": "2026-06-09T09:00:00Z",
                }
            ]
        }
    )

    secret: str = Field(max_length=100, examples=["whsec_MfKQ9r8GKYqrTwjU"])
    public_key: str = Field(max_length=100, examples=[PUBLIC_KEY])
    previous_secret_valid_until: Instant | None = Field(description="null: the keys before sign nothing any more")


class AttemptView(BaseModel):
    """One try."""

    model_config = ConfigDict(from_attributes=True, json_schema_extra={"examples": [_ATTEMPT]})

    number: int
    at: Instant
    duration_ms: int
    status_code: int | None = Field(description="null: no answer; `error` says why")
    error: str | None = Field(max_length=500)
    sent_timestamp: int | None = Field(
        description="the `webhook-timestamp` that the try was signed with; null: nothing was sent"
    )
    response_headers: dict[str, str] | None = Field(
        max_length=10, description="`content-type`, `retry-after`, `server` and `x-request-id`, as far as they came"
    )
    response_excerpt: str | None = Field(
        max_length=2_000, description="the beginning of the answer's body; secrets of webhooks are left out"
    )


class SentRequest(BaseModel):
    """What is sent at every try, but for the timestamp and the signatures made with it."""

    model_config = ConfigDict(json_schema_extra={"examples": [_REQUEST]})

    method: Literal["POST"] = "POST"
    url: str = Field(max_length=2_000, description="where it would go now")
    headers: dict[str, str] = Field(max_length=10)
    body_bytes: int
    body_excerpt: str = Field(
        max_length=2_000, description="the beginning of the body; the event itself is kept longer"
    )


class DeliverySummary(BaseModel):
    """One event for one webhook, with every try."""

    model_config = ConfigDict(json_schema_extra={"examples": [_DELIVERY]})

    delivery_id: UUID
    webhook_id: UUID
    event_id: UUID = Field(description="the `webhook-id` header of every try")
    event_type: str = Field(max_length=200)
    status: DeliveryStatus
    created_at: Instant
    due_at: Instant | None = Field(
        description="when it is tried next; null when it is finished, or waits for an earlier event (`ordered`)"
    )
    finished_at: Instant | None
    last_status_code: int | None
    attempts: list[AttemptView] = Field(max_length=1_000)

    @classmethod
    def of(cls, delivery: Delivery, attempts: list[Attempt]) -> "DeliverySummary":
        """The view of a row and its attempts."""
        return cls.model_validate(_facts(delivery, attempts))


class DeliveryView(DeliverySummary):
    """One event for one webhook, with every try and what is sent."""

    model_config = ConfigDict(json_schema_extra={"examples": [{**_DELIVERY, "request": _REQUEST}]})

    request: SentRequest

    @classmethod
    def whole(cls, webhook: Webhook, delivery: Delivery, attempts: list[Attempt]) -> "DeliveryView":
        """The view of a row, its attempts and its request."""
        headers = {"content-type": CONTENT_TYPE, "webhook-id": str(delivery.event_id)}
        request = SentRequest(
            url=webhook.url,
            headers=headers,
            body_bytes=len(delivery.payload),
            body_excerpt=delivery.payload.decode("utf-8", "replace")[:2_000],
        )
        return cls.model_validate({**_facts(delivery, attempts), "request": request})


def _facts(delivery: Delivery, attempts: list[Attempt]) -> dict[str, Any]:
    same = {"delivery_id", "webhook_id", "event_id", "created_at", "due_at", "finished_at", "last_status_code"}
    return {name: getattr(delivery, name) for name in same} | {
        "event_type": delivery.event_name,
        "status": delivery.status,
        "attempts": [AttemptView.model_validate(attempt) for attempt in attempts],
    }


class NewReplay(BaseModel):
    """A stretch of what happened that is to be sent to a webhook again."""

    model_config = forbid_unknown(examples=[{"since": "2026-06-08T09:00:00Z", "event_types": ["incidents.*"]}])

    since: Instant = Field(description="from this instant on, by the `time` of the events")
    until: Instant | None = Field(default=None, description="up to but without this instant; null is now")
    event_types: list[EventPattern] = Field(
        default=[], max_length=100, description="of these only; what the webhook itself leaves out stays out"
    )


_REPLAY: JsonDict = {
    "replay_id": "0198f000-0000-7000-8000-0000000000f1",
    "webhook_id": examples.WEBHOOK,
    "since": "2026-06-08T09:00:00Z",
    "until": "2026-06-09T09:00:00Z",
    "event_types": ["incidents.*"],
    "status": "finished",
    "queued": 12,
    "created_at": "2026-06-09T09:00:00Z",
    "finished_at": "2026-06-09T09:00:01Z",
}


class ReplayView(BaseModel):
    """A stretch of what happened that is sent to a webhook again."""

    model_config = ConfigDict(from_attributes=True, json_schema_extra={"examples": [_REPLAY]})

    replay_id: UUID
    webhook_id: UUID
    since: Instant
    until: Instant
    event_types: list[str] = Field(max_length=100)
    status: ReplayStatus = Field(description="`stopped`: the webhook was disabled meanwhile")
    queued: int = Field(description="deliveries queued so far")
    created_at: Instant
    finished_at: Instant | None = Field(description="when all were queued; their deliveries tell how they went")

    @classmethod
    def of(cls, replay: WebhookReplay) -> "ReplayView":
        """The view of a row."""
        return cls.model_validate(replay)
