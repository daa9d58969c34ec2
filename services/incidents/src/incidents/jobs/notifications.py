"""Sends what is queued for people.

A row is claimed for the length of a lease and sent outside of any transaction. A worker that dies in between leaves the
row to be claimed again: the message then goes out a second time only if the server had accepted it without our noting
it, and with the same Message-ID.
"""

import asyncio
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

import structlog
from sqlalchemy import exists, func, select, update
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import aliased

from incidents.adapters.mail import Letter, MailDelayedError, MailRefusedError, MailServer, Writer
from incidents.adapters.repository import ports_of, read_item
from incidents.adapters.tables import NotificationRow, WorkItemRow
from incidents.application.clocks import read_clocks
from incidents.application.incidents import alerted
from incidents.settings import IncidentsSettings
from shared.unit_of_work import UnitsOfWork

log = structlog.get_logger(__name__)

BATCH = 8
LONGEST_WAIT = 0.25
"""Seconds between a fact and the look at what it has queued, at most."""
LEASE = timedelta(minutes=2)
RETRY_AFTER = tuple(timedelta(seconds=s) for s in (2, 10, 30, 120, 300, 900, 1800, 3600))
GIVE_UP_AFTER = timedelta(hours=24)
LOOK_FOR_SERVER_EVERY = timedelta(minutes=1)


_Earlier = aliased(NotificationRow)
_AFTER_ANOTHER = exists().where(
    _Earlier.item_id == NotificationRow.item_id,
    _Earlier.recipient == NotificationRow.recipient,
    _Earlier.id < NotificationRow.id,
    _Earlier.next_attempt_at.is_not(None),
)
"""An earlier message about the incident to the same recipient waits: nobody shall read "it works again" first."""


@dataclass(frozen=True)
class _Claimed:
    id: UUID
    tenant_id: UUID
    item_id: UUID
    kind: str
    attempts: int
    created_at: datetime


