"""Mail that comes in: pushed as it is, or fetched from a mailbox by IMAP."""

import ssl
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest
import trustme

from incidents.adapters.reception import Reception
from incidents.adapters.secret_box import SecretBox
from incidents.application.correspondence import BRAKE_AT
from incidents.jobs.mailboxes import Mailboxes
from incidents.settings import IncidentsSettings
from shared.ids import new_id

from .conftest import Agreement, Desk
from .imap_server import ImapMailbox, imap_server
from .test_api import problem
from .test_intake import Post, a_source


def a_mail(sender: str = "Ada <ada@client.example>", subject: str = "The shop is slow", **headers: str) -> bytes:
    fields = {
        "From": sender,
        "To": "support@agency.example",
        "Subject": subject,
        "Message-ID": f"<{new_id()}@client.example>",
        "Content-Type": "text/plain; charset=utf-8",
    } | {name.replace("_", "-"): value for name, value in headers.items()}
    return "".join(f"{name}: {value}\r\n" for name, value in fields.items()).encode() + b"\r\nSince this morning.\r\n"


@pytest.fixture
async def inbox(desk: Desk, agreement: Agreement) -> Post:
    await desk.activate(agreement)
    return await a_source(desk, agreement, "mail", default_severity="critical")


async def push(inbox: Post, raw: bytes) -> dict[str, Any]:
    (item,) = await inbox.taken(raw, Content_Type="message/rfc822")
    return item


async def the_incident(inbox: Post) -> dict[str, Any]:
    (incident,) = await inbox.incidents()
    return incident


async def test_a_mail_of_a_contact_opens_an_item_that_he_reported(inbox: Post) -> None:
    raw = a_mail()
    item = await push(inbox, raw)
    incident = await the_incident(inbox)
    assert (item["number"], incident["title"]) == (incident["number"], "The shop is slow")
    assert (incident["description"], incident["severity"]) == ("Since this morning.", "critical")
    assert incident["source"]["kind"] == "person"
    assert incident["timestamps"]["detected"]["actor"]["name"] == "Ada"
    assert await push(inbox, raw) == item
    assert await the_incident(inbox) == incident
    assert [receipt["outcome"] for receipt in await inbox.receipts()] == ["unchanged", "accepted"]


async def our_alert(inbox: Post) -> str:
    """The Message-ID of the alert that the agency got about the only incident."""
    await inbox.desk.outbound.run()
    (message,) = inbox.desk.mailbox.to("oncall@agency.example")
    return str(message["Message-ID"])


async def test_a_reply_goes_to_its_item_and_moves_nothing(inbox: Post) -> None:
    await push(inbox, a_mail())
    ours = await our_alert(inbox)
    before = await the_incident(inbox)
    for headers in ({"In_Reply_To": ours}, {"References": f"<other@x> {ours}"}, {}):
        reply = a_mail(subject=f"Re: [{before['number']}] The shop is slow", **headers)
        assert (await push(inbox, reply))["number"] == before["number"]
    after = await the_incident(inbox)
    assert (after["status"], after["clocks"]) == (before["status"], before["clocks"])
    comments = [each for each in await inbox.timeline(before["incident_id"]) if each["kind"] == "comment"]
    assert [(each["note"], each["actor"]["name"], each["audience"]) for each in comments] == [
        ("Since this morning.", "Ada", "client")
    ] * 3


