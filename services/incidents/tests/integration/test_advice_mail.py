"""Advice reaches the client: each sending of an advisory is mailed to each recipient in his language, and dated."""

from datetime import timedelta
from typing import Any

import pytest

from incidents.jobs.advice_mail import AdviceMail
from incidents.settings import IncidentsSettings
from shared.ids import new_id

from .conftest import Agreement, Desk

LEA = {"name": "Léa Martin", "email": "lea@client.example", "language": "fr"}
ADA = {"name": "Ada", "email": "ada@client.example", "language": "en"}


def advisory(agreement: Agreement, **changes: Any) -> dict[str, Any]:
    return {
        "advisory_id": str(new_id()),
        "version": 1,
        "client_id": str(agreement.client_id),
        "contract_id": str(agreement.contract_id),
        "configuration_item_id": None,
        "kind": "security",
        "title": {"fr": "Double authentification", "en": "Two-factor authentication"},
        "body": {"fr": "Activez-la pour chaque compte.", "en": "Turn it on for every account."},
        "status": "issued",
        "issued_at": "2026-06-08T09:00:00Z",
        "last_sent_at": "2026-06-08T09:00:00Z",
        "times_sent": 1,
        "recipients": [LEA, ADA],
    } | changes


async def test_advice_about_no_contract_in_particular_is_dated_in_the_zone_of_the_client(
    desk: Desk, agreement: Agreement
) -> None:
    await desk.activate(agreement)
    told = advisory(agreement, contract_id=None)
    await tell(desk, agreement, "issued", told)
    await send(desk)
    desk.clock.advance(timedelta(days=7))
    await tell(desk, agreement, "resent", told | {"version": 2, "times_sent": 2})
    await send(desk)
    assert "first told on 8 June 2026, 11:00" in text(desk.mailbox.to(ADA["email"])[1])


def job_of(desk: Desk) -> AdviceMail:
    settings = desk.runtime.settings
    assert isinstance(settings, IncidentsSettings)
    return AdviceMail(desk.runtime.units, settings)


async def tell(desk: Desk, agreement: Agreement, event: str, told: dict[str, Any]) -> None:
    await desk.hear(f"contracts.advisory.{event}.v1", told, tenant_id=agreement.tenant_id, version=told["version"])


async def send(desk: Desk) -> None:
    job = job_of(desk)
    while await job.run() == 0.0:
        pass


def text(message: Any) -> str:
    return str(message.get_content())


@pytest.mark.capability("K41")
async def test_what_nobody_acknowledges_is_mailed_again_and_every_delivery_is_dated_per_recipient(
    desk: Desk, agreement: Agreement
) -> None:
    await desk.activate(agreement)
    told = advisory(agreement)
    await tell(desk, agreement, "issued", told)
    await tell(desk, agreement, "issued", told)
    await send(desk)
    (french,), (english,) = desk.mailbox.to(LEA["email"]), desk.mailbox.to(ADA["email"])
    assert (french["Subject"], english["Subject"]) == ("Double authentification", "Two-factor authentication")
    assert "Bonjour Léa Martin," in text(french)
    assert "Turn it on for every account." in text(english)
    desk.clock.advance(timedelta(days=7))
    again = told | {"version": 2, "times_sent": 2, "last_sent_at": "2026-06-15T09:00:00Z"}
    await tell(desk, agreement, "resent", again)
    await send(desk)
    assert "first told on 8 June 2026" in text(desk.mailbox.to(ADA["email"])[1])
    said = [data for name, _, data in await desk.said(agreement.tenant_id) if name == "advice.delivered.v1"]
    assert sorted((one["sending"], one["recipient"], one["delivered_at"]) for one in said) == [
        (1, "ada@client.example", "2026-06-08T09:00:00Z"),
        (1, "lea@client.example", "2026-06-08T09:00:00Z"),
        (2, "ada@client.example", "2026-06-15T09:00:00Z"),
        (2, "lea@client.example", "2026-06-15T09:00:00Z"),
    ]
    assert {one["message_id"] for one in said} == {message["Message-ID"] for message in desk.mailbox.messages}
    third = told | {"version": 3, "times_sent": 3}
    await tell(desk, agreement, "resent", third)
    await tell(desk, agreement, "changed", third | {"version": 4, "status": "acknowledged"})
    await send(desk)
    fourth = third | {"version": 5, "times_sent": 4, "status": "withdrawn"}
    await tell(desk, agreement, "changed", fourth)
    await tell(desk, agreement, "resent", fourth | {"version": 4, "status": "issued"})
    await send(desk)
    assert len(desk.mailbox.messages) == 4


async def test_what_a_server_does_not_take_is_tried_again_or_given_up_and_both_are_in_the_log(
    desk: Desk, agreement: Agreement
) -> None:
    await desk.activate(agreement)
    desk.mailbox.refused.add(LEA["email"])
    desk.mailbox.replies.append("451 later")
    await tell(desk, agreement, "issued", advisory(agreement, contract_id=None))
    await send(desk)
    desk.clock.advance(timedelta(minutes=1))
    await send(desk)
    async with desk.client(agreement) as client:
        tries = (await client.get("/v1/notification-tries")).json()["data"]
    assert {(one["address"], one["number"], one["result"]) for one in tries} == {
        (LEA["email"], 1, "refused"),
        (ADA["email"], 1, "delayed"),
        (ADA["email"], 2, "sent"),
    }
    assert {(one["kind"], one["contract_id"], one["item_id"]) for one in tries} == {("advice", None, None)}
    said = [
        data["recipient"] for name, _, data in await desk.said(agreement.tenant_id) if name == "advice.delivered.v1"
    ]
    assert said == [ADA["email"]]


async def test_what_was_sent_twice_and_acknowledged_before_a_server_took_it_is_not_mailed_at_all(
    desk: Desk, agreement: Agreement
) -> None:
    await desk.activate(agreement)
    told = advisory(agreement, recipients=[ADA])
    await tell(desk, agreement, "issued", told)
    again = told | {"version": 2, "times_sent": 2}
    await tell(desk, agreement, "resent", again)
    await tell(desk, agreement, "changed", again | {"version": 3, "status": "acknowledged"})
    await send(desk)
    assert desk.mailbox.messages == []


async def test_a_storm_of_advice_is_braked_into_one_message(desk: Desk, agreement: Agreement) -> None:
    await desk.activate(agreement)
    for _ in range(12):
        await tell(desk, agreement, "issued", advisory(agreement, recipients=[ADA]))
    await send(desk)
    (message,) = desk.mailbox.to(ADA["email"])
    assert message["Subject"] == "12 pieces of advice for you"
    said = [data for name, _, data in await desk.said(agreement.tenant_id) if name == "advice.delivered.v1"]
    assert len({one["advisory_id"] for one in said}) == 12
