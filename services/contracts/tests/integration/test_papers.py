"""Messages and papers: what an agency hands to its clients, made of what the service knows, in both languages."""

import csv
import io
import json
import re
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from gettext import NullTranslations
from pathlib import Path
from typing import Any
from uuid import UUID

import openpyxl
import pypdf
import pytest

from contracts.adapters.workspace import workspace_of
from contracts.application.breach_notices import Shown, breach_notice
from contracts.application.contracts import INDICATIVE_NOTICE
from contracts.application.hours_terms import TEN_HOURS
from contracts.application.paper_ports import TemplateVersion
from contracts.application.plain_terms import plain_terms, written_of
from contracts.application.support_model import support_model
from contracts.domain.contract_term import Days
from shared.i18n import Translator
from shared.kernel.clock import FixedClock

from ..whole_contract import whole
from .conftest import Agency, Installation
from .test_hours import MOBILE, plan_with, sign

pytestmark = pytest.mark.asyncio(loop_scope="module")

GOLDEN = Path(__file__).parent / "golden"
SENDER = {
    "name": "Romain",
    "role": None,
    "email": "romain@agence-lumiere.example",
    "phone": None,
    "closing": {"fr": "À bientôt,", "en": "See you soon,"},
}
ANYBODY = {"If-Match": "*"}


async def put(agency: Agency, path: str, body: Any) -> Any:
    answer = await agency.call("PUT", path, json=body, headers=ANYBODY)
    assert answer.status_code == 200, answer.text
    return answer.json()


async def ten_hours(agency: Agency, *, mobile: bool = True) -> Any:
    """A contract of ten hours in five lines for a website and a mobile application."""
    await plan_with(agency, TEN_HOURS, "annual")
    client = await agency.client()
    sites = [await agency.site(client, name="web")]
    sites += [await agency.site(client, **MOBILE)] if mobile else []
    terms = agency.terms(client, sites[0], "annual", "600.00", starts_on="2026-06-01")
    return await sign(
        agency, await agency.make("/v1/contracts", {**terms, "site_ids": [site["site_id"] for site in sites]})
    )


async def message(agency: Agency, contract: Any, language: str = "fr", **values: str) -> Any:
    wanted = {"template_code": "hours_explanation", "language": language, "values": values or {"PRENOM": "Léa"}}
    return await agency.make(f"/v1/contracts/{contract['contract_id']}/messages", wanted, status=200)


def golden(name: str, made: str) -> None:
    """Compares with what somebody has read and found good."""
    assert made == (GOLDEN / name).read_text("utf-8")


# --- messages --------------------------------------------------------------------------------------------------------


@pytest.mark.capability("R12", "R14", "R18")
@pytest.mark.parametrize("language", ["fr", "en"])
async def test_the_explanation_of_ten_hours_reads_as_the_agency_would_write_it(agency: Agency, language: str) -> None:
    await put(agency, "/v1/tenant/sender", SENDER)
    written = await message(agency, await ten_hours(agency), language)
    golden(f"hours_explanation.{language}.txt", f"{written['subject']}\n\n{written['text']}")
    golden(f"hours_explanation.{language}.html", written["html"])
    assert written["sender"] == {"name": "Romain", "email": "romain@agence-lumiere.example"}


@pytest.mark.capability("R14")
async def test_the_table_has_the_lines_of_the_contract_and_their_sum(agency: Agency) -> None:
    contract = await ten_hours(agency)
    written = await message(agency, contract)
    for line in ("Maintenance technique", "Correctifs Mobile", "Assistance & support", "Suivi & pilotage"):
        assert f"- {line}" in written["text"]
    assert "Total mensuel\u00a0: 10\u00a0heures" in written["text"]
    assert "<td" in written["html"]
    assert "Assistance &amp; support" in written["html"]


@pytest.mark.capability("R13")
@pytest.mark.parametrize(
    ("values", "pointer"),
    [
        ({}, "#/values/PRENOM"),
        ({"PRENOM": "Léa", "NOM": "Martin"}, "#/values/NOM"),
        ({"PRENOM": "Léa", "NOMBRE": "12"}, "#/values/NOMBRE"),
    ],
)
async def test_a_message_with_a_missing_or_unknown_variable_is_refused(
    agency: Agency, values: dict[str, str], pointer: str
) -> None:
    contract = await ten_hours(agency)
    path = f"/v1/contracts/{contract['contract_id']}/messages"
    wanted = {"template_code": "hours_explanation", "values": values}
    problem = await agency.refused(422, "POST", path, json=wanted)
    assert [error["pointer"] for error in problem["errors"]] == [pointer]


