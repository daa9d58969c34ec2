"""The state line: confirmation, dating, silence, and what duplicates and late results may not do."""

import itertools
import random
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from probes.domain.slots import Schedule
from probes.domain.state_line import apply_check, apply_silence, begin, pause, resume
from probes.domain.states import (
    Applied,
    BecameUnknown,
    Check,
    Disposition,
    Failure,
    LineChange,
    MonitorState,
    Outcome,
    Paused,
    PauseReason,
    Reason,
    Recovered,
    Restored,
    Rules,
    Settled,
    State,
    UnknownReason,
    Verdict,
    WentDown,
)

MONITOR = UUID("0197a3b0-0000-7000-8000-000000000001")
START = datetime(2026, 6, 8, 9, tzinfo=UTC)
SECOND = timedelta(seconds=1)
FAILED = Failure(Reason.HTTP_STATUS, "The site answered 503.", {"status_code": 503})


def rules(*, interval: int = 30, rechecks: int = 2, recoveries: int = 1) -> Rules:
    return Rules(
        schedule=Schedule(timedelta(seconds=interval), timedelta(0)),
        timeout=10 * SECOND,
        rechecks=rechecks,
        recheck_spacing=5 * SECOND,
        recoveries=recoveries,
    )


def check(
    seconds: float, good: bool, *, location: str = "here", attempt: int = 0, interval: int = 30, lasts: float = 0.2
) -> Check:
    at = START + timedelta(seconds=seconds)
    return Check(
        location=location,
        slot=int(at.timestamp()) // interval,
        attempt=attempt,
        due_at=at,
        started_at=at + timedelta(milliseconds=2),
        finished_at=at + timedelta(seconds=lasts),
        outcome=Outcome.GOOD if good else Outcome.BAD,
        failure=None if good else FAILED,
    )


def at(seconds: float) -> datetime:
    """The start of the check that was due then."""
    return START + timedelta(seconds=seconds, milliseconds=2)


def new(locations: tuple[str, ...] = ("here",)) -> MonitorState:
    return begin(MONITOR, locations, START - SECOND).state


class Story:
    """A monitor to which things happen, and all that came of them."""

    def __init__(self, under: Rules | None = None, locations: tuple[str, ...] = ("here",)) -> None:
        self.rules = under or rules()
        self.steps = [begin(MONITOR, locations, START - SECOND)]

    @property
    def state(self) -> MonitorState:
        return self.steps[-1].state

    def then(self, applied: Applied) -> Applied:
        self.steps.append(applied)
        return applied

    def check(self, seconds: float, good: bool, *, location: str = "here") -> Applied:
        return self.then(apply_check(self.state, check(seconds, good, location=location), self.rules))

    @property
    def transitions(self) -> list[object]:
        return [transition for step in self.steps for transition in step.transitions]

    @property
    def line(self) -> list[tuple[State, datetime, datetime | None]]:
        """The stretches of the line, as a store keeps them."""
        return stretches([change for step in self.steps for change in step.line])

    @property
    def blips(self) -> int:
        return sum(len(step.blips) for step in self.steps)


def stretches(changes: list[LineChange]) -> list[tuple[State, datetime, datetime | None]]:
    kept: list[LineChange] = []
    for change in changes:
        kept = [earlier for earlier in kept if earlier.at < change.at]
        kept.append(change)
    ends: list[datetime | None] = [change.at for change in kept[1:]] + [None]
    return [(change.state, change.at, end) for change, end in zip(kept, ends, strict=True)]


def test_a_new_monitor_is_unknown_until_its_first_good_check() -> None:
    story = Story()
    story.check(0, good=True)
    unknown, restored = story.transitions
    assert isinstance(unknown, BecameUnknown) and unknown.reason is UnknownReason.NOT_YET_CHECKED
    assert isinstance(restored, Restored)
    assert (restored.since, restored.restored_at, restored.state) == (START - SECOND, at(0), State.UP)
    assert story.state.state is State.UP and story.state.version == 2


