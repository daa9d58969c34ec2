"""The file of all results: right, harmless to a spreadsheet, as long as it likes, and in constant memory."""

import asyncio
import csv
import io
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from probes.adapters.result_rows import Partitions, StoredResult, copy_results, day_of
from probes.api.results_file import COLUMNS
from probes.domain.states import Outcome, Reason
from probes.main import SERVICE
from shared.kernel.clock import FixedClock
from shared.service import create_app
from shared.testing.databases import DatabaseUrls
from shared.testing.plugin import ApiClient
from shared.testing.tokens import TokenMint

from .measured import WENT_WELL, Found, Measured, measured, reading

NINE = datetime(2026, 6, 8, 9, tzinfo=UTC)
HOUR = timedelta(hours=1)
MANY = 500_000


@pytest.fixture
async def world(service_database: Callable[[str], DatabaseUrls], clock: FixedClock) -> AsyncIterator[Measured]:
    clock.set(NINE)
    async with measured(service_database("probes"), clock) as made:
        yield made


@pytest.fixture
def app(world: Measured, tokens: TokenMint) -> FastAPI:
    return tokens.trust(create_app(SERVICE, world.runtime.settings, runtime=world.runtime))


@pytest.fixture
async def client(
    world: Measured, app: FastAPI, tokens: TokenMint, api_client: ApiClient
) -> AsyncIterator[httpx.AsyncClient]:
    async with reading(world, app, tokens, api_client) as opened:
        yield opened


async def test_every_check_of_the_period_is_a_line(world: Measured, client: httpx.AsyncClient) -> None:
    kinds: dict[int, Found] = {1: (Outcome.BAD, Reason.HTTP_STATUS, 20_000), 2: (Outcome.MISSED, None, 0)}
    await world.check(NINE, NINE + 30 * HOUR, lambda number: kinds.get(number, WENT_WELL))
    world.clock.set(NINE + 30 * HOUR)
    monitor = await world.monitor()
    path = f"/v1/monitors/{monitor.subject.monitor_id}/results.csv"
    answer = await client.get(path, params={"from": "2026-06-08T09:00:00Z"})
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "text/csv; charset=utf-8; header=present"
    assert answer.headers["content-disposition"] == (f'attachment; filename="results-{monitor.subject.monitor_id}.csv"')
    header, *lines = csv.reader(io.StringIO(answer.text))
    assert tuple(header) == COLUMNS and len(lines) == 30 * 120
    assert [line[2] for line in lines] == sorted(line[2] for line in lines)
    first, second, third = (dict(zip(COLUMNS, line, strict=True)) for line in lines[:3])
    assert first["started_at"].startswith("2026-06-08T09:00:") and first["location"] == "default"
    assert (first["outcome"], first["reason"], first["status_code"]) == ("good", "", "200")
    assert (first["name_lookup_ms"], first["tls_ms"], first["total_ms"]) == ("10.0", "30.0", "100.0")
    assert (second["outcome"], second["reason"], second["status_code"]) == ("bad", "http_status", "503")
    assert (third["outcome"], third["status_code"]) == ("missed", "")
    assert {(line[-2], line[-1]) for line in lines} == {("false", "false")}
    part = await client.get(path, params={"from": "2026-06-08T23:59:00Z", "to": "2026-06-09T00:01:00Z"})
    assert len(part.text.splitlines()) == 1 + 4


async def test_a_line_says_what_does_not_count(world: Measured, client: httpx.AsyncClient) -> None:
    monitor = await world.monitor()
    async with world.runtime.units.for_every_tenant() as unit:
        await Partitions().ensure(unit.session, {day_of(NINE)})
        phases = (1, 1, 1, 1, 4)
        await copy_results(
            unit.session,
            [
                StoredResult(monitor.number, 1, 1, 0, NINE, Outcome.GOOD, None, 200, *phases, maintenance=True),
                StoredResult(monitor.number, 1, 2, 0, NINE, Outcome.GOOD, None, 200, *phases, quarantined=True),
            ],
        )
    world.clock.set(NINE + HOUR)
    answer = await client.get(f"/v1/monitors/{monitor.subject.monitor_id}/results.csv")
    lines = list(csv.DictReader(io.StringIO(answer.text)))
    assert {(line["slot"], line["maintenance"], line["quarantined"], line["status_code"]) for line in lines} == {
        ("1", "true", "false", "200"),
        ("2", "false", "true", "200"),
    }


