"""The hours ledger of contracts: work as it is told, what each month comes to, closing, and what is told of thresholds.

The facts are the truth, and an open month is computed from them each time. A closed month is kept as it was counted;
what is told of it later is booked in the first open month as the difference (:mod:`contracts.domain.contract_hours`).
After the end of a contract no open month is settled any more: its last one is then read with what was told since.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Annotated, Literal, NamedTuple
from uuid import UUID
from zoneinfo import ZoneInfo

from pydantic import BaseModel, ConfigDict, Field, StrictBool

from contracts.application.contracts import Contract
from contracts.application.errors import NotNow, Refused, Unknown, named_at
from contracts.application.ports import Workspace
from contracts.application.values import Code, Name, Reason, Request
from contracts.domain import contract_hours as rules
from contracts.domain.agreement import local_date
from contracts.domain.contract_hours import AgreedHours, Held, HoursFact, month_of
from contracts.domain.contract_term import Days, add_months
from contracts.domain.hours_ledger import Carried, Lot, RolloverPolicy, draw_month
from contracts.domain.scope import Verdict, consumes_included_hours
from shared.kernel.hours import Minutes, Per
from shared.values import Instant, LocalDate, Month, NonNegativeDecimal, decimal_text

MOST_ENTRIES = 100_000

DeskVerdict = Literal["in_scope", "out_of_scope", "undecided"]
_VERDICTS: Mapping[DeskVerdict, Verdict] = {"in_scope": "in", "out_of_scope": "out", "undecided": "needs_scoping"}

Count = Annotated[int, Field(json_schema_extra={"format": "int64"})]


# --- what is told ----------------------------------------------------------------------------------------------------


class NewHoursEntry(Request):
    """Work that is in no ticket of the service desk: steering, coordination, a call."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {
                    "work_class": "coordination",
                    "worked_on": "2026-06-08",
                    "real_minutes": 45,
                    "person_name": "Nadia Benali",
                    "note": "Monthly meeting",
                }
            ]
        },
    )

    line: Code | None = Field(default=None, description="A line of the contract; null: the one that covers the class.")
    work_class: Code = Field(examples=["coordination"])
    worked_on: LocalDate = Field(description="Local date in the client's zone.")
    real_minutes: Annotated[int, Field(strict=True, ge=1, le=1440, json_schema_extra={"format": "int32"})]
    multipliers: list[NonNegativeDecimal] = Field(
        default_factory=list, max_length=10, description="The largest one counts, never their product; none is 1."
    )
    covered: StrictBool = Field(default=False, description="The flat fee includes it whatever it takes.")
    work_item_id: UUID | None = Field(default=None, description="The item of the service desk that it was done for.")
    person_name: Name
    note: Reason | None = None
    audience: Literal["agency", "client"] = Field(default="client", description="Who reads the note and the name.")


class NewReversal(Request):
    """An entry that is taken back, and why."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [{"hours_entry_id": "0190b5c8-7d4e-7c3a-9a51-3f0f5f0d7a21", "reason": "Another client's"}]
        },
    )

    hours_entry_id: UUID
    reason: Reason


class HoursEntry(BaseModel):
    """Work as it was told. It is never changed: negative minutes take another entry back."""

    hours_entry_id: UUID
    contract_id: UUID
    client_id: UUID
    source: Literal["service_desk", "api"]
    time_entry_id: UUID | None = Field(description="The time entry of the service desk.")
    line: str | None
    work_class: str
    worked_on: LocalDate
    month: Month
    real_minutes: int
    multipliers: list[str] = Field(max_length=10)
    covered: bool
    work_item_id: UUID | None
    person_name: str
    note: str | None
    audience: Literal["agency", "client"]
    reverses_id: UUID | None = Field(description="The entry that this one takes back.")
    recorded_at: Instant
    recorded_by: str


class PlacedHoursEntry(HoursEntry):
    """An entry, and where it counts."""

    counts_on: str | None = Field(description="The line that it draws on by the terms of its day; null: on none.")


class NewHoursApproval(Request):
    """The client approves that an item which is not in scope is done on the included hours."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {
                    "work_item_id": "0197a1c2-0000-7000-8000-000000000501",
                    "approved_by": "Léa Martin",
                    "evidence": "Mail of 8 June",
                }
            ]
        },
    )

    work_item_id: UUID
    approved_by: Name
    evidence: Reason | None = Field(default=None, description="How the approval was given.")


