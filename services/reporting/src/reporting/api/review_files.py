"""Reviews for programs and spreadsheets: as lines, and as a workbook."""

from uuid import UUID

from fastapi import APIRouter, Request, Response

from reporting.adapters.rendering import translator_for
from reporting.api.dependencies import Lang
from reporting.api.documents import WORKBOOK, DocumentForm, answer
from reporting.api.reviews import Kind, Reader, language_of, newest_or_preview, review_document
from shared.problems import NotFound, responses_for
from shared.service import Unit
from shared.unit_of_work import UnitOfWork
from shared.values import Month

router = APIRouter(prefix="/v1/contracts/{contract_id}/reviews/{review_kind}/{month}", tags=["reports"])

READINGS = frozenset({"download_review_csv", "download_review_workbook"})
"""Who takes a review away is written into the audit log."""


@router.get(
    "/csv",
    summary="Download a review as CSV",
    response_class=Response,
    responses={
        **responses_for(NotFound),
        200: {
            "description": "One line per measure, with the codes of the API",
            "content": {"text/csv": {"schema": {"type": "string"}}},
        },
    },
)
async def download_review_csv(
    request: Request, contract_id: UUID, review_kind: Kind, month: Month, unit: Unit, reader: Reader
) -> Response:
    """What the review says, exact, for programs."""
    return await _file(request, unit, reader, contract_id, review_kind, month, "csv", None)


@router.get(
    "/xlsx",
    summary="Download a review as a workbook",
    response_class=Response,
    responses={
        **responses_for(NotFound),
        200: {
            "description": "The measures, then each table of its page; nothing in it is a formula",
            "content": {WORKBOOK: {"schema": {"type": "string", "format": "binary"}}},
        },
    },
)
async def download_review_workbook(
    request: Request, contract_id: UUID, review_kind: Kind, month: Month, unit: Unit, reader: Reader, lang: Lang = None
) -> Response:
    """The measures as programs read them, and the tables in the reader's language."""
    return await _file(request, unit, reader, contract_id, review_kind, month, "xlsx", lang)


async def _file(
    request: Request,
    unit: UnitOfWork,
    reader: Reader,
    contract_id: UUID,
    kind: Kind,
    month: Month,
    form: DocumentForm,
    lang: str | None,
) -> Response:
    shown = await newest_or_preview(unit, reader, contract_id, kind, month)
    t = translator_for(lang, request.headers.get("accept-language"), language_of(shown))
    return await answer(request, review_document(shown, t), form, t)
