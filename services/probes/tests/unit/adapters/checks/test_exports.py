"""Export checks against a real server: there, fresh, not empty, of the right kind."""

import asyncio
import time
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import pytest
from pydantic import ValidationError

from probes.adapters.checks.exports import ExportChecks
from probes.adapters.checks.finding import Finding
from probes.application.checks.export import ExportCheck, RowCount
from probes.application.checks.kinds import configuration_of, document_of
from probes.domain.states import Outcome, Reason
from shared.kernel.clock import FixedClock

from ....raw_site import Answers, Asked, RawSite, http_engine, raw_site, reply, says

NOW = datetime(2026, 11, 21, 9, 30, tzinfo=UTC)
DAY = 86_400
CSV = "donor;amount\nA;10\nB;20\n"


@pytest.fixture
async def checks() -> AsyncIterator[ExportChecks]:
    async with http_engine() as engine:
        yield ExportChecks(engine, FixedClock(NOW))


async def exported(checks: ExportChecks, answer: Answers | bytes, path: str = "/export.csv", **changes: Any) -> Finding:
    async with raw_site(says(answer) if isinstance(answer, bytes) else answer) as site:
        return await checks.check(check(site, path, **changes), 5)


def check(site: RawSite, path: str, **changes: Any) -> ExportCheck:
    return ExportCheck.model_validate({"url": site.url + path, "max_age_seconds": DAY} | changes)


def modified(ago: timedelta) -> str:
    return f"Last-Modified: {format_datetime(NOW - ago, usegmt=True)}"


def verdict(finding: Finding) -> tuple[Reason | None, str]:
    return (finding.failure.reason, finding.failure.detail) if finding.failure else (None, "")


async def test_a_fresh_export_is_good(checks: ExportChecks) -> None:
    answer = reply(CSV, "200 OK", modified(timedelta(hours=23)), "Content-Type: text/csv; charset=utf-8")
    finding = await exported(checks, answer, content_type="text/csv", at_least_rows=2, at_least_bytes=20)
    assert (finding.outcome, finding.status_code, finding.failure) == (Outcome.GOOD, 200, None)
    assert finding.timings.total > 0


async def test_an_export_that_is_too_old_is_stale(checks: ExportChecks) -> None:
    finding = await exported(checks, reply(CSV, "200 OK", modified(timedelta(hours=26))))
    assert verdict(finding) == (
        Reason.STALE,
        "The export is 26 h old (2026-11-20T07:30:00+00:00), more than 24 h.",
    )
    assert finding.failure is not None
    assert finding.failure.evidence["export"] == {
        "bytes_read": 23,
        "rows_read": 2,
        "modified_at": "2026-11-20T07:30:00+00:00",
        "max_age_seconds": DAY,
    }


@pytest.mark.parametrize(
    ("answer", "changes", "sentence"),
    [
        (reply("", "200 OK", modified(timedelta(0))), {}, "The export has 0 bytes, fewer than 1."),
        (
            reply("donor;amount\n\n \r\n", "200 OK", modified(timedelta(0))),
            {"at_least_rows": 1},
            "The export has 0 rows, fewer than 1.",
        ),
        (
            reply(CSV, "200 OK", modified(timedelta(0)), "Content-Type: text/html"),
            {"content_type": "text/csv"},
            "The export says it is text/html, not text/csv.",
        ),
        (reply(CSV), {}, "It cannot be told how old the export is: the answer has no header Last-Modified."),
        (
            reply(CSV, "200 OK", "Last-Modified: yesterday"),
            {},
            "It cannot be told how old the export is: “yesterday” is not a date.",
        ),
        (
            reply(CSV, "200 OK", modified(timedelta(days=-2))),
            {},
            "The export is dated in the future, 2026-11-23T09:30:00+00:00: its age means nothing.",
        ),
    ],
)
async def test_what_is_wrong_with_the_content_is_said(
    checks: ExportChecks, answer: bytes, changes: dict[str, Any], sentence: str
) -> None:
    assert verdict(await exported(checks, answer, **changes)) == (Reason.CONTENT, sentence)


