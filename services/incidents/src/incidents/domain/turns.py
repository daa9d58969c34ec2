"""Whose turn it is: what a worker begins next of what is due for many agencies at addresses that these have chosen.

Some of those addresses hang, and some agencies have a long backlog. Each agency has a share of the places, so that what
hangs for one takes nobody else's; and of that share what hangs has half, so that it does not take all of the agency's
own. Nothing is said here of what an address is: a channel, a tool, a mailbox.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID


@dataclass(frozen=True)
class Turn:
    """Something that is due or under way: its id, whose it is, and where it goes."""

    id: UUID
    tenant_id: UUID
    address: str


@dataclass(frozen=True)
class Places:
    """How much is under way at one time: in all, of one agency, and at one address."""

    of_all: int
    of_one_agency: int
    at_one_address: int


@dataclass(frozen=True)
class Closed:
    """For whom, and where to, nothing may begin before something ends."""

    agencies: frozenset[UUID]
    addresses: frozenset[str]


def next_turns(
    due: Sequence[Turn], under_way: Collection[Turn], hanging: Mapping[str, UUID], places: Places
) -> list[Turn]:
    """Those of `due` that begin now, in their order.

    :param hanging: addresses that kept their last try waiting, with whose they are.
    """
    begun: list[Turn] = []
    for turn in due:
        if _has_place(turn.tenant_id, turn.address, [*under_way, *begun], hanging, places):
            begun.append(turn)
    return begun


def closed(under_way: Collection[Turn], hanging: Mapping[str, UUID], places: Places) -> Closed:
    """What need not be looked at: whatever else is due may begin now, by itself, while there is any place."""
    agencies = {turn.tenant_id for turn in under_way}
    full = {one for one in agencies if sum(turn.tenant_id == one for turn in under_way) >= places.of_one_agency}
    known = {turn.address: turn.tenant_id for turn in under_way} | dict(hanging)
    shut = {
        address
        for address, tenant_id in known.items()
        if not _has_place(tenant_id, address, under_way, hanging, places)
    }
    return Closed(frozenset(full), frozenset(shut))


def _has_place(
    tenant_id: UUID, address: str, under_way: Collection[Turn], hanging: Mapping[str, UUID], places: Places
) -> bool:
    of_agency = [turn for turn in under_way if turn.tenant_id == tenant_id]
    at_address = sum(turn.address == address for turn in of_agency)
    if len(under_way) >= places.of_all or len(of_agency) >= places.of_one_agency or at_address >= places.at_one_address:
        return False
    if address not in hanging:
        return True
    hang, hang_of_agency = (sum(turn.address in hanging for turn in turns) for turns in (under_way, of_agency))
    return not at_address and hang < _half(places.of_all) and hang_of_agency < _half(places.of_one_agency)


def _half(places: int) -> int:
    """What is for those that hang."""
    return max(1, places // 2)
