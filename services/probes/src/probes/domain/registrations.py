"""What a registry says of a domain name (RDAP, RFC 9083): until when it is registered, by whom, in which state."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from typing import Literal

LOST = frozenset({"redemption period", "pending delete", "client hold", "server hold", "inactive"})
"""States in which a name does not resolve, or is about to be given to somebody else."""

Source = Literal["registry", "manual"]


@dataclass(frozen=True, slots=True)
class Registration:
    """`expires_at` is None where the registry publishes no date; `source` says whose date it is."""

    expires_at: datetime | None
    registrar: str | None
    status: tuple[str, ...]
    source: Source = "registry"


def registration_of(document: Mapping[str, object]) -> Registration:
    """The registration that a domain object of RDAP describes. What it does not say is left empty."""
    return Registration(
        expires_at=next(_expirations(document), None),
        registrar=next(_registrars(document), None),
        status=tuple(each.lower()[:100] for each in _list(document.get("status")) if isinstance(each, str))[:20],
    )


def with_manual_date(registration: Registration | None, expires_on: date | None) -> Registration | None:
    """The registry's date if it publishes one, else the one that somebody has entered; None when nothing is known.

    A day begins in UTC: rather some hours early than late.
    """
    if expires_on is None or (registration is not None and registration.expires_at is not None):
        return registration
    registrar, status = (registration.registrar, registration.status) if registration else (None, ())
    return Registration(datetime.combine(expires_on, time(), UTC), registrar, status, "manual")


def server_for(bootstrap: Mapping[str, object], domain: str) -> str | None:
    """The base address of the RDAP server for a domain, from IANA's list (RFC 9224): the longest match counts.

    None when the registry has no server there.
    """
    found: dict[str, str] = {}
    for service in _list(bootstrap.get("services")):
        parts = _list(service)
        if len(parts) != 2:
            continue
        addresses = [each for each in _list(parts[1]) if isinstance(each, str) and each.startswith(("https:", "http:"))]
        if addresses:
            address = max(addresses, key=lambda each: each.startswith("https:"))
            found |= {entry.lower(): address for entry in _list(parts[0]) if isinstance(entry, str)}
    labels = domain.lower().split(".")
    for start in range(len(labels)):
        address = found.get(".".join(labels[start:]), "")
        if address:
            return address if address.endswith("/") else f"{address}/"
    return None


def _expirations(document: Mapping[str, object]) -> Iterator[datetime]:
    for event in _list(document.get("events")):
        if isinstance(event, Mapping) and event.get("eventAction") == "expiration":
            try:
                instant = datetime.fromisoformat(str(event.get("eventDate")))
                instant = instant.astimezone(UTC) if instant.tzinfo else instant.replace(tzinfo=UTC)
            except (ValueError, OverflowError):
                continue
            yield instant


def _registrars(document: Mapping[str, object]) -> Iterator[str]:
    for entity in _list(document.get("entities")):
        if not isinstance(entity, Mapping) or "registrar" not in _list(entity.get("roles")):
            continue
        card = _list(entity.get("vcardArray"))
        for line in _list(card[1] if len(card) > 1 else None):
            parts = _list(line)
            if len(parts) > 3 and parts[0] == "fn" and isinstance(parts[3], str):
                yield parts[3][:200]


def _list(value: object) -> list[object]:
    return value if isinstance(value, list) else []
