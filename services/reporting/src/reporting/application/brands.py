"""How pages and papers of a client look: as was decided for his status page, else as his contract says."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Final
from uuid import UUID

from reporting.application.facts import Colours, ContractState, StatusPage
from reporting.application.page_settings import KnownPage
from reporting.application.ports import Facts
from reporting.application.report import Brand

_NO_LOOK: Final = Brand("", None, None, None, None)


def brand_of_page(page: StatusPage, decided: KnownPage) -> Brand:
    """How a status page looks; whoever shows its pictures reads them himself."""
    colours = decided.settings.colours or page.colours or Colours()
    return Brand(
        decided.settings.name or page.name,
        page.logo_url,
        colours.primary,
        colours.background,
        colours.text,
        variables=decided.settings.variables,
        logo=decided.logo,
        favicon=decided.favicon,
    )


async def brand_of_papers(facts: Facts, tenant_id: UUID, state: ContractState) -> Brand:
    """How reports and other documents of a contract look, with the picture of the logo in them."""
    page, client_id = state.status_page, state.client.client_id
    if page is None:
        return Brand(state.agency.name, None, None, None, None)
    brand = brand_of_page(page, await facts.page(tenant_id, page.slug, client_id))
    if brand.logo is None:
        return brand
    return replace(brand, picture=await facts.page_picture(tenant_id, client_id, brand.logo))


async def brand_of_portal(facts: Facts, tenant_id: UUID, contracts: Sequence[ContractState], agency_name: str) -> Brand:
    """The look of the first contract whose status page has one, under the agency's name."""
    for state in contracts:
        if state.status_page is not None:
            decided = await facts.page(tenant_id, state.status_page.slug, state.client.client_id)
            brand = brand_of_page(state.status_page, decided)
            if replace(brand, name="") != _NO_LOOK:
                return replace(brand, name=agency_name)
    return Brand(agency_name, None, None, None, None)
