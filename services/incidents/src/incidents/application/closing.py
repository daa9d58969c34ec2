"""Closing an item: what its records and its terms ask for first."""

from uuid import UUID

from incidents.application.ports import Ports
from incidents.domain.closing import Closing, KeptOpenError, what_keeps_open


async def refuse_if_kept_open(ports: Ports, item_id: UUID, item: Closing) -> None:
    """Raises KeptOpenError while anything stands against closing the item, which is locked by the caller."""
    reasons = what_keeps_open(item, await ports.records.for_closing(item_id))
    if reasons:
        raise KeptOpenError(reasons)
