"""What lists and streams of items can be narrowed to, the same for what is asked now and what is kept under a name."""

from __future__ import annotations

from typing import Annotated, Any
from uuid import UUID

from fastapi import Depends, Query
from pydantic import BaseModel, Field

from incidents.adapters.item_search import ItemFilter, saved_filter
from incidents.api.dependencies import Reader
from incidents.api.models import SeverityCode
from incidents.domain.work_item import Category, Kind, Status
from shared.problems import FieldError, NotFound
from shared.service import Unit
from shared.values import forbid_unknown

Words = Annotated[
    str,
    Field(
        min_length=1,
        max_length=200,
        pattern=r"^[^\x00]*$",
        description='words as people write them, with or without accents, in the forms of either language ("quoted'
        ' phrases", or, -without): of the number, title, description, form, requester and timeline',
        examples=["caisse bloquée"],
    ),
]
Assignee = Annotated[str, Field(min_length=1, max_length=200, pattern=r"^[^\x00]+$", description="whose work it is")]


class ItemFilters(BaseModel):
    """Filters of the list of items, by their names there. An item passes all; of several values, any one."""

    model_config = forbid_unknown(examples=[{"status": ["open"], "severity": ["critical"]}])

    kind: list[Kind] | None = Field(default=None, max_length=4)
    status: list[Status] | None = Field(default=None, max_length=20)
    severity: list[SeverityCode] | None = Field(default=None, max_length=10)
    category: list[Category] | None = Field(default=None, max_length=5)
    client_id: UUID | None = None
    contract_id: UUID | None = None
    site_id: UUID | None = None
    assignee_id: Assignee | None = None
    q: Words | None = None

    def kept(self) -> dict[str, Any]:
        """As JSON, without what is not narrowed."""
        return self.model_dump(mode="json", exclude_none=True)

    def wanted(self) -> ItemFilter:
        """What to look for."""
        return ItemFilter(
            kinds=self.kind or (),
            statuses=self.status or (),
            severities=self.severity or (),
            categories=self.category or (),
            client_id=self.client_id,
            contract_id=self.contract_id,
            site_id=self.site_id,
            assignee_id=self.assignee_id,
            words=self.q,
        )


async def _wanted(
    unit: Unit,
    principal: Reader,
    kind: Annotated[list[Kind] | None, Query(max_length=4, description="any of these; repeat for several")] = None,
    status: Annotated[list[Status] | None, Query(max_length=20, description="any of these")] = None,
    severity: Annotated[list[SeverityCode] | None, Query(max_length=10, description="any of these codes")] = None,
    category: Annotated[list[Category] | None, Query(max_length=5, description="any of these")] = None,
    client_id: UUID | None = None,
    contract_id: UUID | None = None,
    site_id: UUID | None = None,
    assignee_id: Assignee | None = None,
    q: Words | None = None,
    saved: Annotated[
        UUID | None,
        Query(alias="filter", description="id of a saved filter; what is asked besides takes the place of its own"),
    ] = None,
) -> ItemFilter:
    """Dependency: what is asked, over what the saved filter says. Raises NotFound for a filter that one may not see."""
    asked = ItemFilters(
        kind=kind,
        status=status,
        severity=severity,
        category=category,
        client_id=client_id,
        contract_id=contract_id,
        site_id=site_id,
        assignee_id=assignee_id,
        q=q,
    )
    if saved is None:
        return asked.wanted()
    row = await saved_filter(unit.session, saved, principal.subject)
    if row is None:
        detail = "There is no saved filter with this id. /v1/saved-filters lists those that you may use."
        raise NotFound(detail, errors=[FieldError(detail=detail, parameter="filter")])
    return ItemFilters.model_validate(row.filters | asked.kept()).wanted()


Wanted = Annotated[ItemFilter, Depends(_wanted)]
