"""Reviews of several months: trends, recommendations and next steps; and incidents, actions, risks, decisions.

Figures are those of the editions that were issued, never computed anew: a review says which ones it is made of.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any, Final, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from reporting.application import review_examples as examples
from reporting.application import told
from reporting.application.brands import brand_of_papers
from reporting.application.editions import Edition
from reporting.application.examples import example
from reporting.application.ports import Facts
from reporting.application.report import Brand, IncidentStatus, Number, ReportContract
from reporting.application.report import DecisionLine as OutageDecisionLine
from reporting.application.report_parts import MANY, Minutes, Text, Texts
from reporting.application.report_sections import Span
from reporting.application.reporting import (
    InTheFuture,
    NotInTheContract,
    contract_in_month,
    contract_line,
    zones_of,
)
from reporting.application.told import ToldFact
from reporting.domain.period import month_bounds, zone_at
from reporting.domain.review_periods import ReviewKind, months_from
from reporting.domain.trends import Direction, Good, direction
from shared.values import Instant, LocalDate, Month

MOST_NOTES: Final = 20_000


class Part(BaseModel):
    """Base of the parts of a review."""

    model_config = ConfigDict(frozen=True)


class FigureBefore(Part):
    """A figure as it was measured, before any decision on its outages."""

    model_config = ConfigDict(frozen=True, json_schema_extra=example(examples.FIGURE_BEFORE))

    uptime_percent: Text | None
    uptime_display: Text | None
    met: bool | None


class ReviewFigure(Part):
    """The uptime of an environment in a month, as its edition says it; never averaged."""

    model_config = ConfigDict(frozen=True, populate_by_name=True, json_schema_extra=example(examples.FIGURE))

    environment_id: UUID
    environment: Text
    from_: Instant = Field(validation_alias="from", serialization_alias="from")
    uptime_percent: Text | None
    uptime_display: Text | None
    target_percent: Text | None
    met: bool | None
    as_measured: FigureBefore | None = Field(
        description="the figure before the decisions on its outages; null where there is none"
    )


class ReviewMonth(Part):
    """A month by its newest edition; without one nothing is known of it."""

    model_config = ConfigDict(frozen=True, json_schema_extra=example(examples.MONTH))

    month: Month
    edition: int | None = Field(description="null: none was issued")
    content_hash: Text | None
    met: bool | None
    met_as_measured: bool | None = Field(
        description="the verdict before the decisions on outages; null without any, or where it could not be told"
    )
    outage_decisions: list[OutageDecisionLine] = Field(
        json_schema_extra=MANY, description="the decisions on outages that the figures rest on"
    )
    figures: list[ReviewFigure] = Field(json_schema_extra=MANY)
    incidents: int | None
    down_seconds: Number | None
    promises_met: int | None = Field(description="of response and repair")
    promises_missed: int | None
    worked_minutes: Minutes | None
    overage_minutes: Minutes | None
    work_done: int | None


class Trend(Part):
    """Where something goes over the period: its later half against its earlier one."""

    model_config = ConfigDict(frozen=True, json_schema_extra=example(examples.TREND))

    measure: Literal["uptime", "incidents", "down_seconds", "promises_missed", "worked_minutes", "work_done"]
    subject: Text = Field(description="the environment of an uptime; else empty")
    environment_id: UUID | None = Field(
        default=None, description="of an uptime; null of all else, and where it was issued before this was told"
    )
    direction: Literal["better", "worse", "same", "unknown", "higher", "lower"]


class ReviewedIncident(Part):
    """An incident of the period, as its newest edition says it."""

    model_config = ConfigDict(frozen=True, json_schema_extra=example(examples.INCIDENT))

    incident_id: UUID
    number: Text
    title: Text
    severity: Text
    severity_names: Texts = Field(default_factory=dict, description="what its contract calls it")
    status: IncidentStatus
    began_at: Instant
    ended_at: Instant | None
    duration_seconds: Number


class PlannedAction(Part):
    """An action: who does what until when. One that was open when the period began is carried over."""

    model_config = ConfigDict(frozen=True, json_schema_extra=example(examples.ACTION))

    action_id: UUID
    what: Text
    owner_name: Text | None
    due_at: Instant | None
    done_at: Instant | None
    carried_over: bool
    overdue: bool
    event_id: UUID


class RiskLine(Part):
    """A risk that stays."""

    model_config = ConfigDict(frozen=True, json_schema_extra=example(examples.RISK))

    risk_id: UUID
    description: Text
    owner_name: Text | None
    treatment: Text | None
    decided_by: Text | None
    decided_on: LocalDate | None
    event_id: UUID


class DecisionLine(Part):
    """What was decided in the period."""

    model_config = ConfigDict(frozen=True, json_schema_extra=example(examples.DECISION))

    decision_id: UUID
    what: Text
    why: Text
    decided_by: Text
    decided_on: LocalDate
    event_id: UUID


class Recommendation(Part):
    """What we recommend: advice that waits for an answer, or a volume of hours that fits better."""

    model_config = ConfigDict(frozen=True, json_schema_extra=example(examples.RECOMMENDATION))

    source: Literal["advisory", "hours_review"]
    id: UUID
    text: Texts
    since: Instant
    event_id: UUID


class ReviewNotes(Part):
    """What the agency writes into a review. It changes no figure."""

    model_config = ConfigDict(frozen=True, extra="forbid", json_schema_extra=example(examples.NOTES))

    recommendations_fr: str | None = Field(default=None, min_length=1, max_length=MOST_NOTES)
    recommendations_en: str | None = Field(default=None, min_length=1, max_length=MOST_NOTES)
    next_steps_fr: str | None = Field(default=None, min_length=1, max_length=MOST_NOTES)
    next_steps_en: str | None = Field(default=None, min_length=1, max_length=MOST_NOTES)

    def said(self, name: Literal["recommendations", "next_steps"], language: str) -> str:
        """A text in the reader's language, else in the other one."""
        french, english = getattr(self, f"{name}_fr"), getattr(self, f"{name}_en")
        found: str | None = (french or english) if language == "fr" else (english or french)
        return found or ""


