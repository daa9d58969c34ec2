"""Editions of reviews: issued in the morning after the period where the client lives, frozen, corrected in the open."""

import json
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any

import pytest
from sqlalchemy import text

from reporting.jobs.mail_reports import MailReports
from shared.ids import new_id
from shared.testing.mailbox import Mailbox

from .test_portal_pages import Page, get, person_of, portal, signed_in
from .test_report_contents import issue, told

__all__ = ["portal"]

QUARTER_ENDS = datetime(2026, 7, 31, 22, 0, tzinfo=UTC)
"""The contract began on 20 May: its first quarter is over with July, in Paris."""
MORNING = QUARTER_ENDS + timedelta(hours=9)
DECIDER = {
    "contact_id": str(new_id()),
    "name": "Léa Martin",
    "email": "LEA@boulangerie.example",
    "language": "fr",
    "roles": ["decider"],
}
QUARTERLY = {"type": "performance_review", "code": "performance_review", "parameters": {"frequency": "quarterly"}}
INSTITUTIONAL = {"type": "regular_reporting", "code": "regular_reporting", "parameters": {"frequency": "monthly"}}


def promising(story: Any, *deliverables: Any) -> list[bytes]:
    amended = datetime(2026, 5, 21, 8, 0, tzinfo=UTC)
    terms = {"deliverables": list(deliverables), "contacts": [DECIDER], "starts_on": "2026-05-20"}
    return [*story.golden_june(), story.contract("amended", amended, **terms)]


async def until(service: Any, instant: datetime) -> None:
    """Month by month as a worker would live through it."""
    for month in (6, 7, 8, 9, 10, 11, 12):
        first = datetime(2026, month, 1, 6, tzinfo=UTC)
        if service.clock.now() < first < instant:
            service.clock.set(first)
            await issue(service)
    service.clock.set(instant)
    await issue(service)


def path(story: Any, ending: str = "", kind: str = "quarterly", month: str = "2026-05") -> str:
    return f"/v1/contracts/{story.contract_id}/reviews/{kind}/{month}{ending}"


async def read(service: Any, story: Any, ending: str, **where: Any) -> Any:
    async with service.client(story) as client:
        answer = await client.get(path(story, ending, **where))
    assert answer.status_code == 200, answer.text
    return answer


async def published(service: Any) -> list[dict[str, Any]]:
    async with service.runtime.units.for_every_tenant() as unit:
        query = "select envelope::text from reporting.outbox order by id"
        told = [json.loads(row[0]) for row in await unit.session.execute(text(query))]
    return [each["data"] for each in told if each["type"].endswith("reporting.review.published.v1")]


def late_outage(story: Any) -> list[bytes]:
    """An hour of June of which nobody knew."""
    since, outage = datetime(2026, 6, 28, 22, tzinfo=UTC), new_id()
    return [story.down(outage, since), story.recovered(outage, since, since + timedelta(hours=1))]


@pytest.mark.capability("R06", "K07")
async def test_a_promised_quarter_is_issued_in_the_morning_after_it_where_the_client_lives(
    service: Any, story: Any
) -> None:
    await service.hear(*promising(story, QUARTERLY))
    await until(service, MORNING - timedelta(seconds=1))
    assert await published(service) == []
    preview = (await read(service, story, "")).json()
    assert (preview["edition"], [each["edition"] for each in preview["months"]]) == (None, [1, 1, 1])
    page = (await read(service, story, "/html?lang=en")).text
    assert "This is a preview" in page
    assert (await read(service, story, "/editions")).json()["data"] == []
    await until(service, MORNING)
    (event,) = await published(service)
    assert (event["kind"], event["month"], event["last_month"]) == ("quarterly", "2026-05-01", "2026-07-01")
    assert (event["edition"], event["reason"], event["ends_at"]) == (1, "scheduled", "2026-07-31T22:00:00Z")
    edition = (await read(service, story, "/editions/1")).json()
    assert (edition["issued_at"], edition["content_hash"]) == ("2026-08-01T07:00:00Z", event["content_hash"])
    assert edition["report_id"] == event["review_id"]
    review = json.dumps(edition["report"], ensure_ascii=False, separators=(",", ":"))
    assert sha256(review.encode()).hexdigest() == edition["content_hash"]
    now = (await read(service, story, "")).json()
    assert (now["edition"], now["months"]) == (1, edition["report"]["months"])
    assert "This is a preview" not in (await read(service, story, "/html?lang=en")).text
    async with service.client(story) as client:
        listed = await client.get(f"/v1/contracts/{story.contract_id}/reviews")
    assert [(each["kind"], each["month"], each["edition"]) for each in listed.json()["data"]] == [
        ("quarterly", "2026-05", 1)
    ]


