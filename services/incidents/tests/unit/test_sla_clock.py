"""What calculators.md says about the SLA clock, sentence by sentence, through the router that clients call."""

import json
import time
from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import pytest

from incidents.api.calculators import router
from shared.testing.vectors import Vector, calculator_client, differences, faults, read_vectors, refused_at

Json = dict[str, Any]

WEEKDAYS = ["mon", "tue", "wed", "thu", "fri"]
OFFICE: Json = {
    "time_zone": "Europe/Paris",
    "weekly": [{"days": WEEKDAYS, "from": "09:00", "to": "18:00"}],
    "holidays": {"country": "FR"},
}
ALWAYS: Json = {"time_zone": "Europe/Paris", "always": True}


@pytest.fixture
async def client() -> AsyncIterator[httpx.AsyncClient]:
    async with calculator_client(router) as client:
        yield client


def request_of(*events: Json, as_of: str, **changes: Any) -> Json:
    return {
        "calendars": {
            "office": [{"effective_from": None, "calendar": OFFICE}],
            "always": [{"effective_from": None, "calendar": ALWAYS}],
        },
        "policies": {
            "P3": {"target": "PT8H", "calendar": "office", "pausable": ["info"]},
            "P2": {"target": "PT4H", "calendar": "always", "pausable": ["info", "access"]},
            "P1": {"target": "PT1H", "calendar": "always"},
            "P0": {"target": "PT0S", "calendar": "office"},
        },
        "events": list(events),
        "as_of": as_of,
    } | changes


def opened(at: str, policy: str = "P3") -> Json:
    return {"type": "opened", "at": at, "policy": policy}


def paused(at: str, pause: str = "a", reason: str = "info") -> Json:
    return {"type": "paused", "at": at, "pause_id": pause, "reason": reason}


def resumed(at: str, pause: str = "a") -> Json:
    return {"type": "resumed", "at": at, "pause_id": pause}


def changed(at: str, policy: str) -> Json:
    return {"type": "policy_changed", "at": at, "policy": policy}


def stopped(at: str) -> Json:
    return {"type": "stopped", "at": at}


def reopened(at: str) -> Json:
    return {"type": "reopened", "at": at}


def cancelled(at: str) -> Json:
    return {"type": "cancelled", "at": at}


async def read(client: httpx.AsyncClient, request: Json) -> Json:
    response = await client.post("/v1/calculators/sla-clock", json=request)
    assert response.status_code == 200, response.text
    answer: Json = response.json()
    return answer


refusal = partial(refused_at, calculator="sla-clock")


def told(answer: Json) -> list[tuple[str, str, str]]:
    return [(span["from"], span["why"], span["calendar"]) for span in answer["explanation"]]


@pytest.mark.parametrize("vector", read_vectors(Path(__file__).parents[1] / "vectors" / "sla_clock.json"), ids=str)
async def test_public_vector(client: httpx.AsyncClient, vector: Vector) -> None:
    assert await faults(client, vector) == []


# --- Rule 1: what is open ---


async def test_before_the_first_version_nothing_is_open_and_no_calendar_is_told(client: httpx.AsyncClient) -> None:
    versions = [{"effective_from": "2026-06-08T12:00:00+02:00", "calendar": OFFICE}]
    answer = await read(
        client,
        request_of(
            opened("2026-06-08T09:00:00+02:00"),
            as_of="2026-06-08T13:00:00+02:00",
            calendars={"office": versions, "always": [{"effective_from": None, "calendar": ALWAYS}]},
        ),
    )
    assert answer["elapsed_seconds"] == 3600
    assert told(answer) == [("2026-06-08T07:00:00Z", "closed", None), ("2026-06-08T10:00:00Z", "open", "office#1")]


async def test_a_night_that_began_under_the_old_version_is_cut_where_the_new_one_takes_effect(
    client: httpx.AsyncClient,
) -> None:
    night = {
        "time_zone": "Europe/Paris",
        "weekly": [{"days": ["mon"], "from": "22:00", "to": "06:00", "to_next_day": True}],
    }
    late = {
        "time_zone": "Europe/Paris",
        "weekly": [{"days": ["mon"], "from": "20:00", "to": "02:00", "to_next_day": True}],
    }
    versions = [
        {"effective_from": None, "calendar": night},
        {"effective_from": "2026-06-09T01:00:00+02:00", "calendar": late},
    ]
    answer = await read(
        client,
        request_of(
            opened("2026-06-08T18:00:00+02:00"),
            as_of="2026-06-09T12:00:00+02:00",
            calendars={"office": versions, "always": versions},
        ),
    )
    assert answer["elapsed_seconds"] == 4 * 3600  # 22:00 to 01:00 by the first, 01:00 to 02:00 by the second
    assert told(answer) == [
        ("2026-06-08T16:00:00Z", "closed", "office#1"),
        ("2026-06-08T20:00:00Z", "open", "office#1"),
        ("2026-06-08T23:00:00Z", "open", "office#2"),
        ("2026-06-09T00:00:00Z", "closed", "office#2"),
    ]


