"""Who the parties are in law: the agency and its clients, wherever they are."""

from functools import cache
from typing import Annotated, Self, TypeAlias
from uuid import UUID

from babel import Locale
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints, model_validator

from contracts.application.ports import Workspace
from contracts.application.values import Country, Name, Request
from shared.values import Instant

EU_MEMBERS = (
    "AT", "BE", "BG", "CY", "CZ", "DE", "DK", "EE", "ES", "FI", "FR", "GR", "HR", "HU",
    "IE", "IT", "LT", "LU", "LV", "MT", "NL", "PL", "PT", "RO", "SE", "SI", "SK",
)  # fmt: skip
_EU_VAT_PREFIXES = {country: "EL" if country == "GR" else country for country in EU_MEMBERS}
"""Member states to the prefix of their VAT numbers."""


@cache
def _countries() -> frozenset[str]:
    # CLDR also names groups of countries and what nobody knows.
    groups = {"EU", "EZ", "UN", "QO", "XA", "XB", "ZZ"}
    codes = {str(code) for code in Locale("en").territories}
    return frozenset(code for code in codes if len(code) == 2 and code.isalpha()) - groups


def _known_country(code: str) -> str:
    if code not in _countries():
        raise ValueError("is not the ISO 3166-1 code of a country, such as FR")
    return code


KnownCountry: TypeAlias = Annotated[Country, AfterValidator(_known_country)]
VatNumber: TypeAlias = Annotated[str, StringConstraints(min_length=4, max_length=20, pattern=r"^[A-Z0-9]+$")]


class PostalAddress(Request):
    """An address in any country: lines as they are written there."""

    lines: list[Name] = Field(min_length=1, max_length=5, examples=[["12 quai du Lac"]])
    postal_code: Name | None = Field(default=None, examples=["74000"])
    city: Name = Field(examples=["Annecy"])
    region: Name | None = Field(default=None, description="State, province or county, where addresses have one.")
    country: KnownCountry = Field(description="ISO 3166-1 code.", examples=["FR"])


class PartyData(Request):
    """A party in law."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {
                    "legal_name": "Hôtel du Lac SARL",
                    "legal_form": "SARL",
                    "registration_number": "732 829 320",
                    "vat_number": "FR44732829320",
                    "address": {
                        "lines": ["12 quai du Lac"],
                        "postal_code": "74000",
                        "city": "Annecy",
                        "region": None,
                        "country": "FR",
                    },
                }
            ]
        },
    )

    legal_name: Name
    legal_form: Name | None = Field(default=None, examples=["SARL"])
    registration_number: Name | None = Field(default=None, description="Of the register of companies there.")
    vat_number: VatNumber | None = Field(
        default=None, description="Without spaces; in the European Union with the prefix of the member state."
    )
    address: PostalAddress

    @model_validator(mode="after")
    def _vat_number_is_of_the_country(self) -> Self:
        prefix = _EU_VAT_PREFIXES.get(self.address.country)
        if self.vat_number is not None and prefix is not None and not self.vat_number.startswith(prefix):
            raise ValueError(f"vat_number begins with {prefix} for a party in {self.address.country}")
        return self


class Party(BaseModel):
    """What is known of a party. Version 0: nothing yet."""

    version: int = Field(ge=0)
    party: PartyData | None
    changed_at: Instant | None


async def party_of(work: Workspace, client_id: UUID | None) -> Party:
    """The data of a client, or of the agency (None)."""
    stored = await work.signing.parties.of(client_id)
    return Party(version=0, party=None, changed_at=None) if stored is None else stored


async def change_party(work: Workspace, client_id: UUID | None, current: Party, data: PartyData) -> Party:
    """Other data of a party whose client or tenant is locked; contracts that were proposed keep theirs."""
    changed = Party(version=current.version + 1, party=data, changed_at=work.now)
    await work.signing.parties.put(client_id, changed)
    return changed
