"""Contracts as code: what a document would change, making it so, and writing one back."""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated, Any, Final
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Request, Response

from contracts.adapters.document_lookups import Lookups, rehearsal
from contracts.adapters.document_yaml import LARGEST, BadYaml, Text, read, write
from contracts.adapters.workspace import workspace_of
from contracts.api.dependencies import VersionedRoute, Work, agency
from contracts.application.contract_document import SCHEMA_FILE, document_schema, written
from contracts.application.contract_document_words import DocumentOutcome, told
from contracts.application.contract_reconciliation import DocumentConflict, DocumentRefused, exported, reconciled
from contracts.application.errors import Fault, Refused
from contracts.application.service_desk_words import catalogues
from shared.auth import Principal
from shared.etag import etag
from shared.i18n import Translator
from shared.idempotency import Idempotent
from shared.problems import (
    Conflict,
    FieldError,
    Problem,
    TooLarge,
    UnsupportedMediaType,
    ValidationFailed,
    responses_for,
)
from shared.schema_docs import serialized
from shared.service import Unit
from shared.values import LocalDate, json_pointer

YAML: Final = "application/yaml"
_PLAN, _APPLY = "/v1/contract-documents/plan", "/v1/contract-documents/apply"
RAW_BODIES: Final = {_PLAN: {YAML: LARGEST}, _APPLY: {YAML: LARGEST}}
"""A document is YAML (RFC 9512) and read here; JSON, being YAML, is read too."""

COMMENT: Final = f"yaml-language-server: $schema={SCHEMA_FILE}"
"""First line of what is exported: an editor that has the schema beside the document checks it while one types."""

EXAMPLE: Final = """\
format: upheld.contract-document/1
key: hotel-du-lac-2026
client:
  name: Hôtel du Lac
  contacts:
    - name: Léa Martin
      email: lea@hotel-du-lac.example
      language: fr
      roles: [decider]
sites:
  - name: hotel-du-lac.example
    environments:
      - name: production
        url: https://hotel-du-lac.example/
plan:
  code: premium
terms:
  starts_on: 2026-06-08
  price:
    amount: 600.00
    currency: EUR
"""

_SENT: Final[dict[str, Any]] = {
    "requestBody": {
        "required": True,
        "description": f"A contract document; its JSON Schema is at /v1/schemas/{SCHEMA_FILE}.",
        "content": {YAML: {"schema": {"type": "string", "maxLength": LARGEST}, "example": EXAMPLE}},
    }
}
_ANSWERED: Final[dict[int | str, dict[str, Any]]] = {
    200: {
        "description": "The document",
        "content": {YAML: {"schema": {"type": "object"}, "example": f"# {COMMENT}\n{EXAMPLE}"}},
    }
}

router = APIRouter(prefix="/v1/contracts", tags=["contracts"], route_class=VersionedRoute)
documents = APIRouter(prefix="/v1/contract-documents", tags=["contracts"], route_class=VersionedRoute)
schemas = APIRouter(prefix="/v1/schemas", tags=["contracts"])

Reader = Annotated[Principal, agency("contracts:read")]
Writer = Annotated[Principal, agency("contracts:write")]


class InvalidYaml(Problem):
    """The body is no YAML that we read: `line` and `column` say where. Anchors, aliases and tags are not read."""

    slug, title, status = "invalid-yaml", "The body is not valid YAML", 400


@contextmanager
def at_their_lines(text: Text) -> Iterator[None]:
    """What the block refuses of a document is answered with its lines: in each detail, and under `places`."""
    try:
        yield
    except DocumentConflict as error:
        raise _problem(Conflict, error.faults, text) from error
    except (Refused, DocumentRefused) as error:
        raise _problem(ValidationFailed, error.faults, text) from error


def _problem(kind: type[Problem], faults: tuple[Fault, ...], text: Text) -> Problem:
    found = [(fault, text.place_of(fault.path)) for fault in faults]
    errors = [
        FieldError(detail=f"Line {place.line}: {fault.detail}"[:1000], pointer=json_pointer(fault.path)[:500])
        for fault, place in found
    ]
    places = [
        {"pointer": error.pointer, "line": place.line, "column": place.column}
        for error, (_, place) in zip(errors, found, strict=True)
    ]
    return kind(f"The document cannot be applied. {errors[0].detail}", errors=errors, places=places)


