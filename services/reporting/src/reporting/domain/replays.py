"""What a replay may ask for: a stretch of what was heard, sent to one webhook again."""

from datetime import datetime
from typing import Literal

Status = Literal["running", "finished", "stopped"]
Fault = Literal["begins_in_the_future", "ends_in_the_future", "ends_before_it_begins"]


def fault_of(*, since: datetime, until: datetime, now: datetime) -> Fault | None:
    """What is wrong with a range; `since` belongs to it, `until` does not. What is to come is delivered anyway."""
    if since >= now:
        return "begins_in_the_future"
    if until > now:
        return "ends_in_the_future"
    return "ends_before_it_begins" if until <= since else None