async def test_a_corrected_month_makes_the_next_edition_which_says_what_changed_and_keeps_the_first_byte_for_byte(
    service: Any, story: Any
) -> None:
    await service.hear(*promising(story, QUARTERLY))
    await until(service, MORNING)
    files = {form: (await read(service, story, f"/editions/1{form}")).content for form in ("", "/pdf", "/csv", "/html")}
    await service.hear(*late_outage(story))
    service.clock.set(MORNING + timedelta(days=3))
    await issue(service)
    for form, content in files.items():
        assert (await read(service, story, f"/editions/1{form}")).content == content, form
    second = (await read(service, story, "/editions/2")).json()
    changes = {(each["subject"], each["measure"]): (each["before"], each["after"]) for each in second["changes"]}
    assert second["reason"] == "correction"
    assert changes["uptime", "met"] == ("true", "false")
    assert changes["month", "met"] == ("true", "false")
    assert changes["month", "down_seconds"] == ("900", "4500")
    assert set(changes) == {
        *(("uptime", "uptime_percent"), ("uptime", "met")),
        *(("month", "met"), ("month", "down_seconds")),
    }
    assert second["report"]["months"][1]["edition"] == 2
    page = (await read(service, story, "/editions/2/html?lang=en")).text
    assert "Month · June 2026" in page.replace("\xa0", " ")
    assert "What this edition corrects" in page
    assert page.index("What this edition corrects") < page.index("<h2>Trends</h2>")
    await issue(service)
    assert [each["edition"] for each in await published(service)] == [1, 2]


async def test_notes_are_in_the_first_edition_and_later_ones_make_an_edition_with_the_same_figures(
    service: Any, story: Any
) -> None:
    await service.hear(*promising(story, QUARTERLY))
    service.clock.set(datetime(2026, 7, 20, tzinfo=UTC))
    async with service.client(story) as client:
        early = {"recommendations_fr": "Passer à PHP 8.4."}
        assert (await client.put(path(story, "/notes"), json=early, headers={"If-Match": '"0"'})).status_code == 200
    await until(service, MORNING)
    async with service.client(story) as client:
        late = {"recommendations_fr": "Passer à PHP 8.5.", "next_steps_fr": "Atelier le 15 septembre."}
        edited: dict[str, Any] = late | {"months": []}
        assert (await client.put(path(story, "/notes"), json=edited, headers={"If-Match": '"1"'})).status_code == 422
        assert (await client.put(path(story, "/notes"), json=late, headers={"If-Match": '"0"'})).status_code == 412
        assert (await client.put(path(story, "/notes"), json=late, headers={"If-Match": '"1"'})).status_code == 200
    await issue(service)
    first, second = [(await read(service, story, f"/editions/{number}")) for number in (1, 2)]
    assert first.json()["notes"]["recommendations_fr"] == "Passer à PHP 8.4."
    assert second.json()["notes"]["next_steps_fr"] == "Atelier le 15 septembre."
    assert (second.json()["reason"], second.json()["changes"]) == ("commentary", [])
    assert first.content.partition(b'"report":')[2] == second.content.partition(b'"report":')[2]
    assert first.json()["content_hash"] == second.json()["content_hash"]
    assert "Passer à PHP 8.5." in (await read(service, story, "/html?lang=fr")).text


