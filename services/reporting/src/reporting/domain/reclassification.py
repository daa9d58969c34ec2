"""Retroactive decisions: an outage that was somebody else's fault, or agreed on, stops counting against the promise.

Somebody entitled says so with a reason, and a second person approves; it is taken back in the same way. Nothing is
rewritten: the facts stay, every step stays, the figure before stays, and the figure after stands beside it.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final, Literal, get_args
from uuid import UUID

from reporting.domain.outages import outages
from reporting.domain.state_line import Span, State, Transition, clipped
from shared.kernel.intervals import Interval, intersection, subtraction, union

Category = Literal["agreed_maintenance", "client_caused", "third_party"]
Status = Literal["proposed", "declined", "approved", "withdrawal_proposed", "withdrawn"]
Act = Literal["proposed", "approved", "declined", "withdrawal_proposed", "withdrawn", "withdrawal_declined"]

COUNTS_AS: Final[Mapping[Category, State]] = {
    "agreed_maintenance": "maintenance",
    "client_caused": "paused",
    "third_party": "paused",
}
"""Agreed maintenance counts as the contract's rule says of maintenance; what was not ours to keep up is left out."""

CATEGORIES: Final[tuple[Category, ...]] = get_args(Category)

_STATUS_AFTER: Final[Mapping[Act, Status]] = {
    "proposed": "proposed",
    "approved": "approved",
    "declined": "declined",
    "withdrawal_proposed": "withdrawal_proposed",
    "withdrawn": "withdrawn",
    "withdrawal_declined": "approved",
}
_APPROVED: Final[Mapping[Status, Act]] = {"proposed": "approved", "withdrawal_proposed": "withdrawn"}
_DECLINED: Final[Mapping[Status, Act]] = {"proposed": "declined", "withdrawal_proposed": "withdrawal_declined"}


class ApprovedByItsProposer(Exception):
    """Whoever proposes something cannot be the second person who approves it."""


class DecidedByAProgram(Exception):
    """A key of a program stands for nobody who could answer for a step, and may be held by whoever takes the next."""


class ProposedByAProgram(Exception):
    """It was proposed with a program's key, before that was refused: nobody knows who has to be somebody else."""


class ProposedUnderAnotherIssuer(Exception):
    """Somebody may be known to contracts and to the agency's single sign-on: nobody sees that the two are one."""


class NotInThisStatus(Exception):
    """This step cannot be taken with a decision in this status."""

    def __init__(self, status: Status) -> None:
        super().__init__(f"the decision is {status}")
        self.status = status


class OutageNotOver(Exception):
    """Nobody knows yet what would be decided on."""


class DecidesNoFigure(Exception):
    """What the outage is of decides no figure: a certificate, an export, what somebody added beside the promise."""


class OutsideTheOutage(Exception):
    """The time that is decided on does not lie within the outage."""

    def __init__(self, outage: Interval) -> None:
        super().__init__("not within the outage")
        self.outage = outage


@dataclass(frozen=True, slots=True)
class Person:
    """Who takes a step: `kind` is `user`, or `api_key` for a program.

    `issuer` is whose word it is that he is this `id`; None: that was not kept.
    """

    kind: str
    id: str
    name: str
    issuer: str | None = None

    @property
    def is_human(self) -> bool:
        """Whether it is somebody who can answer for what he says, whatever key he says it with."""
        return self.kind == "user"


@dataclass(frozen=True, slots=True)
class Step:
    """What somebody did with a decision. Steps are only ever added."""

    act: Act
    by: Person
    at: datetime
    reason: str | None


@dataclass(frozen=True, slots=True)
class Decision:
    """What is said of an outage, or of a part of it, by the steps that were taken; the first one proposed it."""

    outage_decision_id: UUID
    outage_id: UUID
    environment_id: UUID
    category: Category
    decided: Interval
    steps: tuple[Step, ...]

    @property
    def status(self) -> Status:
        """Where it stands."""
        return _STATUS_AFTER[self.steps[-1].act]

    @property
    def version(self) -> int:
        """Grows with every step."""
        return len(self.steps)

    def _at(self, act: Act) -> datetime | None:
        return next((step.at for step in self.steps if step.act == act), None)

    @property
    def approved_at(self) -> datetime | None:
        """Since when it holds, for what was before as well."""
        return self._at("approved")

    @property
    def withdrawn_at(self) -> datetime | None:
        """Since when it does not hold any more."""
        return self._at("withdrawn")

    def holds_at(self, known_at: datetime) -> bool:
        """Whether it is in force for somebody who asks at this instant."""
        if self.approved_at is None or known_at < self.approved_at:
            return False
        return self.withdrawn_at is None or known_at < self.withdrawn_at


def outage_interval(transitions: Iterable[Transition], outage_id: UUID, now: datetime) -> Interval:
    """From the beginning of an outage to its end, by the transitions of its monitor. Raises OutageNotOver."""
    outage = next((each for each in outages(transitions, now) if each.outage_id == outage_id), None)
    if outage is None or outage.end is None:
        raise OutageNotOver
    return Interval(outage.start, outage.end)


