"""Pages, documents, feeds and mails in a language of marks: outside of them stands somebody's data, nothing else."""

import io
import json
import re
import zipfile
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from openpyxl import load_workbook
from pypdf import PdfReader

from reporting.adapters import evidence_words, rendering
from reporting.adapters.portal_store import begin_session, make_link
from reporting.adapters.sign_in_mail import sign_in_letter
from reporting.jobs.mail_reports import MailReports
from shared.i18n import Catalogues
from shared.ids import new_id
from shared.testing.mailbox import Mailbox
from shared.testing.pseudo import PseudoCatalogues, PseudoTranslator, free_texts, heard, outside_of_marks, texts_in

from .test_margins import set_rates, worked
from .test_portal_pages import person_of, press, signed_in
from .test_portal_refusals import ADVISORY, CHANGE, ITEM, UPDATE, refusing
from .test_report_contents import _with_contacts, contact, issue, told
from .test_response_times import measured, sum_up
from .test_single_sign_on_pages import world
from .test_status_subscriptions import FRENCH, PAGE, body, close, link, work

__all__ = ["refusing", "world"]

WRITTEN = (
    *("name", "title", "number", "what", "why", "description", "owner_name", "decided_by", "recorded_by", "outcome"),
    *("person_name", "reason_text", "host", "domain", "scope", "configuration_item", "released_version", "text"),
    *("in_words", "code", "line", "label", "email", "url", "hash", "body", "subject", "explanation", "version_hash"),
)
"""Under these names people and programs write what they want; everything else is a code that pages put into words."""
ENDONYMS = {"Français", "English", "fr", "en"}
REASONS = {"A second host costs more than a day without the shop."}
"""Of a risk: what somebody wrote, under a name that is a code elsewhere."""
FORMATS = {"Atom", "JSON", "PDF", "CSV", "UBL", "CII", "XLSX", "iCalendar", "Upheld", "SHA-256", "UTC", "min"}
"""Names, and the symbol of the minute, that every language writes."""
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
    """An activated contract that promises a report on incidents, actions and risks every month, and has hours."""
    promised = {"type": "regular_reporting", "parameters": {"frequency": "monthly"}}
    line = {"code": "technical", "name": {"fr": "Technique", "en": "Technical"}, "included_minutes": 120}
    return envelope | {"data": envelope["data"] | {"deliverables": [promised], "hours": {"lines": [line]}}}


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
        told(story, "contracts.message.written.v1"),
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


NO_WORDS = re.compile(r"https?://[^\s⟧]+|urn:\S+|[0-9a-f]{8}-[0-9a-f-]{27}|\b[0-9a-f]{16,}|[\w.+-]+@[\w.-]+")
"""Addresses, ids and hashes."""


def forgotten(text: str, data: set[str]) -> list[str]:
    return outside_of_marks(NO_WORDS.sub(" ", text), data)


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
        **{"edition": "1", "slug": story.slug, "document_form": "html", "report_kind": "hours"},
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
    [
        *("reports/2026-06/editions/1", "reviews/institutional/2026-06/editions/1", "reviews/quarterly/2026-06"),
        "scheduled-reports/hours/2026-06/editions/1",
    ],
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


async def put_on_page(service: Any, story: Any) -> str:
    """What somebody reported, called by a name that is data."""
    incident_id = new_id()
    await service.hear(*story.incident(incident_id, None, LATER - timedelta(hours=1)))
    said = {
        "incident_id": str(incident_id),
        "titles": {"en": story.client_name},
        "components": [{"component_id": str(story.environment_id), "impact": "partial"}],
        "texts": {"fr": story.client_name},
    }
    async with service.client(story) as agency:
        answer = await agency.post(f"/v1/status-pages/{story.slug}/incidents", json=said)
    assert answer.status_code == 201, answer.text
    return str(answer.json()["page_incident_id"])


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


