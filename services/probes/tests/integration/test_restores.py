"""Verified restores: recorded with their proof, and missed when a period has had none."""

from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import httpx
import psycopg
import pytest
from pydantic import SecretStr

from probes.jobs.reports import JudgeRestores
from probes.main import SERVICE
from probes.settings import ProbesSettings
from shared.kernel.clock import FixedClock
from shared.service import create_app
from shared.testing.databases import DatabaseUrls
from shared.testing.plugin import ApiClient
from shared.testing.tokens import TokenMint
from shared.worker import build_runtime

from ..keys import SERVICE_KEY
from .reporting_world import Reporting

MONTHLY = {"type": "backup_restoration", "parameters": {"frequency": "monthly"}}
PATH = "/v1/restore-verifications"


@pytest.fixture
def database(service_database: Callable[[str], DatabaseUrls]) -> DatabaseUrls:
    return service_database("probes")


@pytest.fixture
async def world(database: DatabaseUrls, clock: FixedClock) -> AsyncIterator[Reporting]:
    runtime = build_runtime(
        ProbesSettings(database_url=SecretStr(database.app), secret_key=SERVICE_KEY), SERVICE.registry, clock
    )
    yield await Reporting.begin(runtime, clock, deliverables=[MONTHLY])
    await runtime.close()


@pytest.fixture
async def client(world: Reporting, tokens: TokenMint, api_client: ApiClient) -> AsyncIterator[httpx.AsyncClient]:
    app = tokens.trust(create_app(SERVICE, world.runtime.settings, runtime=world.runtime))
    token = tokens.mint(tenant_id=world.given.tenant_id, lifetime=timedelta(days=400), name="Nadia Benali")
    async with api_client(app, token) as opened:
        yield opened


def restore(world: Reporting, **changes: Any) -> dict[str, Any]:
    return {
        "contract_id": str(world.given.contract_id),
        "performed_at": world.clock.now().isoformat(),
        "scope": "Database and uploads",
        "duration_seconds": 1860,
        "result": "succeeded",
        "performed_by": "Nadia Benali",
        "evidence_sha256": "ab" * 32,
    } | changes


async def until(world: Reporting, *day: int) -> None:
    world.clock.set(datetime(*day, tzinfo=UTC))  # type: ignore[arg-type,misc]
    while await JudgeRestores(world.runtime.units)() == 0.0:
        pass


async def overdue(client: httpx.AsyncClient) -> list[dict[str, Any]]:
    answer = await client.get(f"{PATH}/overdue")
    assert answer.status_code == 200, answer.text
    found: list[dict[str, Any]] = answer.json()["data"]
    return found


@pytest.mark.capability("P18", "P21")
async def test_a_verified_restore_is_recorded_with_its_proof_and_a_period_without_one_is_a_missing_deliverable(
    world: Reporting, client: httpx.AsyncClient
) -> None:
    answer = await client.post(PATH, json=restore(world, environment_id=str(world.given.environment_id)))
    assert answer.status_code == 201, answer.text
    recorded = answer.json()
    assert recorded["evidence_sha256"] == "ab" * 32 and recorded["recorded_by"] == "Nadia Benali"
    assert (await client.get(answer.headers["Location"])).json() == recorded
    name, data = (await world.events())[-1]
    assert (
        name == "restore_verification.recorded"
        and data["restore_verification_id"] == (recorded["restore_verification_id"])
    )
    await until(world, 2026, 7, 8)  # the first month is over, and had one
    assert await overdue(client) == []
    await until(world, 2026, 8, 8, 1)
    (missing,) = await overdue(client)
    assert (missing["period_from"], missing["period_to"]) == ("2026-07-08T00:00:00Z", "2026-08-08T00:00:00Z")
    name, data = (await world.events())[-1]
    assert name == "restore_verification.overdue" and data["last_verified_at"] == "2026-06-08T09:00:00Z"
    assert (await client.post(PATH, json=restore(world, result="failed"))).status_code == 201
    assert len(await overdue(client)) == 1  # what failed verifies nothing
    assert (await client.post(PATH, json=restore(world))).status_code == 201
    assert await overdue(client) == []


