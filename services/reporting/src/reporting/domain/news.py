"""What is new on a status page since its subscribers were told last."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

Stage: TypeAlias = Literal["down", "over", "left", "scheduled", "cancelled", "said", "flapping", "settled"]


@dataclass(frozen=True, slots=True)
class Matter:
    """An outage, planned work, what people told of an outage, or a time of flapping, by its id, and how far it is."""

    key: str
    stage: Stage


@dataclass(frozen=True, slots=True)
class Flapping:
    """A time in which a monitor goes up and down, by the id of what said so, with the outages of which nothing was said
    but in that time. `last`: the last outage of one that has settled.
    """

    key: str
    outages: frozenset[str]
    settled: bool = False
    last: str | None = None


def news(
    matters: Sequence[Matter], told: Mapping[str, str], flapping: Sequence[Flapping] = ()
) -> tuple[list[Matter], Mapping[str, str]]:
    """What is to be told now, in the order given, and what has been told then.

    An outage is told when it begins and when it is over, planned work when it is announced and when it is called off, a
    sentence of people when it is published. An outage of which nothing was told before it was over is told once, as
    over. None is told as begun again: where one that was not known yet holds its component down, that one is told. What
    is not on the page any more stays told: it may come back. An outage whose component left the page is told as that.

    Who goes up and down is told of once, then not outage by outage, and once more how it stands when it has settled, or
    when it leaves the page.
    """
    standing = [
        Matter(each.key, "over") if each.stage == "down" and told.get(each.key) == "over" else each for each in matters
    ]
    stages = {matter.key: matter.stage for matter in standing}
    held = {key for each in flapping if told.get(each.key) != "settled" for key in each.outages}
    new = [
        matter
        for matter in standing
        if told.get(matter.key) != matter.stage and (matter.key not in held or matter.stage == "left")
    ]
    times: dict[str, Stage] = {}
    for each in flapping:
        before = told.get(each.key)
        if before == "settled" or each.outages.isdisjoint(stages):
            continue
        times[each.key] = "settled" if each.settled else "flapping"
        if not each.settled and before is None:
            new.append(Matter(each.key, "flapping"))
        # Who heard that it comes and goes hears how it stands; so does who has not heard that of its last outage.
        last = each.last or ""
        unheard = last in stages and (before == "flapping" or told.get(last) != stages[last])
        if each.settled and unheard and not any(matter.key == last for matter in new):
            new.append(Matter(each.key, "settled"))
    return new, {**told, **stages, **times}
