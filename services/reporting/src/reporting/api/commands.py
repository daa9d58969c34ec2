"""The commands of reporting that are for whoever runs the installation."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from uuid import UUID

from reporting.adapters.audit_check import check_log, recorded_tenants
from reporting.adapters.audit_verifier import Unreadable, kept_checkpoints
from reporting.published.v1 import registry
from reporting.settings import ReportingSettings
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
