"""What a report tells beyond uptime and incidents: work, hours, deliverables, advice, what is owed, what was sent."""

import io
import json
import re
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from html import unescape
from pathlib import Path
from typing import Any

import pytest
from pypdf import PdfReader
from sqlalchemy import text

from reporting.adapters.report_deliveries import claim_delivery, due_deliveries, note_delayed
from reporting.adapters.report_mail import report_letter
from reporting.jobs import mail_reports
from reporting.jobs.issue_reports import IssueReports
from reporting.jobs.mail_reports import MailReports
from reporting.jobs.measure_months import MeasureMonths
from shared.ids import new_id
from shared.testing.mailbox import Mailbox

SERVICES = Path(__file__).parents[3]
MIDNIGHT = datetime(2026, 6, 30, 22, 0, tzinfo=UTC)
"""The end of June in Paris."""
AFTERWARDS = MIDNIGHT + timedelta(hours=2)


def told(story: Any, name: str, version: int = 1, **data: Any) -> bytes:
    """An event as its publisher's example says it, about the story's contract, with other data."""
    path = SERVICES / name.partition(".")[0] / "schemas" / "examples" / f"{name}.json"
    envelope = json.loads(path.read_text(encoding="utf-8"))
    whose = {"contract_id": str(story.contract_id), "client_id": str(story.client_id)}
    said = {"id": str(new_id()), "tenantid": str(story.tenant_id), "aggregateversion": version}
    return json.dumps(envelope | said | {"data": envelope["data"] | whose | data}).encode()


def stamps(**at: str) -> dict[str, Any]:
    person = {"kind": "user", "id": str(new_id()), "name": "Ada Martin"}
    return {name: {"at": value, "actor": person, "source": "api"} for name, value in at.items()}


async def issue(service: Any) -> None:
    for job in (MeasureMonths(service.runtime.units), IssueReports(service.runtime.units)):
        while await job.run() == 0.0:
            pass


async def get(service: Any, story: Any, path: str, **how: Any) -> Any:
    async with service.client(story, **how) as client:
        answer = await client.get(f"/v1/contracts/{story.contract_id}/reports/2026-06{path}")
    assert answer.status_code == 200, answer.text
    return answer.json()


async def parts(service: Any, story: Any, path: str = "", **how: Any) -> Any:
    read = await get(service, story, path, **how)
    return read.get("report", read)["parts"]


@pytest.mark.capability("R02")
async def test_the_month_tells_what_was_done_and_prevented_each_with_the_event_that_proves_it(
    service: Any, story: Any
) -> None:
    await service.hear(*story.golden_june())
    done = told(
        *(story, "incidents.work_order.completed.v1", 3),
        title="Mises à jour",
        timestamps=stamps(opened="2026-06-01T08:00:00Z", completed="2026-06-15T10:00:00Z"),
    )
    july = told(
        *(story, "incidents.request.resolved.v1", 3),
        item_id=str(new_id()),
        timestamps=stamps(opened="2026-06-01T08:00:00Z", resolved="2026-06-30T22:00:00Z"),
    )
    hidden = told(story, "incidents.deployment.recorded.v1", audience="agency")
    warned = told(story, "probes.certificate.expiring.v1", observed_at="2026-06-12T08:00:00Z", host="shop.example")
    restored = told(story, "probes.restore_verification.recorded.v1")
    await service.hear(done, july, hidden, warned, restored)
    service.clock.set(MIDNIGHT + timedelta(hours=1))
    work = (await parts(service, story))["work"]
    assert [(line["kind"], line["title"]) for line in work] == [
        ("restore_test", "Base de données et fichiers, sur un serveur vide"),
        ("warning", "shop.example"),
        ("work_order", "Mises à jour"),
    ]
    assert work[2]["event_id"] == json.loads(done)["id"]
    # Opened again in July it stays what was done in June.
    await service.hear(told(story, "incidents.work_order.changed.v1", 4, status="planned", timestamps={}))
    assert (await parts(service, story))["work"] == work


