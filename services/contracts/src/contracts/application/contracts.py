"""The life of a contract: drafted from a plan, proposed, signed by both parties, in force, ended."""

import json
from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Annotated, Any, Literal, Self
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, JsonValue, ValidationError, model_validator

from contracts.application import coming, completeness, obligations, settlement_schedule
from contracts.application.calendars import Calendar
from contracts.application.catalogue import PlanVersion
from contracts.application.clients import Client
from contracts.application.commitments import ResponseCommitment, UptimeCommitment
from contracts.application.deliverables import PlanDeliverable, checked_parameters
from contracts.application.document_blocks import document_blocks
from contracts.application.errors import NotNow, Refused, Taken, Unknown, named_at
from contracts.application.further_terms import FurtherTerms, FurtherTermsPatch, check_blocks, seeded
from contracts.application.hours_terms import agreed_package, check_currency, hours_block
from contracts.application.indexation import PriceState, Revision
from contracts.application.obligation_terms import ObligationTerms
from contracts.application.obligation_terms import in_words as obligations_in_words
from contracts.application.ports import Workspace
from contracts.application.promotions import offered_discounts
from contracts.application.published_blocks import published_blocks
from contracts.application.sectors import check_budget, check_sector, in_force, next_edge, with_sector
from contracts.application.service_desk import USUAL_SEVERITIES, ServiceDesk
from contracts.application.service_desk_words import in_words
from contracts.application.sites import Site
from contracts.application.values import (
    AmountOfMoney,
    Code,
    Colour,
    Email,
    ExternalKey,
    Name,
    Price,
    Reason,
    Request,
    Slug,
    WebAddress,
    unchanged,
)
from contracts.domain import agreement, entitlements
from contracts.domain.agreement import Missing, Party, Signature
from contracts.domain.catalogue import Deliverable, check_price
from contracts.domain.lifecycle import LEADS_TO, Status, Step, after
from shared.values import Instant, LocalDate, instant_text

DOCUMENT_FORMAT = "upheld.contract/1"
MOST_SITES = 100
YEARS_OF_A_TERM = range(1900, 2900)
"""Terms are counted in local days of all zones, which do not reach to the ends of the calendar."""

JsonObject = Annotated[dict[str, JsonValue], Field(max_length=100)]

INDICATIVE_NOTICE = {
    "fr": "Les montants du plan sont indicatifs : ils ne remplacent pas un cadrage et ne sont pas un devis.",
    "en": "The plan's amounts are indicative: they do not replace a clarification and are not a quote.",
}


class Colours(Request):
    """The colours of a status page."""

    primary: Colour = Field(default="#1f4e79", examples=["#1f4e79"])
    background: Colour = Field(default="#ffffff", examples=["#ffffff"])
    text: Colour = Field(default="#1a1a1a", examples=["#1a1a1a"])


class StatusPage(Request):
    """The public page of a contract. Contracts of one client that name the same address share it."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {
                    "slug": "hotel-du-lac",
                    "name": "Hôtel du Lac",
                    "logo_url": "https://hotel-du-lac.example/logo.svg",
                    "colours": {"primary": "#1f4e79", "background": "#ffffff", "text": "#1a1a1a"},
                }
            ]
        },
    )

    slug: Slug = Field(
        description="Part of the page's address; no two clients of the installation have the same.",
        examples=["hotel-du-lac"],
    )
    name: Name = Field(examples=["Hôtel du Lac"])
    logo_url: WebAddress | None = None
    colours: Colours = Field(default_factory=Colours)


class PageOfSite(StatusPage):
    """The public page of one site of a contract: it shows nothing of the others."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {
                    "site_id": "0190b5c8-7d4e-7c3a-9a51-3f0f5f0d7a12",
                    "slug": "hotel-du-lac-booking",
                    "name": "Réservation de l'Hôtel du Lac",
                }
            ]
        },
    )

    site_id: UUID = Field(description="One of the sites under contract; each has one page of its own at most.")


class Signatory(Request):
    """Who signs for a party."""

    name: Name = Field(examples=["Léa Martin"])
    email: Email = Field(examples=["lea@hotel-du-lac.example"])
    title: Name | None = Field(default=None, examples=["Directrice"])


class Signatories(Request):
    """Who signs for the agency and who for the client."""

    agency: Signatory | None = None
    client: Signatory | None = None


class Terms(FurtherTerms):
    """What the parties choose. Complete before it is proposed, fixed once it is."""

    external_key: ExternalKey | None = Field(
        default=None,
        description="What documents and other systems call the contract, among its client's; null: its number.",
        examples=["hotel-du-lac-2026"],
    )
    site_ids: list[UUID] = Field(max_length=MOST_SITES, description="The client's sites under contract.")
    starts_on: LocalDate = Field(description="First day in the client's time zone.", examples=["2026-06-08"])
    ends_on: LocalDate | None = Field(default=None, description="Last day; null is until further notice.")
    price: Price
    price_override_reason: Reason | None = Field(
        default=None, description="Why the price is outside of the plan's range; required exactly then."
    )
    response: ResponseCommitment | None = Field(
        default=None, description="The response commitment; left out when drafting: the plan's; null: none."
    )
    uptime: UptimeCommitment | None = Field(
        default=None, description="The uptime commitment; left out when drafting: the plan's; null: none."
    )
    service_desk: ServiceDesk | None = Field(
        default=None, description="How the desk works; left out when drafting: as the plan says; null: not agreed."
    )
    obligations: ObligationTerms | None = Field(
        default=None, description="Who owes what by when, besides what the plan promises; null: nothing was agreed."
    )
    deliverable_parameters: dict[Code, dict[str, JsonValue]] = Field(
        default_factory=dict,
        max_length=100,
        description="Values of this contract over the plan's: deliverable code to parameters.",
        examples=[{"uptime_monitoring": {"interval_seconds": 45}}],
    )
    alert_emails: list[Email] = Field(
        default_factory=list,
        max_length=50,
        description="Who is mailed about outages; empty: the client's technical contacts, else the deciders.",
    )
    status_page: StatusPage | None = Field(default=None, description="The page of everything under contract.")
    site_pages: list[PageOfSite] = Field(
        default_factory=list,
        max_length=MOST_SITES,
        exclude_if=lambda pages: not pages,
        description="Pages of single sites, beside `status_page` or in its place; left out: none.",
    )
    signatories: Signatories = Field(default_factory=Signatories)

    @property
    def pages(self) -> list[StatusPage]:
        """All public pages of the contract: that of everything first."""
        return [*([] if self.status_page is None else [self.status_page]), *self.site_pages]

    @model_validator(mode="after")
    def _sound(self) -> Self:
        if self.ends_on is not None and self.ends_on < self.starts_on:
            raise ValueError("ends_on is before starts_on")
        if self.ends_on is not None and self.term is not None:
            raise ValueError("ends_on and term both say when it ends: leave one of them out")
        if not (self.term is None and self.indexation is None) and self.starts_on.year not in YEARS_OF_A_TERM:
            raise ValueError("a contract with a term or an index starts from 1900 on and before 2900")
        if len(set(self.site_ids)) != len(self.site_ids):
            raise ValueError("site_ids names a site twice")
        return self


