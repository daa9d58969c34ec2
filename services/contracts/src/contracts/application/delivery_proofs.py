"""What proves that a contract's deliverables were delivered, month by month, and what was promised and never was.

Facts that other services told prove most of them by themselves; what nothing tells of (a talk, a report that was handed
over) somebody of the agency enters with its evidence.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, Literal, Protocol, TypeAlias
from uuid import UUID
from zoneinfo import ZoneInfo

from pydantic import BaseModel, ConfigDict, Field

from contracts.application.continuity import BackupProof, ObjectiveStanding
from contracts.application.contract_facts import continuity_of
from contracts.application.contracts import Contract, ContractState
from contracts.application.deliverables import Proof
from contracts.application.errors import Refused
from contracts.application.facts import ItemFact, PeriodFacts, facts_of_period
from contracts.application.ports import Workspace
from contracts.application.register_records import Evidence
from contracts.application.scope import Scope
from contracts.application.values import Code, Request, Texts
from contracts.domain import delivery_proofs as rules
from contracts.domain.agreement import local_date
from contracts.domain.billing_periods import instants_of
from contracts.domain.contract_term import Days, add_months
from contracts.domain.delivery_proofs import Frequency, Status, Window
from shared.values import Instant, LocalDate

MOST_PROOFS = 100
MOST_EVIDENCE = 20

WATCHED_PAGES = "watched_pages"

Source: TypeAlias = Literal["deliverable", "scope"]


class NewDeliveryProof(Request):
    """That a deliverable was delivered on a day, with what shows it."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {
                    "deliverable": "performance_review",
                    "delivered_on": "2026-06-30",
                    "evidence": [{"what": "Review with the client", "reference": "minutes-2026-q2.pdf"}],
                }
            ]
        },
    )

    deliverable: Code = Field(description="Code of something that the contract promised on that day.")
    delivered_on: LocalDate = Field(description="In the client's zone; not in the future.")
    evidence: list[Evidence] = Field(min_length=1, max_length=MOST_EVIDENCE)


class DeliveryProof(BaseModel):
    """A proof that was entered; it is never changed."""

    delivery_proof_id: UUID
    contract_id: UUID
    client_id: UUID
    deliverable: str
    delivered_on: LocalDate
    evidence: list[Evidence] = Field(max_length=MOST_EVIDENCE)
    recorded_by: str
    recorded_at: Instant


class ProofLine(BaseModel):
    """One thing that proves a delivery."""

    source: Literal["event", "entered", "backup_proof"] = Field(
        description="`event`: an event of another service told it; else somebody of the agency entered it."
    )
    id: UUID = Field(description="Of the event, of the delivery proof, or of the proof of a backup.")
    on: LocalDate
    what: str = Field(description="What it is: a code for what events tell, else in words.")


class DueWindow(BaseModel):
    """Days in which something was due once, both included."""

    first: LocalDate
    last: LocalDate


class ProvedDeliverable(BaseModel):
    """A deliverable, or what is in scope, with what proves it in a month."""

    source: Source
    code: str
    type: str | None = Field(description="Null for a category of the scope.")
    name: Texts
    proof: Proof = Field(description="What kind of proof shows that it was delivered.")
    frequency: Literal["weekly", "monthly", "quarterly", "yearly"] | None = Field(
        description="Null: whenever something calls for it."
    )
    status: Status = Field(
        description="`not_called_for`: nothing in the month asked for it; `not_due`: its time is not over, or the"
        " contract ended first."
    )
    proofs: list[ProofLine] = Field(max_length=MOST_PROOFS, description="At most the hundred newest.")
    proof_count: int = Field(ge=0)
    missing: list[DueWindow] = Field(max_length=10, description="When it was due and was not delivered.")


class UnwatchedPages(BaseModel):
    """Pages that were promised to be watched and could not be: the checks of the site prove nothing of them then."""

    environment_id: UUID
    reason: str
    since: Instant
    until: Instant | None = Field(description="Null: that is so to this day.")


