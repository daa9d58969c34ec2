"""The bugs that fill the trackers of other tools, each tried on the live service: its API, its facts and its jobs.

Instants are UTC; the contract's zone is Europe/Paris (UTC+2 in June).
"""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from incidents.adapters.repository import read_items
from incidents.jobs import clocks as clock_jobs

from .conftest import PARIS_OFFICE, Agreement, Desk
from .test_api import a_report

OFFICE = PARIS_OFFICE
LUNCH = PARIS_OFFICE | {
    "weekly": [
        {"days": ["mon", "tue", "wed", "thu", "fri"], "from": "09:00", "to": "12:00"},
        {"days": ["mon", "tue", "wed", "thu", "fri"], "from": "13:00", "to": "18:00"},
    ]
}
NIGHT = {
    "time_zone": "Europe/Paris",
    "weekly": [
        {
            "days": ["mon", "tue", "wed", "thu", "fri", "sat", "sun"],
            "from": "22:00",
            "to": "06:00",
            "to_next_day": True,
        }
    ],
}
WAIT = {"reason": "waiting_customer_info", "evidence": {"asked": "Which browser?"}}
ANSWER = {"answer": {"said": "Firefox"}}


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


async def agree(desk: Desk, agreement: Agreement, calendar: dict[str, Any], **changes: Any) -> None:
    versions = {"support": [{"effective_from": None, "calendar": calendar}]}
    await desk.activate(agreement, calendars=versions, **changes)


class Item:
    """A critical incident and what is done to it at which instant."""

    def __init__(self, desk: Desk, agreement: Agreement, item_id: str) -> None:
        self.desk, self.agreement, self.id = desk, agreement, item_id

    @classmethod
    async def reported(cls, desk: Desk, agreement: Agreement, instant: str, severity: str = "critical") -> "Item":
        desk.clock.set(at(instant))
        async with desk.client(agreement) as client:
            created = await client.post("/v1/incidents", json=a_report(agreement, severity=severity, occurred_at=None))
            assert created.status_code == 201, created.text
        return cls(desk, agreement, created.json()["incident_id"])

    async def do(self, instant: str, act: str, **told: Any) -> dict[str, Any]:
        self.desk.clock.set(at(instant))
        async with self.desk.client(self.agreement) as client:
            return await self._post(client, act, told)

    async def _post(self, client: httpx.AsyncClient, act: str, told: dict[str, Any]) -> dict[str, Any]:
        answer = await client.post(f"/v1/{act.replace('*', self.id)}", json=told)
        assert answer.status_code == 200, answer.text
        return dict(answer.json())

    async def pause(self, instant: str, **changes: Any) -> str:
        await self.do(instant, "items/*/pauses", **(WAIT | changes))
        async with self.desk.client(self.agreement) as client:
            pauses = (await client.get(f"/v1/items/{self.id}/pauses")).json()["data"]
        return str(pauses[-1]["pause_id"])

    async def resume(self, instant: str, pause_id: str) -> None:
        await self.do(instant, f"items/*/pauses/{pause_id}/resume", **ANSWER)

    async def clock(self, instant: str, metric: str = "repair") -> dict[str, Any]:
        self.desk.clock.set(at(instant))
        async with self.desk.client(self.agreement) as client:
            read = (await client.get(f"/v1/items/{self.id}")).json()
        return next(clock for clock in read["clocks"] if clock["metric"] == metric)


def elapsed(clock: dict[str, Any]) -> timedelta:
    return timedelta(seconds=clock["elapsed_seconds"])


TARGETS = [
    {"severity": "critical", "response": "PT30M", "repair": "PT4H"},
    {"severity": "major", "response": "PT4H", "repair": "PT8H"},
    {"severity": "minor", "response": "PT8H", "repair": None},
]


@pytest.mark.capability("I24")
async def test_a_pause_is_not_lost_when_the_priority_changes(desk: Desk, agreement: Agreement) -> None:
    await desk.activate(agreement, response=agreement.state()["response"] | {"targets": TARGETS})
    item = await Item.reported(desk, agreement, "2026-06-08T09:00:00")
    pause = await item.pause("2026-06-08T10:00:00")
    await item.do("2026-06-08T11:00:00", "items/*/classification", severity="major", reason="A workaround is there.")
    clock = await item.clock("2026-06-08T12:00:00")
    assert (clock["state"], elapsed(clock), clock["target_seconds"]) == ("paused", timedelta(hours=1), 8 * 3600)
    await item.resume("2026-06-08T13:00:00", pause)
    await item.do("2026-06-08T13:30:00", "items/*/classification", severity="critical", reason="It broke.")
    clock = await item.clock("2026-06-08T14:00:00")
    # One hour before the pause, one after it; three of waiting count under neither severity.
    assert (clock["state"], elapsed(clock), clock["due_at"]) == ("running", timedelta(hours=2), "2026-06-08T16:00:00Z")


