"""Dated discounts: half a month of a promotion is half of it, and no discount takes more than the fee."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from itertools import pairwise
from zoneinfo import ZoneInfo

from hypothesis import given
from hypothesis import strategies as st

from contracts.domain.billing_periods import instants_of, share_of
from contracts.domain.contract_term import Days
from contracts.domain.discounts import AmountOff, Discount, FeeStretch, PercentOff, discount_lines
from shared.kernel.intervals import Interval
from shared.kernel.money import Money

PARIS = ZoneInfo("Europe/Paris")
JUNE = instants_of(Days(date(2026, 6, 1), date(2026, 7, 1)), PARIS)
FEE = Money(Decimal("300.00"), "EUR")
ALL_OF_JUNE = [FeeStretch(*JUNE, Fraction(300))]


def day(number: int) -> date:
    return date(2026, 6, number)


def told(*discounts: Discount, stretches: list[FeeStretch] = ALL_OF_JUNE, fee: Money = FEE) -> list[tuple[str, str]]:
    return [(line.code, line.amount.text) for line in discount_lines(discounts, stretches, JUNE, PARIS, fee)]


def test_a_discount_counts_for_the_days_on_which_it_runs() -> None:
    tenth = PercentOff(Decimal(10))
    assert told(Discount("launch", tenth, date(2026, 1, 1), None)) == [("launch", "-30.00")]
    assert told(Discount("launch", tenth, day(16), None)) == [("launch", "-15.00")]
    assert told(Discount("launch", tenth, date(2026, 1, 1), day(4))) == [("launch", "-3.00")]
    assert (
        told(Discount("over", tenth, date(2026, 1, 1), day(1)), Discount("later", tenth, date(2026, 7, 1), None)) == []
    )


def test_an_amount_is_for_a_whole_month() -> None:
    assert told(Discount("loyalty", AmountOff(Decimal("50")), day(1), None)) == [("loyalty", "-50.00")]
    assert told(Discount("loyalty", AmountOff(Decimal("50")), day(21), None)) == [("loyalty", "-16.67")]


def test_a_percentage_is_of_the_fee_that_holds_while_the_discount_runs() -> None:
    amended = JUNE.start + timedelta(days=15)
    stretches = [FeeStretch(JUNE.start, amended, Fraction(150)), FeeStretch(amended, JUNE.end, Fraction(600))]
    fee = Money(Decimal("375.00"), "EUR")
    discount = Discount("upgrade", PercentOff(Decimal(50)), day(16), None)
    assert told(discount, stretches=stretches, fee=fee) == [("upgrade", "-150.00")]


def test_discounts_are_taken_of_the_full_fee_and_never_take_more_than_it() -> None:
    half = [Discount(code, PercentOff(Decimal(50)), day(1), None) for code in ("a", "b", "c")]
    assert told(*half) == [("a", "-150.00"), ("b", "-150.00"), ("c", "0.00")]
    large = Discount("large", AmountOff(Decimal(1000)), day(1), None)
    (line,) = discount_lines([large], ALL_OF_JUNE, JUNE, PARIS, FEE)
    assert (line.amount.text, line.cut) == ("-300.00", True)
    assert not discount_lines([half[0]], ALL_OF_JUNE, JUNE, PARIS, FEE)[0].cut


cuts = st.lists(st.integers(0, 30 * 24), max_size=4, unique=True)
offs = st.builds(PercentOff, st.decimals(0, 100, places=1)) | st.builds(AmountOff, st.decimals(0, 400, places=2))


@given(cuts, offs, st.integers(1, 30), st.integers(0, 40))
def test_splitting_the_period_never_changes_a_discount(
    hours: list[int], off: PercentOff | AmountOff, first: int, length: int
) -> None:
    discount = Discount("launch", off, day(first), day(first) + timedelta(days=length))
    edges = [JUNE.start, *(JUNE.start + timedelta(hours=each) for each in sorted(hours)), JUNE.end]
    pieces = [FeeStretch(start, end, Fraction(300)) for start, end in pairwise(edges)]
    assert told(discount, stretches=pieces) == told(discount)
    runs = Interval(*instants_of(Days(discount.starts_on, day(first) + timedelta(days=length)), PARIS))
    share = share_of(runs, JUNE, PARIS)
    monthly = 3 * Fraction(off.percent) if isinstance(off, PercentOff) else Fraction(off.per_month)
    expected = min(Money.rounded(share * monthly, "EUR").amount, FEE.amount)
    assert [Decimal(amount) for _, amount in told(discount)] == ([-expected] if share else [])


def test_the_zone_decides_when_a_day_begins() -> None:
    discount = Discount("launch", PercentOff(Decimal(100)), day(16), None)
    before = datetime(2026, 6, 15, 22, tzinfo=UTC)  # midnight in Paris
    assert discount.runs(JUNE, PARIS).start == before
