"""What makes a contract binding: it is complete, both parties signed the same text, and that text has not changed."""

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any, Literal
from zoneinfo import ZoneInfo

Party = Literal["agency", "client"]
PARTIES: tuple[Party, ...] = ("agency", "client")


@dataclass(frozen=True)
class Missing:
    """One choice that a contract still lacks: `pointer` is the JSON Pointer of the value to set."""

    pointer: str
    detail: str


class Incomplete(Exception):
    """The contract cannot be proposed yet; `missing` lists everything that is still to be chosen."""

    def __init__(self, missing: Sequence[Missing]) -> None:
        self.missing = tuple(missing)
        super().__init__("; ".join(item.detail for item in missing))


class SignatureRefused(Exception):
    """This signature cannot count; the message says why."""


class NotBinding(Exception):
    """The contract cannot take effect: a signature is missing, or what was signed is not what is stored."""


@dataclass(frozen=True)
class Signature:
    """One party's consent to one exact text, named by the SHA-256 of its canonical form."""

    party: Party
    name: str
    signed_at: datetime
    document_hash: str


def canonical(document: Mapping[str, Any]) -> str:
    """The one spelling of a document: JSON as RFC 8785 writes it, for documents without fractions.

    Keys are sorted, nothing is padded, text is not escaped. Raises TypeError for a float: amounts and percentages are
    decimal strings, because two programs may print one binary fraction in two ways.
    """
    _refuse_floats(document)
    return json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def fingerprint(canonical_document: str) -> str:
    """SHA-256 of the canonical form in UTF-8, as 64 hexadecimal digits: what a signature is given to."""
    return hashlib.sha256(canonical_document.encode()).hexdigest()


def missing_signatures(signatures: Iterable[Signature], document_hash: str) -> tuple[Party, ...]:
    """The parties that have not signed the text with this hash."""
    signed = {signature.party for signature in signatures if signature.document_hash == document_hash}
    return tuple(party for party in PARTIES if party not in signed)


def check_signature(party: Party, stated_hash: str, document_hash: str, signatures: Iterable[Signature]) -> None:
    """Raises SignatureRefused when the party saw another text, or has signed already."""
    if stated_hash != document_hash:
        raise SignatureRefused(
            "The hash is not that of the proposed version. Read the proposed document again and sign what it says now."
        )
    if party not in missing_signatures(signatures, document_hash):
        raise SignatureRefused(f"The {party} has signed this version already.")


def check_binding(canonical_document: str, document_hash: str, signatures: Iterable[Signature]) -> None:
    """Raises NotBinding unless both parties signed exactly the stored text."""
    if fingerprint(canonical_document) != document_hash:
        raise NotBinding("The stored document is not the one whose hash was signed. Withdraw it and propose again.")
    missing = missing_signatures(signatures, document_hash)
    if missing:
        raise NotBinding(f"Still to sign this version: {', '.join(missing)}.")


def end_of(ends_on: date | None, time_zone: str) -> datetime | None:
    """The instant at which a contract ends whose last day is `ends_on`: the next local midnight; None for no end.

    Where that midnight does not exist (a zone that changes its clocks at 0:00), the first instant of the new day.
    """
    if ends_on is None:
        return None
    zone = ZoneInfo(time_zone)
    # With fold=0 a local time in a gap is read with the offset from before the gap, which lands right behind it.
    return datetime.combine(ends_on + timedelta(days=1), time(0), tzinfo=zone).astimezone(ZoneInfo("UTC"))


def local_date(at: datetime, time_zone: str) -> date:
    """The date on the wall of the zone at an instant."""
    return at.astimezone(ZoneInfo(time_zone)).date()


def _refuse_floats(value: Any) -> None:
    if isinstance(value, float):
        raise TypeError("a canonical document has no floating point numbers")
    if isinstance(value, Mapping):
        for item in value.values():
            _refuse_floats(item)
    elif isinstance(value, list | tuple):
        for item in value:
            _refuse_floats(item)