@pytest.mark.capability("R16")
async def test_hours_are_told_by_line_and_ticket_and_what_is_left_once_the_ledger_is_closed(
    service: Any, story: Any
) -> None:
    await service.hear(*story.golden_june())
    item = new_id()
    await service.hear(
        told(story, "incidents.request.opened.v1", item_id=str(item), number="REQ-2026-0004", title="Export"),
        *(
            told(
                *(story, "incidents.time_entry.recorded.v1"),
                time_entry_id=str(new_id()),
                item_id=str(item_id) if item_id else None,
                worked_on=day,
                real_minutes=minutes,
            )
            for item_id, day, minutes in (
                (item, "2026-06-01", 60),
                (item, "2026-06-30", 45),
                (None, "2026-06-15", 30),
                (item, "2026-05-31", 600),
                (item, "2026-07-01", 600),
            )
        ),
    )
    service.clock.set(AFTERWARDS)
    await issue(service)
    hours = (await parts(service, story, "/editions/1"))["hours"]
    assert (hours["status"], hours["real_minutes"], hours["remaining_minutes"]) == ("worked", 135, None)
    assert [(each["number"], each["title"], each["real_minutes"]) for each in hours["tickets"]] == [
        (None, None, 30),
        ("REQ-2026-0004", "Export", 105),
    ]
    lines = [
        {
            "code": "technical",
            "name": {"fr": "Maintenance technique", "en": "Technical maintenance"},
            "included_minutes": 120,
            "real_minutes": 135,
            "accounted_minutes": 150,
            "covered_minutes": 0,
            "remaining_minutes": 0,
            "overage_minutes": 30,
            "over": True,
        }
    ]
    sums = {"real_minutes": 135, "accounted_minutes": 150, "remaining_minutes": 0, "overage_minutes": 30}
    await service.hear(told(story, "contracts.hours_month.closed.v1", lines=lines, **sums))
    service.clock.set(AFTERWARDS + timedelta(days=2))
    await issue(service)
    second = await get(service, story, "/editions/2")
    assert second["reason"] == "addition"
    (line,) = second["report"]["parts"]["hours"]["lines"]
    used = (line["included_minutes"], line["accounted_minutes"], line["remaining_minutes"], line["overage_minutes"])
    assert used == (120, 150, 0, 30)


def proved(code: str, names: dict[str, str], source: str, on: str, what: str) -> dict[str, Any]:
    """A deliverable as a settlement tells of it, with the one thing that shows it."""
    return {
        "code": code,
        "frequency": "monthly",
        "in_words": {"fr": "prouvé", "en": "proved"},
        "missing": [],
        "name": names,
        "proof": "document",
        "proof_count": 1,
        "proofs": [{"source": source, "proof_id": str(new_id()), "on": on, "what": what}],
        "source": "deliverable",
        "state": "proved",
        "type": None,
    }


@pytest.mark.capability("R09")
async def test_a_closed_settlement_adds_deliverables_with_proofs_and_what_is_owed_for_those_who_may_read_it(
    service: Any, story: Any
) -> None:
    await service.hear(*story.golden_june())
    service.clock.set(AFTERWARDS)
    await issue(service)
    settlement = json.loads(told(story, "contracts.settlement.closed.v1"))["data"]["settlement"]
    settlement["deliverables"] += [
        proved(
            *("documentation", {"fr": "Documentation à jour", "en": "Documentation"}),
            *("entered", "2026-06-18", "Guide d’exploitation, version 7"),
        ),
        proved(
            *("backups", {"fr": "Sauvegardes éprouvées", "en": "Tested backups"}),
            *("event", "2026-06-05", "restore_verification"),
        ),
    ]
    await service.hear(told(story, "contracts.settlement.closed.v1", settlement=settlement))
    service.clock.set(AFTERWARDS + timedelta(days=2))
    await issue(service)
    second = await get(service, story, "/editions/2")
    assert second["reason"] == "addition"
    owed = second["report"]["parts"]["settlement"]
    assert (owed["currency"], owed["net"], owed["gross"]) == ("EUR", "600.00", "720.00")
    delivered = {each["code"]: each for each in second["report"]["parts"]["deliverables"]}
    assert {code: (each["state"], each["proof_count"]) for code, each in delivered.items()} == {
        "monthly_report": ("never_delivered", 0),
        "documentation": ("proved", 1),
        "backups": ("proved", 1),
    }
    assert [(proof["on"], proof["what"]) for each in delivered.values() for proof in each["proofs"]] == [
        ("2026-06-18", "Guide d’exploitation, version 7"),
        ("2026-06-05", "restore_verification"),
    ]
    for language, lines in (
        (
            "fr",
            (
                "Rapport mensuel Promis, sans preuve –",
                "Documentation à jour Livré, avec preuve 1 preuve · 18/06/2026 · Guide d’exploitation, version 7",
                "Sauvegardes éprouvées Livré, avec preuve 1 preuve · 05/06/2026 · "
                "Restauration vérifiée d’une sauvegarde",
            ),
        ),
        (
            "en",
            (
                "Monthly report Promised, without proof –",
                "Documentation Delivered, with proof 1 proof · 18/06/2026 · Guide d’exploitation, version 7",
                "Tested backups Delivered, with proof 1 proof · 05/06/2026 · Verified restore of a backup",
            ),
        ),
    ):
        page, file = [await told_in(service, story, form, lang=language) for form in ("html", "pdf")]
        for line in lines:
            assert unbroken(line) in page
            assert unbroken(line) in file
    staff = await get(service, story, "/editions/2", role="client_staff", client_id=story.client_id)
    assert staff["report"]["parts"]["settlement"] is None
    assert "settlement" not in {change["subject"] for change in staff["changes"]}
    for read in (second, staff):
        assert read["content_hash"] == sha256(compact(read["report"])).hexdigest()
    for edition, who in ((second, {}), (staff, {"role": "client_staff", "client_id": story.client_id})):
        newest = (await get(service, story, "/editions", **who))["data"][1]
        assert (newest["content_hash"], newest["changes"]) == (edition["content_hash"], edition["changes"])
    decider = await get(service, story, "/editions/2", role="client_decider", client_id=story.client_id)
    assert decider["report"]["parts"]["settlement"] == owed


