"""What a Premium contract configures in the services that keep it."""

from typing import Any

import pytest

from shared.ids import new_id

from .thread_client import ThreadClient, eventually


@pytest.mark.capability("K07")
def test_premium_watches_every_thirty_seconds_with_the_certificate_and_promises_99_9_and_a_quarterly_review(
    thread: ThreadClient,
) -> None:
    address = f"https://{new_id().hex}.invalid/"
    client = thread.create_client("Hôtel Premium")
    site = [("Hôtel Premium", address)]
    contract = thread.activate_contract(client, site, alert_emails=["premium@agency.example"])

    def provisioned() -> dict[str, Any] | None:
        found = {each["configuration"]["kind"]: each for each in thread.monitors(contract)}
        return found if {"http", "tls"} <= set(found) else None

    monitors = eventually(provisioned, 30, "the site and its certificate are watched")
    thread.change_contract(contract.contract_id, "suspend")  # nobody needs to hear that there is no such host
    assert monitors["http"]["cadence"]["interval_seconds"] == 30
    assert monitors["tls"]["configuration"]["warn_days"] == [30, 14, 7]
    terms = thread.contract(contract.contract_id)["terms"]
    assert terms["uptime"]["target_percent"] == "99.9"
    month = contract.activated_at.strftime("%Y-%m")
    proofs = thread.get("contracts", f"/v1/contracts/{contract.contract_id}/proofs", month=month)
    promised = {line["code"]: (line["proof"], line["frequency"]) for line in proofs["data"]}
    assert promised["performance_monitoring"] == ("performance_results", "monthly")
    assert promised["performance_review"] == ("review_document", "quarterly")
    assert promised["certificate_monitoring"] == ("certificate_results", "monthly")
    assert promised["uptime_commitment"] == ("uptime_measurement", "monthly")
