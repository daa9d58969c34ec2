"""Invoices over the running service: issued from closed settlements, numbered without gaps, credited, paid."""

import asyncio
import csv
import functools
import io
from datetime import UTC, datetime
from typing import Any
from uuid import UUID
from xml.etree import ElementTree

import psycopg
import pytest
from pypdf import PdfReader

from contracts.application.invoices import InvoiceContent
from contracts.domain.agreement import canonical, fingerprint
from shared.kernel.clock import FixedClock

from .conftest import Agency, Installation
from .hearing import Others

pytestmark = pytest.mark.asyncio(loop_scope="module")

AFTER_JULY = datetime(2026, 8, 3, 8, 0, tzinfo=UTC)
AGENCY = {
    "legal_name": "Agence Lumière",
    "legal_form": "SARL",
    "registration_number": "732 829 320",
    "vat_number": "FR44732829320",
    "address": {"lines": ["12 quai du Lac"], "postal_code": "74000", "city": "Annecy", "country": "FR"},
}
HOTEL = {
    "legal_name": "=Hôtel du Lac",
    "registration_number": "552 100 554",
    "vat_number": "FR96552100554",
    "address": {"lines": ["1 rue de l'Étang"], "postal_code": "75001", "city": "Paris", "country": "FR"},
}
SETTINGS = {"iban": "FR7630006000011234567890189", "usual_vat": {"category": "S", "percent": "20"}}


async def put(agency: Agency, path: str, body: Any) -> Any:
    answer = await agency.call("PUT", path, json=body, headers={"If-Match": "*"})
    assert answer.status_code == 200, answer.text
    return answer.json()


async def ready(agency: Agency, client_id: str, party: Any = None) -> None:
    """What an invoice needs beside the settlement."""
    await put(agency, "/v1/tenant/party", AGENCY)
    await put(agency, "/v1/tenant/invoicing", SETTINGS)
    await put(agency, f"/v1/clients/{client_id}/party", HOTEL if party is None else party)


async def contracted(agency: Agency) -> Any:
    """A new contract at 300 € a month."""
    return await agency.active(plan="standard", amount="300.00")


async def settled(agency: Agency, contract: Any) -> Any:
    """The closed settlement of its July."""
    settlement = await agency.make("/v1/settlements", {"contract_id": contract["contract_id"], "on": "2026-07-10"})
    return await close(agency, settlement["settlement_id"])


async def closed(agency: Agency, clock: FixedClock) -> Any:
    """The closed settlement of July of a new contract."""
    contract = await contracted(agency)
    clock.set(AFTER_JULY)
    return await settled(agency, contract)


async def close(agency: Agency, settlement_id: str) -> Any:
    await agency.make(f"/v1/settlements/{settlement_id}/review", status=200)
    return await agency.make(f"/v1/settlements/{settlement_id}/close", status=200)


async def corrected(agency: Agency, settlement_id: str, amount: str) -> Any:
    """The settlement with an amount by hand, closed again."""
    path = f"/v1/settlements/{settlement_id}"
    await agency.make(f"{path}/correct", {"reason": "Geste commercial"}, status=200)
    await agency.make(f"{path}/adjust", {"text": "Geste commercial", "amount": amount}, status=200)
    return await close(agency, settlement_id)


async def issued(agency: Agency, settlement: Any) -> Any:
    return await agency.make(f"/v1/settlements/{settlement['settlement_id']}/invoice", {})


