"""Groups of pages in PostgreSQL: how they are described, what is planned for their pages, and how they stand."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any
from uuid import UUID

from pydantic import TypeAdapter
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from probes.adapters.check_secrets import CheckSecrets, secrets_of
from probes.adapters.tables import MonitorGroupRow
from probes.application.checks.http import PageConfiguration
from probes.application.critical_periods import CriticalPeriodRule, Group
from probes.domain.critical_periods import Regime
from probes.domain.groups import GroupChange, GroupIdentity, GroupNews, Standing, follow, judge
from probes.domain.monitors import Cadence, Monitor, Subject
from probes.domain.states import State

_ALONE = text("select pg_advisory_xact_lock(hashtextextended(cast(:id as text), 1))")
_PAGES = text("""
select monitor_id from probes.monitor where group_id = :group_id and removed_at is null order by monitor_id
""")
_DUE = text("""
select group_id, tenant_id from probes.monitor_group where due_at <= :now and removed_at is null
order by due_at, group_id limit :limit
""")
_KEEP = text("""
insert into probes.monitor_group (group_id, tenant_id, client_id, contract_id, site_id, environment_id, name,
    configuration, cadence, critical_periods, contract_version, created_at, edition, state, since, version,
    planned_until, due_at)
values (:group_id, :tenant_id, :client_id, :contract_id, :site_id, :environment_id, :name,
    cast(:configuration as jsonb), cast(:cadence as jsonb), cast(:critical_periods as jsonb), :contract_version,
    :created_at, :edition, :state, :created_at, 0, :planned_until, :due_at)
on conflict (group_id) do update set name = excluded.name, configuration = excluded.configuration,
    cadence = excluded.cadence, critical_periods = excluded.critical_periods,
    contract_version = excluded.contract_version, edition = excluded.edition, removed_at = :removed_at,
    planned_until = excluded.planned_until, due_at = excluded.due_at
""")
_HOLD = text("""
update probes.monitor set name = :name, configuration = cast(:configuration as jsonb),
    interval_seconds = :interval_seconds, timeout_seconds = :timeout_seconds, rechecks = :rechecks,
    recheck_spacing_seconds = :recheck_spacing_seconds, recoveries = :recoveries,
    critical_periods = :critical_periods, edition = edition + 1
where monitor_id = :monitor_id
""")
_PLAN = text("""
insert into probes.monitor_rules (monitor_id, effective_from, tenant_id, client_id, contract_version, interval_seconds,
    timeout_seconds, rechecks, recheck_spacing_seconds, recoveries, limits, critical_periods)
values (:monitor_id, :effective_from, :tenant_id, :client_id, :contract_version, :interval_seconds, :timeout_seconds,
    :rechecks, :recheck_spacing_seconds, :recoveries, cast(:limits as jsonb), :critical_periods)
on conflict (monitor_id, effective_from) do update set contract_version = excluded.contract_version,
    interval_seconds = excluded.interval_seconds, timeout_seconds = excluded.timeout_seconds,
    rechecks = excluded.rechecks, recheck_spacing_seconds = excluded.recheck_spacing_seconds,
    recoveries = excluded.recoveries, limits = excluded.limits, critical_periods = excluded.critical_periods
