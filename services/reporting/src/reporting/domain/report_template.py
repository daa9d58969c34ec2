"""Texts with variables: `[CLIENT]` stands for what is known when the text is sent; none may be left open.

What could be meant as one and is none (`[Mois]`, `[PRÉNOM]`, `[CLIENT ]`) is a fault. Where it is meant as text it
stands in two brackets: `[[Support]]` is shown as `[Support]`.
"""

import re
import unicodedata
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Final

_NAME: Final = r"[A-Z][A-Z0-9_]{0,39}"
_WORDS: Final = r"[^\S\r\n]{0,9}[^\W\d](?:[\w'’-]|[^\S\r\n]){0,59}"
_VARIABLE: Final = re.compile(rf"\[({_NAME})\]")
_MARK: Final = re.compile(rf"\[(?!\[{_NAME}\])(?P<text>\[{_WORDS}\])\]|\[(?P<name>{_NAME})\]")
_LOOKS_SO: Final = re.compile(rf"\[\[{_WORDS}\]\]|\[(?P<name>{_WORDS})\]")


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
    meant = [name for name in looks_so if name not in used and _is_meant_as_one(name, declared)]
    unknown = [name for name in dict.fromkeys([*used, *meant]) if name not in declared]
    return Faults(unknown, [name for name in required if name not in used])


def _is_meant_as_one(name: str, declared: Collection[str]) -> bool:
    """A single word, capitals, or the name of one written otherwise; several words in small letters are a remark."""
    return len(name.split()) == 1 or name == name.upper() or _plainly(name) in declared


def _plainly(name: str) -> str:
    """A name as variables are written: capitals without accents, words joined."""
    letters = "".join(each for each in unicodedata.normalize("NFD", name) if not unicodedata.combining(each))
    return re.sub(r"[\s'’-]+", "_", letters.strip()).upper()


def nearest(name: str, declared: Collection[str]) -> str | None:
    """The variable that was probably meant; None where nothing is like it."""
    return next(iter(get_close_matches(_plainly(name), declared, n=1)), None)


def can_be_text(name: str) -> bool:
    """Whether it can stand in two brackets as text; what is written like a variable cannot."""
    return re.fullmatch(_NAME, name) is None


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
