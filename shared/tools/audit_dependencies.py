"""Audit what requirements.lock brings in, without a network: origins, licences, and known vulnerabilities if told.

Always: every entry is pinned to a version and to hashes; what runs in production is under a licence that asks nothing
of whoever runs or changes the product; what is installed says its licence at all.

``--advisories FILE``: a dump in the OSV format, a ZIP or a folder of its JSON documents, as osv.dev publishes one for
PyPI every day. Every locked version that an advisory names is told, and of when the newest advisory is. Without a dump
nobody looks for known vulnerabilities, and the last line says so and how to bring one: none is kept here, because it
would be old on the day after. A file that holds no advisory of PyPI is refused: it would pass for a clean look.

Not covered: what is in wheels besides their own code (libraries in C that were linked into them), the images' base
system, npm (`npm audit`), and whatever nobody has reported yet.
"""

from __future__ import annotations

import argparse
import json
import sys
import zipfile
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

from lock_requirements import LOCK, Locked, read_lock, workspace_names
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion, Version
from workspace import ROOT, SERVICES, read_project, report

DUMP = "https://osv-vulnerabilities.storage.googleapis.com/PyPI/all.zip"
"""Where osv.dev publishes its advisories of PyPI."""
NOT_LOOKED_FOR = (
    "Known vulnerabilities were NOT looked for, because no dump of advisories was given. Where there is a network: "
    f"curl --location --output all.zip {DUMP}; bring the file here, and run: make audit ADVISORIES=all.zip"
)

REFUSED = ("AGPL", "AFFERO", "GPL", "GENERAL PUBLIC", "SSPL", "BUSL", "ELASTIC", "COMMONS CLAUSE", "PROPRIETARY")
"""Marks of licences that ask something of whoever runs or changes the product."""
ACCEPTED = ("LGPL", "LESSER GENERAL PUBLIC", "MPL", "MOZILLA")
"""Those that look alike and ask only for changes of the library itself."""
UNSAID: Mapping[str, str] = {
    "axe-playwright-python": "MIT",
    "promql-parser": "MIT",
    "saxonche": "MPL-2.0",
}
"""Packages whose metadata say nothing, and what is in their LICENSE."""


@dataclass(frozen=True)
class Advisory:
    """What is known of a package: `is_affected` of a version, by the versions and ranges of the advisory."""

    id: str
    package: str
    summary: str
    versions: frozenset[str]
    ranges: tuple[tuple[tuple[str, str], ...], ...]
    modified: str = ""
    """The day, as `2026-06-08`; empty when it says none."""

    def is_affected(self, version: Version) -> bool:
        """Whether the advisory names this version."""
        if any(_version(text) == version for text in self.versions):
            return True
        return any(_within(version, events) for events in self.ranges)


def _version(text: str) -> Version | None:
    try:
        return Version(text)
    except InvalidVersion:
        return None


def _within(version: Version, events: Iterable[tuple[str, str]]) -> bool:
    """As the OSV schema evaluates a range: the events in their order, the last one that applies counts."""
    affected = False
    ordered = sorted(events, key=lambda event: (_version(event[1]) or Version("0"), event[0] != "introduced"))
    for kind, text in ordered:
        at = _version(text) or Version("0")
        if kind == "introduced" and version >= at:
            affected = True
        elif (kind == "fixed" and version >= at) or (kind == "last_affected" and version > at):
            affected = False
    return affected


def advisories_of(document: Mapping[str, Any]) -> Iterator[Advisory]:
    """What an OSV document says of packages of PyPI. Withdrawn ones say nothing."""
    if document.get("withdrawn"):
        return
    for affected in document.get("affected", []):
        package = affected.get("package", {})
        if package.get("ecosystem") != "PyPI":
            continue
        ranges = tuple(
            tuple((kind, text) for event in each.get("events", []) for kind, text in event.items())
            for each in affected.get("ranges", [])
            if each.get("type") == "ECOSYSTEM"
        )
        yield Advisory(
            str(document["id"]),
            canonicalize_name(package["name"]),
            str(document.get("summary") or document.get("details", ""))[:200].partition("\n")[0],
            frozenset(affected.get("versions", [])),
            ranges,
            str(document.get("modified", ""))[:10],
        )


def read_advisories(source: Path) -> Iterator[Advisory]:
    """All of a dump: a ZIP or a folder of OSV documents. Raises OSError, BadZipFile or ValueError for anything else."""
    if source.is_dir():
        for path in sorted(source.rglob("*.json")):
            yield from advisories_of(json.loads(path.read_text(encoding="utf-8")))
        return
    with zipfile.ZipFile(source) as dump:
        for name in dump.namelist():
            if name.endswith(".json"):
                yield from advisories_of(json.loads(dump.read(name)))


