"""Texts that people read, in their language: gettext catalogues, numbers, dates and durations.

A service keeps its catalogues as ``<folder>/<language>/LC_MESSAGES/<domain>.po``. They are compiled in memory when the
service starts, so no binary file is committed and none can be older than its source. The msgid is the English text; the
English catalogue exists all the same, because plural forms and contexts must be written for English too.

Placeholders are named: ``translator.gettext("Down since %(instant)s", instant=…)``. A literal percent sign is ``%%``,
in Python as in Jinja2 (``environment.install_gettext_callables(…, newstyle=True)`` formats by the same rule).

After changing a text: ``python -m shared.i18n <source folder> <catalogue folder>`` adds what is new to every catalogue
and drops what is gone; a test of each service calls :func:`untranslated`, so a forgotten translation fails the build.
"""

from __future__ import annotations

import datetime as dt
import gettext
import io
import re
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Final, Literal
from zoneinfo import ZoneInfo

from babel import Locale, UnknownLocaleError
from babel.dates import format_date, format_skeleton, format_time, get_timezone_gmt
from babel.lists import format_list
from babel.messages.catalog import Catalog
from babel.messages.extract import extract_from_dir
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po, write_po
from babel.numbers import format_currency, format_decimal, format_percent
from babel.units import format_unit

Width = Literal["long", "short"]

DEFAULT_LANGUAGE: Final = "en"

# Which territory's habits a language follows when the reader names none: day before month, 24 hours, point or comma.
_LOCALES: Final[Mapping[str, str]] = {"en": "en_GB", "fr": "fr_FR"}

_UNITS: Final = (("day", 86_400), ("hour", 3_600), ("minute", 60), ("second", 1))

_EXTRACTORS: Final = (("**.py", "python"), ("**.html", "jinja2"), ("**.txt", "jinja2"), ("**.svg", "jinja2"))
# A line that begins with » or with a question mark is a mistake in French, so no line may break before them.
_SET_AS_ENGLISH: Final = re.compile(r"«(?![\xa0\u202f])|(?<![\xa0\u202f])»| (?:[?!;:€](?!\w)|%%)|(?<=\w)'(?=[\w%])")
_KEYWORDS: Final = {
    "gettext": None,
    "_": None,
    "ngettext": (1, 2),
    "pgettext": ((1, "c"), 2),
    "npgettext": ((1, "c"), 2, 3),
}


class UnknownLanguageError(LookupError):
    """No catalogue exists for the language that was asked for."""


@dataclass(frozen=True, slots=True)
class JinjaCallables:
    """What ``install_gettext_callables(…, newstyle=True)`` takes: look-ups that leave ``%(name)s`` alone."""

    gettext: Callable[[str], str]
    ngettext: Callable[[str, str, int], str]
    pgettext: Callable[[str, str], str]
    npgettext: Callable[[str, str, str, int], str]


