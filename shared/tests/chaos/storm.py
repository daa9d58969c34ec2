"""A storm over the whole product, and the count afterwards: nothing lost, nothing twice, four services that agree.

`python -m pytest shared/tests/chaos` runs a short one; `make chaos` a long one that prints its counts.
"""

import random
import re
import sys
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from importlib import import_module
from pathlib import Path
from typing import Any

import httpx
import psycopg
from psycopg.rows import tuple_row

from shared.events import EventName
from shared.jetstream import ADVISORIES
from shared.outbound_http import usual_authorities
from shared.stack.processes import ChildProcess
from shared.testing.running_stack import RunningStack, Tenant
from shared.testing.small_site import SmallSite

from ..e2e.thread_client import FAST_MONITORING, ThreadClient, client_month

SERVICES = ("contracts", "probes", "incidents", "reporting")
FAULTY_WORKER = Path(__file__).with_name("faulty_worker.py")
LONGEST = 4
"""How many times its seconds a storm may last, on a machine so slow that not everything has struck by then."""
CALM_SECONDS = 300.0
EARS_SECONDS = 20.0
LAST_OUTAGES_SECONDS = 10.0
MICROSECOND = 1.5e-6
"""Of the figures that are compared; sums of floats leave half of one."""

EVERY_FAULT = {
    "relay_crash_before_publish",
    "relay_crash_after_publish",
    "handler_crash",
    "acknowledgement_lost",
    "nats_killed",
    "jetstream_wiped",
    "postgres_killed",
}

FIRST_WORKERS = {
    "contracts-1": "relay_crash_before_publish",
    "contracts-2": "relay_crash_after_publish",
    "probes-1": "acknowledgement_lost",
    "incidents-1": "handler_crash",
    "incidents-2": "handler_crash",
    "reporting-1": "acknowledgement_lost",
}
"""The workers of the storm, two of which compete with another, and the fault that is sure to strike each at first."""


@dataclass(frozen=True)
class StormPlan:
    """How long and how hard. The intervals are seconds between two blows; every `wipe_every`-th NATS kill wipes it."""

    seconds: float = 30.0
    contracts: int = 40
    seed: int = 1
    fault_rate: float = 0.02
    nats_kill_every: float = 5.0
    wipe_every: int = 3
    postgres_kill_every: float = 11.0
    api_kill_every: float = 7.0


@dataclass
class StormReport:
    """What was done to the product, and what it made of it. `violations` is empty when everything holds."""

    changes_accepted: int = 0
    changes_refused: int = 0
    blows: Counter[str] = field(default_factory=Counter)
    events: dict[str, int] = field(default_factory=dict)
    effects: dict[str, int] = field(default_factory=dict)
    outages: int = 0
    outages_cut_off: int = 0
    outages_measured: int = 0
    clocks: int = 0
    clock_states: Counter[str] = field(default_factory=Counter)
    calm_seconds: float = 0.0
    violations: list[str] = field(default_factory=list)

    def as_json(self) -> dict[str, Any]:
        return {**vars(self), "blows": dict(sorted(self.blows.items()))}


