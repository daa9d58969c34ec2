"""Assertions and challenge pages, from the wire to the finding."""

import asyncio
import hashlib
from collections.abc import AsyncIterator
from typing import Any

import pytest

from probes.adapters.checks.challenges import challenger
from probes.adapters.checks.finding import Finding
from probes.adapters.checks.http import HttpEngine
from probes.application.checks.http import HttpCheck
from probes.domain.states import Outcome, Reason

from ....raw_site import Asked, http_engine, raw_site, reply, says


@pytest.fixture
async def engine() -> AsyncIterator[HttpEngine]:
    async with http_engine() as made:
        yield made


async def found(engine: HttpEngine, answer: bytes, *assertions: dict[str, Any], **changes: Any) -> Finding:
    async with raw_site(says(answer)) as site:
        check = HttpCheck.model_validate({"url": site.url, "assertions": assertions} | changes)
        return await engine.check(check, 5)


async def test_an_answer_of_which_every_assertion_holds_is_good(engine: HttpEngine) -> None:
    finding = await found(
        engine,
        reply('{"rooms": [1, 2]}', "200 OK", "X-Version: 2"),
        {"type": "json_path", "path": "$.rooms[1]", "condition": "equals", "value": 2},
        {"type": "keyword", "text": "rooms"},
        {"type": "header", "name": "x-version", "condition": "equals", "value": "2"},
        {"type": "size", "at_least": 17, "at_most": 17},
        {"type": "response_time", "at_most_ms": 5000},
    )
    assert (finding.outcome, finding.failure, finding.observations) == (Outcome.GOOD, None, {})


async def test_each_assertion_that_fails_is_a_sentence_and_an_entry(engine: HttpEngine) -> None:
    finding = await found(
        engine,
        reply("<h1>Fatal error</h1>"),
        {"type": "keyword", "text": "Welcome"},
        {"type": "size", "at_least": 1},
        {"type": "regex", "pattern": "(?i)fatal", "present": False},
    )
    assert finding.outcome is Outcome.BAD and finding.status_code == 200 and finding.failure is not None
    assert finding.failure.reason is Reason.CONTENT
    assert finding.failure.detail == (
        "The text “Welcome” does not occur in the answer. The expression “(?i)fatal” occurs in the answer and must not."
    )
    evidence = finding.failure.evidence
    assert evidence["assertions"] == [
        {"position": 0, "type": "keyword", "detail": "The text “Welcome” does not occur in the answer."},
        {"position": 2, "type": "regex", "detail": "The expression “(?i)fatal” occurs in the answer and must not."},
    ]
    assert evidence["phase"] is None and evidence["error"] is None
    assert evidence["body_excerpt"] == "<h1>Fatal error</h1>"


