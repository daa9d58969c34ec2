"""Make up the secrets of a deployment: for Compose as an .env file, for Kubernetes as Secret manifests.

Nothing is asked of a server. Made once per installation: the passwords become those of the database roles, and the
keys seal data. So nothing here replaces what is there: `--output` writes no file twice, and `kubectl create` makes no
Secret twice (`kubectl apply` would replace them all, and what was sealed could never be read again).

``.venv/bin/python shared/tools/make_secrets.py compose --output .env``
``.venv/bin/python shared/tools/make_secrets.py kubernetes | kubectl --namespace upheld create --filename -``

``production`` is ``kubernetes`` without the administrator of PostgreSQL: CloudNativePG makes that one up itself.

What a later release needs besides: ``--only-missing`` reads what there is and prints what is not, with the passwords
that are known already. ``--renew NAME`` also makes one of them up anew.

``.venv/bin/python shared/tools/make_secrets.py compose --only-missing < .env >> .env``
``kubectl --namespace upheld get secrets --output json | .venv/bin/python shared/tools/make_secrets.py kubernetes \\
  --only-missing --renew CONTRACTS_APP_PASSWORD | kubectl --namespace upheld apply --filename -``

The key that seals data is changed in steps (deploy/runbooks.md): ``--next-key SERVICE`` makes another one, which the
service is told beside its own, and ``--exchange-keys SERVICE`` lets them change places.
"""

from __future__ import annotations

import argparse
import base64
import binascii
import json
import os
import secrets
import stat
import sys
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import yaml
from workspace import SERVICES

NATS_USERS = (*SERVICES, "operator")
DATABASE = "upheld"
DATABASE_HOST = "postgres:5432"
NATS_HOST = "nats:4222"
# Settings of one service that are secrets of its own, without the service's prefix.
OWN_SECRETS: dict[str, tuple[str, ...]] = dict.fromkeys(SERVICES, ("secret_key",))


# Settings that two services share: the portal shows contracts that it is the portal.
SHARED_SECRETS: dict[str, tuple[str, ...]] = {"portal_secret": ("contracts", "reporting")}


def new_secret() -> str:
    """A random word of 192 bits that needs no quoting in a URL, a shell, or a NATS configuration."""
    return "p" + secrets.token_hex(24)


def compose_variables(new: Callable[[], str] = new_secret) -> dict[str, str]:
    """Every variable that docker-compose.yml requires."""
    variables = {"POSTGRES_PASSWORD": new()}
    for service in SERVICES:
        prefix = service.upper()
        variables[f"{prefix}_OWNER_PASSWORD"] = new()
        variables[f"{prefix}_APP_PASSWORD"] = new()
        variables |= {f"{prefix}_{name.upper()}": new() for name in OWN_SECRETS.get(service, ())}
    variables |= {name.upper(): new() for name in SHARED_SECRETS}
    return variables | {f"{user.upper()}_NATS_PASSWORD": new() for user in NATS_USERS}


def kubernetes_secrets(variables: Mapping[str, str] | None = None) -> dict[str, dict[str, str]]:
    """Name of a Secret -> its keys and values, as the manifests of deploy/k8s refer to them; new without variables.

    What migrates is apart from what serves: a pod of the API never sees the password of the schema's owner.
    """
    values = compose_variables() if variables is None else variables
    administrator = values["POSTGRES_PASSWORD"]
    made = {
        "postgres": {
            "postgres_password": administrator,
            "upheld_database_url": f"postgresql://postgres:{administrator}@{DATABASE_HOST}/{DATABASE}",
        },
        "nats": {f"{user}_nats_password": values[f"{user.upper()}_NATS_PASSWORD"] for user in NATS_USERS},
        "nats-runners": {"runners.conf": "# No runner has a key yet: python -m probes runner-keys.\n"},
    }
    for service in SERVICES:
        prefix = service.upper()
        app, owner = values[f"{prefix}_APP_PASSWORD"], values[f"{prefix}_OWNER_PASSWORD"]
        made[service] = {
            f"{service}_database_url": f"postgresql://{service}_app:{app}@{DATABASE_HOST}/{DATABASE}",
            f"{service}_nats_url": f"nats://{service}:{values[f'{prefix}_NATS_PASSWORD']}@{NATS_HOST}",
        } | {f"{service}_{name}": values[f"{prefix}_{name.upper()}"] for name in OWN_SECRETS.get(service, ())}
        made[service] |= {
            f"{service}_{name}": values[name.upper()]
            for name, services in SHARED_SECRETS.items()
            if service in services
        }
        made[f"{service}-migration"] = {
            f"{service}_migration_database_url": f"postgresql://{service}_owner:{owner}@{DATABASE_HOST}/{DATABASE}"
        }
    return made


