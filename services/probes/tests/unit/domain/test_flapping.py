"""A monitor that goes up and down: said once, the record goes on, and an end of it."""

from hypothesis import given
from hypothesis import strategies as st

from probes.domain.flapping import MOST_EDGES, QUIET, WITHIN
from probes.domain.state_line import pause
from probes.domain.states import BeganFlapping, PauseReason, Recovered, Settled, State, WentDown

from .stories import Story, at, rules

MINUTE = 60


def flapped(outages: int, every: int = 5 * MINUTE) -> Story:
    """A monitor with so many outages, each a minute long."""
    story = Story(under=rules(interval=60, rechecks=0))
    story.check(0, True)
    for number in range(outages):
        story.check(MINUTE + number * every, False)
        story.check(2 * MINUTE + number * every, True)
    return story


def test_three_outages_within_an_hour_are_no_flapping_and_a_fourth_one_is() -> None:
    assert flapped(3).said(BeganFlapping) == []
    story = flapped(5)
    (began,) = story.said(BeganFlapping)
    assert (began.since, began.edges, began.state) == (at(60.1), MOST_EDGES + 1, State.DOWN)
    assert len(story.said(WentDown)) == len(story.said(Recovered)) == 5, "the record stays complete"
    assert [down.flapping for down in story.said(WentDown)] == [False] * 4 + [True]
    assert [up.flapping for up in story.said(Recovered)] == [False] * 3 + [True] * 2


def test_outages_that_are_spread_over_hours_are_no_flapping() -> None:
    assert flapped(20, every=40 * MINUTE).said(BeganFlapping) == []


def test_it_has_settled_after_half_an_hour_without_an_edge_and_says_which_outage_was_the_last() -> None:
    story = flapped(4)
    last = 2 * MINUTE + 3 * 5 * MINUTE
    assert story.time(last + QUIET.total_seconds() - 1).state.flapping_since is not None
    story.time(last + QUIET.total_seconds() + 1)
    (settled,) = story.said(Settled)
    assert settled.outage_id == story.said(WentDown)[-1].outage.outage_id
    assert story.state.flapping_since is None and story.state.edges == ()
    assert [transition.version for transition in story.transitions] == list(range(1, len(story.transitions) + 1))


def test_a_pause_ends_it() -> None:
    story = flapped(4)
    story.then(pause(story.state, at(3600), PauseReason.CONTRACT_SUSPENDED))
    assert len(story.said(Settled)) == 1 and story.state.flapping_since is None


@given(st.lists(st.tuples(st.integers(1, 40), st.booleans()), max_size=80))
def test_it_is_said_exactly_while_more_edges_than_allowed_lie_within_the_hour(checks: list[tuple[int, bool]]) -> None:
    story = Story(under=rules(interval=60, rechecks=0))
    minutes, edges, flapping = 0, [], False
    for wait, good in checks:
        minutes += wait
        before = len(story.transitions)
        story.check(minutes * MINUTE, good)
        for transition in story.transitions[before:]:
            if isinstance(transition, WentDown | Recovered):
                assert transition.flapping is flapping
                edges.append(minutes * MINUTE)
                recent = [edge for edge in edges if edges[-1] - edge < WITHIN.total_seconds()]
                if len(recent) > MOST_EDGES:
                    flapping = True
        assert (story.state.flapping_since is not None) is flapping
