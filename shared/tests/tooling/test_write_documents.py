"""Stale, missing and left-over documents are named; writing them again makes the check quiet."""

from __future__ import annotations

import dataclasses
import importlib
from pathlib import Path

import pytest
import write_documents

from shared.service import Service


@pytest.fixture
def services(tmp_path: Path) -> dict[str, Service]:
    """Two real services whose folders are elsewhere."""
    (tmp_path / "shared/docs").mkdir(parents=True)
    moved = {}
    for name in ("probes", "reporting"):
        service: Service = importlib.import_module(f"{name}.main").SERVICE
        folder = tmp_path / "services" / name
        moved[name] = dataclasses.replace(service, migrations=folder / "src" / name / "migrations")
        folder.mkdir(parents=True)
        assert moved[name].folder == folder
    return moved


def test_written_documents_are_current_and_writing_again_changes_nothing(
    services: dict[str, Service], tmp_path: Path
) -> None:
    assert any("shared/docs/openapi.json is missing" in fault for fault in write_documents.faults(services, tmp_path))
    changed = write_documents.write(services, tmp_path)
    assert tmp_path / "shared/docs/openapi.json" in changed
    assert write_documents.faults(services, tmp_path) == []
    assert write_documents.write(services, tmp_path) == []


def test_every_document_that_is_not_current_is_named(services: dict[str, Service], tmp_path: Path) -> None:
    write_documents.write(services, tmp_path)
    probes = tmp_path / "services/probes"
    (probes / "openapi.json").write_text("{}", encoding="utf-8")
    (probes / "asyncapi.json").unlink()
    (probes / "schemas/probes.outage.forgotten.v1.schema.json").write_text("{}", encoding="utf-8")
    (tmp_path / "shared/docs/openapi.json").write_text("{}", encoding="utf-8")
    assert write_documents.faults(services, tmp_path) == [
        f"services/probes: openapi.json is stale; {write_documents.ADVICE}",
        f"services/probes: asyncapi.json is missing; {write_documents.ADVICE}",
        f"services/probes: schemas/probes.outage.forgotten.v1.schema.json is left over; {write_documents.ADVICE}",
        f"shared/docs/openapi.json is stale; {write_documents.ADVICE}",
    ]
