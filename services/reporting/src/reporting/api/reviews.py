"""Reviews of several months: quarterly, annual, and for institutions (incidents, actions, risks, decisions)."""

import asyncio
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Path, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from reporting.adapters.facts import StoredFacts
from reporting.adapters.rendering import sheet_page, translator_for
from reporting.adapters.report_pdf import sheet_pdf
from reporting.adapters.review_sheet import review_sheet
from reporting.adapters.reviews import locked_notes, newest_editions, notes_of
from reporting.api.dependencies import Lang
from reporting.api.pages import page_response
from reporting.api.reports import in_reach
from reporting.application import review_examples
from reporting.application.report import Brand
from reporting.application.review import Review, ReviewNotes, review, reviewed_period
from reporting.domain.review_periods import LENGTHS, ReviewKind
from shared.auth import Principal
from shared.etag import IfMatch, etag
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
Reader = Annotated[Principal, Depends(require("reports:read"))]
Reviewer = Annotated[Principal, Depends(require("reports:write"))]


class ReviewNotesView(BaseModel):
    """The notes of a review; version 0 while there are none."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"version": 1, "notes": review_examples.NOTES}]})

    version: int = Field(ge=0)
    notes: ReviewNotes


async def reviewed(unit: UnitOfWork, contract_id: UUID, kind: ReviewKind, month: Month) -> tuple[Review, Brand]:
    """The review, and how its documents look."""
    in_reach(month)
    facts = StoredFacts(unit)
    period = await reviewed_period(facts, contract_id, kind, month, now=unit.now)
    _, notes = await notes_of(unit, contract_id, kind, month)
    made = review(
        period,
        await newest_editions(unit, contract_id, period.months),
        await facts.told(contract_id, period.span.start, period.span.end),
        notes,
        now=unit.now,
    )
    return made, period.brand


@router.get("", summary="Read a review", responses=responses_for(NotFound))
async def get_review(
    contract_id: UUID, review_kind: Kind, month: Month, unit: Unit, _reader: Reader, response: Response
) -> Review:
    """The period that begins with a month: trends by the issued editions, what waits for an answer, and the action plan
    with owners and dates, where what was open before is carried over.
    """
    response.headers["Cache-Control"] = "private, no-cache"
    made, _ = await reviewed(unit, contract_id, review_kind, month)
    return made


@router.get(
    "/html",
    summary="Read a review as a page",
    response_class=Response,
    responses={
        **responses_for(NotFound),
        200: {"description": "The page", "content": {"text/html": {"schema": {"type": "string"}}}},
    },
)
async def get_review_page(
    request: Request, contract_id: UUID, review_kind: Kind, month: Month, unit: Unit, _reader: Reader, lang: Lang = None
) -> Response:
    """The same review for people, ready to print."""
    made, brand = await reviewed(unit, contract_id, review_kind, month)
    t = translator_for(lang, request.headers.get("accept-language"), made.language)
    page = sheet_page(review_sheet(made, brand, t), brand, t, zone=made.time_zone, at=made.as_of)
    return page_response(request, page, t, cache_control="private, no-cache")


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
    contract_id: UUID, review_kind: Kind, month: Month, unit: Unit, _reader: Reader, lang: Lang = None
) -> Response:
    """In the client's language unless another is asked for."""
    made, brand = await reviewed(unit, contract_id, review_kind, month)
    t = translator_for(lang, None, made.language)
    file = await asyncio.to_thread(sheet_pdf, review_sheet(made, brand, t), made.as_of)
    name = f"{review_kind}-{made.first_month:%Y-%m}.pdf"
    headers = {"Content-Disposition": f'attachment; filename="{name}"', "Cache-Control": "private, no-cache"}
    return Response(file, media_type="application/pdf", headers=headers)


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
    """Recommendations and next steps in words, beside what the facts say. No figure can be edited."""
    in_reach(month)
    period = await reviewed_period(StoredFacts(unit), contract_id, review_kind, month, now=unit.now)
    row = await locked_notes(unit, contract_id, period)
    if_match.require(row.version)
    row.version += 1
    row.content = body.model_dump(mode="json", exclude_none=True)
    response.headers["ETag"] = etag(row.version)
    return ReviewNotesView(version=row.version, notes=body)