class Workers:
    """The services' processes during the storm: one API each, and workers that crash and are started again."""

    def __init__(self, stack: RunningStack, plan: StormPlan) -> None:
        self._stack = stack
        self._plan = plan
        self._apis: dict[str, ChildProcess] = {}
        self._workers: dict[str, ChildProcess] = {}
        self._starts = 0
        self.counts: Counter[str] = Counter()

    def start(self) -> None:
        """Replaces the calm processes; contracts and incidents get two workers, which compete."""
        for service in SERVICES:
            self._stack.services.processes[service].stop(10.0)
            self._apis[service] = self._launch(f"{service}-api", service, [sys.executable, "-m", service, "api"], {})
        for name, sure_fault in FIRST_WORKERS.items():
            self._start_worker(name, sure_fault)
        self.wait_for_apis()

    def keep(self) -> None:
        """Starts again what has ended."""
        for name, process in list(self._workers.items()):
            if not process.running:
                self._count(process)
                self._start_worker(name)
        for _service, process in self._apis.items():
            if not process.running:
                process.start()

    def kill_api(self, service: str) -> None:
        self._apis[service].kill()
        self._apis[service].start()

    def stop(self) -> None:
        """Ends the storm's processes and brings the calm ones back."""
        for process in [*self._workers.values(), *self._apis.values()]:
            process.kill()
        for process in self._workers.values():
            self._count(process)
        for service in SERVICES:
            self._stack.start_service(service, ready=False)

    def wait_for_apis(self) -> None:
        deadline = time.monotonic() + 60
        for service in SERVICES:
            while time.monotonic() < deadline:
                try:
                    if httpx.get(
                        f"{self._stack.url(service)}/readyz", trust_env=False, timeout=5, verify=usual_authorities()
                    ).is_success:
                        break
                except httpx.HTTPError:
                    pass
                time.sleep(0.1)

    def _start_worker(self, name: str, sure_fault: str = "") -> None:
        service = name.split("-", maxsplit=1)[0]
        self._starts += 1
        seed = str(self._plan.seed * 1000 + self._starts)
        faults = {"CHAOS_SEED": seed, "CHAOS_FAULT_RATE": str(self._plan.fault_rate), "CHAOS_SURE_FAULT": sure_fault}
        self._workers[name] = self._launch(name, service, [sys.executable, str(FAULTY_WORKER), service], faults)

    def _launch(self, name: str, service: str, command: list[str], more: Mapping[str, str]) -> ChildProcess:
        environment = self._stack.services.environment(service)
        environment |= {f"{service.upper()}_OPS_PORT": "0", **more}
        log = self._stack.clock_file.with_name(f"storm-{name}.log")
        process = ChildProcess(name, command, log=log, environment=environment)
        process.start()
        return process

    def struck(self) -> set[str]:
        """The faults that have struck so far, those of workers that run on included."""
        running = [fault for process in self._workers.values() for fault in _faults(process)]
        return set(self.counts) | set(running)

    def _count(self, process: ChildProcess) -> None:
        self.counts.update(_faults(process))


def _faults(process: ChildProcess) -> list[str]:
    """What its log says struck it."""
    return re.findall(r"^chaos (\w+)$", process.output(), re.MULTILINE)


