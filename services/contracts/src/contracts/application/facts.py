"""What the other services told of a contract: kept as it was said, and put together for a period.

Facts are only ever added. The id of a fact is that of the event that told it, so that telling it twice adds nothing; of
several facts about one thing the one with the highest version counts, so that the order does not matter. The models are
tolerant on purpose: what is not read here is not kept, and a publisher may add to its events.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Any, Generic, Literal, Protocol, TypeAlias, TypeVar
from uuid import UUID

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from contracts.application.obligations import Breach
from contracts.application.ports import Workspace
from contracts.domain import verdicts as rules
from contracts.domain.verdicts import Verdict

FactKind: TypeAlias = Literal[
    "uptime",
    "clock",
    "incident",
    "request",
    "change",
    "work_order",
    "deployment",
    "intervention",
    "restore_verification",
    "certificate",
    "performance",
    "unwatched_pages",
    "report",
    "review",
]
ItemKind: TypeAlias = Literal["incident", "request", "change", "work_order"]
ITEM_KINDS: tuple[ItemKind, ...] = ("incident", "request", "change", "work_order")
CLIENTS_OWN = "acceptance"
"""The metric of the client's own time: nothing of the provider's is late."""
BREACHED = "incidents.clock.breached.v1"


class _Read(BaseModel):
    """As far as we read it."""

    model_config = ConfigDict(extra="ignore", frozen=True)


# --- what is read ----------------------------------------------------------------------------------------------------


class AmountsAsMeasured(_Read):
    """What a figure came to before any decision on its outages."""

    met: bool | None
    numerator: int = Field(ge=0)
    denominator: int = Field(ge=0)
    units_per_second: int = Field(ge=1)


class DecidedOutage(_Read):
    """A decision that figures rest on: an outage was agreed maintenance, the client's or a third party's."""

    outage_decision_id: UUID
    outage_id: UUID
    category: Literal["agreed_maintenance", "client_caused", "third_party"]
    starts_at: AwareDatetime
    ends_at: AwareDatetime
    reason: str
    approved_by: str
    approved_at: AwareDatetime


class MeasuredFigure(_Read):
    """The uptime of one environment under one promise: exactly `numerator` ÷ `denominator`, whole numbers.

    Nothing is left to judge where the denominator is 0. `target_percent` is null where nothing was promised, and what
    does not count for the commitment has no verdict.
    """

    environment_id: UUID
    environment_name: str
    site_id: UUID
    url: str
    counts_for_sla: bool
    starts_at: AwareDatetime
    ends_at: AwareDatetime
    contract_version: int
    target_percent: Decimal | None
    met: bool | None
    numerator: int = Field(ge=0)
    denominator: int = Field(ge=0)
    units_per_second: int = Field(ge=1)
    measured_units: int = Field(ge=0)
    as_measured: AmountsAsMeasured | None = None
    outage_decision_ids: tuple[UUID, ...] = ()
    event_ids: tuple[UUID, ...]

    @property
    def percent(self) -> Fraction | None:
        """The exact uptime in percent; None when nothing could be judged."""
        return Fraction(100 * self.numerator, self.denominator) if self.denominator else None


class UptimeMeasured(_Read):
    """What was measured of a contract in a calendar month of its client's, cut to the life of the contract."""

    measurement_id: UUID
    version: int
    contract_id: UUID
    month: date
    starts_at: AwareDatetime
    ends_at: AwareDatetime
    committed: bool
    met: bool | None
    decisions: tuple[DecidedOutage, ...] = ()
    figures: tuple[MeasuredFigure, ...]
    method: str
    content_hash: str
    status_page_slug: str | None = None


class ToldOfClock(_Read):
    """That a clock went over its target, or stopped within it."""

    clock_id: UUID
    incident_id: UUID
    contract_id: UUID
    metric: str
    policy: str
    target_seconds: Decimal
    elapsed_seconds: Decimal
    at: AwareDatetime
    kind: str = "incident"
    count: int = 1


class ReadClock(_Read):
    """A clock as its item tells that it reads."""

    clock_id: UUID
    metric: str
    policy: str
    target_seconds: Decimal
    state: Literal["running", "paused", "met", "breached", "cancelled"]
    breach_after: AwareDatetime | None = None
    elapsed_seconds: Decimal
    verdict: Literal["met", "breached"] | None = None
    clock_version: int = 0
    count: int = 1
    stopped_at: AwareDatetime | None = None


