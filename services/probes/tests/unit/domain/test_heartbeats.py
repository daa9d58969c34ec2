"""Heartbeats: expected instants through nights with 23 and 25 hours, and what reports and their absence lead to."""

import itertools
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from probes.domain.heartbeats import (
    Advanced,
    Blind,
    Cron,
    Deafness,
    Every,
    Found,
    Happening,
    Heartbeat,
    Late,
    Missed,
    PayloadRules,
    Ping,
    Plan,
    Signal,
    Standing,
    advance,
    begin,
    replan,
)
from probes.domain.states import Reason

PARIS = ZoneInfo("Europe/Paris")
ZONES = st.sampled_from(
    [
        ZoneInfo(name)
        for name in ("Europe/Paris", "America/New_York", "Australia/Lord_Howe", "Asia/Kolkata", "Africa/Cairo", "UTC")
    ]
)
EXPRESSIONS = st.sampled_from(
    [
        "0 2 * * *",
        "30 2 * * *",
        "0 0 * * *",
        "*/15 * * * *",
        "5 * * * *",
        "*/7 1-3 * * *",
        "0,30 1,2,3 * * *",
        "15 2 * * SUN",
        "0 4 1 * *",
        "0 3 L * *",
        "0 9 * * MON-FRI",
    ]
)
INSTANTS = st.datetimes(datetime(2025, 1, 1), datetime(2027, 12, 31), timezones=st.just(UTC))  # noqa: DTZ001 (naive bounds)
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
START = datetime(2026, 6, 8, 9, tzinfo=UTC)
HOURLY = Plan(Every(HOUR), grace=5 * MINUTE)


def utc(*parts: int) -> datetime:
    return datetime(*parts, tzinfo=UTC)  # type: ignore[arg-type,misc]


# --- when a report is expected ---------------------------------------------------------------------------------------


@given(EXPRESSIONS, ZONES, INSTANTS, st.integers(0, 10**6))
def test_the_next_instant_is_later_and_the_same_from_everywhere_before_it(
    expression: str, zone: ZoneInfo, at: datetime, share: int
) -> None:
    cron = Cron.parse(expression, zone)
    found = cron.next_after(at)
    assert found > at and found.second == 0 and found.microsecond == 0
    between = at + (found - at) * share / 1_000_001
    assert cron.next_after(between) == found


@given(st.sampled_from(["*/15 * * * *", "5 * * * *", "*/7 1-3 * * *"]), ZONES, INSTANTS)
def test_what_runs_every_so_often_runs_whenever_the_hands_say_so(expression: str, zone: ZoneInfo, at: datetime) -> None:
    minutes = {"*/15": range(0, 60, 15), "5": [5], "*/7": range(0, 60, 7)}[expression.split(maxsplit=1)[0]]
    hours = range(1, 4) if "1-3" in expression else range(24)
    instant = at.replace(second=0, microsecond=0) + MINUTE
    while (local := instant.astimezone(zone)).minute not in minutes or local.hour not in hours:
        instant += MINUTE
    assert Cron.parse(expression, zone).next_after(at) == instant


@given(ZONES, INSTANTS)
def test_a_daily_job_is_expected_once_on_every_local_day(zone: ZoneInfo, at: datetime) -> None:
    cron, days = Cron.parse("30 2 * * *", zone), []
    for _ in range(400):
        at = cron.next_after(at)
        days.append(at.astimezone(zone).date())
    assert all(after - before == DAY for before, after in itertools.pairwise(days))


def test_a_daily_job_in_the_hour_that_is_left_out_is_expected_when_the_clock_goes_on() -> None:
    nightly = Cron.parse("30 2 * * *", PARIS)
    assert nightly.next_after(utc(2026, 3, 28, 12)) == utc(2026, 3, 29, 1)  # 03:00 there, there is no 02:30
    assert nightly.next_after(utc(2026, 3, 29, 1)) == utc(2026, 3, 30, 0, 30)