@pytest.mark.parametrize(
    ("effective", "pointer"),
    [
        (["2026-06-01T00:00:00Z", "2026-06-01T00:00:00Z"], "#/calendars/office"),
        (["2026-06-02T00:00:00Z", "2026-06-01T00:00:00Z"], "#/calendars/office"),
        ([None, None], "#/calendars/office"),
        (["2026-06-02T00:00:00Z", None], "#/calendars/office"),
        ([], "#/calendars/office"),
    ],
)
async def test_versions_are_strictly_ascending_and_only_the_first_is_since_ever(
    client: httpx.AsyncClient, effective: list[str | None], pointer: str
) -> None:
    versions = [{"effective_from": each, "calendar": OFFICE} for each in effective]
    request = request_of(opened("2026-06-08T09:00:00Z"), as_of="2026-06-08T10:00:00Z")
    request["calendars"]["office"] = versions
    assert await refusal(client, request) == [pointer]


# --- Rule 2: pauses ---


async def test_a_pause_across_a_priority_change_is_effective_only_under_the_policy_that_allows_it(
    client: httpx.AsyncClient,
) -> None:
    answer = await read(
        client,
        request_of(
            opened("2026-06-08T09:00:00+02:00", "P2"),
            paused("2026-06-08T10:00:00+02:00", reason="access"),
            changed("2026-06-08T11:00:00+02:00", "P3"),
            resumed("2026-06-08T12:00:00+02:00"),
            as_of="2026-06-08T13:00:00+02:00",
        ),
    )
    assert answer["elapsed_seconds"] == 3 * 3600
    assert told(answer) == [
        ("2026-06-08T07:00:00Z", "open", "office#1"),
        ("2026-06-08T08:00:00Z", "paused", "office#1"),
        ("2026-06-08T09:00:00Z", "pause_not_allowed", "office#1"),
        ("2026-06-08T10:00:00Z", "open", "office#1"),
    ]


async def test_a_pause_is_judged_by_the_policy_then_in_force_whatever_the_policy_becomes_later(
    client: httpx.AsyncClient,
) -> None:
    events = [
        opened("2026-06-08T09:00:00+02:00", "P1"),
        paused("2026-06-08T09:10:00+02:00"),
        changed("2026-06-08T09:40:00+02:00", "P2"),
    ]
    answer = await read(client, request_of(*events, as_of="2026-06-08T10:00:00+02:00"))
    assert answer["elapsed_seconds"] == 40 * 60  # not allowed under P1, effective from the change on
    assert answer["state"] == "paused"


async def test_a_pause_across_a_weekend_is_worth_its_open_hours(client: httpx.AsyncClient) -> None:
    answer = await read(
        client,
        request_of(
            opened("2026-06-05T16:00:00+02:00"),
            paused("2026-06-05T17:00:00+02:00"),
            resumed("2026-06-08T10:00:00+02:00"),
            as_of="2026-06-08T11:00:00+02:00",
        ),
    )
    assert answer["elapsed_seconds"] == 2 * 3600
    assert [why for _, why, _ in told(answer)] == ["open", "paused", "closed", "paused", "open"]


async def test_resuming_outside_hours_goes_on_at_the_next_opening(client: httpx.AsyncClient) -> None:
    answer = await read(
        client,
        request_of(
            opened("2026-06-08T16:00:00+02:00"),
            paused("2026-06-08T17:00:00+02:00"),
            resumed("2026-06-08T22:00:00+02:00"),
            as_of="2026-06-08T23:00:00+02:00",
        ),
    )
    assert answer["elapsed_seconds"] == 3600
    assert answer["due_at"] == "2026-06-09T14:00:00Z"


async def test_the_reason_told_is_that_of_the_effective_pause_that_began_first(client: httpx.AsyncClient) -> None:
    answer = await read(
        client,
        request_of(
            opened("2026-06-08T09:00:00+02:00"),
            paused("2026-06-08T10:00:00+02:00", "x", "internal"),
            paused("2026-06-08T10:30:00+02:00", "y", "info"),
            resumed("2026-06-08T11:00:00+02:00", "y"),
            as_of="2026-06-08T12:00:00+02:00",
        ),
    )
    assert [(span["why"], span["reason"]) for span in answer["explanation"]] == [
        ("open", None),
        ("pause_not_allowed", "internal"),
        ("paused", "info"),
        ("pause_not_allowed", "internal"),
    ]


