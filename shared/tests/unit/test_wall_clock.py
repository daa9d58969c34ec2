"""Windows of local time: exact on every night of the year, with an end, and quick to expand."""

import time
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.kernel.intervals import Interval
from shared.kernel.wall_clock import MOST_OCCURRENCES, Recurrence, RecurrenceError, WallClockWindow

PARIS = ZoneInfo("Europe/Paris")


def local(text: str) -> datetime:
    return datetime.fromisoformat(text)


def window(starts: str, ends: str, recurrence: str | None = None, zone: str = "Europe/Paris") -> WallClockWindow:
    rule = Recurrence.parse(recurrence) if recurrence else None
    return WallClockWindow(ZoneInfo(zone), local(starts), local(ends), rule)


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("night", "begins", "ends"),
    [
        ("2026-06-10", "2026-06-10T00:00", "2026-06-10T02:00"),
        # Spring: 02:00 does not exist, and 04:00 is one hour after 03:00.
        ("2026-03-29", "2026-03-29T01:00", "2026-03-29T02:00"),
        # Autumn: 02:00 comes twice, and the window has both.
        ("2026-10-25", "2026-10-25T00:00", "2026-10-25T03:00"),
    ],
)
def test_a_window_from_two_to_four_is_what_the_clocks_of_that_night_say(night: str, begins: str, ends: str) -> None:
    assert window(f"{night}T02:00", f"{night}T04:00").occurrences() == [Interval(utc(begins), utc(ends))]


def test_a_window_within_the_hour_that_does_not_exist_is_none() -> None:
    assert window("2026-03-29T02:00", "2026-03-29T02:30").occurrences() == [
        Interval(utc("2026-03-29T01:00"), utc("2026-03-29T01:30"))
    ], "a local time that does not exist moves forward by the gap"


def test_a_weekly_window_keeps_its_local_time_over_the_change_of_clocks() -> None:
    found = window("2026-03-22T23:00", "2026-03-23T01:00", "FREQ=WEEKLY;COUNT=3").occurrences()
    assert [span.start for span in found] == [
        utc("2026-03-22T22:00"),
        utc("2026-03-29T21:00"),
        utc("2026-04-05T21:00"),
    ]


def test_the_second_tuesday_of_every_month_until_the_end_of_the_year() -> None:
    found = window("2026-10-13T20:00", "2026-10-13T22:00", "FREQ=MONTHLY;BYDAY=2TU;UNTIL=20261231").occurrences()
    assert [span.start.date() for span in found] == [date(2026, 10, 13), date(2026, 11, 10), date(2026, 12, 8)]


def test_the_last_working_day_of_a_month() -> None:
    rule = "FREQ=MONTHLY;BYDAY=MO,TU,WE,TH,FR;BYSETPOS=-1;COUNT=3"
    found = window("2026-05-29T18:00", "2026-05-29T19:00", rule).occurrences()
    assert [span.start.date() for span in found] == [date(2026, 5, 29), date(2026, 6, 30), date(2026, 7, 31)]


@pytest.mark.parametrize(
    ("rule", "says"),
    [
        ("FREQ=WEEKLY", "when it ends"),
        ("FREQ=WEEKLY;COUNT=3;UNTIL=20261231", "not with both"),
        ("FREQ=HOURLY;COUNT=3", "FREQ is DAILY"),
        ("FREQ=DAILY;COUNT=0", "COUNT is a whole number"),
        ("FREQ=DAILY;COUNT=99999", "COUNT is a whole number"),
        ("FREQ=DAILY;COUNT=3;BYHOUR=3", "BYHOUR is not known"),
        ("FREQ=DAILY;COUNT=3;COUNT=4", "each name once"),
        ("FREQ=DAILY;UNTIL=20261231T000000Z", "without a zone"),
        ("FREQ=WEEKLY;BYDAY=XX;COUNT=3", "Days are MO"),
        ("FREQ=WEEKLY;BYDAY=2TU;COUNT=3", "MONTHLY or YEARLY"),
        ("FREQ=MONTHLY;BYMONTHDAY=32;COUNT=3", "BYMONTHDAY is a whole number"),
        ("DAILY", "NAME=VALUE"),
        ("", "NAME=VALUE"),
    ],
)
def test_a_rule_that_cannot_be_followed_is_refused_with_what_to_write(rule: str, says: str) -> None:
    with pytest.raises(RecurrenceError, match=says):
        Recurrence.parse(rule)


def test_a_window_begins_where_its_recurrence_has_it_begin() -> None:
    with pytest.raises(RecurrenceError, match="must begin on a day"):
        window("2026-06-10T02:00", "2026-06-10T04:00", "FREQ=WEEKLY;BYDAY=TU;COUNT=3").occurrences()


def test_more_occurrences_than_anybody_plans_are_refused() -> None:
    with pytest.raises(RecurrenceError, match="more than"):
        window("2026-06-10T02:00", "2026-06-10T04:00", "FREQ=DAILY;UNTIL=20301231").occurrences()


@pytest.mark.parametrize(
    "rule",
    ["FREQ=DAILY;BYMONTH=2;BYMONTHDAY=30;COUNT=5", "FREQ=DAILY;BYSETPOS=6;COUNT=5", "FREQ=WEEKLY;BYDAY=MO;COUNT=5"],
)
def test_a_rule_that_never_has_the_window_begin_is_refused_without_walking_through_the_centuries(rule: str) -> None:
    began = time.process_time()
    with pytest.raises(RecurrenceError):
        window("2026-06-10T02:00", "2026-06-10T04:00", rule).occurrences()
    assert time.process_time() - began < 30


@given(
    st.datetimes(local("2024-01-01T00:00"), local("2030-01-01T00:00")).map(
        lambda at: at.replace(second=0, microsecond=0)
    ),
    st.integers(1, 60 * 24 * 3),
    st.sampled_from(["Europe/Paris", "America/New_York", "Australia/Lord_Howe", "Asia/Kolkata", "Africa/Casablanca"]),
    st.sampled_from(["DAILY", "WEEKLY", "MONTHLY", "YEARLY"]),
    st.integers(1, 30),
)
def test_every_occurrence_shows_the_local_times_that_were_said_and_lasts_what_the_clocks_say(
    starts: datetime, minutes: int, zone: str, frequency: str, count: int
) -> None:
    ends = starts + timedelta(minutes=minutes)
    rule = Recurrence.parse(f"FREQ={frequency};COUNT={count}")
    found = WallClockWindow(ZoneInfo(zone), starts, ends, rule).occurrences()
    assert len(found) <= min(count, MOST_OCCURRENCES)
    for span in found:
        assert span.start < span.end
        assert abs(span.length - timedelta(minutes=minutes)) <= timedelta(hours=1)
        shown = span.start.astimezone(ZoneInfo(zone)).replace(tzinfo=None)
        gap = (shown - starts).total_seconds() % 86_400
        assert min(gap, 86_400 - gap) <= 3600, "the local time said, but for an hour that does not exist"
    assert found == sorted(found)
