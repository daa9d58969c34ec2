"""Whether reactions keep up with growth: how much a system is used, what volume is agreed, how long reactions take.

Three months are compared with the three months before them. When reactions take a fifth longer on average although
the agreed volume is the same, the volume no longer fits; more of it, or less of something else, must be agreed.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

SPAN = 3
SLOWER_BY_PERCENT = 20
SAME_VOLUME_PERCENT = 5


@dataclass(frozen=True)
class MonthOfGrowth:
    """A month: people who used the sites (None: nobody said), agreed minutes, and reactions with their seconds."""

    users: int | None
    included_minutes: int
    reactions: int
    reaction_seconds: int


@dataclass(frozen=True)
class Trend:
    """Changes in percent over the span before; None where there is nothing to compare.

    ``degraded``: reactions became slower at constant volume.
    """

    users_percent: Fraction | None
    volume_percent: Fraction | None
    reaction_percent: Fraction | None
    degraded: bool


def trend_of(months: Sequence[MonthOfGrowth]) -> Trend:
    """The trend of the last months against those before them; `months` is ascending and at least six long."""
    now, before = months[-SPAN:], months[-2 * SPAN : -SPAN]
    volume = _change(_mean_volume(before), _mean_volume(now))
    reaction = _change(_mean_reaction(before), _mean_reaction(now))
    constant = volume is not None and abs(volume) <= SAME_VOLUME_PERCENT
    return Trend(
        users_percent=_change(_mean_users(before), _mean_users(now)),
        volume_percent=volume,
        reaction_percent=reaction,
        degraded=constant and reaction is not None and reaction >= SLOWER_BY_PERCENT,
    )


def mean_seconds(reactions: int, seconds: int) -> Fraction | None:
    """How long a reaction took on average."""
    return Fraction(seconds, reactions) if reactions else None


def _mean_reaction(months: Sequence[MonthOfGrowth]) -> Fraction | None:
    return mean_seconds(sum(month.reactions for month in months), sum(month.reaction_seconds for month in months))


def _mean_volume(months: Sequence[MonthOfGrowth]) -> Fraction:
    return Fraction(sum(month.included_minutes for month in months), len(months))


def _mean_users(months: Sequence[MonthOfGrowth]) -> Fraction | None:
    said = [month.users for month in months if month.users is not None]
    return Fraction(sum(said), len(said)) if said else None


def _change(before: Fraction | None, now: Fraction | None) -> Fraction | None:
    if before is None or now is None or before == 0:
        return None
    return (now - before) * 100 / before
