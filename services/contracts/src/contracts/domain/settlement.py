"""A settlement: what one monthly period of one contract comes to, what it promised and what was measured.

It is a function of the terms that were in force, the facts of the period, and nothing else. Every line is computed
exactly and rounded once; time is weighed in local days (:mod:`contracts.domain.billing_periods`). Stretches of time in
which the same terms hold make one line, however many stretches they are: an amendment that changes nothing, changes
nothing of what is owed.

The rules of amounts are those of ``calculators.md``, by the functions behind its endpoints. Credits and penalties are
of the fee of the period with what an index adds to it, as far as the same rule for them held; so are discounts. What
cumulation and cap leave over is taken line by line, in the order of the lines: a later one is cut.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from itertools import takewhile
from typing import Any, Literal, TypeAlias, TypeVar
from zoneinfo import ZoneInfo

from contracts.domain.billing_periods import BillingPeriod, instants_of, share_of, whole_days
from contracts.domain.credits import (
    CreditLine,
    Cumulation,
    DaysCounted,
    Late,
    MeasuredUptime,
    Penalty,
    Tier,
    TierReached,
    UnitsStarted,
    credits_owed,
)
from contracts.domain.discounts import Discount, FeeStretch, discount_lines
from contracts.domain.liability import Decision, provider_share, split_penalty
from contracts.domain.pricing import FlatFee, PerTicket, PricingRefusedError, Ticket, TimePrice, period_fee
from shared.kernel.calendar import opening_instant
from shared.kernel.intervals import Interval
from shared.kernel.money import Money, round_half_away

LineKind: TypeAlias = Literal[
    "fee",
    "indexation",
    "discount",
    "one_off",
    "ticket",
    "overage",
    "credit",
    "penalty",
    "late",
    "adjustment",
]
LINE_KINDS: tuple[LineKind, ...] = (
    "fee",
    "indexation",
    "discount",
    "one_off",
    "ticket",
    "overage",
    "credit",
    "penalty",
    "late",
    "adjustment",
)
VatCategory: TypeAlias = Literal["S", "Z", "E", "AE", "K", "G", "O"]
Unit: TypeAlias = Literal["month", "ticket", "hour", "piece"]
Words: TypeAlias = Mapping[str, str]
"""Language to text."""
Why: TypeAlias = Mapping[str, Any]
"""An explanation as JSON: exact figures are strings, a fraction is ``"7/15"``."""

QUANTITY_DECIMALS = 6


# --- What was agreed -------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Tax:
    """The VAT of a line: a category of EN 16931 (UNTDID 5305) and its rate in percent."""

    category: VatCategory
    rate: Decimal


@dataclass(frozen=True, slots=True)
class PenaltyRate:
    """What each started unit of a missed target costs, in percent of the fee; no severity: for all others."""

    metric: str
    severity: str | None
    unit: timedelta
    percent_per_started_unit: Decimal
    cap_percent: Decimal | None = None


@dataclass(frozen=True, slots=True)
class LateRule:
    """What something that comes late costs: ``value × days ÷ divisor``, unless it is not more than the exemption."""

    divisor: int
    exempt_up_to: Decimal | None = None
    cap_percent: Decimal | None = None


@dataclass(frozen=True, slots=True)
class CreditTier:
    """What an uptime below a limit credits; no limit: below the commitment's own target."""

    below: Decimal | None
    credit_percent: Decimal


@dataclass(frozen=True, slots=True)
class Remedies:
    """What missed promises cost the provider. Nothing of it is there unless the contract names it."""

    uptime_target: Decimal | None = None
    tiers: tuple[CreditTier, ...] = ()
    penalties: tuple[PenaltyRate, ...] = ()
    late: LateRule | None = None
    cumulation: Cumulation = "sum"
    cap_percent: Decimal | None = None

    def tiers_in_force(self) -> tuple[Tier, ...]:
        """The tiers with the target where one says no limit; a limit that is written out goes before it."""
        if self.uptime_target is None:
            return ()
        written = {tier.below for tier in self.tiers}
        return tuple(
            Tier(self.uptime_target if tier.below is None else tier.below, tier.credit_percent)
            for tier in self.tiers
            if tier.below is not None or self.uptime_target not in written
        )

    def rate_of(self, metric: str, severity: str | None) -> PenaltyRate | None:
        """What missing this target costs: the rate of the severity, else the one for all others."""
        of_metric = [rate for rate in self.penalties if rate.metric == metric]
        own = next((rate for rate in of_metric if rate.severity is not None and rate.severity == severity), None)
        return own or next((rate for rate in of_metric if rate.severity is None), None)


