"""The heaviest page in earnest: fifty components, ninety days, twenty incidents, charts, both languages."""

import random
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from markupsafe import escape

from reporting.adapters.rendering import (
    component_page,
    incident_page,
    incidents_page,
    parts_of,
    parts_of_incident,
    parts_of_incidents,
    status_page,
    translator_for,
)
from reporting.application.report import Brand, Branded
from reporting.application.status_page import StatusPageContent
from shared.ids import new_id

NOW = datetime(2026, 6, 8, 9, tzinfo=UTC)
STEPS = ("resolved", "monitoring", "identified", "investigating")


def component(number: int, troubled: float) -> dict[str, Any]:
    dates = [date(2026, 6, 8) - timedelta(days=89 - day) for day in range(90)]

    def times() -> dict[str, Any]:
        return {"checks": 2880, "p50_ms": random.randint(180, 260) + 0.448, "p95_ms": random.randint(300, 1_560)}

    return {
        "component_id": new_id(),
        "name": f"site-{number}.boulangerie-martin.example",
        "group": None,
        "added_at": NOW - timedelta(days=200),
        "state": "up",
        "since": NOW - timedelta(days=3),
        "impact": None,
        "uptime": [
            {
                "days": n,
                "from": NOW - timedelta(days=n),
                "whole": True,
                "uptime_display": "99.97",
                "coverage_percent": "99.98",
            }
            for n in (30, 90)
        ],
        "days": [
            {
                "date": day,
                "state": "down" if random.random() < troubled else "up",
                "down_seconds": random.randint(60, 86_400),
                "uptime_display": "99.31",
                "coverage_percent": "100.00",
            }
            for day in dates
        ],
        "response_times": {
            "hours": [{"at": NOW - timedelta(hours=24 - hour), **times()} for hour in range(24)],
            "hours_until": NOW,
            "days": [{"date": day, **times()} for day in dates],
        },
    }


def affected(component: dict[str, Any], impact: str | None) -> dict[str, Any]:
    return {"component_id": component["component_id"], "component_name": component["name"], "impact": impact}


def told(at: datetime, status: str, texts: dict[str, str] | None = None) -> dict[str, Any]:
    said: dict[str, Any] = {
        "page_update_id": new_id() if texts else None,
        "measured": None,
        "texts": texts or {},
        "components": [],
    }
    return {"at": at, "status": status, **said}


def content(components: int, incidents: int, troubled: float) -> Branded[StatusPageContent]:
    random.seed(9)
    shown = [component(number, troubled) for number in range(components)]
    began = NOW - timedelta(days=2)
    over = [
        {
            "incident_id": new_id(),
            "titles": {},
            "components": [affected(shown[number % components], None)],
            "impact": "major",
            "status": "resolved",
            "started_at": began,
            "published_at": began,
            "ended_at": began + timedelta(minutes=9),
            "duration_seconds": 540,
            "updated_at": began + timedelta(minutes=9),
            "updates": [told(began, step) for step in STEPS],
        }
        for number in range(incidents)
    ]
    page = {
        "slug": "boulangerie-martin",
        "name": "Boulangerie Martin",
        "agency_name": "Atelier Numérique",
        "language": "fr",
        "time_zone": "Europe/Paris",
        "logo_url": None,
        "updated_at": NOW,
        "told_at": NOW,
        "status": {"headline": "operational", "contract": "active", "since": None},
        "components": shown,
        "open_incidents": [],
        "recent_incidents": over,
        "maintenance": [],
    }
    return Branded(StatusPageContent.model_validate(page), Brand("Boulangerie Martin", None, "#7c2d12", None, None))


@pytest.mark.parametrize("language", ["fr", "en"])
@pytest.mark.parametrize(
    ("components", "incidents", "troubled"),
    [(50, 20, 0.005), (50, 20, 0.06), (50, 0, 0.2), (10, 20, 0.06), (5, 20, 0.06), (1, 20, 1.0)],
)
def test_no_page_is_heavier_than_fifty_kilobytes(
    components: int, incidents: int, troubled: float, language: str
) -> None:
    page = content(components, incidents, troubled)
    t = translator_for(language, None, language)
    made = status_page(page, t, place="boulangerie-martin", url="https://reports.agency.example/status/x", mails=True)
    assert len(made.html) < 50_000
    one = component_page(page, page.content.components[0], t, back="../../x", private=False, remembered=None)
    assert len(one.html) < 50_000


PEOPLE = {"fr": "Cause « trouvée » & retour à 14 h. " * 60, "en": 'We found the "cause" & are back by 14:00. ' * 45}


def crowded(components: int, outages: int) -> Branded[StatusPageContent]:
    """A page on which a lot goes wrong at once, and much is told of all of it."""
    page = content(components, outages, 0.06).content
    began = NOW - timedelta(hours=2)

    def said(number: int) -> list[dict[str, Any]]:
        return [told(began, "identified", PEOPLE) for _ in range(number)]

    whole = page.model_dump(by_alias=True)
    for each in whole["recent_incidents"]:
        each["updates"] = said(2) + each["updates"]
    whole["open_incidents"] = [
        {**each, "incident_id": new_id(), "ended_at": None, "status": "identified", "updates": said(30)}
        for each in whole["recent_incidents"]
    ]
    whole["maintenance"] = [
        {
            "maintenance_id": new_id(),
            "window_id": new_id(),
            "again": True,
            "name": "Montée de version du serveur",
            "status": "scheduled",
            "starts_at": NOW + timedelta(days=1),
            "ends_at": NOW + timedelta(days=1, hours=2),
            "announced_at": NOW,
            "component_ids": [each.component_id for each in page.components],
        }
        for _ in range(20)
    ]
    return Branded(StatusPageContent.model_validate(whole), Brand("Martin", None, "#7c2d12", None, None))


