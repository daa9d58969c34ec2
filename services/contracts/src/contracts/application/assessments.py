"""The questionnaire before a support contract: is the prospect a fit, and which level fits the system."""

from collections.abc import Iterable
from typing import Self
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, JsonValue, StrictBool, model_validator

from contracts.application.clients import Client
from contracts.application.errors import Refused, named_at
from contracts.application.ports import Workspace
from contracts.application.signing_words import caution_words, eligibility_words, recommendation_words
from contracts.application.values import Request
from contracts.domain import recommendation as levels
from contracts.domain.eligibility import Fit, NotFit, Reason, Verdict, eligibility
from shared.values import Instant

MOST_SITES = 100
LEVEL_CODES: dict[levels.Level, str] = {1: "stability_security", 2: "continuous_evolution", 3: "institutional_sla"}
TIER_CODES: dict[levels.Level, str] = {1: "basique", 2: "standard", 3: "premium"}


class Answers(Request):
    """What speaks for support, and what against it. Whether there is a business owner follows from naming one."""

    in_production: StrictBool = Field(description="The system is in production.")
    business_dependency: StrictBool = Field(description="The business depends on it: continuity is required.")
    availability_required: StrictBool = Field(description="There are requirements of availability.")
    sensitive_or_regulated_data: StrictBool = Field(description="Its data are sensitive or regulated.")
    continuity_and_evolution_required: StrictBool = Field(description="Both continuity and evolution are required.")
    not_stabilized: StrictBool = Field(description="The project is not stabilized.")
    experimental: StrictBool = Field(description="The product is still experimental.")
    no_governance: StrictBool = Field(description="Support is expected without governance.")

    def fits(self) -> set[Fit]:
        """The criteria for support that hold."""
        criteria: tuple[Fit, ...] = (
            "in_production",
            "business_dependency",
            "availability_required",
            "sensitive_or_regulated_data",
            "continuity_and_evolution_required",
        )
        return {criterion for criterion in criteria if getattr(self, criterion)}

    def against(self) -> set[NotFit]:
        """The criteria against support that hold, but for the business owner."""
        criteria: tuple[NotFit, ...] = ("not_stabilized", "experimental", "no_governance")
        return {criterion for criterion in criteria if getattr(self, criterion)}


_ASSET_EXAMPLE: dict[str, JsonValue] = {
    "criticality": "high",
    "dependency": "medium",
    "risk_tolerance": "medium",
    "usage": "regular",
    "sensitive": False,
    "application_platform": False,
}


class AssetAnswers(Request):
    """What the level follows from."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [_ASSET_EXAMPLE]})

    criticality: levels.Grade = Field(description="How bad it is when the system fails.")
    dependency: levels.Grade = Field(description="How much of the business stands still then.")
    risk_tolerance: levels.Grade = Field(description="high: the business can live with an interruption.")
    usage: levels.UsageClass = Field(default="regular", description="Usage class of the asset in production.")
    sensitive: StrictBool = Field(default=False, description="A sensitive system: its data or what it does.")
    application_platform: StrictBool = False

    def as_value(self) -> levels.Asset:
        """The answers as the domain knows them."""
        return levels.Asset(
            criticality=self.criticality,
            dependency=self.dependency,
            risk_tolerance=self.risk_tolerance,
            usage=self.usage,
            sensitive=self.sensitive,
            platform=self.application_platform,
        )


class Because(BaseModel):
    """A reason, as a word for programs and as a sentence in French and English."""

    code: str
    text: dict[str, str]


class RecommendedLevel(BaseModel):
    """The level and the tier that fit, and why not lower ones."""

    level: levels.Level
    plan_code: str = Field(description="The level's plan, as we ship it.")
    tier_plan_code: str = Field(description="The tier that fits the usage class, as we ship it.")
    points: int = Field(ge=0, le=6, description="0 to 2 for each of criticality, dependency and risk tolerance.")
    reasons: list[Because] = Field(max_length=10)


class NewAssessment(Request):
    """A questionnaire to evaluate. It is never changed: answers that have changed are another assessment."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {
                    "client_id": "0190b5c8-7d4e-7c3a-9a51-3f0f5f0d7a11",
                    "site_ids": [],
                    "answers": {
                        "in_production": True,
                        "business_dependency": True,
                        "availability_required": True,
                        "sensitive_or_regulated_data": False,
                        "continuity_and_evolution_required": True,
                        "not_stabilized": False,
                        "experimental": False,
                        "no_governance": False,
                    },
                    "business_owner_contact_id": None,
                    "asset": _ASSET_EXAMPLE,
                }
            ]
        },
    )

    client_id: UUID
    site_ids: list[UUID] = Field(
        default_factory=list, max_length=MOST_SITES, description="What it is about; empty: all sites of the client."
    )
    answers: Answers
    business_owner_contact_id: UUID | None = Field(
        default=None, description="The contact who answers for the system; null: there is none, and no support then."
    )
    asset: AssetAnswers

    @model_validator(mode="after")
    def _each_site_once(self) -> Self:
        if len(set(self.site_ids)) != len(self.site_ids):
            raise ValueError("site_ids names a site twice")
        return self


