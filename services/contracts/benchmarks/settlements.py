"""Measures how long it takes, and how much memory, to settle a month of many contracts, and prints JSON.

    python services/contracts/benchmarks/settlements.py [--contracts 10000]

Starts a PostgreSQL of its own. One contract is drafted, signed and activated as always, the others are copies of its
rows under ids of their own. Each has an uptime that was missed, a response that came late, two requests with a price, a
promotion, hours with work beyond them, and an amendment in mid-month that changes its price. The job that drafts what
is due settles June for all of them; memory is the highest that its process ever held.
"""

import argparse
import asyncio
import json
import os
import platform
import resource
import sys
import time
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import psycopg
from pydantic import SecretStr
from sqlalchemy import text

from contracts.adapters.workspace import workspace_of
from contracts.application import contracts
from contracts.application.clients import NewClient, create_client
from contracts.application.contracts import Contract, NewContract, Proposal, SignRequest, Terms
from contracts.application.facts import BREACHED, Fact, FactKind
from contracts.application.patches import merged
from contracts.application.provisioning import create_tenant
from contracts.application.sites import NewSite, create_site
from contracts.jobs.due_rows import BATCH
from contracts.jobs.settlements import DueSettlements
from contracts.main import SERVICE
from contracts.settings import ContractsSettings
from shared.database import libpq_url
from shared.ids import new_id
from shared.kernel.clock import FixedClock
from shared.testing.databases import ServiceDatabases
from shared.testing.servers import running_postgres
from shared.worker import Runtime, build_runtime

START = datetime(2026, 5, 31, 22, 30, tzinfo=UTC)
AMENDED = datetime(2026, 6, 15, 22, tzinfo=UTC)
OVER = datetime(2026, 7, 2, 6, tzinfo=UTC)
JUNE = (datetime(2026, 5, 31, 22, tzinfo=UTC), datetime(2026, 6, 30, 22, tzinfo=UTC))
SECONDS = int((JUNE[1] - JUNE[0]).total_seconds())
MONEY = "EUR"
TERMS: dict[str, Any] = {
    "plan_code": "premium",
    "starts_on": "2026-06-01",
    "price": {"amount": "500.00", "currency": MONEY},
    "alert_emails": ["alerts@agency.example"],
    "status_page": {"slug": "benchmark", "name": "Benchmark"},
    "signatories": {
        "agency": {"name": "Nadia Benali", "email": "nadia@agency.example"},
        "client": {"name": "Léa Martin", "email": "lea@client.example"},
    },
    "commercial": {"billing": ["flat", "per_ticket", "hours"], "tax": {"category": "S", "rate": "20"}},
    "charges": {"per_ticket": {"kinds": [{"kind": "corrective", "amount": "80.00"}]}},
    "credits": {"tiers": [{"credit_percent": "10"}, {"below": "99.0", "credit_percent": "25"}]},
    "penalties": {"targets": [{"metric": "response", "unit": "PT1H", "percent_per_started_unit": "5"}]},
    "settlement": {"cap_percent": "50"},
    "discounts": [
        {
            "promotion": "summer",
            "name": {"fr": "Offre d'été", "en": "Summer offer"},
            "percent": "10",
            "starts_on": "2026-06-10",
        }
    ],
    "hours": {
        "lines": [{"code": "technical", "name": {"fr": "Maintenance", "en": "Maintenance"}, "included_minutes": 120}],
        "overage_rate_per_hour": {"amount": "90.00", "currency": MONEY},
    },
}


async def sign(runtime: Runtime, tenant: UUID, contract: Contract) -> None:
    """Both parties sign what is proposed, an amendment or the contract."""
    for party in ("agency", "client"):
        async with runtime.units.for_tenant(tenant) as uow:
            work = workspace_of(uow)
            found = await work.contracts.locked(contract.contract_id)
            document = found.document if found.amendment is None else found.amendment.document
            assert document is not None
            consent = SignRequest.model_validate({"party": party, "document_hash": document.hash})
            step = contracts.sign_contract if found.amendment is None else contracts.sign_amendment
            await step(work, found, consent)


