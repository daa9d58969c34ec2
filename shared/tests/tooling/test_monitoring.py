"""Alerts, dashboards and runbooks speak of what the services really tell, and of commands that exist."""

from __future__ import annotations

import importlib
import json
import logging
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from functools import cache
from typing import Any
from urllib.parse import urlsplit

import play_alerts
import promql_parser
import pytest
import structlog
import yaml
from prometheus_client import REGISTRY
from promql import OF_THE_PLATFORM, OF_THE_TARGET, Evaluator, failures_of, faults_of, seconds, series_of
from render_deployment import rendered
from workspace import ROOT, SERVICES

from shared.span_export import is_wanted
from shared.telemetry import configure_logging

COMPONENTS = ROOT / "deploy/k8s/components"
ALERTS = [rule for group in play_alerts.read_groups() for rule in group["rules"]]
DASHBOARD = json.loads((COMPONENTS / "dashboards/upheld.json").read_text(encoding="utf-8"))
RUNBOOKS = (ROOT / "deploy/runbooks.md").read_text(encoding="utf-8")


@cache
def told() -> dict[str, set[str]]:
    """Name of a series -> its labels: what /metrics of the four services can show, which is one registry in each, and
    what the platform tells."""
    for service in SERVICES:
        importlib.import_module(f"{service}.main")
        importlib.import_module(f"{service}.worker")
    series = {name: set(labels) for name, labels in OF_THE_PLATFORM.items()}
    for collector, names in REGISTRY._collector_to_names.items():
        labels = set(getattr(collector, "_labelnames", ()))
        for name in names:
            series[name] = labels | ({"le"} if name.endswith("_bucket") else set())
    return series


def test_an_alert_that_is_beside_runners_too_is_the_same_there() -> None:
    names = [alert["alert"] for alert in ALERTS]
    assert sorted(names) == sorted(set(names))


@pytest.mark.parametrize("alert", ALERTS, ids=lambda alert: alert["alert"])
def test_an_alert_is_about_what_the_services_tell(alert: dict[str, Any]) -> None:
    assert faults_of(alert["expr"], told()) == []
    for text in (alert["annotations"]["summary"], alert["annotations"]["description"]):
        assert set(re.findall(r"\$labels\.(\w+)", text)) <= OF_THE_TARGET.union(*told().values())


def test_a_name_and_a_label_that_nobody_tells_would_be_found() -> None:
    assert faults_of("rate(http_request_duration_seconds_total[5m])", told()) == [
        "nobody tells http_request_duration_seconds_total"
    ]
    assert faults_of('sum by (route) (outbox_relay_leading{stream="x"})', told()) == [
        "outbox_relay_leading has no label stream",
        "grouped by route, which no series has",
    ]
    with pytest.raises(ValueError):
        faults_of("sum(up", told())


def panel_expressions() -> list[tuple[str, str]]:
    return [(panel["title"], target["expr"]) for panel in DASHBOARD["panels"] for target in panel["targets"]]


@pytest.mark.parametrize(("title", "expression"), panel_expressions())
def test_a_panel_shows_what_the_services_tell(title: str, expression: str) -> None:
    assert faults_of(expression.replace("$service", "contracts"), told()) == [], title


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


def test_with_the_component_for_traces_every_process_tells_its_spans_to_a_collector_in_its_reach() -> None:
    manifests = list(yaml.safe_load_all(rendered("everything")))
    maps = {item["metadata"]["name"]: item["data"] for item in manifests if item["kind"] == "ConfigMap"}
    exporting = set()
    for item in manifests:
        if item["kind"] == "Deployment":
            labels = item["spec"]["template"]["metadata"]["labels"]
            sources = item["spec"]["template"]["spec"]["containers"][0].get("envFrom", [])
            if is_wanted({key: value for each in sources for key, value in maps[each["configMapRef"]["name"]].items()}):
                exporting.add((labels["app.kubernetes.io/name"], labels["app.kubernetes.io/component"]))
    assert exporting == {(service, component) for service in SERVICES for component in ("api", "worker")}
    policies = {each["metadata"]["name"]: each["spec"] for each in manifests if each["kind"] == "NetworkPolicy"}
    (allowed,) = policies["tracing"]["egress"][0]["ports"]
    (settings,) = [data for name, data in maps.items() if name.startswith("tracing-")]
    assert allowed["port"] == urlsplit(settings["OTEL_EXPORTER_OTLP_ENDPOINT"]).port


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
    named = {alert["annotations"]["runbook_url"].partition("#")[2] for alert in ALERTS}
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
        for name in [f"{head}{one}" for one in rest.rstrip(")").split("|")] if rest else alternatives.split("|"):
            assert f'"{name}' in sources, name


