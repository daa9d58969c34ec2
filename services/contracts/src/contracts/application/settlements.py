"""Settlements as they are stored, shown and hashed: one period of one contract, promised, measured, owed."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal
from uuid import UUID

from pydantic import BaseModel, Field

from contracts.application.settlement_words import deliverable_words, line_words
from contracts.domain import settlement as rules
from contracts.domain.delivery_proofs import Status
from contracts.domain.settlement import LineKind, Unit, VatCategory
from shared.values import Instant, LocalDate

if TYPE_CHECKING:
    from contracts.application.delivery_proofs import ProvedDeliverable

MOST_LINES = 10_000


class SettledTax(BaseModel):
    """The VAT of a line: a category of EN 16931 (UNTDID 5305) and its rate in percent."""

    category: VatCategory
    rate: str = Field(examples=["20"])


class SettledText(BaseModel):
    """What a line says: a key and its values, and the sentence that they make in both languages."""

    key: str = Field(examples=["fee.whole"])
    parameters: dict[str, str] = Field(max_length=50)
    in_words: dict[str, str] = Field(max_length=10, description="Language to sentence.")


class SettledLine(BaseModel):
    """One amount without VAT: what the client owes is positive, what is owed to him negative.

    `amount` is the amount of the line; `quantity` and `unit_price` explain it and are rounded for display.
    """

    code: str = Field(description="Unlike that of every other line of the settlement.", examples=["fee:premium"])
    kind: LineKind
    quantity: str = Field(examples=["1"])
    unit: Unit
    unit_price: str = Field(examples=["600.00"])
    amount: str = Field(examples=["600.00"])
    tax: SettledTax | None = Field(description="Null: the contract agrees on no VAT for this kind of line.")
    text: SettledText
    why: dict[str, Any] = Field(description="How the amount comes about.")
    events: list[str] = Field(max_length=10_000, description="Ids of what it follows from.")


class TaxTotal(BaseModel):
    """What the lines of one VAT come to; the VAT is rounded once, of their sum. Null where no VAT is agreed on."""

    tax: SettledTax | None
    net: str
    tax_amount: str | None


class SettledTotals(BaseModel):
    """The sums of the lines."""

    by_tax: list[TaxTotal] = Field(max_length=100)
    net: str
    tax: str | None = Field(description="Null as long as a line has no VAT that was agreed on.")
    gross: str | None


class SettledProof(BaseModel):
    """Something that shows a deliverable: an event of another service, or what somebody of the agency entered."""

    source: Literal["event", "entered", "backup_proof"]
    proof_id: UUID
    on: LocalDate
    what: str


class SettledWindow(BaseModel):
    """Days in which something was due once, both included, and was not delivered."""

    first: LocalDate
    last: LocalDate


class SettledDeliverable(BaseModel):
    """A promised deliverable, with its proofs or their absence."""

    source: Literal["deliverable", "scope"]
    code: str
    type: str | None
    name: dict[str, str]
    proof: str
    frequency: str | None
    state: Status = Field(description="`never_delivered`: promised, due, and without proof.")
    in_words: dict[str, str] = Field(max_length=10, description="The state in French and English.")
    proofs: list[SettledProof] = Field(max_length=100, description="At most the hundred newest.")
    proof_count: int
    missing: list[SettledWindow] = Field(max_length=10)


class SettledCommitment(BaseModel):
    """A commitment as it was measured. `met` is null where nothing could be measured, or nothing was promised."""

    commitment_id: str
    kind: str = Field(description="`uptime`, or the metric of a clock.")
    subject: str
    at: Instant
    target: str | None = Field(description="Percent for an uptime, seconds for a clock.")
    measured: str | None = Field(description="Percent for an uptime, seconds over the target for a missed clock.")
    met: bool | None
    counted: bool = Field(description="Whether it was promised then; what was not counts for nothing.")
    why: dict[str, Any]
    events: list[str] = Field(max_length=1000)


class SharedResponsibility(BaseModel):
    """Who answers for a breach, as it was decided."""

    breach_id: UUID
    party: Literal["provider", "client"]
    kind: str
    since: Instant
    provider_percent: int
    client_percent: int
    third_party_percent: int = Field(description="What neither of them answers for.")
    reason: str
    decided_at: Instant
    decided_by: str


class RefusedAdvice(BaseModel):
    """Advice that the client refused in the period: a fact."""

    advisory_id: UUID
    title: dict[str, str]
    refused_at: Instant
    refused_by: str | None
    reason: str | None


class SettledPeriod(BaseModel):
    """The month that is settled, in the zone of the contract; `end` is not included."""

    number: int = Field(ge=0, description="0 for the first month of the contract.")
    first: LocalDate
    end: LocalDate
    starts_at: Instant
    ends_at: Instant
    time_zone: str


class SettledTerms(BaseModel):
    """Which signed version of the contract held when."""

    starts_at: Instant
    ends_at: Instant
    document_hash: str
    plan_code: str
    suspended: bool = Field(description="Nothing was promised meanwhile.")


class Correction(BaseModel):
    """Which closed version this one corrects, and why."""

    number: int = Field(ge=1)
    hash: str
    reason: str


class LineDifference(BaseModel):
    """What became of a line: `before` is null for a new one, `after` for one that is gone."""

    code: str
    kind: LineKind
    before: str | None
    after: str | None
    difference: str
    tax: SettledTax | None
    text: SettledText


class Difference(BaseModel):
    """What a settlement comes to more, or less, than another one; lines that are the same are left out."""

    lines: list[LineDifference] = Field(max_length=MOST_LINES)
    totals: SettledTotals


class SettlementContent(BaseModel):
    """Everything that a settlement says: its canonical JSON is what is hashed when it is closed."""

    format: Literal["upheld.settlement/1"] = "upheld.settlement/1"
    settlement_id: UUID
    number: int = Field(ge=1, description="1, and one more for each correction.")
    contract_id: UUID
    contract_number: str
    client_id: UUID
    currency: str
    period: SettledPeriod
    terms: list[SettledTerms] = Field(max_length=1000)
    lines: list[SettledLine] = Field(max_length=MOST_LINES)
    totals: SettledTotals
    deliverables: list[SettledDeliverable] = Field(max_length=1000)
    commitments: list[SettledCommitment] = Field(max_length=MOST_LINES)
    shared_responsibility: list[SharedResponsibility] = Field(max_length=1000)
    refused_advice: list[RefusedAdvice] = Field(max_length=1000)
    unpriced_tickets: list[str] = Field(
        max_length=1000, description="Tickets of a kind that the contract has no price for: they are not charged."
    )
    corrects: Correction | None
    delta: Difference | None = Field(description="Against the version that is corrected; null for the first one.")


# --- from the rules --------------------------------------------------------------------------------------------------


def shown_lines(settled: rules.Settled) -> list[SettledLine]:
    """The lines as they are stored, with their sentences."""
    return [_line(line, settled.currency) for line in settled.lines]


def _line(line: rules.Line, currency: str) -> SettledLine:
    parameters = dict(line.parameters)
    return SettledLine(
        code=line.code,
        kind=line.kind,
        quantity=format(line.quantity, "f"),
        unit=line.unit,
        unit_price=line.unit_price.text,
        amount=line.amount.text,
        tax=_tax(line.tax),
        text=SettledText(key=line.text, parameters=parameters, in_words=line_words(line.text, parameters, currency)),
        why=dict(line.why),
        events=list(line.events),
    )


def _tax(tax: rules.Tax | None) -> SettledTax | None:
    return None if tax is None else SettledTax(category=tax.category, rate=format(tax.rate, "f"))


def shown_totals(settled: rules.Settled) -> SettledTotals:
    """The sums of the lines as they are stored."""
    return SettledTotals(
        by_tax=[
            TaxTotal(
                tax=_tax(total.tax),
                net=total.net.text,
                tax_amount=None if total.tax_amount is None else total.tax_amount.text,
            )
            for total in settled.totals
        ],
        net=settled.net.text,
        tax=None if settled.tax is None else settled.tax.text,
        gross=None if settled.gross is None else settled.gross.text,
    )


def shown_deliverables(proved: "Sequence[ProvedDeliverable]") -> list[SettledDeliverable]:
    """What was promised, as it is stored."""
    return [
        SettledDeliverable(
            source=each.source,
            code=each.code,
            type=each.type,
            name=each.name.model_dump(),
            proof=each.proof,
            frequency=each.frequency,
            state=each.status,
            in_words=deliverable_words(each.status),
            proofs=[SettledProof(source=one.source, proof_id=one.id, on=one.on, what=one.what) for one in each.proofs],
            proof_count=each.proof_count,
            missing=[SettledWindow(first=window.first, last=window.last) for window in each.missing],
        )
        for each in proved
    ]


def shown_commitments(settled: rules.Settled) -> list[SettledCommitment]:
    """What was measured, as it is stored."""
    return [
        SettledCommitment(
            commitment_id=each.id,
            kind=each.kind,
            subject=each.subject,
            at=each.at,
            target=each.target,
            measured=each.measured,
            met=each.met,
            counted=each.counted,
            why=dict(each.why),
            events=list(each.events),
        )
        for each in settled.commitments
    ]
