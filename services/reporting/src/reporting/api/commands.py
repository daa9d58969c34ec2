"""The commands of reporting that are for whoever runs the installation."""

import argparse
import asyncio
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from uuid import UUID

from psycopg.errors import DeadlockDetected, LockNotAvailable
from sqlalchemy.exc import OperationalError

from reporting.adapters.audit_check import check_log, recorded_tenants
from reporting.adapters.audit_verifier import Unreadable, kept_checkpoints
from reporting.adapters.sealed_secrets import reseal_all
from reporting.adapters.secret_box import box_of
from reporting.jobs.rebuild import BATCH, CannotRebuild, Progress, Rebuild
from reporting.published.v1 import registry
from reporting.settings import ReportingSettings
from shared.jetstream import close, connect
from shared.progress import SaidNowAndThen
from shared.worker import build_runtime


async def verify_audit(arguments: Sequence[str], settings: ReportingSettings) -> int:
    """check the audit logs in the database, and what they say of kept events: [--tenant ID] [--checkpoint FILE]"""
    parser = argparse.ArgumentParser(prog="python -m reporting verify-audit", description=verify_audit.__doc__)
    parser.add_argument("--tenant", type=UUID, action="append", help="whose; default: every tenant's")
    parser.add_argument("--checkpoint", type=Path, action="append", default=[], help="checkpoints kept elsewhere")
    options = parser.parse_args(arguments)
    try:
        kept = [each for path in options.checkpoint for each in kept_checkpoints(path.read_text(encoding="utf-8"))]
    except (OSError, Unreadable) as error:
        sys.stderr.write(f"The checkpoints cannot be read: {error}\n")
        return 2
    runtime = build_runtime(settings, registry)
    faulty = False
    try:
        known = {UUID(each["tenant_id"]) for each in kept}
        for tenant_id in options.tenant or sorted(known | set(await recorded_tenants(runtime.units))):
            mine = [each for each in kept if each["tenant_id"] == str(tenant_id)]
            checked = await check_log(runtime.units, tenant_id, mine)
            faulty = faulty or bool(checked.faults)
            verdict = "NOT WHOLE" if checked.faults else "WHOLE"
            lines = [*checked.faults, *(f"Note: {note}" for note in checked.notes)]
            sys.stdout.write(f"{tenant_id} {verdict}, {checked.entries} entries\n")
            sys.stdout.write("".join(f"  {line}\n" for line in lines))
    finally:
        await runtime.close()
    return 1 if faulty else 0


async def reseal_secrets(arguments: Sequence[str], settings: ReportingSettings) -> int:
    """seal every stored secret with the present key, so that the previous one can be taken out of the settings"""
    argparse.ArgumentParser(prog="python -m reporting reseal-secrets", description=reseal_secrets.__doc__).parse_args(
        arguments
    )
    runtime = build_runtime(settings, registry)
    try:
        resealed, unreadable = await reseal_all(runtime.units, box_of(settings), SaidNowAndThen())
    finally:
        await runtime.close()
    sys.stdout.write(f"sealed {resealed} secrets with the present key\n")
    sys.stdout.write(
        "".join(f"neither key opens the {name}: rotate the secret of that webhook\n" for name in unreadable)
    )
    return 1 if unreadable else 0


NATS_SECONDS = 10.0
SAID_EVERY_SECONDS = 2.0


async def rebuild(arguments: Sequence[str], settings: ReportingSettings) -> int:
    """make the projections again from what the streams said, while the service serves: [--anew] [--kept-only] …"""
    parser = argparse.ArgumentParser(
        prog="python -m reporting rebuild",
        description="Makes the projections again from what the streams said. The service goes on serving: readers see "
        "what was there until the switch, and nothing that is heard meanwhile is lost. When it is interrupted, run it "
        "again: it goes on. The streams keep 30 days, or 14 (probes); what was heard before is read from the tables "
        "event and rollup.",
    )
    parser.add_argument("--anew", action="store_true", help="do not go on with a rebuild that was interrupted")
    parser.add_argument("--kept-only", action="store_true", help="read what is kept, not the streams")
    parser.add_argument(
        "--remove-unexplained",
        action="store_true",
        help="take away rows that come from no event that is kept; otherwise they stay and are counted",
    )
    parser.add_argument("--batch", type=int, default=BATCH, help=f"events in one transaction, default {BATCH}")
    options = parser.parse_args(arguments)
    if options.batch < 1:
        parser.error("--batch must be at least 1")
    runtime = build_runtime(settings, registry)
    nats = None
    try:
        if not options.kept_only:
            async with asyncio.timeout(NATS_SECONDS):
                nats = await connect(settings.nats_url, "reporting rebuild", ca_file=settings.nats_ca_file)
        work = Rebuild(runtime.units, nats.jetstream() if nats else None, batch=options.batch)
        _said(await work.begin(anew=options.anew))
        said = time.monotonic()
        while (progress := await work.step()) is not None:
            if time.monotonic() - said >= SAID_EVERY_SECONDS:
                _said(progress)
                said = time.monotonic()
        differences = await work.switch(remove=options.remove_unexplained)
    except TimeoutError:
        sys.stderr.write("NATS does not answer: start it, or give --kept-only to read what is kept and no more.\n")
        return 1
    except CannotRebuild as error:
        sys.stderr.write(f"{error}\n")
        return 1
    except OperationalError as error:
        if not isinstance(error.orig, DeadlockDetected | LockNotAvailable):
            raise
        sys.stderr.write(
            "Somebody holds the tables that the rebuild needs. Nothing is lost: run the same command again, without "
            "--anew, and it goes on. If it ends so each time, look in pg_stat_activity for a transaction that stays "
            "open.\n"
        )
        return 1
    finally:
        if nats is not None:
            await close(nats)
        await runtime.close()
    stay = "removed" if options.remove_unexplained else "from no event that is kept, left as they are"
    for each in differences:
        line = f"{each.projection}: {each.added} rows added, {each.changed} changed"
        sys.stdout.write(line + (f", {each.unexplained} {stay}\n" if each.unexplained else "\n"))
    return 0


def _said(progress: Progress) -> None:
    restored = f", {progress.restored} events put back from the streams" if progress.restored else ""
    sys.stdout.write(f"{progress.stage}: {progress.done:,} of about {progress.whole:,} events read{restored}\n")
    sys.stdout.flush()
