"""An outage is decided to be somebody else's: by two people, with a reason, and both figures stay and are shown."""

import csv
import io
import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest
from sqlalchemy import text

from reporting.application.period_measure import digest
from reporting.domain.subscriptions import is_internal
from reporting.jobs.measure_months import MeasureMonths
from shared.auth import TokenVerifier
from shared.ids import new_id
from shared.testing.tokens import TokenMint

from .test_report_contents import issue

MIDNIGHT = datetime(2026, 6, 30, 22, 0, tzinfo=UTC)
"""The end of June in Paris."""
SINCE = datetime(2026, 6, 20, 8, 0, tzinfo=UTC)
BACK = SINCE + timedelta(hours=3)
LATER = MIDNIGHT + timedelta(days=2)
JUNE = {"from": "2026-05-31T22:00:00Z", "to": "2026-06-30T22:00:00Z"}
NADIA: dict[str, Any] = {"role": "operator", "subject": str(new_id()), "name": "Nadia Benali"}
PAUL: dict[str, Any] = {"role": "owner", "subject": str(new_id()), "name": "Paul Garnier"}
WHY = "The host confirmed that its network was down."


async def outbox(service: Any) -> list[dict[str, Any]]:
    """Every event that was said, in its order."""
    async with service.runtime.units.for_every_tenant() as unit:
        query = "select envelope::text from reporting.outbox order by id"
        return [json.loads(row[0]) for row in await unit.session.execute(text(query))]


async def told(service: Any) -> list[dict[str, Any]]:
    """What was said of June, in its order."""
    while await MeasureMonths(service.runtime.units).run() == 0.0:
        pass
    return [each["data"] for each in await outbox(service) if each["data"].get("month") == "2026-06-01"]


@pytest.fixture
async def outage_id(service: Any, story: Any) -> str:
    """Three hours of June, which is over, in which the site was down."""
    outage = new_id()
    await service.hear(*story.golden_june(), story.down(outage, SINCE), story.recovered(outage, SINCE, BACK))
    service.clock.set(LATER)
    return str(outage)


async def propose(service: Any, story: Any, outage_id: str, **how: Any) -> Any:
    body = {"outage_id": outage_id, "category": "third_party", "reason": WHY} | how.pop("body", {})
    async with service.client(story, **(NADIA | how)) as client:
        return await client.post(f"/v1/contracts/{story.contract_id}/outage-decisions", json=body)


async def step(service: Any, story: Any, who: dict[str, Any], decision: dict[str, Any], act: str, **body: Any) -> Any:
    async with service.client(story, **who) as client:
        return await client.post(
            f"/v1/outage-decisions/{decision['outage_decision_id']}/{act}",
            json=body,
            headers={"If-Match": f'"{decision["version"]}"'},
        )


async def decided(service: Any, story: Any, outage_id: str, **body: Any) -> dict[str, Any]:
    proposed = (await propose(service, story, outage_id, body=body)).json()
    service.clock.advance(timedelta(hours=1))
    answer = await step(service, story, PAUL, proposed, "approve")
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


async def uptime(service: Any, story: Any, **query: str) -> dict[str, Any]:
    async with service.client(story) as client:
        answer = await client.get(f"/v1/contracts/{story.contract_id}/availability", params=JUNE | query)
    assert answer.status_code == 200, answer.text
    return dict(answer.json()["uptime"])


def counted(section: dict[str, Any]) -> dict[str, Any]:
    (figure,) = [each for each in section["figures"] if each["counts_for_sla"]]
    return dict(figure)


async def test_nobody_decides_on_what_decides_no_figure_itself(service: Any, story: Any, outage_id: str) -> None:
    beside, untrusted = replace(story, monitor_id=new_id(), measures_availability=False), new_id()
    await service.hear(beside.down(untrusted, SINCE), beside.recovered(untrusted, SINCE, BACK))
    refused = await propose(service, story, str(untrusted))
    assert refused.status_code == 422
    (error,) = refused.json()["errors"]
    assert error["pointer"] == "#/outage_id"
    assert "does not measure whether the site can be reached" in error["detail"]
    assert (await propose(service, story, outage_id)).status_code == 201


async def test_where_nothing_is_promised_every_outage_can_be_decided_on_as_every_one_is_told(
    service: Any, story: Any
) -> None:
    beside, untrusted = replace(story, staging_monitor_id=new_id(), measures_availability=False), new_id()
    await service.hear(*story.golden_june(), beside.down(untrusted, SINCE, staging=True))
    await service.hear(beside.recovered(untrusted, SINCE, BACK, staging=True))
    service.clock.set(LATER)
    decision = await decided(service, story, str(untrusted))
    section = await uptime(service, story)
    assert [each["outage_decision_id"] for each in section["decisions"]] == [decision["outage_decision_id"]]


