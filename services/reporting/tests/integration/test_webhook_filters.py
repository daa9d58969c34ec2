"""Whom a webhook hears of, and in which order."""

import asyncio
import json
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from reporting.adapters.deliveries import Tried, claim, record
from reporting.domain.retries import Decision
from shared.events import OperationRecorded
from shared.ids import new_id

from .webhook_receiver import Receiver, add, deliveries, outage, receiving, replay_all, work

SERVICES = Path(__file__).parents[3]


def named_client(service: Any, story: Any) -> bytes:
    """The agency has this client."""
    data = {"client_id": str(story.client_id), "name": story.client_name}
    event: bytes = story.event("contracts.client.changed.v1", story.client_id, service.clock.now(), data, 1)
    return event


def neighbour_of(story: Any, another_story: Any) -> Any:
    """Another client of the same agency."""
    return another_story(tenant_id=story.tenant_id, client_name="Menuiserie Petit", slug="menuiserie-petit")


def heard(receiver: Receiver) -> list[dict[str, Any]]:
    return [json.loads(body) for _, body in receiver.received]


@pytest.mark.capability("X09")
async def test_a_webhook_for_one_client_is_told_of_no_other(service: Any, story: Any, another_story: Any) -> None:
    neighbour = neighbour_of(story, another_story)
    await service.hear(named_client(service, story), named_client(service, neighbour))
    async with receiving() as receiver:
        await add(service, story, receiver.url, client_ids=[str(story.client_id)])
        now = service.clock.now()
        both = {"client_id": str(story.client_id), "moved_to": {"client_id": str(neighbour.client_id)}}
        await service.hear(
            outage(service, story),
            outage(service, neighbour),
            neighbour.contract("activated", now),
            story.contract("activated", now),
            # What names somebody else beside him, and what names nobody.
            story.event("contracts.site.moved.v1", new_id(), now, both, 1),
            story.event("probes.location.suspected.v1", new_id(), now, {"location": "paris"}, 1),
        )
        await work(service)
    assert [each["type"].split(".", 2)[2] for each in heard(receiver)] == [
        "probes.monitor.down.v1",
        "contracts.contract.activated.v1",
    ]
    assert str(neighbour.client_id) not in str(receiver.received)
    assert neighbour.client_name not in str(receiver.received)


@pytest.mark.capability("X09")
async def test_an_agency_receives_nothing_of_another_agency_whatever_its_webhook_asks_for(
    service: Any, story: Any, another_story: Any
) -> None:
    stranger = another_story()
    await service.hear(named_client(service, stranger), named_client(service, story))
    async with receiving() as receiver:
        mine = await add(service, story, receiver.url)
        await service.hear(*stranger.golden_june())
        # Not by somebody else's client as a filter either: whether there is one, nobody is told.
        async with service.client(story) as client:
            for client_id in (stranger.client_id, new_id()):
                asked = {"url": receiver.url, "client_ids": [str(story.client_id), str(client_id)]}
                refused = await client.post("/v1/webhooks", json=asked)
                assert refused.status_code == 422
                assert refused.json()["errors"][0]["pointer"] == "#/client_ids/1"
                changed = await client.patch(
                    f"/v1/webhooks/{mine['webhook_id']}",
                    json={"client_ids": [str(client_id)]},
                    headers={"if-match": "*"},
                )
                assert changed.json()["errors"][0]["pointer"] == "#/client_ids/0"
            service.clock.advance(timedelta(seconds=1))
            since = {"since": "2026-01-01T00:00:00Z"}
            assert (await client.post(f"/v1/webhooks/{mine['webhook_id']}/replays", json=since)).status_code == 202
        await replay_all(service)
        await work(service)
        assert [each["type"] for each in heard(receiver)] == ["dev.upheld.contracts.client.changed.v1"]
    assert str(stranger.client_id) not in str(receiver.received)


def published(name: str, service: Any, story: Any, **changes: Any) -> bytes:
    """An event as its publisher's frozen example says it, about this client."""
    example = SERVICES / name.partition(".")[0] / "schemas" / "examples" / f"{name}.json"
    data = json.loads(example.read_text(encoding="utf-8"))["data"]
    data |= {"client_id": str(story.client_id), "contract_id": str(story.contract_id)} | changes
    event: bytes = story.event(name, new_id(), service.clock.now(), data, 1)
    return event


INTERNAL = "incidents.action.recorded.v1", "incidents.risk.recorded.v1", "incidents.time_entry.recorded.v1"
ABOUT_THE_AGENCY = (
    "incidents.on_call.uncovered.v1",
    "incidents.on_call.covered.v1",
    "reporting.outage_decision.proposed.v1",
    "reporting.outage_decision.declined.v1",
    "reporting.outage_decision.withdrawal_proposed.v1",
    # As it was told until a client's webhook was told of it: with the steps that nobody agreed to.
    "reporting.outage_decision.withdrawn.v1",
)