async def test_what_no_contract_promises_is_a_preview_for_ever(service: Any, story: Any) -> None:
    await service.hear(*promising(story))
    await until(service, MORNING + timedelta(days=40))
    assert await published(service) == []
    assert (await read(service, story, "")).json()["edition"] is None


async def test_a_promise_that_is_heard_of_late_makes_no_review_of_what_was_over(service: Any, story: Any) -> None:
    await service.hear(*promising(story))
    await until(service, MORNING + timedelta(days=30))
    since = datetime(2026, 5, 22, 8, 0, tzinfo=UTC)
    await service.hear(story.contract("amended", since, deliverables=[QUARTERLY], starts_on="2026-05-20"))
    await issue(service)
    assert await published(service) == []
    await until(service, datetime(2026, 11, 1, 8, tzinfo=UTC))
    assert [(each["kind"], each["month"]) for each in await published(service)] == [("quarterly", "2026-08-01")]


async def test_a_promise_that_is_heard_of_before_the_review_goes_out_is_kept(service: Any, story: Any) -> None:
    """The month was told at night, the amendment of weeks ago comes an hour later: order of arrival says nothing."""
    await service.hear(*promising(story))
    await until(service, MORNING - timedelta(hours=3))
    since = datetime(2026, 5, 22, 8, 0, tzinfo=UTC)
    await service.hear(story.contract("amended", since, deliverables=[QUARTERLY], starts_on="2026-05-20"))
    await until(service, MORNING)
    assert [(each["kind"], each["month"]) for each in await published(service)] == [("quarterly", "2026-05-01")]


async def test_what_is_decided_of_a_risk_later_corrects_no_review_of_before(service: Any, story: Any) -> None:
    """Neither does an action that is put off: nothing of the period is otherwise."""
    await service.hear(*promising(story, INSTITUTIONAL))
    risk: dict[str, Any] = {"risk_id": str(new_id()), "description": "One host", "recorded_at": "2026-06-10T08:00:00Z"}
    open_risk: dict[str, Any] = {"treatment": None, "decided_by": None, "decided_on": None}
    action: dict[str, Any] = {"action_id": str(new_id()), "what": "Second", "recorded_at": "2026-06-10T08:00:00Z"}
    due: dict[str, Any] = {"done_at": None, "due_at": "2026-09-01T08:00:00Z"}
    await service.hear(
        told(story, "incidents.risk.recorded.v1", **risk, **open_risk, audience="client"),
        told(story, "incidents.action.recorded.v1", **action, **due, audience="client"),
    )
    await until(service, MORNING)
    count = len(await published(service))
    decided = {"treatment": "accept", "decided_by": "Léa Martin", "decided_on": "2026-08-20"}
    later: dict[str, Any] = {"done_at": None, "due_at": "2026-12-01T08:00:00Z"}
    service.clock.set(MORNING + timedelta(days=21))
    await service.hear(
        told(story, "incidents.risk.recorded.v1", **risk, **decided, audience="client", version=2),
        told(story, "incidents.action.recorded.v1", **action, **later, audience="client", version=2),
    )
    await issue(service)
    assert len(await published(service)) == count


async def test_institutions_are_told_every_month(service: Any, story: Any) -> None:
    await service.hear(*promising(story, INSTITUTIONAL))
    await until(service, MORNING)
    assert [(each["kind"], each["month"]) for each in await published(service)] == [
        ("institutional", f"2026-{month:02}-01") for month in (5, 6, 7)
    ]


async def test_an_action_that_becomes_known_late_is_named_as_what_changed(service: Any, story: Any) -> None:
    await service.hear(*promising(story, INSTITUTIONAL))
    await until(service, MORNING)
    values: dict[str, Any] = {"action_id": str(new_id()), "what": "Second host", "recorded_at": "2026-06-10T08:00:00Z"}
    await service.hear(told(story, "incidents.action.recorded.v1", **values, audience="client"))
    service.clock.set(MORNING + timedelta(days=1))
    await issue(service)
    june = (await read(service, story, "/editions/2", kind="institutional", month="2026-06")).json()
    assert [(each["subject"], each["measure"], each["after"]) for each in june["changes"]] == [
        ("action", "listed", "Second host")
    ]