@pytest.mark.capability("K13", "K36", "R10")
async def test_a_closed_month_at_300_euros_becomes_an_invoice_as_data_and_as_files(
    agency: Agency, clock: FixedClock, installation: Installation
) -> None:
    settlement = await closed(agency, clock)
    await ready(agency, settlement["client_id"])
    invoice = await issued(agency, settlement)

    assert (invoice["number"], invoice["issued_on"], invoice["due_on"]) == ("F2026-000001", "2026-08-03", "2026-09-02")
    assert [(line["name"], line["net"]) for line in invoice["lines"]] == [("Maintenance", "300.00")]
    assert (invoice["net"], invoice["tax"], invoice["total"]) == ("300.00", "60.00", "360.00")
    assert invoice["settlement"]["hash"] == settlement["closed_hash"]

    path = f"/v1/invoices/{invoice['invoice_id']}"
    files = {name: await agency.call("GET", f"{path}/{name}") for name in ("facturx.pdf", "cii.xml", "ubl.xml")}
    assert {answer.status_code for answer in files.values()} == {200}
    page = PdfReader(io.BytesIO(files["facturx.pdf"].content))
    assert page.attachments["factur-x.xml"] == [files["cii.xml"].content]
    text = page.pages[0].extract_text()
    for figure in ("F2026-000001", "300,00", "60,00", "360,00", "FR76 3000 6000"):
        assert figure in text.replace("\u202f", " ").replace("\xa0", " ")
    for content in (files["cii.xml"].text, files["ubl.xml"].text, "".join(text.split())):
        assert settlement["closed_hash"] in content
    again = await agency.call("GET", f"{path}/ubl.xml", headers={"If-None-Match": files["ubl.xml"].headers["etag"]})
    assert again.status_code == 304

    (event,) = await installation.events(invoice["invoice_id"])
    assert event["type"] == "dev.upheld.contracts.invoice.issued.v1"
    assert event["data"]["content_hash"] == invoice["content_hash"]

    # Nobody issues it twice, and nothing that was issued can be changed.
    problem = await agency.refused(409, "POST", f"/v1/settlements/{settlement['settlement_id']}/invoice", json={})
    assert "F2026-000001" in problem["detail"]
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        await as_the_application(installation, "update contracts.invoice set total = 0")
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        await as_the_application(installation, "delete from contracts.invoice")

    reader = await installation.caller(agency, role="client_decider", client_id=settlement["client_id"])
    assert [each["number"] for each in (await reader.get("/v1/invoices"))["data"]] == ["F2026-000001"]
    other = await agency.client()
    stranger = await installation.caller(agency, role="client_decider", client_id=other["client_id"])
    assert (await stranger.get("/v1/invoices"))["data"] == []
    await stranger.refused(404, "GET", path)
    await stranger.refused(404, "GET", f"{path}/facturx.pdf")


RAM = "{urn:un:unece:uncefact:data:standard:ReusableAggregateBusinessInformationEntity:100}"
CAC = "{urn:oasis:names:specification:ubl:schema:xsd:CommonAggregateComponents-2}"
JUNE_IN_LISBON: dict[str, Any] = {
    "month": "2026-06-01",
    "ends_at": "2026-06-30T23:00:00Z",
    "report_id": str(UUID(int=6)),
}
JULY_REPORT: dict[str, Any] = {
    "month": "2026-07-01",
    "starts_at": "2026-06-30T22:00:00Z",
    "ends_at": "2026-07-31T22:00:00Z",
}


@pytest.mark.capability("R10")
async def test_an_invoice_names_the_newest_edition_of_its_months_report_by_its_hash_and_keeps_it(
    agency: Agency, clock: FixedClock, installation: Installation
) -> None:
    settlement = await closed(agency, clock)
    await ready(agency, settlement["client_id"])
    others = Others(installation, agency.tenant_id, settlement)
    june, first, second, third = (digit * 64 for digit in "6123")
    say = functools.partial(others.say, "reporting.report.published.v1")
    # A client whose clocks run an hour behind: his June ends within the July of his contract.
    await say(**JUNE_IN_LISBON, content_hash=june)
    await say(2, **JULY_REPORT, edition=2, content_hash=second)
    await say(1, **JULY_REPORT, edition=1, content_hash=first)

    invoice = await issued(agency, settlement)
    named = invoice["report"]
    assert (named["month"], named["edition"], named["hash"]) == ("2026-07-01", 2, second)
    path = f"/v1/invoices/{invoice['invoice_id']}"
    pdf, cii, ubl = [await agency.call("GET", f"{path}/{name}") for name in ("facturx.pdf", "cii.xml", "ubl.xml")]
    page = "".join(PdfReader(io.BytesIO(pdf.content)).pages[0].extract_text().split())
    assert f"Rapportmensuel,juillet2026,édition2,SHA-256{second}" in page
    references = [ElementTree.fromstring(cii.content).iter(f"{RAM}AdditionalReferencedDocument")]
    references += [ElementTree.fromstring(ubl.content).iter(f"{CAC}AdditionalDocumentReference")]
    for said in references:
        assert [next(iter(each)).text for each in said] == [settlement["closed_hash"], second]
    (line,) = csv.DictReader(io.StringIO((await agency.call("GET", "/v1/invoices.csv")).text))
    assert (line["report_edition"], line["report_hash"]) == ("2", second)

    # What is published afterwards changes nothing that was issued, nor what gives it back.
    await say(3, **JULY_REPORT, edition=3, content_hash=third)
    assert (await agency.get(path))["report"] == named
    assert (await agency.call("GET", f"{path}/cii.xml")).content == cii.content
    given_back = await agency.make(f"{path}/credit-note", {"reason": "Wrong addressee"})
    assert given_back["report"] == named
    assert (await issued(agency, settlement))["report"]["hash"] == third


