"""From what the application says to the published events."""

from collections.abc import Mapping

from contracts.application.clients import Client
from contracts.application.contracts import Change, Contract, ContractState
from contracts.application.maintenance import MaintenanceWindow
from contracts.application.sent_messages import WrittenMessage
from contracts.application.settling import ClosedSettlement, SettlementRecord
from contracts.application.sites import Site
from contracts.domain.contract_term import TermReading
from contracts.published.messages_v1 import MessageWritten
from contracts.published.settlements_v1 import SettlementClosed
from contracts.published.v1 import (
    ClientChanged,
    ContractActivated,
    ContractAmended,
    ContractNoticeDue,
    ContractSuspended,
    ContractTerminated,
    MaintenanceCancelled,
    MaintenanceScheduled,
    SiteChanged,
)
from contracts.published.v1 import ContractState as PublishedState
from shared.unit_of_work import UnitOfWork

_SAYS: Mapping[Change, type[PublishedState]] = {
    "activated": ContractActivated,
    "amended": ContractAmended,
    "renewed": ContractAmended,
    "price_revised": ContractAmended,
    "critical_period": ContractAmended,
    "suspended": ContractSuspended,
    "resumed": ContractActivated,
    "terminated": ContractTerminated,
    "expired": ContractTerminated,
}
"""Which event tells a change. A resumed contract is in force again, which is all that others need to know.

What the parties signed beforehand, a renewal or a revision of the price, is told like what they sign anew; `change` in
the event says which.
"""


class OutboxAnnouncer:
    """Says events into the outbox of a unit of work."""

    def __init__(self, uow: UnitOfWork) -> None:
        self._uow = uow

    def client_changed(self, client: Client) -> None:
        content = client.model_dump(mode="json", exclude={"created_at", "updated_at", "contacts"})
        content["contacts"] = [contact.model_dump(mode="json", exclude={"version"}) for contact in client.contacts]
        self._uow.publish(ClientChanged.model_validate(content), version=client.version)

    def site_changed(self, site: Site) -> None:
        content = site.model_dump(mode="json", exclude={"created_at", "updated_at", "environments"})
        content["environments"] = [item.model_dump(mode="json", exclude={"version"}) for item in site.environments]
        self._uow.publish(SiteChanged.model_validate(content), version=site.version)

    def maintenance_changed(self, window: MaintenanceWindow) -> None:
        content = window.model_dump(mode="json", exclude={"created_at", "updated_at", "cancel_reason"})
        event = MaintenanceCancelled if window.status == "cancelled" else MaintenanceScheduled
        self._uow.publish(event.model_validate(content), version=window.version)

    def contract_changed(self, state: ContractState) -> None:
        self._uow.publish(_SAYS[state.change].model_validate(state.state), version=state.version)

    def notice_due(self, contract: Contract, term: TermReading) -> None:
        agreed = contract.terms.term
        assert agreed is not None  # what has a reading has a term
        event = ContractNoticeDue(
            contract_id=contract.contract_id,
            version=contract.version,
            client_id=contract.client_id,
            number=contract.number,
            renewal=agreed.renewal.kind,
            term_from=term.current_term.first,
            term_to=term.current_term.end,
            notice_deadline=term.notice_deadline,
            alert_on=term.alert_on,
        )
        self._uow.publish(event, version=contract.version)

    def message_written(self, message: WrittenMessage) -> None:
        self._uow.publish(MessageWritten.model_validate(message.model_dump(mode="json")), version=1)

    def settlement_closed(self, record: SettlementRecord, closed: ClosedSettlement) -> None:
        event = SettlementClosed(
            settlement_id=closed.settlement_id,
            version=record.version,
            contract_id=closed.contract_id,
            client_id=closed.client_id,
            number=closed.number,
            hash=closed.hash,
            reason=closed.reason,
            closed_at=closed.closed_at,
            computed_at=record.computed_at,
            claims_until=record.claims_until,
            settlement=closed.content,
        )
        self._uow.publish(event, version=record.version)
