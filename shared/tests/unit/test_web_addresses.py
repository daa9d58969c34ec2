"""What people write, and what is asked for."""

import pytest
from hypothesis import given
from hypothesis import strategies as some

from shared.web_addresses import as_requested, host_as_requested


@pytest.mark.parametrize(
    ("written", "requested"),
    [
        ("https://hotel.example/", "https://hotel.example/"),
        ("HTTPS://Hotel.Example", "https://hotel.example"),
        ("https://hôtel.example/été?ville=Orléans", "https://xn--htel-vqa.example/%C3%A9t%C3%A9?ville=Orl%C3%A9ans"),
        ("https://straße.example/", "https://xn--strae-oqa.example/"),
        ("https://hotel。example/", "https://hotel.example/"),
        ("http://x/a b%20c?d=%C3%A9&e=<f>#g", "http://x/a%20b%20c?d=%C3%A9&e=%3Cf%3E"),
        ("http://x/a|b;c=[d]/~e?f[]=1", "http://x/a|b;c=[d]/~e?f[]=1"),
        ("http://réné:pä:ss@x:8080/", "http://r%C3%A9n%C3%A9:p%C3%A4:ss@x:8080/"),
        ("http://[2001:DB8::1]:81/", "http://[2001:db8::1]:81/"),
        ("http://_dmarc.hotel.example./", "http://_dmarc.hotel.example./"),
    ],
)
def test_an_address_is_requested_as_a_browser_would(written: str, requested: str) -> None:
    assert as_requested(written) == requested


@pytest.mark.parametrize(
    "written",
    [
        "",
        "hotel.example",
        "ftp://hotel.example/",
        "http://",
        "http:///path",
        "http://a b/",
        " http://x/",
        "http://x/\n",
        "http://a..b/",
        "http://.x/",
        f"http://{'a' * 64}.example/",
        f"http://{'ü' * 64}.example/",
        f"http://{'a.' * 127}a/",
        "http://x:99999/",
        "http://x:0/",
        "http://[::1/",
        "http://[::1]x/",
        "http://[fe80::1%25eth0]/",
        "http://a%20b/",
        "http://a\\b/",
        "http://\udc80/",
        "http://x/\udc80",
        "http://☃\u2028.example/",
    ],
)
def test_what_nobody_could_ask_for_is_no_address(written: str) -> None:
    with pytest.raises(ValueError):
        as_requested(written)


def test_other_schemes_are_taken_by_whoever_asks_for_them() -> None:
    sockets = frozenset({"ws", "wss"})
    assert as_requested("wss://hôtel.example/live", sockets) == "wss://xn--htel-vqa.example/live"
    with pytest.raises(ValueError, match="does not begin with ws:// or wss://"):
        as_requested("https://hotel.example/", sockets)


@given(some.text(max_size=30), some.text(max_size=30))
def test_whatever_is_requested_is_ascii_and_stays_as_it_is(host: str, rest: str) -> None:
    try:
        requested = as_requested(f"http://{host}/{rest}")
    except ValueError:
        return
    assert requested.isascii() and not any(character.isspace() for character in requested)
    assert as_requested(requested) == requested


@pytest.mark.parametrize("host", ["127.0.0.1", "[::1]", "localhost", "xn--htel-vqa.example", "mail_1.example"])
def test_a_host_that_is_one_already_stays(host: str) -> None:
    assert host_as_requested(host) == host
