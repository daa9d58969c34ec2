"""Response times as lines."""

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reporting.adapters.rendering import catalogues
from reporting.adapters.response_chart import HEIGHT, WIDTH, days_chart, hours_chart, line, round_top
from reporting.adapters.words import milliseconds
from reporting.application.status_page import PublicResponseTimes

NOON = datetime(2026, 6, 8, 12, tzinfo=UTC)


def times(**hours_ago: float) -> PublicResponseTimes:
    hours = [
        {"at": NOON - timedelta(hours=int(name[1:])), "checks": 120, "p50_ms": value, "p95_ms": 2 * value}
        for name, value in hours_ago.items()
    ]
    return PublicResponseTimes.model_validate({"hours": hours, "hours_until": NOON, "days": []})


def points(path: str) -> list[tuple[float, float]]:
    """Where a path leads, read as SVG says."""
    found: list[tuple[float, float]] = []
    for part in path.replace("M", " M ").replace("h0", " ").replace("l", " l ").replace("-", " -").split("M")[1:]:
        numbers = [float(each) for each in part.replace("l", " ").split()]
        x, y = numbers[0], numbers[1]
        found.append((x, y))
        for right, down in zip(numbers[2::2], numbers[3::2], strict=True):
            x, y = x + right, y + down
            found.append((x, y))
    return found


def test_the_newest_hour_is_at_the_right_edge_and_a_gap_stays_a_gap() -> None:
    drawn = hours_chart(times(h24=100, h23=200, h1=400))
    assert drawn is not None
    assert drawn.p50.count("M") == 2
    assert [x for x, _ in points(drawn.p50)] == [11, 33, WIDTH - 12]
    assert (drawn.top, drawn.least, drawn.most, drawn.worst) == (800, 100, 400, 800)
    assert points(drawn.p95)[-1][1] == 0


def test_without_a_measurement_there_is_no_chart() -> None:
    assert hours_chart(times()) is None
    assert days_chart(times(), date(2026, 6, 8)) is None


@given(values=st.lists(st.floats(0, 60_000, allow_nan=False), min_size=1, max_size=90))
def test_every_value_is_drawn_where_it_belongs(values: list[float]) -> None:
    top = round_top(max(values))
    drawn = points(line(list(enumerate(values)), 90, top))
    assert len(drawn) == len(values)
    for value, (_, y) in zip(values, drawn, strict=True):
        assert 0 <= y <= HEIGHT
        assert abs(HEIGHT - y - HEIGHT * value / top) <= 0.5


@given(value=st.floats(0, 10**7))
def test_the_axis_ends_at_a_round_number_not_far_above(value: float) -> None:
    top = round_top(value)
    assert value <= top and int(str(top)[1:] or 0) == 0
    assert top <= max(1, 2 * value)


@pytest.mark.parametrize(
    ("length", "english", "french"),
    [
        (0.4, "0 ms", "0\xa0ms"),
        (999.4, "999 ms", "999\xa0ms"),
        (999.5, "1.00 s", "1,00\xa0s"),
        (1234.5, "1.23 s", "1,23\xa0s"),
    ],
)
def test_a_response_time_is_told_as_people_say_it(length: float, english: str, french: str) -> None:
    assert milliseconds(catalogues().translator("en"), length) == english
    assert milliseconds(catalogues().translator("fr"), length) == french
