"""A fresh, migrated database per test: one that a test before has left, emptied, or a clone of a template."""

import itertools
from collections import defaultdict
from dataclasses import dataclass

import psycopg
from psycopg import sql

from shared.database import metadata_for
from shared.migrations import migrate
from shared.stack.bootstrap import bootstrap
from shared.stack.postgres_server import PostgresServer
from shared.stack.services import migrations_of
from shared.testing.servers import role_passwords


@dataclass(frozen=True)
class DatabaseUrls:
    """One database. `app` is the role that a service works as, `owner` the one that migrates, `superuser` sees all."""

    name: str
    app: str
    owner: str
    superuser: str


class ServiceDatabases:
    """Databases of one cluster, with the real schema of a service in them.

    The template of a service is made at its first use: bootstrap (schema and roles), then the service's own Alembic
    migrations, run by the owner role as in production.
    """

    def __init__(self, server: PostgresServer) -> None:
        self.server = server
        self._templates: dict[str, _Template] = {}
        self._emptied: defaultdict[str, list[DatabaseUrls]] = defaultdict(list)
        self._cleaners: dict[str, psycopg.Connection] = {}
        self._numbers = itertools.count(1)

    def create(self, service: str) -> DatabaseUrls:
        """A database with the service's schema at its newest revision and no rows but those of the migrations."""
        template = self._template(service)
        if self._emptied[service]:
            return self._emptied[service].pop()
        name = f"{service}_{next(self._numbers)}"
        with psycopg.connect(self.server.url(), autocommit=True) as connection:
            create = sql.SQL("create database {} template {}")
            connection.execute(create.format(sql.Identifier(name), sql.Identifier(template.name)))
        return self._urls(service, name)

    def give_back(self, service: str, urls: DatabaseUrls) -> None:
        """End whoever is still connected, and empty the database for the next test; delete it if its schema changed.

        To empty takes a few milliseconds; to delete and clone takes longer the more tables a schema has.
        """
        template = self._templates[service]
        connection = self._cleaner(urls)
        connection.execute(
            "select pg_terminate_backend(pid, 10000) from pg_stat_activity"
            " where datname = current_database() and pid <> pg_backend_pid()"
        )
        as_before = _catalogue(connection, service) == template.catalogue
        try:
            if as_before:
                _empty(connection, service, template)
        except psycopg.errors.LockNotAvailable:  # somebody connected again at once: he loses the whole database
            as_before = False
        if as_before:
            self._emptied[service].append(urls)
        else:
            self.drop(urls)

    def _cleaner(self, urls: DatabaseUrls) -> psycopg.Connection:
        """A superuser's connection, kept: to learn of all tables takes PostgreSQL four times as long as to empty them.

        A test may have ended it.
        """
        kept = self._cleaners.get(urls.name)
        try:
            if kept is not None:
                kept.execute("select")
                return kept
        except psycopg.OperationalError:
            pass
        connection = psycopg.connect(urls.superuser, autocommit=True, options="-c lock_timeout=5s")
        self._cleaners[urls.name] = connection
        return connection

    def close(self) -> None:
        """Close what was kept open."""
        for connection in self._cleaners.values():
            connection.close()
        self._cleaners.clear()

    def drop(self, urls: DatabaseUrls) -> None:
        """Delete a database, and end whoever is still connected to it."""
        if (kept := self._cleaners.pop(urls.name, None)) is not None:
            kept.close()
        with psycopg.connect(self.server.url(), autocommit=True) as connection:
            connection.execute(sql.SQL("drop database {} with (force)").format(sql.Identifier(urls.name)))

    def create_empty(self, schema: str) -> DatabaseUrls:
        """A new database in which a schema and its roles exist, but no migration has run: for tests of migrations."""
        name = f"{schema}_{next(self._numbers)}"
        self._bootstrap(schema, name)
        return self._urls(schema, name)

    def _template(self, service: str) -> "_Template":
        if service not in self._templates:
            name = f"template_{service}"
            self._bootstrap(service, name)
            migrate(self._urls(service, name).owner, migrations_of(service), service, metadata_for(service))
            with psycopg.connect(self.server.url(name), autocommit=True) as connection:
                rows = {table: _rows(connection, service, table) for table in _tables(connection, service)}
                filled = {table: data for table, data in rows.items() if data}
                self._templates[service] = _Template(
                    name, _catalogue(connection, service), filled, _sequences(connection, service)
                )
        return self._templates[service]

    def _bootstrap(self, service: str, database: str) -> None:
        bootstrap(self.server.url(database), [service], {service: role_passwords(self.server, service)})

    def _urls(self, service: str, name: str) -> DatabaseUrls:
        passwords = role_passwords(self.server, service)
        return DatabaseUrls(
            name=name,
            app=self.server.url(name, f"{service}_app", passwords.app),
            owner=self.server.url(name, f"{service}_owner", passwords.owner),
            superuser=self.server.url(name),
        )