def test_an_outage_starts_at_the_first_failing_check_and_ends_at_the_first_good_one() -> None:
    story = Story()
    story.check(0, good=True)
    for seconds in (30, 36, 42):
        assert story.state.outage is None
        story.check(seconds, good=False)
    down = story.transitions[-1]
    assert isinstance(down, WentDown)
    assert down.outage.down_since == at(30)
    assert down.outage.confirmed_at == START + timedelta(seconds=42.2)
    assert down.outage.uncertainty == timedelta(seconds=30)
    assert len(down.outage.failures) == 3
    assert [finding.verdict for finding in down.outage.locations] == [Verdict.DOWN]
    story.check(60, good=False)
    story.check(90, good=True)
    recovered = story.transitions[-1]
    assert isinstance(recovered, Recovered)
    assert recovered.outage == down.outage
    assert recovered.recovered_at == at(90) and recovered.uncertainty == timedelta(seconds=30)
    assert recovered.previous_state is State.DOWN
    assert [state for state, _, _ in story.line] == [State.UNKNOWN, State.UP, State.DOWN, State.UP]


def test_a_run_that_does_not_confirm_is_a_blip_and_no_down_time() -> None:
    story = Story()
    story.check(0, good=True)
    story.check(30, good=False)
    story.check(36, good=False)
    ended = story.check(42, good=True)
    (blip,) = ended.blips
    assert (blip.first_at, blip.last_at, blip.ended_at, len(blip.failures)) == (at(30), at(36), at(42), 2)
    assert [state for state, _, _ in story.line] == [State.UNKNOWN, State.UP]


def test_recovery_with_several_good_checks_is_dated_from_the_first_of_them() -> None:
    story = Story(rules(recoveries=3))
    for seconds in (0, 6, 12):
        story.check(seconds, good=False)
    story.check(30, good=True)
    story.check(36, good=False)
    for seconds in (60, 66, 72):
        assert story.state.state is State.DOWN
        story.check(seconds, good=True)
    recovered = story.transitions[-1]
    assert isinstance(recovered, Recovered)
    assert recovered.recovered_at == at(60)
    assert recovered.confirmed_at == START + timedelta(seconds=72.2)
    assert recovered.uncertainty == timedelta(seconds=24)


def test_a_monitor_that_fails_from_its_first_check_is_down_from_then_on() -> None:
    story = Story()
    for seconds in (0, 6, 12):
        story.check(seconds, good=False)
    restored, down = story.transitions[-2:]
    assert isinstance(restored, Restored) and restored.state is State.DOWN and restored.restored_at == at(0)
    assert isinstance(down, WentDown) and down.previous_state is State.UNKNOWN and down.outage.down_since == at(0)
    assert story.line == [(State.UNKNOWN, START - SECOND, at(0)), (State.DOWN, at(0), None)]


def test_rechecks_follow_a_failure_with_the_spacing_and_never_overlap_the_next_slot() -> None:
    story = Story()
    story.check(0, good=True)
    wanted = story.check(30, good=False).recheck
    assert wanted is not None
    assert (wanted.attempt, wanted.due_at) == (1, START + timedelta(seconds=35.2))
    slow = apply_check(story.state, check(36, False, lasts=10), story.rules).recheck
    assert slow is None, "46 + 5 + 10 s reaches into the slot at 60 s, which serves instead"
    assert story.check(60, good=True).recheck is None


def test_two_missing_intervals_are_unknown_time_from_the_moment_the_next_check_was_due() -> None:
    story = Story()
    story.check(0, good=True)
    story.check(60, good=True)
    assert len(story.transitions) == 2, "a single check that did not come is within two intervals"
    story.check(600, good=True)
    unknown, restored = story.transitions[2:]
    assert isinstance(unknown, BecameUnknown) and unknown.since == at(90)
    assert unknown.reason is UnknownReason.NO_FRESH_RESULT
    assert isinstance(restored, Restored) and restored.restored_at == at(600)
    assert story.line[-2:] == [(State.UNKNOWN, at(90), at(600)), (State.UP, at(600), None)]


def test_silence_is_told_while_it_lasts_and_leads_to_the_same_line() -> None:
    told, untold = Story(), Story()
    for story in (told, untold):
        story.check(0, good=True)
    assert not told.then(apply_silence(told.state, START + timedelta(seconds=69), told.rules, _RESTART)).transitions
    assert told.then(apply_silence(told.state, START + timedelta(seconds=71), told.rules, _RESTART)).transitions
    assert not told.then(apply_silence(told.state, START + timedelta(seconds=99), told.rules, _RESTART)).transitions
    for story in (told, untold):
        story.check(600, good=True)
    assert told.line == untold.line
    assert told.state == untold.state


