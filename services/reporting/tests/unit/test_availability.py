"""What calculators.md says about uptime, sentence by sentence, through the router that clients call."""

import time
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reporting.api.calculators import router
from reporting.domain.availability import State, StateSpan, UptimeRule, measure_uptime, uptime_display
from shared.calendar_schema import BusinessCalendar
from shared.kernel.intervals import Interval
from shared.testing.vectors import Vector, calculator_client, faults, read_vectors, refused_at

Json = dict[str, Any]

RULE: Json = {
    "minimum_outage": "PT0S",
    "whole_minutes": False,
    "maintenance": "exclude",
    "unknown": "exclude",
    "degraded_weight": "0",
    "service_window": None,
}
DAY = {"from": "2026-06-01T00:00:00Z", "to": "2026-06-02T00:00:00Z"}


@pytest.fixture
async def client() -> AsyncIterator[httpx.AsyncClient]:
    async with calculator_client(router) as client:
        yield client


def at(clock: str) -> str:
    return f"2026-06-01T{clock}Z"


def span(start: str, end: str, state: str) -> Json:
    return {"from": at(start), "to": at(end), "state": state}


async def measure(client: httpx.AsyncClient, *states: Json, **changes: Any) -> Json:
    """The answer for the first of June; ``changes`` are keys of the request, or of its rule."""
    rule = RULE | {key: value for key, value in changes.items() if key in RULE}
    rest = {key: value for key, value in changes.items() if key not in RULE}
    request = {"period": DAY, "rule": rule, "states": list(states), "target_percent": "99.9"} | rest
    response = await client.post("/v1/calculators/uptime", json=request)
    assert response.status_code == 200, response.text
    answer: Json = response.json()
    return answer


async def refusal(client: httpx.AsyncClient, **changes: Any) -> list[str | None]:
    request = {"period": DAY, "rule": RULE, "states": [], "target_percent": "99.9"} | changes
    return await refused_at(client, request, calculator="uptime")


@pytest.mark.parametrize("vector", read_vectors(Path(__file__).parents[1] / "vectors" / "uptime.json"), ids=str)
async def test_public_vector(client: httpx.AsyncClient, vector: Vector) -> None:
    assert await faults(client, vector) == []


async def test_what_no_state_covers_is_up(client: httpx.AsyncClient) -> None:
    answer = await measure(client)
    assert (answer["uptime_percent"], answer["uptime_display"], answer["met"]) == ("100.000000", "100.00", True)
    assert answer["error_budget_seconds"] == 86.4


@pytest.mark.parametrize(
    ("month", "zone", "hours"),
    [
        ("2026-03", "Europe/Paris", 743),
        ("2026-10", "Europe/Paris", 745),
        ("2024-02", "UTC", 696),
        # midnight of the first does not exist (clocks jump from 00:00 to 01:00), the month begins at 01:00
        ("2018-11", "America/Sao_Paulo", 719),
        ("2026-12", "Pacific/Kiritimati", 744),
    ],
)
async def test_a_month_lasts_from_its_first_local_midnight_to_the_next_months_first(
    client: httpx.AsyncClient, month: str, zone: str, hours: int
) -> None:
    answer = await measure(client, period={"month": month, "time_zone": zone})
    assert answer["period_seconds"] == hours * 3600


async def test_a_run_of_down_is_unbroken_over_states_that_touch_and_broken_by_one_that_wins(
    client: httpx.AsyncClient,
) -> None:
    touching = [span("10:00:00", "10:03:00", "down"), span("10:03:00", "10:06:00", "down")]
    assert (await measure(client, *touching, minimum_outage="PT5M"))["down_seconds"] == 360
    broken = [span("10:00:00", "10:06:00", "down"), span("10:02:00", "10:03:00", "maintenance")]
    answer = await measure(client, *broken, minimum_outage="PT3M")
    assert (answer["down_seconds"], answer["maintenance_seconds"]) == (180, 60)


async def test_a_short_run_counts_as_up_whatever_lies_beneath(client: httpx.AsyncClient) -> None:
    states = [span("10:00:00", "10:04:00", "down"), span("09:00:00", "11:00:00", "degraded")]
    answer = await measure(client, *states, minimum_outage="PT5M", degraded_weight="1")
    assert (answer["down_seconds"], answer["degraded_seconds"]) == (0, 7200 - 240)


async def test_the_rest_of_partial_minutes_counts_as_up_whatever_lies_beneath(client: httpx.AsyncClient) -> None:
    states = [span("10:00:30", "10:02:10", "down"), span("10:00:00", "10:03:00", "unknown")]
    answer = await measure(client, *states, whole_minutes=True)
    assert (answer["down_seconds"], answer["unknown_seconds"]) == (60, 80)
    inside = await measure(client, span("10:00:10", "10:00:50", "down"), whole_minutes=True)
    assert inside["down_seconds"] == 0
    exact = await measure(client, span("10:00:00", "10:02:00", "down"), whole_minutes=True)
    assert exact["down_seconds"] == 120


