"""What the client's decider has yet to approve by name: the freezes of the contract in which something would happen."""

from datetime import date, datetime, time

from incidents.application.changes import window_of
from incidents.application.items import desk_of, zone_of
from incidents.application.ports import Ports
from incidents.application.work_orders import UPDATE
from incidents.domain.work_item import Act, Kind, Status, WorkItem


async def freezes_to_approve(ports: Ports, item: WorkItem) -> list[str]:
    """The names of the freezes that stop an estimated change in its window, or an update that has not begun.

    An update is done on its day, or today when that has passed. `adapters.queue` lists by the same rule.
    """
    approved: list[str] = []
    if item.kind is Kind.CHANGE and item.status is Status.ESTIMATED:
        zone = await zone_of(ports, item)
        first, last = window_of(item)
    elif item.kind is Kind.WORK_ORDER and Act.START in item.allowed and item.details["work"] == UPDATE:
        zone = await zone_of(ports, item)
        today = ports.now.astimezone(zone).date()
        day = max(date.fromisoformat(item.details["planned_on"]), today)
        first = last = datetime.combine(day, time(), tzinfo=zone)
        approved = (item.details.get("approval") or {}).get("approved_freezes", [])
    else:
        return []
    desk = await desk_of(ports, item.subject.contract_id, ports.now)
    return [freeze.name for freeze in desk.freezes_between(first, last, zone) if freeze.name not in approved]
