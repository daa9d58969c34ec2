"""The heaviest page in earnest: fifty components, ninety days, twenty incidents, charts, both languages."""

import random
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from reporting.adapters.rendering import component_page, status_page, translator_for
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


def content(components: int, incidents: int, troubled: float) -> Branded[StatusPageContent]:
    random.seed(9)
    shown = [component(number, troubled) for number in range(components)]
    began = NOW - timedelta(days=2)
    over = [
        {
            "incident_id": new_id(),
            "component_id": shown[number % components]["component_id"],
            "component_name": shown[number % components]["name"],
            "status": "resolved",
            "started_at": began,
            "ended_at": began + timedelta(minutes=9),
            "duration_seconds": 540,
            "updates": [{"at": began, "status": step, "page_update_id": None, "texts": {}} for step in STEPS],
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


def test_a_page_that_leaves_out_details_leads_to_them() -> None:
    page = content(50, 20, 0.06)
    made = status_page(
        page, translator_for("en", None, "en"), place="x", url="https://a.example", mails=True
    ).html.decode()
    for each in page.content.components:
        assert f'href="x/components/{each.component_id}?lang=en">{each.name}</a>' in made
