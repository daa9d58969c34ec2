"""The reports of a contract: what was promised, what was measured, what happened."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Final, Literal
from uuid import UUID
from zoneinfo import ZoneInfo

from reporting.application import measuring
from reporting.application.brands import brand_of_papers
from reporting.application.facts import (
    ENDS,
    STAMPS,
    AnnouncedVerdict,
    ContractState,
    Environment,
    IncidentClock,
    KnownContract,
    KnownIncident,
    Names,
    Site,
    Stamp,
    Texts,
)
from reporting.application.incident_cycles import LIFE, as_it_stood
from reporting.application.ports import Facts
from reporting.application.report import (
    Availability,
    Branded,
    ClockLine,
    IncidentLine,
    IncidentSection,
    IncidentStatus,
    Moment,
    MonthlyReport,
    Person,
    ReportContract,
    ResponseTimeLine,
    TargetCount,
    TargetSection,
    UptimeFigure,
    Verdict,
    VersionLine,
)
from reporting.application.report_sections import Span, items_named, report_parts, settlement_of
from reporting.domain.period import Zones, in_force, month_bounds, month_of, zone_at
from reporting.domain.response_times import figure_of, milliseconds
from shared.kernel.sketch import EMPTY, Sketch
from shared.values import number, seconds

DECIDED: Final[tuple[Verdict, ...]] = ("met", "breached")


class UnknownContract(LookupError):
    """Nothing is known of a contract with this id, or nothing that may be seen."""


class NotInTheContract(Exception):
    """The contract promised nothing in the period that was asked for."""

    def __init__(self, began_at: datetime | None) -> None:
        super().__init__("nothing was promised in this period")
        self.began_at = began_at


class InTheFuture(Exception):
    """Facts of the future were asked for, by this parameter."""

    def __init__(self, parameter: str) -> None:
        super().__init__(f"{parameter} lies in the future")
        self.parameter = parameter


async def monthly_report(
    facts: Facts, contract_id: UUID, month: date, *, now: datetime, as_of: datetime | None = None
) -> Branded[MonthlyReport]:
    """A month of a contract in its client's zone, up to `as_of` (default: now).

    The zone is that of the contract version in force when the month begins: an amendment that changes it moves no month
    that is over. The month ends where the next one begins, by the zone in force until then.

    Incidents and their clocks are shown as they stood at the end of the period: what happens to them later, or is
    judged otherwise then, belongs to the next month. A verdict counts in the month in which it fell. Decisions on
    outages are those that were in force at `as_of`; the figures before them stand beside. What the contract says is
    what it said at the end; a client, a site or an agency that was renamed since is called as it is now.

    Raises UnknownContract, NotInTheContract when the contract did not apply in that month, InTheFuture for an `as_of`
    after `now` or a month that has not begun.
    """
    versions = await known_versions(facts, contract_id)
    newest = versions[-1].state
    zones = zones_of(versions)
    until = as_of if as_of is not None else now
    first, last = month_bounds(month, zones)
    if until > now:
        raise InTheFuture("as_of")
    if first >= until:
        raise InTheFuture("month")
    start, end = _promised(versions, first, min(last, until))
    states = measuring.said_until(versions, min(last, until))
    agreed = states[-1].hours
    names = await facts.names(contract_id)
    transitions = await facts.transitions(contract_id, start, until)
    decisions = await facts.decisions(contract_id, until)
    uptime = measuring.uptime(versions, transitions, names, start, end, until, decisions)
    complete = until >= last or end < min(last, until)
    period = _Period(start, end, complete, _amended_at(versions, end))
    said = _Said.of(states)
    incidents = [_incident(known, said, names, period) for known in await facts.incidents(contract_id, start, end)]
    lines = [line for line in incidents if line is not None]
    zone = zone_at(first, zones)
    facts_told = await facts.told(contract_id, start, end)
    parts = report_parts(
        facts_told,
        await facts.items(items_named(facts_told)),
        await facts.sent_reports(contract_id, start, end),
        Span(start, end, zone),
        {line.code: (line.name, line.included_minutes) for line in agreed.lines} if agreed is not None else {},
        settlement_of(facts_told, month, (first, last)) if complete else None,
    )
    used = {version.number for _, _, version in in_force(measuring.timeline(versions), start, end)}
    report = MonthlyReport(
        contract=contract_line(versions, min(last, until), names),
        month=month,
        time_zone=zone.key,
        language=newest.client.language,
        from_=start,
        to=end,
        as_of=until,
        complete=complete,
        uptime=uptime,
        incidents=IncidentSection(
            total=len(lines),
            carried_over=sum(line.carried_over for line in lines),
            carried_forward=sum(line.carried_forward for line in lines),
            # What happened, whoever answers for it.
            down_seconds=sum(
                (figure.as_measured or figure).down_seconds for figure in uptime.figures if figure.counts_for_sla
            ),
            items=lines,
        ),
        targets=TargetSection(response=_count(lines, "response", start), repair=_count(lines, "repair", start)),
        response_times=_response_times(await facts.response_sketches(contract_id, start, end), uptime.figures),
        parts=parts,
        contract_versions=[
            VersionLine(
                version=version.version,
                status=version.state.status,
                effective_from=version.state.effective_from,
                event_id=version.event_id,
            )
            for version in versions
            if version.version in used
        ],
        event_ids=_all_events(versions, used, uptime.figures, lines),
    )
    return Branded(report, await brand_of_papers(facts, versions[-1].tenant_id, newest))


def _response_times(sketches: Mapping[UUID, Sketch], figures: Iterable[UptimeFigure]) -> list[ResponseTimeLine]:
    """A line for each environment of the uptime section, in its order, of which anything is known."""
    lines = []
    for figure in {figure.environment_id: figure for figure in figures}.values():
        found = figure_of(sketches.get(figure.environment_id, EMPTY))
        if found is not None:
            lines.append(
                ResponseTimeLine(
                    environment_id=figure.environment_id,
                    environment_name=figure.environment_name,
                    site_id=figure.site_id,
                    site_name=figure.site_name,
                    counts_for_sla=figure.counts_for_sla,
                    checks=found.checks,
                    p50_ms=number(milliseconds(found.p50_us)),
                    p95_ms=number(milliseconds(found.p95_us)),
                    p99_ms=number(milliseconds(found.p99_us)),
                )
            )
    return lines


async def availability(
    facts: Facts,
    contract_id: UUID,
    start: datetime,
    end: datetime,
    *,
    now: datetime,
    known_at: datetime | None = None,
) -> Availability:
    """Uptime of a contract over any period that is not in the future, by the decisions in force at `known_at`.

    Raises UnknownContract, NotInTheContract, InTheFuture.
    """
    if end > now:
        raise InTheFuture("to")
    if known_at is not None and known_at > now:
        raise InTheFuture("known_at")
    known = known_at if known_at is not None else now
    versions = await known_versions(facts, contract_id)
    newest = versions[-1].state
    start, end = _promised(versions, start, end)
    transitions = await facts.transitions(contract_id, start, now)
    decisions = await facts.decisions(contract_id, known)
    uptime = measuring.uptime(versions, transitions, await facts.names(contract_id), start, end, now, decisions)
    return Availability(
        contract_id=contract_id,
        time_zone=newest.client.time_zone,
        from_=start,
        to=end,
        as_of=now,
        known_at=known,
        uptime=uptime,
    )


async def current_month(facts: Facts, contract_id: UUID, now: datetime) -> date:
    """The month that it is for a contract's client. Raises UnknownContract."""
    versions = await known_versions(facts, contract_id)
    return month_of(now, zones_of(versions))


