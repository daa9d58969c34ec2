"""Requests and answers about notification channels and the log of deliveries."""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, SecretStr, StrictBool, model_validator

from incidents.adapters.channel_addresses import LONGEST
from incidents.adapters.channel_tables import ChannelRow, NotificationTryRow
from incidents.api.models import MessageKind
from incidents.application.definitions import ShortName
from shared.values import Instant, forbid_unknown

_CHANNEL = "0197a1c2-0000-7000-8000-000000000701"
_PERSON = "0197a1c2-0000-7000-8000-000000000601"
_EXAMPLE_URL = "jsons://hooks.agency.example/alerts"

Url = Annotated[
    SecretStr,
    Field(
        min_length=1,
        max_length=LONGEST,
        description="an Apprise URL of one of the schemes that are used here. It is a secret: it is never shown again.",
        examples=[_EXAMPLE_URL],
    ),
]
Kinds = Annotated[
    list[MessageKind],
    Field(min_length=1, max_length=7, description="which messages it takes; a warning is clock_at_risk"),
]


class NewChannel(BaseModel):
    """A way to reach a person of the desk, or a room that follows one contract: exactly one of the two."""

    model_config = forbid_unknown(
        examples=[{"person_id": _PERSON, "name": "Ada's telephone", "url": _EXAMPLE_URL, "kinds": ["escalation"]}]
    )

    person_id: UUID | None = None
    contract_id: UUID | None = None
    name: ShortName
    url: Url
    language: Literal["en", "fr"] = "en"
    kinds: Kinds
    enabled: StrictBool = True

    @model_validator(mode="after")
    def _has_one_owner(self) -> Self:
        if (self.person_id is None) == (self.contract_id is None):
            raise ValueError("state either person_id or contract_id")
        return self


class ChannelChange(BaseModel):
    """What changes; what is left out stays."""

    model_config = forbid_unknown(examples=[{"enabled": False}])

    name: ShortName | None = None
    url: Url | None = None
    language: Literal["en", "fr"] | None = None
    kinds: Kinds | None = None
    enabled: StrictBool | None = None

    @model_validator(mode="after")
    def _null_is_nothing(self) -> Self:
        for name in self.model_fields_set:
            if getattr(self, name) is None:
                raise ValueError(f"{name} cannot be null; leave it out to keep it")
        return self


class ChannelAnswer(BaseModel):
    """A notification channel, without its address."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "channel_id": _CHANNEL,
                    "version": 1,
                    "person_id": _PERSON,
                    "contract_id": None,
                    "name": "Ada's telephone",
                    "scheme": "jsons",
                    "address": "jsons://hooks.agency.example/…",
                    "language": "en",
                    "kinds": ["escalation"],
                    "enabled": True,
                    "created_at": "2026-06-01T08:00:00Z",
                }
            ]
        }
    )

    channel_id: UUID
    version: int = Field(ge=1, json_schema_extra={"format": "int64"})
    person_id: UUID | None
    contract_id: UUID | None
    name: ShortName
    scheme: str = Field(max_length=20)
    address: str = Field(max_length=320, description="all that is shown: the scheme, and a host that is no secret")
    language: Literal["en", "fr"]
    kinds: list[MessageKind] = Field(max_length=7)
    enabled: bool
    created_at: Instant

    @classmethod
    def of_row(cls, row: ChannelRow) -> Self:
        """The answer that tells a row."""
        return cls.model_validate(
            {
                "channel_id": row.id,
                "version": row.version,
                "person_id": row.person_id,
                "contract_id": row.contract_id,
                "name": row.name,
                "scheme": row.scheme,
                "address": row.shown,
                "language": row.language,
                "kinds": row.kinds,
                "enabled": row.enabled,
                "created_at": row.created_at,
            }
        )


TryResult = Literal["sent", "delayed", "refused", "gave_up"]


class TryAnswer(BaseModel):
    """One try to deliver one fact to one recipient."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "try_id": "0197a1c2-0000-7000-8000-000000000711",
                    "notification_id": "0197a1c2-0000-7000-8000-000000000531",
                    "bundle_id": None,
                    "item_id": "0197a1c2-0000-7000-8000-000000000501",
                    "contract_id": "0197a1c2-0000-7000-8000-000000000201",
                    "channel_id": _CHANNEL,
                    "channel": "apprise",
                    "address": "jsons://hooks.agency.example/…",
                    "kind": "escalation",
                    "number": 1,
                    "at": "2026-06-08T09:01:12Z",
                    "result": "delayed",
                    "error": "no complete answer within 30 s",
                    "next_try_at": "2026-06-08T09:01:14Z",
                }
            ]
        }
    )

    try_id: UUID
    notification_id: UUID | None
    bundle_id: UUID | None = Field(description="the same for facts that left as one message")
    item_id: UUID | None = Field(description="null: about a contract, such as hours that nobody covers")
    contract_id: UUID | None = Field(description="null: about a client, such as advice that is owed under no contract")
    channel_id: UUID | None
    channel: Literal["mail", "apprise"]
    address: str = Field(max_length=320, description="of a channel, what may be shown of it")
    kind: str = Field(max_length=40)
    number: int = Field(ge=1, json_schema_extra={"format": "int32"})
    at: Instant
    result: TryResult = Field(description="delayed: tried again; refused: never again; gave_up: that was the last try")
    error: str | None = Field(max_length=500)
    next_try_at: Instant | None

    @classmethod
    def of_row(cls, row: NotificationTryRow) -> Self:
        """The answer that tells a row."""
        told: dict[str, Any] = {name: getattr(row, name) for name in cls.model_fields if name != "try_id"}
        return cls.model_validate(told | {"try_id": row.id})
