"""Cursors: what we gave out is read back exactly, anything else is refused as such."""

import base64
import json
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.pagination import decode_cursor, encode_cursor
from shared.problems import InvalidCursor

VALUES = [
    datetime(2026, 3, 29, 2, 30, tzinfo=timezone(timedelta(hours=2))),
    UUID("0190a000-0000-7000-8000-0000000000aa"),
    "Émile",
    7,
    date(2026, 6, 8),
    Decimal("1.50"),
]


def packed(content: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(content).encode()).rstrip(b"=").decode()


def test_values_come_back_as_they_went() -> None:
    kinds = [type(value) for value in VALUES]
    assert decode_cursor(encode_cursor("f", VALUES), "f", kinds) == VALUES


@given(st.text(alphabet="ABCabc019-_", max_size=200))
def test_whatever_somebody_makes_up_is_an_invalid_cursor(cursor: str) -> None:
    with pytest.raises(InvalidCursor):
        decode_cursor(cursor, "f", [datetime, UUID])


@pytest.mark.parametrize(
    "key",
    [
        ["2026-06-08T09:00:00", str(VALUES[1])],
        ["2026-06-08", str(VALUES[1])],
        ["2026-06-08T09:00:00Z"],
        ["2026-06-08T09:00:00Z", 7],
        [None, str(VALUES[1])],
        [{"a": 1}, str(VALUES[1])],
        "text",
    ],
)
def test_values_of_other_types_are_refused(key: object) -> None:
    with pytest.raises(InvalidCursor):
        decode_cursor(packed({"v": 1, "f": "f", "k": key}), "f", [datetime, UUID])


@pytest.mark.parametrize(
    ("value", "kind"), [(2**63, int), (True, int), ("a\0b", str), ("\ud800", str), ("NaN", Decimal), ("1e", Decimal)]
)
def test_values_that_a_column_cannot_hold_are_refused(value: object, kind: type) -> None:
    with pytest.raises(InvalidCursor):
        decode_cursor(packed({"v": 1, "f": "f", "k": [value]}), "f", [kind])


def test_another_version_or_list_is_refused() -> None:
    with pytest.raises(InvalidCursor):
        decode_cursor(packed({"v": 2, "f": "f", "k": [1]}), "f", [int])
    with pytest.raises(InvalidCursor, match="another list"):
        decode_cursor(encode_cursor("g", [1]), "f", [int])


def test_columns_that_may_be_null_cannot_sort_a_list() -> None:
    with pytest.raises(TypeError):
        encode_cursor("f", [None])
    assert decode_cursor(encode_cursor("f", [datetime(2026, 1, 1, tzinfo=UTC)]), "f", [datetime])
