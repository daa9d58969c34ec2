"""What a visitor is told. Nothing internal passes here: not titles, not causes, not addresses, not names of people."""

from collections.abc import Iterable
from typing import Final, Literal

from reporting.domain.state_line import State

PublicIncidentStatus = Literal["investigating", "identified", "monitoring", "resolved"]
STEPS: Final[tuple[PublicIncidentStatus, ...]] = ("investigating", "identified", "monitoring", "resolved")
"""What an incident is called, in the order in which it usually goes."""
Headline = Literal["operational", "degraded", "partial_outage", "major_outage", "unknown", "paused", "ended"]

_INCIDENT: dict[str, PublicIncidentStatus] = {
    "open": "investigating",
    "acknowledged": "identified",
    "mitigated": "monitoring",
    "resolved": "resolved",
    "closed": "resolved",
}

_NO_LONGER: dict[str, Headline] = {"suspended": "paused", "ended": "ended"}


def public_incident_status(status: str, *, recovered: bool) -> PublicIncidentStatus:
    """The words of public status pages for our incident's life. A site that answers again is being monitored."""
    public = _INCIDENT.get(status, "investigating")
    return "monitoring" if recovered and public in {"investigating", "identified"} else public


def headline(states: Iterable[State], *, contract_status: str) -> Headline:
    """One line for the whole page. Unknown is never told as good: it shows unless something worse does."""
    if contract_status in _NO_LONGER:
        return _NO_LONGER[contract_status]
    present = list(states)
    down = present.count("down")
    if down:
        return "major_outage" if down == len(present) else "partial_outage"
    if "degraded" in present:
        return "degraded"
    if not present or "unknown" in present:
        return "unknown"
    return "paused" if all(state == "paused" for state in present) else "operational"
