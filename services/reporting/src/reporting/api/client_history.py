"""Everything about a client as of an instant, for the agency: what was known of each thing, and every word of it."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any, Final
from uuid import UUID
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Depends, Query, Request, Response
from fastapi.responses import StreamingResponse
from sqlalchemy import Subquery, select

from reporting.adapters.agency_sheets import history_sheet
from reporting.adapters.facts import StoredFacts
from reporting.adapters.history import columns_of, counts_of, events_of, every_word, newest, rows_of, told_by, told_of
from reporting.adapters.rendering import translator_for
from reporting.adapters.tables import Client, Contract, Event
from reporting.api.dependencies import Lang
from reporting.api.documents import (
    CSV,
    FILES,
    MOST_ROWS,
    AgencyReader,
    Document,
    Form,
    answer,
    not_too_long,
    piece_by_piece,
)
from reporting.application.brands import brand_of_papers
from reporting.application.facts import ContractState
from reporting.application.history import SUBJECTS, ClientHistory, HistorySubject, SubjectKind, Told, subject_of
from reporting.application.report import Brand
from reporting.application.reporting import InTheFuture
from shared.pagination import Page, PageParams, paginate
from shared.problems import Conflict, NotFound, responses_for
from shared.service import CurrentRuntime, Unit
from shared.unit_of_work import UnitOfWork
from shared.values import Instant, instant_text

router = APIRouter(prefix="/v1/clients/{client_id}/history", tags=["reports"])

READINGS = frozenset(
    {"get_client_history", "list_client_history", "list_client_history_events", "download_client_history"}
)
"""Who looks through a client's history is written into the audit log."""
AsOf = Annotated[
    Instant | None, Query(description="what was known then, as it stood then; not in the future. Left out: now")
]
OfKind = Annotated[SubjectKind | None, Query(description="only subjects of this kind")]
COLUMNS: Final = ("kind", "subject_id", "name", "status", "version", "since", "event", "event_id")
_CLIENT: Final[tuple[SubjectKind, ...]] = ("client",)


@dataclass(frozen=True)
class _Asked:
    client_id: UUID
    as_of: datetime
    kinds: Sequence[SubjectKind]

    def known(self) -> Subquery:
        return newest(self.client_id, self.as_of, kinds=self.kinds)


async def _asked(client_id: UUID, unit: Unit, _who: AgencyReader, as_of: AsOf = None, kind: OfKind = None) -> _Asked:
    there = await unit.session.get(Client, client_id) or await unit.session.scalar(
        select(Contract.contract_id).where(Contract.client_id == client_id).limit(1)
    )
    if there is None:
        raise NotFound("There is no client with this id.")
    if as_of is not None and as_of > unit.now:
        raise InTheFuture("as_of")
    return _Asked(client_id, as_of or unit.now, SUBJECTS if kind is None else (kind,))


Asked = Annotated[_Asked, Depends(_asked)]


@router.get("", summary="Read what there is of a client's history", responses=responses_for(NotFound))
async def get_client_history(unit: Unit, asked: Asked) -> ClientHistory:
    """How much was known of the client at an instant, by kind: `…/subjects` lists it, `…/events` every word of it."""
    known = asked.known()
    (name, _), counts = await _named(unit, asked), await counts_of(unit, known)
    return ClientHistory(client_id=asked.client_id, client_name=name, as_of=asked.as_of, counts=dict(counts))


@router.get("/subjects", summary="List everything about a client", responses=responses_for(NotFound))
async def list_client_history(unit: Unit, asked: Asked, params: PageParams) -> Page[HistorySubject]:
    """Client, sites, contracts, configuration, monitors, items, decisions and what else was told of him, each as its
    newest event until then says it; a contract by its version in force.
    """
    known = asked.known()
    page: Page[Any] = await paginate(
        unit.session, rows_of(known), columns=columns_of(known), params=params, to_item=lambda event_id: event_id
    )
    told = await told_by(unit, page.data)
    return Page[HistorySubject](data=[subject_of(each) for each in told], next_cursor=page.next_cursor)


@router.get("/events", summary="List every word about a client", responses=responses_for(NotFound))
async def list_client_history_events(
    unit: Unit,
    asked: Asked,
    params: PageParams,
    subject_id: Annotated[str | None, Query(max_length=300, description="only of this subject")] = None,
) -> Page[HistorySubject]:
    """Everything that was said of his subjects until then, newest first: each event with the state that it carries."""
    return await paginate(
        unit.session,
        every_word(asked.client_id, asked.as_of, asked.kinds, subject_id),
        columns=(Event.occurred_at, Event.event_id),
        params=params,
        to_item=lambda row: subject_of(told_of(row)),
        descending=True,
    )


@router.get(
    "/{document_form}",
    summary="Download everything about a client",
    response_class=Response,
    responses={**responses_for(NotFound, Conflict), **FILES},
)
async def download_client_history(
    request: Request,
    form: Form,
    unit: Unit,
    runtime: CurrentRuntime,
    who: AgencyReader,
    asked: Asked,
    lang: Lang = None,
) -> Response:
    """The list as a page, a PDF, a workbook, or CSV of any length."""
    known = asked.known()

    async def read(uow: UnitOfWork, event_ids: Sequence[UUID]) -> Iterable[Sequence[object]]:
        return [_cells(each) for each in await told_by(uow, event_ids)]

    if form == "csv":
        return StreamingResponse(
            piece_by_piece(runtime, who, COLUMNS, await events_of(unit, known), read),
            media_type=CSV,
            headers={
                "Content-Disposition": 'attachment; filename="client-history.csv"',
                "Cache-Control": "private, no-store",
            },
        )
    event_ids = await events_of(unit, known, MOST_ROWS + 1)
    not_too_long(event_ids[MOST_ROWS:] or None)
    told = await told_by(unit, event_ids)
    name, state = await _named(unit, asked)
    brand = Brand("", None, None, None, None)
    if state is not None:
        brand = await brand_of_papers(StoredFacts(unit), who.tenant_id, state)
    zone = ZoneInfo("UTC") if state is None else ZoneInfo(state.client.time_zone)
    agency = "" if state is None else state.agency.name
    language = "en" if state is None else state.client.language
    t = translator_for(lang, request.headers.get("accept-language"), language)
    document = Document(
        sheet=history_sheet(name, agency, brand, [subject_of(each) for each in told], asked.as_of, zone, t),
        brand=brand,
        zone=zone.key,
        made_at=asked.as_of,
        file_name="client-history",
        columns=COLUMNS,
        rows=[_cells(each) for each in told],
    )
    return await answer(request, document, form, t)


async def _named(unit: UnitOfWork, asked: _Asked) -> tuple[str, ContractState | None]:
    """What the client was called then, and a contract of his, which says how his documents look."""
    last = await events_of(unit, newest(asked.client_id, asked.as_of, kinds=_CLIENT), 1)
    told = await told_by(unit, last)
    stored = await unit.session.scalar(
        select(Contract.state)
        .where(Contract.client_id == asked.client_id)
        .order_by(Contract.began_at, Contract.contract_id)
        .limit(1)
    )
    state = None if stored is None else ContractState.model_validate(stored)
    if told:
        return str(told[0].data.get("name") or ""), state
    row = await unit.session.get(Client, asked.client_id)
    return (row.name if row is not None else state.client.name if state is not None else ""), state


def _cells(told: Told) -> list[object]:
    subject = subject_of(told)
    return [
        subject.kind,
        subject.subject_id,
        subject.name,
        subject.status or "",
        subject.version,
        instant_text(subject.since),
        subject.event,
        str(subject.event_id),
    ]
