"""What a runner does with work of which something goes wrong on its own side."""

import pytest

from probes.adapters.checks.diagnosis import Diagnostics
from probes.adapters.checks.http import HttpEngine
from shared.testing.small_site import SmallSite

from .conftest import Service, contract, eventually


@pytest.mark.parametrize("part", [(HttpEngine, "fetch"), (Diagnostics, "complete")])
async def test_a_fault_of_ours_leaves_no_work_open_and_is_no_outage(
    service: Service, monkeypatch: pytest.MonkeyPatch, part: tuple[type, str]
) -> None:
    async def fails(*_: object, **__: object) -> None:
        raise ZeroDivisionError("seldom")

    monkeypatch.setattr(*part, fails)
    with SmallSite() as site:
        given = contract(site.url())
        await service.tell(given, "activated", given.state())
        await eventually(lambda: service.one("select count(*) >= 3 from probes.result"))

        async def nothing_open() -> bool:
            return not (await service.js.consumer_info("PROBE_WORK", "runner-default")).num_ack_pending

        await eventually(nothing_open, 3)
    assert await service.rows("select state from probes.monitor") == [{"state": "unknown"}]
    assert await service.one("select count(*) from probes.outage") == 0
    assert (await service.events())[-1].data["reason"] == "blocked"