@dataclass(frozen=True)
class LogAs:
    """As in an image."""

    log_level: str = "info"
    log_format: str = "json"


# --- alerts fire, and do not -----------------------------------------------------------------------------------------

CASES = play_alerts.read_cases()
PROMETHEUS = pytest.mark.parametrize("left_open", [False, True], ids=["Prometheus 2", "Prometheus 3"])


@PROMETHEUS
@pytest.mark.parametrize("case", CASES["tests"], ids=lambda case: case["name"])
def test_alerts_fire_when_they_should_and_else_do_not(case: dict[str, Any], *, left_open: bool) -> None:
    every = seconds(CASES["evaluation_interval"])
    assert failures_of(case, ALERTS, every, left_open=left_open) == []


def test_every_alert_has_a_case_in_which_it_fires_and_one_in_which_it_does_not() -> None:
    played = [each for case in CASES["tests"] for each in case["alert_rule_test"]]
    names = {alert["alert"] for alert in ALERTS}
    assert {each["alertname"] for each in played if each["exp_alerts"]} == names
    assert {each["alertname"] for each in played if not each["exp_alerts"]} == names


@PROMETHEUS
def test_a_case_that_does_not_come_true_is_told(*, left_open: bool) -> None:
    patient = [alert | {"for": "59m"} for alert in ALERTS]
    every = seconds(CASES["evaluation_interval"])
    for case in CASES["tests"]:
        fires = any(each["exp_alerts"] for each in case["alert_rule_test"])
        assert bool(failures_of(case, patient, every, left_open=left_open)) == fires, case["name"]


COUNTED = [
    {"series": 'asked_total{pod="a"}', "values": "0+30x4 20+10x5"},
    {"series": 'asked_total{pod="b"}', "values": "_x3 6 8 _ 14 15 17 21"},
    {"series": 'took_bucket{le="0.5"}', "values": "0+1x9"},
    {"series": 'took_bucket{le="2"}', "values": "0+3x9"},
    {"series": 'took_bucket{le="+Inf"}', "values": "0+4x9"},
    {"series": 'late{work="mail"}', "values": "3 9 4 1 _x5 2"},
]


@pytest.mark.parametrize(
    ("expression", "at", "expected"),
    [
        # What promtool 2.42 gives for them; a counter that was started again, a gap, and a beginning that was not seen.
        ('rate(asked_total{pod="a"}[5m])', "9m", {"a": 0.2}),
        ('increase(asked_total{pod="a"}[5m])', "6m", {"a": 120.0}),
        ('increase(asked_total{pod="b"}[6m])', "9m", {"b": 15.0}),
        ("sum(increase(asked_total[5m]))", "9m", {"": 73.0}),
        ("histogram_quantile(0.5, took_bucket)", "9m", {"": 1.25}),
        ("histogram_quantile(0.95, took_bucket)", "9m", {"": 2.0}),
        ("max by (work) (late) > 3", "2m", {"mail": 4.0}),
        ("late > 3", "3m", {}),
        ("absent(late)", "8m", {}),
        ("absent(late)", "14m30s", {"": 1.0}),
        ('absent(late{work="chat"})', "1m", {"chat": 1.0}),
        ("asked_total unless late", "1m", {"a": 30.0}),
        ('asked_total unless asked_total{pod="b"}', "9m", {"a": 60.0}),
        ("min_over_time(max(late)[2m:30s])", "2m", {"": 3.0}),
        ("time() - max(late)", "90s", {"": 81.0}),
    ],
)
def test_expressions_are_worth_what_prometheus_makes_of_them(
    expression: str, at: str, expected: dict[str, float]
) -> None:
    found = Evaluator(series_of(COUNTED, 60), left_open=False).vector(promql_parser.parse(expression), seconds(at))
    named = {"".join(value for key, value in labels if key in ("pod", "work")): each for labels, each in found.items()}
    assert named == pytest.approx(expected)


def test_what_our_rules_do_not_use_is_refused_and_not_guessed() -> None:
    nothing = Evaluator({}, left_open=False)
    for expression in ("up offset 5m", "sum without (pod) (up)", "irate(up[5m])", "up == on (job) up", "-up"):
        with pytest.raises((NotImplementedError, KeyError)):
            nothing.value(promql_parser.parse(expression), 60)


def test_promtool_finds_no_fault_with_rules_and_cases() -> None:
    promtool = shutil.which("promtool")
    if promtool is None:
        pytest.skip("promtool is not installed: on Debian it comes with the package prometheus")
    assert play_alerts.promtool_says(promtool, play_alerts.read_groups()) == ""
