"""What is made with the service's own key: sealed secrets at rest, signatures of links."""

from pydantic import SecretStr

from reporting.settings import ReportingSettings
from shared import secret_box
from shared.secret_box import Unreadable

__all__ = ["SecretBox", "Unreadable", "box_of"]


class SecretBox(secret_box.SecretBox):
    """Of reporting."""

    def __init__(self, key: SecretStr, previous: SecretStr | None = None) -> None:
        super().__init__(
            key,
            previous,
            seals=b"upheld reporting: sealed secrets",
            signs=b"upheld reporting: report links",
            remedy="the secret was sealed with another REPORTING_SECRET_KEY; rotate the secret",
        )


def box_of(settings: ReportingSettings) -> SecretBox:
    """The box of a process."""
    return SecretBox(settings.secret_key, settings.previous_secret_key)
