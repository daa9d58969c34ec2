"""What contracts cost the agency and bring in, how long things take; and that no client comes near any of it."""

import asyncio
import csv
import io
import json
import re
from datetime import UTC, datetime, timedelta
from typing import Any

import openpyxl
import pytest
from pypdf import PdfReader
from sqlalchemy import text

from shared.ids import new_id

from .test_report_contents import issue, told

ADA, LEO = new_id(), new_id()
JULY = datetime(2026, 7, 3, 6, tzinfo=UTC)
RATES: list[dict[str, Any]] = [
    {"person_id": None, "valid_from": "2026-01-01", "hourly": "40.00", "currency": "EUR"},
    {"person_id": str(ADA), "valid_from": "2026-06-01", "hourly": "73.19", "currency": "EUR"},
]


def path(story: Any, ending: str = "") -> str:
    return f"/v1/contracts/{story.contract_id}/margins{ending}"


def worked(story: Any, person: Any, name: str, day: str, minutes: int) -> bytes:
    entry: dict[str, Any] = {
        "time_entry_id": str(new_id()),
        "person_id": str(person),
        "person_name": name,
        "item_id": None,
    }
    return told(story, "incidents.time_entry.recorded.v1", **entry, worked_on=day, real_minutes=minutes)


def ended(story: Any, name: str, number: str, opened: str, over: str, version: int = 3, item_id: Any = None) -> bytes:
    """A request, a change or a work order that was brought to its end."""
    kind, event = name.split(".")[1:3]
    item = item_id or new_id()
    person = {"kind": "user", "id": str(ADA), "name": "Ada Martin"}
    stamps = {step: {"at": at, "actor": person, "source": "api"} for step, at in (("opened", opened), (event, over))}
    said = told(story, name, version, item_id=str(item), number=number, timestamps=stamps)
    return json.dumps(json.loads(said) | {"subject": f"{kind}/{item}", "time": over}).encode()


async def june(service: Any, story: Any) -> None:
    await service.hear(
        *story.golden_june(),
        worked(story, ADA, "Ada Martin", "2026-06-01", 150),
        worked(story, ADA, "Ada Martin", "2026-06-02", -30),
        worked(story, LEO, "Léo Petit", "2026-06-30", 60),
        worked(story, LEO, "Léo Petit", "2026-05-31", 600),
        told(story, "contracts.settlement.closed.v1"),
        ended(story, "incidents.request.resolved.v1", "REQ-1", "2026-06-01T08:00:00Z", "2026-06-02T08:00:00Z"),
        ended(story, "incidents.request.resolved.v1", "REQ-2", "2026-06-01T08:00:00Z", "2026-06-04T08:00:00Z"),
        ended(story, "incidents.change.deployed.v1", "CHG-1", "2026-06-20T08:00:00Z", "2026-07-01T08:00:00Z"),
    )
    service.clock.set(JULY)


async def set_rates(service: Any, story: Any, rates: list[dict[str, Any]] = RATES, version: int = 0) -> Any:
    async with service.client(story) as owner:
        return await owner.put("/v1/cost-rates", json={"rates": rates}, headers={"If-Match": f'"{version}"'})


async def get(service: Any, story: Any, where: str, **query: Any) -> Any:
    async with service.client(story) as client:
        answer = await client.get(where, params=query)
    assert answer.status_code == 200, answer.text
    return answer.json()


@pytest.mark.capability("R36")
async def test_a_month_tells_what_came_in_what_the_work_cost_and_what_is_left(service: Any, story: Any) -> None:
    await june(service, story)
    assert (await set_rates(service, story)).status_code == 200
    read = await get(service, story, path(story), month="2026-06", months=2)
    may, month = read["months"]
    assert (month["month"], month["complete"], month["currency"]) == ("2026-06", True, "EUR")
    # Two hours of Ada's at 73.19, one of Léo's at 40: 186.38 of 600.
    assert (month["worked_minutes"], month["revenue"], month["cost"]) == (180, "600.00", "186.38")
    assert (month["margin"], month["margin_percent"], month["revenue_per_hour"]) == ("413.62", "68.93", "200.00")
    assert [(each["person_name"], each["minutes"], each["cost"]) for each in month["people"]] == [
        ("Ada Martin", 120, "146.38"),
        ("Léo Petit", 60, "40.00"),
    ]
    # May was not settled: what it cost is known, and nothing is said of what is left.
    assert (may["worked_minutes"], may["cost"], may["revenue"], may["margin"]) == (600, "400.00", None, None)


