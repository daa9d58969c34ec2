"""The life of a contract: which step is allowed in which state, and where it leads."""

from collections.abc import Mapping
from enum import StrEnum


class Status(StrEnum):
    """Where a contract stands."""

    DRAFT = "draft"
    PROPOSED = "proposed"
    SIGNED = "signed"
    ACTIVE = "active"
    SUSPENDED = "suspended"
    TERMINATED = "terminated"
    EXPIRED = "expired"


class Step(StrEnum):
    """What can be done to a contract."""

    EDIT = "edit"
    PROPOSE = "propose"
    WITHDRAW = "withdraw"
    SIGN = "sign"
    ACTIVATE = "activate"
    AMEND = "amend"
    RENEW = "renew"
    SUSPEND = "suspend"
    RESUME = "resume"
    TERMINATE = "terminate"
    EXPIRE = "expire"


LEADS_TO: Mapping[Status, Mapping[Step, Status]] = {
    Status.DRAFT: {Step.EDIT: Status.DRAFT, Step.PROPOSE: Status.PROPOSED},
    # Only the last signature makes a proposal signed; `agreement.missing_signatures` tells which are missing.
    Status.PROPOSED: {Step.SIGN: Status.SIGNED, Step.WITHDRAW: Status.DRAFT},
    Status.SIGNED: {Step.ACTIVATE: Status.ACTIVE, Step.TERMINATE: Status.TERMINATED},
    Status.ACTIVE: {
        Step.AMEND: Status.ACTIVE,
        Step.RENEW: Status.ACTIVE,
        Step.SUSPEND: Status.SUSPENDED,
        Step.TERMINATE: Status.TERMINATED,
        Step.EXPIRE: Status.EXPIRED,
    },
    Status.SUSPENDED: {
        Step.RENEW: Status.SUSPENDED,
        Step.RESUME: Status.ACTIVE,
        Step.TERMINATE: Status.TERMINATED,
        Step.EXPIRE: Status.EXPIRED,
    },
    Status.TERMINATED: {},
    Status.EXPIRED: {},
}
"""Every allowed step of every state; a step that is not named here is illegal."""


class IllegalStep(Exception):
    """The contract's state does not allow the step. `allowed` names the steps that it does allow."""

    def __init__(self, status: Status, step: Step) -> None:
        self.status = status
        self.step = step
        self.allowed = tuple(sorted(LEADS_TO[status]))
        super().__init__(f"a contract that is {status} does not allow: {step}")


def after(status: Status, step: Step) -> Status:
    """The state that the step leads to. Raises IllegalStep."""
    try:
        return LEADS_TO[status][step]
    except KeyError:
        raise IllegalStep(status, step) from None