async def test_a_contacts_mail_ends_the_wait_for_him_and_asks_for_an_answer(desk: Desk, agreement: Agreement) -> None:
    await desk.activate(agreement, service_desk={"targets": [{"severity": "critical", "next_reply": "PT1H"}]})
    inbox = await a_source(desk, agreement, "mail", default_severity="critical")
    item = await push(inbox, a_mail())
    path = f"/v1/incidents/{item['incident_id']}"
    desk.clock.advance(timedelta(minutes=10))
    async with desk.client(agreement) as client:
        await client.post(f"{path}/acknowledge")
        pause = {"reason": "waiting_customer_info", "evidence": {"asked": "Which card?"}}
        await client.post(f"/v1/items/{item['incident_id']}/pauses", json=pause)
    desk.clock.advance(timedelta(minutes=20))
    ours = await our_alert(inbox)
    for sender in ("x@elsewhere.example", "oncall@agency.example"):
        await push(inbox, a_mail(sender=sender, In_Reply_To=ours))
    clocks = {clock["metric"]: clock for clock in (await the_incident(inbox))["clocks"]}
    assert (clocks["repair"]["state"], "next_reply" in clocks) == ("paused", False), "the client has not written"
    await push(inbox, a_mail(In_Reply_To=ours))
    clocks = {clock["metric"]: clock for clock in (await the_incident(inbox))["clocks"]}
    assert (clocks["repair"]["state"], clocks["repair"]["due_at"]) == ("running", "2026-06-08T13:20:00Z")
    assert (clocks["next_reply"]["state"], clocks["next_reply"]["due_at"]) == ("running", "2026-06-08T10:30:00Z")


async def test_a_reply_to_a_reply_finds_the_item_too(inbox: Post) -> None:
    first = a_mail(Message_ID="<first@client.example>")
    item = await push(inbox, first)
    reply = a_mail(sender="x@elsewhere.example", subject="Re: slow", In_Reply_To="<first@client.example>")
    assert await push(inbox, reply) | {"key": ""} == item | {"key": ""}


@pytest.mark.parametrize(
    "sign",
    [
        {"Auto_Submitted": "auto-replied"},
        {"Precedence": "bulk"},
        {"subject": "Out of office: The shop is slow"},
        {"sender": "MAILER-DAEMON@mx.client.example"},
        {"Content_Type": 'multipart/report; report-type=delivery-status; boundary="b"'},
    ],
)
async def test_what_a_program_answers_is_noted_as_automatic_and_stops_no_clock(
    inbox: Post, sign: dict[str, str]
) -> None:
    await push(inbox, a_mail())
    ours = await our_alert(inbox)
    before = await the_incident(inbox)
    sent = len(inbox.desk.mailbox.messages)
    await push(inbox, a_mail(**({"In_Reply_To": ours} | sign)))
    after = await the_incident(inbox)
    assert (after["status"], after["clocks"]) == (before["status"], before["clocks"])
    (entry,) = [e for e in await inbox.timeline(before["incident_id"]) if e["kind"] == "automatic_reply"]
    assert (entry["actor"]["kind"], entry["audience"]) == ("system", "agency")
    await inbox.desk.outbound.run()
    assert len(inbox.desk.mailbox.messages) == sent
    assert (await inbox.receipts())[0]["outcome"] == "automatic"


async def test_what_a_program_sends_by_itself_opens_nothing(inbox: Post) -> None:
    assert (await push(inbox, a_mail(Auto_Submitted="auto-generated")))["incident_id"] is None
    assert await inbox.incidents() == []


async def test_our_own_mail_that_comes_back_is_known(inbox: Post) -> None:
    await push(inbox, a_mail())
    await our_alert(inbox)
    (alert,) = inbox.desk.mailbox.to("oncall@agency.example")
    before = await inbox.timeline((await the_incident(inbox))["incident_id"])
    await push(inbox, alert.as_bytes())
    assert await inbox.timeline((await the_incident(inbox))["incident_id"]) == before
    assert (await inbox.receipts())[0]["results"][0]["what"] == "echo"


async def held(inbox: Post) -> list[dict[str, Any]]:
    async with inbox.desk.client(inbox.agreement) as client:
        return list((await client.get("/v1/intake-held")).json()["data"])


