"""Certificates, from the contract that has them watched to what is said of them."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from shared.events import Envelope
from shared.stack.nats_server import NatsServer
from shared.testing.databases import DatabaseUrls

from ..certificates import issue, secured, server_context, trust
from .conftest import Contract, Service, contract, eventually, settings_for, working
from .test_recording import hand_in, recorded, result

ROOT = issue("Root", authority=True, days=3000)
WATCHED = [{"type": "certificate_monitoring", "code": "tls", "parameters": {"warn_days": [30, 14, 7]}}]


def state(given: Contract, version: int = 1, **changes: Any) -> dict[str, Any]:
    """A contract that has certificates watched and nothing else."""
    return given.state(version) | {"monitoring": None, "deliverables": WATCHED} | changes


async def about_certificates(service: Service) -> list[Envelope]:
    return [event for event in await service.events() if event.name.aggregate == "certificate"]


async def tls_monitor(service: Service) -> Any:
    async def look() -> Any:
        return next(iter(await service.rows("select * from probes.monitor where kind = 'tls'")), None)

    return await eventually(look)


@pytest.mark.capability("P05")
async def test_a_certificate_that_is_found_to_expire_in_ten_days_is_told_once_for_the_tightest_threshold(
    service_database: Callable[[str], DatabaseUrls], own_nats_server: NatsServer, tmp_path: Path
) -> None:
    settings = settings_for(service_database("probes"), own_nats_server, ca_file=trust(tmp_path, ROOT))
    shown = issue("hotel", ROOT, names=["127.0.0.1"], days=10.5)
    async with working(settings, own_nats_server.url()) as service, secured(server_context(shown)) as port:
        given = contract(f"https://127.0.0.1:{port}/")
        await service.tell(given, "activated", state(given))
        (told,) = await eventually(lambda: about_certificates(service))
        await eventually(lambda: service.one("select state = 'up' from probes.monitor"))
        monitor = await tls_monitor(service)
    assert monitor["interval_seconds"] == 3600 and not monitor["counts_for_sla"]
    assert str(told.name) == "probes.certificate.expiring.v1" and told.tenantid == given.tenant_id
    data = told.data
    assert (data["threshold_days"], data["days_left"], data["verdict"]) == (14, 10, "expiring")
    assert (data["host"], data["port"], data["subject"]) == ("127.0.0.1", port, "CN=hotel")
    assert datetime.fromisoformat(data["expires_at"]) == shown.certificate.not_valid_after_utc
    assert data["environment_id"] == str(given.environment_id)


@pytest.mark.capability("P22")
async def test_the_level_of_the_contract_decides_whether_certificates_are_watched(idle: Service) -> None:
    given = contract("https://hotel.example/")
    await idle.tell(given, "activated", given.state(monitoring={"interval_seconds": 60}))
    await eventually(lambda: idle.one("select count(*) = 1 from probes.monitor"))

    async def states() -> dict[str, str]:
        rows = await idle.rows("select kind, state from probes.monitor")
        return {row["kind"]: row["state"] for row in rows}

    async def are(**wanted: str) -> bool:
        return await states() == wanted

    await idle.tell(given, "amended", given.state(2, deliverables=WATCHED))
    await eventually(lambda: are(http="unknown", tls="unknown"))
    monitor = await tls_monitor(idle)
    assert monitor["configuration"] == {"kind": "tls", "host": "hotel.example", "port": 443, "warn_days": [30, 14, 7]}
    await idle.tell(given, "amended", given.state(3))
    await eventually(lambda: are(http="unknown", tls="paused"))
    assert (await tls_monitor(idle))["reason"] == "removed_by_amendment"
    wider = [{"type": "certificate_monitoring", "parameters": {"warn_days": [60]}}]
    await idle.tell(given, "amended", given.state(4, deliverables=wider))
    await eventually(lambda: are(http="unknown", tls="unknown"))
    again = await tls_monitor(idle)
    assert again["monitor_id"] == monitor["monitor_id"] and again["configuration"]["warn_days"] == [60]


def seen(days: float, fingerprint: str = "aa", at: datetime | None = None, **changes: Any) -> dict[str, Any]:
    """An observation as the check of a certificate makes it, with so many days left."""
    ends = ((at or datetime.now(UTC)) + timedelta(days=days)).strftime("%Y-%m-%dT%H:%M:%SZ")
    return {
        "host": "hotel.example",
        "port": 443,
        "subject": "CN=hotel.example",
        "issuer": "CN=Authority",
        "not_after": ends,
        "verified_until": ends,
        "expires_first": "CN=hotel.example",
        "fingerprint_sha256": fingerprint,
        "verdict": "good",
        **changes,
    }


class Watching:
    """A monitor whose observations are handed in by hand, some milliseconds apart."""

    def __init__(self, service: Service, monitor: UUID) -> None:
        self.service = service
        self.monitor = monitor
        self.slot = 0
        self.start = datetime.now(UTC)

    async def sees(self, *values: dict[str, Any], name: str = "certificate") -> None:
        for value in values:
            self.slot += 1
            at = self.start + timedelta(milliseconds=10 * self.slot)
            observations = {name: value}
            await hand_in(self.service, result(self.monitor, at, True, self.slot, observations=observations))
        await recorded(self.service)

    async def told(self, event: str, count: int) -> list[dict[str, Any]]:
        async def look() -> list[dict[str, Any]]:
            return [each.data for each in await about_certificates(self.service) if each.name.event == event]

        async def enough() -> bool:
            return len(await look()) >= count

        await eventually(enough)
        found = await look()
        assert len(found) == count
        return found


@pytest.fixture
async def watching(idle: Service) -> Watching:
    given = contract("https://hotel.example/")
    await idle.tell(given, "activated", state(given))
    return Watching(idle, (await tls_monitor(idle))["monitor_id"])


async def test_each_threshold_is_told_once_while_time_passes(watching: Watching) -> None:
    same = seen(29)
    await watching.sees(seen(31), seen(31), same, same, seen(13.5), seen(13), seen(6), seen(-1))
    # Each has another end here, so each is another certificate's notice but those that are the very same.
    told = await watching.told("expiring", 5)
    assert [notice["threshold_days"] for notice in told] == [30, 14, 14, 7, 7]
    assert told[-1]["days_left"] == -2


async def test_another_certificate_is_told_once_with_the_one_before(watching: Watching) -> None:
    first, second = seen(90, "aa"), seen(80, "bb", issuer="CN=Somebody else")
    await watching.sees(first, second, first, second)
    replaced, back = await watching.told("changed", 2)
    assert (replaced["previous_fingerprint_sha256"], replaced["fingerprint_sha256"]) == ("aa", "bb")
    assert (replaced["previous_issuer"], replaced["issuer"]) == ("CN=Authority", "CN=Somebody else")
    assert back["fingerprint_sha256"] == "aa"


async def test_checks_of_a_site_tell_of_other_hosts_only_where_certificates_are_watched(idle: Service) -> None:
    given = contract("https://hotel.example/")
    await idle.tell(given, "activated", given.state(monitoring={"interval_seconds": 60}))
    monitor = await eventually(lambda: idle.one("select monitor_id from probes.monitor where kind = 'http'"))
    site = Watching(idle, monitor)
    elsewhere = seen(5, "cc", host="www.hotel.example")
    await site.sees(elsewhere, name="certificate:www.hotel.example:443")
    assert await about_certificates(idle) == []
    await idle.tell(given, "amended", given.state(2, monitoring={"interval_seconds": 60}, deliverables=WATCHED))
    await tls_monitor(idle)
    await site.sees(elsewhere, name="certificate:www.hotel.example:443")
    await site.sees(seen(5, "dd"), name="certificate:hotel.example:443")  # its own monitor looks after that one
    (told,) = await site.told("expiring", 1)
    assert told["host"] == "www.hotel.example"


async def test_the_end_of_a_registration_is_told_once_for_each_threshold(watching: Watching) -> None:
    ends = (datetime.now(UTC) + timedelta(days=20.5)).strftime("%Y-%m-%dT%H:%M:%SZ")
    value: dict[str, Any] = {"domain": "hotel.example", "expires_at": ends, "registrar": None, "status": []}
    value |= {"source": "manual"}
    await watching.sees(value, value, value | {"registrar": "Registrar SAS"}, name="domain")
    (told,) = [event for event in await watching.service.events() if event.name.aggregate == "domain"]
    assert str(told.name) == "probes.domain.expiring.v1"
    assert (told.data["threshold_days"], told.data["days_left"], told.data["domain"]) == (30, 20, "hotel.example")