class Translator:
    """Everything needed to write to one person: texts, numbers, dates and durations of one language."""

    def __init__(self, language: str, translations: gettext.NullTranslations) -> None:
        self.language = language
        self.locale = Locale.parse(_LOCALES.get(language, language))
        self._translations = translations

    # -- texts ---------------------------------------------------------------------------------------------------------

    def gettext(self, message: str, /, **values: object) -> str:
        """The text in this language, with its named placeholders filled. Raises KeyError for a missing value."""
        return self._translations.gettext(message) % values

    def ngettext(self, singular: str, plural: str, count: int, /, **values: object) -> str:
        """The form for ``count`` (French: 0 and 1 are singular). ``%(count)s`` may be used without being given."""
        return self._translations.ngettext(singular, plural, count) % {"count": self.number(str(count)), **values}

    def pgettext(self, context: str, message: str, /, **values: object) -> str:
        """Like ``gettext`` for a short word that means different things in different places."""
        return self._translations.pgettext(context, message) % values

    def npgettext(self, context: str, singular: str, plural: str, count: int, /, **values: object) -> str:
        """Like ``ngettext`` with a context."""
        text = self._translations.npgettext(context, singular, plural, count)
        return text % {"count": self.number(str(count)), **values}

    def jinja_callables(self) -> JinjaCallables:
        """The look-ups for a Jinja2 environment, which fills placeholders itself so that it can escape the values."""
        found = self._translations
        return JinjaCallables(found.gettext, found.ngettext, found.pgettext, found.npgettext)

    # -- figures -------------------------------------------------------------------------------------------------------

    def number(self, figure: str) -> str:
        """A decimal string with this language's separators. Keeps every decimal that is there and adds none."""
        value, decimals = _exact(figure)
        return str(format_decimal(value, format=_with_decimals("#,##0", decimals), locale=self.locale))

    def percent(self, figure: str) -> str:
        """``"99.97"`` (percent, not a ratio) as ``99.97%`` or ``99,97 %``. Rounds nothing."""
        value, decimals = _exact(figure)
        pattern = _with_decimals(self.locale.percent_formats[None].pattern, decimals)
        return str(format_percent(value.scaleb(-2), format=pattern, locale=self.locale))

    def money(self, amount: str, currency: str) -> str:
        """An exact amount (decimal string) in an ISO 4217 currency, with the currency's own decimals."""
        value, _ = _exact(amount)
        return str(format_currency(value, currency, locale=self.locale))

    # -- time ----------------------------------------------------------------------------------------------------------

    def date(self, day: dt.date, *, width: Width = "long") -> str:
        """``8 June 2026``; short: ``08/06/2026``. A datetime is refused: it has no day without a zone."""
        if isinstance(day, dt.datetime):
            raise TypeError("use datetime(instant, zone) for an instant: its day depends on the zone")
        text = format_date(day, format=width, locale=self.locale)
        # French writes the first of a month as an ordinal; CLDR's patterns cannot.
        return f"1er{text[1:]}" if self.language == "fr" and width == "long" and day.day == 1 else text

    def month(self, day: dt.date) -> str:
        """The month that a day lies in: ``June 2026``, ``juin 2026``."""
        return format_skeleton("yMMMM", dt.datetime(day.year, day.month, 1), locale=self.locale)  # noqa: DTZ001 - no instant

    def datetime(self, instant: dt.datetime, zone: ZoneInfo, *, width: Width = "long", seconds: bool = False) -> str:
        """An aware instant as wall-clock time in ``zone``: ``8 June 2026, 09:00``; ``zone`` names the zone."""
        local = _aware(instant).astimezone(zone)
        day = self.date(local.date(), width=width)
        joined: str = str(self.locale.datetime_formats[width])
        return joined.replace("{1}", day).replace("{0}", self.time(instant, zone, seconds=seconds))

    def time(self, instant: dt.datetime, zone: ZoneInfo, *, seconds: bool = False) -> str:
        """The wall-clock time of an aware instant in ``zone``, on 24 hours: ``09:00`` or ``09:00:05``."""
        return format_time(
            _aware(instant).astimezone(zone), format="HH:mm:ss" if seconds else "HH:mm", locale=self.locale
        )

    def zone(self, zone: ZoneInfo, at: dt.datetime) -> str:
        """The zone by name and its offset at an instant: ``Europe/Paris (UTC+02:00)``."""
        return f"{zone.key} ({self.offset(zone, at)})"

    def offset(self, zone: ZoneInfo, at: dt.datetime) -> str:
        """The zone's offset at an instant: ``UTC+02:00``."""
        return f"UTC{get_timezone_gmt(_aware(at).astimezone(zone), width='iso8601', locale=self.locale)}"

    def duration(self, seconds: float | Decimal, *, width: Width = "long", days: bool = True) -> str:
        """``15 minutes``, ``2 hours and 20 minutes``; short: ``2h 20m`` or ``2 h 20 min``.

        Whole seconds; a fraction is cut off, never rounded up. Zero reads ``0 seconds``. A negative duration carries a
        minus sign, which is how an overrun deadline reads. Without ``days`` hours stay hours: a day of a calendar that
        closes at night would be anybody's guess.
        """
        return self._amount(seconds, _UNITS if days else _UNITS[1:], width)

    def work(self, minutes: int, *, width: Width = "long") -> str:
        """What somebody worked, or may: ``26 hours and 15 minutes``; short: ``26h 15m`` or ``26 h 15 min``.

        Never in days: twenty-six hours of work are no day and two. No work reads ``0 hours``.
        """
        return self._amount(60 * minutes, _UNITS[1:3] if minutes else _UNITS[1:2], width)

    def _amount(self, seconds: float | Decimal, units: Sequence[tuple[str, int]], width: Width) -> str:
        whole = rest = int(seconds if seconds >= 0 else -seconds)
        parts: list[str] = []
        length: Literal["long", "short", "narrow"] = "long" if width == "long" else "short"
        if width == "short" and self.language == "en":
            length = "narrow"  # English "short" is hardly shorter than "long": 2 hrs, 20 mins
        for unit, size in units:
            count, rest = divmod(rest, size)
            if count or (unit == units[-1][0] and not parts):
                parts.append(format_unit(count, f"duration-{unit}", length=length, locale=self.locale))
        style: Literal["standard", "unit-narrow"] = "standard" if width == "long" else "unit-narrow"
        text = format_list(parts, style=style, locale=self.locale)
        return f"−{text}" if seconds < 0 and whole else text

    def enumeration(self, items: Sequence[str]) -> str:
        """``a, b and c`` in this language."""
        return format_list(list(items), style="standard", locale=self.locale)


