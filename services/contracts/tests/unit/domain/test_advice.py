"""Advice: which step is possible when, and until when it is sent again."""

from datetime import UTC, datetime, timedelta

import pytest

from contracts.domain.advice import LEADS_TO, UNACKNOWLEDGED, NotPossible, Status, Step, after, next_sending

SENT = datetime(2026, 6, 8, 9, tzinfo=UTC)


def test_every_step_that_is_not_named_is_refused_and_says_what_is_possible() -> None:
    for status in Status:
        for step in Step:
            if step in LEADS_TO[status]:
                assert after(status, step) is LEADS_TO[status][step]
                continue
            with pytest.raises(NotPossible) as refusal:
                after(status, step)
            assert all(allowed in str(refusal.value) for allowed in LEADS_TO[status])


def test_who_has_answered_has_answered() -> None:
    for answered in (Status.ACCEPTED, Status.REFUSED):
        assert LEADS_TO[answered] == {}


def test_it_is_sent_again_until_it_is_acknowledged() -> None:
    week = timedelta(days=7)
    for status in Status:
        expected = SENT + week if status in UNACKNOWLEDGED else None
        assert next_sending(status, SENT, week) == expected
