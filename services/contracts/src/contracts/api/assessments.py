"""Before signing: is the client a fit, which level fits, and which phases come first."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Response

from contracts.adapters import signing_stores
from contracts.api.dependencies import CREATED, SHOWN, VersionedRoute, Work, agency, tagged
from contracts.application import assessments, engagements
from contracts.application.assessments import Assessment, AssetAnswers, NewAssessment, RecommendedLevel
from contracts.application.engagements import (
    BeginPhaseRequest,
    CloseEngagementRequest,
    CompletePhaseRequest,
    Engagement,
    NewEngagement,
)
from contracts.application.pricing import PriceBreakdown, PriceParameters, told
from shared.auth import Principal
from shared.idempotency import Idempotent
from shared.pagination import Page, PageParams
from shared.problems import Conflict, NotFound, ValidationFailed, responses_for
from shared.service import Unit

router = APIRouter(prefix="/v1", tags=["before signing"], route_class=VersionedRoute)

Reader = Annotated[Principal, agency("contracts:read")]
Writer = Annotated[Principal, agency("contracts:write")]

OfClient = Annotated[UUID | None, Query(description="Only what is about this client.")]
STEP = SHOWN | responses_for(Conflict)


@router.post("/calculators/support-level", summary="Recommend a level of support")
async def calculate_support_level(answers: AssetAnswers, _who: Reader) -> RecommendedLevel:
    """The level that fits a system, with reasons; keeps nothing."""
    return assessments.recommend(answers)


@router.post("/calculators/price", summary="Break a price down")
async def calculate_price(parameters: PriceParameters, _who: Reader) -> PriceBreakdown:
    """A monthly price with a line for each factor; keeps nothing. A contract has the same as `pricing` of its terms."""
    return told(parameters)


@router.post(
    "/assessments",
    summary="Assess a client",
    status_code=201,
    responses=CREATED | responses_for(NotFound, ValidationFailed),
    dependencies=[Idempotent],
)
async def create_assessment(new: NewAssessment, response: Response, work: Work, _who: Writer) -> Assessment:
    """Evaluates the questionnaire: fit, not a fit, or a diagnostic first; and which level fits the system.

    The newest assessment about the sites of a contract counts when a level of support is signed.
    """
    assessment = await assessments.assess(work, new)
    tagged(response, 1, f"/v1/assessments/{assessment.assessment_id}")
    return assessment


@router.get("/assessments", summary="List assessments")
async def list_assessments(
    unit: Unit, params: PageParams, _who: Reader, client_id: OfClient = None
) -> Page[Assessment]:
    """Assessments, the newest first."""
    return await signing_stores.list_assessments(unit, params, client_id)


@router.get("/assessments/{assessment_id}", summary="Read an assessment", responses=SHOWN)
async def get_assessment(assessment_id: UUID, response: Response, work: Work, _who: Reader) -> Assessment:
    """An assessment, as it was made."""
    assessment = await work.signing.assessments.get(assessment_id)
    tagged(response, 1)
    return assessment


@router.post(
    "/engagements",
    summary="Plan an engagement",
    status_code=201,
    responses=CREATED | responses_for(NotFound, ValidationFailed),
    dependencies=[Idempotent],
)
async def create_engagement(new: NewEngagement, response: Response, work: Work, _who: Writer) -> Engagement:
    """The phases around a support contract, in their order: diagnostic, architecture, deliveries, support.

    While a diagnostic is open, no level of support is signed for its sites.
    """
    engagement = await engagements.plan_engagement(work, new)
    tagged(response, engagement.version, f"/v1/engagements/{engagement.engagement_id}")
    return engagement


@router.get("/engagements", summary="List engagements")
async def list_engagements(
    unit: Unit, params: PageParams, _who: Reader, client_id: OfClient = None
) -> Page[Engagement]:
    """Engagements in the order in which they were planned."""
    return await signing_stores.list_engagements(unit, params, client_id)


@router.get("/engagements/{engagement_id}", summary="Read an engagement", responses=SHOWN)
async def get_engagement(engagement_id: UUID, response: Response, work: Work, _who: Reader) -> Engagement:
    """An engagement with its phases."""
    engagement = await work.signing.engagements.get(engagement_id)
    tagged(response, engagement.version)
    return engagement


@router.post(
    "/engagements/{engagement_id}/begin-phase", summary="Begin a phase", responses=STEP, dependencies=[Idempotent]
)
async def begin_phase(
    engagement_id: UUID, which: BeginPhaseRequest, response: Response, work: Work, _who: Writer
) -> Engagement:
    """A phase begins when all before it are completed."""
    engagement = await work.signing.engagements.locked(engagement_id)
    engagement = await engagements.begin_phase(work, engagement, which.number)
    tagged(response, engagement.version)
    return engagement


@router.post(
    "/engagements/{engagement_id}/complete-phase", summary="Complete a phase", responses=STEP, dependencies=[Idempotent]
)
async def complete_phase(
    engagement_id: UUID, done: CompletePhaseRequest, response: Response, work: Work, _who: Writer
) -> Engagement:
    """A phase that has begun is over, with what came of it."""
    engagement = await work.signing.engagements.locked(engagement_id)
    engagement = await engagements.complete_phase(work, engagement, done)
    tagged(response, engagement.version)
    return engagement


@router.post(
    "/engagements/{engagement_id}/close", summary="Close an engagement", responses=STEP, dependencies=[Idempotent]
)
async def close_engagement(
    engagement_id: UUID, why: CloseEngagementRequest, response: Response, work: Work, _who: Writer
) -> Engagement:
    """Nothing more comes of it: it keeps nobody from signing any more. What was completed stays so."""
    engagement = await work.signing.engagements.locked(engagement_id)
    engagement = await engagements.close_engagement(work, engagement, why.reason)
    tagged(response, engagement.version)
    return engagement
