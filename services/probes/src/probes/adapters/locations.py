"""Locations in PostgreSQL."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from probes.adapters.monitors import MONITORS_CHANGED

_ADD = text("""
insert into probes.location (name, active) select name, true from unnest(cast(:names as text[])) as t (name)
on conflict (name) do nothing
""")
_ACTIVATE = (
    "update probes.location set active = (name = any(:names)) where active <> (name = any(:names)) returning name"
)
_ADD_STATES = text("""
insert into probes.location_state
    (monitor_id, location, tenant_id, client_id, stale_since, uncertainty_seconds, failures)
select m.monitor_id, l.name, m.tenant_id, m.client_id, :now, 0, '[]'
from probes.monitor m cross join probes.location l
where l.active and m.scheduled and not exists
    (select from probes.location_state s where s.monitor_id = m.monitor_id and s.location = l.name)
returning monitor_id
""")
_REMOVE_STATES = text("""
delete from probes.location_state where location in (select name from probes.location where not active)
returning monitor_id
""")


class SqlLocations:
    """The `Locations` of one transaction."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def active(self) -> Sequence[str]:
        """See the port."""
        return list(await self._session.scalars(text("select name from probes.location where active order by name")))

    async def numbers(self) -> Mapping[str, int]:
        """The number of every location that there ever was, by name."""
        rows = await self._session.execute(text("select name, number from probes.location"))
        return {row.name: row.number for row in rows}

    async def configure(self, names: Sequence[str], now: datetime) -> bool:
        """Makes exactly these locations active, for every monitor; returns whether anything changed."""
        await self._session.execute(text("select pg_advisory_xact_lock(hashtext('probes locations'))"))
        await self._session.execute(_ADD, {"names": list(names)})
        changed = list(await self._session.scalars(text(_ACTIVATE), {"names": list(names)}))
        changed += list(await self._session.scalars(_ADD_STATES, {"now": now}))
        changed += list(await self._session.scalars(_REMOVE_STATES))
        if changed:
            await self._session.execute(text("select pg_notify(:channel, '')"), {"channel": MONITORS_CHANGED})
        return bool(changed)
