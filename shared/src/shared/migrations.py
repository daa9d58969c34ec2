"""Alembic for a service: one history per schema, run by the schema's owner, safe when two pods start at once."""

from pathlib import Path
from typing import Any

import sqlalchemy as sa
from alembic import command, context
from alembic.config import Config
from alembic.script import ScriptDirectory
from pydantic import SecretStr
from sqlalchemy import MetaData, create_engine, text
from sqlalchemy.dialects import postgresql

from shared.database import NAMING, driver_url

LOCK_TIMEOUT = "10s"
MIGRATION_LOCK = "upheld migrations"


def _config(folder: Path, schema: str, metadata: MetaData | None) -> Config:
    config = Config()
    config.set_main_option("script_location", str(folder).replace("%", "%%"))
    config.attributes["schema"] = schema
    config.attributes["metadata"] = metadata
    return config


def migrate(url: SecretStr | str, folder: Path, schema: str, metadata: MetaData, revision: str = "head") -> None:
    """Brings the schema to a revision. Waits for another process that is migrating the same database."""
    config = _config(folder, schema, metadata)
    config.attributes["url"] = driver_url(url)
    command.upgrade(config, revision)


def head_revision(folder: Path) -> str:
    """The newest revision that this code knows; readiness compares it with the database's."""
    head = ScriptDirectory.from_config(_config(folder, "", None)).get_current_head()
    if head is None:
        raise RuntimeError(f"no migration in {folder}")
    return head


def newer_revision(url: SecretStr | str, folder: Path, schema: str) -> str | None:
    """The revision at which a schema stands when this code does not know it: a newer release made it. Else None."""
    from alembic.migration import MigrationContext  # noqa: PLC0415  (only `migrate` needs it)

    known = {script.revision for script in ScriptDirectory.from_config(_config(folder, "", None)).walk_revisions()}
    engine = create_engine(driver_url(url))
    try:
        with engine.connect() as connection:
            there = MigrationContext.configure(connection, opts={"version_table_schema": schema}).get_current_revision()
    finally:
        engine.dispose()
    return None if there in known else there


def drift(url: SecretStr | str, schema: str, metadata: MetaData) -> list[Any]:
    """What differs between the migrated schema and the tables in the code; empty when they agree."""
    from alembic.autogenerate import compare_metadata  # noqa: PLC0415  (only tests and `migrate --check` need it)
    from alembic.migration import MigrationContext  # noqa: PLC0415

    engine = create_engine(driver_url(url))
    try:
        with engine.connect() as connection:
            options = {**_options(schema), "compare_type": True}
            migration = MigrationContext.configure(connection, opts={**options, "target_metadata": metadata})
            return list(compare_metadata(migration, metadata))
    finally:
        engine.dispose()


def _options(schema: str) -> dict[str, Any]:
    def include_name(name: str | None, kind: str, parents: Any) -> bool:
        # Without this filter Alembic sees the neighbours' schemas and proposes to drop their tables.
        if kind == "schema":
            return name == schema
        if kind == "table":
            return name != "alembic_version"
        return True

    def include_object(item: Any, name: str | None, kind: str, reflected: bool, compare_to: Any) -> bool:
        # Partitions are made by jobs, not by migrations, and no table in the code describes them.
        return not (kind == "table" and reflected and compare_to is None and "_p2" in (name or ""))

    return {
        "version_table_schema": schema,
        "include_schemas": True,
        "include_name": include_name,
        "include_object": include_object,
    }


def run() -> None:
    """The body of a service's `migrations/env.py`."""
    attributes = context.config.attributes
    schema = attributes["schema"]
    engine = create_engine(attributes["url"], connect_args={"application_name": f"{schema} migrate"})
    try:
        with engine.connect() as connection:
            connection.execute(text("select pg_advisory_lock(hashtext(:name))"), {"name": f"{MIGRATION_LOCK} {schema}"})
            connection.execute(text(f"set lock_timeout = '{LOCK_TIMEOUT}'"))
            connection.commit()
            context.configure(connection=connection, target_metadata=attributes["metadata"], **_options(schema))
            with context.begin_transaction():
                context.run_migrations()
            connection.commit()
    finally:
        engine.dispose()


