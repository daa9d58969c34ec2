"""What came in, as rows: the ports of `application.intake` and `application.correspondence` over one source."""

import hashlib
import json
import secrets
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from pydantic import TypeAdapter
from sqlalchemy import Select, Text, and_, cast, exists, func, or_, select, text, update
from sqlalchemy.dialects.postgresql import insert

from incidents.adapters.files import hold
from incidents.adapters.intake_tables import (
    CallRow,
    ExternalDeliveryRow,
    ExternalTicketRow,
    IntakeLinkRow,
    IntakeMailRow,
    IntakePointRow,
    IntakeReceiptRow,
    IntakeSourceRow,
)
from incidents.adapters.tables import ContractTermsRow, NotificationRow, WorkItemRow
from incidents.application.attachments import refused_at_once
from incidents.application.correspondence import Correspondent, Letter
from incidents.application.intake import IntakeSource, Link
from incidents.application.intake_formats import FieldRule, clean_text
from incidents.domain.intake import Point
from shared.calendar_schema import CalendarVersions, calendar_history
from shared.ids import new_id
from shared.unit_of_work import UnitOfWork

MOST_TURNS = 2_000
"""Of a matter that never rests only the newest turns count; what is older is settled long since."""
MOST_COMMENTS = 500
ADOPTED = timedelta(minutes=10)
"""So long after a tool was asked for a ticket one of the same title may be it."""
ECHOES = timedelta(minutes=2)
"""So long after a tool was told of a state it may say it back without saying that it had it from us."""
_VERSIONS: TypeAdapter[CalendarVersions] = TypeAdapter(CalendarVersions)


def new_token() -> str:
    """An unguessable word: 192 random bits."""
    return secrets.token_urlsafe(24)


def token_hash(token: str) -> bytes:
    """What is stored of it. A random word needs no slow hash."""
    return hashlib.sha256(token.encode()).digest()


def source_of(row: IntakeSourceRow) -> IntakeSource:
    """The source of a row."""
    return IntakeSource(
        id=row.id,
        name=row.name,
        contract_id=row.contract_id,
        site_id=row.site_id,
        environment_id=row.environment_id,
        default_severity=row.default_severity,
        severities=row.severities,
        settle=timedelta(seconds=row.settle_seconds),
        created_at=row.created_at,
    )


def rules_of(row: IntakeSourceRow) -> dict[str, FieldRule]:
    """The field mapping of a source."""
    return {name: FieldRule(**rule) for name, rule in row.mapping.items()}


async def find_source(uow: UnitOfWork, source_id: UUID, *, lock: bool = False) -> IntakeSourceRow | None:
    """A source that the unit may see."""
    return await uow.session.get(IntakeSourceRow, source_id, with_for_update=lock or None)


async def source_at(uow: UnitOfWork, hashed: bytes) -> IntakeSourceRow | None:
    """The source with this address."""
    return (
        await uow.session.execute(select(IntakeSourceRow).where(IntakeSourceRow.token_hash == hashed))
    ).scalar_one_or_none()


class _OfSource:
    def __init__(self, uow: UnitOfWork, row: IntakeSourceRow) -> None:
        self._uow = uow
        self._session = uow.session
        self._source_id = row.id
        self._owner = {"tenant_id": row.tenant_id, "client_id": row.client_id}

    async def hold(self, key: str) -> None:
        """Until the end of the transaction nobody else works on this key of the source."""
        name = f"intake {self._source_id} {key}"
        await self._session.execute(select(func.pg_advisory_xact_lock(func.hashtextextended(name, 0))))


