"""The log of decisions, residual risks and actions under a contract: as a list, a document, lines and a workbook."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Annotated, Any
from uuid import UUID
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Depends, Query, Request, Response
from fastapi.responses import StreamingResponse

from reporting.adapters.agency_sheets import decision_log_sheet
from reporting.adapters.decision_logs import superseded_decisions
from reporting.adapters.facts import StoredFacts
from reporting.adapters.history import columns_of, events_of, newest, rows_of, told_by
from reporting.adapters.rendering import translator_for
from reporting.api.dependencies import Lang
from reporting.api.documents import CSV, FILES, MOST_ROWS, Document, Form, answer, not_too_long, piece_by_piece
from reporting.application.brands import brand_of_papers
from reporting.application.decision_log import COLUMNS, LogEntry, LogKind, cells, log_entry
from reporting.application.facts import KnownContract
from reporting.application.history import FOLLOW_UP
from reporting.application.reporting import InTheFuture, contract_line, known_versions
from shared.auth import Principal
from shared.pagination import Page, PageParams, paginate
from shared.problems import Conflict, NotFound, responses_for
from shared.service import CurrentRuntime, Unit, require
from shared.unit_of_work import UnitOfWork
from shared.values import Instant

router = APIRouter(prefix="/v1/contracts/{contract_id}/decision-log", tags=["reports"])

READINGS = frozenset({"list_decision_log", "download_decision_log"})
"""Who reads or takes the log away is written into the audit log."""
Reader = Annotated[Principal, Depends(require("reports:read"))]
AsOf = Annotated[Instant | None, Query(description="the log as it stood then; not in the future. Left out: now")]
OfKind = Annotated[LogKind | None, Query(description="only `action`, `risk` or `decision`")]


class _Asked:
    """Whose log, as of when, and what of it the reader may see."""

    def __init__(
        self, versions: Sequence[KnownContract], as_of: datetime, kind: LogKind | None, who: Principal
    ) -> None:
        contract = versions[-1]
        self.contract = contract
        self.versions = versions
        self.as_of = as_of
        self._for_client = who.client_id is not None
        self.known = newest(
            contract.state.client.client_id,
            as_of,
            kinds=FOLLOW_UP if kind is None else (kind,),
            contract_id=contract.state.contract_id,
            for_client=self._for_client,
        )

    async def superseded(self, uow: UnitOfWork) -> Mapping[str, object]:
        """The decisions that a later one replaces which the reader may see."""
        return await superseded_decisions(uow, self.contract.state, self.as_of, for_client=self._for_client)


async def _asked(
    unit: UnitOfWork, contract_id: UUID, as_of: datetime | None, kind: LogKind | None, who: Principal
) -> _Asked:
    versions = await known_versions(StoredFacts(unit), contract_id)
    if as_of is not None and as_of > unit.now:
        raise InTheFuture("as_of")
    return _Asked(versions, as_of or unit.now, kind, who)


@router.get("", summary="List decisions, risks and actions", responses=responses_for(NotFound))
async def list_decision_log(
    contract_id: UUID, unit: Unit, who: Reader, params: PageParams, as_of: AsOf = None, kind: OfKind = None
) -> Page[LogEntry]:
    """Actions, then residual risks, then decisions, each in the order in which they were recorded, as they stood then.

    A client reads those that are for him; the agency reads all.
    """
    asked = await _asked(unit, contract_id, as_of, kind, who)
    superseded = await asked.superseded(unit)
    found: Page[Any] = await paginate(
        unit.session,
        rows_of(asked.known),
        columns=columns_of(asked.known),
        params=params,
        to_item=lambda event_id: event_id,
    )
    entries = [log_entry(each, asked.as_of, superseded) for each in await told_by(unit, found.data)]
    return Page[LogEntry](data=entries, next_cursor=found.next_cursor)


@router.get(
    "/{document_form}",
    summary="Download decisions, risks and actions",
    response_class=Response,
    responses={**responses_for(NotFound, Conflict), **FILES},
)
async def download_decision_log(
    request: Request,
    contract_id: UUID,
    form: Form,
    unit: Unit,
    runtime: CurrentRuntime,
    who: Reader,
    as_of: AsOf = None,
    kind: OfKind = None,
    lang: Lang = None,
) -> Response:
    """The log as a page, a PDF, a workbook, or CSV of any length with codes and instants for programs."""
    asked = await _asked(unit, contract_id, as_of, kind, who)
    superseded = await asked.superseded(unit)
    state = asked.contract.state
    name = f"{state.number}-decision-log"

    async def read(uow: UnitOfWork, event_ids: Sequence[UUID]) -> Iterable[Sequence[object]]:
        return [cells(log_entry(each, asked.as_of, superseded)) for each in await told_by(uow, event_ids)]

    if form == "csv":
        return StreamingResponse(
            piece_by_piece(runtime, who, COLUMNS, await events_of(unit, asked.known), read),
            media_type=CSV,
            headers={
                "Content-Disposition": f'attachment; filename="{name}.csv"',
                "Cache-Control": "private, no-store",
            },
        )
    event_ids = await events_of(unit, asked.known, MOST_ROWS + 1)
    not_too_long(event_ids[MOST_ROWS:] or None)
    entries = [log_entry(each, asked.as_of, superseded) for each in await told_by(unit, event_ids)]
    t = translator_for(lang, request.headers.get("accept-language"), state.client.language)
    facts = StoredFacts(unit)
    contract = contract_line(asked.versions, asked.as_of, await facts.names(contract_id))
    brand = await brand_of_papers(facts, asked.contract.tenant_id, state)
    zone = ZoneInfo(state.client.time_zone)
    document = Document(
        sheet=decision_log_sheet(contract, brand, entries, asked.as_of, zone, t),
        brand=brand,
        zone=zone.key,
        made_at=asked.as_of,
        file_name=name,
        columns=COLUMNS,
        rows=[cells(entry) for entry in entries],
    )
    return await answer(request, document, form, t)
