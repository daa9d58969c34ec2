"""People, schedules, overrides, policies and quiet hours over HTTP."""

from datetime import timedelta
from typing import Any

import pytest
from icalendar import Calendar

from shared.ids import new_id

from .conftest import Agreement, Desk
from .roster import Roster, a_schedule
from .test_api import problem


@pytest.fixture
def roster(desk: Desk, agreement: Agreement) -> Roster:
    return Roster(desk, agreement)


async def test_a_person_is_added_changed_and_removed(roster: Roster) -> None:
    async with roster.desk.client(roster.agreement) as client:
        body = {"name": "Ada", "email": "ada@agency.example", "time_zone": "Europe/Paris", "user_id": str(new_id())}
        created = await client.post("/v1/people", json=body)
        assert (created.status_code, created.headers["etag"]) == (201, '"1"')
        path = created.headers["location"]
        assert (await client.get(path)).json() == created.json()
        problem(await client.post("/v1/people", json=body), 409, "#/user_id")
        problem(await client.put(path, json=body), 428)
        problem(await client.put(path, json=body, headers={"If-Match": '"7"'}), 412)
        changed = await client.put(path, json=body | {"language": "fr"}, headers={"If-Match": '"1"'})
        assert (changed.json()["language"], changed.json()["version"]) == ("fr", 2)
        problem(await client.delete(path), 428)
        assert (await client.delete(path, headers={"If-Match": '"2"'})).status_code == 204
        problem(await client.get(path), 404)
        assert (await client.get("/v1/people")).json()["data"] == []


async def test_a_person_who_is_named_is_not_removed(roster: Roster) -> None:
    ada = await roster.person("Ada")
    schedule = await roster.schedule(ada)
    async with roster.desk.client(roster.agreement) as client:
        refusal = problem(await client.delete(f"/v1/people/{ada}", headers={"If-Match": "*"}), 409)
        assert "'Operations'" in refusal["detail"]
        await client.delete(f"/v1/on-call/schedules/{schedule}", headers={"If-Match": "*"})
        assert (await client.delete(f"/v1/people/{ada}", headers={"If-Match": "*"})).status_code == 204


async def test_who_is_on_call_now_and_over_a_period(roster: Roster) -> None:
    ada, lea = await roster.person("Ada"), await roster.person("Lea")
    schedule = await roster.schedule(ada, lea)
    # The second week of the rotation began two hours ago.
    (now,) = (await roster.read("/v1/on-call/now"))["data"]
    assert (now["schedule_id"], now["name"], now["why"], now["layer"]) == (schedule, "Lea", "layer", "Week")
    await roster.made(
        f"/v1/on-call/schedules/{schedule}/overrides", {"person_id": ada, "to": "2026-06-08T18:00:00+02:00"}
    )
    (now,) = (await roster.read("/v1/on-call/now"))["data"]
    assert (now["name"], now["why"]) == ("Ada", "override")
    period = "from=2026-06-08T09:00:00Z&to=2026-06-22T09:00:00Z"
    (cover,) = (await roster.read(f"/v1/on-call/cover?{period}"))["data"]
    assert [(span["from"], span["name"], span["why"]) for span in cover["spans"]] == [
        ("2026-06-08T09:00:00Z", "Ada", "override"),
        ("2026-06-08T16:00:00Z", "Lea", "layer"),
        ("2026-06-15T07:00:00Z", "Ada", "layer"),
        ("2026-06-22T07:00:00Z", "Lea", "layer"),
    ]


async def test_a_schedule_that_is_replaced_keeps_who_was_on_call(roster: Roster) -> None:
    ada, lea = await roster.person("Ada"), await roster.person("Lea")
    schedule = await roster.schedule(ada)
    roster.desk.clock.advance(timedelta(hours=2))
    replaced = await roster.put(f"/v1/on-call/schedules/{schedule}", a_schedule(lea, name="Renamed"))
    assert replaced["version"] == 2
    period = "from=2026-06-08T09:00:00Z&to=2026-06-08T13:00:00Z"
    (cover,) = (await roster.read(f"/v1/on-call/cover?{period}&schedule_id={schedule}"))["data"]
    assert [(span["name"], span["to"]) for span in cover["spans"]] == [
        ("Ada", "2026-06-08T11:00:00Z"),
        ("Lea", "2026-06-08T13:00:00Z"),
    ]


