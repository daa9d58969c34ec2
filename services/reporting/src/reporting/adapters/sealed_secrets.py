"""Every stored secret, sealed again with the present key: after that the previous key is needed by none of them."""

from typing import Final

from sqlalchemy import select

from reporting.adapters.audit_keys import signer_of
from reporting.adapters.audit_tables import AuditKey
from reporting.adapters.identity_providers import IdentityProviderRow
from reporting.adapters.secret_box import SecretBox, Unreadable
from reporting.adapters.tables import Webhook
from reporting.adapters.webhook_changes import read_keys, written_keys
from shared.progress import Progress, untold
from shared.unit_of_work import UnitsOfWork

_SEALED: Final = ("secret", "signing_key", "previous_secret", "previous_signing_key")


async def reseal_all(units: UnitsOfWork, box: SecretBox, progress: Progress = untold) -> tuple[int, list[str]]:
    """How many secrets were sealed again, and the names of those that neither key opens, which stay as they are.

    Keys of audit logs can only be added to: of each log the key that the previous secret sealed signs a new one, sealed
    with the present. Each webhook, provider and log is a transaction of its own, so that nobody waits for the others.
    """
    resealed, unreadable = 0, []
    async with units.for_every_tenant() as unit:
        webhook_ids = (await unit.session.scalars(select(Webhook.webhook_id).order_by(Webhook.webhook_id))).all()
        provider_ids = (await unit.session.scalars(select(IdentityProviderRow.identity_provider_id))).all()
        tenant_ids = (await unit.session.scalars(select(AuditKey.tenant_id).distinct())).all()
    for done, webhook_id in enumerate(webhook_ids, start=1):
        progress("webhooks", done, len(webhook_ids))
        async with units.for_every_tenant() as unit:
            webhook = await unit.session.get(Webhook, webhook_id, with_for_update=True)
            for column in _SEALED:
                sealed = getattr(webhook, column, None)
                if not sealed or box.is_present(sealed):
                    continue
                try:
                    setattr(webhook, column, box.reseal(sealed))
                    resealed += 1
                except Unreadable:
                    unreadable.append(f"{column} of webhook {webhook_id}")
            earlier = read_keys(webhook.earlier_keys) if webhook is not None else []
            for place, (secret, private, until) in enumerate(earlier):
                stale = [each for each in (secret, private) if each is not None and not box.is_present(each)]
                try:
                    again = {each: box.reseal(each) for each in stale}
                except Unreadable:
                    unreadable.append(f"earlier_keys of webhook {webhook_id}")
                    continue
                resealed += len(again)
                earlier[place] = again.get(secret, secret), again.get(private, private) if private else None, until
            if webhook is not None and earlier:
                webhook.earlier_keys = written_keys(earlier)
    for done, identity_provider_id in enumerate(sorted(provider_ids), start=1):
        progress("identity providers", done, len(provider_ids))
        async with units.for_every_tenant() as unit:
            provider = await unit.session.get(IdentityProviderRow, identity_provider_id, with_for_update=True)
            if provider is None or box.is_present(provider.oidc_client_secret):
                continue
            try:
                provider.oidc_client_secret = box.reseal(provider.oidc_client_secret)
                resealed += 1
            except Unreadable:
                unreadable.append(f"oidc_client_secret of identity provider {identity_provider_id}")
    for done, tenant_id in enumerate(sorted(tenant_ids), start=1):
        progress("audit logs", done, len(tenant_ids))
        async with units.for_tenant(tenant_id) as unit:
            await signer_of(unit, box, tenant_id)
    return resealed, unreadable
