"""How late warnings are said when many fall due at once: 10,000 clocks within one minute. Prints JSON.

    python services/incidents/benchmarks/due_warnings.py [--count 10000] [--seconds 60] [--workers 1]

Starts a PostgreSQL, a NATS and a mail server of its own, and the worker as it is started in production, with all of its
jobs. Open incidents with a response clock each, under 200 contracts of 20 agencies, reach three quarters of their
target one after the other, evenly over the time. "Lateness" is from that instant to the commit of the warning, which
the database notes; "on the stream" is from the same instant until the event is published. Every warning also queues a
mail; what of these leaves at once is for the storm brake to say. On a busy machine every figure is worse: look at
`load`.
"""

import argparse
import asyncio
import json
import os
import platform
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import httpx
import psutil
import psycopg
from pydantic import SecretStr

from incidents.adapters.repository import ports_of
from incidents.application.contracts import take_version
from incidents.application.incidents import Report, report
from incidents.application.ports import ContractVersion
from incidents.domain.work_item import Who
from incidents.jobs.escalations import DueEscalations
from incidents.main import SERVICE
from incidents.settings import IncidentsSettings
from shared.ids import new_id
from shared.stack.nats_server import NatsServer
from shared.stack.ports import free_ports
from shared.stack.postgres_server import PostgresServer
from shared.telemetry import configure_logging
from shared.testing.databases import DatabaseUrls, ServiceDatabases
from shared.testing.mailbox import Mailbox
from shared.testing.servers import running_nats, running_postgres
from shared.values import instant_text
from shared.worker import build_runtime

AGENCIES, CONTRACTS = 20, 10
TARGET, PERCENT = timedelta(hours=4), 75
LONGEST_DRAIN = 120.0
"""Seconds after the last due instant in which everything must have been said."""

COPIED = """
create temp table copied (
    template uuid not null, template_clock uuid not null, item_id uuid not null, clock_id uuid not null,
    number text not null, opened_at timestamptz not null, warned_at timestamptz not null,
    due_at timestamptz not null, due_text text not null
)
"""

COPIES = {
    "work_item": ("id = c.template", "'id', c.item_id, 'number', c.number, 'opened_at', c.opened_at"),
    "item_stamp": ("item_id = c.template", "'item_id', c.item_id, 'at', c.opened_at"),
    "escalation": ("item_id = c.template", "'item_id', c.item_id"),
    "clock": (
        "id = c.template_clock",
        "'id', c.clock_id, 'item_id', c.item_id, "
        "'told', t.told || jsonb_build_object('due_at', c.due_text, 'breach_after', c.due_text)",
    ),
    "clock_event": ("clock_id = c.template_clock", "'clock_id', c.clock_id, 'at', c.opened_at"),
    "clock_due": (
        "clock_id = c.template_clock",
        "'clock_id', c.clock_id, 'item_id', c.item_id, 'due_at', c.due_at, 'breach_after', c.due_at, "
        "'next_due_at', c.warned_at, 'reading', t.reading || jsonb_build_object("
        "'clock_id', c.clock_id, 'due_at', c.due_text, 'breach_after', c.due_text)",
    ),
}
"""Table → which of its rows of a template are copied, and what is different in the copy."""

SAID = """
select c.warned_at as due, n.at as said_of, pg_xact_commit_timestamp(n.xmin) as committed, o.published, o.events
from copied c
left join incidents.clock_notice n on n.clock_id = c.clock_id
left join lateral (
    select min(published_at) as published, count(*) as events from incidents.outbox
    where aggregate_type = 'clock' and aggregate_id = c.clock_id::text
) o on true
"""


def terms(contract_id: UUID, client_id: UUID, number: str) -> dict[str, Any]:
    """A contract as contracts publishes it: answers within four hours at any time of the week."""
    week = [{"days": ["mon", "tue", "wed", "thu", "fri", "sat", "sun"], "from": "00:00", "to": "24:00"}]
    return {
        "contract_id": str(contract_id),
        "version": 1,
        "number": number,
        "status": "active",
        "effective_from": "2026-01-01T00:00:00Z",
        "client": {"client_id": str(client_id), "name": number, "language": "en", "time_zone": "Europe/Paris"},
        "response": {
            "calendar": "week",
            "targets": [{"severity": "major", "response": "PT4H", "repair": None}],
        },
        "service_desk": {"warnings_percent": [PERCENT]},
        "calendars": {"week": [{"effective_from": None, "calendar": {"time_zone": "Europe/Paris", "weekly": week}}]},
    }


