"""Measures the whole path on this machine and prints JSON: schedule → queue → check → record → state → event.

    python services/probes/benchmarks/whole_path.py [--monitors 200] [--interval 5] [--seconds 30] [--outages 40]

Starts a PostgreSQL and a NATS of its own, a small site in a process of its own, and the worker of probes with its
runner in this process, whose CPU is what is counted. "failing check → event" is from the end of the check that confirms
an outage to the event's arrival at a consumer of the stream. On a busy machine every figure is worse: look at `load`.
"""

import argparse
import asyncio
import json
import os
import platform
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime, timedelta
from ipaddress import ip_network
from pathlib import Path
from typing import Any
from uuid import uuid4

from pydantic import SecretStr
from sqlalchemy import text

from probes.adapters.announce import EventAnnouncer
from probes.adapters.contract_versions import ContractState, SqlContractVersions
from probes.adapters.locations import SqlLocations
from probes.adapters.monitors import SqlMonitors
from probes.application.provisioning import bring_up_to_date
from probes.domain.slots import EPOCH, Schedule
from probes.main import SERVICE
from probes.settings import ProbesSettings
from shared.events import Envelope
from shared.jetstream import connect
from shared.stack.nats_server import NatsServer
from shared.testing.databases import ServiceDatabases
from shared.testing.servers import running_nats, running_postgres
from shared.worker import Runtime, build_runtime, run_worker

SITE = """
import asyncio, os, sys
BODY = b"<h1>up</h1>" + b"x" * 27000
async def serve(reader, writer):
    try:
        request = await reader.readuntil(b"\\r\\n\\r\\n")
        broken = b"GET /broken" in request and os.path.exists(sys.argv[1])
        status = b"503 Oops" if broken else b"200 OK"
        head = b"\\r\\nContent-Length: %d\\r\\nConnection: close\\r\\n\\r\\n" % len(BODY)
        writer.write(b"HTTP/1.1 " + status + head + BODY)
        await writer.drain()
    except (ConnectionError, asyncio.IncompleteReadError):
        pass
    finally:
        writer.close()
async def main():
    server = await asyncio.start_server(serve, "127.0.0.1", 0, backlog=2000)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()
asyncio.run(main())
"""


async def provision(runtime: Runtime, url: str, count: int, interval: int, rechecks: int) -> None:
    environments = [
        {"environment_id": str(uuid4()), "name": f"environment {number}", "url": url} for number in range(count)
    ]
    tenant = uuid4()
    state = ContractState.model_validate(
        {
            "contract_id": str(uuid4()),
            "version": 1,
            "status": "active",
            "effective_from": datetime.now(UTC).isoformat(),
            "client": {"client_id": str(uuid4())},
            "sites": [{"site_id": str(uuid4()), "name": "benchmark", "environments": environments}],
            "monitoring": {
                "interval_seconds": interval,
                "timeout_seconds": min(interval, 10),
                "rechecks": rechecks,
                "recheck_spacing_seconds": 0,
                "recoveries": 1,
            },
        }
    )
    async with runtime.units.for_tenant(tenant) as unit:
        versions = SqlContractVersions(unit.session)
        await versions.keep(tenant, state, unit.now)
        await bring_up_to_date(
            state.contract_id,
            versions,
            SqlLocations(unit.session),
            SqlMonitors(unit.session),
            EventAnnouncer(unit),
            unit.now,
        )


def percentiles(values: list[float]) -> dict[str, float]:
    ordered = sorted(values)
    if not ordered:
        return {}
    return {
        "count": len(ordered),
        "p50": round(statistics.median(ordered), 2),
        "p99": round(ordered[min(len(ordered) - 1, int(len(ordered) * 0.99))], 2),
        "max": round(ordered[-1], 2),
    }


async def rows(runtime: Runtime, query: str) -> list[Any]:
    async with runtime.units.for_every_tenant() as unit:
        return list(await unit.session.execute(text(query)))


async def listen(nats: NatsServer, found: list[float]) -> None:
    """Milliseconds from the end of the confirming check to the event's arrival."""
    client = await connect(nats.url(), "benchmark")
    js = client.jetstream()
    while True:
        try:
            await js.stream_info("PROBES")
            break
        except Exception:
            await asyncio.sleep(0.1)
    subscription = await js.subscribe("probes.monitor.*.down.v1", ordered_consumer=True)
    while True:
        message = await subscription.next_msg(timeout=None)
        confirmed = datetime.fromisoformat(Envelope.parse(message.data).data["confirmed_at"])
        found.append((datetime.now(UTC) - confirmed) / timedelta(milliseconds=1))


