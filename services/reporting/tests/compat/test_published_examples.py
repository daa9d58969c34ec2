"""What the publishers promise is what the real handlers understand: in order, twice, and in reverse."""

import json
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Table, select, text

from reporting.adapters.rebuilt_tables import REBUILT
from reporting.adapters.tables import metadata
from reporting.jobs.rebuild import Rebuild
from reporting.main import SERVICE
from shared.events import Envelope
from shared.ids import new_id

SERVICES = Path(__file__).parents[3]
PUBLISHERS = ("contracts", "probes", "incidents", "reporting")
OWN = ("outbox", "inbox", "dead_letter", "idempotency_key")
IN_ORDER = ("audit_entry",)
"""What is no projection: the log says in which order things arrived."""
IN_ARRIVAL = ("heard",)
"""Columns that number what arrives."""


def examples() -> list[tuple[str, bytes]]:
    """The frozen examples of every publisher: name and envelope, one tenant for all."""
    tenant = new_id()
    versions: dict[str, int] = {}
    found = []
    for service in PUBLISHERS:
        for path in sorted((SERVICES / service / "schemas" / "examples").glob("*.json")):
            envelope = json.loads(path.read_text(encoding="utf-8"))
            envelope["tenantid"] = str(tenant)
            # Examples are written one by one and share ids and versions; here each is an event of its own.
            envelope["id"] = str(new_id())
            aggregate = envelope["subject"]
            envelope["aggregateversion"] = versions[aggregate] = versions.get(aggregate, 0) + 1
            found.append((path.name, Envelope.model_validate(envelope).to_bytes()))
    return found


async def stored(service: Any) -> dict[str, list[tuple[Any, ...]]]:
    """Every row of every projection."""
    rows: dict[str, list[tuple[Any, ...]]] = {}
    async with service.runtime.units.for_every_tenant() as unit:
        for table in _projections():
            told = [column for column in table.columns if column.name not in IN_ARRIVAL]
            result = await unit.session.execute(select(*told).order_by(*table.primary_key))
            rows[table.name] = [tuple(row) for row in result]
    return rows


def _projections() -> Iterable[Table]:
    return (table for table in metadata.sorted_tables if table.name not in OWN + IN_ORDER)


async def test_every_handled_event_has_an_example() -> None:
    known = {name.removesuffix(".json") for name, _ in examples()}
    assert SERVICE.handlers is not None
    handled = {str(subscription.name) for subscription in SERVICE.handlers}
    published = {service for service in PUBLISHERS if (SERVICES / service / "schemas" / "examples").is_dir()}
    assert {name for name in handled - known if name.partition(".")[0] in published} == set()


async def test_examples_give_the_same_rows_twice_and_in_reverse(start_service: Callable[..., Any]) -> None:
    payloads = [payload for _, payload in examples()]
    if not payloads:
        pytest.skip("no publisher has written its examples yet")
    forward, backward = await start_service(), await start_service()
    assert await forward.hear(*payloads) == len(payloads)
    assert await forward.hear(*payloads) == 0
    assert await backward.hear(*reversed(payloads)) == len(payloads)
    assert await stored(forward) == await stored(backward)


async def test_a_rebuild_makes_the_same_rows_of_every_example_that_handlers_make(service: Any) -> None:
    await service.hear(*(payload for _, payload in examples()))
    heard = await stored(service)
    made = [str(table.name) for table in REBUILT.values()]
    async with service.runtime.units.for_every_tenant() as unit:
        for name in made:
            await unit.session.execute(text(f"delete from reporting.{name.removeprefix('rebuilt_')}"))
    work = Rebuild(service.runtime.units, None)
    await work.begin()
    while await work.step() is not None:
        pass
    await work.switch()
    again = await stored(service)
    for name in (name.removeprefix("rebuilt_") for name in made):
        assert heard[name], f"no example fills {name}"
        assert again[name] == heard[name], name
