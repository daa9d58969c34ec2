"""The period that a caller asks about."""

from datetime import datetime, timedelta

from shared.problems import FieldError, ValidationFailed

LONGEST = timedelta(days=92)
BEFORE = timedelta(days=7)
AHEAD = timedelta(weeks=8)
REACH = timedelta(days=3660)
"""How far from now a period may lie: beyond it no rotation says anything that somebody means."""


def period(since: datetime | None, until: datetime | None, now: datetime) -> tuple[datetime, datetime]:
    """From when to when; at most `LONGEST` of it. Raises ValidationFailed, 422, for one that is none or too long."""
    start = since if since is not None else now - BEFORE
    if not now - REACH <= start <= now + REACH:
        raise _refused("from", "State an instant within ten years of now.")
    end = until if until is not None else start + AHEAD
    if end <= start:
        raise _refused("to", "The period ends before it begins. State an instant after `from`.")
    if end - start > LONGEST:
        raise _refused("to", f"The period is longer than {LONGEST.days} days. Ask for a part of it.")
    return start, end


def _refused(parameter: str, detail: str) -> ValidationFailed:
    return ValidationFailed(detail, errors=[FieldError(detail=detail, parameter=parameter)])
