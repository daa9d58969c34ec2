"""Work on hours lines: real minutes as they were, accounted as the contract says, corrected without changing a fact."""

from typing import Any

import pytest

from .conftest import Agreement, Desk
from .filing import Filing, wrong_at

WORK = {
    "line": "technical",
    "work_class": "corrective",
    "person_name": "Ada Martin",
    "worked_on": "2026-06-08",
    "real_minutes": 50,
}


def hours(unit: int = 15, per: str = "entry") -> dict[str, Any]:
    return {
        "hours": {"lines": [{"code": "technical"}, {"code": "web"}], "accounting": {"unit_minutes": unit, "per": per}}
    }


@pytest.fixture
async def filing(desk: Desk, agreement: Agreement) -> Filing:
    await desk.activate(agreement, **hours())
    filing = Filing(desk, agreement, desk.client(agreement), "")
    filing.item_id = await filing.new_item()
    return filing


async def log(filing: Filing, status: int = 201, **changes: Any) -> dict[str, Any]:
    return await filing.post("/v1/time-entries", filing.under | WORK | changes, status)


async def totals(filing: Filing, month: str = "2026-06") -> dict[str, tuple[int, int, int]]:
    answer = await filing.client.get(f"/v1/time-totals/{filing.agreement.contract_id}", params={"month": month})
    assert answer.status_code == 200, answer.text
    return {
        line["line"]: (line["real_minutes"], line["accounted_minutes"], line["covered_minutes"])
        for line in answer.json()["lines"]
    }


@pytest.mark.capability("I12")
async def test_work_is_accounted_by_its_largest_multiplier_and_the_contracts_unit(filing: Filing) -> None:
    entry = await log(filing, multipliers=["1.25", "1.5"])
    assert (entry["real_minutes"], entry["accounted_minutes"], entry["item_id"]) == (50, 75, None)
    assert (await log(filing, real_minutes=1, item_id=filing.item_id))["accounted_minutes"] == 15
    assert (await log(filing, line="web", covered=True))["accounted_minutes"] == 0
    assert await totals(filing) == {"technical": (51, 90, 0), "web": (50, 0, 50)}
    (first, *_) = await filing.said("time_entry")
    assert (first["line"], first["real_minutes"], first["multipliers"], first["unit_minutes"]) == (
        "technical",
        50,
        ["1.25", "1.5"],
        15,
    )


async def test_a_ticket_is_rounded_up_once_a_day_where_the_contract_says_so(desk: Desk, agreement: Agreement) -> None:
    await desk.activate(agreement, **hours(per="ticket_day"))
    filing = Filing(desk, agreement, desk.client(agreement), "")
    filing.item_id = await filing.new_item()
    for minutes in (5, 6):
        entry = await log(filing, real_minutes=minutes, item_id=filing.item_id)
        assert entry["accounted_minutes"] is None
    assert (await log(filing, real_minutes=5))["accounted_minutes"] == 15
    assert await totals(filing) == {"technical": (16, 30, 0)}


@pytest.mark.capability("I12")
async def test_a_correction_takes_the_wrong_entry_back_and_writes_the_right_one(filing: Filing) -> None:
    wrong = await log(filing, worked_on="2026-05-29")
    path = f"/v1/time-entries/{wrong['time_entry_id']}/correct"
    corrected = await filing.post(path, {"instead": WORK | {"real_minutes": 40, "worked_on": "2026-05-29"}})
    reversal, entry = corrected["reversal"], corrected["entry"]
    assert (reversal["real_minutes"], reversal["accounted_minutes"]) == (-50, -60)
    assert (reversal["reverses_id"], reversal["worked_on"]) == (wrong["time_entry_id"], "2026-05-29")
    assert (entry["real_minutes"], entry["corrects_id"]) == (40, wrong["time_entry_id"])
    assert await totals(filing, "2026-05") == {"technical": (40, 45, 0)}
    assert len(await filing.listed("/v1/time-entries")) == 3
    await filing.post(path, {"instead": None}, 409)
    await filing.post(f"/v1/time-entries/{reversal['time_entry_id']}/correct", {"instead": None}, 409)
    await filing.post(f"/v1/time-entries/{entry['time_entry_id']}/correct", {"instead": None})
    assert await totals(filing, "2026-05") == {"technical": (0, 0, 0)}
    assert [one["version"] for one in await filing.said("time_entry")] == [1, 1, 1, 1]