async def contract_in_month(facts: Facts, contract_id: UUID, month: date) -> KnownContract:
    """The newest version of a contract that applies in a month, whenever that is.

    Raises UnknownContract, NotInTheContract.
    """
    versions = await known_versions(facts, contract_id)
    _promised(versions, *month_bounds(month, zones_of(versions)))
    return versions[-1]


def zones_of(versions: Sequence[KnownContract]) -> Zones:
    """Which zone the client had since when."""
    by_number = {version.version: version.state for version in versions}
    effects = [version.state.effective_from for version in versions]
    pieces = in_force(measuring.timeline(versions), min(effects), max(effects) + timedelta(microseconds=1))
    return [(since, ZoneInfo(by_number[version.number].client.time_zone)) for since, _, version in pieces]


async def known_versions(facts: Facts, contract_id: UUID) -> Sequence[KnownContract]:
    """Every known version of a contract, the newest one last. Raises UnknownContract."""
    versions = await facts.versions(contract_id)
    if not versions:
        raise UnknownContract
    return versions


def _promised(versions: Sequence[KnownContract], start: datetime, end: datetime) -> tuple[datetime, datetime]:
    promised = measuring.lifetime(versions, start, end)
    if promised is None:
        raise NotInTheContract(
            min((v.state.effective_from for v in versions if v.state.status == "active"), default=None)
        )
    return promised