@pytest.mark.capability("X09")
async def test_a_webhook_for_a_client_is_told_nothing_that_is_between_the_people_of_the_agency(
    service: Any, story: Any
) -> None:
    await service.hear(named_client(service, story))
    async with receiving() as receiver, receiving() as of_the_agency:
        await add(service, story, of_the_agency.url)
        webhook = await add(service, story, receiver.url, client_ids=[str(story.client_id)])
        told = "reporting.outage_decision.approved.v1"
        ended = "reporting.outage_decision.withdrawn.v1"
        agreed = json.loads((SERVICES / f"reporting/schemas/examples/{ended}.json").read_text())["data"]["steps"]
        agreed = [each for each in agreed if each["act"] != "withdrawal_proposed"]
        heard_of = [
            *(published(name, service, story, audience="agency") for name in INTERNAL),
            *(published(name, service, story, audience="client") for name in INTERNAL),
            *(published(name, service, story) for name in (*ABOUT_THE_AGENCY, told)),
            published(ended, service, story, steps=agreed),
        ]
        assert await service.hear(*heard_of) == len(heard_of)
        await work(service, rounds=6)
        assert len(of_the_agency.received) == len(heard_of)
        seen = sorted(each["type"].removeprefix("dev.upheld.") for each in heard(receiver))
        assert seen == sorted([*INTERNAL, told, ended])
        assert "agency" not in {each["data"].get("audience") for each in heard(receiver)}

        # Not again either: by a replay nothing comes that did not come by itself.
        service.clock.advance(timedelta(seconds=1))
        receiver.received.clear()
        async with service.client(story) as client:
            replays = f"/v1/webhooks/{webhook['webhook_id']}/replays"
            await client.post(replays, json={"since": "2026-01-01T00:00:00Z", "event_types": ["incidents.*"]})
        await replay_all(service)
        await work(service)
        assert sorted(each["type"].removeprefix("dev.upheld.") for each in heard(receiver)) == sorted(INTERNAL)


@pytest.mark.capability("X09")
@pytest.mark.parametrize("ordered", [False, True])
async def test_what_waits_for_a_webhook_that_becomes_a_client_s_is_not_sent_there(
    service: Any, story: Any, another_story: Any, ordered: bool
) -> None:
    """Whoever hands a webhook over gives it another address and a filter; the backlog is still the agency's."""
    neighbour = neighbour_of(story, another_story)
    await service.hear(named_client(service, story), named_client(service, neighbour))
    async with receiving(*[(500, {}, b"")] * 3) as of_the_agency, receiving() as receiver:
        webhook = await add(service, story, of_the_agency.url, ordered=ordered)
        internal = published("incidents.risk.recorded.v1", service, story, audience="agency")
        mine = outage(service, story)
        await service.hear(outage(service, neighbour), internal, mine)
        await work(service, rounds=1)
        assert len(of_the_agency.received) == 3
        address = f"/v1/webhooks/{webhook['webhook_id']}"
        async with service.client(story) as client:
            handed_over = {"url": receiver.url, "client_ids": [str(story.client_id)]}
            assert (await client.patch(address, json=handed_over, headers={"if-match": "*"})).status_code == 200
            assert (await client.post(f"{address}/test")).status_code == 202
            service.clock.advance(timedelta(seconds=6))
            await work(service, rounds=6)
            assert {body for _, body in receiver.received if b"webhook.tested" not in body} == {mine}
            assert len(receiver.received) == 2, "whoever asks for a test event gets it"
            listed = await deliveries(service, story, webhook, status="failed")
            assert len(listed) == 2
            assert ["not sent" in each["attempts"][-1]["error"] for each in listed] == [True, True]
            # Nor by hand.
            again = f"{address}/deliveries/{listed[0]['delivery_id']}/retry"
            assert (await client.post(again)).status_code == 202
        await work(service)
        assert len(receiver.received) == 2


async def test_nobody_is_delivered_the_records_of_who_did_what(service: Any, story: Any) -> None:
    webhook = await add(service, story, "https://a.example/", event_types=["contracts.operation.*", "contracts.*"])
    said = dict(OperationRecorded.EXAMPLE)
    await service.hear(story.event("contracts.operation.recorded.v1", new_id(), service.clock.now(), said, 1))
    assert await deliveries(service, story, webhook) == []


async def test_a_change_of_the_filter_is_for_what_comes_then(service: Any, story: Any, another_story: Any) -> None:
    neighbour = neighbour_of(story, another_story)
    await service.hear(named_client(service, story), named_client(service, neighbour))
    webhook = await add(service, story, "https://a.example/", client_ids=[str(story.client_id)])
    await service.hear(outage(service, neighbour))
    async with service.client(story) as client:
        changed = await client.patch(
            f"/v1/webhooks/{webhook['webhook_id']}", json={"client_ids": []}, headers={"if-match": "*"}
        )
    assert changed.json()["client_ids"] == []
    await service.hear(outage(service, neighbour))
    assert len(await deliveries(service, story, webhook)) == 1