async def test_a_slow_answer_is_beyond_its_threshold(engine: HttpEngine) -> None:
    async def slow(_asked: Asked, writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(0.15)
        writer.write(reply("done"))

    async with raw_site(slow) as site:
        assertion = {"type": "response_time", "phase": "first_byte", "at_most_ms": 100}
        finding = await engine.check(HttpCheck.model_validate({"url": site.url, "assertions": [assertion]}), 5)
    assert finding.failure is not None and finding.failure.reason is Reason.THRESHOLD
    assert "first_byte took 1" in finding.failure.detail


async def test_a_status_that_is_not_accepted_is_the_reason_and_nothing_else_is_looked_at(engine: HttpEngine) -> None:
    finding = await found(engine, reply("", "500 Oops"), {"type": "content_hash"}, {"type": "size", "at_least": 1})
    assert finding.failure is not None and finding.failure.reason is Reason.HTTP_STATUS
    assert finding.observations == {}


async def test_watched_content_is_observed_when_all_is_well(engine: HttpEngine) -> None:
    region = {"type": "content_hash", "after": "<main>", "before": "</main>"}
    finding = await found(engine, reply("<i>1</i><main>Rooms</main>"), region)
    content = finding.observations["content"]
    assert (content["hash"], content["size"]) == (hashlib.sha256(b"Rooms").hexdigest(), 5)
    failing = await found(engine, reply("<main>Rooms</main>"), region, {"type": "keyword", "text": "Spa"})
    assert failing.outcome is Outcome.BAD and failing.observations == {}


async def test_what_lies_behind_the_limit_is_not_seen(engine: HttpEngine) -> None:
    answer = reply(b"x" * (1024 * 1024) + b"needle")
    beyond = await found(engine, answer, {"type": "keyword", "text": "needle"})
    assert beyond.failure is not None and "first 1048576 bytes" in beyond.failure.detail
    assert (await found(engine, answer, {"type": "keyword", "text": "x" * 1000})).outcome is Outcome.GOOD
    assert (await found(engine, answer, {"type": "size", "at_least": 1024 * 1024})).outcome is Outcome.GOOD


CHALLENGES = [
    (
        "Cloudflare",
        "403 Forbidden",
        ("Server: cloudflare", "CF-Mitigated: challenge"),
        "<title>Just a moment...</title>",
    ),
    ("Cloudflare", "200 OK", ("cf-mitigated: challenge",), ""),
    ("Cloudflare", "403 Forbidden", ("Server: cloudflare",), "<title>Attention Required! | Cloudflare</title>"),
    ("AWS WAF", "202 Accepted", ("x-amzn-waf-action: challenge",), ""),
    ("AWS WAF", "405 Method Not Allowed", ("x-amzn-waf-action: captcha",), "<html></html>"),
    ("Vercel", "429 Too Many Requests", ("x-vercel-mitigated: challenge",), ""),
    (
        "Akamai",
        "403 Forbidden",
        ("Server: AkamaiGHost",),
        "<TITLE>Access Denied</TITLE>Reference&#32;&#35;18&#46;1",
    ),
    ("Imperva", "403 Forbidden", (), '<iframe src="/_Incapsula_Resource?CWUDNSAI=9">'),
    ("Imperva", "200 OK", (), "Request unsuccessful. Incapsula incident ID: 1-2"),
    ("DataDome", "403 Forbidden", (), '<script src="https://ct.captcha-delivery.com/c.js">'),
    (
        "Sucuri",
        "403 Forbidden",
        ("Server: Sucuri/Cloudproxy",),
        "<title>Access Denied - Sucuri Website Firewall</title>",
    ),
    ("HUMAN", "403 Forbidden", (), '<div id="px-captcha">'),
    ("Wordfence", "503 Service Unavailable", (), "<p>Generated by Wordfence at Mon</p>"),
    ("F5 BIG-IP", "200 OK", (), "The requested URL was rejected. Please consult with your administrator. ID: 1"),
]


@pytest.mark.parametrize(("guard", "status", "headers", "body"), CHALLENGES)
async def test_a_challenge_page_says_nothing_about_the_site(
    engine: HttpEngine, guard: str, status: str, headers: tuple[str, ...], body: str
) -> None:
    finding = await found(engine, reply(body, status, *headers), {"type": "keyword", "text": "Welcome"})
    assert (finding.outcome, finding.status_code) == (Outcome.BLOCKED, int(status[:3]))
    assert finding.failure is not None and finding.failure.detail.startswith(f"{guard} answered with a challenge")
    assert finding.failure.evidence["blocked_by"] == guard


@pytest.mark.parametrize(
    ("status", "headers", "body"),
    [
        ("503 Service Unavailable", (), "<h1>Service Unavailable</h1>"),
        ("503 Service Unavailable", ("Server: cloudflare", "CF-Ray: 1"), "<h1>Error establishing a database</h1>"),
        ("521 Web Server Is Down", ("Server: cloudflare",), "Attention Required! | Cloudflare error code: 1021"),
        ("503 Service Unavailable", ("Server: AkamaiGHost",), "Service unavailable. Reference #97.1"),
        ("403 Forbidden", ("Server: nginx",), "<h1>403 Forbidden</h1>"),
        ("403 Forbidden", (), "Access Denied"),
        ("429 Too Many Requests", ("Retry-After: 60",), ""),
        ("503 Service Unavailable", ("X-Sucuri-ID: 11005",), "Maintenance"),
        ("500 Internal Server Error", (), "Generated by Wordfence"),
        ("503 Service Unavailable", ("X-Azure-Ref: 1",), "Our services aren't available right now"),
        ("503 Service Unavailable", (), "x" * 20_000 + "captcha-delivery.com"),
    ],
)
async def test_an_error_of_the_site_itself_is_bad(
    engine: HttpEngine, status: str, headers: tuple[str, ...], body: str
) -> None:
    finding = await found(engine, reply(body, status, *headers))
    assert finding.outcome is Outcome.BAD
    assert finding.failure is not None and finding.failure.reason is Reason.HTTP_STATUS


def test_a_page_about_challenges_is_no_challenge() -> None:
    page = b"How _Incapsula_Resource, px-captcha and captcha-delivery.com work. Generated by Wordfence. Access denied."
    assert challenger(200, {"server": "cloudflare", "x-azure-ref": "1"}, page) is None
