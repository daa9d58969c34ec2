"""What others hear of the hours of contracts, version 1: thresholds, annual reviews, reactions that became slower."""

from collections.abc import Mapping
from typing import Any, ClassVar, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from shared.events import PublishedEvent
from shared.values import Instant, LocalDate, Month

_WHOSE: Mapping[str, Any] = {
    "contract_id": "0190b5c8-7d4e-7c3a-9a51-000000000001",
    "client_id": "0190b5c8-7d4e-7c3a-9a51-000000000002",
}


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Words(_Part):
    """The same text in French and English."""

    fr: str
    en: str


class HoursThresholdReached(PublishedEvent, aggregate="hours", name="threshold_reached", key="threshold_id"):
    """A share of the hours of a month was used. Said once for each threshold and month, of the pool or of a line."""

    threshold_id: UUID
    contract_id: UUID
    client_id: UUID
    month: Month
    line: str | None
    percent: int = Field(ge=1)
    accounted_minutes: int
    available_minutes: int
    reached_at: Instant

    EXAMPLE: ClassVar[Mapping[str, Any]] = {
        **_WHOSE,
        "threshold_id": "0190b5c8-7d4e-7c3a-9a51-000000000031",
        "month": "2026-06",
        "line": None,
        "percent": 75,
        "accounted_minutes": 450,
        "available_minutes": 600,
        "reached_at": "2026-06-18T14:00:00Z",
    }


class ReviewedLine(_Part):
    """A line over a year: agreed minutes of a month, those of an average month, and those proposed."""

    code: str
    name: Words
    included_minutes: int
    average_minutes: str
    proposed_minutes: int


class HoursReviewProposed(PublishedEvent, aggregate="hours_review", name="proposed", key="review_id"):
    """A contract's year is over: what its hours were used, and the volume that fits."""

    review_id: UUID
    contract_id: UUID
    client_id: UUID
    version: int = Field(ge=1)
    year_number: int = Field(ge=1)
    year_from: LocalDate
    year_until: LocalDate
    lines: list[ReviewedLine]
    included_minutes: int
    proposed_minutes: int
    overage_minutes: int
    months_over: int
    change: Literal["raise", "lower", "keep", "shift"]
    reason: Words

    EXAMPLE: ClassVar[Mapping[str, Any]] = {
        **_WHOSE,
        "review_id": "0190b5c8-7d4e-7c3a-9a51-000000000032",
        "version": 1,
        "year_number": 1,
        "year_from": "2026-06-08",
        "year_until": "2027-06-08",
        "lines": [
            {
                "code": "technical",
                "name": {"fr": "Maintenance technique", "en": "Technical maintenance"},
                "included_minutes": 120,
                "average_minutes": "171.25",
                "proposed_minutes": 180,
            }
        ],
        "included_minutes": 120,
        "proposed_minutes": 180,
        "overage_minutes": 615,
        "months_over": 9,
        "change": "raise",
        "reason": {
            "fr": "Un volume plus élevé convient à cet usage : 3 heures par mois.",
            "en": "A higher volume fits this use: 3 hours a month.",
        },
    }


class ReactivityDegraded(PublishedEvent, aggregate="growth", name="reactivity_degraded", key="alert_id"):
    """Reactions take longer than three months before, and the volume is the same. Said once for a month.

    Changes are in percent; null: there is nothing to compare.
    """

    alert_id: UUID
    contract_id: UUID
    client_id: UUID
    month: Month
    users_percent: str | None
    volume_percent: str | None
    reaction_percent: str | None
    raised_at: Instant

    EXAMPLE: ClassVar[Mapping[str, Any]] = {
        **_WHOSE,
        "alert_id": "0190b5c8-7d4e-7c3a-9a51-000000000033",
        "month": "2026-05",
        "users_percent": "48.00",
        "volume_percent": "0.00",
        "reaction_percent": "35.20",
        "raised_at": "2026-06-01T06:00:00Z",
    }


HOURS_EVENTS: tuple[type[PublishedEvent], ...] = (HoursThresholdReached, HoursReviewProposed, ReactivityDegraded)
