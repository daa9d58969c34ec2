"""The register of advice: what the client was told, when it reached him, what he answered."""

from datetime import datetime, timedelta
from typing import Annotated, Any, ClassVar, Literal, Self
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, model_validator

from contracts.application.clients import MOST_CONTACTS, Client
from contracts.application.errors import Refused, named_at
from contracts.application.ports import Workspace
from contracts.application.register_records import LongTexts, Record, changed
from contracts.application.values import Language, Reason, Request
from contracts.domain import advice as rules
from contracts.domain.advice import Status, Step
from shared.values import Instant

AdviceKind = Literal["security", "precaution", "update", "end_of_support", "end_of_life", "other"]
Means = Literal["mail", "portal", "letter", "meeting", "telephone"]

RESENT_AFTER_DAYS = 7
"""Where no contract says anything else."""
MOST_DELIVERIES = 100

_CLIENT = "0190b5c8-7d4e-7c3a-9a51-3f0f5f0d7a11"


class NewAdvisory(Request):
    """What the client has to be told, in both languages: the provider owes it while the contract lasts."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {
                    "client_id": _CLIENT,
                    "kind": "security",
                    "title": {"fr": "Double authentification", "en": "Two-factor authentication"},
                    "body": {
                        "fr": "Activez la double authentification pour chaque compte du back-office.",
                        "en": "Turn on two-factor authentication for every account of the back-office.",
                    },
                }
            ]
        },
    )

    client_id: UUID
    contract_id: UUID | None = Field(default=None, description="The contract that it is owed under.")
    configuration_item_id: UUID | None = Field(default=None, description="What it is about.")
    kind: AdviceKind
    title: LongTexts
    body: LongTexts


class DeliveryReport(Request):
    """That an advisory reached the client: how, when, and what shows it."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"means": "letter", "evidence": "Receipt 1A 234 567"}]}
    )

    means: Means
    at: Instant | None = Field(default=None, description="Not in the future; left out: now.")
    evidence: Reason | None = None


class AcknowledgeRequest(Request):
    """That the client has read it. The agency says how it knows; the client himself need not."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"evidence": "Said so on the phone"}]})

    evidence: Reason | None = None


class AnswerRequest(Request):
    """What the client decides: to follow the advice, or not to, and then why."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [{"answer": "refused", "reason": "No budget this year", "evidence": "Mail of 8 June"}]
        },
    )

    answer: Literal["accepted", "refused"]
    reason: Reason | None = Field(default=None, description="Required for a refusal.")
    evidence: Reason | None = Field(default=None, description="How the agency knows; the client himself need not say.")

    @model_validator(mode="after")
    def _refusals_have_reasons(self) -> Self:
        if self.answer == "refused" and self.reason is None:
            raise ValueError("reason is required: a refusal is kept with its reason")
        return self