async def one_contract(runtime: Runtime, clock: FixedClock) -> tuple[UUID, Contract]:
    """A contract in force since the beginning of June, amended on the 16th."""
    tenant = new_id()
    async with runtime.units.for_tenant(tenant) as uow:
        await create_tenant(workspace_of(uow), "Benchmark")
    async with runtime.units.for_tenant(tenant) as uow:
        work = workspace_of(uow)
        client = await create_client(work, NewClient.model_validate({"name": "Client"}))
        site = await create_site(
            work,
            NewSite.model_validate(
                {
                    "client_id": str(client.client_id),
                    "name": "client.example",
                    "environments": [{"name": "production", "url": "https://client.example/", "counts_for_sla": True}],
                }
            ),
        )
        new = {**TERMS, "client_id": str(client.client_id), "site_ids": [str(site.site_id)]}
        contract = await contracts.draft_contract(work, NewContract.model_validate(new))
        await contracts.propose_contract(work, contract)
    await sign(runtime, tenant, contract)
    async with runtime.units.for_tenant(tenant) as uow:
        work = workspace_of(uow)
        await contracts.activate_contract(work, await work.contracts.locked(contract.contract_id))
    clock.set(AMENDED)
    async with runtime.units.for_tenant(tenant) as uow:
        work = workspace_of(uow)
        found = await work.contracts.locked(contract.contract_id)
        changed = merged(found.terms.model_dump(mode="json", by_alias=True), {"price": {"amount": "700.00"}})
        await contracts.propose_amendment(work, found, Terms.model_validate(changed), Proposal({"price"}, None, None))
    await sign(runtime, tenant, contract)
    async with runtime.units.for_tenant(tenant) as uow:
        work = workspace_of(uow)
        contract = await contracts.apply_amendment(work, await work.contracts.locked(contract.contract_id))
    return tenant, contract


def facts(contract: Contract) -> list[tuple[FactKind, str, datetime, datetime, dict[str, Any]]]:
    """What happened in June: kind, event, when, and what was told."""
    figure = {
        "environment_id": str(new_id()),
        "environment_name": "production",
        "url": "https://client.example/",
        "site_id": str(contract.terms.site_ids[0]),
        "counts_for_sla": True,
        "starts_at": JUNE[0].isoformat(),
        "ends_at": JUNE[1].isoformat(),
        "contract_version": 1,
        "target_percent": "99.9",
        "met": False,
        "numerator": SECONDS - 4_000,
        "denominator": SECONDS,
        "units_per_second": 1,
        "measured_units": SECONDS,
        "event_ids": [str(new_id()) for _ in range(10)],
    }
    of_contract = {"contract_id": str(contract.contract_id), "version": 1}
    uptime = {
        **of_contract,
        "measurement_id": str(new_id()),
        "month": "2026-06-01",
        "starts_at": JUNE[0].isoformat(),
        "ends_at": JUNE[1].isoformat(),
        "committed": True,
        "met": False,
        "figures": [figure],
        "method": "benchmark",
        "content_hash": "0" * 64,
    }
    late = datetime(2026, 6, 10, 9, tzinfo=UTC)
    missed = {
        **of_contract,
        "clock_id": str(new_id()),
        "incident_id": str(new_id()),
        "metric": "response",
        "policy": "critical-response@1",
        "target_seconds": "1800",
        "elapsed_seconds": "10200",
        "at": late.isoformat(),
    }
    request = {
        **of_contract,
        "item_id": str(new_id()),
        "kind": "request",
        "category": "corrective",
        "severity": "minor",
        "status": "closed",
        "title": "The form is broken",
        "timestamps": {"opened": {"at": late.isoformat()}, "closed": {"at": late.isoformat()}},
    }
    return [
        ("uptime", "reporting.uptime.period_measured.v1", *JUNE, uptime),
        ("clock", BREACHED, late, late, missed),
        *(
            ("request", "incidents.request.closed.v1", late, late, {**request, "number": f"R-{number}"})
            for number in (1, 2)
        ),
    ]


async def add_facts(runtime: Runtime, tenant: UUID, contract: Contract) -> None:
    """The facts of one contract, and work beyond its hours."""
    async with runtime.units.for_tenant(tenant) as uow:
        work = workspace_of(uow)
        for kind, event_type, start, end, content in facts(contract):
            fact = Fact(
                fact_id=new_id(),
                contract_id=contract.contract_id,
                kind=kind,
                subject_id=new_id(),
                item_id=new_id() if kind == "clock" else None,
                version=1,
                event_type=event_type,
                starts_at=start,
                ends_at=end,
                content=content,
            )
            await work.facts.add(fact, contract.client_id)
        await uow.session.execute(
            text(
                "insert into contracts.hours_entry (hours_entry_id, tenant_id, client_id, contract_id, source, line,"
                " work_class, worked_on, month, real_minutes, multipliers, covered, person_name, audience,"
                " recorded_at, recorded_by) values (:entry, :tenant, :client, :contract, 'api', 'technical',"
                " 'preventive', '2026-06-12', '2026-06-01', 210, '[]', false, 'Nadia', 'client', now(), 'benchmark')"
            ),
            {
                "entry": new_id(),
                "tenant": tenant,
                "client": contract.client_id,
                "contract": contract.contract_id,
            },
        )


