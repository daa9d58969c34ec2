"""The hours of a contract over the real service: agreed, worked, closed, told late, reviewed."""

import json
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import text
from sqlalchemy.exc import ProgrammingError

from contracts.adapters import hours_announce
from contracts.adapters.workspace import workspace_of
from contracts.application.errors import NotNow
from contracts.application.hours import HoursMonth, HoursOfPeriod, close_hours_month, hours_of_period
from contracts.application.hours_terms import TEN_HOURS
from contracts.domain.contract_hours import days_of
from contracts.domain.contract_term import Days
from contracts.handlers import handlers
from contracts.jobs.hours import review_years, watch_growth
from contracts.published.hours_v1 import HoursReviewProposed, HoursThresholdReached, ReactivityDegraded
from contracts.published.v1 import ContractActivated
from shared.consumer import EventProcessor
from shared.ids import new_id
from shared.kernel.clock import FixedClock

from .conftest import Agency, Installation

pytestmark = pytest.mark.asyncio(loop_scope="module")

EXAMPLES = Path(__file__).parents[3] / "incidents" / "schemas" / "examples"
MAY, JUNE, JULY = date(2026, 5, 1), date(2026, 6, 1), date(2026, 7, 1)
RATE = {"amount": "90.00", "currency": "EUR"}
MOBILE = {"name": "App", "kind": "mobile_application"}


@pytest.fixture(autouse=True)
def first_of_june(clock: FixedClock) -> None:
    """Contracts of these tests begin with the first instant of June in Paris."""
    clock.set(datetime(2026, 5, 31, 22, tzinfo=UTC))


def lines(**minutes: int) -> list[dict[str, Any]]:
    return [
        {"code": code, "name": {"fr": code, "en": code}, "included_minutes": included}
        for code, included in minutes.items()
    ]


def hours(**values: Any) -> dict[str, Any]:
    return {"lines": lines(technical=120, web=60), "overage_rate_per_hour": RATE} | values


async def plan_with(agency: Agency, package: Any, code: str) -> Any:
    return await agency.make(
        "/v1/plans",
        {"code": code, "catalogue": "hours"} | plan_version(package),
    )


def plan_version(package: Any) -> dict[str, Any]:
    return {
        "title": {"fr": "Maintenance annuelle", "en": "Annual maintenance"},
        "price": {"minimum": "100", "maximum": "900", "currency": "EUR"},
        "deliverables": [
            {
                "code": "hours",
                "type": "hours_package",
                "name": {"fr": "Dix heures par mois", "en": "Ten hours a month"},
                "maintenance_type": "corrective",
                "proof": "hours_ledger",
                "parameters": package,
            }
        ],
    }


async def active(agency: Agency, **values: Any) -> Any:
    return await agency.active(starts_on="2026-06-01", **values)