async def test_a_stop_ends_every_open_pause_and_its_id_is_free_again(client: httpx.AsyncClient) -> None:
    events = [
        opened("2026-06-08T09:00:00+02:00"),
        paused("2026-06-08T10:00:00+02:00"),
        stopped("2026-06-08T11:00:00+02:00"),
        reopened("2026-06-08T12:00:00+02:00"),
    ]
    answer = await read(client, request_of(*events, as_of="2026-06-08T13:00:00+02:00"))
    assert (answer["state"], answer["elapsed_seconds"]) == ("running", 2 * 3600)
    again = [*events, paused("2026-06-08T13:00:00+02:00")]
    assert (await read(client, request_of(*again, as_of="2026-06-08T14:00:00+02:00")))["state"] == "paused"
    resume = [*events, resumed("2026-06-08T13:00:00+02:00")]
    assert await refusal(client, request_of(*resume, as_of="2026-06-08T14:00:00+02:00")) == ["#/events/4/pause_id"]


async def test_a_clock_is_paused_in_closed_time_too_but_closed_time_is_told_as_closed(
    client: httpx.AsyncClient,
) -> None:
    events = [opened("2026-06-08T09:00:00+02:00"), paused("2026-06-08T17:00:00+02:00")]
    answer = await read(client, request_of(*events, as_of="2026-06-08T20:00:00+02:00"))
    assert answer["state"] == "paused"
    assert told(answer)[-1] == ("2026-06-08T16:00:00Z", "closed", "office#1")


# --- Rule 3: due and breached ---


async def test_due_at_and_breach_after_differ_where_a_pause_begins_exactly_at_the_target(
    client: httpx.AsyncClient,
) -> None:
    events = [opened("2026-06-08T09:00:00+02:00", "P2"), paused("2026-06-08T13:00:00+02:00")]
    answer = await read(client, request_of(*events, as_of="2026-06-08T15:00:00+02:00"))
    assert (answer["due_at"], answer["breach_after"]) == ("2026-06-08T11:00:00Z", "2026-06-08T13:00:00Z")
    assert (answer["state"], answer["remaining_seconds"], answer["percent_used"]) == ("paused", 0, "100.00")


async def test_due_at_and_breach_after_differ_across_a_stop(client: httpx.AsyncClient) -> None:
    events = [
        opened("2026-06-08T09:00:00+02:00", "P2"),
        stopped("2026-06-08T13:00:00+02:00"),
        reopened("2026-06-08T15:00:00+02:00"),
    ]
    answer = await read(client, request_of(*events, as_of="2026-06-08T15:00:00+02:00"))
    assert (answer["due_at"], answer["breach_after"]) == ("2026-06-08T11:00:00Z", "2026-06-08T13:00:00Z")
    assert answer["state"] == "running"


async def test_one_microsecond_over_the_target_is_a_breach(client: httpx.AsyncClient) -> None:
    at_target = await read(
        client, request_of(opened("2026-06-08T09:00:00+02:00", "P1"), as_of="2026-06-08T10:00:00+02:00")
    )
    over = await read(
        client, request_of(opened("2026-06-08T09:00:00+02:00", "P1"), as_of="2026-06-08T10:00:00.000001+02:00")
    )
    assert (at_target["state"], at_target["breached_at"], at_target["breaches"]) == ("running", None, [])
    assert (over["state"], over["breached_at"]) == ("breached", "2026-06-08T08:00:00Z")
    assert over["elapsed_seconds"] == 3600.000001
    assert over["remaining_seconds"] == -0.000001
    assert over["percent_used"] == "100.00"


async def test_a_clock_over_its_target_is_breached_even_while_paused(client: httpx.AsyncClient) -> None:
    events = [opened("2026-06-08T09:00:00+02:00", "P2"), paused("2026-06-08T14:00:00+02:00")]
    answer = await read(client, request_of(*events, as_of="2026-06-08T15:00:00+02:00"))
    assert (answer["state"], answer["breached_at"]) == ("breached", "2026-06-08T11:00:00Z")


