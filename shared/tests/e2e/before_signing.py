"""What comes before and beside a contract, one of each, for tests that look at it or try what can be done to it."""

from datetime import datetime
from typing import Any

from shared.ids import new_id

from .thread_client import CLIENT_ZONE, ThreadClient

PHASES = [{"kind": "diagnostic"}, {"kind": "support"}]
PROOF = {"saved_at": "2026-01-01T02:00:00Z", "evidence": "Job 1"}
DONE = {"number": 1, "outcome": "Stable"}


def assessment(client_id: str) -> dict[str, Any]:
    """A body that assesses a client who is a fit but for a business owner."""
    against = dict.fromkeys(("not_stabilized", "experimental", "no_governance"), False)
    for_it = dict.fromkeys(
        (
            "in_production",
            "business_dependency",
            "availability_required",
            "sensitive_or_regulated_data",
            "continuity_and_evolution_required",
        ),
        True,
    )
    asset = {"criticality": "high", "dependency": "high", "risk_tolerance": "low"}
    return {"client_id": client_id, "answers": against | for_it, "asset": asset}


def engagement(client_id: str) -> dict[str, Any]:
    """A body that plans a diagnostic and support."""
    return {"client_id": client_id, "title": "Takeover", "phases": PHASES}


def clause() -> dict[str, Any]:
    """A body that puts a clause under a new code into the library."""
    return {
        "code": f"clause_{new_id().hex}",
        "kind": "clause",
        "title": {"fr": "Responsabilité", "en": "Liability"},
        "text": {"fr": "Responsabilité limitée.", "en": "Limited liability."},
        "effective_on": "2026-01-01",
    }


def delivered() -> dict[str, Any]:
    """A body that proves that something of a tier, which has been in force since today, was delivered."""
    today = datetime.now(CLIENT_ZONE).date().isoformat()
    return {"deliverable": "uptime_monitoring", "delivered_on": today, "evidence": [{"what": "Read the results"}]}


def one_of_each(thread: ThreadClient, client_id: str, contract_id: str) -> dict[str, str]:
    """Ids of a new assessment, engagement and clause of a client, with proofs under its contract, which is in force."""
    bodies = {
        "assessment_id": ("/v1/assessments", assessment(client_id)),
        "engagement_id": ("/v1/engagements", engagement(client_id)),
        "controlled_document_id": ("/v1/controlled-documents", clause()),
    }
    thread.post("contracts", f"/v1/contracts/{contract_id}/backup-proofs", PROOF)
    thread.post("contracts", f"/v1/contracts/{contract_id}/delivery-proofs", delivered())
    return {key: str(thread.post("contracts", path, body)[key]) for key, (path, body) in bodies.items()}
