"""The registers over one unit of work."""

from contracts.adapters.register_announce import OutboxRegisterAnnouncer
from contracts.adapters.register_stores import (
    Advisories,
    Breaches,
    Deliveries,
    Entries,
    Items,
    Obligations,
    Rules,
    SupportEnds,
)
from contracts.application.register_ports import Registers
from shared.unit_of_work import UnitOfWork


def registers_of(uow: UnitOfWork) -> Registers:
    """The registers as a use case works with them in this transaction."""
    return Registers(
        items=Items(uow),
        rules=Rules(uow),
        support_ends=SupportEnds(uow),
        deliveries=Deliveries(uow),
        obligations=Obligations(uow),
        breaches=Breaches(uow),
        advisories=Advisories(uow),
        entries=Entries(uow),
        announcer=OutboxRegisterAnnouncer(uow),
    )