async def test_a_mail_of_somebody_unknown_is_held_until_somebody_decides(inbox: Post) -> None:
    for number in range(2):
        await push(inbox, a_mail(sender=f"Stranger {number} <s{number}@elsewhere.example>"))
    assert await inbox.incidents() == []
    first, second = await held(inbox)
    assert (first["sender"], first["body"], first["reason"]) == (
        "s0@elsewhere.example",
        "Since this morning.",
        "unknown_sender",
    )
    inbox.desk.clock.advance(timedelta(minutes=10))
    async with inbox.desk.client(inbox.agreement) as client:
        accepted = await client.post(f"/v1/intake-held/{first['held_id']}/accept", json={"severity": "major"})
        discarded = await client.post(f"/v1/intake-held/{second['held_id']}/discard")
        assert (accepted.json()["state"], discarded.json()["state"]) == ("item", "discarded")
        for one in (first, second):
            problem(await client.post(f"/v1/intake-held/{one['held_id']}/discard"), 409)
            problem(await client.post(f"/v1/intake-held/{one['held_id']}/accept", json={}), 409)
    incident = await the_incident(inbox)
    assert incident["incident_id"] == accepted.json()["incident_id"]
    # The clocks start when the mail came, not when somebody sorted it.
    assert incident["timestamps"]["detected"]["at"] == "2026-06-08T09:00:00Z"
    assert incident["severity"] == "major"
    assert await held(inbox) == []


async def test_a_held_mail_can_be_put_on_an_item(inbox: Post) -> None:
    item = await push(inbox, a_mail())
    await push(inbox, a_mail(sender="new@client.example", subject=f"About {item['number']}"))
    (mail,) = await held(inbox)
    path = f"/v1/intake-held/{mail['held_id']}/accept"
    async with inbox.desk.client(inbox.agreement) as client:
        problem(await client.post(path, json={"incident_id": str(new_id())}), 404, "#/incident_id")
        assert (await client.post(path, json={"incident_id": item["incident_id"]})).status_code == 200
    assert len(await inbox.incidents()) == 1
    assert [e["kind"] for e in await inbox.timeline(item["incident_id"])][-1] == "comment"


async def test_a_mail_that_cannot_be_read_is_refused_with_a_receipt(inbox: Post) -> None:
    problem(await inbox.post(b"no mail", Content_Type="message/rfc822"), 422)
    problem(await inbox.post(b"{}"), 415)
    assert [receipt["status"] for receipt in await inbox.receipts()] == [415, 422]


async def test_a_mail_with_a_large_attachment_is_taken_and_an_endless_one_is_not(inbox: Post) -> None:
    large = a_mail(Content_Type="multipart/mixed; boundary=b").replace(
        b"Since this morning.\r\n",
        b"--b\r\n\r\nLarge.\r\n--b\r\nContent-Type: application/zip; name=x.zip\r\n"
        b"Content-Transfer-Encoding: base64\r\n\r\n" + (b"QUJD" * 18 + b"\r\n") * 50_000 + b"--b--\r\n",
    )
    assert (await push(inbox, large))["number"]
    problem(await inbox.post(b"x" * (25 * 1024 * 1024 + 1), Content_Type="message/rfc822"), 413)


async def test_a_reply_to_a_merged_item_reaches_the_one_that_goes_on(inbox: Post) -> None:
    first, second = await push(inbox, a_mail(subject="Slow")), await push(inbox, a_mail(subject="Very slow"))
    async with inbox.desk.client(inbox.agreement) as client:
        into = {"into_id": second["incident_id"]}
        assert (await client.post(f"/v1/items/{first['incident_id']}/merge", json=into)).status_code == 200
    assert (await push(inbox, a_mail(subject=f"Re: {first['number']}")))["number"] == second["number"]
    assert "comment" in [entry["kind"] for entry in await inbox.timeline(second["incident_id"])]


async def test_a_reply_of_the_client_to_a_closed_item_waits_for_somebody_to_decide(inbox: Post) -> None:
    item = await push(inbox, a_mail())
    async with inbox.desk.client(inbox.agreement) as client:
        for act in ("resolve", "close"):
            assert (await client.post(f"/v1/incidents/{item['incident_id']}/{act}")).status_code == 200
    before = await inbox.timeline(item["incident_id"])
    await push(inbox, a_mail(subject=f"Re: {item['number']}"))
    assert await inbox.timeline(item["incident_id"]) == before
    (mail,) = await held(inbox)
    assert (mail["reason"], mail["incident_id"]) == ("item_over", item["incident_id"])


