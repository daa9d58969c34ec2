"""What becomes known of a contract's blocks after they were agreed: prerequisites, backups, and answers from them."""

from collections.abc import Sequence
from datetime import timedelta
from uuid import UUID

from contracts.application.completeness import prerequisite_states, state_of
from contracts.application.continuity import (
    BackupProof,
    ContinuityObjective,
    ContinuityStanding,
    NewBackupProof,
    ObjectiveStanding,
    length_of,
)
from contracts.application.contracts import Contract
from contracts.application.errors import NotNow, Refused, Unknown
from contracts.application.facts import RestoreVerified
from contracts.application.ports import Workspace
from contracts.application.prerequisites import PrerequisiteFacts, PrerequisiteRecord, PrerequisiteState
from contracts.application.responsibilities import Route, route
from contracts.application.scope import ScopeAnswer, ScopeQuestion
from contracts.domain import continuity as rules
from contracts.domain.scope import classify, consumes_included_hours
from shared.values import duration_text


def classified(contract: Contract, question: ScopeQuestion) -> ScopeAnswer:
    """Where a request stands by the contract's scope. Raises NotNow when the contract has none."""
    if contract.terms.scope is None:
        raise NotNow("This contract has no scope. Agree on one: it is a block of its terms.")
    categories = [category.as_value() for category in contract.terms.scope.categories]
    found = classify(categories, question.category, question.estimated_minutes)
    consumes = consumes_included_hours(found.verdict, question.approved)
    return ScopeAnswer(
        verdict=found.verdict, why=found.why, consumes_included_hours=consumes, approval_required=not consumes
    )


def routed(contract: Contract, area: str) -> Route:
    """Who of the contract's actors is asked about an area, one after the other."""
    return route(contract.terms.actors or [], area)


async def prerequisites_of(work: Workspace, contract: Contract) -> list[PrerequisiteState]:
    """The contract's prerequisites with their three states."""
    return await prerequisite_states(work, contract.contract_id, contract.terms.prerequisites or [])


async def prerequisite_of(work: Workspace, contract: Contract, code: str) -> PrerequisiteState:
    """One of them. Raises Unknown."""
    for state in await prerequisites_of(work, contract):
        if state.code == code:
            return state
    raise Unknown("prerequisite of this contract", code)


async def record_prerequisite(
    work: Workspace, contract: Contract, known: PrerequisiteState, facts: PrerequisiteFacts
) -> PrerequisiteState:
    """What is known by now of a prerequisite of the locked contract."""
    record = PrerequisiteRecord(
        contract_id=contract.contract_id,
        client_id=contract.client_id,
        code=known.code,
        version=known.version + 1,
        communicated=facts.communicated,
        effective=facts.effective,
        recorded_by=work.actor,
        recorded_at=work.now,
    )
    await work.signing.prerequisites.put(record)
    return state_of(known, record)


async def record_backup(work: Workspace, contract: Contract, new: NewBackupProof) -> BackupProof:
    """Keeps what showed that there is a backup. Raises Refused for another site, or for a backup of the future."""
    if new.site_id is not None and new.site_id not in contract.terms.site_ids:
        raise Refused("is no site under this contract", "site_id")
    if new.saved_at > work.now:
        raise Refused("is in the future: nothing has been saved then", "saved_at")
    proof = BackupProof(
        **new.model_dump(),
        backup_proof_id=work.new_id(),
        contract_id=contract.contract_id,
        client_id=contract.client_id,
        recorded_by=work.actor,
        recorded_at=work.now,
    )
    await work.signing.backup_proofs.add(proof)
    return proof


async def follow_restore(work: Workspace, told: RestoreVerified, event_id: UUID) -> None:
    """A restore that succeeded is a proof of the backup that it was made from, with the event as its id.

    Raises Unknown for a contract that is not there.
    """
    if told.result != "succeeded" or told.backup_taken_at is None:
        return
    contract = await work.contracts.get(told.contract_id)
    sites = [await work.sites.get(site_id) for site_id in contract.terms.site_ids]
    places = {each.environment_id: site.site_id for site in sites for each in site.environments}
    where = None if told.environment_id is None else places.get(told.environment_id)
    if told.environment_id is not None and where is None:
        return  # of something that is not under the contract any more
    proof = BackupProof(
        site_id=where,
        saved_at=told.backup_taken_at,
        restore_took=duration_text(timedelta(seconds=told.duration_seconds)),
        evidence=told.evidence_url or told.evidence_sha256 or f"event {event_id}",
        backup_proof_id=event_id,
        contract_id=contract.contract_id,
        client_id=contract.client_id,
        recorded_by="probes",
        recorded_at=work.now,
    )
    await work.signing.backup_proofs.add(proof)


async def continuity_of(work: Workspace, contract: Contract) -> ContinuityStanding:
    """Each site's objective against the newest proof that there is."""
    found: list[ObjectiveStanding] = []
    for site_id in contract.terms.site_ids:
        objective = objective_of(contract.terms.continuity or [], site_id)
        if objective is None:
            continue
        saved = await work.signing.backup_proofs.newest_saved(contract.contract_id, site_id)
        restored = await work.signing.backup_proofs.newest_restored(contract.contract_id, site_id)
        took = None if restored is None else restored.restore_took
        saved_at = None if saved is None else saved.saved_at
        found.append(
            ObjectiveStanding(
                site_id=site_id,
                rpo=objective.rpo,
                rto=objective.rto,
                saved_at=saved_at,
                restore_took=took,
                rpo_standing=rules.backup_standing(length_of(objective.rpo), saved_at, work.now),
                rto_standing=rules.restore_standing(
                    length_of(objective.rto), None if took is None else length_of(took)
                ),
            )
        )
    return ContinuityStanding(as_of=work.now, data=found)


def objective_of(objectives: Sequence[ContinuityObjective], site_id: UUID) -> ContinuityObjective | None:
    """The objective of a site: its own, else the one of all sites."""
    own = next((objective for objective in objectives if objective.site_id == site_id), None)
    return own or next((objective for objective in objectives if objective.site_id is None), None)
