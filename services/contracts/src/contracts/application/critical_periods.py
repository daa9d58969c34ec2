"""The calendar of the critical periods of a contract."""

from datetime import datetime
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from contracts.application import sectors
from contracts.application.coming import life_of
from contracts.application.sectors import CalendarEntry

if TYPE_CHECKING:
    from contracts.application.contracts import Contract
    from contracts.application.ports import Workspace


async def calendar_of(work: "Workspace", contract: "Contract", since: datetime, until: datetime) -> list[CalendarEntry]:
    """The contract's critical periods of a stretch of time, by its terms, in days of the zone that was signed."""
    zone = (await life_of(work, contract)).time_zone
    return sectors.entries(contract.terms.sector, since, until, ZoneInfo(zone))