def production_secrets(variables: Mapping[str, str] | None = None) -> dict[str, dict[str, str]]:
    """The same where PostgreSQL is a cluster with an administrator of its own."""
    return {name: values for name, values in kubernetes_secrets(variables).items() if name != "postgres"}


TARGETS = {"kubernetes": kubernetes_secrets, "production": production_secrets}
Secrets = Mapping[str, Mapping[str, str]]


class CannotMake(Exception):
    """The message says why, and what to do."""


def renewable() -> list[str]:
    """Variables that may be made up anew. What seals data is changed by `reseal-secrets` of its service, and the
    password of PostgreSQL's administrator in PostgreSQL."""
    return [name for name in compose_variables() if not name.endswith("_SECRET_KEY") and name != "POSTGRES_PASSWORD"]


def known_variables(existing: Secrets) -> dict[str, str]:
    """The variables that the Secrets of an installation were made of, as far as they are there."""
    names = {name: name for name in compose_variables()}
    known = {}
    for secret, templates in kubernetes_secrets(names).items():
        for key, template in templates.items():
            found = existing.get(secret, {}).get(key)
            variable = urlsplit(template).password or template
            if found is not None and variable in names:
                # Of an address only the password: who has moved the database keeps it where it is.
                known[variable] = (urlsplit(found).password or "") if variable != template else found
    return {name: value for name, value in known.items() if value}


def _renewed(value: str, before: str, now: str) -> str:
    """The value with the new password where it is the old one, or an address that opens with it; else as it is."""
    if value == before:
        return now
    if urlsplit(value).password != before:
        return value
    head, _, rest = value.partition(f":{before}@")
    return f"{head}:{now}@{rest}"


def missing_secrets(existing: Secrets, wanted: Secrets, renewed: Mapping[str, str]) -> dict[str, dict[str, str]]:
    """The Secrets that lack something or change, whole. `renewed`: a value to the one that takes its place."""
    found = {}
    for name, values in wanted.items():
        there = dict(existing.get(name, {}))
        after = dict(values) | there
        for before, now in renewed.items():
            after = {key: _renewed(value, before, now) for key, value in after.items()}
        if after != there:
            found[name] = after
    return found


def secrets_of_json(text: str) -> dict[str, dict[str, str]]:
    """Of `kubectl get secrets --output json`: name to keys and values. Raises CannotMake when it is no such list."""
    try:
        items: list[dict[str, Any]] = json.loads(text)["items"]
        found = {
            item["metadata"]["name"]: {
                key: base64.b64decode(value).decode("utf-8") for key, value in (item.get("data") or {}).items()
            }
            for item in items
            if item["metadata"]["name"] in kubernetes_secrets() or item["metadata"]["name"] in map(beside, SERVICES)
        }
    except (ValueError, KeyError, TypeError, AttributeError, binascii.Error):
        raise CannotMake("standard input is not what `kubectl get secrets --output json` prints.") from None
    if not found:
        raise CannotMake(
            "none of our Secrets is there. Right namespace? For a first installation leave out the option."
        )
    return found


def variables_of_env(text: str) -> dict[str, str]:
    """The variables of an .env file. Raises CannotMake when none of ours is there."""
    lines = (line.partition("=") for line in text.splitlines() if "=" in line and not line.lstrip().startswith("#"))
    found = {name.strip(): value for name, _, value in lines}
    if not found.keys() & compose_variables().keys():
        raise CannotMake("standard input holds none of our variables. For a first installation leave out the option.")
    return found


def beside(service: str) -> str:
    """The Secret with the other key of a service, which is there only while the key changes."""
    return f"{service}-previous"


def next_key(existing: Secrets, service: str) -> dict[str, dict[str, str]]:
    """The Secret with a new key that the service is to know before it seals with it. Raises CannotMake."""
    if beside(service) in existing:
        raise CannotMake(f"{beside(service)} is there: a change of the key has begun. Go on with it, or end it first.")
    return {beside(service): {f"{service}_previous_secret_key": new_secret()}}