async def test_an_action_that_became_the_agencys_is_taken_back_without_being_told_again(
    service: Any, story: Any
) -> None:
    await service.hear(*promising(story, INSTITUTIONAL))
    values: dict[str, Any] = {"action_id": str(new_id()), "what": "Second host", "recorded_at": "2026-06-10T08:00:00Z"}
    await service.hear(told(story, "incidents.action.recorded.v1", **values, audience="client"))
    await until(service, MORNING)
    await service.hear(told(story, "incidents.action.recorded.v1", 2, **values, audience="agency"))
    service.clock.set(MORNING + timedelta(days=1))
    await issue(service)
    june = await read(service, story, "/editions/2", kind="institutional", month="2026-06")
    assert [(each["subject"], each["before"], each["after"]) for each in june.json()["changes"]] == [
        ("action", "withdrawn", None)
    ]
    assert "Second host" not in june.text


async def test_an_edition_is_mailed_to_deciders_in_their_language_and_its_first_opening_is_noted(
    start_service: Any, story: Any
) -> None:
    with Mailbox() as mailbox:
        service = await start_service(smtp_host="127.0.0.1", smtp_port=mailbox.port, smtp_starttls="never")
        await service.hear(*promising(story, QUARTERLY))
        await until(service, MORNING)
        service.clock.set(MORNING + timedelta(minutes=10))
        mails = MailReports(service.runtime.units, service.settings)
        while await mails.run() == 0.0:
            pass
        (letter,) = [each for each in mailbox.messages if "Revue" in each["Subject"]]
    assert letter["Subject"] == "Revue trimestrielle, mai 2026 – juillet 2026 – Boulangerie Martin"
    assert "Bonjour Léa Martin," in letter.get_content()
    link = next(word for word in letter.get_content().split() if word.startswith("http"))
    where = link[link.index("/reports/sent") :]
    async with service.client() as visitor:
        opened = await visitor.get(where, headers={"Accept": "text/html"})
        assert opened.status_code == 200
        assert "Revue trimestrielle" in opened.text
        file = await visitor.get(where.replace("/reports/sent?", "/reports/sent/pdf?"))
        assert file.content.startswith(b"%PDF")
    (sent,) = (await read(service, story, "/deliveries")).json()["data"]
    assert (sent["edition"], sent["name"], sent["state"]) == (1, "Léa Martin", "seen")


@pytest.mark.capability("R06")
async def test_a_client_reads_the_editions_of_his_reviews_in_the_portal(portal: Any, story: Any) -> None:
    await portal.hear(*promising(story, QUARTERLY))
    await until(portal, MORNING)
    await portal.hear(*late_outage(story))
    portal.clock.set(MORNING + timedelta(days=3))
    await issue(portal)
    browser = await signed_in(portal, person_of(story))
    address = f"/portal/contracts/{story.contract_id}/reviews/quarterly/2026-05"
    listed = await get(portal, "/portal/reports", browser)
    assert f'href="{address}/editions/2"' in listed.text
    assert Page(listed.text).faults() == []
    page = await get(portal, address, browser)
    assert Page(page.text).faults() == []
    assert page.text.index("Édition 2") < page.text.index("Éditions précédentes") < page.text.index("Édition 1")
    assert "fait foi" in (await get(portal, f"{address}/editions/1", browser)).text, "another one counts"
    begins = {"pdf": b"%PDF", "csv": b"subject,id", "xlsx": b"PK", "json": b"{"}
    for file, first in begins.items():
        answer = await get(portal, f"{address}/editions/2/{file}", browser)
        assert answer.status_code == 200
        assert answer.content.startswith(first)
    async with portal.runtime.units.for_every_tenant() as unit:
        seen = "select edition from reporting.report_delivery where kind = 'quarterly' and seen_at is not null"
        assert set(await unit.session.scalars(text(seen))) == {1, 2}
    assert (await get(portal, f"{address}/editions/3", browser)).status_code == 404
    assert (await get(portal, address.replace("quarterly", "weekly"), browser)).status_code == 404


