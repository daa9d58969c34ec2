"""Response times from the roll-ups of probes to the page, its JSON and the month's report."""

import json
import random
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import text

from reporting.adapters.rendering import catalogues
from reporting.jobs.sum_up_response_times import SumUpResponseTimes
from shared.ids import new_id
from shared.kernel.sketch import Sketch, as_text

from .test_report_editions import AFTERWARDS, issue, read

NOW = datetime(2026, 6, 8, 9, tzinfo=UTC)
HOUR = timedelta(hours=1)
BROWSER = {"accept": "text/html", "accept-language": "en"}


def measured(
    story: Any, hour: datetime, *values: int, version: int = 100, rollup_id: UUID | None = None, pages: int = 1
) -> bytes:
    """An hour as probes tells it; `values` are the microseconds of its good checks, on each of so many pages."""
    envelope = json.loads(story.measured(hour, version=version))
    data = envelope["data"]
    if rollup_id is not None:
        envelope["subject"], data["rollup_id"] = f"rollup/{rollup_id}", str(rollup_id)
    sketch = Sketch.of(values)
    told = {f"p{share // 10}_us": sketch.quantile(share) for share in (500, 950, 990)}
    if values:
        data["monitors"][0]["response_times"] = {"count": sketch.count, **told, "sketch": as_text(sketch)}
    data["monitors"] = [data["monitors"][0] | {"monitor_id": str(new_id())} for _ in range(pages)]
    return json.dumps(envelope).encode()


async def sum_up(service: Any) -> None:
    job = SumUpResponseTimes(service.runtime.units)
    while await job.run() == 0.0:
        pass


async def times(service: Any, story: Any) -> dict[str, Any]:
    async with service.client() as visitor:
        answer = await visitor.get(f"/status/{story.slug}.json")
    (component,) = answer.json()["components"]
    found: dict[str, Any] = component["response_times"]
    return found


async def report(service: Any, story: Any, **params: str) -> list[dict[str, Any]]:
    async with service.client(story) as agency:
        answer = await agency.get(f"/v1/contracts/{story.contract_id}/reports/2026-06", params=params)
    assert answer.status_code == 200, answer.text
    found: list[dict[str, Any]] = answer.json()["response_times"]
    return found


@pytest.fixture
async def known(service: Any, story: Any) -> Any:
    await service.hear(*story.golden_june()[:5])
    return service


@pytest.mark.capability("P10")
async def test_hours_and_days_are_drawn_on_the_page_and_told_in_words(known: Any, story: Any) -> None:
    await known.hear(
        *(measured(story, NOW - number * HOUR, *range(100_000, 300_000, 1_000)) for number in range(1, 40))
    )
    await sum_up(known)
    found = await times(known, story)
    assert [hour["at"] for hour in found["hours"]] == [
        f"2026-06-{7 if hour >= 9 else 8:02}T{hour:02}:00:00Z" for hour in (*range(9, 24), *range(9))
    ]
    assert [day["date"] for day in found["days"]] == ["2026-06-06", "2026-06-07", "2026-06-08"]
    assert found["days"][1]["checks"] == 24 * 200
    assert abs(found["days"][1]["p50_ms"] - 199) < 2
    assert abs(found["days"][1]["p95_ms"] - 289) < 3
    async with known.client() as visitor:
        page = (await visitor.get(f"/status/{story.slug}", headers=BROWSER)).text
        assert "Response time, 24 hours" in page and "Response time, 90 days" in page
        assert "95 of 100 checks within" in page and "<script" not in page
        french = (await visitor.get(f"/status/{story.slug}", headers=BROWSER, params={"lang": "fr"})).text
        assert "Temps de réponse, 24 heures" in french and "médiane de " in french


@pytest.mark.capability("P10")
async def test_every_figure_of_the_charts_is_in_tables_on_the_page_of_the_component(known: Any, story: Any) -> None:
    await known.hear(measured(story, NOW - HOUR, 1_234_000), measured(story, NOW - 2 * HOUR, 40_000, 40_000))
    await sum_up(known)
    async with known.client() as visitor:
        main = await visitor.get(f"/status/{story.slug}", headers=BROWSER)
        address = f"{story.slug}/components/{story.environment_id}?lang=en"
        assert f'href="{address}"' in main.text
        page = await visitor.get(f"/status/{address}", headers=BROWSER)
        assert page.status_code == 200
        assert len(page.content) < 50_000
        for cell in (">1.23 s</td>", ">40 ms</td>", "08/06/2026, 10:00", ">8 June 2026</th>"):
            assert cell in page.text, cell
        again = await visitor.get(f"/status/{address}", headers=BROWSER | {"if-none-match": page.headers["etag"]})
        assert again.status_code == 304
        assert "public, max-age=30" in page.headers["cache-control"]
        for wrong in (f"{story.slug}/components/{new_id()}", f"nobody/components/{story.environment_id}"):
            assert (await visitor.get(f"/status/{wrong}", headers=BROWSER)).status_code == 404
            problem = await visitor.get(f"/status/{wrong}")
            assert (problem.status_code, problem.headers["content-type"]) == (404, "application/problem+json")
            assert "the link that you were given" in (await visitor.get(f"/status/{wrong}", headers=BROWSER)).text
        assert (await visitor.get(f"/status/{story.slug}/components/x", headers=BROWSER)).status_code == 422


