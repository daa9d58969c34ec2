"""What a visitor is told. Nothing internal passes here: not titles, not causes, not addresses, not names of people."""

from collections.abc import Iterable
from typing import Final, Literal, TypeAlias

from reporting.domain.state_line import State

PublicIncidentStatus = Literal["investigating", "identified", "monitoring", "resolved"]
STEPS: Final[tuple[PublicIncidentStatus, ...]] = ("investigating", "identified", "monitoring", "resolved")
"""What an incident is called, in the order in which it usually goes."""
Impact: TypeAlias = Literal["degraded", "partial", "major"]
"""How much of a component people say that an incident takes away, the least first."""
ShownState: TypeAlias = State | Literal["partial"]
"""What visitors are told of a component: what was measured, or what people say of it where that is worse."""
Headline = Literal[
    "operational", "maintenance", "degraded", "partial_outage", "major_outage", "unknown", "paused", "ended"
]

_BY_IMPACT: Final[dict[Impact, ShownState]] = {"degraded": "degraded", "partial": "partial", "major": "down"}
_WORSE: Final[tuple[ShownState, ...]] = ("up", "maintenance", "paused", "unknown", "degraded", "partial", "down")

_HEADLINES: Final[dict[ShownState, Headline]] = {
    "partial": "partial_outage",
    "degraded": "degraded",
    "unknown": "unknown",
    "paused": "unknown",
    "maintenance": "maintenance",
}
"""What one component makes of the page where none is down, the first that there is."""
_NO_LONGER: dict[str, Headline] = {"suspended": "paused", "ended": "ended"}


def public_incident_status(status: str, *, recovered: bool) -> PublicIncidentStatus:
    """The words of public status pages for our incident's life, and whether the component answers again.

    Nobody is told that it is back, or that all is resolved, before it answers: until then work goes on. One that
    answers again is being watched until people call the incident resolved.
    """
    if recovered:
        return "resolved" if status in {"resolved", "closed"} else "monitoring"
    return "identified" if status in {"acknowledged", "mitigated", "resolved", "closed"} else "investigating"


def shown_state(measured: State, impact: Impact | None) -> ShownState:
    """A component's state for visitors: nobody is told that all is well while people work on it, nor the reverse."""
    return measured if impact is None else max(measured, _BY_IMPACT[impact], key=_WORSE.index)


def worst(impacts: Iterable[Impact | None]) -> Impact | None:
    """The one that takes away most; None where none takes away anything."""
    told: list[Impact] = [impact for impact in impacts if impact is not None]
    return max(told, key=lambda impact: _WORSE.index(_BY_IMPACT[impact]), default=None)


def headline(states: Iterable[ShownState], *, contract_status: str) -> Headline:
    """One line for the whole page. What is unknown, or not watched, is never told as good: it shows unless something
    worse does."""
    if contract_status in _NO_LONGER:
        return _NO_LONGER[contract_status]
    present = list(states)
    down = present.count("down")
    if down:
        return "major_outage" if down == len(present) else "partial_outage"
    if not present:
        return "unknown"
    if all(state == "paused" for state in present):
        return "paused"
    return next((told for state, told in _HEADLINES.items() if state in present), "operational")
