"""Secrets of sources at rest: sealed with a key that is drawn from the service's own."""

import base64
import hmac
from hashlib import sha256

from cryptography.fernet import Fernet, InvalidToken
from pydantic import SecretStr


class Unreadable(Exception):
    """What is stored was sealed with another key, or was changed since."""


class SecretBox:
    """Seals and opens secrets."""

    def __init__(self, key: SecretStr) -> None:
        root = hmac.new(key.get_secret_value().encode(), b"upheld incidents: sealed secrets", sha256).digest()
        self._seal = Fernet(base64.urlsafe_b64encode(root))

    def seal(self, secret: str) -> bytes:
        """The secret, encrypted and authenticated."""
        return self._seal.encrypt(secret.encode())

    def open(self, sealed: bytes) -> str:
        """The secret again. Raises Unreadable when the key is another one."""
        try:
            return self._seal.decrypt(sealed).decode()
        except InvalidToken as error:
            raise Unreadable("sealed with another INCIDENTS_SECRET_KEY; give the secret again") from error
