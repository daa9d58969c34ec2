"""Documents that are sent after every month of a contract: which are wanted, what was told in each, and to whom."""

from typing import Annotated, Final
from uuid import UUID

from fastapi import APIRouter, Depends, Path, Request, Response
from pydantic import BaseModel, ConfigDict, Field, StrictBool
from pydantic.config import JsonDict

from reporting.adapters.edition_sheet import edition_sheet
from reporting.adapters.facts import StoredFacts
from reporting.adapters.rendering import translator_for
from reporting.adapters.report_editions import issued_scheduled
from reporting.adapters.report_schedules import Schedule, keep_schedule, schedule_of
from reporting.adapters.scheduled_sheets import scheduled_lines
from reporting.api.dependencies import Lang
from reporting.api.documents import FILES, Document, Form, answer
from reporting.api.edition_lists import (
    EditionLine,
    IssuedLine,
    ReportDeliveryLine,
    page_of_deliveries,
    page_of_editions,
    page_of_issued,
)
from reporting.api.report_editions import Number, edition_response
from reporting.api.reports import in_reach
from reporting.application.facts import KnownContract
from reporting.application.reporting import UnknownContract, contract_in_month
from reporting.application.scheduled_reports import FOR_DECIDERS, IssuedScheduled, ScheduledEdition
from reporting.domain.review_periods import SCHEDULED, ScheduledKind
from shared.auth import Principal
from shared.etag import IfMatch, etag
from shared.i18n import Translator
from shared.pagination import Page, PageParams
from shared.problems import Forbidden, NotFound, PreconditionFailed, PreconditionRequired, responses_for
from shared.service import Unit, require
from shared.unit_of_work import UnitOfWork
from shared.values import Instant, Month, forbid_unknown

schedules = APIRouter(prefix="/v1/contracts/{contract_id}/report-schedules", tags=["reports"])
listed = APIRouter(prefix="/v1/contracts/{contract_id}/scheduled-reports", tags=["reports"])
router = APIRouter(prefix="/v1/contracts/{contract_id}/scheduled-reports/{report_kind}/{month}", tags=["reports"])

READINGS = frozenset({"get_scheduled_report", "download_scheduled_report"})
"""Who reads what was told to a client is written into the audit log."""
Reader = Annotated[Principal, Depends(require("reports:read"))]
Reviewer = Annotated[Principal, Depends(require("reports:write"))]
_SCHEDULE: Final[JsonDict] = {"kind": "hours", "enabled": True, "version": 0, "changed_at": None}


def _kind(
    report_kind: Annotated[
        str,
        Path(
            max_length=20,
            description="`hours`: the hours report; `access`: who accessed what is the client's; `decisions`: the log "
            "of decisions, risks and actions",
            examples=["hours"],
        ),
    ],
) -> ScheduledKind:
    for kind in SCHEDULED:
        if kind == report_kind:
            return kind
    raise NotFound(f"There is no such document to be sent after every month. There are: {', '.join(SCHEDULED)}.")


Kind = Annotated[ScheduledKind, Depends(_kind)]


# --- which are wanted ------------------------------------------------------------------------------------------------


class ReportScheduleRequest(BaseModel):
    """Whether a document is sent after every month."""

    model_config = forbid_unknown(examples=[{"enabled": True}])

    enabled: StrictBool


class ReportSchedule(BaseModel):
    """Whether a document is made and sent after every month of a contract."""

    model_config = ConfigDict(json_schema_extra={"examples": [_SCHEDULE]})

    kind: ScheduledKind
    enabled: bool
    version: int = Field(ge=0, description="0: the agency said nothing, and it is as is usual")
    changed_at: Instant | None = Field(description="since when it is so; null: its agency said nothing")

    @classmethod
    def of(cls, schedule: Schedule) -> "ReportSchedule":
        """From what is known."""
        return cls.model_validate(schedule, from_attributes=True)


async def _contract(unit: UnitOfWork, contract_id: UUID) -> KnownContract:
    versions = await StoredFacts(unit).versions(contract_id)
    if not versions:
        raise UnknownContract
    return versions[-1]


@schedules.get("", summary="List what is sent after every month", responses=responses_for(NotFound))
async def list_report_schedules(contract_id: UUID, unit: Unit, _reader: Reader) -> Page[ReportSchedule]:
    """Every document that can be. The hours report is usual where the contract has lines of hours; nothing else is."""
    state = (await _contract(unit, contract_id)).state
    return Page(data=[ReportSchedule.of(await schedule_of(unit, state, kind)) for kind in SCHEDULED])


@schedules.get(
    "/{report_kind}", summary="Read whether a document is sent after every month", responses=responses_for(NotFound)
)
async def get_report_schedule(
    contract_id: UUID, report_kind: Kind, unit: Unit, _reader: Reader, response: Response
) -> ReportSchedule:
    """As the agency said, else as is usual."""
    schedule = await schedule_of(unit, (await _contract(unit, contract_id)).state, report_kind)
    response.headers["ETag"] = etag(schedule.version)
    return ReportSchedule.of(schedule)


