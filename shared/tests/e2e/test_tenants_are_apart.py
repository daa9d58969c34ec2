"""Every route of the four services, called with somebody else's token: 404 or an empty list, never another's data."""

import io
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager

import httpx
import psycopg
import pytest

from shared.testing.running_stack import RunningStack

from .conftest import SERVICES, World
from .isolation import Stranger, ids_in, told_by
from .openapi_walk import Operation
from .thread_client import ThreadClient

OWN_LOG = {
    *("/v1/access-log", "/v1/access-log.csv", "/v1/access-log/{document_form}"),
    *("/v1/audit-log", "/v1/audit-log/export"),
}
"""Whoever asks is told what he did himself."""

NAMES = ("World client", "World site", "Settled site")
"""What the owner's client and his sites are called: found in files and texts as well, where no id stands."""

SHARED_WITH_CLIENTS = {"tenant_id", "plan_id", "calendar_id"}
"""What the clients of an agency may know of one another's things."""


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
    return Stranger(urls_of(running_stack), running_stack.token(other), owned, ids_in(str(owned)), NAMES)


@pytest.mark.capability("X09")
def test_another_agency_sees_and_touches_nothing(stranger: Stranger, operations: list[Operation]) -> None:
    assert list(stranger.leaks(operations)) == []
    assert list(stranger.leaks_through_filters(operations)) == []


def test_what_the_owner_sees_is_found_where_a_stranger_must_not_see_it(
    running_stack: RunningStack, world: World, owned: dict[str, str], operations: list[Operation]
) -> None:
    """That a walk finds nothing says something only if it can find: with the owner's own token it does, everywhere."""
    urls, token = urls_of(running_stack), running_stack.token(world.tenant)
    lists = [one for one in operations if one.method == "get" and not one.parameters]
    by_ids = Stranger(urls, token, owned, ids_in(str(owned)))
    for found in (list(by_ids.leaks(lists)), list(by_ids.leaks_through_filters(lists))):
        assert {each.partition(" ")[0] for each in found} == set(SERVICES)
    by_names = list(Stranger(urls, token, owned, set(), NAMES).leaks(lists))
    assert [name for name in NAMES if not any(name in each for each in by_names)] == []


def test_what_is_packed_is_read() -> None:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as folder:
        folder.writestr("sheet.xml", "<c>World client</c>" * 20)
    assert b"World client" not in packed.getvalue()
    assert "World client" in told_by(httpx.Response(200, content=packed.getvalue()))


@pytest.fixture(scope="module")
def other_client(running_stack: RunningStack, world: World, owned: dict[str, str]) -> Stranger:
    """Somebody of the same agency who is bound to another client."""
    with ThreadClient(running_stack, running_stack.token(world.tenant)) as thread:
        client = thread.create_client("Other client")
        key = thread.post(
            "contracts",
            "/v1/api-keys",
            {"name": "portal of the other client", "role": "client_decider", "client_id": client},
        )
    token = running_stack.token_for(key["prefix"], key["client_secret"])
    secrets = ids_in(str({name: value for name, value in owned.items() if name not in SHARED_WITH_CLIENTS}))
    return Stranger(urls_of(running_stack), token, owned, secrets, NAMES)


@pytest.mark.capability("X09")
def test_a_client_sees_and_touches_nothing_of_another_client(
    other_client: Stranger, operations: list[Operation]
) -> None:
    of_clients = [one for one in operations if not set(one.parameters) & SHARED_WITH_CLIENTS]
    assert list(other_client.leaks(of_clients)) == []
    assert list(other_client.leaks_through_filters(of_clients)) == []


@pytest.mark.parametrize(
    ("policy", "table"),
    [
        ("tenant_isolation", "contracts.client"),
        ("tenant_isolation", "contracts.site"),
        ("tenant_isolation", "contracts.contract"),
        ("tenant_isolation", "contracts.api_key"),
        ("tenant_isolation", "contracts.configuration_item"),
        ("tenant_isolation", "contracts.register_version"),
        ("tenant_isolation", "probes.monitor"),
        ("tenant_isolation", "probes.outage"),
        ("tenant_isolation", "incidents.work_item"),
        ("tenant_isolation", "incidents.attachment"),
        ("tenant_isolation", "incidents.saved_filter"),
        ("tenant_isolation", "incidents.person"),
        ("tenant_isolation", "incidents.on_call_schedule"),
        ("tenant_isolation", "incidents.escalation_policy"),
        ("tenant_isolation", "reporting.outage_decision"),
        ("tenant_isolation", "reporting.webhook"),
        ("tenant_isolation", "reporting.webhook_replay"),
        ("tenant_isolation", "reporting.audit_checkpoint"),
        ("client_isolation", "contracts.client"),
        ("client_isolation", "contracts.site"),
        ("client_isolation", "contracts.contract"),
        ("client_isolation", "contracts.obligation"),
        ("client_isolation", "contracts.advisory"),
        ("client_isolation", "probes.monitor"),
        ("client_isolation", "probes.outage"),
        ("client_isolation", "incidents.work_item"),
        ("client_isolation", "incidents.attachment"),
        ("client_isolation", "incidents.saved_filter"),
    ],
)
def test_without_one_policy_a_table_leaks_and_is_found(
    policy: str,
    table: str,
    running_stack: RunningStack,
    stranger: Stranger,
    other_client: Stranger,
    operations: list[Operation],
) -> None:
    service = table.split(".", maxsplit=1)[0]
    who = stranger if policy == "tenant_isolation" else other_client
    looking = [
        one
        for one in operations
        if one.service == service and one.method == "get" and not set(one.parameters) & SHARED_WITH_CLIENTS
    ]
    with without_policy(running_stack, policy, table):
        assert list(who.leaks(looking)) != []
    # What he was shown meanwhile stands in the log of his own readings.
    assert list(who.leaks([one for one in looking if one.path not in OWN_LOG])) == []


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
def without_policy(stack: RunningStack, policy: str, table: str) -> Iterator[None]:
    """The table while one of its policies lets everything pass; every other policy, also of this table, holds.

    Dropped altogether, the only permissive policy of a table would leave none that allows anything, and nothing leaks.
    """
    with psycopg.connect(stack.database_url, autocommit=True) as connection:
        found = connection.execute(
            "select pg_get_expr(polqual, polrelid) from pg_policy where polname = %s and polrelid = %s::regclass",
            [policy, table],
        ).fetchone()
        assert found is not None
        connection.execute(f"alter policy {policy} on {table} using (true)".encode())
        try:
            yield
        finally:
            connection.execute(f"alter policy {policy} on {table} using ({found[0]})".encode())
