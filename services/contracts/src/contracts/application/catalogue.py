"""The plan catalogue: offers with versions, each laid over the version of the plan that it extends."""

import json
from collections.abc import Iterable
from decimal import Decimal
from importlib import resources
from typing import Annotated, Any, Literal, Self, TypeAlias
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, JsonValue, StrictBool, field_validator, model_validator

from contracts.application.calendars import NewCalendar, create_calendar
from contracts.application.deliverables import PlanDeliverable
from contracts.application.errors import NotNow, Refused
from contracts.application.further_terms import Requirement
from contracts.application.ports import Workspace
from contracts.application.service_desk import ServiceDesk
from contracts.application.values import Amount, Code, Currency, Request, Texts, decimals_fit
from contracts.domain.catalogue import Deliverable, PriceRange, effective_deliverables
from shared.values import Instant

MOST_DELIVERABLES = 100

CatalogueName = Literal["tiers", "engagement_levels"]
SupportLevel: TypeAlias = Annotated[int, Field(strict=True, ge=1, le=3, json_schema_extra={"format": "int32"})]
FIXTURES: tuple[CatalogueName, ...] = ("tiers", "engagement_levels")

_PLAN_EXAMPLE: dict[str, JsonValue] = {
    "title": {"fr": "Premium", "en": "Premium"},
    "extends": "standard",
    "price": {"minimum": "400.00", "maximum": "800.00", "currency": "EUR", "indicative": False},
    "deliverables": [
        {
            "code": "uptime_monitoring",
            "type": "uptime_monitoring",
            "name": {"fr": "Surveillance toutes les 30 secondes", "en": "Monitoring every 30 seconds"},
            "maintenance_type": "preventive",
            "proof": "check_results",
            "parameters": {"interval_seconds": 30},
        }
    ],
}


class PlanPrice(Request):
    """What a plan costs per month: limits that bind, or indicative amounts that inform."""

    minimum: Amount | None = Field(default=None, examples=["400.00"])
    maximum: Amount | None = Field(default=None, examples=["800.00"])
    currency: Currency = Field(examples=["EUR"])
    indicative: StrictBool = Field(
        default=False, description="Informs and is no quote: no price is outside of an indicative range."
    )

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.minimum is not None:
            self.minimum = decimals_fit(self.minimum, self.currency)
        if self.maximum is not None:
            self.maximum = decimals_fit(self.maximum, self.currency)
        if self.minimum is not None and self.maximum is not None and Decimal(self.maximum) < Decimal(self.minimum):
            raise ValueError("maximum is less than minimum")
        return self

    @property
    def range(self) -> PriceRange:
        """The range as the domain knows it."""
        return PriceRange(
            minimum=None if self.minimum is None else Decimal(self.minimum),
            maximum=None if self.maximum is None else Decimal(self.maximum),
            currency=self.currency,
            indicative=self.indicative,
        )


class NewPlanVersion(Request):
    """What a plan offers from now on. Contracts keep the version that they were made from."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [_PLAN_EXAMPLE]})

    title: Texts
    extends: Code | None = Field(
        default=None,
        description="Code of the plan that this one takes over, in the version that is newest now.",
        examples=["standard"],
    )
    price: PlanPrice
    deliverables: list[PlanDeliverable] = Field(max_length=MOST_DELIVERABLES)
    service_desk: ServiceDesk | None = Field(
        default=None, description="How the desk works; left out or null: as in the plan that this one takes over."
    )
    support_level: SupportLevel | None = Field(
        default=None, description="Which level of support it is; null: it is none of the three. Not taken over."
    )
    requires: list[Requirement] = Field(
        default_factory=list,
        max_length=20,
        description="What its contracts must hold before they are proposed, beside what the plan below requires.",
    )

    @field_validator("requires")
    @classmethod
    def _each_once(cls, requires: list[Requirement]) -> list[Requirement]:
        return list(dict.fromkeys(requires))


class NewPlan(NewPlanVersion):
    """A plan to create, with its first version."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"code": "premium", "catalogue": "tiers", **_PLAN_EXAMPLE}]}
    )

    code: Code = Field(examples=["premium"])
    catalogue: Code = Field(description="Plans that are offered side by side share one.", examples=["tiers"])


class Extended(BaseModel):
    """The plan version that another one is laid over."""

    plan_id: UUID
    code: str
    number: int = Field(ge=1)


class PlanVersion(BaseModel):
    """One version of a plan, as it was made."""

    plan_id: UUID
    code: str
    number: int = Field(ge=1)
    title: Texts
    extends: Extended | None
    price: PlanPrice
    deliverables: list[PlanDeliverable] = Field(
        max_length=MOST_DELIVERABLES, description="Its own deliverables, without those that it takes over."
    )
    effective_deliverables: list[PlanDeliverable] = Field(
        max_length=MOST_DELIVERABLES * 10, description="Everything that it promises."
    )
    service_desk: ServiceDesk | None = Field(
        default=None, description="How the desk works, its own or taken over; null: the plan says nothing of it."
    )
    support_level: SupportLevel | None = Field(default=None, description="Which level of support it is; null: none.")
    requires: list[Requirement] = Field(
        default_factory=list, max_length=20, description="What its contracts must hold, its own and taken over."
    )
    created_at: Instant

    def promised(self) -> tuple[Deliverable, ...]:
        """Everything that it promises, as the domain knows it."""
        return tuple(deliverable.as_value() for deliverable in self.effective_deliverables)


