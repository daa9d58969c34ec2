"""From the draft over two signatures to the end, over HTTP and with the events that tell the other services."""

from contracts.published.v1 import ContractActivated

from .conftest import Agency, Installation


async def test_a_premium_contract_goes_from_draft_to_active_and_tells_its_full_state(
    installation: Installation, agency: Agency
) -> None:
    contract = await agency.active()
    assert contract["status"] == "active"
    said = await installation.events(contract["contract_id"])
    assert [event["type"] for event in said] == ["dev.upheld.contracts.contract.activated.v1"]
    state = said[0]["data"]
    ContractActivated.model_validate(state)
    assert said[0]["aggregateversion"] == state["version"] == contract["version"]
    assert state["monitoring"]["interval_seconds"] == 30
    assert state["response"]["targets"][0] == {"severity": "critical", "response": "PT30M", "repair": None}
    assert state["calendars"]["around_the_clock"][0]["calendar"] == {"time_zone": "Europe/Paris", "always": True}
    assert state["uptime"]["target_percent"] == "99.9"
    assert state["plan"]["code"] == "premium" and state["plan"]["priority"] == 1
    assert [e["counts_for_sla"] for e in state["sites"][0]["environments"]] == [True, False]
    assert state["signature"]["version_hash"] == contract["document"]["hash"]
    assert state["effective_from"] == "2026-06-08T09:00:00Z"
