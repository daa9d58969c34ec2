"""Alerts, dashboards and runbooks speak of what the services really tell, and of commands that exist."""

from __future__ import annotations

import importlib
import json
import logging
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import promql_parser
import pytest
import structlog
import yaml
from prometheus_client import REGISTRY
from render_deployment import rendered
from workspace import ROOT, SERVICES

from shared.telemetry import configure_logging

COMPONENTS = ROOT / "deploy/k8s/components"
RULES = yaml.safe_load((COMPONENTS / "monitoring/alerts.yaml").read_text(encoding="utf-8"))["spec"]
ALERTS = [rule for group in RULES["groups"] for rule in group["rules"]]
RUNNER_RULES = yaml.safe_load((COMPONENTS / "monitoring-runner/alerts.yaml").read_text(encoding="utf-8"))["spec"]
RUNNER_ALERTS = RUNNER_RULES["groups"][0]["rules"]
DASHBOARD = json.loads((COMPONENTS / "dashboards/upheld.json").read_text(encoding="utf-8"))
RUNBOOKS = (ROOT / "deploy/runbooks.md").read_text(encoding="utf-8")
OF_THE_TARGET = {"job", "component", "pod", "instance", "namespace"}
"""Labels that Prometheus adds to every series of ours (PodMonitor)."""


@cache
def told() -> dict[str, set[str]]:
    """Name of a series -> its labels: what /metrics of the four services can show, which is one registry in each."""
    for service in SERVICES:
        importlib.import_module(f"{service}.main")
        importlib.import_module(f"{service}.worker")
    series: dict[str, set[str]] = {"up": set()}  # says Prometheus of whom it reads
    for collector, names in REGISTRY._collector_to_names.items():
        labels = set(getattr(collector, "_labelnames", ()))
        for name in names:
            series[name] = labels | ({"le"} if name.endswith("_bucket") else set())
    return series


def parts(node: Any) -> Iterator[Any]:
    """The expression and every expression in it."""
    yield node
    for name in ("expr", "lhs", "rhs", "param", "vector_selector"):
        inner = getattr(node, name, None)
        if inner is not None:
            yield from parts(inner)
    for inner in getattr(node, "args", None) or ():
        yield from parts(inner)


def faults_of(expression: str) -> list[str]:
    """What of a PromQL expression nobody tells. Raises ValueError when it is none."""
    found = []
    nodes = list(parts(promql_parser.parse(expression)))
    known = set(OF_THE_TARGET)
    for node in nodes:
        if isinstance(node, promql_parser.VectorSelector):
            if node.name not in told():
                found.append(f"nobody tells {node.name}")
                continue
            known |= told()[node.name]
            found += [
                f"{node.name} has no label {matcher.name}"
                for matcher in node.matchers.matchers
                if matcher.name not in told()[node.name] | OF_THE_TARGET
            ]
    for node in nodes:
        modifier = getattr(node, "modifier", None)
        if isinstance(node, promql_parser.AggregateExpr) and modifier is not None:
            found += [f"grouped by {label}, which no series has" for label in modifier.labels if label not in known]
    return found


def test_the_alerts_beside_runners_are_those_of_the_product_word_by_word_but_that_runners_are_gone() -> None:
    gone, *same = RUNNER_ALERTS
    assert [alert for alert in same if alert not in ALERTS] == []
    assert gone["alert"] == "UpheldRunnersGone" and faults_of(gone["expr"]) == []
    of_runners = {name for name in told() if told()[name] & {"location"}}
    assert any(name in alert["expr"] for alert in same for name in of_runners)


@pytest.mark.parametrize("alert", ALERTS, ids=lambda alert: alert["alert"])
def test_an_alert_is_about_what_the_services_tell(alert: dict[str, Any]) -> None:
    assert faults_of(alert["expr"]) == []
    for text in (alert["annotations"]["summary"], alert["annotations"]["description"]):
        assert set(re.findall(r"\$labels\.(\w+)", text)) <= OF_THE_TARGET.union(*told().values())


