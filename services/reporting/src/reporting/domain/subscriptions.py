"""Which events a webhook asked for."""

import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Any, Final

PATTERN: Final = r"^[a-z]{1,30}\.(\*|[a-z_]{1,30}\.(\*|[a-z_]{1,40}\.v[1-9][0-9]{0,2}))$"
"""A full event name (`incidents.incident.opened.v1`), all of an aggregate (`incidents.incident.*`), or all of a
service (`incidents.*`)."""

_FORM: Final = re.compile(PATTERN)

NEVER_DELIVERED: Final = "operation"
"""The aggregate of records of who did what: they are for the audit log alone, whoever asks for them."""

AGENCYS_OWN: Final = (
    # Who of the agency answers when, and when nobody does.
    "incidents.on_call.*",
    # What somebody proposed and what a second person refused: a client is told what was agreed to
    # (`domain/reclassification.as_told`).
    "reporting.outage_decision.proposed.v1",
    "reporting.outage_decision.declined.v1",
    "reporting.outage_decision.withdrawal_proposed.v1",
    "reporting.outage_decision.withdrawal_declined.v1",
)
"""Patterns of events that name a client, and tell of them what the services' routes refuse to a client's people."""

_WITHDRAWN: Final = "reporting.outage_decision.withdrawn.v1"
_AGREED: Final = frozenset({"proposed", "approved", "withdrawn"})
"""Steps of a decision that a client may read (`as_told`). Until withdrawals left them out they told others as well."""

_CLIENT: Final = "client_id"
_AUDIENCE: Final = "audience"


def is_pattern(text: str) -> bool:
    """Whether `text` is written as `PATTERN` says; such an event need not exist yet."""
    return _FORM.fullmatch(text) is not None


def clients_in(data: Mapping[str, Any]) -> frozenset[str]:
    """Every client that the data of an event names, at whatever depth: the texts of all keys that end in `client_id`,
    or `client_ids`. Which of them an event is about, its name does not say; so all count."""
    return frozenset(_clients(data))


def _clients(node: Any) -> Iterator[str]:
    if isinstance(node, Mapping):
        for key, value in node.items():
            if key.endswith(_CLIENT) and isinstance(value, str):
                yield value.lower()
            elif key.endswith(f"{_CLIENT}s") and isinstance(value, list):
                yield from (each.lower() for each in value if isinstance(each, str))
            else:
                yield from _clients(value)
    elif isinstance(node, list):
        for value in node:
            yield from _clients(value)


def is_internal(name: str, data: Mapping[str, Any]) -> bool:
    """Whether an event is for the agency alone: by its name, because something in it, at whatever depth, has another
    `audience` than `client`, or because the end of a decision tells of a step that nobody agreed to."""
    return (
        any(_fits(pattern, name) for pattern in AGENCYS_OWN)
        or any(said != "client" for said in _audiences(data))
        or (name == _WITHDRAWN and any(step["act"] not in _AGREED for step in data["steps"]))
    )


def _audiences(node: Any) -> Iterator[Any]:
    if isinstance(node, Mapping):
        for key, value in node.items():
            if key == _AUDIENCE:
                yield value
            else:
                yield from _audiences(value)
    elif isinstance(node, list):
        for value in node:
            yield from _audiences(value)


def wants(patterns: Iterable[str], name: str) -> bool:
    """Whether an event with this name was asked for. Nothing asked for is everything but records of operations."""
    if name.split(".")[1:2] == [NEVER_DELIVERED]:
        return False
    asked = list(patterns)
    return not asked or any(_fits(pattern, name) for pattern in asked)


def _fits(pattern: str, name: str) -> bool:
    return name == pattern or (pattern.endswith(".*") and name.startswith(pattern[:-1]))


def concerns(only: Collection[str], clients: Collection[str], *, internal: bool) -> bool:
    """Whether an event that names `clients` may go to a webhook that is for the clients `only`; none named is for all.

    One that names another client beside them, or none at all, is not sent, and neither is one that is `internal` to the
    agency: a filter never tells of anybody else, and what it leads to may be the client's.
    """
    return not only or (not internal and bool(clients) and set(clients) <= set(only))
