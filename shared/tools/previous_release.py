"""The release before this one: what is kept of it in the repository, and its sources out of the history.

Kept are the commit, the revision of each schema, and of each published event its shape and one example: the checks of
these need no history. To run its services one does.

Run when a release is out, before anything of the next is merged:
``.venv/bin/python shared/tools/previous_release.py TAG``
"""

from __future__ import annotations

import argparse
import io
import json
import re
import subprocess
import sys
import tarfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from event_shapes import Shape, shape_of
from workspace import ROOT, SERVICES

FOLDER = ROOT / "shared/tests/upgrade/previous_release"
NEEDED = ("services", "shared/src")
"""What of a release its services run from."""


@dataclass(frozen=True)
class PreviousRelease:
    """What is kept of the release before this one."""

    commit: str
    revisions: Mapping[str, str]
    """The Alembic revision at which each service's schema stood."""
    shapes: Mapping[str, Shape]
    """The shape of the data of each published event, by name: `contracts.contract.activated.v1`."""
    examples: Mapping[str, Mapping[str, Any]]
    """One envelope of each published event."""

    @classmethod
    def kept(cls, folder: Path = FOLDER) -> PreviousRelease:
        """As the repository has it."""
        release = json.loads((folder / "release.json").read_text("utf-8"))
        shapes = json.loads((folder / "shapes.json").read_text("utf-8"))
        examples = [json.loads(line) for line in (folder / "events.jsonl").read_text("utf-8").splitlines()]
        return cls(
            commit=release["commit"],
            revisions=release["revisions"],
            shapes={name: one["shape"] for one in shapes for name in one["events"]},
            examples={example["dataschema"].rpartition(":")[2]: example for example in examples},
        )

    @classmethod
    def of_commit(cls, commit: str) -> PreviousRelease:
        """As the history has it. Raises NoHistory when it does not have the commit."""
        files = dict(_files(commit))
        shapes: dict[str, Shape] = {}
        examples: dict[str, Mapping[str, Any]] = {}
        for path, content in sorted(files.items()):
            if match := re.fullmatch(r"services/\w+/schemas/([a-z_.]+\.v\d+)\.schema\.json", path):
                shapes[match[1]] = shape_of(json.loads(content))
            elif match := re.fullmatch(r"services/\w+/schemas/examples/([a-z_.]+\.v\d+)\.json", path):
                examples[match[1]] = json.loads(content)
        revisions = {
            service: max(
                match[1]
                for path in files
                if (match := re.fullmatch(rf"services/{service}/src/{service}/migrations/versions/(\d+)_\w+\.py", path))
            )
            for service in SERVICES
        }
        return cls(_git("rev-parse", commit).decode().strip(), revisions, shapes, examples)

    @cached_property
    def missing(self) -> str | None:
        """Why its sources cannot be had, in one sentence; None when they can."""
        try:
            _git("cat-file", "-e", f"{self.commit}^{{tree}}")
        except NoHistory as error:
            return f"commit {self.commit[:12]} of the release before is not in the history: {error}"
        return None

    def unpack(self, folder: Path) -> None:
        """Its sources into a folder, as `git archive` has them. Raises NoHistory."""
        with tarfile.open(fileobj=io.BytesIO(_git("archive", self.commit, *NEEDED))) as archive:
            archive.extractall(folder, filter="data")

    def write(self, folder: Path = FOLDER) -> None:
        """Keep it, and forget what was accepted of the change from the release before it."""
        folder.mkdir(parents=True, exist_ok=True)
        release = {"commit": self.commit, "revisions": dict(self.revisions)}
        _write(folder / "release.json", json.dumps(release, indent=2))
        # Events of one aggregate mostly say the same state of it.
        grouped: dict[str, list[str]] = {}
        for name, shape in sorted(self.shapes.items()):
            grouped.setdefault(json.dumps(shape), []).append(name)
        shapes = [{"events": names, "shape": json.loads(shape)} for shape, names in grouped.items()]
        _write(folder / "shapes.json", json.dumps(shapes, indent=1, ensure_ascii=False))
        lines = [json.dumps(one, ensure_ascii=False, sort_keys=True) for _, one in sorted(self.examples.items())]
        _write(folder / "events.jsonl", "\n".join(lines))
        _write(folder / "accepted.json", json.dumps({"events": {}, "schemas": {}}, indent=2))


def not_accepted(found: Mapping[str, str], kind: str, folder: Path = FOLDER) -> list[str]:
    """Which changes nobody has accepted, and what was accepted but is not so: one sentence each.

    :param found: place to what is wrong there.
    :param kind: `events` or `schemas`: the part of `accepted.json`, place to the reason.
    """
    accepted: Mapping[str, str] = json.loads((folder / "accepted.json").read_text("utf-8"))[kind]
    return [
        *(f"{place} {what}" for place, what in found.items() if place not in accepted),
        *(f"{place} is accepted, but it is as it was" for place in accepted if place not in found),
    ]


class NoHistory(Exception):
    """Git does not have what was asked for; the message is its own."""


def _files(commit: str) -> Iterator[tuple[str, bytes]]:
    with tarfile.open(fileobj=io.BytesIO(_git("archive", commit, "services"))) as archive:
        for member in archive:
            content = archive.extractfile(member)
            if content is not None:
                yield member.name, content.read()


def _git(*arguments: str) -> bytes:
    try:
        done = subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, check=False)  # noqa: S607 # nosec B607
    except FileNotFoundError:
        raise NoHistory("there is no git here") from None
    if done.returncode:
        raise NoHistory((done.stderr.decode("utf-8", "replace").strip().splitlines() or ["git failed"])[-1])
    return done.stdout


def _write(path: Path, text: str) -> None:
    path.write_text(text + "\n", encoding="utf-8")


def main(arguments: list[str] | None = None) -> int:
    """Keep a commit as the release before. Exit status 1 when the history does not have it."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("commit", metavar="TAG", help="tag or commit of the release")
    try:
        release = PreviousRelease.of_commit(parser.parse_args(arguments).commit)
    except NoHistory as error:
        print(f"Nothing was kept: {error}", file=sys.stderr)
        return 1
    release.write()
    print(f"Kept {len(release.shapes)} events of {release.commit}, schemas at {dict(release.revisions)}.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
