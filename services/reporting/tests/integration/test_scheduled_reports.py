"""Documents that are sent after every month: made in the morning after it where the client lives, frozen, corrected."""

import json
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from html import unescape
from typing import Any

import pytest
from sqlalchemy import text

from reporting.jobs import issue_reports
from reporting.jobs.mail_reports import MailReports
from shared.ids import new_id
from shared.testing.mailbox import Mailbox

from .test_portal_pages import Page, get, person_of, portal, signed_in
from .test_report_contents import AFTERWARDS, MIDNIGHT, issue, told

__all__ = ["portal"]

MORNING = MIDNIGHT + timedelta(hours=9)
"""Nine in Paris."""
AGREED = {
    "hours": {
        "lines": [
            {
                "code": "technical",
                "name": {"fr": "Maintenance technique", "en": "Technical maintenance"},
                "included_minutes": 120,
            }
        ]
    }
}
DECIDERS = [
    {
        "contact_id": str(new_id()),
        "name": name,
        "email": email,
        "language": language,
        "roles": roles,
    }
    for name, email, language, roles in (
        ("Léa Martin", "lea@boulangerie.example", "fr", ["decider"]),
        ("John Baker", "john@boulangerie.example", "en", ["decider"]),
        ("Paul Martin", "paul@boulangerie.example", "fr", ["staff"]),
    )
]
CLOSED_LINE = AGREED["hours"]["lines"][0] | {
    "real_minutes": 135,
    "accounted_minutes": 150,
    "covered_minutes": 0,
    "remaining_minutes": 0,
    "overage_minutes": 30,
    "over": True,
}


def path(story: Any, ending: str = "", kind: str = "hours") -> str:
    return f"/v1/contracts/{story.contract_id}/scheduled-reports/{kind}/2026-06{ending}"


async def agreed(service: Any, story: Any, **terms: Any) -> None:
    """June with 135 minutes of work, on a contract with a line of hours unless `terms` say otherwise."""
    amended = datetime(2026, 5, 21, 8, 0, tzinfo=UTC)
    await service.hear(
        *story.golden_june(), story.contract("amended", amended, **({"contacts": DECIDERS} | AGREED | terms))
    )
    await service.hear(worked(story, 135))


def worked(story: Any, minutes: int) -> bytes:
    entry: dict[str, Any] = {
        "time_entry_id": str(new_id()),
        "item_id": None,
        "worked_on": "2026-06-15",
        "real_minutes": minutes,
    }
    return told(story, "incidents.time_entry.recorded.v1", **entry)


def ledger_closed(story: Any) -> bytes:
    sums = {"available_minutes": 120, "real_minutes": 135, "accounted_minutes": 150}
    left = {"remaining_minutes": 0, "overage_minutes": 30}
    days: dict[str, Any] = {"month": "2026-06-01", "last_day": "2026-06-30"}
    return told(story, "contracts.hours_month.closed.v1", **days, **sums, **left, lines=[CLOSED_LINE])


async def until(service: Any, instant: datetime) -> None:
    """As a worker would live through it: the month is told at night."""
    if service.clock.now() < AFTERWARDS < instant:
        service.clock.set(AFTERWARDS)
        await issue(service)
    service.clock.set(instant)
    await issue(service)


async def read(service: Any, story: Any, ending: str, **where: Any) -> Any:
    async with service.client(story) as client:
        answer = await client.get(path(story, ending, **where))
    assert answer.status_code == 200, answer.text
    return answer.json()


async def said(service: Any, month: str = "2026-06-01") -> list[dict[str, Any]]:
    async with service.runtime.units.for_every_tenant() as unit:
        query = "select envelope::text from reporting.outbox order by id"
        told = [json.loads(row[0]) for row in await unit.session.execute(text(query))]
    found = [each["data"] for each in told if each["type"].endswith("scheduled_report.published.v1")]
    return [each for each in found if each["month"] == month]


