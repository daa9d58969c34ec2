"""Whatever code another service may answer, the portal says it in words, in French and in English."""

import json
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from reporting.adapters import portal_words, words
from reporting.adapters.rendering import catalogues
from shared.i18n import Translator

SERVICES = Path(__file__).parents[3]
Say = Callable[[Translator, str], str]


def of_clock(t: Translator, code: str) -> str:
    return portal_words.clock_state(t, {"state": code, "verdict": None})


def of_span(t: Translator, code: str) -> str:
    return portal_words.why(t, {"why": code})


SAID: list[tuple[Say, str, str, str]] = [
    (portal_words.item_status, "incidents", "IncidentAnswer", "status"),
    (portal_words.item_status, "incidents", "ItemAnswer", "status"),
    (words.severity, "incidents", "CallItem", "severity"),
    (portal_words.metric, "incidents", "ClockAnswer", "metric"),
    (of_clock, "incidents", "ClockAnswer", "state"),
    (of_clock, "incidents", "ClockAnswer", "verdict"),
    (of_span, "incidents", "SpanAnswer", "why"),
    (portal_words.advice_kind, "contracts", "Advisory", "kind"),
    (portal_words.advice_status, "contracts", "Advisory", "status"),
    (portal_words.invoice_standing, "contracts", "InvoiceSummary", "standing"),
    (portal_words.invoice_kind, "contracts", "InvoiceSummary", "kind"),
    (portal_words.contract_status, "contracts", "Contract", "status"),
]


def codes(schemas: Mapping[str, Any], told: Any) -> Iterator[str]:
    """The words that a property may be, followed to where they are defined."""
    if isinstance(told, dict):
        if "$ref" in told:
            yield from codes(schemas, schemas[told["$ref"].rpartition("/")[2]])
        yield from (each for each in told.get("enum", []) if each is not None)
        for each in told.get("anyOf", []):
            yield from codes(schemas, each)


@pytest.mark.parametrize(("say", "service", "schema", "name"), SAID)
@pytest.mark.parametrize("language", ["fr", "en"])
def test_every_code_has_words(say: Say, service: str, schema: str, name: str, language: str) -> None:
    document = json.loads((SERVICES / service / "openapi.json").read_text(encoding="utf-8"))
    schemas = document["components"]["schemas"]
    known = set(codes(schemas, schemas[schema]["properties"][name]))
    assert known, "the other service still names them"
    t = catalogues().translator(language)
    # Some words are the same in English: what a code never is, is French or without underscores.
    same = {code for code in known if say(t, code) == code}
    assert {code for code in same if language == "fr" or "_" in code} == set()


def test_every_milestone_of_an_item_has_words() -> None:
    document = json.loads((SERVICES / "incidents" / "openapi.json").read_text(encoding="utf-8"))
    schemas = document["components"]["schemas"]
    stamps = schemas["IncidentAnswer"]["properties"]["timestamps"]["$ref"].rpartition("/")[2]
    t = catalogues().translator("fr")
    said = {code: portal_words.step(t, code) for code in schemas[stamps]["properties"]}
    assert {code for code, words in said.items() if words == code.replace("_", " ")} == set()
