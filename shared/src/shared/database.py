"""The database of a service: engine, sessions, and the row-level security that keeps tenants apart.

One PostgreSQL database, a schema and two roles per service: `<service>_owner` migrates, `<service>_app` works.
"""

import re
from collections.abc import Mapping
from typing import Any, Final
from uuid import UUID

from pydantic import SecretStr
from sqlalchemy import MetaData, make_url, text
from sqlalchemy.engine import URL
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, async_sessionmaker, create_async_engine
from sqlalchemy.pool import QueuePool

TENANT_SETTING = "upheld.tenant_id"
CLIENT_SETTING = "upheld.client_id"
EVERY_TENANT = "*"
FOUND_GONE: Final[Mapping[str, Any]] = {
    "connect_timeout": 5,
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 30_000,
}
"""Of a connection, in seconds and at last milliseconds: a server that vanished without a word is found gone within half
a minute. `statement_timeout` does not see to it: the server is who ends the statement."""
TENANT = "tenant"
"""In `info` of the session of a unit of work: the one tenant whose rows it sees, or None."""
SETTINGS = "settings"
"""There as well: the settings of the process, for what lies sealed in the database with a key of theirs."""

NAMING = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s",
    "pk": "pk_%(table_name)s",
}

STATEMENT_SECONDS = 30
"""How long a statement may take, what it waits for locks included."""
IDLE_TRANSACTION_SECONDS = 60
"""How long a transaction in which nothing happens may hold what it has locked."""


def metadata_for(schema: str) -> MetaData:
    """Metadata whose tables live in the schema, with constraint names that migrations can rely on."""
    return MetaData(schema=schema, naming_convention=NAMING)


def driver_url(url: SecretStr | str) -> URL:
    """The URL for SQLAlchemy, with psycopg 3 as the driver whatever the spelling of the scheme."""
    plain = url.get_secret_value() if isinstance(url, SecretStr) else url
    return make_url(plain).set(drivername="postgresql+psycopg")


def libpq_url(url: SecretStr | str) -> str:
    """The URL as libpq and plain psycopg take it."""
    return driver_url(url).set(drivername="postgresql").render_as_string(hide_password=False)


class Database:
    """An engine and its sessions, which have `info` with them. Sessions are opened by units of work, nowhere else.

    PostgreSQL ends what goes on for too long: a statement, and a transaction in which nothing happens, with its
    connection. A transaction that has to take longer says so for itself, with `set local`. Connections of loops that
    never begin one (relay, scheduler and recorder of probes) are not of this pool: liveness watches them.

    :param idle_transaction_seconds: 0 for as long as it likes.
    """

    def __init__(
        self,
        url: SecretStr | str,
        *,
        pool_size: int = 10,
        application_name: str = "upheld",
        statement_seconds: int = STATEMENT_SECONDS,
        idle_transaction_seconds: int = IDLE_TRANSACTION_SECONDS,
        info: Mapping[str, Any] | None = None,
    ) -> None:
        limits = {
            "statement_timeout": f"{statement_seconds}s",
            "idle_in_transaction_session_timeout": f"{idle_transaction_seconds}s",
            "timezone": "UTC",
        }
        self.url = driver_url(url)
        self.engine: AsyncEngine = create_async_engine(
            self.url,
            pool_size=pool_size,
            max_overflow=0,
            pool_timeout=10,
            pool_pre_ping=True,
            hide_parameters=True,  # a failing statement must not write personal data to the log
            connect_args={
                "application_name": application_name,
                **FOUND_GONE,
                "options": " ".join(f"-c {name}={value}" for name, value in limits.items()),
            },
        )
        self.sessions = async_sessionmaker(self.engine, expire_on_commit=False, info=dict(info or {}))

    def connections_in_use(self) -> int:
        """How many connections of the pool somebody works with."""
        pool = self.engine.pool
        return pool.checkedout() if isinstance(pool, QueuePool) else 0

    async def ping(self) -> None:
        """Raises when the database does not answer."""
        async with self.engine.connect() as connection:
            await connection.execute(text("select 1"))

    async def revision(self, schema: str) -> str | None:
        """The Alembic revision that the schema stands at; None before the first migration."""
        async with self.engine.connect() as connection:
            exists = await connection.scalar(text("select to_regclass(:name)"), {"name": f"{schema}.alembic_version"})
            if exists is None:
                return None
            revision = await connection.scalar(text(f"select version_num from {schema}.alembic_version"))  # noqa: S608
            return str(revision) if revision else None

    async def dispose(self) -> None:
        await self.engine.dispose()


