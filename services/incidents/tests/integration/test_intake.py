"""What other systems post: over HTTP, signed or not, repeated, late, in any order, and wrong."""

import asyncio
import hashlib
import hmac
import json
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta
from itertools import permutations
from typing import Any

import httpx
import pytest
from standardwebhooks import Webhook

from incidents.adapters import intake_store
from incidents.main import SERVICE
from incidents.settings import IncidentsSettings
from shared.brake import Brake
from shared.ids import new_id

from .conftest import ALWAYS, PARIS_OFFICE, Agreement, Desk
from .test_api import problem

STARTED, ENDED = "2026-06-08T09:10:00Z", "2026-06-08T09:25:00Z"


def an_alert(status: str = "firing", fingerprint: str = "c6eadffa33fcdf37", **changes: Any) -> dict[str, Any]:
    return {
        "status": status,
        "labels": {"alertname": "DiskFull", "instance": "db1", "severity": "critical"},
        "annotations": {"summary": "The disk of db1 is full", "description": "2 % are left."},
        "startsAt": STARTED,
        "endsAt": ENDED if status == "resolved" else "0001-01-01T00:00:00Z",
        "generatorURL": "http://prometheus.example:9090/graph?g0.expr=up",
        "fingerprint": fingerprint,
    } | changes


def a_group(*alerts: dict[str, Any]) -> dict[str, Any]:
    return {
        "receiver": "upheld",
        "status": "firing",
        "alerts": list(alerts),
        "groupLabels": {"alertname": "DiskFull"},
        "commonLabels": {},
        "commonAnnotations": {},
        "externalURL": "http://alertmanager.example:9093",
        "version": "4",
        "groupKey": '{}:{alertname="DiskFull"}',
        "truncatedAlerts": 0,
    }


class Post:
    """A source and what is posted to it."""

    def __init__(self, desk: Desk, agreement: Agreement, source: dict[str, Any]) -> None:
        self.desk, self.agreement, self.source = desk, agreement, source

    async def post(self, body: Any, **headers: str) -> httpx.Response:
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        async with httpx.AsyncClient(
            transport=httpx.ASGITransport(app=self.desk.app, raise_app_exceptions=False),
            base_url="http://incidents.test",
        ) as stranger:
            return await stranger.post(
                self.source["path"], content=content, headers={"Content-Type": "application/json"} | named
            )

    async def taken(self, body: Any, **headers: str) -> list[dict[str, Any]]:
        answer = await self.post(body, **headers)
        assert answer.status_code == 200, answer.text
        return list(answer.json()["items"])

    async def receipts(self) -> list[dict[str, Any]]:
        async with self.desk.client(self.agreement) as client:
            return list((await client.get(f"/v1/intake-sources/{self.source['source_id']}/receipts")).json()["data"])

    async def incidents(self) -> list[dict[str, Any]]:
        async with self.desk.client(self.agreement) as client:
            listed = (await client.get("/v1/incidents")).json()["data"]
            return [(await client.get(f"/v1/incidents/{each['incident_id']}")).json() for each in listed[::-1]]

    async def timeline(self, incident_id: str) -> list[dict[str, Any]]:
        async with self.desk.client(self.agreement) as client:
            return list((await client.get(f"/v1/incidents/{incident_id}/timeline")).json()["data"])


async def a_source(desk: Desk, agreement: Agreement, kind: str, **how: Any) -> Post:
    async with desk.client(agreement) as client:
        body = {"contract_id": str(agreement.contract_id), "kind": kind, "name": "Elsewhere"} | how
        created = await client.post("/v1/intake-sources", json=body)
        assert created.status_code == 201, created.text
        return Post(desk, agreement, created.json())


@pytest.fixture
async def later(desk: Desk, agreement: Agreement) -> Desk:
    """A desk with a contract, an hour after sources are usually made."""
    await desk.activate(agreement)
    return desk


def an_hour_later(desk: Desk) -> None:
    desk.clock.advance(timedelta(hours=1))


# Alertmanager ---------------------------------------------------------------------------------------------------------


async def test_a_firing_alert_opens_one_incident_with_clocks_that_began_with_it(
    later: Desk, agreement: Agreement
) -> None:
    source = await a_source(later, agreement, "alertmanager", site_id=str(agreement.site_id))
    an_hour_later(later)
    (item,) = await source.taken(a_group(an_alert()))
    (incident,) = await source.incidents()
    assert (item["number"], item["key"]) == (incident["number"], "c6eadffa33fcdf37")
    assert (incident["title"], incident["severity"]) == ("The disk of db1 is full", "critical")
    assert incident["source"]["kind"] == "system"
    assert "2 % are left." in incident["description"]
    assert "instance: db1" in incident["description"]
    assert incident["timestamps"]["detected"]["at"] == STARTED
    assert incident["timestamps"]["detected"]["actor"]["name"] == "Elsewhere"
    assert {clock["metric"]: clock["due_at"] for clock in incident["clocks"]} == {
        "response": "2026-06-08T09:40:00Z",
        "repair": "2026-06-08T13:10:00Z",
    }