AT = "2026-06-15T08:00:00Z"
SPANS = [
    {"from": AT, "to": AT, "counted": why == "open", "why": why, "reason": reason}
    for why, reason in (
        *((why, None) for why in ("open", "closed", "holiday", "closure", "stopped", "pause_not_allowed")),
        *(("paused", f"waiting_{whom}") for whom in ("for_client", "for_access", "for_third_party", "acceptance")),
        *(("paused", why) for why in ("monitoring_paused", "not_promised", "not_resolved")),
        *(("paused", why) for why in ("no_fresh_result", "contract_suspended")),
    )
]
"""Every why of a stretch of a clock's time, with every reason that incidents has for a pause."""
CLOCKS = [
    {
        "metric": metric,
        "target_seconds": 1800,
        "state": state,
        "verdict": state if state in {"met", "breached"} else None,
        "elapsed_seconds": 900,
        "due_at": AT,
        "explanation": SPANS,
    }
    for metric, state in zip(
        ("response", "repair", "mitigation", "next_reply", "acceptance", "post_mortem"),
        ("met", "breached", "running", "paused", "cancelled", "met"),
        strict=True,
    )
]
STEPS = (
    *("first_failure", "detected", "opened", "alerted", "acknowledged", "mitigated", "monitoring_paused", "recovered"),
    *("resolved", "closed", "reopened", "post_mortem", "declined", "scoped", "estimated", "approved", "deploying"),
    *("deployed", "accepted", "rejected", "cancelled", "planned", "started", "completed"),
)
STAMPS = {step: {"at": AT, "actor": {"kind": "user", "name": "Ada Martin"}} for step in STEPS}
SCOPE = {"scope": "Menu", "acceptance": ["Vendre"], "excluded": "Stock"}
ESTIMATE = {"minutes": 90, "window": {"from": AT, "to": AT}}
ASKED = ("topic", "question", "need", "benefit", "who", "steps", "expected", "observed", "environment", "ci_version")
WHOLE = {"timestamps": STAMPS, "clocks": CLOCKS, "description": "Vendre", "severity": "critical"}
OUTAGE = {"reason": "connect", "detail": "Stock", "url": "https://shop.example"}
INCIDENT = CHANGE | WHOLE | {"incident_id": ITEM, "status": "open", "duration_seconds": 600, "outage": OUTAGE}
REQUEST = CHANGE | WHOLE | {"requester": {"name": "Ada Martin"}, "details": dict.fromkeys(ASKED, "Stock")}
DESK_DATA = {*("Ada Martin", "Menu", "Vendre", "Stock", "Bac <blanc>", "Parcoursup", "CHG", "WO", "FA", "Léa Martin")}
"""What people wrote of it: names, titles, and the words of forms."""


def paged(*items: Any) -> dict[str, Any]:
    return {"data": list(items), "next_cursor": "x"}


def each_of(item: dict[str, Any], name: str, *codes: str) -> list[dict[str, Any]]:
    """The same with every code under a name."""
    return [item | {name: code} for code in codes]