class Review(Part):
    """A period of a contract, by the editions of its months and what was open when it ended."""

    model_config = ConfigDict(frozen=True, json_schema_extra=example(examples.REVIEW))

    kind: ReviewKind
    contract: ReportContract
    language: Text
    time_zone: Text
    first_month: Month
    last_month: Month
    starts_at: Instant
    ends_at: Instant
    as_of: Instant
    complete: bool = Field(description="the period is over and every month of the contract in it was issued")
    months: list[ReviewMonth] = Field(json_schema_extra={"maxItems": 12})
    trends: list[Trend] = Field(json_schema_extra=MANY)
    incidents: list[ReviewedIncident] = Field(json_schema_extra=MANY)
    actions: list[PlannedAction] = Field(json_schema_extra=MANY)
    risks: list[RiskLine] = Field(json_schema_extra=MANY)
    decisions: list[DecisionLine] = Field(json_schema_extra=MANY)
    recommendations: list[Recommendation] = Field(json_schema_extra=MANY)


@dataclass(frozen=True)
class ReviewedPeriod:
    """The months of a review that lie in the contract, and how its pages look."""

    kind: ReviewKind
    contract: ReportContract
    brand: Brand
    tenant_id: UUID
    language: str
    first_month: date
    last_month: date
    months: tuple[date, ...]
    span: Span
    over: bool


async def reviewed_period(
    facts: Facts, contract_id: UUID, kind: ReviewKind, first_month: date, *, now: datetime
) -> ReviewedPeriod:
    """Which period a review is about.

    Raises UnknownContract, NotInTheContract when the contract applied in no month of it, InTheFuture.
    """
    every = months_from(first_month, kind)
    inside, outside = [], NotInTheContract(None)
    for month in every:
        try:
            await contract_in_month(facts, contract_id, month)
            inside.append(month)
        except NotInTheContract as error:
            outside = error
    if not inside:
        raise outside
    versions = await facts.versions(contract_id)
    newest = versions[-1]
    zones = zones_of(versions)
    start, end = month_bounds(every[0], zones)[0], month_bounds(every[-1], zones)[1]
    if start >= now:
        raise InTheFuture("month")
    return ReviewedPeriod(
        kind=kind,
        contract=contract_line(versions, min(end, now), await facts.names(contract_id)),
        brand=await brand_of_papers(facts, newest.tenant_id, newest.state),
        tenant_id=newest.tenant_id,
        language=newest.state.client.language,
        first_month=every[0],
        last_month=every[-1],
        months=tuple(month for month in inside if month_bounds(month, zones)[0] < now),
        span=Span(start, min(end, now), zone_at(start, zones)),
        over=end <= now,
    )


