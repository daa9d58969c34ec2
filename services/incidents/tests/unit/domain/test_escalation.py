"""When levels of an escalation are due, which policy an item has, and when a person is quiet."""

from datetime import UTC, datetime, timedelta
from itertools import product
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest

from incidents.domain.escalation import Level, Policy, Progress, ShareOfClock, Target, Unacknowledged, choose, due_at
from incidents.domain.promises import Metric
from incidents.domain.quiet_hours import AlwaysQuietError, QuietHours
from incidents.domain.sla_clock import (
    ClockReading,
    ClockRules,
    Opened,
    Paused,
    Stopped,
    fold_clock,
)
from incidents.domain.sla_clock import (
    Policy as ClockPolicy,
)
from shared.kernel.calendar import Calendar, CalendarHistory, Window

OPENED = datetime(2026, 6, 8, 9, 0, tzinfo=UTC)
CONTRACT, OTHER = UUID(int=1), UUID(int=2)
HALF = Level(1, ShareOfClock(Metric.RESPONSE, 50), (Target(role="on_call"),))
QUARTER_OF_AN_HOUR = Level(2, Unacknowledged(15), (Target(role="manager"),))


def minutes(count: int) -> timedelta:
    return timedelta(minutes=count)


def clock(as_of: datetime, *events: Paused | Stopped) -> ClockReading:
    """A clock of an hour, around the clock, read with half of it as threshold."""
    calendar = CalendarHistory.constant(Calendar(ZoneInfo("UTC"), None))
    policy = ClockPolicy(timedelta(hours=1), "always", frozenset({"waiting"}))
    rules = ClockRules("retroactive", "resume")
    return fold_clock({"always": calendar}, {"p": policy}, rules, [50], [Opened(OPENED, "p"), *events], as_of)


def progress(reading: ClockReading | None = None, acknowledged_at: datetime | None = None) -> Progress:
    return Progress(OPENED, acknowledged_at, {Metric.RESPONSE: reading} if reading is not None else {})


def test_a_share_of_a_clock_is_due_when_it_is_used() -> None:
    assert due_at(HALF, progress(clock(OPENED + minutes(10)))) == OPENED + minutes(30)
    assert due_at(HALF, progress(clock(OPENED + minutes(90)))) == OPENED + minutes(30)


def test_a_share_that_is_not_reached_has_no_date_while_the_clock_stands_still_or_has_stopped() -> None:
    paused = clock(OPENED + minutes(20), Paused(OPENED + minutes(10), "a", "waiting"))
    stopped = clock(OPENED + minutes(90), Stopped(OPENED + minutes(20)))
    assert [due_at(HALF, progress(reading)) for reading in (paused, stopped, None)] == [None, None, None]


def test_a_share_that_was_reached_before_the_stop_stays_due() -> None:
    stopped = clock(OPENED + minutes(90), Stopped(OPENED + minutes(40)))
    assert due_at(HALF, progress(stopped)) == OPENED + minutes(30)


@pytest.mark.parametrize(("acknowledged", "due"), [(None, 15), (14, None), (15, None), (16, 15)])
def test_an_acknowledgement_stops_the_levels_of_the_hierarchy_that_were_not_due(
    acknowledged: int | None, due: int | None
) -> None:
    at = OPENED + minutes(acknowledged) if acknowledged is not None else None
    expected = OPENED + minutes(due) if due is not None else None
    assert due_at(QUARTER_OF_AN_HOUR, progress(acknowledged_at=at)) == expected


def test_the_most_particular_policy_counts_whatever_the_order() -> None:
    def policy(number: int, contract_id: UUID | None, *severities: str) -> Policy:
        return Policy(UUID(int=number), 1, str(number), contract_id, frozenset(severities), (HALF,))

    of_all, of_all_critical = policy(4, None), policy(3, None, "critical")
    of_contract, of_contract_critical = policy(2, CONTRACT), policy(1, CONTRACT, "critical")
    policies = [of_all, of_all_critical, of_contract, of_contract_critical]
    chosen = {
        (contract, severity): choose(policies, contract, severity)
        for contract, severity in product((CONTRACT, OTHER), ("critical", "minor"))
    }
    assert chosen == {
        (CONTRACT, "critical"): of_contract_critical,
        (CONTRACT, "minor"): of_contract,
        (OTHER, "critical"): of_all_critical,
        (OTHER, "minor"): of_all,
    }
    assert choose([of_contract], OTHER, "critical") is None
    # A second one that is alike changes nothing.
    assert choose([policy(9, None), of_all], OTHER, "minor") == of_all


NIGHT = QuietHours(
    Calendar(ZoneInfo("Europe/Paris"), tuple((Window(22 * 60, 31 * 60),) for _ in range(7))), frozenset({"critical"})
)


@pytest.mark.parametrize(
    ("instant", "until"),
    [
        ("2026-06-08T23:00+02:00", "2026-06-09T07:00+02:00"),
        ("2026-06-08T22:00+02:00", "2026-06-09T07:00+02:00"),
        ("2026-06-09T07:00+02:00", None),
        ("2026-06-08T21:59+02:00", None),
        # The night in which the clocks go forward, and the one in which they go back.
        ("2026-03-29T01:00+01:00", "2026-03-29T07:00+02:00"),
        ("2026-10-25T02:30+02:00", "2026-10-25T07:00+01:00"),
    ],
)
def test_quiet_hours_end_at_their_local_time(instant: str, until: str | None) -> None:
    expected = datetime.fromisoformat(until) if until is not None else None
    assert NIGHT.until(datetime.fromisoformat(instant).astimezone(UTC), "major") == expected


def test_a_severity_that_breaks_through_does_not_wait() -> None:
    assert NIGHT.until(datetime(2026, 6, 8, 23, 0, tzinfo=UTC), "critical") is None


def test_quiet_hours_without_an_end_are_refused() -> None:
    with pytest.raises(AlwaysQuietError):
        QuietHours(Calendar(ZoneInfo("UTC"), None))
    with pytest.raises(AlwaysQuietError):
        QuietHours(Calendar(ZoneInfo("UTC"), tuple((Window(0, 1440),) for _ in range(7))))
