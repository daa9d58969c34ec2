"""One frozen example of everything that is shown, for the documents: a month with one outage of fifteen minutes."""

from typing import Any, Final

from pydantic.config import JsonDict

from reporting.application.part_examples import PARTS

CONTRACT: Final = "0198f000-0000-7000-8000-000000000201"
CLIENT: Final = "0198f000-0000-7000-8000-000000000101"
SITE: Final = "0198f000-0000-7000-8000-000000000301"
ENVIRONMENT: Final = "0198f000-0000-7000-8000-000000000302"
OUTAGE: Final = "0198f000-0000-7000-8000-000000000401"
INCIDENT_ID: Final = "0198f000-0000-7000-8000-000000000501"
CLOCK_ID: Final = "0198f000-0000-7000-8000-000000000511"
WEBHOOK: Final = "0198f000-0000-7000-8000-0000000000e1"
DELIVERY_ID: Final = "0198f000-0000-7000-8000-0000000000d1"
ACTIVATED: Final = "0198f000-0000-7000-8000-000000000a01"
DOWN: Final = "0198f000-0000-7000-8000-000000000a02"
RECOVERED: Final = "0198f000-0000-7000-8000-000000000a03"
OPENED: Final = "0198f000-0000-7000-8000-000000000a04"

RULE: Final[JsonDict] = {
    "minimum_outage": "PT0S",
    "whole_minutes": False,
    "maintenance": "exclude",
    "unknown": "exclude",
    "degraded_weight": "0",
    "service_window": None,
}
SPAN: Final[JsonDict] = {
    "from": "2026-06-09T01:30:00Z",
    "to": "2026-06-09T01:45:00Z",
    "state": "down",
    "outage_id": OUTAGE,
    "reason": "connect",
    "outage_decision_id": None,
    "event_ids": [DOWN, RECOVERED],
}
AS_MEASURED: Final[JsonDict] = {
    "period_seconds": 2592000,
    "service_seconds": 2592000,
    "denominator_seconds": 2592000,
    "down_seconds": 9000,
    "degraded_seconds": 0,
    "maintenance_seconds": 0,
    "unknown_seconds": 0,
    "paused_seconds": 0,
    "uptime_percent": "99.652777",
    "uptime_display": "99.65",
    "coverage_percent": "100.00",
    "met": False,
    "error_budget_seconds": -6408,
}
DECISION_LINE: Final[JsonDict] = {
    "outage_decision_id": "0198f000-0000-7000-8000-0000000000d5",
    "outage_id": OUTAGE,
    "category": "third_party",
    "from": "2026-06-09T01:30:00Z",
    "to": "2026-06-09T03:45:00Z",
    "reason": "The host confirmed that its network was down.",
    "proposed_by": "Nadia Benali",
    "approved_by": "Paul Garnier",
    "approved_at": "2026-07-03T08:00:00Z",
}
FIGURE: Final[JsonDict] = {
    "environment_id": ENVIRONMENT,
    "environment_name": "production",
    "site_id": SITE,
    "site_name": "boulangerie-martin.example",
    "site_kind": "website",
    "url": "https://boulangerie-martin.example/",
    "counts_for_sla": True,
    "from": "2026-05-31T22:00:00Z",
    "to": "2026-06-30T22:00:00Z",
    "contract_version": 1,
    "rule_source": "contract",
    "rule": RULE,
    "target_percent": "99.9",
    "period_seconds": 2592000,
    "service_seconds": 2592000,
    "denominator_seconds": 2592000,
    "down_seconds": 900,
    "degraded_seconds": 0,
    "maintenance_seconds": 0,
    "unknown_seconds": 0,
    "paused_seconds": 0,
    "uptime_percent": "99.965277",
    "uptime_display": "99.97",
    "coverage_percent": "100.00",
    "met": True,
    "error_budget_seconds": 1692,
    "as_measured": None,
    "outage_decision_ids": [],
    "outages": 1,
    "explanation": [SPAN],
    "event_ids": [DOWN, RECOVERED],
}
UPTIME: Final[JsonDict] = {"met": True, "met_as_measured": None, "decisions": [], "figures": [FIGURE]}
PERSON: Final[JsonDict] = {"kind": "user", "name": "Léa Dubois"}
MOMENT: Final[JsonDict] = {"at": "2026-06-09T01:33:00Z", "by": PERSON}
CLOCK: Final[JsonDict] = {
    "clock_id": CLOCK_ID,
    "metric": "response",
    "policy": "critical response",
    "target_seconds": 1800,
    "due_at": "2026-06-09T02:00:20Z",
    "actual_at": "2026-06-09T01:33:00Z",
    "by": PERSON,
    "elapsed_seconds": 160,
    "verdict": "met",
    "decided_at": "2026-06-09T01:33:00Z",
}
INCIDENT: Final[JsonDict] = {
    "incident_id": INCIDENT_ID,
    "number": "INC-2026-0001",
    "title": "Home page does not answer",
    "severity": "critical",
    "severity_names": {"fr": "bloquant", "en": "critical"},
    "status": "acknowledged",
    "source": "monitor",
    "site_id": SITE,
    "site_name": "boulangerie-martin.example",
    "environment_id": ENVIRONMENT,
    "environment_name": "production",
    "counts_for_sla": True,
    "outage_id": OUTAGE,
    "carried_over": False,
    "carried_forward": False,
    "began_at": "2026-06-09T01:30:00Z",
    "ended_at": "2026-06-09T01:45:00Z",
    "duration_seconds": 900,
    "timestamps": {
        "first_failure": {"at": "2026-06-09T01:30:00Z", "by": None},
        "acknowledged": MOMENT,
        "recovered": {"at": "2026-06-09T01:45:00Z", "by": None},
        "resolved": None,
    },
    "clocks": [CLOCK],
    "event_ids": [OPENED],
}
INCIDENTS: Final[JsonDict] = {
    "total": 1,
    "carried_over": 0,
    "carried_forward": 0,
    "down_seconds": 900,
    "items": [INCIDENT],
}
COUNT: Final[JsonDict] = {"met": 1, "breached": 0, "running": 0}
TARGETS: Final[JsonDict] = {"response": COUNT, "repair": COUNT}
VERSION: Final[JsonDict] = {
    "version": 1,
    "status": "active",
    "effective_from": "2026-05-20T08:00:00Z",
    "event_id": ACTIVATED,
}
CONTRACT_LINE: Final[JsonDict] = {
    "contract_id": CONTRACT,
    "number": "C-2026-0001",
    "version": 1,
    "status": "active",
    "starts_on": "2026-05-20",
    "ends_on": None,
    "client_id": CLIENT,
    "client_name": "Boulangerie Martin",
    "agency_name": "Atelier Numérique",
    "plan_code": "premium",
    "plan_name": {"fr": "Formule Premium", "en": "Premium plan"},
}
RESPONSE_TIME: Final[JsonDict] = {
    "environment_id": ENVIRONMENT,
    "environment_name": "production",
    "site_id": SITE,
    "site_name": "boulangerie-martin.example",
    "counts_for_sla": True,
    "checks": 86310,
    "p50_ms": 210.448,
    "p95_ms": 398.401,
    "p99_ms": 702.15,
}
REPORT: Final[JsonDict] = {
    "contract": CONTRACT_LINE,
    "month": "2026-06",
    "time_zone": "Europe/Paris",
    "language": "fr",
    "from": "2026-05-31T22:00:00Z",
    "to": "2026-06-30T22:00:00Z",
    "as_of": "2026-07-01T06:00:00Z",
    "complete": True,
    "uptime": UPTIME,
    "incidents": INCIDENTS,
    "targets": TARGETS,
    "response_times": [RESPONSE_TIME],
    "parts": PARTS,
    "contract_versions": [VERSION],
    "event_ids": [ACTIVATED, DOWN, RECOVERED, OPENED],
}
LIVE_REPORT: Final[JsonDict] = {
    **REPORT,
    "edition": 1,
    "edition_issued_at": "2026-07-01T00:00:00Z",
    "provisional": False,
}
REPORT_CHANGE: Final[JsonDict] = {
    "subject": "uptime",
    "id": f"{ENVIRONMENT}/2026-05-31T22:00:00Z",
    "name": "boulangerie-martin.example · production",
    "names": {},
    "measure": "down_seconds",
    "before": "600",
    "after": "900",
}
COMMENTARY: Final[JsonDict] = {"fr": "Une coupure chez l’hébergeur.", "en": None}
EDITION: Final[JsonDict] = {
    "report_id": "5f0c8b1e-6a34-5a6b-8a6e-3f1f7c8f4b22",
    "contract_id": CONTRACT,
    "month": "2026-06",
    "edition": 2,
    "issued_at": "2026-07-03T08:00:00Z",
    "reason": "correction",
    "changes": [REPORT_CHANGE],
    "commentary": COMMENTARY,
    "content_hash": "2c26b46b68ffc68ff99b453c1d30413413422d706483bfa0f98a5e886266e7ae",
    "report": REPORT,
}
AVAILABILITY: Final[JsonDict] = {
    "contract_id": CONTRACT,
    "time_zone": "Europe/Paris",
    "from": "2026-05-31T22:00:00Z",
    "to": "2026-06-30T22:00:00Z",
    "as_of": "2026-07-01T06:00:00Z",
    "known_at": "2026-07-01T06:00:00Z",
    "uptime": UPTIME,
}

