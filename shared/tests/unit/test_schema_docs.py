"""The generated documents: valid, complete, stable, and merged without losing anything."""

import copy
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from openapi_spec_validator import validate

from shared.api_document import html_page, operations
from shared.events import Envelope
from shared.schema_docs import (
    asyncapi_of,
    check_documents,
    documents_of,
    main,
    merged_openapi,
    schemas_of,
    serialized,
    write_documents,
)
from shared.service import openapi_of

from ..integration.library.service import SERVICE


@pytest.fixture(scope="module")
def openapi() -> dict[str, Any]:
    return openapi_of(SERVICE)


def test_the_openapi_document_is_valid_and_names_its_operations_after_their_functions(openapi: dict[str, Any]) -> None:
    validate(openapi)
    names = {operation["operationId"] for _, _, operation in operations(openapi)}
    assert {"create_book", "list_books", "read_book"} <= names
    assert not {"read_docs", "read_liveness", "list_problem_types"} & names


def test_every_refusal_is_documented_as_a_problem(openapi: dict[str, Any]) -> None:
    for _, _, operation in operations(openapi):
        assert {"500", "503"} <= set(operation["responses"])
        for status, answer in operation["responses"].items():
            if status >= "400":
                shared = openapi["components"]["responses"].get(answer.get("$ref", "").rsplit("/", 1)[-1])
                assert set((shared or answer)["content"]) == {"application/problem+json"}
    assert "HTTPValidationError" not in json.dumps(openapi)


def test_each_operation_says_who_may_call_it(openapi: dict[str, Any]) -> None:
    paths = openapi["paths"]
    assert paths["/v1/books"]["post"]["security"] == [{"bearerAuth": ["contracts:write"]}]
    assert paths["/v1/whoami"]["get"]["security"] == [{"bearerAuth": []}]
    assert paths["/v1/public/count"]["get"]["security"] == []
    assert "401" not in paths["/v1/public/count"]["get"]["responses"]
    flows = openapi["components"]["securitySchemes"]["oauth2"]["flows"]
    assert "contracts:sign" in flows["clientCredentials"]["scopes"]


def test_what_needs_a_token_says_how_often_it_may_be_asked(openapi: dict[str, Any]) -> None:
    assert {"RateLimit", "RateLimit-Policy"} == set(openapi["components"]["headers"])
    refused = openapi["components"]["responses"]["TooManyRequests"]["headers"]
    assert set(refused) == {"RateLimit", "RateLimit-Policy", "Retry-After"}
    for _, _, operation in operations(openapi):
        needs_token = operation["security"] != []
        assert ("429" in operation["responses"]) == needs_token, operation["operationId"]
        for status, answer in operation["responses"].items():
            if status.startswith("2"):
                assert ({"RateLimit", "RateLimit-Policy"} <= set(answer.get("headers", ()))) == needs_token


def test_headers_of_conditional_and_repeatable_requests_bring_their_answers(openapi: dict[str, Any]) -> None:
    put, post = openapi["paths"]["/v1/books/{book_id}"]["put"], openapi["paths"]["/v1/books"]["post"]
    assert {"404", "412", "428"} <= set(put["responses"])
    assert {"400", "409", "413", "415", "422"} <= set(post["responses"])
    assert "Idempotency-Key" in {parameter["name"] for parameter in post["parameters"]}
    assert "400" in openapi["paths"]["/v1/books"]["get"]["responses"]  # a cursor of another list


def test_numbers_have_formats_and_texts_exclude_nul(openapi: dict[str, Any]) -> None:
    schemas = openapi["components"]["schemas"]
    assert schemas["NewBook"]["properties"]["pages"]["format"] == "int32"
    assert schemas["NewBook"]["properties"]["title"]["pattern"] == "^[^\\u0000]*$"
    assert "BookPage" in schemas


def test_the_page_for_people_is_complete_in_itself(openapi: dict[str, Any]) -> None:
    page = html_page(openapi)
    for _, path, operation in ((m, p, o) for p, m, o in operations(openapi)):
        assert f'id="{operation["operationId"]}"' in page
        assert path in page
    for outside in ("<script", "http://", "https://cdn", "@import", "<link", "<img"):
        assert outside not in page.replace("http://127.0.0.1", "")
    dangerous = copy.deepcopy(openapi)
    dangerous["info"]["title"] = "<script>alert(1)</script>"
    assert "<script" not in html_page(dangerous)


def test_examples_are_envelopes_that_their_schemas_accept() -> None:
    documents = schemas_of(SERVICE)
    schema: Any = documents["schemas/library.book.added.v1.schema.json"]
    example: Any = documents["schemas/examples/library.book.added.v1.json"]
    Draft202012Validator.check_schema(schema)
    checker = Draft202012Validator(schema)
    checker.validate(example)
    assert Envelope.parse(json.dumps(example).encode()).name.event == "added"
    assert not checker.is_valid(example | {"data": {"title": "x"}})
    assert not checker.is_valid(example | {"type": "dev.upheld.library.book.lost.v1"})


