"""Hours that are promised and not covered are found before they come, told once, and cleared when they are covered."""

import asyncio
from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from incidents.application.on_call import look_ahead

from .conftest import Agreement, Desk
from .roster import Roster, a_schedule


@pytest.fixture
def roster(desk: Desk, agreement: Agreement) -> Roster:
    return Roster(desk, agreement)


async def gaps(roster: Roster, state: str = "open") -> list[tuple[str, str | None, str | None]]:
    found = (await roster.read(f"/v1/on-call/gaps?state={state}"))["data"]
    return [(gap["starts_at"], gap["ends_at"], gap["cleared_because"]) for gap in found]


async def said(roster: Roster) -> list[tuple[str, int]]:
    said = await roster.desk.said(roster.agreement.tenant_id)
    return [(name.removesuffix(".v1"), version) for name, version, _ in said if name.startswith("on_call.")]


def without_weekend(*person_ids: str) -> dict[str, Any]:
    """A schedule from Monday at 00:00 to Saturday at 00:00, in Paris."""
    schedule = a_schedule(*person_ids)
    weekly = [{"days": ["mon", "tue", "wed", "thu", "fri"], "from": "00:00", "to": "24:00"}]
    schedule["layers"][0]["hours"] = {"time_zone": "Europe/Paris", "weekly": weekly}
    return schedule


@pytest.mark.capability("I55")
async def test_an_uncovered_weekend_under_a_contract_around_the_clock_is_found_ahead_and_cleared_when_covered(
    roster: Roster,
) -> None:
    ada, lea = await roster.person("Ada"), await roster.person("Lea")
    schedule = await roster.made("/v1/on-call/schedules", without_weekend(ada))
    await roster.desk.activate(roster.agreement)
    await roster.cover_ahead.run()
    weekends = [
        ("2026-06-12T22:00:00Z", "2026-06-14T22:00:00Z", None),
        ("2026-06-19T22:00:00Z", "2026-06-21T22:00:00Z", None),
    ]
    assert await gaps(roster) == weekends
    assert await said(roster) == [("on_call.uncovered", 1)] * 2

    # Both in one message, and not again.
    for _ in range(3):
        roster.desk.clock.advance(timedelta(hours=1))
        await roster.cover_ahead.run()
        await roster.agency_mail.run()
    (message,) = roster.desk.mailbox.messages
    assert (message["To"], message["Subject"]) == ("oncall@agency.example", "Nobody is on call for C-2026-0001")
    text = message.get_content()
    assert "- From 13 June 2026, 00:00 to 15 June 2026, 00:00" in text.replace("at ", "")

    weekend = {"person_id": lea, "from": weekends[0][0], "to": weekends[0][1]}
    await roster.made(f"/v1/on-call/schedules/{schedule['schedule_id']}/overrides", weekend)
    await roster.cover_ahead.run()
    assert await gaps(roster) == weekends[1:]
    assert await gaps(roster, "cleared") == [(*weekends[0][:2], "covered")]
    assert (await said(roster))[2:] == [("on_call.covered", 2)]
    await roster.agency_mail.run()
    assert len(roster.desk.mailbox.messages) == 1


async def test_a_contract_around_the_clock_without_any_schedule_is_one_gap_without_an_end(roster: Roster) -> None:
    await roster.desk.activate(roster.agreement)
    for _ in range(30):
        await roster.cover_ahead.run()
        roster.desk.clock.advance(timedelta(hours=1))
    assert await gaps(roster) == [("2026-06-08T09:00:00Z", None, None)]
    assert await said(roster) == [("on_call.uncovered", 1)]
    await roster.schedule(await roster.person("Ada"))
    await roster.cover_ahead.run()
    assert await gaps(roster, "all") == [("2026-06-08T09:00:00Z", None, "covered")]


async def test_office_hours_promise_nothing_at_night_unless_the_terms_say_so(
    roster: Roster,
) -> None:
    office = {
        "time_zone": "Europe/Paris",
        "weekly": [{"days": ["mon", "tue", "wed", "thu", "fri"], "from": "09:00", "to": "18:00"}],
    }
    calendars = {"support": [{"effective_from": None, "calendar": office}]}
    await roster.desk.activate(roster.agreement, calendars=calendars)
    await roster.cover_ahead.run()
    assert await gaps(roster) == []
    later = {"service_desk": {"round_the_clock": True}, "effective_from": "2026-06-10T00:00:00Z"}
    await roster.desk.activate(roster.agreement, 2, calendars=calendars, **later)
    await roster.cover_ahead.run()
    assert await gaps(roster) == [("2026-06-10T00:00:00Z", None, None)]
    await roster.desk.suspend(roster.agreement, 3, calendars=calendars, effective_from="2026-06-08T09:00:00Z")
    await roster.cover_ahead.run()
    assert await gaps(roster, "all") == [("2026-06-10T00:00:00Z", None, "not_promised")]


async def test_a_schedule_of_other_contracts_does_not_cover(roster: Roster) -> None:
    other = Agreement(tenant_id=roster.agreement.tenant_id)
    for agreement in (roster.agreement, other):
        await roster.desk.activate(agreement)
    await roster.schedule(await roster.person("Ada"), contract_ids=[str(other.contract_id)])
    await roster.cover_ahead.run()
    (gap,) = (await roster.read("/v1/on-call/gaps"))["data"]
    assert gap["contract_id"] == str(roster.agreement.contract_id)


