"""Reports and reviews in the portal: what was told, edition by edition, with its files and the evidence behind it."""

from datetime import date, timedelta
from typing import Annotated, Final
from uuid import UUID
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Path, Response
from fastapi.responses import StreamingResponse

from reporting.adapters.edition_sheet import edition_sheet
from reporting.adapters.evidence_amounts import amounts_pack, closed_in, hours_pack
from reporting.adapters.evidence_clocks import incident_pack
from reporting.adapters.evidence_pack import Pack, month_pack
from reporting.adapters.facts import StoredFacts
from reporting.adapters.portal_facts import contracts_seen, editions_told, newest_month_told, note_read, reviews_told
from reporting.adapters.rendering import Link, report_page, sheet_page
from reporting.adapters.report_csv import report_csv
from reporting.adapters.report_deliveries import newest_edition
from reporting.adapters.report_editions import issued_of_any_kind
from reporting.adapters.report_pdf import report_pdf
from reporting.adapters.report_sheet import changes_table
from reporting.adapters.report_xlsx import report_xlsx, sheet_xlsx
from reporting.adapters.review_sheet import review_title
from reporting.adapters.scheduled_sheets import document_title
from reporting.adapters.upstream import NotThere
from reporting.api.documents import CSV, WORKBOOK, Document
from reporting.api.portal_session import (
    PORTAL,
    TAKEN_AWAY,
    PortalRoute,
    SignedIn,
    Visit,
    html_response,
    one_of,
)
from reporting.api.report_editions import MOST_EDITIONS, attached
from reporting.api.reports import in_reach
from reporting.api.reviews import Kind, review_document
from reporting.api.scheduled_reports import Kind as DocumentKind
from reporting.api.scheduled_reports import scheduled_document
from reporting.api.sent_reports import may_be_noted
from reporting.application.client_overview import MONTHS, months_of_uptime
from reporting.application.editions import Edition, IssuedEdition, without_money
from reporting.application.evidence import month_evidence
from reporting.application.issued import AnyIssued
from reporting.application.report import Branded, report_without_money
from reporting.application.reporting import monthly_report
from reporting.application.review_editions import ReviewEdition
from reporting.application.scheduled_reports import FOR_DECIDERS
from reporting.application.sent_messages import MessageEdition
from reporting.domain.period import next_month
from reporting.domain.review_periods import SCHEDULED, ReportKind, ReviewKind, ScheduledKind, months_from
from shared.csv_lines import csv_lines
from shared.i18n import Translator
from shared.problems import ValidationFailed
from shared.values import Month

router = APIRouter(prefix=PORTAL, tags=["portal"], route_class=PortalRoute, include_in_schema=False)

READINGS: Final = frozenset(
    {
        "show_portal_edition",
        "download_portal_edition",
        "show_portal_review_edition",
        "download_portal_review_edition",
        "show_portal_document_edition",
        "download_portal_document_edition",
        "download_portal_evidence",
        "download_portal_incident_evidence",
        "download_portal_amounts_evidence",
        "download_portal_hours_evidence",
    }
)
"""Who reads what was told to a client, or takes evidence away, is written into the audit log."""
FILES: Final = ("pdf", "csv", "xlsx", "json")
SECOND_YEAR: Final = date(2, 1, 1)
"""No date is more than a year before it."""
Number = Annotated[int, Path(ge=1, le=MOST_EDITIONS)]


# --- which there are -------------------------------------------------------------------------------------------------


@router.get("/reports", summary="Reports")
async def list_portal_reports(visit: SignedIn, before: Month | None = None) -> Response:
    """The months of every contract, a year at a time: what was told of each, and the present one so far.

    The first year ends with the newest month of which there is anything, also of a contract that ended long ago.
    """
    async with visit.unit() as unit:
        contracts = await contracts_seen(unit)
        listed = []
        for contract in contracts:
            measured = await months_of_uptime(StoredFacts(unit), contract.contract_id, unit.now, MONTHS)
            newest = await newest_month_told(unit, contract.contract_id)
            present = [each.month for each in measured[:1]] + ([] if newest is None else [newest.month])
            last = before or next_month(max(present, default=unit.now.date().replace(day=1)))
            last = max(last, SECOND_YEAR)
            first = last.replace(year=last.year - 1)
            end = last - timedelta(days=1)
            told = await editions_told(unit, contract.contract_id, first, end, money=visit.person.decides)
            running = {each.month for each in measured if not each.over}
            months = sorted({*told, *(each.month for each in measured if first <= each.month < last)}, reverse=True)
            older = first if first > contract.starts_on.replace(day=1) else None
            reviews = await reviews_told(unit, contract.contract_id, first, end)
            told_reviews = [(each, review_title(each.kind, visit.translator)) for each in reviews]
            listed.append(
                (contract, told_reviews, [(month, told.get(month, []), month in running) for month in months], older)
            )
    return await visit.page_about(contracts, "reports.html", {"listed": listed, "before": before})