async def test_a_program_that_answers_every_item_with_a_mail_that_opens_another_is_stopped(inbox: Post) -> None:
    for number in range(BRAKE_AT + 2):
        await push(inbox, a_mail(subject=f"We have received your message {number}"))
    assert [mail["reason"] for mail in await held(inbox)] == ["too_many"] * 2
    inbox.desk.clock.advance(timedelta(hours=1))
    assert (await push(inbox, a_mail()))["number"]


# IMAP -----------------------------------------------------------------------------------------------------------------


@pytest.fixture
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
async def mailbox_server(authority: trustme.CA) -> AsyncIterator[ImapMailbox]:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("localhost").configure_cert(context)
    async with imap_server(context) as server:
        yield server


def the_job(desk: Desk, authority: trustme.CA | None) -> Mailboxes:
    settings = desk.runtime.settings
    assert isinstance(settings, IncidentsSettings)
    box = SecretBox(settings.secret_key)
    context = ssl.create_default_context()
    if authority is not None:
        authority.configure_trust(context)
    allowed = settings.model_copy(update={"allowed_networks": ("127.0.0.0/8", "::1/128")})
    reception = Reception(desk.runtime.units, box, [])
    return Mailboxes(desk.runtime.units, reception, box, allowed, desk.runtime.stopping, context=context)


async def looked_into(desk: Desk, agreement: Agreement, server: ImapMailbox, **how: Any) -> Post:
    await desk.activate(agreement)
    mailbox = {"host": "localhost", "port": server.port, "username": "support", "password": "correct horse"} | how
    return await a_source(desk, agreement, "mail", mailbox=mailbox)


async def look(desk: Desk, authority: trustme.CA | None) -> None:
    desk.clock.advance(timedelta(minutes=6))
    job = the_job(desk, authority)
    while await job.run() == 0.0:
        pass


async def test_new_mails_of_a_mailbox_are_taken_once_and_counted_from_when_the_server_had_them(
    desk: Desk, agreement: Agreement, mailbox_server: ImapMailbox, authority: trustme.CA
) -> None:
    mailbox_server.deliver(a_mail(subject="From before the source"), "01-Jun-2026 09:00:00 +0200")
    source = await looked_into(desk, agreement, mailbox_server)
    mailbox_server.deliver(a_mail(subject="First"), "08-Jun-2026 11:02:00 +0200")
    await look(desk, authority)
    await look(desk, authority)
    incident = await the_incident(source)
    assert (incident["title"], incident["timestamps"]["detected"]["at"]) == ("First", "2026-06-08T09:02:00Z")
    mailbox_server.deliver(a_mail(subject="Second"), "08-Jun-2026 11:10:00 +0200")
    await look(desk, authority)
    assert [each["title"] for each in await source.incidents()] == ["First", "Second"]
    changing = ("STORE", "EXPUNGE", "COPY", "MOVE", "SELECT", "APPEND")
    assert not [line for line in mailbox_server.heard if any(word in line.split() for word in changing)]


async def test_a_mailbox_that_counts_anew_opens_nothing_twice(
    desk: Desk, agreement: Agreement, mailbox_server: ImapMailbox, authority: trustme.CA
) -> None:
    source = await looked_into(desk, agreement, mailbox_server)
    mailbox_server.deliver(a_mail(), "08-Jun-2026 09:02:00 +0000")
    await look(desk, authority)
    mailbox_server.uid_validity += 1
    mailbox_server.messages = {uid + 40: message for uid, message in mailbox_server.messages.items()}
    await look(desk, authority)
    assert len(await source.incidents()) == 1


async def test_one_mail_that_cannot_be_read_keeps_no_other_from_being_taken(
    desk: Desk, agreement: Agreement, mailbox_server: ImapMailbox, authority: trustme.CA
) -> None:
    source = await looked_into(desk, agreement, mailbox_server)
    for raw in (b"\x00" * 10, *(a_mail(subject=f"Mail {number}") for number in range(25))):
        mailbox_server.deliver(raw, "08-Jun-2026 09:02:00 +0000")
    await look(desk, authority)
    assert len(await source.incidents()) == 25
    assert [receipt["status"] for receipt in await source.receipts()].count(422) == 1


