"""Databases, schemas and roles: what must exist before a service can migrate. Safe to run again and again."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any
from urllib.parse import unquote, urlsplit, urlunsplit

import psycopg
from psycopg import sql

from shared.stack.folders import RolePasswords
from shared.stack.problems import StackProblem

DATABASE = "upheld"
EXTENSIONS = ("btree_gist",)
_LOCK = "upheld bootstrap"


def plain_url(url: str) -> str:
    """A URL that psycopg reads: SQLAlchemy's driver names are cut off."""
    parts = urlsplit(url)
    if parts.scheme.split("+")[0] not in {"postgresql", "postgres"} or not parts.hostname:
        raise StackProblem(
            "UPHELD_DATABASE_URL must look like postgresql://role:password@host:5432/upheld, "
            "with a role that may create roles."
        )
    return urlunsplit(("postgresql", *parts[1:]))


def database_of(url: str) -> str:
    """The database that a URL names, or `upheld`."""
    return unquote(urlsplit(url).path.lstrip("/")) or DATABASE


def with_database(url: str, database: str) -> str:
    """The same server and role, another database."""
    parts = urlsplit(plain_url(url))
    return urlunsplit(parts._replace(path=f"/{database}"))


def with_role(url: str, role: str, password: str) -> str:
    """The same server and database, another role."""
    parts = urlsplit(url)
    host = parts.netloc.rpartition("@")[2]
    return urlunsplit(parts._replace(netloc=f"{role}:{password}@{host}"))


def bootstrap(admin_url: str, services: Sequence[str], passwords: Mapping[str, RolePasswords]) -> None:
    """Make the database of `admin_url` if need be, and in it a schema and two roles per service.

    `<service>_owner` owns the schema and migrates; `<service>_app` may only use what migrations grant it. Both get
    the given passwords, also when they exist already. Raises StackProblem when the role of the URL may not do that.
    """
    database = database_of(admin_url)
    try:
        _make_database(admin_url, database)
        with _connection(with_database(admin_url, database)) as connection:
            # Roles belong to the whole server: two stacks that start on one server take turns.
            connection.execute("select pg_advisory_lock(hashtext(%s))", [_LOCK])
            connection.execute(sql.SQL("revoke all on database {} from public").format(sql.Identifier(database)))
            connection.execute("revoke create on schema public from public")
            for extension in EXTENSIONS:
                connection.execute(sql.SQL("create extension if not exists {}").format(sql.Identifier(extension)))
            for service in services:
                _make_service(connection, database, service, passwords[service])
    except psycopg.errors.InsufficientPrivilege as error:
        raise StackProblem(
            f"The role of UPHELD_DATABASE_URL may not prepare the database {database} ({_first_line(error)}): "
            "it must be able to create roles and be the owner of the database."
        ) from error
    except psycopg.OperationalError as error:
        raise StackProblem(
            f"The database server of UPHELD_DATABASE_URL does not answer ({_first_line(error)}): "
            "start it, correct the URL, or unset the variable."
        ) from error


@contextmanager
def _connection(url: str) -> Iterator[psycopg.Connection[Any]]:
    with psycopg.connect(url, autocommit=True, connect_timeout=10, application_name="upheld bootstrap") as connection:
        # "revoke" warns when there was nothing to revoke; nobody has to read that.
        connection.execute("set client_min_messages = error")
        yield connection


def _make_database(admin_url: str, database: str) -> None:
    try:
        with _connection(with_database(admin_url, database)):
            return
    except psycopg.OperationalError as error:
        if f'database "{database}" does not exist' not in str(error):
            raise
    with _connection(with_database(admin_url, "postgres")) as connection:
        try:
            connection.execute(sql.SQL("create database {}").format(sql.Identifier(database)))
        except psycopg.errors.DuplicateDatabase:
            return


def _make_service(connection: psycopg.Connection[Any], database: str, service: str, passwords: RolePasswords) -> None:
    schema, owner, app = sql.Identifier(service), sql.Identifier(f"{service}_owner"), sql.Identifier(f"{service}_app")
    superuser = _value(connection, "select rolsuper from pg_roles where rolname = current_user")
    for name, password in ((f"{service}_owner", passwords.owner), (f"{service}_app", passwords.app)):
        if not _value(connection, "select exists (select from pg_roles where rolname = %s)", name):
            connection.execute(sql.SQL("create role {} login").format(sql.Identifier(name)))
        # Only a verifier travels: a statement log on the server never shows the password.
        verifier = connection.pgconn.encrypt_password(password.encode(), name.encode(), b"scram-sha-256").decode()
        connection.execute(
            sql.SQL("alter role {} login password {}").format(sql.Identifier(name), sql.Literal(verifier))
        )
    if not superuser:  # to make a schema for a role one must be a member of it
        connection.execute(sql.SQL("grant {} to current_user").format(owner))
    connection.execute(sql.SQL("create schema if not exists {} authorization {}").format(schema, owner))
    connection.execute(sql.SQL("revoke all on schema {} from public").format(schema))
    connection.execute(sql.SQL("grant usage on schema {} to {}").format(schema, app))
    connection.execute(sql.SQL("grant connect on database {} to {}, {}").format(sql.Identifier(database), owner, app))


def _value(connection: psycopg.Connection[Any], query: str, *parameters: str) -> Any:
    row = connection.execute(query, list(parameters)).fetchone()
    return row[0] if row else None


def _first_line(error: psycopg.Error) -> str:
    return str(error).strip().splitlines()[0].rstrip(".") if str(error).strip() else type(error).__name__