def test_the_asyncapi_document_says_what_is_sent_and_received() -> None:
    document = asyncapi_of(SERVICE)
    assert document["channels"]["library.book.added.v1"]["address"] == "library.book.{book_id}.added.v1"
    assert set(document["operations"]) == {
        "send_book_added_v1",
        "send_operation_recorded_v1",
        "receive_publisher_parcel_moved_v1",
    }
    assert document["operations"]["send_book_added_v1"]["x-jetstream"]["stream"] == "LIBRARY"
    received = document["operations"]["receive_publisher_parcel_moved_v1"]["x-jetstream"]
    assert (received["stream"], received["durable"]) == ("PUBLISHER", "library")
    for reference in _references(document):
        node: Any = document
        for part in reference.removeprefix("#/").split("/"):
            node = node[part]


def _references(node: Any) -> list[str]:
    if isinstance(node, dict):
        found = [node["$ref"]] if isinstance(node.get("$ref"), str) else []
        return found + [reference for value in node.values() for reference in _references(value)]
    if isinstance(node, list):
        return [reference for value in node for reference in _references(value)]
    return []


def test_output_is_stable_and_drift_is_seen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(type(SERVICE), "folder", tmp_path)
    assert len(check_documents(SERVICE)) == len(documents_of(SERVICE))
    write_documents(SERVICE, tmp_path)
    assert check_documents(SERVICE) == []
    assert write_documents(SERVICE, tmp_path) == []
    assert (tmp_path / "openapi.json").read_bytes().endswith(b"}\n")
    (tmp_path / "openapi.json").write_text("{}")
    (tmp_path / "schemas" / "old.schema.json").write_text("{}")
    assert check_documents(SERVICE) == ["openapi.json is stale", "schemas/old.schema.json is left over"]
    write_documents(SERVICE, tmp_path)
    assert check_documents(SERVICE) == []


def test_schemas_of_what_people_write_are_documents_too(tmp_path: Path) -> None:
    service = replace(SERVICE, further_schemas={"book.json": lambda: {"type": "object"}})
    write_documents(service, tmp_path)
    assert json.loads((tmp_path / "schemas" / "book.json").read_text("utf-8")) == {"type": "object"}
    assert write_documents(SERVICE, tmp_path) == [tmp_path / "schemas" / "book.json"]


def test_the_documents_of_several_services_become_one(openapi: dict[str, Any]) -> None:
    other = _moved(openapi)
    for _, _, operation in operations(other):
        operation["operationId"] += "_elsewhere"
    other["servers"] = [{"url": "http://127.0.0.1:8010"}]
    other["components"]["schemas"]["Book"]["properties"]["pages"]["maximum"] = 7
    merged = merged_openapi({"library": openapi, "archive": other})
    validate(merged)
    assert merged["paths"]["/v1/other-books"]["servers"] == other["servers"]
    assert merged["paths"]["/v1/books"]["servers"] == openapi["servers"]
    schemas = merged["components"]["schemas"]
    assert schemas["Book"]["properties"]["pages"]["maximum"] != 7
    assert schemas["ArchiveBook"]["properties"]["pages"]["maximum"] == 7
    created = merged["paths"]["/v1/other-books"]["post"]["responses"]["201"]["content"]["application/json"]["schema"]
    assert created == {"$ref": "#/components/schemas/ArchiveBook"}
    # a page of the other books is another schema too, although its own text is the same
    listed = merged["paths"]["/v1/other-books"]["get"]["responses"]["200"]["content"]["application/json"]["schema"]
    assert listed == {"$ref": "#/components/schemas/ArchiveBookPage"}
    assert schemas["ArchiveBookPage"]["properties"]["data"]["items"] == {"$ref": "#/components/schemas/ArchiveBook"}
    assert schemas["BookPage"]["properties"]["data"]["items"] == {"$ref": "#/components/schemas/Book"}
    assert "Problem" in schemas
    assert "ArchiveProblem" not in schemas


def _moved(openapi: dict[str, Any]) -> dict[str, Any]:
    """The same API at other addresses."""
    other = copy.deepcopy(openapi)
    other["paths"] = {path.replace("/v1/", "/v1/other-"): item for path, item in other["paths"].items()}
    return other


def test_two_services_cannot_share_an_address_or_an_operation(openapi: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="two services answer"):
        merged_openapi({"library": openapi, "archive": openapi})
    other = _moved(openapi)
    with pytest.raises(ValueError, match="have an operation"):
        merged_openapi({"library": openapi, "archive": other})


def test_the_merged_document_is_written_from_the_committed_ones(tmp_path: Path, openapi: dict[str, Any]) -> None:
    folder = tmp_path / "library"
    folder.mkdir()
    (folder / "openapi.json").write_text(serialized(openapi))
    assert main(["--check", str(tmp_path / "all.json"), str(folder)]) == 1
    assert main([str(tmp_path / "all.json"), str(folder)]) == 0
    assert main(["--check", str(tmp_path / "all.json"), str(folder)]) == 0
    assert json.loads((tmp_path / "all.json").read_text())["info"]["title"] == "Upheld"
    assert main([str(tmp_path / "all.json"), str(tmp_path / "nowhere")]) == 1
