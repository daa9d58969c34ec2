"""Prepare the database of a deployment, with the very code that prepares the embedded one.

``python -m shared.stack.deployment`` makes the database, a schema and two roles per service, and gives the roles the
passwords that stand in the services' own database URLs, so that no password is written down twice. It is safe to run
again: each release runs it before the migrations.

Reads, from the environment or from one file per value in UPHELD_SECRETS_DIR (lower-case names):

* ``UPHELD_DATABASE_URL``: a role that may create roles and databases;
* ``<SERVICE>_DATABASE_URL`` and ``<SERVICE>_MIGRATION_DATABASE_URL`` of the four services.
"""

import os
import sys
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import unquote, urlsplit

from shared.settings import SECRETS_FOLDER_VARIABLE
from shared.stack.bootstrap import bootstrap, database_of
from shared.stack.folders import RolePasswords
from shared.stack.problems import StackProblem

SERVICES = ("contracts", "probes", "incidents", "reporting")
ADMINISTRATOR = "UPHELD_DATABASE_URL"


def read_value(name: str, environment: Mapping[str, str]) -> str:
    """A value of the environment, else of the secrets folder. Raises StackProblem naming both when there is none."""
    value = environment.get(name, "")
    folder = environment.get(SECRETS_FOLDER_VARIABLE)
    file = Path(folder) / name.lower() if folder else None
    if not value and file is not None and file.is_file():
        value = file.read_text(encoding="utf-8").strip()
    if not value:
        raise StackProblem(f"{name} is not set: set it, or put it into the file {name.lower()} of the secrets folder.")
    return value


def role_passwords(environment: Mapping[str, str]) -> dict[str, RolePasswords]:
    """Service -> the passwords of its two roles, out of its URLs.

    Raises StackProblem when a URL names another role than `<service>_app` or `<service>_owner`, another database than
    the administrator's, or no password.
    """
    database = database_of(read_value(ADMINISTRATOR, environment))
    passwords = {}
    for service in SERVICES:
        prefix = service.upper()
        passwords[service] = RolePasswords(
            app=_password(f"{prefix}_DATABASE_URL", f"{service}_app", database, environment),
            owner=_password(f"{prefix}_MIGRATION_DATABASE_URL", f"{service}_owner", database, environment),
        )
    return passwords


def _password(variable: str, role: str, database: str, environment: Mapping[str, str]) -> str:
    url = read_value(variable, environment)
    parts = urlsplit(url)
    if parts.username != role or not parts.password or database_of(url) != database:
        raise StackProblem(f"{variable} must name the role {role}, its password and the database {database}.")
    return unquote(parts.password)


def main() -> int:
    """Exit status 0 when everything is there, 1 with one sentence on standard error when it cannot be."""
    try:
        passwords = role_passwords(os.environ)
        bootstrap(read_value(ADMINISTRATOR, os.environ), SERVICES, passwords)
    except StackProblem as problem:
        sys.stderr.write(f"{problem}\n")
        return 1
    sys.stdout.write("The database is ready for the migrations of the four services.\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
