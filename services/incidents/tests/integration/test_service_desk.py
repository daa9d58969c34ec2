"""What is done to items of any kind: post-mortems, ranks, quotas, levels of support, links, merges, many at once."""

import asyncio
import json
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
import pytest
from sqlalchemy import text

from incidents.adapters.defaults import incidents_settings
from incidents.adapters.repository import SqlItems
from incidents.domain.work_item import WorkItem
from incidents.jobs.cover import AgencyMail
from shared.ids import new_id

from .conftest import PLAIN_DESK, Agreement, Desk
from .test_api import a_report, problem

TIERS = Path(__file__).parents[4] / "services/contracts/src/contracts/application/fixtures/tiers.json"
"""The tiers that contracts ships; what a tier says of the desk is in every contract that is made from it."""


async def reported(client: httpx.AsyncClient, agreement: Agreement, **changes: Any) -> str:
    created = await client.post("/v1/incidents", json=a_report(agreement, occurred_at=None, **changes))
    assert created.status_code == 201, created.text
    return str(created.json()["incident_id"])


POST_MORTEM = {"summary": "Down.", "course": "-", "causes": "A full disk.", "went_well": "-", "went_badly": "-"}


@pytest.mark.capability("I25")
async def test_an_incident_of_that_severity_does_not_close_without_its_post_mortem(
    desk: Desk, agreement: Agreement
) -> None:
    await desk.activate(
        agreement,
        service_desk={
            "targets": [{"severity": "critical", "mitigation": "PT2H"}],
            "post_mortem": {"severities": ["critical"], "due": "PT40H"},
        },
    )
    async with desk.client(agreement) as client:
        incident_id = await reported(client, agreement, severity="critical")
        path = f"/v1/incidents/{incident_id}"
        finished = POST_MORTEM | {"item_id": incident_id, "completed_at": "2026-06-08T09:00:00Z"}
        problem(await client.post("/v1/post-mortems", json=finished), 409)
        draft = (await client.post("/v1/post-mortems", json=POST_MORTEM | {"item_id": incident_id})).json()
        desk.clock.advance(timedelta(hours=1))
        mitigated = (await client.post(f"{path}/mitigate")).json()
        desk.clock.advance(timedelta(hours=1))
        resolved = (await client.post(f"{path}/resolve")).json()
        # Containing the damage and repairing it are two promises with two clocks.
        assert [(c["metric"], c["verdict"], c["elapsed_seconds"]) for c in resolved["clocks"]] == [
            ("response", "breached", 3600),
            ("mitigation", "met", 3600),
            ("repair", "met", 7200),
            ("post_mortem", None, 0),
        ]
        assert mitigated["clocks"][2]["verdict"] is None
        kept_open = problem(await client.post(f"{path}/close"), 409)["reasons"]
        assert [reason["reason"] for reason in kept_open] == ["missing_post_mortem"]
        desk.clock.advance(timedelta(hours=2))
        written = f"/v1/post-mortems/{draft['post_mortem_id']}"
        too_early = POST_MORTEM | {"completed_at": "2026-06-08T10:59:59Z"}
        refused = problem(await client.put(written, json=too_early, headers={"If-Match": '"1"'}), 422)
        assert [error["pointer"] for error in refused["errors"]] == ["#/completed_at"]
        completed = POST_MORTEM | {"completed_at": "2026-06-08T13:00:00Z"}
        assert (await client.put(written, json=completed, headers={"If-Match": '"1"'})).status_code == 200
        clock = (await client.get(path)).json()["clocks"][3]
        assert (clock["metric"], clock["verdict"], clock["elapsed_seconds"]) == ("post_mortem", "met", 7200)
        assert (await client.post(f"{path}/close")).json()["status"] == "closed"


