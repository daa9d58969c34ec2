"""Restores that were tried and restores that are promised, in PostgreSQL."""

from collections.abc import Mapping
from datetime import date, datetime, time
from typing import Any
from uuid import UUID, uuid5
from zoneinfo import ZoneInfo

from sqlalchemy import Select, select, text
from sqlalchemy.ext.asyncio import AsyncSession

from probes.adapters.tables import RestorePromiseRow, RestoreVerificationRow
from probes.domain.restores import Frequency, RestorePeriods
from probes.published.v1 import RestoreVerificationOverdue, RestoreVerificationRecorded
from shared.unit_of_work import UnitOfWork
from shared.values import parse_zone

BACKUP_RESTORATION = "backup_restoration"
"""The type of the deliverable that promises verified restores."""

_STATE = text(
    "select tenant_id, client_id, effective_from, state from probes.contract_version "
    "where contract_id = :id and version = :version"
)
_PROMISE = text("""
insert into probes.restore_promise
    (contract_id, tenant_id, client_id, frequency, starts_at, time_zone, active, due_at, missed)
values (:contract_id, :tenant_id, :client_id, :frequency, :starts_at, :time_zone, :active, :due_at, 0)
on conflict (contract_id) do update set frequency = excluded.frequency, starts_at = excluded.starts_at,
    time_zone = excluded.time_zone, active = excluded.active, due_at = excluded.due_at
""")
_REVOKE = text("update probes.restore_promise set active = false where contract_id = :contract_id")
_DUE = text("""
select * from probes.restore_promise where active and due_at <= :now order by due_at limit :limit
for update skip locked
""")
_LAST_SUCCESS = text("""
select max(performed_at) from probes.restore_verification
where contract_id = :contract_id and result = 'succeeded' and performed_at < :until
""")
_PERIOD_IS_OVER = text("""
update probes.restore_promise set due_at = :due_at, missed = case when :verified then 0 else missed + 1 end,
    overdue_from = case when :verified then null else cast(:from_ as timestamptz) end,
    overdue_to = case when :verified then null else cast(:to as timestamptz) end
where contract_id = :contract_id
""")
_MADE_GOOD = text("""
update probes.restore_promise set missed = 0, overdue_from = null, overdue_to = null
where contract_id = :contract_id and overdue_from <= :performed_at
""")
_RECORD = text("""
insert into probes.restore_verification (restore_verification_id, tenant_id, client_id, contract_id, environment_id,
    performed_at, recorded_at, scope, duration_seconds, result, performed_by, backup_taken_at, evidence_url,
    evidence_sha256, notes, recorded_by)
values (:restore_verification_id, :tenant_id, :client_id, :contract_id, :environment_id, :performed_at, :recorded_at,
    :scope, :duration_seconds, :result, :performed_by, :backup_taken_at, :evidence_url, :evidence_sha256, :notes,
    :recorded_by)
""")


async def keep_restore_promise(session: AsyncSession, contract_id: UUID, version: int, now: datetime) -> None:
    """Makes the promise of verified restores the one of this version of a contract, which is in force from now on.

    A promise that goes on keeps its periods; one of another frequency, or after a suspension, is looked at next when
    the period ends that is running now.
    """
    row = (await session.execute(_STATE, {"id": contract_id, "version": version})).one()
    state: Mapping[str, Any] = row.state
    frequency = _frequency(state)
    if frequency is None or state.get("status") != "active":
        await session.execute(_REVOKE, {"contract_id": contract_id})
        return
    known = await session.get(RestorePromiseRow, contract_id, populate_existing=True)
    zone = _zone(state)
    if known is not None and known.frequency == frequency.value and known.time_zone == str(zone):
        starts_at = known.starts_at
    else:
        starts_at = max(row.effective_from, _midnight(state, zone) or row.effective_from)
    periods = RestorePeriods.since(frequency, starts_at, zone)
    due_at = periods.beginning_of(periods.number_at(max(now, starts_at)) + 1)
    if known is not None and known.active and known.starts_at == starts_at:
        due_at = known.due_at
    await session.execute(
        _PROMISE,
        {
            "contract_id": contract_id,
            "tenant_id": row.tenant_id,
            "client_id": row.client_id,
            "frequency": frequency.value,
            "starts_at": starts_at,
            "time_zone": str(zone),
            "active": True,
            "due_at": due_at,
        },
    )


