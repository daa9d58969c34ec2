"""A key is published before it signs, and kept until its tokens are dead."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from contracts.domain.signing_keys import (
    KEPT_AFTER,
    PUBLISHED_AHEAD,
    TOKEN_LIFETIME,
    SigningKey,
    dead,
    next_key_signs_from,
    rotation_due,
    signer,
)

START = datetime(2026, 6, 8, tzinfo=UTC)
MONTH = timedelta(days=30)


def test_the_first_key_signs_at_once_and_the_next_one_later() -> None:
    assert next_key_signs_from([], START) == START
    assert next_key_signs_from([SigningKey("a", START)], START) == START + PUBLISHED_AHEAD


def test_a_new_key_does_not_sign_before_its_time_and_the_old_one_stays_until_its_tokens_are_dead() -> None:
    old, new = SigningKey("old", START), SigningKey("new", START + MONTH)
    assert signer([new, old], START + MONTH - timedelta(seconds=1)) == old
    assert signer([new, old], START + MONTH) == new
    assert dead([new, old], START + MONTH + TOKEN_LIFETIME) == ()
    assert dead([new, old], START + MONTH + KEPT_AFTER) == (old,)


def test_without_a_key_nobody_signs_and_one_must_be_made() -> None:
    assert signer([], START) is None
    assert rotation_due([], START, MONTH)


def test_a_clock_that_was_set_back_leaves_the_oldest_key_signing() -> None:
    key = SigningKey("a", START)
    assert signer([key, SigningKey("b", START + MONTH)], START - MONTH) == key


def test_rotation_is_due_when_the_youngest_key_is_old_enough() -> None:
    keys = [SigningKey("a", START), SigningKey("b", START + MONTH)]
    assert not rotation_due(keys, START + MONTH + MONTH - timedelta(seconds=1), MONTH)
    assert rotation_due(keys, START + MONTH + MONTH, MONTH)


@given(st.lists(st.integers(0, 10_000), min_size=1, unique=True), st.integers(-100, 20_000))
def test_the_key_that_signs_is_never_forgotten(minutes: list[int], now: int) -> None:
    keys = [SigningKey(str(minute), START + timedelta(minutes=minute)) for minute in minutes]
    at = START + timedelta(minutes=now)
    assert signer(keys, at) not in dead(keys, at)
