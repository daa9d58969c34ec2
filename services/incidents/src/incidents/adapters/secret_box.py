"""What is made with the service's own key: secrets of sources and channels at rest, signatures of links."""

from pydantic import SecretStr

from shared import secret_box
from shared.secret_box import Unreadable

__all__ = ["SecretBox", "Unreadable"]


class SecretBox(secret_box.SecretBox):
    """Of incidents."""

    def __init__(self, key: SecretStr, previous: SecretStr | None = None) -> None:
        super().__init__(
            key,
            previous,
            seals=b"upheld incidents: sealed secrets",
            signs=b"upheld incidents: links that acknowledge",
            remedy="sealed with another INCIDENTS_SECRET_KEY; give the secret again",
        )
