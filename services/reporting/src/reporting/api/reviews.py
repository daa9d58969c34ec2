"""Reviews of several months: quarterly, annual, and for institutions (incidents, actions, risks, decisions)."""

from dataclasses import dataclass
from typing import Annotated, Final
from uuid import UUID

from fastapi import APIRouter, Depends, Path, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from reporting.adapters.facts import StoredFacts
from reporting.adapters.rendering import translator_for
from reporting.adapters.report_editions import keep_commentary
from reporting.adapters.report_templates import document_template_of
from reporting.adapters.review_csv import COLUMNS, review_rows
from reporting.adapters.review_sheet import preview_sheet, review_sheet
from reporting.adapters.reviews import locked_notes, newest_review, notes_of, reviewed
from reporting.api.dependencies import Lang
from reporting.api.documents import Document, answer
from reporting.api.pages import HTML_CONTENT
from reporting.api.reports import in_reach
from reporting.application import review_examples
from reporting.application.report import Brand
from reporting.application.report_template import DocumentTemplateContent
from reporting.application.review import Review, ReviewNotes, reviewed_period
from reporting.application.review_editions import IssuedReview, ReviewReading
from reporting.domain.review_periods import LENGTHS, ReviewKind
from shared.auth import Principal
from shared.etag import IfMatch, etag
from shared.i18n import Translator
from shared.problems import NotFound, PreconditionFailed, PreconditionRequired, responses_for
from shared.service import Unit, require
from shared.unit_of_work import UnitOfWork
from shared.values import Month

router = APIRouter(prefix="/v1/contracts/{contract_id}/reviews/{review_kind}/{month}", tags=["reports"])

READINGS = frozenset({"get_review", "get_review_page", "download_review_pdf"})
"""Who reads a review is written into the audit log."""


def _kind(
    review_kind: Annotated[
        str,
        Path(
            max_length=20,
            description="`quarterly`: three months, `annual`: twelve, `institutional`: one",
            examples=["quarterly"],
        ),
    ],
) -> ReviewKind:
    for kind in LENGTHS:
        if kind == review_kind:
            return kind
    raise NotFound(f"There is no such review. There are: {', '.join(LENGTHS)}.")


Kind = Annotated[ReviewKind, Depends(_kind)]
WRITES: Final = "reports:write"
Reader = Annotated[Principal, Depends(require("reports:read"))]
Reviewer = Annotated[Principal, Depends(require(WRITES))]


class ReviewNotesView(BaseModel):
    """The notes of a review; version 0 while there are none."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"version": 1, "notes": review_examples.NOTES}]})

    version: int = Field(ge=0)
    notes: ReviewNotes


@dataclass(frozen=True)
class Preview:
    """A review while no edition was issued: as it is known now, in the order of the next edition."""

    review: Review
    notes: ReviewNotes
    brand: Brand
    template: DocumentTemplateContent


async def newest_or_preview(
    unit: UnitOfWork, reader: Principal, contract_id: UUID, kind: ReviewKind, month: Month
) -> IssuedReview | Preview:
    """The review as it is read without asking for an edition. Notes not issued yet are for those who write them."""
    in_reach(month)
    issued = await newest_review(unit, contract_id, kind, month)
    if issued is not None:
        return issued
    period = await reviewed_period(StoredFacts(unit), contract_id, kind, month, now=unit.now)
    review = await reviewed(unit, contract_id, period)
    notes = (await notes_of(unit, contract_id, kind, month))[1] if reader.may(WRITES) else ReviewNotes()
    return Preview(review, notes, period.brand, await document_template_of(unit, kind))


def review_document(shown: IssuedReview | Preview, t: Translator) -> Document:
    """The review as its files are made."""
    review = shown.review if isinstance(shown, Preview) else shown.edition.report
    name = f"{review.contract.number}-{review.kind}-{review.first_month:%Y-%m}"
    return Document(
        sheet=preview_sheet(review, shown.notes, shown.brand, shown.template, t)
        if isinstance(shown, Preview)
        else review_sheet(shown, t),
        brand=shown.brand,
        zone=review.time_zone,
        made_at=review.as_of if isinstance(shown, Preview) else shown.edition.issued_at,
        file_name=f"{name}-preview" if isinstance(shown, Preview) else f"{name}-{shown.edition.edition}",
        columns=COLUMNS,
        rows=list(review_rows(review)),
    )


def language_of(shown: IssuedReview | Preview) -> str:
    """The client's, in which a file is unless another is asked for."""
    return (shown.review if isinstance(shown, Preview) else shown.edition.report).language