async def test_a_decision_of_two_people_changes_the_figure_and_the_one_before_stands_beside_it(
    service: Any, story: Any, outage_id: str
) -> None:
    before = await uptime(service, story)
    assert (before["met"], counted(before)["down_seconds"], before["decisions"]) == (False, 900 + 3 * 3600, [])
    proposed = await propose(service, story, outage_id)
    assert proposed.status_code == 201, proposed.text
    assert (proposed.json()["status"], proposed.json()["from"]) == ("proposed", "2026-06-20T08:00:00Z")
    assert await uptime(service, story) == before
    decision = await decided(service, story, outage_id)
    after = await uptime(service, story)
    figure = counted(after)
    assert (after["met"], after["met_as_measured"], figure["met"]) == (True, False, True)
    assert (figure["down_seconds"], figure["paused_seconds"]) == (900, 3 * 3600)
    assert figure["denominator_seconds"] == 30 * 86_400 - 3 * 3600
    measured = figure["as_measured"]
    assert measured == {key: counted(before)[key] for key in measured}
    (line,) = after["decisions"]
    assert line == {
        "outage_decision_id": decision["outage_decision_id"],
        "outage_id": outage_id,
        "category": "third_party",
        "from": "2026-06-20T08:00:00Z",
        "to": "2026-06-20T11:00:00Z",
        "reason": WHY,
        "proposed_by": "Nadia Benali",
        "approved_by": "Paul Garnier",
        "approved_at": "2026-07-02T23:00:00Z",
    }
    (span,) = [each for each in figure["explanation"] if each["outage_decision_id"] is not None]
    assert (span["state"], span["outage_id"], span["reason"]) == ("paused", outage_id, "third_party")
    assert len(span["event_ids"]) == 2


async def test_whoever_asks_what_was_known_before_the_approval_is_told_the_figure_of_then(
    service: Any, story: Any, outage_id: str
) -> None:
    before = await uptime(service, story)
    decision = await decided(service, story, outage_id)
    assert await uptime(service, story, known_at="2026-07-02T22:59:59Z") == before
    assert counted(await uptime(service, story, known_at=decision["approved_at"]))["met"] is True
    async with service.client(story) as client:
        report = f"/v1/contracts/{story.contract_id}/reports/2026-06"
        then = (await client.get(report, params={"as_of": "2026-07-02T22:59:59Z"})).json()
        now = (await client.get(report)).json()
        future = await client.get(
            f"/v1/contracts/{story.contract_id}/availability", params=JUNE | {"known_at": "2026-07-09T00:00:00Z"}
        )
    assert (then["uptime"]["met"], now["uptime"]["met"], now["uptime"]["met_as_measured"]) == (False, True, False)
    # What happened stays: the report tells how long the site was away, whoever answers for it.
    assert now["incidents"] == then["incidents"]
    assert future.status_code == 422


async def test_the_report_shows_both_figures_and_who_decided_in_french_and_english(
    service: Any, story: Any, outage_id: str
) -> None:
    await decided(service, story, outage_id)
    pages = {}
    async with service.client(story) as client:
        for language in ("fr", "en"):
            answer = await client.get(
                f"/v1/contracts/{story.contract_id}/reports/2026-06/html", params={"lang": language}
            )
            pages[language] = answer.text.replace("\u202f", " ").replace("\xa0", " ")
    for language, figures in (("fr", ("99,97 %", "99,55 %")), ("en", ("99.97%", "99.55%"))):
        assert all(figure in pages[language] for figure in (*figures, WHY, "Nadia Benali", "Paul Garnier"))
    assert "as it was measured" in pages["en"]
    assert "telle que mesurée" in pages["fr"]


