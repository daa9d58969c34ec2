"""One unit of work is one transaction: its reads, its writes and the events that it says, or none of them.

Nobody inside commits. A unit opened for a tenant sees that tenant's rows only, by row-level security; a unit opened
for every tenant is for jobs and for public look-ups.
"""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Insert, text
from sqlalchemy.ext.asyncio import AsyncSession

from shared.database import EVERY_TENANT, TENANT, Database, set_scope
from shared.events import SYSTEM, Actor, Envelope, EventRegistry, PublishedEvent, envelope_of
from shared.ids import new_id
from shared.kernel.clock import Clock
from shared.operations import Caller, current_operation
from shared.outbox import insert_statement, outbox_channel

__all__ = ["Actor", "UnitOfWork", "UnitsOfWork"]


@dataclass
class UnitOfWork:
    """A transaction in progress.

    `now` is one instant for the whole transaction. `tenant_id` is None in a unit opened for every tenant.
    """

    session: AsyncSession
    now: datetime
    tenant_id: UUID | None
    client_id: UUID | None
    actor: Actor
    registry: EventRegistry
    correlation_id: str | None = None
    causation_id: str | None = None
    traceparent: str | None = None
    caller: Caller | None = None
    """On whose behalf this is done, where neither a token nor the unit itself says so."""
    _said: list[tuple[PublishedEvent, Envelope]] = field(default_factory=list)
    _left: dict[Insert, list[Mapping[str, Any]]] = field(default_factory=dict)

    def write_at_the_end(self, statement: Insert, row: Mapping[str, Any]) -> None:
        """A row that nobody reads before the commit: all rows of one statement are written together then.

        The statement is the same object each time and names no values; its rows have the same columns. Statements are
        executed in the order in which each was first given a row, after what the session has to write.
        """
        self._left.setdefault(statement, []).append(row)

    def publish(self, event: PublishedEvent, *, version: int, tenant_id: UUID | None = None) -> Envelope:
        """Says an event: it is in the outbox exactly if this transaction commits.

        `version` is the aggregate's after the change; two events with one version are refused at commit, which turns
        a missing lock on the aggregate into an error instead of a wrong order. `tenant_id` is needed only in a unit
        opened for every tenant.
        """
        tenant = tenant_id or self.tenant_id
        if tenant is None:
            raise ValueError("a unit of work for every tenant must say whose event this is")
        envelope = envelope_of(
            event,
            self.registry.name_of(type(event)),
            event_id=new_id(),
            at=self.now,
            tenant_id=tenant,
            version=version,
            correlation_id=self.correlation_id,
            causation_id=self.causation_id,
            traceparent=self.traceparent,
        )
        self._said.append((event, envelope))
        return envelope

    @property
    def said_ids(self) -> list[UUID]:
        """Ids of the events that this unit says."""
        return [envelope.id for _, envelope in self._said]

    @property
    def said_for(self) -> UUID | None:
        """The tenant of the first event that this unit says."""
        return self._said[0][1].tenantid if self._said else None

    async def flush_events(self) -> None:
        """Writes what was left for the end, and what was said to the outbox. Called once, by the edge that commits."""
        if self._left or self._said:
            await self.session.flush()
        for statement, left in self._left.items():
            await self.session.execute(statement, left)
        self._left.clear()
        if not self._said:
            return
        schema = self.registry.service
        rows = []
        for event, envelope in self._said:
            name = self.registry.name_of(type(event))
            rows.append(
                {
                    "event_id": envelope.id,
                    "type": envelope.type,
                    "subject": name.subject(event.aggregate_id),
                    "aggregate_type": name.aggregate,
                    "aggregate_id": event.aggregate_id,
                    "aggregate_version": envelope.aggregateversion,
                    "envelope": envelope.to_bytes().decode(),
                    "traceparent": envelope.traceparent,
                    "occurred_at": self.now,
                }
            )
        await self.session.execute(insert_statement(schema), rows)
        await self.session.execute(text("select pg_notify(:channel, '')"), {"channel": outbox_channel(schema)})
        self._said.clear()


class UnitsOfWork:
    """Opens units of work. A unit commits when its block is left normally and rolls back on any exception."""

    def __init__(self, database: Database, registry: EventRegistry, clock: Clock) -> None:
        self._database = database
        self._registry = registry
        self._clock = clock

    @asynccontextmanager
    async def for_tenant(
        self,
        tenant_id: UUID,
        *,
        client_id: UUID | None = None,
        actor: Actor = SYSTEM,
        correlation_id: str | None = None,
        causation_id: str | None = None,
        traceparent: str | None = None,
        recorded: bool = True,
    ) -> AsyncIterator[UnitOfWork]:
        """A unit that sees one tenant's rows; with `client_id`, only what concerns that client.

        With `recorded` false it only looks up what the operation needs before the unit that does what was asked: the
        record of the operation is not said in it.
        """
        async with self._open(tenant_id, client_id, actor, correlation_id, causation_id, traceparent, recorded) as unit:
            yield unit

    @asynccontextmanager
    async def for_every_tenant(
        self,
        *,
        actor: Actor = SYSTEM,
        correlation_id: str | None = None,
        causation_id: str | None = None,
        traceparent: str | None = None,
    ) -> AsyncIterator[UnitOfWork]:
        """A unit that sees all rows: for jobs over due rows and for public look-ups, never for a caller's query."""
        async with self._open(None, None, actor, correlation_id, causation_id, traceparent) as unit:
            yield unit

    @asynccontextmanager
    async def _open(
        self,
        tenant_id: UUID | None,
        client_id: UUID | None,
        actor: Actor,
        correlation_id: str | None,
        causation_id: str | None,
        traceparent: str | None,
        recorded: bool = True,
    ) -> AsyncIterator[UnitOfWork]:
        operation = current_operation()
        async with self._database.sessions() as session, session.begin():
            session.info[TENANT] = tenant_id
            await set_scope(session, str(tenant_id) if tenant_id else EVERY_TENANT, str(client_id) if client_id else "")
            unit = UnitOfWork(
                session=session,
                now=self._clock.now(),
                tenant_id=tenant_id,
                client_id=client_id,
                actor=actor,
                registry=self._registry,
                correlation_id=correlation_id or (operation.correlation_id if operation else None),
                causation_id=causation_id,
                traceparent=traceparent,
            )
            yield unit
            if operation is not None and recorded:
                operation.record(unit)
            await unit.flush_events()
