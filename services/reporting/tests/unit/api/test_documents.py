"""What the documents say is what the answers are."""

import json
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from pydantic import BaseModel

from reporting.api import (
    audit_models,
    report_editions,
    report_templates,
    reports,
    review_editions,
    reviews,
    statuspage_models,
    webhook_document,
    webhook_models,
)
from reporting.application import editions, report, report_parts, report_template, review, status_page
from reporting.application import review_editions as told_reviews
from reporting.main import SERVICE
from shared.events import Envelope
from shared.service import openapi_of

DOCUMENT: dict[str, Any] = openapi_of(SERVICE)
SCHEMAS: dict[str, Any] = DOCUMENT["components"]["schemas"]
ABSTRACT = {"Shown", "FieldError"}


def test_every_schema_of_ours_has_an_example() -> None:
    without = [
        name
        for name, schema in SCHEMAS.items()
        if not schema.get("examples") and "enum" not in schema and name not in ABSTRACT and not name.endswith("Page")
    ]
    assert without == []


MODULES = (
    *(report, report_parts, report_template, editions, review, told_reviews, status_page),
    *(reports, report_editions, report_templates, reviews, review_editions, statuspage_models),
    *(webhook_models, webhook_document, audit_models),
)
MODELS = {
    name: model
    for module in MODULES
    for name, model in vars(module).items()
    if isinstance(model, type)
    and issubclass(model, BaseModel)
    and name in SCHEMAS
    and name not in ABSTRACT
    and not name.endswith("Page")
}


@pytest.mark.parametrize("name", sorted(MODELS))
def test_examples_are_what_their_schemas_say(name: str) -> None:
    schema = MODELS[name].model_json_schema(mode="serialization", by_alias=True)
    for example in schema["examples"]:
        Draft202012Validator(schema).validate(example)


def test_looks_are_no_part_of_what_is_said() -> None:
    assert "Brand" not in SCHEMAS
    assert "brand" not in SCHEMAS["MonthlyReport"]["properties"]


def test_what_is_sent_to_webhooks_is_described_with_its_headers_and_examples() -> None:
    described = DOCUMENT["webhooks"]
    assert set(described) == {"event", "reporting.webhook.tested.v1"}
    for item in described.values():
        operation = item["post"]
        headers = {each["name"] for each in operation["parameters"] if each["in"] == "header" and each["required"]}
        assert headers == {"webhook-id", "webhook-timestamp", "webhook-signature"}
        (body,) = operation["requestBody"]["content"].items()
        assert body[0] == "application/cloudevents+json"
        assert set(operation["responses"]) == {"204", "2XX", "410", "429"}
        schema = SCHEMAS[body[1]["schema"]["$ref"].rpartition("/")[2]]
        for example in schema["examples"]:
            assert json.loads(Envelope.model_validate(example).to_bytes()) == example
