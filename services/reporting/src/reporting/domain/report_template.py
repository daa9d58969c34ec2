"""Texts with variables: `[CLIENT]` stands for what is known when the text is sent; none may be left open."""

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

_VARIABLE: Final = re.compile(r"\[([A-Z][A-Z0-9_]{0,39})\]")


class UnfilledVariable(Exception):
    """A text asks for something that is not known: it must not be sent."""

    def __init__(self, name: str) -> None:
        super().__init__(f"the variable [{name}] has no value")
        self.name = name


@dataclass(frozen=True, slots=True)
class Faults:
    """What is wrong with a text: variables that do not exist, and those that it must have and has not."""

    unknown: Sequence[str]
    missing: Sequence[str]

    def __bool__(self) -> bool:
        return bool(self.unknown or self.missing)


def variables_of(text: str) -> Sequence[str]:
    """The variables of a text in the order in which they first occur. Only capitals in brackets are variables."""
    return list(dict.fromkeys(_VARIABLE.findall(text)))


def faults_of(text: str, declared: Collection[str], required: Collection[str] = ()) -> Faults:
    """Compares the variables of a text with those that exist and those that it needs."""
    used = variables_of(text)
    return Faults([name for name in used if name not in declared], [name for name in required if name not in used])


def filled(text: str, values: Mapping[str, str | None]) -> str:
    """The text with every variable replaced, once: a value that looks like a variable stays as it is.

    Raises UnfilledVariable for one that is unknown, or whose value is not known or blank.
    """

    def value_of(match: re.Match[str]) -> str:
        value = values.get(match.group(1))
        if value is None or not value.strip():
            raise UnfilledVariable(match.group(1))
        return value

    return _VARIABLE.sub(value_of, text)


def order_faults(order: Sequence[str], known: Sequence[str]) -> tuple[Sequence[str], Sequence[str]]:
    """What an order names that does not exist or stands in it twice, and what it leaves out."""
    seen: set[str] = set()
    wrong = [name for name in order if name not in known or name in seen or seen.add(name)]  # type: ignore[func-returns-value]
    return wrong, [name for name in known if name not in order]
