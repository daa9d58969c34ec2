"""What an unquoted word means, and in what two documents differ."""

from typing import Any

import pytest

from contracts.domain.document_values import Difference, differences, meant


@pytest.mark.parametrize(
    ("word", "expected", "value"),
    [
        # What YAML 1.1 would make a truth value, a date, sixty times sixty or an octal number of.
        ("no", {"string"}, "no"),
        ("yes", None, "yes"),
        ("2026-06-08", {"string", "null"}, "2026-06-08"),
        ("12:30", None, "12:30"),
        ("0123", None, "0123"),
        ("0x1F", None, "0x1F"),
        ("1e3", None, "1e3"),
        ("NO", {"string"}, "NO"),
        ("Null", {"string"}, "Null"),
        # What is expected decides what a word is.
        ("600.00", {"string"}, "600.00"),
        ("74000", {"string", "null"}, "74000"),
        ("true", {"string"}, "true"),
        ("45", {"integer"}, 45),
        ("-45", {"number"}, -45),
        ("45", None, 45),
        ("1.5", {"number"}, 1.5),
        ("true", {"boolean", "null"}, True),
        ("false", None, False),
        ("null", {"string"}, None),
        ("~", None, None),
        ("", {"string"}, None),
        # Nothing here is a binary fraction unless somebody wants one.
        ("99.90", None, "99.90"),
        ("99.90", {"integer", "string"}, "99.90"),
        ("9" * 30, None, "9" * 30),
    ],
)
def test_a_word_is_what_is_expected_where_it_stands(word: str, expected: set[str] | None, value: Any) -> None:
    found = meant(word, expected)
    assert found == value
    assert type(found) is type(value)


@pytest.mark.parametrize(
    ("before", "after", "found"),
    [
        ({"a": 1}, {"a": 1}, []),
        ({"a": 1}, {"a": 2, "b": "x"}, [Difference(("a",), 1, 2), Difference(("b",), None, "x")]),
        ({"a": {"b": 1}}, {"a": {}}, [Difference(("a", "b"), 1, None)]),
        ({"a": 1}, {"a": True}, [Difference(("a",), 1, True)]),
        (["x"], ["x", "y"], [Difference((), ["x"], ["x", "y"])]),
        ({"a": None}, {}, []),
        # An entry in front of the others is one difference; what is compared is the entry of the same name.
        (
            [{"code": "b", "n": 1}, {"code": "c"}],
            [{"code": "a"}, {"code": "b", "n": 2}],
            [
                Difference((), {"code": "c"}, None),
                Difference((0,), None, {"code": "a"}),
                Difference((1, "n"), 1, 2),
            ],
        ),
        (
            [{"code": "a"}, {"code": "b"}],
            [{"code": "b"}, {"code": "a"}],
            [Difference((), [{"code": "a"}, {"code": "b"}], [{"code": "b"}, {"code": "a"}])],
        ),
        # Without names of their own, or with one twice, a list differs as a whole.
        ([{"n": 1}], [{"n": 2}], [Difference((), [{"n": 1}], [{"n": 2}])]),
        (
            [{"code": "a"}],
            [{"code": "a"}, {"code": "a"}],
            [Difference((), [{"code": "a"}], [{"code": "a"}, {"code": "a"}])],
        ),
    ],
)
def test_every_value_that_differs_is_told_once_at_its_place(before: Any, after: Any, found: list[Difference]) -> None:
    assert list(differences(before, after)) == found
