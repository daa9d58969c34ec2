"""Severities by matrix and by word, freezes by local day, and the terms that held at an instant."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from types import MappingProxyType
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from incidents.domain.promises import ContractHistory, Terms
from incidents.domain.service_desk_terms import (
    DEFAULT_SEVERITIES,
    DEFAULT_TERMS,
    Freeze,
    SeverityLevel,
    by_rank,
    contract_rank_of,
    default_matrix,
)
from incidents.domain.work_item import Criticality, Impact, Severity

PARIS = ZoneInfo("Europe/Paris")
MARCH = Freeze("Admissions", date(2026, 3, 1), date(2026, 3, 31))


@pytest.mark.parametrize(
    ("impact", "low", "medium", "high"),
    [
        ("availability", "minor", "major", "critical"),
        ("security", "major", "critical", "critical"),
        ("data", "major", "major", "critical"),
        ("operations", "minor", "minor", "major"),
    ],
)
def test_impact_and_criticality_give_the_severity(impact: str, low: str, medium: str, high: str) -> None:
    found = [DEFAULT_TERMS.severity_of(Impact(impact), criticality) for criticality in Criticality]
    assert found == [low, medium, high]


@pytest.mark.parametrize(("impact", "criticality"), [(Impact.DATA, None), (None, Criticality.HIGH), (None, None)])
def test_without_impact_or_criticality_there_is_no_severity(
    impact: Impact | None, criticality: Criticality | None
) -> None:
    assert DEFAULT_TERMS.severity_of(impact, criticality) is None


@pytest.mark.capability("I43")
@pytest.mark.parametrize(
    ("word", "code"),
    [
        ("critical", "critical"),
        ("Bloquant", "critical"),
        ("critique", "critical"),
        ("BLOCKER", "critical"),
        ("major", "major"),
        (" majeur ", "major"),
        ("minor", "minor"),
        ("mineur", "minor"),
        ("temporary", "temporary"),
        ("temporaire", "temporary"),
        ("urgent", None),
        ("", None),
    ],
)
def test_the_words_of_both_languages_name_a_severity(word: str, code: str | None) -> None:
    assert DEFAULT_TERMS.severity_named(word) == code


@pytest.mark.parametrize("word", ["Dégradé", "degrade", "DÉGRADÉ", "de\u0301grade\u0301", "slow"])
def test_a_severity_of_a_contracts_own_is_found_with_and_without_accents(word: str) -> None:
    own = SeverityLevel("degraded", 5, MappingProxyType({"fr": "dégradé", "en": "degraded"}), ("Slow",))
    terms = replace(DEFAULT_TERMS, severities=(*DEFAULT_SEVERITIES, own))
    assert terms.severity_named(word) == "degraded"


def test_a_usual_severity_stands_for_the_one_at_its_place_in_a_contracts_own_list() -> None:
    own = tuple(SeverityLevel(code, rank, MappingProxyType({})) for rank, code in enumerate(("p0", "p1", "p2"), 1))
    terms = replace(DEFAULT_TERMS, severities=own)
    assert [terms.standing_for(usual) for usual in Severity] == ["p0", "p1", "p2", "p2"]
    assert [DEFAULT_TERMS.standing_for(usual) for usual in Severity] == ["critical", "major", "minor", "temporary"]


@pytest.mark.parametrize("count", range(1, 7))
def test_any_list_of_severities_has_a_whole_matrix_in_its_own_codes(count: int) -> None:
    severities = [SeverityLevel(f"s{rank}", rank, MappingProxyType({})) for rank in range(count, 0, -1)]
    ordered = by_rank(severities)
    assert [level.rank for level in ordered] == list(range(1, count + 1))
    matrix = default_matrix(ordered)
    assert set(matrix) == {(impact, criticality) for impact in Impact for criticality in Criticality}
    assert set(matrix.values()) <= {level.code for level in severities}
    assert matrix[Impact.AVAILABILITY, Criticality.HIGH] == "s1"


@pytest.mark.parametrize(
    ("at", "frozen"),
    [
        (datetime(2026, 2, 28, 22, 59, tzinfo=UTC), False),
        (datetime(2026, 2, 28, 23, 0, tzinfo=UTC), True),  # midnight of 1 March in Paris, still winter time
        (datetime(2026, 3, 31, 21, 59, tzinfo=UTC), True),
        (datetime(2026, 3, 31, 22, 0, tzinfo=UTC), False),  # midnight of 1 April in Paris, by then summer time
    ],
)
def test_a_freeze_begins_and_ends_at_local_midnight(at: datetime, frozen: bool) -> None:
    terms = replace(DEFAULT_TERMS, freezes=(MARCH,))
    assert terms.freezes_between(at, at, PARIS) == ((MARCH,) if frozen else ())


@pytest.mark.parametrize(
    ("start", "end", "frozen"),
    [
        (datetime(2026, 2, 20, tzinfo=UTC), datetime(2026, 2, 28, 22, tzinfo=UTC), False),
        (datetime(2026, 2, 20, tzinfo=UTC), datetime(2026, 2, 28, 23, tzinfo=UTC), True),
        (datetime(2026, 2, 20, tzinfo=UTC), datetime(2026, 4, 20, tzinfo=UTC), True),
        (datetime(2026, 3, 31, 22, tzinfo=UTC), datetime(2026, 4, 20, tzinfo=UTC), False),
    ],
)
def test_a_span_that_touches_a_freeze_is_frozen(start: datetime, end: datetime, frozen: bool) -> None:
    terms = replace(DEFAULT_TERMS, freezes=(MARCH,))
    assert terms.freezes_between(start, end, PARIS) == ((MARCH,) if frozen else ())


@given(
    st.integers(0, 50 * 24 * 60).map(lambda minutes: datetime(2026, 2, 20, tzinfo=UTC) + timedelta(minutes=minutes)),
    st.sampled_from(["Europe/Paris", "Pacific/Kiritimati", "America/Los_Angeles", "Asia/Kathmandu"]),
)
def test_it_is_frozen_exactly_on_the_days_of_the_wall_calendar(at: datetime, zone: str) -> None:
    terms = replace(DEFAULT_TERMS, freezes=(MARCH,))
    assert bool(terms.freezes_between(at, at, ZoneInfo(zone))) is (at.astimezone(ZoneInfo(zone)).month == 3)


def test_a_higher_plan_priority_is_a_better_rank() -> None:
    assert [contract_rank_of(priority) for priority in (0, 1, 2, 3, 9)] == [3, 2, 1, 1, 1]


def test_a_default_promises_no_time_that_nobody_signed() -> None:
    assert (dict(DEFAULT_TERMS.mitigation), dict(DEFAULT_TERMS.next_reply)) == ({}, {})
    assert (DEFAULT_TERMS.post_mortem, DEFAULT_TERMS.acceptance_due) == (None, None)


def test_the_desk_of_an_instant_is_that_of_the_version_in_force_then() -> None:
    start = datetime(2026, 6, 8, 12, tzinfo=UTC)
    later = replace(DEFAULT_TERMS, contract_rank=1)
    history = ContractHistory(
        (
            Terms(1, "active", start, None, MappingProxyType({})),
            Terms(2, "active", start + timedelta(days=7), None, MappingProxyType({}), later),
            Terms(3, "terminated", start + timedelta(days=14), None, MappingProxyType({}), later),
        )
    )
    ranks = [history.service_desk(start + timedelta(days=days)).contract_rank for days in (-1, 0, 6, 7, 100)]
    assert ranks == [3, 3, 3, 1, 1]
