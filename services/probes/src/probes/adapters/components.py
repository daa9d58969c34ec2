"""What follows from a version that was seen: it is listed with its verdict, and said once when it is outdated."""

from typing import Any
from uuid import UUID

from sqlalchemy import Select, select, text

from probes.adapters.end_of_life import end_of_life
from probes.adapters.notices import is_new
from probes.adapters.observations import Kept
from probes.adapters.tables import ComponentRow
from probes.domain.versions import Verdict, judge
from probes.published.v1 import ComponentOutdated
from shared.unit_of_work import UnitOfWork

# `since` is when this version got this verdict; a version that was seen later than this one stays.
_KEEP = text("""
insert into probes.component as c (monitor_id, component, tenant_id, client_id, contract_id, site_id, environment_id,
    version, cycle, verdict, since, observed_at, latest, end_of_life, data_of)
values (:monitor_id, :component, :tenant_id, :client_id, :contract_id, :site_id, :environment_id, :version, :cycle,
    :verdict, :seen_at, :seen_at, :latest, :end_of_life, :data_of)
on conflict (monitor_id, component) do update set version = excluded.version, cycle = excluded.cycle,
    verdict = excluded.verdict, observed_at = excluded.observed_at, latest = excluded.latest,
    end_of_life = excluded.end_of_life, data_of = excluded.data_of,
    since = case when (c.version, c.verdict) = (excluded.version, excluded.verdict) then c.since else excluded.since end
where c.observed_at <= excluded.observed_at
""")


async def version_was_seen(kept: Kept, unit: UnitOfWork) -> None:
    """Judges the version by what is known today, also one that is seen again: its time may have run out."""
    subject, value, seen_at = kept.observation.subject, kept.observation.value, kept.observation.seen_at
    known = end_of_life()
    component, version = known.name_of(value["component"]), value["version"]
    standing = judge(component, version, known, seen_at.date())
    await unit.session.execute(
        _KEEP,
        {
            "monitor_id": subject.monitor_id,
            "component": component,
            "tenant_id": subject.tenant_id,
            "client_id": subject.client_id,
            "contract_id": subject.contract_id,
            "site_id": subject.site_id,
            "environment_id": subject.environment_id,
            "version": version,
            "cycle": standing.cycle,
            "verdict": standing.verdict.value,
            "seen_at": seen_at,
            "latest": standing.latest,
            "end_of_life": standing.end_of_life,
            "data_of": known.data_of,
        },
    )
    if not standing.verdict.outdated:
        return
    notice_id = await is_new(subject, "component.outdated", f"{component}/{version}/{standing.verdict}", unit)
    if notice_id is None:
        return
    event = ComponentOutdated.model_validate(
        {
            "notice_id": notice_id,
            "monitor_id": subject.monitor_id,
            "contract_id": subject.contract_id,
            "client_id": subject.client_id,
            "site_id": subject.site_id,
            "environment_id": subject.environment_id,
            "name": subject.name[:300],
            "component": component,
            "version": version,
            "cycle": standing.cycle,
            "verdict": standing.verdict.value,
            "behind": standing.behind,
            "latest": standing.latest,
            "end_of_life": standing.end_of_life,
            "days_left": standing.days_left,
            "data_of": known.data_of,
            "observed_at": seen_at,
        }
    )
    unit.publish(event, version=1, tenant_id=subject.tenant_id)


def components(
    *,
    client_id: UUID | None = None,
    contract_id: UUID | None = None,
    site_id: UUID | None = None,
    component: str | None = None,
    verdict: str | None = None,
    outdated: bool | None = None,
) -> Select[Any]:
    """The components that fit; None is any."""
    row = ComponentRow
    wanted = [
        column == value
        for column, value in (
            (row.client_id, client_id),
            (row.contract_id, contract_id),
            (row.site_id, site_id),
            (row.component, component),
            (row.verdict, verdict),
        )
        if value is not None
    ]
    if outdated is not None:
        names = [each.value for each in Verdict if each.outdated]
        wanted.append(row.verdict.in_(names) if outdated else row.verdict.not_in(names))
    return select(row).where(*wanted)