async def test_nobody_is_late_with_the_post_mortem_of_what_is_not_resolved_yet(
    desk: Desk, agreement: Agreement
) -> None:
    rule = {"severities": ["critical"], "due": "PT4H"}
    await desk.activate(agreement, service_desk=PLAIN_DESK | {"post_mortem": rule})
    async with desk.client(agreement) as client:
        incident_id = await reported(client, agreement, severity="critical")
        path = f"/v1/incidents/{incident_id}"
        await client.post(f"{path}/resolve")
        desk.clock.advance(timedelta(hours=1))
        await client.post(f"/v1/items/{incident_id}/reopen", json={"reason": "It happens again."})
        desk.clock.advance(timedelta(hours=24))
        await client.post(f"{path}/resolve")
        desk.clock.advance(timedelta(hours=2))
        completed = POST_MORTEM | {"item_id": incident_id, "completed_at": "2026-06-09T12:00:00Z"}
        assert (await client.post("/v1/post-mortems", json=completed)).status_code == 201
        clock = next(c for c in (await client.get(path)).json()["clocks"] if c["metric"] == "post_mortem")
    assert (clock["verdict"], clock["elapsed_seconds"]) == ("met", 3 * 3600)


async def test_a_merge_leaves_no_unowned_risk_behind(desk: Desk, agreement: Agreement) -> None:
    await desk.activate(agreement)
    async with desk.client(agreement) as client:
        one, other = await reported(client, agreement), await reported(client, agreement)
        risk = {"item_id": one, "description": "The provider may fail again."}
        recorded = await client.post("/v1/residual-risks", json=risk)
        assert recorded.status_code == 201, recorded.text
        kept_open = problem(await client.post(f"/v1/items/{one}/merge", json={"into_id": other}), 409)["reasons"]
    assert [reason["reason"] for reason in kept_open] == ["unowned_residual_risk"]


@pytest.mark.capability("I25")
async def test_the_third_incident_of_a_month_needs_a_post_mortem_whatever_its_severity(
    desk: Desk, agreement: Agreement
) -> None:
    await desk.activate(agreement, service_desk={"post_mortem": {"recurrences": 3, "within_days": 30}})
    async with desk.client(agreement) as client:
        closed = []
        for _ in range(3):
            path = f"/v1/incidents/{await reported(client, agreement, severity='minor')}"
            await client.post(f"{path}/resolve")
            closed.append((await client.post(f"{path}/close")).status_code)
            desk.clock.advance(timedelta(hours=1))
    assert closed == [200, 200, 409]


@pytest.mark.capability("I16")
async def test_an_incident_goes_through_its_states_and_each_is_stamped(desk: Desk, agreement: Agreement) -> None:
    await desk.activate(agreement)
    async with desk.client(agreement) as client:
        path = f"/v1/incidents/{await reported(client, agreement)}"
        states = [(await client.get(path)).json()["status"]]
        for act in ("acknowledge", "mitigate", "resolve", "close"):
            desk.clock.advance(timedelta(minutes=5))
            states.append((await client.post(f"{path}/{act}")).json()["status"])
        stamps = (await client.get(path)).json()["timestamps"]
    assert states == ["open", "acknowledged", "mitigated", "resolved", "closed"]
    assert [stamps[name]["at"][11:16] for name in states[1:]] == ["09:05", "09:10", "09:15", "09:20"]


@pytest.mark.capability("I33")
@pytest.mark.parametrize(
    ("role", "status"), [("client_decider", 200), ("client_staff", 403), ("operator", 403), ("owner", 403)]
)
async def test_only_the_clients_decider_ranks(desk: Desk, agreement: Agreement, role: str, status: int) -> None:
    await desk.activate(agreement)
    async with desk.client(agreement) as agency, desk.client(agreement, role) as caller:
        item = await reported(agency, agreement)
        ranked = await caller.post(f"/v1/items/{item}/rank", json={"rank": 1, "reason": "The fair."})
        assert ranked.status_code == status, ranked.text


@pytest.mark.capability("I33")
async def test_a_contract_may_let_the_agency_rank_too(desk: Desk, agreement: Agreement) -> None:
    await desk.activate(agreement, service_desk={"priority": {"decided_by": ["client_decider", "owner"]}})
    async with desk.client(agreement) as agency, desk.client(agreement, "owner") as owner:
        item = await reported(agency, agreement)
        told = {"rank": 1, "reason": "The fair."}
        problem(await agency.post(f"/v1/items/{item}/rank", json=told), 403)
        assert (await owner.post(f"/v1/items/{item}/rank", json=told)).json()["decided_rank"] == 1