async def test_the_last_month_of_a_contract_that_ends_in_the_middle_of_it_tells_what_is_owed_and_delivered(
    service: Any, story: Any
) -> None:
    ended = datetime(2026, 6, 20, 8, tzinfo=UTC)
    await service.hear(*story.golden_june(), story.contract("terminated", ended))
    await service.hear(told(story, "contracts.settlement.closed.v1"))
    service.clock.set(AFTERWARDS)
    await issue(service)
    report = (await get(service, story, "/editions/1"))["report"]
    assert report["to"] == "2026-06-20T08:00:00Z"
    assert report["parts"]["settlement"]["net"] == "600.00"
    assert [each["code"] for each in report["parts"]["deliverables"]] == ["monthly_report"]


async def test_a_settlement_stays_in_its_month_when_the_client_moves_east(service: Any, story: Any) -> None:
    """The month ends seven hours earlier then than what was settled in Paris."""
    began, *rest = story.golden_june()
    client = json.loads(began)["data"]["client"] | {"time_zone": "Asia/Tokyo"}
    await service.hear(began, *rest, story.contract("amended", datetime(2026, 6, 20, 8, tzinfo=UTC), client=client))
    await service.hear(told(story, "contracts.settlement.closed.v1"))
    service.clock.set(datetime(2026, 8, 2, tzinfo=UTC))
    june = await parts(service, story)
    async with service.client(story) as agency:
        july = (await agency.get(f"/v1/contracts/{story.contract_id}/reports/2026-07")).json()
    assert (june["settlement"]["net"], july["parts"]["settlement"]) == ("600.00", None)


async def told_in(service: Any, story: Any, form: str, edition: int = 2, **query: str) -> str:
    """The words of an edition of June as a page or a PDF, without spaces: where lines break is no matter."""
    path = f"/v1/contracts/{story.contract_id}/reports/2026-06/editions/{edition}/{form}"
    async with service.client(story) as client:
        answer = await client.get(path, params=query)
    assert answer.status_code == 200, answer.text
    if form == "pdf":
        return unbroken("".join(page.extract_text() for page in PdfReader(io.BytesIO(answer.content)).pages))
    return unbroken(unescape(re.sub(r"<[^>]*>", " ", answer.text)))


def unbroken(words: str) -> str:
    return re.sub(r"\s", "", words)


def compact(report: Any) -> bytes:
    return json.dumps(report, ensure_ascii=False, separators=(",", ":")).encode()


async def test_work_that_became_the_agencys_is_taken_back_without_being_told_again(service: Any, story: Any) -> None:
    await service.hear(*story.golden_june())
    name = "incidents.deployment.recorded.v1"
    await service.hear(told(story, name, configuration_item="secret shop"))
    service.clock.set(AFTERWARDS)
    await issue(service)
    assert "secret shop" in json.dumps(await get(service, story, "/editions/1"))
    await service.hear(told(story, name, 2, configuration_item="secret shop", audience="agency"))
    service.clock.set(AFTERWARDS + timedelta(days=1))
    await issue(service)
    second = await get(service, story, "/editions/2")
    assert [(each["subject"], each["before"], each["after"]) for each in second["changes"]] == [
        ("work", "withdrawn", None)
    ]
    assert "secret shop" not in json.dumps(second)