async def test_a_mail_that_fails_for_no_known_reason_leaves_a_receipt_and_keeps_no_other_from_being_taken(
    desk: Desk,
    agreement: Agreement,
    mailbox_server: ImapMailbox,
    authority: trustme.CA,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    source = await looked_into(desk, agreement, mailbox_server)
    taken = Reception.take

    async def take(self: Reception, tenant_id: Any, source_id: Any, delivery: Any) -> dict[str, Any]:
        if b"Subject: Bad" in delivery.body:
            raise RuntimeError("nobody thought of this")
        return await taken(self, tenant_id, source_id, delivery)

    monkeypatch.setattr(Reception, "take", take)
    for subject in ("Bad", "Good"):
        mailbox_server.deliver(a_mail(subject=subject), "08-Jun-2026 09:02:00 +0000")
    await look(desk, authority)
    assert [incident["title"] for incident in await source.incidents()] == ["Good"]
    assert sorted(receipt["status"] for receipt in await source.receipts()) == [200, 500]


async def test_a_mailbox_that_cannot_be_looked_into_says_why(
    desk: Desk, agreement: Agreement, mailbox_server: ImapMailbox, authority: trustme.CA
) -> None:
    source = await looked_into(desk, agreement, mailbox_server, password="wrong")
    path = f"/v1/intake-sources/{source.source['source_id']}"
    mailbox_server.deliver(a_mail(), "08-Jun-2026 09:02:00 +0000")
    async with desk.client(agreement) as client:
        await look(desk, None)
        assert "certificate" in (await client.get(path)).json()["mailbox"]["error"].lower()
        await look(desk, authority)
        shown = (await client.get(path)).json()
        assert shown["mailbox"]["error"] == "The server refuses name or password. Give them again."
        assert "wrong" not in str(shown)
        mended = shown["mailbox"] | {"password": "correct horse"}
        body = {"mailbox": {name: mended[name] for name in ("host", "port", "username", "password")}}
        assert (await client.patch(path, json=body, headers={"If-Match": "*"})).status_code == 200
        await look(desk, authority)
        assert (await client.get(path)).json()["mailbox"]["error"] is None
    assert len(await source.incidents()) == 1
    assert "correct horse" not in str(await desk.rows("select * from incidents.intake_source"))


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("password", "correct horse\r\nx DELETE INBOX"),
        ("username", "support\r\nx DELETE INBOX"),
        ("folder", 'INBOX"\r\nx DELETE "INBOX'),
        ("host", "imap.agency.example\r\n"),
    ],
)
async def test_what_would_be_another_command_to_the_server_is_refused(
    desk: Desk, agreement: Agreement, field: str, value: str
) -> None:
    await desk.activate(agreement)
    mailbox = {"host": "imap.agency.example", "username": "support", "password": "correct horse", field: value}
    async with desk.client(agreement) as client:
        body = {"contract_id": str(agreement.contract_id), "kind": "mail", "name": "Support", "mailbox": mailbox}
        refused = problem(await client.post("/v1/intake-sources", json=body), 422)
    assert f"#/mailbox/{field}" in [error["pointer"] for error in refused["errors"]]


async def test_a_mailbox_on_a_private_address_is_not_looked_into(
    desk: Desk, agreement: Agreement, mailbox_server: ImapMailbox, authority: trustme.CA
) -> None:
    source = await looked_into(desk, agreement, mailbox_server)
    desk.clock.advance(timedelta(minutes=6))
    settings = desk.runtime.settings
    assert isinstance(settings, IncidentsSettings)
    box = SecretBox(settings.secret_key)
    reception = Reception(desk.runtime.units, box, [])
    await Mailboxes(desk.runtime.units, reception, box, settings, desk.runtime.stopping).run()
    async with desk.client(agreement) as client:
        shown = (await client.get(f"/v1/intake-sources/{source.source['source_id']}")).json()
    assert "is refused: loopback address" in shown["mailbox"]["error"]
    assert mailbox_server.heard == []
