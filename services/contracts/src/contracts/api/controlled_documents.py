"""Documents under control: the library of clauses, and what the agency works by."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Path, Query, Response

from contracts.adapters import signing_stores
from contracts.api.dependencies import CREATED, SHOWN, VersionedRoute, Work, agency, tagged
from contracts.application import controlled_documents
from contracts.application.controlled_documents import (
    ApproveRequest,
    ControlledDocument,
    DocumentKind,
    NewControlledDocument,
    NewDocumentVersion,
)
from shared.auth import Principal
from shared.etag import IfMatch
from shared.idempotency import Idempotent
from shared.pagination import Page, PageParams
from shared.problems import Conflict, responses_for
from shared.service import Unit

router = APIRouter(prefix="/v1/controlled-documents", tags=["controlled documents"], route_class=VersionedRoute)

Reader = Annotated[Principal, agency("contracts:read")]
Writer = Annotated[Principal, agency("contracts:write")]
Approver = Annotated[Principal, agency("contracts:sign")]


@router.post(
    "",
    summary="Put a document under control",
    status_code=201,
    responses=CREATED | responses_for(Conflict),
    dependencies=[Idempotent],
)
async def create_controlled_document(
    new: NewControlledDocument, response: Response, work: Work, _who: Writer
) -> ControlledDocument:
    """A clause of the library, or a manual, procedure, policy or certificate, with its first version."""
    document = await controlled_documents.create_document(work, new)
    tagged(response, document.version, f"/v1/controlled-documents/{document.controlled_document_id}")
    return document


@router.get("", summary="List controlled documents")
async def list_controlled_documents(
    unit: Unit,
    params: PageParams,
    _who: Reader,
    kind: Annotated[DocumentKind | None, Query(description="Only documents of this kind.")] = None,
) -> Page[ControlledDocument]:
    """Documents with all their versions, in the order in which they were put under control."""
    return await signing_stores.list_documents(unit, params, kind)


@router.get("/{controlled_document_id}", summary="Read a controlled document", responses=SHOWN)
async def get_controlled_document(
    controlled_document_id: UUID, response: Response, work: Work, _who: Reader
) -> ControlledDocument:
    """A document with all its versions."""
    document = await work.signing.documents.get(controlled_document_id)
    tagged(response, document.version)
    return document


@router.post(
    "/{controlled_document_id}/versions",
    summary="Change a controlled document",
    status_code=201,
    responses=CREATED | responses_for(Conflict),
)
async def create_controlled_document_version(
    controlled_document_id: UUID,
    new: NewDocumentVersion,
    response: Response,
    work: Work,
    if_match: IfMatch,
    _who: Writer,
) -> ControlledDocument:
    """What the document says from a day on; not approved yet. Contracts that were proposed keep what they say."""
    document = await work.signing.documents.locked(controlled_document_id)
    if_match.require(document.version)
    document = await controlled_documents.add_version(work, document, new)
    tagged(response, document.version, f"/v1/controlled-documents/{controlled_document_id}")
    return document


@router.post(
    "/{controlled_document_id}/versions/{number}/approve",
    summary="Approve a version",
    responses=SHOWN | responses_for(Conflict),
    dependencies=[Idempotent],
)
async def approve_controlled_document_version(
    controlled_document_id: UUID,
    number: Annotated[int, Path(ge=1, le=2_147_483_647)],
    approval: ApproveRequest,
    response: Response,
    work: Work,
    _who: Approver,
) -> ControlledDocument:
    """Somebody has read and approved it; for a clause, somebody who knows the law has reviewed it."""
    document = await work.signing.documents.locked(controlled_document_id)
    document = await controlled_documents.approve_version(work, document, number, approval)
    tagged(response, document.version)
    return document
