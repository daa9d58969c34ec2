"""Requests and answers of the webhook routes."""

from ipaddress import ip_address
from typing import Annotated, Any, Literal, TypeAlias, cast
from urllib.parse import urlsplit
from uuid import UUID

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StrictBool
from pydantic.config import JsonDict

from reporting.adapters.tables import Attempt, Delivery, Webhook
from reporting.application import examples
from reporting.domain.subscriptions import PATTERN
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


def literal_address(url: str) -> str | None:
    """The IP address that a URL names instead of a host name, if it does."""
    host = urlsplit(url).hostname or ""
    try:
        return str(ip_address(host))
    except ValueError:
        return None


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

DeliveryStatus: TypeAlias = Literal["pending", "delivered", "failed"]

_ATTEMPT: JsonDict = {
    "number": 1,
    "at": "2026-06-09T01:30:21Z",
    "duration_ms": 84,
    "status_code": 204,
    "error": None,
    "response_excerpt": "",
}
_EXAMPLE: dict[str, Any] = {
    "url": "https://hooks.agency.example/upheld",
    "description": "Chat room of the operators",
    "event_types": ["incidents.incident.*", "probes.monitor.down.v1"],
    "enabled": True,
}

_VIEW: dict[str, Any] = {
    "webhook_id": "0198f000-0000-7000-8000-0000000000e1",
    "version": 1,
    **_EXAMPLE,
    "disabled_reason": None,
    "disabled_at": None,
    "failing_since": None,
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
    enabled: bool
    disabled_reason: Literal["by_hand", "gone", "failing"] | None = Field(
        description="`gone`: the receiver answered 410. `failing`: it failed for about three days"
    )
    disabled_at: Instant | None
    failing_since: Instant | None = Field(description="the first failure since the last success")
    previous_secret_valid_until: Instant | None = Field(description="until then deliveries carry two signatures")
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
    """The new secret; the one before it goes on signing for 24 hours."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"secret": "whsec_MfKQ9r8GKYqrTwjU", "previous_secret_valid_until": "2026-06-09T09:00:00Z"}]
        }
    )

    secret: str = Field(max_length=100, examples=["whsec_MfKQ9r8GKYqrTwjU"])
    previous_secret_valid_until: Instant


class AttemptView(BaseModel):
    """One try."""

    model_config = ConfigDict(from_attributes=True, json_schema_extra={"examples": [_ATTEMPT]})

    number: int
    at: Instant
    duration_ms: int
    status_code: int | None = Field(description="null: no answer; `error` says why")
    error: str | None = Field(max_length=500)
    response_excerpt: str | None = Field(max_length=2_000, description="the beginning of the answer's body")


class DeliveryView(BaseModel):
    """One event for one webhook, with every try."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
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
            ]
        }
    )

    delivery_id: UUID
    webhook_id: UUID
    event_id: UUID = Field(description="the `webhook-id` header of every try")
    event_type: str = Field(max_length=200)
    status: DeliveryStatus
    created_at: Instant
    due_at: Instant | None = Field(description="when it is tried next; null when it is finished")
    finished_at: Instant | None
    last_status_code: int | None
    attempts: list[AttemptView] = Field(max_length=1_000)

    @classmethod
    def of(cls, delivery: Delivery, attempts: list[Attempt]) -> "DeliveryView":
        """The view of a row and its attempts."""
        return cls(
            delivery_id=delivery.delivery_id,
            webhook_id=delivery.webhook_id,
            event_id=delivery.event_id,
            event_type=delivery.event_name,
            status=cast(DeliveryStatus, delivery.status),
            created_at=delivery.created_at,
            due_at=delivery.due_at,
            finished_at=delivery.finished_at,
            last_status_code=delivery.last_status_code,
            attempts=cls.attempts_of(attempts),
        )

    @staticmethod
    def attempts_of(attempts: list[Attempt]) -> list[AttemptView]:
        """The views of attempts."""
        return [AttemptView.model_validate(attempt) for attempt in attempts]
