"""The public page as browsers, programs and caches see it."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from html.parser import HTMLParser
from typing import Any

import pytest
from sqlalchemy import text

from shared.ids import new_id

VOID = {"meta", "link", "img", "br", "input", "hr"}
BROWSER = {"accept": "text/html,application/xhtml+xml", "accept-language": "en"}


class Page(HTMLParser):
    """Reads a page strictly: every element is closed in order; keeps what accessibility and policy need."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.stack: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []
        self.headings: list[int] = []
        self.feed(html)
        self.close()
        assert not self.stack, f"not closed: {self.stack}"

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.words).split())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if len(tag) == 2 and tag[0] == "h" and tag[1].isdigit():
            self.headings.append(int(tag[1]))
        if tag not in VOID:
            self.stack.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.stack.pop() == tag, f"</{tag}> closes something else"

    def handle_data(self, data: str) -> None:
        if "style" not in self.stack:
            self.words.append(data)

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.tags if name == tag]


async def look(service: Any, story: Any, **how: Any) -> Page:
    async with service.client() as visitor:
        answer = await visitor.get(
            f"/status/{story.slug}", headers=BROWSER | how.get("headers", {}), params=how.get("params")
        )
    assert answer.status_code == 200, answer.text
    assert len(answer.content) < 50_000
    return Page(answer.text)


async def read(service: Any, story: Any) -> dict[str, Any]:
    async with service.client() as visitor:
        answer = await visitor.get(f"/status/{story.slug}.json")
    assert answer.status_code == 200, answer.text
    content: dict[str, Any] = answer.json()
    return content


async def test_a_visitor_sees_that_all_is_well_and_since_when(service: Any, story: Any) -> None:
    await service.hear(*story.golden_june()[:5])
    page = await look(service, story)
    assert "All systems are operational" in page.text
    assert "Since 20 May 2026, 10:00" in page.text
    content = await read(service, story)
    (component,) = content["components"]
    assert (component["name"], component["state"]) == ("boulangerie-martin.example", "up")
    (total,) = component["uptime"]  # the contract is younger than thirty days
    assert (total["uptime_display"], total["from"], total["whole"]) == ("100.00", "2026-05-20T08:00:00Z", False)
    assert len(component["days"]) == 90
    assert [day["state"] for day in component["days"][-21:]] == ["unknown"] + ["up"] * 20
    assert component["days"][-1]["date"] == "2026-06-08"


@pytest.mark.parametrize("ahead", [timedelta(0), timedelta(days=3)])
async def test_before_anything_was_watched_the_page_says_so(service: Any, story: Any, ahead: timedelta) -> None:
    begins = datetime(2026, 6, 8, 9, tzinfo=UTC)
    service.clock.set(begins - ahead)
    await service.hear(story.contract("activated", begins))
    page = await look(service, story, params={"lang": "en"})
    assert page.text.count("Monitoring has not begun no measurement yet") == 1
    (component,) = (await read(service, story))["components"]
    assert [(sum_["from"], sum_["uptime_display"]) for sum_ in component["uptime"]] == [(None, None)]


async def test_a_part_that_the_page_does_not_have_is_not_found(service: Any, story: Any) -> None:
    await service.hear(*story.golden_june()[:5])
    async with service.client() as visitor:
        for part, status in ((1, 200), (2, 404), (0, 422)):
            for headers in (BROWSER, {}):
                answer = await visitor.get(f"/status/{story.slug}", headers=headers, params={"part": part})
                assert answer.status_code == status, answer.text
        assert "part=" not in (await visitor.get(f"/status/{story.slug}", headers=BROWSER)).text


async def test_an_outage_is_on_the_page_at_once_in_public_words_only(service: Any, story: Any) -> None:
    await service.hear(*story.golden_june()[:5])
    outage_id, since = new_id(), service.clock.now() - timedelta(minutes=12)
    await service.hear(story.down(outage_id, since))
    page = await look(service, story)
    assert "The service is unavailable" in page.text
    assert "boulangerie-martin.example is unavailable" in page.text
    assert "We are looking into it" in page.text

    incident = story.incident(new_id(), outage_id, since, acknowledged=since + timedelta(minutes=4))
    await service.hear(*incident)
    page = await look(service, story)
    assert "A technician is working on it" in page.text
    async with service.client() as visitor:
        raw = (await visitor.get(f"/status/{story.slug}", headers=BROWSER)).text
        raw += (await visitor.get(f"/status/{story.slug}.json")).text
    for inside in ("10.0.0.7", "refused", "Léa", "recette", "Premium", "C-2026", "INC-", str(story.tenant_id), "99.9%"):
        assert inside not in raw, inside

    back = since + timedelta(minutes=12)
    await service.hear(story.recovered(outage_id, since, back))
    content = await read(service, story)
    assert content["status"]["headline"] == "operational"
    assert [each["status"] for each in content["open_incidents"]] == ["monitoring"]
    assert content["open_incidents"][0]["ended_at"] == "2026-06-08T09:00:00Z"


