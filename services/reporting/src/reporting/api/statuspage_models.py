"""The JSON of Atlassian Statuspage, version 2, made of our page, so that existing readers work unchanged.

Shape: https://confluence.status.atlassian.com/api, and "Status pages" in the conventions. Every list is there, even
when it is empty: readers take it apart without looking. Codes and the line of the whole page are their words; names and
bodies are for people, in their language. A field that we have nothing for is null, as there.
"""

from collections.abc import Iterator
from datetime import datetime
from typing import Any, Final, Literal
from uuid import NAMESPACE_DNS, UUID, uuid5
from zoneinfo import ZoneInfo

from pydantic import ConfigDict, Field

from reporting.adapters import words
from reporting.application import examples
from reporting.application.report import MANY, Shown, Text
from reporting.application.status_page import (
    PublicComponent,
    PublicIncident,
    PublicMaintenance,
    PublicUpdate,
    StatusPageContent,
)
from reporting.domain.statuspage import (
    SEVERITY,
    ComponentStatus,
    Indicator,
    component_status,
    impact_status,
    overall,
)
from shared.i18n import Translator
from shared.values import Instant, instant_text

Impact = Literal["none", "minor", "major", "critical", "maintenance"]

_AT: Final = "2026-06-09T01:30:00Z"
_PAGE: Final[dict[str, Any]] = {
    "id": "boulangerie-martin",
    "name": "Boulangerie Martin",
    "url": "https://reports.agency.example/status/boulangerie-martin",
    "time_zone": "Europe/Paris",
    "updated_at": "2026-06-19T09:00:00Z",
}
_STATUS: Final[dict[str, Any]] = {"indicator": "none", "description": "All Systems Operational"}
_COMPONENT: Final[dict[str, Any]] = {
    "id": examples.ENVIRONMENT,
    "name": "boulangerie-martin.example",
    "status": "operational",
    "created_at": "2026-05-20T08:00:00Z",
    "updated_at": "2026-06-09T01:45:00Z",
    "position": 1,
    "description": "Operational",
    "showcase": True,
    "start_date": "2026-05-20",
    "group_id": None,
    "page_id": "boulangerie-martin",
    "group": False,
    "components": [],
    "only_show_if_degraded": False,
}
_AFFECTED: Final[dict[str, Any]] = {
    "code": examples.ENVIRONMENT,
    "name": "boulangerie-martin.example",
    "old_status": "operational",
    "new_status": "major_outage",
}
_UPDATE: Final[dict[str, Any]] = {
    "id": "5a0d2a5e-4a0f-5c5b-9f57-2f2f6f0f5f11",
    "status": "investigating",
    "body": "We are looking into it",
    "incident_id": examples.OUTAGE,
    "created_at": _AT,
    "updated_at": _AT,
    "display_at": _AT,
    "affected_components": [_AFFECTED],
    "deliver_notifications": True,
}
_INCIDENT: Final[dict[str, Any]] = {
    "id": examples.OUTAGE,
    "name": "boulangerie-martin.example is unavailable",
    "status": "investigating",
    "created_at": _AT,
    "updated_at": _AT,
    "monitoring_at": None,
    "resolved_at": None,
    "impact": "critical",
    "shortlink": f"{_PAGE['url']}/incidents/{examples.OUTAGE}",
    "started_at": _AT,
    "page_id": "boulangerie-martin",
    "incident_updates": [_UPDATE],
    "components": [_COMPONENT],
}
_WORK: Final[dict[str, Any]] = {
    **_INCIDENT,
    "id": "5a0d2a5e-4a0f-5c5b-9f57-2f2f6f0f5f10",
    "name": "Montée de version du serveur",
    "status": "scheduled",
    "impact": "maintenance",
    "shortlink": _PAGE["url"],
    "incident_updates": [],
    "scheduled_for": "2026-06-24T00:00:00Z",
    "scheduled_until": "2026-06-24T02:00:00Z",
}


class StatuspagePage(Shown):
    """Whose page it is."""

    model_config = ConfigDict(json_schema_extra={"examples": [_PAGE]})

    id: Text
    name: Text
    url: Text
    time_zone: Text
    updated_at: Instant