async def test_nobody_reads_the_reviews_of_another_client(portal: Any, story: Any, another_story: Any) -> None:
    await portal.hear(*promising(story, QUARTERLY))
    await until(portal, MORNING)
    browser = await signed_in(portal, person_of(another_story()))
    for ending in ("", "/editions/1", "/editions/1/pdf"):
        address = f"/portal/contracts/{story.contract_id}/reviews/quarterly/2026-05{ending}"
        assert (await get(portal, address, browser)).status_code == 404


async def test_an_agency_words_and_orders_its_reviews_and_nothing_can_be_sent_half_filled(
    service: Any, story: Any
) -> None:
    await service.hear(*promising(story, QUARTERLY))
    address = "/v1/report-templates/quarterly"
    order = ["next_steps", "recommendations", "trends"]
    wrong: dict[str, Any] = {"order": ["trends", "trends", "risks"], "fr": {"introduction": "[MONTH]"}}
    wrong["en"] = {"mail_body": "[CLIENT], [PERIODE]"}
    async with service.client(story) as client:
        ours = await client.get(address)
        assert (ours.json()["version"], ours.headers["ETag"]) == (0, '"0"')
        refused = await client.put(address, json=wrong, headers={"If-Match": '"0"'})
        assert refused.status_code == 422
        pointers = [each["pointer"] for each in refused.json()["errors"]]
        assert pointers == ["#/order", "#/order", "#/order", "#/fr/introduction", "#/en/mail_body", "#/en/mail_body"]
        assert (await client.get(address)).json() == ours.json(), "nothing was changed"
        body = {"order": order, "fr": {"introduction": "[CLIENT] : ce que nous retenons de [PERIOD]."}}
        assert (await client.put(address, json=body, headers={"If-Match": '"0"'})).status_code == 200
        assert (await client.put(address, json=body, headers={"If-Match": '"0"'})).status_code == 412
        assert (await client.get("/v1/report-templates/weekly")).status_code == 404
    await until(service, MORNING)
    page = (await read(service, story, "/editions/1/html?lang=fr")).text
    assert "Boulangerie Martin : ce que nous retenons de mai 2026 – juillet 2026." in page.replace("\xa0", " ")
    assert page.index("Prochaines étapes") < page.index("<h2>Tendances</h2>")


async def test_the_hours_report_is_worded_too_with_its_mail(service: Any, story: Any) -> None:
    await service.hear(*story.golden_june())
    address = "/v1/report-templates/hours"
    async with service.client(story) as client:
        unopened = {"order": ["lines", "tickets"], "fr": {"mail_body": "[CLIENT] [EDITION]"}}
        refused = await client.put(address, json=unopened, headers={"If-Match": '"0"'})
        assert [each["pointer"] for each in refused.json()["errors"]] == ["#/fr/mail_body", "#/fr/mail_body"]
        texts = {"closing": "À bientôt, [AGENCY]", "mail_subject": "Vos heures de [MONTH]"}
        body = {"order": ["tickets", "lines"], "fr": texts}
        assert (await client.put(address, json=body, headers={"If-Match": '"0"'})).status_code == 200
        where = f"/v1/contracts/{story.contract_id}/hours-reports/2026-06/html"
        assert "À bientôt, Atelier Numérique" in (await client.get(where, params={"lang": "fr"})).text


@pytest.mark.parametrize("role", ["viewer", "client_decider"])
async def test_who_only_reads_writes_no_template(service: Any, story: Any, role: str) -> None:
    bound = {"client_id": story.client_id} if role.startswith("client") else {}
    async with service.client(story, role=role, **bound) as client:
        body = {"order": ["lines", "tickets"]}
        answer = await client.put("/v1/report-templates/hours", json=body, headers={"If-Match": '"0"'})
    assert answer.status_code == 403
