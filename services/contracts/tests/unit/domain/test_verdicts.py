"""What clocks came to: the newer of what a clock and its item told counts, whatever order it was heard in."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from random import Random
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from contracts.domain.verdicts import Reading, Told, Verdict, verdicts

CLOCK, ITEM = UUID(int=1), UUID(int=2)
DUE = datetime(2026, 6, 8, 9, 30, tzinfo=UTC)
HOUR = timedelta(hours=1)


def told(version: int, *, missed: bool, count: int = 1, at: datetime = DUE, elapsed: timedelta = HOUR) -> Told:
    event = UUID(int=100 + version)
    return Told(event, CLOCK, ITEM, "repair", "p@1", version, count, missed, HOUR, elapsed, at)


def reading(
    item_version: int, clock_version: int, state: str, *, count: int = 1, ended: bool = False, elapsed: timedelta = HOUR
) -> Reading:
    verdict = state if ended else None
    event = UUID(int=200 + item_version)
    return Reading(
        event,
        CLOCK,
        ITEM,
        "repair",
        "p@1",
        item_version,
        clock_version,
        count,
        state,  # type: ignore[arg-type]
        verdict,  # type: ignore[arg-type]
        HOUR,
        elapsed,
        DUE,
    )


def only(found: list[Verdict]) -> Verdict:
    (verdict,) = found
    return verdict


def test_a_clock_that_tells_of_its_breach_is_missed_since_then_and_goes_on() -> None:
    verdict = only(verdicts([told(2, missed=True)], []))
    assert (verdict.missed, verdict.at, verdict.final) == (True, DUE, False)


def test_a_verdict_that_turned_counts_as_the_higher_version_has_it_in_either_order() -> None:
    breached, met = told(2, missed=True), told(3, missed=False)
    assert only(verdicts([breached, met], [])).missed is False
    assert only(verdicts([met, breached], [])).missed is False


def test_a_breach_that_its_item_has_taken_back_is_none() -> None:
    assert verdicts([told(2, missed=True)], [reading(5, 2, "running")]) == []


def test_what_a_clock_tells_after_its_item_is_the_newer() -> None:
    assert only(verdicts([told(3, missed=True)], [reading(5, 2, "running")])).missed is True


def test_how_long_a_missed_repair_took_in_the_end_is_told_by_its_item() -> None:
    stopped = reading(6, 2, "breached", ended=True, elapsed=timedelta(hours=3, minutes=20))
    verdict = only(verdicts([told(2, missed=True)], [reading(5, 2, "breached"), stopped]))
    assert (verdict.final, verdict.overrun) == (True, timedelta(hours=2, minutes=20))


def test_what_was_met_is_not_over_by_anything() -> None:
    assert only(verdicts([told(2, missed=False, elapsed=HOUR / 2)], [])).overrun == timedelta(0)


def test_every_count_from_zero_has_a_verdict_of_its_own() -> None:
    first, second = told(1, missed=True), told(2, missed=False, count=2, at=DUE + HOUR)
    found = verdicts([second, first], [reading(9, 2, "running", count=3)])
    assert [(each.count, each.missed) for each in found] == [(1, True), (2, False)]


def test_an_item_that_reads_breached_is_enough_while_the_clock_has_not_been_heard() -> None:
    assert only(verdicts([], [reading(5, 2, "breached")])).at == DUE


_TOLD = st.builds(
    lambda version, missed, count: told(version, missed=missed, count=count),
    st.integers(1, 6),
    st.booleans(),
    st.integers(1, 2),
)
_READINGS = st.builds(
    lambda version, clock, state, count: reading(version, clock, state, count=count),
    st.integers(1, 6),
    st.integers(0, 6),
    st.sampled_from(["running", "paused", "met", "breached", "cancelled"]),
    st.integers(1, 2),
)


@given(
    st.lists(_TOLD, max_size=6, unique_by=lambda each: each.version),
    st.lists(_READINGS, max_size=6, unique_by=lambda each: each.item_version),
    st.randoms(use_true_random=False),
)
def test_neither_the_order_of_telling_nor_telling_twice_changes_a_verdict(
    facts: list[Told], readings: list[Reading], random: Random
) -> None:
    again, seen = [*facts, *facts], [*readings, *readings]
    random.shuffle(again)
    random.shuffle(seen)
    assert verdicts(again, seen) == verdicts(facts, readings)


def test_when_a_late_clock_stopped_is_known_from_its_item() -> None:
    stopped = replace(reading(3, 2, "breached", ended=True), stopped_at=DUE + HOUR)
    assert only(verdicts([told(2, missed=True)], [])).stopped_at is None
    assert only(verdicts([told(2, missed=True)], [stopped])).stopped_at == DUE + HOUR
    again = reading(4, 2, "breached")
    assert only(verdicts([told(2, missed=True)], [stopped, again])).stopped_at is None, "it goes on after all"
