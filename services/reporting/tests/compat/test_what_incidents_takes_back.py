"""The change of clocks that incidents freezes takes back the breach before it, in whatever order they come."""

import itertools
import json
from pathlib import Path
from typing import Any

import pytest

from shared.events import Envelope
from shared.ids import new_id

EXAMPLES = Path(__file__).parents[3] / "incidents" / "schemas" / "examples"


def example(name: str, version: int, tenant_id: str) -> bytes:
    envelope = json.loads((EXAMPLES / f"incidents.{name}.v1.json").read_text(encoding="utf-8"))
    told = {"id": str(new_id()), "tenantid": tenant_id, "aggregateversion": version}
    return Envelope.model_validate(envelope | told).to_bytes()


@pytest.mark.parametrize("order", list(itertools.permutations(range(3))), ids=str)
async def test_the_frozen_change_takes_the_frozen_breach_back(service: Any, story: Any, order: tuple[int, ...]) -> None:
    tenant = str(story.tenant_id)
    changed = example("incident.clocks_changed", 2, tenant)
    told = {clock["metric"]: clock for clock in json.loads(changed)["data"]["clocks"]}
    events = [
        example("incident.opened", 1, tenant),
        # The change knows of it: the breach was the newest that the clock had said of itself by then.
        example("clock.breached", told["response"]["clock_version"], tenant),
        changed,
    ]
    story.contract_id = json.loads(changed)["data"]["contract_id"]
    await service.hear(story.contract("activated", service.clock.now()), *(events[index] for index in order))
    service.clock.set(service.clock.now().replace(day=30))
    async with service.client(story) as client:
        report = (await client.get(f"/v1/contracts/{story.contract_id}/reports/2026-06")).json()
    shown = {clock["metric"]: clock for clock in report["incidents"]["items"][0]["clocks"]}
    assert {metric: clock["verdict"] for metric, clock in shown.items()} == {"response": "running", "repair": "running"}
    assert [shown[metric]["due_at"] for metric in shown] == [told[metric]["due_at"] for metric in shown]
    assert [shown[metric]["target_seconds"] for metric in shown] == [told[metric]["target_seconds"] for metric in shown]
