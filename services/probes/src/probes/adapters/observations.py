"""What checks have seen beyond good and bad, in PostgreSQL: each fact with the instants at which it changed."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from probes.domain.monitors import Subject

_NEWEST = text("""
select distinct on (o.monitor_id, o.name, place)
    o.monitor_id, o.name, o.since, o.last_seen_at, o.value,
    case when o.name = any(:by_place) then o.location end as place
from probes.observation o
join unnest(cast(:ids as uuid[]), cast(:names as text[])) as t (monitor_id, name)
    on o.monitor_id = t.monitor_id and o.name = t.name
order by o.monitor_id, o.name, place, o.since desc
""")
_KEEP = text("""
insert into probes.observation (monitor_id, name, since, tenant_id, client_id, location, last_seen_at, value)
values (:monitor_id, :name, :seen_at, :tenant_id, :client_id, :location, :seen_at, cast(:value as jsonb))
on conflict do nothing
""")
_SEEN = text("""
update probes.observation set last_seen_at = greatest(last_seen_at, :seen_at)
where monitor_id = :monitor_id and name = :name and since = :since
""")


_BY_PLACE = frozenset({"content"})
"""What may rightly differ from one location to another: a change is one of the same location."""


class _Newest(NamedTuple):
    since: datetime
    last_seen_at: datetime
    value: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Observation:
    """A fact about a monitor's target, seen by a check that began at `seen_at`. `value` is JSON-shaped."""

    subject: Subject
    name: str
    location: str
    seen_at: datetime
    value: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Kept:
    """An observation that counts, with the value before it: None for the first, the same when nothing changed.

    `seen_elsewhere`: another location has come to the same value since the one before it was first seen here.
    """

    observation: Observation
    previous: Mapping[str, Any] | None
    seen_elsewhere: bool = False

    @property
    def changed(self) -> bool:
        """Whether there was a value before, and another one."""
        return self.previous is not None and self.previous != self.observation.value


async def keep_observations(session: AsyncSession, observations: Sequence[Observation]) -> list[Kept]:
    """Keeps what is newer than what is known and returns it, in order."""
    if not observations:
        return []
    keys = sorted({(observation.subject.monitor_id, observation.name) for observation in observations})
    rows = await session.execute(
        _NEWEST, {"ids": [key[0] for key in keys], "names": [key[1] for key in keys], "by_place": sorted(_BY_PLACE)}
    )
    newest: dict[tuple[UUID, str], dict[str | None, _Newest]] = {key: {} for key in keys}
    for row in rows:
        newest[row.monitor_id, row.name][row.place] = _Newest(row.since, row.last_seen_at, row.value)
    kept = []
    for observation in sorted(observations, key=lambda each: each.seen_at):
        key = (observation.subject.monitor_id, observation.name)
        place = observation.location if observation.name in _BY_PLACE else None
        known, seen_at = newest[key].get(place), observation.seen_at
        if known is not None and seen_at <= known.last_seen_at:
            continue
        values: dict[str, Any] = {"monitor_id": key[0], "name": key[1], "seen_at": seen_at}
        if known is not None and known.value == observation.value:
            newest[key][place] = _Newest(known.since, seen_at, known.value)
            await session.execute(_SEEN, values | {"since": known.since})
        else:
            newest[key][place] = _Newest(seen_at, seen_at, observation.value)
            await session.execute(_KEEP, values | _told(observation))
        elsewhere = known is not None and any(
            other.value == observation.value and other.since > known.since
            for name, other in newest[key].items()
            if name != place
        )
        kept.append(Kept(observation, known.value if known else None, elsewhere))
    return kept


def _told(observation: Observation) -> dict[str, Any]:
    return {
        "tenant_id": observation.subject.tenant_id,
        "client_id": observation.subject.client_id,
        "location": observation.location,
        "value": json.dumps(observation.value),
    }
