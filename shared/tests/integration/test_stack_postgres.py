"""The embedded PostgreSQL: made, secured, killed, refused with one sentence."""

import os
import shutil
import signal
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from psycopg import sql

from shared.stack.binaries import postgresql_binaries
from shared.stack.bootstrap import bootstrap, with_role
from shared.stack.folders import RolePasswords, new_password
from shared.stack.postgres_server import PostgresServer
from shared.stack.problems import StackProblem
from shared.testing.servers import role_passwords, temporary_folder


@pytest.fixture
def folder() -> Iterator[Path]:
    with temporary_folder("test") as path:
        yield path


def server_in(folder: Path, *, port: int | None = None, binaries: Path | None = None) -> PostgresServer:
    return PostgresServer(
        folder,
        log=folder / "log",
        superuser_password=new_password(),
        durable=False,
        port=port,
        binaries=binaries,
    )


def test_it_runs_as_an_ordinary_user_also_when_root_starts_it(postgres_server: PostgresServer) -> None:
    process = postgres_server.process
    assert process is not None and process.pid is not None
    assert Path(f"/proc/{process.pid}").stat().st_uid != 0


def test_it_listens_on_loopback_only_and_asks_for_a_password(postgres_server: PostgresServer) -> None:
    with psycopg.connect(postgres_server.url()) as connection:
        shown = connection.execute(
            "select current_setting('listen_addresses'), current_setting('unix_socket_directories')"
        ).fetchone()
        methods = connection.execute("select distinct auth_method from pg_hba_file_rules").fetchall()
    assert shown == ("127.0.0.1", "")
    assert methods == [("scram-sha-256",)]
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        psycopg.connect(postgres_server.url(password="wrong"))


def test_letters_beyond_ascii_are_known_as_letters(postgres_server: PostgresServer) -> None:
    with psycopg.connect(postgres_server.url()) as connection:
        assert connection.execute("select lower('ÉTÉ')").fetchone() == ("été",)


def test_a_commit_survives_a_killed_server(own_postgres_server: PostgresServer) -> None:
    port = own_postgres_server.port
    with psycopg.connect(own_postgres_server.url(), autocommit=True) as connection:
        connection.execute("create table kept (number int)")
        connection.execute("insert into kept values (7)")
    own_postgres_server.kill()
    assert not own_postgres_server.running
    own_postgres_server.start()
    assert own_postgres_server.port == port
    with psycopg.connect(own_postgres_server.url()) as connection:
        assert connection.execute("select number from kept").fetchone() == (7,)


def test_a_start_waits_for_what_is_left_of_a_killed_server(own_postgres_server: PostgresServer) -> None:
    process = own_postgres_server.process
    assert process is not None and process.pid is not None
    left, *_ = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
    os.kill(int(left), signal.SIGSTOP)
    process.kill()
    later = threading.Timer(1.5, os.kill, (int(left), signal.SIGCONT))
    later.start()
    own_postgres_server.start()
    assert later.finished.is_set()
    own_postgres_server.ping()


def test_a_second_start_continues_with_the_same_data(folder: Path) -> None:
    first = server_in(folder)
    assert first.is_new
    first.start()
    with psycopg.connect(first.url(), autocommit=True) as connection:
        connection.execute("create database upheld")
    first.stop()
    second = PostgresServer(
        folder, log=folder / "log", superuser_password=first.superuser_password, durable=False, port=first.port
    )
    assert not second.is_new
    second.start()
    psycopg.connect(second.url("upheld")).close()
    second.stop()


def test_a_folder_that_is_no_cluster_is_one_sentence(folder: Path) -> None:
    (folder / "postgresql").mkdir()
    (folder / "postgresql" / "something").write_text("else")
    with pytest.raises(StackProblem, match=r"is not a PostgreSQL cluster \(it has no PG_VERSION\)") as raised:
        server_in(folder).start()
    assert "\n" not in str(raised.value)


def test_a_cluster_of_another_version_is_one_sentence(folder: Path) -> None:
    (folder / "postgresql").mkdir()
    (folder / "postgresql" / "PG_VERSION").write_text("12\n")
    with pytest.raises(StackProblem, match=r"belongs to PostgreSQL 12, but the programs in .* are PostgreSQL 1\d"):
        server_in(folder).start()


def test_a_damaged_cluster_is_one_sentence(folder: Path) -> None:
    server = server_in(folder)
    server.start()
    server.stop()
    (folder / "postgresql" / "global" / "pg_control").unlink()
    with pytest.raises(StackProblem, match=r"^PostgreSQL cannot start on .*; see .*make reset`\.$") as raised:
        server.start()
    assert "\n" not in str(raised.value)


