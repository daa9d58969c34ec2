"""What is otherwise between two readings of a month: everything, once, and nothing that is the same."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reporting.domain.editions import LISTED, NAMED_BY_TEXT, Change, Subject, SubjectKind, Told, differences

SUBJECTS = st.builds(
    Subject, st.sampled_from(["uptime", "incident", "promise"]), st.sampled_from("abc"), st.text(max_size=3)
)
MEASURES = st.dictionaries(st.sampled_from(["down", "met", "severity"]), st.none() | st.sampled_from("xyz"), max_size=3)
READINGS = st.dictionaries(SUBJECTS, MEASURES, max_size=5)


@given(READINGS)
def test_a_reading_changes_nothing_of_itself(told: Told) -> None:
    assert differences(told, told) == []


@given(READINGS, READINGS)
def test_the_way_back_is_the_same_with_before_and_now_exchanged(one: Told, other: Told) -> None:
    there = {(each.subject, each.measure): (each.before, each.after) for each in differences(one, other)}
    back = {(each.subject, each.measure): (each.after, each.before) for each in differences(other, one)}
    assert there == back


@given(READINGS, READINGS)
def test_every_measure_that_is_otherwise_is_named_and_no_other(one: Told, other: Told) -> None:
    named = {(each.subject, each.measure) for each in differences(one, other)}
    both = set(one) & set(other)
    expected = {(subject, LISTED) for subject in set(one) ^ set(other)} | {
        (subject, measure)
        for subject in both
        for measure in {*one[subject], *other[subject]}
        if one[subject].get(measure) != other[subject].get(measure)
    }
    assert named == expected


def test_a_new_name_changes_no_figure_and_what_came_is_told_by_its_name() -> None:
    before = {Subject("uptime", "e1", "old.example"): {"down": "900"}}
    after = {Subject("uptime", "e1", "new.example"): {"down": "900"}, Subject("incident", "i1", "INC-1"): {}}
    assert differences(before, after) == [Change(Subject("incident", "i1", "INC-1"), LISTED, None, "INC-1")]


@pytest.mark.parametrize("kind", sorted(NAMED_BY_TEXT))
def test_nothing_is_said_of_the_text_of_an_entry_that_is_not_told_any_more(kind: SubjectKind) -> None:
    before = {
        Subject(kind, "1", "Their host is bankrupt", {"fr": "Leur hébergeur est en faillite"}): {"status": "open"}
    }
    (change,) = differences(before, {})
    assert (change.subject, change.measure, change.after) == (Subject(kind, "1", ""), LISTED, None)
    assert (change.subject.name, change.subject.names, change.before) == ("withdrawn", {}, "withdrawn")


def test_work_that_has_a_number_keeps_it_when_it_goes() -> None:
    gone = Subject("work", "1", "CHG-2026-0004", numbered=True)
    assert differences({gone: {"kind": "change"}}, {}) == [Change(gone, LISTED, "CHG-2026-0004", None)]
    (change,) = differences({gone: {"kind": "change"}}, {})
    assert change.subject.name == "CHG-2026-0004"


def test_what_is_named_by_a_code_or_a_place_keeps_its_name_when_it_goes() -> None:
    gone = Subject("uptime", "e1", "old.example")
    assert differences({gone: {"down": "900"}}, {}) == [Change(gone, LISTED, "old.example", None)]