def filled(story: Any) -> dict[str, Any]:
    """What contracts and incidents answer, with every code that they have."""
    statuses = (
        *("open", "acknowledged", "mitigated", "resolved", "closed", "declined", "draft", "scoped", "estimated"),
        *("approved", "deploying", "deployed", "accepted", "rejected", "cancelled", "planned", "started", "completed"),
    )
    change = CHANGE | WHOLE | {"details": {"scope": SCOPE, "estimate": ESTIMATE}, "freezes_to_approve": ["Parcoursup"]}
    checklist = {"details": UPDATE["details"] | {"checklist": [{"item": "Vendre"}]}}
    contract = {"contract_id": str(story.contract_id), "number": "C-2026-0001", "plan": {"title": {"fr": "Menu"}}}
    kept = ("draft", "proposed", "signed", "active", "suspended", "terminated", "expired")
    table = {"columns": ["Menu"], "numeric": [False], "rows": [["Stock"]], "total": None}
    part = {"code": "excluded", "title": "Menu", "paragraphs": ["Vendre"], "items": ["Stock"], "tables": [table]}
    paper = {"title": "Menu", "notices": ["Stock"], "introduction": ["Vendre"], "sections": [part], "closing": []}
    advice = ADVISORY | {"answered_by": "Ada Martin", "answer_reason": "Vendre"}
    advised = [
        *each_of(advice, "kind", "end_of_life", "end_of_support", "security", "update", "precaution", "other"),
        *each_of(advice, "status", "issued", "delivered", "acknowledged", "accepted", "refused", "withdrawn"),
    ]
    money = {"issued_on": "2026-06-15", "due_on": "2026-06-15", "total": "12.00", "currency": "EUR", "number": "FA-1"}
    invoice = money | {"invoice_id": ITEM, "kind": "invoice"}
    minutes = dict.fromkeys(("included_minutes", "accounted_minutes", "remaining_minutes", "overage_minutes"), 90)
    lines = [{"code": "care", "name": {"fr": "Menu"}, **minutes}]
    overage = {"amount": "12.00", "currency": "EUR"}
    hours = {
        **minutes,
        "available_minutes": 120,
        "overage_amount": overage,
        "lines": lines,
        "closed_at": None,
        "pooled": True,
    }
    worked_on = {"worked_on": "2026-06-15", "line": None, "counts_on": "care", "real_minutes": 90, "note": "Vendre"}
    said = {"audience": "client", "note": "Vendre", "actor": {"kind": "user", "name": "Ada Martin"}, "at": AT}
    attached = {"audience": "client", "attachment_id": ITEM, "name": "Stock", "added_by": said["actor"], "added_at": AT}
    own = f"/v1/contracts/{story.contract_id}"
    return {
        "/v1/incidents": paged(*each_of(INCIDENT, "status", *statuses)),
        f"/v1/incidents/{ITEM}": INCIDENT,
        "/v1/requests": paged(*each_of(REQUEST, "severity", "critical", "major", "minor", "temporary")),
        f"/v1/requests/{ITEM}": REQUEST,
        "/v1/changes": paged(change),
        f"/v1/changes/{ITEM}": change,
        f"/v1/work-orders/{ITEM}": UPDATE | WHOLE | checklist,
        "/v1/queue/decisions": paged(
            *(
                {"decision": each, "freezes_to_approve": ["Parcoursup"], "item": change}
                for each in ("approve", "accept")
            )
        ),
        f"/v1/items/{ITEM}/timeline": paged(said),
        f"/v1/items/{ITEM}/attachments": paged(attached),
        "/v1/contracts": paged(*each_of(contract, "status", *kept)),
        own: contract | {"status": "active"},
        f"{own}/papers/plain-terms": paper | {"as_of_in_words": "Menu", "signature": ["Ada Martin"]},
        f"{own}/hours": hours,
        f"{own}/hours/entries": paged(worked_on),
        "/v1/advisories": {"data": advised, "next_cursor": None},
        f"/v1/advisories/{ITEM}": advice | {"answered_at": AT},
        "/v1/invoices": paged(
            *each_of(invoice, "standing", "open", "overdue", "settled", "refundable"),
            invoice | {"kind": "credit_note", "standing": "open"},
        ),
    }


