"""Documents in the forms that they are asked for: a page, a PDF, lines for programs, a workbook."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any, Final, Literal, TypeAlias, TypeVar, cast, get_args

from fastapi import Depends, Path, Request, Response

from reporting.adapters.rendering import sheet_page
from reporting.adapters.report_pdf import sheet_pdf
from reporting.adapters.report_xlsx import sheet_xlsx
from reporting.adapters.sheet import ReportSheet
from reporting.api.pages import page_response
from reporting.application.report import Brand
from shared.auth import Principal
from shared.csv_lines import csv_lines
from shared.i18n import Translator
from shared.problems import Conflict, Forbidden, NotFound
from shared.service import CurrentRuntime, require
from shared.unit_of_work import UnitOfWork

DocumentForm: TypeAlias = Literal["html", "pdf", "csv", "xlsx"]
MOST_ROWS: Final = 5_000
"""A document that is longer is for programs: as CSV."""
_TEXT: Final[dict[str, Any]] = {"schema": {"type": "string"}}
_FILE: Final[dict[str, Any]] = {"schema": {"type": "string", "format": "binary"}}
CSV: Final = "text/csv; charset=utf-8; header=present"
WORKBOOK: Final = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
FILES: Final[dict[int | str, dict[str, Any]]] = {
    200: {
        "description": "The document. The PDF is PDF/UA-1: tagged, fonts embedded",
        "content": {"text/html": _TEXT, "application/pdf": _FILE, "text/csv": _TEXT, WORKBOOK: _FILE},
    }
}
_AT_ONCE: Final = 200
T = TypeVar("T")


def _form(
    document_form: Annotated[
        str,
        Path(max_length=10, description=", ".join(f"`{each}`" for each in get_args(DocumentForm)), examples=["pdf"]),
    ],
) -> DocumentForm:
    if document_form not in get_args(DocumentForm):
        raise NotFound(f"There is no such form of it. There are: {', '.join(get_args(DocumentForm))}.")
    return cast(DocumentForm, document_form)


Form = Annotated[DocumentForm, Depends(_form)]


async def _agency_reader(principal: Annotated[Principal, Depends(require("reports:read"))]) -> Principal:
    if principal.client_id is not None:
        raise Forbidden("Only people of the agency may read this; your role is bound to one client.")
    return principal


AgencyReader = Annotated[Principal, Depends(_agency_reader)]
"""Whoever may read reports, of the agency: what is asked for is none of its clients' business."""


@dataclass(frozen=True)
class Document:
    """A document: its page, and what programs read of it under `columns`. `made_at` is the date that it carries."""

    sheet: ReportSheet
    brand: Brand
    zone: str
    made_at: datetime
    file_name: str
    columns: Sequence[str]
    rows: Sequence[Sequence[object]]


async def answer(request: Request, document: Document, form: DocumentForm, t: Translator) -> Response:
    """The document in a form; files are made off the event loop."""
    if form == "html":
        page = sheet_page(document.sheet, document.brand, t, zone=document.zone, at=document.made_at)
        return page_response(request, page, t, cache_control="private, no-cache")
    if form == "pdf":
        file = await asyncio.to_thread(sheet_pdf, document.sheet, document.brand, document.made_at)
        return _file(file, "application/pdf", f"{document.file_name}-{t.language}.pdf", t)
    if form == "xlsx":
        name = t.gettext("Measures")
        made = (document.sheet, document.made_at, name, document.columns, document.rows)
        return _file(await asyncio.to_thread(sheet_xlsx, *made), WORKBOOK, f"{document.file_name}.xlsx", t)
    text = csv_lines([document.columns, *document.rows]).encode()
    return _file(text, CSV, f"{document.file_name}.csv", t)


def _file(content: bytes, media_type: str, name: str, t: Translator) -> Response:
    headers = {
        "Cache-Control": "private, no-cache",
        "Content-Disposition": f'attachment; filename="{name}"',
        "Content-Language": t.language,
        "X-Content-Type-Options": "nosniff",
    }
    return Response(content, media_type=media_type, headers=headers)


async def piece_by_piece(
    runtime: CurrentRuntime,
    who: Principal,
    columns: Sequence[str],
    ids: Sequence[T],
    read: Callable[[UnitOfWork, Sequence[T]], Awaitable[Iterable[Sequence[object]]]],
) -> AsyncIterator[str]:
    """Lines of any number, read by their ids: the request's transaction is over by now, and none is held while somebody
    reads slowly.
    """
    yield csv_lines([columns])
    for start in range(0, len(ids), _AT_ONCE):
        async with runtime.units.for_tenant(who.tenant_id, client_id=who.client_id) as reading:
            text = csv_lines(await read(reading, ids[start : start + _AT_ONCE]))
        yield text


def not_too_long(more: object) -> None:
    """Raises Conflict when there is more than a document shows."""
    if more is not None:
        raise Conflict(f"There are more than {MOST_ROWS} lines: nobody reads so many. Ask for CSV, which has them all.")
