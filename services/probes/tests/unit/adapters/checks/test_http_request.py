"""What an HTTP check sends, where it takes its secrets, and what of them it keeps."""

import asyncio
import base64
from collections.abc import AsyncIterator
from typing import Any

import pytest

from probes.adapters.checks.finding import Finding
from probes.adapters.checks.http import USER_AGENT, HttpEngine, _may_have_body
from probes.application.checks.http import HttpCheck
from probes.application.checks.secrets import HIDDEN
from probes.domain.states import Outcome, Reason

from ....raw_site import Asked, RawSite, http_engine, raw_site, reply, says


@pytest.fixture
async def engine() -> AsyncIterator[HttpEngine]:
    async with http_engine() as made:
        yield made


def check(url: str, **changes: Any) -> HttpCheck:
    return HttpCheck.model_validate({"url": url} | changes)


async def ask(engine: HttpEngine, site: RawSite, path: str = "/", **changes: Any) -> Finding:
    return await engine.check(check(site.url + path, **changes), 5)


async def test_method_headers_and_body_are_sent_as_configured(engine: HttpEngine) -> None:
    async with raw_site(says(reply("[]"))) as site:
        found = await ask(
            engine, site, "/rooms?page=1", method="POST", headers={"X-Tenant": "é", "X-Empty": ""}, body='{"a": "é"}'
        )
    assert found.outcome is Outcome.GOOD
    asked = site.asked[0]
    assert (asked.method, asked.path, asked.body) == ("POST", "/rooms?page=1", '{"a": "é"}'.encode())
    assert asked.headers["x-tenant"] == "é".encode().decode("latin-1") and asked.headers["x-empty"] == ""
    assert asked.headers["content-type"] == "application/json" and asked.headers["user-agent"] == USER_AGENT
    assert "expect" not in asked.headers and "authorization" not in asked.headers