def review(
    period: ReviewedPeriod,
    editions: Mapping[date, Edition],
    facts: Sequence[ToldFact],
    *,
    now: datetime,
) -> Review:
    """The review of a period by the newest editions of its months."""
    months = [_month(month, editions.get(month)) for month in period.months]
    return Review(
        kind=period.kind,
        contract=period.contract,
        language=period.language,
        time_zone=period.span.zone.key,
        first_month=period.first_month,
        last_month=period.last_month,
        starts_at=period.span.start,
        ends_at=period.span.end,
        as_of=now,
        complete=period.over and all(month.edition is not None for month in months),
        months=months,
        trends=_trends(months),
        incidents=_incidents([editions[month] for month in period.months if month in editions]),
        actions=_actions(facts, period.span),
        risks=_risks(facts, period.span),
        decisions=_decisions(facts, period.span),
        recommendations=_recommendations(facts, period.span),
    )


def _month(month: date, edition: Edition | None) -> ReviewMonth:
    if edition is None:
        return ReviewMonth(
            month=month,
            edition=None,
            content_hash=None,
            met=None,
            met_as_measured=None,
            outage_decisions=[],
            figures=[],
            incidents=None,
            down_seconds=None,
            promises_met=None,
            promises_missed=None,
            worked_minutes=None,
            overage_minutes=None,
            work_done=None,
        )
    report = edition.report
    targets, hours = report.targets, report.parts.hours
    return ReviewMonth(
        month=month,
        edition=edition.edition,
        content_hash=edition.content_hash,
        met=report.uptime.met,
        met_as_measured=report.uptime.met_as_measured,
        outage_decisions=report.uptime.decisions,
        figures=[
            ReviewFigure(
                environment_id=figure.environment_id,
                from_=figure.from_,
                as_measured=None
                if figure.as_measured is None
                else FigureBefore.model_validate(figure.as_measured, from_attributes=True),
                environment=f"{figure.site_name} · {figure.environment_name}",
                uptime_percent=figure.uptime_percent,
                uptime_display=figure.uptime_display,
                target_percent=figure.target_percent,
                met=figure.met,
            )
            for figure in report.uptime.figures
            if figure.counts_for_sla
        ],
        incidents=report.incidents.total - report.incidents.carried_over,
        down_seconds=report.incidents.down_seconds,
        promises_met=targets.response.met + targets.repair.met,
        promises_missed=targets.response.breached + targets.repair.breached,
        worked_minutes=None if hours is None else hours.real_minutes,
        overage_minutes=None if hours is None else hours.overage_minutes,
        work_done=len(report.parts.work),
    )


_MEASURED: Final[tuple[tuple[str, Good | None], ...]] = (
    ("incidents", "lower"),
    ("down_seconds", "lower"),
    ("promises_missed", "lower"),
    ("worked_minutes", None),
    ("work_done", None),
)
"""What is followed, and which way is good; hours and work are neither good nor bad."""


def _trends(months: Sequence[ReviewMonth]) -> list[Trend]:
    if len(months) < 2:
        return []
    # One that was renamed in the middle is still the same, and called as it was last.
    called = {figure.environment_id: figure.environment for month in months for figure in month.figures}
    found = [
        _trend("uptime", [_lowest(month, environment_id) for month in months], "higher", environment, environment_id)
        for environment_id, environment in called.items()
    ]
    for measure, good in _MEASURED:
        values: list[Any] = [getattr(month, measure) for month in months]
        series = [None if value is None else Decimal(str(value)) for value in values]
        if any(value is not None for value in series):
            found.append(_trend(measure, series, good))
    return found


