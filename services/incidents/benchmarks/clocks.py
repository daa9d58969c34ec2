"""How fast a clock is folded: one with 20 events over 90 days, on one core. Prints JSON."""

import json
import time
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from incidents.domain.sla_clock import ClockEvent, ClockRules, Opened, Paused, Policy, Resumed, Stopped, fold_clock
from shared.kernel.calendar import Calendar, CalendarHistory, HolidayRegion, Window

SECONDS = 5.0
OPENED = datetime(2026, 3, 2, 9, tzinfo=UTC)


def measured() -> dict[str, object]:
    """Folds per second of one clock, its calendar warm as it is in the service."""
    office = (Window(9 * 60, 12 * 60), Window(13 * 60, 18 * 60))
    calendar = Calendar(ZoneInfo("Europe/Paris"), (office,) * 5 + ((), ()), HolidayRegion("FR", None))
    calendars = {"office": CalendarHistory.constant(calendar)}
    policies = {"P": Policy(timedelta(hours=400), "office", frozenset({"waiting"}))}
    events: list[ClockEvent] = [Opened(OPENED, "P")]
    for n in range(9):
        paused = OPENED + timedelta(days=10 * n, hours=3)
        events += [Paused(paused, str(n), "waiting"), Resumed(paused + timedelta(days=2), str(n))]
    events.append(Stopped(OPENED + timedelta(days=90)))
    thresholds = [50, 75, 90]
    folds, begins = 0, time.perf_counter()
    while (spent := time.perf_counter() - begins) < SECONDS:
        reading = fold_clock(calendars, policies, ClockRules(), thresholds, events, events[-1].at)
        folds += 1
    return {
        "events": len(events),
        "days": (events[-1].at.date() - date(2026, 3, 2)).days,
        "folds_per_second": round(folds / spent),
        "elapsed_seconds_read": int(reading.elapsed.total_seconds()),
    }


if __name__ == "__main__":
    print(json.dumps({"fold": measured()}, indent=2))
