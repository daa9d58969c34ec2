"""Papers, messages and invoices in a language of marks: outside of them stands somebody's data, and nothing else."""

import io
import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pypdf
import pytest

from contracts.application import service_desk_words
from contracts.application.contracts import INDICATIVE_NOTICE
from shared.i18n import Catalogues
from shared.kernel.clock import FixedClock
from shared.testing.pseudo import PseudoCatalogues, free_texts, heard, outside_of_marks, texts_in

from .conftest import Agency
from .test_invoices import closed, issued, ready
from .test_papers import SENDER, file, put, ten_hours

pytestmark = pytest.mark.asyncio(loop_scope="module")

WRITTEN = (
    *("name", "title", "number", "code", "fr", "en", "what", "description", "explanation", "closing", "email", "label"),
    *("email", "reason", "text", "lines", "city", "iban", "street", "country", "disclaimer", "body", "in_words"),
)
"""Under these names people write what they want, in one language or both."""
OURS = {"Agence Lumière", *INDICATIVE_NOTICE.values()}
"""The agency of the tests, and what is shipped in both languages."""
NUMBERS = {"SIREN", "SIRET", "France", "FR"}
"""Names of registers, and countries, which CLDR names."""
FORMATS = {"SHA-256", "VAT", "IBAN", "EUR", "Upheld", "PDF"}


