"""Whose turn it is: shares of places by agency, by address, and of what hangs."""

from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from incidents.domain.turns import Closed, Places, Turn, closed, next_turns

PLACES = Places(of_all=8, of_one_agency=4, at_one_address=2)
ADA, BEN, CHLOE = (UUID(int=number) for number in (1, 2, 3))


def turns(agency: UUID, *addresses: str) -> list[Turn]:
    return [Turn(UUID(int=100 * agency.int + number), agency, address) for number, address in enumerate(addresses)]


def test_all_begin_in_their_order_as_long_as_there_are_places() -> None:
    due = turns(ADA, "a", "b") + turns(BEN, "c")
    assert next_turns(due, [], {}, PLACES) == due
    many = [turn for agency in (ADA, BEN, CHLOE) for turn in turns(agency, *f"{agency.int}wxyz")]
    assert len(next_turns(many, [], {}, PLACES)) == 8


def test_an_agency_has_its_share_and_no_more() -> None:
    due = turns(ADA, *"abcdef") + turns(BEN, "z")
    assert [turn.address for turn in next_turns(due, [], {}, PLACES)] == [*"abcd", "z"]
    assert [turn.address for turn in next_turns(due[3:], due[:3], {}, PLACES)] == ["d", "z"]


def test_an_address_has_its_share_and_when_it_hangs_a_single_place() -> None:
    due = turns(ADA, "a", "a", "a", "b")
    assert [turn.address for turn in next_turns(due, [], {}, PLACES)] == ["a", "a", "b"]
    assert [turn.address for turn in next_turns(due, [], {"a": ADA}, PLACES)] == ["a", "b"]


def test_what_hangs_has_half_of_its_agency_s_share_and_half_of_all_places() -> None:
    hanging = {address: agency for agency in (ADA, BEN, CHLOE) for address in (f"{agency.int}a", f"{agency.int}b")}
    hanging |= {"1c": ADA}
    due = turns(ADA, "1a", "1b", "1c", "good") + turns(BEN, "2a", "2b") + turns(CHLOE, "3a", "3b", "fine")
    begun = [turn.address for turn in next_turns(due, [], hanging, PLACES)]
    assert begun == ["1a", "1b", "good", "2a", "2b", "fine"]


def test_what_can_begin_nothing_is_known_beforehand() -> None:
    under_way = turns(ADA, *"abcd") + turns(BEN, "x", "y", "y")
    assert closed(under_way, {"x": BEN, "w": CHLOE}, PLACES) == Closed(frozenset({ADA}), frozenset({*"abcdxy"}))
    assert closed([], {"x": BEN}, PLACES) == Closed(frozenset(), frozenset())


AGENCIES = st.sampled_from([ADA, BEN, CHLOE])
TURNS = st.lists(
    st.builds(
        lambda agency, number: Turn(UUID(int=number), agency, f"{agency.int}-{number % 4}"),
        AGENCIES,
        st.integers(0, 99),
    ),
    max_size=20,
)


@given(due=TURNS, before=TURNS, hanging=st.sets(st.tuples(AGENCIES, st.integers(0, 3))))
def test_whatever_is_not_closed_begins_by_itself_and_no_share_is_ever_exceeded(
    due: list[Turn], before: list[Turn], hanging: set[tuple[UUID, int]]
) -> None:
    slow = {f"{agency.int}-{number}": agency for agency, number in hanging}
    under_way = next_turns(before, [], slow, PLACES)
    now = under_way + next_turns(due, under_way, slow, PLACES)
    assert len(now) <= PLACES.of_all
    for turn in now:
        assert sum(other.tenant_id == turn.tenant_id for other in now) <= PLACES.of_one_agency
        assert sum(other.address == turn.address for other in now) <= (1 if turn.address in slow else 2)
    shut = closed(under_way, slow, PLACES)
    if len(under_way) < PLACES.of_all:
        for turn in due:
            is_open = turn.tenant_id not in shut.agencies and turn.address not in shut.addresses
            assert next_turns([turn], under_way, slow, PLACES) == ([turn] if is_open else [])
