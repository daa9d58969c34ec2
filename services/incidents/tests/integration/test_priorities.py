"""How urgent the work was called: per agency, client and contract, month by month, with what makes up each figure."""

from datetime import datetime, timedelta
from typing import Any

import httpx
import pytest

from shared.ids import new_id

from .conftest import PLAIN_DESK, Agreement, Desk
from .test_api import a_report

QUOTA: dict[str, Any] = {
    "service_desk": PLAIN_DESK | {"urgent": {"severities": ["critical"], "quota_percent": 40, "window_days": 30}}
}
LONG: dict[str, Any] = {"lifetime": timedelta(days=150)}


async def came_in(desk: Desk, client: httpx.AsyncClient, agreement: Agreement, at: str, *severities: str) -> list[str]:
    """One incident of each severity at an instant; their ids."""
    desk.clock.set(datetime.fromisoformat(at))
    made = []
    for severity in severities:
        answer = await client.post("/v1/incidents", json=a_report(agreement, occurred_at=None, severity=severity))
        assert answer.status_code == 201, answer.text
        made.append(answer.json()["incident_id"])
    return made


async def read(client: httpx.AsyncClient, path: str = "", **query: Any) -> Any:
    answer = await client.get(f"/v1/priorities{path}", params=query)
    assert answer.status_code == 200, answer.text
    return answer.json()


def figures(month: dict[str, Any]) -> tuple[Any, ...]:
    return (month["came_in"], month["urgent"], month["urgent_percent"], month["over_quota"])


@pytest.mark.capability("R27")
async def test_the_agency_sees_over_time_how_much_was_urgent_of_all_its_clients_and_of_each(desk: Desk) -> None:
    one = Agreement()
    other = Agreement(tenant_id=one.tenant_id)
    broad = {"urgent": {"severities": ["critical", "major"], "quota_percent": 90, "window_days": 30}}
    await desk.activate(one, **QUOTA)
    await desk.activate(other, number="C-2026-0002", service_desk=PLAIN_DESK | broad)
    async with desk.client(one, **LONG) as agency:
        await came_in(desk, agency, one, "2026-06-10T09:00:00Z", "critical", "minor", "minor")
        # The last instant of July and the first of August in Paris.
        await came_in(desk, agency, one, "2026-07-31T21:59:59Z", "critical", "minor")
        await came_in(desk, agency, other, "2026-07-31T22:00:00Z", "major", "major", "minor")
        trend = await read(agency, month="2026-08", months=3)
        june, july, august = trend["months"]
        assert [figures(month) for month in (june, july, august)] == [
            (3, 1, "33.33", 0),
            (2, 1, "50.00", 1),
            (3, 2, "66.66", 0),
        ]
        assert [month["change_points"] for month in (june, july, august)] == [None, "16.67", "16.66"]
        assert (july["from"], july["to"], july["complete"]) == ("2026-06-30T22:00:00Z", "2026-07-31T22:00:00Z", True)
        assert (august["complete"], august["by_severity"]) == (False, {"major": 2, "minor": 1})
        # Whatever was over its quota as it came in was put before the client's decider: the first ones of each month.
        assert [month["arbitrations"] for month in (june, july, august)] == [1, 1, 2]
        mine = (await read(agency, month="2026-08", months=3, client_id=str(other.client_id)))["months"]
        assert [figures(month) for month in mine] == [(0, 0, None, 0), (0, 0, None, 0), (3, 2, "66.66", 0)]
        theirs = (await read(agency, month="2026-08", months=1, contract_id=str(one.contract_id)))["months"]
        assert [figures(month) for month in theirs] == [(0, 0, None, 0)]


