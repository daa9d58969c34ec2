"""Settings of status pages as rows, their pictures, and their domains.

What was decided is decided for one client. Whoever gets the address after him begins with nothing of it: he reads none
of it, and the first that is decided for him takes its place. An address that comes back before that is as it was.
"""

import hashlib
import secrets
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from sqlalchemy import (
    BigInteger,
    Index,
    Integer,
    LargeBinary,
    Subquery,
    Uuid,
    cast,
    delete,
    null,
    select,
    text,
    union_all,
    update,
)
from sqlalchemy.dialects.postgresql import distinct_on, insert
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Mapped, mapped_column

from reporting.adapters.identity_providers import page_provider
from reporting.adapters.pictures import Picture
from reporting.adapters.tables import Base, Contract, SitePageRow
from reporting.application.page_settings import KnownPage, PageSettings, PictureKind, UnknownStatusPage
from shared.unit_of_work import UnitOfWork

# scrypt as RFC 7914 recommends for people who wait: 16 MiB and some 50 ms for each try.
_COST: Final = {"n": 2**14, "r": 8, "p": 1, "dklen": 32}
_SALT: Final = 16


class StatusPageRow(Base):
    """What an agency decided about one of its pages. `domain` counts once `domain_verified_at` is set."""

    __tablename__ = "status_page"

    tenant_id: Mapped[UUID] = mapped_column(primary_key=True)
    slug: Mapped[str] = mapped_column(primary_key=True)
    client_id: Mapped[UUID]
    version: Mapped[int] = mapped_column(BigInteger)
    settings: Mapped[dict[str, Any]]
    password: Mapped[bytes | None]
    domain: Mapped[str | None]
    domain_token: Mapped[str | None]
    domain_verified_at: Mapped[datetime | None]
    seen_domain: Mapped[str | None]
    updated_at: Mapped[datetime]

    __table_args__ = (
        Index("ix_status_page_domain", "domain", postgresql_where=text("domain_verified_at IS NOT NULL")),
    )


class StatusPagePicture(Base):
    """A logo or a favicon, as it was written anew."""

    __tablename__ = "status_page_picture"

    tenant_id: Mapped[UUID] = mapped_column(primary_key=True)
    slug: Mapped[str] = mapped_column(primary_key=True)
    kind: Mapped[str] = mapped_column(primary_key=True)
    client_id: Mapped[UUID]
    digest: Mapped[str]
    width: Mapped[int] = mapped_column(Integer)
    height: Mapped[int] = mapped_column(Integer)
    content: Mapped[bytes] = mapped_column(LargeBinary, deferred=True)


def hashed(password: str) -> bytes:
    """What is stored of a password."""
    salt = secrets.token_bytes(_SALT)
    return salt + hashlib.scrypt(password.encode(), salt=salt, **_COST)


def is_password(password: str, stored: bytes) -> bool:
    """Whether this is the password, told in constant time after some 50 ms."""
    tried = hashlib.scrypt(password.encode(), salt=stored[:_SALT], **_COST)
    return secrets.compare_digest(tried, stored[_SALT:])


def shown_contracts() -> Subquery:
    """Each contract that has begun at each of its addresses; `site_id` is null where it shows all of its sites."""
    contract, page = Contract, SitePageRow
    common = contract.contract_id, contract.tenant_id, contract.client_id, contract.status, contract.began_at
    everything = select(contract.slug, cast(null(), Uuid()).label("site_id"), *common).where(contract.slug.is_not(None))
    one_site = select(page.slug, page.site_id, *common).join(
        page, (page.contract_id == contract.contract_id) & (page.version == contract.version)
    )
    return union_all(*(each.where(contract.began_at.is_not(None)) for each in (everything, one_site))).subquery()


def page_addresses() -> Subquery:
    """The addresses of the pages that a unit of work may see, each with the client to whom it belongs: as
    `StoredFacts.contracts_on_page` has it, whoever's contract began first and goes on, else whoever's began first.
    """
    shown = shown_contracts().c
    return (
        select(shown.slug, shown.client_id, shown.site_id)
        .ext(distinct_on(shown.slug))
        .order_by(shown.slug, shown.status.in_(("active", "suspended")).desc(), shown.began_at, shown.contract_id)
        .subquery()
    )


