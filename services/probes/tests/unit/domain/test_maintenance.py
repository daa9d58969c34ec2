"""Maintenance windows on the state line: inside they say maintenance, outside nothing is lost."""

from collections.abc import Sequence

from hypothesis import given, settings
from hypothesis import strategies as st

from probes.domain.state_line import pause
from probes.domain.states import (
    EnteredMaintenance,
    PauseReason,
    Recovered,
    Restored,
    State,
    WentDown,
)
from shared.kernel.intervals import Interval

from .stories import Story, at, rules, window


def test_checks_inside_a_window_go_on_and_the_line_says_maintenance() -> None:
    story = Story(windows=[window(100, 200)])
    story.checks([0, 30, 60, 90], True)
    story.checks([120, 126, 132, 150], False)
    story.checks([180, 210], True)
    assert story.line[1:] == [(State.UP, 0, 100), (State.MAINTENANCE, 100, 200), (State.UP, 200, None)]
    assert story.said(WentDown) == []
    (entered,), restored = story.said(EnteredMaintenance), story.said(Restored)[-1]
    assert (entered.since, entered.until, entered.previous_state) == (at(100), at(200), State.UP)
    assert (restored.since, restored.restored_at, restored.state) == (at(100), at(200), State.UP)


def test_a_window_opens_and_closes_by_time_alone() -> None:
    story = Story(windows=[window(5, 20)])
    story.check(0, True)
    assert story.time(4).transitions == ()
    assert isinstance(story.time(6).transitions[0], EnteredMaintenance)
    assert story.time(10).transitions == ()
    assert isinstance(story.time(21).transitions[0], Restored)


def test_an_outage_that_survives_the_window_is_one_from_the_end_of_the_window_on() -> None:
    story = Story(windows=[window(100, 200)])
    story.checks([0, 30, 60, 90], True)
    story.checks([120, 126, 132, 150, 180], False)
    assert story.said(WentDown) == []
    story.checks([210], False)
    (down,) = story.said(WentDown)
    assert down.outage.down_since == at(200) and down.outage.confirmed_at == at(200)
    assert down.outage.uncertainty.total_seconds() == 0
    story.checks([240], True)
    assert story.line[2:] == [(State.MAINTENANCE, 100, 200), (State.DOWN, 200, 240), (State.UP, 240, None)]


def test_a_failure_that_is_gone_at_the_first_check_after_the_window_was_no_outage() -> None:
    story = Story(windows=[window(100, 200)])
    story.checks([0, 30, 60, 90], True)
    story.checks([120, 126, 132, 150, 180], False)
    story.checks([210], True)
    assert story.said(WentDown) == []


def test_an_outage_that_starts_before_the_window_stays_one_outside_it() -> None:
    story = Story(windows=[window(100, 200)])
    story.check(0, True)
    story.checks([30, 36, 42, 60, 90, 120, 150, 180, 210, 240], False)
    story.check(270, True)
    (down,), (recovered,) = story.said(WentDown), story.said(Recovered)
    assert recovered.outage.outage_id == down.outage.outage_id
    assert story.line[2:] == [
        (State.DOWN, 30, 100),
        (State.MAINTENANCE, 100, 200),
        (State.DOWN, 200, 270),
        (State.UP, 270, None),
    ]


def test_an_outage_that_is_confirmed_inside_the_window_and_began_before_it_is_one_until_the_window() -> None:
    story = Story(windows=[window(40, 200)])
    story.check(0, True)
    story.checks([30, 36, 42], False)
    (down,) = story.said(WentDown)
    assert down.outage.down_since == at(30)
    assert story.state.state is State.MAINTENANCE and story.state.outage is not None
    assert isinstance(story.transitions[-1], EnteredMaintenance), "the last word is what holds"
    story.checks([60, 90, 120, 150, 180, 210], True)
    assert story.said(Recovered)[0].recovered_at == at(60)
    assert story.line[1:] == [
        (State.UP, 0, 30),
        (State.DOWN, 30, 40),
        (State.MAINTENANCE, 40, 200),
        (State.UP, 200, None),
    ]


def test_an_outage_from_before_that_is_over_inside_the_window_recovers_when_it_does() -> None:
    story = Story(windows=[window(50, 200)])
    story.check(0, True)
    story.checks([30, 36, 42, 60], False)
    story.check(90, True)
    assert story.said(Recovered)[0].recovered_at == at(90)
    assert story.state.state is State.MAINTENANCE
    story.checks([120, 150, 180, 210], True)
    assert story.line[2:] == [(State.DOWN, 30, 50), (State.MAINTENANCE, 50, 200), (State.UP, 200, None)]