@pytest.mark.capability("R36")
async def test_a_period_that_is_not_the_month_is_set_against_the_work_of_its_own_days(service: Any, story: Any) -> None:
    closed = json.loads(told(story, "contracts.settlement.closed.v1"))
    period = {"starts_at": "2026-05-14T22:00:00Z", "ends_at": "2026-06-14T22:00:00Z"}
    closed["data"]["settlement"]["period"] |= period | {"first": "2026-05-15", "end": "2026-06-15"}
    await service.hear(
        *story.golden_june(),
        json.dumps(closed).encode(),
        worked(story, LEO, "Léo Petit", "2026-05-14", 1000),
        worked(story, LEO, "Léo Petit", "2026-05-15", 60),
        worked(story, LEO, "Léo Petit", "2026-06-14", 120),
        worked(story, LEO, "Léo Petit", "2026-06-15", 2000),
    )
    service.clock.set(JULY)
    await set_rates(service, story)
    (month,) = (await get(service, story, path(story), month="2026-06", months=1))["months"]
    (line,) = (await get(service, story, "/v1/margins", month="2026-06"))["data"]
    assert line["margins"] == [month]
    assert (month["first_day"], month["last_day"]) == ("2026-05-15", "2026-06-14")
    assert (month["worked_minutes"], month["cost"], month["margin"]) == (180, "120.00", "480.00")
    # Of July nothing is settled: its own days are told of, and no margin.
    (july,) = (await get(service, story, path(story), month="2026-07", months=1))["months"]
    assert (july["first_day"], july["last_day"], july["margin"]) == ("2026-07-01", "2026-07-31", None)
    async with service.client(story) as client:
        for language, days in (
            ("fr", "juin 2026\u00a0: du 15 mai 2026 au 14 juin 2026"),
            ("en", "June 2026: 15 May 2026 to 14 June 2026"),
        ):
            page = await client.get(path(story, "/html"), params={"month": "2026-06", "months": 1, "lang": language})
            assert days in page.text
        lines = await client.get(path(story, "/csv"), params={"month": "2026-06", "months": 1})
    assert {
        line["measure"]: line["value"] for line in csv.DictReader(io.StringIO(lines.text)) if "_day" in line["measure"]
    } == {"first_day": "2026-05-15", "last_day": "2026-06-14"}


