"""What keeps an item open."""

from hypothesis import given
from hypothesis import strategies as st

from incidents.domain.closing import Acceptance, Closing, ItemRecords, Missing, ResidualRisk, what_keeps_open
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
    item = Closing(post_mortem_required=True)
    assert [reason.missing for reason in what_keeps_open(item, ItemRecords())] == [Missing.POST_MORTEM]
    assert what_keeps_open(item, ItemRecords(post_mortem_completed=True)) == []


def test_an_awaited_acceptance_keeps_it_open_until_it_is_given() -> None:
    awaited = what_keeps_open(Closing(acceptance=Acceptance.AWAITED), ItemRecords())
    assert [reason.missing for reason in awaited] == [Missing.ACCEPTANCE]
    assert what_keeps_open(Closing(acceptance=Acceptance.GIVEN), ItemRecords()) == []


@given(st.lists(st.booleans(), max_size=5), st.booleans(), st.booleans(), st.sampled_from(Acceptance))
def test_every_reason_is_told_once(owned: list[bool], required: bool, completed: bool, acceptance: Acceptance) -> None:
    risks = [ResidualRisk(new_id(), "A risk", one) for one in owned]
    reasons = what_keeps_open(Closing(required, acceptance), ItemRecords(risks, completed))
    expected = [Missing.RISK_OWNER] * owned.count(False)
    expected += [Missing.POST_MORTEM] * (required and not completed)
    expected += [Missing.ACCEPTANCE] * (acceptance is Acceptance.AWAITED)
    assert [reason.missing for reason in reasons] == expected