def _frequency(state: Mapping[str, Any]) -> Frequency | None:
    for deliverable in state.get("deliverables", ()):
        if deliverable.get("type") == BACKUP_RESTORATION:
            told = deliverable.get("parameters", {}).get("frequency")
            if told in list(Frequency):
                return Frequency(told)
    return None


def _zone(state: Mapping[str, Any]) -> ZoneInfo:
    try:
        return parse_zone(state.get("client", {}).get("time_zone"))
    except ValueError:
        return ZoneInfo("UTC")


def _midnight(state: Mapping[str, Any], zone: ZoneInfo) -> datetime | None:
    day = state.get("starts_on")
    return datetime.combine(date.fromisoformat(day), time(), zone) if day else None


async def judge_restore_periods(unit: UnitOfWork, limit: int) -> int:
    """Looks at promises one of whose periods is over, and says which had no verified restore; returns how many."""
    promises = (await unit.session.execute(_DUE, {"now": unit.now, "limit": limit})).all()
    for promise in promises:
        periods = RestorePeriods.since(Frequency(promise.frequency), promise.starts_at, ZoneInfo(promise.time_zone))
        number = periods.number_at(promise.due_at)
        begins, ends = periods.beginning_of(number - 1), promise.due_at
        last: datetime | None = await unit.session.scalar(
            _LAST_SUCCESS, {"contract_id": promise.contract_id, "until": ends}
        )
        verified = last is not None and last >= begins
        await unit.session.execute(
            _PERIOD_IS_OVER,
            {
                "contract_id": promise.contract_id,
                "verified": verified,
                "from_": begins,
                "to": ends,
                "due_at": periods.beginning_of(number + 1),
            },
        )
        if not verified:
            event = RestoreVerificationOverdue(
                notice_id=uuid5(promise.contract_id, f"restore/{ends.isoformat()}"),
                contract_id=promise.contract_id,
                client_id=promise.client_id,
                frequency=promise.frequency,
                period_from=begins,
                period_to=ends,
                missed_periods=promise.missed + 1,
                last_verified_at=last,
            )
            unit.publish(event, version=1, tenant_id=promise.tenant_id)
    return len(promises)


async def contract_of(session: AsyncSession, contract_id: UUID, now: datetime) -> Any | None:
    """Tenant, client and state of the newest version of a contract that is in force, if the caller may see it."""
    found = await session.execute(
        text(
            "select tenant_id, client_id, state from probes.contract_version "
            "where contract_id = :id and effective_from <= :now order by version desc limit 1"
        ),
        {"id": contract_id, "now": now},
    )
    return found.one_or_none()


async def record_restore(unit: UnitOfWork, values: Mapping[str, Any]) -> None:
    """Keeps a verification, with the names of its columns, and says it. A success makes good what was overdue."""
    await unit.session.execute(_RECORD, dict(values))
    if values["result"] == "succeeded":
        await unit.session.execute(
            _MADE_GOOD, {"contract_id": values["contract_id"], "performed_at": values["performed_at"]}
        )
    event = RestoreVerificationRecorded.model_validate(
        {name: values[name] for name in RestoreVerificationRecorded.model_fields}
    )
    unit.publish(event, version=1, tenant_id=values["tenant_id"])


def environments_of(state: Mapping[str, Any]) -> set[UUID]:
    """The environments that a contract covers."""
    return {
        UUID(environment["environment_id"])
        for site in state.get("sites", ())
        for environment in site.get("environments", ())
    }


def restore_verifications(
    *,
    client_id: UUID | None = None,
    contract_id: UUID | None = None,
    result: str | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
) -> Select[Any]:
    """The verifications that fit; None is any. The period is that of the restore itself."""
    row = RestoreVerificationRow
    wanted = [
        column == value
        for column, value in ((row.client_id, client_id), (row.contract_id, contract_id), (row.result, result))
        if value is not None
    ]
    if since is not None:
        wanted.append(row.performed_at >= since)
    if until is not None:
        wanted.append(row.performed_at < until)
    return select(row).where(*wanted)


def overdue_restores(*, client_id: UUID | None = None, contract_id: UUID | None = None) -> Select[Any]:
    """Promises in force whose last period was over without a verified restore, which has not been made up for since."""
    row = RestorePromiseRow
    wanted = [
        column == value
        for column, value in ((row.client_id, client_id), (row.contract_id, contract_id))
        if value is not None
    ]
    return select(row).where(row.active, row.overdue_to.is_not(None), *wanted)
