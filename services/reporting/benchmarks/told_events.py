"""What the other services say of an agency and its clients, made of the examples that they publish."""

import json
import re
from collections.abc import Iterator, Mapping
from copy import deepcopy
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any
from uuid import UUID

from shared.events import Envelope, EventName, schema_address
from shared.ids import new_id

SERVICES = Path(__file__).parents[2]
_INSTANT = re.compile(r"\d{4}-\d\d-\d\dT[\d:.]+Z")
_OF_OUTAGES = datetime(2026, 6, 8, 8, 50, tzinfo=UTC)
_OF_INCIDENTS = datetime(2026, 6, 8, 9, 0, tzinfo=UTC)


@cache
def _example(name: str) -> dict[str, Any]:
    path = SERVICES / name.partition(".")[0] / "schemas" / "examples" / f"{name}.json"
    data: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))["data"]
    return data


def _later(value: Any, by: timedelta) -> Any:
    """The same with every instant moved."""
    if isinstance(value, str) and _INSTANT.fullmatch(value):
        return (datetime.fromisoformat(value) + by).isoformat().replace("+00:00", "Z")
    if isinstance(value, list):
        return [_later(each, by) for each in value]
    if isinstance(value, dict):
        return {name: _later(each, by) for name, each in value.items()}
    return value


class ToldContract:
    """A client with a contract since `began`, for so many sites with a monitor each. Every method gives events."""

    def __init__(self, tenant_id: UUID, began: datetime, sites: int, slug: str) -> None:
        self.tenant_id, self._began, self._slug = tenant_id, began, slug
        self.contract_id, self.client_id = new_id(), new_id()
        self.sites = [{"site_id": str(new_id()), "environment_id": str(new_id())} for _ in range(sites)]
        self.monitors = [str(new_id()) for _ in range(sites)]
        self._versions: dict[str, int] = {}
        self._incidents = 0

    def event(self, name: str, aggregate_id: str, at: datetime, data: Mapping[str, Any]) -> Envelope:
        """The next event of an aggregate."""
        parsed = EventName.parse(name)
        version = self._versions[aggregate_id] = self._versions.get(aggregate_id, 0) + 1
        return Envelope(
            id=new_id(),
            source=f"/services/{parsed.service}",
            type=parsed.type,
            subject=f"{parsed.aggregate}/{aggregate_id}",
            time=at,
            dataschema=schema_address(parsed),
            tenantid=self.tenant_id,
            aggregateversion=version,
            data=dict(data),
        )

    def activated(self) -> Envelope:
        """The contract began."""
        name = "contracts.contract.activated.v1"
        state = deepcopy(_example(name))
        state |= {"contract_id": str(self.contract_id), "version": 1, "starts_on": self._began.date().isoformat()}
        state["effective_from"] = self._began.isoformat()
        state["client"]["client_id"] = str(self.client_id)
        state["status_page"] |= {"slug": self._slug, "logo_url": None}
        state["sites"] = [
            {
                "site_id": site["site_id"],
                "kind": "website",
                "name": f"site-{number:03}.example",
                "environments": [
                    {
                        "environment_id": site["environment_id"],
                        "name": "production",
                        "url": f"https://site-{number:03}.example/",
                        "counts_for_sla": True,
                    }
                ],
            }
            for number, site in enumerate(self.sites, start=1)
        ]
        return self.event(name, str(self.contract_id), self._began, state)

    def _of(self, number: int) -> dict[str, Any]:
        mine = {"contract_id": str(self.contract_id), "client_id": str(self.client_id)}
        return {**mine, **self.sites[number], "monitor_id": self.monitors[number], "counts_for_sla": True}

    def up(self, number: int) -> Envelope:
        """A monitor found its site up for the first time."""
        name, at = "probes.monitor.restored.v1", self._began + timedelta(seconds=30)
        instants = {"since": self._began.isoformat(), "previous_since": self._began.isoformat()}
        data = _example(name) | self._of(number) | instants | {"restored_at": at.isoformat()}
        return self.event(name, self.monitors[number], at, data)

    def outage(self, number: int, at: datetime) -> Iterator[Envelope]:
        """Some ten minutes down, and the incident of it, resolved."""
        outage_id = str(new_id())
        for name in ("probes.monitor.down.v1", "probes.monitor.recovered.v1"):
            data = _later(_example(name), at - _OF_OUTAGES) | self._of(number) | {"outage_id": outage_id}
            yield self.event(name, self.monitors[number], at + timedelta(minutes=10), data)
        incident_id = str(new_id())
        self._incidents += 1
        clocks = [str(new_id()) for _ in range(2)]
        for step in ("opened", "acknowledged", "resolved"):
            name = f"incidents.incident.{step}.v1"
            data = _later(_example(name), at - _OF_INCIDENTS) | self._of(number)
            data |= {"incident_id": incident_id, "number": f"INC-{self._incidents:05}"}
            data["source"] = {"kind": "monitor", "monitor_id": self.monitors[number], "outage_id": outage_id}
            data["clocks"] = [clock | {"clock_id": each} for clock, each in zip(data["clocks"], clocks, strict=False)]
            yield self.event(name, incident_id, at + timedelta(minutes=20), data)

    def measured(self, hour: datetime) -> tuple[UUID, Envelope]:
        """An hour in which every monitor was checked: the id of the roll-up, and the event."""
        name, rollup_id = "probes.rollup.hourly.v1", new_id()
        (monitor,) = _example(name)["monitors"]
        monitors = [
            monitor | {"monitor_id": each, "environment_id": site["environment_id"]}
            for each, site in zip(self.monitors, self.sites, strict=True)
        ]
        end = hour + timedelta(hours=1)
        data = {
            "rollup_id": str(rollup_id),
            "contract_id": str(self.contract_id),
            "client_id": str(self.client_id),
            "starts_at": hour.isoformat(),
            "ends_at": end.isoformat(),
            "monitors": monitors,
        }
        return rollup_id, self.event(name, str(rollup_id), end, data)
