"""Papers: documents that are made of a contract, a settlement, the registers or the catalogue, in French or English."""

import asyncio
import base64
import hashlib
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from datetime import timedelta
from typing import Annotated, Any, Final, Literal, TypeAlias, TypeVar
from uuid import UUID
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Depends, Path, Query, Request, Response
from fastapi.responses import StreamingResponse

from contracts.adapters import paper_queries
from contracts.adapters.paper_files import paper_page, paper_pdf, paper_text, paper_workbook
from contracts.adapters.paper_queries import Place
from contracts.api.dependencies import SHOWN, VersionedRoute, Work, agency, tagged
from contracts.api.settlements import shown_to
from contracts.application import paper_layouts
from contracts.application.breach_notices import breach_notice, shown_of
from contracts.application.errors import NotNow, Unknown
from contracts.application.obligation_terms import REGISTERS
from contracts.application.paper_layouts import PaperLayout, PaperLayoutContent, laid_out
from contracts.application.papers import MOST_ROWS, PAPER_KINDS, Paper
from contracts.application.plain_terms import Written, plain_terms, written_of
from contracts.application.price_sheets import price_sheet
from contracts.application.register_papers import (
    ENTRY_COLUMNS,
    STATE_COLUMNS,
    configuration_report,
    entry_cells,
    register_export,
    state_cells,
)
from contracts.application.service_desk_words import catalogues
from contracts.application.settlement_papers import COLUMNS, line_cells, settlement_statement
from contracts.application.support_model import support_model
from contracts.application.values import Code, Language, TimeZone
from contracts.domain.agreement import Party
from contracts.domain.contract_term import Days
from shared.auth import Principal, require
from shared.csv_lines import csv_lines
from shared.etag import IfMatch
from shared.i18n import Translator
from shared.problems import Conflict, FieldError, NotFound, ValidationFailed, responses_for
from shared.service import CurrentRuntime, Unit
from shared.unit_of_work import UnitOfWork
from shared.values import Instant, LocalDate

router = APIRouter(prefix="/v1", tags=["papers"], route_class=VersionedRoute)

Reader = Annotated[Principal, Depends(require("contracts:read"))]
AgencyReader = Annotated[Principal, agency("contracts:read")]
AgencyWriter = Annotated[Principal, agency("contracts:write")]
InLanguage = Annotated[Language | None, Query(description="fr or en; left out: the reader's, else the client's.")]
Form: TypeAlias = Literal["json", "html", "pdf", "text"]
Wanted = Annotated[Form, Query(alias="format", description="json: the words in their order; the others: a file.")]
TableForm: TypeAlias = Literal["json", "html", "pdf", "text", "csv", "xlsx"]
TableWanted = Annotated[
    TableForm,
    Query(
        alias="format",
        description="csv: a line for each record, with codes and instants for programs; xlsx: these lines, then the "
        "tables of the paper, as a workbook.",
    ),
]
RegisterName = Annotated[Code, Path(description="functions, anomalies or works.", examples=["works"])]
KindName = Annotated[Code, Path(description=f"{', '.join(PAPER_KINDS)}.", examples=["plain_terms"])]
_TEXT: Final[dict[str, Any]] = {"schema": {"type": "string"}}
FILES: Final[dict[int | str, dict[str, Any]]] = {
    200: {
        "description": "The paper",
        "content": {"text/html": _TEXT, "application/pdf": _TEXT, "text/plain": _TEXT},
    }
}
WORKBOOK: Final = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
TABLE_FILES: Final[dict[int | str, dict[str, Any]]] = {
    200: {
        "description": "The paper, or its records as comma-separated values or as a workbook",
        "content": {
            "text/html": _TEXT,
            "application/pdf": _TEXT,
            "text/plain": _TEXT,
            "text/csv": _TEXT,
            WORKBOOK: {"schema": {"type": "string", "format": "binary"}},
        },
    }
}
_AT_ONCE: Final = 200


def _translator(request: Request, language: Language | None, usual: str) -> Translator:
    return catalogues().negotiate(language, request.headers.get("accept-language"), usual)


async def _written(
    request: Request, work: Work, contract_id: UUID, language: Language | None
) -> tuple[Written, Translator]:
    written = await written_of(work, await work.contracts.get(contract_id))
    return written, _translator(request, language, written.client.language)


