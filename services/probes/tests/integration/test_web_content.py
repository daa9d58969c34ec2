"""What an HTTP check asserts, through the running service: work item, runner, recorder, event."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any
from uuid import UUID

import pytest

from probes.adapters.announce import EventAnnouncer
from probes.adapters.contract_versions import SqlContractVersions
from probes.adapters.locations import SqlLocations
from probes.adapters.monitors import SqlMonitors
from probes.application.adding_monitors import Addition, add_monitor
from probes.application.checks.kinds import configuration_of
from probes.domain.monitors import Cadence
from shared.events import Envelope
from shared.ids import new_id

from ..raw_site import Asked, RawSite, raw_site, reply
from .conftest import Service, contract, eventually

EVERY_SECOND = Cadence(1, 1, 1, 0, 1)


class Site:
    """A site whose answer can be changed."""

    def __init__(self) -> None:
        self.answer = b""
        self.where = RawSite()

    async def serve(self, _asked: Asked, writer: asyncio.StreamWriter) -> None:
        writer.write(self.answer)


@pytest.fixture
async def site() -> AsyncIterator[Site]:
    made = Site()
    async with raw_site(made.serve) as where:
        made.where = where
        yield made


async def watch(service: Service, document: dict[str, Any]) -> UUID:
    """A monitor that somebody adds under a contract that has nothing watched by itself."""
    given = contract("https://hotel.example/")
    await service.tell(given, "activated", given.state() | {"monitoring": None})
    await eventually(
        lambda: service.one("select count(*) = 1 from probes.contract_version where applied_at is not null")
    )
    async with service.runtime.units.for_tenant(given.tenant_id) as unit:
        subject = await add_monitor(
            Addition(
                monitor_id=new_id(),
                contract_id=given.contract_id,
                environment_id=given.environment_id,
                deliverable="uptime_monitoring",
                name="Réservation",
                configuration=configuration_of(document),
                cadence=EVERY_SECOND,
            ),
            SqlContractVersions(unit.session),
            SqlLocations(unit.session),
            SqlMonitors(unit.session),
            EventAnnouncer(unit),
            unit.now,
        )
    return subject.monitor_id


async def of_kind(service: Service, name: str) -> list[Envelope]:
    return [event for event in await service.events() if str(event.name) == name]


@pytest.mark.capability("P13")
async def test_an_interface_is_asked_as_configured_and_a_wrong_answer_is_an_outage(
    service: Service, site: Site
) -> None:
    site.answer = reply('{"rooms": [{"price": 120}], "status": "open"}', "200 OK", "Content-Type: application/json")
    await watch(
        service,
        {
            "kind": "http",
            "url": site.where.url + "/v1/search",
            "method": "POST",
            "body": '{"nights": 2}',
            "headers": {"Accept": "application/json", "X-Api-Key": "k3y-of-the-hotel"},
            "assertions": [
                {"type": "json_path", "path": "$.status", "condition": "equals", "value": "open"},
                {"type": "json_path", "path": "$.rooms[*].price", "condition": "greater", "value": 0},
            ],
        },
    )
    assert await service.said("unknown", "restored") == ["unknown", "restored"]
    asked = site.where.asked[0]
    assert (asked.method, asked.path, asked.body) == ("POST", "/v1/search", b'{"nights": 2}')
    assert asked.headers["x-api-key"] == "k3y-of-the-hotel" and asked.headers["content-type"] == "application/json"
    site.answer = reply('{"rooms": [{"price": 0}], "status": "closed", "key": "k3y-of-the-hotel"}')
    await service.said("down")
    down = (await service.events())[-1].data
    assert down["reason"] == "content" and down["evidence"]["status_code"] == 200
    assert down["detail"] == (
        "“$.status” selects “closed”, which is not “open”. “$.rooms[*].price” selects 0, which is not greater than 0."
    )
    assert "k3y-of-the-hotel" not in str(down)
    (kept,) = await service.rows("select failures from probes.outage")
    assert [entry["position"] for entry in kept["failures"][0]["evidence"]["assertions"]] == [0, 1]
    assert "k3y-of-the-hotel" not in str(kept)
    site.answer = reply('{"rooms": [{"price": 90}], "status": "open"}')
    await service.said("recovered")


@pytest.mark.capability("P17")
async def test_a_defaced_page_is_told_once_and_missing_protection_is_an_outage(service: Service, site: Site) -> None:
    protected = (
        "Content-Security-Policy: default-src 'self'",
        "X-Content-Type-Options: nosniff",
        "X-Frame-Options: DENY",
    )

    def page(text: str) -> bytes:
        return reply(f"<p>{datetime.now(UTC)}</p><main>{text}</main>", "200 OK", *protected)

    site.answer = page("Welcome to the\n hotel")
    await watch(
        service,
        {
            "kind": "http",
            "url": site.where.url,
            "assertions": [
                {"type": "content_hash", "after": "<main>", "before": "</main>"},
                {"type": "keyword", "text": "hacked", "present": False, "match_case": False},
                {
                    "type": "security_headers",
                    "required": ["content_security_policy", "no_sniff", "frame_protection"],
                },
            ],
        },
    )
    await service.said("unknown", "restored")
    site.answer = page("Welcome to the hotel")
    asked = len(site.where.asked)
    await eventually(lambda: _asked(site, asked + 2))
    assert await of_kind(service, "probes.content.changed.v1") == [], "white space is no change"
    site.answer = page("Welcome to the casino")
    (changed,) = await eventually(lambda: of_kind(service, "probes.content.changed.v1"))
    assert changed.data["sha256"] != changed.data["previous_sha256"]
    assert (changed.data["size"], changed.data["previous_size"]) == (21, 20)
    asked = len(site.where.asked)
    await eventually(lambda: _asked(site, asked + 2))
    assert len(await of_kind(service, "probes.content.changed.v1")) == 1
    assert await service.one("select state from probes.monitor") == "up", "a change is no outage by itself"
    site.answer = reply("<main>HACKED by nobody</main>")
    await service.said("down")
    down = (await service.events())[-1].data
    assert down["reason"] == "content"
    assert down["detail"].startswith("The text “hacked” occurs in the answer and must not.")
    assert "X-Frame-Options or frame-ancestors" in down["detail"]
    assert len(await of_kind(service, "probes.content.changed.v1")) == 1


async def _asked(site: Site, times: int) -> bool:
    return len(site.where.asked) >= times


@pytest.mark.capability("P25")
async def test_an_export_that_grows_old_is_an_outage_until_there_is_a_new_one(service: Service, site: Site) -> None:
    def export(age: timedelta, rows: str = "donor;amount\nA;10\n") -> bytes:
        stamp = format_datetime(datetime.now(UTC) - age, usegmt=True)
        return reply(rows, "200 OK", f"Last-Modified: {stamp}", "Content-Type: text/csv")

    site.answer = export(timedelta(hours=1))
    await watch(
        service,
        {
            "kind": "export",
            "url": site.where.url + "/donors.csv",
            "max_age_seconds": 26 * 3600,
            "at_least_rows": 1,
            "content_type": "text/csv",
        },
    )
    await service.said("unknown", "restored")
    site.answer = export(timedelta(hours=30))
    await service.said("down")
    down = (await service.events())[-1].data
    assert down["reason"] == "stale" and down["detail"].startswith("The export is 30 h old (")
    site.answer = export(timedelta(minutes=1))
    await service.said("recovered")
    site.answer = export(timedelta(minutes=1), rows="donor;amount\n")
    await service.said("down")
    assert (await service.events())[-1].data["detail"] == "The export has 0 rows, fewer than 1."


async def test_a_firewall_before_the_site_makes_it_unknown_and_never_down(service: Service, site: Site) -> None:
    challenge = reply(
        "<title>Just a moment...</title>", "403 Forbidden", "Server: cloudflare", "CF-Mitigated: challenge"
    )
    site.answer = challenge
    await watch(service, {"kind": "http", "url": site.where.url})
    await service.said("unknown", "unknown")
    assert [event.data["reason"] for event in await service.events()] == ["not_yet_checked", "blocked"]
    assert await service.one("select reason from probes.monitor") == "blocked"
    site.answer = reply("<h1>Hotel</h1>")
    await service.said("unknown", "unknown", "restored")
    site.answer = challenge
    await service.said("restored", "unknown")
    unknown = (await service.events())[-1].data
    assert (unknown["reason"], unknown["previous_state"]) == ("blocked", "up")
    line = await service.rows("select state, reason from probes.stretch order by started_at, version")
    assert [row["state"] for row in line][-2:] == ["up", "unknown"]
    assert await service.one("select count(*) from probes.outage") == 0
