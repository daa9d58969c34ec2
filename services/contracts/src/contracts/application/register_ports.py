"""What the use cases of the registers need from outside: configuration, deliveries, obligations, advice, lists."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Protocol
from uuid import UUID

from contracts.application.ports import Store

if TYPE_CHECKING:
    from contracts.application.advice import Advisory
    from contracts.application.client_registers import RegisterEntry
    from contracts.application.configuration import (
        CompatibilityRule,
        ConfigurationItem,
        ConfigurationVersion,
        SupportEnd,
    )
    from contracts.application.deliveries import Delivery
    from contracts.application.obligations import Breach, Obligation


class Items(Store["ConfigurationItem"], Protocol):
    """Configuration items, and their versions, which are never changed."""

    async def hold_names(self, client_id: UUID) -> None:
        """Nobody else enters an item of this client's, or looks for one by name, until the transaction ends.

        Held before any item or delivery is locked.
        """

    async def by_name(self, client_id: UUID, name: str) -> ConfigurationItem | None:
        """The client's item with this name, under a lock."""

    async def contract_of(self, item: ConfigurationItem) -> UUID | None:
        """The contract in force that the item is kept under; None when there is none, or more than one."""

    async def versions_of(self, item_ids: Sequence[UUID]) -> Sequence[ConfigurationVersion]:
        """Everything that was ever recorded of these items, by item and number."""

    async def add_version(self, version: ConfigurationVersion) -> None:
        """Keeps a version of a locked item."""


class Rules(Store["CompatibilityRule"], Protocol):
    """Compatibility rules."""

    async def touching(self, item_id: UUID) -> Sequence[CompatibilityRule]:
        """The rules that name the item, on either side."""

    async def remove(self, rule: CompatibilityRule) -> None:
        """Forgets a locked rule; its history stays."""


class SupportEnds(Store["SupportEnd"], Protocol):
    """Until when versions of items are supported."""

    async def of_item(self, item_id: UUID) -> Sequence[SupportEnd]:
        """Those of one item, under locks."""


class Deliveries(Store["Delivery"], Protocol):
    """Deliveries."""

    async def of_deployment(self, deployment_id: UUID) -> Delivery | None:
        """The delivery that a deployment made, under a lock."""

    async def unplaced(self, client_id: UUID, item_name: str) -> Sequence[Delivery]:
        """Deliveries of an item that was not in the register when they were heard of, oldest first, under locks."""


class Obligations(Store["Obligation"], Protocol):
    """Obligations of both parties."""

    async def of_contract(self, contract_id: UUID) -> Sequence[Obligation]:
        """Those that are not over, and those that the contract's terms made, under locks."""

    async def by_code(self, contract_id: UUID, code: str) -> Obligation | None:
        """The obligation that the contract's terms made under this code, under a lock."""


class Breaches(Store["Breach"], Protocol):
    """The register of breaches."""

    async def of_obligation(self, obligation_id: UUID, since: datetime) -> Breach | None:
        """The breach of an obligation that was due at this instant, under a lock."""

    async def of_clocks(self, work_item_id: UUID) -> Sequence[Breach]:
        """What the clocks of an item told; until the transaction ends nobody else puts the register right for it."""

    async def between(self, contract_id: UUID, start: datetime, end: datetime) -> Sequence[Breach]:
        """The breaches of a contract, by either party, that began in `[start, end)`."""


class Entries(Store["RegisterEntry"], Protocol):
    """Entries of the client's registers."""

    async def of_source(self, register: str, source_id: UUID) -> RegisterEntry | None:
        """The entry that a record of the service desk made, under a lock."""


class RegisterAnnouncer(Protocol):
    """Says what happened in the registers: the event is published exactly if the transaction commits."""

    def item_changed(self, item: ConfigurationItem, current: ConfigurationVersion | None) -> None: ...

    def delivered(self, delivery: Delivery) -> None: ...

    def obligation_changed(self, obligation: Obligation, change: str) -> None:
        """`change`: opened, changed, fulfilled or breached."""

    def breach_changed(self, breach: Breach) -> None: ...

    def advisory_changed(self, advisory: Advisory, change: str) -> None:
        """`change`: issued, resent, changed or refused."""


@dataclass(frozen=True)
class Registers:
    """The registers of a tenant during one transaction."""

    items: Items
    rules: Rules
    support_ends: SupportEnds
    deliveries: Deliveries
    obligations: Obligations
    breaches: Breaches
    advisories: Store[Advisory]
    entries: Entries
    announcer: RegisterAnnouncer
