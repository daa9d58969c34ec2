"""Webhooks as a receiver sees them: a real server, and the reference library to check signatures."""

import asyncio
import json
from collections import Counter
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import psycopg
import pytest
from standardwebhooks import Webhook, WebhookVerificationError

from reporting.adapters.deliveries import claim
from reporting.worker import build_jobs
from shared.ids import new_id
from shared.worker import run_worker

from .webhook_receiver import add, deliveries, never_answering, outage, receiving, work


async def test_an_event_arrives_signed_byte_for_byte(service: Any, story: Any) -> None:
    async with receiving() as receiver:
        webhook = await add(service, story, receiver.url, event_types=["probes.monitor.*"])
        payload = outage(service, story)
        await service.hear(payload, payload, *story.golden_june()[:1])
        await work(service)
    ((headers, body),) = receiver.received
    assert body == payload
    assert headers["content-type"] == "application/cloudevents+json"
    assert headers["webhook-id"] == json.loads(body)["id"]
    Webhook(webhook["secret"]).verify(body, headers)
    with pytest.raises(WebhookVerificationError):
        Webhook(webhook["secret"]).verify(body + b" ", headers)
    (delivery,) = await deliveries(service, story, webhook)
    assert (delivery["status"], delivery["event_type"], delivery["due_at"]) == (
        "delivered",
        "probes.monitor.down.v1",
        None,
    )
    assert [attempt["status_code"] for attempt in delivery["attempts"]] == [204]


async def test_a_failure_is_tried_again_on_schedule_with_the_same_id(service: Any, story: Any) -> None:
    async with receiving(
        (500, {}, b"database \x00 away"), (302, {"Location": "http://169.254.169.254/"}, b"")
    ) as receiver:
        webhook = await add(service, story, receiver.url)
        await service.hear(outage(service, story))
        await work(service)
        assert len(receiver.received) == 1
        (delivery,) = await deliveries(service, story, webhook, status="pending")
        assert delivery["attempts"][0]["response_excerpt"] == "database \ufffd away"
        wait = datetime.fromisoformat(delivery["due_at"]) - service.clock.now()
        assert timedelta(seconds=5) <= wait <= timedelta(seconds=5.5)
        service.clock.advance(timedelta(seconds=6))
        await work(service)
        assert len(receiver.received) == 2
        service.clock.advance(timedelta(seconds=331))
        await work(service)
    assert len({headers["webhook-id"] for headers, _ in receiver.received}) == 1
    (delivery,) = await deliveries(service, story, webhook)
    assert delivery["status"] == "delivered"
    assert [attempt["status_code"] for attempt in delivery["attempts"]] == [500, 302, 204]
    assert "redirect" in delivery["attempts"][1]["error"]


async def test_a_receiver_may_ask_for_a_longer_pause(service: Any, story: Any) -> None:
    async with receiving((503, {"Retry-After": "120"}, b"")) as receiver:
        webhook = await add(service, story, receiver.url)
        await service.hear(outage(service, story))
        await work(service)
    (delivery,) = await deliveries(service, story, webhook)
    assert datetime.fromisoformat(delivery["due_at"]) == service.clock.now() + timedelta(seconds=120)


async def test_410_ends_it_at_once_and_the_agency_is_told(service: Any, story: Any) -> None:
    async with receiving((410, {}, b""), (410, {}, b"")) as receiver:
        webhook = await add(service, story, receiver.url)
        await service.hear(outage(service, story), outage(service, story))
        async with service.client(story) as client:
            await work(service, rounds=1)
            read = (await client.get(f"/v1/webhooks/{webhook['webhook_id']}")).json()
    assert (read["enabled"], read["disabled_reason"], read["version"]) == (False, "gone", 2)
    assert [each["status"] for each in await deliveries(service, story, webhook)] == ["failed", "failed"]
    async with service.runtime.units.for_every_tenant() as unit:
        rows = await unit.session.connection()
        told = "select type, envelope from reporting.outbox where aggregate_type = 'webhook'"
        said = (await rows.exec_driver_sql(told)).all()
    assert [row.type for row in said] == ["dev.upheld.reporting.webhook.disabled.v1"]
    assert said[0].envelope["data"]["host"] == "127.0.0.1"


