"""Who is on call: laws of the cover, and hand-overs at their local time, also where the clocks change."""

from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from incidents.domain.on_call import Layer, Override, Rota, Rotation, Schedule, Span, Why, cover, on_call_at
from shared.kernel.calendar import Calendar, Window

PARIS = ZoneInfo("Europe/Paris")
ADA, LEA, NADIA = UUID(int=1), UUID(int=2), UUID(int=3)
LONG_AGO = datetime(2000, 1, 1, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)


def week(*people: UUID, starts_on: date = date(2026, 6, 8), hour: int = 9, every_days: int = 7) -> Rotation:
    return Rotation(people, every_days, starts_on, hour * 60, PARIS)


def schedule(*layers: Layer, overrides: tuple[Override, ...] = ()) -> Schedule:
    return Schedule((Rota(LONG_AGO, layers),), overrides)


def told(spans: list[Span]) -> list[tuple[str, str, UUID | None, str]]:
    return [(f"{s.start:%m-%dT%H:%M}", f"{s.end:%m-%dT%H:%M}", s.person_id, s.layer or s.why.value) for s in spans]


def test_people_take_turns_and_nobody_is_there_before_the_first() -> None:
    spans = cover(schedule(Layer("Week", week(ADA, LEA))), at("2026-06-07T00:00+02:00"), at("2026-06-29T09:00+02:00"))
    assert told(spans) == [
        ("06-06T22:00", "06-08T07:00", None, "nobody"),
        ("06-08T07:00", "06-15T07:00", ADA, "Week"),
        ("06-15T07:00", "06-22T07:00", LEA, "Week"),
        ("06-22T07:00", "06-29T07:00", ADA, "Week"),
    ]


def test_the_highest_layer_that_covers_is_in_charge_and_an_override_wins_over_all() -> None:
    nights = Calendar(PARIS, tuple((Window(22 * 60, 30 * 60),) for _ in range(7)))
    layers = (Layer("Base", week(ADA)), Layer("Night", week(LEA), nights))
    override = Override(UUID(int=9), NADIA, at("2026-06-10T23:00+02:00"), at("2026-06-11T01:00+02:00"))
    spans = cover(schedule(*layers, overrides=(override,)), at("2026-06-10T12:00+02:00"), at("2026-06-11T12:00+02:00"))
    assert told(spans) == [
        ("06-10T10:00", "06-10T20:00", ADA, "Base"),
        ("06-10T20:00", "06-10T21:00", LEA, "Night"),
        ("06-10T21:00", "06-10T23:00", NADIA, "override"),
        ("06-10T23:00", "06-11T04:00", LEA, "Night"),
        ("06-11T04:00", "06-11T10:00", ADA, "Base"),
    ]


def test_of_two_overrides_the_later_made_counts() -> None:
    first = Override(UUID(int=8), LEA, at("2026-06-09T00:00Z"), at("2026-06-12T00:00Z"))
    second = Override(UUID(int=9), NADIA, at("2026-06-10T00:00Z"), at("2026-06-11T00:00Z"))
    there = schedule(Layer("Week", week(ADA)), overrides=(first, second))
    instants = [at(f"2026-06-{day:02}T12:00Z") for day in (8, 9, 10, 11, 12)]
    assert [on_call_at(there, instant).person_id for instant in instants] == [ADA, LEA, NADIA, LEA, ADA]


def test_an_edited_schedule_keeps_what_it_said_before() -> None:
    edited = Schedule(
        (Rota(LONG_AGO, (Layer("Old", week(ADA)),)), Rota(at("2026-06-10T12:00Z"), (Layer("New", week(LEA)),)))
    )
    assert told(cover(edited, at("2026-06-10T00:00Z"), at("2026-06-11T00:00Z"))) == [
        ("06-10T00:00", "06-10T12:00", ADA, "Old"),
        ("06-10T12:00", "06-11T00:00", LEA, "New"),
    ]


@pytest.mark.parametrize(
    ("starts_on", "hour", "minute", "expected"),
    [
        # Spring: 02:30 of 29 March 2026 does not exist; the hand-over moves forward by the hour that is missing.
        (date(2026, 3, 28), 2, 30, ["03-28T01:30", "03-29T01:30", "03-30T00:30"]),
        # Autumn: 02:30 of 25 October 2026 exists twice; it is the first of them.
        (date(2026, 10, 24), 2, 30, ["10-24T00:30", "10-25T00:30", "10-26T01:30"]),
        # At nine in the morning the clock on the wall is what counts: 23 and 25 hours.
        (date(2026, 3, 28), 9, 0, ["03-28T08:00", "03-29T07:00", "03-30T07:00"]),
        (date(2026, 10, 24), 9, 0, ["10-24T07:00", "10-25T08:00", "10-26T08:00"]),
    ],
)
def test_hand_overs_keep_their_local_time_when_the_clocks_change(
    starts_on: date, hour: int, minute: int, expected: list[str]
) -> None:
    rotation = Rotation((ADA, LEA, NADIA), 1, starts_on, hour * 60 + minute, PARIS)
    first = rotation.hand_over(0)
    spans = cover(schedule(Layer("Day", rotation)), first, first + timedelta(days=3))
    assert [f"{span.start:%m-%dT%H:%M}" for span in spans[:3]] == expected
    assert [span.person_id for span in spans[:3]] == [ADA, LEA, NADIA]