@pytest.fixture(autouse=True)
def _pseudo(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Every catalogue of this process is one of marks, for the time of a test."""
    monkeypatch.setattr(Catalogues, "load", lambda *_: PseudoCatalogues())
    service_desk_words.catalogues.cache_clear()
    yield
    monkeypatch.undo()
    service_desk_words.catalogues.cache_clear()


async def data_of(agency: Agency, *known: Any) -> set[str]:
    """What people wrote: names, titles, what plans and their deliverables are called in either language."""
    lists = [await agency.get(path) for path in ("/v1/plans", "/v1/clients", "/v1/sites", "/v1/contracts")]
    found = {text for each in (*lists, *known) for text in free_texts(each, WRITTEN)}
    return {part for text in found for part in (text, *text.splitlines())} | FORMATS | OURS | NUMBERS


NO_WORDS = re.compile(r"https?://\S+|[0-9a-f]{8}-[0-9a-f-]{27}|\b[0-9a-f]{16,}|[\w.+-]+@[\w.-]+|\b[A-Z]{2}\d{2}[\d ]+")
"""Addresses, ids, hashes, numbers of accounts and of taxpayers."""


def forgotten(text: str, data: set[str]) -> list[str]:
    return outside_of_marks(
        re.sub(
            r"https?://\S+|[0-9a-f]{8}-[0-9a-f-]{27}|\b[0-9a-f]{16,}|[\w.+-]+@[\w.-]+|\b[A-Z]{2}\d{2}[\d ]+", " ", text
        ),
        data,
    )


async def left_on(agency: Agency, paths: dict[str, dict[str, str]], data: set[str]) -> dict[str, list[str]]:
    """Of each paper the words that nobody can translate, in its page and in its plain text."""
    left: dict[str, list[str]] = {}
    for path, how in paths.items():
        for form in ("html", "text"):
            answer = await file(agency, path, form, language="fr", **how)
            texts = heard(answer.text) if form == "html" else answer.text.splitlines()
            words = [word for text in texts for word in forgotten(text, data)]
            if words:
                left[f"{path} as {form}"] = words
    return left


@pytest.mark.capability("R34")
async def test_every_paper_of_a_contract_says_only_what_can_be_translated(agency: Agency, clock: FixedClock) -> None:
    contract = await agency.active(starts_on="2026-06-01")
    whose = {"contract_id": contract["contract_id"]}
    for kind, state in (("functions", "current"), ("anomalies", "open"), ("works", "done")):
        entry = whose | {"kind": kind, "title": "Réservation en ligne", "state": state}
        await agency.make("/v1/register-entries", entry)
    item = {"client_id": contract["client_id"], "kind": "application", "name": "shop"}
    current = {"label": "2.3.0", "effective_from": "2026-06-01T00:00:00Z"}
    await agency.make("/v1/configuration-items", item | {"current": current})
    asked = whose | {"owner": "client", "kind": "access", "due_at": "2026-06-10T09:00:00Z"}
    owed = await agency.make("/v1/obligations", asked | {"title": {"fr": "Accès au serveur", "en": "Access"}})
    clock.set(datetime(2026, 7, 2, 9, tzinfo=UTC))
    late = {"evidence": [{"what": "Account created"}]}
    await agency.make(f"/v1/obligations/{owed['obligation_id']}/fulfil", late, status=200)
    settlement = await agency.make("/v1/settlements", whose | {"on": "2026-06-15"})
    for step in ("review", "close"):
        settled = await agency.make(f"/v1/settlements/{settlement['settlement_id']}/{step}", status=200)
    papers = f"/v1/contracts/{contract['contract_id']}/papers"
    days = {"first": "2026-06-01", "last": "2026-06-30"}
    paths: dict[str, dict[str, str]] = {
        f"{papers}/plain-terms": {},
        f"{papers}/support-model": {},
        f"{papers}/breach-notice": {"given_by": "agency", **days},
        **{f"{papers}/registers/{kind}": {} for kind in ("functions", "anomalies", "works")},
        f"/v1/clients/{contract['client_id']}/papers/configuration": {},
        f"/v1/settlements/{settlement['settlement_id']}/papers/statement": {},
        "/v1/catalogues/tiers/papers/price-sheet": {},
        "/v1/catalogues/engagement_levels/papers/price-sheet": {},
    }
    data = await data_of(agency, contract, settled, owed, item, {"label": "2.3.0"}) | {"Réservation en ligne"}
    left = await left_on(agency, paths, data)
    assert left == {}, json.dumps(left, ensure_ascii=False)


@pytest.mark.capability("R34")
async def test_the_explanation_of_the_hours_says_only_what_its_agency_wrote_or_can_be_translated(
    agency: Agency,
) -> None:
    contract = await ten_hours(agency)
    await put(agency, "/v1/tenant/sender", SENDER)
    template = await agency.get("/v1/message-templates/hours_explanation")
    wanted = {"template_code": "hours_explanation", "language": "fr", "values": {"PRENOM": "Léa"}}
    made = await agency.make(f"/v1/contracts/{contract['contract_id']}/messages", wanted, status=200)
    assert set(made) >= {"subject", "text", "html"}
    data = await data_of(agency, contract, template, SENDER) | {"Léa", "Agence Lumière"}
    # The words of the mail are the agency's, in a template that it can change; only what we put between is ours.
    written = {word for text in texts_in(template) for word in re.findall(r"\w+", text)}
    words = [word for text in (made["subject"], made["text"]) for word in forgotten(text, data)]
    assert [word for word in words if not set(re.findall(r"\w+", word)) <= written] == []


@pytest.mark.capability("R34")
async def test_an_invoice_says_only_what_can_be_translated(agency: Agency, clock: FixedClock) -> None:
    settlement = await closed(agency, clock)
    await ready(agency, settlement["client_id"])
    invoice = await issued(agency, settlement)
    page = await agency.call("GET", f"/v1/invoices/{invoice['invoice_id']}/facturx.pdf")
    assert page.status_code == 200, page.text
    settings = [await agency.get(path) for path in ("/v1/tenant/party", "/v1/tenant/invoicing")]
    party = await agency.get(f"/v1/clients/{settlement['client_id']}/party")
    data = await data_of(agency, invoice, settlement, *settings, party)
    data |= {
        word for known in (invoice, *settings, party) for text in texts_in(known) for word in [text, *text.split()]
    }
    printed = " ".join(part.extract_text() for part in pypdf.PdfReader(io.BytesIO(page.content)).pages)
    assert "⟦" in printed or "□" in printed
    left = forgotten(printed.replace("□", " "), data)
    assert left == [], left
