"""Transitions of a monitor, changes of a group, and pages that cannot be watched, as published events."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any, assert_never

from probes.adapters.documents import finding_documents, gap_documents
from probes.domain.groups import GroupNews
from probes.domain.monitors import Subject
from probes.domain.states import (
    BecameDegraded,
    BecameUnknown,
    BeganFlapping,
    EnteredMaintenance,
    Outage,
    Paused,
    Recovered,
    Restored,
    Settled,
    State,
    Transition,
    WentDown,
)
from probes.domain.unwatched_pages import UnwatchedPages
from probes.published.v1 import (
    GroupChanged,
    MonitorDegraded,
    MonitorDown,
    MonitorFlapping,
    MonitorMaintenance,
    MonitorPaused,
    MonitorRecovered,
    MonitorRestored,
    MonitorSettled,
    MonitorUnknown,
    UnwatchedPagesEnded,
    UnwatchedPagesFound,
)
from shared.events import PublishedEvent
from shared.unit_of_work import UnitOfWork

_EVIDENCE = (
    "checked_at",
    "url",
    "status_code",
    "phase",
    "error",
    "remote_address",
    "addresses",
    "refused_addresses",
    "timings_ms",
    "headers",
    "body_excerpt",
)
_UNSEEN: dict[str, object] = dict.fromkeys(_EVIDENCE) | {
    "url": "",
    "addresses": [],
    "refused_addresses": [],
    "timings_ms": {},
    "headers": {},
}
"""Of a check that could not even begin: its configuration is not valid."""
_FOUND_OUT = ("dns", "traceroute")


class EventAnnouncer:
    """Says transitions in a unit of work, which publishes them exactly if it commits."""

    def __init__(self, unit: UnitOfWork) -> None:
        self._unit = unit

    def announce(self, subject: Subject, transitions: Sequence[Transition]) -> None:
        """See the port."""
        for transition in transitions:
            event = event_of(subject, transition)
            self._unit.publish(event, version=transition.version, tenant_id=subject.tenant_id)

    def announce_group(self, news: GroupNews) -> None:
        """See the port."""
        group, change, pages = news
        event = GroupChanged.model_validate(
            {
                "group_id": group.group_id,
                "contract_id": group.contract_id,
                "client_id": group.client_id,
                "site_id": group.site_id,
                "environment_id": group.environment_id,
                "name": group.name,
                "previous_state": change.previous_state.value,
                "previous_since": change.previous_since,
                "state": change.state.value,
                "since": change.since,
                "counts": {state.value: change.counts.get(state, 0) for state in State},
                "pages": [
                    {"monitor_id": page, "name": name[:300], "url": url[:2000]} for page, (name, url) in pages.items()
                ],
            }
        )
        self._unit.publish(event, version=change.version, tenant_id=group.tenant_id)

    def announce_unwatched(self, pages: UnwatchedPages) -> None:
        """See the port."""
        told = asdict(pages) | {"name": pages.name[:300], "reason": pages.reason[:1000]}
        del told["tenant_id"]
        event: PublishedEvent
        if pages.ended_at is None:
            del told["ended_at"]
            event, version = UnwatchedPagesFound.model_validate(told), 1
        else:
            event, version = UnwatchedPagesEnded.model_validate(told), 2
        self._unit.publish(event, version=version, tenant_id=pages.tenant_id)


def event_of(subject: Subject, transition: Transition) -> PublishedEvent:
    """The event that says this transition of this monitor."""
    kind, told = _told(transition)
    return kind.model_validate(_about(subject) | _of_change(subject, transition) | told)


def _told(transition: Transition) -> tuple[type[PublishedEvent], dict[str, Any]]:
    """The kind of event, and what it says beyond the monitor and what held before."""
    kind: type[PublishedEvent]
    told: dict[str, Any]
    match transition:
        case WentDown(outage=outage):
            kind, told = MonitorDown, _outage(outage) | {"flapping": transition.flapping}
        case Recovered():
            kind, told = MonitorRecovered, _recovery(transition)
        case BecameDegraded():
            kind, told = MonitorDegraded, {"locations": finding_documents(transition.locations)} | _since(transition)
        case BecameUnknown():
            kind, told = MonitorUnknown, _named(transition.outage) | _since(transition)
        case EnteredMaintenance():
            told = _named(transition.outage) | {"since": transition.since, "until": transition.until}
            kind = MonitorMaintenance
        case Restored():
            told = _named(transition.outage) | {
                "since": transition.since,
                "restored_at": transition.restored_at,
                "state": transition.state.value,
            }
            kind = MonitorRestored
        case Paused():
            told = _named(transition.outage) | _since(transition)
            kind = MonitorPaused
            told["outage"] = _outage(transition.outage) if transition.outage else None
        case BeganFlapping():
            told = {"since": transition.since, "state": transition.state.value, "edges": transition.edges}
            kind = MonitorFlapping
        case Settled():
            told = {
                "flapping_since": transition.flapping_since,
                "settled_at": transition.at,
                "state": transition.state.value,
                "outage_id": transition.outage_id,
            }
            kind = MonitorSettled
        case _:
            assert_never(transition)
    return kind, told


def _about(subject: Subject) -> dict[str, Any]:
    return {
        "monitor_id": subject.monitor_id,
        "contract_id": subject.contract_id,
        "client_id": subject.client_id,
        "site_id": subject.site_id,
        "environment_id": subject.environment_id,
        "counts_for_sla": subject.counts_for_sla,
        "third_party": subject.third_party,
        "name": subject.name[:300],
        "url": subject.url[:2000],
    }


def _of_change(subject: Subject, transition: Transition) -> dict[str, Any]:
    """What only changes of state tell."""
    if isinstance(transition, BeganFlapping | Settled):
        return {}
    return {
        "measures_availability": subject.measures_availability,
        "previous_state": transition.previous_state.value,
        "previous_since": transition.since if isinstance(transition, Restored) else transition.previous_since,
    }


def _since(transition: BecameDegraded | BecameUnknown | Paused) -> dict[str, Any]:
    return {"since": transition.since, "reason": transition.reason.value}


def _recovery(transition: Recovered) -> dict[str, Any]:
    outage, end = transition.outage, transition.recovered_at
    length = end - outage.down_since
    return _outage(outage) | {
        "recovered_at": end,
        "recovered_uncertainty_seconds": transition.uncertainty.total_seconds(),
        "recovery_confirmed_at": transition.confirmed_at,
        "duration_seconds": length.total_seconds(),
        "unknown_seconds": (length - outage.downtime(end)).total_seconds(),
        "flapping": transition.flapping,
    }


def _named(outage: Outage | None) -> dict[str, Any]:
    return {
        "outage_id": outage.outage_id if outage else None,
        "down_since": outage.down_since if outage else None,
    }


def _outage(outage: Outage) -> dict[str, Any]:
    return {
        "outage_id": outage.outage_id,
        "down_since": outage.down_since,
        "down_since_uncertainty_seconds": outage.uncertainty.total_seconds(),
        "confirmed_at": outage.confirmed_at,
        "locations": finding_documents(outage.locations),
        "reason": outage.failure.reason.value,
        "detail": outage.failure.detail[:1000],
        "evidence": _evidence(outage),
        "gaps": gap_documents(outage.gaps),
        "caused_by": outage.caused_by,
    }


def _evidence(outage: Outage) -> dict[str, object]:
    """What the first failing check saw, and what was found out meanwhile: a later check of the run carries that."""
    seen = {name: outage.failure.evidence.get(name) for name in _EVIDENCE}
    failures = (outage.failure, *outage.failures)
    found = {
        name: [failure.evidence[name] for failure in failures if failure.evidence.get(name)] for name in _FOUND_OUT
    }
    return (
        _UNSEEN
        | {name: value for name, value in seen.items() if value is not None}
        | {name: values[0] if values else None for name, values in found.items()}
    )
