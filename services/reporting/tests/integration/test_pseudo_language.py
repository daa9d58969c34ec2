"""Pages, documents, feeds and mails in a language of marks: outside of them stands somebody's data, nothing else."""

import io
import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from pypdf import PdfReader

from reporting.adapters import rendering
from reporting.adapters.portal_store import begin_session
from reporting.jobs.mail_reports import MailReports
from shared.i18n import Catalogues
from shared.ids import new_id
from shared.testing.mailbox import Mailbox
from shared.testing.pseudo import PseudoCatalogues, free_texts, heard, outside_of_marks, texts_in

from .test_margins import set_rates, worked
from .test_portal_pages import person_of
from .test_report_contents import _with_contacts, contact, issue, told
from .test_status_subscriptions import body, work

WRITTEN = (
    *("name", "title", "number", "what", "why", "description", "owner_name", "decided_by", "recorded_by", "outcome"),
    *("person_name", "reason_text", "host", "domain", "scope", "configuration_item", "released_version", "text"),
    *("in_words", "code", "line", "label", "email", "url", "hash", "body", "explanation", "version_hash"),
)
"""Under these names people and programs write what they want; everything else is a code that pages put into words."""
ENDONYMS = {"Français", "English", "fr", "en"}
REASONS = {"A second host costs more than a day without the shop."}
"""Of a risk: what somebody wrote, under a name that is a code elsewhere."""
FORMATS = {"Atom", "JSON", "PDF", "CSV", "UBL", "CII", "XLSX", "iCalendar", "Upheld", "SHA-256", "UTC"}
LATER = datetime(2026, 7, 3, 6, tzinfo=UTC)


