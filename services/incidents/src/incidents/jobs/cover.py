"""Looks ahead for hours that are promised and that nobody covers, and sends what the agency is told of them.

A contract is looked at when a version of it is new here, when somebody changes a schedule, and every hour: what lies
two weeks ahead is found two weeks before it comes. Rows are claimed with SKIP LOCKED.
"""

from datetime import datetime, timedelta
from uuid import UUID
from zoneinfo import ZoneInfo

import structlog
from sqlalchemy import func, literal, select, update
from sqlalchemy.dialects.postgresql import insert

from incidents.adapters.channel_store import zone_at
from incidents.adapters.channel_tables import NotificationTryRow
from incidents.adapters.mail import LOCALE
from incidents.adapters.on_call_repository import cover_ports
from incidents.adapters.on_call_tables import AgencyMessageRow, CoverLookRow
from incidents.adapters.tables import ContractTermsRow
from incidents.application.on_call import look_ahead
from incidents.application.ports import Recipient
from incidents.jobs.report_mail import report_to_nobody_text
from incidents.jobs.webhook_mail import webhook_disabled_text
from incidents.settings import IncidentsSettings
from shared.consumer import is_database_away
from shared.i18n import Catalogues, Translator
from shared.ids import new_id
from shared.mail import Letter, MailDelayedError, MailRefusedError, MailServer, one_line
from shared.unit_of_work import UnitsOfWork

log = structlog.get_logger(__name__)

BATCH = 20
LOOK_EVERY = timedelta(hours=1)
LONGEST_WAIT = 2.0
SET_ASIDE = timedelta(minutes=1)
"""How long a contract that cannot be read waits for its next look, so that it does not keep the others waiting."""
LEASE = timedelta(minutes=2)
RETRY_AFTER = timedelta(minutes=5)
GIVE_UP_AFTER = timedelta(days=2)


class CoverAhead:
    """The job that looks ahead; one per process."""

    def __init__(self, units: UnitsOfWork, ahead: timedelta, default_recipients: list[Recipient]) -> None:
        self._units = units
        self._ahead = ahead
        self._default_recipients = default_recipients

    async def run(self) -> float:
        """Looks at the cover of every contract that is due now; returns the seconds until the next look."""
        due = await self._due()
        for tenant_id, contract_id in due:
            await self._look(tenant_id, contract_id)
        return 0.0 if len(due) == BATCH else LONGEST_WAIT

    async def _due(self) -> list[tuple[UUID, UUID]]:
        async with self._units.for_every_tenant() as unit:
            # Only what is new: a row that a conflict is about is locked, and whoever edits a schedule waits for it.
            newest = (
                select(
                    ContractTermsRow.contract_id,
                    ContractTermsRow.tenant_id,
                    ContractTermsRow.client_id,
                    func.max(ContractTermsRow.version),
                    literal(unit.now, CoverLookRow.due_at.type),
                )
                .outerjoin(CoverLookRow, CoverLookRow.contract_id == ContractTermsRow.contract_id)
                .where(ContractTermsRow.version > func.coalesce(CoverLookRow.contract_version, -1))
                .group_by(ContractTermsRow.contract_id, ContractTermsRow.tenant_id, ContractTermsRow.client_id)
                .order_by(ContractTermsRow.contract_id)
            )
            heard = insert(CoverLookRow).from_select(
                ["contract_id", "tenant_id", "client_id", "contract_version", "due_at"], newest
            )
            await unit.session.execute(
                heard.on_conflict_do_update(
                    index_elements=["contract_id"],
                    set_={"contract_version": heard.excluded.contract_version, "due_at": heard.excluded.due_at},
                    where=CoverLookRow.contract_version < heard.excluded.contract_version,
                )
            )
            statement = (
                select(CoverLookRow.tenant_id, CoverLookRow.contract_id)
                .where(CoverLookRow.due_at <= unit.now)
                .order_by(CoverLookRow.due_at)
                .limit(BATCH)
            )
            return [(row.tenant_id, row.contract_id) for row in await unit.session.execute(statement)]

    async def _look(self, tenant_id: UUID, contract_id: UUID) -> None:
        try:
            async with self._units.for_tenant(tenant_id) as unit:
                statement = select(CoverLookRow).where(
                    CoverLookRow.contract_id == contract_id, CoverLookRow.due_at <= unit.now
                )
                row = (await unit.session.execute(statement.with_for_update(skip_locked=True))).scalar_one_or_none()
                if row is None:
                    return  # another worker looks, or has looked
                row.looked_at, row.due_at = unit.now, unit.now + LOOK_EVERY
                await look_ahead(cover_ports(unit, self._default_recipients), contract_id, self._ahead)
        except Exception as error:
            if is_database_away(error):
                raise  # says nothing about this contract; the loop tries again
            log.exception("cover_set_aside", contract_id=str(contract_id), error=type(error).__name__)
            await self._set_aside(tenant_id, contract_id)

    async def _set_aside(self, tenant_id: UUID, contract_id: UUID) -> None:
        async with self._units.for_tenant(tenant_id) as unit:
            await unit.session.execute(
                update(CoverLookRow)
                .where(CoverLookRow.contract_id == contract_id, CoverLookRow.due_at <= unit.now)
                .values(due_at=unit.now + SET_ASIDE)
            )


