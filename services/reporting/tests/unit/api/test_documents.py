"""What the documents say is what the answers are."""

from typing import Any

import pytest
from jsonschema import Draft202012Validator
from pydantic import BaseModel

from reporting.api import audit_models, reports, webhook_models
from reporting.application import report, status_page
from reporting.main import SERVICE
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


MODELS = {
    name: model
    for module in (report, status_page, reports, webhook_models, audit_models)
    for name, model in vars(module).items()
    if isinstance(model, type) and issubclass(model, BaseModel) and name in SCHEMAS and name not in ABSTRACT
}


@pytest.mark.parametrize("name", sorted(MODELS))
def test_examples_are_what_their_schemas_say(name: str) -> None:
    schema = MODELS[name].model_json_schema(mode="serialization", by_alias=True)
    for example in schema["examples"]:
        Draft202012Validator(schema).validate(example)


def test_looks_are_no_part_of_what_is_said() -> None:
    assert "Brand" not in SCHEMAS
    assert "brand" not in SCHEMAS["MonthlyReport"]["properties"]
