"""The shape of what a client is shown: one model for JSON, for HTML, and for everything that later prints it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, Final, Generic, Literal, TypeAlias, TypeVar
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field
from pydantic.config import JsonDict

from reporting.application import examples
from reporting.application.report_parts import ReportParts, Texts
from shared.values import Instant, LocalDate, Month

MAX_ROWS = 10_000
T = TypeVar("T")
Number: TypeAlias = int | float
Verdict: TypeAlias = Literal["met", "breached", "running", "cancelled"]
IncidentStatus: TypeAlias = Literal["open", "acknowledged", "mitigated", "resolved", "closed"]

# Limits of answers are told in the schema and not enforced: a fact that somebody else stored must never make a 500.
MANY: Final[JsonDict] = {"maxItems": MAX_ROWS}
EventIds: TypeAlias = Annotated[list[UUID], Field(description="ids of the events behind it", json_schema_extra=MANY)]
Text: TypeAlias = Annotated[str, Field(json_schema_extra={"maxLength": 2_000})]
Figure: TypeAlias = Annotated[
    str | None, Field(max_length=42, description="decimal string; null when there is nothing to measure")
]


class Shown(BaseModel):
    """Base of what is shown."""

    model_config = ConfigDict(frozen=True, populate_by_name=True)


@dataclass(frozen=True)
class Brand:
    """How the page of it looks; not part of what it says."""

    name: str
    logo_url: str | None
    primary: str | None
    background: str | None
    text: str | None
    variables: Mapping[str, str] = field(default_factory=dict)
    """Single colours by name, see `domain/brand.py`."""
    logo: str | None = None
    """The hash of a logo that we have ourselves; it goes before `logo_url`."""
    favicon: str | None = None
    picture: bytes | None = field(default=None, repr=False)
    """The PNG of `logo`, for documents, which hold it."""


@dataclass(frozen=True)
class Branded(Generic[T]):
    """What is shown, and how its page looks."""

    content: T
    brand: Brand


class ExplainedSpan(Shown):
    """A stretch of one state. The stretches of a figure cover its period without holes or overlaps."""

    model_config = ConfigDict(json_schema_extra=examples.example(examples.SPAN))

    from_: Instant = Field(validation_alias="from", serialization_alias="from")
    to: Instant
    state: Literal["up", "down", "degraded", "maintenance", "unknown", "paused"]
    outage_id: UUID | None = Field(description="the outage of down time")
    reason: Text | None = Field(description="code of the cause: `connect`, `monitoring_not_begun` …")
    outage_decision_id: UUID | None = Field(
        default=None, description="measured as down, and counted otherwise by this decision"
    )
    event_ids: EventIds


class AsMeasured(Shown):
    """A figure as it was measured, before any decision on its outages."""

    model_config = ConfigDict(json_schema_extra=examples.example(examples.AS_MEASURED))

    period_seconds: Number
    service_seconds: Number
    denominator_seconds: Number
    down_seconds: Number
    degraded_seconds: Number
    maintenance_seconds: Number
    unknown_seconds: Number
    paused_seconds: Number
    uptime_percent: Figure
    uptime_display: Figure
    coverage_percent: Figure
    met: bool | None
    error_budget_seconds: Number | None


class DecisionLine(Shown):
    """A decision on an outage that the figures rest on: who said so, who agreed, and why."""

    model_config = ConfigDict(json_schema_extra=examples.example(examples.DECISION_LINE))

    outage_decision_id: UUID
    outage_id: UUID
    category: Literal["agreed_maintenance", "client_caused", "third_party"]
    from_: Instant = Field(validation_alias="from", serialization_alias="from")
    to: Instant
    reason: Text
    proposed_by: Text
    approved_by: Text
    approved_at: Instant


class UptimeFigure(Shown):
    """The uptime of one environment over one stretch in which the promise did not change.

    A month has one figure per environment, or several when an amendment changed the promise in the middle: they stand
    beside one another and are never averaged.
    """

    model_config = ConfigDict(json_schema_extra=examples.example(examples.FIGURE))

    environment_id: UUID
    environment_name: Text
    site_id: UUID
    site_name: Text
    site_kind: Text
    url: Text
    counts_for_sla: bool = Field(description="false: measured for information, not part of the promise")
    from_: Instant = Field(validation_alias="from", serialization_alias="from")
    to: Instant
    contract_version: int = Field(ge=0, description="the version of the contract whose rule was applied")
    rule_source: Literal["contract", "informative"] = Field(
        description="`informative`: the contract promises no uptime here; the plain rule is applied"
    )
    rule: Mapping[str, Any] = Field(description="the rule, with the keys of the uptime calculator")
    target_percent: Figure
    period_seconds: Number
    service_seconds: Number
    denominator_seconds: Number
    down_seconds: Number
    degraded_seconds: Number
    maintenance_seconds: Number
    unknown_seconds: Number
    paused_seconds: Number
    uptime_percent: Figure
    uptime_display: Figure
    coverage_percent: Figure
    met: bool | None = Field(description="the verdict on the exact fraction; null without target or without data")
    error_budget_seconds: Number | None
    as_measured: AsMeasured | None = Field(
        default=None, description="the figure before the decisions on its outages; null where there is none"
    )
    outage_decision_ids: list[UUID] = Field(default=[], json_schema_extra=MANY)
    outages: int = Field(ge=0, description="how many outages touch the stretch")
    explanation: list[ExplainedSpan] = Field(json_schema_extra=MANY)
    event_ids: EventIds


class ResponseTimeLine(Shown):
    """How long one environment took to answer: of all good checks of the period, merged, not an average of averages.

    Half of them took at most `p50_ms`, 95 of 100 `p95_ms`, 99 of 100 `p99_ms`; each right to one percent.
    """

    model_config = ConfigDict(json_schema_extra=examples.example(examples.RESPONSE_TIME))

    environment_id: UUID
    environment_name: Text
    site_id: UUID
    site_name: Text
    counts_for_sla: bool
    checks: int = Field(ge=1)
    p50_ms: Number
    p95_ms: Number
    p99_ms: Number


class UptimeSection(Shown):
    """Every figure, and one verdict: met when every environment that counts met its target, missed when one missed."""

    model_config = ConfigDict(json_schema_extra=examples.example(examples.UPTIME))

    met: bool | None
    met_as_measured: bool | None = Field(
        default=None, description="the verdict before the decisions; null without any, or where it could not be told"
    )
    decisions: list[DecisionLine] = Field(
        default=[], description="the decisions on outages that the figures rest on", json_schema_extra=MANY
    )
    figures: list[UptimeFigure] = Field(json_schema_extra=MANY)

    @property
    def told_figures(self) -> list[UptimeFigure]:
        """The figures for people: none where no uptime was promised and nothing was heard of any environment.

        Nothing was watched then, and a line of dashes for each environment would say that something is missing.
        """
        watched = any(figure.rule_source == "contract" or figure.event_ids for figure in self.figures)
        return self.figures if watched else []


class Person(Shown):
    """Who did it."""

    model_config = ConfigDict(json_schema_extra=examples.example(examples.PERSON))

    kind: Text
    name: Text


class Moment(Shown):
    """When something happened, and who said so."""

    model_config = ConfigDict(json_schema_extra=examples.example(examples.MOMENT))

    at: Instant
    by: Person | None


class ClockLine(Shown):
    """One promise on one incident: how soon, until when, and how it went."""

    model_config = ConfigDict(json_schema_extra=examples.example(examples.CLOCK))

    clock_id: UUID
    metric: Literal["response", "repair"]
    policy: Text
    target_seconds: Number
    due_at: Instant | None
    actual_at: Instant | None = Field(
        description="when it was stopped: the answer of a person, or the end of the fault"
    )
    by: Person | None
    elapsed_seconds: Number | None = Field(description="time that counted, by the contract's calendar")
    verdict: Verdict = Field(description="as it stood at the end of the period")
    decided_at: Instant | None = Field(
        description="when it was met or missed: it counts in the month of that instant; null while there is no verdict"
    )


class IncidentLine(Shown):
    """One incident of the period, as it stood at its end: what came later is told by the next month."""

    model_config = ConfigDict(json_schema_extra=examples.example(examples.INCIDENT))

    incident_id: UUID
    number: Text
    title: Text
    severity: Text
    severity_names: Texts = Field(
        default_factory=dict, description="what its contract calls the severity; empty where that was not told"
    )
    status: IncidentStatus
    source: Literal["monitor", "person", "system"] | str = Field(json_schema_extra=MANY)
    site_id: UUID | None
    site_name: Text | None
    environment_id: UUID | None
    environment_name: Text | None
    counts_for_sla: bool
    outage_id: UUID | None
    carried_over: bool = Field(description="it began before the period")
    carried_forward: bool = Field(description="the period is over, and it or one of its clocks went on")
    began_at: Instant
    ended_at: Instant | None
    duration_seconds: Number = Field(
        description="from its first failure to its end, or up to the end of the period while it lasts; of one that was "
        "reopened, without the time in which it was over"
    )
    timestamps: Mapping[str, Moment | None] = Field(
        description="first_failure, detected, opened, alerted, acknowledged, mitigated, monitoring_paused, recovered, "
        "resolved, closed"
    )
    clocks: list[ClockLine] = Field(json_schema_extra=MANY)
    event_ids: EventIds


class IncidentSection(Shown):
    """The incidents that touch the period, oldest first."""

    model_config = ConfigDict(json_schema_extra=examples.example(examples.INCIDENTS))

    total: int = Field(ge=0)
    carried_over: int = Field(ge=0, description="how many of them began before the period: it listed them as well")
    carried_forward: int = Field(ge=0, description="how many of them the next period lists as well")
    down_seconds: Number = Field(description="down time of the period in the environments that count")
    items: list[IncidentLine] = Field(json_schema_extra=MANY)


class TargetCount(Shown):
    """How the promises of one kind went: the verdicts that fell in the period, and what was running at its end.

    A verdict counts in one month only; a clock that runs is running in each month until it has one.
    """

    model_config = ConfigDict(json_schema_extra=examples.example(examples.COUNT))

    met: int = Field(ge=0)
    breached: int = Field(ge=0)
    running: int = Field(ge=0)


class TargetSection(Shown):
    """Response and repair against their targets."""

    model_config = ConfigDict(json_schema_extra=examples.example(examples.TARGETS))

    response: TargetCount
    repair: TargetCount


class ReportContract(Shown):
    """Which contract it is about, as it stood at the end of the period, with the names of today."""

    model_config = ConfigDict(json_schema_extra=examples.example(examples.CONTRACT_LINE))

    contract_id: UUID
    number: Text
    version: int
    status: Literal["active", "suspended", "terminated", "expired"]
    starts_on: LocalDate
    ends_on: LocalDate | None
    client_id: UUID
    client_name: Text
    agency_name: Text
    plan_code: Text
    plan_name: Mapping[str, str]


class VersionLine(Shown):
    """A version of the contract that was in force in the period."""

    model_config = ConfigDict(json_schema_extra=examples.example(examples.VERSION))

    version: int
    status: Literal["active", "suspended", "terminated", "expired"]
    effective_from: Instant
    event_id: UUID


class Availability(Shown):
    """Uptime over a period."""

    model_config = ConfigDict(json_schema_extra=examples.example(examples.AVAILABILITY))

    contract_id: UUID
    time_zone: Text
    from_: Instant = Field(
        validation_alias="from",
        serialization_alias="from",
        description="the period that was asked for, cut to the contract's life",
    )
    to: Instant
    as_of: Instant
    known_at: Instant = Field(description="the decisions on outages are those that were in force then")
    uptime: UptimeSection


class MonthlyReport(Shown):
    """A month of a contract, up to an instant.

    The same facts give the same report, whenever and in whatever order they became known.
    """

    model_config = ConfigDict(json_schema_extra=examples.example(examples.REPORT))

    contract: ReportContract
    month: Month
    time_zone: Text
    language: Text = Field(description="the client's language")
    from_: Instant = Field(
        validation_alias="from",
        serialization_alias="from",
        description="the month's first midnight in the zone, or the contract's start",
    )
    to: Instant = Field(description="the month's end, the contract's end, or `as_of`")
    as_of: Instant
    complete: bool = Field(description="the month is over: nothing that happens later belongs to it")
    uptime: UptimeSection
    incidents: IncidentSection
    targets: TargetSection
    response_times: list[ResponseTimeLine] = Field(
        default=[],
        description="of the hours that begin in the period; environments without a good check are left out, and so is "
        "what was measured before response times were told",
        json_schema_extra=MANY,
    )
    parts: ReportParts
    contract_versions: list[VersionLine] = Field(json_schema_extra=MANY)
    event_ids: EventIds


class LiveMonthlyReport(MonthlyReport):
    """A month as it is computed now, beside what was issued of it. An edition counts, once there is one."""

    model_config = ConfigDict(json_schema_extra=examples.example(examples.LIVE_REPORT))

    edition: int | None = Field(
        ge=1, description="the newest edition that was issued of the month: `…/editions/{edition}`; null: none was yet"
    )
    edition_issued_at: Instant | None
    provisional: bool = Field(
        description="true: no edition says this, and it may read otherwise tomorrow; false: the newest edition says so "
        "too"
    )


ReportT = TypeVar("ReportT", bound=MonthlyReport)


def report_without_money(report: ReportT) -> ReportT:
    """The report for somebody who may not read what the contract costs."""
    return report.model_copy(update={"parts": report.parts.model_copy(update={"settlement": None})})
