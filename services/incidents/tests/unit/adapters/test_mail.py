"""Texts for people."""

import json
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest

import incidents
from incidents.adapters.contract_state import ContractState
from incidents.adapters.mail import LOCALE, _Words
from incidents.settings import IncidentsSettings
from shared.i18n import Catalogues, untranslated
from shared.testing.pseudo import OPEN, PseudoTranslator

MONITOR_DOWN = Path(__file__).parents[4] / "probes/schemas/probes.monitor.down.v1.schema.json"


def test_every_text_is_translated() -> None:
    source = Path(incidents.__file__).parent
    assert untranslated(source, Catalogues.load(LOCALE)) == []


def test_every_reason_that_a_probe_can_give_has_words() -> None:
    schema = json.loads(MONITOR_DOWN.read_text("utf-8"))
    codes = schema["properties"]["data"]["properties"]["reason"]["enum"]
    words = _Words(PseudoTranslator("fr"), ZoneInfo("UTC"), datetime(2026, 6, 8, tzinfo=UTC))
    assert {code: words.reason({"reason": code}) for code in codes if OPEN not in words.reason({"reason": code})} == {}


def test_a_severity_is_called_what_the_contract_calls_it() -> None:
    state = {
        "contract_id": str(UUID(int=1)),
        "version": 1,
        "number": "C-1",
        "status": "active",
        "effective_from": "2026-06-01T00:00:00Z",
        "client": {"client_id": str(UUID(int=2)), "name": "M", "language": "fr", "time_zone": "Europe/Paris"},
        "service_desk": {"severities": [{"code": "p1", "rank": 1, "names": {"fr": "vital", "en": "vital one"}}]},
    }
    contract = ContractState.model_validate(state).facts()
    for language, name in (("fr", "vital"), ("en", "vital one")):
        words = _Words(Catalogues.load(LOCALE).translator(language), ZoneInfo("UTC"), datetime(2026, 6, 8, tzinfo=UTC))
        assert words.severity("p1", contract) == name
    french = _Words(Catalogues.load(LOCALE).translator("fr"), ZoneInfo("UTC"), datetime(2026, 6, 8, tzinfo=UTC))
    assert french.severity("critical", contract) == "critique"


def test_settings_read_a_list_of_addresses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("INCIDENTS_DATABASE_URL", "postgresql://localhost/x")
    monkeypatch.setenv("INCIDENTS_SECRET_KEY", "k" * 32)
    monkeypatch.setenv("INCIDENTS_ALERT_EMAILS", "a@b.example, c@d.example")
    assert IncidentsSettings().alert_emails == ("a@b.example", "c@d.example")  # type: ignore[call-arg]
    monkeypatch.setenv("INCIDENTS_ALERT_EMAILS", "nobody")
    with pytest.raises(ValueError, match="not an e-mail address"):
        IncidentsSettings()  # type: ignore[call-arg]
