"""How long it takes from a confirmed failure to what people see. `make bench` prints one JSON object.

Starts its own PostgreSQL, NATS, the four services, a small site and a mailbox on loopback; signs contracts, breaks
every page, and reads the instants that the services wrote. All instants are of one machine's clock. The wait for the
confirming check is the contract's choice and is left out: figures start at the instant of the confirming check.
"""

import argparse
import json
import os
import platform
import statistics
import sys
import time
from collections.abc import Iterable
from datetime import datetime
from pathlib import Path
from typing import Any

import httpx
import psycopg

sys.path.insert(0, str(Path(__file__).parents[1]))  # for the client of the end-to-end tests

from tests.e2e.thread_client import FAST_MONITORING, SignedContract, ThreadClient, eventually

from shared.testing.running_stack import RunningStack, running_stack_over
from shared.testing.servers import running_nats, running_postgres
from shared.testing.small_site import SmallSite


def summary(seconds: Iterable[float]) -> dict[str, float | int]:
    """Milliseconds: median, 95th and 99th percentile (nearest rank), worst; and how many there were."""
    ordered = sorted(value * 1000 for value in seconds)
    if not ordered:
        return {"n": 0}

    def rank(percent: int) -> float:
        return round(ordered[min(len(ordered) - 1, -(-len(ordered) * percent // 100) - 1)], 1)

    return {
        "n": len(ordered),
        "median_ms": round(statistics.median(ordered), 1),
        "p95_ms": rank(95),
        "p99_ms": rank(99),
        "max_ms": round(ordered[-1], 1),
    }


def watch_status_pages(stack: RunningStack, contracts: list[SignedContract], seconds: float) -> dict[str, float]:
    """When each contract's public page first showed an outage (Unix time), by contract."""
    shown: dict[str, float] = {}
    deadline = time.monotonic() + seconds
    with httpx.Client(base_url=stack.reporting_url, trust_env=False, timeout=10) as http:
        while len(shown) < len(contracts) and time.monotonic() < deadline:
            for contract in contracts:
                if contract.contract_id in shown:
                    continue
                page = http.get(f"/status/{contract.slug}.json").json()
                if any(component["state"] == "down" for component in page["components"]):
                    shown[contract.contract_id] = time.time()
    return shown


def stored(stack: RunningStack) -> list[dict[str, Any]]:
    """Per outage: the instants that the services wrote."""
    with psycopg.connect(stack.database_url) as connection:
        rows = connection.execute(
            """
            select o.contract_id, o.confirmed_at, p.published_at, i.occurred_at, a.at
            from probes.outage o
            join probes.outbox p on p.aggregate_id = o.monitor_id::text
                and p.type like '%%monitor.down.v1' and p.envelope -> 'data' ->> 'outage_id' = o.outage_id::text
            join incidents.work_item n on n.outage_id = o.outage_id
            join incidents.outbox i on i.aggregate_id = n.id::text and i.type like '%%incident.opened.v1'
            left join incidents.item_stamp a on a.item_id = n.id and a.milestone = 'alerted'
            """
        ).fetchall()
    names = ("contract_id", "confirmed_at", "event_published_at", "incident_opened_at", "mailed_at")
    return [dict(zip(names, row, strict=True)) for row in rows]


def measure(count: int) -> dict[str, Any]:
    """Breaks `count` sites, one after another, so that none waits for another's work."""
    with (
        running_postgres() as postgres,
        running_nats() as nats,
        running_stack_over(postgres, nats) as stack,
        SmallSite() as site,
    ):
        tenant = stack.new_tenant("Benchmark agency")
        with ThreadClient(stack, stack.token(tenant)) as thread:
            client = thread.create_client("Benchmark client")
            contracts = [
                thread.activate_contract(client, [(f"Site {n}", site.url(f"/{n}"))], monitoring=FAST_MONITORING)
                for n in range(count)
            ]
            for contract in contracts:
                thread.wait_for_monitors(contract, "up")
            shown: dict[str, float] = {}
            for number, contract in enumerate(contracts):
                site.break_page(f"/{number}")
                shown |= watch_status_pages(stack, [contract], 30)

        def mailed() -> list[dict[str, Any]] | None:
            rows = stored(stack)
            return rows if len(rows) == count and all(row["mailed_at"] for row in rows) else None

        rows = eventually(mailed, 60, "every outage has its mail")
    return {
        "what": "from the confirming check to what people see, one outage at a time",
        "outages": count,
        "machine": {
            "python": platform.python_version(),
            "system": platform.platform(terse=True),
            "cores": os.cpu_count(),
        },
        "event_on_the_stream": summary(_since_confirmed(rows, "event_published_at")),
        "incident_open": summary(_since_confirmed(rows, "incident_opened_at")),
        "mail_accepted": summary(_since_confirmed(rows, "mailed_at")),
        "status_page_says_so": summary(
            shown[str(row["contract_id"])] - row["confirmed_at"].timestamp()
            for row in rows
            if str(row["contract_id"]) in shown
        ),
    }


def _since_confirmed(rows: list[dict[str, Any]], what: str) -> list[float]:
    def seconds(at: datetime, since: datetime) -> float:
        return (at - since).total_seconds()

    return [seconds(row[what], row["confirmed_at"]) for row in rows]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--outages", type=int, default=30, help="how many sites are broken (default: 30)")
    print(json.dumps(measure(parser.parse_args().outages), indent=2))


if __name__ == "__main__":
    main()
