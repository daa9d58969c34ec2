"""Checks that could not look: they say nothing about the target, and why nothing is known about it."""

from dataclasses import replace

from probes.domain.states import (
    Applied,
    BecameUnknown,
    Check,
    Disposition,
    LineChange,
    MonitorState,
    Outcome,
    State,
    UnknownReason,
)


def note_block(state: MonitorState, check: Check) -> Applied:
    """The state after a check that was blocked: what it knows is as old as before.

    A monitor of which nothing is known for another reason, or none yet, is unknown for this one from then on. One that
    is known stays what it is until that grows stale.
    """
    assert check.outcome is Outcome.BLOCKED
    location = state.locations[check.location]
    if location.blocked_at is not None and check.started_at <= location.blocked_at:
        return Applied(state, Disposition.MISSED)
    noted = replace(
        state, locations={**state.locations, check.location: replace(location, blocked_at=check.started_at)}
    )
    told = any(known.blocked_at and known.blocked_at >= state.since for known in state.locations.values())
    if state.state is not State.UNKNOWN or told or check.started_at < state.since:
        return Applied(noted, Disposition.MISSED)
    version, reason, outage = state.version + 1, UnknownReason.BLOCKED, state.outage
    return Applied(
        replace(noted, since=check.started_at, version=version),
        Disposition.MISSED,
        transitions=(BecameUnknown(version, State.UNKNOWN, state.since, check.started_at, reason, outage),),
        line=(
            LineChange(State.UNKNOWN, check.started_at, version, reason.value, outage.outage_id if outage else None),
        ),
    )
