"""A fresh, migrated database per test, cloned from a template in some ten milliseconds."""

import itertools
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
        self._templates: dict[str, str] = {}
        self._numbers = itertools.count(1)

    def create(self, service: str) -> DatabaseUrls:
        """A new database with the service's schema at its newest revision and no rows."""
        template = self._template(service)
        name = f"{service}_{next(self._numbers)}"
        with psycopg.connect(self.server.url(), autocommit=True) as connection:
            # Copying files takes a third of the time of writing every page of the template to the log.
            create = sql.SQL("create database {} template {} strategy file_copy")
            connection.execute(create.format(sql.Identifier(name), sql.Identifier(template)))
        return self._urls(service, name)

    def drop(self, urls: DatabaseUrls) -> None:
        """Delete a database, and end whoever is still connected to it."""
        with psycopg.connect(self.server.url(), autocommit=True) as connection:
            connection.execute(sql.SQL("drop database {} with (force)").format(sql.Identifier(urls.name)))

    def create_empty(self, schema: str) -> DatabaseUrls:
        """A new database in which a schema and its roles exist, but no migration has run: for tests of migrations."""
        name = f"{schema}_{next(self._numbers)}"
        self._bootstrap(schema, name)
        return self._urls(schema, name)

    def _template(self, service: str) -> str:
        if service not in self._templates:
            name = f"template_{service}"
            self._bootstrap(service, name)
            migrate(self._urls(service, name).owner, migrations_of(service), service, metadata_for(service))
            self._templates[service] = name
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