@pytest.mark.capability("R34")
@pytest.mark.parametrize("refused", [False, True])
async def test_the_portal_filled_with_what_other_services_know_says_only_what_can_be_translated(
    start_service: Any, story: Any, refusing: Any, refused: bool
) -> None:
    url = f"http://127.0.0.1:{refusing.server_port}"
    refusing.reads = {} if refused else filled(story)
    portal = await start_service(portal_secret="s" * 40, contracts_url=url, incidents_url=url)
    events = everything(story)
    data = data_of(events) | DESK_DATA | set(texts_in([ADVISORY["title"], ADVISORY["body"], CHANGE["title"]]))
    data |= {UPDATE["title"], "Firefox"}
    portal.clock.set(LATER)
    await portal.hear(*events)
    browser = await signed_in(portal, person_of(story))
    contract = f"/portal/contracts/{story.contract_id}"
    addresses = [
        *("/portal", "/portal/incidents", "/portal/requests", "/portal/approvals", "/portal/changes"),
        *("/portal/contracts", "/portal/advice", "/portal/invoices", contract, f"{contract}/hours?month=2026-06"),
        *(f"/portal/incidents/{ITEM}?{view}" for view in ("view=technical", "view=business", "sent=yes")),
        *(f"/portal/{kind}/{ITEM}?done=yes" for kind in ("requests", "changes", "work-orders", "advice")),
    ]
    left: dict[str, list[str]] = {}
    async with portal.client() as visitor:
        for address in addresses:
            answer = await visitor.get(address, headers=browser)
            assert refused or answer.status_code == 200, address
            assert answer.headers["content-type"].startswith("text/html"), address
            words = [word for text in heard(answer.text) for word in forgotten(text, data)]
            if words:
                left[address] = words
    assert left == {}, json.dumps(left, ensure_ascii=False)


async def left_of(pages: dict[str, str], data: set[str]) -> dict[str, list[str]]:
    """Of each page the words that nobody can translate."""
    left = {name: [word for text in heard(page) for word in forgotten(text, data)] for name, page in pages.items()}
    return {name: words for name, words in left.items() if words}


@pytest.mark.capability("R34")
async def test_pages_of_components_passwords_and_subscriptions_say_only_what_can_be_translated(
    start_service: Any, story: Any
) -> None:
    events = everything(story)
    data = data_of(events) | {"paul"}
    pages: dict[str, str] = {}
    with Mailbox() as mailbox:
        service = await start_service(smtp_host="127.0.0.1", smtp_port=mailbox.port, smtp_starttls="never")
        await service.hear(
            *events, *(measured(story, LATER - timedelta(hours=at), 40_000, 90_000) for at in range(1, 30))
        )
        service.clock.set(LATER)
        await sum_up(service)
        path = await asked(service, mailbox)
        async with service.client() as visitor:

            async def keep(name: str, answer: Any) -> None:
                assert answer.headers["content-type"].startswith("text/html"), name
                pages[name] = answer.text

            component = f"{PAGE}/components/{story.environment_id}"
            await keep("component", await visitor.get(component, headers=FRENCH))
            await keep("status", await visitor.get(PAGE, headers=FRENCH))
            incident = f"{PAGE}/incidents/{await put_on_page(service, story)}"
            await keep("status with an incident", await visitor.get(PAGE, headers=FRENCH))
            await keep("component with an incident", await visitor.get(component, headers=FRENCH))
            await keep("incident", await visitor.get(incident, headers=FRENCH))
            await keep("incidents", await visitor.get(f"{PAGE}/incidents", headers=FRENCH))
            await keep("no incident", await visitor.get(f"{PAGE}/incidents/{new_id()}", headers=FRENCH))
            await keep("no address", await visitor.post(f"{PAGE}/subscribe", data={"email": "a@"}, headers=FRENCH))
            await keep("asked", await visitor.post(f"{PAGE}/subscribe", data={"email": "a@b.fr"}, headers=FRENCH))
            await keep("to confirm", await visitor.get(path, headers=FRENCH))
            await keep("confirmed", await visitor.post(f"{path}/confirm", headers=FRENCH))
            await keep("ended", await visitor.post(f"{path}/end", headers=FRENCH))
            await keep("forgotten", await visitor.get(path, headers=FRENCH))
            await keep("no page", await visitor.get("/status/nobody", headers=FRENCH))
            await keep("no component", await visitor.get(f"{PAGE}/components/{new_id()}", headers=FRENCH))
            await close(service, story, password="pain au levain")
            await keep("password", await visitor.get(PAGE, headers=FRENCH))
            await keep("refused", await visitor.get(f"{PAGE}?refused=1", headers=FRENCH))
            await keep("closed component", await visitor.get(component, headers=FRENCH))
            await keep("closed incident", await visitor.get(incident, headers=FRENCH))
    left = await left_of(pages, data)
    assert left == {}, json.dumps(left, ensure_ascii=False)


