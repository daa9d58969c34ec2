"""The agency is told by mail, in its language, when a report is sent to nobody."""

from typing import Any

import pytest

from shared.ids import new_id

from .conftest import Agreement, Desk
from .roster import Roster

OMITTED = {
    "delivery_id": "0198f000-0000-7000-8000-000000000d02",
    "contract_number": "C-2026-0001",
    "client_name": "Boulangerie Martin",
    "kind": "monthly",
    "month": "2026-06-01",
    "edition": 1,
    "omitted_at": "2026-07-01T00:00:05Z",
}


@pytest.fixture
def roster(desk: Desk, agreement: Agreement) -> Roster:
    return Roster(desk, agreement)


async def hears(roster: Roster, **changes: Any) -> None:
    ids = {"contract_id": str(roster.agreement.contract_id), "client_id": str(new_id())}
    await roster.desk.hear(
        "reporting.report_delivery.omitted.v1",
        OMITTED | ids | changes,
        tenant_id=roster.agreement.tenant_id,
        version=1,
        event_id=new_id(),
    )
    await roster.agency_mail.run()


async def test_a_report_that_was_sent_to_nobody_is_told_once(roster: Roster) -> None:
    for _ in range(2):
        await hears(roster)
    (message,) = roster.desk.mailbox.messages
    assert (message["To"], message["Subject"]) == (
        "oncall@agency.example",
        "Nobody gets the reports of Boulangerie Martin",
    )
    text = message.get_content()
    assert "Contract C-2026-0001 with Boulangerie Martin: a report was sent to nobody." in text
    assert "Monthly report, June 2026, edition 1" in text
    assert f"GET /v1/contracts/{roster.agreement.contract_id}/reports/2026-06/editions/1/pdf" in text


@pytest.mark.parametrize(
    ("kind", "name", "folder"),
    [
        ("quarterly", "Revue trimestrielle, juin 2026, édition 1", "reviews/quarterly"),
        ("hours", "Rapport d’heures, juin 2026, édition 1", "scheduled-reports/hours"),
    ],
)
async def test_it_is_told_in_the_language_of_the_agency(roster: Roster, kind: str, name: str, folder: str) -> None:
    async with roster.desk.client(roster.agreement) as client:
        own = {"addresses": [{"email": "astreinte@agence.example", "language": "fr"}]}
        answer = await client.put("/v1/alert-addresses", json=own, headers={"If-Match": "*"})
    assert answer.is_success, answer.text
    await hears(roster, kind=kind)
    (message,) = roster.desk.mailbox.messages
    assert message["Subject"] == "Personne ne reçoit les rapports de Boulangerie Martin"
    text = message.get_content().replace("\N{NO-BREAK SPACE}", " ")
    assert name in text
    assert f"/{folder}/2026-06/editions/1/pdf" in text