def exchanged_keys(existing: Secrets, service: str) -> dict[str, dict[str, str]]:
    """Both Secrets of a service, whole, after its two keys have changed places. Raises CannotMake."""
    present, other = f"{service}_secret_key", f"{service}_previous_secret_key"
    own, previous = dict(existing.get(service, {})), dict(existing.get(beside(service), {}))
    if present not in own or other not in previous:
        raise CannotMake(f"{service} has one key: make the next one first, with --next-key.")
    if own[present] == previous[other]:
        raise CannotMake(f"Both keys of {service} are the same: an exchange went wrong. Make the next one anew.")
    own[present], previous[other] = previous[other], own[present]
    # The one that gets the old key first: between the two, no moment has that nowhere.
    return {beside(service): previous, service: own}


def _manifests(wanted: Secrets) -> str:
    return yaml.safe_dump_all(
        [
            {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name}, "stringData": dict(values)}
            for name, values in wanted.items()
        ],
        sort_keys=False,
    )


def _lines(variables: Mapping[str, str]) -> str:
    return "".join(f"{name}={value}\n" for name, value in variables.items())


def made(target: str) -> str:
    """All secrets of a new installation."""
    return _lines(compose_variables()) if target == "compose" else _manifests(TARGETS[target]())


def completed(target: str, text: str, renew: Iterable[str] = ()) -> str:
    """What is missing beside `text`, in the form of the target; empty if nothing is. Raises CannotMake."""
    if target == "compose":
        there = variables_of_env(text)
        lacking = {name: value for name, value in compose_variables().items() if name not in there}
        return ("" if text.endswith("\n") or not lacking else "\n") + _lines(lacking)
    existing = secrets_of_json(text)
    known = known_variables(existing)
    unknown = [name for name in renew if name not in known]
    if unknown:
        raise CannotMake(f"{', '.join(unknown)} is not there yet: leave out --renew, and it is made.")
    renewed = {known[name]: new_secret() for name in renew}
    missing = missing_secrets(existing, TARGETS[target](compose_variables() | known), renewed)
    return _manifests(missing) if missing else ""


def _write(text: str, file: Path | None) -> None:
    """To a new file that its owner alone can read; None: to standard output. Raises CannotMake."""
    if file is None:
        mode = os.fstat(1).st_mode
        if stat.S_ISREG(mode) and mode & (stat.S_IRWXG | stat.S_IRWXO):
            raise CannotMake("others may read the file that this is written to. Use --output, or chmod 600 it first.")
        print(text, end="")
        return
    try:
        with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as stream:
            stream.write(text)
    except FileExistsError:
        raise CannotMake(
            f"{file} is there, and nothing can bring back the secrets in it: it is left as it is."
        ) from None
    except OSError as error:
        raise CannotMake(f"{file} cannot be written: {error.strerror}.") from None


def main(arguments: list[str] | None = None) -> int:
    """Prints or writes secrets; exit status 0, or 1 with a sentence."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("target", choices=["compose", *TARGETS])
    parser.add_argument(
        "--output", type=Path, metavar="FILE", help="a new file, for your eyes only; default: print them"
    )
    parser.add_argument("--only-missing", action="store_true", help="beside what standard input says is there")
    parser.add_argument(
        "--renew", action="append", default=[], metavar="NAME", choices=renewable(), help="make it anew"
    )
    keys = parser.add_mutually_exclusive_group()
    keys.add_argument("--next-key", metavar="SERVICE", choices=SERVICES, help="a key to be known before it seals")
    keys.add_argument("--exchange-keys", metavar="SERVICE", choices=SERVICES, help="let its two keys change places")
    given = parser.parse_args(arguments)
    changing = given.next_key or given.exchange_keys
    if changing and (given.only_missing or given.target == "compose"):
        parser.error("keys of a cluster are changed by themselves: not with --only-missing, and not with compose")
    if given.renew and (not given.only_missing or given.target == "compose"):
        parser.error("--renew changes Secrets that are there: it goes with --only-missing, and not with compose")
    try:
        if changing:
            change = next_key if given.next_key else exchanged_keys
            _write(_manifests(change(secrets_of_json(sys.stdin.read()), changing)), given.output)
            return 0
        text = completed(given.target, sys.stdin.read(), given.renew) if given.only_missing else made(given.target)
        if not text:
            print("make_secrets: nothing is missing.", file=sys.stderr)
            return 0
        _write(text, given.output)
    except CannotMake as refusal:
        print(f"make_secrets: {refusal}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
