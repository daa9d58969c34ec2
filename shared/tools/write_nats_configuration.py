"""Write the NATS configuration of Compose and Kubernetes from the users that the embedded server has.

One file is whole; the other, for the Helm chart of NATS, which writes the rest, has the accounts alone.

Passwords are not in it: the server reads them from its environment (CONTRACTS_NATS_PASSWORD …). With ``--check``
nothing is written and the exit status is 1 when a file is not what this script would write.

Run: ``.venv/bin/python shared/tools/write_nats_configuration.py [--check]``
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path

from workspace import ROOT, SERVICES

from shared.stack.nats_server import OPERATOR, RUNNERS_FILE, NatsUser, render_accounts, usual_users

CONFIGURATION = ROOT / "deploy/k8s/base/nats/nats.conf"
ACCOUNTS = ROOT / "deploy/k8s/overlays/production/nats-accounts.conf"
# A folder of its own, beside that of the configuration: it is a Secret, or a volume.
RUNNERS = f"../nats-runners/{RUNNERS_FILE}"
NOTE = """\
# Written by shared/tools/write_nats_configuration.py from the users of the embedded server; change those and run it.
"""
HEADER = f"""\
{NOTE}# The same file serves docker-compose.yml and deploy/k8s. Passwords come from the environment of the server: begin
# them with a letter and use letters and digits only, as the server reads the value as if it stood here unquoted.
server_name: $NATS_SERVER_NAME
host: "0.0.0.0"
port: 4222
http: "0.0.0.0:8222"
max_payload: 4MB
jetstream {{
  store_dir: "/data"
  # The default acknowledges first and syncs within two minutes: a power cut would lose acknowledged events.
  sync_interval: always
  max_memory_store: 256MB
  # The sum of what the streams may grow to; the volume has to be larger.
  max_file_store: 60GB
}}
"""


def password_variable(user: str) -> str:
    """The environment variable with the password of a NATS user."""
    return f"{user.upper()}_NATS_PASSWORD"


def accounts(users: Sequence[NatsUser]) -> str:
    """Who may connect. The users' passwords are left out."""
    entries = []
    for user in users:
        body = json.dumps(user.permissions(), indent=2).replace("\n", "\n       ")
        entries += [
            "      {",
            f"       user: {json.dumps(user.name)}",
            f"       password: ${password_variable(user.name)}",
            f"       permissions: {body}",
            "      }",
        ]
    return "\n".join([*render_accounts(entries, RUNNERS), ""])


def expected() -> dict[Path, str]:
    """What the committed files must hold."""
    names = (*SERVICES, OPERATOR)
    who = accounts(usual_users(dict.fromkeys(names, ""), SERVICES))
    return {CONFIGURATION: HEADER + who, ACCOUNTS: NOTE + who}


def main(arguments: list[str] | None = None) -> int:
    """Exit status 0, or 1 when ``--check`` finds a difference."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--check", action="store_true", help="compare only")
    options = parser.parse_args(arguments)
    stale = False
    for file, text in expected().items():
        if not options.check:
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text, encoding="utf-8")
        elif not file.is_file() or file.read_text(encoding="utf-8") != text:
            stale = True
            print(
                f"{file.relative_to(ROOT)} is not what the embedded server's users say: "
                "run `.venv/bin/python shared/tools/write_nats_configuration.py` and commit it.",
                file=sys.stderr,
            )
        else:
            print(f"{file.relative_to(ROOT)} is up to date.")
    return 1 if stale else 0


if __name__ == "__main__":
    sys.exit(main())
