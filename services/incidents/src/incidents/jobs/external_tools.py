"""Tells external tools what was opened here, what changed and what was said about it: signed, in order, with retries.

What a tool told us is not told back: its ticket notes the version of the item that came of it, and only newer ones go
out. An item that was opened here is told first, under one id however often it is tried; until the tool has answered
with the id of its ticket, or its callback has named it, nothing else is told of that item. A row is claimed for the
length of a lease and sent outside of any transaction.
"""

import asyncio
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import TypeVarTuple
from uuid import UUID

import httpx
import structlog
from sqlalchemy import Select, Text, and_, cast, exists, false, or_, select
from sqlalchemy.orm import aliased

from incidents.adapters.external_tickets import delivery
from incidents.adapters.fair_turns import due_in_turn
from incidents.adapters.intake_store import rules_of, with_comment
from incidents.adapters.intake_tables import ExternalDeliveryRow, ExternalTicketRow, IntakeSourceRow
from incidents.adapters.repository import read_item
from incidents.adapters.secret_box import SecretBox, Unreadable
from incidents.adapters.tables import WorkItemRow
from incidents.adapters.webhook_signatures import sign
from incidents.application.intake_formats import FieldRule, created_id
from incidents.domain.retries import next_try
from incidents.domain.turns import Places, Turn
from incidents.jobs.under_way import UnderWay, finish, work_off
from shared.time_source import SystemClock
from shared.unit_of_work import UnitOfWork, UnitsOfWork
from shared.values import instant_text
from shared.worker import oldest

log = structlog.get_logger(__name__)

BATCH = 50
PLACES = Places(of_all=10, of_one_agency=4, at_one_address=4)
LEASE = timedelta(seconds=90)
IDLE_SECONDS = 0.5
TRY_SECONDS = 15.0
_WALL_CLOCK = SystemClock()
Asked = TypeVarTuple("Asked")
_Earlier = aliased(ExternalDeliveryRow)
_AFTER_ANOTHER = exists().where(
    _Earlier.source_id == ExternalDeliveryRow.source_id,
    _Earlier.item_id == ExternalDeliveryRow.item_id,
    or_(
        _Earlier.item_version < ExternalDeliveryRow.item_version,
        and_(_Earlier.item_version == ExternalDeliveryRow.item_version, _Earlier.id < ExternalDeliveryRow.id),
    ),
    _Earlier.due_at.is_not(None),
)
"""An earlier change of the item is still to be told: a tool must not hear "resolved" before "acknowledged"."""


def _of_what_can_be_told(statement: Select[*Asked]) -> Select[*Asked]:
    return (
        statement.join(IntakeSourceRow, IntakeSourceRow.id == ExternalDeliveryRow.source_id)
        .join(
            ExternalTicketRow,
            and_(
                ExternalTicketRow.source_id == ExternalDeliveryRow.source_id,
                ExternalTicketRow.item_id == ExternalDeliveryRow.item_id,
            ),
        )
        .where(
            or_(
                ExternalDeliveryRow.kind == "opened",
                and_(ExternalTicketRow.external_id.is_not(None), ~_AFTER_ANOTHER),
            ),
            IntakeSourceRow.enabled,
            IntakeSourceRow.callback_url.is_not(None),
        )
    )


OLDEST_DELIVERY = _of_what_can_be_told(oldest(ExternalDeliveryRow.due_at))
"""For metrics: since when a change is to be told."""


@dataclass(frozen=True)
class _Claimed:
    id: UUID
    tenant_id: UUID
    source_id: UUID
    url: str
    secret: bytes
    payload: bytes
    attempt: int
    answers: Mapping[str, FieldRule] | None
    """How the tool's answer names the ticket that it was asked for; None when it was not."""


