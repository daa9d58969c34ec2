"""Texts, figures and dates as a French and an English reader see them."""

from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from shared.i18n import Catalogues, UnknownLanguageError, main, untranslated, update

PARIS = ZoneInfo("Europe/Paris")
NO_BREAK = "\N{NO-BREAK SPACE}"
NARROW = "\N{NARROW NO-BREAK SPACE}"

FRENCH = """
msgid "Down since %(instant)s"
msgstr "Hors service depuis %(instant)s"

msgid "%(count)s incident"
msgid_plural "%(count)s incidents"
msgstr[0] "%(count)s incident"
msgstr[1] "%(count)s incidents"

msgctxt "state"
msgid "Up"
msgstr "En service"
"""
ENGLISH = FRENCH.replace("Hors service depuis", "Down since").replace("En service", "Up")


def write(folder: Path, language: str, text: str) -> None:
    path = folder / language / "LC_MESSAGES" / "messages.po"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write(tmp_path, "fr", FRENCH)
    write(tmp_path, "en", ENGLISH)
    return tmp_path


@pytest.fixture
def catalogues(folder: Path) -> Catalogues:
    return Catalogues.load(folder)


def test_a_text_is_translated_with_named_placeholders(catalogues: Catalogues) -> None:
    assert catalogues.translator("fr").gettext("Down since %(instant)s", instant="midi") == "Hors service depuis midi"
    assert catalogues.translator("en").gettext("Down since %(instant)s", instant="noon") == "Down since noon"
    assert catalogues.translator("fr").pgettext("state", "Up") == "En service"


def test_zero_is_singular_in_french_and_plural_in_english(catalogues: Catalogues) -> None:
    texts = ("%(count)s incident", "%(count)s incidents")
    assert [catalogues.translator("fr").ngettext(*texts, n) for n in (0, 1, 2)] == [
        "0 incident",
        "1 incident",
        "2 incidents",
    ]
    assert [catalogues.translator("en").ngettext(*texts, n) for n in (0, 1, 2)] == [
        "0 incidents",
        "1 incident",
        "2 incidents",
    ]


def test_a_percentage_keeps_the_decimals_it_was_given(catalogues: Catalogues) -> None:
    fr, en = catalogues.translator("fr"), catalogues.translator("en")
    assert fr.percent("99.97") == f"99,97{NO_BREAK}%"
    assert en.percent("99.97") == "99.97%"
    assert en.percent("100.00") == "100.00%"
    assert en.percent("99.89998") == "99.89998%"
    assert en.percent("100") == "100%"
    assert fr.percent("0.00") == f"0,00{NO_BREAK}%"


def test_numbers_and_money_follow_the_language(catalogues: Catalogues) -> None:
    assert catalogues.translator("fr").number("12345.670") == f"12{NARROW}345,670"
    assert catalogues.translator("en").number("12345.670") == "12,345.670"
    assert catalogues.translator("fr").money("300.00", "EUR") == f"300,00{NO_BREAK}€"
    assert catalogues.translator("en").money("300", "EUR") == "€300.00"


@pytest.mark.parametrize("figure", ["", "NaN", "Infinity", "12,5", "abc"])
def test_a_figure_that_is_no_decimal_string_is_refused(catalogues: Catalogues, figure: str) -> None:
    with pytest.raises(ValueError, match="decimal string"):
        catalogues.translator("fr").percent(figure)


def test_instants_are_shown_in_the_zone_of_the_reader(catalogues: Catalogues) -> None:
    instant = datetime(2026, 6, 8, 7, 0, 5, tzinfo=UTC)
    fr, en = catalogues.translator("fr"), catalogues.translator("en")
    assert fr.datetime(instant, PARIS) == "8 juin 2026, 09:00"
    assert en.datetime(instant, PARIS, seconds=True) == "8 June 2026, 09:00:05"
    assert en.datetime(instant, PARIS, width="short") == "08/06/2026, 09:00"
    assert en.time(instant, PARIS) == "09:00"
    assert en.zone(PARIS, instant) == "Europe/Paris (UTC+02:00)"
    assert en.zone(ZoneInfo("UTC"), instant) == "UTC (UTC+00:00)"
    assert en.offset(PARIS, instant) == "UTC+02:00"
    assert fr.date(date(2026, 6, 8)) == "8 juin 2026"
    assert fr.date(date(2026, 6, 1)) == "1er juin 2026"
    assert fr.date(date(2026, 6, 1), width="short") == "01/06/2026"
    assert en.date(date(2026, 6, 1)) == "1 June 2026"
    assert fr.month(date(2026, 6, 8)) == "juin 2026"


def test_a_naive_time_and_a_day_without_zone_are_refused(catalogues: Catalogues) -> None:
    with pytest.raises(ValueError, match="zone"):
        catalogues.translator("en").datetime(datetime(2026, 6, 8, 7), PARIS)  # noqa: DTZ001 - the point of the test
    with pytest.raises(TypeError, match="zone"):
        catalogues.translator("en").date(datetime(2026, 6, 8, 7, tzinfo=UTC))


def test_durations_read_like_sentences(catalogues: Catalogues) -> None:
    fr, en = catalogues.translator("fr"), catalogues.translator("en")

    def plain(text: str) -> str:
        return text.replace(NO_BREAK, " ").replace(NARROW, " ")

    assert plain(fr.duration(900)) == "15 minutes"
    assert plain(en.duration(8400)) == "2 hours and 20 minutes"
    assert plain(fr.duration(8400, width="short")) == "2 h 20 min"
    assert plain(en.duration(8400, width="short")) == "2h 20m"
    assert plain(fr.duration(90061)) == "1 jour, 1 heure, 1 minute et 1 seconde"
    assert plain(en.duration(0.9)) == "0 seconds"
    assert plain(en.duration(-60)) == "−1 minute"


