"""Records of the service desk, one of each kind, for tests that look at them or try what can be done to them."""

from collections.abc import Mapping
from typing import Any

from .thread_client import ThreadClient

EARLIER = "2026-01-08T08:00:00Z"
ACTION = {"what": "Raise the limit"}
RISK = {"description": "There is no second site.", "owner_name": "Léa Martin"}
DECISION = {"what": "It stays off.", "why": "It leaks.", "decided_by": "Léa", "decided_on": "2026-01-08"}
POST_MORTEM = {"summary": "S", "course": "C", "causes": "W", "went_well": "G", "went_badly": "B"}
DEPLOYMENT = {"configuration_item": "shop", "released_version": "2.4.0"}
DELIVERY = {"what": "Code", "delivered_to": "Léa", "delivered_version": "1", "means": "Mail", "delivered_at": EARLIER}
GRANT = {
    "system": "Server",
    "scope": "Read logs",
    "granted_to": "Ada",
    "reason": "Support",
    "valid_from": EARLIER,
    "valid_until": "2099-01-08T08:00:00Z",
}
ACCESS_REQUEST = {"what": "An account", "asked_of": "Léa", "reason": "To see the payments"}
SESSION = {"who": "Ada", "how": "SSH", "why": "Read the log"}
ANOMALY = {"title": "The basket empties itself", "symptoms": "After 30 minutes it is empty."}
INTERVENTION = {
    "mode": "remote",
    "what": "Restarted it",
    "performed_by": "Ada",
    "began_at": EARLIER,
    "ended_at": EARLIER,
}
EVIDENCE = {"kind": "logs", "note": "The log of the night"}
KNOWLEDGE = {
    "title": "No connections",
    "symptom": "Error 500",
    "cause": "The nightly job",
    "resolution": "Stop it.",
    "language": "en",
    "review_on": "2027-01-08",
}
FEEDBACK = {"said": "The form forgets.", "given_by": "Paul", "channel": "field"}
ASSISTANCE = {"topic": "export", "asked_by": "Paul", "knowledge_level": "low"}
WORK = {
    "line": "technical",
    "work_class": "corrective",
    "person_name": "Ada",
    "worked_on": "2026-01-08",
    "real_minutes": 50,
}

OF_ITEMS: Mapping[str, tuple[str, str, Mapping[str, Any]]] = {
    "record_action": ("actions", "action_id", ACTION),
    "record_residual_risk": ("residual-risks", "risk_id", RISK),
    "record_decision": ("decisions", "decision_id", DECISION),
    "record_post_mortem": ("post-mortems", "post_mortem_id", POST_MORTEM),
    "record_access_request": ("access-requests", "access_request_id", ACCESS_REQUEST),
    "record_evidence": ("evidence", "evidence_id", EVIDENCE),
}
"""Operation that records it: where, the name of its id, what it says."""
OF_CONTRACTS: Mapping[str, tuple[str, str, Mapping[str, Any]]] = {
    "record_deployment": ("deployments", "deployment_id", DEPLOYMENT),
    "record_delivery": ("delivery-records", "delivery_record_id", DELIVERY),
    "record_access_grant": ("access-grants", "grant_id", GRANT),
    "record_anomaly": ("known-anomalies", "anomaly_id", ANOMALY),
    "record_intervention": ("interventions", "intervention_id", INTERVENTION),
    "record_feedback": ("feedback", "feedback_id", FEEDBACK),
    "record_assistance": ("assistances", "assistance_id", ASSISTANCE),
    "record_time_entry": ("time-entries", "time_entry_id", WORK),
}


def one_of_each(thread: ThreadClient, contract_id: str, item_id: str) -> dict[str, str]:
    """Ids of new records on an item that is not resolved yet and under its contract; resolves the item."""
    ids = {"item_id": item_id}
    for places, hung_on in ((OF_ITEMS, {"item_id": item_id}), (OF_CONTRACTS, {"contract_id": contract_id})):
        for path, key, body in places.values():
            ids[key] = str(thread.post("incidents", f"/v1/{path}", hung_on | dict(body))[key])
    session = SESSION | {"item_id": item_id, "grant_id": ids["grant_id"]}
    ids["access_session_id"] = str(thread.post("incidents", "/v1/access-sessions", session)["access_session_id"])
    thread.act(item_id, "resolve")
    learned = thread.post("incidents", "/v1/knowledge-entries", KNOWLEDGE | {"item_id": item_id})
    return ids | {"knowledge_id": str(learned["knowledge_id"]), "record_id": ids["action_id"]}
