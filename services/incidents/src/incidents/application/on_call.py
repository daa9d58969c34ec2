"""Looks ahead for hours that a contract promises and nobody covers, and keeps what it finds."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol
from uuid import UUID

from incidents.application.people import Messages, Person
from incidents.domain.cover_gaps import Because, Bounds, Finding, compare, promised, reachable
from incidents.domain.on_call import Schedule, cover
from incidents.domain.promises import ContractHistory
from shared.kernel.intervals import subtraction
from shared.values import instant_text


@dataclass(frozen=True)
class WatchedContract:
    """A contract as far as its cover concerns. `round_the_clock`: the versions whose terms promise every hour."""

    contract_id: UUID
    client_id: UUID
    number: str
    client_name: str
    time_zone: str
    history: ContractHistory
    round_the_clock: Collection[int]


class Cover(Protocol):
    """Schedules, contracts and what was found about them."""

    async def contract(self, contract_id: UUID) -> WatchedContract:
        """The contract with all its versions."""

    async def in_charge(self, contract_id: UUID) -> Sequence[Schedule]:
        """The schedules that cover a contract: those that name it, and those that name none."""

    async def people(self, person_ids: Collection[UUID]) -> Mapping[UUID, Person]:
        """Those of these who are people of the desk now."""

    async def findings(self, contract_id: UUID) -> Sequence[Finding]:
        """The findings about a contract that are not cleared."""

    async def add(self, contract: WatchedContract, bounds: Bounds) -> None:
        """A new finding, said to others."""

    async def move(self, contract: WatchedContract, finding: Finding, bounds: Bounds) -> None:
        """A finding with other bounds, said to others."""

    async def clear(self, contract: WatchedContract, finding: Finding, because: Because) -> None:
        """The end of a finding, said to others."""

    async def agency(self) -> Sequence[Person]:
        """Whom the agency wants to be alerted."""


@dataclass(frozen=True)
class CoverPorts:
    """What looking ahead works with, in one transaction. `now` is the transaction's instant."""

    now: datetime
    cover: Cover
    messages: Messages


async def look_ahead(ports: CoverPorts, contract_id: UUID, ahead: timedelta) -> None:
    """Brings the findings about one contract up to date; the caller keeps others from looking at the same time.

    What is found together is told in one message, once; what has shrunk or was cut in two is not told again.
    """
    start, end = ports.now, ports.now + ahead
    contract = await ports.cover.contract(contract_id)
    promises = promised(contract.history, contract.round_the_clock, start, end)
    spans = [
        span
        for schedule in (await ports.cover.in_charge(contract_id) if promises else ())
        for span in cover(schedule, start, end)
    ]
    known = await ports.cover.people({span.person_id for span in spans if span.person_id is not None})
    gravest = contract.history.service_desk(start).severities[0].code
    there = reachable(spans, {person_id: person.quiet for person_id, person in known.items()}, gravest)
    changes = compare(await ports.cover.findings(contract_id), subtraction(promises, there), promises, ports.now, end)
    for finding, because in changes.cleared:
        await ports.cover.clear(contract, finding, because)
    for finding, bounds in changes.moved:
        await ports.cover.move(contract, finding, bounds)
    for bounds in changes.found:
        await ports.cover.add(contract, bounds)
    grown = [bounds for _, bounds in changes.moved if not bounds.known]
    news = sorted(
        [bounds for bounds in (*changes.found, *grown) if not bounds.known], key=lambda bounds: bounds.starts_at
    )
    if news:
        await ports.messages.tell_agency(
            await ports.cover.agency(),
            "cover_gap",
            fact=f"{contract_id}.cover_gap.{instant_text(ports.now)}",
            contract_id=contract_id,
            details={
                "contract": contract.number,
                "client": contract.client_name,
                "time_zone": contract.time_zone,
                "gaps": _told(news),
            },
        )


def _told(bounds: Iterable[Bounds]) -> list[dict[str, str | None]]:
    return [
        {"from": instant_text(each.starts_at), "to": instant_text(each.ends_at) if each.ends_at else None}
        for each in bounds
    ]
