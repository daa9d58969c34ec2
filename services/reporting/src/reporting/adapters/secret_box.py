"""What is made with the service's own key: sealed secrets at rest, signatures of links."""

import base64
import hmac
from hashlib import sha256

from cryptography.fernet import Fernet, InvalidToken
from pydantic import SecretStr


class Unreadable(Exception):
    """What is stored was sealed with another key, or was changed since."""


class SecretBox:
    """Two keys are drawn from the one that the operator gives, so that a signature never says anything about a seal."""

    def __init__(self, key: SecretStr) -> None:
        root = key.get_secret_value().encode()
        self._seal = Fernet(base64.urlsafe_b64encode(_derived(root, b"upheld reporting: sealed secrets")))
        self._signing = _derived(root, b"upheld reporting: report links")

    def seal(self, secret: str) -> bytes:
        """The secret, encrypted and authenticated."""
        return self._seal.encrypt(secret.encode())

    def open(self, sealed: bytes) -> str:
        """The secret again. Raises Unreadable when the key is another one."""
        try:
            return self._seal.decrypt(sealed).decode()
        except InvalidToken as error:
            raise Unreadable("the secret was sealed with another REPORTING_SECRET_KEY; rotate the secret") from error

    def sign(self, content: bytes) -> bytes:
        """A signature that only this installation can make."""
        return hmac.new(self._signing, content, sha256).digest()

    def is_signed(self, content: bytes, signature: bytes) -> bool:
        """Whether the signature belongs to the content, told in constant time."""
        return hmac.compare_digest(self.sign(content), signature)


def _derived(root: bytes, purpose: bytes) -> bytes:
    return hmac.new(root, purpose, sha256).digest()
