"""The register of breaches follows what clocks and items told: a miss is entered, ends when its clock stops, and is
withdrawn when it was taken back.

It is put right after every fact from all that is known of the item, so that the order of telling does not matter. What
the parties decided about a breach stays with it.
"""

from uuid import UUID

from contracts.application import facts as known
from contracts.application import obligations
from contracts.application.obligations import BreachStatus, ClockMetric
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
        status: BreachStatus = "open" if verdict.stopped_at is None else "ended"
        if breach is None:
            await _enter(work, contract_id, verdict, status)
        elif (breach.status, breach.since, breach.ended_at) != (status, verdict.at, verdict.stopped_at):
            await obligations.change_breach(work, breach, status=status, since=verdict.at, ended_at=verdict.stopped_at)
    for key, breach in there.items():
        if key not in missed and breach.status != "withdrawn":
            await obligations.change_breach(work, breach, status="withdrawn", ended_at=work.now)


async def _enter(work: Workspace, contract_id: UUID, verdict: Verdict, status: BreachStatus) -> None:
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
        "status": status,
        "since": verdict.at,
        "ended_at": verdict.stopped_at,
    }
    await obligations.add_breach(work, contract.client_id, values)
