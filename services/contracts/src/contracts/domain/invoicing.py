"""What an invoice adds up to, what it needs before it can be issued, and whether it is right: EN 16931 without files.

Every line is an amount that was computed and rounded by the settlement that it comes from. VAT is never computed by
line: the net amounts of a category and rate are added up, and the VAT of that sum is rounded once (BR-CO-17). The sums
are those of BR-CO-10 to BR-CO-16. The business terms (BT-…) and rules (BR-…) are named as the standard names them.

EN 16931 writes no amount with more than two decimals (BR-DEC-…): an invoice in a currency that has three, such as the
Tunisian dinar, is exact and cannot be an electronic one.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from enum import StrEnum
from fractions import Fraction

from contracts.domain.agreement import Missing
from shared.kernel.money import Money, minor_units, round_half_away

MOST_DECIMALS = 2
"""Of an amount in an electronic invoice."""
MOST_QUANTITY_DECIMALS = 4
"""Of a quantity (BR-FR-DEC-02)."""


class VatCategory(StrEnum):
    """How VAT applies (UNTDID 5305)."""

    STANDARD = "S"
    ZERO_RATED = "Z"
    EXEMPT = "E"
    REVERSE_CHARGE = "AE"
    INTRA_COMMUNITY = "K"
    EXPORT = "G"
    OUT_OF_SCOPE = "O"


NEEDS_NO_REASON = frozenset({VatCategory.STANDARD, VatCategory.ZERO_RATED})
FIXED_REASON_CODES = {
    VatCategory.REVERSE_CHARGE: "VATEX-EU-AE",
    VatCategory.INTRA_COMMUNITY: "VATEX-EU-IC",
    VatCategory.EXPORT: "VATEX-EU-G",
    VatCategory.OUT_OF_SCOPE: "VATEX-EU-O",
}
"""Categories whose reason has always the same code."""
_BUYER_ACCOUNTS = frozenset({VatCategory.REVERSE_CHARGE, VatCategory.INTRA_COMMUNITY})


class TreatmentError(ValueError):
    """Category, rate and reason do not go together; the message says why."""


@dataclass(frozen=True, slots=True)
class VatTreatment:
    """How VAT applies to a line.

    :param percent: the rate; above 0 exactly for the category S.
    :param reason: why there is no VAT; S and Z have none, all others must (BR-S-10, BR-E-10, …).
    :param reason_code: of the VATEX list, if there is one.
    """

    category: VatCategory
    percent: Decimal
    reason: str | None = None
    reason_code: str | None = None

    def __post_init__(self) -> None:
        taxed = self.category is VatCategory.STANDARD
        if taxed != (self.percent > 0):
            raise TreatmentError("the category S has a rate above 0, every other one the rate 0")
        if (self.category in NEEDS_NO_REASON) != (self.reason is None):
            raise TreatmentError("the categories S and Z say nothing of a reason, all others say why there is no VAT")

    @property
    def group(self) -> tuple[VatCategory, Decimal]:
        """What lines are added up by."""
        return self.category, self.percent.normalize()


@dataclass(frozen=True, slots=True)
class InvoiceLine:
    """A line (BG-25): an amount without VAT, rounded already; what is taken off is negative.

    :param quantity: BT-129, negative for what is taken off: a price never is (BR-27).
    :param unit: BT-130, a code of UN/ECE recommendation 20.
    :param price: BT-146.
    """

    name: str
    explanation: str
    net: Money
    vat: VatTreatment
    quantity: Decimal
    unit: str
    price: Money


ONE = "C62"
"""The unit of what is not measured."""


def line_of(
    name: str, explanation: str, net: Money, vat: VatTreatment, *, quantity: Decimal, unit: str, price: Money
) -> InvoiceLine:
    """A line with the quantity and price that it is told, where they come to its amount; otherwise one of its amount.

    An amount is computed exactly and rounded once, so a price or a quantity that is rounded for display need not come
    to it.
    """
    shown = round_half_away(quantity, MOST_QUANTITY_DECIMALS).normalize()
    if price.amount >= 0 and Money.rounded(Fraction(shown) * Fraction(price.amount), net.currency) == net:
        return InvoiceLine(name, explanation, net, vat, shown, unit, price)
    sign = -1 if net.amount < 0 else 1
    return InvoiceLine(name, explanation, net, vat, Decimal(sign), ONE, Money(abs(net.amount), net.currency))


@dataclass(frozen=True, slots=True)
class VatGroup:
    """A line of the VAT breakdown (BG-23): everything of one category and rate."""

    vat: VatTreatment
    taxable: Money
    tax: Money


@dataclass(frozen=True, slots=True)
class AccountingVat:
    """The VAT in the currency of the seller's tax authority (BT-6, BT-111), when the invoice is in another one.

    :param rate: what one unit of the invoice's currency is worth.
    """

    rate: Decimal
    tax: Money


@dataclass(frozen=True, slots=True)
class Figures:
    """Everything that is a figure on an invoice or a credit note."""

    currency: str
    lines: tuple[InvoiceLine, ...]
    groups: tuple[VatGroup, ...]
    lines_total: Money
    """BT-106, and BT-109: there are no allowances and no charges beside the lines."""
    tax: Money
    """BT-110."""
    total: Money
    """BT-112, and BT-115: what was paid is kept beside the invoice."""
    accounting: AccountingVat | None


def figures_of(lines: Sequence[InvoiceLine], currency: str, accounting: tuple[str, Decimal] | None = None) -> Figures:
    """What these lines add up to.

    :param lines: at least one, all in the currency.
    :param accounting: currency and rate of the seller's tax authority, if it is another one.
    """
    by_group: dict[tuple[VatCategory, Decimal], list[InvoiceLine]] = {}
    for line in lines:
        by_group.setdefault(line.vat.group, []).append(line)
    groups = []
    for members in by_group.values():
        taxable = _sum([line.net for line in members], currency)
        vat = members[0].vat
        tax = Money.rounded(Fraction(taxable.amount) * Fraction(vat.percent) / 100, currency)
        groups.append(VatGroup(vat, taxable, tax))
    lines_total = _sum([line.net for line in lines], currency)
    tax = _sum([group.tax for group in groups], currency)
    return Figures(
        currency=currency,
        lines=tuple(lines),
        groups=tuple(groups),
        lines_total=lines_total,
        tax=tax,
        total=_sum([lines_total, tax], currency),
        accounting=None if accounting is None else _in_accounting(tax, *accounting),
    )


def _sum(amounts: Sequence[Money], currency: str) -> Money:
    return Money.rounded(sum((Fraction(each.amount) for each in amounts), Fraction(0)), currency)


def _in_accounting(tax: Money, currency: str, rate: Decimal) -> AccountingVat:
    return AccountingVat(rate, Money.rounded(Fraction(tax.amount) * Fraction(rate), currency))


# --- Whether it is right ---------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class BrokenRule:
    """A business rule of EN 16931 that the figures break."""

    rule: str
    detail: str


def broken_rules(figures: Figures) -> list[BrokenRule]:
    """Every arithmetic rule of EN 16931 that these figures break; checked apart from how they were computed."""
    return list(_broken(figures))


def _broken(figures: Figures) -> Iterator[BrokenRule]:
    def exact(amounts: Sequence[Money]) -> Fraction:
        return sum((Fraction(each.amount) for each in amounts), Fraction(0))

    if not figures.lines:
        yield BrokenRule("BR-16", "there is no line")
    if not figures.groups:
        yield BrokenRule("BR-CO-18", "there is no VAT breakdown")
    if exact([line.net for line in figures.lines]) != figures.lines_total.amount:
        yield BrokenRule("BR-CO-10", "the lines do not add up to their total")
    if exact([group.tax for group in figures.groups]) != figures.tax.amount:
        yield BrokenRule("BR-CO-14", "the VAT of the categories does not add up to the VAT")
    if exact([figures.lines_total, figures.tax]) != figures.total.amount:
        yield BrokenRule("BR-CO-15", "the total is not the amount without VAT and the VAT")
    for group in figures.groups:
        members = [line.net for line in figures.lines if line.vat.group == group.vat.group]
        if exact(members) != group.taxable.amount:
            yield BrokenRule(f"BR-{group.vat.category}-08", "the taxable amount is not what its lines add up to")
        if Money.rounded(Fraction(group.taxable.amount) * Fraction(group.vat.percent) / 100, figures.currency) != (
            group.tax
        ):
            yield BrokenRule("BR-CO-17", "the VAT of a category is not its rate of its taxable amount")
    if {line.vat.group for line in figures.lines} != {group.vat.group for group in figures.groups}:
        yield BrokenRule("BR-CO-04", "a line is of a category and rate that the VAT breakdown does not have")
    categories = {group.vat.category for group in figures.groups}
    if VatCategory.OUT_OF_SCOPE in categories and len(categories) > 1:
        yield BrokenRule("BR-O-11", "what is out of scope of VAT stands with what is not; issue two invoices")
    if any(line.price.amount < 0 for line in figures.lines):
        yield BrokenRule("BR-27", "a price is negative")


def electronic(currency: str) -> bool:
    """Whether EN 16931 can write the amounts of this currency exactly."""
    return minor_units(currency) <= MOST_DECIMALS


# --- What it needs ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class PartyInLaw:
    """A party as an invoice names it (BG-4, BG-7). None: not known."""

    legal_name: str | None
    registration_number: str | None
    vat_number: str | None
    country: str | None

    @property
    def siren(self) -> str | None:
        """The nine digits of a French company, of its SIREN or its SIRET; None for what is neither."""
        digits = "".join((self.registration_number or "").split())
        is_one = self.country == "FR" and digits.isascii() and digits.isdecimal() and len(digits) in {9, 14}
        return digits[:9] if is_one else None


def missing_for_issue(
    seller: PartyInLaw, buyer: PartyInLaw, treatments: Sequence[VatTreatment | None], iban: str | None
) -> list[Missing]:
    """Everything that EN 16931 asks for and that is not known; the pointers are into what the problem document names.

    :param treatments: of the lines; None for a line for which nothing says how VAT applies.
    """
    missing = [*_missing_of("seller", "The agency", seller), *_missing_of("buyer", "The client", buyer)]

    def lack(pointer: str, detail: str) -> None:
        missing.append(Missing(pointer, detail))

    if None in treatments:
        lack(
            "/vat",
            "Nothing says how VAT applies to every line: give the agency's usual VAT (PUT /v1/tenant/invoicing),"
            " or agree on it in the contract's terms.",
        )
    categories = {each.category for each in treatments if each is not None}
    if seller.vat_number is None and categories - {VatCategory.EXEMPT, VatCategory.OUT_OF_SCOPE}:
        lack("/seller/vat_number", "The agency has no VAT number (BR-S-02, BR-Z-02, BR-AE-02).")
    if VatCategory.EXEMPT in categories and seller.vat_number is None and seller.registration_number is None:
        lack("/seller/vat_number", "The agency has neither a VAT number nor a registration number (BR-E-02).")
    if seller.country == "FR" and seller.siren is None:
        lack("/seller/registration_number", "The agency has no SIREN: nine digits, or a SIRET of fourteen.")
    elif seller.registration_number is None and (seller.vat_number is None or VatCategory.OUT_OF_SCOPE in categories):
        lack("/seller/registration_number", "The agency has no registration number (BR-CO-26).")
    if categories & _BUYER_ACCOUNTS and buyer.vat_number is None:
        lack("/buyer/vat_number", "The client has no VAT number, and is to account for the VAT himself (BR-AE-02).")
    if iban is None:
        lack("/seller/iban", "The agency has no account to be paid to: give its IBAN (PUT /v1/tenant/invoicing).")
    return missing


def _missing_of(side: str, who: str, party: PartyInLaw) -> Iterator[Missing]:
    where = "PUT /v1/tenant/party" if side == "seller" else "PUT /v1/clients/{client_id}/party"
    if party.legal_name is None:
        yield Missing(f"/{side}/legal_name", f"{who} has no legal name: say who it is in law ({where}).")
    if party.country is None:
        yield Missing(f"/{side}/address", f"{who} has no address: say who it is in law ({where}).")
    number = party.vat_number
    if number is not None and not number[:2].isalpha():
        yield Missing(
            f"/{side}/vat_number", f"{who} has a VAT number without the country's prefix (BR-CO-09): {where}."
        )


def is_iban(account: str) -> bool:
    """Whether the check digits of an account number without spaces are right (ISO 13616)."""
    if not (account.isascii() and account.isalnum() and 15 <= len(account) <= 34):
        return False
    return int("".join(str(int(character, 36)) for character in account[4:] + account[:4])) % 97 == 1


# --- Names and days --------------------------------------------------------------------------------------------------


def series_of(prefix: str, issued_on: date) -> str:
    """The series of a year: numbers begin again with 1 in each."""
    return f"{prefix}{issued_on.year:04}"


def number_in(series: str, sequence: int) -> str:
    """The number that stands on the document; sorts as the sequence does up to a million a year."""
    return f"{series}-{sequence:06}"


def due_on(issued_on: date, payment_days: int) -> date:
    """The last day on which it is paid in time."""
    return issued_on + timedelta(days=payment_days)


# --- What became of it -----------------------------------------------------------------------------------------------


class Standing(StrEnum):
    """Whether something is still to be paid."""

    OPEN = "open"
    OVERDUE = "overdue"
    SETTLED = "settled"
    REFUNDABLE = "refundable"


def standing_of(total: Decimal, credited: Decimal, paid: Decimal, due: date, today: date) -> Standing:
    """Where an invoice stands: what was credited and paid counts against it, and what is left is due by its day.

    More than it comes to is to be given back.
    """
    left = total - credited - paid
    if left < 0:
        return Standing.REFUNDABLE
    if left == 0:
        return Standing.SETTLED
    return Standing.OVERDUE if due < today else Standing.OPEN