async def test_the_same_delivery_again_is_answered_the_same_and_changes_nothing(
    later: Desk, agreement: Agreement
) -> None:
    source = await a_source(later, agreement, "alertmanager")
    an_hour_later(later)
    first = await source.post(a_group(an_alert()))
    before = await source.incidents()
    again = await source.post(a_group(an_alert()))
    assert (again.status_code, again.content) == (first.status_code, first.content)
    assert await source.incidents() == before
    assert [receipt["outcome"] for receipt in await source.receipts()] == ["unchanged", "accepted"]


@pytest.mark.parametrize("order", list(permutations(["firing", "resolved", "firing"])))
async def test_in_any_order_the_figures_are_the_same(later: Desk, agreement: Agreement, order: tuple[str, ...]) -> None:
    source = await a_source(later, agreement, "alertmanager")
    an_hour_later(later)
    for status in order:
        await source.taken(a_group(an_alert(status)))
    (incident,) = await source.incidents()
    assert incident["timestamps"]["first_failure"]["at"] == STARTED
    assert incident["timestamps"]["detected"]["at"] == STARTED
    assert incident["timestamps"]["recovered"]["at"] == ENDED
    assert incident["duration_seconds"] == 900
    repair = next(clock for clock in incident["clocks"] if clock["metric"] == "repair")
    assert (repair["state"], repair["verdict"], repair["elapsed_seconds"]) == ("met", "met", 900)


async def test_alerts_of_a_group_are_incidents_of_their_own(later: Desk, agreement: Agreement) -> None:
    source = await a_source(later, agreement, "alertmanager", severities={"critical": "minor"})
    an_hour_later(later)
    items = await source.taken(a_group(an_alert(fingerprint="b"), an_alert(fingerprint="a")))
    assert [item["key"] for item in items] == ["b", "a"]
    assert len({item["incident_id"] for item in items}) == 2
    assert {incident["severity"] for incident in await source.incidents()} == {"minor"}


async def test_what_fires_again_within_the_settle_time_stays_one_incident(later: Desk, agreement: Agreement) -> None:
    source = await a_source(later, agreement, "alertmanager", settle_seconds=300)
    an_hour_later(later)
    await source.taken(a_group(an_alert("resolved")))
    again = an_alert(startsAt="2026-06-08T09:29:00Z")
    (item,) = await source.taken(a_group(again))
    await source.taken(a_group(again))
    (incident,) = await source.incidents()
    assert item["incident_id"] == incident["incident_id"]
    kinds = [entry["kind"] for entry in await source.timeline(incident["incident_id"])]
    assert kinds.count("fired_again") == 1
    (after_long,) = await source.taken(
        a_group(
            an_alert("resolved", startsAt="2026-06-08T09:29:00Z", endsAt="2026-06-08T09:30:00Z"),
        )
    )
    assert after_long["incident_id"] == incident["incident_id"]
    (another,) = await source.taken(a_group(an_alert(startsAt="2026-06-08T09:50:00Z")))
    assert another["incident_id"] != incident["incident_id"]


async def test_what_fires_again_has_not_recovered_its_repair_goes_on_and_people_hear_of_it(
    later: Desk, agreement: Agreement
) -> None:
    source = await a_source(later, agreement, "alertmanager", settle_seconds=3_600)
    later.clock.advance(timedelta(minutes=11))
    (item,) = await source.taken(a_group(an_alert()))
    async with later.client(agreement) as client:
        await client.post(f"/v1/incidents/{item['incident_id']}/acknowledge")
        later.clock.advance(timedelta(minutes=15))
        await source.taken(a_group(an_alert("resolved")))
        later.clock.advance(timedelta(minutes=4))
        again = {"startsAt": "2026-06-08T09:29:00Z", "endsAt": "2026-06-08T09:59:00Z"}
        await source.taken(a_group(an_alert(startsAt=again["startsAt"])))
    (incident,) = await source.incidents()
    assert (incident["status"], incident["timestamps"]["recovered"]) == ("acknowledged", None)
    clocks = {clock["metric"]: clock for clock in incident["clocks"]}
    assert clocks["repair"]["state"] == "running"
    # The response was given and stays so; the repair counts 15 minutes, and then again from 09:29.
    assert (clocks["response"]["state"], clocks["repair"]["due_at"]) == ("met", "2026-06-08T13:14:00Z")
    later.clock.advance(timedelta(minutes=31))
    for _ in range(2):
        await source.taken(a_group(an_alert("resolved", **again)))
    (incident,) = await source.incidents()
    assert incident["timestamps"]["recovered"]["at"] == again["endsAt"]
    repair = next(clock for clock in incident["clocks"] if clock["metric"] == "repair")
    assert (repair["state"], repair["elapsed_seconds"]) == ("met", 45 * 60)
    while await later.outbound.run() == 0:
        pass
    subjects = [message["Subject"] for message in later.mailbox.to("oncall@agency.example")]
    title = "The disk of db1 is full"
    assert [subject.partition("] ")[2] for subject in subjects] == [
        "Reported: " + title,
        title + " works again",
        "Open again: " + title,
        title + " works again",
    ]


