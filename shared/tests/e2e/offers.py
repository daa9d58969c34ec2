"""What the catalogue offers beside plans: a sector preset and a promotion of each, for tests that walk over them."""

from typing import Any

from shared.ids import new_id

from .thread_client import ThreadClient

SHIPPED_PRESET = "smes"
"""Every agency has it, and every draft can be filled from it."""


def preset() -> dict[str, Any]:
    """A body that adds a preset under a new name."""
    return {
        "name": f"preset_{new_id().hex}",
        "title": {"fr": "Thermalisme", "en": "Spas"},
        "description": {"fr": "Un plafond.", "en": "A cap."},
        "sector": {"budget": {"overage_minutes_per_month": 0}},
    }


def promotion() -> dict[str, Any]:
    """A body that adds a promotion that is over: what other tests draft is not offered it."""
    return {
        "promotion_code": f"promotion_{new_id().hex}",
        "title": {"fr": "Offre d’ouverture", "en": "Opening offer"},
        "percent": "10",
        "starts_on": "2020-01-01",
        "ends_before": "2020-02-01",
    }


def one_of_each(thread: ThreadClient) -> dict[str, str]:
    """Name of a new preset and id of a new promotion, by the names that paths have for them."""
    return {
        "preset_name": str(thread.post("contracts", "/v1/sector-presets", preset())["name"]),
        "promotion_id": str(thread.post("contracts", "/v1/promotions", promotion())["promotion_id"]),
    }