_RESTART = UnknownReason.RUNNER_RESTARTED


def test_an_outage_goes_on_over_a_gap_and_the_gap_is_neither_up_nor_down() -> None:
    story = Story()
    for seconds in (0, 6, 12):
        story.check(seconds, good=False)
    story.check(600, good=False)
    unknown, restored = story.transitions[-2:]
    assert isinstance(unknown, BecameUnknown) and unknown.outage is not None
    assert isinstance(restored, Restored) and restored.state is State.DOWN
    story.check(630, good=True)
    recovered = story.transitions[-1]
    assert isinstance(recovered, Recovered)
    assert recovered.outage.down_since == at(0)
    assert [(gap.start, gap.end) for gap in recovered.outage.gaps] == [(at(42), at(600))]
    assert recovered.outage.downtime(recovered.recovered_at) == timedelta(seconds=72)
    downs = [transition for transition in story.transitions if isinstance(transition, WentDown)]
    assert len(downs) == 1


def test_an_outage_that_is_over_after_a_gap_ends_at_the_first_good_check() -> None:
    story = Story()
    for seconds in (0, 6, 12):
        story.check(seconds, good=False)
    story.check(600, good=True)
    unknown, restored, recovered = story.transitions[-3:]
    assert isinstance(unknown, BecameUnknown) and isinstance(restored, Restored) and isinstance(recovered, Recovered)
    assert restored.restored_at == recovered.recovered_at == at(600)
    assert story.line[-3:] == [
        (State.DOWN, at(0), at(42)),
        (State.UNKNOWN, at(42), at(600)),
        (State.UP, at(600), None),
    ]


def test_a_suspicion_does_not_survive_a_gap() -> None:
    story = Story()
    story.check(0, good=True)
    story.check(30, good=False)
    story.check(36, good=False)
    for seconds in (600, 606):
        story.check(seconds, good=False)
    assert story.state.outage is None and story.blips == 1
    story.check(612, good=False)
    assert story.state.outage is not None and story.state.outage.down_since == at(600)


def test_a_longer_interval_makes_no_gap() -> None:
    story = Story(rules(interval=30))
    story.check(0, good=True)
    story.rules = rules(interval=180)
    assert not apply_silence(story.state, START + timedelta(seconds=190), story.rules, _RESTART).transitions
    story.check(180, good=True)
    story.rules = rules(interval=30)
    story.check(360, good=True)
    assert [state for state, _, _ in story.line] == [State.UNKNOWN, State.UP]


def test_a_missed_check_is_no_news() -> None:
    story = Story()
    story.check(0, good=True)
    late = check(30, True)
    missed = Check(late.location, late.slot, 0, late.due_at, late.started_at, late.finished_at, Outcome.MISSED)
    assert apply_check(story.state, missed, story.rules) == Applied(story.state, Disposition.MISSED)


def test_a_pause_ends_the_outage_for_the_line_and_ignores_checks_until_resumed() -> None:
    story = Story()
    for seconds in (0, 6, 12):
        story.check(seconds, good=False)
    outage = story.state.outage
    story.then(pause(story.state, START + 40 * SECOND, PauseReason.CONTRACT_SUSPENDED))
    paused = story.transitions[-1]
    assert isinstance(paused, Paused) and paused.outage == outage and paused.previous_state is State.DOWN
    assert story.check(60, good=True).disposition is Disposition.OUTSIDE
    assert pause(story.state, START + 50 * SECOND, PauseReason.CONTRACT_TERMINATED).transitions == ()
    story.then(resume(story.state, ["here"], START + 100 * SECOND))
    assert story.check(99, good=False).disposition is Disposition.OUTSIDE
    restored, unknown = story.transitions[-2:]
    assert isinstance(restored, Restored) and restored.previous_state is State.PAUSED
    assert (restored.since, restored.restored_at) == (START + 40 * SECOND, START + 100 * SECOND)
    assert isinstance(unknown, BecameUnknown) and unknown.reason is UnknownReason.NOT_YET_CHECKED
    story.check(120, good=True)
    assert [state for state, _, _ in story.line] == [
        State.UNKNOWN,
        State.DOWN,
        State.PAUSED,
        State.UNKNOWN,
        State.UP,
    ]


