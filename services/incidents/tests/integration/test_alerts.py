"""Alerts: in the recipient's language, in one thread per incident, once per fact, and never lost."""

import asyncio
from collections.abc import Callable
from datetime import timedelta
from uuid import UUID

import psycopg
import pytest

from incidents.adapters.defaults import default_recipients
from incidents.adapters.repository import ports_of
from incidents.application.alerts import alert

from .conftest import Agreement, Desk, settings_for


def text_of(message: object) -> str:
    return str(message.get_content()).replace("\r\n", "\n").replace("\xa0", " ")  # type: ignore[attr-defined]


async def test_an_outage_and_its_recovery_are_mailed_in_french_and_in_english(desk: Desk, agreement: Agreement) -> None:
    await desk.activate(agreement)
    outage = await desk.break_down(agreement)
    desk.clock.advance(timedelta(seconds=2))
    await desk.outbound.run()

    assert len(desk.mailbox.messages) == 3
    (french,) = desk.mailbox.to("direction@client.example")
    assert french["Subject"] == "[INC-2026-0001] Boutique est en panne"
    assert "Prise en charge attendue au plus tard : 8 juin 2026, 11:30 (30 minutes)" in text_of(french)
    assert "Gravité : critique" in text_of(french)
    assert "Europe/Paris (UTC+02:00)" in text_of(french)
    # A contact of the contract reads in his own language.
    (english,) = desk.mailbox.to("ada@client.example")
    assert english["Subject"] == "[INC-2026-0001] Boutique is down"
    assert "Answer due by: 8 June 2026, 11:30 (30 minutes)" in text_of(english)
    assert "Reason: an error answer (503 Service Unavailable)" in text_of(english)
    assert len(desk.mailbox.to("oncall@agency.example")) == 1

    incident = await desk.only_incident(agreement)
    assert incident["timestamps"]["alerted"]["at"] == "2026-06-08T09:00:02Z"
    assert incident["version"] == 2

    await desk.recover(agreement, outage)
    await desk.outbound.run()
    assert (await desk.outbound.run()) > 0
    first, second = desk.mailbox.to("direction@client.example")
    assert second["Subject"] == "[INC-2026-0001] Boutique fonctionne à nouveau"
    assert "Durée : 16 minutes et 10 secondes" in text_of(second)
    assert second["In-Reply-To"] == first["Message-ID"]
    assert second["References"] == first["Message-ID"]
    assert first["In-Reply-To"] is None
    assert first["Auto-Submitted"] == "auto-generated"
    assert len(desk.mailbox.messages) == 6


async def test_a_server_that_says_later_is_asked_again_with_the_same_message(desk: Desk, agreement: Agreement) -> None:
    desk.mailbox.replies = ["451 later", "451 later", "451 later"]
    await desk.activate(agreement, alerts={"emails": []})
    await desk.break_down(agreement)
    await desk.outbound.run()
    (row,) = await desk.rows("select state, attempts, last_error, message_id, body from incidents.notification")
    assert (row["state"], row["attempts"]) == ("pending", 1)
    assert "451" in row["last_error"]
    assert (await desk.only_incident(agreement))["timestamps"]["alerted"] is None
    for _ in range(3):
        desk.clock.advance(timedelta(minutes=5))
        await desk.outbound.run()
    (message,) = desk.mailbox.messages
    assert message["Message-ID"] == row["message_id"]
    assert text_of(message) == row["body"].replace("\xa0", " ")
    assert (await desk.only_incident(agreement))["timestamps"]["alerted"]["at"] == "2026-06-08T09:15:00Z"


async def test_a_mailbox_that_does_not_exist_fails_at_once_and_visibly(desk: Desk, agreement: Agreement) -> None:
    desk.mailbox.refused = {"oncall@agency.example"}
    await desk.break_down(agreement)
    await desk.outbound.run()
    incident_id = (await desk.only_incident(agreement))["incident_id"]
    async with desk.client(agreement) as client:
        (told,) = (await client.get(f"/v1/incidents/{incident_id}/notifications")).json()["data"]
    assert (told["state"], told["attempts"], told["next_attempt_at"]) == ("failed", 1, None)
    assert "550" in told["last_error"]


