"""A contract as one document that somebody writes: client, sites, plan and every term, without an id of ours.

What an installation numbers by itself, the document names: a site by its name, somebody of the agency by his address,
a plan by its code, the contract by its key. So it means the same everywhere. The terms come from `Terms` as they are: a
block that is added there is in the document, its schema and its differences without a word here.
"""

import copy
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any, Final, Literal, Self, TypeAlias
from uuid import NAMESPACE_URL, UUID, uuid5

from pydantic import BaseModel, Field, ValidationError, model_validator

from contracts.application.calendars import MOST_VERSIONS, NewCalendar, NewCalendarVersion
from contracts.application.catalogue import PlanPrice, PlanVersion, SupportLevel
from contracts.application.clients import MOST_CONTACTS, ContactFields
from contracts.application.contracts import MOST_SITES, OFFERED_WHEN_DRAFTED, Terms, completed
from contracts.application.deliverables import PlanDeliverable
from contracts.application.errors import Fault, Refused
from contracts.application.further_terms import Requirement
from contracts.application.parties import PartyData
from contracts.application.service_desk import ServiceDesk
from contracts.application.sites import MOST_ENVIRONMENTS, EnvironmentFields, SiteKind
from contracts.application.values import Code, Country, Currency, ExternalKey, Language, Name, Request, Texts, TimeZone
from contracts.domain.document_values import Path, Plain, meant

FORMAT: Final = "upheld.contract-document/1"
SCHEMA_FILE: Final = "contract-document.json"
SCHEMA_ID: Final = "urn:upheld:schema:contract-document.v1"
Schema: TypeAlias = Mapping[str, Any]
Kind: TypeAlias = Literal["site", "user"]
KINDS: Final[Mapping[Kind, str]] = {
    "site": "Name of a site of this document.",
    "user": "E-mail address of a user of the agency.",
}
"""What the terms point to by an id, and what the document says instead."""

_NOT_WRITTEN: Final = frozenset({"site_ids", "external_key"})
"""Of the terms: the document says them above, as `sites` and `key`."""


class ClientDocument(Request):
    """The client. What is left out stays as it is; of a new client it is what a new client has."""

    name: Name = Field(description="What the client is known by.", examples=["Hôtel du Lac"])
    language: Language | None = None
    time_zone: TimeZone | None = Field(default=None, examples=["Europe/Paris"])
    currency: Currency | None = Field(default=None, examples=["EUR"])
    country: Country | None = Field(default=None, examples=["FR"])
    contacts: list[ContactFields] | None = Field(
        default=None, max_length=MOST_CONTACTS, description="Exactly these people; left out: those who are there."
    )
    party: PartyData | None = Field(default=None, description="Who the client is in law; left out: as it is.")


class SiteDocument(Request):
    """A site under the contract."""

    name: Name = Field(description="What the site is known by among the client's.", examples=["hotel-du-lac.example"])
    kind: SiteKind | None = Field(default=None, description="Left out: as it is; of a new site: website.")
    environments: list[EnvironmentFields] | None = Field(
        default=None, max_length=MOST_ENVIRONMENTS, description="Exactly these; left out: those that are there."
    )


class CalendarDocument(NewCalendar):
    """A calendar that the contract counts by: what holds now, and what will."""

    changes: list[NewCalendarVersion] = Field(
        default_factory=list, max_length=MOST_VERSIONS - 1, description="Later versions, the next one first."
    )

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        instants = [change.effective_from for change in self.changes]
        if instants != sorted(set(instants)):
            raise ValueError("changes must follow one another")
        return self