async def test_however_often_something_is_said_to_be_wrong_it_is_one_incident(
    later: Desk, agreement: Agreement, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(intake_store, "MOST_TURNS", 4)
    undated = {name: rule for name, rule in MAPPING.items() if name != "occurred_at"}
    source = await a_source(later, agreement, "generic", mapping=undated)
    for _ in range(6):
        later.clock.advance(timedelta(seconds=10))
        await source.taken(something("failed"))
    for state in ("ok", "failed") * 4:
        later.clock.advance(timedelta(seconds=10))
        await source.taken(something(state))
    (incident,) = await source.incidents()
    assert incident["timestamps"]["first_failure"]["at"] == "2026-06-08T09:00:10Z"
    assert incident["timestamps"]["recovered"] is None


async def test_what_fires_again_after_somebody_resolved_it_is_reopened_then(later: Desk, agreement: Agreement) -> None:
    source = await a_source(later, agreement, "alertmanager", settle_seconds=86_400)
    an_hour_later(later)
    (item,) = await source.taken(a_group(an_alert("resolved")))
    path = f"/v1/incidents/{item['incident_id']}"
    async with later.client(agreement) as client:
        assert (await client.post(f"{path}/resolve")).status_code == 200
        later.clock.advance(timedelta(minutes=20))
        again = {"startsAt": "2026-06-08T10:05:00Z", "endsAt": "2026-06-08T10:15:00Z"}
        (same,) = await source.taken(a_group(an_alert(startsAt=again["startsAt"])))
        assert same["incident_id"] == item["incident_id"]
        reopened = (await client.get(path)).json()
        assert (reopened["status"], reopened["timestamps"]["reopened"]["at"]) == ("open", again["startsAt"])
        assert reopened["timestamps"]["recovered"] is None
        await source.taken(a_group(an_alert("resolved", **again)))
        assert (await client.get(path)).json()["timestamps"]["recovered"]["at"] == again["endsAt"]


async def test_what_fires_after_somebody_closed_it_is_another_incident(later: Desk, agreement: Agreement) -> None:
    source = await a_source(later, agreement, "alertmanager", settle_seconds=86_400)
    an_hour_later(later)
    (item,) = await source.taken(a_group(an_alert("resolved")))
    async with later.client(agreement) as client:
        for act in ("resolve", "close"):
            assert (await client.post(f"/v1/incidents/{item['incident_id']}/{act}")).status_code == 200
    (same,) = await source.taken(a_group(an_alert("resolved")))
    assert same["incident_id"] == item["incident_id"]
    later.clock.advance(timedelta(minutes=10))
    (another,) = await source.taken(a_group(an_alert(startsAt="2026-06-08T10:05:00Z")))
    assert another["incident_id"] != item["incident_id"]


async def test_what_fired_before_there_was_a_source_is_promised_from_then_on(later: Desk, agreement: Agreement) -> None:
    source = await a_source(later, agreement, "alertmanager")
    await source.taken(a_group(an_alert(startsAt="2026-06-01T00:00:00Z")))
    (incident,) = await source.incidents()
    assert incident["timestamps"]["first_failure"]["at"] == "2026-06-01T00:00:00Z"
    assert incident["timestamps"]["detected"]["at"] == "2026-06-08T09:00:00Z"


async def test_deliveries_at_once_open_one_incident(later: Desk, agreement: Agreement) -> None:
    source = await a_source(later, agreement, "alertmanager")
    an_hour_later(later)
    answers = await asyncio.gather(*(source.post(a_group(an_alert())) for _ in range(6)))
    assert {answer.status_code for answer in answers} == {200}
    assert len(await source.incidents()) == 1


# Sentry ---------------------------------------------------------------------------------------------------------------


def an_issue_alert(**changes: Any) -> dict[str, Any]:
    return {
        "action": "triggered",
        "actor": {"id": "sentry", "name": "Sentry", "type": "application"},
        "data": {
            "event": {
                "event_id": "e4874d664c3540c1a32eab185f12c5ab",
                "issue_id": "1170820242",
                "title": "ReferenceError: heck is not defined",
                "level": "error",
                "culprit": "?(<anonymous>)",
                "datetime": "2026-06-08T09:10:17.677000Z",
                "web_url": "https://sentry.io/organizations/test-org/issues/1170820242/",
            }
            | changes,
            "triggered_rule": "Very Important Alert Rule!",
        },
        "installation": {"uuid": "a8e5d37a-696c-4c54-adb5-b3f28d64c7de"},
    }


def a_metric_alert(action: str) -> dict[str, Any]:
    return {
        "action": action,
        "data": {
            "description_text": "1000 events in the last 10 minutes",
            "description_title": f"{action.title()}: Too many errors",
            "metric_alert": {
                "id": "3",
                "identifier": "1",
                "title": "Too many errors",
                "date_started": STARTED,
                "date_detected": STARTED,
                "date_closed": ENDED if action == "resolved" else None,
                "status": 20 if action == "resolved" else 2,
            },
            "web_url": "https://sentry.io/organizations/test/alerts/1/",
        },
    }


async def test_events_of_one_issue_are_one_incident_until_the_issue_is_resolved(
    later: Desk, agreement: Agreement
) -> None:
    source = await a_source(later, agreement, "issue_alert")
    an_hour_later(later)
    await source.taken(an_issue_alert(), sentry_hook_resource="event_alert")
    await source.taken(an_issue_alert(datetime="2026-06-08T09:20:00Z"), sentry_hook_resource="event_alert")
    resolved = {"action": "resolved", "data": {"issue": {"id": "1170820242", "title": "ReferenceError"}}}
    await source.taken(resolved, sentry_hook_resource="issue")
    (incident,) = await source.incidents()
    assert (incident["title"], incident["severity"]) == ("ReferenceError: heck is not defined", "major")
    assert incident["timestamps"]["recovered"]["at"] == "2026-06-08T10:00:00Z"


@pytest.mark.parametrize("order", [("critical", "resolved"), ("resolved", "critical")])
async def test_a_metric_alert_gives_the_same_figures_in_any_order(
    later: Desk, agreement: Agreement, order: tuple[str, str]
) -> None:
    source = await a_source(later, agreement, "issue_alert")
    an_hour_later(later)
    for action in order:
        await source.taken(a_metric_alert(action), sentry_hook_resource="metric_alert")
    (incident,) = await source.incidents()
    assert (incident["duration_seconds"], incident["timestamps"]["recovered"]["at"]) == (900, ENDED)


async def test_what_sentry_signs_with_its_own_secret_is_taken_and_what_others_sign_is_not(
    later: Desk, agreement: Agreement
) -> None:
    secret = "the client secret of the integration"
    source = await a_source(later, agreement, "issue_alert", signature="hmac_sha256", secret=secret)
    an_hour_later(later)
    body = json.dumps(an_issue_alert()).encode()
    signature = hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
    assert len(await source.taken(body, sentry_hook_signature=signature)) == 1
    refused = problem(await source.post(body, sentry_hook_signature="0" * 64), 401)
    assert "sentry-hook-signature" in refused["detail"]
    problem(await source.post(body), 401)


async def test_an_installation_of_sentry_opens_nothing(later: Desk, agreement: Agreement) -> None:
    source = await a_source(later, agreement, "issue_alert")
    body = {"action": "created", "data": {"installation": {}}}
    assert await source.taken(body, sentry_hook_resource="installation") == []


# Generic --------------------------------------------------------------------------------------------------------------

MAPPING = {
    "title": {"path": "$.alert.text"},
    "description": {"path": "$.alert.details[?@.kind == 'long'].text"},
    "severity": {"path": "$.alert.level", "values": {"P1": "critical", "P2": "major"}},
    "dedup_key": {"path": "$.alert.id"},
    "occurred_at": {"path": "$.alert.at"},
    "state": {"path": "$.alert.state", "values": {"failed": "firing", "ok": "resolved"}},
}


def something(state: str = "failed", at: str = STARTED, **changes: Any) -> dict[str, Any]:
    return {
        "alert": {
            "text": "Backup failed",
            "details": [{"kind": "short", "text": "no"}, {"kind": "long", "text": "The disk was full."}],
            "level": "P1",
            "id": 17,
            "at": at,
            "state": state,
        }
        | changes
    }


@pytest.mark.parametrize("order", [("failed", "ok"), ("ok", "failed")])
async def test_a_body_is_read_by_its_mapping_in_any_order(
    later: Desk, agreement: Agreement, order: tuple[str, str]
) -> None:
    source = await a_source(later, agreement, "generic", mapping=MAPPING)
    an_hour_later(later)
    for state in order:
        await source.taken(something(state, STARTED if state == "failed" else ENDED))
    (incident,) = await source.incidents()
    assert (incident["title"], incident["description"]) == ("Backup failed", "The disk was full.")
    assert (incident["severity"], incident["duration_seconds"]) == ("critical", 900)


async def test_a_signed_delivery_is_taken_once_by_its_id(later: Desk, agreement: Agreement) -> None:
    source = await a_source(
        later, agreement, "generic", mapping={"title": {"path": "$.title"}}, signature="standard_webhooks"
    )
    now = datetime.now(UTC)
    body = json.dumps({"title": "Disk full"})

    def signed(message_id: str, at: datetime = now) -> dict[str, str]:
        return {
            "webhook_id": message_id,
            "webhook_timestamp": str(int(at.timestamp())),
            "webhook_signature": Webhook(source.source["secret"]).sign(message_id, at, body),
        }

    first = await source.post(body.encode(), **signed("msg_1"))
    again = await source.post(body.encode(), **signed("msg_1"))
    assert (first.status_code, again.content) == (200, first.content)
    assert len(await source.receipts()) == 1
    problem(await source.post(body.encode(), **signed("msg_2", now - timedelta(minutes=10))), 401)
    problem(await source.post(b'{"title": "Forged"}', **signed("msg_3")), 401)
    assert len(await source.incidents()) == 1


async def test_a_rotated_secret_is_taken_beside_the_one_before_it_for_a_day(later: Desk, agreement: Agreement) -> None:
    source = await a_source(
        later, agreement, "generic", mapping={"title": {"path": "$.title"}}, signature="hmac_sha256"
    )
    body = b'{"title": "Disk full"}'

    def signed(secret: str) -> dict[str, str]:
        return {"x_signature_256": hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()}

    async with later.client(agreement) as client:
        rotated = await client.post(f"/v1/intake-sources/{source.source['source_id']}/rotate-secret")
    assert rotated.json()["previous_secret_valid_until"] == "2026-06-09T09:00:00Z"
    for secret in (source.source["secret"], rotated.json()["secret"]):
        assert (await source.post(body, **signed(secret))).status_code == 200
    later.clock.advance(timedelta(hours=24, seconds=1))
    assert (await source.post(body, **signed(source.source["secret"]))).status_code == 401
    assert (await source.post(body, **signed(rotated.json()["secret"]))).status_code == 200


async def test_a_rotation_that_is_asked_for_twice_leaves_the_sender_the_secret_that_he_has(
    later: Desk, agreement: Agreement
) -> None:
    source = await a_source(
        later, agreement, "generic", mapping={"title": {"path": "$.title"}}, signature="hmac_sha256"
    )
    body = b'{"title": "Disk full"}'

    def signed(secret: str) -> dict[str, str]:
        return {"x_signature_256": hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()}

    path = f"/v1/intake-sources/{source.source['source_id']}/rotate-secret"
    secrets = [source.source["secret"]]
    async with later.client(agreement) as client:
        for _ in range(5):
            secrets.append((await client.post(path)).json()["secret"])
            later.clock.advance(timedelta(hours=1))
        assert "2026-06-09T09:00:00Z" in problem(await client.post(path), 409)["detail"]
    for secret in secrets:
        assert (await source.post(body, **signed(secret))).status_code == 200
    later.clock.advance(timedelta(hours=19, seconds=1))
    taken = [(await source.post(body, **signed(secret))).status_code for secret in secrets]
    assert taken == [401, 200, 200, 200, 200, 200]


async def test_a_secret_outlives_two_changes_of_the_key_when_it_is_sealed_again_and_else_says_what_to_do(
    later: Desk, agreement: Agreement, make_desk: Callable[..., Desk]
) -> None:
    how: dict[str, Any] = {"mapping": {"title": {"path": "$.title"}}, "signature": "hmac_sha256"}
    source = await a_source(later, agreement, "generic", **how)
    body = b'{"title": "Disk full"}'
    signature = hmac.new(source.source["secret"].encode(), body, hashlib.sha256).hexdigest()
    async with later.client(agreement) as client:  # so that it is the one before the previous
        for _ in range(2):
            await client.post(f"/v1/intake-sources/{source.source['source_id']}/rotate-secret")
    source.desk = make_desk(later.urls, secret_key="n" * 32)
    assert "Give the source a new one" in problem(await source.post(body, x_signature_256=signature), 503)["detail"]
    assert [receipt["status"] for receipt in await source.receipts()] == [503]
    changed = IncidentsSettings.model_validate(
        later.runtime.settings.model_dump() | {"secret_key": "n" * 32, "previous_secret_key": "k" * 32}
    )
    assert await SERVICE.commands["reseal-secrets"]([], changed) == 0
    assert (await source.post(body, x_signature_256=signature)).status_code == 200


async def test_a_dry_run_shows_what_would_come_of_a_body_and_changes_nothing(later: Desk, agreement: Agreement) -> None:
    source = await a_source(later, agreement, "generic", mapping=MAPPING)
    path = f"/v1/intake-sources/{source.source['source_id']}/dry-run"
    async with later.client(agreement) as client:
        tried = await client.post(path, json={"body": something()})
        (signal,) = tried.json()["signals"]
        assert (signal["title"], signal["severity"], signal["key"]) == ("Backup failed", "critical", "17")
        assert (signal["state"], signal["fired_at"]) == ("firing", STARTED)
        wrong = problem(await client.post(path, json={"body": something("broken")}), 422, "#/body")
        assert "'broken'" in wrong["detail"]
    assert await source.incidents() == []
    assert await source.receipts() == []


@pytest.mark.parametrize(
    ("changes", "pointer"),
    [
        ({"mapping": {"title": {"path": "$.["}}}, "#/mapping/title/path"),
        ({"mapping": {"title": {"path": "title"}}}, "#/mapping/title/path"),
        ({"mapping": {}}, "#"),
        ({"mapping": {"title": {"path": "$.a"}, "colour": {"path": "$.b"}}}, "#"),
        ({"mapping": {"title": {"path": "$.a"}, "state": {"path": "$.b", "values": {"x": "burning"}}}}, "#"),
        ({"mapping": {"title": {}}}, "#/mapping/title"),
        ({"kind": "alertmanager", "mapping": {"title": {"path": "$.a"}}}, "#"),
        ({"mapping": MAPPING, "default_severity": "urgent"}, "#/default_severity"),
        ({"mapping": MAPPING, "secret": "x" * 20}, "#"),
        ({"mapping": MAPPING, "callback_url": "https://tickets.example/"}, "#"),
    ],
)
async def test_a_source_that_could_not_work_is_refused_when_it_is_made(
    later: Desk, agreement: Agreement, changes: dict[str, Any], pointer: str
) -> None:
    body = {"contract_id": str(agreement.contract_id), "kind": "generic", "name": "x"} | changes
    async with later.client(agreement) as client:
        refused = problem(await client.post("/v1/intake-sources", json=body), 422)
    assert [error["pointer"] for error in refused["errors"]] == [pointer]


async def test_a_path_that_works_for_ever_is_interrupted(later: Desk, agreement: Agreement) -> None:
    source = await a_source(later, agreement, "generic", mapping={"title": {"path": "$..[?count($..*) > 0]..*"}})
    body = {"x": [{"y": [1] * 50}] * 200}
    refused = problem(await source.post(body), 422)
    assert "too much work" in refused["detail"]


# What is wrong --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "status", "pointer"),
    [
        (b"{", 400, None),
        (b"\xff", 400, None),
        (b'{"title": NaN}', 400, None),
        (b"[" * 100_000, 400, None),
        (b"[]", 422, "#"),
        (b'{"version": "3"}', 422, "#/version"),
        (b'{"version": "4", "alerts": {}}', 422, "#/alerts"),
        (b'{"version": "4", "alerts": [{"status": "on"}]}', 422, "#/alerts/0/status"),
        (b'{"version": "4", "alerts": [{"status": "firing", "fingerprint": 1}]}', 422, "#/alerts/0/fingerprint"),
        (
            b'{"version": "4", "alerts": [{"status": "firing", "startsAt": "soon"}]}',
            422,
            "#/alerts/0/startsAt",
        ),
        (b'{"version": "4", "alerts": [{"status": "firing", "annotations": {"summary": "\\u0000"}}]}', 422, None),
    ],
)
async def test_a_bad_delivery_says_what_is_wrong_and_leaves_a_receipt(
    later: Desk, agreement: Agreement, body: bytes, status: int, pointer: str | None
) -> None:
    source = await a_source(later, agreement, "alertmanager")
    refused = problem(await source.post(body), status, pointer)
    (receipt,) = await source.receipts()
    assert (receipt["outcome"], receipt["status"]) == ("refused", status)
    assert receipt["error"] == refused["detail"]
    assert await source.incidents() == []


