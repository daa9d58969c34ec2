"""The state line through the recorder: a location in doubt, planned work, flapping, and what depends on what."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import text

from probes.adapters.monitors import SqlMonitors
from probes.application.dependencies import depend_on
from probes.domain.dependencies import DependencyError
from probes.main import SERVICE
from shared.events import Envelope, EventName
from shared.ids import new_id
from shared.service import create_app
from shared.testing.plugin import ApiClient
from shared.testing.tokens import TokenMint
from shared.time_source import SystemClock

from .added import watch
from .conftest import Contract, Service, contract, eventually
from .test_recording import hand_in, monitor_of, recorded, result

_THIRD_PARTY = text("update probes.monitor set third_party = true where monitor_id = :monitor_id")


async def several(service: Service, count: int) -> list[UUID]:
    """Monitors of as many clients, checked every 30 s by the test."""
    for _ in range(count):
        given = contract("http://127.0.0.1:9/")
        await service.tell(given, "activated", given.state(monitoring={"interval_seconds": 30}))
    wanted = "select count(*) = :count from probes.monitor"
    await eventually(lambda: service.one(wanted, count=count))
    rows = await service.rows("select monitor_id from probes.monitor order by number")
    return [row["monitor_id"] for row in rows]


def unreachable(monitor: UUID, at: datetime, number: int, slot: int = 2, attempt: int = 0) -> dict[str, Any]:
    """A check that nobody answered; each monitor leads to an address of its own."""
    failed = result(monitor, at, False, slot, attempt=attempt, reason="timeout", status_code=None)
    failed["evidence"]["addresses"] = [f"192.0.2.{number}"]
    return failed


async def states(service: Service) -> list[str]:
    return [row["state"] for row in await service.rows("select state from probes.monitor order by number")]


async def names_of(service: Service) -> list[str]:
    return [event.name.event for event in await service.events()]


async def test_the_only_location_that_loses_everything_is_the_suspect_and_time_is_unknown_not_down(
    idle: Service,
) -> None:
    monitors = await several(idle, 6)
    start = datetime.now(UTC)
    await hand_in(idle, *(result(monitor, start, True) for monitor in monitors))
    failing = start + timedelta(milliseconds=10)
    for attempt in range(3):
        at = failing + attempt * timedelta(milliseconds=10)
        batch = [unreachable(monitor, at, number, 2, attempt) for number, monitor in enumerate(monitors)]
        await hand_in(idle, *batch)
    await recorded(idle)
    assert await states(idle) == ["up"] * 6, "the last good checks vouch for one interval"
    suspected = await eventually(lambda: one(idle, "suspected"))
    assert (suspected["location"], suspected["reason"], suspected["monitors"]) == ("default", "most_failed", 1)
    assert datetime.fromisoformat(suspected["since"]) == failing
    assert await idle.one("select count(*) from probes.result where status_code >= 2000") == 18
    good = start + timedelta(milliseconds=100)
    await hand_in(idle, *(result(monitor, good, True, 3) for monitor in monitors))
    trusted = await eventually(lambda: one(idle, "trusted"))
    assert trusted["reason"] == "most_succeed"
    assert "down" not in await names_of(idle)


async def one(service: Service, event: str) -> dict[str, Any] | None:
    found = [envelope.data for envelope in await service.events() if envelope.name.event == event]
    return found[0] if found else None


async def test_a_suspicion_that_comes_after_first_failures_takes_them_back(idle: Service) -> None:
    monitors = await several(idle, 6)
    start = datetime.now(UTC)
    await hand_in(idle, *(result(monitor, start, True) for monitor in monitors))
    failing = start + timedelta(milliseconds=10)
    await hand_in(idle, unreachable(monitors[0], failing, 0))
    await recorded(idle)
    assert await idle.one("select count(*) from probes.location_state where run is not null") == 1
    await hand_in(idle, *(unreachable(monitor, failing, number) for number, monitor in enumerate(monitors)))
    await eventually(lambda: one(idle, "suspected"))
    assert await idle.one("select count(*) from probes.location_state where run is not null") == 0
    unknown = (await idle.events())[-1].data
    if unknown.get("monitor_id") != str(monitors[0]):
        unknown = next(e.data for e in reversed(await idle.events()) if e.data.get("reason") == "location_suspected")
    assert (unknown["monitor_id"], unknown["reason"]) == (str(monitors[0]), "location_suspected")
    assert datetime.fromisoformat(unknown["since"]) == failing
    assert await idle.one("select count(*) from probes.blip") == 0


async def test_control_targets_that_are_reached_make_it_real_at_once(idle: Service) -> None:
    monitors = await several(idle, 6)
    start = datetime.now(UTC)
    await hand_in(idle, *(result(monitor, start, True) for monitor in monitors))
    failing = start + timedelta(milliseconds=10)
    for attempt in range(2):
        at = failing + attempt * timedelta(milliseconds=10)
        batch = [unreachable(monitor, at, number, 2, attempt) for number, monitor in enumerate(monitors)]
        reading = {"at": at.isoformat(), "reached": True}
        await hand_in(idle, *batch, controls=reading)
    await recorded(idle)
    await eventually(lambda: all_are(idle, "down"))
    assert "suspected" not in await names_of(idle)


async def test_control_targets_that_are_not_reached_put_aside_even_a_single_failure(idle: Service) -> None:
    (monitor,) = await several(idle, 1)
    start = datetime.now(UTC)
    await hand_in(idle, result(monitor, start, True))
    at = start + timedelta(milliseconds=10)
    reading = {"at": at.isoformat(), "reached": False}
    for attempt in range(3):
        await hand_in(
            idle, unreachable(monitor, at + attempt * timedelta(milliseconds=1), 1, 2, attempt), controls=reading
        )
    suspected = await eventually(lambda: one(idle, "suspected"))
    assert suspected["reason"] == "controls_unreachable"
    assert "down" not in await names_of(idle)


async def all_are(service: Service, state: str) -> bool:
    return set(await states(service)) == {state}


async def tell_window(service: Service, given: Contract, version: int, *spans: tuple[datetime, datetime]) -> None:
    name = EventName("contracts", "maintenance", "scheduled" if version == 1 else "cancelled", 1)
    window_id = UUID(int=given.contract_id.int ^ 1)
    data = {
        "window_id": str(window_id),
        "client_id": str(given.client_id),
        "version": version,
        "title": "Montée de version",
        "environment_ids": [str(given.environment_id)],
        "occurrences": [{"starts_at": start.isoformat(), "ends_at": end.isoformat()} for start, end in spans],
    }
    envelope = Envelope(
        id=new_id(),
        source="/services/contracts",
        type=name.type,
        subject=f"maintenance/{window_id}",
        time=datetime.now(UTC),
        dataschema="urn:upheld:schema:test",
        tenantid=given.tenant_id,
        aggregateversion=version,
        data=data,
    )
    await service.js.publish(name.subject(str(window_id)), envelope.to_bytes())
    await eventually(lambda: service.one("select version = :v from probes.maintenance_window", v=version))


@pytest.mark.capability("P27")
async def test_checks_go_on_in_a_window_and_are_flagged_and_nothing_in_it_is_an_outage(idle: Service) -> None:
    given = contract("http://127.0.0.1:9/")
    monitor = await monitor_of(idle, given)
    now = datetime.now(UTC)
    opens, closes = now + timedelta(seconds=1), now + timedelta(seconds=6)
    await tell_window(idle, given, 1, (opens, closes))
    await hand_in(idle, result(monitor, now, True))
    await eventually(lambda: all_are(idle, "maintenance"))
    inside = [opens + timedelta(milliseconds=number) for number in (100, 110, 120)]
    await hand_in(idle, *(result(monitor, at, False, 2, attempt=number) for number, at in enumerate(inside)))
    await recorded(idle)
    assert await idle.one("select count(*) from probes.result where status_code between 1000 and 1999") == 3
    await eventually(lambda: all_are(idle, "up"), seconds=20)
    assert "down" not in await names_of(idle)
    line = await idle.rows("select state, started_at, ended_at from probes.stretch order by started_at")
    assert [row["state"] for row in line] == ["unknown", "up", "maintenance", "up"]
    assert (line[2]["started_at"], line[2]["ended_at"]) == (opens, closes)
    told = await one(idle, "maintenance")
    assert told is not None and datetime.fromisoformat(told["until"]) == closes
    # What still fails after the window is an outage from its end on.
    after = closes + timedelta(milliseconds=50)
    await hand_in(idle, result(monitor, after, False, 3))
    await recorded(idle)
    assert await idle.one("select down_since from probes.outage") == closes


async def test_a_window_that_is_called_off_is_over_at_once(idle: Service) -> None:
    given = contract("http://127.0.0.1:9/")
    await monitor_of(idle, given)
    now = datetime.now(UTC)
    await tell_window(idle, given, 1, (now, now + timedelta(hours=1)))
    await eventually(lambda: all_are(idle, "maintenance"))
    await tell_window(idle, given, 2, (now, datetime.now(UTC)))
    await eventually(lambda: all_are(idle, "unknown"))


async def test_a_monitor_that_goes_up_and_down_is_said_to_flap_and_its_outages_are_all_kept(idle: Service) -> None:
    given = contract("http://127.0.0.1:9/")
    monitor = await monitor_of(idle, given)
    start = datetime.now(UTC)
    checks = [result(monitor, start, True)]
    for number in range(10):
        for attempt in range(2):
            at = start + timedelta(milliseconds=100 * (number + 1) + attempt)
            checks.append(result(monitor, at, number % 2 == 1, number + 2, attempt=attempt))
    await hand_in(idle, *checks, sent_at=datetime.now(UTC) + timedelta(seconds=1.2))
    flapping = await eventually(lambda: one(idle, "flapping"))
    assert flapping["edges"] == 7
    await recorded(idle)
    assert await idle.one("select count(*) from probes.outage") == 5
    assert await idle.one("select flapping_since is not null from probes.monitor")
    last = [event.data for event in await idle.events() if event.name.event == "recovered"][-1]
    assert last["flapping"] is True
    async with idle.runtime.units.for_every_tenant() as unit:
        later = start + timedelta(hours=1)
        assert await SqlMonitors(unit.session).silent(later, 10) == [monitor]
        assert (await SqlMonitors(unit.session).locked([monitor]))[monitor].state.flapping_since is not None


async def test_a_monitor_whose_parent_is_down_is_not_blamed(idle: Service) -> None:
    given = contract("http://127.0.0.1:9/")
    parent = await monitor_of(idle, given)
    child = await watch(idle, given, {"kind": "tcp", "host": "127.0.0.1", "port": 9})
    async with idle.runtime.units.for_every_tenant() as unit:
        await depend_on(child, parent, SqlMonitors(unit.session))
    async with idle.runtime.units.for_every_tenant() as unit:
        with pytest.raises(DependencyError):
            await depend_on(parent, child, SqlMonitors(unit.session))
    start = datetime.now(UTC)
    for monitor in (parent, child):
        failing = [result(monitor, start + timedelta(milliseconds=n), False, 1, attempt=n) for n in range(2)]
        await hand_in(idle, *failing)
    await recorded(idle)

    async def both() -> list[dict[str, Any]]:
        found = [event.data for event in await idle.events() if event.name.event == "down"]
        return found if len(found) == 2 else []

    first, second = await eventually(both)
    assert (first["monitor_id"], first["caused_by"]) == (str(parent), None)
    assert (second["monitor_id"], second["caused_by"]) == (str(child), first["outage_id"])
    assert await idle.one("select caused_by from probes.outage where caused_by is not null") == UUID(first["outage_id"])


@pytest.mark.capability("P31")
async def test_what_a_third_party_brings_down_is_a_candidate_for_exclusion_and_nothing_else_is(
    idle: Service, api_client: ApiClient
) -> None:
    given = contract("http://127.0.0.1:9/")
    alone = contract("http://127.0.0.1:9/", given.tenant_id)
    site = await monitor_of(idle, given)
    await monitor_of(idle, alone)
    of_contract = "select monitor_id from probes.monitor where contract_id = :contract_id"
    other = await eventually(lambda: idle.one(of_contract, contract_id=alone.contract_id))
    partner, shop = [await watch(idle, given, {"kind": "tcp", "host": "127.0.0.1", "port": 9}) for _ in range(2)]
    async with idle.runtime.units.for_every_tenant() as unit:
        await unit.session.execute(_THIRD_PARTY, {"monitor_id": partner})
        await depend_on(shop, partner, SqlMonitors(unit.session))
    async with idle.runtime.units.for_every_tenant() as unit:
        await depend_on(site, shop, SqlMonitors(unit.session))
    start = datetime.now(UTC)
    for monitor in (partner, shop, site, other):
        failing = [result(monitor, start + timedelta(milliseconds=n), False, 1, attempt=n) for n in range(2)]
        await hand_in(idle, *failing)

    async def all_down() -> bool:
        return bool(await idle.one("select count(*) = 4 from probes.outage"))

    await eventually(all_down)
    tokens = TokenMint(SystemClock())
    app = tokens.trust(create_app(SERVICE, idle.runtime.settings, runtime=idle.runtime))
    async with api_client(app, tokens.mint(role="viewer", tenant_id=given.tenant_id)) as client:

        async def of(candidates: str) -> set[tuple[str, bool]]:
            answer = await client.get("/v1/outages", params={"exclusion_candidate": candidates})
            assert answer.status_code == 200, answer.text
            listed = answer.json()["data"]
            assert {each["exclusion_candidate"] for each in listed} == {candidates == "true"}
            return {(each["monitor_id"], each["third_party"]) for each in listed}

        assert await of("true") == {(str(partner), True), (str(shop), False), (str(site), False)}
        assert await of("false") == {(str(other), False)}


async def test_an_outage_of_a_third_party_says_that_it_is_one(idle: Service) -> None:
    given = contract("http://127.0.0.1:9/")
    monitor = await monitor_of(idle, given)
    async with idle.runtime.units.for_every_tenant() as unit:
        await unit.session.execute(_THIRD_PARTY, {"monitor_id": monitor})
    start = datetime.now(UTC)
    await hand_in(idle, *(result(monitor, start + timedelta(milliseconds=n), False, 1, attempt=n) for n in range(2)))
    down = await eventually(lambda: one(idle, "down"))
    assert down["third_party"] is True and down["counts_for_sla"] is True and down["measures_availability"] is True
    assert await idle.one("select third_party from probes.outage")
