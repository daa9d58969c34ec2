"""Whatever is sent, the API answers as its document says, and never with a fault of its own (schemathesis)."""

import asyncio
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest
import schemathesis
import uvicorn
from hypothesis import HealthCheck, settings
from pydantic import SecretStr
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from reporting.main import SERVICE
from reporting.settings import ReportingSettings
from shared.consumer import EventProcessor
from shared.kernel.clock import FixedClock
from shared.service import create_app, openapi_of
from shared.testing.databases import DatabaseUrls
from shared.testing.plugin import MONDAY_MORNING, only_in_the_long_run_of_any_request
from shared.testing.tokens import TokenMint
from shared.worker import build_runtime

from ..conftest import Story

# The filter is for the tool's own dependencies.
pytestmark = pytest.mark.filterwarnings("ignore")


@dataclass
class Served:
    url: str
    token: str
    known: dict[str, str]


@pytest.fixture(scope="module")
def served(module_service_database: Callable[[str], DatabaseUrls]) -> Iterator[Served]:
    """The service on a socket, with a contract that has a past, a webhook and a delivery."""
    urls = module_service_database("reporting")
    clock = FixedClock(MONDAY_MORNING + timedelta(days=30))
    tokens, story = TokenMint(clock), Story()
    own = ReportingSettings(database_url=SecretStr(urls.app), secret_key=SecretStr("k" * 32))

    async def prepare() -> None:
        assert SERVICE.handlers is not None
        runtime = build_runtime(own, SERVICE.registry, clock)
        processor = EventProcessor(SERVICE.handlers, runtime.units, "reporting")
        for payload in story.golden_june():
            await processor.process(payload)
        await runtime.close()

    asyncio.run(prepare())
    app = tokens.trust(create_app(SERVICE, own, runtime=build_runtime(own, SERVICE.registry, clock)))
    server = uvicorn.Server(uvicorn.Config(app, port=0, log_config=None, access_log=False))
    thread = threading.Thread(target=server.run)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    known = {"contract_id": str(story.contract_id), "slug": story.slug, "component_id": str(story.environment_id)}
    url = f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    token = tokens.mint(role="owner", tenant_id=story.tenant_id, lifetime=timedelta(days=1))
    yield Served(url, token, known)
    server.should_exit = True
    thread.join()


only_in_the_long_run_of_any_request()
schema = schemathesis.openapi.from_dict(openapi_of(SERVICE))


@schema.parametrize()
@settings(max_examples=4, derandomize=True, database=None, suppress_health_check=list(HealthCheck))
def test_any_request_is_answered_as_documented(case: Any, served: Served) -> None:
    # Ids that exist, or nothing behind the first look-up would ever be reached.
    for name, value in served.known.items():
        if name in (case.path_parameters or {}):
            case.path_parameters[name] = value
    response = case.call(base_url=served.url, headers={"Authorization": f"Bearer {served.token}"})
    checks = [
        not_a_server_error,
        status_code_conformance,
        content_type_conformance,
        response_schema_conformance,
    ]
    case.validate_response(response, checks=checks)