async def decided_of(
    uow: UnitOfWork, clients: Mapping[str, UUID]
) -> Mapping[str, tuple[StatusPageRow, dict[str, StatusPagePicture]]]:
    """What was decided about several pages, each with its pictures; those about which nothing was are left out.

    :param clients: to whom each address belongs.
    """
    rows = await uow.session.scalars(select(StatusPageRow).where(StatusPageRow.slug.in_(clients)))
    found = {row.slug: (_of_client(row, clients[row.slug]), dict[str, StatusPagePicture]()) for row in rows}
    for each in await uow.session.scalars(select(StatusPagePicture).where(StatusPagePicture.slug.in_(clients))):
        if each.client_id == clients[each.slug]:
            found[each.slug][1][each.kind] = each
    return found


async def whose_page(uow: UnitOfWork, slug: str) -> tuple[UUID, UUID | None]:
    """The client whose page of the unit's tenant is at an address, and the site, if it is of one. Raises
    UnknownStatusPage.
    """
    addresses = page_addresses().c
    found = await uow.session.execute(select(addresses.client_id, addresses.site_id).where(addresses.slug == slug))
    address = found.one_or_none()
    if address is None:
        raise UnknownStatusPage
    return address.client_id, address.site_id


def _of_client(row: StatusPageRow, client_id: UUID) -> StatusPageRow:
    """The row as it is for a client: as it stands, or what he begins with whose address was another one's."""
    if row.client_id == client_id:
        return row
    return StatusPageRow(tenant_id=row.tenant_id, slug=row.slug, updated_at=row.updated_at, **_anew(row, client_id))


def _anew(row: StatusPageRow, client_id: UUID) -> dict[str, Any]:
    """What takes the place of another client's settings. The version goes on: nobody has read this one."""
    nothing: dict[str, Any] = {"settings": {}, "password": None}
    no_domain = dict.fromkeys(("domain", "domain_token", "domain_verified_at"))
    return {"client_id": client_id, "version": row.version + 1, **nothing, **no_domain}


async def client_of_page(uow: UnitOfWork, slug: str) -> UUID:
    """The client whose page of the unit's tenant is at an address. Raises UnknownStatusPage."""
    return (await whose_page(uow, slug))[0]


async def find_row(uow: UnitOfWork, slug: str, client_id: UUID) -> StatusPageRow | None:
    """What the unit's tenant decided about the page of a client; None as long as that is nothing."""
    assert uow.tenant_id is not None
    row = await uow.session.get(StatusPageRow, (uow.tenant_id, slug))
    return None if row is None else _of_client(row, client_id)


async def locked_row(uow: UnitOfWork, slug: str) -> StatusPageRow:
    """The row of a page, made when it is not there, and nobody else's until the unit ends. Raises UnknownStatusPage.

    What was decided for another client, whose address it was, is gone then.
    """
    client_id = await client_of_page(uow, slug)
    assert uow.tenant_id is not None
    nothing = {"tenant_id": uow.tenant_id, "slug": slug, "client_id": client_id, "version": 0, "settings": {}}
    await uow.session.execute(insert(StatusPageRow).values(nothing | {"updated_at": uow.now}).on_conflict_do_nothing())
    row = await uow.session.get(StatusPageRow, (uow.tenant_id, slug), with_for_update=True)
    assert row is not None
    if row.client_id != client_id:
        theirs = StatusPagePicture.tenant_id == row.tenant_id, StatusPagePicture.slug == slug
        await uow.session.execute(delete(StatusPagePicture).where(*theirs))
        for name, value in _anew(row, client_id).items():
            setattr(row, name, value)
    return row


def touch(row: StatusPageRow, now: datetime) -> None:
    """A new version."""
    row.version += 1
    row.updated_at = now


def settings_of(row: StatusPageRow | None) -> PageSettings:
    """What was decided, or the defaults."""
    return PageSettings.model_validate(row.settings) if row is not None else PageSettings()


async def pictures_of(
    session: AsyncSession, tenant_id: UUID, slug: str, client_id: UUID
) -> dict[str, StatusPagePicture]:
    """The pictures of a client's page by kind, without their bytes."""
    rows = await session.scalars(
        select(StatusPagePicture).where(
            StatusPagePicture.tenant_id == tenant_id,
            StatusPagePicture.slug == slug,
            StatusPagePicture.client_id == client_id,
        )
    )
    return {row.kind: row for row in rows}