def _trend(
    measure: str,
    series: Sequence[Decimal | None],
    good: Good | None,
    subject: str = "",
    environment_id: UUID | None = None,
) -> Trend:
    way: Direction | Good = direction(series, good or "higher")
    if good is None and way in {"better", "worse"}:
        way = "higher" if way == "better" else "lower"
    return Trend.model_validate(
        {"measure": measure, "subject": subject, "environment_id": environment_id, "direction": way}
    )


def _lowest(month: ReviewMonth, environment_id: UUID) -> Decimal | None:
    """The lowest figure of an environment in a month: it has several when its promise changed in the middle."""
    found = [
        Decimal(figure.uptime_percent)
        for figure in month.figures
        if figure.environment_id == environment_id and figure.uptime_percent is not None
    ]
    return min(found, default=None)


def _incidents(editions: Sequence[Edition]) -> list[ReviewedIncident]:
    newest = {line.incident_id: line for edition in editions for line in edition.report.incidents.items}
    fields = set(ReviewedIncident.model_fields)
    return [
        ReviewedIncident.model_validate(line.model_dump(include=fields))
        for line in sorted(newest.values(), key=lambda line: (line.began_at, line.incident_id))
    ]


def _actions(facts: Sequence[ToldFact], span: Span) -> list[PlannedAction]:
    found = []
    for fact, action in told.read(facts, "action", told.Action):
        done = span.before_end(action.done_at)
        if action.recorded_at >= span.end or (done is not None and done < span.start):
            continue
        found.append(
            PlannedAction(
                action_id=fact.subject_id,
                what=action.what,
                owner_name=action.owner_name,
                due_at=action.due_at,
                done_at=done,
                carried_over=action.recorded_at < span.start,
                overdue=done is None and action.due_at is not None and action.due_at < span.end,
                event_id=fact.event_id,
            )
        )
    return sorted(
        found, key=lambda line: (line.done_at is not None, line.due_at is None, line.due_at or span.end, line.action_id)
    )


def _risks(facts: Sequence[ToldFact], span: Span) -> list[RiskLine]:
    return [
        RiskLine(
            risk_id=fact.subject_id,
            description=risk.description,
            owner_name=risk.owner_name,
            treatment=risk.treatment if decided else None,
            decided_by=risk.decided_by if decided else None,
            decided_on=risk.decided_on if decided else None,
            event_id=fact.event_id,
        )
        for fact, risk in told.read(facts, "risk", told.Risk)
        if risk.recorded_at < span.end
        # What was decided of it after the period belongs to a later one.
        for decided in [risk.decided_on is None or risk.decided_on <= span.last_day]
    ]


def _decisions(facts: Sequence[ToldFact], span: Span) -> list[DecisionLine]:
    return [
        DecisionLine(
            decision_id=fact.subject_id,
            what=decision.what,
            why=decision.why,
            decided_by=decision.decided_by,
            decided_on=decision.decided_on,
            event_id=fact.event_id,
        )
        for fact, decision in told.read(facts, "decision", told.Decision)
        if span.holds_day(decision.decided_on)
    ]


def _recommendations(facts: Sequence[ToldFact], span: Span) -> list[Recommendation]:
    found = []
    for fact, advisory in told.read(facts, "advisory", told.Advisory):
        ends = (advisory.acknowledged_at, advisory.answered_at, advisory.withdrawn_at)
        if advisory.issued_at < span.end and all(span.before_end(at) is None for at in ends):
            found.append(
                Recommendation(
                    source="advisory",
                    id=advisory.advisory_id,
                    text=advisory.title,
                    since=advisory.issued_at,
                    event_id=fact.event_id,
                )
            )
    for fact, year in told.read(facts, "hours_review", told.HoursReview):
        if span.holds_day(year.year_until):
            found.append(
                Recommendation(
                    source="hours_review",
                    id=fact.subject_id,
                    text=year.reason,
                    since=fact.starts_at,
                    event_id=fact.event_id,
                )
            )
    return found
