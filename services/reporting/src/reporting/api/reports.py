"""Availability and reports of contracts, and links to show them to somebody without an account."""

from datetime import UTC, datetime, timedelta
from typing import Annotated, Final, Literal
from uuid import UUID
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Depends, Query, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from reporting.adapters.facts import StoredFacts
from reporting.adapters.rendering import Link, RenderedPage, report_page, sheet_page, translator_for
from reporting.adapters.report_deliveries import newest_edition
from reporting.adapters.report_editions import issued_edition
from reporting.adapters.report_links import (
    ExpiredLink,
    InvalidLink,
    SharedReport,
    make_token,
    read_token,
    shared_address,
)
from reporting.adapters.report_sheet import report_sheet
from reporting.api.dependencies import Box, Lang, Settings
from reporting.api.errors import in_the_future
from reporting.api.pages import HTML_CONTENT, PUBLIC, message_response, page_response, wants_html
from reporting.application.editions import IssuedEdition, beside_edition, without_money
from reporting.application.report import (
    Availability,
    Branded,
    LiveMonthlyReport,
    MonthlyReport,
    report_without_money,
)
from reporting.application.reporting import InTheFuture, NotInTheContract, UnknownContract, availability, monthly_report
from shared.auth import Principal
from shared.events import Actor
from shared.i18n import Translator
from shared.operations import request_operation
from shared.problems import FieldError, Gone, NotFound, ValidationFailed, responses_for
from shared.service import CurrentRuntime, Now, Unit, require
from shared.unit_of_work import UnitOfWork
from shared.values import Instant, Month, forbid_unknown

router = APIRouter(prefix="/v1/contracts/{contract_id}", tags=["reports"])
shared_router = APIRouter(prefix="/reports", tags=["reports"])

LONGEST_PERIOD: Final = timedelta(days=400)
WHOEVER_HAS_THE_LINK: Final = Actor(kind="system", id="report-link", name="Whoever has the link")
"""A link opens its report without an account: the log tells that it was opened, and cannot tell by whom."""
DEFAULT_LIFE: Final = 7 * 86_400
LONGEST_LIFE: Final = 90 * 86_400

READINGS = frozenset({"get_monthly_report", "get_monthly_report_page", "get_shared_report"})
"""Who read what a client is shown of a month is written into the access log."""

AsOf = Annotated[
    Instant | None,
    Query(
        description="the report as it stood then; not in the future. Left out: now", examples=["2026-06-30T22:00:00Z"]
    ),
]
Reader = Annotated[Principal, Depends(require("reports:read"))]


def in_reach(month: Month, *, in_body: bool = False) -> None:
    """Refuses a month of which no calendar can tell. Raises ValidationFailed."""
    if not 1970 <= month.year <= 2500:
        detail = "`month` must lie between the years 1970 and 2500."
        place = {"pointer": "#/month"} if in_body else {"parameter": "month"}
        raise ValidationFailed(detail, errors=[FieldError(detail=detail, **place)])


@router.get(
    "/availability",
    summary="Measure the uptime of a contract",
    responses=responses_for(NotFound),
)
async def get_availability(
    contract_id: UUID,
    unit: Unit,
    _reader: Reader,
    from_: Annotated[Instant, Query(alias="from", examples=["2026-06-01T00:00:00Z"])],
    to: Annotated[
        Instant,
        Query(description="after `from`, at most 400 days, not in the future", examples=["2026-06-08T00:00:00Z"]),
    ],
    known_at: Annotated[
        Instant | None,
        Query(
            description="decisions on outages as they were in force then; not in the future. Left out: now",
            examples=["2026-06-30T22:00:00Z"],
        ),
    ] = None,
) -> Availability:
    """Uptime per environment over any period, with the stretches of time and the events behind each figure.

    The period is cut to the life of the contract. Environments are never averaged. Where outages were decided to be
    somebody else's, each figure stands beside the one that was measured.
    """
    detail = None
    if to <= from_:
        detail = "`to` must be after `from`."
    elif to - from_ > LONGEST_PERIOD:
        detail = "The period must not be longer than 400 days; ask for its parts."
    if detail is not None:
        raise ValidationFailed(detail, errors=[FieldError(detail=detail, parameter="to")])
    return await availability(StoredFacts(unit), contract_id, from_, to, now=unit.now, known_at=known_at)


