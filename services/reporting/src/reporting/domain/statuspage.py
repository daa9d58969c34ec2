"""Our states in the closed vocabulary of Atlassian Statuspage, version 2, which existing readers match word by word.

It has no word for *unknown*. What is not known is never told as good: it reads `degraded_performance` there, and the
descriptions say what it is.
"""

from collections.abc import Iterable
from typing import Final, Literal

from reporting.domain.public_words import Impact, ShownState

ComponentStatus = Literal["operational", "degraded_performance", "partial_outage", "major_outage", "under_maintenance"]
SEVERITY: Final[tuple[ComponentStatus, ...]] = (
    "operational",
    "under_maintenance",
    "degraded_performance",
    "partial_outage",
    "major_outage",
)
"""What a component can be, the worst last."""
Indicator = Literal["none", "minor", "major", "critical", "maintenance"]

_BY_IMPACT: Final[dict[Impact | None, ComponentStatus]] = {
    None: "operational",
    "degraded": "degraded_performance",
    "partial": "partial_outage",
    "major": "major_outage",
}
_COMPONENT: Final[dict[ShownState, ComponentStatus]] = {
    "up": "operational",
    "degraded": "degraded_performance",
    "partial": "partial_outage",
    "down": "major_outage",
    "maintenance": "under_maintenance",
    "unknown": "degraded_performance",
    "paused": "degraded_performance",
}


def component_status(state: ShownState) -> ComponentStatus:
    """The status of one component."""
    return _COMPONENT[state]


def impact_status(impact: Impact | None) -> ComponentStatus:
    """What an incident makes of a component."""
    return _BY_IMPACT[impact]


def overall(states: Iterable[ShownState], *, contract_status: str) -> tuple[Indicator, str]:
    """The page in one word and one line: the worst that holds, and nothing good of what is not measured."""
    present = set(states)
    if contract_status != "active" or not present:
        return "minor", "Status Unknown"
    if present & {"down", "partial"}:
        whole = present == {"down"}
        return ("critical", "Major Service Outage") if whole else ("major", "Partial System Outage")
    if "degraded" in present:
        return "minor", "Minor Service Outage"
    if present & {"unknown", "paused"}:
        return "minor", "Status Unknown"
    if "maintenance" in present:
        return "maintenance", "Service Under Maintenance"
    return "none", "All Systems Operational"
