"""The sums of EN 16931 against a second computation in minor units, and what keeps an invoice from being issued."""

from collections import defaultdict
from dataclasses import replace
from datetime import date
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.domain.invoicing import (
    ONE,
    PartyInLaw,
    Standing,
    TreatmentError,
    VatCategory,
    VatTreatment,
    broken_rules,
    due_on,
    electronic,
    figures_of,
    is_iban,
    line_of,
    missing_for_issue,
    number_in,
    series_of,
    standing_of,
)
from shared.kernel.money import Money, minor_units

STANDARD = VatTreatment(VatCategory.STANDARD, Decimal("20"))
REDUCED = VatTreatment(VatCategory.STANDARD, Decimal("5.5"))
ZERO = VatTreatment(VatCategory.ZERO_RATED, Decimal(0))
EXEMPT = VatTreatment(VatCategory.EXEMPT, Decimal(0), "Formation professionnelle", "VATEX-EU-132-1I")
REVERSED = VatTreatment(VatCategory.REVERSE_CHARGE, Decimal(0), "Reverse charge", "VATEX-EU-AE")
OUTSIDE = VatTreatment(VatCategory.OUT_OF_SCOPE, Decimal(0), "Not subject to VAT", "VATEX-EU-O")

SELLER = PartyInLaw("Agence Lumière SARL", "732 829 320", "FR44732829320", "FR")
BUYER = PartyInLaw("Hôtel du Lac SAS", "552 100 554", "FR96552100554", "FR")
IBAN = "FR7630006000011234567890189"

currencies = st.sampled_from(["EUR", "JPY", "TND"])


@st.composite
def invoices(draw):  # type: ignore[no-untyped-def]
    """A currency, and lines of it as whole numbers of its minor unit, each with how VAT applies."""
    lines = st.tuples(st.integers(-(10**7), 10**7), st.sampled_from([STANDARD, REDUCED, ZERO, EXEMPT, REVERSED]))
    return draw(currencies), draw(st.lists(lines, min_size=1, max_size=12))


def line(units: int, vat: VatTreatment, currency: str = "EUR"):  # type: ignore[no-untyped-def]
    net = Money(Decimal(units).scaleb(-minor_units(currency)), currency)
    return line_of("x", "y", net, vat, quantity=Decimal(1), unit="MON", price=net)


