"""The register of breaches follows what clocks and items told: a miss is entered, one that was taken back withdrawn.

It is put right after every fact from all that is known of the item, so that the order of telling does not matter. What
the parties decided about a breach stays with it.
"""

from uuid import UUID

from contracts.application import facts as known
from contracts.application import obligations
from contracts.application.obligations import ClockMetric
from contracts.application.ports import Workspace
from contracts.application.register_words import named
from contracts.domain.verdicts import Verdict

PROVIDERS: dict[str, ClockMetric] = {
    "response": "response",
    "mitigation": "mitigation",
    "repair": "repair",
    "next_reply": "next_reply",
    "post_mortem": "post_mortem",
}
"""What the provider can miss. The time for acceptance is the client's own."""


async def follow(work: Workspace, contract_id: UUID, item_id: UUID) -> None:
    """Puts the register right for the clocks of one item. Raises Unknown for a contract that is not there."""
    there = {(each.clock_id, each.clock_count): each for each in await work.registers.breaches.of_clocks(item_id)}
    found = await known.verdicts_of_item(work, item_id)
    missed: dict[tuple[UUID | None, int | None], Verdict] = {
        (each.clock_id, each.count): each for each in found if each.missed and each.metric in PROVIDERS
    }
    for key, verdict in missed.items():
        breach = there.get(key)
        if breach is None:
            await _enter(work, contract_id, verdict)
        elif (breach.status, breach.since) != ("open", verdict.at):
            await obligations.change_breach(work, breach, status="open", since=verdict.at, ended_at=None)
    for key, breach in there.items():
        if key not in missed and breach.status != "withdrawn":
            await obligations.change_breach(work, breach, status="withdrawn", ended_at=work.now)


async def _enter(work: Workspace, contract_id: UUID, verdict: Verdict) -> None:
    contract = await work.contracts.get(contract_id)
    kind = PROVIDERS[verdict.metric]
    values = {
        "contract_id": contract_id,
        "clock_id": verdict.clock_id,
        "clock_count": verdict.count,
        "work_item_id": verdict.item_id,
        "kind": kind,
        "title": named(kind).model_dump(),
        "party": "provider",
        "since": verdict.at,
    }
    await obligations.add_breach(work, contract.client_id, values)
