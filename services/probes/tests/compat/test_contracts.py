"""Our real handlers, twice over, on the examples that contracts publishes."""

import json
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
from pydantic import SecretStr
from sqlalchemy import text

from probes.handlers import handlers
from probes.main import SERVICE
from probes.settings import ProbesSettings
from shared.consumer import EventProcessor
from shared.events import Envelope
from shared.ids import new_id
from shared.kernel.clock import FixedClock
from shared.testing.databases import DatabaseUrls
from shared.worker import Runtime, build_runtime

from ..keys import SERVICE_KEY

EXAMPLES = Path(__file__).parents[3] / "contracts" / "schemas" / "examples"
CONSUMED = sorted(f"{subscription.name}" for subscription in handlers if subscription.name.aggregate == "contract")


@pytest.fixture
async def runtime(service_database: Callable[[str], DatabaseUrls], clock: FixedClock) -> AsyncIterator[Runtime]:
    made = build_runtime(
        ProbesSettings(database_url=SecretStr(service_database("probes").app), secret_key=SERVICE_KEY),
        SERVICE.registry,
        clock,
    )
    yield made
    await made.close()


async def counts(runtime: Runtime) -> dict[str, int]:
    tables = ("contract_version", "monitor", "monitor_rules", "location_state", "stretch", "outbox")
    async with runtime.units.for_every_tenant() as unit:
        return {
            table: int(await unit.session.scalar(text(f"select count(*) from probes.{table}")) or 0) for table in tables
        }


@pytest.mark.parametrize("name", CONSUMED)
async def test_an_example_takes_effect_once_however_often_it_is_said(runtime: Runtime, name: str) -> None:
    payload = (EXAMPLES / f"{name}.json").read_bytes()
    processor = EventProcessor(handlers, runtime.units, "probes")
    envelope = Envelope.parse(payload)
    runtime.clock.set(max(runtime.clock.now(), envelope.time))  # type: ignore[attr-defined]
    assert await processor.process(payload)
    once = await counts(runtime)
    assert once["contract_version"] == 1
    assert not await processor.process(payload)
    # The same version under another id, as after a republication from an older outbox.
    again = json.loads(payload) | {"id": str(new_id())}
    assert await processor.process(json.dumps(again).encode())
    assert await counts(runtime) == once


async def test_the_life_of_a_contract_in_reverse_order_ends_where_it_ends_in_order(runtime: Runtime) -> None:
    processor = EventProcessor(handlers, runtime.units, "probes")
    payloads = [(EXAMPLES / f"{name}.json").read_bytes() for name in CONSUMED]
    payloads.sort(key=lambda payload: Envelope.parse(payload).aggregateversion)
    latest = max(str(json.loads(payload)["data"]["effective_from"]) for payload in payloads)
    activated = Envelope.parse(payloads[0])
    assert await processor.process(payloads[0])
    runtime.clock.set(type(activated.time).fromisoformat(latest))  # type: ignore[attr-defined]
    for payload in reversed(payloads):
        await processor.process(payload)
    async with runtime.units.for_every_tenant() as unit:
        states = list(await unit.session.scalars(text("select distinct state from probes.monitor")))
    assert states == ["paused"]
