"""The records of the registers that others hear of, version 1.

Each event carries the whole record as it stands: keep the newest version, skip older ones. An obligation that is open
and names a `work_item_id` is evidence that this item waits for its owner.
"""

from collections.abc import Mapping
from typing import Any, ClassVar, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from shared.events import PublishedEvent
from shared.values import Instant

_CONTRACT = "0190b5c8-7d4e-7c3a-9a51-000000000001"
_CLIENT = "0190b5c8-7d4e-7c3a-9a51-000000000002"
_SITE = "0190b5c8-7d4e-7c3a-9a51-000000000003"
_ITEM = "0190b5c8-7d4e-7c3a-9a51-000000000021"
_OTHER = "0190b5c8-7d4e-7c3a-9a51-000000000022"
_RULE = "0190b5c8-7d4e-7c3a-9a51-000000000023"
_DELIVERY = "0190b5c8-7d4e-7c3a-9a51-000000000024"
_DEPLOYMENT = "0197a1c2-0000-7000-8000-000000000611"
_OBLIGATION = "0190b5c8-7d4e-7c3a-9a51-000000000025"
_WORK_ITEM = "0197a1c2-0000-7000-8000-000000000501"
_BREACH = "0190b5c8-7d4e-7c3a-9a51-000000000026"
_ADVISORY = "0190b5c8-7d4e-7c3a-9a51-000000000027"

Party = Literal["provider", "client"]


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Words(_Part):
    """The same text in French and English."""

    fr: str
    en: str


class Incompatibility(_Part):
    """What a version does not go together with."""

    rule_id: UUID
    other_item_id: UUID
    other_name: str
    other_label: str
    explanation: Words


class HeldVersion(_Part):
    """What holds of an item now. `incompatibilities`: as found when it was recorded."""

    number: int = Field(ge=1)
    label: str
    state: Literal["in_service", "retired"]
    effective_from: Instant
    source: Literal["api", "delivery"]
    delivery_id: UUID | None
    incompatibilities: list[Incompatibility]


class ConfigurationItemChanged(
    PublishedEvent, aggregate="configuration_item", name="changed", key="configuration_item_id"
):
    """A configuration item as it is now. A version that does not go together with others says so."""

    configuration_item_id: UUID
    client_id: UUID
    site_id: UUID | None
    version: int = Field(ge=1)
    kind: Literal["hardware", "os_and_patches", "application", "parameter", "interface"]
    name: str
    held: HeldVersion | None

    EXAMPLE: ClassVar[Mapping[str, Any]] = {
        "configuration_item_id": _ITEM,
        "client_id": _CLIENT,
        "site_id": _SITE,
        "version": 3,
        "kind": "application",
        "name": "shop",
        "held": {
            "number": 2,
            "label": "2.4.0",
            "state": "in_service",
            "effective_from": "2026-06-08T04:30:00Z",
            "source": "delivery",
            "delivery_id": _DELIVERY,
            "incompatibilities": [
                {
                    "rule_id": _RULE,
                    "other_item_id": _OTHER,
                    "other_name": "PHP",
                    "other_label": "8.1.31",
                    "explanation": {
                        "fr": "shop 2.4.0 n’est pas compatible avec PHP 8.1.31. La boutique 2.4 demande PHP 8.2.",
                        "en": "shop 2.4.0 does not go together with PHP 8.1.31. Shop 2.4 needs PHP 8.2.",
                    },
                }
            ],
        },
    }


class DeliveryRecorded(PublishedEvent, aggregate="delivery", name="recorded", key="delivery_id"):
    """Something was handed over, or put in service by a deployment; a deployment's record may change."""

    delivery_id: UUID
    version: int = Field(ge=1)
    contract_id: UUID
    client_id: UUID
    site_id: UUID | None
    audience: Literal["agency", "client"]
    configuration_item_id: UUID | None
    what: str
    delivered_to: str
    delivered_version: str
    delivered_at: Instant | None
    means: str
    put_in_service: bool
    deployment_id: UUID | None
    result: Literal["planned", "succeeded", "failed", "rolled_back"]
    rolled_back_at: Instant | None

    EXAMPLE: ClassVar[Mapping[str, Any]] = {
        "delivery_id": _DELIVERY,
        "version": 1,
        "contract_id": _CONTRACT,
        "client_id": _CLIENT,
        "site_id": _SITE,
        "audience": "client",
        "configuration_item_id": _ITEM,
        "what": "shop 2.4.0",
        "delivered_to": "Hôtel du Lac",
        "delivered_version": "2.4.0",
        "delivered_at": "2026-06-08T04:30:00Z",
        "means": "deployment",
        "put_in_service": True,
        "deployment_id": _DEPLOYMENT,
        "result": "succeeded",
        "rolled_back_at": None,
    }


