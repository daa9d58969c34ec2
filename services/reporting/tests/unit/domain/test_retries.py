"""When a webhook is tried again, and when it is given up."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reporting.domain.retries import ATTEMPTS, PAUSES, decide, given_up, rests_until

NOW = datetime(2026, 6, 8, 9, tzinfo=UTC)


def test_the_schedule_is_that_of_standard_webhooks() -> None:
    assert ATTEMPTS == 10
    assert sum(PAUSES, timedelta()) == timedelta(hours=75, minutes=35, seconds=5)


@pytest.mark.parametrize("status", [200, 201, 204, 299])
def test_only_2xx_is_success(status: int) -> None:
    assert decide(attempt=1, status_code=status, now=NOW, retry_after=None, jitter=0).outcome == "delivered"


@pytest.mark.parametrize("status", [None, 100, 301, 302, 304, 400, 401, 404, 429, 500, 502, 504])
def test_everything_else_is_tried_again_after_a_pause_with_jitter(status: int | None) -> None:
    least = decide(attempt=2, status_code=status, now=NOW, retry_after=None, jitter=0)
    most = decide(attempt=2, status_code=status, now=NOW, retry_after=None, jitter=1)
    assert least.outcome == most.outcome == "again"
    assert (least.next_attempt_at, most.next_attempt_at) == (NOW + timedelta(minutes=5), NOW + timedelta(minutes=5.5))
    assert decide(attempt=10, status_code=status, now=NOW, retry_after=None, jitter=0).outcome == "exhausted"


def test_410_ends_it() -> None:
    assert decide(attempt=1, status_code=410, now=NOW, retry_after=None, jitter=0).outcome == "gone"


@pytest.mark.parametrize(
    ("asked", "waited"),
    [
        (timedelta(seconds=2), timedelta(seconds=5)),
        (timedelta(hours=1), timedelta(hours=1)),
        (timedelta(days=9), timedelta(days=1)),
    ],
)
def test_a_receiver_may_ask_for_more_but_not_for_ever(asked: timedelta, waited: timedelta) -> None:
    assert decide(attempt=1, status_code=503, now=NOW, retry_after=asked, jitter=0).next_attempt_at == NOW + waited


def test_one_bad_event_does_not_stop_the_others() -> None:
    first = NOW - timedelta(hours=76)
    assert given_up("exhausted", first_attempt_at=first, failing_since=first) == "failing"
    assert given_up("exhausted", first_attempt_at=first, failing_since=first + timedelta(hours=1)) is None
    assert given_up("exhausted", first_attempt_at=first, failing_since=None) is None
    assert given_up("again", first_attempt_at=first, failing_since=first) is None
    assert given_up("gone", first_attempt_at=first, failing_since=None) == "gone"


@pytest.mark.parametrize(
    ("status", "asked", "rests"),
    [
        (429, timedelta(minutes=5), timedelta(minutes=5)),
        (503, timedelta(minutes=5), timedelta(minutes=5)),
        (503, timedelta(days=2), timedelta(hours=1)),
        (503, None, None),
        (429, timedelta(0), None),
        (500, timedelta(minutes=5), None),
        (200, timedelta(minutes=5), None),
        (None, None, None),
    ],
)
def test_only_a_receiver_that_is_overloaded_rests_and_for_an_hour_at_most(
    status: int | None, asked: timedelta | None, rests: timedelta | None
) -> None:
    until = NOW + rests if rests is not None else None
    assert rests_until(status_code=status, now=NOW, retry_after=asked) == until


@given(jitter=st.floats(0, 1), attempt=st.integers(1, 9), asked=st.none() | st.timedeltas(min_value=timedelta(0)))
def test_a_pause_is_never_shorter_than_the_schedule_nor_much_longer_than_a_day(
    jitter: float, attempt: int, asked: timedelta | None
) -> None:
    decision = decide(attempt=attempt, status_code=503, now=NOW, retry_after=asked, jitter=jitter)
    assert decision.next_attempt_at is not None
    pause = decision.next_attempt_at - NOW
    assert PAUSES[attempt - 1] <= pause <= timedelta(hours=26.4)
    assert asked is None or pause >= min(asked, timedelta(hours=24))
