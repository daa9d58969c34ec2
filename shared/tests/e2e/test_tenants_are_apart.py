"""Every route of the four services, called with somebody else's token: 404 or an empty list, never another's data."""

from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
import pytest

from shared.testing.running_stack import RunningStack

from .conftest import SERVICES, World
from .isolation import Stranger, ids_in
from .openapi_walk import Operation
from .thread_client import ThreadClient

pytestmark = pytest.mark.xdist_group("stack")


@pytest.fixture(scope="module")
def operations(every_operation: list[Operation]) -> list[Operation]:
    """Everything that asks for a token."""
    return [operation for operation in every_operation if operation.secured]


def urls_of(stack: RunningStack) -> dict[str, str]:
    return {service: stack.url(service) for service in SERVICES}


@pytest.fixture(scope="module")
def stranger(running_stack: RunningStack, owned: dict[str, str]) -> Stranger:
    """The owner of another agency."""
    other = running_stack.new_tenant("Other agency")
    return Stranger(urls_of(running_stack), running_stack.token(other), owned, ids_in(str(owned)))


@pytest.mark.capability("X09")
def test_another_agency_sees_and_touches_nothing(stranger: Stranger, operations: list[Operation]) -> None:
    assert list(stranger.leaks(operations)) == []


@pytest.mark.capability("X09")
def test_a_client_sees_and_touches_nothing_of_another_client(
    running_stack: RunningStack, world: World, operations: list[Operation], owned: dict[str, str]
) -> None:
    with ThreadClient(running_stack, running_stack.token(world.tenant)) as thread:
        other_client = thread.create_client("Other client")
        key = thread.post(
            "contracts",
            "/v1/api-keys",
            {"name": "portal of the other client", "role": "client_decider", "client_id": other_client},
        )
    token = running_stack.token_for(key["prefix"], key["client_secret"])
    shared_with_clients = {"tenant_id", "plan_id", "calendar_id"}
    secrets = ids_in(str({name: value for name, value in owned.items() if name not in shared_with_clients}))
    stranger = Stranger(urls_of(running_stack), token, owned, secrets)
    of_clients = [one for one in operations if not set(one.parameters) & shared_with_clients]
    assert list(stranger.leaks(of_clients)) == []


@pytest.mark.parametrize(
    "table",
    [
        "contracts.client",
        "contracts.site",
        "contracts.contract",
        "contracts.api_key",
        "probes.monitor",
        "probes.outage",
        "incidents.incident",
        "reporting.webhook",
    ],
)
def test_without_its_row_level_policy_a_table_leaks_and_is_found(
    table: str, running_stack: RunningStack, stranger: Stranger, operations: list[Operation]
) -> None:
    service = table.split(".", maxsplit=1)[0]
    looking = [one for one in operations if one.service == service and one.method == "get"]
    with without_row_level_security(running_stack, table):
        assert list(stranger.leaks(looking)) != []
    assert list(stranger.leaks(looking)) == []


def test_every_table_of_a_tenant_has_its_policies(running_stack: RunningStack) -> None:
    """Some tables are only read joined to another protected one, so that no route alone would show their leak."""
    with psycopg.connect(running_stack.database_url) as connection:
        unprotected = connection.execute(
            """
            select c.table_schema, c.table_name, c.column_name, t.relrowsecurity, count(p.polname)
            from information_schema.columns c
            join pg_class t on t.oid = format('%I.%I', c.table_schema, c.table_name)::regclass and not t.relispartition
            left join pg_policy p on p.polrelid = t.oid
                and p.polname = case c.column_name when 'tenant_id' then 'tenant_isolation' else 'client_isolation' end
            where c.table_schema in ('contracts', 'probes', 'incidents', 'reporting')
            and c.column_name in ('tenant_id', 'client_id')
            group by 1, 2, 3, 4 having not t.relrowsecurity or count(p.polname) = 0
            """
        ).fetchall()
    assert unprotected == []


@contextmanager
def without_row_level_security(stack: RunningStack, table: str) -> Iterator[None]:
    with psycopg.connect(stack.database_url, autocommit=True) as connection:
        connection.execute(f"alter table {table} disable row level security".encode())
        try:
            yield
        finally:
            connection.execute(f"alter table {table} enable row level security".encode())
