"""What a client's sector asks for beside the plan: critical periods, watched pages, exports, retention, caps.

A block of a contract's terms, usually filled from a preset and changed from there. What it names for other services to
do stands among the deliverables of the contract, with a proof of each; what holds on some days only is worked out from
the signed block for the instant at which a state takes effect.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import date, datetime, timedelta
from itertools import chain
from typing import Annotated, Any, Literal, Self, TypeAlias
from urllib.parse import parse_qsl
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StrictBool, StringConstraints, model_validator

from contracts.application.commitments import Interval, seconds_of
from contracts.application.errors import Refused
from contracts.application.values import Code, Name, Request, Texts
from contracts.domain import critical_periods as rules
from contracts.domain.catalogue import Deliverable
from contracts.domain.critical_periods import CriticalPeriod, DayOfYear, Occurrence
from shared.values import Instant, LocalDate, duration_text, instant_text

AHEAD = timedelta(days=400)
"""A state tells the periods that come within this time: every yearly one once, and a new state follows at each edge."""
MOST_PERIODS = 20
MOST_PAGES = 100

Percent: TypeAlias = Annotated[int, Field(strict=True, ge=1, le=99, json_schema_extra={"format": "int32"})]
Milliseconds: TypeAlias = Annotated[int, Field(strict=True, ge=1, le=300_000, json_schema_extra={"format": "int32"})]
MinutesOfWork: TypeAlias = Annotated[int, Field(strict=True, ge=0, le=1_000_000, json_schema_extra={"format": "int32"})]
RetentionDays: TypeAlias = Annotated[int, Field(strict=True, ge=1, le=36_500, json_schema_extra={"format": "int32"})]

_SECRETS = ("auth", "token", "secret", "key", "password", "session", "signature", "credential")
"""What is in the names of parameters that are none of a page: probes watches no address that holds one."""

_DAY = re.compile(r"(?:(?P<year>20[0-9]{2}|21[0-9]{2})-)?(?P<month>[0-9]{2})-(?P<day>[0-9]{2})")


def _day(text: str) -> date | DayOfYear:
    found = _DAY.fullmatch(text)
    if found is None:
        raise ValueError("write a month and day (07-01, every year) or a date of this or the next century (2026-07-01)")
    month, day = int(found["month"]), int(found["day"])
    try:
        # A leap year has every day that can come back.
        parsed = date(int(found["year"] or 2024), month, day)
    except ValueError:
        raise ValueError("there is no such day") from None
    return parsed if found["year"] else DayOfYear(month, day)


def _is_a_day(text: str) -> str:
    _day(text)
    return text


PeriodDay: TypeAlias = Annotated[
    str,
    StringConstraints(min_length=5, max_length=10, pattern=r"^(?:2[01][0-9]{2}-)?[0-9]{2}-[0-9]{2}$"),
    AfterValidator(_is_a_day),
]


def _is_a_path(text: str) -> str:
    if text.startswith("//") or "\\" in text or "#" in text:
        raise ValueError("is no path of the site: write it from the first / on, without host and fragment")
    names = (name.lower() for name, _ in parse_qsl(text.partition("?")[2], keep_blank_values=True))
    if any(part in name for name in names for part in _SECRETS):
        raise ValueError("must hold no key or token: everybody who reads the contract would see it")
    return text


SitePath: TypeAlias = Annotated[
    str,
    StringConstraints(min_length=1, max_length=1000, pattern=r"^/[\x21-\x7e]*$"),
    AfterValidator(_is_a_path),
]
"""From the address of an environment on; letters beyond ASCII are percent-encoded."""
_NOT_SAID_YET = "Null: not said yet, and the contract is not complete without it: a preset knows no client's addresses."


class CriticalPeriodTerms(Request):
    """Local days of the client, both included, on which more is promised: every year, or once."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {
                    "code": "admissions",
                    "name": {"fr": "Admissions", "en": "Admissions"},
                    "from": "01-15",
                    "to": "03-31",
                    "targets_percent": 50,
                    "freeze": True,
                }
            ]
        },
    )

    code: Code = Field(examples=["admissions"])
    name: Texts
    from_: PeriodDay = Field(alias="from", description="First day: MM-DD every year, YYYY-MM-DD once.")
    to: PeriodDay = Field(description="Last day, in the same form; a yearly period may lie across New Year.")
    targets_percent: Percent | None = Field(
        default=None, description="Share of the response and repair targets that is left within the period."
    )
    freeze: StrictBool = Field(default=False, description="Changes need an approval of their own within the period.")
    page_interval_seconds: Interval | None = Field(
        default=None, description="How often the watched pages are checked within the period."
    )
    page_budget_ms: Milliseconds | None = Field(
        default=None, description="How long a watched page may take within the period."
    )

    @model_validator(mode="after")
    def _in_one_form_and_in_order(self) -> Self:
        first, last = _day(self.from_), _day(self.to)
        if type(first) is not type(last):
            raise ValueError("from and to have different forms: give both with a year, or both without")
        if isinstance(first, date) and isinstance(last, date) and last < first:
            raise ValueError("to is before from")
        return self

    def as_value(self) -> CriticalPeriod:
        """The period as the domain knows it."""
        return CriticalPeriod(self.code, _day(self.from_), _day(self.to))


