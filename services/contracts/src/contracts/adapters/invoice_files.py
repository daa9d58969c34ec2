"""The files of an invoice: UBL and CII by the rules of EN 16931, and a PDF/A-3 that carries the CII (Factur-X).

`factur-x` writes both syntaxes from one dictionary of business terms, checks them against the published schemas, and
puts the CII into the page that `typst` has set. No file is read from anywhere but these two packages.
"""

import asyncio
import hashlib
import json
import logging
import re
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

from contracts.application.errors import NotNow
from contracts.application.invoice_sheet import invoice_sheet, payment_terms
from contracts.application.invoices import FileKind, InvoiceContent, InvoiceFile, InvoiceParty, InvoiceVat
from contracts.application.service_desk_words import catalogues
from contracts.domain.invoicing import VatCategory
from shared.i18n import Translator

TEMPLATE = Path(__file__).parent / "templates" / "invoice.typ"
LEVEL = "en16931"
_SIREN = "0002"
_SIREN_ADDRESS = "0225"
_SERVICES = "S1"
_LOCALES = {"fr": "fr-FR", "en": "en-GB"}
_NOT_IN_XML = re.compile(r"[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_UNDISPLAYED = re.compile(r"the text .* could not be displayed")
_NO_SUCH_LETTER = "□"
_ONE_LETTER = b'#set text(font: ("Libertinus Serif", "New Computer Modern"))\n#sys.inputs.at("letter")'


class TypesetInvoices:
    """Makes the files of invoices, off the event loop."""

    async def make(self, invoice: InvoiceContent) -> Sequence[InvoiceFile]:
        """Every file of an invoice. Raises NotNow for names in letters that the fonts of the page do not have."""
        return await asyncio.to_thread(files_of, invoice)


def files_of(invoice: InvoiceContent) -> list[InvoiceFile]:
    """The PDF, and for an electronic invoice the CII that is in it and the UBL that says the same."""
    t = catalogues().translator(invoice.language)
    page = _page(_displayable(invoice), t)
    if not invoice.electronic:
        return [_file("pdf", page)]
    # Both take long to import, and only whoever makes a file needs them.
    from facturx import generate_from_binary  # noqa: PLC0415
    from facturx.generate_xml import generate_cii_xml, generate_ubl_xml  # noqa: PLC0415

    # It logs whole invoices, and tells everything that is wrong by exceptions.
    logging.getLogger("factur-x").setLevel(logging.CRITICAL + 1)
    cii: bytes = generate_cii_xml(business_terms(invoice, t), level=LEVEL, check_xsd=True, check_schematron=False)
    ubl: bytes = generate_ubl_xml(business_terms(invoice, t), level=LEVEL, check_xsd=True, check_schematron=False)
    pdf: bytes = generate_from_binary(
        page,
        cii,
        flavor="factur-x",
        level=LEVEL,
        check_xsd=False,
        pdf_metadata=_clean(
            {
                "author": invoice.seller.legal_name,
                "title": invoice_sheet(invoice, t).title,
                "subject": f"{invoice.contract_number}, {invoice.period.first}/{invoice.period.last}",
                "keywords": "Factur-X",
            }
        ),
        lang=_LOCALES[invoice.language],
    )
    return [_file("pdf", pdf), _file("cii", cii), _file("ubl", ubl)]


def _file(kind: FileKind, content: bytes) -> InvoiceFile:
    return InvoiceFile(kind=kind, sha256=hashlib.sha256(content).hexdigest(), content=content)


def _page(invoice: InvoiceContent, t: Translator) -> bytes:
    import typst  # noqa: PLC0415  (as above)

    sheet = _clean(invoice_sheet(invoice, t).model_dump(mode="json"))
    try:
        return typst.compile(
            TEMPLATE.read_bytes(),
            sys_inputs={"sheet": json.dumps(sheet, ensure_ascii=False)},
            format="pdf",
            pdf_standards=["a-3b"],
            timestamp=invoice.issued_at.replace(microsecond=0),  # a PDF knows no fractions
            ignore_system_fonts=True,
        )
    except typst.TypstError as error:
        if _UNDISPLAYED.search(str(error)) is None:
            raise
        raise NotNow(
            "The invoice names something in letters that its fonts do not have (they have Latin, Greek and Cyrillic)."
            " Give names, addresses and references of the parties as they are written in Latin letters."
        ) from None


def _displayable(invoice: InvoiceContent) -> InvoiceContent:
    """The invoice as its page can show it: in what clients and colleagues wrote, such as the title of a request, a box
    stands for a letter that no font has. A closed settlement cannot be written otherwise, and the XML says it in full.
    """
    return invoice.model_copy(
        update={
            "reason": None if invoice.reason is None else displayed(invoice.reason),
            "lines": [line.model_copy(update={"explanation": displayed(line.explanation)}) for line in invoice.lines],
        }
    )


def displayed(text: str) -> str:
    """The text with a box for each letter that the fonts of a page do not have."""
    return "".join(
        letter if letter.isascii() or _is_displayed(letter) else _NO_SUCH_LETTER for letter in _NOT_IN_XML.sub("", text)
    )


@lru_cache(maxsize=10_000)
def _is_displayed(letter: str) -> bool:
    """Whether the fonts of the page have a letter; some milliseconds, once for each."""
    import typst  # noqa: PLC0415  (as above)

    try:
        typst.compile(
            _ONE_LETTER,
            sys_inputs={"letter": letter},
            format="pdf",
            pdf_standards=["a-3b"],
            ignore_system_fonts=True,
        )
    except typst.TypstError as error:
        if _UNDISPLAYED.search(str(error)) is None:
            raise
        return False
    return True


def _clean(value: Any) -> Any:
    """The same value without the characters that XML cannot carry."""
    if isinstance(value, str):
        return _NOT_IN_XML.sub("", value)
    if isinstance(value, list):
        return [_clean(each) for each in value]
    if isinstance(value, dict):
        return {name: _clean(each) for name, each in value.items()}
    return value


# --- EN 16931 --------------------------------------------------------------------------------------------------------


def business_terms(invoice: InvoiceContent, t: Translator) -> dict[str, Any]:
    """The invoice by the numbers of the semantic model of EN 16931; terms that are not used are left out."""
    out_of_scope = any(group.vat.category is VatCategory.OUT_OF_SCOPE for group in invoice.vat)
    terms: dict[str, Any] = {
        "BT-1": invoice.number,
        "BT-2": invoice.issued_on,
        "BT-3": "380" if invoice.kind == "invoice" else "381",
        "BT-5": invoice.currency,
        "BT-10": invoice.buyer_reference,
        "BT-12": invoice.contract_number,
        "BT-13": invoice.purchase_order,
        "BT-20": payment_terms(invoice, t),
        "BT-23": _SERVICES,
        "BT-72": invoice.period.last,
        "BT-73": invoice.period.first,
        "BT-74": invoice.period.last,
        "BT-106": invoice.net,
        "BT-109": invoice.net,
        "BT-110": invoice.tax,
        "BT-112": invoice.total,
        "BT-115": invoice.total,
        "BG-1": [{"BT-21": note.code, "BT-22": note.text} for note in invoice.notes],
        "BG-4": _party(invoice.seller, with_vat=not out_of_scope),
        "BG-7": _party(invoice.buyer, with_vat=not out_of_scope),
        "BG-23": [
            {
                "BT-116": group.taxable,
                "BT-117": group.tax,
                "BT-118": group.vat.category.value,
                "BT-119": _rate(group.vat),
                "BT-120": group.vat.reason,
                "BT-121": group.vat.reason_code,
            }
            for group in invoice.vat
        ],
        # Without BT-123: France allows only its own list of words there (BR-FR-17). The notes say which is which.
        "BG-24": [{"BT-122": proof.hash} for proof in (invoice.settlement, invoice.report) if proof is not None],
        "BG-25": [
            {
                "BT-126": str(line.number),
                "BT-129": line.quantity,
                "BT-130": line.unit,
                "BT-131": line.net,
                "BT-146": line.price,
                "BT-151": line.vat.category.value,
                "BT-152": _rate(line.vat),
                "BT-153": line.name,
                "BT-154": line.explanation,
                "BT-155": line.code,
            }
            for line in invoice.lines
        ],
    }
    if invoice.accounting is not None:
        terms |= {"BT-6": invoice.accounting.currency, "BT-111": invoice.accounting.tax}
    if invoice.kind == "invoice":
        sepa = invoice.currency == "EUR"
        terms |= {
            "BT-9": invoice.due_on,
            "BT-81": "58" if sepa else "30",
            "BT-83": invoice.number,
            "BT-84": invoice.iban,
            "BT-85": invoice.seller.legal_name,
            "BT-86": invoice.bic,
        }
    if invoice.refers_to is not None:
        terms["BG-3"] = [{"BT-25": invoice.refers_to.number, "BT-26": invoice.refers_to.issued_on}]
    if any(group.vat.category is VatCategory.INTRA_COMMUNITY for group in invoice.vat):
        terms["BG-13"] = {"name": invoice.buyer.legal_name, "country_code": invoice.buyer.country}
    known = {name: value for name, value in _clean(terms).items() if value not in (None, "", [])}
    for group in ("BG-23", "BG-25"):
        known[group] = [
            {name: value for name, value in each.items() if value not in (None, "")} for each in known[group]
        ]
    return known


def _rate(vat: InvoiceVat) -> str | None:
    """What is out of scope has no rate, not even 0 (BR-O-05)."""
    return None if vat.category is VatCategory.OUT_OF_SCOPE else vat.percent


def _party(party: InvoiceParty, *, with_vat: bool) -> dict[str, Any]:
    lines = party.address_lines
    known = {
        "name": party.legal_name,
        "legal_info": party.legal_form,
        "legal_identifier": party.siren or party.registration_number,
        "legal_identifier_schemeid": None if party.siren is None else _SIREN,
        "vat_identifier": party.vat_number if with_vat else None,
        # Whoever is exempt without a VAT number is known to his tax authority by his registration (BR-E-02).
        "tax_identifier": party.registration_number if with_vat and party.vat_number is None else None,
        "einvoicing_addr": party.siren,
        "einvoicing_addr_schemeid": None if party.siren is None else _SIREN_ADDRESS,
        "addr_l1": lines[0],
        "addr_l2": lines[1] if len(lines) > 1 else None,
        "addr_l3": ", ".join(lines[2:]) or None,
        "postcode": party.postal_code,
        "city": party.city,
        "country_subdivision": party.region,
        "country_code": party.country,
    }
    return {name: value for name, value in known.items() if value is not None}
