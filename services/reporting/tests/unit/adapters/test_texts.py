"""Every text that a client reads exists in French and English, and every code has words."""

from pathlib import Path
from typing import Any, get_args
from zoneinfo import ZoneInfo

import pytest

import reporting
from reporting.adapters import words
from reporting.adapters.rendering import TRANSLATIONS, catalogues
from reporting.adapters.report_sheet import changes_table
from reporting.application.editions import ReportChange
from reporting.application.facts import STAMPS
from reporting.application.report import IncidentStatus, Verdict
from reporting.application.status_page import Turned
from reporting.domain.public_words import Headline, Impact, PublicIncidentStatus
from reporting.domain.state_line import State
from shared.i18n import untranslated


def test_no_text_is_left_untranslated() -> None:
    assert catalogues().languages == ("en", "fr")
    assert untranslated(Path(reporting.__file__).parent, catalogues()) == []


def test_french_differs_from_english_wherever_it_is_a_sentence() -> None:
    french = catalogues().catalogue("fr")
    same = [m.id for m in french if m.id and m.string == m.id and " " in str(m.id)]
    assert same == []


@pytest.mark.parametrize("language", ["fr", "en"])
@pytest.mark.parametrize(
    ("say", "codes"),
    [
        (words.state, [*get_args(State), "partial"]),
        (words.impact, get_args(Impact)),
        (words.headline, get_args(Headline)),
        (words.public_incident_status, get_args(PublicIncidentStatus)),
        (lambda t, measured: words.public_step(t, "resolved", measured), get_args(Turned)),
        (words.incident_status, get_args(IncidentStatus)),
        (words.verdict, [*get_args(Verdict), "missed", "none"]),
        (words.contract_status, ["active", "suspended", "terminated", "expired"]),
        (words.metric, ["response", "repair"]),
        (words.measure, ["listed", "down_seconds", "verdict", "something new"]),
        (words.severity, ["critical", "major", "minor", "something new"]),
        (words.reason, ["dns", "timeout", "removed_by_amendment", "something new"]),
        (words.step, list(STAMPS)),
    ],
)
def test_every_code_has_words(language: str, say: Any, codes: Any) -> None:
    t = catalogues().translator(language)
    assert all(say(t, code) for code in codes)


def test_a_rule_is_told_in_sentences() -> None:
    rule = {
        "minimum_outage": "PT5M",
        "whole_minutes": True,
        "maintenance": "down",
        "unknown": "up",
        "degraded_weight": "0",
        "service_window": {"time_zone": "UTC", "always": True},
    }
    told = words.rule_sentences(catalogues().translator("fr"), rule, informative=True)
    assert len(told) == 6
    assert "5 minutes" in told[1].replace("\N{NO-BREAK SPACE}", " ")
    assert TRANSLATIONS.is_dir()


@pytest.mark.parametrize(
    ("language", "about"),
    [
        ("fr", ["Livrable · Surveillance du certificat", "INC-2026-0001 · Prise en charge", "Livrable · backups"]),
        ("en", ["Deliverable · Certificate monitoring", "INC-2026-0001 · Response", "Deliverable · backups"]),
    ],
)
def test_what_a_correction_is_about_is_told_by_its_name_and_not_by_its_code(language: str, about: list[str]) -> None:
    names = {"fr": "Surveillance du certificat", "en": "Certificate monitoring"}
    changes = [
        ReportChange.model_validate(
            {"subject": subject, "id": "1", "name": name, "names": called}
            | {"measure": "listed", "before": None, "after": name}
        )
        for subject, name, called in (
            ("deliverable", "certificate_monitoring", names),
            ("promise", "INC-2026-0001 · response", {}),
            ("deliverable", "backups", {}),  # an edition of before names were kept
        )
    ]
    rows = changes_table("correction", changes, catalogues().translator(language), ZoneInfo("Europe/Paris")).rows
    assert [row[0] for row in rows] == about
    assert [row[-1] for row in rows] == [names[language], about[1], "backups"]


@pytest.mark.parametrize(
    ("language", "said"), [("fr", "une entrée qui n’est plus communiquée"), ("en", "an entry that is no longer told")]
)
def test_an_entry_that_is_not_told_any_more_is_named_by_no_text(language: str, said: str) -> None:
    change = ReportChange.model_validate(
        {"subject": "risk", "id": "1", "name": "withdrawn", "measure": "listed", "before": "withdrawn", "after": None}
    )
    (row,) = changes_table("correction", [change], catalogues().translator(language), ZoneInfo("Europe/Paris")).rows
    assert (row[0].endswith(f" · {said}"), row[2]) == (True, said)
