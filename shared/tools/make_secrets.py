"""Make up the secrets of a deployment and print them: for Compose as an .env file, for Kubernetes as Secret manifests.

Nothing is written to disk and nothing is asked of a server. Run it once per installation and keep what it printed:
the passwords become those of the database roles, and the keys seal data.

``.venv/bin/python shared/tools/make_secrets.py compose > .env``
``.venv/bin/python shared/tools/make_secrets.py kubernetes | kubectl --namespace upheld apply --filename -``

``production`` is ``kubernetes`` without the administrator of PostgreSQL: CloudNativePG makes that one up itself.
"""

from __future__ import annotations

import argparse
import secrets
import sys
from collections.abc import Callable

import yaml
from workspace import SERVICES

NATS_USERS = (*SERVICES, "operator")
DATABASE = "upheld"
DATABASE_HOST = "postgres:5432"
NATS_HOST = "nats:4222"
# Settings of one service that are secrets of its own, without the service's prefix.
OWN_SECRETS: dict[str, tuple[str, ...]] = {
    "contracts": ("secret_key",),
    "incidents": ("secret_key",),
    "reporting": ("secret_key",),
}


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


def kubernetes_secrets(new: Callable[[], str] = new_secret) -> dict[str, dict[str, str]]:
    """Name of a Secret -> its keys and values, as the manifests of deploy/k8s refer to them.

    What migrates is apart from what serves: a pod of the API never sees the password of the schema's owner.
    """
    values = compose_variables(new)
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


def production_secrets(new: Callable[[], str] = new_secret) -> dict[str, dict[str, str]]:
    """The same where PostgreSQL is a cluster with an administrator of its own."""
    return {name: values for name, values in kubernetes_secrets(new).items() if name != "postgres"}


def main(arguments: list[str] | None = None) -> int:
    """Prints new secrets; exit status 0."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("target", choices=["compose", "kubernetes", "production"])
    target = parser.parse_args(arguments).target
    if target == "compose":
        print("".join(f"{name}={value}\n" for name, value in compose_variables().items()), end="")
    else:
        manifests = [
            {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name}, "stringData": values}
            for name, values in (production_secrets() if target == "production" else kubernetes_secrets()).items()
        ]
        print(yaml.safe_dump_all(manifests, sort_keys=False), end="")
    return 0


if __name__ == "__main__":
    sys.exit(main())
