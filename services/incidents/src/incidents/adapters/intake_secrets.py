"""The secrets by which deliveries to a source may be signed: the present one, and for a while those before it."""

from base64 import b64decode, b64encode
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, Final, TypeAlias

from incidents.adapters.intake_tables import IntakeSourceRow
from incidents.adapters.secret_box import SecretBox
from incidents.adapters.webhook_signatures import new_secret
from shared.values import instant_text

MOST_BEFORE: Final = 5
OVERLAP: Final = timedelta(hours=24)
"""So long a secret counts after it was replaced: a sender can change over without losing anything."""

Before: TypeAlias = tuple[bytes, datetime]
"""A secret from before, sealed, and until when it counts."""


class TooManySecretsError(Exception):
    """So many secrets from before still count that no more may; the first ends at `until`."""

    def __init__(self, until: datetime) -> None:
        super().__init__(
            f"{MOST_BEFORE} secrets from before are taken still: the first ends at {instant_text(until)}. Rotate after"
            " that."
        )


def secrets_before(row: IntakeSourceRow, now: datetime) -> list[Before]:
    """What still counts beside the present secret, the newest first."""
    found = read_secrets(row.earlier_secrets)
    if row.previous_secret is not None and row.previous_secret_until is not None:
        found.insert(0, (row.previous_secret, row.previous_secret_until))
    return [each for each in found if each[1] > now]


def read_secrets(stored: Sequence[Any]) -> list[Before]:
    """The secrets in `IntakeSourceRow.earlier_secrets`."""
    return [(b64decode(secret), datetime.fromisoformat(until)) for secret, until in stored]


def written_secrets(secrets: Sequence[Before]) -> list[Any]:
    """Secrets as `IntakeSourceRow.earlier_secrets` holds them."""
    return [[b64encode(secret).decode(), until.isoformat()] for secret, until in secrets]


def replace_secret(row: IntakeSourceRow, box: SecretBox, now: datetime) -> tuple[str, datetime]:
    """Gives a source a new secret. Returns it, and until when the one before counts.

    Those from before that count on as was promised: who asks again because no answer came leaves the sender the secret
    that he has. Raises TooManySecretsError.
    """
    before = secrets_before(row, now)
    if len(before) >= MOST_BEFORE:
        raise TooManySecretsError(min(until for _, until in before))
    secret, until = new_secret(), now + OVERLAP
    row.earlier_secrets = written_secrets(before)
    row.previous_secret, row.previous_secret_until = row.secret, until
    row.secret = box.seal(secret)
    return secret, until
