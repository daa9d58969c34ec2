"""The whole way: a stream of events in a real NATS, the worker of this service, and what a client then reads."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any

import nats
from pydantic import SecretStr

from reporting.main import SERVICE
from shared.events import Envelope
from shared.jetstream import declare_stream, event_stream
from shared.worker import run_worker


@asynccontextmanager
async def working(service: Any) -> AsyncIterator[None]:
    """The worker of the service, as `python -m reporting worker` runs it."""
    task = asyncio.create_task(run_worker(service.runtime, SERVICE.handlers, SERVICE.jobs(service.runtime)))
    try:
        yield
    finally:
        service.runtime.stopping.set()
        await asyncio.wait_for(task, 20)


async def publish(url: str, payloads: list[bytes]) -> None:
    """What the relays of the other services do."""
    client = await nats.connect(url)
    js = client.jetstream()
    for name in ("contracts", "probes", "incidents"):
        await declare_stream(js, event_stream(name), 1)
    for payload in payloads:
        envelope = Envelope.parse(payload)
        await js.publish(envelope.name.subject(envelope.subject.partition("/")[2]), payload)
    await client.drain()


async def test_events_of_three_streams_become_one_report_in_whatever_order_they_come(
    start_service: Callable[..., Any], own_nats_server: Any, story: Any, eventually: Callable[..., Any]
) -> None:
    url = own_nats_server.url()
    service = await start_service(nats_url=SecretStr(url))
    direct = await start_service()
    events = story.golden_june()
    await publish(url, [*reversed(events), *events])
    await direct.hear(*events)
    service.clock.set(datetime(2026, 7, 1, 6, tzinfo=UTC))

    async def heard() -> bool:
        async with service.runtime.units.for_every_tenant() as unit:
            connection = await unit.session.connection()
            count = (await connection.exec_driver_sql("select count(*) from reporting.event")).scalar_one()
        return bool(count == len(events))

    async with working(service):
        await eventually(heard, 30)
    async with service.client(story) as one, direct.client(story) as two:
        address = f"/v1/contracts/{story.contract_id}/reports/2026-06"
        assert (await one.get(address)).json() == (await two.get(address)).json()
        assert (await one.get(address)).json()["uptime"]["figures"][0]["uptime_display"] == "99.97"
