"""The phases around a support contract, in their order: diagnostic, architecture, delivery, support."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Literal, get_args

PhaseKind = Literal["diagnostic", "architecture", "delivery", "support"]
PhaseState = Literal["planned", "begun", "completed"]

_ORDER: tuple[PhaseKind, ...] = get_args(PhaseKind)
_ONCE: frozenset[PhaseKind] = frozenset({"diagnostic", "support"})
_BEFORE_SUPPORT: frozenset[PhaseKind] = frozenset({"diagnostic", "delivery"})


class PhaseOrder(Exception):
    """The phases do not follow one another so; the message says what is possible."""


@dataclass(frozen=True)
class Phase:
    """One phase. `begun_at` and `completed_at` tell its state."""

    kind: PhaseKind
    begun_at: datetime | None = None
    completed_at: datetime | None = None

    @property
    def state(self) -> PhaseState:
        """Where it stands."""
        if self.completed_at is not None:
            return "completed"
        return "planned" if self.begun_at is None else "begun"


def check_plan(kinds: Sequence[PhaseKind]) -> None:
    """Raises PhaseOrder unless the phases can follow one another: a delivery may have several stages, support is last.

    Support begins after a diagnostic or a delivery, so one of them must be planned before it.
    """
    ranks = [_ORDER.index(kind) for kind in kinds]
    if ranks != sorted(ranks):
        raise PhaseOrder(f"Phases follow one another in this order: {', '.join(_ORDER)}.")
    for kind in _ONCE:
        if kinds.count(kind) > 1:
            raise PhaseOrder(f"There is one phase of {kind} at most.")
    if "support" in kinds and not _BEFORE_SUPPORT & set(kinds):
        raise PhaseOrder("Support begins after a diagnostic or a delivery. Plan one of them before it.")


def begin(phases: Sequence[Phase], number: int, at: datetime) -> tuple[Phase, ...]:
    """The phases after the one with this number (from 1) has begun. Raises PhaseOrder."""
    phase = _phase(phases, number)
    if phase.state != "planned":
        raise PhaseOrder(f"Phase {number} ({phase.kind}) has begun already.")
    _check_all_before(phases, number)
    return _with(phases, number, replace(phase, begun_at=at))


def complete(phases: Sequence[Phase], number: int, at: datetime) -> tuple[Phase, ...]:
    """The phases after the one with this number (from 1) was completed. Raises PhaseOrder."""
    phase = _phase(phases, number)
    if phase.state != "begun":
        stand = "is completed already" if phase.state == "completed" else "has not begun"
        raise PhaseOrder(f"Phase {number} ({phase.kind}) {stand}.")
    return _with(phases, number, replace(phase, completed_at=at))


def diagnostic_is_open(phases: Sequence[Phase]) -> bool:
    """Whether a diagnostic is planned or goes on: until it is completed nobody knows what would be supported."""
    return any(phase.kind == "diagnostic" and phase.state != "completed" for phase in phases)


def diagnosed_since(phases: Sequence[Phase], since: datetime) -> bool:
    """Whether a diagnostic was completed at or after an instant."""
    return any(
        phase.kind == "diagnostic" and phase.completed_at is not None and phase.completed_at >= since
        for phase in phases
    )


def waits_before_support(phases: Sequence[Phase]) -> tuple[Phase, ...]:
    """The phases that must be completed before support may begin."""
    return tuple(phase for phase in phases if phase.kind != "support" and phase.state != "completed")


def _phase(phases: Sequence[Phase], number: int) -> Phase:
    if not 1 <= number <= len(phases):
        raise PhaseOrder(f"There is no phase {number}: they run from 1 to {len(phases)}.")
    return phases[number - 1]


def _check_all_before(phases: Sequence[Phase], number: int) -> None:
    for earlier, phase in enumerate(phases[: number - 1], start=1):
        if phase.state != "completed":
            raise PhaseOrder(f"Phase {earlier} ({phase.kind}) comes first and is not completed.")


def _with(phases: Sequence[Phase], number: int, changed: Phase) -> tuple[Phase, ...]:
    return (*phases[: number - 1], changed, *phases[number:])