async def test_a_decision_that_changes_no_figure_is_an_edition_of_its_own_that_names_it(
    service: Any, story: Any, outage_id: str
) -> None:
    """Another category that counts the same: what the month rests on is otherwise, and the client is told."""
    await decided(service, story, outage_id)
    await issue(service)
    second = await decided(service, story, outage_id, category="client_caused")
    await issue(service)
    async with service.client(story) as client:
        address = f"/v1/contracts/{story.contract_id}/reports/2026-06/editions"
        first, newest = (await client.get(address)).json()["data"]
        table = (await client.get(f"{address}/2/csv")).text
        pages = [(await client.get(f"{address}/2/html", params={"lang": each})).text for each in ("fr", "en")]
    assert (first["reason"], newest["reason"]) == ("scheduled", "correction")
    changed = {(each["subject"], each["measure"]): (each["before"], each["after"]) for each in newest["changes"]}
    assert changed["decision", "listed"] in {("third_party", None), (None, "client_caused")}
    assert second["outage_decision_id"] in {each["id"] for each in newest["changes"]}
    measures = {line["measure"]: line["value"] for line in csv.DictReader(io.StringIO(table))}
    assert measures["met_as_measured"] == "false"
    assert measures["uptime_percent_as_measured"].startswith("99.5")
    assert measures["approved_by"] == "Paul Garnier"
    for page, words in zip(pages, ("Causée par le client", "Caused by the client"), strict=True):
        assert words in page


async def test_a_measured_month_is_told_again_with_both_figures_and_again_when_the_decision_is_withdrawn(
    service: Any, story: Any, outage_id: str
) -> None:
    (june,) = await told(service)
    assert (june["version"], june["met"], june["decisions"]) == (1, False, [])
    decision = await decided(service, story, outage_id)
    _, again = await told(service)
    figure = counted(again)
    assert (again["version"], again["met"], again["met_as_measured"]) == (2, True, False)
    assert (figure["numerator"], figure["denominator"]) == (30 * 86_400 - 3 * 3600 - 900, 30 * 86_400 - 3 * 3600)
    was = figure["as_measured"]
    assert {key: counted(june)[key] for key in was} == was
    assert (
        figure["outage_decision_ids"]
        == [decision["outage_decision_id"]]
        == [each["outage_decision_id"] for each in again["decisions"]]
    )
    assert again["content_hash"] == digest({k: v for k, v in again.items() if k not in ("version", "content_hash")})
    assert len(await told(service)) == 2
    doubted = await step(service, story, PAUL, decision, "withdraw", reason="It was our firewall.")
    assert (doubted.status_code, doubted.json()["status"]) == (200, "withdrawal_proposed")
    assert len(await told(service)) == 2
    owner = PAUL | {"subject": str(new_id()), "name": "Zoé Petit"}
    withdrawn = (await step(service, story, owner, doubted.json(), "approve")).json()
    assert [each["act"] for each in withdrawn["steps"]] == [
        "proposed",
        "approved",
        "withdrawal_proposed",
        "withdrawn",
    ]
    (said,) = [each for each in await outbox(service) if "outage_decision.withdrawn" in each["type"]]
    assert [each["act"] for each in said["data"]["steps"]] == ["proposed", "approved", "withdrawn"]
    assert "firewall" not in str(said)
    assert said["data"]["withdrawn_at"] is not None
    assert not is_internal("reporting.outage_decision.withdrawn.v1", said["data"])
    third = (await told(service))[-1]
    assert (third["version"], third["met"], third["decisions"]) == (3, False, [])
    assert counted(third)["down_units"] == counted(june)["down_units"]


async def test_agreed_maintenance_counts_as_the_rule_of_the_contract_says_and_only_the_part_that_was_agreed_on(
    service: Any, another_story: Callable[..., Any]
) -> None:
    story = another_story(
        rule={
            "minimum_outage": "PT0S",
            "whole_minutes": False,
            "maintenance": "up",
            "unknown": "exclude",
            "degraded_weight": "0",
            "service_window": None,
        }
    )
    outage = new_id()
    await service.hear(*story.golden_june(), story.down(outage, SINCE), story.recovered(outage, SINCE, BACK))
    service.clock.set(LATER)
    await decided(service, story, str(outage), category="agreed_maintenance", to="2026-06-20T10:00:00Z")
    figure = counted(await uptime(service, story))
    assert (figure["down_seconds"], figure["maintenance_seconds"]) == (900 + 3600, 2 * 3600)
    assert figure["denominator_seconds"] == 30 * 86_400


async def test_a_part_of_an_outage_that_crosses_the_end_of_the_month_changes_the_month_whose_rule_forgives_short_ones(
    service: Any, another_story: Callable[..., Any]
) -> None:
    story = another_story(
        rule={
            "minimum_outage": "PT10M",
            "whole_minutes": False,
            "maintenance": "exclude",
            "unknown": "exclude",
            "degraded_weight": "0",
            "service_window": None,
        }
    )
    outage, since = new_id(), MIDNIGHT - timedelta(minutes=5)
    back = MIDNIGHT + timedelta(minutes=20)
    await service.hear(*story.golden_june(), story.down(outage, since), story.recovered(outage, since, back))
    service.clock.set(LATER)
    (june,) = await told(service)
    assert counted(june)["down_units"] == 600 + 300
    await decided(service, story, str(outage), **{"from": "2026-06-30T22:00:00Z"})
    _, again = await told(service)
    assert counted(again)["down_units"] == 600
    assert counted(again)["as_measured"]["down_units"] == 900