class Catalogues:
    """The translations of one service, all languages, loaded once at start and shared by every request."""

    def __init__(self, catalogues: Mapping[str, Catalog]) -> None:
        if not catalogues:
            raise UnknownLanguageError("no catalogue was found: expected <folder>/<language>/LC_MESSAGES/<domain>.po")
        self._catalogues = dict(catalogues)
        self._translators = {
            language: Translator(language, _compiled(catalogue)) for language, catalogue in catalogues.items()
        }

    @classmethod
    def load(cls, folder: Path, domain: str = "messages") -> Catalogues:
        """Read and compile ``<folder>/<language>/LC_MESSAGES/<domain>.po`` of every language that has one."""
        found: dict[str, Catalog] = {}
        for path in sorted(folder.glob(f"*/LC_MESSAGES/{domain}.po")):
            language = path.parent.parent.name
            found[language] = _read(path, language, domain)
        return cls(found)

    @property
    def languages(self) -> tuple[str, ...]:
        """The languages that have a catalogue, in alphabetical order."""
        return tuple(sorted(self._translators))

    def translator(self, language: str) -> Translator:
        """The translator of a language or of its base (``fr-CA`` reads ``fr``). Raises UnknownLanguageError."""
        for candidate in (language.lower(), language.lower().partition("-")[0].partition("_")[0]):
            if candidate in self._translators:
                return self._translators[candidate]
        raise UnknownLanguageError(f"no catalogue for {language!r}; there is one for: {', '.join(self.languages)}")

    def negotiate(self, asked: str | None, accept_language: str | None, default: str = DEFAULT_LANGUAGE) -> Translator:
        """The language of a page: the one asked for by name, else the best of ``Accept-Language``, else the default.

        Never fails: what is unknown or malformed is passed over, because a visitor must get a page.
        """
        for candidate in (*([asked] if asked else []), *_preferred(accept_language or ""), default):
            try:
                return self.translator(candidate)
            except UnknownLanguageError:
                continue
        return self._translators[self.languages[0]]

    def catalogue(self, language: str) -> Catalog:
        """The catalogue as read, for checks and tools."""
        return self._catalogues[language]


def extract(source: Path) -> Catalog:
    """Every translatable text of a source folder: Python calls and Jinja2 templates (which needs Jinja2 installed)."""
    texts = Catalog(charset="utf-8")
    found = extract_from_dir(
        source,
        method_map=_EXTRACTORS,
        # Syntax errors must be seen here: by default the extractor skips a broken template and its texts with it.
        options_map={"**.html": {"silent": "false"}, "**.txt": {"silent": "false"}, "**.svg": {"silent": "false"}},
        keywords=_KEYWORDS,
    )
    for filename, line, message, comments, context in sorted(found, key=lambda row: (row[0], row[1])):
        texts.add(message, None, [(filename, line)], auto_comments=comments, context=context)
    return texts


def untranslated(source: Path, catalogues: Catalogues) -> list[str]:
    """What a reader would see in the wrong language: one line per missing text, ready to be the message of a test.

    Also tells texts whose placeholders differ from the original, fuzzy entries (which are not shown to anybody),
    entries that the source no longer has, and French that is set as English is.
    """
    wanted = extract(source)
    problems: list[str] = []
    for language in catalogues.languages:
        catalogue = catalogues.catalogue(language)
        for message in wanted:
            if not message.id:
                continue
            found = catalogue.get(message.id, message.context)
            shown = message.id[0] if isinstance(message.id, (list, tuple)) else message.id
            if found is None or found.fuzzy or not all(_forms(found.string)):
                problems.append(f"{language}: not translated: {shown!r}")
            elif {frozenset(_placeholders(form)) - {"count"} for form in _forms(found.string)} != {
                frozenset(_placeholders(shown)) - {"count"}
            }:
                problems.append(f"{language}: placeholders differ from the original: {shown!r}")
        for message in catalogue:
            if message.id and wanted.get(message.id, message.context) is None:
                problems.append(f"{language}: no longer used: {message.id!r}")
            if message.id and language == "fr" and any(map(_SET_AS_ENGLISH.search, _forms(message.string))):
                problems.append(f"fr: needs no-break spaces, or a curly apostrophe: {message.string!r}")
    return problems