@dataclass(frozen=True)
class _Template:
    name: str
    catalogue: str
    rows: dict[str, bytes]
    """What migrations put into tables, as COPY writes it."""
    sequences: list[tuple[str, int, bool]]
    """Where migrations left the sequences: names, last values, and whether these are used."""


_CATALOGUE = """
select md5(string_agg(line, chr(10) order by line)) from (
    select concat_ws(' ', 'namespace', nspname, nspacl) from pg_namespace where nspname !~ '^pg_(temp|toast)'
    union all
    select concat_ws(' ', 'relation', c.oid, relname, relowner, relacl, relrowsecurity, relforcerowsecurity)
    from pg_class c join pg_namespace n on n.oid = relnamespace where nspname !~ '^(pg_|information_schema)'
    union all
    select concat_ws(' ', 'column', attrelid, attname, atttypid, attnotnull, atthasdef, attisdropped, attacl)
    from pg_attribute join pg_class c on c.oid = attrelid
    where relnamespace = %(schema)s::regnamespace and relkind in ('r', 'p')
    union all select concat_ws(' ', 'policy', oid, polname, polcmd, polqual, polwithcheck) from pg_policy
    union all select concat_ws(' ', 'trigger', oid, tgname, tgenabled) from pg_trigger
    union all select concat_ws(' ', 'constraint', oid, conname) from pg_constraint
    union all
    select concat_ws(' ', 'function', oid, proname, proacl, md5(prosrc))
    from pg_proc where pronamespace = %(schema)s::regnamespace
) as lines (line)
"""


def _catalogue(connection: psycopg.Connection, schema: str) -> str:
    """What tells schemas apart, object ids included: a clone has those of its template until somebody changes it."""
    row = connection.execute(_CATALOGUE, {"schema": schema}).fetchone()
    version = connection.execute(sql.SQL("select * from {}.alembic_version").format(sql.Identifier(schema))).fetchall()
    return f"{row} {version}"


def _tables(connection: psycopg.Connection, schema: str) -> list[str]:
    found = connection.execute(
        "select relname from pg_class where relkind = 'r' and relnamespace = %s::regnamespace", [schema]
    )
    return [str(row[0]) for row in found if row[0] != "alembic_version"]


def _sequences(connection: psycopg.Connection, schema: str) -> list[tuple[str, int, bool]]:
    found = connection.execute(
        "select format('%%I.%%I', schemaname, sequencename), coalesce(last_value, start_value), last_value is not null"
        " from pg_sequences where schemaname = %s",
        [schema],
    )
    return [(str(name), int(value), bool(used)) for name, value, used in found]


def _rows(connection: psycopg.Connection, schema: str, table: str) -> bytes:
    copied = sql.SQL("copy {} to stdout").format(sql.Identifier(schema, table))
    with connection.cursor() as cursor, cursor.copy(copied) as copy:
        return b"".join(bytes(part) for part in copy)


def _empty(connection: psycopg.Connection, schema: str, template: _Template) -> None:
    # As a replica: what is to be gone needs no trigger and no look at who refers to it.
    delete = [sql.SQL("delete from {}").format(sql.Identifier(schema, table)) for table in _tables(connection, schema)]
    connection.execute(sql.SQL("; ").join([sql.SQL("set session_replication_role = replica"), *delete]))
    for table, data in template.rows.items():
        copied = sql.SQL("copy {} from stdin").format(sql.Identifier(schema, table))
        with connection.cursor() as cursor, cursor.copy(copied) as copy:
            copy.write(data)
    for sequence, value, called in template.sequences:
        connection.execute("select setval(%s, %s, %s)", [sequence, value, called])
