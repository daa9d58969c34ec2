"""The agency's own texts and order of reports."""

from typing import Annotated

from fastapi import APIRouter, Depends, Response
from pydantic import BaseModel, ConfigDict, Field

from reporting.adapters.report_templates import keep_template, template_row
from reporting.application.report_template import EXAMPLE, ReportTemplateContent, faults_of_template
from shared.auth import Principal
from shared.etag import IfMatch, etag
from shared.problems import FieldError, PreconditionFailed, PreconditionRequired, ValidationFailed, responses_for
from shared.service import Unit, require
from shared.values import Instant

router = APIRouter(prefix="/v1/report-template", tags=["reports"])

Reader = Annotated[Principal, Depends(require("reports:read"))]
Reviewer = Annotated[Principal, Depends(require("reports:write"))]


class ReportTemplateView(BaseModel):
    """The template that the next editions are made with; version 0 is ours."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"version": 1, "changed_at": "2026-06-08T09:00:00Z", "template": EXAMPLE}]}
    )

    version: int = Field(ge=0)
    changed_at: Instant | None
    template: ReportTemplateContent


@router.get("", summary="Read the template of reports")
async def get_report_template(unit: Unit, _reader: Reader, response: Response) -> ReportTemplateView:
    """The agency's own, or ours while it has none."""
    row = await template_row(unit)
    version = 0 if row is None else row.version
    response.headers["ETag"] = etag(version)
    return ReportTemplateView(
        version=version,
        changed_at=None if row is None else row.changed_at,
        template=ReportTemplateContent() if row is None else ReportTemplateContent.model_validate(row.content),
    )


@router.put(
    "", summary="Write the template of reports", responses=responses_for(PreconditionFailed, PreconditionRequired)
)
async def set_report_template(
    body: ReportTemplateContent, unit: Unit, _reviewer: Reviewer, if_match: IfMatch, response: Response
) -> ReportTemplateView:
    """For the next editions; those that were issued keep theirs. A text with a variable that does not exist, or a mail
    without its link, is refused here: nothing can be sent half filled.
    """
    present = await template_row(unit, lock=True)
    if_match.require(0 if present is None else present.version)
    faults = faults_of_template(body)
    if faults:
        errors = [FieldError(detail=fault.detail, pointer=fault.pointer) for fault in faults]
        raise ValidationFailed("The template cannot be used as it is: nothing was changed.", errors=errors)
    row = await keep_template(unit, body)
    response.headers["ETag"] = etag(row.version)
    return ReportTemplateView(version=row.version, changed_at=row.changed_at, template=body)