async def test_an_export_that_is_not_there(checks: ExportChecks) -> None:
    assert verdict(await exported(checks, reply("", "404 Not Found")))[0] is Reason.HTTP_STATUS
    assert verdict(await exported(checks, reply("", "304 Not Modified")))[0] is Reason.HTTP_STATUS


@pytest.mark.parametrize(
    ("value", "fresh"),
    [
        ("2026-11-21T08:00:00Z", True),
        ("2026-11-21T08:00:00", True),
        ("2026-11-20", False),
        ("1795248000", True),
        ("1795248000000", True),
        ("Fri, 20 Nov 2026 08:00:00 GMT", False),
    ],
)
async def test_the_age_by_another_header(checks: ExportChecks, value: str, fresh: bool) -> None:
    finding = await exported(
        checks, reply(CSV, "200 OK", f"X-Generated: {value}"), freshness={"source": "header", "name": "x-generated"}
    )
    assert verdict(finding)[0] is (None if fresh else Reason.STALE)


async def test_the_age_by_the_newest_instant_in_the_document(checks: ExportChecks) -> None:
    freshness = {"source": "json_path", "path": "$.donations[*].at"}
    body = '{"donations": [{"at": "2026-11-01T00:00:00Z"}, {"at": "2026-11-21T00:00:00Z"}, {"at": 1793000000}]}'
    assert verdict(await exported(checks, reply(body), freshness=freshness)) == (None, "")
    empty = await exported(checks, reply('{"donations": []}'), freshness=freshness)
    assert verdict(empty)[1] == "It cannot be told how old the export is: the JSONPath selects nothing in the export."
    assert verdict(await exported(checks, reply("no json"), freshness=freshness))[0] is Reason.CONTENT


@pytest.mark.parametrize(
    ("header", "reason"),
    [
        ('Content-Disposition: attachment; filename="donors-20261121.csv"', None),
        ("Content-Disposition: attachment; filename*=UTF-8''donors%2D20261119.csv", Reason.STALE),
        ('Content-Disposition: attachment; filename="donors.csv"', Reason.CONTENT),
        ('Content-Disposition: attachment; filename="donors-20261399.csv"', Reason.CONTENT),
    ],
)
async def test_the_age_by_the_name_that_the_file_is_given(
    checks: ExportChecks, header: str, reason: Reason | None
) -> None:
    freshness = {"source": "file_name", "format": "%Y%m%d"}
    assert verdict(await exported(checks, reply(CSV, "200 OK", header), freshness=freshness))[0] is reason


async def test_the_age_by_the_name_that_a_redirect_leads_to(checks: ExportChecks) -> None:
    async def latest(asked: Asked, writer: asyncio.StreamWriter) -> None:
        moved = asked.path == "/latest"
        writer.write(reply(CSV, "302 Found", "Location: /files/donors-2026-11-21.csv") if moved else reply(CSV))

    assert verdict(await exported(checks, latest, "/latest", freshness={"source": "file_name"})) == (None, "")


def by_name(*there: str) -> Answers:
    async def answer(asked: Asked, writer: asyncio.StreamWriter) -> None:
        writer.write(reply(CSV) if asked.path in there else reply("", "404 Not Found"))

    return answer


@pytest.mark.parametrize(
    ("there", "reason", "asked"),
    [
        (["/donors-2026-11-21.csv"], None, 1),
        (["/donors-2026-11-20.csv"], None, 2),
        (["/donors-2026-11-19.csv"], Reason.STALE, 2),
        ([], Reason.STALE, 2),
    ],
)
async def test_the_newest_name_is_asked_for_first(
    checks: ExportChecks, there: list[str], reason: Reason | None, asked: int
) -> None:
    async with raw_site(by_name(*there)) as site:
        wanted = check(site, "/donors-{%Y-%m-%d}.csv", freshness={"source": "url"}, max_age_seconds=34 * 3600)
        finding = await checks.check(wanted, 5)
    assert verdict(finding)[0] is reason and len(site.asked) == asked
    if reason is Reason.STALE:
        assert verdict(finding)[1] == (
            "There is no export of the last 34 h: no donors-2026-11-21.csv, no donors-2026-11-20.csv."
        )


