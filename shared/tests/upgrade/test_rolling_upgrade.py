"""A roll-out and its undoing: the services of the release before and of this one over one database and one NATS.

The release before runs from its sources in the history (`previous_release/release.json` names the commit). Where the
history does not have it, as in a shallow clone, the test is skipped by name. `make upgrade-test` runs it and prints how
long each step took; `deploy/runbooks.md` says the same steps for an installation.
"""

import json
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from previous_release import PreviousRelease

from shared.migrations import head_revision
from shared.outbound_http import usual_authorities
from shared.stack.nats_server import SERVICES, NatsServer
from shared.stack.services import migrations_of
from shared.stack.waiting import Patience
from shared.testing.running_stack import RunningStack, Tenant, running_stack_over
from shared.testing.servers import running_nats, running_postgres, temporary_folder
from shared.testing.small_site import SmallSite
from shared.values import instant_text

from ..chaos.outages import agreed, answered, dead_letters, hear_by_webhook, live_through_an_outage, mended, told
from ..e2e.openapi_walk import operations_of
from ..e2e.page_updates import published
from ..e2e.thread_client import SignedContract, ThreadClient, eventually

RELEASE = PreviousRelease.kept()
NEWS_CONSUMERS = ("incidents", "reporting")
"""They are stopped while the others go on telling."""
SECRET = "Bearer shown-to-the-site-alone"
CHANGING = {"version"}
"""A release may tell again what the one before told without what it knows: that is another version of the same."""


@pytest.fixture(scope="module")
def sources() -> Iterator[Path]:
    """The repository as the release before left it."""
    if RELEASE.missing:
        pytest.skip(RELEASE.missing)
    with temporary_folder("sources") as folder:
        RELEASE.unpack(folder)
        yield folder


def start(stack: RunningStack, *services: str) -> None:
    for service in services or SERVICES:
        stack.services.start_one(service)


def ready(stack: RunningStack) -> None:
    stack.services.wait_until_ready(Patience(90))


def kill(stack: RunningStack, *services: str) -> None:
    for service in services:
        stack.services.processes.pop(service).kill()


def wait_until_told(stack: RunningStack, service: str, lacking: str) -> None:
    """Until a service that is not ready says why."""

    def told() -> bool | None:
        try:
            answer = httpx.get(f"{stack.url(service)}/readyz", trust_env=False, timeout=5, verify=usual_authorities())
        except httpx.TransportError:
            return None
        assert answer.status_code == 503
        return lacking in answer.json()["detail"] or None

    eventually(told, 30, f"{service} says that its schema {lacking}")


def wait_until_heard(server: NatsServer) -> None:
    """Until no durable consumer has an event before it or in its hands."""
    address = f"{server.monitor_url}/jsz?accounts=true&streams=true&consumers=true"

    def heard() -> bool | None:
        accounts = httpx.get(address, trust_env=False, timeout=30, verify=usual_authorities()).json()["account_details"]
        consumers = [
            consumer
            for account in accounts
            for stream in account.get("stream_detail", [])
            for consumer in stream.get("consumer_detail", [])
            if stream["name"].lower() in SERVICES
        ]
        return not any(one["num_pending"] or one["num_ack_pending"] for one in consumers) or None

    eventually(heard, 60, "every event was taken")


def told_unheard(thread: ThreadClient, site: SmallSite, page: str) -> SignedContract:
    """A contract, and an outage of its site, of which nobody hears who opens incidents and writes reports."""
    contract = agreed(thread, site, page)
    site.break_page(page)
    thread.wait_for_monitors(contract, "down")
    return contract


def faults(stack: RunningStack) -> list[str]:
    """What the services' logs say of requests that failed, and of loops and events that met another schema."""
    found = []
    for process in stack.services.processes.values():
        for line in process.log.read_text("utf-8", "replace").splitlines():
            try:
                said = json.loads(line)
            except ValueError:
                continue
            if said.get("status", 0) >= 500 or "psycopg.errors" in said.get("exception", ""):
                found.append(f"{process.name}: {line[-3000:]}")
    return found