def test_windows_that_overlap_are_one() -> None:
    story = Story(windows=[window(60, 120), window(100, 160), window(160, 180), window(70, 80)])
    story.checks(range(0, 240, 30), True)
    assert story.line[1:] == [(State.UP, 0, 60), (State.MAINTENANCE, 60, 180), (State.UP, 180, None)]
    assert len(story.said(EnteredMaintenance)) == 1


def test_a_window_that_is_called_off_while_it_is_open_ends_then() -> None:
    story = Story(windows=[window(60, 600)])
    story.checks([0, 30, 60, 90], True)
    story.windows = [window(60, 100)]
    story.check(120, True)
    assert story.line[2:] == [(State.MAINTENANCE, 60, 100), (State.UP, 100, None)]


def test_silence_inside_a_window_is_maintenance_and_unknown_after_it() -> None:
    story = Story(windows=[window(60, 300)])
    story.checks([0, 30, 60], True)
    story.time(400)
    assert story.line[2:] == [(State.MAINTENANCE, 60, 300), (State.UNKNOWN, 300, None)]


def test_a_window_that_nobody_saw_open_is_on_the_line_all_the_same() -> None:
    story = Story(windows=[window(100, 130)], under=rules(interval=120))
    story.checks([0, 120 + 30], True)
    assert story.line[1:] == [(State.UP, 0, 100), (State.MAINTENANCE, 100, 130), (State.UP, 130, None)]


def test_a_pause_inside_a_window_ends_it() -> None:
    story = Story(windows=[window(60, 300)])
    story.checks([0, 30, 60], True)
    story.then(pause(story.state, at(90), PauseReason.CONTRACT_SUSPENDED))
    assert story.line[2:] == [(State.MAINTENANCE, 60, 90), (State.PAUSED, 90, None)]


SLOTS = st.lists(st.tuples(st.booleans(), st.integers(1, 4)), min_size=1, max_size=40)
WINDOWS = st.lists(st.tuples(st.integers(0, 1500), st.integers(1, 300)), max_size=4)


@settings(max_examples=300)
@given(SLOTS, WINDOWS, st.integers(0, 2), st.integers(1, 2), st.booleans())
def test_inside_every_window_the_line_says_maintenance_and_outside_it_says_what_it_says_without_windows(
    slots: list[tuple[bool, int]], spans: list[tuple[int, int]], rechecks: int, recoveries: int, asked: bool
) -> None:
    windows = [window(start + 0.5, start + 0.5 + length) for start, length in spans]
    with_them = Story(under=rules(rechecks=rechecks, recoveries=recoveries), windows=windows)
    without = Story(under=rules(rechecks=rechecks, recoveries=recoveries))
    seconds = 0
    for good, skipped in slots:
        for story in (with_them, without):
            story.check(seconds, good)
        if asked:
            with_them.time(seconds + 1)
        seconds += 30 * skipped
    # Whatever is open or suspected when the story ends has had its chance: enough checks of one kind follow.
    end = max([seconds, *(start + length + 1 for start, length in spans)])
    for number in range(1 + end // 30 + 6 - seconds // 30):
        for story in (with_them, without):
            story.check(seconds + 30 * number, good=True)
    versions = [transition.version for transition in with_them.transitions]
    assert versions == list(range(1, len(versions) + 1))
    for (_, begins, ends), (_, next_begins, _) in zip(with_them.line, with_them.line[1:], strict=False):
        assert begins < next_begins and ends == next_begins
    for second in range(0, seconds, 7):
        inside = any(start <= at(second) < stop for start, stop in windows)
        if inside:
            assert with_them.state_at(second) is State.MAINTENANCE
        elif not _excused(without, with_them, windows, second):
            assert with_them.state_at(second) is without.state_at(second), (
                second,
                slots,
                spans,
                with_them.line,
                without.line,
            )


def _excused(without: Story, with_them: Story, windows: Sequence[Interval], second: float) -> bool:
    """What a window may take from the time beside it: certainty, never the other way round.

    After a window an old verdict waits for the first check to bear it out: what that check denies was no outage. And a
    first suspicion that is dispelled inside a window does not turn the unknown time before it into up time.
    """
    without_them = next(b for _, b, e in without.line if b <= second and (e is None or second < e))
    said, unsaid = with_them.state_at(second), without.state_at(second)
    if (said, unsaid) == (State.UNKNOWN, State.UP):
        return any(at(second) < start < at(second + 200) for start, _ in windows)
    return (said, unsaid) == (State.UP, State.DOWN) and any(
        at(without_them) < end <= at(second) and second - (end - at(0)).total_seconds() <= 60 for _, end in windows
    )
