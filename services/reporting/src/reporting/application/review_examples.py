"""Frozen examples of reviews, for the documents."""

from typing import Final

from pydantic.config import JsonDict

from reporting.application.examples import CONTRACT_LINE, DECISION_LINE

_EVENT: Final = "0198f000-0000-7000-8000-000000000c01"
FIGURE_BEFORE: Final[JsonDict] = {"uptime_percent": "99.548611", "uptime_display": "99.55", "met": False}
FIGURE: Final[JsonDict] = {
    "environment_id": "0198f000-0000-7000-8000-000000000302",
    "from": "2026-05-31T22:00:00Z",
    "environment": "boulangerie-martin.example · production",
    "uptime_percent": "99.965277",
    "uptime_display": "99.97",
    "target_percent": "99.9",
    "met": True,
    "as_measured": FIGURE_BEFORE,
}
MONTH: Final[JsonDict] = {
    "month": "2026-06",
    "edition": 1,
    "content_hash": "2c26b46b68ffc68ff99b453c1d30413413422d706483bfa0f98a5e886266e7ae",
    "met": True,
    "met_as_measured": False,
    "outage_decisions": [DECISION_LINE],
    "figures": [FIGURE],
    "incidents": 2,
    "down_seconds": 900,
    "promises_met": 4,
    "promises_missed": 0,
    "worked_minutes": 450,
    "overage_minutes": 0,
    "work_done": 3,
}
TREND: Final[JsonDict] = {"measure": "incidents", "subject": "", "environment_id": None, "direction": "better"}
INCIDENT: Final[JsonDict] = {
    "incident_id": "0198f000-0000-7000-8000-000000000501",
    "number": "INC-2026-0001",
    "title": "La page d’accueil ne répond pas",
    "severity": "critical",
    "status": "resolved",
    "began_at": "2026-06-09T01:30:00Z",
    "ended_at": "2026-06-09T01:45:00Z",
    "duration_seconds": 900,
}
ACTION: Final[JsonDict] = {
    "action_id": "0198f000-0000-7000-8000-000000000901",
    "what": "Ajouter un second hébergeur",
    "owner_name": "Ada Martin",
    "due_at": "2026-09-15T16:00:00Z",
    "done_at": None,
    "carried_over": True,
    "overdue": False,
    "event_id": _EVENT,
}
RISK: Final[JsonDict] = {
    "risk_id": "0198f000-0000-7000-8000-000000000902",
    "description": "Le site dépend d’un seul hébergeur.",
    "owner_name": "Léa Martin",
    "treatment": "accept",
    "decided_by": "Léa Martin",
    "decided_on": "2026-06-08",
    "event_id": _EVENT,
}
DECISION: Final[JsonDict] = {
    "decision_id": "0198f000-0000-7000-8000-000000000903",
    "what": "L’hébergeur reste jusqu’à la fin de l’année.",
    "why": "Un changement avant Noël est plus risqué.",
    "decided_by": "Léa Martin",
    "decided_on": "2026-06-08",
    "event_id": _EVENT,
}
RECOMMENDATION: Final[JsonDict] = {
    "source": "advisory",
    "id": "0198f000-0000-7000-8000-000000000701",
    "text": {"fr": "Double authentification", "en": "Two-factor authentication"},
    "since": "2026-06-08T09:00:00Z",
    "event_id": _EVENT,
}
NOTES: Final[JsonDict] = {
    "recommendations_fr": "Passer à PHP 8.4 avant la fin de l’année.",
    "recommendations_en": None,
    "next_steps_fr": "Atelier le 15 septembre.",
    "next_steps_en": None,
}
REVIEW: Final[JsonDict] = {
    "kind": "quarterly",
    "contract": CONTRACT_LINE,
    "language": "fr",
    "time_zone": "Europe/Paris",
    "first_month": "2026-06",
    "last_month": "2026-08",
    "starts_at": "2026-05-31T22:00:00Z",
    "ends_at": "2026-08-31T22:00:00Z",
    "as_of": "2026-09-02T08:00:00Z",
    "complete": True,
    "months": [MONTH],
    "trends": [TREND],
    "incidents": [INCIDENT],
    "actions": [ACTION],
    "risks": [RISK],
    "decisions": [DECISION],
    "recommendations": [RECOMMENDATION],
}
READING: Final[JsonDict] = {**REVIEW, "edition": 1, "notes": NOTES}
CHANGE: Final[JsonDict] = {
    "subject": "uptime",
    "id": "2026-06/0198f000-0000-7000-8000-000000000302/2026-05-31T22:00:00Z",
    "name": "2026-06 · boulangerie-martin.example · production",
    "measure": "uptime_percent",
    "before": "99.548611",
    "after": "99.965277",
}
EDITION: Final[JsonDict] = {
    "report_id": "7e0a4b1e-6a34-5a6b-8a6e-3f1f7c8f4b23",
    "contract_id": "0198f000-0000-7000-8000-000000000201",
    "month": "2026-06",
    "edition": 2,
    "issued_at": "2026-09-10T07:00:05Z",
    "reason": "correction",
    "changes": [CHANGE],
    "content_hash": "2c26b46b68ffc68ff99b453c1d30413413422d706483bfa0f98a5e886266e7ae",
    "kind": "quarterly",
    "notes": NOTES,
    "report": REVIEW,
}