@pytest.mark.capability("R15")
async def test_what_is_only_for_a_mobile_application_is_there_exactly_with_one(agency: Agency) -> None:
    with_one = await message(agency, await ten_hours(agency))
    other = await agency.installation.agency("Agence Ombre")
    without = await message(other, await ten_hours(other, mobile=False))
    assert "application mobile sont compris" in with_one["text"]
    assert "- Correctifs Mobile" in with_one["text"]
    assert "application mobile" not in without["text"]
    assert "- Correctifs Mobile" not in without["text"]
    assert "fixé à 9\u00a0heures" in without["text"]


# --- messages that are sent ------------------------------------------------------------------------------------------


async def contact(agency: Agency, contract: Any, name: str, language: str, role: str) -> Any:
    person = {"name": name, "email": f"{name.lower()}@hotel.example", "language": language, "roles": [role]}
    return await agency.make(f"/v1/clients/{contract['client_id']}/contacts", person)


async def said(agency: Agency, contract: Any) -> list[Any]:
    events = [each for each in await agency.installation.events() if each["type"].endswith("message.written.v1")]
    return [each["data"] for each in events if each["data"]["contract_id"] == contract["contract_id"]]


BY_NAME: dict[str, Any] = {
    "variables": [
        {"name": "NOM", "source": "contact.name", "description": {"fr": "Nom", "en": "Name"}, "example": None},
        {"name": "HEURES", "source": "hours.total", "description": {"fr": "Heures", "en": "Hours"}, "example": None},
    ],
    "fr": {"subject": "Nos heures", "body": "Bonjour [NOM], [HEURES] sont compris."},
    "en": {"subject": "Our hours", "body": "Hello [NOM], [HEURES] are included."},
}
EXPLAINED: dict[str, Any] = {"template_code": "hours_explanation", "values": {"PRENOM": "Léa"}}


@pytest.mark.capability("R12")
async def test_a_message_is_sent_to_everybody_who_decides_each_in_his_language(agency: Agency) -> None:
    await put(agency, "/v1/tenant/sender", SENDER)
    await put(agency, "/v1/message-templates/by_name", BY_NAME)
    contract = await ten_hours(agency)
    await contact(agency, contract, "John", "en", "decider")
    await contact(agency, contract, "Paul", "fr", "staff")
    path = f"/v1/contracts/{contract['contract_id']}/sent-messages"
    sent = (await agency.make(path, {"template_code": "by_name"}, status=202))["data"]
    assert [(each["recipient"]["email"], each["language"]) for each in sent] == [
        ("lea@hotel.example", "fr"),
        ("john@hotel.example", "en"),
    ]
    events = await said(agency, contract)
    assert [event["message_id"] for event in events] == [each["message_id"] for each in sent]
    assert [event["text"].partition(",")[0] for event in events] == ["Bonjour Léa Martin", "Hello John"]
    for event in events:
        wanted = {"template_code": "by_name", "contact_id": event["contact_id"]}
        shown = await agency.make(f"/v1/contracts/{contract['contract_id']}/messages", wanted, status=200)
        assert (event["subject"], event["text"]) == (shown["subject"], shown["text"])
        assert event["sender"] == {"name": "Romain", "email": "romain@agence-lumiere.example"}


async def test_one_first_name_greets_one_person_only(agency: Agency) -> None:
    contract = await ten_hours(agency)
    await contact(agency, contract, "John", "en", "decider")
    path = f"/v1/contracts/{contract['contract_id']}/sent-messages"
    refused = await agency.refused(422, "POST", path, json=EXPLAINED)
    assert [error["pointer"] for error in refused["errors"]] == ["#/contact_id"]
    assert "PRENOM" in refused["errors"][0]["detail"]
    assert await said(agency, contract) == []


async def test_one_contact_is_sent_what_names_him(agency: Agency) -> None:
    contract = await ten_hours(agency)
    paul = await contact(agency, contract, "Paul", "en", "staff")
    path = f"/v1/contracts/{contract['contract_id']}/sent-messages"
    (sent,) = (await agency.make(path, EXPLAINED | {"contact_id": paul["contact_id"]}, status=202))["data"]
    assert (sent["recipient"]["email"], sent["language"]) == ("paul@hotel.example", "en")


