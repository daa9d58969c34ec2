"""The keys that sign checkpoints: each tenant's own, the private halves sealed with the settings' secret.

They are not the keys of tokens: those are forgotten within the hour, and a checkpoint must hold for as long as somebody
keeps it. A key is never deleted, and signs the next one.
"""

from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from sqlalchemy import select

from reporting.adapters.audit_tables import AuditKey
from reporting.adapters.secret_box import SecretBox, Unreadable
from reporting.domain.audit_chain import key_due, key_id_of, key_statement
from shared.unit_of_work import UnitOfWork
from shared.values import instant_text

MAXIMUM_AGE = timedelta(days=365)
"""After this long a new key signs."""


@dataclass(frozen=True)
class Signer:
    """A key that can sign now."""

    key_id: str
    public_key: bytes
    private_key: Ed25519PrivateKey

    def sign(self, statement: bytes) -> str:
        """The signature in hexadecimal."""
        return self.private_key.sign(statement).hex()


async def keys_of_tenant(uow: UnitOfWork, tenant_id: UUID) -> list[AuditKey]:
    """Every key that ever signed for a tenant, oldest first."""
    query = select(AuditKey).where(AuditKey.tenant_id == tenant_id).order_by(AuditKey.made_at, AuditKey.key_id)
    return list((await uow.session.scalars(query)).all())


def key_line(key: AuditKey) -> dict[str, str | None]:
    """The public half and who endorses it, as exports show it."""
    return {
        "tenant_id": str(key.tenant_id),
        "key_id": key.key_id,
        "public_key": key.public_key.hex(),
        "made_at": instant_text(key.made_at),
        "endorsed_by": key.endorsed_by,
        "endorsement": key.endorsement,
    }


async def signer_of(uow: UnitOfWork, box: SecretBox, tenant_id: UUID) -> Signer:
    """The key that signs for a tenant now; makes the first one, and the next when it is time.

    A key that the previous secret sealed signs the next one, which the present secret seals. One that neither opens
    signs no more: the next one is then endorsed by nobody, and a verifier says so.
    """
    keys = await keys_of_tenant(uow, tenant_id)
    newest = keys[-1] if keys else None
    signer = _opened(newest, box) if newest is not None else None
    if signer is not None and newest is not None:
        sealed_anew = box.is_present(newest.sealed_private_key)
        if sealed_anew and not key_due(newest.made_at, uow.now, MAXIMUM_AGE):
            return signer
    private_key = Ed25519PrivateKey.generate()
    public_key = private_key.public_key().public_bytes_raw()
    row = AuditKey(
        tenant_id=tenant_id,
        key_id=key_id_of(public_key),
        public_key=public_key,
        sealed_private_key=box.seal(private_key.private_bytes_raw().hex()),
        made_at=uow.now,
        endorsed_by=None,
        endorsement=None,
    )
    if signer is not None:
        row.endorsed_by = signer.key_id
        row.endorsement = signer.sign(key_statement(key_line(row)))
    uow.session.add(row)
    await uow.session.flush()
    return Signer(row.key_id, public_key, private_key)


def _opened(key: AuditKey, box: SecretBox) -> Signer | None:
    try:
        private_key = Ed25519PrivateKey.from_private_bytes(bytes.fromhex(box.open(key.sealed_private_key)))
    except Unreadable:
        return None
    return Signer(key.key_id, private_key.public_key().public_bytes_raw(), private_key)


def is_signed(public_key: bytes, statement: bytes, signature: str) -> bool:
    """Whether the signature is by the holder of this key."""
    try:
        Ed25519PublicKey.from_public_bytes(public_key).verify(bytes.fromhex(signature), statement)
    except (InvalidSignature, ValueError):
        return False
    return True
