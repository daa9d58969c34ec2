"""The key of the service is changed without anybody noticing."""

import secrets
from dataclasses import replace
from typing import Any

from pydantic import SecretStr
from standardwebhooks import Webhook

from reporting.adapters.audit_check import check_log
from reporting.adapters.audit_checkpoints import make_checkpoint
from reporting.adapters.secret_box import SecretBox, box_of
from reporting.main import SERVICE
from reporting.settings import ReportingSettings

from .webhook_receiver import add, deliveries, outage, receiving, work


def with_keys(service: Any, present: str, previous: str | None) -> None:
    """The same service, started with other keys."""
    changed = service.settings.model_dump() | {"secret_key": present, "previous_secret_key": previous}
    service.settings = ReportingSettings.model_validate(changed)
    service.runtime = replace(service.runtime, settings=service.settings)


async def test_after_a_change_of_the_key_webhooks_sign_as_before_and_resealed_they_need_the_old_key_no_more(
    service: Any, story: Any, capsys: Any
) -> None:
    old, new = service.settings.secret_key.get_secret_value(), secrets.token_urlsafe(32)
    async with receiving() as receiver:
        webhook = await add(service, story, receiver.url)
        async with service.client(story) as client:
            address = f"/v1/webhooks/{webhook['webhook_id']}/rotate-secret"
            first, rotated = [(await client.post(address)).json() for _ in range(2)]
        units = service.runtime.units
        await service.hear(outage(service, story))
        async with units.for_tenant(story.tenant_id) as unit:
            await make_checkpoint(unit, box_of(service.settings))

        with_keys(service, new, old)
        await work(service)
        assert await SERVICE.commands["reseal-secrets"]([], service.settings) == 0
        assert "sealed 6 secrets" in capsys.readouterr().out
        with_keys(service, new, None)
        await service.hear(outage(service, story))
        await work(service)
        assert await SERVICE.commands["reseal-secrets"]([], service.settings) == 0
        assert "sealed 0 secrets" in capsys.readouterr().out
    assert len(receiver.received) == 2
    for headers, body in receiver.received:
        for secret in (webhook["secret"], first["secret"], rotated["secret"]):
            Webhook(secret).verify(body, headers)
    # The audit log's next key is endorsed by the one before, and both the old key and the new one stand.
    async with units.for_tenant(story.tenant_id) as unit:
        await make_checkpoint(unit, box_of(service.settings))
    checked = await check_log(units, story.tenant_id, [])
    assert checked.faults == []
    async with units.for_every_tenant() as unit:
        rows = await unit.session.connection()
        keys = "select endorsed_by is not null from reporting.audit_key order by made_at, 1"
        endorsed = await rows.exec_driver_sql(keys)
        assert [each for (each,) in endorsed] == [False, True]


async def test_what_no_key_opens_is_said_and_fails_with_a_reason(service: Any, story: Any, capsys: Any) -> None:
    async with receiving() as receiver:
        webhook = await add(service, story, receiver.url)
        with_keys(service, secrets.token_urlsafe(32), None)
        assert await SERVICE.commands["reseal-secrets"]([], service.settings) == 1
        assert f"secret of webhook {webhook['webhook_id']}" in capsys.readouterr().out
        await service.hear(outage(service, story))
        await work(service)
        assert receiver.received == []
    (delivery,) = await deliveries(service, story, webhook)
    assert "rotate the secret" in delivery["attempts"][0]["error"]


def test_a_previous_key_opens_and_counts_and_seals_nothing() -> None:
    old, new = SecretStr("o" * 32), SecretStr("n" * 32)
    before, both, after = SecretBox(old), SecretBox(new, old), SecretBox(new)
    sealed, signature = before.seal("s"), before.sign(b"c")
    assert (both.open(sealed), both.is_present(sealed)) == ("s", False)
    assert both.is_signed(b"c", signature)
    assert not after.is_signed(b"c", signature)
    again = both.reseal(sealed)
    assert (after.open(again), after.is_present(again)) == ("s", True)
    assert after.is_signed(b"c", both.sign(b"c"))
