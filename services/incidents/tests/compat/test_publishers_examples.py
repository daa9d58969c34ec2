"""Our real handlers take every example that the publishers freeze, twice, and the second time changes nothing."""

import json
from collections.abc import AsyncIterator, Callable
from datetime import datetime
from pathlib import Path

import pytest
from pydantic import SecretStr
from sqlalchemy import text

from incidents.handlers import handlers
from incidents.main import SERVICE
from incidents.settings import IncidentsSettings
from shared.consumer import EventProcessor
from shared.events import Envelope
from shared.ids import new_id
from shared.kernel.clock import FixedClock
from shared.testing.databases import DatabaseUrls
from shared.worker import Runtime, build_runtime

SERVICES = Path(__file__).parents[3]
EXAMPLES = [
    path.read_bytes()
    for service in ("contracts", "probes", "reporting")
    for path in sorted((SERVICES / service / "schemas" / "examples").glob("*.json"))
]
CONSUMED = [example for example in EXAMPLES if handlers.for_event(Envelope.parse(example).name)]

COUNTS = """
select (select count(*) from incidents.contract_terms), (select count(*) from incidents.work_item),
       (select count(*) from incidents.item_stamp), (select count(*) from incidents.timeline_entry),
       (select count(*) from incidents.clock_event), (select count(*) from incidents.notification),
       (select count(*) from incidents.outbox), (select count(*) from incidents.advice_mail),
       (select count(*) from incidents.agency_message)
"""


@pytest.fixture
async def runtime(service_database: Callable[[str], DatabaseUrls], clock: FixedClock) -> AsyncIterator[Runtime]:
    settings = IncidentsSettings(
        database_url=SecretStr(service_database("incidents").app),
        secret_key=SecretStr("k" * 32),
        alert_emails=("oncall@agency.example",),
    )
    runtime = build_runtime(settings, SERVICE.registry, clock)
    SERVICE.jobs(runtime)
    yield runtime
    await runtime.close()


async def counts(runtime: Runtime) -> tuple[int, ...]:
    async with runtime.units.for_every_tenant() as unit:
        return tuple((await unit.session.execute(text(COUNTS))).one())


# What the client owes concerns items that are there: test_obligations.py tells what it does to them.
ALONE = [example for example in CONSUMED if Envelope.parse(example).name.aggregate != "obligation"]


@pytest.mark.parametrize("example", ALONE, ids=lambda example: str(Envelope.parse(example).name))
async def test_an_example_is_taken_once(runtime: Runtime, example: bytes) -> None:
    processor = EventProcessor(handlers, runtime.units, "incidents")
    if Envelope.parse(example).name.event == "settled":
        for earlier in CONSUMED:  # it is about an outage, which must be known
            if Envelope.parse(earlier).name.event in ("activated", "down"):
                await processor.process(earlier)
    assert await processor.process(example)
    first = await counts(runtime)
    assert sum(first) > 0
    assert not await processor.process(example)
    # The same fact under a new event id: the inbox does not know it, the rules do.
    again = json.loads(example) | {"id": str(new_id())}
    assert await processor.process(json.dumps(again).encode())
    assert await counts(runtime) == first


async def test_the_examples_together_make_one_whole_incident(runtime: Runtime) -> None:
    processor = EventProcessor(handlers, runtime.units, "incidents")
    for example in [*CONSUMED, *reversed(CONSUMED)]:
        await processor.process(example)
    assert CONSUMED == [] or sum(await counts(runtime)) > 0


async def test_the_pause_that_probes_freezes_opens_the_incident_and_ends_its_observation(runtime: Runtime) -> None:
    (paused,) = (example for example in CONSUMED if str(Envelope.parse(example).name) == "probes.monitor.paused.v1")
    await EventProcessor(handlers, runtime.units, "incidents").process(paused)
    query = "select milestone, at, outage->>'reason' from incidents.item_stamp join incidents.work_item on id = item_id"
    async with runtime.units.for_every_tenant() as unit:
        found = {name: (at, reason) for name, at, reason in await unit.session.execute(text(query))}
    data = Envelope.parse(paused).data
    assert found["monitoring_paused"] == (datetime.fromisoformat(data["since"]), data["outage"]["reason"])
    assert found["detected"][0] == datetime.fromisoformat(data["outage"]["confirmed_at"])


def test_no_version_of_a_contract_and_no_outage_is_passed_over() -> None:
    told = [Envelope.parse(example) for example in EXAMPLES]
    # What tells of a contract without a state of it, such as that its notice is due, is no version.
    concern_us = [
        each.name
        for each in told
        if (str(each.name).startswith("contracts.contract.") and "effective_from" in each.data)
        or str(each.name) in ("probes.monitor.down.v1", "probes.monitor.recovered.v1", "probes.monitor.paused.v1")
    ]
    assert [str(name) for name in concern_us if not handlers.for_event(name)] == []