PUBLIC_DAY: Final[JsonDict] = {
    "date": "2026-06-09",
    "state": "down",
    "down_seconds": 900,
    "uptime_display": "98.96",
    "coverage_percent": "100.00",
}
PUBLIC_UPTIME: Final[JsonDict] = {
    "days": 30,
    "from": "2026-05-20T22:00:00Z",
    "whole": True,
    "uptime_display": "99.96",
    "coverage_percent": "100.00",
}
PUBLIC_HOUR_TIMES: Final[JsonDict] = {"at": "2026-06-09T07:00:00Z", "checks": 120, "p50_ms": 210.448, "p95_ms": 389.2}
PUBLIC_DAY_TIMES: Final[JsonDict] = {"date": "2026-06-08", "checks": 2880, "p50_ms": 212.552, "p95_ms": 405.007}
PUBLIC_RESPONSE_TIMES: Final[JsonDict] = {
    "hours": [PUBLIC_HOUR_TIMES],
    "hours_until": "2026-06-09T08:00:00Z",
    "days": [PUBLIC_DAY_TIMES],
}
PUBLIC_COMPONENT: Final[JsonDict] = {
    "component_id": ENVIRONMENT,
    "name": "boulangerie-martin.example",
    "group": None,
    "added_at": "2026-05-20T08:00:00Z",
    "state": "up",
    "since": "2026-06-09T01:45:00Z",
    "uptime_promised": True,
    "impact": None,
    "uptime": [PUBLIC_UPTIME],
    "days": [PUBLIC_DAY],
    "response_times": PUBLIC_RESPONSE_TIMES,
}
PUBLIC_IMPACT: Final[JsonDict] = {"component_id": ENVIRONMENT, "impact": None}
PUBLIC_AFFECTED: Final[JsonDict] = {**PUBLIC_IMPACT, "component_name": "boulangerie-martin.example"}
PUBLIC_UPDATE: Final[JsonDict] = {
    "at": "2026-06-09T01:50:00Z",
    "status": "resolved",
    "page_update_id": "0198f000-0000-7000-8000-0000000000e1",
    "measured": None,
    "texts": {"fr": "La boutique répond de nouveau.", "en": "The shop answers again."},
    "components": [PUBLIC_IMPACT],
}
PUBLIC_INCIDENT: Final[JsonDict] = {
    "incident_id": OUTAGE,
    "titles": {},
    "components": [PUBLIC_AFFECTED],
    "impact": "major",
    "status": "resolved",
    "started_at": "2026-06-09T01:30:00Z",
    "published_at": "2026-06-09T01:30:00Z",
    "ended_at": "2026-06-09T01:45:00Z",
    "duration_seconds": 900,
    "updated_at": "2026-06-09T01:50:00Z",
    "updates": [PUBLIC_UPDATE],
}
PUBLIC_STATUS: Final[JsonDict] = {"headline": "operational", "contract": "active", "since": None}
PUBLIC_MAINTENANCE: Final[JsonDict] = {
    "maintenance_id": "5a0d2a5e-4a0f-5c5b-9f57-2f2f6f0f5f10",
    "window_id": "0190a000-0000-7000-8000-000000000091",
    "name": "Montée de version du serveur",
    "status": "scheduled",
    "starts_at": "2026-06-24T00:00:00Z",
    "ends_at": "2026-06-24T02:00:00Z",
    "announced_at": "2026-06-08T09:00:00Z",
    "again": False,
    "component_ids": [ENVIRONMENT],
}
PAGE: Final[JsonDict] = {
    "slug": "boulangerie-martin",
    "name": "Boulangerie Martin",
    "agency_name": "Atelier Numérique",
    "language": "fr",
    "time_zone": "Europe/Paris",
    "logo_url": None,
    "updated_at": "2026-06-19T09:00:00Z",
    "told_at": "2026-06-09T01:50:00Z",
    "status": PUBLIC_STATUS,
    "components": [PUBLIC_COMPONENT],
    "open_incidents": [],
    "recent_incidents": [PUBLIC_INCIDENT],
    "maintenance": [PUBLIC_MAINTENANCE],
}


def example(document: JsonDict) -> dict[str, Any]:
    """What a model's configuration takes as `json_schema_extra`."""
    return {"examples": [document]}
