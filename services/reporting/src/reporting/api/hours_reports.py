"""The hours report: what was used of each line, what is left and what goes beyond, and on which tickets."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Request, Response

from reporting.adapters.agency_sheets import hours_sheet
from reporting.adapters.facts import StoredFacts
from reporting.adapters.rendering import translator_for
from reporting.adapters.report_templates import document_template_of
from reporting.adapters.reviews import newest_editions
from reporting.api.dependencies import Lang
from reporting.api.documents import FILES, Document, Form, answer
from reporting.api.reports import in_reach
from reporting.application.brands import brand_of_papers
from reporting.application.hours_report import COLUMNS, HoursReport, hours_report, hours_rows
from reporting.application.report import Brand
from reporting.application.reporting import contract_in_month, monthly_report
from shared.auth import Principal
from shared.problems import NotFound, responses_for
from shared.service import Unit, require
from shared.unit_of_work import UnitOfWork
from shared.values import Month

router = APIRouter(prefix="/v1/contracts/{contract_id}/hours-reports/{month}", tags=["reports"])

READINGS = frozenset({"get_hours_report", "download_hours_report"})
"""Who reads what was worked is written into the audit log."""
Reader = Annotated[Principal, Depends(require("reports:read"))]


async def _report(unit: UnitOfWork, contract_id: UUID, month: Month) -> tuple[HoursReport, Brand]:
    in_reach(month)
    facts = StoredFacts(unit)
    contract = await contract_in_month(facts, contract_id, month)
    issued = (await newest_editions(unit, contract_id, [month])).get(month)
    if issued is not None:
        brand = await brand_of_papers(facts, contract.tenant_id, contract.state)
        return hours_report(issued.report, issued.edition), brand
    live = await monthly_report(facts, contract_id, month, now=unit.now)
    return hours_report(live.content, None), live.brand


@router.get("", summary="Read the hours of a month", responses=responses_for(NotFound))
async def get_hours_report(
    contract_id: UUID, month: Month, unit: Unit, _reader: Reader, response: Response
) -> HoursReport:
    """By the newest edition of the month's report; while none was issued, as it is known now."""
    response.headers["Cache-Control"] = "private, no-cache"
    report, _ = await _report(unit, contract_id, month)
    return report


@router.get(
    "/{document_form}",
    summary="Download the hours of a month",
    response_class=Response,
    responses={**responses_for(NotFound), **FILES},
)
async def download_hours_report(
    request: Request, contract_id: UUID, month: Month, form: Form, unit: Unit, _reader: Reader, lang: Lang = None
) -> Response:
    """The hours as a page, a PDF, a workbook, or CSV with exact minutes."""
    report, brand = await _report(unit, contract_id, month)
    t = translator_for(lang, request.headers.get("accept-language"), report.language)
    document = Document(
        sheet=hours_sheet(report, brand, t, await document_template_of(unit, "hours")),
        brand=brand,
        zone=report.time_zone,
        made_at=report.as_of,
        file_name=f"{report.contract.number}-hours-{month:%Y-%m}",
        columns=COLUMNS,
        rows=list(hours_rows(report)),
    )
    return await answer(request, document, form, t)