class Storm:
    """One storm over one running stack. `run` returns the report; nothing in it asserts."""

    def __init__(self, stack: RunningStack, site: SmallSite, plan: StormPlan, say: Callable[[str], None]) -> None:
        self._stack = stack
        self._site = site
        self._plan = plan
        self._say = say
        self._random = random.Random(plan.seed)
        self._report = StormReport()
        self._over = threading.Event()
        self._accepted: dict[str, list[tuple[int, str]]] = {}
        self._tenant: Tenant = stack.new_tenant("Storm agency")
        self._contracts: list[str] = []

    def run(self) -> StormReport:
        self._contracts = self._sign_contracts()
        pages = {contract: f"/{number}" for number, contract in enumerate(self._contracts)}
        workers = Workers(self._stack, self._plan)
        workers.start()
        self._say(f"storm of {self._plan.seconds:g} s over {len(pages)} contracts")
        writers = [
            threading.Thread(target=self._toggle_pages, args=(list(pages.values()),), daemon=True),
            threading.Thread(target=self._change_contracts, args=(list(pages),), daemon=True),
        ]
        for writer in writers:
            writer.start()
        self._blow(workers)
        self._over.set()
        for writer in writers:
            writer.join(timeout=60)
        self._make_sure_that_servers_run()
        self._wait_for_ears(workers)
        workers.stop()
        self._report.blows += workers.counts
        # What is broken now is seen, and what recovers is seen, by calm workers with the storm's backlog.
        time.sleep(LAST_OUTAGES_SECONDS)
        for page in pages.values():
            self._site.mend_page(page)
        self._wait_for_calm()
        self._count()
        return self._report

    def _sign_contracts(self) -> list[str]:
        token = self._stack.token(self._tenant)
        with ThreadClient(self._stack, token) as thread:
            client = thread.create_client("Storm client")
            contracts = []
            for number in range(self._plan.contracts):
                url = self._site.url(f"/{number}")
                signed = thread.activate_contract(client, [(f"Site {number}", url)], monitoring=FAST_MONITORING)
                contracts.append(signed.contract_id)
        return contracts

    def _toggle_pages(self, pages: list[str]) -> None:
        broken: set[str] = set()
        while not self._over.wait(self._random.uniform(0.1, 0.4)):
            page = self._random.choice(pages)
            # Half of the site is broken at any time, each page for some ten seconds: long enough to be confirmed
            # between two blows.
            if page in broken:
                self._site.mend_page(page)
                broken.discard(page)
            else:
                self._site.break_page(page)
                broken.add(page)

    def _change_contracts(self, contracts: list[str]) -> None:
        """Suspends and resumes; every change that was answered with 2xx must be there at the end."""
        chance = random.Random(self._plan.seed + 1)
        status = dict.fromkeys(contracts, "active")
        while not self._over.wait(chance.uniform(0.05, 0.3)):
            contract = chance.choice(contracts)
            change = "suspend" if status[contract] == "active" else "resume"
            try:
                token = self._stack.token(self._tenant)
                with ThreadClient(self._stack, token) as thread:
                    answered = thread.change_contract(contract, change)
            except (httpx.HTTPError, KeyError) as error:
                # Unknown outcome: it may have happened. Ask, as a careful client would.
                self._report.changes_refused += 1
                self._say_if_strange(error)
                with_status = self._status_of(contract)
                status[contract] = with_status or status[contract]
                continue
            self._report.changes_accepted += 1
            status[contract] = answered["status"]
            self._accepted.setdefault(contract, []).append((answered["version"], answered["status"]))

    def _status_of(self, contract: str) -> str | None:
        try:
            with ThreadClient(self._stack, self._stack.token(self._tenant)) as thread:
                return str(thread.contract(contract)["status"])
        except httpx.HTTPError:
            return None

    def _say_if_strange(self, error: Exception) -> None:
        if isinstance(error, httpx.HTTPStatusError) and error.response.status_code not in (409, 412, 500, 503):
            self._report.violations.append(f"a change was answered {error.response.status_code}: {error.response.text}")

    def _blow(self, workers: Workers) -> None:
        plan, began = self._plan, time.monotonic()
        next_nats, next_postgres, next_api = plan.nats_kill_every, plan.postgres_kill_every, plan.api_kill_every
        while (now := time.monotonic() - began) < plan.seconds or (
            now < plan.seconds * LONGEST and not self._has_struck(workers)
        ):
            workers.keep()
            if now >= next_nats:
                next_nats = now + plan.nats_kill_every
                self._report.blows["nats_killed"] += 1
                wipe = self._report.blows["nats_killed"] % plan.wipe_every == 0
                self._report.blows["jetstream_wiped"] += wipe
                self._stack.restart_nats(wipe=wipe)
            if now >= next_postgres:
                next_postgres = now + plan.postgres_kill_every
                self._report.blows["postgres_killed"] += 1
                self._stack.restart_postgres()
            if now >= next_api:
                next_api = now + plan.api_kill_every
                self._report.blows["api_killed"] += 1
                workers.kill_api("contracts")
            time.sleep(0.05)

    def _has_struck(self, workers: Workers) -> bool:
        """Whether each fault has struck, and a pause of monitoring has cut off an outage."""
        if not workers.struck() | set(self._report.blows) >= EVERY_FAULT:
            return False
        try:
            with self._database() as query:
                ((cut_off,),) = query("select count(*) from probes.outage where ending = 'paused'")
        except psycopg.OperationalError:
            return False
        return bool(cut_off)

    def _make_sure_that_servers_run(self) -> None:
        if not self._stack.nats.running:
            self._stack.nats.start()
        if not self._stack.postgres.running:
            self._stack.postgres.start()

    def _wait_for_ears(self, workers: Workers) -> None:
        """The storm's own workers listen to advisories again after a wipe; new ones would in any case."""
        began = time.monotonic()
        while any(self._deaf_to_advisories()) and time.monotonic() - began < EARS_SECONDS:
            workers.keep()
            time.sleep(0.5)
        self._report.violations.extend(self._deaf_to_advisories())

    # The count ------------------------------------------------------------------------------------------------------

    def _wait_for_calm(self) -> None:
        """Until every outbox is on its stream and every event has taken effect, or the patience ends."""
        began = time.monotonic()
        while time.monotonic() - began < CALM_SECONDS:
            time.sleep(0.5)
            with self._database() as query:
                # Jobs go on after the last event was taken (a mail is sent, and said): agreement is waited for as well.
                if (
                    not any(unfinished(query))
                    and not any(_disagreements(query))
                    and not any(self._wrong_in_reports(query))
                ):
                    break
        self._report.calm_seconds = round(time.monotonic() - began, 1)

    @contextmanager
    def _database(self) -> Iterator[Callable[[str], list[tuple[Any, ...]]]]:
        with psycopg.connect(self._stack.database_url, row_factory=tuple_row) as connection:

            def query(text: str) -> list[tuple[Any, ...]]:
                return connection.execute(text.encode()).fetchall()

            yield query

    def _deaf_to_advisories(self) -> Iterator[str]:
        """Who would not hear that NATS gave up on an event: the wiped volume held what they listen to."""
        address = f"{self._stack.nats.monitor_url}/jsz?accounts=true&streams=true&consumers=true"
        accounts = httpx.get(address, trust_env=False, timeout=30, verify=usual_authorities()).json()["account_details"]
        streams = [stream for account in accounts for stream in account.get("stream_detail", [])]
        listening = {
            consumer["name"]
            for stream in streams
            if stream["name"] == ADVISORIES
            for consumer in stream.get("consumer_detail") or []
        }
        for service in SERVICES:
            if import_module(f"{service}.main").SERVICE.handlers is not None and service not in listening:
                yield f"{service} does not hear what NATS gave up on"

    def _count(self) -> None:
        violations = self._report.violations
        with self._database() as query:
            violations.extend(self._never_finished(query))
            for service in SERVICES:
                ((events,),) = query(f"select count(*) from {service}.outbox")
                self._report.events[service] = events
                for consumer, subject, error in query(
                    f"select consumer, subject, error from {service}.dead_letter where resolved_at is null"
                ):
                    violations.append(f"dead letter in {consumer}: {subject}: {error}")
            ((self._report.outages, self._report.outages_cut_off),) = query(
                "select count(*), count(*) filter (where ending = 'paused') from probes.outage"
            )
            violations.extend(_disagreements(query))
            violations.extend(self._wrong_in_reports(query))
            for contract, changes in self._accepted.items():
                kept = dict(
                    query(f"select version, status from contracts.contract_state where contract_id = '{contract}'")
                )
                violations.extend(
                    f"contract {contract} was answered {status} at version {version}, but that change is not there"
                    for version, status in changes
                    if kept.get(version) != status
                )

    def _never_finished(self, query: Callable[[str], list[tuple[Any, ...]]]) -> list[str]:
        """What is unfinished for good. Who reads a report to compare it is recorded, by an event that is on its way."""
        began = time.monotonic()
        while left := list(unfinished(query, self._report.effects)):
            if time.monotonic() - began > CALM_SECONDS:
                break
            time.sleep(0.5)
        return left

    def _wrong_in_reports(self, query: Callable[[str], list[tuple[Any, ...]]]) -> Iterator[str]:
        """Where a report says of a clock or of an ended outage what incidents or probes do not."""
        clocks: dict[str, tuple[Any, ...]] = {row[0]: row[1:] for row in query(CLOCKS)}
        down: dict[str, float] = {outage: float(seconds) for outage, seconds in query(DOWN_SECONDS)}
        told_clocks: dict[str, tuple[Any, ...]] = {}
        told_down: defaultdict[str, float] = defaultdict(float)
        month = client_month(self._stack.clock.now())
        with ThreadClient(self._stack, self._stack.token(self._tenant)) as thread:
            for contract in self._contracts:
                report = thread.get("reporting", f"/v1/contracts/{contract}/reports/{month}")
                for clock in (clock for line in report["incidents"]["items"] for clock in line["clocks"]):
                    due = datetime.fromisoformat(clock["due_at"]) if clock["due_at"] else None
                    told_clocks[clock["clock_id"]] = (clock["verdict"], clock["target_seconds"], due)
                for span in (span for figure in report["uptime"]["figures"] for span in figure["explanation"]):
                    if span["state"] == "down" and span["outage_id"] is not None:
                        length = datetime.fromisoformat(span["to"]) - datetime.fromisoformat(span["from"])
                        told_down[span["outage_id"]] += length.total_seconds()
        self._report.clocks, self._report.outages_measured = len(clocks), len(down)
        self._report.clock_states = Counter(state for _, _, _, state in clocks.values())
        for clock_id, (verdict, target, due, state) in clocks.items():
            told = told_clocks.get(clock_id)
            # What stands still is due later with every instant: only what runs or has ended has one due time.
            expected = (verdict, target, told[2] if told and state == "paused" else due)
            if told != expected:
                yield f"incidents and the report disagree about clock {clock_id} ({state}): {expected}, {told}"
        for outage, seconds in down.items():
            if abs(told_down[outage] - seconds) > MICROSECOND:
                yield f"probes saw outage {outage} down for {seconds} s, the report says {told_down[outage]} s"