@pytest.fixture(autouse=True)
def _pseudo(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Every catalogue of this process is one of marks, for the time of a test."""
    monkeypatch.setattr(Catalogues, "load", lambda *_: PseudoCatalogues())
    for cached in (rendering.catalogues, rendering._environment):
        cached.cache_clear()
    yield
    monkeypatch.undo()
    for cached in (rendering.catalogues, rendering._environment):
        cached.cache_clear()


def promising_reviews(envelope: dict[str, Any]) -> dict[str, Any]:
    """An activated contract that promises a report on incidents, actions and risks every month."""
    promised = {"type": "regular_reporting", "parameters": {"frequency": "monthly"}}
    return envelope | {"data": envelope["data"] | {"deliverables": [promised]}}


def everything(story: Any) -> list[bytes]:
    """A month with all that a report can tell, and planned work."""
    began, *rest = story.golden_june()
    item = new_id()
    return [
        json.dumps(promising_reviews(_with_contacts(json.loads(began), [contact("Lea", "fr", "decider")]))).encode(),
        *rest,
        told(story, "incidents.request.opened.v1", item_id=str(item), number="REQ-2026-0004", title="Export"),
        told(story, "incidents.work_order.completed.v1", 3),
        told(story, "probes.certificate.expiring.v1", observed_at="2026-06-12T08:00:00Z"),
        told(story, "probes.restore_verification.recorded.v1"),
        told(story, "incidents.deployment.recorded.v1"),
        told(story, "incidents.intervention.recorded.v1"),
        worked(story, new_id(), "Ada Martin", "2026-06-10", 90),
        told(story, "contracts.hours_month.closed.v1"),
        told(story, "contracts.advisory.issued.v1"),
        told(story, "contracts.settlement.closed.v1"),
        told(story, "contracts.hours_review.proposed.v1", year_until="2026-06-20"),
        told(story, "incidents.action.recorded.v1"),
        told(story, "incidents.risk.recorded.v1"),
        told(story, "incidents.decision.recorded.v1"),
        story.maintenance(
            *(LATER, (LATER + timedelta(days=3), LATER + timedelta(days=3, hours=2))),
            window_id=new_id(),
        ),
    ]


def data_of(events: list[bytes]) -> set[str]:
    told_of = [json.loads(event)["data"] for event in events]
    said = {text for each in told_of for text in free_texts(each, WRITTEN)}
    # A reason in two languages is a text of its service's; one that stands alone is a code, or somebody's words.
    said |= {text for each in told_of if isinstance(each.get("reason"), dict) for text in texts_in(each["reason"])}
    return said | {"Atelier Numérique", "boulangerie-martin", "Léa Dubois"} | ENDONYMS | FORMATS | REASONS


NO_WORDS = re.compile(r"https?://\S+|urn:\S+|[0-9a-f]{8}-[0-9a-f-]{27}|\b[0-9a-f]{16,}|[\w.+-]+@[\w.-]+")
"""Addresses, ids and hashes."""


def forgotten(text: str, data: set[str]) -> list[str]:
    return outside_of_marks(
        re.sub(r"https?://\S+|urn:\S+|[0-9a-f]{8}-[0-9a-f-]{27}|\b[0-9a-f]{16,}|[\w.+-]+@[\w.-]+", " ", text), data
    )


@pytest.mark.capability("R34")
async def test_every_page_and_document_of_the_api_says_only_what_can_be_translated(service: Any, story: Any) -> None:
    events = everything(story)
    data = data_of(events)
    await service.hear(*events)
    service.clock.set(LATER)
    await set_rates(service, story)
    await issue(service)
    left: dict[str, list[str]] = {}
    seen = set()
    values = {
        **{"contract_id": str(story.contract_id), "client_id": str(story.client_id), "month": "2026-06"},
        **{"edition": "1", "slug": story.slug, "document_form": "html"},
    }
    addresses = [
        *(path for path, methods in service.app.openapi()["paths"].items() if "get" in methods),
        "/v1/contracts/{contract_id}/reports/{month}/editions/{edition}/html?layout=pillars",
    ]
    async with service.client(story) as client:
        for address in addresses:
            for kind in ("quarterly", "annual", "institutional") if "{review_kind}" in address else ("",):
                wanted = address
                for name, value in ({**values, "review_kind": kind}).items():
                    wanted = wanted.replace(f"{{{name}}}", value)
                if "{" in wanted:
                    continue
                answer = await client.get(wanted, headers={"Accept": "text/html"})
                if answer.status_code != 200 or "html" not in answer.headers["content-type"]:
                    continue
                seen.add(address)
                words = [word for text in heard(answer.text) for word in forgotten(text, data)]
                if words:
                    left[wanted] = words
    assert left == {}, json.dumps(left, ensure_ascii=False)
    assert len(seen) > 9, seen


@pytest.mark.capability("R34")
@pytest.mark.parametrize(
    "document",
    ["reports/2026-06/editions/1", "reviews/institutional/2026-06/editions/1", "reviews/quarterly/2026-06"],
)
async def test_a_pdf_adds_no_word_of_its_own(service: Any, story: Any, document: str) -> None:
    events = everything(story)
    await service.hear(*events)
    service.clock.set(LATER)
    await issue(service)
    async with service.client(story) as client:
        page = await client.get(f"/v1/contracts/{story.contract_id}/{document}/html")
        file = await client.get(f"/v1/contracts/{story.contract_id}/{document}/pdf")
    assert file.status_code == 200, file.text
    there = set(re.findall(r"\w+", " ".join(heard(page.text))))
    printed = re.sub(r"-\s+", "-", " ".join(each.extract_text() for each in PdfReader(io.BytesIO(file.content)).pages))
    ours = [word for word in re.findall(r"[^\W\d_]{4,}", printed) if not any(word in known for known in there)]
    assert ours == []


@pytest.mark.capability("R34")
async def test_feeds_calendars_and_badges_of_a_page_say_only_what_can_be_translated(service: Any, story: Any) -> None:
    events = everything(story)
    data = data_of(events)
    await service.hear(*events)
    service.clock.set(LATER)
    left: dict[str, list[str]] = {}
    async with service.client() as visitor:
        for name in ("feed.atom", "badge.svg"):
            answer = await visitor.get(f"/status/{story.slug}/{name}")
            assert answer.status_code == 200, name
            words = [word for text in heard(answer.text) for word in forgotten(text, data)]
            left |= {name: words} if words else {}
        feed = (await visitor.get(f"/status/{story.slug}/feed.json")).json()
        texts = list(free_texts(feed, ("title", "description", "summary", "content_text", "content_html")))
        words = [word for text in texts for part in heard(text) for word in forgotten(part, data)]
        left |= {"feed.json": words} if words else {}
        calendar = (await visitor.get(f"/status/{story.slug}/maintenance.ics")).text.replace("\r\n ", "")
        said = re.findall(r"^(?:SUMMARY|DESCRIPTION|X-WR-CALNAME|NAME)[^:]*:(.*)$", calendar, re.MULTILINE)
        words = [word for text in said for word in forgotten(text.replace("\\,", ","), data)]
        left |= {"maintenance.ics": words} if words else {}
    assert left == {}
    assert said


@pytest.mark.capability("R34")
async def test_mails_say_only_what_can_be_translated(start_service: Any, story: Any) -> None:
    events = everything(story)
    data = data_of(events) | {"Lea", "paul"}
    with Mailbox() as mailbox:
        service = await start_service(smtp_host="127.0.0.1", smtp_port=mailbox.port, smtp_starttls="never")
        await service.hear(*events)
        service.clock.set(LATER)
        await issue(service)
        service.clock.set(LATER + timedelta(minutes=10))
        mails = MailReports(service.runtime.units, service.settings)
        while await mails.run() == 0.0:
            pass
        async with service.client() as visitor:
            asked = await visitor.post(f"/status/{story.slug}/subscribe", data={"email": "paul@example.org"})
            assert asked.status_code == 200
        await work(service)
        sent = mailbox.wait_for(2)
    left = {str(mail["Subject"]): forgotten(f"{mail['Subject']}\n{body(mail)}", data) for mail in sent}
    assert {subject: words for subject, words in left.items() if words} == {}


PORTAL = (
    *("/portal", "/portal/sign-in", "/portal/reports", "/portal/hours", "/portal/sessions", "/portal/requests"),
    *("/portal/requests/new/error", "/portal/requests/new/feature", "/portal/requests/new/assistance"),
    *(
        "/portal/contracts",
        "/portal/incidents",
        "/portal/approvals",
        "/portal/changes",
        "/portal/advice",
        "/portal/invoices",
    ),
)


@pytest.mark.capability("R34")
async def test_the_portal_says_only_what_can_be_translated(start_service: Any, story: Any) -> None:
    """The pages that reporting makes by itself, and what they say while the other services are away."""
    nowhere = "http://127.0.0.1:9"
    portal = await start_service(portal_secret="s" * 40, contracts_url=nowhere, incidents_url=nowhere)
    events = everything(story)
    data = data_of(events) | {"Léa Martin", "Firefox"}
    portal.clock.set(LATER)
    await portal.hear(*events)
    async with portal.runtime.units.for_every_tenant() as unit:
        secret = begin_session(unit, person_of(story), "link", "Firefox")
    browser = {"Cookie": f"__Host-portal={secret}", "Accept": "text/html"}
    left: dict[str, list[str]] = {}
    async with portal.client() as visitor:
        for address in (*PORTAL, f"/portal/contracts/{story.contract_id}/uptime"):
            answer = await visitor.get(address, headers=browser)
            assert answer.status_code in {200, 503}, address
            words = [word for text in heard(answer.text) for word in forgotten(text, data)]
            if words:
                left[address] = words
    assert left == {}
