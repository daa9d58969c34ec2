"""Whether a contract may be proposed, signed and put in force: what is missing, what is in the way, what to warn of.

A plan says what its contracts require. What a contract holds must be whole, whether or not it was required.
"""

from collections.abc import Iterable, Iterator, Sequence, Set
from typing import Any
from uuid import UUID

from pydantic import BaseModel, Field

from contracts.application.assessments import Assessment, cautions, is_contact
from contracts.application.catalogue import PlanVersion
from contracts.application.clients import Client
from contracts.application.continuity import ReversibilityItem
from contracts.application.deliverables import PlanDeliverable
from contracts.application.engagements import Engagement, begin_phase
from contracts.application.errors import NotNow
from contracts.application.further_terms import FurtherTerms, Requirement
from contracts.application.intake_audits import COMPLETE, completeness_of
from contracts.application.legal import Legal
from contracts.application.offer import Offer
from contracts.application.onboarding import PARTS
from contracts.application.ports import Workspace
from contracts.application.prerequisites import Prerequisite, PrerequisiteRecord, PrerequisiteState
from contracts.application.responsibilities import Responsibilities
from contracts.application.risks import ContractRisk
from contracts.application.scope import Scope
from contracts.domain import engagement as phases
from contracts.domain import entitlements
from contracts.domain.agreement import Missing, local_date
from contracts.domain.prerequisites import standing
from contracts.domain.responsibilities import unowned

_PARTS_IN_WORDS = {
    "scope": "the scope",
    "responsibilities": "the responsibilities",
    "service_levels": "the service levels",
}
_BLOCKS_IN_WORDS: dict[str, str] = {
    "onboarding": "Clarify the support model with the client: scope, responsibilities, service levels.",
    "scope": "Say what is in scope, and what explicitly is not.",
    "offer": "Say when, how and by whom the client is served, and which kinds of maintenance are done.",
    "commercial": "Say how it is billed and paid.",
    "responsibilities": "Say who decides and who executes.",
    "actors": "Say who has a part: business users, IT, support.",
    "resources": "Say which people and which infrastructure are made available.",
    "risks": "Write the risk register.",
    "prerequisites": "Say what must be there; an empty list if nothing must.",
    "continuity": "Give continuity objectives: RPO and RTO.",
    "reversibility": "Say what is handed over at the end.",
    "data_protection": "Say which data there are, and whether they are personal.",
    "legal": "Name the clauses and the law.",
}
_MAY_BE_EMPTY = frozenset({"prerequisites"})


class MissingChoice(BaseModel):
    """One choice that is missing: `pointer` leads to the value to set."""

    pointer: str
    detail: str


class ContractWarning(BaseModel):
    """Something that keeps nobody from signing and that both should know."""

    code: str
    pointer: str
    detail: str


class Readiness(BaseModel):
    """Everything that keeps a contract from being proposed, all at once, and what to warn of."""

    missing: list[MissingChoice] = Field(max_length=1000)
    warnings: list[ContractWarning] = Field(max_length=1000)


# --- what a contract must hold ---------------------------------------------------------------------------------------


def missing_blocks(
    terms: FurtherTerms, requires: Set[Requirement], deliverables: Iterable[PlanDeliverable]
) -> list[Missing]:
    """Every required block that is not there, and everything that the blocks which are there still lack."""
    missing = [
        Missing(f"/terms/{name}", words)
        for name, words in _BLOCKS_IN_WORDS.items()
        if name in requires and _is_absent(terms, name)
    ]
    promised = list(deliverables)
    if "response" in requires and not any(item.type == entitlements.RESPONSE for item in promised):
        missing.append(Missing("/terms/response", "Agree on response times: give a response commitment."))
    missing.extend(_inside(terms, promised))
    missing.extend(_without_address(terms, promised))
    return missing


def _is_absent(terms: FurtherTerms, name: str) -> bool:
    block = getattr(terms, name)
    return block is None or (block == [] and name not in _MAY_BE_EMPTY)


