"""What other services told of a contract besides monitors and incidents, as far as reports read it.

Each is the newest word on its subject; what is only for the agency is not kept at all.
"""

from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Literal, Protocol, TypeAlias, TypeVar
from uuid import UUID

from pydantic import AwareDatetime, Field

from reporting.application.facts import Fact, Texts

FactKind: TypeAlias = Literal[
    "action",
    "advisory",
    "decision",
    "deployment",
    "done",
    "hours_month",
    "hours_review",
    "intervention",
    "item",
    "restore_test",
    "risk",
    "settlement",
    "time_entry",
    "warning",
]
ItemKind: TypeAlias = Literal["request", "change", "work_order"]
T = TypeVar("T", bound=Fact)


class ToldFact(Fact):
    """A fact as it is kept: what it is about, when it applies (`ends_at` null: still), and the event that told it."""

    kind: FactKind
    subject_id: UUID
    event_id: UUID
    starts_at: datetime
    ends_at: datetime | None
    content: Mapping[str, object]


class SentReport(Fact):
    """An edition that was sent to somebody: when it left, and when its link was opened first."""

    month: date
    edition: int
    sent_at: datetime
    seen_at: datetime | None


class ToldFacts(Protocol):
    """Where they are kept, as far as the unit of work may see it."""

    async def told(self, contract_id: UUID, start: datetime, end: datetime) -> Sequence[ToldFact]:
        """What applies to some of `[start, end)`, and a day around it, because some facts know only their day."""
        ...

    async def items(self, item_ids: Sequence[UUID]) -> "Mapping[UUID, Item]":
        """Number and title of items of the service desk; those that are not known are left out."""
        ...

    async def sent_reports(self, contract_id: UUID, start: datetime, end: datetime) -> Sequence[SentReport]:
        """The editions of reports that left in `[start, end)`, oldest first."""
        ...


class Item(Fact):
    """What a request, a change, a work order or an incident is called."""

    number: str
    title: str


class TimeEntry(Fact):
    """Minutes that were worked on a line; negative ones take an entry back."""

    line: str
    real_minutes: int
    worked_on: date
    item_id: UUID | None = None


class Done(Fact):
    """A request, a change or a work order that was brought to its end."""

    item_id: UUID
    kind: ItemKind
    number: str
    title: str
    category: str | None = None


class Deployment(Fact):
    """A version that was brought into service."""

    configuration_item: str
    released_version: str
    deployed_at: AwareDatetime | None
    result: str
    rolled_back_at: AwareDatetime | None = None


class Intervention(Fact):
    """Work on a site."""

    what: str
    mode: str
    began_at: AwareDatetime
    ended_at: AwareDatetime


class RestoreTest(Fact):
    """A backup that somebody tried to restore."""

    scope: str
    performed_at: AwareDatetime
    result: str


class Warning(Fact):  # noqa: A001  (the word of the field; nothing here warns in Python's sense)
    """Something that would have ended unseen: a certificate or the name of a site."""

    subject: Literal["certificate", "domain"]
    name: str
    expires_at: AwareDatetime
    observed_at: AwareDatetime


class Advisory(Fact):
    """Advice that the client was given."""

    advisory_id: UUID
    kind: str
    title: Texts
    status: str
    issued_at: AwareDatetime
    delivered_at: AwareDatetime | None = None
    acknowledged_at: AwareDatetime | None = None
    answered_at: AwareDatetime | None = None
    withdrawn_at: AwareDatetime | None = None


class HoursLine(Fact):
    """A line of a closed month."""

    code: str
    name: Texts
    included_minutes: int
    real_minutes: int
    accounted_minutes: int
    remaining_minutes: int
    overage_minutes: int


class HoursMonth(Fact):
    """A closed month of the hours ledger."""

    month: date
    pooled: bool | None = None
    """None: told before this was kept."""
    available_minutes: int
    real_minutes: int
    accounted_minutes: int
    remaining_minutes: int
    overage_minutes: int
    lines: tuple[HoursLine, ...] = ()


class HoursReview(Fact):
    """What a year of hours came to, and the volume that fits."""

    year_until: date
    included_minutes: int
    proposed_minutes: int
    change: str
    reason: Texts


class SettledProof(Fact):
    """What shows a deliverable."""

    source: str
    proof_id: UUID
    on: date
    what: str


class SettledDeliverable(Fact):
    """A deliverable with its proofs."""

    code: str
    type: str | None = None
    name: Texts
    state: str
    in_words: Texts = Field(default_factory=dict)
    proofs: tuple[SettledProof, ...] = ()
    proof_count: int


class LineText(Fact):
    """What a line of a settlement says."""

    in_words: Texts


class SettlementLine(Fact):
    """An amount."""

    code: str
    kind: str
    amount: str
    text: LineText


class SettlementTotals(Fact):
    """The sums of a settlement; null as long as a line has no VAT that was agreed on."""

    net: str
    tax: str | None = None
    gross: str | None = None


class SettlementPeriod(Fact):
    """The month that is settled; `end` is the first day after it, and null in what was kept before it was read."""

    starts_at: AwareDatetime
    ends_at: AwareDatetime
    end: date | None = None

    def ends_in(self, month: date, bounds: tuple[datetime, datetime]) -> bool:
        """Whether it ends in a month, which has these bounds where the client lives now.

        Its last day says so: a period stays in the zone that it was settled in, wherever the client moves.
        """
        if self.end is None:
            return bounds[0] < self.ends_at <= bounds[1]
        return (self.end - timedelta(days=1)).replace(day=1) == month


class SettlementContent(Fact):
    """What a settlement says."""

    currency: str
    period: SettlementPeriod
    lines: tuple[SettlementLine, ...] = ()
    totals: SettlementTotals
    deliverables: tuple[SettledDeliverable, ...] = ()


class Settlement(Fact):
    """A closed version of a settlement."""

    settlement_id: UUID
    number: int
    hash: str
    closed_at: AwareDatetime
    settlement: SettlementContent


class Action(Fact):
    """Something that is to be done, or is done."""

    what: str
    owner_name: str | None = None
    due_at: AwareDatetime | None = None
    done_at: AwareDatetime | None = None
    recorded_at: AwareDatetime


class Risk(Fact):
    """A risk that stays."""

    description: str
    owner_name: str | None = None
    treatment: str | None = None
    decided_by: str | None = None
    decided_on: date | None = None
    recorded_at: AwareDatetime


class Decision(Fact):
    """What was decided."""

    what: str
    why: str
    decided_by: str
    decided_on: date


def read(facts: Sequence[ToldFact], kind: FactKind, model: type[T]) -> list[tuple[ToldFact, T]]:
    """The facts of a kind with what they say."""
    return [(fact, model.model_validate(fact.content)) for fact in facts if fact.kind == kind]