class TermsPatch(FurtherTermsPatch):
    """What to change of the terms of a draft (merge patch): what is left out stays, null removes."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"examples": [{"price": {"amount": "650.00"}, "uptime": {"target_percent": "99.95"}}]},
    )

    external_key: ExternalKey | None = None
    site_ids: Annotated[list[UUID], Field(max_length=MOST_SITES)] = unchanged()
    starts_on: LocalDate = unchanged()
    ends_on: LocalDate | None = None
    price: JsonObject = unchanged()
    price_override_reason: Reason | None = None
    response: JsonObject | None = None
    uptime: JsonObject | None = None
    service_desk: JsonObject | None = None
    obligations: JsonObject | None = None
    deliverable_parameters: JsonObject | None = None
    alert_emails: Annotated[list[Email], Field(max_length=50)] = unchanged()
    status_page: JsonObject | None = None
    site_pages: Annotated[list[JsonObject], Field(max_length=MOST_SITES)] | None = None
    signatories: JsonObject | None = None


class AmendmentRequest(TermsPatch):
    """Other terms for a contract in force (merge patch of its terms), with another plan if it is named."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [{"plan_code": "premium", "price": {"amount": "600.00"}, "effective_on": "2099-01-01"}]
        },
    )

    plan_code: Code = unchanged()
    effective_at: Instant | None = Field(
        default=None,
        description="The instant from which the other terms hold; left out: from when the amendment is applied.",
    )
    effective_on: LocalDate | None = Field(
        default=None, description="The same, said as a day in the contract's time zone: from its first instant on."
    )

    @model_validator(mode="after")
    def _one_beginning(self) -> Self:
        if self.effective_at is not None and self.effective_on is not None:
            raise ValueError("effective_at and effective_on both say when it begins: leave one of them out")
        return self


_TERMS_EXAMPLE: dict[str, JsonValue] = {
    "site_ids": ["0190b5c8-7d4e-7c3a-9a51-3f0f5f0d7a12"],
    "starts_on": "2026-06-08",
    "price": {"amount": "600.00", "currency": "EUR"},
    "alert_emails": ["alerts@agency.example"],
    "status_page": {"slug": "hotel-du-lac", "name": "Hôtel du Lac"},
    "signatories": {
        "agency": {"name": "Nadia Benali", "email": "nadia@agency.example"},
        "client": {"name": "Léa Martin", "email": "lea@hotel-du-lac.example"},
    },
}


class NewContract(Terms):
    """A contract to draft from a plan."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {"client_id": "0190b5c8-7d4e-7c3a-9a51-3f0f5f0d7a11", "plan_code": "premium", **_TERMS_EXAMPLE}
            ]
        },
    )

    client_id: UUID
    plan_code: Code = Field(description="Code of a plan, in its newest version.", examples=["premium"])


class DocumentReference(BaseModel):
    """The proposed version: its number and the SHA-256 of its canonical form, which is what the parties sign."""

    number: int = Field(ge=1)
    hash: str = Field(description="64 hexadecimal digits.")
    proposed_at: Instant


class RecordedSignature(BaseModel):
    """A party's consent to the version with this hash."""

    party: Party
    name: str
    signed_at: Instant
    document_hash: str
    evidence: str | None = Field(description="How the consent was given.")
    recorded_by: str = Field(description="Who entered it.")

    def as_value(self) -> Signature:
        """The signature as the domain knows it."""
        return Signature(party=self.party, name=self.name, signed_at=self.signed_at, document_hash=self.document_hash)


class ContractPlan(BaseModel):
    """The plan version that a contract was made from."""

    plan_id: UUID
    code: str
    number: int = Field(ge=1)
    title: dict[str, str]


class Amendment(BaseModel):
    """Other terms for a contract in force, proposed and waiting for signatures; what is in force stays until then."""

    plan: ContractPlan
    terms: Terms
    deliverables: list[PlanDeliverable] = Field(max_length=1000)
    document: DocumentReference
    signatures: list[RecordedSignature] = Field(max_length=2)
    effective_at: Instant | None = Field(
        default=None, description="When the other terms begin to hold; null: when the amendment is applied."
    )
    restates_price: bool = Field(
        default=False,
        description="The price of its terms is paid from then on, whatever an index made of the last one.",
    )


class Contract(BaseModel):
    """A contract, as stored."""

    contract_id: UUID
    version: int = Field(ge=1, description="Grows with every change; the ETag.")
    number: str = Field(examples=["C-2026-0001"])
    status: Status
    allowed_steps: list[Step] = Field(max_length=20, description="What can be done to it now.")
    client_id: UUID
    plan: ContractPlan
    terms: Terms
    deliverables: list[PlanDeliverable] = Field(max_length=1000, description="Everything that is promised.")
    document: DocumentReference | None
    signatures: list[RecordedSignature] = Field(max_length=2)
    amendment: Amendment | None
    activated_at: Instant | None
    ends_at: Instant | None = Field(description="The instant at which it ends, as far as is known; null: never.")
    closed_at: Instant | None
    created_at: Instant
    updated_at: Instant


class ActivatedContract(Contract):
    """A contract that is in force from now on, with what should be settled all the same."""

    warnings: list[completeness.ContractWarning] = Field(max_length=1000)


class Document(BaseModel):
    """A proposed version in its canonical form: exactly the text whose hash is signed."""

    contract_id: UUID
    client_id: UUID
    number: int
    hash: str
    text: str
    proposed_at: Instant


Change = Literal[
    "activated",
    "amended",
    "renewed",
    "price_revised",
    "critical_period",
    "suspended",
    "resumed",
    "terminated",
    "expired",
]