class Stamped(_Read):
    """When something happened to an item."""

    at: AwareDatetime


class _Item(_Read):
    version: int
    number: str
    contract_id: UUID
    site_id: UUID | None = None
    category: str | None = None
    severity: str
    status: str
    title: str
    merged_into_id: UUID | None = None
    duplicate_of_id: UUID | None = None
    scope_verdict: str | None = None
    source: dict[str, Any] | None = None
    details: dict[str, Any] = Field(default_factory=dict)
    timestamps: dict[str, Stamped | None]
    clocks: tuple[ReadClock, ...] = ()

    def at(self, milestone: str) -> datetime | None:
        """When the item passed a milestone of its present cycle; None: it has not."""
        stamp = self.timestamps.get(milestone)
        return None if stamp is None else stamp.at


class IncidentTold(_Item):
    """An incident as it stands."""

    incident_id: UUID


class ItemTold(_Item):
    """A request, a change or a work order as it stands."""

    item_id: UUID
    kind: Literal["request", "change", "work_order"]


class ItemFact(_Item):
    """An item of the service desk, as it was last told. `event_id` told it."""

    event_id: UUID
    item_id: UUID
    kind: ItemKind


class DeploymentTold(_Read):
    """A version that was brought to something, or was to be."""

    deployment_id: UUID
    version: int
    contract_id: UUID
    site_id: UUID | None
    configuration_item: str
    released_version: str
    deployed_at: AwareDatetime | None
    window_from: AwareDatetime | None = None
    changed_at: AwareDatetime | None = None
    result: Literal["planned", "succeeded", "failed", "rolled_back"]


class InterventionTold(_Read):
    """That somebody worked on a site."""

    intervention_id: UUID
    version: int
    contract_id: UUID
    site_id: UUID | None
    mode: Literal["remote", "on_site"]
    began_at: AwareDatetime
    ended_at: AwareDatetime


class RestoreVerified(_Read):
    """That somebody tried to restore a backup."""

    restore_verification_id: UUID
    contract_id: UUID
    environment_id: UUID | None
    performed_at: AwareDatetime
    duration_seconds: int
    result: Literal["succeeded", "partial", "failed"]
    backup_taken_at: AwareDatetime | None
    evidence_url: str | None = None
    evidence_sha256: str | None = None


class CertificateSeen(_Read):
    """What was told of a certificate."""

    notice_id: UUID
    contract_id: UUID
    environment_id: UUID
    host: str
    verdict: str
    not_after: AwareDatetime
    observed_at: AwareDatetime


class ReportIssued(_Read):
    """That the report of a month was issued, in its first edition or a later one."""

    report_id: UUID
    contract_id: UUID
    month: date
    edition: int
    starts_at: AwareDatetime
    ends_at: AwareDatetime
    issued_at: AwareDatetime
    content_hash: str


class ReviewIssued(_Read):
    """That a review was issued, in its first edition or a later one."""

    review_id: UUID
    contract_id: UUID
    kind: str
    month: date
    edition: int
    starts_at: AwareDatetime
    ends_at: AwareDatetime
    issued_at: AwareDatetime
    content_hash: str


class PerformanceJudged(_Read):
    """That something had become slower, or fast again."""

    monitor_id: UUID
    contract_id: UUID
    environment_id: UUID
    threshold_percent: int
    since: date


class PagesUnwatched(_Read):
    """That pages which were promised to be watched could not be, from when to when; `ended_at` is null until then."""

    unwatched_pages_id: UUID
    contract_id: UUID
    environment_id: UUID
    reason: str
    found_at: AwareDatetime
    ended_at: AwareDatetime | None = None


# --- kept ------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Fact:
    """One fact. It holds over `[starts_at, ends_at]`; what happens at one instant starts and ends there.

    `version` is that of its subject: of several facts about a subject the highest counts. `item_id` is the item of the
    service desk that a clock belongs to.
    """

    fact_id: UUID
    contract_id: UUID
    kind: FactKind
    subject_id: UUID
    item_id: UUID | None
    version: int
    event_type: str
    starts_at: datetime
    ends_at: datetime
    content: Mapping[str, Any]