@dataclass(frozen=True, slots=True)
class NamedDiscount:
    """A dated discount and what it is called."""

    discount: Discount
    name: Words


@dataclass(frozen=True, slots=True)
class OneOff:
    """Something that is paid once, on a local day."""

    code: str
    name: Words
    amount: Decimal
    on: date


@dataclass(frozen=True, slots=True)
class Terms:
    """What the signed document of a contract says of money and promises.

    :param plan: its code. ``plan_name`` is what it is called.
    :param price: None when no fee for time was agreed.
    :param revised: what an index has made of the price of a month since; None while it is the one that was agreed.
    :param taxes: by kind of line; ``default_tax`` is that of all others; None where nothing was agreed on.
    """

    plan: str
    plan_name: Words
    currency: str
    price: TimePrice | None
    revised: Decimal | None = None
    discounts: tuple[NamedDiscount, ...] = ()
    one_offs: tuple[OneOff, ...] = ()
    per_ticket: PerTicket | None = None
    remedies: Remedies = Remedies()
    default_tax: Tax | None = None
    taxes: Mapping[LineKind, Tax] = field(default_factory=dict)

    @property
    def price_in_force(self) -> TimePrice | None:
        """What time costs by now: the price that was agreed, or what an index has made of it."""
        return self.price if self.revised is None else FlatFee(self.revised)

    def tax(self, kind: LineKind) -> Tax | None:
        """The VAT of a kind of line."""
        return self.taxes.get(kind, self.default_tax)


@dataclass(frozen=True, slots=True)
class InForce:
    """A stretch of the period in which the contract held under some terms.

    :param source: what was signed, for the explanation.
    :param fee_part: which part of the fee is owed, 0 to 1.
    :param suspended: nothing is promised meanwhile, and nothing else than the fee is owed.
    """

    start: datetime
    end: datetime
    terms: Terms
    source: str
    fee_part: Fraction = Fraction(1)
    suspended: bool = False


# --- What happened ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class BeforeDecisions:
    """Decisions that an uptime rests on, and what it was before them: seconds up of seconds that count."""

    up_seconds: Fraction
    counted_seconds: Fraction
    decisions: tuple[Mapping[str, str], ...]


@dataclass(frozen=True, slots=True)
class UptimeFact:
    """An uptime that was measured over some time: seconds up of seconds that count, and how much of it is known.

    ``target`` and ``met`` are those of the measurement. Nothing that counts: it says nothing. ``decided`` is there
    where outages of it count otherwise than they were measured.
    """

    id: str
    subject: str
    start: datetime
    end: datetime
    up_seconds: Fraction
    counted_seconds: Fraction
    coverage_percent: str | None
    events: tuple[str, ...] = ()
    decided: BeforeDecisions | None = None


@dataclass(frozen=True, slots=True)
class ClockFact:
    """A target that was met or missed: over by ``overrun``, at an instant, with the decision who answers for it.

    Not ``final``: its clock runs still, and the overrun is the one that was last told.
    """

    id: str
    item: str
    metric: str
    severity: str | None
    at: datetime
    missed: bool
    overrun: timedelta
    target: timedelta | None = None
    decision: Decision | None = None
    final: bool = True
    events: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class TicketFact:
    """A maintenance request that was done, of a kind that may have a price."""

    id: str
    kind: str
    title: str
    at: datetime
    events: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class LateFact:
    """Something worth an amount that was due at an instant and came later, with the decision who answers for it."""

    id: str
    title: Words
    value: Money
    since: datetime
    at: datetime
    decision: Decision | None = None
    events: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class OverageFact:
    """Hours beyond what is included, as the hours ledger bills them for a month."""

    id: str
    minutes: int
    rate_per_hour: Decimal
    amount: Money
    month: date
    events: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class AdjustmentFact:
    """What somebody of the agency, or a claim that was accepted, adds or takes off."""

    id: str
    text: str
    amount: Decimal
    by: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Facts:
    """Everything that happened in a period and matters for it."""

    uptime: Sequence[UptimeFact] = ()
    clocks: Sequence[ClockFact] = ()
    tickets: Sequence[TicketFact] = ()
    late: Sequence[LateFact] = ()
    overage: Sequence[OverageFact] = ()
    adjustments: Sequence[AdjustmentFact] = ()


