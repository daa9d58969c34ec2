"""The business calendar of calculators.md, sentence by sentence, from its JSON to instants."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from shared.calendar_schema import BusinessCalendar, DatedCalendar, calendar_history
from shared.kernel.calendar import Calendar, CalendarError, CalendarHistory, HolidayRegion
from shared.kernel.intervals import Interval, intersection, total, union

Json = dict[str, Any]
EVERY_DAY = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"]


def calendar(*windows: str, zone: str = "Europe/Paris", **more: Any) -> Calendar:
    """Every day from … to …: ``"09:00-18:00"``, ``"22:00-06:00+"`` for one that ends on the next day."""
    weekly = []
    for window in windows:
        start, end = window.rstrip("+").split("-")
        weekly.append({"days": EVERY_DAY, "from": start, "to": end} | ({"to_next_day": True} if "+" in window else {}))
    document = {"time_zone": zone, **({"weekly": weekly} if weekly else {}), **more}
    return BusinessCalendar.model_validate(document).calendar


def open_on(each: Calendar, start: str, end: str) -> list[tuple[str, str]]:
    """What is open between two instants given in UTC, as texts of UTC."""
    between = each.open_between(*(datetime.fromisoformat(text).replace(tzinfo=UTC) for text in (start, end)))
    return [(f"{a:%m-%d %H:%M}", f"{b:%m-%d %H:%M}") for a, b in between]


SPRING = ("2026-03-28T23:00", "2026-03-29T22:00")  # 29 March in Paris: 02:00 to 03:00 are skipped at 01:00 UTC
AUTUMN = ("2026-10-24T22:00", "2026-10-25T23:00")  # 25 October: 02:00 to 03:00 come twice, from 00:00 and 01:00 UTC


@pytest.mark.parametrize(
    ("windows", "bounds", "expected"),
    [
        (["02:30-04:00"], SPRING, [("03-29 01:30", "03-29 02:00")]),  # the start moves to 03:30
        (["01:00-02:30"], SPRING, [("03-29 00:00", "03-29 01:30")]),  # the end moves to 03:30
        (["02:10-02:40"], SPRING, [("03-29 01:10", "03-29 01:40")]),
        (["02:00-03:00"], SPRING, []),  # both are 03:00: without length
        (["02:30-03:15"], SPRING, []),  # 03:30 to 03:15
        (["02:30-02:45", "03:00-03:40"], SPRING, [("03-29 01:00", "03-29 01:45")]),  # then they overlap: once
        (["02:30-04:00"], AUTUMN, [("10-25 00:30", "10-25 03:00")]),  # the first 02:30
        (["01:00-02:30"], AUTUMN, [("10-24 23:00", "10-25 01:30")]),  # the second 02:30
        (["02:00-02:30"], AUTUMN, [("10-25 00:00", "10-25 01:30")]),
        (["02:00-02:15", "02:30-02:45"], AUTUMN, [("10-25 00:00", "10-25 01:45")]),
        (["00:00-24:00"], SPRING, [("03-28 23:00", "03-29 22:00")]),
        (["00:00-24:00"], AUTUMN, [("10-24 22:00", "10-25 23:00")]),
    ],
)
def test_each_boundary_is_turned_into_an_instant_on_its_own(
    windows: list[str], bounds: tuple[str, str], expected: list[tuple[str, str]]
) -> None:
    assert open_on(calendar(*windows), *bounds) == expected


@pytest.mark.parametrize(("start", "hours"), [("2026-03-28", 7), ("2026-10-24", 9), ("2026-06-06", 8)])
def test_a_night_shift_has_seven_hours_in_spring_and_nine_in_autumn(start: str, hours: int) -> None:
    noon = datetime.fromisoformat(start + "T12:00").replace(tzinfo=UTC)
    night = calendar("22:00-06:00+").open_between(noon, noon + timedelta(days=1))
    assert total(night) == timedelta(hours=hours)


def test_midnight_that_does_not_exist_or_exists_twice() -> None:
    # Beirut skips 00:00 to 01:00 on 29 March 2026 (at 22:00 UTC) and repeats 23:00 to 24:00 on 24 October.
    beirut = calendar("00:00-06:00", zone="Asia/Beirut")
    assert open_on(beirut, "2026-03-28T21:00", "2026-03-29T06:00") == [("03-28 22:00", "03-29 03:00")]
    evening = calendar("23:30-24:00", zone="Asia/Beirut")
    assert open_on(evening, "2026-10-24T12:00", "2026-10-25T12:00") == [("10-24 20:30", "10-24 22:00")]


def test_a_zone_that_skipped_a_whole_day_moves_its_windows_by_a_day() -> None:
    # Samoa had no 30 December 2011: its 09:00 to 10:00 fall on those of the 31st and count once.
    samoa = calendar("09:00-10:00", zone="Pacific/Apia")
    assert open_on(samoa, "2011-12-29T00:00", "2012-01-01T00:00") == [
        ("12-29 19:00", "12-29 20:00"),
        ("12-30 19:00", "12-30 20:00"),
        ("12-31 19:00", "12-31 20:00"),
    ]


def test_several_windows_a_day_and_windows_that_touch_are_one_opening() -> None:
    lunch = calendar("09:00-12:30", "13:30-18:00", "18:00-19:00")
    assert open_on(lunch, "2026-06-08T00:00", "2026-06-09T00:00") == [
        ("06-08 07:00", "06-08 10:30"),
        ("06-08 11:30", "06-08 17:00"),
    ]


def test_a_night_may_run_into_the_next_days_window_and_counts_once() -> None:
    both = calendar("20:00-10:00+", "11:00-12:00")
    week = datetime(2026, 6, 8, tzinfo=UTC), datetime(2026, 6, 15, tzinfo=UTC)
    assert total(both.open_between(*week)) == 7 * timedelta(hours=15)
    around = calendar("09:00-09:00+")
    assert around.open_between(*week) == [Interval(*week)]


def test_holidays_closures_and_yearly_closures_remove_the_windows_that_start_on_their_dates() -> None:
    each = calendar(
        "22:00-02:00+",
        holidays={"country": "FR"},
        closures=[{"from": "2026-07-01", "to": "2026-07-03"}, {"from": "2026-07-03", "to": "2026-07-03"}],
        yearly_closures=[{"from": "12-24", "to": "01-02"}, {"from": "02-29", "to": "02-29"}],
    )

    def starts(first: str, last: str) -> list[str]:
        bounds = (datetime.fromisoformat(f"{day}T12:00").replace(tzinfo=UTC) for day in (first, last))
        return [f"{start.astimezone(each.zone):%m-%d}" for start, _ in each.open_between(*bounds)]

    assert starts("2026-07-13", "2026-07-16") == ["07-13", "07-15"]  # not 14 July
    assert starts("2026-06-29", "2026-07-06") == ["06-29", "06-30", "07-04", "07-05"]
    assert starts("2026-12-22", "2027-01-05") == ["12-22", "12-23", "01-03", "01-04"]
    assert starts("2028-02-27", "2028-03-02") == ["02-27", "02-28", "03-01"]
    assert starts("2027-02-27", "2027-03-02") == ["02-27", "02-28", "03-01"]


def test_observed_days_and_those_of_a_subdivision_are_holidays() -> None:
    assert date(2021, 12, 31) in HolidayRegion("US")  # New Year's Day 2022 is a Saturday
    assert date(2026, 12, 26) in HolidayRegion("FR", "6AE")
    assert date(2026, 12, 26) not in HolidayRegion("FR")


def test_an_opening_replaces_the_windows_of_its_date_and_wins_over_holidays_and_closures() -> None:
    each = calendar(
        "09:00-18:00",
        holidays={"country": "FR"},
        closures=[{"from": "2026-05-07", "to": "2026-05-08"}],
        openings=[
            {"date": "2026-05-08", "from": "14:00", "to": "15:00"},
            {"date": "2026-05-08", "from": "09:00", "to": "12:00"},
            {"date": "2026-05-09", "from": "23:00", "to": "01:00", "to_next_day": True},
        ],
    )
    assert open_on(each, "2026-05-06T22:00", "2026-05-10T06:00") == [
        ("05-08 07:00", "05-08 10:00"),
        ("05-08 12:00", "05-08 13:00"),
        ("05-09 21:00", "05-09 23:00"),
    ]
    assert [each.why_closed(date(2026, 5, day)) for day in (7, 8, 14, 15)] == ["closure", "closed", "holiday", "closed"]


def test_always_is_all_the_time() -> None:
    bounds = datetime(1, 1, 1, tzinfo=UTC), datetime(9999, 12, 31, tzinfo=UTC)
    assert calendar(always=True).open_between(*bounds) == [Interval(*bounds)]


OK: Json = {"time_zone": "Europe/Paris", "weekly": [{"days": ["mon"], "from": "09:00", "to": "18:00"}]}


@pytest.mark.parametrize(
    ("document", "place"),
    [
        ({"time_zone": "Europe/Paris"}, ()),
        ({"time_zone": "Europe/Paris", "always": False}, ()),
        ({"weekly": OK["weekly"]}, ("time_zone",)),
        ({"time_zone": "Europe/Paris", "weekly": []}, ()),
        (OK | {"always": True}, ()),
        ({"time_zone": "UTC", "always": True, "closures": []}, ()),
        ({"time_zone": "UTC", "always": True, "weekly": []}, ()),
        (OK | {"time_zone": "europe/paris"}, ("time_zone",)),
        (OK | {"time_zone": "../etc/passwd"}, ("time_zone",)),
        (OK | {"time_zone": "localtime"}, ("time_zone",)),
        (OK | {"opens": "09:00"}, ("opens",)),
        (OK | {"weekly": [{"days": [], "from": "09:00", "to": "18:00"}]}, ("weekly", 0, "days")),
        (OK | {"weekly": [{"days": ["lundi"], "from": "09:00", "to": "18:00"}]}, ("weekly", 0, "days", 0)),
        (OK | {"weekly": [{"days": ["mon"], "from": "09:00", "to": "09:00"}]}, ("weekly", 0)),
        (OK | {"weekly": [{"days": ["mon"], "from": "18:00", "to": "09:00"}]}, ("weekly", 0)),
        (OK | {"weekly": [{"days": ["mon"], "from": "09:00", "to": "18:00", "to_next_day": True}]}, ("weekly", 0)),
        (OK | {"weekly": [{"days": ["mon"], "from": "09:00", "to": "24:00", "to_next_day": True}]}, ("weekly", 0)),
        (OK | {"weekly": [{"days": ["mon"], "from": "24:00", "to": "24:00"}]}, ("weekly", 0, "from")),
        (OK | {"weekly": [{"days": ["mon"], "from": "9:00", "to": "18:00"}]}, ("weekly", 0, "from")),
        (OK | {"weekly": [{"days": ["mon"], "from": "09:00", "to": "24:01"}]}, ("weekly", 0, "to")),
        (OK | {"weekly": [{"days": ["mon"], "from": "09:00", "to": "18:00:00"}]}, ("weekly", 0, "to")),
        (OK | {"weekly": [{"days": ["mon", "mon"], "from": "09:00", "to": "18:00"}]}, ("weekly",)),
        (OK | {"weekly": [*OK["weekly"], {"days": ["mon"], "from": "17:59", "to": "19:00"}]}, ("weekly",)),
        (OK | {"weekly": [{"days": ["mon"], "from": "20:00", "to": "09:00", "to_next_day": True},
                          {"days": ["mon"], "from": "23:00", "to": "24:00"}]}, ("weekly",)),
        (OK | {"holidays": {"country": "XX"}}, ("holidays",)),
        (OK | {"holidays": {"country": "fr"}}, ("holidays",)),
        (OK | {"holidays": {"country": "FR", "subdivision": "ZZ"}}, ("holidays",)),
        (OK | {"closures": [{"from": "2026-08-21", "to": "2026-08-01"}]}, ("closures", 0)),
        (OK | {"closures": [{"from": "2026-02-30", "to": "2026-03-01"}]}, ("closures", 0, "from")),
        (OK | {"yearly_closures": [{"from": "02-30", "to": "03-01"}]}, ("yearly_closures", 0, "from")),
        (OK | {"openings": [{"date": "2026-05-08", "from": "12:00", "to": "09:00"}]}, ("openings", 0)),
        (OK | {"openings": [{"date": "2026-05-08", "from": "09:00", "to": "12:00"}] * 2}, ("openings",)),
    ],
)  # fmt: skip
def test_what_is_no_calendar_is_refused_with_its_place(document: Json, place: tuple[str | int, ...]) -> None:
    with pytest.raises(ValidationError) as refused:
        BusinessCalendar.model_validate(document)
    assert [error["loc"] for error in refused.value.errors()] == [place]


@pytest.mark.parametrize("document", [OK, {"time_zone": "UTC", "always": True}])
def test_a_calendar_is_written_as_it_was_read(document: Json) -> None:
    assert BusinessCalendar.model_validate(document).model_dump(mode="json") == document


def test_versions_tell_which_calendar_is_in_force_when() -> None:
    day = datetime(2026, 6, 8, tzinfo=UTC)
    versions = [{"effective_from": None, "calendar": OK}, {"effective_from": "2026-06-08T09:00:00Z", "calendar": OK}]
    history = calendar_history(DatedCalendar.model_validate(each) for each in versions)
    assert [(a.hour, b.hour, n) for a, b, n, _ in history.spans(day, day + timedelta(hours=23))] == [
        (0, 9, 1),
        (9, 23, 2),
    ]
    assert total(history.open_between(day, day + timedelta(days=1))) == timedelta(hours=9)
    with pytest.raises(CalendarError, match="at least one version"):
        CalendarHistory(())


CALENDARS = [
    calendar("22:00-06:00+", "08:00-12:00"),
    calendar("01:30-02:30", "02:30-03:30", zone="America/New_York", holidays={"country": "US"}),
    calendar("00:00-24:00", zone="Asia/Beirut", yearly_closures=[{"from": "10-20", "to": "03-10"}]),
    calendar("09:00-09:00+", zone="Pacific/Apia"),
]
hours = st.integers(0, 24 * 400)


@settings(max_examples=50)
@given(st.sampled_from(CALENDARS), hours, hours, hours)
def test_pieces_tile_the_time_and_their_open_ones_are_what_is_open(each: Calendar, a: int, b: int, c: int) -> None:
    first, cut, last = (datetime(2026, 1, 1, tzinfo=UTC) + timedelta(hours=n) for n in sorted((a, b, c)))
    pieces = list(each.pieces(first, last))
    at = first
    for start, end, _ in pieces:
        assert at == start < end
        at = end
    assert at == last
    opened = union(Interval(start, end) for start, end, why in pieces if why == "open")
    assert opened == each.open_between(first, last)
    assert union([*each.open_between(first, cut), *each.open_between(cut, last)]) == opened
    for start, end, why in pieces:
        if why != "open":
            assert intersection(opened, [Interval(start, end)]) == []
            assert each.why_closed(start.astimezone(each.zone).date()) == why


def test_the_ends_of_time_are_closed_and_cost_nothing() -> None:
    each = calendar("09:00-18:00", zone="Pacific/Kiritimati")
    first, last = datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)
    assert each.open_between(first, first + timedelta(days=9)) == []
    assert each.open_between(last - timedelta(hours=9), last) == []
    assert [why for *_, why in each.pieces(last - timedelta(hours=9), last)] == ["closed"]