class Facts(Protocol):
    """Where facts are kept. They are never changed."""

    async def add(self, fact: Fact, client_id: UUID) -> bool:
        """Keeps a fact; False when it is there already."""

    async def touching(self, contract_id: UUID, start: datetime, end: datetime) -> Sequence[Fact]:
        """Every fact about the subjects that any fact of `[start, end)` is about, whenever those others hold."""

    async def about(self, subject_ids: Collection[UUID]) -> Sequence[Fact]:
        """Every fact about these subjects."""

    async def of_item(self, item_id: UUID) -> Sequence[Fact]:
        """Every fact about an item of the service desk, and about its clocks."""


async def take(work: Workspace, fact: Fact) -> bool:
    """Keeps a fact of a contract; False when it was kept before. Raises Unknown for a contract that is not there."""
    contract = await work.contracts.get(fact.contract_id)
    return await work.facts.add(fact, contract.client_id)


# --- put together ----------------------------------------------------------------------------------------------------

T = TypeVar("T", bound=BaseModel)


@dataclass(frozen=True)
class Known(Generic[T]):
    """What is known of one thing, and the event that told it last."""

    event_id: UUID
    told: T


@dataclass(frozen=True)
class PeriodFacts:
    """Everything that was told of a contract and that touches the period `[start, end)`: the newest of each thing.

    :param uptime: measured months that share an instant with the period.
    :param verdicts: of clocks, those that fell in the period; what was taken back since is not among them.
    :param items: that began before its end and were last told of in it or later. `at(milestone)` says when something
        happened to one.
    :param breaches: of either party that began in it, with the shares that were decided; withdrawn ones too.
    """

    contract_id: UUID
    start: datetime
    end: datetime
    uptime: tuple[Known[UptimeMeasured], ...]
    verdicts: tuple[Verdict, ...]
    items: tuple[ItemFact, ...]
    deployments: tuple[Known[DeploymentTold], ...]
    interventions: tuple[Known[InterventionTold], ...]
    restores: tuple[Known[RestoreVerified], ...]
    certificates: tuple[Known[CertificateSeen], ...]
    performance: tuple[Known[PerformanceJudged], ...]
    unwatched: tuple[Known[PagesUnwatched], ...]
    reports: tuple[Known[ReportIssued], ...]
    reviews: tuple[Known[ReviewIssued], ...]
    breaches: tuple[Breach, ...]

    def item(self, item_id: UUID) -> ItemFact | None:
        """The item with this id; None when it does not touch the period."""
        return next((each for each in self.items if each.item_id == item_id), None)

    def breach_of(self, verdict: Verdict) -> Breach | None:
        """The breach that a miss is in the register as, with who answers for it; None for what was met."""
        key = (verdict.clock_id, verdict.count)
        return next((each for each in self.breaches if (each.clock_id, each.clock_count) == key), None)


async def verdicts_of_item(work: Workspace, item_id: UUID) -> list[Verdict]:
    """How the clocks of an item came out, by all that was told of it."""
    return _verdicts(await work.facts.of_item(item_id))


async def number_of_item(work: Workspace, item_id: UUID) -> str | None:
    """The number of an item of the service desk, as it was last told; None: nothing was told of it."""
    told = [fact for fact in await work.facts.about([item_id]) if fact.kind in ITEM_KINDS]
    return item_of(max(told, key=lambda fact: (fact.version, fact.fact_id))).number if told else None


async def facts_of_period(work: Workspace, contract_id: UUID, start: datetime, end: datetime) -> PeriodFacts:
    """What is known now of a contract's period `[start, end)`, whatever order it was told in.

    Facts that come later, or with a higher version, change what this answers for the same period.
    """
    touching = list(await work.facts.touching(contract_id, start, end))
    # The item of a clock may have been told of before and after the period only.
    items = {fact.item_id for fact in touching if fact.item_id is not None}
    elsewhere = items - {fact.subject_id for fact in touching}
    further = await work.facts.about(elsewhere) if elsewhere else ()
    breaches = await work.registers.breaches.between(contract_id, start, end)
    return put_together(contract_id, start, end, [*touching, *further], breaches)