class SqlMatters(_OfSource):
    """`application.intake.Matters`."""

    async def note(self, key: str, points: Iterable[Point]) -> None:
        rows = [
            {"source_id": self._source_id, "key": key, "at": point.at, "kind": point.kind, **self._owner}
            for point in points
        ]
        await self._session.execute(insert(IntakePointRow).values(rows).on_conflict_do_nothing())

    async def points(self, key: str) -> Sequence[Point]:
        # A sender may say a thousand times that it is still wrong. Only where it turned does a spell begin or end, so
        # that the beginning of one that lasts is never crowded out by repetitions of it.
        in_time = (IntakePointRow.at, IntakePointRow.kind)  # at one instant "firing" comes before "resolved"
        said = (
            select(
                IntakePointRow.kind,
                IntakePointRow.at,
                func.lag(IntakePointRow.kind).over(order_by=in_time).label("before"),
            )
            .where(IntakePointRow.source_id == self._source_id, IntakePointRow.key == key)
            .subquery()
        )
        turns = select(said.c.kind, said.c.at).where(said.c.kind.is_distinct_from(said.c.before))
        newest = turns.order_by(said.c.at.desc(), said.c.kind.desc()).limit(MOST_TURNS)
        return [Point(row.kind, row.at) for row in await self._session.execute(newest)]

    async def links(self, key: str) -> Sequence[Link]:
        statement = (
            select(IntakeLinkRow)
            .where(IntakeLinkRow.source_id == self._source_id, IntakeLinkRow.key == key)
            .order_by(IntakeLinkRow.begins_at, IntakeLinkRow.id)
        )
        rows = (await self._session.execute(statement)).scalars()
        return [Link(row.id, row.begins_at, row.item_id, row.told) for row in rows]

    async def link(self, key: str, begins_at: datetime, item_id: UUID, told: int) -> None:
        self._session.add(
            IntakeLinkRow(
                id=new_id(),
                source_id=self._source_id,
                key=key,
                begins_at=begins_at,
                item_id=item_id,
                told=told,
                **self._owner,
            )
        )
        await self._session.flush()

    async def tell(self, link_id: UUID, told: int) -> None:
        await self._session.execute(update(IntakeLinkRow).where(IntakeLinkRow.id == link_id).values(told=told))


class SqlTickets(_OfSource):
    """`application.intake.Tickets`."""

    async def _row(self, external_id: str) -> ExternalTicketRow | None:
        """Locked: what is told to the tool meanwhile notes something here too."""
        statement = select(ExternalTicketRow).where(
            ExternalTicketRow.source_id == self._source_id, ExternalTicketRow.external_id == external_id
        )
        return (await self._session.execute(statement.with_for_update())).scalar_one_or_none()

    async def item_of(self, external_id: str) -> UUID | None:
        row = await self._row(external_id)
        return row.item_id if row else None

    async def adopt(self, external_id: str, item: str | None, title: str) -> UUID | None:
        asked = exists().where(
            ExternalDeliveryRow.source_id == ExternalTicketRow.source_id,
            ExternalDeliveryRow.item_id == ExternalTicketRow.item_id,
            ExternalDeliveryRow.kind == "opened",
            ExternalDeliveryRow.attempts > 0,
            or_(ExternalDeliveryRow.state == "pending", ExternalDeliveryRow.finished_at > self._uow.now - ADOPTED),
        )
        meant = (
            and_(WorkItemRow.title == title, asked)
            if item is None
            else or_(WorkItemRow.number == item, cast(WorkItemRow.id, Text) == item.lower())
        )
        statement = (
            select(ExternalTicketRow)
            .join(WorkItemRow, WorkItemRow.id == ExternalTicketRow.item_id)
            .where(ExternalTicketRow.source_id == self._source_id, ExternalTicketRow.external_id.is_(None), meant)
            .order_by(ExternalTicketRow.item_id)
            .limit(1)
            .with_for_update(of=ExternalTicketRow)
        )
        row = (await self._session.execute(statement)).scalar_one_or_none()
        if row is None:
            return None
        row.external_id, row.mapped_at = external_id, self._uow.now
        await self._session.flush()
        return row.item_id

    async def just_told(self, external_id: str, state: str) -> bool:
        statement = (
            select(ExternalDeliveryRow.payload)
            .join(
                ExternalTicketRow,
                and_(
                    ExternalTicketRow.source_id == ExternalDeliveryRow.source_id,
                    ExternalTicketRow.item_id == ExternalDeliveryRow.item_id,
                ),
            )
            .where(
                ExternalTicketRow.source_id == self._source_id,
                ExternalTicketRow.external_id == external_id,
                ExternalDeliveryRow.kind != "commented",
                ExternalDeliveryRow.attempts > 0,
                or_(ExternalDeliveryRow.state == "pending", ExternalDeliveryRow.finished_at > self._uow.now - ECHOES),
            )
        )
        told = (await self._session.execute(statement)).scalars()
        return any(json.loads(payload)["item"]["status"] == state for payload in told)

    async def map(self, external_id: str, item_id: UUID) -> None:
        self._session.add(
            ExternalTicketRow(
                source_id=self._source_id,
                external_id=external_id,
                item_id=item_id,
                told_version=0,
                comments=[],
                mapped_at=self._uow.now,
                **self._owner,
            )
        )
        await self._session.flush()

    async def seen(self, external_id: str, before: int, version: int) -> None:
        row = await self._row(external_id)
        # What was done here and has not been told yet is still to be told, whatever came from there since.
        if row is not None and row.told_version >= before:
            row.told_version = max(row.told_version, version)
            await self._session.flush()

    async def has_comment(self, external_id: str, text: str) -> bool:
        row = await self._row(external_id)
        return row is not None and _digest(text) in row.comments

    async def keep_comment(self, external_id: str, text: str) -> None:
        row = await self._row(external_id)
        assert row is not None  # a comment is of a ticket that has its item
        row.comments = with_comment(row.comments, text)
        await self._session.flush()