async def known_page(session: AsyncSession, tenant_id: UUID, slug: str, client_id: UUID) -> KnownPage:
    """All that the public page of a client needs to know."""
    row = await session.get(StatusPageRow, (tenant_id, slug))
    if row is None or row.client_id != client_id:
        return KnownPage()
    pictures = await pictures_of(session, tenant_id, slug, client_id)
    settings = settings_of(row)
    provider = None
    if settings.audience == "single_sign_on" and settings.identity_provider_id is not None:
        provider = await page_provider(session, tenant_id, settings.identity_provider_id)
    return KnownPage(
        settings=settings,
        version=row.version,
        password=row.password,
        logo=pictures["logo"].digest if "logo" in pictures else None,
        favicon=pictures["favicon"].digest if "favicon" in pictures else None,
        domain=row.domain if row.domain_verified_at is not None else None,
        leads_here=row.domain is not None and row.seen_domain == row.domain,
        provider=provider,
    )


async def keep_picture(uow: UnitOfWork, row: StatusPageRow, kind: PictureKind, picture: Picture) -> StatusPagePicture:
    """Puts a picture in the place of the one before."""
    values = {
        "tenant_id": row.tenant_id,
        "slug": row.slug,
        "kind": kind,
        "client_id": row.client_id,
        "digest": hashlib.sha256(picture.content).hexdigest()[:16],
        "width": picture.width,
        "height": picture.height,
        "content": picture.content,
    }
    statement = insert(StatusPagePicture).values(values)
    changed = {name: statement.excluded[name] for name in ("digest", "width", "height", "content")}
    await uow.session.execute(
        statement.on_conflict_do_update(index_elements=["tenant_id", "slug", "kind"], set_=changed)
    )
    return (await pictures_of(uow.session, row.tenant_id, row.slug, row.client_id))[kind]


async def remove_picture(uow: UnitOfWork, row: StatusPageRow, kind: PictureKind) -> None:
    """Takes a picture away, if there is one."""
    await uow.session.execute(
        delete(StatusPagePicture).where(
            StatusPagePicture.tenant_id == row.tenant_id,
            StatusPagePicture.slug == row.slug,
            StatusPagePicture.kind == kind,
        )
    )


async def stored_picture(
    session: AsyncSession, tenant_id: UUID, slug: str, client_id: UUID, kind: PictureKind
) -> tuple[str, bytes] | None:
    """The hash and the bytes of a picture of a client's page."""
    row = (
        await session.execute(
            select(StatusPagePicture.digest, StatusPagePicture.content).where(
                StatusPagePicture.tenant_id == tenant_id,
                StatusPagePicture.slug == slug,
                StatusPagePicture.client_id == client_id,
                StatusPagePicture.kind == kind,
            )
        )
    ).one_or_none()
    return (row.digest, row.content) if row is not None else None


async def picture_by_hash(session: AsyncSession, tenant_id: UUID, client_id: UUID, digest: str) -> bytes | None:
    """The bytes of a picture that a page of a client has now."""
    content: bytes | None = await session.scalar(
        select(StatusPagePicture.content)
        .where(
            StatusPagePicture.tenant_id == tenant_id,
            StatusPagePicture.client_id == client_id,
            StatusPagePicture.digest == digest,
        )
        .limit(1)
    )
    return content


async def slug_of_domain(session: AsyncSession, host: str) -> str | None:
    """The page that a domain shows: that of whoever proved last that it is his, for domains change hands.

    None where his page is at that address no more, or never was: a domain shows nobody else's. Expects a unit of work
    that sees every tenant.
    """
    last = await session.execute(
        select(StatusPageRow.slug, StatusPageRow.client_id)
        .where(StatusPageRow.domain == host, StatusPageRow.domain_verified_at.is_not(None))
        .order_by(StatusPageRow.domain_verified_at.desc(), StatusPageRow.tenant_id)
        .limit(1)
    )
    proven = last.one_or_none()
    if proven is None:
        return None
    addresses = page_addresses()
    shown = await session.scalar(select(addresses.c.client_id).where(addresses.c.slug == proven.slug))
    return proven.slug if shown == proven.client_id else None


async def see_domain(session: AsyncSession, host: str, slug: str) -> None:
    """Somebody came over a domain to the page that it shows: so it leads here. Written down when it is news."""
    unseen = StatusPageRow.slug == slug, StatusPageRow.domain == host, StatusPageRow.seen_domain.is_distinct_from(host)
    if await session.scalar(select(StatusPageRow.slug).where(*unseen).limit(1)) is not None:
        await session.execute(update(StatusPageRow).where(*unseen).values(seen_domain=host))
