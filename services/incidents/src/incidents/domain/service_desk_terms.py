"""What one version of a contract says about its service desk, beside the response commitment.

Which severities there are and how they are found, what the contract's place in the queue is, what is promised besides
response and repair, when changes are frozen, who is involved when a clock runs out. Lists and figures only: whoever
acts on them decides with them and with the facts.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from fractions import Fraction
from types import MappingProxyType
from uuid import UUID
from zoneinfo import ZoneInfo

from incidents.domain.work_item import Criticality, Impact, Severity


@dataclass(frozen=True, slots=True)
class SeverityLevel:
    """One severity of a contract. `rank`: 1 is the most urgent one. `names`: language to name."""

    code: str
    rank: int
    names: Mapping[str, str]
    synonyms: tuple[str, ...] = ()

    def is_called(self, word: str) -> bool:
        """Whether people mean this severity by the word: its code, a name in any language, or a synonym."""
        return _plain(word) in {_plain(known) for known in (self.code, *self.names.values(), *self.synonyms)}


@dataclass(frozen=True, slots=True)
class UrgentQuota:
    """Items of these severities are urgent; more than `percent` of those of a `window` are too many."""

    severities: frozenset[str]
    percent: int
    window: timedelta

    def exceeded(self, urgent: int, total: int) -> bool:
        """Whether these urgent ones of all are more than the quota, exactly."""
        return total > 0 and Fraction(urgent * 100, total) > self.percent


@dataclass(frozen=True, slots=True)
class PostMortemRule:
    """When an incident needs a post-mortem: by its severity, or as one of `recurrences` `within` a time.

    `due` is counted in the hours of the response calendar.
    """

    severities: frozenset[str]
    recurrences: int
    within: timedelta
    due: timedelta

    def required(self, severity: str, recurrences: int) -> bool:
        """`recurrences`: how many incidents of the same environment there were within the time, this one included."""
        return severity in self.severities or recurrences >= self.recurrences


@dataclass(frozen=True, slots=True)
class BacklogLimits:
    """How many items may wait, and after how long one that nobody touches is proposed for closing."""

    cap: int
    stale_after: timedelta


@dataclass(frozen=True, slots=True)
class Freeze:
    """Days on which changes need an approval of their own: local days of the client, first and last included."""

    name: str
    first_day: date
    last_day: date


@dataclass(frozen=True, slots=True)
class EscalationLevel:
    """Who is involved next. `percent` is the share of the clock; None: by hierarchy, when the level before hands up."""

    level: int
    role: str
    percent: int | None


@dataclass(frozen=True, slots=True)
class ServiceDeskTerms:
    """The service desk part of a contract version.

    `contract_rank` is the contract's place in the queue at equal severity: 1 is answered first. A severity without an
    entry in `mitigation` or `next_reply` is promised nothing of that kind. `acceptance_due`, like every length here,
    is counted in the hours of the response calendar. None for `post_mortem` or `acceptance_due`: not agreed, so nothing
    is owed and nothing is accepted by silence. `decided_by` are the roles that decide the order of the work.
    """

    severities: tuple[SeverityLevel, ...]
    contract_rank: int
    decided_by: frozenset[str]
    matrix: Mapping[tuple[Impact, Criticality], str]
    mitigation: Mapping[str, timedelta]
    next_reply: Mapping[str, timedelta]
    warnings_percent: tuple[int, ...]
    urgent: UrgentQuota
    post_mortem: PostMortemRule | None
    acceptance_due: timedelta | None
    micro_evolution_limit: timedelta
    change_size_cap: timedelta
    backlog: BacklogLimits
    freezes: tuple[Freeze, ...]
    escalation: tuple[EscalationLevel, ...]
    hotline_calendar: str | None
    assigned_user_ids: frozenset[UUID]
    round_the_clock: bool

    def severity_of(self, impact: Impact | None, criticality: Criticality | None) -> str | None:
        """Code of the severity that the matrix gives; None while one of the two is not known."""
        return None if impact is None or criticality is None else self.matrix[impact, criticality]

    def severity_named(self, word: str) -> str | None:
        """Code of the severity that people mean by a word, in any language, case and with or without accents."""
        return next((level.code for level in self.severities if level.is_called(word)), None)

    def standing_for(self, usual: Severity) -> str:
        """Code of the severity that stands where a usual one stands in its list, for senders that know only these."""
        named = self.severity_named(usual)
        place = list(Severity).index(usual)
        return named or self.severities[min(place, len(self.severities) - 1)].code

    @property
    def ordinary(self) -> str:
        """Code of the severity of what nobody has judged: minor where there is one, else the least urgent."""
        codes = [level.code for level in self.severities]
        return Severity.MINOR.value if Severity.MINOR in codes else codes[-1]

    def freezes_between(self, start: datetime, end: datetime, zone: ZoneInfo) -> tuple[Freeze, ...]:
        """The freezes that a span of time touches, by the local days of the client's zone; both ends are included."""
        first, last = (at.astimezone(zone).date() for at in (start, end))
        return tuple(freeze for freeze in self.freezes if freeze.first_day <= last and first <= freeze.last_day)


