"""YAML as documents use it: what is read, what is refused and where, and that what is written reads back the same."""

from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from contracts.adapters.document_yaml import DEEPEST, LARGEST, MOST_VALUES, BadYaml, Place, read, write
from contracts.domain.document_values import Plain, meant


def typed(value: Any) -> Any:
    """What was read, with nothing expected anywhere."""
    if isinstance(value, dict):
        return {key: typed(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [typed(inner) for inner in value]
    return meant(value, None) if isinstance(value, Plain) else value


_TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=30) | st.sampled_from(
    [
        "no",
        "2026-06-08",
        "12:30:00",
        "1e3",
        "0o17",
        "null",
        "~",
        "",
        " x ",
        "a: b",
        "- a",
        "é\n\nà\n",
        "=",
        "<<",
        "\ufeff",
        "\x85",
    ]
)
_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**18) + 1, 10**18 - 1) | _TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(_TEXT, inner, max_size=4),
    max_leaves=12,
)


@given(st.dictionaries(_TEXT, _VALUES, max_size=4))
def test_what_is_written_reads_back_the_same_by_us_and_by_others(document: dict[str, Any]) -> None:
    text = write(document, "a comment")
    assert typed(read(text.encode()).values) == document
    assert yaml.safe_load(text) == document
    assert write(typed(read(text.encode()).values), "a comment") == text


def test_each_value_has_its_line() -> None:
    text = read(b"# a comment\na:\n  - b: 1\n    c: [x, y]\n  - d\n")
    assert text.place_of(("a",)) == Place(2, 1)
    assert text.place_of(("a", 0, "b")) == Place(3, 5)
    assert text.place_of(("a", 0, "c", 1)) == Place(4, 12)
    assert text.place_of(("a", 1)) == Place(5, 5)


def test_what_is_not_there_has_the_line_of_what_it_would_be_in() -> None:
    text = read(b"a:\n  b: 1\n")
    assert text.place_of(("a", "missing", "deeper")) == Place(1, 1)
    assert read(b"").place_of(("a",)) == Place(1, 1)


BOMB = b"a: &a [x, x]\nb: &b [*a, *a]\nc: &c [*b, *b]\n"


@pytest.mark.parametrize(
    ("content", "told", "line"),
    [
        (BOMB, "Anchors and aliases", 1),
        (b"a: 1\nb: *a\n", "Anchors and aliases", 2),
        (b"a: !!python/object/apply:os.system [ls]\n", "tag", 1),
        (b"a:\n  b: !!str 1\n", "tag", 2),
        (b"a: 1\nb: 2\na: 3\n", "there twice, first in line 1", 3),
        (b"a: {b: 1, 'b': 2}\n", "there twice", 1),
        (b"a: 1\n---\nb: 2\n", "second document", 2),
        (b"a: 1\nb: x\x07y\n", "A control character", 2),
        (b"? [a, b]\n: 1\n", "A key is a word", 1),
        (b"a: [1, 2\n", "not YAML", 2),
        (b"a: 1\n  b: 2\n", "not YAML", 2),
        (b"\ta: 1\n", "not YAML", 1),
        (b'a: "x\\0y"\n', "cannot be stored", 1),
        (b"a: 1\nb: \xff\n", "not UTF-8", 2),
        (b"a: " + b"[" * (DEEPEST + 1), "nested more than", 1),
        (b"a: [" + b"x," * MOST_VALUES + b"x]", "more than 20000 values", 1),
        (b"#" * (LARGEST + 1), "more than 256 KiB", 1),
    ],
)
def test_what_is_not_read_is_refused_where_it_stands(content: bytes, told: str, line: int) -> None:
    with pytest.raises(BadYaml) as refused:
        read(content)
    assert told in str(refused.value)
    assert refused.value.place.line == line
    assert str(refused.value).startswith(f"Line {line}, ")


def test_a_merge_key_is_a_key_like_any_other() -> None:
    assert read(b"<<: {a: 1}\n").values == {"<<": {"a": "1"}}
