"""The agency is told by mail, in its language, when a webhook gets nothing more."""

from typing import Any

import pytest

from shared.ids import new_id

from .conftest import Agreement, Desk
from .roster import Roster

FAILED = {
    "webhook_id": "0198f000-0000-7000-8000-0000000000e1",
    "host": "hooks.agency.example",
    "description": "Chat room of the operators",
    "reason": "failing",
    "disabled_at": "2026-06-08T08:59:00Z",
    "failing_since": "2026-06-05T07:00:00Z",
    "last_status_code": 503,
    "delivery_id": "0198f000-0000-7000-8000-0000000000d1",
}


@pytest.fixture
def roster(desk: Desk, agreement: Agreement) -> Roster:
    return Roster(desk, agreement)


async def hears(roster: Roster, version: int = 3, **changes: Any) -> None:
    await roster.desk.hear(
        "reporting.webhook.disabled.v1",
        FAILED | changes,
        tenant_id=roster.agreement.tenant_id,
        version=version,
        event_id=new_id(),
    )
    await roster.agency_mail.run()


async def test_a_webhook_that_was_disabled_is_told_once_for_each_time(roster: Roster) -> None:
    for _ in range(2):
        await hears(roster)
    (message,) = roster.desk.mailbox.messages
    assert message["To"] == "oncall@agency.example"
    assert message["Subject"] == "The webhook on hooks.agency.example gets nothing more"
    text = message.get_content()
    assert "Chat room of the operators" in text
    assert "Nothing that was sent since 5 June 2026" in text
    assert "The last answer was 503." in text
    assert "GET /v1/webhooks/0198f000-0000-7000-8000-0000000000e1/deliveries" in text
    await hears(roster, version=5, last_status_code=None)
    assert "The last time there was no answer at all." in roster.desk.mailbox.messages[-1].get_content()


async def test_it_is_told_in_the_language_of_the_agency(roster: Roster) -> None:
    async with roster.desk.client(roster.agreement) as client:
        own = {"addresses": [{"email": "astreinte@agence.example", "language": "fr"}]}
        answer = await client.put("/v1/alert-addresses", json=own, headers={"If-Match": "*"})
    assert answer.is_success, answer.text
    await hears(roster, reason="gone", failing_since=None, last_status_code=410, description="")
    (message,) = roster.desk.mailbox.messages
    assert (message["To"], message["Subject"]) == (
        "astreinte@agence.example",
        "Le webhook sur hooks.agency.example ne reçoit plus rien",
    )
    text = message.get_content()
    assert "Son destinataire a répondu 410" in text
    assert "depuis le 8 juin 2026" in text