async def test_a_zero_target_is_due_and_breached_at_the_first_instant_that_counts(client: httpx.AsyncClient) -> None:
    events = [
        opened("2026-06-06T10:00:00+02:00", "P0"),
        changed("2026-06-06T11:00:00+02:00", "P3"),
        paused("2026-06-06T12:00:00+02:00"),
        resumed("2026-06-08T10:00:00+02:00"),
        changed("2026-06-08T10:00:00+02:00", "P0"),
    ]
    answer = await read(client, request_of(*events, as_of="2026-06-08T10:00:00+02:00", thresholds_percent=[50, 200]))
    # In force at the first instants of Monday was P3, which allowed the pause: they do not count.
    assert (answer["due_at"], answer["breach_after"]) == ("2026-06-08T08:00:00Z", "2026-06-08T08:00:00Z")
    assert answer["thresholds"] == [
        {"percent": 50, "at": "2026-06-08T08:00:00Z", "reached": True},
        {"percent": 200, "at": "2026-06-08T08:00:00Z", "reached": True},
    ]
    assert (answer["state"], answer["percent_used"]) == ("running", None)
    later = await read(client, request_of(*events, as_of="2026-06-08T10:00:01+02:00"))
    assert (later["state"], later["breached_at"]) == ("breached", "2026-06-08T08:00:00Z")


@pytest.mark.parametrize(
    ("target", "due_at"),
    [("PT87600H", "2036-06-05T07:00:00Z"), ("PT87600H0.000001S", None), ("PT999999H", None)],
)
async def test_an_instant_later_than_3650_days_after_the_reading_is_null(
    client: httpx.AsyncClient, target: str, due_at: str | None
) -> None:
    policies = {"P": {"target": target, "calendar": "always"}}
    request = request_of(opened("2026-06-08T09:00:00+02:00", "P"), as_of="2026-06-08T09:00:00+02:00", policies=policies)
    answer = await read(client, request)
    assert (answer["due_at"], answer["breach_after"]) == (due_at, due_at)


async def test_a_calendar_that_never_opens_again_has_no_due_time(client: httpx.AsyncClient) -> None:
    closed = OFFICE | {"closures": [{"from": "2026-06-09", "to": "9999-12-31"}]}
    request = request_of(opened("2026-06-08T17:00:00+02:00"), as_of="2026-06-09T12:00:00+02:00")
    request["calendars"]["office"][0]["calendar"] = closed
    answer = await read(client, request)
    assert (answer["due_at"], answer["breach_after"], answer["elapsed_seconds"]) == (None, None, 3600)
    assert told(answer)[-1] == ("2026-06-08T22:00:00Z", "closure", "office#1")


# --- Rule 4: changes of policy ---


async def test_a_policy_changed_to_itself_changes_nothing_in_any_mode(client: httpx.AsyncClient) -> None:
    for mode in ("retroactive", "restart", "carry_ratio"):
        rules = {"on_policy_change": mode}
        base = [opened("2026-06-08T09:00:00+02:00")]
        plain = await read(client, request_of(*base, as_of="2026-06-08T14:00:00+02:00", rules=rules))
        same = [*base, changed("2026-06-08T12:00:00+02:00", "P3")]
        assert await read(client, request_of(*same, as_of="2026-06-08T14:00:00+02:00", rules=rules)) == plain


async def test_carry_ratio_rounds_down_to_the_microsecond(client: httpx.AsyncClient) -> None:
    policies = {
        "A": {"target": "PT7H", "calendar": "always"},
        "B": {"target": "PT1H", "calendar": "always"},
    }
    events = [opened("2026-06-08T00:00:00Z", "A"), changed("2026-06-08T01:00:00Z", "B")]
    answer = await read(
        client,
        request_of(*events, as_of="2026-06-08T01:00:00Z", policies=policies, rules={"on_policy_change": "carry_ratio"}),
    )
    assert answer["elapsed_seconds"] == 514.285714  # a seventh of an hour is 514.2857142857...
    assert answer["due_at"] == "2026-06-08T01:51:25.714286Z"


async def test_what_the_share_reached_before_the_change_it_reached_then(client: httpx.AsyncClient) -> None:
    events = [opened("2026-06-08T09:00:00+02:00", "P2"), changed("2026-06-08T14:00:00+02:00", "P1")]
    answer = await read(
        client,
        request_of(
            *events,
            as_of="2026-06-08T14:00:00+02:00",
            rules={"on_policy_change": "carry_ratio"},
            thresholds_percent=[50, 100, 125, 150],
        ),
    )
    assert (answer["elapsed_seconds"], answer["percent_used"]) == (4500, "125.00")
    assert (answer["due_at"], answer["breach_after"]) == ("2026-06-08T11:00:00Z", "2026-06-08T11:00:00Z")
    assert [each["at"] for each in answer["thresholds"]] == [
        "2026-06-08T09:00:00Z",
        "2026-06-08T11:00:00Z",
        "2026-06-08T12:00:00Z",
        "2026-06-08T12:15:00Z",
    ]
    assert answer["breaches"] == [
        {"policy": "P2", "at": "2026-06-08T11:00:00Z", "attached_breached": False},
        {"policy": "P1", "at": "2026-06-08T11:00:00Z", "attached_breached": True},
    ]