class Assessment(NewAssessment):
    """A questionnaire with what it comes to."""

    model_config = ConfigDict(extra="ignore")

    assessment_id: UUID
    verdict: Verdict
    needs_diagnostic: bool = Field(description="A diagnostic must be completed before support can be signed.")
    reasons: list[Because] = Field(max_length=20)
    recommendation: RecommendedLevel
    assessed_by: str
    assessed_at: Instant

    def concerns(self, site_ids: Iterable[UUID]) -> bool:
        """Whether it is about all of these sites."""
        return not self.site_ids or set(site_ids) <= set(self.site_ids)

    @property
    def data_are_sensitive(self) -> bool:
        """Whether the client says so."""
        return self.answers.sensitive_or_regulated_data


async def assess(work: Workspace, new: NewAssessment) -> Assessment:
    """Evaluates a questionnaire and keeps it. Raises Unknown for the client, Refused for sites and contact."""
    with named_at("client_id"):
        client = await work.clients.get(new.client_id)
    await check_sites(work, client.client_id, new.site_ids)
    owner = new.business_owner_contact_id
    if owner is not None and not is_contact(client, owner):
        raise Refused(f"The client has no contact {owner}.", "business_owner_contact_id")
    against = new.answers.against()
    if owner is None:
        against.add("no_business_owner")
    outcome = eligibility(new.answers.fits(), against)
    assessment = Assessment(
        **new.model_dump(),
        assessment_id=work.new_id(),
        verdict=outcome.verdict,
        needs_diagnostic=outcome.needs_diagnostic,
        reasons=[_because(reason) for reason in outcome.reasons],
        recommendation=recommend(new.asset),
        assessed_by=work.actor,
        assessed_at=work.now,
    )
    await work.signing.assessments.add(assessment)
    return assessment


def _because(reason: Reason) -> Because:
    return Because(code=reason, text=eligibility_words(reason))


def recommend(answers: AssetAnswers) -> RecommendedLevel:
    """The level that fits, with reasons."""
    found = levels.recommended(answers.as_value())
    return RecommendedLevel(
        level=found.level,
        plan_code=LEVEL_CODES[found.level],
        tier_plan_code=TIER_CODES[found.tier],
        points=found.points,
        reasons=[Because(code=why, text=recommendation_words(why, found.points)) for why in found.reasons],
    )


def cautions(answers: AssetAnswers, level: int) -> list[Because]:
    """What must be said when this level is chosen."""
    return [Because(code=code, text=caution_words(code)) for code in levels.cautions(answers.as_value(), level)]


def is_contact(client: Client, contact_id: UUID) -> bool:
    """Whether the person is still there."""
    return any(contact.contact_id == contact_id for contact in client.contacts)


async def check_sites(work: Workspace, client_id: UUID, site_ids: Iterable[UUID]) -> None:
    """Raises Refused for a site that is not the client's."""
    known = {site.site_id for site in await work.sites.of_client(client_id)}
    for index, site_id in enumerate(site_ids):
        if site_id not in known:
            raise Refused(f"The client has no site {site_id}.", "site_ids", index)
