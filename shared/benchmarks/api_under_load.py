"""How the APIs answer when much is stored. `make bench-api` prints one JSON object.

    python shared/benchmarks/api_under_load.py [--contracts 10000] [--rate 20] [--minutes 10] …

Starts its own PostgreSQL, NATS and the four services on loopback. Every agency makes one contract through the API, of
five sites whose outages become incidents that people work off; the rows of each are copied (`cloned_contracts.py`), so
that one agency has a fifth of all contracts and another a tenth. Then the routes that frontends, status pages and the
portal ask most are asked at a fixed rate (`fixed_rate.py`), for contracts chosen by lot. Workers go on beside it:
monitors are looked at once an hour, hours are rolled up, clocks run.

Told are: latencies from the intended instant, processor time and memory of every process, statements by the time that
they took in all, and every statement slower than `--slow-ms` with its plan as it was executed. PostgreSQL does not
fsync, as in the tests. `machine.load` says what else the machine did.
"""

import argparse
import asyncio
import json
import multiprocessing
import os
import platform
import random
import re
import statistics
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import nats
import psutil
import psycopg

sys.path.insert(0, str(Path(__file__).parents[1]))  # for the client of the end-to-end tests

from cloned_contracts import Agency, ids_of, read_agencies, write_copies
from fixed_rate import Answers, Ask, Route, at_rate
from tests.e2e.portal_visitor import PortalVisitor, let_in
from tests.e2e.thread_client import FAST_MONITORING, SignedContract, ThreadClient, eventually

from shared.service_process import new_loop
from shared.stack.nats_server import SERVICES
from shared.stack.waiting import Patience
from shared.testing.running_stack import RunningStack, Tenant, running_stack_over
from shared.testing.servers import running_nats, running_postgres
from shared.testing.small_site import SmallSite

SITES = 5
REPORTED = 3
"""Incidents that people report under each contract and close, beside those of the outages; one more stays open."""
RESPONSE = {
    "calendar": "around_the_clock",
    "targets": [
        {"severity": severity, "response": "PT8H", "repair": "PT72H"} for severity in ("critical", "major", "minor")
    ],
}
"""Targets that no open incident reaches while it is measured."""
NO_POST_MORTEM = {"post_mortem": {"severities": [], "recurrences": 100, "within_days": 1}}
HOURLY = 3600
DAYS_BACK = 330
DAYS_OF_RESPONSE_TIMES = 30
DAYS_OF_RESULTS = 2
CHOSEN = 2000
"""Contracts that are asked for."""
VISITOR = "decider@client.example"
DEEP = 5
"""Pages into a list that a person goes."""
EXAMPLES = Path(__file__).parents[2] / "services" / "incidents" / "openapi.json"


# What is stored -----------------------------------------------------------------------------------------------------


def make_agencies(stack: RunningStack, site: SmallSite, tenants: Sequence[Tenant]) -> list[Agency]:
    """A contract of each agency with five sites, five outages, and what people did about them."""
    with ExitStack() as stacked:
        threads = [stacked.enter_context(ThreadClient(stack, stack.token(tenant))) for tenant in tenants]
        return _made(threads, site, tenants)


def _made(threads: Sequence[ThreadClient], site: SmallSite, tenants: Sequence[Tenant]) -> list[Agency]:
    contracts: list[SignedContract] = []
    pages = []
    for number, thread in enumerate(threads):
        client = thread.create_client(f"Client of agency {number}")
        mine = [f"/{number}-{each}" for each in range(SITES)]
        pages += mine
        contracts.append(
            thread.activate_contract(
                client,
                [(f"Site {each}", site.url(page)) for each, page in enumerate(mine)],
                monitoring=FAST_MONITORING,
                response=RESPONSE,
                service_desk=NO_POST_MORTEM,
            )
        )
    agencies = []
    for thread, contract in zip(threads, contracts, strict=True):
        thread.wait_for_monitors(contract, "up", 60)
    for page in pages:
        site.break_page(page)
    for thread, contract in zip(threads, contracts, strict=True):
        eventually(lambda: len(thread.incidents(contract)) >= SITES or None, 60, "every outage is an incident")  # noqa: B023
    for page in pages:
        site.mend_page(page)
    for tenant, thread, contract in zip(tenants, threads, contracts, strict=True):
        thread.wait_for_monitors(contract, "up", 60)
        for number in range(REPORTED):
            thread.post("incidents", "/v1/incidents", report(contract, f"Checkout shows an error {number}", "minor"))
        for incident in thread.incidents(contract):
            for act in ("acknowledge", "mitigate", "resolve", "close"):
                thread.act(incident["incident_id"], act)
        thread.post("incidents", "/v1/incidents", report(contract, "Images are missing", "major"))
        agencies.append(Agency(tenant.tenant_id, contract.contract_id))
    return agencies