class HoursApproval(NewHoursApproval):
    """An approval, as it was recorded; it is never changed."""

    model_config = ConfigDict(extra="ignore")

    approval_id: UUID
    contract_id: UUID
    client_id: UUID
    recorded_at: Instant
    recorded_by: str


class WorkItem(BaseModel):
    """What the service desk says of an item."""

    work_item_id: UUID
    contract_id: UUID
    client_id: UUID
    verdict: DeskVerdict
    item_version: int
    changed_at: datetime


class HoursAdjustmentCause(BaseModel):
    """Something told late of a closed month."""

    adjustment_id: UUID
    of_month: date
    in_month: date
    cause: Literal["entry", "item", "approval"]
    cause_id: UUID
    recorded_at: datetime


class ReachedThreshold(BaseModel):
    """A share of what is available was used; told once a month."""

    threshold_id: UUID
    contract_id: UUID
    client_id: UUID
    month: Month
    line: str | None = Field(description="null: of the pool")
    percent: int
    accounted_minutes: int
    available_minutes: int
    reached_at: Instant


class AgreedOverTime(NamedTuple):
    """What a contract said of hours since it was first in force; suspended it says nothing."""

    held: Sequence[Held]
    names: Mapping[str, Mapping[str, str]]
    """Line to its name in French and English, as it was agreed on last."""
    zone: ZoneInfo
    ended_at: datetime | None


# --- what a month comes to -------------------------------------------------------------------------------------------


class HoursMoney(BaseModel):
    """An amount of money."""

    amount: str
    currency: str


class HoursMonthLine(BaseModel):
    """A line in a month. Where all lines share one envelope, `overage_minutes` is 0 and `over` says who used more."""

    code: str
    name: dict[str, str]
    included_minutes: int
    real_minutes: Count = Field(description="All of them, covered ones too.")
    accounted_minutes: Count
    covered_minutes: Count
    remaining_minutes: Count
    overage_minutes: Count
    over: bool = Field(description="More was used than the line's own share (pooled), or than is available.")


class HoursLot(BaseModel):
    """Unused minutes that can be used in so many further months; of a line, or of the pool."""

    line: str | None
    minutes: int
    months: int


class HoursAdjustment(BaseModel):
    """What was told late of a closed month, booked in this one."""

    of_month: Month
    line: str
    real_minutes: Count
    accounted_minutes: Count
    covered_minutes: Count


class LateFact(BaseModel):
    """Why there is an adjustment: an entry, another verdict on an item, or an approval."""

    of_month: Month
    cause: Literal["entry", "item", "approval"]
    cause_id: UUID


class ToldThreshold(BaseModel):
    """A threshold that was reached and told."""

    line: str | None
    percent: int
    reached_at: Instant


