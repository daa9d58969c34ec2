"""The access log as a report for an audit of confidentiality: a page, a PDF, a workbook, lines."""

from datetime import datetime
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Request, Response
from sqlalchemy import select

from reporting.adapters.agency_sheets import access_log_sheet
from reporting.adapters.audit_queries import access_of, accesses
from reporting.adapters.audit_tables import AuditEntry
from reporting.adapters.rendering import translator_for
from reporting.adapters.tables import Contract
from reporting.api.audit import Auditor, Filters, access_lines
from reporting.api.audit_models import Access
from reporting.api.dependencies import Lang
from reporting.api.documents import FILES, MOST_ROWS, Document, Form, answer, not_too_long
from reporting.application.facts import ContractState
from reporting.application.report import Brand
from shared.problems import Conflict, responses_for
from shared.service import CurrentRuntime, Unit

router = APIRouter(prefix="/v1/access-log", tags=["audit"])

READINGS = frozenset({"download_access_report"})
"""Who reads who read what is written into the log."""
COLUMNS = tuple(Access.model_fields)


@router.get(
    "/{document_form}",
    summary="Download the access log as a report",
    response_class=Response,
    responses={**responses_for(Conflict), **FILES},
)
async def download_access_report(
    request: Request,
    form: Form,
    unit: Unit,
    runtime: CurrentRuntime,
    auditor: Auditor,
    wanted: Filters,
    lang: Lang = None,
) -> Response:
    """Who accessed what, newest first: as a page, a PDF or a workbook, or as the CSV of any length, oldest first, that
    `GET /v1/access-log.csv` is, too.
    """
    if form == "csv":
        return access_lines(runtime, auditor, wanted)
    found = await unit.session.execute(accesses(wanted).order_by(AuditEntry.sequence.desc()).limit(MOST_ROWS + 1))
    told = [access_of(entry, payload) for entry, payload in found]
    not_too_long(told[MOST_ROWS:] or None)
    stored = await unit.session.scalar(select(Contract.state).order_by(Contract.contract_id).limit(1))
    agency = "" if stored is None else ContractState.model_validate(stored).agency.name
    t = translator_for(lang, request.headers.get("accept-language"), "fr")
    shown = [each | {"at": datetime.fromisoformat(each["at"])} for each in told]
    brand = Brand(agency, None, None, None, None)
    period = (wanted.since, wanted.until or unit.now)
    document = Document(
        sheet=access_log_sheet(agency, agency, brand, shown, period, ZoneInfo("UTC"), t),
        brand=brand,
        zone="UTC",
        made_at=unit.now,
        file_name="access-log",
        columns=COLUMNS,
        rows=[["" if each[column] is None else each[column] for column in COLUMNS] for each in told],
    )
    return await answer(request, document, form, t)
