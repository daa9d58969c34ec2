"""Names of variables in texts that people write, and what people write when they mean one: `[Mois]`, `[PRÉNOM]`."""

import re
import unicodedata
from collections.abc import Collection
from difflib import get_close_matches
from typing import Final

NAME: Final = r"[A-Z][A-Z0-9_]{0,39}"
"""A pattern: what stands in brackets and is a variable."""
WORDS: Final = r"[^\S\r\n]{0,9}[^\W\d](?:[\w'’-]|[^\S\r\n]){0,59}"
"""A pattern: what stands in brackets and reads like one, or like a remark."""


def is_meant_as_variable(name: str, declared: Collection[str]) -> bool:
    """Whether what stands in brackets is probably meant as a variable: a single word, capitals, or the name of a
    declared one written otherwise. Several words in small letters are a remark.
    """
    return len(_bare(name).split()) == 1 or name == name.upper() or _plainly(name) in declared


def nearest_variable(name: str, declared: Collection[str]) -> str | None:
    """The declared variable that was probably meant; None where none is like it."""
    return next(iter(get_close_matches(_plainly(name), declared, n=1)), None)


def _plainly(name: str) -> str:
    """A name as variables are written: capitals without accents, words joined."""
    letters = "".join(each for each in unicodedata.normalize("NFD", name) if not unicodedata.combining(each))
    return re.sub(r"[\s'’-]+", "_", _bare(letters)).upper()


def _bare(name: str) -> str:
    """Without blanks around, and without the mark of a block of text that depends on it."""
    return re.sub(r"^[\s?!/]+|\s+$", "", name)