async def asked(service: Any, mailbox: Mailbox, email: str = "paul@example.org") -> str:
    """Asks for mails; returns the path of the link."""
    async with service.client() as visitor:
        assert (await visitor.post(f"{PAGE}/subscribe", data={"email": email}, headers=FRENCH)).status_code == 200
    await work(service)
    return link(mailbox.messages[-1])


@pytest.mark.capability("R34")
async def test_the_pages_to_sign_in_on_say_only_what_can_be_translated(world: Any, story: Any) -> None:
    provider = await world.trust()
    await world.close_page(provider, admitted_domains=["martin.example"])
    stranger = world.browser()
    pages = {"sign-on": (await stranger.get(PAGE)).text}
    pages["not admitted"] = (await stranger.get(f"{PAGE}/sso/callback?state=none")).text
    pages["provider"] = (await stranger.get(f"/portal/sso/{new_id()}")).text
    pages["portal"] = (await stranger.get("/portal/sign-in")).text
    for told_ in ("sent=yes", "out=yes", "out=kept"):
        pages[told_] = (await stranger.get(f"/portal/sign-in?{told_}")).text
    async with world.service.runtime.units.for_every_tenant() as unit:
        secret = make_link(unit, person_of(story))
    pages["link"] = (await stranger.get(f"/portal/sign-in/{secret}")).text
    pages["wrong address"] = (await press(world.service, "/portal/sign-in", "email=x")).text
    pages["link of nobody"] = (await stranger.get("/portal/sign-in/x")).text
    data = data_of(story.golden_june()[:1]) | {"Martin SA", "Léa Martin"}
    left = await left_of(pages, data)
    assert left == {}, json.dumps(left, ensure_ascii=False)


@pytest.mark.capability("R34")
async def test_mails_of_outages_maintenance_a_closed_page_and_signing_in_say_only_what_can_be_translated(
    start_service: Any, story: Any
) -> None:
    events = everything(story)
    data = data_of(events) | {"paul", "Léa Martin"}
    with Mailbox() as mailbox:
        service = await start_service(smtp_host="127.0.0.1", smtp_port=mailbox.port, smtp_starttls="never")
        await service.hear(*events[:-1])
        service.clock.set(LATER)
        path = await asked(service, mailbox)
        async with service.client() as visitor:
            await visitor.post(f"{path}/confirm", headers=FRENCH)
        outage, since = new_id(), LATER - timedelta(seconds=40)
        await service.hear(story.down(outage, since))
        await work(service)
        await service.hear(story.recovered(outage, since, LATER), events[-1])
        await work(service)
        await close(service, story, password="pain au levain")
        await work(service)
        sent = mailbox.wait_for(5)
    assert len({str(mail["Subject"]) for mail in sent}) == 5
    left = {str(mail["Subject"]): forgotten(f"{mail['Subject']}\n{body(mail)}", data) for mail in sent}
    letter = sign_in_letter(person_of(story), "fr", "https://reports.agency.example/portal/sign-in/x", LATER)
    left["sign-in"] = forgotten(f"{letter.subject}\n{letter.body}", data)
    assert {subject: words for subject, words in left.items() if words} == {}


