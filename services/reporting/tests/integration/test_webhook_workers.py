"""Several workers, several receivers: nothing is sent twice at a time, and nobody waits for another's receiver."""

import asyncio
from collections import Counter
from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial
from typing import Any
from uuid import UUID

from reporting.adapters.deliveries import LEASE, Tried, record
from reporting.adapters.deliveries import claim as claim_due
from reporting.domain.retries import Decision
from reporting.worker import build_jobs
from shared.ids import new_id

from .webhook_receiver import add, deliveries, outage, receiving, work

claim = partial(claim_due, share=4, room_for_failing=20, busy=Counter[UUID]())


async def test_workers_at_the_same_time_send_each_event_once(service: Any, story: Any) -> None:
    async with receiving() as receiver:
        hooks = [await add(service, story, receiver.url) for _ in range(3)]
        await service.hear(*(outage(service, story) for _ in range(20)))
        jobs = [build_jobs(service.runtime)[0] for _ in range(4)]

        async def working(job: Any) -> None:
            for _ in range(25):
                await job.run()
            await job.finish()

        await asyncio.gather(*map(working, jobs))
    assert len(receiver.received) == 60
    for hook in hooks:
        found = await deliveries(service, story, hook)
        assert [(each["status"], len(each["attempts"])) for each in found] == [("delivered", 1)] * 20


async def test_a_claimed_delivery_belongs_to_its_worker_until_the_lease_is_over(service: Any, story: Any) -> None:
    """A worker that is back after that notes its try, and changes nothing of what the other has made of it."""
    webhook = await add(service, story, "https://a.example/")
    await service.hear(outage(service, story))
    units = service.runtime.units
    async with units.for_every_tenant() as unit:
        (late,) = await claim(unit, 10)
    async with units.for_every_tenant() as unit:
        assert await claim(unit, 10) == []
    service.clock.advance(LEASE)
    async with units.for_every_tenant() as unit:
        (now,) = await claim(unit, 10)
    assert (late.delivery_id, late.attempt, now.attempt) == (now.delivery_id, 1, 2)
    async with units.for_every_tenant() as unit:
        tried = Tried(unit.now, 9, 204, None)
        assert await record(unit, now, tried, Decision("delivered"), None) is not None
    async with units.for_every_tenant() as unit:
        failed = Tried(unit.now, 9, 500, None)
        assert await record(unit, late, failed, Decision("again", unit.now), None) is None
    (delivery,) = await deliveries(service, story, webhook)
    assert (delivery["status"], delivery["due_at"]) == ("delivered", None)
    assert [attempt["status_code"] for attempt in delivery["attempts"]] == [500, 204]


async def test_whoever_has_nothing_under_way_comes_first_however_old_the_backlogs_of_others_are(
    service: Any, story: Any, another_story: Callable[..., Any]
) -> None:
    neighbour = another_story()
    old = [UUID((await add(service, story, "https://a.example/"))["webhook_id"]) for _ in range(5)]
    await service.hear(*(outage(service, story) for _ in range(8)))
    service.clock.advance(timedelta(hours=5))
    young = UUID((await add(service, neighbour, "https://b.example/"))["webhook_id"])
    await service.hear(outage(service, neighbour))
    async with service.runtime.units.for_every_tenant() as unit:
        busy = {**dict.fromkeys(old, 1), old[0]: 3}
        (first, *others) = await claim(unit, 5, busy=Counter(busy))
    assert first.webhook_id == young
    assert Counter(each.webhook_id for each in others) == Counter(old[1:])


