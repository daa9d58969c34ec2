"""Settlements: what a period comes to follows from terms and facts alone, and cutting it in two changes nothing."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfo

from hypothesis import given
from hypothesis import strategies as st

from contracts.domain.billing_periods import BillingPeriod, billing_periods, instants_of
from contracts.domain.contract_term import Days
from contracts.domain.discounts import AmountOff, Discount, PercentOff
from contracts.domain.liability import Decision
from contracts.domain.pricing import DurationPrice, FlatFee, PerTicket, ShareOfSalePrice
from contracts.domain.settlement import (
    AdjustmentFact,
    ClockFact,
    CreditTier,
    Facts,
    InForce,
    LateFact,
    LateRule,
    NamedDiscount,
    OneOff,
    OverageFact,
    PenaltyRate,
    Remedies,
    Settled,
    Tax,
    Terms,
    TicketFact,
    UptimeFact,
    percent_text,
    settle,
)
from shared.kernel.money import Money

PARIS = ZoneInfo("Europe/Paris")
PERIOD = next(billing_periods(date(2026, 6, 1), None, "calendar_month"))
JUNE = instants_of(PERIOD.whole, PARIS)
TWENTY = Tax("S", Decimal(20))
PREMIUM = Terms("premium", {"fr": "Premium", "en": "Premium"}, "EUR", FlatFee(Decimal(600)), default_tax=TWENTY)
BASIQUE = replace(PREMIUM, plan="basique", plan_name={"fr": "Basique", "en": "Basic"}, price=FlatFee(Decimal(150)))
TIERS = (CreditTier(None, Decimal(10)), CreditTier(Decimal("99.0"), Decimal(25)))
RESPONSE = PenaltyRate("response", None, timedelta(hours=1), Decimal(5), Decimal(30))
REMEDIES = Remedies(uptime_target=Decimal("99.9"), tiers=TIERS, penalties=(RESPONSE,))


def at(day: int, hour: int = 0) -> datetime:
    return datetime(2026, 6, day, hour, tzinfo=PARIS).astimezone(UTC)


def whole(terms: Terms) -> list[InForce]:
    return [InForce(*JUNE, terms, "v1")]


def settled(*in_force: InForce, period: BillingPeriod = PERIOD, **facts: Any) -> Settled:
    return settle(period, PARIS, "EUR", in_force, Facts(**facts))


def amounts(found: Settled) -> list[tuple[str, str]]:
    return [(line.code, line.amount.text) for line in found.lines]


def uptime(up: int, counted: int = 2_592_000, **values: Any) -> UptimeFact:
    fact = UptimeFact("u", "site", *JUNE, Fraction(up), Fraction(counted), "100.00", ("e1",))
    return replace(fact, **values)


def clock(overrun: timedelta, **values: Any) -> ClockFact:
    known = {"id": "c", "item": "INC-1", "metric": "response", "severity": "critical", "at": at(10), "missed": True}
    return ClockFact(**{**known, "overrun": overrun, "events": ("e2",), **values})


def test_a_whole_month_is_the_fee_with_its_vat() -> None:
    found = settled(*whole(PREMIUM))
    assert amounts(found) == [("fee:premium", "600.00")]
    assert (found.net.text, found.tax and found.tax.text, found.gross and found.gross.text) == (
        "600.00",
        "120.00",
        "720.00",
    )


def test_an_upgrade_on_the_sixteenth_costs_half_of_each() -> None:
    found = settled(InForce(JUNE.start, at(16), BASIQUE, "v1"), InForce(at(16), JUNE.end, PREMIUM, "v2"))
    assert amounts(found) == [("fee:basique", "75.00"), ("fee:premium", "300.00")]
    assert found.lines[1].why["share"] == "1/2"
    assert (found.lines[1].parameters["from"], found.lines[1].parameters["to"]) == ("2026-06-16", "2026-06-30")


def test_suspended_time_and_time_before_the_start_cost_nothing() -> None:
    found = settled(InForce(JUNE.start, at(11), PREMIUM, "v1"), InForce(at(21), JUNE.end, PREMIUM, "v3"))
    assert amounts(found) == [("fee:premium", "400.00")]
    assert [each["from"] for each in found.lines[0].why["stretches"]] == [JUNE.start.isoformat(), at(21).isoformat()]
    assert settled() == settled(InForce(JUNE.end, JUNE.end + timedelta(days=3), PREMIUM, "v1"))


def test_a_missed_uptime_credits_a_part_of_the_fee_only_where_the_contract_says_so() -> None:
    missed = [uptime(2_589_407)]  # 99.899… %
    terms = replace(PREMIUM, remedies=REMEDIES)
    found = settled(*whole(terms), uptime=missed)
    assert amounts(found) == [("fee:premium", "600.00"), ("credit:uptime", "-60.00")]
    assert found.lines[1].events == ("e1",)
    assert found.lines[1].parameters["measured"] == "99.89996"
    assert [line.kind for line in settled(*whole(PREMIUM), uptime=missed).lines] == ["fee"]
    without_target = replace(PREMIUM, remedies=replace(REMEDIES, uptime_target=None))
    assert [line.kind for line in settled(*whole(without_target), uptime=missed).lines] == ["fee"]
    assert [line.kind for line in settled(*whole(terms), uptime=[uptime(0, 0)]).lines] == ["fee"]
    exactly = [uptime(999, 1000)]
    assert [line.kind for line in settled(*whole(terms), uptime=exactly).lines] == ["fee"]


def test_another_target_moves_the_tier_that_has_no_limit_of_its_own() -> None:
    strict = replace(PREMIUM, remedies=replace(REMEDIES, uptime_target=Decimal("99.95")))
    found = settled(*whole(strict), uptime=[uptime(9993, 10_000)])
    assert amounts(found)[1:] == [("credit:uptime", "-60.00")]
    both = replace(REMEDIES, tiers=(*TIERS, CreditTier(Decimal("99.9"), Decimal(50))))
    found = settled(*whole(replace(PREMIUM, remedies=both)), uptime=[uptime(9985, 10_000)])
    assert amounts(found)[1:] == [("credit:uptime", "-300.00")]


def test_uptime_of_several_sites_is_weighed_by_time() -> None:
    two = [uptime(9980, 10_000, id="a"), uptime(10_000, 10_000, id="b")]
    assert amounts(settled(*whole(replace(PREMIUM, remedies=REMEDIES)), uptime=two)) == [("fee:premium", "600.00")]


def test_a_missed_target_costs_its_started_units_less_what_the_client_bears() -> None:
    terms = replace(PREMIUM, remedies=REMEDIES)
    late = timedelta(hours=2, minutes=20)
    assert amounts(settled(*whole(terms), clocks=[clock(late)]))[1:] == [("penalty:c", "-90.00")]
    shared = Decision(Decimal(40), Decimal(60), at(12), "Nadia", "The access came late")
    (_, line) = settled(*whole(terms), clocks=[clock(late, decision=shared)]).lines
    assert line.amount.text == "-36.00"
    assert line.why["borne_by_the_client"] == "54.00"
    assert line.text == "penalty.shared"
    for harmless in (clock(late, missed=False), clock(late, metric="repair"), clock(late, at=JUNE.end)):
        assert [each.kind for each in settled(*whole(terms), clocks=[harmless]).lines] == ["fee"]


def test_the_rate_of_a_severity_goes_before_the_one_for_all() -> None:
    own = replace(RESPONSE, severity="critical", percent_per_started_unit=Decimal(10))
    terms = replace(PREMIUM, remedies=replace(REMEDIES, penalties=(RESPONSE, own)))
    for severity, amount in (("critical", "-60.00"), ("minor", "-30.00")):
        found = settled(*whole(terms), clocks=[clock(timedelta(minutes=1), severity=severity)])
        assert amounts(found)[1:] == [("penalty:c", amount)]


def test_the_overall_cap_cuts_the_later_lines_and_max_keeps_the_largest() -> None:
    facts: dict[str, Any] = {
        "uptime": [uptime(98, 100)],
        "clocks": [clock(timedelta(hours=3)), clock(timedelta(hours=9), id="d")],
    }
    capped = replace(PREMIUM, remedies=replace(REMEDIES, cap_percent=Decimal(45)))
    assert amounts(settled(*whole(capped), **facts))[1:] == [
        ("credit:uptime", "-150.00"),
        ("penalty:c", "-90.00"),
        ("penalty:d", "-30.00"),
    ]
    largest = replace(PREMIUM, remedies=replace(REMEDIES, cumulation="max"))
    found = settled(*whole(largest), **facts)
    assert found.net.text == "420.00"
    assert [line.code for line in found.lines if line.why.get("cut_by_cumulation_or_cap") is False] == ["penalty:d"]


def late_by(days: int) -> datetime:
    """When something was due that came on the 20th, so many days too late."""
    return at(20) - timedelta(days=days)


def test_lateness_costs_only_where_the_contract_says_so() -> None:
    fact = LateFact("L-1", {"fr": "Lot 1", "en": "Lot 1"}, Money(Decimal(12000), "EUR"), late_by(26), at(20))
    rule = LateRule(1000, Decimal(300), Decimal(10))
    assert amounts(settled(*whole(replace(PREMIUM, remedies=Remedies(late=rule))), late=[fact]))[1:] == [
        ("late:L-1", "-312.00")
    ]
    assert len(settled(*whole(PREMIUM), late=[fact]).lines) == 1
    shared = Decision(Decimal(50), Decimal(50), at(21), "Nadia", "The texts came late")
    terms = replace(PREMIUM, remedies=Remedies(late=rule))
    (_, line) = settled(*whole(terms), late=[replace(fact, decision=shared)]).lines
    assert (line.amount.text, line.text, line.why["provider_share"]) == ("-156.00", "late.shared", "1/2")
    dollars = replace(fact, value=Money(Decimal(12000), "USD"))
    assert [each.kind for each in settled(*whole(terms), late=[dollars]).lines] == ["fee"]


def test_tickets_are_charged_by_their_kind_and_those_without_a_price_are_told() -> None:
    terms = replace(PREMIUM, price=None, per_ticket=PerTicket({"corrective": Decimal("80")}))
    tickets = [TicketFact(name, kind, name, at(day)) for name, kind, day in (("b", "corrective", 9), ("a", "x", 3))]
    found = settled(*whole(terms), tickets=tickets)
    assert amounts(found) == [("ticket:b", "80.00")]
    assert found.unpriced == ("a",)
    assert settled(*whole(PREMIUM), tickets=tickets).unpriced == ()


def test_discounts_one_offs_overage_and_adjustments_are_lines_of_their_own() -> None:
    name = {"fr": "x", "en": "x"}
    half = NamedDiscount(Discount("launch", PercentOff(Decimal(10)), date(2026, 6, 16), None), name)
    large = NamedDiscount(Discount("large", AmountOff(Decimal(5000)), date(2026, 6, 1), None), name)
    terms = replace(
        PREMIUM,
        discounts=(half, large),
        one_offs=(
            OneOff("setup", name, Decimal(250), date(2026, 6, 1)),
            OneOff("later", name, Decimal(9), date(2026, 7, 1)),
        ),
    )
    over = OverageFact("h", 90, Decimal(80), Money(Decimal("120.00"), "EUR"), date(2026, 6, 1), ("t1",))
    gift = AdjustmentFact("g", "Goodwill", Decimal("-10.005"), "Nadia", at(30))
    found = settled(*whole(terms), overage=[over], adjustments=[gift])
    assert amounts(found)[1:] == [
        ("discount:launch", "-30.00"),
        ("discount:large", "-570.00"),
        ("one_off:setup", "250.00"),
        ("overage:2026-06", "120.00"),
        ("adjustment:g", "-10.01"),
    ]


def test_what_is_paid_once_is_due_by_the_terms_of_its_day() -> None:
    setup = replace(PREMIUM, one_offs=(OneOff("setup", {"en": "Setup"}, Decimal(250), date(2026, 6, 3)),))
    begun_later = InForce(at(8), JUNE.end, setup, "v1")
    assert amounts(settled(begun_later))[1:] == [("one_off:setup", "250.00")]
    without = InForce(at(2), JUNE.end, PREMIUM, "v2")
    assert [line.kind for line in settled(InForce(JUNE.start, at(2), setup, "v1"), without).lines] == ["fee"]


def test_what_falls_due_in_a_suspension_is_owed_when_that_ends_or_the_contract_does() -> None:
    setup = replace(PREMIUM, one_offs=(OneOff("setup", {"en": "Setup"}, Decimal(250), date(2026, 6, 15)),))
    july = next(billing_periods(date(2026, 7, 1), None, "calendar_month"))
    in_july = instants_of(july.whole, PARIS)
    before = InForce(JUNE.start, at(10), setup, "v1")
    goes_on = InForce(at(10), in_july.start + timedelta(days=4), setup, "v1", Fraction(0), suspended=True)
    again = InForce(goes_on.end, in_july.end, PREMIUM, "v2")
    held = (before, goes_on, again)
    assert [code for code, _ in amounts(settled(*held))] == ["fee:premium"]
    (_, charged) = settled(*held, period=july).lines
    assert (charged.code, charged.amount.text, charged.why["owed_on"]) == ("one_off:setup", "250.00", "2026-07-05")
    for end in (at(20), JUNE.end):
        ended = (before, replace(goes_on, end=end))
        assert amounts(settled(*ended))[1:] == [("one_off:setup", "250.00")]
    assert [code for code, _ in amounts(settled(before, goes_on))] == ["fee:premium"]
    assert amounts(settled(before, replace(again, start=at(10)))) == [("fee:premium", "600.00")]


LATENESS = replace(PREMIUM, remedies=Remedies(late=LateRule(1000, None, Decimal(50))))
"""12 of 12,000 a day."""


def delivery(due: datetime, done: datetime) -> LateFact:
    return LateFact("L-1", {"en": "Lot 1"}, Money(Decimal(12000), "EUR"), due, done)


def test_the_days_of_a_suspension_are_not_days_of_lateness() -> None:
    before = InForce(JUNE.start, at(10), LATENESS, "v1")
    stopped = InForce(at(10), at(16), LATENESS, "v1", Fraction(0), suspended=True)
    held = (before, stopped, InForce(at(16), JUNE.end, LATENESS, "v1"))
    (_, line) = settled(*held, late=[delivery(at(5), at(20))]).lines
    assert (line.amount.text, line.why["days_late"], line.parameters["days"]) == ("-108.00", 9, "9")


def test_what_is_delivered_in_a_suspension_is_owed_when_that_ends_or_the_contract_does() -> None:
    july = next(billing_periods(date(2026, 7, 1), None, "calendar_month"))
    in_july = instants_of(july.whole, PARIS)
    before = InForce(JUNE.start, at(10), LATENESS, "v1")
    goes_on = InForce(at(10), in_july.start + timedelta(days=4), LATENESS, "v1", Fraction(0), suspended=True)
    held = (before, goes_on, InForce(goes_on.end, in_july.end, LATENESS, "v2"))
    late = [delivery(at(5), at(20))]
    assert [code for code, _ in amounts(settled(*held, late=late))] == ["fee:premium"]
    assert amounts(settled(*held, late=late, period=july))[1:] == [("late:L-1", "-60.00")]
    assert [code for code, _ in amounts(settled(before, goes_on, late=late))] == ["fee:premium"]
    promised = replace(LATENESS, remedies=replace(LATENESS.remedies, penalties=(RESPONSE,), cap_percent=Decimal(25)))
    missed = [clock(timedelta(minutes=90), id="c", at=at(20))]
    for end in (at(25), JUNE.end):
        stopped = replace(goes_on, end=end, terms=promised, fee_part=Fraction(1, 2))
        ended = settled(replace(before, terms=promised), stopped, late=late, clocks=missed)
        # No target is missed while nothing is promised, and the cap is of the fee of what was.
        assert [each for each in amounts(ended) if each[0] != "fee:premium"][1:] == [("late:L-1", "-45.00")]
    alone = InForce(JUNE.start, at(25), LATENESS, "v1", Fraction(0), suspended=True)
    over = InForce(JUNE.start, at(15), LATENESS, "v1")
    assert [code for code, _ in amounts(settled(over, late=late))] == ["fee:premium"]
    long_due = [delivery(JUNE.start - timedelta(days=5), at(20))]
    assert amounts(settled(alone, late=long_due)) == [("late:L-1", "-60.00")]


def test_what_is_owed_in_a_suspension_in_which_the_currency_changes_is_owed_in_the_currency_that_it_has() -> None:
    july = next(billing_periods(date(2026, 7, 1), None, "calendar_month"))
    in_july = instants_of(july.whole, PARIS)
    euros = replace(LATENESS, one_offs=(OneOff("setup", {"en": "Setup"}, Decimal(250), date(2026, 6, 15)),))
    dollars = replace(LATENESS, currency="USD", price=FlatFee(Decimal(700)))
    resumed = in_july.start + timedelta(days=4)
    held = [
        InForce(JUNE.start, at(10), euros, "v1"),
        InForce(at(10), JUNE.end, euros, "v1", Fraction(0), suspended=True),
        InForce(JUNE.end, resumed, dollars, "v2", Fraction(0), suspended=True),
        InForce(resumed, in_july.end, dollars, "v2"),
    ]
    facts = Facts(late=[delivery(at(5), at(20))])
    in_june = settle(PERIOD, PARIS, "EUR", held, facts)
    assert amounts(in_june)[1:] == [("one_off:setup", "250.00"), ("late:L-1", "-60.00")]
    assert in_june.lines[1].why["owed_on"] == "2026-06-30"
    assert [line.kind for line in settle(july, PARIS, "USD", held, facts).lines] == ["fee"]


def test_an_index_moves_the_fee_from_its_day_on() -> None:
    revised = replace(PREMIUM, revised=Decimal("607.42"))
    found = settled(InForce(JUNE.start, at(16), PREMIUM, "v1"), InForce(at(16), JUNE.end, revised, "v2"))
    assert amounts(found) == [("fee:premium", "600.00"), ("indexation:premium", "3.71")]


def test_credits_penalties_and_discounts_are_of_the_fee_with_what_an_index_adds_to_it() -> None:
    tenth = NamedDiscount(Discount("tenth", PercentOff(Decimal(10)), date(2026, 6, 1), None), {"en": "x"})
    terms = replace(PREMIUM, remedies=REMEDIES, discounts=(tenth,), revised=Decimal("660"))
    found = settled(*whole(terms), uptime=[uptime(95, 100)], clocks=[clock(timedelta(minutes=1))])
    assert amounts(found) == [
        ("fee:premium", "600.00"),
        ("indexation:premium", "60.00"),
        ("discount:tenth", "-66.00"),
        ("credit:uptime", "-165.00"),
        ("penalty:c", "-33.00"),
    ]
    free = replace(terms, discounts=(replace(tenth, discount=replace(tenth.discount, off=PercentOff(Decimal(100)))),))
    assert settled(*whole(free)).net.text == "0.00"


def test_what_is_added_by_hand_to_a_month_in_suspension_has_the_agreed_vat() -> None:
    quiet = InForce(*JUNE, PREMIUM, "v1", Fraction(0), suspended=True)
    found = settled(quiet, adjustments=[AdjustmentFact("g", "Goodwill", Decimal(-10), "Nadia", at(30))])
    assert (found.net.text, found.gross and found.gross.text) == ("-10.00", "-12.00")


def test_what_a_third_party_bears_is_not_told_as_the_clients() -> None:
    decision = Decision(Decimal(40), Decimal(20), at(12), "Nadia", "The host was away", Decimal(40))
    (_, line) = settled(
        *whole(replace(PREMIUM, remedies=REMEDIES)), clocks=[clock(timedelta(minutes=140), decision=decision)]
    ).lines
    assert (line.amount.text, line.why["borne_by_the_client"], line.why["borne_by_a_third_party"]) == (
        "-36.00", "18.00", "36.00",
    )  # fmt: skip


def test_a_suspension_owes_the_part_of_the_fee_that_was_agreed_and_promises_nothing() -> None:
    terms = replace(PREMIUM, remedies=REMEDIES, per_ticket=PerTicket({}, Decimal(80)))
    quiet = InForce(at(16), JUNE.end, terms, "v2", Fraction(1, 4), suspended=True)
    ticket = TicketFact("t", "x", "t", at(20))
    found = settled(InForce(JUNE.start, at(16), terms, "v1"), quiet, tickets=[ticket], uptime=[uptime(1, 2)])
    assert amounts(found) == [("fee:premium", "300.00"), ("fee:premium#2", "75.00")]


def test_vat_is_of_each_line_and_unknown_where_none_was_agreed_on() -> None:
    terms = replace(PREMIUM, remedies=REMEDIES, taxes={"credit": Tax("O", Decimal(0))})
    found = settled(*whole(terms), uptime=[uptime(95, 100)])
    assert [(total.tax and total.tax.category, total.net.text) for total in found.totals] == [
        ("S", "600.00"),
        ("O", "-150.00"),
    ]
    assert found.gross and found.gross.text == "570.00"
    assert settled(*whole(replace(PREMIUM, default_tax=None))).gross is None


def test_what_was_not_promised_is_measured_and_counts_for_nothing() -> None:
    found = settled(*whole(PREMIUM), uptime=[uptime(98, 100)], clocks=[clock(timedelta(hours=1), at=at(30, 23))])
    assert [(each.kind, each.met, each.counted) for each in found.commitments] == [
        ("uptime", None, False),
        ("response", False, True),
    ]
    (met,) = settled(*whole(replace(PREMIUM, remedies=REMEDIES)), uptime=[uptime(999, 1000)]).commitments
    assert (met.target, met.measured, met.met) == ("99.9", "99.90", True)


def test_instalments_of_a_year_add_up_to_its_price() -> None:
    terms = replace(PREMIUM, price=ShareOfSalePrice(Decimal(15), Decimal("19999.99")))
    year = [
        settle(period, PARIS, "EUR", [InForce(*instants_of(period.whole, PARIS), terms, "v")], Facts()).net.amount
        for period, _ in zip(billing_periods(date(2026, 1, 1), None, "start_day"), range(12), strict=False)
    ]
    assert sum(year) == Decimal("3000.00")


def test_a_percentage_is_never_shown_on_the_other_side_of_its_limit() -> None:
    assert percent_text(Fraction(99899977, 1000000), Decimal("99.9")) == "99.89998"
    assert percent_text(Fraction(999999, 10000), None) == "99.9999"
    assert percent_text(Fraction(100), Decimal("99.9")) == "100.00"


# --- cutting a period in two ------------------------------------------------------------------------------------------

instants = st.integers(min_value=1, max_value=30 * 86_400 - 1).map(
    lambda second: JUNE.start + timedelta(seconds=second)
)
prices = st.one_of(
    st.integers(1, 100_000).map(lambda cents: FlatFee(Decimal(cents).scaleb(-2))),
    st.integers(1, 100_000).map(lambda price: ShareOfSalePrice(Decimal("12.5"), Decimal(price))),
    st.integers(1, 100_000).map(lambda total: DurationPrice(Decimal(total), 7)),
)


@st.composite
def agreed(draw: st.DrawFn) -> Terms:
    percent = draw(st.integers(0, 100))
    discount = Discount("d", PercentOff(Decimal(percent)), date(2026, 6, draw(st.integers(1, 28))), None)
    return replace(
        draw(st.sampled_from([PREMIUM, BASIQUE])),
        price=draw(prices),
        discounts=(NamedDiscount(discount, {"en": "d"}),),
        per_ticket=PerTicket({}, Decimal(80)),
        remedies=replace(REMEDIES, cap_percent=Decimal(draw(st.integers(0, 50)))),
        one_offs=(OneOff("o", {"en": "o"}, Decimal(10), date(2026, 6, draw(st.integers(1, 30)))),),
    )


def cut(stretches: list[InForce], cuts: list[datetime]) -> list[InForce]:
    found = []
    for each in stretches:
        edges = [each.start, *sorted({one for one in cuts if each.start < one < each.end}), each.end]
        found += [InForce(*ends, each.terms, f"{each.source}.{n}") for n, ends in enumerate(pairwise(edges))]
    return found


@given(agreed(), agreed(), instants, st.lists(instants, max_size=5), instants, st.integers(0, 100))
def test_splitting_a_period_never_changes_what_is_owed(
    first: Terms, second: Terms, amended: datetime, cuts: list[datetime], happened: datetime, up: int
) -> None:
    stretches = [InForce(JUNE.start, amended, first, "v1"), InForce(amended, JUNE.end, second, "v2")]
    facts = Facts(
        uptime=[uptime(up, 100)],
        clocks=[clock(timedelta(minutes=90), at=happened)],
        tickets=[TicketFact("t", "x", "t", happened)],
    )
    once = settle(PERIOD, PARIS, "EUR", stretches, facts)
    again = settle(PERIOD, PARIS, "EUR", cut(stretches, cuts), facts)
    assert amounts(again) == amounts(once)
    assert (again.totals, again.gross) == (once.totals, once.gross)
    assert [(line.quantity, line.why) for line in again.lines] == [(line.quantity, line.why) for line in once.lines]


@given(st.lists(instants, min_size=2, max_size=2, unique=True), st.integers(1, 61))
def test_what_is_paid_once_is_owed_once_whatever_is_suspended(edges: list[datetime], day: int) -> None:
    due = date(2026, 5, 31) + timedelta(days=day)
    terms = replace(PREMIUM, one_offs=(OneOff("o", {"en": "o"}, Decimal(10), due),))
    july = next(billing_periods(date(2026, 7, 1), None, "calendar_month"))
    begins, ends = sorted(edges)
    held = [
        InForce(JUNE.start, begins, terms, "v"),
        InForce(begins, ends, terms, "v", Fraction(0), suspended=True),
        InForce(ends, instants_of(july.whole, PARIS).end, terms, "v"),
    ]
    found = [line for period in (PERIOD, july) for line in settled(*held, period=period).lines]
    assert [line.code for line in found if line.kind == "one_off"] == ["one_off:o"]


@given(st.lists(st.integers(1, 60 * 86_400), min_size=2, max_size=2, unique=True), instants, st.integers(0, 40))
def test_what_is_delivered_late_is_counted_once_whatever_is_suspended(
    edges: list[int], done: datetime, days: int
) -> None:
    july = next(billing_periods(date(2026, 7, 1), None, "calendar_month"))
    begins, ends = (JUNE.start + timedelta(seconds=second) for second in sorted(edges))
    held = [
        InForce(JUNE.start, begins, LATENESS, "v"),
        InForce(begins, ends, LATENESS, "v", Fraction(0), suspended=True),
        InForce(ends, instants_of(july.whole, PARIS).end + timedelta(microseconds=1), LATENESS, "v"),
    ]
    due = done - timedelta(days=days)
    found = [
        line for period in (PERIOD, july) for line in settled(*held, period=period, late=[delivery(due, done)]).lines
    ]
    stood_still = max(min(done, ends) - max(due, begins), timedelta(0))
    expected = (done - due - stood_still).days
    assert [line.why["days_late"] for line in found if line.kind == "late"] == ([expected] if expected else [])


@given(st.integers(0, 60), st.integers(0, 60), st.integers(1, 10**7), st.integers(1, 5000), st.integers(0, 100))
def test_each_further_day_of_lateness_costs_no_less_and_the_share_of_the_provider_no_more(
    days: int, more: int, cents: int, divisor: int, percent: int
) -> None:
    terms = replace(PREMIUM, remedies=Remedies(late=LateRule(divisor, None, Decimal(50))))
    one = LateFact("l", {"en": "l"}, Money(Decimal(cents).scaleb(-2), "EUR"), late_by(days), at(20), None, ("breach",))
    share = Decision(Decimal(percent), Decimal(100 - percent), at(21), "Nadia", "Shared")

    def owed(fact: LateFact) -> Decimal:
        found = [line for line in settled(*whole(terms), late=[fact]).lines if line.kind == "late"]
        counted = (at(20) - fact.since).days
        assert all(line.events == ("breach",) and line.why["days_late"] == counted for line in found)
        return -sum((line.amount.amount for line in found), Decimal(0))

    assert 0 <= owed(one) <= owed(replace(one, since=late_by(days + more))) <= one.value.amount
    assert 0 <= owed(replace(one, decision=share)) <= owed(one)
    assert owed(replace(one, since=at(20))) == 0


@given(agreed(), st.lists(instants, min_size=1, max_size=4), st.integers(0, 3))
def test_the_order_of_facts_does_not_matter(terms: Terms, when: list[datetime], turned: int) -> None:
    clocks = [clock(timedelta(minutes=90), id=f"c{number}", at=one) for number, one in enumerate(when)]
    moved = clocks[turned:] + clocks[:turned]
    assert settled(*whole(terms), clocks=clocks) == settled(*whole(terms), clocks=moved)


def test_days_weigh_the_same_when_the_clocks_change() -> None:
    october = next(billing_periods(date(2026, 10, 1), None, "calendar_month"))
    half = datetime(2026, 10, 17, 0, tzinfo=PARIS)
    start, end = instants_of(Days(date(2026, 10, 1), date(2026, 11, 1)), PARIS)
    terms = replace(PREMIUM, price=FlatFee(Decimal(310)))
    found = settled(InForce(half, end, terms, "v"), period=october)
    assert amounts(found) == [("fee:premium", "150.00")]
    assert amounts(settled(InForce(start, end, terms, "v"), period=october)) == [("fee:premium", "310.00")]
