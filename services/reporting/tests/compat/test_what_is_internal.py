"""What publishers mark as internal is what a client's webhook is not told: by their schemas and frozen examples."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from reporting.domain.subscriptions import AGENCYS_OWN, is_internal, wants

SERVICES = Path(__file__).parents[3]
PUBLISHED = {path.stem: path for path in SERVICES.glob("*/schemas/examples/*.json")}


def audiences(schema: Any) -> Iterator[list[str]]:
    """The values that each `audience` of a schema may have."""
    if isinstance(schema, dict):
        for key, value in schema.items():
            if key == "audience" and isinstance(value, dict):
                yield value.get("enum", [])
            yield from audiences(value)
    elif isinstance(schema, list):
        for value in schema:
            yield from audiences(value)


MARKED = sorted(
    name
    for name, example in PUBLISHED.items()
    if list(audiences(json.loads((example.parents[1] / f"{name}.schema.json").read_text(encoding="utf-8"))))
)


def test_some_events_say_for_whom_they_are() -> None:
    assert {"incidents.risk.recorded.v1", "incidents.time_entry.recorded.v1", "contracts.delivery.recorded.v1"} <= {
        *MARKED
    }


@pytest.mark.parametrize("name", MARKED)
def test_a_marked_event_is_withheld_or_told_by_its_mark(name: str) -> None:
    example = PUBLISHED[name]
    schema = json.loads((example.parents[1] / f"{name}.schema.json").read_text(encoding="utf-8"))
    assert {tuple(values) for values in audiences(schema)} == {("agency", "client")}
    data = json.loads(example.read_text(encoding="utf-8"))["data"]
    assert is_internal(name, data | {"audience": "agency"})
    assert not is_internal(name, data | {"audience": "client"})


@pytest.mark.parametrize("pattern", AGENCYS_OWN)
def test_what_is_internal_by_its_name_is_published(pattern: str) -> None:
    assert [name for name in PUBLISHED if wants([pattern], name)]