async def test_where_clocks_are_put_back_the_two_hours_of_one_name_are_told_apart(known: Any, story: Any) -> None:
    night = datetime(2026, 10, 25, tzinfo=UTC)
    known.clock.advance(night + 9 * HOUR - NOW)
    await known.hear(*(measured(story, night + number * HOUR, 40_000) for number in range(3)))
    async with known.client() as visitor:
        page = await visitor.get(f"/status/{story.slug}/components/{story.environment_id}?lang=en", headers=BROWSER)
    for cell in ("02:00 (UTC+02:00)", "02:00 (UTC+01:00)", "03:00"):
        assert page.text.count(f">25/10/2026, {cell}</th>") == 1, cell


async def test_an_hour_that_was_read_is_not_unpacked_again_until_it_is_told_anew(known: Any, story: Any) -> None:
    hours = [NOW - number * HOUR for number in (2, 1)]
    rollup_id = new_id()
    await known.hear(measured(story, hours[0], 40_000), measured(story, hours[1], 50_000, rollup_id=rollup_id))
    before = (await times(known, story))["hours"]
    assert [hour["checks"] for hour in before] == [1, 1]
    async with known.runtime.units.for_every_tenant() as unit:
        await unit.session.execute(text("update reporting.rollup set payload = '\\x00'"))  # nothing can unpack that
    assert (await times(known, story))["hours"] == before
    await known.hear(measured(story, hours[1], 50_000, 60_000, version=101, rollup_id=rollup_id))
    after = (await times(known, story))["hours"]
    assert after[0] == before[0]
    assert after[1]["checks"] == 2


async def test_a_component_that_visitors_may_not_see_has_no_page(known: Any, story: Any) -> None:
    async with known.client() as visitor:
        answer = await visitor.get(f"/status/{story.slug}/components/{story.staging_id}", headers=BROWSER)
    assert answer.status_code == 404


async def test_hours_told_before_response_times_were_are_read_as_before(known: Any, story: Any) -> None:
    assert await known.hear(story.measured(NOW - HOUR), measured(story, NOW - 2 * HOUR, 50_000)) == 2
    await sum_up(known)
    found = await times(known, story)
    assert [hour["at"] for hour in found["hours"]] == ["2026-06-08T07:00:00Z"]
    assert (await report(known, story))[0]["checks"] == 1


@pytest.mark.capability("X08")
async def test_hours_in_any_order_twice_and_again_with_late_results_give_the_same_figures(
    start_service: Any, story: Any
) -> None:
    random.seed(6)
    hours = [(NOW - number * HOUR, new_id()) for number in range(1, 30)]
    checks = {at: [random.randint(50_000, 900_000) for _ in range(30)] for at, _ in hours}
    early = [measured(story, at, *checks[at][:20], version=21, rollup_id=rollup) for at, rollup in hours]
    whole = [measured(story, at, *checks[at], version=31, rollup_id=rollup) for at, rollup in hours]
    seen = []
    for told in (whole, [*early, *whole], [*whole[::-1], *whole, *early]):
        service = await start_service()
        await service.hear(*story.golden_june()[:5], *told[:10])
        await sum_up(service)
        await service.hear(*told[10:])
        await sum_up(service)
        seen.append((await times(service, story), await report(service, story)))
    assert seen[0] == seen[1] == seen[2]
    everything = Sketch.of(value for values in checks.values() for value in values)
    assert seen[0][1][0]["p95_ms"] * 1000 == everything.quantile(950)


@pytest.mark.capability("R02", "P10")
async def test_the_month_has_the_percentiles_of_all_its_checks_whether_days_are_summed_up_or_not(
    known: Any, story: Any
) -> None:
    random.seed(7)
    values: list[int] = []
    for number in range(1, 70):
        some = [random.randint(50_000, 900_000) for _ in range(number)]
        values += some
        await known.hear(measured(story, NOW - number * HOUR, *some))
    before = await report(known, story)
    await sum_up(known)
    (line,) = after = await report(known, story)
    assert after == before
    whole = Sketch.of(values)
    assert (line["checks"], line["site_name"]) == (len(values), "boulangerie-martin.example")
    assert [line[f"{each}_ms"] * 1000 for each in ("p50", "p95", "p99")] == [
        whole.quantile(share) for share in (500, 950, 990)
    ]
    await known.hear(measured(story, NOW - 70 * HOUR, *[5_000_000] * 100))
    assert (await report(known, story))[0]["checks"] == len(values) + 100
    async with known.client(story) as agency:
        page = await agency.get(f"/v1/contracts/{story.contract_id}/reports/2026-06/html", headers=BROWSER)
    assert "Response times" in page.text and "95 of 100 within" in page.text


