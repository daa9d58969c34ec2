"""What proves the deliverables of a contract, and what was promised and never delivered."""

from datetime import date
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Query

from contracts.adapters import proof_stores
from contracts.api.dependencies import VersionedRoute, Work, agency
from contracts.application import delivery_proofs
from contracts.application.delivery_proofs import DeliverableProofs, DeliveryProof, NewDeliveryProof
from shared.auth import Principal, require
from shared.idempotency import Idempotent
from shared.pagination import Page, PageParams
from shared.problems import ValidationFailed, responses_for
from shared.service import Unit

router = APIRouter(prefix="/v1/contracts/{contract_id}", tags=["contracts"], route_class=VersionedRoute)

Reader = Annotated[Principal, Depends(require("contracts:read"))]
Writer = Annotated[Principal, agency("contracts:write")]
Month = Annotated[
    str,
    Query(
        pattern=r"^[12][0-9]{3}-(0[1-9]|1[0-2])$",
        max_length=7,
        description="A calendar month of the client's zone, `YYYY-MM`.",
        examples=["2026-06"],
    ),
]


@router.get(
    "/proofs", summary="Read what proves the deliverables of a month", responses=responses_for(ValidationFailed)
)
async def get_proofs(contract_id: UUID, work: Work, _who: Reader, month: Month) -> DeliverableProofs:
    """Every deliverable that was promised in the month with its proofs, and what was promised but never delivered."""
    contract = await work.contracts.get(contract_id)
    return await delivery_proofs.proofs_of_month(work, contract, date.fromisoformat(f"{month}-01"))


@router.post(
    "/delivery-proofs",
    summary="Record a proof of a delivery",
    status_code=201,
    responses=responses_for(ValidationFailed),
    dependencies=[Idempotent],
)
async def create_delivery_proof(contract_id: UUID, new: NewDeliveryProof, work: Work, _who: Writer) -> DeliveryProof:
    """For what no other service tells of: that it was delivered, and what shows it; it is never changed."""
    return await delivery_proofs.enter_proof(work, await work.contracts.get(contract_id), new)


@router.get("/delivery-proofs", summary="List the proofs of deliveries that were recorded")
async def list_delivery_proofs(
    contract_id: UUID, unit: Unit, work: Work, params: PageParams, _who: Reader
) -> Page[DeliveryProof]:
    """The newest deliveries first."""
    await work.contracts.get(contract_id)
    return await proof_stores.list_delivery_proofs(unit, params, contract_id)