async def set_scope(session: AsyncSession, tenant: str, client: str) -> None:
    """Tells row-level security, for this transaction only, whose rows may be seen."""
    await session.execute(
        text("select set_config(:tenant_setting, :tenant, true), set_config(:client_setting, :client, true)"),
        {
            "tenant_setting": TENANT_SETTING,
            "tenant": tenant,
            "client_setting": CLIENT_SETTING,
            "client": client,
        },
    )


def protect_rows(
    op: Any, schema: str, table: str, *, column: str = "tenant_id", client_column: str | None = None
) -> None:
    """In a migration: turns row-level security on for a table that belongs to tenants.

    `tenant_isolation` shows a row to a unit of work of its tenant, or to one that was opened for every tenant.
    With `client_column`, the restrictive policy `client_isolation` hides the rows of other clients from a person who
    is bound to one client. An unset scope sees nothing.

    The tenant is a range of ids, of one or of all: PostgreSQL then finds the rows by an index that begins with
    `column`. With `or` beside an equality it reads the rows of every tenant. The setting is read without a sub-select,
    so that it is known when a statement is planned: of what a sub-select will give PostgreSQL knows nothing, takes
    every table for one row, and joins by loops within loops.

    The client is a range as well. Of `... is null` over a setting PostgreSQL supposes half a percent whatever the
    setting says, and would take every table for a two-hundredth of itself; of a range it knows that it is all of them.
    The test for null comes first because it decides at once for whoever is bound to no client, also where a row has
    none.
    """
    tenant = f"nullif(current_setting('{TENANT_SETTING}', true), '')"
    lowest, highest = (f"replace({tenant}, '{EVERY_TENANT}', '{UUID(int=end)}')::uuid" for end in (0, 2**128 - 1))
    op.execute(f"alter table {schema}.{table} enable row level security")
    op.execute(f"create policy tenant_isolation on {schema}.{table} using ({column} between {lowest} and {highest})")
    if client_column is not None:
        op.execute(
            f"create policy client_isolation on {schema}.{table} as restrictive using ({_of_client(client_column)})"
        )


def _of_client(column: str) -> str:
    """The condition of `client_isolation`."""
    client = f"nullif(current_setting('{CLIENT_SETTING}', true), '')"
    lowest, highest = (f"coalesce({client}, '{UUID(int=end)}')::uuid" for end in (0, 2**128 - 1))
    return f"{client} is null or {column} between {lowest} and {highest}"


def plan_by_scope(op: Any, schema: str) -> None:
    """In a migration: policies of before, which read the setting in sub-selects, read it as `protect_rows` does now."""
    sub_select = re.compile(r'\( SELECT (.*?) AS "?\w+"?\)', re.DOTALL)
    conditions = {
        (table, policy): sub_select.sub(r"(\1)", condition)
        for table, policy, condition in _policies(op, schema)
        if " SELECT " in condition
    }
    _alter_each(op, schema, conditions)


def plan_by_client(op: Any, schema: str) -> None:
    """In a migration: policies of before, which compare the client as text, take a range as `protect_rows` does now."""
    as_text = re.compile(r"\(([a-z_]+)\)::text = ")
    conditions = {
        (table, policy): _of_client(compared[1])
        for table, policy, condition in _policies(op, schema)
        if policy == "client_isolation" and (compared := as_text.search(condition))
    }
    _alter_each(op, schema, conditions)


def _policies(op: Any, schema: str) -> list[tuple[str, str, str]]:
    """Table, name and condition of each policy of a schema."""
    found = (
        "select tablename, policyname, qual from pg_policies where schemaname = :schema order by tablename, policyname"
    )
    return [(row[0], row[1], row[2]) for row in op.get_bind().execute(text(found), {"schema": schema})]


def _alter_each(op: Any, schema: str, conditions: Mapping[tuple[str, str], str]) -> None:
    """Gives policies other conditions that show the same rows, each in a transaction of its own.

    One for all would hold table after table until the end, and wait for whoever holds the next and waits for one of
    these: on an installation with traffic that deadlocks again and again. If this ends half-way, the next try does the
    rest.
    """
    if not conditions:
        return
    with op.get_context().autocommit_block():
        for (table, policy), condition in conditions.items():
            op.execute(f"alter policy {policy} on {schema}.{table} using ({condition})")