def event_tables(metadata: MetaData) -> None:
    """Adds the tables of the event backbone and of idempotency keys to a service's metadata.

    outbox: what the service has said, kept at least 14 days after publication: it can rebuild the stream.
    inbox: what each consumer has already taken effect of.
    dead_letter: what could not be handled, until somebody replays or discards it.
    idempotency_key: answers to repeat for a repeated request.
    None has a `tenant_id`: they are infrastructure that no route reads on behalf of a tenant.
    """
    instant = sa.DateTime(timezone=True)
    sa.Table(
        "outbox",
        metadata,
        sa.Column("id", sa.BigInteger, sa.Identity(always=True), primary_key=True),
        sa.Column("event_id", sa.Uuid, nullable=False, unique=True),
        sa.Column("type", sa.Text, nullable=False),
        sa.Column("subject", sa.Text, nullable=False),
        sa.Column("aggregate_type", sa.Text, nullable=False),
        sa.Column("aggregate_id", sa.Text, nullable=False),
        sa.Column("aggregate_version", sa.BigInteger, nullable=False),
        # json, not jsonb: the same bytes go to the stream, to dead letters and to webhooks.
        sa.Column("envelope", postgresql.JSON, nullable=False),
        sa.Column("traceparent", sa.Text),
        sa.Column("occurred_at", instant, nullable=False),
        sa.Column("published_at", instant),
        sa.Column("stream_seq", sa.BigInteger),
        sa.UniqueConstraint("aggregate_type", "aggregate_id", "aggregate_version"),
        sa.Index("ix_outbox_unpublished", "id", postgresql_where=sa.text("published_at IS NULL")),
        sa.Index("ix_outbox_stream_seq", "stream_seq"),
    )
    sa.Table(
        "inbox",
        metadata,
        sa.Column("consumer", sa.Text, primary_key=True),
        sa.Column("event_id", sa.Uuid, primary_key=True),
        sa.Column("received_at", instant, nullable=False),
        sa.Index("ix_inbox_received_at", "received_at"),
    )
    sa.Table(
        "dead_letter",
        metadata,
        sa.Column("id", sa.Uuid, primary_key=True),
        sa.Column("consumer", sa.Text, nullable=False),
        sa.Column("event_id", sa.Uuid),
        sa.Column("subject", sa.Text, nullable=False),
        sa.Column("stream", sa.Text, nullable=False),
        sa.Column("stream_seq", sa.BigInteger, nullable=False),
        sa.Column("payload", sa.LargeBinary, nullable=False),
        sa.Column("error", sa.Text, nullable=False),
        sa.Column("deliveries", sa.Integer, nullable=False),
        sa.Column("failed_at", instant, nullable=False),
        sa.Column("resolved_at", instant),
        sa.Column("resolution", sa.Text),
        sa.Index(
            "uq_dead_letter_unresolved",
            "consumer",
            "stream",
            "event_id",
            unique=True,
            postgresql_where=sa.text("resolved_at IS NULL"),
        ),
    )
    sa.Table(
        "idempotency_key",
        metadata,
        sa.Column("principal", sa.Text, primary_key=True),
        sa.Column("method", sa.Text, primary_key=True),
        sa.Column("route", sa.Text, primary_key=True),
        sa.Column("key", sa.Text, primary_key=True),
        sa.Column("fingerprint", sa.Text, nullable=False),
        sa.Column("status", sa.Integer),
        sa.Column("headers", postgresql.JSON),
        sa.Column("body", sa.LargeBinary),
        sa.Column("created_at", instant, nullable=False),
        sa.Column("expires_at", instant, nullable=False),
        sa.Index("ix_idempotency_key_expires_at", "expires_at"),
    )


EVENT_TABLES = ("outbox", "inbox", "dead_letter", "idempotency_key")


def create_event_tables(op: Any, schema: str) -> None:
    """In a service's first migration: the tables of `event_tables`, tuned for rows that come and go."""
    metadata = MetaData(schema=schema, naming_convention=NAMING)
    event_tables(metadata)
    metadata.create_all(op.get_bind(), checkfirst=False)
    for table in ("outbox", "inbox"):
        op.execute(
            f"alter table {schema}.{table} set (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 1000)"
        )


def grant_application_role(op: Any, schema: str) -> None:
    """At the end of every migration that makes tables: the application role may use them, and may not change them.

    The role is named `<schema>_app`; the stack's bootstrap or the operator makes it. The version table stays the
    owner's, readable for the readiness check. Tables that the role may read already keep what was granted on them: a
    table that an earlier migration closed against changes is not opened again.
    """
    role = f"{schema}_app"
    op.execute(f"grant usage on schema {schema} to {role}")
    op.execute(f"""
        do $$
        declare made regclass;
        begin
            for made in
                select oid from pg_class
                where relnamespace = '{schema}'::regnamespace and relkind in ('r', 'p', 'v', 'm')
                    and not has_table_privilege('{role}', oid, 'select')
            loop
                execute 'grant select, insert, update, delete on ' || made::text || ' to {role}';
            end loop;
        end $$
    """)  # noqa: S608  (names of ours)
    op.execute(f"grant usage, select on all sequences in schema {schema} to {role}")
    op.execute(f"revoke insert, update, delete on {schema}.alembic_version from {role}")