class WatchedPage(Request):
    """One page that matters."""

    name: Name = Field(examples=["Offers"])
    path: SitePath | None = Field(default=None, description=_NOT_SAID_YET, examples=["/offers"])


class WatchedPages(Request):
    """Pages that are checked as one group, with a budget for how long each may take."""

    pages: list[WatchedPage] = Field(min_length=1, max_length=MOST_PAGES)
    profile: Literal["desktop", "mobile"] | None = Field(
        default=None, description="As whose browser they are asked for; null: as none."
    )
    interval_seconds: Interval = 300
    budget_ms: Milliseconds | None = Field(default=None, description="How long each may take; null: no budget.")

    @model_validator(mode="after")
    def _each_once(self) -> Self:
        said = [page.path for page in self.pages if page.path is not None]
        if len(set(said)) < len(said):
            raise ValueError("names one page twice")
        return self


class WatchedExport(Request):
    """A file that somebody relies on: there, fresh, and not empty."""

    code: Code = Field(examples=["donors"])
    name: Texts
    path: SitePath | None = Field(default=None, description=_NOT_SAID_YET, examples=["/exports/donors.csv"])
    max_age_hours: Annotated[int, Field(strict=True, ge=1, le=8760, json_schema_extra={"format": "int32"})] = 26
    at_least_rows: Annotated[int, Field(strict=True, ge=1, le=10_000_000, json_schema_extra={"format": "int32"})] = 1


class DataQualityRule(Request):
    """Something that must be true of data that the system tells as JSON."""

    code: Code = Field(examples=["donors_have_addresses"])
    name: Texts
    path: SitePath | None = Field(default=None, description=_NOT_SAID_YET, examples=["/api/data-quality"])
    json_path: Annotated[str, StringConstraints(min_length=1, max_length=1000, pattern=r"^\$[^\x00]*$")] = Field(
        description="RFC 9535; every value that it selects is compared.", examples=["$.donors_without_address"]
    )
    condition: Literal["equals", "greater", "less"] = Field(examples=["less"])
    value: Annotated[int, Field(strict=True, ge=-1_000_000_000, le=1_000_000_000)] = Field(examples=[10])


class AuditExportTerms(Request):
    """What an auditor is given, and how long everything is kept."""

    frequency: Literal["monthly", "quarterly", "yearly"] = "monthly"
    retention_days: RetentionDays = Field(examples=[1825])


class EvolutionCycle(Request):
    """Evolutions come in cycles of so many weeks, each with so much work at most."""

    weeks: Annotated[int, Field(strict=True, ge=1, le=52, json_schema_extra={"format": "int32"})] = 4
    capacity_minutes: MinutesOfWork | None = Field(default=None, description="Null: as much as is agreed each time.")


class BudgetCap(Request):
    """The client never pays for more: work beyond the cap is not done, or not billed."""

    overage_minutes_per_month: MinutesOfWork = Field(
        description="Accounted minutes beyond the included hours that may be billed in a month.", examples=[120]
    )