async def test_one_bad_alert_of_a_group_opens_none(later: Desk, agreement: Agreement) -> None:
    source = await a_source(later, agreement, "alertmanager")
    problem(await source.post(a_group(an_alert(), an_alert("on"))), 422)
    assert await source.incidents() == []


async def test_a_receipt_shows_no_secret(later: Desk, agreement: Agreement) -> None:
    source = await a_source(later, agreement, "generic", mapping={"title": {"path": "$.title"}})
    await source.taken({"title": "x", "password": "hunter2hunter2", "url": "https://u:sesame1@db.example/"})
    (receipt,) = await source.receipts()
    assert "hunter2" not in receipt["excerpt"]
    assert "sesame1" not in receipt["excerpt"]


async def test_an_address_that_nobody_gave_out_is_a_404_and_a_rotated_one_too(
    later: Desk, agreement: Agreement
) -> None:
    source = await a_source(later, agreement, "alertmanager")
    old = dict(source.source)
    async with later.client(agreement) as client:
        rotated = (await client.post(f"/v1/intake-sources/{old['source_id']}/rotate-address")).json()
    problem(await source.post(a_group()), 404)
    source.source = old | rotated
    assert await source.taken(a_group()) == []
    for path in ("/v1/intake/" + "x" * 32, "/v1/intake/held", "/v1/intake/short"):
        source.source = old | {"path": path}
        problem(await source.post(a_group()), 404)