async def test_work_is_logged_on_a_line_of_the_contract_and_not_in_advance(filing: Filing) -> None:
    assert wrong_at(await log(filing, 422, line="gardening")) == ["#/line"]
    assert wrong_at(await log(filing, 422, worked_on="2026-06-09")) == ["#/worked_on"]
    for nearly in ("50", True, 50.5, -1, 1441):
        assert wrong_at(await log(filing, 422, real_minutes=nearly)) == ["#/real_minutes"]
    assert wrong_at(await log(filing, 422, covered=1)) == ["#/covered"]
    wrong = await log(filing)
    refused = await filing.post(
        f"/v1/time-entries/{wrong['time_entry_id']}/correct", {"instead": WORK | {"line": "gardening"}}, 422
    )
    assert wrong_at(refused) == ["#/instead/line"]
    assert await totals(filing) == {"technical": (50, 60, 0)}


async def test_work_is_accounted_by_the_version_that_was_in_force_on_its_date(filing: Filing) -> None:
    await filing.desk.activate(filing.agreement, 2, effective_from="2026-06-05T00:00:00Z", **hours(unit=30))
    assert (await log(filing, worked_on="2026-06-04"))["unit_minutes"] == 15
    assert (await log(filing, worked_on="2026-06-05"))["unit_minutes"] == 30
    assert (await log(filing, worked_on="2020-01-01"))["unit_minutes"] == 15
    assert await totals(filing) == {"technical": (100, 120, 0)}


async def test_a_contract_that_says_nothing_of_hours_takes_any_line_by_the_minute(
    desk: Desk, agreement: Agreement
) -> None:
    await desk.activate(agreement)
    filing = Filing(desk, agreement, desk.client(agreement), "")
    assert (await log(filing, line="anything", real_minutes=7))["accounted_minutes"] == 7


@pytest.mark.capability("I09")
async def test_what_helps_users_draws_on_the_line_assistance(desk: Desk, agreement: Agreement) -> None:
    lines = {"lines": [{"code": "technical"}, {"code": "assistance"}]}
    await desk.activate(agreement, hours=lines)
    filing = Filing(desk, agreement, desk.client(agreement), "")
    question = filing.under | {"form": "assistance", "title": "How do I add a page?", "topic": "Editing pages"}
    request = await filing.post("/v1/requests", question)
    assert request["category"] == "assistance"
    unsaid = {name: value for name, value in WORK.items() if name not in ("line", "work_class")}
    on_request = filing.under | unsaid | {"item_id": request["item_id"]}
    entry = await filing.post("/v1/time-entries", on_request)
    assert (entry["line"], entry["work_class"]) == ("assistance", "assistance")
    elsewhere = await filing.post("/v1/time-entries", on_request | {"line": "technical"}, 422)
    assert wrong_at(elsewhere) == ["#/line"]
    # What was mended on the way is no assistance, and says where it belongs.
    mended = on_request | {"work_class": "corrective"}
    assert wrong_at(await filing.post("/v1/time-entries", mended, 422)) == ["#/line"]
    await filing.post("/v1/time-entries", mended | {"line": "technical"})
    assert await totals(filing) == {"assistance": (50, 50, 0), "technical": (50, 50, 0)}
    path = f"/v1/time-entries/{entry['time_entry_id']}/correct"
    corrected = await filing.post(path, {"instead": unsaid | {"real_minutes": 20}})
    assert (corrected["entry"]["line"], corrected["entry"]["real_minutes"]) == ("assistance", 20)