async def test_a_report_up_to_an_instant_counts_the_hours_before_it(known: Any, story: Any) -> None:
    await known.hear(measured(story, NOW - HOUR, 1_000), measured(story, NOW - 3 * HOUR, 2_000, 2_000))
    await sum_up(known)
    (line,) = await report(known, story, as_of="2026-06-08T07:30:00Z")
    assert (line["checks"], line["p99_ms"]) == (2, 2)


async def test_checks_of_all_pages_of_an_environment_count(known: Any, story: Any) -> None:
    await known.hear(measured(story, NOW - HOUR, 100_000, 100_000, pages=3))
    await sum_up(known)
    found = await times(known, story)
    assert (found["hours"][0]["checks"], found["days"][0]["checks"]) == (6, 6)


async def test_a_sketch_that_cannot_be_read_keeps_nothing_else_from_being_summed_up(known: Any, story: Any) -> None:
    broken = json.loads(measured(story, NOW - HOUR, 100_000))
    broken["data"]["monitors"][0]["response_times"]["sketch"] = "A"
    await known.hear(json.dumps(broken).encode(), measured(story, NOW - 2 * HOUR, 100_000))
    await sum_up(known)
    assert (await times(known, story))["days"][0]["checks"] == 1


async def test_days_are_cut_anew_when_the_client_moves_to_another_zone(known: Any, story: Any) -> None:
    await known.hear(*(measured(story, NOW - number * HOUR, 100_000) for number in range(1, 30)))
    await sum_up(known)
    assert [day["checks"] for day in (await times(known, story))["days"]] == [18, 11]
    story.time_zone = "America/New_York"
    await known.hear(story.contract("amended", NOW - HOUR), measured(story, NOW - HOUR, 100_000, version=101))
    await sum_up(known)
    found = (await times(known, story))["days"]
    assert [(day["date"], day["checks"]) for day in found] == [("2026-06-07", 24), ("2026-06-08", 6)]


async def test_hours_of_a_contract_that_nobody_told_of_yet_wait_for_it(service: Any, story: Any) -> None:
    await service.hear(measured(story, NOW - HOUR, 100_000))
    await sum_up(service)
    async with service.runtime.units.for_every_tenant() as unit:
        assert await unit.session.scalar(text("select count(*) from reporting.response_due")) == 1
    await service.hear(*story.golden_june()[:5])
    await sum_up(service)
    assert (await times(service, story))["days"][0]["checks"] == 1


async def test_an_hour_told_late_makes_the_next_edition_of_a_month_which_says_how_long_answers_took(
    service: Any, story: Any
) -> None:
    await service.hear(*story.golden_june(), measured(story, NOW - HOUR, *[100_000] * 9))
    await sum_up(service)
    service.clock.set(AFTERWARDS)
    await issue(service)
    (before,) = (await read(service, story, 1))["report"]["response_times"]
    await service.hear(measured(story, NOW - 2 * HOUR, *[900_000] * 90))
    await sum_up(service)
    service.clock.set(AFTERWARDS + 72 * HOUR)
    await issue(service)
    second = await read(service, story, 2)
    (after,) = second["report"]["response_times"]
    told = {each["measure"]: (each["subject"], each["before"], each["after"]) for each in second["changes"]}
    assert second["reason"] == "correction"
    assert told == {
        name: ("response_time", str(before[name]), str(after[name]))
        for name in ("checks", "p50_ms", "p95_ms", "p99_ms")
    }
    assert (before["checks"], after["checks"]) == (9, 99)
    edition = f"/v1/contracts/{story.contract_id}/reports/2026-06/editions/2"
    async with service.client(story) as agency:
        for language, words in (("fr", ("Temps de réponse", "Médiane")), ("en", ("Response time", "Median"))):
            page = await agency.get(f"{edition}/html", params={"lang": language})
            assert page.status_code == 200
            figure = catalogues().translator(language).number(str(after["p50_ms"]))
            assert all(word in page.text for word in (*words, figure)), language
            for form in ("pdf", "xlsx", "csv"):
                answer = await agency.get(f"{edition}/{form}", params={"lang": language} if form != "csv" else {})
                assert answer.status_code == 200, form
