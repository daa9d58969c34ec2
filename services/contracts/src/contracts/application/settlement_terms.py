"""What a contract says of money beside its price: VAT, charges, credits, penalties, claims, and rights to leave.

Credits and penalties are off unless the contract names them. It writes them out, or names a table of the agency's,
whose content then stands in the document that is signed: a table that changes later changes nothing of what was agreed.
"""

from collections.abc import Iterable
from datetime import timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Annotated, Any, Literal, Self, TypeAlias
from uuid import UUID

from pydantic import ConfigDict, Field, JsonValue, model_validator

from contracts.application.errors import NotNow, Refused
from contracts.application.values import (
    Amount,
    Code,
    Duration,
    Percent,
    Request,
    SeverityCode,
    Texts,
    decimals_fit,
)
from contracts.domain import settlement as rules
from contracts.domain import termination_right
from contracts.domain.billing_periods import Anchor
from contracts.domain.credits import Cumulation
from contracts.domain.pricing import DurationPrice, PerTicket, ShareOfSalePrice
from contracts.domain.settlement import LineKind, VatCategory
from shared.values import Instant, LocalDate, parse_duration

if TYPE_CHECKING:
    from contracts.application.ports import Workspace

Metric: TypeAlias = Literal["response", "mitigation", "repair", "next_reply", "post_mortem"]
Days: TypeAlias = Annotated[int, Field(strict=True, ge=1, le=3650, json_schema_extra={"format": "int32"})]
Many: TypeAlias = Annotated[int, Field(strict=True, ge=1, le=1000, json_schema_extra={"format": "int32"})]
Divisor: TypeAlias = Annotated[int, Field(strict=True, ge=1, le=1_000_000, json_schema_extra={"format": "int32"})]

_TIERS: list[JsonValue] = [{"below": None, "credit_percent": "10"}, {"below": "99.0", "credit_percent": "25"}]
_TARGETS: list[JsonValue] = [
    {"metric": "response", "severity": None, "unit": "PT1H", "percent_per_started_unit": "5", "cap_percent": "30"}
]
USUAL_CLAIM_DAYS = 30
RATED: frozenset[VatCategory] = frozenset({"S"})


class LineTax(Request):
    """The VAT of lines: a category of EN 16931 (UNTDID 5305) and its rate in percent."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"category": "S", "rate": "20"}]})

    category: VatCategory = Field(
        description="`S` with a rate; `Z` zero rate, `E` exempt, `AE` reverse charge, `K` within the Union, `G` export,"
        " `O` outside of VAT: their rate is 0."
    )
    rate: Percent = Field(examples=["20"])

    @model_validator(mode="after")
    def _rate_fits(self) -> Self:
        if (Decimal(self.rate) > 0) != (self.category in RATED):
            raise ValueError("the rate is over 0 exactly with the category S")
        return self

    def as_value(self) -> rules.Tax:
        """The tax as the domain knows it."""
        return rules.Tax(self.category, Decimal(self.rate))


class OtherTax(LineTax):
    """The VAT of one kind of lines, where it is not the usual one."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"kind": "penalty", "category": "O", "rate": "0"}]}
    )

    kind: LineKind


class CreditTier(Request):
    """What an uptime below a limit credits."""

    below: Percent | None = Field(default=None, description="Percent; null: below the commitment's own target.")
    credit_percent: Percent = Field(description="Of the fee of the period.")


class PenaltyTarget(Request):
    """What each started unit of a missed target costs."""

    metric: Metric
    severity: SeverityCode | None = Field(default=None, description="Null: of every severity without one of its own.")
    unit: Duration = Field(description="Longer than nothing; a started one counts whole.", examples=["PT1H"])
    percent_per_started_unit: Percent = Field(description="Of the fee of the period.")
    cap_percent: Percent | None = Field(default=None, description="Of the fee, for each miss; before the share.")

    @model_validator(mode="after")
    def _takes_time(self) -> Self:
        if not parse_duration(self.unit):
            raise ValueError("a unit is longer than nothing, such as PT1H")
        return self


class Lateness(Request):
    """What something that comes late costs: value × days ÷ divisor."""

    divisor: Divisor = Field(examples=[1000])
    exempt_up_to: Amount | None = Field(default=None, description="A threshold: nothing is deducted.")
    cap_percent: Percent | None = Field(default=None, description="Of the value.")