@router.get("/contracts/{contract_id}/reports/{month}", summary="What was told of a month")
async def show_portal_month(contract_id: UUID, month: Month, visit: SignedIn) -> Response:
    """The newest edition with its files, the earlier ones, and what each of them changed."""
    async with visit.unit() as unit:
        contracts = await contracts_seen(unit)
        contract = one_of(contracts, contract_id)
        told = await editions_told(unit, contract_id, month, month, money=visit.person.decides)
        measured = await months_of_uptime(StoredFacts(unit), contract_id, unit.now, MONTHS)
        editions = told.get(month, [])
        if not editions and month not in {each.month for each in measured}:
            raise NotThere
        closed = await closed_in(unit, contract_id, month) if visit.person.decides else set()
        documents = [
            (document_title(kind, month, visit.translator), _document_address(contract_id, kind, month), editions[0])
            for kind in SCHEDULED
            if visit.person.decides or kind not in FOR_DECIDERS
            for editions in (await editions_told(unit, contract_id, month, month, money=False, kind=kind)).values()
        ]
    zone = ZoneInfo(contract.client.time_zone)
    values = {
        "contract": contract,
        "month": month,
        "address": f"{PORTAL}/contracts/{contract_id}/reports/{month:%Y-%m}",
        "running": any(each.month == month and not each.over for each in measured),
        "editions": [(each, changes_table(each.reason, each.changes, visit.translator, zone)) for each in editions],
        "files": FILES,
        "closed": closed,
        "documents": documents,
    }
    return await visit.page_about(contracts, "month.html", values)


@router.get("/contracts/{contract_id}/reports/{month}/so-far", summary="A month so far")
async def show_portal_report(contract_id: UUID, month: Month, visit: SignedIn) -> Response:
    """What is measured until now of a month that was not told yet. It is no edition, and says so."""
    async with visit.unit() as unit:
        if await editions_told(unit, contract_id, month, month, money=False):
            raise NotThere  # what counts of this month is what was told
        report = await monthly_report(StoredFacts(unit), contract_id, month, now=unit.now)
    if not visit.person.decides:
        report = Branded(report_without_money(report.content), report.brand)
    t = visit.translator
    notice = t.gettext("This is no edition: it is what is measured so far, and may change until the report is issued.")
    page = report_page(report, t, notice=notice, ways=[_back(contract_id, month, t)])
    return html_response(visit.request, page, t)


# --- an edition ------------------------------------------------------------------------------------------------------


async def _read(visit: Visit, contract_id: UUID, kind: ReportKind, month: date, edition: int) -> tuple[AnyIssued, int]:
    """The edition as its reader may see it, and the number of the newest. It counts as seen.

    Raises UnknownEdition, and DeciderOnly for what is not for everybody.
    """
    if kind in FOR_DECIDERS:
        visit.must_decide()
    async with visit.unit() as unit:
        issued = await issued_of_any_kind(unit, contract_id, kind, month, edition)
        if may_be_noted(visit.request):
            await note_read(unit, contract_id, kind, month, edition, visit.person.email)
        newest = await newest_edition(unit, contract_id, kind, month)
    if visit.person.decides or not isinstance(issued.edition, Edition):
        return issued, newest  # only the report of a month tells of money
    return without_money(issued), newest


@router.get("/contracts/{contract_id}/reports/{month}/editions/{edition}", summary="Read an edition")
async def show_portal_edition(contract_id: UUID, month: Month, edition: Number, visit: SignedIn) -> Response:
    """What its PDF says, for a browser."""
    issued, newest = await _read(visit, contract_id, "monthly", month, edition)
    return _page(visit, issued, newest, _back(contract_id, month, visit.translator))