@pytest.mark.capability("I10")
async def test_the_queue_follows_what_the_decider_decided_and_the_timeline_keeps_why(
    desk: Desk, agreement: Agreement
) -> None:
    await desk.activate(agreement)
    async with desk.client(agreement) as agency, desk.client(agreement, "client_decider") as decider:
        first, second, third = [await reported(agency, agreement) for _ in range(3)]

        async def queue() -> list[str]:
            found, cursor = [], ""
            while True:
                page = (await agency.get(f"/v1/queue?limit=2{cursor}")).json()
                found += [entry["item"]["item_id"] for entry in page["data"]]
                if page["next_cursor"] is None:
                    return found
                cursor = f"&cursor={page['next_cursor']}"

        assert await queue() == [first, second, third]
        await decider.post(f"/v1/items/{third}/rank", json={"rank": 1, "reason": "The fair."})
        await decider.post(f"/v1/items/{second}/rank", json={"rank": 2, "reason": "After it."})
        assert await queue() == [third, second, first]
        await decider.post(f"/v1/items/{third}/rank", json={"rank": 3, "reason": "The fair is over."})
        assert await queue() == [second, third, first]
        timeline = (await agency.get(f"/v1/items/{third}/timeline")).json()["data"]
    told = [(line["data"], line["note"], line["actor"]["kind"]) for line in timeline if line["kind"] == "ranked"]
    assert told == [
        ({"before": None, "after": 1}, "The fair.", "user"),
        ({"before": 1, "after": 3}, "The fair is over.", "user"),
    ]


@pytest.mark.capability("I03")
async def test_at_equal_severity_an_outage_under_standard_stands_before_an_older_one_under_basique(
    desk: Desk, agreement: Agreement
) -> None:
    tiers = {tier["code"]: tier["service_desk"] for tier in json.loads(TIERS.read_text("utf-8"))}
    by_tier = {code: Agreement(tenant_id=agreement.tenant_id) for code in ("basique", "standard", "premium")}
    for minute, (code, of_tier) in enumerate(by_tier.items()):  # the least goes down first
        await desk.activate(of_tier, service_desk=PLAIN_DESK | tiers[code])
        await desk.break_down(of_tier, confirmed_at=f"2026-06-08T08:5{minute}:00Z", down_since="2026-06-08T08:49:00Z")
    async with desk.client(agreement) as agency:
        minor = await reported(agency, by_tier["premium"], severity="minor")
        listed = (await agency.get("/v1/queue")).json()["data"]
    premium, standard, basique = (str(by_tier[code].contract_id) for code in ("premium", "standard", "basique"))
    assert [entry["item"]["contract_id"] for entry in listed[:3]] == [premium, standard, basique]
    assert [entry["contract_rank"] for entry in listed[:3]] == [1, 2, 3]
    # A tier does not make what is less grave more urgent.
    assert listed[3]["item"]["item_id"] == minor


async def test_the_queue_is_ordered_by_severity_contract_and_time_to_breach(desk: Desk, agreement: Agreement) -> None:
    basic, standard = agreement, Agreement(tenant_id=agreement.tenant_id)
    await desk.activate(basic, service_desk=PLAIN_DESK | {"priority": {"rank": 2}})
    await desk.activate(standard, service_desk=PLAIN_DESK | {"priority": {"rank": 1}})
    async with desk.client(agreement) as agency:
        early = await reported(agency, basic, severity="critical", reported_at="2026-06-08T08:50:00Z")
        late = await reported(agency, basic, severity="critical")
        minor = await reported(agency, basic, severity="minor")
        other = await reported(agency, standard, severity="critical")
        done = await reported(agency, standard, severity="critical")
        await agency.post(f"/v1/incidents/{done}/resolve")
        await agency.post(f"/v1/incidents/{done}/close")
        listed = (await agency.get("/v1/queue")).json()["data"]
        assert [entry["item"]["item_id"] for entry in listed] == [other, early, late, minor]
        assert listed[1]["breach_after"] == "2026-06-08T09:20:00Z"
    async with desk.client(standard, "client_decider") as client:
        assert [entry["item"]["item_id"] for entry in (await client.get("/v1/queue")).json()["data"]] == [other]


