"""Clocks count in the zone of the contract; people read in their own."""

from datetime import datetime, timedelta
from typing import Any

import pytest

from .conftest import Agreement, Desk
from .roster import Roster
from .test_alerts import text_of


def office(agreement: Agreement, zone: str) -> dict[str, Any]:
    """A contract that counts nine to six in this zone, for a client who lives there."""
    week = {"days": ["mon", "tue", "wed", "thu", "fri"], "from": "09:00", "to": "18:00"}
    calendar = {"time_zone": zone, "weekly": [week]}
    client = agreement.state()["client"] | {"time_zone": zone, "language": "en"}
    return {"calendars": {"support": [{"effective_from": None, "calendar": calendar}]}, "client": client}


async def due(desk: Desk, agreement: Agreement) -> dict[str, str]:
    async with desk.client(agreement) as client:
        (listed,) = (await client.get(f"/v1/incidents?contract_id={agreement.contract_id}")).json()["data"]
    return {clock["metric"]: clock["due_at"] for clock in listed["clocks"]}


@pytest.mark.capability("I50")
async def test_one_instant_is_due_by_the_hours_of_each_contracts_own_zone(desk: Desk, agreement: Agreement) -> None:
    paris, new_york, tokyo = (Agreement(tenant_id=agreement.tenant_id) for _ in range(3))
    # Sunday, 1 November 2026: clocks were set back in New York that morning, in Paris a week before, in Tokyo never.
    desk.clock.set(datetime.fromisoformat("2026-11-01T12:00:00Z"))
    began: dict[str, Any] = {"down_since": "2026-11-01T12:00:00Z", "confirmed_at": "2026-11-01T12:00:00Z"}
    for of_zone, zone in ((paris, "Europe/Paris"), (new_york, "America/New_York"), (tokyo, "Asia/Tokyo")):
        await desk.activate(of_zone, **office(of_zone, zone))
        await desk.break_down(of_zone, **began)
    # Half an hour to answer and four hours to repair, from nine o'clock on Monday: here, there and there.
    assert [await due(desk, each) for each in (tokyo, paris, new_york)] == [
        {"response": "2026-11-02T00:30:00Z", "repair": "2026-11-02T04:00:00Z"},
        {"response": "2026-11-02T08:30:00Z", "repair": "2026-11-02T12:00:00Z"},
        {"response": "2026-11-02T14:30:00Z", "repair": "2026-11-02T18:00:00Z"},
    ]


@pytest.mark.capability("I50")
async def test_one_due_time_is_read_in_the_zone_of_each_reader(desk: Desk, agreement: Agreement) -> None:
    roster = Roster(desk, agreement)
    alerts = {"emails": ["client@client.example"]}
    await desk.activate(agreement, **office(agreement, "America/New_York"), alerts=alerts)
    kenji = await roster.person("Kenji", time_zone="Asia/Tokyo")
    # The address that alerts go to is Ada's own.
    await roster.person("Ada", email="oncall@agency.example", time_zone="Europe/Paris")
    await roster.policy({"unacknowledged_minutes": 0, "notify": [{"person_id": kenji}]})
    await desk.break_down(agreement)
    await roster.look_at(desk.clock.now())
    await desk.outbound.run()
    told = {name: text_of(desk.mailbox.to(address)[0]) for name, address in READERS.items()}
    # Down at 05:00 in New York, whose office opens at 09:00: half an hour later is one instant, told three times.
    assert "8 June 2026, 09:30" in told["client"] and "America/New_York (UTC-04:00)" in told["client"]
    assert "8 June 2026, 15:30" in told["Ada"] and "Europe/Paris (UTC+02:00)" in told["Ada"]
    assert "8 June 2026, 22:30" in told["Kenji"] and "Asia/Tokyo (UTC+09:00)" in told["Kenji"]


READERS = {"client": "client@client.example", "Ada": "oncall@agency.example", "Kenji": "kenji@agency.example"}


async def test_what_nobody_covers_is_told_in_the_zone_of_whoever_reads_it(desk: Desk, agreement: Agreement) -> None:
    roster = Roster(desk, agreement)
    await desk.activate(agreement)
    await roster.cover_ahead.run()
    await roster.person("Ada", email="OnCall@agency.example", time_zone="Asia/Tokyo")
    desk.clock.advance(timedelta(minutes=1))
    await roster.agency_mail.run()
    (message,) = desk.mailbox.messages
    # Nine o'clock in UTC.
    assert "From 8 June 2026, 18:00 on" in text_of(message)
    assert "Asia/Tokyo (UTC+09:00)" in text_of(message)
