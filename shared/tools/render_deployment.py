"""Render what is in deploy/k8s with the kubectl of the lock: a kustomization by its name, or `everything`.

``everything`` is production with every optional component, as somebody's own overlay would have them.

Run: ``.venv/bin/python shared/tools/render_deployment.py base`` (or overlays/dev, overlays/production, runner …)
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import yaml
from workspace import ROOT

KUSTOMIZATIONS = ROOT / "deploy/k8s"
COMPONENTS = ("own-domains", "keda", "monitoring", "dashboards", "tracing")
"""The optional components of production; `keda-runner` and `monitoring-runner` are the runner's."""


def rendered(kustomization: str) -> str:
    """The manifests of a folder below deploy/k8s. Raises CalledProcessError, with what kubectl says in `stderr`."""
    if kustomization == "everything":
        return rendered_with("overlays/production", COMPONENTS)
    return _kustomize(KUSTOMIZATIONS / kustomization)


def rendered_with(kustomization: str, components: Sequence[str]) -> str:
    """The same with components upon it."""
    with tempfile.TemporaryDirectory() as folder:
        k8s = Path(os.path.relpath(KUSTOMIZATIONS, Path(folder).resolve()))
        overlay = {
            "resources": [str(k8s / kustomization)],
            "components": [str(k8s / "components" / component) for component in components],
            "namespace": "upheld",
            "labels": [{"pairs": {"app.kubernetes.io/part-of": "upheld", "app.kubernetes.io/managed-by": "kustomize"}}],
        }
        (Path(folder) / "kustomization.yaml").write_text(yaml.safe_dump(overlay), encoding="utf-8")
        return _kustomize(Path(folder).resolve())


def _kustomize(folder: Path) -> str:
    kubectl = str(Path(sys.executable).parent / "kubectl")
    return subprocess.run([kubectl, "kustomize", folder], capture_output=True, text=True, check=True).stdout


def main(arguments: list[str]) -> int:
    """Prints the manifests; exit status 1 with what kubectl says when there are none."""
    try:
        print(rendered(arguments[0]), end="")
    except subprocess.CalledProcessError as failed:
        print(failed.stderr, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
