"""How many deliveries a worker makes in a second, and what one receiver that hangs costs the others. Prints JSON.

    python services/reporting/benchmarks/webhook_throughput.py [--subscriptions 20] [--events 100]

Starts a PostgreSQL of its own, and a receiver in a process of its own that answers 204 at once. Every event goes to
every subscription; in the second run one more of them leads to a receiver that takes the connection and says nothing.
"""

import argparse
import asyncio
import json
import multiprocessing
import os
import platform
import secrets
import statistics
import time
from contextlib import ExitStack
from datetime import UTC, datetime
from multiprocessing.connection import Connection
from typing import Any

from pydantic import SecretStr
from sqlalchemy import text

from reporting.adapters.delivery_queue import Said, queue_deliveries
from reporting.adapters.secret_box import box_of
from reporting.adapters.webhooks import add_webhook
from reporting.main import SERVICE
from reporting.settings import ReportingSettings
from reporting.worker import build_jobs
from shared.events import Envelope
from shared.ids import new_id
from shared.telemetry import configure_logging
from shared.testing.databases import ServiceDatabases
from shared.testing.servers import running_postgres
from shared.worker import Job, Runtime, build_runtime

GIVEN_UP_SECONDS = 180
DATA = {"outage_id": str(new_id()), "client_id": str(new_id()), "detail": "connection refused " * 40}


def receive(parent: Connection) -> None:
    """The receivers, in a process of their own: tells the ports of one that answers and of one that hangs."""
    asyncio.run(_receive(parent))


async def _receive(parent: Connection) -> None:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).lower()
        length = int(head.partition(b"content-length:")[2].partition(b"\r\n")[0])
        await reader.readexactly(length)
        writer.write(b"HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n")
        await writer.drain()
        writer.close()

    async def hang(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    answering = await asyncio.start_server(answer, "127.0.0.1", 0, backlog=1_000)
    hanging = await asyncio.start_server(hang, "127.0.0.1", 0)
    parent.send([server.sockets[0].getsockname()[1] for server in (answering, hanging)])
    await asyncio.to_thread(parent.recv)


def event(tenant_id: Any, number: int) -> Said:
    """An event of about a kilobyte."""
    envelope = Envelope(
        id=new_id(),
        source="/services/probes",
        type="dev.upheld.probes.monitor.down.v1",
        subject=f"monitor/{new_id()}",
        time=datetime.now(UTC),
        dataschema="urn:upheld:schema:probes.monitor.down.v1",
        tenantid=tenant_id,
        aggregateversion=number,
        data=DATA,
    )
    return Said.of(envelope, envelope.to_bytes())


async def run(runtime: Runtime, settings: ReportingSettings, urls: list[str], events: int) -> dict[str, Any]:
    """Events to an agency's subscriptions at these addresses; `#` behind one: it is not waited for."""
    tenant_id = new_id()
    waited_for = []
    async with runtime.units.for_tenant(tenant_id) as unit:
        for url in urls:
            webhook, _ = await add_webhook(
                unit,
                box_of(settings),
                url=url.rstrip("#"),
                description="",
                event_types=[],
                client_ids=[],
                ordered=False,
                enabled=True,
            )
            if not url.endswith("#"):
                waited_for.append(webhook.webhook_id)
    started = time.perf_counter()
    for number in range(1, events + 1):
        async with runtime.units.for_tenant(tenant_id) as unit:
            await queue_deliveries(unit, event(tenant_id, number), tenant_id)
    queued = time.perf_counter() - started
    sending = asyncio.create_task(send(build_jobs(runtime)[0]))
    started = time.perf_counter()
    left = "select count(*) from reporting.delivery where status = 'pending' and webhook_id = any(:ids)"
    while True:
        await asyncio.sleep(0.25)
        async with runtime.units.for_every_tenant() as unit:
            if not await unit.session.scalar(text(left), {"ids": waited_for}):
                break
        if time.perf_counter() - started > GIVEN_UP_SECONDS or sending.done():
            raise SystemExit("the deliveries do not arrive")
    took = time.perf_counter() - started
    sending.cancel()  # what hangs is not waited for
    await asyncio.gather(sending, return_exceptions=True)
    async with runtime.units.for_every_tenant() as unit:
        tries = (
            "select duration_ms from reporting.attempt join reporting.delivery using (delivery_id) "
            "where webhook_id = any(:ids)"
        )
        durations = list((await unit.session.scalars(text(tries), {"ids": waited_for})).all())
        await unit.session.execute(text("delete from reporting.webhook"))
    if len(durations) != events * len(waited_for):
        raise SystemExit(f"{len(durations)} tries instead of {events * len(waited_for)}")
    return {
        "subscriptions": len(urls),
        "events": events,
        "deliveries": len(durations),
        "queued_per_second": round(len(urls) * events / queued),
        "seconds": round(took, 2),
        "deliveries_per_second": round(len(durations) / took),
        "median_ms_of_a_try": round(statistics.median(durations), 1),
        "p95_ms_of_a_try": round(statistics.quantiles(durations, n=20)[18], 1),
    }


async def send(job: Job) -> None:
    """Runs the job as a worker does."""
    while True:
        pause = await job.run()
        await asyncio.sleep(pause or 0)


async def measured(url: str, ports: list[int], counts: argparse.Namespace) -> dict[str, Any]:
    """Both runs."""
    settings = ReportingSettings.model_validate(
        {
            "database_url": SecretStr(url),
            "secret_key": SecretStr(secrets.token_urlsafe(32)),
            "allowed_networks": ("127.0.0.0/8",),
            "log_level": "error",
        }
    )
    configure_logging(settings, service="reporting")
    runtime = build_runtime(settings, SERVICE.registry)
    answering, hanging = (f"http://127.0.0.1:{port}/hook" for port in ports)
    try:
        all_answer = await run(runtime, settings, [answering] * counts.subscriptions, counts.events)
        one_more = [f"{hanging}#", *[answering] * counts.subscriptions]
        return {"all_answer": all_answer, "one_hangs": await run(runtime, settings, one_more, counts.events)}
    finally:
        await runtime.close()


def main() -> None:
    """Prints one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--subscriptions", type=int, default=20)
    parser.add_argument("--events", type=int, default=100)
    counts = parser.parse_args()
    spawn = multiprocessing.get_context("spawn")
    mine, theirs = spawn.Pipe()
    receivers = spawn.Process(target=receive, args=(theirs,), daemon=True)
    receivers.start()
    try:
        with ExitStack() as stack:
            postgres = stack.enter_context(running_postgres())
            urls = ServiceDatabases(postgres).create("reporting")
            machine = {"cpus": os.cpu_count(), "python": platform.python_version(), "load": os.getloadavg()}
            found = asyncio.run(measured(urls.app, mine.recv(), counts))
    finally:
        mine.send("enough")
        receivers.join(5)
    print(json.dumps({"webhook_throughput": {"machine": machine, **found}}, indent=2))


if __name__ == "__main__":
    main()