class Plan(BaseModel):
    """A plan, as stored, with its newest version."""

    plan_id: UUID
    version: int = Field(ge=1)
    code: str
    catalogue: str
    current: PlanVersion
    created_at: Instant
    updated_at: Instant


class Installed(BaseModel):
    """What was created, and what was already there and left alone."""

    created: list[str] = Field(max_length=100, examples=[["calendar business_hours", "plan basique"]])
    kept: list[str] = Field(max_length=100)


async def create_plan(work: Workspace, new: NewPlan) -> Plan:
    """A new plan. Raises Taken for its code, Refused for the plan that it extends, or a CatalogueRule."""
    plan_id = work.new_id()
    version = await _version(work, plan_id, new.code, 1, new)
    plan = Plan(
        plan_id=plan_id,
        version=1,
        code=new.code,
        catalogue=new.catalogue,
        current=version,
        created_at=work.now,
        updated_at=work.now,
    )
    await work.plans.add(plan)
    await work.plans.add_version(version)
    return plan


async def add_plan_version(work: Workspace, plan: Plan, new: NewPlanVersion) -> Plan:
    """The locked plan with a new version on top. Raises Refused or a CatalogueRule."""
    version = await _version(work, plan.plan_id, plan.code, plan.current.number + 1, new)
    saved = plan.model_copy(update={"current": version, "version": plan.version + 1, "updated_at": work.now})
    await work.plans.add_version(version)
    await work.plans.save(saved)
    return saved


async def install_fixtures(work: Workspace, wanted: Iterable[CatalogueName] = FIXTURES) -> Installed:
    """The catalogues that Upheld ships, as the agency's own data. What the agency has under these names stays."""
    created: list[str] = []
    kept: list[str] = []
    for calendar in _fixture("calendars"):
        new_calendar = NewCalendar.model_validate(calendar)
        label = f"calendar {new_calendar.name}"
        if await work.calendars.by_name(new_calendar.name):
            kept.append(label)
        else:
            await create_calendar(work, new_calendar)
            created.append(label)
    for catalogue in dict.fromkeys(wanted):
        for plan in _fixture(catalogue):
            new_plan = NewPlan.model_validate({"catalogue": catalogue, **plan})
            label = f"plan {new_plan.code}"
            if await work.plans.by_code(new_plan.code):
                kept.append(label)
            else:
                await create_plan(work, new_plan)
                created.append(label)
    return Installed(created=created, kept=kept)


def _fixture(name: str) -> list[dict[str, Any]]:
    content = resources.files("contracts.application").joinpath("fixtures", f"{name}.json").read_text("utf-8")
    items: list[dict[str, Any]] = json.loads(content)
    return items


async def _version(work: Workspace, plan_id: UUID, code: str, number: int, new: NewPlanVersion) -> PlanVersion:
    base: PlanVersion | None = None
    if new.extends is not None:
        if new.extends == code:
            raise Refused("is the plan itself; a plan extends another one", "extends")
        extended = await work.plans.by_code(new.extends)
        if extended is None:
            raise Refused(f"There is no plan {new.extends}. Create it first.", "extends")
        base = extended.current
    chain = [*await _chain(work, base, plan_id), [item.as_value() for item in new.deliverables]]
    effective = effective_deliverables(chain)
    known = {calendar for item in effective if (calendar := item.parameters.get("calendar")) is not None}
    for calendar in sorted(known):
        if await work.calendars.by_name(calendar) is None:
            raise Refused(f"There is no calendar {calendar}. Create it first.", "deliverables")
    hotline = None if new.service_desk is None else new.service_desk.hotline_calendar
    if hotline is not None and await work.calendars.by_name(hotline) is None:
        raise Refused(f"There is no calendar {hotline}. Create it first.", "service_desk", "hotline_calendar")
    taken_over = None if base is None else base.service_desk
    return PlanVersion(
        plan_id=plan_id,
        code=code,
        number=number,
        title=new.title,
        extends=None if base is None else Extended(plan_id=base.plan_id, code=base.code, number=base.number),
        price=new.price,
        deliverables=new.deliverables,
        effective_deliverables=[PlanDeliverable.of(item) for item in effective],
        service_desk=taken_over if new.service_desk is None else new.service_desk,
        support_level=new.support_level,
        requires=list(dict.fromkeys([*([] if base is None else base.requires), *new.requires])),
        created_at=work.now,
    )


async def _chain(work: Workspace, top: PlanVersion | None, plan_id: UUID) -> list[list[Deliverable]]:
    """Own deliverables of a version and of all that it extends, from the bottom up.

    Raises NotNow when that leads back to the plan that is to be laid on top.
    """
    chain: list[list[Deliverable]] = []
    while top is not None:
        if top.plan_id == plan_id:
            raise NotNow(f"The plan {top.code} would extend an earlier version of itself. Choose another plan.")
        chain.append([item.as_value() for item in top.deliverables])
        top = None if top.extends is None else await work.plans.version(top.extends.plan_id, top.extends.number)
    chain.reverse()
    return chain
