"""What the link of a mailed report opens: that edition, for whoever has the link, until it ends."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Annotated, Final, cast
from urllib.parse import urlencode

from fastapi import APIRouter, Query, Request, Response

from reporting.adapters.edition_sheet import edition_sheet
from reporting.adapters.rendering import Link, sheet_page, translator_for
from reporting.adapters.report_deliveries import delivery_of, newest_edition, note_seen
from reporting.adapters.report_editions import issued_of_any_kind
from reporting.adapters.report_links import ExpiredLink, InvalidLink, read_sent_token
from reporting.adapters.report_pdf import report_pdf
from reporting.adapters.report_tables import ReportDelivery
from reporting.api.dependencies import Box, Lang
from reporting.api.pages import HTML_CONTENT, PUBLIC, message_response, page_response, wants_html
from reporting.api.report_editions import attached
from reporting.application.editions import UnknownEdition
from reporting.application.issued import AnyIssued
from reporting.application.sent_messages import MessageEdition
from reporting.domain.review_periods import ReportKind
from shared.problems import Gone, NotFound, responses_for
from shared.service import CurrentRuntime, Now
from shared.unit_of_work import UnitOfWork

router = APIRouter(prefix="/reports/sent", tags=["reports"])

Token = Annotated[str, Query(max_length=2_000, description="from the link", examples=["eyJ0Ijoi…"])]
NEVER_KEPT: Final = "private, no-store"


@dataclass(frozen=True)
class _Opened:
    unit: UnitOfWork
    delivery: ReportDelivery
    issued: AnyIssued


@asynccontextmanager
async def _opened(runtime: CurrentRuntime, box: Box, now: Now, token: str) -> AsyncIterator[_Opened]:
    """What a token opens. Raises InvalidLink, ExpiredLink, UnknownEdition."""
    link = read_sent_token(box, token, now)
    # The token says whose report it is, so that the unit of work is that tenant's and no other's.
    async with runtime.units.for_tenant(link.tenant_id) as unit:
        delivery = await delivery_of(unit, link.delivery_id)
        if delivery is None:
            raise UnknownEdition
        kind = cast(ReportKind, delivery.kind)
        which = (delivery.contract_id, kind, delivery.month, delivery.edition)
        yield _Opened(unit, delivery, await issued_of_any_kind(unit, *which))


def may_be_noted(request: Request) -> bool:
    """Whether the time of opening may be kept: not of who asks not to be tracked, nor of a browser that prefetches."""
    headers = request.headers
    ahead = "prefetch" in headers.get("sec-purpose", "") + headers.get("purpose", "")
    return headers.get("dnt") != "1" and headers.get("sec-gpc") != "1" and not ahead


@router.get(
    "",
    summary="Open a mailed report",
    response_class=Response,
    responses={
        **responses_for(NotFound, Gone),
        200: {"description": "The page", **HTML_CONTENT},
    },
    openapi_extra=PUBLIC,
)
async def open_sent_report(
    request: Request, runtime: CurrentRuntime, now: Now, box: Box, token: Token, lang: Lang = None
) -> Response:
    """The edition that was mailed. The first time that it is opened is noted, unless the browser asks not to be
    tracked (`DNT`, `Sec-GPC`); nothing is noted of who opened it.
    """
    try:
        async with _opened(runtime, box, now, token) as opened:
            edition = opened.issued.edition
            kind = cast(ReportKind, opened.delivery.kind)
            newest = await newest_edition(opened.unit, edition.contract_id, kind, edition.month)
            if may_be_noted(request):
                await note_seen(opened.unit, opened.delivery.delivery_id)
    except (ExpiredLink, InvalidLink, UnknownEdition) as error:
        return _no_report(request, error)
    report = edition.report
    t = translator_for(lang or opened.delivery.language, None, report.language)
    notice = None
    a_message = isinstance(edition, MessageEdition)
    if newest > edition.edition and not a_message:
        notice = t.gettext(
            "This is edition %(edition)s; edition %(newest)s has come since and counts instead.",
            edition=edition.edition,
            newest=newest,
        )
    pdf = Link(
        f"/reports/sent/pdf?{urlencode({'token': token, 'lang': t.language})}", t.gettext("This report as a PDF")
    )
    page = sheet_page(
        edition_sheet(opened.issued, t),
        opened.issued.brand,
        t,
        zone=report.time_zone,
        at=report.as_of,
        notice=notice,
        links=[] if a_message else [pdf],
    )
    return page_response(request, page, t, cache_control=NEVER_KEPT)


@router.get(
    "/pdf",
    summary="Download a mailed report as a PDF",
    response_class=Response,
    responses={
        **responses_for(NotFound, Gone),
        200: {
            "description": "PDF/UA-1",
            "content": {"application/pdf": {"schema": {"type": "string", "format": "binary"}}},
        },
    },
    openapi_extra=PUBLIC,
)
async def download_sent_report(
    request: Request, runtime: CurrentRuntime, now: Now, box: Box, token: Token, lang: Lang = None
) -> Response:
    """The same edition as a file."""
    try:
        async with _opened(runtime, box, now, token) as opened:
            pass
    except (ExpiredLink, InvalidLink, UnknownEdition) as error:
        return _no_report(request, error)
    issued = opened.issued
    t = translator_for(lang or opened.delivery.language, None, issued.edition.report.language)
    headers = attached(issued.edition, "pdf") | {"Cache-Control": NEVER_KEPT}
    return Response(await report_pdf(issued, t), media_type="application/pdf", headers=headers)


def _no_report(request: Request, error: Exception) -> Response:
    t = translator_for(None, request.headers.get("accept-language"), "en")
    if isinstance(error, ExpiredLink):
        detail = t.gettext("This link has ended. Ask whoever sent it to you for a new one.")
        if not wants_html(request):
            raise Gone(detail) from None
        return message_response(request, t, 410, t.gettext("This link has ended"), detail)
    detail = t.gettext("There is no report at this address. Check that the link was copied whole.")
    if not wants_html(request):
        raise NotFound(detail) from None
    return message_response(request, t, 404, t.gettext("Report not found"), detail)
