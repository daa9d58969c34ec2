"""The service desk part of a contract as contracts publishes it: what is left out, or not known here, is the default.

Contracts that were signed before there was such a part have none; then everything is the default, and nothing is
promised beside the response commitment.
"""

from collections.abc import Callable, Iterable, Mapping
from datetime import timedelta
from types import MappingProxyType
from typing import TypeVar
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from incidents.domain.service_desk_terms import (
    DEFAULT_SEVERITIES,
    DEFAULT_TERMS,
    BacklogLimits,
    EscalationLevel,
    Freeze,
    PostMortemRule,
    ServiceDeskTerms,
    SeverityLevel,
    UrgentQuota,
    by_rank,
    contract_rank_of,
    default_matrix,
)
from incidents.domain.work_item import Criticality, Impact
from shared.values import ClockDuration, LocalDate

T = TypeVar("T")


class _Tolerant(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True)


class SeverityEntry(_Tolerant):
    code: str
    rank: int
    names: dict[str, str] = Field(default_factory=dict)
    synonyms: list[str] = Field(default_factory=list)


class MatrixEntry(_Tolerant):
    impact: str
    criticality: str
    severity: str


class Priority(_Tolerant):
    rank: int | None = None
    matrix: list[MatrixEntry] = Field(default_factory=list)
    decided_by: frozenset[str] | None = None


class DeskTarget(_Tolerant):
    severity: str
    mitigation: ClockDuration | None = None
    next_reply: ClockDuration | None = None


class Urgent(_Tolerant):
    severities: frozenset[str] | None = None
    quota_percent: int = DEFAULT_TERMS.urgent.percent
    window_days: int = DEFAULT_TERMS.urgent.window.days


class PostMortem(_Tolerant):
    severities: frozenset[str] | None = None
    recurrences: int = 3
    within_days: int = 30
    due: ClockDuration = timedelta(hours=40)


class Acceptance(_Tolerant):
    due: ClockDuration = timedelta(hours=45)


class Backlog(_Tolerant):
    cap: int = DEFAULT_TERMS.backlog.cap
    stale_after_days: int = DEFAULT_TERMS.backlog.stale_after.days


class FreezePeriod(_Tolerant):
    name: str
    first_day: LocalDate = Field(alias="from")
    last_day: LocalDate = Field(alias="to")


class EscalationEntry(_Tolerant):
    level: int
    role: str
    percent: int | None = None


class ServiceDesk(_Tolerant):
    """The block `service_desk` of a contract state. Whoever signs one signs the defaults of what it leaves out."""

    severities: list[SeverityEntry] = Field(default_factory=list)
    priority: Priority = Priority()
    targets: list[DeskTarget] = Field(default_factory=list)
    warnings_percent: list[int] | None = None
    urgent: Urgent = Urgent()
    post_mortem: PostMortem = PostMortem()
    acceptance: Acceptance = Acceptance()
    micro_evolution_limit_minutes: int = DEFAULT_TERMS.micro_evolution_limit // timedelta(minutes=1)
    change_size_cap_minutes: int = DEFAULT_TERMS.change_size_cap // timedelta(minutes=1)
    backlog: Backlog = Backlog()
    freezes: list[FreezePeriod] = Field(default_factory=list)
    escalation: list[EscalationEntry] | None = None
    hotline_calendar: str | None = None
    assigned_user_ids: frozenset[UUID] = frozenset()
    round_the_clock: bool = False

    def terms(self, plan_priority: int) -> ServiceDeskTerms:
        """As the domain knows it; `plan_priority` stands in for a rank that is left out."""
        severities = self._severities()
        # Where a contract has severities of its own and does not say which are urgent, its first one is.
        gravest = frozenset({severities[0].code})
        return ServiceDeskTerms(
            severities=severities,
            contract_rank=contract_rank_of(plan_priority) if self.priority.rank is None else self.priority.rank,
            decided_by=DEFAULT_TERMS.decided_by if self.priority.decided_by is None else self.priority.decided_by,
            matrix=self._matrix(severities),
            mitigation=_promised(self.targets, lambda target: target.mitigation),
            next_reply=_promised(self.targets, lambda target: target.next_reply),
            warnings_percent=_said(self.warnings_percent, DEFAULT_TERMS.warnings_percent, lambda given: given),
            urgent=UrgentQuota(
                severities=gravest if self.urgent.severities is None else self.urgent.severities,
                percent=self.urgent.quota_percent,
                window=timedelta(days=self.urgent.window_days),
            ),
            post_mortem=PostMortemRule(
                severities=gravest if self.post_mortem.severities is None else self.post_mortem.severities,
                recurrences=self.post_mortem.recurrences,
                within=timedelta(days=self.post_mortem.within_days),
                due=self.post_mortem.due,
            ),
            acceptance_due=self.acceptance.due,
            micro_evolution_limit=timedelta(minutes=self.micro_evolution_limit_minutes),
            change_size_cap=timedelta(minutes=self.change_size_cap_minutes),
            backlog=BacklogLimits(self.backlog.cap, timedelta(days=self.backlog.stale_after_days)),
            freezes=tuple(Freeze(freeze.name, freeze.first_day, freeze.last_day) for freeze in self.freezes),
            escalation=_said(
                self.escalation,
                DEFAULT_TERMS.escalation,
                lambda given: sorted(
                    (EscalationLevel(step.level, step.role, step.percent) for step in given),
                    key=lambda step: step.level,
                ),
            ),
            hotline_calendar=self.hotline_calendar,
            assigned_user_ids=self.assigned_user_ids,
            round_the_clock=self.round_the_clock,
        )

    def _severities(self) -> tuple[SeverityLevel, ...]:
        if not self.severities:
            return DEFAULT_SEVERITIES
        return by_rank(
            SeverityLevel(entry.code, entry.rank, MappingProxyType(entry.names), tuple(entry.synonyms))
            for entry in self.severities
        )

    def _matrix(self, severities: tuple[SeverityLevel, ...]) -> Mapping[tuple[Impact, Criticality], str]:
        """The default with the contract's entries over it, as far as they name what is known."""
        codes = {level.code for level in severities}
        matrix = dict(default_matrix(severities))
        for entry in self.priority.matrix:
            if entry.impact in set(Impact) and entry.criticality in set(Criticality) and entry.severity in codes:
                matrix[Impact(entry.impact), Criticality(entry.criticality)] = entry.severity
        return MappingProxyType(matrix)


G = TypeVar("G")


def _said(given: G | None, default: tuple[T, ...], read: Callable[[G], Iterable[T]]) -> tuple[T, ...]:
    """An empty list was said, too: only what was left out is the default."""
    return default if given is None else tuple(read(given))


def _promised(
    targets: Iterable[DeskTarget], length: Callable[[DeskTarget], timedelta | None]
) -> Mapping[str, timedelta]:
    return MappingProxyType(
        {target.severity: promised for target in targets if (promised := length(target)) is not None}
    )
