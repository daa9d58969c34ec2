"""Editions of monthly reports: what was told of a month, which never changes, and the commentary for the next one."""

from typing import Annotated, Final
from uuid import UUID

from fastapi import APIRouter, Depends, Path, Query, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from reporting.adapters.facts import StoredFacts
from reporting.adapters.rendering import sheet_page, translator_for
from reporting.adapters.report_csv import report_csv
from reporting.adapters.report_editions import issued_edition, keep_commentary, month_of_report, report_month
from reporting.adapters.report_pdf import report_pdf
from reporting.adapters.report_sheet import report_sheet
from reporting.adapters.report_xlsx import report_xlsx
from reporting.api.dependencies import Lang
from reporting.api.documents import CSV, WORKBOOK
from reporting.api.edition_lists import EditionLine, ReportDeliveryLine, page_of_deliveries, page_of_editions
from reporting.api.pages import HTML_CONTENT, page_response
from reporting.api.reports import in_reach, reads_money
from reporting.application.editions import (
    MOST_COMMENTARY,
    Commentary,
    Edition,
    IssuedEdition,
    without_money,
)
from reporting.application.issued import AnyEdition
from reporting.application.report_template import Layout
from reporting.application.reporting import contract_in_month
from shared.auth import Principal
from shared.etag import IfMatch, etag
from shared.pagination import Page, PageParams
from shared.problems import NotFound, PreconditionFailed, PreconditionRequired, responses_for
from shared.service import Unit, require
from shared.unit_of_work import UnitOfWork
from shared.values import Month, forbid_unknown

router = APIRouter(prefix="/v1/contracts/{contract_id}/reports/{month}", tags=["reports"])

MOST_EDITIONS: Final = 2**31 - 1
READINGS = frozenset(
    {
        "get_report_edition",
        "get_report_edition_page",
        "download_report_pdf",
        "download_report_csv",
        "download_report_workbook",
    }
)
"""Who reads what was told to a client is written into the audit log."""
Reader = Annotated[Principal, Depends(require("reports:read"))]
Reviewer = Annotated[Principal, Depends(require("reports:write"))]
AskedLayout = Annotated[Layout | None, Query(description="another layout than the template's")]
Number = Annotated[int, Path(ge=1, le=MOST_EDITIONS, description="editions count from 1")]


class CommentaryRequest(BaseModel):
    """What the agency says about the month. A language that is left out has none."""

    model_config = forbid_unknown(examples=[{"fr": "Deux coupures brèves chez l’hébergeur.", "en": None}])

    fr: str | None = Field(default=None, min_length=1, max_length=MOST_COMMENTARY)
    en: str | None = Field(default=None, min_length=1, max_length=MOST_COMMENTARY)


class CommentaryView(BaseModel):
    """The commentary as it will be printed, and the last edition, which does not have it yet (0: none was issued)."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"month": "2026-06", "fr": "Deux coupures brèves.", "en": None, "last_edition": 1}]
        }
    )

    month: Month
    fr: str | None = Field(max_length=MOST_COMMENTARY)
    en: str | None = Field(max_length=MOST_COMMENTARY)
    last_edition: int = Field(ge=0)


@router.get("/editions", summary="List the editions of a report", responses=responses_for(NotFound))
async def list_report_editions(
    contract_id: UUID, month: Month, unit: Unit, reader: Reader, params: PageParams
) -> Page[EditionLine]:
    """Oldest first; the newest counts. The first comes on day 1 in the client's zone, once the month is measured."""
    in_reach(month)
    await contract_in_month(StoredFacts(unit), contract_id, month)
    return await page_of_editions(unit, contract_id, "monthly", month, params, money=reads_money(reader))


async def _issued(unit: UnitOfWork, reader: Principal, contract_id: UUID, month: Month, edition: int) -> IssuedEdition:
    """The edition as its reader may see it: what the contract costs is for those who may read the contract."""
    issued = await issued_edition(unit, contract_id, month, edition)
    return issued if reads_money(reader) else without_money(issued)


def edition_response(text: str) -> Response:
    """An edition byte for byte. No browser keeps it: who reads decides what it holds, and each reading is recorded."""
    return Response(text, media_type="application/json", headers={"Cache-Control": "private, no-store"})


@router.get(
    "/editions/{edition}",
    summary="Read an edition of a report",
    response_model=Edition,
    responses=responses_for(NotFound),
)
async def get_report_edition(contract_id: UUID, month: Month, edition: Number, unit: Unit, reader: Reader) -> Response:
    """The report as it was told, byte for byte, with its commentary and what it changed. `content_hash` is of `report`
    as it stands here: where the reader may not see what the contract costs, of the report without that.
    """
    issued = await _issued(unit, reader, contract_id, month, edition)
    return edition_response(issued.text)


@router.get(
    "/editions/{edition}/html",
    summary="Read an edition of a report as a page",
    response_class=Response,
    responses={
        **responses_for(NotFound),
        200: {"description": "The page", **HTML_CONTENT},
    },
)
async def get_report_edition_page(
    request: Request,
    contract_id: UUID,
    month: Month,
    edition: Number,
    unit: Unit,
    reader: Reader,
    lang: Lang = None,
    layout: AskedLayout = None,
) -> Response:
    """What the PDF says, for a browser, in the agency's texts and order as they were on the day of issue."""
    issued = await _issued(unit, reader, contract_id, month, edition)
    report = issued.edition.report
    t = translator_for(lang, request.headers.get("accept-language"), report.language)
    page = sheet_page(report_sheet(issued, t, layout), issued.brand, t, zone=report.time_zone, at=report.as_of)
    return page_response(request, page, t, cache_control="private, no-cache")