def test_a_daily_job_in_the_hour_that_comes_twice_is_expected_once() -> None:
    nightly = Cron.parse("30 2 * * *", PARIS)
    assert nightly.next_after(utc(2026, 10, 24, 12)) == utc(2026, 10, 25, 0, 30)  # the first 02:30
    assert nightly.next_after(utc(2026, 10, 25, 0, 30)) == utc(2026, 10, 26, 1, 30)
    assert nightly.next_after(utc(2026, 10, 25, 1, 10)) == utc(2026, 10, 26, 1, 30)  # asked in the second 02:10


@pytest.mark.parametrize(
    "expression",
    [
        "",
        "* * * *",
        "* * * * * *",
        "61 * * * *",
        "0 0 31 2 *",
        "0 0 30 FEB *",
        "every day",
        "0 0 * * MON#6",
        "*/0 * * * *",
    ],
)
def test_what_is_no_cron_expression_or_never_comes_is_refused(expression: str) -> None:
    with pytest.raises(ValueError, match="cron expression"):
        Cron.parse(expression, PARIS)


def test_a_report_of_a_clock_that_is_a_little_ahead_is_the_expected_one() -> None:
    nightly = Cron.parse("0 2 * * *", PARIS)
    assert nightly.next_after_report(utc(2026, 6, 7, 23, 59, 30)) == utc(2026, 6, 9)
    assert nightly.next_after_report(utc(2026, 6, 7, 23, 58)) == utc(2026, 6, 8)
    assert Cron.parse("* * * * *", PARIS).next_after_report(utc(2026, 6, 8, 0, 0, 30)) == utc(2026, 6, 8, 0, 1)


# --- what follows ----------------------------------------------------------------------------------------------------


def ping(at: datetime, signal: Signal = Signal.SUCCESS, **payload: Any) -> Ping:
    return Ping(at, signal, **payload)


def after(plan: Plan, pings: Sequence[Ping], until: datetime, deaf: Sequence[Deafness] = ()) -> Advanced:
    return advance(begin(plan, START), plan, pings, until, deaf)


def reasons(happenings: Sequence[Happening]) -> list[str]:
    """Each finding with its instant's distance from the start, in minutes."""
    told = []
    for each in happenings:
        match each:
            case Found(at=at, failure=failure):
                told.append(f"{failure.reason if failure else 'good'} {(at - START) // MINUTE}")
            case Late(expected_at=at):
                told.append(f"late {(at - START) // MINUTE}")
            case Missed(expected_at=at):
                told.append(f"missed {(at - START) // MINUTE}")
            case Blind(since=at):
                told.append(f"blind {(at - START) // MINUTE}")
    return told


def test_a_report_in_time_is_good_and_the_next_one_is_expected_an_interval_later() -> None:
    done = after(HOURLY, [ping(START + 50 * MINUTE)], START + 100 * MINUTE)
    assert reasons(done.happenings) == ["good 50"]
    assert done.beat.standing is Standing.ON_TIME and done.due_at == START + 110 * MINUTE


def test_late_is_not_missing() -> None:
    late = after(HOURLY, [], START + 64 * MINUTE)
    assert reasons(late.happenings) == ["late 60"] and late.beat.standing is Standing.LATE
    assert late.due_at == START + 65 * MINUTE
    came = advance(late.beat, HOURLY, [ping(START + 65 * MINUTE)], START + 66 * MINUTE, [])
    assert reasons(came.happenings) == ["good 65"] and came.beat.standing is Standing.ON_TIME


def test_a_missing_report_is_dated_at_the_instant_at_which_it_was_expected_and_told_once() -> None:
    gone = after(HOURLY, [], START + 200 * MINUTE)
    assert reasons(gone.happenings) == ["late 60", "missed 60", "missing 60", "missing 120", "missing 180"]
    found = gone.happenings[2]
    assert isinstance(found, Found) and found.confirmed_at == START + 65 * MINUTE
    assert found.failure is not None and "There has been no success yet." in found.failure.detail
    back = advance(gone.beat, HOURLY, [ping(START + 201 * MINUTE)], START + 300 * MINUTE, [])
    assert reasons(back.happenings) == ["good 201", "late 261", "missed 261", "missing 261"]


