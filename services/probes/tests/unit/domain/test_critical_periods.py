"""Critical periods only tighten, exactly from their beginnings to their ends, also on nights when the clocks change."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from probes.domain.critical_periods import CriticalPeriod, Regime, Regimes, loosened_by, tightened
from probes.domain.monitors import Cadence
from probes.domain.rollup import slots_of, watched
from probes.domain.slots import Schedule, Succession
from shared.kernel.wall_clock import Recurrence, WallClockWindow

PARIS = "Europe/Paris"
ZONES = [PARIS, "America/New_York", "Australia/Lord_Howe", "Asia/Kolkata", "Africa/Casablanca"]
PHASES = ["total", "first_byte"]


def cadence(seconds: int) -> Cadence:
    return Cadence(seconds, timeout_seconds=1, rechecks=2, recheck_spacing_seconds=5, recoveries=1)


ORDINARY = Regime(cadence(300), {"total": 3000})


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def period(
    starts: str,
    hours: float,
    interval: int | None = None,
    recurrence: str | None = None,
    zone: str = PARIS,
    **limits: int,
) -> CriticalPeriod:
    first = datetime.fromisoformat(starts)
    rule = Recurrence.parse(recurrence) if recurrence else None
    window = WallClockWindow(ZoneInfo(zone), first, first + timedelta(hours=hours), rule)
    return CriticalPeriod(f"{starts}/{interval}", window, interval, limits)


FIRST, LAST = datetime.fromisoformat("2026-01-01"), datetime.fromisoformat("2026-12-31")
moments = st.datetimes(FIRST, LAST).map(lambda at: at.replace(second=0, microsecond=0))
periods = st.builds(
    lambda starts, hours, interval, limits, zone, count: period(
        starts.isoformat(), hours, interval, f"FREQ=DAILY;COUNT={count}", zone, **limits
    ),
    moments,
    st.integers(1, 30),
    st.none() | st.integers(2, 600),
    st.dictionaries(st.sampled_from(PHASES), st.integers(1, 5000)),
    st.sampled_from(ZONES),
    st.integers(1, 20),
)
instants = st.datetimes(FIRST, LAST + timedelta(days=40), timezones=st.just(UTC))


def in_force(found: CriticalPeriod, at: datetime) -> bool:
    return any(start <= at < end for start, end in found.window.occurrences())


@given(st.lists(periods, max_size=4), instants)
def test_whatever_is_in_force_nothing_is_ever_looser_than_on_ordinary_days(
    some: list[CriticalPeriod], at: datetime
) -> None:
    regime = Regimes(ORDINARY, some).at(at)
    assert regime.cadence.interval_seconds <= ORDINARY.cadence.interval_seconds
    for phase, most in ORDINARY.limits.items():
        assert regime.limits[phase] <= most


@given(st.lists(periods, max_size=4), st.data())
def test_the_tightest_of_what_is_in_force_holds_and_nothing_tighter(
    some: list[CriticalPeriod], data: st.DataObject
) -> None:
    edges = [edge for found in some for span in found.window.occurrences() for edge in span]
    nearby = [edge + step for edge in edges for step in (timedelta(), -timedelta.resolution, timedelta.resolution)]
    at = data.draw(st.sampled_from(nearby) if nearby else instants)
    present = [found for found in some if in_force(found, at)]
    regime = Regimes(ORDINARY, some).at(at)
    assert regime.periods == tuple(found.name for found in present)
    intervals = [found.interval_seconds for found in present if found.interval_seconds is not None]
    assert regime.cadence == cadence(min([300, *intervals]))
    for phase in PHASES:
        said = [ORDINARY.limits, *(found.limits for found in present)]
        limits = [each[phase] for each in said if phase in each]
        assert regime.limits.get(phase) == min(limits, default=None)


@given(st.lists(periods, min_size=1, max_size=3), instants, st.integers(1, 40))
def test_the_changes_of_a_time_say_what_is_in_force_at_every_instant_of_it(
    some: list[CriticalPeriod], after: datetime, days: int
) -> None:
    regimes, until = Regimes(ORDINARY, some), after + timedelta(days=days)
    changes = [(after, regimes.at(after)), *regimes.changes(after, until)]
    assert [at for at, _ in changes] == sorted({at for at, _ in changes})
    for (start, regime), (end, following) in pairwise([*changes, (until, regimes.at(until))]):
        for at in (start, start + (end - start) / 2, end - timedelta.resolution):
            if start <= at < end:
                assert regimes.at(at) == regime
        assert end == until or following != regime


@given(periods)
def test_a_period_that_would_loosen_is_told_with_what_it_would_loosen(found: CriticalPeriod) -> None:
    looser = loosened_by(found, ORDINARY)
    if looser is None:
        assert tightened(ORDINARY, found).cadence.interval_seconds == (found.interval_seconds or 300)
    elif looser == "interval_seconds":
        assert (found.interval_seconds or 0) > 300
    else:
        assert found.limits[looser] > ORDINARY.limits[looser]


@pytest.mark.parametrize(
    ("day", "begins", "ends"),
    [
        ("2026-03-28", "2026-03-28T01:00", "2026-03-28T03:00"),
        # 02:00 does not exist on the 29th, 04:00 is one hour after 03:00; in October 02:00 comes twice.
        ("2026-03-29", "2026-03-29T01:00", "2026-03-29T02:00"),
        ("2026-10-25", "2026-10-25T00:00", "2026-10-25T03:00"),
    ],
)
def test_a_period_from_two_to_four_holds_for_what_the_clocks_of_that_night_say(
    day: str, begins: str, ends: str
) -> None:
    regimes = Regimes(ORDINARY, [period(f"{day}T02:00", 2, 60)])
    assert [at for at, _ in regimes.changes(utc("2026-01-01"), utc("2027-01-01"))] == [utc(begins), utc(ends)]
    assert regimes.next_change(utc("2026-01-01")) == utc(begins) and regimes.next_change(utc(ends)) is None


def test_each_of_two_periods_that_overlap_tightens_and_between_equal_ones_nothing_changes() -> None:
    regimes = Regimes(
        ORDINARY,
        [
            period("2026-06-08T08:00", 4, 60, total=2000),
            period("2026-06-08T10:00", 4, 120, total=1000, first_byte=300),
        ],
    )
    found = [
        (f"{at:%H:%M}", regime.cadence.interval_seconds, dict(regime.limits))
        for at, regime in regimes.changes(utc("2026-06-08"), utc("2026-06-09"))
    ]
    assert found == [
        ("06:00", 60, {"total": 2000}),
        ("08:00", 60, {"total": 1000, "first_byte": 300}),
        ("10:00", 120, {"total": 1000, "first_byte": 300}),
        ("12:00", 300, {"total": 3000}),
    ]
    back_to_back = Regimes(ORDINARY, [period("2026-06-08T00:00", 24, 60, "FREQ=DAILY;COUNT=3")])
    assert len(back_to_back.changes(utc("2026-06-01"), utc("2026-07-01"))) == 2


@given(
    st.integers(2, 400),
    st.integers(2, 400),
    st.integers(0, 100_000),
    st.integers(1, 100_000),
    st.integers(1, 100_000),
    st.booleans(),
    st.uuids(),
)
def test_over_both_edges_of_a_period_every_slot_that_is_expected_comes_once_and_none_besides(
    ordinary: int, tight: int, since: int, length: int, rest: int, on_a_slot: bool, monitor: UUID
) -> None:
    assume(tight < ordinary)
    start = utc("2026-06-08")
    often, seldom = (Schedule.of(monitor, timedelta(seconds=seconds)) for seconds in (tight, ordinary))
    begins = start + timedelta(milliseconds=10 * since)
    ends = begins + timedelta(milliseconds=10 * length)
    if on_a_slot:
        begins, ends = (
            schedule.start_of(schedule.first_from(at)) for schedule, at in ((seldom, begins), (often, ends))
        )
        assume(begins < ends)
    long_enough = ends - begins >= timedelta(seconds=tight)
    until = ends + timedelta(milliseconds=10 * rest)
    succession = Succession(seldom, ((begins, often), (ends, seldom)))
    handed_out, at = [], start - timedelta.resolution
    while (upcoming := succession.next_after(at))[1] < until:
        handed_out.append(upcoming)
        at = upcoming[1]
    expected = slots_of(watched([(start, seldom), (begins, often), (ends, seldom)], (), until), start, until)
    assert [slot for slot, _ in handed_out] == [slot for slots in expected for slot in slots]
    for slot, due in handed_out:
        assert succession.at(due).start_of(slot) == due
        assert (succession.at(due) == often) == (begins <= due < ends)
    longest = max((later - sooner for (_, sooner), (_, later) in pairwise(handed_out)), default=timedelta())
    assert not long_enough or longest <= timedelta(seconds=ordinary + tight), (
        "at an edge the next check is at most one of each away"
    )
