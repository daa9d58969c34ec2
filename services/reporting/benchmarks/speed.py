"""How fast reports, status pages and rebuilds are, and how much memory they take. Prints JSON.

    python services/reporting/benchmarks/speed.py [--only report --only batch --only pages --only rebuild] [--runs 5] …

Starts a PostgreSQL and a NATS of its own. Each figure is measured in a process of its own, whose peak memory is told.

report: the monthly report of a client with many sites, computed from events and made into a PDF.
batch: months of many contracts measured, their reports issued, and each made into HTML, PDF, CSV, XLSX and JSON.
pages: a status page over HTTP, one server process and visitors on connections that stay open. Warm: all ask for the
same page. Cold: a hundred ask at once for a page that was never asked for; many pages are asked for once each.
rebuild: the projections of a year of many monitors, two outages a month each, from what is kept; and how many messages
of a stream are read in a second before.
"""

import argparse
import asyncio
import json
import multiprocessing
import os
import platform
import resource
import secrets
import statistics
import sys
import time
import zlib
from collections.abc import Awaitable, Callable, Iterable, Iterator
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
import nats
import psycopg
import uvicorn
from pydantic import SecretStr
from told_events import ToldContract

from reporting.jobs.issue_reports import IssueReports
from reporting.jobs.measure_months import MeasureMonths
from reporting.jobs.rebuild import Rebuild
from reporting.main import SERVICE
from reporting.settings import ReportingSettings
from shared.consumer import EventProcessor
from shared.database import libpq_url
from shared.events import Envelope
from shared.ids import new_id
from shared.jetstream import declare_stream, event_stream
from shared.kernel.clock import FixedClock
from shared.service import create_app
from shared.service_process import new_loop
from shared.telemetry import configure_logging
from shared.testing.databases import DatabaseUrls, ServiceDatabases
from shared.testing.servers import running_nats, running_postgres
from shared.testing.tokens import TokenMint
from shared.worker import Runtime, build_runtime

JUNE, JULY = datetime(2026, 5, 31, 22, tzinfo=UTC), datetime(2026, 7, 2, 6, tzinfo=UTC)
SHAPES = ("html", "pdf", "csv", "xlsx", "")
TENANT = new_id()
VISITORS = 32
AT_ONCE = 100


def settings_of(urls: DatabaseUrls, **more: Any) -> ReportingSettings:
    """Settings of a process, which says nothing but errors."""
    known = {"database_url": SecretStr(urls.app), "secret_key": SecretStr(secrets.token_urlsafe(32))}
    settings = ReportingSettings.model_validate(known | {"log_level": "error", "request_rate": 0} | more)
    configure_logging(settings, service="reporting")
    return settings


async def hear(runtime: Runtime, events: Iterable[Envelope]) -> None:
    """As a consumer hears them, one transaction each."""
    assert SERVICE.handlers is not None
    processor = EventProcessor(SERVICE.handlers, runtime.units, "reporting")
    for event in events:
        await processor.process(event.to_bytes())


def keep(urls: DatabaseUrls, events: Iterable[Envelope], rollups: Iterable[tuple[UUID, Envelope]]) -> int:
    """Writes down many events as if they had been heard; a rebuild makes the projections of them. How many they are."""
    count = 0
    with psycopg.connect(libpq_url(urls.superuser)) as connection, connection.cursor() as cursor:
        columns = "event_id, tenant_id, client_id, name, aggregate_id, aggregate_version, occurred_at, payload"
        with cursor.copy(f"copy reporting.event ({columns}) from stdin") as copy:
            for event in events:
                whose = (event.id, event.tenantid, event.data.get("client_id"))
                what = (str(event.name), event.subject.partition("/")[2], event.aggregateversion, event.time)
                copy.write_row((*whose, *what, event.to_bytes()))
                count += 1
        columns = "rollup_id, tenant_id, client_id, contract_id, starts_at, version, event_id, payload"
        with cursor.copy(f"copy reporting.rollup ({columns}) from stdin") as copy:
            for rollup_id, event in rollups:
                data = event.data
                row = (rollup_id, event.tenantid, data["client_id"], data["contract_id"], data["starts_at"], 1)
                copy.write_row((*row, event.id, zlib.compress(event.to_bytes(), 1)))
                count += 1
    return count


