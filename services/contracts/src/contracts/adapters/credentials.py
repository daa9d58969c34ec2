"""Reading API keys at the token endpoint, where nobody has said yet which tenant he belongs to."""

from datetime import datetime

from sqlalchemy import select, update

from contracts.adapters.rows import api_key_of, user_of
from contracts.adapters.tables import ApiKeyRow, UserRow
from contracts.application.identity import LAST_USED_PRECISION, StoredKey
from shared.unit_of_work import UnitOfWork


async def stored_key(uow: UnitOfWork, prefix: str) -> StoredKey | None:
    """The key with this public name, of whatever tenant; needs a unit of work for every tenant."""
    found = (
        await uow.session.execute(
            select(ApiKeyRow, UserRow)
            .outerjoin(UserRow, UserRow.user_id == ApiKeyRow.user_id)
            .where(ApiKeyRow.prefix == prefix)
        )
    ).one_or_none()
    if found is None:
        return None
    key, user = found
    return StoredKey(
        api_key=api_key_of(key),
        tenant_id=key.tenant_id,
        digest=key.digest,
        user=None if user is None else user_of(user),
    )


async def note_use(uow: UnitOfWork, prefix: str, at: datetime) -> None:
    """Records that the key got a token, to the minute; the ETag of the key stays."""
    await uow.session.execute(
        update(ApiKeyRow)
        .where(
            ApiKeyRow.prefix == prefix,
            ApiKeyRow.last_used_at.is_(None) | (ApiKeyRow.last_used_at < at - LAST_USED_PRECISION),
        )
        .values(last_used_at=at)
    )