class DeliverableProofs(BaseModel):
    """A month of a contract: what was promised in it, and what proves each of it."""

    contract_id: UUID
    month: LocalDate = Field(description="Its first day.")
    time_zone: str
    as_of: Instant
    complete: bool = Field(description="The month is over in the client's zone.")
    data: list[ProvedDeliverable] = Field(max_length=1100)
    never_delivered: list[str] = Field(
        max_length=1100, description="Codes of what was promised, due and not delivered: promised but never delivered."
    )
    unwatched_pages: list[UnwatchedPages] = Field(
        max_length=1000, description="Promised pages that could not be watched at some time of the month, and why."
    )
    continuity: list[ObjectiveStanding] = Field(
        max_length=100, description="How old the newest proof of a backup is against the agreed RPO, as of now."
    )


class Proofs(Protocol):
    """Proofs that were entered, and what was promised when."""

    async def add(self, proof: DeliveryProof) -> None: ...

    async def entered(self, contract_id: UUID, first: date, end: date) -> Sequence[DeliveryProof]:
        """Those of deliveries from the first day until before the last, in the order of their days."""

    async def backups(self, contract_id: UUID, start: datetime, end: datetime) -> Sequence[BackupProof]:
        """Restores that were tried, of backups that were recorded in `[start, end)`."""

    async def states(self, contract_id: UUID, until: datetime) -> Sequence[ContractState]:
        """Everything that took effect before an instant, by version."""


# --- entered ---------------------------------------------------------------------------------------------------------


async def enter_proof(work: Workspace, contract: Contract, new: NewDeliveryProof) -> DeliveryProof:
    """A proof of a delivery. Raises Refused for the future, and for what was not promised on that day."""
    zone = ZoneInfo((await work.clients.get(contract.client_id)).time_zone)
    if new.delivered_on > local_date(work.now, zone.key):
        raise Refused("is in the future: say when it was delivered", "delivered_on")
    day = instants_of(Days(new.delivered_on, new.delivered_on + timedelta(days=1)), zone)
    promised = _promised(await work.proofs.states(contract.contract_id, day.end), day.start)
    if new.deliverable not in promised:
        known = ", ".join(promised) or "nothing"
        raise Refused(f"was not promised on that day; promised was: {known}", "deliverable")
    proof = DeliveryProof(
        **new.model_dump(),
        delivery_proof_id=work.new_id(),
        contract_id=contract.contract_id,
        client_id=contract.client_id,
        recorded_by=work.actor,
        recorded_at=work.now,
    )
    await work.proofs.add(proof)
    return proof


# --- a month ---------------------------------------------------------------------------------------------------------


async def proofs_of_month(work: Workspace, contract: Contract, month: date) -> DeliverableProofs:
    """What was promised in a calendar month of the client's zone, with its proofs."""
    zone = ZoneInfo((await work.clients.get(contract.client_id)).time_zone)
    whole = instants_of(Days(month, add_months(month, 1)), zone)
    found = await facts_of_period(work, contract.contract_id, whole.start, whole.end)
    lines = await delivered_in(work, contract, month, zone, found)
    return DeliverableProofs(
        contract_id=contract.contract_id,
        month=month,
        time_zone=zone.key,
        as_of=work.now,
        complete=whole.end <= work.now,
        data=lines,
        never_delivered=[line.code for line in lines if line.status == "never_delivered"],
        unwatched_pages=[
            UnwatchedPages(
                environment_id=told.environment_id, reason=told.reason, since=told.found_at, until=told.ended_at
            )
            for told in (each.told for each in found.unwatched[:1000])
        ],
        continuity=(await continuity_of(work, contract)).data,
    )


