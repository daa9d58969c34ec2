"""What the use cases need from outside."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Protocol
from uuid import UUID

from probes.application.critical_periods import Group
from probes.domain.critical_periods import Regime
from probes.domain.groups import GroupNews
from probes.domain.monitors import Cadence, Monitor, Promise, Subject
from probes.domain.states import Applied, Transition
from probes.domain.unwatched_pages import UnwatchedPages


class Monitors(Protocol):
    """The monitors of one transaction. Whatever `locked` returned is ours until the transaction ends."""

    async def locked(self, monitor_ids: Sequence[UUID]) -> Mapping[UUID, Monitor]:
        """Those of the monitors that exist, held against everybody else who changes them."""
        ...

    async def of_contract(self, contract_id: UUID) -> Mapping[UUID, Monitor]:
        """Every monitor that the contract ever had, but for those that were removed; held likewise."""
        ...

    async def silent(self, now: datetime, limit: int) -> Sequence[UUID]:
        """Monitors to which time alone does something by `now`, at most `limit`.

        A location's next result is overdue, a maintenance window opens or closes, or flapping has settled.
        """
        ...

    async def suspicious(self, location: str) -> Sequence[UUID]:
        """Monitors of which a location has seen checks that contradict what it said before, and not enough of them."""
        ...

    async def seen(self, monitor_ids: Sequence[UUID]) -> Mapping[UUID, Monitor]:
        """These monitors and those that they depend on, one above the other, as they stand; not held."""
        ...

    async def parents_of(self, monitor_id: UUID) -> Mapping[UUID, UUID | None]:
        """The monitor and those that it depends on, one above the other, each with what it depends on itself."""
        ...

    async def depend(self, monitor_id: UUID, parent_id: UUID | None) -> None:
        """Makes a monitor depend on another one, or on none."""
        ...

    async def add(self, subject: Subject, cadence: Cadence, applied: Applied, contract_version: int) -> None:
        """A new monitor, as `begin` made its state."""
        ...

    async def revise(
        self, monitor: Monitor, subject: Subject, cadence: Cadence, effective_from: datetime, contract_version: int
    ) -> None:
        """Changes what a monitor watches, or how; the cadence before stays known."""
        ...

    async def adjust(self, monitor_id: UUID, adjustments: Mapping[str, object]) -> None:
        """Remembers what people have changed of what the contract says."""
        ...

    async def remove(self, monitor_id: UUID, at: datetime) -> None:
        """Marks a monitor that is paused as removed: no version of its contract brings it back."""
        ...

    async def save(self, changes: Sequence[tuple[Monitor, Sequence[Applied]]]) -> None:
        """For each monitor the state after its steps, one after the other, with all that came of them."""
        ...

    async def follow_groups(self, changes: Sequence[tuple[Monitor, Sequence[Applied]]]) -> Sequence[GroupNews]:
        """What becomes of the groups whose pages changed so, once that is saved; each group is held from then on."""
        ...

    async def wake_scheduler(self) -> None:
        """Lets the scheduler know, once this transaction has committed, that monitors have changed."""
        ...


class ContractVersions(Protocol):
    """What contracts has said so far. A version may be known before it takes effect."""

    async def due(self, contract_id: UUID, now: datetime) -> Promise | None:
        """The oldest version in effect at `now` that is not followed yet, held against others.

        None when there is none, or while the version that was in force before it is on its way: versions are followed
        in their order, however they arrive. One that comes after a newer one was followed is done with.
        """
        ...

    async def in_force(self, contract_id: UUID, now: datetime) -> Promise | None:
        """The newest version in effect at `now`, whether it is followed or not; None without any."""
        ...

    async def followed(self, promise: Promise, now: datetime) -> None:
        """Nothing is left to do for this version."""
        ...


class Locations(Protocol):
    """Where monitors are checked from."""

    async def active(self) -> Sequence[str]:
        """The names of the locations that are asked."""
        ...


class Announcer(Protocol):
    """Says the transitions of a monitor to the other services, in the same transaction."""

    def announce(self, subject: Subject, transitions: Sequence[Transition]) -> None:
        """One event per transition."""
        ...

    def announce_group(self, news: GroupNews) -> None:
        """One event for the change of a group."""
        ...

    def announce_unwatched(self, pages: UnwatchedPages) -> None:
        """One event that promised pages cannot be watched, or that this is over."""
        ...


class UnwatchedPagesRegister(Protocol):
    """Promised pages that cannot be watched, in one transaction."""

    async def held(self, contract_id: UUID) -> Sequence[UnwatchedPages]:
        """What has not ended of a contract, kept from everybody else who follows its pages."""
        ...

    async def keep(self, pages: UnwatchedPages) -> None:
        """A new one as it is; of one that is known, when it ended."""
        ...


class MonitorGroups(Protocol):
    """The groups of one transaction."""

    async def held(self, group_id: UUID) -> tuple[Group, Sequence[UUID]] | None:
        """A group and its pages, kept from everybody else who changes groups; None for one that does not exist."""
        ...

    async def due(self, now: datetime, limit: int) -> Sequence[tuple[UUID, UUID]]:
        """Groups, with their tenants, of which a critical period begins or ends by `now`, or that are to be planned."""
        ...

    async def keep(self, group: Group, *, planned_until: datetime, due_at: datetime) -> None:
        """The group as it is said now; a new one stands as one about which nothing is known."""
        ...

    async def settle(self, group_id: UUID, at: datetime) -> GroupNews | None:
        """What becomes of a group when pages were added to it or taken out of it."""
        ...

    async def hold(self, pages: Sequence[tuple[Subject, Cadence]], critical_periods: Sequence[str]) -> None:
        """Makes this how the pages are watched."""
        ...

    async def plan(
        self, pages: Sequence[Subject], regimes: Sequence[tuple[datetime, Regime]], contract_version: int
    ) -> None:
        """Makes it known to the schedule, and to the history, from when on the pages are checked how."""
        ...

    async def forget_plans(self, group_id: UUID, after: datetime) -> None:
        """What was planned for later than this does not happen."""
        ...
