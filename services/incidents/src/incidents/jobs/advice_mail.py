"""Mails advice to the clients that it is owed to, and says when it arrived.

What leaves when, and what of it together, is decided by the rule that all messages to people obey
(`domain/storm_brake.py`). A mail is claimed for the length of a lease and sent outside of any transaction; every try is
in the same log as those of other messages.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID
from zoneinfo import ZoneInfo

import structlog
from sqlalchemy import ColumnElement, func, or_, select

from incidents.adapters.advice_tables import AdviceMailRow
from incidents.adapters.channel_tables import NotificationTryRow
from incidents.adapters.mail import LOCALE
from incidents.adapters.repository import ports_of
from incidents.domain.storm_brake import STORM_SPAN, SUMMARY_EVERY, Fact, Told, plan
from incidents.published.advice import AdviceDelivered
from incidents.settings import IncidentsSettings
from shared.i18n import Catalogues, Translator
from shared.ids import new_id
from shared.mail import Letter, MailDelayedError, MailRefusedError, MailServer, one_line
from shared.unit_of_work import UnitOfWork, UnitsOfWork

log = structlog.get_logger(__name__)

KIND = "advice"
RECIPIENTS = 50
LONGEST_WAIT = 1.0
LEASE = timedelta(minutes=2)
RETRY_AFTER = tuple(timedelta(seconds=s) for s in (10, 60, 300, 1800, 3600))
GIVE_UP_AFTER = timedelta(days=2)

_LEADS = or_(AdviceMailRow.bundle_id.is_(None), AdviceMailRow.bundle_id == AdviceMailRow.id)


@dataclass(frozen=True)
class _Claimed:
    id: UUID
    tenant_id: UUID
    letter: Letter


class AdviceMail:
    """The job over mails of advice; one per process."""

    def __init__(self, units: UnitsOfWork, settings: IncidentsSettings) -> None:
        self._units = units
        self._domain = settings.smtp_from.rpartition("@")[2]
        self._server = MailServer(settings)
        self._catalogues = Catalogues.load(LOCALE)

    async def run(self) -> float:
        """Sends one mail that is due; returns the seconds until the next may be. Without a server they wait."""
        if not self._server.configured:
            return LONGEST_WAIT
        claimed = await self._claim()
        if claimed is None:
            return LONGEST_WAIT
        try:
            await self._server.send(claimed.letter)
        except MailRefusedError as error:
            await self._note(claimed, error=str(error), refused=True)
        except MailDelayedError as error:
            await self._note(claimed, error=str(error), refused=False)
        else:
            await self._note(claimed, error=None, refused=False)
        return 0.0

    async def _claim(self) -> _Claimed | None:
        async with self._units.for_every_tenant() as unit:
            await _plan_what_waits(unit)
            statement = (
                select(AdviceMailRow)
                .where(AdviceMailRow.next_attempt_at <= unit.now, AdviceMailRow.planned_at.is_not(None), _LEADS)
                .order_by(AdviceMailRow.next_attempt_at, AdviceMailRow.id)
                .limit(1)
                .with_for_update(skip_locked=True)
            )
            first = (await unit.session.execute(statement)).scalar_one_or_none()
            if first is None:
                return None
            rows = await _rows_of(unit, first.id, lock=True)
            for row in rows:
                row.attempts += 1
                row.next_attempt_at = unit.now + LEASE
            return _Claimed(first.id, first.tenant_id, await self._letter(unit, rows))

    async def _letter(self, unit: UnitOfWork, rows: Sequence[AdviceMailRow]) -> Letter:
        first = rows[0]
        translator = self._catalogues.translator(first.language)
        contracts = ports_of(unit).contracts
        if first.contract_id is not None:
            contract = await contracts.newest(first.contract_id)
        else:  # advice about no contract in particular is read where the client is, too
            contract = await contracts.newest_of_client(first.client_id)
        zone = ZoneInfo(contract.time_zone if contract is not None else "UTC")
        subject, body = advice_text(translator, rows, zone)
        return Letter(self._message_id(first.id), first.recipient, subject, body, first.created_at)

    def _message_id(self, mail_id: UUID) -> str:
        return f"<{KIND}.{mail_id}@{self._domain}>"

    async def _note(self, claimed: _Claimed, *, error: str | None, refused: bool) -> None:
        async with self._units.for_tenant(claimed.tenant_id) as unit:
            for row in await _rows_of(unit, claimed.id, lock=True):
                await self._note_of(unit, row, claimed, error, refused=refused)
        if error is not None:
            log.warning("advice_not_sent", mail_id=str(claimed.id), error=error)

    async def _note_of(
        self, unit: UnitOfWork, row: AdviceMailRow, claimed: _Claimed, error: str | None, *, refused: bool
    ) -> None:
        result, again_at = "sent", None
        if error is None:
            row.state, row.sent_at = "sent", unit.now
            self._say_delivered(unit, row, claimed)
        else:
            again_at = unit.now + RETRY_AFTER[min(row.attempts, len(RETRY_AFTER)) - 1]
            result = "refused" if refused else "delayed"
            if refused or again_at > row.created_at + GIVE_UP_AFTER:
                row.state, again_at = "failed", None
                result = "refused" if refused else "gave_up"
            elif row.state == "dropped":
                result, again_at = "gave_up", None
        row.last_error, row.next_attempt_at = error, again_at
        unit.session.add(
            NotificationTryRow(
                id=new_id(),
                tenant_id=row.tenant_id,
                client_id=row.client_id,
                contract_id=row.contract_id,
                notification_id=row.id,
                bundle_id=row.bundle_id,
                channel="mail",
                address=row.recipient,
                kind=KIND,
                number=row.attempts,
                at=unit.now,
                result=result,
                error=error,
                next_try_at=again_at,
            )
        )
        await unit.session.flush()

    def _say_delivered(self, unit: UnitOfWork, row: AdviceMailRow, claimed: _Claimed) -> None:
        event = AdviceDelivered.model_validate(
            {
                "mail_id": row.id,
                "version": 1,
                "advisory_id": row.advisory_id,
                "client_id": row.client_id,
                "contract_id": row.contract_id,
                "sending": row.sending,
                "recipient": row.recipient,
                "language": row.language,
                "delivered_at": unit.now,
                "message_id": claimed.letter.message_id,
            }
        )
        unit.publish(event, version=1)


def advice_text(translator: Translator, rows: Sequence[AdviceMailRow], zone: ZoneInfo) -> tuple[str, str]:
    """Subject and body of one message with one or several pieces of advice, in its reader's language."""
    gettext = translator.gettext
    first = rows[0]
    subject = one_line(first.title)
    if len(rows) > 1:
        subject = gettext("%(count)s pieces of advice for you", count=len(rows))
    lines = [gettext("Hello %(name)s,", name=one_line(first.name)), ""]
    for row in rows:
        lines += [one_line(row.title), "", row.body, ""]
        if row.sending > 1:
            since = translator.datetime(row.first_sent_at, zone)
            lines += [gettext("You were first told on %(instant)s. Nobody has acknowledged it.", instant=since), ""]
    lines.append(gettext("Please say in the portal that you have read it, and whether you follow this advice."))
    return subject, "\n".join(lines) + "\n"


