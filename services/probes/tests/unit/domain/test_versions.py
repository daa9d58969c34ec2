"""Versions: an order, a cycle, and how it stands on a day."""

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from probes.domain.versions import Cycle, EndOfLife, Verdict, Version, judge

CYCLES = (
    Cycle("8.1", date(2021, 11, 25), date(2023, 11, 25), date(2025, 12, 31), "8.1.32"),
    Cycle("8.3", date(2023, 11, 23), date(2025, 12, 31), date(2027, 12, 31), "8.3.21"),
    Cycle("8.4", date(2024, 11, 21), date(2026, 12, 31), date(2028, 12, 31), "8.4.7"),
)
NODE = (
    Cycle("22", date(2024, 4, 24), None, date(2027, 4, 30), "22.16.0"),
    Cycle("24", date(2025, 5, 6), None, None, None),
)
KNOWN = EndOfLife(date(2025, 5, 31), {"php": CYCLES, "nodejs": NODE}, {"node": "nodejs"})
TODAY = date(2025, 6, 1)
NUMBERS = st.lists(st.integers(0, 30), min_size=1, max_size=4)
VERSIONS = st.builds(
    lambda numbers, tail: ".".join(map(str, numbers)) + tail, NUMBERS, st.sampled_from(["", "RC1", "-beta.2", "-dev"])
)


@pytest.mark.parametrize(
    ("version", "verdict", "behind"),
    [
        ("8.4.7", Verdict.CURRENT, None),
        ("8.4.8", Verdict.CURRENT, None),
        ("8.4.6", Verdict.BEHIND, "patch"),
        ("8.4", Verdict.BEHIND, "patch"),
        ("8.4.7RC1", Verdict.BEHIND, "patch"),
        ("8.3.21", Verdict.NEWER_CYCLE, None),
        ("8.3.21-1+deb12u1", Verdict.NEWER_CYCLE, None),
        ("8.3.6-0ubuntu0.24.04.3", Verdict.NEWER_CYCLE, None),
        ("8.1.32", Verdict.SECURITY_ONLY, None),
        ("8.10.1", Verdict.UNKNOWN, None),
        ("7.4.33", Verdict.UNKNOWN, None),
        ("latest", Verdict.UNKNOWN, None),
    ],
)
def test_a_version_of_php_stands(version: str, verdict: Verdict, behind: str | None) -> None:
    standing = judge("PHP", version, KNOWN, TODAY)
    assert (standing.verdict, standing.behind) == (verdict, behind)


def test_a_cycle_ends_and_then_has_ended() -> None:
    end = date(2025, 12, 31)
    for days, verdict in (
        (91, Verdict.SECURITY_ONLY),
        (90, Verdict.ENDING),
        (1, Verdict.ENDING),
        (0, Verdict.END_OF_LIFE),
    ):
        standing = judge("php", "8.1.32", KNOWN, end - timedelta(days=days))
        assert (standing.verdict, standing.days_left) == (verdict, days)


def test_a_cycle_of_one_number_has_minor_releases_and_an_alias_finds_it() -> None:
    standing = judge("Node", "v22.3.0", KNOWN, TODAY)
    assert (standing.verdict, standing.cycle, standing.behind, standing.latest) == (
        Verdict.BEHIND,
        "22",
        "minor",
        "22.16.0",
    )
    assert judge("cobol", "1", KNOWN, TODAY).verdict is Verdict.UNKNOWN


@given(NUMBERS)
def test_zeros_at_the_end_mean_nothing_and_a_candidate_comes_before_its_release(numbers: list[int]) -> None:
    text = ".".join(map(str, numbers))
    version = Version.parse(text)
    assert version is not None and version == Version.parse(f"{text}.0.0") == Version.parse(f"v{text}")
    stages = [Version.parse(text + tail) for tail in ("-dev", "-alpha", "-alpha2", "b1", "-rc.1", "RC2", "")]
    assert stages == sorted(stages)  # type: ignore[type-var]
    assert len(set(stages)) == len(stages)


@given(VERSIONS, st.dates(date(2020, 1, 1), date(2035, 1, 1)))
def test_judging_never_fails_and_the_verdict_never_gets_better_with_time(version: str, day: date) -> None:
    order = list(Verdict)
    now, later = (judge("php", version, KNOWN, when).verdict for when in (day, day + timedelta(days=200)))
    if now is not Verdict.UNKNOWN:
        assert order.index(later) >= order.index(now)


@given(st.text(max_size=80))
def test_any_text_is_a_version_or_none(text: str) -> None:
    judge("php", text, KNOWN, TODAY)