@pytest.mark.capability("R34")
async def test_the_sheets_of_a_workbook_say_only_what_can_be_translated(service: Any, story: Any) -> None:
    """The first sheet is for programs: its columns have the names of the API."""
    events = everything(story)
    data = data_of(events)
    await service.hear(*events)
    service.clock.set(LATER)
    await set_rates(service, story)
    await issue(service)
    contract = f"/v1/contracts/{story.contract_id}"
    left: dict[str, list[str]] = {}
    async with service.client(story) as client:
        for address in (
            *(f"{contract}/reports/2026-06/editions/1/xlsx", f"{contract}/reviews/institutional/2026-06/xlsx"),
            *(f"{contract}/reviews/{kind}/2026-06/xlsx" for kind in ("quarterly", "annual")),
            *(f"{contract}/hours-reports/2026-06/xlsx", f"{contract}/margins/xlsx", f"{contract}/decision-log/xlsx"),
            f"/v1/clients/{story.client_id}/history/xlsx",
        ):
            answer = await client.get(address)
            assert answer.status_code == 200, f"{address}: {answer.text}"
            _measures, *sheets = load_workbook(io.BytesIO(answer.content)).worksheets
            cells = [str(cell) for sheet in sheets for row in sheet.values for cell in row if cell is not None]
            # The name of a sheet is cut off after 31 letters, and its last mark with the rest.
            names = [each.title if "⟧" in each.title else f"{each.title}⟧" for each in sheets]
            words = [word for text in (*cells, *names) for word in forgotten(text, data)]
            assert sheets, address
            if words:
                left[address] = words
    assert left == {}, json.dumps(left, ensure_ascii=False)


@pytest.mark.capability("R34")
async def test_the_texts_of_an_evidence_pack_say_only_what_can_be_translated(service: Any, story: Any) -> None:
    events = everything(story)
    data = data_of(events)
    await service.hear(*events)
    service.clock.set(LATER)
    left: dict[str, list[str]] = {}
    async with service.client(story) as client:
        answer = await client.get(f"/v1/contracts/{story.contract_id}/evidence/2026-06")
    assert answer.status_code == 200, answer.text
    with zipfile.ZipFile(io.BytesIO(answer.content)) as pack:
        names = {part for name in pack.namelist() for part in (name, f"{name.partition('/')[0]}/")}
        # Names of files and what is typed are the same in every language.
        data |= names | {"rollups.jsonl", "events", "told", "python3 -I verify.py FILE.zip"}
        for name in (each for each in names if each.endswith(".txt")):
            words = forgotten(pack.read(name).decode(), data)
            left |= {name: words} if words else {}
    assert "README.txt" in names
    t = PseudoTranslator("fr")
    data |= DESK_DATA | {CHANGE["title"], "clocks.json", "holidays.json", "amounts.json", "hours.json"}
    words_of = {"in_words": {"fr": "Menu"}}
    levels = [{"amount": "600.00", "follows_from": level} for level in ("events", "line", "said")]
    sums = {"currency": "EUR", "net": "1800.00", "tax": "360.00", "gross": "2160.00", "lines": levels}
    sums |= {"computed_at": "2026-07-02T07:40:00Z", "told_since": ["1"]}
    sums["clocks_left_out"] = [
        {"clock": "1", "metric": "repair", "reason": reason} for reason in ("taken_back", "other_period")
    ]
    settled = {"lines": [{"text": words_of}] * 3, "period": {"time_zone": "Europe/Paris"}}
    minutes = dict.fromkeys(
        ("available", "overage", "rolled_over", "expired", "included", "accounted", "remaining"), 90
    )
    month = {f"{name}_minutes": value for name, value in minutes.items()}
    of_line = {"code": "stock", **month}
    for kind, text in (
        ("amounts", evidence_words.amounts(t, date(2026, 6, 1), settled, sums)),
        ("hours", evidence_words.hours(t, date(2026, 6, 1), {**month, "lines": [of_line]}, {"stock": {"fr": "Stock"}})),
        *((kind, evidence_words.readme(t, kind, "key")) for kind in ("amounts", "hours")),
        ("clocks", evidence_words.clocks(t, INCIDENT, CLOCKS, "Europe/Paris")),
        ("incident", evidence_words.readme(t, "incident", "key")),
    ):
        words = forgotten(text.decode(), data)
        left |= {kind: words} if words else {}
    assert left == {}, json.dumps(left, ensure_ascii=False)