@router.get("/reports/{month}", summary="Read the report of a month", responses=responses_for(NotFound))
async def get_monthly_report(
    contract_id: UUID, month: Month, unit: Unit, reader: Reader, response: Response, as_of: AsOf = None
) -> LiveMonthlyReport:
    """The month in the client's zone, up to `as_of`, as it is computed now: uptime against the promise, incidents with
    their times, response and repair against their targets, coverage, and the ids of the events behind each figure.
    What was told to the client is the newest edition, which `edition` names.
    """
    in_reach(month)
    response.headers["Cache-Control"] = "private, no-cache"
    live = (await monthly_report(StoredFacts(unit), contract_id, month, now=unit.now, as_of=as_of)).content
    issued = await _newest(unit, contract_id, month)
    report = beside_edition(live, None if issued is None else issued.edition)
    return report if reads_money(reader) else report_without_money(report)


def reads_money(reader: Principal) -> bool:
    """Whether somebody may be shown what the contract costs."""
    return "contracts:read" in reader.scopes


async def _newest(unit: UnitOfWork, contract_id: UUID, month: Month) -> IssuedEdition | None:
    """The edition of a month that counts; None while there is none."""
    number = await newest_edition(unit, contract_id, "monthly", month)
    return await issued_edition(unit, contract_id, month, number) if number else None


def _edition_page(issued: IssuedEdition, t: Translator, notice: str | None = None) -> RenderedPage:
    report = issued.edition.report
    return sheet_page(report_sheet(issued, t), issued.brand, t, zone=report.time_zone, at=report.as_of, notice=notice)


def _live_page(
    report: Branded[MonthlyReport],
    t: Translator,
    issued: IssuedEdition | None,
    edition_address: str | None,
    shared_until: datetime | None = None,
) -> RenderedPage:
    """What is computed now, which says so where an edition of it was issued, and leads to that where there is a way."""
    if issued is None:
        return report_page(report, t, shared_until=shared_until)
    zone = ZoneInfo(report.content.time_zone)
    notice = t.gettext(
        "Figures as of %(instant)s, computed now; edition %(edition)s of this month was issued on %(issued)s.",
        instant=t.datetime(report.content.as_of, zone),
        edition=issued.edition.edition,
        issued=t.datetime(issued.edition.issued_at, zone),
    )
    edition = t.gettext("Edition %(number)s", number=issued.edition.edition)
    ways = [] if edition_address is None else [Link(edition_address, edition)]
    return report_page(report, t, shared_until=shared_until, notice=notice, ways=ways)


@router.get(
    "/reports/{month}/html",
    summary="Read the report of a month as a page",
    response_class=Response,
    responses={
        **responses_for(NotFound),
        200: {"description": "The page", **HTML_CONTENT},
    },
)
async def get_monthly_report_page(
    request: Request,
    contract_id: UUID,
    month: Month,
    unit: Unit,
    reader: Reader,
    as_of: AsOf = None,
    lang: Lang = None,
) -> Response:
    """The newest edition for people, in the client's brand, in French or English, ready to print. While there is none,
    and with `as_of`, it is what is computed now, and says so beside an edition.
    """
    in_reach(month)
    asked = request.headers.get("accept-language")
    issued = await _newest(unit, contract_id, month)
    if issued is not None and as_of is None:
        translator = translator_for(lang, asked, issued.edition.report.language)
        page = _edition_page(issued if reads_money(reader) else without_money(issued), translator)
    else:
        report = await monthly_report(StoredFacts(unit), contract_id, month, now=unit.now, as_of=as_of)
        translator = translator_for(lang, asked, report.content.language)
        page = _live_page(report, translator, issued, request.url.path)
    return page_response(request, page, translator, cache_control="private, no-cache")


class ReportLinkRequest(BaseModel):
    """Which report to share, and for how long."""

    model_config = forbid_unknown(examples=[{"month": "2026-06", "language": "fr", "expires_in_seconds": 604800}])

    month: Month
    language: Literal["fr", "en"] | None = Field(default=None, description="left out: the client's language")
    as_of: Instant | None = Field(
        default=None,
        description="fixes the report to an instant, computed when it is read; left out: the newest edition, and what "
        "is known by then while there is none",
    )
    expires_in_seconds: int = Field(default=DEFAULT_LIFE, ge=60, le=LONGEST_LIFE, description="at most 90 days")