async def test_work_that_moves_to_the_next_month_is_told_no_more_in_the_one_where_it_was(
    service: Any, story: Any
) -> None:
    await service.hear(*story.golden_june())
    visit: dict[str, Any] = {"intervention_id": str(new_id()), "what": "New switch"}
    june: dict[str, Any] = {"began_at": "2026-06-29T08:00:00Z", "ended_at": "2026-06-29T10:00:00Z"}
    july: dict[str, Any] = {"began_at": "2026-07-03T08:00:00Z", "ended_at": "2026-07-03T10:00:00Z"}
    await service.hear(told(story, "incidents.intervention.recorded.v1", **visit, **june))
    service.clock.set(AFTERWARDS)
    await issue(service)
    service.clock.set(datetime(2026, 7, 4, tzinfo=UTC))
    await service.hear(told(story, "incidents.intervention.recorded.v1", 2, **visit, **july))
    await issue(service)
    first, second = [await get(service, story, f"/editions/{number}") for number in (1, 2)]
    assert [[line["title"] for line in each["report"]["parts"]["work"]] for each in (first, second)] == [
        ["New switch"],
        [],
    ]
    assert (second["reason"], [each["subject"] for each in second["changes"]]) == ("correction", ["work"])


async def test_work_that_is_not_told_any_more_is_named_by_its_number(service: Any, story: Any) -> None:
    await service.hear(*story.golden_june())
    done = stamps(opened="2026-06-01T08:00:00Z", completed="2026-06-25T10:00:00Z")
    await service.hear(
        told(story, "incidents.work_order.completed.v1", 3, number="WO-2026-0007", title="Updates", timestamps=done)
    )
    service.clock.set(AFTERWARDS)
    await issue(service)
    await service.hear(story.contract("terminated", datetime(2026, 6, 20, 8, tzinfo=UTC)))
    service.clock.set(AFTERWARDS + timedelta(days=1))
    await issue(service)
    second = await get(service, story, "/editions/2")
    assert [
        (each["name"], each["before"], each["after"]) for each in second["changes"] if each["subject"] == "work"
    ] == [("WO-2026-0007", "WO-2026-0007", None)]
    assert unbroken("Work · WO-2026-0007") in await told_in(service, story, "html", lang="en")


@pytest.mark.capability("R22")
async def test_advice_stays_in_the_report_until_it_is_acknowledged(service: Any, story: Any) -> None:
    await service.hear(*story.golden_june())
    issued = {"issued_at": "2026-05-21T09:00:00Z", "last_sent_at": "2026-05-21T09:00:00Z"}
    await service.hear(told(story, "contracts.advisory.issued.v1", 1, **issued))
    service.clock.set(AFTERWARDS)
    (line,) = (await parts(service, story))["advisories"]
    assert (line["status"], line["acknowledged_at"]) == ("issued", None)
    late = {"delivered_at": "2026-07-02T09:00:00Z", "acknowledged_at": "2026-07-02T09:00:00Z"}
    await service.hear(told(story, "contracts.advisory.changed.v1", 3, **issued, **late))
    service.clock.set(datetime(2026, 8, 2, tzinfo=UTC))
    (still,) = (await parts(service, story))["advisories"]
    assert still == line | {"event_id": still["event_id"]}
    async with service.client(story) as client:
        july = await client.get(f"/v1/contracts/{story.contract_id}/reports/2026-07")
        assert [each["status"] for each in july.json()["parts"]["advisories"]] == ["acknowledged"]
    service.clock.set(datetime(2026, 8, 20, tzinfo=UTC))
    async with service.client(story) as client:
        august = await client.get(f"/v1/contracts/{story.contract_id}/reports/2026-08")
        assert august.json()["parts"]["advisories"] == []


def contact(name: str, language: str, *roles: str) -> dict[str, Any]:
    address = f"{name.lower()}@boulangerie.example"
    return {"contact_id": str(new_id()), "name": name, "email": address, "language": language, "roles": list(roles)}


