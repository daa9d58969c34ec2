"""While the client owes something for an item, the item waits: an obligation of the contract's pauses it.

The pause carries the obligation as its evidence, and what ended it as its answer. Of several facts about one obligation
the newest counts, and each tells when it began and whether it is over; an old one that is heard late changes nothing.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from incidents.application.items import WAITING_ACCESS, pause_item, resume_item
from incidents.application.ports import UPHELD, Pause, Ports
from incidents.domain.work_item import DONE, Status, WorkItem
from shared.values import instant_text

REASONS: Mapping[str, str] = {
    "access": WAITING_ACCESS,
    "information": "waiting_for_client",
    "validation": "waiting_for_client",
}
"""What an item waits for while something of this kind is owed; whatever else the client owes keeps no item waiting."""


@dataclass(frozen=True)
class Owed:
    """What the client owes for an item, as it stood at `said_at`.

    `kept_at`: when he had given it last, though it may be asked for again. `ended_at`: when he owed it no more.
    """

    obligation_id: UUID
    version: int
    contract_id: UUID
    item_id: UUID
    kind: str
    asked: Mapping[str, str]
    asked_at: datetime
    due_at: datetime
    said_at: datetime
    kept_at: datetime | None
    ended_at: datetime | None
    outcome: str
    shown_by: tuple[Mapping[str, Any], ...]


async def follow(ports: Ports, owed: Owed) -> None:
    """The item waits, or waits no more. One that is over waits for nothing; one of another contract is not touched."""
    reason = REASONS.get(owed.kind)
    item = await ports.items.lock(owed.item_id)
    if reason is None or item is None or item.subject.contract_id != owed.contract_id:
        return
    pauses = [each for each in await ports.items.pauses(item.id) if _of(each) == str(owed.obligation_id)]
    if any(_known(each) >= owed.version for each in pauses):
        return
    waiting = next((each for each in pauses if each.resumed_at is None), None)
    if waiting is None:
        # A wait that somebody ended otherwise does not begin anew because what is owed has become overdue.
        over = pauses and (owed.ended_at is not None or owed.outcome == "breached")
        if item.status in DONE or item.status is Status.RESOLVED or over:
            return
        # Owed again after it had been given, it waits from when that was said.
        waiting = await _wait(ports, item, owed, reason, owed.said_at if pauses else owed.asked_at)
    if owed.ended_at is not None:
        await _end(ports, item, owed, waiting, owed.ended_at, owed.outcome)
    elif owed.kept_at is not None and waiting.at < owed.kept_at:
        # Given meanwhile and asked for again: that it was given is told by an event that is still to come.
        await _end(ports, item, owed, waiting, owed.kept_at, "fulfilled")
        await _wait(ports, item, owed, reason, owed.said_at)


async def _wait(ports: Ports, item: WorkItem, owed: Owed, reason: str, since: datetime) -> Pause:
    at = min(max(since, item.detected_at), ports.now)
    paused = await pause_item(ports, item.id, reason, _evidence(owed), at=at, actor=UPHELD)
    assert paused is not None
    return next(
        each
        for each in await ports.items.pauses(item.id)
        if _of(each) == str(owed.obligation_id) and each.resumed_at is None
    )


async def _end(ports: Ports, item: WorkItem, owed: Owed, waiting: Pause, at: datetime, outcome: str) -> None:
    ends = min(max(at, waiting.at), ports.now)
    answer = {"outcome": outcome, "obligation_version": owed.version, "evidence": list(owed.shown_by)}
    await resume_item(ports, item.id, waiting.id, answer, at=ends, actor=UPHELD)


def _evidence(owed: Owed) -> dict[str, Any]:
    return {
        "obligation_id": str(owed.obligation_id),
        "obligation_version": owed.version,
        "asked": dict(owed.asked),
        "due_at": instant_text(owed.due_at),
    }


def _of(pause: Pause) -> object:
    return pause.evidence.get("obligation_id")


def _known(pause: Pause) -> int:
    """The newest version of the obligation that the pause knows of."""
    return max(int((each or {}).get("obligation_version", 0)) for each in (pause.evidence, pause.answer))