class ContractState(BaseModel):
    """What a contract is from an instant on, until the next state."""

    contract_id: UUID
    client_id: UUID
    version: int = Field(ge=1)
    change: Change = Field(description="What led to this state.")
    status: Literal["active", "suspended", "terminated", "expired"]
    effective_from: Instant
    reason: str | None
    state: dict[str, Any] = Field(description="The full effective state, as it was published.")


class SignRequest(Request):
    """One party's consent to the proposed version."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {
                    "party": "client",
                    "document_hash": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
                    "evidence": "Signed on paper, scan in the archive",
                }
            ]
        },
    )

    party: Party
    document_hash: str = Field(
        min_length=64, max_length=64, pattern="^[0-9a-f]{64}$", description="Hash of the version that the party read."
    )
    evidence: Reason | None = Field(default=None, description="How the consent was given.")


class ReasonRequest(Request):
    """Why the contract is suspended or terminated."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"reason": "Two unpaid invoices"}]})

    reason: Reason


def allowed_steps(status: Status) -> list[Step]:
    """What can be done to a contract in this state."""
    return sorted(LEADS_TO[status])


# --- drafting --------------------------------------------------------------------------------------------------------


async def draft_contract(work: Workspace, new: NewContract) -> Contract:
    """A draft from the newest version of a plan.

    Raises Unknown for the client, Refused for plan, sites or parameters, PriceRefused.
    """
    with named_at("client_id"):
        client = await work.clients.get(new.client_id)
    plan = await work.plans.by_code(new.plan_code)
    if plan is None:
        raise Refused(f"There is no plan {new.plan_code}. GET /v1/plans lists the plans.", "plan_code")
    version = plan.current
    terms = Terms.model_validate(new.model_dump(mode="json", by_alias=True, exclude={"client_id", "plan_code"}))
    terms = completed(version, terms, new.model_fields_set)
    today = agreement.local_date(work.now, client.time_zone)
    if "discounts" not in new.model_fields_set:
        offered = await offered_discounts(work, version.code, terms.price, terms.starts_on, terms.ends_on, today)
        terms = terms.model_copy(update={"discounts": offered})
    await _check_terms(work, client.client_id, terms, version)
    year = today.year
    contract = Contract(
        contract_id=work.new_id(),
        version=1,
        number=f"C-{year}-{await work.contracts.next_number(year):04}",
        status=Status.DRAFT,
        allowed_steps=allowed_steps(Status.DRAFT),
        client_id=client.client_id,
        plan=_named(version),
        terms=terms,
        deliverables=_shown(_promised(version, terms)),
        document=None,
        signatures=[],
        amendment=None,
        activated_at=None,
        ends_at=None,
        closed_at=None,
        created_at=work.now,
        updated_at=work.now,
    )
    await work.contracts.add(contract)
    return contract


def _named(version: PlanVersion) -> ContractPlan:
    return ContractPlan(
        plan_id=version.plan_id, code=version.code, number=version.number, title=version.title.model_dump()
    )


OFFERED_WHEN_DRAFTED = frozenset({"discounts"})
"""Terms that a draft is given by what is offered on that day, when its author does not choose them."""


def completed(plan: PlanVersion, terms: Terms, chosen: Set[str]) -> Terms:
    """The terms with what the plan, and our wording for what it requires, say where the caller did not choose."""
    return seeded(_with_commitments_of(plan, terms, chosen), plan.requires, chosen)


def _with_commitments_of(plan: PlanVersion, terms: Terms, chosen: Set[str]) -> Terms:
    """The terms with the plan's commitments where the caller did not choose any."""
    promised = plan.promised()
    changes: dict[str, object] = {}
    response = entitlements.parameters_of(promised, entitlements.RESPONSE)
    if "response" not in chosen and response is not None:
        changes["response"] = ResponseCommitment.model_validate(response)
    uptime = entitlements.parameters_of(promised, entitlements.UPTIME)
    if "uptime" not in chosen and uptime is not None:
        changes["uptime"] = UptimeCommitment.model_validate(uptime)
    with_response = terms.model_copy(update=changes)
    if "service_desk" in chosen or plan.service_desk is None:
        return with_response
    hours = None if with_response.response is None else with_response.response.calendar
    own_hours = None if response is None else str(response["calendar"])
    return with_response.model_copy(update={"service_desk": plan.service_desk.fitted(hours, own_hours)})


async def change_terms(work: Workspace, contract: Contract, terms: Terms) -> Contract:
    """The locked draft with other terms. Raises IllegalStep when it is no draft, else as `draft_contract`."""
    status = after(contract.status, Step.EDIT)
    version = await work.plans.version(contract.plan.plan_id, contract.plan.number)
    await _check_terms(work, contract.client_id, terms, version)
    return await save(work, contract, status=status, terms=terms, deliverables=_shown(_promised(version, terms)))


async def change_plan(work: Workspace, contract: Contract, plan: PlanVersion, terms: Terms) -> Contract:
    """The locked draft as one of another version of a plan, or of another plan. Raises like `change_terms`."""
    return await change_terms(work, contract.model_copy(update={"plan": _named(plan)}), terms)


async def _check_terms(work: Workspace, client_id: UUID, terms: Terms, plan: PlanVersion) -> None:
    check_price(terms.price.value, terms.price.currency, plan.price.range, terms.price_override_reason)
    for index, site_id in enumerate(terms.site_ids):
        try:
            site = await work.sites.get(site_id)
        except Unknown:
            site = None
        if site is None or site.client_id != client_id:
            raise Refused(f"The client has no site {site_id}.", "site_ids", index)
    if terms.response is not None and await work.calendars.by_name(terms.response.calendar) is None:
        raise Refused(f"There is no calendar {terms.response.calendar}. Create it first.", "response", "calendar")
    if terms.service_desk is not None:
        await _check_service_desk(work, terms.service_desk, terms.response)
    _check_severities(terms.service_desk, terms.response)
    _check_site_pages(terms)
    check_sector(terms.sector, has_desk=terms.service_desk is not None, has_response=terms.response is not None)
    promised = {item.code: item for item in plan.promised()}
    for code, parameters in terms.deliverable_parameters.items():
        place = ("deliverable_parameters", code)
        if code not in promised:
            raise Refused(f"The plan {plan.code} has no deliverable {code}.", *place)
        kind = promised[code].type
        if kind in (entitlements.RESPONSE, entitlements.UPTIME, entitlements.HOURS):
            raise Refused(f"The contract has a value of its own for this: {kind.split('_')[0]}.", *place)
        try:
            checked_parameters(kind, {**promised[code].parameters, **parameters})
        except ValidationError as error:
            raise Refused.because_of(error, *place) from None
    hours = agreed_package(entitlements.parameters_of(promised.values(), entitlements.HOURS), terms.hours)
    if hours is not None:
        check_currency(hours, terms.price.currency)
        check_budget(terms.sector, hours.overage_cap_minutes)
    await check_blocks(work, terms, terms.site_ids, (terms.price.amount, terms.price.currency))


