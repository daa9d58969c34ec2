"""Looks into mailboxes that are due. A look changes nothing in the mailbox; each mail is taken in once.

A source is claimed for the length of a lease. How far it has been read is written down after each mail; a worker that
dies in between leaves mails that come again, and are known by their Message-ID.
"""

import asyncio
import ssl
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from functools import partial
from ipaddress import ip_network
from uuid import UUID

import structlog
from sqlalchemy import Text, cast, false, select, update
from sqlalchemy.exc import DBAPIError

from incidents.adapters.fair_turns import due_in_turn
from incidents.adapters.imap import Fetched, Looked, MailboxUnavailable, Place, look
from incidents.adapters.intake_tables import IntakeSourceRow
from incidents.adapters.reception import MAIL, Delivery, Reception
from incidents.adapters.secret_box import SecretBox, Unreadable
from incidents.domain.turns import Places, Turn
from incidents.jobs.under_way import UnderWay, finish, work_off
from shared.consumer import is_database_away
from shared.outbound_http import AddressGuard, AddressRefused, authorities_of_the_machine
from shared.problems import InternalError, Problem, TooLarge
from shared.settings import ServiceSettings
from shared.unit_of_work import UnitsOfWork

log = structlog.get_logger(__name__)

LEASE = timedelta(minutes=10)
RETRY = timedelta(minutes=5)
PLACES = Places(of_all=5, of_one_agency=2, at_one_address=1)
IDLE_SECONDS = 1.0
LARGEST = 25 * 1024 * 1024
TRIES = 3
"""For one mail at one look: what the database refuses once, such as a deadlock, may go well the next time."""


