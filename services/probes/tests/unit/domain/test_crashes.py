"""Crash rates: exact counts over a sliding window."""

from datetime import UTC, datetime, timedelta
from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st

from probes.domain.crashes import CrashCount, CrashThreshold, judge
from probes.domain.states import Reason

NOW = datetime(2026, 6, 8, 9, tzinfo=UTC)
HOUR = timedelta(hours=1)
ONE_PERCENT = CrashThreshold(Fraction(1, 100), None, min_sessions=100, window=24 * HOUR)


def count(
    sessions: int, crashes: int, *, hours_ago: int = 0, users: int | None = None, free: int | None = None
) -> CrashCount:
    end = NOW - hours_ago * HOUR
    return CrashCount(end - HOUR, end, "ios", "4.2.0", sessions, crashes, users, free)


def test_exactly_what_is_allowed_is_good_and_one_more_crash_is_not() -> None:
    assert judge([count(10**9, 10**7)], ONE_PERCENT, NOW).failure is None
    failure = judge([count(10**9, 10**7 + 1)], ONE_PERCENT, NOW).failure
    assert failure is not None and failure.reason is Reason.THRESHOLD


def test_few_sessions_say_nothing() -> None:
    verdict = judge([count(99, 99)], ONE_PERCENT, NOW)
    assert not verdict.conclusive and verdict.failure is None and verdict.sessions == 99


def test_what_lies_before_the_window_does_not_count() -> None:
    assert judge([count(500, 500, hours_ago=24), count(100, 1)], ONE_PERCENT, NOW).failure is None
    assert judge([count(500, 500, hours_ago=23), count(100, 1)], ONE_PERCENT, NOW).failure is not None


def test_users_who_met_a_crash_count_where_they_are_counted() -> None:
    threshold = CrashThreshold(Fraction(1), Fraction(99, 100), min_sessions=1, window=24 * HOUR)
    assert judge([count(10, 1, users=200, free=198), count(10, 10)], threshold, NOW).failure is None
    failure = judge([count(10, 1, users=200, free=197)], threshold, NOW).failure
    assert failure is not None and "98.5 %" in failure.detail
    assert judge([count(10, 1)], threshold, NOW).failure is None


@given(st.lists(st.tuples(st.integers(0, 10**12), st.integers(0, 10**12)).map(sorted), max_size=20))
def test_the_verdict_is_that_of_all_sessions_together(pairs: list[list[int]]) -> None:
    counts = [count(sessions, crashes) for crashes, sessions in pairs]
    sessions, crashes = sum(pair[1] for pair in pairs), sum(pair[0] for pair in pairs)
    verdict = judge(counts, ONE_PERCENT, NOW)
    assert verdict.conclusive is (sessions >= 100)
    assert (verdict.failure is not None) is (sessions >= 100 and crashes * 100 > sessions)
