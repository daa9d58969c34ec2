"""The API: reports, acts, lists, and what it refuses."""

from datetime import timedelta
from typing import Any

import httpx
import pytest

from shared.ids import new_id

from .conftest import Agreement, Desk


def problem(response: httpx.Response, status: int, pointer: str | None = None) -> dict[str, Any]:
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == "application/problem+json"
    body = response.json()
    if pointer is not None:
        assert [error["pointer"] for error in body["errors"]] == [pointer], body
    return dict(body)


def a_report(agreement: Agreement, **changes: Any) -> dict[str, Any]:
    return {
        "contract_id": str(agreement.contract_id),
        "site_id": str(agreement.site_id),
        "severity": "major",
        "title": "Checkout shows an error",
        "description": "Since this morning.",
        "occurred_at": "2026-06-08T10:30:00+02:00",
    } | changes


async def test_a_client_reports_an_incident_and_follows_it(desk: Desk, agreement: Agreement) -> None:
    await desk.activate(agreement)
    async with desk.client(agreement, "client_staff") as client:
        created = await client.post("/v1/incidents", json=a_report(agreement))
        assert created.status_code == 201, created.text
        body = created.json()
        assert created.headers["location"] == f"/v1/incidents/{body['incident_id']}"
        assert created.headers["etag"] == '"1"'
        read = await client.get(created.headers["location"])
        assert read.json() == body
    assert body["source"] == {"kind": "person", "outage_id": None, "monitor_id": None}
    assert body["timestamps"]["first_failure"]["at"] == "2026-06-08T08:30:00Z"
    assert body["timestamps"]["detected"]["actor"]["kind"] == "user"
    # Four hours to answer; no repair is promised for this severity.
    assert [(clock["metric"], clock["due_at"]) for clock in body["clocks"]] == [("response", "2026-06-08T13:00:00Z")]
    await desk.outbound.run()
    (message,) = desk.mailbox.to("oncall@agency.example")
    assert message["Subject"] == "[INC-2026-0001] Reported: Checkout shows an error"
    assert "Since this morning." in message.get_content()


async def test_a_call_that_is_logged_afterwards_starts_the_clock_at_the_call(desk: Desk, agreement: Agreement) -> None:
    await desk.activate(agreement)
    async with desk.client(agreement) as client:
        created = await client.post(
            "/v1/incidents", json=a_report(agreement, occurred_at=None, reported_at="2026-06-08T08:00:00Z")
        )
        assert created.json()["clocks"][0]["due_at"] == "2026-06-08T12:00:00Z"
    async with desk.client(agreement, "client_decider") as client:
        refused = await client.post("/v1/incidents", json=a_report(agreement, reported_at="2026-06-08T08:00:00Z"))
        problem(refused, 422, "#/reported_at")


@pytest.mark.parametrize(
    ("changes", "status", "pointer"),
    [
        ({"severity": "catastrophic"}, 422, "#/severity"),
        ({"title": " \t "}, 422, "#/title"),
        ({"title": "a\nb"}, 422, "#/title"),
        ({"title": "nul\x00"}, 422, "#/title"),
        ({"occurred_at": "2026-06-08T10:30:00"}, 422, "#/occurred_at"),
        ({"occurred_at": "2026-06-08T12:00:00Z"}, 422, "#/occurred_at"),
        ({"occurred_at": "2020-01-01T00:00:00Z"}, 422, "#/occurred_at"),
        ({"occurred_at": None, "reported_at": "2026-06-09T00:00:00Z"}, 422, "#/reported_at"),
        ({"occurred_at": "2026-06-08T08:59:00Z", "reported_at": "2026-06-08T08:00:00Z"}, 422, "#/occurred_at"),
        ({"contract_id": "0197a1c2-0000-7000-8000-00000000ffff"}, 404, "#/contract_id"),
        ({"contract_id": "x"}, 422, "#/contract_id"),
        ({"site_id": "0197a1c2-0000-7000-8000-00000000ffff"}, 422, "#/site_id"),
        ({"environment_id": "0197a1c2-0000-7000-8000-00000000ffff"}, 422, "#/environment_id"),
        ({"urgent": True}, 422, "#/urgent"),
    ],
)
async def test_bad_reports_are_refused_with_the_place_of_the_fault(
    desk: Desk, agreement: Agreement, changes: dict[str, Any], status: int, pointer: str
) -> None:
    await desk.activate(agreement)
    async with desk.client(agreement) as client:
        problem(await client.post("/v1/incidents", json=a_report(agreement, **changes)), status, pointer)
        assert (await client.get("/v1/incidents")).json()["data"] == []


