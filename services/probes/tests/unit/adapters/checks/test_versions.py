"""Version checks against a server on loopback, and the list of cycles that judges what they find."""

import json
import os
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from probes.adapters.checks.versions import VersionChecks
from probes.adapters.end_of_life import end_of_life, parse_list, replace_list
from probes.application.checks.version import VersionCheck
from probes.domain.states import Outcome, Reason

from ....raw_site import http_engine, raw_site, reply, says

HEADER = {"type": "header", "name": "X-Powered-By"}
GENERATOR = {"type": "generator"}
PAGE = '<html><head><meta charset=utf-8><META NAME="Generator" content="WordPress 6.8.1" /><p>PHP 9.9</p>'


async def seen(answer: bytes, **configuration: Any) -> tuple[Outcome, Any]:
    """The outcome, and the version or the reason and sentence."""
    async with raw_site(says(answer)) as site, http_engine() as engine:
        check = VersionCheck.model_validate({"url": site.url, **configuration})
        finding = await VersionChecks(engine).check(check, 5)
    if finding.failure is not None:
        return finding.outcome, (finding.failure.reason, finding.failure.detail)
    return finding.outcome, finding.observations[f"version:{check.component}"]["version"]


@pytest.mark.parametrize(
    ("headers", "body", "configuration", "version"),
    [
        (["X-Powered-By: PHP/8.3.21"], "", {"component": "php", "source": HEADER}, "8.3.21"),
        (
            ["Server: nginx/1.24.0 (Ubuntu)"],
            "",
            {"component": "nginx", "source": HEADER | {"name": "server"}},
            "1.24.0 (Ubuntu)",
        ),
        (
            ["Server: Apache/2.4.63 (Unix) OpenSSL/3.0.2 PHP/8.1.30"],
            "",
            {"component": "php", "source": HEADER | {"name": "Server"}},
            "8.1.30",
        ),
        ([], PAGE, {"component": "wordpress", "source": GENERATOR}, "6.8.1"),
        (
            [],
            "<meta name=generator content='Drupal 10 (https://www.drupal.org)'>",
            {"component": "drupal", "source": GENERATOR},
            "10",
        ),
        (
            ["Content-Type: application/json"],
            '{"runtime": {"node": "v22.16.0"}}',
            {"component": "nodejs", "source": {"type": "json", "path": "$.runtime.node"}},
            "22.16.0",
        ),
        ([], "{}", {"component": "next", "source": HEADER, "pattern": r"build ([0-9.]+)"}, None),
        (
            ["X-Powered-By: build 15.3.2-x"],
            "",
            {"component": "next", "source": HEADER, "pattern": r"build ([0-9.]+)"},
            "15.3.2",
        ),
    ],
)
async def test_a_version_is_read_where_it_stands(
    headers: list[str], body: str, configuration: dict[str, Any], version: str | None
) -> None:
    outcome, found = await seen(reply(body, "200 OK", *headers), **configuration)
    if version is None:
        assert (outcome, found[0]) == (Outcome.BAD, Reason.CONTENT) and "no header X-Powered-By" in found[1]
    else:
        assert (outcome, found) == (Outcome.GOOD, version)


@pytest.mark.parametrize(
    ("body", "source"),
    [
        ("<html>", GENERATOR),
        ("<meta name=generator content=Unknown>", GENERATOR),
        ("{", {"type": "json", "path": "$.v"}),
        ('{"v": {}}', {"type": "json", "path": "$.v"}),
        ("[" * 5000, {"type": "json", "path": "$..v"}),
    ],
)
async def test_a_site_that_tells_no_version_is_a_failure_that_says_so(body: str, source: dict[str, str]) -> None:
    outcome, found = await seen(reply(body), component="wordpress", source=source)
    assert (outcome, found[0]) == (Outcome.BAD, Reason.CONTENT)
    assert found[1].startswith("The version of wordpress cannot be read")


async def test_a_site_that_is_down_is_just_that() -> None:
    outcome, found = await seen(reply("", "503 Service Unavailable"), component="php", source=HEADER)
    assert (outcome, found[0]) == (Outcome.BAD, Reason.HTTP_STATUS)


@pytest.mark.parametrize(
    "changes",
    [
        {"pattern": "no group"},
        {"pattern": "("},
        {"source": {"type": "json", "path": "v"}},
        {"source": {"type": "cookie"}},
        {"component": "PHP"},
        {"url": "ftp://site.example/"},
        {"unexpected": 1},
    ],
)
def test_a_check_that_cannot_work_is_refused(changes: dict[str, Any]) -> None:
    good = {"url": "https://site.example/", "component": "php", "source": HEADER}
    VersionCheck.model_validate(good)
    with pytest.raises(ValidationError):
        VersionCheck.model_validate(good | changes)


def test_the_list_that_comes_with_the_service_is_in_order() -> None:
    known = end_of_life()
    expected = "php wordpress drupal nodejs python django laravel nextjs postgresql mysql nginx"
    assert set(expected.split()) <= set(known.components)
    for name, cycles in known.components.items():
        for cycle in cycles:
            days = [day for day in (cycle.released, cycle.support_until, cycle.end_of_life) if day is not None]
            assert days == sorted(days) and cycle.released is not None, (name, cycle)
            assert cycle.released <= known.data_of
            assert cycle.latest is None or cycle.latest.split(".")[0] == cycle.cycle.split(".")[0]


def test_an_operator_replaces_the_list_and_a_broken_one_does_not_count(tmp_path: Path) -> None:
    path = tmp_path / "cycles.json"
    own = {"data_of": "2026-11-01", "components": {"Cobol": {"aliases": ["CBL"], "cycles": [{"cycle": "85"}]}}}
    path.write_text(json.dumps(own))
    try:
        replace_list(path)
        assert end_of_life().name_of("cbl") == "cobol" and list(end_of_life().components) == ["cobol"]
        own["data_of"] = "2026-11-02"
        path.write_text(json.dumps(own))
        os.utime(path, ns=(1, 2))
        assert end_of_life().data_of.day == 2
        path.write_text("{")
        assert "php" in end_of_life().components
        path.unlink()
        assert "php" in end_of_life().components
    finally:
        replace_list(None)
    with pytest.raises(ValidationError):
        parse_list(b'{"data_of": "2026-11-01", "components": {"x": {"cycles": [{"cycle": "eight"}]}}}')
