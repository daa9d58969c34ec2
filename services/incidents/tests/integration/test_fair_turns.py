"""What hangs for one agency keeps no other waiting: channels, tools, mailboxes; and what has begun is ended."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any
from uuid import UUID

import httpx
import pytest

from incidents.adapters import chat
from incidents.adapters.imap import MailboxUnavailable
from incidents.adapters.intake_tables import IntakeSourceRow
from incidents.adapters.secret_box import SecretBox
from incidents.jobs import under_way
from incidents.jobs.external_tools import ExternalTools
from incidents.jobs.notifications import MESSAGES, RETRY_AFTER
from incidents.settings import IncidentsSettings

from .conftest import Agreement, Desk
from .receiver import Receiver
from .roster import Roster
from .test_channels import PRIVATE, channel
from .test_external_tool import MAPPING, a_ticket, act
from .test_intake import a_source
from .test_mail_in import the_job

SOON = 10.0
"""Seconds in which what hangs nowhere has left; what hangs takes longer."""


@contextmanager
def receiver(*, hangs: bool = False) -> Iterator[Receiver]:
    one = Receiver()
    one.hangs = hangs
    try:
        yield one
    finally:
        one.close()


@asynccontextmanager
async def at_work(run: Callable[[], Any]) -> AsyncIterator[None]:
    """A worker over a job, told to stop at the end: it then ends what it has begun."""

    async def loop() -> None:
        while True:  # noqa: ASYNC110 - as a worker does
            await asyncio.sleep(min(await run(), 0.05))

    working = asyncio.create_task(loop())
    try:
        yield
    finally:
        working.cancel()
        with pytest.raises(asyncio.CancelledError):
            await working


async def soon(happened: Callable[[], Any]) -> None:
    async with asyncio.timeout(SOON):
        while not happened():  # noqa: ASYNC110 - in another thread or task
            await asyncio.sleep(0.02)


async def test_channels_of_one_agency_that_hang_keep_no_alert_of_another_waiting(
    make_desk: Callable[..., Desk], agreement: Agreement, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(chat, "SEND_SECONDS", 3 * SOON)
    desk = make_desk(**PRIVATE, alert_emails="")
    theirs, ours = Roster(desk, Agreement()), Roster(desk, agreement)
    await desk.activate(theirs.agreement, alerts={"emails": ["direction@theirs.example"]})
    await desk.activate(agreement, alerts={"emails": ["direction@ours.example"]})
    with receiver(hangs=True) as dead, receiver() as alive:
        for number in range(3 * MESSAGES.of_all):
            await channel(theirs, dead, name=f"Room {number}")
        await channel(ours, alive)
        await desk.break_down(theirs.agreement)
        async with at_work(desk.outbound.run):
            await soon(lambda: dead.asked and desk.mailbox.to("direction@theirs.example"))
            of_agency = Counter(turn.tenant_id for turn in desk.outbound._messages.turns)
            assert of_agency == {theirs.agreement.tenant_id: MESSAGES.of_one_agency}
            await desk.break_down(agreement)
            await soon(lambda: alive.taken and desk.mailbox.to("direction@ours.example"))
            dead.close()


async def test_a_channel_that_hung_gets_one_message_at_a_time_until_it_takes_one(
    make_desk: Callable[..., Desk], agreement: Agreement, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(chat, "SEND_SECONDS", 0.5)
    monkeypatch.setattr(under_way, "HANGS_AFTER", 0.4)
    desk = make_desk(**PRIVATE, alert_emails="")
    roster = Roster(desk, agreement)
    await desk.activate(agreement, alerts={"emails": []})
    with receiver(hangs=True) as dead:
        room = await channel(roster, dead)
        await desk.break_down(agreement)
        await desk.outbound.run()
        assert desk.outbound._messages.hanging == {room["channel_id"]: agreement.tenant_id}
        (row,) = await desk.rows("select state, attempts from incidents.notification")
        assert (row["state"], row["attempts"]) == ("pending", 1)
    with receiver() as alive:
        body = {"url": alive.url}
        async with desk.client(agreement) as client:
            path = f"/v1/notification-channels/{room['channel_id']}"
            assert (await client.patch(path, json=body, headers={"If-Match": "*"})).status_code == 200
        desk.clock.advance(RETRY_AFTER[0])
        await desk.outbound.run()
        assert len(alive.taken) == 1
    assert desk.outbound._messages.hanging == {}


async def test_a_tool_of_one_agency_that_hangs_keeps_no_other_agency_s_tool_waiting(
    desk: Desk, agreement: Agreement
) -> None:
    heard: Counter[str] = Counter()
    answer = asyncio.Event()

    async def handle(request: httpx.Request) -> httpx.Response:
        heard[request.url.host] += 1
        if request.url.host == "dead.example":
            await answer.wait()
        return httpx.Response(200)

    others = Agreement()
    settings = desk.runtime.settings
    assert isinstance(settings, IncidentsSettings)
    async with httpx.AsyncClient(transport=httpx.MockTransport(handle)) as http:
        tools = ExternalTools(desk.runtime.units, http, SecretBox(settings.secret_key))
        await desk.activate(others)
        await desk.activate(agreement)
        for number in range(12):
            dead = await a_source(
                desk, others, "external_tool", mapping=MAPPING, callback_url="https://dead.example/hook"
            )
            await dead.taken(a_ticket(key=f"DEAD-{number}"))
        async with desk.client(others) as client:
            for incident in (await client.get("/v1/incidents")).json()["data"]:
                assert (await client.post(f"/v1/incidents/{incident['incident_id']}/acknowledge")).status_code == 200
        alive = await a_source(
            desk, agreement, "external_tool", mapping=MAPPING, callback_url="https://alive.example/hook"
        )
        await alive.taken(a_ticket())
        async with at_work(tools.run):
            await soon(lambda: heard["dead.example"] == 4)
            await act(alive, "acknowledge")
            await soon(lambda: heard["alive.example"])
            assert heard["dead.example"] == 4
            answer.set()


async def test_mailboxes_of_one_agency_that_hang_keep_no_other_agency_s_waiting(
    desk: Desk, agreement: Agreement, monkeypatch: pytest.MonkeyPatch
) -> None:
    others = Agreement()
    looked: list[UUID] = []
    answer = asyncio.Event()

    async def looked_into(row: IntakeSourceRow) -> Any:
        looked.append(row.tenant_id)
        if row.tenant_id == others.tenant_id:
            await answer.wait()
        raise MailboxUnavailable("nothing new")

    job = the_job(desk, None)
    monkeypatch.setattr(job, "_looked", looked_into)
    mailbox = {"host": "imap.example", "username": "support", "password": "correct horse"}
    await desk.activate(others)
    await desk.activate(agreement)
    for _ in range(7):
        await a_source(desk, others, "mail", mailbox=mailbox)
    await a_source(desk, agreement, "mail", mailbox=mailbox)
    async with at_work(job.run):
        await soon(lambda: agreement.tenant_id in looked)
        assert looked.count(others.tenant_id) == 2
        answer.set()
