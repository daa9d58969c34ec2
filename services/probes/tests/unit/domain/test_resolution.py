"""Periods in whole steps, and the step that makes a good picture."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from probes.domain.resolution import GOOD_STEPS, MOST_STEPS, Resolution, fitting, from_hours, steps

START = datetime(2026, 6, 8, 9, 7, 3, tzinfo=UTC)
LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)
HALF_A_MINUTE = timedelta(seconds=30)
DAY = timedelta(days=1)


@given(
    resolution=st.sampled_from([each for each in Resolution if each is not Resolution.RAW]),
    seconds=st.integers(1, 3600 * 15),
)
def test_steps_cover_the_period_and_nothing_more(resolution: Resolution, seconds: int) -> None:
    end = START + timedelta(seconds=seconds)
    found = steps(resolution, START, end)
    assert found is not None
    assert found.bounds[0] <= START < found.bounds[1] and found.bounds[-2] < end <= found.bounds[-1]
    assert list(found.bounds) == sorted(set(found.bounds))


def test_months_are_calendar_months() -> None:
    found = steps(Resolution.MONTH, datetime(2025, 11, 30, tzinfo=UTC), datetime(2026, 2, 1, tzinfo=UTC))
    assert found is not None
    assert [f"{at:%Y-%m-%d}" for at in found.bounds] == ["2025-11-01", "2025-12-01", "2026-01-01", "2026-02-01"]


def test_too_many_steps_are_none() -> None:
    day = START.replace(minute=0, second=0)
    assert steps(Resolution.MINUTE, day, day + timedelta(minutes=MOST_STEPS)) is not None
    assert steps(Resolution.MINUTE, day, day + timedelta(minutes=MOST_STEPS + 1)) is None
    assert steps(Resolution.MONTH, datetime(1900, 1, 1, tzinfo=UTC), START) is None


@pytest.mark.parametrize(
    ("length", "interval", "kept", "chosen"),
    [
        (timedelta(hours=2), HALF_A_MINUTE, LONG_AGO, Resolution.MINUTE),
        (timedelta(hours=2), timedelta(minutes=3), LONG_AGO, Resolution.FIVE_MINUTES),
        (DAY, HALF_A_MINUTE, LONG_AGO, Resolution.QUARTER),
        (7 * DAY, HALF_A_MINUTE, LONG_AGO, Resolution.HOUR),
        (timedelta(hours=2), HALF_A_MINUTE, START + DAY, Resolution.HOUR),
        (31 * DAY, HALF_A_MINUTE, LONG_AGO, Resolution.SIX_HOURS),
        (90 * DAY, timedelta(days=3), LONG_AGO, Resolution.DAY),
        (700 * DAY, HALF_A_MINUTE, LONG_AGO, Resolution.DAY),
        (1500 * DAY, HALF_A_MINUTE, LONG_AGO, Resolution.MONTH),
    ],
)
def test_the_step_fits_the_period_the_interval_and_what_is_kept(
    length: timedelta, interval: timedelta, kept: datetime, chosen: Resolution
) -> None:
    found = fitting(START, START + length, interval, kept)
    assert found is chosen
    whole = steps(found, START, START + length)
    assert whole is not None and len(whole.bounds) <= max(GOOD_STEPS, 1000) + 1


def test_roll_ups_suffice_from_an_hour_on() -> None:
    assert {each for each in Resolution if from_hours(each)} == {
        Resolution.HOUR,
        Resolution.SIX_HOURS,
        Resolution.DAY,
        Resolution.MONTH,
    }
