"""Texts with variables: `[CLIENT]` stands for what is known when the text is sent; none may be left open.

What could be meant as one and is none (`[Mois]`, `[PRÉNOM]`, `[CLIENT ]`) is a fault. Where it is meant as text it
stands in two brackets: `[[Support]]` is shown as `[Support]`.
"""

import re
import unicodedata
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from shared.kernel.variable_names import NAME, WORDS, is_meant_as_variable

_VARIABLE: Final = re.compile(rf"\[({NAME})\]")
_MARK: Final = re.compile(rf"\[(?!\[{NAME}\])(?P<text>\[{WORDS}\])\]|\[(?P<name>{NAME})\]")
_LOOKS_SO: Final = re.compile(rf"\[\[{WORDS}\]\]|\[(?P<name>{WORDS})\]")


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
    """Compares the variables of a text, and what looks like one, with those that exist and those that it needs."""
    used = variables_of(text)
    looks_so = [match["name"] for match in _LOOKS_SO.finditer(unicodedata.normalize("NFC", text)) if match["name"]]
    meant = [name for name in looks_so if name not in used and is_meant_as_variable(name, declared)]
    unknown = [name for name in dict.fromkeys([*used, *meant]) if name not in declared]
    return Faults(unknown, [name for name in required if name not in used])


def can_be_text(name: str) -> bool:
    """Whether it can stand in two brackets as text; what is written like a variable cannot."""
    return re.fullmatch(NAME, name) is None


def filled(text: str, values: Mapping[str, str | None]) -> str:
    """The text with every variable replaced, once, and one of two brackets taken away: a value that looks like a
    variable stays as it is.

    Raises UnfilledVariable for one that is unknown, or whose value is not known or blank.
    """

    def value_of(match: re.Match[str]) -> str:
        if match["text"] is not None:
            return match["text"]
        value = values.get(match["name"])
        if value is None or not value.strip():
            raise UnfilledVariable(match["name"])
        return value

    return _MARK.sub(value_of, text)


def order_faults(order: Sequence[str], known: Sequence[str]) -> tuple[Sequence[str], Sequence[str]]:
    """What an order names that does not exist or stands in it twice, and what it leaves out."""
    seen: set[str] = set()
    wrong = [name for name in order if name not in known or name in seen or seen.add(name)]  # type: ignore[func-returns-value]
    return wrong, [name for name in known if name not in order]
