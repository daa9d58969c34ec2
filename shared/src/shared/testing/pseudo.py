"""A language in which everything that a translator is asked for stands between marks: what does not, nobody translates.

Texts, figures, dates and durations are marked alike, so that only data and what was forgotten stand outside.
"""

import gettext as gnu
import re
from collections.abc import Collection, Iterator
from functools import wraps
from html.parser import HTMLParser
from typing import Any, Final

from shared.i18n import Catalogues, Translator

OPEN, CLOSE = "⟦", "⟧"
_MARKED: Final = re.compile(rf"{OPEN}[^{OPEN}{CLOSE}]*{CLOSE}")
_WORD: Final = re.compile(r"[^\W\d_]{2,}(?:['’_-][^\W\d_]+)*")
_HEARD: Final = ("alt", "title", "aria-label", "placeholder", "data-label", "label", "summary")
"""Attributes whose words a reader sees or hears."""


class _Marks(gnu.NullTranslations):
    def gettext(self, message: str) -> str:
        return f"{OPEN}{message}{CLOSE}"

    def ngettext(self, msgid1: str, msgid2: str, n: int) -> str:
        return self.gettext(msgid1 if n == 1 else msgid2)

    def pgettext(self, context: str, message: str) -> str:
        return self.gettext(message)

    def npgettext(self, context: str, msgid1: str, msgid2: str, n: int) -> str:
        return self.ngettext(msgid1, msgid2, n)


class PseudoTranslator(Translator):
    """Writes to somebody who reads only marks."""

    def __init__(self, language: str) -> None:
        super().__init__(language, _Marks())


def _marked(method: Any) -> Any:
    @wraps(method)
    def marking(self: Translator, *values: Any, **options: Any) -> str:
        return f"{OPEN}{method(self, *values, **options)}{CLOSE}"

    return marking


for _name in ("number", "percent", "money", "date", "month", "datetime", "time", "zone", "duration"):
    setattr(PseudoTranslator, _name, _marked(getattr(Translator, _name)))


class PseudoCatalogues(Catalogues):
    """Catalogues of such languages under the names of ours."""

    def __init__(self) -> None:
        self._translators = {language: PseudoTranslator(language) for language in ("en", "fr")}


def outside_of_marks(text: str, data: Collection[str]) -> list[str]:
    """The words of a text that stand outside of all marks and are nobody's data.

    :param data: texts of people and programs: names, titles, numbers. Each counts as a whole only.
    """
    inner = _MARKED.sub(" ", text)
    while inner != text:
        text, inner = inner, _MARKED.sub(" ", inner)
    for known in sorted(data, key=len, reverse=True):
        inner = re.sub(rf"(?<!\w){re.escape(known)}(?!\w)", " ", inner)
    return _WORD.findall(inner)


class _Heard(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.texts: list[str] = []
        self._silent = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._silent += tag in {"style", "script"}
        told = dict(attrs)
        said = [told.get(name) for name in _HEARD]
        if tag == "input" and told.get("type") in {"submit", "button"}:
            said.append(told.get("value"))
        if tag == "meta" and told.get("name") == "description":
            said.append(told.get("content"))
        self.texts += [each for each in said if each]

    def handle_endtag(self, tag: str) -> None:
        self._silent -= tag in {"style", "script"}

    def handle_data(self, data: str) -> None:
        if not self._silent and data.strip():
            self.texts.append(data)


def heard(html: str) -> Iterator[str]:
    """Every text of a page that a reader sees or hears, those of attributes too."""
    parser = _Heard()
    parser.feed(html)
    parser.close()
    yield from parser.texts


def texts_in(value: Any) -> Iterator[str]:
    """Every text in some data, whatever its name."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for each in value.values():
            yield from texts_in(each)
    elif isinstance(value, list):
        for each in value:
            yield from texts_in(each)


def free_texts(value: Any, names: Collection[str]) -> Iterator[str]:
    """The texts under these names anywhere in some data, by language too: words that people wrote.

    Codes are left out: one that a page shows as it is was forgotten by whoever should have put it into words.
    """
    if isinstance(value, dict):
        for name, each in value.items():
            if name in names:
                yield from texts_in(each)
            else:
                yield from free_texts(each, names)
    elif isinstance(value, list):
        for each in value:
            yield from free_texts(each, names)
