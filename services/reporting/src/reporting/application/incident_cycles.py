"""An incident by the cycle in which it was when a period ended.

What is reopened begins a new cycle without the stamps of the one before; what was wrong again has not recovered in it.
The newest word on it is of its last cycle alone: a month that was over by then is told by the words before.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from itertools import pairwise
from uuid import UUID

from reporting.application.facts import (
    STAMPS,
    AnnouncedVerdict,
    IncidentClock,
    IncidentState,
    IncidentWord,
    KnownIncident,
    Stamp,
    Timestamps,
)


def as_it_stood(known: KnownIncident, reaches: Callable[[datetime], bool]) -> KnownIncident:
    """The incident by the last cycle that had begun by the end of a period.

    What became known of that cycle later belongs to it: a stamp of before the next one, the reading of a clock to which
    nothing has happened since.

    :param reaches: whether an instant lies before the end.
    """
    begun_again = [
        (number, begun)
        for number, (before, after) in enumerate(pairwise(known.words), start=1)
        if (begun := _begun(before, after)) is not None and not reaches(begun)
    ]
    if not begun_again:
        lasted = _lasted_before(known.words)
        return known.model_copy(update={"state": known.state.of_its_cycle, "lasted_before": lasted})
    number, begun = begun_again[0]
    last, later = known.words[number - 1], known.words[number:]
    stamps = _stamps(last.state, later, begun)
    newest = {clock.clock_id: clock for clock in known.state.clocks}
    clocks = [_reading(clock, newest.get(clock.clock_id), begun) for clock in last.state.clocks]
    state = last.state.model_copy(update={"timestamps": stamps, "clocks": tuple(clocks)}).of_its_cycle
    words = [word.event_id for word in known.words[:number]]
    return KnownIncident(
        state=state,
        events=tuple(words if state == last.state else [*words, known.words[-1].event_id]),
        announced=_announced(known, clocks, newest, begun),
        lasted_before=_lasted_before(known.words[:number]),
    )


def _lasted_before(words: Sequence[IncidentWord]) -> timedelta:
    """How long an incident lasted until each reopening: the time in which it was thought to be over is none of it."""
    lasted = timedelta()
    for number, (before, after) in enumerate(pairwise(words), start=1):
        reopened = after.state.timestamps.reopened
        if reopened is None or reopened == before.state.timestamps.reopened:
            continue
        stamps = _stamps(before.state, words[number:], reopened.at)
        over = before.state.model_copy(update={"timestamps": stamps})
        if over.lasts_from is not None:
            lasted += min(over.ended_at or reopened.at, reopened.at) - over.lasts_from
    return lasted


def _begun(before: IncidentWord, after: IncidentWord) -> datetime | None:
    """When a new cycle began between two words; None where the first goes on. A stamp never changes within a cycle."""
    left, right = before.state.timestamps, after.state.timestamps
    if right.reopened is not None and right.reopened != left.reopened:
        return right.reopened.at
    undone = [_stamp(left, name) for name in STAMPS if _stamp(left, name) not in (None, _stamp(right, name))]
    if not undone:
        return None
    # No stamp says when it was wrong again: a clock that went on then does, else it was when others were told.
    known = {(clock.clock_id, fact.at) for clock in before.state.clocks for fact in clock.facts or ()}
    went_on = [
        fact.at
        for clock in after.state.clocks
        for fact in clock.facts or ()
        if fact.kind == "reopened" and (clock.clock_id, fact.at) not in known
    ]
    return max(went_on, default=after.at)


def _stamps(last: IncidentState, later: Sequence[IncidentWord], begun: datetime) -> Timestamps:
    """The stamps of a cycle by its last word, with those of before the next one that were told later."""
    own = last.timestamps
    found: dict[str, Stamp] = {}
    for word in later:
        for name in STAMPS:
            stamp = _stamp(word.state.timestamps, name)
            if stamp is not None and stamp.at < begun and _stamp(own, name) is None:
                found.setdefault(name, stamp)
    return own.model_copy(update=found)


def _stamp(stamps: Timestamps, name: str) -> Stamp | None:
    found: Stamp | None = getattr(stamps, name)
    return found


def _reading(then: IncidentClock, now: IncidentClock | None, begun: datetime) -> IncidentClock:
    if now is None or now.facts is None or any(fact.at >= begun for fact in now.facts):
        return then
    return now


def _announced(
    known: KnownIncident, clocks: Sequence[IncidentClock], newest: Mapping[UUID, IncidentClock], begun: datetime
) -> Mapping[UUID, AnnouncedVerdict]:
    """What clocks had said by themselves of the cycle; the newest word of those that read as they do now."""
    found = {each.clock_id: each for each in known.verdicts if each.at < begun}
    for clock in clocks:
        if clock is newest.get(clock.clock_id) and clock.clock_id in known.announced:
            found[clock.clock_id] = known.announced[clock.clock_id]
    return found