class StatuspageStatus(Shown):
    """The page in one word and one line."""

    model_config = ConfigDict(json_schema_extra={"examples": [_STATUS]})

    indicator: Indicator
    description: Text


class StatuspageComponent(Shown):
    """One system."""

    model_config = ConfigDict(json_schema_extra={"examples": [_COMPONENT]})

    id: UUID
    name: Text
    status: ComponentStatus
    created_at: Instant
    updated_at: Instant
    position: int = Field(ge=1)
    description: Text = Field(description="its state in our words, which know of more states")
    showcase: bool
    start_date: Text
    group_id: UUID | None
    page_id: Text
    group: bool = Field(description="whether it is a name over others")
    components: list[UUID] = Field(description="those that a group stands over", json_schema_extra=MANY)
    only_show_if_degraded: bool


class StatuspageAffected(Shown):
    """What a step did to a component."""

    model_config = ConfigDict(json_schema_extra={"examples": [_AFFECTED]})

    code: UUID
    name: Text
    old_status: ComponentStatus
    new_status: ComponentStatus


class StatuspageUpdate(Shown):
    """A step of an incident or of planned work."""

    model_config = ConfigDict(json_schema_extra={"examples": [_UPDATE]})

    id: UUID
    status: Text
    body: Text
    incident_id: UUID
    created_at: Instant
    updated_at: Instant
    display_at: Instant
    affected_components: list[StatuspageAffected] = Field(json_schema_extra=MANY)
    deliver_notifications: bool


class StatuspageIncident(Shown):
    """An outage, or an incident that people put on the page."""

    model_config = ConfigDict(json_schema_extra={"examples": [_INCIDENT]})

    id: UUID
    name: Text
    status: Literal["investigating", "identified", "monitoring", "resolved", "postmortem"]
    created_at: Instant
    updated_at: Instant
    monitoring_at: Instant | None
    resolved_at: Instant | None
    impact: Impact
    shortlink: Text
    started_at: Instant
    page_id: Text
    incident_updates: list[StatuspageUpdate] = Field(json_schema_extra=MANY)
    components: list[StatuspageComponent] = Field(json_schema_extra=MANY)


class StatuspageMaintenance(Shown):
    """Planned work."""

    model_config = ConfigDict(json_schema_extra={"examples": [_WORK]})

    id: UUID
    name: Text
    status: Literal["scheduled", "in_progress", "verifying", "completed"]
    created_at: Instant
    updated_at: Instant
    monitoring_at: Instant | None
    resolved_at: Instant | None
    impact: Impact
    shortlink: Text
    started_at: Instant
    page_id: Text
    incident_updates: list[StatuspageUpdate] = Field(json_schema_extra=MANY)
    components: list[StatuspageComponent] = Field(json_schema_extra=MANY)
    scheduled_for: Instant
    scheduled_until: Instant


class StatuspageSummaryDocument(Shown):
    """`summary.json`: everything that holds now, and planned work that is not over."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "page": _PAGE,
                    "status": _STATUS,
                    "components": [_COMPONENT],
                    "incidents": [],
                    "scheduled_maintenances": [_WORK],
                }
            ]
        }
    )

    page: StatuspagePage
    status: StatuspageStatus
    components: list[StatuspageComponent] = Field(json_schema_extra=MANY)
    incidents: list[StatuspageIncident] = Field(json_schema_extra=MANY)
    scheduled_maintenances: list[StatuspageMaintenance] = Field(json_schema_extra=MANY)


class StatuspageStatusDocument(Shown):
    """`status.json`."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"page": _PAGE, "status": _STATUS}]})

    page: StatuspagePage
    status: StatuspageStatus


class StatuspageComponentsDocument(Shown):
    """`components.json`."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"page": _PAGE, "components": [_COMPONENT]}]})

    page: StatuspagePage
    components: list[StatuspageComponent] = Field(json_schema_extra=MANY)


class StatuspageIncidentsDocument(Shown):
    """`incidents.json` and `incidents/unresolved.json`."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"page": _PAGE, "incidents": [_INCIDENT]}]})

    page: StatuspagePage
    incidents: list[StatuspageIncident] = Field(json_schema_extra=MANY)


