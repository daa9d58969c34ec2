"""Editions by mail: for whom, when to try, when they left, when their link was opened first."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from typing import Final, Literal, TypeAlias, cast
from uuid import UUID

import structlog
from sqlalchemy import select, update

from reporting.adapters.facts import StoredFacts
from reporting.adapters.history import DATA
from reporting.adapters.report_schedules import is_wanted
from reporting.adapters.report_tables import ReportDelivery, ReportEdition
from reporting.adapters.tables import Contract, Event
from reporting.application.facts import Contact, ContractState, KnownContract
from reporting.application.measuring import active_states
from reporting.application.reporting import zones_of
from reporting.domain.period import month_bounds
from reporting.domain.review_periods import SCHEDULED, ReportKind
from reporting.published.report_v1 import ReportDeliveryOmitted
from shared.ids import new_id
from shared.unit_of_work import UnitOfWork

SETTLES_FOR: Final = timedelta(minutes=10)
"""So long an edition waits for a next one, so that a correction a minute later is one mail and not two."""
TOO_LATE: Final = timedelta(days=3)
"""An edition that could not be sent for so long is not sent any more: whoever looks after the server knows by then."""
LEASE: Final = timedelta(minutes=5)
CLIENT_CHANGED: Final = "contracts.client.changed.v1"
RECIPIENTS: Final = "decider"
"""The role of those who are sent reports: who decides what he pays for."""

NOBODY: Final = UUID(int=0)
"""Stands for the reader where nobody at the client decides."""

Ended: TypeAlias = Literal[
    "superseded", "refused", "template", "too_late", "no_longer_decides", "nobody_decides", "no_longer_wanted"
]

log = structlog.get_logger(__name__)


async def plan_deliveries(uow: UnitOfWork, edition: ReportEdition) -> None:
    """An edition was issued: it is sent to everybody who decides now, a monthly one where its month promised that and
    was not suspended throughout, and a document of a month where it is wanted of that month: what a contract had then
    may have left it since.

    What of earlier editions has not left yet does not leave any more. Where nobody decides, that is kept as a delivery
    which ended.
    """
    row = ReportDelivery
    await uow.session.execute(
        update(row)
        .where(
            row.contract_id == edition.contract_id,
            row.kind == edition.kind,
            row.month == edition.month,
            row.sent_at.is_(None),
            row.ended_at.is_(None),
        )
        .values(due_at=None, ended_at=uow.now, ended_because="superseded")
    )
    versions = await StoredFacts(uow).versions(edition.contract_id)
    if edition.kind == "monthly" and not _is_to_be_mailed(versions, edition.month):
        return
    if edition.kind in SCHEDULED and not await is_wanted(uow, versions, edition.kind, edition.month):
        return
    deciders = await _deciders(uow, edition.contract_id)
    if not deciders:
        _note_nobody_decides(uow, edition, versions[-1].state)
    for contact in deciders:
        plan_delivery(
            uow,
            edition,
            delivery_id=new_id(),
            contact_id=contact.contact_id,
            name=contact.name,
            address=contact.email,
            language=contact.language,
            planned_at=uow.now,
            due_at=uow.now + SETTLES_FOR,
        )


def _note_nobody_decides(uow: UnitOfWork, edition: ReportEdition, contract: ContractState) -> None:
    """It is sent to nobody, and the agency is told so."""
    delivery = plan_delivery(
        uow,
        edition,
        delivery_id=new_id(),
        contact_id=NOBODY,
        name="",
        address="",
        language=contract.client.language,
        planned_at=uow.now,
        due_at=None,
    )
    delivery.ended_at, delivery.ended_because = uow.now, "nobody_decides"
    uow.publish(
        ReportDeliveryOmitted(
            delivery_id=delivery.delivery_id,
            contract_id=edition.contract_id,
            client_id=edition.client_id,
            contract_number=contract.number,
            client_name=contract.client.name,
            kind=edition.kind,
            month=edition.month,
            edition=edition.edition,
            omitted_at=uow.now,
        ),
        version=1,
    )
    log.warning(
        "report_mailed_to_nobody",
        contract_id=str(edition.contract_id),
        kind=edition.kind,
        month=str(edition.month),
        edition=edition.edition,
    )


def _is_to_be_mailed(versions: Sequence[KnownContract], month: date) -> bool:
    """Whether the report of a month is: by what was promised in it, whatever holds since. Like every other deliverable
    it asks for nothing while all is suspended. It is issued all the same, and can be read.
    """
    return any(state.reports.monthly for state in active_states(versions, *month_bounds(month, zones_of(versions))))


async def _deciders(uow: UnitOfWork, contract_id: UUID) -> Sequence[Contact]:
    """Who decides at the client of a contract now: a contract keeps the people of the day when it was signed.

    Read from the newest event of the client, which is kept for ever: so whatever release heard it, it counts. Where
    none was heard the people of the contract are all that is known.
    """
    contract = await uow.session.get(Contract, contract_id)
    assert contract is not None  # an edition of it was issued
    said = await uow.session.scalar(
        select(DATA["contacts"])
        .where(Event.aggregate_id == str(contract.client_id), Event.name == CLIENT_CHANGED)
        .order_by(Event.aggregate_version.desc())
        .limit(1)
    )
    signed = ContractState.model_validate(contract.state).contacts
    contacts = signed if said is None else [Contact.model_validate(each) for each in said]
    return [contact for contact in contacts if RECIPIENTS in contact.roles]


def plan_delivery(
    uow: UnitOfWork,
    edition: ReportEdition,
    *,
    delivery_id: UUID,
    contact_id: UUID,
    name: str,
    address: str,
    language: str,
    planned_at: datetime,
    due_at: datetime | None,
) -> ReportDelivery:
    """An edition is sent to one person, unless it is too late when it can be: that counts from `planned_at`."""
    delivery = ReportDelivery(
        delivery_id=delivery_id,
        tenant_id=edition.tenant_id,
        client_id=edition.client_id,
        contract_id=edition.contract_id,
        kind=edition.kind,
        month=edition.month,
        edition=edition.edition,
        contact_id=contact_id,
        name=name,
        address=address,
        language=language,
        planned_at=planned_at,
        due_at=due_at,
        tries=0,
    )
    uow.session.add(delivery)
    return delivery


@dataclass(frozen=True)
class DueDelivery:
    """A mail that is due."""

    tenant_id: UUID
    delivery_id: UUID


async def due_deliveries(uow: UnitOfWork, limit: int) -> list[DueDelivery]:
    """The mails that are due, those that waited longest first."""
    row = ReportDelivery
    found = await uow.session.execute(
        select(row.tenant_id, row.delivery_id)
        .where(row.due_at <= uow.now)
        .order_by(row.due_at, row.delivery_id)
        .limit(limit)
    )
    return [DueDelivery(*each) for each in found]


@dataclass(frozen=True)
class Mail:
    """What is to be sent, and how often it was tried before."""

    delivery_id: UUID
    contract_id: UUID
    kind: ReportKind
    month: date
    edition: int
    name: str
    address: str
    language: str
    planned_at: datetime
    tries: int


async def claim_delivery(uow: UnitOfWork, delivery_id: UUID) -> Mail | None:
    """The mail, if it is still due and nobody else sends it; nobody else will until the lease is over."""
    row: ReportDelivery | None = await uow.session.scalar(
        select(ReportDelivery)
        .where(
            ReportDelivery.delivery_id == delivery_id,
            ReportDelivery.due_at <= uow.now,
            ReportDelivery.ended_at.is_(None),
        )
        .with_for_update(skip_locked=True)
    )
    if row is None:
        return None
    mail = Mail(
        row.delivery_id,
        row.contract_id,
        cast(ReportKind, row.kind),
        row.month,
        row.edition,
        row.name,
        row.address,
        row.language,
        row.planned_at,
        row.tries,
    )
    row.tries += 1
    row.due_at = uow.now + LEASE
    return mail


async def to_who_decides_now(uow: UnitOfWork, mail: Mail) -> Mail | None:
    """The mail to its reader as the client knows him now; None when he was removed meanwhile, or decides no more.

    A message is for whom it was written for.
    """
    if mail.kind == "message":
        return mail
    row = await uow.session.get(ReportDelivery, mail.delivery_id)
    assert row is not None  # it was claimed just now
    for contact in await _deciders(uow, mail.contract_id):
        if contact.contact_id == row.contact_id:
            row.name, row.address, row.language = contact.name, contact.email, contact.language
            return replace(mail, name=row.name, address=row.address, language=row.language)
    return None


async def is_still_wanted(uow: UnitOfWork, mail: Mail) -> bool:
    """Whether a mail is to leave: its agency may have switched a document of months off since it was planned."""
    if mail.kind not in SCHEDULED:
        return True
    return await is_wanted(uow, await StoredFacts(uow).versions(mail.contract_id), mail.kind, mail.month)


async def note_sent(uow: UnitOfWork, delivery_id: UUID) -> None:
    """The mail server took it, be it the newest edition still or not."""
    row = ReportDelivery
    await uow.session.execute(
        update(row).where(row.delivery_id == delivery_id).values(due_at=None, sent_at=uow.now, last_error=None)
    )


async def note_ended(uow: UnitOfWork, delivery_id: UUID, because: Ended, error: str) -> None:
    """It will not be sent."""
    await _note_unsent(uow, delivery_id, due_at=None, ended_at=uow.now, ended_because=because, last_error=error)


async def note_delayed(uow: UnitOfWork, delivery_id: UUID, wait: timedelta, error: str) -> None:
    """It could not be sent now."""
    await _note_unsent(uow, delivery_id, due_at=uow.now + wait, last_error=error)


async def set_delivery_aside(uow: UnitOfWork, due: DueDelivery, wait: timedelta) -> None:
    """The mail cannot be written now. That is a try like any other, and too late after the same time."""
    row = ReportDelivery
    which = update(row).where(row.delivery_id == due.delivery_id, row.due_at.is_not(None))
    await uow.session.execute(which.values(due_at=uow.now + wait, tries=row.tries + 1))


async def note_seen(uow: UnitOfWork, delivery_id: UUID) -> None:
    """Its link was opened; only the first time is kept."""
    row = ReportDelivery
    await uow.session.execute(
        update(row).where(row.delivery_id == delivery_id, row.seen_at.is_(None)).values(seen_at=uow.now)
    )


async def delivery_of(uow: UnitOfWork, delivery_id: UUID) -> ReportDelivery | None:
    """A delivery."""
    return await uow.session.get(ReportDelivery, delivery_id)


async def newest_edition(uow: UnitOfWork, contract_id: UUID, kind: ReportKind, month: date) -> int:
    """The number of the newest edition of a month or a review."""
    row = ReportEdition
    found: int | None = await uow.session.scalar(
        select(row.edition)
        .where(row.contract_id == contract_id, row.kind == kind, row.month == month)
        .order_by(row.edition.desc())
        .limit(1)
    )
    return found or 0


async def _note_unsent(uow: UnitOfWork, delivery_id: UUID, **values: object) -> None:
    """Nothing of what has ended: the next edition may have been issued while the server was asked."""
    row = ReportDelivery
    await uow.session.execute(
        update(row).where(row.delivery_id == delivery_id, row.ended_at.is_(None)).values(**values)
    )
