"""An incident as it stood when a period ended: by the cycle in which it was, and by what had been said of it.

What is reopened begins a new cycle without the stamps of the one before; what was wrong again has not recovered in it.
And what is judged later (another severity, a pause, a merge, a target that was amended) holds from then on. The newest
word tells all of that of the present alone: a month that was over by then is told by the words before.
"""

import operator
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from functools import partial
from itertools import pairwise
from typing import Final

from reporting.application.facts import (
    STAMPS,
    IncidentClock,
    IncidentState,
    IncidentWord,
    KnownIncident,
    Stamp,
    Timestamps,
)
from reporting.application.report import IncidentStatus

LIFE: Final[tuple[IncidentStatus, ...]] = ("open", "acknowledged", "mitigated", "resolved", "closed")
OVER: Final = ("stopped", "cancelled")
"""What ends a clock, until it is reopened: no later version of the contract changes what it reads."""


def as_it_stood(
    known: KnownIncident, reaches: Callable[[datetime], bool], amended_at: datetime | None = None
) -> KnownIncident:
    """The incident by the last word on it before the end of a period, of the last cycle that had begun by then.

    What became known later of that time belongs to it: a stamp of before the end, the reading of a clock to which
    nothing has happened since. Of what was said only afterwards, the first word counts.

    :param reaches: whether an instant lies before the end.
    :param amended_at: when the contract first said something else after the end: what a clock that runs reads from then
        on is by the new terms.
    """
    words = known.words
    if not words:
        return known.model_copy(update={"state": known.state.of_its_cycle})
    begun = [
        (number, at)
        for number, (before, after) in enumerate(pairwise(words), start=1)
        if (at := _begun(before, after)) is not None
    ]
    ends = next((number for number, at in begun if not reaches(at)), len(words))
    begins = max((number for number, _ in begun if number < ends), default=0)
    told = max((number for number in range(begins, ends) if reaches(words[number].at)), default=begins)
    last, later = words[told], words[told + 1 :]
    found = _stamps(last.state, later, reaches)
    clocks = {clock.clock_id: (clock, last) for clock in last.state.clocks}
    for word in later:
        for clock in word.state.clocks:
            then, _ = clocks.get(clock.clock_id, (None, None))
            by_these_terms = amended_at is None or word.at < amended_at
            of_then = _of_then(clock, then, reaches, by_these_terms=by_these_terms)
            if of_then is not None:
                clocks[clock.clock_id] = (of_then, word)
    state = last.state.model_copy(
        update={
            # What was done by then counts even if nobody had said so.
            "status": max(last.state.status, words[ends - 1].state.status, key=LIFE.index),
            "timestamps": last.state.timestamps.model_copy(update={name: stamp for name, (stamp, _) in found.items()}),
            "clocks": tuple(clock for clock, _ in clocks.values()),
        }
    )
    proofs = {word.event_id for _, word in (*found.values(), *clocks.values())}
    return KnownIncident(
        state=state.of_its_cycle,
        events=tuple(word.event_id for number, word in enumerate(words) if number <= told or word.event_id in proofs),
        # Of all that clocks had said by themselves by then, by version, the newest.
        announced={verdict.clock_id: verdict for verdict in known.verdicts if reaches(verdict.at)},
        lasted_before=_lasted_before(words[:ends]),
    )


def _lasted_before(words: Sequence[IncidentWord]) -> timedelta:
    """How long an incident lasted until each reopening: the time in which it was thought to be over is none of it."""
    lasted = timedelta()
    for number, (before, after) in enumerate(pairwise(words), start=1):
        reopened = after.state.timestamps.reopened
        if reopened is None or reopened == before.state.timestamps.reopened:
            continue
        found = _stamps(before.state, words[number:], partial(operator.gt, reopened.at))
        stamps = {name: stamp for name, (stamp, _) in found.items()}
        over = before.state.model_copy(update={"timestamps": before.state.timestamps.model_copy(update=stamps)})
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


def _stamps(
    last: IncidentState, later: Sequence[IncidentWord], reaches: Callable[[datetime], bool]
) -> Mapping[str, tuple[Stamp, IncidentWord]]:
    """The stamps of before an end that were told after a word that lacks them, with the word that told each first."""
    found: dict[str, tuple[Stamp, IncidentWord]] = {}
    for word in later:
        for name in STAMPS:
            stamp = _stamp(word.state.timestamps, name)
            if stamp is not None and reaches(stamp.at) and _stamp(last.timestamps, name) is None:
                found.setdefault(name, (stamp, word))
    return found


def _stamp(stamps: Timestamps, name: str) -> Stamp | None:
    found: Stamp | None = getattr(stamps, name)
    return found


def _of_then(
    clock: IncidentClock, then: IncidentClock | None, reaches: Callable[[datetime], bool], *, by_these_terms: bool
) -> IncidentClock | None:
    """What a reading that was told after the end says of before it, if that is something else than `then`.

    :param by_these_terms: it was told before the contract said something else.
    """
    facts = clock.facts
    over = facts[-1].kind in OVER if facts else False
    if facts is None or not all(reaches(fact.at) for fact in facts) or not (by_these_terms or over):
        return _missed(clock, then, reaches)
    if then is None:
        return clock
    # What stands still is due later with every instant.
    if clock.state == then.state == "paused" and facts == then.facts:
        return None
    return clock if clock.model_copy(update={"elapsed_seconds": then.elapsed_seconds}) != then else None


def _missed(
    clock: IncidentClock, then: IncidentClock | None, reaches: Callable[[datetime], bool]
) -> IncidentClock | None:
    """That the time of then was over before the end, though something happened to the clock afterwards."""
    passed = clock.breach_after if clock.state == "breached" else None
    if then is None or then.state == "breached" or passed is None or passed != then.breach_after or not reaches(passed):
        return None
    return then.model_copy(update={"state": "breached", "verdict": "breached", "clock_version": clock.clock_version})