async def switched(
    service: Any, story: Any, *, on: bool, kind: str = "hours", version: int = 0, again: bool = False
) -> None:
    async with service.client(story) as client:
        address = f"/v1/contracts/{story.contract_id}/report-schedules/{kind}"
        answer = await client.put(address, json={"enabled": on}, headers={"If-Match": f'"{version}"'})
    assert answer.status_code == 200, answer.text
    assert (answer.json()["enabled"], answer.headers["ETag"]) == (on, f'"{version if again else version + 1}"')


@pytest.mark.capability("R16")
async def test_the_hours_of_a_month_are_issued_at_nine_in_the_morning_after_it_and_frozen(
    service: Any, story: Any
) -> None:
    await agreed(service, story)
    await until(service, MORNING - timedelta(seconds=1))
    assert (await read(service, story, "/editions"))["data"] == []
    await until(service, MORNING)
    edition = await read(service, story, "/editions/1")
    assert (edition["kind"], edition["reason"], edition["issued_at"]) == ("hours", "scheduled", "2026-07-01T07:00:00Z")
    assert (edition["report"]["hours"]["status"], edition["report"]["hours"]["real_minutes"]) == ("worked", 135)
    content = json.dumps(edition["report"], ensure_ascii=False, separators=(",", ":"))
    assert sha256(content.encode()).hexdigest() == edition["content_hash"]
    (event,) = await said(service)
    assert (event["kind"], event["month"], event["edition"]) == ("hours", "2026-06-01", 1)
    assert (event["report_id"], event["content_hash"]) == (edition["report_id"], edition["content_hash"])
    async with service.client(story) as client:
        listed = await client.get(f"/v1/contracts/{story.contract_id}/scheduled-reports")
    assert [(each["kind"], each["month"], each["edition"]) for each in listed.json()["data"]] == [
        ("hours", "2026-05", 1),
        ("hours", "2026-06", 1),
    ]


@pytest.mark.capability("R16")
async def test_what_is_left_is_added_once_the_ledger_is_closed_and_late_work_corrects_in_the_open(
    service: Any, story: Any
) -> None:
    await agreed(service, story)
    await until(service, MORNING)
    async with service.client(story) as client:
        first = (await client.get(path(story, "/editions/1/pdf"))).content
    await service.hear(ledger_closed(story))
    await until(service, MORNING + timedelta(days=3))
    added = await read(service, story, "/editions/2")
    assert added["reason"] == "addition"
    assert {(each["measure"], each["before"]) for each in added["changes"]} == {
        (measure, None)
        for measure in ("accounted_minutes", "available_minutes", "overage_minutes", "remaining_minutes")
    }
    async with service.client(story) as client:
        assert (await client.get(path(story, "/editions/1/pdf"))).content == first
        page = (await client.get(path(story, "/editions/2/html"), params={"lang": "fr"})).text
    assert page.index("Édition 2") < page.index("Heures par")
    await issue(service)
    assert [each["reason"] for each in await said(service)] == ["scheduled", "addition"]


async def test_work_that_becomes_known_late_corrects_the_hours(service: Any, story: Any) -> None:
    await agreed(service, story)
    await until(service, MORNING)
    await service.hear(worked(story, 45))
    await until(service, MORNING + timedelta(days=1))
    corrected = await read(service, story, "/editions/2")
    assert corrected["reason"] == "correction"
    assert {(each["name"], each["before"], each["after"]) for each in corrected["changes"]} == {
        ("", "135", "180"),
        ("technical", "135", "180"),
    }


async def test_what_the_hours_do_not_show_makes_no_edition_of_them(service: Any, story: Any) -> None:
    await agreed(service, story)
    await until(service, MORNING)
    since, outage = datetime(2026, 6, 28, 22, tzinfo=UTC), new_id()
    await service.hear(story.down(outage, since), story.recovered(outage, since, since + timedelta(hours=1)))
    await until(service, MORNING + timedelta(days=1))
    assert [each["edition"] for each in await said(service)] == [1]


