"""The legal and the commercial part of a contract."""

from typing import Annotated, Literal, Self

from pydantic import ConfigDict, Field, model_validator

from contracts.application.settlement_terms import LineTax, OtherTax
from contracts.application.values import Code, Country, Language, Name, Request, Texts

Billing = Literal["flat", "per_ticket", "hours", "on_demand", "share_of_sale"]


class Legal(Request):
    """Clauses of the library, in the versions that are newest when the contract is proposed, and the law.

    Documents under control (quality manual, procedures) are named like clauses; only approved versions can be.
    """

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {
                    "clauses": ["liability"],
                    "controlled_documents": [],
                    "governing_law": "FR",
                    "jurisdiction": "Paris",
                    "authoritative_language": "fr",
                }
            ]
        },
    )

    clauses: list[Code] = Field(default_factory=list, max_length=50, description="Codes of clauses of the library.")
    controlled_documents: list[Code] = Field(
        default_factory=list, max_length=50, description="Codes of other controlled documents that the contract names."
    )
    governing_law: Country = Field(description="ISO 3166-1 code of the country whose law governs.", examples=["FR"])
    jurisdiction: Name | None = Field(default=None, description="Whose courts decide.", examples=["Paris"])
    authoritative_language: Language = Field(default="fr", description="Which wording decides when two differ.")

    @model_validator(mode="after")
    def _each_once(self) -> Self:
        for name in ("clauses", "controlled_documents"):
            codes = getattr(self, name)
            if len(set(codes)) != len(codes):
                raise ValueError(f"{name} names one twice")
        return self


class Commercial(Request):
    """How it is billed and paid; the price itself is `price`."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {
                    "billing": ["flat"],
                    "payment_days": 30,
                    "tax": {"category": "S", "rate": "20"},
                    "conditions": [{"fr": "Facture en début de mois", "en": "Invoiced at the start of the month"}],
                }
            ]
        },
    )

    billing: list[Billing] = Field(
        default_factory=list, max_length=5, description="What invoices are made of; empty: not chosen yet."
    )
    payment_days: Annotated[int, Field(strict=True, ge=0, le=365, json_schema_extra={"format": "int32"})] = 30
    conditions: list[Texts] = Field(default_factory=list, max_length=50, description="Further conditions.")
    tax: LineTax | None = Field(default=None, description="The VAT of what is billed; null: not agreed on.")
    other_taxes: list[OtherTax] = Field(
        default_factory=list, max_length=20, description="Kinds of lines that have another VAT."
    )

    @model_validator(mode="after")
    def _each_once(self) -> Self:
        if len(set(self.billing)) != len(self.billing):
            raise ValueError("billing names one thing twice")
        kinds = [other.kind for other in self.other_taxes]
        if len(set(kinds)) != len(kinds):
            raise ValueError("other_taxes names one kind of lines twice")
        return self
