"""From domain facts to the events that we publish."""

from collections.abc import Sequence
from datetime import datetime

from incidents.adapters.reading import reading_json
from incidents.application.ports import ClockView
from incidents.domain.incident import Incident, Milestone
from incidents.published import v1
from shared.unit_of_work import UnitOfWork

_INCIDENT_EVENTS: dict[str, type[v1.IncidentState]] = {event.NAME: event for event in v1.INCIDENT_EVENTS}
_CLOCK_EVENTS: dict[str, type[v1.ClockFact]] = {event.NAME: event for event in v1.CLOCK_EVENTS}


class PublishingAnnouncer:
    """`application.ports.Announcer` over the outbox of the unit of work."""

    def __init__(self, uow: UnitOfWork) -> None:
        self._uow = uow

    def incident(self, what: str, incident: Incident, clocks: Sequence[ClockView]) -> None:
        event = _INCIDENT_EVENTS[what]
        self._uow.publish(event.model_validate(_state(incident, clocks)), version=incident.version)

    def clock(
        self, what: str, incident: Incident, view: ClockView, *, version: int, at: datetime, percent: int | None
    ) -> None:
        event = _CLOCK_EVENTS[what]
        reading = reading_json(view)
        told = {key: reading[key] for key in reading if key in v1.ClockFact.model_fields}
        told |= {
            "incident_id": incident.id,
            "contract_id": incident.subject.contract_id,
            "client_id": incident.subject.client_id,
            "at": at,
        }
        if percent is not None:
            told["percent"] = percent
        self._uow.publish(event.model_validate(told), version=version)


def _state(incident: Incident, clocks: Sequence[ClockView]) -> dict[str, object]:
    subject, source = incident.subject, incident.source
    stamps = {}
    for milestone in Milestone:
        stamp = incident.stamps.get(milestone)
        stamps[milestone.value] = stamp and {
            "at": stamp.at,
            "actor": {"kind": stamp.actor.kind, "id": stamp.actor.id, "name": stamp.actor.name},
            "source": stamp.source,
        }
    return {
        "incident_id": incident.id,
        "number": incident.number,
        "version": incident.version,
        "contract_id": subject.contract_id,
        "client_id": subject.client_id,
        "site_id": subject.site_id,
        "environment_id": subject.environment_id,
        "counts_for_sla": subject.counts_for_sla,
        "source": {"kind": source.kind, "outage_id": source.outage_id, "monitor_id": source.monitor_id},
        "title": incident.title,
        "severity": incident.severity.value,
        "status": incident.status.value,
        "timestamps": stamps,
        "clocks": [reading_json(view) | {"clock_version": view.version} for view in clocks],
    }
