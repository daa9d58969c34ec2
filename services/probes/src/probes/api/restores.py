"""Verified restores over HTTP: what was tried, with its proof, and what is overdue."""

from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Response
from pydantic import BaseModel, ConfigDict, Field

from probes.adapters.restore_rows import (
    contract_of,
    environments_of,
    overdue_restores,
    record_restore,
    restore_verifications,
)
from probes.adapters.tables import RestorePromiseRow, RestoreVerificationRow
from probes.api.dependencies import From, Reader, To, check_order
from shared.auth import Principal
from shared.idempotency import Idempotent, IdempotentRoute
from shared.ids import new_id
from shared.pagination import Page, PageParams, paginate
from shared.problems import FieldError, NotFound, ValidationFailed, responses_for
from shared.service import Unit, require
from shared.values import Instant, forbid_unknown

router = APIRouter(prefix="/v1/restore-verifications", tags=["reported"], route_class=IdempotentRoute)

Writer = Annotated[Principal, Depends(require("monitors:write"))]
Result = Literal["succeeded", "partial", "failed"]
FrequencyName = Literal["weekly", "monthly", "quarterly", "yearly"]
Line = Annotated[str, Field(min_length=1, max_length=500, pattern=r"^[^\x00]*$")]
Address = Annotated[str, Field(min_length=8, max_length=2000, pattern=r"^https?://[^\s\x00]+$")]
Sha256 = Annotated[str, Field(min_length=64, max_length=64, pattern=r"^[0-9a-f]{64}$")]
Notes = Annotated[str, Field(min_length=1, max_length=10_000, pattern=r"^[^\x00]*$")]
Seconds = Annotated[int, Field(strict=True, ge=0, le=366 * 86_400, json_schema_extra={"format": "int32"})]

_BODY: dict[str, Any] = {
    "contract_id": "0190a000-0000-7000-8000-000000000010",
    "environment_id": "0190a000-0000-7000-8000-000000000031",
    "performed_at": "2026-06-05T13:00:00Z",
    "scope": "Database and uploads, restored to an empty server",
    "duration_seconds": 1860,
    "result": "succeeded",
    "performed_by": "Nadia Benali",
    "backup_taken_at": "2026-06-05T00:04:12Z",
    "evidence_url": "https://files.agency.example/restores/2026-06.pdf",
    "evidence_sha256": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
    "notes": "Row counts of all tables agree with production at 02:04.",
}
_ITEM: dict[str, Any] = {
    "restore_verification_id": "0190a000-0000-7000-8000-000000000051",
    "client_id": "0190a000-0000-7000-8000-000000000020",
    **_BODY,
    "recorded_at": "2026-06-05T14:10:00Z",
    "recorded_by": "Nadia Benali",
}
_OVERDUE: dict[str, Any] = {
    "contract_id": "0190a000-0000-7000-8000-000000000010",
    "client_id": "0190a000-0000-7000-8000-000000000020",
    "frequency": "monthly",
    "period_from": "2026-05-07T22:00:00Z",
    "period_to": "2026-06-07T22:00:00Z",
    "missed_periods": 1,
    "due_by": "2026-07-07T22:00:00Z",
}


class RestoreVerificationBody(BaseModel):
    """A restore that was tried. At least one of `evidence_url`, `evidence_sha256` and `notes` proves it."""

    model_config = forbid_unknown(examples=[_BODY])

    contract_id: UUID
    environment_id: UUID | None = None
    performed_at: Instant = Field(description="when it was done; not in the future")
    scope: Line = Field(description="what was restored")
    duration_seconds: Seconds = Field(description="from the beginning until it worked again")
    result: Result
    performed_by: Line
    backup_taken_at: Instant | None = Field(default=None, description="of when the backup was")
    evidence_url: Address | None = None
    evidence_sha256: Sha256 | None = Field(default=None, description="of the document that proves it")
    notes: Notes | None = None


class RestoreVerification(BaseModel):
    """A restore that was tried, as it was recorded."""

    model_config = ConfigDict(frozen=True, from_attributes=True, json_schema_extra={"examples": [_ITEM]})

    restore_verification_id: UUID
    client_id: UUID
    contract_id: UUID
    environment_id: UUID | None
    performed_at: Instant
    recorded_at: Instant
    scope: str = Field(max_length=500)
    duration_seconds: int = Field(ge=0, le=366 * 86_400)
    result: Result
    performed_by: str = Field(max_length=500)
    backup_taken_at: Instant | None
    evidence_url: str | None = Field(max_length=2000)
    evidence_sha256: str | None = Field(max_length=64)
    notes: str | None = Field(max_length=10_000)
    recorded_by: str = Field(max_length=500)


