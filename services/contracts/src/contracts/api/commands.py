"""The commands of contracts that are for whoever runs the installation: tenants are made here and nowhere else."""

import argparse
import json
import sys
from collections.abc import Sequence
from uuid import UUID

from pydantic import TypeAdapter, ValidationError
from sqlalchemy import func, select, text

from contracts.adapters.key_chest import chest_of
from contracts.adapters.tables import TenantRow
from contracts.adapters.workspace import workspace_of
from contracts.application.provisioning import NewTenant, create_tenant
from contracts.application.values import Name
from contracts.published.v1 import registry
from contracts.settings import ContractsSettings
from shared.ids import new_id
from shared.unit_of_work import UnitsOfWork
from shared.worker import build_runtime

FIRST_TENANT = "First agency"


async def bootstrap(arguments: Sequence[str], settings: ContractsSettings) -> int:
    """make the first tenant and its owner's key; refuses when there is a tenant"""
    parser = argparse.ArgumentParser(prog="python -m contracts bootstrap", description=bootstrap.__doc__)
    parser.add_argument("--name", default=FIRST_TENANT, help="name of the agency")
    parser.add_argument("--json", action="store_true", help="print JSON")
    options = parser.parse_args(arguments)
    return await _make(options.name, settings, as_json=options.json, only_first=True)


async def tenant(arguments: Sequence[str], settings: ContractsSettings) -> int:
    """make a tenant and its owner's key: tenant create --name NAME"""
    parser = argparse.ArgumentParser(prog="python -m contracts tenant", description=tenant.__doc__)
    create = parser.add_subparsers(dest="action", required=True).add_parser("create")
    create.add_argument("--name", required=True, help="name of the agency")
    create.add_argument("--json", action="store_true", help="print JSON")
    options = parser.parse_args(arguments)
    return await _make(options.name, settings, as_json=options.json, only_first=False)


async def tenants(arguments: Sequence[str], settings: ContractsSettings) -> int:
    """list the tenants in the order in which they were made: [--json] [--limit N] [--after ID]"""
    parser = argparse.ArgumentParser(prog="python -m contracts tenants", description=tenants.__doc__)
    parser.add_argument("--limit", type=int, default=100)
    parser.add_argument("--after", type=UUID, metavar="ID", help="those made after this one")
    parser.add_argument("--json", action="store_true", help="one JSON object a line")
    options = parser.parse_args(arguments)
    runtime = build_runtime(settings, registry)
    try:
        async with runtime.units.for_every_tenant() as uow:
            chosen = select(TenantRow).order_by(TenantRow.tenant_id).limit(options.limit)
            if options.after is not None:
                chosen = chosen.where(TenantRow.tenant_id > options.after)
            for row in await uow.session.scalars(chosen):
                made = row.created_at.isoformat()
                facts = {"tenant_id": str(row.tenant_id), "name": row.name, "created_at": made}
                line = json.dumps(facts, ensure_ascii=False) if options.json else f"{row.tenant_id} {made} {row.name}"
                sys.stdout.write(line + "\n")
    finally:
        await runtime.close()
    return 0


async def signing_keys(arguments: Sequence[str], settings: ContractsSettings) -> int:
    """make a new key for tokens: rotate (old tokens stay good) or reset (all tokens become void)"""
    parser = argparse.ArgumentParser(prog="python -m contracts signing-keys", description=signing_keys.__doc__)
    parser.add_argument("action", choices=["rotate", "reset"])
    options = parser.parse_args(arguments)
    runtime = build_runtime(settings, registry)
    chest = chest_of(settings)
    try:
        async with runtime.units.for_every_tenant() as uow:
            kid = await (chest.reset(uow) if options.action == "reset" else chest.make_next(uow))
    finally:
        await runtime.close()
    sys.stdout.write(f"made key {kid}\n")
    return 0


async def reseal_secrets(arguments: Sequence[str], settings: ContractsSettings) -> int:
    """encrypt every signing key with the present secret, so that the previous one can be taken out of the settings"""
    argparse.ArgumentParser(prog="python -m contracts reseal-secrets", description=reseal_secrets.__doc__).parse_args(
        arguments
    )
    runtime = build_runtime(settings, registry)
    try:
        async with runtime.units.for_every_tenant() as uow:
            resealed, unreadable = await chest_of(settings).reseal(uow)
    finally:
        await runtime.close()
    sys.stdout.write(f"sealed {resealed} secrets with the present key\n")
    for kid in unreadable:
        sys.stdout.write(f"neither key opens signing key {kid}: make new ones with `signing-keys reset`\n")
    return 1 if unreadable else 0


async def _make(name: str, settings: ContractsSettings, *, as_json: bool, only_first: bool) -> int:
    try:
        TypeAdapter(Name).validate_python(name)
    except ValidationError:
        sys.stderr.write("The name of an agency is one line of 1 to 200 characters.\n")
        return 2
    runtime = build_runtime(settings, registry)
    try:
        made = await _first(runtime.units, name) if only_first else await _another(runtime.units, name)
    finally:
        await runtime.close()
    if made is None:
        sys.stderr.write("There is a tenant already. Make another with `tenant create --name NAME`.\n")
        return 1
    facts = {
        "tenant_id": str(made.tenant.tenant_id),
        "tenant_name": made.tenant.name,
        "key_id": made.key.prefix,
        "client_id": made.key.prefix,
        "client_secret": made.key.client_secret,
    }
    if as_json:
        sys.stdout.write(json.dumps(facts) + "\n")
    else:
        sys.stdout.write("".join(f"{key:<14} {value}\n" for key, value in facts.items()))
        sys.stdout.write("The secret is shown this once.\n")
    return 0


async def _first(units: UnitsOfWork, name: str) -> NewTenant | None:
    async with units.for_every_tenant() as uow:
        # Held until the tenant is made in the unit below: two bootstraps at once must not make two first tenants.
        await uow.session.execute(text("select pg_advisory_xact_lock(hashtext('contracts bootstrap'))"))
        if await uow.session.scalar(select(func.count()).select_from(TenantRow)):
            return None
        return await _another(units, name)


async def _another(units: UnitsOfWork, name: str) -> NewTenant:
    async with units.for_tenant(new_id()) as uow:
        return await create_tenant(workspace_of(uow), name)