async def test_work_of_a_class_that_a_line_covers_lands_there_and_tells_whether_its_item_is_covered(
    desk: Desk, agreement: Agreement
) -> None:
    lines = [{"code": "technical", "work_classes": ["dependency_upgrade"]}, {"code": "web"}]
    await desk.activate(agreement, hours={"lines": lines})
    filing = Filing(desk, agreement, desk.client(agreement), "")
    entry = await log(filing, line=None, work_class="dependency_upgrade")
    assert (entry["line"], entry["work_class"]) == ("technical", "dependency_upgrade")
    assert wrong_at(await log(filing, 422, line=None, work_class="web_fix")) == ["#/line"]
    assert wrong_at(await log(filing, 422, work_class="Web fix")) == ["#/work_class"]
    item_id = await filing.new_item()
    await filing.post(f"/v1/items/{item_id}/scope", {"verdict": "out_of_scope", "reason": "Another shop"}, 200)
    await log(filing, item_id=item_id)
    first, second = await filing.said("time_entry")
    assert (first["scope_verdict"], first["item_version"]) == (None, None)
    published = await desk.said(agreement.tenant_id)
    (*_, judged) = [data for name, _, data in published if name == "incident.changed.v1"]
    assert (second["scope_verdict"], judged["scope_verdict"]) == ("out_of_scope", "out_of_scope")
    assert second["item_version"] >= judged["version"]


async def test_work_without_a_request_says_its_line_and_class_and_a_contract_without_that_line_says_so(
    filing: Filing,
) -> None:
    assert wrong_at(await log(filing, 422, line=None)) == ["#/line"]
    assert wrong_at(await log(filing, 422, work_class=None)) == ["#/work_class"]
    assert (await log(filing, work_class=None, item_id=filing.item_id))["work_class"] == "corrective"
    question = filing.under | {"form": "assistance", "title": "How do I add a page?", "topic": "Editing pages"}
    request = await filing.post("/v1/requests", question)
    helped = {"item_id": request["item_id"], "work_class": "assistance"}
    assert wrong_at(await log(filing, 422, **helped, line=None)) == ["#/line"]
    assert (await log(filing, **helped, line="web"))["line"] == "web"


async def test_entries_are_found_by_date_line_and_class_and_exported(filing: Filing) -> None:
    await log(filing, worked_on="2026-05-31")
    await log(filing, line="web", work_class="assistance", note="@Paul, the export")
    await log(filing, mode="on_site")
    assert len(await filing.listed("/v1/time-entries", **{"from": "2026-06-01", "to": "2026-07-01"})) == 2
    assert len(await filing.listed("/v1/time-entries", line="technical")) == 2
    assert [one["line"] for one in await filing.listed("/v1/time-entries", work_class="assistance")] == ["web"]
    exported = await filing.client.get("/v1/time-entries.csv", params={"from": "2026-06-01"})
    header, *lines = exported.text.splitlines()
    assert header.split(",")[:6] == ["id", "worked_on", "line", "work_class", "person_name", "real_minutes"]
    assert [line.split(",")[1:6] for line in lines] == [
        ["2026-06-08", "web", "assistance", "Ada Martin", "50"],
        ["2026-06-08", "technical", "corrective", "Ada Martin", "50"],
    ]
    assert '"\'@Paul, the export"' in lines[0]


async def test_the_client_sees_the_entries_that_are_meant_for_him_but_no_totals_of_the_rest(filing: Filing) -> None:
    await log(filing, audience="client")
    await log(filing)
    async with filing.desk.client(filing.agreement, "client_decider") as decider:
        assert len((await decider.get("/v1/time-entries")).json()["data"]) == 1
        assert len((await decider.get("/v1/time-entries.csv")).text.splitlines()) == 2
        path = f"/v1/time-totals/{filing.agreement.contract_id}"
        assert (await decider.get(path, params={"month": "2026-06"})).status_code == 403
        logged = await decider.post("/v1/time-entries", json=filing.under | WORK)
        assert logged.status_code == 403