async def test_a_repeated_request_sends_nothing_again(agency: Agency) -> None:
    contract = await ten_hours(agency)
    path = f"/v1/contracts/{contract['contract_id']}/sent-messages"
    key = {"Idempotency-Key": '"one-explanation"'}
    first, second = [await agency.call("POST", path, json=EXPLAINED, headers=key) for _ in range(2)]
    assert (first.status_code, second.json()) == (202, first.json())
    assert len(await said(agency, contract)) == 1


async def test_nothing_is_sent_where_nobody_decides_or_a_value_is_missing(agency: Agency) -> None:
    contract = await ten_hours(agency)
    path = f"/v1/contracts/{contract['contract_id']}/sent-messages"
    missing = await agency.refused(422, "POST", path, json=EXPLAINED | {"values": {}})
    assert [error["pointer"] for error in missing["errors"]] == ["#/values/PRENOM"]
    strange = await agency.refused(404, "POST", path, json=EXPLAINED | {"contact_id": str(UUID(int=1))})
    assert [error["pointer"] for error in strange["errors"]] == ["#/contact_id"]
    (lea,) = (await agency.get(f"/v1/clients/{contract['client_id']}"))["contacts"]
    address = f"/v1/clients/{contract['client_id']}/contacts/{lea['contact_id']}"
    changed = await agency.call("PATCH", address, json={"roles": ["staff"]}, headers=ANYBODY)
    assert changed.status_code == 200, changed.text
    assert "decider" in (await agency.refused(409, "POST", path, json=EXPLAINED))["detail"]
    assert await said(agency, contract) == []


OWN: dict[str, Any] = {
    "variables": [
        {
            "name": "PRENOM",
            "source": "given",
            "description": {"fr": "Prénom", "en": "First name"},
            "example": {"fr": "Léa", "en": "Lea"},
        },
        {"name": "FIN", "source": "sender.signature", "description": {"fr": "Fin", "en": "End"}, "example": None},
    ],
    "fr": {"subject": "Nos heures", "body": "Salut [PRENOM] !\n\n[FIN]"},
    "en": {"subject": "Our hours", "body": "Hi [PRENOM]!\n\n[FIN]"},
}


@pytest.mark.capability("R12", "R13", "R18")
async def test_an_agency_writes_its_own_and_every_version_of_it_stays(
    installation: Installation, agency: Agency
) -> None:
    path = "/v1/message-templates/hours_explanation"
    ours = await agency.get(path)
    assert ours["version"] == 0
    assert [variable["name"] for variable in ours["template"]["variables"]][:3] == ["PRENOM", "NOMBRE", "LIGNES"]
    await agency.refused(428, "PUT", path, json=OWN)
    own = await put(agency, path, OWN)
    again = {**OWN, "fr": {"subject": "Vos heures", "body": "Bonjour [PRENOM],\n\n[FIN]"}}
    assert (own["version"], (await put(agency, path, again))["version"]) == (1, 2)
    versions = (await agency.get(f"{path}/versions"))["data"]
    assert [each["template"]["fr"]["subject"] for each in versions] == ["Nos heures", "Vos heures"]
    written = await message(agency, await ten_hours(agency))
    assert (written["subject"], written["template_version"]) == ("Vos heures", 2)
    assert written["text"] == "Bonjour Léa,\n\nAgence Lumière\n"
    neighbour = await installation.agency("Agence Ombre")
    assert (await neighbour.get(path))["version"] == 0


@pytest.mark.capability("R13")
@pytest.mark.parametrize(
    ("change", "pointer"),
    [
        ({"fr": {"subject": "x", "body": "[PRENOM] [NOM] [FIN]"}}, "#/fr/body"),
        ({"en": {"subject": "[?PRENOM]", "body": "[PRENOM] [FIN]"}}, "#/en/subject"),
        ({"fr": {"subject": "Vos heures [FIN]", "body": "[PRENOM]"}}, "#/fr/subject"),
        ({"variables": [*OWN["variables"], {**OWN["variables"][0], "name": "VIDE"}]}, "#/variables/2/name"),
    ],
)
async def test_what_could_not_be_sent_cannot_be_written(agency: Agency, change: Any, pointer: str) -> None:
    problem = await agency.refused(422, "PUT", "/v1/message-templates/own", json={**OWN, **change}, headers=ANYBODY)
    assert pointer in [error["pointer"] for error in problem["errors"]]
    await agency.refused(404, "GET", "/v1/message-templates/own")


