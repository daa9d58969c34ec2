"""JSONPath by the rules of the standard's compliance suite, and within bounds that the standard does not set."""

import json
import time
from pathlib import Path
from typing import Any

import pytest

from shared.json_path import NotFoundOut, json_of, query_of, values_at

SUITE = Path(__file__).parent / "data" / "jsonpath_compliance.json"
RULES = json.loads(SUITE.read_text())["tests"]


@pytest.mark.parametrize("rule", RULES, ids=[rule["name"] for rule in RULES])
def test_a_rule_of_the_compliance_suite_holds(rule: dict[str, Any]) -> None:
    if rule.get("invalid_selector"):
        with pytest.raises(ValueError, match="RFC 9535"):
            query_of(rule["selector"])
        return
    found = values_at(rule["selector"], rule["document"])
    assert found == rule["result"] if "result" in rule else found in rule["results"]


@pytest.mark.parametrize(
    ("path", "document"),
    [
        ("$..*..*..*..*", [{"a": number, "b": [number]} for number in range(5000)]),
        ("$..[?count($..*) > 1]", [{"a": number} for number in range(20_000)]),
        ("$" + "[*,*]" * 60, json.loads("[" * 90 + "]" * 90)),
    ],
)
def test_a_query_that_explodes_is_given_up(path: str, document: Any) -> None:
    began = time.monotonic()
    with pytest.raises(NotFoundOut, match="more specific"):
        values_at(path, document)
    assert time.monotonic() - began < 10
    assert values_at("$[0]", [1]) == [1], "the next one is counted anew"


def test_an_expression_inside_a_query_cannot_hang() -> None:
    document = [{"name": "a" * 100_000 + "!"}]
    began = time.monotonic()
    assert values_at("$[?search(@.name, '(a+)+(a+)+b')]", document) == []
    assert values_at("$[?match(@.name, '(a*)*b')]", document) == []
    assert time.monotonic() - began < 5


@pytest.mark.parametrize("text", ["", "{", "[1,]", "NaN", "[Infinity]", "[" * 100_000, "1" * 5000, "\x00", "{'a': 1}"])
def test_what_is_not_json_says_so(text: str) -> None:
    with pytest.raises(NotFoundOut, match="the answer is"):
        json_of(text)