async def rebuilt(runtime: Runtime) -> None:
    """Makes the projections of what is kept."""
    work = Rebuild(runtime.units, None)
    await work.begin()
    while await work.step() is not None:
        pass
    await work.switch()


async def exhausted(run: Callable[[], Awaitable[float | None]]) -> None:
    """Runs a job until nothing is due."""
    while await run() == 0:
        pass


def reader(runtime: Runtime, settings: ReportingSettings) -> httpx.AsyncClient:
    """Reads the API in this process as the owner."""
    tokens = TokenMint(runtime.clock)
    app = tokens.trust(create_app(SERVICE, settings, runtime=runtime))
    return httpx.AsyncClient(
        transport=httpx.ASGITransport(app),
        base_url="http://reporting.test",
        headers=tokens.headers(tenant_id=TENANT),
        timeout=60,
    )


async def timed(client: httpx.AsyncClient, address: str, runs: int) -> tuple[list[float], int]:
    """Seconds of each run, and the bytes of an answer."""
    taken = []
    for _ in range(runs):
        started = time.perf_counter()
        answer = await client.get(address)
        answer.raise_for_status()
        taken.append(time.perf_counter() - started)
    return taken, len(answer.content)


def month_of_outages(contract: ToldContract, days: Iterable[int]) -> Iterator[Envelope]:
    """June of a contract: every monitor up, one of them down on each of these days."""
    for number in range(len(contract.monitors)):
        yield contract.up(number)
    for day in days:
        yield from contract.outage(day % len(contract.monitors), JUNE + timedelta(days=day % 29, hours=9))


async def report(urls: DatabaseUrls, _: str, options: argparse.Namespace) -> dict[str, Any]:
    """The report of a client with many sites."""
    settings = settings_of(urls)
    clock = FixedClock(JUNE + timedelta(hours=1))
    runtime = build_runtime(settings, SERVICE.registry, clock)
    try:
        contract = ToldContract(TENANT, JUNE, options.sites, "many-sites")
        await hear(runtime, [contract.activated(), *month_of_outages(contract, range(options.sites))])
        clock.set(JULY)
        await exhausted(MeasureMonths(runtime.units).run)
        await exhausted(IssueReports(runtime.units).run)
        async with reader(runtime, settings) as client:
            base = f"/v1/contracts/{contract.contract_id}/reports/2026-06"
            before = memory()
            computed, _bytes = await timed(client, base, options.runs)
            first, _bytes = await timed(client, f"{base}/editions/1/pdf", 1)
            made, size = await timed(client, f"{base}/editions/1/pdf", options.runs)
        return {
            "sites": options.sites,
            "incidents": options.sites,
            "median_seconds_figures": round(statistics.median(computed), 3),
            "seconds_first_pdf": round(first[0], 3),
            "median_seconds_pdf": round(statistics.median(made), 3),
            "pdf_kb": size // 1000,
            "mib_before": before,
        }
    finally:
        await runtime.close()