async def test_a_template_that_was_kept_before_its_subject_was_looked_at_is_not_sent(
    installation: Installation, agency: Agency, clock: FixedClock
) -> None:
    await put(agency, "/v1/tenant/sender", SENDER)
    content = OWN | {"fr": {"subject": "Nos heures [FIN]", "body": "Bonjour [PRENOM]"}}
    async with installation.runtime.units.for_tenant(agency.tenant_id) as uow:
        kept = TemplateVersion(
            kind="message", code="own", number=1, content=content, created_at=clock.now(), created_by="Nadia Benali"
        )
        await workspace_of(uow).papers.add(kept)
    path = f"/v1/contracts/{(await ten_hours(agency))['contract_id']}/messages"
    wanted = {"template_code": "own", "language": "fr", "values": {"PRENOM": "Léa"}}
    problem = await agency.refused(409, "POST", path, json=wanted)
    assert "no room for several lines" in problem["detail"]
    await agency.make(path, wanted | {"language": "en"}, status=200)


async def test_a_value_is_shown_and_never_done(agency: Agency) -> None:
    evil = "[FIN]{{7*7}}<script>alert(1)</script>"
    await put(agency, "/v1/message-templates/own", OWN)
    contract = await ten_hours(agency)
    wanted = {"template_code": "own", "values": {"PRENOM": evil}}
    written = await agency.make(f"/v1/contracts/{contract['contract_id']}/messages", wanted, status=200)
    assert f"Salut {evil} !" in written["text"]
    assert "<script>" not in written["html"]
    assert "{{7*7}}" in written["html"]


async def test_a_template_can_be_looked_at_before_it_is_kept(agency: Agency) -> None:
    seen = await agency.make("/v1/message-template-previews", {"template": OWN, "language": "en"}, status=200)
    assert (seen["subject"], seen["text"]) == ("Our hours", "Hi Lea!\n\n(sender.signature)\n")
    left_out = {"template": OWN, "without": ["PRENOM"]}
    problem = await agency.refused(422, "POST", "/v1/message-template-previews", json=left_out)
    assert problem["errors"][0]["pointer"] == "#/without"


# --- papers ----------------------------------------------------------------------------------------------------------


async def paper(agency: Agency, path: str, **how: str) -> Any:
    return await agency.get(path, params=how)


def section(made: Any, code: str) -> Any:
    (found,) = [each for each in made["sections"] if each["code"] == code]
    return found


def words(made: Any) -> str:
    """Every word of a paper, for what must stand somewhere in it."""
    return json.dumps(made, ensure_ascii=False)


async def file(agency: Agency, path: str, form: str, **how: str) -> Any:
    answer = await agency.call("GET", path, params={"format": form, **how})
    assert answer.status_code == 200, answer.text
    return answer


def pdf_words(content: bytes) -> str:
    reader = pypdf.PdfReader(io.BytesIO(content))
    assert "/StructTreeRoot" in reader.root_object  # tagged
    return " ".join(" ".join(page.extract_text().split()) for page in reader.pages)


@pytest.mark.capability("R19")
async def test_a_contract_is_told_in_plain_words_in_both_languages_and_says_what_it_does_not_hold(
    agency: Agency,
) -> None:
    contract = await agency.active()
    path = f"/v1/contracts/{contract['contract_id']}/papers/plain-terms"
    french = await paper(agency, path, language="fr")
    english = await paper(agency, path, language="en")
    assert (french["title"], english["title"]) == ("Votre contrat en clair", "Your contract in plain words")
    assert section(french, "uptime")["paragraphs"] == [
        "Vos systèmes sont disponibles au moins 99,9 % de chaque mois."
    ] or section(french, "uptime")["paragraphs"] == ["Vos systèmes sont disponibles au moins 99,9 % de chaque mois."]
    assert section(english, "uptime")["paragraphs"] == ["Your systems are available at least 99.9% of every month."]
    assert section(english, "price")["paragraphs"][0] == "€600.00 a month, without VAT."
    (targets,) = section(english, "reaction")["tables"]
    assert targets["rows"][0][:2] == ["critical", "30 minutes"]
    included = {item["name"]["en"] for item in contract["deliverables"]}
    assert set(section(english, "included")["items"]) >= included
    assert "The price follows no index." in section(english, "not_agreed")["items"]
    assert "No availability was agreed." not in section(english, "not_agreed")["items"]
    page = await file(agency, path, "html", language="fr")
    assert page.headers["content-language"] == "fr"
    assert "<h1>Votre contrat en clair</h1>" in page.text
    assert "Votre contrat en clair" in pdf_words((await file(agency, path, "pdf", language="fr")).content)
    assert "Your contract in plain words" in (await file(agency, path, "text", language="en")).text


