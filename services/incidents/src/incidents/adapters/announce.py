"""From domain facts to the events that we publish."""

from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any

from incidents.adapters.reading import reading_json
from incidents.application.ports import ClockView
from incidents.domain.work_item import Kind, Milestone, WorkItem
from incidents.published import v1
from shared.unit_of_work import UnitOfWork

_INCIDENT_EVENTS: dict[str, type[v1.IncidentState]] = {event.NAME: event for event in v1.INCIDENT_EVENTS}
_ITEM_EVENTS: dict[tuple[str, str], type[v1.ItemState]] = {
    (event.AGGREGATE, event.NAME): event for event in v1.ITEM_EVENTS
}
_CLOCK_EVENTS: dict[str, type[v1.ClockFact]] = {event.NAME: event for event in v1.CLOCK_EVENTS}


class PublishingAnnouncer:
    """`application.ports.Announcer` over the outbox of the unit of work."""

    def __init__(self, uow: UnitOfWork) -> None:
        self._uow = uow

    def item(self, what: str, item: WorkItem, clocks: Sequence[ClockView]) -> None:
        if item.kind is Kind.INCIDENT:
            self._uow.publish(_INCIDENT_EVENTS[what].model_validate(_incident(item, clocks)), version=item.version)
        else:
            event = _ITEM_EVENTS[item.kind.value, what]
            self._uow.publish(event.model_validate(_item(item, clocks)), version=item.version)

    def arbitration_required(self, item: WorkItem, urgent: int, total: int, quota_percent: int) -> None:
        told = {
            "item_id": item.id,
            "kind": item.kind.value,
            "number": item.number,
            "contract_id": item.subject.contract_id,
            "client_id": item.subject.client_id,
            "urgent": urgent,
            "total": total,
            "quota_percent": quota_percent,
        }
        self._uow.publish(v1.ArbitrationRequired.model_validate(told), version=item.version)

    def clock(
        self, what: str, item: WorkItem, view: ClockView, *, version: int, at: datetime, percent: int | None
    ) -> None:
        event = _CLOCK_EVENTS[what]
        reading = reading_json(view)
        told = {key: reading[key] for key in reading if key in v1.ClockFact.model_fields}
        told |= {
            "incident_id": item.id,
            "contract_id": item.subject.contract_id,
            "client_id": item.subject.client_id,
            "at": at,
            "kind": item.kind.value,
            "count": view.count,
        }
        if percent is not None:
            told["percent"] = percent
        self._uow.publish(event.model_validate(told), version=version)


def _incident(item: WorkItem, clocks: Sequence[ClockView]) -> dict[str, Any]:
    source = item.source
    return _common(item, clocks) | {
        "incident_id": item.id,
        "counts_for_sla": item.subject.counts_for_sla,
        "scope_verdict": item.scope_verdict.value,
        "source": {"kind": source.kind, "outage_id": source.outage_id, "monitor_id": source.monitor_id},
        "timestamps": _stamps(item, v1.Timestamps.model_fields),
    }


def _item(item: WorkItem, clocks: Sequence[ClockView]) -> dict[str, Any]:
    asked = item.requester
    requester = asked and {"kind": asked.kind, "id": asked.id, "name": asked.name, "channel": asked.channel}
    return _common(item, clocks) | {
        "item_id": item.id,
        "kind": item.kind.value,
        "scope_verdict": item.scope_verdict.value,
        "requester": requester,
        "details": dict(item.details),
        "timestamps": _stamps(item, v1.ItemTimestamps.model_fields),
    }


def _common(item: WorkItem, clocks: Sequence[ClockView]) -> dict[str, Any]:
    subject = item.subject
    return {
        "number": item.number,
        "version": item.version,
        "contract_id": subject.contract_id,
        "client_id": subject.client_id,
        "site_id": subject.site_id,
        "environment_id": subject.environment_id,
        "category": item.category,
        "maintenance_type": item.category.maintenance_type,
        "impact": item.impact,
        "criticality": item.criticality,
        "title": item.title,
        "severity": str(item.severity),
        "status": item.status.value,
        "assignee": item.assignee and {"id": item.assignee.id, "name": item.assignee.name},
        "support_level": item.support_level,
        "decided_rank": item.decided_rank,
        "merged_into_id": item.merged_into_id,
        "duplicate_of_id": item.duplicate_of_id,
        "clocks": [_clock(view) for view in clocks],
    }


def _clock(view: ClockView) -> dict[str, Any]:
    told = {"clock_version": view.version, "count": view.count, "stopped_at": view.reading.cycles[-1].stopped_at}
    return reading_json(view) | told | {"facts": [asdict(fact) for fact in view.facts]}


def _stamps(item: WorkItem, told: Any) -> dict[str, Any]:
    stamps: dict[str, Any] = {}
    for milestone in Milestone:
        if milestone.value in told:
            stamp = item.stamps.get(milestone)
            stamps[milestone.value] = stamp and {
                "at": stamp.at,
                "actor": {"kind": stamp.actor.kind, "id": stamp.actor.id, "name": stamp.actor.name},
                "source": stamp.source,
            }
    return stamps
