"""What alerts and dashboards ask for is what the running services tell, by name and by label."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping

import httpx
import psycopg
import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.samples import Sample
from promql import OF_THE_PLATFORM, faults_of
from psycopg import sql
from workspace import ROOT, SERVICES

from shared.outbound_http import usual_authorities
from shared.testing.running_stack import RunningStack

from .conftest import World
from .thread_client import eventually

COMPONENTS = ROOT / "deploy/k8s/components"
RULES = yaml.safe_load((COMPONENTS / "monitoring/alerts.yaml").read_text(encoding="utf-8"))["spec"]
EXPRESSIONS = [rule["expr"] for group in RULES["groups"] for rule in group["rules"]] + [
    target["expr"].replace("$service", "contracts")
    for panel in json.loads((COMPONENTS / "dashboards/upheld.json").read_text(encoding="utf-8"))["panels"]
    for target in panel["targets"]
]


def told_by(stack: RunningStack, service: str) -> str:
    """Everything that one service tells now, as Prometheus reads it."""
    answer = httpx.get(stack.ops_url(service) + "/metrics", trust_env=False, verify=usual_authorities())
    return answer.raise_for_status().text


def samples_in(told: str, *names: str) -> list[Sample]:
    """What was told, or only the series of these names: to read all of it takes a tenth of a second."""
    if names:
        lines = told.splitlines(keepends=True)
        told = "".join(line for line in lines if re.split("[{ ]", line, maxsplit=1)[0] in names)
    return [sample for family in text_string_to_metric_families(told) for sample in family.samples]


@pytest.fixture(scope="module")
def samples(running_stack: RunningStack, world: World) -> Mapping[str, list[Sample]]:
    """Service -> what it tells when an agency has everything that a tenant can have, an outage included."""
    looked_at = ("events_pending", "job_oldest_due_seconds")

    def told_by_all() -> dict[str, str] | None:
        told = {service: told_by(running_stack, service) for service in SERVICES}
        found = [samples_in(each, *looked_at) for each in told.values()]
        # Consumers are looked at every fifteen seconds.
        complete = all({sample.name for sample in each} == set(looked_at) for each in found)
        # A broker that is busy may not say in time how far behind a consumer is: then there is no figure for a while.
        complete &= not any(s.name == "events_pending" and math.isnan(s.value) for each in found for s in each)
        # Who was started again by another test, or lost its connection for a moment, leads after a while.
        leading = {one: samples_in(told[one], "outbox_relay_leading") for one in SERVICES}
        complete &= all(values(leading[one], "outbox_relay_leading") == {(one,): 1} for one in SERVICES)
        return told if complete else None

    told = eventually(told_by_all, 60, "every service has told everything once")
    return {service: samples_in(each) for service, each in told.items()}


def test_alerts_and_panels_ask_for_what_is_told(samples: Mapping[str, list[Sample]]) -> None:
    told = {name: set(labels) for name, labels in OF_THE_PLATFORM.items()}
    for sample in (each for found in samples.values() for each in found):
        told.setdefault(sample.name, set()).update(sample.labels)
    assert {expression: found for expression in EXPRESSIONS if (found := faults_of(expression, told))} == {}


def values(samples: list[Sample], name: str) -> dict[tuple[str, ...], float]:
    """The values of the labels of a series, in the order of their names, and its value."""
    return {tuple(v for _, v in sorted(s.labels.items())): s.value for s in samples if s.name == name}


BEFORE_IT_WAS_DUE = "a check starts when it is due or later, and before its result is sent"
"""Of a check during which another test set the clock back."""


def set_aside(stack: RunningStack, service: str) -> list[tuple[str, str]]:
    """Subjects and errors of the dead letters that nobody has looked at."""
    with psycopg.connect(stack.database_url) as connection:
        table = sql.Identifier(service, "dead_letter")
        query = sql.SQL("select subject, error from {} where resolved_at is null").format(table)
        return connection.execute(query).fetchall()


@pytest.mark.parametrize("service", SERVICES)
def test_a_service_tells_what_every_service_tells(
    running_stack: RunningStack, samples: Mapping[str, list[Sample]], service: str
) -> None:
    told = samples[service]
    routes = {route for _, route, _ in values(told, "http_request_duration_seconds_count")}
    assert any(route.startswith("/v1/") for route in routes)
    assert not routes & {"/livez", "/readyz", "/metrics"}
    assert values(told, "outbox_oldest_unpublished_seconds")[(service,)] < 60
    assert [behind for behind in values(told, "events_pending").values() if math.isnan(behind)] == []
    dead = set_aside(running_stack, service)
    assert [letter for letter in dead if letter[1] != BEFORE_IT_WAS_DUE] == []
    assert values(told, "dead_letters_open") == {(service,): len(dead)}
    assert values(told, "database_connections_in_use")[(service,)] >= 0
    assert values(told, "database_connections_most")[(service,)] >= 2


@pytest.mark.parametrize("service", SERVICES)
def test_what_is_due_is_soon_done_by_every_job(running_stack: RunningStack, world: World, service: str) -> None:
    """A query that the database refuses would leave no figure. What began in the past is due since then for a while."""
    late: dict[tuple[str, ...], float] = {}

    def done() -> bool | None:
        told = samples_in(told_by(running_stack, service), "job_oldest_due_seconds", "job_run_seconds_count")
        late.clear()
        late.update(values(told, "job_oldest_due_seconds"))
        assert late.keys() <= values(told, "job_run_seconds_count").keys()
        return (late != {} and all(0 <= seconds < 60 for seconds in late.values())) or None

    try:
        eventually(done, 45, "every job has done what was due")
    except TimeoutError:
        pytest.fail(f"late: {late}")


def test_probes_tell_what_checks_found_and_how_late_they_began(samples: Mapping[str, list[Sample]]) -> None:
    told = samples["probes"]
    found = {outcome for _, _, outcome in values(told, "probes_results_total")}
    assert found >= {"good", "bad", "missed"}
    for name in ("probes_start_lateness_seconds_count", "probes_schedule_lateness_seconds_count"):
        assert all(count > 0 for count in values(told, name).values()), name
        assert values(told, name), name