async def test_a_receiver_that_takes_long_has_one_delivery_under_way_until_it_is_fast_again(
    service: Any, story: Any
) -> None:
    async with receiving() as receiver:
        webhook = await add(service, story, receiver.url)
        await service.hear(*(outage(service, story) for _ in range(9)))
        units = service.runtime.units
        async with units.for_every_tenant() as unit:
            (one, *_) = await claim(unit, 1)
        async with units.for_every_tenant() as unit:
            await record(unit, one, Tried(unit.now, 2_500, 204, None), Decision("delivered"), None)
        async with units.for_every_tenant() as unit:
            (slow,) = await claim(unit, 10)
            await record(unit, slow, Tried(unit.now, 25, 204, None), Decision("delivered"), None)
        async with units.for_every_tenant() as unit:
            assert len(await claim(unit, 10)) == 4
    assert len(await deliveries(service, story, webhook)) == 9


async def test_a_slow_receiver_has_its_turn_while_the_others_fill_the_room(
    service: Any, story: Any, another_story: Callable[..., Any]
) -> None:
    """Two that are fast and always have more to come take every place that falls free, but not before the slow one."""
    fast = [UUID((await add(service, story, f"https://fast-{number}.example/"))["webhook_id"]) for number in range(2)]
    for _ in range(20):
        await service.hear(outage(service, story))
    neighbour = another_story()
    slow = UUID((await add(service, neighbour, "https://slow.example/"))["webhook_id"])
    service.clock.advance(timedelta(seconds=1))  # what is for the slow one is younger than all of their backlog
    await service.hear(outage(service, neighbour), outage(service, neighbour))
    units = service.runtime.units
    async with units.for_every_tenant() as unit:
        rows = await unit.session.connection()
        await rows.exec_driver_sql("update reporting.webhook set slow = true where webhook_id = %s", (slow,))
    under_way = Counter[UUID]({fast[0]: 2, fast[1]: 2})
    begun: list[UUID] = []
    for ended in (fast[0], fast[1], fast[0], fast[1]):
        under_way[ended] -= 1
        async with units.for_every_tenant() as unit:
            (one,) = await claim_due(unit, 1, share=2, room_for_failing=2, busy=under_way)
        under_way[one.webhook_id] += 1
        begun.append(one.webhook_id)
    assert begun[0] == slow
    assert begun.count(slow) == 1, "one at a time"
    assert set(begun[1:]) <= set(fast)


async def test_an_overloaded_receiver_is_left_alone_for_as_long_as_it_asks(service: Any, story: Any) -> None:
    """All of its events wait, not only the one that was refused; those for others do not."""
    async with receiving((429, {"Retry-After": "600"}, b"")) as receiver, receiving() as other:
        webhook = await add(service, story, receiver.url)
        await service.hear(outage(service, story))
        await work(service)
        await add(service, story, other.url)
        await service.hear(outage(service, story))
        async with service.client(story) as client:
            read = (await client.get(f"/v1/webhooks/{webhook['webhook_id']}")).json()
        until = datetime.fromisoformat(read["resting_until"])
        assert until == service.clock.now() + timedelta(seconds=600)
        service.clock.advance(timedelta(seconds=599))
        await work(service)
        assert (len(receiver.received), len(other.received)) == (1, 1)
        service.clock.advance(timedelta(seconds=2))
        await work(service)
        assert len(receiver.received) == 3
    assert {each["status"] for each in await deliveries(service, story, webhook)} == {"delivered"}


async def test_an_agency_has_at_most_a_hundred(service: Any, story: Any, another_story: Callable[..., Any]) -> None:
    await add(service, story, "https://a.example/")
    async with service.runtime.units.for_every_tenant() as unit:
        rows = await unit.session.connection()
        copy = (
            "insert into reporting.webhook (webhook_id, tenant_id, version, url, description, event_types, enabled, "
            "secret, created_at, updated_at) select %s, tenant_id, version, url, description, event_types, enabled, "
            "secret, created_at, updated_at from reporting.webhook limit 1"
        )
        for _ in range(99):
            await rows.exec_driver_sql(copy, (new_id(),))
    async with service.client(story) as client:
        refused = await client.post("/v1/webhooks", json={"url": "https://a.example/"})
    assert refused.status_code == 409
    assert "at most 100" in refused.json()["detail"]
    await add(service, another_story(), "https://a.example/")
