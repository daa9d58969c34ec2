"""Transitions of a monitor as published events."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, assert_never

from probes.adapters.documents import finding_documents, gap_documents
from probes.domain.monitors import Subject
from probes.domain.states import (
    BecameUnknown,
    Outage,
    Paused,
    Recovered,
    Restored,
    State,
    Transition,
    WentDown,
)
from probes.published.v1 import MonitorDown, MonitorPaused, MonitorRecovered, MonitorRestored, MonitorUnknown
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


class EventAnnouncer:
    """Says transitions in a unit of work, which publishes them exactly if it commits."""

    def __init__(self, unit: UnitOfWork) -> None:
        self._unit = unit

    def announce(self, subject: Subject, transitions: Sequence[Transition]) -> None:
        """See the port."""
        for transition in transitions:
            event = event_of(subject, transition)
            self._unit.publish(event, version=transition.version, tenant_id=subject.tenant_id)


def event_of(subject: Subject, transition: Transition) -> PublishedEvent:
    """The event that says this transition of this monitor."""
    match transition:
        case WentDown(outage=outage):
            return MonitorDown.model_validate(
                _common(subject, transition.previous_state, transition.previous_since) | _outage(outage)
            )
        case Recovered(outage=outage):
            length = transition.recovered_at - outage.down_since
            return MonitorRecovered.model_validate(
                _common(subject, transition.previous_state, transition.previous_since)
                | _outage(outage)
                | {
                    "recovered_at": transition.recovered_at,
                    "recovered_uncertainty_seconds": transition.uncertainty.total_seconds(),
                    "recovery_confirmed_at": transition.confirmed_at,
                    "duration_seconds": length.total_seconds(),
                    "unknown_seconds": (length - outage.downtime(transition.recovered_at)).total_seconds(),
                }
            )
        case BecameUnknown():
            return MonitorUnknown.model_validate(
                _common(subject, transition.previous_state, transition.previous_since)
                | _named(transition.outage)
                | {"since": transition.since, "reason": transition.reason.value}
            )
        case Restored():
            return MonitorRestored.model_validate(
                _common(subject, transition.previous_state, transition.since)
                | _named(transition.outage)
                | {
                    "since": transition.since,
                    "restored_at": transition.restored_at,
                    "state": transition.state.value,
                }
            )
        case Paused():
            return MonitorPaused.model_validate(
                _common(subject, transition.previous_state, transition.previous_since)
                | _named(transition.outage)
                | {
                    "since": transition.since,
                    "reason": transition.reason.value,
                    "outage": _outage(transition.outage) if transition.outage else None,
                }
            )
        case _:
            assert_never(transition)


def _common(subject: Subject, previous: State, since: datetime) -> dict[str, Any]:
    return {
        "monitor_id": subject.monitor_id,
        "contract_id": subject.contract_id,
        "client_id": subject.client_id,
        "site_id": subject.site_id,
        "environment_id": subject.environment_id,
        "counts_for_sla": subject.counts_for_sla,
        "name": subject.name[:300],
        "url": subject.url[:2000],
        "previous_state": previous.value,
        "previous_since": since,
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
        "evidence": _evidence(outage.failure.evidence),
        "gaps": gap_documents(outage.gaps),
    }


def _evidence(evidence: Mapping[str, object]) -> dict[str, object]:
    return {name: evidence.get(name) for name in _EVIDENCE}
