"""Rows of projections: written at once while events are heard, gathered and written many at a time by a rebuild.

Both go by one rule, so that the same events give the same rows in whatever order and number they come: a fact is
written once, a state gives way to a newer one.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any, cast

from sqlalchemy import Table, inspect, text, tuple_
from sqlalchemy.dialects.postgresql import Insert, insert
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import DeclarativeBase

from shared.unit_of_work import UnitOfWork

Model = type[DeclarativeBase]


@dataclass
class Gathering(UnitOfWork):
    """What a rebuild gives handlers instead of a unit of work: takes their rows, and reaches no database."""

    rows: dict[Model, dict[tuple[Any, ...], Mapping[str, Any]]] = field(default_factory=dict)
    newer: dict[Model, Sequence[str]] = field(default_factory=dict)

    def gather(self, table: Model, row: Mapping[str, Any], newer: Sequence[str]) -> None:
        """Takes a row by the rule of the table."""
        self.newer[table] = newer
        gathered = self.rows.setdefault(table, {})
        key = tuple([row[name] for name in _key(table)])
        known = gathered.get(key)
        if known is None or (newer and [known[name] for name in newer] < [row[name] for name in newer]):
            gathered[key] = row

    async def write(self, session: AsyncSession, tables: Mapping[Model, Table]) -> None:
        """Writes into these tables what was gathered, by the same rule, and forgets it."""
        for model, gathered in self.rows.items():
            rows = list(gathered.values())
            statement = _statement(tables[model], list(rows[0]), self.newer[model])
            await session.execute(statement, rows)
        self.rows.clear()


async def keep(uow: UnitOfWork, table: Model, row: Mapping[str, Any], *, newer: Sequence[str] = ("version",)) -> bool:
    """Writes a row unless one is there that is as new by the columns `newer`; without any, unless one is there.

    False when nothing follows from it: the fact was known, or a rebuild hears it again.
    """
    if isinstance(uow, Gathering):
        uow.gather(table, row, newer)
        return False
    statement = _statement(_table(table), list(row), newer).values(row)
    written = (await uow.session.execute(statement.returning(text("1")))).first() is not None
    return written or bool(newer)


def _statement(table: Table, names: Sequence[str], newer: Sequence[str]) -> Insert:
    statement = insert(table)
    if not newer:
        return statement.on_conflict_do_nothing()
    new = statement.excluded
    # A column with a default of its own, which no row names, says when a row was written last.
    written = [column.name for column in table.columns if column.name in names or column.server_default is not None]
    return statement.on_conflict_do_update(
        index_elements=list(table.primary_key),
        set_={name: new[name] for name in written if not table.columns[name].primary_key},
        where=tuple_(*(table.columns[name] for name in newer)) < tuple_(*(new[name] for name in newer)),
    )


@cache
def _key(table: Model) -> tuple[str, ...]:
    return tuple(column.name for column in inspect(table).primary_key)


def _table(model: Model) -> Table:
    return cast(Table, model.__table__)