@router.get(
    "/editions/{edition}/pdf",
    summary="Download an edition of a report as a PDF",
    response_class=Response,
    responses={
        **responses_for(NotFound),
        200: {
            "description": "PDF/UA-1: tagged, fonts embedded, charts as vectors",
            "content": {"application/pdf": {"schema": {"type": "string", "format": "binary"}}},
        },
    },
)
async def download_report_pdf(
    contract_id: UUID,
    month: Month,
    edition: Number,
    unit: Unit,
    reader: Reader,
    lang: Lang = None,
    layout: AskedLayout = None,
) -> Response:
    """In the client's language unless another is asked for. The same bytes whenever it is asked for."""
    issued = await _issued(unit, reader, contract_id, month, edition)
    t = translator_for(lang, None, issued.edition.report.language)
    file = await report_pdf(issued, t, layout)
    return Response(file, media_type="application/pdf", headers=attached(issued.edition, "pdf"))


@router.get(
    "/editions/{edition}/csv",
    summary="Download an edition of a report as a table",
    response_class=Response,
    responses={
        **responses_for(NotFound),
        200: {
            "description": "One line per measure, after a line with the names of the columns",
            "content": {"text/csv": {"schema": {"type": "string"}}},
        },
    },
)
async def download_report_csv(contract_id: UUID, month: Month, edition: Number, unit: Unit, reader: Reader) -> Response:
    """Exact figures with the codes of the API. A text that a spreadsheet would take for a formula has an apostrophe."""
    issued = await _issued(unit, reader, contract_id, month, edition)
    return Response(
        report_csv(issued.edition),
        media_type=CSV,
        headers=attached(issued.edition, "csv"),
    )


@router.get(
    "/editions/{edition}/xlsx",
    summary="Download an edition of a report as a workbook",
    response_class=Response,
    responses={
        **responses_for(NotFound),
        200: {
            "description": "The exact measures, then each table of the report",
            "content": {WORKBOOK: {"schema": {"type": "string", "format": "binary"}}},
        },
    },
)
async def download_report_workbook(
    contract_id: UUID, month: Month, edition: Number, unit: Unit, reader: Reader, lang: Lang = None
) -> Response:
    """No cell is ever a formula, whatever somebody wrote into a title. The same bytes whenever it is asked for."""
    issued = await _issued(unit, reader, contract_id, month, edition)
    t = translator_for(lang, None, issued.edition.report.language)
    return Response(report_xlsx(issued, t), media_type=WORKBOOK, headers=attached(issued.edition, "xlsx"))


@router.get("/deliveries", summary="List to whom a report was sent", responses=responses_for(NotFound))
async def list_report_deliveries(
    contract_id: UUID, month: Month, unit: Unit, _reader: Reader, params: PageParams
) -> Page[ReportDeliveryLine]:
    """Every edition for every decider of the client: when it left, and when its link was opened first."""
    in_reach(month)
    await contract_in_month(StoredFacts(unit), contract_id, month)
    return await page_of_deliveries(unit, contract_id, "monthly", month, params)


@router.get("/commentary", summary="Read the commentary of a report", responses=responses_for(NotFound))
async def get_report_commentary(
    contract_id: UUID, month: Month, unit: Unit, _reviewer: Reviewer, response: Response
) -> CommentaryView:
    """What the next edition will say, for those who write it."""
    in_reach(month)
    await contract_in_month(StoredFacts(unit), contract_id, month)
    row = await month_of_report(unit, contract_id, month)
    commentary = Commentary() if row is None else Commentary.model_validate(row.commentary)
    response.headers["ETag"] = etag(0 if row is None else row.commentary_version)
    return CommentaryView(
        month=month, fr=commentary.fr, en=commentary.en, last_edition=0 if row is None else row.edition
    )


@router.put(
    "/commentary",
    summary="Write the commentary of a report",
    responses=responses_for(NotFound, PreconditionFailed, PreconditionRequired),
)
async def set_report_commentary(
    contract_id: UUID,
    month: Month,
    body: CommentaryRequest,
    unit: Unit,
    _reviewer: Reviewer,
    if_match: IfMatch,
    response: Response,
) -> CommentaryView:
    """Before the month is over it goes into the first edition. Afterwards a new edition is issued: the figures are
    those of the one before, byte for byte, unless facts changed them meanwhile. No figure can be edited.
    """
    in_reach(month)
    newest = await contract_in_month(StoredFacts(unit), contract_id, month)
    row = await report_month(unit, newest.tenant_id, newest.state.client.client_id, contract_id, month)
    if_match.require(row.commentary_version)
    keep_commentary(unit, row, Commentary(fr=body.fr, en=body.en))
    response.headers["ETag"] = etag(row.commentary_version)
    return CommentaryView(month=month, fr=body.fr, en=body.en, last_edition=row.edition)


def attached(edition: AnyEdition, ending: str) -> dict[str, str]:
    """The headers of an edition as a file."""
    kind = "" if isinstance(edition, Edition) else f"{edition.kind}-"
    name = f"{edition.report.contract.number}-{kind}{edition.month:%Y-%m}-{edition.edition}.{ending}"
    plain = "".join(each if each.isascii() and (each.isalnum() or each in "-._") else "-" for each in name)
    return {"Content-Disposition": f'attachment; filename="{plain}"', "Cache-Control": "private, no-cache"}
