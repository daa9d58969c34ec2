"""Finds whose turn it is among rows that are due for many agencies. The rule is `domain.turns`; here are the rows."""

from collections import Counter
from collections.abc import Collection, Mapping
from typing import Any
from uuid import UUID

from sqlalchemy import Integer, Select, case, func, literal, select
from sqlalchemy.ext.asyncio import AsyncSession

from incidents.domain.turns import Places, Turn, closed, next_turns

LOOK_AT = 100
"""How many rows are looked at: several times as many as there are places."""

Due = Select[Any, Any, Any, Any, Any]
"""What is due, in columns named id, tenant_id, address, urgent and due_at."""


async def due_in_turn(
    session: AsyncSession, due: Due, under_way: Collection[Turn], hanging: Mapping[str, UUID], places: Places
) -> list[Turn]:
    """What begins now, in this order: what is urgent, then the agencies that have least under way, then what is oldest.

    So a backlog is a queue for its own agency only, however old it is.
    """
    if len(under_way) >= places.of_all:
        return []
    shut = closed(under_way, hanging, places)
    busy = Counter(turn.tenant_id for turn in under_way)
    rows = due.subquery()
    nth = func.row_number().over(
        partition_by=rows.c.tenant_id, order_by=(rows.c.urgent.desc(), rows.c.due_at, rows.c.id)
    )
    before = case(dict(busy), value=rows.c.tenant_id, else_=0) if busy else literal(0, Integer)
    open_ = (
        select(rows, nth.label("nth"), (nth + before).label("turn"))
        .where(rows.c.tenant_id.not_in(shut.agencies), rows.c.address.not_in(shut.addresses))
        .subquery()
    )
    found = await session.execute(
        select(open_.c.id, open_.c.tenant_id, open_.c.address)
        .where(open_.c.nth <= places.of_one_agency)
        .order_by(open_.c.urgent.desc(), open_.c.turn, open_.c.due_at, open_.c.id)
        .limit(LOOK_AT)
    )
    return next_turns([Turn(*row) for row in found], under_way, hanging, places)