async def test_three_days_of_failures_disable_it_and_enabling_starts_anew(service: Any, story: Any) -> None:
    async with receiving(*[(500, {}, b"")] * 10) as receiver:
        webhook = await add(service, story, receiver.url)
        await service.hear(outage(service, story))
        began = service.clock.now()
        for _ in range(10):
            await work(service, rounds=1)
            (delivery,) = await deliveries(service, story, webhook)
            if delivery["due_at"]:
                service.clock.set(datetime.fromisoformat(delivery["due_at"]))
        assert timedelta(hours=75) < service.clock.now() - began < timedelta(hours=84)
        assert (delivery["status"], len(delivery["attempts"])) == ("failed", 10)
        address = f"/v1/webhooks/{webhook['webhook_id']}"
        async with service.client(story) as client:
            read = await client.get(address)
            assert (read.json()["enabled"], read.json()["disabled_reason"]) == (False, "failing")
            again = f"{address}/deliveries/{delivery['delivery_id']}/retry"
            assert (await client.post(again)).status_code == 409
            changed = await client.patch(address, json={"enabled": True}, headers={"if-match": read.headers["etag"]})
            assert changed.json()["failing_since"] is None
            assert (await client.post(again)).status_code == 202
            assert (await client.post(again)).status_code == 409
        await work(service)
    (delivery,) = await deliveries(service, story, webhook)
    assert (delivery["status"], len(delivery["attempts"])) == ("delivered", 11)


async def test_rotation_signs_twice_for_a_day(service: Any, story: Any) -> None:
    async with receiving() as receiver:
        webhook = await add(service, story, receiver.url)
        async with service.client(story) as client:
            rotated = (await client.post(f"/v1/webhooks/{webhook['webhook_id']}/rotate-secret")).json()
        await service.hear(outage(service, story))
        await work(service)
        service.clock.advance(timedelta(hours=24, seconds=1))
        await service.hear(outage(service, story))
        await work(service)
    (during, body), (after, later_body) = receiver.received
    for secret in (webhook["secret"], rotated["secret"]):
        Webhook(secret).verify(body, during)
    Webhook(rotated["secret"]).verify(later_body, after)
    with pytest.raises(WebhookVerificationError):
        Webhook(webhook["secret"]).verify(later_body, after)


async def test_secrets_are_shown_once_and_unreadable_in_the_database(service: Any, story: Any) -> None:
    webhook = await add(service, story, "https://hooks.example.com/x")
    async with service.client(story) as client:
        for address in ("/v1/webhooks", f"/v1/webhooks/{webhook['webhook_id']}"):
            assert "whsec_" not in (await client.get(address)).text
    async with service.runtime.units.for_every_tenant() as unit:
        rows = await unit.session.connection()
        stored = (await rows.exec_driver_sql("select secret from reporting.webhook")).scalar_one()
    assert webhook["secret"].removeprefix("whsec_").encode() not in stored


async def test_a_test_event_goes_to_one_webhook_whatever_it_subscribed_to(service: Any, story: Any) -> None:
    async with receiving() as receiver:
        webhook = await add(service, story, receiver.url, event_types=["contracts.contract.activated.v1"])
        async with service.client(story) as client:
            queued = await client.post(f"/v1/webhooks/{webhook['webhook_id']}/test")
        assert (queued.status_code, queued.json()["status"]) == (202, "pending")
        await work(service)
    ((headers, body),) = receiver.received
    Webhook(webhook["secret"]).verify(body, headers)
    assert json.loads(body)["type"] == "dev.upheld.reporting.webhook.tested.v1"


