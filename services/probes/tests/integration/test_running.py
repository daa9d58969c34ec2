"""What a runner does with work of which something goes wrong on its own side."""

import asyncio
import socket
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import httpx
import pytest
from nats.js.errors import NotFoundError
from prometheus_client import REGISTRY

from probes import worker
from probes.adapters.checks.diagnosis import Diagnostics
from probes.adapters.checks.http import HttpEngine
from probes.domain.slots import LONGEST_INTERVAL
from probes.settings import RunnerSettings
from shared.outbox import RETENTION
from shared.service import liveness_response
from shared.stack.nats_server import NatsServer
from shared.testing.databases import DatabaseUrls
from shared.testing.small_site import SmallSite
from shared.time_source import SystemClock
from shared.worker import STALLED_AFTER_SECONDS

from .conftest import Service, contract, eventually, settings_for, working
from .runners import runner_url, running

CADENCE = {"interval_seconds": 2, "timeout_seconds": 2, "rechecks": 3, "recheck_spacing_seconds": 0}


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


@pytest.mark.parametrize(("stream", "least"), [("PROBE_WORK", LONGEST_INTERVAL), ("PROBES", RETENTION)])
async def test_work_waits_for_a_runner_as_long_as_the_longest_interval_and_what_was_said_as_long_as_in_the_outbox(
    service: Service, stream: str, least: timedelta
) -> None:
    async def kept_for() -> float:
        try:
            return float((await service.js.stream_info(stream)).config.max_age or 0)
        except NotFoundError:
            return 0

    # No longer, either: the roll-ups of every hour fill the stream, and one that is full takes no outage.
    assert least.total_seconds() <= await eventually(kept_for) <= least.total_seconds() + 3600


async def test_work_that_no_runner_takes_is_told_by_the_one_that_schedules_until_somebody_takes_it(
    service_database: Callable[[str], DatabaseUrls], own_nats_server: NatsServer, tmp_path: Path
) -> None:
    settings = settings_for(service_database("probes"), own_nats_server, execute_checks=False, locations=("lyon",))

    async def waiting(wanted: Callable[[float], bool]) -> bool:
        return wanted(REGISTRY.get_sample_value("probes_work_waiting", {"location": "lyon"}) or 0.0)

    with SmallSite() as site:
        async with working(settings, own_nats_server.url()) as service:
            given = contract(site.url())
            await service.tell(given, "activated", given.state(monitoring=CADENCE))
            await eventually(lambda: waiting(lambda batches: batches >= 3))
            assert REGISTRY.get_sample_value("probes_checks_unscheduled_total", {"location": "lyon"}) == 0
            with running(runner_url(own_nats_server, "lyon"), "lyon", tmp_path / "lyon.log"):
                await eventually(lambda: waiting(lambda batches: batches == 0))
    # Whoever schedules no more says nothing: it would be the last word for ever.
    assert REGISTRY.get_sample_value("probes_work_waiting", {"location": "lyon"}) is None


async def test_a_runner_says_on_its_port_of_operations_whether_it_lives_and_reaches_nats(
    own_nats_server: NatsServer, tmp_path: Path
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = str(listener.getsockname()[1])
    url = runner_url(own_nats_server, "lyon")
    own_nats_server.kill()
    with running(url, "lyon", tmp_path / "lyon.log", {"PROBES_OPS_PORT": port}) as process:
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", trust_env=False) as ops:

            async def ready(status: int) -> bool:
                assert process.poll() is None
                try:
                    return (await ops.get("/readyz?verbose")).status_code == status
                except httpx.TransportError:
                    return False

            await eventually(lambda: ready(503))
            assert (await ops.get("/readyz")).json()["checks"] == {"nats": "is not connected", "draining": "ok"}
            assert (await ops.get("/livez")).json() == {"status": "alive"}
            assert 'nats_connected{service="probes"} 0.0' in (await ops.get("/metrics")).text
            own_nats_server.start()
            await eventually(lambda: ready(200))
            told = (await ops.get("/metrics")).text
            assert 'nats_connected{service="probes"} 1.0' in told
            assert 'probes_results_dropped_total{location="lyon"} 0.0' in told
        with running(url, "lyon", tmp_path / "second.log", {"PROBES_OPS_PORT": port}) as second:
            assert await asyncio.to_thread(second.wait, 30) == 1
    said = (tmp_path / "second.log").read_text().splitlines()[-1]
    assert said.startswith(f"probes: cannot listen on 127.0.0.1:{port}") and "PROBES_OPS_PORT" in said


async def test_a_runner_whose_nats_is_away_for_long_lives_and_one_that_stands_still_does_not(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def waits_for_nats(*_: object) -> None:
        await asyncio.Event().wait()

    monkeypatch.setattr(worker, "run_runner", waits_for_nats)
    state = worker.RunnerState(asyncio.Event())
    long_ago = time.monotonic() - 10 * STALLED_AFTER_SECONDS
    state.liveness._progress["runner"] = long_ago
    assert liveness_response(state.liveness).status_code == 503
    waiting = asyncio.create_task(worker._keep_running(RunnerSettings(), SystemClock(), state))
    await asyncio.sleep(0.1)
    assert liveness_response(state.liveness).status_code == 200
    waiting.cancel()
