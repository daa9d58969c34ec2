"""What is still to come for a contract in force: amendments with a date, its end, renewals, alerts, price revisions,
and the edges of its critical periods.

Each is due at an instant that is known beforehand. Whoever notices it, and however late, it counts from that instant.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Literal
from uuid import UUID
from zoneinfo import ZoneInfo

from pydantic import BaseModel, Field

from contracts.application.ports import Workspace
from contracts.application.values import AmountOfMoney
from contracts.domain.agreement import Party, end_of, local_date
from contracts.domain.contract_term import TermReading, add_months, read_term
from contracts.domain.lifecycle import Status
from shared.kernel.calendar import opening_instant
from shared.values import Instant, LocalDate

if TYPE_CHECKING:
    from contracts.application.amendments import ScheduledAmendment
    from contracts.application.contracts import Contract, Terms


class ExpressRenewal(BaseModel):
    """A further term that the parties agreed on."""

    months: int = Field(ge=1)
    evidence: str = Field(description="How it was agreed on.")
    recorded_by: str
    recorded_at: Instant


class Ending(BaseModel):
    """The end that a party has given notice of."""

    kind: Literal["notice", "early"] = Field(description="At the end of a term, or before it by the rule for that.")
    given_by: Party
    given_on: LocalDate
    ends_before: LocalDate = Field(description="The first day on which the contract does not run any more.")
    ends_at: Instant
    reason: str
    regular_end: LocalDate = Field(description="When it would end with nothing to pay for it.")
    cost: AmountOfMoney | None = Field(
        description="What leaving before the regular end costs, once; null: nothing is owed."
    )
    why: dict[str, str] = Field(description="How the day and the cost come about, in French and English.")
    recorded_by: str
    recorded_at: Instant


class Life(BaseModel):
    """What is known of a contract's time to come beside what was signed."""

    contract_id: UUID
    client_id: UUID
    time_zone: str
    """Of the contract, as it was signed: its days begin and end in it."""
    renewals: list[ExpressRenewal] = Field(default_factory=list)
    term_ends_before: LocalDate | None = None
    """End of the term that runs, which is the newest one that has begun."""
    announced_end: LocalDate | None = None
    """End of the term whose alert was said."""
    ending: Ending | None = None
    priced_on: LocalDate | None = None
    """The day since which the price is as it is: by signature, or the last day of revision that is dealt with."""
    awaited_on: LocalDate | None = None
    """A day of revision for which the index had no value yet."""
    waits_for_index: str | None = None
    """The index of which a value is awaited."""
    edge_at: Instant | None = None
    """When a critical period begins or ends next."""
    due_at: Instant | None = None
    """When something is due next."""

    def day(self, at: datetime) -> date:
        """The date of the contract at an instant."""
        return local_date(at, self.time_zone)

    def begins(self, day: date) -> datetime:
        """The instant at which a day of the contract begins."""
        return opening_instant(day, 0, ZoneInfo(self.time_zone))

    def reading(self, terms: "Terms", on: date) -> TermReading | None:
        """Where these terms stand on a day; None when they have no term."""
        if terms.term is None:
            return None
        return read_term(terms.term.from_day(terms.starts_on), on, [renewal.months for renewal in self.renewals])

    def ends_at(self, terms: "Terms") -> datetime | None:
        """When a contract with these terms ends, as far as is known."""
        agreed = end_of(terms.ends_on, self.time_zone)
        if terms.term is not None and terms.term.renewal.kind != "tacit":
            months = terms.term.initial_months + sum(renewal.months for renewal in self.renewals)
            agreed = self.begins(add_months(terms.starts_on, months))
        known = [at for at in (agreed, None if self.ending is None else self.ending.ends_at) if at is not None]
        return min(known, default=None)


What = Literal["end", "renewal", "amendment", "revision", "critical_period", "alert"]
_AT_ONE_INSTANT: tuple[What, ...] = ("end", "renewal", "amendment", "revision", "critical_period", "alert")
"""A contract that has ended is neither renewed nor amended; a renewal is of the terms that were in force so far. What
begins with a critical period is worked out for its instant already, so that the edge is none any more."""

_LOOKED_AT_AGAIN = timedelta(days=1)


@dataclass(frozen=True)
class Due:
    """Something that comes at an instant."""

    at: datetime
    what: What


async def life_of(work: Workspace, contract: "Contract") -> Life:
    """What is kept of the time to come of a contract; nothing is before it is in force."""
    kept = await work.life.lives.of(contract.contract_id)
    if kept is not None:
        return kept
    if contract.document is None:
        zone = (await work.clients.get(contract.client_id)).time_zone
    else:
        document = await work.contracts.document(contract.contract_id, contract.document.number)
        zone = json.loads(document.text)["client"]["time_zone"]
    return Life(contract_id=contract.contract_id, client_id=contract.client_id, time_zone=zone)


def under(life: Life, terms: "Terms", at: datetime, time_zone: str, *, priced: bool) -> Life:
    """The life of a contract that comes under these terms; `priced`: its price or its index counts from then on."""
    moved = life.model_copy(update={"time_zone": time_zone})
    today = max(moved.day(at), terms.starts_on)
    reading = moved.reading(terms, today)
    changes: dict[str, object] = {"term_ends_before": None if reading is None else reading.current_term.end}
    if priced or life.priced_on is None:
        changes["priced_on"] = today
    if priced or terms.indexation is None:
        changes |= {"awaited_on": None, "waits_for_index": None}
    return moved.model_copy(update=changes)


def next_due(contract: "Contract", life: Life, scheduled: Sequence["ScheduledAmendment"]) -> Due | None:
    """What comes next, whether or not its instant is over; None when nothing is known to come."""
    if contract.status not in (Status.ACTIVE, Status.SUSPENDED):
        return None
    terms = contract.terms
    found: list[Due] = []
    if contract.ends_at is not None:
        found.append(Due(contract.ends_at, "end"))
    found += [Due(each.effective_at, "amendment") for each in scheduled[:1]]
    if terms.term is not None and life.term_ends_before is not None:
        found.append(Due(life.begins(life.term_ends_before), "renewal"))
        reading = life.reading(terms, life.term_ends_before - timedelta(days=1))
        if reading is not None and life.ending is None and life.announced_end != life.term_ends_before:
            found.append(Due(life.begins(reading.alert_on), "alert"))
    if terms.indexation is not None:
        after = life.awaited_on or life.priced_on or terms.starts_on
        found.append(Due(life.begins(terms.indexation.next_date(after)), "revision"))
    if life.edge_at is not None:
        found.append(Due(life.edge_at, "critical_period"))
    return min(found, key=lambda due: (due.at, _AT_ONE_INSTANT.index(due.what)), default=None)


async def plan(work: Workspace, contract: "Contract", life: Life) -> None:
    """Keeps the life of a locked contract, with when somebody has to look at it next."""
    scheduled = await work.life.amendments.scheduled(contract.contract_id)
    due = next_due(contract, life, scheduled)
    due_at = None if due is None else due.at
    if due_at is not None and life.waits_for_index is not None:
        # A value that was entered while the contract began to wait has woken nobody.
        due_at = min(due_at, work.now + _LOOKED_AT_AGAIN)
    await work.life.lives.put(life.model_copy(update={"due_at": due_at}))