async def test_a_contract_without_hours_is_sent_none_until_its_agency_wants_them(service: Any, story: Any) -> None:
    await agreed(service, story, hours=None)
    async with service.client(story) as client:
        listed = await client.get(f"/v1/contracts/{story.contract_id}/report-schedules")
    usual = {each["kind"]: (each["enabled"], each["version"]) for each in listed.json()["data"]}
    assert usual == {"hours": (False, 0), "access": (False, 0), "decisions": (False, 0)}
    await until(service, MORNING)
    assert await said(service) == []
    await switched(service, story, on=True)
    service.clock.set(datetime(2026, 8, 1, 6, tzinfo=UTC))
    await issue(service)
    service.clock.set(datetime(2026, 8, 1, 8, tzinfo=UTC))
    await issue(service)
    assert await said(service) == []
    assert [each["edition"] for each in await said(service, "2026-07-01")] == [1]


async def test_what_is_switched_on_after_nine_is_not_made_of_the_month_before_when_that_is_corrected(
    service: Any, story: Any
) -> None:
    await agreed(service, story)
    await until(service, MORNING)
    service.clock.set(MORNING + timedelta(days=1))
    await switched(service, story, on=True, kind="access")
    await service.hear(worked(story, 45))
    await until(service, MORNING + timedelta(days=2))
    assert [(each["kind"], each["edition"]) for each in await said(service)] == [("hours", 1), ("hours", 2)]
    for hour in (6, 8):
        await until(service, datetime(2026, 8, 1, hour, tzinfo=UTC))
    assert {each["kind"] for each in await said(service, "2026-07-01")} == {"hours", "access"}


async def test_what_was_switched_off_at_nine_and_is_switched_on_again_is_not_made_of_the_month_before(
    service: Any, story: Any
) -> None:
    await agreed(service, story)
    await until(service, MORNING - timedelta(hours=1))
    await switched(service, story, on=False)
    await until(service, MORNING)
    service.clock.set(MORNING + timedelta(days=1))
    await switched(service, story, on=True, version=1)
    await service.hear(worked(story, 45))
    await until(service, MORNING + timedelta(days=2))
    assert await said(service) == []


async def test_what_is_wanted_again_after_nine_was_wanted_at_nine(service: Any, story: Any) -> None:
    await agreed(service, story)
    await switched(service, story, on=True, kind="access")
    await until(service, MORNING - timedelta(seconds=1))
    service.clock.set(MORNING + timedelta(hours=1))
    await switched(service, story, on=True, kind="access", version=1, again=True)
    await switched(service, story, on=True)
    await switched(service, story, on=True, version=1, again=True)
    await issue(service)
    assert {(each["kind"], each["edition"]) for each in await said(service)} == {("hours", 1), ("access", 1)}


async def test_what_is_switched_off_before_its_morning_is_not_made(service: Any, story: Any) -> None:
    await agreed(service, story)
    await until(service, MORNING - timedelta(hours=1))
    await switched(service, story, on=False)
    await until(service, MORNING)
    assert await said(service) == []


async def test_the_last_hours_are_mailed_though_the_contract_has_none_any_more(service: Any, story: Any) -> None:
    await agreed(service, story)
    without = story.contract("amended", MIDNIGHT, contacts=DECIDERS, hours=None)
    await service.hear(without)
    await until(service, MORNING)
    assert [each["edition"] for each in await said(service)] == [1]
    planned = (await read(service, story, "/deliveries"))["data"]
    assert {(each["name"], each["edition"]) for each in planned} == {("Léa Martin", 1), ("John Baker", 1)}


async def test_a_correction_is_not_mailed_where_the_document_was_switched_off(service: Any, story: Any) -> None:
    await agreed(service, story)
    await until(service, MORNING)
    await switched(service, story, on=False)
    await service.hear(worked(story, 45))
    await until(service, MORNING + timedelta(days=1))
    assert [each["edition"] for each in await said(service)] == [1, 2]
    sent = (await read(service, story, "/deliveries"))["data"]
    assert {each["edition"] for each in sent} == {1}


