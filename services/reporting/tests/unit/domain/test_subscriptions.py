"""Which events a webhook gets."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reporting.domain.subscriptions import AGENCYS_OWN, clients_in, concerns, is_internal, is_pattern, wants

NAME = "incidents.incident.opened.v1"


@pytest.mark.parametrize(
    "pattern", [NAME, "incidents.*", "incidents.incident.*", "contracts.hours.threshold_reached.v1"]
)
def test_patterns_are_names_aggregates_or_services(pattern: str) -> None:
    assert is_pattern(pattern)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "*",
        "incidents",
        "incidents.",
        "incidents.incident",
        "incidents.incident.opened",
        "a.b.c.v0",
        "a.*.v1",
        "A.b.c.v1",
        NAME + "\n",
    ],
)
def test_anything_else_is_refused(text: str) -> None:
    assert not is_pattern(text)


def test_nothing_asked_for_is_everything() -> None:
    assert wants([], NAME)
    assert wants([NAME], NAME)
    assert wants(["probes.*", "incidents.*"], NAME)
    assert wants(["incidents.incident.*"], NAME)
    assert not wants(["incidents.inc.*"], NAME)
    assert not wants(["incidents.incident.opened.v2", "probes.*"], NAME)


def test_records_of_operations_are_for_nobody() -> None:
    name = "contracts.operation.recorded.v1"
    assert not any(wants(patterns, name) for patterns in ([], ["contracts.*"], ["contracts.operation.*"], [name]))


def test_a_client_is_found_wherever_an_event_names_him() -> None:
    data = {
        "client_id": "A",
        "client": {"client_id": "b", "name": "Client"},
        "moves": [{"to_client_id": "c"}, {"client_ids": ["d", "e"]}],
        "client_percent": "f",
        "other": {"id": "g", "client_id": None},
    }
    assert clients_in(data) == {"a", "b", "c", "d", "e"}


CLIENTS = st.frozensets(st.sampled_from("abcde"))


@given(only=CLIENTS, named=CLIENTS, internal=st.booleans())
def test_a_filter_by_client_lets_nothing_of_anybody_else_through(
    only: frozenset[str], named: frozenset[str], internal: bool
) -> None:
    if concerns(only, named, internal=internal) and only:
        assert named
        assert named <= only
        assert not internal
    assert concerns(frozenset(), named, internal=internal)


@pytest.mark.parametrize("name", ["incidents.on_call.uncovered.v1", "reporting.outage_decision.proposed.v1"])
def test_what_the_routes_refuse_to_a_client_is_internal_whatever_it_says(name: str) -> None:
    assert is_internal(name, {"client_id": "a", "audience": "client"})
    assert all(is_pattern(pattern) for pattern in AGENCYS_OWN)


@pytest.mark.parametrize(
    ("data", "internal"),
    [
        ({"client_id": "a"}, False),
        ({"client_id": "a", "audience": "client"}, False),
        ({"client_id": "a", "audience": "agency"}, True),
        ({"client_id": "a", "audience": None}, True),
        ({"client_id": "a", "audience": ["client"]}, True),
        ({"client_id": "a", "notes": [{"audience": "client"}, {"text": {"audience": "agency"}}]}, True),
        ({"client_id": "a", "audience": "partner"}, True),
    ],
)
def test_what_is_said_to_anybody_but_the_client_is_internal(data: dict[str, object], internal: bool) -> None:
    assert is_internal(NAME, data) is internal


def test_the_end_of_a_decision_is_told_unless_it_tells_of_what_nobody_agreed_to() -> None:
    name = "reporting.outage_decision.withdrawn.v1"
    agreed = [{"act": act} for act in ("proposed", "approved", "withdrawn")]
    assert not is_internal(name, {"client_id": "a", "steps": agreed})
    for act in ("withdrawal_proposed", "withdrawal_declined", "declined", "a word that comes later"):
        assert is_internal(name, {"client_id": "a", "steps": [*agreed, {"act": act}]})


JSON = st.recursive(
    st.none() | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["client_id", "a", "client"]), inner),
    max_leaves=12,
)


@given(data=st.dictionaries(st.sampled_from(["client_id", "client", "items"]), JSON), wrapped=st.integers(0, 3))
def test_how_deep_a_client_is_named_makes_no_difference(data: dict[str, object], wrapped: int) -> None:
    deeper: dict[str, object] = data
    for level in range(wrapped):
        deeper = {"items": [deeper]} if level % 2 else {"inner": deeper}
    assert clients_in(deeper) == clients_in(data)
