"""Uptime of a contract's environments over a period, from the transitions of their monitors.

One figure per environment and per stretch in which the promise did not change. Several environments are never mixed
into one percentage: a contract is met when each environment that counts met its own target.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from typing import Final
from uuid import UUID

from reporting.application.facts import (
    ContractState,
    Environment,
    KnownContract,
    Names,
    Site,
    UptimeCommitment,
    UptimeRule,
)
from reporting.application.report import AsMeasured, DecisionLine, ExplainedSpan, UptimeFigure, UptimeSection
from reporting.application.uptime_rule import RuledTime, shown, uptime_of
from reporting.domain.availability import Uptime
from reporting.domain.period import Version, in_force
from reporting.domain.reclassification import Decision, forgiven, reclassified
from reporting.domain.state_line import (
    Span,
    Transition,
    clipped,
    environment_line,
    of_availability,
    touching,
    with_pauses,
)

PLAIN_RULE: Final = UptimeRule(
    minimum_outage="PT0S",
    whole_minutes=False,
    maintenance="exclude",
    unknown="exclude",
    degraded_weight="0",
    service_window=None,
)
"""What is applied where a contract promises no uptime: all the time counts, and so does every second of an outage."""

SUSPENDED: Final = "contract_suspended"


@dataclass(frozen=True)
class Stretch:
    """An environment under one promise: what is measured as one figure."""

    site: Site
    environment: Environment
    commitment: UptimeCommitment | None
    start: datetime
    end: datetime
    version: int

    @property
    def rule(self) -> UptimeRule:
        """The rule of the promise; the plain one where there is none."""
        return self.commitment.rule if self.commitment is not None else PLAIN_RULE

    @property
    def target_percent(self) -> str | None:
        """A decimal string; None where nothing was promised."""
        return self.commitment.target_percent if self.commitment is not None else None


@dataclass(frozen=True)
class MeasuredStretch:
    """A stretch with what it exactly came to, and the states that it was in, without holes.

    `as_measured`: what it came to before any decision; None where no decision touches it.
    """

    stretch: Stretch
    uptime: Uptime
    spans: Sequence[Span]
    as_measured: Uptime | None = None
    decisions: tuple[Decision, ...] = ()

    @property
    def event_ids(self) -> list[UUID]:
        """The events that say so, each once."""
        return list(dict.fromkeys(event for span in self.spans for event in span.events))

    @property
    def outages(self) -> int:
        """How many outages it had, in whole or in part."""
        return len({span.outage_id for span in self.spans if span.outage_id is not None})


def timeline(versions: Sequence[KnownContract]) -> list[Version]:
    """The versions as the domain sees them."""
    return [Version(v.version, v.state.effective_from, v.state.status) for v in versions]


def lifetime(versions: Sequence[KnownContract], start: datetime, end: datetime) -> tuple[datetime, datetime] | None:
    """The part of a period in which the contract promised something; None when that is no part of it."""
    promised = [(left, right) for left, right, version in in_force(timeline(versions), start, end) if version.promises]
    return (promised[0][0], promised[-1][1]) if promised else None


def said_until(versions: Sequence[KnownContract], end: datetime) -> Sequence[ContractState]:
    """What the contract said until the end of a period, each version that was in force, the last one last.

    Of a period before all of them it is the first version.
    """
    states = {version.version: version.state for version in versions}
    began = min(version.state.effective_from for version in versions)
    said = [states[version.number] for _, _, version in in_force(timeline(versions), began, end)]
    return said or [min(versions, key=lambda version: version.state.effective_from).state]


def active_states(versions: Sequence[KnownContract], start: datetime, end: datetime) -> list[ContractState]:
    """What the contract said in a period while it was active, each version once: nothing where it was suspended."""
    states = {version.version: version.state for version in versions}
    pieces = in_force(timeline(versions), start, end)
    return [states[version.number] for _, _, version in pieces if version.status == "active"]


def stretches(versions: Sequence[KnownContract], start: datetime, end: datetime) -> list[Stretch]:
    """What is promised when, environment by environment, in the order in which the contract lists them."""
    by_number = {version.version: version.state for version in versions}
    found: dict[UUID, list[Stretch]] = {}
    for left, right, version in in_force(timeline(versions), start, end):
        if not version.promises:
            continue
        state = by_number[version.number]
        for site in state.sites:
            for environment in site.environments:
                commitment = state.uptime if environment.counts_for_sla else None
                known = found.setdefault(environment.environment_id, [])
                last = known[-1] if known else None
                if (
                    last is not None
                    and last.end == left
                    and last.commitment == commitment
                    and last.environment.counts_for_sla == environment.counts_for_sla
                ):
                    known[-1] = Stretch(site, environment, commitment, last.start, right, last.version)
                else:
                    known.append(Stretch(site, environment, commitment, left, right, version.number))
    return [stretch for known in found.values() for stretch in known]


def rules_in_turn(promised: Iterable[Stretch], start: datetime, end: datetime) -> list[RuledTime]:
    """By which rule an environment is measured when, over `[start, end)` without holes; neighbours differ.

    `promised`: its stretches in that time.

    Where nothing was promised, what had been promised before goes on, and at the beginning what came first: such time
    is paused or unknown, and the rule says what comes of that.
    """
    found: list[RuledTime] = []
    for stretch in promised:
        if not found or found[-1].rule != stretch.rule:
            found.append(RuledTime(stretch.start, end, stretch.rule))
    found = found or [RuledTime(start, end, PLAIN_RULE)]
    bounds = [start, *(each.start for each in found[1:]), end]
    return [RuledTime(*bound, each.rule) for bound, each in zip(pairwise(bounds), found, strict=True)]


def unwatched_since(versions: Sequence[KnownContract], until: datetime) -> datetime | None:
    """Since when the contract has nobody look, being suspended or ended; None while it is active or has not begun."""
    since = None
    first = min(version.state.effective_from for version in versions)
    for left, _, version in reversed(in_force(timeline(versions), first, until) if first < until else []):
        if version.status == "active":
            break
        since = left
    return since


def suspensions(versions: Sequence[KnownContract], start: datetime, end: datetime) -> list[tuple[datetime, datetime]]:
    """When the contract was suspended: nothing is promised then, whatever a monitor still saw."""
    pieces = in_force(timeline(versions), start, end)
    return [(left, right) for left, right, version in pieces if version.status == "suspended"]


def state_line(
    versions: Sequence[KnownContract],
    transitions: Sequence[Transition],
    start: datetime,
    until: datetime,
    decisions: Sequence[Decision] = (),
    *,
    counts_for_sla: bool,
) -> list[Span]:
    """The states of an environment over `[start, until)` and, before it, as far back as its transitions reach.

    It reaches back because a run of down time must be seen whole before a rule that forgives short ones is applied.
    Without `decisions` it is what was measured; with them, their outages are what was decided. `transitions` are of all
    monitors of the environment: see `of_availability` for `counts_for_sla`.
    """
    known = of_availability(transitions, counts_for_sla=counts_for_sla)
    began = min((t.ended_since or t.at for t in known), default=start)
    back = min(began, start)
    line = environment_line(known, back, until)
    if decisions:
        without = environment_line(known, back, until, forgiven=forgiven(decisions))
        line = reclassified(line, without, decisions)
    return with_pauses(line, suspensions(versions, back, until), SUSPENDED)


def uptime(
    versions: Sequence[KnownContract],
    transitions: Mapping[UUID, Sequence[Transition]],
    names: Names,
    start: datetime,
    end: datetime,
    as_of: datetime,
    decisions: Sequence[Decision] = (),
) -> UptimeSection:
    """Every figure of a period, and the one verdict over those that count. Nothing after `as_of` is looked at.

    `decisions`: those in force, the last approved first. Figures and verdict before them are there as well.
    """
    measured = measured_stretches(versions, transitions, start, end, as_of, decisions)
    figures = [_figure(each, names) for each in measured]
    used = {decision.outage_decision_id: decision for each in measured for decision in each.decisions}
    return UptimeSection(
        met=verdict(figures),
        met_as_measured=together(met_as_measured(measured)) if used else None,
        decisions=[_decision(each) for each in used.values()],
        figures=figures,
    )


def measured_stretches(
    versions: Sequence[KnownContract],
    transitions: Mapping[UUID, Sequence[Transition]],
    start: datetime,
    end: datetime,
    as_of: datetime,
    decisions: Sequence[Decision] = (),
) -> list[MeasuredStretch]:
    """Every stretch of a period with what it exactly came to. Nothing after `as_of` is looked at."""
    found = []
    for stretch in stretches(versions, start, min(end, as_of)):
        environment_id = stretch.environment.environment_id
        known = transitions.get(environment_id, ())
        counts = stretch.environment.counts_for_sla
        line = state_line(versions, known, stretch.start, as_of, counts_for_sla=counts)
        as_measured = _exact(line, stretch)
        about = [decision for decision in decisions if decision.environment_id == environment_id]
        decided = state_line(versions, known, stretch.start, as_of, about, counts_for_sla=counts) if about else line
        used = _used(line, decided, stretch, about)
        found.append(
            MeasuredStretch(
                stretch,
                _exact(decided, stretch),
                clipped(decided, stretch.start, stretch.end),
                as_measured if used else None,
                used,
            )
        )
    return found


def _exact(line: Sequence[Span], stretch: Stretch) -> Uptime:
    return uptime_of(line, stretch.start, stretch.end, stretch.rule, stretch.target_percent)


def _used(
    line: Sequence[Span], decided: Sequence[Span], stretch: Stretch, decisions: Sequence[Decision]
) -> tuple[Decision, ...]:
    """The decisions that matter for a stretch: also about what lies outside of it in an outage that crosses its bound.

    Whether a run of down time is long enough to count is judged by the whole of it. Where several monitors were down
    at once, the decision on the outage that is shown matters only together with those on the others.
    """
    runs = touching(line, stretch.start, stretch.end)
    if not runs or not decisions:
        return ()
    spans = [each for each in clipped(decided, runs[0].start, runs[-1].end) if each.outage_decision_id is not None]
    ids = {span.outage_decision_id for span in spans}
    shown = {span.outage_id for span in spans}
    return tuple(
        decision
        for decision in decisions
        if decision.outage_decision_id in ids
        or (decision.outage_id not in shown and clipped(spans, decision.decided.start, decision.decided.end))
    )


def met_as_measured(measured: Iterable[MeasuredStretch]) -> list[bool | None]:
    """The verdicts of what was committed to, before any decision."""
    return [(each.as_measured or each.uptime).met for each in measured if each.stretch.commitment is not None]


def verdict(figures: Iterable[UptimeFigure]) -> bool | None:
    """The one verdict over the figures of a period."""
    return together(figure.met for figure in figures if figure.counts_for_sla and figure.target_percent is not None)


def together(judged: Iterable[bool | None]) -> bool | None:
    """False when one environment that counts missed its target, True when all met it, None when one cannot be told."""
    verdicts = list(judged)
    if False in verdicts:
        return False
    return True if verdicts and None not in verdicts else None


def _figure(measured: MeasuredStretch, names: Names) -> UptimeFigure:
    stretch = measured.stretch
    environment, site = stretch.environment, stretch.site
    return UptimeFigure(
        environment_id=environment.environment_id,
        environment_name=names.environments.get(environment.environment_id, environment.name),
        site_id=site.site_id,
        site_name=names.sites.get(site.site_id, site.name),
        site_kind=site.kind,
        url=environment.url,
        counts_for_sla=environment.counts_for_sla,
        from_=stretch.start,
        to=stretch.end,
        contract_version=stretch.version,
        rule_source="contract" if stretch.commitment is not None else "informative",
        rule=stretch.rule.model_dump(mode="json"),
        target_percent=stretch.target_percent,
        as_measured=AsMeasured.model_validate(shown(measured.as_measured)) if measured.as_measured else None,
        outage_decision_ids=[decision.outage_decision_id for decision in measured.decisions],
        outages=measured.outages,
        explanation=[
            ExplainedSpan(
                from_=span.start,
                to=span.end,
                state=span.state,
                outage_id=span.outage_id,
                reason=span.reason,
                outage_decision_id=span.outage_decision_id,
                event_ids=list(span.events),
            )
            for span in measured.spans
        ],
        event_ids=measured.event_ids,
        **shown(measured.uptime),
    )


def _decision(decision: Decision) -> DecisionLine:
    proposed = decision.steps[0]
    (approved,) = [step for step in decision.steps if step.act == "approved"]
    return DecisionLine(
        outage_decision_id=decision.outage_decision_id,
        outage_id=decision.outage_id,
        category=decision.category,
        from_=decision.decided.start,
        to=decision.decided.end,
        reason=proposed.reason or "",
        proposed_by=proposed.by.name,
        approved_by=approved.by.name,
        approved_at=approved.at,
    )