@pytest.mark.capability("R36")
async def test_two_periods_that_end_in_one_month_count_and_are_shown_once_each_in_their_own_currencies(
    service: Any, story: Any
) -> None:
    """The short last one of a contract that ended on the twentieth, and the one before it; heard in either order."""
    said = []
    for first, end, net, currency in (
        ("2026-06-15", "2026-06-20", "90.00", "CHF"),
        ("2026-05-15", "2026-06-15", "600.00", "EUR"),
    ):
        closed = json.loads(told(story, "contracts.settlement.closed.v1"))
        settlement_id, settlement = str(new_id()), closed["data"]["settlement"]
        closed |= {"subject": f"settlement/{settlement_id}"}
        closed["data"]["settlement_id"] = settlement_id
        starts_at, ends_at = (
            f"{datetime.fromisoformat(day) - timedelta(hours=2):%Y-%m-%dT%H:00:00Z}" for day in (first, end)
        )
        settlement["period"] |= {"first": first, "end": end, "starts_at": starts_at, "ends_at": ends_at}
        settlement["totals"]["net"], settlement["currency"] = net, currency
        said.append(json.dumps(closed).encode())
    await service.hear(
        *story.golden_june(),
        *said,
        worked(story, LEO, "Léo Petit", "2026-06-14", 120),
        worked(story, LEO, "Léo Petit", "2026-06-15", 60),
        worked(story, LEO, "Léo Petit", "2026-06-20", 600),
    )
    service.clock.set(JULY)
    await set_rates(service, story, [*RATES, RATES[0] | {"currency": "CHF", "hourly": "30.00"}])
    read = await get(service, story, path(story), month="2026-07", months=3)
    figures = ("month", "first_day", "last_day", "currency", "revenue", "worked_minutes", "cost", "margin")
    assert [tuple(each[name] for name in figures) for each in read["months"]] == [
        ("2026-05", "2026-05-01", "2026-05-31", "EUR", None, 0, "0.00", None),
        ("2026-06", "2026-05-15", "2026-06-14", "EUR", "600.00", 120, "80.00", "520.00"),
        ("2026-06", "2026-06-15", "2026-06-19", "CHF", "90.00", 60, "30.00", "60.00"),
        ("2026-07", "2026-07-01", "2026-07-31", "EUR", None, 0, "0.00", None),
    ]
    (line,) = (await get(service, story, "/v1/margins", month="2026-06"))["data"]
    assert line["margins"] == read["months"][1:3]
    async with service.client(story) as client:
        page = await client.get(path(story, "/html"), params={"month": "2026-06", "months": 1, "lang": "en"})
        lines = await client.get(path(story, "/csv"), params={"month": "2026-06", "months": 1})
    for days in ("15 May 2026 to 14 June 2026", "15 June 2026 to 19 June 2026"):
        # In the table of the margins, and in that of who worked.
        assert page.text.count(days) == 2
    revenues = [line for line in csv.DictReader(io.StringIO(lines.text)) if line["measure"] == "revenue"]
    assert [(line["month"], line["value"], line["unit"]) for line in revenues] == [
        ("2026-06", "600.00", "EUR"),
        ("2026-06", "90.00", "CHF"),
    ]


@pytest.mark.capability("R36")
async def test_lead_times_go_from_the_opening_to_the_first_end_and_count_in_the_month_of_that(
    service: Any, story: Any
) -> None:
    await june(service, story)
    again = new_id()
    await service.hear(
        ended(
            story, "incidents.request.resolved.v1", "REQ-3", "2026-06-01T08:00:00Z", "2026-06-03T08:00:00Z", 2, again
        ),
        ended(
            story, "incidents.request.resolved.v1", "REQ-3", "2026-06-01T08:00:00Z", "2026-07-02T08:00:00Z", 5, again
        ),
    )
    before, after = (await get(service, story, path(story), month="2026-07", months=2))["lead_times"]
    kinds = {each["kind"]: each for each in before["kinds"]}
    assert [item["number"] for item in kinds["request"]["items"]] == ["REQ-1", "REQ-3", "REQ-2"]
    figures = [kinds["request"][name] for name in ("ended", "median_seconds", "p90_seconds", "longest_seconds")]
    assert figures == [3, 2 * 86_400, 3 * 86_400, 3 * 86_400]
    # Opened when the outage was confirmed, 20 seconds after it began; resolved two minutes after service was back.
    assert (kinds["incident"]["ended"], kinds["change"]["ended"], kinds["change"]["median_seconds"]) == (2, 0, None)
    assert (kinds["incident"]["longest_seconds"], before["complete"], after["complete"]) == (12 * 60 - 20, True, False)
    changes = next(each for each in after["kinds"] if each["kind"] == "change")
    assert (changes["ended"], changes["median_seconds"]) == (1, 11 * 86_400)
    assert next(each for each in after["kinds"] if each["kind"] == "request")["ended"] == 0


@pytest.mark.capability("R36")
async def test_work_whose_cost_nobody_knows_leaves_the_margin_untold(service: Any, story: Any) -> None:
    await june(service, story)
    (month,) = (await get(service, story, path(story), month="2026-06", months=1))["months"]
    assert (month["cost"], month["minutes_without_rate"], month["margin"]) == ("0.00", 180, None)
    await set_rates(service, story, [RATES[1]])
    (month,) = (await get(service, story, path(story), month="2026-06", months=1))["months"]
    assert (month["cost"], month["minutes_without_rate"], month["margin"]) == ("146.38", 60, None)
    # A rate that begins later leaves the month before it as it was.
    later = {"person_id": None, "valid_from": "2026-07-01", "hourly": "10", "currency": "EUR"}
    await set_rates(service, story, [RATES[1], later], 1)
    assert (await get(service, story, path(story), month="2026-06", months=1))["months"] == [month]