def _check_severities(desk: ServiceDesk | None, response: ResponseCommitment | None) -> None:
    """Whether what is promised is promised for severities of this contract. Raises Refused."""
    known = USUAL_SEVERITIES if desk is None else {entry.code for entry in desk.severities}
    for index, target in enumerate(response.targets if response is not None else ()):
        if target.severity not in known:
            raise Refused(
                f"{target.severity} is none of the severities of this contract: {', '.join(sorted(known))}.",
                "response",
                "targets",
                index,
                "severity",
            )


def _check_site_pages(terms: Terms) -> None:
    """Whether each page of a site is of another site under contract, at an address of its own. Raises Refused."""
    sites: set[UUID] = set()
    slugs = set() if terms.status_page is None else {terms.status_page.slug}
    for index, page in enumerate(terms.site_pages):
        if page.site_id not in terms.site_ids:
            raise Refused("is no site under this contract", "site_pages", index, "site_id")
        if page.site_id in sites:
            raise Refused("has a page already: a site has one page of its own", "site_pages", index, "site_id")
        if page.slug in slugs:
            raise Refused("is the address of another page of this contract", "site_pages", index, "slug")
        sites.add(page.site_id)
        slugs.add(page.slug)


def _check_addresses_stay(before: Terms, terms: Terms) -> None:
    """Whether every page that goes on is where its visitors find it, and none is where another was. Raises Refused."""
    shown = {page.slug: _subject(page) for page in before.pages}
    slugs = {subject: slug for slug, subject in shown.items()}
    for index, page in enumerate(terms.pages, start=len(terms.site_pages) - len(terms.pages)):
        place: tuple[str | int, ...] = ("site_pages", index) if isinstance(page, PageOfSite) else ("status_page",)
        if slugs.get(_subject(page), page.slug) != page.slug:
            raise Refused("cannot change while the contract is in force: visitors know the address", *place, "slug")
        if shown.get(page.slug, _subject(page)) != _subject(page):
            raise Refused("is the address of another page that visitors know. Choose another.", *place, "slug")


def _subject(page: StatusPage) -> UUID | None:
    """The site that a page is of; None: everything under contract."""
    return page.site_id if isinstance(page, PageOfSite) else None


async def _check_service_desk(work: Workspace, desk: ServiceDesk, response: ResponseCommitment | None) -> None:
    """Whether the desk fits the agency's people and calendars. Raises Refused."""
    if desk.targets and response is None:
        raise Refused(
            "are counted in the hours of the response commitment, and there is none. Give `response`, or no targets.",
            "service_desk",
            "targets",
        )
    if desk.hotline_calendar is not None and await work.calendars.by_name(desk.hotline_calendar) is None:
        raise Refused(
            f"There is no calendar {desk.hotline_calendar}. Create it first.", "service_desk", "hotline_calendar"
        )
    if desk.round_the_clock and not await _never_closes(work, response):
        raise Refused(
            "needs a response commitment whose calendar never closes: choose an `always` calendar, or set it to false",
            "service_desk",
            "round_the_clock",
        )
    for index, user_id in enumerate(desk.assigned_user_ids):
        try:
            user = await work.users.get(user_id)
        except Unknown:
            user = None
        if user is None or user.client_id is not None:
            raise Refused(f"The agency has no user {user_id}.", "service_desk", "assigned_user_ids", index)
        if user.disabled:
            raise Refused(
                f"{user.name} is disabled. Name somebody who can work.", "service_desk", "assigned_user_ids", index
            )


async def _never_closes(work: Workspace, response: ResponseCommitment | None) -> bool:
    """Whether the calendar of the response commitment is open at every hour from now on."""
    calendar = None if response is None else await work.calendars.by_name(response.calendar)
    if calendar is None:
        return False
    past = [version for version in calendar.versions if (version.effective_from or work.now) <= work.now]
    return all(version.calendar.always for version in calendar.versions[len(past) - 1 :])


def _promised(plan: PlanVersion, terms: Terms) -> tuple[Deliverable, ...]:
    """What the contract promises: the plan's deliverables with the contract's own values and commitments."""
    overridden = entitlements.with_overrides(plan.promised(), terms.deliverable_parameters)
    commitments: dict[str, Mapping[str, Any] | None] = {
        entitlements.RESPONSE: _json(terms.response),
        entitlements.UPTIME: _json(terms.uptime),
        entitlements.HOURS: _json(
            agreed_package(entitlements.parameters_of(plan.promised(), entitlements.HOURS), terms.hours)
        ),
    }
    return with_sector(entitlements.with_commitments(overridden, commitments), terms.sector)


def _json(model: BaseModel | None) -> dict[str, Any] | None:
    return None if model is None else model.model_dump(mode="json", by_alias=True)


def _shown(deliverables: Sequence[Deliverable]) -> list[PlanDeliverable]:
    return [PlanDeliverable.of(item) for item in deliverables]


# --- proposing and signing -------------------------------------------------------------------------------------------


async def propose_contract(work: Workspace, contract: Contract) -> Contract:
    """Fixes the locked draft as a document with a hash, for both parties to sign.

    Raises IllegalStep, Incomplete with everything that is missing, or Taken for the status page's address.
    """
    status = after(contract.status, Step.PROPOSE)
    return await save(work, contract, status=status, document=await _fix(work, contract), signatures=[])


async def _fix(
    work: Workspace,
    contract: Contract,
    in_force: PlanVersion | None = None,
    amends: Mapping[str, JsonValue] | None = None,
) -> DocumentReference:
    """Keeps what the contract says as its next document; `in_force` is the plan that an amendment changes.

    `amends` is what only an amendment says. Raises Incomplete or Taken.
    """
    client = await work.clients.get(contract.client_id)
    sites = [await work.sites.get(site_id) for site_id in contract.terms.site_ids]
    promised = tuple(item.as_value() for item in contract.deliverables)
    plan = await work.plans.version(contract.plan.plan_id, contract.plan.number)
    missing = await _all_missing(work, contract, client, sites, plan, in_force)
    if missing:
        raise agreement.Incomplete(missing)
    for slug in sorted(page.slug for page in contract.terms.pages):
        if not await work.contracts.claim_status_page(slug, contract):
            raise Taken(f"The status page address {slug} is another client's. Choose another slug.")
    number = await work.contracts.next_document_number(contract)
    document = await _document(work, contract, client, sites, promised, plan, number)
    text = agreement.canonical({**document, **(amends or {})})
    reference = DocumentReference(number=number, hash=agreement.fingerprint(text), proposed_at=work.now)
    await work.contracts.add_document(
        Document(
            contract_id=contract.contract_id,
            client_id=contract.client_id,
            number=number,
            hash=reference.hash,
            text=text,
            proposed_at=work.now,
        )
    )
    return reference


