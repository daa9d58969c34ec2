"""The keys that sign tokens: in the database, the private halves encrypted with the settings' secret."""

import secrets
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from pydantic import SecretStr
from sqlalchemy import delete, select, text

from contracts.adapters.tables import SigningKeyRow
from contracts.domain import signing_keys
from contracts.domain.signing_keys import SigningKey
from contracts.settings import ContractsSettings
from shared.auth import public_jwk
from shared.unit_of_work import UnitOfWork, UnitsOfWork

NONCE_BYTES = 12
REREAD_SECONDS = 60.0


class UnreadableKey(Exception):
    """A private key was encrypted with another secret than the settings' one."""


@dataclass(frozen=True)
class Signer:
    """The key that signs now."""

    kid: str
    private_key: Ed25519PrivateKey


class KeyChest:
    """Reads, makes and forgets signing keys in a unit of work for every tenant: they belong to the installation."""

    def __init__(self, secret: SecretStr, previous: SecretStr | None = None) -> None:
        """What either secret has encrypted can be read; the present one encrypts."""
        self._ciphers = [_cipher(each) for each in (secret, previous) if each is not None]

    async def signer(self, uow: UnitOfWork) -> Signer:
        """The key that signs at this instant; makes the first one. Raises UnreadableKey."""
        chosen = signing_keys.signer(_values(await self._rows(uow)), uow.now)
        if chosen is None:
            await _lock(uow)
            keys = _values(await self._rows(uow))  # somebody else may have made the first one meanwhile
            if not keys:
                keys = [await self._make(uow, keys)]
            chosen = signing_keys.signer(keys, uow.now)
        assert chosen is not None
        row = await uow.session.get_one(SigningKeyRow, chosen.kid)
        return Signer(row.kid, self._open(row))

    async def published(self, uow: UnitOfWork) -> list[dict[str, str]]:
        """The public keys as JWKs: what signs, what will, and what signed tokens that may still be alive."""
        rows = await self._rows(uow)
        dead = set(signing_keys.dead(_values(rows), uow.now))
        return [
            public_jwk(Ed25519PublicKey.from_public_bytes(row.public_key), row.kid)
            for row in rows
            if SigningKey(row.kid, row.signs_from) not in dead
        ]

    async def rotate(self, uow: UnitOfWork, maximum_age: timedelta) -> str | None:
        """Makes the next key when the youngest is older, and forgets the dead ones; returns the new key's id.

        A new key is published at once and signs a while later; see contracts.domain.signing_keys.
        """
        await _lock(uow)
        keys = _values(await self._rows(uow))
        dead = signing_keys.dead(keys, uow.now)
        await uow.session.execute(delete(SigningKeyRow).where(SigningKeyRow.kid.in_([key.kid for key in dead])))
        if not signing_keys.rotation_due(keys, uow.now, maximum_age):
            return None
        return (await self._make(uow, keys)).kid

    async def make_next(self, uow: UnitOfWork) -> str:
        """Makes the next key now, whatever the age of the youngest; returns its id."""
        await _lock(uow)
        return (await self._make(uow, _values(await self._rows(uow)))).kid

    async def reset(self, uow: UnitOfWork) -> str:
        """Forgets every key and makes a new one: every token that is out there becomes void within minutes."""
        await _lock(uow)
        await uow.session.execute(delete(SigningKeyRow))
        return (await self._make(uow, [])).kid

    async def reseal(self, uow: UnitOfWork) -> tuple[int, list[str]]:
        """Encrypts with the present secret every private key that only the previous one reads.

        Returns how many, and the ids of those that neither reads, which stay as they are.
        """
        await _lock(uow)
        resealed, unreadable = 0, []
        for row in await self._rows(uow):
            try:
                _decrypted(self._ciphers[0], row)
            except InvalidTag:
                try:
                    row.encrypted_private_key = self._sealed(self._open(row), row.kid)
                    resealed += 1
                except UnreadableKey:
                    unreadable.append(row.kid)
        return resealed, unreadable

    async def _make(self, uow: UnitOfWork, keys: Sequence[SigningKey]) -> SigningKey:
        private_key = Ed25519PrivateKey.generate()
        key = SigningKey(secrets.token_hex(8), signing_keys.next_key_signs_from(keys, uow.now))
        uow.session.add(
            SigningKeyRow(
                kid=key.kid,
                public_key=private_key.public_key().public_bytes_raw(),
                encrypted_private_key=self._sealed(private_key, key.kid),
                signs_from=key.signs_from,
                created_at=uow.now,
            )
        )
        await uow.session.flush()
        return key

    async def _rows(self, uow: UnitOfWork) -> Sequence[SigningKeyRow]:
        return (await uow.session.scalars(select(SigningKeyRow).order_by(SigningKeyRow.signs_from))).all()

    def _open(self, row: SigningKeyRow) -> Ed25519PrivateKey:
        for cipher in self._ciphers:
            with suppress(InvalidTag):
                return _decrypted(cipher, row)
        raise UnreadableKey(
            "The signing keys were encrypted with another CONTRACTS_SECRET_KEY. Give that one back as"
            " CONTRACTS_PREVIOUS_SECRET_KEY, or run `python -m contracts signing-keys reset`, which voids every token"
            " that was issued."
        )

    def _sealed(self, private_key: Ed25519PrivateKey, kid: str) -> bytes:
        nonce = secrets.token_bytes(NONCE_BYTES)
        # The key id is authenticated too: an encrypted key cannot be put under another name.
        return nonce + self._ciphers[0].encrypt(nonce, private_key.private_bytes_raw(), kid.encode())


class DatabaseKeys:
    """Our own public keys for the verifier of this service, read from the database and not over HTTP."""

    def __init__(self, units: UnitsOfWork) -> None:
        self._units = units
        self._known: dict[str, tuple[Ed25519PublicKey, float]] = {}

    async def key(self, kid: str) -> Ed25519PublicKey | None:
        """The public key with this id; read again after a minute, so that a key that was reset is soon void."""
        known = self._known.get(kid)
        if known is None or time.monotonic() - known[1] > REREAD_SECONDS:
            self._known.pop(kid, None)
            async with self._units.for_every_tenant() as uow:
                row = await uow.session.get(SigningKeyRow, kid)
                if row is None:
                    return None
                known = self._known[kid] = (Ed25519PublicKey.from_public_bytes(row.public_key), time.monotonic())
        return known[0]


def chest_of(settings: ContractsSettings) -> KeyChest:
    """The chest of a process."""
    return KeyChest(settings.secret_key, settings.previous_secret_key)


def _cipher(secret: SecretStr) -> AESGCM:
    # The secret is a pass phrase of unknown form; HKDF makes a key of exactly the right length and purpose of it.
    derivation = HKDF(SHA256(), length=32, salt=None, info=b"upheld contracts signing keys")
    return AESGCM(derivation.derive(secret.get_secret_value().encode()))


def _decrypted(cipher: AESGCM, row: SigningKeyRow) -> Ed25519PrivateKey:
    nonce, sealed = row.encrypted_private_key[:NONCE_BYTES], row.encrypted_private_key[NONCE_BYTES:]
    return Ed25519PrivateKey.from_private_bytes(cipher.decrypt(nonce, sealed, row.kid.encode()))


async def _lock(uow: UnitOfWork) -> None:
    await uow.session.execute(text("select pg_advisory_xact_lock(hashtext('contracts signing keys'))"))


def _values(rows: Sequence[SigningKeyRow]) -> list[SigningKey]:
    return [SigningKey(row.kid, row.signs_from) for row in rows]