class PlanContent(Request):
    """Everything that a plan promises, with what it takes over from others."""

    catalogue: Code = Field(description="Of a new plan; an existing one stays where it is.", examples=["tiers"])
    title: Texts
    price: PlanPrice
    deliverables: list[PlanDeliverable] = Field(max_length=1000)
    service_desk: ServiceDesk | None = None
    support_level: SupportLevel | None = None
    requires: list[Requirement] = Field(default_factory=list, max_length=20)

    @classmethod
    def of(cls, version: PlanVersion, catalogue: str) -> Self:
        """What a version of a plan says."""
        return cls(
            catalogue=catalogue,
            title=version.title,
            price=version.price,
            deliverables=version.effective_deliverables,
            service_desk=version.service_desk,
            support_level=version.support_level,
            requires=version.requires,
        )


class PlanDocument(Request):
    """The plan of the contract: one of the agency's by its code, or what it promises."""

    code: Code = Field(examples=["premium"])
    content: PlanContent | None = Field(
        default=None, description="Left out: what the plan promises here. Else the plan is made to promise this."
    )


class ContractDocument(Request):
    """The whole of a contract."""

    format: Literal["upheld.contract-document/1"]
    key: ExternalKey = Field(
        description="What the contract is known by among its client's: its external key, else its number.",
        examples=["hotel-du-lac-2026"],
    )
    client: ClientDocument
    sites: list[SiteDocument] = Field(max_length=MOST_SITES, description="The sites under contract, in this order.")
    calendars: list[CalendarDocument] = Field(
        default_factory=list, max_length=50, description="Calendars that must say this; others are taken as they are."
    )
    plan: PlanDocument
    terms: Terms = Field(
        description="Every term. What is left out is as the plan says, and else not agreed; null is not agreed."
    )

    @model_validator(mode="after")
    def _names_each_once(self) -> Self:
        for place, names in (
            ("sites", [site.name for site in self.sites]),
            ("calendars", [calendar.name for calendar in self.calendars]),
            ("client.contacts", [(contact.email, contact.name) for contact in self.client.contacts or ()]),
        ):
            if len(set(names)) != len(names):
                raise ValueError(f"{place} has one name twice")
        for site in self.sites:
            environments = [environment.name for environment in site.environments or ()]
            if len(set(environments)) != len(environments):
                raise ValueError(f"the environments of {site.name} have one name twice")
        return self


# --- names for ids ---------------------------------------------------------------------------------------------------


def document_name(key: str) -> tuple[str, Kind] | None:
    """What the document calls a key of the terms that holds ids: `site_id` is `site`, `assigned_user_ids` are
    `assigned_users`. None for any other key."""
    for kind in KINDS:
        for suffix, plural in ((f"{kind}_id", ""), (f"{kind}_ids", "s")):
            if key == suffix or key.endswith(f"_{suffix}"):
                return key[: -len("_ids" if plural else "_id")] + plural, kind
    return None


def stand_in(kind: Kind, name: str) -> UUID:
    """The id of something that is only known by its name yet. No id of ours is a UUID of version 5."""
    return uuid5(NAMESPACE_URL, f"urn:upheld:{kind}:{name}")


@cache
def _model_schema() -> dict[str, Any]:
    return ContractDocument.model_json_schema()


def _alternatives(schema: Schema) -> Iterator[Schema]:
    """The schemas that a value may fit, each without a reference or a choice."""
    if "$ref" in schema:
        yield from _alternatives(_model_schema()["$defs"][schema["$ref"].rpartition("/")[2]])
    choices = [choice for word in ("anyOf", "oneOf", "allOf") for choice in schema.get(word, ())]
    for choice in choices:
        yield from _alternatives(choice)
    if not choices and "$ref" not in schema:
        yield schema


def _all(schemas: Sequence[Schema]) -> list[Schema]:
    return [alternative for schema in schemas for alternative in _alternatives(schema)]


def _below(alternatives: Sequence[Schema], key: str) -> list[Schema]:
    """What a value under a key may be."""
    found: list[Schema] = []
    for alternative in alternatives:
        further = alternative.get("additionalProperties")
        if key in alternative.get("properties", {}):
            found.append(alternative["properties"][key])
        elif isinstance(further, Mapping):
            found.append(further)
    return _all(found)