async def readiness(work: Workspace, contract: Contract) -> completeness.Readiness:
    """Everything that is missing before the contract can be proposed, all at once, and what to warn of."""
    client = await work.clients.get(contract.client_id)
    sites = [await work.sites.get(site_id) for site_id in contract.terms.site_ids]
    plan = await work.plans.version(contract.plan.plan_id, contract.plan.number)
    missing = await _all_missing(work, contract, client, sites, plan)
    return completeness.Readiness(
        missing=[completeness.MissingChoice(pointer=f"#{item.pointer}", detail=item.detail) for item in missing],
        warnings=await completeness.warnings_of(
            work, contract.contract_id, client, contract.terms, contract.terms.site_ids, plan
        ),
    )


async def _all_missing(
    work: Workspace,
    contract: Contract,
    client: Client,
    sites: Sequence[Site],
    plan: PlanVersion,
    in_force: PlanVersion | None = None,
) -> list[Missing]:
    terms = contract.terms
    return [
        *_missing(terms, client, sites, tuple(item.as_value() for item in contract.deliverables)),
        *completeness.missing_blocks(terms, set(plan.requires), contract.deliverables),
        *await completeness.missing_beside(work, client, terms, terms.site_ids, plan, in_force),
    ]


def _missing(terms: Terms, client: Client, sites: Sequence[Site], promised: Sequence[Deliverable]) -> list[Missing]:
    missing: list[Missing] = []
    if not sites:
        missing.append(Missing("/terms/site_ids", "Name at least one site."))
    monitored = entitlements.promises(promised, entitlements.MONITORING)
    for index, site in enumerate(sites):
        if monitored and not any(environment.counts_for_sla for environment in site.environments):
            missing.append(
                Missing(
                    f"/terms/site_ids/{index}",
                    f"{site.name} has no environment that counts for the SLA, so there is nothing to monitor."
                    " Add its production environment.",
                )
            )
    for party in agreement.PARTIES:
        if getattr(terms.signatories, party) is None:
            missing.append(Missing(f"/terms/signatories/{party}", f"Say who signs for the {party}."))
    if entitlements.promises(promised, entitlements.MAIL_ALERTS) and not _alert_emails(terms, client):
        missing.append(
            Missing("/terms/alert_emails", "Alerts are promised: say who gets them, or add a technical contact.")
        )
    if entitlements.promises(promised, entitlements.STATUS_PAGE) and not terms.pages:
        missing.append(Missing("/terms/status_page", "A status page is promised: give its slug and name."))
    return missing


def _alert_emails(terms: Terms, client: Client) -> list[str]:
    if terms.alert_emails:
        return list(terms.alert_emails)
    for role in ("technical", "decider"):
        emails = [contact.email for contact in client.contacts if role in contact.roles]
        if emails:
            return emails
    return []


def client_said(client: Client) -> dict[str, Any]:
    """What a document that is signed says of the client himself."""
    shown = {"name", "language", "time_zone", "currency", "country"}
    return {"client_id": str(client.client_id), **client.model_dump(mode="json", include=shown)}


def sites_said(sites: Sequence[Site]) -> list[dict[str, Any]]:
    """What a document that is signed says of the sites."""
    return [
        {
            "site_id": str(site.site_id),
            "name": site.name,
            "kind": site.kind,
            "environments": [
                environment.model_dump(mode="json", exclude={"version"}) for environment in site.environments
            ],
        }
        for site in sites
    ]


async def _document(
    work: Workspace,
    contract: Contract,
    client: Client,
    sites: Sequence[Site],
    promised: Sequence[Deliverable],
    plan: PlanVersion,
    number: int,
) -> dict[str, Any]:
    """Everything that the parties agree on, in one self-contained text: it needs no look-up to be understood."""
    terms = contract.terms
    agency = await work.tenants.get(work.tenant_id)
    calendars = await _calendars(work, terms)
    # A binding range and the reason for leaving it are the agency's own affair; what is indicative must say so.
    indicative = {**plan.price.model_dump(mode="json"), "notice": INDICATIVE_NOTICE} if plan.price.indicative else None
    return {
        "format": DOCUMENT_FORMAT,
        "contract_id": str(contract.contract_id),
        "number": contract.number,
        "document_number": number,
        "agency": {"name": agency.name},
        "client": client_said(client),
        "contacts": [contact.model_dump(mode="json", exclude={"version"}) for contact in client.contacts],
        "plan": {
            "plan_id": str(plan.plan_id),
            "code": plan.code,
            "number": plan.number,
            "name": plan.title.model_dump(),
            "priority": entitlements.priority_of(promised),
            "indicative_price": indicative,
        },
        "sites": sites_said(sites),
        "deliverables": [item.model_dump(mode="json", by_alias=True) for item in contract.deliverables],
        "monitoring": entitlements.parameters_of(promised, entitlements.MONITORING),
        "response": _json(terms.response),
        "uptime": _json(terms.uptime),
        "service_desk": _json(terms.service_desk),
        "service_desk_in_words": await _service_desk_in_words(work, terms, calendars),
        "obligations": _json(terms.obligations),
        "obligations_in_words": None if terms.obligations is None else obligations_in_words(terms.obligations),
        "calendars": {
            name: [
                version.model_dump(mode="json", by_alias=True, include={"effective_from", "calendar"})
                for version in calendar.versions
            ]
            for name, calendar in calendars.items()
        },
        "alerts": {
            "emails": _alert_emails(terms, client) if entitlements.promises(promised, entitlements.MAIL_ALERTS) else []
        },
        "status_page": _json(terms.status_page),
        # Without any the text is what it was before there were such pages.
        **({"site_pages": [_json(page) for page in terms.site_pages]} if terms.site_pages else {}),
        "reports": {"monthly": entitlements.monthly_report_promised(promised)},
        "price": {**terms.price.model_dump(), "period": "month"},
        "starts_on": terms.starts_on.isoformat(),
        "ends_on": None if terms.ends_on is None else terms.ends_on.isoformat(),
        "signatories": terms.signatories.model_dump(mode="json"),
        **await document_blocks(work, client, terms),
        "hours": hours_block(entitlements.parameters_of(promised, entitlements.HOURS), [site.kind for site in sites]),
    }