async def test_after_a_standstill_every_period_is_judged_once(world: Reporting, client: httpx.AsyncClient) -> None:
    await until(world, 2026, 10, 9)
    await until(world, 2026, 10, 10)
    told = [data for name, data in await world.events() if name == "restore_verification.overdue"]
    assert [data["missed_periods"] for data in told] == [1, 2, 3, 4]
    assert len({data["notice_id"] for data in told}) == 4
    (missing,) = await overdue(client)
    assert missing["missed_periods"] == 4 and missing["due_by"] == "2026-11-08T00:00:00Z"


async def test_nothing_is_owed_while_the_contract_is_suspended(world: Reporting, client: httpx.AsyncClient) -> None:
    await world.follow(world.given, 2, status="suspended", deliverables=[MONTHLY])
    await until(world, 2026, 9, 20)
    await world.follow(world.given, 3, deliverables=[MONTHLY])
    await until(world, 2026, 10, 7)
    assert await overdue(client) == []
    await until(world, 2026, 10, 9)
    assert len(await overdue(client)) == 1
    await world.follow(world.given, 4)  # the deliverable is no longer promised
    assert await overdue(client) == []


async def test_records_without_proof_from_the_future_or_for_others_are_refused(
    world: Reporting, client: httpx.AsyncClient
) -> None:
    future = (world.clock.now() + timedelta(minutes=1)).isoformat()
    for changes, place in (
        ({"evidence_sha256": None}, "#/notes"),
        ({"performed_at": future}, "#/performed_at"),
        ({"backup_taken_at": future}, "#/backup_taken_at"),
        ({"environment_id": str(uuid4())}, "#/environment_id"),
        ({"evidence_url": "javascript:alert(1)"}, "#/evidence_url"),
        ({"evidence_sha256": "x"}, "#/evidence_sha256"),
        ({"duration_seconds": -1}, "#/duration_seconds"),
        ({"unexpected": 1}, "#/unexpected"),
    ):
        answer = await client.post(PATH, json=restore(world, **changes))
        assert answer.status_code == 422, (changes, answer.text)
        assert answer.json()["errors"][0]["pointer"] == place
    assert (await client.post(PATH, json=restore(world, contract_id=str(uuid4())))).status_code == 404


async def test_records_belong_to_one_agency_and_client(
    world: Reporting, client: httpx.AsyncClient, tokens: TokenMint
) -> None:
    answer = await client.post(PATH, json=restore(world), headers={"Idempotency-Key": '"once"'})
    again = await client.post(PATH, json=restore(world), headers={"Idempotency-Key": '"once"'})
    assert again.json() == answer.json() and len((await client.get(PATH)).json()["data"]) == 1
    own = tokens.headers(role="client_staff", tenant_id=world.given.tenant_id, client_id=world.given.client_id)
    assert len((await client.get(PATH, headers=own)).json()["data"]) == 1
    assert (await client.post(PATH, json=restore(world), headers=own)).status_code == 403
    stranger = tokens.headers(tenant_id=uuid4())
    colleague = tokens.headers(role="client_staff", tenant_id=world.given.tenant_id, client_id=uuid4())
    for headers in (stranger, colleague):
        assert (await client.get(PATH, headers=headers)).json()["data"] == []
        assert (await client.get(answer.headers["Location"], headers=headers)).status_code == 404
    assert (await client.post(PATH, json=restore(world), headers=stranger)).status_code == 404


async def test_a_record_cannot_be_changed(database: DatabaseUrls, world: Reporting) -> None:
    with (
        psycopg.connect(database.app, autocommit=True) as connection,
        pytest.raises(psycopg.errors.InsufficientPrivilege),
    ):
        connection.execute("update probes.restore_verification set result = 'succeeded'")
