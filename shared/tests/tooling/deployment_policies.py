"""What must hold for every manifest that we ship. Each check gives one sentence per fault: tests plant some."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

Manifest = dict[str, Any]

NAME = "app.kubernetes.io/name"
IDENTITY = frozenset({NAME, "app.kubernetes.io/instance", "app.kubernetes.io/component"})
LABELS = frozenset({NAME, "app.kubernetes.io/instance", "app.kubernetes.io/part-of", "app.kubernetes.io/managed-by"})
POD_LABELS = IDENTITY | LABELS
PRIVATE_RANGES = frozenset(
    {"0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12", "192.168.0.0/16"}
)
SAFE_SYSCTLS = frozenset({"net.ipv4.ping_group_range"})
"""Those that we set, of the few that the standard `restricted` lets a pod set for itself."""
ECHO_REQUESTS = {"name": "net.ipv4.ping_group_range", "value": "0 2147483647"}
"""Every group may send echo requests, without a capability."""


def called(manifest: Manifest) -> str:
    """How a fault names a manifest: kind/name."""
    return f"{manifest['kind']}/{manifest['metadata']['name']}"


def workloads(manifests: Sequence[Manifest]) -> list[Manifest]:
    """Everything that makes pods."""
    return [manifest for manifest in manifests if "template" in manifest.get("spec", {})]


def pod_of(workload: Manifest) -> dict[str, Any]:
    """The pod's specification."""
    spec: dict[str, Any] = workload["spec"]["template"]["spec"]
    return spec


def labels_of(workload: Manifest) -> dict[str, str]:
    """The labels of the pods."""
    labels: dict[str, str] = workload["spec"]["template"]["metadata"]["labels"]
    return labels


def containers(workload: Manifest) -> list[dict[str, Any]]:
    """All containers of the pod, those that prepare it included."""
    return [*pod_of(workload).get("initContainers", []), *pod_of(workload)["containers"]]


def executes_checks(workload: Manifest) -> bool:
    """Whether its pods look at sites."""
    return any(
        container["image"].startswith("upheld/probes:") and container.get("args") in (["worker"], ["runner"])
        for container in containers(workload)
    )


def reach_outside(manifests: Sequence[Manifest], labels: Mapping[str, str]) -> set[int]:
    """The ports of public addresses that pods with these labels reach by the network policies; 0: every port."""
    return {
        port["port"]
        for manifest in manifests
        if manifest["kind"] == "NetworkPolicy" and _selects(manifest["spec"]["podSelector"], labels)
        for rule in manifest["spec"].get("egress", [])
        if "to" not in rule or any("ipBlock" in peer for peer in rule["to"])
        for port in rule.get("ports", [{"port": 0}])
    }


def faults_of_pods(manifests: Sequence[Manifest]) -> Iterator[str]:
    """Pod security `restricted` and a read-only root file system, a memory limit, an account without a token; and what
    executes checks may send echo requests."""
    for workload in workloads(manifests):
        pod, who = pod_of(workload), called(workload)
        security = pod.get("securityContext", {})
        if security.get("runAsNonRoot") is not True or not security.get("runAsUser"):
            yield f"{who} may run as root"
        if security.get("seccompProfile") != {"type": "RuntimeDefault"}:
            yield f"{who} has no seccomp profile"
        if pod.get("automountServiceAccountToken") is not False or not pod.get("serviceAccountName"):
            yield f"{who} carries a token of the cluster or has no account of its own"
        yield from _faults_of_kernel(workload)
        for forbidden in ("hostNetwork", "hostPID", "hostIPC"):
            if pod.get(forbidden):
                yield f"{who} uses {forbidden}"
        for volume in pod.get("volumes", []):
            if "hostPath" in volume:
                yield f"{who} mounts a path of its host"
            if "emptyDir" in volume and "sizeLimit" not in volume["emptyDir"]:
                yield f"{who} has a scratch volume {volume['name']} without a limit"
        for container in containers(workload):
            yield from _faults_of_container(who, container)
        if missing := POD_LABELS - labels_of(workload).keys():
            yield f"{who} lacks the labels {', '.join(sorted(missing))}"