def test_a_pause_while_unknown_closes_the_unknown_stretch() -> None:
    story = Story()
    story.then(pause(story.state, START, PauseReason.CONTRACT_TERMINATED))
    restored, paused = story.transitions[-2:]
    assert isinstance(restored, Restored) and restored.state is State.PAUSED and restored.restored_at == START
    assert isinstance(paused, Paused) and paused.previous_state is State.UNKNOWN


def test_resuming_what_is_not_paused_changes_nothing() -> None:
    assert resume(new(), ["here"], START) == Applied(new())


def test_two_locations_that_disagree_are_not_an_outage_and_a_majority_dates_it() -> None:
    story = Story(locations=("lyon", "oslo"))
    for seconds in (0, 6, 12):
        story.check(seconds, good=True, location="lyon")
        story.check(seconds, good=False, location="oslo")
    assert story.state.outage is None
    for seconds in (20, 21, 22):
        story.check(seconds, good=False, location="lyon")
    assert story.state.outage is not None and story.state.outage.down_since == at(20)
    story.check(30, good=True, location="oslo")
    assert story.state.state is State.DOWN, "a tie does not end an outage either"
    story.check(31, good=True, location="lyon")
    assert isinstance(story.transitions[-1], Recovered)


def test_a_location_that_is_not_asked_does_not_count() -> None:
    assert apply_check(new(), check(0, True, location="rome"), rules()) == Applied(new(), Disposition.OUTSIDE)


OUTCOMES = st.lists(st.tuples(st.booleans(), st.integers(0, 5)), min_size=1, max_size=60)
"""For each check: whether it is good, and how many slots were skipped before it."""


def series(outcomes: list[tuple[bool, int]]) -> list[Check]:
    checks, seconds = [], 0
    for good, skipped in outcomes:
        seconds += 30 * (1 + (skipped if skipped > 2 else 0))
        checks.append(check(seconds, good))
    return checks


def fold(checks: list[Check], under: Rules) -> Story:
    story = Story(under)
    for item in checks:
        story.then(apply_check(story.state, item, under))
    return story


@given(OUTCOMES, st.integers(0, 3), st.integers(1, 3), st.randoms(use_true_random=False))
def test_duplicates_and_late_results_change_nothing(
    outcomes: list[tuple[bool, int]], rechecks: int, recoveries: int, chance: random.Random
) -> None:
    under = rules(rechecks=rechecks, recoveries=recoveries)
    ordered = series(outcomes)
    disturbed: list[Check] = []
    for index, item in enumerate(ordered):
        disturbed.append(item)
        disturbed += chance.choices(ordered[: index + 1], k=chance.randrange(4))
    once, again = fold(ordered, under), fold(disturbed, under)
    assert once.state == again.state
    assert once.transitions == again.transitions
    assert once.line == again.line
    assert once.blips == again.blips


@given(OUTCOMES, st.integers(0, 3), st.integers(1, 3), st.randoms(use_true_random=False))
def test_in_any_order_the_line_is_whole_and_every_outage_was_confirmed(
    outcomes: list[tuple[bool, int]], rechecks: int, recoveries: int, chance: random.Random
) -> None:
    under = rules(rechecks=rechecks, recoveries=recoveries)
    shuffled = series(outcomes)
    chance.shuffle(shuffled)
    story = fold(shuffled, under)
    versions = [transition.version for transition in story.transitions]  # type: ignore[attr-defined]
    assert versions == list(range(1, len(versions) + 1))
    for (_, begins, ends), (_, next_begins, _) in zip(story.line, story.line[1:], strict=False):
        assert begins < next_begins and ends == next_begins
    applied = [
        item for item, step in zip(shuffled, story.steps[1:], strict=True) if step.disposition is Disposition.APPLIED
    ]
    for transition in story.transitions:
        if isinstance(transition, WentDown):
            run = [
                item
                for item in applied
                if transition.outage.down_since <= item.started_at
                and item.finished_at <= transition.outage.confirmed_at
            ]
            assert len(run) == rechecks + 1 and all(item.outcome is Outcome.BAD for item in run)
        if isinstance(transition, Recovered):
            assert transition.recovered_at > transition.outage.down_since
            assert timedelta(0) <= transition.uncertainty <= under.interval
            assert transition.outage.downtime(transition.recovered_at) > timedelta(0)