class HoursMonth(BaseModel):
    """The ledger of a month, with the entries behind it."""

    contract_id: UUID
    client_id: UUID
    month: Month
    last_day: LocalDate = Field(description="The day with which it is over: the month's, or the contract's last one.")
    closed_at: Instant | None = Field(description="null: open, and computed from what was told until now.")
    included_minutes: int = Field(description="The sum of the lines; nobody types it.")
    pooled: bool
    rollover: RolloverPolicy
    unit_minutes: int
    accounted_per: Per
    overage_rate_per_hour: HoursMoney
    overage_cap_minutes: int | None
    available_minutes: Count = Field(description="What the month includes, and what earlier months left.")
    real_minutes: Count
    accounted_minutes: Count = Field(description="What consumes hours.")
    covered_minutes: Count = Field(description="Included in the flat fee whatever it takes.")
    remaining_minutes: Count
    overage_minutes: Count
    billed_minutes: Count = Field(description="The overage up to its cap.")
    overage_amount: HoursMoney
    rolled_over_minutes: Count = Field(description="Usable next month.")
    expired_minutes: Count = Field(description="Lost at the end of this month.")
    out_of_scope_minutes: Count = Field(description="Worked, and not drawn from the hours: nobody approved it.")
    unplaced_minutes: Count = Field(description="Worked on no line of the contract, and not accounted.")
    lines: list[HoursMonthLine] = Field(max_length=1000)
    brought: list[HoursLot] = Field(max_length=5000, description="What earlier months left.")
    carried: list[HoursLot] = Field(max_length=5000, description="What this month leaves.")
    adjustments: list[HoursAdjustment] = Field(max_length=5000)
    late_facts: list[LateFact] = Field(max_length=MOST_ENTRIES)
    thresholds: list[ToldThreshold] = Field(max_length=1000)
    entry_ids: list[UUID] = Field(max_length=MOST_ENTRIES, description="What was accounted.")
    out_of_scope_entry_ids: list[UUID] = Field(max_length=MOST_ENTRIES)
    unplaced_entry_ids: list[UUID] = Field(max_length=MOST_ENTRIES)

    def own(self) -> dict[str, Minutes]:
        """What was accounted of the month's own work, without adjustments of earlier ones."""
        whole = {
            line.code: Minutes(line.real_minutes, line.accounted_minutes, line.covered_minutes) for line in self.lines
        }
        return rules.added([whole, *(rules.difference({}, self.adjusted(month)) for month in self.adjusted_months())])

    def adjusted_months(self) -> set[date]:
        """The months that it adjusts."""
        return {each.of_month for each in self.adjustments}

    def adjusted(self, month: date) -> dict[str, Minutes]:
        """What it books of an earlier month."""
        return {
            each.line: Minutes(each.real_minutes, each.accounted_minutes, each.covered_minutes)
            for each in self.adjustments
            if each.of_month == month
        }

    def lots(self) -> Carried:
        """What the next month begins with."""
        left: dict[str | None, tuple[Lot, ...]] = {}
        for lot in self.carried:
            left[lot.line] = (*left.get(lot.line, ()), Lot(lot.minutes, lot.months))
        return left


class HoursOfPeriod(BaseModel):
    """The hours that a period is settled with: those of every month that is over within it."""

    contract_id: UUID
    months: list[HoursMonth]

    @property
    def accounted_minutes(self) -> int:
        """What consumed hours."""
        return sum(month.accounted_minutes for month in self.months)

    @property
    def overage_minutes(self) -> int:
        """What was used beyond what was available, billed or not."""
        return sum(month.overage_minutes for month in self.months)

    @property
    def billed_minutes(self) -> int:
        """The overage up to its cap."""
        return sum(month.billed_minutes for month in self.months)

    @property
    def overage_amounts(self) -> dict[str, Decimal]:
        """Currency to amount: the sum of the months, each of which was rounded on its own."""
        amounts: dict[str, Decimal] = defaultdict(Decimal)
        for month in self.months:
            amounts[month.overage_amount.currency] += Decimal(month.overage_amount.amount)
        return dict(amounts)

    @property
    def adjustments(self) -> list[HoursAdjustment]:
        """What was booked of months that were closed before."""
        return [each for month in self.months for each in month.adjustments]

    @property
    def fact_ids(self) -> list[UUID]:
        """The entries that were accounted, and what made the adjustments."""
        return [
            fact for month in self.months for fact in (*month.entry_ids, *(late.cause_id for late in month.late_facts))
        ]


async def hours_of_period(work: Workspace, contract: Contract, period: Days) -> HoursOfPeriod | None:
    """What a billing period is settled with; None when the contract has no hours.

    A month of the ledger belongs to the period that its last day lies in: the last of the calendar month, or the one on
    which the contract ended. Give the whole period (`BillingPeriod.whole`): then each month belongs to exactly one.
    """
    agreed = await work.hours.book.agreed(contract.contract_id)
    if not agreed.held:
        return None
    candidates = _months_between(month_of(period.first), month_of(period.end))
    wanted = [
        month
        for month in candidates
        if period.first <= rules.last_day(month, agreed.ended_at, agreed.zone) < period.end
    ]
    return HoursOfPeriod(contract_id=contract.contract_id, months=await _months(work, contract, agreed, wanted))


