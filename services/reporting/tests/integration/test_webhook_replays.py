"""Stretches of what happened, sent to a webhook again."""

import json
from datetime import timedelta
from typing import Any

import pytest

from reporting.adapters import webhook_replays
from reporting.worker import build_jobs
from shared.ids import new_id

from .webhook_receiver import add, deliveries, outage, receiving, replay_all, work


def ids(payloads: Any) -> list[str]:
    return [json.loads(payload)["id"] for payload in payloads]


async def replay(service: Any, story: Any, webhook: dict[str, Any], **body: Any) -> dict[str, Any]:
    async with service.client(story) as client:
        answer = await client.post(f"/v1/webhooks/{webhook['webhook_id']}/replays", json=body)
        assert answer.status_code == 202, answer.text
        await replay_all(service)
        read = await client.get(answer.headers["location"])
    found: dict[str, Any] = read.json()
    return found


async def test_what_happened_since_an_instant_is_sent_again_byte_for_byte_under_the_same_ids(
    service: Any, story: Any
) -> None:
    """Also what happened before the webhook existed; not what was before the instant or what its filters leave out."""
    before = outage(service, story)
    service.clock.advance(timedelta(hours=1))
    since = service.clock.now()
    missed = [outage(service, story), story.contract("activated", since)]
    await service.hear(before, *missed)
    service.clock.advance(timedelta(hours=1))
    async with receiving() as receiver:
        webhook = await add(service, story, receiver.url, event_types=["probes.*"])
        heard = outage(service, story)
        await service.hear(heard)
        await work(service)
        service.clock.advance(timedelta(seconds=30))
        receiver.received.clear()
        done = await replay(service, story, webhook, since=since.isoformat())
        assert (done["status"], done["queued"], done["finished_at"] is not None) == ("finished", 2, True)
        await work(service)
        assert {body for _, body in receiver.received} == {missed[0], heard}
        assert {headers["webhook-id"] for headers, _ in receiver.received} == set(ids([missed[0], heard]))
        assert [len(each["attempts"]) for each in await deliveries(service, story, webhook)] == [1, 2]

        receiver.received.clear()
        until = {"since": since.isoformat(), "until": (since + timedelta(minutes=30)).isoformat()}
        assert (await replay(service, story, webhook, **until))["queued"] == 1
        nothing = await replay(service, story, webhook, since=since.isoformat(), event_types=["contracts.*"])
        assert nothing["queued"] == 0, "what the webhook leaves out stays out"
        await work(service)
        assert ids(body for _, body in receiver.received) == ids(missed[:1])
    async with service.client(story) as client:
        listed = await client.get(f"/v1/webhooks/{webhook['webhook_id']}/replays", params={"limit": 2})
        assert [each["queued"] for each in listed.json()["data"]] == [0, 1]
        following = await client.get(listed.links["next"]["url"])
        assert [each["queued"] for each in following.json()["data"]] == [2]


async def test_what_is_still_to_come_is_not_sent_twice(service: Any, story: Any) -> None:
    since = service.clock.now() - timedelta(hours=1)
    async with receiving((500, {}, b"")) as receiver:
        webhook = await add(service, story, receiver.url)
        await service.hear(outage(service, story))
        await work(service)
        service.clock.advance(timedelta(seconds=1))
        assert (await replay(service, story, webhook, since=since.isoformat()))["queued"] == 0
        await work(service)
        assert len(receiver.received) == 1


