"""Sends what is queued for people: by mail, and to their channels.

What leaves, and what of it together, is decided first (`adapters.message_planning`). A message is then claimed for the
length of a lease and sent outside of any transaction, each by itself: how long one takes keeps no other from leaving,
and no agency has more than its share of the places. A worker that dies in between leaves the row to be claimed again:
the message then goes out a second time only if the server had accepted it without our noting it, and with the same
Message-ID. Every try is written into one log, whatever it was sent by.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

import structlog
from sqlalchemy import ColumnElement, Uuid, case, cast, func, or_, select, true, update
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import aliased

from incidents.adapters.acknowledgement_links import LINK_LIFE, OFFERED_FOR, link_of
from incidents.adapters.channel_store import zones_of
from incidents.adapters.channel_tables import ChannelRow, NotificationTryRow
from incidents.adapters.chat import AT_ONCE, ChannelDelayedError, ChannelRefusedError, Chat
from incidents.adapters.defaults import box_of
from incidents.adapters.fair_turns import due_in_turn
from incidents.adapters.mail import Writer
from incidents.adapters.message_planning import AFTER_ANOTHER, IS_URGENT, plan_what_waits
from incidents.adapters.repository import ports_of, read_item
from incidents.adapters.secret_box import Unreadable
from incidents.adapters.tables import NotificationRow, WorkItemRow
from incidents.application.clocks import read_clocks
from incidents.application.incidents import alerted
from incidents.domain.turns import Places, Turn
from incidents.domain.work_item import Act, WorkItem
from incidents.jobs.under_way import UnderWay, finish, work_off
from incidents.settings import IncidentsSettings
from shared.ids import new_id
from shared.mail import Letter, MailDelayedError, MailRefusedError, MailServer
from shared.unit_of_work import UnitOfWork, UnitsOfWork
from shared.worker import oldest

log = structlog.get_logger(__name__)

MAILS = Places(of_all=8, of_one_agency=6, at_one_address=6)
"""All over one server, which is the operator's."""
MESSAGES = Places(of_all=AT_ONCE, of_one_agency=AT_ONCE // 4, at_one_address=2)
LONGEST_WAIT = 0.25
"""Seconds between a fact and the look at what it has queued, at most."""
LEASE = timedelta(minutes=2)
ALERTED_AT_ONCE = 20
"""Items held in one transaction while it is noted that a message told of them: for a fifth of a second or so."""
RETRY_AFTER = tuple(timedelta(seconds=s) for s in (2, 10, 30, 120, 300, 900, 1800, 3600))
GIVE_UP_AFTER = timedelta(hours=24)
LOOK_FOR_SERVER_EVERY = timedelta(minutes=1)

_LEADS = or_(NotificationRow.bundle_id.is_(None), NotificationRow.bundle_id == NotificationRow.id)
"""The row that has the message; the others of a bundle only share what becomes of it."""
_LAST_TRY = (
    select(NotificationTryRow.result)
    # A condition of its own on the channel would not be looked at first: an address of mail is no id.
    .where(
        NotificationTryRow.channel_id
        == case((NotificationRow.channel != "mail", cast(NotificationRow.recipient, Uuid)))
    )
    .order_by(NotificationTryRow.at.desc(), NotificationTryRow.id.desc())
    .limit(1)
    .scalar_subquery()
)
"""What came of the last try at the row's channel, of whatever message; null for mail."""
OLDEST_MESSAGE = oldest(NotificationRow.next_attempt_at, ~AFTER_ANOTHER, func.coalesce(_LAST_TRY, "sent") == "sent")
"""For metrics: since when a message is to leave. What waits for a channel that did not take the last one is left out:
a channel that hangs gets one at a time, and its queue keeps nobody else waiting."""


@dataclass(frozen=True)
class _Claimed:
    id: UUID
    tenant_id: UUID
    channel: str
    recipient: str
    attempts: int
    planned_at: datetime
    """Since when it could leave: what waited for the end of somebody's weekend has its day of tries after that."""


class Outbound:
    """The job over queued messages; one per process."""

    def __init__(self, units: UnitsOfWork, settings: IncidentsSettings, stopping: asyncio.Event) -> None:
        self._units = units
        self._stopping = stopping
        self._domain = settings.smtp_from.rpartition("@")[2]
        self._server = MailServer(settings)
        self._chat = Chat(settings.allowed_networks)
        self._box = box_of(settings)
        self._public_url = settings.public_url
        self._writer = Writer(settings.public_url)
        self._mails = UnderWay(MAILS)
        self._messages = UnderWay(MESSAGES)

    async def run(self) -> float:
        """Sends what is due now; returns the seconds until the next message may be."""
        if not self._server.configured:
            await self._wait_for_a_server()
        # Nothing is due most of the time, and to find that out takes a tenth of what it takes to look for what to send.
        if not self._mails.turns and not self._messages.turns and (wait := await self._until_next()) > 0:
            return wait
        await work_off(self._begin, self._stopping, self._mails, self._messages)
        return 0.0

    async def finish(self) -> None:
        """Waits for what is under way."""
        await finish(self._mails, self._messages)

    async def _begin(self) -> int:
        if await self._until_next() > 0:
            return 0
        claimed = await self._claim()
        for one in claimed:
            pool = self._mails if one.channel == "mail" else self._messages
            pool.begin(Turn(one.id, one.tenant_id, one.recipient), self._deliver(one))
        return len(claimed)

    async def _wait_for_a_server(self) -> None:
        """No mail server: says so on each mail and keeps it, for a day, until somebody configures one."""
        async with self._units.for_every_tenant() as unit:
            due = (NotificationRow.next_attempt_at <= unit.now) & (NotificationRow.channel == "mail")
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
            can_be_sent = true() if self._server.configured else NotificationRow.channel != "mail"
            await plan_what_waits(unit, can_be_sent)
            due = (
                select(
                    NotificationRow.id,
                    NotificationRow.tenant_id,
                    NotificationRow.recipient.label("address"),
                    IS_URGENT.label("urgent"),
                    NotificationRow.next_attempt_at.label("due_at"),
                )
                .where(NotificationRow.next_attempt_at <= unit.now, NotificationRow.planned_at.is_not(None))
                .where(_LEADS, ~AFTER_ANOTHER, can_be_sent)
            )
            is_mail = NotificationRow.channel == "mail"
            turns: list[Turn] = []
            for pool, its_own in ((self._mails, is_mail), (self._messages, ~is_mail)):
                turns += await due_in_turn(unit.session, due.where(its_own), pool.turns, pool.hanging, pool.places)
            statement = (
                select(NotificationRow)
                .where(NotificationRow.id.in_([turn.id for turn in turns]), NotificationRow.next_attempt_at <= unit.now)
                .order_by(NotificationRow.id)
                .with_for_update(skip_locked=True)
            )
            claimed = []
            for row in (await unit.session.execute(statement)).scalars():
                if row.channel == "mail" and row.message_id is None:
                    row.message_id = f"<{row.id}@{self._domain}>"
                since = row.planned_at or row.created_at
                claimed.append(_Claimed(row.id, row.tenant_id, row.channel, row.recipient, row.attempts + 1, since))
            await unit.session.flush()
            await unit.session.execute(
                update(NotificationRow)
                .where(_of_message([one.id for one in claimed]))
                .values(attempts=NotificationRow.attempts + 1, state="pending", next_attempt_at=unit.now + LEASE)
            )
            return claimed

    async def _deliver(self, one: _Claimed) -> None:
        try:
            letter = await self._letter(one)
            if one.channel == "mail":
                await self._server.send(letter)
            else:
                address = await self._address(one)
                with self._messages.talk(one.recipient, one.tenant_id):
                    await self._chat.send(address, letter.subject, letter.body)
        except (MailRefusedError, ChannelRefusedError) as error:
            await self._note(one, error=str(error), again_in=None)
        except (MailDelayedError, ChannelDelayedError) as error:
            await self._note(one, error=str(error), again_in=_backoff(one.attempts))
        except Exception as error:
            log.exception("notification_not_written", notification_id=str(one.id), error=type(error).__name__)
            await self._note(one, error=type(error).__name__, again_in=_backoff(one.attempts))
        else:
            await self._note_sent(one)

    async def _address(self, one: _Claimed) -> str:
        async with self._units.for_tenant(one.tenant_id) as unit:
            channel = await unit.session.get_one(ChannelRow, UUID(one.recipient))
            if channel.removed_at is not None or not channel.enabled:
                raise ChannelRefusedError("the channel was removed or switched off")
            try:
                return self._box.open(channel.address)
            except Unreadable as error:
                raise ChannelRefusedError(str(error)) from error

    async def _letter(self, one: _Claimed) -> Letter:
        """The message as it was first written; written now if this is the first attempt."""
        async with self._units.for_tenant(one.tenant_id) as unit:
            rows = await _rows_of_message(unit.session, one.id)
            first = rows[0]
            numbers = {row.item_id: (await unit.session.get_one(WorkItemRow, row.item_id)).number for row in rows}
            if first.subject is None or first.body is None:
                await self._write(unit, rows)
            assert first.subject is not None and first.body is not None
            links = {
                numbers[row.item_id]: link_of(self._box, self._public_url, row)
                for row in rows
                if row.link_expires_at is not None
            }
            body = first.body + self._writer.links(links, first.language)
            message_id = first.message_id or f"<{first.id}@{self._domain}>"
            return Letter(
                message_id, first.recipient, first.subject, body, first.created_at, in_reply_to=first.in_reply_to
            )

    async def _write(self, unit: UnitOfWork, rows: Sequence[NotificationRow]) -> None:
        ports = ports_of(unit)
        zones = await zones_of(unit.session, [row.person_id for row in rows if row.person_id is not None])
        written: list[tuple[WorkItem, str, str]] = []
        for row in rows:
            item_row = await unit.session.get_one(WorkItemRow, row.item_id)
            item = await read_item(unit.session, item_row)
            subject, body = self._writer.write(
                row.kind,
                row.language,
                incident=item,
                contract=await ports.contracts.newest(item.subject.contract_id),
                clocks=await read_clocks(ports, item),
                outage=item_row.outage,
                details=row.details,
                time_zone=zones.get(row.person_id) if row.person_id is not None else None,
            )
            written.append((item, subject, body))
            if row.person_id is not None and row.kind in OFFERED_FOR and Act.ACKNOWLEDGE in item.allowed:
                row.link_expires_at = unit.now + LINK_LIFE
        first = rows[0]
        if len(rows) == 1:
            _, first.subject, first.body = written[0]
            first.in_reply_to = await _thread_of(unit.session, first)
        else:
            told = [(item, subject) for item, subject, _ in written]
            kinds = {row.kind for row in rows}
            first.subject, first.body = self._writer.write_together(told, kinds, first.language)

    async def _note_sent(self, one: _Claimed) -> None:
        async with self._units.for_tenant(one.tenant_id) as unit:
            rows = await _rows_of_message(unit.session, one.id)
            at = unit.now
        # The items first, in one order, and in transactions of their own: whoever holds one may queue this message
        # again, and would wait for us as we for him. A few at a time: one mail may tell thousands of incidents.
        opened = sorted({row.item_id for row in rows if row.kind == "opened"})
        for first in range(0, len(opened), ALERTED_AT_ONCE):
            async with self._units.for_tenant(one.tenant_id) as unit:
                for item_id in opened[first : first + ALERTED_AT_ONCE]:
                    await alerted(ports_of(unit), item_id, at, one.channel)
        async with self._units.for_tenant(one.tenant_id) as unit:
            rows = await _rows_of_message(unit.session, one.id, lock=True)
            for row in rows:
                row.state, row.sent_at, row.next_attempt_at, row.last_error = "sent", at, None, None
            await _log_try(unit, rows, "sent", None, None)

    async def _note(self, one: _Claimed, *, error: str, again_in: timedelta | None) -> None:
        async with self._units.for_tenant(one.tenant_id) as unit:
            rows = await _rows_of_message(unit.session, one.id, lock=True)
            again_at = unit.now + again_in if again_in is not None else None
            result = "delayed" if again_at is not None else "refused"
            if again_at is not None and again_at > one.planned_at + GIVE_UP_AFTER:
                result, again_at = "gave_up", None
            for row in rows:
                if row.state != "sent":
                    row.state = "pending" if again_at is not None else "failed"
                    row.last_error, row.next_attempt_at = error[:500], again_at
            await _log_try(unit, rows, result, error[:500], again_at)
        log.warning("notification_not_sent", notification_id=str(one.id), attempts=one.attempts, error=error)

    async def _until_next(self) -> float:
        async with self._units.for_every_tenant() as unit:
            waiting = select(func.min(NotificationRow.next_attempt_at)).where(~AFTER_ANOTHER)
            next_attempt: datetime | None = await unit.session.scalar(waiting)
            if next_attempt is None:
                return LONGEST_WAIT
            return min(max(0.0, (next_attempt - unit.now).total_seconds()), LONGEST_WAIT)


def _of_message(ids: Sequence[UUID]) -> ColumnElement[bool]:
    return or_(NotificationRow.id.in_(ids), NotificationRow.bundle_id.in_(ids))


async def _rows_of_message(session: AsyncSession, message_id: UUID, *, lock: bool = False) -> Sequence[NotificationRow]:
    """The row that has the message, then those of the other facts that it tells."""
    statement = select(NotificationRow).where(_of_message([message_id])).order_by(NotificationRow.id)
    rows = (await session.execute(statement.with_for_update() if lock else statement)).scalars().all()
    return sorted(rows, key=lambda row: row.id != message_id)


async def _log_try(
    unit: UnitOfWork, rows: Sequence[NotificationRow], result: str, error: str | None, next_try_at: datetime | None
) -> None:
    for row in rows:
        item = await unit.session.get_one(WorkItemRow, row.item_id)
        unit.session.add(
            NotificationTryRow(
                id=new_id(),
                tenant_id=row.tenant_id,
                client_id=row.client_id,
                item_id=row.item_id,
                contract_id=item.contract_id,
                notification_id=row.id,
                bundle_id=row.bundle_id,
                channel_id=UUID(row.recipient) if row.channel != "mail" else None,
                channel=row.channel,
                address=row.address or row.recipient,
                kind=row.kind,
                number=row.attempts,
                at=unit.now,
                result=result,
                error=error,
                next_try_at=next_try_at,
            )
        )
    await unit.session.flush()


async def _thread_of(session: AsyncSession, row: NotificationRow) -> str | None:
    """The Message-ID of the first message about the item to this recipient: the later ones go below it."""
    lead = aliased(NotificationRow)
    # With a `coalesce` in the join PostgreSQL would not find the lead by its id, but read all of the recipient: it does
    # not trust a `coalesce` to say nothing of rows that row-level security hides.
    message_id = case((NotificationRow.bundle_id.is_(None), NotificationRow.message_id), else_=lead.message_id)
    statement = (
        select(message_id)
        .outerjoin(lead, lead.id == NotificationRow.bundle_id)
        .where(
            NotificationRow.item_id == row.item_id,
            NotificationRow.recipient == row.recipient,
            NotificationRow.id < row.id,
            message_id.is_not(None),
        )
        .order_by(NotificationRow.id)
        .limit(1)
    )
    return (await session.execute(statement)).scalar_one_or_none()


def _backoff(attempts: int) -> timedelta:
    return RETRY_AFTER[min(attempts, len(RETRY_AFTER)) - 1]
