"""What reporting says, version 1. Additive changes stay v1; anything else is published beside it as v2."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, ClassVar, Literal
from uuid import UUID

from pydantic import Field

from reporting.published.uptime_v1 import UptimePeriodMeasured
from shared.events import EventRegistry, PublishedEvent


class WebhookDisabled(PublishedEvent, aggregate="webhook", name="disabled", key="webhook_id"):
    """An outbound webhook gets nothing more until somebody enables it again."""

    webhook_id: UUID
    host: str = Field(description="Host of the address; the rest of it may hold a secret of the receiver.")
    description: str
    reason: Literal["gone", "failing"] = Field(
        description="`gone`: the receiver answered 410. `failing`: a delivery failed at its last try and nothing "
        "succeeded since its first."
    )
    disabled_at: datetime
    failing_since: datetime | None
    last_status_code: int | None = Field(description="Null when the receiver gave no answer.")
    delivery_id: UUID = Field(description="The delivery after which the webhook was disabled.")

    EXAMPLE: ClassVar[Mapping[str, Any]] = {
        "webhook_id": "0198f000-0000-7000-8000-0000000000e1",
        "host": "hooks.agency.example",
        "description": "Chat room of the operators",
        "reason": "failing",
        "disabled_at": "2026-06-11T13:00:00Z",
        "failing_since": "2026-06-08T09:00:00Z",
        "last_status_code": 500,
        "delivery_id": "0198f000-0000-7000-8000-0000000000d1",
    }


registry = EventRegistry("reporting", [WebhookDisabled, UptimePeriodMeasured])