class SqlCorrespondence(_OfSource):
    """`application.correspondence.Correspondence`. `agency` are the addresses that the agency is alerted at."""

    def __init__(self, uow: UnitOfWork, row: IntakeSourceRow, agency: Iterable[str]) -> None:
        super().__init__(uow, row)
        self._tenant_id = row.tenant_id
        self._agency = {address.lower() for address in agency}

    async def known(self, message_id: str) -> tuple[str, UUID | None] | None:
        statement = select(IntakeMailRow).where(
            IntakeMailRow.source_id == self._source_id, IntakeMailRow.message_id == message_id
        )
        row = (await self._session.execute(statement)).scalar_one_or_none()
        return (row.state, row.item_id) if row else None

    async def is_ours(self, message_id: str) -> bool:
        statement = select(NotificationRow.id).where(NotificationRow.message_id == message_id).limit(1)
        return (await self._session.execute(statement)).first() is not None

    async def item_answered(self, references: Sequence[str], contract_id: UUID) -> UUID | None:
        if not references:
            return None
        sent = select(NotificationRow.message_id, NotificationRow.item_id.label("item_id")).where(
            NotificationRow.message_id.in_(references)
        )
        received = select(IntakeMailRow.message_id, IntakeMailRow.item_id).where(
            IntakeMailRow.message_id.in_(references), IntakeMailRow.item_id.is_not(None)
        )
        found = sent.union_all(received).subquery()
        statement = (
            select(found.c.message_id, found.c.item_id)
            .join(WorkItemRow, WorkItemRow.id == found.c.item_id)
            .where(WorkItemRow.contract_id == contract_id)
        )
        items = {row.message_id: row.item_id for row in await self._session.execute(statement)}
        return next((items[each] for each in references if each in items), None)

    async def item_numbered(self, number: str, contract_id: UUID) -> UUID | None:
        statement = select(WorkItemRow.id).where(WorkItemRow.number == number, WorkItemRow.contract_id == contract_id)
        return (await self._session.execute(statement)).scalar_one_or_none()

    async def correspondent(self, contract_id: UUID, address: str) -> Correspondent | None:
        if not address:
            return None
        if address in self._agency:
            return Correspondent(address, address, "agency")
        state = await newest_state(self._uow, contract_id)
        for contact in (state or {}).get("contacts") or []:
            if str(contact.get("email") or "").lower() == address:
                return Correspondent(str(contact.get("contact_id") or address), str(contact.get("name")), "client")
        return None

    async def taken_from(self, sender: str, since: datetime) -> int:
        statement = select(func.count()).where(
            IntakeMailRow.source_id == self._source_id,
            IntakeMailRow.sender == sender,
            IntakeMailRow.state == "item",
            IntakeMailRow.received_at > since,
        )
        return (await self._session.execute(statement)).scalar_one()

    async def keep(
        self, letter: Letter, *, state: str, item_id: UUID | None, reason: str | None, received_at: datetime
    ) -> UUID:
        mail_id = new_id()
        brought = refused_at_once(letter.files)
        self._session.add(
            IntakeMailRow(
                id=mail_id,
                source_id=self._source_id,
                message_id=letter.message_id,
                state=state,
                item_id=item_id,
                received_at=received_at,
                sender=letter.sender,
                sender_name=letter.sender_name,
                subject=letter.subject,
                # What has found its item is told there; only what somebody has to decide about is kept here too.
                body=letter.text if state == "held" else "",
                attachments=[each.described for each in brought],
                reason=reason,
                version=1,
                **self._owner,
            )
        )
        await self._session.flush()
        if state == "held":
            kept = (each.file for each in brought if each.not_kept is None)
            await hold(self._uow, mail_id, self._owner, kept)
        return mail_id