async def test_a_share_used_up_exactly_at_the_change_is_due_before_it_and_breached_after_it(
    client: httpx.AsyncClient,
) -> None:
    events = [opened("2026-06-08T15:00:00+02:00", "P2"), changed("2026-06-08T19:00:00+02:00", "P3")]
    answer = await read(
        client, request_of(*events, as_of="2026-06-08T20:00:00+02:00", rules={"on_policy_change": "carry_ratio"})
    )
    assert (answer["due_at"], answer["breach_after"]) == ("2026-06-08T17:00:00Z", "2026-06-09T07:00:00Z")
    assert (answer["state"], answer["elapsed_seconds"]) == ("running", 8 * 3600)


@pytest.mark.parametrize(("first", "second"), [("P0", "P2"), ("P2", "P0")])
async def test_carrying_to_or_from_a_zero_target_is_a_restart(
    client: httpx.AsyncClient, first: str, second: str
) -> None:
    events = [opened("2026-06-08T09:00:00+02:00", first), changed("2026-06-08T11:00:00+02:00", second)]
    carried = await read(
        client, request_of(*events, as_of="2026-06-08T11:30:00+02:00", rules={"on_policy_change": "carry_ratio"})
    )
    restarted = await read(
        client, request_of(*events, as_of="2026-06-08T11:30:00+02:00", rules={"on_policy_change": "restart"})
    )
    assert carried == restarted
    assert carried["elapsed_seconds"] == 1800


async def test_one_breach_for_each_policy_and_instant_in_the_order_in_which_they_were_in_force(
    client: httpx.AsyncClient,
) -> None:
    events = [
        opened("2026-06-08T09:00:00+02:00", "P1"),
        changed("2026-06-08T11:00:00+02:00", "P3"),
        changed("2026-06-08T14:00:00+02:00", "P2"),
        changed("2026-06-08T15:00:00+02:00", "P1"),
    ]
    answer = await read(client, request_of(*events, as_of="2026-06-08T16:00:00+02:00"))
    assert answer["breaches"] == [
        {"policy": "P1", "at": "2026-06-08T08:00:00Z", "attached_breached": False},
        {"policy": "P2", "at": "2026-06-08T11:00:00Z", "attached_breached": True},
    ]


async def test_the_span_is_told_by_the_policy_in_force_and_with_retroactive_by_the_one_that_counted_it_last(
    client: httpx.AsyncClient,
) -> None:
    events = [opened("2026-06-08T08:00:00+02:00", "P1"), changed("2026-06-08T10:00:00+02:00", "P3")]
    for mode, spans in {
        "retroactive": [("2026-06-08T06:00:00Z", "closed", "office#1"), ("2026-06-08T07:00:00Z", "open", "office#1")],
        "restart": [("2026-06-08T06:00:00Z", "open", "always#1"), ("2026-06-08T08:00:00Z", "open", "office#1")],
    }.items():
        answer = await read(
            client, request_of(*events, as_of="2026-06-08T11:00:00+02:00", rules={"on_policy_change": mode})
        )
        assert told(answer) == spans


async def test_retroactive_counts_from_the_opening_of_the_current_cycle_with_new_cycle(
    client: httpx.AsyncClient,
) -> None:
    events = [
        opened("2026-06-08T09:00:00+02:00", "P2"),
        stopped("2026-06-08T10:00:00+02:00"),
        reopened("2026-06-08T12:00:00+02:00"),
        changed("2026-06-08T12:30:00+02:00", "P3"),
    ]
    answer = await read(
        client, request_of(*events, as_of="2026-06-08T13:00:00+02:00", rules={"on_reopen": "new_cycle"})
    )
    assert answer["elapsed_seconds"] == 3600
    assert told(answer) == [
        ("2026-06-08T07:00:00Z", "open", "always#1"),
        ("2026-06-08T08:00:00Z", "stopped", None),
        ("2026-06-08T10:00:00Z", "open", "office#1"),
    ]


# --- Rule 5: stop, reopen, cancel ---


