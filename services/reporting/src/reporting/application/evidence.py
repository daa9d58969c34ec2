"""What stands behind a figure: the states, the rule and the events from which anybody can compute it again."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from typing import Any, Final
from uuid import UUID

from reporting.application import measuring
from reporting.application.measuring import MeasuredStretch
from reporting.application.period_measure import measure_month
from reporting.application.ports import Facts
from reporting.application.reporting import InTheFuture, NotInTheContract, UnknownContract, zones_of
from reporting.application.uptime_rule import domain_rule
from reporting.domain.period import in_force, month_bounds
from reporting.domain.reclassification import Decision
from reporting.domain.response_times import ResponseFigure, figure_of
from reporting.domain.state_line import SILENT, Span, Transition, touching
from shared.kernel.sketch import EMPTY
from shared.values import instant_text


class NothingMeasured(Exception):
    """Nothing was promised in the month, or nobody looked: there is no figure to show evidence of."""


class UnknownEnvironment(Exception):
    """The month has no figure of this environment."""


class UnknownIncident(Exception):
    """Nothing was heard of an incident with this id under this contract, or it has no such clock."""


class FactsNotTold(Exception):
    """The newest event of the incident is of a release that did not tell what happened to its clocks."""


class NothingClosed(Exception):
    """No settlement, or no month of hours, was closed of the month: there is no figure that stays."""


class EntriesNotTold(Exception):
    """The month of hours was told without its entries: by an earlier release, or because there are too many."""


class EvidenceIsIncomplete(Exception):
    """What was heard does not give what was said: something is still on its way. The message says what differs."""


class SettledOtherwise(Exception):
    """A settlement says something else than what had been told gives: it stays so until it is corrected. The message
    says what differs.
    """


class TooMuchEvidence(Exception):
    """The pack would be larger than anybody should load at once."""


MOST_BYTES: Final = 64 * 2**20
MOST_FILES: Final = 20_000
"""Of a pack. A month of a hundred monitors is far below."""


AROUND: Final = timedelta(days=2)
"""More than midnights of two zones lie apart."""

SPANS: Final = ("states", "decided")
"""Where a figure's stretches of time are: as measured, and as they count by decisions, where there are any."""


@dataclass(frozen=True)
class EnvironmentTold:
    """What was told of an environment in the time of its figures, shown in them or not.

    :param site_id: of the contract's version that was in force last.
    :param until: the end of that time.
    :param events: what its monitors said of it, those too that do not measure its availability: whoever checks sees
        what was left out.
    :param following: by monitor the first thing that it said of later, where it said something.
    :param maintenance: from the first to the last instant under maintenance; None where there was none.
    """

    site_id: UUID
    until: datetime
    events: frozenset[UUID]
    following: Mapping[UUID, UUID]
    maintenance: tuple[datetime, datetime] | None


@dataclass(frozen=True)
class MonthEvidence:
    """What a month's figures rest on.

    :param language: the client's.
    :param measurement: what `uptime.period_measured` tells, but for its version.
    :param states: for each figure the stretches of time without holes, and the public holidays that its rule knows.
        Where decisions on outages matter for it, `states` are as measured and `decided` are those that it is made of.
    :param rule_events: the events of the contract's versions that the rules are of, of those that paused it, and of
        those by which it began and ended.
    :param zones: the time zones of these versions and of the service windows of the figures' rules.
    :param told: by environment.
    :param response_times: by environment, in the order of the figures, of those of which anything is known.
    """

    tenant_id: UUID
    client_id: UUID
    language: str
    period: tuple[datetime, datetime]
    measurement: Mapping[str, Any]
    figures: Sequence[MeasuredStretch]
    states: Sequence[Mapping[str, Any]]
    rule_events: frozenset[UUID]
    zones: frozenset[str]
    told: Mapping[UUID, EnvironmentTold]
    response_times: Mapping[UUID, ResponseFigure]

    @property
    def event_ids(self) -> frozenset[UUID]:
        """The events from which the states and the rules follow, and those that they name."""
        named = (span["event_ids"] for figure in self.states for name in SPANS for span in figure.get(name, ()))
        told = {event for each in self.told.values() for event in each.events}
        return self.rule_events | told | {UUID(each) for event_ids in named for each in event_ids}

    @property
    def decision_ids(self) -> frozenset[UUID]:
        """The decisions on outages that the figures rest on."""
        return frozenset(one.outage_decision_id for each in self.figures for one in each.decisions)