def _inside(terms: FurtherTerms, deliverables: Iterable[PlanDeliverable]) -> Iterator[Missing]:
    if terms.onboarding is not None:
        for part in PARTS:
            if getattr(terms.onboarding, part) is None:
                yield Missing(f"/terms/onboarding/{part}", f"Clarify {_PARTS_IN_WORDS[part]} with the client.")
    if terms.scope is not None:
        yield from _scope(terms.scope)
    if terms.offer is not None:
        yield from _offer(terms.offer, deliverables)
    if terms.commercial is not None and not terms.commercial.billing:
        yield Missing("/terms/commercial/billing", "Choose how it is billed.")
    if terms.responsibilities is not None:
        yield from _responsibilities(terms.responsibilities)
    yield from _not_said("risks", terms.risks or (), owner="Say who answers for it", residual_level="Say what is left")
    yield from _not_said(
        "reversibility", terms.reversibility or (), responsible="Say who does it", days_after_end="Say by when"
    )
    data = terms.data_protection
    if data is not None and data.personal_data and data.annex is None:
        yield Missing(
            "/terms/data_protection/annex", "Personal data are processed: article 28 of the GDPR asks for the annex."
        )


def _not_said(block: str, items: Iterable[ContractRisk | ReversibilityItem], **wanted: str) -> Iterator[Missing]:
    for position, item in enumerate(items):
        for field, words in wanted.items():
            if getattr(item, field) is None:
                yield Missing(f"/terms/{block}/{position}/{field}", f"{words}: {item.name.en}.")


_LOOKED_AT = {
    "watched_pages": ("pages", "watched_pages/pages"),
    "export_check": ("exports", "exports"),
    "data_quality_check": ("rules", "data_quality"),
}
"""Deliverables that look at paths of a site: where they stand among the parameters, and in the block of the sector."""


def _without_address(terms: FurtherTerms, deliverables: Iterable[PlanDeliverable]) -> Iterator[Missing]:
    of_the_sector = set() if terms.sector is None else {each.code for each in terms.sector.deliverables()}
    for item in deliverables:
        key, in_sector = _LOOKED_AT.get(item.type, ("", ""))
        place = f"sector/{in_sector}" if item.code in of_the_sector else f"deliverable_parameters/{item.code}/{key}"
        entries: Any = item.parameters.get(key, [])
        for position, entry in enumerate(entries):
            if entry["path"] is None:
                name = entry["name"] if isinstance(entry["name"], str) else entry["name"]["en"]
                yield Missing(f"/terms/{place}/{position}/path", f"Say where it is on the client's site: {name}.")


def _responsibilities(matrix: Responsibilities) -> Iterator[Missing]:
    if not matrix.activities:
        yield Missing("/terms/responsibilities/activities", "Name the activities.")
    for position, gap in unowned([activity.as_value() for activity in matrix.activities]):
        name = matrix.activities[position].name.en
        yield Missing(f"/terms/responsibilities/activities/{position}/{gap}", f"Say who {gap}: {name}.")


def _scope(scope: Scope) -> Iterator[Missing]:
    if not scope.of("in"):
        yield Missing("/terms/scope/categories", "Say what is in scope: name at least one category that is.")
    if not scope.of("out"):
        yield Missing("/terms/scope/categories", "Say what is excluded: name at least one category that is out.")


def _offer(offer: Offer, deliverables: Iterable[PlanDeliverable]) -> Iterator[Missing]:
    for field, words in (
        ("maintenance_types", "Choose the kinds of maintenance."),
        ("intervention_modes", "Choose how work is done: remote, on site, or both."),
        ("coverage_calendar", "Say when the client is served: name a calendar."),
        ("channels", "Say how requests are taken."),
        ("team", "Say who works for the client."),
    ):
        if not getattr(offer, field):
            yield Missing(f"/terms/offer/{field}", words)
    if "on_site" in offer.intervention_modes and offer.on_site_needs is None:
        yield Missing("/terms/offer/on_site_needs", "Work on site is defined beforehand: say what it is needed for.")
    if offer.maintenance_types:
        promised = {item.maintenance_type: item for item in deliverables}
        for kind in sorted(set(promised) - set(offer.maintenance_types)):
            yield Missing(
                "/terms/offer/maintenance_types",
                f"{promised[kind].name.en} is promised, which is {kind}: choose that kind of maintenance as well.",
            )


