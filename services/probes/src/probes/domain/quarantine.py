"""When it is not the monitors that fail but the place that looks at them.

Each location has a `Slot`: its newest scheduled check of each monitor, with whether anything answered. When most of the
unrelated monitors of a slot cannot be reached, the location is the suspect, and its results are put aside until

- most of what it looks at answers again,
- another location, which looked at the same monitors, finds most of them unreachable too, or
- control targets, which every place should reach, are reached from there.

Control targets decide at once, either way, and before anything else. Two monitors are unrelated when they belong to
different sites and do not lead to one address: a server with all of an agency's sites on it may be down. An answer
that nobody likes, such as a status 503, is an answer: the place could look.
"""

from collections import OrderedDict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from uuid import UUID

from probes.domain.states import Check, Outcome, Reason

LENGTH = timedelta(seconds=10)
"""How much of the past is one slot: shorter than it takes to confirm an outage with the usual two re-checks."""
LEAST = 10
"""Where fewer monitors than this are looked at in a slot, it reaches further back, to the newest ten."""
OLDEST = timedelta(minutes=5)
"""… but never further than this."""
LEAST_UNRELATED = 5
"""Unrelated monitors that must fail before their number means anything."""
ABREAST = timedelta(seconds=1)
"""Checks of one slot are due at one instant everywhere and start this close to one another."""
CONTROL_AGE = timedelta(seconds=30)
"""A reading of the control targets that is older decides nothing."""

_NOT_REACHED = frozenset({Reason.DNS, Reason.CONNECT, Reason.TLS, Reason.TIMEOUT, Reason.PROTOCOL, Reason.UNREACHABLE})
_REACHED = frozenset({Reason.HTTP_STATUS, Reason.CONTENT, Reason.REDIRECT, Reason.CERTIFICATE, Reason.ANSWER})


class Suspicion(StrEnum):
    """Why a location is suspected."""

    MOST_FAILED = "most_failed"
    CONTROLS_UNREACHABLE = "controls_unreachable"


class Acquittal(StrEnum):
    """Why a location is trusted again."""

    MOST_SUCCEED = "most_succeed"
    OTHERS_AGREE = "others_agree"
    CONTROLS_REACHABLE = "controls_reachable"
    NO_LONGER_ASKED = "no_longer_asked"


@dataclass(frozen=True, slots=True)
class Sighting:
    """What a location's newest scheduled check of a monitor came to. `address` is where it led, if that is known."""

    at: datetime
    reached: bool
    site_id: UUID
    address: str | None = None


@dataclass(frozen=True, slots=True)
class Controls:
    """Whether most of the control targets were reached from a location, and when that was tried."""

    at: datetime
    reached: bool


@dataclass(frozen=True, slots=True)
class Suspect:
    """A location whose results are put aside: since the first failing check that led to this."""

    since: datetime
    reason: Suspicion


class Slot:
    """The newest sightings of one location, in the order of their arrival."""

    def __init__(self) -> None:
        self._sightings: OrderedDict[UUID, Sighting] = OrderedDict()

    def note(self, monitor_id: UUID, attempt: int, sighting: Sighting) -> None:
        """Takes in a check. A re-check corrects what the scheduled one saw: failures must not count for being looked
        at more often."""
        if attempt == 0:
            self._sightings[monitor_id] = sighting
            self._sightings.move_to_end(monitor_id)
            self._forget(sighting.at - OLDEST)
        elif monitor_id in self._sightings:
            before = self._sightings[monitor_id]
            self._sightings[monitor_id] = Sighting(before.at, sighting.reached, before.site_id, sighting.address)

    def newest(self) -> datetime | None:
        """When the last one was."""
        return next(reversed(self._sightings.values())).at if self._sightings else None

    def recent(self) -> dict[UUID, Sighting]:
        """The sightings of the present slot."""
        last = self.newest()
        found: dict[UUID, Sighting] = {}
        for monitor_id, sighting in reversed(self._sightings.items()):
            if last is None or (last - sighting.at > LENGTH and len(found) >= LEAST):
                break
            found[monitor_id] = sighting
        return found

    def of(self, monitor_ids: Iterable[UUID], since: datetime) -> dict[UUID, Sighting]:
        """What was seen of these monitors since then."""
        found = {monitor_id: self._sightings.get(monitor_id) for monitor_id in monitor_ids}
        return {monitor_id: sighting for monitor_id, sighting in found.items() if sighting and sighting.at >= since}

    def _forget(self, before: datetime) -> None:
        while self._sightings and next(iter(self._sightings.values())).at < before:
            self._sightings.popitem(last=False)


def sighting_of(check: Check, site_id: UUID) -> Sighting | None:
    """What a check says about the place that it was made from; None when that is nothing."""
    if check.outcome is Outcome.GOOD:
        return Sighting(check.started_at, True, site_id)
    if check.failure is None or check.failure.reason not in _NOT_REACHED | _REACHED:
        return None
    reached = check.failure.reason in _REACHED
    addresses = check.failure.evidence.get("addresses")
    address = min(map(str, addresses), default=None) if isinstance(addresses, list | tuple) else None
    return Sighting(check.started_at, reached, site_id, address)


def judged(
    location: str, slots: Mapping[str, Slot], suspect: Suspect | None, controls: Controls | None
) -> Suspect | Acquittal | None:
    """What to think of a location from now on: suspected, trusted again, or None for as before."""
    here = slots[location]
    last = here.newest()
    if last is None:
        return None
    if controls is not None and abs(last - controls.at) <= CONTROL_AGE:
        if controls.reached:
            return Acquittal.CONTROLS_REACHABLE if suspect else None
        return None if suspect else Suspect(_first_failure(here, controls.at), Suspicion.CONTROLS_UNREACHABLE)
    others = [slot for name, slot in slots.items() if name != location and _awake(slot, last)]
    return _by_majority(here.recent(), others, suspect)


def _by_majority(
    recent: Mapping[UUID, Sighting], others: Sequence[Slot], suspect: Suspect | None
) -> Suspect | Acquittal | None:
    failing = {monitor_id: seen for monitor_id, seen in recent.items() if not seen.reached}
    if 2 * len(failing) <= len(recent):
        return Acquittal.MOST_SUCCEED if suspect else None
    agreement = _agreement(failing, others)
    if suspect:
        return Acquittal.OTHERS_AGREE if agreement else None
    if agreement or (agreement is None and others) or _unrelated(failing) < LEAST_UNRELATED:
        return None
    return Suspect(min(seen.at for seen in failing.values()), Suspicion.MOST_FAILED)


def _awake(slot: Slot, now: datetime) -> bool:
    newest = slot.newest()
    return newest is not None and now - newest <= OLDEST


def _agreement(failing: Mapping[UUID, Sighting], others: Iterable[Slot]) -> bool | None:
    """Whether other locations, as far as they looked since, find most of the failing monitors unreachable too."""
    since = min(seen.at for seen in failing.values())
    verdicts: list[bool] = []
    for slot in others:
        seen = slot.of(failing, since - ABREAST)
        if 2 * len(seen) >= len(failing):
            verdicts.append(2 * sum(not sighting.reached for sighting in seen.values()) > len(seen))
    return any(verdicts) if verdicts else None


def _unrelated(failing: Mapping[UUID, Sighting]) -> int:
    sites = {seen.site_id for seen in failing.values()}
    places = {seen.address or str(seen.site_id) for seen in failing.values()}
    return min(len(sites), len(places))


def _first_failure(slot: Slot, otherwise: datetime) -> datetime:
    return min((seen.at for seen in slot.recent().values() if not seen.reached), default=otherwise)
