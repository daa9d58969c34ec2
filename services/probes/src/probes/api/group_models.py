"""What the API takes and answers about groups of pages."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import datetime, timedelta
from decimal import ROUND_FLOOR, Decimal
from fractions import Fraction
from typing import Annotated, Any
from uuid import UUID

from pydantic import AfterValidator, BaseModel, Field

from probes.adapters import group_results
from probes.adapters.group_results import EMPTY, PageResult, Part
from probes.adapters.tables import MonitorGroupRow, MonitorRow
from probes.api.figure_models import Count, Coverage, Milliseconds
from probes.api.models import CheckCadence, StateName, example_of
from probes.api.monitor_changes import CadenceBody, Name
from probes.application.checks.http import PageConfiguration, WebAddress
from probes.application.checks.secrets import masked
from probes.application.critical_periods import MOST_PERIODS, CriticalPeriodRule, Group
from probes.application.groups import GroupPatch
from probes.domain.states import Reason, State
from shared.values import Instant, forbid_unknown
from shared.web_addresses import as_requested

MOST_PAGES = 100

_MONITOR = "5f0c3a52-5d8a-5b62-9d0e-6a1f3f2d7c11"
_PAGES = [
    {"name": "Offres", "url": "https://hotel.example/offres"},
    {"name": "Réservation", "url": "https://hotel.example/reservation"},
]
_PERIOD = {
    "name": "Ouverture de la saison",
    "time_zone": "Europe/Paris",
    "starts": "2026-12-19T08:00",
    "duration": "PT12H",
    "recurrence": "FREQ=DAILY;UNTIL=20270104",
    "interval_seconds": 60,
    "response_times": [{"phase": "total", "at_most_ms": 1500}],
}
_CONFIGURATION = {"profile": "mobile", "assertions": [{"type": "response_time", "at_most_ms": 3000}]}
_BODY: dict[str, Any] = {
    "contract_id": "0190a000-0000-7000-8000-000000000010",
    "environment_id": "0190a000-0000-7000-8000-000000000031",
    "name": "Offres et réservation",
    "pages": _PAGES,
    "configuration": {
        **_CONFIGURATION,
        "authentication": {"type": "basic", "username": "status", "password": "correct horse"},
    },
    "cadence": {"interval_seconds": 300, "timeout_seconds": 20},
    "critical_periods": [_PERIOD],
}
_PATCH: dict[str, Any] = {
    "name": "Offres et réservation",
    "pages": [*_PAGES, {"name": "Spa", "url": "https://hotel.example/spa"}],
}
_CADENCE = {
    "interval_seconds": 300,
    "timeout_seconds": 20,
    "rechecks": 2,
    "recheck_spacing_seconds": 5,
    "recoveries": 1,
}
_COUNTS = {"up": 2, "degraded": 0, "down": 0, "maintenance": 0, "unknown": 0, "paused": 0}
_FORCE = {
    "cadence": _CADENCE | {"interval_seconds": 60},
    "response_times_ms": {"total": 1500},
    "critical_periods": ["Ouverture de la saison"],
}
_ITEM: dict[str, Any] = {
    "group_id": "0190a000-0000-7000-8000-000000000061",
    "client_id": "0190a000-0000-7000-8000-000000000020",
    "contract_id": "0190a000-0000-7000-8000-000000000010",
    "site_id": "0190a000-0000-7000-8000-000000000030",
    "environment_id": "0190a000-0000-7000-8000-000000000031",
    "name": "Offres et réservation",
    "configuration": _CONFIGURATION,
    "cadence": _CADENCE,
    "critical_periods": [_PERIOD],
    "in_force": _FORCE,
    "state": "up",
    "since": "2026-12-19T07:00:03.1Z",
    "version": 1,
    "created_at": "2026-12-01T09:00:00Z",
    "removed_at": None,
}
_FIGURES: dict[str, Any] = {
    "seconds": {"up": 86_100.0, "degraded": 0.0, "down": 300.0, "maintenance": 0.0, "unknown": 0.0, "paused": 0.0},
    "availability_percent": "99.652777",
    "coverage": {"expected": 864, "executed": 864, "missed": 0, "blocked": 0, "unrecorded": 0, "percent": "100.000"},
    "p95_total_ms": 912.4,
    "p95_first_byte_ms": 301.7,
    "threshold_breaches": 3,
}
_PAGE_RESULT: dict[str, Any] = {
    "monitor_id": _MONITOR,
    "name": "Réservation",
    "url": "https://hotel.example/reservation",
    "state": "up",
    "removed_at": None,
    "whole": _FIGURES,
    "inside": _FIGURES,
    "outside": _FIGURES,
}


def _a_web_address(url: str) -> str:
    try:
        as_requested(url)
    except ValueError as error:
        raise ValueError(f"is not an http or https address that can be asked for: it {error}") from None
    return url


class GroupPage(BaseModel):
    """A page to watch. It keeps its monitor, and its history, for as long as it keeps its address."""

    model_config = forbid_unknown(examples=[_PAGES[0]])

    name: Name
    url: Annotated[WebAddress, AfterValidator(_a_web_address)] = Field(
        description="without secrets: it is shown to everybody"
    )


def _each_once(pages: list[GroupPage]) -> list[GroupPage]:
    if len({page.url for page in pages}) < len(pages):
        raise ValueError("each address is said once")
    return pages


Pages = Annotated[list[GroupPage], Field(min_length=1, max_length=MOST_PAGES), AfterValidator(_each_once)]
Periods = Annotated[list[CriticalPeriodRule], Field(max_length=MOST_PERIODS)]


class MonitorGroupBody(BaseModel):
    """Pages of an environment that a contract covers, to be watched alike."""

    model_config = forbid_unknown(examples=[_BODY])

    contract_id: UUID
    environment_id: UUID
    name: Name
    pages: Pages
    configuration: PageConfiguration = Field(default_factory=PageConfiguration)
    cadence: CadenceBody = Field(default_factory=CadenceBody)
    critical_periods: Periods = Field(default_factory=list)


class MonitorGroupPatch(BaseModel):
    """A merge patch (RFC 7396). `pages` and `critical_periods` are given as a whole: what is not in them is removed."""

    model_config = forbid_unknown(examples=[_PATCH])

    name: Name = Field(default_factory=str)
    pages: Pages = Field(default_factory=list)
    configuration: dict[str, Any] = Field(default_factory=dict, max_length=50, description="a merge patch of its own")
    cadence: CadenceBody = Field(default_factory=CadenceBody)
    critical_periods: Periods = Field(default_factory=list)

    def patch(self) -> GroupPatch:
        """What is to be otherwise."""
        given = self.model_fields_set
        return GroupPatch(
            name=self.name if "name" in given else None,
            pages={page.url: page.name for page in self.pages} if "pages" in given else None,
            configuration=self.configuration,
            cadence=self.cadence.given(),
            critical_periods=tuple(self.critical_periods) if "critical_periods" in given else None,
        )


class StateCounts(BaseModel):
    """How many pages are in which state."""

    model_config = example_of(_COUNTS)

    up: Count
    degraded: Count
    down: Count
    maintenance: Count
    unknown: Count
    paused: Count

    @classmethod
    def of(cls, states: Sequence[str]) -> "StateCounts":
        return cls(**{state.value: states.count(state.value) for state in State})


class RegimeInForce(BaseModel):
    """How the pages are checked now, and the critical periods that are why it is tighter than what the group says."""

    model_config = example_of(_FORCE)

    cadence: CheckCadence
    response_times_ms: dict[str, int] = Field(max_length=5, description="the most that a phase may take")
    critical_periods: list[str] = Field(max_length=MOST_PERIODS)


class MonitorGroup(BaseModel):
    """Pages that are watched alike, and how they stand together: as the worst of them does."""

    model_config = example_of(_ITEM)

    group_id: UUID
    client_id: UUID
    contract_id: UUID
    site_id: UUID
    environment_id: UUID
    name: str = Field(max_length=500)
    configuration: dict[str, Any] = Field(description="what the checks have in common; what is secret is hidden")
    cadence: CheckCadence = Field(description="outside of critical periods")
    critical_periods: list[CriticalPeriodRule] = Field(max_length=MOST_PERIODS)
    in_force: RegimeInForce
    state: StateName
    since: Instant
    version: int = Field(ge=0, le=2**53, description="number of its last change of state; 0 before the first")
    created_at: Instant
    removed_at: Instant | None = Field(description="when it was removed; what was measured stays")

    @classmethod
    def values(cls, row: MonitorGroupRow, group: Group, now: datetime) -> dict[str, Any]:
        regime = group.regimes().at(now)
        return {
            **asdict(group.identity),
            "configuration": masked(group.configuration.document()),
            "cadence": CheckCadence(**asdict(group.cadence)),
            "critical_periods": group.critical_periods,
            "in_force": RegimeInForce(
                cadence=CheckCadence(**asdict(regime.cadence)),
                response_times_ms=dict(regime.limits),
                critical_periods=list(regime.periods),
            ),
            "state": row.state,
            "since": row.since,
            "version": row.version,
            "created_at": row.created_at,
            "removed_at": row.removed_at,
        }

    @classmethod
    def of(cls, row: MonitorGroupRow, group: Group, now: datetime) -> "MonitorGroup":
        return cls(**cls.values(row, group, now))


class WatchedPage(BaseModel):
    """A page, the monitor that watches it, and how that stands."""

    model_config = example_of({**_PAGES[1], "monitor_id": _MONITOR, "state": "up"})

    monitor_id: UUID
    name: str = Field(max_length=500)
    url: str = Field(max_length=2000)
    state: StateName


class MonitorGroupDetails(MonitorGroup):
    """A group with its pages."""

    model_config = example_of(
        {**_ITEM, "counts": _COUNTS, "pages": [{**_PAGES[1], "monitor_id": _MONITOR, "state": "up"}]}
    )

    counts: StateCounts
    pages: list[WatchedPage] = Field(max_length=MOST_PAGES)

    @classmethod
    def with_pages(
        cls, row: MonitorGroupRow, group: Group, pages: Sequence[MonitorRow], now: datetime
    ) -> "MonitorGroupDetails":
        return cls(
            **cls.values(row, group, now),
            counts=StateCounts.of([page.state for page in pages]),
            pages=[
                WatchedPage.model_validate(
                    {"monitor_id": page.monitor_id, "name": page.name, "url": page.url, "state": page.state}
                )
                for page in pages
            ],
        )


class StateSeconds(BaseModel):
    """How long in which state, in seconds."""

    model_config = example_of(_FIGURES["seconds"])

    up: float = Field(ge=0)
    degraded: float = Field(ge=0)
    down: float = Field(ge=0)
    maintenance: float = Field(ge=0)
    unknown: float = Field(ge=0)
    paused: float = Field(ge=0)


class PageFigures(BaseModel):
    """What became of checks over some time.

    `availability_percent` is the share of the time that was not down, of the time that counts: maintenance, time of
    which nothing is known and pauses do not, and degraded time is not down; cut off after six decimals, null when no
    time counts. What a contract says about all this is applied by reports. Percentiles are of good checks, right to one
    percent; `threshold_breaches` counts checks that were good but for their response times.
    """

    model_config = example_of(_FIGURES)

    seconds: StateSeconds
    availability_percent: str | None = Field(max_length=10, pattern=r"^\d{1,3}\.\d{6}$")
    coverage: Coverage
    p95_total_ms: Milliseconds | None
    p95_first_byte_ms: Milliseconds | None
    threshold_breaches: Count

    @classmethod
    def values(cls, part: Part) -> dict[str, Any]:
        durations = part.figures.durations
        total, first_byte = durations.total.quantile(950), durations.first_byte.quantile(950)
        return {
            "seconds": {state.value: part.lengths.get(state, timedelta()).total_seconds() for state in State},
            "availability_percent": _availability(part.lengths),
            "coverage": Coverage(**Coverage.values(part.figures)),
            "p95_total_ms": total / 1000 if total is not None else None,
            "p95_first_byte_ms": first_byte / 1000 if first_byte is not None else None,
            "threshold_breaches": part.figures.outcomes.get(Reason.THRESHOLD, 0),
        }

    @classmethod
    def of(cls, part: Part) -> "PageFigures":
        return cls(**cls.values(part))


def _availability(lengths: Mapping[State, timedelta]) -> str | None:
    up = lengths.get(State.UP, timedelta()) + lengths.get(State.DEGRADED, timedelta())
    counted = up + lengths.get(State.DOWN, timedelta())
    if not counted:
        return None
    share = 100 * Fraction(up // timedelta.resolution, counted // timedelta.resolution)
    exact = Decimal(share.numerator * 10**6 // share.denominator) / 10**6
    return str(exact.quantize(Decimal("0.000001"), ROUND_FLOOR))


class GroupFigures(PageFigures):
    """All pages together, and which of them is the slowest by the 95th percentile of the whole check."""

    model_config = example_of({**_FIGURES, "slowest_page": _MONITOR})

    slowest_page: UUID | None = Field(description="its monitor; null when no check was good")


class PageOutcome(BaseModel):
    """One page over the period: altogether, inside critical periods, and outside of them."""

    model_config = example_of(_PAGE_RESULT)

    monitor_id: UUID
    name: str = Field(max_length=500)
    url: str = Field(max_length=2000)
    state: StateName
    removed_at: Instant | None = Field(description="when it was taken out of the group")
    whole: PageFigures
    inside: PageFigures
    outside: PageFigures

    @classmethod
    def of(cls, result: PageResult) -> "PageOutcome":
        row = result.row
        return cls.model_validate(
            {
                "monitor_id": row.monitor_id,
                "name": row.name,
                "url": row.url,
                "state": row.state,
                "removed_at": row.removed_at,
                "whole": PageFigures.of(result.whole),
                "inside": PageFigures.of(result.inside),
                "outside": PageFigures.of(result.outside),
            }
        )


class MonitorGroupResult(BaseModel):
    """How a group stands now, and what became of its pages over a period, in whole hours (UTC) up to now."""

    model_config = example_of(
        {
            "group_id": _ITEM["group_id"],
            "name": _ITEM["name"],
            "state": "up",
            "since": _ITEM["since"],
            "counts": _COUNTS,
            "from": "2026-12-19T00:00:00Z",
            "to": "2026-12-20T00:00:00Z",
            "whole": {**_FIGURES, "slowest_page": _MONITOR},
            "inside": {**_FIGURES, "slowest_page": _MONITOR},
            "outside": {**_FIGURES, "slowest_page": _MONITOR},
            "pages": [_PAGE_RESULT],
        }
    )

    group_id: UUID
    name: str = Field(max_length=500)
    state: StateName
    since: Instant
    counts: StateCounts
    from_: Instant = Field(validation_alias="from", serialization_alias="from")
    to: Instant
    whole: GroupFigures
    inside: GroupFigures
    outside: GroupFigures
    pages: list[PageOutcome] = Field(max_length=group_results.MOST_PAGES)

    @classmethod
    def of(
        cls, row: MonitorGroupRow, results: Sequence[PageResult], start: datetime, end: datetime
    ) -> "MonitorGroupResult":
        present = [result.row.state for result in results if result.row.removed_at is None]
        return cls.model_validate(
            {
                "group_id": row.group_id,
                "name": row.name,
                "state": row.state,
                "since": row.since,
                "counts": StateCounts.of(present),
                "from": start,
                "to": end,
                "whole": _together([(result.row, result.whole) for result in results]),
                "inside": _together([(result.row, result.inside) for result in results]),
                "outside": _together([(result.row, result.outside) for result in results]),
                "pages": [PageOutcome.of(result) for result in results],
            }
        )


def _together(parts: Sequence[tuple[MonitorRow, Part]]) -> GroupFigures:
    slowest: UUID | None = None
    longest = -1
    for row, part in parts:
        took = part.figures.durations.total.quantile(950)
        if took is not None and took > longest:
            slowest, longest = row.monitor_id, took
    return GroupFigures(**PageFigures.values(sum((part for _, part in parts), EMPTY)), slowest_page=slowest)
