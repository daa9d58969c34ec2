"""Checks made now: over the work queue to a runner and back, beside every schedule."""

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any
from uuid import uuid4

import httpx
import pytest
from sqlalchemy import text

from probes.adapters.check_tests import MOST_A_MINUTE
from probes.application.checks.secrets import HIDDEN
from probes.jobs.check_tests import ForgetTests
from probes.main import SERVICE
from probes.settings import ProbesSettings
from shared.kernel.clock import FixedClock
from shared.service import create_app
from shared.testing.plugin import ApiClient
from shared.testing.small_site import SmallSite
from shared.testing.tokens import TokenMint
from shared.time_source import SystemClock
from shared.worker import build_runtime

from .conftest import Contract, Service, contract, eventually


@pytest.fixture
def given() -> Contract:
    return contract("http://127.0.0.1:9/")


@pytest.fixture
async def client(service: Service, given: Contract, api_client: ApiClient) -> AsyncIterator[httpx.AsyncClient]:
    tokens = TokenMint(SystemClock())
    app = tokens.trust(create_app(SERVICE, service.runtime.settings, runtime=service.runtime))
    async with api_client(app, tokens.mint(role="operator", tenant_id=given.tenant_id)) as opened:
        yield opened


async def answer_of(client: httpx.AsyncClient, asked: httpx.Response) -> Any:
    assert asked.status_code == 202, asked.text

    async def look() -> Any:
        found = (await client.get(asked.headers["Location"])).json()
        return found if found["status"] != "running" else None

    return await eventually(look)


async def test_a_configuration_can_be_tried_before_it_is_saved(client: httpx.AsyncClient, service: Service) -> None:
    with SmallSite() as site:
        configuration = {
            "kind": "http",
            "url": site.url("/old"),
            "headers": {"Authorization": "Bearer s3cret-word"},
            "assertions": [{"type": "keyword", "text": "no such words"}],
        }
        asked = await client.post("/v1/check-tests", json={"configuration": configuration})
        assert asked.json()["status"] == "running" and asked.json()["result"] is None
        bad = await answer_of(client, asked)
        good = await answer_of(
            client, await client.post("/v1/check-tests", json={"configuration": {"kind": "http", "url": site.url()}})
        )
    assert bad["status"] == "done" and bad["result"]["outcome"] == "bad" and bad["result"]["reason"] == "content"
    assert bad["result"]["evidence"]["body_excerpt"] and bad["configuration"]["headers"] == {"Authorization": HIDDEN}
    assert good["result"]["outcome"] == "good" and good["result"]["timings_ms"]["total"] > 0
    (hop,) = good["result"]["hops"]
    assert hop["url"] == site.url() and hop["remote_address"] == "127.0.0.1" and hop["timings_ms"]["total"] > 0
    assert good["result"]["evidence"]["status_code"] == 200
    assert "s3cret" not in str(await service.rows("select * from probes.check_test"))
    assert await service.one("select count(*) from probes.result") == 0
    assert await service.one("select count(*) from probes.location_state") == 0


@pytest.mark.parametrize(
    ("configuration", "reason"),
    [
        ({"kind": "tcp", "host": "127.0.0.1", "port": 9}, "connect"),
        ({"kind": "tls", "host": "127.0.0.1", "port": 9}, "connect"),
        ({"kind": "http", "url": "http://10.0.0.1/"}, "address_refused"),
    ],
    ids=lambda value: value["kind"] if isinstance(value, dict) else value,
)
async def test_every_kind_can_be_tried_and_no_address_that_checks_may_not_reach(
    client: httpx.AsyncClient, configuration: dict[str, Any], reason: str
) -> None:
    found = await answer_of(client, await client.post("/v1/check-tests", json={"configuration": configuration}))
    assert (found["result"]["outcome"], found["result"]["reason"]) == ("bad", reason)


