"""API keys: what is shown, what is stored, and when one may be used."""

from datetime import UTC, datetime, timedelta

from contracts.domain.api_keys import digest_of, matches, prefix_of, secret_of, usable, well_formed

NOW = datetime(2026, 6, 8, tzinfo=UTC)


def test_a_key_is_its_prefix_and_a_secret_that_matches_its_digest_only() -> None:
    prefix = prefix_of(bytes(range(8)))
    secret = secret_of(prefix, bytes(range(32)))
    assert secret.startswith("uk0001020304050607_")
    assert len(secret) == len(prefix) + 1 + 43
    assert matches(secret, digest_of(secret))
    assert not matches(secret[:-1], digest_of(secret))
    assert secret.encode() not in digest_of(secret)


def test_a_key_works_until_it_expires_or_is_revoked() -> None:
    assert usable(None, None, NOW)
    assert usable(NOW + timedelta(seconds=1), None, NOW)
    assert not usable(NOW, None, NOW)
    assert not usable(None, NOW - timedelta(days=1), NOW)


def test_half_a_surrogate_pair_is_no_good_secret_and_no_error() -> None:
    assert not matches("\ud800", digest_of("x"))


def test_what_cannot_be_a_key_is_known_by_its_form() -> None:
    prefix = prefix_of(bytes(range(8)))
    secret = secret_of(prefix, bytes(range(32)))
    assert well_formed(prefix, secret)
    other = prefix_of(bytes(8))
    wrong = [(other, secret), (prefix, secret + "x"), (prefix, secret[:-1]), (prefix, secret[:-1] + "\n"), ("", "_")]
    wrong += [(prefix.upper(), secret), (prefix, prefix), (prefix, ""), ("\0", "\0"), (prefix + "\n", prefix + "\n_")]
    assert not any(well_formed(*pair) for pair in wrong)
