"""When a webhook is tried again, and when it is given up."""

from datetime import UTC, datetime, timedelta

import pytest

from reporting.domain.retries import ATTEMPTS, PAUSES, decide, given_up

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