@given(invoices())
def test_the_sums_are_those_of_a_second_computation_and_break_no_rule(
    invoice: tuple[str, list[tuple[int, VatTreatment]]],
) -> None:
    currency, lines = invoice
    figures = figures_of([line(units, vat, currency) for units, vat in lines], currency)

    taxable: dict[Decimal, int] = defaultdict(int)
    for units, vat in lines:
        taxable[vat.percent] += units
    # Half away from zero, in whole units: the rate in tenths of a percent.
    tax = 0
    for percent, units in taxable.items():
        thousandths = abs(units) * int(percent * 10)
        tax += (1 if units >= 0 else -1) * ((2 * thousandths + 1000) // 2000)
    scale = minor_units(currency)
    assert figures.lines_total.amount.scaleb(scale) == sum(units for units, _ in lines)
    assert figures.tax.amount.scaleb(scale) == tax
    assert figures.total.amount == figures.lines_total.amount + figures.tax.amount
    assert broken_rules(figures) == []


@given(invoices(), st.randoms())
def test_the_order_of_the_lines_changes_no_amount(
    invoice: tuple[str, list[tuple[int, VatTreatment]]], chance: object
) -> None:
    currency, lines = invoice
    made = [line(units, vat, currency) for units, vat in lines]
    shuffled = list(made)
    chance.shuffle(shuffled)  # type: ignore[attr-defined]
    one, other = figures_of(made, currency), figures_of(shuffled, currency)
    assert (one.lines_total, one.tax, one.total) == (other.lines_total, other.tax, other.total)


@given(invoices())
def test_a_credit_note_of_the_whole_gives_back_exactly_what_was_invoiced(
    invoice: tuple[str, list[tuple[int, VatTreatment]]],
) -> None:
    currency, lines = invoice
    made = [line(units, vat, currency) for units, vat in lines]
    figures = figures_of(made, currency)
    given_back = figures_of([line(-units, vat, currency) for units, vat in lines], currency)
    assert given_back.total.amount == -figures.total.amount
    assert given_back.tax.amount == -figures.tax.amount
    assert broken_rules(given_back) == []


def test_vat_is_rounded_once_for_each_rate_and_not_for_each_line() -> None:
    # Three lines of 0.33 at 5.5 %: 0.02 each if rounded by line, 0.05 together.
    figures = figures_of([line(33, REDUCED)] * 3, "EUR")
    assert figures.tax.text == "0.05"


def test_a_broken_sum_is_told_by_its_rule() -> None:
    figures = figures_of([line(10000, STANDARD), line(5000, REDUCED)], "EUR")
    assert [rule.rule for rule in broken_rules(replace(figures, total=Money(Decimal("1"), "EUR")))] == ["BR-CO-15"]
    assert {rule.rule for rule in broken_rules(replace(figures, lines=figures.lines[:1]))} == {
        "BR-CO-04",
        "BR-CO-10",
        "BR-S-08",
    }
    wrong = (replace(figures.groups[0], tax=Money(Decimal("19.99"), "EUR")), figures.groups[1])
    assert [rule.rule for rule in broken_rules(replace(figures, groups=wrong))] == ["BR-CO-14", "BR-CO-17"]
    assert [rule.rule for rule in broken_rules(figures_of([], "EUR"))] == ["BR-16", "BR-CO-18"]


def test_what_is_out_of_scope_of_vat_stands_on_an_invoice_of_its_own() -> None:
    mixed = figures_of([line(100, OUTSIDE), line(100, STANDARD)], "EUR")
    assert [rule.rule for rule in broken_rules(mixed)] == ["BR-O-11"]


def test_quantity_and_price_are_shown_where_they_come_to_the_amount() -> None:
    hours = line_of(
        "Overage",
        "",
        Money(Decimal("225.00"), "EUR"),
        STANDARD,
        quantity=Decimal("2.5"),
        unit="HUR",
        price=Money(Decimal("90.00"), "EUR"),
    )
    assert (hours.quantity, hours.unit, hours.price.text) == (Decimal("2.5"), "HUR", "90.00")
    credit = line_of(
        "Credit",
        "",
        Money(Decimal("-10.00"), "EUR"),
        STANDARD,
        quantity=Decimal(1),
        unit="HUR",
        price=Money(Decimal("-10.00"), "EUR"),
    )
    assert (credit.quantity, credit.unit, credit.price.text) == (Decimal(-1), ONE, "10.00")


@pytest.mark.parametrize(
    ("quantity", "price", "net", "shown"),
    [
        ("0.833333", "90.00", "75.00", ("0.8333", "HUR")),  # 50 minutes
        ("0.733333", "300.00", "220.00", ("1", ONE)),  # 22 days of 30: no four decimals come to it
        ("10", "90.00", "900.00", ("10", "HUR")),
    ],
)
def test_a_quantity_has_at_most_four_decimals(quantity: str, price: str, net: str, shown: tuple[str, str]) -> None:
    euros = Money(Decimal(net), "EUR")
    made = line_of(
        "x", "y", euros, STANDARD, quantity=Decimal(quantity), unit="HUR", price=Money(Decimal(price), "EUR")
    )
    assert (format(made.quantity, "f"), made.unit, made.net) == (*shown, euros)


@pytest.mark.parametrize(
    ("category", "percent", "reason"),
    [
        (VatCategory.STANDARD, "0", None),
        (VatCategory.ZERO_RATED, "20", None),
        (VatCategory.EXEMPT, "0", None),
        (VatCategory.STANDARD, "20", "why"),
    ],
)
def test_category_rate_and_reason_go_together(category: VatCategory, percent: str, reason: str | None) -> None:
    with pytest.raises(TreatmentError):
        VatTreatment(category, Decimal(percent), reason)


def test_the_vat_is_told_in_the_currency_of_the_tax_authority_too() -> None:
    figures = figures_of([line(10000, STANDARD, "USD")], "USD", ("EUR", Decimal("0.9173")))
    assert figures.accounting is not None
    assert (figures.accounting.tax.text, figures.accounting.tax.currency) == ("18.35", "EUR")


def test_everything_that_is_missing_is_told_at_once() -> None:
    nobody = PartyInLaw(None, None, None, None)
    assert [each.pointer for each in missing_for_issue(nobody, nobody, [None, STANDARD], None)] == [
        "/seller/legal_name",
        "/seller/address",
        "/buyer/legal_name",
        "/buyer/address",
        "/vat",
        "/seller/vat_number",
        "/seller/registration_number",
        "/seller/iban",
    ]
    assert missing_for_issue(SELLER, BUYER, [STANDARD, EXEMPT], IBAN) == []


@pytest.mark.parametrize(
    ("seller", "buyer", "vat", "pointer"),
    [
        (SELLER, replace(BUYER, vat_number=None), REVERSED, "/buyer/vat_number"),
        (replace(SELLER, vat_number=None), BUYER, ZERO, "/seller/vat_number"),
        (PartyInLaw("A", None, None, "CH"), BUYER, EXEMPT, "/seller/vat_number"),
        (replace(SELLER, registration_number="12"), BUYER, STANDARD, "/seller/registration_number"),
        (PartyInLaw("A", None, "CHE123456788", "CH"), BUYER, OUTSIDE, "/seller/registration_number"),
        (SELLER, replace(BUYER, vat_number="123456"), STANDARD, "/buyer/vat_number"),
    ],
)
def test_each_category_asks_for_what_it_needs(
    seller: PartyInLaw, buyer: PartyInLaw, vat: VatTreatment, pointer: str
) -> None:
    assert pointer in [each.pointer for each in missing_for_issue(seller, buyer, [vat], IBAN)]


def test_a_french_company_is_known_by_its_siren_or_siret() -> None:
    assert replace(SELLER, registration_number="732 829 320 00074").siren == "732829320"
    assert replace(SELLER, country="BE").siren is None


def test_only_currencies_with_two_decimals_or_fewer_make_electronic_invoices() -> None:
    assert [electronic(code) for code in ("JPY", "EUR", "TND")] == [True, True, False]


def test_an_account_number_has_check_digits() -> None:
    assert is_iban(IBAN)
    assert not is_iban("FR7630006000011234567890188")
    assert not is_iban("FR76")
    assert not is_iban("FR76 3000 6000 0112 3456 7890 189")


def test_numbers_begin_again_each_year() -> None:
    assert number_in(series_of("F", date(2026, 12, 31)), 42) == "F2026-000042"
    assert due_on(date(2026, 1, 31), 30) == date(2026, 3, 2)


@pytest.mark.parametrize(
    ("credited", "paid", "today", "standing"),
    [
        ("0", "0", date(2026, 6, 30), Standing.OPEN),
        ("0", "0", date(2026, 7, 1), Standing.OVERDUE),
        ("10", "90", date(2026, 7, 1), Standing.SETTLED),
        ("100", "90", date(2026, 7, 1), Standing.REFUNDABLE),
    ],
)
def test_what_is_left_is_due_by_its_day(credited: str, paid: str, today: date, standing: Standing) -> None:
    assert standing_of(Decimal(100), Decimal(credited), Decimal(paid), date(2026, 6, 30), today) is standing
