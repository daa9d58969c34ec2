"""Write requirements.lock (names, versions, hashes, no addresses), or check that it fits the pyproject files.

``lock_requirements.py``            resolve again, keeping every version that still fits (needs a package index)
``lock_requirements.py --upgrade``  resolve again to the newest versions that fit
``lock_requirements.py --check``    no network: every requirement, declared or of an installed package, is locked and
                                    satisfied, nothing is locked that nobody asks for, and what is installed is what
                                    is locked

The lock is universal: one file for every platform and Python version that the project supports.
"""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

from packaging.markers import Marker
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version
from workspace import ROOT, project_files, read_project, report

LOCK = "requirements.lock"
LOCKED_LINE = re.compile(r"^(?P<name>[A-Za-z0-9._-]+)==(?P<version>[^\s;\\]+)(?:\s*;\s*(?P<marker>[^\\]+?))?\s*\\?$")
HASH_LINE = re.compile(r"^    --hash=sha256:[0-9a-f]{64}(?: \\)?$")
ADVICE = "run `.venv/bin/python shared/tools/lock_requirements.py` and commit requirements.lock"


@dataclass(frozen=True)
class Locked:
    """One line of the lock. ``marker`` limits it to some platforms or Python versions; None means everywhere."""

    name: str
    version: Version
    marker: Marker | None
    hashes: int


def read_lock(text: str) -> tuple[list[Locked], list[str]]:
    """The entries of a lock and one sentence per line that does not belong in it (an address, an option, a comment)."""
    entries: list[Locked] = []
    problems: list[str] = []
    for number, line in enumerate(text.splitlines(), start=1):
        match = LOCKED_LINE.match(line)
        if match:
            marker = Marker(match["marker"]) if match["marker"] else None
            entries.append(Locked(canonicalize_name(match["name"]), Version(match["version"]), marker, 0))
        elif HASH_LINE.match(line) and entries:
            last = entries[-1]
            entries[-1] = Locked(last.name, last.version, last.marker, last.hashes + 1)
        else:
            problems.append(f"{LOCK}:{number}: only names, versions, markers and hashes belong in the lock: {line!r}")
    problems += [f"{LOCK}: {entry.name} has no hash; {ADVICE}" for entry in entries if not entry.hashes]
    return entries, problems


def declared_requirements(root: Path = ROOT) -> Iterator[tuple[Path, Requirement]]:
    """Every requirement written in a pyproject.toml of the workspace (run, extra, group, build), with its file."""
    for path in project_files(root):
        data = read_project(path)
        project = data.get("project", {})
        texts = [
            *project.get("dependencies", []),
            *(text for extra in project.get("optional-dependencies", {}).values() for text in extra),
            *(text for group in data.get("dependency-groups", {}).values() for text in group),
            *data.get("build-system", {}).get("requires", []),
        ]
        for text in texts:
            yield path, Requirement(text)


def workspace_names(root: Path = ROOT) -> frozenset[str]:
    """Names of our own packages: part of the workspace, never of the lock."""
    return frozenset(canonicalize_name(read_project(path)["project"]["name"]) for path in project_files(root))


def check(root: Path = ROOT) -> list[str]:
    """One sentence per way in which the lock, the pyproject files and the environment disagree; [] when they agree."""
    path = root / LOCK
    if not path.is_file():
        return [f"{LOCK} is missing; {ADVICE}"]
    entries, problems = read_lock(path.read_text(encoding="utf-8"))
    locked: dict[str, list[Locked]] = {}
    for entry in entries:
        locked.setdefault(entry.name, []).append(entry)
    ours = workspace_names(root)

    # Who asks, what for, and with which of the asker's extras.
    wanted: list[tuple[str, Requirement, str]] = [
        (str(source.relative_to(root)), requirement, "") for source, requirement in declared_requirements(root)
    ]
    seen: set[tuple[str, str]] = set()
    reached: set[str] = set()
    while wanted:
        source, requirement, asking = wanted.pop()
        name = canonicalize_name(requirement.name)
        if name in ours:
            continue
        if name not in locked:
            # A dependency for another platform or Python may be dropped by the resolver when no version range needs it.
            if requirement.marker is None or requirement.marker.evaluate({"extra": asking}):
                problems.append(f"{source} needs {requirement}, which is not locked; {ADVICE}")
            continue
        reached.add(name)
        fitting = [entry for entry in locked[name] if requirement.specifier.contains(entry.version, prereleases=True)]
        if not fitting:
            versions = ", ".join(str(entry.version) for entry in locked[name])
            problems.append(f"{source} needs {requirement}, but {versions} is locked; {ADVICE}")
        for extra in ("", *sorted(requirement.extras)):
            if (name, extra) not in seen:
                seen.add((name, extra))
                wanted += ((name, needed, extra) for needed in _requirements_of(name, extra))
    problems += [
        f"{LOCK}: nothing needs {name} any more; {ADVICE}"
        for name in sorted(set(locked) - reached)
        if _installed(name) is not None or all(entry.marker is None for entry in locked[name])
    ]
    problems += _installed_otherwise(entries)
    return problems


def _requirements_of(name: str, extra: str) -> Iterator[Requirement]:
    """What an installed package asks for with one of its extras ("" for none), on any platform; nothing if absent."""
    for text in metadata.requires(name) or [] if _installed(name) is not None else []:
        requirement = Requirement(text)
        if _asked_by_extra(requirement, extra):
            yield requirement


def _asked_by_extra(requirement: Requirement, extra: str) -> bool:
    if requirement.marker is None or "extra" not in str(requirement.marker):
        return extra == ""
    return extra != "" and requirement.marker.evaluate({"extra": extra})


def _installed(name: str) -> Version | None:
    try:
        return Version(metadata.version(name))
    except metadata.PackageNotFoundError:
        return None


def _installed_otherwise(entries: Iterable[Locked]) -> Iterator[str]:
    """Packages of this environment whose version is not the locked one."""
    for entry in entries:
        if entry.marker is not None and not entry.marker.evaluate():
            continue
        installed = _installed(entry.name)
        if installed is None:
            yield f"{entry.name} {entry.version} is locked but not installed here; run `make` to install the lock"
        elif installed != entry.version:
            yield f"{entry.name} {entry.version} is locked but {installed} is installed here; run `make` to install it"


def write(root: Path = ROOT, *, upgrade: bool = False) -> int:
    """Resolve and rewrite the lock; the exit status of the resolver."""
    files = [str(path.relative_to(root)) for path in project_files(root)]
    command = [
        str(Path(sys.executable).with_name("uv")), "pip", "compile", *files,
        "--output-file", LOCK, "--all-extras", "--group", "dev", "--universal", "--python-version", "3.11",
        "--generate-hashes", "--no-header", "--no-annotate", "--no-emit-index-url", "--no-emit-find-links", "--quiet",
    ]  # fmt: skip
    for name in sorted(workspace_names(root)):
        command += ["--no-emit-package", name]
    if upgrade:
        command.append("--upgrade")
    return subprocess.run(command, cwd=root, check=False).returncode


def main(arguments: list[str] | None = None) -> int:
    """Exit status 0 when the lock was written or is in step, 1 when it is not, or the resolver's own."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--check", action="store_true", help="only compare, without the network")
    parser.add_argument("--upgrade", action="store_true", help="take the newest versions that fit")
    options = parser.parse_args(arguments)
    if options.check:
        return report(check(), f"{LOCK} is in step with the pyproject files and with this environment.")
    return write(upgrade=options.upgrade)


if __name__ == "__main__":
    sys.exit(main())