def report(contract: SignedContract, title: str, severity: str) -> dict[str, Any]:
    """An incident that somebody tells of."""
    words = "Paying by card ends on a blank page since this morning; the shop was asked to pay by transfer meanwhile."
    under = {"contract_id": contract.contract_id, "site_id": contract.site_ids[0]}
    return under | {"title": title, "description": words, "severity": severity}


def wait_until_quiet(connection: psycopg.Connection[Any], seconds: float = 120.0) -> None:
    """Until what was said is heard everywhere."""
    said = " + ".join(f"(select count(*) from {service}.outbox where published_at is null)" for service in SERVICES)
    heard = " + ".join(f"(select count(*) from {service}.inbox)" for service in SERVICES)
    before = -1
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        waiting, done = connection.execute(f"select {said}, {heard}").fetchone() or (0, 0)
        if not waiting and done == before:
            return
        before = done
        time.sleep(3)
    raise TimeoutError("what the agencies did was not heard everywhere")


DOWN = "probes.monitor where state = 'down'"


def make_hourly(connection: psycopg.Connection[Any]) -> None:
    """From now on every monitor is looked at once an hour: what probing costs is measured elsewhere.

    And it waits half a minute for an answer, as monitors of such intervals may: the stack's one second is soon over
    where processors are shared with what is measured, and all monitors would be down.
    """
    for table in ("monitor", "monitor_rules"):
        connection.execute(f"update probes.{table} set interval_seconds = %s, timeout_seconds = 30".encode(), [HOURLY])
    connection.execute("update probes.location_state set last_interval_seconds = %s", [HOURLY])


def lengthen(connection: psycopg.Connection[Any]) -> None:
    """Response times of the days before, like those of the first day."""
    connection.execute(
        """
        insert into reporting.response_day
        select (jsonb_populate_record(d, jsonb_build_object(
            'starts_at', d.starts_at - make_interval(days => n), 'ends_at', d.ends_at - make_interval(days => n),
            'day', d.day - n))).*
        from reporting.response_day d, generate_series(1, %s) n
        on conflict do nothing
        """,
        [DAYS_OF_RESPONSE_TIMES],
    )


def spread(connection: psycopg.Connection[Any], now: datetime) -> None:
    """What every contract has to have done some time falls due at its own time, as with contracts of different days."""
    connection.execute(
        "update contracts.settlement_schedule set due_at = %s + make_interval(secs => 86400 * (1 + 20 * random()))",
        [now],
    )
    connection.execute("update incidents.cover_look set due_at = %s + make_interval(secs => 36000 * random())", [now])


