"""Following items live: what a stream tells, to whom, from where on, and when it ends."""

import asyncio
import json
import socket
import time
from collections.abc import AsyncIterator, Callable
from contextlib import ExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import httpx
import pytest
import uvicorn
from sqlalchemy import text

from incidents.adapters import item_facts
from incidents.api import item_stream
from incidents.jobs.item_facts import ItemFacts
from shared.auth import Principal, Role
from shared.ids import new_id
from shared.problems import TooManyRequests

from .conftest import Agreement, Desk
from .test_api import a_report, problem

PATH = "/v1/items/stream"
SOON = 10.0
"""Seconds within which a test expects what comes at once."""


@dataclass
class Event:
    """One event as a browser takes it: without data it only moves the id on."""

    id: str = ""
    name: str = ""
    data: Any = None


@dataclass
class Follower:
    """A reader of one stream, as browsers read it. `last_id` is what a browser would resume with."""

    lines: AsyncIterator[str]
    last_id: str = ""
    comments: int = 0

    async def events(self, count: int) -> list[Event]:
        """So many further events with data."""
        found: list[Event] = []
        async with asyncio.timeout(SOON):
            while len(found) < count:
                event = await self.next()
                assert event is not None, f"the stream ended after {found}"
                found.append(event)
        return found

    async def rest(self) -> list[Event]:
        """Everything until the stream ends by itself."""
        found = []
        async with asyncio.timeout(SOON):
            while (event := await self.next()) is not None:
                found.append(event)
        return found

    async def next(self) -> Event | None:
        event = Event()
        async for line in self.lines:
            if line.startswith(":"):
                self.comments += 1
            elif line:
                name, _, value = line.partition(": ")
                if name == "id":
                    self.last_id = event.id = value
                elif name == "event":
                    event.name = value
                elif name == "data":
                    event.data = json.loads(value)
            elif event.data is not None:
                return event
        return None


class Live:
    """The service on a socket of this process, with the desk that makes things happen."""

    def __init__(self, desk: Desk, agreement: Agreement, url: str) -> None:
        self.desk, self.agreement, self.url = desk, agreement, url

    @asynccontextmanager
    async def follow(
        self, role: str = "operator", *, last_id: str | None = None, token: dict[str, Any] | None = None, **params: Any
    ) -> AsyncIterator[Follower]:
        async with self.desk.client(self.agreement, role, **(token or {})) as known:
            headers = {"Authorization": known.headers["Authorization"]}
        headers |= {"Last-Event-ID": last_id} if last_id is not None else {}
        async with (
            httpx.AsyncClient(base_url=self.url, headers=headers, trust_env=False, timeout=30) as http,
            http.stream("GET", PATH, params=params) as answer,
        ):
            assert answer.status_code == 200, (await answer.aread(), answer.status_code)
            assert answer.headers["content-type"].startswith("text/event-stream")
            assert answer.headers["cache-control"] == "no-store"
            yield Follower(answer.aiter_lines())

    async def report(self, title: str = "It is slow", **changes: Any) -> str:
        async with self.desk.client(self.agreement) as client:
            answer = await client.post("/v1/incidents", json=a_report(self.agreement, title=title, **changes))
            assert answer.status_code == 201, answer.text
            return str(answer.json()["incident_id"])

    async def acknowledge(self, item_id: str, note: str | None = None, audience: str = "agency") -> None:
        async with self.desk.client(self.agreement) as client:
            told = {"note": note, "note_audience": audience} if note else {}
            assert (await client.post(f"/v1/incidents/{item_id}/acknowledge", json=told)).status_code == 200


