"""Events between services: CloudEvents 1.0 in structured JSON, and the registry of what a service publishes.

The publisher owns the schema of an event. A consumer declares its own tolerant model of the part that it reads.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property
from typing import Any, ClassVar, Generic, Literal, TypeVar
from uuid import UUID

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

TYPE_PREFIX = "dev.upheld."
CONTENT_TYPE = "application/cloudevents+json"


class Actor(BaseModel):
    """Who did something: a person, a key of another system, a runner, or Upheld itself."""

    model_config = ConfigDict(frozen=True)

    kind: Literal["user", "api_key", "runner", "system"]
    id: str = Field(max_length=255)
    name: str = Field(max_length=255)


SYSTEM = Actor(kind="system", id="system", name="Upheld")


class PublishedEvent(BaseModel):
    """Base of the events in a service's `published/v1.py`.

    `class ContractActivated(ContractState, aggregate="contract", name="activated", key="contract_id")`: `key` names the
    field that holds the aggregate's id. `EXAMPLE` is the frozen example of `data` that consumers test against.
    A base that only shares fields gives no class arguments.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    AGGREGATE: ClassVar[str] = ""
    NAME: ClassVar[str] = ""
    KEY: ClassVar[str] = ""
    VERSION: ClassVar[int] = 1
    EXAMPLE: ClassVar[Mapping[str, Any]] = {}

    def __init_subclass__(cls, *, aggregate: str = "", name: str = "", key: str = "", version: int = 1, **rest: Any):
        super().__init_subclass__(**rest)
        cls.AGGREGATE, cls.NAME, cls.KEY, cls.VERSION = aggregate, name, key, version

    @property
    def aggregate_id(self) -> str:
        return str(getattr(self, self.KEY))


class OperationRecorded(PublishedEvent, aggregate="operation", name="recorded", key="record_id"):
    """Somebody changed something, or read something that is watched: who, what and when, never what it says.

    Every service says it of itself, in the transaction of the change or of the reading; see `shared.operations`.
    """

    record_id: UUID
    kind: Literal["change", "reading"]
    operation: str = Field(
        max_length=200,
        description="`operationId` of the service's OpenAPI document, or `command: ` and the command of an operator.",
    )
    actor: Actor
    role: str | None = Field(max_length=50, description="Null for who needs none: Upheld itself, a public address.")
    client_id: UUID | None = Field(description="The client that the caller is bound to.")
    resource: str = Field(
        max_length=2000, description="Path of what was changed, made or read. Words that open a door are left out."
    )
    resource_id: str | None = Field(max_length=300, description="The last id in `resource`.")
    version_before: int | None = Field(description="The version that the caller had seen, from `If-Match`.")
    version_after: int | None = Field(description="The version afterwards, from the answer's `ETag`.")
    fields: list[str] = Field(max_length=100, description="Names of the fields that the request gave. Never values.")
    events: list[UUID] = Field(description="Ids of the events that were said in the same transaction.")
    outcome: Literal["done", "refused"] = Field(
        description="`refused`: the caller may not do this; nothing was changed and nothing was shown."
    )

    EXAMPLE: ClassVar[Mapping[str, Any]] = {
        "record_id": "0198f000-0000-7000-8000-0000000000a1",
        "kind": "change",
        "operation": "update_client",
        "actor": {"kind": "user", "id": "0198f000-0000-7000-8000-0000000000b1", "name": "Nadia Benali"},
        "role": "operator",
        "client_id": None,
        "resource": "/v1/clients/0198f000-0000-7000-8000-0000000000c1",
        "resource_id": "0198f000-0000-7000-8000-0000000000c1",
        "version_before": 3,
        "version_after": 4,
        "fields": ["language", "name"],
        "events": ["0198f000-0000-7000-8000-0000000000d1"],
        "outcome": "done",
    }


@dataclass(frozen=True)
class EventName:
    """What an event is called: `contracts.contract.activated.v1` in code and documents."""

    service: str
    aggregate: str
    event: str
    version: int

    @classmethod
    def parse(cls, text: str) -> "EventName":
        """From `service.aggregate.event.vN`. Raises ValueError for anything else."""
        service, aggregate, event, version = text.split(".")
        if not (version.startswith("v") and version[1:].isdigit()):
            raise ValueError(f"{text} does not end in a version like .v1")
        return cls(service, aggregate, event, int(version[1:]))

    def __str__(self) -> str:
        return f"{self.service}.{self.aggregate}.{self.event}.v{self.version}"

    @property
    def type(self) -> str:
        """The CloudEvents `type`."""
        return f"{TYPE_PREFIX}{self}"

    @property
    def stream(self) -> str:
        return stream_of(self.service)

    def subject(self, aggregate_id: str) -> str:
        """The NATS subject; the id in it allows replay of one aggregate."""
        return f"{self.service}.{self.aggregate}.{aggregate_id}.{self.event}.v{self.version}"

    @property
    def subject_filter(self) -> str:
        """The NATS subjects of this event for every aggregate."""
        return self.subject("*")