def _check_tiers(tiers: Iterable[CreditTier]) -> None:
    limits = [None if tier.below is None else Decimal(tier.below) for tier in tiers]
    if len(set(limits)) != len(limits):
        raise ValueError("two tiers begin below one limit: give each a limit of its own")


def _check_targets(targets: Iterable[PenaltyTarget]) -> None:
    keys = [(target.metric, target.severity) for target in targets]
    if len(set(keys)) != len(keys):
        raise ValueError("two penalties are for one metric and severity")


class Credits(Request):
    """Service credits for a missed uptime commitment: of a table of the agency's, or written out."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"table": "standard"}, {"tiers": _TIERS}]}
    )

    table: Code | None = Field(default=None, description="A table of the agency's, as it is when this is proposed.")
    tiers: list[CreditTier] = Field(default_factory=list, max_length=20, description="Empty: those of the table.")

    @model_validator(mode="after")
    def _say_something(self) -> Self:
        if self.table is None and not self.tiers:
            raise ValueError("name a table or give tiers; leave the block out for no credits")
        _check_tiers(self.tiers)
        return self


class Penalties(Request):
    """Penalties for missed targets and for lateness: of a table of the agency's, or written out."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"table": "standard"}, {"targets": _TARGETS}]}
    )

    table: Code | None = Field(default=None, description="A table of the agency's, as it is when this is proposed.")
    targets: list[PenaltyTarget] = Field(default_factory=list, max_length=50)
    late: Lateness | None = None

    @model_validator(mode="after")
    def _say_something(self) -> Self:
        if self.table is None and not self.targets and self.late is None:
            raise ValueError("name a table, or give targets or late; leave the block out for no penalties")
        _check_targets(self.targets)
        return self


class SettlementTerms(Request):
    """How periods are settled."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [{"periods": "calendar_month", "cumulation": "sum", "cap_percent": "50", "claim_days": 30}]
        },
    )

    periods: Anchor = Field(
        default="calendar_month",
        description="As agreed first; an amendment cannot change it.",
    )
    cumulation: Cumulation = Field(default="sum", description="`max`: only the largest credit or penalty is owed.")
    cap_percent: Percent | None = Field(default=None, description="Of the fee, for credits and penalties together.")
    claim_days: Days = Field(
        default=USUAL_CLAIM_DAYS, description="How long a closed settlement can be claimed against, in local days."
    )


class SaleShare(Request):
    """A percentage of a sale price every year, instead of the price per month."""

    percent: Percent = Field(examples=["15"])
    sale_price: Amount = Field(examples=["20000.00"])


class WholeDuration(Request):
    """One price for a number of months, paid in as many parts, instead of the price per month."""

    total: Amount = Field(examples=["3600.00"])
    months: Many = Field(examples=[12])


class TicketKind(Request):
    """What a request of a kind costs."""

    kind: Code = Field(examples=["corrective"])
    amount: Amount = Field(examples=["80.00"])


class TicketPrices(Request):
    """What each request costs; a kind without a price is not charged, and the settlement says so."""

    kinds: list[TicketKind] = Field(default_factory=list, max_length=50)
    otherwise: Amount | None = Field(default=None, description="For all other kinds; null: they have no price.")

    @model_validator(mode="after")
    def _each_once(self) -> Self:
        kinds = [item.kind for item in self.kinds]
        if len(set(kinds)) != len(kinds):
            raise ValueError("kinds names one kind twice")
        return self


class OneOffCharge(Request):
    """Something that is paid once."""

    charge_code: Code = Field(examples=["setup"])
    name: Texts
    amount: Amount = Field(examples=["250.00"])
    due_on: LocalDate = Field(description="It is in the settlement of the period of this day.")


class Charges(Request):
    """What is charged beside, or instead of, the price per month; in the currency of the price."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"examples": [{"per_ticket": {"kinds": [{"kind": "corrective", "amount": "80.00"}]}}]},
    )

    share_of_sale: SaleShare | None = None
    duration: WholeDuration | None = None
    per_ticket: TicketPrices | None = None
    once: list[OneOffCharge] = Field(default_factory=list, max_length=50)

    @model_validator(mode="after")
    def _one_price(self) -> Self:
        if self.share_of_sale is not None and self.duration is not None:
            raise ValueError("give share_of_sale or duration, not both")
        codes = [item.charge_code for item in self.once]
        if len(set(codes)) != len(codes):
            raise ValueError("once uses one code twice")
        return self

    def time_price(self) -> ShareOfSalePrice | DurationPrice | None:
        """The price that stands in for the one per month."""
        if self.share_of_sale is not None:
            return ShareOfSalePrice(Decimal(self.share_of_sale.percent), Decimal(self.share_of_sale.sale_price))
        if self.duration is not None:
            return DurationPrice(Decimal(self.duration.total), self.duration.months)
        return None

    def ticket_price(self) -> PerTicket | None:
        """What requests cost, as the domain knows it."""
        if self.per_ticket is None:
            return None
        rest = self.per_ticket.otherwise
        return PerTicket(
            {item.kind: Decimal(item.amount) for item in self.per_ticket.kinds},
            None if rest is None else Decimal(rest),
        )

    def amounts(self) -> Iterable[tuple[tuple[str | int, ...], str]]:
        """Every amount, and where it is."""
        if self.share_of_sale is not None:
            yield ("share_of_sale", "sale_price"), self.share_of_sale.sale_price
        if self.duration is not None:
            yield ("duration", "total"), self.duration.total
        if self.per_ticket is not None:
            for index, item in enumerate(self.per_ticket.kinds):
                yield ("per_ticket", "kinds", index, "amount"), item.amount
            if self.per_ticket.otherwise is not None:
                yield ("per_ticket", "otherwise"), self.per_ticket.otherwise
        for index, charge in enumerate(self.once):
            yield ("once", index, "amount"), charge.amount


