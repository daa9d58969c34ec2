"""Answers of the audit routes."""

import json
from typing import Any, Literal, TypeAlias
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from reporting.adapters.audit_tables import AuditEntry
from shared.values import Instant

Kind: TypeAlias = Literal["event", "change", "reading"]
Outcome: TypeAlias = Literal["done", "refused"]

_HASH = "6d1c" * 16
_CLIENT = "0198f000-0000-7000-8000-000000000101"
_USER = "0198f000-0000-7000-8000-0000000000b1"


class AuditActor(BaseModel):
    """Who did it, by id: names can be forgotten, entries cannot."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"kind": "user", "id": _USER}]})

    kind: str = Field(max_length=20, description="`user`, `api_key`, `runner` or `system`")
    id: str = Field(max_length=255)


class AuditLogEntry(BaseModel):
    """One entry of the audit log, and its hash."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "sequence": 17,
                    "hash": _HASH,
                    "previous": "5e0b" * 16,
                    "recorded_at": "2026-06-08T09:00:01Z",
                    "at": "2026-06-08T09:00:00Z",
                    "kind": "change",
                    "service": "contracts",
                    "event": "contracts.operation.recorded.v1",
                    "event_id": "0198f000-0000-7000-8000-000000000a05",
                    "event_hash": "77aa" * 16,
                    "actor": {"kind": "user", "id": _USER},
                    "role": "operator",
                    "operation": "update_client",
                    "resource": f"/v1/clients/{_CLIENT}",
                    "resource_id": _CLIENT,
                    "version_before": 3,
                    "version_after": 4,
                    "fields": ["language"],
                    "events": ["0198f000-0000-7000-8000-000000000a06"],
                    "outcome": "done",
                    "correlation_id": "0198f000-0000-7000-8000-000000000a07",
                    "causation_id": None,
                }
            ]
        }
    )

    sequence: int = Field(description="entries of an agency are numbered from 1 without a gap, in the order of arrival")
    hash: str = Field(max_length=64, description="SHA-256 of the entry, in hexadecimal")
    previous: str = Field(max_length=64, description="the hash of the entry before it")
    recorded_at: Instant = Field(description="when it arrived here")
    at: Instant = Field(description="when it happened")
    kind: Kind = Field(
        description="`change`: a request or a command; `reading`: of something that is watched; `event`: what a "
        "service said, of its own accord or while a change was made"
    )
    service: str = Field(max_length=50)
    event: str = Field(max_length=200, description="name of the event that says it")
    event_id: UUID
    event_hash: str = Field(max_length=64, description="SHA-256 of the event's bytes, in hexadecimal")
    actor: AuditActor | None = Field(description="null for events: the change in whose course they were said has it")
    role: str | None = Field(max_length=50)
    operation: str | None = Field(max_length=200, description="`operationId`, or `command: ` and an operator's command")
    resource: str = Field(max_length=2_000)
    resource_id: str | None = Field(max_length=300)
    version_before: int | None
    version_after: int | None
    fields: list[str] = Field(max_length=100, description="names of what the request gave, never values")
    events: list[UUID] = Field(description="events that were said in the same transaction")
    outcome: Outcome
    correlation_id: str | None = Field(max_length=200, description="the same for all that one request brought about")
    causation_id: str | None = Field(max_length=200, description="the event that brought this about")

    @classmethod
    def of(cls, row: AuditEntry) -> "AuditLogEntry":
        """The entry as its bytes say."""
        return cls.model_validate(json.loads(row.entry) | {"hash": row.hash})


CHECKPOINT: dict[str, Any] = {
    "tenant_id": "0198f000-0000-7000-8000-000000000001",
    "sequence": 52,
    "hash": _HASH,
    "made_at": "2026-06-11T13:00:00Z",
    "key_id": "8f5a" * 8,
    "public_key": "a1b2" * 16,
    "signature": "c3d4" * 32,
}


class Checkpoint(BaseModel):
    """A signature under one entry, and with it under all before it. Keep it elsewhere."""

    model_config = ConfigDict(json_schema_extra={"examples": [CHECKPOINT]})

    tenant_id: UUID
    sequence: int = Field(description="of the entry")
    hash: str = Field(max_length=64, description="of the entry, in hexadecimal")
    made_at: Instant
    key_id: str = Field(max_length=32)
    public_key: str = Field(max_length=64, description="Ed25519, in hexadecimal")
    signature: str = Field(max_length=128, description="Ed25519, in hexadecimal")


class Access(BaseModel):
    """Who read what, or went in where."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "sequence": 18,
                    "at": "2026-06-08T09:00:00Z",
                    "service": "incidents",
                    "operation": "list_access_sessions",
                    "resource": "/v1/access-sessions",
                    "resource_id": None,
                    "actor_kind": "user",
                    "actor_id": _USER,
                    "actor_name": "Nadia Benali",
                    "role": "operator",
                    "outcome": "done",
                    "correlation_id": "0198f000-0000-7000-8000-000000000a07",
                }
            ]
        }
    )

    sequence: int = Field(description="number of the entry in the audit log")
    at: Instant
    service: str = Field(max_length=50)
    operation: str = Field(max_length=200)
    resource: str = Field(max_length=2_000)
    resource_id: str | None = Field(max_length=300)
    actor_kind: str = Field(max_length=20)
    actor_id: str = Field(max_length=255)
    actor_name: str | None = Field(max_length=255, description="null when it is not kept any more")
    role: str | None = Field(max_length=50)
    outcome: Outcome
    correlation_id: str | None = Field(max_length=200)
