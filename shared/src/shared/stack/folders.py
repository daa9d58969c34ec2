"""The data folder: what the stack remembers between two runs, and who may use it at a time."""

import errno
import fcntl
import hashlib
import json
import os
import secrets
import shutil
import stat
from pathlib import Path
from typing import IO

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from shared.stack.problems import StackProblem
from shared.stack.processes import Account

OUTSIDE = Path("/var/lib/upheld")
"""Where the database of a root user goes when no other account may enter his checkout."""

MEMORY = "state.json"


def new_password() -> str:
    """A random password of 192 bits that needs no quoting in a URL, a shell or a configuration file."""
    return "p" + secrets.token_hex(24)


class RolePasswords(BaseModel):
    """The two PostgreSQL roles of a service."""

    owner: str = Field(default_factory=new_password)
    app: str = Field(default_factory=new_password)


class Administrator(BaseModel):
    """The first administrator key of one installation, as `python -m contracts bootstrap --json` printed it."""

    model_config = ConfigDict(extra="ignore")

    tenant_id: str
    key_id: str
    client_id: str
    client_secret: str


class Memory(BaseModel):
    """Ports and passwords that stay the same from one run to the next."""

    format: int = 1
    postgres_port: int | None = None
    postgres_password: str = Field(default_factory=new_password)
    roles: dict[str, RolePasswords] = {}
    nats_port: int | None = None
    nats_monitor_port: int | None = None
    nats_passwords: dict[str, str] = {}
    mail_port: int | None = None
    secrets: dict[str, str] = {}
    """Secrets of services that must not change but by `change_key`: what they sealed would be lost."""
    previous_secrets: dict[str, str] = {}
    """Those before them: what they sealed can be read until it is sealed anew."""
    administrators: dict[str, Administrator] = {}
    """Per database: a key is worth something only in the database that knows it."""

    def roles_of(self, service: str) -> RolePasswords:
        """The passwords of a service's roles, made up at the first call."""
        return self.roles.setdefault(service, RolePasswords())

    def nats_password(self, user: str) -> str:
        """The password of a NATS user, made up at the first call."""
        return self.nats_passwords.setdefault(user, new_password())

    def secret(self, name: str) -> str:
        """A secret of a service, made up at the first call."""
        return self.secrets.setdefault(name, new_password())

    def change_key(self, service: str) -> None:
        """Make up another key and keep the one before. Raises StackProblem while there is one to be forgotten."""
        if service not in self.secrets:
            raise StackProblem(f"{service} has no key that could be changed: `make run` makes the first one.")
        if service in self.previous_secrets:
            raise StackProblem(
                f"The key of {service} was changed before, and what the one before it has sealed may need it: "
                f"`upheld admin {service} reseal-secrets`, then `make forget-key SERVICE={service}`."
            )
        self.previous_secrets[service] = self.secrets[service]
        self.secrets[service] = new_password()

    def forget_key(self, service: str) -> None:
        """Forget the key before the present one. Raises StackProblem when there is none."""
        if self.previous_secrets.pop(service, None) is None:
            raise StackProblem(f"There is no key of {service} before the present one.")


def write_private(file: Path, content: str) -> None:
    """Replace a file at once, so that nobody reads half of it; only its owner can read it."""
    temporary = file.with_name(f".{file.name}.{os.getpid()}")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as stream:
        stream.write(content)
        stream.flush()
        os.fsync(stream.fileno())
    temporary.replace(file)


def cannot_write(folder: Path, error: OSError) -> StackProblem:
    """The sentence for a folder that cannot be written."""
    if error.errno in {errno.ENOSPC, errno.EDQUOT}:
        return StackProblem(f"The disk that holds {folder} is full: free some space or set UPHELD_DATA_DIR.")
    if error.errno in {errno.ENOTDIR, errno.EEXIST}:
        return StackProblem(
            f"The data folder {folder} cannot be made: there is a file in its place; set UPHELD_DATA_DIR."
        )
    return StackProblem(
        f"The data folder {folder} cannot be written ({error.strerror}): "
        "run as the user who made it, or set UPHELD_DATA_DIR to another folder."
    )


