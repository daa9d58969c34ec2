"""Tells external tools what changed about the items that are tickets there: signed, in order, with retries.

What a tool told us is not told back: its ticket notes the version of the item that came of it, and only newer ones go
out. A row is claimed for the length of a lease and sent outside of any transaction.
"""

import asyncio
import json
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

import httpx
import structlog
from sqlalchemy import exists, select
from sqlalchemy.orm import aliased

from incidents.adapters.intake_tables import ExternalDeliveryRow, ExternalTicketRow, IntakeSourceRow
from incidents.adapters.repository import read_item
from incidents.adapters.secret_box import SecretBox, Unreadable
from incidents.adapters.tables import WorkItemRow
from incidents.adapters.webhook_signatures import sign
from incidents.domain.retries import next_try
from shared.ids import new_id
from shared.time_source import SystemClock
from shared.unit_of_work import UnitOfWork, UnitsOfWork
from shared.values import instant_text

log = structlog.get_logger(__name__)

BATCH = 50
AT_ONCE = 10
LEASE = timedelta(seconds=90)
IDLE_SECONDS = 0.5
TRY_SECONDS = 15.0
_WALL_CLOCK = SystemClock()
_Earlier = aliased(ExternalDeliveryRow)
_AFTER_ANOTHER = exists().where(
    _Earlier.source_id == ExternalDeliveryRow.source_id,
    _Earlier.item_id == ExternalDeliveryRow.item_id,
    _Earlier.item_version < ExternalDeliveryRow.item_version,
    _Earlier.due_at.is_not(None),
)
"""An earlier change of the item is still to be told: a tool must not hear "resolved" before "acknowledged"."""


@dataclass(frozen=True)
class _Claimed:
    id: UUID
    url: str
    secret: bytes
    payload: bytes
    attempt: int


class ExternalTools:
    """The job over changes of mapped items; one per process."""

    def __init__(self, units: UnitsOfWork, http: httpx.AsyncClient, box: SecretBox) -> None:
        self._units = units
        self._http = http
        self._box = box

    async def run(self) -> float:
        """Queues what changed and sends what is due; returns the seconds until the next look."""
        queued = await self._queue()
        claimed = await self._claim()
        await asyncio.gather(*(self._send(one) for one in claimed))
        return 0.0 if queued or claimed else IDLE_SECONDS

    async def _queue(self) -> int:
        """A delivery for each mapped item that is newer than its tool knows."""
        async with self._units.for_every_tenant() as unit:
            statement = (
                select(ExternalTicketRow, WorkItemRow)
                .join(WorkItemRow, WorkItemRow.id == ExternalTicketRow.item_id)
                .join(IntakeSourceRow, IntakeSourceRow.id == ExternalTicketRow.source_id)
                .where(
                    WorkItemRow.version > ExternalTicketRow.told_version,
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
            statement = (
                select(ExternalDeliveryRow, IntakeSourceRow)
                .join(IntakeSourceRow, IntakeSourceRow.id == ExternalDeliveryRow.source_id)
                .where(
                    ExternalDeliveryRow.due_at <= unit.now,
                    ~_AFTER_ANOTHER,
                    IntakeSourceRow.enabled,
                    IntakeSourceRow.callback_url.is_not(None),
                )
                .order_by(ExternalDeliveryRow.due_at, ExternalDeliveryRow.id)
                .limit(AT_ONCE)
                .with_for_update(of=ExternalDeliveryRow, skip_locked=True)
            )
            claimed = []
            for row, source in (await unit.session.execute(statement)).all():
                row.attempts += 1
                row.due_at = unit.now + LEASE
                secret = source.callback_secret or b""
                claimed.append(_Claimed(row.id, source.callback_url or "", secret, row.payload, row.attempts))
            return claimed

    async def _send(self, one: _Claimed) -> None:
        status, error = await self._try(one)
        async with self._units.for_every_tenant() as unit:
            row = await unit.session.get(ExternalDeliveryRow, one.id, with_for_update=True)
            if row is None:
                return
            delivered = status is not None and 200 <= status < 300
            again_at = None if delivered else next_try(one.attempt, status, unit.now)
            row.last_status, row.last_error, row.due_at = status, error, again_at
            if again_at is None:
                row.state, row.finished_at = ("delivered" if delivered else "failed"), unit.now
        log.info("external_tool_told", delivery_id=str(one.id), attempt=one.attempt, status_code=status)

    async def _try(self, one: _Claimed) -> tuple[int | None, str | None]:
        try:
            headers = sign(self._box.open(one.secret), str(one.id), _WALL_CLOCK.now(), one.payload)
            async with asyncio.timeout(TRY_SECONDS):
                answer = await self._http.post(
                    one.url, content=one.payload, headers=headers | {"content-type": "application/json"}
                )
        except TimeoutError:
            return None, f"no complete answer within {TRY_SECONDS:g} s"
        except (Unreadable, httpx.HTTPError, httpx.InvalidURL, OSError, ValueError) as failure:
            return None, f"{type(failure).__name__}: {failure}".replace("\x00", "\ufffd")[:500]
        return answer.status_code, None if answer.is_success else f"answered {answer.status_code}"


async def _delivery(unit: UnitOfWork, ticket: ExternalTicketRow, row: WorkItemRow) -> ExternalDeliveryRow:
    """The item as it is now, with both ids, and that it comes from us."""
    incident = await read_item(unit.session, row)
    payload = {
        "type": "item.changed",
        "origin": "upheld",
        "external_id": ticket.external_id,
        "item": {
            "incident_id": str(incident.id),
            "number": incident.number,
            "version": incident.version,
            "title": incident.title,
            "severity": incident.severity,
            "status": incident.status,
            "timestamps": {name: instant_text(stamp.at) for name, stamp in incident.stamps.items()},
        },
    }
    return ExternalDeliveryRow(
        id=new_id(),
        tenant_id=ticket.tenant_id,
        client_id=ticket.client_id,
        source_id=ticket.source_id,
        item_id=ticket.item_id,
        item_version=row.version,
        payload=json.dumps(payload, ensure_ascii=False).encode(),
        state="pending",
        attempts=0,
        due_at=unit.now,
        created_at=unit.now,
    )