def _faults_of_kernel(workload: Manifest) -> Iterator[str]:
    sysctls, who = pod_of(workload).get("securityContext", {}).get("sysctls", []), called(workload)
    if executes_checks(workload) and ECHO_REQUESTS not in sysctls:
        yield f"{who} may send no echo requests"
    if not {each["name"] for each in sysctls} <= SAFE_SYSCTLS:
        yield f"{who} changes more of its kernel than `restricted` allows"


def _faults_of_container(who: str, container: dict[str, Any]) -> Iterator[str]:
    security = container.get("securityContext", {})
    if security.get("readOnlyRootFilesystem") is not True:
        yield f"{who} writes to its root file system"
    if security.get("allowPrivilegeEscalation") is not False or security.get("privileged"):
        yield f"{who} may gain privileges"
    capabilities = security.get("capabilities", {})
    # The standard `restricted` knows one that may be added: that of low ports.
    if capabilities.get("drop") != ["ALL"] or not set(capabilities.get("add", [])) <= {"NET_BIND_SERVICE"}:
        yield f"{who} keeps capabilities"
    resources = container.get("resources", {})
    if "memory" not in resources.get("limits", {}) or not {"cpu", "memory"} <= resources.get("requests", {}).keys():
        yield f"{who} has no memory limit or does not say what it needs"
    image = container["image"]
    if ":" not in image or image.endswith(":latest"):
        yield f"{who} runs {image}, which is not one version"
    names = [mount["mountPath"] for mount in container.get("volumeMounts", [])]
    if "/tmp" not in names:
        yield f"{who} has no writable /tmp"


BROUGHT = {
    *("contracts-previous", "probes-previous", "incidents-previous", "reporting-previous"),
    *("incidents-mail", "probes-location", "probes-runner-ca", "reporting-mail"),
}
"""Secrets that an operator may bring and nothing makes up: pods start without them."""


def faults_of_secrets(manifests: Sequence[Manifest], made: Mapping[str, Mapping[str, str]]) -> Iterator[str]:
    """No secret is inline, every reference exists among those that are made, and everything made is used."""
    for manifest in manifests:
        if manifest["kind"] == "Secret":
            yield f"{called(manifest)} is a secret in a manifest"
        for name, value in _written_values(manifest):
            if _looks_secret(name, value):
                yield f"{called(manifest)} holds the secret {name}"
    used: set[tuple[str, str]] = set()
    for workload in workloads(manifests):
        references = list(_secret_references(workload))
        used |= set(references)
        for secret, key in references:
            if key not in made.get(secret, {}):
                yield f"{called(workload)} refers to {key} of the secret {secret}, which nothing makes"
    for secret, values in made.items():
        for key in values:
            if (secret, key) not in used:
                yield f"{key} of the secret {secret} is made and not used"


def _written_values(manifest: Manifest) -> Iterator[tuple[str, str]]:
    """Names and values that stand in a manifest: of a ConfigMap, and of the environment of containers."""
    if manifest["kind"] == "ConfigMap":
        yield from manifest.get("data", {}).items()
    for workload in workloads([manifest]):
        for container in containers(workload):
            for variable in container.get("env", []):
                yield variable["name"], variable.get("value", "")


def _looks_secret(name: str, value: str) -> bool:
    secret_name = any(
        word in name.lower() for word in ("password", "secret_key", "portal_secret", "token_key", "database_url")
    )
    is_file = name.lower().endswith("_file")
    return bool(value) and ((secret_name and not is_file) or ("://" in value and "@" in value))