def _page(visit: Visit, issued: AnyIssued, newest: int, back: Link) -> Response:
    t, report, edition = visit.translator, issued.edition.report, issued.edition.edition
    notice = None
    if newest > edition:
        notice = t.gettext(
            "This is edition %(edition)s; edition %(newest)s has come since and counts instead.",
            edition=edition,
            newest=newest,
        )
    here = visit.request.url.path
    ways = [
        back,
        Link(f"{here}/pdf", t.gettext("This report as a PDF")),
        *(Link(f"{here}/{file}", file.upper()) for file in FILES if file != "pdf"),
    ]
    page = sheet_page(
        edition_sheet(issued, t), issued.brand, t, zone=report.time_zone, at=report.as_of, notice=notice, ways=ways
    )
    return html_response(visit.request, page, t)


def _back(contract_id: UUID, month: date, t: Translator) -> Link:
    """To the page of the month, from documents that have no navigation of the portal around them."""
    text = t.gettext("Back to %(month)s in the portal", month=t.month(month))
    return Link(f"{PORTAL}/contracts/{contract_id}/reports/{month:%Y-%m}", text)


@router.get("/contracts/{contract_id}/reports/{month}/editions/{edition}/{file}", summary="A file of an edition")
async def download_portal_edition(
    contract_id: UUID, month: Month, edition: Number, file: str, visit: SignedIn
) -> Response:
    """The same as a PDF in the reader's language, as CSV, as a workbook, or as JSON."""
    return await _file(visit, contract_id, "monthly", month, edition, file)


async def _file(visit: Visit, contract_id: UUID, kind: ReportKind, month: date, edition: int, file: str) -> Response:
    if file not in FILES:
        raise NotThere
    issued, _ = await _read(visit, contract_id, kind, month, edition)
    t = visit.translator
    content: bytes | str
    if file == "json":
        content, media_type = issued.text, "application/json"
    elif file == "pdf":
        content, media_type = await report_pdf(issued, t), "application/pdf"
    elif isinstance(issued.edition, ReviewEdition):
        content, media_type = _lines(review_document(issued, t), file, t)
    elif isinstance(issued.edition, Edition):
        content, media_type = _month_lines(issued, file, t)
    elif isinstance(issued.edition, MessageEdition):
        raise NotThere  # it has no lines
    else:
        content, media_type = _lines(scheduled_document(issued, t), file, t)
    headers = {**attached(issued.edition, file), **TAKEN_AWAY}
    return Response(content, media_type=media_type, headers=headers)


def _month_lines(issued: IssuedEdition, file: str, t: Translator) -> tuple[bytes | str, str]:
    return (report_csv(issued.edition), CSV) if file == "csv" else (report_xlsx(issued, t), WORKBOOK)


def _lines(document: Document, file: str, t: Translator) -> tuple[bytes | str, str]:
    if file == "csv":
        return csv_lines([document.columns, *document.rows]), CSV
    name = t.gettext("Measures")
    return sheet_xlsx(document.sheet, document.made_at, name, document.columns, document.rows), WORKBOOK


# --- reviews ---------------------------------------------------------------------------------------------------------


@router.get("/contracts/{contract_id}/reviews/{review_kind}/{month}", summary="What was told in a review")
async def show_portal_review(contract_id: UUID, review_kind: Kind, month: Month, visit: SignedIn) -> Response:
    """The newest edition with its files, the earlier ones, and what each of them changed."""
    t = visit.translator
    async with visit.unit() as unit:
        contracts = await contracts_seen(unit)
        contract = one_of(contracts, contract_id)
        told = await editions_told(unit, contract_id, month, month, money=False, kind=review_kind)
    if not told:
        raise NotThere
    zone = ZoneInfo(contract.client.time_zone)
    values = {
        "contract": contract,
        "title": review_title(review_kind, t),
        "first_month": month,
        "last_month": months_from(month, review_kind)[-1],
        "address": _review_address(contract_id, review_kind, month),
        "editions": [(each, changes_table(each.reason, each.changes, t, zone)) for each in told[month]],
        "files": FILES,
    }
    return await visit.page_about(contracts, "review.html", values)


def _review_address(contract_id: UUID, kind: ReviewKind, month: date) -> str:
    return f"{PORTAL}/contracts/{contract_id}/reviews/{kind}/{month:%Y-%m}"


