"""The answers of Atlassian Statuspage's status API, version 2, field for field as its documentation shows them.

Written from https://confluence.status.atlassian.com/api and not from our models: what a reader there may rely on. A
reader passes over fields that it does not know, so there may be more.
"""

from datetime import datetime
from typing import Annotated, Final, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field


def _is_instant(text: str) -> str:
    if datetime.fromisoformat(text).tzinfo is None:
        raise ValueError("is a time of no zone")
    return text


Instant = Annotated[str, AfterValidator(_is_instant)]
Name = Annotated[str, Field(min_length=1)]
ComponentStatus = Literal["operational", "degraded_performance", "partial_outage", "major_outage", "under_maintenance"]
UnresolvedStatus = Literal["investigating", "identified", "monitoring"]
IncidentStatus = Literal[UnresolvedStatus, "resolved", "postmortem"]
MaintenanceStatus = Literal["scheduled", "in_progress", "verifying", "completed"]


class Documented(BaseModel):
    """No field may be left out, and none is of another type than JSON says."""

    model_config = ConfigDict(strict=True, extra="ignore")


class Page(Documented):
    id: Name
    name: Name
    url: Name
    updated_at: Instant


class PageStatus(Documented):
    indicator: Literal["none", "minor", "major", "critical", "maintenance"]
    description: Name


class Component(Documented):
    id: Name
    name: Name
    page_id: Name
    description: str | None
    position: int
    status: ComponentStatus
    only_show_if_degraded: bool
    created_at: Instant
    updated_at: Instant


class Update(Documented):
    id: Name
    incident_id: Name
    body: Name
    status: IncidentStatus | MaintenanceStatus
    created_at: Instant
    display_at: Instant
    updated_at: Instant


class Incident(Documented):
    id: Name
    name: Name
    page_id: Name
    status: IncidentStatus
    impact: Literal["none", "minor", "major", "critical"]
    shortlink: Name
    created_at: Instant
    updated_at: Instant
    monitoring_at: Instant | None
    resolved_at: Instant | None
    incident_updates: list[Update]


class Maintenance(Documented):
    id: Name
    name: Name
    page_id: Name
    status: MaintenanceStatus
    impact: Literal["maintenance"]
    shortlink: Name
    created_at: Instant
    updated_at: Instant
    monitoring_at: Instant | None
    resolved_at: Instant | None
    incident_updates: list[Update]
    scheduled_for: Instant
    scheduled_until: Instant


class UnresolvedIncident(Incident):
    status: UnresolvedStatus
    resolved_at: None


class UpcomingMaintenance(Maintenance):
    status: Literal["scheduled"]


class ActiveMaintenance(Maintenance):
    status: Literal["in_progress", "verifying"]


class Status(Documented):
    page: Page
    status: PageStatus


class Components(Documented):
    page: Page
    components: list[Component]


class Incidents(Documented):
    page: Page
    incidents: list[Incident]


class Unresolved(Documented):
    page: Page
    incidents: list[UnresolvedIncident]


class Maintenances(Documented):
    page: Page
    scheduled_maintenances: list[Maintenance]


class Upcoming(Documented):
    page: Page
    scheduled_maintenances: list[UpcomingMaintenance]


class Active(Documented):
    page: Page
    scheduled_maintenances: list[ActiveMaintenance]


class Summary(Status):
    """Also what is unresolved, and planned work that is not over."""

    components: list[Component]
    incidents: list[UnresolvedIncident]
    scheduled_maintenances: list[UpcomingMaintenance | ActiveMaintenance]


DOCUMENTS: Final[dict[str, type[Documented]]] = {
    "summary": Summary,
    "status": Status,
    "components": Components,
    "incidents": Incidents,
    "incidents/unresolved": Unresolved,
    "scheduled-maintenances": Maintenances,
    "scheduled-maintenances/upcoming": Upcoming,
    "scheduled-maintenances/active": Active,
}
"""What stands below `/api/v2/`, without `.json`."""