async def delivered_in(
    work: Workspace, contract: Contract, month: date, zone: ZoneInfo, found: PeriodFacts | None = None
) -> list[ProvedDeliverable]:
    """What was promised in a calendar month of a zone, with its proofs.

    :param found: facts that were read already; they are read again where something was due over a longer time.
    """
    month_end = add_months(month, 1)
    whole = instants_of(Days(month, month_end), zone)
    states = await work.proofs.states(contract.contract_id, whole.end)
    promised = _promised(states, whole.start)
    began_on = contract.terms.starts_on
    due = {code: _windows(item, month, began_on) for code, item in promised.items()}
    first = min([month, *(window.first for each in due.values() for window in each)])
    since = instants_of(Days(first, month_end), zone)
    if found is None or (found.start, found.end) != since:
        found = await facts_of_period(work, contract.contract_id, since.start, since.end)
    known = _Known(
        facts=found,
        backups=await work.proofs.backups(contract.contract_id, since.start, since.end),
        entered=await work.proofs.entered(contract.contract_id, first, month_end),
        zone=zone,
    )
    today = local_date(work.now, zone.key)
    over_at = contract.closed_at or contract.ends_at
    over_on = None if over_at is None else local_date(over_at, zone.key)
    lines = [_line(item, due[code], known, month, today, over_on) for code, item in promised.items()]
    return lines + [_scope_line(code, name, known, month) for code, name in _in_scope(states, whole.start).items()]


def _in_force(states: Sequence[ContractState], start: datetime) -> list[Mapping[str, Any]]:
    """What the states said that held from `start` on and in which the contract was in force."""
    before = [state for state in states if state.effective_from <= start]
    held = [*before[-1:], *(state for state in states if state.effective_from > start)]
    return [state.state for state in held if state.status == "active"]


def _promised(states: Sequence[ContractState], start: datetime) -> dict[str, Mapping[str, Any]]:
    """Code to deliverable, as it was promised last."""
    return {item["code"]: item for state in _in_force(states, start) for item in state["deliverables"]}


def _in_scope(states: Sequence[ContractState], start: datetime) -> dict[str, Texts]:
    """Code of what was in scope to its name, as it was agreed last."""
    scopes = [Scope.model_validate(state["scope"]) for state in _in_force(states, start) if state.get("scope")]
    return {each.code: each.name for scope in scopes for each in scope.of("in")}


@dataclass(frozen=True)
class _Known:
    """Everything that may prove something, over the longest window that the month is looked at by."""

    facts: PeriodFacts
    backups: Sequence[BackupProof]
    entered: Sequence[DeliveryProof]
    zone: ZoneInfo

    def line(self, event_id: UUID, at: datetime, what: str) -> ProofLine:
        return ProofLine(source="event", id=event_id, on=at.astimezone(self.zone).date(), what=what)

    def unwatched(self, day: date) -> bool:
        """Whether promised pages could not be watched at the end of a day."""

        def on(at: datetime) -> date:
            return at.astimezone(self.zone).date()

        return any(
            on(each.told.found_at) <= day and (each.told.ended_at is None or day < on(each.told.ended_at))
            for each in self.facts.unwatched
        )

    def items(self, kinds: Iterable[str], milestone: str, which: Callable[[ItemFact], bool]) -> list[ProofLine]:
        """What happened to items of these kinds, when they passed a milestone."""
        found = []
        for item in self.facts.items:
            at = item.at(milestone)
            if item.kind in kinds and at is not None and which(item):
                found.append(self.line(item.event_id, at, f"{item.kind}.{milestone}"))
        return found


def _any(_item: ItemFact) -> bool:
    return True


def _measured(known: _Known, which: Callable[[Any], bool]) -> list[ProofLine]:
    """Months that were measured. The last day of a month is the one on which it is proved."""
    return [
        known.line(each.event_id, each.told.ends_at - timedelta(microseconds=1), "uptime.period_measured")
        for each in known.facts.uptime
        if which(each.told)
    ]