async def open_templates(settings: IncidentsSettings) -> None:
    """One incident under each contract, through the use cases, as if contracts and a person had told of them."""
    runtime = build_runtime(settings, SERVICE.registry)
    reporter = Who("user", "ada", "Ada")
    for agency in range(AGENCIES):
        async with runtime.units.for_tenant(new_id()) as unit:
            ports = ports_of(unit)
            for number in range(CONTRACTS):
                state = terms(new_id(), new_id(), f"C-2026-{agency * CONTRACTS + number:04d}")
                contract_id, client_id = UUID(state["contract_id"]), UUID(state["client"]["client_id"])
                effective_from = datetime.fromisoformat(state["effective_from"])
                await take_version(ports, ContractVersion(contract_id, client_id, 1, "active", effective_from, state))
                told = Report(contract_id, None, None, "major", "Checkout shows an error", "Since noon.", None, None)
                await report(ports, told, reporter)
    escalations = DueEscalations(runtime.units, runtime.clock, [])
    while await escalations.run() == 0.0:
        pass
    await runtime.close()


def copy_templates(connection: psycopg.Connection, urls: DatabaseUrls, count: int, seconds: float) -> datetime:
    """As many incidents like the templates, opened so that their warnings fall due over the time; when it begins.

    Only facts and caches are copied: what is said, the worker folds from them.
    """
    templates = connection.execute("select item_id, id from incidents.clock order by id").fetchall()
    begins = datetime.now(UTC) + timedelta(seconds=12 + count / 200)
    connection.execute(COPIED)
    with connection.cursor().copy("copy copied from stdin") as copy:
        for n in range(count):
            warned_at = begins + n * timedelta(seconds=seconds) / count
            opened_at = warned_at - TARGET * PERCENT / 100
            due_at = opened_at + TARGET
            template = templates[n % len(templates)]
            number = f"INC-2026-9{n:05d}"
            copy.write_row((*template, new_id(), new_id(), number, opened_at, warned_at, due_at, instant_text(due_at)))
    connection.execute("analyze copied")
    for table, (which, changes) in COPIES.items():
        connection.execute(
            f"insert into incidents.{table} overriding user value select made.* from copied c "
            f"join incidents.{table} t on t.{which} "
            f"cross join lateral jsonb_populate_record(t, jsonb_build_object({changes})) as made"
        )
    connection.commit()
    with psycopg.connect(urls.superuser, autocommit=True) as other:
        other.execute("vacuum analyze")  # as autovacuum would have done long before
    return begins


@contextmanager
def postgres_that_notes_commits() -> Iterator[PostgresServer]:
    """The server of the tests, which also remembers when each transaction was committed."""
    with running_postgres() as server:
        with psycopg.connect(server.url(), autocommit=True) as connection:
            connection.execute("alter system set track_commit_timestamp = on")
        server.stop()
        server.start()
        yield server


@contextmanager
def working(urls: DatabaseUrls, nats: NatsServer, mailbox: Mailbox, key: str) -> Iterator[subprocess.Popen[bytes]]:
    """A worker as a process of its own, once it is ready."""
    port = free_ports(1)[0]
    variables = {
        "INCIDENTS_DATABASE_URL": urls.app,
        "INCIDENTS_NATS_URL": nats.url("incidents"),
        "INCIDENTS_SECRET_KEY": key,
        "INCIDENTS_SMTP_HOST": "127.0.0.1",
        "INCIDENTS_SMTP_PORT": str(mailbox.port),
        "INCIDENTS_ALERT_EMAILS": "oncall@agency.example",
        "INCIDENTS_OPS_PORT": str(port),
        "INCIDENTS_LOG_LEVEL": "error",
    }
    command = [sys.executable, "-m", "incidents", "worker"]
    process = subprocess.Popen(command, env=os.environ | variables, stdout=sys.stderr)
    try:
        deadline = time.monotonic() + 30
        with httpx.Client(trust_env=False) as http:
            while not _is_ready(http, port):
                if process.poll() is not None or time.monotonic() > deadline:
                    raise SystemExit("the worker did not start")
                time.sleep(0.1)
        yield process
    finally:
        process.terminate()
        process.wait(30)


def _is_ready(http: httpx.Client, port: int) -> bool:
    try:
        return http.get(f"http://127.0.0.1:{port}/readyz").is_success
    except httpx.TransportError:
        return False


def cpu_used() -> dict[str, float]:
    """CPU seconds so far by the name of the program: the worker (python), PostgreSQL, NATS."""
    used: dict[str, float] = {}
    for child in psutil.Process().children(recursive=True):
        try:
            times = child.cpu_times()
            name = child.name().partition(":")[0]
        except psutil.NoSuchProcess:
            continue
        seconds = times.user + times.system + times.children_user + times.children_system
        used[name] = used.get(name, 0.0) + seconds
    return used