COPIES = """
create temporary table copied (contract_id uuid);
insert into copied select gen_random_uuid() from generate_series(2, {count});
insert into contracts.contract select (jsonb_populate_record(original,
    jsonb_build_object('contract_id', copied.contract_id, 'number', 'B-' || copied.contract_id))).*
    from contracts.contract original, copied;
{tables}
analyze;
"""
OF_A_CONTRACT = {
    "contract_document": (),
    "contract_state": (),
    "contract_price": (),
    "fact": ("fact_id", "subject_id"),
    "hours_entry": ("hours_entry_id",),
    "settlement_schedule": (),
}
"""Tables that hold rows of a contract, and the ids in them that are never twice."""


def copy_contract(url: str, contract_id: UUID, count: int) -> None:
    """As many contracts as asked for, with the rows that the first one has."""
    with psycopg.connect(libpq_url(url)) as connection:
        known = {
            row[0]
            for row in connection.execute(
                "select table_name from information_schema.tables where table_schema = 'contracts'"
            )
        }
        tables = "\n".join(
            f"insert into contracts.{table} select (jsonb_populate_record(original, jsonb_build_object("
            + ", ".join(["'contract_id', copied.contract_id", *(f"'{key}', gen_random_uuid()" for key in fresh)])
            + f"))).* from contracts.{table} original, copied where original.contract_id = '{contract_id}';"
            for table, fresh in OF_A_CONTRACT.items()
            if table in known
        )
        connection.execute(COPIES.format(count=count, tables=tables).encode())


async def measure(arguments: argparse.Namespace) -> dict[str, Any]:
    clock = FixedClock(START)
    with running_postgres() as postgres:
        database = ServiceDatabases(postgres).create("contracts")
        settings = ContractsSettings(
            database_url=SecretStr(database.app),
            secret_key=SecretStr("a secret of the benchmark, long enough to be one"),
            log_level="error",
        )
        runtime = build_runtime(settings, SERVICE.registry, clock)
        tenant, contract = await one_contract(runtime, clock)
        await add_facts(runtime, tenant, contract)
        job = DueSettlements(runtime.units)
        await job.run()  # finds out when the first period is over
        print(f"copying {arguments.contracts} contracts …", file=sys.stderr, flush=True)
        copy_contract(database.superuser, contract.contract_id, arguments.contracts)
        clock.set(OVER)
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        cpu, began = time.process_time(), time.monotonic()
        batches = 1
        while not await job.run():
            batches += 1
            print(f"{batches * BATCH} settled …", file=sys.stderr, flush=True)
        cpu, lasted = time.process_time() - cpu, time.monotonic() - began
        async with runtime.units.for_every_tenant() as uow:
            query = text("select count(*), min(net), max(net), sum(pg_column_size(content)) from contracts.settlement")
            settled, lowest, highest, size = (await uow.session.execute(query)).one()
            lines = await uow.session.scalar(
                text("select jsonb_array_length(content -> 'lines') from contracts.settlement limit 1")
            )
        await runtime.close()
    assert (settled, lowest) == (arguments.contracts, highest), "not every contract was settled alike"
    return {
        "machine": {"cpus": os.cpu_count(), "python": platform.python_version(), "load": os.getloadavg()},
        "contracts": settled,
        "lines_of_each": lines,
        "net_of_each": lowest,
        "seconds": round(lasted, 1),
        "contracts_per_second": round(settled / lasted, 1),
        "milliseconds_each": round(1000 * lasted / settled, 2),
        "cpu_milliseconds_each_without_postgresql": round(1000 * cpu / settled, 2),
        "megabytes_at_most": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, 1),
        "megabytes_more_than_before": round((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024, 1),
        "kilobytes_stored_each": round(size / settled / 1000, 1),
    }


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--contracts", type=int, default=10_000)
    print(json.dumps(asyncio.run(measure(parser.parse_args())), indent=2))
