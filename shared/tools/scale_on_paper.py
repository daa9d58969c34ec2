"""What breaks first when an installation grows: our own measured figures, multiplied. Prints JSON.

    .venv/bin/python shared/tools/scale_on_paper.py [--every 60] [--figures FILE]

Once is 10,000 contracts of five monitors, each looked at every minute. A part of which one works at a time (or that
holds only so much) breaks at the factor at which it is asked for more than it can do; parts that run as often as wanted
only cost processors. Besides, a full hour is played second by second: the roll-ups of all contracts come due, one
monitor of a hundred goes down, and all of that goes through the one relay of probes in the order in which it was said.

Figures are of one core of the machine on which they were measured (`MEASURED` names the command of each);
`--figures` reads others, as `{"name": number}`.
"""

import argparse
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

FACTORS = (1, 10, 100, 1000)
CONTRACTS, MONITORS = 10_000, 50_000
EVENTS_A_MONTH = 100
"""Of incidents, per contract."""
REQUESTS = 20.0
"""Per second, at once: an agency's people, portals and status pages of 10,000 contracts."""
HOUR, DAY, MONTH = 3600, 86_400, 30 * 86_400

MEASURED: Mapping[str, tuple[float, str]] = {
    "checks_per_second_of_one_worker": (333.0, "make bench-probes-full: what one kept up with, not its limit"),
    "whole_path_ms_per_check": (3.6, "make bench-probes: cpu_ms_per_check_ours_whole_path"),
    "bytes_per_result": (77.5, "make bench-probes: disk per stored check"),
    "rollup_ms_per_monitor_hour": (2.4, "services/probes/benchmarks/storage.py"),
    "bytes_per_monitor_year": (1.6e6, "services/probes/benchmarks/storage.py"),
    "relay_per_second": (987.0, "make bench-api: relay_of_incidents, 1,000 contracts"),
    "ms_per_event_heard": (24.0, "services/reporting/benchmarks/audit_cost.py"),
    "ms_per_rollup_heard": (
        15.0,
        "services/reporting/benchmarks/audit_cost.py: an event without its entry in the audit log",
    ),
    "bytes_per_rollup_message": (1976.0, "make bench-api: streams, PROBES"),
    "bytes_per_rollup_row": (1976.0, "at most: the message, which is stored compressed"),
    "bytes_per_contract_month": (740_000.0, "make bench-api: mb_by_schema without outboxes and inboxes"),
    "ms_per_report": (170.0, "make bench-reporting: ms_per_report, all five shapes"),
    "ms_per_settlement": (64.0, "make bench-contracts"),
    "ms_per_request": (82.0, "at most, make bench-api: processor time of the services, workers included, per request"),
    "postgres_ms_per_request": (29.0, "at most, make bench-api: that of PostgreSQL, for workers, too, per request"),
}
STREAM_BYTES, STREAM_DAYS = 8 * 1024**3, 14
RESULT_DAYS = 35
VOLUME = 100e9
"""What `deploy/k8s/overlays/production` gives PostgreSQL."""
NIGHT = 8 * HOUR
"""In which a month has to be told."""


def parts(known: Mapping[str, float], every: float) -> dict[str, dict[str, Any]]:
    """Of each part at once: what it is asked for beside what one can do, both in the same unit."""
    checks = MONITORS / every
    rollups = CONTRACTS / HOUR
    events = CONTRACTS * EVENTS_A_MONTH / MONTH
    said = rollups + 0.3 * events
    heard = rollups * known["ms_per_rollup_heard"] + 1.5 * events * known["ms_per_event_heard"]
    year = 365 * DAY
    return {
        "recorder and scheduler of probes: one works": {
            "asked": checks,
            "can": known["checks_per_second_of_one_worker"],
            "unit": "checks per second",
        },
        f"stream PROBES: 8 GiB, {STREAM_DAYS} days": {
            "asked": rollups * STREAM_DAYS * DAY * known["bytes_per_rollup_message"],
            "can": STREAM_BYTES,
            "unit": "bytes",
        },
        "relay of probes: one works, an event after the other": {
            "asked": said,
            "can": known["relay_per_second"],
            "unit": "events per second",
        },
        "reporting hears probes: one event at a time": {"asked": heard / 1000, "can": 1.0, "unit": "cores"},
        "volume of PostgreSQL: results of 35 days": {
            "asked": checks * RESULT_DAYS * DAY * known["bytes_per_result"],
            "can": VOLUME,
            "unit": "bytes",
        },
        "volume of PostgreSQL: a year of roll-ups in probes and reporting": {
            "asked": MONITORS * known["bytes_per_monitor_year"] + rollups * year * known["bytes_per_rollup_row"],
            "can": VOLUME,
            "unit": "bytes",
        },
        "volume of PostgreSQL: contracts with a year of incidents": {
            "asked": CONTRACTS * known["bytes_per_contract_month"] * 12,
            "can": VOLUME,
            "unit": "bytes",
        },
        "processors of one PostgreSQL of 16 cores, requests only": {
            "asked": REQUESTS * known["postgres_ms_per_request"] / 1000,
            "can": 16.0,
            "unit": "cores",
        },
        "a month's reports by one worker in a night": {
            "asked": CONTRACTS * known["ms_per_report"] / 1000,
            "can": NIGHT,
            "unit": "seconds",
        },
        "a month's settlements by one worker in a night": {
            "asked": CONTRACTS * known["ms_per_settlement"] / 1000,
            "can": NIGHT,
            "unit": "seconds",
        },
    }