def _seen(told: Any) -> bool:
    return any(figure.measured_units for figure in told.figures)


def _check_results(known: _Known) -> list[ProofLine]:
    return _measured(known, _seen)


def _certificate_results(known: _Known) -> list[ProofLine]:
    # Every check of an https address verifies the certificate; only news about one are events of their own.
    seen = [known.line(each.event_id, each.told.observed_at, "certificate") for each in known.facts.certificates]
    return seen + _measured(
        known, lambda told: any(each.measured_units and each.url.startswith("https:") for each in told.figures)
    )


def _performance_results(known: _Known) -> list[ProofLine]:
    # Every check is timed; only what became slower, or fast again, is an event of its own.
    judged = [
        ProofLine(source="event", id=each.event_id, on=each.told.since, what="performance")
        for each in known.facts.performance
    ]
    return judged + _measured(known, _seen)


def _work_orders(known: _Known) -> list[ProofLine]:
    return known.items(("work_order",), "completed", _any)


def _changes(known: _Known) -> list[ProofLine]:
    deployed = [
        known.line(each.event_id, each.told.deployed_at, "deployment")
        for each in known.facts.deployments
        if each.told.deployed_at is not None and each.told.result == "succeeded"
    ]
    fixed = known.items(("incident", "request"), "resolved", lambda item: item.category == "corrective")
    return [*deployed, *known.items(("change",), "deployed", _any), *_work_orders(known), *fixed]


def _published_reports(known: _Known) -> list[ProofLine]:
    # It is issued when its month is over, and delivers that month: its last day is the one on which it is proved.
    return [
        known.line(each.event_id, each.told.ends_at - timedelta(microseconds=1), "report.published")
        for each in known.facts.reports
    ]


_REVIEW: Mapping[Frequency, str] = {"quarterly": "quarterly", "yearly": "annual"}
"""How often a review is promised, to the kind that delivers it: what is issued for a quarter is none of the year."""


def _reviews(known: _Known, frequency: Frequency | None) -> list[ProofLine]:
    """Proved on the last day of its period, as a report is."""
    return [
        known.line(each.event_id, each.told.ends_at - timedelta(microseconds=1), "review.published")
        for each in known.facts.reviews
        if frequency is not None and each.told.kind == _REVIEW.get(frequency)
    ]


def _restores(known: _Known) -> list[ProofLine]:
    told = [
        known.line(each.event_id, each.told.performed_at, "restore_verification")
        for each in known.facts.restores
        if each.told.result == "succeeded"
    ]
    there = {line.id for line in told}
    entered = [
        ProofLine(
            source="backup_proof",
            id=each.backup_proof_id,
            on=each.recorded_at.astimezone(known.zone).date(),
            what=each.evidence,
        )
        for each in known.backups
        if each.backup_proof_id not in there
    ]
    return told + entered


def _decisions(known: _Known) -> list[ProofLine]:
    kinds = ("request", "change")
    return [*known.items(kinds, "approved", _any), *known.items(kinds, "declined", _any)]


def _verdicts(known: _Known) -> list[ProofLine]:
    return [
        known.line(each.event_ids[0], each.at, f"clock.{'breached' if each.missed else 'met'}")
        for each in known.facts.verdicts
    ]


def _by_a_monitor(item: ItemFact) -> bool:
    return (item.source or {}).get("kind") == "monitor"


_PROVED_BY: Mapping[str, Callable[[_Known], list[ProofLine]]] = {
    "check_results": _check_results,
    "uptime_measurement": lambda known: _measured(known, lambda told: bool(told.committed)),
    "status_page": lambda known: _measured(known, lambda told: told.status_page_slug is not None),
    "certificate_results": _certificate_results,
    "performance_results": _performance_results,
    "published_report": _published_reports,
    "work_order": _work_orders,
    "change_record": _changes,
    "restore_test": _restores,
    "notification_log": lambda known: known.items(("incident",), "alerted", _any),
    "incident_record": lambda known: known.items(("incident",), "opened", _any),
    "clock_record": _verdicts,
    "request_record": lambda known: known.items(("request",), "opened", _any),
    "backlog_record": lambda known: known.items(("request", "change"), "opened", _any),
    "decision_record": _decisions,
}
"""Kind of proof to what events prove by themselves, beside reviews; of the other kinds somebody enters the proofs."""

