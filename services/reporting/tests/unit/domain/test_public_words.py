"""What visitors are told."""

import pytest

from reporting.domain.public_words import headline, public_incident_status


@pytest.mark.parametrize(
    ("states", "contract", "told"),
    [
        (["up", "up"], "active", "operational"),
        (["up", "down"], "active", "partial_outage"),
        (["down", "down"], "active", "major_outage"),
        (["up", "degraded", "unknown"], "active", "degraded"),
        (["up", "unknown"], "active", "unknown"),
        ([], "active", "unknown"),
        (["paused", "paused"], "active", "paused"),
        (["up", "paused"], "active", "operational"),
        (["down"], "suspended", "paused"),
        (["up"], "ended", "ended"),
    ],
)
def test_the_headline_is_never_better_than_what_is_known(states: list[str], contract: str, told: str) -> None:
    assert headline(states, contract_status=contract) == told  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("status", "recovered", "told"),
    [
        ("open", False, "investigating"),
        ("acknowledged", False, "identified"),
        ("mitigated", False, "monitoring"),
        ("open", True, "monitoring"),
        ("acknowledged", True, "monitoring"),
        ("resolved", True, "resolved"),
        ("closed", False, "resolved"),
        ("something new", False, "investigating"),
    ],
)
def test_an_incident_in_public_words(status: str, recovered: bool, told: str) -> None:
    assert public_incident_status(status, recovered=recovered) == told
