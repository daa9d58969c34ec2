"""How an agency invoices: where it is paid to, its usual VAT, its series of numbers, and what its invoices mention."""

from decimal import Decimal
from typing import Annotated, Literal, Self, TypeAlias

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints, model_validator

from contracts.application.ports import Workspace
from contracts.application.values import Percent, Request, Texts, TimeZone
from contracts.domain.invoicing import FIXED_REASON_CODES, VatCategory, is_iban
from shared.values import Instant

ExemptionCode: TypeAlias = Literal[
    "VATEX-EU-132",
    "VATEX-EU-132-1I",
    "VATEX-EU-135-1",
    "VATEX-EU-143",
    "VATEX-EU-151",
    "VATEX-EU-159",
    "VATEX-FR-CGI275",
    "VATEX-FR-CGI295",
    "VATEX-FR-FRANCHISE",
]
"""Why something is exempt, of the codes of the European list those that maintenance can meet."""


def _account(number: str) -> str:
    if not is_iban(number):
        raise ValueError("is not an IBAN: its check digits are wrong")
    return number


Iban: TypeAlias = Annotated[
    str,
    StringConstraints(min_length=15, max_length=34, pattern=r"^[A-Z]{2}[0-9]{2}[A-Z0-9]{11,30}$"),
    AfterValidator(_account),
]
Bic: TypeAlias = Annotated[
    str, StringConstraints(min_length=8, max_length=11, pattern=r"^[A-Z]{4}[A-Z]{2}[A-Z0-9]{2}(?:[A-Z0-9]{3})?$")
]
Prefix: TypeAlias = Annotated[str, StringConstraints(min_length=1, max_length=10, pattern=r"^[A-Z][A-Z0-9]*$")]


class UsualVat(Request):
    """The VAT of every line for which the contract says none."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"category": "S", "percent": "20"}]})

    category: VatCategory = Field(
        description="S standard, Z zero-rated, E exempt, AE reverse charge, K within the EU, G export, O out of scope."
    )
    percent: Percent = Field(default="0", description="Above 0 exactly for S.", examples=["20"])

    @model_validator(mode="after")
    def _a_rate_exactly_for_the_standard_category(self) -> Self:
        if (self.category is VatCategory.STANDARD) != (Decimal(self.percent) > 0):
            raise ValueError("percent is above 0 for the category S and 0 for every other one")
        return self


class Exemption(Request):
    """Why what is exempt is exempt."""

    reason: Texts = Field(examples=[{"fr": "TVA non applicable, art. 293 B du CGI", "en": "VAT not applicable"}])
    code: ExemptionCode | None = Field(default=None, description="Of the VATEX list, if one fits.")


class PaymentMentions(Request):
    """What an invoice says about paying late and early. Left out: for French agencies what French law provides."""

    late_payment: Texts = Field(description="What paying late costs.")
    recovery_costs: Texts = Field(description="What chasing a payment costs.")
    early_payment: Texts = Field(description="What paying early is worth, or that it is worth nothing.")


class InvoicingSettings(Request):
    """How the agency invoices."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {
                    "iban": "FR7630006000011234567890189",
                    "bic": "AGRIFRPPXXX",
                    "usual_vat": {"category": "S", "percent": "20"},
                    "invoice_prefix": "F",
                    "credit_note_prefix": "A",
                    "time_zone": "Europe/Paris",
                }
            ]
        },
    )

    iban: Iban | None = Field(default=None, description="The account to be paid to.")
    bic: Bic | None = Field(default=None, description="Of the bank.")
    usual_vat: UsualVat | None = Field(default=None, description="Null: every contract says its own.")
    exemption: Exemption | None = Field(default=None, description="Required as soon as a line is of the category E.")
    invoice_prefix: Prefix = Field(default="F", description="Of the series; the year and six digits follow.")
    credit_note_prefix: Prefix = Field(default="A", description="Of the series; the year and six digits follow.")
    time_zone: TimeZone = Field(default="Europe/Paris", description="Whose day is the date of an invoice.")
    mentions: PaymentMentions | None = None

    @model_validator(mode="after")
    def _two_series(self) -> Self:
        if self.invoice_prefix == self.credit_note_prefix:
            raise ValueError("credit_note_prefix is that of the invoices: each has a series of its own")
        return self

    def reason(self, category: VatCategory, language: str) -> tuple[str | None, str | None]:
        """Reason and code of what is exempt, in a language; None and None where none is given or needed."""
        if category is VatCategory.EXEMPT and self.exemption is not None:
            return str(getattr(self.exemption.reason, language)), self.exemption.code
        return None, FIXED_REASON_CODES.get(category)


class Invoicing(BaseModel):
    """How the agency invoices. Version 0: nothing was said yet."""

    version: int = Field(ge=0)
    invoicing: InvoicingSettings | None
    changed_at: Instant | None


async def invoicing_of(work: Workspace) -> Invoicing:
    """The agency's settings."""
    stored = await work.billing.settings.get()
    return Invoicing(version=0, invoicing=None, changed_at=None) if stored is None else stored


async def change_invoicing(work: Workspace, current: Invoicing, settings: InvoicingSettings) -> Invoicing:
    """Other settings of a locked tenant; what was issued keeps what it says."""
    changed = Invoicing(version=current.version + 1, invoicing=settings, changed_at=work.now)
    await work.billing.settings.put(changed)
    return changed
