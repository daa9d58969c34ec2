"""Rights to terminate that a pattern of misses opens: each with the day on which it lapses, used once or not at all."""

from collections.abc import Sequence
from typing import TYPE_CHECKING
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from contracts.application.contracts import Contract, terminate_contract
from contracts.application.errors import NotNow
from contracts.application.ports import Workspace
from contracts.application.settlement_terms import RightToTerminate
from contracts.application.terms_in_force import EARLIEST, terms_in_force
from contracts.application.values import Reason, Request
from contracts.domain import agreement
from contracts.domain.termination_right import termination_rights
from shared.values import Instant, LocalDate

if TYPE_CHECKING:
    from contracts.application.settling import SettlementRecord


class ExerciseRequest(Request):
    """That the client leaves, and how he said so."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"evidence": "Registered letter of 3 August"}]}
    )

    evidence: Reason | None = Field(
        default=None, description="How the client said so; required when the agency enters it."
    )


class TerminationRight(BaseModel):
    """A right to terminate, usable from `opened_on` until the day before `lapses_on`."""

    termination_right_id: UUID
    version: int = Field(ge=1)
    contract_id: UUID
    client_id: UUID
    right_code: str = Field(description="Of the rule in the contract's terms that opened it.")
    commitment: str
    opened_on: LocalDate = Field(description="When the miss that opened it was certain.")
    lapses_on: LocalDate = Field(
        description="The first day on which it cannot be used; its days run from the closing of `settlement_id`."
    )
    because: list[str] = Field(max_length=1000, description="Ids of the misses that opened it.")
    settlement_id: UUID = Field(description="The settlement with which it was found.")
    exercised_at: Instant | None
    exercised_by: str | None
    evidence: str | None
    created_at: Instant
    updated_at: Instant


async def open_rights(work: Workspace, record: "SettlementRecord", rules: Sequence[RightToTerminate]) -> None:
    """Keeps every right that the closed settlements of the contract open by these rules and that is not there yet.

    Its days run from today, on which the settlement that shows it is closed.
    """
    today = agreement.local_date(work.now, record.content.period.time_zone)
    known = {
        (right.right_code, right.opened_on) for right in await work.settlements.rights.of_contract(record.contract_id)
    }
    for rule in rules:
        verdicts = await work.settlements.facts.verdicts(record.contract_id, rule.commitment)
        for found in termination_rights(rule.as_value(), verdicts, today):
            if (rule.right_code, found.opened_on) in known:
                continue
            await work.settlements.rights.add(
                TerminationRight(
                    termination_right_id=work.new_id(),
                    version=1,
                    contract_id=record.contract_id,
                    client_id=record.client_id,
                    right_code=rule.right_code,
                    commitment=rule.commitment,
                    opened_on=found.opened_on,
                    lapses_on=found.lapses_on,
                    because=list(found.because),
                    settlement_id=record.settlement_id,
                    exercised_at=None,
                    exercised_by=None,
                    evidence=None,
                    created_at=work.now,
                    updated_at=work.now,
                )
            )


async def _still_open(work: Workspace, right: TerminationRight, record: "SettlementRecord") -> bool:
    """Whether the closed settlements, as they stand now, open the right still, by the rule that opened it."""
    agreed = (await terms_in_force(work, right.contract_id, EARLIEST, record.ends_at))[-1].terms.termination_rights
    rule = next((each for each in agreed or () if each.right_code == right.right_code), None)
    if rule is None:
        return False
    verdicts = await work.settlements.facts.verdicts(right.contract_id, rule.commitment)
    found = termination_rights(rule.as_value(), verdicts, right.opened_on)
    return any(each.opened_on == right.opened_on for each in found)


async def exercise(
    work: Workspace, right: TerminationRight, contract: Contract, record: "SettlementRecord", evidence: str | None
) -> TerminationRight:
    """The client uses the locked right: the locked contract ends now, without any compensation.

    :param record: the settlement with which the right was found.

    Raises NotNow when it was used, is not usable today, or a correction took back what opened it; IllegalStep when the
    contract has ended.
    """
    if right.exercised_at is not None:
        raise NotNow("This right was used already.")
    today = agreement.local_date(work.now, record.content.period.time_zone)
    if not right.opened_on <= today < right.lapses_on:
        raise NotNow(f"This right could be used from {right.opened_on} until the day before {right.lapses_on}.")
    if not await _still_open(work, right, record):
        raise NotNow("A settlement was corrected since: the misses that opened this right are fewer than it takes.")
    await terminate_contract(work, contract, f"The client used the right {right.right_code} of {right.opened_on}.")
    saved = right.model_copy(
        update={
            "exercised_at": work.now,
            "exercised_by": work.actor,
            "evidence": evidence,
            "version": right.version + 1,
            "updated_at": work.now,
        }
    )
    await work.settlements.rights.save(saved)
    return saved
