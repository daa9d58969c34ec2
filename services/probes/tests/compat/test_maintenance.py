"""Our real handlers, twice over and in any order, on the examples that contracts publishes of maintenance windows."""

import itertools
import json
from collections.abc import AsyncIterator, Callable
from datetime import datetime
from pathlib import Path
from typing import Any

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
NAMES = ("contracts.maintenance.scheduled.v1", "contracts.maintenance.cancelled.v1")


@pytest.fixture
async def runtime(service_database: Callable[[str], DatabaseUrls], clock: FixedClock) -> AsyncIterator[Runtime]:
    made = build_runtime(
        ProbesSettings(database_url=SecretStr(service_database("probes").app), secret_key=SERVICE_KEY),
        SERVICE.registry,
        clock,
    )
    yield made
    await made.close()


async def occurrences(runtime: Runtime) -> list[Any]:
    async with runtime.units.for_every_tenant() as unit:
        rows = await unit.session.execute(
            text("select starts_at, ends_at, covers from probes.maintenance_occurrence order by starts_at")
        )
        return [tuple(row) for row in rows]


@pytest.mark.parametrize("name", NAMES)
async def test_an_example_takes_effect_once_however_often_it_is_said(runtime: Runtime, name: str) -> None:
    payload = (EXAMPLES / f"{name}.json").read_bytes()
    processor = EventProcessor(handlers, runtime.units, "probes")
    assert await processor.process(payload)
    once = await occurrences(runtime)
    data = Envelope.parse(payload).data
    assert [(start, end) for start, end, _ in once] == [
        (datetime.fromisoformat(each["starts_at"]), datetime.fromisoformat(each["ends_at"]))
        for each in data["occurrences"]
    ]
    assert not await processor.process(payload)
    again = json.loads(payload) | {"id": str(new_id())}
    assert await processor.process(json.dumps(again).encode())
    assert await occurrences(runtime) == once


@pytest.mark.parametrize("order", list(itertools.permutations(NAMES)))
async def test_in_any_order_a_cancelled_window_stays_cancelled(runtime: Runtime, order: tuple[str, ...]) -> None:
    processor = EventProcessor(handlers, runtime.units, "probes")
    for name in order:
        await processor.process((EXAMPLES / f"{name}.json").read_bytes())
    assert len(await occurrences(runtime)) == 1
