"""Outages, each from the transitions of its own monitor: since when, what came between, and how it ended.

The line of an environment says which state wins at an instant, and planned work or silence wins over an outage without
ending it. An outage is over when its monitor recovered, or was paused: then nobody looks any more, and nobody saw it
end. A transition that is still missing is bridged by the ones after it: who is up again, or has another outage, is
through with the one before.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TypeAlias
from uuid import UUID

from reporting.domain.state_line import State, Transition

Turn: TypeAlias = tuple[datetime, State]
"""From when on a monitor told what of an outage that went on: that it cannot be seen, or is down again."""


@dataclass(frozen=True, slots=True)
class Outage:
    """An outage of one monitor. `end` is None while it goes on.

    `watched`: false when it ended because its monitor was paused, or nothing is promised any more.
    """

    outage_id: UUID
    start: datetime
    end: datetime | None
    watched: bool = True
    turns: tuple[Turn, ...] = ()

    def cut(self, at: datetime) -> "Outage":
        """The same where nobody looks from an instant on that lies after its beginning."""
        if self.end is not None and self.end <= at:
            return self
        return replace(self, end=at, watched=False, turns=_before(at, self.turns))


def outages(transitions: Iterable[Transition], until: datetime) -> list[Outage]:
    """Every outage that the transitions speak of and that began before `until`, in the order of time.

    What happened at `until` or later is not known yet.
    """
    by_monitor: dict[UUID, dict[int, Transition]] = {}
    for transition in transitions:
        by_monitor.setdefault(transition.monitor_id, {})[transition.number] = transition
    of_each = (_of_monitor([known[number] for number in sorted(known)], until) for known in by_monitor.values())
    return sorted((outage for found in of_each for outage in found), key=_in_time)


def until_answered(found: Iterable[Outage]) -> list[Outage]:
    """The outages of one component in the order of time, those that recovered until nothing of it was down any more.

    Who goes down before the last one is up again holds the component down. Where nobody looked any more at the last
    one, nobody saw the component answer again. One that was not watched any more ended with that.
    """
    told: list[Outage] = []
    together: list[Outage] = []
    last: Outage | None = None
    for outage in sorted(found, key=_in_time):
        if last is not None and last.end is not None and last.end < outage.start:
            told += _answered(together, last)
            together, last = [], None
        together.append(outage)
        last = outage if last is None else max(last, outage, key=_in_ends)
    return told + (_answered(together, last) if last is not None else [])


def _in_ends(outage: Outage) -> tuple[bool, datetime, bool]:
    """What goes on is last; of what ended at one instant, what nobody saw end."""
    return outage.end is None, outage.end or outage.start, not outage.watched


def _answered(together: Iterable[Outage], last: Outage) -> list[Outage]:
    return [_held_down(each, last) if each.watched else each for each in together]


def _held_down(outage: Outage, last: Outage) -> Outage:
    """An outage until the last one that touches it is over: its component is down although its monitor is up again."""
    turns = outage.turns
    if outage.end is not None and outage.end != last.end:
        turns = (*turns, (outage.end, "down"))
    return replace(outage, end=last.end, watched=last.watched, turns=turns)


def _in_time(outage: Outage) -> tuple[datetime, int]:
    return outage.start, outage.outage_id.int


def _of_monitor(transitions: Sequence[Transition], until: datetime) -> Iterator[Outage]:
    """The outages of one monitor, from its transitions in the order of their numbers."""
    named: dict[UUID, list[int]] = {}
    for place, each in enumerate(transitions):
        if each.outage_id is not None:
            named.setdefault(each.outage_id, []).append(place)
    for outage_id, places in named.items():
        start = min(_began(transitions[place]) for place in places)
        last = next(
            (place for place in range(places[-1], len(transitions)) if _ends(transitions[place], outage_id)),
            len(transitions),
        )
        ending = transitions[last] if last < len(transitions) and transitions[last].at < until else None
        end = ending.at if ending is not None else None
        if start < until and (end is None or start < end):
            watched = ending is None or ending.entered != "paused"
            turns = _turns(transitions[places[0] : last], start)
            yield Outage(outage_id, start, end, watched, _before(end or until, turns))


def _began(transition: Transition) -> datetime:
    """What a transition that names an outage says of its beginning."""
    return transition.ended_since if transition.ended == "down" and transition.ended_since else transition.at


def _ends(transition: Transition, outage_id: UUID) -> bool:
    """Whether an outage is over with a transition at or after the last that names it."""
    return transition.entered in ("up", "paused") or (
        transition.entered == "down" and transition.outage_id not in (None, outage_id)
    )


def _turns(transitions: Iterable[Transition], start: datetime) -> tuple[Turn, ...]:
    """The states that a monitor entered during an outage, each when it differs from the one before."""
    turns: list[Turn] = [(start, "down")]
    for each in transitions:
        if each.at <= turns[-1][0] and len(turns) > 1:
            turns.pop()  # it lasted for nothing
        if each.at > start and each.entered != turns[-1][1]:
            turns.append((each.at, each.entered))
    return tuple(turns[1:])


def _before(at: datetime, turns: Iterable[Turn]) -> tuple[Turn, ...]:
    return tuple(turn for turn in turns if turn[0] < at)
