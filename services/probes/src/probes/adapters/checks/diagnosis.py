"""What else can be found out while something is down: what its name leads to, and where the way to it ends.

Looked for once per run of failures, beside the checks and not before them: the first failure begins it, and whichever
failure confirms the outage carries what was found. Rationed, so that a storm of failures costs nothing.
"""

import asyncio
import time
from collections import OrderedDict
from dataclasses import dataclass, field, replace
from ipaddress import ip_address
from urllib.parse import urlsplit
from uuid import UUID

import structlog

from probes.adapters.checks.chains import a_label
from probes.adapters.checks.connection import CheckFailed, Exchange
from probes.adapters.checks.dns_lookup import EVERYWHERE, Answer, look_up, system_name_servers
from probes.adapters.checks.finding import Finding
from probes.adapters.checks.traceroute import Way, trace
from probes.domain.states import Failure, Outcome, Reason
from shared.outbound_http import AddressGuard

log = structlog.get_logger()

SECONDS = 2.0
AT_ONCE = 5
IN_RESERVE = 10
EVERY_SECONDS = 6.0
"""One more may be begun this often, and as many in a row as are in reserve."""
MOST_KNOWN = 50_000
_LOOKED_UP = frozenset({Reason.DNS, Reason.CONNECT, Reason.TLS, Reason.TIMEOUT, Reason.PROTOCOL, Reason.UNREACHABLE})
_TRACED = frozenset({Reason.CONNECT, Reason.TIMEOUT, Reason.UNREACHABLE})
"""Reasons after which the way itself may be at fault. What was refused by the guard is never sent anything."""


@dataclass(slots=True)
class _Diagnosis:
    """What is being found out about one run of failures; `task` is None once it was handed over."""

    answers: list[Answer] = field(default_factory=list)
    way: Way | None = None
    task: asyncio.Task[None] | None = None


class Diagnostics:
    """Diagnoses failing monitors. `name_servers`: addresses and port to ask instead of this machine's resolvers."""

    def __init__(self, guard: AddressGuard, *, name_servers: tuple[list[str], int] | None = None) -> None:
        self._guard = guard
        self._name_servers = name_servers
        self._known: OrderedDict[UUID, _Diagnosis] = OrderedDict()
        self._reserve = float(IN_RESERVE)
        self._counted_at = time.monotonic()
        self._under_way: set[asyncio.Task[None]] = set()

    async def aclose(self) -> None:
        """Ends whatever is under way."""
        for task in self._under_way:
            task.cancel()
        await asyncio.gather(*self._under_way, return_exceptions=True)

    async def complete(self, monitor_id: UUID, finding: Finding, *, patience: float) -> Finding:
        """The finding, with what was found out about the run of failures that it belongs to, if it is there.

        A failure that confirms an outage waits so many seconds and takes what there is by then; without patience, it
        only begins the search. What was handed over once is not looked for again before the monitor has been good.
        """
        if finding.outcome is Outcome.GOOD:
            self._forget(monitor_id)
        if finding.outcome is not Outcome.BAD or finding.failure is None:
            return finding
        diagnosis = self._known.get(monitor_id) or self._begin(monitor_id, finding.failure)
        if diagnosis is None:
            if patience:  # that was the last chance: while it stays down, it leaves the ration to others
                self._remember(monitor_id, _Diagnosis())
            return finding
        if diagnosis.task is None:
            return finding
        if not patience and not diagnosis.task.done():
            return finding
        await asyncio.wait({diagnosis.task}, timeout=patience)
        diagnosis.task.cancel()
        diagnosis.task = None
        found: dict[str, object] = {}
        if diagnosis.answers:
            found["dns"] = [answer.document() for answer in diagnosis.answers]
        if diagnosis.way is not None and diagnosis.way.hops:
            found["traceroute"] = diagnosis.way.document()
        failure = finding.failure
        return replace(finding, failure=replace(failure, evidence={**found, **failure.evidence}))

    def _begin(self, monitor_id: UUID, failure: Failure) -> _Diagnosis | None:
        diagnosis = _Diagnosis()
        name = _name(failure)
        if failure.reason in _LOOKED_UP and name is not None and "dns" not in failure.evidence:
            diagnosis.answers = [Answer(name, kind, guard=self._guard) for kind in ("A", "AAAA")]
        address = _address(failure)
        if failure.reason in _TRACED and address is not None:
            diagnosis.way = Way(address)
        if not (diagnosis.answers or diagnosis.way) or not self._may_begin():
            return None
        diagnosis.task = asyncio.create_task(self._find_out(diagnosis))
        self._under_way.add(diagnosis.task)
        diagnosis.task.add_done_callback(self._done)
        self._remember(monitor_id, diagnosis)
        return diagnosis

    def _remember(self, monitor_id: UUID, diagnosis: _Diagnosis) -> None:
        self._known[monitor_id] = diagnosis
        while len(self._known) > MOST_KNOWN:
            self._known.popitem(last=False)

    def _done(self, task: asyncio.Task[None]) -> None:
        self._under_way.discard(task)
        if not task.cancelled() and task.exception() is not None:
            log.error("diagnosis_failed_unexpectedly", exc_info=task.exception())

    def _may_begin(self) -> bool:
        now = time.monotonic()
        self._reserve = min(IN_RESERVE, self._reserve + (now - self._counted_at) / EVERY_SECONDS)
        self._counted_at = now
        if self._reserve < 1 or len(self._under_way) >= AT_ONCE:
            return False
        self._reserve -= 1
        return True

    def _forget(self, monitor_id: UUID) -> None:
        diagnosis = self._known.pop(monitor_id, None)
        if diagnosis is not None and diagnosis.task is not None:
            diagnosis.task.cancel()

    async def _find_out(self, diagnosis: _Diagnosis) -> None:
        steps = [self._look_up(answer) for answer in diagnosis.answers]
        if diagnosis.way is not None:
            steps.append(trace(diagnosis.way, self._guard, seconds=SECONDS))
        await asyncio.gather(*steps)

    async def _look_up(self, answer: Answer) -> None:
        try:
            servers, port = self._name_servers or (system_name_servers(), 53)
            async with asyncio.timeout(SECONDS):
                exchange = Exchange("", port, EVERYWHERE)
                await look_up(answer, servers, port, exchange, guard=EVERYWHERE, seconds=SECONDS)
        except TimeoutError:
            answer.error = f"There was no answer within {SECONDS:g} s."
        except CheckFailed as trouble:
            answer.error = trouble.detail


def _name(failure: Failure) -> str | None:
    """The name that the check began with; None when it was an address."""
    try:
        host = urlsplit(str(failure.evidence.get("url") or "")).hostname
    except ValueError:
        return None
    if not host:
        return None
    try:
        ip_address(host)
    except ValueError:
        return a_label(host)
    return None


def _address(failure: Failure) -> str | None:
    """The address that was spoken to, or tried first."""
    tried = failure.evidence.get("addresses")
    address = failure.evidence.get("remote_address") or (tried[0] if isinstance(tried, list) and tried else None)
    return str(address) if address else None