# --- what must be so beside it ---------------------------------------------------------------------------------------


async def missing_beside(
    work: Workspace,
    client: Client,
    terms: FurtherTerms,
    site_ids: Sequence[UUID],
    plan: PlanVersion,
    in_force: PlanVersion | None,
) -> list[Missing]:
    """What a contract needs that does not stand in its terms: an assessment, a library, the parties' data.

    `in_force` is the plan that an amendment changes, None for a contract that is not in force yet.
    """
    missing: list[Missing] = []
    if _is_assessed(plan, in_force):
        assessment = await newest_assessment(work, client.client_id, site_ids)
        missing.extend(_obstacles(client, assessment, await _engagements(work, client.client_id, site_ids)))
        if assessment is not None and assessment.data_are_sensitive and terms.data_protection is None:
            missing.append(
                Missing("/terms/data_protection", "The data are sensitive or regulated: say which data there are.")
            )
    if terms.legal is not None:
        missing.extend(await _unusable_documents(work, client, terms.legal))
    if "legal" in plan.requires:
        for pointer, client_id in (("/agency/party", None), ("/client/party", client.client_id)):
            if await work.signing.parties.of(client_id) is None:
                missing.append(Missing(pointer, "Say who this party is in law."))
    return missing


def _is_assessed(plan: PlanVersion, in_force: PlanVersion | None) -> bool:
    """Whether the gate is for this: a client who has such support already is no prospect of it any more."""
    return "eligibility" in plan.requires and (in_force is None or "eligibility" not in in_force.requires)


async def newest_assessment(work: Workspace, client_id: UUID, site_ids: Iterable[UUID]) -> Assessment | None:
    """The newest questionnaire about all of these sites."""
    wanted = list(site_ids)
    found = await work.signing.assessments.of_client(client_id)
    return next((assessment for assessment in found if assessment.concerns(wanted)), None)


async def _engagements(work: Workspace, client_id: UUID, site_ids: Iterable[UUID]) -> list[Engagement]:
    wanted = list(site_ids)
    return [item for item in await work.signing.engagements.of_client(client_id) if item.concerns(wanted)]


def _obstacles(client: Client, assessment: Assessment | None, engagements: Iterable[Engagement]) -> Iterator[Missing]:
    known = list(engagements)
    for engagement in known:
        if engagement.diagnostic_is_open:
            yield Missing("/engagements", f"The diagnostic of {engagement.title} is open: complete it first.")
    if assessment is None:
        yield Missing("/assessment", "Assess whether the client is a fit for support: answer the questionnaire.")
        return
    owner = assessment.business_owner_contact_id
    if owner is None or not is_contact(client, owner):
        yield Missing("/assessment/business_owner_contact_id", "Nobody answers for the system: name a business owner.")
    elif assessment.verdict == "not_fit":
        yield Missing("/assessment/verdict", "By its answers the client is not a fit for support.")
    diagnosed = any(phases.diagnosed_since(item.values(), assessment.assessed_at) for item in known)
    if assessment.needs_diagnostic and not diagnosed:
        yield Missing("/assessment/needs_diagnostic", "A diagnostic comes first: plan it and complete it.")


async def _unusable_documents(work: Workspace, client: Client, legal: Legal) -> list[Missing]:
    today = local_date(work.now, client.time_zone)
    missing: list[Missing] = []
    for field, codes in (("clauses", legal.clauses), ("controlled_documents", legal.controlled_documents)):
        for position, code in enumerate(codes):
            pointer = f"/terms/legal/{field}/{position}"
            document = await work.signing.documents.by_code(code)
            if document is None or (document.kind == "clause") != (field == "clauses"):
                noun = "clause" if field == "clauses" else "controlled document"
                missing.append(Missing(pointer, f"There is no {noun} {code}. Put it under control first."))
            elif document.in_force(today) is None:
                asked = "in force" if document.kind == "clause" else "approved and in force"
                missing.append(Missing(pointer, f"No version of {code} is {asked} today."))
    return missing


# --- signing and activating ------------------------------------------------------------------------------------------


