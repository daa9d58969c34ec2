"""What a runner does with work of which something goes wrong on its own side."""

import pytest
from nats.js.errors import NotFoundError

from probes.adapters.checks.diagnosis import Diagnostics
from probes.adapters.checks.http import HttpEngine
from probes.domain.slots import LONGEST_INTERVAL
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
        assert await service.rows("select state from probes.monitor") == [{"state": "unknown"}]

        async def told_that_it_is_blocked() -> bool:
            return [event.data["reason"] for event in await service.events()][-1:] == ["blocked"]

        await eventually(told_that_it_is_blocked)

        async def reached() -> tuple[int, int]:
            info = await service.js.consumer_info("PROBE_WORK", "runner-default")
            assert info.delivered and info.ack_floor
            return info.delivered.stream_seq, info.ack_floor.stream_seq

        taken, _ = await reached()

        async def nothing_of_it_open() -> bool:  # new work is taken every second, so that some is always open
            return (await reached())[1] >= taken

        await eventually(nothing_of_it_open)
    assert await service.one("select count(*) from probes.outage") == 0


async def test_work_waits_for_a_runner_as_long_as_the_longest_interval(service: Service) -> None:
    async def kept_for() -> float:
        try:
            return float((await service.js.stream_info("PROBE_WORK")).config.max_age or 0)
        except NotFoundError:
            return 0

    assert await eventually(kept_for) > LONGEST_INTERVAL.total_seconds()