# --- What comes out --------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Line:
    """One amount, signed: what the client owes is positive, what is owed to him negative; without VAT.

    :param code: unlike that of any other line of the settlement; the same for the same thing when computed again.
    :param unit_price: rounded for display; the amount is not computed from it.
    :param text: key of the sentence, and what it says; languages render it.
    """

    code: str
    kind: LineKind
    quantity: Decimal
    unit: Unit
    unit_price: Money
    amount: Money
    tax: Tax | None
    text: str
    parameters: Mapping[str, str]
    why: Why
    events: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Commitment:
    """A commitment as it was measured; ``met`` is None where nothing could be measured or nothing was promised."""

    id: str
    kind: str
    subject: str
    at: datetime
    target: str | None
    measured: str | None
    met: bool | None
    counted: bool
    why: Why
    events: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class TaxTotal:
    """What the lines of one VAT come to. The tax is rounded once, of their sum; unknown without an agreed VAT."""

    tax: Tax | None
    net: Money
    tax_amount: Money | None


@dataclass(frozen=True, slots=True)
class Settled:
    """What a period comes to. ``unpriced`` names the tickets of a kind that the contract has no price for."""

    currency: str
    lines: tuple[Line, ...]
    commitments: tuple[Commitment, ...]
    unpriced: tuple[str, ...]
    totals: tuple[TaxTotal, ...]
    net: Money
    tax: Money | None
    gross: Money | None


# --- The rule --------------------------------------------------------------------------------------------------------

T = TypeVar("T")


def settle(period: BillingPeriod, zone: ZoneInfo, currency: str, in_force: Sequence[InForce], facts: Facts) -> Settled:
    """What the period comes to: a pure function of what was in force in it and what happened.

    :param in_force: stretches in the order of time that do not overlap, from the beginning of the contract and beyond
        the end of the period unless the contract ended by then. Of what reaches out of the period nothing counts but
        what was due, or was delivered late, in a suspension.
    """
    maker = _Settling(period, zone, currency, in_force, facts)
    lines = tuple(maker.lines())
    totals = tuple(_totals(lines, currency))
    taxes = [total.tax_amount for total in totals]
    net = _sum((line.amount for line in lines), currency)
    tax = None if None in taxes else _sum((amount for amount in taxes if amount is not None), currency)
    return Settled(
        currency=currency,
        lines=lines,
        commitments=tuple(maker.commitments()),
        unpriced=tuple(maker.unpriced),
        totals=totals,
        net=net,
        tax=tax,
        gross=None if tax is None else _sum((net, tax), currency),
    )


