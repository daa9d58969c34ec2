"""Advice that the provider owes its client: issued, delivered, acknowledged, then followed or refused, each once.

Until it is acknowledged it is sent again. What the client refuses after he was told is his own risk from then on.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from enum import StrEnum


class Status(StrEnum):
    """How far an advisory has come."""

    ISSUED = "issued"
    DELIVERED = "delivered"
    ACKNOWLEDGED = "acknowledged"
    ACCEPTED = "accepted"
    REFUSED = "refused"
    WITHDRAWN = "withdrawn"


class Step(StrEnum):
    """What happens to an advisory."""

    DELIVER = "deliver"
    ACKNOWLEDGE = "acknowledge"
    ACCEPT = "accept"
    REFUSE = "refuse"
    WITHDRAW = "withdraw"


LEADS_TO: Mapping[Status, Mapping[Step, Status]] = {
    Status.ISSUED: {
        Step.DELIVER: Status.DELIVERED,
        # Who acknowledges or answers has it, whatever is known of its delivery.
        Step.ACKNOWLEDGE: Status.ACKNOWLEDGED,
        Step.ACCEPT: Status.ACCEPTED,
        Step.REFUSE: Status.REFUSED,
        Step.WITHDRAW: Status.WITHDRAWN,
    },
    Status.DELIVERED: {
        Step.DELIVER: Status.DELIVERED,
        Step.ACKNOWLEDGE: Status.ACKNOWLEDGED,
        Step.ACCEPT: Status.ACCEPTED,
        Step.REFUSE: Status.REFUSED,
        Step.WITHDRAW: Status.WITHDRAWN,
    },
    Status.ACKNOWLEDGED: {Step.ACCEPT: Status.ACCEPTED, Step.REFUSE: Status.REFUSED, Step.WITHDRAW: Status.WITHDRAWN},
    Status.ACCEPTED: {},
    Status.REFUSED: {},
    Status.WITHDRAWN: {},
}
"""Every allowed step of every state."""

UNACKNOWLEDGED = frozenset({Status.ISSUED, Status.DELIVERED})


class NotPossible(Exception):
    """The advisory's state does not allow this; the message says what it does allow."""


def after(status: Status, step: Step) -> Status:
    """The state that the step leads to. Raises NotPossible."""
    try:
        return LEADS_TO[status][step]
    except KeyError:
        allowed = ", ".join(sorted(LEADS_TO[status])) or "nothing any more"
        raise NotPossible(f"An advisory that is {status} does not allow: {step}. It allows: {allowed}.") from None


def next_sending(status: Status, last_sent_at: datetime, every: timedelta) -> datetime | None:
    """When it is sent again: `every` after the last time, until it is acknowledged; None when it is."""
    return last_sent_at + every if status in UNACKNOWLEDGED else None
