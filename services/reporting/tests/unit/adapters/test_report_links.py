"""Links that nobody can forge."""

from contextlib import suppress
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from reporting.adapters.report_links import ExpiredLink, InvalidLink, SharedReport, make_token, read_token
from reporting.adapters.secret_box import SecretBox, Unreadable

NOW = datetime(2026, 7, 1, tzinfo=UTC)
BOX, OTHER = SecretBox(SecretStr("a" * 32)), SecretBox(SecretStr("b" * 32))
REPORT = SharedReport(UUID(int=1), UUID(int=2), date(2026, 6, 1), "fr", None, NOW + timedelta(hours=1))


def test_a_token_gives_back_what_it_was_made_of_until_it_ends() -> None:
    for report in (REPORT, replace(REPORT, as_of=NOW, language="en")):
        assert read_token(BOX, make_token(BOX, report), NOW) == report
    with pytest.raises(ExpiredLink):
        read_token(BOX, make_token(BOX, REPORT), NOW + timedelta(hours=1))


def test_a_token_of_another_key_is_nonsense() -> None:
    with pytest.raises(InvalidLink):
        read_token(OTHER, make_token(BOX, REPORT), NOW)


@given(st.one_of(st.text(max_size=60), st.binary(max_size=60).map(lambda raw: raw.hex() + ".x")))
def test_nonsense_is_told_as_such(token: str) -> None:
    with pytest.raises(InvalidLink):
        read_token(BOX, token, NOW)


@given(st.integers(0, 10_000), st.characters(codec="ascii"))
def test_no_character_can_be_changed(position: int, character: str) -> None:
    token = make_token(BOX, REPORT)
    position %= len(token)
    forged = token[:position] + character + token[position + 1 :]
    with suppress(InvalidLink):
        assert read_token(BOX, forged, NOW) == REPORT  # the last bits of base64 may not matter


def test_a_sealed_secret_opens_with_its_key_only() -> None:
    sealed = BOX.seal("whsec_x")
    assert BOX.open(sealed) == "whsec_x"
    assert b"whsec" not in sealed
    with pytest.raises(Unreadable, match="rotate"):
        OTHER.open(sealed)