@pytest.mark.parametrize("method", ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"])
async def test_every_method_without_a_body(engine: HttpEngine, method: str) -> None:
    answer = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
    async with raw_site(says(answer)) as site:
        found = await ask(engine, site, method=method)
    assert found.outcome is Outcome.GOOD
    assert (site.asked[0].method, site.asked[0].body) == (method, b"")


async def test_what_one_check_sent_is_not_sent_by_the_next(engine: HttpEngine) -> None:
    async with raw_site(says(reply(""))) as site:
        await ask(engine, site, method="DELETE", body="x", headers={"X-A": "1"})
        await ask(engine, site)
    assert (site.asked[1].method, site.asked[1].body) == ("GET", b"")
    assert "x-a" not in site.asked[1].headers and "content-type" not in site.asked[1].headers


async def test_text_is_sent_as_text_unless_it_is_said_what_it_is(engine: HttpEngine) -> None:
    async with raw_site(says(reply(""))) as site:
        await ask(engine, site, method="PUT", body="<a/>")
        await ask(engine, site, method="PUT", body="<a/>", headers={"content-type": "application/xml"})
    assert [asked.headers["content-type"] for asked in site.asked] == ["text/plain; charset=utf-8", "application/xml"]


@pytest.mark.parametrize(
    ("authentication", "header"),
    [
        ({"type": "bearer", "token": "t0ken"}, "Bearer t0ken"),
        (
            {"type": "basic", "username": "jo", "password": "pä:ss"},
            "Basic " + base64.b64encode("jo:pä:ss".encode()).decode(),
        ),
    ],
)
async def test_credentials_are_given(engine: HttpEngine, authentication: dict[str, str], header: str) -> None:
    async with raw_site(says(reply(""))) as site:
        await ask(engine, site, authentication=authentication)
    assert site.asked[0].headers["authorization"] == header


@pytest.mark.parametrize("profile", ["desktop", "mobile"])
async def test_a_profile_asks_as_a_browser_and_says_who_it_is(engine: HttpEngine, profile: str) -> None:
    async with raw_site(says(reply(""))) as site:
        await ask(engine, site, profile=profile)
        await ask(engine, site, profile=profile, headers={"user-agent": "mine"})
    headers = site.asked[0].headers
    assert ("Mobile" in headers["user-agent"]) == (profile == "mobile") and "Upheld" in headers["user-agent"]
    assert headers["sec-ch-ua-mobile"] == ("?1" if profile == "mobile" else "?0")
    assert site.asked[1].headers["user-agent"] == "mine"


async def test_what_a_site_sends_back_of_our_secrets_is_not_kept(engine: HttpEngine) -> None:
    async def echo(asked: Asked, writer: asyncio.StreamWriter) -> None:
        told = "\n".join(f"{name}: {value}" for name, value in asked.headers.items())
        writer.write(reply(told, "500 Oops", f"X-Echo: {asked.headers['x-api-key']}", "Location: http://a:b-pass@x/"))

    async with raw_site(echo) as site:
        url = site.url.replace("//", "//jo:in-the-address@") + "/?access_token=in-the-query"
        found = await engine.check(check(url, headers={"X-Api-Key": "k3y-of-the-hotel"}), 5)
        asserted = await ask(
            engine,
            site,
            headers={"X-Api-Key": "k3y-of-the-hotel"},
            accepted_status=[{"lowest": 500, "highest": 500}],
            assertions=[{"type": "header", "name": "x-echo", "condition": "equals", "value": "nothing"}],
        )
    assert site.asked[0].headers["authorization"] == "Basic " + base64.b64encode(b"jo:in-the-address").decode()
    assert found.failure is not None and asserted.failure is not None
    kept = str(found.failure) + str(asserted.failure)
    for secret in (
        "k3y-of-the-hotel",
        "in-the-address",
        "in-the-query",
        "b-pass",
        site.asked[0].headers["authorization"],
    ):
        assert secret not in kept
    assert HIDDEN in str(found.failure.evidence["headers"]) and HIDDEN in asserted.failure.detail


# Redirects


async def redirected(
    engine: HttpEngine, status: str, location: str, **changes: Any
) -> tuple[Finding, list[Asked], list[Asked]]:
    """Asks a site that redirects to another one, and tells what both were asked."""
    async with raw_site(says(reply("there"))) as there:

        async def lead(asked: Asked, writer: asyncio.StreamWriter) -> None:
            if asked.path != "/":
                writer.write(reply("here"))
            else:
                writer.write(reply("", status, f"Location: {location.format(there=there.url)}"))

        async with raw_site(lead) as here:
            found = await engine.check(check(here.url + "/", **changes), 5)
            return found, here.asked, there.asked


SECRETS: dict[str, Any] = {
    "headers": {"X-Api-Key": "k3y-of-the-hotel", "Cookie": "session=1", "Accept-Language": "fr"},
    "authentication": {"type": "bearer", "token": "t0ken-of-the-hotel"},
}


async def test_another_origin_gets_no_secret(engine: HttpEngine) -> None:
    found, here, there = await redirected(engine, "302 Found", "{there}/next", **SECRETS)
    assert found.outcome is Outcome.GOOD
    assert here[0].headers["authorization"] == "Bearer t0ken-of-the-hotel" and "cookie" in here[0].headers
    assert there[0].headers["accept-language"] == "fr"
    assert not {"authorization", "x-api-key", "cookie"} & set(there[0].headers)


async def test_the_same_origin_gets_them_again(engine: HttpEngine) -> None:
    found, here, _ = await redirected(engine, "302 Found", "next/../page?x#y", **SECRETS)
    assert found.outcome is Outcome.GOOD
    assert here[1].path == "/page?x"
    assert here[1].headers["authorization"] == "Bearer t0ken-of-the-hotel" and here[1].headers["cookie"] == "session=1"


@pytest.mark.parametrize(
    ("status", "asked", "method", "body"),
    [
        ("301 Moved", "POST", "GET", b""),
        ("302 Found", "POST", "GET", b""),
        ("303 See Other", "POST", "GET", b""),
        ("303 See Other", "PUT", "GET", b""),
        ("307 Temporary", "POST", "POST", b"{}"),
        ("308 Permanent", "PUT", "PUT", b"{}"),
        ("302 Found", "PUT", "PUT", b"{}"),
    ],
)
async def test_a_redirect_changes_the_method_as_the_standard_says(
    engine: HttpEngine, status: str, asked: str, method: str, body: bytes
) -> None:
    _, here, _ = await redirected(engine, status, "/next", method=asked, body="{}")
    assert (here[1].method, here[1].body) == (method, body)
    assert ("content-type" in here[1].headers) == bool(body)


@pytest.mark.parametrize("status", ["307 Temporary", "308 Permanent"])
async def test_what_was_sent_to_one_site_is_not_sent_to_another(engine: HttpEngine, status: str) -> None:
    found, here, there = await redirected(engine, status, "{there}/next", method="POST", body='{"password": "s3cret"}')
    assert (len(here), there) == (1, [])
    assert found.outcome is Outcome.BAD and found.failure is not None
    assert found.failure.reason is Reason.REDIRECT and "another site" in found.failure.detail


@pytest.mark.parametrize(
    ("url", "next_url", "may"),
    [
        ("http://hotel.example/a", "https://hotel.example/a", True),
        ("https://hotel.example/a", "https://hotel.example:443/b", True),
        ("https://hotel.example/a", "http://hotel.example/a", False),
        ("http://hotel.example/a", "https://www.hotel.example/a", False),
        ("http://hotel.example:8080/a", "https://hotel.example/a", False),
    ],
)
def test_the_same_site_may_be_sent_it_again_once_it_is_secured(url: str, next_url: str, may: bool) -> None:
    assert _may_have_body(url, next_url) is may


async def test_a_redirect_of_head_stays_head(engine: HttpEngine) -> None:
    _, here, _ = await redirected(engine, "303 See Other", "/next", method="HEAD")
    assert [asked.method for asked in here] == ["HEAD", "HEAD"]


@pytest.mark.parametrize("location", ["", "http://", "ftp://x/", "javascript:alert(1)", "//[::1", "\x00", "mailto:a@b"])
async def test_a_redirect_to_nowhere_is_an_answer_or_a_fault_and_never_more(engine: HttpEngine, location: str) -> None:
    found, _, _ = await redirected(engine, "302 Found", location)
    if found.failure is not None:
        assert found.failure.reason in (Reason.REDIRECT, Reason.INVALID_TARGET, Reason.PROTOCOL, Reason.DNS)


async def test_a_redirect_that_is_not_followed_is_the_answer(engine: HttpEngine) -> None:
    assertion = {"type": "header", "name": "Location", "condition": "equals", "value": "/next"}
    found, here, _ = await redirected(engine, "301 Moved", "/next", follow_redirects=False, assertions=[assertion])
    assert (found.outcome, found.status_code, len(here)) == (Outcome.GOOD, 301, 1)
