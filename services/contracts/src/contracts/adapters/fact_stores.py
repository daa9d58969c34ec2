"""Facts over PostgreSQL: rows that are only ever added."""

from collections.abc import Collection, Sequence
from dataclasses import fields
from datetime import datetime
from uuid import UUID

from sqlalchemy import ColumnElement, or_, select
from sqlalchemy.dialects.postgresql import insert

from contracts.adapters.fact_tables import FactRow
from contracts.adapters.stores import Rows
from contracts.application.facts import Fact


class Facts(Rows[FactRow]):
    row_type, key, noun = FactRow, "fact_id", "fact"

    async def add(self, fact: Fact, client_id: UUID) -> bool:
        values = {
            "fact_id": fact.fact_id,
            "tenant_id": self._tenant_id,
            "client_id": client_id,
            "contract_id": fact.contract_id,
            "kind": fact.kind,
            "subject_id": fact.subject_id,
            "item_id": fact.item_id,
            "version": fact.version,
            "event_type": fact.event_type,
            "starts_at": fact.starts_at,
            "ends_at": fact.ends_at,
            "content": dict(fact.content),
            "recorded_at": self._uow.now,
        }
        added = insert(FactRow).values(values).on_conflict_do_nothing(index_elements=["fact_id"])
        return (await self._session.scalar(added.returning(FactRow.fact_id))) is not None

    async def touching(self, contract_id: UUID, start: datetime, end: datetime) -> Sequence[Fact]:
        row = FactRow
        subjects = select(row.subject_id).where(
            row.contract_id == contract_id,
            row.starts_at < end,
            or_(row.ends_at > start, row.starts_at >= start),
        )
        return await self._found(row.contract_id == contract_id, row.subject_id.in_(subjects))

    async def about(self, subject_ids: Collection[UUID]) -> Sequence[Fact]:
        return await self._found(FactRow.subject_id.in_(subject_ids))

    async def of_item(self, item_id: UUID) -> Sequence[Fact]:
        return await self._found(or_(FactRow.subject_id == item_id, FactRow.item_id == item_id))

    async def _found(self, *conditions: ColumnElement[bool]) -> list[Fact]:
        # Columns, not rows: what is never changed need not be kept in the session.
        table = FactRow.__table__.columns
        query = select(*(table[each.name] for each in fields(Fact))).where(*conditions).order_by(FactRow.fact_id)
        return [Fact(*each) for each in await self._session.execute(query)]
