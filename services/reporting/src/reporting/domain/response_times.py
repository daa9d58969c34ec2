"""How long a system takes to answer: percentiles, of one hour or of however many that were merged."""

from collections.abc import Iterable, Mapping
from fractions import Fraction
from typing import NamedTuple
from uuid import UUID

from shared.kernel.sketch import Sketch, merged


class ResponseFigure(NamedTuple):
    """Of so many good checks: half took no longer than `p50_us` microseconds, 95 of 100 no longer than `p95_us` …"""

    checks: int
    p50_us: int
    p95_us: int
    p99_us: int


def figure_of(sketch: Sketch) -> ResponseFigure | None:
    """The percentiles of a sketch, each right to one percent; None when there is nothing in it."""
    p50, p95, p99 = (sketch.quantile(thousandths) for thousandths in (500, 950, 990))
    if p50 is None or p95 is None or p99 is None:
        return None
    return ResponseFigure(sketch.count, p50, p95, p99)


def milliseconds(microseconds: int) -> Fraction:
    """The same length of time, exactly."""
    return Fraction(microseconds, 1000)


def merged_by_environment(parts: Iterable[Mapping[UUID, Sketch]]) -> dict[UUID, Sketch]:
    """One sketch for each environment, of all parts in whatever order; what is empty is left out."""
    found: dict[UUID, list[Sketch]] = {}
    for part in parts:
        for environment_id, sketch in part.items():
            found.setdefault(environment_id, []).append(sketch)
    whole = {environment_id: merged(sketches) for environment_id, sketches in found.items()}
    return {environment_id: sketch for environment_id, sketch in whole.items() if sketch.count}