async def test_a_severity_without_a_target_makes_the_clock_wait_and_gives_it_back(
    desk: Desk, agreement: Agreement
) -> None:
    await desk.activate(agreement, response=agreement.state()["response"] | {"targets": TARGETS})
    item = await Item.reported(desk, agreement, "2026-06-08T09:00:00")
    await item.do("2026-06-08T10:00:00", "items/*/classification", severity="minor", reason="Cosmetic.")
    assert (await item.clock("2026-06-08T20:00:00"))["state"] == "paused"
    await item.do("2026-06-08T20:00:00", "items/*/classification", severity="critical", reason="It is not.")
    clock = await item.clock("2026-06-08T21:00:00")
    assert (clock["state"], elapsed(clock)) == ("running", timedelta(hours=2))


async def test_a_severity_with_a_target_gives_a_clock_to_what_had_none(desk: Desk, agreement: Agreement) -> None:
    await desk.activate(agreement, response=agreement.state()["response"] | {"targets": TARGETS})
    item = await Item.reported(desk, agreement, "2026-06-08T09:00:00", "minor")
    await item.do("2026-06-08T10:00:00", "items/*/classification", severity="critical", reason="All orders fail.")
    assert (await item.clock("2026-06-08T10:00:00"))["due_at"] == "2026-06-08T13:00:00Z"


@pytest.mark.capability("I24")
async def test_a_pause_over_a_weekend_takes_open_hours_only(desk: Desk, agreement: Agreement) -> None:
    await agree(desk, agreement, OFFICE)
    item = await Item.reported(desk, agreement, "2026-06-12T14:00:00")  # Friday, two hours before closing
    pause = await item.pause("2026-06-12T15:00:00")
    await item.resume("2026-06-15T08:00:00", pause)  # Monday, an hour after opening
    clock = await item.clock("2026-06-15T09:00:00")
    assert (elapsed(clock), clock["due_at"]) == (timedelta(hours=2), "2026-06-15T11:00:00Z")
    paused = [span for span in clock["explanation"] if span["why"] == "paused"]
    assert [(span["from"], span["to"]) for span in paused] == [
        ("2026-06-12T15:00:00Z", "2026-06-12T16:00:00Z"),
        ("2026-06-15T07:00:00Z", "2026-06-15T08:00:00Z"),
    ]


async def test_a_resume_outside_of_the_hours_is_due_in_open_hours(desk: Desk, agreement: Agreement) -> None:
    await agree(desk, agreement, OFFICE)
    item = await Item.reported(desk, agreement, "2026-06-08T13:00:00")
    pause = await item.pause("2026-06-08T15:00:00")
    await item.resume("2026-06-08T21:00:00", pause)  # at night
    clock = await item.clock("2026-06-08T21:00:00")
    assert (elapsed(clock), clock["due_at"]) == (timedelta(hours=2), "2026-06-09T09:00:00Z")


async def test_a_lunch_break_does_not_count(desk: Desk, agreement: Agreement) -> None:
    await agree(desk, agreement, LUNCH)
    item = await Item.reported(desk, agreement, "2026-06-08T09:00:00")  # 11:00 in Paris, an hour before lunch
    clock = await item.clock("2026-06-08T10:30:00")
    assert (elapsed(clock), clock["due_at"]) == (timedelta(hours=1), "2026-06-08T14:00:00Z")


async def test_a_window_over_midnight_is_one_window(desk: Desk, agreement: Agreement) -> None:
    await agree(desk, agreement, NIGHT)
    item = await Item.reported(desk, agreement, "2026-06-08T21:00:00")  # 23:00 in Paris
    clock = await item.clock("2026-06-08T23:00:00")
    assert (elapsed(clock), clock["due_at"]) == (timedelta(hours=2), "2026-06-09T01:00:00Z")
    rest = await Item.reported(desk, agreement, "2026-06-09T03:00:00")  # 05:00, one hour is left
    assert (await rest.clock("2026-06-09T12:00:00"))["due_at"] == "2026-06-09T23:00:00Z"