async def test_what_is_switched_off_before_its_mail_leaves_is_not_mailed_and_what_is_on_again_is(
    start_service: Any, story: Any
) -> None:
    with Mailbox() as mailbox:
        service = await start_service(smtp_host="127.0.0.1", smtp_port=mailbox.port, smtp_starttls="never")
        await agreed(service, story)
        await switched(service, story, on=True, kind="decisions")
        await until(service, MORNING)
        service.clock.set(MORNING + timedelta(minutes=5))
        await switched(service, story, on=False)
        await switched(service, story, on=False, kind="decisions", version=1)
        await switched(service, story, on=True, kind="decisions", version=2)
        service.clock.set(MORNING + timedelta(minutes=10))
        mails = MailReports(service.runtime.units, service.settings)
        while await mails.run() == 0.0:
            pass
        subjects = {
            letter["Subject"].partition(" 2026")[0] for letter in mailbox.messages if "juin" in letter["Subject"]
        }
    assert not any(each.startswith("Heures") for each in subjects)
    hours, decisions = [
        {
            (each["state"], each["ended_because"])
            for each in (await read(service, story, "/deliveries", kind=kind))["data"]
        }
        for kind in ("hours", "decisions")
    ]
    assert (hours, decisions) == ({("not_sent", "no_longer_wanted")}, {("sent", None)})


@pytest.mark.capability("R16")
async def test_every_decider_is_mailed_the_hours_in_his_language_and_the_first_opening_is_noted(
    start_service: Any, story: Any
) -> None:
    with Mailbox() as mailbox:
        service = await start_service(smtp_host="127.0.0.1", smtp_port=mailbox.port, smtp_starttls="never")
        await agreed(service, story)
        await until(service, MORNING)
        service.clock.set(MORNING + timedelta(minutes=10))
        mails = MailReports(service.runtime.units, service.settings)
        while await mails.run() == 0.0:
            pass
        letters = {letter["To"]: letter for letter in mailbox.messages if "2026" in letter["Subject"]}
        hours = {
            to: letter
            for to, letter in letters.items()
            if letter["Subject"].startswith(("Heures de juin", "Hours of June"))
        }
    assert set(hours) == {"lea@boulangerie.example", "john@boulangerie.example"}
    french, english = hours["lea@boulangerie.example"], hours["john@boulangerie.example"]
    assert french["Subject"] == "Heures de juin 2026 – Boulangerie Martin"
    assert english["Subject"] == "Hours of June 2026 – Boulangerie Martin"
    assert "Bonjour Léa Martin," in french.get_content()
    assert "the hours of June 2026" in english.get_content()
    link = next(word for word in french.get_content().split() if word.startswith("http"))
    where = link[link.index("/reports/sent") :]
    async with service.client() as visitor:
        opened = await visitor.get(where, headers={"Accept": "text/html"})
        assert opened.status_code == 200
        assert "Maintenance technique" in opened.text
        file = await visitor.get(where.replace("/reports/sent?", "/reports/sent/pdf?"))
        assert file.content.startswith(b"%PDF")
    sent = (await read(service, story, "/deliveries"))["data"]
    assert {each["name"]: each["state"] for each in sent} == {"Léa Martin": "seen", "John Baker": "sent"}


def accessed(story: Any, operation: str, resource: str, at: str, **data: Any) -> bytes:
    """Somebody of the agency read something."""
    values = {"record_id": str(new_id()), "kind": "reading", "operation": operation, "resource": resource}
    named: dict[str, Any] = {"resource_id": resource.rpartition("/")[2]} | data
    event = json.loads(told(story, "incidents.operation.recorded.v1", **(values | named)))
    del event["data"]["contract_id"]
    return json.dumps(event | {"time": at, "data": event["data"] | {"client_id": None}}).encode()


