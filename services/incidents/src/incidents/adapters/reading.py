"""A clock reading as JSON: in events, in the cache, in answers the same figures."""

from typing import Any

from incidents.application.ports import ClockView
from shared.values import instant_text, number, seconds


def verdict_of(view: ClockView) -> str | None:
    """`met` or `breached` once the clock is stopped; None while it runs, and for a cancelled one."""
    return view.reading.cycles[-1].verdict


def reading_json(view: ClockView) -> dict[str, Any]:
    """The figures of a clock, without its explanation."""
    reading = view.reading
    return {
        "clock_id": str(view.id),
        "metric": view.metric.value,
        "policy": reading.policy,
        "target_seconds": number(seconds(reading.target)),
        "state": reading.state,
        "due_at": instant_text(reading.due_at) if reading.due_at else None,
        "breach_after": instant_text(reading.breach_after) if reading.breach_after else None,
        "elapsed_seconds": number(seconds(reading.elapsed)),
        "verdict": verdict_of(view),
    }
