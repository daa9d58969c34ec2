"""What subscribers are told: each turn of each matter once."""

from typing import cast

from hypothesis import given
from hypothesis import strategies as st

from reporting.domain.news import Matter, Stage, news

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
