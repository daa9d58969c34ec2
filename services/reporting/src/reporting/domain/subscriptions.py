"""Which events a webhook asked for."""

import re
from collections.abc import Iterable
from typing import Final

PATTERN: Final = r"^[a-z]{1,30}\.(\*|[a-z_]{1,30}\.(\*|[a-z_]{1,40}\.v[1-9][0-9]{0,2}))$"
"""A full event name (`incidents.incident.opened.v1`), all of an aggregate (`incidents.incident.*`), or all of a
service (`incidents.*`)."""

_FORM: Final = re.compile(PATTERN)


def is_pattern(text: str) -> bool:
    """Whether `text` is written as `PATTERN` says; such an event need not exist yet."""
    return _FORM.fullmatch(text) is not None


def wants(patterns: Iterable[str], name: str) -> bool:
    """Whether an event with this name was asked for. Nothing asked for is everything."""
    asked = list(patterns)
    return not asked or any(
        name == pattern or (pattern.endswith(".*") and name.startswith(pattern[:-1])) for pattern in asked
    )