async def _answer(work: Work, made: Paper, t: Translator, form: str) -> Paper | Response:
    """The paper as the agency wants it, in the form that was asked for."""
    paper = await laid_out(work, made, t)
    if form == "json":
        return paper
    headers = {
        "Cache-Control": "private, no-cache",
        "Content-Language": paper.language,
        "Referrer-Policy": "no-referrer",
        "Vary": "Accept-Language",
        "X-Content-Type-Options": "nosniff",
    }
    if form == "html":
        page = paper_page(paper)
        digest = base64.b64encode(hashlib.sha256(page.style.encode()).digest()).decode()
        headers["Content-Security-Policy"] = (
            f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none';"
            " frame-ancestors 'self'"
        )
        return Response(page.html, headers=headers, media_type="text/html; charset=utf-8")
    if form == "text":
        return Response(paper_text(paper), headers=headers, media_type="text/plain; charset=utf-8")
    headers["Content-Disposition"] = f'attachment; filename="{paper.kind}-{paper.language}.pdf"'
    author = (await work.tenants.get(work.tenant_id)).name
    return Response(await paper_pdf(paper, author), headers=headers, media_type="application/pdf")


async def _workbook(
    work: Work, made: Paper, t: Translator, columns: Sequence[str], rows: Sequence[Sequence[object]], name: str
) -> Response:
    """The records as programs read them, then each table of the paper as people read it."""
    paper = await laid_out(work, made, t)
    author = (await work.tenants.get(work.tenant_id)).name
    content = await asyncio.to_thread(paper_workbook, paper, author, t.gettext("Records"), columns, rows)
    headers = {
        "Content-Disposition": f'attachment; filename="{name}.xlsx"',
        "Content-Language": paper.language,
        "Cache-Control": "private, no-cache",
        "X-Content-Type-Options": "nosniff",
    }
    return Response(content, headers=headers, media_type=WORKBOOK)


def _csv(lines: AsyncIterator[str], name: str) -> Response:
    return StreamingResponse(
        lines,
        media_type="text/csv; charset=utf-8; header=present",
        headers={"Content-Disposition": f'attachment; filename="{name}.csv"', "Cache-Control": "private, no-store"},
    )


Piece: TypeAlias = Callable[[UnitOfWork, Place | None], Awaitable[tuple[Iterable[Sequence[object]], Place | None]]]


async def _streamed(runtime: CurrentRuntime, who: Principal, head: Sequence[str], read: Piece) -> AsyncIterator[str]:
    """Piece by piece: the request's own transaction is over by now, and none is held while somebody reads slowly."""
    yield csv_lines([head])
    place: Place | None = None
    while True:
        async with runtime.units.for_tenant(who.tenant_id, client_id=who.client_id) as reading:
            rows, place = await read(reading, place)
            text = csv_lines(rows)
        if text:
            yield text
        if place is None:
            return


# --- of a contract ---------------------------------------------------------------------------------------------------


@router.get(
    "/contracts/{contract_id}/papers/plain-terms",
    summary="Read a contract in plain words",
    response_model=Paper,
    responses=FILES,
)
async def get_plain_terms(
    request: Request,
    contract_id: UUID,
    work: Work,
    _who: Reader,
    language: InLanguage = None,
    form: Wanted = "json",
) -> Paper | Response:
    """What the contract holds in sentences, made of its terms, and what it does not hold said as clearly."""
    written, t = await _written(request, work, contract_id, language)
    return await _answer(work, plain_terms(written, work, t), t, form)


@router.get(
    "/contracts/{contract_id}/papers/support-model",
    summary="Read the support model of a contract",
    response_model=Paper,
    responses=FILES,
)
async def get_support_model(
    request: Request,
    contract_id: UUID,
    work: Work,
    _who: Reader,
    language: InLanguage = None,
    form: Wanted = "json",
) -> Paper | Response:
    """Scope, who is responsible, accountable, consulted and informed, levels of support, and levels of service."""
    written, t = await _written(request, work, contract_id, language)
    return await _answer(work, support_model(written, work, t), t, form)


