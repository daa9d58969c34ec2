"""What settling needs from outside: settlements and their closed versions, claims, rights to leave, and tables."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import TYPE_CHECKING, Protocol
from uuid import UUID

from contracts.application.ports import Store

if TYPE_CHECKING:
    from contracts.application.advice import Advisory
    from contracts.application.claims import SettlementClaim
    from contracts.application.obligations import Breach
    from contracts.application.settlement_schedule import SettlementSchedule
    from contracts.application.settlement_terms import RemedyTable
    from contracts.application.settling import ClosedSettlement, SettlementRecord
    from contracts.application.termination_rights import TerminationRight
    from contracts.domain.termination_right import Verdict


class Settlements(Store["SettlementRecord"], Protocol):
    """Settlements, and their closed versions, which are never changed."""

    async def of_period(self, contract_id: UUID, first: date) -> SettlementRecord | None:
        """The settlement of the period that begins on this day, under a lock."""

    async def close(self, closed: ClosedSettlement) -> None:
        """Keeps a closed version for good."""

    async def closed(self, settlement_id: UUID, number: int) -> ClosedSettlement:
        """A closed version. Raises Unknown."""

    async def hold(self, contract_id: UUID) -> None:
        """Nobody else settles this contract until the transaction ends."""


class Schedules(Protocol):
    """When the next period of each contract is over."""

    async def put(self, schedule: SettlementSchedule) -> None: ...

    async def look_again(self, contract_id: UUID, at: datetime) -> None:
        """A contract of which nothing was to come any more is looked at again."""


class TerminationRights(Store["TerminationRight"], Protocol):
    """Rights to terminate that misses opened."""

    async def of_contract(self, contract_id: UUID) -> Sequence[TerminationRight]:
        """Every right that was ever opened of a contract."""


class RemedyTables(Store["RemedyTable"], Protocol):
    """The agency's tables of credits and penalties."""

    async def by_code(self, code: str) -> RemedyTable | None: ...


class SettlementFacts(Protocol):
    """What the registers hold of a contract and a time."""

    async def decided_breaches(self, contract_id: UUID, start: datetime, end: datetime) -> Sequence[Breach]:
        """Breaches that began in a time and that somebody decided on."""

    async def late_deliveries(self, contract_id: UUID, before: datetime) -> Sequence[Breach]:
        """Breaches by the provider that ended before an instant with the delivery of something that has a worth."""

    async def refused_advice(self, contract_id: UUID, start: datetime, end: datetime) -> Sequence[Advisory]:
        """Advice that the client refused in a time."""

    async def tickets_charged_before(self, contract_id: UUID, first_day: date) -> set[str]:
        """Ids of the tickets that closed settlements of earlier periods charge, as they stand now."""

    async def verdicts(self, contract_id: UUID, kind: str) -> Sequence[Verdict]:
        """What the newest closed version of every period found of a commitment of this kind that was promised.

        Of uptime a period has one verdict, however many environments were measured and however often.
        """


@dataclass(frozen=True)
class SettlementStores:
    """Where settlements and what hangs on them are kept."""

    settlements: Settlements
    schedules: Schedules
    claims: Store[SettlementClaim]
    rights: TerminationRights
    tables: RemedyTables
    facts: SettlementFacts