async def test_a_gap_that_was_never_covered_is_cleared_when_it_is_over(roster: Roster) -> None:
    await roster.made("/v1/on-call/schedules", without_weekend(await roster.person("Ada")))
    await roster.desk.activate(roster.agreement)
    await roster.cover_ahead.run()
    roster.desk.clock.advance(timedelta(days=5))  # in the midst of it
    await roster.cover_ahead.run()
    assert (await gaps(roster))[0] == ("2026-06-12T22:00:00Z", "2026-06-14T22:00:00Z", None)
    roster.desk.clock.advance(timedelta(days=2))
    await roster.cover_ahead.run()
    assert await gaps(roster, "cleared") == [("2026-06-12T22:00:00Z", "2026-06-14T22:00:00Z", "over")]


async def test_a_gap_that_grows_is_told_again_with_its_new_bounds(roster: Roster) -> None:
    schedule = await roster.made("/v1/on-call/schedules", without_weekend(await roster.person("Ada")))
    await roster.desk.activate(roster.agreement)
    await roster.cover_ahead.run()
    await roster.agency_mail.run()
    roster.desk.clock.advance(timedelta(minutes=1))
    async with roster.desk.client(roster.agreement) as client:
        path = f"/v1/on-call/schedules/{schedule['schedule_id']}"
        assert (await client.delete(path, headers={"If-Match": "*"})).status_code == 204
    await roster.cover_ahead.run()
    await roster.agency_mail.run()
    assert await gaps(roster, "cleared") == []
    _, news = roster.desk.mailbox.messages
    assert "From 8 June 2026" in news.get_content()


async def test_a_contract_that_cannot_be_read_keeps_no_other_from_being_looked_at(
    roster: Roster, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = Agreement(tenant_id=roster.agreement.tenant_id)
    await roster.desk.activate(first)
    await roster.desk.activate(roster.agreement)

    async def look(ports: Any, contract_id: UUID, ahead: timedelta) -> None:
        if contract_id == first.contract_id:
            raise ValueError("unreadable")
        await look_ahead(ports, contract_id, ahead)

    monkeypatch.setattr("incidents.jobs.cover.look_ahead", look)
    await roster.cover_ahead.run()
    assert len(await gaps(roster)) == 1
    due = f"select due_at from incidents.cover_look where contract_id = '{first.contract_id}'"
    assert (await roster.desk.rows(due))[0]["due_at"] == roster.desk.clock.now() + timedelta(minutes=1)


async def test_a_message_that_cannot_be_written_keeps_no_other_waiting(roster: Roster) -> None:
    await roster.desk.activate(roster.agreement)
    await roster.desk.activate(Agreement(tenant_id=roster.agreement.tenant_id))
    await roster.cover_ahead.run()
    await roster.desk.execute(
        "update incidents.agency_message set details = '{}' where id = (select min(id) from incidents.agency_message)"
    )
    for _ in range(2):
        await roster.agency_mail.run()
    assert len(roster.desk.mailbox.messages) == 1
    unwritten = await roster.desk.rows("select last_error, state from incidents.agency_message order by id limit 1")
    assert "cannot be written" in unwritten[0]["last_error"] and unwritten[0]["state"] != "sent"


async def test_hours_in_which_whoever_is_on_call_is_quiet_are_not_covered_unless_the_gravest_gets_through(
    roster: Roster,
) -> None:
    ada = await roster.person("Ada")
    await roster.schedule(ada)
    await roster.desk.activate(roster.agreement)
    await roster.cover_ahead.run()
    assert await gaps(roster) == []
    await roster.quiet(ada, "02:00", "03:00", "major")
    await roster.cover_ahead.run()
    assert (await gaps(roster))[0] == ("2026-06-09T00:00:00Z", "2026-06-09T01:00:00Z", None)
    await roster.quiet(ada, "02:00", "03:00", "critical")
    await roster.cover_ahead.run()
    assert await gaps(roster) == []


async def test_several_workers_find_a_gap_once(make_desk: Callable[..., Desk], agreement: Agreement) -> None:
    first = make_desk()
    workers = [Roster(desk, agreement) for desk in (first, make_desk(first.urls), make_desk(first.urls))]
    await first.activate(agreement)
    for _ in range(2):
        await asyncio.gather(*(worker.cover_ahead.run() for worker in workers))
    assert len(await gaps(workers[0], "all")) == 1
    await asyncio.gather(*(worker.agency_mail.run() for worker in workers))
    assert len(first.mailbox.messages) == 1


async def test_the_message_is_in_the_readers_language_and_waits_for_a_server(
    make_desk: Callable[..., Desk], agreement: Agreement
) -> None:
    silent = Roster(make_desk(smtp_host=None, alert_language="fr"), agreement)
    await silent.desk.activate(agreement)
    await silent.cover_ahead.run()
    await silent.agency_mail.run()
    loud = Roster(make_desk(silent.desk.urls), agreement)
    loud.desk.mailbox.replies.append("451 not now")
    await loud.agency_mail.run()
    assert loud.desk.mailbox.messages == []
    loud.desk.clock.advance(timedelta(minutes=6))
    await loud.agency_mail.run()
    (message,) = loud.desk.mailbox.messages
    assert message["Subject"] == "Personne n’est d’astreinte pour C-2026-0001"
