"""What use cases need from outside, in one unit of work."""

from probes.adapters.announce import EventAnnouncer
from probes.adapters.contract_versions import SqlContractVersions
from probes.adapters.locations import SqlLocations
from probes.adapters.monitor_groups import SqlMonitorGroups
from probes.adapters.monitors import SqlMonitors
from probes.adapters.unwatched_pages import SqlUnwatchedPages
from probes.application.groups import Ports
from shared.unit_of_work import UnitOfWork


def group_ports(unit: UnitOfWork) -> Ports:
    """For groups of pages."""
    return Ports(
        SqlContractVersions(unit.session),
        SqlLocations(unit.session),
        SqlMonitors(unit.session),
        SqlMonitorGroups(unit.session),
        SqlUnwatchedPages(unit.session),
        EventAnnouncer(unit),
    )
