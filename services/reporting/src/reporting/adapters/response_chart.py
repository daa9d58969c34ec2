"""Response times as two lines: drawn by the server, read without a script, and told in words beside."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from fractions import Fraction
from typing import Final

from reporting.application.status_page import DAYS, HOURS, PublicDayTimes, PublicHourTimes, PublicResponseTimes

WIDTH: Final = 540
HEIGHT: Final = 60
_STEPS: Final = (1, 2, 3, 4, 5, 6, 8)


@dataclass(frozen=True)
class TimesChart:
    """The lines of the median and of the 95th percentile as paths, and what they tell: milliseconds.

    `top` is the value at the upper edge; the lower one is zero.
    """

    p50: str
    p95: str
    top: int
    least: int | float
    most: int | float
    worst: int | float


def hours_chart(times: PublicResponseTimes) -> TimesChart | None:
    """The last full hours, the newest at the right edge; None when there is nothing to draw."""
    first = times.hours_until - timedelta(hours=HOURS)
    return _chart([((each.at - first) // timedelta(hours=1), each) for each in times.hours], HOURS)


def days_chart(times: PublicResponseTimes, today: date) -> TimesChart | None:
    """The days of the page, today at the right edge; None when there is nothing to draw."""
    first = today - timedelta(days=DAYS - 1)
    return _chart([((each.date - first).days, each) for each in times.days], DAYS)


def _chart(points: Sequence[tuple[int, PublicHourTimes | PublicDayTimes]], slots: int) -> TimesChart | None:
    if not points:
        return None
    worst = max(each.p95_ms for _, each in points)
    top = round_top(worst)
    medians = [each.p50_ms for _, each in points]
    return TimesChart(
        p50=line([(slot, each.p50_ms) for slot, each in points], slots, top),
        p95=line([(slot, each.p95_ms) for slot, each in points], slots, top),
        top=top,
        least=min(medians),
        most=max(medians),
        worst=worst,
    )


def round_top(value: float) -> int:
    """The least number of one digit and zeros behind it, 7 and 9 left out, that is not below a value.

    People read such an axis.
    """
    power = 1
    while True:
        for step in _STEPS:
            if step * power >= value:
                return step * power
        power *= 10


def line(points: Sequence[tuple[int, float]], slots: int, top: int) -> str:
    """The `d` of a path over slots of equal width. Where a slot is missing the line has a gap; alone, a value is a dot.

    Relative and whole numbers, because a page has many of them.
    """
    places = [
        ((2 * slot + 1) * WIDTH // (2 * slots), HEIGHT - round(HEIGHT * Fraction(value) / top))
        for slot, value in points
    ]
    text, previous = "", None
    for (slot, _), (x, y) in zip(points, places, strict=True):
        if previous is None or slot != previous[0] + 1:
            text += f"M{x} {y}h0"
        else:
            down = y - previous[2]
            text += f"l{x - previous[1]}{'' if down < 0 else ' '}{down}"
        previous = (slot, x, y)
    return text