async def hours_month(work: Workspace, contract: Contract, month: date) -> HoursMonth:
    """The ledger of a month. Raises Unknown when there were no hours in it, NotNow for one that has not begun."""
    agreed = await work.hours.book.agreed(contract.contract_id)
    if month > month_of(local_date(work.now, agreed.zone.key)):
        raise NotNow("This month has not begun.")
    found = await _months(work, contract, agreed, [month])
    if not found:
        raise Unknown("hours ledger of this contract in", f"{month:%Y-%m}")
    return found[0]


async def placed(work: Workspace, contract_id: UUID, entries: Sequence[HoursEntry]) -> list[PlacedHoursEntry]:
    """The entries with the lines that they draw on."""
    agreed = await work.hours.book.agreed(contract_id)

    def line_of(entry: HoursEntry) -> str | None:
        terms = rules.agreed_on(entry.worked_on, agreed.held, agreed.zone)
        return None if terms is None else terms.line_of(entry.line, entry.work_class)

    return [PlacedHoursEntry(**entry.model_dump(), counts_on=line_of(entry)) for entry in entries]


async def months_of_contract(work: Workspace, contract: Contract, months: Sequence[date]) -> list[HoursMonth]:
    """Those of the months that have a ledger, in their order."""
    return await _months(work, contract, await work.hours.book.agreed(contract.contract_id), months)


async def months_under(work: Workspace, contract: Contract, agreed: AgreedOverTime, until: date) -> list[HoursMonth]:
    """What the work that is known now would come to under other terms, up to a month; nothing is stored.

    Every month is counted anew, as if none had been closed: what was told late counts in its own month.
    """
    if not agreed.held:
        return []
    months = _months_between(_first_month(agreed), until)
    entries = await work.hours.book.entries_between(contract.contract_id, months[0], until) if months else []
    facts = await _facts(work, contract.contract_id, entries)
    carried: Carried = {}
    found: list[HoursMonth] = []
    for month in months:
        one = _month(contract, month, agreed, facts[month], carried, _Late({}, []), [])
        if one is not None:
            carried = one.lots()
            found.append(one)
    return found


async def close_hours_month(work: Workspace, contract_id: UUID, month: date) -> HoursMonth | None:
    """Closes a month of the ledger and every open one before it: they stay as they are, whatever is told of them later.

    For settlement. Closed already, it is what it was; None when the contract has no hours in it. Raises NotNow before
    the month, or the contract, is over.
    """
    contract = await work.contracts.locked(contract_id)
    agreed = await work.hours.book.agreed(contract_id)
    if work.now < rules.over_at(month, agreed.ended_at, agreed.zone):
        raise NotNow("This month is not over: its hours cannot be closed.")
    newest = await work.hours.book.last_closed(contract_id)
    if newest is not None and month <= newest.month:
        return await work.hours.book.closed(contract_id, month)
    closed: HoursMonth | None = None
    for each in await _open_months(work, contract, agreed, month, newest):
        closed = each.model_copy(update={"closed_at": work.now})
        await work.hours.book.add_closed(closed)
        entries = await work.hours.book.entries(contract_id, [closed.month])
        work.hours.announcer.month_closed(closed, entries)
    return closed


async def _months(
    work: Workspace, contract: Contract, agreed: AgreedOverTime, wanted: Sequence[date]
) -> list[HoursMonth]:
    """Those of the months that have a ledger."""
    if not agreed.held or not wanted:
        return []
    newest = await work.hours.book.last_closed(contract.contract_id)
    last_closed = None if newest is None else newest.month
    recounted = await _recounted(work, contract, agreed, newest)
    found: list[HoursMonth] = []
    for month in wanted:
        if recounted is not None and month == recounted.month:
            found.append(recounted)
        elif last_closed is not None and month <= last_closed:
            closed = await work.hours.book.closed(contract.contract_id, month)
            found.extend([] if closed is None else [closed])
    still_open = [month for month in wanted if last_closed is None or month > last_closed]
    if still_open:
        opened = await _open_months(work, contract, agreed, max(still_open), newest)
        found.extend(month for month in opened if month.month in still_open)
    return found