async def test_a_long_replay_goes_on_batch_by_batch_and_leaves_room_for_what_happens_now(
    service: Any, story: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(webhook_replays, "BATCH", 3)
    monkeypatch.setattr(webhook_replays, "BACKLOG", 6)
    since = service.clock.now()
    events = [story.down(new_id(), since + timedelta(seconds=number)) for number in range(10)]
    await service.hear(*events)
    service.clock.advance(timedelta(minutes=5))
    async with receiving() as receiver:
        webhook = await add(service, story, receiver.url, ordered=True)
        running = await replay(service, story, webhook, since=since.isoformat())
        assert (running["status"], running["queued"]) == ("finished", 10), "of one thing, in order, one is to come"
        await work(service, rounds=12)
        assert ids(body for _, body in receiver.received) == ids(events)

        receiver.received.clear()
        async with service.client(story) as client:
            await client.patch(
                f"/v1/webhooks/{webhook['webhook_id']}", json={"ordered": False}, headers={"if-match": "*"}
            )
        running = await replay(service, story, webhook, since=since.isoformat())
        assert (running["status"], running["queued"]) == ("running", 6)
        for _ in range(3):
            await work(service)
            service.clock.advance(timedelta(seconds=3))
            await replay_all(service)
        await work(service)
    assert sorted(ids(body for _, body in receiver.received)) == sorted(ids(events))


async def test_one_at_a_time_and_only_of_what_was(service: Any, story: Any) -> None:
    webhook = await add(service, story, "https://a.example/")
    address = f"/v1/webhooks/{webhook['webhook_id']}/replays"
    async with service.client(story) as client:
        for body, pointer in (
            ({}, "#/since"),
            ({"since": "2099-01-01T00:00:00Z"}, "#/since"),
            ({"since": "2026-06-01T00:00:00Z", "until": "2099-01-01T00:00:00Z"}, "#/until"),
            ({"since": "2026-06-01T00:00:00Z", "until": "2026-06-01T00:00:00Z"}, "#/until"),
            ({"since": "2026-06-01T00:00:00Z", "event_types": ["nonsense"]}, "#/event_types/0"),
        ):
            answer = await client.post(address, json=body)
            assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, pointer)
        since = {"since": "2026-06-01T00:00:00Z"}
        first = await client.post(address, json=since)
        assert first.status_code == 202
        assert (await client.post(address, json=since)).status_code == 409

        # Switched off, it stops.
        web = f"/v1/webhooks/{webhook['webhook_id']}"
        await client.patch(web, json={"enabled": False}, headers={"if-match": "*"})
        await replay_all(service)
        assert (await client.get(first.headers["location"])).json()["status"] == "stopped"
        assert (await client.post(address, json=since)).status_code == 409


async def test_a_finished_replay_is_forgotten_after_a_month_and_one_that_goes_on_is_not(
    service: Any, story: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(webhook_replays, "BATCH", 1)
    monkeypatch.setattr(webhook_replays, "BACKLOG", 1)
    done, going_on = [
        await add(service, story, "https://a.example/", event_types=[of]) for of in ("probes.*", "contracts.*")
    ]
    await service.hear(story.contract("activated", service.clock.now()))
    service.clock.advance(timedelta(hours=1))
    since = {"since": "2026-06-01T00:00:00Z"}
    assert (await replay(service, story, done, **since))["status"] == "finished"
    assert (await replay(service, story, going_on, **since))["status"] == "running"

    async def listed(webhook: dict[str, Any]) -> list[str]:
        async with service.client(story) as client:
            answer = await client.get(f"/v1/webhooks/{webhook['webhook_id']}/replays")
        return [each["status"] for each in answer.json()["data"]]

    prune = next(job for job in build_jobs(service.runtime) if job.name == "prune deliveries")
    service.clock.advance(timedelta(days=30))
    await prune.run()
    assert (await listed(done), await listed(going_on)) == (["finished"], ["running"])
    service.clock.advance(timedelta(seconds=1))
    await prune.run()
    assert (await listed(done), await listed(going_on)) == ([], ["running"])


@pytest.mark.capability("X09")
async def test_replays_of_another_agency_do_not_exist(service: Any, story: Any, another_story: Any) -> None:
    webhook = await add(service, story, "https://a.example/")
    address = f"/v1/webhooks/{webhook['webhook_id']}/replays"
    async with service.client(story) as client:
        made = await client.post(address, json={"since": "2026-06-01T00:00:00Z"})
    async with service.client(another_story()) as stranger:
        answers = [
            await stranger.post(address, json={"since": "2026-06-01T00:00:00Z"}),
            await stranger.get(address),
            await stranger.get(made.headers["location"]),
        ]
    assert [answer.status_code for answer in answers] == [404] * 3