async def test_a_monitor_is_checked_now_and_its_line_and_results_do_not_know(
    client: httpx.AsyncClient, service: Service, given: Contract
) -> None:
    with SmallSite() as site:
        given.url = site.url()
        await service.tell(given, "activated", given.state(monitoring={"interval_seconds": 3600, "timeout_seconds": 5}))
        await service.said("unknown", "restored")
        before = await service.rows("select state, version from probes.monitor")
        (monitor,) = (await client.get("/v1/monitors")).json()["data"]
        site.break_page()
        asked = await client.post(f"/v1/monitors/{monitor['monitor_id']}/test", json={})
        found = await answer_of(client, asked)
    assert found["result"]["status_code"] == 503 and found["monitor_id"] == monitor["monitor_id"]
    listed = (await client.get("/v1/check-tests", params={"monitor_id": monitor["monitor_id"]})).json()["data"]
    assert [test["check_test_id"] for test in listed] == [found["check_test_id"]]
    assert await service.rows("select state, version from probes.monitor") == before
    assert await service.one("select count(*) from probes.result") == 1


async def test_a_test_that_no_runner_takes_expires(
    idle: Service, given: Contract, api_client: ApiClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("probes.api.check_tests.PATIENCE", timedelta(seconds=0))
    tokens = TokenMint(SystemClock())
    app = tokens.trust(create_app(SERVICE, idle.runtime.settings, runtime=idle.runtime))
    body = {"configuration": {"kind": "http", "url": "http://127.0.0.1:9/"}, "timeout_seconds": 1}
    async with api_client(app, tokens.mint(role="operator", tenant_id=given.tenant_id)) as client:
        asked = await client.post("/v1/check-tests", json=body)
        assert asked.json()["status"] == "running"
        found = await answer_of(client, asked)
    assert found["status"] == "expired" and found["result"] is None


async def test_too_many_tests_of_a_tenant_have_to_wait_and_others_do_not(
    settings: ProbesSettings, clock: FixedClock, tokens: TokenMint, api_client: ApiClient
) -> None:
    runtime = build_runtime(settings, SERVICE.registry, clock)
    app = tokens.trust(create_app(SERVICE, settings, runtime=runtime))
    body = {"configuration": {"kind": "icmp", "host": "hotel.example"}}
    async with api_client(app, tokens.mint(role="operator", tenant_id=uuid4())) as client:
        for _ in range(MOST_A_MINUTE):
            assert (await client.post("/v1/check-tests", json=body)).status_code == 202
        refused = await client.post("/v1/check-tests", json=body)
        assert refused.status_code == 429 and 1 <= int(refused.headers["Retry-After"]) <= 61
        other = {"Authorization": f"Bearer {tokens.mint(role='operator', tenant_id=uuid4())}"}
        assert (await client.post("/v1/check-tests", json=body, headers=other)).status_code == 202
        clock.set(clock.now() + timedelta(seconds=int(refused.headers["Retry-After"])))
        again = await client.post("/v1/check-tests", json=body)
        assert again.status_code == 202
        assert (await client.get(again.headers["Location"], headers=other)).status_code == 404
        clock.set(clock.now() + timedelta(days=1, seconds=1))
        await ForgetTests(runtime.units)()
    async with runtime.units.for_every_tenant() as unit:
        assert await unit.session.scalar(text("select count(*) from probes.check_test")) == 0
    await runtime.close()


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"configuration": {"kind": "http", "url": "gopher://x"}}, "#/configuration/url"),
        ({"configuration": {"kind": "heartbeat", "every_seconds": 60}}, "#/configuration/kind"),
        ({"configuration": {"kind": "icmp", "host": "x.example"}, "location": "moon"}, "#/location"),
        ({"configuration": {"kind": "icmp", "host": "x.example"}, "timeout_seconds": 61}, "#/timeout_seconds"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
async def test_what_cannot_be_tried_is_told_where_it_is_wrong(
    client: httpx.AsyncClient, body: dict[str, Any], pointer: str
) -> None:
    answer = await client.post("/v1/check-tests", json=body)
    assert answer.status_code == 422
    assert [error["pointer"] for error in answer.json()["errors"]] == [pointer]
