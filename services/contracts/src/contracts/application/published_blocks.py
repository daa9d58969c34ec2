"""What of the blocks of a signed document the other services need.

Affairs of the parties stay here: who the people are, what is owed to whom in law, what the price is made of.
"""

from collections.abc import Mapping
from typing import Any


def published_blocks(document: Mapping[str, Any]) -> dict[str, Any]:
    """Name to what is published of it; null is not agreed, or was proposed before there was such a block."""
    offer, actors = document.get("offer"), document.get("actors")
    data, indexation = document.get("data_protection"), document.get("indexation")
    credits_, penalties = document.get("credits") or {}, document.get("penalties") or {}
    settlement = document.get("settlement") or {}
    support = [actor for actor in actors or () if actor["support_level"] is not None]
    return {
        "scope": document.get("scope"),
        "intervention_modes": None if offer is None else offer["intervention_modes"],
        "responsibilities": document.get("responsibilities"),
        "support_levels": None
        if actors is None
        else [{key: actor[key] for key in ("code", "name", "areas", "support_level")} for actor in support],
        "continuity": document.get("continuity"),
        "personal_data": None if data is None else data["personal_data"],
        "indexation": None if indexation is None else {key: indexation[key] for key in ("index_name", "revised_on")},
        "remedies": {
            "tiers": credits_.get("tiers", []),
            "targets": penalties.get("targets", []),
            "late": penalties.get("late"),
            "cumulation": settlement.get("cumulation", "sum"),
            "cap_percent": settlement.get("cap_percent"),
        },
    }