class Ledger:
    """The hours of one contract."""

    def __init__(self, installation: Installation, agency: Agency, contract: Any) -> None:
        self.installation, self.agency, self.contract = installation, agency, contract
        self.path = f"/v1/contracts/{contract['contract_id']}/hours"

    async def month(self, month: str = "2026-06") -> Any:
        return await self.agency.get(self.path, params={"month": month})

    async def log(self, minutes: int, line: str | None = "technical", on: str = "2026-06-01", **values: Any) -> Any:
        entry = {"line": line, "work_class": "coordination", "worked_on": on, "real_minutes": minutes}
        return await self.agency.make(f"{self.path}/entries", {**entry, "person_name": "Ada Martin", **values})

    async def hear(self, event: str, **data: Any) -> None:
        envelope = json.loads((EXAMPLES / f"{event}.json").read_bytes())
        told = {**envelope["data"], **self.whose, **data}
        payload = {**envelope, "id": str(new_id()), "tenantid": str(self.agency.tenant_id), "data": told}
        await EventProcessor(handlers, self.installation.runtime.units, "contracts").process(
            json.dumps(payload).encode()
        )

    @property
    def whose(self) -> dict[str, Any]:
        return {"contract_id": self.contract["contract_id"], "client_id": self.contract["client_id"]}

    async def worked(self, minutes: int, on: str = "2026-06-01", **data: Any) -> None:
        """A time entry of the service desk."""
        entry = {"time_entry_id": str(uuid4()), "worked_on": on, "real_minutes": minutes, "item_id": None}
        plain: dict[str, Any] = {"multipliers": [], "scope_verdict": None, "item_version": None}
        await self.hear("incidents.time_entry.recorded.v1", **entry | plain | data)

    async def close(self, month: date) -> HoursMonth | None:
        async with self.installation.runtime.units.for_tenant(self.agency.tenant_id) as uow:
            return await close_hours_month(workspace_of(uow), UUID(self.contract["contract_id"]), month)

    async def of_period(self, period: Days) -> HoursOfPeriod | None:
        async with self.installation.runtime.units.for_tenant(self.agency.tenant_id) as uow:
            work = workspace_of(uow)
            return await hours_of_period(work, await work.contracts.get(UUID(self.contract["contract_id"])), period)

    async def told(self, event: str) -> list[Any]:
        """The data of the events of this kind about this contract."""
        whole = await self.installation.events()
        of_kind = [each["data"] for each in whole if each["type"].endswith(event)]
        return [data for data in of_kind if data["contract_id"] == self.contract["contract_id"]]


async def ledger(installation: Installation, agency: Agency, **block: Any) -> Ledger:
    return Ledger(installation, agency, await active(agency, hours=hours(**block)))


def figures(month: Any) -> tuple[int, int, int]:
    return month["available_minutes"], month["accounted_minutes"], month["overage_minutes"]


@pytest.mark.capability("K15", "K16", "K17", "K18", "K19", "K20", "K21", "K30")
async def test_ten_hours_are_five_lines_with_their_classes_and_a_total_that_nobody_types(
    installation: Installation, agency: Agency
) -> None:
    await plan_with(agency, TEN_HOURS, "annual")
    client = await agency.client()
    sites = [await agency.site(client, name="web"), await agency.site(client, **MOBILE)]
    terms = agency.terms(client, sites[0], "annual", "600.00", starts_on="2026-06-01")
    draft = {**terms, "site_ids": [site["site_id"] for site in sites]}
    problem = await agency.refused(422, "POST", "/v1/contracts", json={**draft, "hours": {"total_minutes": 600}})
    assert problem["errors"][0]["pointer"] == "#/hours/total_minutes"
    contract = await sign(agency, await agency.make("/v1/contracts", draft))
    (event,) = await installation.events(contract["contract_id"])
    ContractActivated.model_validate(event["data"])
    agreed = event["data"]["hours"]
    assert {line["code"]: line["included_minutes"] for line in agreed["lines"]} == {
        "technical": 120,
        "web": 120,
        "mobile": 60,
        "assistance": 180,
        "steering": 120,
    }
    assert agreed["total_minutes"] == 600
    assert next(line for line in agreed["lines"] if line["code"] == "assistance")["channels"] == [
        "portal",
        "mail",
        "phone",
    ]
    book = Ledger(installation, agency, contract)
    for work_class, minutes in (
        ("dependency_upgrade", 30),
        ("micro_evolution", 45),
        ("store_update", 15),
        ("assistance", 60),
        ("prioritization", 75),
    ):
        await book.log(minutes, None, work_class=work_class)
    told = await agency.get(f"/v1/contracts/{contract['contract_id']}/hours/entries")
    assert {(each["line"], each["work_class"], each["counts_on"]) for each in told["data"]} == {
        (None, "dependency_upgrade", "technical"),
        (None, "micro_evolution", "web"),
        (None, "store_update", "mobile"),
        (None, "assistance", "assistance"),
        (None, "prioritization", "steering"),
    }
    month = await book.month()
    assert {line["code"]: line["accounted_minutes"] for line in month["lines"]} == {
        "technical": 30,
        "web": 45,
        "mobile": 15,
        "assistance": 60,
        "steering": 75,
    }
    assert (month["included_minutes"], month["remaining_minutes"]) == (600, 375)

    without = {**draft, "site_ids": [sites[0]["site_id"]], "status_page": None}
    smaller = await sign(agency, await agency.make("/v1/contracts", without))
    (event,) = await installation.events(smaller["contract_id"])
    assert [line["code"] for line in event["data"]["hours"]["lines"]] == ["technical", "web", "assistance", "steering"]
    assert event["data"]["hours"]["total_minutes"] == 540


