"""The monthly periods of a contract, and what a part of one is worth, against counting days and looking at instants."""

from datetime import UTC, date, datetime, timedelta
from fractions import Fraction
from itertools import islice, pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.domain.billing_periods import Anchor, billing_periods, instants_of, local_days, share_of, whole_days
from contracts.domain.contract_term import Days
from shared.kernel.intervals import Interval

WHOLE = Fraction(1)
PARIS = ZoneInfo("Europe/Paris")
ZONES = [
    PARIS,
    ZoneInfo("America/Sao_Paulo"),  # changed its clocks at midnight until 2019
    ZoneInfo("America/St_Johns"),  # changed them a minute after midnight until 2011
    ZoneInfo("Pacific/Apia"),  # left a whole day out in 2011
    ZoneInfo("UTC"),
]

days = st.dates(date(2009, 1, 1), date(2027, 12, 31))
instants = st.datetimes(datetime(2010, 1, 1), datetime(2027, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001
zones = st.sampled_from(ZONES)
anchors: st.SearchStrategy[Anchor] = st.sampled_from(["start_day", "calendar_month"])


def periods(starts: str, ends: str | None, anchored_on: Anchor) -> list[tuple[str, str, Fraction]]:
    found = billing_periods(date.fromisoformat(starts), None if ends is None else date.fromisoformat(ends), anchored_on)
    return [(str(each.covered.first), str(each.covered.end), each.share) for each in islice(found, 4)]


def test_periods_of_the_start_day_are_whole_until_the_contract_ends_early() -> None:
    assert periods("2026-01-31", "2026-04-10", "start_day") == [
        ("2026-01-31", "2026-02-28", WHOLE),
        ("2026-02-28", "2026-03-31", WHOLE),
        ("2026-03-31", "2026-04-10", Fraction(10, 30)),
    ]


def test_calendar_months_are_covered_in_part_where_the_contract_begins_and_ends() -> None:
    assert periods("2026-06-16", "2026-08-02", "calendar_month") == [
        ("2026-06-16", "2026-07-01", Fraction(15, 30)),
        ("2026-07-01", "2026-08-01", WHOLE),
        ("2026-08-01", "2026-08-02", Fraction(1, 31)),
    ]
    assert periods("2026-06-16", "2026-06-19", "calendar_month") == [("2026-06-16", "2026-06-19", Fraction(3, 30))]
    assert periods("2026-06-01", "2026-07-01", "calendar_month") == [("2026-06-01", "2026-07-01", WHOLE)]


def test_without_an_end_the_periods_go_on_to_the_last_year() -> None:
    assert [str(each.whole.end) for each in billing_periods(date(9999, 10, 31), None, "start_day")] == [
        "9999-11-30",
        "9999-12-31",
    ]


@given(days, st.integers(1, 500), anchors)
def test_the_covered_parts_are_the_contract_without_holes(starts: date, length: int, anchored_on: Anchor) -> None:
    ends = starts + timedelta(days=length)
    found = list(billing_periods(starts, ends, anchored_on))
    assert (found[0].covered.first, found[-1].covered.end) == (starts, ends)
    assert all(before.covered.end == after.covered.first for before, after in pairwise(found))
    assert [each.number for each in found] == list(range(len(found)))
    for each in found:
        assert each.whole.first <= each.covered.first < each.covered.end <= each.whole.end
        inside = [each.whole.first + timedelta(days=n) for n in range((each.whole.end - each.whole.first).days)]
        assert each.share == Fraction(sum(starts <= day < ends for day in inside), len(inside))


def test_a_period_is_local_days_of_the_contracts_zone() -> None:
    march = instants_of(Days(date(2026, 3, 1), date(2026, 4, 1)), PARIS)
    assert march == Interval(datetime(2026, 2, 28, 23, tzinfo=UTC), datetime(2026, 3, 31, 22, tzinfo=UTC))
    # the clocks jump on the 29th: the month has 743 hours, and its first half is 15.5 days all the same
    noon = datetime(2026, 3, 16, 11, tzinfo=UTC)
    assert share_of(Interval(march.start, noon), march, PARIS) == Fraction(1, 2)
    # part of a day is its share of that day: two of the 23 hours of the 29th
    night = datetime(2026, 3, 28, 23, tzinfo=UTC)
    assert local_days(night, night + timedelta(hours=2), PARIS) == Fraction(2, 23)


def test_a_day_that_has_begun_goes_on_where_the_clocks_go_back_over_midnight() -> None:
    newfoundland = ZoneInfo("America/St_Johns")
    midnight = datetime(2010, 11, 7, 2, 30, tzinfo=UTC)  # a minute later it was 23:01 of the 6th again
    assert local_days(midnight, midnight + timedelta(minutes=30), newfoundland) == Fraction(1, 50)


@pytest.mark.parametrize(
    ("part", "share"),
    [
        (("2026-02-01", "2026-06-01"), 1),
        (("2026-02-01", "2026-03-01"), 0),
        (("2026-04-01", "2026-05-01"), 0),
        (("2026-03-20", "2026-03-10"), 0),
        (("2026-03-30", "2026-05-01"), Fraction(2, 31)),
    ],
)
def test_what_reaches_out_of_the_period_does_not_count(part: tuple[str, str], share: Fraction) -> None:
    march = instants_of(Days(date(2026, 3, 1), date(2026, 4, 1)), PARIS)
    start, end = (datetime.fromisoformat(day).replace(tzinfo=PARIS).astimezone(UTC) for day in part)
    assert share_of(Interval(start, end), march, PARIS) == share


@given(st.lists(instants, min_size=3, max_size=6).map(sorted), zones)
def test_cutting_a_part_never_changes_what_it_is_worth(cuts: list[datetime], zone: ZoneInfo) -> None:
    whole = Interval(cuts[0], cuts[-1])
    pieces = [local_days(start, end, zone) for start, end in pairwise(cuts)]
    assert sum(pieces) == local_days(*whole, zone)
    assert all(piece >= 0 for piece in pieces)
    if whole.start < whole.end:
        assert sum(share_of(Interval(*cut), whole, zone) for cut in pairwise(cuts)) == 1


@given(days, st.integers(0, 40), zones)
def test_whole_days_are_worth_one_each_however_long_they_are(first: date, count: int, zone: ZoneInfo) -> None:
    interval = instants_of(Days(first, first + timedelta(days=count)), zone)
    assert local_days(*interval, zone) == count


def test_days_are_whole_when_as_many_local_days_passed_whatever_the_clocks_did() -> None:
    due = datetime(2026, 10, 24, 18, tzinfo=PARIS)
    assert whole_days(due, datetime(2026, 10, 25, 17, 59, tzinfo=PARIS), PARIS) == 0
    assert whole_days(due, datetime(2026, 10, 26, 18, tzinfo=PARIS), PARIS) == 2
    assert whole_days(due, due, PARIS) == 0


def test_days_that_do_not_count_are_taken_off_by_the_clock_and_what_is_left_is_counted_whole() -> None:
    due, done = datetime(2026, 10, 20, 18, tzinfo=PARIS), datetime(2026, 10, 27, 18, tzinfo=PARIS)
    pause = Interval(datetime(2026, 10, 24, 12, tzinfo=PARIS), datetime(2026, 10, 26, 12, tzinfo=PARIS))
    assert whole_days(due, done, PARIS, [pause]) == 5
    half_a_day_more = Interval(pause.start, datetime(2026, 10, 27, tzinfo=PARIS))
    assert whole_days(due, done, PARIS, [half_a_day_more]) == 4
    before_and_after = [Interval(due - timedelta(days=3), due), Interval(done, done + timedelta(days=3))]
    assert whole_days(due, done, PARIS, before_and_after) == 7
    assert whole_days(due, done, PARIS, [Interval(due - timedelta(days=3), done + timedelta(days=3))]) == 0
