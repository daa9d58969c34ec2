"""Acknowledging by the link in a message: by the one whom it reached, once, and never by a scanner."""

import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import httpx
import pytest

from .conftest import Agreement, Desk
from .roster import Roster

HTML = {"Accept": "text/html"}


@pytest.fixture
async def roster(make_desk: Callable[..., Desk], agreement: Agreement) -> Roster:
    desk = make_desk(public_url="https://desk.agency.example", alert_emails="")
    await desk.activate(agreement, alerts={"emails": []})
    return Roster(desk, agreement)


async def asked(roster: Roster, **who: Any) -> str:
    """Ada is asked to take an outage; the path of the link in her mail."""
    ada = await roster.person("Ada", **who)
    await roster.policy({"unacknowledged_minutes": 0, "notify": [{"person_id": ada}]})
    await roster.desk.break_down(roster.agreement)
    await roster.look_at(roster.desk.clock.now())
    await roster.desk.outbound.run()
    (message,) = roster.desk.mailbox.messages
    found = re.search(r"https://desk\.agency\.example(/acknowledge\?token=\S+)", message.get_content())
    assert found is not None, message.get_content()
    return found[1]


def visitor(desk: Desk, **headers: str) -> httpx.AsyncClient:
    """Somebody with a browser and no account."""
    transport = httpx.ASGITransport(app=desk.app, raise_app_exceptions=False)
    return httpx.AsyncClient(transport=transport, base_url="http://desk.test", headers=HTML | headers)


async def test_opening_the_link_asks_and_only_saying_yes_acknowledges(roster: Roster) -> None:
    path = await asked(roster)
    async with visitor(roster.desk) as browser:
        for _ in range(3):  # whoever scans the mail opens it too
            page = await browser.get(path)
            assert page.status_code == 200 and "Do you take INC-2026-0001?" in page.text
        head = await browser.head(path)
        assert head.status_code in (200, 405)
        assert (await roster.desk.only_incident(roster.agreement))["status"] == "open"
        roster.desk.clock.advance(timedelta(minutes=5))
        done = await browser.post(path)
    assert done.status_code == 200 and "INC-2026-0001 is yours" in done.text
    incident = await roster.desk.only_incident(roster.agreement)
    stamp = incident["timestamps"]["acknowledged"]
    assert (incident["status"], stamp["actor"]["kind"], stamp["actor"]["name"]) == ("acknowledged", "user", "Ada")
    assert stamp["at"] == "2026-06-08T09:05:00Z"
    response = next(clock for clock in incident["clocks"] if clock["metric"] == "response")
    assert (response["state"], response["elapsed_seconds"]) == ("met", 300)
    (record,) = await roster.desk.rows(
        "select envelope from incidents.outbox where aggregate_type = 'operation'"
        " and envelope->'data'->>'operation' = 'acknowledge_by_message_link'"
    )
    told = record["envelope"]["data"]
    assert told["actor"] == stamp["actor"], "the audit log names whom the message reached"
    assert told["events"]


async def test_the_page_runs_no_script_is_framed_by_nobody_and_speaks_the_recipients_language(roster: Roster) -> None:
    path = await asked(roster, language="fr")
    async with visitor(roster.desk, **{"Accept-Language": "en"}) as browser:
        page = await browser.get(path)
    assert "Prenez-vous en charge INC-2026-0001" in page.text and 'lang="fr"' in page.text
    assert "<script" not in page.text
    policy = page.headers["content-security-policy"]
    assert "default-src 'none'" in policy and "frame-ancestors 'none'" in policy and "form-action 'self'" in policy
    assert (page.headers["cache-control"], page.headers["referrer-policy"]) == ("no-store", "no-referrer")


async def test_a_title_is_text_on_the_page(roster: Roster) -> None:
    path = await asked(roster)
    await roster.desk.execute("update incidents.work_item set title = '<script>alert(1)</script>'")
    async with visitor(roster.desk) as browser:
        page = await browser.get(path)
    assert "<script" not in page.text and "&lt;script&gt;" in page.text


async def test_a_link_works_once_and_says_then_what_to_do(roster: Roster) -> None:
    path = await asked(roster)
    async with visitor(roster.desk) as browser:
        assert (await browser.post(path)).status_code == 200
        for again in (await browser.post(path), await browser.get(path)):
            assert again.status_code == 410
            assert "used already" in again.text and "Open INC-2026-0001" in again.text
        problem = (await browser.get(path, headers={"Accept": "application/json"})).json()
    assert problem["code"] == "gone"
    acts = await roster.desk.rows("select kind from incidents.timeline_entry where kind = 'acknowledged'")
    assert len(acts) == 1


async def test_a_link_ends_after_its_time(roster: Roster) -> None:
    path = await asked(roster)
    roster.desk.clock.advance(timedelta(hours=72))
    async with visitor(roster.desk) as browser:
        for answer in (await browser.get(path), await browser.post(path)):
            assert answer.status_code == 410 and "This link has ended" in answer.text
    assert (await roster.desk.only_incident(roster.agreement))["status"] == "open"


