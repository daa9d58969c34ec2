"""The document and the model behind it: every term is in it, nothing in it is an id, and each fault has its place."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from contracts.adapters.document_yaml import read, write
from contracts.application.contract_document import (
    document_name,
    document_schema,
    ids_in_terms,
    place_in,
    stand_in,
    terms_said,
    with_names,
    written,
)
from contracts.application.contract_document_words import told
from contracts.application.contract_reconciliation import Operation, Outcome
from contracts.application.contracts import Contract, Terms
from contracts.application.errors import Refused
from contracts.application.service_desk_words import catalogues
from contracts.domain.document_values import Plain

EXAMPLES = sorted((Path(__file__).parents[3] / "examples").glob("*.yaml"))


def uuids(schema: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    if isinstance(schema, dict):
        if schema.get("format") == "uuid":
            yield path
        for key, inner in schema.items():
            yield from uuids(inner, (*path, str(key)))
    elif isinstance(schema, list):
        for index, inner in enumerate(schema):
            yield from uuids(inner, (*path, str(index)))


def test_no_id_of_an_installation_is_left_in_the_document() -> None:
    """Whoever adds a term that holds another kind of id decides here what documents call it."""
    assert list(uuids(document_schema())) == []


def test_every_term_can_be_written() -> None:
    terms = document_schema()["$defs"]["Terms"]["properties"]
    assert set(Terms.model_fields) - set(terms) == {"site_ids", "external_key"}
    assert set(terms) <= set(Terms.model_fields)


@pytest.mark.parametrize(
    ("key", "name"),
    [
        ("site_id", ("site", "site")),
        ("site_ids", ("sites", "site")),
        ("assigned_user_ids", ("assigned_users", "user")),
        ("user_id", ("user", "user")),
        ("website_id", None),
        ("plan_id", None),
        ("site", None),
    ],
)
def test_what_is_an_id_in_the_model_is_a_name_in_the_document(key: str, name: tuple[str, str] | None) -> None:
    assert document_name(key) == name


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.stem)
def test_the_examples_fit_the_schema_and_the_model(example: Path) -> None:
    document = written(read(example.read_bytes()).values)
    Draft202012Validator.check_schema(document_schema())
    Draft202012Validator(document_schema()).validate(document.values)
    assert example.read_text("utf-8").startswith("# yaml-language-server: $schema=../schemas/contract-document.json\n")
    assert (example.parent / "../schemas/contract-document.json").is_file()
    again = written(read(write(document.values).encode()).values)
    assert again.document == document.document


def minimal(**terms: Any) -> dict[str, Any]:
    return {
        "format": "upheld.contract-document/1",
        "key": "k",
        "client": {"name": "Hôtel"},
        "sites": [{"name": "a.example"}, {"name": "b.example"}],
        "plan": {"code": "premium"},
        "terms": {"starts_on": "2026-06-08", "price": {"amount": "600", "currency": "EUR"}, **terms},
    }


def faults(document: Any) -> dict[tuple[str | int, ...], str]:
    with pytest.raises(Refused) as refused:
        written(document)
    return {fault.path: fault.detail for fault in refused.value.faults}


SCHEMA = Terms.model_json_schema()


def example_of(schema: dict[str, Any]) -> Any:
    """The first example of a block, or of the entries of a list of blocks; None: it has none."""
    if "$ref" in schema:
        return next(iter(SCHEMA["$defs"][schema["$ref"].rpartition("/")[2]].get("examples", [])), None)
    if schema.get("type") == "array" and (entry := example_of(schema["items"])) is not None:
        return [entry]
    return next((found for each in schema.get("anyOf", []) if (found := example_of(each)) is not None), None)


BLOCKS = {name: example for name, schema in SCHEMA["properties"].items() if (example := example_of(schema)) is not None}


@pytest.mark.parametrize("block", sorted(BLOCKS))
def test_every_block_of_the_terms_is_the_same_after_it_was_written_and_read(block: str) -> None:
    """As they are in the examples of the API; a block that is added is tried here by itself."""
    terms = Terms.model_validate(
        {"site_ids": [], "starts_on": "2026-06-08", "price": {"amount": "600", "currency": "EUR"}, block: BLOCKS[block]}
    )
    ids = {wanted: kind for kind, wanted in ids_in_terms(terms)}
    names = {wanted: f"{kind} {number}" for number, (wanted, kind) in enumerate(sorted(ids.items()))}
    document = minimal() | {
        "sites": [{"name": names[wanted]} for wanted, kind in ids.items() if kind == "site"],
        "terms": with_names(terms_said(terms), names, ("terms",)),
    }
    Draft202012Validator(document_schema()).validate(document)
    found = written(read(write(document).encode()).values).document.terms.model_dump_json(by_alias=True)
    for wanted, kind in ids.items():
        found = found.replace(str(stand_in(kind, names[wanted])), wanted)
    again = Terms.model_validate_json(found)
    expected = terms.model_copy(update={"site_ids": again.site_ids, "external_key": "k"})
    assert again.model_dump(mode="json") == expected.model_dump(mode="json")


def test_names_stand_for_ids_until_somebody_knows_them() -> None:
    found = written(
        minimal(
            continuity=[{"site": "b.example", "rpo": "PT1H", "rto": "PT1H"}],
            service_desk={"assigned_users": ["p@a.example"]},
        )
    )
    terms = found.document.terms
    assert terms.site_ids == [stand_in("site", "a.example"), stand_in("site", "b.example")]
    assert terms.continuity is not None and terms.service_desk is not None
    assert terms.continuity[0].site_id == stand_in("site", "b.example")
    assert terms.service_desk.assigned_user_ids == [stand_in("user", "p@a.example")]
    assert found.users == {"p@a.example": ("terms", "service_desk", "assigned_users", 0)}
    assert set(ids_in_terms(terms)) == {
        ("site", str(stand_in("site", "a.example"))),
        ("site", str(stand_in("site", "b.example"))),
        ("user", str(stand_in("user", "p@a.example"))),
    }
    names = {str(stand_in("site", "b.example")): "b.example", str(stand_in("user", "p@a.example")): "p@a.example"}
    said = with_names(terms_said(terms), names, ("terms",))
    assert said["continuity"] == [{"site": "b.example", "rpo": "PT1H", "rto": "PT1H"}]
    assert said["service_desk"]["assigned_users"] == ["p@a.example"]


def test_a_place_of_the_model_is_a_place_of_what_was_written() -> None:
    values = {"sites": [{"name": "x"}], "key": "k", "terms": {"risks": [{"user": "u"}], "pay": {"days": 1}}}
    assert place_in(values, ("terms", "site_ids", 0)) == ("sites", 0)
    assert place_in(values, ("terms", "external_key")) == ("key",)
    assert place_in(values, ("terms", "risks", 0, "user_id")) == ("terms", "risks", 0, "user")
    assert place_in(values, ("terms", "pay", "a-branch", "days")) == ("terms", "pay", "days")
    assert place_in(values, ("terms", "pay", "missing")) == ("terms", "pay", "missing")


def test_all_faults_are_told_together_each_once_at_its_place() -> None:
    document = minimal(
        continuity=[{"site": "elsewhere", "rpo": "PT1H", "rto": "soon"}],
        resources=[{"kind": "person", "user_id": str(UUID(int=1)), "name": "P", "role": "r", "from": "2026-06-08"}],
        surprise=1,
    )
    document["key"] = "not a key"
    found = faults(document)
    assert set(found) == {
        ("key",),
        ("terms", "surprise"),
        ("terms", "continuity", 0, "site"),
        ("terms", "continuity", 0, "rto"),
        ("terms", "resources", 0, "user_id"),
    }
    assert found["terms", "resources", 0, "user_id"] == "is an id of one installation: write `user`, and a name"


@pytest.mark.parametrize("document", [None, [], "x", Plain("")])
def test_what_is_no_mapping_is_no_document(document: Any) -> None:
    assert set(faults(document)) == {()}


@pytest.mark.parametrize("place", ["sites", "calendars"])
def test_one_name_is_one_thing(place: str) -> None:
    document = minimal()
    calendar = {"name": "c", "title": {"fr": "c", "en": "c"}, "calendar": {"time_zone": "Europe/Paris", "always": True}}
    document[place] = [{"name": "a.example"}] * 2 if place == "sites" else [calendar] * 2
    assert any("one name twice" in detail for detail in faults(document).values())


_ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5) | st.text(max_size=5).map(Plain),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["name", "site", "site_id", "site_ids", "sites", "users", "x", "key"]), inner)
    ),
    max_leaves=8,
)


@given(st.sampled_from(["format", "key", "client", "sites", "calendars", "plan", "terms"]), _ANYTHING)
def test_whatever_stands_anywhere_is_taken_or_refused_and_never_breaks(place: str, value: Any) -> None:
    document = minimal() | {place: value}
    try:
        written(document)
    except Refused as refused:
        assert refused.faults


def test_a_document_may_ask_for_as_much_as_its_sites_and_their_environments_can_hold() -> None:
    removals = tuple(Operation("remove_environment", f"site {site}, {one}") for site in range(100) for one in range(50))
    outcome = Outcome(removals, Contract.model_construct(), None)
    assert len(told(outcome, catalogues().translator("en"), applied=False).operations) == 5000