def incident(service: Any, story: Any) -> list[bytes]:
    """Opened, acknowledged, recovered, resolved."""
    now = service.clock.now()
    steps = {"acknowledged": 3, "recovered": 10, "resolved": 12}
    at = {step: now + timedelta(minutes=minutes) for step, minutes in steps.items()}
    return list(story.incident(new_id(), new_id(), now, **at))


def order_of(receiver: Receiver) -> list[tuple[str, int]]:
    return [(each["subject"], each["aggregateversion"]) for each in heard(receiver)]


async def test_in_order_the_next_of_an_incident_waits_until_the_one_before_arrived(service: Any, story: Any) -> None:
    async with receiving((500, {}, b""), (500, {}, b"")) as receiver:
        webhook = await add(service, story, receiver.url, ordered=True, event_types=["incidents.*"])
        first, second = incident(service, story), incident(service, story)
        await service.hear(*first, *second)
        await work(service, rounds=2)
        # The first of each was tried, and fails; nothing else of either was.
        assert [version for _, version in order_of(receiver)] == [1, 1]
        waiting = [each for each in await deliveries(service, story, webhook) if each["due_at"] is None]
        assert {(each["status"], len(each["attempts"])) for each in waiting} == {("pending", 0)}
        assert len(waiting) == len(first) + len(second) - 2
        service.clock.advance(timedelta(seconds=6))
        await work(service, rounds=12)
    arrived = order_of(receiver)[2:]
    assert len(arrived) == len(first) + len(second)
    for subject in {subject for subject, _ in arrived}:
        assert [version for of, version in arrived if of == subject] == [1, 2, 3, 4]


async def test_what_is_given_up_holds_up_what_follows_no_longer(service: Any, story: Any) -> None:
    async with receiving(*[(500, {}, b"")] * 10) as receiver:
        webhook = await add(service, story, receiver.url, ordered=True, event_types=["incidents.*"])
        fine = await add(service, story, receiver.url, event_types=["contracts.*"])
        steps = incident(service, story)
        await service.hear(steps[0])
        await work(service, rounds=1)
        await service.hear(*steps[1:2])
        for _ in range(9):
            (first,) = [each for each in await deliveries(service, story, webhook) if each["attempts"]]
            service.clock.set(datetime.fromisoformat(first["due_at"]))
            await work(service, rounds=1)
        # All ten tries failed, and the webhook is off; enabled and replayed, both are tried in their order.
        assert [each["status"] for each in await deliveries(service, story, webhook)] == ["failed", "failed"]
        async with service.client(story) as client:
            address = f"/v1/webhooks/{webhook['webhook_id']}"
            await client.patch(address, json={"enabled": True}, headers={"if-match": "*"})
            for each in reversed(await deliveries(service, story, webhook)):
                assert (await client.post(f"{address}/deliveries/{each['delivery_id']}/retry")).status_code == 202
        receiver.received.clear()
        await work(service)
    assert [version for _, version in order_of(receiver)] == [1, 2]
    assert await deliveries(service, story, fine) == []


async def test_without_order_nothing_waits_and_what_waited_is_sent(service: Any, story: Any) -> None:
    async with receiving((500, {}, b"")) as receiver:
        webhook = await add(service, story, receiver.url, ordered=True, event_types=["incidents.*"])
        await service.hear(*incident(service, story))
        await work(service, rounds=2)
        assert len(receiver.received) == 1
        async with service.client(story) as client:
            changed = await client.patch(
                f"/v1/webhooks/{webhook['webhook_id']}", json={"ordered": False}, headers={"if-match": "*"}
            )
        assert changed.json()["ordered"] is False
        await work(service, rounds=4)
    assert sorted(version for _, version in order_of(receiver)) == [1, 2, 3, 4]


async def test_what_is_heard_while_the_one_before_is_finished_is_not_left_waiting(service: Any, story: Any) -> None:
    webhook = await add(service, story, "https://a.example/", ordered=True, event_types=["incidents.*"])
    first, second, *_ = incident(service, story)
    await service.hear(first)
    units = service.runtime.units
    async with units.for_every_tenant() as unit:
        (claimed,) = await claim(unit, 1, share=1, room_for_failing=1, busy={})
    async with units.for_every_tenant() as unit:
        await record(unit, claimed, Tried(unit.now, 9, 204, None), Decision("delivered"), None)
        hearing = asyncio.create_task(service.hear(second))
        await asyncio.wait([hearing], timeout=0.5)
        assert not hearing.done(), "it would see the first one as it was"
    assert await hearing == 1
    newest, _ = await deliveries(service, story, webhook)
    assert (newest["status"], newest["due_at"] is not None) == ("pending", True)