async def test_without_a_mail_server_alerts_wait_visibly_and_leave_when_there_is_one(
    make_desk: Callable[..., Desk], agreement: Agreement
) -> None:
    without = make_desk(smtp_host=None)
    await without.break_down(agreement)
    await without.outbound.run()
    incident_id = (await without.only_incident(agreement))["incident_id"]
    async with without.client(agreement) as client:
        (told,) = (await client.get(f"/v1/incidents/{incident_id}/notifications")).json()["data"]
    assert told["state"] == "not_configured"
    assert "INCIDENTS_SMTP_HOST" in told["last_error"]

    configured = make_desk(without.urls)
    configured.clock.advance(timedelta(minutes=2))
    await configured.outbound.run()
    assert len(configured.mailbox.messages) == 1


async def test_an_alert_that_could_not_be_sent_for_a_day_expires(
    make_desk: Callable[..., Desk], agreement: Agreement
) -> None:
    desk = make_desk(smtp_host=None)
    await desk.break_down(agreement)
    desk.clock.advance(timedelta(days=1, seconds=1))
    await desk.outbound.run()
    (row,) = await desk.rows("select state, next_attempt_at from incidents.notification")
    assert (row["state"], row["next_attempt_at"]) == ("expired", None)


async def test_names_cannot_smuggle_headers_into_a_mail(desk: Desk, agreement: Agreement) -> None:
    await desk.activate(agreement, alerts={"emails": ["x@client.example\r\nBcc: thief@evil.example"]})
    await desk.break_down(agreement, name="Shop\r\nBcc: thief@evil.example\r\n\r\nbuy", detail="a\nb")
    await desk.outbound.run()
    (message,) = desk.mailbox.messages
    assert message["To"] == "oncall@agency.example"
    assert message["Bcc"] is None
    assert message["Subject"] == "[INC-2026-0001] Shop Bcc: thief@evil.example buy is down"
    states = await desk.rows("select state, last_error from incidents.notification order by recipient")
    assert [row["state"] for row in states] == ["sent", "failed"]


async def test_the_agency_hears_that_a_clock_is_at_risk_and_the_client_does_not(
    desk: Desk, agreement: Agreement
) -> None:
    await desk.activate(agreement)
    await desk.break_down(agreement)
    await desk.outbound.run()
    for minutes in (25, 6):
        desk.clock.advance(timedelta(minutes=minutes))
        await desk.due_clocks.run()
        await desk.outbound.run()
    subjects = [str(message["Subject"]) for message in desk.mailbox.to("oncall@agency.example")]
    assert subjects == [
        "[INC-2026-0001] Boutique is down",
        "[INC-2026-0001] Answer to INC-2026-0001 is due soon",
        "[INC-2026-0001] Answer to INC-2026-0001 is overdue",
    ]
    assert len(desk.mailbox.to("direction@client.example")) == 1
    incident_id = (await desk.only_incident(agreement))["incident_id"]
    async with desk.client(agreement, "client_staff") as client:
        seen = (await client.get(f"/v1/incidents/{incident_id}/notifications")).json()["data"]
    assert {row["recipient"] for row in seen} == {"direction@client.example", "ada@client.example"}


async def test_a_worker_that_died_while_sending_leaves_the_message_to_another(desk: Desk, agreement: Agreement) -> None:
    await desk.break_down(agreement)
    assert len(await desk.outbound._claim()) == 1
    await desk.outbound.run()
    assert desk.mailbox.messages == []
    desk.clock.advance(timedelta(minutes=3))
    await desk.outbound.run()
    assert len(desk.mailbox.messages) == 1