async def test_a_cancelled_override_counts_until_then(roster: Roster) -> None:
    ada, lea = await roster.person("Ada"), await roster.person("Lea")
    path = f"/v1/on-call/schedules/{await roster.schedule(ada)}/overrides"
    override = await roster.made(path, {"person_id": lea, "to": "2026-06-08T17:00:00Z"})
    roster.desk.clock.advance(timedelta(hours=1))
    async with roster.desk.client(roster.agreement) as client:
        cancelled = await client.post(f"{path}/{override['override_id']}/cancel")
        assert cancelled.json()["cancelled_at"] == "2026-06-08T10:00:00Z"
        problem(await client.post(f"{path}/{override['override_id']}/cancel"), 409)
        problem(await client.post(f"{path}/{new_id()}/cancel"), 404)
        past = {"person_id": lea, "from": "2026-06-08T09:30:00Z", "to": "2026-06-09T09:30:00Z"}
        problem(await client.post(path, json=past), 422, "#/from")
        assert len((await client.get(path)).json()["data"]) == 1
    period = "from=2026-06-08T09:00:00Z&to=2026-06-08T12:00:00Z"
    (cover,) = (await roster.read(f"/v1/on-call/cover?{period}"))["data"]
    assert [(span["name"], span["to"]) for span in cover["spans"]] == [
        ("Lea", "2026-06-08T10:00:00Z"),
        ("Ada", "2026-06-08T12:00:00Z"),
    ]


async def test_what_names_something_unknown_is_refused_at_its_place(roster: Roster) -> None:
    ada, unknown = await roster.person("Ada"), str(new_id())
    policy = {"name": "P", "levels": [{"unacknowledged_minutes": 1, "notify": [{"role": "manager"}, {}]}]}

    def of(target: dict[str, Any]) -> dict[str, Any]:
        return policy | {"levels": [{"unacknowledged_minutes": 1, "notify": [{"role": "manager"}, target]}]}

    async with roster.desk.client(roster.agreement) as client:
        for path, body, status, pointer in (
            ("on-call/schedules", a_schedule(ada, unknown), 404, "#/layers/0/rotation/person_ids/1"),
            ("on-call/schedules", a_schedule(ada, contract_ids=[unknown]), 404, "#/contract_ids/0"),
            ("escalation-policies", of({"person_id": unknown}), 404, "#/levels/0/notify/1/person_id"),
            ("escalation-policies", of({"schedule_id": unknown}), 404, "#/levels/0/notify/1/schedule_id"),
            ("escalation-policies", of({}), 422, "#/levels/0/notify/1"),
        ):
            problem(await client.post(f"/v1/{path}", json=body), status, pointer)
        period = "from=2026-06-08T09:00:00Z"
        for end in ("2026-06-08T09:00:00Z", "2026-12-08T09:00:00Z"):
            refusal = problem(await client.get(f"/v1/on-call/cover?{period}&to={end}"), 422)
            assert [error["parameter"] for error in refusal["errors"]] == ["to"]
        far = problem(await client.get("/v1/on-call/now?at=9999-12-31T23:59:59Z"), 422)
        assert far["code"] == "validation-failed"


async def test_quiet_hours_that_never_end_are_refused(roster: Roster) -> None:
    path = f"/v1/people/{await roster.person('Ada')}/quiet-hours"
    async with roster.desk.client(roster.agreement) as client:
        read = await client.get(path)
        assert (read.json(), read.headers["etag"]) == ({"hours": None, "breaks_through": [], "version": 0}, '"0"')
        always = {"hours": {"time_zone": "Europe/Paris", "always": True}}
        problem(await client.put(path, json=always, headers={"If-Match": "*"}), 422)
    await roster.quiet((path.split("/"))[3], "12:00", "14:00", "critical")
    assert (await roster.read(path))["version"] == 1


async def test_the_shifts_of_a_person_are_a_calendar(roster: Roster) -> None:
    ada, lea = await roster.person("Ada; the first", email="ada@agency.example"), await roster.person("Lea")
    await roster.schedule(ada, lea)
    async with roster.desk.client(roster.agreement) as client:
        answer = await client.get(
            f"/v1/people/{ada}/shifts.ics", params={"from": "2026-06-08T00:00:00Z", "to": "2026-07-01T00:00:00Z"}
        )
    assert answer.headers["content-type"] == "text/calendar; charset=utf-8"
    calendar = Calendar.from_ical(answer.content)
    assert isinstance(calendar, Calendar)
    shifts = [(f"{event.start:%m-%dT%H}", f"{event.end:%m-%dT%H}", event.summary) for event in calendar.events]
    assert shifts == [("06-15T07", "06-22T07", "Operations"), ("06-29T07", "07-01T00", "Operations")]
    assert len({event.uid for event in calendar.events}) == 2


async def test_the_people_of_a_client_and_of_another_agency_see_nothing_of_it(roster: Roster) -> None:
    ada = await roster.person("Ada")
    schedule = await roster.schedule(ada)
    paths = (f"/v1/people/{ada}", f"/v1/people/{ada}/shifts.ics", f"/v1/on-call/schedules/{schedule}")
    async with roster.desk.client(roster.agreement, "client_decider") as client:
        for path in (*paths, "/v1/on-call/now", "/v1/on-call/gaps", "/v1/escalation-policies"):
            problem(await client.get(path), 403)
    async with roster.desk.client(Agreement()) as stranger:
        for path in paths:
            problem(await stranger.get(path), 404)
        assert (await stranger.get("/v1/on-call/now")).json()["data"] == []