@pytest.mark.capability("I40")
async def test_whoever_is_in_a_freeze_period_comes_before_others_of_his_rank(desk: Desk, agreement: Agreement) -> None:
    # It is the eighth of June at half past midnight in Paris, and the seventh elsewhere.
    desk.clock.advance(-timedelta(hours=10, minutes=30))
    day = {"name": "Admissions", "from": "2026-06-08", "to": "2026-06-08"}
    usual, frozen, better = agreement, *(Agreement(tenant_id=agreement.tenant_id) for _ in range(2))
    for each, changes in ((usual, {"priority": {"rank": 2}}), (better, {"priority": {"rank": 1}})):
        await desk.activate(each, service_desk=PLAIN_DESK | changes)
    await desk.activate(frozen, service_desk=PLAIN_DESK | {"priority": {"rank": 2}, "freezes": [day]})
    async with desk.client(agreement, lifetime=timedelta(days=3)) as agency:
        for each in (usual, frozen, better):
            await reported(agency, each)

        async def queue() -> list[tuple[str, bool]]:
            found, cursor = [], ""
            while True:
                page = (await agency.get(f"/v1/queue?limit=1{cursor}")).json()
                found += [(entry["item"]["contract_id"], entry["in_freeze"]) for entry in page["data"]]
                if page["next_cursor"] is None:
                    return found
                cursor = f"&cursor={page['next_cursor']}"

        ids = [str(each.contract_id) for each in (better, frozen, usual)]
        assert await queue() == list(zip(ids, (False, True, False), strict=True))
        desk.clock.advance(timedelta(days=1))
        assert await queue() == [(each, False) for each in (ids[0], ids[2], ids[1])]


async def test_the_figures_of_many_contracts_page(desk: Desk, agreement: Agreement) -> None:
    others = [Agreement(tenant_id=agreement.tenant_id) for _ in range(2)]
    for each in (agreement, *others):
        await desk.activate(each)
        await desk.activate(each, version=2)
    found, cursor = [], ""
    async with desk.client(agreement) as agency, desk.client(others[0], "client_decider") as decider:
        while True:
            page = (await agency.get(f"/v1/queue/figures?limit=2{cursor}")).json()
            found += [figures["contract_id"] for figures in page["data"]]
            if page["next_cursor"] is None:
                break
            cursor = f"&cursor={page['next_cursor']}"
        assert found == sorted(str(each.contract_id) for each in (agreement, *others))
        his = (await decider.get("/v1/queue/figures")).json()["data"]
        assert [figures["contract_id"] for figures in his] == [str(others[0].contract_id)]


@pytest.mark.capability("I32")
async def test_more_urgent_ones_than_agreed_ask_for_arbitration(desk: Desk, agreement: Agreement) -> None:
    urgent = {"severities": ["critical"], "quota_percent": 25, "window_days": 30}
    await desk.activate(agreement, service_desk={"urgent": urgent})
    async with desk.client(agreement) as agency, desk.client(agreement, "client_decider") as decider:
        for _ in range(3):
            await reported(agency, agreement, severity="minor")
        quarter = await reported(agency, agreement, severity="critical")
        assert (await agency.get(f"/v1/items/{quarter}")).json()["arbitration_required"] is False
        over = await reported(agency, agreement, severity="critical")
        assert (await agency.get(f"/v1/items/{over}")).json()["arbitration_required"] is True
        (figures,) = (await agency.get("/v1/queue/figures")).json()["data"]
        assert (figures["urgent"], figures["came_in"], figures["urgent_percent"]) == (2, 5, "40.00")
        assert (figures["quota_exceeded"], figures["arbitration"]) == (True, ["INC-2026-0005"])
        said = [data for name, _, data in await desk.said(agreement.tenant_id) if name == "arbitration.required.v1"]
        assert [(data["urgent"], data["total"], data["quota_percent"]) for data in said] == [(2, 5, 25)]
        judged = {"severity": "critical", "reason": "It is."}
        again = await reported(agency, agreement, severity="critical")
        assert (await decider.post(f"/v1/items/{again}/classification", json=judged)).status_code == 200
        await decider.post(f"/v1/items/{over}/rank", json={"rank": 5, "reason": "It can wait."})
        (figures,) = (await agency.get("/v1/queue/figures")).json()["data"]
        assert figures["arbitration"] == []


