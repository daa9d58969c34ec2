"""Lists in pages: keyset pagination with an opaque cursor, stable while rows come and go, without counts."""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from typing import Annotated, Any, Generic, TypeVar
from urllib.parse import urlencode
from uuid import UUID

from fastapi import Depends, Query, Request, Response
from pydantic import BaseModel, Field
from sqlalchemy import ColumnElement, Select, literal, tuple_
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import InstrumentedAttribute

from shared.database import TENANT
from shared.problems import InvalidCursor

DEFAULT_LIMIT = 50
MAX_LIMIT = 200
_VERSION = 1

T = TypeVar("T")
SortColumn = ColumnElement[Any] | InstrumentedAttribute[Any]


class Page(BaseModel, Generic[T]):
    """One page of a list."""

    data: list[T] = Field(max_length=MAX_LIMIT, description="the items of this page, in the order of the list")
    next_cursor: str | None = Field(
        default=None,
        max_length=1024,
        description="pass it as `cursor` to read the next page; null at the end",
        examples=["eyJ2IjoxfQ"],
    )

    @classmethod
    def model_parametrized_name(cls, params: tuple[Any, ...]) -> str:
        """``Page[Client]`` is called ``ClientPage`` in the OpenAPI document."""
        return "".join(getattr(p, "__name__", str(p)) for p in params) + "Page"


@dataclass(frozen=True)
class Paging:
    """What the client asked for: how many, and from where on."""

    limit: int
    cursor: str | None
    request: Request
    response: Response

    def filters(self) -> str:
        """Hash of the path and of every other query parameter: a cursor is good for one list only."""
        others = sorted((k, v) for k, v in self.request.query_params.multi_items() if k not in ("limit", "cursor"))
        text = json.dumps([self.request.url.path, others])
        return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:16]


def _paging(
    request: Request,
    response: Response,
    limit: Annotated[
        int,
        Query(
            ge=1,
            le=MAX_LIMIT,
            description="how many items at most",
            json_schema_extra={"format": "int32"},
        ),
    ] = DEFAULT_LIMIT,
    cursor: Annotated[
        str | None,
        Query(
            max_length=1024,
            pattern="^[A-Za-z0-9_-]+$",
            description="`next_cursor` of the page before; without it the list starts at its beginning",
        ),
    ] = None,
) -> Paging:
    return Paging(limit, cursor, request, response)


PageParams = Annotated[Paging, Depends(_paging)]
"""Dependency: ``limit`` (1 to 200, default 50) and ``cursor``."""


def _pack(value: object) -> str | int:
    if isinstance(value, bool) or value is None:
        raise TypeError("a list is sorted by columns that are not null and not boolean")
    if isinstance(value, int | str):
        return value
    if isinstance(value, datetime | date):
        return value.isoformat()
    if isinstance(value, UUID | Decimal):
        return str(value)
    raise TypeError(f"a list cannot be sorted by {type(value).__name__}")


def _unpack(packed: object, kind: type[Any]) -> Any:  # one return per type that a column can have
    if kind is int:
        if isinstance(packed, bool) or not isinstance(packed, int) or abs(packed) >= 2**63:
            raise ValueError("not an int8")
        return packed
    if not isinstance(packed, str) or "\0" in packed:
        raise ValueError("not a text")
    packed.encode()  # half a surrogate pair is a UnicodeError, which is a ValueError
    if kind is datetime:
        instant = datetime.fromisoformat(packed)
        if instant.tzinfo is None:
            raise ValueError("naive")
        return instant
    readers: dict[type[Any], Callable[[str], Any]] = {str: str, UUID: UUID, date: date.fromisoformat, Decimal: Decimal}
    value = readers[kind](packed)
    if isinstance(value, Decimal) and not value.is_finite():
        raise ValueError("not a number")
    return value


def encode_cursor(filters: str, values: Sequence[object]) -> str:
    """The opaque cursor after the row with these sort values."""
    text = json.dumps({"v": _VERSION, "f": filters, "k": [_pack(value) for value in values]}, separators=(",", ":"))
    return base64.urlsafe_b64encode(text.encode()).rstrip(b"=").decode()