""")
_FORGET = text("""
delete from probes.monitor_rules r using probes.monitor m
where m.group_id = :group_id and r.monitor_id = m.monitor_id and r.effective_from > :after
""")
_STANDINGS = text("""
select group_id, tenant_id, client_id, contract_id, site_id, environment_id, name, state, since, version
from probes.monitor_group where group_id = any(:ids) order by group_id for update
""")
_STATES = text("""
select group_id, monitor_id, name, url, state from probes.monitor
where group_id = any(:ids) and removed_at is null order by monitor_id
""")
_STAND = text("""
update probes.monitor_group set state = :state, since = :since, version = :version where group_id = :group_id
""")
_PERIODS: TypeAdapter[tuple[CriticalPeriodRule, ...]] = TypeAdapter(tuple[CriticalPeriodRule, ...])


class SqlMonitorGroups:
    """The `MonitorGroups` of one transaction. They have their secrets; the database has them sealed."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session
        self._secrets = secrets_of(session)

    async def held(self, group_id: UUID) -> tuple[Group, Sequence[UUID]] | None:
        """See the port. Whoever changes a group does it alone; what its checks find may move it meanwhile."""
        await self._session.execute(_ALONE, {"id": str(group_id)})
        row = await self._session.get(MonitorGroupRow, group_id, populate_existing=True)
        if row is None:
            return None
        return group_of(row, self._secrets), list(await self._session.scalars(_PAGES, {"group_id": group_id}))

    async def due(self, now: datetime, limit: int) -> Sequence[tuple[UUID, UUID]]:
        """See the port."""
        rows = await self._session.execute(_DUE, {"now": now, "limit": limit})
        return [(row.group_id, row.tenant_id) for row in rows]

    async def keep(self, group: Group, *, planned_until: datetime, due_at: datetime) -> None:
        """See the port."""
        values = asdict(group.identity) | {
            "configuration": json.dumps(self._secrets.closed(group.configuration.document())),
            "cadence": json.dumps(asdict(group.cadence)),
            "critical_periods": json.dumps(_PERIODS.dump_python(group.critical_periods, mode="json")),
            "contract_version": group.contract_version,
            "created_at": group.created_at,
            "removed_at": group.removed_at,
            "edition": group.edition,
            "state": State.UNKNOWN.value,
            "planned_until": planned_until,
            "due_at": due_at,
        }
        await self._session.execute(_KEEP, values)

    async def settle(self, group_id: UUID, at: datetime) -> GroupNews | None:
        """See the port."""
        standings = await _standings(self._session, [group_id])
        if group_id not in standings:
            return None
        group, standing = standings[group_id]
        pages = (await _pages(self._session, [group_id])).get(group_id, {})
        change = judge(standing, {page: state for page, (_, _, state) in pages.items()}, at)
        return await _told(self._session, group, change, pages) if change is not None else None

    async def hold(self, pages: Sequence[tuple[Subject, Cadence]], critical_periods: Sequence[str]) -> None:
        """See the port."""
        rows = [
            {
                "monitor_id": subject.monitor_id,
                "name": subject.name,
                "configuration": json.dumps(self._secrets.closed(subject.configuration)),
                "critical_periods": list(critical_periods),
                **asdict(cadence),
            }
            for subject, cadence in pages
        ]
        if rows:
            await self._session.execute(_HOLD, rows)

    async def plan(
        self, pages: Sequence[Subject], regimes: Sequence[tuple[datetime, Regime]], contract_version: int
    ) -> None:
        """See the port."""
        rows = [
            {
                "monitor_id": page.monitor_id,
                "effective_from": since,
                "tenant_id": page.tenant_id,
                "client_id": page.client_id,
                "contract_version": contract_version,
                "limits": json.dumps(dict(regime.limits)),
                "critical_periods": list(regime.periods),
                **asdict(regime.cadence),
            }
            for page in pages
            for since, regime in regimes
        ]
        if rows:
            await self._session.execute(_PLAN, rows)

    async def forget_plans(self, group_id: UUID, after: datetime) -> None:
        """See the port."""
        await self._session.execute(_FORGET, {"group_id": group_id, "after": after})


def group_of(row: MonitorGroupRow, secrets: CheckSecrets) -> Group:
    """A group as it is stored. Raises Unreadable when no key that is known has sealed its secrets."""
    return Group(
        identity=_identity(row),
        configuration=PageConfiguration.model_validate(secrets.opened(row.configuration)),
        cadence=Cadence(**row.cadence),
        critical_periods=_PERIODS.validate_python(row.critical_periods),
        contract_version=row.contract_version,
        created_at=row.created_at,
        planned_until=row.planned_until,
        edition=row.edition,
        removed_at=row.removed_at,
    )


async def group_news(
    session: AsyncSession, moved: Mapping[UUID, Sequence[tuple[datetime, Monitor, State]]]
) -> list[GroupNews]:
    """What becomes of groups when the states of their pages, saved already, have moved so. Holds these groups."""
    if not moved:
        return []
    pages = await _standings_and_pages(session, list(moved))
    found: list[GroupNews] = []
    for group, standing, known in pages:
        changes = moved[group.group_id]
        before = {page: state for page, (_, _, state) in known.items()}
        before |= {monitor.subject.monitor_id: monitor.state.state for _, monitor, _ in changes}
        for change in follow(
            standing, before, [(at, monitor.subject.monitor_id, state) for at, monitor, state in changes]
        ):
            found.append(await _told(session, group, change, known))
    return found


async def _standings_and_pages(
    session: AsyncSession, group_ids: Sequence[UUID]
) -> list[tuple[GroupIdentity, Standing, Mapping[UUID, tuple[str, str, State]]]]:
    standings = await _standings(session, group_ids)
    # A statement of its own: it sees what was committed while we waited for the groups.
    pages = await _pages(session, group_ids)
    return [(group, standing, pages.get(group_id, {})) for group_id, (group, standing) in standings.items()]


async def _standings(session: AsyncSession, group_ids: Sequence[UUID]) -> dict[UUID, tuple[GroupIdentity, Standing]]:
    rows = await session.execute(_STANDINGS, {"ids": list(group_ids)})
    return {row.group_id: (_identity(row), Standing(State(row.state), row.since, row.version)) for row in rows}


async def _pages(session: AsyncSession, group_ids: Sequence[UUID]) -> dict[UUID, dict[UUID, tuple[str, str, State]]]:
    found: dict[UUID, dict[UUID, tuple[str, str, State]]] = {}
    for row in await session.execute(_STATES, {"ids": list(group_ids)}):
        found.setdefault(row.group_id, {})[row.monitor_id] = (row.name, row.url, State(row.state))
    return found


async def _told(
    session: AsyncSession,
    group: GroupIdentity,
    change: GroupChange,
    pages: Mapping[UUID, tuple[str, str, State]],
) -> GroupNews:
    values = {"group_id": group.group_id, "state": change.state.value, "since": change.since, "version": change.version}
    await session.execute(_STAND, values)
    return GroupNews(group, change, {page: pages[page][:2] for page in change.pages if page in pages})


def _identity(row: Any) -> GroupIdentity:
    return GroupIdentity(
        row.group_id, row.tenant_id, row.client_id, row.contract_id, row.site_id, row.environment_id, row.name
    )