class RightToTerminate(Request):
    """A pattern of misses that lets the client leave, and for how long."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {"right_code": "uptime", "commitment": "uptime", "misses": 3, "within_months": 12, "days_to_use": 60}
            ]
        },
    )

    right_code: Code = Field(examples=["uptime"])
    commitment: Literal["uptime", Metric] = Field(description="A missed month of uptime, or a missed target.")
    misses: Many
    within_months: Annotated[int, Field(strict=True, ge=1, le=120, json_schema_extra={"format": "int32"})] | None = (
        Field(default=None, description="In any stretch of so many months; null: one after another.")
    )
    days_to_use: Days = Field(
        description="The right lapses so many local days after the settlement that shows it was closed."
    )

    def as_value(self) -> termination_right.TerminationRule:
        """The rule as the domain knows it."""
        pattern: termination_right.MissesWithin | termination_right.MissesInARow
        if self.within_months is None:
            pattern = termination_right.MissesInARow(self.misses)
        else:
            pattern = termination_right.MissesWithin(self.misses, self.within_months)
        return termination_right.TerminationRule(pattern, self.days_to_use)


# --- tables of the agency ---------------------------------------------------------------------------------------------


class RemedyTableContent(Request):
    """What missed promises cost, for contracts that name it."""

    title: Texts
    tiers: list[CreditTier] = Field(default_factory=list, max_length=20, description="Credits for a missed uptime.")
    targets: list[PenaltyTarget] = Field(default_factory=list, max_length=50, description="Penalties.")
    late: Lateness | None = None

    @model_validator(mode="after")
    def _each_once(self) -> Self:
        _check_tiers(self.tiers)
        _check_targets(self.targets)
        return self


class NewRemedyTable(RemedyTableContent):
    """A table to add; contracts name it by its code."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {
                    "table_code": "standard",
                    "title": {"fr": "Avoirs et pénalités", "en": "Credits and penalties"},
                    "tiers": _TIERS,
                    "targets": _TARGETS,
                    "late": {"divisor": 1000, "exempt_up_to": "300.00", "cap_percent": "10"},
                }
            ]
        },
    )

    table_code: Code = Field(examples=["standard"])


class RemedyTable(RemedyTableContent):
    """A table, as stored."""

    model_config = ConfigDict(extra="ignore")

    remedy_table_id: UUID
    version: int = Field(ge=1)
    table_code: str
    created_at: Instant
    updated_at: Instant


