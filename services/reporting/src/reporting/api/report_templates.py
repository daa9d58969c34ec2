"""The agency's own texts and order of reports."""

from collections.abc import Sequence
from typing import Annotated

from fastapi import APIRouter, Depends, Path, Response
from pydantic import BaseModel, ConfigDict, Field

from reporting.adapters.report_templates import document_template_of, keep_template, template_row
from reporting.application.report_template import (
    DOCUMENT_EXAMPLE,
    EXAMPLE,
    SECTIONS_OF,
    DocumentKind,
    DocumentTemplateContent,
    ReportTemplateContent,
    TemplateFault,
    faults_of_document_template,
    faults_of_template,
)
from shared.auth import Principal
from shared.etag import IfMatch, etag
from shared.problems import (
    FieldError,
    NotFound,
    PreconditionFailed,
    PreconditionRequired,
    ValidationFailed,
    responses_for,
)
from shared.service import Unit, require
from shared.values import Instant

router = APIRouter(prefix="/v1/report-template", tags=["reports"])
documents = APIRouter(prefix="/v1/report-templates/{template_kind}", tags=["reports"])

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
    row = await template_row(unit, "monthly")
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
    present = await template_row(unit, "monthly", lock=True)
    if_match.require(0 if present is None else present.version)
    _refuse(faults_of_template(body))
    row = await keep_template(unit, "monthly", body)
    response.headers["ETag"] = etag(row.version)
    return ReportTemplateView(version=row.version, changed_at=row.changed_at, template=body)


def _refuse(faults: Sequence[TemplateFault]) -> None:
    if faults:
        errors = [FieldError(detail=fault.detail, pointer=fault.pointer) for fault in faults]
        raise ValidationFailed("The template cannot be used as it is: nothing was changed.", errors=errors)


# --- of reviews and of the hours report ------------------------------------------------------------------------------


def _document_kind(
    template_kind: Annotated[
        str,
        Path(
            max_length=20,
            description="`quarterly`, `annual`, `institutional`: reviews; `hours`, `access`, `decisions`: documents "
            "that are sent after every month",
            examples=["quarterly"],
        ),
    ],
) -> DocumentKind:
    for kind in SECTIONS_OF:
        if kind == template_kind:
            return kind
    raise NotFound(f"There is no such template. There are: {', '.join(SECTIONS_OF)}.")


Kind = Annotated[DocumentKind, Depends(_document_kind)]


class DocumentTemplateView(BaseModel):
    """The template that the next editions of a kind are made with; version 0 is ours."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"version": 1, "changed_at": "2026-06-08T09:00:00Z", "template": DOCUMENT_EXAMPLE}]
        }
    )

    version: int = Field(ge=0)
    changed_at: Instant | None
    template: DocumentTemplateContent


@documents.get("", summary="Read the template of a review or of the hours report", responses=responses_for(NotFound))
async def get_document_template(
    template_kind: Kind, unit: Unit, _reader: Reader, response: Response
) -> DocumentTemplateView:
    """The agency's own, or ours while it has none."""
    row = await template_row(unit, template_kind)
    version = 0 if row is None else row.version
    response.headers["ETag"] = etag(version)
    return DocumentTemplateView(
        version=version,
        changed_at=None if row is None else row.changed_at,
        template=await document_template_of(unit, template_kind),
    )


@documents.put(
    "",
    summary="Write the template of a review or of the hours report",
    responses=responses_for(NotFound, PreconditionFailed, PreconditionRequired),
)
async def set_document_template(
    template_kind: Kind,
    body: DocumentTemplateContent,
    unit: Unit,
    _reviewer: Reviewer,
    if_match: IfMatch,
    response: Response,
) -> DocumentTemplateView:
    """For what is made from now on; editions that were issued keep theirs. A text with a variable that does not exist,
    an order that leaves a section out, or a mail without its link, is refused here.
    """
    present = await template_row(unit, template_kind, lock=True)
    if_match.require(0 if present is None else present.version)
    _refuse(faults_of_document_template(template_kind, body))
    row = await keep_template(unit, template_kind, body)
    response.headers["ETag"] = etag(row.version)
    return DocumentTemplateView(version=row.version, changed_at=row.changed_at, template=body)
