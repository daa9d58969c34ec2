"""Small rules about what a contract holds: scope, owners, prerequisites, audits, continuity, documents."""

from datetime import UTC, date, datetime, timedelta
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.domain.continuity import backup_standing, restore_standing
from contracts.domain.controlled_documents import Version, newest, usable
from contracts.domain.intake_audit import completeness, percent_text
from contracts.domain.prerequisites import standing
from contracts.domain.responsibilities import Activity, unowned
from contracts.domain.scope import Category, Verdict, Why, classify, consumes_included_hours

SCOPE = [Category("fix", "in", 60), Category("advice", "in", None), Category("redesign", "out", None)]
NOW = datetime(2026, 6, 8, 9, tzinfo=UTC)


@pytest.mark.parametrize(
    ("code", "minutes", "verdict", "why"),
    [
        ("fix", 60, "in", "named"),
        ("fix", 61, "needs_scoping", "larger_than_agreed"),
        ("fix", None, "needs_scoping", "size_unknown"),
        ("advice", None, "in", "named"),
        ("advice", 10_000, "in", "named"),
        ("redesign", 1, "out", "named"),
        ("integration", 1, "needs_scoping", "not_named"),
    ],
)
def test_a_request_is_in_out_or_to_be_scoped(code: str, minutes: int | None, verdict: Verdict, why: Why) -> None:
    found = classify(SCOPE, code, minutes)
    assert (found.verdict, found.why) == (verdict, why)


@pytest.mark.parametrize("verdict", ["out", "needs_scoping"])
def test_what_is_not_in_scope_draws_on_the_included_hours_only_once_it_is_approved(verdict: Verdict) -> None:
    assert not consumes_included_hours(verdict, approved=False)
    assert consumes_included_hours(verdict, approved=True)
    assert consumes_included_hours("in", approved=False)


def test_an_activity_without_a_decider_or_an_executor_is_unowned() -> None:
    activities = [Activity("a", "agency", "agency"), Activity("b", None, "client"), Activity("c", None, None)]
    assert list(unowned(activities)) == [(1, "decides"), (2, "decides"), (2, "executes")]


def test_a_prerequisite_is_met_a_gap_or_not_known_yet() -> None:
    assert standing("Two accounts", None) == "unknown"
    assert standing("Two accounts", "two  accounts ") == "met"
    assert standing("Two accounts", "One account") == "gap"


def test_an_audit_is_complete_only_when_nothing_is_open() -> None:
    assert completeness([]) == 1
    assert completeness(["known", "not_applicable", "unknown"]) == Fraction(2, 3)
    assert percent_text(Fraction(2, 3)) == "66.66"
    assert percent_text(Fraction(99_999, 100_000)) == "99.99"


@given(st.integers(0, 10**6), st.integers(1, 10**6))
def test_only_what_is_complete_reads_a_hundred_percent(settled: int, more: int) -> None:
    share = Fraction(settled, settled + more)
    assert share < 1
    assert percent_text(share) != "100.00"
    assert percent_text(Fraction(1)) == "100.00"


def test_a_backup_is_as_old_as_the_objective_allows_or_older_or_not_proved() -> None:
    rpo = timedelta(hours=24)
    assert backup_standing(rpo, NOW - rpo, NOW) == "met"
    assert backup_standing(rpo, NOW - rpo - timedelta(microseconds=1), NOW) == "missed"
    assert backup_standing(rpo, None, NOW) == "unknown"
    assert restore_standing(rpo, rpo) == "met"
    assert restore_standing(rpo, rpo + timedelta(seconds=1)) == "missed"
    assert restore_standing(rpo, None) == "unknown"


def test_only_an_approved_version_in_force_is_usable_and_the_newest_of_them() -> None:
    today = date(2026, 6, 8)
    versions = [
        Version(1, date(2026, 1, 1), approved=True),
        Version(2, today, approved=False),
        Version(3, date(2026, 6, 9), approved=True),
    ]
    assert usable(versions, today) == versions[0]
    assert newest(versions, today) == versions[1]
    assert usable(versions, date(2026, 6, 9)) == versions[2]
    assert usable(versions, date(2025, 12, 31)) is None
    assert newest([], today) is None
