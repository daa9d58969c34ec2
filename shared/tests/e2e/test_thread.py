"""The thread through the running product: signed, probed, broken, answered, mended, reported."""

from datetime import UTC, datetime, timedelta

import httpx
import pytest
from standardwebhooks.webhooks import Webhook

from shared.events import Envelope
from shared.testing.running_stack import RunningStack
from shared.testing.small_site import SmallSite

from .desk_records import POST_MORTEM
from .thread_client import FAST_MONITORING, RESPONSE_AND_REPAIR, ThreadClient, client_month, eventually


@pytest.mark.capability("P20", "I01", "I05", "I16")
def test_an_outage_goes_from_the_failing_check_to_mail_page_report_and_webhook(
    running_stack: RunningStack, thread: ThreadClient, small_site: SmallSite
) -> None:
    page = "/thread"
    webhook = thread.post("reporting", "/v1/webhooks", {"url": small_site.url("/hook"), "event_types": []})
    client = thread.create_client("Hôtel Bellevue")
    contract = thread.activate_contract(
        client,
        [("Hôtel Bellevue", small_site.url(page))],
        monitoring=FAST_MONITORING,
        response=RESPONSE_AND_REPAIR,
        # Nobody else's: what other tests break in these minutes would be told together with this.
        alert_emails=["on-call-of-bellevue@agency.example"],
    )
    (monitor,) = thread.wait_for_monitors(contract, "up")
    assert monitor["cadence"]["interval_seconds"] == FAST_MONITORING["interval_seconds"]

    small_site.break_page(page)
    incident = thread.wait_for_incident(contract)
    incident = thread.get("incidents", f"/v1/incidents/{incident['incident_id']}")
    stamps = incident["timestamps"]
    first_failure = datetime.fromisoformat(stamps["first_failure"]["at"])
    detected = datetime.fromisoformat(stamps["detected"]["at"])
    assert first_failure < detected
    assert incident["severity"] == "critical"
    clocks = {clock["metric"]: clock for clock in incident["clocks"]}
    response_due = datetime.fromisoformat(clocks["response"]["due_at"])
    assert response_due - detected == timedelta(minutes=30), "Premium promises 30 minutes around the clock"

    def shown_as_down() -> bool | None:
        page = httpx.get(f"{running_stack.reporting_url}/status/{contract.slug}.json", trust_env=False).json()
        return any(component["state"] == "down" for component in page["components"]) or None

    eventually(shown_as_down, 30, "the status page shows that the site is down")

    def mailed() -> bool | None:
        return any(incident["number"] in str(mail["subject"]) for mail in running_stack.mailbox.messages) or None

    eventually(mailed, 30, "somebody is told by mail that the incident is open")

    acknowledged = thread.act(incident["incident_id"], "acknowledge")
    by_person = acknowledged["timestamps"]["acknowledged"]
    assert by_person["actor"]["kind"] == "api_key"
    small_site.mend_page(page)
    recovered = thread.wait_for_incident(contract, lambda found: found["timestamps"]["recovered"] is not None)
    resolved = thread.act(incident["incident_id"], "resolve", "Restarted the database")
    # Of a critical incident the contract promises a post-mortem; until it is there, nothing closes.
    told = {"item_id": incident["incident_id"], "completed_at": resolved["timestamps"]["resolved"]["at"]}
    thread.post("incidents", "/v1/post-mortems", POST_MORTEM | told)
    closed = thread.act(incident["incident_id"], "close", "Done")
    assert {clock["metric"]: clock["verdict"] for clock in closed["clocks"]} == {
        "response": "met",
        "mitigation": "met",
        "repair": "met",
        "post_mortem": "met",
    }

    month = client_month(datetime.fromisoformat(closed["timestamps"]["closed"]["at"]))

    def heard() -> dict[str, object] | None:
        report = thread.get("reporting", f"/v1/contracts/{contract.contract_id}/reports/{month}")
        told = [one for one in report["incidents"]["items"] if one["status"] == "closed"]
        return report if told else None

    report = eventually(heard, 20, "the report has heard that the incident is closed")
    (figure,) = report["uptime"]["figures"]  # type: ignore[index]
    down = datetime.fromisoformat(recovered["timestamps"]["recovered"]["at"]) - first_failure
    assert figure["down_seconds"] == pytest.approx(down.total_seconds(), abs=0.001)
    assert figure["event_ids"], "a figure names the events behind it"

    def posted() -> tuple[dict[str, str], bytes] | None:
        opened = [one for one in small_site.received if b"incidents.incident.opened" in one[1]]
        return next((one for one in opened if incident["incident_id"] in one[1].decode()), None)

    headers, body = eventually(posted, 30, "the webhook is told that the incident is open")
    Webhook(webhook["secret"]).verify(body, headers)
    assert Envelope.parse(body).to_bytes() == body
    thread.call("DELETE", "reporting", f"/v1/webhooks/{webhook['webhook_id']}", headers={"If-Match": "*"})


def test_suspending_a_contract_pauses_its_monitors_and_resuming_starts_them_again(
    thread: ThreadClient, small_site: SmallSite
) -> None:
    client = thread.create_client("Pausing client")
    site = [("Pausing site", small_site.url("/pausing"))]
    contract = thread.activate_contract(client, site, monitoring=FAST_MONITORING)
    thread.wait_for_monitors(contract, "up")
    thread.change_contract(contract.contract_id, "suspend")
    thread.wait_for_monitors(contract, "paused")
    thread.change_contract(contract.contract_id, "resume")
    thread.wait_for_monitors(contract, "up")
    thread.change_contract(contract.contract_id, "terminate")
    thread.wait_for_monitors(contract, "paused")


@pytest.mark.capability("P14")
def test_a_spike_of_crashes_of_an_application_opens_an_incident_that_says_so(
    thread: ThreadClient, small_site: SmallSite
) -> None:
    contract = thread.activate_contract(
        thread.create_client("Hôtel Mobile"), [("Application", small_site.url("/app"))], response=RESPONSE_AND_REPAIR
    )
    (monitor,) = thread.wait_for_monitors(contract, "up")
    crashes = thread.post(
        "probes",
        "/v1/monitors",
        {
            "contract_id": contract.contract_id,
            "environment_id": monitor["environment_id"],
            "name": "Application iOS",
            "configuration": {"kind": "crash_rate", "app": "Hotel", "max_crash_percent": "1", "min_sessions": 100},
        },
    )
    address = thread.post("probes", f"/v1/monitors/{crashes['monitor_id']}/report-address")["path"]
    end = datetime.now(UTC)
    count = {
        "period_start": (end - timedelta(hours=1)).isoformat(),
        "period_end": end.isoformat(),
        "platform": "ios",
        "version": "4.3.0",
        "sessions": 1000,
        "crashes": 11,
    }
    assert thread.post("probes", address, {"counts": [count]})["good"] is False
    incident = thread.wait_for_incident(contract)
    incident = thread.get("incidents", f"/v1/incidents/{incident['incident_id']}")
    assert "Application iOS" in incident["title"]
    assert incident["outage"]["detail"] == "11 of 1000 sessions crashed (1.1 %); 1 % are allowed."


def test_nats_has_refused_the_services_nothing(running_stack: RunningStack) -> None:
    logs = {service: process.log.read_text() for service, process in running_stack.services.processes.items()}
    refused = [line for log in logs.values() for line in log.splitlines() if "permissions violation" in line.lower()]
    assert refused == []