async def test_a_run_is_judged_before_it_is_clipped_to_the_period(client: httpx.AsyncClient) -> None:
    long_before = {"from": "2026-05-31T23:50:00Z", "to": "2026-06-01T00:01:00Z", "state": "down"}
    assert (await measure(client, long_before, minimum_outage="PT10M"))["down_seconds"] == 60


async def test_a_run_is_judged_before_it_is_clipped_to_the_service_window(client: httpx.AsyncClient) -> None:
    window = {"time_zone": "UTC", "weekly": [{"days": ["mon"], "from": "08:00", "to": "20:00"}]}
    answer = await measure(
        client, span("19:59:30", "20:30:00", "down"), minimum_outage="PT10M", service_window=window, whole_minutes=True
    )
    assert (answer["service_seconds"], answer["down_seconds"]) == (12 * 3600, 0)
    answer = await measure(client, span("19:59:30", "20:30:00", "down"), minimum_outage="PT10M", service_window=window)
    assert answer["down_seconds"] == 30


async def test_states_may_reach_outside_of_the_period(client: httpx.AsyncClient) -> None:
    forever = {"from": "0001-01-01T00:00:00Z", "to": "9999-12-31T23:59:59.999999Z", "state": "down"}
    answer = await measure(client, forever, whole_minutes=True)
    assert (answer["down_seconds"], answer["uptime_percent"], answer["uptime_display"]) == (86400, "0.000000", "0.00")


@pytest.mark.parametrize(
    ("treatment", "denominator", "percent"),
    [("exclude", 82800, "100.000000"), ("up", 86400, "100.000000"), ("down", 86400, "95.833333")],
)
@pytest.mark.parametrize("state", ["maintenance", "unknown"])
async def test_maintenance_and_unknown_leave_the_denominator_or_count_as_up_or_as_down(
    client: httpx.AsyncClient, state: str, treatment: str, denominator: int, percent: str
) -> None:
    answer = await measure(client, span("10:00:00", "11:00:00", state), **{state: treatment})
    assert (answer["denominator_seconds"], answer["uptime_percent"]) == (denominator, percent)
    assert (answer[f"{state}_seconds"], answer["down_seconds"]) == (3600, 0)


async def test_paused_time_always_leaves_the_denominator_and_lowers_coverage(client: httpx.AsyncClient) -> None:
    states = [span("00:00:00", "12:00:00", "paused"), span("12:00:00", "18:00:00", "unknown")]
    answer = await measure(client, *states, maintenance="down", unknown="up")
    assert (answer["denominator_seconds"], answer["coverage_percent"], answer["met"]) == (43200, "25.00", True)


async def test_nothing_left_is_told_as_null_and_coverage_only_without_service(client: httpx.AsyncClient) -> None:
    answer = await measure(client, span("00:00:00", "12:00:00", "paused"), {**DAY, "state": "unknown"})
    keys = ("uptime_percent", "uptime_display", "met", "error_budget_seconds")
    assert [answer[key] for key in keys] == [None] * 4
    assert answer["coverage_percent"] == "0.00"
    sundays = {"time_zone": "UTC", "weekly": [{"days": ["sun"], "from": "08:00", "to": "20:00"}]}
    outside = await measure(client, service_window=sundays)  # the first of June 2026 is a Monday
    assert [outside[key] for key in (*keys, "coverage_percent")] == [None] * 5
    assert outside["service_seconds"] == 0


async def test_degraded_time_weighs_what_the_rule_says(client: httpx.AsyncClient) -> None:
    answer = await measure(
        client, span("10:00:00", "11:00:00", "degraded"), degraded_weight="0.25", target_percent="99"
    )
    assert (answer["degraded_seconds"], answer["uptime_percent"]) == (3600, "98.958333")
    assert answer["error_budget_seconds"] == -36  # 864 − 900


async def test_without_a_target_there_is_no_verdict(client: httpx.AsyncClient) -> None:
    answer = await measure(client, span("10:00:00", "11:00:00", "down"), target_percent=None)
    assert (answer["met"], answer["error_budget_seconds"], answer["uptime_display"]) == (None, None, "95.83")