class _Settling:
    """One settlement in the making."""

    def __init__(
        self, period: BillingPeriod, zone: ZoneInfo, currency: str, in_force: Sequence[InForce], facts: Facts
    ) -> None:
        self._period = period
        self._zone = zone
        self._currency = currency
        self._whole = instants_of(period.whole, zone)
        self._facts = facts
        self._held = in_force
        clipped = (
            replace(each, start=max(each.start, self._whole.start), end=min(each.end, self._whole.end))
            for each in in_force
        )
        held = [each for each in clipped if each.start < each.end]
        self._last = held[-1].terms if held else None
        self._priced = [each for each in held if each.terms.price is not None and each.fee_part]
        self._in_force = [each for each in held if not each.suspended]
        self._in_period = held
        self._suspensions = [Interval(each.start, each.end) for each in in_force if each.suspended]
        self._codes: dict[str, int] = {}
        self.unpriced: list[str] = []

    def lines(self) -> Iterable[Line]:
        """Every line, in the order in which they are shown."""
        fees = list(self._fees())
        yield from fees
        yield from self._discounts(_sum((line.amount for line in fees), self._currency))
        yield from self._one_offs()
        yield from self._tickets()
        yield from self._overage()
        yield from self._owed_to_the_client()
        yield from self._adjustments()

    # Fees -----------------------------------------------------------------------------------------------------------

    def _fees(self) -> Iterable[Line]:
        for group in _grouped(self._priced, _priced_alike):
            terms, part = group[0].terms, group[0].fee_part
            price = terms.price
            assert price is not None
            share = self._share(group)
            monthly = Money.rounded(price.monthly * part, self._currency)
            yield Line(
                code=self._code(f"fee:{terms.plan}"),
                kind="fee",
                quantity=_shown(share),
                unit="month",
                unit_price=monthly,
                amount=self._fee_of(group),
                tax=terms.tax("fee"),
                text="fee.suspended" if part != 1 else "fee.whole" if share == 1 else "fee.part",
                parameters={
                    **_names("plan", terms.plan_name),
                    **self._days_of(group),
                    "monthly": monthly.text,
                    "share": _shown_text(share),
                },
                why={
                    "rule": "share of the period × monthly price, rounded once; instalments of a year or of a duration"
                    " add up to its price",
                    "model": type(price).__name__,
                    "monthly": str(price.monthly),
                    "share": str(share),
                    "fee_part": str(part),
                    "stretches": self._told(group),
                    "period_number": self._period.number,
                },
                events=tuple(dict.fromkeys(each.source for each in group)),
            )
        yield from self._indexation()

    def _indexation(self) -> Iterable[Line]:
        """What an index adds to the fee: the revised price less the agreed one, weighed by time and rounded once."""
        for group in _grouped(
            [each for each in self._priced if each.terms.revised is not None],
            lambda each: (_priced_alike(each), each.terms.revised),
        ):
            terms, part = group[0].terms, group[0].fee_part
            assert terms.price is not None
            assert terms.revised is not None
            share = self._share(group)
            more = (Fraction(terms.revised) - terms.price.monthly) * part
            before, after = Money.rounded(terms.price.monthly, self._currency), Money(terms.revised, self._currency)
            yield Line(
                code=self._code(f"indexation:{terms.plan}"),
                kind="indexation",
                quantity=_shown(share if more >= 0 else -share),
                unit="month",
                unit_price=Money.rounded(abs(more), self._currency),
                amount=Money.rounded(share * more, self._currency),
                tax=terms.tax("indexation"),
                text="indexation",
                parameters={
                    **_names("plan", terms.plan_name),
                    **self._days_of(group),
                    "before": before.text,
                    "after": after.text,
                },
                why={
                    "rule": "(revised price − agreed price) × share of the period, rounded once",
                    "agreed": str(terms.price.monthly),
                    "revised": after.text,
                    "share": str(share),
                    "stretches": self._told(group),
                },
                events=tuple(dict.fromkeys(each.source for each in group)),
            )

    def _fee_of(self, group: Sequence[InForce]) -> Money:
        """The fee of some stretches together as it was agreed, rounded once."""
        return self._cost(group, lambda terms: terms.price)

    def _fee_in_force(self, group: Sequence[InForce]) -> Money:
        """The fee of some stretches together with what an index adds to it, rounded once."""
        return self._cost(group, lambda terms: terms.price_in_force)

    def _cost(self, group: Sequence[InForce], price_of: Callable[[Terms], TimePrice | None]) -> Money:
        shares = [(self._share_of(each) * each.fee_part, price_of(each.terms)) for each in group]
        return period_fee(
            [(share, price) for share, price in shares if price is not None], self._period.number, self._currency
        )

    # Discounts and what is paid once ----------------------------------------------------------------------------------

    def _discounts(self, left: Money) -> Iterable[Line]:
        of_terms = [(named, each) for each in self._priced for named in each.terms.discounts]
        for group in _grouped(of_terms, lambda pair: (pair[0], pair[1].terms.tax("discount"))):
            named, terms = group[0][0], group[0][1].terms
            stretches = [
                FeeStretch(each.start, each.end, price.monthly * each.fee_part)
                for _, each in group
                if (price := each.terms.price_in_force) is not None
            ]
            for found in discount_lines([named.discount], stretches, self._whole, self._zone, left):
                left = _sum((left, found.amount), self._currency)
                discount = named.discount
                yield Line(
                    code=self._code(f"discount:{discount.code}"),
                    kind="discount",
                    quantity=Decimal(-1),
                    unit="piece",
                    unit_price=_opposite(found.amount),
                    amount=found.amount,
                    tax=terms.tax("discount"),
                    text="discount",
                    parameters=_names("name", named.name),
                    why={
                        "rule": "of the full fee, for the part of the period in which it runs; never more than the fee",
                        "off": str(discount.off),
                        "from": discount.starts_on.isoformat(),
                        "to": None if discount.ends_before is None else discount.ends_before.isoformat(),
                        "cut": found.cut,
                    },
                    events=tuple(dict.fromkeys(each.source for _, each in group)),
                )

    def _one_offs(self) -> Iterable[Line]:
        days = self._period.whole
        for item, *_ in _grouped([item for each in self._held for item in each.terms.one_offs], lambda item: item):
            each = self._on(item.on)
            if each is None or item not in each.terms.one_offs:
                continue
            owed_on = self._owed_on(item.on)
            if not days.first <= owed_on < days.end:
                continue
            amount = Money.rounded(item.amount, self._currency)
            yield Line(
                code=self._code(f"one_off:{item.code}"),
                kind="one_off",
                quantity=Decimal(1),
                unit="piece",
                unit_price=amount,
                amount=amount,
                tax=each.terms.tax("one_off"),
                text="one_off",
                parameters={**_names("name", item.name), "on": item.on.isoformat()},
                why={
                    "rule": "paid once, in the period of its day; what falls due in a suspension is owed when that"
                    " ends, or the contract or its currency",
                    "on": item.on.isoformat(),
                    "owed_on": owed_on.isoformat(),
                },
                events=(each.source,),
            )

    # What was done ----------------------------------------------------------------------------------------------------

    def _tickets(self) -> Iterable[Line]:
        for fact in sorted(self._facts.tickets, key=lambda each: (each.at, each.id)):
            each = self._at(fact.at)
            if each is None or each.terms.per_ticket is None:
                continue
            try:
                (charge,) = each.terms.per_ticket.charges([Ticket(fact.id, fact.kind)], self._currency)
            except PricingRefusedError:
                self.unpriced.append(fact.id)
                continue
            yield Line(
                code=self._code(f"ticket:{fact.id}"),
                kind="ticket",
                quantity=Decimal(1),
                unit="ticket",
                unit_price=charge.amount,
                amount=charge.amount,
                tax=each.terms.tax("ticket"),
                text="ticket",
                parameters={"title": fact.title, "kind": fact.kind, "on": self._day(fact.at)},
                why={"rule": "the price of its kind", "kind": fact.kind, "ticket": fact.id},
                events=fact.events,
            )

    def _overage(self) -> Iterable[Line]:
        for fact in self._facts.overage:
            if not fact.minutes:
                continue
            yield Line(
                code=self._code(f"overage:{fact.month:%Y-%m}"),
                kind="overage",
                quantity=_shown(Fraction(fact.minutes, 60)),
                unit="hour",
                unit_price=Money(fact.rate_per_hour, self._currency),
                amount=fact.amount,
                tax=None if self._last is None else self._last.tax("overage"),
                text="overage",
                parameters={
                    "minutes": str(fact.minutes),
                    "rate": Money(fact.rate_per_hour, self._currency).text,
                    "month": fact.month.isoformat(),
                },
                why={
                    "rule": "minutes beyond what is included ÷ 60 × rate, rounded once by the hours ledger",
                    "minutes": fact.minutes,
                    "ledger": fact.id,
                },
                events=fact.events,
            )

    # What is owed to the client ---------------------------------------------------------------------------------------

    def _owed_to_the_client(self) -> Iterable[Line]:
        for group in _grouped(self._in_period, lambda each: each.terms.remedies):
            remedies = group[0].terms.remedies
            # In a suspension nothing is promised; what came late may be owed with the end of the contract in it.
            promised = [each for each in group if not each.suspended]
            fee = self._fee_in_force(promised)
            uptime = self._uptime_of(remedies, promised)
            clocks = [fact for fact in self._of(self._facts.clocks, promised) if fact.missed]
            rates = {fact.id: remedies.rate_of(fact.metric, fact.severity) for fact in clocks}
            penalties = [
                Penalty(
                    fact.id,
                    fact.overrun,
                    rate.unit,
                    rate.percent_per_started_unit,
                    provider_share(fact.decision),
                    rate.cap_percent,
                )
                for fact in clocks
                if (rate := rates[fact.id]) is not None
            ]
            rule = remedies.late
            late = [] if rule is None else self._late_in(group)
            owed = credits_owed(
                fee,
                uptime=None if uptime is None else MeasuredUptime(uptime, remedies.tiers_in_force()),
                penalties=penalties,
                late=[
                    Late(
                        fact.id,
                        fact.value.amount,
                        self._days_late(fact),
                        rule.divisor,
                        rule.exempt_up_to,
                        rule.cap_percent,
                        provider_share(fact.decision),
                    )
                    for fact in late
                    if rule is not None
                ],
                cumulation=remedies.cumulation,
                cap_percent=remedies.cap_percent,
            )
            told = {fact.id: fact for fact in clocks} | {fact.id: fact for fact in late}
            left = owed.owed
            for line in owed.lines if remedies.cumulation == "sum" else _largest_first(owed.lines):
                taken = min(line.amount.amount, left.amount)
                left = _sum((left, Money(-taken, self._currency)), self._currency)
                if not line.amount.amount:
                    continue
                yield self._owed_line(promised or group, line, Money(taken, self._currency), fee, told.get(line.id))

    def _owed_line(
        self, group: Sequence[InForce], line: CreditLine, taken: Money, fee: Money, fact: ClockFact | LateFact | None
    ) -> Line:
        kind, text, parameters, why = self._explained(line, fee, fact)
        uptime = self._of_end(self._facts.uptime, group) if fact is None else []
        events = fact.events if fact is not None else tuple(event for each in uptime for event in each.events)
        return Line(
            code=self._code(f"{kind}:{line.id}"),
            kind=kind,
            quantity=Decimal(-1),
            unit="piece",
            unit_price=taken,
            amount=_opposite(taken),
            tax=group[-1].terms.tax(kind),
            text=text,
            parameters=parameters,
            why={
                **why,
                "fee": fee.text,
                "computed": line.amount.text,
                "cut_by_cumulation_or_cap": taken.amount != line.amount.amount,
            },
            events=events,
        )

    def _explained(
        self, line: CreditLine, fee: Money, fact: ClockFact | LateFact | None
    ) -> tuple[LineKind, str, dict[str, str], dict[str, Any]]:
        because = line.because
        if isinstance(because, TierReached):
            tier = because.tier
            assert tier is not None  # a line that is not zero has one
            measured = percent_text(because.percent, tier.below)
            return (
                "credit",
                "credit.uptime",
                {"measured": measured, "below": format(tier.below, "f"), "percent": format(tier.credit_percent, "f")},
                {
                    "rule": "the tier with the lowest limit above the uptime × fee, rounded once",
                    "uptime": str(because.percent),
                    "below": format(tier.below, "f"),
                    "credit_percent": format(tier.credit_percent, "f"),
                },
            )
        if isinstance(because, UnitsStarted):
            assert isinstance(fact, ClockFact)
            penalty = because.penalty
            percent = because.units * Fraction(penalty.percent_per_started_unit)
            if because.capped and penalty.cap_percent is not None:
                percent = Fraction(penalty.cap_percent)
            split = split_penalty(Fraction(fee.amount) * percent / 100, fact.decision, fee.currency)
            return (
                "penalty",
                "penalty" if fact.decision is None else "penalty.shared",
                {
                    "metric": fact.metric,
                    "on": self._day(fact.at),
                    "overrun": str(fact.overrun // timedelta(seconds=1)),
                    "units": str(because.units),
                    "provider_percent": "100" if fact.decision is None else format(fact.decision.provider_percent, "f"),
                },
                {
                    "rule": "started units of the overrun × percentage, capped, × fee × the provider's share",
                    "overrun_seconds": _seconds(fact.overrun),
                    "overrun_is_final": fact.final,
                    "unit_seconds": _seconds(penalty.unit),
                    "units": because.units,
                    "percent_per_started_unit": format(penalty.percent_per_started_unit, "f"),
                    "cap_percent": None if penalty.cap_percent is None else format(penalty.cap_percent, "f"),
                    "capped": because.capped,
                    "provider_share": str(penalty.provider_share),
                    "borne_by_the_client": split.client.text,
                    "borne_by_a_third_party": split.third_party.text,
                    "decision": None if fact.decision is None else fact.decision.reason,
                    "item": fact.item,
                },
            )
        assert isinstance(because, DaysCounted)
        assert isinstance(fact, LateFact)
        return (
            "late",
            "late" if fact.decision is None else "late.shared",
            {
                **_names("title", fact.title),
                "days": str(because.late.days_late),
                "provider_percent": "100" if fact.decision is None else format(fact.decision.provider_percent, "f"),
            },
            {
                "rule": "value × whole days without suspensions ÷ divisor; nothing up to the exemption; at most the"
                " cap's part of the value; × the provider's share",
                "value": fact.value.text,
                "days_late": because.late.days_late,
                "divisor": because.late.divisor,
                "figure": str(because.figure),
                "capped": because.capped,
                "provider_share": str(because.late.provider_share),
                "decision": None if fact.decision is None else fact.decision.reason,
            },
        )

    def _uptime_of(self, remedies: Remedies, group: Sequence[InForce]) -> Fraction | None:
        """The uptime in percent while the rule held, over all that counts; None without a commitment or a measure."""
        if remedies.uptime_target is None or not remedies.tiers:
            return None
        measured = self._of_end(self._facts.uptime, group)
        counted = sum((each.counted_seconds for each in measured), Fraction(0))
        if not counted:
            return None
        return 100 * sum((each.up_seconds for each in measured), Fraction(0)) / counted

    def _adjustments(self) -> Iterable[Line]:
        for fact in self._facts.adjustments:
            amount = Money.rounded(fact.amount, self._currency)
            yield Line(
                code=self._code(f"adjustment:{fact.id}"),
                kind="adjustment",
                quantity=Decimal(1) if fact.amount >= 0 else Decimal(-1),
                unit="piece",
                unit_price=Money(abs(amount.amount), self._currency),
                amount=amount,
                tax=None if self._last is None else self._last.tax("adjustment"),
                text="adjustment",
                parameters={"text": fact.text},
                why={"rule": "entered by hand", "by": fact.by, "at": fact.at.isoformat()},
                events=(fact.id,),
            )

    # What was measured ------------------------------------------------------------------------

    def commitments(self) -> Iterable[Commitment]:
        """What was committed to, as it was measured, in the order of time."""
        for uptime in sorted(self._facts.uptime, key=lambda each: (each.end, each.id)):
            each = self._at(uptime.end - timedelta(microseconds=1))
            target = None if each is None else each.terms.remedies.uptime_target
            percent = 100 * uptime.up_seconds / uptime.counted_seconds if uptime.counted_seconds else None
            yield Commitment(
                id=uptime.id,
                kind="uptime",
                subject=uptime.subject,
                at=uptime.end,
                target=None if target is None else format(target, "f"),
                measured=None if percent is None else percent_text(percent, target),
                met=None if target is None or percent is None else percent >= Fraction(target),
                counted=target is not None,
                why={
                    "up_seconds": str(uptime.up_seconds),
                    "counted_seconds": str(uptime.counted_seconds),
                    "coverage_percent": uptime.coverage_percent,
                    **({} if uptime.decided is None else _before(uptime.decided, target)),
                },
                events=uptime.events,
            )
        for clock in sorted(self._facts.clocks, key=lambda each: (each.at, each.id)):
            decision = clock.decision
            yield Commitment(
                id=clock.id,
                kind=clock.metric,
                subject=clock.item,
                at=clock.at,
                target=None if clock.target is None else _seconds(clock.target),
                measured=_seconds(clock.overrun) if clock.missed else None,
                met=not clock.missed,
                counted=self._at(clock.at) is not None,
                why={
                    "severity": clock.severity,
                    "final": clock.final,
                    "provider_percent": None if decision is None else format(decision.provider_percent, "f"),
                    "decision": None if decision is None else decision.reason,
                },
                events=clock.events,
            )

    # Time ------------------------------------------------------------------------------------------------------------

    def _share_of(self, each: InForce) -> Fraction:
        return share_of(Interval(each.start, each.end), self._whole, self._zone)

    def _share(self, group: Sequence[InForce]) -> Fraction:
        return sum((self._share_of(each) for each in group), Fraction(0))

    def _at(self, at: datetime) -> InForce | None:
        return next((each for each in self._in_force if each.start <= at < each.end), None)

    def _on(self, day: date) -> InForce | None:
        """What held on a local day, suspended or not; before anything did, what held first."""
        at = opening_instant(day, 0, self._zone)
        if at < self._held[0].start:
            return self._held[0]
        return next((each for each in self._held if each.start <= at < each.end), None)

    def _owed_at(self, at: datetime) -> datetime:
        """When something of an instant is owed: in a suspension when that ends, or at the last instant of the contract
        or of its currency, of which no later period is settled.

        After the period while the suspension goes on beyond it.
        """
        since = [each for each in self._held if each.end > at]
        if not since or not since[0].suspended:
            return at
        alike = list(takewhile(lambda each: each.terms.currency == since[0].terms.currency, since))
        resumed = next((each.start for each in alike if not each.suspended), None)
        return alike[-1].end - timedelta(microseconds=1) if resumed is None else resumed

    def _owed_on(self, day: date) -> date:
        """The local day on which something due on a day is owed."""
        return self._owed_at(opening_instant(day, 0, self._zone)).astimezone(self._zone).date()

    def _late_in(self, group: Sequence[InForce]) -> list[LateFact]:
        """What was delivered late and is owed while these stretches held, as far as it is in the currency."""
        owed = [(self._owed_at(fact.at), fact) for fact in self._facts.late if fact.value.currency == self._currency]
        found = [(at, fact) for at, fact in owed if any(each.start <= at < each.end for each in group)]
        return [fact for _, fact in sorted(found, key=lambda pair: (pair[0], pair[1].at, pair[1].id))]

    def _days_late(self, fact: LateFact) -> int:
        return whole_days(fact.since, fact.at, self._zone, self._suspensions)

    def _of(self, facts: Iterable[ClockFact], group: Sequence[InForce]) -> list[ClockFact]:
        """The facts that happened while these stretches held, in the order of time."""
        found = [fact for fact in facts if any(each.start <= fact.at < each.end for each in group)]
        return sorted(found, key=lambda fact: (fact.at, fact.id))

    def _of_end(self, facts: Iterable[UptimeFact], group: Sequence[InForce]) -> list[UptimeFact]:
        """The measurements that ended in these stretches; one that ends with a stretch is of it."""
        found = [fact for fact in facts if any(each.start < fact.end <= each.end for each in group)]
        return sorted(found, key=lambda fact: (fact.end, fact.id))

    def _day(self, at: datetime) -> str:
        return at.astimezone(self._zone).date().isoformat()

    def _days_of(self, group: Sequence[InForce]) -> dict[str, str]:
        last = (group[-1].end - timedelta(microseconds=1)).astimezone(self._zone).date()
        return {"from": self._day(group[0].start), "to": last.isoformat()}

    def _told(self, group: Sequence[InForce]) -> list[dict[str, str]]:
        """When the terms held: stretches that touch are told as one."""
        told: list[dict[str, str]] = []
        for each in group:
            start, end = each.start.isoformat(), each.end.isoformat()
            if told and told[-1]["to"] == start:
                told[-1]["to"] = end
            else:
                told.append({"from": start, "to": end})
        return told

    def _code(self, wanted: str) -> str:
        self._codes[wanted] = self._codes.get(wanted, 0) + 1
        times = self._codes[wanted]
        return wanted if times == 1 else f"{wanted}#{times}"


def percent_text(percent: Fraction, limit: Decimal | None) -> str:
    """A percentage for people: two decimals, or as many as it takes not to show a limit as reached that was missed."""
    decimals = 2
    while decimals < 12:
        shown = round_half_away(percent, decimals)
        honest = percent == 100 or shown < 100
        if honest and (limit is None or (percent < Fraction(limit)) == (Fraction(shown) < Fraction(limit))):
            break
        decimals += 1
    return format(round_half_away(percent, decimals), "f")


def _grouped(items: Iterable[T], key: Callable[[T], Any]) -> list[list[T]]:
    """The items with equal keys together, in the order of the first of each. Keys need not be hashable."""
    groups: list[tuple[Any, list[T]]] = []
    for item in items:
        own = key(item)
        for known, group in groups:
            if known == own:
                group.append(item)
                break
        else:
            groups.append((own, [item]))
    return [group for _, group in groups]


def _priced_alike(each: InForce) -> Any:
    return each.terms.plan, each.terms.price, each.fee_part, each.terms.tax("fee")


def _largest_first(lines: Sequence[CreditLine]) -> list[CreditLine]:
    return sorted(lines, key=lambda line: line.amount.amount, reverse=True)


def _totals(lines: Sequence[Line], currency: str) -> Iterable[TaxTotal]:
    for group in _grouped(lines, lambda line: line.tax):
        tax = group[0].tax
        net = _sum((line.amount for line in group), currency)
        amount = None if tax is None else Money.rounded(Fraction(net.amount) * Fraction(tax.rate) / 100, currency)
        yield TaxTotal(tax, net, amount)


def _sum(amounts: Iterable[Money], currency: str) -> Money:
    # As fractions: a sum of Decimals would round to the precision of the thread's context.
    return Money.rounded(sum((Fraction(each.amount) for each in amounts), Fraction(0)), currency)


def _opposite(amount: Money) -> Money:
    return Money.rounded(-Fraction(amount.amount), amount.currency)


def _shown(exact: Fraction) -> Decimal:
    """A quantity with at most six decimals, without trailing zeros."""
    return Decimal(_shown_text(exact))


def _shown_text(exact: Fraction) -> str:
    text = format(round_half_away(exact, QUANTITY_DECIMALS), "f")
    return text.rstrip("0").rstrip(".") if "." in text else text


def _before(decided: BeforeDecisions, target: Decimal | None) -> dict[str, Any]:
    """What an uptime was before the decisions that it rests on, and those."""
    counted = decided.counted_seconds
    percent = 100 * decided.up_seconds / counted if counted else None
    return {
        "as_measured": {
            "up_seconds": str(decided.up_seconds),
            "counted_seconds": str(counted),
            "measured": None if percent is None else percent_text(percent, target),
            "met": None if target is None or percent is None else percent >= Fraction(target),
        },
        "decisions": [dict(decision) for decision in decided.decisions],
    }


def _seconds(length: timedelta) -> str:
    """A length of time in seconds, exactly."""
    exact = Decimal(length // timedelta(microseconds=1)).scaleb(-6)
    text = format(exact, "f")
    return text.rstrip("0").rstrip(".") if "." in text else text


def _names(parameter: str, words: Words) -> dict[str, str]:
    return {f"{parameter}_{language}": word for language, word in sorted(words.items())}