class AgencyMail:
    """The job that sends messages to the agency that are about no item; one per process."""

    def __init__(self, units: UnitsOfWork, settings: IncidentsSettings) -> None:
        self._units = units
        self._domain = settings.smtp_from.rpartition("@")[2]
        self._server = MailServer(settings)
        self._catalogues = Catalogues.load(LOCALE)

    async def run(self) -> float:
        """Sends one message that is due; returns the seconds until the next may be. Without a server they wait."""
        if not self._server.configured:
            return LONGEST_WAIT
        letter = await self._claim()
        if letter is None:
            return LONGEST_WAIT
        message_id, written = letter
        if isinstance(written, str):
            await self._note(message_id, error=written, refused=False)
            return 0.0
        try:
            await self._server.send(written)
        except MailRefusedError as error:
            await self._note(message_id, error=str(error), refused=True)
        except MailDelayedError as error:
            await self._note(message_id, error=str(error), refused=False)
        else:
            await self._note(message_id, error=None, refused=False)
        return 0.0

    async def _claim(self) -> tuple[int, Letter | str] | None:
        """The message that is due first; why not, if it cannot be written: others are not kept waiting by it."""
        async with self._units.for_every_tenant() as unit:
            statement = (
                select(AgencyMessageRow)
                .where(AgencyMessageRow.next_attempt_at <= unit.now)
                .order_by(AgencyMessageRow.next_attempt_at, AgencyMessageRow.id)
                .limit(1)
                .with_for_update(skip_locked=True)
            )
            row = (await unit.session.execute(statement)).scalar_one_or_none()
            if row is None:
                return None
            row.attempts += 1
            row.next_attempt_at = unit.now + LEASE
            zone = await zone_at(unit.session, row.tenant_id, row.recipient)
            try:
                return row.id, self._letter(row, zone)
            except Exception as error:
                log.exception("agency_message_set_aside", message_id=row.id, error=type(error).__name__)
                return row.id, f"It cannot be written ({type(error).__name__}); the log says why."

    def _letter(self, row: AgencyMessageRow, zone: str | None) -> Letter:
        told_in = ZoneInfo(zone or row.details.get("time_zone", "UTC"))
        subject, body = _TEXTS[row.kind](self._catalogues.translator(row.language), row, told_in)
        message_id = f"<{row.kind.replace('_', '-')}.{row.id}.{row.contract_id or row.tenant_id}@{self._domain}>"
        return Letter(message_id, row.recipient, subject, body, row.created_at)

    async def _note(self, message_id: int, *, error: str | None, refused: bool) -> None:
        async with self._units.for_every_tenant() as unit:
            row = await unit.session.get_one(AgencyMessageRow, message_id, with_for_update=True)
            row.last_error = error
            again_at: datetime | None = unit.now + RETRY_AFTER
            result = "delayed"
            if error is None:
                row.state, row.sent_at, result, again_at = "sent", unit.now, "sent", None
            elif refused or unit.now + RETRY_AFTER > row.created_at + GIVE_UP_AFTER:
                row.state, result, again_at = "failed", "refused" if refused else "gave_up", None
            row.next_attempt_at = again_at
            unit.session.add(
                NotificationTryRow(
                    id=new_id(),
                    tenant_id=row.tenant_id,
                    contract_id=row.contract_id,
                    channel="mail",
                    address=row.recipient,
                    kind=row.kind,
                    number=row.attempts,
                    at=unit.now,
                    result=result,
                    error=error,
                    next_try_at=again_at,
                )
            )
        if error is not None:
            log.warning("agency_message_not_sent", message_id=message_id, error=error)


def cover_gap_text(translator: Translator, row: AgencyMessageRow, zone: ZoneInfo) -> tuple[str, str]:
    """Subject and body of the message that nobody covers what is promised, in a zone."""
    told, gettext = row.details, translator.gettext

    def local(text: str) -> str:
        return translator.datetime(datetime.fromisoformat(text), zone)

    spans = [
        gettext("From %(start)s to %(end)s", start=local(gap["from"]), end=local(gap["to"]))
        if gap["to"] is not None
        else gettext("From %(start)s on, as far as we look ahead", start=local(gap["from"]))
        for gap in told["gaps"]
    ]
    contract, client = one_line(told["contract"]), one_line(told["client"])
    lines = [
        gettext("Contract %(contract)s with %(client)s promises every hour.", contract=contract, client=client),
        gettext("Nobody is on call:"),
        *(f"- {span}" for span in spans),
        "",
        gettext("Add somebody to a schedule, or an override, and this is cleared by itself."),
        gettext("Times are those of %(zone)s.", zone=translator.zone(zone, row.created_at)),
    ]
    return one_line(gettext("Nobody is on call for %(contract)s", contract=contract)), "\n".join(lines) + "\n"


def urgent_quota_text(translator: Translator, row: AgencyMessageRow, zone: ZoneInfo) -> tuple[str, str]:
    """Subject and body of the message that more than the agreed share of what comes in is called urgent."""
    told, gettext = row.details, translator.gettext
    contract, client = one_line(told["contract"]), one_line(told["client"])
    figures = gettext(
        "%(urgent)s of %(total)s that came in within %(days)s days are urgent; agreed are at most %(quota)s %%.",
        urgent=told["urgent"],
        total=told["total"],
        days=told["days"],
        quota=told["quota_percent"],
    )
    lines = [
        gettext("Contract %(contract)s with %(client)s: too much is called urgent.", contract=contract, client=client),
        figures,
        "",
        gettext(
            "%(number)s waits for the word of the client's decider: ask him what comes first.", number=told["item"]
        ),
        gettext("The figures of the queue list everything that waits for it."),
    ]
    return one_line(gettext("Too much is urgent under %(contract)s", contract=contract)), "\n".join(lines) + "\n"


_TEXTS = {
    "cover_gap": cover_gap_text,
    "report_to_nobody": report_to_nobody_text,
    "urgent_quota": urgent_quota_text,
    "webhook_disabled": webhook_disabled_text,
}
"""What each kind of message says."""
