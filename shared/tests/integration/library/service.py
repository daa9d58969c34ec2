"""The library: books that an agency owns. Run it with ``python service.py api|worker|all|migrate``."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal
from uuid import UUID

import sqlalchemy as sa
from fastapi import APIRouter, Depends, Request, Response
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field
from pydantic_settings import SettingsConfigDict
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from shared.auth import Principal
from shared.consumer import Handlers
from shared.database import metadata_for
from shared.etag import IfMatch, IfNoneMatch, etag, not_modified
from shared.events import EventRegistry, PublishedEvent, ReceivedEvent
from shared.idempotency import Idempotent, IdempotentRoute
from shared.ids import new_id
from shared.migrations import event_tables
from shared.pagination import Page, PageParams, paginate
from shared.problems import Conflict, NotFound, responses_for
from shared.service import Authenticated, Now, PublicUnit, Service, Unit, require, service_cli
from shared.settings import Port, ServiceSettings
from shared.unit_of_work import UnitOfWork


class LibrarySettings(ServiceSettings):
    SERVICE: ClassVar[str] = "library"
    model_config = SettingsConfigDict(env_prefix="LIBRARY_")
    port: Port = 8009


class Base(DeclarativeBase):
    metadata = metadata_for("library")


event_tables(Base.metadata)


class ShelfRow(Base):
    __tablename__ = "shelf"
    shelf_id: Mapped[UUID] = mapped_column(primary_key=True)


class BookRow(Base):
    __tablename__ = "book"
    book_id: Mapped[UUID] = mapped_column(primary_key=True)
    tenant_id: Mapped[UUID]
    title: Mapped[str] = mapped_column(sa.Text)
    pages: Mapped[int]
    added_at: Mapped[datetime] = mapped_column(sa.DateTime(timezone=True))
    version: Mapped[int] = mapped_column(sa.BigInteger)
    shelf_id: Mapped[UUID | None] = mapped_column(sa.ForeignKey("library.shelf.shelf_id"))


class BookAdded(PublishedEvent, aggregate="book", name="added", key="book_id"):
    """A book came into the library."""

    book_id: UUID
    title: str
    version: int

    EXAMPLE: ClassVar[Mapping[str, Any]] = {
        "book_id": "0190a000-0000-7000-8000-00000000000b",
        "title": "Le Grand Meaulnes",
        "version": 1,
    }


class OutOfPrint(Exception):
    """A rule of this domain, which knows no HTTP."""


class NewBook(BaseModel):
    model_config = ConfigDict(extra="forbid")

    title: str = Field(min_length=1, max_length=100, examples=["Le Grand Meaulnes"])
    pages: int = Field(default=1, ge=1, le=100_000, examples=[320])
    shelf_id: UUID | None = None


class Book(BaseModel):
    book_id: UUID
    title: str = Field(max_length=100)
    pages: int = Field(ge=1, le=100_000)
    added_at: AwareDatetime
    version: int = Field(ge=1)


class Circle(BaseModel):
    model_config = ConfigDict(extra="forbid")
    kind: Literal["circle"]
    radius: int = Field(gt=0, le=1000)


class Square(BaseModel):
    model_config = ConfigDict(extra="forbid")
    kind: Literal["square"]
    side: int = Field(gt=0, le=1000)


class Drawing(BaseModel):
    model_config = ConfigDict(extra="forbid")
    shapes: list[Circle | Square] = Field(max_length=10)
    anything: dict[str, Any] | None = None


Writer = Annotated[Principal, Depends(require("contracts:write"))]

books = APIRouter(prefix="/v1/books", tags=["books"], route_class=IdempotentRoute)
other = APIRouter(prefix="/v1", tags=["other"])


def _book(row: BookRow) -> Book:
    return Book.model_validate(row, from_attributes=True)


async def _found(unit: UnitOfWork, book_id: UUID) -> BookRow:
    row = await unit.session.get(BookRow, book_id)
    if row is None:
        raise NotFound("There is no book with this id.")
    return row


@books.post(
    "",
    status_code=201,
    dependencies=[Idempotent],
    responses=responses_for(Conflict),
)
async def create_book(new: NewBook, unit: Unit, request: Request, response: Response, _who: Writer) -> Book:
    """Adds a book."""
    if new.title == "Out of print":
        raise OutOfPrint(new.title)
    gate: asyncio.Event | None = getattr(request.app.state, "gate", None)
    row = BookRow(
        book_id=new_id(),
        tenant_id=unit.tenant_id,
        title=new.title,
        pages=new.pages,
        added_at=unit.now,
        version=1,
        shelf_id=new.shelf_id,
    )
    unit.session.add(row)
    await unit.session.flush()
    if gate is not None:
        await gate.wait()
    unit.publish(BookAdded(book_id=row.book_id, title=row.title, version=1), version=1)
    response.headers["ETag"] = etag(1)
    response.headers["Location"] = f"/v1/books/{row.book_id}"
    return _book(row)


@books.get("", dependencies=[Depends(require("contracts:read"))])
async def list_books(unit: Unit, params: PageParams, title: str | None = None) -> Page[Book]:
    """Newest first."""
    select = sa.select(BookRow)
    if title is not None:
        select = select.where(BookRow.title.contains(title))
    return await paginate(
        unit.session,
        select,
        columns=(BookRow.added_at, BookRow.book_id),
        params=params,
        to_item=_book,
        descending=True,
    )


@books.get("/{book_id}", dependencies=[Depends(require("contracts:read"))], response_model=Book)
async def read_book(
    book_id: UUID, unit: Unit, request: Request, response: Response, _if_none_match: IfNoneMatch = None
) -> Book | Response:
    row = await _found(unit, book_id)
    unchanged = not_modified(request, row.version)
    if unchanged is not None:
        return unchanged
    response.headers["ETag"] = etag(row.version)
    return _book(row)


@books.put("/{book_id}", dependencies=[Depends(require("contracts:write"))])
async def replace_book(book_id: UUID, new: NewBook, if_match: IfMatch, unit: Unit, response: Response) -> Book:
    row = await _found(unit, book_id)
    if_match.require(row.version)
    row.title, row.pages, row.version = new.title, new.pages, row.version + 1
    response.headers["ETag"] = etag(row.version)
    return _book(row)


@books.delete("/{book_id}", status_code=204, dependencies=[Depends(require("contracts:write"))])
async def delete_book(book_id: UUID, if_match: IfMatch, unit: Unit) -> None:
    row = await _found(unit, book_id)
    if_match.require(row.version)
    await unit.session.delete(row)


@other.get("/whoami")
async def read_whoami(principal: Authenticated, now: Now) -> dict[str, str]:
    return {"name": principal.name, "role": principal.role, "now": now.isoformat()}


@other.get("/public/count")
async def count_books(unit: PublicUnit) -> dict[str, int]:
    return {"count": (await unit.session.execute(sa.select(sa.func.count()).select_from(BookRow))).scalar_one()}


@other.post("/drawings")
async def create_drawing(drawing: Drawing) -> dict[str, int]:
    return {"shapes": len(drawing.shapes)}


@other.get("/broken")
async def read_broken() -> None:
    raise RuntimeError("the password is hunter2")


@other.get("/overflow/{number}")
async def read_overflow(number: int, unit: PublicUnit) -> dict[str, int]:
    """Forgets to bound its parameter."""
    statement = sa.select(sa.cast(sa.bindparam("n", number, sa.BigInteger), sa.Integer))
    return {"number": (await unit.session.execute(statement)).scalar_one()}


@other.get("/collide")
async def read_collision(unit: PublicUnit) -> None:
    shelf = new_id()
    for _ in range(2):
        await unit.session.execute(sa.insert(ShelfRow).values(shelf_id=shelf))


class Seen(BaseModel):
    place: str


handlers = Handlers("library")


@handlers.on("publisher.parcel.moved.v1")
async def note_parcel(event: ReceivedEvent[Seen], uow: UnitOfWork) -> None:
    """Notes where a parcel of books is."""


SERVICE = Service(
    name="library",
    title="Library",
    description="Books of an agency.",
    version="1.2.3",
    settings_class=LibrarySettings,
    routers=[books, other],
    metadata=Base.metadata,
    migrations=Path(__file__).parent / "migrations",
    registry=EventRegistry("library", [BookAdded]),
    errors={OutOfPrint: lambda error: Conflict(f"{error} is out of print.")},
    handlers=handlers,
    tags=({"name": "books", "description": "Books"}, {"name": "other", "description": "Other things"}),
)

if __name__ == "__main__":
    raise SystemExit(service_cli(SERVICE))
