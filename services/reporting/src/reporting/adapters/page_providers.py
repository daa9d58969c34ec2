"""Which status pages admit their visitors through which provider, and what ends with that."""

from collections.abc import Sequence
from typing import Final
from uuid import UUID

from sqlalchemy import ColumnElement, exists, select

from reporting.adapters.facts import StoredFacts
from reporting.adapters.identity_providers import IdentityProviderRow, end_what_it_opened, find_provider
from reporting.adapters.page_settings import StatusPageRow, page_addresses
from reporting.adapters.status_subscriptions import close_to_readers
from reporting.application.page_settings import PageSettings
from reporting.application.single_sign_on import ProviderIsMissing, ProviderIsUsed
from reporting.application.status_page import contacts_of_page
from shared.unit_of_work import UnitOfWork

MOST_NAMED: Final = 5


async def pages_of(uow: UnitOfWork, identity_provider_ids: Sequence[UUID]) -> dict[UUID, list[tuple[str, str | None]]]:
    """The pages that name each provider: their addresses, and their own domains once they are verified."""
    named = StatusPageRow.settings["identity_provider_id"].astext
    rows = await uow.session.execute(
        select(named, StatusPageRow.slug, StatusPageRow.domain, StatusPageRow.domain_verified_at)
        .where(named.in_([str(each) for each in identity_provider_ids]), _is_there())
        .order_by(StatusPageRow.slug)
    )
    found: dict[UUID, list[tuple[str, str | None]]] = {each: [] for each in identity_provider_ids}
    for identity_provider_id, slug, domain, verified_at in rows:
        found[UUID(identity_provider_id)].append((slug, domain if verified_at is not None else None))
    return found


def _is_there() -> ColumnElement[bool]:
    """Whether a page is that of the client for whom it was decided: his address may be another one's, or nobody's."""
    addresses = page_addresses()
    return exists().where(addresses.c.slug == StatusPageRow.slug, addresses.c.client_id == StatusPageRow.client_id)


async def close_page(uow: UnitOfWork, tenant_id: UUID, slug: str) -> None:
    """Whoever was told of a page may be none who may read it now: he is told no more.

    The contacts of its contracts are: they may read the figures anyway.
    """
    await close_to_readers(uow, tenant_id, slug, but=await contacts_of_page(StoredFacts(uow), slug))


async def end_visits(uow: UnitOfWork, row: IdentityProviderRow) -> None:
    """Ends all that a provider opened: sessions of the portal, and being told of the pages for those who sign in by it.

    Open visits of those pages end with the provider's next version.
    """
    await end_what_it_opened(uow, row.identity_provider_id)
    named = StatusPageRow.settings["identity_provider_id"].astext == str(row.identity_provider_id)
    closed = StatusPageRow.settings["audience"].astext == "single_sign_on"
    slugs = await uow.session.scalars(
        select(StatusPageRow.slug).where(named, closed, _is_there()).order_by(StatusPageRow.slug)
    )
    for slug in slugs.all():
        await close_page(uow, row.tenant_id, slug)


async def remove_provider(uow: UnitOfWork, row: IdentityProviderRow) -> None:
    """Deletes a provider and ends what it opened. Raises ProviderIsUsed while a page names it."""
    slugs = [slug for slug, _ in (await pages_of(uow, [row.identity_provider_id]))[row.identity_provider_id]]
    if slugs:
        raise ProviderIsUsed(slugs[:MOST_NAMED])
    await end_what_it_opened(uow, row.identity_provider_id)
    await uow.session.delete(row)


async def check_provider(uow: UnitOfWork, settings: PageSettings, client_id: UUID) -> None:
    """That a page which needs a provider names one of its client's or of the agency's own. Raises ProviderIsMissing."""
    if settings.identity_provider_id is None:
        if settings.audience == "single_sign_on":
            raise ProviderIsMissing
        return
    row = await find_provider(uow, settings.identity_provider_id)
    if row is None or row.client_id not in (None, client_id):
        raise ProviderIsMissing