class Evidence(_Part):
    """What shows that something was done."""

    what: str
    reference: str | None


class ObligationState(PublishedEvent):
    """An obligation as it stands. While `paused_at` is set its time stands still."""

    obligation_id: UUID
    version: int = Field(ge=1)
    contract_id: UUID
    client_id: UUID
    site_id: UUID | None
    configuration_item_id: UUID | None
    work_item_id: UUID | None
    code: str | None
    owner: Party
    kind: Literal[
        "access",
        "information",
        "validation",
        "credential_rotation",
        "update",
        "other",
        "functions_register",
        "anomalies_register",
        "works_register",
    ]
    title: Words
    status: Literal["open", "breached", "fulfilled", "released", "lapsed"]
    created_at: Instant
    due_at: Instant
    every_days: int | None
    kept_at: Instant | None
    evidence: list[Evidence]
    paused_at: Instant | None


_ASKED: Mapping[str, Any] = {
    "obligation_id": _OBLIGATION,
    "version": 1,
    "contract_id": _CONTRACT,
    "client_id": _CLIENT,
    "site_id": _SITE,
    "configuration_item_id": None,
    "work_item_id": _WORK_ITEM,
    "code": None,
    "owner": "client",
    "kind": "access",
    "title": {"fr": "Accès au serveur de production", "en": "Access to the production server"},
    "status": "open",
    "created_at": "2026-06-08T09:00:00Z",
    "due_at": "2026-06-09T16:00:00Z",
    "every_days": None,
    "kept_at": None,
    "evidence": [],
    "paused_at": None,
}


class ObligationOpened(ObligationState, aggregate="obligation", name="opened", key="obligation_id"):
    """A party owes something from now on."""

    EXAMPLE: ClassVar[Mapping[str, Any]] = _ASKED


class ObligationChanged(ObligationState, aggregate="obligation", name="changed", key="obligation_id"):
    """It is due at another time, stands still or goes on with its contract, or is over without having been kept."""

    EXAMPLE: ClassVar[Mapping[str, Any]] = {**_ASKED, "version": 2, "due_at": "2026-06-10T16:00:00Z"}


class ObligationBreached(ObligationState, aggregate="obligation", name="breached", key="obligation_id"):
    """Its time is over and it is not kept."""

    EXAMPLE: ClassVar[Mapping[str, Any]] = {**_ASKED, "version": 2, "status": "breached"}


class ObligationFulfilled(ObligationState, aggregate="obligation", name="fulfilled", key="obligation_id"):
    """It was kept, in time or late; one that comes back is open again, with its next due time."""

    EXAMPLE: ClassVar[Mapping[str, Any]] = {
        **_ASKED,
        "version": 3,
        "status": "fulfilled",
        "kept_at": "2026-06-10T08:00:00Z",
        "evidence": [{"what": "Compte créé pour Nadia", "reference": None}],
    }


class BreachRecorded(PublishedEvent, aggregate="breach", name="recorded", key="breach_id"):
    """A breach as it stands: found, ended, withdrawn because it had been in time after all, or decided on.

    Without a decision whoever owed it answers for all of it.
    """

    breach_id: UUID
    version: int = Field(ge=1)
    contract_id: UUID
    client_id: UUID
    obligation_id: UUID | None
    clock_id: UUID | None
    clock_count: int | None = None
    work_item_id: UUID | None
    party: Party
    kind: str
    title: Words
    status: Literal["open", "ended", "withdrawn"]
    since: Instant
    ended_at: Instant | None
    provider_percent: int = Field(ge=0, le=100)
    client_percent: int = Field(ge=0, le=100)
    third_party_percent: int = Field(default=0, ge=0, le=100)
    third_party: str | None = None
    decision: str | None
    decided_at: Instant | None
    decided_by: str | None = None

    EXAMPLE: ClassVar[Mapping[str, Any]] = {
        "breach_id": _BREACH,
        "version": 2,
        "contract_id": _CONTRACT,
        "client_id": _CLIENT,
        "obligation_id": _OBLIGATION,
        "clock_id": None,
        "work_item_id": _WORK_ITEM,
        "party": "client",
        "kind": "access",
        "title": {"fr": "Accès au serveur de production", "en": "Access to the production server"},
        "status": "ended",
        "since": "2026-06-09T16:00:00Z",
        "ended_at": "2026-06-10T08:00:00Z",
        "provider_percent": 0,
        "client_percent": 100,
        "decision": None,
        "decided_at": None,
    }