@schedules.put(
    "/{report_kind}",
    summary="Say whether a document is sent after every month",
    responses=responses_for(NotFound, PreconditionFailed, PreconditionRequired),
)
async def set_report_schedule(
    contract_id: UUID,
    report_kind: Kind,
    body: ReportScheduleRequest,
    unit: Unit,
    _reviewer: Reviewer,
    if_match: IfMatch,
    response: Response,
) -> ReportSchedule:
    """From the next month on that is told: on day 1, at nine in the morning where the client lives, to every decider
    in his language. Switched on after nine, it begins with the month after that one. Switched off, nothing more is
    sent: no mail that is planned already, and no correction of what was sent. To say again what holds changes nothing,
    the version neither.
    """
    contract = await _contract(unit, contract_id)
    present = await schedule_of(unit, contract.state, report_kind, lock=True)
    if_match.require(present.version)
    kept = await keep_schedule(unit, contract.tenant_id, contract.state, report_kind, enabled=body.enabled)
    response.headers["ETag"] = etag(kept.version)
    return ReportSchedule.of(kept)


# --- what was told ---------------------------------------------------------------------------------------------------


class ScheduledReportLine(IssuedLine[ScheduledKind]):
    """A document that was issued, and its newest edition."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "report_id": "3b7e4c1e-6a34-5a6b-8a6e-3f1f7c8f4b24",
                    "kind": "hours",
                    "month": "2026-06",
                    "edition": 1,
                }
            ]
        }
    )


@listed.get("", summary="List the documents that were made after months", responses=responses_for(NotFound))
async def list_scheduled_reports(
    contract_id: UUID, unit: Unit, _reader: Reader, params: PageParams
) -> Page[ScheduledReportLine]:
    """By month. A document that is wanted comes in the morning after the month, where the client lives."""
    await _contract(unit, contract_id)
    return await page_of_issued(unit, contract_id, SCHEDULED, params, ScheduledReportLine.of)


def _may_read(reader: Principal, kind: ScheduledKind) -> None:
    if kind in FOR_DECIDERS and "contracts:read" not in reader.scopes:
        raise Forbidden("This document is for those who may read the contract.")


async def _there(unit: UnitOfWork, contract_id: UUID, month: Month) -> None:
    """Raises for a month that there is not."""
    in_reach(month)
    await contract_in_month(StoredFacts(unit), contract_id, month)


@router.get("/editions", summary="List the editions of a document", responses=responses_for(NotFound))
async def list_scheduled_report_editions(
    contract_id: UUID, report_kind: Kind, month: Month, unit: Unit, _reader: Reader, params: PageParams
) -> Page[EditionLine]:
    """Oldest first; the newest counts. None while the month goes on, or where the document is not wanted."""
    await _there(unit, contract_id, month)
    return await page_of_editions(unit, contract_id, report_kind, month, params)


@router.get(
    "/editions/{edition}",
    summary="Read an edition of a document",
    response_model=ScheduledEdition,
    responses=responses_for(NotFound),
)
async def get_scheduled_report(
    contract_id: UUID, report_kind: Kind, month: Month, edition: Number, unit: Unit, reader: Reader
) -> Response:
    """The document as it was told, byte for byte, with what it changed. Accesses are for who may read the contract."""
    _may_read(reader, report_kind)
    issued = await issued_scheduled(unit, contract_id, report_kind, month, edition)
    return edition_response(issued.text)


@router.get(
    "/editions/{edition}/{document_form}",
    summary="Download an edition of a document",
    response_class=Response,
    responses={**responses_for(NotFound), **FILES},
)
async def download_scheduled_report(
    request: Request,
    contract_id: UUID,
    report_kind: Kind,
    month: Month,
    edition: Number,
    form: Form,
    unit: Unit,
    reader: Reader,
    lang: Lang = None,
) -> Response:
    """As a page, a PDF, a workbook, or CSV, in the agency's texts and order as they were on the day of issue."""
    _may_read(reader, report_kind)
    issued = await issued_scheduled(unit, contract_id, report_kind, month, edition)
    asked = request.headers.get("accept-language") if form == "html" else None
    t = translator_for(lang, asked, issued.edition.report.language)
    return await answer(request, scheduled_document(issued, t), form, t)


def scheduled_document(issued: IssuedScheduled, t: Translator) -> Document:
    """An edition as its files are made."""
    edition, report = issued.edition, issued.edition.report
    columns, rows = scheduled_lines(edition)
    return Document(
        sheet=edition_sheet(issued, t),
        brand=issued.brand,
        zone=report.time_zone,
        made_at=edition.issued_at,
        file_name=f"{report.contract.number}-{edition.kind}-{edition.month:%Y-%m}-{edition.edition}",
        columns=columns,
        rows=rows,
    )


@router.get("/deliveries", summary="List to whom a document was sent", responses=responses_for(NotFound))
async def list_scheduled_report_deliveries(
    contract_id: UUID, report_kind: Kind, month: Month, unit: Unit, _reader: Reader, params: PageParams
) -> Page[ReportDeliveryLine]:
    """Every edition for every decider of the client: when it left, and when its link was opened first."""
    await _there(unit, contract_id, month)
    return await page_of_deliveries(unit, contract_id, report_kind, month, params)