@pytest.mark.capability("R36")
async def test_the_agency_compares_its_contracts_page_by_page(service: Any, story: Any, another_story: Any) -> None:
    other = another_story(tenant_id=story.tenant_id, slug="other", client_name="Other")
    await june(service, story)
    await service.hear(*other.golden_june())
    await set_rates(service, story)
    first = await get(service, story, "/v1/margins", month="2026-06", limit=1)
    second = await get(service, story, "/v1/margins", month="2026-06", limit=1, cursor=first["next_cursor"])
    assert second["next_cursor"] is None
    found = {each["contract_id"]: each["margins"][0]["margin"] for page in (first, second) for each in page["data"]}
    assert found == {str(story.contract_id): "413.62", str(other.contract_id): None}
    now = await get(service, story, "/v1/margins")
    assert {each["margins"][0]["month"] for each in now["data"]} == {"2026-07"}


@pytest.mark.capability("R36")
@pytest.mark.parametrize(("language", "title"), [("fr", "Coûts, marge et délais"), ("en", "Costs, margin and lead")])
async def test_margins_are_a_page_a_pdf_a_workbook_and_lines(
    service: Any, story: Any, language: str, title: str
) -> None:
    await june(service, story)
    await set_rates(service, story)
    async with service.client(story) as client:
        asked = {"month": "2026-06", "months": 2, "lang": language}
        forms = {
            form: await client.get(path(story, f"/{form}"), params=asked) for form in ("html", "pdf", "csv", "xlsx")
        }
        assert (await client.get(path(story, "/docx"))).status_code == 404
    assert {answer.status_code for answer in forms.values()} == {200}
    printed = " ".join("".join(p.extract_text() for p in PdfReader(io.BytesIO(forms["pdf"].content)).pages).split())
    for said in (title, "Ada Martin"):
        assert said in forms["html"].text
        assert said in printed
    assert "413,62" in printed if language == "fr" else "413.62" in printed
    lines = list(csv.DictReader(io.StringIO(forms["csv"].text)))
    margins = {line["month"]: line["value"] for line in lines if line["measure"] == "margin"}
    assert margins == {"2026-05": "", "2026-06": "413.62"}
    first = openpyxl.load_workbook(io.BytesIO(forms["xlsx"].content)).worksheets[0]
    assert 413.62 in [row[5] for row in first.iter_rows(values_only=True)]


async def test_rates_are_checked_and_written_over_only_by_whoever_has_read_them(service: Any, story: Any) -> None:
    await service.hear(*story.golden_june())
    async with service.client(story) as owner:
        assert (await owner.get("/v1/cost-rates")).headers["ETag"] == '"0"'
        assert (await owner.put("/v1/cost-rates", json={"rates": RATES})).status_code == 428
    assert (await set_rates(service, story)).status_code == 200
    assert (await set_rates(service, story)).status_code == 412
    for wrong, pointer in (
        ({"hourly": "-1"}, "#/rates/0/hourly"),
        ({"currency": "ZZZ"}, "#/rates/0/currency"),
        ({"valid_from": "2026-02-30"}, "#/rates/0/valid_from"),
        ({"colour": "red"}, "#/rates/0/colour"),
    ):
        answer = await set_rates(service, story, [RATES[0] | wrong], 1)
        assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, pointer)
    twice = await set_rates(service, story, [RATES[0], RATES[0]], 1)
    assert twice.status_code == 422
    async with service.client(story) as owner:
        assert (await owner.get("/v1/cost-rates")).json()["rates"] == RATES
        assert (await owner.get(path(story), params={"months": "0"})).status_code == 422
        assert (await owner.get(path(story), params={"month": "1960-01"})).status_code == 422
        assert (await owner.get(f"/v1/contracts/{new_id()}/margins")).status_code == 404


