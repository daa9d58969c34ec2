"""What hangs for one agency keeps no other waiting: channels, tools, mailboxes; and what has begun is ended."""

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import httpx
import pytest

from incidents.adapters import chat
from incidents.adapters.imap import Fetched, Looked, MailboxUnavailable
from incidents.adapters.intake_tables import IntakeSourceRow
from incidents.adapters.secret_box import SecretBox
from incidents.jobs import external_tools, under_way
from incidents.jobs.external_tools import ExternalTools
from incidents.jobs.notifications import MESSAGES, RETRY_AFTER
from incidents.settings import IncidentsSettings
from incidents.worker import jobs
from shared.worker import _waits

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


async def test_what_waits_for_a_channel_that_hung_is_late_for_nobody_and_what_waits_for_another_is(
    make_desk: Callable[..., Desk], agreement: Agreement, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(chat, "SEND_SECONDS", 0.5)
    desk = make_desk(**PRIVATE, alert_emails="")
    (notifications,) = (job for job in jobs(desk.runtime) if job.name == "notifications")
    theirs, ours = Roster(desk, Agreement()), Roster(desk, agreement)
    await desk.activate(theirs.agreement, alerts={"emails": []})
    await desk.activate(agreement, alerts={"emails": []})
    with receiver(hangs=True) as dead, receiver() as alive:
        await channel(theirs, dead)
        await channel(ours, alive)
        await desk.break_down(theirs.agreement)
        await desk.break_down(agreement)
        desk.clock.advance(timedelta(seconds=70))
        assert await _waits(desk.runtime, notifications) == 70  # of neither is known that anything is wrong
        await desk.outbound.run()
        assert len(alive.taken) == 1
        await desk.break_down(theirs.agreement)
        desk.clock.advance(timedelta(minutes=10))
        assert await _waits(desk.runtime, notifications) == 0
        await desk.break_down(agreement)
        desk.clock.advance(timedelta(seconds=70))
        assert await _waits(desk.runtime, notifications) == 70


async def test_our_own_work_on_a_message_makes_its_channel_none_that_hangs(
    make_desk: Callable[..., Desk], agreement: Agreement, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(under_way, "HANGS_AFTER", 1.0)
    desk = make_desk(**PRIVATE, alert_emails="")
    roster = Roster(desk, agreement)
    await desk.activate(agreement, alerts={"emails": []})
    write = desk.outbound._letter

    async def written_slowly(one: Any) -> Any:
        await asyncio.sleep(1.2)
        return await write(one)

    monkeypatch.setattr(desk.outbound, "_letter", written_slowly)
    with receiver() as alive:
        await channel(roster, alive)
        await desk.break_down(agreement)
        await desk.outbound.run()
        assert len(alive.taken) == 1
    assert desk.outbound._messages.hanging == {}


async def test_a_worker_told_to_stop_ends_the_messages_that_it_is_sending_and_begins_no_other(
    make_desk: Callable[..., Desk], agreement: Agreement, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk = make_desk(**PRIVATE, alert_emails="")
    roster = Roster(desk, agreement)
    await desk.activate(agreement, alerts={"emails": []})
    begun: list[str] = []
    answer = asyncio.Event()

    async def send(url: str, _title: str, _body: str) -> None:
        begun.append(url)
        await answer.wait()

    monkeypatch.setattr(desk.outbound._chat, "send", send)
    with receiver() as room:
        for number in range(MESSAGES.of_one_agency + 3):
            await channel(roster, room, name=f"Room {number}")
    await desk.break_down(agreement)
    working = asyncio.create_task(desk.outbound.run())
    await soon(lambda: len(begun) == MESSAGES.of_one_agency)
    desk.runtime.stopping.set()
    answer.set()
    await working
    await desk.outbound.finish()
    states = Counter(row["state"] for row in await desk.rows("select state from incidents.notification"))
    assert (len(begun), states) == (MESSAGES.of_one_agency, {"sent": MESSAGES.of_one_agency, "pending": 3})


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
        tools = ExternalTools(desk.runtime.units, http, SecretBox(settings.secret_key), desk.runtime.stopping)
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


async def test_a_tool_hangs_that_answers_late_and_not_one_whose_answer_we_are_slow_to_note(
    desk: Desk, agreement: Agreement, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(under_way, "HANGS_AFTER", 1.0)
    answers_after = 1.2

    async def handle(_request: httpx.Request) -> httpx.Response:
        await asyncio.sleep(answers_after)
        return httpx.Response(500)

    settings = desk.runtime.settings
    assert isinstance(settings, IncidentsSettings)
    async with httpx.AsyncClient(transport=httpx.MockTransport(handle)) as http:
        tools = ExternalTools(desk.runtime.units, http, SecretBox(settings.secret_key), desk.runtime.stopping)
        await desk.activate(agreement)
        tool = await a_source(
            desk, agreement, "external_tool", mapping=MAPPING, callback_url="https://tickets.example/hook"
        )
        await tool.taken(a_ticket())
        await act(tool, "acknowledge")
        await tools.run()
        assert tools._under_way.hanging == {tool.source["source_id"]: agreement.tenant_id}
        answers_after = 0.0

        def decided_slowly(_attempt: int, _status: int | None, now: datetime) -> datetime:
            time.sleep(1.2)
            return now + timedelta(hours=1)

        monkeypatch.setattr(external_tools, "next_try", decided_slowly)
        desk.clock.advance(timedelta(hours=1))
        await tools.run()
        assert [row["attempts"] for row in await desk.rows("select attempts from incidents.external_delivery")] == [2]
        assert tools._under_way.hanging == {}


async def test_a_mailbox_hangs_whose_server_answers_late_and_not_one_whose_mails_take_us_long(
    desk: Desk, agreement: Agreement, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(under_way, "HANGS_AFTER", 1.0)
    answers_after = 1.2
    taken: list[int] = []

    async def looked_into(_row: IntakeSourceRow) -> Looked:
        await asyncio.sleep(answers_after)
        mails = [] if answers_after else [Fetched(1, desk.clock.now(), 5, b"Hello")]
        return Looked(uid_validity=1, last_uid=1, messages=mails, complete=True)

    async def taken_slowly(_row: IntakeSourceRow, message: Fetched, _delivery: Any) -> None:
        await asyncio.sleep(1.2)
        taken.append(message.uid)

    job = the_job(desk, None)
    monkeypatch.setattr(job, "_looked", looked_into)
    monkeypatch.setattr(job, "_take", taken_slowly)
    await desk.activate(agreement)
    mailbox = {"host": "imap.example", "username": "support", "password": "correct horse"}
    source = await a_source(desk, agreement, "mail", mailbox=mailbox)
    await job.run()
    assert job._under_way.hanging == {source.source["source_id"]: agreement.tenant_id}
    answers_after = 0.0
    desk.clock.advance(timedelta(hours=1))
    await job.run()
    assert taken == [1]
    assert job._under_way.hanging == {}
