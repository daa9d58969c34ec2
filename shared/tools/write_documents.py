"""Write the generated documents of the four services and the merged OpenAPI document, or check that they are current.

Per service: openapi.json, asyncapi.json, schemas/ with examples; for frontend teams shared/docs/openapi.json with the
routes of all four. ``--check`` writes nothing and prints what is missing, stale or left over, and which published event
is not any more what the release before promised.

Run: ``.venv/bin/python shared/tools/write_documents.py [--check]``
"""

from __future__ import annotations

import argparse
import importlib
import sys
from pathlib import Path

from event_shapes import Shape, differences, shape_of
from previous_release import PreviousRelease, not_accepted
from workspace import ROOT, SERVICES, report

from shared.schema_docs import check_documents, event_schema, merged_openapi, serialized, write_documents
from shared.service import Service, openapi_of

MERGED = Path("shared/docs/openapi.json")
ADVICE = "run `make openapi` and commit what it wrote"


def load_services() -> dict[str, Service]:
    """Name -> what the service says of itself in its main module."""
    services: dict[str, Service] = {name: importlib.import_module(f"{name}.main").SERVICE for name in SERVICES}
    return services


def faults(services: dict[str, Service], root: Path = ROOT) -> list[str]:
    """One sentence per document that is not what the code says."""
    found = [
        f"services/{name}: {fault}; {ADVICE}"
        for name, service in services.items()
        for fault in check_documents(service)
    ]
    merged = root / MERGED
    if not merged.is_file():
        found.append(f"{MERGED} is missing; {ADVICE}")
    elif merged.read_text(encoding="utf-8") != _merged(services):
        found.append(f"{MERGED} is stale; {ADVICE}")
    return found


def published_shapes(services: dict[str, Service]) -> dict[str, Shape]:
    """The shape of the data of every event that the services publish, by name."""
    return {
        str(service.registry.name_of(event)): shape_of(event_schema(event, service.registry.name_of(event)))
        for service in services.values()
        for event in service.registry.events
    }


def broken_promises(services: dict[str, Service]) -> list[str]:
    """One sentence per published event that those who read it as the release before said it cannot read any more."""
    found = differences(PreviousRelease.kept().shapes, published_shapes(services))
    return [
        f"{fault}; publish another version beside it, or accept it in previous_release/accepted.json with a reason"
        for fault in not_accepted(found, "events")
    ]


def _merged(services: dict[str, Service]) -> str:
    return serialized(merged_openapi({name: openapi_of(service) for name, service in services.items()}))


def write(services: dict[str, Service], root: Path = ROOT) -> list[Path]:
    """Write everything; the paths that changed."""
    changed = [path for service in services.values() for path in write_documents(service, service.folder)]
    merged = root / MERGED
    text = _merged(services)
    if not merged.is_file() or merged.read_text(encoding="utf-8") != text:
        merged.write_text(text, encoding="utf-8")
        changed.append(merged)
    return changed


def main(arguments: list[str] | None = None) -> int:
    """Exit status 0, or 1 when ``--check`` finds a document that is not current."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--check", action="store_true", help="compare only")
    options = parser.parse_args(arguments)
    services = load_services()
    if options.check:
        found = [*faults(services), *broken_promises(services)]
        return report(found, "The generated documents are current, and published events what they were.")
    for path in write(services):
        print(path)
    return 0


if __name__ == "__main__":
    sys.exit(main())
