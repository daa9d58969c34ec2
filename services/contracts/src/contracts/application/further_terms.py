"""What a contract may hold besides what the other services need: blocks of its terms, each optional by itself.

A plan says which of them its contracts require. A required block that comes with wording of ours (responsibilities,
actors, risks, reversibility) is taken from there when the contract says nothing of it.
"""

import json
from collections.abc import Collection, Iterable, Set
from functools import cache
from importlib import resources as files
from typing import TYPE_CHECKING, Annotated, Any, Literal, Self, TypeVar
from uuid import UUID

from pydantic import BaseModel, Field, JsonValue, model_validator

from contracts.application.continuity import ContinuityObjective, ReversibilityItem
from contracts.application.data_protection import DataProtection
from contracts.application.errors import Refused, Unknown
from contracts.application.hours_terms import ContractHours
from contracts.application.indexation import Indexation
from contracts.application.legal import Commercial, Legal
from contracts.application.offer import Offer
from contracts.application.onboarding import Onboarding
from contracts.application.prerequisites import Prerequisite
from contracts.application.pricing import PriceParameters
from contracts.application.promotions import AgreedDiscount, check_discounts
from contracts.application.resources import Resource
from contracts.application.responsibilities import Actor, Responsibilities
from contracts.application.risks import ContractRisk
from contracts.application.scope import Scope
from contracts.application.sectors import Sector
from contracts.application.term import Term
from contracts.application.values import Request

if TYPE_CHECKING:
    from contracts.application.ports import Workspace

Requirement = Literal[
    "eligibility",
    "onboarding",
    "scope",
    "offer",
    "commercial",
    "response",
    "responsibilities",
    "actors",
    "resources",
    "risks",
    "prerequisites",
    "continuity",
    "reversibility",
    "data_protection",
    "legal",
]
"""What a plan can require of its contracts: a block of their terms, the response commitment, or an assessment."""

Block = dict[str, JsonValue]
_BlockPatch = Annotated[Block, Field(max_length=100)]
_ListPatch = Annotated[list[_BlockPatch], Field(max_length=100)]


class FurtherTerms(Request):
    """Optional blocks of a contract's terms: null is not agreed."""

    scope: Scope | None = Field(default=None, description="What is in scope, and what explicitly is not.")
    offer: Offer | None = Field(default=None, description="When, how and by whom; which kinds of maintenance.")
    commercial: Commercial | None = Field(default=None, description="Prices and conditions: billing and payment.")
    pricing: PriceParameters | None = Field(
        default=None, description="How the price comes about; comes to exactly `price`."
    )
    discounts: list[AgreedDiscount] | None = Field(
        default=None,
        max_length=20,
        description="What is taken off the price when; left out when drafting: the promotions of the plan.",
    )
    sector: Sector | None = Field(default=None, description="What the client's sector asks for beside the plan.")
    onboarding: Onboarding | None = Field(default=None, description="What was clarified before signing.")
    responsibilities: Responsibilities | None = Field(
        default=None, description="Who decides and who executes; left out when drafting: ours, if the plan requires it."
    )
    actors: list[Actor] | None = Field(
        default=None,
        max_length=100,
        description="Who has a part; left out when drafting: ours, if the plan requires them.",
    )
    resources: list[Resource] | None = Field(default=None, max_length=100, description="What is made available.")
    risks: list[ContractRisk] | None = Field(
        default=None,
        max_length=100,
        description="The risk register; left out when drafting: its seven categories, if the plan requires it.",
    )
    prerequisites: list[Prerequisite] | None = Field(default=None, max_length=100, description="What must be there.")
    continuity: list[ContinuityObjective] | None = Field(default=None, max_length=100, description="RPO and RTO.")
    reversibility: list[ReversibilityItem] | None = Field(
        default=None,
        max_length=100,
        description="What is handed over at the end; left out when drafting: ours, if the plan requires it.",
    )
    data_protection: DataProtection | None = Field(default=None, description="Classification, and the annex.")
    legal: Legal | None = Field(default=None, description="Clauses, controlled documents, and the law.")
    term: Term | None = Field(
        default=None, description="How long it runs, renewal, notice, leaving early; null: as `ends_on` says."
    )
    indexation: Indexation | None = Field(default=None, description="The index that the price follows; null: none.")
    hours: ContractHours | None = Field(
        default=None, description="Monthly hours, where they differ from the plan's; null: exactly the plan's, if any."
    )

    @model_validator(mode="after")
    def _names_each_once(self) -> Self:
        for name in ("actors", "risks", "prerequisites", "reversibility"):
            codes = [item.code for item in getattr(self, name) or ()]
            if len(set(codes)) != len(codes):
                raise ValueError(f"{name} has one code twice")
        sites = [objective.site_id for objective in self.continuity or ()]
        if len(set(sites)) != len(sites):
            raise ValueError("continuity has two objectives for one site")
        return self