def one(connection: psycopg.Connection, query: str) -> int:
    """The only number of a query."""
    row = connection.execute(query).fetchone()
    connection.rollback()
    assert row is not None
    return int(row[0])


def milliseconds(seconds: Sequence[float]) -> dict[str, float]:
    """Median, 99th percentile and maximum."""
    ordered = sorted(1000 * each for each in seconds)
    if not ordered:
        return {}
    return {
        "median": round(statistics.median(ordered), 1),
        "p99": round(ordered[min(len(ordered) - 1, len(ordered) * 99 // 100)], 1),
        "max": round(ordered[-1], 1),
    }


def watched(connection: psycopg.Connection, begins: datetime, seconds: float) -> dict[str, Any]:
    """Lets the time pass and reads what was said."""
    unsaid = (
        "select count(*) from copied c where not exists "
        "(select from incidents.clock_notice n where n.clock_id = c.clock_id)"
    )
    unpublished = "select count(*) from incidents.outbox where published_at is null"
    if datetime.now(UTC) > begins - timedelta(seconds=1):
        raise SystemExit("preparing took too long on this machine: the first warnings are due already")
    time.sleep((begins - datetime.now(UTC)).total_seconds() - 0.5)
    before = cpu_used()
    time.sleep(seconds + 0.5)
    deadline = time.monotonic() + LONGEST_DRAIN
    while one(connection, unsaid) + one(connection, unpublished) and time.monotonic() < deadline:
        time.sleep(0.5)
    cpu = {name: used - before.get(name, 0.0) for name, used in cpu_used().items()}
    lasted = (datetime.now(UTC) - begins).total_seconds()
    rows = connection.execute(SAID).fetchall()
    said = [row for row in rows if row[2] is not None]
    mails = connection.execute(
        "select count(*), count(*) filter (where sent_at is not null), count(*) filter (where held_until is not null) "
        "from incidents.notification where kind = 'clock_at_risk'"
    ).fetchone()
    assert mails is not None
    return {
        "seconds_until_all_was_published": round(lasted, 1),
        "said": len(said),
        "said_exactly_once": len(rows) - sum(due != said_of or events != 1 for due, said_of, _, _, events in rows),
        "said_beside_warnings": one(connection, "select count(*) from incidents.outbox where type like '%changed%'"),
        "lateness_ms": milliseconds([(committed - due).total_seconds() for due, _, committed, _, _ in said]),
        "on_the_stream_ms": milliseconds([(out - due).total_seconds() for due, _, _, out, _ in rows if out]),
        "mails": dict(zip(("queued", "sent", "held_for_a_summary"), mails, strict=True)),
        "cpu_seconds": {name: round(used, 1) for name, used in sorted(cpu.items()) if used > 0},
        "cpu_ms_per_warning": round(1000 * sum(cpu.values()) / len(rows), 2),
    }


def measured(count: int, seconds: float, workers: int) -> dict[str, Any]:
    """One run, as JSON."""
    key = new_id().hex
    with ExitStack() as stack:
        postgres = stack.enter_context(postgres_that_notes_commits())
        nats = stack.enter_context(running_nats())
        mailbox = stack.enter_context(Mailbox())
        urls = ServiceDatabases(postgres).create("incidents")
        settings = IncidentsSettings(
            database_url=SecretStr(urls.app), secret_key=SecretStr(key), alert_emails=(), log_level="error"
        )
        configure_logging(settings, service="incidents")
        asyncio.run(open_templates(settings))
        connection = stack.enter_context(psycopg.connect(urls.superuser))
        begins = copy_templates(connection, urls, count, seconds)
        for _ in range(workers):
            stack.enter_context(working(urls, nats, mailbox, key))
        load = os.getloadavg()
        found = watched(connection, begins, seconds)
    return {
        "machine": {"cpus": os.cpu_count(), "python": platform.python_version(), "load": load},
        "warnings": count,
        "within_seconds": seconds,
        "workers": workers,
        "agencies": AGENCIES,
        "contracts": AGENCIES * CONTRACTS,
        **found,
    }


def main() -> None:
    """Prints one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=10_000)
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--workers", type=int, default=1)
    arguments = parser.parse_args()
    found = measured(arguments.count, arguments.seconds, arguments.workers)
    print(json.dumps({"due_warnings": found}, indent=2))


if __name__ == "__main__":
    main()
