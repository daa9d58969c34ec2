"""Which locations are under suspicion, in PostgreSQL; and each agency that is looked after from there is told."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID, uuid5

from sqlalchemy import text

from probes.domain.quarantine import Acquittal, Suspect, Suspicion
from probes.published.v1 import LocationSuspected, LocationTrusted
from shared.unit_of_work import UnitOfWork

_SUSPECTS = text("""
select name, active, suspect_since, suspect_reason from probes.location where suspect_since is not null
""")
_CHANGE = text("""
update probes.location set suspect_since = :since, suspect_reason = :reason, version = version + 1
where name = :location
""")
_CONCERNED = text("""
select tenant_id, count(*) as monitors from probes.location_state where location = :location group by tenant_id
""")
_SITES = text("select monitor_id, site_id from probes.monitor where monitor_id = any(:ids)")


class SqlSuspicions:
    """The suspicions of one transaction, which must be for every tenant."""

    def __init__(self, unit: UnitOfWork) -> None:
        self._unit = unit

    async def suspects(self) -> Mapping[str, Suspect]:
        """The locations that are suspected, by name. One that is no longer asked is forgotten."""
        found: dict[str, Suspect] = {}
        for row in await self._unit.session.execute(_SUSPECTS):
            suspect = Suspect(row.suspect_since, Suspicion(row.suspect_reason))
            if row.active:
                found[row.name] = suspect
            else:
                await self.trust(row.name, suspect, Acquittal.NO_LONGER_ASKED, self._unit.now)
        return found

    async def suspect(self, location: str, suspect: Suspect) -> None:
        """From now on what comes from this location is put aside."""
        await self._change(location, suspect.since, suspect.reason.value)
        for tenant_id, monitors, version in await self._concerned(location):
            self._unit.publish(
                LocationSuspected(
                    location_id=location_id(tenant_id, location),
                    location=location,
                    since=suspect.since,
                    reason=suspect.reason.value,
                    monitors=monitors,
                ),
                version=version,
                tenant_id=tenant_id,
            )

    async def trust(self, location: str, before: Suspect, why: Acquittal, at: datetime) -> None:
        """From now on what comes from this location counts."""
        await self._change(location, None, None)
        for tenant_id, _, version in await self._concerned(location):
            self._unit.publish(
                LocationTrusted(
                    location_id=location_id(tenant_id, location),
                    location=location,
                    suspected_since=before.since,
                    trusted_at=at,
                    reason=why.value,
                ),
                version=version,
                tenant_id=tenant_id,
            )

    async def sites(self, monitor_ids: Sequence[UUID]) -> Mapping[UUID, UUID]:
        """The sites of monitors."""
        rows = await self._unit.session.execute(_SITES, {"ids": list(monitor_ids)})
        return {row.monitor_id: row.site_id for row in rows}

    async def _change(self, location: str, since: datetime | None, reason: str | None) -> None:
        await self._unit.session.execute(_CHANGE, {"location": location, "since": since, "reason": reason})

    async def _concerned(self, location: str) -> list[tuple[UUID, int, int]]:
        version = await self._unit.session.scalar(
            text("select version from probes.location where name = :location"), {"location": location}
        )
        rows: Any = await self._unit.session.execute(_CONCERNED, {"location": location})
        return [(row.tenant_id, row.monitors, int(version or 0)) for row in rows]


def location_id(tenant_id: UUID, location: str) -> UUID:
    """What stands for a location in the events that one agency is told."""
    return uuid5(tenant_id, f"location/{location}")
