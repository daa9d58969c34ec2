"""Versions of components: how they compare, which cycle they belong to, and how that cycle stands in its life."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum
from typing import Literal

WARN_BEFORE = timedelta(days=90)
"""A cycle that ends within this time is said to end."""

_VERSION = re.compile(r"[vV]?(?P<release>\d{1,9}(?:\.\d{1,9}){0,5})(?P<rest>.*)", re.DOTALL)
_UNFINISHED = re.compile(
    r"[-._+~]?(?P<stage>dev|alpha|a|beta|b|pre|preview|rc|c)(?![a-z])[-._]?(?P<number>\d{0,9})", re.I
)
_STAGES = {"dev": 0, "alpha": 1, "a": 1, "beta": 2, "b": 2, "pre": 3, "preview": 3, "rc": 3, "c": 3}
_FINISHED = 9
# A distribution mends an old version and keeps its number: that it is behind cannot be told from the number.
_DISTRIBUTION = re.compile(r"ubuntu|deb\d|debian|[.~+-]el\d|\.fc\d|alpine|-r\d+$", re.IGNORECASE)


@dataclass(frozen=True, slots=True, order=True)
class Version:
    """A version that can be compared: numbers, and before them unfinished stages (alpha, beta, candidate).

    Zeros at the end mean nothing: 8.3 is 8.3.0.
    """

    numbers: tuple[int, ...]
    stage: int = _FINISHED
    stage_number: int = 0

    @classmethod
    def parse(cls, text: str) -> "Version | None":
        """None for what begins with no number."""
        found = _VERSION.fullmatch(text.strip())
        if found is None:
            return None
        numbers = [int(part) for part in found["release"].split(".")]
        while len(numbers) > 1 and numbers[-1] == 0:
            numbers.pop()
        unfinished = _UNFINISHED.match(found["rest"])
        if unfinished is None:
            return cls(tuple(numbers))
        return cls(tuple(numbers), _STAGES[unfinished["stage"].lower()], int(unfinished["number"] or 0))

    def part(self, place: int) -> int:
        """The number at a place; zero where there is none."""
        return self.numbers[place] if place < len(self.numbers) else 0


@dataclass(frozen=True, slots=True)
class Cycle:
    """A line of releases that is maintained together. Dates are None where none is known."""

    cycle: str
    released: date | None
    support_until: date | None
    end_of_life: date | None
    latest: str | None


@dataclass(frozen=True, slots=True)
class EndOfLife:
    """What is known about the life of components, by their names and aliases, as of a day."""

    data_of: date
    components: Mapping[str, Sequence[Cycle]]
    aliases: Mapping[str, str]

    def name_of(self, component: str) -> str:
        """What a component is called here; its own name when it is not known."""
        folded = component.strip().lower()
        return self.aliases.get(folded, folded)


class Verdict(StrEnum):
    """How a version stands, from good to bad. Unknown when component, cycle or version is."""

    CURRENT = "current"
    NEWER_CYCLE = "newer_cycle"
    """Maintained, and there is a newer cycle."""
    SECURITY_ONLY = "security_only"
    """Nothing but security is mended any more."""
    BEHIND = "behind"
    """Its cycle has a newer release."""
    ENDING = "ending"
    END_OF_LIFE = "end_of_life"
    UNKNOWN = "unknown"

    @property
    def outdated(self) -> bool:
        """Whether somebody has to do something."""
        return self in (Verdict.BEHIND, Verdict.ENDING, Verdict.END_OF_LIFE)


Distance = Literal["patch", "minor", "major"]


@dataclass(frozen=True, slots=True)
class Standing:
    """The verdict about a version. `behind` is how far the newest release of its cycle is away."""

    verdict: Verdict
    cycle: str | None = None
    latest: str | None = None
    behind: Distance | None = None
    end_of_life: date | None = None
    days_left: int | None = None


def judge(component: str, version: str, known: EndOfLife, today: date) -> Standing:
    """How a version of a component stands on a day."""
    cycles = known.components.get(known.name_of(component), ())
    parsed = Version.parse(version)
    cycle = _cycle_of(version, cycles) if parsed is not None else None
    if parsed is None or cycle is None:
        return Standing(Verdict.UNKNOWN)
    latest = Version.parse(cycle.latest) if cycle.latest else None
    behind = None
    if latest is not None and parsed < latest and not _DISTRIBUTION.search(version):
        behind = distance(parsed, latest)
    days_left = (cycle.end_of_life - today).days if cycle.end_of_life else None
    return Standing(
        verdict=_verdict(cycle, cycles, today, is_behind=behind is not None),
        cycle=cycle.cycle,
        latest=cycle.latest,
        behind=behind,
        end_of_life=cycle.end_of_life,
        days_left=days_left,
    )


def distance(version: Version, newer: Version) -> Distance:
    """Which number is the first that differs."""
    if version.part(0) != newer.part(0):
        return "major"
    return "minor" if version.part(1) != newer.part(1) else "patch"


def _cycle_of(version: str, cycles: Sequence[Cycle]) -> Cycle | None:
    """The cycle whose numbers the version begins with; the longest, if several."""
    release = _VERSION.fullmatch(version.strip())
    numbers = release["release"].split(".") if release else []
    found = [cycle for cycle in cycles if _begins_with(numbers, cycle.cycle.split("."))]
    return max(found, key=lambda cycle: cycle.cycle.count("."), default=None)


def _begins_with(numbers: Sequence[str], cycle: Sequence[str]) -> bool:
    padded = [*numbers, *("0" for _ in range(len(cycle) - len(numbers)))]
    return [int(part) for part in padded[: len(cycle)]] == [int(part) for part in cycle]


def _verdict(cycle: Cycle, cycles: Sequence[Cycle], today: date, *, is_behind: bool) -> Verdict:
    if cycle.end_of_life is not None and cycle.end_of_life <= today:
        return Verdict.END_OF_LIFE
    if cycle.end_of_life is not None and cycle.end_of_life - today <= WARN_BEFORE:
        return Verdict.ENDING
    if is_behind:
        return Verdict.BEHIND
    if cycle.support_until is not None and cycle.support_until <= today:
        return Verdict.SECURITY_ONLY
    own = Version.parse(cycle.cycle)
    for other in cycles:
        number = Version.parse(other.cycle)
        out = other.released is None or other.released <= today
        if out and own is not None and number is not None and number > own:
            return Verdict.NEWER_CYCLE
    return Verdict.CURRENT
