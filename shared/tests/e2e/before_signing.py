"""What comes before and beside a contract, one of each, for tests that look at it or try what can be done to it."""

from datetime import datetime
from typing import Any

from shared.ids import new_id

from .thread_client import CLIENT_ZONE, ThreadClient

PHASES = [{"kind": "diagnostic"}, {"kind": "support"}]
PROOF = {"saved_at": "2026-01-01T02:00:00Z", "evidence": "Job 1"}
DONE = {"number": 1, "outcome": "Stable"}
PARTY = {"legal_name": "Lumière SAS", "address": {"lines": ["1 rue A"], "city": "Paris", "country": "FR"}}
VPN = {"fr": "Accès VPN", "en": "VPN access"}
PREREQUISITE: dict[str, Any] = {"code": "vpn", "name": VPN, "expected": "Two accounts"}
PAPERS = {
    "catalogue": "engagement_levels",
    "paper_kind": "plain_terms",
    "register": "works",
    "template_code": "hours_explanation",
}
"""What papers and messages are asked for by name."""


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


def level_two(thread: ThreadClient, client_id: str) -> dict[str, Any]:
    """A body that drafts a contract of the second level of support in which nothing is left open."""
    clarified = {"clarified_on": "2026-06-01", "clarified_with": "Léa Martin"}
    fixes = {"code": "content_fix", "name": {"fr": "Correction de contenu", "en": "Content fix"}, "verdict": "in"}
    redesign = {"code": "redesign", "name": {"fr": "Refonte", "en": "Redesign"}, "verdict": "out"}
    return {
        "client_id": client_id,
        "plan_code": "continuous_evolution",
        "site_ids": [thread.create_site(client_id, f"site-{new_id()}", "https://site.example/")],
        "starts_on": "2026-06-08",
        "price": {"amount": "500.00", "currency": "USD"},
        "signatories": {
            "agency": {"name": "Nadia Benali", "email": "nadia@agency.example"},
            "client": {"name": "Léa Martin", "email": "lea@client.example"},
        },
        "onboarding": dict.fromkeys(("scope", "responsibilities", "service_levels"), clarified),
        "scope": {"categories": [fixes, redesign]},
        "offer": {
            "coverage_calendar": "business_hours",
            "channels": ["portal", "mail"],
            "intervention_modes": ["remote"],
            "team": [{"role": {"fr": "Développeur", "en": "Developer"}, "people": 2}],
            "maintenance_types": ["corrective", "preventive", "evolutionary", "adaptive"],
        },
        "commercial": {"billing": ["flat"]},
        "prerequisites": [PREREQUISITE],
        "data_protection": {"classification": "internal", "personal_data": False},
    }


def one_of_each(thread: ThreadClient, client_id: str, contract_id: str) -> dict[str, str]:
    """Ids of a new assessment, engagement and clause of a client, with proofs under its contract.

    It must be in force and hold PREREQUISITE.
    """
    bodies = {
        "assessment_id": ("/v1/assessments", assessment(client_id)),
        "engagement_id": ("/v1/engagements", engagement(client_id)),
        "controlled_document_id": ("/v1/controlled-documents", clause()),
    }
    thread.post("contracts", f"/v1/contracts/{contract_id}/backup-proofs", PROOF)
    thread.post("contracts", f"/v1/contracts/{contract_id}/delivery-proofs", delivered())
    ids = {key: str(thread.post("contracts", path, body)[key]) for key, (path, body) in bodies.items()}
    return ids | {"prerequisite_code": PREREQUISITE["code"]} | PAPERS
