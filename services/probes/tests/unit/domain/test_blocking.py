"""Checks that could not look: what they leave as it was, and what they say about why nothing is known."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

from probes.domain.blocking import note_block
from probes.domain.slots import Schedule
from probes.domain.state_line import apply_check, apply_silence, begin
from probes.domain.states import BecameUnknown, Check, MonitorState, Outcome, Rules, State, UnknownReason

MONITOR = UUID("5f0c3a52-5d8a-5b62-9d0e-6a1f3f2d7c11")
START = datetime(2026, 6, 8, 9, tzinfo=UTC)
INTERVAL = timedelta(seconds=60)
RULES = Rules(Schedule.of(MONITOR, INTERVAL), timedelta(seconds=5), 1, timedelta(0), 1)


def check(minute: int, outcome: Outcome, location: str = "paris") -> Check:
    at = START + minute * INTERVAL
    return Check(location, minute, 0, at, at, at, outcome)


def watched(*locations: str) -> MonitorState:
    return begin(MONITOR, locations or ["paris"], START).state


def test_a_monitor_that_was_never_let_look_says_so_once() -> None:
    first = note_block(watched(), check(1, Outcome.BLOCKED))
    (told,) = first.transitions
    assert isinstance(told, BecameUnknown)
    assert (told.version, told.previous_state, told.reason) == (2, State.UNKNOWN, UnknownReason.BLOCKED)
    assert told.previous_since == START and told.since == START + INTERVAL
    assert [(change.state, change.reason) for change in first.line] == [(State.UNKNOWN, "blocked")]
    again = note_block(first.state, check(2, Outcome.BLOCKED))
    assert again.transitions == () and again.line == ()
    assert again.state.locations["paris"].blocked_at == START + 2 * INTERVAL


def test_a_second_location_that_is_not_let_look_says_nothing_new() -> None:
    state = note_block(watched("paris", "tokyo"), check(1, Outcome.BLOCKED)).state
    assert note_block(state, check(1, Outcome.BLOCKED, "tokyo")).transitions == ()


def test_what_is_known_stays_until_it_is_stale() -> None:
    up = apply_check(watched(), check(1, Outcome.GOOD), RULES).state
    blocked = note_block(up, check(2, Outcome.BLOCKED))
    assert (blocked.state.state, blocked.transitions) == (State.UP, ())
    stale = apply_silence(blocked.state, START + 5 * INTERVAL, RULES, UnknownReason.BLOCKED)
    assert stale.state.state is State.UNKNOWN and stale.line[0].reason == "blocked"
    assert note_block(stale.state, check(6, Outcome.BLOCKED)).transitions == ()


def test_a_block_that_comes_twice_or_late_changes_nothing() -> None:
    state = note_block(watched(), check(3, Outcome.BLOCKED)).state
    for minute in (3, 2):
        assert note_block(state, check(minute, Outcome.BLOCKED)).state is state


def test_a_good_check_after_blocked_ones_restores_from_then_on() -> None:
    state = note_block(watched(), check(1, Outcome.BLOCKED)).state
    applied = apply_check(state, check(2, Outcome.GOOD), RULES)
    assert applied.state.state is State.UP and applied.state.since == START + 2 * INTERVAL
    later = note_block(applied.state, check(3, Outcome.BLOCKED)).state
    gone = apply_silence(later, START + 6 * INTERVAL, RULES, UnknownReason.NO_FRESH_RESULT).state
    assert note_block(gone, check(7, Outcome.BLOCKED)).transitions == ()  # known to be blocked since the silence began