def contract_line(versions: Sequence[KnownContract], end: datetime, names: Names) -> ReportContract:
    """Which contract it is: what it said at the end of a period, with the names of today."""
    state = measuring.said_until(versions, end)[-1]
    return ReportContract(
        contract_id=state.contract_id,
        number=state.number,
        version=state.version,
        status=state.status,
        starts_on=state.starts_on,
        ends_on=state.ends_on,
        client_id=state.client.client_id,
        client_name=names.clients.get(state.client.client_id, state.client.name),
        agency_name=versions[-1].state.agency.name,
        plan_code=state.plan.code,
        plan_name=state.plan.name,
    )


@dataclass(frozen=True, slots=True)
class _Period:
    """`[start, end)` once it is complete; until then its end is the instant of which is told, and belongs to it."""

    start: datetime
    end: datetime
    complete: bool
    amended_at: datetime | None

    def reaches(self, instant: datetime) -> bool:
        """Whether an instant lies before the end."""
        return instant < self.end or (instant == self.end and not self.complete)


def _amended_at(versions: Sequence[KnownContract], end: datetime) -> datetime | None:
    """When the contract first said something else after a period; that it ended with it is said of the period."""
    return min(
        (
            version.effective_from
            for version in measuring.timeline(versions)
            if version.effective_from > end or (version.effective_from == end and version.promises)
        ),
        default=None,
    )


@dataclass(frozen=True, slots=True)
class _Said:
    """What a contract said of its sites and severities; of one that it left out since, what it said of it last."""

    sites: Mapping[UUID, Site]
    environments: Mapping[UUID, Environment]
    severities: Mapping[str, Texts]

    @classmethod
    def of(cls, states: Sequence[ContractState]) -> "_Said":
        sites = [site for state in states for site in state.sites]
        return cls(
            {site.site_id: site for site in sites},
            {each.environment_id: each for site in sites for each in site.environments},
            {each.code: each.names for state in states for each in state.severities},
        )


def _incident(known: KnownIncident, said: _Said, names: Names, period: _Period) -> IncidentLine | None:
    """An incident as it stood at the end of the period; None when nothing of it happened in it."""
    known = as_it_stood(known, period.reaches, period.amended_at)
    state = known.state
    stamps = {name: _until(getattr(state.timestamps, name), period) for name in STAMPS}
    began = state.began_at
    if began is None or began >= period.end:
        return None
    ends = [stamps[name] for name in ENDS]
    ended = min((stamp.at for stamp in ends if stamp is not None), default=None)
    clocks = [_clock(clock, known, stamps, period) for clock in state.clocks if clock.metric in REPORTED]
    decided = [clock.decided_at for clock in clocks if clock.decided_at is not None]
    if ended is not None and max([ended, *decided]) < period.start:
        return None
    site = None if state.site_id is None else said.sites.get(state.site_id)
    environment = None if state.environment_id is None else said.environments.get(state.environment_id)
    return IncidentLine(
        incident_id=state.incident_id,
        number=state.number,
        title=state.title,
        severity=state.severity,
        severity_names=said.severities.get(state.severity, {}),
        status=_status_at(state.status, stamps),
        source=state.source.kind,
        site_id=state.site_id,
        site_name=names.sites.get(site.site_id, site.name) if site is not None else None,
        environment_id=state.environment_id,
        environment_name=(
            names.environments.get(environment.environment_id, environment.name) if environment is not None else None
        ),
        counts_for_sla=state.counts_for_sla,
        outage_id=state.source.outage_id,
        carried_over=began < period.start,
        carried_forward=period.complete and (ended is None or any(clock.verdict == "running" for clock in clocks)),
        began_at=began,
        ended_at=ended,
        duration_seconds=number(seconds(known.lasted_before + ((ended or period.end) - (state.lasts_from or began)))),
        timestamps={name: _moment(stamp) for name, stamp in stamps.items()},
        clocks=clocks,
        event_ids=[*known.events, *sorted(verdict.event_id for verdict in known.announced.values())],
    )


def _until(stamp: Stamp | None, period: _Period) -> Stamp | None:
    return stamp if stamp is not None and period.reaches(stamp.at) else None


def _moment(stamp: Stamp | None) -> Moment | None:
    if stamp is None:
        return None
    person = Person(kind=stamp.actor.kind, name=stamp.actor.name) if stamp.actor is not None else None
    return Moment(at=stamp.at, by=person)


def _status_at(status: IncidentStatus, stamps: dict[str, Stamp | None]) -> IncidentStatus:
    """The status at the end of the period: the last step that was taken, never further than the newest known one."""
    for step in reversed(LIFE[1:]):
        if stamps[step] is not None and _rank(step) <= _rank(status):
            return step
    return "open"