@pytest.mark.parametrize(
    ("mode", "elapsed", "cycles"),
    [
        ("resume", 4 * 3600, [3600, 2 * 3600, 3 * 3600, 4 * 3600]),
        ("count_through", 7 * 3600, [3600, 3 * 3600, 5 * 3600, 7 * 3600]),
        ("new_cycle", 3600, [3600, 3600, 3600, 3600]),
    ],
)
async def test_reopened_three_times(client: httpx.AsyncClient, mode: str, elapsed: int, cycles: list[int]) -> None:
    events = [opened("2026-06-08T09:00:00+02:00")]
    for hour in (10, 12, 14):
        events += [stopped(f"2026-06-08T{hour}:00:00+02:00"), reopened(f"2026-06-08T{hour + 1}:00:00+02:00")]
    answer = await read(client, request_of(*events, as_of="2026-06-08T16:00:00+02:00", rules={"on_reopen": mode}))
    assert answer["elapsed_seconds"] == elapsed
    assert [cycle["elapsed_seconds"] for cycle in answer["cycles"]] == cycles
    assert [cycle["verdict"] for cycle in answer["cycles"]] == ["met", "met", "met", None]
    assert [why for _, why, _ in told(answer)].count("stopped") == (0 if mode == "count_through" else 3)


async def test_a_verdict_that_was_given_stays_when_the_reopened_clock_is_breached(client: httpx.AsyncClient) -> None:
    events = [
        opened("2026-06-08T09:00:00+02:00", "P1"),
        stopped("2026-06-08T09:30:00+02:00"),
        reopened("2026-06-08T12:00:00+02:00"),
        stopped("2026-06-08T13:00:00+02:00"),
    ]
    answer = await read(client, request_of(*events, as_of="2026-06-09T00:00:00+02:00"))
    assert [cycle["verdict"] for cycle in answer["cycles"]] == ["met", "breached"]
    assert (answer["state"], answer["breached_at"]) == ("breached", "2026-06-08T10:30:00Z")


async def test_a_cancelled_clock_has_no_verdict_even_when_it_was_over_but_the_breach_is_recorded(
    client: httpx.AsyncClient,
) -> None:
    events = [opened("2026-06-08T09:00:00+02:00", "P1"), cancelled("2026-06-08T11:00:00+02:00")]
    answer = await read(client, request_of(*events, as_of="2026-07-08T11:00:00+02:00"))
    assert (answer["state"], answer["breached_at"], answer["cycles"][0]["verdict"]) == ("cancelled", None, None)
    assert [breach["at"] for breach in answer["breaches"]] == ["2026-06-08T08:00:00Z"]
    assert answer["explanation"][-1]["to"] == "2026-06-08T09:00:00Z"


async def test_events_at_the_same_instant_apply_in_the_order_given(client: httpx.AsyncClient) -> None:
    at = "2026-06-08T11:00:00+02:00"
    events = [
        opened("2026-06-08T09:00:00+02:00"),
        paused(at),
        resumed(at),
        stopped(at),
        reopened(at),
        changed(at, "P1"),
        changed(at, "P3"),
    ]
    answer = await read(client, request_of(*events, as_of="2026-06-08T12:00:00+02:00"))
    assert (answer["policy"], answer["elapsed_seconds"], answer["state"]) == ("P3", 3 * 3600, "running")
    assert [breach["policy"] for breach in answer["breaches"]] == ["P1"]  # attached breached, if only for a moment
    assert len(answer["explanation"]) == 1


NINE = "2026-06-08T09:00:00Z"
NINE_OPENED = opened(NINE)


@pytest.mark.parametrize(
    ("events", "pointer"),
    [
        ([], "#/as_of"),
        ([opened("2026-06-08T11:00:00Z")], "#/as_of"),
        ([stopped(NINE)], "#/events/0/type"),
        ([paused("2026-06-08T08:00:00Z"), NINE_OPENED], "#/events/0/type"),
        ([NINE_OPENED, NINE_OPENED], "#/events/1/type"),
        ([NINE_OPENED, paused("2026-06-08T08:59:59Z")], "#/events/1/at"),
        ([NINE_OPENED, resumed(NINE)], "#/events/1/pause_id"),
        ([NINE_OPENED, *[paused(NINE)] * 2], "#/events/2/pause_id"),
        ([NINE_OPENED, reopened(NINE)], "#/events/1/type"),
        ([NINE_OPENED, paused(NINE), reopened(NINE)], "#/events/2/type"),
        ([NINE_OPENED, stopped(NINE), paused(NINE)], "#/events/2/type"),
        ([NINE_OPENED, stopped(NINE), cancelled(NINE)], "#/events/2/type"),
        ([NINE_OPENED, cancelled(NINE), reopened(NINE)], "#/events/2/type"),
        ([opened("2026-06-08T09:00:00Z", "P9")], "#/events/0/policy"),
        ([NINE_OPENED, changed("2026-06-08T09:00:00Z", "P9")], "#/events/1/policy"),
        # after as_of they are ignored, but their shape and order are still checked
        ([NINE_OPENED, resumed("2026-06-18T09:00:00Z")], "#/events/1/pause_id"),
        ([NINE_OPENED, stopped("2026-06-19T09:00:00Z"), reopened("2026-06-18T09:00:00Z")], "#/events/2/at"),
        ([NINE_OPENED, changed("2026-06-18T09:00:00Z", "P9")], "#/events/1/policy"),
    ],
)  # fmt: skip
async def test_what_is_no_life_of_a_clock_is_refused_with_its_place(
    client: httpx.AsyncClient, events: list[Json], pointer: str
) -> None:
    assert await refusal(client, request_of(*events, as_of="2026-06-08T10:00:00Z")) == [pointer]


