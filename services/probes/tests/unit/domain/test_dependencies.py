"""Who may depend on whom: no cycles, however long; and an outage that says what caused it."""

import itertools
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from probes.domain.dependencies import DEEPEST, DependencyError, check_parent
from probes.domain.states import Recovered, WentDown

from .stories import Story

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
    story = Story(parent=parents_outage)
    story.check(0, True)
    story.checks([30, 36, 42], False)
    story.parent = None
    story.checks([60], True)
    assert story.said(WentDown)[0].outage.caused_by == parents_outage
    assert story.said(Recovered)[0].outage.caused_by == parents_outage