@pytest.mark.capability("R28", "R39")
async def test_the_report_is_mailed_to_who_decides_in_his_language_and_the_next_one_shows_when_it_was_opened(
    start_service: Any, story: Any
) -> None:
    with Mailbox() as mailbox:
        service = await start_service(smtp_host="127.0.0.1", smtp_port=mailbox.port, smtp_starttls="never")
        people = [contact("Lea", "fr", "decider"), contact("John", "en", "decider"), contact("Max", "fr", "staff")]
        began, *rest = story.golden_june()
        await service.hear(json.dumps(_with_contacts(json.loads(began), people)).encode(), *rest)
        service.clock.set(AFTERWARDS)
        await issue(service)
        mails = MailReports(service.runtime.units, service.settings)
        await mails.run()
        assert mailbox.messages == []  # it settles first
        service.clock.set(AFTERWARDS + timedelta(minutes=10))
        while await mails.run() == 0.0:
            pass
        mails_of_june = [each for each in mailbox.wait_for(4) if "June" in each["Subject"] or "juin" in each["Subject"]]
        by_address = {str(each["To"]): each for each in mails_of_june}
        assert set(by_address) == {"lea@boulangerie.example", "john@boulangerie.example"}
        french, english = by_address["lea@boulangerie.example"], by_address["john@boulangerie.example"]
        assert french["Subject"] == "Rapport mensuel, juin 2026 – Boulangerie Martin"
        assert french["From"].addresses[0].display_name == "Atelier Numérique"
        assert "Bonjour Lea," in french.get_content()
        assert english["Subject"] == "Report for June 2026 – Boulangerie Martin"
        assert "<img" not in french.get_content()
        link = next(word for word in english.get_content().split() if word.startswith("https://"))
        address = link.removeprefix("https://reports.agency.example")
        service.clock.set(AFTERWARDS + timedelta(hours=5))
        async with service.client() as visitor:
            unseen = await visitor.get(address, headers={"Sec-GPC": "1", "Accept": "text/html"})
            assert unseen.status_code == 200
            assert (await deliveries(service, story))["seen"] == 0
            page = await visitor.get(address, headers={"Accept": "text/html"})
            file = await visitor.get(address.replace("/reports/sent?", "/reports/sent/pdf?"))
            forged = await visitor.get(address[:-3] + "AAA")
        assert "99.97%" in page.text
        assert file.content.startswith(b"%PDF")
        assert forged.status_code == 404
        assert await deliveries(service, story) == {"sent": 1, "seen": 1}
        service.clock.set(datetime(2026, 8, 1, 3, tzinfo=UTC))
        async with service.client(story) as client:
            july = await client.get(f"/v1/contracts/{story.contract_id}/reports/2026-07")
    sent = [line for line in july.json()["parts"]["sent"] if line["month"] == "2026-06"]
    assert [(line["edition"], line["delivered_at"], line["seen_at"]) for line in sent] == [
        (1, "2026-07-01T00:10:00Z", "2026-07-01T05:00:00Z")
    ]


def client_changed(story: Any, people: list[dict[str, Any]], version: int = 2) -> bytes:
    data = {"client_id": str(story.client_id), "version": version, "name": story.client_name, "contacts": people}
    return bytes(story.event("contracts.client.changed.v1", story.client_id, MIDNIGHT, data, version))


async def mailed(service: Any, mailbox: Mailbox) -> list[tuple[str, str]]:
    """To whom what is due now went, as `(address, language)`."""
    before = len(mailbox.messages)
    mails = MailReports(service.runtime.units, service.settings)
    while await mails.run() == 0.0:
        pass
    return sorted((str(each["To"]), str(each["Content-Language"])) for each in mailbox.messages[before:])


async def test_reports_go_to_who_decides_now_and_not_to_whom_the_contract_was_signed_with(
    start_service: Any, story: Any
) -> None:
    with Mailbox() as mailbox:
        service = await start_service(smtp_host="127.0.0.1", smtp_port=mailbox.port, smtp_starttls="never")
        signed = [contact(name, "fr", "decider") for name in ("Lea", "John", "Max")]
        lea, john, max_ = signed
        began, *rest = story.golden_june()
        now = [
            john | {"email": "john@new.example", "language": "en"},
            max_ | {"roles": ["staff"]},
            contact("Nora", "fr", "decider"),
        ]
        before = client_changed(story, [lea, john, max_, contact("Old", "fr", "decider")], 1)
        await service.hear(
            client_changed(story, now), before, json.dumps(_with_contacts(json.loads(began), signed)).encode(), *rest
        )
        service.clock.set(AFTERWARDS)
        await issue(service)
        service.clock.set(AFTERWARDS + timedelta(minutes=10))
        english, french = ("john@new.example", "en"), ("nora@boulangerie.example", "fr")
        assert await mailed(service, mailbox) == [english, english, french, french], "May, and June"


async def test_who_is_removed_before_a_report_leaves_is_not_sent_it_and_what_left_stays_told_as_it_left(
    start_service: Any, story: Any
) -> None:
    with Mailbox() as mailbox:
        service = await start_service(smtp_host="127.0.0.1", smtp_port=mailbox.port, smtp_starttls="never")
        lea, john = contact("Lea", "fr", "decider"), contact("John", "en", "decider")
        await service.hear(client_changed(story, [lea, john]), *story.golden_june())
        service.clock.set(AFTERWARDS)
        await issue(service)
        await service.hear(client_changed(story, [john | {"name": "Jon", "email": "jon@boulangerie.example"}], 3))
        service.clock.set(AFTERWARDS + timedelta(minutes=10))
        assert await mailed(service, mailbox) == [("jon@boulangerie.example", "en")] * 2, "May, and June"
        await service.hear(client_changed(story, [], 4))
        lines = (await get(service, story, "/deliveries"))["data"]
    assert {(each["name"], each["state"], each["ended_because"]) for each in lines} == {
        ("Lea", "not_sent", "no_longer_decides"),
        ("Jon", "sent", None),
    }