def update(source: Path, folder: Path, domain: str = "messages") -> list[str]:
    """Bring every catalogue below ``folder`` up to date with ``source``; returns what is left to translate."""
    wanted = extract(source)
    left: list[str] = []
    for path in sorted(folder.glob(f"*/LC_MESSAGES/{domain}.po")):
        language = path.parent.parent.name
        known = _read(path, language, domain)
        fresh = Catalog(locale=_LOCALES.get(language, language), domain=domain, charset="utf-8", header_comment="")
        for message in wanted:
            if not message.id:
                continue
            old = known.get(message.id, message.context)
            string = old.string if old is not None and not old.fuzzy else None
            if not string or not all(_forms(string)):
                if language == DEFAULT_LANGUAGE:
                    string = message.id
                else:
                    left.append(f"{language}: {message.id!r}")
            fresh.add(message.id, string, context=message.context)
        buffer = io.BytesIO()
        write_po(buffer, fresh, sort_output=True, omit_header=True, width=120)
        path.write_bytes(buffer.getvalue())
    return left


def _read(path: Path, language: str, domain: str) -> Catalog:
    try:
        locale = Locale.parse(_LOCALES.get(language, language))
    except (UnknownLocaleError, ValueError) as error:
        raise UnknownLanguageError(f"{path}: {language!r} is no language that CLDR knows") from error
    with path.open("rb") as stream:
        return read_po(stream, locale=locale, domain=domain, abort_invalid=True)


def _compiled(catalogue: Catalog) -> gettext.NullTranslations:
    buffer = io.BytesIO()
    write_mo(buffer, catalogue)
    buffer.seek(0)
    return gettext.GNUTranslations(buffer)


def _exact(figure: str) -> tuple[Decimal, int]:
    """A decimal string as its exact value and the number of its decimals."""
    try:
        value = Decimal(figure)
    except InvalidOperation as error:
        raise ValueError(f"{figure!r} is not a decimal string") from error
    exponent = value.as_tuple().exponent
    if not isinstance(exponent, int):
        raise ValueError(f"{figure!r} is not a finite decimal string")
    return value, max(0, -exponent)


def _with_decimals(pattern: str, decimals: int) -> str:
    """A CLDR number pattern without decimals (``#,##0 %``) with exactly that many."""
    return re.sub(r"0(?!.*0)", "0." + "0" * decimals, pattern) if decimals else pattern


def _aware(instant: dt.datetime) -> dt.datetime:
    if instant.tzinfo is None:
        raise ValueError("an instant needs a zone: a naive time cannot be shown truthfully")
    return instant


def _preferred(accept_language: str) -> Iterator[str]:
    """The languages of an ``Accept-Language`` header, best first, without what is malformed or refused (``q=0``)."""
    ranked: list[tuple[float, int, str]] = []
    for position, item in enumerate(accept_language[:1000].split(",")):
        name, _, parameters = item.partition(";")
        quality = re.fullmatch(r"\s*q\s*=\s*(0(?:\.\d{1,3})?|1(?:\.0{1,3})?)\s*", parameters) if parameters else None
        weight = float(quality.group(1)) if quality else (0.0 if parameters else 1.0)
        if weight and re.fullmatch(r"[A-Za-z]{2,8}(-[A-Za-z0-9]{1,8})*", name.strip()):
            ranked.append((-weight, position, name.strip()))
    for _, _, language in sorted(ranked):
        yield language


def _forms(string: object) -> tuple[str, ...]:
    if isinstance(string, str):
        return (string,)
    return tuple(form or "" for form in string) if isinstance(string, (list, tuple)) else ("",)


def _placeholders(text: str) -> set[str]:
    return set(re.findall(r"%\((\w+)\)s", text))


def main(arguments: Sequence[str]) -> int:
    """``python -m shared.i18n SOURCE CATALOGUES``: update the catalogues and print what is left to translate."""
    if len(arguments) != 2:
        sys.stderr.write("usage: python -m shared.i18n <source folder> <catalogue folder>\n")
        return 2
    left = update(Path(arguments[0]), Path(arguments[1]))
    sys.stdout.write("".join(f"to translate  {line}\n" for line in left) or "nothing left to translate\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