class WithdrawRequest(Request):
    """Why an advisory does not hold any more."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"reason": "PHP was updated"}]})

    reason: Reason


class Recipient(BaseModel):
    """Whom it was sent to, in which language."""

    name: str
    email: str
    language: Language


class AdviceDelivery(BaseModel):
    """One way in which an advisory reached the client."""

    means: Means
    at: Instant
    evidence: str | None
    recorded_by: str
    recipient: str | None = Field(default=None, description="Whom it reached, if that is known: an e-mail address.")


class Advisory(Record):
    """An advisory with everything that became of it. The dates are those of the first time."""

    NAMED: ClassVar[tuple[str, ...]] = ("kind", "status")

    advisory_id: UUID
    contract_id: UUID | None
    configuration_item_id: UUID | None
    kind: AdviceKind
    title: LongTexts
    body: LongTexts
    status: Status
    issued_by: str
    sent_at: Annotated[list[Instant], Field(max_length=10_000)] = Field(
        description="When it was issued, and sent again."
    )
    recipients: list[Recipient] = Field(
        max_length=MOST_CONTACTS,
        description="Who was told the last time: the client's deciders and technical contacts.",
    )
    resent_after_days: int = Field(ge=1, description="How long it waits to be acknowledged before it is sent again.")
    next_sending_at: Instant | None
    deliveries: list[AdviceDelivery] = Field(max_length=MOST_DELIVERIES)
    delivered_at: Instant | None
    acknowledged_at: Instant | None
    acknowledged_by: str | None
    answered_at: Instant | None
    answered_by: str | None
    answer_reason: str | None
    evidence: str | None = Field(description="How the agency knows what the client said.")
    withdrawn_at: Instant | None
    withdraw_reason: str | None


async def issue(work: Workspace, new: NewAdvisory) -> Advisory:
    """A new advisory, sent now; says `advisory.issued`. Raises Unknown and Refused."""
    with named_at("client_id"):
        client = await work.clients.get(new.client_id)
    resent_after_days = RESENT_AFTER_DAYS
    if new.contract_id is not None:
        with named_at("contract_id"):
            contract = await work.contracts.get(new.contract_id)
        if contract.client_id != new.client_id:
            raise Refused("is a contract of another client", "contract_id")
        if contract.terms.obligations is not None:
            resent_after_days = contract.terms.obligations.advice_resent_after_days
    if new.configuration_item_id is not None:
        with named_at("configuration_item_id"):
            item = await work.registers.items.get(new.configuration_item_id)
        if item.client_id != new.client_id:
            raise Refused("is an item of another client", "configuration_item_id")
    advisory = Advisory.model_validate(
        {
            **dict.fromkeys(Advisory.model_fields),
            **new.model_dump(),
            "advisory_id": work.new_id(),
            "version": 1,
            "status": Status.ISSUED,
            "issued_by": work.actor,
            "sent_at": [work.now],
            "recipients": _recipients(client),
            "resent_after_days": resent_after_days,
            "next_sending_at": rules.next_sending(Status.ISSUED, work.now, timedelta(days=resent_after_days)),
            "deliveries": [],
            "created_at": work.now,
            "updated_at": work.now,
        }
    )
    await work.registers.advisories.add(advisory)
    work.registers.announcer.advisory_changed(advisory, "issued")
    return advisory


async def send_again(work: Workspace, advisory: Advisory) -> Advisory:
    """The locked advisory sent once more, if that is due; says `advisory.resent`."""
    if advisory.next_sending_at is None or advisory.next_sending_at > work.now:
        return advisory
    recipients = _recipients(await work.clients.get(advisory.client_id))
    return await _save(work, advisory, "resent", sent_at=[*advisory.sent_at, work.now], recipients=recipients)


def _recipients(client: Client) -> list[Recipient]:
    """Who at the client is told: who decides and who runs the system, or whoever is known there."""
    concerned = [one for one in client.contacts if {"decider", "technical"} & set(one.roles)]
    return [Recipient(name=one.name, email=one.email, language=one.language) for one in concerned or client.contacts]


async def deliver(work: Workspace, advisory: Advisory, report: DeliveryReport) -> Advisory:
    """The locked advisory has reached the client. Raises NotPossible and Refused."""
    status = rules.after(advisory.status, Step.DELIVER)
    at = _past(work, report.at, advisory.sent_at[0])
    if len(advisory.deliveries) >= MOST_DELIVERIES:
        raise rules.NotPossible(f"An advisory keeps {MOST_DELIVERIES} deliveries, and has them.")
    delivery = AdviceDelivery(means=report.means, at=at, evidence=report.evidence, recorded_by=work.actor)
    first = min(at, advisory.delivered_at or at)
    deliveries = [*advisory.deliveries, delivery]
    return await _save(work, advisory, "changed", status=status, deliveries=deliveries, delivered_at=first)


async def heard_delivery(
    work: Workspace, advisory: Advisory, recipient: str, at: datetime, message_id: str
) -> Advisory:
    """A mail of the locked advisory has reached one of its recipients; each is kept once, whatever became of it since.

    Beyond the deliveries that an advisory keeps nothing is added.
    """
    known = any(each.evidence == message_id and each.recipient == recipient for each in advisory.deliveries)
    if known or len(advisory.deliveries) >= MOST_DELIVERIES:
        return advisory
    delivery = AdviceDelivery(means="mail", at=at, evidence=message_id, recorded_by=work.actor, recipient=recipient)
    status = advisory.status
    if rules.Step.DELIVER in rules.LEADS_TO[status]:
        status = rules.after(status, Step.DELIVER)
    first = min(at, advisory.delivered_at or at)
    deliveries = [*advisory.deliveries, delivery]
    return await _save(work, advisory, "changed", status=status, deliveries=deliveries, delivered_at=first)


async def acknowledge(work: Workspace, advisory: Advisory, evidence: str | None) -> Advisory:
    """The client has read the locked advisory: it is not sent again. Raises NotPossible."""
    return await _save(
        work,
        advisory,
        "changed",
        status=rules.after(advisory.status, Step.ACKNOWLEDGE),
        acknowledged_at=work.now,
        acknowledged_by=work.actor,
        evidence=evidence,
    )


async def answer(work: Workspace, advisory: Advisory, given: AnswerRequest) -> Advisory:
    """The client follows the locked advisory, or refuses to; says `advisory.refused` then. Raises NotPossible."""
    refused = given.answer == "refused"
    status = rules.after(advisory.status, Step.REFUSE if refused else Step.ACCEPT)
    return await _save(
        work,
        advisory,
        "refused" if refused else "changed",
        status=status,
        # Who answers has read it.
        acknowledged_at=advisory.acknowledged_at or work.now,
        acknowledged_by=advisory.acknowledged_by or work.actor,
        answered_at=work.now,
        answered_by=work.actor,
        answer_reason=given.reason,
        evidence=given.evidence or advisory.evidence,
    )


async def withdraw(work: Workspace, advisory: Advisory, reason: str) -> Advisory:
    """The locked advisory does not hold any more. Raises NotPossible."""
    status = rules.after(advisory.status, Step.WITHDRAW)
    return await _save(work, advisory, "changed", status=status, withdrawn_at=work.now, withdraw_reason=reason)


def _past(work: Workspace, at: datetime | None, earliest: datetime) -> datetime:
    if at is None:
        return work.now
    if not earliest <= at <= work.now:
        raise Refused("must be between the issue of the advisory and now", "at")
    return at


async def _save(work: Workspace, advisory: Advisory, change: str, **changes: Any) -> Advisory:
    saved = changed(advisory, work.now, **changes)
    every = timedelta(days=saved.resent_after_days)
    saved = saved.model_copy(update={"next_sending_at": rules.next_sending(saved.status, saved.sent_at[-1], every)})
    await work.registers.advisories.save(saved)
    work.registers.announcer.advisory_changed(saved, change)
    return saved
