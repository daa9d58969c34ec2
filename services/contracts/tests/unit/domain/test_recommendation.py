"""Which level fits a system, and why not a lower one."""

from dataclasses import replace
from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.domain.recommendation import Asset, Grade, UsageClass, cautions, recommended

GRADES: tuple[Grade, ...] = get_args(Grade)
CALM = Asset("low", "low", "high", "light", sensitive=False, platform=False)
ASSETS = st.builds(
    Asset,
    st.sampled_from(GRADES),
    st.sampled_from(GRADES),
    st.sampled_from(GRADES),
    st.sampled_from(get_args(UsageClass)),
    sensitive=st.booleans(),
    platform=st.booleans(),
)


@pytest.mark.parametrize(
    ("criticality", "dependency", "tolerance", "level", "points"),
    [
        ("low", "low", "high", 1, 0),
        ("medium", "medium", "high", 1, 2),
        ("medium", "medium", "medium", 2, 3),
        ("high", "high", "high", 2, 4),
        ("high", "high", "medium", 3, 5),
        ("low", "high", "low", 2, 4),
        ("high", "high", "low", 3, 6),
    ],
)
def test_three_answers_come_to_one_level(
    criticality: Grade, dependency: Grade, tolerance: Grade, level: int, points: int
) -> None:
    found = recommended(Asset(criticality, dependency, tolerance, "light", sensitive=False, platform=False))
    assert (found.level, found.points) == (level, points)


@pytest.mark.parametrize(
    ("change", "level", "why"),
    [
        ({"sensitive": True}, 3, "sensitive_system"),
        ({"platform": True}, 3, "application_platform"),
        ({"usage": "heavy"}, 2, "heavy_usage"),
        ({"criticality": "high", "risk_tolerance": "low"}, 3, "critical_and_no_risk_borne"),
    ],
)
def test_some_facts_are_a_floor_whatever_the_points(change: dict[str, Any], level: int, why: str) -> None:
    found = recommended(replace(CALM, **change))
    assert found.level == level
    assert found.reasons == ("score", why)


def test_the_tier_follows_the_usage_class() -> None:
    assert [recommended(replace(CALM, usage=usage)).tier for usage in get_args(UsageClass)] == [1, 2, 3]


def test_a_sensitive_asset_on_level_one_is_warned_of() -> None:
    sensitive = replace(CALM, sensitive=True)
    assert cautions(sensitive, 1) == ("sensitive_asset_on_level_one", "below_the_recommendation")
    assert cautions(sensitive, 2) == ("below_the_recommendation",)
    assert cautions(sensitive, 3) == ()
    assert cautions(CALM, 1) == ()


@given(ASSETS)
def test_worse_answers_never_lower_the_level(asset: Asset) -> None:
    level = recommended(asset).level
    worse: list[dict[str, Any]] = [
        {"criticality": "high"},
        {"dependency": "high"},
        {"risk_tolerance": "low"},
        {"usage": "heavy"},
        {"sensitive": True},
        {"platform": True},
    ]
    assert all(recommended(replace(asset, **change)).level >= level for change in worse)