class Sector(Request):
    """What the client's sector asks for. What is null or empty is not agreed."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {
                    "critical_periods": [
                        {
                            "code": "summer",
                            "name": {"fr": "Haute saison", "en": "High season"},
                            "from": "07-01",
                            "to": "08-31",
                            "page_interval_seconds": 60,
                        }
                    ],
                    "watched_pages": {"pages": [{"name": "Offers", "path": "/offers"}], "profile": "mobile"},
                }
            ]
        },
    )

    preset: Code | None = Field(default=None, description="Name of the preset that it was filled from.")
    preset_version: Annotated[int, Field(strict=True, ge=1, le=2_147_483_647)] | None = Field(
        default=None, description="The version that the preset had then."
    )
    critical_periods: list[CriticalPeriodTerms] = Field(default_factory=list, max_length=MOST_PERIODS)
    watched_pages: WatchedPages | None = None
    exports: list[WatchedExport] = Field(default_factory=list, max_length=20)
    data_quality: list[DataQualityRule] = Field(default_factory=list, max_length=20)
    audit_export: AuditExportTerms | None = None
    cycle: EvolutionCycle | None = None
    budget: BudgetCap | None = None

    @model_validator(mode="after")
    def _makes_sense(self) -> Self:
        for name in ("critical_periods", "exports", "data_quality"):
            codes = [each.code for each in getattr(self, name)]
            if len(set(codes)) < len(codes):
                raise ValueError(f"{name} has one code twice")
        pages = self.watched_pages
        for period in self.critical_periods:
            of_pages = period.page_interval_seconds is not None or period.page_budget_ms is not None
            if of_pages and pages is None:
                raise ValueError(f"{period.code} says something of watched pages, and there are none")
            if pages is None:
                continue
            if (period.page_interval_seconds or 0) > pages.interval_seconds:
                raise ValueError(f"{period.code} has pages checked less often than they are anyway")
            if pages.budget_ms is not None and (period.page_budget_ms or 0) > pages.budget_ms:
                raise ValueError(f"{period.code} allows pages more time than they have anyway")
        return self

    def occurrences(self, since: datetime, until: datetime, zone: ZoneInfo) -> list[Occurrence]:
        """Every time that a critical period comes within a stretch of time."""
        return rules.occurrences([each.as_value() for each in self.critical_periods], since, until, zone)

    def deliverables(self) -> tuple[Deliverable, ...]:
        """What other services are to do, each with what shows that it was done."""
        return tuple(chain(self._watched(), self._kept()))

    def _watched(self) -> Iterator[Deliverable]:
        if self.watched_pages is not None:
            yield _deliverable("watched_pages", "check_results", "preventive", self.watched_pages)
        if self.exports:
            yield _deliverable("export_check", "check_results", "preventive", WatchedExports(exports=self.exports))
        if self.data_quality:
            quality = DataQuality(rules=self.data_quality)
            yield _deliverable("data_quality_check", "check_results", "preventive", quality)

    def _kept(self) -> Iterator[Deliverable]:
        if self.audit_export is not None:
            yield _deliverable("audit_export", "audit_log", "preventive", self.audit_export)
        if self.cycle is not None:
            yield _deliverable("evolution_cycle", "change_record", "evolutionary", self.cycle)


class WatchedExports(Request):
    """The exports that are checked."""

    exports: list[WatchedExport] = Field(min_length=1, max_length=20)


class DataQuality(Request):
    """The rules that data are checked by."""

    rules: list[DataQualityRule] = Field(min_length=1, max_length=20)


NAMES: Mapping[str, Mapping[str, str]] = {
    "watched_pages": {
        "fr": "Surveillance des pages importantes, avec budget de performance",
        "en": "Watched pages with a performance budget",
    },
    "export_check": {
        "fr": "Contrôle des exports : présents, récents, non vides",
        "en": "Check of exports: there, fresh, not empty",
    },
    "data_quality_check": {"fr": "Contrôle de la qualité des données", "en": "Check of data quality"},
    "audit_export": {
        "fr": "Export d’audit et conservation des traces",
        "en": "Audit export and retention of records",
    },
    "evolution_cycle": {"fr": "Évolutions par cycles", "en": "Evolutions in cycles"},
}
"""What these deliverables are called on every document."""


def _deliverable(kind: str, proof: str, maintenance_type: str, parameters: Request) -> Deliverable:
    return Deliverable(
        code=kind,
        type=kind,
        name=NAMES[kind],
        maintenance_type=maintenance_type,
        proof=proof,
        parameters=parameters.model_dump(mode="json", by_alias=True),
    )


def with_sector(promised: Sequence[Deliverable], sector: Sector | None) -> tuple[Deliverable, ...]:
    """What a contract promises, with what its sector adds; what the plan has under a code of these gives way."""
    added = () if sector is None else sector.deliverables()
    codes = {each.code for each in added}
    return (*(each for each in promised if each.code not in codes), *added)


def check_sector(sector: Sector | None, *, has_desk: bool, has_response: bool) -> None:
    """Whether a contract can keep what its critical periods say. Raises Refused at the period that it cannot."""
    for index, period in enumerate(() if sector is None else sector.critical_periods):
        if period.freeze and not has_desk:
            raise Refused(
                "is a freeze, and the contract does not say how the desk works. Give service_desk, or set it to false.",
                *("sector", "critical_periods", index, "freeze"),
            )
        if period.targets_percent is not None and not has_response:
            raise Refused(
                "is a share of the targets of the response commitment, and there is none. Give `response`, or null.",
                *("sector", "critical_periods", index, "targets_percent"),
            )


def check_budget(sector: Sector | None, overage_cap_minutes: int | None) -> None:
    """Whether no more overage can be billed than the client's budget allows. Raises Refused at the cap of the hours."""
    if sector is None or sector.budget is None:
        return
    budget = sector.budget.overage_minutes_per_month
    if overage_cap_minutes is None or overage_cap_minutes > budget:
        raise Refused(
            f"is more than the client's budget, which is {budget} minutes of overage a month. Lower it, or change"
            " the budget of the sector.",
            "hours",
            "overage_cap_minutes",
        )


