"""Documents that people write by hand: what an unquoted word means, and in what two versions of a document differ."""

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

Path: TypeAlias = tuple[str | int, ...]

_INTEGER = re.compile(r"-?(?:0|[1-9][0-9]{0,17})")
_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]{0,17})(?:\.[0-9]{1,18})?")
_NOTHING = frozenset({"", "~", "null"})
_TRUTH = {"true": True, "false": False}


class Plain(str):
    """A word without quotes: what it stands for depends on what is expected where it stands."""

    __slots__ = ()


def meant(word: str, expected: Collection[str] | None) -> Any:
    """What an unquoted word stands for where values of these JSON types are expected; None: of any type.

    Text wins wherever text is expected and the word's own type is not: `no` is a word, `2026-06-08` is written as it
    stands, and 99.90 keeps its zero. With nothing expected a fraction stays text: no amount is a binary fraction.
    """
    if word in _NOTHING:
        return None
    if word in _TRUTH and (expected is None or "boolean" in expected):
        return _TRUTH[word]
    if _INTEGER.fullmatch(word) and (expected is None or not {"integer", "number"}.isdisjoint(expected)):
        return int(word)
    if expected is not None and "number" in expected and _NUMBER.fullmatch(word):
        return float(word)
    return str(word)


@dataclass(frozen=True)
class Difference:
    """One value that is not the same; None on one side: nothing is there."""

    path: Path
    before: Any
    after: Any


_KEYS = (("code",), ("name",), ("severity",), ("site",), ("email",), ("impact", "criticality"), ("level",))
"""What entries of a list are told apart by, the first that all of them have."""


def differences(before: Any, after: Any, path: Path = ()) -> Iterator[Difference]:
    """Every value in which two documents differ, at its place in the newer one.

    Entries of a list that have a name are compared by it: one more in front does not make all of them different. An
    entry that is gone is shown at the list, because it has no place any more.
    """
    if isinstance(before, Mapping) and isinstance(after, Mapping):
        for key in [*after, *(key for key in before if key not in after)]:
            yield from differences(before.get(key), after.get(key), (*path, key))
        return
    if isinstance(before, list) and isinstance(after, list) and (names := _named_by(before, after)):
        yield from _differences_of_lists(before, after, names, path)
        return
    if before != after or type(before) is not type(after):
        yield Difference(path, before, after)


def _differences_of_lists(
    before: Sequence[Any], after: Sequence[Any], names: Sequence[str], path: Path
) -> Iterator[Difference]:
    old = {_name(item, names): item for item in before}
    new = {_name(item, names) for item in after}
    gone = [Difference(path, item, None) for name, item in old.items() if name not in new]
    kept_order = [name for name in old if name in new] == [
        name for item in after if (name := _name(item, names)) in old
    ]
    if not kept_order:
        yield Difference(path, list(before), list(after))
        return
    yield from gone
    for index, item in enumerate(after):
        yield from differences(old.get(_name(item, names)), item, (*path, index))


def _name(item: Mapping[str, Any], names: Sequence[str]) -> tuple[str, ...]:
    return tuple(str(item[name]) for name in names)


def _named_by(before: Sequence[Any], after: Sequence[Any]) -> Sequence[str] | None:
    items = [*before, *after]
    if not items or not all(isinstance(item, Mapping) for item in items):
        return None
    for names in _KEYS:
        if all(name in item for item in items for name in names) and all(
            len({_name(item, names) for item in side}) == len(side) for side in (before, after)
        ):
            return names
    return None
