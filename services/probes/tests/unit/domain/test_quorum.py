"""Several locations: a majority makes an outage, a minority a regional disturbance, and the same way back."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from probes.domain.state_line import distrust
from probes.domain.states import (
    BecameDegraded,
    BecameUnknown,
    DegradedReason,
    Recovered,
    Restored,
    State,
    UnknownReason,
    Verdict,
    WentDown,
)

from .stories import Story, at, rules


def test_one_of_three_locations_that_fails_is_a_regional_disturbance_and_no_outage() -> None:
    story = Story("lyon", "oslo", "rome")
    for second in (0, 30, 36, 42):
        story.check(second, True, "lyon")
        story.check(second, second == 0, "oslo")
        story.check(second, True, "rome")
    (degraded,) = story.said(BecameDegraded)
    assert story.said(WentDown) == []
    assert (degraded.since, degraded.reason, degraded.previous_state) == (at(30), DegradedReason.REGIONAL, State.UP)
    assert [found.verdict for found in degraded.locations] == [Verdict.UP, Verdict.DOWN, Verdict.UP]
    story.check(60, True, "oslo")
    restored = story.said(Restored)[-1]
    assert (restored.previous_state, restored.since, restored.restored_at) == (State.DEGRADED, at(30), at(60))
    assert story.line[1:] == [(State.UP, 0, 30), (State.DEGRADED, 30, 60), (State.UP, 60, None)]


def test_two_of_three_are_an_outage_from_the_second_one_on_and_it_ends_with_the_second_one_back() -> None:
    story = Story("lyon", "oslo", "rome")
    story.checks([0], True, "lyon", "oslo", "rome")
    story.checks([30, 36, 42], False, "oslo")
    story.checks([31, 37, 43], False, "rome")
    story.check(32, True, "lyon")
    (down,) = story.said(WentDown)
    assert down.outage.down_since == at(31)
    story.check(60, True, "oslo")
    (recovered,) = story.said(Recovered)
    assert recovered.recovered_at == at(60)
    story.check(61, False, "rome")
    assert story.state.state is State.DEGRADED, "one of three still fails, and has looked since"
    assert story.line[-2:] == [(State.DOWN, 31, 60), (State.DEGRADED, 60, None)]


def test_an_outage_that_all_locations_see_within_moments_is_never_called_regional() -> None:
    story = Story("lyon", "oslo", "rome")
    for second in (0, 30, 36, 42):
        story.checks([second], second == 0, "lyon", "oslo", "rome")
    for offset, place in enumerate(("lyon", "oslo", "rome")):
        story.check(60 + offset, True, place)
    assert story.said(BecameDegraded) == []
    assert [state for state, _, _ in story.line] == [State.UNKNOWN, State.UP, State.DOWN, State.UP]


def test_two_locations_that_disagree_are_no_outage_and_do_not_end_one() -> None:
    story = Story("lyon", "oslo")
    story.checks([0], True, "lyon", "oslo")
    for second in (30, 36, 42):
        story.check(second, False, "oslo")
        story.check(second, True, "lyon")
    assert story.state.state is State.DEGRADED
    story.checks([60, 66, 72], False, "lyon")
    restored, down = story.transitions[-2:]
    assert isinstance(restored, Restored) and (restored.previous_state, restored.state) == (State.DEGRADED, State.DOWN)
    assert isinstance(down, WentDown) and down.previous_state is State.DEGRADED and down.outage.down_since == at(60)
    story.check(90, True, "lyon")
    assert story.state.outage is not None
    story.check(91, True, "oslo")
    assert story.line[-1][0] is State.UP


def test_a_suspicion_elsewhere_holds_back_the_word_regional_until_it_is_settled() -> None:
    story = Story("lyon", "oslo", "rome")
    story.checks([0], True, "lyon", "oslo", "rome")
    story.check(40, False, "rome")
    story.checks([30, 36, 42], False, "oslo")
    assert story.state.state is State.UP, "rome may make it a majority"
    story.check(46, True, "rome")
    assert story.line[-1] == (State.DEGRADED, 30, None), "it did not, and the disturbance is dated from its beginning"


def test_a_disturbance_ends_when_the_location_that_saw_it_falls_silent() -> None:
    story = Story("lyon", "oslo", "rome")
    story.checks([0], True, "lyon", "oslo", "rome")
    story.checks([30, 36, 42], False, "oslo")
    story.checks([60, 90, 120, 150], True, "lyon", "rome")
    assert story.line[-2:] == [(State.DEGRADED, 30, 72), (State.UP, 72, None)]


def test_a_monitor_that_fails_in_one_of_two_places_from_the_beginning_is_degraded_from_then_on() -> None:
    story = Story("lyon", "oslo")
    for second in (0, 6, 12):
        story.check(second, False, "oslo")
        story.check(second, True, "lyon")
    assert story.line == [(State.UNKNOWN, -1, 0), (State.DEGRADED, 0, None)]


def test_a_location_found_at_fault_loses_its_suspicion_and_alone_it_leaves_unknown_time() -> None:
    story = Story("here")
    story.check(0, True)
    story.checks([30, 36], False)
    story.then(distrust(story.state, "here", at(40)))
    (first, unknown) = story.said(BecameUnknown)
    assert unknown.reason is UnknownReason.LOCATION_SUSPECTED and unknown.since == at(30)
    assert sum(len(step.blips) for step in story.steps) == 0, "it was no failure of the monitor"
    story.check(90, True)
    assert story.line[1:] == [(State.UP, 0, 30), (State.UNKNOWN, 30, 90), (State.UP, 90, None)]
    assert first.reason is UnknownReason.NOT_YET_CHECKED


def test_a_location_found_at_fault_among_others_leaves_the_others_to_speak() -> None:
    story = Story("lyon", "oslo", "rome")
    story.checks([0], True, "lyon", "oslo", "rome")
    story.checks([30, 36], False, "oslo")
    story.then(distrust(story.state, "oslo", at(40)))
    story.checks([60], True, "lyon", "rome")
    assert story.state.state is State.UP and len(story.said(Restored)) == 1


PLACES = ("lyon", "oslo", "rome")
EVENTS = st.lists(st.tuples(st.integers(1, 50), st.sampled_from(PLACES), st.booleans()), min_size=1, max_size=80)


@given(EVENTS, st.integers(0, 2), st.integers(1, 2))
def test_whatever_happens_versions_have_no_holes_the_line_is_whole_and_no_minority_makes_an_outage(
    events: list[tuple[int, str, bool]], rechecks: int, recoveries: int
) -> None:
    story = Story(*PLACES, under=rules(rechecks=rechecks, recoveries=recoveries))
    seconds = 0
    for wait, place, good in events:
        seconds += wait
        before = story.state
        story.check(seconds, good, place)
        fresh = [location for location in story.state.locations.values() if location.fresh]
        down = [location for location in fresh if location.verdict is Verdict.DOWN]
        for transition in story.steps[-1].transitions:
            if isinstance(transition, WentDown):
                voices = [found.verdict for found in transition.outage.locations if found.verdict is not None]
                assert 2 * voices.count(Verdict.DOWN) > len(voices)
            if isinstance(transition, Recovered):
                assert transition.recovered_at >= transition.outage.down_since
            if isinstance(transition, BecameDegraded):
                assert {Verdict.DOWN, Verdict.UP} <= {found.verdict for found in transition.locations}
        if before.outage is None and story.state.outage is None and not down and fresh:
            assert story.line[-1][0] is State.UP
    versions = [transition.version for transition in story.transitions]
    assert versions == list(range(1, len(versions) + 1))
    for (_, begins, ends), (_, next_begins, _) in zip(story.line, story.line[1:], strict=False):
        assert begins < next_begins and ends == next_begins


def test_a_disturbance_that_is_left_alone_is_an_outage_from_the_silence_of_the_others_on_and_not_before() -> None:
    story = Story("lyon", "oslo", "rome")
    for second in range(0, 3630, 30):
        story.checks([second], second == 0, "oslo")
        story.checks([second + 1], True, "lyon", "rome")
    story.checks(range(3630, 3750, 30), False, "oslo")
    (down,) = story.said(WentDown)
    assert down.outage.down_since == at(3601 + 30), (
        "lyon and rome said up until their last results were an interval old"
    )
    assert down.outage.uncertainty == timedelta(0)
    assert story.state_at(1800) is State.DEGRADED


def test_a_location_that_comes_back_from_silence_says_nothing_about_the_time_of_its_silence() -> None:
    story = Story("lyon", "oslo", "rome")
    for second in range(0, 330, 30):
        story.checks([second], second == 0, "lyon", "oslo")
        story.checks([second + 1], True, "rome")
    story.checks(range(331, 3631, 30), True, "rome")
    assert story.line[-1] == (State.UP, 330, None)
    story.checks([3660], False, "lyon", "oslo")
    assert story.said(WentDown)[-1].outage.down_since == at(3660)
    assert story.state_at(2000) is State.UP


def test_an_outage_whose_witnesses_fall_silent_ends_with_their_silence_and_is_not_undone() -> None:
    story = Story("lyon", "oslo", "rome")
    for second in range(0, 3630, 30):
        story.checks([second], second == 0, "lyon", "oslo")
        story.checks([second + 1], True, "rome")
    story.checks(range(3631, 3751, 30), True, "rome")
    (recovered,) = story.said(Recovered)
    assert (recovered.outage.down_since, recovered.recovered_at) == (at(30), at(3630))


@given(EVENTS)
def test_the_line_never_says_what_a_majority_of_those_heard_at_that_instant_contradicted(
    events: list[tuple[int, str, bool]],
) -> None:
    """Every location alone tells when it was heard, and what it said. One that has just fallen silent may still have
    counted, until it was missed: it is given to either side."""
    under = rules(rechecks=0)
    together, alone = Story(*PLACES, under=under), [Story(place, under=under) for place in PLACES]
    seconds = 0
    for wait, place, good in events:
        seconds += wait
        together.check(seconds, good, place)
        alone[PLACES.index(place)].check(seconds, good, place)
    for story in (together, *alone):
        story.time(seconds + 300)
    line, lines = together.line, [story.line for story in alone]
    edges = {begins for each in (line, *lines) for _, begins, _ in each if 0 <= begins < seconds}
    for instant in sorted(edges | {edge + 40 for edge in edges if edge + 40 < seconds}):
        state, _ = stretch_at(line, instant)
        heard = [stretch_at(each, instant) for each in lines]
        said = [word for word, _ in heard]
        just_silent = sum(word is State.UNKNOWN and 0 <= since >= instant - 40 for word, since in heard)
        voices = said.count(State.UP) + said.count(State.DOWN) + just_silent
        if state is State.DOWN:
            assert 2 * said.count(State.UP) <= voices, f"{instant}: {heard}"
        if state is State.UP:
            assert 2 * said.count(State.DOWN) <= voices, f"{instant}: {heard}"


def stretch_at(line: list[tuple[State, float, float | None]], seconds: float) -> tuple[State, float]:
    """The state of a line at an instant, and since when it held."""
    return next(
        (state, begins) for state, begins, ends in line if begins <= seconds and (ends is None or seconds < ends)
    )


@given(EVENTS)
def test_what_a_state_ends_is_told_with_its_beginning(events: list[tuple[int, str, bool]]) -> None:
    story = Story(*PLACES)
    seconds = 0
    for wait, place, good in events:
        seconds += wait
        before = story.state
        applied = story.check(seconds, good, place)
        if applied.transitions and before.state in (State.DEGRADED, State.UNKNOWN):
            ended = applied.transitions[0]
            assert isinstance(ended, Restored)
            assert (ended.previous_state, ended.since) == (before.state, before.since)


@pytest.mark.parametrize("places", [1, 2, 3, 4, 5])
def test_it_takes_more_than_half_of_the_locations(places: int) -> None:
    names = [f"place-{number}" for number in range(places)]
    for failing in range(places + 1):
        story = Story(*names)
        for second in (0, 30, 36, 42):
            for number, name in enumerate(names):
                story.check(second + number / 10, second == 0 or number >= failing, name)
        expected = State.DOWN if 2 * failing > places else State.DEGRADED if failing else State.UP
        assert story.state.state is expected, f"{failing} of {places}"


def test_the_uncertainty_of_an_outage_stays_within_an_interval() -> None:
    story = Story("lyon", "oslo")
    story.checks([0], True, "lyon", "oslo")
    story.checks([30, 36, 42], False, "lyon", "oslo")
    assert story.said(WentDown)[0].outage.uncertainty == timedelta(seconds=30)
