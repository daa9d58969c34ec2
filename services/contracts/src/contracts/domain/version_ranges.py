"""Versions as vendors write them, and ranges of versions as people write them: `>=8.1,<8.4`, `8.4.*`, `*`."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import takewhile
from operator import eq, ge, gt, le, lt, ne
from typing import TypeAlias

_DIGITS = "0123456789"
_PIECE = re.compile(r"[0-9]+|[^\W\d_]+")
_CONDITION = re.compile(r"(<=|>=|!=|=|<|>)?\s*([^\s<>=!,*]+(?:\.\*)?)")
_BEFORE_A_RELEASE = ("dev", "snapshot", "nightly", "alpha", "a", "beta", "b", "preview", "pre", "rc")
"""What comes before the release that it is named after, the earliest first."""
_WORD, _END, _OTHER_WORD, _NUMBER = range(4)

Key: TypeAlias = tuple[tuple[int, int, str], ...]

_COMPARE: Mapping[str, Callable[[Key, Key], bool]] = {"": eq, "=": eq, "!=": ne, "<": lt, "<=": le, ">": gt, ">=": ge}


class BadRange(ValueError):
    """This is not a range of versions; the message says what is wrong."""


def order(label: str) -> Key:
    """What versions are ordered by: numbers as numbers, `8.1` like `8.1.0`, `8.4-rc1` before `8.4`.

    What follows a plus sign is of the build, and does not count (Semantic Versioning 2.0.0, 10). Case does not matter,
    nor a leading v.
    """
    release, rest = _parts(label)
    while len(release) > 1 and release[-1] == 0:
        release.pop()
    return (*((_NUMBER, number, "") for number in release), *(_piece(piece) for piece in rest), (_END, 0, ""))


def _parts(label: str) -> tuple[list[int], list[str]]:
    """The numbers that a version begins with, and the pieces after them."""
    pieces = _PIECE.findall(label.casefold().partition("+")[0])
    if len(pieces) > 1 and pieces[0] == "v":
        pieces = pieces[1:]
    release = [int(piece) for piece in takewhile(lambda piece: piece[0] in _DIGITS, pieces)]
    return release, pieces[len(release) :]


def _piece(piece: str) -> tuple[int, int, str]:
    if piece[0] in _DIGITS:
        return (_NUMBER, int(piece), "")
    if piece in _BEFORE_A_RELEASE:
        return (_WORD, _BEFORE_A_RELEASE.index(piece), "")
    return (_OTHER_WORD, 0, piece)


@dataclass(frozen=True)
class VersionRange:
    """Conditions that a version must meet, all of them; without any it is every version."""

    conditions: tuple[tuple[str, str], ...]

    @classmethod
    def parse(cls, text: str) -> "VersionRange":
        """From conditions with commas between them; a bare version is itself, `8.4.*` everything that begins so.

        Raises BadRange.
        """
        parts = [part.strip() for part in text.split(",")]
        if parts == ["*"]:
            return cls(())
        conditions = []
        for part in parts:
            found = _CONDITION.fullmatch(part)
            if found is None:
                raise BadRange(f"{part!r} is no condition: write one such as >=8.1, or 8.4.*, or * for every version")
            compared, label = found[1] or "", found[2]
            if label.endswith(".*") and (compared not in ("", "=", "!=") or _parts(label[:-2])[1]):
                raise BadRange(f"{part!r}: before .* stand numbers, and it can only be equal or not")
            if not _PIECE.search(label):
                raise BadRange(f"{part!r} names no version")
            conditions.append((compared, label))
        return cls(tuple(conditions))

    def __contains__(self, label: str) -> bool:
        return all(_meets(label, compared, wanted) for compared, wanted in self.conditions)


def _meets(label: str, compared: str, wanted: str) -> bool:
    if wanted.endswith(".*"):
        beginning, _ = _parts(wanted[:-2])
        release, _ = _parts(label)
        padded = release + [0] * (len(beginning) - len(release))
        return (padded[: len(beginning)] == beginning) is not (compared == "!=")
    return _COMPARE[compared](order(label), order(wanted))