async def test_a_monitor_that_is_still_down_after_a_silence_is_down_on_the_page(service: Any, story: Any) -> None:
    now = service.clock.now()
    outage = (new_id(), now - timedelta(hours=1))
    silent, heard = now - timedelta(minutes=50), now - timedelta(minutes=20)
    await service.hear(*story.golden_june()[:5], story.down(*outage))
    await service.hear(story.unknown(silent, reason="no_fresh_result", outage=outage))
    assert (await read(service, story))["components"][0]["state"] == "unknown"
    await service.hear(story.restored(silent, heard, state="down", outage=outage))
    content = await read(service, story)
    assert (content["status"]["headline"], content["components"][0]["state"]) == ("major_outage", "down")
    (open_incident,) = content["open_incidents"]
    assert (open_incident["incident_id"], open_incident["ended_at"]) == (str(outage[0]), None)
    assert "The service is unavailable" in (await look(service, story)).text


async def test_a_monitor_paused_before_its_first_check_and_watched_again_is_told_as_what_it_is(
    service: Any, story: Any
) -> None:
    began, paused, resumed = (datetime(2026, 6, 8, hour, tzinfo=UTC) for hour in (5, 6, 7))
    events = [
        story.contract("activated", began),
        story.unknown(began),
        story.restored(began, paused, state="paused"),
        story.paused(paused),
    ]
    assert await service.hear(*events) == len(events)
    assert (await read(service, story))["components"][0]["state"] == "paused"
    events = [story.restored(paused, resumed, was="paused", state="unknown"), story.unknown(resumed)]
    assert await service.hear(*events) == len(events)
    assert (await read(service, story))["components"][0]["state"] == "unknown"


async def test_what_is_over_stays_for_two_weeks_with_its_story(service: Any, story: Any) -> None:
    await service.hear(*story.golden_june())
    service.clock.set(datetime(2026, 6, 19, 9, tzinfo=UTC))
    content = await read(service, story)
    assert [each["duration_seconds"] for each in content["recent_incidents"]] == [300, 600]
    first = content["recent_incidents"][1]
    assert [update["status"] for update in first["updates"]] == [
        "resolved",
        "monitoring",
        "identified",
        "investigating",
    ]
    page = await look(service, story)
    assert "From 9 June 2026, 03:30 to 9 June 2026, 03:40, 10 minutes" in page.text
    service.clock.set(datetime(2026, 6, 25, 9, tzinfo=UTC))
    assert len((await read(service, story))["recent_incidents"]) == 1


async def test_the_page_speaks_the_language_of_its_visitor(service: Any, story: Any) -> None:
    await service.hear(*story.golden_june())
    french = await look(service, story, headers={"accept-language": "fr-CA,fr;q=0.9,en;q=0.5"})
    assert french.all("html") == [{"lang": "fr"}]
    assert "Tous les systèmes sont en service" in french.text
    asked = await look(service, story, headers={"accept-language": "fr"}, params={"lang": "en"})
    assert asked.all("html") == [{"lang": "en"}]
    default = await look(service, story, headers={"accept-language": "de"})
    assert default.all("html") == [{"lang": "fr"}]
    odd = await look(service, story, params={"lang": "klingon"})
    assert odd.all("html") == [{"lang": "en"}]


async def test_the_page_is_accessible_and_needs_no_script(service: Any, story: Any) -> None:
    await service.hear(*story.golden_june())
    service.clock.set(datetime(2026, 6, 19, 9, tzinfo=UTC))
    page = await look(service, story)
    assert page.headings[0] == 1
    assert page.headings.count(1) == 1
    assert all(after - before <= 1 for before, after in zip(page.headings, page.headings[1:], strict=False))
    assert len(page.all("caption")) == len(page.all("table")) == 1
    assert all(cell.get("scope") for cell in page.all("th"))
    assert all(image.get("role") == "img" and image.get("aria-label") for image in page.all("svg") if "class" in image)
    assert all("alt" in image for image in page.all("img"))
    assert {landmark for landmark, _ in page.tags} >= {"header", "main", "footer", "nav"}
    assert page.all("meta")[1]["name"] == "viewport"
    assert not page.all("script")
    assert not [name for _, attributes in page.tags for name in attributes if name.startswith("on") or name == "style"]


