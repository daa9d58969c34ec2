"""How a contract wants its service desk to work: severities and their words, priority, limits, freezes, backlog.

What costs or blocks something (a post-mortem, an acceptance that comes by itself, a freeze, a target) is never implied:
a contract that says nothing of it has none. What only orders the work (severities, the matrix of impact and
criticality, limits that warn) has defaults.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from fractions import Fraction
from types import MappingProxyType
from uuid import UUID
from zoneinfo import ZoneInfo

from incidents.domain.work_item import Criticality, Impact, Severity


@dataclass(frozen=True, slots=True)
class SeverityWord:
    """A severity of a contract: its code, its place (1 is the worst) and the words that people use for it."""

    code: str
    rank: int
    words: frozenset[str]


_DEFAULT_SEVERITIES = (
    SeverityWord(Severity.CRITICAL, 1, frozenset({"bloquant", "critique", "blocking", "blocker"})),
    SeverityWord(Severity.MAJOR, 2, frozenset({"majeur"})),
    SeverityWord(Severity.MINOR, 3, frozenset({"mineur"})),
    SeverityWord(Severity.TEMPORARY, 4, frozenset({"temporaire"})),
)

_UTC = ZoneInfo("UTC")
_C, _MA, _MI = Severity.CRITICAL.value, Severity.MAJOR.value, Severity.MINOR.value
_DEFAULT_MATRIX: Mapping[tuple[Impact, Criticality], str] = MappingProxyType(
    {
        (impact, criticality): severity
        for impact, row in {
            Impact.AVAILABILITY: (_MI, _MA, _C),
            Impact.SECURITY: (_MA, _C, _C),
            Impact.DATA: (_MA, _MA, _C),
            Impact.OPERATIONS: (_MI, _MI, _MA),
        }.items()
        for criticality, severity in zip((Criticality.LOW, Criticality.MEDIUM, Criticality.HIGH), row, strict=True)
    }
)


@dataclass(frozen=True, slots=True)
class Urgent:
    """Which severities are urgent, and how large their share of what came in during the window may be."""

    severities: frozenset[str] = frozenset({Severity.CRITICAL})
    quota_percent: int | None = None
    window: timedelta = timedelta(days=30)

    def exceeded(self, urgent: int, total: int) -> bool:
        """Whether these urgent ones of all are more than the quota, exactly. Without a quota nothing is."""
        return self.quota_percent is not None and total > 0 and Fraction(urgent * 100, total) > self.quota_percent


@dataclass(frozen=True, slots=True)
class PostMortem:
    """When an incident needs one: by its severity, or because it is the n-th within some days."""

    severities: frozenset[str]
    recurrences: int | None
    within: timedelta

    def required(self, severity: str, recurrences: int) -> bool:
        """`recurrences`: how many incidents of the same environment there were within the days, this one included."""
        return severity in self.severities or (self.recurrences is not None and recurrences >= self.recurrences)


@dataclass(frozen=True, slots=True)
class Freeze:
    """A season in which nothing is changed: local dates, both included."""

    name: str
    first: date
    last: date


@dataclass(frozen=True, slots=True)
class ServiceDesk:
    """One contract version's service desk."""

    severities: tuple[SeverityWord, ...] = _DEFAULT_SEVERITIES
    matrix: Mapping[tuple[Impact, Criticality], str] = field(default_factory=lambda: _DEFAULT_MATRIX)
    decided_by: frozenset[str] = frozenset({"client_decider"})
    warnings_percent: tuple[int, ...] = (75,)
    urgent: Urgent = Urgent()
    post_mortem: PostMortem | None = None
    micro_evolution_limit_minutes: int = 240
    change_size_cap_minutes: int = 2400
    backlog_cap: int = 40
    stale_after: timedelta = timedelta(days=60)
    freezes: tuple[Freeze, ...] = ()
    assigned_user_ids: frozenset[UUID] = frozenset()
    zone: ZoneInfo = _UTC

    def severity(self, said: str) -> str | None:
        """The code of a severity, given as its code or as a word for it, in any case; None when it is none of these."""
        word = said.strip().casefold()
        for known in self.severities:
            if word == known.code.casefold() or word in known.words:
                return known.code
        return None

    def rank(self, severity: str) -> int:
        """The place of a severity, 1 first; one that is not listed comes after all that are."""
        found = {known.code: known.rank for known in self.severities}
        return found.get(severity, max(found.values(), default=0) + 1)

    def of_matrix(self, impact: Impact | None, criticality: Criticality | None) -> str | None:
        """The severity of an impact and a criticality; None when one of the two is not known, or neither is listed."""
        if impact is None or criticality is None:
            return None
        return self.matrix.get((impact, criticality))

    @property
    def ordinary(self) -> str:
        """The severity of what nobody has judged: minor where there is one, else the last."""
        codes = [known.code for known in sorted(self.severities, key=lambda known: known.rank)]
        return Severity.MINOR if Severity.MINOR in codes else codes[-1]

    def freezes_at(self, at: datetime) -> tuple[Freeze, ...]:
        """The freezes on the local date of an instant."""
        return self.freezes_between(at, at)

    def freezes_between(self, start: datetime, end: datetime) -> tuple[Freeze, ...]:
        """The freezes that a span of time touches, in the client's zone."""
        first, last = (at.astimezone(self.zone).date() for at in (start, end))
        return tuple(freeze for freeze in self.freezes if freeze.first <= last and first <= freeze.last)


class FrozenError(Exception):
    """The contract freezes changes then; `freezes` must be approved by name."""

    def __init__(self, freezes: Iterable[Freeze]) -> None:
        self.freezes = tuple(freeze.name for freeze in freezes)
        super().__init__(
            f"The contract freezes changes then: {', '.join(self.freezes)}. "
            "Choose another window, or let the client's decider approve these freezes by name (`approved_freezes`)."
        )