class StatuspageMaintenancesDocument(Shown):
    """`scheduled-maintenances.json` and its parts."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"page": _PAGE, "scheduled_maintenances": [_WORK]}]})

    page: StatuspagePage
    scheduled_maintenances: list[StatuspageMaintenance] = Field(json_schema_extra=MANY)


class Statuspage:
    """One page in their shape, for a reader of one language."""

    def __init__(self, content: StatusPageContent, url: str, translator: Translator) -> None:
        self._content = content
        self._url = url
        self._t = translator
        self._components = {
            each.component_id: self._component(each, position)
            for position, each in enumerate(content.components, start=1)
        }

    def page(self) -> StatuspagePage:
        """Its id is its address, which is what identifies a page."""
        content = self._content
        return StatuspagePage(
            id=content.slug,
            name=content.name,
            url=self._url,
            time_zone=content.time_zone,
            updated_at=content.updated_at,
        )

    def status(self) -> StatuspageStatus:
        """The whole page."""
        states = [component.shown_state for component in self._content.components]
        indicator, description = overall(states, contract_status=self._content.status.contract)
        return StatuspageStatus(indicator=indicator, description=description)

    def components(self) -> list[StatuspageComponent]:
        """In the order of the page, each group before its members."""
        told: list[StatuspageComponent] = []
        for shown in self._content.components:
            if shown.group is not None and all(each.id != self._group_id(shown.group) for each in told):
                told.append(self._group(shown.group, len(told) + 1))
            told.append(self._components[shown.component_id].model_copy(update={"position": len(told) + 1}))
        return told

    def incidents(self, *, unresolved: bool = False) -> list[StatuspageIncident]:
        """Newest first."""
        known = self._content.open_incidents if unresolved else self._content.incidents
        return [self._incident(each) for each in sorted(known, key=lambda each: each.started_at, reverse=True)]

    def maintenances(self, *statuses: str) -> list[StatuspageMaintenance]:
        """In the order of time; all of them, or those that stand at one of these."""
        return [self._work(each) for each in self._content.maintenance if not statuses or each.status in statuses]

    def _component(self, component: PublicComponent, position: int) -> StatuspageComponent:
        return StatuspageComponent(
            id=component.component_id,
            name=component.name,
            status=component_status(component.shown_state),
            created_at=component.added_at,
            updated_at=max([component.since or component.added_at, *self._said_of(component)]),
            position=position,
            description=words.component_state(self._t, component),
            showcase=True,
            start_date=component.added_at.astimezone(ZoneInfo(self._content.time_zone)).date().isoformat(),
            group_id=self._group_id(component.group) if component.group is not None else None,
            page_id=self._content.slug,
            group=False,
            components=[],
            only_show_if_degraded=False,
        )

    def _said_of(self, component: PublicComponent) -> Iterator[datetime]:
        """When people told of something that touches a component."""
        for incident in self._content.incidents:
            if incident.titles and incident.concerns(component.component_id):
                yield incident.updated_at

    def _group_id(self, name: str) -> UUID:
        return uuid5(NAMESPACE_DNS, f"{self._content.slug}/{name}")

    def _group(self, name: str, position: int) -> StatuspageComponent:
        """The worst of its members, and since when the latest of them is what it is."""
        members = [self._components[each.component_id] for each in self._content.components if each.group == name]
        return StatuspageComponent(
            id=self._group_id(name),
            name=name,
            status=max((each.status for each in members), key=SEVERITY.index),
            created_at=min(each.created_at for each in members),
            updated_at=max(each.updated_at for each in members),
            position=position,
            description="",
            showcase=True,
            start_date=min(each.start_date for each in members),
            group_id=None,
            page_id=self._content.slug,
            group=True,
            components=[each.id for each in members],
            only_show_if_degraded=False,
        )

    def _incident(self, incident: PublicIncident) -> StatuspageIncident:
        first_told = {update.status: update.at for update in incident.updates}
        title = words.incident_title(
            self._t, incident.titles, incident.components[0].component_name, over=incident.ended_at is not None
        )
        return StatuspageIncident(
            id=incident.incident_id,
            name=title[1],
            status=incident.status,
            created_at=incident.published_at,
            updated_at=incident.updated_at,
            monitoring_at=first_told.get("monitoring"),
            resolved_at=first_told.get("resolved"),
            impact=self._impact(incident),
            shortlink=f"{self._url}/incidents/{incident.incident_id}",
            started_at=incident.started_at,
            page_id=self._content.slug,
            incident_updates=self._updates(incident),
            components=[self._components[each.component_id] for each in incident.components],
        )

    def _impact(self, incident: PublicIncident) -> Impact:
        """Critical is what takes away all that the page shows."""
        if incident.impact == "major":
            return "critical" if len(self._components) == len(incident.components) else "major"
        return "major" if incident.impact == "partial" else "minor"

    def _updates(self, incident: PublicIncident) -> list[StatuspageUpdate]:
        """Newest first, each with what it did to the components."""
        told: list[StatuspageUpdate] = []
        before: dict[UUID, ComponentStatus] = {each.component_id: "operational" for each in incident.components}
        for update in reversed(incident.updates):
            after = before | {each.component_id: impact_status(each.impact) for each in update.components}
            if (
                update.measured is not None
            ):  # it takes nothing away any more, or is not seen to: that is not "operational"
                after = {each: component_status(update.measured) for each in after}
            told.append(
                StatuspageUpdate(
                    id=update.page_update_id or uuid5(incident.incident_id, _step_name(update)),
                    status=update.status,
                    body=words.told(self._t, update.texts)[1]
                    if update.texts
                    else words.public_step(self._t, update.status, update.measured),
                    incident_id=incident.incident_id,
                    created_at=update.at,
                    updated_at=update.at,
                    display_at=update.at,
                    affected_components=[
                        StatuspageAffected(
                            code=each.component_id,
                            name=each.component_name,
                            old_status=before[each.component_id],
                            new_status=after[each.component_id],
                        )
                        for each in incident.components
                    ],
                    deliver_notifications=update.measured in (None, "paused"),
                )
            )
            before = after
        return told[::-1]

    def _work(self, work: PublicMaintenance) -> StatuspageMaintenance:
        touched = [self._components[each] for each in work.component_ids]
        steps = self._steps(work)
        return StatuspageMaintenance(
            id=work.maintenance_id,
            name=work.name,
            status=work.status,
            created_at=steps[-1].created_at,
            updated_at=steps[0].created_at,
            monitoring_at=None,
            resolved_at=work.ends_at if work.status == "completed" else None,
            impact="maintenance",
            shortlink=self._url,
            started_at=work.starts_at,
            page_id=self._content.slug,
            incident_updates=steps,
            components=touched,
            scheduled_for=work.starts_at,
            scheduled_until=work.ends_at,
        )

    def _steps(self, work: PublicMaintenance) -> list[StatuspageUpdate]:
        """Newest first, and one at least: readers look at the newest without asking whether there is one.

        Work is announced before it begins. Who calls off a window announces anew what has been of it: that changes
        nothing about when it began.
        """
        told = [("scheduled", min(work.announced_at, work.starts_at))]
        if work.status != "scheduled":
            told.append(("in_progress", work.starts_at))
        if work.status == "completed":
            told.append(("completed", work.ends_at))
        return [
            StatuspageUpdate(
                id=uuid5(work.maintenance_id, status),
                status=status,
                body=words.maintenance_status(self._t, status),
                incident_id=work.maintenance_id,
                created_at=at,
                updated_at=at,
                display_at=at,
                affected_components=[],
                deliver_notifications=True,
            )
            for status, at in told[::-1]
        ]


def _step_name(update: PublicUpdate) -> str:
    """What a step that was seen is known by within its incident."""
    return update.status if update.measured is None else f"{update.measured} {instant_text(update.at)}"
