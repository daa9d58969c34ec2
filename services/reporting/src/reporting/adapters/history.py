"""What was known of a client at an instant, read from the events: each subject as its newest event until then says."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import (
    ColumnElement,
    DateTime,
    Select,
    Subquery,
    case,
    cast,
    func,
    or_,
    select,
)
from sqlalchemy.dialects.postgresql import JSONB, distinct_on
from sqlalchemy.orm import aliased

from reporting.adapters.tables import Event
from reporting.application.history import NO_STATE, SUBJECTS, SubjectKind, Told
from shared.unit_of_work import UnitOfWork

_KIND: ColumnElement[str] = func.split_part(Event.name, ".", 2)
_PLACE: ColumnElement[int] = case(
    {kind: place for place, kind in enumerate(SUBJECTS)}, value=_KIND, else_=len(SUBJECTS)
)


def data_of(event: type[Event]) -> ColumnElement[Any]:
    """What an event says, read from its bytes."""
    found: ColumnElement[Any] = cast(func.convert_from(event.payload, "UTF8"), JSONB)["data"]
    return found


DATA = data_of(Event)


def newest(
    client_id: UUID,
    as_of: datetime,
    *,
    kinds: Collection[SubjectKind] = SUBJECTS,
    contract_id: UUID | None = None,
    for_client: bool = False,
) -> Subquery:
    """One row for each subject: which is its newest event until an instant. `place` orders kinds as a document does.

    A version of a contract counts from when it takes effect. With `for_client` what is for the agency is left out, and
    so is what became the agency's. What events say is read of the newest ones only, and only where a condition asks.
    """
    in_force = or_(_KIND != "contract", cast(DATA["effective_from"].astext, DateTime(timezone=True)) <= as_of)
    rows = _last_of(client_id, kinds, Event.occurred_at <= as_of, in_force).subquery("newest")
    if contract_id is None and not for_client:
        return rows
    event = aliased(Event)
    conditions = []
    if contract_id is not None:
        conditions.append(data_of(event)["contract_id"].astext == str(contract_id))
    if for_client:
        conditions.append(func.coalesce(data_of(event)["audience"].astext, "client") == "client")
        # What became the agency's since is the agency's, whatever instant is asked for.
        conditions.append(rows.c.subject_id.not_in(agencys_own(client_id, kinds)))
    return select(rows).join(event, event.event_id == rows.c.event_id).where(*conditions).subquery("known")


def agencys_own(client_id: UUID, kinds: Collection[SubjectKind] = SUBJECTS) -> Select[str]:
    """The subjects of a client's that are for the agency now: by the newest event of each."""
    now, last = _last_of(client_id, kinds).subquery("now"), aliased(Event)
    return (
        select(now.c.subject_id)
        .join(last, last.event_id == now.c.event_id)
        .where(data_of(last)["audience"].astext == "agency")
    )


def _last_of(
    client_id: UUID, kinds: Collection[SubjectKind], *conditions: ColumnElement[bool]
) -> Select[int, str, str, UUID]:
    return (
        select(
            _PLACE.label("place"),
            _KIND.label("kind"),
            Event.aggregate_id.label("subject_id"),
            Event.event_id.label("event_id"),
        )
        .where(Event.client_id == client_id, _KIND.in_(kinds), Event.name.not_in(NO_STATE), *conditions)
        .ext(distinct_on(_PLACE, Event.aggregate_id))
        .order_by(_PLACE, Event.aggregate_id, Event.aggregate_version.desc())
    )


def columns_of(known: Subquery) -> list[ColumnElement[Any]]:
    """By which subjects are listed: by kind, and within one in the order in which they came to be."""
    return [known.c.place, known.c.subject_id]


def rows_of(known: Subquery) -> Select[Any]:
    """The events of subjects, unordered: their ids."""
    return select(known.c.event_id)


async def counts_of(uow: UnitOfWork, known: Subquery) -> Mapping[str, int]:
    """How many subjects of each kind there are."""
    counted = (
        select(known.c.kind, func.count().label("known")).group_by(known.c.place, known.c.kind).order_by(known.c.place)
    )
    return {row.kind: row.known for row in await uow.session.execute(counted)}


async def events_of(uow: UnitOfWork, known: Subquery, most: int | None = None) -> Sequence[UUID]:
    """The events of subjects in the order in which they are listed, at most so many: read once for a whole document."""
    query = select(known.c.event_id).order_by(*columns_of(known)).limit(most)
    return (await uow.session.scalars(query)).all()


async def told_by(uow: UnitOfWork, event_ids: Sequence[UUID]) -> Sequence[Told]:
    """The subjects as these events tell them, in the same order."""
    rows = await uow.session.execute(_words().where(Event.event_id.in_(event_ids)))
    told = {row.event_id: told_of(row) for row in rows}
    return [told[event_id] for event_id in event_ids if event_id in told]


def told_of(row: Any) -> Told:
    """A row as a subject."""
    fields = ("kind", "subject_id", "version", "at", "name", "event_id", "data")
    return Told.model_validate({name: getattr(row, name) for name in fields})


def every_word(client_id: UUID, as_of: datetime, kinds: Collection[SubjectKind], subject_id: str | None) -> Select[Any]:
    """Everything that was said of a client's subjects until an instant, unordered."""
    query = _words().where(
        Event.client_id == client_id, Event.occurred_at <= as_of, _KIND.in_(kinds), Event.name.not_in(NO_STATE)
    )
    return query if subject_id is None else query.where(Event.aggregate_id == subject_id)


def _words() -> Select[Any]:
    return select(
        _KIND.label("kind"),
        Event.aggregate_id.label("subject_id"),
        Event.aggregate_version.label("version"),
        Event.occurred_at.label("at"),
        Event.name.label("name"),
        Event.event_id.label("event_id"),
        DATA.label("data"),
    )