class FurtherTermsPatch(Request):
    """What to change of those blocks (merge patch): an object is merged key by key, a list is replaced."""

    scope: _BlockPatch | None = None
    offer: _BlockPatch | None = None
    commercial: _BlockPatch | None = None
    pricing: _BlockPatch | None = None
    discounts: _ListPatch | None = None
    sector: _BlockPatch | None = None
    onboarding: _BlockPatch | None = None
    responsibilities: _BlockPatch | None = None
    actors: _ListPatch | None = None
    resources: _ListPatch | None = None
    risks: _ListPatch | None = None
    prerequisites: _ListPatch | None = None
    continuity: _ListPatch | None = None
    reversibility: _ListPatch | None = None
    data_protection: _BlockPatch | None = None
    legal: _BlockPatch | None = None
    term: _BlockPatch | None = None
    indexation: _BlockPatch | None = None
    hours: _BlockPatch | None = None


BLOCKS: tuple[str, ...] = tuple(FurtherTerms.model_fields)


class _OurWording(BaseModel):
    """The blocks that we ship."""

    responsibilities: Responsibilities
    actors: list[Actor]
    risks: list[ContractRisk]
    reversibility: list[ReversibilityItem]


@cache
def shipped_blocks() -> dict[str, Any]:
    """The file of wording that we ship."""
    text = files.files("contracts.application").joinpath("fixtures", "contract_blocks.json").read_text("utf-8")
    content: dict[str, Any] = json.loads(text)
    return content


T = TypeVar("T", bound=FurtherTerms)


def seeded(terms: T, requires: Collection[Requirement], chosen: Set[str]) -> T:
    """The terms with our wording for the required blocks that the caller did not choose and that are not there yet."""
    ours = _OurWording.model_validate(shipped_blocks())
    wanted = [
        name
        for name in _OurWording.model_fields
        if name in requires and name not in chosen and getattr(terms, name) is None
    ]
    return terms.model_copy(update={name: getattr(ours, name) for name in wanted})


async def check_blocks(
    work: "Workspace", terms: FurtherTerms, site_ids: Iterable[UUID], price: tuple[str, str]
) -> None:
    """Whether the blocks fit the rest of the contract and what the agency has. `price` is amount and currency.

    Raises Refused at the value that does not.
    """
    _check_names(terms)
    sites = set(site_ids)
    for index, objective in enumerate(terms.continuity or ()):
        if objective.site_id is not None and objective.site_id not in sites:
            raise Refused("is no site under this contract", "continuity", index, "site_id")
    for index, resource in enumerate(terms.resources or ()):
        if resource.user_id is not None:
            await _check_user(work, resource.user_id, "resources", index, "user_id")
    if terms.offer is not None and terms.offer.coverage_calendar is not None:
        name = terms.offer.coverage_calendar
        if await work.calendars.by_name(name) is None:
            raise Refused(f"There is no calendar {name}. Create it first.", "offer", "coverage_calendar")
    if terms.pricing is not None:
        _check_price(terms.pricing, *price)
    check_discounts(terms.discounts, price[1])


def _check_names(terms: FurtherTerms) -> None:
    known = {"agency", "client", *(actor.code for actor in terms.actors or ())}
    activities = [] if terms.responsibilities is None else terms.responsibilities.activities
    for index, activity in enumerate(activities):
        for stranger in sorted(activity.named() - known):
            raise Refused(
                f"{stranger} is neither agency nor client, and none of the actors of this contract",
                "responsibilities",
                "activities",
                index,
            )


async def _check_user(work: "Workspace", user_id: UUID, *path: str | int) -> None:
    try:
        user = await work.users.get(user_id)
    except Unknown:
        user = None
    if user is None or user.client_id is not None:
        raise Refused(f"The agency has no user {user_id}.", *path)


def _check_price(pricing: PriceParameters, amount: str, currency: str) -> None:
    if pricing.currency != currency:
        raise Refused(f"is another currency than the price, which is in {currency}", "pricing", "currency")
    total = format(pricing.breakdown().total, "f")
    if total != amount:
        raise Refused(
            f"comes to {total} {currency} and not to the price of {amount}. Change one of them, or add an adjustment"
            " that says why.",
            "pricing",
        )