def as_often_as_wanted(known: Mapping[str, float], every: float) -> dict[str, float]:
    """Cores that are needed at once by what may run many times."""
    checks = MONITORS / every
    return {
        "runners and what records": checks * known["whole_path_ms_per_check"] / 1000,
        "roll-ups of probes": MONITORS * known["rollup_ms_per_monitor_hour"] / 1000 / HOUR,
        "APIs": REQUESTS * known["ms_per_request"] / 1000,
    }


def full_hour(known: Mapping[str, float], factor: int, workers: int) -> dict[str, float]:
    """The relay of probes after a full hour, second by second, until nothing waits: how late outages are told.

    Roll-ups come as fast as the workers make them (8 of five monitors per turn, with a breath of a tenth of a second);
    from the thirtieth second on, one monitor in a hundred goes down within a minute.
    """
    to_make = float(CONTRACTS * factor)
    turn = 8 * 5 * known["rollup_ms_per_monitor_hour"] / 1000 + 0.1
    made_per_second = workers * 8 / turn
    outages_per_second = MONITORS * factor / 100 / 60
    waiting, longest, second, told_late = 0.0, 0.0, 0, 0.0
    while (to_make > 0 or waiting > 0 or second < 90) and second < 4 * HOUR:
        made = min(to_make, made_per_second)
        to_make -= made
        waiting += made + (outages_per_second if 30 <= second < 90 else 0)
        if 30 <= second < 90:  # what is said now leaves when all that waits has left
            told_late = max(told_late, waiting / known["relay_per_second"])
        longest = max(longest, waiting)
        waiting = max(0.0, waiting - known["relay_per_second"])
        second += 1
    return {
        "seconds_until_every_hour_is_told": float(second),
        "most_events_waiting": round(longest),
        "latest_outage_told_after_seconds": round(told_late, 1),
    }


def main() -> None:
    """Prints one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--every", type=float, default=60.0, help="seconds between two checks of a monitor")
    parser.add_argument("--figures", type=Path, help="a file with other measured figures")
    parser.add_argument("--workers", type=int, default=2, help="workers of probes at once (roll-ups), times the factor")
    options = parser.parse_args()
    known = {name: value for name, (value, _) in MEASURED.items()}
    if options.figures:
        known |= json.loads(options.figures.read_text(encoding="utf-8"))
    found = parts(known, options.every)
    for part in found.values():
        part["breaks_at_times"] = float(f"{part['can'] / part['asked']:.2g}")
        part["used_at_once"] = f"{100 * part['asked'] / part['can']:.2g} %"
    ordered = dict(sorted(found.items(), key=lambda pair: pair[1]["breaks_at_times"]))
    print(
        json.dumps(
            {
                "measured": {name: {"value": known[name], "by": by} for name, (_, by) in MEASURED.items()},
                "breaks_in_this_order": ordered,
                "cores_of_what_runs_often": {
                    f"{factor}x": {
                        name: round(cores * factor, 1)
                        for name, cores in as_often_as_wanted(known, options.every).items()
                    }
                    for factor in FACTORS
                },
                "full_hour": {f"{factor}x": full_hour(known, factor, options.workers * factor) for factor in FACTORS},
            },
            indent=2,
        )
    )


if __name__ == "__main__":
    main()
