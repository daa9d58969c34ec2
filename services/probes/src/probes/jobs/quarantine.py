"""What the recorder thinks of the locations that results come from."""

from collections.abc import Mapping, Sequence
from uuid import UUID

import structlog
from prometheus_client import Gauge

from probes.adapters.announce import EventAnnouncer
from probes.adapters.monitors import SqlMonitors
from probes.adapters.suspicions import SqlSuspicions
from probes.application.recording import put_aside
from probes.domain.quarantine import Controls, Slot, Suspect, judged, sighting_of
from probes.domain.states import Check
from shared.unit_of_work import UnitOfWork

log = structlog.get_logger()

SUSPECTED = Gauge("probes_location_suspected", "Whether the results of a location are put aside", ["location"])


class Quarantine:
    """Remembers what locations saw lately. What follows from it is in the database, and survives a restart."""

    def __init__(self) -> None:
        self._slots: dict[str, Slot] = {}
        self._controls: dict[str, Controls] = {}
        self._sites: dict[UUID, UUID] = {}

    def heard(self, location: str, controls: Controls) -> None:
        """A runner has tried the control targets."""
        known = self._controls.get(location)
        if known is None or known.at < controls.at:
            self._controls[location] = controls

    async def review(self, checks: Sequence[tuple[UUID, Check]], unit: UnitOfWork) -> Mapping[str, Suspect]:
        """The locations under suspicion, these checks considered, which are about to be evaluated.

        Doing it again with the same checks, after a transaction that failed, leads to the same.
        """
        suspicions = SqlSuspicions(unit)
        suspects = dict(await suspicions.suspects())
        for location in await self._note(checks, suspicions) | suspects.keys() & {c.location for _, c in checks}:
            found = judged(location, self._slots, suspects.get(location), self._controls.get(location))
            if isinstance(found, Suspect):
                suspects[location] = found
                log.error("location_suspected", location=location, reason=found.reason, since=found.since.isoformat())
                await suspicions.suspect(location, found)
                await put_aside(location, unit.now, SqlMonitors(unit.session), EventAnnouncer(unit))
            elif found is not None:
                log.warning("location_trusted", location=location, reason=found)
                await suspicions.trust(location, suspects.pop(location), found, unit.now)
            SUSPECTED.labels(location).set(location in suspects)
        return suspects

    async def _note(self, checks: Sequence[tuple[UUID, Check]], suspicions: SqlSuspicions) -> set[str]:
        """Takes in the checks; returns the locations that could not reach something."""
        unknown = sorted({monitor_id for monitor_id, _ in checks} - self._sites.keys())
        if unknown:
            self._sites |= await suspicions.sites(unknown)
        failing: set[str] = set()
        for monitor_id, check in checks:
            site_id = self._sites.get(monitor_id)
            sighting = sighting_of(check, site_id) if site_id else None
            slot = self._slots.setdefault(check.location, Slot())
            if sighting is not None:
                slot.note(monitor_id, check.attempt, sighting)
                if not sighting.reached:
                    failing.add(check.location)
        return failing
