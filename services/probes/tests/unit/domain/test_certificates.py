"""Verdicts about certificates: the path counts, each trouble has its own word, thresholds are told once."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from probes.domain.certificates import (
    Certificate,
    Chain,
    Path,
    Verdict,
    best_path,
    covers,
    crossed_threshold,
    days_left,
    judge,
    sentence,
)

NOW = datetime(2026, 6, 8, 9, tzinfo=UTC)
DAY = timedelta(days=1)


def certificate(subject: str = "CN=hotel.example", ends: int = 90, begins: int = -1) -> Certificate:
    """One that is valid from and until so many days from now."""
    return Certificate(
        subject=subject,
        issuer="CN=authority",
        names=("hotel.example",),
        not_before=NOW + begins * DAY,
        not_after=NOW + ends * DAY,
        fingerprint=subject,
        key_kind="EC",
        key_bits=256,
        signature_hash="sha256",
        self_signed=False,
    )


LEAF = certificate()
ROOT = replace(certificate("CN=root", ends=3000), self_signed=True)


def chain(*paths: Sequence[Certificate], presented: Sequence[Certificate] = (), protocol: str = "TLSv1.3") -> Chain:
    return Chain(tuple(presented) or tuple(paths[0]), tuple(Path(tuple(path)) for path in paths), protocol)


def verdict(judged: Chain, host: str = "hotel.example", warn_days: int = 30) -> Verdict:
    return judge(judged, host, NOW, warn_days).verdict


def test_a_path_that_lasts_is_good() -> None:
    assert verdict(chain([LEAF, ROOT])) is Verdict.GOOD


def test_it_is_expiring_within_the_threshold_and_its_last_instant_is_not_expired_yet() -> None:
    assert verdict(chain([certificate(ends=31), ROOT])) is Verdict.GOOD
    assert verdict(chain([certificate(ends=30), ROOT])) is Verdict.EXPIRING
    assert verdict(chain([certificate(ends=0), ROOT])) is Verdict.EXPIRING
    past = replace(LEAF, not_after=NOW - timedelta(seconds=1))
    assert verdict(chain([past, ROOT])) is Verdict.EXPIRED


def test_an_intermediate_that_ends_earlier_ends_the_path() -> None:
    intermediate = certificate("CN=intermediate", ends=10)
    found = judge(chain([LEAF, intermediate, ROOT]), "hotel.example", NOW, 30)
    assert found.verdict is Verdict.EXPIRING
    assert found.path is not None and found.path.first_to_expire is intermediate


def test_an_expired_certificate_that_no_path_needs_is_nobodys_trouble() -> None:
    old = certificate("CN=intermediate", ends=-5)
    fresh = certificate("CN=intermediate", ends=400)
    sent = chain([LEAF, old, ROOT], [LEAF, fresh, ROOT], presented=[LEAF, old, fresh])
    assert verdict(sent) is Verdict.GOOD


def test_of_two_usable_paths_the_longer_one_counts() -> None:
    short, long = certificate("CN=cross", ends=5), certificate("CN=own", ends=300)
    assert verdict(chain([LEAF, short, ROOT], [LEAF, long, ROOT])) is Verdict.GOOD


def test_each_trouble_has_its_own_word() -> None:
    own = replace(LEAF, self_signed=True)
    assert verdict(chain(presented=[own])) is Verdict.SELF_SIGNED
    assert verdict(chain(presented=[LEAF])) is Verdict.UNKNOWN_ISSUER
    assert verdict(chain([certificate(begins=2), ROOT])) is Verdict.NOT_YET_VALID
    assert verdict(chain([certificate(ends=-1, begins=-9), ROOT])) is Verdict.EXPIRED
    assert verdict(chain([LEAF, ROOT]), host="other.example") is Verdict.HOST_MISMATCH
    assert verdict(chain([LEAF, ROOT], protocol="TLSv1.1")) is Verdict.WEAK
    assert verdict(chain([replace(LEAF, key_kind="RSA", key_bits=1024), ROOT])) is Verdict.WEAK
    assert verdict(chain([replace(LEAF, signature_hash="sha1"), ROOT])) is Verdict.WEAK
    assert verdict(chain([replace(LEAF, for_servers=False), ROOT])) is Verdict.WEAK


def test_a_broken_signature_that_nobody_follows_is_weak_and_not_an_unknown_issuer() -> None:
    assert verdict(chain(presented=[LEAF, replace(certificate("CN=ca"), signature_hash="sha1")])) is Verdict.WEAK


def test_the_signature_of_a_root_protects_nothing_and_does_not_matter() -> None:
    assert verdict(chain([LEAF, replace(ROOT, signature_hash="sha1", self_signed=False)])) is Verdict.GOOD


def test_everything_that_is_wrong_is_told_and_the_worst_comes_first() -> None:
    old = replace(certificate(ends=-1, begins=-9), self_signed=True)
    found = judge(chain(presented=[old], protocol="TLSv1"), "other.example", NOW, 30)
    assert found.problems == (Verdict.SELF_SIGNED, Verdict.EXPIRED, Verdict.HOST_MISMATCH, Verdict.WEAK)


def test_only_what_a_client_refuses_is_unacceptable() -> None:
    assert {each for each in Verdict if each.acceptable} == {Verdict.GOOD, Verdict.EXPIRING}


@pytest.mark.parametrize(
    ("name", "host", "right"),
    [
        ("hotel.example", "HOTEL.example.", True),
        ("hotel.example", "www.hotel.example", False),
        ("*.hotel.example", "www.hotel.example", True),
        ("*.hotel.example", "hotel.example", False),
        ("*.hotel.example", "a.b.hotel.example", False),
        ("*.hotel.example", ".hotel.example", False),
        ("xn--htel-vqa.example", "xn--htel-vqa.example", True),
        ("192.0.2.1", "192.0.2.1", True),
        ("2001:db8::1", "[2001:DB8:0::1]", True),
        ("*.0.2.1", "192.0.2.1", False),
        ("hotel.example", "192.0.2.1", False),
    ],
)
def test_a_name_covers_its_host_and_a_wildcard_one_label(name: str, host: str, right: bool) -> None:
    assert covers(name, host) is right


def test_every_verdict_has_a_sentence_that_names_what_matters() -> None:
    intermediate = certificate("CN=intermediate", ends=-3, begins=-9)
    expired = chain([LEAF, intermediate, ROOT])
    assert "CN=intermediate" in sentence(judge(expired, "hotel.example", NOW, 30), expired, "hotel.example", NOW)
    sentences = {
        sentence(judge(given, host, NOW, 30), given, host, NOW)
        for host in ("hotel.example", "other.example")
        for given in (
            chain([LEAF, ROOT]),
            chain([certificate(ends=3), ROOT]),
            chain([certificate(ends=-1, begins=-3), ROOT]),
            chain([certificate(begins=2), ROOT]),
            chain([LEAF, ROOT], protocol="TLSv1"),
            chain(presented=[LEAF]),
            chain(presented=[replace(LEAF, self_signed=True)]),
        )
    }
    assert len(sentences) == 8


THRESHOLDS = st.lists(st.integers(1, 3650), min_size=1, max_size=10)
LEFT = st.timedeltas(timedelta(days=-100), timedelta(days=4000))


@given(THRESHOLDS, LEFT)
def test_the_threshold_is_the_tightest_one_that_was_reached(thresholds: list[int], left: timedelta) -> None:
    found = crossed_threshold(thresholds, NOW + left, NOW)
    reached = [days for days in thresholds if left <= days * DAY]
    assert (found is None) == (not reached)
    if found is not None:
        assert found in reached and found <= min(reached)


@given(THRESHOLDS, LEFT, st.lists(st.timedeltas(timedelta(0), timedelta(days=400)), max_size=20))
def test_time_tells_each_threshold_at_most_once_and_never_a_looser_one_later(
    thresholds: list[int], left: timedelta, steps: list[timedelta]
) -> None:
    at, told = NOW, []
    for step in steps:
        at += step
        found = crossed_threshold(thresholds, NOW + left, at)
        if found is not None and found not in told:
            told.append(found)
    assert told == sorted(told, reverse=True)


@given(st.lists(st.tuples(st.integers(-50, 50), st.integers(0, 100)), min_size=1, max_size=6))
def test_the_judged_path_is_usable_if_any_is_and_none_lasts_longer(spans: list[tuple[int, int]]) -> None:
    paths = [Path((certificate(f"CN={n}", begins + length, begins),)) for n, (begins, length) in enumerate(spans)]
    found = best_path(paths, NOW)
    usable = [path for path in paths if path.holds(NOW)]
    assert found is not None
    if usable:
        assert found.holds(NOW) and found.ends == max(path.ends for path in usable)


@given(st.integers(-1000, 1000), st.timedeltas(timedelta(0), timedelta(days=1) - timedelta(microseconds=1)))
def test_days_left_are_whole_days(days: int, rest: timedelta) -> None:
    assert days_left(NOW + days * DAY + rest, NOW) == days
