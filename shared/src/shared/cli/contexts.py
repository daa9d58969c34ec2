"""Contexts: several installations with their addresses and keys, in one file that only its owner can read.

The file is `contexts.json` in `$XDG_CONFIG_HOME/upheld` (`~/.config/upheld`), mode 0600. It holds API keys: nothing of
it is ever printed but names, addresses and the public prefix of a key.
"""

import json
import os
import stat
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from shared.cli.refusals import CannotGoOn, WrongUsage

SERVICES = ("contracts", "probes", "incidents", "reporting")
PLACEHOLDER = "{service}"
LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})


@dataclass(frozen=True)
class Context:
    """One installation, and the key with which it is used."""

    name: str
    urls: Mapping[str, str]
    """Service to the base URL of its API."""
    ops_urls: Mapping[str, str] = field(default_factory=dict)
    """Service to the base URL of its metrics, where they can be reached."""
    key: str = field(default="", repr=False)
    """The API key: `<prefix>_<secret>`; empty after logout."""
    token: str = field(default="", repr=False)
    """The last bearer token; good for some minutes."""
    kept: bool = True
    """Whether it stands in the file; one made of the environment does not."""

    @property
    def prefix(self) -> str:
        """The public name of the key."""
        return self.key.partition("_")[0]

    def url(self, service: str) -> str:
        """The base URL of a service. Raises CannotGoOn when the context does not know it."""
        found = self.urls.get(service)
        if not found:
            raise CannotGoOn(
                f"The context {self.name} does not say where {service} is.",
                f"upheld login --name {self.name} --url 'https://…/{PLACEHOLDER}', or set {service.upper()}_URL.",
            )
        return found


def folder() -> Path:
    """Where the file is."""
    base = os.environ.get("XDG_CONFIG_HOME", "")
    # The XDG specification: a path that is not absolute is to be ignored. In a container there may be no home.
    return Path(base if base.startswith("/") else f"{os.environ.get('HOME', '')}/.config") / "upheld"


class ContextFile:
    """The file of contexts. Each change reads it again, so that two terminals do not undo each other's work."""

    def __init__(self, path: Path | None = None) -> None:
        self.path = path or folder() / "contexts.json"

    def all(self) -> dict[str, Context]:
        """The contexts by name, in the order in which they were made."""
        return {
            name: Context(
                name=name,
                urls=dict(one.get("urls", {})),
                ops_urls=dict(one.get("ops_urls", {})),
                key=str(one.get("key", "")),
                token=str(one.get("token", "")),
            )
            for name, one in self._read()["contexts"].items()
        }

    @property
    def current(self) -> str | None:
        """Name of the context that is used when none is named."""
        name = self._read().get("current")
        return str(name) if name else None

    def put(self, context: Context, *, use: bool = False) -> None:
        """Writes a context, new or changed."""
        content = self._read()
        facts = asdict(context)
        content["contexts"][context.name] = {name: facts[name] for name in ("urls", "ops_urls", "key", "token")}
        if use or not content.get("current"):
            content["current"] = context.name
        self._write(content)

    def use(self, name: str) -> None:
        """Makes a context the current one. Raises CannotGoOn when there is none of that name."""
        content = self._read()
        self._known(content, name)
        self._write(content | {"current": name})

    def remove(self, name: str) -> None:
        """Forgets a context and its key. Raises CannotGoOn when there is none of that name."""
        content = self._read()
        self._known(content, name)
        del content["contexts"][name]
        if content.get("current") == name:
            content["current"] = None
        self._write(content)

    def named(self, name: str) -> Context:
        """The context of that name. Raises CannotGoOn."""
        self._known(self._read(), name)
        return self.all()[name]

    def _known(self, content: Mapping[str, Any], name: str) -> None:
        if name not in content["contexts"]:
            there = ", ".join(content["contexts"]) or "none"
            raise WrongUsage(f"There is no context {name}.", f"Known: {there}. `upheld login --name {name}` makes one.")

    def _read(self) -> dict[str, Any]:
        try:
            mode = self.path.stat().st_mode
            if mode & (stat.S_IRWXG | stat.S_IRWXO):
                raise CannotGoOn(
                    f"{self.path} holds keys, and others than you may read it ({stat.S_IMODE(mode):04o}).",
                    f"chmod 600 {self.path}, and rotate the keys if somebody may have looked: upheld keys rotate.",
                )
            content = json.loads(self.path.read_text(encoding="utf-8"))
            if not isinstance(content, dict) or not isinstance(content.get("contexts"), dict):
                raise ValueError("no contexts")
        except (FileNotFoundError, NotADirectoryError):
            return {"current": None, "contexts": {}}
        except OSError as error:
            raise CannotGoOn(f"{self.path} cannot be read: {error.strerror}.", "Whose file is it?") from error
        except ValueError:
            raise CannotGoOn(
                f"{self.path} is damaged.", "Restore it, or delete it and log in again: upheld login."
            ) from None
        return content

    def _write(self, content: Mapping[str, Any]) -> None:
        from shared.stack.folders import write_private

        try:
            self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            write_private(self.path, json.dumps(content, indent=2) + "\n")
        except OSError as error:
            raise CannotGoOn(
                f"{self.path} cannot be written: {error.strerror}.", "Set XDG_CONFIG_HOME to a folder of yours."
            ) from error