@given(OUTCOMES, st.lists(st.integers(0, 300), max_size=10), st.integers(0, 2))
def test_asking_about_silence_at_any_time_gives_the_line_that_the_checks_alone_give(
    outcomes: list[tuple[bool, int]], pauses: list[int], rechecks: int
) -> None:
    under = rules(rechecks=rechecks)
    ordered = series(outcomes)
    asked = Story(under)
    for index, item in enumerate(ordered):
        for wait in pauses:
            moment = START + timedelta(seconds=wait) if index == 0 else ordered[index - 1].due_at + wait * SECOND
            if moment <= item.due_at:
                asked.then(apply_silence(asked.state, moment, under, UnknownReason.NO_FRESH_RESULT))
        asked.then(apply_check(asked.state, item, under))
    unasked = fold(ordered, under)
    assert asked.line == unasked.line
    assert asked.state == unasked.state


@given(OUTCOMES, st.floats(-120, 6000), st.integers(0, 2), st.booleans())
def test_a_pause_of_any_date_leaves_no_period_that_ends_before_it_began(
    outcomes: list[tuple[bool, int]], dated: float, rechecks: int, silent: bool
) -> None:
    ordered = series(outcomes)
    story = fold(ordered, rules(rechecks=rechecks))
    if silent:
        story.then(apply_silence(story.state, ordered[-1].due_at + 300 * SECOND, story.rules, _RESTART))
    before, length = story.state, len(story.transitions)
    wanted = START + timedelta(seconds=dated)
    story.then(pause(before, wanted, PauseReason.CONTRACT_SUSPENDED))
    *_, paused = story.transitions
    assert isinstance(paused, Paused)
    assert paused.since == max(wanted, before.since) == story.state.since
    assert paused.previous_since == before.since
    if paused.outage is not None:
        assert paused.outage.down_since <= paused.since
        assert paused.outage.downtime(paused.since) >= timedelta(0)
        assert all(gap.start <= (gap.end or paused.since) for gap in paused.outage.gaps)
    for transition in story.transitions[length:-1]:
        if isinstance(transition, Settled):
            continue
        assert isinstance(transition, Restored) and transition.since <= transition.restored_at == paused.since
    assert story.line[-1] == (State.PAUSED, paused.since, None)
    for (_, begins, ends), (_, next_begins, _) in itertools.pairwise(story.line):
        assert begins < next_begins and ends == next_begins


def test_a_pause_dated_before_a_recovery_that_was_seen_begins_at_the_recovery() -> None:
    story = Story()
    for seconds in (0, 6, 12):
        story.check(seconds, good=False)
    story.check(30, good=True)
    story.then(pause(story.state, START + 20 * SECOND, PauseReason.CONTRACT_SUSPENDED))
    paused = story.transitions[-1]
    assert isinstance(paused, Paused) and paused.outage is None
    assert paused.since == paused.previous_since == at(30)
    assert story.line[-2:] == [(State.DOWN, at(0), at(30)), (State.PAUSED, at(30), None)]


@given(OUTCOMES)
def test_a_gap_of_more_than_two_intervals_is_never_up_and_never_down(outcomes: list[tuple[bool, int]]) -> None:
    ordered = series(outcomes)
    story = fold(ordered, rules())
    for earlier, later in itertools.pairwise(ordered):
        if later.due_at - earlier.due_at > timedelta(seconds=60):
            middle = earlier.started_at + (later.started_at - earlier.started_at) / 2 + timedelta(seconds=1)
            (state,) = [s for s, begins, ends in story.line if begins <= middle and (ends is None or middle < ends)]
            assert state is State.UNKNOWN


@pytest.mark.parametrize("wait", [0, 29, 31])
def test_the_identity_of_an_outage_follows_from_the_monitor_and_its_beginning(wait: int) -> None:
    def ids(gap: int) -> UUID:
        story = Story()
        story.check(0, good=True)
        for seconds in (30 + gap, 36 + gap, 42 + gap):
            story.check(seconds, good=False)
        assert story.state.outage is not None
        return story.state.outage.outage_id

    assert ids(wait) == ids(wait)
    assert ids(wait) != ids(wait + 1)
