"""What others hear of the hours of contracts, version 1: closed months, thresholds, reviews, slower reactions."""

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


class ClosedLine(_Part):
    """A line of the hours in a closed month. With a pool, only the pool knows an overage: there it is 0 here."""

    code: str
    name: Words
    included_minutes: int
    real_minutes: int
    accounted_minutes: int
    covered_minutes: int
    remaining_minutes: int
    overage_minutes: int
    over: bool


class Amount(_Part):
    """An amount of money."""

    amount: str
    currency: str


class ClosedEntry(_Part):
    """Work of the month, without who did it. `counted`: drawn from the hours, or why not; negative minutes take other
    work back. `line` null: of the line that covers the class. `multipliers`: those that were told with it.
    """

    hours_entry_id: UUID
    time_entry_id: UUID | None = Field(description="Of the service desk; null: entered in contracts.")
    line: str | None
    work_class: str
    worked_on: LocalDate
    real_minutes: int
    multipliers: list[str]
    covered: bool
    work_item_id: UUID | None
    counted: Literal["accounted", "out_of_scope", "unplaced"]


class Lot(_Part):
    """Unused minutes that can be used in so many further months; of a line, or of the pool."""

    line: str | None
    minutes: int
    months: int


class Adjustment(_Part):
    """What was told late of an earlier month that was closed, booked in this one."""

    of_month: Month
    line: str
    real_minutes: int
    accounted_minutes: int
    covered_minutes: int


MOST_ENTRIES = 2_000
"""So many entries are told with a closed month: an event is a message, and messages have a size."""


class HoursMonthClosed(PublishedEvent, aggregate="hours_month", name="closed", key="hours_month_id"):
    """A month of the hours ledger is closed: it stays as it is, and what is told late is booked in an open one.

    Said once for a contract and month. `real_minutes` were worked, `accounted_minutes` consume hours, `covered_minutes`
    are included in the flat fee; `available_minutes` is what the month includes and what earlier ones left.

    `entries`, `brought`, `adjustments` and the contract's states are what the figures are computed from; `carried` is
    what the next month begins with. Null: an earlier release told this, or there are more than 2,000 entries.
    """

    hours_month_id: UUID
    contract_id: UUID
    client_id: UUID
    month: LocalDate
    last_day: LocalDate
    closed_at: Instant
    pooled: bool
    included_minutes: int
    available_minutes: int
    real_minutes: int
    accounted_minutes: int
    covered_minutes: int
    out_of_scope_minutes: int
    remaining_minutes: int
    overage_minutes: int
    billed_minutes: int
    rolled_over_minutes: int
    expired_minutes: int
    overage_amount: Amount
    lines: list[ClosedLine]
    entries: list[ClosedEntry] | None = None
    brought: list[Lot] | None = None
    carried: list[Lot] | None = None
    adjustments: list[Adjustment] | None = None

    EXAMPLE: ClassVar[Mapping[str, Any]] = {
        **_WHOSE,
        "hours_month_id": "4f1c3c3e-6f2b-5a0c-9d55-0f0c5f7f1a34",
        "month": "2026-06-01",
        "last_day": "2026-06-30",
        "closed_at": "2026-07-02T08:00:00Z",
        "pooled": False,
        "included_minutes": 600,
        "available_minutes": 600,
        "real_minutes": 450,
        "accounted_minutes": 450,
        "covered_minutes": 0,
        "out_of_scope_minutes": 0,
        "remaining_minutes": 150,
        "overage_minutes": 0,
        "billed_minutes": 0,
        "rolled_over_minutes": 0,
        "expired_minutes": 150,
        "overage_amount": {"amount": "0.00", "currency": "EUR"},
        "lines": [
            {
                "code": "technical",
                "name": {"fr": "Maintenance technique", "en": "Technical maintenance"},
                "included_minutes": 600,
                "real_minutes": 450,
                "accounted_minutes": 450,
                "covered_minutes": 0,
                "remaining_minutes": 150,
                "overage_minutes": 0,
                "over": False,
            }
        ],
        "entries": [
            {
                "hours_entry_id": "0190b5c8-7d4e-7c3a-9a51-000000000034",
                "time_entry_id": "0197a1c2-0000-7000-8000-000000000601",
                "line": "technical",
                "work_class": "corrective",
                "worked_on": "2026-06-08",
                "real_minutes": 450,
                "multipliers": [],
                "covered": False,
                "work_item_id": "0197a1c2-0000-7000-8000-000000000501",
                "counted": "accounted",
            }
        ],
        "brought": [],
        "carried": [],
        "adjustments": [],
    }


HOURS_EVENTS: tuple[type[PublishedEvent], ...] = (
    HoursThresholdReached,
    HoursMonthClosed,
    HoursReviewProposed,
    ReactivityDegraded,
)
