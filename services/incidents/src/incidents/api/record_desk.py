"""The floor plan of all records: what they have in common over HTTP, and how each is written, read and listed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Literal, Self, TypeVar
from uuid import UUID

from fastapi import Depends, Query, Response
from pydantic import BaseModel, Field
from sqlalchemy import ColumnElement, Select, select

from incidents.adapters.record_book import RecordBook
from incidents.adapters.records_tables import RecordRow
from incidents.api.dependencies import Reader, Writer, agency_only, who
from incidents.api.models import NOT_BLANK, ActorAnswer
from incidents.application.definitions import ONE_LINE
from incidents.application.records import Place
from shared.auth import Principal
from shared.etag import IfMatch, etag
from shared.pagination import Page, PageParams, paginate
from shared.problems import NotFound
from shared.service import Unit
from shared.values import Instant

Line = Annotated[str, Field(min_length=1, max_length=200, pattern=ONE_LINE)]
"""A few words on one line."""
Text = Annotated[str, Field(min_length=1, max_length=10_000, pattern=NOT_BLANK)]
"""As much as somebody has to say; plain text or Markdown, shown as text."""
VersionName = Annotated[str, Field(min_length=1, max_length=100, pattern=ONE_LINE, examples=["2.4.0"])]
Audience = Annotated[
    Literal["agency", "client"], Field(description="client: the client's people may read it; agency: they may not")
]

ITEM = "0197a1c2-0000-7000-8000-000000000501"
CONTRACT = "0197a1c2-0000-7000-8000-000000000201"
SITE = "0197a1c2-0000-7000-8000-000000000301"
PERSON = "0197a1c2-0000-7000-8000-000000000011"

WRITTEN: dict[str, Any] = {
    "version": 1,
    "contract_id": CONTRACT,
    "client_id": "0197a1c2-0000-7000-8000-000000000101",
    "site_id": SITE,
    "item_id": ITEM,
    "audience": "agency",
    "recorded_at": "2026-06-08T12:00:00Z",
    "recorded_by": {"kind": "user", "id": PERSON, "name": "Ada Martin"},
    "changed_at": "2026-06-08T12:00:00Z",
}
"""What the examples of answers have in common."""


class OfItem(BaseModel):
    """A record hangs on an item."""

    item_id: UUID = Field(description="the item that it is about")

    async def place(self, book: RecordBook) -> Place:
        """Where it belongs; raises what `RecordBook.place` raises."""
        return await book.place(item_id=self.item_id)


class OfContract(BaseModel):
    """A record is under a contract, perhaps about one of its sites and one of its items."""

    contract_id: UUID
    site_id: UUID | None = Field(default=None, description="a site under the contract; null is that of the item")
    item_id: UUID | None = Field(default=None, description="an item under the contract")

    async def place(self, book: RecordBook) -> Place:
        """Where it belongs; raises what `RecordBook.place` raises."""
        return await book.place(contract_id=self.contract_id, site_id=self.site_id, item_id=self.item_id)


PLACES = frozenset({"contract_id", "site_id", "item_id"})


class RecordAnswer(BaseModel):
    """What every record tells besides its own facts."""

    ROW: ClassVar[type[Any]]
    KEY: ClassVar[str]
    """Name of the record's own id."""

    version: int = Field(ge=1, json_schema_extra={"format": "int64"}, description="rises with every change")
    contract_id: UUID
    client_id: UUID
    site_id: UUID | None
    item_id: UUID | None
    audience: Audience
    recorded_at: Instant
    recorded_by: ActorAnswer
    changed_at: Instant = Field(description="when this version was written")

    @classmethod
    def of_row(cls, row: RecordRow) -> Self:
        """The answer that tells a row."""
        told = {name: getattr(row, name) for name in cls.model_fields if hasattr(row, name)}
        actor = {"kind": row.recorded_by_kind, "id": row.recorded_by_id, "name": row.recorded_by_name}
        return cls.model_validate(told | {cls.KEY: row.id, "recorded_by": actor} | cls.derived(row))

    @classmethod
    def derived(cls, row: Any) -> dict[str, Any]:
        """Facts of the answer that follow from the row."""
        return {}


A = TypeVar("A", bound=RecordAnswer)


