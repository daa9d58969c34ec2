"""What subscribers are told: each turn of each matter once."""

from typing import cast

from hypothesis import given
from hypothesis import strategies as st

from reporting.domain.news import Flapping, Matter, Stage, news

STAGES = cast(st.SearchStrategy[Stage], st.sampled_from(["down", "over", "scheduled", "cancelled", "said"]))
PAGES = st.dictionaries(st.text("abc", min_size=1, max_size=2), STAGES, max_size=5).map(
    lambda page: [Matter(key, stage) for key, stage in page.items()]
)


@given(PAGES)
def test_what_was_told_is_not_told_again(page: list[Matter]) -> None:
    first, told = news(page, {})
    assert first == page
    assert news(page, told) == ([], told)


@given(st.lists(PAGES, max_size=5))
def test_each_turn_is_told_once_whatever_the_page_showed_before(pages: list[list[Matter]]) -> None:
    told: dict[str, str] = {}
    for page in pages:
        before = dict(told)
        new, after = news(page, told)
        told = dict(after)
        again = {matter.key for matter in page if (before.get(matter.key), matter.stage) == ("over", "down")}
        assert new == [m for m in page if before.get(m.key) != m.stage and m.key not in again]
        assert told == before | {m.key: "over" if m.key in again else m.stage for m in page}


def test_an_outage_is_told_when_it_begins_and_when_it_is_over() -> None:
    begun, told = news([Matter("o", "down")], {})
    over, told = news([Matter("o", "over")], told)
    assert [matter.stage for matter in (*begun, *over)] == ["down", "over"]
    assert news([], told) == ([], told)


def test_an_outage_that_was_told_as_over_is_not_told_as_begun_again() -> None:
    _, told = news([Matter("o", "over")], {})
    assert news([Matter("o", "down")], told) == ([], told)
    assert news([Matter("o", "over")], told) == ([], told)


GOING = Flapping("f", frozenset({"a", "b"}))


def test_who_goes_up_and_down_is_told_of_once_and_its_outages_are_not() -> None:
    begun, told = news([Matter("a", "over"), Matter("b", "down")], {"a": "down"}, [GOING])
    assert begun == [Matter("f", "flapping")]
    assert news([Matter("a", "over"), Matter("b", "over")], told, [GOING])[0] == []


def test_another_monitor_is_told_as_ever_meanwhile() -> None:
    new, _ = news([Matter("b", "down"), Matter("x", "down")], {"f": "flapping"}, [GOING])
    assert new == [Matter("x", "down")]


def test_what_holds_of_the_last_outage_is_told_once_it_has_settled_and_its_end_as_ever() -> None:
    settled = Flapping("f", frozenset({"a", "b"}), settled=True, last="b")
    page = [Matter("a", "over"), Matter("b", "down")]
    new, told = news(page, {"a": "over", "b": "down", "f": "flapping"}, [settled])
    assert new == [Matter("f", "settled")]
    assert news(page, told, [settled]) == ([], told)
    over = [Matter("a", "over"), Matter("b", "over")]
    assert news(over, told, [Flapping("f", frozenset({"a"}), settled=True, last="b")])[0] == [Matter("b", "over")]


def test_an_end_that_is_heard_with_the_settling_is_told_once() -> None:
    after = Flapping("f", frozenset({"a"}), settled=True, last="b")
    new, _ = news([Matter("a", "over"), Matter("b", "over")], {"a": "over", "b": "down", "f": "flapping"}, [after])
    assert new == [Matter("b", "over")]


def test_what_leaves_the_page_while_it_goes_up_and_down_is_told_as_that() -> None:
    new, told = news([Matter("b", "left")], {"a": "over", "b": "down", "f": "flapping"}, [GOING])
    assert new == [Matter("b", "left")]
    assert news([Matter("b", "left")], told, [GOING])[0] == []


def test_a_time_of_flapping_of_which_the_page_shows_nothing_is_no_news() -> None:
    assert news([Matter("x", "over")], {"x": "over"}, [GOING]) == ([], {"x": "over"})