async def _calendars(work: Workspace, terms: Terms) -> dict[str, Calendar]:
    """Every calendar that the terms name, by name. Raises Incomplete for one that is no more."""
    hotline = None if terms.service_desk is None else terms.service_desk.hotline_calendar
    named = {
        "/terms/response/calendar": None if terms.response is None else terms.response.calendar,
        "/terms/service_desk/hotline_calendar": hotline,
    }
    found: dict[str, Calendar] = {}
    for pointer, name in named.items():
        if name is None:
            continue
        calendar = await work.calendars.by_name(name)
        if calendar is None:
            raise agreement.Incomplete([Missing(pointer, f"There is no calendar {name} any more.")])
        found[name] = calendar
    return found


async def _service_desk_in_words(
    work: Workspace, terms: Terms, calendars: Mapping[str, Calendar]
) -> dict[str, list[str]] | None:
    """What the block says, in the sentences that both parties sign: language to sentences."""
    desk = terms.service_desk
    if desk is None:
        return None
    people = [(await work.users.get(user_id)).name for user_id in desk.assigned_user_ids]
    return in_words(
        desk,
        hours=None if terms.response is None else calendars[terms.response.calendar].title,
        hotline=None if desk.hotline_calendar is None else calendars[desk.hotline_calendar].title,
        people=people,
    )


async def withdraw_contract(work: Workspace, contract: Contract) -> Contract:
    """The locked proposal is a draft again; what was signed of it counts for nothing any more. Raises IllegalStep."""
    status = after(contract.status, Step.WITHDRAW)
    await work.contracts.release_status_pages(contract, keep=())
    return await save(work, contract, status=status, signatures=[])


async def sign_contract(work: Workspace, contract: Contract, consent: SignRequest) -> Contract:
    """Records one party's signature of the locked proposal; the second one makes it signed.

    Raises IllegalStep, SignatureRefused when the hash is of another text or the party has signed already, or NotNow
    while the client may not sign a support level.
    """
    signed = after(contract.status, Step.SIGN)
    assert contract.document is not None
    plan = await work.plans.version(contract.plan.plan_id, contract.plan.number)
    await completeness.check_may_sign(work, contract.client_id, contract.terms.site_ids, plan)
    signatures, complete = _signed(work, contract.terms, contract.document, contract.signatures, consent)
    return await save(work, contract, status=signed if complete else contract.status, signatures=signatures)


def _signed(
    work: Workspace,
    terms: Terms,
    document: DocumentReference,
    signatures: Sequence[RecordedSignature],
    consent: SignRequest,
) -> tuple[list[RecordedSignature], bool]:
    """The signatures with one more, and whether both parties have signed now. Raises SignatureRefused."""
    signatory: Signatory | None = getattr(terms.signatories, consent.party)
    assert signatory is not None  # a contract without signatories is incomplete and was not proposed
    agreement.check_signature(consent.party, consent.document_hash, document.hash, _as_values(signatures))
    signature = RecordedSignature(
        party=consent.party,
        name=signatory.name,
        signed_at=work.now,
        document_hash=consent.document_hash,
        evidence=consent.evidence,
        recorded_by=work.actor,
    )
    together = [*signatures, signature]
    return together, not agreement.missing_signatures(_as_values(together), document.hash)


def _as_values(signatures: Sequence[RecordedSignature]) -> list[Signature]:
    return [signature.as_value() for signature in signatures]


# --- in force --------------------------------------------------------------------------------------------------------


async def activate_contract(work: Workspace, contract: Contract) -> ActivatedContract:
    """The locked contract is in force from this instant; says `contract.activated` with its full effective state.

    Raises IllegalStep, NotBinding when what is stored is not what both parties signed, or NotNow before its first day.
    """
    status = after(contract.status, Step.ACTIVATE)
    document = await binding(work, contract)
    time_zone = _time_zone(document)
    terms = contract.terms
    if agreement.local_date(work.now, time_zone) < terms.starts_on:
        raise NotNow(f"The contract starts on {terms.starts_on}. Activate it on that day ({time_zone}) or later.")
    life = coming.under(await coming.life_of(work, contract), terms, work.now, time_zone, priced=True)
    ends_at = life.ends_at(terms)
    if ends_at is not None and ends_at <= work.now:
        raise NotNow(f"The contract ended on {_last_day(ends_at, time_zone)}. Terminate it, and draft another one.")
    plan = await work.plans.version(contract.plan.plan_id, contract.plan.number)
    await completeness.begin_support(work, contract.client_id, terms.site_ids, plan)
    active = contract.model_copy(update={"status": status, "activated_at": work.now, "ends_at": ends_at})
    await work.life.lives.put(life)
    price = NewPrice(amount=terms.price.amount, currency=terms.price.currency, came_by="agreed")
    entered = await enter(work, active, "activated", work.now, price=price)
    client = await work.clients.get(entered.client_id)
    warnings = await completeness.warnings_of(work, entered.contract_id, client, terms, terms.site_ids, plan)
    return ActivatedContract(**dict(entered), warnings=warnings)


def _last_day(ends_at: datetime, time_zone: str) -> date:
    return agreement.local_date(ends_at - timedelta(microseconds=1), time_zone)


async def binding(work: Workspace, contract: Contract) -> Document:
    """The document of the contract. Raises NotBinding unless it is exactly what both parties signed."""
    assert contract.document is not None
    document = await work.contracts.document(contract.contract_id, contract.document.number)
    agreement.check_binding(document.text, contract.document.hash, _as_values(contract.signatures))
    return document


def _time_zone(document: Document) -> str:
    zone: str = json.loads(document.text)["client"]["time_zone"]
    return zone


async def suspend_contract(work: Workspace, contract: Contract, reason: str) -> Contract:
    """Nothing is owed from this instant until it is resumed; says `contract.suspended`. Raises IllegalStep."""
    status = after(contract.status, Step.SUSPEND)
    return await enter(work, contract.model_copy(update={"status": status}), "suspended", work.now, reason)


