"""Escalation: who is told when work does not go on as promised.

A policy is a list of levels. A level becomes due by share of a clock (a percentage of the response or repair target),
or by hierarchy (so many minutes after the opening without anybody's acknowledgement). Which policy an item has is
decided once, by the policies as they were when it opened; when its levels are due follows from facts at any time, so
that a due date that moves takes along the levels that have not fired.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from incidents.domain.promises import Metric
from incidents.domain.sla_clock import ClockReading

ON_CALL = "on_call"
"""The role of whoever is on call for the contract, by the schedules that are in charge of it."""


@dataclass(frozen=True, slots=True)
class ShareOfClock:
    """Due when this share of the target is used."""

    metric: Metric
    percent: int


@dataclass(frozen=True, slots=True)
class Unacknowledged:
    """Due this long after the opening, unless somebody has acknowledged by then."""

    minutes: int


@dataclass(frozen=True, slots=True)
class Target:
    """One place to look for people: a schedule, a person, or a role. Exactly one is set."""

    schedule_id: UUID | None = None
    person_id: UUID | None = None
    role: str | None = None


@dataclass(frozen=True, slots=True)
class Level:
    """One step. Of the people that its targets name, in order, the first who may be disturbed now is asked."""

    number: int
    when: ShareOfClock | Unacknowledged
    targets: tuple[Target, ...]


@dataclass(frozen=True, slots=True)
class Policy:
    """One version of a policy. No contract is: every contract; no severities are: all of them."""

    id: UUID
    version: int
    name: str
    contract_id: UUID | None
    severities: frozenset[str]
    levels: tuple[Level, ...]

    def concerns(self, contract_id: UUID, severity: str) -> bool:
        """Whether it may be the policy of an item."""
        return self.contract_id in (None, contract_id) and (not self.severities or severity in self.severities)


def choose(policies: Iterable[Policy], contract_id: UUID, severity: str) -> Policy | None:
    """The most particular policy: one of the contract before one of all, then one that names the severity.

    Of two that are alike the one that was made first (by its id) counts, so that adding another changes nothing.
    """
    return min(
        (policy for policy in policies if policy.concerns(contract_id, severity)),
        key=lambda policy: (policy.contract_id is None, not policy.severities, policy.id),
        default=None,
    )


@dataclass(frozen=True, slots=True)
class Progress:
    """What is known of an item: when it opened and was acknowledged, and how its clocks read now."""

    opened_at: datetime
    acknowledged_at: datetime | None
    clocks: Mapping[Metric, ClockReading]
    """Read with every percentage that a level asks for among its thresholds."""


def due_at(level: Level, progress: Progress) -> datetime | None:
    """When a level is or was due, as far as anybody can say now; None when nothing will make it due."""
    match level.when:
        case Unacknowledged(minutes):
            at = progress.opened_at + timedelta(minutes=minutes)
            answered = progress.acknowledged_at
            return at if answered is None or answered > at else None
        case ShareOfClock(metric, percent):
            reading = progress.clocks.get(metric)
            if reading is None:
                return None
            running = reading.state in ("running", "breached") and reading.cycles[-1].stopped_at is None
            for threshold in reading.thresholds:
                # While a clock is paused or over, what it has not reached has no date.
                if threshold.percent == percent and (threshold.reached or running):
                    return threshold.at
            return None