class Outbound:
    """The job over queued messages; one per process."""

    def __init__(self, units: UnitsOfWork, settings: IncidentsSettings) -> None:
        self._units = units
        self._domain = settings.smtp_from.rpartition("@")[2]
        self._server = MailServer(settings)
        self._writer = Writer()

    async def run(self) -> float:
        """Sends what is due now; returns the seconds until the next message may be."""
        if not self._server.configured:
            await self._wait_for_a_server()
            return 1.0
        claimed = await self._claim()
        # At once: each has its own time limit, so that all are sent long before the lease of their rows ends.
        sending = asyncio.gather(*(self._deliver(one) for one in claimed))
        try:
            await asyncio.shield(sending)
        except asyncio.CancelledError:
            await sending  # a worker that is told to stop finishes what it has begun: else it would be sent twice
            raise
        return 0.0 if claimed else await self._until_next()

    async def _wait_for_a_server(self) -> None:
        """Nothing to send with: says so on each message and keeps it, for a day, until somebody configures a server."""
        async with self._units.for_every_tenant() as unit:
            due = NotificationRow.next_attempt_at <= unit.now
            too_old = NotificationRow.created_at <= unit.now - GIVE_UP_AFTER
            await unit.session.execute(
                update(NotificationRow)
                .where(due, too_old)
                .values(state="expired", next_attempt_at=None, last_error="no mail server was configured for a day")
            )
            await unit.session.execute(
                update(NotificationRow)
                .where(due)
                .values(
                    state="not_configured",
                    last_error="no mail server is configured: set INCIDENTS_SMTP_HOST",
                    next_attempt_at=unit.now + LOOK_FOR_SERVER_EVERY,
                )
            )

    async def _claim(self) -> list[_Claimed]:
        async with self._units.for_every_tenant() as unit:
            statement = (
                select(NotificationRow)
                .where(NotificationRow.next_attempt_at <= unit.now, ~_AFTER_ANOTHER)
                .order_by(NotificationRow.next_attempt_at, NotificationRow.id)
                .limit(BATCH)
                .with_for_update(skip_locked=True)
            )
            claimed = []
            for row in (await unit.session.execute(statement)).scalars():
                row.attempts += 1
                row.state = "pending"
                row.next_attempt_at = unit.now + LEASE
                if row.message_id is None:
                    row.message_id = f"<{row.id}@{self._domain}>"
                claimed.append(_Claimed(row.id, row.tenant_id, row.item_id, row.kind, row.attempts, row.created_at))
            return claimed

    async def _deliver(self, one: _Claimed) -> None:
        try:
            letter = await self._letter(one)
            await self._server.send(letter)
        except MailRefusedError as error:
            await self._note(one, state="failed", error=str(error), again_in=None)
        except MailDelayedError as error:
            await self._note(one, state="pending", error=str(error), again_in=_backoff(one.attempts))
        except Exception as error:
            log.exception("notification_not_written", notification_id=str(one.id), error=type(error).__name__)
            await self._note(one, state="pending", error=type(error).__name__, again_in=_backoff(one.attempts))
        else:
            await self._note_sent(one)

    async def _letter(self, one: _Claimed) -> Letter:
        """The message as it was first written; written now if this is the first attempt."""
        async with self._units.for_tenant(one.tenant_id) as unit:
            row = await unit.session.get_one(NotificationRow, one.id)
            if row.subject is None or row.body is None:
                incident_row = await unit.session.get_one(WorkItemRow, one.item_id)
                incident = await read_item(unit.session, incident_row)
                ports = ports_of(unit)
                row.subject, row.body = self._writer.write(
                    row.kind,
                    row.language,
                    incident=incident,
                    contract=await ports.contracts.newest(incident.subject.contract_id),
                    clocks=await read_clocks(ports, incident),
                    outage=incident_row.outage,
                    details=row.details,
                )
                row.in_reply_to = await _thread_of(unit.session, row)
            assert row.message_id is not None
            return Letter(row.message_id, row.in_reply_to, row.recipient, row.subject, row.body, row.created_at)

    async def _note_sent(self, one: _Claimed) -> None:
        async with self._units.for_tenant(one.tenant_id) as unit:
            if one.kind == "opened":
                # The item first: whoever holds it may queue this message again, and would wait for us as we for him.
                await alerted(ports_of(unit), one.item_id, unit.now)
            row = await unit.session.get_one(NotificationRow, one.id, with_for_update=True)
            row.state, row.sent_at, row.next_attempt_at, row.last_error = "sent", unit.now, None, None

    async def _note(self, one: _Claimed, *, state: str, error: str, again_in: timedelta | None) -> None:
        async with self._units.for_tenant(one.tenant_id) as unit:
            again_at = unit.now + again_in if again_in is not None else None
            if again_at is not None and again_at > one.created_at + GIVE_UP_AFTER:
                state, again_at = "failed", None
            await unit.session.execute(
                update(NotificationRow)
                .where(NotificationRow.id == one.id, NotificationRow.state != "sent")
                .values(state=state, last_error=error[:500], next_attempt_at=again_at)
            )
        log.warning("notification_not_sent", notification_id=str(one.id), attempts=one.attempts, error=error)

    async def _until_next(self) -> float:
        async with self._units.for_every_tenant() as unit:
            next_attempt: datetime | None = await unit.session.scalar(
                select(func.min(NotificationRow.next_attempt_at)).where(~_AFTER_ANOTHER)
            )
            if next_attempt is None:
                return LONGEST_WAIT
            return min(max(0.0, (next_attempt - unit.now).total_seconds()), LONGEST_WAIT)


async def _thread_of(session: AsyncSession, row: NotificationRow) -> str | None:
    """The Message-ID of the first message about the incident to this recipient: replies go below it."""
    statement = select(NotificationRow.message_id).where(
        NotificationRow.item_id == row.item_id,
        NotificationRow.recipient == row.recipient,
        NotificationRow.kind == "opened",
        NotificationRow.id != row.id,
    )
    return (await session.execute(statement.order_by(NotificationRow.id).limit(1))).scalar_one_or_none()


def _backoff(attempts: int) -> timedelta:
    return RETRY_AFTER[min(attempts, len(RETRY_AFTER)) - 1]
