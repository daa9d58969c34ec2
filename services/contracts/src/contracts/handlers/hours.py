"""time_entry, items and acknowledgements: what was worked, what is in scope, and how long reactions took.

A time entry is a fact with an id. An item comes whole with its version: an older one than was heard changes nothing.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from typing import Literal
from uuid import UUID

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from contracts.adapters.workspace import workspace_of
from contracts.application import growth, hours
from contracts.application.errors import Unknown
from contracts.application.hours import DeskVerdict, HoursEntry, WorkItem
from contracts.domain.contract_hours import month_of
from contracts.handlers.registration import handlers
from shared.consumer import PermanentError
from shared.events import Actor, ReceivedEvent
from shared.unit_of_work import UnitOfWork


class _Read(BaseModel):
    """As far as we read it."""

    model_config = ConfigDict(extra="ignore", frozen=True)


class TimeEntry(_Read):
    """Work that was logged, or (negative minutes) taken back."""

    time_entry_id: UUID
    contract_id: UUID
    client_id: UUID
    item_id: UUID | None
    audience: Literal["agency", "client"]
    recorded_by: Actor
    line: str
    work_class: str
    person_name: str
    worked_on: date
    real_minutes: int
    multipliers: list[str]
    covered: bool
    scope_verdict: DeskVerdict | None = None
    item_version: int | None = None


class Item(_Read):
    """An item of the service desk; an incident calls its id otherwise."""

    id: UUID = Field(alias="item_id")
    version: int
    contract_id: UUID
    client_id: UUID
    scope_verdict: DeskVerdict


class Incident(Item):
    """An incident. Every one is in scope until somebody says otherwise."""

    id: UUID = Field(alias="incident_id")
    scope_verdict: DeskVerdict = "in_scope"


class ClockReading(_Read):
    """A clock as it read."""

    clock_id: UUID
    metric: str
    elapsed_seconds: float
    clock_version: int = 0


class Stamp(_Read):
    """When something happened."""

    at: AwareDatetime


class Stamps(_Read):
    """When it was acknowledged."""

    acknowledged: Stamp | None = None


class Acknowledged(_Read):
    """Somebody has begun: the response clock stands."""

    contract_id: UUID
    version: int
    timestamps: Stamps
    clocks: list[ClockReading]


@handlers.on("incidents.time_entry.recorded.v1")
async def take_time_entry(event: ReceivedEvent[TimeEntry], uow: UnitOfWork) -> None:
    """Work on a line of the contract; the month that it lies in may be closed."""
    work, told = workspace_of(uow), event.data
    with _of_a_contract():
        contract = await work.contracts.locked(told.contract_id)
        if await work.hours.book.of_time_entry(told.time_entry_id) is not None:
            return
        if told.item_id is not None and told.scope_verdict is not None and told.item_version is not None:
            item = WorkItem(
                work_item_id=told.item_id,
                contract_id=told.contract_id,
                client_id=contract.client_id,
                verdict=told.scope_verdict,
                item_version=told.item_version,
                changed_at=uow.now,
            )
            await hours.judged(work, item)
        entry = HoursEntry(
            hours_entry_id=work.new_id(),
            contract_id=told.contract_id,
            client_id=contract.client_id,
            source="service_desk",
            time_entry_id=told.time_entry_id,
            line=told.line,
            work_class=told.work_class,
            worked_on=told.worked_on,
            month=month_of(told.worked_on),
            real_minutes=told.real_minutes,
            multipliers=told.multipliers,
            covered=told.covered,
            work_item_id=told.item_id,
            person_name=told.person_name,
            note=None,
            audience=told.audience,
            reverses_id=None,
            recorded_at=uow.now,
            recorded_by=told.recorded_by.name,
        )
        await hours.tell_entry(work, contract, entry)


@handlers.on("incidents.incident.changed.v1")
async def take_incident(event: ReceivedEvent[Incident], uow: UnitOfWork) -> None:
    """Somebody may have judged an incident."""
    await _judged(event.data, uow)


@handlers.on("incidents.request.changed.v1")
async def take_request(event: ReceivedEvent[Item], uow: UnitOfWork) -> None:
    """Somebody may have judged a request."""
    await _judged(event.data, uow)


@handlers.on("incidents.change.changed.v1")
async def take_change(event: ReceivedEvent[Item], uow: UnitOfWork) -> None:
    """Somebody may have judged a change."""
    await _judged(event.data, uow)


@handlers.on("incidents.work_order.changed.v1")
async def take_work_order(event: ReceivedEvent[Item], uow: UnitOfWork) -> None:
    """Somebody may have judged a work order."""
    await _judged(event.data, uow)


@handlers.on("incidents.incident.acknowledged.v1")
async def take_acknowledged_incident(event: ReceivedEvent[Acknowledged], uow: UnitOfWork) -> None:
    """Somebody has begun with an incident."""
    await _reacted(event.data, uow)


@handlers.on("incidents.request.acknowledged.v1")
async def take_acknowledged_request(event: ReceivedEvent[Acknowledged], uow: UnitOfWork) -> None:
    """Somebody has begun with a request."""
    await _reacted(event.data, uow)


async def _judged(told: Item, uow: UnitOfWork) -> None:
    work = workspace_of(uow)
    with _of_a_contract():
        item = WorkItem(
            work_item_id=told.id,
            contract_id=told.contract_id,
            client_id=told.client_id,
            verdict=told.scope_verdict,
            item_version=told.version,
            changed_at=uow.now,
        )
        await hours.judged(work, item)


async def _reacted(told: Acknowledged, uow: UnitOfWork) -> None:
    response = next((clock for clock in told.clocks if clock.metric == "response"), None)
    stamp = told.timestamps.acknowledged
    if response is None or stamp is None:
        return
    with _of_a_contract():
        await growth.reacted(
            workspace_of(uow),
            told.contract_id,
            response.clock_id,
            told.version,
            stamp.at,
            int(response.elapsed_seconds),
        )


@contextmanager
def _of_a_contract() -> Iterator[None]:
    """A record of a contract that is not there can never be entered."""
    try:
        yield
    except Unknown as unknown:
        raise PermanentError(str(unknown)) from unknown
