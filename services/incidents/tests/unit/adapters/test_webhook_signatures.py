"""Signatures that others make are taken, forged and old ones are not; ours are taken by the standard's library."""

import hashlib
import hmac
from datetime import UTC, datetime, timedelta

import pytest
from standardwebhooks import Webhook

from incidents.adapters.webhook_signatures import BadSignature, Scheme, new_secret, sign, verify

NOW = datetime.now(UTC)
BODY = b'{"title": "Disk full"}'
WINDOW = timedelta(minutes=5)


def check(scheme: Scheme, secrets: list[str], headers: dict[str, str], body: bytes = BODY) -> None:
    verify(scheme, secrets, headers, body, header="x-signature-256", now=NOW, window=WINDOW)


def test_the_library_of_the_standard_is_understood() -> None:
    secret = new_secret()
    headers = {
        "webhook-id": "msg_1",
        "webhook-timestamp": str(int(NOW.timestamp())),
        "webhook-signature": Webhook(secret).sign("msg_1", NOW, BODY.decode()),
    }
    check("standard_webhooks", [new_secret(), secret], headers)
    with pytest.raises(BadSignature, match="does not fit"):
        check("standard_webhooks", [new_secret()], headers)
    with pytest.raises(BadSignature, match="does not fit"):
        check("standard_webhooks", [secret], headers, BODY + b" ")


def test_the_library_of_the_standard_understands_us() -> None:
    secret = new_secret()
    Webhook(secret).verify(BODY, sign(secret, "msg_1", datetime.now(UTC), BODY))  # it asks the clock of the machine


@pytest.mark.parametrize("away", [timedelta(minutes=-6), timedelta(minutes=6), timedelta(days=400)])
def test_what_was_signed_at_another_time_is_refused(away: timedelta) -> None:
    secret = new_secret()
    with pytest.raises(BadSignature, match="seconds from our clock"):
        check("standard_webhooks", [secret], sign(secret, "msg_1", NOW + away, BODY))


@pytest.mark.parametrize(
    "headers",
    [{}, {"webhook-id": "x", "webhook-timestamp": "soon"}, {"webhook-id": "x", "webhook-timestamp": "9" * 30}],
)
def test_what_is_not_signed_is_refused(headers: dict[str, str]) -> None:
    with pytest.raises(BadSignature):
        check("standard_webhooks", [new_secret()], headers)


@pytest.mark.parametrize("form", ["{}", "sha256={}"])
def test_a_plain_hmac_is_taken_with_and_without_its_prefix(form: str) -> None:
    digest = hmac.new(b"a secret of the sender", BODY, hashlib.sha256).hexdigest()
    check("hmac_sha256", ["a secret of the sender"], {"x-signature-256": form.format(digest)})
    for wrong in ("", "é", digest[:-1], "0" * 64):
        with pytest.raises(BadSignature):
            check("hmac_sha256", ["a secret of the sender"], {"x-signature-256": wrong})
