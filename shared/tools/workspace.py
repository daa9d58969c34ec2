"""Where things are in the repository: the one place that knows the layout, for the scripts beside it."""

from __future__ import annotations

import ast
import sys
import tomllib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
SERVICES = ("contracts", "probes", "incidents", "reporting")


@dataclass(frozen=True)
class Violation:
    """One broken rule: ``path`` is relative to the repository, ``line`` starts at 1, ``reason`` says what to do."""

    path: Path
    line: int
    reason: str

    def __str__(self) -> str:
        return f"{self.path}:{self.line}: {self.reason}"


def source_folders(root: Path = ROOT) -> dict[str, Path]:
    """Import name -> folder of the package, for shared and the four services."""
    return {"shared": root / "shared/src/shared"} | {name: root / f"services/{name}/src/{name}" for name in SERVICES}


def project_files(root: Path = ROOT) -> list[Path]:
    """Every pyproject.toml of the workspace, the root's first."""
    return [
        root / "pyproject.toml",
        root / "shared/pyproject.toml",
        *(root / f"services/{name}/pyproject.toml" for name in SERVICES),
    ]


def read_project(path: Path) -> dict[str, Any]:
    """A parsed pyproject.toml. Raises ``tomllib.TOMLDecodeError`` when it is not TOML."""
    return tomllib.loads(path.read_text(encoding="utf-8"))


def python_files(folder: Path) -> Iterator[Path]:
    """Every Python file below a folder, in a stable order."""
    return iter(sorted(folder.rglob("*.py")))


def parse(path: Path) -> ast.Module:
    """The syntax tree of a file."""
    return ast.parse(path.read_text(encoding="utf-8"), filename=str(path))


def imported_names(tree: ast.Module) -> dict[str, str]:
    """Local name -> dotted name it stands for, over all imports of a file, whatever their alias and nesting.

    ``from datetime import datetime as dt`` gives ``{"dt": "datetime.datetime"}``.
    """
    names: dict[str, str] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                first = alias.name.partition(".")[0]
                names[alias.asname or first] = alias.name if alias.asname else first
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            for alias in node.names:
                names[alias.asname or alias.name] = f"{node.module}.{alias.name}"
    return names


def dotted_name(node: ast.expr, names: dict[str, str]) -> str | None:
    """The full dotted name of ``a.b.c`` with its first part looked up among the imports; None for anything else."""
    parts: list[str] = []
    while isinstance(node, ast.Attribute):
        parts.append(node.attr)
        node = node.value
    if not isinstance(node, ast.Name) or node.id not in names:
        return None
    return ".".join([names[node.id], *reversed(parts)])


def report(violations: Iterable[object], kept: str) -> int:
    """Print every violation and return the exit status: 1 when there are any, else print ``kept`` and return 0."""
    found = [str(violation) for violation in violations]
    for line in found:
        print(line, file=sys.stderr)
    if not found:
        print(kept)
    return 1 if found else 0
