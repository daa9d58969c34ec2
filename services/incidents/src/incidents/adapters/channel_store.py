"""Messages on their way to people: the rows that jobs send, for mail and for every channel that takes their kind."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Select, func, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from incidents.adapters.channel_tables import ChannelRow, NotificationTryRow
from incidents.adapters.on_call_tables import PersonRow, QuietHoursRow
from incidents.adapters.tables import NOTIFICATIONS
from incidents.application.definitions import QuietHoursDefinition
from incidents.domain.quiet_hours import QuietHours
from incidents.domain.work_item import WorkItem
from shared.ids import new_id
from shared.unit_of_work import UnitOfWork

Row = dict[str, Any]
Listening = tuple[ChannelRow, QuietHours | None]


def message_row(
    uow: UnitOfWork,
    item: WorkItem,
    kind: str,
    *,
    fact: str,
    details: Mapping[str, Any],
    recipient: str,
    language: str,
    audience: str,
    person_id: UUID | None = None,
    not_before: datetime | None = None,
    address: str | None = None,
) -> Row:
    """A message about an item to one recipient. With `address` the recipient is the id of a channel."""
    return {
        "id": new_id(),
        "tenant_id": uow.tenant_id,
        "client_id": item.subject.client_id,
        "item_id": item.id,
        "kind": kind,
        "fact": fact,
        "channel": "mail" if address is None else "apprise",
        "audience": audience,
        "recipient": recipient,
        "address": address,
        "language": language,
        "details": dict(details),
        "state": "pending",
        "attempts": 0,
        "created_at": uow.now,
        "next_attempt_at": not_before or uow.now,
        "person_id": person_id,
    }


async def listening(uow: UnitOfWork, contract_ids: Iterable[UUID]) -> list[Listening]:
    """The channels of these contracts and those of people, in their order, each with its person's quiet hours."""
    statement = (
        select(ChannelRow, QuietHoursRow.hours)
        .outerjoin(PersonRow, PersonRow.id == ChannelRow.person_id)
        .outerjoin(QuietHoursRow, QuietHoursRow.person_id == ChannelRow.person_id)
        .where(
            ChannelRow.tenant_id == uow.tenant_id,
            ChannelRow.removed_at.is_(None),
            ChannelRow.enabled,
            PersonRow.removed_at.is_(None),
            ChannelRow.contract_id.in_(set(contract_ids)) | ChannelRow.person_id.is_not(None),
        )
        .order_by(ChannelRow.id)
    )
    return [(channel, _quiet(hours)) for channel, hours in await uow.session.execute(statement)]


def rows_for_channels(
    uow: UnitOfWork,
    listeners: Iterable[Listening],
    item: WorkItem,
    kind: str,
    *,
    fact: str,
    details: Mapping[str, Any],
    person_id: UUID | None = None,
    not_before: datetime | None = None,
) -> list[Row]:
    """The message for each channel that takes its kind: those of the contract, and those of people.

    `listeners` are those of `listening`. With `person_id`, of that person only, not before the given instant; otherwise
    of everybody of the desk, each when his quiet hours are over.
    """
    rows = []
    for channel, quiet in listeners:
        if kind not in channel.kinds or not _concerns(channel, item, kind, person_id):
            continue
        waits = not_before if person_id is not None and channel.person_id is not None else None
        if person_id is None and quiet is not None:
            waits = quiet.until(uow.now, item.severity)
        rows.append(
            message_row(
                uow,
                item,
                kind,
                fact=fact,
                details=details,
                recipient=str(channel.id),
                language=channel.language,
                audience="agency",
                person_id=channel.person_id,
                not_before=waits,
                address=channel.shown,
            )
        )
    return rows


def _concerns(channel: ChannelRow, item: WorkItem, kind: str, person_id: UUID | None) -> bool:
    if channel.contract_id == item.subject.contract_id:
        return True
    if person_id is None:
        return channel.person_id is not None and kind != "escalation"  # asked is one person at a time
    return channel.person_id == person_id


# Core, not ORM: RETURNING would make row-level security ask whether the caller may read these rows.
_QUEUE = insert(NOTIFICATIONS).on_conflict_do_nothing()


def queue_messages(uow: UnitOfWork, rows: Iterable[Row]) -> None:
    """Stores messages to be sent; one that exists for the fact and recipient stays as it is."""
    for row in rows:
        uow.write_at_the_end(_QUEUE, row)


async def people_at(session: AsyncSession, emails: Iterable[str]) -> dict[str, tuple[UUID, QuietHours | None]]:
    """Who of the desk has which of these addresses, with his quiet hours; nobody at an address that two have."""
    wanted = {email.lower() for email in emails}
    statement = (
        select(func.lower(PersonRow.email), PersonRow.id, QuietHoursRow.hours)
        .outerjoin(QuietHoursRow, QuietHoursRow.person_id == PersonRow.id)
        .where(func.lower(PersonRow.email).in_(wanted), PersonRow.removed_at.is_(None))
    )
    found: dict[str, list[tuple[UUID, QuietHours | None]]] = defaultdict(list)
    for email, person_id, hours in await session.execute(statement) if wanted else ():
        found[email].append((person_id, _quiet(hours)))
    return {email: people[0] for email, people in found.items() if len(people) == 1}


def _quiet(hours: Mapping[str, Any] | None) -> QuietHours | None:
    return QuietHoursDefinition.model_validate(hours).quiet_hours() if hours is not None else None


async def zones_of(session: AsyncSession, person_ids: Iterable[UUID]) -> dict[UUID, str]:
    """In which zone each of these people reads."""
    statement = select(PersonRow.id, PersonRow.time_zone).where(PersonRow.id.in_(set(person_ids)))
    return {row.id: row.time_zone for row in await session.execute(statement)}


async def zone_at(session: AsyncSession, tenant_id: UUID, email: str) -> str | None:
    """In which zone whoever of the desk has this address reads; None when nobody has, or two have."""
    found = select(PersonRow.time_zone).where(
        PersonRow.tenant_id == tenant_id, func.lower(PersonRow.email) == email.lower(), PersonRow.removed_at.is_(None)
    )
    zones = (await session.execute(found.limit(2))).scalars().all()
    return zones[0] if len(zones) == 1 else None


def channels() -> Select[ChannelRow]:
    """The channels that were not removed, unordered."""
    return select(ChannelRow).where(ChannelRow.removed_at.is_(None))


async def channel(session: AsyncSession, channel_id: UUID, *, lock: bool = False) -> ChannelRow | None:
    """One of them; None when there is none that one may see."""
    statement = channels().where(ChannelRow.id == channel_id)
    return (await session.execute(statement.with_for_update() if lock else statement)).scalar_one_or_none()


async def remove_channels_of(session: AsyncSession, person_id: UUID, now: datetime) -> None:
    """A person who is taken off the desk is not reached any more."""
    statement = update(ChannelRow).where(ChannelRow.person_id == person_id, ChannelRow.removed_at.is_(None))
    await session.execute(statement.values(removed_at=now, address=b""))


def tries() -> Select[NotificationTryRow]:
    """Every try to deliver a message that the caller may see, unordered."""
    return select(NotificationTryRow)
