"""What keeps an item open."""

from hypothesis import given
from hypothesis import strategies as st

from incidents.domain.closing import Closing, ItemRecords, Missing, ResidualRisk, what_keeps_open
from shared.ids import new_id

OWNED = ResidualRisk(new_id(), "A second site is missing.", owned=True)
UNOWNED = ResidualRisk(new_id(), "The provider may fail again.\nIt did twice.", owned=False)


def test_an_item_without_records_that_asks_for_nothing_closes() -> None:
    assert what_keeps_open(Closing(), ItemRecords()) == []


def test_a_risk_that_nobody_owns_keeps_it_open_and_is_named() -> None:
    (reason,) = what_keeps_open(Closing(), ItemRecords(risks=[OWNED, UNOWNED]))
    assert (reason.missing, reason.record_id) == (Missing.RISK_OWNER, UNOWNED.id)
    assert reason.detail == "Nobody owns the residual risk “The provider may fail again.”: name its owner."


def test_a_required_post_mortem_must_be_completed() -> None:
    item = Closing(post_mortem_missing=True)
    assert [reason.missing for reason in what_keeps_open(item, ItemRecords())] == [Missing.POST_MORTEM]


def test_an_awaited_acceptance_keeps_it_open_until_it_is_given() -> None:
    awaited = what_keeps_open(Closing(acceptance_awaited=True), ItemRecords())
    assert [reason.missing for reason in awaited] == [Missing.ACCEPTANCE]


@given(st.lists(st.booleans(), max_size=5), st.booleans(), st.booleans())
def test_every_reason_is_told_once(owned: list[bool], missing: bool, awaited: bool) -> None:
    risks = [ResidualRisk(new_id(), "A risk", one) for one in owned]
    reasons = what_keeps_open(Closing(missing, awaited), ItemRecords(risks))
    expected = [Missing.RISK_OWNER] * owned.count(False)
    expected += [Missing.POST_MORTEM] * missing
    expected += [Missing.ACCEPTANCE] * awaited
    assert [reason.missing for reason in reasons] == expected
