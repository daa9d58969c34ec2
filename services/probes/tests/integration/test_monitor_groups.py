"""Groups of pages over the API: one request each, and what critical periods do to schedule, history and figures."""

from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import httpx
import psycopg
import pytest
from pydantic import SecretStr
from sqlalchemy import text

from probes.adapters.check_secrets import check_secrets
from probes.adapters.messages import CheckResult, ResultBatch
from probes.adapters.plan import Watched, watched_monitors
from probes.application.checks.secrets import HIDDEN
from probes.application.groups import HORIZON
from probes.domain.slots import Schedule
from probes.domain.states import Outcome, Reason
from probes.jobs.batches import BatchRecorder, HandedIn
from probes.jobs.critical_periods import FollowCriticalPeriods
from probes.jobs.rolling_up import LOOK_EVERY_SECONDS, RollUp
from probes.main import SERVICE
from probes.settings import ProbesSettings
from shared.database import libpq_url
from shared.kernel.clock import FixedClock
from shared.service import create_app
from shared.testing.databases import DatabaseUrls
from shared.testing.plugin import ApiClient
from shared.testing.tokens import TokenMint
from shared.worker import build_runtime

from ..keys import SERVICE_KEY
from .conftest import contract
from .reporting_world import Reporting

PATH = "/v1/monitor-groups"
EVERY_30_S = {"interval_seconds": 30, "timeout_seconds": 10, "rechecks": 2, "recheck_spacing_seconds": 5}
OFFERS, BOOKING, SPA = (f"https://hotel.example/{page}" for page in ("offers", "booking", "spa"))
PAGES = [{"name": "Offers", "url": OFFERS}, {"name": "Booking", "url": BOOKING}]
SLOW = {"type": "response_time", "at_most_ms": 3000}
LUNCH: dict[str, Any] = {
    "name": "Lunch",
    "time_zone": "Europe/Paris",
    "starts": "2026-06-08T12:10",  # 10:10 UTC
    "duration": "PT1H",
    "interval_seconds": 60,
    "response_times": [{"phase": "total", "at_most_ms": 1500}],
}
"""The test's clock stands at 09:00 UTC, 11:00 in Paris."""


@pytest.fixture
def database(service_database: Callable[[str], DatabaseUrls]) -> DatabaseUrls:
    return service_database("probes")


@pytest.fixture
async def world(database: DatabaseUrls, clock: FixedClock) -> AsyncIterator[Reporting]:
    """A contract that has https://hotel.example/ checked every 30 seconds."""
    runtime = build_runtime(
        ProbesSettings(database_url=SecretStr(database.app), secret_key=SERVICE_KEY), SERVICE.registry, clock
    )
    made = Reporting(runtime, clock, contract("https://hotel.example/"))
    await made.follow(made.given, monitoring=EVERY_30_S)
    yield made
    await runtime.close()


@pytest.fixture
async def client(world: Reporting, tokens: TokenMint, api_client: ApiClient) -> AsyncIterator[httpx.AsyncClient]:
    """Of an operator, however far the clock is set."""

    async def authorize(request: httpx.Request) -> None:
        token = tokens.mint(role="operator", tenant_id=world.given.tenant_id)
        request.headers.setdefault("Authorization", f"Bearer {token}")

    app = tokens.trust(create_app(SERVICE, world.runtime.settings, runtime=world.runtime))
    async with api_client(app) as opened:
        opened.event_hooks = {"request": [authorize]}
        yield opened


def body(world: Reporting, **more: Any) -> dict[str, Any]:
    return {
        "contract_id": str(world.given.contract_id),
        "environment_id": str(world.given.environment_id),
        "name": "Offers and booking",
        "pages": PAGES,
        "configuration": {"profile": "mobile", "assertions": [{"type": "keyword", "text": "Bellevue"}, SLOW]},
        "cadence": {"interval_seconds": 300},
        **more,
    }


async def created(client: httpx.AsyncClient, world: Reporting, **more: Any) -> Any:
    answer = await client.post(PATH, json=body(world, **more))
    assert answer.status_code == 201, answer.text
    return answer.json()


async def changed(client: httpx.AsyncClient, group_id: str, patch: dict[str, Any]) -> httpx.Response:
    read = await client.get(f"{PATH}/{group_id}")
    return await client.patch(f"{PATH}/{group_id}", json=patch, headers={"If-Match": read.headers["ETag"]})