async def test_a_month_that_was_suspended_as_a_whole_can_be_read_and_is_mailed_to_nobody(
    start_service: Any, story: Any
) -> None:
    with Mailbox() as mailbox:
        service = await start_service(smtp_host="127.0.0.1", smtp_port=mailbox.port, smtp_starttls="never")
        began, *_ = story.golden_june()
        await service.hear(
            client_changed(story, [contact("Lea", "fr", "decider")]),
            began,
            story.contract("suspended", datetime(2026, 5, 28, 8, tzinfo=UTC)),
            story.contract("activated", datetime(2026, 7, 10, 8, tzinfo=UTC)),
        )
        service.clock.set(datetime(2026, 8, 1, 6, tzinfo=UTC))
        await issue(service)
        service.clock.set(datetime(2026, 8, 1, 7, tzinfo=UTC))
        await mailed(service, mailbox)
    assert sorted(str(each["Subject"]).partition(" –")[0] for each in mailbox.messages) == [
        "Rapport mensuel, juillet 2026",
        "Rapport mensuel, mai 2026",
    ]
    edition = await get(service, story, "/editions/1")
    assert (edition["report"]["complete"], edition["report"]["uptime"]["met"]) == (True, None)
    assert (await get(service, story, "/deliveries"))["data"] == []


async def test_a_report_for_a_client_where_nobody_decides_says_so_and_is_sent_once_somebody_does(
    start_service: Any, story: Any
) -> None:
    with Mailbox() as mailbox:
        service = await start_service(smtp_host="127.0.0.1", smtp_port=mailbox.port, smtp_starttls="never")
        await service.hear(client_changed(story, [contact("Max", "fr", "staff")]), *story.golden_june())
        service.clock.set(AFTERWARDS)
        await issue(service)
        (line,) = (await get(service, story, "/deliveries"))["data"]
        assert (line["edition"], line["state"], line["ended_because"]) == (1, "not_sent", "nobody_decides")
        assert (line["contact_id"], line["name"]) == (None, "")
        async with service.runtime.units.for_every_tenant() as unit:
            query = text("select envelope::text from reporting.outbox where aggregate_type = 'report_delivery'")
            said = [json.loads(each)["data"] for each in await unit.session.scalars(query)]
        omitted = {each["delivery_id"]: (each["month"], each["kind"], each["contract_number"]) for each in said}
        assert omitted[line["delivery_id"]] == ("2026-06-01", "monthly", "C-2026-0001")
        service.clock.set(AFTERWARDS + timedelta(hours=1))
        assert await mailed(service, mailbox) == []
        since, outage = MIDNIGHT - timedelta(days=2), new_id()
        await service.hear(
            client_changed(story, [contact("Lea", "fr", "decider")], 3),
            story.down(outage, since),
            story.recovered(outage, since, since + timedelta(hours=1)),
        )
        await issue(service)
        service.clock.set(AFTERWARDS + timedelta(hours=2))
        assert await mailed(service, mailbox) == [("lea@boulangerie.example", "fr")]
        lines = (await get(service, story, "/deliveries"))["data"]
    assert [(each["edition"], each["name"], each["ended_because"]) for each in lines] == [
        (1, "", "nobody_decides"),
        (2, "Lea", None),
    ]


@pytest.mark.parametrize(("until_july", "since_july"), [(True, False), (False, True)])
async def test_a_report_is_mailed_where_its_own_month_promised_it_whatever_holds_since(
    start_service: Any, story: Any, until_july: bool, since_july: bool
) -> None:
    with Mailbox() as mailbox:
        service = await start_service(smtp_host="127.0.0.1", smtp_port=mailbox.port, smtp_starttls="never")
        began, *rest = story.golden_june()
        envelope = json.loads(began)
        promised = envelope["data"] | {"reports": {"monthly": until_july}}
        await service.hear(
            client_changed(story, [contact("Lea", "fr", "decider")]),
            json.dumps(envelope | {"data": promised}).encode(),
            *rest,
            story.contract("amended", MIDNIGHT, reports={"monthly": since_july}),
        )
        service.clock.set(AFTERWARDS)
        await issue(service)
        service.clock.set(AFTERWARDS + timedelta(hours=1))
        await mailed(service, mailbox)
        since, outage = MIDNIGHT - timedelta(days=2), new_id()
        await service.hear(story.down(outage, since), story.recovered(outage, since, since + timedelta(hours=1)))
        service.clock.set(AFTERWARDS + timedelta(hours=2))
        await issue(service)
        lines = (await get(service, story, "/deliveries"))["data"]
    assert [each["edition"] for each in lines] == ([1, 2] if until_july else [])