@pytest.mark.parametrize(
    ("reported", "noon", "hours"),
    [("2026-10-24T20:00:00", "2026-10-25T11:00:00", 9), ("2027-03-27T21:00:00", "2027-03-28T10:00:00", 7)],
    ids=["autumn", "spring"],
)
async def test_a_night_on_which_the_clocks_change_is_as_long_as_it_is(
    desk: Desk, agreement: Agreement, reported: str, noon: str, hours: int
) -> None:
    """From 22:00 to 06:00 on the wall."""
    await agree(desk, agreement, NIGHT)
    item = await Item.reported(desk, agreement, reported)
    assert elapsed(await item.clock(noon)) == timedelta(hours=hours)


@pytest.mark.parametrize(
    ("reported", "due"),
    [("2026-10-23T14:00:00", "2026-10-26T10:00:00Z"), ("2027-03-26T15:00:00", "2027-03-29T09:00:00Z")],
    ids=["autumn", "spring"],
)
async def test_a_due_time_after_a_change_of_the_clocks_is_at_the_same_wall_time(
    desk: Desk, agreement: Agreement, reported: str, due: str
) -> None:
    """Friday 16:00 in Paris, four hours: Monday 11:00, whatever the offset is by then."""
    await agree(desk, agreement, {name: OFFICE[name] for name in ("time_zone", "weekly")})
    item = await Item.reported(desk, agreement, reported)
    assert (await item.clock(reported))["due_at"] == due


@pytest.mark.parametrize(
    ("rule", "counted"),
    [("resume", timedelta(hours=4)), ("count_through", timedelta(hours=7)), ("new_cycle", timedelta(hours=1))],
)
async def test_what_is_reopened_three_times_counts_as_the_contract_says(
    desk: Desk, agreement: Agreement, rule: str, counted: timedelta
) -> None:
    rules = {"on_policy_change": "retroactive", "on_reopen": rule}
    await desk.activate(agreement, response=agreement.state()["response"] | {"rules": rules})
    item = await Item.reported(desk, agreement, "2026-06-08T09:00:00")
    for hour in (10, 12, 14):
        await item.do(f"2026-06-08T{hour}:00:00", "incidents/*/resolve")
        again = await item.do(f"2026-06-08T{hour + 1}:00:00", "items/*/reopen", reason="It happens again.")
        assert again["status"] == "open"
        assert "resolved" not in again["timestamps"]
    done = await item.do("2026-06-08T16:00:00", "incidents/*/resolve")
    repair = next(clock for clock in done["clocks"] if clock["metric"] == "repair")
    assert elapsed(repair) == counted
    assert repair["verdict"] == ("breached" if rule == "count_through" else "met")
    rows = await desk.rows("select cycle from incidents.item_stamp where milestone = 'resolved' order by cycle")
    assert [row["cycle"] for row in rows] == [1, 2, 3, 4]
    names = [name for name, _, _ in await desk.said(agreement.tenant_id)]
    assert names.count("incident.reopened.v1") == 3


async def test_a_merge_counts_from_the_earlier_report_and_keeps_the_answer(desk: Desk, agreement: Agreement) -> None:
    await desk.activate(agreement)
    early = await Item.reported(desk, agreement, "2026-06-08T09:00:00")
    late = await Item.reported(desk, agreement, "2026-06-08T10:00:00")
    await early.do("2026-06-08T10:00:00", "items/*/replies", note="We look at it.")
    merged = await early.do("2026-06-08T10:20:00", "items/*/merge", into_id=late.id)
    assert (merged["status"], merged["merged_into_id"], merged["allowed_acts"]) == ("closed", late.id, [])
    assert {clock["state"] for clock in merged["clocks"]} <= {"cancelled", "breached"}
    clock = await late.clock("2026-06-08T10:30:00")
    assert (elapsed(clock), clock["due_at"]) == (timedelta(minutes=90), "2026-06-08T13:00:00Z")
    # What was merged does not go on by itself: nothing more is said about it.
    desk.clock.set(at("2026-06-08T18:00:00"))
    await desk.due_clocks.run()
    said = [data for name, _, data in await desk.said(agreement.tenant_id) if name == "clock.breached.v1"]
    assert [data["incident_id"] for data in said if data["metric"] == "repair"] == [late.id]