def _in_list(alternatives: Sequence[Schema]) -> list[Schema]:
    return _all([alternative["items"] for alternative in alternatives if isinstance(alternative.get("items"), Mapping)])


def _types(alternatives: Sequence[Schema]) -> frozenset[str] | None:
    """The JSON types of values that fit; None when anything does."""
    types = [alternative.get("type") for alternative in alternatives]
    return None if not types or None in types else frozenset(str(one) for one in types)


def _own_keys(alternatives: Sequence[Schema]) -> dict[str, tuple[str, Kind]]:
    """Keys that hold ids by what they are called in the model: (name in the document, kind)."""
    return {
        key: named
        for alternative in alternatives
        for key in alternative.get("properties", {})
        if (named := document_name(key)) is not None
    }


@dataclass(frozen=True)
class Written:
    """A document as it was read and found sound, with stand-ins for the ids of what it names."""

    values: Mapping[str, Any]
    """As it was written, typed."""
    document: ContractDocument
    users: Mapping[str, Path]
    """Address of everybody of the agency whom it names, and where."""

    def place(self, path: Path) -> Path:
        """Where a value of the model stands in what was written."""
        return place_in(self.values, path)


def place_in(values: Any, path: Path) -> Path:
    """The path in a document to what a model knows under `path`: ids are names there, and what the model adds on its
    way (the branch of a choice) is not there."""
    found: list[str | int] = []
    if path[:2] == ("terms", "site_ids"):
        path = ("sites", *path[2:])
    elif path[:2] == ("terms", "external_key"):
        path = ("key",)
    for index, step in enumerate(path):
        if isinstance(values, Mapping):
            named = document_name(str(step))
            if step not in values and named is not None:
                step = named[0]  # noqa: PLW2901
            if step in values:
                found.append(step)
                values = values[step]
            elif index == len(path) - 1:
                found.append(step)
        elif isinstance(values, list) and isinstance(step, int) and step < len(values):
            found.append(step)
            values = values[step]
    return tuple(found)


def written(read: Any) -> Written:
    """The document that somebody wrote, whose unquoted words are still `Plain`. Raises Refused with every fault."""
    if not isinstance(read, Mapping):
        raise Refused("is no contract document: it must begin with `format`, `key`, `client`, `sites`, `plan`, `terms`")
    reader = _Reader()
    root = _all([_model_schema()])
    values = reader.typed(read, root)
    model = reader.with_ids(values, root, ())
    sites = [
        name
        for site in _listed(values.get("sites"))
        if isinstance(site, Mapping) and isinstance(name := site.get("name"), str)
    ]
    for name, path in reader.sites.items():
        if name not in sites:
            reader.faults.append(Fault(path, f"{name} is none of the sites of this document"))
    if isinstance(model.get("terms"), dict):
        model["terms"] |= {
            "site_ids": [str(stand_in("site", name)) for name in dict.fromkeys(sites)],
            "external_key": values.get("key"),
        }
    document: ContractDocument | None = None
    try:
        document = ContractDocument.model_validate(model)
    except ValidationError as error:
        known = {fault.path for fault in reader.faults}
        found = [Fault(place_in(values, fault.path), fault.detail) for fault in Refused.because_of(error).faults]
        # A wrong key is told of once, where it stands; its sites and its key are wrong only where they were written.
        reader.faults += [fault for fault in found if fault.path not in known]
    if reader.faults or document is None:
        refused = Refused("breaks a rule")
        refused.faults = tuple(dict.fromkeys(reader.faults))
        raise refused
    return Written(values, document, reader.users)


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


