"""What was brought where: deployments, submissions to stores, deliveries."""

from typing import Annotated, Any, ClassVar, Literal
from uuid import UUID

from fastapi import APIRouter, Query
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy import select

from incidents.adapters.records_tables import DeliveryRecordRow, DeploymentRow
from incidents.api.follow_up import CHANGED, MISSING
from incidents.api.record_desk import (
    CONTRACT,
    ITEM,
    PERSON,
    SITE,
    WRITTEN,
    Audience,
    Line,
    Narrowed,
    OfContract,
    ReadingDesk,
    RecordAnswer,
    Text,
    VersionName,
    WritingDesk,
)
from incidents.domain import records as rules
from shared.etag import IfMatch
from shared.idempotency import Idempotent, IdempotentRoute
from shared.pagination import Page, PageParams
from shared.problems import Conflict, NotFound, responses_for
from shared.values import Instant, forbid_unknown

_PLACE = {"contract_id": CONTRACT, "site_id": SITE, "item_id": ITEM}
_DEPLOYMENT: dict[str, Any] = {
    "audience": "client",
    "kind": "deployment",
    "configuration_item": "shop",
    "previous_version": "2.3.0",
    "released_version": "2.4.0",
    "approved_by": "Léa Martin",
    "approved_at": "2026-01-07T08:00:00Z",
    "window_from": "2026-01-08T04:00:00Z",
    "window_to": "2026-01-08T06:00:00Z",
    "deployed_at": "2026-01-08T04:30:00Z",
    "result": "succeeded",
    "rollback_plan": "Deploy 2.3.0 again; the schema has not changed.",
    "rolled_back_at": None,
    "rollback_reason": None,
    "store": None,
    "submitted_at": None,
    "reviewed_at": None,
    "verdict": None,
    "proof": "Build 812, checked by the smoke test.",
}
_DELIVERY: dict[str, Any] = {
    "audience": "client",
    "what": "Source code and installation notes of the shop",
    "delivered_to": "Léa Martin",
    "delivered_version": "2.4.0",
    "delivered_at": "2026-01-09T10:00:00Z",
    "means": "Repository of the client",
    "reference": "tag v2.4.0",
    "supersedes_id": None,
}


class DeploymentFacts(BaseModel):
    """What was or will be deployed or submitted, who approved it, when it may be done, how it ended."""

    model_config = forbid_unknown(examples=[_DEPLOYMENT])

    audience: Audience = "client"
    kind: Literal["deployment", "store_submission"] = "deployment"
    configuration_item: Line = Field(description="what it is a version of")
    previous_version: VersionName | None = None
    released_version: VersionName
    approved_by: Line | None = Field(default=None, description="nothing is deployed without")
    approved_at: Instant | None = None
    window_from: Instant | None = Field(default=None, description="the agreed window, both ends or none")
    window_to: Instant | None = None
    deployed_at: Instant | None = None
    result: Literal["planned", "succeeded", "failed", "rolled_back"] = "planned"
    rollback_plan: Text | None = None
    rolled_back_at: Instant | None = None
    rollback_reason: Text | None = None
    store: Line | None = Field(default=None, description="the store of a submission", examples=["App Store"])
    submitted_at: Instant | None = None
    reviewed_at: Instant | None = None
    verdict: Literal["approved", "rejected"] | None = None
    proof: Text | None = Field(default=None, description="what shows it: a build, a receipt of the store, a link")

    @property
    def deployment(self) -> rules.Deployment:
        """The deployment as the rules see it."""
        return rules.Deployment(**{name: getattr(self, name) for name in rules.Deployment.__dataclass_fields__})


class DeploymentBody(DeploymentFacts, OfContract):
    """A deployment or a submission under a contract."""

    model_config = forbid_unknown(examples=[_PLACE | _DEPLOYMENT])


class Deployment(DeploymentFacts, RecordAnswer):
    """A deployment or a submission under a contract."""

    model_config = ConfigDict(
        extra="ignore",
        json_schema_extra={
            "examples": [WRITTEN | {"deployment_id": PERSON[:-2] + "51", "outside_window": False} | _DEPLOYMENT]
        },
    )
    ROW: ClassVar[type[Any]] = DeploymentRow
    KEY: ClassVar[str] = "deployment_id"

    deployment_id: UUID
    outside_window: bool = Field(description="it was deployed before or after its agreed window")

    @classmethod
    def derived(cls, row: DeploymentRow) -> dict[str, Any]:
        """Whether it was deployed outside of its window."""
        told = rules.Deployment(**{name: getattr(row, name) for name in rules.Deployment.__dataclass_fields__})
        return {"outside_window": told.outside_window}