@dataclass(frozen=True)
class Filters:
    """What every list of records can be narrowed to."""

    item_id: UUID | None
    client_id: UUID | None
    contract_id: UUID | None
    site_id: UUID | None

    def select(self, row: type[Any], *conditions: ColumnElement[bool]) -> Select[Any]:
        """The rows that pass, unordered."""
        asked = {
            row.item_id: self.item_id,
            row.client_id: self.client_id,
            row.contract_id: self.contract_id,
            row.site_id: self.site_id,
        }
        return select(row).where(*(column == value for column, value in asked.items() if value), *conditions)


def _filters(
    item_id: Annotated[UUID | None, Query(description="records on this item")] = None,
    client_id: UUID | None = None,
    contract_id: UUID | None = None,
    site_id: UUID | None = None,
) -> Filters:
    return Filters(item_id, client_id, contract_id, site_id)


Narrowed = Annotated[Filters, Depends(_filters)]


@dataclass(frozen=True)
class RecordDesk:
    """Writes, reads and lists records for one caller."""

    unit: Unit
    principal: Principal
    response: Response

    @property
    def book(self) -> RecordBook:
        """Where the caller writes."""
        return RecordBook(self.unit, who(self.principal))

    async def record(self, answer: type[A], body: Any, **more: Any) -> A:
        """A new record of what the body says, and `more` that it does not. Sets `ETag`."""
        facts = facts_of(body) | more
        row = await self.book.write(answer.ROW, await body.place(self.book), facts.pop("audience"), facts)
        return self.answered(answer, row)

    async def revise(self, answer: type[A], record_id: UUID, body: BaseModel, if_match: IfMatch, **more: Any) -> A:
        """The record says from now on what the body says; who may read it, only if the body says so.

        Raises NotFound, and what If-Match raises.
        """
        row = await self.found(answer, record_id, lock=True)
        if_match.require(row.version)
        facts = facts_of(body) | more
        if "audience" not in body.model_fields_set:
            del facts["audience"]  # what was for the agency's eyes must not reach the client by saying nothing
        return await self.rewritten(answer, row, facts)

    async def rewritten(self, answer: type[A], row: Any, facts: dict[str, Any]) -> A:
        """The next version of a record that was found locked."""
        await self.book.rewrite(row, facts)
        self.response.headers["ETag"] = etag(row.version)
        return answer.of_row(row)

    async def read(self, answer: type[A], record_id: UUID) -> A:
        """Raises NotFound."""
        row = await self.found(answer, record_id)
        self.response.headers["ETag"] = etag(row.version)
        return answer.of_row(row)

    async def found(self, answer: type[A], record_id: UUID, *, lock: bool = False) -> Any:
        """The row of a record. Raises NotFound."""
        row = await self.book.find(answer.ROW, record_id, lock=lock)
        if row is None:
            raise NotFound("There is no such record with this id.")
        return row

    async def page(self, answer: type[A], params: PageParams, selected: Select[Any]) -> Page[A]:
        """What was recorded last comes first."""
        row = answer.ROW
        return await paginate(
            self.unit.session,
            selected,
            columns=(row.recorded_at, row.id),
            params=params,
            to_item=answer.of_row,
            descending=True,
        )

    def answered(self, answer: type[A], row: RecordRow) -> A:
        """The answer of a new record, with its `ETag`."""
        self.response.headers["ETag"] = etag(row.version)
        return answer.of_row(row)


def facts_of(body: BaseModel) -> dict[str, Any]:
    """What a body says besides what the record hangs on."""
    return body.model_dump(exclude=set(PLACES))


def _reading(unit: Unit, principal: Reader, response: Response) -> RecordDesk:
    return RecordDesk(unit, principal, response)


def _writing(unit: Unit, principal: Writer, response: Response) -> RecordDesk:
    return RecordDesk(unit, agency_only(principal), response)


def _shared_writing(unit: Unit, principal: Writer, response: Response) -> RecordDesk:
    return RecordDesk(unit, principal, response)


ReadingDesk = Annotated[RecordDesk, Depends(_reading)]
"""Dependency: what the caller may read."""
WritingDesk = Annotated[RecordDesk, Depends(_writing)]
"""Dependency: for the agency's people, who keep the records."""
SharedDesk = Annotated[RecordDesk, Depends(_shared_writing)]
"""Dependency: for what the client's people write too."""