def _secret_references(workload: Manifest) -> Iterator[tuple[str, str]]:
    for container in containers(workload):
        for variable in container.get("env", []):
            reference = variable.get("valueFrom", {}).get("secretKeyRef")
            if reference:
                yield reference["name"], reference["key"]
    for volume in pod_of(workload).get("volumes", []):
        if "secret" in volume:
            for item in volume["secret"]["items"]:
                yield volume["secret"]["secretName"], item["key"]
        for source in volume.get("projected", {}).get("sources", []):
            if source["secret"].get("optional") and source["secret"]["name"] in BROUGHT:
                continue
            for item in source["secret"]["items"]:
                yield source["secret"]["name"], item["key"]


def faults_of_labels(manifests: Sequence[Manifest]) -> Iterator[str]:
    """Everything can be found by the recommended labels."""
    for manifest in manifests:
        if missing := LABELS - manifest["metadata"].get("labels", {}).keys():
            yield f"{called(manifest)} itself lacks the labels {', '.join(sorted(missing))}"


def faults_of_selectors(manifests: Sequence[Manifest], others: Sequence[Manifest] = ()) -> Iterator[str]:
    """Selectors use labels that never change, select their own pods, and each Service port leads to a container's.

    `others` stand for what operators make: network policies may name their pods.
    """
    pods = workloads(manifests)
    for manifest in manifests:
        spec, who = manifest.get("spec", {}), called(manifest)
        if manifest["kind"] in {"Deployment", "StatefulSet"}:
            wanted = spec["selector"]["matchLabels"]
            if wanted.keys() != IDENTITY or not wanted.items() <= labels_of(manifest).items():
                yield f"{who} does not select its own pods by name, instance and component"
        elif manifest["kind"] in {"Service", "PodDisruptionBudget"}:
            wanted = spec["selector"] if manifest["kind"] == "Service" else spec["selector"]["matchLabels"]
            selected = [pod for pod in pods if wanted.items() <= labels_of(pod).items()]
            if len(selected) != 1:
                yield f"{who} selects {len(selected)} workloads"
                continue
            ports = {port["name"] for container in containers(selected[0]) for port in container.get("ports", [])}
            for port in spec.get("ports", []):
                if port["targetPort"] not in ports:
                    yield f"{who} leads to the port {port['targetPort']}, which {called(selected[0])} does not have"
        elif manifest["kind"] == "NetworkPolicy":
            yield from _faults_of_network_policy(manifest, [*pods, *others])


def _selects(selector: Mapping[str, Any], labels: Mapping[str, str]) -> bool:
    return selector.get("matchLabels", {}).items() <= labels.items() and all(
        labels.get(rule["key"]) in rule["values"] for rule in selector.get("matchExpressions", [])
    )


def _faults_of_network_policy(manifest: Manifest, pods: Sequence[Manifest]) -> Iterator[str]:
    spec, who = manifest["spec"], called(manifest)
    subjects = [pod for pod in pods if _selects(spec["podSelector"], labels_of(pod))]
    if not subjects:
        yield f"{who} selects no pod"
    for rule in spec.get("ingress", []):
        yield from _faults_of_ports(who, rule, subjects)
    for rule in spec.get("egress", []):
        for peer in rule.get("to", []):
            if "ipBlock" in peer and peer["ipBlock"]["cidr"] == "0.0.0.0/0":
                if not set(peer["ipBlock"].get("except", [])) >= PRIVATE_RANGES:
                    yield f"{who} opens private networks"
            elif "podSelector" in peer:
                yield from _faults_of_ports(
                    who, rule, [pod for pod in pods if _selects(peer["podSelector"], labels_of(pod))]
                )


def _faults_of_ports(who: str, rule: Mapping[str, Any], targets: Sequence[Manifest]) -> Iterator[str]:
    offered = {
        port["containerPort"] for pod in targets for container in containers(pod) for port in container.get("ports", [])
    }
    for port in rule.get("ports", []):
        if port["port"] not in offered:
            yield f"{who} allows the port {port['port']}, where nobody listens"
    for peer in [*rule.get("from", []), *rule.get("to", [])]:
        if not peer:
            yield f"{who} has an empty peer, which is everybody"