async def test_an_error_is_no_missing_name(checks: ExportChecks) -> None:
    async with raw_site(says(reply("", "500 Oops"))) as site:
        finding = await checks.check(check(site, "/{%Y%m%d}", freshness={"source": "url"}), 5)
    assert verdict(finding)[0] is Reason.HTTP_STATUS and len(site.asked) == 1


def test_names_follow_the_clock_of_their_zone() -> None:
    wanted = ExportCheck.model_validate(
        {
            "url": "https://ngo.example/{%Y-%m-%dT%H}.csv",
            "freshness": {"source": "url"},
            "max_age_seconds": 3 * 3600,
            "time_zone": "Europe/Paris",
        }
    )
    # The hour from two to three came twice that night: its name is asked for once, as the later one.
    at = datetime(2026, 10, 25, 1, 30, tzinfo=UTC)
    assert [(request.url[20:33], stamped) for request, stamped in wanted.requests(at)] == [
        ("2026-10-25T02", datetime(2026, 10, 25, 1, tzinfo=UTC)),
        ("2026-10-25T01", datetime(2026, 10, 24, 23, tzinfo=UTC)),
    ]


async def test_a_large_export_is_counted_and_not_kept(checks: ExportChecks) -> None:
    rows = b"A;10\n" * 2_000_000
    began = time.monotonic()
    finding = await exported(checks, reply(rows, "200 OK", modified(timedelta(0))), at_least_rows=1_500_000)
    assert verdict(finding) == (None, "") and time.monotonic() - began < 5
    few = await exported(checks, reply(rows, "200 OK", modified(timedelta(0))), at_least_rows=3_000_000)
    assert verdict(few)[1] == "The export has 1999999 rows, fewer than 3000000."


async def test_a_challenge_page_is_no_export(checks: ExportChecks) -> None:
    finding = await exported(checks, reply("", "403 Forbidden", "cf-mitigated: challenge"))
    assert finding.outcome is Outcome.BLOCKED


@pytest.mark.parametrize("size", [1, 2, 3, 5, 7, 100])
def test_rows_are_counted_the_same_however_they_come(size: int) -> None:
    text = b"head\r\n\r\n a \n\n\nb\nc"
    count = RowCount()
    for start in range(0, len(text), size):
        count.add(text[start : start + size])
    assert count.rows == 4


@pytest.mark.parametrize(
    "changes",
    [
        {"max_age_seconds": 1},
        {"url": "https://ngo.example/{%Y}.csv", "freshness": {"source": "url"}},
        {"url": "https://ngo.example/{%Y-%m-%d}.csv"},
        {"url": "https://{%Y%m%d}.example/", "freshness": {"source": "url"}},
        {"url": "https://ngo.example/{%Y%m%d}{%H}", "freshness": {"source": "url"}},
        {"url": "https://ngo.example/{%Y%m%d%c}", "freshness": {"source": "url"}},
        {"url": "https://ngo.example/{%Y%m%d}", "freshness": {"source": "url"}, "max_age_seconds": 13 * DAY},
        {"freshness": {"source": "file_name", "format": "%A"}},
        {"freshness": {"source": "json_path", "path": "at"}},
        {"freshness": {"source": "header", "name": "a b"}},
        {"time_zone": "Mars/Olympus"},
        {"content_type": "csv"},
        {"at_least_rows": 0},
    ],
)
def test_what_makes_no_sense_is_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        ExportCheck.model_validate({"url": "https://ngo.example/x.csv", "max_age_seconds": DAY} | changes)


def test_a_configuration_survives_being_stored() -> None:
    document = {
        "kind": "export",
        "url": "https://ngo.example/{%Y%m%d}.csv",
        "max_age_seconds": DAY,
        "freshness": {"source": "url"},
        "authentication": {"type": "bearer", "token": "t0ken"},
    }
    assert document_of(configuration_of(document)) == document