async def test_an_invoice_that_is_issued_before_the_report_of_its_month_says_nothing_of_a_report(
    agency: Agency, clock: FixedClock, installation: Installation
) -> None:
    settlement = await closed(agency, clock)
    await ready(agency, settlement["client_id"])
    others = Others(installation, agency.tenant_id, settlement)
    await others.say("reporting.report.published.v1", **JUNE_IN_LISBON)
    invoice = await issued(agency, settlement)
    assert "report" not in invoice
    assert not [note for note in invoice["notes"] if "Rapport" in note["text"]]
    said = {name: value for name, value in invoice.items() if name in InvoiceContent.model_fields}
    assert fingerprint(canonical(said)) == invoice["content_hash"]


async def as_the_application(installation: Installation, statement: str) -> None:
    async with installation.runtime.units.for_every_tenant() as uow:
        connection = await uow.session.connection()
        raw = await connection.get_raw_connection()
        driver = raw.driver_connection
        assert driver is not None
        await driver.execute(statement.encode())


async def test_everything_that_keeps_an_invoice_from_being_issued_is_told_at_once(
    agency: Agency, clock: FixedClock
) -> None:
    settlement = await closed(agency, clock)
    path = f"/v1/settlements/{settlement['settlement_id']}/invoice"
    problem = await agency.refused(409, "POST", path, json={})
    assert problem["type"].endswith("invoice-incomplete")
    assert {error["pointer"] for error in problem["errors"]} == {
        "#/seller/legal_name",
        "#/seller/address",
        "#/buyer/legal_name",
        "#/buyer/address",
        "#/vat",
        "#/seller/registration_number",
        "#/seller/iban",
    }
    await agency.refused(422, "PUT", "/v1/tenant/invoicing", json={"iban": "FR7630006000011234567890188"})


@pytest.mark.capability("K72")
async def test_an_invoice_abroad_is_in_its_clients_language_and_currency(agency: Agency, clock: FixedClock) -> None:
    client = await agency.client(language="en", currency="JPY", country="JP", time_zone="Asia/Tokyo")
    site = await agency.site(client)
    in_yen = {"minimum": "10000", "maximum": "50000", "currency": "JPY"}
    plan = {"catalogue": "abroad", "code": "abroad", "title": {"fr": "Japon", "en": "Japan"}, "price": in_yen}
    await agency.make("/v1/plans", {**plan, "deliverables": []})
    terms = agency.terms(client, site, "abroad", "30000")
    terms["price"] = {"amount": "30000", "currency": "JPY"}
    terms["commercial"] = {"billing": ["flat"], "tax": {"category": "O", "rate": "0"}}
    contract = await agency.step(await agency.make("/v1/contracts", terms), "propose")
    for party in ("agency", "client"):
        signed = {"party": party, "document_hash": contract["document"]["hash"]}
        contract = await agency.step(contract, "sign", signed)
    contract = await agency.step(contract, "activate")
    clock.set(AFTER_JULY)
    settlement = await settled(agency, contract)
    japanese = {"legal_name": "Mizuumi KK", "address": {"lines": ["1-1 Marunouchi"], "city": "Tokyo", "country": "JP"}}
    await ready(agency, client["client_id"], japanese)
    path = f"/v1/settlements/{settlement['settlement_id']}/invoice"

    problem = await agency.refused(409, "POST", path, json={})
    assert [error["pointer"] for error in problem["errors"]] == ["#/exchange_rate"]
    invoice = await agency.make(path, {"exchange_rate": "0.0061"})
    assert (invoice["language"], invoice["currency"], invoice["total"]) == ("en", "JPY", "30000")
    assert invoice["vat"][0]["vat"]["reason_code"] == "VATEX-EU-O"
    assert invoice["accounting"] == {"currency": "EUR", "rate": "0.0061", "tax": "0.00"}