async def test_accesses_of_a_month_are_told_to_who_decides_where_they_are_wanted_and_name_nobody_elses(
    service: Any, story: Any
) -> None:
    await agreed(service, story)
    await switched(service, story, on=True, kind="access")
    item, other = str(new_id()), str(new_id())
    await service.hear(
        at(told(story, "incidents.request.opened.v1", item_id=item, number="REQ-2026-0004"), "2026-06-09T08:00:00Z"),
        accessed(story, "get_request", f"/v1/requests/{item}", "2026-06-10T08:00:00Z"),
        accessed(story, "get_contract", f"/v1/contracts/{story.contract_id}", "2026-06-11T08:00:00Z"),
        accessed(story, "get_request", f"/v1/requests/{other}", "2026-06-12T08:00:00Z"),
        accessed(story, "list_requests", "/v1/requests", "2026-06-13T08:00:00Z", resource_id=None),
        accessed(story, "get_request", f"/v1/requests/{item}", "2026-06-30T22:00:00Z"),
    )
    await until(service, MORNING)
    edition = await read(service, story, "/editions/1", kind="access")
    assert (edition["kind"], edition["report"]["total"]) == ("access", 2)
    assert [(each["operation"], each["at"]) for each in edition["report"]["accesses"]] == [
        ("get_contract", "2026-06-11T08:00:00Z"),
        ("get_request", "2026-06-10T08:00:00Z"),
    ]
    content = json.dumps(edition["report"], ensure_ascii=False, separators=(",", ":"))
    assert sha256(content.encode()).hexdigest() == edition["content_hash"]
    async with service.client(story) as client:
        for form, first in {"pdf": b"%PDF", "csv": b"sequence,at", "xlsx": b"PK"}.items():
            assert (await client.get(path(story, f"/editions/1/{form}", "access"))).content.startswith(first)
        page = (await client.get(path(story, "/editions/1/html", "access"), params={"lang": "fr"})).text
    assert "Accès en juin 2026" in page.replace("\xa0", " ")
    assert "/v1/requests/" + item in page
    assert other not in page
    # A client's staff is told of no accesses; the log that goes on makes no other edition.
    async with service.client(story, role="client_staff", client_id=story.client_id) as staff:
        assert (await staff.get(path(story, "/editions/1", "access"))).status_code == 403
        assert (await staff.get(path(story, "/editions/1/pdf", "access"))).status_code == 403
        assert (await staff.get(path(story, "/editions/1"))).status_code == 200
    await service.hear(accessed(story, "get_request", f"/v1/requests/{item}", "2026-06-14T08:00:00Z"), worked(story, 5))
    await until(service, MORNING + timedelta(days=1))
    assert {(each["kind"], each["edition"]) for each in await said(service)} == {
        ("hours", 1),
        ("access", 1),
        ("hours", 2),
    }
    deliveries = (await read(service, story, "/deliveries", kind="access"))["data"]
    assert {each["name"] for each in deliveries} == {"Léa Martin", "John Baker"}


async def test_what_the_agency_keeps_for_itself_is_in_no_clients_list_of_accesses(service: Any, story: Any) -> None:
    await agreed(service, story)
    await switched(service, story, on=True, kind="access")
    margins = f"/v1/contracts/{story.contract_id}/margins"
    name, heard = "incidents.risk.recorded.v1", "2026-06-09T08:00:00Z"
    risks: list[dict[str, Any]] = [{"risk_id": str(new_id()), "recorded_at": heard} for _ in range(3)]
    his, internal, taken_back = risks
    await service.hear(
        at(told(story, name, **his, audience="client"), heard),
        at(told(story, name, **internal, audience="agency"), heard),
        at(told(story, name, **taken_back, audience="client"), heard),
        at(told(story, name, 2, **taken_back, audience="agency"), heard),
        accessed(story, "get_margins", f"{margins}/2026-05", "2026-06-10T08:00:00Z"),
        accessed(story, "download_margins", f"{margins}/2026-05/csv", "2026-06-10T08:00:00Z"),
        *(
            accessed(story, "list_evidence", f"/v1/evidence/{risk['risk_id']}", "2026-06-11T08:00:00Z")
            for risk in risks
        ),
        accessed(
            *(story, "get_plain_terms", f"/v1/contracts/{story.contract_id}/papers/plain-terms"),
            *("2026-06-12T08:00:00Z",),
            resource_id=None,
        ),
    )
    await until(service, MORNING)
    report = (await read(service, story, "/editions/1", kind="access"))["report"]
    assert [(each["operation"], each["resource"].rpartition("/")[2]) for each in report["accesses"]] == [
        ("get_plain_terms", "plain-terms"),
        ("list_evidence", his["risk_id"]),
    ]
    assert report["total"] == 2
    async with service.client(story) as client:
        for language, said in {
            "fr": "Les lectures des dossiers propres à l’agence ne figurent pas ici.",
            "en": "Readings of the agency's own records are not listed.",
        }.items():
            page = await client.get(path(story, "/editions/1/html", "access"), params={"lang": language})
            assert said in unescape(page.text)


