"""While the client owes an access or an answer for an item, the item waits, with the obligation as evidence."""

from datetime import timedelta
from itertools import permutations
from typing import Any

import pytest

from shared.ids import new_id
from shared.values import instant_text

from .conftest import Agreement, Desk
from .filing import Filing

GIVEN = [{"what": "Account created for Nadia", "reference": "ticket 4711"}]


class Owing:
    """An obligation of the client's, told in any order."""

    def __init__(self, filing: Filing, kind: str = "access", **values: Any) -> None:
        self.filing = filing
        self.id = str(new_id())
        self.values = {
            "obligation_id": self.id,
            "contract_id": str(filing.agreement.contract_id),
            "client_id": str(filing.agreement.client_id),
            "work_item_id": filing.item_id,
            "owner": "client",
            "kind": kind,
            "title": {"fr": "Accès au serveur", "en": "Access to the server"},
            "created_at": instant_text(filing.desk.clock.now()),
            "due_at": instant_text(filing.desk.clock.now() + timedelta(hours=24)),
            "every_days": None,
            **values,
        }

    def told(self, version: int, event: str, status: str, **changes: Any) -> tuple[str, dict[str, Any], int]:
        state = {"kept_at": None, "evidence": [], **self.values, "version": version, "status": status, **changes}
        return f"contracts.obligation.{event}.v1", state, version

    async def hear(self, told: tuple[str, dict[str, Any], int]) -> None:
        name, state, version = told
        await self.filing.desk.hear(name, state, tenant_id=self.filing.agreement.tenant_id, version=version)

    async def pauses(self) -> list[dict[str, Any]]:
        listed = await self.filing.listed(f"/v1/items/{self.filing.item_id}/pauses")
        return [pause for pause in listed if pause["evidence"].get("obligation_id") == self.id]


@pytest.fixture
async def filing(desk: Desk, agreement: Agreement) -> Filing:
    """An incident under a contract whose clocks wait for the client."""
    waits = {"pausable": ["waiting_for_client", "waiting_for_access"]}
    await desk.activate(agreement, response=agreement.state()["response"] | waits)
    filing = Filing(desk, agreement, desk.client(agreement), "")
    filing.item_id = await filing.new_item()
    return filing


@pytest.mark.capability("K44", "K45", "I24", "I39")
@pytest.mark.parametrize(("kind", "reason"), [("access", "waiting_for_access"), ("information", "waiting_for_client")])
async def test_the_clock_stands_still_from_the_asking_to_the_giving_with_both_as_evidence(
    filing: Filing, kind: str, reason: str
) -> None:
    clock = filing.desk.clock
    clock.advance(timedelta(minutes=20))
    owing = Owing(filing, kind)
    await owing.hear(owing.told(1, "opened", "open"))
    clock.advance(timedelta(hours=25))
    await owing.hear(owing.told(2, "breached", "breached"))
    clock.advance(timedelta(hours=1))
    given_at = instant_text(clock.now())
    await owing.hear(owing.told(3, "fulfilled", "fulfilled", kept_at=given_at, evidence=GIVEN))
    clock.advance(timedelta(minutes=10))
    (pause,) = await owing.pauses()
    assert (pause["reason"], pause["allowed"], pause["resumed_at"]) == (reason, True, given_at)
    assert pause["evidence"]["asked"] == {"fr": "Accès au serveur", "en": "Access to the server"}
    assert (pause["answer"]["outcome"], pause["answer"]["evidence"]) == ("fulfilled", GIVEN)
    acknowledged = await filing.act("acknowledge")
    assert [(each["metric"], each["elapsed_seconds"]) for each in acknowledged["clocks"]] == [("response", 1800)]


async def test_in_whatever_order_it_is_told_the_item_has_waited_once_from_the_asking_to_the_giving(
    filing: Filing,
) -> None:
    asked = filing.desk.clock.now()
    given_at = instant_text(asked + timedelta(hours=2))
    filing.desk.clock.advance(timedelta(hours=3))
    for order in permutations(range(3)):
        owing = Owing(filing, created_at=instant_text(asked))
        told = [
            owing.told(1, "opened", "open"),
            owing.told(2, "changed", "open"),
            owing.told(3, "fulfilled", "fulfilled", kept_at=given_at, evidence=GIVEN),
        ]
        for each in order:
            await owing.hear(told[each])
        assert [(pause["paused_at"], pause["resumed_at"]) for pause in await owing.pauses()] == [
            (instant_text(asked), given_at)
        ]


async def test_what_was_not_given_well_is_waited_for_again(filing: Filing) -> None:
    clock, owing = filing.desk.clock, Owing(filing)
    await owing.hear(owing.told(1, "opened", "open"))
    clock.advance(timedelta(hours=1))
    given_at = instant_text(clock.now())
    await owing.hear(owing.told(2, "fulfilled", "fulfilled", kept_at=given_at, evidence=GIVEN))
    clock.advance(timedelta(hours=1))
    await owing.hear(owing.told(3, "changed", "open", kept_at=given_at, evidence=GIVEN))
    again = instant_text(clock.now())
    assert [(each["paused_at"], each["resumed_at"]) for each in await owing.pauses()][1:] == [(again, None)]
    clock.advance(timedelta(hours=1))
    await owing.hear(owing.told(4, "changed", "released"))
    assert [each["answer"]["outcome"] for each in await owing.pauses()] == ["fulfilled", "released"]


@pytest.mark.parametrize("late", [1, 2])
async def test_that_it_is_asked_for_again_counts_though_it_is_heard_before_the_giving(
    filing: Filing, late: int
) -> None:
    clock, owing = filing.desk.clock, Owing(filing)
    asked_at = instant_text(clock.now())
    told = [owing.told(1, "opened", "open")]
    clock.advance(timedelta(hours=1))
    given_at = instant_text(clock.now())
    told.append(owing.told(2, "fulfilled", "fulfilled", kept_at=given_at, evidence=GIVEN))
    clock.advance(timedelta(hours=1))
    told.append(owing.told(3, "changed", "open", kept_at=given_at, evidence=GIVEN))
    for each in (*told[: 2 - late], told[2], *told[2 - late : 2]):
        await owing.hear(each)
    again = instant_text(clock.now())
    found = [(each["paused_at"], each["resumed_at"]) for each in await owing.pauses()]
    assert found == [(asked_at, given_at), (again, None)]


async def test_what_was_answered_is_not_waited_for_again_because_its_time_is_over(filing: Filing) -> None:
    clock, owing = filing.desk.clock, Owing(filing, "information")
    await owing.hear(owing.told(1, "opened", "open"))
    clock.advance(timedelta(hours=1))
    (pause,) = await owing.pauses()
    await filing.post(
        f"/v1/items/{filing.item_id}/pauses/{pause['pause_id']}/resume", {"answer": {"said": "By phone"}}, 200
    )
    clock.advance(timedelta(hours=24))
    await owing.hear(owing.told(2, "breached", "breached"))
    (pause,) = await owing.pauses()
    assert pause["resumed_at"] is not None


async def test_what_the_provider_owes_or_another_contract_is_owed_keeps_nothing_waiting(filing: Filing) -> None:
    others: list[dict[str, Any]] = [
        {"owner": "provider"},
        {"contract_id": str(new_id())},
        {"kind": "credential_rotation"},
        {"every_days": 90},
        {"work_item_id": None},
        {"work_item_id": str(new_id())},
    ]
    for values in others:
        owing = Owing(filing, **values)
        await owing.hear(owing.told(1, "opened", "open"))
        assert await owing.pauses() == [], values