async def test_illegal_transitions_say_what_is_possible(desk: Desk, agreement: Agreement) -> None:
    await desk.break_down(agreement)
    path = f"/v1/incidents/{(await desk.only_incident(agreement))['incident_id']}"
    async with desk.client(agreement) as client:
        refused = problem(await client.post(f"{path}/close"), 409)
        assert refused["allowed"] == ["acknowledge", "mitigate", "resolve"]
        assert refused["incident_status"] == "open"
        assert (await client.post(f"{path}/resolve")).status_code == 200
        assert problem(await client.post(f"{path}/acknowledge"), 409)["allowed"] == ["close"]
        assert (await client.post(f"{path}/close")).status_code == 200
        assert problem(await client.post(f"{path}/close"), 409)["allowed"] == []
        problem(await client.post(f"/v1/incidents/{new_id()}/close"), 404)


async def test_resolving_what_nobody_acknowledged_answers_the_alert_too(desk: Desk, agreement: Agreement) -> None:
    await desk.activate(agreement)
    await desk.break_down(agreement)
    path = f"/v1/incidents/{(await desk.only_incident(agreement))['incident_id']}"
    desk.clock.advance(timedelta(minutes=12))
    async with desk.client(agreement) as client:
        body = (await client.post(f"{path}/resolve", json={"at": "2026-06-08T09:10:00Z"})).json()
    assert [(clock["verdict"], clock["elapsed_seconds"]) for clock in body["clocks"]] == [("met", 600), ("met", 600)]
    assert body["timestamps"]["acknowledged"]["source"] == "implied by resolve"


@pytest.mark.parametrize("instant", ["2026-06-08T08:59:59Z", "2026-06-08T09:20:01Z"])
async def test_an_act_is_dated_between_the_detection_and_now(desk: Desk, agreement: Agreement, instant: str) -> None:
    await desk.break_down(agreement)
    path = f"/v1/incidents/{(await desk.only_incident(agreement))['incident_id']}"
    desk.clock.advance(timedelta(minutes=20))
    async with desk.client(agreement) as client:
        problem(await client.post(f"{path}/acknowledge", json={"at": instant}), 422, "#/at")
        first = await client.post(f"{path}/acknowledge", json={"at": "2026-06-08T09:05:00Z"})
        assert first.json()["timestamps"]["acknowledged"]["at"] == "2026-06-08T09:05:00Z"
        problem(await client.post(f"{path}/mitigate", json={"at": "2026-06-08T09:04:00Z"}), 422, "#/at")


async def test_a_repeated_act_with_its_key_has_one_effect(desk: Desk, agreement: Agreement) -> None:
    await desk.activate(agreement)
    await desk.break_down(agreement)
    path = f"/v1/incidents/{(await desk.only_incident(agreement))['incident_id']}/acknowledge"
    async with desk.client(agreement) as client:
        key = {"Idempotency-Key": '"once"'}
        first = await client.post(path, json={}, headers=key)
        again = await client.post(path, json={}, headers=key)
        assert (first.status_code, again.status_code) == (200, 200)
        assert again.headers["idempotency-replayed"] == "true"
        assert again.json() == first.json()
        problem(await client.post(path, json={"note": "x"}, headers=key), 422)


async def test_tenants_and_clients_see_their_own_incidents_only(desk: Desk, agreement: Agreement) -> None:
    neighbour = Agreement(tenant_id=agreement.tenant_id)  # another client of the same agency
    stranger = Agreement()
    for each in (agreement, neighbour, stranger):
        await desk.activate(each)
        await desk.break_down(each)
    async with desk.client(agreement) as agency:
        listed = (await agency.get("/v1/incidents")).json()["data"]
        assert {item["client_id"] for item in listed} == {str(agreement.client_id), str(neighbour.client_id)}
        mine = next(item for item in listed if item["client_id"] == str(agreement.client_id))
        path = f"/v1/incidents/{mine['incident_id']}"
        clock = f"{path}/clocks/{mine['clocks'][0]['clock_id']}"
        acted = await agency.post(f"{path}/acknowledge", json={"note": "The client broke it."})
        assert acted.status_code == 200
    reads = [path, f"{path}/timeline", f"{path}/notifications", clock]
    acts = [f"{path}/{act}" for act in ("acknowledge", "mitigate", "resolve", "close")]
    for outsider, role in ((stranger, "owner"), (neighbour, "client_decider")):
        async with desk.client(outsider, role) as client:
            for read in reads:
                problem(await client.get(read), 404)
            assert str(agreement.client_id) not in (await client.get("/v1/incidents")).text
            assert (await client.get(f"/v1/incidents?client_id={agreement.client_id}")).json()["data"] == []
            for act in acts:
                problem(await client.post(act), 404 if role == "owner" else 403)
            problem(await client.post("/v1/incidents", json=a_report(agreement)), 404)
    async with desk.client(agreement, "client_decider") as client:
        for read in reads:
            assert (await client.get(read)).status_code == 200
        assert "broke it" not in (await client.get(f"{path}/timeline")).text
        problem(await client.post(acts[0]), 403)
        problem(await client.get("/v1/alert-addresses"), 403)
    async with desk.client(agreement, "viewer") as viewer:
        assert "broke it" in (await viewer.get(f"{path}/timeline")).text
        problem(await viewer.post(acts[1]), 403)