async def test_nothing_of_a_mail_to_an_address_that_nobody_gave_out_is_taken_in(
    later: Desk, agreement: Agreement
) -> None:
    source = await a_source(later, agreement, "mail")
    taken = 0

    async def mail() -> AsyncIterator[bytes]:
        nonlocal taken
        for piece in (b"From: ada@client.example\r\nSubject: It is broken\r\n\r\n", b"The shop is empty.\r\n"):
            taken += 1
            yield piece

    transport = httpx.ASGITransport(app=later.app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://incidents.test") as stranger:
        how = {"Content-Type": "message/rfc822"}
        for nowhere in ("x" * 32, "short"):
            problem(await stranger.post(f"/v1/intake/{nowhere}", content=mail(), headers=how), 404)
        assert taken == 0
        assert (await stranger.post(source.source["path"], content=mail(), headers=how)).status_code == 200
        assert taken == 2


async def test_whoever_sends_too_much_is_braked(later: Desk, agreement: Agreement) -> None:
    source = await a_source(later, agreement, "alertmanager")
    later.app.state.intake_brake = Brake(2)
    answers = [await source.post(a_group()) for _ in range(3)]
    assert [answer.status_code for answer in answers] == [200, 200, 429]
    assert answers[-1].headers["retry-after"] == "30"


async def test_a_source_that_is_switched_off_takes_nothing(later: Desk, agreement: Agreement) -> None:
    source = await a_source(later, agreement, "alertmanager")
    path = f"/v1/intake-sources/{source.source['source_id']}"
    async with later.client(agreement) as client:
        problem(await client.patch(path, json={"enabled": False}), 428)
        changed = await client.patch(path, json={"enabled": False}, headers={"If-Match": '"1"'})
        assert (changed.status_code, changed.json()["enabled"]) == (200, False)
        problem(await client.patch(path, json={"enabled": True}, headers={"If-Match": '"1"'}), 412)
    problem(await source.post(a_group(an_alert())), 409)


async def test_no_secret_and_no_address_is_stored_or_shown_again(later: Desk, agreement: Agreement) -> None:
    source = await a_source(
        later, agreement, "generic", mapping={"title": {"path": "$.title"}}, signature="standard_webhooks"
    )
    async with later.client(agreement) as client:
        shown = (await client.get(f"/v1/intake-sources/{source.source['source_id']}")).text
    stored = str(await later.rows("select * from incidents.intake_source"))
    for secret in (source.source["token"], source.source["secret"]):
        assert secret not in shown
        assert secret not in stored


async def test_sources_are_the_agencys_alone(later: Desk, agreement: Agreement) -> None:
    source = await a_source(later, agreement, "alertmanager")
    own = f"/v1/intake-sources/{source.source['source_id']}"
    async with later.client(agreement, "client_decider") as client:
        for path in ("/v1/intake-sources", own, f"{own}/receipts", f"{own}/mappings", "/v1/intake-held", "/v1/calls"):
            problem(await client.get(path), 403)
    async with later.client(agreement, tenant_id=new_id()) as stranger:
        assert (await stranger.get("/v1/intake-sources")).json()["data"] == []
        for path in (own, f"{own}/receipts", f"{own}/mappings"):
            problem(await stranger.get(path), 404)
        body = {"contract_id": str(agreement.contract_id), "kind": "alertmanager", "name": "x"}
        problem(await stranger.post("/v1/intake-sources", json=body), 404, "#/contract_id")


async def test_a_deleted_source_leaves_its_incidents(later: Desk, agreement: Agreement) -> None:
    source = await a_source(later, agreement, "alertmanager")
    await source.taken(a_group(an_alert()))
    path = f"/v1/intake-sources/{source.source['source_id']}"
    async with later.client(agreement) as client:
        assert (await client.delete(path, headers={"If-Match": "*"})).status_code == 204
        problem(await client.get(path), 404)
    assert len(await source.incidents()) == 1
    problem(await source.post(a_group(an_alert())), 404)


# The telephone --------------------------------------------------------------------------------------------------------


@pytest.fixture
def a_call(agreement: Agreement) -> Callable[..., dict[str, Any]]:
    def call(**changes: Any) -> dict[str, Any]:
        return {
            "contract_id": str(agreement.contract_id),
            "caller": "Léa Martin",
            "number": "+33 1 23 45 67 89",
            "called_at": "2026-06-08T08:15:00Z",
            "notes": "Paying by card ends on a blank page.",
        } | changes

    return call


@pytest.mark.capability("I08", "I41")
async def test_a_logged_call_starts_the_response_clock_at_the_time_of_the_call(
    desk: Desk, agreement: Agreement, a_call: Callable[..., dict[str, Any]]
) -> None:
    await desk.activate(agreement)
    opens = {"title": "Checkout shows an error", "severity": "critical"}
    async with desk.client(agreement) as client:
        logged = await client.post("/v1/calls", json=a_call(opens=opens))
        assert logged.status_code == 201, logged.text
        call = logged.json()
        assert (await client.get(logged.headers["location"])).json() == call
        assert (await client.get("/v1/calls")).json()["data"] == [call]
        timeline = (await client.get(f"/v1/incidents/{call['incident_id']}/timeline")).json()["data"]
    incident = await desk.only_incident(agreement)
    response = next(clock for clock in incident["clocks"] if clock["metric"] == "response")
    assert response["due_at"] == "2026-06-08T08:45:00Z"
    assert incident["source"]["kind"] == "person"
    (entry,) = [entry for entry in timeline if entry["kind"] == "call"]
    assert (entry["at"], entry["data"]["caller"], entry["source"]) == ("2026-06-08T08:15:00Z", "Léa Martin", "phone")


@pytest.mark.parametrize(
    ("called_at", "within"), [("2026-06-08T08:15:00Z", True), ("2026-06-07T10:00:00Z", False)], ids=["Monday", "Sunday"]
)
async def test_a_call_notes_whether_the_hotline_was_open(
    desk: Desk, agreement: Agreement, a_call: Callable[..., dict[str, Any]], called_at: str, within: bool
) -> None:
    calendars = {
        "support": [{"effective_from": None, "calendar": ALWAYS}],
        "hotline": [{"effective_from": None, "calendar": PARIS_OFFICE}],
    }
    await desk.activate(agreement, calendars=calendars, service_desk={"hotline_calendar": "hotline"})
    async with desk.client(agreement) as client:
        logged = (await client.post("/v1/calls", json=a_call(called_at=called_at))).json()
    assert (logged["calendar"], logged["within_hours"], logged["incident_id"]) == ("hotline", within, None)


async def test_a_call_may_be_about_an_item_that_is_there(
    desk: Desk, agreement: Agreement, a_call: Callable[..., dict[str, Any]]
) -> None:
    await desk.activate(agreement)
    await desk.break_down(agreement)
    incident = await desk.only_incident(agreement)
    body = a_call(incident_id=incident["incident_id"], called_at="2026-06-08T08:59:30Z")
    async with desk.client(agreement) as client:
        logged = (await client.post("/v1/calls", json=body)).json()
        problem(await client.post("/v1/calls", json=a_call(incident_id=str(new_id()))), 404, "#/incident_id")
    assert (logged["incident_id"], logged["opened_item"]) == (incident["incident_id"], False)
    assert await desk.only_incident(agreement) == incident


@pytest.mark.parametrize("called_at", ["2026-06-08T09:00:01Z", "2025-06-01T00:00:00Z"])
async def test_a_call_of_another_time_is_refused(
    desk: Desk, agreement: Agreement, a_call: Callable[..., dict[str, Any]], called_at: str
) -> None:
    await desk.activate(agreement)
    async with desk.client(agreement) as client:
        problem(await client.post("/v1/calls", json=a_call(called_at=called_at)), 422, "#/called_at")
