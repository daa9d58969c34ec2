"""The worker role over real NATS: what publishers say becomes incidents, mails and events of our own."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

import nats
import pytest
from nats.js import JetStreamContext
from nats.js.errors import NotFoundError

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
    task = asyncio.create_task(run_worker(desk.runtime, handlers, SERVICE.jobs(desk.runtime)))
    try:
        yield
    finally:
        desk.runtime.stopping.set()
        await task
        desk.runtime.stopping.clear()  # the next one may begin


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


@asynccontextmanager
async def publishing(server: NatsServer) -> AsyncIterator[JetStreamContext]:
    """The streams of our publishers, as their relays declare them."""
    client = await nats.connect(server.url())
    js = client.jetstream()
    for service in ("contracts", "probes"):
        await declare_stream(js, event_stream(service))
    try:
        yield js
    finally:
        await client.close()


def about_incidents(desk: Desk) -> list[str]:
    """Who was written to about an incident, in order. That nobody is on call for the contract is another matter."""
    return [str(message["To"]) for message in desk.mailbox.messages if message["Subject"].startswith("[INC-")]


TARGET_SECONDS = 10.0
"""From the monitor's word to the mail server's answer, on a busy machine; it is far less on an idle one."""


@pytest.mark.capability("I01")
async def test_an_outage_and_its_recovery_are_mailed_within_seconds(
    make_desk: Callable[..., Desk], agreement: Agreement, own_nats_server: NatsServer
) -> None:
    desk = make_desk(nats_url=own_nats_server.url())
    outage = new_id()
    async with publishing(own_nats_server) as js, working(desk):
        subject, payload = envelope("contracts.contract.activated.v1", agreement.state(), agreement, desk)
        await js.publish(subject, payload)
        for name, data, mails in (
            ("probes.monitor.down.v1", agreement.down(outage), 3),
            ("probes.monitor.recovered.v1", agreement.recovered(outage), 6),
        ):
            subject, payload = envelope(name, data, agreement, desk)
            await js.publish(subject, payload)
            await until(lambda mails=mails: len(about_incidents(desk)) == mails, TARGET_SECONDS)  # type: ignore[misc]
    subjects = [str(message["Subject"]) for message in desk.mailbox.to("direction@client.example")]
    assert subjects == ["[INC-2026-0001] Boutique est en panne", "[INC-2026-0001] Boutique fonctionne à nouveau"]


@pytest.mark.capability("X08")
async def test_repeated_reordered_and_late_events_on_nats_change_no_verdict(
    make_desk: Callable[..., Desk], agreement: Agreement, own_nats_server: NatsServer
) -> None:
    desk = make_desk(nats_url=own_nats_server.url())
    outage = new_id()
    desk.clock.advance(timedelta(hours=6))  # long after every due time: all of it is late
    events = [
        envelope(name, data, agreement, desk)
        for name, data in (
            ("probes.monitor.recovered.v1", agreement.recovered(outage)),
            ("probes.monitor.down.v1", agreement.down(outage)),
            ("contracts.contract.activated.v1", agreement.state()),
        )
    ]
    async with publishing(own_nats_server) as js:
        for subject, payload in [*events, *reversed(events), *events]:
            await js.publish(subject, payload)
        async with working(desk):

            async def all_taken() -> bool:
                try:
                    infos = [await js.consumer_info(stream, "incidents") for stream in ("CONTRACTS", "PROBES")]
                except NotFoundError:  # not declared yet
                    return False
                return all(info.num_pending == 0 and info.num_ack_pending == 0 for info in infos)

            async with asyncio.timeout(15):
                while not await all_taken():  # noqa: ASYNC110 - what is waited for happens in the server
                    await asyncio.sleep(0.05)
    response, repair = (await desk.only_incident(agreement))["clocks"]
    assert (response["state"], response["due_at"]) == ("breached", "2026-06-08T09:30:00Z")
    assert (repair["verdict"], repair["elapsed_seconds"]) == ("met", 900)
    told = sorted(name for name, _, data in await desk.said(agreement.tenant_id) if name.startswith("clock."))
    assert told == ["clock.at_risk.v1", "clock.breached.v1", "clock.met.v1"]


@pytest.mark.capability("I04")
async def test_from_the_monitors_word_to_the_mail_the_breach_and_our_own_events(
    make_desk: Callable[..., Desk], agreement: Agreement, own_nats_server: NatsServer
) -> None:
    desk = make_desk(nats_url=own_nats_server.url())
    ours: list[str] = []
    async with publishing(own_nats_server) as js:
        async with working(desk):
            for name, data in (
                ("probes.monitor.down.v1", agreement.down(new_id())),
                ("contracts.contract.activated.v1", agreement.state()),
            ):
                subject, payload = envelope(name, data, agreement, desk)
                await js.publish(subject, payload)
                await js.publish(subject, payload)  # the publisher's relay repeats itself
            await until(lambda: len(about_incidents(desk)) == 3)
            desk.clock.advance(timedelta(minutes=31))

            async def heard(message: Any) -> None:
                ours.append(message.subject.split(".")[1] + "." + message.subject.split(".")[3])

            await js.subscribe("incidents.>", cb=heard, ordered_consumer=True)
            await until(lambda: "clock.breached" in ours)
            await until(lambda: about_incidents(desk).count("oncall@agency.example") >= 2)
        # Down for an hour: what was said meanwhile waits in the stream, what became due is a row.
        desk.clock.advance(timedelta(hours=4))
        async with working(desk):
            await until(lambda: ours.count("clock.breached") == 2)
    # Two streams: where the contract is heard after the outage, its clocks are told when it is.
    told = [name for name in ours if name != "incident.clocks_changed" and not name.startswith("on_call.")]
    assert told == ["incident.opened", "clock.at_risk", "clock.breached", "clock.at_risk", "clock.breached"]
    assert (await desk.only_incident(agreement))["number"] == "INC-2026-0001"