async def test_the_log_of_decisions_is_told_as_it_stood_at_the_end_of_the_month_and_corrected(
    service: Any, story: Any
) -> None:
    await agreed(service, story)
    await switched(service, story, on=True, kind="decisions")
    action = str(new_id())
    common: dict[str, Any] = {"recorded_at": "2026-06-10T08:00:00Z", "audience": "client"}
    open_action: dict[str, Any] = {
        "action_id": action,
        "what": "Second host",
        "done_at": None,
        "due_at": "2026-09-01T08:00:00Z",
    }
    hidden = common | {"audience": "agency", "risk_id": str(new_id()), "description": "Between us"}
    await service.hear(
        at(told(story, "incidents.action.recorded.v1", **common, **open_action), "2026-06-10T08:00:00Z"),
        at(told(story, "incidents.risk.recorded.v1", **hidden), "2026-06-10T08:00:00Z"),
    )
    await until(service, MORNING)
    first = await read(service, story, "/editions/1", kind="decisions")
    assert first["report"]["as_of"] == "2026-06-30T22:00:00Z"
    assert [(each["what"], each["state"]) for each in first["report"]["entries"]] == [("Second host", "open")]
    late = common | {"action_id": str(new_id()), "what": "Restore test", "done_at": None, "due_at": None}
    july = open_action | {"done_at": "2026-07-01T10:00:00Z"}
    await service.hear(
        at(told(story, "incidents.action.recorded.v1", **late), "2026-06-20T08:00:00Z"),
        at(told(story, "incidents.action.recorded.v1", 2, **common, **july), "2026-07-01T10:00:00Z"),
    )
    await until(service, MORNING + timedelta(days=1))
    second = await read(service, story, "/editions/2", kind="decisions")
    assert second["reason"] == "correction"
    assert [(each["subject"], each["measure"], each["after"]) for each in second["changes"]] == [
        ("action", "listed", "Restore test")
    ]
    async with service.client(story) as client:
        page = (await client.get(path(story, "/editions/2/html", "decisions"), params={"lang": "fr"})).text
        assert "Between us" not in page
        assert page.index("Restore test") < page.index("Second host")
        for form, begins in {"pdf": b"%PDF", "csv": b"kind,id", "xlsx": b"PK"}.items():
            assert (await client.get(path(story, f"/editions/2/{form}", "decisions"))).content.startswith(begins)