def faults_of_deployments(manifests: Sequence[Manifest]) -> Iterator[str]:
    """Pods of services are replaced without a gap, drained before they stop, probed, and kept through evictions."""
    budgets = [manifest["spec"] for manifest in manifests if manifest["kind"] == "PodDisruptionBudget"]
    for manifest in manifests:
        if manifest["kind"] != "Deployment":
            continue
        who, spec, pod = called(manifest), manifest["spec"], pod_of(manifest)
        if spec.get("strategy", {}).get("rollingUpdate") != {"maxUnavailable": 0, "maxSurge": 1}:
            yield f"{who} has a gap when it is replaced"
        container = pod["containers"][0]
        for probe in ("startupProbe", "livenessProbe", "readinessProbe"):
            path = "/readyz" if probe == "readinessProbe" else "/livez"
            get = container.get(probe, {}).get("httpGet", {})
            if get.get("path") != path or get.get("port") != "ops":
                yield f"{who} has no {probe} on {path} of the port of operations"
        pause = container.get("lifecycle", {}).get("preStop", {}).get("sleep", {}).get("seconds", 0)
        if not 0 < pause < pod.get("terminationGracePeriodSeconds", 30):
            yield f"{who} is stopped before its endpoints are forgotten"
        own = [budget for budget in budgets if budget["selector"]["matchLabels"] == spec["selector"]["matchLabels"]]
        if len(own) != 1 or own[0].get("maxUnavailable") != 1 or "minAvailable" in own[0]:
            yield f"{who} has no disruption budget of one pod"


SPREAD_OVER = ["kubernetes.io/hostname", "topology.kubernetes.io/zone"]


def faults_of_scaling(manifests: Sequence[Manifest]) -> Iterator[str]:
    """One place says how many pods of a Deployment there are; they are spread over machines and zones."""
    owners: dict[str, list[str]] = {}
    for manifest in manifests:
        spec = manifest.get("spec", {})
        if manifest["kind"] == "HorizontalPodAutoscaler":
            least, most = spec["minReplicas"], spec["maxReplicas"]
        elif manifest["kind"] == "ScaledObject":
            least, most = spec["minReplicaCount"], spec["maxReplicaCount"]
        else:
            continue
        owners.setdefault(spec["scaleTargetRef"]["name"], []).append(called(manifest))
        if not 2 <= least < most:
            yield f"{called(manifest)} scales from {least} to {most}"
    for manifest in manifests:
        if manifest["kind"] != "Deployment":
            continue
        said = owners.pop(manifest["metadata"]["name"], [])
        said += ["itself"] if "replicas" in manifest["spec"] else []
        if len(said) != 1:
            yield f"{called(manifest)} is told its number of pods by {' and '.join(said) or 'nobody'}"
        spread = pod_of(manifest).get("topologySpreadConstraints", [])
        own = manifest["spec"]["selector"]
        if [rule["topologyKey"] for rule in spread if rule["labelSelector"] == own] != SPREAD_OVER:
            yield f"{called(manifest)} is not spread over machines and zones"
    for target, said in owners.items():
        yield f"{' and '.join(said)} scales {target}, which does not exist"


def faults(
    manifests: Sequence[Manifest],
    made_secrets: Mapping[str, Mapping[str, str]],
    others: Sequence[Manifest] = (),
) -> list[str]:
    """All of the above. `others`: workloads that operators make from values or resources of ours."""
    return [
        *faults_of_pods(manifests),
        *faults_of_labels(manifests),
        *faults_of_secrets([*manifests, *others], made_secrets),
        *faults_of_selectors(manifests, others),
        *faults_of_deployments(manifests),
        *faults_of_scaling(manifests),
    ]