async def newest_report(
    work: Workspace, contract_id: UUID, month: date, start: datetime, end: datetime
) -> ReportIssued | None:
    """The newest edition of the report of a month that touches `[start, end)`; None: nothing was told of one.

    :param month: its first day. Of two months that touch a period, only one is meant.
    """
    known = await facts_of_period(work, contract_id, start, end)
    return next((each.told for each in known.reports if each.told.month == month), None)


def put_together(
    contract_id: UUID, start: datetime, end: datetime, facts: Iterable[Fact], breaches: Iterable[Breach]
) -> PeriodFacts:
    """The period's facts from everything that was told of their subjects, in any order, any of it more than once."""
    told = {fact.fact_id: fact for fact in facts}.values()
    newest: dict[tuple[FactKind, UUID], Fact] = {}
    for fact in told:
        present = newest.get((fact.kind, fact.subject_id))
        if present is None or (present.version, present.fact_id) < (fact.version, fact.fact_id):
            newest[fact.kind, fact.subject_id] = fact
    inside = sorted(
        (fact for fact in newest.values() if _touches(fact, start, end)),
        key=lambda fact: (fact.starts_at, fact.subject_id),
    )

    def known(kind: FactKind, model: type[T]) -> tuple[Known[T], ...]:
        return tuple(Known(fact.fact_id, model.model_validate(fact.content)) for fact in inside if fact.kind == kind)

    found = _verdicts(told)
    return PeriodFacts(
        contract_id=contract_id,
        start=start,
        end=end,
        uptime=known("uptime", UptimeMeasured),
        verdicts=tuple(verdict for verdict in found if start <= verdict.at < end),
        items=tuple(item_of(fact) for fact in inside if fact.kind in ITEM_KINDS),
        deployments=known("deployment", DeploymentTold),
        interventions=known("intervention", InterventionTold),
        restores=known("restore_verification", RestoreVerified),
        certificates=known("certificate", CertificateSeen),
        performance=known("performance", PerformanceJudged),
        unwatched=known("unwatched_pages", PagesUnwatched),
        reports=known("report", ReportIssued),
        reviews=known("review", ReviewIssued),
        breaches=tuple(sorted(breaches, key=lambda breach: (breach.since, breach.breach_id))),
    )


def _verdicts(facts: Iterable[Fact]) -> list[Verdict]:
    facts = list(facts)
    return rules.verdicts(
        [_told(fact) for fact in facts if fact.kind == "clock"],
        [reading for fact in facts if fact.kind in ITEM_KINDS for reading in _readings(fact)],
    )


def _touches(fact: Fact, start: datetime, end: datetime) -> bool:
    return fact.starts_at < end and (fact.ends_at > start or fact.starts_at >= start)


def item_of(fact: Fact) -> ItemFact:
    """An item from a fact about it."""
    return ItemFact.model_validate(
        {**fact.content, "event_id": fact.fact_id, "item_id": fact.subject_id, "kind": fact.kind}
    )


def _told(fact: Fact) -> rules.Told:
    told = ToldOfClock.model_validate(fact.content)
    return rules.Told(
        event_id=fact.fact_id,
        clock_id=told.clock_id,
        item_id=told.incident_id,
        metric=told.metric,
        policy=told.policy,
        version=fact.version,
        count=told.count,
        missed=fact.event_type == BREACHED,
        target=_length(told.target_seconds),
        elapsed=_length(told.elapsed_seconds),
        at=told.at,
    )


def _readings(fact: Fact) -> list[rules.Reading]:
    item = item_of(fact)
    return [
        rules.Reading(
            event_id=fact.fact_id,
            clock_id=clock.clock_id,
            item_id=item.item_id,
            metric=clock.metric,
            policy=clock.policy,
            item_version=item.version,
            clock_version=clock.clock_version,
            count=clock.count,
            state=clock.state,
            verdict=clock.verdict,
            target=_length(clock.target_seconds),
            elapsed=_length(clock.elapsed_seconds),
            breach_after=clock.breach_after,
            stopped_at=clock.stopped_at,
        )
        for clock in item.clocks
        if clock.metric != CLIENTS_OWN
    ]


def _length(seconds: Decimal) -> timedelta:
    return timedelta(microseconds=int(seconds * 1_000_000))