def test_a_reported_failure_is_one_at_once() -> None:
    failed = after(HOURLY, [ping(START + MINUTE, Signal.FAIL, message="disk full")], START + 2 * MINUTE)
    (found,) = failed.happenings
    assert isinstance(found, Found) and found.failure is not None and found.failure.reason is Reason.REPORTED
    assert found.failure.detail.endswith("disk full") and failed.beat.standing is Standing.FAILED


def test_a_run_that_does_not_end_is_found_when_its_time_is_over_and_a_long_one_is_not_good() -> None:
    plan = Plan(Every(HOUR), grace=5 * MINUTE, longest=20 * MINUTE)
    running = after(plan, [ping(START + 55 * MINUTE, Signal.START)], START + 74 * MINUTE)
    assert running.happenings == () and running.beat.standing is Standing.RUNNING
    ended = advance(running.beat, plan, [ping(START + 80 * MINUTE)], START + 81 * MINUTE, [])
    assert reasons(ended.happenings) == ["threshold 75", "threshold 80"]
    good = [ping(START + 90 * MINUTE, Signal.START), ping(START + 100 * MINUTE)]
    assert reasons(advance(ended.beat, plan, good, START + 101 * MINUTE, []).happenings) == ["good 100"]
    told = [ping(START + 5 * MINUTE, duration=21 * MINUTE)]
    assert reasons(after(plan, told, START + 6 * MINUTE).happenings) == ["threshold 5"]


def test_a_start_again_does_not_hide_a_run_that_never_ends() -> None:
    plan = Plan(Every(HOUR), grace=5 * MINUTE, longest=20 * MINUTE)
    starts = [ping(START + n * 10 * MINUTE, Signal.START) for n in range(4)]
    assert reasons(after(plan, starts, START + 31 * MINUTE).happenings) == ["threshold 20"]


RULES = PayloadRules(min_size_bytes=1000, max_shrink_percent=10, max_age=DAY)


@pytest.mark.parametrize(
    ("payload", "reason"),
    [
        ({"size_bytes": 9000, "age": DAY}, None),
        ({"size_bytes": 8999, "age": DAY}, Reason.THRESHOLD),
        ({"size_bytes": 999, "age": DAY}, Reason.THRESHOLD),
        ({"size_bytes": 9000, "age": DAY + timedelta(seconds=1)}, Reason.STALE),
        ({"size_bytes": 9000}, Reason.STALE),
        ({"age": HOUR}, Reason.THRESHOLD),
    ],
)
def test_a_backup_must_be_large_enough_and_fresh(payload: dict[str, Any], reason: Reason | None) -> None:
    plan = Plan(Every(HOUR), grace=5 * MINUTE, rules=RULES)
    pings = [ping(START + MINUTE, size_bytes=10_000, age=HOUR), ping(START + 2 * MINUTE, Signal.SUCCESS, **payload)]
    *_, found = after(plan, pings, START + 3 * MINUTE).happenings
    assert isinstance(found, Found)
    assert (found.failure.reason if found.failure else None) is reason


def test_a_bad_backup_does_not_become_the_measure_of_the_next() -> None:
    plan = Plan(Every(HOUR), grace=5 * MINUTE, rules=PayloadRules(max_shrink_percent=10))
    pings = [ping(START + n * MINUTE, size_bytes=size) for n, size in enumerate((10_000, 5_000, 5_000, 9_500), 1)]
    done = after(plan, pings, START + 9 * MINUTE)
    assert reasons(done.happenings) == ["good 1", "threshold 2", "threshold 3", "good 4"]


def test_what_could_not_come_in_because_of_us_is_unknown_and_not_missing() -> None:
    deaf = [Deafness(START + 58 * MINUTE, START + 62 * MINUTE)]
    done = after(HOURLY, [], START + 130 * MINUTE, deaf)
    assert reasons(done.happenings) == ["blind 60", "late 120", "missed 120", "missing 120"]
    assert reasons(after(HOURLY, [], START + 66 * MINUTE, [Deafness(START, START + 55 * MINUTE)]).happenings) == [
        "late 60",
        "missed 60",
        "missing 60",
    ]


