"""What months of a contract include, what facts come to, and what is booked late: never twice, in whatever order."""

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from random import Random
from uuid import UUID, uuid4
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contracts.domain.contract_hours import (
    AgreedHours,
    AgreedLine,
    Held,
    HoursFact,
    accounted,
    added,
    agreed_on,
    contract_year,
    difference,
    last_day,
    month_of,
    month_terms,
    months_of_year,
    reached,
    review_line,
)
from contracts.domain.contract_term import Days, add_months
from contracts.domain.hours_ledger import Rollover
from shared.kernel.hours import Accounting, Minutes
from shared.kernel.money import Money

PARIS = ZoneInfo("Europe/Paris")
JUNE, JULY = date(2026, 6, 1), date(2026, 7, 1)
BEGIN = datetime(2026, 5, 31, 22, tzinfo=UTC)  # June begins in Paris
RATE = Money(Decimal("90.00"), "EUR")


def agreed(unit: int = 1, per: str = "entry", **minutes: int) -> AgreedHours:
    return AgreedHours(
        lines=tuple(AgreedLine(code, included, (f"{code}_class",)) for code, included in minutes.items()),
        pooled=True,
        rollover=Rollover(),
        overage_rate_per_hour=RATE,
        accounting=Accounting(unit, "ticket_day" if per == "ticket_day" else "entry"),
        multipliers={"night": Decimal("1.5")},
        covered_classes=frozenset({"rewrite"}),
    )


def fact(minutes: int, line: str | None = "web", on: date = JUNE, **values: object) -> HoursFact:
    plain: dict[str, object] = {
        "entry_id": uuid4(),
        "line": line,
        "work_class": "x",
        "minutes": minutes,
        "on": on,
        "ticket": None,
        "covered": False,
        "multipliers": (),
        "consumes": True,
    }
    return HoursFact(**{**plain, **values})  # type: ignore[arg-type]


def included(held: Sequence[Held], month: date = JUNE) -> dict[str, int]:
    terms = month_terms(month, held, PARIS)
    assert terms is not None
    return {line.code: line.included_minutes for line in terms.terms.lines}


# --- what a month includes -------------------------------------------------------------------------------------------


def test_a_month_includes_what_was_agreed_and_nothing_before_the_contract_began() -> None:
    held = [Held(BEGIN, None, agreed(technical=120, web=60))]
    assert included(held) == included(held, JULY) == {"technical": 120, "web": 60}
    assert month_terms(date(2026, 5, 1), held, PARIS) is None


def test_an_amendment_in_mid_month_counts_from_its_instant_and_never_before_it() -> None:
    half = datetime(2026, 6, 15, 22, tzinfo=UTC)
    held = [Held(BEGIN, half, agreed(web=60, mobile=30)), Held(half, None, agreed(web=120, technical=60))]
    assert included(held) == {"web": 90, "technical": 30, "mobile": 15}
    assert included(held, JULY) == {"web": 120, "technical": 60}


def test_a_suspended_or_ended_contract_includes_nothing_of_that_time() -> None:
    stop, again = datetime(2026, 6, 10, 22, tzinfo=UTC), datetime(2026, 6, 20, 22, tzinfo=UTC)
    end = datetime(2026, 6, 25, 22, tzinfo=UTC)
    hours = agreed(web=300)
    assert included([Held(BEGIN, stop, hours), Held(again, end, hours)]) == {"web": 150}
    assert included([Held(BEGIN, stop, hours), Held(again, end, hours)], JULY) == {"web": 0}


instants = st.integers(0, 30 * 24 * 3600).map(lambda seconds: BEGIN + timedelta(seconds=seconds))


@given(st.lists(instants, unique=True, max_size=5), st.integers(0, 100_000))
def test_cutting_a_month_into_parts_with_the_same_terms_changes_nothing(cuts: list[datetime], minutes: int) -> None:
    bounds = sorted({BEGIN, *cuts})
    hours = agreed(web=minutes)
    held = [Held(start, end, hours) for start, end in zip(bounds, [*bounds[1:], None], strict=True)]
    assert included(held) == {"web": minutes}