class OverdueRestore(BaseModel):
    """A contract whose last complete period had no verified restore, and that has had none since."""

    model_config = ConfigDict(frozen=True, json_schema_extra={"examples": [_OVERDUE]})

    contract_id: UUID
    client_id: UUID
    frequency: FrequencyName
    period_from: Instant
    period_to: Instant
    missed_periods: int = Field(ge=1, le=2**31 - 1, description="in a row")
    due_by: Instant = Field(description="end of the period that is running")

    @classmethod
    def of(cls, row: RestorePromiseRow) -> "OverdueRestore":
        return cls.model_validate(
            {
                "contract_id": row.contract_id,
                "client_id": row.client_id,
                "frequency": row.frequency,
                "period_from": row.overdue_from,
                "period_to": row.overdue_to,
                "missed_periods": row.missed,
                "due_by": row.due_at,
            }
        )


@router.post(
    "",
    summary="Record a restore verification",
    status_code=201,
    dependencies=[Idempotent],
    responses=responses_for(NotFound),
)
async def record_restore_verification(
    body: RestoreVerificationBody, unit: Unit, principal: Writer, response: Response
) -> RestoreVerification:
    """Keeps a restore that was tried, with its proof. It stays as it is: a correction is another record."""
    contract = await contract_of(unit.session, body.contract_id, unit.now)
    if contract is None:
        detail = "There is no contract with this id."
        raise NotFound(detail, errors=[FieldError(detail=detail, pointer="#/contract_id")])
    if body.environment_id is not None and body.environment_id not in environments_of(contract.state):
        raise _refusal("The contract does not cover this environment.", "environment_id")
    if body.performed_at > unit.now:
        raise _refusal("A restore is recorded after it was done: performed_at lies in the future.", "performed_at")
    if body.backup_taken_at is not None and body.backup_taken_at > body.performed_at:
        raise _refusal("The backup was taken before it was restored: correct backup_taken_at.", "backup_taken_at")
    if body.evidence_url is None and body.evidence_sha256 is None and body.notes is None:
        raise _refusal("Say what proves it: evidence_url, evidence_sha256 or notes.", "notes")
    values = {
        **body.model_dump(),
        "restore_verification_id": new_id(),
        "tenant_id": contract.tenant_id,
        "client_id": contract.client_id,
        "recorded_at": unit.now,
        "recorded_by": principal.name,
    }
    await record_restore(unit, values)
    response.headers["Location"] = f"/v1/restore-verifications/{values['restore_verification_id']}"
    return RestoreVerification.model_validate({name: values[name] for name in RestoreVerification.model_fields})


def _refusal(detail: str, field: str) -> ValidationFailed:
    return ValidationFailed(detail, errors=[FieldError(detail=detail, pointer=f"#/{field}")])


@router.get("", summary="List restore verifications")
async def list_restore_verifications(
    unit: Unit,
    principal: Reader,
    params: PageParams,
    client_id: UUID | None = None,
    contract_id: UUID | None = None,
    result: Annotated[Result | None, Query(description="how they ended")] = None,
    since: From = None,
    until: To = None,
) -> Page[RestoreVerification]:
    """Restores that were tried in the period, newest first. Without a period: all of them."""
    check_order(since, until)
    return await paginate(
        unit.session,
        restore_verifications(client_id=client_id, contract_id=contract_id, result=result, since=since, until=until),
        columns=(RestoreVerificationRow.performed_at, RestoreVerificationRow.restore_verification_id),
        params=params,
        to_item=RestoreVerification.model_validate,
        descending=True,
    )


@router.get("/overdue", summary="List overdue restore verifications")
async def list_overdue_restore_verifications(
    unit: Unit,
    principal: Reader,
    params: PageParams,
    client_id: UUID | None = None,
    contract_id: UUID | None = None,
) -> Page[OverdueRestore]:
    """Contracts that promise verified restores and lack one: a deliverable is missing."""
    return await paginate(
        unit.session,
        overdue_restores(client_id=client_id, contract_id=contract_id),
        columns=(RestorePromiseRow.contract_id,),
        params=params,
        to_item=OverdueRestore.of,
    )


@router.get("/{restore_verification_id}", summary="Read a restore verification")
async def get_restore_verification(restore_verification_id: UUID, unit: Unit, principal: Reader) -> RestoreVerification:
    """One restore that was tried, with its proof."""
    row = await unit.session.get(RestoreVerificationRow, restore_verification_id)
    if row is None:
        raise NotFound("There is no restore verification with this id.")
    return RestoreVerification.model_validate(row)