@pytest.mark.parametrize(
    "url",
    [
        "https://127.0.0.1/x",
        "https://[::1]/x",
        "https://169.254.169.254/latest/meta-data",
        "https://[::ffff:10.0.0.1]/x",
        "https://10.1.2.3/x",
        "http://hooks.example.com/x",
        "ftp://hooks.example.com/x",
        "https://user:password@hooks.example.com/x",
        "https://hooks.example.com/x#fragment",
        "https:///x",
        "https://hooks.example.com:99999/x",
        "https://hooks.example.com/\\x",
        "nonsense, but long enough",
    ],
)
async def test_addresses_that_must_not_be_reached_are_refused(
    start_service: Callable[..., Any], story: Any, url: str
) -> None:
    service = await start_service(allowed_networks=())
    async with service.client(story) as client:
        answer = await client.post("/v1/webhooks", json={"url": url})
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["pointer"] == "#/url"


async def test_a_name_that_leads_inside_is_refused_when_it_is_sent(
    start_service: Callable[..., Any], story: Any
) -> None:
    service = await start_service(allowed_networks=())
    async with receiving() as receiver:
        webhook = await add(service, story, f"https://localhost:{receiver.port}/x")
        await service.hear(outage(service, story))
        await work(service)
        assert receiver.received == []
    (delivery,) = await deliveries(service, story, webhook)
    assert "refused" in delivery["attempts"][0]["error"]
    assert delivery["attempts"][0]["status_code"] is None


async def test_plain_http_reaches_allowed_networks_only(start_service: Callable[..., Any], story: Any) -> None:
    service = await start_service(allowed_networks=("10.0.0.0/8",))
    async with receiving() as receiver:
        webhook = await add(service, story, f"http://localhost:{receiver.port}/x")
        await service.hear(outage(service, story))
        await work(service)
        assert receiver.received == []
    (delivery,) = await deliveries(service, story, webhook)
    assert "refused" in delivery["attempts"][0]["error"]


async def test_only_what_was_asked_for_and_only_from_then_on(service: Any, story: Any, another_story: Any) -> None:
    early = outage(service, story)
    await service.hear(early)
    some = await add(service, story, "https://a.example/", event_types=["contracts.*", "probes.monitor.recovered.v1"])
    every = await add(service, story, "https://b.example/")
    off = await add(service, story, "https://c.example/", enabled=False)
    stranger = another_story()
    others = await add(service, stranger, "https://d.example/")
    service.clock.advance(timedelta(minutes=1))
    now = service.clock.now()
    await service.hear(
        early,
        story.down(new_id(), now),
        story.recovered(new_id(), now, now),
        story.contract("activated", now),
        story.event("probes.location.suspected.v1", new_id(), now, {"anything": 1}, 1),
    )

    async def names(webhook: dict[str, Any], of: Any = story) -> set[str]:
        return {each["event_type"] for each in await deliveries(service, of, webhook)}

    assert await names(some) == {"contracts.contract.activated.v1", "probes.monitor.recovered.v1"}
    assert len(await names(every)) == 4
    assert len(await deliveries(service, story, every)) == 4
    assert await names(off) == await names(others, stranger) == set()


async def test_nothing_is_skipped_because_the_clock_of_its_service_is_behind(service: Any, story: Any) -> None:
    behind = outage(service, story)
    service.clock.advance(timedelta(hours=3))
    webhook = await add(service, story, "https://a.example/")
    await service.hear(behind)
    assert len(await deliveries(service, story, webhook)) == 1


async def test_projections_that_are_filled_again_are_not_sent_again(service: Any, story: Any) -> None:
    june = story.golden_june()
    await service.hear(*june)
    webhook = await add(service, story, "https://a.example/")
    with psycopg.connect(service.urls.superuser) as connection:
        connection.execute(
            "truncate reporting.inbox, reporting.contract, reporting.contract_version, reporting.client, "
            "reporting.site, reporting.monitor, reporting.transition, reporting.incident, reporting.clock"
        )
    assert await service.hear(*june) == len(june)
    assert await deliveries(service, story, webhook) == []


