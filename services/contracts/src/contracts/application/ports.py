"""What the use cases need from outside: stores of aggregates, and somebody who says what happened."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Protocol, TypeVar
from uuid import UUID

if TYPE_CHECKING:
    from contracts.application.calendars import Calendar
    from contracts.application.catalogue import Plan, PlanVersion
    from contracts.application.clients import Client
    from contracts.application.contracts import Contract, ContractState, Document
    from contracts.application.delivery_proofs import Proofs
    from contracts.application.facts import Facts
    from contracts.application.hours_ports import HoursStores
    from contracts.application.identity import ApiKey, Tenant, User
    from contracts.application.invoice_ports import Billing
    from contracts.application.life_ports import LifeStores
    from contracts.application.maintenance import MaintenanceWindow
    from contracts.application.paper_ports import PaperStores
    from contracts.application.register_ports import Registers
    from contracts.application.sector_ports import SectorStores
    from contracts.application.sent_messages import WrittenMessage
    from contracts.application.settlement_ports import SettlementStores
    from contracts.application.settling import ClosedSettlement, SettlementRecord
    from contracts.application.signing_ports import SigningStores
    from contracts.application.sites import Site
    from contracts.domain.contract_term import TermReading

A = TypeVar("A")


class Store(Protocol[A]):
    """Where the aggregates of one kind are kept. Rows of other tenants, and of other clients, are not there."""

    async def get(self, wanted: UUID) -> A:
        """Raises Unknown."""

    async def locked(self, wanted: UUID) -> A:
        """The aggregate under a row lock until the transaction ends: read it so to change it. Raises Unknown."""

    async def add(self, item: A) -> None:
        """Raises Taken when a name that must be unique is in use."""

    async def save(self, item: A) -> None:
        """Writes a changed aggregate that was read with `locked`. Raises Taken like `add`."""


class Sites(Store["Site"], Protocol):
    """Sites with their environments."""

    async def of_client(self, client_id: UUID) -> Sequence[Site]:
        """Every site of a client."""


class Plans(Store["Plan"], Protocol):
    """Plans with their versions."""

    async def by_code(self, code: str) -> Plan | None:
        """The plan with this code."""

    async def version(self, plan_id: UUID, number: int) -> PlanVersion:
        """One version of a plan, as it was made. Raises Unknown."""

    async def add_version(self, version: PlanVersion) -> None:
        """A new version of a plan; versions are never changed."""


class Calendars(Store["Calendar"], Protocol):
    """Calendars with their versions."""

    async def by_name(self, name: str) -> Calendar | None:
        """The calendar with this name."""


class Contracts(Store["Contract"], Protocol):
    """Contracts, the documents that were proposed and signed, and what they were at each time."""

    async def next_number(self, year: int) -> int:
        """The next number of the year, without gaps and never twice."""

    async def next_document_number(self, contract: Contract) -> int:
        """One more than the highest of the contract's proposed versions, withdrawn ones included."""

    async def add_document(self, document: Document) -> None:
        """Keeps a proposed version; it is never changed."""

    async def document(self, contract_id: UUID, number: int) -> Document:
        """A proposed version of a contract, as it was proposed. Raises Unknown."""

    async def signed_document(self, contract_id: UUID, document_hash: str) -> Document:
        """The proposed version of a contract with this hash. Raises Unknown."""

    async def states(self, contract_id: UUID, before: datetime) -> Sequence[ContractState]:
        """What a contract was, as far as it was so before an instant; the first state first."""

    async def newest_state(self, contract_id: UUID) -> int | None:
        """Version of the newest state of a locked contract; None before it was activated."""

    async def add_state(self, state: ContractState) -> None:
        """Keeps what the contract is from an instant on; it is never changed."""

    async def claim_status_page(self, slug: str, contract: Contract) -> bool:
        """Takes the address of a status page for a contract; False when another client has it."""

    async def release_status_pages(self, contract: Contract, *, keep: Collection[str]) -> None:
        """Gives back the addresses of a contract but `keep`, unless another one of its client shows the page too."""


class Keys(Protocol):
    """API keys; read and saved like other aggregates, and made together with the digest of their secret."""

    async def get(self, wanted: UUID) -> ApiKey: ...

    async def locked(self, wanted: UUID) -> ApiKey: ...

    async def save(self, item: ApiKey) -> None: ...

    async def issue(self, key: ApiKey, digest: bytes) -> None:
        """Keeps a new key and the digest of its secret, never the secret."""

    async def revoke_of(self, user_id: UUID, at: datetime) -> None:
        """Ends every key of a user."""


class Announcer(Protocol):
    """Says what happened: the event is published exactly if the transaction commits."""

    def client_changed(self, client: Client) -> None: ...

    def site_changed(self, site: Site) -> None: ...

    def maintenance_changed(self, window: MaintenanceWindow) -> None:
        """Says that a window is scheduled, or that it is cancelled."""

    def contract_changed(self, state: ContractState) -> None:
        """Says the event that a contract's new state calls for."""

    def notice_due(self, contract: Contract, term: TermReading) -> None:
        """Says that the alert date of a contract's term is reached."""

    def message_written(self, message: WrittenMessage) -> None:
        """Says that a message is to be sent."""

    def settlement_closed(self, record: SettlementRecord, closed: ClosedSettlement) -> None:
        """Says that a version of a settlement is fixed for good."""


@dataclass(frozen=True)
class Workspace:
    """What a use case works with during one transaction. `now` is its one instant."""

    tenant_id: UUID
    now: datetime
    actor: str
    tenants: Store[Tenant]
    users: Store[User]
    keys: Keys
    clients: Store[Client]
    sites: Sites
    windows: Store[MaintenanceWindow]
    calendars: Calendars
    plans: Plans
    contracts: Contracts
    registers: Registers
    signing: SigningStores
    life: LifeStores
    billing: Billing
    sectors: SectorStores
    facts: Facts
    settlements: SettlementStores
    hours: HoursStores
    proofs: Proofs
    papers: PaperStores
    announcer: Announcer
    new_id: Callable[[], UUID]
    random_bytes: Callable[[int], bytes]
