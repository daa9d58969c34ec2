"""Where the handlers of this service register, and how they get their ports."""

from collections.abc import Sequence

from incidents.adapters.repository import ports_of
from incidents.application.ports import Ports, Recipient
from shared.consumer import Handlers
from shared.unit_of_work import UnitOfWork

handlers = Handlers("incidents")

_default_recipients: list[Recipient] = []


def alert_by_default(recipients: Sequence[Recipient]) -> None:
    """Whom to alert for tenants without addresses of their own: from the settings, when a process starts.

    Handlers register when they are imported, which is before there are settings.
    """
    _default_recipients[:] = recipients


def ports(uow: UnitOfWork) -> Ports:
    """The ports of a handler's transaction."""
    return ports_of(uow, _default_recipients)