@pytest.mark.parametrize("language", ["fr", "en"])
@pytest.mark.parametrize(("components", "outages"), [(200, 200), (200, 3), (50, 50), (1, 40)])
def test_a_page_of_many_components_of_which_much_is_told_has_parts_that_show_them_all(
    components: int, outages: int, language: str
) -> None:
    page = crowded(components, outages)
    t = translator_for(language, None, language)
    parts = [
        status_page(page, t, place="x", url="https://a.example", mails=True, part=part).html.decode()
        for part in range(1, parts_of(page.content) + 1)
    ]
    assert max(len(part.encode()) for part in parts) < 50_000
    headings = [
        f'<a href="x/components/{each.component_id}?lang={language}">{each.name}</a>'
        for each in page.content.components
    ]
    if components > 1:
        assert [sum(heading in part for part in parts) for heading in headings] == [1] * components
    assert (
        len(component_page(page, page.content.components[0], t, back="x", private=False, remembered=None).html) < 50_000
    )
    for number, part in enumerate(parts, start=1):
        assert ('id="past"' in part) == (number == 1)
        assert all(f"&amp;part={other}" in part for other in range(1, len(parts) + 1) if other != number)


def test_what_a_page_leaves_out_it_counts() -> None:
    page = crowded(200, 200)
    made = status_page(page, translator_for("en", None, "en"), place="x", url="https://a.example").html.decode()
    shown = made.count("is unavailable</h3>")
    assert 0 < shown < 200
    assert f"and {200 - shown} more interruptions" in made
    assert "Systems 1 to 50 of 200" in made
    assert "and 199 more systems" in made


def test_a_page_that_leaves_out_details_leads_to_them() -> None:
    page = content(50, 20, 0.06)
    made = status_page(
        page, translator_for("en", None, "en"), place="x", url="https://a.example", mails=True
    ).html.decode()
    for each in page.content.components:
        assert f'href="x/components/{each.component_id}?lang=en">{each.name}</a>' in made


def told_much(text: str) -> Branded[StatusPageContent]:
    """An incident with as many updates, components and titles as there may be, all as long as they may be."""
    page = content(50, 1, 0.06)
    whole = page.content.model_dump(by_alias=True)
    for each in whole["components"]:
        each["name"] = f"{'&' * 40} {each['name']}"
    (incident,) = whole["recent_incidents"]
    incident |= {
        "titles": dict.fromkeys(("fr", "en"), "&" * 200),
        "components": [affected(each, "major") for each in whole["components"]],
        "status": "identified",
        "ended_at": None,
        "updates": [
            told(NOW - timedelta(minutes=number), "identified", {"fr": f"{number} {text}", "en": f"{number} x"})
            for number in range(100)
        ],
    }
    whole |= {"open_incidents": [incident], "recent_incidents": [], "name": "&" * 120}
    return Branded(StatusPageContent.model_validate(whole), page.brand)


@pytest.mark.parametrize("language", ["fr", "en"])
@pytest.mark.parametrize("text", ["&" * 1_990, "\N{CROISSANT}" * 1_990, '"\n' * 995, "x"])
def test_every_update_of_an_incident_is_read_on_one_part_of_its_page_and_no_part_is_heavier(
    text: str, language: str
) -> None:
    page = told_much(text)
    (incident,) = page.content.open_incidents
    t = translator_for(language, None, language)
    parts = [
        incident_page(page, incident, t, back="../../x", private=False, remembered=None, part=part).html.decode()
        for part in range(1, len(parts_of_incident(incident)) + 1)
    ]
    assert max(len(part.encode()) for part in parts) < 50_000
    for update in incident.updates:
        said = f">{escape(update.texts['fr' if language == 'fr' else 'en'])}</p>"
        assert sum(said in part for part in parts) == 1
    for number, part in enumerate(parts, start=1):
        assert all(f"&amp;part={other}" in part for other in range(1, len(parts) + 1) if other != number)
    everywhere = [
        status_page(page, t, place="x", url="https://a.example", mails=True),
        component_page(page, page.content.components[0], t, back="x", private=False, remembered=None),
        incidents_page(page, t, back="x", private=False, remembered=None),
    ]
    for made, place in zip(everywhere, ("x", "..", "."), strict=True):
        assert len(made.html) < 50_000
        assert f'href="{place}/incidents/{incident.incident_id}?lang={language}"' in made.html.decode()


@pytest.mark.parametrize("language", ["fr", "en"])
def test_the_list_of_what_happened_leads_to_every_incident_once(language: str) -> None:
    page = crowded(200, 200)
    t = translator_for(language, None, language)
    parts = [
        incidents_page(page, t, back="x", private=False, remembered=None, part=part).html.decode()
        for part in range(1, parts_of_incidents(page.content) + 1)
    ]
    assert max(len(part.encode()) for part in parts) < 50_000
    for each in (*page.content.open_incidents, *page.content.recent_incidents):
        assert sum(f'href="./incidents/{each.incident_id}?lang={language}"' in part for part in parts) == 1
    status = status_page(page, t, place="x", url="https://a.example").html.decode()
    single = crowded(1, 40)
    one = component_page(single, single.content.components[0], t, back="x", private=False, remembered=None)
    assert f'href="x/incidents?lang={language}"' in status
    assert f'href="../incidents?lang={language}"' in one.html.decode()