def decode_cursor(cursor: str, filters: str, kinds: Sequence[type[Any]]) -> list[Any]:
    """The sort values of a cursor. Raises :class:`InvalidCursor` unless it is exactly one that we gave out here."""
    try:
        raw = base64.b64decode(cursor.encode("ascii") + b"=" * (-len(cursor) % 4), altchars=b"-_", validate=True)
        content = json.loads(raw)
        if not isinstance(content, dict) or set(content) != {"v", "f", "k"} or content["v"] != _VERSION:
            raise ValueError("not a cursor")
        if content["f"] != filters:
            raise InvalidCursor("This cursor belongs to another list or other filters. Start again without `cursor`.")
        packed = content["k"]
        if not isinstance(packed, list) or len(packed) != len(kinds):
            raise ValueError("not a cursor of this list")
        return [_unpack(value, kind) for value, kind in zip(packed, kinds, strict=True)]
    except (ValueError, TypeError, binascii.Error, InvalidOperation, RecursionError, OverflowError):
        raise InvalidCursor("This cursor was not given out by this list. Start again without `cursor`.") from None


def _tenant(session: AsyncSession, select: Select[Any], columns: Sequence[SortColumn]) -> Sequence[SortColumn]:
    """What to sort by before anything else: the tenant, where all rows are of one.

    That changes no order, and PostgreSQL takes a page from an index that begins with the tenant instead of sorting all
    rows of the tenant: that row-level security shows those of one only, it cannot conclude from a range of ids. Where
    the order is computed, no index gives it: all rows are read, and PostgreSQL must not hope to read those of the first
    tenant only.
    """
    table = getattr(columns[-1], "table", None)
    computed = getattr(columns[0], "table", None) is not table
    if session.info.get(TENANT) is None or computed or table is None or "tenant_id" not in table.c:
        return ()
    if select._distinct or select._group_by_clauses:  # which take nothing into the order that is not selected
        return ()
    return (table.c.tenant_id,)


async def paginate(
    session: AsyncSession,
    select: Select[Any],
    *,
    columns: Sequence[SortColumn],
    params: Paging,
    to_item: Callable[[Any], T],
    descending: bool = False,
) -> Page[T]:
    """Run ``select`` for one page and set the ``Link: rel="next"`` header when there is another.

    :param select: without ``order_by`` and ``limit``; filters are part of it.
    :param columns: what the list is sorted by, the last one unique (an id); none may be nullable.
    :param to_item: makes an item of a row: of the entity when one is selected, else of the whole row.
    :param descending: sort all columns downwards (newest first).
    :raises InvalidCursor: the cursor is not one of this list with these filters.
    """
    if params.cursor is not None:
        values = decode_cursor(params.cursor, params.filters(), [column.type.python_type for column in columns])
        bounds = tuple_(*(literal(value, column.type) for value, column in zip(values, columns, strict=True)))
        position = tuple_(*columns)
        select = select.where(position < bounds if descending else position > bounds)
    width = len(select.column_descriptions)
    statement = (
        select.add_columns(*(column.label(f"cursor_{index}") for index, column in enumerate(columns)))
        .order_by(
            *(
                column.desc() if descending else column.asc()
                for column in (*_tenant(session, select, columns), *columns)
            )
        )
        .limit(params.limit + 1)
    )
    rows = (await session.execute(statement)).all()
    shown = rows[: params.limit]
    cursor = None
    if len(rows) > params.limit:
        cursor = encode_cursor(params.filters(), shown[-1][-len(columns) :])
        query = [(k, v) for k, v in params.request.query_params.multi_items() if k != "cursor"]
        address = f"{params.request.url.path}?{urlencode([*query, ('cursor', cursor)])}"
        params.response.headers["Link"] = f'<{address}>; rel="next"'
    return Page(data=[to_item(row[0] if width == 1 else row) for row in shown], next_cursor=cursor)