@router.get(
    "/contracts/{contract_id}/reviews/{review_kind}/{month}/editions/{edition}", summary="Read an edition of a review"
)
async def show_portal_review_edition(
    contract_id: UUID, review_kind: Kind, month: Month, edition: Number, visit: SignedIn
) -> Response:
    """What its PDF says, for a browser."""
    issued, newest = await _read(visit, contract_id, review_kind, month, edition)
    text = visit.translator.gettext("Back to this review in the portal")
    return _page(visit, issued, newest, Link(_review_address(contract_id, review_kind, month), text))


@router.get(
    "/contracts/{contract_id}/reviews/{review_kind}/{month}/editions/{edition}/{file}",
    summary="A file of an edition of a review",
)
async def download_portal_review_edition(
    contract_id: UUID, review_kind: Kind, month: Month, edition: Number, file: str, visit: SignedIn
) -> Response:
    """The same as a PDF in the reader's language, as CSV, as a workbook, or as JSON."""
    return await _file(visit, contract_id, review_kind, month, edition, file)


# --- documents that come after every month ---------------------------------------------------------------------------


def _document_address(contract_id: UUID, kind: ScheduledKind, month: date) -> str:
    return f"{PORTAL}/contracts/{contract_id}/documents/{kind}/{month:%Y-%m}"


@router.get(
    "/contracts/{contract_id}/documents/{report_kind}/{month}/editions/{edition}",
    summary="Read an edition of a document of a month",
)
async def show_portal_document_edition(
    contract_id: UUID, report_kind: DocumentKind, month: Month, edition: Number, visit: SignedIn
) -> Response:
    """What its PDF says, for a browser."""
    issued, newest = await _read(visit, contract_id, report_kind, month, edition)
    return _page(visit, issued, newest, _back(contract_id, month, visit.translator))


@router.get(
    "/contracts/{contract_id}/documents/{report_kind}/{month}/editions/{edition}/{file}",
    summary="A file of an edition of a document of a month",
)
async def download_portal_document_edition(
    contract_id: UUID, report_kind: DocumentKind, month: Month, edition: Number, file: str, visit: SignedIn
) -> Response:
    """The same as a PDF in the reader's language, as CSV, as a workbook, or as JSON."""
    return await _file(visit, contract_id, report_kind, month, edition, file)


# --- evidence --------------------------------------------------------------------------------------------------------


def _taken(pack: Pack) -> Response:
    headers = {"Content-Disposition": f'attachment; filename="{pack.name}.zip"', **TAKEN_AWAY}
    return StreamingResponse(iter(pack), media_type="application/zip", headers=headers)


def _there_may_be(month: Month) -> None:
    """Raises NotThere for a month of which no calendar can tell."""
    try:
        in_reach(month)
    except ValidationFailed:
        raise NotThere from None


@router.get("/contracts/{contract_id}/evidence/{month}", summary="The evidence of a month")
async def download_portal_evidence(contract_id: UUID, month: Month, visit: SignedIn) -> Response:
    """What a month's figures rest on, with the program that checks it. It has the contract in it: for deciders."""
    visit.must_decide()
    _there_may_be(month)
    async with visit.unit() as unit:
        evidence = await month_evidence(StoredFacts(unit), contract_id, month, now=unit.now)
        return _taken(await month_pack(unit, visit.box, evidence, month))


@router.get("/contracts/{contract_id}/evidence/{month}/amounts", summary="The evidence of what is owed")
async def download_portal_amounts_evidence(contract_id: UUID, month: Month, visit: SignedIn) -> Response:
    """What the settlement of a month rests on: for deciders."""
    visit.must_decide()
    _there_may_be(month)
    async with visit.unit() as unit:
        return _taken(await amounts_pack(unit, visit.box, contract_id, month))


@router.get("/contracts/{contract_id}/evidence/{month}/hours", summary="The evidence of hours")
async def download_portal_hours_evidence(contract_id: UUID, month: Month, visit: SignedIn) -> Response:
    """What a closed month of hours rests on: for deciders."""
    visit.must_decide()
    _there_may_be(month)
    async with visit.unit() as unit:
        return _taken(await hours_pack(unit, visit.box, contract_id, month))


@router.get("/contracts/{contract_id}/evidence/items/{item_id}", summary="The evidence of an incident's clocks")
async def download_portal_incident_evidence(contract_id: UUID, item_id: UUID, visit: SignedIn) -> Response:
    """What the clocks of an incident, a request or a change rest on. It has the contract in it: for deciders."""
    visit.must_decide()
    async with visit.unit() as unit:
        return _taken(await incident_pack(unit, visit.box, contract_id, item_id))