async def monitors_of(client: httpx.AsyncClient, group: Any) -> dict[str, Any]:
    """The monitors of the pages that are watched, by address."""
    found = (await client.get("/v1/monitors", params={"group_id": group["group_id"]})).json()["data"]
    return {each["url"]: each for each in found if each["removed_at"] is None}


async def schedule_of(world: Reporting) -> dict[str, Watched]:
    """What the scheduler goes by, by monitor."""
    url = world.runtime.settings.database_url.get_secret_value()
    async with await psycopg.AsyncConnection.connect(libpq_url(url), autocommit=True) as connection:
        return {str(each.monitor_id): each for each in await watched_monitors(connection, world.clock.now())}


async def follow(world: Reporting, at: datetime) -> None:
    world.clock.set(at)
    await FollowCriticalPeriods(world.runtime.units)()


def at(time: str, day: int = 8) -> datetime:
    return datetime.fromisoformat(f"2026-06-{day:02}T{time}").replace(tzinfo=UTC)


def pointers(answer: httpx.Response) -> list[str]:
    assert answer.status_code == 422, answer.text
    return [error["pointer"] for error in answer.json()["errors"]]


async def test_every_page_of_a_group_is_a_monitor_that_is_looked_at_alike(
    client: httpx.AsyncClient, world: Reporting
) -> None:
    answer = await client.post(PATH, json=body(world))
    group = answer.json()
    assert answer.headers["Location"] == f"{PATH}/{group['group_id']}" and answer.headers["ETag"] == '"1"'
    assert group["state"] == "unknown" and group["counts"]["unknown"] == 2
    assert [(page["name"], page["url"]) for page in group["pages"]] == [("Offers", OFFERS), ("Booking", BOOKING)]
    found = await monitors_of(client, group)
    scheduled = await schedule_of(world)
    for page in group["pages"]:
        monitor = found[page["url"]]
        assert monitor["monitor_id"] == page["monitor_id"] and monitor["group_id"] == group["group_id"]
        assert monitor["kind"] == "http" and monitor["configuration"]["profile"] == "mobile"
        assert monitor["cadence"]["interval_seconds"] == 300 and not monitor["counts_for_sla"]
        manner = scheduled[page["monitor_id"]].first
        assert manner.stored == monitor["configuration"] and manner.schedule.interval == timedelta(minutes=5)
    assert (await client.get(f"{PATH}/{group['group_id']}")).json() == group
    (listed,) = (await client.get(PATH, params={"contract_id": group["contract_id"]})).json()["data"]
    assert listed.items() <= group.items()
    assert (await client.get(PATH, params={"contract_id": str(uuid4())})).json()["data"] == []


PERIOD = "#/critical_periods/0"


