"""How long phases may take: read from the document of an HTTP check, and written into it."""

from collections.abc import Mapping, Sequence
from typing import Any

_RESPONSE_TIME = "response_time"
_TOTAL = "total"


def limits_of(document: Mapping[str, Any]) -> dict[str, int]:
    """The most milliseconds that the assertions of a check allow each phase."""
    limits: dict[str, int] = {}
    for assertion in _assertions(document):
        if assertion["type"] == _RESPONSE_TIME:
            phase, most = assertion.get("phase", _TOTAL), assertion["at_most_ms"]
            limits[phase] = min(most, limits.get(phase, most))
    return limits


def with_limits(document: Mapping[str, Any], limits: Mapping[str, int]) -> dict[str, Any]:
    """The document with these limits in place of its own; everything else that it asserts stays."""
    others = [assertion for assertion in _assertions(document) if assertion["type"] != _RESPONSE_TIME]
    times = [
        {"type": _RESPONSE_TIME, "at_most_ms": most} | ({} if phase == _TOTAL else {"phase": phase})
        for phase, most in sorted(limits.items())
    ]
    rest = {key: value for key, value in document.items() if key != "assertions"}
    return rest | ({"assertions": [*others, *times]} if others or times else {})


def _assertions(document: Mapping[str, Any]) -> Sequence[Mapping[str, Any]]:
    found: Sequence[Mapping[str, Any]] = document.get("assertions", ())
    return found
