"""Words, codes, addresses and amounts as requests may contain them: bounded, printable, and without NUL."""

from decimal import Decimal
from functools import cache
from typing import Annotated, Any, Literal, Self, TypeAlias
from urllib.parse import urlsplit
from zoneinfo import available_timezones

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints, model_validator

from shared.kernel.money import minor_units
from shared.web_addresses import as_requested

NO_NUL = r"^[^\x00]*$"
"""PostgreSQL's text has no NUL; refusing it here answers 422 instead of failing later."""

PRINTABLE = r"^[^\x00-\x1f\x7f]*[^\x00-\x20\x7f][^\x00-\x1f\x7f]*$"
"""One line with at least one character that can be seen."""

Name: TypeAlias = Annotated[str, StringConstraints(min_length=1, max_length=200, pattern=PRINTABLE)]
Reason: TypeAlias = Annotated[str, StringConstraints(min_length=1, max_length=2000, pattern=NO_NUL)]
Code: TypeAlias = Annotated[str, StringConstraints(min_length=1, max_length=64, pattern=r"^[a-z][a-z0-9_]*$")]
SeverityCode: TypeAlias = Annotated[str, StringConstraints(min_length=1, max_length=50, pattern=r"^[a-z][a-z0-9_]*$")]
ExternalKey: TypeAlias = Annotated[
    str, StringConstraints(min_length=1, max_length=64, pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")
]
"""What others call something: it means the same in every installation."""
Slug: TypeAlias = Annotated[
    str, StringConstraints(min_length=3, max_length=63, pattern=r"^[a-z0-9](?:[a-z0-9-]*[a-z0-9])?$")
]
Email: TypeAlias = Annotated[
    str,
    StringConstraints(min_length=3, max_length=254, pattern=r"^[^@\s\x00-\x1f\x7f<>,;\"]+@[^@\s\x00-\x1f\x7f<>,;\"]+$"),
]
Country: TypeAlias = Annotated[str, StringConstraints(min_length=2, max_length=2, pattern=r"^[A-Z]{2}$")]
Currency: TypeAlias = Annotated[str, StringConstraints(min_length=3, max_length=3, pattern=r"^[A-Z]{3}$")]
Colour: TypeAlias = Annotated[str, StringConstraints(min_length=7, max_length=7, pattern=r"^#[0-9a-fA-F]{6}$")]
Duration: TypeAlias = Annotated[
    str,
    StringConstraints(
        min_length=3,
        max_length=20,
        pattern=r"^PT(?:[0-9]{1,4}H(?:[0-9]{1,6}M)?(?:[0-9]{1,6}S)?|[0-9]{1,6}M(?:[0-9]{1,6}S)?|[0-9]{1,6}S)$",
    ),
]
"""ISO 8601 with hours, minutes and seconds only."""
Language: TypeAlias = Literal["fr", "en"]
AMOUNT = r"^(?:0|[1-9][0-9]{0,11})(?:\.[0-9]{1,3})?$"
Amount: TypeAlias = Annotated[str, StringConstraints(min_length=1, max_length=16, pattern=AMOUNT)]
Percent: TypeAlias = Annotated[
    str, StringConstraints(min_length=1, max_length=12, pattern=r"^(?:100(?:\.0{1,6})?|[0-9]{1,2}(?:\.[0-9]{1,6})?)$")
]
Ratio: TypeAlias = Annotated[
    str, StringConstraints(min_length=1, max_length=10, pattern=r"^(?:1(?:\.0{1,6})?|0(?:\.[0-9]{1,6})?)$")
]


@cache
def _zones() -> frozenset[str]:
    # "localtime" is whatever this machine is set to: nothing that a contract could say.
    return frozenset(available_timezones() - {"localtime", "Factory"})


def _known_zone(name: str) -> str:
    if name not in _zones():
        raise ValueError("is not a time zone of the IANA database, such as Europe/Paris")
    return name


TimeZone: TypeAlias = Annotated[str, StringConstraints(min_length=1, max_length=64), AfterValidator(_known_zone)]


def _web_address(address: str) -> str:
    parts = urlsplit(address)
    try:
        _ = parts.port
    except ValueError:
        raise ValueError("has a port that is not a number from 1 to 65535") from None
    as_requested(address)
    if parts.username is not None or parts.password is not None:
        raise ValueError("must not contain a user name or password: everybody who reads the contract would see it")
    return address


WebAddress: TypeAlias = Annotated[
    str,
    StringConstraints(min_length=8, max_length=2000, pattern=r"^https?://[^\s\x00-\x1f\x7f]+$"),
    AfterValidator(_web_address),
]


class Request(BaseModel):
    """Base of what callers send: an unknown key is an error, not a silence."""

    model_config = ConfigDict(extra="forbid")


def decimals_fit(amount: str, currency: str) -> str:
    """The amount as its currency is written (600 EUR is 600.00). Raises ValueError for more decimals than it has."""
    decimals = minor_units(currency)
    exact = Decimal(amount)
    written = exact.quantize(Decimal(1).scaleb(-decimals))
    if written != exact:
        raise ValueError(f"{currency} has {decimals} decimals, {amount} has more")
    return str(written)


class Price(Request):
    """An amount of money per month."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"amount": "600.00", "currency": "EUR"}]})

    amount: Amount = Field(description="Decimal string in the currency's unit.", examples=["600.00"])
    currency: Currency = Field(description="ISO 4217 code.", examples=["EUR"])

    @model_validator(mode="after")
    def _as_the_currency_is_written(self) -> Self:
        self.amount = decimals_fit(self.amount, self.currency)
        return self

    @property
    def value(self) -> Decimal:
        """The amount as an exact decimal."""
        return Decimal(self.amount)


class AmountOfMoney(BaseModel):
    """An amount that was computed, in an answer."""

    amount: str = Field(description="With the minor units of the currency.", examples=["600.00"])
    currency: str = Field(examples=["EUR"])

    @property
    def value(self) -> Decimal:
        """The amount as an exact decimal."""
        return Decimal(self.amount)


class Texts(Request):
    """The same words in the languages of everything that a client reads."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"examples": [{"fr": "Surveillance de disponibilité", "en": "Uptime monitoring"}]},
    )

    fr: Name = Field(examples=["Surveillance de disponibilité"])
    en: Name = Field(examples=["Uptime monitoring"])


Parameters: TypeAlias = dict[str, Any]


def unchanged() -> Any:
    """Default of a field of a merge patch: may be left out, and null is refused because the value cannot be removed."""
    return Field(default_factory=lambda: None)