def answers(stack: RunningStack, token: str, documents: Mapping[str, Any]) -> Mapping[str, int]:
    """What each operation that reads answers, by its path: lists first, and then what their items are called."""
    got: dict[str, int] = {}
    names: dict[str, list[str]] = {}
    headers = {"Authorization": f"Bearer {token}"}
    with httpx.Client(headers=headers, trust_env=False, timeout=60) as client:
        reading = [
            one
            for service, document in documents.items()
            for one in operations_of(service, document)
            if one.method == "get" and "stream" not in one.path
        ]
        for operation in sorted(reading, key=lambda one: len(one.parameters)):
            for values in _values(operation.parameters, names):
                path = operation.filled(values)
                answer = client.get(stack.url(operation.service) + path, params=operation.query())
                got[f"{operation.service} {path}"] = answer.status_code
                if answer.is_success and answer.headers.get("content-type") == "application/json":
                    _note(answer.json(), names)
    return got


def _values(parameters: Sequence[str], names: Mapping[str, list[str]]) -> Iterator[Mapping[str, str]]:
    """Up to three fillings of a path whose parameters are known by name."""
    if not parameters:
        yield {}
    elif all(name in names for name in parameters):
        for number in range(min([3, *(len(names[name]) for name in parameters)])):
            yield {name: names[name][number] for name in parameters}


def _note(node: Any, names: dict[str, list[str]]) -> None:
    """Keep the newest words that name things: `contract_id`, `slug`, `month`."""
    if isinstance(node, list):
        for one in node:
            _note(one, names)
    elif isinstance(node, dict):
        for key, value in node.items():
            if isinstance(value, str) and (key.endswith("_id") or key in {"slug", "month", "code"}):
                known = names.setdefault(key, [])
                if value not in known:
                    known.insert(0, value)
            else:
                _note(value, names)


def lost(before: Any, now: Any, place: str = "") -> Iterator[str]:
    """What was told before and is not told now; what is told in addition, as one more event of a figure, is none."""
    if isinstance(before, dict) and isinstance(now, dict):
        for key in before.keys() - CHANGING:
            yield from lost(before[key], now.get(key, "nothing"), f"{place}.{key}")
    elif isinstance(before, list) and isinstance(now, list):
        for one in before:
            if all(any(lost(one, other)) for other in now):
                yield f"{place}[]: {one!r} was told, {now!r} are"
    elif before != now:
        yield f"{place}: {before!r} was told, {now!r} is"


def write_what_is_new(thread: ThreadClient, site: SmallSite, contract: SignedContract) -> None:
    """What the release before has no words for, of what it reads as well: a page, a template, a webhook."""
    shown = {"site_ids": list(contract.site_ids)}
    page = f"/v1/status-pages/{contract.slug}"
    thread.call("PATCH", "reporting", page, shown, headers={"If-Match": "*"})
    (environment, *_) = thread.get("contracts", f"/v1/sites/{contract.site_ids[0]}")["environments"]
    report = {"contract_id": contract.contract_id, "title": "Payments fail", "severity": "major"}
    reported = thread.post("incidents", "/v1/incidents", report)["incident_id"]
    published(thread, contract.slug, environment["environment_id"], reported)
    hook = {"url": site.url("/in-order"), "event_types": [], "client_ids": [contract.client_id]}
    thread.post("reporting", "/v1/webhooks", hook | {"ordered": True})


def watched_with_a_secret(thread: ThreadClient, site: SmallSite, contract: SignedContract) -> str:
    """A monitor whose check shows the site a secret; the release before has none sealed. Gives its id."""
    (environment, *_) = thread.get("contracts", f"/v1/sites/{contract.site_ids[0]}")["environments"]
    check = {"kind": "http", "url": site.url("/guarded"), "method": "POST", "headers": {"Authorization": SECRET}}
    place = {"contract_id": contract.contract_id, "environment_id": environment["environment_id"], "name": "Guarded"}
    monitor = thread.post("probes", "/v1/monitors", {**place, "configuration": check})["monitor_id"]
    wait_until_it_is(thread, monitor, "up")
    return str(monitor)


def wait_until_it_is(thread: ThreadClient, monitor: str, state: str) -> None:
    def is_it() -> bool | None:
        return bool(thread.get("probes", f"/v1/monitors/{monitor}")["state"] == state) or None

    eventually(is_it, 60, f"monitor {monitor} is {state}")


