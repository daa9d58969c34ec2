"""Telling people: which messages a fact causes, and to whom."""

from collections.abc import Mapping
from typing import Any

from incidents.application.ports import Notification, Ports, Recipient
from incidents.domain.work_item import WorkItem

FOR_EVERYBODY = frozenset({"opened", "recovered", "reopened"})
"""Facts that the contract's alert addresses hear of. The others (a clock at risk, a target missed) are the agency's."""


MAILED = frozenset({"opened", "recovered", "reopened", "clock_at_risk", "clock_breached"})
"""Facts that are mailed to alert addresses. Channels say themselves what they take."""


async def alert(
    ports: Ports, item: WorkItem, kind: str, *, fact: str = "", details: Mapping[str, Any] | None = None
) -> None:
    """Queues the messages about a fact, in its transaction: one per recipient, whatever list he is on, and channel.

    `fact` tells apart several facts of one kind (the clock, the percentage). Queueing the same fact again reaches only
    recipients who were not known the first time.
    """
    name = ".".join(part for part in (str(item.id), str(item.cycle), kind, fact) if part)
    await ports.alerts.queue_on_channels(item, kind, fact=name, details=details or {})
    if kind not in MAILED:
        return
    recipients: dict[str, Recipient] = {}
    contract = await ports.contracts.newest(item.subject.contract_id) if kind in FOR_EVERYBODY else None
    if contract is not None:
        recipients |= {recipient.email.lower(): recipient for recipient in contract.alerted}
    for recipient in await ports.alerts.agency():
        recipients.setdefault(recipient.email.lower(), recipient)
    await ports.alerts.queue(
        item, [Notification(kind, name, recipient, details or {}) for recipient in recipients.values()]
    )