@pytest.mark.capability("R31")
async def test_the_support_model_has_scope_responsibilities_and_levels_of_the_contract(agency: Agency) -> None:
    client = await agency.client()
    site = await agency.site(client)
    await agency.ready_for_support(client)
    terms = agency.terms(client, site, "institutional_sla", "1500.00", status_page=None, **whole())
    contract = await agency.make("/v1/contracts", terms | {"price": {"amount": "1500.00", "currency": "USD"}})
    made = await paper(agency, f"/v1/contracts/{contract['contract_id']}/papers/support-model", language="en")
    assert [each["code"] for each in made["sections"]] == [
        "scope",
        "responsibilities",
        "levels",
        "coverage",
        "targets",
        "escalation",
    ]
    (raci,) = section(made, "responsibilities")["tables"]
    assert raci["columns"] == ["Activity", "Responsible", "Accountable", "Consulted", "Informed"]
    activities = contract["terms"]["responsibilities"]["activities"]
    assert [row[0] for row in raci["rows"]] == [activity["name"]["en"] for activity in activities]
    (levels,) = section(made, "levels")["tables"]
    support = sorted(actor["support_level"] for actor in contract["terms"]["actors"] if actor["support_level"])
    assert [row[0] for row in levels["rows"]] == [str(level) for level in support]
    assert section(made, "targets")["tables"]
    pdf = await file(agency, f"/v1/contracts/{contract['contract_id']}/papers/support-model", "pdf", language="fr")
    assert "Responsabilités (RACI)" in pdf_words(pdf.content)


@pytest.mark.capability("R29")
async def test_the_price_sheet_of_the_levels_is_indicative_and_says_so(agency: Agency) -> None:
    path = "/v1/catalogues/engagement_levels/papers/price-sheet"
    made = await paper(agency, path, language="en")
    assert "not a quote" in made["notices"][0]
    assert "do not replace a clarification" in made["notices"][0]
    rows = section(made, "plans")["tables"][0]["rows"]
    assert [row[1:] for row in rows] == [
        ["from US$150.00", "indicative, no quote"],
        ["from US$500.00", "indicative, no quote"],
        ["from US$1,500.00", "indicative, no quote"],
    ]
    assert "ne sont pas un devis" in pdf_words((await file(agency, path, "pdf", language="fr")).content)
    binding = await paper(agency, "/v1/catalogues/tiers/papers/price-sheet", language="en")
    assert binding["notices"] == []
    await agency.refused(404, "GET", "/v1/catalogues/nothing/papers/price-sheet")


@pytest.mark.capability("R20")
async def test_the_clients_registers_are_exported_and_a_formula_in_them_is_only_a_text(
    agency: Agency, clock: FixedClock
) -> None:
    contract = await agency.active()
    for kind, title, state in (
        ("functions", "Online booking", "current"),
        ("anomalies", '=HYPERLINK("http://evil.example")', "open"),
        ("works", "Certificate renewed", "done"),
    ):
        entry = {"contract_id": contract["contract_id"], "kind": kind, "title": title, "state": state}
        await agency.make("/v1/register-entries", entry)
    for kind, title, shown in (
        ("functions", "Registre des fonctionnalités", "Online booking"),
        ("anomalies", "Registre des anomalies", "=HYPERLINK"),
        ("works", "Registre des travaux réalisés", "Certificate renewed"),
    ):
        path = f"/v1/contracts/{contract['contract_id']}/papers/registers/{kind}"
        made = await paper(agency, path, language="fr")
        assert (made["title"], len(section(made, "entries")["tables"][0]["rows"])) == (title, 1)
        assert shown in pdf_words((await file(agency, path, "pdf", language="fr")).content)
        (line,) = csv.DictReader(io.StringIO((await file(agency, path, "csv")).text))
        assert line["register"] == kind
        assert shown in line["title"]
        assert not line["title"].startswith("=")
        book = openpyxl.load_workbook(io.BytesIO((await file(agency, path, "xlsx", language="fr")).content))
        records, entries = book.worksheets
        assert [cell.value for cell in records[1]][:3] == ["entry_id", "register", "title"]
        assert (shown in records["C2"].value, records["C2"].data_type, entries["A2"].data_type) == (True, "s", "s")