class CalendarEntry(BaseModel):
    """One time that a critical period comes."""

    code: str
    name: Texts
    first_day: LocalDate
    last_day: LocalDate
    starts_at: Instant
    ends_at: Instant
    targets_percent: int | None
    freeze: bool
    page_interval_seconds: int | None
    page_budget_ms: int | None


def entries(sector: Sector | None, since: datetime, until: datetime, zone: ZoneInfo) -> list[CalendarEntry]:
    """The calendar of critical periods of a stretch of time."""
    if sector is None:
        return []
    by_code = {period.code: period for period in sector.critical_periods}
    return [
        CalendarEntry(
            code=each.code,
            name=by_code[each.code].name,
            first_day=each.first,
            last_day=each.last,
            starts_at=each.starts_at,
            ends_at=each.ends_at,
            **by_code[each.code].model_dump(
                include={"targets_percent", "freeze", "page_interval_seconds", "page_budget_ms"}
            ),
        )
        for each in sector.occurrences(since, until, zone)
    ]


def in_force(state: Mapping[str, Any], document: Mapping[str, Any], at: datetime) -> dict[str, Any]:
    """A state of a contract as it is at an instant: stricter targets only within a period, freezes on their days.

    `critical_periods` are those that go on or come; a contract without any has none.
    """
    told = document.get("sector")
    if told is None:
        return {**state, "critical_periods": []}
    sector = Sector.model_validate(told)
    zone = ZoneInfo(document["client"]["time_zone"])
    coming = sector.occurrences(at, at + AHEAD, zone)
    by_code = {period.code: period for period in sector.critical_periods}
    now = [by_code[each.code] for each in coming if each.covers(at)]
    percent = min((each.targets_percent for each in now if each.targets_percent is not None), default=None)
    return {
        **state,
        "response": _stricter(state["response"], percent),
        "service_desk": _frozen(state["service_desk"], coming, by_code, document["client"]["language"]),
        "critical_periods": [_told(each, by_code[each.code], at) for each in coming],
    }


def next_edge(document: Mapping[str, Any], after: datetime) -> datetime | None:
    """When a critical period of a signed contract begins or ends next."""
    told = document.get("sector")
    if told is None:
        return None
    sector, zone = Sector.model_validate(told), ZoneInfo(document["client"]["time_zone"])
    return rules.next_edge([each.as_value() for each in sector.critical_periods], after, zone)


def last_edge(document: Mapping[str, Any], after: datetime, until: datetime) -> datetime | None:
    """When a critical period of a signed contract began or ended last in `(after, until]`."""
    told = document.get("sector")
    if told is None:
        return None
    sector, zone = Sector.model_validate(told), ZoneInfo(document["client"]["time_zone"])
    return rules.last_edge([each.as_value() for each in sector.critical_periods], after, until, zone)


def _stricter(response: Mapping[str, Any] | None, percent: int | None) -> Mapping[str, Any] | None:
    if response is None or percent is None:
        return response

    def share(target: str | None) -> str | None:
        if target is None:
            return None
        return duration_text(rules.shortened(timedelta(seconds=seconds_of(target)), percent))

    targets = [
        {**each, "response": share(each["response"]), "repair": share(each["repair"])} for each in response["targets"]
    ]
    return {**response, "targets": targets}


def _frozen(
    desk: Mapping[str, Any] | None,
    coming: Sequence[Occurrence],
    by_code: Mapping[str, CriticalPeriodTerms],
    language: str,
) -> Mapping[str, Any] | None:
    if desk is None:
        return None
    freezes = [
        {
            "name": getattr(by_code[each.code].name, language),
            "from": each.first.isoformat(),
            "to": each.last.isoformat(),
        }
        for each in coming
        if by_code[each.code].freeze
    ]
    return {**desk, "freezes": [*desk["freezes"], *freezes]}


def _told(each: Occurrence, period: CriticalPeriodTerms, at: datetime) -> dict[str, Any]:
    return {
        "code": each.code,
        "name": period.name.model_dump(),
        "first_day": each.first.isoformat(),
        "last_day": each.last.isoformat(),
        "starts_at": instant_text(each.starts_at),
        "ends_at": instant_text(each.ends_at),
        "in_force": each.covers(at),
        "targets_percent": period.targets_percent,
        "page_interval_seconds": period.page_interval_seconds,
        "page_budget_ms": period.page_budget_ms,
    }