class FrozenError(Exception):
    """The contract freezes changes then; `freezes` must be approved by name."""

    def __init__(self, freezes: Iterable[Freeze]) -> None:
        self.freezes = tuple(freeze.name for freeze in freezes)
        super().__init__(
            f"The contract freezes changes then: {', '.join(self.freezes)}. "
            "The client's decider approves it then only with `approved_freezes` that name them. A change that is "
            "approved already is estimated again first, for such an approval or for another window."
        )


def refuse_frozen(freezes: Iterable[Freeze], approved: Iterable[str]) -> None:
    """Raises FrozenError with those of the freezes that were not approved by name."""
    frozen = [freeze for freeze in freezes if freeze.name not in approved]
    if frozen:
        raise FrozenError(frozen)


def _plain(word: str) -> str:
    decomposed = unicodedata.normalize("NFKD", word.strip().casefold())
    return "".join(letter for letter in decomposed if not unicodedata.combining(letter))


def by_rank(severities: Iterable[SeverityLevel]) -> tuple[SeverityLevel, ...]:
    """The severities from the most urgent to the least."""
    return tuple(sorted(severities, key=lambda level: (level.rank, level.code)))


DEFAULT_SEVERITIES = (
    SeverityLevel(
        "critical", 1, MappingProxyType({"fr": "bloquant", "en": "critical"}), ("critique", "blocking", "blocker")
    ),
    SeverityLevel("major", 2, MappingProxyType({"fr": "majeur", "en": "major"})),
    SeverityLevel("minor", 3, MappingProxyType({"fr": "mineur", "en": "minor"})),
    SeverityLevel("temporary", 4, MappingProxyType({"fr": "temporaire", "en": "temporary"})),
)

# By place in the list of severities, not by code: a contract may call its severities what it likes.
_PLACES: Mapping[Impact, Mapping[Criticality, int]] = {
    Impact.AVAILABILITY: {Criticality.LOW: 2, Criticality.MEDIUM: 1, Criticality.HIGH: 0},
    Impact.SECURITY: {Criticality.LOW: 1, Criticality.MEDIUM: 0, Criticality.HIGH: 0},
    Impact.DATA: {Criticality.LOW: 1, Criticality.MEDIUM: 1, Criticality.HIGH: 0},
    Impact.OPERATIONS: {Criticality.LOW: 2, Criticality.MEDIUM: 2, Criticality.HIGH: 1},
}


def default_matrix(severities: tuple[SeverityLevel, ...]) -> Mapping[tuple[Impact, Criticality], str]:
    """The matrix of a contract that names none, in its own severities, which come by rank and are at least one."""
    last = len(severities) - 1
    return MappingProxyType(
        {
            (impact, criticality): severities[min(place, last)].code
            for impact, row in _PLACES.items()
            for criticality, place in row.items()
        }
    )


def contract_rank_of(plan_priority: int) -> int:
    """The place of a contract that names none, from its plan's priority, where higher is answered first."""
    return max(1, 3 - plan_priority)


DEFAULT_TERMS = ServiceDeskTerms(
    severities=DEFAULT_SEVERITIES,
    contract_rank=contract_rank_of(0),
    decided_by=frozenset({"client_decider"}),
    matrix=default_matrix(DEFAULT_SEVERITIES),
    # A default orders work; it never makes a promise that nobody has signed, of either party.
    mitigation=MappingProxyType({}),
    next_reply=MappingProxyType({}),
    warnings_percent=(50, 75, 90),
    urgent=UrgentQuota(frozenset({"critical"}), 20, timedelta(days=30)),
    post_mortem=None,
    acceptance_due=None,
    micro_evolution_limit=timedelta(minutes=240),
    change_size_cap=timedelta(minutes=2400),
    backlog=BacklogLimits(40, timedelta(days=60)),
    freezes=(),
    escalation=(EscalationLevel(1, "on_call", 50), EscalationLevel(2, "manager", 90)),
    hotline_calendar=None,
    assigned_user_ids=frozenset(),
    round_the_clock=False,
)
"""How the desk of a contract works that says nothing about it."""
