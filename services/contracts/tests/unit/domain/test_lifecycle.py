"""Every state with every step: what is not allowed is refused with what is."""

import pytest

from contracts.domain.lifecycle import LEADS_TO, IllegalStep, Status, Step, after

PATHS = [
    (Status.DRAFT, Step.EDIT, Status.DRAFT),
    (Status.DRAFT, Step.PROPOSE, Status.PROPOSED),
    (Status.PROPOSED, Step.WITHDRAW, Status.DRAFT),
    (Status.PROPOSED, Step.SIGN, Status.SIGNED),
    (Status.SIGNED, Step.ACTIVATE, Status.ACTIVE),
    (Status.SIGNED, Step.TERMINATE, Status.TERMINATED),
    (Status.ACTIVE, Step.AMEND, Status.ACTIVE),
    (Status.ACTIVE, Step.RENEW, Status.ACTIVE),
    (Status.ACTIVE, Step.SUSPEND, Status.SUSPENDED),
    (Status.ACTIVE, Step.TERMINATE, Status.TERMINATED),
    (Status.ACTIVE, Step.EXPIRE, Status.EXPIRED),
    (Status.SUSPENDED, Step.RENEW, Status.SUSPENDED),
    (Status.SUSPENDED, Step.RESUME, Status.ACTIVE),
    (Status.SUSPENDED, Step.TERMINATE, Status.TERMINATED),
    (Status.SUSPENDED, Step.EXPIRE, Status.EXPIRED),
]


@pytest.mark.parametrize(("status", "step", "then"), PATHS)
def test_an_allowed_step_leads_to_its_state(status: Status, step: Step, then: Status) -> None:
    assert after(status, step) is then


def test_every_other_step_is_illegal_and_says_what_is_allowed() -> None:
    allowed = {(status, step) for status, step, _ in PATHS}
    for status in Status:
        for step in Step:
            if (status, step) in allowed:
                continue
            with pytest.raises(IllegalStep) as refusal:
                after(status, step)
            assert refusal.value.allowed == tuple(sorted(LEADS_TO[status]))


def test_nothing_follows_an_end() -> None:
    assert not LEADS_TO[Status.TERMINATED]
    assert not LEADS_TO[Status.EXPIRED]
