"""Our real handlers take what the service desk publishes, twice and in any order, and end with what it says last."""

import json
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from pydantic import SecretStr
from sqlalchemy import text

from contracts.adapters.workspace import workspace_of
from contracts.application.advice import NewAdvisory, issue
from contracts.application.clients import Client
from contracts.application.configuration import NewConfigurationItem, NewVersion
from contracts.application.contracts import NewContract, draft_contract
from contracts.application.deliveries import enter_item
from contracts.application.provisioning import create_tenant
from contracts.application.register_records import LongTexts
from contracts.handlers import handlers
from contracts.main import SERVICE
from contracts.settings import ContractsSettings
from shared.consumer import EventProcessor, PermanentError
from shared.events import Envelope
from shared.ids import new_id
from shared.kernel.clock import FixedClock
from shared.testing.databases import DatabaseUrls
from shared.worker import Runtime, build_runtime

SERVICES = Path(__file__).parents[3]
CONSUMED = sorted({str(subscription.name) for subscription in handlers})
NO_FACTS = {f"incidents.{name}.v1" for name in ("advice.delivered", "anomaly.recorded", "time_entry.recorded")}
RECORDS = [f"incidents.{kind}.recorded.v1" for kind in ("anomaly", "deployment", "intervention")]
BREACHED = "incidents.clock.breached.v1"
BEFORE = datetime(2026, 1, 1, tzinfo=UTC)
COUNTS = """
select (select count(*) from contracts.delivery), (select count(*) from contracts.configuration_version),
       (select count(*) from contracts.register_entry), (select count(*) from contracts.breach),
       (select count(*) from contracts.hours_entry), (select count(*) from contracts.hours_item),
       (select count(*) from contracts.reaction), (select count(*) from contracts.outbox),
       (select sum(version) from contracts.advisory)
"""


@pytest.fixture
async def runtime(service_database: Callable[[str], DatabaseUrls], clock: FixedClock) -> AsyncIterator[Runtime]:
    """A runtime whose database has the tenant, the client and the contract that the examples name."""
    settings = ContractsSettings(
        database_url=SecretStr(service_database("contracts").app),
        secret_key=SecretStr("a secret of the tests, long enough to be one"),
    )
    runtime = build_runtime(settings, SERVICE.registry, clock)
    told = Envelope.parse(example("incidents.deployment.recorded.v1"))
    async with runtime.units.for_tenant(told.tenantid) as uow:
        work = workspace_of(uow)
        await create_tenant(work, "Agence Lumière")
        await work.clients.add(
            Client(
                client_id=told.data["client_id"],
                version=1,
                name="Hôtel du Lac",
                language="fr",
                time_zone="Europe/Paris",
                currency="EUR",
                country="FR",
                contacts=[],
                created_at=uow.now,
                updated_at=uow.now,
            )
        )
        named = replace(work, new_id=lambda: UUID(told.data["contract_id"]))
        terms = {"site_ids": [], "starts_on": "2026-06-08", "price": {"amount": "600.00", "currency": "EUR"}}
        await draft_contract(
            named, NewContract.model_validate({"client_id": told.data["client_id"], "plan_code": "premium", **terms})
        )
        mailed = Envelope.parse(example("incidents.advice.delivered.v1"))
        words = LongTexts(fr="Double authentification", en="Two-factor authentication")
        await issue(
            replace(work, new_id=lambda: UUID(mailed.data["advisory_id"])),
            NewAdvisory(client_id=told.data["client_id"], kind="security", title=words, body=words),
        )
    clock.set(max(clock.now(), told.time))
    yield runtime
    await runtime.close()


def example(name: str) -> bytes:
    return (SERVICES / name.split(".", maxsplit=1)[0] / "schemas" / "examples" / f"{name}.json").read_bytes()


def ours(payload: bytes) -> bytes:
    """An example of any service, of the tenant and the contract that are there."""
    there = Envelope.parse(example(RECORDS[0]))
    envelope = json.loads(payload)
    told = envelope["data"] | {"contract_id": there.data["contract_id"], "client_id": there.data["client_id"]}
    return json.dumps(envelope | {"tenantid": str(there.tenantid), "data": told}).encode()