async def sign(agency: Agency, draft: Any) -> Any:
    contract = await agency.step(draft, "propose")
    for party in ("agency", "client"):
        await agency.step(contract, "sign", {"party": party, "document_hash": contract["document"]["hash"]})
    return await agency.step(contract, "activate")


async def amend(agency: Agency, contract: Any, **patch: Any) -> Any:
    waiting = await agency.step(contract, "amendment", patch)
    return await apply_waiting(agency, waiting)


async def apply_waiting(agency: Agency, waiting: Any) -> Any:
    consent = {"document_hash": waiting["amendment"]["document"]["hash"]}
    for party in ("agency", "client"):
        await agency.step(waiting, "amendment/sign", {"party": party, **consent})
    return await agency.step(waiting, "amendment/apply")


async def test_the_day_on_which_a_contract_begins_counts_whole(
    installation: Installation, agency: Agency, clock: FixedClock
) -> None:
    clock.set(datetime(2026, 6, 16, 10, 30, tzinfo=UTC))
    ledger = Ledger(installation, agency, await active(agency, hours=hours(lines=lines(technical=120))))
    assert (await ledger.month())["included_minutes"] == 60


@pytest.mark.capability("K29")
async def test_what_was_agreed_with_a_client_stays_when_the_plans_package_changes(
    installation: Installation, agency: Agency
) -> None:
    await plan_with(agency, hours(), "house")
    own = {"lines": [{"code": "web", "included_minutes": 300}]}
    contract = await active(agency, plan="house", hours=own)
    package = hours(lines=lines(technical=240, web=60, steering=30))
    plan_id = contract["plan"]["plan_id"]
    newer = plan_version(package)
    await agency.make(f"/v1/plans/{plan_id}/versions", newer, headers={"If-Match": "*"})
    before = (await installation.events(contract["contract_id"]))[-1]["data"]["hours"]
    assert {line["code"]: line["included_minutes"] for line in before["lines"]} == {"technical": 120, "web": 300}
    await amend(agency, contract, plan_code="house")
    after = (await installation.events(contract["contract_id"]))[-1]["data"]["hours"]
    assert {line["code"]: line["included_minutes"] for line in after["lines"]} == {
        "technical": 240,
        "web": 300,
        "steering": 30,
    }
    assert after["total_minutes"] == 570