def _ended_in(agreed: AgreedOverTime, month: date) -> bool:
    """Whether the contract ended with or within this month."""
    if agreed.ended_at is None:
        return False
    return month_of((agreed.ended_at - timedelta(microseconds=1)).astimezone(agreed.zone).date()) == month


async def _recounted(
    work: Workspace, contract: Contract, agreed: AgreedOverTime, newest: HoursMonth | None
) -> HoursMonth | None:
    """The last month of a contract that has ended with what was told since it was closed; None when nothing was.

    No later month is settled that could take the adjustments. What was closed is kept as it was.
    """
    if newest is None or not _ended_in(agreed, newest.month):
        return None
    told = await work.hours.book.causes(contract.contract_id, add_months(newest.month, 1))
    if not told:
        return None
    before = await work.hours.book.closed(contract.contract_id, add_months(newest.month, -1))
    last = (await _open_months(work, contract, agreed, newest.month, before, told))[-1]
    return last.model_copy(update={"closed_at": newest.closed_at})


async def _open_months(
    work: Workspace,
    contract: Contract,
    agreed: AgreedOverTime,
    until: date,
    newest: HoursMonth | None,
    told_after: Sequence[HoursAdjustmentCause] = (),
) -> list[HoursMonth]:
    """The open months up to one, computed from what was told; `newest` is the last one that is closed.

    `told_after` is booked in the first of them, too.
    """
    if not agreed.held:
        return []
    book = work.hours.book
    first = _first_month(agreed) if newest is None else add_months(newest.month, 1)
    if until < first:
        return []
    causes = list(told_after)
    if newest is not None and not _ended_in(agreed, newest.month):
        causes = [*await book.causes(contract.contract_id, first), *causes]
    late_months = sorted({cause.of_month for cause in causes if cause.of_month < first})
    late = await book.entries(contract.contract_id, late_months) if late_months else ()
    entries = [*late, *await book.entries_between(contract.contract_id, first, until)]
    facts = await _facts(work, contract.contract_id, entries)
    closed = await book.closed_since(contract.contract_id, late_months[0]) if late_months else []
    closed = [each for each in closed if each.month < first]
    adjusted = {month: _late(month, facts[month], agreed, closed) for month in late_months}
    months = _months_between(first, until)
    told = defaultdict(list)
    for threshold in await book.thresholds(contract.contract_id, months):
        told[threshold.month].append(threshold)
    carried: Carried = {} if newest is None else newest.lots()
    found: list[HoursMonth] = []
    for month in months:
        told_late = _Late(adjusted, causes) if month == first else _Late({}, [])
        one = _month(contract, month, agreed, facts[month], carried, told_late, told[month])
        if one is not None:
            carried = one.lots()
            found.append(one)
    return found


def _first_month(agreed: AgreedOverTime) -> date:
    return month_of(agreed.held[0].start.astimezone(agreed.zone).date())


def _months_between(first: date, last: date) -> list[date]:
    months = [first]
    while months[-1] < last:
        months.append(add_months(months[-1], 1))
    return [month for month in months if month <= last]


def _late(
    month: date, facts: Iterable[HoursFact], agreed: AgreedOverTime, closed: Sequence[HoursMonth]
) -> dict[str, Minutes]:
    """What is still to be booked of a closed month."""
    now = rules.accounted(facts, agreed.held, agreed.zone).by_line
    booked = [each.own() if each.month == month else each.adjusted(month) for each in closed]
    return rules.difference(now, rules.added(booked))


class _Late(NamedTuple):
    """Of which closed months how much is booked now, and why."""

    adjusted: Mapping[date, Mapping[str, Minutes]]
    causes: Sequence[HoursAdjustmentCause]


