"""What a service makes with a key of its own: secrets sealed at rest, signatures of links."""

import base64
import hmac
from hashlib import sha256

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from pydantic import SecretStr


class Unreadable(Exception):
    """What is stored was sealed with another key, or was changed since."""


class SecretBox:
    """Seals, opens, signs and checks. Made with the present key; what the previous one made can be opened and counts.

    For each purpose (`seals`, `signs`) a key of its own is drawn, so that a signature never says anything about a seal.
    `remedy` says what somebody does about a secret that neither key opens.
    """

    def __init__(
        self, key: SecretStr, previous: SecretStr | None = None, *, seals: bytes, signs: bytes, remedy: str
    ) -> None:
        roots = [each.get_secret_value().encode() for each in (key, previous) if each is not None]
        fernets = [Fernet(fernet_key(root, seals)) for root in roots]
        self._present = fernets[0]
        self._seals = MultiFernet(fernets)
        self._signing = [_derived(root, signs) for root in roots]
        self._remedy = remedy

    def seal(self, secret: str) -> bytes:
        """The secret, encrypted and authenticated."""
        return self._present.encrypt(secret.encode())

    def open(self, sealed: bytes) -> str:
        """The secret again. Raises Unreadable when the key is another one."""
        try:
            return self._seals.decrypt(sealed).decode()
        except InvalidToken as error:
            raise Unreadable(self._remedy) from error

    def reseal(self, sealed: bytes) -> bytes:
        """The same secret, sealed with the present key. Raises Unreadable when neither key opens it."""
        return self.seal(self.open(sealed))

    def is_present(self, sealed: bytes) -> bool:
        """Whether the present key has sealed it, so that it needs no previous one."""
        try:
            self._present.decrypt(sealed)
        except InvalidToken:
            return False
        return True

    def sign(self, content: bytes) -> bytes:
        """A signature that only this installation can make."""
        return hmac.new(self._signing[0], content, sha256).digest()

    def is_signed(self, content: bytes, signature: bytes, length: int = 32) -> bool:
        """Whether the signature belongs to the content, told in constant time. Of it, `length` bytes are kept."""
        return any(hmac.compare_digest(hmac.digest(key, content, sha256)[:length], signature) for key in self._signing)


def fernet_key(root: bytes, purpose: bytes) -> bytes:
    """The key that follows from a service's own one for a purpose, as Fernet writes keys: 44 characters of base64."""
    return base64.urlsafe_b64encode(_derived(root, purpose))


def _derived(root: bytes, purpose: bytes) -> bytes:
    return hmac.new(root, purpose, sha256).digest()
