"""What reporting says, version 1. Additive changes stay v1; anything else is published beside it as v2."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, ClassVar, Literal
from uuid import UUID

from pydantic import Field

from reporting.published.decision_v1 import DECISIONS
from reporting.published.report_v1 import (
    ReportDeliveryOmitted,
    ReportPublished,
    ReviewPublished,
    ScheduledReportPublished,
)
from reporting.published.uptime_v1 import UptimePeriodMeasured
from shared.events import EventRegistry, PublishedEvent
from shared.values import Instant


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


class AuditCheckpointMade(PublishedEvent, aggregate="audit", name="checkpoint_made", key="tenant_id"):
    """The audit log of the agency up to one entry is signed. Keep this elsewhere: it finds what was changed or cut off.

    `python3 -I audit_verifier.py audit-log.jsonl --checkpoint FILE` takes this event as it was delivered.
    """

    tenant_id: UUID
    sequence: int = Field(description="Number of the entry; entries are numbered from 1 without a gap.")
    hash: str = Field(description="Hash of the entry, 64 hexadecimal digits. Each entry holds that of the one before.")
    made_at: Instant
    key_id: str = Field(description="First half of the SHA-256 of the public key, in hexadecimal.")
    public_key: str = Field(description="Ed25519, 64 hexadecimal digits.")
    signature: str = Field(
        description="Ed25519 (RFC 8032), 128 hexadecimal digits, over `upheld audit checkpoint v1`, a line feed, and "
        "the JSON object of key_id, made_at, sequence, hash and tenant_id with sorted keys and without spaces."
    )

    EXAMPLE: ClassVar[Mapping[str, Any]] = {
        "tenant_id": "0198f000-0000-7000-8000-000000000001",
        "sequence": 52,
        "hash": "6d1c" * 16,
        "made_at": "2026-06-11T13:00:00Z",
        "key_id": "8f5a" * 8,
        "public_key": "a1b2" * 16,
        "signature": "c3d4" * 32,
    }


registry = EventRegistry(
    "reporting",
    [
        *(WebhookDisabled, UptimePeriodMeasured, AuditCheckpointMade),
        *(ReportPublished, ReviewPublished, ScheduledReportPublished, ReportDeliveryOmitted),
        *DECISIONS,
    ],
)