def secrets_shown(site: SmallSite) -> set[str]:
    """What the site was shown in place of the secret."""
    return {headers["authorization"] for headers, _ in site.received if "authorization" in headers}


class Steps:
    """Prints how long each step took."""

    def __init__(self) -> None:
        self._since = time.monotonic()

    def done(self, step: str) -> None:
        now = time.monotonic()
        print(f"{now - self._since:6.1f} s  {step}", flush=True)
        self._since = now


@contextmanager
def speaking(stack: RunningStack, tenant: Tenant) -> Iterator[ThreadClient]:
    with ThreadClient(stack, stack.token(tenant)) as thread:
        yield thread


@pytest.mark.slow
def test_an_installation_is_upgraded_and_rolled_back_under_load(sources: Path) -> None:
    steps = Steps()
    documents = {
        service: json.loads((sources / f"services/{service}/openapi.json").read_text("utf-8")) for service in SERVICES
    }
    with (
        SmallSite() as site,
        running_postgres() as postgres,
        running_nats() as nats,
        running_stack_over(postgres, nats, sources=sources) as old,
        old.as_released(None) as new,
    ):
        steps.done("the release before migrates and starts")
        tenant = old.new_tenant("Agency that is upgraded")
        with speaking(old, tenant) as thread:
            hear_by_webhook(thread, site)
            first = agreed(thread, site, "/first")
            incident_id = live_through_an_outage(thread, site, first, "/first")["incident_id"]
            wait_until_heard(nats)
            as_of = instant_text(old.clock.now())
            before = told(thread, first, incident_id, as_of)
            steps.done("old services on the old schema")

            # This release over the schema of the one before: it says what is missing, and touches nothing.
            start(new)
            needed = {service: head_revision(migrations_of(service)) for service in SERVICES}
            moved = [service for service in SERVICES if needed[service] != RELEASE.revisions[service]]
            for service in moved:
                lacking = f"stands at {RELEASE.revisions[service]}, needs {needed[service]}: run `migrate`"
                wait_until_told(new, service, lacking)
            steps.done("new services refuse the old schema")

            # What the old ones tell while nobody of the old ones listens is for the new ones.
            kill(old, *NEWS_CONSUMERS)
            second = told_unheard(thread, site, "/second")
            steps.done("old services tell what nobody hears")
            assert new.services.migrate() == moved
            ready(new)
            steps.done("migrated, new services ready")
            with speaking(new, tenant) as modern:
                heard = answered(modern, second)
                steps.done("new services heard what the old ones told")

                # The middle of the roll-out: both at work, also old ones that were started again.
                start(old, *NEWS_CONSUMERS)
                ready(old)
                mended(thread, site, second, "/second", heard)
                site.break_page("/first")
                site.break_page("/second")
                both = answered(thread, first), answered(modern, second)
                mended(modern, site, first, "/first", both[0])
                mended(thread, site, second, "/second", both[1])
                wait_until_heard(nats)
                steps.done("both releases side by side")
                assert faults(old) == []
                old.services.stop()

                assert list(lost(before, told(modern, first, incident_id, as_of))) == []
                write_what_is_new(modern, site, second)
                guarded = watched_with_a_secret(modern, site, second)
                steps.done("new services alone")
                kill(new, *NEWS_CONSUMERS)
                third = told_unheard(modern, site, "/third")
                assert faults(new) == []
                new.services.stop()
                steps.done("new services tell what nobody hears")

        # Back: the schema stays as it is.
        start(old)
        ready(old)
        with speaking(old, tenant) as thread:
            mended(thread, site, third, "/third", answered(thread, third))
            assert list(lost(before, told(thread, first, incident_id, as_of))) == []
            wait_until_heard(nats)
            # What it cannot open it does not try: nobody is blamed, and the site is shown nothing wrong.
            wait_until_it_is(thread, guarded, "unknown")
            assert thread.get("probes", "/v1/outages", monitor_id=guarded)["data"] == []
            assert secrets_shown(site) == {SECRET}
            steps.done("old services again")
            got = answers(old, old.token(tenant), documents)
            assert {path: status for path, status in got.items() if status >= 500} == {}
            read = [path for path, status in got.items() if status == 200]
            assert len(read) > 50, got
            steps.done(f"{len(read)} addresses read from the old services")
            assert faults(old) == []
        assert dead_letters(old.database_url) == []
