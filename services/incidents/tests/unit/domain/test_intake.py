"""Spells: what follows from what a sender says, whatever he repeats and in whatever order it comes."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from incidents.domain.intake import Episode, Point, episodes, nature_of, numbers_in, severity_of, spells

NINE = datetime(2026, 6, 8, 9, tzinfo=UTC)
SETTLE = timedelta(minutes=5)


def at(minute: int) -> datetime:
    return NINE + timedelta(minutes=minute)


def fired(minute: int) -> Point:
    return Point("firing", at(minute))


def resolved(minute: int) -> Point:
    return Point("resolved", at(minute))


points = st.lists(st.builds(Point, st.sampled_from(["firing", "resolved"]), st.integers(0, 60).map(at)), max_size=20)


def test_what_fires_and_is_resolved_is_one_episode() -> None:
    assert episodes([fired(0), fired(3), resolved(10)]) == [Episode(at(0), at(10))]


def test_a_resolution_that_comes_first_waits_for_its_firing() -> None:
    assert episodes([resolved(10)]) == []
    assert episodes([resolved(10), fired(0)]) == [Episode(at(0), at(10))]


def test_firing_again_within_the_settle_time_is_the_same_spell() -> None:
    (spell,) = spells([fired(0), resolved(10), fired(15)], SETTLE)
    assert (spell.begins_at, spell.ends_at, len(spell.episodes)) == (at(0), None, 2)


def test_firing_again_later_is_another_spell() -> None:
    assert len(spells([fired(0), resolved(10), fired(16)], SETTLE)) == 2


@given(points, st.randoms(use_true_random=False), st.integers(1, 3))
def test_order_and_repetition_change_nothing(said: list[Point], dice: object, times: int) -> None:
    shuffled = said * times
    dice.shuffle(shuffled)  # type: ignore[attr-defined]
    assert spells(shuffled, SETTLE) == spells(said, SETTLE)


@given(points, st.integers(0, 30).map(lambda minutes: timedelta(minutes=minutes)))
def test_spells_are_apart_by_more_than_the_settle_time_and_only_the_last_goes_on(
    said: list[Point], settle: timedelta
) -> None:
    found = spells(said, settle)
    for earlier, later in pairwise(found):
        assert earlier.ends_at is not None
        assert later.begins_at - earlier.ends_at > settle
    assert [each for spell in found for each in spell.episodes] == episodes(said)


@given(points)
def test_a_minute_is_wrong_exactly_when_the_last_word_before_it_was_firing(said: list[Point]) -> None:
    """Against an oracle that walks over the minutes."""
    wrong = False
    for minute in range(61):
        words = {point.kind for point in said if point.at == at(minute)}
        if "resolved" in words:
            wrong = False
        elif "firing" in words:
            wrong = True
        inside = any(
            each.start <= at(minute) and (each.end is None or at(minute) < each.end) for each in episodes(said)
        )
        assert inside == wrong, minute


@pytest.mark.parametrize(
    ("word", "severity"),
    [("P1", "critical"), ("p1 ", "critical"), ("warning", "minor"), ("ERROR", "major"), ("strange", "major")],
)
def test_a_severity_is_read_by_the_sources_own_words_then_by_the_usual_ones(word: str, severity: str) -> None:
    assert severity_of(word, {"P1": "critical"}, "major") == severity


def test_a_source_may_read_a_usual_word_otherwise() -> None:
    assert severity_of("warning", {"Warning": "critical"}, "major") == "critical"


@pytest.mark.parametrize(
    ("headers", "content_type", "sender", "subject", "nature"),
    [
        ({}, "text/plain", "lea@client.example", "Re: [INC-2026-0001] Shop is down", "human"),
        ({"auto-submitted": "no"}, "text/plain", "lea@client.example", "Hello", "human"),
        ({"auto-submitted": "auto-replied (vacation)"}, "text/plain", "lea@client.example", "Hello", "automatic"),
        ({"auto-submitted": "auto-generated; owner=x"}, "text/plain", "lea@client.example", "Hello", "automatic"),
        ({"precedence": "bulk"}, "text/plain", "news@client.example", "News", "automatic"),
        ({}, "text/plain", "lea@client.example", "Out of office: Hello", "automatic"),
        ({}, "text/plain", "lea@client.example", "Réponse automatique : bonjour", "automatic"),
        ({}, "text/plain", "no-reply@client.example", "Ticket created", "automatic"),
        ({}, "multipart/report", "lea@client.example", "Undelivered", "bounce"),
        ({"return-path": "<>"}, "text/plain", "lea@client.example", "Undelivered", "bounce"),
        ({}, "text/plain", "MAILER-DAEMON@mx.client.example", "Undelivered", "bounce"),
    ],
)
def test_what_a_program_wrote_is_known_by_its_headers(
    headers: dict[str, str], content_type: str, sender: str, subject: str, nature: str
) -> None:
    assert nature_of(headers, content_type=content_type, sender=sender, subject=subject) == nature


def test_numbers_are_found_in_a_subject() -> None:
    assert numbers_in("AW: [inc-2026-0001] and REQ-2026-12345, not INC-26-1") == ["INC-2026-0001", "REQ-2026-12345"]