async def test_a_recovery_is_not_told_before_the_outage_that_could_not_be_told_yet(
    desk: Desk, agreement: Agreement
) -> None:
    desk.mailbox.replies = ["451 later"]
    outage = await desk.break_down(agreement)
    await desk.outbound.run()
    desk.clock.advance(timedelta(seconds=1))
    await desk.recover(agreement, outage)
    assert await desk.outbound.run() > 0
    assert desk.mailbox.messages == []
    desk.clock.advance(timedelta(seconds=5))
    while await desk.outbound.run() == 0:
        pass
    assert [str(message["Subject"]).split()[-1] for message in desk.mailbox.messages] == ["down", "again"]


async def test_a_worker_that_is_told_to_stop_finishes_the_mail_that_it_has_begun(
    desk: Desk, agreement: Agreement
) -> None:
    await desk.break_down(agreement)
    desk.mailbox.delay = 0.3
    sending = asyncio.create_task(desk.outbound.run())
    await asyncio.wait_for(desk.mailbox.asked.wait(), 5)
    sending.cancel()
    with pytest.raises(asyncio.CancelledError):
        await sending
    assert len(desk.mailbox.messages) == 1
    assert [row["state"] for row in await desk.rows("select state from incidents.notification")] == ["sent"]


async def test_whoever_queues_an_alert_again_and_whoever_notes_that_it_was_sent_do_not_wait_for_one_another(
    make_desk: Callable[..., Desk], agreement: Agreement
) -> None:
    desk = make_desk(database_pool_size=8)
    await desk.activate(agreement)
    await desk.break_down(agreement)
    incident_id = UUID((await desk.only_incident(agreement))["incident_id"])
    async with desk.runtime.units.for_tenant(agreement.tenant_id) as unit:
        ports = ports_of(unit, default_recipients(settings_for(desk.urls)))
        incident = await ports.items.lock(incident_id)
        assert incident is not None
        noting = asyncio.create_task(desk.outbound.run())
        await _waiting_for_locks(desk, 3)
        await alert(ports, incident, "opened")
    await noting
    states = await desk.rows("select state from incidents.notification")
    assert [row["state"] for row in states] == ["sent"] * 3


async def _waiting_for_locks(desk: Desk, sessions: int) -> None:
    query = "select count(*) from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'"
    async with await psycopg.AsyncConnection.connect(desk.urls.superuser, autocommit=True) as connection:
        async with asyncio.timeout(15):
            while (await (await connection.execute(query)).fetchone()) != (sessions,):  # noqa: ASYNC110 - in the server
                await asyncio.sleep(0.02)


async def test_whoever_heard_of_an_incident_hears_that_it_is_open_again(desk: Desk, agreement: Agreement) -> None:
    await desk.activate(agreement)
    await desk.break_down(agreement)
    await desk.outbound.run()
    incident_id = (await desk.only_incident(agreement))["incident_id"]
    async with desk.client(agreement) as client:
        desk.clock.advance(timedelta(minutes=10))
        assert (await client.post(f"/v1/incidents/{incident_id}/resolve")).status_code == 200
        desk.clock.advance(timedelta(minutes=20))
        told = {"reason": "The same error again."}
        assert (await client.post(f"/v1/items/{incident_id}/reopen", json=told)).status_code == 200
    await desk.outbound.run()
    first, again = desk.mailbox.to("direction@client.example")
    assert again["Subject"] == "[INC-2026-0001] Rouvert : Boutique"
    assert again["In-Reply-To"] == first["Message-ID"]
    assert "Rouvert depuis : 8 juin 2026, 11:30" in text_of(again)
    assert "The same error again." in text_of(again)
    _, english = desk.mailbox.to("ada@client.example")
    assert english["Subject"] == "[INC-2026-0001] Open again: Boutique"
    assert len(desk.mailbox.to("oncall@agency.example")) == 2