async def test_lists_are_filtered_and_paged_newest_first(desk: Desk, agreement: Agreement) -> None:
    await desk.activate(agreement)
    for _ in range(5):
        await desk.break_down(agreement)
        desk.clock.advance(timedelta(minutes=1))
    async with desk.client(agreement) as client:
        numbers: list[str] = []
        cursor = ""
        while True:
            page = (await client.get(f"/v1/incidents?limit=2{cursor}")).json()
            numbers += [item["number"] for item in page["data"]]
            if page["next_cursor"] is None:
                break
            cursor = f"&cursor={page['next_cursor']}"
        assert numbers == [f"INC-2026-{n:04d}" for n in (5, 4, 3, 2, 1)]
        first = (await client.get("/v1/incidents?limit=1")).json()["data"][0]
        assert first["clocks"][0]["state"] == "running"
        await client.post(f"/v1/incidents/{first['incident_id']}/acknowledge")

        async def count(query: str) -> int:
            return len((await client.get(f"/v1/incidents?{query}")).json()["data"])

        assert await count("status=open") == 4
        assert await count("status=open&status=acknowledged") == 5
        assert await count(f"severity=minor&contract_id={agreement.contract_id}") == 0
        assert await count(f"site_id={agreement.site_id}") == 5
        problem(await client.get("/v1/incidents?status=broken"), 422)
        problem(await client.get("/v1/incidents?cursor=abc"), 400)


@pytest.mark.capability("I23")
async def test_a_verdict_comes_with_its_facts_and_every_span_of_its_time(desk: Desk, agreement: Agreement) -> None:
    await desk.activate(agreement)
    await desk.break_down(agreement)
    incident = await desk.only_incident(agreement)
    path = f"/v1/incidents/{incident['incident_id']}"
    async with desk.client(agreement) as client:
        desk.clock.advance(timedelta(minutes=10))
        await client.post(f"{path}/acknowledge")
        desk.clock.advance(timedelta(hours=4))
        await client.post(f"{path}/resolve")
        response, repair = [
            (await client.get(f"{path}/clocks/{clock['clock_id']}")).json() for clock in incident["clocks"]
        ]
        problem(await client.get(f"{path}/clocks/{new_id()}"), 404)

    def counted_until(instant: str) -> dict[str, Any]:
        return {
            "from": "2026-06-08T09:00:00Z",
            "to": instant,
            "counted": True,
            "why": "open",
            "calendar": "support#1",
            "reason": None,
        }

    assert [(fact["kind"], fact["source"]) for fact in response["facts"]] == [("opened", "monitor"), ("stopped", "api")]
    assert response["reading"]["state"] == "met"
    assert response["reading"]["explanation"] == [counted_until("2026-06-08T09:10:00Z")]
    assert repair["reading"]["state"] == "breached"
    assert repair["reading"]["breached_at"] == "2026-06-08T13:00:00Z"
    assert repair["reading"]["remaining_seconds"] == -600
    assert repair["reading"]["explanation"] == [counted_until("2026-06-08T13:10:00Z")]


async def test_an_entity_tag_saves_a_reading_once_the_clocks_have_ended(desk: Desk, agreement: Agreement) -> None:
    await desk.activate(agreement)
    await desk.break_down(agreement)
    path = f"/v1/incidents/{(await desk.only_incident(agreement))['incident_id']}"
    async with desk.client(agreement) as client:
        running = await client.get(path)
        assert (await client.get(path, headers={"If-None-Match": running.headers["etag"]})).status_code == 200
        await client.post(f"{path}/resolve")
        ended = await client.get(path)
        assert (await client.get(path, headers={"If-None-Match": ended.headers["etag"]})).status_code == 304


async def test_alert_addresses_are_replaced_by_version(desk: Desk, agreement: Agreement) -> None:
    async with desk.client(agreement) as client:
        read = await client.get("/v1/alert-addresses")
        assert read.json() == {"version": 0, "addresses": [{"email": "oncall@agency.example", "language": "en"}]}
        body = {"addresses": [{"email": "garde@agency.example", "language": "fr"}]}
        problem(await client.put("/v1/alert-addresses", json=body), 428)
        put = await client.put("/v1/alert-addresses", json=body, headers={"If-Match": read.headers["etag"]})
        assert put.json() == {"version": 1, **body}
        problem(await client.put("/v1/alert-addresses", json=body, headers={"If-Match": '"0"'}), 412)
        for bad in ("no address", "a@b\r\nBcc: x@y.z", "é@agency.example", "x@y\n"):
            refused = await client.put(
                "/v1/alert-addresses", json={"addresses": [{"email": bad}]}, headers={"If-Match": "*"}
            )
            problem(refused, 422, "#/addresses/0/email")
    await desk.break_down(agreement)
    await desk.outbound.run()
    (message,) = desk.mailbox.messages
    assert (message["To"], message["Subject"]) == ("garde@agency.example", "[INC-2026-0001] Boutique est en panne")
