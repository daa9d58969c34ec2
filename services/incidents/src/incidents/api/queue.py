"""What waits, in the order in which it should be done, and how the queues stand."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from fastapi import APIRouter

from incidents.adapters import queue
from incidents.adapters.tables import ContractTermsRow, WorkItemRow
from incidents.api.answers import lines
from incidents.api.dependencies import InPorts, Reader
from incidents.api.desk_models import ClientsDecision, ContractFigures, ItemLine, QueueEntry
from incidents.application.items import desk_of
from incidents.application.ports import Ports
from incidents.domain.work_item import Kind, Status
from shared.pagination import Page, PageParams, paginate
from shared.service import Unit

router = APIRouter(prefix="/v1/queue", tags=["queue"])

_LISTED = 200


@router.get("", summary="Read the queue")
async def get_queue(
    unit: Unit, principal: Reader, params: PageParams, contract_id: UUID | None = None
) -> Page[QueueEntry]:
    """Everything that waits: by its severity, the rank of its contract (1 first), whether that is in a freeze period,
    the place that the client's decider gave it, and when its first clock is over its target.
    """
    ordered = queue.Queue(unit.now, contract_id)
    found: Page[Any] = await paginate(
        unit.session,
        ordered.waiting(),
        columns=ordered.order(),
        params=params,
        to_item=lambda row: row,
    )
    items = await lines(unit, [row[0] for row in found.data])
    entries = [QueueEntry.model_validate(_told(row, item)) for row, item in zip(found.data, items, strict=True)]
    return Page[QueueEntry](data=entries, next_cursor=found.next_cursor)


@router.get("/decisions", summary="Read what waits for the client")
async def get_queue_decisions(
    unit: Unit, principal: Reader, params: PageParams, contract_id: UUID | None = None
) -> Page[ClientsDecision]:
    """What goes on only when the client's decider says so, in the order of the queue: changes to approve or to accept,
    and updates that fall into freezes of the contract which he has not approved by name.
    """
    ordered = queue.Queue(unit.now, contract_id)
    found: Page[Any] = await paginate(
        unit.session,
        ordered.decisions(),
        columns=ordered.order(),
        params=params,
        to_item=lambda row: row,
    )
    items = await lines(unit, [row[0] for row in found.data])
    waiting = [
        ClientsDecision.model_validate(
            _told(row, item)
            | {
                "decision": "accept" if item.status is Status.DEPLOYED else "approve",
                "freezes_to_approve": _to_approve(row),
            }
        )
        for row, item in zip(found.data, items, strict=True)
    ]
    return Page[ClientsDecision](data=waiting, next_cursor=found.next_cursor)


def _told(row: Any, item: ItemLine) -> dict[str, Any]:
    return {
        "contract_rank": row.contract_rank,
        "in_freeze": row.in_freeze,
        "decided_rank": item.decided_rank,
        "severity_rank": row.severity_rank,
        "breach_after": row.breach_after,
        "item": item,
    }


def _to_approve(row: Any) -> list[str]:
    """What a change was approved with counts for the estimate of then; what is deployed was approved."""
    item: WorkItemRow = row[0]
    if item.status == Status.DEPLOYED:
        return []
    approved = item.details.get("approval", {}) if item.kind == Kind.WORK_ORDER else {}
    return [name for name in row.freezes if name not in approved.get("approved_freezes", [])]


@router.get("/figures", summary="Read how the queues stand")
async def get_queue_figures(
    ports: InPorts, unit: Unit, principal: Reader, params: PageParams, contract_id: UUID | None = None
) -> Page[ContractFigures]:
    """Per contract: the backlog with its age and cap, the share of urgent ones against the quota, who has how much."""
    asked = queue.contracts()
    page: Page[UUID] = await paginate(
        unit.session,
        asked.where(ContractTermsRow.contract_id == contract_id) if contract_id is not None else asked,
        columns=(ContractTermsRow.contract_id,),
        params=params,
        to_item=lambda found: found,
    )
    by_contract = await queue.backlog(unit.session, page.data)
    told = await queue.quota_told(unit.session, page.data)
    return Page[ContractFigures](
        data=[await _figures(ports, each, rows, told.get(each)) for each, rows in by_contract.items()],
        next_cursor=page.next_cursor,
    )


async def _figures(
    ports: Ports, contract_id: UUID, rows: Sequence[queue.Waiting], quota_told_at: datetime | None
) -> ContractFigures:
    desk = await desk_of(ports, contract_id, ports.now)
    urgent, total = await ports.items.came_in(contract_id, ports.now - desk.urgent.window, desk.urgent.severities)
    ages = [ports.now - row.opened_at for row in rows]
    by_severity: dict[str, int] = {}
    workload: dict[str, dict[str, Any]] = {}
    for row in rows:
        by_severity[row.severity] = by_severity.get(row.severity, 0) + 1
        if row.assignee_id is not None:
            # By the id: whoever assigns writes the name as he likes, and two people may share one.
            his = workload.setdefault(
                row.assignee_id, {"id": row.assignee_id, "name": row.assignee_name or "", "items": 0}
            )
            his["items"] += 1
    hundredths = urgent * 10_000 // total if total else None
    stale = [row.number for row in rows if ports.now - row.touched_at > desk.backlog.stale_after]
    return ContractFigures.model_validate(
        {
            "contract_id": contract_id,
            "open": len(rows),
            "by_severity": by_severity,
            "cap": desk.backlog.cap,
            "over_cap": len(rows) > desk.backlog.cap,
            "oldest_days": max(ages) // timedelta(days=1) if ages else None,
            "stale": stale[:_LISTED],
            "came_in": total,
            "urgent": urgent,
            "urgent_percent": f"{hundredths // 100}.{hundredths % 100:02d}" if hundredths is not None else None,
            "quota_percent": desk.urgent.percent,
            "quota_exceeded": desk.urgent.exceeded(urgent, total),
            "quota_told_at": quota_told_at,
            "arbitration": [row.number for row in rows if row.arbitration][:_LISTED],
            "workload": sorted(workload.values(), key=lambda his: (-his["items"], his["id"]))[:_LISTED],
        }
    )
