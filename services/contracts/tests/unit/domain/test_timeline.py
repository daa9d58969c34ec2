"""What held when, and that nothing which is added to the end changes what is read of the time before."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from contracts.domain.timeline import Entry, in_force_at, stretches
from shared.kernel.intervals import Interval

ORIGIN = datetime(2026, 6, 8, tzinfo=UTC)


def at(hour: int) -> datetime:
    return ORIGIN + timedelta(hours=hour)


steps = st.lists(st.integers(0, 5), max_size=12)
hours = st.integers(-10, 80)


def history(gaps: list[int]) -> list[Entry[int]]:
    """States one after the other, several of them at one instant perhaps."""
    entries, hour = [], 0
    for version, gap in enumerate(gaps, start=1):
        hour += gap
        entries.append(Entry(at(hour), version, version))
    return entries


@given(steps, st.integers(0, 5), hours)
def test_amending_and_reading_the_past_commute(gaps: list[int], later: int, hour: int) -> None:
    before = history(gaps)
    after = history([*gaps, later])
    if at(hour) < after[-1].begins:
        assert in_force_at(after, at(hour)) == in_force_at(before, at(hour))
    else:
        assert in_force_at(after, at(hour)) == after[-1]


@given(steps, st.randoms(), hours)
def test_the_order_in_which_states_are_told_does_not_matter(gaps: list[int], random: object, hour: int) -> None:
    entries = history(gaps)
    shuffled = list(entries)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    assert in_force_at(shuffled, at(hour)) == in_force_at(entries, at(hour))
    within = Interval(at(-10), at(hour))
    assert stretches(shuffled, within) == stretches(entries, within)


@given(steps, hours, hours, hours)
def test_stretches_say_of_every_instant_what_held_then_and_leave_no_hole(
    gaps: list[int], start: int, end: int, hour: int
) -> None:
    entries = history(gaps)
    found = stretches(entries, Interval(at(start), at(end)))
    assert all(before.end == after.start for before, after in pairwise(found))
    told = next((stretch.value for stretch in found if stretch.start <= at(hour) < stretch.end), None)
    held = in_force_at(entries, at(hour)) if start <= hour < end else None
    assert told == (None if held is None else held.value)