@asynccontextmanager
async def serving(desk: Desk) -> AsyncIterator[str]:
    listener = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(desk.app, log_config=None, access_log=False, lifespan="off"))
    task = asyncio.create_task(server._serve(sockets=[listener]))  # without signal handlers of its own
    while not server.started:  # noqa: ASYNC110 - uvicorn says it in no other way
        await asyncio.sleep(0.01)
    yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    desk.app.state.readiness.draining = True
    server.should_exit = True
    await task


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Looks are made more often, so that nobody waits."""
    monkeypatch.setattr(item_stream, "LOOK_SECONDS", 0.02)


@pytest.fixture
async def live(desk: Desk, agreement: Agreement) -> AsyncIterator[Live]:
    await desk.activate(agreement)
    async with serving(desk) as url:
        yield Live(desk, agreement, url)


def kinds(events: list[Event]) -> list[tuple[str, str]]:
    return [(event.data["item"]["title"], event.data["entry"]["kind"]) for event in events if event.name == "fact"]


async def test_a_stream_tells_what_happens_from_now_on_with_the_item_as_it_stands(live: Live) -> None:
    await live.report("Earlier")
    async with live.follow() as follower:
        (begin,) = await follower.events(1)
        assert begin.name == "begin"
        item_id = await live.report("Later")
        (opened,) = await follower.events(1)
        assert (opened.name, kinds([opened])) == ("fact", [("Later", "opened")])
        assert opened.data["item"] | {"version": 0} == {
            "item_id": item_id,
            "kind": "incident",
            "number": "INC-2026-0002",
            "version": 0,
            "contract_id": str(live.agreement.contract_id),
            "client_id": str(live.agreement.client_id),
            "site_id": str(live.agreement.site_id),
            "severity": "major",
            "title": "Later",
            "status": "open",
            "assignee": None,
            "support_level": 1,
        }
        assert opened.data["entry"]["actor"]["kind"] == "user"
        await live.acknowledge(item_id)
        while (told := (await follower.events(1))[0]).data["entry"]["kind"] != "acknowledged":
            pass
        assert told.data["item"]["status"] == "acknowledged"


async def test_resumed_by_id_it_goes_on_without_gaps_or_repeats(live: Live) -> None:
    async with live.follow(for_seconds=0) as follower:
        (begin,) = await follower.rest()
    for number in range(7):
        await live.report(f"{number}")
    async with live.follow(last_id=begin.id, for_seconds=0) as follower:
        whole = await follower.rest()
    ids = [int(event.id) for event in whole]
    assert ids == sorted(set(ids))
    assert [title for title, kind in kinds(whole) if kind == "opened"] == [str(number) for number in range(7)]
    for cut in range(len(whole)):
        async with live.follow(last_id=whole[cut].id, for_seconds=0) as follower:
            assert await follower.rest() == whole[cut + 1 :]


async def test_what_commits_late_is_told_late_and_not_passed_over(live: Live) -> None:
    committing = asyncio.Event()

    async def slow() -> None:
        """Begins first, has the lower id, and commits last."""
        async with live.desk.runtime.units.for_tenant(live.agreement.tenant_id) as unit:
            await unit.session.execute(
                text(
                    "with told as (insert into incidents.timeline_entry select :id, tenant_id, client_id, item_id, "
                    "'slow', audience, at, recorded_at, actor_kind, actor_id, actor_name, source, note, data "
                    "from incidents.timeline_entry where kind = 'opened' limit 1 returning *) "
                    "insert into incidents.item_fact select id, tenant_id, client_id, item_id, audience, recorded_at "
                    "from told"
                ),
                {"id": new_id()},
            )
            started.set()
            await committing.wait()

    started = asyncio.Event()
    await live.report("First")
    async with live.follow() as follower:
        await follower.events(1)
        late = asyncio.create_task(slow())
        await started.wait()
        await live.report("Second")
        assert kinds(await follower.events(1)) == [("Second", "opened")]
        committing.set()
        await late
        told: list[tuple[str, str]] = []
        while not told or told[-1][1] != "slow":
            told += kinds(await follower.events(1))
    assert told.count(("First", "slow")) == 1


async def test_an_id_that_is_not_kept_any_more_is_answered_by_a_reset(live: Live) -> None:
    await live.report("Old")
    async with live.follow(for_seconds=0, last_id="0") as follower:
        old = await follower.rest()
    assert kinds(old)[0] == ("Old", "opened")
    live.desk.clock.advance(timedelta(days=15))
    await live.report("New", occurred_at=None)
    assert await ItemFacts(live.desk.runtime.units).run() > 0
    async with live.follow(for_seconds=0, last_id="0") as follower:
        (reset, *rest) = await follower.rest()
    assert (reset.name, rest) == ("reset", [])
    assert "Read the list again" in reset.data["detail"]
    # the last that was forgotten has everything after it; an id that was never given out has nothing
    for asked, first in ((old[-1].id, "fact"), ("999999", "reset")):
        async with live.follow(for_seconds=0, last_id=asked) as follower:
            assert (await follower.rest())[0].name == first
    async with live.follow(for_seconds=0, last_id=reset.id) as follower:
        assert await follower.rest() == []


async def test_a_stream_is_narrowed_like_the_list_and_says_when_an_item_leaves_it(live: Live) -> None:
    async with live.desk.client(live.agreement) as client:
        kept = await client.post("/v1/saved-filters", json={"name": "Open", "filters": {"status": ["open"]}})
    other = await live.report("Other", severity="minor", site_id=None)
    mine = await live.report("Slow checkout")
    await live.acknowledge(mine)

    async def told(**params: Any) -> list[tuple[str, str]]:
        async with live.follow(for_seconds=0, last_id="0", **params) as follower:
            events = await follower.rest()
        return [(event.name, (event.data.get("item") or event.data)["item_id"]) for event in events]

    everything = await told()
    assert {name for name, _ in everything} == {"fact"}
    assert set(await told(site_id=str(live.agreement.site_id))) == {("fact", mine)}
    assert await told(kind="change") == []
    passing = {("fact", other), ("left", mine)}
    for params in ({"status": "open"}, {"severity": "minor"}, {"filter": kept.json()["saved_filter_id"]}):
        assert set(await told(**params)) == passing, params
    assert set(await told(q="checkout")) == {("left", other), ("fact", mine)}


async def test_the_client_is_told_of_what_is_his_and_not_for_the_agency(live: Live) -> None:
    item_id = await live.report("His")
    await live.acknowledge(item_id, "The invoice is not paid.", "agency")
    async with live.follow("client_staff", for_seconds=0, last_id="0") as follower:
        his = await follower.rest()
    async with live.follow(for_seconds=0, last_id="0") as follower:
        ours = await follower.rest()
    assert "invoice" in json.dumps([event.data for event in ours])
    assert "invoice" not in json.dumps([event.data for event in his])
    assert {event.data["entry"]["audience"] for event in his} == {"client"}
    assert [event.id for event in his] == [event.id for event in ours if event.data["entry"]["audience"] == "client"]
    for stranger in ({"client_id": new_id()}, {"tenant_id": new_id(), "client_id": new_id()}):
        async with live.follow("client_staff", for_seconds=0, token=stranger) as follower:
            assert [event.name for event in await follower.rest()] == ["begin"]
    async with live.follow(for_seconds=0, last_id="0", token={"tenant_id": new_id()}) as follower:
        assert await follower.rest() == []


async def test_it_beats_while_nothing_happens_and_the_id_moves_on_with_what_others_see(
    make_desk: Callable[..., Desk], agreement: Agreement
) -> None:
    desk = make_desk(stream_heartbeat_seconds=0.05)
    await desk.activate(agreement)
    async with serving(desk) as url:
        live = Live(desk, agreement, url)
        async with live.follow(kind="change") as follower:
            (begin,) = await follower.events(1)
            await live.report()
            waiting = asyncio.create_task(follower.next())
            async with asyncio.timeout(SOON):
                while follower.comments < 3 or follower.last_id == begin.id:  # noqa: ASYNC110
                    await asyncio.sleep(0.02)
            assert not waiting.done()
            waiting.cancel()
            await asyncio.gather(waiting, return_exceptions=True)
        async with live.follow(last_id=follower.last_id, for_seconds=0) as follower:
            assert await follower.rest() == []


async def test_it_ends_when_the_token_expires(live: Live) -> None:
    async with live.follow(token={"lifetime": timedelta(minutes=10)}) as follower:
        await follower.events(1)
        live.desk.clock.advance(timedelta(minutes=10))
        assert await follower.rest() == []


async def test_it_ends_cleanly_when_the_process_stops(live: Live) -> None:
    async with live.follow() as follower:
        await follower.events(1)
        live.desk.app.state.readiness.draining = True
        begun = time.monotonic()
        assert await follower.rest() == []
    assert time.monotonic() - begun < 1


async def test_an_idle_stream_holds_no_connection(live: Live) -> None:
    pool = live.desk.runtime.database.engine.pool
    followers = 12  # three times as many as there are connections
    async with asyncio.timeout(30):
        streams = [live.follow(token={"subject": f"person {number}"}) for number in range(followers)]
        opened = [await stream.__aenter__() for stream in streams]
        for follower in opened:
            await follower.events(1)
        held = []
        for _ in range(50):
            held.append(pool.checkedout())  # type: ignore[attr-defined]
            await asyncio.sleep(0.005)
        assert held.count(0) > len(held) / 2
        await live.report()
        for follower in opened:
            assert kinds(await follower.events(1)) == [("It is slow", "opened")]
        for stream in streams:
            await stream.__aexit__(None, None, None)


async def test_a_tenant_has_a_limited_number_of_streams_and_gets_them_back(
    make_desk: Callable[..., Desk], agreement: Agreement
) -> None:
    desk = make_desk(streams_per_tenant=2)
    await desk.activate(agreement)
    async with serving(desk) as url, httpx.AsyncClient(base_url=url, trust_env=False) as http:
        live = Live(desk, agreement, url)
        async with desk.client(agreement) as known:
            headers = {"Authorization": known.headers["Authorization"]}
        async with live.follow() as first, live.follow(token={"tenant_id": new_id()}):
            async with live.follow() as second:
                await first.events(1)
                await second.events(1)
                refused = await http.get(PATH, headers=headers)
                assert "2 streams" in problem(refused, 429)["detail"]
                assert refused.headers["retry-after"] == "5"
            async with asyncio.timeout(SOON):
                ended = {"for_seconds": 0}
                while (await http.get(PATH, headers=headers, params=ended)).status_code == 429:  # noqa: ASYNC110
                    await asyncio.sleep(0.02)


async def test_neither_one_person_nor_the_people_of_clients_keep_operators_from_following(
    make_desk: Callable[..., Desk], agreement: Agreement
) -> None:
    desk = make_desk(streams_per_tenant=12)
    await desk.activate(agreement)
    news = item_stream.News(desk.runtime.units)

    def somebody(name: str, role: Role = "operator") -> Principal:
        client_id = agreement.client_id if role == "client_staff" else None
        return Principal(
            subject=name,
            issuer="https://contracts.example",
            name=name,
            tenant_id=agreement.tenant_id,
            client_id=client_id,
            role=role,
            scopes=frozenset(),
            expires_at=desk.clock.now(),
        )

    def follows(*people: Principal) -> str:
        """How many of these streams begin, and why no more do."""
        with ExitStack() as streams:
            for number, person in enumerate(people):
                try:
                    news.check_room(person, 12)
                except TooManyRequests as refused:
                    return f"{number}: {refused.detail}"
                streams.enter_context(news.counted(person))
            return f"{len(people)}"

    staff = [somebody(f"staff {number}", "client_staff") for number in range(20)]
    desk_people = [somebody(f"operator {number}") for number in range(20)]
    assert follows(*[staff[0]] * 9).startswith("5: You follow items by 5 streams already.")
    assert follows(*staff).startswith("6: The people of the agency's clients")
    assert follows(*staff[:6], *desk_people).startswith("12: Your agency follows items by 12 streams already.")
    assert follows(*desk_people[:12]) == "12", "and whoever is gone is not counted"


async def test_what_waits_for_a_slow_reader_waits_in_the_database(live: Live, monkeypatch: pytest.MonkeyPatch) -> None:
    """A reader who takes nothing in is read for a few times, and not again before he goes on."""
    monkeypatch.setattr(item_stream, "AT_ONCE", 10)
    await live.report(description="x" * 5000)
    await live.desk.execute(
        "with told as (insert into incidents.timeline_entry select gen_random_uuid(), tenant_id, client_id, item_id, "
        "'note', audience, at, recorded_at, actor_kind, actor_id, actor_name, source, null, "
        "jsonb_build_object('said', repeat('word ', 1900)) "
        "from incidents.timeline_entry, generate_series(1, 3000) where kind = 'opened' returning *) "
        "insert into incidents.item_fact select id, tenant_id, client_id, item_id, audience, recorded_at from told"
    )
    reads = 0
    told_after = item_facts.told_after

    async def counted(*args: Any, **how: Any) -> Any:
        nonlocal reads
        reads += 1
        return await told_after(*args, **how)

    monkeypatch.setattr(item_facts, "told_after", counted)
    async with desk_socket(live) as (reader, writer):
        async with asyncio.timeout(SOON):
            assert (await reader.readline()).startswith(b"HTTP/1.1 200")
        before = -1
        async with asyncio.timeout(SOON):
            while reads == 0 or before != reads:  # until nobody reads any more
                before = reads
                await asyncio.sleep(0.5)
        assert 0 < reads < 200  # of more than 300: what is on its way fits into the sockets
        writer.close()


@asynccontextmanager
async def desk_socket(live: Live) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    """A connection that has asked for everything, and reads what the test reads."""
    async with live.desk.client(live.agreement) as known:
        token = known.headers["Authorization"]
    host, port = live.url.removeprefix("http://").split(":")
    connection = socket.create_connection((host, int(port)))
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    reader, writer = await asyncio.open_connection(sock=connection, limit=4096)
    writer.write(f"GET {PATH} HTTP/1.1\r\nHost: x\r\nAuthorization: {token}\r\nLast-Event-ID: 0\r\n\r\n".encode())
    yield reader, writer
    writer.close()


async def test_a_faulty_id_is_refused_by_its_header(desk: Desk, agreement: Agreement) -> None:
    async with desk.client(agreement) as client:
        for faulty in ("x", "-1", str(2**63)):
            refused = problem(await client.get(PATH, headers={"Last-Event-ID": faulty}), 422)
            assert refused["errors"][0]["header"].lower() == "last-event-id"
