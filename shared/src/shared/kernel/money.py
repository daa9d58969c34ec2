"""Money: an exact amount in a currency, rounded half away from zero to the currency's minor units.

Compute with ``Fraction`` (or ``Decimal`` that is not rounded), and call :meth:`Money.rounded` once, at the end of a
line's own computation.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from typing import Self

_CURRENCIES_BY_DECIMALS = {
    0: "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF",
    2: """
        AED AFN ALL AMD AOA ARS AUD AWG AZN BAM BBD BDT BMD BND BOB BOV BRL BSD BTN BWP BYN BZD CAD CDF CHE CHF CHW CNY
        COP COU CRC CUP CVE CZK DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GTQ GYD HKD HNL HTG HUF IDR ILS
        INR IRR JMD KES KGS KHR KPW KYD KZT LAK LBP LKR LRD LSL MAD MDL MGA MKD MMK MNT MOP MRU MUR MVR MWK MXN MXV MYR
        MZN NAD NGN NIO NOK NPR NZD PAB PEN PGK PHP PKR PLN QAR RON RSD RUB SAR SBD SCR SDG SEK SGD SHP SLE SOS SRD SSP
        STN SVC SYP SZL THB TJS TMT TOP TRY TTD TWD TZS UAH USD USN UYU UZS VED VES WST XCD XCG YER ZAR ZMW ZWG""",
    3: "BHD IQD JOD KWD LYD OMR TND",
    4: "CLF UYW",
}
"""ISO 4217. Precious metals, settlement units without decimals and test codes are not money here."""

_MINOR_UNITS = {code: decimals for decimals, codes in _CURRENCIES_BY_DECIMALS.items() for code in codes.split()}


class UnknownCurrencyError(ValueError):
    """The code is no ISO 4217 currency."""

    def __init__(self, currency: str) -> None:
        super().__init__(f"{currency!r} is not an ISO 4217 currency code such as EUR")
        self.currency = currency


def minor_units(currency: str) -> int:
    """How many decimals an amount of this currency has; raises :class:`UnknownCurrencyError`."""
    try:
        return _MINOR_UNITS[currency]
    except KeyError:
        raise UnknownCurrencyError(currency) from None


def round_half_away(exact: Fraction | Decimal | int, decimals: int) -> Decimal:
    """The decimal with that many decimals that is nearest; of two equally near ones the one farther from zero."""
    scaled = abs(Fraction(exact)) * 10**decimals
    units = (2 * scaled.numerator + scaled.denominator) // (2 * scaled.denominator)
    # Built from digits: arithmetic on Decimal would round to the precision of the thread's context.
    return Decimal((int(exact < 0 and units != 0), tuple(int(digit) for digit in str(units)), -decimals))


@dataclass(frozen=True, slots=True)
class Money:
    """An amount in a currency. The amount is exact and may have more decimals than the currency until it is rounded."""

    amount: Decimal
    currency: str

    def __post_init__(self) -> None:
        minor_units(self.currency)

    @classmethod
    def rounded(cls, exact: Fraction | Decimal | int, currency: str) -> Self:
        """The exact figure, rounded half away from zero to the currency's minor units."""
        return cls(round_half_away(exact, minor_units(currency)), currency)

    @property
    def text(self) -> str:
        """The amount as an answer shows it: ``"300.00"``, with the currency's minor units, never an exponent."""
        return format(round_half_away(self.amount, minor_units(self.currency)), "f")