@pytest.mark.capability("R20")
async def test_a_register_that_is_longer_than_a_piece_is_exported_whole_and_in_order(
    installation: Installation, agency: Agency
) -> None:
    contract = await agency.active()
    for number in range(3):
        entry = {"contract_id": contract["contract_id"], "kind": "works", "title": f"Work {number}", "state": "done"}
        await agency.make("/v1/register-entries", entry)
    await installation.as_owner(
        "insert into contracts.register_entry select * from (select (jsonb_populate_record(entry, jsonb_build_object("
        "'entry_id', gen_random_uuid(), 'title', 'Copy ' || number, 'created_at', entry.created_at + number *"
        " interval '1 second'))).* from contracts.register_entry entry, generate_series(1, 500) number"
        f" where entry.title = 'Work 0' and entry.contract_id = '{contract['contract_id']}') copies"
    )
    path = f"/v1/contracts/{contract['contract_id']}/papers/registers/works"
    lines = list(csv.DictReader(io.StringIO((await file(agency, path, "csv")).text)))
    assert len(lines) == 503
    assert len({line["entry_id"] for line in lines}) == 503
    assert [line["title"] for line in lines[3:]] == [f"Copy {number}" for number in range(1, 501)]


@pytest.mark.capability("R33")
async def test_the_configuration_is_reported_as_it_was_at_an_instant_by_what_was_known(
    agency: Agency, clock: FixedClock
) -> None:
    client = await agency.client()
    item = {"client_id": client["client_id"], "kind": "application", "name": "shop"}
    current = {"label": "2.3.0", "effective_from": "2026-06-01T00:00:00Z"}
    shop = await agency.make("/v1/configuration-items", item | {"current": current})
    clock.advance(timedelta(hours=2))
    later = {"label": "2.4.0", "effective_from": "2026-06-05T00:00:00Z"}
    await agency.make(f"/v1/configuration-items/{shop['configuration_item_id']}/versions", later)
    path = f"/v1/clients/{client['client_id']}/papers/configuration"

    async def shown(**at: str) -> Any:
        made = await paper(agency, path, language="fr", **at)
        return [row[2] for table in section(made, "items")["tables"] for row in table["rows"]]

    assert await shown(at="2026-06-03T00:00:00Z") == ["2.3.0"]
    assert await shown(at="2026-06-06T00:00:00Z") == ["2.4.0"]
    assert await shown(at="2026-06-06T00:00:00Z", known_at="2026-06-08T10:00:00Z") == ["2.3.0"]
    assert await shown(at="2026-05-01T00:00:00Z") == []
    (line,) = csv.DictReader(io.StringIO((await file(agency, path, "csv", at="2026-06-03T00:00:00Z")).text))
    assert (line["name"], line["label"], line["state"]) == ("shop", "2.3.0", "in_service")
    book = openpyxl.load_workbook(io.BytesIO((await file(agency, path, "xlsx", at="2026-06-03T00:00:00Z")).content))
    assert [cell.value for cell in book.worksheets[0][2]][4:6] == ["2.3.0", "in_service"]
    assert "2.4.0" in pdf_words((await file(agency, path, "pdf", language="en")).content)


@pytest.mark.capability("R21")
async def test_a_notice_of_breach_is_drafted_with_the_facts_of_the_register(agency: Agency, clock: FixedClock) -> None:
    contract = await agency.active()
    asked = {"contract_id": contract["contract_id"], "owner": "client", "kind": "access"}
    asked |= {"title": {"fr": "Accès au serveur", "en": "Access to the server"}, "due_at": "2026-06-10T09:00:00Z"}
    owed = await agency.make("/v1/obligations", asked)
    clock.set(datetime(2026, 6, 15, 9, tzinfo=UTC))
    late = {"evidence": [{"what": "Account created"}]}
    await agency.make(f"/v1/obligations/{owed['obligation_id']}/fulfil", late, status=200)
    (breach,) = (await agency.get("/v1/breaches", params={"contract_id": contract["contract_id"]}))["data"]
    path = f"/v1/contracts/{contract['contract_id']}/papers/breach-notice"
    days = {"first": "2026-06-01", "last": "2026-06-30"}
    made = await paper(agency, path, given_by="agency", language="en", **days)
    assert "draft" in made["title"]
    assert "no legal advice" in made["notices"][0]
    (row,) = section(made, "breaches")["tables"][0]["rows"]
    assert (row[0], row[4], row[5]) == ("Access to the server", "100%", "–")
    assert breach["breach_id"] not in words(made)
    assert section(made, "demand")["paragraphs"] == ["Mend what is listed within 30 days of this notice."]
    assert "terminated for cause" in words(section(made, "consequences"))
    assert "Accès au serveur" in pdf_words(
        (await file(agency, path, "pdf", given_by="agency", language="fr", **days)).content
    )
    nothing = await paper(agency, path, given_by="client", language="en", **days)
    assert "tables" not in section(nothing, "breaches") or section(nothing, "breaches")["tables"] == []
    formal = await agency.get(f"/v1/contracts/{contract['contract_id']}/formal-notices")
    assert formal["data"] == []
    backwards = {"given_by": "agency", "first": "2026-06-30", "last": "2026-06-01"}
    problem = await agency.refused(422, "GET", path, params=backwards)
    assert problem["errors"][0]["parameter"] == "last"


