"""A client who withholds an access: the clock waits, nothing is owed for it, and the register says who was late."""

import time
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from shared.testing.small_site import SmallSite

from .thread_client import SignedContract, ThreadClient, eventually

REPAIR_SECONDS = 12
SOON = {
    "calendar": "around_the_clock",
    "pausable": ["waiting_for_client", "waiting_for_access"],
    "targets": [{"severity": "major", "response": "PT30M", "repair": f"PT{REPAIR_SECONDS}S"}],
}
"""A repair promised within seconds, so that waiting for the client would break it at once."""


def breaches_of(thread: ThreadClient, contract: SignedContract) -> list[dict[str, Any]]:
    found = thread.get("contracts", "/v1/breaches", contract_id=contract.contract_id)
    return list(found["data"])


@pytest.mark.capability("X04")
def test_while_the_client_withholds_access_the_clock_waits_and_he_answers_for_the_delay(
    thread: ThreadClient, small_site: SmallSite
) -> None:
    client = thread.create_client("Hôtel sans clés")
    contract = thread.activate_contract(client, [("Hôtel sans clés", small_site.url("/keys"))], response=SOON)

    def reported() -> dict[str, Any] | None:
        body = {"contract_id": contract.contract_id, "severity": "major", "title": "Nobody can pay"}
        try:
            return dict(thread.post("incidents", "/v1/incidents", body))
        except httpx.HTTPStatusError:
            return None

    incident = eventually(reported, 20, "incidents has heard of the contract")
    item_id = incident["incident_id"]
    opened = time.monotonic()
    access = thread.post(
        "contracts",
        "/v1/obligations",
        {
            "contract_id": contract.contract_id,
            "owner": "client",
            "kind": "access",
            "title": {"fr": "Accès au serveur de production", "en": "Access to the production server"},
            "due_at": (datetime.now(UTC) + timedelta(seconds=2)).isoformat(),
            "work_item_id": item_id,
        },
    )

    def waits() -> dict[str, Any] | None:
        pauses = thread.get("incidents", f"/v1/items/{item_id}/pauses")["data"]
        return next((one for one in pauses if one["evidence"]["obligation_id"] == access["obligation_id"]), None)

    pause = eventually(waits, 20, "the incident waits for the access")
    assert (pause["reason"], pause["allowed"], pause["resumed_at"]) == ("waiting_for_access", True, None)
    (late,) = eventually(lambda: breaches_of(thread, contract) or None, 30, "the client's delay is in the register")
    assert (late["party"], late["client_percent"], late["provider_percent"]) == ("client", 100, 0)
    assert (late["obligation_id"], late["work_item_id"]) == (access["obligation_id"], item_id)
    # Without the wait the promise would be broken by now.
    time.sleep(max(0.0, opened + REPAIR_SECONDS + 1 - time.monotonic()))
    clocks = thread.get("incidents", f"/v1/incidents/{item_id}")["clocks"]
    (repair,) = [clock for clock in clocks if clock["metric"] == "repair"]
    assert (repair["state"], repair["elapsed_seconds"] < REPAIR_SECONDS) == ("paused", True)

    with thread.speaking_as(thread.decider_of(client)) as decider:
        given = {"evidence": [{"what": "Compte créé pour Nadia"}]}
        decider.post("contracts", f"/v1/obligations/{access['obligation_id']}/fulfil", given)
    pause = eventually(lambda: _ended(waits()), 20, "the wait is over")
    assert pause["answer"]["evidence"] == [{"what": "Compte créé pour Nadia"}]
    resolved = thread.act(item_id, "resolve", "Restarted the payment service")
    verdicts = {clock["metric"]: clock["verdict"] for clock in resolved["clocks"]}
    assert verdicts == {"response": "met", "repair": "met"}

    path = f"/v1/breaches/{late['breach_id']}/decide"
    shares = {"provider_percent": 0, "client_percent": 80, "third_party_percent": 20, "third_party": "The host"}
    thread.post("contracts", path, shares | {"reason": "The host had lost his request for two days"})
    # Nothing of the provider's is in the register, so that there is nothing that a penalty could be for.
    (decided,) = breaches_of(thread, contract)
    assert (decided["status"], decided["client_percent"], decided["third_party"]) == ("ended", 80, "The host")
    assert decided["decided_by"] is not None


def _ended(pause: dict[str, Any] | None) -> dict[str, Any] | None:
    return pause if pause is not None and pause["resumed_at"] is not None else None