@pytest.mark.parametrize(
    ("who", "reads", "writes"),
    [
        ({"role": "owner"}, 200, 200),
        ({"role": "auditor"}, 200, 403),
        ({"role": "operator"}, 403, 403),
        ({"role": "viewer"}, 403, 403),
        ({"role": "owner", "scopes": frozenset({"reports:read", "reports:write"})}, 403, 403),
        ({"role": "owner", "scopes": frozenset({"costs:read"})}, 200, 403),
    ],
)
async def test_what_hours_cost_is_for_the_owner_and_for_whoever_audits(
    service: Any, story: Any, who: dict[str, Any], reads: int, writes: int
) -> None:
    await service.hear(*story.golden_june())
    async with service.client(story, **who) as client:
        for where in (path(story), path(story, "/csv"), "/v1/margins", "/v1/cost-rates"):
            assert (await client.get(where)).status_code == reads, where
        answer = await client.put("/v1/cost-rates", json={"rates": RATES}, headers={"If-Match": '"0"'})
    assert answer.status_code == writes


async def test_of_two_who_write_the_first_rates_at_once_one_is_told_that_he_read_something_else(
    service: Any, story: Any
) -> None:
    await service.hear(*story.golden_june())
    answers = await asyncio.gather(*(set_rates(service, story, [rate]) for rate in RATES * 3))
    assert sorted(answer.status_code for answer in answers) == [200, 412, 412, 412, 412, 412]
    written = await get(service, story, "/v1/cost-rates")
    assert (written["version"], len(written["rates"])) == (1, 1)


def filled(part: str, names: dict[str, str]) -> str:
    """A part of an address with what stands for its parameter."""
    return names.get(part[1:-1], "x") if part.startswith("{") else part


@pytest.mark.capability("R36", "X09")
@pytest.mark.parametrize("role", ["client_decider", "client_staff"])
async def test_no_client_comes_near_costs_or_margins_whatever_he_asks(service: Any, story: Any, role: str) -> None:
    """Every reading operation of the service, in every form, asked by a client; and the rows themselves."""
    await june(service, story)
    await set_rates(service, story)
    await issue(service)
    values = {
        "contract_id": str(story.contract_id),
        "client_id": str(story.client_id),
        "month": "2026-06",
        "edition": "1",
        "review_kind": "institutional",
        "report_kind": "hours",
        "slug": story.slug,
        "environment_id": str(story.environment_id),
    }
    internal = re.compile(r"73[.,]19|146[.,]38|186[.,]38|413[.,]62|68[.,]93")
    asked = 0
    async with service.client(story, role=role, client_id=story.client_id) as client:
        document = service.app.openapi()
        for address, methods in document["paths"].items():
            if "get" not in methods:
                continue
            for form in ("html", "csv", "pdf", "xlsx") if "{document_form}" in address else ("",):
                names = {**values, "document_form": form}
                wanted = "/".join(filled(part, names) for part in address.split("/"))
                answer = await client.get(wanted, params={"months": "2"} if "margins" in address else {})
                told_him = answer.content
                if answer.headers.get("content-type") == "application/pdf":
                    told_him = "".join(p.extract_text() for p in PdfReader(io.BytesIO(told_him)).pages).encode()
                assert not internal.search(told_him.decode("latin-1")), wanted
                if "margins" in address or "cost-rates" in address:
                    assert answer.status_code == 403, wanted
                asked += answer.status_code == 200
    assert asked > 15
    async with service.runtime.units.for_tenant(story.tenant_id, client_id=story.client_id) as unit:
        assert (await unit.session.execute(text("select count(*) from reporting.cost_rates"))).scalar_one() == 0
    async with service.runtime.units.for_tenant(story.tenant_id) as unit:
        assert (await unit.session.execute(text("select count(*) from reporting.cost_rates"))).scalar_one() == 1


async def test_one_agency_never_sees_the_margins_of_another(service: Any, story: Any, another_story: Any) -> None:
    stranger = another_story(slug="elsewhere")
    await june(service, story)
    await set_rates(service, story)
    await service.hear(*stranger.golden_june())
    async with service.client(stranger) as client:
        assert (await client.get(path(story))).status_code == 404
        assert (await client.get("/v1/cost-rates")).json()["rates"] == []
        assert [each["contract_id"] for each in (await client.get("/v1/margins")).json()["data"]] == [
            str(stranger.contract_id)
        ]