def test_another_plan_expects_its_own_instants() -> None:
    beat = after(HOURLY, [ping(START + MINUTE)], START + 2 * MINUTE).beat
    assert replan(beat, Plan(Every(DAY), grace=HOUR), START + 2 * MINUTE).expected_at == START + DAY + 2 * MINUTE


PINGS = st.lists(
    st.tuples(st.integers(0, 2880), st.sampled_from(list(Signal)), st.integers(0, 2000)),
    max_size=15,
    unique_by=lambda p: p[0],
)
PLANS = st.builds(
    Plan,
    st.one_of(
        st.integers(15, 300).map(lambda minutes: Every(minutes * MINUTE)),
        st.sampled_from(["*/20 * * * *", "30 2 * * *", "0 */3 * * *"]).map(lambda text: Cron.parse(text, PARIS)),
    ),
    st.integers(1, 500).map(lambda minutes: minutes * MINUTE),
    st.one_of(st.none(), st.integers(1, 120).map(lambda minutes: minutes * MINUTE)),
    st.sampled_from([PayloadRules(), PayloadRules(min_size_bytes=1000, max_shrink_percent=20)]),
)
DEAF = st.lists(st.tuples(st.integers(0, 2880), st.integers(1, 200)), max_size=3).map(
    lambda gaps: [Deafness(START + a * MINUTE, START + (a + length) * MINUTE) for a, length in gaps]
)


@given(PLANS, PINGS, DEAF, st.lists(st.integers(0, 2900), max_size=8))
def test_evaluated_often_or_once_after_two_days_the_findings_are_the_same(
    plan: Plan, told: list[tuple[int, Signal, int]], deaf: list[Deafness], cuts: list[int]
) -> None:
    pings = [ping(START + minute * MINUTE, signal, size_bytes=size) for minute, signal, size in sorted(told)]
    end = START + 2900 * MINUTE
    beat, rest = begin(plan, START), pings
    pieces: list[Happening] = []
    for cut in [*(START + minute * MINUTE for minute in sorted(cuts)), end]:
        now = [each for each in rest if each.received_at <= cut]
        rest = rest[len(now) :]
        step = advance(beat, plan, now, cut, deaf)
        assert step.taken == len(now)
        beat, pieces = step.beat, pieces + list(step.happenings)
    whole = advance(begin(plan, START), plan, pings, end, deaf)
    assert (beat, pieces) == (whole.beat, list(whole.happenings))


@given(PLANS, PINGS, DEAF)
def test_findings_come_in_the_order_of_their_instants(
    plan: Plan, told: list[tuple[int, Signal, int]], deaf: list[Deafness]
) -> None:
    pings = [ping(START + minute * MINUTE, signal, size_bytes=size) for minute, signal, size in sorted(told)]
    done = after(plan, pings, START + 2900 * MINUTE, deaf)
    found = [each.at for each in done.happenings if isinstance(each, Found)]
    assert all(before < later for before, later in itertools.pairwise(found))
    assert all(each.at <= each.confirmed_at for each in done.happenings if isinstance(each, Found))
    assert done.due_at >= START + 2900 * MINUTE


def test_a_long_standstill_is_worked_off_in_pieces() -> None:
    plan = Plan(Every(MINUTE), grace=MINUTE)
    beat: Heartbeat = begin(plan, START)
    pings, until, count = [ping(START + 2500 * MINUTE)], START + 2501 * MINUTE, 0
    found: list[Happening] = []
    while pings:
        step = advance(beat, plan, pings, until, [])
        beat, pings, count = step.beat, pings[step.taken :], count + 1
        found += step.happenings
    assert count == 3 and sum(isinstance(each, Missed) for each in found) == 1
    assert beat.standing is Standing.ON_TIME