async def check_may_sign(
    work: Workspace,
    client_id: UUID,
    site_ids: Sequence[UUID],
    plan: PlanVersion,
    in_force: PlanVersion | None = None,
) -> None:
    """Raises NotNow while the client may not sign a support level: not assessed, not a fit, or a diagnostic is open."""
    if not _is_assessed(plan, in_force):
        return
    # Locked, so that no diagnostic is opened at the same time.
    client = await work.clients.locked(client_id)
    assessment = await newest_assessment(work, client_id, site_ids)
    obstacles = list(_obstacles(client, assessment, await _engagements(work, client_id, site_ids)))
    if obstacles:
        raise NotNow(" ".join(obstacle.detail for obstacle in obstacles))


async def begin_support(work: Workspace, client_id: UUID, site_ids: Sequence[UUID], plan: PlanVersion) -> None:
    """Support begins in every engagement that leads to it. Raises NotNow while an earlier phase is not completed."""
    if plan.support_level is None:
        return
    for engagement in await _engagements(work, client_id, site_ids):
        support = next((phase for phase in engagement.phases if phase.kind == "support"), None)
        if engagement.status == "closed" or support is None:
            continue
        waiting = phases.waits_before_support(engagement.values())
        if waiting:
            kinds = ", ".join(dict.fromkeys(phase.kind for phase in waiting))
            raise NotNow(f"Support begins after the phases of {engagement.title}; still to be completed: {kinds}.")
        if support.state == "planned":
            locked = await work.signing.engagements.locked(engagement.engagement_id)
            await begin_phase(work, locked, support.number)


async def warnings_of(
    work: Workspace,
    contract_id: UUID,
    client: Client,
    terms: FurtherTerms,
    site_ids: Sequence[UUID],
    plan: PlanVersion,
) -> list[ContractWarning]:
    """What keeps nobody from signing and that both should know."""
    found: list[ContractWarning] = []
    for index, percent in enumerate(await completeness_of(work, site_ids)):
        if percent != COMPLETE:
            found.append(
                ContractWarning(
                    code="intake_audit_incomplete",
                    pointer=f"#/terms/site_ids/{index}",
                    detail=f"The intake audit of this site is complete to {percent} %.",
                )
            )
    assessment = await newest_assessment(work, client.client_id, site_ids)
    if assessment is not None and plan.support_level is not None:
        for caution in cautions(assessment.asset, plan.support_level):
            found.append(ContractWarning(code=caution.code, pointer="#/plan", detail=caution.text["en"]))
    if terms.legal is not None:
        today = local_date(work.now, client.time_zone)
        for index, code in enumerate(terms.legal.clauses):
            document = await work.signing.documents.by_code(code)
            version = None if document is None else document.in_force(today)
            if version is not None and version.approval is None:
                found.append(
                    ContractWarning(
                        code="clause_not_reviewed",
                        pointer=f"#/terms/legal/clauses/{index}",
                        detail=f"Nobody has reviewed version {version.number} of the clause {code}.",
                    )
                )
    for index, state in enumerate(await prerequisite_states(work, contract_id, terms.prerequisites or [])):
        if state.standing == "gap":
            found.append(
                ContractWarning(
                    code="prerequisite_gap",
                    pointer=f"#/terms/prerequisites/{index}",
                    detail=f"{state.name.en}: expected {state.expected}, found {state.effective}.",
                )
            )
    return found


async def prerequisite_states(
    work: Workspace, contract_id: UUID, prerequisites: Sequence[Prerequisite]
) -> list[PrerequisiteState]:
    """The prerequisites of a contract with what is known of them by now."""
    known = {record.code: record for record in await work.signing.prerequisites.of_contract(contract_id)}
    return [state_of(item, known.get(item.code)) for item in prerequisites]


def state_of(prerequisite: Prerequisite, record: PrerequisiteRecord | None) -> PrerequisiteState:
    """A prerequisite with its three states."""
    effective = None if record is None else record.effective
    return PrerequisiteState(
        **prerequisite.model_dump(include={"code", "name", "expected"}),
        communicated=None if record is None else record.communicated,
        effective=effective,
        standing=standing(prerequisite.expected, effective),
        version=0 if record is None else record.version,
        recorded_by=None if record is None else record.recorded_by,
        recorded_at=None if record is None else record.recorded_at,
    )
