"""Refuse every reading of the machine's clock: time is an argument, so that a month end can be replayed.

Looks at all sources of shared and the services, migrations included. Stopwatches (``time.monotonic``, ``perf_counter``)
stay allowed: they measure, they do not date. Run: ``.venv/bin/python shared/tools/check_time_is_injected.py``
"""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterator
from pathlib import Path

from workspace import ROOT, Violation, dotted_name, imported_names, parse, python_files, report, source_folders

# The edge: where the machine's clock becomes a Clock, or is compared with another machine's. A file, or a function of
# one (`file::function`), relative to the repository, with the reason.
EDGE = {
    "shared/src/shared/time_source.py": "is the clock that everybody else is given",
    "shared/src/shared/ids.py": "the time inside a UUIDv7 only sorts rows; no rule reads it back",
    "services/probes/src/probes/jobs/recording.py::_skew": "the age of a message by the stamp of NATS, which "
    "no shifted clock moves",
}

CLOCK_READINGS = frozenset(
    {
        "datetime.datetime.now",
        "datetime.datetime.utcnow",
        "datetime.datetime.today",
        "datetime.date.today",
        "time.time",
        "time.time_ns",
        "time.gmtime",
        "time.localtime",
        "time.ctime",
        "time.strftime",
        "time.clock_gettime",
    }
)
SQL_FUNCTIONS = frozenset(
    {
        "now",
        "clock_timestamp",
        "statement_timestamp",
        "transaction_timestamp",
        "current_timestamp",
        "current_date",
        "current_time",
        "localtimestamp",
        "localtime",
        "timeofday",
    }
)
SQL_TEXT = re.compile(
    r"\b(?:now|clock_timestamp|statement_timestamp|transaction_timestamp|timeofday)\s*\(\s*\)"
    r"|\bcurrent_(?:timestamp|date|time)\b|\blocaltimestamp\b",
    re.IGNORECASE,
)
ADVICE = "take `now` as an argument, or read the injected Clock at the edge"


def find_violations(root: Path = ROOT) -> Iterator[Violation]:
    """Every reading of the machine's clock below ``root`` outside the edge files."""
    for folder in source_folders(root).values():
        for path in python_files(folder):
            relative = path.relative_to(root)
            if str(relative) in EDGE:
                continue
            tree = parse(path)
            names = imported_names(tree)
            prose = _texts_for_people(tree)
            for node in _nodes(tree, str(relative)):
                reason = _reason(node, names, prose)
                if reason:
                    yield Violation(relative, getattr(node, "lineno", 1), f"{reason}: {ADVICE}")


def _nodes(node: ast.AST, file: str) -> Iterator[ast.AST]:
    """All nodes below one, without the functions of the file that belong to the edge."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef) and f"{file}::{child.name}" in EDGE:
            continue
        yield child
        yield from _nodes(child, file)


def _reason(node: ast.AST, names: dict[str, str], prose: set[int]) -> str | None:
    """Why this node reads a clock, or None."""
    # The import and the mention both count, so that `default_factory=datetime.now` is seen.
    if isinstance(node, ast.Attribute | ast.Name):
        name = dotted_name(node, names)
        if name in CLOCK_READINGS:
            return f"{name} reads the machine's clock"
    if isinstance(node, ast.Attribute) and node.attr in SQL_FUNCTIONS:
        owner = dotted_name(node.value, names) or ""
        if owner.startswith("sqlalchemy") and owner.endswith(".func"):
            return f"func.{node.attr} reads the database's clock"
    if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in prose:
        found = SQL_TEXT.search(node.value)
        if found:
            return f"SQL {found.group(0)} reads the database's clock"
    return None


def _texts_for_people(tree: ast.Module) -> set[int]:
    """Identities of the docstrings (any string that stands alone as a statement), which may talk about now()."""
    return {
        id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
    }


def main() -> int:
    """Exit status 1 and one line per violation, or 0."""
    return report(find_violations(), "Time is injected everywhere.")


if __name__ == "__main__":
    sys.exit(main())