async def _facts(
    work: Workspace, contract_id: UUID, entries: Sequence[HoursEntry]
) -> defaultdict[date, list[HoursFact]]:
    """The facts by month, with what was decided about the items that they were done for."""
    item_ids = {entry.work_item_id for entry in entries if entry.work_item_id is not None}
    known = {item.work_item_id: item.verdict for item in await work.hours.book.items(item_ids)} if item_ids else {}
    approved = await work.hours.book.approved(contract_id, item_ids) if item_ids else set()
    by_month: defaultdict[date, list[HoursFact]] = defaultdict(list)
    for entry in entries:
        item = entry.work_item_id
        by_month[entry.month].append(
            HoursFact(
                entry_id=entry.hours_entry_id,
                line=entry.line,
                work_class=entry.work_class,
                minutes=entry.real_minutes,
                on=entry.worked_on,
                ticket=None if item is None else str(item),
                covered=entry.covered,
                multipliers=tuple(Decimal(each) for each in entry.multipliers),
                consumes=consumes(None if item is None else known.get(item), item in approved),
            )
        )
    return by_month


def consumes(verdict: DeskVerdict | None, approved: bool) -> bool:
    """Whether work on an item draws on the included hours; work on no item, or on one that nobody judged, does."""
    return verdict is None or consumes_included_hours(_VERDICTS[verdict], approved)


def _month(
    contract: Contract,
    month: date,
    agreed: AgreedOverTime,
    facts: Sequence[HoursFact],
    brought: Carried,
    late: _Late,
    told: Sequence[ReachedThreshold],
) -> HoursMonth | None:
    own = rules.accounted(facts, agreed.held, agreed.zone)
    worked = rules.added([own.by_line, *late.adjusted.values()])
    terms = rules.month_terms(month, agreed.held, agreed.zone, worked)
    if terms is None:
        return None
    figures = draw_month(terms.terms, month, worked, brought)
    at_hand = {line.code: line.included_minutes for line in terms.terms.lines}
    if not terms.terms.pooled:
        for code in at_hand:
            at_hand[code] += sum(lot.minutes for lot in brought.get(code, ()))
    lines = [
        HoursMonthLine(
            code=line.code,
            name=dict(agreed.names.get(line.code, {"fr": line.code, "en": line.code})),
            included_minutes=line.included_minutes,
            real_minutes=figures.by_line[line.code].real,
            accounted_minutes=figures.by_line[line.code].accounted,
            covered_minutes=figures.by_line[line.code].covered,
            remaining_minutes=max(0, at_hand[line.code] - figures.by_line[line.code].accounted),
            overage_minutes=0
            if terms.terms.pooled
            else max(0, figures.by_line[line.code].accounted - at_hand[line.code]),
            over=line.code in figures.lines_over,
        )
        for line in terms.terms.lines
    ]
    rate = terms.agreed.overage_rate_per_hour
    ignored = {fact.entry_id for fact in (*own.out_of_scope, *own.unplaced)}
    return HoursMonth(
        contract_id=contract.contract_id,
        client_id=contract.client_id,
        month=month,
        last_day=rules.last_day(month, agreed.ended_at, agreed.zone),
        closed_at=None,
        included_minutes=terms.included_minutes,
        pooled=terms.terms.pooled,
        rollover=terms.terms.rollover.policy,
        unit_minutes=terms.agreed.accounting.unit_minutes,
        accounted_per=terms.agreed.accounting.per,
        overage_rate_per_hour=HoursMoney(amount=rate.text, currency=rate.currency),
        overage_cap_minutes=terms.agreed.overage_cap_minutes,
        available_minutes=figures.available_minutes,
        real_minutes=figures.real_minutes,
        accounted_minutes=figures.accounted_minutes,
        covered_minutes=figures.covered_minutes,
        remaining_minutes=max(0, figures.available_minutes - figures.accounted_minutes)
        if terms.terms.pooled
        else sum(line.remaining_minutes for line in lines),
        overage_minutes=figures.overage_minutes,
        billed_minutes=figures.billed_minutes,
        overage_amount=HoursMoney(amount=figures.overage_amount.text, currency=rate.currency),
        rolled_over_minutes=figures.rolled_over_minutes,
        expired_minutes=figures.expired_minutes,
        out_of_scope_minutes=sum(fact.minutes for fact in own.out_of_scope),
        unplaced_minutes=sum(fact.minutes for fact in own.unplaced),
        lines=lines,
        brought=_lots(brought),
        carried=_lots(figures.carried),
        adjustments=[
            HoursAdjustment(
                of_month=of_month,
                line=line,
                real_minutes=minutes.real,
                accounted_minutes=minutes.accounted,
                covered_minutes=minutes.covered,
            )
            for of_month, by_line in late.adjusted.items()
            for line, minutes in sorted(by_line.items())
        ],
        late_facts=[
            LateFact(of_month=cause.of_month, cause=cause.cause, cause_id=cause.cause_id) for cause in late.causes
        ],
        thresholds=[ToldThreshold(line=each.line, percent=each.percent, reached_at=each.reached_at) for each in told],
        entry_ids=[fact.entry_id for fact in facts if fact.entry_id not in ignored],
        out_of_scope_entry_ids=[fact.entry_id for fact in own.out_of_scope],
        unplaced_entry_ids=[fact.entry_id for fact in own.unplaced],
    )