def test_hours_of_work_and_of_a_calendar_are_never_days(catalogues: Catalogues) -> None:
    fr, en = catalogues.translator("fr"), catalogues.translator("en")
    assert en.work(26 * 60 + 15) == "26 hours and 15 minutes"
    assert fr.work(26 * 60, width="short") == f"26{NARROW}h"
    assert en.work(-90, width="short") == "−1h 30m"
    assert (en.work(0), en.work(0, width="short"), en.work(5, width="short")) == ("0 hours", "0h", "5m")
    assert en.duration(40 * 3600, width="short") == "1d 16h"
    assert en.duration(40 * 3600, width="short", days=False) == "40h"
    assert en.duration(40 * 3600 + 1, days=False) == "40 hours and 1 second"


def test_the_language_comes_from_the_query_then_the_browser_then_the_default(catalogues: Catalogues) -> None:
    def chosen(asked: str | None, accepted: str | None) -> str:
        return catalogues.negotiate(asked, accepted, default="fr").language

    assert chosen("en", "fr") == "en"
    assert chosen("de", "en-US,en;q=0.8,fr;q=0.9") == "en"
    assert chosen(None, "de;q=1, en;q=0.1, fr-CA;q=0.5") == "fr"
    assert chosen(None, "en;q=0") == "fr"
    assert chosen(None, ";;;q=,,, \x00") == "fr"
    assert chosen(None, None) == "fr"


def test_an_unknown_language_names_those_that_exist(catalogues: Catalogues, tmp_path: Path) -> None:
    with pytest.raises(UnknownLanguageError, match="en, fr"):
        catalogues.translator("de")
    with pytest.raises(UnknownLanguageError, match=r"messages|domain"):
        Catalogues.load(tmp_path / "nothing")


SOURCE = """
def texts(t):
    return t.gettext("Down since %(instant)s", instant=1), t.ngettext("%(count)s incident", "%(count)s incidents", 2)
"""


def test_a_text_without_translation_is_found(folder: Path, tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.mkdir()
    (source / "texts.py").write_text(SOURCE)
    (source / "page.html").write_text('{{ pgettext("state", "Up") }}')
    assert untranslated(source, Catalogues.load(folder)) == []
    (source / "page.html").write_text('<p>{% trans name="x" %}Page of {{ name }}{% endtrans %}</p>')
    assert untranslated(source, Catalogues.load(folder)) == [
        f"{language}: {what}"
        for language in ("en", "fr")
        for what in ("not translated: 'Page of %(name)s'", "no longer used: 'Up'")
    ]


def test_a_lost_placeholder_is_found(folder: Path, tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.mkdir()
    (source / "texts.py").write_text(SOURCE)
    (source / "page.html").write_text('{{ pgettext("state", "Up") }}')
    write(folder, "fr", FRENCH.replace("depuis %(instant)s", "depuis longtemps"))
    assert untranslated(source, Catalogues.load(folder)) == [
        "fr: placeholders differ from the original: 'Down since %(instant)s'"
    ]


def test_updating_keeps_translations_and_tells_what_is_left(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source = tmp_path / "source"
    source.mkdir()
    (source / "texts.py").write_text(SOURCE)
    (source / "page.html").write_text('{{ pgettext("state", "Up") }}{{ gettext("New") }}')
    assert update(source, folder) == ["fr: 'New'"]
    assert main([str(source), str(folder)]) == 0
    assert "fr: 'New'" in capsys.readouterr().out
    after = Catalogues.load(folder)
    assert after.translator("fr").gettext("Down since %(instant)s", instant="midi") == "Hors service depuis midi"
    assert after.translator("en").gettext("New") == "New"
    assert untranslated(source, after) == ["fr: not translated: 'New'"]


def test_a_broken_template_is_an_error_and_not_an_empty_list(folder: Path, tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.mkdir()
    (source / "page.html").write_text('{% if %}{{ gettext("Hidden") }}')
    with pytest.raises(Exception, match="Expected an expression"):
        untranslated(source, Catalogues.load(folder))


@pytest.mark.parametrize(
    "said",
    [
        "Qu’est-ce que « Réponse » ?",
        "Depuis : midi",
        "99 %%",
        "Il n'y a rien",
        "Il dit «\u00a0oui »",
    ],
)
def test_french_that_is_set_as_english_is_found(folder: Path, tmp_path: Path, said: str) -> None:
    source = tmp_path / "source"
    source.mkdir()
    (source / "texts.py").write_text(SOURCE)
    (source / "page.html").write_text('{{ pgettext("state", "Up") }}')
    write(folder, "fr", FRENCH.replace("En service", said))
    assert untranslated(source, Catalogues.load(folder)) == [
        f"fr: needs no-break spaces, or a curly apostrophe: {said!r}"
    ]
    mended = "« Oui » ? Depuis : 12:30, 99 %%, n’importe où".replace(" »", NO_BREAK + "»").replace("« ", "«" + NO_BREAK)
    mended = mended.replace(" ?", NARROW + "?").replace(" :", NO_BREAK + ":").replace(" %", NO_BREAK + "%")
    write(folder, "fr", FRENCH.replace("En service", mended))
    assert untranslated(source, Catalogues.load(folder)) == []
