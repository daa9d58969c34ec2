"""Addresses that a page may load, and pauses that a receiver may ask for."""

from datetime import UTC, datetime, timedelta

import pytest

from reporting.adapters.rendering import safe_logo
from reporting.adapters.webhook_sender import retry_after

NOW = datetime(2026, 6, 8, 9, tzinfo=UTC)


@pytest.mark.parametrize(
    "address",
    [
        None,
        "",
        "http://a.example/x.svg",
        "javascript:alert(1)",
        "data:image/png;base64,x",
        "https://",
        "https://[x",
        "//a/b",
    ],
)
def test_only_https_images_are_loaded(address: str | None) -> None:
    assert safe_logo(address) is None


def test_an_image_of_a_host_is_loaded() -> None:
    assert safe_logo("https://cdn.example/logo.svg") == "https://cdn.example/logo.svg"


@pytest.mark.parametrize(
    ("field", "pause"),
    [
        (None, None),
        ("120", timedelta(seconds=120)),
        ("-5", None),
        ("soon", None),
        ("Mon, 08 Jun 2026 09:01:00 GMT", timedelta(minutes=1)),
        ("Mon, 08 Jun 2026 08:00:00 GMT", timedelta(0)),
        ("99999999999999999999", None),
        ("Mon, 08 Jun 99999999999 09:01:00 GMT", None),
        ("Mon, 08 Jun 2026 09:01:00 +99999999999999999999", None),
    ],
)
def test_a_pause_is_read_from_seconds_or_a_date(field: str | None, pause: timedelta | None) -> None:
    assert retry_after(field, NOW) == pause