async def _plan_what_waits(unit: UnitOfWork) -> None:
    """Marks what leaves now, and postpones the rest."""
    statement = (
        select(AdviceMailRow.tenant_id, AdviceMailRow.recipient)
        .where(AdviceMailRow.next_attempt_at <= unit.now, AdviceMailRow.planned_at.is_(None))
        .group_by(AdviceMailRow.tenant_id, AdviceMailRow.recipient)
        .limit(RECIPIENTS)
    )
    for tenant_id, recipient in (await unit.session.execute(statement)).all():
        # One worker decides about a recipient at a time: two would each see that nothing has left yet.
        name = func.hashtextextended(f"advice to {tenant_id} {recipient}", 0)
        if await unit.session.scalar(select(func.pg_try_advisory_xact_lock(name))):
            await _plan(unit, (AdviceMailRow.tenant_id == tenant_id, AdviceMailRow.recipient == recipient))


async def _plan(unit: UnitOfWork, his: tuple[ColumnElement[bool], ...]) -> None:
    statement = (
        select(AdviceMailRow)
        .where(*his, AdviceMailRow.planned_at.is_(None), AdviceMailRow.next_attempt_at <= unit.now)
        .order_by(AdviceMailRow.created_at, AdviceMailRow.id)
        .with_for_update()
    )
    rows = {row.id: row for row in (await unit.session.execute(statement)).scalars()}
    waiting = [Fact(row.id, KIND, row.advisory_id, row.client_id, row.created_at) for row in rows.values()]
    decided = plan(waiting, await _told(unit, his), unit.now)
    for message in decided.messages:
        for fact in message:
            row = rows[fact.id]
            row.planned_at = unit.now
            row.bundle_id = message[0].id if len(message) > 1 else None
    for fact_id, until in decided.held.items():
        rows[fact_id].next_attempt_at = until
    await unit.session.flush()


async def _told(unit: UnitOfWork, his: tuple[ColumnElement[bool], ...]) -> Told:
    """What somebody was told lately; what concerns one client is one storm."""
    now = unit.now
    left = await unit.session.execute(
        select(AdviceMailRow.client_id, func.max(AdviceMailRow.planned_at).label("at"))
        .where(*his, AdviceMailRow.planned_at > now - SUMMARY_EVERY)
        .group_by(AdviceMailRow.client_id)
    )
    came = await unit.session.execute(
        select(AdviceMailRow.client_id, func.count().label("facts"))
        .where(*his, AdviceMailRow.created_at > now - STORM_SPAN)
        .group_by(AdviceMailRow.client_id)
    )
    told_at: dict[UUID, datetime] = {row.client_id: row.at for row in left}
    return Told(told_at=told_at, came={row.client_id: row.facts for row in came})


async def _rows_of(unit: UnitOfWork, mail_id: UUID, *, lock: bool) -> Sequence[AdviceMailRow]:
    """The row that has the message, then the others that it tells."""
    statement = (
        select(AdviceMailRow)
        .where(or_(AdviceMailRow.id == mail_id, AdviceMailRow.bundle_id == mail_id))
        .order_by(AdviceMailRow.created_at, AdviceMailRow.id)
    )
    rows = (await unit.session.execute(statement.with_for_update() if lock else statement)).scalars().all()
    return sorted(rows, key=lambda row: row.id != mail_id)
