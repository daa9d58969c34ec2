"""OpenID providers as rows, and the ways back from them that were used."""

import hashlib
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from pydantic import SecretStr
from sqlalchemy import BigInteger, Index, delete, func, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Mapped, mapped_column

from reporting.adapters.portal_tables import PortalLink, PortalSession
from reporting.adapters.secret_box import SecretBox
from reporting.adapters.tables import Base
from reporting.application.page_settings import PageProvider
from reporting.application.single_sign_on import Provider, SignInFailed, TooManyProviders
from shared.unit_of_work import UnitOfWork

MOST: Final = 200
"""Providers of an agency: one for each of its larger clients, and its own."""
KEPT: Final = timedelta(hours=1)
"""How long a used way back is remembered: longer than any is open."""


class IdentityProviderRow(Base):
    """A provider, for all clients of the agency or for one. The secret is sealed with the settings' key."""

    __tablename__ = "identity_provider"

    identity_provider_id: Mapped[UUID] = mapped_column(primary_key=True)
    tenant_id: Mapped[UUID]
    client_id: Mapped[UUID | None]
    version: Mapped[int] = mapped_column(BigInteger)
    name: Mapped[str]
    issuer: Mapped[str]
    oidc_client_id: Mapped[str]
    oidc_client_secret: Mapped[bytes]
    allowed_domains: Mapped[list[str]]
    required_claims: Mapped[dict[str, Any]]
    verified_claim: Mapped[str]
    enabled: Mapped[bool]
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]

    __table_args__ = (Index("ix_identity_provider_tenant_id", "tenant_id", "created_at"),)


class UsedSignIn(Base):
    """A way back from a provider that somebody came by: a hash of its `state`."""

    __tablename__ = "used_sign_in"

    digest: Mapped[bytes] = mapped_column(primary_key=True)
    tenant_id: Mapped[UUID]
    used_at: Mapped[datetime]

    __table_args__ = (Index("ix_used_sign_in_used_at", "tenant_id", "used_at"),)


async def add_provider(uow: UnitOfWork, row: IdentityProviderRow) -> None:
    """Keeps a new provider. Raises TooManyProviders."""
    if (await uow.session.scalar(select(func.count()).select_from(IdentityProviderRow)) or 0) >= MOST:
        raise TooManyProviders
    uow.session.add(row)


async def find_provider(
    uow: UnitOfWork, identity_provider_id: UUID, *, lock: bool = False
) -> IdentityProviderRow | None:
    """A provider that the unit may see."""
    return await uow.session.get(IdentityProviderRow, identity_provider_id, with_for_update=lock or None)


async def usable_provider(uow: UnitOfWork, box: SecretBox, identity_provider_id: UUID) -> Provider:
    """A provider that lets in, with its secret. Raises SignInFailed, Unreadable."""
    row = await find_provider(uow, identity_provider_id)
    if row is None or not row.enabled:
        raise SignInFailed("turned_off")
    return provider_of(row, box)


async def hold_provider(uow: UnitOfWork, provider: Provider) -> None:
    """Keeps a provider as it is until the unit ends. Raises SignInFailed if it was changed since it was read.

    Whoever changes it afterwards sees the session that the unit begins, and ends it.
    """
    row = await uow.session.get(IdentityProviderRow, provider.identity_provider_id, with_for_update={"read": True})
    if row is None or not row.enabled:
        raise SignInFailed("turned_off", "while its answer was looked at")
    if row.version != provider.version:
        raise SignInFailed("begun_elsewhere", "the provider was changed meanwhile")


def provider_of(row: IdentityProviderRow, box: SecretBox) -> Provider:
    """The value of a row. Raises Unreadable."""
    return Provider(
        row.identity_provider_id,
        row.tenant_id,
        row.client_id,
        row.version,
        row.name,
        row.issuer,
        row.oidc_client_id,
        SecretStr(box.open(row.oidc_client_secret)),
        row.allowed_domains,
        row.required_claims,
        row.verified_claim,
    )


async def page_provider(session: AsyncSession, tenant_id: UUID, identity_provider_id: UUID) -> PageProvider | None:
    """What a page needs to know of the provider that it names; None while that lets nobody in."""
    row = await session.get(IdentityProviderRow, identity_provider_id)
    if row is None or row.tenant_id != tenant_id or not row.enabled:
        return None
    return known_provider(row)


def known_provider(row: IdentityProviderRow) -> PageProvider:
    """What pages tell of a provider."""
    return PageProvider(row.identity_provider_id, row.client_id, row.version, row.name)


async def end_what_it_opened(uow: UnitOfWork, identity_provider_id: UUID) -> None:
    """Sessions that began through a provider let in no more, and what it offered to choose from opens nothing."""
    await uow.session.execute(
        update(PortalSession)
        .where(PortalSession.identity_provider_id == identity_provider_id, PortalSession.ended_at.is_(None))
        .values(ended_at=uow.now)
    )
    await uow.session.execute(
        update(PortalLink)
        .where(PortalLink.identity_provider_id == identity_provider_id, PortalLink.used_at.is_(None))
        .values(used_at=uow.now)
    )


async def use_state(uow: UnitOfWork, provider: Provider, state: str) -> None:
    """Notes that somebody came back this way. Raises SignInFailed for whoever comes by the same again."""
    await uow.session.execute(delete(UsedSignIn).where(UsedSignIn.used_at < uow.now - KEPT))
    digest = hashlib.sha256(state.encode()).digest()
    noted = await uow.session.scalar(
        insert(UsedSignIn)
        .values(digest=digest, tenant_id=provider.tenant_id, used_at=uow.now)
        .on_conflict_do_nothing()
        .returning(UsedSignIn.digest)
    )
    if noted is None:
        raise SignInFailed("begun_elsewhere", "the state was used before")