def _lots(carried: Carried) -> list[HoursLot]:
    return [
        HoursLot(line=line, minutes=lot.minutes, months=lot.months) for line, lots in carried.items() for lot in lots
    ]


# --- telling work ----------------------------------------------------------------------------------------------------


async def log_entry(work: Workspace, contract: Contract, new: NewHoursEntry) -> HoursEntry:
    """Work on the locked contract that no ticket has. Raises Refused for its date or line, NotNow without hours."""
    agreed = await work.hours.book.agreed(contract.contract_id)
    if new.worked_on > local_date(work.now, agreed.zone.key):
        raise Refused("is in the future: log work when it is done", "worked_on")
    hours = rules.agreed_on(new.worked_on, agreed.held, agreed.zone)
    if hours is None:
        raise NotNow(
            f"The contract has no hours on {new.worked_on}: they are a block of its terms, from when it is in force."
        )
    _line_of(hours, new)
    if new.work_item_id is not None:
        for item in await work.hours.book.items([new.work_item_id]):
            if item.contract_id != contract.contract_id:
                raise Refused("is an item of another contract", "work_item_id")
    values = new.model_dump(exclude={"multipliers"})
    entry = HoursEntry(
        **values,
        multipliers=[decimal_text(each) for each in new.multipliers],
        hours_entry_id=work.new_id(),
        contract_id=contract.contract_id,
        client_id=contract.client_id,
        source="api",
        time_entry_id=None,
        month=month_of(new.worked_on),
        reverses_id=None,
        recorded_at=work.now,
        recorded_by=work.actor,
    )
    await tell_entry(work, contract, entry)
    return entry


def _line_of(hours: AgreedHours, new: NewHoursEntry) -> None:
    if hours.line_of(new.line, new.work_class) is not None:
        return
    if new.line is None:
        raise Refused(f"is required: no line of the contract covers the class {new.work_class}", "line")
    raise Refused(f"The contract has no hours line {new.line} on that date.", "line")


async def reverse_entry(work: Workspace, contract: Contract, reversal: NewReversal) -> HoursEntry:
    """Takes an entry of the locked contract back.

    Raises Unknown for another contract's, NotNow for one of the service desk or a reversal, Taken the second time.
    """
    with named_at("hours_entry_id"):
        wrong = await work.hours.book.entry(reversal.hours_entry_id)
        if wrong.contract_id != contract.contract_id:
            raise Unknown("hours entry of this contract", wrong.hours_entry_id)
    if wrong.source == "service_desk":
        raise NotNow("The service desk told of this work. Correct the time entry there.")
    if wrong.reverses_id is not None:
        raise NotNow("This entry takes another one back. Log what is right as a new entry.")
    taken_back = wrong.model_copy(
        update={
            "hours_entry_id": work.new_id(),
            "real_minutes": -wrong.real_minutes,
            "reverses_id": wrong.hours_entry_id,
            "note": reversal.reason,
            "recorded_at": work.now,
            "recorded_by": work.actor,
        }
    )
    await tell_entry(work, contract, taken_back)
    return taken_back