class Recipient(_Part):
    """Somebody at the client."""

    name: str
    email: str
    language: Literal["fr", "en"]


class AdvisoryState(PublishedEvent):
    """An advisory as it stands, with the text as the client was told it, and whom the last sending was for."""

    advisory_id: UUID
    version: int = Field(ge=1)
    client_id: UUID
    contract_id: UUID | None
    configuration_item_id: UUID | None
    kind: Literal["security", "precaution", "update", "end_of_support", "end_of_life", "other"]
    title: Words
    body: Words
    status: Literal["issued", "delivered", "acknowledged", "accepted", "refused", "withdrawn"]
    issued_at: Instant
    last_sent_at: Instant
    times_sent: int = Field(ge=1)
    recipients: list[Recipient]
    delivered_at: Instant | None
    acknowledged_at: Instant | None
    answered_at: Instant | None
    answered_by: str | None
    answer_reason: str | None
    withdrawn_at: Instant | None


_ADVICE: Mapping[str, Any] = {
    "advisory_id": _ADVISORY,
    "version": 1,
    "client_id": _CLIENT,
    "contract_id": _CONTRACT,
    "configuration_item_id": None,
    "kind": "security",
    "title": {"fr": "Double authentification", "en": "Two-factor authentication"},
    "body": {
        "fr": "Activez la double authentification pour chaque compte du back-office.",
        "en": "Turn on two-factor authentication for every account of the back-office.",
    },
    "status": "issued",
    "issued_at": "2026-06-08T09:00:00Z",
    "last_sent_at": "2026-06-08T09:00:00Z",
    "times_sent": 1,
    "recipients": [{"name": "Léa Martin", "email": "lea@hotel-du-lac.example", "language": "fr"}],
    "delivered_at": None,
    "acknowledged_at": None,
    "answered_at": None,
    "answered_by": None,
    "answer_reason": None,
    "withdrawn_at": None,
}


class AdvisoryIssued(AdvisoryState, aggregate="advisory", name="issued", key="advisory_id"):
    """The client is told something that the provider owes him to say."""

    EXAMPLE: ClassVar[Mapping[str, Any]] = _ADVICE


class AdvisoryResent(AdvisoryState, aggregate="advisory", name="resent", key="advisory_id"):
    """He has not acknowledged it, and is told again."""

    EXAMPLE: ClassVar[Mapping[str, Any]] = {
        **_ADVICE,
        "version": 2,
        "last_sent_at": "2026-06-15T09:00:00Z",
        "times_sent": 2,
    }


class AdvisoryChanged(AdvisoryState, aggregate="advisory", name="changed", key="advisory_id"):
    """It has reached him, he has acknowledged or accepted it, or it was withdrawn."""

    EXAMPLE: ClassVar[Mapping[str, Any]] = {
        **AdvisoryResent.EXAMPLE,
        "version": 3,
        "status": "acknowledged",
        "delivered_at": "2026-06-15T10:00:00Z",
        "acknowledged_at": "2026-06-15T10:00:00Z",
    }


class AdvisoryRefused(AdvisoryState, aggregate="advisory", name="refused", key="advisory_id"):
    """He was told, and decided against it."""

    EXAMPLE: ClassVar[Mapping[str, Any]] = {
        **AdvisoryChanged.EXAMPLE,
        "version": 4,
        "status": "refused",
        "answered_at": "2026-06-16T10:00:00Z",
        "answered_by": "Léa Martin",
        "answer_reason": "Pas de budget cette année",
    }


REGISTER_EVENTS: tuple[type[PublishedEvent], ...] = (
    ConfigurationItemChanged,
    DeliveryRecorded,
    ObligationOpened,
    ObligationChanged,
    ObligationBreached,
    ObligationFulfilled,
    BreachRecorded,
    AdvisoryIssued,
    AdvisoryResent,
    AdvisoryChanged,
    AdvisoryRefused,
)
