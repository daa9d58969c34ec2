"""Documents of checks with their secrets sealed: as they lie in the database, and as they travel to runners.

A document that holds secrets is closed: what of it may be shown stays, without them, and beside it, under `sealed`, is
the whole of it, encrypted. Nobody who does not know of this takes the rest for a check: `sealed` is a key that every
configuration refuses, so that a check that cannot be opened is not made, and blames nobody.
"""

import json
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from pydantic import SecretStr
from sqlalchemy.ext.asyncio import AsyncSession

from probes.application.checks.secrets import SEALED, masked
from probes.settings import ProbesSettings
from shared.database import SETTINGS
from shared.secret_box import SecretBox, Unreadable, fernet_key
from shared.settings import ServiceSettings

_REMEDY = "sealed with another PROBES_SECRET_KEY; give that one back as PROBES_PREVIOUS_SECRET_KEY, or the secret again"


class CheckSecrets:
    """Closes and opens documents with the key of the service."""

    def __init__(self, key: SecretStr, previous: SecretStr | None = None) -> None:
        self._box = SecretBox(
            key, previous, seals=b"upheld probes: sealed secrets", signs=b"upheld probes: signatures", remedy=_REMEDY
        )
        self._key = key

    def closed(self, document: Mapping[str, Any]) -> dict[str, Any]:
        """As it is stored. What holds no secret stays as it is; what is closed is not sealed again."""
        return _closed(document, self._box.seal)

    def opened(self, document: Mapping[str, Any]) -> dict[str, Any]:
        """With its secrets. Raises Unreadable when no key that is known has sealed them."""
        sealed = document.get(SEALED)
        return dict(document) if sealed is None else _document(self._box.open(sealed.encode()))

    def as_far_as_known(self, document: Mapping[str, Any]) -> dict[str, Any]:
        """The same, but one that no known key opens stays closed: it is shown, and no check is made of it."""
        try:
            return self.opened(document)
        except Unreadable:
            return dict(document)

    def is_due(self, document: Mapping[str, Any], *, in_clear: bool = False) -> bool:
        """Whether it has yet to be closed, or sealed anew with the present key; with `in_clear`, to be opened."""
        sealed = document.get(SEALED)
        if in_clear:
            return sealed is not None
        # A release before this one may have hidden less of what it sealed.
        shows_more = masked(document) != {key: value for key, value in document.items() if key != SEALED}
        return shows_more or (sealed is not None and not self._box.is_present(sealed.encode()))

    def for_location(self, document: Mapping[str, Any], location: str) -> dict[str, Any]:
        """As it travels to the runners of a location, which alone have the key."""
        return _closed(document, lambda text: _location_fernet(self._key, location).encrypt(text.encode()))


class LocationSecrets:
    """Opens what was sealed for the runners of one location."""

    def __init__(self, *keys: str) -> None:
        self._fernet = MultiFernet([Fernet(key) for key in keys]) if keys else None

    def as_far_as_known(self, document: Mapping[str, Any]) -> dict[str, Any]:
        """With its secrets; one that no known key opens stays closed."""
        sealed = document.get(SEALED)
        if sealed is None or self._fernet is None:
            return dict(document)
        try:
            return _document(self._fernet.decrypt(sealed).decode())
        except InvalidToken:
            return dict(document)


def location_key(key: SecretStr, location: str) -> str:
    """What the runners of a location are given: it follows from the service's key, and says nothing about it."""
    return fernet_key(key.get_secret_value().encode(), b"upheld probes: work of " + location.encode()).decode()


def location_secrets(settings: ProbesSettings) -> LocationSecrets:
    """Of a process that executes checks: with the keys that it was given, or that follow from the service's."""
    given = [each for each in (settings.location_key, settings.previous_location_key) if each is not None]
    roots = [each for each in (settings.secret_key, settings.previous_secret_key) if each is not None]
    keys = [each.get_secret_value() for each in given]
    return LocationSecrets(*keys, *(location_key(root, settings.location) for root in roots))


def check_secrets(settings: ServiceSettings) -> CheckSecrets:
    """With the keys of the settings, made once. Raises ValueError for a runner's, which have none."""
    if not isinstance(settings, ProbesSettings) or settings.secret_key is None:
        raise ValueError("PROBES_SECRET_KEY is not set")
    return _made(settings.secret_key, settings.previous_secret_key)


def secrets_of(session: AsyncSession) -> CheckSecrets:
    """The same for whoever reads and writes documents in a session of the service."""
    return check_secrets(session.info[SETTINGS])


@lru_cache(maxsize=8)
def _made(key: SecretStr, previous: SecretStr | None) -> CheckSecrets:
    return CheckSecrets(key, previous)


@lru_cache(maxsize=1000)
def _location_fernet(key: SecretStr, location: str) -> Fernet:
    return Fernet(location_key(key, location))


def _closed(document: Mapping[str, Any], seal: Callable[[str], bytes]) -> dict[str, Any]:
    shown = masked(document)
    if SEALED in document:
        return shown | {SEALED: document[SEALED]}
    if shown == document:
        return dict(document)
    return shown | {SEALED: seal(json.dumps(dict(document))).decode()}


def _document(text: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(text)
    return found
