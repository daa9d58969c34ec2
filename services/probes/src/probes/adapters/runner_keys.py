"""The file of runner keys: the users of runners, which the NATS server includes in its configuration.

A key is a NATS user that is bound to one location. The file holds bcrypt hashes, never a key. NATS reads it when it
starts and when it is told to reload.
"""

import fcntl
import json
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import bcrypt

from probes.adapters.messages import result_subject
from shared.stack.folders import new_password, write_private
from shared.stack.nats_server import runner_name, runner_user

HEADER = "# Written by `python -m probes runner-keys`; NATS includes it. Reload NATS after a change.\n"
_COST = 10
"""Of bcrypt. Keys are random words of 192 bits: nobody guesses them at any cost, and each connection pays it."""
_PREFIX = runner_name("")
_RESULTS = result_subject("")


class NoRunnerKey(Exception):
    """The message says in one sentence what is wrong with the wish, and what to do."""


@dataclass(frozen=True)
class RunnerKey:
    """What is known of a key: never the key itself."""

    name: str
    location: str
    hash: str


class RunnerKeys:
    """The keys in one file. Whoever changes them holds the folder, and the file is replaced at once."""

    def __init__(self, file: Path) -> None:
        self._file = file

    def all(self) -> list[RunnerKey]:
        """By location and name. Raises NoRunnerKey for a file that is none of ours."""
        try:
            text = self._file.read_text(encoding="utf-8")
        except FileNotFoundError:
            return []
        except OSError as error:
            raise NoRunnerKey(f"{self._file} cannot be read ({error.strerror}): run this as its owner.") from error
        document = "".join(line for line in text.splitlines() if not line.startswith("#")).strip()
        if not document:
            return []
        try:
            found = [_key(user) for user in json.loads(document)["users"]]
        except (ValueError, TypeError, LookupError, AttributeError) as error:
            raise NoRunnerKey(
                f"{self._file} is not a file of runner keys: name another one, or move it away and make new keys."
            ) from error
        return sorted(found, key=lambda key: (key.location, key.name))

    def add(self, location: str, name: str | None) -> tuple[RunnerKey, str]:
        """A new key of a location and its secret, which is nowhere else. Raises NoRunnerKey when the name is taken.

        Without a name it is the location's, with a number if there is one already.
        """
        with self._held():
            keys = self.all()
            taken = {key.name for key in keys}
            if name in taken:
                raise NoRunnerKey(f"There is a key {name} already: choose another name, or revoke it first.")
            secret = new_password()
            hashed = bcrypt.hashpw(secret.encode(), bcrypt.gensalt(_COST)).decode()
            key = RunnerKey(name or _free_name(location, taken), location, hashed)
            self._write([*keys, key])
        return key, secret

    def revoke(self, name: str) -> RunnerKey:
        """Raises NoRunnerKey when there is no such key."""
        with self._held():
            keys = self.all()
            for key in keys:
                if key.name == name:
                    self._write([other for other in keys if other is not key])
                    return key
        raise NoRunnerKey(f"There is no key {name}: `runner-keys list` names those there are.")

    @contextmanager
    def _held(self) -> Iterator[None]:
        try:
            folder = os.open(self._file.absolute().parent, os.O_RDONLY)
        except OSError as error:
            raise NoRunnerKey(f"There is no folder for {self._file} ({error.strerror}): make it first.") from error
        try:
            fcntl.flock(folder, fcntl.LOCK_EX)
            yield
        finally:
            os.close(folder)

    def _write(self, keys: Sequence[RunnerKey]) -> None:
        users = [runner_user(key.name, key.location, key.hash).entry() for key in keys]
        try:
            write_private(self._file, HEADER + json.dumps({"users": users}, indent=1) + "\n")
        except OSError as error:
            raise NoRunnerKey(f"{self._file} cannot be written ({error.strerror}): nothing has changed.") from error


def _key(user: dict[str, Any]) -> RunnerKey:
    """From the user as NATS reads it: what it may publish says which location it is bound to."""
    locations = [
        subject.removeprefix(_RESULTS)
        for subject in user["permissions"]["publish"]["allow"]
        if subject.startswith(_RESULTS)
    ]
    return RunnerKey(user["user"].removeprefix(_PREFIX), locations[0], user["password"])


def _free_name(location: str, taken: set[str]) -> str:
    number = 1
    while (name := location if number == 1 else f"{location}-{number}") in taken:
        number += 1
    return name
