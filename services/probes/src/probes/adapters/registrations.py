"""What follows from a registration that a check has read: somebody is told before it ends, once per threshold."""

from datetime import datetime

from probes.adapters.notices import is_new
from probes.adapters.observations import Kept
from probes.domain.certificates import crossed_threshold, days_left, warn_days_of
from probes.published.v1 import DomainExpiring
from shared.unit_of_work import UnitOfWork


async def registration_was_read(kept: Kept, unit: UnitOfWork) -> None:
    """Says that a registration ends, if that has to be said now."""
    subject, value, seen_at = kept.observation.subject, kept.observation.value, kept.observation.seen_at
    ends = datetime.fromisoformat(value["expires_at"])
    threshold = crossed_threshold(warn_days_of(subject.configuration.get("warn_days")), ends, seen_at)
    if threshold is None:
        return
    notice = await is_new(subject, "domain.expiring", f"{value['domain']}/{ends.isoformat()}/{threshold}", unit)
    if notice is None:
        return
    event = DomainExpiring(
        notice_id=notice,
        monitor_id=subject.monitor_id,
        contract_id=subject.contract_id,
        client_id=subject.client_id,
        site_id=subject.site_id,
        environment_id=subject.environment_id,
        name=subject.name[:300],
        domain=value["domain"],
        registrar=value["registrar"],
        status=value["status"],
        source=value["source"],
        expires_at=ends,
        days_left=days_left(ends, seen_at),
        threshold_days=threshold,
        observed_at=seen_at,
    )
    unit.publish(event, version=1, tenant_id=subject.tenant_id)
