"""Which terms were in force when, read from what was signed."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from contracts.adapters.workspace import workspace_of
from contracts.application.contracts import Terms
from contracts.application.terms_in_force import InForce, terms_in_force
from contracts.jobs.contract_life import DueContracts
from shared.kernel.clock import FixedClock

from ..whole_contract import whole
from .conftest import Agency, Installation

pytestmark = pytest.mark.asyncio(loop_scope="module")

ALWAYS = (datetime(2026, 1, 1, tzinfo=UTC), datetime(2027, 1, 1, tzinfo=UTC))


async def in_force(installation: Installation, agency: Agency, contract: Any) -> list[InForce]:
    async with installation.runtime.units.for_tenant(agency.tenant_id) as uow:
        return await terms_in_force(workspace_of(uow), UUID(contract["contract_id"]), *ALWAYS)


async def test_the_terms_of_a_time_are_what_was_signed_for_it_cut_where_something_changed(
    installation: Installation, agency: Agency, clock: FixedClock
) -> None:
    blocks = whole() | {"response": None, "offer": whole()["offer"] | {"coverage_calendar": "business_hours"}}
    contract = await agency.active(plan="basique", amount="150.00", **blocks)
    signed = Terms.model_validate(contract["terms"])
    began = clock.now()
    clock.advance(timedelta(days=7))
    await agency.step(contract, "suspend", {"reason": "Unpaid"})
    clock.advance(timedelta(days=1))
    await agency.step(contract, "resume")
    clock.advance(timedelta(days=7))
    await agency.step(contract, "amendment", {"plan_code": "premium", "price": {"amount": "500.00"}, "risks": []})
    contract = await agency.get(f"/v1/contracts/{contract['contract_id']}")
    for party in ("client", "agency"):
        body = {"party": party, "document_hash": contract["amendment"]["document"]["hash"]}
        await agency.step(contract, "amendment/sign", body)
    await agency.step(contract, "amendment/apply")
    changed = clock.now()
    clock.advance(timedelta(days=7))
    await agency.step(contract, "terminate", {"reason": "It is over"})
    found = await in_force(installation, agency, contract)
    assert [(each.start, each.status, each.plan.code, each.price.amount) for each in found] == [
        (began, "active", "basique", "150.00"),
        (began + timedelta(days=7), "suspended", "basique", "150.00"),
        (began + timedelta(days=8), "active", "basique", "150.00"),
        (changed, "active", "premium", "500.00"),
    ]
    assert [each.end for each in found] == [*(each.start for each in found[1:]), clock.now()]
    assert found[0].terms == signed
    assert (found[3].terms.risks, found[3].terms.response is None) == ([], False)


async def test_an_amendment_that_is_signed_for_a_date_counts_from_it_before_anybody_has_recorded_it(
    installation: Installation, agency: Agency, clock: FixedClock
) -> None:
    contract = await agency.active(plan="basique", amount="150.00", ends_on="2026-06-30")
    await agency.step(contract, "amendment", {"price": {"amount": "200.00"}, "effective_on": "2026-06-15"})
    contract = await agency.get(f"/v1/contracts/{contract['contract_id']}")
    for party in ("client", "agency"):
        body = {"party": party, "document_hash": contract["amendment"]["document"]["hash"]}
        await agency.step(contract, "amendment/sign", body)
    await agency.step(contract, "amendment/apply")
    began, fifteenth = clock.now(), datetime(2026, 6, 14, 22, tzinfo=UTC)
    ends = datetime(2026, 6, 30, 22, tzinfo=UTC)
    expected = await in_force(installation, agency, contract)
    assert [(each.start, each.end, each.price.amount) for each in expected] == [
        (began, fifteenth, "150.00"),
        (fifteenth, ends, "200.00"),
    ]
    job = DueContracts(installation.runtime.units)
    for passes in (timedelta(days=10), timedelta(days=20)):
        clock.advance(passes)
        assert await in_force(installation, agency, contract) == expected
        await job.run()
        assert await in_force(installation, agency, contract) == expected