class DeliveryFacts(BaseModel):
    """What was delivered, to whom, in which version, how, when."""

    audience: Audience = "client"
    what: Text
    delivered_to: Line
    delivered_version: VersionName
    delivered_at: Instant
    means: Line = Field(description="how it was handed over")
    reference: Line | None = Field(default=None, description="where it can be found again, or its hash")
    supersedes_id: UUID | None = Field(
        default=None, description="a wrong record of this contract, replaced by this one"
    )


class DeliveryBody(DeliveryFacts, OfContract):
    """A delivery under a contract. Nothing changes it; a later record may supersede it."""

    model_config = forbid_unknown(examples=[_PLACE | _DELIVERY])


class DeliveryRecord(DeliveryFacts, RecordAnswer):
    """A delivery under a contract."""

    model_config = ConfigDict(
        extra="ignore",
        json_schema_extra={"examples": [WRITTEN | {"delivery_record_id": PERSON[:-2] + "52"} | _DELIVERY]},
    )
    ROW: ClassVar[type[Any]] = DeliveryRecordRow
    KEY: ClassVar[str] = "delivery_record_id"

    delivery_record_id: UUID


deployments = APIRouter(prefix="/v1/deployments", tags=["releases"], route_class=IdempotentRoute)
deliveries = APIRouter(prefix="/v1/delivery-records", tags=["releases"], route_class=IdempotentRoute)


@deployments.post("", status_code=201, summary="Record a deployment", dependencies=[Idempotent], responses=MISSING)
async def record_deployment(body: DeploymentBody, desk: WritingDesk) -> Deployment:
    """A deployment, or the submission of a release to a store. Without approval or a way back it is refused.

    One outside of its agreed window is taken, because it happened, and flagged.
    """
    body.deployment.check(desk.unit.now)
    return await desk.record(Deployment, body)


@deployments.get("", summary="List deployments")
async def list_deployments(
    desk: ReadingDesk,
    params: PageParams,
    narrowed: Narrowed,
    configuration_item: Annotated[Line | None, Query(description="of this configuration item only")] = None,
    kind: Literal["deployment", "store_submission"] | None = None,
    result: Literal["planned", "succeeded", "failed", "rolled_back"] | None = None,
) -> Page[Deployment]:
    """Newest first."""
    asked = {
        DeploymentRow.configuration_item: configuration_item,
        DeploymentRow.kind: kind,
        DeploymentRow.result: result,
    }
    conditions = [column == value for column, value in asked.items() if value is not None]
    return await desk.page(Deployment, params, narrowed.select(DeploymentRow, *conditions))


@deployments.get("/{deployment_id}", summary="Read a deployment")
async def get_deployment(deployment_id: UUID, desk: ReadingDesk) -> Deployment:
    """One deployment as it stands."""
    return await desk.read(Deployment, deployment_id)


@deployments.put("/{deployment_id}", summary="Change a deployment", responses=CHANGED)
async def change_deployment(
    deployment_id: UUID, body: DeploymentFacts, desk: WritingDesk, if_match: IfMatch
) -> Deployment:
    """Its next version: approved, done, failed, rolled back, reviewed. What it said before stays in its history."""
    body.deployment.check(desk.unit.now)
    return await desk.revise(Deployment, deployment_id, body, if_match)


@deliveries.post(
    "",
    status_code=201,
    summary="Record a delivery",
    dependencies=[Idempotent],
    responses=responses_for(NotFound, Conflict),
)
async def record_delivery(body: DeliveryBody, desk: WritingDesk) -> DeliveryRecord:
    """What was delivered to whom, in which version."""
    rules.must_have_happened("delivered_at", body.delivered_at, desk.unit.now)
    if body.supersedes_id is not None:
        earlier = await desk.book.find(DeliveryRecordRow, body.supersedes_id, lock=True)
        if earlier is None or earlier.contract_id != body.contract_id:
            raise rules.BrokenRuleError("supersedes_id", "There is no such record of a delivery under this contract.")
        later = select(DeliveryRecordRow.id).where(DeliveryRecordRow.supersedes_id == earlier.id)
        if (await desk.unit.session.execute(later)).first() is not None:
            raise rules.AlreadyThereError("This record is superseded already: supersede the latest one.")
    return await desk.record(DeliveryRecord, body)


@deliveries.get("", summary="List deliveries")
async def list_deliveries(desk: ReadingDesk, params: PageParams, narrowed: Narrowed) -> Page[DeliveryRecord]:
    """Newest first, superseded ones too; of one client with `client_id`."""
    return await desk.page(DeliveryRecord, params, narrowed.select(DeliveryRecordRow))


@deliveries.get("/{delivery_record_id}", summary="Read a delivery")
async def get_delivery(delivery_record_id: UUID, desk: ReadingDesk) -> DeliveryRecord:
    """One delivery as it was recorded."""
    return await desk.read(DeliveryRecord, delivery_record_id)