@pytest.mark.capability("K15", "K21")
@given(instants, st.integers(0, 5000), st.integers(0, 5000))
def test_the_total_is_always_the_sum_of_the_lines(cut: datetime, before: int, after: int) -> None:
    held = [Held(BEGIN, cut, agreed(web=before, mobile=7)), Held(cut, None, agreed(web=after))]
    terms = month_terms(JUNE, held, PARIS)
    assert terms is not None
    assert terms.included_minutes == sum(line.included_minutes for line in terms.terms.lines)


def test_a_contract_that_ends_in_a_month_is_over_with_its_own_last_day() -> None:
    assert last_day(JUNE, None, PARIS) == date(2026, 6, 30)
    assert last_day(date(2026, 5, 1), datetime(2026, 6, 10, 22, tzinfo=UTC), PARIS) == date(2026, 5, 31)
    assert last_day(JUNE, datetime(2026, 6, 10, 22, tzinfo=UTC), PARIS) == date(2026, 6, 10)
    assert last_day(JULY, datetime(2026, 6, 10, 22, tzinfo=UTC), PARIS) == date(2026, 7, 31)


# --- what facts come to ----------------------------------------------------------------------------------------------


HELD = [Held(BEGIN, None, agreed(15, "ticket_day", technical=120, web=60))]


def minutes_of(*facts: HoursFact) -> dict[str, tuple[int, int, int]]:
    found = accounted(facts, HELD, PARIS).by_line
    return {line: (each.real, each.accounted, each.covered) for line, each in found.items()}


def test_work_is_accounted_by_class_multiplier_unit_and_ticket() -> None:
    assert minutes_of(fact(20, None, work_class="technical_class")) == {"technical": (20, 30, 0)}
    assert minutes_of(fact(20, work_class="night")) == {"web": (20, 30, 0)}
    assert minutes_of(fact(5, ticket="T"), fact(6, ticket="T"), fact(1)) == {"web": (12, 30, 0)}
    assert minutes_of(fact(50, work_class="rewrite")) == {"web": (50, 0, 50)}


def test_work_that_nobody_approved_or_that_no_line_takes_is_shown_and_counts_for_nothing() -> None:
    aside, nowhere, early = fact(10, consumes=False), fact(10, "gardening"), fact(10, on=date(2026, 5, 31))
    found = accounted([aside, nowhere, early, fact(15)], HELD, PARIS)
    assert found.by_line == {"web": Minutes(15, 15, 0)}
    assert (found.out_of_scope, found.unplaced) == ((aside,), (nowhere, early))


def test_work_is_accounted_by_the_terms_of_its_own_day() -> None:
    change = datetime(2026, 6, 14, 23, tzinfo=UTC)  # one in the morning of the 15th
    held = [Held(BEGIN, change, agreed(30, web=60)), Held(change, None, agreed(1, web=60))]
    works = [fact(1, on=date(2026, 6, 14)), fact(1, on=date(2026, 6, 15))]
    assert accounted(works, held, PARIS).by_line == {"web": Minutes(2, 31, 0)}
    assert agreed_on(date(2026, 5, 31), held, PARIS) is None


def test_work_while_the_contract_is_suspended_or_after_its_end_is_on_no_line() -> None:
    stop, again = datetime(2026, 6, 10, 8, tzinfo=UTC), datetime(2026, 6, 20, 8, tzinfo=UTC)
    end = datetime(2026, 6, 25, 22, tzinfo=UTC)  # the 26th begins
    held = [Held(BEGIN, stop, agreed(web=60)), Held(again, end, agreed(web=120))]
    found = {day: agreed_on(date(2026, 6, day), held, PARIS) for day in (10, 11, 19, 20, 25, 26)}
    assert [None if hours is None else hours.lines[0].included_minutes for hours in found.values()] == [
        60,
        None,
        None,
        120,
        120,
        None,
    ]


