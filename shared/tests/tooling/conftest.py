"""Copies of the sources, to break rules in without touching the repository."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from workspace import ROOT, SERVICES

IGNORED = shutil.ignore_patterns("__pycache__", "*.egg-info")


class SourceTree:
    """A copy of pyproject files and sources below ``root``, with the same layout as the repository."""

    def __init__(self, root: Path) -> None:
        self.root = root
        for project in ("shared", *(f"services/{service}" for service in SERVICES)):
            shutil.copytree(ROOT / project / "src", root / project / "src", ignore=IGNORED)
            shutil.copy(ROOT / project / "pyproject.toml", root / project / "pyproject.toml")
        shutil.copy(ROOT / "pyproject.toml", root / "pyproject.toml")

    @property
    def source_paths(self) -> list[Path]:
        """The folders that a Python path needs to import the five packages of this copy."""
        return [self.root / "shared/src", *(self.root / f"services/{service}/src" for service in SERVICES)]

    def plant(self, path: str, text: str) -> None:
        """Append text to a file of the copy, which is created where it does not exist."""
        target = self.root / path
        target.parent.mkdir(parents=True, exist_ok=True)
        before = target.read_text(encoding="utf-8") if target.exists() else ""
        target.write_text(f"{before}\n{text}\n", encoding="utf-8")


@pytest.fixture
def source_tree(tmp_path: Path) -> SourceTree:
    """A fresh, unbroken copy of the sources."""
    return SourceTree(tmp_path / "copy")
