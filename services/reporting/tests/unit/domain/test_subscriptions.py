"""Which events a webhook gets."""

import pytest

from reporting.domain.subscriptions import is_pattern, wants

NAME = "incidents.incident.opened.v1"


@pytest.mark.parametrize(
    "pattern", [NAME, "incidents.*", "incidents.incident.*", "contracts.hours.threshold_reached.v1"]
)
def test_patterns_are_names_aggregates_or_services(pattern: str) -> None:
    assert is_pattern(pattern)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "*",
        "incidents",
        "incidents.",
        "incidents.incident",
        "incidents.incident.opened",
        "a.b.c.v0",
        "a.*.v1",
        "A.b.c.v1",
        NAME + "\n",
    ],
)
def test_anything_else_is_refused(text: str) -> None:
    assert not is_pattern(text)


def test_nothing_asked_for_is_everything() -> None:
    assert wants([], NAME)
    assert wants([NAME], NAME)
    assert wants(["probes.*", "incidents.*"], NAME)
    assert wants(["incidents.incident.*"], NAME)
    assert not wants(["incidents.inc.*"], NAME)
    assert not wants(["incidents.incident.opened.v2", "probes.*"], NAME)