async def test_an_answer_to_the_merged_one_is_one_to_both(desk: Desk, agreement: Agreement) -> None:
    await desk.activate(agreement)
    early = await Item.reported(desk, agreement, "2026-06-08T09:00:00")
    await early.do("2026-06-08T09:10:00", "incidents/*/acknowledge")
    late = await Item.reported(desk, agreement, "2026-06-08T09:30:00")
    await early.do("2026-06-08T09:40:00", "items/*/merge", into_id=late.id)
    response = await late.clock("2026-06-08T12:00:00", "response")
    assert (response["verdict"], elapsed(response)) == ("met", timedelta(minutes=10))


async def test_a_merge_keeps_the_waits_of_the_merged_one_and_the_time_in_which_it_was_thought_to_be_over(
    desk: Desk, agreement: Agreement
) -> None:
    await desk.activate(agreement)
    early = await Item.reported(desk, agreement, "2026-06-08T08:00:00")
    pause = await early.pause("2026-06-08T08:30:00")
    await early.resume("2026-06-08T09:30:00", pause)
    await early.do("2026-06-08T10:00:00", "incidents/*/resolve")
    late = await Item.reported(desk, agreement, "2026-06-08T14:00:00")
    await early.do("2026-06-08T14:10:00", "items/*/merge", into_id=late.id)
    clock = await late.clock("2026-06-08T15:00:00")
    # One hour of work before it was thought to be over, one since it is known not to be.
    assert (clock["state"], elapsed(clock), clock["due_at"]) == ("running", timedelta(hours=2), "2026-06-08T17:00:00Z")
    assert [span["why"] for span in clock["explanation"]] == ["open", "paused", "open", "stopped", "open"]


async def test_a_calendar_that_is_edited_after_the_end_changes_no_verdict(desk: Desk, agreement: Agreement) -> None:
    await agree(desk, agreement, OFFICE)
    item = await Item.reported(desk, agreement, "2026-06-08T15:00:00")
    await item.do("2026-06-09T08:00:00", "incidents/*/resolve")
    before = await item.clock("2026-06-09T08:00:00")
    assert (before["verdict"], elapsed(before)) == ("met", timedelta(hours=2))
    always = {"support": [{"effective_from": None, "calendar": {"time_zone": "Europe/Paris", "always": True}}]}
    desk.clock.set(at("2026-06-09T09:00:00"))
    await desk.activate(agreement, 2, effective_from="2026-06-09T08:30:00Z", calendars=always)
    await desk.due_clocks.rebuild()
    assert await item.clock("2026-06-10T09:00:00") == before


async def test_two_workers_on_one_due_row_say_it_once(make_desk: Callable[..., Desk], agreement: Agreement) -> None:
    # Two things hold this: the lock of the row, which the next test shows, and the key of what was said about a clock.
    first = make_desk()
    second = make_desk(first.urls)
    await first.activate(agreement)
    await Item.reported(first, agreement, "2026-06-08T09:00:00")
    first.clock.set(at("2026-06-08T13:00:01"))
    await asyncio.gather(*(desk.due_clocks.run() for desk in (first, second) for _ in range(4)))
    said = [(name, data["metric"]) for name, _, data in await first.said(agreement.tenant_id) if "clock." in name]
    assert sorted(said) == sorted(
        (f"clock.{what}.v1", metric) for what in ("at_risk", "breached") for metric in ("response", "repair")
    )