class ReportLink(BaseModel):
    """A link that opens one report in a browser, for whoever has it, until it ends."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "url": "https://reports.agency.example/reports/shared?token=eyJ0Ijoi.c2lnbmVk",
                    "expires_at": "2026-07-08T06:00:00Z",
                }
            ]
        }
    )

    url: str = Field(max_length=2_000)
    expires_at: Instant


@router.post(
    "/report-links",
    status_code=201,
    summary="Make a link to a report",
    responses=responses_for(NotFound),
)
async def create_report_link(
    contract_id: UUID, body: ReportLinkRequest, unit: Unit, _reader: Reader, settings: Settings, box: Box
) -> ReportLink:
    """A signed address for a browser that has no token. Nothing is stored: it cannot be taken back before its end. It
    shows no amounts: whoever has the link reads it.
    """
    in_reach(body.month, in_body=True)
    try:
        report = await monthly_report(StoredFacts(unit), contract_id, body.month, now=unit.now, as_of=body.as_of)
    except InTheFuture as error:
        raise in_the_future(error, in_body=True) from None
    assert unit.tenant_id is not None  # a unit of a caller is always one tenant's
    expires_at = (unit.now + timedelta(seconds=body.expires_in_seconds)).astimezone(UTC).replace(microsecond=0)
    token = make_token(
        box,
        SharedReport(
            unit.tenant_id, contract_id, body.month, body.language or report.content.language, body.as_of, expires_at
        ),
    )
    return ReportLink(url=f"{settings.public_url.rstrip('/')}{shared_address(token)}", expires_at=expires_at)


@shared_router.get(
    "/shared",
    summary="Open a shared report",
    response_class=Response,
    responses={
        **responses_for(NotFound, Gone),
        200: {"description": "The page", **HTML_CONTENT},
    },
    openapi_extra=PUBLIC,
)
async def get_shared_report(
    request: Request,
    runtime: CurrentRuntime,
    now: Now,
    box: Box,
    token: Annotated[str, Query(max_length=2_000, description="from the link", examples=["eyJ0Ijoi…"])],
    lang: Lang = None,
) -> Response:
    """The report that a link opens: the newest edition, without what it says of money; while there is none, or where
    the link fixes an instant, what is computed now. The token is in the query, because paths are written to logs.
    """
    t = translator_for(lang, request.headers.get("accept-language"), "en")
    try:
        shared = read_token(box, token, now)
        # The token says whose report it is, so that the unit of work is that tenant's and no other's.
        async with runtime.units.for_tenant(shared.tenant_id, actor=WHOEVER_HAS_THE_LINK) as unit:
            if (operation := request_operation()) is not None:
                operation.about = f"/v1/contracts/{shared.contract_id}/reports/{shared.month:%Y-%m}"
            issued = await _newest(unit, shared.contract_id, shared.month)
            report = None
            if issued is None or shared.as_of is not None:
                report = await monthly_report(
                    StoredFacts(unit), shared.contract_id, shared.month, now=unit.now, as_of=shared.as_of
                )
    except ExpiredLink:
        detail = t.gettext("This link has ended. Ask whoever sent it to you for a new one.")
        if not wants_html(request):
            raise Gone(detail) from None
        return message_response(request, t, 410, t.gettext("This link has ended"), detail)
    except (InvalidLink, UnknownContract, NotInTheContract, InTheFuture):
        detail = t.gettext("There is no report at this address. Check that the link was copied whole.")
        if not wants_html(request):
            raise NotFound(detail) from None
        return message_response(request, t, 404, t.gettext("Report not found"), detail)
    t = translator_for(lang or shared.language, None, shared.language)
    if issued is not None and report is None:
        ends = t.datetime(shared.expires_at, ZoneInfo(issued.edition.report.time_zone))
        page = _edition_page(without_money(issued), t, t.gettext("This link ends on %(end)s", end=ends))
    else:
        assert report is not None  # it was computed where no edition is shown
        # No link to the edition: whoever was given an instant was not given what is issued later.
        page = _live_page(report, t, issued, None, shared.expires_at)
    return page_response(request, page, t, cache_control="private, no-store")