def _with_contacts(envelope: dict[str, Any], people: list[dict[str, Any]]) -> dict[str, Any]:
    return envelope | {"data": envelope["data"] | {"contacts": people}}


async def deliveries(service: Any, story: Any) -> dict[str, int]:
    data = (await get(service, story, "/deliveries"))["data"]
    states = [each["state"] for each in data]
    return {state: states.count(state) for state in ("sent", "seen")}


async def test_a_correction_a_minute_later_is_one_mail(start_service: Any, story: Any) -> None:
    with Mailbox() as mailbox:
        service = await start_service(smtp_host="127.0.0.1", smtp_port=mailbox.port, smtp_starttls="never")
        began, *rest = story.golden_june()
        person = contact("Lea", "fr", "decider")
        await service.hear(json.dumps(_with_contacts(json.loads(began), [person])).encode(), *rest)
        service.clock.set(AFTERWARDS)
        await issue(service)
        since, outage = MIDNIGHT - timedelta(days=2), new_id()
        await service.hear(story.down(outage, since), story.recovered(outage, since, since + timedelta(hours=1)))
        service.clock.set(AFTERWARDS + timedelta(minutes=1))
        await issue(service)
        service.clock.set(AFTERWARDS + timedelta(hours=1))
        mails = MailReports(service.runtime.units, service.settings)
        while await mails.run() == 0.0:
            pass
        data = (await get(service, story, "/deliveries"))["data"]
    assert [(each["edition"], each["state"], each["ended_because"]) for each in data] == [
        (1, "not_sent", "superseded"),
        (2, "sent", None),
    ]


async def test_an_edition_that_is_superseded_while_the_server_is_asked_is_not_sent_later(
    start_service: Any, story: Any
) -> None:
    with Mailbox() as mailbox:
        service = await start_service(smtp_host="127.0.0.1", smtp_port=mailbox.port, smtp_starttls="never")
        began, *rest = story.golden_june()
        person = contact("Lea", "fr", "decider")
        await service.hear(json.dumps(_with_contacts(json.loads(began), [person])).encode(), *rest)
        service.clock.set(AFTERWARDS)
        await issue(service)
        service.clock.set(AFTERWARDS + timedelta(hours=1))
        units = service.runtime.units
        async with units.for_every_tenant() as uow:
            due = await due_deliveries(uow, 10)
        async with units.for_tenant(story.tenant_id) as uow:
            claimed = [await claim_delivery(uow, each.delivery_id) for each in due]
        assert [mail.month.month for mail in claimed if mail is not None] == [5, 6]
        since, outage = MIDNIGHT - timedelta(days=2), new_id()
        await service.hear(story.down(outage, since), story.recovered(outage, since, since + timedelta(hours=1)))
        await issue(service)
        async with units.for_tenant(story.tenant_id) as uow:
            for each in due:
                await note_delayed(uow, each.delivery_id, timedelta(minutes=2), "try again later")
        service.clock.set(AFTERWARDS + timedelta(hours=2))
        mails = MailReports(units, service.settings)
        while await mails.run() == 0.0:
            pass
        data = (await get(service, story, "/deliveries"))["data"]
        assert len(mailbox.messages) == 2, "May, and June once"
    assert [(each["edition"], each["state"]) for each in data] == [(1, "not_sent"), (2, "sent")]