class Mailboxes:
    """The job over due mailboxes; one per process."""

    def __init__(
        self,
        units: UnitsOfWork,
        reception: Reception,
        box: SecretBox,
        settings: ServiceSettings,
        stopping: asyncio.Event,
        *,
        context: ssl.SSLContext | None = None,
    ) -> None:
        """`context`: other certificate authorities than the usual ones."""
        self._units = units
        self._reception = reception
        self._box = box
        self._stopping = stopping
        self._guard = AddressGuard(ip_network(str(network)) for network in settings.allowed_networks)
        self._context = context or authorities_of_the_machine()
        self._under_way = UnderWay(PLACES)
        # Of its own: servers that hang must not keep the threads that everything else shares.
        self._threads = ThreadPoolExecutor(PLACES.of_all, thread_name_prefix="mailbox")

    async def run(self) -> float:
        """Looks into what is due; returns the seconds until the next look at what is."""
        return 0.0 if await work_off(self._begin, self._stopping, self._under_way) else IDLE_SECONDS

    async def finish(self) -> None:
        """Waits for what is under way."""
        await finish(self._under_way)

    async def _begin(self) -> int:
        claimed = await self._claim()
        for row in claimed:
            self._under_way.begin(Turn(row.id, row.tenant_id, str(row.id)), self._look(row))
        return len(claimed)

    async def _claim(self) -> list[IntakeSourceRow]:
        async with self._units.for_every_tenant() as unit:
            is_due = (IntakeSourceRow.next_poll_at <= unit.now, IntakeSourceRow.enabled)
            due = select(
                IntakeSourceRow.id,
                IntakeSourceRow.tenant_id,
                cast(IntakeSourceRow.id, Text).label("address"),
                false().label("urgent"),
                IntakeSourceRow.next_poll_at.label("due_at"),
            ).where(*is_due)
            pool = self._under_way
            turns = await due_in_turn(unit.session, due, pool.turns, pool.hanging, pool.places)
            statement = (
                select(IntakeSourceRow)
                .where(IntakeSourceRow.id.in_([turn.id for turn in turns]), *is_due)
                .with_for_update(skip_locked=True)
            )
            rows = list((await unit.session.execute(statement)).scalars())
            for row in rows:
                row.next_poll_at = unit.now + LEASE
            return rows

    async def _look(self, row: IntakeSourceRow) -> None:
        try:
            with self._under_way.talk(str(row.id), row.tenant_id):
                looked = await self._looked(row)
        except MailboxUnavailable as error:
            log.warning("mailbox_unavailable", source_id=str(row.id), error=str(error))
            await self._note(row, error=str(error), again_in=RETRY)
            return
        for message in looked.messages:
            # What was there before the source is nobody's report to us.
            if message.received_at >= row.created_at:
                delivery = Delivery(message.raw or b"", MAIL, {}, received_at=message.received_at, fetched=True)
                await self._take(row, message, delivery)
            await self._advance(row.id, looked.uid_validity, message.uid)
        every = timedelta(seconds=(row.mailbox or {})["every_seconds"])
        if not looked.messages:
            await self._advance(row.id, looked.uid_validity, looked.last_uid)
        await self._note(row, error=None, again_in=every if looked.complete else timedelta())

    async def _take(self, row: IntakeSourceRow, message: Fetched, delivery: Delivery) -> None:
        """One mail. What cannot be taken in, tried again, leaves a receipt and stays in the mailbox; it keeps no other
        waiting.
        """
        try:
            if message.raw is None:
                problem = TooLarge(f"This mail is larger than {LARGEST // 1024 // 1024} MiB.")
                await self._reception.refuse(row.tenant_id, row.id, delivery, problem)
                return
            for _ in range(TRIES - 1):
                try:
                    await self._reception.take(row.tenant_id, row.id, delivery)
                    return
                except DBAPIError as error:
                    if is_database_away(error):
                        raise
            await self._reception.take(row.tenant_id, row.id, delivery)
        except Problem as refusal:
            log.warning("mail_refused", source_id=str(row.id), uid=message.uid, error=refusal.detail)
        except Exception as error:
            if is_database_away(error):
                raise  # says nothing about this mail; the mailbox is looked into again
            log.exception("mail_not_taken", source_id=str(row.id), uid=message.uid, error=type(error).__name__)
            failed = InternalError("This mail could not be taken in. It is still in the mailbox: see to it there.")
            await self._reception.refuse(row.tenant_id, row.id, delivery, failed)

    async def _looked(self, row: IntakeSourceRow) -> Looked:
        mailbox = row.mailbox or {}
        try:
            addresses = await self._guard.resolve(mailbox["host"], mailbox["port"])
            password = self._box.open(row.mailbox_password or b"")
        except AddressRefused as error:
            raise MailboxUnavailable(f"This address cannot be used: {error}.") from error
        except OSError as error:
            raise MailboxUnavailable(f"{mailbox['host']} does not resolve.") from error
        except Unreadable as error:
            raise MailboxUnavailable(f"The password cannot be read: {error}.") from error
        place = Place(
            host=mailbox["host"],
            address=str(addresses[0]),
            port=mailbox["port"],
            security=mailbox["security"],
            username=mailbox["username"],
            password=password,
            folder=mailbox["folder"],
        )
        looking = partial(
            look,
            place,
            self._context,
            uid_validity=row.uid_validity,
            last_uid=row.last_uid,
            since=row.created_at,
            largest=LARGEST,
        )
        return await asyncio.get_running_loop().run_in_executor(self._threads, looking)

    async def _advance(self, source_id: UUID, uid_validity: int, last_uid: int) -> None:
        async with self._units.for_every_tenant() as unit:
            await unit.session.execute(
                update(IntakeSourceRow)
                .where(IntakeSourceRow.id == source_id)
                .values(uid_validity=uid_validity, last_uid=last_uid)
            )

    async def _note(self, row: IntakeSourceRow, *, error: str | None, again_in: timedelta) -> None:
        async with self._units.for_every_tenant() as unit:
            values = {"poll_error": error[:500] if error else None, "next_poll_at": unit.now + again_in}
            if error is None:
                values["polled_at"] = unit.now
            await unit.session.execute(
                update(IntakeSourceRow)
                .where(IntakeSourceRow.id == row.id, IntakeSourceRow.next_poll_at.is_not(None))
                .values(**values)
            )