# --- what is booked late ---------------------------------------------------------------------------------------------


facts = st.builds(
    fact,
    st.integers(-30, 60),
    st.sampled_from(["web", "technical"]),
    st.sampled_from([JUNE, date(2026, 6, 20), JULY, date(2026, 8, 3)]),
    ticket=st.sampled_from([None, "T-1", "T-2"]),
    work_class=st.sampled_from(["x", "night", "rewrite"]),
)


@settings(max_examples=60)
@given(st.lists(facts, max_size=10), st.randoms(use_true_random=False), st.lists(st.integers(0, 10), max_size=3))
def test_whatever_the_order_and_whenever_months_close_everything_is_booked_exactly_once(
    told: list[HoursFact], random: Random, closings: list[int]
) -> None:
    whole = added(
        accounted([each for each in told if month_of(each.on) == month], HELD, PARIS).by_line
        for month in {month_of(each.on) for each in told}
    )
    shuffled = list(told)
    random.shuffle(shuffled)
    booked: dict[date, list[dict[str, Minutes]]] = {}
    closed_before, heard = JUNE, 0
    for upto in sorted(closings):
        heard = max(heard, min(upto, len(shuffled)))
        _close(shuffled[:heard], closed_before, booked)
        closed_before = add_months(closed_before, 1)
    for month in (JUNE, JULY, date(2026, 8, 1)):
        now = accounted([each for each in told if month_of(each.on) == month], HELD, PARIS).by_line
        booked.setdefault(month, []).append(difference(now, added(booked.get(month, []))))
    total = added(part for parts in booked.values() for part in parts)
    assert {line: each for line, each in total.items() if each != Minutes()} == {
        line: each for line, each in whole.items() if each != Minutes()
    }


def _close(heard: list[HoursFact], month: date, booked: dict[date, list[dict[str, Minutes]]]) -> None:
    """Closes a month: what it comes to now, and what came late of the closed ones before it."""
    for each in [*booked, month]:
        now = accounted([known for known in heard if month_of(known.on) == each], HELD, PARIS).by_line
        booked.setdefault(each, []).append(difference(now, added(booked.get(each, []))))


# --- thresholds and the review ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("used", "available", "found"),
    [(0, 100, []), (74, 100, []), (75, 100, [75]), (100, 100, [75, 100]), (1, 0, [75, 100]), (-5, 0, [])],
)
def test_thresholds_are_reached_exactly(used: int, available: int, found: list[int]) -> None:
    assert reached((75, 100), used, available) == found


@pytest.mark.parametrize(
    ("agreed_minutes", "used", "proposed"),
    [
        (120, [120] * 12, 120),
        (120, [132] * 12, 120),
        (120, [133] * 12, 150),
        (120, [100] * 12, 120),
        (120, [30] * 11 + [90], 60),
        (120, [0] * 12, 0),
        (0, [1] * 12, 30),
    ],
)
def test_the_volume_that_fits_is_the_average_month_up_to_half_an_hour(
    agreed_minutes: int, used: list[int], proposed: int
) -> None:
    found = review_line("web", agreed_minutes, used)
    assert (found.proposed_minutes, found.average_minutes) == (proposed, Fraction(sum(used), 12))


@pytest.mark.capability("K25")
@given(st.dates(date(2020, 1, 1), date(2030, 1, 1)), st.integers(1, 5))
def test_a_contracts_years_follow_one_another_and_have_twelve_months_each(start: date, number: int) -> None:
    year, after = contract_year(start, number), contract_year(start, number + 1)
    assert year.end == after.first
    assert len(months_of_year(year)) == 12
    assert add_months(months_of_year(year)[-1], 1) == months_of_year(after)[0]
    assert Days(start, add_months(start, 12)) == contract_year(start, 1)


def test_ids_of_facts_are_kept() -> None:
    one = fact(1, entry_id=UUID(int=7), consumes=False)
    assert accounted([one], HELD, PARIS).out_of_scope[0].entry_id == UUID(int=7)
