"""Allow ``domain`` and ``shared.kernel`` to import only what computes.

That is: pure modules of the standard library, themselves, and the kernel.

import-linter forbids what we know to be wrong; this check allows only what we know to be right, so that a library added
next year does not slip into the rules unseen. Run: ``.venv/bin/python shared/tools/check_domain_is_pure.py``
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

from workspace import (
    ROOT,
    SERVICES,
    Violation,
    dotted_name,
    imported_names,
    parse,
    python_files,
    report,
    source_folders,
)

# zoneinfo reads the zone database, which is data of the rule (a local day), not a clock or a network.
PURE_MODULES = frozenset(
    {
        "__future__", "abc", "base64", "bisect", "calendar", "collections", "copy", "dataclasses", "datetime",
        "decimal", "difflib", "enum", "fractions", "functools", "hashlib", "heapq", "hmac", "ipaddress", "itertools",
        "json", "math", "numbers", "operator", "re", "statistics", "string", "types", "typing", "unicodedata",
        "urllib.parse", "uuid", "zoneinfo",
    }
)  # fmt: skip
# Libraries that are tables and arithmetic only: no input or output, no clock.
PURE_LIBRARIES = frozenset({"cronsim", "dateutil", "holidays"})
IMPURE_NAMES = frozenset({"uuid.uuid1", "uuid.uuid4", "uuid.getnode", "uuid.uuid6", "uuid.uuid7"})
IMPURE_BUILTINS = frozenset({"__import__", "breakpoint", "eval", "exec", "input", "open", "print"})


def find_violations(root: Path = ROOT) -> Iterator[Violation]:
    """Every impure import or call in a domain package or the kernel below ``root``."""
    folders = source_folders(root)
    packages = {"shared.kernel": folders["shared"] / "kernel"}
    packages |= {f"{service}.domain": folders[service] / "domain" for service in SERVICES}
    for package, folder in packages.items():
        for path in python_files(folder):
            relative = path.relative_to(root)
            module = ".".join([package, *path.relative_to(folder).with_suffix("").parts])
            tree = parse(path)
            names = imported_names(tree)
            for node in ast.walk(tree):
                for reason in _reasons(node, package, module, names):
                    yield Violation(relative, getattr(node, "lineno", 1), reason)


def _reasons(node: ast.AST, package: str, module: str, names: dict[str, str]) -> Iterator[str]:
    """What is impure about one node."""
    for imported in _imports(node, module):
        if not _allowed(imported, package):
            yield f"{package} may not import {imported}: hand it in as an argument or move the code to adapters"
    if isinstance(node, ast.AsyncFunctionDef | ast.Await | ast.AsyncFor | ast.AsyncWith):
        yield f"{package} is synchronous: waiting belongs to application or adapters"
    if isinstance(node, ast.Attribute | ast.Name) and dotted_name(node, names) in IMPURE_NAMES:
        yield f"{package} may not draw ids at random: take the id as an argument"
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in IMPURE_BUILTINS:
        yield f"{package} may not call {node.func.id}(): the rules do no input or output"


def _imports(node: ast.AST, module: str) -> Iterator[str]:
    """Absolute dotted names that an import statement brings in."""
    if isinstance(node, ast.Import):
        yield from (alias.name for alias in node.names)
    elif isinstance(node, ast.ImportFrom):
        parents = module.split(".")[: -node.level] if node.level else []
        base = ".".join([*parents, *([node.module] if node.module else [])])
        # `from shared import kernel` names the kernel; `from shared import problems` names something else.
        yield from (f"{base}.{alias.name}" for alias in node.names)


def _allowed(imported: str, package: str) -> bool:
    allowed = {package, "shared.kernel"} | PURE_MODULES | PURE_LIBRARIES
    parts = imported.split(".")
    return any(".".join(parts[:length]) in allowed for length in range(1, len(parts) + 1))


def main() -> int:
    """Exit status 1 and one line per violation, or 0."""
    return report(find_violations(), "The domains and the kernel are pure.")


if __name__ == "__main__":
    sys.exit(main())