ZONES = st.sampled_from(
    ["Europe/Paris", "America/New_York", "Australia/Lord_Howe", "Asia/Kathmandu", "Pacific/Apia", "UTC"]
)
PEOPLE = [UUID(int=number) for number in range(1, 5)]


@st.composite
def rotations(draw: st.DrawFn) -> Rotation:
    return Rotation(
        tuple(draw(st.lists(st.sampled_from(PEOPLE), min_size=1, max_size=4))),
        draw(st.sampled_from([1, 2, 7, 14])),
        draw(st.dates(date(2026, 3, 1), date(2026, 11, 15))),
        draw(st.integers(0, 1439)),
        ZoneInfo(draw(ZONES)),
    )


@st.composite
def layers(draw: st.DrawFn) -> Layer:
    hours = None
    if draw(st.booleans()):
        starts = draw(st.lists(st.integers(0, 1439), min_size=7, max_size=7))
        lengths = draw(st.lists(st.integers(0, 1440), min_size=7, max_size=7))
        weekly = tuple((Window(a, a + b),) if b > 0 else () for a, b in zip(starts, lengths, strict=True))
        fitting = tuple(tuple(w for w in day if w.end <= 1440 or w.end - 1440 <= w.start) for day in weekly)
        if any(fitting):
            hours = Calendar(ZoneInfo(draw(ZONES)), fitting)
    return Layer(draw(st.sampled_from(["a", "b"])), draw(rotations()), hours)


@st.composite
def schedules(draw: st.DrawFn) -> Schedule:
    begins = st.datetimes(datetime(2026, 3, 1), datetime(2026, 11, 20), timezones=st.just(UTC))  # noqa: DTZ001
    overrides = [
        Override(UUID(int=100 + number), draw(st.sampled_from(PEOPLE)), start, start + timedelta(hours=hours))
        for number, (start, hours) in enumerate(draw(st.lists(st.tuples(begins, st.integers(1, 200)), max_size=3)))
    ]
    instants = sorted(set(draw(st.lists(begins, max_size=2))))
    rotas = [LONG_AGO, *instants]
    return Schedule(
        tuple(Rota(each, tuple(draw(st.lists(layers(), min_size=1, max_size=3)))) for each in rotas), tuple(overrides)
    )


PERIODS = st.tuples(
    st.datetimes(datetime(2026, 3, 1), datetime(2026, 11, 20), timezones=st.just(UTC)),  # noqa: DTZ001
    st.timedeltas(timedelta(microseconds=1), timedelta(days=20)),
)


@settings(max_examples=60)
@given(schedules(), PERIODS)
def test_a_cover_has_no_overlap_and_no_hole_that_is_not_said(
    there: Schedule, period: tuple[datetime, timedelta]
) -> None:
    start, end = period[0], period[0] + period[1]
    spans = cover(there, start, end)
    assert (spans[0].start, spans[-1].end) == (start, end)
    for one, next_one in pairwise(spans):
        assert one.end == next_one.start
        assert (one.person_id, one.why, one.layer, one.override_id) != (
            next_one.person_id,
            next_one.why,
            next_one.layer,
            next_one.override_id,
        )
    for span in spans:
        assert span.start < span.end
        assert (span.person_id is None) == (span.why is Why.NOBODY)
        middle = span.start + (span.end - span.start) / 2
        for instant in (span.start, middle):
            here = on_call_at(there, instant)
            assert (here.person_id, here.why, here.layer) == (span.person_id, span.why, span.layer)


@settings(max_examples=60)
@given(schedules(), PERIODS, st.data())
def test_an_instant_reads_as_an_oracle_that_asks_each_rule_by_itself(
    there: Schedule, period: tuple[datetime, timedelta], data: st.DataObject
) -> None:
    instant = period[0] + data.draw(st.timedeltas(timedelta(0), period[1]))
    assert on_call_at(there, instant).person_id == oracle(there, instant)
    length = sum((each.end - each.start for each in cover(there, period[0], period[0] + period[1])), timedelta())
    assert length == period[1]


def oracle(there: Schedule, instant: datetime) -> UUID | None:
    """From the strongest rule to the weakest, each asked on its own; hand-overs found by walking from the first."""
    for override in reversed(there.overrides):
        if override.start <= instant < override.end:
            return override.person_id
    rota = [each for each in there.rotas if each.effective_from <= instant]
    for layer in reversed(rota[-1].layers if rota else ()):
        if layer.hours is not None and not layer.hours.open_between(instant, instant + timedelta(microseconds=1)):
            continue
        rotation, turns, day = layer.rotation, 0, layer.rotation.starts_on
        while wall(day, rotation.minute, rotation.zone) <= instant:
            turns, day = turns + 1, day + timedelta(days=rotation.every_days)
        if turns:
            return rotation.person_ids[(turns - 1) % len(rotation.person_ids)]
    return None


def wall(day: date, minute: int, zone: ZoneInfo) -> datetime:
    """The first instant at which a clock on the wall shows this time; in a gap, with the offset from before it."""
    wanted = datetime(day.year, day.month, day.day, tzinfo=UTC) + minute * MINUTE
    before, after = ((wanted + side).astimezone(zone).utcoffset() for side in (timedelta(days=-2), timedelta(days=2)))
    assert before is not None and after is not None
    readings = [wanted - offset for offset in (before, after)]
    shown = [each for each in readings if each.astimezone(zone).replace(tzinfo=UTC) == wanted]
    return min(shown, default=readings[0])