def unfinished(query: Callable[[str], list[tuple[Any, ...]]], effects: dict[str, int] | None = None) -> Iterator[str]:
    """What is not on its stream or has not been taken by everybody who listens; counts what was into `effects`."""
    for service in SERVICES:
        ((waiting,),) = query(f"select count(*) from {service}.outbox where published_at is null")
        if waiting:
            yield f"{service} has {waiting} unpublished events"
    for publisher in SERVICES:
        for consumer in SERVICES:
            yield from _not_taken(query, publisher, consumer, {} if effects is None else effects)


def _not_taken(
    query: Callable[[str], list[tuple[Any, ...]]], publisher: str, consumer: str, effects: dict[str, int]
) -> Iterator[str]:
    handlers = import_module(f"{consumer}.main").SERVICE.handlers
    rows = query(
        f"select o.type, count(*) filter (where i.event_id is null), count(i.event_id) from {publisher}.outbox o "
        f"left join {consumer}.inbox i on i.event_id = o.event_id and i.consumer = '{consumer}' group by o.type"
    )
    taken = 0
    for kind, lost, found in rows:
        name = EventName.parse(kind.removeprefix("dev.upheld."))
        if handlers is not None and handlers.for_event(name):
            taken += found
            if lost:
                yield f"{consumer} has not taken {lost} events {name}"
    effects[f"{publisher} in {consumer}"] = taken