@pytest.mark.capability("I32")
async def test_the_agency_is_mailed_each_time_the_urgent_ones_get_over_their_quota_and_not_while_they_stay(
    desk: Desk, agreement: Agreement
) -> None:
    urgent = {"severities": ["critical"], "quota_percent": 50, "window_days": 30}
    await desk.activate(agreement, service_desk={"urgent": urgent})
    mail = AgencyMail(desk.runtime.units, incidents_settings(desk.runtime.settings))

    async def subjects() -> list[str]:
        while await mail.run() == 0:
            pass
        return [message["Subject"] for message in desk.mailbox.messages]

    async with desk.client(agreement) as agency, desk.client(agreement, "client_staff") as staff:
        addresses = {"addresses": [{"email": "ops@agency.example", "language": "fr"}]}
        assert (await agency.put("/v1/alert-addresses", json=addresses, headers={"If-Match": "*"})).is_success
        await reported(agency, agreement, severity="minor")
        await reported(agency, agreement, severity="critical")
        assert await subjects() == []
        for _ in range(3):  # the client's own people say that it is urgent
            await reported(staff, agreement, severity="critical")
        assert await subjects() == ["Trop d’urgences pour C-2026-0001"]
        (figures,) = (await agency.get("/v1/queue/figures")).json()["data"]
        assert figures["quota_told_at"] == "2026-06-08T09:00:00Z"
        for _ in range(4):
            item_id = await reported(agency, agreement, severity="minor")
        assert len(await subjects()) == 1
        judged = {"severity": "critical", "reason": "He says so."}
        assert (await agency.post(f"/v1/items/{item_id}/classification", json=judged)).is_success
        assert len(await subjects()) == 2
    text_of_first = desk.mailbox.messages[0].get_content().replace("\N{NO-BREAK SPACE}", " ")
    assert "2 demandes sur 3 reçues en 30 jours sont urgentes ; le contrat en prévoit au plus 50 %." in text_of_first


@pytest.mark.capability("I37")
async def test_the_backlog_shows_its_age_its_cap_and_what_to_give_up(desk: Desk, agreement: Agreement) -> None:
    await desk.activate(agreement, service_desk={"backlog": {"cap": 1, "stale_after_days": 10}})
    async with desk.client(agreement, lifetime=timedelta(days=30)) as agency:
        await reported(agency, agreement)
        worked_on = await reported(agency, agreement)
        desk.clock.advance(timedelta(days=5))
        await agency.post(f"/v1/incidents/{worked_on}/acknowledge")
        desk.clock.advance(timedelta(days=6))
        await desk.due_clocks.run()  # what clocks say by themselves is no work
        await reported(agency, agreement)
        (figures,) = (await agency.get("/v1/queue/figures")).json()["data"]
    assert (figures["open"], figures["cap"], figures["over_cap"]) == (3, 1, True)
    assert (figures["oldest_days"], figures["stale"]) == (11, ["INC-2026-0001"])
    assert figures["by_severity"] == {"major": 3}


@pytest.mark.capability("I11")
async def test_only_people_whom_the_contract_assigns_can_be_chosen(desk: Desk, agreement: Agreement) -> None:
    ada, bob = new_id(), new_id()
    await desk.activate(agreement, service_desk={"assigned_user_ids": [str(ada)]})
    async with desk.client(agreement) as agency:
        item = await reported(agency, agreement)
        problem(
            await agency.post(f"/v1/items/{item}/assignment", json={"user_id": str(bob), "name": "Bob"}),
            422,
            "#/user_id",
        )
        assigned = await agency.post(f"/v1/items/{item}/assignment", json={"user_id": str(ada), "name": "Ada"})
        assert assigned.json()["assignee"] == {"id": str(ada), "name": "Ada"}
        (figures,) = (await agency.get("/v1/queue/figures")).json()["data"]
        assert figures["workload"] == [{"id": str(ada), "name": "Ada", "items": 1}]
        again = {"user_id": str(ada), "name": "Ada Martin"}
        await agency.post(f"/v1/items/{await reported(agency, agreement)}/assignment", json=again)
        (figures,) = (await agency.get("/v1/queue/figures")).json()["data"]
        assert [(his["id"], his["items"]) for his in figures["workload"]] == [(str(ada), 2)]