class RemedyTablePatch(Request):
    """What to change of a table (merge patch); contracts that were proposed keep what they said."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"tiers": [{"below": "99.5", "credit_percent": "15"}]}]}
    )

    title: Annotated[dict[str, JsonValue], Field(max_length=10)] = Field(default_factory=dict)
    tiers: Annotated[list[CreditTier], Field(max_length=20)] | None = None
    targets: Annotated[list[PenaltyTarget], Field(max_length=50)] | None = None
    late: Annotated[dict[str, JsonValue], Field(max_length=10)] | None = None


async def add_table(work: "Workspace", new: NewRemedyTable) -> RemedyTable:
    """A new table. Raises Taken for its code."""
    table = RemedyTable(
        **new.model_dump(), remedy_table_id=work.new_id(), version=1, created_at=work.now, updated_at=work.now
    )
    await work.settlements.tables.add(table)
    return table


async def change_table(work: "Workspace", table: RemedyTable, content: RemedyTableContent) -> RemedyTable:
    """The locked table with another content."""
    saved = table.model_copy(
        update={
            **{name: getattr(content, name) for name in RemedyTableContent.model_fields},
            "version": table.version + 1,
            "updated_at": work.now,
        }
    )
    await work.settlements.tables.save(saved)
    return saved


# --- with the contract ------------------------------------------------------------------------------------------------


async def check_money(work: "Workspace", terms: Any, currency: str) -> None:
    """Whether the blocks of money fit the price and the agency's tables. Raises Refused at the value that does not."""
    for name in ("credits", "penalties"):
        block = getattr(terms, name)
        if block is not None and block.table is not None and await work.settlements.tables.by_code(block.table) is None:
            raise Refused(f"There is no table {block.table}. Create it first: POST /v1/remedy-tables.", name, "table")
    if terms.charges is not None:
        for path, amount in terms.charges.amounts():
            try:
                decimals_fit(amount, currency)
            except ValueError as error:
                raise Refused(str(error), "charges", *path) from None
    for index, item in enumerate(() if terms.obligations is None else terms.obligations.agreed):
        if item.worth is not None and item.worth.currency != currency:
            raise Refused(
                f"is not {currency}, the currency of the price", "obligations", "agreed", index, "worth", "currency"
            )
    codes = [item.right_code for item in terms.termination_rights or ()]
    if len(set(codes)) != len(codes):
        raise Refused("uses one code twice", "termination_rights")


async def written_out(work: "Workspace", terms: Any) -> dict[str, Any]:
    """The blocks that name a table, with what the table says today: so they stand in the document that is signed.

    Raises NotNow when a table is no more.
    """
    found: dict[str, Any] = {}
    for name, parts in (("credits", ("tiers",)), ("penalties", ("targets", "late"))):
        block = getattr(terms, name)
        if block is None or block.table is None:
            continue
        table = await work.settlements.tables.by_code(block.table)
        if table is None:
            raise NotNow(f"There is no table {block.table} any more. Name another one.")
        own = any(getattr(block, part) for part in parts)
        said = block if own else block.model_copy(update={part: getattr(table, part) for part in parts})
        found[name] = said.model_dump(mode="json")
    return found


def remedies_of(
    target_percent: str | None,
    credit: Credits | None,
    penalty: Penalties | None,
    settlement: SettlementTerms,
) -> rules.Remedies:
    """What missed promises cost by these terms."""
    late = None if penalty is None else penalty.late
    return rules.Remedies(
        uptime_target=None if target_percent is None else Decimal(target_percent),
        tiers=tuple(
            rules.CreditTier(_decimal(tier.below), Decimal(tier.credit_percent))
            for tier in (() if credit is None else credit.tiers)
        ),
        penalties=tuple(
            rules.PenaltyRate(
                target.metric,
                target.severity,
                _length(target.unit),
                Decimal(target.percent_per_started_unit),
                _decimal(target.cap_percent),
            )
            for target in (() if penalty is None else penalty.targets)
        ),
        late=None
        if late is None
        else rules.LateRule(late.divisor, _decimal(late.exempt_up_to), _decimal(late.cap_percent)),
        cumulation=settlement.cumulation,
        cap_percent=_decimal(settlement.cap_percent),
    )


def _decimal(text: str | None) -> Decimal | None:
    return None if text is None else Decimal(text)


def _length(text: str) -> timedelta:
    return parse_duration(text)
