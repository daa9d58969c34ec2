"""Which addresses of channels may be used: by the rule of decision record 0016, and never anything local."""

import importlib
import inspect
import re
import sys
from ipaddress import ip_network

import pytest

from incidents.adapters.channel_addresses import (
    HOSTED,
    OWN_HOST,
    SCHEMES,
    UnusableAddressError,
    check_address,
    plugin_of,
)
from incidents.adapters.chat import without_secrets

LOOPBACK = [ip_network("127.0.0.0/8")]
SLACK = "slack://T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7FQ/#ops"


def plugin_class(scheme: str) -> type:
    module, _, name = {**HOSTED, **OWN_HOST}[scheme].rpartition(".")
    found = getattr(importlib.import_module(f"apprise.plugins.{module}"), name)
    assert isinstance(found, type)
    return found


@pytest.mark.parametrize("scheme", sorted(SCHEMES))
def test_every_scheme_that_is_allowed_keeps_the_rule(scheme: str) -> None:
    plugin = plugin_class(scheme)
    assert scheme in {*_words(plugin, "protocol"), *_words(plugin, "secure_protocol")}
    source = inspect.getsource(sys.modules[plugin.__module__])
    other = r"^\s*(?:import|from) (socket|subprocess|smtplib|asyncio|threading|ctypes|websocket|paho|slixmpp|gi|dbus)\b"
    assert re.findall(other, source, re.MULTILINE) == []
    assert "import requests" in source
    assert "keyfile" not in source
    names_a_host = any("{host}" in template for template in plugin.templates)  # type: ignore[attr-defined]
    assert names_a_host == (scheme in OWN_HOST)


@pytest.mark.parametrize("scheme", sorted(HOSTED))
def test_a_hosted_service_is_spoken_to_by_tls_only(scheme: str) -> None:
    source = inspect.getsource(sys.modules[plugin_class(scheme).__module__])
    assert re.findall(r"[\"']http://", source) == []


def _words(plugin: type, name: str) -> set[str]:
    value = getattr(plugin, name, None) or ()
    return {value} if isinstance(value, str) else set(value)


@pytest.mark.parametrize(
    "url",
    [
        "file:///etc/passwd",
        "syslog://",
        "rsyslog://127.0.0.1",
        "dbus://",
        "gnome://",
        "glib://",
        "macosx://",
        "windows://",
        "mailto://user:secret@example.org",
        "mailtos://user:secret@example.org",
        "mqtt://127.0.0.1/topic",
        "irc://irc.example.org/%23ops",
        "xmpp://user:secret@example.org",
        "growl://127.0.0.1",
        "apprise://apprise.example.org/token",
        "vapid://someone@example.org",
        "fcm://project/?keyfile=/etc/passwd",
        "blink1://",
        "smpp://user:secret@example.org/1/2",
        "amqp://example.org/queue",
        "matrixs://user:secret@example.org",
        "http://example.org/hook",
        "https://example.org/hook",
        "gopher://example.org",
        "no address",
        "",
        "jsons://",
        "slack://too/short",
        "jsons://[::1",
        "slack://\x00",
        "jsons://example.org/" + "a" * 2_000,
    ],
)
def test_other_schemes_and_what_cannot_be_read_are_refused_without_repeating_the_address(url: str) -> None:
    with pytest.raises(UnusableAddressError) as refused:
        check_address(url, LOOPBACK)
    assert "secret" not in str(refused.value) and "passwd" not in str(refused.value)


@pytest.mark.parametrize(
    "url",
    [
        "jsons://10.0.0.1/",
        "jsons://127.0.0.1/",
        "jsons://[::1]/",
        "jsons://169.254.169.254/",
        "ntfys://192.168.1.1/topic",
    ],
)
def test_a_literal_address_of_a_private_network_is_refused_at_once(url: str) -> None:
    with pytest.raises(UnusableAddressError, match="is refused"):
        check_address(url)


def test_plain_http_is_for_networks_that_the_operator_allows() -> None:
    with pytest.raises(UnusableAddressError, match="ends in s"):
        check_address("json://example.org/")
    assert check_address("json://127.0.0.1:8080/hook", LOOPBACK).scheme == "json"


@pytest.mark.parametrize("parameter", ["verify=no", "template=/etc/passwd", "retry=9", "rto=9999", "redirect=yes"])
def test_an_address_cannot_weaken_how_it_is_spoken_to(parameter: str) -> None:
    with pytest.raises(UnusableAddressError, match=parameter.partition("=")[0]):
        check_address(f"jsons://example.org/?{parameter}")


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        (SLACK, "slack://…"),
        ("jsons://user:secret@hooks.example.org/a/secret?x=secret", "jsons://hooks.example.org/…"),
        ("ntfys://secret-topic", "ntfys://…"),
        ("tgram://123456789:abcdefg_hijklmnop-qrstuvwxyz123456/12315544/", "tgram://…"),
    ],
)
def test_only_the_scheme_and_a_host_that_is_no_secret_are_shown(url: str, shown: str) -> None:
    assert check_address(url).shown == shown


def test_certificates_are_checked_redirects_not_followed_and_waiting_ends() -> None:
    plugin = plugin_of(SLACK)
    assert plugin is not None
    assert plugin.verify_certificate is True and plugin.asset.http_redirects is False
    assert plugin.request_timeout == (5.0, 10.0)


def test_what_a_service_said_is_told_unless_it_repeats_the_address() -> None:
    assert (
        without_secrets("Failed to send: Bad Request, error=400.", SLACK) == "Failed to send: Bad Request, error=400."
    )
    leak = "Failed for TIiajkdnlazkcOXrIdevi7FQ, error=403."
    assert without_secrets(leak, SLACK) == "the service answered 403"