@pytest.mark.parametrize(
    ("changes", "pointer"),
    [
        ({"policies": {"P3": {"target": "PT8H", "calendar": "nowhere"}}}, "#/policies/P3/calendar"),
        ({"policies": {"P3": {"target": "-PT8H", "calendar": "office"}}}, "#/policies/P3/target"),
        ({"policies": {"P3": {"target": "P1D", "calendar": "office"}}}, "#/policies/P3/target"),
        ({"policies": {"P3": {"target": 3600, "calendar": "office"}}}, "#/policies/P3/target"),
        ({"policies": {"P3": {"target": "PT8H", "calendar": "office", "pausable": "info"}}}, "#/policies/P3/pausable"),
        ({"thresholds_percent": [0]}, "#/thresholds_percent/0"),
        ({"thresholds_percent": [50, 12.5]}, "#/thresholds_percent/1"),
        ({"thresholds_percent": ["50"]}, "#/thresholds_percent/0"),
        ({"thresholds_percent": [True]}, "#/thresholds_percent/0"),
        ({"rules": {"on_reopen": "sometimes"}}, "#/rules/on_reopen"),
        ({"rules": {"on_pause": "resume"}}, "#/rules/on_pause"),
        ({"as_of": "2026-06-08T10:00:00"}, "#/as_of"),
        ({"as_of": 1780912800}, "#/as_of"),
        ({"events": [{"type": "opened", "at": "2026-06-08T09:00:00Z"}]}, "#/events/0/policy"),
        ({"events": [opened("2026-06-08T09:00:00Z") | {"reason": "x"}]}, "#/events/0/reason"),
        ({"events": [{"type": "exploded", "at": "2026-06-08T09:00:00Z"}]}, "#/events/0/type"),
        ({"calendars": {"office": [{"calendar": OFFICE}]}}, "#/calendars/office/0/effective_from"),
        ({"calendars": {"office": [{"effective_from": None, "calendar": OFFICE | {"time_zone": "Mars"}}]}},
         "#/calendars/office/0/calendar/time_zone"),
        ({"calendars": {"office": [{"effective_from": None, "calendar": OFFICE | {"holidays": {"country": "XX"}}}]}},
         "#/calendars/office/0/calendar/holidays"),
    ],
)  # fmt: skip
async def test_a_malformed_request_is_refused_with_its_place(
    client: httpx.AsyncClient, changes: Json, pointer: str
) -> None:
    request = request_of(opened("2026-06-08T09:00:00Z"), as_of="2026-06-08T10:00:00Z")
    assert pointer in await refusal(client, request | changes)


# --- Rule 6 ---


async def test_after_a_stop_every_key_is_as_at_that_instant(client: httpx.AsyncClient) -> None:
    events = [opened("2026-06-08T09:00:00+02:00"), stopped("2026-06-08T12:00:00+02:00")]
    at_stop = await read(client, request_of(*events, as_of="2026-06-08T12:00:00+02:00", thresholds_percent=[30, 50]))
    much_later = await read(client, request_of(*events, as_of="2036-06-08T12:00:00+02:00", thresholds_percent=[30, 50]))
    assert at_stop == much_later
    assert differences(
        {
            "state": "met",
            "due_at": "2026-06-08T15:00:00Z",
            "thresholds": [
                {"percent": 30, "at": "2026-06-08T09:24:00Z", "reached": True},
                {"percent": 50, "at": "2026-06-08T11:00:00Z", "reached": False},
            ],
        },
        at_stop,
    ) == []  # fmt: skip


# --- Rule 7 ---


async def test_nothing_is_explained_at_the_opening_itself(client: httpx.AsyncClient) -> None:
    answer = await read(client, request_of(opened("2026-06-08T09:00:00Z"), as_of="2026-06-08T09:00:00Z"))
    assert answer["explanation"] == []