def test_a_taken_port_is_one_sentence_that_names_the_variable(folder: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(StackProblem, match=rf"^Port {port} is taken.*UPHELD_POSTGRES_PORT\.$"):
            server_in(folder, port=port).start()


def test_an_initdb_that_was_cut_short_is_not_taken_for_a_cluster(folder: Path) -> None:
    (folder / "postgresql.part").mkdir()
    (folder / "postgresql.part" / "PG_VERSION").write_text("18\n")
    server = server_in(folder)
    server.start()
    server.stop()


def test_missing_programs_are_one_sentence(folder: Path) -> None:
    with pytest.raises(StackProblem, match=r"UPHELD_POSTGRES_BIN is .*, but there is no `postgres`"):
        server_in(folder, binaries=folder)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root runs the database as somebody else")
def test_programs_that_the_other_user_cannot_reach_are_copied(folder: Path) -> None:
    closed = folder / "closed"
    closed.mkdir(mode=0o700)
    binaries = postgresql_binaries()
    package = binaries.parent.parent
    shutil.copytree(binaries.parent, closed / package.name / binaries.parent.name)
    libraries = package.with_name(f"{package.name}.libs")
    if libraries.is_dir():
        shutil.copytree(libraries, closed / libraries.name)
    server = server_in(folder, binaries=closed / package.name / binaries.parent.name / "bin")
    server.start()
    server.stop()


SERVICES = ("contracts", "probes")


@pytest.fixture(scope="module")
def prepared(postgres_server: PostgresServer) -> tuple[str, dict[str, RolePasswords]]:
    """A database `prepared` with two services, bootstrapped twice, and the passwords of their roles."""
    passwords = {service: role_passwords(postgres_server, service) for service in SERVICES}
    url = postgres_server.url("prepared")
    bootstrap(url, SERVICES, passwords)
    bootstrap(url, SERVICES, passwords)
    return url, passwords


def test_the_owner_of_a_schema_makes_tables_in_it(prepared: tuple[str, dict[str, RolePasswords]]) -> None:
    url, passwords = prepared
    with psycopg.connect(with_role(url, "contracts_owner", passwords["contracts"].owner)) as connection:
        connection.execute("create table contracts.thing (id int primary key)")
        connection.execute("drop table contracts.thing")


@pytest.mark.parametrize(
    "statement",
    [
        "create table contracts.thing (id int)",
        "create table public.thing (id int)",
        "create schema mine",
        "create table probes.thing (id int)",
        "create role other",
    ],
)
def test_the_application_role_makes_nothing(prepared: tuple[str, dict[str, RolePasswords]], statement: str) -> None:
    url, passwords = prepared
    with (
        psycopg.connect(with_role(url, "contracts_app", passwords["contracts"].app)) as connection,
        pytest.raises(psycopg.errors.InsufficientPrivilege),
    ):
        connection.execute(sql.SQL(statement))


@pytest.mark.parametrize("role", ["owner", "app"])
def test_no_role_of_a_service_sees_the_schema_of_another(
    prepared: tuple[str, dict[str, RolePasswords]], role: str
) -> None:
    url, passwords = prepared
    with psycopg.connect(with_role(url, "probes_owner", passwords["probes"].owner), autocommit=True) as connection:
        connection.execute("create table if not exists probes.secret (id int)")
        connection.execute("grant select on probes.secret to public")
    with (
        psycopg.connect(with_role(url, f"contracts_{role}", getattr(passwords["contracts"], role))) as connection,
        pytest.raises(psycopg.errors.InsufficientPrivilege, match="schema probes"),
    ):
        connection.execute("select * from probes.secret")


def test_a_role_that_may_create_roles_can_prepare_its_own_database(own_postgres_server: PostgresServer) -> None:
    passwords = {"reporting": RolePasswords()}
    with psycopg.connect(own_postgres_server.url(), autocommit=True) as connection:
        connection.execute("create role operations login createrole password 'p1'")
        connection.execute("create database external owner operations")
    url = own_postgres_server.url("external", "operations", "p1")
    bootstrap(url, ["reporting"], passwords)
    bootstrap(url, ["reporting"], passwords)
    with psycopg.connect(with_role(url, "reporting_owner", passwords["reporting"].owner)) as connection:
        connection.execute("create table reporting.thing (id int)")


def test_a_role_that_may_not_create_roles_is_one_sentence(postgres_server: PostgresServer) -> None:
    with psycopg.connect(postgres_server.url(), autocommit=True) as connection:
        connection.execute("create role nobody_special login password 'p1'")
        connection.execute("create database refused owner nobody_special")
    with pytest.raises(StackProblem, match=r"^The role of UPHELD_DATABASE_URL may not prepare .* create roles"):
        bootstrap(postgres_server.url("refused", "nobody_special", "p1"), ["incidents"], {"incidents": RolePasswords()})