async def test_the_brand_is_shown_and_cannot_break_out_of_the_page(service: Any, story: Any) -> None:
    began = datetime(2026, 6, 1, tzinfo=UTC)
    story.client_name = '<script>alert(1)</script>"&'
    page = {
        "slug": story.slug,
        "name": story.client_name,
        "logo_url": "javascript:alert(1)",
        "colours": {"primary": "#123456", "background": "red;}</style><script>", "text": "url(https://evil.example)"},
    }
    await service.hear(story.contract("activated", began, status_page=page))
    async with service.client() as visitor:
        answer = await visitor.get(f"/status/{story.slug}", headers=BROWSER)
    parsed = Page(answer.text)
    assert not parsed.all("script")
    assert not parsed.all("img")
    assert "--band:#123456" in answer.text
    assert "evil.example" not in answer.text
    assert story.client_name in parsed.text
    policy = answer.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "img-src 'none'" in policy
    assert "unsafe-inline" not in policy

    page |= {"logo_url": "https://cdn.agency.example/logo.svg?x=1;script-src"}
    await service.hear(story.contract("amended", began + timedelta(days=1), status_page=page))
    async with service.client() as visitor:
        answer = await visitor.get(f"/status/{story.slug}", headers=BROWSER)
    assert Page(answer.text).all("img")[0]["src"] == page["logo_url"]
    assert "img-src https://cdn.agency.example;" in answer.headers["content-security-policy"]


async def test_the_page_can_be_kept_by_caches(service: Any, story: Any) -> None:
    await service.hear(*story.golden_june()[:5])
    async with service.client() as visitor:
        for address in (f"/status/{story.slug}", f"/status/{story.slug}.json"):
            first = await visitor.get(address, headers=BROWSER)
            assert "public, max-age=30" in first.headers["cache-control"]
            tag = first.headers["etag"]
            service.clock.advance(timedelta(seconds=20))
            again = await visitor.get(address, headers=BROWSER | {"if-none-match": f'W/"x", {tag}'})
            assert (again.status_code, again.content) == (304, b"")
            assert again.headers["etag"] == tag
            if "json" not in address:
                assert "Accept-Language" in again.headers["vary"]
            service.clock.advance(timedelta(seconds=60))
            later = await visitor.get(address, headers=BROWSER | {"if-none-match": tag})
            assert later.status_code == 200
            service.clock.set(datetime(2026, 6, 8, 9, tzinfo=UTC))


async def test_an_unknown_address_is_a_page_for_people_and_a_problem_for_programs(service: Any, story: Any) -> None:
    async with service.client() as visitor:
        for slug in ("nobody", "No Such Page", "..%2f..%2fetc", "%00", "a" * 99, "-x-"):
            page = await visitor.get(f"/status/{slug}", headers=BROWSER)
            assert page.status_code in (404, 422), slug
            program = await visitor.get(f"/status/{slug}.json")
            assert program.status_code in (404, 422)
            assert program.headers["content-type"] == "application/problem+json"
        page = await visitor.get("/status/nobody", headers=BROWSER | {"accept-language": "fr"})
        assert page.headers["content-type"] == "text/html; charset=utf-8"
        assert "Page introuvable" in Page(page.text).text
        program = await visitor.get("/status/nobody", headers={"accept": "application/json"})
        assert program.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize(
    ("ending", "status"),
    [
        ("?part=0", 422),
        ("?part=x", 422),
        ("/components/abc", 422),
        ("/incidents/abc", 422),
        ("/subscription/short", 422),
        ("/nothing", 404),
        ("/nothing/at/all", 404),
        ("/api/v2/nothing.json", 404),
        ("/subscribe", 405),
    ],
)
async def test_an_odd_address_is_a_page_for_people_and_a_problem_for_programs(
    service: Any, story: Any, ending: str, status: int
) -> None:
    await service.hear(*story.golden_june()[:5])
    async with service.client() as visitor:
        program = await visitor.get(f"/status/{story.slug}{ending}", headers={"accept": "application/json"})
        assert (program.status_code, program.headers["content-type"]) == (status, "application/problem+json")
        page = await visitor.get(f"/status/{story.slug}{ending}", headers=BROWSER | {"accept-language": "fr"})
        assert (page.status_code, page.headers["content-type"]) == (status, "text/html; charset=utf-8")
        assert page.headers.get("allow") == program.headers.get("allow")
        assert page.headers["x-request-id"]
        shown = Page(page.text)
        assert shown.all("html") == [{"lang": "fr"}]
        assert "Page introuvable" in shown.text
        asked = {"lang": "en"} | ({"part": "0"} if "?" in ending else {})
        english = await visitor.get(
            f"/status/{story.slug}{ending.partition('?')[0]}", headers=page.request.headers, params=asked
        )
        assert "Page not found" in Page(english.text).text