async def resume_contract(work: Workspace, contract: Contract) -> Contract:
    """In force again from this instant; says `contract.activated`. Raises IllegalStep."""
    status = after(contract.status, Step.RESUME)
    return await enter(work, contract.model_copy(update={"status": status}), "resumed", work.now)


async def terminate_contract(work: Workspace, contract: Contract, reason: str) -> Contract:
    """Ended for good from this instant; says `contract.terminated`. Raises IllegalStep."""
    return await end(work, contract, after(contract.status, Step.TERMINATE), "terminated", work.now, reason)


async def expire_contract(work: Workspace, contract: Contract) -> Contract:
    """Ended at the end of its last day, whenever that is noticed; says `contract.terminated`. Raises IllegalStep."""
    status = after(contract.status, Step.EXPIRE)
    assert contract.ends_at is not None
    return await end(work, contract, status, "expired", contract.ends_at, None)


async def end(
    work: Workspace, contract: Contract, status: Status, change: Change, at: datetime, reason: str | None
) -> Contract:
    """The locked contract has ended for good at `at`; what was still to come lapses."""
    await work.contracts.release_status_pages(contract, keep=())
    for scheduled in await work.life.amendments.scheduled(contract.contract_id):
        await work.life.amendments.save(scheduled.decided("lapsed", at, None))
    ended = contract.model_copy(update={"status": status, "closed_at": at, "amendment": None})
    return await enter(work, ended, change, at, reason)


@dataclass(frozen=True)
class NewPrice:
    """A price that holds from a state of the contract on, and how it came about."""

    amount: str
    currency: str
    came_by: Literal["agreed", "amended", "revised"]
    revision: Revision | None = None


async def enter(
    work: Workspace,
    contract: Contract,
    change: Change,
    at: datetime,
    reason: str | None = None,
    price: NewPrice | None = None,
) -> Contract:
    """Keeps and tells what the changed contract is from `at` on; without a `price` it costs what it cost."""
    saved = await save(work, contract)
    assert saved.document is not None
    document = await work.contracts.document(saved.contract_id, saved.document.number)
    previous = await work.contracts.newest_state(saved.contract_id)
    if price is not None:
        await work.life.prices.add(
            PriceState(
                contract_id=saved.contract_id,
                client_id=saved.client_id,
                version=saved.version,
                effective_from=at,
                amount=price.amount,
                currency=price.currency,
                came_by=price.came_by,
                revision=price.revision,
            )
        )
    life = await coming.life_of(work, saved)
    agreed = json.loads(document.text)
    content = effective_state(saved, agreed, at, previous, change)
    content |= moving_parts(saved, life, await price_of(work, saved), life.day(at))
    state = ContractState(
        contract_id=saved.contract_id,
        client_id=saved.client_id,
        version=saved.version,
        change=change,
        status=content["status"],
        effective_from=at,
        reason=reason,
        state=content,
    )
    await work.contracts.add_state(state)
    work.announcer.contract_changed(state)
    if change not in ("renewed", "price_revised", "critical_period"):
        await obligations.follow(work, saved, change, at)
    if change == "amended" and saved.status is Status.SUSPENDED:
        await obligations.follow(work, saved, "suspended", at)
    if change == "activated":
        await settlement_schedule.begin(work, saved.contract_id, saved.client_id, at)
    edge_at = next_edge(agreed, at) if saved.status is Status.ACTIVE else None
    await coming.plan(work, saved, life.model_copy(update={"edge_at": edge_at}))
    return saved


async def price_of(work: Workspace, contract: Contract) -> AmountOfMoney:
    """What the contract costs now: what was signed, or what an index has made of it."""
    price = await work.life.prices.newest(contract.contract_id)
    named = contract.terms.price if price is None else price
    return AmountOfMoney(amount=named.amount, currency=named.currency)


def moving_parts(contract: Contract, life: coming.Life, price: AmountOfMoney, on: date) -> dict[str, Any]:
    """What of the effective state moves by what was signed, without another signature: the price, and the term."""
    reading = life.reading(contract.terms, on)
    term = contract.terms.term
    outline = None
    if term is not None and reading is not None:
        outline = {
            "initial_months": term.initial_months,
            "renewal": term.renewal.model_dump(mode="json"),
            "notice_months": term.notice_months,
            "from": reading.current_term.first.isoformat(),
            "to": reading.current_term.end.isoformat(),
            "notice_deadline": reading.notice_deadline.isoformat(),
            "alert_on": reading.alert_on.isoformat(),
        }
    return {"price": {**price.model_dump(), "period": "month"}, "term": outline}


# --- amending --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Proposal:
    """What an amendment says beside the terms: `chosen` names the terms that the caller gave."""

    chosen: Set[str]
    plan_code: str | None
    effective_at: datetime | None


async def propose_amendment(
    work: Workspace, contract: Contract, terms: Terms, proposal: Proposal, base: Contract | None = None
) -> Contract:
    """Proposes other terms for the locked contract, for both parties to sign; what is in force stays until then.

    `base` is the contract as it will be when the amendment begins, where others come before it. With another plan its
    commitments stand in for the terms that the caller did not choose. Raises IllegalStep, NotNow while another
    amendment waits, Incomplete, and else as `draft_contract`.
    """
    after(contract.status, Step.AMEND)
    base = contract if base is None else base
    if contract.amendment is not None:
        raise NotNow("Another amendment waits for its signatures. Withdraw it, or apply it first.")
    plan = in_force = await work.plans.version(base.plan.plan_id, base.plan.number)
    if proposal.plan_code is not None:
        named = await work.plans.by_code(proposal.plan_code)
        if named is None:
            raise Refused(f"There is no plan {proposal.plan_code}. GET /v1/plans lists the plans.", "plan_code")
        plan = named.current
        terms = completed(plan, terms, proposal.chosen)
    if terms.starts_on != base.terms.starts_on:
        raise Refused("cannot change any more: the contract has begun", "starts_on")
    _check_addresses_stay(base.terms, terms)
    await _check_terms(work, contract.client_id, terms, plan)
    price = await work.life.prices.newest(contract.contract_id)
    restates_price = "price" in proposal.chosen
    _check_indexation(base.terms, terms, proposal.chosen, revised=price is not None and price.revision is not None)
    deliverables = _shown(_promised(plan, terms))
    amended = base.model_copy(update={"plan": _named(plan), "terms": terms, "deliverables": deliverables})
    at = proposal.effective_at
    by_then = base.terms.price != contract.terms.price
    paid = terms.price if restates_price or by_then or price is None else price
    says: dict[str, JsonValue] = {
        "effective_at": None if at is None else instant_text(at),
        # With an index it is not what the terms name, which is what the index is applied to.
        "price_in_force": {"amount": paid.amount, "currency": paid.currency, "period": "month"},
    }
    amendment = Amendment(
        plan=amended.plan,
        terms=terms,
        deliverables=deliverables,
        document=await _fix(work, amended, in_force, says),
        signatures=[],
        effective_at=at,
        restates_price=restates_price,
    )
    return await save(work, contract, amendment=amendment)


