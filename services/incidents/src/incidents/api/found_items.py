"""The list of items of every kind, by filters and words."""

from typing import Any

from fastapi import APIRouter

from incidents.adapters.item_search import found
from incidents.api.answers import lines
from incidents.api.dependencies import Reader, audience_of
from incidents.api.desk_models import ItemLine
from incidents.api.item_filters import Wanted
from shared.pagination import Page, PageParams, paginate
from shared.problems import NotFound, responses_for
from shared.service import Unit

router = APIRouter(prefix="/v1/items", tags=["items"])


@router.get("", summary="List and search items of every kind", responses=responses_for(NotFound))
async def list_items(unit: Unit, principal: Reader, params: PageParams, wanted: Wanted) -> Page[ItemLine]:
    """Newest first; with `q` what fits best first. The client's people find nothing by notes for the agency.

    The clocks are those of the last change; one item alone is read live.
    """
    statement, columns = found(wanted, audience_of(principal))
    page: Page[Any] = await paginate(
        unit.session, statement, columns=columns, params=params, to_item=lambda row: row, descending=True
    )
    return Page[ItemLine](data=await lines(unit, page.data), next_cursor=page.next_cursor)
