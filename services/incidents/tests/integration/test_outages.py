"""From what a monitor tells to one incident, its clocks, and what is said about them."""

import asyncio
import itertools
from datetime import timedelta
from uuid import UUID

import pytest

from shared.ids import new_id

from .conftest import ALWAYS, PARIS_OFFICE, Agreement, Desk


async def test_an_outage_opens_one_critical_incident_whose_due_times_are_the_clocks(desk: Desk, agreement: Agreement) -> None:
    await desk.activate(agreement)
    outage = await desk.break_down(agreement)

    incident = await desk.only_incident(agreement)
    assert (incident["number"], incident["status"], incident["severity"]) == ("INC-2026-0001", "open", "critical")
    assert incident["source"] == {"kind": "monitor", "outage_id": str(outage), "monitor_id": str(agreement.monitor_id)}
    assert incident["outage"]["evidence"]["status_code"] == 503
    assert incident["timestamps"]["first_failure"]["at"] == "2026-06-08T08:58:50Z"
    assert incident["timestamps"]["detected"]["at"] == "2026-06-08T09:00:00Z"
    response, repair = incident["clocks"]
    assert (response["metric"], response["due_at"], response["target_seconds"]) == ("response", "2026-06-08T09:30:00Z", 1800)
    assert (repair["metric"], repair["due_at"], repair["target_seconds"]) == ("repair", "2026-06-08T13:00:00Z", 14400)
