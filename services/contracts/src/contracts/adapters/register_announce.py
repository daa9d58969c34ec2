"""From the registers to the published events."""

from collections.abc import Mapping
from typing import Any

from contracts.application.advice import Advisory
from contracts.application.configuration import ConfigurationItem, ConfigurationVersion
from contracts.application.deliveries import Delivery
from contracts.application.obligations import Breach, Obligation
from contracts.application.register_records import Record
from contracts.published.registers_v1 import (
    AdviceDelivery,
    AdvisoryChanged,
    AdvisoryIssued,
    AdvisoryRefused,
    AdvisoryResent,
    BreachRecorded,
    ConfigurationItemChanged,
    DeliveryRecorded,
    HeldVersion,
    ObligationBreached,
    ObligationChanged,
    ObligationFulfilled,
    ObligationOpened,
)
from shared.events import PublishedEvent
from shared.unit_of_work import UnitOfWork

_OBLIGATIONS: Mapping[str, type[PublishedEvent]] = {
    "opened": ObligationOpened,
    "changed": ObligationChanged,
    "breached": ObligationBreached,
    "fulfilled": ObligationFulfilled,
}
_ADVICE: Mapping[str, type[PublishedEvent]] = {
    "issued": AdvisoryIssued,
    "resent": AdvisoryResent,
    "changed": AdvisoryChanged,
    "refused": AdvisoryRefused,
}


class OutboxRegisterAnnouncer:
    """Says events into the outbox of a unit of work."""

    def __init__(self, uow: UnitOfWork) -> None:
        self._uow = uow

    def item_changed(self, item: ConfigurationItem, current: ConfigurationVersion | None) -> None:
        held = None if current is None else current.model_dump(mode="json", include=set(HeldVersion.model_fields))
        self._say(ConfigurationItemChanged, item, held=held)

    def delivered(self, delivery: Delivery) -> None:
        self._say(DeliveryRecorded, delivery)

    def obligation_changed(self, obligation: Obligation, change: str) -> None:
        self._say(_OBLIGATIONS[change], obligation)

    def breach_changed(self, breach: Breach) -> None:
        self._say(BreachRecorded, breach)

    def advisory_changed(self, advisory: Advisory, change: str) -> None:
        told = advisory.model_dump(mode="json", include={"sent_at", "deliveries"})
        sent = told["sent_at"]
        # Whoever recorded a delivery, and by which evidence, is the agency's own affair.
        reached = [{name: each[name] for name in AdviceDelivery.model_fields} for each in told["deliveries"]]
        self._say(
            _ADVICE[change],
            advisory,
            issued_at=sent[0],
            last_sent_at=sent[-1],
            times_sent=len(sent),
            deliveries=reached,
        )

    def _say(self, event: type[PublishedEvent], record: Record, **derived: Any) -> None:
        content = record.model_dump(mode="json", include=set(event.model_fields)) | derived
        self._uow.publish(event.model_validate(content), version=record.version)