@router.get(
    "/contracts/{contract_id}/papers/breach-notice",
    summary="Draft a notice of breach",
    response_model=Paper,
    responses=FILES | responses_for(ValidationFailed),
)
async def get_breach_notice(
    request: Request,
    contract_id: UUID,
    unit: Unit,
    work: Work,
    _who: Reader,
    given_by: Annotated[Party, Query(description="Whose notice it is; the breaches are the other party's.")],
    first: Annotated[LocalDate, Query(description="First day, in the contract's zone.", examples=["2026-06-01"])],
    last: Annotated[LocalDate, Query(description="Last day.", examples=["2026-06-30"])],
    language: InLanguage = None,
    form: Wanted = "json",
) -> Paper | Response:
    """A letter with the facts of the registers and of closed settlements, for somebody to check. Nothing is sent or
    kept; `POST /v1/contracts/{contract_id}/formal-notices` gives notice.
    """
    if last < first or (last - first).days > 3660:
        detail = "`last` is not before `first`, and at most ten years after it."
        raise ValidationFailed(detail, errors=[FieldError(detail=detail, parameter="last")])
    written, t = await _written(request, work, contract_id, language)
    days = Days(first, last + timedelta(days=1))
    settlements = await paper_queries.closed_in(unit, contract_id, days)
    shown = await shown_of(work, written, given_by, days, settlements)
    return await _answer(work, breach_notice(written, shown, work, t), t, form)


@router.get(
    "/contracts/{contract_id}/papers/registers/{register}",
    summary="Export one of the client's registers",
    response_model=Paper,
    responses=TABLE_FILES | responses_for(Conflict),
)
async def export_register(
    request: Request,
    contract_id: UUID,
    register: RegisterName,
    unit: Unit,
    work: Work,
    runtime: CurrentRuntime,
    who: Reader,
    language: InLanguage = None,
    form: TableWanted = "json",
) -> Paper | Response:
    """The functions of the software, its anomalies, or the works carried out, whole. As CSV of any length; a text that
    a spreadsheet would take for a formula has an apostrophe before it.
    """
    contract = await work.contracts.get(contract_id)
    kind = _one_of(REGISTERS, register, "register")

    async def read(uow: UnitOfWork, after: Place | None) -> tuple[Iterable[Sequence[object]], Place | None]:
        entries, place = await paper_queries.entries_after(uow, contract_id, kind, after, _AT_ONCE)
        return [entry_cells(entry) for entry in entries], place

    if form == "csv":
        return _csv(_streamed(runtime, who, ENTRY_COLUMNS, read), f"{contract.number}-{kind}")
    client = await work.clients.get(contract.client_id)
    t = _translator(request, language, client.language)
    entries, more = await paper_queries.entries_after(unit, contract_id, kind, None, MOST_ROWS)
    _not_too_long(more)
    made = register_export(entries, kind, contract.number, client, work, t)
    if form == "xlsx":
        cells = [entry_cells(entry) for entry in entries]
        return await _workbook(work, made, t, ENTRY_COLUMNS, cells, f"{contract.number}-{kind}")
    return await _answer(work, made, t, form)


# --- of a client, a settlement, the catalogue ------------------------------------------------------------------------


@router.get(
    "/clients/{client_id}/papers/configuration",
    summary="Report the configuration of a client as of an instant",
    response_model=Paper,
    responses=TABLE_FILES | responses_for(Conflict),
)
async def get_configuration_report(
    request: Request,
    client_id: UUID,
    unit: Unit,
    work: Work,
    runtime: CurrentRuntime,
    who: Reader,
    at: Annotated[Instant | None, Query(description="When; left out: now.")] = None,
    known_at: Annotated[
        Instant | None, Query(description="By what was known then: what was recorded later is left out; left out: now.")
    ] = None,
    language: InLanguage = None,
    form: TableWanted = "json",
) -> Paper | Response:
    """What was in service at one instant, by what was known at another: asked again, it says the same for ever."""
    client = await work.clients.get(client_id)
    asked, known = at or work.now, known_at or work.now

    async def read(uow: UnitOfWork, after: Place | None) -> tuple[Iterable[Sequence[object]], Place | None]:
        states, place = await paper_queries.states_after(uow, client_id, asked, known, after, _AT_ONCE)
        return [state_cells(state) for state in states], place

    if form == "csv":
        return _csv(_streamed(runtime, who, STATE_COLUMNS, read), "configuration")
    t = _translator(request, language, client.language)
    states, more = await paper_queries.states_after(unit, client_id, asked, known, None, MOST_ROWS)
    _not_too_long(more)
    made = configuration_report(states, client, asked, known, work, t)
    if form == "xlsx":
        cells = [state_cells(state) for state in states]
        return await _workbook(work, made, t, STATE_COLUMNS, cells, "configuration")
    return await _answer(work, made, t, form)


