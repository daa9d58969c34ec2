"""From a closed settlement to what an invoice or credit note says, before it has a number."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Literal

from contracts.application.invoices import (
    InvoiceNote,
    InvoiceParty,
    InvoiceVat,
    IssuedLine,
    VatInAccounting,
    VatLine,
)
from contracts.application.invoicing_settings import InvoicingSettings
from contracts.application.parties import EU_MEMBERS, PartyData
from contracts.domain.agreement import Missing
from contracts.domain.invoicing import (
    NEEDS_NO_REASON,
    Figures,
    InvoiceLine,
    PartyInLaw,
    VatCategory,
    VatTreatment,
    figures_of,
    line_of,
    missing_for_issue,
)
from shared.i18n import Translator
from shared.kernel.money import Money

Language = Literal["fr", "en"]
UNITS: Mapping[str, str] = {"month": "MON", "hour": "HUR", "ticket": "C62", "piece": "C62"}
"""Units of settlements to UN/ECE recommendation 20."""

_OUTSIDE_THE_EURO = {"CZ": "CZK", "DK": "DKK", "HU": "HUF", "PL": "PLN", "RO": "RON", "SE": "SEK"}
"""Member states of the European Union with a currency of their own."""


@dataclass(frozen=True)
class BillableLine:
    """A line to invoice. ``vat`` is category and rate as agreed; None where the contract says nothing."""

    code: str
    name: str
    explanation: str
    net: Money
    vat: tuple[VatCategory, Decimal] | None
    quantity: Decimal
    unit: str
    price: Money


class NotReady(Exception):
    """It cannot be invoiced yet; `missing` lists everything that is not known."""

    def __init__(self, missing: Sequence[Missing]) -> None:
        self.missing = tuple(missing)
        super().__init__("; ".join(item.detail for item in missing))


@dataclass(frozen=True)
class Drafted:
    """The part of an invoice that does not depend on its number."""

    seller: InvoiceParty
    buyer: InvoiceParty
    iban: str
    bic: str | None
    lines: list[IssuedLine]
    figures: Figures
    notes: list[InvoiceNote]


def drafted(
    lines: Sequence[BillableLine],
    currency: str,
    *,
    seller: PartyData | None,
    buyer: PartyData | None,
    settings: InvoicingSettings | None,
    exchange_rate: str | None,
    t: Translator,
) -> Drafted:
    """What an invoice of these lines says. Raises NotReady with everything that is missing."""
    sells, buys = _in_law(seller), _in_law(buyer)
    missing: list[Missing] = []
    treatments = [_treatment(line, settings, t, missing) for line in lines]
    missing += missing_for_issue(sells, buys, treatments, None if settings is None else settings.iban)
    accounting = accounting_currency(seller, currency)
    if accounting is not None and exchange_rate is None:
        detail = f"The agency owes its VAT in {accounting}: say what one {currency} is worth on the day of the invoice."
        missing.append(Missing("/exchange_rate", detail))
    if missing:
        raise NotReady(missing)
    assert seller is not None and buyer is not None and settings is not None and settings.iban is not None
    known = [each for each in treatments if each is not None]
    made = [
        line_of(line.name, line.explanation, line.net, vat, quantity=line.quantity, unit=line.unit, price=line.price)
        for line, vat in zip(lines, known, strict=True)
    ]
    rate = None if accounting is None or exchange_rate is None else (accounting, Decimal(exchange_rate))
    return Drafted(
        seller=named(seller),
        buyer=named(buyer),
        iban=settings.iban,
        bic=settings.bic,
        lines=issued_lines([line.code for line in lines], made),
        figures=figures_of(made, currency, rate),
        notes=_notes(settings, seller, t),
    )


def issued_lines(codes: Sequence[str], lines: Sequence[InvoiceLine]) -> list[IssuedLine]:
    """Lines as they are stored."""
    return [
        IssuedLine(
            number=number,
            code=code,
            name=line.name,
            explanation=line.explanation,
            quantity=format(line.quantity, "f"),
            unit=line.unit,
            price=line.price.text,
            net=line.net.text,
            vat=_vat(line.vat),
        )
        for number, (code, line) in enumerate(zip(codes, lines, strict=True), start=1)
    ]


def sums(figures: Figures) -> dict[str, Any]:
    """The figures as they are stored."""
    accounting = figures.accounting
    return {
        "vat": [
            VatLine(vat=_vat(group.vat), taxable=group.taxable.text, tax=group.tax.text) for group in figures.groups
        ],
        "net": figures.lines_total.text,
        "tax": figures.tax.text,
        "total": figures.total.text,
        "accounting": None
        if accounting is None
        else VatInAccounting(
            currency=accounting.tax.currency, rate=format(accounting.rate, "f"), tax=accounting.tax.text
        ),
    }


def accounting_currency(seller: PartyData | None, currency: str) -> str | None:
    """The currency in which a seller in the European Union owes his VAT, if it is not that of the invoice.

    Article 230 of directive 2006/112/EC.
    """
    if seller is None or seller.address.country not in EU_MEMBERS:
        return None
    own = _OUTSIDE_THE_EURO.get(seller.address.country, "EUR")
    return None if own == currency else own


def named(party: PartyData) -> InvoiceParty:
    """A party in law, as an invoice names it."""
    return InvoiceParty(
        legal_name=party.legal_name,
        legal_form=party.legal_form,
        registration_number=party.registration_number,
        siren=_in_law(party).siren,
        vat_number=party.vat_number,
        address_lines=list(party.address.lines),
        postal_code=party.address.postal_code,
        city=party.address.city,
        region=party.address.region,
        country=party.address.country,
    )


def _in_law(party: PartyData | None) -> PartyInLaw:
    if party is None:
        return PartyInLaw(None, None, None, None)
    return PartyInLaw(party.legal_name, party.registration_number, party.vat_number, party.address.country)


def _treatment(
    line: BillableLine, settings: InvoicingSettings | None, t: Translator, missing: list[Missing]
) -> VatTreatment | None:
    usual = None if settings is None or settings.usual_vat is None else settings.usual_vat
    if line.vat is not None:
        category, percent = line.vat
    elif usual is not None:
        category, percent = usual.category, Decimal(usual.percent)
    else:
        return None
    if category in NEEDS_NO_REASON:
        return VatTreatment(category, percent)
    reason, code = (None, None) if settings is None else settings.reason(category, t.language)
    reason = reason or _reason(category, t)
    if reason is None:
        lacking = Missing(
            "/exemption",
            "Something is exempt of VAT, and nothing says why: give `exemption` (PUT /v1/tenant/invoicing).",
        )
        if lacking not in missing:
            missing.append(lacking)
        return VatTreatment(category, percent, "?")
    return VatTreatment(category, percent, reason, code)


def _reason(category: VatCategory, t: Translator) -> str | None:
    return {
        VatCategory.REVERSE_CHARGE: t.gettext("Reverse charge: VAT is owed by the recipient"),
        VatCategory.INTRA_COMMUNITY: t.gettext("Exempt intra-community supply"),
        VatCategory.EXPORT: t.gettext("Exempt export"),
        VatCategory.OUT_OF_SCOPE: t.gettext("Outside the scope of VAT"),
    }.get(category)


def _notes(settings: InvoicingSettings, seller: PartyData, t: Translator) -> list[InvoiceNote]:
    """What must be mentioned about paying (UNTDID 4451): French law asks for it, and says what holds otherwise."""
    if settings.mentions is not None:
        late, recovery, early = (
            str(getattr(texts, t.language))
            for texts in (
                settings.mentions.late_payment,
                settings.mentions.recovery_costs,
                settings.mentions.early_payment,
            )
        )
    elif seller.address.country == "FR":
        late = t.gettext(
            "Late payment: interest at the refinancing rate of the European Central Bank plus 10 percentage points."
        )
        recovery = t.gettext("Late payment: a fixed sum of 40 euros for recovery costs.")
        early = t.gettext("No discount for early payment.")
    else:
        return []
    return [
        InvoiceNote(code="PMD", text=late),
        InvoiceNote(code="PMT", text=recovery),
        InvoiceNote(code="AAB", text=early),
    ]


def _vat(vat: VatTreatment) -> InvoiceVat:
    return InvoiceVat(
        category=vat.category,
        percent=format(vat.percent.normalize(), "f"),
        reason=vat.reason,
        reason_code=vat.reason_code,
    )
