"""The worker role over real NATS: what publishers say becomes incidents, mails and events of our own."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

import nats
import pytest

from incidents.handlers import handlers
from incidents.main import SERVICE
from shared.events import Envelope, EventName
from shared.ids import new_id
from shared.jetstream import declare_stream, event_stream
from shared.stack.nats_server import NatsServer
from shared.worker import run_worker

from .conftest import Agreement, Desk


@asynccontextmanager
async def working(desk: Desk) -> AsyncIterator[None]:
    stop = asyncio.Event()
    task = asyncio.create_task(run_worker(desk.runtime, handlers, SERVICE.jobs(desk.runtime), stop))
    try:
        yield
    finally:
        stop.set()
        await task


async def until(condition: Callable[[], Any], seconds: float = 15.0) -> None:
    async with asyncio.timeout(seconds):
        while not condition():  # noqa: ASYNC110 - what is waited for happens in another process
            await asyncio.sleep(0.02)


def envelope(name: str, data: dict[str, Any], agreement: Agreement, desk: Desk, version: int = 1) -> tuple[str, bytes]:
    event = EventName.parse(name)
    told = Envelope(
        id=new_id(),
        source=f"/services/{event.service}",
        type=event.type,
        subject=f"{event.aggregate}/x",
        time=desk.clock.now(),
        dataschema="urn:test",
        tenantid=agreement.tenant_id,
        aggregateversion=version,
        data=data,
    )
    return event.subject(new_id().hex), told.to_bytes()


@pytest.mark.capability("I04")
async def test_from_the_monitors_word_to_the_mail_the_breach_and_our_own_events(
    make_desk: Callable[..., Desk], agreement: Agreement, own_nats_server: NatsServer
) -> None:
    desk = make_desk(nats_url=own_nats_server.url())
    client = await nats.connect(own_nats_server.url())
    js = client.jetstream()
    for service in ("contracts", "probes"):
        await declare_stream(js, event_stream(service))
    ours: list[str] = []
    try:
        async with working(desk):
            for name, data in (
                ("probes.monitor.down.v1", agreement.down(new_id())),
                ("contracts.contract.activated.v1", agreement.state()),
            ):
                subject, payload = envelope(name, data, agreement, desk)
                await js.publish(subject, payload)
                await js.publish(subject, payload)  # the publisher's relay repeats itself
            await until(lambda: len(desk.mailbox.messages) == 3)
            desk.clock.advance(timedelta(minutes=31))

            async def heard(message: Any) -> None:
                ours.append(message.subject.split(".")[1] + "." + message.subject.split(".")[3])

            await js.subscribe("incidents.>", cb=heard, ordered_consumer=True)
            await until(lambda: "clock.breached" in ours)
            await until(lambda: len(desk.mailbox.to("oncall@agency.example")) >= 2)
        # Down for an hour: what was said meanwhile waits in the stream, what became due is a row.
        desk.clock.advance(timedelta(hours=4))
        async with working(desk):
            await until(lambda: ours.count("clock.breached") == 2)
    finally:
        await client.close()
    assert ours == ["incident.opened", "clock.at_risk", "clock.breached", "clock.at_risk", "clock.breached"]
    assert (await desk.only_incident(agreement))["number"] == "INC-2026-0001"