async def test_webhooks_of_another_tenant_do_not_exist(service: Any, story: Any, another_story: Any) -> None:
    webhook = await add(service, story, "https://a.example/")
    await service.hear(outage(service, story))
    (delivery,) = await deliveries(service, story, webhook)
    address = f"/v1/webhooks/{webhook['webhook_id']}"
    async with service.client(another_story()) as stranger:
        assert (await stranger.get("/v1/webhooks")).json()["data"] == []
        headers = {"if-match": "*"}
        answers = [
            await stranger.get(address),
            await stranger.patch(address, json={"enabled": False}, headers=headers),
            await stranger.delete(address, headers=headers),
            await stranger.post(f"{address}/rotate-secret"),
            await stranger.post(f"{address}/test"),
            await stranger.get(f"{address}/deliveries"),
            await stranger.get(f"{address}/deliveries/{delivery['delivery_id']}"),
            await stranger.post(f"{address}/deliveries/{delivery['delivery_id']}/retry"),
        ]
    assert [answer.status_code for answer in answers] == [404] * 8
    for role in ("viewer", "client_decider"):
        how = {"client_id": story.client_id} if role == "client_decider" else {}
        async with service.client(story, role=role, **how) as reader:
            assert (await reader.get(address)).status_code == 403


async def test_changes_need_the_version_that_was_read(service: Any, story: Any) -> None:
    webhook = await add(service, story, "https://a.example/", description="before")
    address = f"/v1/webhooks/{webhook['webhook_id']}"
    async with service.client(story) as client:
        assert (await client.patch(address, json={"description": "x"})).status_code == 428
        stale = await client.patch(address, json={"description": "x"}, headers={"if-match": '"7"'})
        assert (stale.status_code, stale.headers["etag"]) == (412, '"1"')
        patch = {"description": "after", "event_types": ["incidents.*", "incidents.*"]}
        changed = await client.patch(address, json=patch, headers={"if-match": '"1"'})
        assert changed.headers["etag"] == '"2"'
        assert (changed.json()["description"], changed.json()["event_types"]) == ("after", ["incidents.*"])
        assert (await client.get(address, headers={"if-none-match": '"2"'})).status_code == 304
        for bad in ({"url": None}, {"unknown": 1}, {"event_types": ["incidents"]}, {"description": "x" * 501}):
            assert (await client.patch(address, json=bad, headers={"if-match": "*"})).status_code == 422
        assert (await client.delete(address, headers={"if-match": '"1"'})).status_code == 412
        assert (await client.delete(address, headers={"if-match": '"2"'})).status_code == 204
        assert (await client.get(address)).status_code == 404


async def test_a_hanging_receiver_times_out_and_does_not_hold_others_up(
    start_service: Callable[..., Any], story: Any
) -> None:
    service = await start_service(webhook_timeout_seconds=0.5)
    async with never_answering() as silent, receiving() as receiver:
        slow = await add(service, story, silent)
        fine = await add(service, story, receiver.url)
        await service.hear(outage(service, story))
        await work(service, rounds=1)
    (delivery,) = await deliveries(service, story, slow)
    assert delivery["attempts"][0]["error"] == "no complete answer within 0.5 s"
    assert (await deliveries(service, story, fine))[0]["status"] == "delivered"


