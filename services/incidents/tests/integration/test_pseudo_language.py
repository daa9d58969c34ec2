"""Every mail of the desk in a language of marks: what stands outside of them is somebody's data, and nothing else."""

from collections.abc import Iterator
from datetime import timedelta
from email.message import EmailMessage

import pytest

from incidents.adapters.defaults import incidents_settings
from incidents.jobs.cover import AgencyMail
from shared.i18n import Catalogues
from shared.testing.pseudo import PseudoCatalogues, outside_of_marks

from .conftest import PLAIN_DESK, Agreement, Desk
from .test_api import a_report

DATA = {
    *("Boutique", "Boulangerie Martin", "production", "staging", "https://shop.example", "503 Service Unavailable"),
    *("INC", "The shop is slow", "Orders fail.", "C-2026-0001", "https://incidents.test"),
}


@pytest.fixture(autouse=True)
def _pseudo(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(Catalogues, "load", lambda *_: PseudoCatalogues())
    yield


def said(message: EmailMessage) -> str:
    return f"{message['Subject']}\n{message.get_content()}"


def left(desk: Desk) -> dict[str, list[str]]:
    """Of each mail the words that nobody can translate."""
    links = {part for mail in desk.mailbox.messages for part in said(mail).split() if part.startswith("http")}
    found = {str(mail["Subject"]): outside_of_marks(said(mail), DATA | links) for mail in desk.mailbox.messages}
    return {subject: words for subject, words in found.items() if words}


async def send(desk: Desk) -> None:
    while await desk.outbound.run() == 0:
        pass


@pytest.mark.capability("R34")
async def test_no_mail_about_an_incident_says_what_nobody_can_translate(desk: Desk, agreement: Agreement) -> None:
    urgent = {"urgent": {"severities": ["critical"], "quota_percent": 10, "window_days": 30}}
    await desk.activate(agreement, service_desk=PLAIN_DESK | urgent)
    outage = await desk.break_down(agreement)
    await send(desk)
    for _ in range(3):
        desk.clock.advance(timedelta(minutes=12))
        await desk.due_clocks.run()
        await send(desk)
    await desk.recover(agreement, outage)
    await send(desk)
    async with desk.client(agreement) as client:
        report = a_report(agreement, occurred_at=None, title="The shop is slow", description="Orders fail.")
        made = (await client.post("/v1/incidents", json=report | {"severity": "critical"})).json()
        await send(desk)
        path = f"/v1/incidents/{made['incident_id']}"
        await client.post(f"{path}/resolve")
        await send(desk)
        await client.post(f"{path}/reopen", json={"reason": "Orders fail."})
        await send(desk)
        for _ in range(4):  # a storm: several facts in one message
            await client.post("/v1/incidents", json=report)
        desk.clock.advance(timedelta(minutes=6))
        await send(desk)
    subjects = "\n".join(str(mail["Subject"]) for mail in desk.mailbox.messages)
    assert len(desk.mailbox.messages) > 10, subjects
    assert desk.mailbox.messages
    assert left(desk) == {}


@pytest.mark.capability("R34")
async def test_no_mail_to_the_agency_says_what_nobody_can_translate(desk: Desk, agreement: Agreement) -> None:
    urgent = {"urgent": {"severities": ["critical"], "quota_percent": 10, "window_days": 30}}
    await desk.activate(agreement, service_desk=PLAIN_DESK | urgent | {"round_the_clock": True})
    async with desk.client(agreement) as client:
        for _ in range(2):
            report = a_report(agreement, occurred_at=None, severity="critical", title="The shop is slow")
            await client.post("/v1/incidents", json=report)
    mails = AgencyMail(desk.runtime.units, incidents_settings(desk.runtime.settings))
    while await mails.run() == 0:
        pass
    assert desk.mailbox.messages
    assert left(desk) == {}
