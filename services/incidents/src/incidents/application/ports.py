"""What the use cases need from outside, as they see it. `adapters` implements it over the unit of work."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol
from uuid import UUID

from incidents.domain.attachments import File
from incidents.domain.closing import ItemRecords
from incidents.domain.promises import ClockFact, ContractHistory, Metric
from incidents.domain.sla_clock import ClockReading
from incidents.domain.work_item import Kind, Stamp, Who, WorkItem

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
    intervention_modes: frozenset[str] | None = None
    severities: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    """What the contract calls its severities: code to its names by language."""


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
    """A line of an item's timeline. `audience` client: the client's people may read it."""

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
    """A clock as it reads at one instant, and all that happened to it.

    `version` is that of the newest event of its own; `count` as in events.
    """

    id: UUID
    metric: Metric
    reading: ClockReading
    version: int
    count: int
    facts: tuple[ClockFact, ...]


@dataclass(frozen=True)
class Notification:
    """A message that one recipient gets about one fact; `details` are the figures of the moment of the fact."""

    kind: str
    fact: str
    recipient: Recipient
    details: Mapping[str, Any]


@dataclass(frozen=True)
class Pause:
    """A wait for somebody else, with what was asked, and what was answered once it is over."""

    id: UUID
    reason: str
    allowed: bool
    at: datetime
    actor: Who
    evidence: Mapping[str, Any]
    resumed_at: datetime | None = None
    resumed_by: Who | None = None
    answer: Mapping[str, Any] | None = None


@dataclass(frozen=True)
class HandOver:
    """From `at` on a level of support has the item."""

    to_level: int
    at: datetime


@dataclass(frozen=True)
class Link:
    """How one item is related to another, or to something elsewhere (`target`)."""

    id: UUID
    kind: str
    target_id: UUID | None
    target: str | None


@dataclass(frozen=True)
class Attachment:
    """A file on an item, without its content."""

    id: UUID
    name: str
    media_type: str
    size: int
    sha256: bytes
    audience: str
    source: str
    added_at: datetime
    actor: Who


class Items(Protocol):
    """Work items, their stamps and timelines."""

    async def hold_contract(self, contract_id: UUID) -> None:
        """Until the end of the transaction nobody else opens items or changes terms of this contract.

        Without it an item and the contract that promises its clocks could miss one another for ever, when the two
        arrive at the same moment in two transactions.
        """

    async def next_sequence(self, kind: Kind, year: int) -> int:
        """The tenant's next number of a kind in a year; keeps others waiting until the transaction ends."""

    async def last_of_monitor(self, contract_id: UUID, monitor_id: UUID) -> WorkItem | None:
        """The newest incident of a monitor under a contract, locked."""

    async def join_outage(self, item: WorkItem, outage_id: UUID) -> None:
        """One more outage of the item's monitor belongs to it."""

    async def of_outage(self, outage_id: UUID) -> WorkItem | None:
        """The incident of an outage, locked."""

    async def lock(self, item_id: UUID) -> WorkItem | None:
        """The item, locked until the transaction ends; None when there is none that one may see."""

    async def read(self, item_id: UUID) -> WorkItem | None:
        """The item as it stands, which may change at any moment; None when there is none that one may see."""

    async def heeding(self, contract_id: UUID, since: datetime) -> list[UUID]:
        """Items whose clocks a version effective then may concern: without clocks, running, or ended later."""

    async def add(self, item: WorkItem, stamps: Iterable[Stamp], outage: Mapping[str, Any] | None) -> None:
        """A new item with its first stamps."""

    async def complete_outage(self, item_id: UUID, outage: Mapping[str, Any]) -> None:
        """Adds to the kept evidence of an outage what is not known yet."""

    async def save(self, item: WorkItem, stamps: Iterable[Stamp]) -> None:
        """The item after a change, with the stamps that it added."""

    async def tell(self, item: WorkItem, entry: Entry) -> None:
        """Adds a line to the timeline."""

    async def has_told(self, item_id: UUID, kind: str, outage_id: UUID) -> bool:
        """Whether the timeline has a line of this kind about another outage."""

    async def incidents_like(self, item: WorkItem, since: datetime, until: datetime) -> int:
        """How many incidents of the same contract, site and environment were opened in the span, this one included."""

    async def came_in(self, contract_id: UUID, since: datetime, severities: Iterable[str]) -> tuple[int, int]:
        """Of the incidents and requests of a contract since then: those of these severities, and all."""

    async def waiting(self, contract_id: UUID) -> int:
        """How many items of a contract wait to be done."""

    async def arbitrated(self, contract_id: UUID, since: datetime) -> bool:
        """Whether too many urgent ones under a contract have asked for arbitration since then."""

    async def pauses(self, item_id: UUID) -> list[Pause]:
        """Every pause of an item, in the order of time."""

    async def add_pause(self, item: WorkItem, pause: Pause) -> None:
        """A new pause."""

    async def end_pause(self, pause: Pause) -> None:
        """Stores when and by what a pause ended."""

    async def hand_overs(self, item_id: UUID) -> list[HandOver]:
        """The changes of the level of support, in the order of time."""

    async def add_hand_over(self, item: WorkItem, at: datetime, evidence: Mapping[str, Any], actor: Who) -> None:
        """The item is handed to its present level with this."""

    async def links(self, item_id: UUID) -> list[Link]:
        """What an item says of others."""

    async def awaits_acceptance(self, item_id: UUID) -> bool:
        """Whether a change that fixes the item is deployed and neither accepted nor rejected."""

    async def add_link(self, item: WorkItem, link: Link, actor: Who) -> bool:
        """A new link; False when it is there already."""