async def test_holiday_comes_before_closure_and_an_opening_makes_the_rest_of_its_date_plainly_closed(
    client: httpx.AsyncClient,
) -> None:
    calendar = OFFICE | {
        "closures": [{"from": "2026-05-13", "to": "2026-05-15"}],
        "openings": [{"date": "2026-05-15", "from": "10:00", "to": "11:00"}],
    }
    request = request_of(opened("2026-05-13T09:00:00+02:00"), as_of="2026-05-16T00:00:00+02:00")
    request["calendars"]["office"][0]["calendar"] = calendar
    assert [(at, why) for at, why, _ in told(await read(client, request))] == [
        ("2026-05-13T07:00:00Z", "closure"),
        ("2026-05-13T22:00:00Z", "holiday"),
        ("2026-05-14T22:00:00Z", "closed"),
        ("2026-05-15T08:00:00Z", "open"),
        ("2026-05-15T09:00:00Z", "closed"),
    ]


async def test_a_night_runs_on_into_a_holiday_because_it_belongs_to_the_date_on_which_it_starts(
    client: httpx.AsyncClient,
) -> None:
    calendar = {
        "time_zone": "Europe/Paris",
        "weekly": [{"days": ["wed", "thu"], "from": "22:00", "to": "06:00", "to_next_day": True}],
        "holidays": {"country": "FR"},
    }
    request = request_of(opened("2026-05-13T20:00:00+02:00"), as_of="2026-05-15T12:00:00+02:00")
    request["calendars"]["office"][0]["calendar"] = calendar
    answer = await read(client, request)
    assert answer["elapsed_seconds"] == 8 * 3600  # Wednesday's night; the one of Ascension Thursday is not there
    assert [why for _, why, _ in told(answer)] == ["closed", "open", "holiday", "closed"]


# --- Bounded ---


def _many(count: int) -> list[Json]:
    events = [opened("2026-06-08T00:00:00Z")]
    for number in range(count):
        events.append(paused(f"2026-06-08T{number % 24:02}:00:00Z", f"p{number}"))
    return sorted(events, key=lambda event: str(event["at"]))


@pytest.mark.parametrize(
    "request_",
    [
        pytest.param(request_of(*_many(1900), as_of="2026-06-09T00:00:00Z"), id="thousands of pauses"),
        pytest.param(
            request_of(
                opened("2006-07-01T00:00:00Z"),
                *[changed("2026-06-08T00:00:00Z", ("P1", "P3")[n % 2]) for n in range(1900)],
                as_of="2026-06-09T00:00:00Z",
                thresholds_percent=[1_000_000] * 100,
            ),
            id="thousands of changes after twenty years",
        ),
        pytest.param(
            request_of(opened("0001-01-01T00:00:00Z"), as_of="0001-01-02T00:00:00Z"), id="at the beginning of time"
        ),
        pytest.param(
            request_of(opened("9999-12-31T00:00:00Z"), as_of="9999-12-31T23:59:59.999999Z"), id="at the end of time"
        ),
        pytest.param(
            request_of(opened("9998-12-30T00:00:00Z", "P2"), as_of="9999-12-31T23:59:59Z"), id="over the end of time"
        ),
        pytest.param(
            request_of(
                opened("2026-06-08T00:00:00Z"),
                as_of="2026-06-09T00:00:00Z",
                calendars={
                    name: [
                        {
                            "effective_from": None,
                            "calendar": OFFICE
                            | {
                                "closures": [{"from": "0001-01-01", "to": "9999-12-31"}] * 500,
                                "yearly_closures": [{"from": "03-01", "to": "02-28"}] * 50,
                            },
                        }
                    ]
                    for name in ("office", "always")
                },
            ),
            id="closed for ten thousand years",
        ),
    ],
)
async def test_a_hostile_request_costs_a_moment(client: httpx.AsyncClient, request_: Json) -> None:
    start = time.perf_counter()
    answer = await read(client, request_)
    assert time.perf_counter() - start < 60
    json.dumps(answer)


@pytest.mark.parametrize(
    "request_",
    [
        pytest.param(
            request_of(opened("2000-01-01T00:00:00Z"), as_of="2026-06-09T00:00:00Z"), id="read after 26 years"
        ),
        pytest.param(
            request_of(
                opened("2007-01-01T00:00:00Z"),
                as_of="2026-06-09T00:00:00Z",
                calendars={
                    name: [
                        {
                            "effective_from": None,
                            "calendar": {
                                "time_zone": "Europe/Paris",
                                "weekly": [
                                    {"days": WEEKDAYS, "from": f"{n // 3:02}:{n % 3}0", "to": f"{n // 3:02}:{n % 3}5"}
                                    for n in range(50)
                                ],
                            },
                        }
                    ]
                    for name in ("office", "always")
                },
            ),
            id="fifty windows a day for twenty years",
        ),
    ],
)  # fmt: skip
async def test_a_request_that_would_cost_more_is_refused(client: httpx.AsyncClient, request_: Json) -> None:
    assert await refusal(client, request_) == ["#/as_of"]
