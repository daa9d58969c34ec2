"""What a client buys is what the services do: the shipped tiers and a preset, activated in the running product."""

from typing import Any

import httpx
import pytest

from shared.testing.running_stack import RunningStack, Tenant

from .thread_client import SignedContract, ThreadClient, eventually

PRICES = {"basique": "150.00", "standard": "300.00", "premium": "600.00"}


@pytest.fixture(scope="module")
def sold(running_stack: RunningStack, agency: Tenant) -> dict[str, SignedContract]:
    """One contract of each tier. Nobody answers at .example, which makes outages that are nobody's concern here."""
    with ThreadClient(running_stack, running_stack.token(agency)) as thread:
        return {
            plan: thread.activate_contract(
                thread.create_client(f"Client of {plan}"),
                [(f"Site of {plan}", f"https://{plan}.example/")],
                plan=plan,
                price=price,
                alert_emails=[f"alerts-of-{plan}@agency.example"],
            )
            for plan, price in PRICES.items()
        }


def monitors(thread: ThreadClient, contract: SignedContract) -> dict[str, int]:
    """Deliverable to interval of what is watched under a contract."""

    def there() -> dict[str, int] | None:
        found = thread.monitors(contract)
        return {each["deliverable"]: each["cadence"]["interval_seconds"] for each in found} or None

    return eventually(there, 30, "probes follows the contract")


def scheduled(thread: ThreadClient, contract: SignedContract) -> Any:
    def there() -> Any:
        found = thread.get("incidents", "/v1/work-order-schedules", limit=200)["data"]
        return next((each for each in found if each["contract_id"] == contract.contract_id), None)

    return eventually(there, 30, "incidents schedules the promised updates")


@pytest.mark.capability("K05", "P01")
def test_basique_is_a_check_every_three_minutes_mail_a_monthly_report_and_a_monthly_update(
    thread: ThreadClient, sold: dict[str, SignedContract]
) -> None:
    assert monitors(thread, sold["basique"]) == {"uptime_monitoring": 180}
    schedule = scheduled(thread, sold["basique"])
    assert (schedule["deliverable"], schedule["recurrence"], schedule["work"]) == (
        "cms_updates",
        "FREQ=MONTHLY",
        "update",
    )
    state = thread.get("contracts", f"/v1/contracts/{sold['basique'].contract_id}/effective")["state"]
    assert (state["alerts"]["emails"], state["reports"]) == (["alerts-of-basique@agency.example"], {"monthly": True})


@pytest.mark.capability("K06", "P02")
def test_standard_is_a_check_every_minute_a_status_page_and_an_earlier_place_in_the_queue(
    thread: ThreadClient, sold: dict[str, SignedContract], running_stack: RunningStack
) -> None:
    assert set(monitors(thread, sold["standard"]).values()) == {60}

    def page() -> httpx.Response | None:
        answer = httpx.get(f"{running_stack.reporting_url}/status/{sold['standard'].slug}", trust_env=False)
        return answer if answer.status_code == 200 else None

    assert "Site of standard" in eventually(page, 30, "the status page is there").text
    asked = {"form": "assistance", "title": "How do I add a page?", "topic": "Editing pages"}
    items = {
        plan: thread.post("incidents", "/v1/requests", asked | {"contract_id": sold[plan].contract_id})["item_id"]
        for plan in ("basique", "standard")
    }
    queue: list[str] = []
    page_of_queue: dict[str, Any] = {"next_cursor": None}
    while not queue or page_of_queue["next_cursor"]:  # other tests' items wait in it, too
        more = {"cursor": page_of_queue["next_cursor"]} if queue else {}
        page_of_queue = thread.get("incidents", "/v1/queue", limit=200, **more)
        queue += [each["item"]["item_id"] for each in page_of_queue["data"]]
    assert queue.index(items["standard"]) < queue.index(items["basique"])


@pytest.mark.capability("K07", "P03")
def test_premium_is_a_check_every_thirty_seconds_its_certificate_and_an_uptime_commitment(
    thread: ThreadClient, sold: dict[str, SignedContract]
) -> None:
    assert monitors(thread, sold["premium"]) == {"uptime_monitoring": 30, "certificate_monitoring": 3600}
    state = thread.get("contracts", f"/v1/contracts/{sold['premium'].contract_id}/effective")["state"]
    assert state["uptime"]["target_percent"] == "99.9"
    types = {each["type"] for each in state["deliverables"]}
    assert {"performance_monitoring", "performance_review"} <= types


@pytest.mark.capability("K10")
def test_four_business_hours_from_friday_evening_end_on_monday_by_the_calendar_that_the_contract_prints(
    thread: ThreadClient, sold: dict[str, SignedContract]
) -> None:
    state = thread.get("contracts", f"/v1/contracts/{sold['basique'].contract_id}/effective")["state"]
    response = state["response"]
    asked = {
        "calendars": state["calendars"],
        "policies": {"critical": {"target": response["targets"][0]["response"], "calendar": response["calendar"]}},
        "events": [{"type": "opened", "at": "2026-06-05T17:00:00+02:00", "policy": "critical"}],
        "as_of": "2026-06-08T09:00:00+02:00",
    }
    clock = thread.post("incidents", "/v1/calculators/sla-clock", asked)
    assert (clock["target_seconds"], clock["due_at"]) == (4 * 3600, "2026-06-08T10:00:00Z")


@pytest.mark.capability("K63")
def test_the_preset_of_hotels_has_its_pages_watched_once_the_contract_is_in_force(thread: ThreadClient) -> None:
    preset = thread.get("contracts", "/v1/sector-presets/hotels_tourism")
    contract = thread.activate_contract(
        thread.create_client("Hôtel des Saisons"),
        [("Hôtel des Saisons", "https://saisons.example/")],
        sector=preset["sector"],
    )

    def group() -> Any:
        found = thread.get("probes", "/v1/monitor-groups", limit=200)["data"]
        return next((each for each in found if each["contract_id"] == contract.contract_id), None)

    made = eventually(group, 30, "probes watches the pages of the preset")
    details = thread.get("probes", f"/v1/monitor-groups/{made['group_id']}")
    assert sorted(page["url"] for page in details["pages"]) == [
        "https://saisons.example/",
        "https://saisons.example/booking",
        "https://saisons.example/destinations",
        "https://saisons.example/offers",
    ]
    assert details["configuration"]["profile"] == "mobile"
    assert {period["interval_seconds"] for period in details["critical_periods"]} == {60}