async def _text(request: Request) -> Text:
    try:
        return read(await request.body())
    except BadYaml as error:
        raise InvalidYaml(str(error), line=error.place.line, column=error.place.column) from None


def _translator(request: Request) -> Translator:
    return catalogues().negotiate(None, request.headers.get("accept-language"))


InLanguage = Annotated[Translator, Depends(_translator)]


EffectiveOn = Annotated[
    LocalDate | None,
    Query(
        description="Day in the client's zone from which an amendment that is proposed holds; left out: from when it is"
        " applied, or as before if it takes the place of another one."
    ),
]


def _in(response: Response, translator: Translator) -> None:
    response.headers["Content-Language"] = translator.language
    response.headers["Vary"] = "Accept-Language"


_REFUSALS: Final = responses_for(InvalidYaml, Conflict, ValidationFailed, TooLarge, UnsupportedMediaType)


@documents.post("/plan", summary="Read what a contract document would change", openapi_extra=_SENT, responses=_REFUSALS)
async def plan_contract_document(
    request: Request,
    unit: Unit,
    translator: InLanguage,
    response: Response,
    _who: Writer,
    effective_on: EffectiveOn = None,
) -> DocumentOutcome:
    """The difference between a document and what is there, in French or English by `Accept-Language`; keeps nothing.

    It refuses exactly what applying the document now would refuse, with pointers and lines into the document.
    """
    text = await _text(request)
    with at_their_lines(text):
        document = written(text.values)
        async with rehearsal(unit) as trial:
            outcome = await reconciled(workspace_of(trial), Lookups(trial), document, effective_on)
    _in(response, translator)
    return told(outcome, translator, applied=False)


@documents.post(
    "/apply",
    summary="Apply a contract document",
    openapi_extra=_SENT,
    responses=_REFUSALS,
    dependencies=[Idempotent],
)
async def apply_contract_document(
    request: Request,
    unit: Unit,
    translator: InLanguage,
    response: Response,
    _who: Writer,
    effective_on: EffectiveOn = None,
) -> DocumentOutcome:
    """Makes everything so that the document says, or nothing; what is so already stays untouched.

    A contract that is not there is drafted, a draft is changed. Of a contract in force the difference is proposed as an
    amendment, which both parties sign; an amendment or a proposal that somebody has signed is left alone, with a 409.
    """
    text = await _text(request)
    with at_their_lines(text):
        outcome = await reconciled(workspace_of(unit), Lookups(unit), written(text.values), effective_on)
    _in(response, translator)
    return told(outcome, translator, applied=True)


@router.get(
    "/{contract_id}/export",
    summary="Export a contract as a document",
    response_class=Response,
    responses=_ANSWERED | responses_for(Conflict),
)
async def export_contract(contract_id: UUID, work: Work, _who: Reader) -> Response:
    """The whole of a contract with its newest terms, the same text wherever it is applied; no id, state or date of this
    installation is in it."""
    content = write(await exported(work, await work.contracts.get(contract_id)), COMMENT).encode()
    headers = {
        "Cache-Control": "private, no-cache",
        "Content-Disposition": 'attachment; filename="contract.yaml"',
        "ETag": etag(hashlib.sha256(content).hexdigest()),
    }
    return Response(content, media_type=YAML, headers=headers)


@schemas.get(
    f"/{SCHEMA_FILE}",
    summary="Read the schema of contract documents",
    responses={
        200: {
            "description": "JSON Schema (2020-12)",
            "content": {"application/schema+json": {"schema": {"type": "object", "additionalProperties": True}}},
        }
    },
    response_class=Response,
)
async def get_contract_document_schema() -> Response:
    """For editors: completion, and faults while one types. Needs no token."""
    headers = {"Cache-Control": "public, max-age=3600"}
    return Response(serialized(document_schema()).encode(), media_type="application/schema+json", headers=headers)