async def test_a_log_of_decisions_that_is_longer_than_a_document_says_how_much_it_leaves_out(
    service: Any, story: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(issue_reports, "MOST_LINES", 1)
    await agreed(service, story)
    await switched(service, story, on=True, kind="decisions")
    said: dict[str, Any] = {"recorded_at": "2026-06-10T08:00:00Z", "audience": "client", "done_at": None}
    for what in ("Second host", "Restore test"):
        action = told(story, "incidents.action.recorded.v1", **said, action_id=str(new_id()), what=what, due_at=None)
        await service.hear(at(action, "2026-06-10T08:00:00Z"))
    await until(service, MORNING)
    report = (await read(service, story, "/editions/1", kind="decisions"))["report"]
    assert (report["total"], len(report["entries"])) == (2, 1)
    async with service.client(story) as client:
        page = (await client.get(path(story, "/editions/1/html", "decisions"), params={"lang": "en"})).text
    assert "There were 2 entries; the first 1 are listed." in page


async def test_what_was_told_by_mistake_is_taken_back_without_being_told_again(service: Any, story: Any) -> None:
    await agreed(service, story)
    await switched(service, story, on=True, kind="decisions")
    risk: dict[str, Any] = {
        "risk_id": str(new_id()),
        "description": "Their host is bankrupt",
        "recorded_at": "2026-06-10T08:00:00Z",
    }
    name = "incidents.risk.recorded.v1"
    await service.hear(at(told(story, name, **risk, audience="client"), "2026-06-10T08:00:00Z"))
    await until(service, MORNING)
    assert "Their host is bankrupt" in json.dumps(await read(service, story, "/editions/1", kind="decisions"))
    await service.hear(at(told(story, name, 2, **risk, audience="agency"), "2026-07-01T10:00:00Z"))
    await until(service, MORNING + timedelta(days=1))
    second = await read(service, story, "/editions/2", kind="decisions")
    assert [(each["name"], each["before"], each["after"]) for each in second["changes"]] == [
        ("withdrawn", "withdrawn", None)
    ]
    assert "bankrupt" not in json.dumps(second)
    async with service.client(story) as client:
        page = (await client.get(path(story, "/editions/2/html", "decisions"), params={"lang": "fr"})).text
    assert "bankrupt" not in page
    assert "une entrée qui n’est plus communiquée" in page


def at(event: bytes, instant: str) -> bytes:
    """The same event, said then, and about the thing that its data are of."""
    envelope = json.loads(event)
    kind, data = envelope["subject"].partition("/")[0], envelope["data"]
    subject_id = data["item_id"] if kind == "request" else data[f"{kind}_id"]
    return json.dumps(envelope | {"time": instant, "subject": f"{kind}/{subject_id}"}).encode()


async def test_a_client_reads_the_hours_of_a_month_in_the_portal(portal: Any, story: Any, another_story: Any) -> None:
    await agreed(portal, story)
    await until(portal, MORNING)
    browser = await signed_in(portal, person_of(story))
    page = await get(portal, f"/portal/contracts/{story.contract_id}/reports/2026-06", browser)
    address = f"/portal/contracts/{story.contract_id}/documents/hours/2026-06/editions/1"
    assert f'href="{address}"' in page.text
    assert Page(page.text).faults() == []
    assert "Maintenance technique" in (await get(portal, address, browser)).text
    for file, first in {"pdf": b"%PDF", "csv": b"month,subject", "xlsx": b"PK", "json": b"{"}.items():
        answer = await get(portal, f"{address}/{file}", browser)
        assert answer.status_code == 200
        assert answer.content.startswith(first)
    stranger = await signed_in(portal, person_of(another_story()))
    for ending in ("", "/pdf"):
        assert (await get(portal, address + ending, stranger)).status_code == 404
    async with portal.runtime.units.for_every_tenant() as unit:
        seen = "select name from reporting.report_delivery where kind = 'hours' and seen_at is not null"
        assert list(await unit.session.scalars(text(seen))) == ["Léa Martin"]


async def test_what_there_is_not_is_refused_by_name(service: Any, story: Any) -> None:
    await agreed(service, story)
    await until(service, MORNING)
    schedules = f"/v1/contracts/{story.contract_id}/report-schedules"
    async with service.client(story) as client:
        assert (await client.get(path(story, "/editions/2"))).status_code == 404
        assert (await client.get(path(story, "/editions/1/docx"))).status_code == 404
        assert (await client.get(path(story, "/editions", kind="weather"))).status_code == 404
        assert (await client.get(path(story, "/editions").replace("2026-06", "2026-04"))).status_code == 404
        assert (await client.get(f"/v1/contracts/{new_id()}/report-schedules")).status_code == 404
        wrong = await client.put(f"{schedules}/hours", json={"enabled": "often"}, headers={"If-Match": '"0"'})
        assert (wrong.status_code, wrong.json()["errors"][0]["pointer"]) == (422, "#/enabled")
        assert (await client.put(f"{schedules}/hours", json={"enabled": True})).status_code == 428
        late = await client.put(f"{schedules}/hours", json={"enabled": True}, headers={"If-Match": '"3"'})
        assert late.status_code == 412
        assert (await client.get(f"{schedules}/hours")).headers["ETag"] == '"0"'


@pytest.mark.parametrize("role", ["viewer", "client_decider"])
async def test_who_only_reads_switches_nothing(service: Any, story: Any, role: str) -> None:
    await agreed(service, story)
    bound = {"client_id": story.client_id} if role.startswith("client") else {}
    async with service.client(story, role=role, **bound) as client:
        address = f"/v1/contracts/{story.contract_id}/report-schedules/hours"
        answer = await client.put(address, json={"enabled": False}, headers={"If-Match": '"0"'})
    assert answer.status_code == 403