def _check_indexation(before: Terms, terms: Terms, chosen: Set[str], *, revised: bool) -> None:
    """Whether a new price says which value of the index it belongs to. Raises Refused."""
    if revised and "price" in chosen and "indexation" not in chosen and terms.indexation is not None:
        raise Refused(
            f"The price has been revised since {before.price.amount} was signed. Say with the new price from which"
            " value of the index it goes on, or null for no indexation.",
            "indexation",
            "base_value",
        )


def waiting_amendment(contract: Contract) -> Amendment:
    """The amendment that waits for its signatures. Raises IllegalStep, or NotNow when none does."""
    after(contract.status, Step.AMEND)
    if contract.amendment is None:
        raise NotNow("No amendment waits. Propose one first.")
    return contract.amendment


async def withdraw_amendment(work: Workspace, contract: Contract) -> Contract:
    """The locked contract stays as it is in force. Raises IllegalStep, or NotNow when no amendment waits."""
    waiting_amendment(contract)
    withdrawn = contract.model_copy(update={"amendment": None})
    await release_unused_addresses(work, withdrawn)
    return await save(work, withdrawn)


async def release_unused_addresses(work: Workspace, contract: Contract) -> None:
    """Gives back the addresses of pages that the contract shows neither now nor by any amendment that may come."""
    amendments = [each.amendment for each in await work.life.amendments.scheduled(contract.contract_id)]
    if contract.amendment is not None:
        amendments.append(contract.amendment)
    shown = [contract.terms, *(amendment.terms for amendment in amendments)]
    await work.contracts.release_status_pages(contract, keep={page.slug for terms in shown for page in terms.pages})


async def sign_amendment(work: Workspace, contract: Contract, consent: SignRequest) -> Contract:
    """Records one party's signature of the amendment. Raises IllegalStep, NotNow or SignatureRefused."""
    waiting = waiting_amendment(contract)
    in_force = await work.plans.version(contract.plan.plan_id, contract.plan.number)
    plan = await work.plans.version(waiting.plan.plan_id, waiting.plan.number)
    await completeness.check_may_sign(work, contract.client_id, waiting.terms.site_ids, plan, in_force)
    signatures, _ = _signed(work, waiting.terms, waiting.document, waiting.signatures, consent)
    return await save(work, contract, amendment=waiting.model_copy(update={"signatures": signatures}))


async def apply_amendment(work: Workspace, contract: Contract) -> Contract:
    """The amendment is in force from this instant; says `contract.amended`.

    Raises IllegalStep, NotNow when none waits, or NotBinding.
    """
    waiting = waiting_amendment(contract)
    return await put_in_force(work, contract.model_copy(update={"amendment": None}), waiting, work.now)


async def put_in_force(work: Workspace, contract: Contract, amendment: Amendment, at: datetime) -> Contract:
    """The locked contract with an amendment from `at` on; says `contract.amended`. Raises NotNow or NotBinding."""
    amended = with_amendment(contract, amendment)
    time_zone = _time_zone(await binding(work, amended))
    life = await coming.life_of(work, contract)
    life = coming.under(life, amended.terms, at, time_zone, priced=reprices(contract, amendment))
    ends_at = life.ends_at(amended.terms)
    if ends_at is not None and ends_at <= at:
        raise NotNow(f"By the amendment the contract ended on {_last_day(ends_at, time_zone)}. Withdraw it.")
    await work.life.lives.put(life)
    await release_unused_addresses(work, amended)
    terms = amended.terms
    price = NewPrice(amount=terms.price.amount, currency=terms.price.currency, came_by="amended")
    return await enter(
        work,
        amended.model_copy(update={"ends_at": ends_at}),
        "amended",
        at,
        price=price if amendment.restates_price else None,
    )


def reprices(contract: Contract, amendment: Amendment) -> bool:
    """Whether an amendment of the contract names the price anew, or the index that it follows."""
    return amendment.restates_price or amendment.terms.indexation != contract.terms.indexation


def with_amendment(contract: Contract, amendment: Amendment) -> Contract:
    """The contract under the terms of an amendment."""
    changed = ("plan", "terms", "deliverables", "document", "signatures")
    return contract.model_copy(update={name: getattr(amendment, name) for name in changed})


_AGREED = (
    "contract_id",
    "number",
    "starts_on",
    "ends_on",
    "agency",
    "client",
    "contacts",
    "sites",
    "deliverables",
    "monitoring",
    "response",
    "uptime",
    "calendars",
    "alerts",
    "status_page",
    "reports",
)


def effective_state(
    contract: Contract, document: Mapping[str, Any], at: datetime, previous_version: int | None, change: Change
) -> dict[str, Any]:
    """What the other services need to keep the contract: what was signed, and where the contract stands.

    `moving_parts` are laid over it.
    """
    assert contract.document is not None
    plan = document["plan"]
    state = {
        **{key: document[key] for key in _AGREED},
        **published_blocks(document),
        "change": change,
        # What was proposed before there was such a block says nothing of it.
        "site_pages": document.get("site_pages", []),
        "service_desk": document.get("service_desk"),
        "hours": document.get("hours"),
        "version": contract.version,
        "previous_version": previous_version,
        "status": contract.status.value,
        "effective_from": at.isoformat(),
        "plan": {key: plan[key] for key in ("plan_id", "code", "name", "priority")},
        "signature": {
            "version_hash": contract.document.hash,
            "signed_at": max(signature.signed_at for signature in contract.signatures).isoformat(),
            "signatories": [
                {"party": item.party, "name": item.name, "signed_at": item.signed_at.isoformat()}
                for item in contract.signatures
            ],
        },
    }
    return in_force(state, document, at)


async def save(work: Workspace, contract: Contract, **changes: Any) -> Contract:
    """The locked contract with changes and its next version."""
    changed = contract.model_copy(update={**changes, "version": contract.version + 1, "updated_at": work.now})
    saved = changed.model_copy(update={"allowed_steps": allowed_steps(changed.status)})
    await work.contracts.save(saved)
    return saved