@pytest.mark.capability("R27")
async def test_each_client_is_explained_by_what_its_contracts_call_urgent_and_by_the_items(desk: Desk) -> None:
    one = Agreement()
    other = Agreement(tenant_id=one.tenant_id)
    await desk.activate(one, **QUOTA)
    await desk.activate(other, number="C-2026-0002", **QUOTA)
    async with desk.client(one, **LONG) as agency:
        await came_in(desk, agency, one, "2026-06-10T09:00:00Z", "minor", "minor", "minor")
        urgent, _ = await came_in(desk, agency, one, "2026-07-10T09:00:00Z", "critical", "minor")
        first = await read(agency, "/clients", month="2026-07", limit=1)
        second = await read(agency, "/clients", month="2026-07", limit=1, cursor=first["next_cursor"])
        assert second["next_cursor"] is None
        clients = {each["client_id"]: each for page in (first, second) for each in page["data"]}
        assert set(clients) == {str(one.client_id), str(other.client_id)}
        mine = clients[str(one.client_id)]
        assert figures(mine) == (2, 1, "50.00", 1)
        assert (mine["client_name"], mine["urgent_percent_before"], mine["change_points"]) == (
            "Boulangerie Martin",
            "0.00",
            "50.00",
        )
        assert mine["contracts"] == [
            {
                "contract_id": str(one.contract_id),
                "number": "C-2026-0001",
                "urgent_severities": ["critical"],
                "quota_percent": 40,
                "came_in": 2,
                "urgent": 1,
                "urgent_percent": "50.00",
                "quota_exceeded": True,
            }
        ]
        assert clients[str(other.client_id)]["contracts"] == []
        page = await read(agency, "/items", month="2026-07", limit=1)
        rest = await read(agency, "/items", month="2026-07", limit=1, cursor=page["next_cursor"])
        assert [(each["urgent"], each["severity"]) for each in (*page["data"], *rest["data"])] == [
            (False, "minor"),
            (True, "critical"),
        ]
        (only,) = (await read(agency, "/items", month="2026-07", severity="critical"))["data"]
        assert only["item_id"] == urgent


@pytest.mark.capability("R27")
async def test_what_is_judged_or_agreed_later_changes_no_month_that_is_over(desk: Desk) -> None:
    one = Agreement()
    await desk.activate(one, **QUOTA)
    async with desk.client(one, **LONG) as agency:
        first, _ = await came_in(desk, agency, one, "2026-06-10T09:00:00Z", "minor", "minor")
        judged = {"severity": "critical", "reason": "Nobody can order."}
        assert (await agency.post(f"/v1/items/{first}/classification", json=judged)).status_code == 200
        desk.clock.set(datetime.fromisoformat("2026-07-02T09:00:00Z"))
        before = await read(agency, month="2026-06", months=1)
        assert figures(before["months"][0]) == (2, 1, "50.00", 1)
        (item,) = (await read(agency, "/items", month="2026-06", severity="critical"))["data"]
        assert [(each["before"], each["after"], each["reason"]) for each in item["judgements"]] == [
            ("minor", "critical", "Nobody can order.")
        ]
        again = {"severity": "minor", "reason": "It was not so bad."}
        assert (await agency.post(f"/v1/items/{first}/classification", json=again)).status_code == 200
        later = {"urgent": {"severities": ["critical", "minor"], "quota_percent": 0, "window_days": 30}}
        # In force from the first instant of July in Paris on, which is no instant of June.
        await desk.activate(one, 2, effective_from="2026-06-30T22:00:00Z", service_desk=PLAIN_DESK | later)
        assert (await read(agency, month="2026-06", months=1))["months"] == before["months"]
        assert (await read(agency, "/items", month="2026-06", severity="critical"))["data"] == [item]


async def test_the_dashboard_is_for_the_agency_alone_and_each_sees_its_own(desk: Desk) -> None:
    one, stranger = Agreement(), Agreement()
    await desk.activate(one, **QUOTA)
    await desk.activate(stranger, **QUOTA)
    async with desk.client(one, **LONG) as agency:
        await came_in(desk, agency, one, "2026-06-10T09:00:00Z", "critical")
        for query in ({"months": "0"}, {"months": "37"}, {"month": "2026-13"}, {"month": "1999-01"}):
            assert (await agency.get("/v1/priorities", params=query)).status_code == 422
        assert (await agency.get("/v1/priorities", params={"time_zone": "Paris"})).status_code == 422
    for role in ("client_decider", "client_staff"):
        async with desk.client(one, role, **LONG) as client:
            for path in ("", "/clients", "/items"):
                assert (await client.get(f"/v1/priorities{path}")).status_code == 403
    async with desk.client(stranger, **LONG) as other:
        assert (await read(other, month="2026-06", months=1))["months"][0]["came_in"] == 0
        assert (await read(other, "/items", month="2026-06"))["data"] == []
        listed = (await read(other, "/clients", month="2026-06"))["data"]
        assert [each["client_id"] for each in listed] == [str(stranger.client_id)]
        whose = await read(other, month="2026-06", months=1, client_id=str(one.client_id))
        assert whose["months"][0]["came_in"] == 0
        assert (await read(other, month="2026-06", months=1, client_id=str(new_id())))["months"][0]["came_in"] == 0
