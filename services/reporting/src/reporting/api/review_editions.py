"""Editions of reviews: which reviews there are, what was told in each, and to whom it was sent."""

from uuid import UUID

from fastapi import APIRouter, Request, Response
from pydantic import ConfigDict, Field

from reporting.adapters.facts import StoredFacts
from reporting.adapters.rendering import translator_for
from reporting.adapters.report_editions import issued_review
from reporting.api.dependencies import Lang
from reporting.api.documents import FILES, Form, answer
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
from reporting.api.reviews import Kind, Reader, review_document
from reporting.application.reporting import UnknownContract
from reporting.application.review import reviewed_period
from reporting.application.review_editions import ReviewEdition
from reporting.domain.review_periods import LENGTHS, ReviewKind
from shared.pagination import Page, PageParams
from shared.problems import NotFound, responses_for
from shared.service import Unit
from shared.unit_of_work import UnitOfWork
from shared.values import Month

listed = APIRouter(prefix="/v1/contracts/{contract_id}/reviews", tags=["reports"])
router = APIRouter(prefix="/v1/contracts/{contract_id}/reviews/{review_kind}/{month}", tags=["reports"])

READINGS = frozenset({"get_review_edition", "download_review_edition"})
"""Who reads what was told to a client is written into the audit log."""


class ReviewLine(IssuedLine[ReviewKind]):
    """A review that was issued, and its newest edition."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "report_id": "7e0a4b1e-6a34-5a6b-8a6e-3f1f7c8f4b23",
                    "kind": "quarterly",
                    "month": "2026-06",
                    "edition": 1,
                }
            ]
        }
    )

    month: Month = Field(description="the first one of its period")


@listed.get("", summary="List the reviews of a contract", responses=responses_for(NotFound))
async def list_reviews(contract_id: UUID, unit: Unit, _reader: Reader, params: PageParams) -> Page[ReviewLine]:
    """Those that were issued, by the first month of their period. A contract that promises a review gets it in the
    morning after its period, where the client lives; others are read as previews.
    """
    if not await StoredFacts(unit).versions(contract_id):
        raise UnknownContract
    return await page_of_issued(unit, contract_id, tuple(LENGTHS), params, ReviewLine.of)


async def _there(unit: UnitOfWork, contract_id: UUID, kind: ReviewKind, month: Month) -> None:
    """Raises for a period that there is not."""
    in_reach(month)
    await reviewed_period(StoredFacts(unit), contract_id, kind, month, now=unit.now)


@router.get("/editions", summary="List the editions of a review", responses=responses_for(NotFound))
async def list_review_editions(
    contract_id: UUID, review_kind: Kind, month: Month, unit: Unit, _reader: Reader, params: PageParams
) -> Page[EditionLine]:
    """Oldest first; the newest counts. None while the period goes on, or where the contract promises no such review."""
    await _there(unit, contract_id, review_kind, month)
    return await page_of_editions(unit, contract_id, review_kind, month, params)


@router.get(
    "/editions/{edition}",
    summary="Read an edition of a review",
    response_model=ReviewEdition,
    responses=responses_for(NotFound),
)
async def get_review_edition(
    contract_id: UUID, review_kind: Kind, month: Month, edition: Number, unit: Unit, _reader: Reader
) -> Response:
    """The review as it was told, byte for byte, with its notes and what it changed."""
    issued = await issued_review(unit, contract_id, review_kind, month, edition)
    return edition_response(issued.text)


@router.get(
    "/editions/{edition}/{document_form}",
    summary="Download an edition of a review",
    response_class=Response,
    responses={**responses_for(NotFound), **FILES},
)
async def download_review_edition(
    request: Request,
    contract_id: UUID,
    review_kind: Kind,
    month: Month,
    edition: Number,
    form: Form,
    unit: Unit,
    _reader: Reader,
    lang: Lang = None,
) -> Response:
    """As a page, a PDF, a workbook, or CSV, in the agency's texts and order as they were on the day of issue."""
    issued = await issued_review(unit, contract_id, review_kind, month, edition)
    asked = request.headers.get("accept-language") if form == "html" else None
    t = translator_for(lang, asked, issued.edition.report.language)
    return await answer(request, review_document(issued, t), form, t)


@router.get("/deliveries", summary="List to whom a review was sent", responses=responses_for(NotFound))
async def list_review_deliveries(
    contract_id: UUID, review_kind: Kind, month: Month, unit: Unit, _reader: Reader, params: PageParams
) -> Page[ReportDeliveryLine]:
    """Every edition for every decider of the client: when it left, and when its link was opened first."""
    await _there(unit, contract_id, review_kind, month)
    return await page_of_deliveries(unit, contract_id, review_kind, month, params)