def test_a_name_and_a_label_that_nobody_tells_would_be_found() -> None:
    assert faults_of("rate(http_request_duration_seconds_total[5m])") == [
        "nobody tells http_request_duration_seconds_total"
    ]
    assert faults_of('sum by (route) (outbox_relay_leading{stream="x"})') == [
        "outbox_relay_leading has no label stream",
        "grouped by route, which no series has",
    ]
    with pytest.raises(ValueError):
        faults_of("sum(up")


def panel_expressions() -> list[tuple[str, str]]:
    return [(panel["title"], target["expr"]) for panel in DASHBOARD["panels"] for target in panel["targets"]]


@pytest.mark.parametrize(("title", "expression"), panel_expressions())
def test_a_panel_shows_what_the_services_tell(title: str, expression: str) -> None:
    assert faults_of(expression.replace("$service", "contracts")) == [], title


def test_the_dashboard_is_handed_to_grafana_and_its_panels_do_not_overlap() -> None:
    manifests = yaml.safe_load_all(rendered("everything"))
    board = next(item for item in manifests if item["metadata"].get("labels", {}).get("grafana_dashboard") == "1")
    assert json.loads(board["data"]["upheld.json"]) == DASHBOARD
    places = {(panel["gridPos"]["x"], panel["gridPos"]["y"]) for panel in DASHBOARD["panels"]}
    assert len(places) == len(DASHBOARD["panels"]) == len({panel["id"] for panel in DASHBOARD["panels"]})


def test_the_label_job_of_what_prometheus_reads_is_the_service() -> None:
    monitor = yaml.safe_load((COMPONENTS / "monitoring/pods.yaml").read_text(encoding="utf-8"))["spec"]
    (endpoint,) = monitor["podMetricsEndpoints"]
    assert monitor["jobLabel"] == "app.kubernetes.io/name"
    read = set()
    for item in yaml.safe_load_all(rendered("base")):
        if item["kind"] == "Deployment":
            labels = item["spec"]["template"]["metadata"]["labels"]
            (rule,) = monitor["selector"]["matchExpressions"]
            ports = item["spec"]["template"]["spec"]["containers"][0]["ports"]
            if labels["app.kubernetes.io/component"] in rule["values"]:
                assert endpoint["port"] in {port["name"] for port in ports}
                read.add((labels["app.kubernetes.io/name"], labels["app.kubernetes.io/component"]))
    assert read == {(service, component) for service in SERVICES for component in ("api", "worker")}


# --- runbooks --------------------------------------------------------------------------------------------------------


def anchors() -> set[str]:
    return {
        re.sub(r"[^a-z0-9 -]", "", title.lower()).replace(" ", "-")
        for title in re.findall(r"^## (.+)$", RUNBOOKS, re.M)
    }


def test_every_alert_says_how_bad_it_is_and_what_to_do() -> None:
    assert len({alert["alert"] for alert in ALERTS}) == len(ALERTS)
    for alert in ALERTS:
        assert alert["labels"]["severity"] in {"critical", "warning"}
        assert set(alert["annotations"]) == {"summary", "description", "runbook_url"}
    named = {alert["annotations"]["runbook_url"].partition("#")[2] for alert in (*ALERTS, *RUNNER_ALERTS)}
    linked = set(re.findall(r"\]\(#([a-z0-9-]+)\)", RUNBOOKS))
    assert named | linked == anchors()


def test_what_a_runbook_runs_exists() -> None:
    deployments = {
        item["metadata"]["name"] for item in yaml.safe_load_all(rendered("base")) if item["kind"] == "Deployment"
    }
    named = set(re.findall(r"\b(?:deploy|exec deploy)/([a-z-]+)", RUNBOOKS)) - {"probes-runner", "k"}
    assert named <= deployments
    commands = set(re.findall(r"python -m (\w+) ([a-z-]+)(?: (list|show|replay|discard)\b)?", RUNBOOKS))
    assert commands
    for service, command, action in sorted(commands):
        # A command of a service's own reads its settings first; the list of commands does not.
        told_of = [[], [command]] if action else [[]]
        helps = [
            subprocess.run([sys.executable, "-m", service, *of, "--help"], capture_output=True, text=True, check=True)
            for of in told_of
        ]
        assert re.search(rf"^ +{command}\b", helps[0].stdout, re.MULTILINE), command
        assert not action or re.search(rf"^ +{action}\b", helps[1].stdout, re.MULTILINE), action