@pytest.mark.parametrize(
    ("percent", "target", "shown"),
    [
        ("99.899977", "99.9", "99.89998"),
        ("99.9", "99.9", "99.90"),
        ("99.995", None, "99.995"),
        ("99.994", None, "99.99"),
        ("99.9949", None, "99.99"),
        ("99.985", None, "99.99"),  # half up
        ("100", "100", "100.00"),
        ("99.9999", "100", "99.9999"),
        ("99.99995", "99.9", "99.99995"),
        ("99.8451", "99.849", "99.845"),  # 99.85 would show the target as reached
        ("99.9921", "99.992", "99.992"),  # 99.99 would show it as missed
        ("99.9925", "99.9925", "99.993"),
        ("0", "0", "0.00"),
        ("0.004", "0", "0.00"),
        ("50", "50.001", "50.00"),
    ],
)
def test_the_display_takes_as_many_decimals_as_honesty_needs(percent: str, target: str | None, shown: str) -> None:
    assert uptime_display(Fraction(percent), None if target is None else Decimal(target)) == shown


@pytest.mark.parametrize("key", sorted(RULE))
async def test_every_key_of_the_rule_is_required(client: httpx.AsyncClient, key: str) -> None:
    rule = {name: value for name, value in RULE.items() if name != key}
    assert await refusal(client, rule=rule) == [f"#/rule/{key}"]


@pytest.mark.parametrize(
    ("changes", "pointer"),
    [
        ({"rule": RULE | {"degraded_weight": "1.1"}}, "#/rule/degraded_weight"),
        ({"rule": RULE | {"degraded_weight": "-0.1"}}, "#/rule/degraded_weight"),
        ({"rule": RULE | {"degraded_weight": 0.5}}, "#/rule/degraded_weight"),
        ({"rule": RULE | {"maintenance": "ignore"}}, "#/rule/maintenance"),
        ({"rule": RULE | {"whole_minutes": "yes"}}, "#/rule/whole_minutes"),
        ({"rule": RULE | {"minimum_outage": "-PT5M"}}, "#/rule/minimum_outage"),
        ({"rule": RULE | {"grace": "PT5M"}}, "#/rule/grace"),
        ({"rule": RULE | {"service_window": {"time_zone": "UTC"}}}, "#/rule/service_window"),
        ({"target_percent": "100.01"}, "#/target_percent"),
        ({"target_percent": "-1"}, "#/target_percent"),
        ({"target_percent": 99.9}, "#/target_percent"),
        ({"states": [{"from": at("10:00:00"), "to": at("10:00:00"), "state": "down"}]}, "#/states/0"),
        ({"states": [{"from": at("10:00:00"), "to": at("09:00:00"), "state": "down"}]}, "#/states/0"),
        ({"states": [{"from": at("10:00:00"), "to": at("11:00:00"), "state": "up"}]}, "#/states/0/state"),
        ({"period": {"from": at("10:00:00"), "to": at("10:00:00")}}, "#/period"),
        ({"period": {"month": "2026-13", "time_zone": "UTC"}}, "#/period/month"),
        ({"period": {"month": "2026-06", "time_zone": "Mars"}}, "#/period/time_zone"),
        ({"period": {"month": "2026-06"}}, "#/period/time_zone"),
        ({"period": {"month": "2026-06", "time_zone": "UTC", "from": at("10:00:00")}}, "#/period/from"),
        ({"period": {"month": "9999-12", "time_zone": "UTC"}}, "#/period"),
        ({"period": {"month": "0001-01", "time_zone": "Asia/Tokyo"}}, "#/period"),
        ({"period": {"from": "1900-01-01T00:00:00Z", "to": "2026-01-01T00:00:00Z"}}, "#/period"),
    ],
)  # fmt: skip
async def test_a_malformed_request_is_refused_with_its_place(
    client: httpx.AsyncClient, changes: Json, pointer: str
) -> None:
    assert pointer in await refusal(client, **changes)


async def test_a_hostile_request_costs_a_moment(client: httpx.AsyncClient) -> None:
    base = datetime(2010, 1, 1, tzinfo=UTC)
    states = [
        {
            "from": (base + timedelta(hours=number)).isoformat(),
            "to": (base + timedelta(hours=number * 2 + 1)).isoformat(),
            "state": ["down", "unknown", "maintenance", "paused", "degraded"][number % 5],
        }
        for number in range(10_000)
    ]
    weekdays = ["mon", "tue", "wed", "thu", "fri"]
    windows = [{"days": weekdays, "from": f"{n:02}:00", "to": f"{n:02}:30"} for n in range(24)]
    period = {"from": "2007-01-01T00:00:00Z", "to": "2026-01-01T00:00:00Z"}
    start = time.perf_counter()
    await measure(client, *states, period=period, service_window={"time_zone": "Europe/Paris", "weekly": windows})
    assert time.perf_counter() - start < 60


# --- Properties ---

START = datetime(2026, 3, 28, tzinfo=UTC)
WINDOW = BusinessCalendar.model_validate(
    {
        "time_zone": "Europe/Paris",
        "weekly": [
            {"days": ["fri", "sat", "sun"], "from": "22:00", "to": "06:00", "to_next_day": True},
            {"days": ["mon", "sun"], "from": "08:00", "to": "20:00"},
        ],
    }
).calendar
seconds_in = st.integers(0, 3 * 86400)


