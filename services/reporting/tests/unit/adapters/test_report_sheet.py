"""What the chart of a report draws is what its figure counts."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from reporting.adapters.report_sheet import counted_down_time
from reporting.application.examples import FIGURE
from reporting.application.report import UptimeFigure

MIDNIGHT = datetime(2026, 7, 1, tzinfo=UTC)
NOON = MIDNIGHT + timedelta(hours=12)


def figure(down: list[tuple[datetime, datetime]], counted: timedelta) -> UptimeFigure:
    """Of one day, in which a run of down shorter than five minutes is none."""
    known: dict[str, Any] = dict(FIGURE) | {
        "from": MIDNIGHT,
        "to": MIDNIGHT + timedelta(days=1),
        "rule": {**FIGURE["rule"], "minimum_outage": "PT5M"},  # type: ignore[dict-item]
        "explanation": [
            {"from": start, "to": end, "state": "down", "outage_id": None, "reason": None, "event_ids": []}
            for start, end in down
        ],
        "down_seconds": counted.total_seconds(),
    }
    return UptimeFigure.model_validate(known)


@pytest.mark.parametrize(
    "down",
    [
        (MIDNIGHT, MIDNIGHT + timedelta(minutes=4)),
        (MIDNIGHT + timedelta(days=1, minutes=-4), MIDNIGHT + timedelta(days=1)),
    ],
)
def test_a_run_that_began_before_a_figure_or_goes_on_after_it_is_drawn_as_far_as_the_figure_counts_it(
    down: tuple[datetime, datetime],
) -> None:
    short = (NOON, NOON + timedelta(minutes=4))
    counted = counted_down_time(figure(sorted([down, short]), timedelta(minutes=4)))
    assert [(each.start, each.end) for each in counted] == [down]
    assert counted_down_time(figure(sorted([down, short]), timedelta())) == []
