"""Prove that each service lives alone: import all its modules with nothing in reach but what it declares.

A process of its own per service refuses, at import time, the other services and every distribution that is not in the
transitive closure of the service's pyproject.toml (extras included only where asked for), and refuses network and
database connections as well, since importing must do nothing. Any module that cannot be imported fails the check.

Run: ``.venv/bin/python shared/tools/check_service_alone.py [service ...]``
"""

from __future__ import annotations

import argparse
import importlib
import importlib.abc
import importlib.machinery
import importlib.util
import json
import subprocess
import sys
from collections.abc import Iterator, Sequence
from importlib import metadata
from pathlib import Path
from types import ModuleType

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from workspace import ROOT, SERVICES, project_files, python_files, read_project, source_folders

# `python -m <service>` runs the service when imported; what it does is one line over main, which is imported.
NOT_IMPORTED = frozenset({"__main__"})
# What an image runs beside its service: the command line, and in that of contracts the bootstrap of a deployment.
COMMAND_LINE = ("shared.cli.__main__", "shared.cli.api_client", "rich.progress")
ALSO_RUN = {"contracts": ("shared.stack.deployment",)}
FORBIDDEN_EVENTS = frozenset({"socket.connect", "socket.bind", "socket.getaddrinfo", "subprocess.Popen", "os.system"})


class UndeclaredPackage(ImportError):
    """A module of a distribution that the service does not declare, or of another service, was asked for."""


class Gate(importlib.abc.MetaPathFinder):
    """First in line on ``sys.meta_path``: raises UndeclaredPackage for every top-level module on its list."""

    def __init__(self, service: str, refused: dict[str, str]) -> None:
        self.service = service
        self.refused = refused

    def find_spec(
        self, fullname: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        """None lets the next finder answer."""
        owner = self.refused.get(fullname.partition(".")[0])
        if owner is not None:
            raise UndeclaredPackage(
                f"{self.service} imports {fullname} of {owner}, which services/{self.service}/pyproject.toml does not "
                f"bring: declare it there or do without",
                name=fullname,
            )
        return None


def declared_distributions(service: str, root: Path = ROOT) -> frozenset[str]:
    """Canonical names of everything that installing this service alone would install here, itself included.

    Our own packages are read from their pyproject.toml, as what is installed of them may be older than the file.
    """
    ours = {str(canonicalize_name(read_project(path)["project"]["name"])): path for path in project_files(root)[1:]}
    pending: list[tuple[str, str]] = [(f"upheld-{service}", "")]
    closed: set[tuple[str, str]] = set()
    while pending:
        name, extra = pending.pop()
        if (name, extra) in closed:
            continue
        closed.add((name, extra))
        for requirement in _requirements(name, extra, ours):
            needed = canonicalize_name(requirement.name)
            pending += [(needed, asked) for asked in ("", *requirement.extras)]
    return frozenset(name for name, _ in closed)


def _requirements(name: str, extra: str, ours: dict[str, Path]) -> Iterator[Requirement]:
    """Requirements of one distribution that hold on this platform, with one extra ("" for none)."""
    if name in ours:
        project = read_project(ours[name])["project"]
        texts = project.get("optional-dependencies", {}).get(extra, []) if extra else project.get("dependencies", [])
        yield from (requirement for requirement in map(Requirement, texts) if _holds(requirement, ""))
        return
    try:
        texts = metadata.requires(name) or []
    except metadata.PackageNotFoundError:
        return
    yield from (requirement for requirement in map(Requirement, texts) if _holds(requirement, extra))


def _holds(requirement: Requirement, extra: str) -> bool:
    return requirement.marker is None or requirement.marker.evaluate({"extra": extra})


def refused_modules(service: str, root: Path = ROOT) -> dict[str, str]:
    """Top-level module -> who owns it, for everything in this environment that the service may not import."""
    allowed = declared_distributions(service, root)
    refused: dict[str, str] = {}
    for module, distributions in metadata.packages_distributions().items():
        owners = {canonicalize_name(name) for name in distributions}
        if not owners & allowed:
            refused[module] = ", ".join(sorted(owners))
    # Editable installs list no modules: the other services are named here.
    return refused | {other: "another service" for other in SERVICES if other != service}


def modules_of(service: str, root: Path = ROOT) -> list[str]:
    """Dotted names of the service's modules. Migration versions have file names that no import statement can spell."""
    folder = source_folders(root)[service]
    names = []
    for path in python_files(folder):
        parts = path.relative_to(folder).with_suffix("").parts
        parts = parts[:-1] if parts[-1] == "__init__" else parts
        # env.py of Alembic can only be imported by a running migration.
        if "migrations" in parts or (parts and parts[-1] in NOT_IMPORTED):
            continue
        names.append(".".join([service, *parts]))
    return names


def import_alone(service: str, root: Path = ROOT) -> list[str]:
    """Import every module of the service in THIS process, gated; one sentence per module that failed."""
    for folder in reversed(_source_paths(root)):
        sys.path.insert(0, folder)
    modules = [*modules_of(service, root), *COMMAND_LINE, *ALSO_RUN.get(service, ())]
    refused = refused_modules(service, root)
    # What this script itself needed (packaging) is loaded already, and a loaded module never asks a finder.
    for loaded in [name for name in sys.modules if name.partition(".")[0] in refused]:
        del sys.modules[loaded]
    sys.meta_path.insert(0, Gate(service, refused))
    sys.addaudithook(_refuse_input_output)
    failures = []
    for name in modules:
        try:
            importlib.import_module(name)
        except Exception as error:  # whatever a module raises while being imported is the finding
            failures.append(f"{name}: {type(error).__name__}: {error}")
    strangers = sorted(other for other in SERVICES if other != service and other in sys.modules)
    failures += [f"{service}: the service {other} got imported" for other in strangers]
    return failures


def _source_paths(root: Path) -> list[str]:
    return [str(folder.parent) for folder in source_folders(root).values()]


def _refuse_input_output(event: str, arguments: tuple[object, ...]) -> None:
    if event in FORBIDDEN_EVENTS:
        raise RuntimeError(f"importing a module must not do {event} {arguments!r}: do it when the service starts")


def main(arguments: list[str] | None = None) -> int:
    """Exit status 1 with one line per failing module, or 0."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("services", nargs="*", choices=[*SERVICES, []], help="all four by default")
    parser.add_argument("--root", type=Path, default=ROOT, help="another copy of the repository")
    parser.add_argument("--in-this-process", action="store_true", help="used by the script itself, for one service")
    options = parser.parse_args(arguments)
    services = options.services or list(SERVICES)
    if options.in_this_process:
        print(json.dumps(import_alone(services[0], options.root)))
        return 0
    status = 0
    for service in services:
        failures = _in_a_process_of_its_own(service, options.root)
        for failure in failures:
            print(failure, file=sys.stderr)
        status = 1 if failures else status
        if not failures:
            print(f"{service} lives alone: {len(modules_of(service, options.root))} modules imported.")
    return status


def _in_a_process_of_its_own(service: str, root: Path) -> list[str]:
    command = [
        sys.executable,
        "-E",
        "-s",
        str(Path(__file__).resolve()),
        "--in-this-process",
        "--root",
        str(root),
        service,
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        return [f"{service}: importing it ended the process with {done.returncode}: {done.stderr.strip()}"]
    failures: list[str] = json.loads(done.stdout.splitlines()[-1])
    return failures


if __name__ == "__main__":
    sys.exit(main())