async def tell_entry(work: Workspace, contract: Contract, entry: HoursEntry) -> None:
    """Keeps work on the locked contract, and tells thresholds that it reaches. Raises Taken for a second reversal."""
    await work.hours.book.add_entry(entry)
    await _touched(work, contract, [entry.month], "entry", entry.hours_entry_id)


async def approve(work: Workspace, contract: Contract, new: NewHoursApproval) -> HoursApproval:
    """The client approves an item of the locked contract; raises Refused for another one's, Taken the second time."""
    for item in await work.hours.book.items([new.work_item_id]):
        if item.contract_id != contract.contract_id:
            raise Refused("is an item of another contract", "work_item_id")
    approval = HoursApproval(
        **new.model_dump(),
        approval_id=work.new_id(),
        contract_id=contract.contract_id,
        client_id=contract.client_id,
        recorded_at=work.now,
        recorded_by=work.actor,
    )
    await work.hours.book.add_approval(approval)
    months = await work.hours.book.months_of_item(contract.contract_id, new.work_item_id)
    await _touched(work, contract, months, "approval", approval.approval_id)
    return approval


async def judged(work: Workspace, item: WorkItem) -> None:
    """The service desk says whether an item is in scope; what is older than what was heard changes nothing.

    Raises Unknown for the contract.
    """
    before = await work.hours.book.items([item.work_item_id])
    if before and before[0].item_version >= item.item_version:
        return
    contract = await work.contracts.locked(item.contract_id)
    if not await work.hours.book.put_item(item.model_copy(update={"client_id": contract.client_id})):
        return
    was = before[0].verdict if before else None
    if consumes(was, False) != consumes(item.verdict, False):
        months = await work.hours.book.months_of_item(contract.contract_id, item.work_item_id)
        await _touched(work, contract, months, "item", item.work_item_id)


async def _touched(
    work: Workspace,
    contract: Contract,
    months: Sequence[date],
    cause: Literal["entry", "item", "approval"],
    cause_id: UUID,
) -> None:
    """Something about these months is otherwise: what is closed is adjusted, and thresholds are told."""
    if not months:
        return
    newest = await work.hours.book.last_closed(contract.contract_id)
    for month in months:
        if newest is not None and month <= newest.month:
            await work.hours.book.add_cause(
                (contract.contract_id, contract.client_id),
                HoursAdjustmentCause(
                    adjustment_id=work.new_id(),
                    of_month=month,
                    in_month=add_months(newest.month, 1),
                    cause=cause,
                    cause_id=cause_id,
                    recorded_at=work.now,
                ),
            )
    agreed = await work.hours.book.agreed(contract.contract_id)
    if newest is not None and min(months) <= newest.month and _ended_in(agreed, newest.month):
        await work.settlements.schedules.look_again(contract.contract_id, work.now)
    this_month = month_of(local_date(work.now, agreed.zone.key))
    for each in await _open_months(work, contract, agreed, this_month, newest):
        if each.month >= min(months):
            await _tell_thresholds(work, each, agreed)


async def _tell_thresholds(work: Workspace, month: HoursMonth, agreed: AgreedOverTime) -> None:
    terms = rules.month_terms(month.month, agreed.held, agreed.zone)
    assert terms is not None  # a month with figures has terms
    percents = terms.agreed.thresholds_percent
    told = {(each.line, each.percent) for each in month.thresholds}
    accounts: list[tuple[str | None, int, int]] = [(None, month.accounted_minutes, month.available_minutes)]
    if not month.pooled:
        accounts = [
            (line.code, line.accounted_minutes, line.accounted_minutes + line.remaining_minutes - line.overage_minutes)
            for line in month.lines
        ]
    for line, used, available in accounts:
        for percent in rules.reached(percents, used, available):
            if (line, percent) in told:
                continue
            threshold = ReachedThreshold(
                threshold_id=work.new_id(),
                contract_id=month.contract_id,
                client_id=month.client_id,
                month=month.month,
                line=line,
                percent=percent,
                accounted_minutes=used,
                available_minutes=available,
                reached_at=work.now,
            )
            if await work.hours.book.reach(threshold):
                work.hours.announcer.threshold_reached(threshold)