_EVERY_MONTH = frozenset(
    {
        "check_results",
        "uptime_measurement",
        "status_page",
        "certificate_results",
        "performance_results",
        "published_report",
        "review_document",
        "audit_log",
    }
)
"""What is proved every month where the deliverable does not say how often; everything else is called for."""


def _frequency(item: Mapping[str, Any]) -> Frequency | None:
    named: Frequency | None = item["parameters"].get("frequency")
    return named or ("monthly" if item["proof"] in _EVERY_MONTH else None)


def _windows(item: Mapping[str, Any], month: date, began_on: date) -> list[Window]:
    frequency = _frequency(item)
    return [Window(month, add_months(month, 1))] if frequency is None else rules.windows(frequency, month, began_on)


def _line(
    item: Mapping[str, Any], due: Sequence[Window], known: _Known, month: date, today: date, over_on: date | None
) -> ProvedDeliverable:
    frequency, kind = _frequency(item), item["proof"]
    by_events = _PROVED_BY[kind](known) if kind in _PROVED_BY else []
    if kind == "review_document":
        by_events = _reviews(known, frequency)
    if item["type"] == WATCHED_PAGES:
        # That the site was checked shows nothing of pages that could not be.
        by_events = [line for line in by_events if not known.unwatched(line.on)]
    entered = [
        ProofLine(source="entered", id=each.delivery_proof_id, on=each.delivered_on, what=each.evidence[0].what)
        for each in known.entered
        if each.deliverable == item["code"]
    ]
    month_end = add_months(month, 1)
    inside = [line for line in [*by_events, *entered] if any(window.holds(line.on) for window in due)]
    if frequency is None:
        # An outage that a monitor found must have been told; for the rest the record itself is what was asked for.
        calls = known.items(("incident",), "opened", _by_a_monitor) if kind == "notification_log" else []
        called = {line.id for line in calls if Window(month, month_end).holds(line.on)}
        answered = called & {line.id for line in by_events}
        judged = rules.judge_called_for(called, answered | {line.id for line in inside})
    else:
        judged = rules.judge_recurring(due, {line.on for line in inside}, month_end, today, over_on)
    return _proved("deliverable", item["code"], item["type"], Texts(**item["name"]), kind, frequency, judged, inside)


def _scope_line(code: str, name: Texts, known: _Known, month: date) -> ProvedDeliverable:
    """What is in scope is delivered when somebody asks for it: the requests of the month are its proof."""
    asked = known.items(("request",), "opened", lambda item: item.scope_verdict == "in_scope")
    inside = [line for line in asked if Window(month, add_months(month, 1)).holds(line.on)]
    judged = rules.judge_called_for((), {line.id for line in inside})
    return _proved("scope", code, None, name, "request_record", None, judged, inside)


def _proved(
    source: Source,
    code: str,
    type_: str | None,
    name: Texts,
    proof: Proof,
    frequency: Frequency | None,
    judged: rules.Judged,
    lines: Sequence[ProofLine],
) -> ProvedDeliverable:
    newest = sorted(lines, key=lambda line: (line.on, line.id), reverse=True)
    return ProvedDeliverable(
        source=source,
        code=code,
        type=type_,
        name=name,
        proof=proof,
        frequency=frequency,
        status=judged.status,
        proofs=newest[:MOST_PROOFS],
        proof_count=len(lines),
        missing=[DueWindow(first=each.first, last=each.end - timedelta(days=1)) for each in judged.missing],
    )
