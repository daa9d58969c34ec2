"""Runners as processes of their own, each with its key."""

import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from probes.adapters.runner_keys import RunnerKeys
from shared.stack.nats_server import NatsServer, runner_name


def runner_url(nats: NatsServer, location: str, name: str | None = None) -> str:
    """The NATS address with a new key of a location, which the server knows."""
    key, secret = RunnerKeys(nats.runners_file).add(location, name)
    nats.reload()
    return f"nats://{runner_name(key.name)}:{secret}@127.0.0.1:{nats.port}"


@contextmanager
def running(
    url: str, location: str, log: Path, more: Mapping[str, str] | None = None
) -> Iterator[subprocess.Popen[bytes]]:
    """`python -m probes runner` with nothing but its key and the networks of the test; its log is in `log`."""
    environment = {
        "PATH": os.environ["PATH"],
        "PROBES_NATS_URL": url,
        "PROBES_LOCATION": location,
        "PROBES_ALLOWED_NETWORKS": "127.0.0.0/8",
    } | dict(more or {})
    with log.open("ab") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "probes", "runner"], env=environment, stdout=output, stderr=output
        )
    try:
        yield process
    finally:
        process.terminate()
        process.wait(timeout=60)
