"""Servers for tests: real ones, from the same wheels as `make run`, fast and thrown away."""

import hmac
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from shared.stack.folders import RolePasswords, can_enter, new_password
from shared.stack.nats_server import OPERATOR, SERVICES, NatsServer, usual_users
from shared.stack.postgres_server import PostgresServer
from shared.stack.processes import unprivileged_account


@contextmanager
def temporary_folder(name: str) -> Iterator[Path]:
    """A folder that the account of PostgreSQL can reach also when the tests run as root, deleted at the end.

    pytest's own temporary folders are closed to everybody else.
    """
    account = unprivileged_account()
    base = Path(tempfile.gettempdir())
    if account is not None and not can_enter(base, account):
        base = Path("/var/tmp")  # noqa: S108 - mkdtemp makes a folder of our own in it  # nosec B108
    folder = Path(tempfile.mkdtemp(prefix=f"upheld-{name}-", dir=base))
    folder.chmod(0o711)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def role_passwords(server: PostgresServer, service: str) -> RolePasswords:
    """The passwords of a service's roles in one cluster.

    Roles belong to the cluster, not to a database: whoever prepares one more database in it must come to the same
    passwords, or he locks the others out.
    """

    def of(role: str) -> str:
        return "p" + hmac.digest(server.superuser_password.encode(), role.encode(), "sha256").hex()

    return RolePasswords(owner=of(f"{service}_owner"), app=of(f"{service}_app"))


@contextmanager
def running_postgres() -> Iterator[PostgresServer]:
    """A new cluster: no fsync, but a commit still survives SIGKILL of the server."""
    with temporary_folder("postgres") as folder:
        server = PostgresServer(folder, log=folder / "postgresql.log", superuser_password=new_password(), durable=False)
        server.start()
        try:
            yield server
        finally:
            server.stop(hard=True)


@contextmanager
def running_nats() -> Iterator[NatsServer]:
    """A new server with the users and permissions of the product. `url()` is the operator's, who may do everything."""
    with temporary_folder("nats") as folder:
        passwords = {user: new_password() for user in (*SERVICES, OPERATOR)}
        server = NatsServer(folder, log=folder / "nats.log", users=usual_users(passwords))
        server.start()
        try:
            yield server
        finally:
            server.stop()
