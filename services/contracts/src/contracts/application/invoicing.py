"""Invoicing: a closed settlement is invoiced, what comes after is credited or added, and what was paid is a fact."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from contracts.application.errors import NotNow, Refused
from contracts.application.facts import newest_report
from contracts.application.invoice_drafting import UNITS, BillableLine, Drafted, NotReady, drafted, sums
from contracts.application.invoices import (
    Invoice,
    InvoiceContent,
    InvoiceNote,
    InvoicePeriod,
    InvoiceReference,
    IssueRequest,
    NewPayment,
    Payment,
    ReportReference,
    SettlementReference,
)
from contracts.application.invoicing_settings import InvoicingSettings, invoicing_of
from contracts.application.parties import party_of
from contracts.application.ports import Workspace
from contracts.application.service_desk_words import catalogues
from contracts.application.settlements import SettledLine, SettledTax, SettlementContent
from contracts.application.settling import SettlementRecord
from contracts.application.values import decimals_fit
from contracts.domain.agreement import Missing, canonical, fingerprint
from contracts.domain.invoicing import VatCategory, broken_rules, due_on, electronic, number_in, series_of
from shared.i18n import Translator
from shared.kernel.money import Money

USUAL_PAYMENT_DAYS = 30


# --- Issuing ---------------------------------------------------------------------------------------------------------


async def issue(work: Workspace, settlement: SettlementRecord, wanted: IssueRequest) -> Invoice:
    """Invoices what the newest closed version of a locked settlement comes to, or what it changes of an invoiced one.

    What comes to less than nothing is a credit note. Raises NotNow when there is nothing to invoice, and NotReady with
    everything that is missing.
    """
    if settlement.closed_number is None:
        raise NotNow(f"The settlement is {settlement.status}. Review and close it first: only then it is invoiced.")
    closed = await work.settlements.settlements.closed(settlement.settlement_id, settlement.closed_number)
    standing = in_effect(await work.billing.invoices.of_settlement(settlement.settlement_id))
    if standing and standing[-1].settlement.number == closed.number:
        raise NotNow(
            f"Version {closed.number} of the settlement was invoiced as {standing[-1].number}. Correct the settlement"
            " to invoice a difference, or cancel the invoice with a credit note to issue another one."
        )
    client = await work.clients.get(settlement.client_id)
    t = catalogues().translator(client.language)
    content = closed.content
    if standing:
        before = await work.settlements.settlements.closed(settlement.settlement_id, standing[-1].settlement.number)
        lines = _as_invoiced(lines_between(before.content, content, t), before.content, standing)
    else:
        lines = [_billable(line, content.currency, t) for line in content.lines]
    if not lines:
        raise NotNow("There is no line to invoice: the settlement comes to nothing, or the correction changes nothing.")
    settings, draft, gives_back = await _draft(work, settlement, lines, content.currency, wanted, t)
    refers_to = standing[0] if standing else None
    if gives_back:
        # What is given back counts against an invoice, never against a credit note.
        refers_to = next((each for each in standing if each.kind == "invoice"), None)
        if refers_to is None:
            refers_to = await work.billing.invoices.newest_invoice_of(settlement.contract_id, content.currency)
        if refers_to is None:
            raise NotNow(
                f"The settlement gives back {draft.figures.total.text} {content.currency}, and there is no invoice of"
                " this contract that a credit note could refer to (BR-FR-CO-05). Issue that of another period first."
            )
    report = await _report_of(work, content)
    contract = await work.contracts.get(settlement.contract_id)
    commercial = contract.terms.commercial
    invoice_id = work.new_id()
    head: dict[str, Any] = {
        "invoice_id": invoice_id,
        "kind": "credit_note" if gives_back else "invoice",
        "cause": "correction" if standing else "settlement",
        "client_id": settlement.client_id,
        "contract_id": settlement.contract_id,
        "contract_number": content.contract_number,
        "settlement": SettlementReference(
            settlement_id=settlement.settlement_id, number=closed.number, hash=closed.hash
        ),
        "report": report,
        "refers_to": None if refers_to is None else _reference(refers_to),
        "reason": closed.reason,
        "language": client.language,
        "issued_at": work.now,
        "payment_days": USUAL_PAYMENT_DAYS if commercial is None else commercial.payment_days,
        "period": InvoicePeriod(first=content.period.first, last=content.period.end - timedelta(days=1)),
        "currency": content.currency,
        "electronic": electronic(content.currency),
        "seller": draft.seller,
        "buyer": draft.buyer,
        "iban": draft.iban,
        "bic": draft.bic,
        "purchase_order": wanted.purchase_order,
        "buyer_reference": wanted.buyer_reference,
        "lines": draft.lines,
        "notes": [
            *draft.notes,
            _settled_by(settlement.settlement_id, closed.number, closed.hash, t),
            *([] if report is None else [_reported_by(report, t)]),
        ],
        **sums(draft.figures),
    }
    return await _keep(work, settings, head, refers_to if gives_back else None)


async def cancel(work: Workspace, invoice: Invoice, reason: str) -> Invoice:
    """A credit note of a whole locked invoice. Its settlement can be invoiced again afterwards.

    Raises NotNow for a credit note, and for an invoice that something was issued on top of.
    """
    if invoice.kind != "invoice":
        raise NotNow("This is a credit note. What it gives back is invoiced again from its settlement.")
    standing = in_effect(await work.billing.invoices.of_settlement(invoice.settlement.settlement_id))
    numbers = [each.number for each in standing]
    if invoice.number not in numbers:
        raise NotNow("The invoice was cancelled already.")
    later = numbers[numbers.index(invoice.number) + 1 :]
    if later:
        raise NotNow(
            f"Since then {', '.join(later)} was issued for the same settlement. Correct the settlement instead."
        )
    settings = (await invoicing_of(work)).invoicing
    assert settings is not None  # it was there when the invoice was issued, and is never taken away
    said = invoice.model_dump(include=set(InvoiceContent.model_fields))
    head = {
        **said,
        "invoice_id": work.new_id(),
        "kind": "credit_note",
        "cause": "cancellation",
        "refers_to": _reference(invoice),
        "reason": reason,
        "issued_at": work.now,
    }
    return await _keep(work, settings, head, invoice)


def in_effect(issued: Sequence[Invoice]) -> list[Invoice]:
    """What was issued for a settlement and was not cancelled, by the version of the settlement.

    Not by the time of issue: of two that waited for one another, the later one may have been asked for earlier.
    """
    cancelled = {each.refers_to.invoice_id for each in issued if each.cause == "cancellation" and each.refers_to}
    standing = [each for each in issued if each.cause != "cancellation" and each.invoice_id not in cancelled]
    return sorted(standing, key=lambda each: each.settlement.number)


async def _draft(
    work: Workspace,
    settlement: SettlementRecord,
    lines: Sequence[BillableLine],
    currency: str,
    wanted: IssueRequest,
    t: Translator,
) -> tuple[InvoicingSettings, Drafted, bool]:
    """Settings and draft, and whether it gives back: its lines are then the other way round."""
    settings = (await invoicing_of(work)).invoicing
    parties = {
        "seller": (await party_of(work, None)).party,
        "buyer": (await party_of(work, settlement.client_id)).party,
    }
    how: dict[str, Any] = {**parties, "settings": settings, "exchange_rate": wanted.exchange_rate, "t": t}
    draft = drafted(lines, currency, **how)
    gives_back = draft.figures.total.amount < 0
    if gives_back:
        draft = drafted([_turned(line) for line in lines], currency, **how)
    broken = broken_rules(draft.figures)
    if broken:
        raise NotReady([Missing("/vat", f"{rule.rule}: {rule.detail}") for rule in broken])
    assert settings is not None  # else the draft was not ready
    return settings, draft, gives_back


async def _keep(
    work: Workspace, settings: InvoicingSettings, head: dict[str, Any], credited: Invoice | None
) -> Invoice:
    """Numbers, typesets and keeps a document, and counts it against the invoice that it gives_back."""
    invoices = work.billing.invoices
    if credited is not None:
        credited = await invoices.locked(credited.invoice_id)
    prefix = settings.invoice_prefix if head["kind"] == "invoice" else settings.credit_note_prefix
    today = work.now.astimezone(ZoneInfo(settings.time_zone)).date()
    series = series_of(prefix, today)
    # From here on whoever numbers in this series waits; an exception gives the number back.
    sequence = await invoices.next_number(series)
    issued_on = await _day(work, series, today)
    content = InvoiceContent.model_validate(
        {
            **head,
            "number": number_in(series, sequence),
            "series": series,
            "sequence": sequence,
            "issued_on": issued_on,
            "due_on": due_on(issued_on, head["payment_days"]),
        }
    )
    content_hash = fingerprint(canonical(content.model_dump(mode="json")))
    files = await work.billing.files.make(content)
    await invoices.add(content, content_hash, files)
    if credited is not None:
        await invoices.credited(credited, content.total)
    work.billing.announcer.issued(content, content_hash, files)
    return await invoices.get(content.invoice_id)


async def _day(work: Workspace, series: str, today: date) -> date:
    """The date of a new document: never before that of the number before it."""
    newest = await work.billing.invoices.newest_day(series)
    return today if newest is None else max(today, newest)


# --- Lines -----------------------------------------------------------------------------------------------------------


def lines_between(before: SettlementContent, after: SettlementContent, t: Translator) -> list[BillableLine]:
    """What the later version of a settlement comes to more, or less, than the earlier one, line by line.

    Raises NotNow when they are in two currencies: there is no difference then.
    """
    if before.currency != after.currency:
        raise NotNow(
            f"What was invoiced is in {before.currency}, and the settlement is in {after.currency} now. Cancel the"
            " invoice with a credit note, then invoice the settlement."
        )
    was = {line.code: line for line in before.lines}
    found: list[BillableLine] = []
    for line in after.lines:
        earlier = was.pop(line.code, None)
        now = _billable(line, after.currency, t)
        if earlier is None:
            found.append(now)
        elif earlier.tax != line.tax:
            found += [_turned(_billable(earlier, before.currency, t)), now]
        elif earlier.amount != line.amount:
            found.append(_difference(now, earlier, t))
    found += [_turned(_billable(line, before.currency, t)) for line in was.values()]
    return found


def _as_invoiced(
    lines: Sequence[BillableLine], before: SettlementContent, standing: Sequence[Invoice]
) -> list[BillableLine]:
    """The lines, those without a VAT of the contract with the usual one of their invoice: by now it may be another."""
    codes = {line.code for line in before.lines if line.tax is None}
    usual = next((line.vat for document in standing for line in document.lines if line.code in codes), None)
    if usual is None:
        return list(lines)
    vat = (usual.category, Decimal(usual.percent))
    return [replace(line, vat=vat) if line.vat is None else line for line in lines]


def _difference(now: BillableLine, earlier: SettledLine, t: Translator) -> BillableLine:
    change = Money(now.net.amount - Decimal(earlier.amount), now.net.currency)
    explanation = t.gettext(
        "Correction: %(after)s instead of %(before)s. %(why)s",
        after=t.money(now.net.text, now.net.currency),
        before=t.money(earlier.amount, now.net.currency),
        why=now.explanation,
    )
    return replace(now, net=change, explanation=explanation, quantity=Decimal(1), unit=UNITS["piece"], price=change)


def _turned(line: BillableLine) -> BillableLine:
    return replace(line, net=Money(-line.net.amount, line.net.currency), quantity=-line.quantity)


def _billable(line: SettledLine, currency: str, t: Translator) -> BillableLine:
    return BillableLine(
        code=line.code,
        name=_kind(line, t),
        explanation=line.text.in_words[t.language],
        net=Money(Decimal(line.amount), currency),
        vat=_vat(line.tax),
        quantity=Decimal(line.quantity),
        unit=UNITS[line.unit],
        price=Money(Decimal(line.unit_price), currency),
    )


def _vat(tax: SettledTax | None) -> tuple[VatCategory, Decimal] | None:
    return None if tax is None else (VatCategory(tax.category), Decimal(tax.rate))


def _kind(line: SettledLine, t: Translator) -> str:
    return {
        "fee": t.gettext("Maintenance"),
        "indexation": t.gettext("Price revision"),
        "discount": t.gettext("Discount"),
        "one_off": t.gettext("One-off charge"),
        "ticket": t.gettext("Request"),
        "overage": t.gettext("Hours beyond those included"),
        "credit": t.gettext("Service credit"),
        "penalty": t.gettext("Penalty"),
        "late": t.gettext("Penalty for lateness"),
        "adjustment": t.gettext("Adjustment"),
    }[line.kind]


def _settled_by(settlement_id: UUID, number: int, closed_hash: str, t: Translator) -> InvoiceNote:
    """Whoever has the settlement can check the invoice: its hash stands on the page and in the files."""
    text = t.gettext(
        "Settlement %(id)s, version %(version)s, SHA-256 %(hash)s", id=settlement_id, version=number, hash=closed_hash
    )
    return InvoiceNote(code="AAI", text=text)


async def _report_of(work: Workspace, content: SettlementContent) -> ReportReference | None:
    """The report of the month that is invoiced, in its newest edition by now; None as long as none was published.

    A period that begins within a month is invoiced with the report of that month, which is over within it.
    """
    period = content.period
    found = await newest_report(
        work, content.contract_id, period.first.replace(day=1), period.starts_at, period.ends_at
    )
    if found is None:
        return None
    return ReportReference(report_id=found.report_id, month=found.month, edition=found.edition, hash=found.content_hash)


def _reported_by(report: ReportReference, t: Translator) -> InvoiceNote:
    """Whoever has the report can check that it is the one behind the invoice."""
    text = t.gettext(
        "Report of %(month)s, edition %(edition)s, SHA-256 %(hash)s",
        month=t.month(report.month),
        edition=report.edition,
        hash=report.hash,
    )
    return InvoiceNote(code="AAI", text=text)


def _reference(invoice: Invoice) -> InvoiceReference:
    return InvoiceReference(invoice_id=invoice.invoice_id, number=invoice.number, issued_on=invoice.issued_on)


# --- Paying ----------------------------------------------------------------------------------------------------------


async def pay(work: Workspace, invoice: Invoice, new: NewPayment) -> Payment:
    """Records a payment of a locked invoice. Raises Refused for an amount or day that cannot be, NotNow for a credit
    note: it is set off against its invoice, and what is paid back is a negative payment of that.
    """
    if invoice.kind != "invoice":
        raise NotNow(
            "A credit note is set off against its invoice: record what was paid back there, as a negative one."
        )
    try:
        amount = decimals_fit(new.amount, invoice.currency)
    except ValueError as error:
        raise Refused(str(error), "amount") from None
    if not Decimal(amount):
        raise Refused("is nothing", "amount")
    if Decimal(invoice.paid) + Decimal(amount) < 0:
        raise Refused(f"gives back more than the {invoice.paid} {invoice.currency} that came in", "amount")
    if new.paid_on > work.now.date() + timedelta(days=1):
        raise Refused("is in the future: record a payment when it has come in", "paid_on")
    payment = Payment(
        payment_id=work.new_id(),
        invoice_id=invoice.invoice_id,
        client_id=invoice.client_id,
        paid_on=new.paid_on,
        amount=amount,
        reference=new.reference,
        recorded_by=work.actor,
        recorded_at=work.now,
    )
    await work.billing.invoices.pay(invoice, payment)
    return payment