async def test_a_mail_that_cannot_be_written_waits_and_keeps_no_other_waiting(
    start_service: Any, story: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Mailbox() as mailbox:
        service = await start_service(smtp_host="127.0.0.1", smtp_port=mailbox.port, smtp_starttls="never")
        began, *rest = story.golden_june()
        people = [contact("Lea", "fr", "decider"), contact("John", "en", "decider")]
        await service.hear(json.dumps(_with_contacts(json.loads(began), people)).encode(), *rest)
        service.clock.set(AFTERWARDS)
        await issue(service)
        service.clock.set(AFTERWARDS + timedelta(hours=1))
        monkeypatch.setattr(mail_reports, "BATCH", 1)
        monkeypatch.setattr(mail_reports, "report_letter", _not_for("fr"))
        mails = MailReports(service.runtime.units, service.settings)
        for _ in range(4):
            await mails.run()
        assert await mails.run() > 0.0
        assert await deliveries(service, story) == {"sent": 1, "seen": 0}
        monkeypatch.undo()
        service.clock.set(AFTERWARDS + timedelta(hours=2))
        while await mails.run() == 0.0:
            pass
        assert await deliveries(service, story) == {"sent": 2, "seen": 0}


def _not_for(language: str) -> Any:
    """A writer of letters that fails for those who read this language."""

    def write(issued: Any, mail: Any, *rest: Any, **more: Any) -> Any:
        if mail.language == language:
            raise RuntimeError("a letter that nobody can write")
        return report_letter(issued, mail, *rest, **more)

    return write


async def test_a_template_that_cannot_be_filled_is_refused_before_anything_is_sent(service: Any, story: Any) -> None:
    await service.hear(*story.golden_june())
    path = "/v1/report-template"
    async with service.client(story) as client:
        ours = await client.get(path)
        assert (ours.json()["version"], ours.headers["ETag"]) == (0, '"0"')
        match = {"If-Match": '"0"'}
        for body, pointer in (
            ({"fr": {"introduction": "Bonjour [PRENOM]"}}, "#/fr/introduction"),
            ({"en": {"mail_body": "Read it."}}, "#/en/mail_body"),
            ({"order": ["incidents"]}, "#/order"),
        ):
            refused = await client.put(path, json=body, headers=match)
            assert refused.status_code == 422
            assert [error["pointer"] for error in refused.json()["errors"]] == [pointer]
        assert (await client.get(path)).json()["version"] == 0
        kept = await client.put(path, json={"fr": {"introduction": "Chère [CLIENT]"}}, headers=match)
        assert (kept.status_code, kept.headers["ETag"]) == (200, '"1"')
        assert (await client.put(path, json={}, headers=match)).status_code == 412
    service.clock.set(AFTERWARDS)
    await issue(service)
    async with service.client(story) as client:
        await client.put(path, json={}, headers={"If-Match": '"1"'})
        address = f"/v1/contracts/{story.contract_id}/reports/2026-06/editions/1/html"
        page = await client.get(address, params={"lang": "fr"})
        pillars = await client.get(address, params={"lang": "fr", "layout": "pillars"})
    assert "Chère Boulangerie Martin" in page.text  # as it was on the day of issue
    assert "<h2>Sécurité</h2>" in pillars.text


@pytest.mark.capability("R40")
async def test_a_report_by_pillars_has_all_four_and_says_which_one_has_nothing_to_tell(
    service: Any, story: Any
) -> None:
    await service.hear(*story.golden_june())
    service.clock.set(AFTERWARDS)
    await issue(service)
    for language, pillars, nothing in (
        (
            "fr",
            ("Sécurité", "Stabilité", "Performance", "Évolution maîtrisée"),
            "Rien à signaler sur ce pilier pour cette période.",
        ),
        (
            "en",
            ("Security", "Stability", "Performance", "Controlled evolution"),
            "There is nothing to report on this pillar for this period.",
        ),
    ):
        page, file = [
            await told_in(service, story, form, edition=1, lang=language, layout="pillars") for form in ("html", "pdf")
        ]
        for words in (page, file):
            at = [words.index(unbroken(title)) for title in pillars]
            assert at == sorted(at)
            assert words[at[3] :].startswith(unbroken(pillars[3] + nothing))
            assert not words[at[1] :].startswith(unbroken(pillars[1] + nothing)), "it tells of uptime and incidents"
        by_parts = await told_in(service, story, "html", edition=1, lang=language)
        assert unbroken(nothing) not in by_parts


@pytest.mark.parametrize("ending", ["", "/html", "/pdf", "/csv", "/xlsx"])
async def test_who_read_an_edition_is_in_the_access_log_and_no_browser_answers_for_it(
    service: Any, story: Any, ending: str
) -> None:
    await service.hear(*story.golden_june())
    service.clock.set(AFTERWARDS)
    await issue(service)
    async with service.client(story) as client:
        answer = await client.get(f"/v1/contracts/{story.contract_id}/reports/2026-06/editions/1{ending}")
        assert answer.status_code == 200
        assert answer.headers["cache-control"] in ("private, no-cache", "private, no-store")
        async with service.runtime.units.for_every_tenant() as unit:
            rows = (await unit.session.execute(text("select envelope::text from reporting.outbox"))).all()
    said = [json.loads(row[0]) for row in rows]
    operations = [each["data"]["operation"] for each in said if each["type"].endswith("operation.recorded.v1")]
    assert any("report" in operation for operation in operations)
