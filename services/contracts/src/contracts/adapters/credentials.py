"""Reading API keys and people where nobody has said yet which tenant he belongs to."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import cast
from uuid import UUID

from sqlalchemy import Select, func, select, update

from contracts.adapters.rows import api_key_of, user_of
from contracts.adapters.tables import ApiKeyRow, ClientRow, TenantRow, UserRow
from contracts.application.identity import LAST_USED_PRECISION, StoredKey
from shared.auth import CLIENT_ROLES, Role
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


@dataclass(frozen=True)
class ClientPerson:
    """Somebody at a client whom an agency let in, with the names of both."""

    user_id: UUID
    tenant_id: UUID
    client_id: UUID
    name: str
    email: str
    role: Role
    language: str
    client_name: str
    agency_name: str


def _client_people() -> Select[UserRow, str, str]:
    return (
        select(UserRow, ClientRow.name, TenantRow.name)
        .join(ClientRow, ClientRow.client_id == UserRow.client_id)
        .join(TenantRow, TenantRow.tenant_id == UserRow.tenant_id)
        .where(UserRow.role.in_(CLIENT_ROLES), UserRow.disabled.is_(False))
    )


async def people_reading(
    uow: UnitOfWork, email: str, most: int, tenant_id: UUID | None = None
) -> Sequence[ClientPerson]:
    """Who may use the portal with this address, of one tenant or of all; needs a unit of work for every tenant."""
    of_tenant = [] if tenant_id is None else [UserRow.tenant_id == tenant_id]
    rows = await uow.session.execute(
        _client_people()
        .where(func.lower(UserRow.email) == email.lower(), *of_tenant)
        .order_by(UserRow.created_at, UserRow.user_id)
        .limit(most)
    )
    return [_person(*row) for row in rows]


async def client_person(uow: UnitOfWork, user_id: UUID) -> ClientPerson | None:
    """The person, while he may use the portal; needs a unit of work for every tenant."""
    row = (await uow.session.execute(_client_people().where(UserRow.user_id == user_id))).one_or_none()
    return None if row is None else _person(*row)


def _person(user: UserRow, client_name: str, agency_name: str) -> ClientPerson:
    assert user.client_id is not None  # of the roles that were asked for, every one has a client
    return ClientPerson(
        user_id=user.user_id,
        tenant_id=user.tenant_id,
        client_id=user.client_id,
        name=user.name,
        email=user.email,
        role=cast(Role, user.role),
        language=user.language,
        client_name=client_name,
        agency_name=agency_name,
    )