class DataFolder:
    """The folder `.upheld` (UPHELD_DATA_DIR). Hold its lock while servers run on it."""

    def __init__(self, path: Path) -> None:
        self.path = path.resolve()
        self._lock: IO[str] | None = None

    @property
    def logs(self) -> Path:
        """One log per process."""
        return self.path / "logs"

    @property
    def nats(self) -> Path:
        """Configuration and streams of the embedded NATS."""
        return self.path / "nats"

    @property
    def clock_file(self) -> Path:
        """Holds the shift of the services' clock in seconds."""
        return self.path / "clock"

    @property
    def environment_file(self) -> Path:
        """What scripts may source: addresses and the administrator's key."""
        return self.path / "env"

    def prepare(self) -> None:
        """Make the folder. Others may pass through it (the database may run as another user) but not list it."""
        try:
            for folder in (self.path, self.logs, self.nats):
                folder.mkdir(parents=True, exist_ok=True)
            self.path.chmod(0o711)
            self.logs.chmod(0o700)
            self.nats.chmod(0o700)
            write_private(self.path / ".writable", "")
            (self.path / ".writable").unlink()
        except OSError as error:
            raise cannot_write(self.path, error) from error

    def lock(self) -> None:
        """Take the folder for this process until it ends. Raises StackProblem when another supervisor has it."""
        try:
            file = (self.path / "lock").open("a+")
        except OSError as error:
            raise cannot_write(self.path, error) from error
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.seek(0)
            owner = file.read().strip() or "unknown"
            file.close()
            raise StackProblem(
                f"Upheld already runs on the data folder {self.path} (process {owner}): "
                "stop it first, or set UPHELD_DATA_DIR and the ports to run a second one."
            ) from None
        file.truncate(0)
        file.write(str(os.getpid()))
        file.flush()
        self._lock = file

    def unlock(self) -> None:
        """Give the folder back."""
        if self._lock is not None:
            self._lock.close()
            self._lock = None

    def is_locked(self) -> bool:
        """Tell whether a supervisor runs on this folder now."""
        try:
            with (self.path / "lock").open("r") as file:
                fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        except OSError:
            return False
        return False

    def remember(self, memory: Memory) -> None:
        """Write ports and passwords down."""
        try:
            write_private(self.path / MEMORY, memory.model_dump_json(indent=2) + "\n")
        except OSError as error:
            raise cannot_write(self.path, error) from error

    def recall(self) -> Memory:
        """Read ports and passwords, or start with none."""
        file = self.path / MEMORY
        try:
            return Memory.model_validate(json.loads(file.read_text()))
        except FileNotFoundError:
            return Memory()
        except PermissionError as error:
            raise cannot_write(self.path, error) from error
        except (ValueError, ValidationError) as error:
            raise StackProblem(
                f"{file} is damaged, and with it the passwords of the database: restore it from a copy, "
                "or forget all data with `make reset`."
            ) from error

    def server_folder(self, account: Account | None) -> Path:
        """Where programs that run as `account` keep their files: inside the data folder if they can get there.

        A checkout below a folder like /root (mode 0700) cannot be entered by `nobody`; its database then lives in
        /var/lib/upheld/<hash of the data folder>.
        """
        if account is None or can_enter(self.path, account):
            return self.path
        folder = self._outside()
        try:
            folder.mkdir(parents=True, exist_ok=True)
            OUTSIDE.chmod(0o755)
            folder.chmod(0o711)
        except OSError as error:
            raise cannot_write(folder, error) from error
        return folder

    def _outside(self) -> Path:
        return OUTSIDE / hashlib.sha256(str(self.path).encode()).hexdigest()[:16]

    def forget(self) -> None:
        """Delete all data. Raises StackProblem while a supervisor runs on it."""
        if self.is_locked():
            raise StackProblem(f"Upheld runs on {self.path}: stop it before its data is deleted.")
        for folder in (self.path, self._outside()):
            try:
                shutil.rmtree(folder)
            except FileNotFoundError:
                continue
            except OSError as error:
                raise StackProblem(f"Cannot delete {folder}: {error.strerror}.") from error


def can_enter(folder: Path, account: Account) -> bool:
    """Tell whether an account may go through this folder and all its parents; folders that do not exist yet count."""
    for path in (folder, *folder.parents):
        try:
            found = path.stat()
        except FileNotFoundError:
            continue
        if found.st_uid == account.uid:
            allowed = stat.S_IXUSR
        elif found.st_gid == account.gid:
            allowed = stat.S_IXGRP
        else:
            allowed = stat.S_IXOTH
        if not found.st_mode & allowed:
            return False
    return True