async def measure(arguments: argparse.Namespace) -> dict[str, Any]:
    switch = Path(tempfile.mkdtemp(prefix="upheld-benchmark-")) / "broken"
    site = subprocess.Popen(  # noqa: ASYNC220
        [sys.executable, "-c", SITE, str(switch)], stdout=subprocess.PIPE, text=True
    )
    assert site.stdout is not None
    url = f"http://127.0.0.1:{site.stdout.readline().strip()}"
    with running_postgres() as postgres, running_nats() as nats:
        settings = ProbesSettings(
            database_url=SecretStr(ServiceDatabases(postgres).create("probes").app),
            nats_url=SecretStr(nats.url("probes")),
            allowed_networks=(ip_network("127.0.0.0/8"),),
            log_level="error",
        )
        runtime = build_runtime(settings, SERVICE.registry)
        await provision(runtime, url + "/", arguments.monitors, arguments.interval, 2)
        await provision(runtime, url + "/broken", arguments.outages, 2, 0)
        stop = asyncio.Event()
        latencies: list[float] = []
        assert SERVICE.extra_loops is not None
        worker = asyncio.create_task(
            run_worker(runtime, None, SERVICE.jobs(runtime), stop, extra_loops=SERVICE.extra_loops(runtime))
        )
        listening = asyncio.create_task(listen(nats, latencies))
        await asyncio.sleep(2 * arguments.interval)
        first = (await rows(runtime, "select count(*) from probes.result"))[0][0]
        cpu, began, now = time.process_time(), time.monotonic(), datetime.now(UTC)
        for _ in range(max(1, arguments.seconds // 10)):
            await asyncio.sleep(5)
            switch.touch()
            await asyncio.sleep(5)
            switch.unlink()
        used, lasted = time.process_time() - cpu, time.monotonic() - began
        checks = (await rows(runtime, "select count(*) from probes.result"))[0][0] - first
        found = await rows(
            runtime,
            "select m.monitor_id, m.interval_seconds, r.day * 86400000::bigint + r.started_ms, r.slot "
            "from probes.result r join probes.monitor m on m.number = r.monitor_number "
            "where r.attempt_and_outcome < 32",
        )
        missed = (await rows(runtime, "select count(*) from probes.result where attempt_and_outcome % 32 = 1"))[0][0]
        size = await rows(
            runtime,
            "select sum(pg_total_relation_size(inhrelid)), (select count(*) from probes.result) from pg_inherits "
            "where inhparent = 'probes.result'::regclass",
        )
        stop.set()
        await worker
        listening.cancel()
        await runtime.close()
    site.kill()
    switch.parent.rmdir()
    return {
        "machine": {"cpus": os.cpu_count(), "python": platform.python_version(), "load": os.getloadavg()},
        "measured_at": now.isoformat(timespec="seconds"),
        "monitors": arguments.monitors + arguments.outages,
        "checks": checks,
        "checks_per_second": round(checks / lasted, 1),
        "missed": missed,
        "cpu_ms_per_check_whole_path_in_our_process": round(1000 * used / checks, 3),
        "start_lateness_ms": percentiles(_lateness(found)),
        "failing_check_to_event_ms": percentiles(latencies),
        "bytes_per_stored_check_index_included": round(float(size[0][0]) / size[0][1], 1),
        "peak_rss_mib": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, 1),
    }


def _lateness(found: list[Any]) -> list[float]:
    late = []
    for monitor_id, interval, started_ms, slot in found:
        schedule = Schedule.of(monitor_id, timedelta(seconds=interval))
        due_ms = (schedule.start_of(slot) - EPOCH) / timedelta(milliseconds=1)
        late.append(started_ms - due_ms)
    # The very first check of a new monitor does not wait for a slot.
    return [value for value in late if value < 1000]


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--monitors", type=int, default=200)
    parser.add_argument("--interval", type=int, default=5)
    parser.add_argument("--seconds", type=int, default=30)
    parser.add_argument("--outages", type=int, default=40)
    print(json.dumps(asyncio.run(measure(parser.parse_args())), indent=2))