@dataclass
class _Reader:
    faults: list[Fault] = field(default_factory=list)
    sites: dict[str, Path] = field(default_factory=dict)
    users: dict[str, Path] = field(default_factory=dict)

    def typed(self, value: Any, alternatives: Sequence[Schema]) -> Any:
        """The value with its words as what is expected there."""
        if isinstance(value, Mapping):
            named = {name: key for key, (name, _) in _own_keys(alternatives).items()}
            return {
                key: self.typed(inner, _below(alternatives, named.get(str(key), str(key))))
                for key, inner in value.items()
            }
        if isinstance(value, list):
            below = _in_list(alternatives)
            return [self.typed(inner, below) for inner in value]
        return meant(value, _types(alternatives)) if isinstance(value, Plain) else value

    def with_ids(self, value: Any, alternatives: Sequence[Schema], path: Path) -> Any:
        """The typed value as the model knows it: names are stand-ins for ids."""
        if isinstance(value, list):
            below = _in_list(alternatives)
            return [self.with_ids(inner, below, (*path, index)) for index, inner in enumerate(value)]
        if not isinstance(value, Mapping):
            return value
        own = _own_keys(alternatives)
        hidden: dict[str, tuple[str, Kind] | None] = dict(own)
        if path == ("terms",):
            own.pop("site_ids", None)
            hidden |= {"site_ids": None, "external_key": None, "sites": None}
        by_name = {name: (key, kind) for key, (name, kind) in own.items()}
        result: dict[str, Any] = {}
        for key, inner in value.items():
            here = (*path, key)
            if key in hidden:
                named = hidden[key]
                detail = (
                    "is said by `sites` and `key` of the document, not by its terms"
                    if named is None
                    else f"is an id of one installation: write `{named[0]}`, and a name"
                )
                self.faults.append(Fault(here, detail))
            elif key in by_name:
                original, kind = by_name[key]
                result[original] = self._stand_ins(inner, kind, here)
            else:
                result[key] = self.with_ids(inner, _below(alternatives, key), here)
        return result

    def _stand_ins(self, value: Any, kind: Kind, path: Path) -> Any:
        if isinstance(value, list):
            return [self._stand_ins(inner, kind, (*path, index)) for index, inner in enumerate(value)]
        if not isinstance(value, str):
            return value
        (self.sites if kind == "site" else self.users).setdefault(value, path)
        return str(stand_in(kind, value))


def with_names(value: Any, names: Mapping[str, str], place: Path = ()) -> Any:
    """A JSON value of the model at a place of the document (`("terms",)`) as the document says it: ids as names."""
    alternatives = _all([_model_schema()])
    for step in place:
        alternatives = _below(alternatives, str(step))
    return _named(value, alternatives, names)


def _named(value: Any, alternatives: Sequence[Schema], names: Mapping[str, str]) -> Any:
    if isinstance(value, list):
        below = _in_list(alternatives)
        return [_named(inner, below, names) for inner in value]
    if not isinstance(value, Mapping):
        return value
    own = _own_keys(alternatives)
    return {
        own[key][0] if key in own else key: _names_of(inner, names)
        if key in own
        else _named(inner, _below(alternatives, key), names)
        for key, inner in value.items()
    }


def _names_of(value: Any, names: Mapping[str, str]) -> Any:
    if isinstance(value, list):
        return [_names_of(inner, names) for inner in value]
    return value if value is None else names[value]


def ids_in_terms(terms: Terms) -> Iterator[tuple[Kind, str]]:
    """Every id that the terms hold."""
    return _ids(terms.model_dump(mode="json", by_alias=True), _below(_all([_model_schema()]), "terms"))


def ids_in_plan(content: PlanContent) -> Iterator[tuple[Kind, str]]:
    """Every id that a plan holds."""
    plan = _below(_all([_model_schema()]), "plan")
    return _ids(content.model_dump(mode="json", by_alias=True), _below(plan, "content"))