class Contracts(Protocol):
    """What contracts told us."""

    async def keep(self, version: ContractVersion) -> bool:
        """Stores a version; False when it is known already."""

    async def history(self, contract_id: UUID) -> ContractHistory:
        """All known versions."""

    async def newest(self, contract_id: UUID) -> ContractFacts | None:
        """None when the contract is unknown to us, or not ours to see."""

    async def newest_of_client(self, client_id: UUID) -> ContractFacts | None:
        """The contract of a client that was heard of last; None when there is none."""


class Clocks(Protocol):
    """Clocks with their facts, the cache over them, and what was said about them."""

    async def of_item(self, item_id: UUID) -> list[StoredClock]:
        """In the order of the metrics: response first."""

    async def add(self, item: WorkItem, metric: Metric) -> StoredClock:
        """A new clock without facts."""

    async def add_fact(
        self, item: WorkItem, clock: StoredClock, name: str, fact: ClockFact, *, actor: Who, source: str
    ) -> None:
        """Stores a fact under its name; one that is there already stays as it is."""

    async def cache(
        self, item: WorkItem, view: ClockView, *, next_due_at: datetime | None, ended_at: datetime | None
    ) -> None:
        """Replaces what is cached of a clock."""

    async def say(self, item: WorkItem, clock: StoredClock, notice: tuple[int, str, int], at: datetime) -> None:
        """Records that something is being said, and counts the clock's version up."""

    async def note(self, item: WorkItem, clock: StoredClock, notice: tuple[int, str, int], at: datetime) -> None:
        """Records what counts when something is said later, and says nothing."""

    async def remember_told(self, clock_id: UUID, told: Mapping[str, Any]) -> None:
        """Replaces what others have been told that the clock reads."""


class Alerts(Protocol):
    """Whom to tell, and the messages to tell them."""

    async def agency(self) -> Sequence[Recipient]:
        """The agency's own addresses."""

    async def queue(self, item: WorkItem, notifications: Iterable[Notification]) -> None:
        """Stores messages to be sent; one that exists for the fact and recipient stays as it is."""

    async def tell_agency(self, kind: str, *, fact: str, contract_id: UUID | None, details: Mapping[str, Any]) -> None:
        """Queues a message under a contract or none to each of the agency's addresses; a fact reaches each once."""

    async def queue_on_channels(self, item: WorkItem, kind: str, *, fact: str, details: Mapping[str, Any]) -> None:
        """The same for every channel of the contract or of a person that takes this kind, when he may be disturbed."""


class Records(Protocol):
    """What the records of the service desk say of an item."""

    async def for_closing(self, item_id: UUID) -> ItemRecords:
        """What closing the item asks about."""

    async def gathered(self, item_id: UUID) -> frozenset[str]:
        """The kinds of evidence that local support has recorded on the item, as far as the caller sees them."""


class Attachments(Protocol):
    """Files on items."""

    async def same(self, item_id: UUID, audience: str, file: File) -> Attachment | None:
        """The file of this name and content that is there for this audience."""

    async def count(self, item_id: UUID) -> int:
        """How many files an item has, as far as the caller sees them."""

    async def add(self, item: WorkItem, file: File, *, audience: str, actor: Who, source: str) -> Attachment:
        """A new file on an item."""

    async def of_item(self, item_id: UUID, attachment_id: UUID) -> Attachment | None:
        """A file, if it is on this item."""

    async def remove(self, attachment_id: UUID) -> None:
        """Deletes a file with its content."""


class Announcer(Protocol):
    """Says to other services what happened."""

    def arbitration_required(self, item: WorkItem, urgent: int, total: int, quota_percent: int) -> None:
        """More than the quota of what came in is urgent: somebody must arbitrate."""

    def item(self, what: str, item: WorkItem, clocks: Sequence[ClockView]) -> None:
        """`what`: the act or fact, as the events of its kind are named; `changed` for what has no event of its own."""

    def clock(
        self, what: str, item: WorkItem, view: ClockView, *, version: int, at: datetime, percent: int | None
    ) -> None:
        """`what`: at_risk (with its percentage), breached, met."""


@dataclass(frozen=True)
class Ports:
    """Everything that a use case works with, in one transaction. `now` is the transaction's instant."""

    now: datetime
    items: Items
    contracts: Contracts
    clocks: Clocks
    alerts: Alerts
    records: Records
    attachments: Attachments
    announcer: Announcer


__all__ = [
    "MONITORING",
    "UPHELD",
    "Alerts",
    "Announcer",
    "Attachment",
    "Attachments",
    "ClockView",
    "Clocks",
    "ContractFacts",
    "ContractVersion",
    "Contracts",
    "Entry",
    "Environment",
    "HandOver",
    "Items",
    "Link",
    "Notification",
    "Pause",
    "Ports",
    "Recipient",
    "Records",
    "StoredClock",
]
