"""The parts of a report beyond uptime and incidents: hours, work, deliverables, advice, what is owed, what was sent."""

from collections.abc import Mapping
from typing import Annotated, Final, Literal, TypeAlias
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field
from pydantic.config import JsonDict

from reporting.application import part_examples as examples
from reporting.application.examples import example
from shared.values import Instant, LocalDate, Month

MANY: Final[JsonDict] = {"maxItems": 10_000}
Text: TypeAlias = Annotated[str, Field(json_schema_extra={"maxLength": 10_000})]
Texts: TypeAlias = Annotated[
    Mapping[str, str], Field(description="by language", json_schema_extra={"maxProperties": 10})
]
Minutes: TypeAlias = Annotated[int, Field(json_schema_extra={"format": "int64"})]
WorkKind: TypeAlias = Literal[
    "request", "change", "work_order", "deployment", "intervention", "restore_test", "warning"
]


class Part(BaseModel):
    """Base of the parts."""

    model_config = ConfigDict(frozen=True)


class WorkLine(Part):
    """Something that was done in the period, or prevented: a warning before a certificate or a name ended."""

    model_config = ConfigDict(frozen=True, json_schema_extra=example(examples.WORK))

    kind: WorkKind
    id: UUID = Field(description="of the item or record")
    number: Text | None = Field(description="of an item of the service desk")
    title: Text
    category: Text | None = Field(
        description="`corrective`, `preventive`, `evolutionary`, `assistance`, or a warning's subject"
    )
    at: Instant
    event_id: UUID = Field(description="the event that proves it")


class HoursLinePart(Part):
    """A line of the hours. Until the month is closed only what was worked is known."""

    model_config = ConfigDict(frozen=True, json_schema_extra=example(examples.HOURS_LINE))

    code: Text
    name: Texts
    real_minutes: Minutes = Field(description="worked")
    included_minutes: Minutes | None
    accounted_minutes: Minutes | None = Field(description="what consumed hours")
    remaining_minutes: Minutes | None
    overage_minutes: Minutes | None


class TicketHours(Part):
    """What was worked on one item; `item_id` is null for work that belongs to none."""

    model_config = ConfigDict(frozen=True, json_schema_extra=example(examples.TICKET))

    item_id: UUID | None
    number: Text | None
    title: Text | None
    line: Text
    real_minutes: Minutes


class HoursPart(Part):
    """The hours of the month: `worked` until the ledger is closed, then `closed`, with what is used, left and over."""

    model_config = ConfigDict(frozen=True, json_schema_extra=example(examples.HOURS))

    status: Literal["worked", "closed"]
    pooled: bool | None = Field(
        default=None,
        description="whether what one line leaves serves the others; null: not closed, or told by an earlier release",
    )
    real_minutes: Minutes
    available_minutes: Minutes | None
    accounted_minutes: Minutes | None
    remaining_minutes: Minutes | None
    overage_minutes: Minutes | None
    lines: list[HoursLinePart] = Field(json_schema_extra=MANY)
    tickets: list[TicketHours] = Field(json_schema_extra=MANY)
    event_ids: list[UUID] = Field(json_schema_extra=MANY)


class DeliverableProof(Part):
    """What shows that something was delivered."""

    model_config = ConfigDict(frozen=True, json_schema_extra=example(examples.PROOF))

    id: UUID
    on: LocalDate
    what: Text


class DeliverableLine(Part):
    """Something promised, with its proofs or their absence, as the month's settlement says it."""

    model_config = ConfigDict(frozen=True, json_schema_extra=example(examples.DELIVERABLE))

    code: Text
    type: Text | None
    name: Texts
    state: Text = Field(description="`proved`, `never_delivered`, `not_called_for`, `not_due`")
    in_words: Texts
    proof_count: int = Field(ge=0)
    proofs: list[DeliverableProof] = Field(json_schema_extra=MANY)


class AdvisoryLine(Part):
    """Advice that was given in the period, or before and not acknowledged when it began; as it stood at the end."""

    model_config = ConfigDict(frozen=True, json_schema_extra=example(examples.ADVISORY))

    advisory_id: UUID
    kind: Text
    title: Texts
    status: Literal["issued", "delivered", "acknowledged", "accepted", "refused"]
    issued_at: Instant
    delivered_at: Instant | None
    acknowledged_at: Instant | None
    answered_at: Instant | None
    event_id: UUID


class SettledAmount(Part):
    """An amount of the settlement: positive is owed by the client, negative to him."""

    model_config = ConfigDict(frozen=True, json_schema_extra=example(examples.AMOUNT))

    code: Text
    kind: Text
    amount: Text
    text: Texts


class SettlementPart(Part):
    """What is owed for the month, by the newest closed settlement."""

    model_config = ConfigDict(frozen=True, json_schema_extra=example(examples.SETTLEMENT))

    settlement_id: UUID
    number: int = Field(ge=1)
    hash: Text
    closed_at: Instant
    currency: Text
    net: Text
    tax: Text | None
    gross: Text | None
    lines: list[SettledAmount] = Field(json_schema_extra=MANY)
    event_id: UUID


class SentLine(Part):
    """A report that left in the period: when the first mail left, when a link to it was first opened."""

    model_config = ConfigDict(frozen=True, json_schema_extra=example(examples.SENT))

    month: Month
    edition: int = Field(ge=1)
    delivered_at: Instant
    seen_at: Instant | None


class ReportParts(Part):
    """Everything beyond uptime and incidents, as it stood at the end of the period."""

    model_config = ConfigDict(frozen=True, json_schema_extra=example(examples.PARTS))

    work: list[WorkLine] = Field(json_schema_extra=MANY)
    hours: HoursPart | None = Field(description="null: no hours were agreed, and none were worked")
    deliverables: list[DeliverableLine] = Field(
        json_schema_extra=MANY, description="known once the month is settled; empty until then"
    )
    advisories: list[AdvisoryLine] = Field(json_schema_extra=MANY)
    settlement: SettlementPart | None = Field(
        description="null: not closed yet, or the reader may not read what the contract costs"
    )
    sent: list[SentLine] = Field(json_schema_extra=MANY)
