"""Control targets are tried while checks fail, over real servers on loopback."""

import asyncio
import socket
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from ipaddress import ip_network

import pytest
from pydantic import SecretStr, ValidationError

from probes.adapters.checks import control_targets
from probes.adapters.checks.control_targets import ControlTargets, target_document
from probes.adapters.checks.executors import Executors
from probes.domain.quarantine import Controls
from probes.settings import ProbesSettings
from shared.kernel.clock import Clock, FixedClock
from shared.testing.small_site import SmallSite
from shared.time_source import SystemClock

from ....keys import SERVICE_KEY


@pytest.fixture
async def executors() -> AsyncIterator[Executors]:
    made = Executors((ip_network("127.0.0.0/8"),))
    yield made
    await made.aclose()


def closed_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port: int = taken.getsockname()[1]
    return port


async def read(targets: list[str], executors: Executors) -> bool:
    controls = ControlTargets(targets, executors, SystemClock())
    running = asyncio.create_task(controls.run())
    try:
        assert controls.reading_near(datetime.now(UTC)) is None, "nothing is tried while nothing fails"
        controls.failed()
        return (await first_reading(controls)).reached
    finally:
        running.cancel()


async def first_reading(controls: ControlTargets, clock: Clock | None = None) -> Controls:
    for _ in range(1000):
        if found := controls.reading_near((clock or SystemClock()).now()):
            return found
        await asyncio.sleep(0.01)
    raise AssertionError("nothing was read")


async def test_a_place_is_sound_when_it_reaches_most_of_them_whatever_they_answer(executors: Executors) -> None:
    with SmallSite() as site:
        site.break_page()
        port = site.url().rsplit(":", 1)[1].strip("/")
        assert await read([site.url(), f"127.0.0.1:{port}", f"127.0.0.1:{closed_port()}"], executors)


async def test_a_place_is_at_fault_when_it_does_not_reach_most_of_them(executors: Executors) -> None:
    with SmallSite() as site:
        assert not await read([site.url(), f"127.0.0.1:{closed_port()}"], executors)


async def test_they_are_left_alone_when_nothing_fails_any_more(
    executors: Executors, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(control_targets, "AGAIN_SECONDS", 0.05)
    monkeypatch.setattr(control_targets, "AFTER_FAILURE_SECONDS", 0.1)
    controls = ControlTargets([f"127.0.0.1:{closed_port()}"], executors, SystemClock())
    running = asyncio.create_task(controls.run())
    controls.failed()
    first = await first_reading(controls)
    await asyncio.sleep(1)
    last = controls.reading_near(datetime.now(UTC))
    assert last is not None and last.at - first.at < timedelta(seconds=0.8)
    running.cancel()


async def test_results_that_waited_are_told_with_the_reading_of_their_own_time(
    executors: Executors, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(control_targets, "AGAIN_SECONDS", 0.05)
    clock = FixedClock(datetime(2026, 3, 2, 8, tzinfo=UTC))
    with SmallSite() as site:
        controls = ControlTargets([f"127.0.0.1:{closed_port()}", site.url()], executors, clock)
        running = asyncio.create_task(controls.run())
        controls.failed()
        then = await first_reading(controls, clock)
        at_fault_at = clock.now()
        clock.advance(timedelta(minutes=10))
        assert controls.reading_near(clock.now()) is None, "what was seen ten minutes ago says nothing about now"
        await first_reading(controls, clock)
        running.cancel()
    assert controls.reading_near(at_fault_at + timedelta(seconds=5)) == then


async def test_without_targets_nothing_is_known_and_nothing_waits(executors: Executors) -> None:
    await ControlTargets([], executors, SystemClock()).run()


def test_a_target_is_a_web_address_or_a_port_of_a_host() -> None:
    assert target_document("https://example.org/") == {"kind": "http", "url": "https://example.org/"}
    assert target_document("192.0.2.1:53") == {"kind": "tcp", "host": "192.0.2.1", "port": 53}
    assert target_document("[2001:db8::1]:53")["port"] == 53


@pytest.mark.parametrize("target", ["example.org", "ftp://example.org/", "example.org:0", "example.org:70000", ":80"])
def test_anything_else_is_refused_at_the_start_with_its_name(target: str) -> None:
    with pytest.raises(ValueError, match="neither"):
        target_document(target)
    with pytest.raises(ValidationError, match="neither"):
        ProbesSettings(database_url=SecretStr("postgresql://x/y"), secret_key=SERVICE_KEY, control_targets=(target,))