async def batch(urls: DatabaseUrls, _: str, options: argparse.Namespace) -> dict[str, Any]:
    """Reports of many contracts at the end of a month."""
    settings = settings_of(urls)
    clock = FixedClock(JUNE + timedelta(hours=1))
    runtime = build_runtime(settings, SERVICE.registry, clock)
    try:
        contracts = [ToldContract(TENANT, JUNE, 2, f"client-{number}") for number in range(options.reports)]
        await hear(runtime, [contract.activated() for contract in contracts])
        clock.set(JULY)
        keep(urls, (event for contract in contracts for event in month_of_outages(contract, (3, 11))), ())
        await rebuilt(runtime)
        started = time.perf_counter()
        await exhausted(MeasureMonths(runtime.units).run)
        measured = time.perf_counter() - started
        started = time.perf_counter()
        await exhausted(IssueReports(runtime.units).run)
        issued = time.perf_counter() - started
        sizes: dict[str, int] = dict.fromkeys(SHAPES, 0)
        samples: list[int] = []
        started = time.perf_counter()
        async with reader(runtime, settings) as client:
            waiting = asyncio.Semaphore(os.cpu_count() or 1)

            async def made(contract: ToldContract) -> None:
                async with waiting:
                    address = f"/v1/contracts/{contract.contract_id}/reports/2026-06/editions/1"
                    for shape in SHAPES:
                        answer = await client.get(f"{address}/{shape}".rstrip("/"))
                        answer.raise_for_status()
                        sizes[shape] += len(answer.content)
                    samples.append(memory())

            await asyncio.gather(*map(made, contracts))
        took = time.perf_counter() - started
        return {
            "reports": options.reports,
            "seconds_measured": round(measured, 1),
            "seconds_issued": round(issued, 1),
            "seconds_made": round(took, 1),
            "ms_per_report": round(1000 * (measured + issued + took) / options.reports),
            "files": options.reports * len(SHAPES),
            "megabytes": {shape or "json": round(size / 1e6, 1) for shape, size in sizes.items()},
            "mib_after_a_tenth": samples[len(samples) // 10],
            "mib_at_the_end": samples[-1],
        }
    finally:
        await runtime.close()


def serve(urls: DatabaseUrls, parent: Connection) -> None:
    """The server, in a process of its own: tells its port, and at the end its highest memory."""
    asyncio.Runner(loop_factory=new_loop).run(_serve(urls, parent))


async def _serve(urls: DatabaseUrls, parent: Connection) -> None:
    settings = settings_of(urls)
    runtime = build_runtime(settings, SERVICE.registry, FixedClock(JULY))
    app = create_app(SERVICE, settings, runtime=runtime)
    server = uvicorn.Server(uvicorn.Config(app, port=0, log_config=None, access_log=False, lifespan="off"))
    serving = asyncio.create_task(server.serve())
    while not server.started:  # noqa: ASYNC110  (the server says it nowhere else)
        await asyncio.sleep(0.01)
    parent.send(server.servers[0].sockets[0].getsockname()[1])
    await asyncio.to_thread(parent.recv)
    server.should_exit = True
    await serving
    await runtime.close()
    parent.send(peak())


class Visitor:
    """A connection that stays open."""

    def __init__(self, port: int) -> None:
        self._port = port

    async def open(self) -> "Visitor":
        """Connects."""
        self._reader, self._writer = await asyncio.open_connection("127.0.0.1", self._port)
        return self

    async def get(self, slug: str, *more: str) -> tuple[int, str]:
        """Asks for a page: status, and its ETag."""
        lines = [f"GET /status/{slug} HTTP/1.1", "Host: status.test", "Accept: text/html", "Accept-Language: fr", *more]
        self._writer.write("\r\n".join([*lines, "", ""]).encode())
        head = (await self._reader.readuntil(b"\r\n\r\n")).decode().lower()
        fields = dict(line.split(": ", 1) for line in head.splitlines()[1:] if line)
        await self._reader.readexactly(int(fields.get("content-length", "0")))
        return int(head.split(" ", 2)[1]), fields.get("etag", "")

    def close(self) -> None:
        """Hangs up."""
        self._writer.close()


async def pages(urls: DatabaseUrls, _: str, options: argparse.Namespace) -> dict[str, Any]:
    """A status page for many visitors."""
    runtime = build_runtime(settings_of(urls), SERVICE.registry, FixedClock(JULY))
    try:
        contracts = [ToldContract(TENANT, JUNE, 5, f"page-{number}") for number in range(options.pages + 1)]
        await hear(runtime, [contract.activated() for contract in contracts])
        keep(urls, (event for contract in contracts for event in month_of_outages(contract, (3, 11))), ())
        await rebuilt(runtime)
    finally:
        await runtime.close()
    mine, theirs = multiprocessing.get_context("spawn").Pipe()
    server = multiprocessing.get_context("spawn").Process(target=serve, args=(urls, theirs))
    server.start()
    port = await asyncio.to_thread(mine.recv)
    try:
        visitors = [await Visitor(port).open() for _ in range(AT_ONCE)]
        started = time.perf_counter()
        await visitors[0].get("page-0")
        first = time.perf_counter() - started
        started = time.perf_counter()
        await visitors[0].get("page-1")
        alone = time.perf_counter() - started
        started = time.perf_counter()
        answers = await asyncio.gather(*(visitor.get("page-2") for visitor in visitors))
        at_once = time.perf_counter() - started
        if {status for status, _ in answers} != {200}:
            raise SystemExit(f"the pages were answered with {answers}")
        slugs = iter([f"page-{number}" for number in range(3, options.pages + 1)])

        async def each_once(visitor: Visitor) -> None:
            for slug in slugs:
                await visitor.get(slug)

        started = time.perf_counter()
        await asyncio.gather(*map(each_once, visitors[:VISITORS]))
        cold = (options.pages - 2) / (time.perf_counter() - started)
        warm = [await asked(visitors[:VISITORS], options.seconds) for _ in range(options.runs)]
        condition = f"If-None-Match: {answers[0][1]}"
        unchanged = await asked(visitors[:VISITORS], options.seconds, condition, slug="page-2")
        for visitor in visitors:
            visitor.close()
        mine.send("enough")
        highest = await asyncio.to_thread(mine.recv)
    finally:
        server.join(10)
    return {
        "visitors": VISITORS,
        "ms_first_of_the_process": round(1000 * first, 1),
        "ms_a_cold_page": round(1000 * alone, 1),
        f"ms_{AT_ONCE}_at_once_for_a_cold_page": round(1000 * at_once, 1),
        "cold_pages_per_second": round(cold),
        "median_warm_per_second": round(statistics.median(warm)),
        "unchanged_per_second": round(unchanged),
        "peak_mib_of_the_server": highest,
    }


async def asked(visitors: list[Visitor], seconds: float, *more: str, slug: str = "page-0") -> float:
    """Requests per second, all for one page."""
    count, end = 0, time.perf_counter() + seconds
    started = time.perf_counter()

    async def ask(visitor: Visitor) -> None:
        nonlocal count
        while time.perf_counter() < end:
            await visitor.get(slug, *more)
            count += 1

    await asyncio.gather(*map(ask, visitors))
    return count / (time.perf_counter() - started)


async def rebuild(urls: DatabaseUrls, nats_url: str, options: argparse.Namespace) -> dict[str, Any]:
    """The projections of many monitors and days."""
    clock = FixedClock(JULY)
    began = JUNE - timedelta(days=options.days)
    contracts = [
        ToldContract(TENANT, began, options.per_contract, f"client-{number}")
        for number in range(options.monitors // options.per_contract)
    ]
    spawn = multiprocessing.get_context("fork")
    started = time.perf_counter()
    cores = os.cpu_count() or 1
    with spawn.Pool(cores) as pool:
        counts = pool.starmap(year, [(urls, contracts[core::cores], began, options.days) for core in range(cores)])
    prepared = time.perf_counter() - started
    runtime = build_runtime(settings_of(urls), SERVICE.registry, clock)
    connection = await nats.connect(nats_url)
    try:
        js = connection.jetstream()
        await declare_stream(js, event_stream("probes"), 1)
        sample = [contracts[0].measured(began)[1] for _ in range(options.messages)]
        subject = sample[0].name.subject("x") if sample else ""
        for first in range(0, len(sample), 500):
            waiting = [await js.publish_async(subject, each.to_bytes()) for each in sample[first : first + 500]]
            await asyncio.gather(*waiting)
        work = Rebuild(runtime.units, js)
        await work.begin()
        taken: dict[str, float] = {}
        started = time.perf_counter()
        stage = "streams"
        while (progress := await work.step()) is not None:
            taken[stage] = taken.get(stage, 0) + time.perf_counter() - started
            stage, started = progress.stage, time.perf_counter()
        started = time.perf_counter()
        differences = await work.switch()
        taken["switch"] = time.perf_counter() - started
        again = Rebuild(runtime.units, None)
        return {
            "monitors": options.monitors,
            "days": options.days,
            "events": sum(events for events, _ in counts),
            "hourly_rollups": sum(rollups for _, rollups in counts),
            "monitor_hours": sum(rollups for _, rollups in counts) * options.per_contract,
            "seconds_prepared": round(prepared, 1),
            "seconds": round(sum(taken.values()) - taken.get("streams", 0), 1),
            "seconds_by_stage": {name: round(each, 1) for name, each in taken.items()},
            "events_per_second": per_second(sum(events for events, _ in counts), taken["events"]),
            "rollups_per_second": per_second(sum(rollups for _, rollups in counts), taken["rollups"]),
            "stream_messages_per_second": per_second(len(sample), taken["streams"]),
            "rows_written": sum(each.added for each in differences),
            "seconds_switch_without_a_difference": round(await switched(again), 2),
        }
    finally:
        await connection.close()
        await runtime.close()


async def switched(work: Rebuild) -> float:
    """Seconds of the switch of a rebuild that finds nothing."""
    await work.begin()
    while await work.step() is not None:
        pass
    started = time.perf_counter()
    differences = await work.switch()
    if any(each.added or each.changed or each.unexplained for each in differences):
        raise SystemExit(f"a second rebuild differs from the first: {differences}")
    return time.perf_counter() - started


def year(urls: DatabaseUrls, contracts: list[ToldContract], began: datetime, days: int) -> tuple[int, int]:
    """Writes down what was said of these contracts: events, and roll-ups."""
    events = 0
    rollups = 0
    for contract in contracts:
        outages = [
            contract.outage(number, began + timedelta(days=day, hours=number % 20))
            for number in range(len(contract.monitors))
            for day in range(2, days, 15)
        ]
        told = [contract.activated(), *map(contract.up, range(len(contract.monitors)))]
        events += keep(urls, [*told, *(event for outage in outages for event in outage)], ())
        hours = (contract.measured(began + timedelta(hours=hour)) for hour in range(24 * days))
        rollups += keep(urls, (), hours)
    return events, rollups


def per_second(count: int, seconds: float) -> int:
    """As many a second."""
    return round(count / seconds) if seconds else 0


def memory() -> int:
    """MiB that this process holds now."""
    with Path("/proc/self/statm").open(encoding="ascii") as file:
        return int(file.read().split()[1]) * resource.getpagesize() // 2**20


def peak() -> int:
    """MiB that this process held at most."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024) // 2**20


FIGURES = {"report": report, "batch": batch, "pages": pages, "rebuild": rebuild}


def measure(name: str, urls: DatabaseUrls, nats_url: str, options: argparse.Namespace, parent: Connection) -> None:
    """One figure, in a process of its own."""
    found = asyncio.Runner(loop_factory=new_loop).run(FIGURES[name](urls, nats_url, options))
    parent.send(found | {"peak_mib": peak()})


def main() -> None:
    """Prints one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", action="append", choices=list(FIGURES))
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--sites", type=int, default=50)
    parser.add_argument("--reports", type=int, default=1000)
    parser.add_argument("--pages", type=int, default=200)
    parser.add_argument("--seconds", type=float, default=3.0)
    parser.add_argument("--monitors", type=int, default=1000)
    parser.add_argument("--per-contract", type=int, default=10)
    parser.add_argument("--days", type=int, default=365)
    parser.add_argument("--messages", type=int, default=5000)
    options = parser.parse_args()
    spawn = multiprocessing.get_context("spawn")
    found: dict[str, Any] = {
        "machine": {"cpus": os.cpu_count(), "python": platform.python_version(), "load": os.getloadavg()}
    }
    with ExitStack() as stack:
        databases = ServiceDatabases(stack.enter_context(running_postgres()))
        nats_url = stack.enter_context(running_nats()).url()
        for name in options.only or FIGURES:
            mine, theirs = spawn.Pipe()
            process = spawn.Process(
                target=measure, args=(name, databases.create("reporting"), nats_url, options, theirs)
            )
            process.start()
            theirs.close()
            try:
                found[name] = mine.recv()
                # Each as soon as it is there: the last one takes longest, and may be cut off.
                print(json.dumps({name: found[name]}), file=sys.stderr)
            except EOFError:
                raise SystemExit(f"{name} came to no end") from None
            finally:
                process.join(10)
    print(json.dumps({"reporting_speed": found}, indent=2))


if __name__ == "__main__":
    main()
