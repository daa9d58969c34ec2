"""What follows from content that a check watches: it is told when it is another one."""

from probes.adapters.notices import is_new
from probes.adapters.observations import Kept
from probes.published.v1 import ContentChanged
from shared.unit_of_work import UnitOfWork


async def content_was_seen(kept: Kept, unit: UnitOfWork) -> None:
    """Says each change once, whichever location sees it first. Another region of the page is no change of the page."""
    subject, value, previous = kept.observation.subject, kept.observation.value, kept.previous
    if previous is None or previous["hash"] == value["hash"] or previous["region"] != value["region"]:
        return
    if kept.seen_elsewhere:
        return
    seen_at = kept.observation.seen_at
    notice = await is_new(subject, "content.changed", seen_at.isoformat(), unit)
    if notice is None:
        return
    event = ContentChanged(
        notice_id=notice,
        monitor_id=subject.monitor_id,
        contract_id=subject.contract_id,
        client_id=subject.client_id,
        site_id=subject.site_id,
        environment_id=subject.environment_id,
        name=subject.name[:300],
        url=subject.url[:2000],
        location=kept.observation.location,
        sha256=value["hash"],
        size=value["size"],
        previous_sha256=previous["hash"],
        previous_size=previous["size"],
        observed_at=seen_at,
    )
    unit.publish(event, version=1, tenant_id=subject.tenant_id)
