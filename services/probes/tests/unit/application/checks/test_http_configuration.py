"""What an HTTP check can be configured with, and what of it is shown."""

from typing import Any

import pytest
from pydantic import ValidationError

from probes.application.checks.kinds import configuration_of, document_of
from probes.application.checks.secrets import HIDDEN, masked, with_secrets_of, without_credentials

API: dict[str, Any] = {
    "kind": "http",
    "url": "https://api.hotel.example/v1/rooms?api_key=s3cret-key&page=1",
    "headers": {"Accept": "application/json", "X-Api-Key": "s3cret-value"},
    "authentication": {"type": "bearer", "token": "t0ken-of-the-hotel"},
    "method": "POST",
    "body": '{"password": "s3cret-body"}',
}


def check(**changes: Any) -> dict[str, Any]:
    return {"kind": "http", "url": "https://hotel.example/"} | changes


def asserting(**assertion: Any) -> dict[str, Any]:
    return check(assertions=[assertion])


@pytest.mark.parametrize(
    "document",
    [
        asserting(type="keyword"),
        asserting(type="keyword", text=""),
        asserting(type="keyword", text="a\x00"),
        asserting(type="regex", pattern="("),
        asserting(type="regex", pattern=r"(a)\1"),
        asserting(type="regex", pattern="(?=a)"),
        asserting(type="regex", pattern="a{1000}{1000}"),
        asserting(type="json_path", path="rooms"),
        asserting(type="json_path", path="$.rooms", condition="equal"),
        asserting(type="json_path", path="$.rooms", condition="greater"),
        asserting(type="json_path", path="$.rooms", condition="greater", value="12"),
        asserting(type="json_path", path="$.rooms", condition="greater", value=True),
        asserting(type="json_path", path="$.rooms", condition="equals", value=float("inf")),
        asserting(type="json_path", path="$.rooms", condition="equals", value=[1]),
        asserting(type="json_path", path="$.rooms", condition="matches", value="("),
        asserting(type="json_path", path="$.rooms", condition="exists", value=1),
        asserting(type="header", name="a b"),
        asserting(type="header", name="a", condition="equals"),
        asserting(type="header", name="a", condition="exists", value="b"),
        asserting(type="size"),
        asserting(type="size", at_least=2, at_most=1),
        asserting(type="size", at_most=1024 * 1024),
        asserting(type="content_hash", expected="abc"),
        asserting(type="response_time"),
        asserting(type="response_time", at_most_ms=0),
        asserting(type="response_time", at_most_ms=10, phase="body"),
        asserting(type="security_headers", required=[]),
        asserting(type="something_else"),
        check(assertions=[{"type": "content_hash"}, {"type": "content_hash", "after": "x"}]),
        check(assertions=[{"type": "keyword", "text": "a"}] * 21),
        check(method="HEAD", assertions=[{"type": "keyword", "text": "a"}]),
        check(body="a"),
        check(profile="tablet"),
        check(headers={"Authorization": "Basic abc"}, authentication={"type": "bearer", "token": "x"}),
        check(authentication={"type": "bearer", "token": "a b"}),
        check(authentication={"type": "basic", "username": "a:b", "password": "x"}),
        check(authentication={"type": "bearer"}),
        check(authentication={"type": "basic", "username": "a", "password": HIDDEN}),
        check(headers={"X-Token": HIDDEN}),
        check(method="POST", body=HIDDEN),
        check(headers={"Host": "x"}),
    ],
    ids=str,
)
def test_what_makes_no_sense_is_refused(document: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        configuration_of(document)


def test_a_configuration_survives_being_stored() -> None:
    document = check(
        assertions=[
            {"type": "keyword", "text": "Willkommen", "present": False},
            {"type": "json_path", "path": "$.ok", "condition": "equals", "value": True},
            {"type": "json_path", "path": "$.n", "condition": "equals", "value": 1.5},
            {"type": "json_path", "path": "$.gone", "condition": "equals"},
            {"type": "size", "at_least": 0},
            {"type": "security_headers"},
        ]
    )
    assert document_of(configuration_of(document)) == document
    assert configuration_of(document_of(configuration_of(document))) == configuration_of(document)


def test_what_is_shown_holds_no_secret_and_finds_it_again() -> None:
    shown = masked(API)
    for secret in ("s3cret-key", "s3cret-value", "t0ken", "s3cret-body"):
        assert secret not in str(shown)
    assert shown["headers"]["Accept"] == "application/json" and "page=1" in shown["url"]
    assert with_secrets_of(shown, API) == API
    changed = shown | {"method": "PUT"}
    assert with_secrets_of(changed, API) == API | {"method": "PUT"}


def test_a_header_is_shown_when_it_is_known_to_let_nobody_in() -> None:
    harmless = {"Accept": "text/html", "accept-language": "fr", "User-Agent": "Upheld", "Content-Type": "text/plain"}
    others = {"X-Visitor": "guest-of-ours", "X-Environment": "staging", "Referer": "https://a.example/?t=1", "X": "y"}
    document = check(headers=harmless | others)
    assert masked(document)["headers"] == harmless | dict.fromkeys(others, HIDDEN)
    assert with_secrets_of(masked(document) | {"method": "HEAD"}, document) == document | {"method": "HEAD"}


def test_a_hidden_secret_is_not_carried_to_another_site() -> None:
    with pytest.raises(ValueError, match="another site"):
        with_secrets_of(masked(API) | {"url": "https://thief.example/"}, API)
    with pytest.raises(ValueError, match="in full"):
        with_secrets_of(check(headers={"X-Api-Key": HIDDEN}), check())


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("https://hotel.example/?q=1", "https://hotel.example/?q=1"),
        ("https://jo:pass@hotel.example:8443/a?b#c", f"https://jo:{HIDDEN}@hotel.example:8443/a?b#c"),
        ("https://hotel.example/?token=abc&x=%20", f"https://hotel.example/?token={HIDDEN}&x=%20"),
        ("http://[broken@", HIDDEN),
        ("https://sk_live_51H:@api.example/", f"https://{HIDDEN}@api.example/"),
        ("https://ghp_16C7@api.example/", f"https://{HIDDEN}@api.example/"),
    ],
)
def test_an_address_is_shown_without_its_password(url: str, shown: str) -> None:
    assert without_credentials(url) == shown


@pytest.mark.parametrize(
    "document",
    [
        {"kind": "http", "url": "https://jo:s3cret@hotel.example/"},
        {"kind": "export", "url": "https://hotel.example/{%Y-%m-%d}.csv?token=s3cret", "max_age_seconds": 86_400}
        | {"freshness": {"source": "url"}},
        {"kind": "version", "url": "https://hotel.example/?key=s3cret", "component": "php"}
        | {"source": {"type": "generator"}},
        {"kind": "websocket", "url": "wss://hotel.example/live?token=s3cret"},
    ],
)
def test_what_people_are_told_is_looked_at_holds_no_secret(document: dict[str, Any]) -> None:
    address = configuration_of(document).address
    assert address.partition("://")[0] == document["url"].partition("://")[0] and "hotel.example" in address
    assert "s3cret" not in address
