"""What a controlled deployment cannot do without."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from incidents.domain.records import BrokenRuleError, Deployment

NOW = datetime(2026, 6, 8, 9, tzinfo=UTC)
HOUR = timedelta(hours=1)


def deployment(**changes: Any) -> Deployment:
    told: dict[str, Any] = {
        "kind": "deployment",
        "result": "succeeded",
        "approved_by": "Léa Martin",
        "approved_at": None,
        "window_from": NOW - 3 * HOUR,
        "window_to": NOW - HOUR,
        "deployed_at": NOW - 2 * HOUR,
        "rollback_plan": "Deploy 2.3.0 again.",
        "rolled_back_at": None,
        "rollback_reason": None,
        "store": None,
        "submitted_at": None,
        "reviewed_at": None,
        "verdict": None,
    }
    return Deployment(**told | changes)


def test_an_approved_deployment_in_its_window_with_a_way_back_is_taken() -> None:
    deployment().check(NOW)
    assert not deployment().outside_window


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"approved_by": None}, "approved_by"),
        ({"approved_at": NOW + HOUR}, "approved_at"),
        ({"deployed_at": None}, "deployed_at"),
        ({"deployed_at": NOW + HOUR}, "deployed_at"),
        ({"rollback_plan": None}, "rollback_plan"),
        ({"window_to": None}, "window_to"),
        ({"window_to": NOW - 3 * HOUR}, "window_to"),
        ({"result": "planned"}, "result"),
        ({"result": "rolled_back"}, "rolled_back_at"),
        ({"result": "rolled_back", "rolled_back_at": NOW}, "rollback_reason"),
        ({"rolled_back_at": NOW}, "result"),
        ({"result": "planned", "deployed_at": None, "rolled_back_at": NOW}, "result"),
        ({"result": "rolled_back", "rolled_back_at": NOW - 3 * HOUR, "rollback_reason": "Slow"}, "rolled_back_at"),
        ({"kind": "store_submission"}, "store"),
        ({"kind": "store_submission", "store": "App Store", "verdict": "approved"}, "verdict"),
        ({"kind": "store_submission", "store": "App Store", "verdict": "approved", "reviewed_at": NOW}, "submitted_at"),
    ],
)
def test_what_is_missing_is_named(changes: dict[str, Any], field: str) -> None:
    with pytest.raises(BrokenRuleError) as refused:
        deployment(**changes).check(NOW)
    assert refused.value.field == field


def test_what_was_rolled_back_needs_no_plan_any_more() -> None:
    done = {"result": "rolled_back", "rolled_back_at": NOW, "rollback_reason": "Slow", "rollback_plan": None}
    deployment(**done).check(NOW)


def test_a_planned_deployment_needs_no_approval_yet() -> None:
    deployment(result="planned", approved_by=None, deployed_at=None, rollback_plan=None).check(NOW)


def test_the_end_of_the_window_is_outside_of_it() -> None:
    assert not deployment(deployed_at=NOW - 3 * HOUR).outside_window
    assert deployment(deployed_at=NOW - HOUR).outside_window
    assert deployment(deployed_at=NOW - 4 * HOUR).outside_window
    assert not deployment(deployed_at=None).outside_window
