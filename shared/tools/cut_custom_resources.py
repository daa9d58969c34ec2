"""Cut the definitions of custom resources down to the fields that our manifests use, for the tests to validate them.

Whole definitions are half a megabyte, and not to be had where tests run. What is left: the fields that we use and those
that are required, with their types, values and bounds; any other field is refused. Run it when a manifest uses a new
field or an operator is upgraded, with the operators' own files:

``.venv/bin/python shared/tools/cut_custom_resources.py postgresql.cnpg.io_clusters.yaml keda.sh_scaledobjects.yaml …``
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import yaml
from render_deployment import rendered, rendered_with
from workspace import ROOT

CUT = ROOT / "shared/tests/tooling/custom_resources.json"
VERSIONS = {
    "postgresql.cnpg.io": "CloudNativePG 1.30.0",
    "barmancloud.cnpg.io": "the Barman Cloud plugin of CloudNativePG 0.14.0",
    "keda.sh": "KEDA 2.20.2",
    "monitoring.coreos.com": "the Prometheus operator 0.93.0",
}
KEPT = ("type", "enum", "pattern", "minimum", "maximum", "minLength", "maxLength", "minItems", "maxItems", "required")

Schema = dict[str, Any]


def cut(schema: Schema, values: Sequence[Any]) -> Schema:
    """The schema, of nothing but what occurs in the values or must occur."""
    if schema.get("x-kubernetes-int-or-string"):
        return {"anyOf": [{"type": "integer"}, {"type": "string"}]}
    kept: Schema = {name: schema[name] for name in KEPT if name in schema}
    objects = [value for value in values if isinstance(value, dict)]
    if "items" in schema:
        kept["items"] = cut(schema["items"], [item for value in values if isinstance(value, list) for item in value])
    if isinstance(schema.get("additionalProperties"), dict):
        inner = [item for value in objects for item in value.values()]
        kept["additionalProperties"] = cut(schema["additionalProperties"], inner)
    elif "properties" in schema:
        used = {name for value in objects for name in value} | set(schema.get("required", []))
        kept["properties"] = {
            name: cut(inner, [value[name] for value in objects if name in value])
            for name, inner in schema["properties"].items()
            if name in used
        }
        if not schema.get("x-kubernetes-preserve-unknown-fields"):
            kept["additionalProperties"] = False
    return kept


def ours() -> Iterator[dict[str, Any]]:
    """Every manifest that we ship."""
    yield from yaml.safe_load_all(rendered("everything"))
    yield from yaml.safe_load_all(rendered_with("runner", ["keda-runner"]))


def main(files: list[str]) -> int:
    """Writes shared/tests/tooling/custom_resources.json again from all the files."""
    manifests = list(ours())
    result: dict[str, dict[str, Any]] = {}
    for file in files:
        definition = yaml.safe_load(Path(file).read_text(encoding="utf-8"))["spec"]
        version = next(each for each in definition["versions"] if each["served"] and each["storage"])
        key = f"{definition['group']}/{version['name']}/{definition['names']['kind']}"
        specs = [each["spec"] for each in manifests if f"{each['apiVersion']}/{each['kind']}" == key]
        spec = version["schema"]["openAPIV3Schema"]["properties"]["spec"]
        result[key] = {"from": VERSIONS[definition["group"]], "spec": cut(spec, specs)}
    CUT.write_text(json.dumps(result, indent=1, sort_keys=True) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
