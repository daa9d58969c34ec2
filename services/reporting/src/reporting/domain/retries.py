"""When a webhook is sent again, and when an endpoint is given up."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, Literal

# The pauses after each attempt, as Standard Webhooks proposes: ten attempts over about 75.6 hours.
PAUSES: Final = tuple(
    timedelta(seconds=seconds) for seconds in (5, 300, 1_800, 7_200, 18_000, 36_000, 50_400, 72_000, 86_400)
)
ATTEMPTS: Final = len(PAUSES) + 1

JITTER: Final = 0.1
"""Each pause grows by up to this share, so that what failed together does not come back together."""

LONGEST_WISH: Final = timedelta(hours=24)
"""A receiver may ask for a pause (Retry-After), but not to be forgotten."""

LONGEST_REST: Final = timedelta(hours=1)
"""For so long at most a whole webhook rests because its receiver asked for it; a single delivery may wait longer."""

SLOW: Final = timedelta(seconds=2)
"""A receiver that took so long for its last answer shares the room of those that fail."""

GONE: Final = 410
OVERLOADED: Final = frozenset({429, 502, 503, 504})
"""What a receiver says about itself and not about one event (RFC 9110): a pause that it asks for is for all of them."""

Outcome = Literal["delivered", "again", "exhausted", "gone"]
GivenUp = Literal["gone", "failing"]


@dataclass(frozen=True, slots=True)
class Decision:
    """What follows from an attempt; `next_attempt_at` only with `again`."""

    outcome: Outcome
    next_attempt_at: datetime | None = None


def is_success(status_code: int | None) -> bool:
    """Whether a receiver has taken what it was sent: 2xx and nothing else. A redirect is not followed, because it could
    lead where the address guard does not look."""
    return status_code is not None and 200 <= status_code < 300


def decide(
    *, attempt: int, status_code: int | None, now: datetime, retry_after: timedelta | None, jitter: float
) -> Decision:
    """What to do after attempt number `attempt` (from 1) was answered with `status_code` (None: no answer).

    `jitter` is a random number from 0 to 1, given so that this stays a pure function.
    """
    if is_success(status_code):
        return Decision("delivered")
    if status_code == GONE:
        return Decision("gone")
    if attempt >= ATTEMPTS:
        return Decision("exhausted")
    pause = PAUSES[attempt - 1] * (1 + JITTER * jitter)
    if retry_after is not None:
        pause = max(pause, min(retry_after, LONGEST_WISH))
    return Decision("again", now + pause)


def rests_until(*, status_code: int | None, now: datetime, retry_after: timedelta | None) -> datetime | None:
    """Until when nothing at all is sent to a receiver that is overloaded and says for how long; None: go on."""
    if status_code not in OVERLOADED or not retry_after:
        return None
    return now + min(retry_after, LONGEST_REST)


def given_up(outcome: Outcome, *, first_attempt_at: datetime | None, failing_since: datetime | None) -> GivenUp | None:
    """Why an endpoint must be disabled after a try of a delivery, or None.

    `gone`: the receiver said so (410). `failing`: the delivery used up its schedule of about three days, and nothing at
    all succeeded since its first try; one bad event alone does not stop the others.
    """
    if outcome == "gone":
        return "gone"
    stubborn = first_attempt_at is not None and failing_since is not None and failing_since <= first_attempt_at
    return "failing" if outcome == "exhausted" and stubborn else None