def _ids(value: Any, alternatives: Sequence[Schema]) -> Iterator[tuple[Kind, str]]:
    if isinstance(value, list):
        below = _in_list(alternatives)
        for inner in value:
            yield from _ids(inner, below)
    elif isinstance(value, Mapping):
        own = _own_keys(alternatives)
        for key, inner in value.items():
            if key in own:
                held = inner if isinstance(inner, list) else [inner]
                yield from ((own[key][1], one) for one in held if one is not None)
            else:
                yield from _ids(inner, _below(alternatives, key))


# --- what is written -------------------------------------------------------------------------------------------------


def said(model: BaseModel) -> dict[str, Any]:
    """The JSON of a model without what is null because nobody said anything: less to read, the same to read back."""
    full = model.model_dump(mode="json", by_alias=True)
    explicit = model.model_dump(mode="json", by_alias=True, exclude_defaults=True)
    short: dict[str, Any] = _without_unsaid(full, explicit)
    return short


def _without_unsaid(full: Any, explicit: Any) -> Any:
    if isinstance(full, Mapping) and isinstance(explicit, Mapping):
        return {
            key: _without_unsaid(value, explicit[key]) if key in explicit else value
            for key, value in full.items()
            if value is not None or key in explicit
        }
    if isinstance(full, list) and isinstance(explicit, list) and len(full) == len(explicit):
        return [_without_unsaid(value, other) for value, other in zip(full, explicit, strict=True)]
    return full


def terms_said(terms: Terms) -> dict[str, Any]:
    """The terms as the document has them, still with ids; every block that was agreed, and nothing else."""
    return {key: value for key, value in said(terms).items() if key not in _NOT_WRITTEN}


def terms_to_write(terms: Terms, plan: PlanVersion) -> dict[str, Any]:
    """The same, with null where leaving it out would mean what the plan says, or what is offered there."""
    content = terms_said(terms)
    full = terms.model_dump(mode="json", by_alias=True)
    chosen = {*content, *_NOT_WRITTEN}
    read_back = completed(plan, Terms.model_validate({key: full[key] for key in chosen}), chosen)
    other = read_back.model_dump(mode="json", by_alias=True)
    return content | {key: full[key] for key in full if other[key] != full[key] or key in OFFERED_WHEN_DRAFTED}


# --- for editors -----------------------------------------------------------------------------------------------------


@cache
def document_schema() -> dict[str, Any]:
    """The JSON Schema (2020-12) of documents, for editors: completion, and faults while one types."""
    schema = copy.deepcopy(_model_schema())
    for definition in (schema, *schema["$defs"].values()):
        _as_written(definition, definition is schema["$defs"]["Terms"])
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": SCHEMA_ID,
        **schema,
        "title": "Contract document",
    }


def _as_written(definition: dict[str, Any], terms: bool) -> None:
    """Changes the schema of one object of the model into that of the same object of a document."""
    definition.pop("examples", None)
    properties: dict[str, Any] = definition.get("properties", {})
    renamed: dict[str, Any] = {}
    names: dict[str, str] = {}
    for key, value in properties.items():
        if terms and key in _NOT_WRITTEN:
            continue
        named = document_name(key)
        if named is None:
            renamed[key] = value
            continue
        names[key] = named[0]
        renamed[named[0]] = _of_names(value, named[1])
    if properties:
        definition["properties"] = renamed
    if "required" in definition:
        definition["required"] = [
            names.get(key, key) for key in definition["required"] if not (terms and key in _NOT_WRITTEN)
        ]


def _of_names(schema: Any, kind: Kind) -> Any:
    if isinstance(schema, list):
        return [_of_names(item, kind) for item in schema]
    if not isinstance(schema, Mapping):
        return schema
    if schema.get("format") == "uuid":
        changed = {key: value for key, value in schema.items() if key not in ("format", "examples")}
        return {**changed, "minLength": 1, "maxLength": 254, "description": KINDS[kind]}
    return {key: _of_names(value, kind) for key, value in schema.items() if key not in ("examples", "title")}
