"""What an external tool is to hear of an item, noted with what happened to it, in the same transaction.

What came from a tool is not told back to it: the actor of what it says is its source.
"""

import json
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from incidents.adapters.intake_tables import ExternalDeliveryRow, ExternalTicketRow, IntakeSourceRow
from incidents.application.items import SAID_AS
from incidents.application.ports import Entry
from incidents.domain.work_item import Kind, Who, WorkItem
from shared.ids import new_id
from shared.values import instant_text

HANDED_OVER = frozenset({Kind.INCIDENT, Kind.REQUEST})
"""What a ticket tool is for. Changes and work orders go their way by plan here."""

SAID = frozenset({"comment", "reply", "note", "reopened", *SAID_AS.values()})
"""Lines of a timeline whose text somebody wrote. What a program says by itself is told to no other program."""


def told_by(source_id: UUID, who: Who) -> bool:
    """Whether this was said or done by the tool of a source."""
    return who.id in (str(source_id), f"intake:{source_id}")


async def hand_over(session: AsyncSession, item: WorkItem, opener: Who, now: datetime) -> None:
    """An item that was opened here waits for its ticket at every tool of its contract that takes them."""
    if item.kind not in HANDED_OVER:
        return
    statement = select(IntakeSourceRow).where(
        IntakeSourceRow.contract_id == item.subject.contract_id,
        IntakeSourceRow.kind == "external_tool",
        IntakeSourceRow.enabled,
        IntakeSourceRow.hands_over,
        IntakeSourceRow.callback_url.is_not(None),
    )
    session.add_all(
        ExternalTicketRow(
            source_id=source.id,
            item_id=item.id,
            external_id=None,
            tenant_id=source.tenant_id,
            client_id=source.client_id,
            told_version=0,
            comments=[],
            mapped_at=now,
        )
        for source in (await session.execute(statement)).scalars()
        if not told_by(source.id, opener)
    )


async def pass_on(session: AsyncSession, item: WorkItem, entry_id: UUID, entry: Entry, now: datetime) -> None:
    """What somebody has written about an item goes to the tools where it is a ticket, as far as they may read it."""
    if entry.note is None or entry.kind not in SAID:
        return
    statement = (
        select(ExternalTicketRow, IntakeSourceRow.internal_notes)
        .join(IntakeSourceRow, IntakeSourceRow.id == ExternalTicketRow.source_id)
        .where(ExternalTicketRow.item_id == item.id, IntakeSourceRow.callback_url.is_not(None))
    )
    for ticket, internal_notes in (await session.execute(statement)).all():
        if told_by(ticket.source_id, entry.actor) or not (internal_notes or entry.audience == "client"):
            continue
        payload = {
            "type": "item.commented",
            "origin": "upheld",
            "item": {"incident_id": str(item.id), "number": item.number},
            "comment": {
                "comment_id": str(entry_id),
                "text": entry.note,
                "author": entry.actor.name,
                "audience": entry.audience,
                "at": instant_text(entry.at),
            },
        }
        session.add(delivery(ticket, "commented", item.version, payload, now, entry_id))


def delivery(
    ticket: ExternalTicketRow,
    kind: str,
    version: int,
    payload: dict[str, Any],
    now: datetime,
    entry_id: UUID | None = None,
) -> ExternalDeliveryRow:
    """Something to be told, due at once. The ticket's id is added when it is sent: it may not be known yet."""
    return ExternalDeliveryRow(
        id=new_id(),
        tenant_id=ticket.tenant_id,
        client_id=ticket.client_id,
        source_id=ticket.source_id,
        item_id=ticket.item_id,
        item_version=version,
        kind=kind,
        entry_id=entry_id,
        payload=json.dumps(payload, ensure_ascii=False).encode(),
        state="pending",
        attempts=0,
        due_at=now,
        created_at=now,
    )