@router.get(
    "/settlements/{settlement_id}/papers/statement",
    summary="Read the statement of a settlement",
    response_model=Paper,
    responses=TABLE_FILES,
)
async def get_settlement_statement(
    request: Request,
    settlement_id: UUID,
    work: Work,
    who: Reader,
    language: InLanguage = None,
    form: TableWanted = "json",
) -> Paper | Response:
    """What was promised, measured and is owed, with the proof. A client reads what was closed."""
    record = await shown_to(work, await work.settlements.settlements.get(settlement_id), who)
    client = await work.clients.get(record.client_id)
    t = _translator(request, language, client.language)
    content = record.content
    name = f"{content.contract_number}-{content.period.first}"
    cells = [line_cells(content, line, t.language) for line in content.lines]
    if form == "csv":
        text = csv_lines([COLUMNS, *cells])
        headers = {
            "Content-Disposition": f'attachment; filename="{name}.csv"',
            "Cache-Control": "private, no-cache",
        }
        return Response(text, headers=headers, media_type="text/csv; charset=utf-8; header=present")
    closed = record.closed_hash if record.status == "closed" else None
    made = settlement_statement(content, closed, client.name, work, t)
    if form == "xlsx":
        return await _workbook(work, made, t, COLUMNS, cells, name)
    return await _answer(work, made, t, form)


@router.get(
    "/catalogues/{catalogue}/papers/price-sheet",
    summary="Read the prices of a catalogue",
    response_model=Paper,
    responses=FILES | responses_for(NotFound),
)
async def get_price_sheet(
    request: Request,
    catalogue: Annotated[Code, Path(examples=["engagement_levels"])],
    unit: Unit,
    work: Work,
    _who: AgencyReader,
    time_zone: Annotated[TimeZone, Query(description="Whose time the sheet is dated in.")] = "Europe/Paris",
    language: InLanguage = None,
    form: Wanted = "json",
) -> Paper | Response:
    """What the plans cost, to be handed to somebody who asks. Indicative amounts say that they are no quote."""
    t = _translator(request, language, "fr")
    plans = await paper_queries.plans_of(unit, catalogue, 100)
    if not plans:
        raise Unknown("catalogue", catalogue)
    name = (await work.tenants.get(work.tenant_id)).name
    return await _answer(work, price_sheet(plans, name, ZoneInfo(time_zone), work, t), t, form)


N = TypeVar("N", bound=str)


def _one_of(names: Sequence[N], wanted: str, noun: str) -> N:
    """The name itself. Raises Unknown for one that is not among them."""
    for name in names:
        if name == wanted:
            return name
    raise Unknown(noun, wanted)


def _not_too_long(more: Place | None) -> None:
    if more is not None:
        raise NotNow(f"There are more than {MOST_ROWS - 1} records: ask for them as CSV (format=csv).")


# --- the agency's layouts --------------------------------------------------------------------------------------------


@router.get("/paper-layouts/{paper_kind}", summary="Read the layout of a kind of paper", responses=SHOWN)
async def get_paper_layout(paper_kind: KindName, response: Response, work: Work, _who: AgencyReader) -> PaperLayout:
    """The order of its sections, and the agency's own words; version 0: ours."""
    layout = await paper_layouts.layout_of(work, _one_of(PAPER_KINDS, paper_kind, "kind of paper"))
    tagged(response, layout.version)
    return layout


@router.put("/paper-layouts/{paper_kind}", summary="Lay out a kind of paper", responses=SHOWN)
async def put_paper_layout(
    paper_kind: KindName,
    content: PaperLayoutContent,
    response: Response,
    work: Work,
    if_match: IfMatch,
    _who: AgencyWriter,
) -> PaperLayout:
    """For papers from now on. A section that does not exist, or a variable that is not known, is refused here."""
    await work.tenants.locked(work.tenant_id)
    present = await paper_layouts.layout_of(work, _one_of(PAPER_KINDS, paper_kind, "kind of paper"))
    if_match.require(present.version)
    layout = await paper_layouts.write_layout(work, present, content)
    tagged(response, layout.version)
    return layout
