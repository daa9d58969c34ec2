"""Critical periods of contracts in force: another state at each edge of one, so that nothing holds before or after."""

from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from contracts.application import sectors
from contracts.application.sectors import CalendarEntry
from contracts.domain.lifecycle import Status

if TYPE_CHECKING:
    from contracts.application.contracts import Contract
    from contracts.application.ports import Workspace


async def follow(work: "Workspace", contract: "Contract", document: Mapping[str, Any], at: datetime) -> None:
    """Remembers when a period of the contract begins or ends next, from a state of it on."""
    await work.sectors.edges.put(
        contract, sectors.next_edge(document, at) if contract.status is Status.ACTIVE else None
    )


async def calendar_of(work: "Workspace", contract: "Contract", since: datetime, until: datetime) -> list[CalendarEntry]:
    """The contract's critical periods of a stretch of time, by its terms."""
    client = await work.clients.get(contract.client_id)
    return sectors.entries(contract.terms.sector, since, until, ZoneInfo(client.time_zone))