def sizes_of(contracts: int, agencies: int) -> list[int]:
    """Contracts per agency: a fifth, a tenth, and the rest evenly."""
    if agencies < 4:
        return [contracts // agencies] * agencies
    large = [contracts // 5, contracts // 10]
    return [*large, *[(contracts - sum(large)) // (agencies - 2)] * (agencies - 2)]


def write(url: str, agencies: Sequence[tuple[Agency, int]]) -> None:
    """Writes the copies of some agencies, in a process of its own."""
    with psycopg.connect(url, autocommit=True) as connection:
        for agency, copies in agencies:
            write_copies(connection, agency, copies, DAYS_BACK)


def write_results(connection: psycopg.Connection[Any], now: datetime, days: int) -> None:
    """A check of every monitor for every hour of the last days."""
    today = (now - datetime(1970, 1, 1, tzinfo=UTC)).days
    for day in range(today - days + 1, today + 1):
        connection.execute("select probes.ensure_result_partition(%s)", [day])
        connection.execute(
            """
            insert into probes.result
            select m.number, %(day)s * 24 + h, h * 3600000 + m.number %% 3600000, 200, 900, 0, 40000 + m.number %% 9000,
                60000 + m.number %% 9000, %(day)s, 1, 200, 0
            from probes.monitor m, generate_series(0, 23) h
            order by h
            """,
            {"day": day},
        )


# What is asked ------------------------------------------------------------------------------------------------------


class Questions:
    """Requests for contracts chosen by lot, in a fixed order of routes."""

    def __init__(
        self, stack: RunningStack, tenants: Sequence[Tenant], first: Agency, connection: psycopg.Connection[Any]
    ) -> None:
        self._stack = stack
        self._first = first
        self._tenants = {tenant.tenant_id: tenant for tenant in tenants}
        self._ports = {service: stack.services.endpoints[service].port for service in SERVICES}
        self._chosen = connection.execute(
            """
            select c.tenant_id::text as tenant, c.contract_id::text as contract, c.client_id::text as client,
                r.slug, m.monitor_id::text as monitor, i.id::text as incident, i.opened_at,
                to_char(i.opened_at at time zone (r.state -> 'client' ->> 'time_zone'), 'YYYY-MM') as month
            from (select * from contracts.contract order by md5(contract_id::text) limit %s) c
            join reporting.contract r using (contract_id)
            cross join lateral (select monitor_id from probes.monitor p where p.contract_id = c.contract_id limit 1) m
            cross join lateral (
                select id, opened_at from incidents.work_item w
                where w.contract_id = c.contract_id and w.kind = 'incident'
                order by opened_at limit 1) i
            """,
            [CHOSEN],
        ).fetchall()
        self._cookie = ""
        self._cursors: dict[tuple[str, str], list[str]] = defaultdict(list)
        schema = json.loads(EXAMPLES.read_text(encoding="utf-8"))["components"]["schemas"]["SlaClockRequest"]
        self._clock = schema["examples"][0]
        self._tokens: dict[str, str] = {}

    def get_ready(self) -> None:
        """Tokens of all agencies, a person who is in the portal of the first one, and somebody deep in its lists."""
        self.refresh()
        if not self._cookie:
            with ThreadClient(self._stack, self._tokens[self._first.tenant_id]) as thread:
                client_id = thread.contract(self._first.contract_id)["client_id"]
                let_in(thread, client_id, VISITOR, "Léa Martin")
            visitor = PortalVisitor(self._stack)
            visitor.sign_in(VISITOR)
            self._cookie = "; ".join(f"{name}={value}" for name, value in visitor.http.cookies.items())
            visitor.close()
        self._cursors.clear()
        self._go_deep()

    def refresh(self) -> None:
        """Tokens that are good for the next minutes; a service that is too busy to give one is asked again later."""
        for tenant_id, tenant in self._tenants.items():
            try:
                self._tokens[tenant_id] = self._stack.token(tenant)
            except httpx.HTTPError as error:
                if tenant_id not in self._tokens:
                    raise
                say(f"no token: {error}")

    def _go_deep(self) -> None:
        """Notes the cursors of the first pages of each list, as somebody who pages has them."""
        for tenant_id, token in self._tokens.items():
            with ThreadClient(self._stack, token) as thread:
                for service, path in (("contracts", "/v1/contracts?status=active"), ("incidents", "/v1/incidents")):
                    cursor = ""
                    for _ in range(DEEP):
                        here = path + ("&" if "?" in path else "?") + f"limit=50{cursor}"
                        found = thread.get(service, here.partition("?")[0], **_parameters(here))
                        if not found["next_cursor"]:
                            break
                        cursor = f"&cursor={found['next_cursor']}"
                        self._cursors[tenant_id, service].append(found["next_cursor"])

    def asks(self) -> Iterator[Ask]:
        """Requests without end, each route as often as the others."""
        chance = random.Random(1)
        routes = self.routes()
        while True:
            names = list(routes)
            chance.shuffle(names)
            for name in names:
                yield routes[name](name, chance)

    def routes(self) -> dict[str, Callable[[str, random.Random], Ask]]:
        """What is asked, by what it is called in the figures."""

        def to(
            service: str, path: Callable[[Mapping[str, Any], random.Random], str], token: bool = True
        ) -> Callable[[str, random.Random], Ask]:
            def ask(name: str, chance: random.Random) -> Ask:
                values = ("tenant", "contract", "client", "slug", "monitor", "incident", "opened_at", "month")
                about = dict(zip(values, chance.choice(self._chosen), strict=True))
                bearer = self._tokens[about["tenant"]] if token else ""
                return Ask(name, self._ports[service], path(about, chance), bearer)

            return ask

        def deep(service: str, path: str) -> Callable[[Mapping[str, Any], random.Random], str]:
            def page(about: Mapping[str, Any], chance: random.Random) -> str:
                cursors = self._cursors[about["tenant"], service]
                return path + (f"&cursor={chance.choice(cursors)}" if cursors else "")

            return page

        def availability(about: Mapping[str, Any], _: random.Random) -> str:
            until = about["opened_at"] + timedelta(hours=1)
            times = {"from": until - timedelta(days=30), "to": until}
            query = "&".join(f"{name}={at:%Y-%m-%dT%H:%M:%SZ}" for name, at in times.items())
            return f"/v1/contracts/{about['contract']}/availability?{query}"

        def results(about: Mapping[str, Any], _: random.Random) -> str:
            until = self._stack.clock.now()
            query = f"from={until - timedelta(days=1):%Y-%m-%dT%H:%M:%SZ}&to={until:%Y-%m-%dT%H:%M:%SZ}"
            return f"/v1/monitors/{about['monitor']}/results?{query}&limit=50"

        return {
            "contracts, active": to("contracts", lambda _, __: "/v1/contracts?status=active&limit=50"),
            "contracts, a later page": to("contracts", deep("contracts", "/v1/contracts?status=active&limit=50")),
            "a contract": to("contracts", lambda about, _: f"/v1/contracts/{about['contract']}"),
            "incidents, open": to("incidents", lambda _, __: "/v1/incidents?status=open&status=acknowledged&limit=50"),
            "incidents, a later page": to("incidents", deep("incidents", "/v1/incidents?limit=50")),
            "incidents of a contract": to(
                "incidents", lambda about, _: f"/v1/incidents?contract_id={about['contract']}"
            ),
            "an incident": to("incidents", lambda about, _: f"/v1/incidents/{about['incident']}"),
            "the queue": to("incidents", lambda _, __: "/v1/queue?limit=50"),
            "monitors": to("probes", lambda _, __: "/v1/monitors?state=up&limit=50"),
            "results of a monitor": to("probes", results),
            "availability": to("reporting", availability),
            "a month's report": to(
                "reporting", lambda about, _: f"/v1/contracts/{about['contract']}/reports/{about['month']}"
            ),
            "a status page": to("reporting", lambda about, _: f"/status/{about['slug']}", token=False),
            "summary.json": to(
                "reporting", lambda about, _: f"/status/{about['slug']}/api/v2/summary.json", token=False
            ),
            "the portal": lambda name, _: Ask(name, self._ports["reporting"], "/portal", cookie=self._cookie),
            "a calculator": lambda name, _: Ask(
                name, self._ports["incidents"], "/v1/calculators/sla-clock", body=self._clock
            ),
        }


def _parameters(path: str) -> dict[str, str]:
    return dict(each.split("=", 1) for each in path.partition("?")[2].split("&"))


# What it costs ------------------------------------------------------------------------------------------------------


class Processes:
    """Processor time and memory of the four services, PostgreSQL and NATS, noted from time to time."""

    def __init__(self, stack: RunningStack) -> None:
        pids = {name: process.pid for name, process in stack.services.processes.items()}
        pids |= {"nats": stack.nats.process.pid if stack.nats.process else None}
        pids |= {"postgres": stack.postgres.process.pid if stack.postgres.process else None}
        self._processes = {name: psutil.Process(pid) for name, pid in pids.items() if pid}
        self._began = time.monotonic()
        self._cpu = {name: self._seconds(process) for name, process in self._processes.items()}
        self._memory: dict[str, list[tuple[float, float]]] = defaultdict(list)
        self._looked = 0.0

    def look(self) -> None:
        """Notes the memory, at most every five seconds."""
        at = time.monotonic() - self._began
        if at - self._looked < 5:
            return
        self._looked = at
        for name, process in self._processes.items():
            self._memory[name].append((at, self._mib(process)))

    @staticmethod
    def _seconds(process: psutil.Process) -> float:
        total = 0.0
        for each in [process, *process.children(recursive=True)]:
            try:
                times = each.cpu_times()
            except psutil.NoSuchProcess:
                continue
            total += times.user + times.system
        times = process.cpu_times()
        return float(total + times.children_user + times.children_system)

    @staticmethod
    def _mib(process: psutil.Process) -> float:
        children = process.children()
        if not children:
            return float(process.memory_info().rss) / 2**20
        total = 0.0
        for each in [process, *children]:  # they share their buffers: each page counts once
            try:
                total += each.memory_full_info().pss
            except psutil.NoSuchProcess:
                continue
        return total / 2**20

    def told(self) -> dict[str, Any]:
        """Of each: share of one processor, memory at the ends, at most, and how it grows in the second half."""
        lasted = time.monotonic() - self._began
        found: dict[str, Any] = {}
        for name, process in self._processes.items():
            noted = self._memory[name]
            found[name] = {"cpu_percent_of_one": round(100 * (self._seconds(process) - self._cpu[name]) / lasted, 1)}
            if len(noted) > 3:
                later = noted[len(noted) // 2 :]
                found[name] |= {
                    "mib_first": round(noted[0][1]),
                    "mib_last": round(noted[-1][1]),
                    "mib_most": round(max(mib for _, mib in noted)),
                    "mib_per_hour_in_the_second_half": round(3600 * _slope(later), 1),
                    "mib_every_tenth": [round(mib) for _, mib in noted[:: max(1, len(noted) // 10)]],
                }
        return found


def _slope(points: Sequence[tuple[float, float]]) -> float:
    """Least squares: how much more per second."""
    return statistics.linear_regression([at for at, _ in points], [mib for _, mib in points]).slope


class Plans:
    """What PostgreSQL noted of slow statements: each with the plan that it had and what it really took."""

    _STATEMENT = re.compile(r"duration: ([\d.]+) ms  plan:")

    def __init__(self, log: Path) -> None:
        self._log = log
        self._begin = log.stat().st_size

    def told(self, most: int) -> list[dict[str, Any]]:
        """By statement: how often, how slow at worst, and the plan of then. The worst in all first."""
        with self._log.open(encoding="utf-8", errors="replace") as file:
            file.seek(self._begin)
            lines = file.read().splitlines()
        found: dict[str, dict[str, Any]] = {}
        for place, line in enumerate(lines):
            if not (match := self._STATEMENT.search(line)):
                continue
            ms, plan = float(match[1]), []
            for more in lines[place + 1 :]:
                if not more.startswith("\t"):
                    break
                plan.append(more[1:])
            start = next((n for n, each in enumerate(plan) if "(cost=" in each), len(plan))
            statement = re.sub(r"\s+", " ", " ".join(plan[:start])).removeprefix("Query Text: ")
            role = (re.search(r"\w+@\w+", line) or [""])[0]
            key = re.sub(r"'[^']*'|\b\d+\b", "?", statement)
            entry = found.setdefault(key, {"times": 0, "ms_in_all": 0.0, "ms_at_most": 0.0})
            entry["times"] += 1
            entry["ms_in_all"] = round(entry["ms_in_all"] + ms, 1)
            if ms > entry["ms_at_most"]:
                entry |= {"ms_at_most": ms, "role": role, "statement": statement[:1500], "plan": plan[start:][:60]}
        return sorted(found.values(), key=lambda entry: -entry["ms_in_all"])[:most]


def dear(connection: psycopg.Connection[Any], most: int) -> list[dict[str, Any]]:
    """Statements by the time that they took in all."""
    rows = connection.execute(
        """
        select r.rolname, calls, round(total_exec_time::numeric), round(mean_exec_time::numeric, 2),
            round(max_exec_time::numeric, 1), rows, shared_blks_hit + shared_blks_read,
            left(regexp_replace(query, '\\s+', ' ', 'g'), 300)
        from pg_stat_statements s join pg_roles r on r.oid = s.userid
        where r.rolname like '%%app' order by total_exec_time desc limit %s
        """,
        [most],
    ).fetchall()
    names = ("role", "calls", "ms_in_all", "ms_mean", "ms_at_most", "rows", "blocks", "statement")
    return [
        {name: float(value) if name.startswith("ms") else value for name, value in zip(names, row, strict=True)}
        for row in rows
    ]


def number_of(connection: psycopg.Connection[Any], table: str) -> int:
    """How many rows a table has."""
    row = connection.execute(f"select count(*) from {table}").fetchone()
    return int(row[0]) if row else 0


def stored(connection: psycopg.Connection[Any]) -> dict[str, Any]:
    """What there is, and the room that the largest tables take with their indexes."""
    counted = {
        "contracts": "contracts.contract",
        "monitors": "probes.monitor",
        "incidents": "incidents.work_item",
        "incident_events": "incidents.outbox",
        "facts_in_timelines": "incidents.timeline_entry",
        "events_kept_by_reporting": "reporting.event",
        "results": "probes.result",
    }
    counts = {name: number_of(connection, table) for name, table in counted.items()}
    rows = connection.execute(
        """
        select s.schemaname || '.' || s.relname, c.reltuples::bigint, pg_total_relation_size(s.relid),
            pg_indexes_size(s.relid)
        from pg_stat_user_tables s join pg_class c on c.oid = s.relid where s.schemaname = any(%s)
        order by 3 desc limit 30
        """,
        [list(SERVICES)],
    ).fetchall()
    largest = [
        {
            "table": name,
            "rows": count,
            "mb": round(float(size) / 1e6, 1),
            "of_it_indexes": round(float(indexes) / 1e6, 1),
            "bytes_per_row": round(size / count) if count > 0 else None,
        }
        for name, count, size, indexes in rows
    ]
    by_schema = {
        schema: round(float(size) / 1e6)
        for schema, size in connection.execute(
            "select schemaname, sum(pg_total_relation_size(relid)) from pg_stat_user_tables "
            "where schemaname = any(%s) group by 1",
            [list(SERVICES)],
        )
    }
    return counts | {"mb_by_schema": by_schema, "largest_tables": largest}


async def streams(url: str) -> dict[str, Any]:
    """What the streams hold, with the bytes that a message takes."""
    connection = await nats.connect(url)
    try:
        found = {}
        for info in await connection.jetstream().streams_info():
            state = info.state
            found[str(info.config.name)] = {
                "messages": state.messages,
                "bytes_per_message": round(state.bytes / state.messages) if state.messages else None,
            }
        return found
    finally:
        await connection.close()


def relayed(connection: psycopg.Connection[Any], events: int) -> dict[str, Any]:
    """Lets the relay of incidents publish events that were copied, and reporting hear them; it knows them already."""
    connection.execute(
        "update incidents.outbox set published_at = null, stream_seq = null where id in "
        "(select id from incidents.outbox order by id desc limit %s)",
        [events],
    )
    started = time.perf_counter()
    while connection.execute("select 1 from incidents.outbox where published_at is null limit 1").fetchone():
        time.sleep(0.2)
    lasted = time.perf_counter() - started
    return {"events": events, "seconds": round(lasted, 1), "per_second": round(events / lasted)}


def latencies(routes: Mapping[str, Route]) -> dict[str, Any]:
    """Milliseconds from the intended instant: nearest rank."""
    found = {}
    for name, route in routes.items():
        ordered = sorted(1000 * each for each in route.seconds)

        def rank(percent: float, ordered: Sequence[float] = ordered) -> float:
            return round(ordered[min(len(ordered) - 1, max(0, round(len(ordered) * percent / 100 + 0.5) - 1))], 1)

        found[name] = {
            "asked": len(ordered) + sum(route.errors.values()),
            "errors": dict(route.errors),
            **(
                {"p50_ms": rank(50), "p95_ms": rank(95), "p99_ms": rank(99), "max_ms": round(ordered[-1], 1)}
                if ordered
                else {}
            ),
            **({"kb": round(route.bytes / len(ordered) / 1000, 1)} if ordered else {}),
        }
    return found


# All of it ----------------------------------------------------------------------------------------------------------


def say(what: str) -> None:
    """Progress, where nobody reads figures."""
    print(f"{datetime.now(UTC):%H:%M:%S} {what}", file=sys.stderr, flush=True)


def prepared(postgres: Any, slow_ms: float) -> None:
    """The server notes what statements take, and the plans of slow ones."""
    settings = {
        "shared_preload_libraries": "pg_stat_statements, auto_explain",
        "auto_explain.log_min_duration": f"'{slow_ms}ms'",
        "auto_explain.log_analyze": "on",
        "auto_explain.log_timing": "off",
        "auto_explain.log_buffers": "on",
        "auto_explain.log_nested_statements": "on",
        "shared_buffers": "'1GB'",
        "effective_cache_size": "'3GB'",
        "max_wal_size": "'4GB'",
        "log_line_prefix": "'%m %u@%d '",
    }
    with psycopg.connect(postgres.url(), autocommit=True) as connection:
        for name, value in settings.items():
            connection.execute(f"alter system set {name} = {value}")
    postgres.stop()
    postgres.start()


async def loaded(questions: Questions, processes: Processes, rate: float, seconds: float) -> Any:
    """The load, with tokens that are made again while it goes on."""
    under_way: list[asyncio.Task[None]] = []
    refreshed = said = time.monotonic()

    def each_second(found: Answers) -> None:
        nonlocal refreshed, said
        processes.look()
        if time.monotonic() - said > 60:
            said = time.monotonic()
            answered = sum(len(route.seconds) for route in found.values())
            say(f"{answered} answered, {sum(sum(route.errors.values()) for route in found.values())} not")
        if time.monotonic() - refreshed > 120:
            refreshed = time.monotonic()
            under_way.append(asyncio.create_task(asyncio.to_thread(questions.refresh)))

    found = await at_rate(questions.asks(), rate, seconds, each_second)
    await asyncio.gather(*under_way)
    return found


class Watch:
    """Seconds that each step took, also told where nobody reads figures."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}
        self._began = time.perf_counter()

    def done(self, what: str) -> None:
        """A step is over, the next one begins."""
        self.seconds[what] = round(time.perf_counter() - self._began, 1)
        self._began = time.perf_counter()
        say(f"{what}: {self.seconds[what]} s")


def fill(
    stack: RunningStack, site: SmallSite, connection: psycopg.Connection[Any], options: argparse.Namespace, watch: Watch
) -> tuple[list[Tenant], list[Agency]]:
    """Contracts of all agencies. The services do not run when it is over."""
    tenants = [stack.new_tenant(f"Agency {number}") for number in range(options.agencies)]
    wait_until_quiet(connection)
    kept = ids_of(connection, [tenant.tenant_id for tenant in tenants])
    agencies = make_agencies(stack, site, tenants)
    eventually(lambda: number_of(connection, DOWN) == 0 or None, 400, "no monitor is down")
    wait_until_quiet(connection)
    stack.services.stop(15.0)
    make_hourly(connection)
    stack.services.start()
    stack.services.wait_until_ready(Patience(90))
    stack.shift_clock(timedelta(minutes=70))
    eventually(
        lambda: number_of(connection, "reporting.response_day") >= len(agencies) or None, 60, "hours are rolled up"
    )
    wait_until_quiet(connection)
    stack.services.stop(15.0)
    if number_of(connection, DOWN):
        raise SystemExit("A monitor is down: with thousands of copies of its outage this would measure a storm. Again!")
    watch.done("made_through_the_api")
    lengthen(connection)
    now = stack.clock.now()
    read_agencies(connection, agencies, kept, now.date())
    copies = [size - 1 for size in sizes_of(options.contracts, len(agencies))]
    shares: list[list[tuple[Agency, int]]] = [[] for _ in range(os.cpu_count() or 1)]
    for pair in sorted(zip(agencies, copies, strict=True), key=lambda pair: -pair[1]):
        min(shares, key=lambda share: sum(count for _, count in share)).append(pair)
    fork = multiprocessing.get_context("fork")
    writers = [fork.Process(target=write, args=(stack.database_url, share)) for share in shares]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    if any(writer.exitcode for writer in writers):
        raise SystemExit("the copies were not written")
    watch.done("copied")
    spread(connection, now)
    write_results(connection, now, DAYS_OF_RESULTS)
    connection.execute("vacuum (analyze)")
    watch.done("results_and_analyze")
    return tenants, agencies


def ask(
    stack: RunningStack,
    connection: psycopg.Connection[Any],
    questions: Questions,
    options: argparse.Namespace,
    minutes: float,
    watch: Watch,
) -> dict[str, Any]:
    """Starts the services, and asks them."""
    log = stack.postgres.folder / "postgresql.log"
    plans = Plans(log)
    stack.services.start()
    stack.services.wait_until_ready(Patience(300))
    watch.done("until_ready")
    questions.get_ready()
    asyncio.run(at_rate(questions.asks(), options.rate, options.warm_up))
    at_first = plans.told(options.most)
    connection.execute("select pg_stat_statements_reset()")
    plans = Plans(log)
    watch.done("warm_up")
    processes = Processes(stack)
    load = [os.getloadavg()]
    with asyncio.Runner(loop_factory=new_loop) as runner:
        routes, kept_rate = runner.run(loaded(questions, processes, options.rate, 60 * minutes))
    load.append(os.getloadavg())
    costs = processes.told()
    watch.done("asked")
    return {
        "machine_load": load,
        "rate": {"wanted_per_second": options.rate, "minutes": minutes, **kept_rate},
        "routes": latencies(routes),
        "processes": costs,
        "slow_statements": plans.told(options.most),
        "slow_statements_of_start_and_warm_up": at_first,
        "dear_statements": dear(connection, options.most),
    }


def measure(options: argparse.Namespace) -> dict[str, Any]:
    """Fills, asks, and tells."""
    watch = Watch()
    with ExitStack() as stacked:
        postgres = stacked.enter_context(running_postgres())
        prepared(postgres, options.slow_ms)
        nats_server = stacked.enter_context(running_nats())
        stack = stacked.enter_context(running_stack_over(postgres, nats_server))
        site = stacked.enter_context(SmallSite())  # to the end: what is not reached is an outage of everybody
        connection = stacked.enter_context(psycopg.connect(stack.database_url, autocommit=True))
        connection.execute("create extension pg_stat_statements")
        tenants, agencies = fill(stack, site, connection, options, watch)
        found: dict[str, Any] = {
            "machine": {
                "cpus": os.cpu_count(),
                "python": platform.python_version(),
                "system": platform.platform(terse=True),
                "memory_gib": round(psutil.virtual_memory().total / 2**30),
            },
            "agencies": len(agencies),
            "stored": stored(connection),
        }
        say(json.dumps({name: count for name, count in found["stored"].items() if isinstance(count, int)}))
        questions = Questions(stack, tenants, agencies[0], connection)
        if options.between:
            found["before"] = ask(stack, connection, questions, options, options.minutes_before, watch)
            say(json.dumps(found["before"]["routes"]))
            stack.services.stop(15.0)
            subprocess.run(options.between, shell=True, check=True)
            for service in SERVICES:  # by processes that know the code as it is now
                stack.services.run_command(service, "migrate", migrating=True)
        found["asked"] = ask(stack, connection, questions, options, options.minutes, watch)
        say(json.dumps(found["asked"]["routes"]))
        found["relay_of_incidents"] = relayed(connection, options.relay)
        found["streams"] = asyncio.run(streams(nats_server.url()))
        found["seconds"] = watch.seconds
        return found


def main() -> None:
    """Prints one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--contracts", type=int, default=10_000, help="each with five monitors and a hundred events")
    parser.add_argument("--agencies", type=int, default=10)
    parser.add_argument("--rate", type=float, default=20.0, help="requests per second, all routes together")
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--warm-up", type=float, default=20.0, help="seconds")
    parser.add_argument("--slow-ms", type=float, default=50.0)
    parser.add_argument("--most", type=int, default=15, help="statements that are told")
    parser.add_argument("--relay", type=int, default=5000, help="events that the relay publishes at the end")
    parser.add_argument("--between", help="a command that changes the code: asked before and after it")
    parser.add_argument("--minutes-before", type=float, default=2.0, help="how long is asked before `--between`")
    print(json.dumps({"api_under_load": measure(parser.parse_args())}, indent=2, default=str))


if __name__ == "__main__":
    main()
