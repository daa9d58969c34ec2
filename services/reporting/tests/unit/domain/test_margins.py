"""What is left of a period: exact, by the rate of each day, and never told where a side of it is not known."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from itertools import pairwise
from random import Random
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from reporting.application.margins import Revenue, revenues_of
from reporting.domain.lead_times import lead_times, nearest_rank
from reporting.domain.margins import CostRate, Worked, margin, rate_on

ADA, LEO = UUID(int=1), UUID(int=2)
JUNE = date(2026, 6, 1)
people = st.sampled_from([None, ADA, LEO])
days = st.dates(JUNE - timedelta(days=60), JUNE + timedelta(days=60))
entries = st.builds(Worked, people, st.just("Somebody"), days, st.integers(-600, 600))
rates = st.builds(
    CostRate, people, days, st.decimals(0, 500, places=2, allow_nan=False), st.sampled_from(["EUR", "CHF"])
)


@given(st.lists(entries), st.lists(rates), st.decimals(0, 10_000, places=2, allow_nan=False))
def test_revenue_is_cost_and_margin_together_whenever_the_margin_is_told(
    worked: list[Worked], known: list[CostRate], revenue: Decimal
) -> None:
    found = margin(worked, known, "EUR", revenue)
    assert found.minutes == sum(entry.minutes for entry in worked)
    if found.amount is not None:
        assert found.amount + found.cost == Fraction(revenue)
        assert all(rate_on(known, entry.person_id, entry.worked_on, "EUR") for entry in worked if entry.minutes)


@given(st.lists(entries), st.lists(rates))
def test_the_cost_of_all_is_that_of_each_entry_in_any_order(worked: list[Worked], known: list[CostRate]) -> None:
    whole = margin(worked, known, "EUR", None)
    assert whole.amount is None
    assert whole.cost == sum((margin([each], known, "EUR", None).cost for each in worked), Fraction())
    assert margin(worked[::-1], known, "EUR", None).cost == whole.cost


def test_a_rate_of_ones_own_goes_before_everybody_s_and_counts_from_its_day_on() -> None:
    everybody = CostRate(None, JUNE, Decimal("40"), "EUR")
    own = CostRate(ADA, JUNE + timedelta(days=9), Decimal("60"), "EUR")
    francs = CostRate(ADA, JUNE, Decimal("70"), "CHF")
    known = [everybody, own, francs]
    assert rate_on(known, ADA, JUNE, "EUR") == everybody
    assert rate_on(known, ADA, JUNE + timedelta(days=9), "EUR") == own
    assert rate_on(known, LEO, JUNE + timedelta(days=9), "EUR") == everybody
    assert rate_on(known, ADA, JUNE - timedelta(days=1), "EUR") is None


def test_an_hour_without_a_rate_leaves_the_margin_untold_and_is_counted() -> None:
    worked = [Worked(ADA, "Ada", JUNE, 90), Worked(LEO, "Léo", JUNE, 30)]
    found = margin(worked, [CostRate(ADA, JUNE, Decimal("60"), "EUR")], "EUR", Decimal("300"))
    assert (found.cost, found.minutes_without_rate, found.amount) == (Fraction(90), 30, None)
    told = margin(worked, [CostRate(None, JUNE, Decimal("60"), "EUR")], "EUR", Decimal("300"))
    assert (told.cost, told.amount, told.share) == (Fraction(120), Fraction(180), Fraction(3, 5))


def test_without_revenue_there_is_an_amount_and_no_share() -> None:
    found = margin([Worked(ADA, "Ada", JUNE, 60)], [CostRate(None, JUNE, Decimal("60"), "EUR")], "EUR", Decimal(0))
    assert (found.amount, found.share) == (Fraction(-60), None)


@given(st.lists(st.integers(0, 10**6).map(lambda count: timedelta(seconds=count)), min_size=1), st.integers(1, 100))
def test_so_many_percent_take_no_longer_and_fewer_take_less(took: list[timedelta], percent: int) -> None:
    found = nearest_rank(sorted(took), percent)
    assert found in took
    assert sum(each <= found for each in took) * 100 >= percent * len(took)
    assert sum(each < found for each in took) * 100 < percent * len(took)


def test_nothing_took_no_time() -> None:
    found = lead_times([])
    assert (found.count, found.median, found.ninetieth, found.longest) == (0, None, None, None)


starts = st.integers(0, 365 * 24).map(lambda hour: datetime(2026, 1, 1, tzinfo=UTC) + timedelta(hours=hour))
firsts = [datetime(2026 + number // 12, number % 12 + 1, 1, tzinfo=UTC) for number in range(16)]


@given(st.lists(st.tuples(starts, st.integers(1, 40).map(timedelta)), max_size=12), st.randoms())
def test_every_settled_period_is_told_once_in_the_month_in_which_it_ends(
    periods: list[tuple[datetime, timedelta]], chance: Random
) -> None:
    settled = [
        Revenue(UUID(int=number), start, start + length, 1, "EUR", Decimal(number))
        for number, (start, length) in enumerate(periods)
    ]
    told: list[Revenue] = []
    for bounds in pairwise(firsts):
        shuffled = chance.sample(settled, len(settled))
        found = revenues_of(shuffled, bounds)
        known = [each for each in found if each is not None]
        assert all(bounds[0] < each.ends_at <= bounds[1] for each in known)
        assert known == sorted(known, key=lambda each: (each.starts_at, each.settlement_id))
        assert len(known) == len(found) or found == [None]
        told += known
    assert sorted(told, key=lambda each: each.settlement_id) == settled
