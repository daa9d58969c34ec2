"""Uptime of a contract's environments over a period, from the transitions of their monitors.

One figure per environment and per stretch in which the promise did not change. Several environments are never mixed
into one percentage: a contract is met when each environment that counts met its own target.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from reporting.application.facts import Environment, KnownContract, Names, Site, UptimeCommitment, UptimeRule
from reporting.application.report import ExplainedSpan, UptimeFigure, UptimeSection
from reporting.application.uptime_rule import shown, uptime_of
from reporting.domain.availability import Uptime
from reporting.domain.period import Version, in_force
from reporting.domain.state_line import Span, Transition, clipped, environment_line, with_pauses

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
    """A stretch with what it exactly came to, and the states that it was in, without holes."""

    stretch: Stretch
    uptime: Uptime
    spans: Sequence[Span]

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


def suspensions(versions: Sequence[KnownContract], start: datetime, end: datetime) -> list[tuple[datetime, datetime]]:
    """When the contract was suspended: nothing is promised then, whatever a monitor still saw."""
    pieces = in_force(timeline(versions), start, end)
    return [(left, right) for left, right, version in pieces if version.status == "suspended"]


def state_line(
    versions: Sequence[KnownContract],
    transitions: Sequence[Transition],
    start: datetime,
    until: datetime,
) -> list[Span]:
    """The states of an environment over `[start, until)` and, before it, as far back as its transitions reach.

    It reaches back because a run of down time must be seen whole before a rule that forgives short ones is applied.
    """
    began = min((t.ended_since or t.at for t in transitions), default=start)
    back = min(began, start)
    return with_pauses(environment_line(transitions, back, until), suspensions(versions, back, until), SUSPENDED)


def uptime(
    versions: Sequence[KnownContract],
    transitions: Mapping[UUID, Sequence[Transition]],
    names: Names,
    start: datetime,
    end: datetime,
    as_of: datetime,
) -> UptimeSection:
    """Every figure of a period, and the one verdict over those that count. Nothing after `as_of` is looked at."""
    figures = [_figure(each, names) for each in measured_stretches(versions, transitions, start, end, as_of)]
    return UptimeSection(met=verdict(figures), figures=figures)


def measured_stretches(
    versions: Sequence[KnownContract],
    transitions: Mapping[UUID, Sequence[Transition]],
    start: datetime,
    end: datetime,
    as_of: datetime,
) -> list[MeasuredStretch]:
    """Every stretch of a period with what it exactly came to. Nothing after `as_of` is looked at."""
    found = []
    for stretch in stretches(versions, start, min(end, as_of)):
        line = state_line(versions, transitions.get(stretch.environment.environment_id, ()), stretch.start, as_of)
        exact = uptime_of(line, stretch.start, stretch.end, stretch.rule, stretch.target_percent)
        found.append(MeasuredStretch(stretch, exact, clipped(line, stretch.start, stretch.end)))
    return found


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
        outages=measured.outages,
        explanation=[
            ExplainedSpan(
                from_=span.start,
                to=span.end,
                state=span.state,
                outage_id=span.outage_id,
                reason=span.reason,
                event_ids=list(span.events),
            )
            for span in measured.spans
        ],
        event_ids=measured.event_ids,
        **shown(measured.uptime),
    )