def _rank(status: IncidentStatus) -> int:
    return LIFE.index(status)


REPORTED: Final[Mapping[str, Literal["response", "repair"]]] = {"response": "response", "repair": "repair"}
"""The metrics that a report shows; a clock of another one is passed over."""


def _clock(clock: IncidentClock, known: KnownIncident, stamps: dict[str, Stamp | None], period: _Period) -> ClockLine:
    """A clock as it stood at the end of the period, as far as incidents has told."""
    stop = _stop(clock.metric, stamps)
    unchanged = all(stamps[name] == getattr(known.state.timestamps, name) for name in STAMPS)
    stopped = stop is not None or unchanged
    announced = known.announced.get(clock.clock_id)
    verdict = _verdict(clock, announced, period, stopped=stopped)
    person = Person(kind=stop.actor.kind, name=stop.actor.name) if stop is not None and stop.actor is not None else None
    return ClockLine(
        clock_id=clock.clock_id,
        metric=REPORTED[clock.metric],
        policy=clock.policy,
        target_seconds=_plain(clock.target_seconds),
        due_at=clock.due_at,
        actual_at=stop.at if stop is not None else None,
        by=person,
        elapsed_seconds=_plain(clock.elapsed_seconds)
        if stop is not None and clock.elapsed_seconds is not None
        else None,
        verdict=verdict,
        decided_at=_decided(verdict, clock, announced, stop) or (known.state.began_at if verdict in DECIDED else None),
    )


def _decided(
    verdict: Verdict, clock: IncidentClock, announced: AnnouncedVerdict | None, stop: Stamp | None
) -> datetime | None:
    """When a verdict fell: a target is met when the clock stops, and missed when the promised time is over."""
    said = announced.at if announced is not None and announced.verdict == verdict else None
    if verdict == "met":
        return stop.at if stop is not None else said
    if verdict == "breached":
        newer = announced is not None and announced.version > clock.clock_version
        return (said or clock.breach_after) if newer else (clock.breach_after or said)
    return None


def _verdict(clock: IncidentClock, announced: AnnouncedVerdict | None, period: _Period, *, stopped: bool) -> Verdict:
    """What incidents said last about a clock at the end of the period: never a second opinion.

    `stopped`: it had stopped by then.

    A clock says by itself that it was breached or met, its incident tells how it reads; the newer of the two counts,
    so a breach that the incident has taken back since is none.
    """
    if announced is not None and announced.version > clock.clock_version:
        if announced.verdict == "breached":
            return "breached" if announced.at < period.end else "running"
        return "met" if period.reaches(announced.at) else "running"
    match clock.state:
        case "cancelled":
            return "cancelled"
        case "met" if stopped:
            return "met"
        case "breached" if clock.breach_after is None or clock.breach_after < period.end:
            return "breached"
        case _:
            return "running"


def _stop(metric: str, stamps: dict[str, Stamp | None]) -> Stamp | None:
    """What stopped a clock: the first answer of a person, or the end of the fault."""
    if metric == "response":
        answers = [stamps[name] for name in ("acknowledged", "mitigated", "resolved")]
        ends = [each for each in answers if each is not None and (each.actor is None or each.actor.kind != "system")]
    else:
        ends = [each for each in (stamps["recovered"], stamps["resolved"]) if each is not None]
    return min(ends, key=lambda stamp: stamp.at, default=None)


def _plain(figure: float) -> int | float:
    """Seconds as a whole number where they are one."""
    return int(figure) if float(figure).is_integer() else figure


def _count(lines: Iterable[IncidentLine], metric: str, start: datetime) -> TargetCount:
    """The verdicts that fell since `start`, and the clocks that were running at the end."""
    verdicts = [
        clock.verdict
        for line in lines
        for clock in line.clocks
        if clock.metric == metric and (clock.decided_at is None or clock.decided_at >= start)
    ]
    return TargetCount(
        met=verdicts.count("met"), breached=verdicts.count("breached"), running=verdicts.count("running")
    )


def _all_events(
    versions: Sequence[KnownContract],
    used: set[int],
    figures: Sequence[UptimeFigure],
    lines: Sequence[IncidentLine],
) -> list[UUID]:
    events = [version.event_id for version in versions if version.version in used]
    events += [event for figure in figures for event in figure.event_ids]
    events += [event for line in lines for event in line.event_ids]
    return list(dict.fromkeys(events))
