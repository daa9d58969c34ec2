"""Stretches of time by local day: nothing lost, nothing twice, days of 23 and 25 hours too."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reporting.domain.daily import lengths_by_day

PARIS = ZoneInfo("Europe/Paris")
BEGINS = datetime(2026, 3, 1, tzinfo=UTC)
MINUTES = st.lists(st.integers(0, 60 * 24 * 60), min_size=2, max_size=12, unique=True).map(sorted)


@given(MINUTES, st.sampled_from(["Europe/Paris", "UTC", "Asia/Kathmandu", "America/St_Johns"]))
def test_days_together_have_all_of_what_lies_in_the_period(minutes: list[int], zone: str) -> None:
    instants = [BEGINS + timedelta(minutes=each) for each in minutes]
    spans = list(zip(instants[::2], instants[1::2], strict=False))
    days = lengths_by_day(spans, BEGINS, BEGINS + timedelta(days=60), ZoneInfo(zone))
    assert sum((length for _, length in days), timedelta()) == sum((b - a for a, b in spans), timedelta())
    names = [day for day, _ in days]
    assert names == [names[0] + timedelta(days=each) for each in range(len(names))]


@pytest.mark.parametrize(("day", "hours"), [(date(2026, 3, 28), 24), (date(2026, 3, 29), 23), (date(2026, 10, 25), 25)])
def test_a_day_is_as_long_as_the_clocks_on_the_wall_make_it(day: date, hours: int) -> None:
    start, end = datetime(2026, 1, 1, tzinfo=UTC), datetime(2027, 1, 1, tzinfo=UTC)
    assert dict(lengths_by_day([(start, end)], start, end, PARIS))[day] == timedelta(hours=hours)