@pytest.mark.capability("K22", "K23")
async def test_lines_share_one_envelope_and_covered_work_never_uses_it(
    installation: Installation, agency: Agency
) -> None:
    block = {"covered_classes": ["framework_rewrite"], "overage_cap_minutes": 45, "thresholds_percent": [50, 100]}
    book = await ledger(installation, agency, **block)
    await book.log(170)
    await book.log(6000 // 5, work_class="framework_rewrite")
    month = await book.month()
    assert figures(month) == (180, 170, 0)
    assert (month["covered_minutes"], [line["over"] for line in month["lines"]]) == (1200, [True, False])
    await book.log(70, "web")
    month = await book.month()
    assert figures(month) == (180, 240, 60)
    assert (month["billed_minutes"], month["overage_amount"]) == (45, {"amount": "67.50", "currency": "EUR"})
    told = await book.told("threshold_reached.v1")
    assert [(each["percent"], each["line"], each["month"]) for each in told] == [
        (50, None, "2026-06"),
        (100, None, "2026-06"),
    ]
    HoursThresholdReached.model_validate(told[0])


async def test_wrong_work_is_refused_at_its_field_and_taken_back_once(
    installation: Installation, agency: Agency
) -> None:
    book = await ledger(installation, agency)
    entry = {"work_class": "x", "worked_on": "2026-06-01", "real_minutes": 5, "person_name": "Ada"}
    for wrong, pointer in (
        ({"line": "gardening"}, "#/line"),
        ({"line": None}, "#/line"),
        ({"line": "web", "worked_on": "2026-06-02"}, "#/worked_on"),
    ):
        problem = await agency.refused(422, "POST", f"{book.path}/entries", json=entry | wrong)
        assert problem["errors"][0]["pointer"] == pointer
    await agency.refused(409, "POST", f"{book.path}/entries", json=entry | {"line": "web", "worked_on": "2026-05-30"})
    logged = await book.log(50)
    back = f"{book.path}/reversals"
    wrong_entry = {"hours_entry_id": logged["hours_entry_id"], "reason": "It was another client"}
    reversal = await agency.make(back, wrong_entry)
    assert (reversal["real_minutes"], reversal["reverses_id"]) == (-50, logged["hours_entry_id"])
    await agency.refused(409, "POST", back, json=wrong_entry)
    other = await ledger(installation, agency)
    problem = await agency.refused(404, "POST", f"{other.path}/reversals", json=wrong_entry)
    assert problem["errors"][0]["pointer"] == "#/hours_entry_id"
    assert figures(await book.month()) == (180, 0, 0)
    listed = await agency.get(f"{book.path}/entries", params={"month": "2026-06", "limit": 1})
    assert (len(listed["data"]), listed["next_cursor"] is None) == (1, False)
    await agency.refused(409, "GET", book.path, params={"month": "2026-07"})
    await agency.refused(404, "GET", book.path, params={"month": "2026-05"})


async def test_a_month_with_more_entries_than_an_event_may_tell_is_told_without_them(
    installation: Installation, agency: Agency, clock: FixedClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hours_announce, "MOST_ENTRIES", 1)
    book = await ledger(installation, agency)
    for minutes in (30, 45):
        await book.log(minutes)
    clock.set(datetime(2026, 7, 2, 10, tzinfo=UTC))
    await book.close(date(2026, 6, 1))
    (told,) = await book.told("contracts.hours_month.closed.v1")
    assert (told["entries"], told["accounted_minutes"]) == (None, 75)


async def test_ten_hours_roll_over_each_month_closes_once_and_late_work_is_booked_in_the_open_one(
    installation: Installation, agency: Agency, clock: FixedClock
) -> None:
    block = {"lines": lines(technical=360, web=240), "rollover": {"policy": "one_period"}}
    book = await ledger(installation, agency, **block)
    for month, minutes in enumerate((360, 480, 300)):
        clock.set(datetime(2026, 6 + month, 20, 10, tzinfo=UTC))
        await book.worked(minutes, f"2026-{6 + month:02}-10")
    # The worked example of the rule: base 10 h, used 6, 8, 5, available 10, 14, 12.
    assert [figures(await book.month(f"2026-{6 + month:02}"))[:2] for month in range(3)] == [
        (600, 360),
        (840, 480),
        (720, 300),
    ]
    with pytest.raises(NotNow):
        await book.close(date(2026, 8, 1))
    closed = await book.close(JULY)
    assert (
        closed is not None and (await book.month("2026-06"))["closed_at"] == (await book.month("2026-07"))["closed_at"]
    )
    june = await book.month("2026-06")
    told = await book.told("contracts.hours_month.closed.v1")
    assert [(each["month"], figures(each), each["lines"][0]["accounted_minutes"]) for each in told] == [
        ("2026-06-01", (600, 360, 0), 360),
        ("2026-07-01", (840, 480, 0), 480),
    ]
    # What each is computed from: its entries without who worked, what it began with, and what it left.
    assert [[entry["real_minutes"] for entry in each["entries"]] for each in told] == [[360], [480]]
    assert {entry["counted"] for each in told for entry in each["entries"]} == {"accounted"}
    assert "person_name" not in told[0]["entries"][0]
    assert (told[0]["brought"], told[0]["carried"]) == ([], told[1]["brought"])
    assert told[0]["carried"] == [{"line": None, "minutes": 240, "months": 0}]

    await book.worked(90, "2026-06-11")
    await book.worked(30, "2026-06-12")
    assert await book.month("2026-06") == june
    august = await book.month("2026-08")
    assert figures(august) == (720, 420, 0)
    assert august["adjustments"] == [
        {
            "of_month": "2026-06",
            "line": "technical",
            "real_minutes": 120,
            "accounted_minutes": 120,
            "covered_minutes": 0,
        }
    ]
    clock.set(datetime(2026, 9, 1, 10, tzinfo=UTC))
    settled = await book.of_period(days_of(date(2026, 8, 1)))
    assert settled is not None and settled.accounted_minutes == 420
    assert set(settled.fact_ids) >= {late.cause_id for late in settled.months[0].late_facts}
    await book.close(date(2026, 8, 1))
    # Told once more of June, it is booked in September, and nothing is booked twice.
    await book.worked(-30, "2026-06-12")
    september = await book.month("2026-09")
    assert [each["accounted_minutes"] for each in september["adjustments"]] == [-30]
    # A period that is anchored on the 15th is settled with the month that ends in it.
    half = await book.of_period(Days(date(2026, 6, 15), date(2026, 7, 15)))
    assert half is not None and [month.month for month in half.months] == [JUNE]


@pytest.mark.capability("K60")
async def test_work_out_of_scope_draws_nothing_until_the_client_approves_it(
    installation: Installation, agency: Agency, clock: FixedClock
) -> None:
    book = await ledger(installation, agency)
    item = str(uuid4())
    await book.worked(60, item_id=item, scope_verdict="undecided", item_version=1)
    month = await book.month()
    assert (figures(month), month["out_of_scope_minutes"]) == ((180, 0, 0), 60)
    await book.hear("incidents.request.changed.v1", item_id=item, version=5, scope_verdict="in_scope")
    assert figures(await book.month()) == (180, 60, 0)
    await book.hear("incidents.request.changed.v1", item_id=item, version=4, scope_verdict="out_of_scope")
    assert figures(await book.month()) == (180, 60, 0)

    clock.set(datetime(2026, 7, 2, 10, tzinfo=UTC))
    await book.close(JUNE)
    await book.hear("incidents.request.changed.v1", item_id=item, version=6, scope_verdict="out_of_scope")
    july = await book.month("2026-07")
    assert [(each["of_month"], each["accounted_minutes"]) for each in july["adjustments"]] == [("2026-06", -60)]
    approval = {"work_item_id": item, "approved_by": "Léa Martin", "evidence": "Mail"}
    await agency.make(f"{book.path}/approvals", approval)
    july = await book.month("2026-07")
    assert (july["adjustments"], july["accounted_minutes"]) == ([], 0)
    assert [late["cause"] for late in july["late_facts"]] == ["item", "approval"]
    await agency.refused(409, "POST", f"{book.path}/approvals", json=approval)


async def test_an_amendment_in_mid_month_counts_from_its_day_and_thresholds_are_told_once(
    installation: Installation, agency: Agency, clock: FixedClock
) -> None:
    book = await ledger(installation, agency, thresholds_percent=[80, 100])
    await book.log(150)
    clock.set(datetime(2026, 6, 15, 22, tzinfo=UTC))  # the 16th begins in Paris: half of June is over
    await amend(agency, book.contract, hours={"lines": lines(technical=240, web=60)})
    month = await book.month()
    assert {line["code"]: line["included_minutes"] for line in month["lines"]} == {"technical": 180, "web": 60}
    assert month["included_minutes"] == 240
    await book.worked(90, on="2026-06-12")
    await book.worked(-90, on="2026-06-12")
    await book.worked(90, on="2026-06-11")
    assert [each["percent"] for each in await book.told("threshold_reached.v1")] == [80, 100]
    events = [each["percent"] for each in (await book.month())["thresholds"]]
    assert events == [80, 100]


async def test_the_same_work_told_in_any_order_comes_to_the_same(installation: Installation, agency: Agency) -> None:
    item = str(uuid4())
    told: list[tuple[str, dict[str, Any]]] = [
        ("worked", {"minutes": 20, "item_id": item, "scope_verdict": "undecided", "item_version": 1}),
        ("judged", {"item_id": item, "version": 3, "scope_verdict": "in_scope"}),
        ("worked", {"minutes": 25, "item_id": item, "scope_verdict": "out_of_scope", "item_version": 2}),
        ("worked", {"minutes": -20, "item_id": item, "scope_verdict": "in_scope", "item_version": 3}),
    ]
    found = []
    for order in ((0, 1, 2, 3), (3, 2, 1, 0), (2, 0, 3, 1)):
        book = await ledger(installation, agency, accounting={"unit_minutes": 15, "per": "ticket_day"})
        renamed = str(uuid4())
        for index in order:
            what, data = told[index]
            data = {**data, "item_id": renamed}
            if what == "worked":
                await book.worked(**data)
            else:
                await book.hear("incidents.request.changed.v1", **data)
        found.append(figures(await book.month()))
    assert found == [(180, 30, 0)] * 3


@pytest.mark.capability("K24")
async def test_a_year_of_use_is_reviewed_and_its_volume_becomes_an_amendment(
    installation: Installation, agency: Agency, clock: FixedClock
) -> None:
    book = await ledger(installation, agency)
    clock.set(datetime(2027, 5, 20, 10, tzinfo=UTC))
    for month in range(12):
        await book.worked(200, f"{2026 + (5 + month) // 12}-{(5 + month) % 12 + 1:02}-10")
    review = review_years(installation.runtime.units)
    await review()
    path = "/v1/hours-reviews"
    mine = {"contract_id": book.contract["contract_id"]}
    assert (await agency.get(path, params=mine))["data"] == []
    clock.set(datetime(2027, 6, 1, 1, tzinfo=UTC))
    await review()
    await review()
    (found,) = (await agency.get(path, params=mine))["data"]
    assert (found["year_from"], found["year_until"], found["year_number"]) == ("2026-06-01", "2027-06-01", 1)
    technical, web = found["lines"]
    assert [month["accounted_minutes"] for month in technical["months"]] == [200] * 12
    assert (technical["average_minutes"], technical["proposed_minutes"], web["proposed_minutes"]) == ("200.00", 210, 0)
    assert (found["change"], found["months_over"], found["overage_minutes"]) == ("raise", 12, 240)
    assert "3\u00a0heures et 30 minutes" in found["reason"]["fr"]
    assert "3 hours and 30 minutes" in found["reason"]["en"]
    (told,) = await book.told("hours_review.proposed.v1")
    HoursReviewProposed.model_validate(told)

    accepted = await agency.make(
        f"{book.path}/reviews/1/accept", {"price": {"amount": "650.00", "currency": "EUR"}}, status=200
    )
    assert (accepted["status"], accepted["version"]) == ("accepted", 2)
    contract = await agency.get(f"/v1/contracts/{book.contract['contract_id']}")
    assert contract["amendment"]["terms"]["price"]["amount"] == "650.00"
    await apply_waiting(agency, contract)
    state = (await installation.events(book.contract["contract_id"]))[-1]["data"]["hours"]
    assert {line["code"]: line["included_minutes"] for line in state["lines"]} == {"technical": 210, "web": 0}
    await agency.refused(409, "POST", f"{book.path}/reviews/1/decline", json={"reason": "No"})
    assert (await agency.get(f"{book.path}/reviews/1"))["status"] == "accepted"
    await agency.refused(404, "GET", f"{book.path}/reviews/2")


@pytest.mark.capability("K26")
async def test_reactions_that_become_slower_at_constant_volume_raise_one_alert(
    installation: Installation, agency: Agency, clock: FixedClock
) -> None:
    book = await ledger(installation, agency)
    site = book.contract["terms"]["site_ids"][0]
    clock.set(datetime(2026, 12, 1, 10, tzinfo=UTC))
    for month in range(6):
        await react(book, f"2026-{6 + month:02}-10T10:00:00Z", 600 if month < 3 else 900)
        figure = {"site_id": site, "month": f"2026-{6 + month:02}", "users": 1000 + 500 * (month // 3), "visits": 5000}
        await agency.make("/v1/usage-figures", figure)
    await agency.make("/v1/usage-figures", {"site_id": site, "month": "2026-11", "users": 1800, "visits": 1})
    growth = await agency.get(f"/v1/contracts/{book.contract['contract_id']}/growth")
    assert growth["trend"] == {
        "month": "2026-11",
        "users_percent": "60.00",
        "volume_percent": "0.00",
        "reaction_percent": "50.00",
        "degraded": True,
    }
    assert [month["mean_reaction_seconds"] for month in growth["months"][-6:]] == [600] * 3 + [900] * 3
    watch = watch_growth(installation.runtime.units)
    await watch()
    await watch()
    (told,) = await book.told("growth.reactivity_degraded.v1")
    ReactivityDegraded.model_validate(told)
    assert told["reaction_percent"] == "50.00"
    listed = await agency.get("/v1/usage-figures", params={"site_id": site, "limit": 100})
    assert [each["number"] for each in listed["data"] if each["month"] == "2026-11"] == [1, 2]
    problem = await agency.refused(
        422, "POST", "/v1/usage-figures", json={"site_id": site, "month": "2027-01", "users": 1, "visits": 1}
    )
    assert problem["errors"][0]["pointer"] == "#/month"


async def react(book: Ledger, at: str, seconds: int) -> None:
    example = json.loads((EXAMPLES / "incidents.incident.acknowledged.v1.json").read_bytes())["data"]
    clocks = [
        each | ({"clock_id": str(uuid4()), "elapsed_seconds": seconds} if each["metric"] == "response" else {})
        for each in example["clocks"]
    ]
    stamps = example["timestamps"] | {"acknowledged": example["timestamps"]["acknowledged"] | {"at": at}}
    await book.hear("incidents.incident.acknowledged.v1", incident_id=str(uuid4()), clocks=clocks, timestamps=stamps)


async def test_who_worked_for_the_agency_alone_is_not_told_to_the_client(
    installation: Installation, agency: Agency
) -> None:
    book = await ledger(installation, agency)
    await book.log(10, audience="agency", note="Paul was slow")
    client = await installation.caller(
        agency, role="client_decider", scopes=["contracts:read"], client_id=book.contract["client_id"]
    )
    (entry,) = (await client.get(f"{book.path}/entries"))["data"]
    assert (entry["real_minutes"], entry["person_name"], entry["note"]) == (10, "", None)
    await client.refused(403, "POST", f"{book.path}/entries", json={})


async def test_what_was_told_and_closed_cannot_be_changed_by_the_application(installation: Installation) -> None:
    tables = ("hours_entry", "hours_approval", "hours_adjustment", "hours_month", "hours_threshold", "usage_figure")
    for table in (*tables, "growth_alert"):
        for change in (f"update contracts.{table} set tenant_id = tenant_id", f"delete from contracts.{table}"):
            async with installation.runtime.units.for_every_tenant() as uow:
                with pytest.raises(ProgrammingError, match="permission denied"):
                    await uow.session.execute(text(change))
                await uow.session.rollback()
