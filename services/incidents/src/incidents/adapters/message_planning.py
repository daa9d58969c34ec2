"""Decides for each recipient which of the facts that wait for him leave now, and which of them as one message.

The rule is `domain.storm_brake`; here are the rows. A row without `planned_at` waits for this decision.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import exists, func, or_, select
from sqlalchemy.orm import aliased

from incidents.adapters.tables import NotificationRow, WorkItemRow
from incidents.domain.storm_brake import OPENED, STORM_SPAN, SUMMARY_EVERY, URGENT, Fact, Told, plan
from shared.unit_of_work import UnitOfWork

RECIPIENTS = 50
"""How many are decided about at once."""

IS_URGENT = NotificationRow.kind.in_(URGENT)
_Earlier = aliased(NotificationRow)
AFTER_ANOTHER = ~IS_URGENT & exists().where(
    _Earlier.item_id == NotificationRow.item_id,
    _Earlier.recipient == NotificationRow.recipient,
    _Earlier.id < NotificationRow.id,
    _Earlier.planned_at.is_not(None),
    _Earlier.next_attempt_at.is_not(None),
)
"""An earlier message about the item to the same recipient is on its way: nobody shall read "it works again" first."""


async def plan_what_waits(unit: UnitOfWork, which: Any) -> None:
    """Marks what leaves now with `planned_at`, and postpones the rest. `which`: the rows that can be sent at all."""
    statement = (
        select(NotificationRow.tenant_id, NotificationRow.recipient)
        .where(NotificationRow.next_attempt_at <= unit.now, NotificationRow.planned_at.is_(None), ~AFTER_ANOTHER, which)
        .group_by(NotificationRow.tenant_id, NotificationRow.recipient)
        .order_by(func.min(NotificationRow.next_attempt_at))
        .limit(RECIPIENTS)
    )
    for tenant_id, recipient in (await unit.session.execute(statement)).all():
        # One worker decides about a recipient at a time: two would each see that nothing has left yet.
        name = func.hashtextextended(f"messages to {tenant_id} {recipient}", 0)
        if await unit.session.scalar(select(func.pg_try_advisory_xact_lock(name))):
            await _plan(unit, tenant_id, recipient)


async def _plan(unit: UnitOfWork, tenant_id: UUID, recipient: str) -> None:
    now = unit.now
    his = (NotificationRow.tenant_id == tenant_id, NotificationRow.recipient == recipient)
    # What is held and not due stays so, however much it is in a storm; but it is before what follows about its item.
    about = aliased(NotificationRow)
    due = select(about.item_id).where(
        about.tenant_id == tenant_id,
        about.recipient == recipient,
        about.planned_at.is_(None),
        about.next_attempt_at <= now,
    )
    held_before = NotificationRow.held_until.is_not(None) & NotificationRow.item_id.in_(due)
    statement = (
        select(NotificationRow, WorkItemRow.contract_id)
        .join(WorkItemRow, WorkItemRow.id == NotificationRow.item_id)
        .where(*his, NotificationRow.planned_at.is_(None), NotificationRow.next_attempt_at.is_not(None))
        .where(or_(NotificationRow.next_attempt_at <= now, held_before), ~AFTER_ANOTHER)
        .order_by(NotificationRow.id)
        .with_for_update(of=NotificationRow)
    )
    found = [(row, contract_id) for row, contract_id in await unit.session.execute(statement)]
    rows = {row.id: row for row, _ in found}
    waiting = [Fact(row.id, row.kind, row.item_id, contract_id, row.created_at) for row, contract_id in found]
    decided = plan(waiting, await _told(unit, his), now)
    for message in decided.messages:
        for fact in message:
            row = rows[fact.id]
            row.planned_at, row.held_until, row.next_attempt_at = now, None, now
            row.bundle_id = message[0].id if len(message) > 1 else None
    for fact_id, until in decided.held.items():
        rows[fact_id].held_until, rows[fact_id].next_attempt_at = until, until
    await unit.session.flush()


async def _told(unit: UnitOfWork, his: Sequence[Any]) -> Told:
    now = unit.now
    lately = select(func.max(NotificationRow.planned_at)).where(
        *his, NotificationRow.planned_at > now - SUMMARY_EVERY, ~IS_URGENT
    )
    opening: datetime | None = await unit.session.scalar(lately.where(NotificationRow.kind == OPENED))
    by_contract = lately.add_columns(WorkItemRow.contract_id).join(
        WorkItemRow, WorkItemRow.id == NotificationRow.item_id
    )
    told = await unit.session.execute(by_contract.group_by(WorkItemRow.contract_id))
    came = await unit.session.execute(
        select(WorkItemRow.contract_id, func.count().label("facts"))
        .join(NotificationRow, WorkItemRow.id == NotificationRow.item_id)
        .where(*his, NotificationRow.created_at > now - STORM_SPAN, ~IS_URGENT)
        .group_by(WorkItemRow.contract_id)
    )
    return Told(
        opening_told_at=opening,
        told_at={contract_id: at for at, contract_id in told},
        came={row.contract_id: row.facts for row in came},
    )