async def test_the_client_reopens_an_item_but_not_back_to_an_earlier_instant(desk: Desk, agreement: Agreement) -> None:
    await desk.activate(agreement)
    async with desk.client(agreement) as agency, desk.client(agreement, "client_staff") as person:
        item = await reported(agency, agreement)
        await agency.post(f"/v1/incidents/{item}/resolve")
        desk.clock.advance(timedelta(hours=12))
        told = {"reason": "It is there again."}
        backdated = await person.post(f"/v1/items/{item}/reopen", json=told | {"at": "2026-06-08T09:01:00Z"})
        problem(backdated, 422, "#/at")
        reopened = (await person.post(f"/v1/items/{item}/reopen", json=told)).json()
    assert [(c["metric"], c["state"], c["elapsed_seconds"]) for c in reopened["clocks"]] == [("response", "running", 0)]


EVIDENCE = {"configuration": "4.2.1", "traces": "4bf92f35", "logs": "error.log", "tests": "Every card."}


@pytest.mark.capability("I46")
async def test_each_level_of_support_is_told_how_long_it_had_the_item(desk: Desk, agreement: Agreement) -> None:
    await desk.activate(agreement)
    async with desk.client(agreement) as agency:
        item = await reported(agency, agreement, severity="critical")
        desk.clock.advance(timedelta(minutes=40))
        for missing in EVIDENCE:
            refused = await agency.post(
                f"/v1/items/{item}/hand-over", json={"to_level": 2} | {**EVIDENCE, missing: " "}
            )
            assert problem(refused, 409)["missing"] == [missing]
        handed = (await agency.post(f"/v1/items/{item}/hand-over", json={"to_level": 2} | EVIDENCE)).json()
        assert handed["support_level"] == 2
        pause = {"reason": "waiting_customer_info", "evidence": {"asked": "Which card?"}}
        desk.clock.advance(timedelta(minutes=10))
        await agency.post(f"/v1/items/{item}/pauses", json=pause)
        desk.clock.advance(timedelta(hours=3))
        read = (await agency.get(f"/v1/items/{item}")).json()
        problem(await agency.post(f"/v1/items/{item}/hand-over", json={"to_level": 2}), 422, "#/to_level")
    # Together they have what the repair clock counted; the wait for the client is nobody's.
    assert [(level["level"], level["elapsed_seconds"]) for level in read["support"]] == [(1, 2400), (2, 600)]
    assert read["clocks"][1]["elapsed_seconds"] == 3000


async def test_an_item_without_clocks_is_told_anew_while_the_time_of_its_level_goes_on(
    desk: Desk, agreement: Agreement
) -> None:
    await desk.activate(agreement)
    async with desk.client(agreement) as agency:
        item = await reported(agency, agreement, severity="minor")

        async def read(tag: str) -> tuple[int, str, Any]:
            answer = await agency.get(f"/v1/items/{item}", headers={"If-None-Match": tag})
            told = answer.json()["support"][0]["elapsed_seconds"] if answer.status_code == 200 else None
            return answer.status_code, answer.headers["etag"], told

        _, tag, _ = await read('"0"')
        desk.clock.advance(timedelta(hours=1))
        assert await read(tag) == (200, tag, 3600)
        await agency.post(f"/v1/incidents/{item}/resolve")
        _, tag, _ = await read(tag)
        desk.clock.advance(timedelta(hours=1))
        assert await read(tag) == (304, tag, None)


async def test_without_a_promised_repair_the_levels_have_the_time_until_it_is_done(
    desk: Desk, agreement: Agreement
) -> None:
    await desk.activate(agreement)
    async with desk.client(agreement) as agency:
        item = await reported(agency, agreement, severity="major")
        await agency.post(f"/v1/incidents/{item}/acknowledge")
        desk.clock.advance(timedelta(hours=1))
        await agency.post(f"/v1/items/{item}/hand-over", json={"to_level": 2} | EVIDENCE)
        desk.clock.advance(timedelta(hours=2))
        await agency.post(f"/v1/incidents/{item}/resolve")
        desk.clock.advance(timedelta(hours=5))
        support = (await agency.get(f"/v1/items/{item}")).json()["support"]
    assert [(level["level"], level["elapsed_seconds"]) for level in support] == [(1, 3600), (2, 7200)]


