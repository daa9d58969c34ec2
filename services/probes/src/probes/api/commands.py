"""Commands for whoever runs the installation: `runner-keys`, `reseal-secrets`."""

import argparse
import re
import sys
from collections.abc import Sequence
from pathlib import Path

from probes.adapters.check_secrets import check_secrets, location_key
from probes.adapters.runner_keys import NoRunnerKey, RunnerKeys
from probes.adapters.sealed_secrets import reseal_all
from probes.published.v1 import registry
from probes.settings import LOCATION_PATTERN, ProbesSettings
from shared.progress import SaidNowAndThen
from shared.stack.nats_server import runner_name
from shared.worker import build_runtime


async def runner_keys(arguments: Sequence[str], settings: ProbesSettings) -> int:
    """Make, list and revoke the keys of runners, which are bound to a location."""
    options = _parser(settings).parse_args(arguments)
    if options.action in ("add", "location-key") and options.location not in settings.locations:
        known = ", ".join(settings.locations)
        return _refused(f"{options.location} is not in PROBES_LOCATIONS ({known}): add it there first.")
    if options.action == "location-key":
        return _location_key(options.location, settings)
    if options.file is None:
        return _refused("Say which file: --file, or PROBES_RUNNER_KEYS_FILE.")
    keys = RunnerKeys(options.file)
    try:
        if options.action == "list":
            for key in keys.all():
                _say(f"{key.name} {key.location}")
        elif options.action == "add":
            return _add(keys, options.location, options.name, settings)
        else:
            gone = keys.revoke(options.name)
            _say(f"{gone.name} {gone.location} revoked")
            _tell("It counts until NATS reloads its configuration.")
    except NoRunnerKey as error:
        return _refused(str(error))
    return 0


async def reseal_secrets(arguments: Sequence[str], settings: ProbesSettings) -> int:
    """seal every secret of checks with the present key, so that the previous one can be taken out of the settings"""
    parser = argparse.ArgumentParser(prog="python -m probes reseal-secrets", description=reseal_secrets.__doc__)
    parser.add_argument("--in-clear", action="store_true", help="open them, before going back to a release of before")
    in_clear = parser.parse_args(arguments).in_clear
    runtime = build_runtime(settings, registry)
    try:
        resealed, unreadable = await reseal_all(
            runtime.units, check_secrets(settings), SaidNowAndThen(), in_clear=in_clear
        )
    finally:
        await runtime.close()
    _say(f"opened {resealed} secrets" if in_clear else f"sealed {resealed} secrets with the present key")
    for name in unreadable:
        _say(f"no key opens the {name}: give its secrets again")
    return 1 if unreadable else 0


def _add(keys: RunnerKeys, location: str, name: str | None, settings: ProbesSettings) -> int:
    if name is not None and not re.fullmatch(LOCATION_PATTERN, name):
        return _refused(f"{name!r} is no name for a key: use up to 40 lower-case letters, digits and hyphens.")
    key, secret = keys.add(location, name)
    _tell(
        f"The key {key.name} for {location}, shown this once. Put the address of NATS where it says ADDRESS, and "
        "reload NATS's configuration: until then it does not know the key."
    )
    _say(f"PROBES_LOCATION={location}")
    _say(f"PROBES_NATS_URL=tls://{runner_name(key.name)}:{secret}@ADDRESS:4222")
    if settings.secret_key is None:
        _tell(
            f"`runner-keys location-key {location}`, run where PROBES_SECRET_KEY is known, prints PROBES_LOCATION_KEY, "
            "which the runner needs for checks with passwords."
        )
    _say_location_keys(location, settings)
    return 0


def _location_key(location: str, settings: ProbesSettings) -> int:
    if settings.secret_key is None:
        return _refused("Run this where PROBES_SECRET_KEY is known: the key of the location follows from it.")
    _say_location_keys(location, settings)
    return 0


def _say_location_keys(location: str, settings: ProbesSettings) -> None:
    for name, key in (
        ("PROBES_LOCATION_KEY", settings.secret_key),
        ("PROBES_PREVIOUS_LOCATION_KEY", settings.previous_secret_key),
    ):
        if key is not None:
            _say(f"{name}={location_key(key, location)}")


def _parser(settings: ProbesSettings) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m probes runner-keys", description=runner_keys.__doc__)
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    add = actions.add_parser("add", help="make a key for a location and print it, this once")
    add.add_argument("location", metavar="LOCATION", help="one of PROBES_LOCATIONS")
    add.add_argument("--name", help="to revoke it by; default: the location, with a number if there is one already")
    opening = actions.add_parser("location-key", help="print what opens the secrets of a location's checks")
    opening.add_argument("location", metavar="LOCATION", help="one of PROBES_LOCATIONS")
    listing = actions.add_parser("list", help="names and locations")
    revoke = actions.add_parser("revoke", help="let a key open nothing any more")
    revoke.add_argument("name", metavar="NAME")
    for action in (add, listing, revoke):
        action.add_argument(
            "--file", type=Path, default=settings.runner_keys_file, help="default: PROBES_RUNNER_KEYS_FILE"
        )
    return parser


def _refused(sentence: str) -> int:
    _tell(f"probes: {sentence}")
    return 1


def _tell(sentence: str) -> None:
    sys.stderr.write(sentence + "\n")


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
