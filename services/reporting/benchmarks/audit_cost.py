"""What the audit log costs: per write, per event that is heard, per entry that is exported and checked. Prints JSON.

    python services/reporting/benchmarks/audit_cost.py [--writes 400] [--entries 4000]

Starts a PostgreSQL of its own. Writes are requests to an application in this process, by turns one that is recorded and
one that is not, so that what else the machine does falls on both alike.
"""

import argparse
import asyncio
import json
import os
import platform
import secrets
import statistics
import time
from contextlib import ExitStack
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from unittest.mock import patch
from uuid import UUID

import httpx
from pydantic import SecretStr

from reporting.adapters import audit_verifier
from reporting.adapters.audit_chain import record_event
from reporting.adapters.audit_checkpoints import make_checkpoint
from reporting.adapters.audit_export import exported_lines
from reporting.adapters.secret_box import SecretBox
from reporting.handlers import everything
from reporting.main import SERVICE
from reporting.settings import ReportingSettings
from shared.consumer import EventProcessor
from shared.events import Envelope, OperationRecorded, envelope_of
from shared.ids import new_id
from shared.service import create_app
from shared.telemetry import configure_logging
from shared.testing.databases import ServiceDatabases
from shared.testing.servers import running_postgres
from shared.testing.tokens import TokenMint
from shared.time_source import SystemClock
from shared.worker import Runtime, build_runtime

TENANT = new_id()
BODY = {"url": "https://hooks.agency.example/upheld", "event_types": ["incidents.*"]}


async def writes(settings: ReportingSettings, runtime: Runtime, count: int) -> dict[str, Any]:
    """Milliseconds per request, with a record and without."""
    tokens = TokenMint(SystemClock())
    clients = []
    for service in (SERVICE, replace(SERVICE, unrecorded_changes=frozenset({"create_webhook"}))):
        app = tokens.trust(create_app(service, settings, runtime=runtime))
        clients.append(
            httpx.AsyncClient(
                transport=httpx.ASGITransport(app),
                base_url="http://reporting.test",
                headers=tokens.headers(tenant_id=TENANT),
            )
        )
    taken: tuple[list[float], list[float]] = ([], [])
    for turn in range(2 * count + 40):
        started = time.perf_counter()
        answer = await clients[turn % 2].post("/v1/webhooks", json=BODY)
        answer.raise_for_status()
        if turn >= 40:
            taken[turn % 2].append(1000 * (time.perf_counter() - started))
    for client in clients:
        await client.aclose()
    with_record, without = (statistics.median(each) for each in taken)
    return {
        "writes": count,
        "median_ms_recorded": round(with_record, 2),
        "median_ms_unrecorded": round(without, 2),
        "median_ms_more": round(with_record - without, 2),
    }


def operation(number: int) -> Envelope:
    """The record of a change."""
    data = OperationRecorded.model_validate(
        {**OperationRecorded.EXAMPLE, "record_id": new_id(), "version_after": number}
    )
    name = SERVICE.registry.name_of(OperationRecorded)
    return envelope_of(data, name, event_id=new_id(), at=datetime.now(UTC), tenant_id=TENANT, version=1)


async def heard(runtime: Runtime, count: int) -> dict[str, Any]:
    """Milliseconds per event, and how many of them the chain takes."""
    assert SERVICE.handlers is not None
    processor = EventProcessor(SERVICE.handlers, runtime.units, "reporting")
    inside: list[float] = []
    whole: list[float] = []

    async def timed(*arguments: Any) -> None:
        started = time.perf_counter()
        await record_event(*arguments)
        inside.append(1000 * (time.perf_counter() - started))

    with patch.object(everything, "record_event", timed):
        for number in range(count):
            started = time.perf_counter()
            await processor.process(operation(number).to_bytes())
            whole.append(1000 * (time.perf_counter() - started))
    return {
        "events": count,
        "median_ms_per_event": round(statistics.median(whole), 2),
        "median_ms_of_the_chain": round(statistics.median(inside), 2),
    }


async def checked(runtime: Runtime, settings: ReportingSettings) -> dict[str, Any]:
    """How long signing, exporting and checking the log take."""
    started = time.perf_counter()
    async with runtime.units.for_tenant(TENANT) as unit:
        await make_checkpoint(unit, SecretBox(settings.secret_key))
    signed = time.perf_counter() - started
    with TemporaryDirectory() as folder:
        path = Path(folder) / "audit-log.jsonl"
        started = time.perf_counter()
        with path.open("wb") as file:
            async for piece in exported_lines(runtime.units, UUID(str(TENANT))):
                file.write(piece)
        exported = time.perf_counter() - started
        size = path.stat().st_size
        started = time.perf_counter()
        verifier = audit_verifier.Verifier()
        for line in path.read_text(encoding="utf-8").splitlines():
            verifier.take(line)
        status = verifier.finish()
        verified = time.perf_counter() - started
    if status != audit_verifier.WHOLE:
        raise SystemExit(f"the log is not whole: {verifier.faults}")
    return {
        "entries": verifier.entries,
        "bytes_per_entry": round(size / verifier.entries),
        "first_checkpoint_ms": round(1000 * signed, 1),
        "export_entries_per_second": round(verifier.entries / exported),
        "verify_entries_per_second": round(verifier.entries / verified),
    }


async def measured(url: str, counts: argparse.Namespace) -> dict[str, Any]:
    """One run."""
    settings = ReportingSettings(
        database_url=SecretStr(url),
        secret_key=SecretStr(secrets.token_urlsafe(32)),
        log_level="error",
        request_rate=0,  # one token asks as fast as it can
    )
    configure_logging(settings, service="reporting")
    runtime = build_runtime(settings, SERVICE.registry)
    try:
        return {
            "write": await writes(settings, runtime, counts.writes),
            "heard": await heard(runtime, counts.entries),
            "check": await checked(runtime, settings),
        }
    finally:
        await runtime.close()


def main() -> None:
    """Prints one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--writes", type=int, default=400)
    parser.add_argument("--entries", type=int, default=4_000)
    counts = parser.parse_args()
    with ExitStack() as stack:
        postgres = stack.enter_context(running_postgres())
        urls = ServiceDatabases(postgres).create("reporting")
        machine = {"cpus": os.cpu_count(), "python": platform.python_version(), "load": os.getloadavg()}
        found = asyncio.run(measured(urls.app, counts))
    print(json.dumps({"audit_cost": {"machine": machine, **found}}, indent=2))


if __name__ == "__main__":
    main()