@pytest.mark.parametrize(
    ("changes", "pointer"),
    [
        ({"pages": []}, "#/pages"),
        ({"pages": [*PAGES, {"name": "Again", "url": OFFERS}]}, "#/pages"),
        ({"pages": [{"name": "FTP", "url": "ftp://hotel.example/"}]}, "#/pages/0/url"),
        ({"pages": [*PAGES, {"name": "Secret", "url": "https://me:secret@hotel.example/"}]}, "#/pages/2/url"),
        ({"contract_id": str(uuid4())}, "#/contract_id"),
        ({"environment_id": str(uuid4())}, "#/environment_id"),
        ({"cadence": {"interval_seconds": 29}}, "#/cadence/interval_seconds"),
        ({"configuration": {"url": OFFERS}}, "#/configuration/url"),
        (
            {"configuration": {"assertions": [{"type": "regex", "pattern": "("}]}},
            "#/configuration/assertions/0/pattern",
        ),
        ({"critical_periods": [LUNCH | {"interval_seconds": 301}]}, f"{PERIOD}/interval_seconds"),
        ({"critical_periods": [LUNCH | {"interval_seconds": 29}]}, f"{PERIOD}/interval_seconds"),
        (
            {"cadence": {"interval_seconds": 300, "timeout_seconds": 60}, "critical_periods": [LUNCH]},
            f"{PERIOD}/interval_seconds",
        ),
        (
            {"critical_periods": [LUNCH | {"response_times": [{"phase": "total", "at_most_ms": 3001}]}]},
            f"{PERIOD}/response_times/0/at_most_ms",
        ),
        ({"critical_periods": [LUNCH | {"duration": "PT1M", "interval_seconds": 61}]}, f"{PERIOD}/interval_seconds"),
        ({"critical_periods": [LUNCH | {"duration": "PT0S"}]}, f"{PERIOD}/duration"),
        ({"critical_periods": [LUNCH | {"time_zone": "Europe/Atlantis"}]}, f"{PERIOD}/time_zone"),
        ({"critical_periods": [LUNCH | {"starts": "2026-02-30T12:00"}]}, f"{PERIOD}/starts"),
        ({"critical_periods": [LUNCH | {"recurrence": "FREQ=DAILY"}]}, f"{PERIOD}/recurrence"),
        ({"critical_periods": [LUNCH, LUNCH]}, "#/critical_periods/1/name"),
        ({"critical_periods": [LUNCH | {"interval_seconds": None, "response_times": []}]}, PERIOD),
        (
            {
                "configuration": {"assertions": [{"type": "keyword", "text": f"word {n}"} for n in range(20)]},
                "critical_periods": [LUNCH],
            },
            "#/critical_periods",
        ),
        ({"surprise": 1}, "#/surprise"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
async def test_of_a_group_that_is_refused_no_page_is_watched(
    client: httpx.AsyncClient, world: Reporting, changes: dict[str, Any], pointer: str
) -> None:
    before = await schedule_of(world)
    assert pointers(await client.post(PATH, json=body(world) | changes)) == [pointer]
    assert await schedule_of(world) == before
    assert (await client.get(PATH)).json()["data"] == []


async def test_a_repeated_request_creates_one_group(client: httpx.AsyncClient, world: Reporting) -> None:
    key = {"Idempotency-Key": '"one"'}
    first = await client.post(PATH, json=body(world), headers=key)
    second = await client.post(PATH, json=body(world), headers=key)
    assert second.json() == first.json() and second.headers["idempotency-replayed"] == "true"
    assert len((await client.get(PATH)).json()["data"]) == 1


async def test_groups_are_listed_page_by_page(client: httpx.AsyncClient, world: Reporting) -> None:
    made = [(await created(client, world, name=f"Group {number}"))["group_id"] for number in range(3)]
    first = (await client.get(PATH, params={"limit": 2})).json()
    rest = (await client.get(PATH, params={"limit": 2, "cursor": first["next_cursor"]})).json()
    assert [each["group_id"] for each in [*first["data"], *rest["data"]]] == made and rest["next_cursor"] is None


async def test_who_may_only_read_changes_nothing_and_a_stranger_sees_nothing(
    client: httpx.AsyncClient, world: Reporting, tokens: TokenMint
) -> None:
    where = f"{PATH}/{(await created(client, world))['group_id']}"
    reader = {"Authorization": f"Bearer {tokens.mint(role='viewer', tenant_id=world.given.tenant_id)}"}
    stranger = {"Authorization": f"Bearer {tokens.mint(role='operator', tenant_id=uuid4())}"}
    every = {"If-Match": "*"}
    assert (await client.post(PATH, json=body(world), headers=reader)).status_code == 403
    for who, status in ((reader, 403), (stranger, 404)):
        assert (await client.patch(where, json={"name": "x"}, headers=who | every)).status_code == status
        assert (await client.delete(where, headers=who | every)).status_code == status
    assert (await client.get(f"{where}/result", headers=reader)).status_code == 200
    for path in (where, f"{where}/result"):
        assert (await client.get(path, headers=stranger)).status_code == 404
    assert (await client.get(PATH, headers=stranger)).json()["data"] == []


async def test_one_change_adds_renames_and_removes_pages_and_each_that_stays_keeps_its_monitor(
    client: httpx.AsyncClient, world: Reporting
) -> None:
    group = await created(client, world)
    before = await monitors_of(client, group)
    world.clock.set(at("09:10"))
    answer = await changed(
        client,
        group["group_id"],
        {
            "name": "Season",
            "pages": [{"name": "Réservation", "url": BOOKING}, {"name": "Spa", "url": SPA}],
            "configuration": {"profile": None, "follow_redirects": False},
            "cadence": {"interval_seconds": 120},
        },
    )
    assert answer.status_code == 200, answer.text
    assert answer.json()["name"] == "Season" and answer.headers["ETag"] == '"2"'
    assert [(page["name"], page["url"]) for page in answer.json()["pages"]] == [("Réservation", BOOKING), ("Spa", SPA)]
    after = await monitors_of(client, group)
    assert set(after) == {BOOKING, SPA} and after[BOOKING]["monitor_id"] == before[BOOKING]["monitor_id"]
    for monitor in after.values():
        assert monitor["cadence"]["interval_seconds"] == 120 and monitor["configuration"]["follow_redirects"] is False
        assert "profile" not in monitor["configuration"] and len(monitor["configuration"]["assertions"]) == 2
    assert set(await schedule_of(world)) & {each["monitor_id"] for each in [*before.values(), *after.values()]} == {
        each["monitor_id"] for each in after.values()
    }
    history = (await client.get(f"/v1/monitors/{after[BOOKING]['monitor_id']}")).json()["history"]
    assert [(each["effective_from"], each["cadence"]["interval_seconds"]) for each in history] == [
        ("2026-06-08T09:10:00Z", 120),
        ("2026-06-08T09:00:00Z", 300),
    ]
    gone = (await client.get(f"/v1/monitors/{before[OFFERS]['monitor_id']}")).json()
    assert gone["state"] == "paused" and gone["reason"] == "removed" and gone["removed_at"]


async def test_a_change_that_is_refused_leaves_everything_as_it_was(
    client: httpx.AsyncClient, world: Reporting
) -> None:
    group = await created(client, world, critical_periods=[LUNCH])
    where = f"{PATH}/{group['group_id']}"
    assert (await client.patch(where, json={"name": "x"})).status_code == 428
    late = await client.patch(where, json={"name": "x"}, headers={"If-Match": '"7"'})
    assert late.status_code == 412 and late.headers["ETag"] == '"1"'
    spa = {"pages": [{"name": "Spa", "url": SPA}]}
    refused: list[tuple[dict[str, Any], str]] = [
        ({"cadence": {"interval_seconds": 50}}, "#/cadence/interval_seconds"),
        ({"cadence": {"timeout_seconds": 60}}, "#/cadence/timeout_seconds"),
        ({"configuration": {"assertions": [SLOW | {"at_most_ms": 1000}]}}, "#/configuration/assertions"),
        ({"configuration": {"method": "TEAPOT"}}, "#/configuration/method"),
        ({"critical_periods": [LUNCH | {"interval_seconds": 400}]}, f"{PERIOD}/interval_seconds"),
    ]
    for patch, pointer in refused:
        assert pointers(await changed(client, group["group_id"], spa | patch)) == [pointer]
    assert (await client.get(where)).json() == group
    assert set(await monitors_of(client, group)) == {OFFERS, BOOKING}


async def test_a_stored_secret_is_shown_to_nobody_and_sent_to_no_other_site(
    client: httpx.AsyncClient, world: Reporting
) -> None:
    secret = {"headers": {"Authorization": "Bearer s3cret-word"}}
    group = await created(client, world, configuration=secret)
    assert group["configuration"]["headers"] == {"Authorization": HIDDEN}
    evil = [*PAGES, {"name": "Evil", "url": "https://evil.example/"}]
    answer = await changed(client, group["group_id"], {"pages": evil})
    assert pointers(answer) == ["#/pages/2/url"] and "s3cret" not in answer.text
    back = await changed(client, group["group_id"], {"configuration": group["configuration"] | {"profile": "desktop"}})
    assert back.status_code == 200, back.text
    stored = await world.rows("select configuration from probes.monitor where group_id is not null")
    secrets = check_secrets(world.runtime.settings)
    assert [secrets.opened(each["configuration"])["headers"] for each in stored] == [secret["headers"]] * 2
    given = await changed(client, group["group_id"], {"pages": evil, "configuration": secret})
    assert given.status_code == 200, given.text


async def test_a_page_is_changed_with_its_group_only(client: httpx.AsyncClient, world: Reporting) -> None:
    group = await created(client, world)
    where = f"/v1/monitors/{group['pages'][0]['monitor_id']}"
    every = {"If-Match": "*"}
    for answer in (
        await client.patch(where, json={"name": "x"}, headers=every),
        await client.patch(where, json={"cadence": {"interval_seconds": 30}}, headers=every),
        await client.delete(where, headers=every),
    ):
        assert answer.status_code == 409 and "change the group" in answer.json()["detail"]
    parent = (await client.get("/v1/monitors", params={"source": "contract"})).json()["data"][0]["monitor_id"]
    depends = await client.patch(where, json={"parent_id": parent}, headers=every)
    assert depends.status_code == 200 and depends.json()["parent_id"] == parent


async def test_a_deleted_group_is_watched_no_more_and_what_was_measured_stays(
    client: httpx.AsyncClient, world: Reporting
) -> None:
    group = await created(client, world, critical_periods=[LUNCH])
    where = f"{PATH}/{group['group_id']}"
    assert (await client.delete(where)).status_code == 428
    world.clock.set(at("09:30"))
    assert (await client.delete(where, headers={"If-Match": '"1"'})).status_code == 204
    found = (await client.get(where)).json()
    assert found["removed_at"] == "2026-06-08T09:30:00Z" and found["state"] == "paused" and found["pages"] == []
    assert {each["monitor_id"] for each in group["pages"]} & set(await schedule_of(world)) == set()
    assert len((await client.get(f"{where}/result")).json()["pages"]) == 2
    assert (await client.delete(where, headers={"If-Match": "*"})).status_code == 204
    gone = await changed(client, group["group_id"], {"name": "x"})
    assert gone.status_code == 409 and "Create another one" in gone.json()["detail"]
    await follow(world, at("11:00"))
    told = [data["state"] for name, data in await world.events() if name == "group.changed"]
    assert told == ["paused"]


async def test_a_critical_period_tightens_interval_and_response_times_from_its_beginning_to_its_end(
    client: httpx.AsyncClient, world: Reporting
) -> None:
    group = await created(client, world, critical_periods=[LUNCH])
    monitor_id = group["pages"][0]["monitor_id"]
    keyword = {"type": "keyword", "text": "Bellevue"}
    looser, tighter = [keyword, SLOW], [keyword, SLOW | {"at_most_ms": 1500}]
    # The schedule knows before anybody has looked at the clock again.
    watched = (await schedule_of(world))[monitor_id]
    just_before = at("10:10") - timedelta.resolution
    for moment, seconds, assertions in (
        (just_before, 300, looser),
        (at("10:10"), 60, tighter),
        (at("11:10") - timedelta.resolution, 60, tighter),
        (at("11:10"), 300, looser),
    ):
        manner = watched.manner_at(moment)
        assert manner.schedule.interval == timedelta(seconds=seconds)
        assert manner.check(check_secrets(world.runtime.settings))["assertions"] == assertions
    for moment, seconds, names in (
        (just_before, 300, []),
        (at("10:10"), 60, ["Lunch"]),
        (at("11:09"), 60, ["Lunch"]),
        (at("11:10"), 300, []),
    ):
        await follow(world, moment)
        shown = (await client.get(f"/v1/monitors/{monitor_id}")).json()
        assert shown["cadence"]["interval_seconds"] == seconds and shown["critical_periods"] == names
        assert shown["configuration"]["assertions"] == (tighter if names else looser)
        assert shown["history"][0]["cadence"] == shown["cadence"]
        assert shown["history"][0]["critical_periods"] == names
        assert shown["history"][0]["response_times_ms"] == {"total": 1500 if names else 3000}
        in_force = (await client.get(f"{PATH}/{group['group_id']}")).json()["in_force"]
        assert in_force["cadence"] == shown["cadence"] and in_force["critical_periods"] == names
    assert [each["effective_from"] for each in shown["history"]] == [
        f"2026-06-08T{time}:00Z" for time in ("11:10", "10:10", "09:00")
    ]


async def test_coverage_counts_what_was_expected_at_the_cadence_in_force_at_each_instant(
    client: httpx.AsyncClient, world: Reporting
) -> None:
    group = await created(client, world, critical_periods=[LUNCH])
    monitor_id = UUID(group["pages"][0]["monitor_id"])
    world.clock.set(at("12:00"))  # nobody has carried anything out meanwhile
    answer = await client.get(f"/v1/monitors/{monitor_id}/coverage", params={"from": "2026-06-08T00:00:00Z"})
    seldom, often = (Schedule.of(monitor_id, timedelta(seconds=seconds)) for seconds in (300, 60))
    parts = ((seldom, "09:00", "10:10"), (often, "10:10", "11:10"), (seldom, "11:10", "12:00"))
    expected = sum(schedule.first_from(at(end)) - schedule.first_from(at(start)) for schedule, start, end in parts)
    assert answer.json()["total"]["expected"] == expected and 83 <= expected <= 85


async def test_however_late_somebody_looks_the_edges_are_where_the_period_says(
    client: httpx.AsyncClient, world: Reporting
) -> None:
    daily = LUNCH | {"recurrence": "FREQ=DAILY;COUNT=6"}
    group = await created(client, world, critical_periods=[daily])
    await follow(world, at("10:30", day=12))  # days later than anybody had planned
    rows = await world.rows(
        "select effective_from, interval_seconds from probes.monitor_rules where monitor_id = :id order by 1",
        id=UUID(group["pages"][0]["monitor_id"]),
    )
    edges = [(at(time, day), seconds) for day in range(8, 14) for time, seconds in (("10:10", 60), ("11:10", 300))]
    until = at("10:30", day=12) + HORIZON
    assert [tuple(row.values()) for row in rows] == [(at("09:00"), 300), *(edge for edge in edges if edge[0] <= until)]
    assert (await monitors_of(client, group))[OFFERS]["critical_periods"] == ["Lunch"]


async def test_a_period_that_is_called_off_or_added_holds_from_now_on_and_leaves_the_past_as_it_was(
    client: httpx.AsyncClient, world: Reporting
) -> None:
    group = await created(client, world, critical_periods=[LUNCH])
    monitor_id = group["pages"][0]["monitor_id"]
    world.clock.set(at("10:20"))  # before anybody has carried out its beginning
    await changed(client, group["group_id"], {"critical_periods": []})
    found = (await client.get(f"/v1/monitors/{monitor_id}")).json()
    assert found["critical_periods"] == [] and found["cadence"]["interval_seconds"] == 300
    world.clock.set(at("10:30"))
    added = await changed(client, group["group_id"], {"critical_periods": [LUNCH | {"name": "Late lunch"}]})
    assert added.json()["in_force"]["critical_periods"] == ["Late lunch"]
    await follow(world, at("12:00"))
    history = (await client.get(f"/v1/monitors/{monitor_id}")).json()["history"]
    assert [(each["effective_from"][11:16], each["critical_periods"]) for each in reversed(history)] == [
        ("09:00", []),
        ("10:10", ["Lunch"]),
        ("10:20", []),
        ("10:30", ["Late lunch"]),
        ("11:10", []),
    ]


async def test_a_page_that_is_added_in_a_critical_period_is_watched_as_closely_as_the_others(
    client: httpx.AsyncClient, world: Reporting
) -> None:
    group = await created(client, world, critical_periods=[LUNCH])
    await follow(world, at("10:15"))
    await changed(client, group["group_id"], {"pages": [*PAGES, {"name": "Spa", "url": SPA}]})
    spa = (await monitors_of(client, group))[SPA]
    assert spa["cadence"]["interval_seconds"] == 60 and spa["critical_periods"] == ["Lunch"]
    watched = (await schedule_of(world))[spa["monitor_id"]]
    assert watched.manner_at(at("11:10")).schedule.interval == timedelta(minutes=5)


class Checks:
    """What runners hand in about the pages of a group."""

    def __init__(self, world: Reporting, group: Any) -> None:
        self._recorder = BatchRecorder(world.runtime.units, world.clock)
        self._world = world
        self._pages = {page["url"]: UUID(page["monitor_id"]) for page in group["pages"]}

    async def hand_in(self, *found: tuple[str, datetime, Outcome], total_ms: int = 100) -> None:
        """Address, beginning and outcome of checks, recorded together; bad ones were too slow."""
        results = tuple(
            CheckResult(
                monitor_id=self._pages[url],
                slot=Schedule.of(self._pages[url], timedelta(seconds=60)).slot_at(began),
                due_at=began,
                started_at=began,
                took_us=total_ms * 1000,
                first_byte_us=total_ms * 500,
                outcome=outcome,
                reason=Reason.THRESHOLD if outcome is Outcome.BAD else None,
                detail="The check took 2000 ms, more than 1500 ms." if outcome is Outcome.BAD else "",
                evidence={"checked_at": began.isoformat(), "url": url} if outcome is Outcome.BAD else None,
            )
            for url, began, outcome in found
        )
        batch = ResultBatch(runner="r", location="default", sent_at=self._world.clock.now(), results=results)
        await self._recorder.record([HandedIn(batch, timedelta(0))])


async def told(world: Reporting) -> list[tuple[str, str, list[str]]]:
    """What was said about groups: the state, since when (the time of day), the names of the pages in it, sorted."""
    return [
        (data["state"], data["since"][11:19], sorted(page["name"] for page in data["pages"]))
        for name, data in await world.events()
        if name == "group.changed"
    ]


async def test_a_change_of_a_group_is_told_once_with_the_pages_that_are_the_reason(
    client: httpx.AsyncClient, world: Reporting
) -> None:
    group = await created(client, world, cadence={"interval_seconds": 300, "rechecks": 0})
    checks, good, bad = Checks(world, group), Outcome.GOOD, Outcome.BAD
    world.clock.set(at("09:30"))
    await checks.hand_in((OFFERS, at("09:01:00"), good))
    assert await told(world) == []
    await checks.hand_in((BOOKING, at("09:02:00"), good))
    await checks.hand_in((OFFERS, at("09:06:00"), bad))
    shown = (await client.get(f"{PATH}/{group['group_id']}")).json()
    assert shown["state"] == "down" and shown["counts"] == dict.fromkeys(shown["counts"], 0) | {"down": 1, "up": 1}
    await checks.hand_in((BOOKING, at("09:07:00"), bad))
    await checks.hand_in((BOOKING, at("09:07:00"), bad))  # delivered twice
    await checks.hand_in((OFFERS, at("09:11:00"), good))
    # A page that recovers, and one that fails and recovers, all in one transaction.
    await checks.hand_in((BOOKING, at("09:12:00"), good), (OFFERS, at("09:16:00"), bad), (OFFERS, at("09:21:00"), good))
    assert await told(world) == [
        ("up", "09:02:00", ["Booking", "Offers"]),
        ("down", "09:06:00", ["Offers"]),
        ("up", "09:12:00", ["Booking", "Offers"]),
        ("down", "09:16:00", ["Offers"]),
        ("up", "09:21:00", ["Booking", "Offers"]),
    ]
    versions = await world.rows("select aggregate_version from probes.outbox where type like '%.group.%' order by id")
    assert [row["aggregate_version"] for row in versions] == [1, 2, 3, 4, 5]
    found = (await client.get(f"{PATH}/{group['group_id']}")).json()
    assert (found["state"], found["since"], found["version"]) == ("up", "2026-06-08T09:21:00Z", 5)


async def test_taking_out_the_page_that_is_down_and_adding_another_is_one_change_of_the_group(
    client: httpx.AsyncClient, world: Reporting
) -> None:
    group = await created(client, world, cadence={"interval_seconds": 300, "rechecks": 0})
    checks = Checks(world, group)
    world.clock.set(at("09:10"))
    await checks.hand_in((OFFERS, at("09:01:00"), Outcome.BAD), (BOOKING, at("09:02:00"), Outcome.GOOD))
    assert [state for state, *_ in await told(world)] == ["down"]
    pages = [{"name": "Booking", "url": BOOKING}, {"name": "Spa", "url": SPA}]
    assert (await changed(client, group["group_id"], {"pages": pages})).json()["state"] == "unknown"
    assert (await told(world))[1:] == [("unknown", "09:10:00", ["Spa"])]


async def test_a_suspended_contract_pauses_its_groups_once_and_resumes_them_once(
    client: httpx.AsyncClient, world: Reporting
) -> None:
    group = await created(client, world)
    await world.follow(world.given, 2, status="suspended", monitoring=EVERY_30_S)
    await world.follow(world.given, 3, monitoring=EVERY_30_S)
    assert [state for state, *_ in await told(world)] == ["paused", "unknown"]
    assert (await client.get(f"{PATH}/{group['group_id']}")).json()["state"] == "unknown"
    await world.follow(world.given, 4, status="suspended", monitoring=EVERY_30_S)
    refused = await changed(client, group["group_id"], {"name": "x"})
    assert refused.status_code == 409 and "not active" in refused.json()["detail"]


async def test_the_result_tells_pages_apart_inside_and_outside_of_critical_periods(
    client: httpx.AsyncClient, world: Reporting
) -> None:
    group = await created(client, world, critical_periods=[LUNCH], cadence={"interval_seconds": 300, "rechecks": 0})
    checks = Checks(world, group)
    for minute in range(0, 180):
        moment = at("09:00") + timedelta(minutes=minute)
        inside = at("10:10") <= moment < at("11:10")
        if not inside and minute % 5:
            continue
        await follow(world, moment + timedelta(seconds=30))
        slow = inside and minute % 20 == 0  # 10:20, 10:40, 11:00
        await checks.hand_in((OFFERS, moment, Outcome.GOOD), total_ms=200 if inside else 100)
        await checks.hand_in((BOOKING, moment, Outcome.BAD if slow else Outcome.GOOD), total_ms=900 if inside else 50)
    world.clock.set(at("12:30"))
    job = RollUp(world.runtime.units, 35)
    while await job() < LOOK_EVERY_SECONDS:
        pass
    span = {"from": "2026-06-08T09:00:00Z", "to": "2026-06-08T12:00:00Z"}
    answer = await client.get(f"{PATH}/{group['group_id']}/result", params=span)
    assert answer.status_code == 200, answer.text
    result = answer.json()
    assert (result["from"], result["to"], result["state"]) == (span["from"], span["to"], "up")
    offers, booking = result["pages"]
    assert (offers["name"], booking["name"]) == ("Offers", "Booking")
    assert (offers["inside"]["p95_total_ms"], offers["outside"]["p95_total_ms"]) == (200, 100)
    assert offers["inside"]["p95_first_byte_ms"] == 100 and offers["whole"]["p95_total_ms"] == 200
    assert offers["inside"]["seconds"]["up"] == 3600 and sum(offers["outside"]["seconds"].values()) == 7200
    assert offers["whole"]["availability_percent"] == "100.000000"
    # Down from each slow check to the next good one, a minute later.
    assert booking["inside"]["threshold_breaches"] == 3 and booking["outside"]["threshold_breaches"] == 0
    assert booking["inside"]["seconds"]["down"] == 180 and booking["outside"]["seconds"]["down"] == 0
    assert booking["inside"]["availability_percent"] == "95.000000"
    assert booking["whole"]["availability_percent"] == "98.333333"
    often = Schedule.of(UUID(booking["monitor_id"]), timedelta(seconds=60))
    expected = often.first_from(at("11:10")) - often.first_from(at("10:10"))
    assert booking["inside"]["coverage"]["expected"] == expected == booking["inside"]["coverage"]["executed"] == 60
    for part, slowest in (("inside", booking), ("outside", offers), ("whole", booking)):
        assert result[part]["slowest_page"] == slowest["monitor_id"]
        assert result[part]["coverage"]["expected"] == sum(
            page[part]["coverage"]["expected"] for page in result["pages"]
        )
    assert result["whole"]["threshold_breaches"] == 3
    for page in result["pages"]:
        total = (await client.get(f"/v1/monitors/{page['monitor_id']}/coverage")).json()["total"]
        mine = (await client.get(f"{PATH}/{group['group_id']}/result")).json()
        (same,) = (each for each in mine["pages"] if each["monitor_id"] == page["monitor_id"])
        assert same["whole"]["coverage"] == total


async def test_a_result_of_too_long_a_time_or_of_checks_that_are_gone_is_refused_with_what_to_ask(
    client: httpx.AsyncClient, world: Reporting
) -> None:
    group = await created(client, world, critical_periods=[LUNCH])
    where = f"{PATH}/{group['group_id']}/result"
    reverse = await client.get(where, params={"from": "2026-06-09T00:00:00Z", "to": "2026-06-08T00:00:00Z"})
    assert reverse.status_code == 422 and reverse.json()["errors"][0]["parameter"] == "to"
    empty = await client.get(where)
    assert empty.status_code == 200 and empty.json()["whole"]["availability_percent"] is None
    world.clock.set(at("00:00", day=8) + timedelta(days=1000))
    since = {"from": "2026-06-08T00:00:00Z"}
    long = await client.get(where, params=since)
    assert long.status_code == 422 and "shorter period" in long.json()["detail"]
    async with world.runtime.units.for_every_tenant() as unit:
        await unit.session.execute(text("select probes.ensure_result_partition(20700)"))
    gone = await client.get(where, params=since | {"to": "2026-06-09T00:00:00Z"})
    assert gone.status_code == 422 and "later period" in gone.json()["detail"]
    later = await client.get(where, params={"from": "2026-06-09T00:00:00Z", "to": "2026-06-10T00:00:00Z"})
    assert later.status_code == 200