def test_a_runbook_reads_the_log_of_every_pod_of_a_kind() -> None:
    """`kubectl logs deploy/…` reads one of several, and with a selector ten lines of each."""
    assert not re.findall(r"logs deploy/(?!…)", RUNBOOKS)
    (helper,) = re.findall(r"^L\(\) \{.*$", RUNBOOKS, re.M)
    assert "--prefix" in helper and "--tail=-1" in helper
    kinds = {
        (labels["app.kubernetes.io/name"], labels["app.kubernetes.io/component"])
        for item in yaml.safe_load_all(rendered("base"))
        if item["kind"] == "Deployment"
        for labels in [item["spec"]["template"]["metadata"]["labels"]]
    }
    named = set(re.findall(r"\bL ([a-z]+|NAME) (\w+) --since", RUNBOOKS))
    assert len(named) >= 5
    assert {one for one in named if one[0] != "NAME"} <= kinds
    assert {kind for _, kind in named} <= {kind for _, kind in kinds}


def test_what_a_runbook_greps_for_stands_in_the_log_as_a_service_writes_it(capsys: pytest.CaptureFixture[str]) -> None:
    """The spelling of level and status of a line of JSON; names of events are words of the code."""
    before = structlog.get_config()
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    try:
        configure_logging(LogAs(), service="contracts")
        structlog.get_logger().warning("request", status=503)
    finally:
        structlog.configure(**before)
        root.handlers[:] = handlers
        root.setLevel(level)
    line = capsys.readouterr().out
    for pattern in re.findall(r"""grep (?:-E )?'("[^']+)'""", RUNBOOKS):
        assert re.search(pattern, line), (pattern, line)
    sources = "".join(path.read_text(encoding="utf-8") for path in ROOT.glob("s*/**/src/**/*.py"))
    events = re.findall(r"grep (?:-E ')?([a-z_|()]+)", RUNBOOKS)
    assert len(events) > 5
    for alternatives in events:
        head, _, rest = alternatives.partition("(")
        for one in rest.rstrip(")").split("|") if rest else [alternatives]:
            assert f'"{head}{one}' in sources, head + one


@dataclass(frozen=True)
class LogAs:
    """As in an image."""

    log_level: str = "info"
    log_format: str = "json"


# --- alerts fire, and do not -----------------------------------------------------------------------------------------


def fires(alert: str, after: str, series: dict[str, str], labels: dict[str, str] | None) -> dict[str, Any]:
    """A test of promtool. `labels` None: the alert must not fire."""
    rule = next(rule for rule in (*ALERTS, RUNNER_ALERTS[0]) if rule["alert"] == alert)
    expected = [] if labels is None else [{"exp_labels": rule["labels"] | labels}]
    return {
        "interval": "1m",
        "input_series": [{"series": name, "values": values} for name, values in series.items()],
        "alert_rule_test": [{"eval_time": after, "alertname": alert, "exp_alerts": expected}],
    }


