"""A new agency: the tenant, its catalogue, and the key of its owner."""

from pydantic import BaseModel

from contracts.application.identity import IssuedApiKey, NewApiKey, Tenant, create_api_key
from contracts.application.ports import Workspace
from contracts.application.shipped import install_shipped
from shared.auth import ROLES


class NewTenant(BaseModel):
    """What was made. The key's secret is shown this once."""

    tenant: Tenant
    key: IssuedApiKey


async def create_tenant(work: Workspace, name: str) -> NewTenant:
    """The tenant of this workspace, with the shipped catalogues, presets and clauses, and a key for its owner."""
    tenant = Tenant(tenant_id=work.tenant_id, version=1, name=name, created_at=work.now, updated_at=work.now)
    await work.tenants.add(tenant)
    await install_shipped(work)
    key = await create_api_key(work, NewApiKey(name=f"Owner of {name}"[:200], role="owner"), ROLES["owner"])
    return NewTenant(tenant=tenant, key=key)