async def test_links_say_how_items_and_actions_elsewhere_are_related(desk: Desk, agreement: Agreement) -> None:
    await desk.activate(agreement)
    stranger = Agreement(tenant_id=agreement.tenant_id)
    await desk.activate(stranger)
    async with desk.client(agreement) as agency:
        one, other = await reported(agency, agreement), await reported(agency, agreement)
        foreign = (await agency.post("/v1/incidents", json=a_report(stranger))).json()["incident_id"]
        for kind in ("duplicates", "relates", "caused_by", "fixes", "r_and_d", "industrialisation", "relates"):
            linked = await agency.post(f"/v1/items/{one}/links", json={"kind": kind, "target_id": other})
            assert linked.status_code == 200, linked.text
        assert [link["kind"] for link in linked.json()["links"]] == [
            "duplicates",
            "relates",
            "caused_by",
            "fixes",
            "r_and_d",
            "industrialisation",
        ]
        assert linked.json()["duplicate_of_id"] == other
        elsewhere = await agency.post(f"/v1/items/{one}/links", json={"kind": "r_and_d", "target": "RD-17"})
        assert elsewhere.json()["links"][-1]["target"] == "RD-17"
        for wrong in (foreign, one, str(new_id())):
            told = {"kind": "relates", "target_id": wrong}
            problem(await agency.post(f"/v1/items/{one}/links", json=told), 422, "#/target_id")


async def test_whoever_links_a_change_to_what_it_fixes_does_not_stop_one_who_accepts_it(
    desk: Desk, agreement: Agreement
) -> None:
    await desk.activate(agreement)
    waiting = "select 1 from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'"
    async with desk.client(agreement) as agency:
        fixed = await reported(agency, agreement)
        draft = {"contract_id": str(agreement.contract_id), "title": "Mend it"}
        change = (await agency.post("/v1/changes", json=draft)).json()["item_id"]
        async with asyncio.timeout(20), desk.runtime.units.for_tenant(agreement.tenant_id) as accepting:
            await SqlItems(accepting).lock(UUID(change))
            told = {"kind": "fixes", "target_id": fixed}
            linking = asyncio.create_task(agency.post(f"/v1/items/{change}/links", json=told))
            for _ in range(1000):
                if await desk.rows(waiting):
                    break
                await asyncio.sleep(0.01)
            await SqlItems(accepting).lock(UUID(fixed))
        assert (await linking).status_code == 200


@pytest.mark.capability("I10")
async def test_the_queue_is_ordered_by_the_terms_in_force_and_not_by_those_to_come(desk: Desk) -> None:
    now_first, later_first = Agreement(), Agreement()
    later_first.tenant_id = now_first.tenant_id
    for agreement, rank in ((now_first, 1), (later_first, 2)):
        await desk.activate(agreement, service_desk={"priority": {"rank": rank}})
    to_come = {"effective_from": "2026-06-09T00:00:00Z", "service_desk": {"priority": {"rank": 0}}}
    await desk.activate(later_first, 2, **to_come)
    async with desk.client(now_first) as agency:
        for agreement in (later_first, now_first):
            await reported(agency, agreement)

        async def ranks() -> list[tuple[str, int]]:
            queue = (await agency.get("/v1/queue")).json()["data"]
            return [(entry["item"]["contract_id"], entry["contract_rank"]) for entry in queue]

        assert await ranks() == [(str(now_first.contract_id), 1), (str(later_first.contract_id), 2)]
        desk.clock.advance(timedelta(hours=20))
        assert await ranks() == [(str(later_first.contract_id), 0), (str(now_first.contract_id), 1)]