@st.composite
def spans(draw: st.DrawFn) -> StateSpan:
    start = START + timedelta(seconds=draw(seconds_in) - 3600)
    return StateSpan(start, start + timedelta(seconds=draw(st.integers(1, 30_000))), draw(st.sampled_from(State)))


rules = st.builds(
    UptimeRule,
    minimum_outage=st.sampled_from([timedelta(), timedelta(minutes=5), timedelta(hours=2)]),
    whole_minutes=st.booleans(),
    maintenance=st.sampled_from(["exclude", "up", "down"]),
    unknown=st.sampled_from(["exclude", "up", "down"]),
    degraded_weight=st.sampled_from([Decimal("0"), Decimal("0.333"), Decimal("1")]),
    service_window=st.sampled_from([None, WINDOW]),
)
targets = st.one_of(st.none(), st.decimals(0, 100, places=3), st.sampled_from([Decimal("99.9"), Decimal(100)]))


@settings(max_examples=150)
@given(st.lists(spans(), max_size=12), rules, targets, st.randoms(use_true_random=False))
def test_neither_order_nor_repetition_of_the_states_matters(
    states: list[StateSpan], rule: UptimeRule, target: Decimal | None, random: Any
) -> None:
    period = Interval(START, START + timedelta(days=3))
    expected = measure_uptime(period, rule, states, target)
    again = [*states, *states[:3]]
    random.shuffle(again)
    assert measure_uptime(period, rule, again, target) == expected


@settings(max_examples=150)
@given(st.lists(spans(), max_size=12), rules, seconds_in)
def test_the_parts_of_a_split_period_add_up(states: list[StateSpan], rule: UptimeRule, cut: int) -> None:
    start, middle, end = START, START + timedelta(seconds=cut), START + timedelta(days=3)
    whole = measure_uptime(Interval(start, end), rule, states)
    parts = [measure_uptime(Interval(*bounds), rule, states) for bounds in ((start, middle), (middle, end))]
    for state in State:
        assert whole.length_of[state] == sum((part.length_of[state] for part in parts), timedelta())
    assert whole.denominator == sum((part.denominator for part in parts), timedelta())
    assert whole.lost == sum(part.lost for part in parts)


@settings(max_examples=150)
@given(st.lists(spans(), max_size=12), rules, targets)
def test_the_verdict_never_contradicts_what_is_shown(
    states: list[StateSpan], rule: UptimeRule, target: Decimal | None
) -> None:
    uptime = measure_uptime(Interval(START, START + timedelta(days=3)), rule, states, target)
    if uptime.percent is None:
        assert (uptime.met, uptime.display, uptime.percent_text, uptime.error_budget) == (None, None, None, None)
        return
    assert uptime.display is not None
    assert 0 <= uptime.percent <= 100
    assert (Decimal(uptime.display) == 100) <= (uptime.percent == 100)
    if target is not None:
        assert uptime.met == (uptime.percent >= Fraction(target)) == (Decimal(uptime.display) >= target)
        assert uptime.error_budget is not None
        assert uptime.met == (uptime.error_budget >= 0)


@settings(max_examples=60)
@given(st.lists(spans(), max_size=8), rules)
def test_each_second_is_what_looking_at_it_alone_says(states: list[StateSpan], rule: UptimeRule) -> None:
    """Against an oracle that walks over the seconds of three hours on their own, judging runs by walking too."""
    first, last = -40_000, 110_000  # every state in reach, in seconds after START
    line = ["up"] * (last - first)
    for state in reversed(State):
        for each in states:
            if each.state is state:
                begin, end = (int((edge - START).total_seconds()) - first for edge in (each.start, each.end))
                line[max(begin, 0) : max(end, 0)] = [str(state)] * max(0, min(end, len(line)) - max(begin, 0))
    second = 0
    while second < len(line):
        run = second
        while run < len(line) and line[run] == "down":
            run += 1
        if run > second:
            short = run - second < rule.minimum_outage.total_seconds()
            for inside in range(second, run):
                minute = (inside + first) // 60 * 60 - first
                partial = rule.whole_minutes and (minute < second or minute + 60 > run)
                if short or partial:
                    line[inside] = "up"
        second = max(run, second + 1)
    period = Interval(START + timedelta(hours=1), START + timedelta(hours=4))
    opening = [Interval(*period)] if rule.service_window is None else rule.service_window.open_between(*period)
    offsets = [
        (int((start - START).total_seconds()) - first, int((end - START).total_seconds()) - first)
        for start, end in opening
    ]
    measured = measure_uptime(period, rule, states)
    for state in State:
        assert measured.length_of[state].total_seconds() == sum(line[a:b].count(str(state)) for a, b in offsets)