def chosen_context(name: str | None, file: ContextFile) -> Context:
    """The context to use: the one that is named, else what the environment says, else the current one of the file.

    The environment is that of `. .upheld/env`: `CONTRACTS_URL` and so on, with `UPHELD_CLIENT_SECRET` as the key.
    """
    if name is not None:
        return file.named(name)
    here = context_of_environment()
    if here is not None:
        return here
    current = file.current
    if current is None:
        raise CannotGoOn(
            "No installation is known.",
            "upheld login --url 'https://…/{service}'; beside a running `make run`: . .upheld/env && upheld login.",
        )
    return file.named(current)


def context_of_environment() -> Context | None:
    """What the environment says; None when it names no service or no key."""
    urls = urls_of_environment("URL")
    key = os.environ.get("UPHELD_CLIENT_SECRET", "")
    if not urls or not key:
        return None
    return Context("environment", urls, urls_of_environment("OPS_URL"), key=key, kept=False)


def urls_of_environment(suffix: str) -> dict[str, str]:
    """Service to URL from `CONTRACTS_<suffix>` and so on, where they are set."""
    found = {service: os.environ.get(f"{service.upper()}_{suffix}", "") for service in SERVICES}
    return {service: checked_url(url) for service, url in found.items() if url}


def urls_from(pattern: str) -> dict[str, str]:
    """The four URLs of a pattern such as `https://{service}.upheld.example` or `https://upheld.example/{service}`."""
    if PLACEHOLDER not in pattern:
        raise WrongUsage(
            f"{pattern} is the same address for all services.",
            f"Write {PLACEHOLDER} where the name of the service stands: 'https://upheld.example.com/{PLACEHOLDER}'.",
        )
    return {service: checked_url(pattern.replace(PLACEHOLDER, service)) for service in SERVICES}


def checked_url(url: str) -> str:
    """The URL without a slash at its end. Raises WrongUsage for what is no URL, or would send a key in clear."""
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.username or parts.query or parts.fragment:
        raise WrongUsage(f"{url.partition('@')[2] or url} is no address of a service.", "Write https://host/path.")
    if parts.scheme == "http" and parts.hostname not in LOOPBACK:
        raise WrongUsage(f"{url} would send keys in clear over a network.", "Use https://, or a tunnel to 127.0.0.1.")
    return url.rstrip("/")


def with_token(context: Context, token: str) -> Context:
    """The context with another token."""
    return replace(context, token=token)