def vulnerable(entries: Iterable[Locked], advisories: Iterable[Advisory]) -> Iterator[str]:
    """One sentence for each locked version that an advisory names."""
    locked: dict[str, list[Version]] = {}
    for entry in entries:
        locked.setdefault(entry.name, []).append(entry.version)
    for advisory in advisories:
        for version in locked.get(advisory.package, []):
            if advisory.is_affected(version):
                yield f"{advisory.package} {version}: {advisory.id} {advisory.summary}".rstrip()


def licence_of(name: str) -> str | None:
    """What an installed package says of its licence; "" when it says nothing, None when it is not installed."""
    try:
        told = metadata.metadata(name)
    except metadata.PackageNotFoundError:
        return None
    named = [each.rpartition(" :: ")[2] for each in told.get_all("Classifier") or [] if each.startswith("License ::")]
    [expression] = told.get_all("License-Expression") or [""]
    [text] = told.get_all("License") or [""]
    return expression or "; ".join(named) or text.strip().partition("\n")[0][:100] or UNSAID.get(name, "")


def is_refused(licence: str) -> bool:
    """Whether a licence asks more of us than to name it."""
    alternatives = licence.upper().replace(" OR ", ";").split(";")
    return all(
        any(mark in each for mark in REFUSED) and not any(mark in each for mark in ACCEPTED) for each in alternatives
    )


def shipped(root: Path = ROOT) -> frozenset[str]:
    """Names of the packages that run in production: what the services ask for, and what that asks for."""
    projects = [root / "shared/pyproject.toml", *(root / f"services/{name}/pyproject.toml" for name in SERVICES)]
    wanted = [Requirement(text) for path in projects for text in read_project(path)["project"].get("dependencies", [])]
    found: set[str] = set()
    seen: set[tuple[str, str]] = set()
    while wanted:
        requirement = wanted.pop()
        name = canonicalize_name(requirement.name)
        found.add(name)
        for extra in ("", *requirement.extras):
            if (name, extra) in seen:
                continue
            seen.add((name, extra))
            try:
                asked = metadata.requires(name) or []
            except metadata.PackageNotFoundError:
                continue
            wanted += [
                each
                for each in map(Requirement, asked)
                if each.marker is None or each.marker.evaluate({"extra": extra})
            ]
    return frozenset(found) - workspace_names(root)


def audit(root: Path = ROOT) -> list[str]:
    """One sentence for each thing that is wrong with the lock or with a licence; [] when nothing is."""
    entries, problems = read_lock((root / LOCK).read_text(encoding="utf-8"))
    in_production = shipped(root)
    for entry in entries:
        licence = licence_of(entry.name)
        if licence is None:
            continue  # for another platform
        if not licence:
            problems.append(f"{entry.name} does not say its licence: look into it, and enter it in UNSAID")
        elif entry.name in in_production and is_refused(licence):
            problems.append(f"{entry.name} runs in production under {licence}: replace it")
    return problems


def main(arguments: list[str] | None = None) -> int:
    """Exit status 0 when all is well, 1 when something is not."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--advisories", type=Path, help="a dump in the OSV format: a ZIP or a folder")
    options = parser.parse_args(arguments)
    entries, _ = read_lock((ROOT / LOCK).read_text(encoding="utf-8"))
    problems = audit()
    told = NOT_LOOKED_FOR
    if options.advisories is not None:
        try:
            advisories = list(read_advisories(options.advisories))
        except (OSError, zipfile.BadZipFile, ValueError, LookupError, AttributeError, TypeError) as error:
            parser.error(f"{options.advisories} is no dump of advisories ({type(error).__name__}: {error})")
        if not advisories:
            parser.error(f"{options.advisories} holds no advisory of PyPI: bring {DUMP}")
        problems += vulnerable(entries, advisories)
        newest = max(advisory.modified for advisory in advisories) or "no day that it says"
        told = f"Known vulnerabilities were looked for in {len(advisories)} advisories, the newest of {newest}."
    names = {entry.name for entry in entries}
    counted = f"{len(names)} packages, {len(shipped() & names)} of them in production"
    status = report(problems, f"{counted}: pinned, with hashes and licences.")
    print(told)
    return status


if __name__ == "__main__":
    sys.exit(main())
