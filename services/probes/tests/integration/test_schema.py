"""The schema: as the code has it, closed to other tenants, and with results that nobody can change."""

from collections.abc import Callable, Iterator

import psycopg
import pytest

from probes.adapters.tables import metadata
from shared.migrations import drift
from shared.testing.databases import DatabaseUrls


@pytest.fixture
def database(service_database: Callable[[str], DatabaseUrls]) -> DatabaseUrls:
    return service_database("probes")


@pytest.fixture
def connection(database: DatabaseUrls) -> Iterator[psycopg.Connection[tuple[object, ...]]]:
    with psycopg.connect(database.app, autocommit=True) as opened:
        yield opened


def test_migrations_make_the_tables_of_the_code_with_and_without_partitions(
    database: DatabaseUrls, connection: psycopg.Connection[tuple[object, ...]]
) -> None:
    assert drift(database.owner, "probes", metadata) == []
    connection.execute("select probes.ensure_result_partition(20600), probes.ensure_result_partition(20600)")
    assert drift(database.owner, "probes", metadata) == []


def test_partitions_are_dropped_by_the_day(connection: psycopg.Connection[tuple[object, ...]]) -> None:
    for day in (20600, 20601, 20602):
        connection.execute("select probes.ensure_result_partition(%s)", (day,))
    row = connection.execute("select probes.drop_result_partitions_before(20602)").fetchone()
    assert row == (2,)
    left = connection.execute(
        "select inhrelid::regclass::text from pg_inherits where inhparent = 'probes.result'::regclass"
    )
    assert left.fetchall() == [("probes.result_p20260529",)]


def test_a_partition_outside_of_our_time_is_refused(connection: psycopg.Connection[tuple[object, ...]]) -> None:
    with pytest.raises(psycopg.errors.RaiseException, match="outside"):
        connection.execute("select probes.ensure_result_partition(100)")


@pytest.mark.parametrize(
    "statement", ["delete from probes.result", "update probes.result set slot = 0", "truncate probes.result"]
)
def test_the_application_cannot_change_results(
    connection: psycopg.Connection[tuple[object, ...]], statement: str
) -> None:
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        connection.execute(statement)


def test_every_table_with_a_tenant_is_closed_without_a_scope(
    database: DatabaseUrls, connection: psycopg.Connection[tuple[object, ...]]
) -> None:
    tables = connection.execute(
        "select c.relname, c.relrowsecurity from pg_attribute a join pg_class c on c.oid = a.attrelid "
        "where c.relnamespace = 'probes'::regnamespace and a.attname = 'tenant_id' and c.relkind = 'r'"
    ).fetchall()
    assert "monitor" in [name for name, _ in tables]
    assert [name for name, secured in tables if not secured] == []