async def test_a_form_that_is_refused_is_refused_in_words(service: Any, story: Any) -> None:
    """This installation sends no mails: nobody is offered the form."""
    await service.hear(*story.golden_june()[:5])
    async with service.client() as visitor:
        answer = await visitor.post(f"/status/{story.slug}/subscribe", data={"email": "a@example.org"}, headers=BROWSER)
        assert (answer.status_code, answer.headers["content-type"]) == (409, "text/html; charset=utf-8")
        assert "This was not done" in Page(answer.text).text


async def test_a_suspended_and_an_ended_contract_are_told_honestly(service: Any, story: Any) -> None:
    events = story.golden_june()[:5]
    suspended = datetime(2026, 6, 5, 10, tzinfo=UTC)
    await service.hear(*events, story.contract("suspended", suspended), story.paused(suspended))
    page = await look(service, story)
    assert "Monitoring is suspended" in page.text
    assert "suspended since 5 June 2026, 12:00" in page.text
    content = await read(service, story)
    assert (content["status"]["headline"], content["components"][0]["state"]) == ("paused", "paused")
    assert content["components"][0]["days"][-2]["state"] == "paused"

    resumed = datetime(2026, 6, 7, 10, tzinfo=UTC)
    await service.hear(story.contract("activated", resumed), story.restored(suspended, resumed, was="paused"))
    assert (await read(service, story))["status"] == {"headline": "operational", "contract": "active", "since": None}
    await service.hear(story.contract("terminated", datetime(2026, 6, 8, 8, tzinfo=UTC)))
    page = await look(service, story)
    assert "Monitoring has ended" in page.text


async def test_a_page_goes_on_with_its_history_when_a_new_contract_replaces_the_one_before(
    service: Any, story: Any
) -> None:
    turn, ended = datetime(2026, 6, 22, tzinfo=UTC), datetime(2026, 6, 24, 12, tzinfo=UTC)
    service.clock.set(turn + timedelta(days=1))
    await service.hear(*story.golden_june())
    before = (await read(service, story))["components"][0]
    renewed = replace(story, contract_id=new_id(), monitor_id=new_id(), versions={})
    await service.hear(story.contract("terminated", turn), story.paused(turn, reason="contract_terminated"))
    await service.hear(
        renewed.contract("activated", turn), renewed.unknown(turn), renewed.restored(turn, turn + timedelta(seconds=30))
    )
    content = await read(service, story)
    assert content["status"] == {"headline": "operational", "contract": "active", "since": None}
    (component,) = content["components"]
    assert component["added_at"] == before["added_at"] == "2026-05-20T08:00:00Z"
    assert component["days"][:-2] == before["days"][:-2]
    assert [day["state"] for day in component["days"][-2:]] == ["up", "up"]
    sums = [(each["uptime_display"], each["from"]) for each in component["uptime"]]
    assert sums == [(each["uptime_display"], each["from"]) for each in before["uptime"]]
    assert [each["duration_seconds"] for each in content["recent_incidents"]] == [300, 600]
    assert content["recent_incidents"][0]["status"] == "resolved"
    async with service.client() as visitor:
        told = (await visitor.get(f"/status/{story.slug}/api/v2/incidents.json")).json()["incidents"]
        feed = (await visitor.get(f"/status/{story.slug}/feed.json")).json()["items"]
    assert (len(told), len(feed)) == (2, 2)

    service.clock.set(ended + timedelta(hours=1))
    await service.hear(renewed.contract("terminated", ended), renewed.paused(ended, reason="contract_terminated"))
    content = await read(service, story)
    assert content["status"] == {"headline": "ended", "contract": "ended", "since": "2026-06-24T12:00:00Z"}
    (component,) = content["components"]
    assert [day["state"] for day in component["days"] if day["date"] in ("2026-06-18", "2026-06-23")] == ["down", "up"]
    assert [each["duration_seconds"] for each in content["recent_incidents"]] == [300]
    assert "Monitoring ended on 24 June 2026, 14:00" in (await look(service, story)).text