def again(payload: bytes, **changes: Any) -> bytes:
    """The same fact in an event of its own, with other data."""
    envelope = json.loads(payload)
    version = changes.get("version", envelope["aggregateversion"])
    told = {"id": str(new_id()), "aggregateversion": version, "data": envelope["data"] | changes}
    return json.dumps(envelope | told).encode()


async def counts(runtime: Runtime) -> tuple[int, ...]:
    async with runtime.units.for_every_tenant() as unit:
        return tuple((await unit.session.execute(text(COUNTS))).one())


async def labels(runtime: Runtime) -> list[tuple[str, str, int | None]]:
    """What was ever recorded of configuration items."""
    query = "select label, state, corrects from contracts.configuration_version order by number"
    async with runtime.units.for_every_tenant() as unit:
        return [tuple(row) for row in await unit.session.execute(text(query))]


async def enter_shop(runtime: Runtime) -> None:
    told = Envelope.parse(example("incidents.deployment.recorded.v1"))
    async with runtime.units.for_tenant(told.tenantid) as uow:
        new = NewConfigurationItem(
            client_id=told.data["client_id"],
            kind="application",
            name=told.data["configuration_item"],
            current=NewVersion(label=told.data["previous_version"], effective_from=BEFORE),
        )
        await enter_item(workspace_of(uow), new)


@pytest.mark.parametrize("name", [*RECORDS, BREACHED])
async def test_an_example_takes_effect_once_however_often_it_is_said(runtime: Runtime, name: str) -> None:
    processor = EventProcessor(handlers, runtime.units, "contracts")
    empty = await counts(runtime)
    assert await processor.process(example(name))
    once = await counts(runtime)
    assert once != empty
    assert not await processor.process(example(name))
    assert await processor.process(again(example(name)))
    assert await counts(runtime) == once


async def test_a_deployment_and_its_roll_back_are_versions_of_the_item_in_whatever_order_they_are_heard(
    runtime: Runtime,
) -> None:
    await enter_shop(runtime)
    processor = EventProcessor(handlers, runtime.units, "contracts")
    deployed = example("incidents.deployment.recorded.v1")
    rolled_back = again(deployed, version=2, result="rolled_back", rolled_back_at="2026-06-08T05:00:00Z")
    await processor.process(rolled_back)
    await processor.process(deployed)
    assert await labels(runtime) == [
        ("2.3.0", "in_service", None),
        ("2.4.0", "in_service", None),
        ("2.3.0", "in_service", None),
    ]
    await processor.process(again(deployed, version=3, result="failed"))
    assert (await labels(runtime))[3:] == [("2.4.0", "withdrawn", 2), ("2.3.0", "withdrawn", 3)]


async def test_a_deployment_of_an_item_that_is_not_in_the_register_waits_for_it(runtime: Runtime) -> None:
    await EventProcessor(handlers, runtime.units, "contracts").process(example("incidents.deployment.recorded.v1"))
    assert await labels(runtime) == []
    await enter_shop(runtime)
    assert await labels(runtime) == [("2.3.0", "in_service", None), ("2.4.0", "in_service", None)]


async def test_what_is_for_the_agency_alone_is_not_in_the_clients_lists(runtime: Runtime) -> None:
    processor = EventProcessor(handlers, runtime.units, "contracts")
    for name in ("anomaly", "intervention", "deployment"):
        await processor.process(again(example(f"incidents.{name}.recorded.v1"), audience="agency"))
    async with runtime.units.for_every_tenant() as unit:
        assert await unit.session.scalar(text("select count(*) from contracts.register_entry")) == 0


async def test_every_example_of_other_services_is_a_fact_once_however_often_it_is_said(runtime: Runtime) -> None:
    processor = EventProcessor(handlers, runtime.units, "contracts")
    facts = [name for name in CONSUMED if name not in NO_FACTS]
    for name in [*facts, *facts]:
        await processor.process(ours(example(name)))
    async with runtime.units.for_every_tenant() as unit:
        kept = (await unit.session.scalars(text("select event_type from contracts.fact order by event_type"))).all()
    assert list(kept) == facts


async def test_a_record_of_a_contract_that_nobody_has_is_a_dead_letter(runtime: Runtime) -> None:
    processor = EventProcessor(handlers, runtime.units, "contracts")
    for name in CONSUMED:
        with pytest.raises(PermanentError):
            await processor.process(again(example(name), contract_id=str(new_id()), advisory_id=str(new_id())))
