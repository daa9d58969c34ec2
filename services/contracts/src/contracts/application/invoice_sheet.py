"""An invoice as people read it: every text and figure of the page, in the language of its reader.

It says what the electronic invoice says: both are made of the same content.
"""

from babel import Locale
from pydantic import BaseModel

from contracts.application.invoices import InvoiceContent, InvoiceParty, InvoiceVat, IssuedLine
from contracts.domain.invoicing import VatCategory
from shared.i18n import Translator


class SheetRow(BaseModel):
    """A line of the table."""

    name: str
    explanation: str
    quantity: str
    price: str
    vat: str
    net: str


class InvoiceSheet(BaseModel):
    """The page."""

    language: str
    title: str
    heading: str
    number: str
    seller: list[str]
    buyer_title: str
    buyer: list[str]
    facts: list[tuple[str, str]]
    columns: list[str]
    rows: list[SheetRow]
    vat_columns: list[str]
    vat: list[list[str]]
    totals: list[tuple[str, str]]
    total: tuple[str, str]
    payment: list[tuple[str, str]]
    notes: list[str]
    footer: str


def invoice_sheet(invoice: InvoiceContent, t: Translator) -> InvoiceSheet:
    """The page of an invoice or credit note; the translator is that of its language."""
    heading = t.gettext("Invoice") if invoice.kind == "invoice" else t.gettext("Credit note")

    def money(amount: str, currency: str = invoice.currency) -> str:
        return t.money(amount, currency)

    return InvoiceSheet(
        language=invoice.language,
        title=f"{heading} {invoice.number}",
        heading=heading,
        number=invoice.number,
        seller=party_lines(invoice.seller, t),
        buyer_title=t.gettext("Billed to"),
        buyer=party_lines(invoice.buyer, t),
        facts=_facts(invoice, t),
        columns=[
            t.gettext("Description"),
            t.gettext("Quantity"),
            t.gettext("Unit price"),
            t.gettext("VAT"),
            t.gettext("Amount without VAT"),
        ],
        rows=[_row(line, invoice.currency, t) for line in invoice.lines],
        vat_columns=[t.gettext("VAT"), t.gettext("Taxable amount"), t.gettext("VAT amount")],
        vat=[[_vat_in_full(group.vat, t), money(group.taxable), money(group.tax)] for group in invoice.vat],
        totals=[
            (t.gettext("Total without VAT"), money(invoice.net)),
            (t.gettext("VAT"), money(invoice.tax)),
            *_in_accounting(invoice, t),
        ],
        total=(
            t.gettext("Total to pay") if invoice.kind == "invoice" else t.gettext("Total given back"),
            money(invoice.total),
        ),
        payment=_payment(invoice, t),
        notes=[note.text for note in invoice.notes],
        footer=f"{invoice.seller.legal_name} · {heading} {invoice.number}",
    )


def payment_terms(invoice: InvoiceContent, t: Translator) -> str:
    """How long there is to pay, as a sentence (BT-20)."""
    if invoice.kind == "credit_note":
        return t.gettext("Set off against what is still to be paid, or paid back.")
    if invoice.payment_days == 0:
        return t.gettext("Payable at once.")
    return t.ngettext(
        "Payable within %(count)s day, by %(day)s.",
        "Payable within %(count)s days, by %(day)s.",
        invoice.payment_days,
        day=t.date(invoice.due_on),
    )


def party_lines(party: InvoiceParty, t: Translator) -> list[str]:
    """A party in law, line by line."""
    name = party.legal_name
    if party.legal_form is not None and party.legal_form not in name:
        name = f"{name}, {party.legal_form}"
    place = " ".join(part for part in (party.postal_code, party.city) if part)
    country = Locale.parse(t.locale).territories.get(party.country, party.country)
    lines = [name, *party.address_lines, place, *([party.region] if party.region else []), country]
    if party.siren is not None:
        lines.append(f"SIREN {party.siren[:3]} {party.siren[3:6]} {party.siren[6:]}")
    elif party.registration_number is not None:
        lines.append(t.gettext("Registration number: %(number)s", number=party.registration_number))
    if party.vat_number is not None:
        lines.append(t.gettext("VAT number: %(number)s", number=party.vat_number))
    return lines


def _facts(invoice: InvoiceContent, t: Translator) -> list[tuple[str, str]]:
    facts = [(t.gettext("Date of issue"), t.date(invoice.issued_on))]
    if invoice.kind == "invoice":
        facts.append((t.gettext("Due date"), t.date(invoice.due_on)))
    period = t.gettext(
        "%(first)s to %(last)s",
        first=t.date(invoice.period.first, width="short"),
        last=t.date(invoice.period.last, width="short"),
    )
    facts += [(t.gettext("Period"), period), (t.gettext("Contract"), invoice.contract_number)]
    if invoice.refers_to is not None:
        of = t.gettext(
            "%(number)s of %(day)s", number=invoice.refers_to.number, day=t.date(invoice.refers_to.issued_on)
        )
        facts.append((t.gettext("Refers to invoice"), of))
    if invoice.reason is not None:
        facts.append((t.gettext("Reason"), invoice.reason))
    if invoice.purchase_order is not None:
        facts.append((t.gettext("Your order"), invoice.purchase_order))
    if invoice.buyer_reference is not None:
        facts.append((t.gettext("Your reference"), invoice.buyer_reference))
    return facts


def _row(line: IssuedLine, currency: str, t: Translator) -> SheetRow:
    units = {"HUR": t.gettext("h"), "MON": t.gettext("mo.")}
    return SheetRow(
        name=line.name,
        explanation=line.explanation,
        quantity=" ".join(part for part in (t.number(line.quantity), units.get(line.unit)) if part),
        price=t.money(line.price, currency),
        vat=_vat_in_short(line.vat, t),
        net=t.money(line.net, currency),
    )


def _vat_in_short(vat: InvoiceVat, t: Translator) -> str:
    return t.percent(vat.percent) if vat.category in {VatCategory.STANDARD, VatCategory.ZERO_RATED} else vat.category


def _vat_in_full(vat: InvoiceVat, t: Translator) -> str:
    rate = f"{vat.category} {t.percent(vat.percent)}"
    return rate if vat.reason is None else f"{vat.category} · {vat.reason}"


def _in_accounting(invoice: InvoiceContent, t: Translator) -> list[tuple[str, str]]:
    if invoice.accounting is None:
        return []
    name = t.gettext(
        "VAT in %(currency)s (1 %(other)s = %(rate)s %(currency)s)",
        currency=invoice.accounting.currency,
        other=invoice.currency,
        rate=t.number(invoice.accounting.rate),
    )
    return [(name, t.money(invoice.accounting.tax, invoice.accounting.currency))]


def _payment(invoice: InvoiceContent, t: Translator) -> list[tuple[str, str]]:
    terms = (t.gettext("Payment"), payment_terms(invoice, t))
    if invoice.kind == "credit_note":
        return [terms]
    account = [("IBAN", " ".join(invoice.iban[start : start + 4] for start in range(0, len(invoice.iban), 4)))]
    bank = [] if invoice.bic is None else [("BIC", invoice.bic)]
    return [terms, *account, *bank, (t.gettext("Reference"), invoice.number)]
