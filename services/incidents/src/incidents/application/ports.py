"""What the use cases need from outside, as they see it. `adapters` implements it over the unit of work."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol
from uuid import UUID

from incidents.domain.access import AccessWait
from incidents.domain.closing import ItemRecords
from incidents.domain.incident import Incident, Severity, Stamp, Who
from incidents.domain.promises import ClockFact, ContractHistory, Metric
from incidents.domain.sla_clock import ClockReading

UPHELD = Who(kind="system", id="system", name="Upheld")
"""What the service does by itself."""

MONITORING = Who(kind="system", id="probes", name="Monitoring")
"""What the probes saw."""


@dataclass(frozen=True)
class Recipient:
    """Whom to alert. `audience` agency: the client's people are not shown this address."""

    email: str
    language: str
    audience: str


@dataclass(frozen=True)
class ContractFacts:
    """The newest version of a contract, as far as people and messages need it."""

    contract_id: UUID
    client_id: UUID
    version: int
    number: str
    client_name: str
    time_zone: str
    sites: Mapping[UUID, str]
    environments: Mapping[UUID, "Environment"]
    alerted: tuple[Recipient, ...]


@dataclass(frozen=True)
class Environment:
    """One environment of a site under contract."""

    site_id: UUID
    name: str
    counts_for_sla: bool


@dataclass(frozen=True)
class ContractVersion:
    """A version of a contract as it arrived; `state` is the whole of it."""

    contract_id: UUID
    client_id: UUID
    version: int
    status: str
    effective_from: datetime
    state: Mapping[str, Any]


@dataclass(frozen=True)
class Entry:
    """A line of an incident's timeline. `audience` client: the client's people may read it."""

    kind: str
    at: datetime
    actor: Who
    source: str
    audience: str = "client"
    note: str | None = None
    data: Mapping[str, Any] = field(default_factory=dict)


@dataclass
class StoredClock:
    """A clock with its facts and what was said about it: (cycle, kind, percent). `version` rises with each event.

    `told` is how the newest event that told of it had it read; None when none has told of it.
    """

    id: UUID
    metric: Metric
    version: int
    facts: list[ClockFact]
    said: set[tuple[int, str, int]]
    told: Mapping[str, Any] | None = None


@dataclass(frozen=True)
class ClockView:
    """A clock as it reads at one instant. `version` is that of the newest event of its own."""

    id: UUID
    metric: Metric
    reading: ClockReading
    version: int


@dataclass(frozen=True)
class Notification:
    """A message that one recipient gets about one fact; `details` are the figures of the moment of the fact."""

    kind: str
    fact: str
    recipient: Recipient
    details: Mapping[str, Any]


class Incidents(Protocol):
    """Incidents, their stamps and timelines."""

    async def hold_contract(self, contract_id: UUID) -> None:
        """Until the end of the transaction nobody else opens incidents or changes terms of this contract.

        Without it an incident and the contract that promises its clocks could miss one another for ever, when the two
        arrive at the same moment in two transactions.
        """

    async def next_sequence(self, year: int) -> int:
        """The tenant's next incident number in a year; keeps others waiting until the transaction ends."""

    async def of_outage(self, outage_id: UUID) -> Incident | None:
        """The incident of an outage, locked."""

    async def lock(self, incident_id: UUID) -> Incident | None:
        """The incident, locked until the transaction ends; None when there is none that one may see."""

    async def heeding(self, contract_id: UUID, since: datetime) -> list[UUID]:
        """Incidents whose clocks a version effective then may concern: without clocks, running, or ended later."""

    async def add(self, incident: Incident, stamps: Iterable[Stamp], outage: Mapping[str, Any] | None) -> None:
        """A new incident with its first stamps."""

    async def complete_outage(self, incident_id: UUID, outage: Mapping[str, Any]) -> None:
        """Adds to the kept evidence of an outage what is not known yet."""

    async def save(self, incident: Incident, stamps: Iterable[Stamp]) -> None:
        """The incident after a change, with the stamps that it added."""

    async def tell(self, incident: Incident, entry: Entry) -> None:
        """Adds a line to the timeline."""

    async def has_told(self, incident_id: UUID, kind: str, outage_id: UUID) -> bool:
        """Whether the timeline has a line of this kind about another outage."""


class Contracts(Protocol):
    """What contracts told us."""

    async def keep(self, version: ContractVersion) -> bool:
        """Stores a version; False when it is known already."""

    async def history(self, contract_id: UUID) -> ContractHistory:
        """All known versions."""

    async def newest(self, contract_id: UUID) -> ContractFacts | None:
        """None when the contract is unknown to us, or not ours to see."""


class Clocks(Protocol):
    """Clocks with their facts, the cache over them, and what was said about them."""

    async def of_incident(self, incident_id: UUID) -> list[StoredClock]:
        """Response first, then repair."""

    async def add(self, incident: Incident, metric: Metric) -> StoredClock:
        """A new clock without facts."""

    async def add_fact(
        self, incident: Incident, clock: StoredClock, name: str, fact: ClockFact, *, actor: Who, source: str
    ) -> None:
        """Stores a fact under its name; one that is there already stays as it is."""

    async def cache(
        self, incident: Incident, view: ClockView, *, next_due_at: datetime | None, ended_at: datetime | None
    ) -> None:
        """Replaces what is cached of a clock."""

    async def say(self, incident: Incident, clock: StoredClock, notice: tuple[int, str, int], at: datetime) -> None:
        """Records that something is being said, and counts the clock's version up."""

    async def remember_told(self, clock_id: UUID, told: Mapping[str, Any]) -> None:
        """Replaces what others have been told that the clock reads."""


class Alerts(Protocol):
    """Whom to tell, and the messages to tell them."""

    async def agency(self) -> Sequence[Recipient]:
        """The agency's own addresses."""

    async def queue(self, incident: Incident, notifications: Iterable[Notification]) -> None:
        """Stores messages to be sent; one that exists for the fact and recipient stays as it is."""


class Records(Protocol):
    """What the records of the service desk say of an item."""

    async def for_closing(self, item_id: UUID) -> ItemRecords:
        """What closing the item asks about."""

    async def access_waits(self, item_id: UUID) -> list[AccessWait]:
        """When the client let us wait for access, in the order of their beginnings."""


class Announcer(Protocol):
    """Says to other services what happened."""

    def incident(self, what: str, incident: Incident, clocks: Sequence[ClockView]) -> None:
        """`what`: opened, acknowledged, mitigated, monitoring_paused, clocks_changed, recovered, resolved, closed."""

    def clock(
        self, what: str, incident: Incident, view: ClockView, *, version: int, at: datetime, percent: int | None
    ) -> None:
        """`what`: at_risk (with its percentage), breached, met."""


@dataclass(frozen=True)
class Ports:
    """Everything that a use case works with, in one transaction. `now` is the transaction's instant."""

    now: datetime
    incidents: Incidents
    contracts: Contracts
    clocks: Clocks
    alerts: Alerts
    records: Records
    announcer: Announcer


__all__ = [
    "MONITORING",
    "UPHELD",
    "Alerts",
    "Announcer",
    "ClockView",
    "Clocks",
    "ContractFacts",
    "ContractVersion",
    "Contracts",
    "Entry",
    "Environment",
    "Incidents",
    "Notification",
    "Ports",
    "Recipient",
    "Records",
    "Severity",
    "StoredClock",
]