ALL_UP = {
    f'up{{job="{service}", component="{component}", pod="a"}}': "1x30"
    for service in SERVICES
    for component in ("api", "worker")
}
FAILING = 'http_request_duration_seconds_count{job="contracts", status="500"}'
SERVED = 'http_request_duration_seconds_count{job="contracts", status="200"}'
OLDEST = 'outbox_oldest_unpublished_seconds{service="probes", pod="%s"}'
WAITING = 'probes_work_waiting{location="%s", pod="%s"}'
CASES = {
    "all is well": fires("UpheldServiceGone", "10m", ALL_UP, None),
    "one of two processes is enough": fires(
        "UpheldServiceGone", "10m", ALL_UP | {'up{job="probes", component="api", pod="b"}': "0x30"}, None
    ),
    "no process of a kind answers": fires(
        "UpheldServiceGone",
        "10m",
        ALL_UP | {'up{job="probes", component="api", pod="a"}': "0x30"},
        {"job": "probes", "component": "api"},
    ),
    "a kind is not even there": fires(
        "UpheldServiceGone",
        "10m",
        {name: values for name, values in ALL_UP.items() if '"reporting", component="worker"' not in name},
        {"job": "reporting", "component": "worker"},
    ),
    "one request in a hundred fails": fires("UpheldApiErrors", "20m", {FAILING: "0+1x30", SERVED: "0+99x30"}, None),
    "one request in ten fails": fires(
        "UpheldApiErrors", "20m", {FAILING: "0+10x30", SERVED: "0+90x30"}, {"job": "contracts"}
    ),
    "events leave": fires("UpheldOutboxStuck", "10m", {OLDEST % "a": "0x30", OLDEST % "b": "59x30"}, None),
    "events do not leave": fires("UpheldOutboxStuck", "10m", {OLDEST % "a": "0+60x30"}, {"service": "probes"}),
    "a relay leads in one of two pods": fires(
        "UpheldNoRelayLeads",
        "10m",
        {
            'outbox_relay_leading{service="probes", pod="a"}': "0x30",
            'outbox_relay_leading{service="probes", pod="b"}': "1x30",
        },
        None,
    ),
    "a worker never found NATS": fires(
        "UpheldNatsAway",
        "5m",
        {'nats_connected{job="probes", component="worker", pod="a"}': "0x30"},
        {"job": "probes", "component": "worker"},
    ),
    "one of two reaches NATS": fires(
        "UpheldNatsAway",
        "5m",
        {
            'nats_connected{job="probes", component="worker", pod="a"}': "0x30",
            'nats_connected{job="probes", component="worker", pod="b"}': "1x30",
        },
        None,
    ),
    "no relay has led since the start": fires(
        "UpheldNoRelayLeads", "5m", {'outbox_relay_leading{service="probes", pod="a"}': "0x30"}, {"service": "probes"}
    ),
    "a job has failed since the start": fires(
        "UpheldJobFails",
        "30m",
        {'job_last_done_timestamp_seconds{job="incidents", work="send mail"}': "1x40"},
        {"job": "incidents", "work": "send mail"},
    ),
    "nobody takes the work of a location": fires(
        "UpheldChecksNotTaken",
        "20m",
        {WAITING % ("lyon", "a"): "0+2x30", WAITING % ("oslo", "a"): "0x30"},
        {"location": "lyon"},
    ),
    "work waits, and is taken": fires("UpheldChecksNotTaken", "20m", {WAITING % ("lyon", "a"): "5 0 7 3 0x30"}, None),
    "the first check that was not handed out": fires(
        "UpheldChecksUnscheduled",
        "5m",
        {'probes_checks_unscheduled_total{location="lyon"}': "0 0 0 1x30"},
        {"location": "lyon"},
    ),
    "no runner is there": fires("UpheldRunnersGone", "5m", {}, {"job": "probes", "component": "runner"}),
    "a runner is there": fires(
        "UpheldRunnersGone", "5m", {'up{job="probes", component="runner", pod="a"}': "1x9"}, None
    ),
    "no result of any location": fires("UpheldChecksNotRecorded", "20m", {"probes_monitors_watched": "7x30"}, {}),
    "no monitors, no results": fires("UpheldChecksNotRecorded", "20m", {"probes_monitors_watched": "0x30"}, None),
    "results come": fires(
        "UpheldChecksNotRecorded", "20m", {"probes_monitors_watched": "7x30", "probes_results_total": "0+5x30"}, None
    ),
    "a dead letter waits": fires(
        "UpheldDeadLetters", "10m", {'dead_letters_open{consumer="incidents"}': "1x30"}, {"consumer": "incidents"}
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_alerts_fire_when_they_should_and_else_do_not(case: str, tmp_path: Path) -> None:
    promtool = shutil.which("promtool")
    if promtool is None:
        pytest.skip("promtool is not installed: on Debian it comes with the package prometheus")
    # What an alert says in words depends on figures: the test is about when it fires.
    rules = [
        {name: value for name, value in rule.items() if name != "annotations"} for rule in (*ALERTS, RUNNER_ALERTS[0])
    ]
    (tmp_path / "rules.yaml").write_text(yaml.safe_dump({"groups": [{"name": "upheld", "rules": rules}]}), "utf-8")
    test = {"rule_files": ["rules.yaml"], "evaluation_interval": "1m", "tests": [CASES[case]]}
    (tmp_path / "test.yaml").write_text(yaml.safe_dump(test), encoding="utf-8")
    done = subprocess.run(
        [promtool, "test", "rules", "test.yaml"], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
