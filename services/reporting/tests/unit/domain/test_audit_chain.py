"""The chain: an entry follows from the one before, or it is said where that ends."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reporting.domain.audit_chain import (
    GENESIS,
    Broken,
    Link,
    canonical,
    entry_hash,
    first_break,
    key_due,
    key_id_of,
)

NOW = datetime(2026, 6, 8, 9, tzinfo=UTC)


def chain(count: int) -> list[Link]:
    links = []
    previous = GENESIS
    for number in range(1, count + 1):
        entry = canonical({"sequence": number, "previous": previous, "what": f"é{number}"})
        previous = entry_hash(entry)
        links.append(Link(number, entry, previous))
    return links


@given(count=st.integers(0, 12), data=st.data())
def test_a_chain_can_be_followed_from_any_of_its_entries(count: int, data: st.DataObject) -> None:
    links = chain(count)
    after = data.draw(st.integers(0, count))
    previous = links[after - 1].hash if after else GENESIS
    assert first_break(links[after:], after=after, previous=previous) is None


@given(count=st.integers(2, 12), data=st.data())
def test_it_is_said_which_entry_does_not_follow(count: int, data: st.DataObject) -> None:
    links = chain(count)
    place = data.draw(st.integers(0, count - 2))
    without = links[:place] + links[place + 1 :]
    assert first_break(without, after=0, previous=GENESIS) == Broken(place + 1, "is missing")
    link = links[place]
    edited = [
        *links[:place],
        Link(link.sequence, link.entry.replace(b'"what"', b'"that"'), link.hash),
        *links[place + 1 :],
    ]
    assert first_break(edited, after=0, previous=GENESIS) == Broken(place + 1, "was changed after it was recorded")
    entry = canonical({"sequence": place + 1, "previous": "f" * 64})
    forged = [*links[:place], Link(place + 1, entry, entry_hash(entry)), *links[place + 1 :]]
    assert first_break(forged, after=0, previous=GENESIS) == Broken(place + 1, "does not follow the entry before it")


@pytest.mark.parametrize("left", [b"", b"no entry", b"[]", b"null", b"[" * 100_000])
def test_what_is_no_entry_any_more_does_not_follow(left: bytes) -> None:
    first, second = chain(2)
    replaced = [first, Link(second.sequence, left, entry_hash(left))]
    assert first_break(replaced, after=0, previous=GENESIS) == Broken(2, "does not follow the entry before it")


def test_the_bytes_of_an_entry_do_not_depend_on_the_order_of_its_parts() -> None:
    assert (
        canonical({"b": 1, "a": ["é", None]})
        == '{"a":["é",null],"b":1}'.encode()
        == canonical({"a": ["é", None], "b": 1})
    )


def test_a_key_is_replaced_when_it_is_old() -> None:
    year = timedelta(days=365)
    assert key_due(None, NOW, year)
    assert not key_due(NOW - year + timedelta(seconds=1), NOW, year)
    assert key_due(NOW - year, NOW, year)
    assert len(key_id_of(b"k" * 32)) == 32