async def test_a_page_tells_nothing_of_the_client_who_had_its_address_before(service: Any, story: Any) -> None:
    turn = datetime(2026, 6, 22, tzinfo=UTC)
    service.clock.set(turn + timedelta(days=1))
    await service.hear(*story.golden_june(), story.contract("terminated", turn))
    other = replace(story, client_id=new_id(), contract_id=new_id(), monitor_id=new_id(), versions={})
    await service.hear(other.contract("activated", turn), other.unknown(turn))
    content = await read(service, story)
    assert content["recent_incidents"] == []
    assert {day["state"] for day in content["components"][0]["days"]} == {"unknown"}


async def test_a_slug_stays_with_the_client_who_had_it_first_whatever_arrives_first(
    start_service: Callable[..., Any], story: Any, another_story: Callable[..., Any]
) -> None:
    began = datetime(2026, 5, 1, tzinfo=UTC)
    thief = another_story(client_name="Somebody else", site_name="else.example")
    events = [story.contract("activated", began), thief.contract("activated", began + timedelta(days=1))]
    for order in (events, events[::-1]):
        service = await start_service()
        await service.hear(*order)
        content = await read(service, story)
        assert (content["name"], [each["name"] for each in content["components"]]) == (
            "Boulangerie Martin",
            ["boulangerie-martin.example"],
        )


async def test_unknown_is_not_told_as_good(service: Any, story: Any) -> None:
    began = datetime(2026, 6, 8, 8, tzinfo=UTC)
    await service.hear(story.contract("activated", began))
    page = await look(service, story)
    assert "not known at the moment" in page.text
    assert "Monitoring has not begun" in page.text
    assert "no measurement yet" in page.text


async def test_who_hears_the_page_is_told_which_days_nobody_measured(service: Any, story: Any) -> None:
    began = service.clock.now() - timedelta(days=3)

    async def heard() -> tuple[str, str]:
        page = await look(service, story)
        (bars,) = [image["aria-label"] for image in page.all("svg") if image.get("class") == "bars"]
        return str(bars), page.text

    await service.hear(story.contract("activated", began), story.unknown(began))
    bars, said = await heard()
    assert bars == "90 days, 90 days not measured"
    assert "Nothing was measured in the last 14 days." in said
    await service.hear(story.restored(began, began + timedelta(seconds=30)))
    bars, said = await heard()
    assert bars == "90 days, no interruption, 86 days not measured"
    assert "No interruption was seen in the last 14 days; not all of that time was measured." in said
    outage = (new_id(), service.clock.now() - timedelta(minutes=12))
    await service.hear(story.down(*outage))
    bars, said = await heard()
    assert bars == "90 days, 1 day with an interruption, 86 days not measured"
    assert "No other interruption was seen in the last 14 days; not all of that time was measured." in said
    service.clock.advance(timedelta(days=95))
    await service.hear(story.recovered(*outage, service.clock.now() - timedelta(days=94)))
    bars, said = await heard()
    assert bars == "90 days, no interruption"
    assert "No interruption in the last 14 days." in said


async def test_what_was_up_is_not_told_as_up_for_as_long_as_probes_is_away(service: Any, story: Any) -> None:
    now = service.clock.now()
    hour = now.replace(minute=0, second=0, microsecond=0) - timedelta(hours=1)
    await service.hear(*story.golden_june()[:5])
    await service.hear(story.measured(hour, version=2), story.measured(hour - timedelta(hours=1), version=9))
    assert (await read(service, story))["status"]["headline"] == "operational"
    service.clock.set(hour + timedelta(hours=3, minutes=1))
    found = await read(service, story)
    assert found["status"]["headline"] == "unknown"
    assert found["components"][0]["state"] == "unknown"
    await service.hear(story.measured(hour + timedelta(hours=1)))
    assert (await read(service, story))["status"]["headline"] == "operational"


async def test_hours_that_were_measured_are_not_kept_one_by_one(service: Any, story: Any) -> None:
    await service.hear(*story.golden_june()[:5])

    async def rows(table: str) -> int:
        async with service.runtime.units.for_every_tenant() as unit:
            return int(await unit.session.scalar(text(f"select count(*) from reporting.{table}")))

    before = await rows("event")
    await service.hear(*(story.measured(service.clock.now() - timedelta(hours=number)) for number in range(1, 5)))
    assert await rows("event") == before
    assert await rows("vouched") == 1