def within(outage: Interval, start: datetime | None, end: datetime | None) -> Interval:
    """The time that is decided on: what is left out is the outage's own bound. Raises OutsideTheOutage."""
    decided = Interval(start or outage.start, end or outage.end)
    if not outage.start <= decided.start < decided.end <= outage.end:
        raise OutsideTheOutage(outage)
    return decided


def as_told(decision: Decision) -> Decision | None:
    """What is told outside of the agency: what was agreed to, not what somebody merely proposed. None: nothing yet."""
    if decision.approved_at is None:
        return None
    told = [step for step in decision.steps if step.act in ("proposed", "approved", "withdrawn")]
    return replace(decision, steps=tuple(told))


def approve(decision: Decision, by: Person, at: datetime, reason: str | None) -> Decision:
    """What was proposed last is agreed to: the decision itself, or its withdrawal, by another human than proposed it.

    Raises NotInThisStatus, DecidedByAProgram, ProposedByAProgram, ApprovedByItsProposer, ProposedUnderAnotherIssuer.
    """
    act = _APPROVED.get(decision.status)
    if act is None:
        raise NotInThisStatus(decision.status)
    proposer = decision.steps[-1].by
    if not proposer.is_human:
        raise ProposedByAProgram
    if by.id == proposer.id:
        raise ApprovedByItsProposer
    if by.is_human and proposer.issuer is not None and by.issuer != proposer.issuer:
        raise ProposedUnderAnotherIssuer
    return _stepped(decision, Step(act, by, at, reason))


def decline(decision: Decision, by: Person, at: datetime, reason: str) -> Decision:
    """What was proposed last does not come about; whoever proposed it may take it back so.

    Raises NotInThisStatus, DecidedByAProgram.
    """
    act = _DECLINED.get(decision.status)
    if act is None:
        raise NotInThisStatus(decision.status)
    return _stepped(decision, Step(act, by, at, reason))


def propose_withdrawal(decision: Decision, by: Person, at: datetime, reason: str) -> Decision:
    """That a decision should not hold any more; until a second person agrees it does.

    Raises NotInThisStatus, DecidedByAProgram.
    """
    if decision.status != "approved":
        raise NotInThisStatus(decision.status)
    return _stepped(decision, Step("withdrawal_proposed", by, at, reason))


def proposed(by: Person, at: datetime, reason: str) -> Step:
    """The first step of a decision. Raises DecidedByAProgram."""
    return _by_a_human(Step("proposed", by, at, reason))


def _by_a_human(step: Step) -> Step:
    if not step.by.is_human:
        raise DecidedByAProgram
    return step


def _stepped(decision: Decision, step: Step) -> Decision:
    return replace(decision, steps=(*decision.steps, _by_a_human(step)))


def in_force(decisions: Iterable[Decision], known_at: datetime) -> list[Decision]:
    """The decisions that hold for somebody who asks at this instant, the last approved one first."""
    holding = [decision for decision in decisions if decision.holds_at(known_at)]
    return sorted(holding, key=lambda one: (one.approved_at or known_at, one.outage_decision_id.int), reverse=True)


def forgiven(decisions: Iterable[Decision]) -> dict[UUID, list[Interval]]:
    """By outage the time that was decided on: `environment_line(forgiven=…)`."""
    found: dict[UUID, list[Interval]] = {}
    for decision in decisions:
        found[decision.outage_id] = union([*found.get(decision.outage_id, ()), decision.decided])
    return found


def reclassified(line: Sequence[Span], without: Sequence[Span], decisions: Sequence[Decision]) -> list[Span]:
    """The line with outages as they were decided. Of several decisions about one instant the first one given holds.

    :param line: the states as they were measured.
    :param without: the same line with what was decided on taken for up (`environment_line(forgiven=…)`): where it is
        still down, another monitor found another outage, and that one counts.
    """
    result: list[Span] = []
    for span in line:
        about = [decision for decision in decisions if decision.outage_id == span.outage_id]
        if span.state != "down" or not about:
            result.append(span)
            continue
        others = [each for each in clipped(without, span.start, span.end) if each.state == "down"]
        parts = [each for each in others if each.outage_id != span.outage_id]
        left = subtraction([Interval(span.start, span.end)], _times(others))
        for decision in about:
            for start, end in intersection(left, [decision.decided]):
                state, reason = COUNTS_AS[decision.category], decision.category
                parts.append(Span(start, end, state, span.outage_id, reason, span.events, decision.outage_decision_id))
            left = subtraction(left, [decision.decided])
        # What nobody decided on stays as it was measured.
        undecided = subtraction([Interval(span.start, span.end)], _times(parts))
        parts += [replace(span, start=start, end=end) for start, end in undecided]
        result.extend(sorted(parts, key=lambda part: part.start))
    return result


def _times(spans: Iterable[Span]) -> list[Interval]:
    return union(Interval(span.start, span.end) for span in spans)