async def test_nobody_decides_alone_or_without_being_entitled_or_on_what_he_has_not_read(
    service: Any, story: Any, outage_id: str
) -> None:
    client_of = {"client_id": story.client_id}
    for who in ({"role": "viewer"}, {"role": "client_decider", **client_of}, {"role": "client_staff", **client_of}):
        assert (await propose(service, story, outage_id, **who)).status_code == 403
    proposed = (await propose(service, story, outage_id, **PAUL)).json()
    alone = await step(service, story, PAUL, proposed, "approve")
    assert (alone.status_code, "Somebody else" in alone.json()["detail"]) == (409, True)
    assert (await step(service, story, NADIA, proposed, "approve")).status_code == 403
    owner = PAUL | {"subject": str(new_id())}
    assert (await step(service, story, owner, proposed | {"version": 7}, "approve")).status_code == 412
    async with service.client(story, **owner) as client:
        blind = await client.post(f"/v1/outage-decisions/{proposed['outage_decision_id']}/approve", json={})
    assert blind.status_code == 428
    declined = await step(service, story, NADIA, proposed, "decline", reason="The host denies it.")
    assert declined.json()["status"] == "declined"
    late = await step(service, story, owner, declined.json(), "approve")
    assert late.status_code == 409
    assert counted(await uptime(service, story))["as_measured"] is None


async def test_an_owner_with_a_programs_key_is_not_two_people(service: Any, story: Any, outage_id: str) -> None:
    program = PAUL | {"kind": "api_key", "subject": str(new_id()), "name": "Paul's script"}
    refused = await propose(service, story, outage_id, **program)
    assert (refused.status_code, "a program's" in refused.json()["detail"]) == (409, True)
    proposed = (await propose(service, story, outage_id, **PAUL)).json()
    for act, said in (("approve", {}), ("decline", {"reason": "No."})):
        refused = await step(service, story, program, proposed, act, **said)
        assert (refused.status_code, "a program's" in refused.json()["detail"]) == (409, True)
    other = PAUL | {"subject": str(new_id()), "name": "Zoé Petit"}
    approved = (await step(service, story, other, proposed, "approve")).json()
    refused = await step(service, story, program, approved, "withdraw", reason="No.")
    assert refused.status_code == 409
    assert counted(await uptime(service, story))["met"] is True


async def test_whoever_proposed_with_a_key_of_his_own_does_not_approve_by_single_sign_on(
    service: Any, story: Any, outage_id: str
) -> None:
    proposed = (await propose(service, story, outage_id, **PAUL)).json()
    sign_on = TokenMint(service.clock, issuer="https://sso.agency.test")
    issuers = [mint.as_issuer() for mint in (service.tokens, sign_on)]
    service.app.state.verifier = TokenVerifier(issuers, service.clock)
    with_sign_on = replace(service, tokens=sign_on)
    refused = await step(with_sign_on, story, PAUL | {"subject": "paul"}, proposed, "approve")
    assert (refused.status_code, "single sign-on" in refused.json()["detail"]) == (409, True)
    other = PAUL | {"subject": str(new_id()), "name": "Zoé Petit"}
    assert (await step(service, story, other, proposed, "approve")).json()["status"] == "approved"


@pytest.mark.parametrize(
    ("body", "status", "pointer"),
    [
        ({"reason": ""}, 422, "/reason"),
        ({"category": "bad_luck"}, 422, "/category"),
        ({"from": "2026-06-20T07:59:59Z"}, 422, "/from"),
        ({"from": "2026-06-20T10:00:00Z", "to": "2026-06-20T10:00:00Z"}, 422, "/from"),
        ({"outage_id": "0198f000-0000-7000-8000-00000000dead"}, 422, "/outage_id"),
        ({"approve": True}, 422, "/approve"),
    ],
)
async def test_a_proposal_that_makes_no_sense_is_refused_with_its_field(
    service: Any, story: Any, outage_id: str, body: dict[str, Any], status: int, pointer: str
) -> None:
    answer = await propose(service, story, outage_id, body=body)
    assert answer.status_code == status, answer.text
    assert [error["pointer"] for error in answer.json()["errors"]] == [f"#{pointer}"]