class ExternalTools:
    """The job over changes of mapped items; one per process."""

    def __init__(self, units: UnitsOfWork, http: httpx.AsyncClient, box: SecretBox, stopping: asyncio.Event) -> None:
        self._units = units
        self._http = http
        self._box = box
        self._stopping = stopping
        self._under_way = UnderWay(PLACES)

    async def run(self) -> float:
        """Queues what changed and sends what is due; returns the seconds until the next look."""
        return 0.0 if await work_off(self._begin, self._stopping, self._under_way) else IDLE_SECONDS

    async def finish(self) -> None:
        """Waits for what is under way."""
        await finish(self._under_way)

    async def _begin(self) -> int:
        queued = await self._queue()
        claimed = await self._claim()
        for one in claimed:
            self._under_way.begin(Turn(one.id, one.tenant_id, str(one.source_id)), self._send(one))
        return queued + len(claimed)

    async def _queue(self) -> int:
        """A delivery for each mapped item that is newer than its tool knows."""
        async with self._units.for_every_tenant() as unit:
            statement = (
                select(ExternalTicketRow, WorkItemRow)
                .join(WorkItemRow, WorkItemRow.id == ExternalTicketRow.item_id)
                .join(IntakeSourceRow, IntakeSourceRow.id == ExternalTicketRow.source_id)
                .where(
                    WorkItemRow.version > ExternalTicketRow.told_version,
                    or_(ExternalTicketRow.external_id.is_not(None), ExternalTicketRow.told_version == 0),
                    IntakeSourceRow.enabled,
                    IntakeSourceRow.callback_url.is_not(None),
                )
                .limit(BATCH)
                .with_for_update(of=ExternalTicketRow, skip_locked=True)
            )
            rows = (await unit.session.execute(statement)).all()
            for ticket, row in rows:
                unit.session.add(await _delivery(unit, ticket, row))
                ticket.told_version = row.version
            return len(rows)

    async def _claim(self) -> list[_Claimed]:
        async with self._units.for_every_tenant() as unit:
            due = _of_what_can_be_told(
                select(
                    ExternalDeliveryRow.id,
                    ExternalDeliveryRow.tenant_id,
                    cast(ExternalDeliveryRow.source_id, Text).label("address"),
                    false().label("urgent"),
                    ExternalDeliveryRow.due_at.label("due_at"),
                )
            ).where(ExternalDeliveryRow.due_at <= unit.now)
            pool = self._under_way
            turns = await due_in_turn(unit.session, due, pool.turns, pool.hanging, pool.places)
            statement = (
                _of_what_can_be_told(select(ExternalDeliveryRow, IntakeSourceRow, ExternalTicketRow))
                .where(ExternalDeliveryRow.id.in_([turn.id for turn in turns]), ExternalDeliveryRow.due_at <= unit.now)
                .order_by(ExternalDeliveryRow.due_at, ExternalDeliveryRow.id)
                .with_for_update(of=[ExternalDeliveryRow, ExternalTicketRow], skip_locked=True)
            )
            claimed = []
            for row, source, ticket in (await unit.session.execute(statement)).all():
                asks = row.kind == "opened"
                if asks and ticket.external_id is not None:
                    # The tool's callback was here before its answer: asked again, it might make another one.
                    row.state, row.due_at, row.finished_at = "delivered", None, unit.now
                    continue
                row.attempts += 1
                row.due_at = unit.now + LEASE
                told = json.loads(row.payload) | {"external_id": ticket.external_id}
                if row.kind == "commented":
                    # The tool may say it back.
                    ticket.comments = with_comment(ticket.comments, told["comment"]["text"])
                claimed.append(
                    _Claimed(
                        id=row.id,
                        tenant_id=row.tenant_id,
                        source_id=row.source_id,
                        url=source.callback_url or "",
                        secret=source.callback_secret or b"",
                        payload=json.dumps(told, ensure_ascii=False).encode(),
                        attempt=row.attempts,
                        answers=rules_of(source) if asks else None,
                    )
                )
            return claimed

    async def _send(self, one: _Claimed) -> None:
        with self._under_way.talk(str(one.source_id), one.tenant_id):
            status, error, answer = await self._try(one)
        async with self._units.for_every_tenant() as unit:
            row = await unit.session.get(ExternalDeliveryRow, one.id, with_for_update=True)
            if row is None:
                return
            delivered = status is not None and 200 <= status < 300
            again_at = None if delivered else next_try(one.attempt, status, unit.now)
            if delivered and one.answers is not None:
                error = await _map(unit, row, created_id(answer, one.answers))
            row.last_status, row.last_error, row.due_at = status, error, again_at
            if again_at is None:
                row.state, row.finished_at = ("delivered" if delivered else "failed"), unit.now
        log.info("external_tool_told", delivery_id=str(one.id), attempt=one.attempt, status_code=status)

    async def _try(self, one: _Claimed) -> tuple[int | None, str | None, bytes]:
        try:
            headers = sign(self._box.open(one.secret), str(one.id), _WALL_CLOCK.now(), one.payload)
            # The same at every try: what was made and not answered in time is not made again.
            headers |= {"idempotency-key": str(one.id)}
            async with asyncio.timeout(TRY_SECONDS):
                answer = await self._http.post(
                    one.url, content=one.payload, headers=headers | {"content-type": "application/json"}
                )
        except TimeoutError:
            return None, f"no complete answer within {TRY_SECONDS:g} s", b""
        except (Unreadable, httpx.HTTPError, httpx.InvalidURL, OSError, ValueError) as failure:
            return None, f"{type(failure).__name__}: {failure}".replace("\x00", "\ufffd")[:500], b""
        error = None if answer.is_success else f"answered {answer.status_code}"
        return answer.status_code, error, answer.content


async def _map(unit: UnitOfWork, row: ExternalDeliveryRow, external_id: str | None) -> str | None:
    """Notes which ticket the tool has made; why not, if it cannot be noted."""
    ticket = await unit.session.get_one(ExternalTicketRow, (row.source_id, row.item_id), with_for_update=True)
    if ticket.external_id is not None:
        return None  # its callback was faster
    if external_id is None:
        return "The answer names no ticket: it is known when a callback names our item, or answers do (created_id)."
    taken = exists().where(ExternalTicketRow.source_id == row.source_id, ExternalTicketRow.external_id == external_id)
    if await unit.session.scalar(select(taken)):
        return f"The answer names the ticket of another item: {external_id}."
    ticket.external_id, ticket.mapped_at = external_id, unit.now
    return None


async def _delivery(unit: UnitOfWork, ticket: ExternalTicketRow, row: WorkItemRow) -> ExternalDeliveryRow:
    """The item as it is now, and that it comes from us."""
    item = await read_item(unit.session, row)
    about = {
        "incident_id": str(item.id),
        "number": item.number,
        "version": item.version,
        "title": item.title,
        "severity": item.severity,
        "status": item.status,
        "timestamps": {name: instant_text(stamp.at) for name, stamp in item.stamps.items()},
    }
    kind = "changed" if ticket.external_id is not None else "opened"
    if kind == "opened":
        about |= {"kind": item.kind, "description": item.description}
    payload = {"type": f"item.{kind}", "origin": "upheld", "item": about}
    return delivery(ticket, kind, row.version, payload, unit.now)
