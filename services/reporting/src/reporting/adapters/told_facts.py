"""Keeping what other services told of a contract, and reading it for reports."""

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import func, or_, select

from reporting.adapters.kept_rows import Gathering, keep
from reporting.adapters.report_editions import report_again
from reporting.adapters.report_tables import ReportDelivery, ToldFactRow
from reporting.adapters.tables import Contract, Incident
from reporting.application.told import FactKind, Item, SentReport, ToldFact
from shared.events import ReceivedEvent
from shared.unit_of_work import UnitOfWork

A_DAY = timedelta(days=1)


def noon(day: date) -> datetime:
    """Where a fact stands that knows only its day: whoever reads it looks at the day again, in the client's zone."""
    return datetime.combine(day, time(12), UTC)


async def keep_told(
    uow: UnitOfWork,
    event: ReceivedEvent[Any],
    kind: FactKind,
    subject_id: UUID,
    *,
    contract_id: UUID | None,
    client_id: UUID,
    content: Mapping[str, Any],
    starts_at: datetime,
    ends_at: datetime | None,
) -> None:
    """Keeps the newest word on a subject. Reports of what is over are due that end after it began, by this word or by
    the one before: what moves to another month is told no more in the one where it was.

    Without content it is for nobody to read any more, and the newest word all the same.
    """
    row = {
        "kind": kind,
        "subject_id": subject_id,
        "tenant_id": event.tenant_id,
        "client_id": client_id,
        "contract_id": contract_id,
        "version": event.aggregate_version,
        "starts_at": starts_at,
        "ends_at": ends_at,
        "content": dict(content),
        "event_id": event.id,
    }
    began = {(contract_id, client_id): starts_at}
    before = None if isinstance(uow, Gathering) else await _word_before(uow, kind, subject_id)
    if before is not None:
        whose = (before.contract_id, before.client_id)
        began[whose] = min(before.starts_at, began.get(whose, before.starts_at))
    if await keep(uow, ToldFactRow, row):
        for (of_contract, of_client), since in sorted(began.items(), key=str):
            await report_again(uow, of_contract, since - A_DAY, client_id=of_client)


async def _word_before(uow: UnitOfWork, kind: FactKind, subject_id: UUID) -> Any:
    """Whose a subject was and when it began, as far as that was told; nothing of what an item is called."""
    row = ToldFactRow
    found = await uow.session.execute(
        select(row.contract_id, row.client_id, row.starts_at)
        .where(row.kind == kind, row.subject_id == subject_id, row.kind != "item")
        .with_for_update()
    )
    return found.one_or_none()


class StoredTold:
    """What was told, as far as a unit of work may see it."""

    def __init__(self, uow: UnitOfWork) -> None:
        self._session = uow.session

    async def told(self, contract_id: UUID, start: datetime, end: datetime) -> Sequence[ToldFact]:
        """What applies to some of `[start, end)`, and a day around it; of the contract, or of its client as a whole."""
        row = ToldFactRow
        client = select(Contract.client_id).where(Contract.contract_id == contract_id).scalar_subquery()
        found = await self._session.scalars(
            select(row)
            .where(
                or_(row.contract_id == contract_id, (row.contract_id.is_(None)) & (row.client_id == client)),
                row.kind != "item",
                row.starts_at < end + A_DAY,
                or_(row.ends_at.is_(None), row.ends_at >= start - A_DAY),
            )
            .order_by(row.starts_at, row.kind, row.subject_id)
        )
        return [ToldFact.model_validate(each, from_attributes=True) for each in found if each.content]

    async def items(self, item_ids: Sequence[UUID]) -> Mapping[UUID, Item]:
        """Number and title of items of the service desk, incidents too."""
        wanted = list(dict.fromkeys(item_ids))
        if not wanted:
            return {}
        row = ToldFactRow
        items = await self._session.execute(
            select(row.subject_id, row.content).where(row.kind == "item", row.subject_id.in_(wanted))
        )
        found = {subject_id: Item.model_validate(content) for subject_id, content in items}
        incidents = await self._session.execute(
            select(Incident.incident_id, Incident.state).where(Incident.incident_id.in_(wanted))
        )
        return found | {incident_id: Item.model_validate(state) for incident_id, state in incidents}

    async def sent_reports(self, contract_id: UUID, start: datetime, end: datetime) -> Sequence[SentReport]:
        """The editions of months that left in `[start, end)`: when the first mail of each left and was opened."""
        row = ReportDelivery
        sent = func.min(row.sent_at)
        found = await self._session.execute(
            select(row.month, row.edition, sent, func.min(row.seen_at))
            .where(row.contract_id == contract_id, row.kind == "monthly", row.sent_at.is_not(None))
            .group_by(row.month, row.edition)
            .having(sent >= start, sent < end)
            .order_by(sent)
        )
        return [
            SentReport.model_validate(dict(zip(("month", "edition", "sent_at", "seen_at"), each, strict=True)))
            for each in found
        ]