async def test_a_hanging_receiver_with_a_backlog_holds_up_nobody_of_any_tenant(
    start_service: Callable[..., Any], story: Any, another_story: Any, eventually: Callable[..., Any]
) -> None:
    """The first tries of the one that never answers are still under way when the others have had all of theirs."""
    service = await start_service(webhook_timeout_seconds=30, webhook_concurrency=20)
    neighbour = another_story()
    (deliver, *_) = build_jobs(service.runtime)
    async with never_answering() as silent, receiving() as receiver:
        slow = await add(service, story, silent)
        for _ in range(300):
            await service.hear(outage(service, story))
        working = asyncio.create_task(run_worker(service.runtime, None, [deliver]))
        try:

            async def hangs() -> bool:
                return await attempted(service, slow) >= 2

            await eventually(hangs)
            service.clock.advance(timedelta(seconds=1))  # what comes now is due after all of the backlog
            await add(service, story, receiver.url, event_types=["probes.*"])
            await add(service, neighbour, receiver.url)
            for number in range(1, 7):
                of = neighbour if number % 2 else story
                await service.hear(outage(service, of))

                async def arrived(expected: int = number) -> bool:
                    return len(receiver.received) >= expected

                await eventually(arrived)
            assert await attempted(service, slow) == 2
            assert all(not each["attempts"] for each in await deliveries(service, story, slow))
        finally:
            working.cancel()
            await asyncio.gather(working, return_exceptions=True)


async def test_however_many_receivers_fail_half_of_the_room_is_for_the_others(
    service: Any, story: Any, another_story: Any
) -> None:
    """Of each that fails one delivery is under way, of all of them together half of what there is room for."""
    failing = [UUID((await add(service, story, "https://silent.example/"))["webhook_id"]) for _ in range(25)]
    for _ in range(3):
        await service.hear(outage(service, story))
    neighbour = another_story()
    fine = UUID((await add(service, neighbour, "https://fine.example/"))["webhook_id"])
    await service.hear(outage(service, neighbour))
    async with service.runtime.units.for_every_tenant() as unit:
        rows = await unit.session.connection()
        await rows.exec_driver_sql(
            "update reporting.webhook set failing_since = %s where webhook_id = any(%s)", (unit.now, failing)
        )
    room = {"share": 2, "room_for_failing": 10}
    async with service.runtime.units.for_every_tenant() as unit:
        first = [one.webhook_id for one in await claim(unit, 20, **room, busy={})]
        assert fine in first
        assert len(set(first)) == len(first) == 11
        another = [one.webhook_id for one in await claim(unit, 9, **room, busy=Counter(first))]
        assert another == [], "the half of those that fail is taken"
        still = Counter(first)
        for ended in [one for one in first if one != fine][:3]:
            del still[ended]
        assert len(await claim(unit, 12, **room, busy=still)) == 3


async def attempted(service: Any, webhook: dict[str, Any]) -> int:
    """How many deliveries to a webhook were begun."""
    async with service.runtime.units.for_every_tenant() as unit:
        rows = await unit.session.connection()
        statement = "select count(*) from reporting.delivery where attempts > 0 and webhook_id = %s"
        count: int = (await rows.exec_driver_sql(statement, (webhook["webhook_id"],))).scalar_one()
        return count


async def test_what_is_under_way_is_finished_and_noted_when_the_worker_ends(service: Any, story: Any) -> None:
    async with receiving() as receiver:
        webhook = await add(service, story, receiver.url)
        await service.hear(outage(service, story))
        receiver.on_request = service.runtime.stopping.set
        await run_worker(service.runtime, None, build_jobs(service.runtime)[:1])
    (delivery,) = await deliveries(service, story, webhook)
    assert delivery["status"] == "delivered"


async def test_finished_deliveries_are_forgotten_after_a_month(service: Any, story: Any) -> None:
    async with receiving() as receiver:
        webhook = await add(service, story, receiver.url)
        await service.hear(outage(service, story))
        await work(service)
    prune = build_jobs(service.runtime)[1]
    await prune.run()
    assert len(await deliveries(service, story, webhook)) == 1
    service.clock.advance(timedelta(days=30, seconds=1))
    await prune.run()
    assert await deliveries(service, story, webhook) == []