async def test_whoever_issues_at_the_same_time_leaves_no_gap_and_no_number_twice_even_when_one_fails(
    agency: Agency, clock: FixedClock
) -> None:
    contracts = [await contracted(agency) for _ in range(4)]
    clock.set(AFTER_JULY)
    settlements = [await settled(agency, contract) for contract in contracts]
    for index, settlement in enumerate(settlements):
        # The third fails after it has its number: no font has these letters.
        party = HOTEL | {"legal_name": "東京"} if index == 2 else HOTEL
        await ready(agency, settlement["client_id"], party)

    answers = await asyncio.gather(
        *(agency.call("POST", f"/v1/settlements/{each['settlement_id']}/invoice", json={}) for each in settlements)
    )
    assert [answer.status_code for answer in answers] == [201, 201, 409, 201]
    numbers = sorted(answer.json()["sequence"] for answer in answers if answer.status_code == 201)
    assert numbers == [1, 2, 3]

    await put(agency, f"/v1/clients/{settlements[2]['client_id']}/party", HOTEL)
    assert (await issued(agency, settlements[2]))["number"] == "F2026-000004"


async def test_what_comes_after_is_credited_or_added_and_refers_to_the_invoice(
    agency: Agency, clock: FixedClock, installation: Installation
) -> None:
    settlement = await closed(agency, clock)
    await ready(agency, settlement["client_id"])
    invoice = await issued(agency, settlement)
    path = f"/v1/invoices/{invoice['invoice_id']}"

    less = await corrected(agency, settlement["settlement_id"], "-50.00")
    note = await issued(agency, less)
    assert (note["kind"], note["number"], note["total"]) == ("credit_note", "A2026-000001", "60.00")
    assert note["refers_to"]["number"] == invoice["number"]
    assert (await installation.events(note["invoice_id"]))[0]["type"] == "dev.upheld.contracts.credit_note.issued.v1"
    stands = await agency.get(path)
    assert (stands["credited"], stands["outstanding"], stands["standing"]) == ("60.00", "300.00", "open")
    problem = await agency.refused(409, "POST", f"{path}/credit-note", json={"reason": "Wrong addressee"})
    assert "A2026-000001" in problem["detail"]

    more = await issued(agency, await corrected(agency, settlement["settlement_id"], "10.00"))
    assert (more["kind"], more["number"], more["net"]) == ("invoice", "F2026-000002", "10.00")
    assert more["refers_to"]["number"] == invoice["number"]
    cancelled = await agency.make(f"/v1/invoices/{more['invoice_id']}/credit-note", {"reason": "Wrong"})
    assert (cancelled["cause"], cancelled["total"], cancelled["number"]) == ("cancellation", "12.00", "A2026-000002")
    assert (await agency.get(f"/v1/invoices/{more['invoice_id']}"))["standing"] == "settled"
    await agency.refused(409, "POST", f"/v1/invoices/{more['invoice_id']}/credit-note", json={"reason": "Again"})
    again = await issued(agency, more["settlement"])
    assert (again["number"], again["net"]) == ("F2026-000003", "10.00")

    # What was paid is a fact, and what was wrong is put right by another one.
    await agency.make(f"{path}/payments", {"paid_on": "2026-08-02", "amount": "310.00", "reference": "SEPA 1"})
    assert (await agency.get(path))["standing"] == "refundable"
    await agency.make(f"{path}/payments", {"paid_on": "2026-08-03", "amount": "-10.00"})
    assert (await agency.get(path))["standing"] == "settled"
    await agency.refused(422, "POST", f"{path}/payments", json={"paid_on": "2026-08-03", "amount": "-300.01"})
    await agency.refused(422, "POST", f"{path}/payments", json={"paid_on": "2026-08-09", "amount": "1.00"})
    assert [each["amount"] for each in (await agency.get(f"{path}/payments"))["data"]] == ["310.00", "-10.00"]

    page = await agency.get("/v1/invoices?limit=2")
    rest = await agency.get(f"/v1/invoices?limit=10&cursor={page['next_cursor']}")
    assert len(page["data"]) + len(rest["data"]) == 5
    for query, numbers in {
        "standing=settled&kind=invoice": {"F2026-000001", "F2026-000002"},
        "standing=open": {"F2026-000003"},
        "standing=overdue": set(),
        "kind=credit_note": {"A2026-000001", "A2026-000002"},
        "issued_from=2026-08-04": set(),
        f"client_id={UUID(int=1)}": set(),
    }.items():
        assert {each["number"] for each in (await agency.get(f"/v1/invoices?{query}"))["data"]} == numbers, query
    await agency.refused(422, "GET", "/v1/invoices?issued_from=2026-08-10&issued_to=2026-08-01")

    answer = await agency.call("GET", "/v1/invoices.csv")
    lines = list(csv.DictReader(io.StringIO(answer.text)))
    assert [(line["number"], line["taxable"], line["tax"]) for line in lines] == [
        ("F2026-000001", "300.00", "60.00"),
        ("A2026-000001", "-50.00", "-10.00"),
        ("F2026-000002", "10.00", "2.00"),
        ("A2026-000002", "-10.00", "-2.00"),
        ("F2026-000003", "10.00", "2.00"),
    ]
    assert lines[0]["client"] == "'=Hôtel du Lac"


