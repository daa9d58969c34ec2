"""Texts for people."""

from pathlib import Path

import pytest

import incidents
from incidents.adapters.mail import LOCALE, one_line
from incidents.settings import IncidentsSettings, is_address
from shared.i18n import Catalogues, untranslated


def test_every_text_is_translated() -> None:
    source = Path(incidents.__file__).parent
    assert untranslated(source, Catalogues.load(LOCALE)) == []


def test_one_line_has_no_way_to_end_a_header() -> None:
    assert one_line("a\r\nBcc: x\x00\x85\u2028b\tc") == "a Bcc: x b c"


@pytest.mark.parametrize("text", ["a@b", "first.last+tag@sub.example.org", "o'neill@example.org"])
def test_addresses(text: str) -> None:
    assert is_address(text)


@pytest.mark.parametrize("text", ["", "a", "a@", "@b", "a@b\n", "a b@c", "a@b,c@d", "<a@b>", "é@b.c", "a@-b", "a@b..c"])
def test_what_is_no_address(text: str) -> None:
    assert not is_address(text)


def test_settings_read_a_list_of_addresses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("INCIDENTS_DATABASE_URL", "postgresql://localhost/x")
    monkeypatch.setenv("INCIDENTS_SECRET_KEY", "k" * 32)
    monkeypatch.setenv("INCIDENTS_ALERT_EMAILS", "a@b.example, c@d.example")
    assert IncidentsSettings().alert_emails == ("a@b.example", "c@d.example")  # type: ignore[call-arg]
    monkeypatch.setenv("INCIDENTS_ALERT_EMAILS", "nobody")
    with pytest.raises(ValueError, match="not an e-mail address"):
        IncidentsSettings()  # type: ignore[call-arg]