def _disagreements(query: Callable[[str], list[tuple[Any, ...]]]) -> Iterator[str]:
    for sentence, sql in DISAGREEMENTS.items():
        yield from (f"{sentence}: {row}" for row in query(sql)[:5])


DISAGREEMENTS = {
    "an outage does not have exactly one incident": """
        select o.outage_id, count(i.id) from probes.outage o left join incidents.work_item i using (outage_id)
        group by o.outage_id having count(i.id) <> 1""",
    "an incident has an outage that probes does not know": """
        select i.number, i.outage_id from incidents.work_item i left join probes.outage o using (outage_id)
        where i.outage_id is not null and o.outage_id is null""",
    "a recovered outage left its incident without recovery": """
        select o.outage_id from probes.outage o join incidents.work_item i using (outage_id)
        where o.ending = 'recovered' and not exists (select 1 from incidents.item_stamp s
            where s.item_id = i.id and s.milestone = 'recovered' and s.at = o.ended_at)""",
    "an incident was given a recovery that probes did not see": """
        select i.number from incidents.work_item i join incidents.item_stamp s on s.item_id = i.id
        join probes.outage o using (outage_id) where s.milestone = 'recovered'
        and (o.ending is distinct from 'recovered' or o.ended_at is distinct from s.at)""",
    "an outage that a pause cut off left its incident under observation": """
        select o.outage_id from probes.outage o join incidents.work_item i using (outage_id)
        where o.ending = 'paused' and not exists (select 1 from incidents.item_stamp s
            where s.item_id = i.id and s.milestone = 'monitoring_paused' and s.at = o.ended_at)""",
    "an incident's observation ended with a pause that probes did not make": """
        select i.number from incidents.work_item i join incidents.item_stamp s on s.item_id = i.id
        join probes.outage o using (outage_id) where s.milestone = 'monitoring_paused'
        and (o.ending is distinct from 'paused' or o.ended_at is distinct from s.at)""",
    "a clock runs although its outage is not observed": """
        select i.number, c.metric, c.state from incidents.work_item i join incidents.clock_due c on c.item_id = i.id
        join incidents.item_stamp s on s.item_id = i.id
        where s.milestone = 'monitoring_paused' and c.state = 'running'""",
    "a pause of monitoring is not on its incident's timeline exactly once": """
        select i.number, count(t.id) from incidents.work_item i join incidents.item_stamp s on s.item_id = i.id
        left join incidents.timeline_entry t on t.item_id = i.id and t.kind = 'monitoring_paused'
        where s.milestone = 'monitoring_paused' group by i.id, i.number having count(t.id) <> 1""",
    "contracts and probes disagree about a contract's version": """
        select c.contract_id, c.version, max(p.version) from contracts.contract c
        left join probes.contract_version p using (contract_id) where c.activated_at is not null
        group by c.contract_id, c.version having max(p.version) is distinct from c.version""",
    "contracts and incidents disagree about a contract's version": """
        select c.contract_id, c.version, max(t.version) from contracts.contract c
        left join incidents.contract_terms t using (contract_id) where c.activated_at is not null
        group by c.contract_id, c.version having max(t.version) is distinct from c.version""",
    "contracts and reporting disagree about a contract": """
        select c.contract_id, c.version, r.version, c.status, r.status from contracts.contract c
        left join reporting.contract r using (contract_id) where c.activated_at is not null
        and (r.version is distinct from c.version or r.status is distinct from c.status)""",
    "reporting lacks a transition of a monitor or has one too many": """
        select m.monitor_id, m.version, count(t.number), max(t.number) from probes.monitor m
        left join (select monitor_id, number from reporting.transition
            union all select aggregate_id::uuid, aggregate_version from reporting.event
            where name in ('probes.monitor.flapping.v1', 'probes.monitor.settled.v1')) t using (monitor_id)
        group by m.monitor_id, m.version having count(t.number) <> m.version or max(t.number) <> m.version""",
    "probes and reporting disagree about a monitor's state": """
        select m.monitor_id, m.state, r.state from probes.monitor m left join reporting.monitor r using (monitor_id)
        where r.state is distinct from m.state or r.since is distinct from m.since""",
    "incidents and reporting disagree about an incident": """
        select i.number, said.version, r.version, i.status, r.status from incidents.work_item i
        cross join lateral (select max(o.aggregate_version) as version from incidents.outbox o
            where o.aggregate_type = 'incident' and o.aggregate_id = i.id::text) said
        left join reporting.incident r on r.incident_id = i.id
        where i.kind = 'incident'
        and (r.version is distinct from said.version or r.status is distinct from i.status)""",
    "a fact was told twice to one person": """
        select item_id, kind, fact, recipient, count(*) from incidents.notification
        group by item_id, kind, fact, channel, recipient having count(*) > 1""",
    "an event is twice on the record of reporting": """
        select aggregate_id, aggregate_version, name, count(*) from reporting.event
        group by aggregate_id, aggregate_version, name having count(*) > 1""",
}
"""Sentences that must not be true after the storm, and the query that finds where they are."""

CLOCKS = """
    select clock_id::text, case when state in ('met', 'breached', 'cancelled') then state else 'running' end,
        (reading->>'target_seconds')::float, due_at, state
    from incidents.clock_due where metric in ('response', 'repair')"""
"""Of every clock that a report shows: its verdict as a report words it, its target in seconds, its due time, state."""

DOWN_SECONDS = """
    with suspended as (
        select contract_id, range_agg(during) as during from (
            select contract_id, status, tstzrange(effective_from,
                lead(effective_from) over (partition by contract_id order by version)) as during
            from incidents.contract_terms) versions
        where status = 'suspended' group by contract_id)
    select o.outage_id::text, coalesce((
        select sum(extract(epoch from upper(piece) - lower(piece))) from unnest(
            tstzmultirange(tstzrange(o.down_since, o.ended_at))
            - coalesce((select range_agg(tstzrange((gap->>'start')::timestamptz,
                coalesce((gap->>'end')::timestamptz, o.ended_at))) from jsonb_array_elements(o.gaps) gap), '{}')
            - coalesce(s.during, '{}')) piece), 0)
    from probes.outage o left join suspended s using (contract_id)
    where o.ended_at is not null"""
"""Of every ended outage the seconds in which probes saw it down and the contract was not suspended."""
