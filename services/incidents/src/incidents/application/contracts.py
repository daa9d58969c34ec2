"""When a contract is activated, amended, suspended or ends: what we promise changes, and every clock that heeds it."""

from dataclasses import replace

from incidents.application import alerts, clocks, items
from incidents.application.ports import UPHELD, ContractVersion, Ports
from incidents.domain.work_item import Milestone, Severity, WorkItem


async def take_version(ports: Ports, version: ContractVersion) -> None:
    """Stores a version of a contract and lets the clocks that it concerns follow.

    Versions may arrive in any order: each counts from when it takes effect, and the newest in force wins.
    """
    await ports.items.hold_contract(version.contract_id)
    unknown_until_now = await ports.contracts.newest(version.contract_id) is None
    if not await ports.contracts.keep(version):
        return
    for incident_id in await ports.items.heeding(version.contract_id, version.effective_from):
        incident = await ports.items.lock(incident_id)
        if incident is None:
            continue
        incident = await _in_its_own_words(ports, incident)
        await clocks.attach(ports, incident)
        await clocks.refresh(ports, incident)
        if unknown_until_now:
            # Whom the contract alerts could not be known when the incident opened.
            await alerts.alert(ports, incident, "opened")
            if incident.stamped(Milestone.RECOVERED):
                await alerts.alert(ports, incident, "recovered")


async def _in_its_own_words(ports: Ports, incident: WorkItem) -> WorkItem:
    """What opened before its contract was known has a usual severity, which the contract may call otherwise."""
    history = await ports.contracts.history(incident.subject.contract_id)
    if incident.severity not in set(Severity):
        return incident
    severity = history.service_desk(incident.detected_at).standing_for(Severity(incident.severity))
    if severity == incident.severity:
        return incident
    data = {"before": incident.severity, "after": severity}
    named, _ = await items.change_facts(ports, replace(incident, severity=severity), "classified", UPHELD, data)
    return named
