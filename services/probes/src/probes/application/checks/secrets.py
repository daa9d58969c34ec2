"""What in a configuration is nobody's business: hidden wherever a monitor is shown, found again when it is changed."""

from base64 import b64encode
from collections.abc import Iterator, Mapping, Sequence
from itertools import zip_longest
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit, urlunsplit

HIDDEN = "••••••••"
SEALED = "sealed"
"""Under this key a closed document has the whole of itself, encrypted: see `adapters.check_secrets`."""
_SECRET_KEYS = frozenset({"password", "token", "secret", "body"})
_SECRET_HEADERS = frozenset({"authorization", "proxy-authorization", "cookie"})
_SECRET_PARTS = ("auth", "token", "secret", "key", "password", "session", "signature", "credential")
_HARMLESS_HEADERS = frozenset(
    {
        *("accept", "accept-charset", "accept-encoding", "accept-language", "cache-control", "content-language"),
        *("content-type", "dnt", "if-modified-since", "if-none-match", "origin", "pragma", "priority", "range"),
        *("save-data", "sec-fetch-dest", "sec-fetch-mode", "sec-fetch-site", "sec-fetch-user", "sec-gpc"),
        *("upgrade-insecure-requests", "user-agent", "x-requested-with"),
    }
)
"""What says how to answer, and lets nobody in. Any other header may be a key, whatever it is called."""
_SHORTEST = 4
"""Shorter secrets are not looked for in what a site answers: they would be found everywhere."""


def is_secret_header(name: str) -> bool:
    """Whether a header of this name is likely to hold a secret, by its name."""
    name = name.lower()
    return name in _SECRET_HEADERS or any(part in name for part in _SECRET_PARTS)


def masked(document: Mapping[str, Any]) -> dict[str, Any]:
    """A configuration as it may be shown: without passwords, tokens, bodies, keys in addresses, and most headers.

    For the documents of every kind of check, closed ones too.
    """
    return {key: _masked(key, value) for key, value in document.items() if key != SEALED}


def with_secrets_of(document: Mapping[str, Any], stored: Mapping[str, Any]) -> dict[str, Any]:
    """A changed configuration in which whatever is still hidden is what was stored in its place.

    Raises ValueError when there is nothing in its place, or when the check would carry it to another site: the secret
    has to be given again, or whoever may change a monitor could have it sent to himself.
    """
    if any(HIDDEN in text for text in _texts(document)) and _origin(document) != _origin(stored):
        raise ValueError("goes to another site than the stored secrets: give them in full")
    found = {key: _restored(value, stored.get(key)) for key, value in document.items()}
    if any(HIDDEN in secret for secret in _texts(found)):
        raise ValueError("holds a hidden secret that is not stored here: give it in full")
    return found


def without_credentials(url: str) -> str:
    """An address as it may be shown: without a password, and without the values of what looks like a key."""
    try:
        parts = urlsplit(url)
        credentials, at, host = parts.netloc.rpartition("@")
        user, _, password = credentials.partition(":")
        # Many take a key for the name, and no password.
        shown = f"{user}:{HIDDEN}" if password else HIDDEN if credentials else ""
        netloc = f"{shown}{at}{host}"
        return urlunsplit(parts._replace(netloc=netloc, query=_without_keys(parts.query)))
    except ValueError:
        return HIDDEN if "@" in url else url


def origin_of(url: str) -> tuple[str, str]:
    """The site that an address is on: its scheme, and its host with the port."""
    parts = urlsplit(url)
    return parts.scheme.lower(), parts.netloc.rpartition("@")[2].lower()


def basic_credentials(username: str, password: str) -> str:
    """The value of an Authorization header (RFC 7617)."""
    return "Basic " + b64encode(f"{username}:{password}".encode()).decode()


def split_credentials(url: str) -> tuple[str, str | None]:
    """An address without its name and password, and the Authorization header that these amount to."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return url, None
    userinfo, at, host = parts.netloc.rpartition("@")
    if not at:
        return url, None
    username, _, password = userinfo.partition(":")
    return urlunsplit(parts._replace(netloc=host)), basic_credentials(unquote(username), unquote(password))


def secrets_of(headers: Mapping[str, str], *more: str) -> tuple[str, ...]:
    """The values that must not turn up in what is kept of an answer, the longest first."""
    found = {value for name, value in headers.items() if is_secret_header(name)} | set(more)
    found |= {value.partition(" ")[2] for value in found}  # "Bearer abc": the second word alone is the secret
    return tuple(sorted((value for value in found if len(value) >= _SHORTEST), key=len, reverse=True))


def without_secrets(secrets: Sequence[str], text: str) -> str:
    """What somebody sends back of what he was told in confidence is not kept."""
    for secret in secrets:
        text = text.replace(secret, HIDDEN)
    return text


def _without_keys(query: str) -> str:
    if not any(is_secret_header(name) for name, _ in parse_qsl(query, keep_blank_values=True)):
        return query
    pieces = []
    for piece in query.split("&"):
        name, equals, _ = piece.partition("=")
        pieces.append(f"{name}={HIDDEN}" if equals and is_secret_header(name) else piece)
    return "&".join(pieces)


def _masked(key: str, value: Any) -> Any:
    if isinstance(value, Mapping):
        if key == "headers":
            return {name: text if name.lower() in _HARMLESS_HEADERS else HIDDEN for name, text in value.items()}
        return masked(value)
    if isinstance(value, str):
        if key in _SECRET_KEYS:
            return HIDDEN
        return without_credentials(value) if key == "url" else value
    if isinstance(value, Sequence):
        return [_masked(key, entry) for entry in value]
    return value


def _restored(value: Any, stored: Any) -> Any:
    if isinstance(value, Mapping):
        before = stored if isinstance(stored, Mapping) else {}
        return {key: _restored(entry, before.get(key)) for key, entry in value.items()}
    if isinstance(value, str):
        shown = [stored, without_credentials(stored)] if isinstance(stored, str) else []
        return stored if HIDDEN in value and (value == HIDDEN or value in shown) and stored is not None else value
    if isinstance(value, Sequence):
        earlier = list(stored) if isinstance(stored, Sequence) and not isinstance(stored, str) else []
        return [_restored(entry, old) for entry, old in zip_longest(value, earlier[: len(value)])]
    return value


def _origin(document: Mapping[str, Any]) -> tuple[object, ...]:
    """Where the check goes: for what is no URL, everything that could say so."""
    url = document.get("url")
    if isinstance(url, str):
        return origin_of(url)
    return tuple(document.get(key) for key in ("kind", "host", "port"))


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for entry in value.values():
            yield from _texts(entry)
    elif isinstance(value, Sequence):
        for entry in value:
            yield from _texts(entry)