@router.get("", summary="Read a review", responses=responses_for(NotFound))
async def get_review(
    contract_id: UUID, review_kind: Kind, month: Month, unit: Unit, reader: Reader, response: Response
) -> ReviewReading:
    """The period that begins with a month: trends by the issued editions, what waits for an answer, and the action plan
    with owners and dates, where what was open before is carried over. The newest edition; a preview while none was
    issued.
    """
    response.headers["Cache-Control"] = "private, no-cache"
    shown = await newest_or_preview(unit, reader, contract_id, review_kind, month)
    if isinstance(shown, Preview):
        return ReviewReading(**dict(shown.review), edition=None, notes=shown.notes)
    return ReviewReading(**dict(shown.edition.report), edition=shown.edition.edition, notes=shown.edition.notes)


@router.get(
    "/html",
    summary="Read a review as a page",
    response_class=Response,
    responses={
        **responses_for(NotFound),
        200: {"description": "The page", **HTML_CONTENT},
    },
)
async def get_review_page(
    request: Request, contract_id: UUID, review_kind: Kind, month: Month, unit: Unit, reader: Reader, lang: Lang = None
) -> Response:
    """The same review for people, ready to print."""
    shown = await newest_or_preview(unit, reader, contract_id, review_kind, month)
    t = translator_for(lang, request.headers.get("accept-language"), language_of(shown))
    return await answer(request, review_document(shown, t), "html", t)


@router.get(
    "/pdf",
    summary="Download a review as a PDF",
    response_class=Response,
    responses={
        **responses_for(NotFound),
        200: {
            "description": "PDF/UA-1: tagged, fonts embedded",
            "content": {"application/pdf": {"schema": {"type": "string", "format": "binary"}}},
        },
    },
)
async def download_review_pdf(
    request: Request, contract_id: UUID, review_kind: Kind, month: Month, unit: Unit, reader: Reader, lang: Lang = None
) -> Response:
    """In the client's language unless another is asked for."""
    shown = await newest_or_preview(unit, reader, contract_id, review_kind, month)
    t = translator_for(lang, None, language_of(shown))
    return await answer(request, review_document(shown, t), "pdf", t)


@router.get("/notes", summary="Read the notes of a review", responses=responses_for(NotFound))
async def get_review_notes(
    contract_id: UUID, review_kind: Kind, month: Month, unit: Unit, _reviewer: Reviewer, response: Response
) -> ReviewNotesView:
    """What the agency recommends and plans, for those who write it."""
    in_reach(month)
    await reviewed_period(StoredFacts(unit), contract_id, review_kind, month, now=unit.now)
    version, notes = await notes_of(unit, contract_id, review_kind, month)
    response.headers["ETag"] = etag(version)
    return ReviewNotesView(version=version, notes=notes)


@router.put(
    "/notes",
    summary="Write the notes of a review",
    responses=responses_for(NotFound, PreconditionFailed, PreconditionRequired),
)
async def set_review_notes(
    contract_id: UUID,
    review_kind: Kind,
    month: Month,
    body: ReviewNotes,
    unit: Unit,
    _reviewer: Reviewer,
    if_match: IfMatch,
    response: Response,
) -> ReviewNotesView:
    """Recommendations and next steps in words, beside what the facts say. Before the period is over they go into the
    first edition; afterwards an edition is issued whose figures are those of the one before, byte for byte. No figure
    can be edited.
    """
    in_reach(month)
    period = await reviewed_period(StoredFacts(unit), contract_id, review_kind, month, now=unit.now)
    row = await locked_notes(unit, contract_id, period)
    if_match.require(row.commentary_version)
    keep_commentary(unit, row, body)
    response.headers["ETag"] = etag(row.commentary_version)
    return ReviewNotesView(version=row.commentary_version, notes=body)