def stream_of(service: str) -> str:
    """The JetStream stream that a service publishes to."""
    return service.upper()


class EventRegistry:
    """What one service publishes: its own events, and the records of its operations, which every service has.

    Raises ValueError when two events share a name or one lacks its example's key.
    """

    def __init__(self, service: str, events: Sequence[type[PublishedEvent]]) -> None:
        self.service = service
        self.events: tuple[type[PublishedEvent], ...] = (*events, OperationRecorded)
        self._names = {event: EventName(service, event.AGGREGATE, event.NAME, event.VERSION) for event in self.events}
        if len(set(self._names.values())) != len(self.events):
            raise ValueError(f"{service} publishes two events with one name")
        for event in events:
            if not event.NAME or event.KEY not in event.model_fields:
                raise ValueError(f"{event.__name__} needs aggregate, name, and a key that is one of its fields")

    def name_of(self, event: type[PublishedEvent]) -> EventName:
        """Raises KeyError for an event of another service or one that is not registered."""
        return self._names[event]


class Envelope(BaseModel):
    """A CloudEvent as it is stored, sent and delivered. Extension names are lower case, as the specification asks."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    specversion: Literal["1.0"] = "1.0"
    id: UUID
    source: str = Field(max_length=200)
    type: str = Field(max_length=200)
    subject: str = Field(max_length=200)
    time: AwareDatetime
    datacontenttype: Literal["application/json"] = "application/json"
    dataschema: str = Field(max_length=300)
    tenantid: UUID
    aggregateversion: int = Field(ge=0)
    correlationid: str | None = Field(default=None, max_length=200)
    causationid: str | None = Field(default=None, max_length=200)
    traceparent: str | None = Field(default=None, max_length=100)
    data: dict[str, Any]

    def to_bytes(self) -> bytes:
        """The one byte form: outbox, stream, dead letter and webhook carry exactly this."""
        content = self.model_dump(mode="json", exclude_none=True, exclude={"data"})
        content["data"] = self.data
        return json.dumps(content, ensure_ascii=False, separators=(",", ":")).encode()

    @classmethod
    def parse(cls, payload: bytes) -> "Envelope":
        """Raises pydantic.ValidationError for anything that is not one of our CloudEvents."""
        return cls.model_validate_json(payload)

    @cached_property
    def name(self) -> EventName:
        """Raises ValueError when `type` is not one of ours."""
        if not self.type.startswith(TYPE_PREFIX):
            raise ValueError(f"{self.type} is not an event of Upheld")
        return EventName.parse(self.type.removeprefix(TYPE_PREFIX))


def schema_address(name: EventName) -> str:
    """The `dataschema` of an event: names the schema file in the publisher's folder."""
    return f"urn:upheld:schema:{name}"


def envelope_of(
    event: PublishedEvent,
    name: EventName,
    *,
    event_id: UUID,
    at: datetime,
    tenant_id: UUID,
    version: int,
    correlation_id: str | None = None,
    causation_id: str | None = None,
    traceparent: str | None = None,
) -> Envelope:
    """The CloudEvent that says `event`."""
    return Envelope(
        id=event_id,
        source=f"/services/{name.service}",
        type=name.type,
        subject=f"{name.aggregate}/{event.aggregate_id}",
        time=at.astimezone(UTC),
        dataschema=schema_address(name),
        tenantid=tenant_id,
        aggregateversion=version,
        correlationid=correlation_id,
        causationid=causation_id,
        traceparent=traceparent,
        data=event.model_dump(mode="json"),
    )


T = TypeVar("T")


@dataclass(frozen=True)
class ReceivedEvent(Generic[T]):
    """What a handler is given: the facts of the envelope, and `data` as the consumer's own model."""

    id: UUID
    type: str
    time: datetime
    tenant_id: UUID
    aggregate_version: int
    correlation_id: str | None
    data: T
    envelope: Envelope
    payload: bytes = field(repr=False)
    """The envelope's bytes as they came from the stream."""
