"""What the uptime of a contract's month came to, version 1."""

from collections.abc import Mapping
from typing import Any, ClassVar, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from shared.events import PublishedEvent
from shared.values import Instant, LocalDate

_MONTH = {
    "measurement_id": "4b1f3f36-58a5-5d0b-9d53-6f7a5b0d8c11",
    "version": 1,
    "contract_id": "0190b5c8-7d4e-7c3a-9a51-000000000001",
    "client_id": "0190b5c8-7d4e-7c3a-9a51-000000000002",
    "month": "2026-06-01",
    "time_zone": "Europe/Paris",
    "starts_at": "2026-05-31T22:00:00Z",
    "ends_at": "2026-06-30T22:00:00Z",
}


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class ExcludedUnits(_Part):
    """What left the denominator, by reason."""

    outside_service_window: int = Field(ge=0)
    paused: int = Field(ge=0)
    maintenance: int = Field(ge=0)
    unknown: int = Field(ge=0)


class AmountsAsMeasured(_Part):
    """What a figure came to before any decision, in units of its own."""

    met: bool | None
    units_per_second: int = Field(ge=1)
    numerator: int = Field(ge=0)
    denominator: int = Field(ge=0)
    period_units: int = Field(ge=0)
    service_units: int = Field(ge=0)
    measured_units: int = Field(ge=0)
    down_units: int = Field(ge=0)
    degraded_units: int = Field(ge=0)
    excluded_units: ExcludedUnits
    uptime_percent: str | None
    coverage_percent: str | None


class DecisionInForce(_Part):
    """A decision that figures rest on: an outage, between these instants, is not the provider's, or was agreed on."""

    outage_decision_id: UUID
    outage_id: UUID
    environment_id: UUID
    category: Literal["agreed_maintenance", "client_caused", "third_party"]
    starts_at: Instant
    ends_at: Instant
    reason: str
    proposed_by: str
    approved_by: str
    approved_at: Instant


class MeasuredFigure(_Part):
    """One environment over one stretch in which the promise did not change; environments are never mixed.

    The uptime is exactly `numerator` ÷ `denominator`; with a denominator of 0 nothing is left to judge. These, and all
    that ends with `_units`, are whole numbers of a second's `units_per_second`th part: seconds, unless a rule that
    weighs degraded time, or an instant with a fraction, needs smaller ones. `measured_units` of `service_units` were
    seen. `met` compares exactly; it is null without a target, and where nothing is left to judge. `rule` has the keys
    of the uptime calculator. `event_ids` names the first 5,000 of `event_count` events that say so.
    `as_measured` is the same figure before the decisions of `outage_decision_ids`; null where there is none.
    """

    environment_id: UUID
    environment_name: str
    site_id: UUID
    site_name: str
    url: str
    counts_for_sla: bool
    starts_at: Instant
    ends_at: Instant
    contract_version: int
    rule_source: Literal["contract", "informative"]
    rule: dict[str, Any]
    target_percent: str | None
    met: bool | None
    units_per_second: int = Field(ge=1)
    numerator: int = Field(ge=0)
    denominator: int = Field(ge=0)
    period_units: int = Field(ge=0)
    service_units: int = Field(ge=0)
    measured_units: int = Field(ge=0)
    down_units: int = Field(ge=0)
    degraded_units: int = Field(ge=0)
    excluded_units: ExcludedUnits
    uptime_percent: str | None
    coverage_percent: str | None
    outages: int = Field(ge=0)
    as_measured: AmountsAsMeasured | None = None
    outage_decision_ids: list[UUID] = Field(default=[], max_length=1_000)
    event_count: int = Field(ge=0)
    event_ids: list[UUID] = Field(max_length=5_000)


class UptimePeriodMeasured(PublishedEvent, aggregate="uptime", name="period_measured", key="measurement_id"):
    """What was measured of a contract in a calendar month of its client's zone, once the month is over.

    Said for every contract that promises an uptime, and without a verdict for every other one that is watched.
    `starts_at` to `ends_at` is the month, cut to the life of the contract. Said again with a higher version when late
    facts, or decisions on outages, change a figure: the newest counts. `decisions` are those that the figures rest on,
    `met_as_measured` is the verdict before them. `met` is false when one environment that counts missed its target,
    true when all met theirs, null when one cannot be told or nothing was `committed`. `content_hash` is the SHA-256 of
    all the rest but `version`, as JSON without blanks and with its keys in order; `method` names the way of measuring.
    """

    measurement_id: UUID
    version: int = Field(ge=1)
    contract_id: UUID
    client_id: UUID
    month: LocalDate
    time_zone: str
    starts_at: Instant
    ends_at: Instant
    committed: bool
    met: bool | None
    method: str
    status_page_slug: str | None
    met_as_measured: bool | None = None
    decisions: list[DecisionInForce] = Field(default=[], max_length=1_000)
    figures: list[MeasuredFigure] = Field(max_length=1_000)
    content_hash: str = Field(pattern="^[0-9a-f]{64}$")

    EXAMPLE: ClassVar[Mapping[str, Any]] = {
        **_MONTH,
        "committed": True,
        "met": True,
        "method": "uptime/1",
        "status_page_slug": "hotel-du-lac",
        "met_as_measured": None,
        "decisions": [],
        "figures": [
            {
                "environment_id": "0190b5c8-7d4e-7c3a-9a51-000000000004",
                "environment_name": "production",
                "site_id": "0190b5c8-7d4e-7c3a-9a51-000000000003",
                "site_name": "hotel-du-lac.example",
                "url": "https://hotel-du-lac.example/",
                "counts_for_sla": True,
                "starts_at": "2026-05-31T22:00:00Z",
                "ends_at": "2026-06-30T22:00:00Z",
                "contract_version": 3,
                "rule_source": "contract",
                "rule": {
                    "minimum_outage": "PT0S",
                    "whole_minutes": False,
                    "maintenance": "exclude",
                    "unknown": "exclude",
                    "degraded_weight": "0",
                    "service_window": None,
                },
                "target_percent": "99.9",
                "met": True,
                "units_per_second": 1,
                "numerator": 2590800,
                "denominator": 2591700,
                "period_units": 2592000,
                "service_units": 2592000,
                "measured_units": 2592000,
                "down_units": 900,
                "degraded_units": 0,
                "excluded_units": {"outside_service_window": 0, "paused": 0, "maintenance": 300, "unknown": 0},
                "uptime_percent": "99.965273",
                "coverage_percent": "100.00",
                "outages": 2,
                "as_measured": None,
                "outage_decision_ids": [],
                "event_count": 2,
                "event_ids": ["0198f000-0000-7000-8000-0000000000f1", "0198f000-0000-7000-8000-0000000000f2"],
            }
        ],
        "content_hash": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
    }
