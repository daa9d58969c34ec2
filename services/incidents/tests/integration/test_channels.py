"""Channels through Apprise: who is reached where, in his language, when he may be; every try in one log."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import text

from incidents.jobs import notifications
from shared.ids import new_id

from .conftest import Agreement, Desk
from .receiver import Receiver
from .roster import Roster

EVERY_KIND = ["opened", "recovered", "resolved", "clock_at_risk", "clock_breached", "escalation"]
PRIVATE = {"allowed_networks": "127.0.0.0/8"}


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    one = Receiver()
    yield one
    one.close()


@pytest.fixture
async def roster(make_desk: Callable[..., Desk], agreement: Agreement) -> AsyncIterator[Roster]:
    desk = make_desk(**PRIVATE, public_url="https://desk.agency.example", alert_emails="")
    await desk.activate(agreement, alerts={"emails": []})
    yield Roster(desk, agreement)


async def channel(roster: Roster, receiver: Receiver, **how: Any) -> dict[str, Any]:
    body = {"name": "Room", "url": receiver.url, "kinds": EVERY_KIND} | how
    if "person_id" not in how:
        body |= {"contract_id": str(roster.agreement.contract_id)}
    return await roster.made("/v1/notification-channels", body)


async def send(roster: Roster) -> None:
    while await roster.desk.outbound.run() == 0:
        pass


async def tries(roster: Roster, query: str = "") -> list[dict[str, Any]]:
    return list((await roster.read(f"/v1/notification-tries{query}"))["data"])


@pytest.mark.capability("I02")
async def test_the_room_of_a_contract_hears_of_it_in_its_language(roster: Roster, receiver: Receiver) -> None:
    await channel(roster, receiver, language="fr")
    outage = await roster.desk.break_down(roster.agreement)
    await send(roster)
    await roster.desk.recover(roster.agreement, outage)
    await send(roster)
    assert receiver.titles == [
        "[INC-2026-0001] Boutique est en panne",
        "[INC-2026-0001] Boutique fonctionne à nouveau",
    ]
    assert "contrat C-2026-0001" in receiver.taken[0]["message"]
    assert "/acknowledge" not in receiver.taken[0]["message"], "a room is nobody in particular"


async def test_a_channel_takes_the_kinds_that_it_says_and_only_those(roster: Roster, receiver: Receiver) -> None:
    await channel(roster, receiver, kinds=["clock_breached", "resolved"])
    await roster.desk.break_down(roster.agreement)
    await send(roster)
    roster.desk.clock.advance(timedelta(minutes=31))
    await roster.desk.due_clocks.run()
    incident = await roster.desk.only_incident(roster.agreement)
    async with roster.desk.client(roster.agreement) as client:
        assert (await client.post(f"/v1/incidents/{incident['incident_id']}/resolve")).status_code == 200
    await send(roster)
    assert receiver.titles == [
        "[INC-2026-0001] Answer to INC-2026-0001 is overdue",
        "[INC-2026-0001] Resolved: Boutique",
    ]


async def test_the_address_is_sealed_and_never_shown_again(roster: Roster, receiver: Receiver) -> None:
    made = await channel(roster, receiver)
    assert made["address"] == "json://127.0.0.1/…"
    await roster.desk.break_down(roster.agreement)
    receiver.status = 500
    await send(roster)
    listed = await roster.read("/v1/notification-channels")
    log = await tries(roster)
    assert "secret" not in f"{made} {listed} {log}"
    (row,) = await roster.desk.rows("select address, shown from incidents.notification_channel")
    assert b"secret" not in row["address"]


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("syslog://", "scheme"),
        ("mailto://a:topsecret@mail.example", "scheme"),
        ("file:///etc/passwd", "scheme"),
        ("jsons://10.0.0.1/topsecret", "private"),
        ("jsons://169.254.169.254/topsecret", "link-local"),
        ("jsons://hooks.example/?verify=no", "verify"),
        ("slack://topsecret", "copied whole"),
    ],
)
async def test_an_address_that_may_not_be_used_is_refused_at_its_field(roster: Roster, url: str, says: str) -> None:
    body = {"name": "Room", "contract_id": str(roster.agreement.contract_id), "url": url, "kinds": EVERY_KIND}
    async with roster.desk.client(roster.agreement) as client:
        answer = await client.post("/v1/notification-channels", json=body)
    assert answer.status_code == 422, answer.text
    (error,) = answer.json()["errors"]
    assert error["pointer"] == "#/url" and says in error["detail"]
    assert "topsecret" not in answer.text


async def test_a_channel_has_exactly_one_owner_whom_we_know(roster: Roster, receiver: Receiver) -> None:
    base = {"name": "x", "url": receiver.url, "kinds": ["opened"]}
    both = {"person_id": str(new_id()), "contract_id": str(roster.agreement.contract_id)}
    async with roster.desk.client(roster.agreement) as client:
        for owner, status in (({}, 422), (both, 422), ({"person_id": str(new_id())}, 404)):
            assert (await client.post("/v1/notification-channels", json=base | owner)).status_code == status


async def test_an_escalation_reaches_the_telephone_of_whoever_is_asked_and_waits_for_quiet_hours(
    roster: Roster, receiver: Receiver
) -> None:
    ada, max_ = await roster.person("Ada"), await roster.person("Max")
    await channel(roster, receiver, person_id=ada, name="Ada's", kinds=["escalation"])
    await roster.quiet(ada, "10:00", "12:00")  # in Paris: it is 11:00 there
    await roster.policy({"unacknowledged_minutes": 0, "notify": [{"person_id": ada}, {"person_id": max_}]})
    await roster.desk.break_down(roster.agreement)
    await roster.look_at(roster.desk.clock.now())
    await send(roster)
    assert receiver.taken == []
    assert [str(message["To"]) for message in roster.desk.mailbox.messages] == ["max@agency.example"]
    roster.desk.clock.set(datetime(2026, 6, 8, 10, 0, tzinfo=UTC))
    await send(roster)
    assert receiver.titles == ["[INC-2026-0001] Escalation, level 1: Boutique"]


async def test_what_a_person_follows_waits_until_he_may_be_disturbed(roster: Roster, receiver: Receiver) -> None:
    ada = await roster.person("Ada")
    await roster.quiet(ada, "10:00", "12:00")
    await channel(roster, receiver, person_id=ada, kinds=["opened"])
    await roster.desk.break_down(roster.agreement)
    await send(roster)
    assert receiver.taken == []
    roster.desk.clock.set(datetime(2026, 6, 8, 10, 0, tzinfo=UTC))
    await send(roster)
    assert len(receiver.taken) == 1


async def test_every_try_is_in_the_log_with_its_result_and_the_next_one(roster: Roster, receiver: Receiver) -> None:
    made = await channel(roster, receiver, kinds=["opened"])
    receiver.status = 503
    await roster.desk.break_down(roster.agreement)
    await send(roster)
    item_id = (await roster.desk.only_incident(roster.agreement))["incident_id"]
    roster.desk.clock.advance(timedelta(seconds=2))
    receiver.status = 200
    await send(roster)
    for query in (f"?channel_id={made['channel_id']}", f"?item_id={item_id}"):
        second, first = await tries(roster, query)
        assert (first["number"], first["result"], first["next_try_at"]) == (1, "delayed", "2026-06-08T09:00:02Z")
        assert "503" in first["error"] and first["address"] == "json://127.0.0.1/…"
        assert (second["number"], second["result"], second["next_try_at"]) == (2, "sent", None)
    page = await roster.read("/v1/notification-tries?limit=1")
    assert (await roster.read(f"/v1/notification-tries?limit=1&cursor={page['next_cursor']}"))["data"] == [first]
    assert (await roster.desk.only_incident(roster.agreement))["timestamps"]["alerted"]["source"] == "apprise"


async def test_what_never_arrives_is_given_up_visibly_after_a_last_try(roster: Roster, receiver: Receiver) -> None:
    await channel(roster, receiver, kinds=["opened"])
    receiver.status = 503
    await roster.desk.break_down(roster.agreement)
    for _ in range(40):
        await send(roster)
        roster.desk.clock.advance(timedelta(hours=1))
    given_up = await tries(roster, "?result=gave_up")
    assert len(given_up) == 1 and given_up[0]["number"] > 5
    assert given_up[0]["at"] > "2026-06-09T07:00:00Z"
    (row,) = await roster.desk.rows("select state, next_attempt_at from incidents.notification")
    assert (row["state"], row["next_attempt_at"]) == ("failed", None)


async def test_what_waited_for_longer_than_a_day_has_its_day_of_tries_after_that(
    roster: Roster, receiver: Receiver
) -> None:
    ada = await roster.person("Ada")
    always = {"from": "00:00", "to": "24:00"}
    weekly = [{"days": ["mon"], "from": "08:00", "to": "24:00"}, {"days": ["tue", "wed"]} | always]
    hours = {"time_zone": "Europe/Paris", "weekly": weekly}
    await roster.put(f"/v1/people/{ada}/quiet-hours", {"hours": hours})
    await channel(roster, receiver, person_id=ada, kinds=["opened"])
    await roster.desk.break_down(roster.agreement)
    roster.desk.clock.set(datetime(2026, 6, 10, 22, 0, tzinfo=UTC))
    receiver.status = 503
    await send(roster)
    assert [each["result"] for each in await tries(roster)] == ["delayed"]


async def test_mail_and_messages_about_no_item_are_in_the_same_log(make_desk: Any, agreement: Agreement) -> None:
    desk = make_desk()
    roster = Roster(desk, agreement)
    await desk.activate(agreement, service_desk={"round_the_clock": True}, alerts={"emails": []})
    await roster.cover_ahead.run()
    await roster.agency_mail.run()
    await desk.break_down(agreement)
    await send(roster)
    found = [(each["channel"], each["kind"], each["result"], each["item_id"] is None) for each in await tries(roster)]
    assert ("mail", "opened", "sent", False) in found
    assert all(each[0] == "mail" and each[2] == "sent" for each in found)
    assert any(about_nothing for *_, about_nothing in found)


async def test_a_removed_channel_is_told_nothing_more_and_forgets_its_address(
    roster: Roster, receiver: Receiver
) -> None:
    made = await channel(roster, receiver)
    await roster.desk.break_down(roster.agreement)
    async with roster.desk.client(roster.agreement) as client:
        path = f"/v1/notification-channels/{made['channel_id']}"
        assert (await client.delete(path, headers={"If-Match": '"1"'})).status_code == 204
        assert (await client.get(path)).status_code == 404
    await send(roster)
    assert receiver.taken == []
    assert [each["result"] for each in await tries(roster)] == ["refused"]
    assert await roster.desk.rows("select address from incidents.notification_channel") == [{"address": b""}]


async def test_a_channel_is_changed_piece_by_piece(roster: Roster, receiver: Receiver) -> None:
    made = await channel(roster, receiver)
    path = f"/v1/notification-channels/{made['channel_id']}"
    async with roster.desk.client(roster.agreement) as client:
        for body in ({"enabled": False}, {"url": "ntfys://new-topic-secret"}, {"kinds": ["opened"], "name": "New"}):
            answer = await client.patch(path, json=body, headers={"If-Match": "*"})
            assert answer.status_code == 200, answer.text
        faults: list[dict[str, object]] = [{"kinds": []}, {"name": None}, {"url": "file:///x"}, {"who": 1}]
        for wrong in faults:
            assert (await client.patch(path, json=wrong, headers={"If-Match": "*"})).status_code == 422
        assert (await client.patch(path, json={}, headers={"If-Match": '"1"'})).status_code == 412
    read = await roster.read(path)
    assert (read["version"], read["address"], read["enabled"], read["name"]) == (4, "ntfys://…", False, "New")


async def test_clients_people_and_other_agencies_see_nothing_of_channels(roster: Roster, receiver: Receiver) -> None:
    made = await channel(roster, receiver)
    await roster.desk.break_down(roster.agreement)
    await send(roster)
    async with roster.desk.client(roster.agreement, "client_staff") as client:
        for path in ("/v1/notification-channels", "/v1/notification-tries"):
            assert (await client.get(path)).status_code == 403
    async with roster.desk.client(Agreement()) as stranger:
        assert (await stranger.get(f"/v1/notification-channels/{made['channel_id']}")).status_code == 404
        assert (await stranger.get("/v1/notification-tries")).json()["data"] == []
        assert (await stranger.get("/v1/notification-channels")).json()["data"] == []


# --- Together --------------------------------------------------------------------------------------------------------


@pytest.mark.capability("I02")
async def test_outages_that_come_together_are_one_message_that_names_them_all(
    roster: Roster, receiver: Receiver
) -> None:
    await channel(roster, receiver)
    for name in ("Boutique", "Blog", "Intranet"):
        await roster.desk.break_down(roster.agreement, name=name)
    await send(roster)
    (message,) = receiver.taken
    assert message["title"] == "3 incidents have opened"
    for number, name in enumerate(("Boutique", "Blog", "Intranet"), start=1):
        assert f"[INC-2026-000{number}] {name} is down" in message["message"]
    assert message["message"].count("https://desk.agency.example/v1/incidents/") == 3
    alerted = await roster.desk.rows("select item_id from incidents.item_stamp where milestone = 'alerted'")
    assert len(alerted) == 3
    assert len({each["bundle_id"] for each in await tries(roster)}) == 1


async def test_whoever_holds_one_incident_of_a_message_does_not_make_the_others_wait(
    roster: Roster, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(notifications, "ALERTED_AT_ONCE", 2)
    await channel(roster, receiver)
    for name in ("Boutique", "Blog", "Intranet"):
        await roster.desk.break_down(roster.agreement, name=name)

    async def alerted() -> int:
        return len(await roster.desk.rows("select item_id from incidents.item_stamp where milestone = 'alerted'"))

    last = "select id from incidents.work_item order by id desc limit 1 for no key update"
    async with roster.desk.runtime.units.for_every_tenant() as unit:
        await unit.session.execute(text(last))
        sending = asyncio.create_task(send(roster))
        async with asyncio.timeout(20):
            while await alerted() < 2:  # noqa: ASYNC110 - in the database
                await asyncio.sleep(0.02)
        assert not sending.done() and len(receiver.taken) == 1
    await sending
    assert await alerted() == 3 and len(receiver.taken) == 1
    assert {each["result"] for each in await tries(roster)} == {"sent"}


async def test_the_first_outage_is_told_at_once_and_those_right_after_it_at_the_end_of_its_window(
    roster: Roster, receiver: Receiver
) -> None:
    await channel(roster, receiver)
    for name in ("Boutique", "Blog", "Intranet"):
        await roster.desk.break_down(roster.agreement, name=name)
        await send(roster)
        roster.desk.clock.advance(timedelta(seconds=5))
    assert receiver.titles == ["[INC-2026-0001] Boutique is down"]
    roster.desk.clock.advance(timedelta(seconds=15))
    await send(roster)
    assert receiver.titles[1:] == ["2 incidents have opened"]


async def test_in_a_storm_there_are_summaries_and_no_missed_target_waits_for_one(
    roster: Roster, receiver: Receiver
) -> None:
    await channel(roster, receiver)
    for _ in range(14):
        await roster.desk.break_down(roster.agreement)
    await send(roster)
    assert receiver.titles == ["14 incidents have opened"]
    outage = await roster.desk.break_down(roster.agreement)
    await roster.desk.recover(roster.agreement, outage)
    roster.desk.clock.advance(timedelta(minutes=4))
    await send(roster)
    assert len(receiver.taken) == 1
    await roster.desk.execute(
        "insert into incidents.notification (id, tenant_id, client_id, item_id, kind, fact, channel, audience,"
        " recipient, language, details, state, attempts, created_at, next_attempt_at)"
        " select gen_random_uuid(), tenant_id, client_id, item_id, 'escalation', 'x', channel, audience, recipient,"
        " language, '{\"level\": 1}', 'pending', 0, created_at, created_at from incidents.notification"
        " where kind = 'recovered'"
    )
    await send(roster)
    assert receiver.titles[1:] == ["[INC-2026-0015] Escalation, level 1: Boutique"]
    roster.desk.clock.advance(timedelta(minutes=1))
    await send(roster)
    assert receiver.titles[2:] == ["2 news about incidents"]


async def test_a_message_that_tells_several_is_tried_again_as_it_was(roster: Roster, receiver: Receiver) -> None:
    await channel(roster, receiver)
    receiver.status = 503
    for _ in range(2):
        await roster.desk.break_down(roster.agreement)
    await send(roster)
    receiver.status = 200
    roster.desk.clock.advance(timedelta(seconds=3))
    await send(roster)
    assert receiver.titles == ["2 incidents have opened"]
    states = await roster.desk.rows("select state, attempts from incidents.notification")
    assert [(row["state"], row["attempts"]) for row in states] == [("sent", 2)] * 2