@pytest.mark.capability("I10")
async def test_the_queue_takes_the_priority_of_a_plan_for_a_rank_that_the_contract_does_not_say(desk: Desk) -> None:
    agency = Agreement()
    ranks: list[tuple[dict[str, Any], int]] = [
        ({"service_desk": {"priority": {"rank": 0}}, "plan": {"priority": 1}}, 0),
        ({"service_desk": None, "plan": {"priority": 2}}, 1),
        ({"service_desk": {"priority": {"rank": None}}, "plan": {"priority": 1.0}}, 2),
        ({"service_desk": None}, 3),
        ({"service_desk": {"priority": {"rank": 4.0}}}, 4),
    ]
    agreements = [Agreement(tenant_id=agency.tenant_id) for _ in ranks]
    async with desk.client(agency) as owner:
        for agreement, (terms, _) in zip(agreements, ranks, strict=True):
            await desk.activate(agreement, **terms)
        for agreement in reversed(agreements):
            await reported(owner, agreement)
        await desk.activate(agency)
        # Nothing waits there: what PostgreSQL cannot make sense of does not matter.
        await desk.execute(f"""
            insert into incidents.contract_terms
                (contract_id, version, tenant_id, client_id, status, effective_from, state, received_at)
            select contract_id, 2, tenant_id, client_id, status, effective_from,
                jsonb_set(state, '{{client,time_zone}}', '"Atlantis/Poseidonis"'), received_at
            from incidents.contract_terms where contract_id = '{agency.contract_id}'
        """)
        queue = (await owner.get("/v1/queue")).json()["data"]
        found = [(entry["item"]["contract_id"], entry["contract_rank"]) for entry in queue]
    assert found == [(str(each.contract_id), rank) for each, (_, rank) in zip(agreements, ranks, strict=True)]


async def test_of_many_items_each_has_its_own_result_and_what_is_done_stays_done(
    desk: Desk, agreement: Agreement
) -> None:
    await desk.activate(agreement)
    async with desk.client(agreement) as agency:
        one, two = await reported(agency, agreement), await reported(agency, agreement)
        await agency.post(f"/v1/incidents/{one}/acknowledge")
        change = {"contract_id": str(agreement.contract_id), "title": "Move to PHP 8.5"}
        change_id = (await agency.post("/v1/changes", json=change)).json()["item_id"]
        unknown = str(new_id())
        told = {"act": "acknowledge", "item_ids": [one, unknown, change_id, two]}
        results = (await agency.post("/v1/bulk-acts", json=told)).json()["results"]
        assert [(result["item_id"], result["result"], result["status"]) for result in results] == [
            (one, "refused", 409),
            (unknown, "refused", 404),
            (change_id, "refused", 409),
            (two, "done", 200),
        ]
        assert "Possible now" in results[0]["detail"]
        assert "Possible now: scope" in results[2]["detail"]
        assert (await agency.get(f"/v1/items/{two}")).json()["status"] == "acknowledged"
    async with desk.client(agreement, "client_decider") as client:
        problem(await client.post("/v1/bulk-acts", json=told), 403)
    names = [name for name, _, _ in await desk.said(agreement.tenant_id)]
    assert names.count("incident.acknowledged.v1") == 2


async def test_a_fault_with_one_of_many_items_does_not_hide_what_became_of_the_others(
    desk: Desk, agreement: Agreement, monkeypatch: pytest.MonkeyPatch
) -> None:
    await desk.activate(agreement)
    async with desk.client(agreement) as agency:
        one, two, three = [await reported(agency, agreement) for _ in range(3)]
        whole = SqlItems.lock

        async def lock(self: SqlItems, item_id: UUID) -> WorkItem | None:
            if str(item_id) == two:
                await self._session.execute(text("select 1 / 0"))
            return await whole(self, item_id)

        monkeypatch.setattr(SqlItems, "lock", lock)
        told = {"act": "acknowledge", "item_ids": [one, two, three]}
        answer = await agency.post("/v1/bulk-acts", json=told)
        assert [each["status"] for each in answer.json()["results"]] == [200, 500, 200]
        monkeypatch.undo()
        states = [(await agency.get(f"/v1/items/{item}")).json()["status"] for item in (one, two, three)]
    assert states == ["acknowledged", "open", "acknowledged"]


async def test_what_the_decider_has_judged_only_a_decider_judges_again(desk: Desk, agreement: Agreement) -> None:
    await desk.activate(agreement)
    async with desk.client(agreement) as agency, desk.client(agreement, "client_decider") as decider:
        item = await reported(agency, agreement, severity="minor")
        path = f"/v1/items/{item}/classification"
        judged = {"impact": "data", "criticality": "high", "reason": "Orders are lost."}
        assert (await agency.post(path, json=judged)).json()["severity"] == "critical"
        assert (await decider.post(path, json={"severity": "mineur", "reason": "They are not."})).status_code == 200
        problem(await agency.post(path, json=judged), 403)
        assert (await decider.post(path, json=judged)).json()["severity"] == "critical"
        async with desk.client(agreement, "client_staff") as staff:
            problem(await staff.post(path, json=judged), 403)