async def newest_state(uow: UnitOfWork, contract_id: UUID) -> dict[str, Any] | None:
    """The newest version of a contract, whole."""
    statement = (
        select(ContractTermsRow.state)
        .where(ContractTermsRow.contract_id == contract_id)
        .order_by(ContractTermsRow.version.desc())
        .limit(1)
    )
    return (await uow.session.execute(statement)).scalar_one_or_none()


async def hotline_open(uow: UnitOfWork, contract_id: UUID, at: datetime) -> tuple[str | None, bool | None]:
    """The calendar of the hotline by the version in force at an instant, and whether it was open; None: none agreed."""
    statement = (
        select(ContractTermsRow.state)
        .where(ContractTermsRow.contract_id == contract_id, ContractTermsRow.effective_from <= at)
        .order_by(ContractTermsRow.version.desc())
        .limit(1)
    )
    state = (await uow.session.execute(statement)).scalar_one_or_none() or {}
    name = (state.get("service_desk") or {}).get("hotline_calendar") or (state.get("response") or {}).get("calendar")
    versions = (state.get("calendars") or {}).get(name)
    if not name or versions is None:
        return None, None
    history = calendar_history(_VERSIONS.validate_python(versions))
    return name, bool(history.open_between(at, at + timedelta(microseconds=1)))


async def stored_answer(uow: UnitOfWork, source_id: UUID, delivery: str) -> dict[str, Any] | None:
    """The answer to a delivery that was accepted before. Holds the delivery until the transaction ends."""
    await uow.session.execute(
        text("select pg_advisory_xact_lock(hashtextextended(:name, 0))"), {"name": f"delivery {source_id} {delivery}"}
    )
    statement = select(IntakeReceiptRow.answer).where(
        IntakeReceiptRow.source_id == source_id, IntakeReceiptRow.delivery == delivery
    )
    return (await uow.session.execute(statement)).scalar_one_or_none()


def add_receipt(
    uow: UnitOfWork,
    row: IntakeSourceRow,
    *,
    outcome: str,
    status: int,
    media_type: str,
    size: int,
    excerpt: str,
    delivery: str | None = None,
    error: str | None = None,
    results: Sequence[dict[str, Any]] = (),
    answer: dict[str, Any] | None = None,
) -> None:
    """Keeps what came, and what came of it."""
    uow.session.add(
        IntakeReceiptRow(
            id=new_id(),
            tenant_id=row.tenant_id,
            client_id=row.client_id,
            source_id=row.id,
            received_at=uow.now,
            delivery=delivery,
            outcome=outcome,
            status=status,
            error=error[:1000] if error else None,
            media_type=media_type[:100],
            size=size,
            excerpt=excerpt,
            results=list(results),
            answer=answer,
        )
    )


def sources() -> Select[IntakeSourceRow]:
    """Every source that the caller may see, unordered."""
    return select(IntakeSourceRow)


def receipts(source_id: UUID) -> Select[IntakeReceiptRow]:
    """What a source has sent, unordered."""
    return select(IntakeReceiptRow).where(IntakeReceiptRow.source_id == source_id)


def tickets(source_id: UUID) -> Any:
    """Tickets of an external tool with the numbers of their items, unordered."""
    return (
        select(ExternalTicketRow, WorkItemRow.number)
        .join(WorkItemRow, WorkItemRow.id == ExternalTicketRow.item_id)
        .where(ExternalTicketRow.source_id == source_id, ExternalTicketRow.external_id.is_not(None))
    )


def held() -> Select[IntakeMailRow]:
    """Mails that somebody has to decide about, unordered."""
    return select(IntakeMailRow).where(IntakeMailRow.state == "held")


def calls(contract_id: UUID | None) -> Select[CallRow]:
    """The log of calls, unordered."""
    statement = select(CallRow)
    return statement.where(CallRow.contract_id == contract_id) if contract_id is not None else statement


def with_comment(known: Sequence[str], text: str) -> list[str]:
    """The comments that a ticket is known to have, with one more. As it would come in: a tool may say ours back."""
    digest = _digest(clean_text(text))
    return [*(each for each in known if each != digest), digest][-MOST_COMMENTS:]


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:32]