async def month_evidence(facts: Facts, contract_id: UUID, month: date, *, now: datetime) -> MonthEvidence:
    """The evidence of a contract's month, by what is known now. For a month that is over it does not change with time.

    Raises UnknownContract, InTheFuture, NotInTheContract, NothingMeasured.
    """
    versions = await facts.versions(contract_id)
    if not versions:
        raise UnknownContract
    zones = zones_of(versions)
    bounds = month_bounds(month, zones)
    if bounds[0] >= now:
        raise InTheFuture("month")
    promised = measuring.lifetime(versions, bounds[0], min(bounds[1], now))
    if promised is None:
        raise NotInTheContract(
            min((v.state.effective_from for v in versions if v.state.status == "active"), default=None)
        )
    transitions = await facts.transitions(contract_id, bounds[0], now)
    decisions = await facts.decisions(contract_id, now)
    measured = measure_month(versions, transitions, month, zones, bounds, now, decisions)
    if measured is None:
        raise NothingMeasured
    figures = measuring.measured_stretches(versions, transitions, *promised, now, decisions)

    def states(each: MeasuredStretch, by: Sequence[Decision] = ()) -> list[dict[str, Any]]:
        known = transitions.get(_environment(each), ())
        counts = each.stretch.environment.counts_for_sla
        line = measuring.state_line(versions, known, each.stretch.start, now, by, counts_for_sla=counts)
        return [_shown(span) for span in _whole_runs(line, each.stretch.start, each.stretch.end)]

    shown = [states(each) for each in figures]
    first = min((datetime.fromisoformat(each[0]["from"]) for each in shown), default=promised[0])
    last = max((datetime.fromisoformat(each[-1]["to"]) for each in shown), default=promised[1])
    timeline = measuring.timeline(versions)
    used = {version.number for _, _, version in in_force(timeline, min(first, promised[0]), max(last, promised[1]))}
    used |= {each.stretch.version for each in figures}
    # Whoever checks must find the bounds of the month and of the contract's life: what was in force around them, too.
    around = in_force(timeline, min(first, bounds[0]) - AROUND, max(last, bounds[1]) + AROUND)
    telling = used | {version.number for _, _, version in around} | {min(version.version for version in versions)}
    return MonthEvidence(
        tenant_id=versions[0].tenant_id,
        client_id=versions[-1].state.client.client_id,
        language=max((v for v in versions if v.version in used), key=lambda v: v.version).state.client.language,
        period=promised,
        measurement=measured.content,
        figures=figures,
        states=[
            {
                "holidays": _holidays(each),
                "states": spans,
                **({"decided": states(each, each.decisions)} if each.decisions else {}),
            }
            for each, spans in zip(figures, shown, strict=True)
        ],
        rule_events=frozenset(version.event_id for version in versions if version.version in telling),
        zones=frozenset(
            [version.state.client.time_zone for version in versions if version.version in telling]
            + [window["time_zone"] for each in figures if (window := each.stretch.rule.service_window) is not None]
        ),
        told=_told(figures, shown, transitions),
        response_times=await _response_times(facts, contract_id, promised, dict.fromkeys(map(_environment, figures))),
    )


async def _response_times(
    facts: Facts, contract_id: UUID, period: tuple[datetime, datetime], environments: Iterable[UUID]
) -> Mapping[UUID, ResponseFigure]:
    sketches = await facts.response_sketches(contract_id, *period)
    figures = {each: figure_of(sketches.get(each, EMPTY)) for each in environments}
    return {each: figure for each, figure in figures.items() if figure is not None}


