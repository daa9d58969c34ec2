"""Two small services for the tests of the event backbone: `publisher` says that parcels moved, `reader` counts them."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, ClassVar
from uuid import UUID

import sqlalchemy as sa
from alembic.migration import MigrationContext
from alembic.operations import Operations
from pydantic import BaseModel

from shared.consumer import EventProcessor, Handlers, PermanentError
from shared.database import Database, protect_rows
from shared.events import EventRegistry, PublishedEvent, ReceivedEvent
from shared.kernel.clock import Clock
from shared.migrations import create_event_tables
from shared.unit_of_work import UnitOfWork, UnitsOfWork


class ParcelMoved(PublishedEvent, aggregate="parcel", name="moved", key="parcel_id"):
    parcel_id: UUID
    place: str

    EXAMPLE: ClassVar[dict[str, Any]] = {"parcel_id": "01890000-0000-7000-8000-000000000001", "place": "Lyon"}


class Moved(BaseModel):
    parcel_id: UUID
    place: str


PUBLISHES = EventRegistry("publisher", [ParcelMoved])
READS = EventRegistry("reader", [])

Effect = Callable[[ReceivedEvent[Moved], UnitOfWork], Awaitable[None]]


@dataclass
class EventServices:
    """Both services on one database."""

    database: Database
    publisher: UnitsOfWork
    reader: UnitsOfWork
    clock: Clock

    async def say(self, tenant: UUID, parcel: UUID, version: int, place: str = "Lyon") -> None:
        async with self.publisher.for_tenant(tenant) as unit:
            unit.publish(ParcelMoved(parcel_id=parcel, place=place), version=version)

    def processor(self, effect: Effect | None = None) -> EventProcessor:
        handlers = Handlers("reader")

        async def record(event: ReceivedEvent[Moved], uow: UnitOfWork) -> None:
            if event.data.place == "nowhere":
                raise PermanentError("there is no such place")
            await uow.session.execute(
                sa.text("insert into reader.seen (tenant_id, parcel_id, version) values (:tenant, :parcel, :version)"),
                {"tenant": uow.tenant_id, "parcel": event.data.parcel_id, "version": event.aggregate_version},
            )
            if effect is not None:
                await effect(event, uow)

        handlers.on("publisher.parcel.moved.v1")(record)
        return EventProcessor(handlers, self.reader, "reader")

    async def seen(self) -> list[tuple[str, int]]:
        return [(str(row[0]), row[1]) for row in await self.rows("select parcel_id, version from reader.seen")]

    async def rows(self, query: str) -> list[Any]:
        async with self.reader.for_every_tenant() as unit:
            return list(await unit.session.execute(sa.text(query)))


async def make_event_services(url: str, clock: Clock) -> EventServices:
    """Creates the two schemas in an empty database."""
    engine = sa.create_engine(sa.make_url(url).set(drivername="postgresql+psycopg"))
    with engine.begin() as connection:
        op = Operations(MigrationContext.configure(connection))
        for schema in ("publisher", "reader"):
            op.execute(f"create schema {schema}")
            create_event_tables(op, schema)
        op.execute("create table reader.seen (tenant_id uuid, parcel_id uuid, version bigint)")
        protect_rows(op, "reader", "seen")
    engine.dispose()
    database = Database(url)
    return EventServices(database, UnitsOfWork(database, PUBLISHES, clock), UnitsOfWork(database, READS, clock), clock)
