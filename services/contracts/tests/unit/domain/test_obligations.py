"""Obligations: kept in time, kept late, coming back, standing still while the contract does."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from contracts.domain import obligations
from contracts.domain.obligations import OVER, BadInstant, NotPossible, Standing, Status, check_shares

DAY_0 = datetime(2026, 6, 1, tzinfo=UTC)


def day(number: float) -> datetime:
    return DAY_0 + timedelta(days=number)


OPEN = Standing(Status.OPEN, day(10))
EVERY_TEN_DAYS = Standing(Status.OPEN, day(10), every=timedelta(days=10))


def test_what_is_done_at_the_due_instant_is_in_time_and_a_moment_later_it_is_late() -> None:
    moment = timedelta(microseconds=1)
    assert not obligations.overdue(OPEN, day(10)) and obligations.overdue(OPEN, day(10) + moment)
    assert not obligations.keep(OPEN, day(10), day(11)).late
    assert obligations.keep(OPEN, day(10) + moment, day(11)).late


def test_once_kept_it_is_fulfilled_and_cannot_be_kept_again() -> None:
    kept = obligations.keep(OPEN, day(3), day(4)).standing
    assert (kept.status, kept.kept_at) == (Status.FULFILLED, day(3))
    with pytest.raises(NotPossible):
        obligations.keep(kept, day(4), day(4))


def test_a_breached_one_can_still_be_kept_and_tells_whether_it_had_been_in_time() -> None:
    breached = Standing(Status.BREACHED, day(10))
    assert not obligations.keep(breached, day(9), day(12)).late
    kept = obligations.keep(breached, day(11), day(12))
    assert (kept.standing.status, kept.was_due_at, kept.late) == (Status.FULFILLED, day(10), True)


def test_one_that_comes_back_is_due_again_a_turn_after_it_was_kept() -> None:
    kept = obligations.keep(EVERY_TEN_DAYS, day(7), day(8))
    assert (kept.standing.status, kept.standing.due_at, kept.was_due_at) == (Status.OPEN, day(17), day(10))
    with pytest.raises(BadInstant):
        obligations.keep(kept.standing, day(6), day(8))


@pytest.mark.parametrize("status", sorted(OVER))
def test_what_is_over_is_neither_kept_nor_ended_again(status: Status) -> None:
    standing = Standing(status, day(10))
    for act in (
        lambda: obligations.keep(standing, day(1), day(2)),
        lambda: obligations.end(standing, Status.RELEASED),
    ):
        with pytest.raises(NotPossible):
            act()
    assert not obligations.overdue(standing, day(11))


def test_nothing_is_kept_in_the_future() -> None:
    with pytest.raises(BadInstant):
        obligations.keep(OPEN, day(5), day(4))


def test_a_suspension_takes_nothing_of_the_time_that_is_left() -> None:
    paused = obligations.pause(OPEN, day(8))
    assert not obligations.overdue(paused, day(30))
    again = obligations.resume(paused, day(20))
    assert (again.due_at, again.paused_at) == (day(22), None)
    assert obligations.pause(Standing(Status.BREACHED, day(1)), day(8)).paused_at is None


@given(
    turn=st.integers(1, 30),
    pause_at=st.integers(0, 9),
    length=st.integers(1, 30),
    kept_after=st.integers(0, 30),
)
def test_what_is_kept_during_a_suspension_has_a_whole_turn_left_at_its_end(
    turn: int, pause_at: int, length: int, kept_after: int
) -> None:
    paused = obligations.pause(Standing(Status.OPEN, day(10), every=timedelta(days=turn)), day(pause_at))
    at = day(pause_at + min(kept_after, length))
    kept = obligations.keep(paused, at, day(pause_at + length))
    assert not kept.late
    resumed = obligations.resume(kept.standing, day(pause_at + length))
    assert resumed.due_at == day(pause_at + length + turn)


@given(st.lists(st.integers(0, 40), min_size=1, max_size=6).map(sorted), st.integers(1, 20))
def test_a_list_is_stale_exactly_while_its_last_update_is_older_than_was_agreed(updates: list[int], days: int) -> None:
    standing = Standing(Status.OPEN, day(days), every=timedelta(days=days))
    for at in updates:
        standing = obligations.keep(standing, day(at), day(at)).standing
    for now in range(updates[-1], updates[-1] + 2 * days):
        assert obligations.overdue(standing, day(now)) == (now - updates[-1] > days)


def test_only_what_is_not_overdue_is_postponed_and_only_into_the_future() -> None:
    assert obligations.postpone(OPEN, day(20), day(5)).due_at == day(20)
    assert obligations.postpone(Standing(Status.FULFILLED, day(10)), day(20), day(5)).status is Status.OPEN
    with pytest.raises(BadInstant):
        obligations.postpone(OPEN, day(5), day(5))
    for status, now in ((Status.BREACHED, 5), (Status.OPEN, 11), (Status.RELEASED, 5)):
        with pytest.raises(NotPossible):
            obligations.postpone(Standing(status, day(10)), day(20), day(now))


@given(st.integers(-10, 110), st.integers(-10, 110), st.integers(-10, 110))
@example(50, 30, 20)
@example(110, -10, 0)
def test_shares_make_a_whole(provider: int, client: int, third_party: int) -> None:
    if provider + client + third_party == 100 and min(provider, client, third_party) >= 0:
        check_shares(provider, client, third_party)
    else:
        with pytest.raises(ValueError, match="100"):
            check_shares(provider, client, third_party)