async def test_a_worker_passes_over_a_due_row_that_another_one_has_in_hand(
    make_desk: Callable[..., Desk], agreement: Agreement, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = make_desk()
    second = make_desk(first.urls)
    await first.activate(agreement)
    await Item.reported(first, agreement, "2026-06-08T09:00:00")
    first.clock.set(at("2026-06-08T13:00:01"))
    claimed, go_on = asyncio.Event(), asyncio.Event()

    async def read_slowly(*told: Any) -> Any:
        claimed.set()
        await go_on.wait()
        return await read_items(*told)

    monkeypatch.setattr(clock_jobs, "read_items", read_slowly)
    async with asyncio.timeout(20):
        looking = asyncio.create_task(first.due_clocks.run())
        await claimed.wait()
        # Without the lock it would read the row too, and wait.
        assert await second.due_clocks.run() == clock_jobs.BUSY_WAIT
        go_on.set()
        await looking
    assert [name for name, _, _ in await first.said(agreement.tenant_id)].count("clock.breached.v1") == 2


@pytest.mark.parametrize("block", [{"warnings_percent": [50, 75, 90]}, None], ids=["agreed", "by default"])
async def test_a_worker_that_was_down_for_an_hour_says_everything_with_its_own_time(
    desk: Desk, agreement: Agreement, block: dict[str, Any] | None
) -> None:
    await desk.activate(agreement, service_desk=block)
    await Item.reported(desk, agreement, "2026-06-08T09:00:00")
    desk.clock.set(at("2026-06-08T10:00:00"))
    await desk.due_clocks.run()
    said = [
        (name.split(".")[1], data.get("percent"), data["at"])
        for name, _, data in await desk.said(agreement.tenant_id)
        if name.startswith("clock.")
    ]
    assert said == [
        ("at_risk", 50, "2026-06-08T09:15:00Z"),
        ("at_risk", 75, "2026-06-08T09:22:30Z"),
        ("at_risk", 90, "2026-06-08T09:27:00Z"),
        ("breached", None, "2026-06-08T09:30:00Z"),
    ]


async def test_a_warning_is_rescheduled_and_not_said_again_when_the_due_time_moves(
    desk: Desk, agreement: Agreement
) -> None:
    await desk.activate(agreement, service_desk={"warnings_percent": [50, 90]})
    item = await Item.reported(desk, agreement, "2026-06-08T09:00:00")

    async def warned() -> list[tuple[int, str]]:
        await desk.due_clocks.run()
        return [
            (data["percent"], data["at"])
            for name, _, data in await desk.said(agreement.tenant_id)
            if name == "clock.at_risk.v1" and data["metric"] == "repair"
        ]

    desk.clock.set(at("2026-06-08T11:00:00"))
    half = [(50, "2026-06-08T11:00:00Z")]
    assert await warned() == half
    pause = await item.pause("2026-06-08T11:30:00")
    await item.resume("2026-06-08T13:30:00", pause)
    desk.clock.set(at("2026-06-08T14:35:00"))  # 90 % was at 12:36 before the pause
    assert await warned() == half
    desk.clock.set(at("2026-06-08T14:36:00"))
    assert await warned() == [*half, (90, "2026-06-08T14:36:00Z")]


async def test_warnings_come_at_any_percentage_also_of_terms_that_change_nothing_else(
    desk: Desk, agreement: Agreement
) -> None:
    await desk.activate(agreement, service_desk={"warnings_percent": [90, 150]})
    await Item.reported(desk, agreement, "2026-06-08T09:00:00")
    later = {"effective_from": "2026-06-08T10:00:00Z", "service_desk": {"warnings_percent": [25, 90, 150]}}
    await desk.activate(agreement, 2, **later)
    for hour in (10, 13, 15):  # as the cache says when to look
        desk.clock.set(at(f"2026-06-08T{hour}:00:00") + timedelta(microseconds=1))
        await desk.due_clocks.run()
    said = [
        (data["percent"], data["at"])
        for name, _, data in await desk.said(agreement.tenant_id)
        if name == "clock.at_risk.v1" and data["metric"] == "repair"
    ]
    assert said == [(25, "2026-06-08T10:00:00Z"), (90, "2026-06-08T12:36:00Z"), (150, "2026-06-08T15:00:00Z")]


@pytest.mark.parametrize(("rule", "counted"), [("retroactive", timedelta(hours=7)), ("restart", timedelta(hours=1))])
async def test_what_is_promised_only_since_it_was_ranked_up_counts_as_the_contract_judges_the_past(
    desk: Desk, agreement: Agreement, rule: str, counted: timedelta
) -> None:
    rules = {"on_policy_change": rule, "on_reopen": "resume"}
    await desk.activate(agreement, response=agreement.state()["response"] | {"targets": TARGETS, "rules": rules})
    item = await Item.reported(desk, agreement, "2026-06-08T09:00:00", "minor")
    await item.do("2026-06-08T15:00:00", "items/*/classification", severity="critical", reason="All orders fail.")
    assert elapsed(await item.clock("2026-06-08T16:00:00")) == counted


async def test_the_first_words_of_a_person_to_the_client_stop_the_response_clock_and_a_machines_do_not(
    desk: Desk, agreement: Agreement
) -> None:
    await desk.activate(agreement)
    item = await Item.reported(desk, agreement, "2026-06-08T09:00:00")
    await item.do("2026-06-08T09:05:00", "items/*/replies", note="We got your mail.", automatic=True)
    await item.do("2026-06-08T09:10:00", "items/*/replies", note="Odd.", audience="agency")
    assert (await item.clock("2026-06-08T09:15:00", "response"))["verdict"] is None
    await item.do("2026-06-08T09:20:00", "items/*/replies", note="It is the card terminal.")
    response = await item.clock("2026-06-08T10:00:00", "response")
    assert (response["verdict"], elapsed(response)) == ("met", timedelta(minutes=20))


@pytest.mark.capability("I24")
async def test_the_clients_answer_ends_the_wait_and_is_its_evidence(desk: Desk, agreement: Agreement) -> None:
    await desk.activate(agreement)
    item = await Item.reported(desk, agreement, "2026-06-08T09:00:00")
    await item.pause("2026-06-08T10:00:00")
    desk.clock.set(at("2026-06-08T12:00:00"))
    async with desk.client(agreement, "client_staff") as client:
        answered = await client.post(f"/v1/items/{item.id}/replies", json={"note": "Firefox 140."})
        assert answered.status_code == 200, answered.text
        (pause,) = (await client.get(f"/v1/items/{item.id}/pauses")).json()["data"]
        refused = await client.post(f"/v1/items/{item.id}/pauses", json=WAIT)
        assert refused.status_code == 403
    assert (pause["evidence"], pause["answer"]) == ({"asked": "Which browser?"}, {"reply": "Firefox 140."})
    assert (pause["resumed_at"], pause["resumed_by"]["kind"]) == ("2026-06-08T12:00:00Z", "user")
    assert elapsed(await item.clock("2026-06-08T13:00:00")) == timedelta(hours=2)


@pytest.mark.capability("I24")
async def test_a_wait_that_the_contract_does_not_list_is_kept_and_counts(desk: Desk, agreement: Agreement) -> None:
    await desk.activate(agreement)
    item = await Item.reported(desk, agreement, "2026-06-08T09:00:00")
    await item.pause("2026-06-08T10:00:00", reason="waiting_for_lunch")
    clock = await item.clock("2026-06-08T11:00:00")
    assert (clock["state"], elapsed(clock)) == ("running", timedelta(hours=2))
    assert [(span["why"], span["reason"]) for span in clock["explanation"]] == [
        ("open", None),
        ("pause_not_allowed", "waiting_for_lunch"),
    ]
    async with desk.client(agreement) as client:
        (pause,) = (await client.get(f"/v1/items/{item.id}/pauses")).json()["data"]
        assert pause["allowed"] is False
        reserved = await client.post(
            f"/v1/items/{item.id}/pauses", json={"reason": "contract_suspended", "evidence": {"why": "x"}}
        )
        assert reserved.status_code == 422
        without = await client.post(f"/v1/items/{item.id}/pauses", json={"reason": "waiting_customer_info"})
        assert without.status_code == 422


async def test_each_question_has_the_whole_time_for_its_answer_and_a_machine_gives_none(
    desk: Desk, agreement: Agreement
) -> None:
    targets = [{"severity": "critical", "next_reply": "PT1H"}]
    await desk.activate(agreement, service_desk={"targets": targets})
    item = await Item.reported(desk, agreement, "2026-06-08T09:00:00")

    async def ask(instant: str) -> None:
        desk.clock.set(at(instant))
        async with desk.client(agreement, "client_staff") as client:
            assert (await client.post(f"/v1/items/{item.id}/replies", json={"note": "And?"})).status_code == 200

    await ask("2026-06-08T09:05:00")  # before the first answer there is the response clock
    await item.do("2026-06-08T09:10:00", "incidents/*/acknowledge")
    await ask("2026-06-08T10:00:00")
    await ask("2026-06-08T10:30:00")  # the older question counts
    await item.do("2026-06-08T10:40:00", "items/*/replies", note="We got your mail.", automatic=True)
    assert elapsed(await item.clock("2026-06-08T10:45:00", "next_reply")) == timedelta(minutes=45)
    await item.do("2026-06-08T10:50:00", "items/*/replies", note="It is the card terminal.")
    await ask("2026-06-08T12:00:00")
    clock = await item.clock("2026-06-08T12:30:00", "next_reply")
    assert (clock["state"], elapsed(clock), clock["due_at"]) == (
        "running",
        timedelta(minutes=30),
        "2026-06-08T13:00:00Z",
    )
    desk.clock.set(at("2026-06-08T13:00:01"))
    await desk.due_clocks.run()
    said = [data["metric"] for name, _, data in await desk.said(agreement.tenant_id) if name == "clock.breached.v1"]
    assert said.count("next_reply") == 1
