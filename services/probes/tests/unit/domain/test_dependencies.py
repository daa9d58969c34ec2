"""Who may depend on whom: no cycles, however long; and an outage that says what caused it."""

import itertools
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from probes.domain.dependencies import DEEPEST, Above, DependencyError, above, check_parent
from probes.domain.states import Recovered, WentDown

from .stories import Story, at

MONITORS = [UUID(int=number) for number in range(1, 9)]


@given(st.lists(st.tuples(st.sampled_from(MONITORS), st.sampled_from(MONITORS)), max_size=30))
def test_whatever_is_accepted_one_after_the_other_nobody_ever_depends_on_himself(
    links: list[tuple[UUID, UUID]],
) -> None:
    parents: dict[UUID, UUID | None] = {}
    for child, parent in links:
        try:
            check_parent(child, parent, parents)
        except DependencyError:
            continue
        parents[child] = parent
    for monitor in MONITORS:
        above, seen = parents.get(monitor), {monitor}
        while above is not None:
            assert above not in seen
            seen.add(above)
            above = parents.get(above)


def test_a_chain_has_an_end() -> None:
    chain = [UUID(int=number) for number in range(100, 100 + DEEPEST + 2)]
    parents: dict[UUID, UUID | None] = dict(itertools.pairwise(chain))
    with pytest.raises(DependencyError, match="at most"):
        check_parent(UUID(int=1), chain[0], parents)
    check_parent(UUID(int=1), chain[3], parents)


def test_an_outage_and_its_end_say_which_outage_caused_it() -> None:
    parents_outage = UUID(int=77)
    story = Story(above=Above(parents_outage))
    story.check(0, True)
    story.checks([30, 36, 42], False)
    story.above = None
    story.checks([60], True)
    assert story.said(WentDown)[0].outage.caused_by == parents_outage
    assert story.said(Recovered)[0].outage.caused_by == parents_outage


def test_a_monitor_that_fails_before_the_one_it_depends_on_was_looked_at_waits_for_that_and_is_not_blamed() -> None:
    parent, child = Story(), Story()
    parent.check(20, True)
    child.check(0, True)
    for second in (30, 36, 42):
        child.above = above([parent.state])
        child.check(second, False)
    assert child.said(WentDown) == [], "the other was last seen up before this began"
    parent.checks([50, 56, 62], False)
    child.above = above([parent.state])
    child.check(60 + 5, False)
    (own,), (others,) = child.said(WentDown), parent.said(WentDown)
    assert own.outage.caused_by == others.outage.outage_id
    assert own.outage.down_since == at(30), "it began when it began, whoever is to blame"
    assert own.outage.confirmed_at == at(65)


def test_a_monitor_is_down_by_itself_once_the_one_it_depends_on_is_seen_up_or_cannot_be_waited_for() -> None:
    parent = Story()
    parent.check(20, True)
    alone, abandoned = Story(), Story()
    for story in (alone, abandoned):
        story.check(0, True)
        story.above = above([parent.state])
        story.checks([30, 36, 42], False)
        assert story.said(WentDown) == []
    parent.check(50, True)
    alone.above = above([parent.state])
    alone.check(60, False)
    assert alone.said(WentDown)[0].outage.caused_by is None
    abandoned.checks([60, 90], False)
    assert abandoned.said(WentDown) == []
    abandoned.check(120, False)
    assert abandoned.said(WentDown)[0].outage.down_since == at(30), "two intervals and a timeout are the most it waits"


def test_the_nearest_one_above_that_is_down_is_to_blame_and_one_that_nobody_watches_is_passed_over() -> None:
    top, middle = Story(), Story()
    top.check(0, True)
    top.checks([30, 36, 42], False)
    blind = middle.state
    assert above([blind, top.state]) == Above(top.said(WentDown)[0].outage.outage_id)
    assert above([blind]) == Above()