@pytest.mark.capability("R38")
async def test_the_statement_of_a_settlement_has_what_was_promised_measured_and_owed_with_its_proof(
    installation: Installation, agency: Agency, clock: FixedClock
) -> None:
    contract = await agency.active(starts_on="2026-06-01")
    clock.set(datetime(2026, 7, 2, 9, tzinfo=UTC))
    drafted = await agency.make("/v1/settlements", {"contract_id": contract["contract_id"], "on": "2026-06-15"})
    path = f"/v1/settlements/{drafted['settlement_id']}"
    statement = f"{path}/papers/statement"
    reader = await client_of(installation, agency, contract)
    assert "draft" in (await paper(agency, statement, language="en"))["notices"][0]
    await reader.refused(404, "GET", statement)
    for step in ("review", "close"):
        closed = await agency.make(f"{path}/{step}", status=200)
    made = await paper(agency, statement, language="en")
    assert made["notices"] == []
    assert [each["code"] for each in made["sections"]][:3] == ["promised", "owed", "totals"]
    (owed,) = section(made, "owed")["tables"]
    assert owed["total"][1] == f"€{closed['net']}"
    assert closed["closed_hash"] in words(section(made, "proof"))
    assert contract["document"]["hash"] in words(section(made, "proof"))
    assert await paper(reader, statement, language="en") == made
    (line, *_) = csv.DictReader(io.StringIO((await file(agency, statement, "csv")).text))
    assert (line["kind"], line["currency"]) == ("fee", "EUR")
    book = openpyxl.load_workbook(io.BytesIO((await file(agency, statement, "xlsx")).content))
    assert (book.worksheets[0]["B2"].value, book.worksheets[0]["H2"].value) == ("fee", "EUR")
    assert closed["closed_hash"] in pdf_words((await file(agency, statement, "pdf", language="fr")).content).replace(
        " ", ""
    )


async def client_of(installation: Installation, agency: Agency, contract: Any) -> Any:
    """Somebody of the client's, who may read his contracts and no one else's."""
    return await installation.caller(agency, role="client_decider", client_id=contract["client_id"])


@pytest.mark.capability("R19")
async def test_a_client_reads_his_own_papers_and_nobody_elses(installation: Installation, agency: Agency) -> None:
    contract, other = await agency.active(), await agency.active()
    reader = await client_of(installation, agency, contract)
    own = f"/v1/contracts/{contract['contract_id']}/papers"
    for name in ("plain-terms", "support-model", "registers/works"):
        await reader.get(f"{own}/{name}")
        await reader.refused(404, "GET", f"/v1/contracts/{other['contract_id']}/papers/{name}")
    await reader.refused(404, "GET", f"/v1/clients/{other['client_id']}/papers/configuration")
    for path in ("/v1/message-templates", "/v1/tenant/sender", "/v1/catalogues/tiers/papers/price-sheet"):
        await reader.refused(403, "GET", path)
    neighbour = await installation.agency("Agence Ombre")
    await neighbour.refused(404, "GET", f"{own}/plain-terms")


