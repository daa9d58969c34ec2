"""Continuity objectives: how much data may be lost (RPO), how soon service is back (RTO), and what proves it."""

from datetime import datetime, timedelta
from typing import Literal

Standing = Literal["met", "missed", "unknown"]


def backup_standing(rpo: timedelta, proved_at: datetime | None, as_of: datetime) -> Standing:
    """Whether the newest proof of a backup is young enough: data since then would be lost. No proof is unknown."""
    if proved_at is None:
        return "unknown"
    return "met" if as_of - proved_at <= rpo else "missed"


def restore_standing(rto: timedelta, took: timedelta | None) -> Standing:
    """Whether the newest restore that was tried was fast enough; none tried is unknown."""
    if took is None:
        return "unknown"
    return "met" if took <= rto else "missed"