async def _many(world: Measured, count: int = MANY) -> str:
    """So many checks in the database, one every five seconds; the path of their file."""
    monitor = await world.monitor()
    end = NINE + timedelta(seconds=5 * count)
    first_day = (NINE - datetime(1970, 1, 1, tzinfo=UTC)).days
    for day in range(first_day, first_day + (end - NINE).days + 2):
        await world.rows("select probes.ensure_result_partition(:day)", day=day)
    await world.rows(
        "with stored as (insert into probes.result select :number, n, (at % 86400) * 1000, 1000, 2000, 3000, 40000, "
        "50000, at / 86400, 1, 200, 0 from (select n, cast(:start + n * 5 as integer) as at "
        "from generate_series(0, :last) n) t returning 1) select count(*) from stored",
        number=monitor.number,
        start=int(NINE.timestamp()),
        last=count - 1,
    )
    world.clock.set(end)
    return f"/v1/monitors/{monitor.subject.monitor_id}/results.csv"


def _resident() -> int:
    """Bytes of memory that this process has now."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096


Send = Callable[[dict[str, Any]], Awaitable[None]]


async def _call(app: FastAPI, path: str, headers: dict[str, str], send: Send, gone: asyncio.Event) -> None:
    """As a server calls the application: what it sends is passed on at once, and `gone` ends the connection."""
    asked = False

    async def receive() -> dict[str, Any]:
        nonlocal asked
        if not asked:
            asked = True
            return {"type": "http.request", "body": b"", "more_body": False}
        await gone.wait()
        return {"type": "http.disconnect"}

    scope = {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": "1.1",
        "method": "GET",
        "scheme": "http",
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"from=2026-01-01T00:00:00Z",
        "headers": [(name.lower().encode(), value.encode()) for name, value in headers.items()],
        "client": ("127.0.0.1", 1),
        "server": ("127.0.0.1", 80),
    }
    await app(scope, receive, send)  # type: ignore[arg-type]


async def test_half_a_million_lines_take_no_more_memory_than_a_few_thousand(
    world: Measured, app: FastAPI, tokens: TokenMint
) -> None:
    path = await _many(world)
    lines, early, most = 0, 0, 0

    async def send(message: dict[str, Any]) -> None:
        nonlocal lines, early, most
        if message["type"] == "http.response.body":
            lines += message["body"].count(b"\n")
            if lines < 20_000:
                early = max(early, _resident())
            most = max(most, _resident())

    headers = tokens.headers(role="viewer", tenant_id=world.contract.tenant_id)
    await _call(app, path, headers, send, asyncio.Event())
    assert lines == MANY + 1
    assert most - early < 8_000_000


async def test_whoever_stops_reading_leaves_nothing_behind(world: Measured, app: FastAPI, tokens: TokenMint) -> None:
    path = await _many(world, 100_000)
    gone = asyncio.Event()
    pieces = 0

    async def send(message: dict[str, Any]) -> None:
        nonlocal pieces
        pieces += message["type"] == "http.response.body"
        if pieces == 3:
            gone.set()
        await asyncio.sleep(0.01)

    headers = tokens.headers(role="viewer", tenant_id=world.contract.tenant_id)
    await _call(app, path, headers, send, gone)
    assert pieces < 20
    query = "select count(*) as open from pg_stat_activity where state like 'idle in transaction%'"
    (row,) = await world.rows(query)
    assert row.open == 0