@pytest.mark.capability("R18", "R19")
async def test_an_agency_orders_the_sections_and_says_its_own_words_and_nothing_falls_out(agency: Agency) -> None:
    contract = await agency.active()
    await put(agency, "/v1/tenant/sender", SENDER)
    path = f"/v1/contracts/{contract['contract_id']}/papers/plain-terms"
    before = await paper(agency, path, language="fr")
    layout = {
        "order": ["price", "uptime"],
        "fr": {"introduction": "Bonjour de [AGENCY].", "closing": "Écrivez-nous."},
        "en": {},
    }
    assert (await put(agency, "/v1/paper-layouts/plain_terms", layout))["version"] == 1
    after = await paper(agency, path, language="fr")
    codes = [each["code"] for each in after["sections"]]
    assert codes[:2] == ["price", "uptime"]
    assert sorted(codes) == sorted(each["code"] for each in before["sections"])
    assert after["introduction"] == ["Bonjour de Agence Lumière."]
    assert after["signature"] == ["À bientôt,", "Romain", "Agence Lumière", "romain@agence-lumiere.example"]
    wrong = {"order": ["price", "weather"], "fr": {"introduction": "[NOM]"}}
    problem = await agency.refused(422, "PUT", "/v1/paper-layouts/plain_terms", json=wrong, headers=ANYBODY)
    assert [error["pointer"] for error in problem["errors"]] == ["#/order/1", "#/fr/introduction"]


class Nonsense(NullTranslations):
    """A language in which every text stands between marks, with its placeholders."""

    def gettext(self, message: str) -> str:
        return f"⟦{message}⟧"

    def ngettext(self, msgid1: str, msgid2: str, n: int) -> str:
        return self.gettext(msgid1 if n == 1 else msgid2)

    def pgettext(self, context: str, message: str) -> str:
        return self.gettext(message)

    def npgettext(self, context: str, msgid1: str, msgid2: str, n: int) -> str:
        return self.ngettext(msgid1, msgid2, n)


def untranslated(text: str, data: set[str]) -> str:
    """What of a text is neither between the marks nor somebody's data: letters that no translator was asked for."""
    outside = re.sub(r"⟦[^⟦⟧]*⟧", "", text)
    while outside != text:
        text, outside = outside, re.sub(r"⟦[^⟦⟧]*⟧", "", outside)
    for known in sorted(data, key=len, reverse=True):
        outside = re.sub(rf"(?<!\w){re.escape(known)}(?!\w)", "", outside)
    # Dates, amounts and enumerations are written by CLDR, and tested where they are made.
    return re.sub(
        r"\b(juin|juillet|et|h|min|heures?|minutes?|Europe/Paris|FR)\b|[^a-zà-ÿ]", "", outside, flags=re.IGNORECASE
    )


def texts_in(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for each in value.values():
            yield from texts_in(each)
    elif isinstance(value, list):
        for each in value:
            yield from texts_in(each)


@pytest.mark.parametrize("kind", ["plain_terms", "support_model", "breach_notice"])
async def test_a_paper_in_a_language_of_nonsense_has_no_word_that_nobody_can_translate(
    installation: Installation, agency: Agency, kind: str
) -> None:
    client = await agency.client()
    site = await agency.site(client)
    await agency.ready_for_support(client)
    terms = agency.terms(client, site, "institutional_sla", "1500.00", status_page=None, **whole())
    contract = await agency.make("/v1/contracts", terms | {"price": {"amount": "1500.00", "currency": "USD"}})
    nonsense = Translator("fr", Nonsense())
    async with installation.runtime.units.for_tenant(agency.tenant_id) as uow:
        work = workspace_of(uow)
        written = await written_of(work, await work.contracts.get(UUID(contract["contract_id"])))
        days = Days(date(2026, 6, 1), date(2026, 7, 1))
        made = {
            "plain_terms": lambda: plain_terms(written, work, nonsense),
            "support_model": lambda: support_model(written, work, nonsense),
            "breach_notice": lambda: breach_notice(
                written, Shown("client", days, [], {}, [], None, None), work, nonsense
            ),
        }[kind]()
        stored = [written.contract, written.client, written.agency, *written.sites, *written.calendars.values()]
        data = {each for one in stored for each in texts_in(one.model_dump(mode="json")) if len(each) > 1}
    data |= {each.replace("_", " ") for each in data} | {text.fr for _, text in written.clauses if text is not None}
    data |= {title.fr for title, _ in written.clauses} | {INDICATIVE_NOTICE["fr"]}
    shown = made.model_dump(mode="json", exclude={"kind", "language", "as_of"})
    for part in shown["sections"]:
        del part["code"]
    left = {text: untranslated(text, data) for text in texts_in(shown)}
    assert {text: rest for text, rest in left.items() if rest} == {}