def _told(
    figures: Sequence[MeasuredStretch],
    shown: Sequence[Sequence[Mapping[str, Any]]],
    transitions: Mapping[UUID, Sequence[Transition]],
) -> Mapping[UUID, EnvironmentTold]:
    found: dict[UUID, EnvironmentTold] = {}
    # The figures of an environment are in the order of time; what is told until the end of the last is all of it.
    for each, states in zip(figures, shown, strict=True):
        until = datetime.fromisoformat(states[-1]["to"])
        events, following = set(), dict[UUID, UUID]()
        for one in sorted(transitions.get(_environment(each), ()), key=lambda one: one.number):
            if one.reason == SILENT:
                continue  # nobody said so: roll-ups do
            if one.at <= until or (one.ended_since is not None and one.ended_since < until):
                events.add(one.event_id)
            else:
                following.setdefault(one.monitor_id, one.event_id)
        spans = [span for span in each.spans if span.state == "maintenance" and span.outage_decision_id is None]
        before = found.get(_environment(each))
        whole = [*([before.maintenance] if before and before.maintenance else []), *((s.start, s.end) for s in spans)]
        found[_environment(each)] = EnvironmentTold(
            each.stretch.site.site_id,
            until,
            frozenset(events),
            following,
            (whole[0][0], whole[-1][1]) if whole else None,
        )
    return found


def _whole_runs(line: Sequence[Span], start: datetime, end: datetime) -> list[Span]:
    """The states of a period. A run of down time that crosses a bound is whole: a rule may forgive short ones."""
    found = []
    for span in touching(line, start, end):
        left, right = span.start, span.end
        if span.state != "down":
            left, right = max(left, start), min(right, end)
        if left < right:
            found.append(replace(span, start=left, end=right))
    return found


def _shown(span: Span) -> dict[str, Any]:
    return {
        "from": instant_text(span.start),
        "to": instant_text(span.end),
        "state": span.state,
        "outage_id": str(span.outage_id) if span.outage_id is not None else None,
        "reason": span.reason,
        "event_ids": [str(event) for event in span.events],
        **({} if span.outage_decision_id is None else {"outage_decision_id": str(span.outage_decision_id)}),
    }


def _holidays(measured: MeasuredStretch) -> list[str]:
    """The public holidays of a service window around the stretch: whoever checks has no list of them."""
    window = domain_rule(measured.stretch.rule.model_dump_json()).service_window
    if window is None or window.holidays is None:
        return []
    zone = window.zone
    day = measured.stretch.start.astimezone(zone).date() - timedelta(days=3)
    last = measured.stretch.end.astimezone(zone).date() + timedelta(days=1)
    found = []
    while day <= last:
        if day in window.holidays:
            found.append(day.isoformat())
        day += timedelta(days=1)
    return found


def of_environment(month: MonthEvidence, environment_id: UUID) -> MonthEvidence:
    """The evidence of one environment's figures alone. Raises UnknownEnvironment."""
    kept = [number for number, each in enumerate(month.figures) if _environment(each) == environment_id]
    if not kept:
        raise UnknownEnvironment
    whole = month.measurement
    used = {each for number in kept for each in whole["figures"][number]["outage_decision_ids"]}
    return replace(
        month,
        measurement={
            **{name: whole[name] for name in ("contract_id", "month", "time_zone", "method")},
            "figures": [whole["figures"][number] for number in kept],
            "decisions": [each for each in whole["decisions"] if each["outage_decision_id"] in used],
        },
        figures=[month.figures[number] for number in kept],
        told={environment_id: month.told[environment_id]},
        states=[month.states[number] for number in kept],
        response_times={each: times for each, times in month.response_times.items() if each == environment_id},
    )


def _environment(measured: MeasuredStretch) -> UUID:
    return measured.stretch.environment.environment_id
