"""The database: migrations that agree with the code, and rows that tenants cannot share."""

from collections.abc import Callable
from typing import Any

import psycopg
import pytest

from reporting.adapters.tables import metadata
from shared.ids import new_id
from shared.migrations import drift
from shared.testing.databases import DatabaseUrls

SHARED = {"outbox", "inbox", "dead_letter", "idempotency_key", "alembic_version"}


def test_the_migrated_schema_is_the_one_in_the_code(service_database: Callable[[str], DatabaseUrls]) -> None:
    assert drift(service_database("reporting").owner, "reporting", metadata) == []


def test_every_table_of_a_tenant_is_protected(service_database: Callable[[str], DatabaseUrls]) -> None:
    with psycopg.connect(service_database("reporting").superuser) as connection:
        tables = connection.execute(
            "select relname, relrowsecurity from pg_class c join pg_namespace n on n.oid = c.relnamespace"
            " where nspname = 'reporting' and relkind = 'r'"
        ).fetchall()
        policies = connection.execute("select tablename, policyname from pg_policies").fetchall()
    own = {name for name, _ in tables} - SHARED
    assert own == {name for name, protected in tables if protected}
    assert {name for name, policy in policies if policy == "tenant_isolation"} == own
    assert own - {name for name, policy in policies if policy == "client_isolation"} == {
        "webhook",
        "delivery",
        "attempt",
        "audit_checkpoint",
        "audit_entry",
        "audit_key",
    }


@pytest.mark.capability("X09")
async def test_each_fact_is_seen_by_its_tenant_and_its_client_only(
    service: Any, story: Any, another_story: Callable[..., Any]
) -> None:
    other = another_story()
    await service.hear(*story.golden_june(), *other.golden_june())
    tables = [table for table in metadata.sorted_tables if "client_id" in table.columns]
    units = service.runtime.units
    for table in tables:
        counts = []
        for scope in (
            units.for_every_tenant(),
            units.for_tenant(story.tenant_id),
            units.for_tenant(story.tenant_id, client_id=story.client_id),
            units.for_tenant(story.tenant_id, client_id=new_id()),
            units.for_tenant(new_id()),
        ):
            async with scope as unit:
                counts.append(len((await unit.session.execute(table.select())).all()))
        everyone, mine, my_client, stranger, nobody = counts
        assert everyone == 2 * mine, table.name
        assert mine == my_client, table.name
        assert stranger == nobody == 0, table.name
