"""Closing an item: what its records and its terms ask for first."""

from incidents.application import clocks
from incidents.application.ports import Ports
from incidents.domain.closing import Closing, KeptOpenError, what_keeps_open
from incidents.domain.work_item import Milestone, WorkItem


async def refuse_if_kept_open(ports: Ports, item: WorkItem) -> None:
    """Raises KeptOpenError while anything stands against closing the item, which is locked by the caller."""
    history = await ports.contracts.history(item.subject.contract_id)
    required = await clocks.post_mortem_due(ports, item, history)
    lacking = Closing(
        post_mortem_missing=required and not item.stamped(Milestone.POST_MORTEM),
        acceptance_awaited=await ports.items.awaits_acceptance(item.id),
    )
    reasons = what_keeps_open(lacking, await ports.records.for_closing(item.id))
    if reasons:
        raise KeptOpenError(reasons)