async def test_an_outage_that_goes_on_is_not_decided_on_and_a_contract_that_is_not_there_is_not_found(
    service: Any, story: Any, outage_id: str, another_story: Callable[..., Any]
) -> None:
    going_on = new_id()
    await service.hear(story.down(going_on, LATER - timedelta(minutes=5)))
    assert (await propose(service, story, str(going_on))).status_code == 409
    since = (going_on, LATER - timedelta(minutes=5))
    await service.hear(story.unknown(LATER - timedelta(minutes=3), reason="no_fresh_result", outage=since))
    unseen = await propose(service, story, str(going_on))
    assert (unseen.status_code, unseen.json()["detail"]) == (
        409,
        "The outage was not seen to end. Propose what it counts as once it is over.",
    )
    await service.hear(story.recovered(*since, LATER - timedelta(minutes=1)))
    assert (await propose(service, story, str(going_on))).json()["to"] == "2026-07-02T21:59:00Z"
    stranger = another_story()
    async with service.client(stranger) as client:
        path = f"/v1/contracts/{story.contract_id}/outage-decisions"
        body = {"outage_id": outage_id, "category": "third_party", "reason": WHY}
        assert (await client.post(path, json=body)).status_code == 404


async def test_the_same_request_twice_is_one_proposal(service: Any, story: Any, outage_id: str) -> None:
    body = {"outage_id": outage_id, "category": "third_party", "reason": WHY}
    async with service.client(story, **NADIA) as client:
        path, key = f"/v1/contracts/{story.contract_id}/outage-decisions", {"Idempotency-Key": "again"}
        first, second = [await client.post(path, json=body, headers=key) for _ in range(2)]
        listed = (await client.get("/v1/outage-decisions", params={"outage_id": outage_id})).json()["data"]
    assert (first.status_code, second.status_code) == (201, 201)
    assert [each["outage_decision_id"] for each in listed] == [first.json()["outage_decision_id"]]
    assert second.headers["Idempotency-Replayed"] == "true"


async def test_a_client_reads_what_was_agreed_to_and_nothing_of_what_is_only_proposed(
    service: Any, story: Any, outage_id: str
) -> None:
    proposed = (await propose(service, story, outage_id)).json()
    decider = {"role": "client_decider", "client_id": story.client_id}

    async def seen(**query: str) -> list[str]:
        async with service.client(story, **decider) as client:
            found = (await client.get("/v1/outage-decisions", params=query)).json()["data"]
            one = await client.get(f"/v1/outage-decisions/{proposed['outage_decision_id']}")
        assert (one.status_code == 200) == bool(found or query)
        return [each["status"] for each in found]

    assert await seen() == []
    approved = (await step(service, story, PAUL, proposed, "approve")).json()
    assert await seen() == ["approved"]
    await step(service, story, PAUL, approved, "withdraw", reason="Doubts.")
    assert await seen() == ["approved"] == await seen(status="approved")
    assert await seen(status="withdrawal_proposed") == []


async def test_the_public_page_goes_on_telling_what_visitors_met(service: Any, story: Any, outage_id: str) -> None:
    proposed = (await propose(service, story, outage_id)).json()
    async with service.client() as client:
        before = (await client.get(f"/status/{story.slug}.json")).json()
        approved = await step(service, story, PAUL, proposed, "approve")
        after = (await client.get(f"/status/{story.slug}.json")).json()
    assert outage_id in str(before)
    assert approved.json()["status"] == "approved"
    assert after == before


async def test_every_step_is_an_event_and_stays_even_against_our_own_faults(
    service: Any, story: Any, outage_id: str
) -> None:
    decision = await decided(service, story, outage_id)
    events = await outbox(service)
    of_it = [each for each in events if each["data"].get("outage_decision_id") == decision["outage_decision_id"]]
    assert [each["type"].rpartition("reporting.")[2] for each in of_it] == [
        "outage_decision.proposed.v1",
        "outage_decision.approved.v1",
    ]
    assert of_it[1]["data"]["steps"][1]["by"] == {"kind": "user", "id": PAUL["subject"], "name": "Paul Garnier"}
    records = [each["data"] for each in events if each["data"].get("operation") == "approve_outage_decision"]
    assert [(each["outcome"], each["version_before"], each["version_after"]) for each in records] == [("done", 1, 2)]
    forbidden = (
        "update reporting.outage_decision_step set reason = 'x'",
        "delete from reporting.outage_decision_step",
        "update reporting.outage_decision set starts_at = ends_at",
        "delete from reporting.outage_decision",
    )
    with psycopg.connect(service.urls.app) as connection:
        for statement in forbidden:
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                connection.execute(statement)
            connection.rollback()