async def test_what_somebody_else_has_taken_is_said_so(roster: Roster) -> None:
    path = await asked(roster)
    incident_id = (await roster.desk.only_incident(roster.agreement))["incident_id"]
    async with roster.desk.client(roster.agreement) as client:
        await client.post(f"/v1/incidents/{incident_id}/acknowledge")
    async with visitor(roster.desk) as browser:
        answer = await browser.post(path)
    assert answer.status_code == 409 and "has taken INC-2026-0001" in answer.text


async def test_a_link_of_before_a_reopening_counts_no_more(roster: Roster) -> None:
    path = await asked(roster)
    incident_id = (await roster.desk.only_incident(roster.agreement))["incident_id"]
    roster.desk.clock.advance(timedelta(minutes=1))
    async with roster.desk.client(roster.agreement) as client:
        await client.post(f"/v1/incidents/{incident_id}/resolve")
        reopened = await client.post(f"/v1/items/{incident_id}/reopen", json={"reason": "again"})
        assert reopened.status_code == 200, reopened.text
    async with visitor(roster.desk) as browser:
        assert (await browser.post(path)).status_code == 410


async def test_a_person_who_left_the_desk_takes_nothing(roster: Roster) -> None:
    path = await asked(roster)
    await roster.desk.execute("update incidents.person set removed_at = now()")
    async with visitor(roster.desk) as browser:
        assert (await browser.post(path)).status_code == 410


def other(letter: str) -> str:
    return "0" if letter != "0" else "1"


async def test_a_link_is_bound_to_its_message_and_to_our_key(roster: Roster, agreement: Agreement) -> None:
    path = await asked(roster)
    token = path.partition("token=")[2]
    name, _, signature = token.partition(".")
    forged = [
        f"{name}.{other(signature[0])}{signature[1:]}",
        f"{name}.",
        name,
        f"{name[:-1]}{other(name[-1])}.{signature}",
        "x.y",
        "",
        "%00",
        "a" * 200,
    ]
    async with visitor(roster.desk) as browser:
        for each in forged:
            answer = await browser.post(f"/acknowledge?token={each}")
            assert answer.status_code == (422 if each == "%00" else 404), (each, answer.text)
        assert (await browser.post("/acknowledge")).status_code == 422
    await roster.desk.execute("update incidents.notification set person_id = gen_random_uuid()")
    async with visitor(roster.desk) as browser:
        assert (await browser.post(path)).status_code == 404, "another recipient's"
    assert (await roster.desk.only_incident(agreement))["status"] == "open"


async def test_links_of_before_a_change_of_the_key_still_count(roster: Roster, make_desk: Callable[..., Desk]) -> None:
    path = await asked(roster)
    changed = make_desk(roster.desk.urls, secret_key="n" * 32)
    async with visitor(changed) as browser:
        assert (await browser.get(path)).status_code == 404
    rotated = make_desk(roster.desk.urls, secret_key="n" * 32, previous_secret_key="k" * 32)
    async with visitor(rotated) as browser:
        assert (await browser.post(path)).status_code == 200


async def test_the_stored_message_has_no_link_and_a_second_try_has_the_same(roster: Roster) -> None:
    roster.desk.mailbox.replies = ["451 later"]
    ada = await roster.person("Ada")
    await roster.policy({"unacknowledged_minutes": 0, "notify": [{"person_id": ada}]})
    await roster.desk.break_down(roster.agreement)
    await roster.look_at(roster.desk.clock.now())
    await roster.desk.outbound.run()
    roster.desk.clock.advance(timedelta(seconds=5))
    await roster.desk.outbound.run()
    (message,) = roster.desk.mailbox.messages
    assert "/acknowledge?token=" in message.get_content()
    incident = await roster.desk.only_incident(roster.agreement)
    told = await roster.read(f"/v1/incidents/{incident['incident_id']}/notifications")
    assert "token" not in str(told)


async def test_an_alert_that_tells_several_has_a_link_for_each_to_a_person_of_the_desk(
    make_desk: Callable[..., Desk], agreement: Agreement
) -> None:
    desk = make_desk(public_url="https://desk.agency.example", alert_emails="ada@agency.example,room@agency.example")
    roster = Roster(desk, agreement)
    await desk.activate(agreement, alerts={"emails": []})
    await roster.person("Ada", email="Ada@agency.example")
    for _ in range(2):
        await desk.break_down(agreement)
    await desk.outbound.run()
    (to_ada,), (to_room,) = desk.mailbox.to("ada@agency.example"), desk.mailbox.to("room@agency.example")
    assert "/acknowledge" not in to_room.get_content(), "nobody in particular reads there"
    links = re.findall(r"I take (INC-2026-000\d): https://desk.agency.example(/\S+)", to_ada.get_content())
    assert [number for number, _ in links] == ["INC-2026-0001", "INC-2026-0002"]
    async with visitor(desk) as browser:
        assert "INC-2026-0002 is yours" in (await browser.post(links[1][1])).text
