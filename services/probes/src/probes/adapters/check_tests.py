"""Checks that somebody wants made now: kept as they are asked for, handed out once, answered by a runner."""

import json
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import Select, select, text
from sqlalchemy.ext.asyncio import AsyncSession

from probes.adapters.check_secrets import secrets_of
from probes.adapters.messages import CheckResult, WorkItem
from probes.adapters.tables import CheckTestRow
from probes.application.checks.secrets import masked
from probes.domain.states import Outcome

MOST_A_MINUTE = 30
"""Tests of one tenant."""
PATIENCE = timedelta(seconds=30)
"""How long a test may wait for a runner, besides the time that it may take."""
KEPT_FOR = timedelta(days=1)
_MINUTE = timedelta(minutes=1)

_ONE_AT_A_TIME = text("select pg_advisory_xact_lock(hashtextextended('probes check tests ' || :tenant, 0))")
_OLDEST_OF_THE_LAST = text("""
select asked_at from probes.check_test where tenant_id = :tenant_id and asked_at > :since
order by asked_at desc offset :most limit 1
""")
_UNSENT = text("""
select check_test_id, location, configuration, timeout_seconds, asked_at from probes.check_test
where sent_at is null and expires_at > :now order by asked_at limit :limit for update skip locked
""")
_SENT = text("update probes.check_test set sent_at = :now where check_test_id = any(:ids)")
_ASKED = text("""
select check_test_id, location, configuration from probes.check_test
where check_test_id = any(:ids) and answered_at is null and expires_at > :now order by check_test_id for update
""")
_ANSWER = text("""
update probes.check_test set answered_at = :now, result = cast(:result as jsonb),
    configuration = cast(:configuration as jsonb)
where check_test_id = :check_test_id
""")
_FORGET = text("delete from probes.check_test where asked_at < :before")


async def seconds_to_wait(session: AsyncSession, tenant_id: UUID, now: datetime) -> int:
    """Until the tenant may ask for another test; 0: now. Holds others of the tenant back until the transaction ends."""
    await session.execute(_ONE_AT_A_TIME, {"tenant": str(tenant_id)})
    values = {"tenant_id": tenant_id, "since": now - _MINUTE, "most": MOST_A_MINUTE - 1}
    oldest: datetime | None = await session.scalar(_OLDEST_OF_THE_LAST, values)
    return max(1, int((oldest + _MINUTE - now).total_seconds()) + 1) if oldest is not None else 0


async def ask(session: AsyncSession, test: CheckTestRow) -> None:
    """Keeps a test for whoever hands it out. Its secrets are sealed."""
    test.configuration = secrets_of(session).closed(test.configuration)
    session.add(test)
    await session.flush()


def check_tests(*, monitor_id: UUID | None = None) -> Select[Any]:
    """The tests that are still kept."""
    selected = select(CheckTestRow)
    return selected.where(CheckTestRow.monitor_id == monitor_id) if monitor_id is not None else selected


async def unsent(session: AsyncSession, now: datetime, limit: int) -> list[tuple[str, WorkItem]]:
    """Tests that nobody has handed out, with their locations; they are ours until the transaction ends."""
    secrets = secrets_of(session)
    rows = await session.execute(_UNSENT, {"now": now, "limit": limit})
    return [
        (
            row.location,
            WorkItem(
                monitor_id=row.check_test_id,
                slot=0,
                due_at=row.asked_at,
                interval_seconds=PATIENCE.total_seconds(),
                check=secrets.for_location(secrets.as_far_as_known(row.configuration), row.location),
                timeout_seconds=row.timeout_seconds,
                test=True,
            ),
        )
        for row in rows
    ]


async def mark_sent(session: AsyncSession, check_test_ids: Sequence[UUID], now: datetime) -> None:
    """They are on the work queue."""
    await session.execute(_SENT, {"ids": list(check_test_ids), "now": now})


async def keep_answers(session: AsyncSession, answers: Sequence[tuple[str, CheckResult]], now: datetime) -> None:
    """What runners found, with their locations. Secrets are needed no more: they are not kept any longer."""
    found = {result.monitor_id: (location, result) for location, result in answers}
    for row in (await session.execute(_ASKED, {"ids": sorted(found), "now": now})).all():
        location, result = found[row.check_test_id]
        if location != row.location or result.outcome is Outcome.MISSED:
            continue
        document = result.model_dump(mode="json", exclude={"monitor_id", "slot", "attempt", "due_at", "test"})
        values = {
            "check_test_id": row.check_test_id,
            "now": now,
            "result": json.dumps(document),
            "configuration": json.dumps(masked(row.configuration)),
        }
        await session.execute(_ANSWER, values)


async def forget_tests(session: AsyncSession, now: datetime) -> None:
    """Lets go of old ones."""
    await session.execute(_FORGET, {"before": now - KEPT_FOR})