async def test_a_correction_has_the_vat_of_its_invoice_though_another_one_is_usual_by_then(
    agency: Agency, clock: FixedClock
) -> None:
    settlement = await closed(agency, clock)
    await ready(agency, settlement["client_id"])
    await issued(agency, settlement)
    await put(agency, "/v1/tenant/invoicing", {**SETTINGS, "usual_vat": {"category": "S", "percent": "10"}})
    note = await issued(agency, await corrected(agency, settlement["settlement_id"], "-50.00"))
    assert (note["net"], note["tax"], note["vat"][0]["vat"]["percent"]) == ("50.00", "10.00", "20")


async def test_what_is_given_back_refers_to_an_invoice_that_stands(agency: Agency, clock: FixedClock) -> None:
    july = await closed(agency, clock)
    await ready(agency, july["client_id"])
    cancelled = await issued(agency, july)
    await agency.make(f"/v1/invoices/{cancelled['invoice_id']}/credit-note", {"reason": "Wrong addressee"})
    clock.set(datetime(2026, 9, 3, 8, 0, tzinfo=UTC))
    wanted = {"contract_id": july["contract_id"], "on": "2026-08-10"}
    august = (await agency.make("/v1/settlements", wanted))["settlement_id"]
    await agency.make(f"/v1/settlements/{august}/adjust", {"text": "Geste", "amount": "-400.00"}, status=200)
    await close(agency, august)
    problem = await agency.refused(409, "POST", f"/v1/settlements/{august}/invoice", json={})
    assert "gives back 120.00 EUR" in problem["detail"]

    standing = await issued(agency, july)
    note = await agency.make(f"/v1/settlements/{august}/invoice", {})
    assert (note["kind"], note["refers_to"]["number"]) == ("credit_note", standing["number"])
    assert (await agency.get(f"/v1/invoices/{standing['invoice_id']}"))["credited"] == "120.00"
    assert (await agency.get(f"/v1/invoices/{cancelled['invoice_id']}"))["credited"] == "360.00"
    # A credit note is no invoice to set the next one against.
    again = await issued(agency, await corrected(agency, august, "-10.00"))
    assert (again["refers_to"]["number"], again["net"]) == (standing["number"], "10.00")
