"""What is new on a status page since its subscribers were told last."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

Stage: TypeAlias = Literal["down", "over", "scheduled", "cancelled", "said"]


@dataclass(frozen=True, slots=True)
class Matter:
    """An outage, a stretch of planned work, or what people told of an outage, by its id, and how far it is."""

    key: str
    stage: Stage


def news(matters: Sequence[Matter], told: Mapping[str, str]) -> tuple[list[Matter], Mapping[str, str]]:
    """What is to be told now, in the order given, and what has been told then.

    An outage is told when it begins and when it is over, planned work when it is announced and when it is called off, a
    sentence of people when it is published. An outage of which nothing was told before it was over is told once, as
    over. None is told as begun again: where one that was not known yet holds its component down, that one is told. What
    is not on the page any more stays told: it may come back.
    """
    standing = [
        Matter(each.key, "over") if each.stage == "down" and told.get(each.key) == "over" else each for each in matters
    ]
    new = [matter for matter in standing if told.get(matter.key) != matter.stage]
    return new, {**told, **{matter.key: matter.stage for matter in standing}}
