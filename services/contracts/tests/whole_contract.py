"""The blocks of a contract that lacks nothing: what level 3 requires."""

from typing import Any

CLARIFIED = {"clarified_on": "2026-06-01", "clarified_with": "Léa Martin"}


def texts(word: str) -> dict[str, str]:
    """The same word in both languages, told apart."""
    return {"fr": f"{word} (fr)", "en": word}


def category(code: str, verdict: str, **values: Any) -> dict[str, Any]:
    return {"code": code, "name": texts(code), "verdict": verdict, **values}


def risks() -> list[dict[str, Any]]:
    """One risk of each category, thought through."""
    categories = ("operational", "it", "security", "local_representation", "geographic", "cultural", "knowledge")
    return [
        {"code": code, "category": code, "name": texts(code), "owner": "Nadia Benali", "residual_level": "low"}
        for code in categories
    ]


def whole() -> dict[str, Any]:
    """Block to what it says."""
    return {
        "onboarding": {"scope": CLARIFIED, "responsibilities": CLARIFIED, "service_levels": CLARIFIED},
        "scope": {
            "categories": [
                category("content_fix", "in", limit_minutes=90),
                category("integration", "needs_scoping"),
                category("redesign", "out"),
            ]
        },
        "offer": {
            "coverage_calendar": "business_hours",
            "channels": ["portal", "mail"],
            "intervention_modes": ["remote"],
            "team": [{"role": {"fr": "Développeur", "en": "Developer"}, "people": 2}],
            "maintenance_types": ["corrective", "preventive", "evolutionary", "adaptive"],
        },
        "commercial": {"billing": ["flat"]},
        "resources": [{"kind": "person", "name": "Paul Girard", "role": "Developer", "from": "2026-06-08"}],
        "risks": risks(),
        "prerequisites": [{"code": "vpn", "name": texts("VPN"), "expected": "Two accounts"}],
        "continuity": [{"rpo": "PT24H", "rto": "PT8H", "backup_every": "PT12H"}],
        "data_protection": {"classification": "internal", "personal_data": False},
        "legal": {"clauses": [], "controlled_documents": [], "governing_law": "FR"},
    }
