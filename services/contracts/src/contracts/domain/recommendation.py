"""Which support level fits: criticality, how much the business depends on it, and how much risk it can bear.

Each of the three answers is worth 0 to 2 points. What nobody would sign below a level stands as a floor beside them.
"""

from dataclasses import dataclass
from typing import Literal

Grade = Literal["low", "medium", "high"]
UsageClass = Literal["light", "regular", "heavy"]
Level = Literal[1, 2, 3]
Why = Literal["score", "critical_and_no_risk_borne", "heavy_usage", "sensitive_system", "application_platform"]
Caution = Literal["sensitive_asset_on_level_one", "below_the_recommendation"]

_POINTS: dict[Grade, int] = {"low": 0, "medium": 1, "high": 2}
_BY_USAGE: dict[UsageClass, Level] = {"light": 1, "regular": 2, "heavy": 3}


@dataclass(frozen=True)
class Asset:
    """What is known of the system. `risk_tolerance` high: the business can live with an interruption."""

    criticality: Grade
    dependency: Grade
    risk_tolerance: Grade
    usage: UsageClass
    sensitive: bool
    platform: bool


@dataclass(frozen=True)
class Recommendation:
    """The level (1 to 3), the tier (1 to 3), the points of the three answers (0 to 6), and why the level is not lower.

    `reasons` has `score` and every floor that holds, whether or not the points alone would have come to that level.
    """

    level: Level
    tier: Level
    points: int
    reasons: tuple[Why, ...]


def recommended(asset: Asset) -> Recommendation:
    """Up to 2 points make level 1, up to 4 level 2, more level 3.

    Level 3 at least: critical with no risk borne; sensitive systems and application platforms, for which support with
    contractual guarantees is what is typically required. Level 2 at least: heavy usage. The tier follows the usage
    class alone: it says how closely an asset is watched.
    """
    points = _POINTS[asset.criticality] + _POINTS[asset.dependency] + 2 - _POINTS[asset.risk_tolerance]
    by_points: Level = 1 if points <= 2 else 2 if points <= 4 else 3
    floors: list[tuple[Level, Why]] = [(by_points, "score")]
    if asset.criticality == "high" and asset.risk_tolerance == "low":
        floors.append((3, "critical_and_no_risk_borne"))
    if asset.usage == "heavy":
        floors.append((2, "heavy_usage"))
    if asset.sensitive:
        floors.append((3, "sensitive_system"))
    if asset.platform:
        floors.append((3, "application_platform"))
    level = max(level for level, _ in floors)
    return Recommendation(level, _BY_USAGE[asset.usage], points, tuple(why for _, why in floors))


def cautions(asset: Asset, chosen: int) -> tuple[Caution, ...]:
    """What must be said when this level is chosen for the asset: it may be chosen, and somebody was told."""
    said: list[Caution] = []
    if asset.sensitive and chosen == 1:
        said.append("sensitive_asset_on_level_one")
    if chosen < recommended(asset).level:
        said.append("below_the_recommendation")
    return tuple(said)
