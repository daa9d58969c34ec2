"""Amendments with a date, terms that end and renew, parties who leave, and prices that follow an index."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from contracts.jobs.contract_life import DueContracts
from contracts.published.v1 import ContractAmended, ContractNoticeDue, ContractTerminated
from shared.kernel.clock import FixedClock

from ..whole_contract import whole
from .conftest import Agency, Installation

pytestmark = pytest.mark.asyncio(loop_scope="module")

TERM = {
    "initial_months": 12,
    "renewal": {"kind": "tacit", "months": 12},
    "notice_months": 3,
    "alert_days": 21,
    "early_termination": {"minimum_months": 3, "notice_months": 1, "compensation_percent": "50"},
}
INDEXATION = {"index_name": "syntec", "base_value": "300.00", "fixed_share": "0.2", "revised_on": "01-01"}


class Life:
    """A contract in force, and the ways to make time pass for it."""

    def __init__(self, installation: Installation, agency: Agency, clock: FixedClock) -> None:
        self._installation, self._agency, self._clock = installation, agency, clock
        self._job = DueContracts(installation.runtime.units)
        self.path = ""
        self.contract: Any = None

    async def begin(self, **values: Any) -> "Life":
        self.contract = await self._agency.active(**values)
        self.path = f"/v1/contracts/{self.contract['contract_id']}"
        return self

    async def until(self, at: str, *, notice: bool = True) -> None:
        """It is this instant, and the worker has looked."""
        self._clock.set(datetime.fromisoformat(at).astimezone(UTC))
        if notice:
            await self._job.run()

    async def post(self, path: str, body: Any = None, status: int = 200) -> Any:
        return await self._agency.make(f"{self.path}/{path}", body, status=status)

    async def get(self, path: str = "", **params: str) -> Any:
        return await self._agency.get(f"{self.path}{path}", params=params)

    async def refused(self, status: int, path: str, body: Any = None) -> Any:
        return await self._agency.refused(status, "POST", f"{self.path}/{path}", json=body)

    async def amend(self, **patch: Any) -> Any:
        """Both sign other terms, and they are applied."""
        waiting = await self.post("amendment", patch)
        for party in ("client", "agency"):
            body = {"party": party, "document_hash": waiting["amendment"]["document"]["hash"]}
            await self.post("amendment/sign", body)
        return await self.post("amendment/apply")

    async def events(self) -> list[tuple[str, Any]]:
        said = await self._installation.events(self.contract["contract_id"])
        return [(event["type"].split(".")[-2], event["data"]) for event in said]


@pytest.fixture
def life(installation: Installation, agency: Agency, clock: FixedClock) -> Life:
    return Life(installation, agency, clock)


# --- amendments with a date ------------------------------------------------------------------------------------------

FIFTEENTH = "2026-06-14T22:00:00Z"
"""The first instant of 15 June 2026 in Paris."""


@pytest.mark.capability("K89")
async def test_an_amendment_is_in_force_from_its_instant_on_and_never_before_however_late_it_is_noticed(
    life: Life,
) -> None:
    await life.begin(plan="basique", amount="150.00")
    contract = await life.amend(plan_code="premium", price={"amount": "500.00"}, effective_on="2026-06-15")
    assert (contract["plan"]["code"], contract["amendment"]) == ("basique", None)
    expected = await life.get("/effective", at=FIFTEENTH)
    await life.until("2026-06-14T21:59:59+00:00")
    assert (await life.get())["plan"]["code"] == "basique"
    assert [name for name, _ in await life.events()] == ["activated"]
    await life.until("2026-06-14T22:01:00+00:00", notice=False)
    assert (await life.get("/effective"))["state"]["plan"]["code"] == "premium"
    await life.until("2026-06-14T22:02:00+00:00")
    assert (await life.get())["plan"]["code"] == "premium"
    (_, before), (name, state) = await life.events()
    ContractAmended.model_validate(state)
    assert (name, state["effective_from"], state["change"]) == ("amended", FIFTEENTH, "amended")
    assert (state["monitoring"]["interval_seconds"], before["monitoring"]["interval_seconds"]) == (30, 180)
    assert (state["price"]["amount"], before["price"]["amount"]) == ("500.00", "150.00")
    recorded = await life.get("/effective", at=FIFTEENTH)
    assert (expected.pop("expected"), recorded.pop("expected")) == (True, False)
    for unknown in ("version", "previous_version"):
        expected["state"].pop(unknown), recorded["state"].pop(unknown)
    assert expected["state"] == recorded["state"]
    assert expected["effective_from"] == recorded["effective_from"]


async def test_a_tier_upgrade_on_the_15th_changes_interval_targets_and_price_at_that_instant(life: Life) -> None:
    await life.begin(plan="basique", amount="150.00")
    await life.amend(plan_code="premium", price={"amount": "500.00"}, effective_on="2026-06-15")
    await life.until("2026-07-01T00:00:00+02:00")
    before = (await life.get("/effective", at="2026-06-14T21:59:59Z"))["state"]
    after = (await life.get("/effective", at=FIFTEENTH))["state"]
    assert [each["monitoring"]["interval_seconds"] for each in (before, after)] == [180, 30]
    assert [each["response"]["calendar"] for each in (before, after)] == ["business_hours", "around_the_clock"]
    assert [each["price"]["amount"] for each in (before, after)] == ["150.00", "500.00"]
    prices = (await life.get("/price-history"))["data"]
    assert [(each["effective_from"], each["amount"], each["came_by"]) for each in prices] == [
        ("2026-06-08T09:00:00Z", "150.00", "agreed"),
        (FIFTEENTH, "500.00", "amended"),
    ]


@pytest.mark.capability("K89")
async def test_amending_and_reading_the_past_commute(life: Life) -> None:
    async def read() -> dict[int, Any]:
        """What the contract is every nineteen hours of the next three weeks, without what only a recorded state has."""
        found = {}
        for hours in range(0, 21 * 24, 19):
            at = datetime(2026, 6, 8, 9, tzinfo=UTC) + timedelta(hours=hours)
            answer = await life.get("/effective", at=at.isoformat())
            state = {key: value for key, value in answer["state"].items() if key not in ("version", "previous_version")}
            found[hours] = (answer["change"], answer["status"], answer["effective_from"], state)
        return found

    await life.begin(plan="basique", amount="150.00", ends_on="2026-06-26")
    plain = await read()
    await life.amend(price={"amount": "170.00"}, effective_on="2026-06-15")
    await life.amend(plan_code="premium", price={"amount": "500.00"}, effective_at="2026-06-19T13:30:00+02:00")
    signed = await read()
    fifteenth = 7 * 24 - 11  # hours after the contract began
    assert [hours for hours in plain if plain[hours] != signed[hours]] == [h for h in plain if h >= fifteenth]
    for at in ("2026-06-15T00:00:30+02:00", "2026-06-21T00:00:00+02:00", "2026-06-30T00:00:00+02:00"):
        await life.until(at, notice=False)
        assert await read() == signed
        await life.until(at)
        assert await read() == signed


async def test_amendments_build_on_one_another_and_only_the_last_one_can_be_withdrawn(life: Life) -> None:
    await life.begin(plan="basique", amount="150.00")
    await life.amend(price={"amount": "200.00"}, effective_on="2026-06-15")
    assert (await life.refused(422, "amendment", {"price": {"amount": "250.00"}}))["errors"]
    await life.refused(422, "amendment", {"price": {"amount": "250.00"}, "effective_on": "2026-06-15"})
    await life.refused(422, "amendment", {"price": {"amount": "250.00"}, "effective_on": "2026-06-01"})
    await life.amend(alert_emails=["night@agency.example"], effective_at="2026-06-20T12:00:00+02:00")
    first, second = (await life.get("/amendments"))["data"]
    assert second["amendment"]["terms"]["price"]["amount"] == "200.00"
    why = {"reason": "It stays as it is"}
    await life.refused(409, f"amendments/{first['amendment_id']}/withdraw", why)
    await life.post(f"amendments/{second['amendment_id']}/withdraw", why)
    await life.until("2026-06-21T00:00:00+02:00")
    assert (await life.get())["terms"]["alert_emails"] == ["alerts@agency.example"]
    states = (await life.get("/states"))["data"]
    assert [each["effective_from"] for each in states] == ["2026-06-08T09:00:00Z", FIFTEENTH]
    standing = [each["status"] for each in (await life.get("/amendments"))["data"]]
    assert standing == ["in_force", "withdrawn"]
    await life.refused(409, f"amendments/{first['amendment_id']}/withdraw", why)


async def test_what_is_due_happens_before_anything_else_is_done_to_the_contract(life: Life) -> None:
    await life.begin(plan="basique", amount="150.00")
    await life.amend(price={"amount": "200.00"}, effective_on="2026-06-15")
    await life.until("2026-06-14T22:00:30+00:00", notice=False)
    await life.post("suspend", {"reason": "Unpaid"})
    await life.until("2026-06-14T22:01:00+00:00")
    states = (await life.get("/states"))["data"]
    assert [(each["change"], each["effective_from"]) for each in states[1:]] == [
        ("amended", FIFTEENTH),
        ("suspended", "2026-06-14T22:00:30Z"),
    ]


async def test_an_amendment_comes_in_force_during_a_suspension_and_lapses_with_the_contract(life: Life) -> None:
    await life.begin(plan="basique", amount="150.00")
    await life.amend(price={"amount": "200.00"}, effective_on="2026-06-15")
    await life.amend(price={"amount": "180.00"}, effective_on="2026-06-20")
    await life.post("suspend", {"reason": "Unpaid"})
    await life.until("2026-06-15T12:00:00+02:00")
    name, state = (await life.events())[-1]
    assert (name, state["status"], state["price"]["amount"]) == ("amended", "suspended", "200.00")
    await life.post("terminate", {"reason": "Still unpaid"})
    await life.until("2026-06-21T12:00:00+02:00")
    assert [each["status"] for each in (await life.get("/amendments"))["data"]] == ["in_force", "lapsed"]


async def test_an_amendment_by_which_the_contract_would_be_over_before_it_begins_is_refused(life: Life) -> None:
    await life.begin(plan="basique", amount="150.00")
    problem = await life.refused(422, "amendment", {"ends_on": "2026-06-30", "effective_on": "2026-07-01"})
    assert problem["errors"][0]["pointer"] == "#/effective_on"
    term = {"initial_months": 1, "renewal": {"kind": "none"}}
    await life.refused(422, "amendment", {"term": term, "effective_at": "2026-07-07T22:00:00Z"})
    await life.amend(term=term, effective_at="2026-07-07T21:59:59Z")
    await life.until("2026-07-08T00:00:00+02:00")
    assert (await life.get())["status"] == "expired"


async def test_an_amendment_whose_date_is_over_before_it_is_applied_changes_nothing(life: Life) -> None:
    await life.begin(plan="basique", amount="150.00")
    waiting = await life.post("amendment", {"price": {"amount": "200.00"}, "effective_on": "2026-06-15"})
    for party in ("client", "agency"):
        body = {"party": party, "document_hash": waiting["amendment"]["document"]["hash"]}
        await life.post("amendment/sign", body)
    await life.until("2026-06-16T12:00:00+02:00")
    await life.refused(409, "amendment/apply")
    assert (await life.post("amendment/withdraw"))["terms"]["price"]["amount"] == "150.00"


EXAMS = {"code": "exams", "name": {"fr": "Examens", "en": "Exams"}, "from": "06-20", "to": "06-30"}


async def test_periods_and_amendments_that_nobody_looked_for_begin_in_their_order(life: Life) -> None:
    await life.begin(sector={"critical_periods": [{**EXAMS, "targets_percent": 50}]})
    await life.amend(price={"amount": "500.00"}, effective_on="2026-06-15")
    await life.amend(price={"amount": "550.00"}, effective_on="2026-06-25")
    expected = await life.get("/effective", at="2026-06-21T12:00:00Z")
    await life.until("2026-07-02T12:00:00+02:00")
    states = (await life.get("/states"))["data"]
    assert [
        (each["change"], each["effective_from"], each["state"]["price"]["amount"], targets(each)) for each in states
    ] == [
        ("activated", "2026-06-08T09:00:00Z", "600.00", "PT30M"),
        ("amended", FIFTEENTH, "500.00", "PT30M"),
        ("critical_period", "2026-06-19T22:00:00Z", "500.00", "PT15M"),
        ("amended", "2026-06-24T22:00:00Z", "550.00", "PT15M"),
        ("critical_period", "2026-06-30T22:00:00Z", "550.00", "PT30M"),
    ]
    assert (expected["change"], expected["effective_from"]) == ("critical_period", "2026-06-19T22:00:00Z")
    assert (expected["expected"], targets(expected)) == (True, "PT15M")


async def test_stricter_targets_of_a_period_to_come_are_told_and_never_during_a_suspension(life: Life) -> None:
    await life.begin(sector={"critical_periods": [{**EXAMS, "targets_percent": 50}]})
    edges = ("2027-06-19T21:59:59Z", "2027-06-19T22:00:00Z", "2027-06-30T22:00:00Z")
    told = [await life.get("/effective", at=at) for at in edges]
    assert [targets(each) for each in told] == ["PT30M", "PT15M", "PT30M"]
    assert [each["effective_from"] for each in told] == ["2026-06-30T22:00:00Z", *edges[1:]]
    await life.post("suspend", {"reason": "Unpaid"})
    assert (await life.get("/effective", at=edges[1]))["change"] == "suspended"
    await life.until("2026-06-21T12:00:00+02:00")
    await life.post("resume")
    assert targets(await life.get("/effective")) == "PT15M"


def targets(state: Any) -> str:
    return str(state["state"]["response"]["targets"][0]["response"])


# --- terms -----------------------------------------------------------------------------------------------------------


@pytest.mark.capability("K25")
async def test_an_annual_term_has_monthly_periods_an_alert_and_renews_tacitly_once(life: Life) -> None:
    await life.begin(term=TERM)
    standing = await life.get("/term")
    assert (standing["current_from"], standing["current_to"]) == ("2026-06-08", "2027-06-08")
    assert (standing["notice_deadline"], standing["alert_on"]) == ("2027-03-08", "2027-02-15")
    assert [len(standing["periods"]), standing["periods"][6]["from_day"]] == [12, "2026-12-08"]
    assert standing["periods"][6]["starts_at"] == "2026-12-07T23:00:00Z"
    await life.until("2027-02-15T00:00:00+01:00")
    await life.until("2027-02-16T00:00:00+01:00")
    name, said = (await life.events())[-1]
    assert (name, said["notice_deadline"], said["term_to"]) == ("notice_due", "2027-03-08", "2027-06-08")
    ContractNoticeDue.model_validate(said)
    expected = await life.get("/effective", at="2027-07-01T00:00:00Z")
    await life.until("2027-06-09T00:00:00+02:00")
    await life.until("2027-06-10T00:00:00+02:00")
    name, state = (await life.events())[-1]
    assert (name, state["change"], state["effective_from"]) == ("amended", "renewed", "2027-06-07T22:00:00Z")
    assert (state["term"]["from"], state["term"]["to"]) == ("2027-06-08", "2028-06-08")
    assert (expected["change"], expected["state"]["term"]) == ("renewed", state["term"])
    assert [name for name, _ in await life.events()] == ["activated", "notice_due", "amended"]


async def test_a_term_that_is_not_renewed_ends_and_an_express_renewal_prolongs_it(life: Life) -> None:
    renewal = {"kind": "express", "months": 6}
    contract = (await life.begin(term={**TERM, "renewal": renewal})).contract
    assert contract["ends_at"] == "2027-06-07T22:00:00Z"
    renewed = await life.post("renewals", {"evidence": "Mail of both"})
    assert renewed["ends_at"] == "2027-12-07T23:00:00Z"
    await life.until("2027-06-09T00:00:00+02:00")
    assert (await life.get("/term"))["current_from"] == "2027-06-08"
    assert (await life.get("/effective", at="2027-12-08T12:00:00Z"))["status"] == "expired"
    await life.until("2027-12-08T12:00:00+01:00")
    assert (await life.get())["status"] == "expired"
    changes = [each["change"] for each in (await life.get("/states"))["data"]]
    assert changes == ["activated", "renewed", "expired"]
    await life.refused(409, "renewals", {"evidence": "Too late"})


# --- leaving ---------------------------------------------------------------------------------------------------------


@pytest.mark.capability("K14")
async def test_the_client_is_out_after_three_months_for_nothing_and_before_that_for_half_of_the_fees(
    life: Life,
) -> None:
    await life.begin(term=TERM)
    free = await life.post("early-termination/preview", {"leaves_on": "2026-09-08"})
    await life.refused(422, "early-termination/preview", {"leaves_on": "2026-06-08"})
    assert (free["regular_end"], free["cost"]) == ("2026-09-08", {"amount": "0.00", "currency": "EUR"})
    dear = await life.post("early-termination/preview", {"leaves_on": "2026-07-08"})
    assert dear["cost"] == {"amount": "600.00", "currency": "EUR"}
    assert "50\N{NO-BREAK SPACE}% des honoraires" in dear["why"]["fr"]
    body = {"given_by": "client", "leaves_on": "2026-09-08", "reason": "Out after three months"}
    left = await life.post("early-termination", body)
    assert left["ends_at"] == "2026-09-07T22:00:00Z"
    await life.refused(409, "notice", {"given_by": "client", "reason": "Twice"})
    assert (await life.get("/effective", at="2026-09-08T00:00:00Z"))["status"] == "terminated"
    await life.until("2026-09-08T00:01:00+02:00")
    name, state = (await life.events())[-1]
    ContractTerminated.model_validate(state)
    assert (name, state["status"], state["effective_from"]) == ("terminated", "terminated", "2026-09-07T22:00:00Z")
    assert (await life.get("/states"))["data"][-1]["reason"] == "Out after three months"


async def test_notice_in_time_ends_the_term_and_late_notice_the_one_after_it(life: Life) -> None:
    await life.begin(term=TERM)
    body = {"given_by": "client", "reason": "The site is closed"}
    assert (await life.post("notice", body))["ends_at"] == "2027-06-07T22:00:00Z"
    assert (await life.post("ending/withdraw"))["ends_at"] is None
    await life.until("2027-03-08T12:00:00+01:00")
    late = await life.post("notice", body)
    assert late["ends_at"] == "2028-06-07T22:00:00Z"
    await life.post("ending/withdraw")
    in_time = await life.post("notice", {**body, "given_on": "2027-03-07"})
    assert in_time["ends_at"] == "2027-06-07T22:00:00Z"
    await life.until("2027-06-08T00:00:00+02:00")
    assert (await life.get())["status"] == "terminated"


async def test_an_amendment_for_a_day_after_the_notice_ends_the_contract_never_comes(life: Life) -> None:
    await life.begin(term=TERM)
    await life.amend(price={"amount": "700.00"}, effective_on="2027-07-01")
    await life.post("notice", {"given_by": "client", "reason": "The site is closed"})
    after = await life.get("/effective", at="2027-08-01T00:00:00Z")
    assert (after["change"], after["effective_from"]) == ("terminated", "2027-06-07T22:00:00Z")
    await life.until("2027-08-01T00:00:00+00:00")
    assert [each["status"] for each in (await life.get("/amendments"))["data"]] == ["lapsed"]


async def test_termination_for_cause_waits_until_the_other_party_could_mend_it(life: Life) -> None:
    await life.begin(term={**TERM, "cure_days": 15})
    new = {"given_by": "client", "reason": "Answers are late", "facts": ["March: 4 of 6", "April: 3 of 5"]}
    await life.refused(422, "formal-notices", {**new, "cure_days": 14})
    mended = await life.post("formal-notices", new, status=201)
    assert (mended["delivered_on"], mended["cure_until"]) == ("2026-06-08", "2026-06-23")
    cured = await life.post(f"formal-notices/{mended['formal_notice_id']}/cure", {"evidence": "Two weeks in time"})
    assert (cured["status"], cured["cured_on"]) == ("cured", "2026-06-08")
    await life.refused(409, f"formal-notices/{mended['formal_notice_id']}/terminate")
    notice = await life.post("formal-notices", new, status=201)
    path = f"formal-notices/{notice['formal_notice_id']}"
    await life.until("2026-06-23T23:59:59+02:00")
    problem = await life.refused(409, f"{path}/terminate")
    assert "2026-06-23" in problem["detail"]
    await life.until("2026-06-24T00:00:00+02:00")
    over = await life.post(f"{path}/terminate")
    assert (over["status"], over["cure_until"], over["terminated_at"]) == (
        "terminated",
        "2026-06-23",
        "2026-06-23T22:00:00Z",
    )
    assert (await life.get())["status"] == "terminated"
    await life.refused(409, "formal-notices", new)


async def test_who_may_not_leave_is_told_why(life: Life, agency: Agency) -> None:
    body = {"given_by": "client", "reason": "Away"}
    draft = await agency.draft()
    problem = await agency.refused(409, "POST", f"/v1/contracts/{draft['contract_id']}/notice", json=body)
    assert problem["code"] == "illegal-transition"
    await life.begin()
    standing = await life.get("/term")
    assert (standing["status"], standing["current_from"], standing["current_to"]) == ("active", "2026-06-08", None)
    await life.refused(409, "notice", body)
    await life.refused(409, "renewals", {"evidence": "Mail"})
    await life.refused(409, "early-termination", {**body, "leaves_on": "2026-09-08"})
    await life.refused(409, "ending/withdraw")


# --- the price follows an index --------------------------------------------------------------------------------------


def value(number: str, published_on: str, period: str = "2026-10") -> dict[str, str]:
    return {"index_name": "syntec", "period": period, "value": number, "published_on": published_on}


async def test_the_price_is_revised_on_its_day_with_the_newest_value_that_was_published_by_then(
    life: Life, agency: Agency
) -> None:
    await life.begin(indexation=INDEXATION)
    await life.until("2026-12-20T12:00:00+01:00")
    await agency.make("/v1/index-values", value("310.00", "2026-11-25"))
    await agency.make("/v1/index-values", value("999.00", "2027-01-02", "2026-11"))
    await life.until("2027-01-01T00:05:00+01:00")
    name, state = (await life.events())[-1]
    assert (name, state["change"], state["effective_from"]) == ("amended", "price_revised", "2026-12-31T23:00:00Z")
    agreed, revised = (await life.get("/price-history"))["data"]
    # 600 × (0.2 + 0.8 × 310 ÷ 300) = 616
    assert (agreed["amount"], revised["amount"], state["price"]["amount"]) == ("600.00", "616.00", "616.00")
    told = revised["revision"]
    assert (told["coefficient"], told["period"], told["revised_on"]) == ("1.026666666666", "2026-10", "2027-01-01")
    assert "× 600,00\N{NO-BREAK SPACE}€ = 616,00\N{NO-BREAK SPACE}€" in told["why"]["fr"]
    assert (await life.get())["terms"]["price"]["amount"] == "600.00"
    await life.refused(422, "amendment", {"price": {"amount": "700.00"}})
    await life.amend(price={"amount": "700.00"}, indexation={"base_value": "310.00"})
    assert (await life.get("/effective"))["state"]["price"]["amount"] == "700.00"


async def test_a_revision_tells_how_its_coefficient_was_rounded_and_bounded(life: Life, agency: Agency) -> None:
    limits = {
        "coefficient_decimals": 3,
        "coefficient_rounding": "up",
        "floor_coefficient": "1",
        "cap_coefficient": "1.025",
    }
    await life.begin(indexation=INDEXATION | limits)
    await agency.make("/v1/index-values", value("310.00", "2026-11-25"))
    await life.until("2027-01-01T12:00:00+01:00")
    price = (await life.get("/price-history"))["data"][-1]
    assert (price["amount"], price["revision"]["coefficient"]) == ("615.00", "1.025")
    assert {key: price["revision"][key] for key in limits} == limits
    assert price["revision"]["why"]["en"].endswith(
        "The coefficient is rounded up to 3 decimals. The coefficient is at least 1. The coefficient is at most 1.025."
    )
    assert "310,00\u00a0; au départ" in price["revision"]["why"]["fr"]
    assert "au plus 1,025." in price["revision"]["why"]["fr"]


async def test_an_index_that_is_agreed_on_later_revises_nothing_of_the_time_before(life: Life, agency: Agency) -> None:
    await life.begin()
    await life.until("2027-03-01T12:00:00+01:00")
    await agency.make("/v1/index-values", value("310.00", "2026-11-25"))
    await life.amend(indexation=INDEXATION)
    await life.until("2027-12-31T12:00:00+01:00")
    assert [each["amount"] for each in (await life.get("/price-history"))["data"]] == ["600.00"]
    await agency.make("/v1/index-values", value("330.00", "2027-11-25", "2027-10"))
    await life.until("2028-01-01T12:00:00+01:00")
    prices = (await life.get("/price-history"))["data"]
    assert [(each["effective_from"], each["amount"]) for each in prices[1:]] == [("2027-12-31T23:00:00Z", "648.00")]


async def test_a_contract_waits_for_a_value_and_what_was_paid_until_then_stays(life: Life, agency: Agency) -> None:
    await life.begin(indexation=INDEXATION)
    await life.until("2027-01-01T12:00:00+01:00")
    await life.until("2027-02-01T12:00:00+01:00")
    await agency.make("/v1/index-values", value("305.00", "2025-12-31", "2025-11"))
    await life.until("2027-02-02T12:00:00+01:00")
    assert len((await life.get("/price-history"))["data"]) == 1
    await agency.make("/v1/index-values", value("310.00", "2026-11-25"))
    await life.until("2027-02-02T12:01:00+01:00")
    prices = (await life.get("/price-history"))["data"]
    assert [(each["effective_from"], each["amount"]) for each in prices[1:]] == [("2027-02-02T11:00:00Z", "616.00")]


async def test_an_amendment_that_came_before_the_awaited_value_is_not_lost_to_the_revision(
    life: Life, agency: Agency
) -> None:
    await life.begin(indexation=INDEXATION)
    await life.until("2027-01-01T12:00:00+01:00")
    await life.amend(alert_emails=["night@agency.example"], effective_on="2027-02-01")
    await life.until("2027-02-02T12:00:00+01:00", notice=False)
    await agency.make("/v1/index-values", value("310.00", "2026-11-25"))
    await life.until("2027-02-02T12:01:00+01:00")
    states = (await life.get("/states"))["data"]
    assert [(each["change"], each["effective_from"]) for each in states[1:]] == [
        ("amended", "2027-01-31T23:00:00Z"),
        ("price_revised", "2027-02-02T11:00:00Z"),
    ]
    in_force = (await life.get("/effective"))["state"]
    assert (in_force["alerts"]["emails"], in_force["price"]["amount"]) == (["night@agency.example"], "616.00")


# --- pricing models --------------------------------------------------------------------------------------------------


@pytest.mark.capability("K74")
async def test_fifteen_percent_of_a_sale_price_of_20000_are_3000_a_year_and_every_model_has_a_preview(
    agency: Agency,
) -> None:
    async def preview(model: dict[str, Any], **more: Any) -> Any:
        body = {"currency": "EUR", "model": model, "starts_on": "2026-06-08", **more}
        return await agency.make("/v1/price-previews", body, status=200)

    share = await preview({"kind": "share_of_sale_price", "percent": "15", "sale_price": "20000"})
    assert (share["yearly"]["amount"], share["monthly"]["amount"], share["total"]) == ("3000.00", "250.00", "3000.00")
    duration = await preview({"kind": "duration", "total": "1000.00", "months": 3}, periods=3)
    assert [each["fee"] for each in duration["periods"]] == ["333.33", "333.34", "333.33"]
    assert duration["total"] == "1000.00"
    quotes = [{"id": "Q-1", "amount": "120", "accepted": True}, {"id": "Q-2", "amount": "80", "accepted": False}]
    assert (await preview({"kind": "on_demand", "quotes": quotes}))["charges"] == [{"id": "Q-1", "amount": "120.00"}]
    assert (await preview({"kind": "hours", "rate": "90", "minutes": 90}))["total"] == "135.00"
    tickets = {"kind": "per_ticket", "rates": {"corrective": "80"}, "tickets": [{"id": "T-1", "kind": "corrective"}]}
    assert (await preview(tickets))["total"] == "80.00"
    assert (await preview({"kind": "flat", "per_month": "300"}, periods=2))["total"] == "600.00"
    unpriced = {"currency": "EUR", "starts_on": "2026-06-08", "model": {**tickets, "rates": {}}}
    await agency.refused(422, "POST", "/v1/price-previews", json=unpriced)


@pytest.mark.capability("K75")
async def test_a_discount_counts_for_the_days_on_which_it_runs(agency: Agency) -> None:
    body = {
        "currency": "EUR",
        "model": {"kind": "flat", "per_month": "300"},
        "starts_on": "2026-06-01",
        "periods": 3,
        "discounts": [{"code": "launch", "percent": "20", "starts_on": "2026-06-16", "ends_before": "2026-08-01"}],
    }
    told = await agency.make("/v1/price-previews", body, status=200)
    assert [each["total"] for each in told["periods"]] == ["270.00", "240.00", "300.00"]


async def test_what_other_services_need_of_the_blocks_is_published_and_nothing_else(
    installation: Installation, agency: Agency
) -> None:
    contract = await agency.active(**whole(), term=TERM, indexation=INDEXATION)
    state = (await installation.events(contract["contract_id"]))[-1]["data"]
    assert [each["verdict"] for each in state["scope"]["categories"]] == ["in", "needs_scoping", "out"]
    assert state["intervention_modes"] == ["remote"]
    assert state["continuity"][0] | {"site_id": None} == {"site_id": None, **whole()["continuity"][0]}
    assert state["personal_data"] is False
    assert state["indexation"] == {"index_name": "syntec", "revised_on": "01-01"}
    assert (state["term"]["to"], state["change"]) == ("2027-06-08", "activated")
    assert {each["maintenance_type"] for each in state["deliverables"]}
    assert not {"risks", "resources", "legal", "commercial", "parties", "pricing"} & set(state)


async def test_time_that_passes_without_anybody_looking_is_made_up_for_in_its_order(life: Life, agency: Agency) -> None:
    await life.begin(term=TERM, indexation=INDEXATION)
    await agency.make("/v1/index-values", value("310.00", "2026-06-01", "2026-05"))
    await life.amend(alert_emails=["night@agency.example"], effective_on="2027-03-01")
    await life.until((datetime(2027, 6, 8, 12, tzinfo=UTC) + timedelta(days=1)).isoformat())
    states = (await life.get("/states"))["data"]
    assert [each["change"] for each in states] == ["activated", "price_revised", "amended", "renewed"]
    assert states == sorted(states, key=lambda each: (each["effective_from"], each["version"]))
    assert {each["state"]["price"]["amount"] for each in states[1:]} == {"616.00"}
