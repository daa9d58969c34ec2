"""Deliveries: what was handed over to whom in which version, and what a deployment put in service."""

from datetime import datetime
from typing import Any, ClassVar, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, StrictBool

from contracts.application import configuration
from contracts.application.configuration import (
    ConfigurationItem,
    NewConfigurationItem,
    NewVersion,
    create_item,
    record_version,
)
from contracts.application.errors import Refused, named_at
from contracts.application.ports import Workspace
from contracts.application.register_records import Label, Record, changed
from contracts.application.values import Name, Reason, Request
from contracts.domain import configuration as rules
from contracts.domain import deployments
from contracts.domain.configuration import State
from shared.values import Instant

_CONTRACT = "0190b5c8-7d4e-7c3a-9a51-3f0f5f0d7a31"


class NewDelivery(Request):
    """Something that was handed over under a contract."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {
                    "contract_id": _CONTRACT,
                    "what": "Source code and installation notes of the shop",
                    "delivered_to": "Léa Martin",
                    "delivered_version": "2.4.0",
                    "delivered_at": "2026-01-09T10:00:00Z",
                    "means": "Repository of the client",
                }
            ]
        },
    )

    contract_id: UUID
    configuration_item_id: UUID | None = Field(default=None, description="What it is a version of.")
    what: Reason
    delivered_to: Name
    delivered_version: Label
    delivered_at: Instant = Field(description="Not in the future.")
    means: Name = Field(description="How it was handed over.")
    put_in_service: StrictBool = Field(
        default=False, description="The version is in service from then on: the item's history says so."
    )


class Delivery(Record):
    """A delivery, as stored. What a deployment put in service is kept as one, and follows its record."""

    NAMED: ClassVar[tuple[str, ...]] = ("result",)

    delivery_id: UUID
    contract_id: UUID
    site_id: UUID | None
    audience: Literal["agency", "client"]
    configuration_item_id: UUID | None = Field(description="Null: none, or it is not in the register (yet).")
    item_name: str | None = Field(description="What the deployment called its item.")
    what: str
    delivered_to: str
    delivered_version: str
    previous_version: str | None
    delivered_at: Instant | None
    means: str
    put_in_service: bool
    deployment_id: UUID | None
    deployment_version: int | None = Field(description="Which version of the deployment's record was heard last.")
    result: deployments.Result
    rolled_back_at: Instant | None


class Deployment(BaseModel):
    """A deployment or a submission to a store, as the service desk tells it."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    deployment_id: UUID
    version: int
    contract_id: UUID
    site_id: UUID | None
    audience: Literal["agency", "client"]
    kind: Literal["deployment", "store_submission"]
    configuration_item: str
    previous_version: str | None
    released_version: str
    deployed_at: Instant | None
    result: deployments.Result
    rolled_back_at: Instant | None
    store: str | None


async def record_delivery(work: Workspace, new: NewDelivery) -> Delivery:
    """A new delivery; says `delivery.recorded`. Raises Unknown, Refused and NotRecordable."""
    with named_at("contract_id"):
        contract = await work.contracts.get(new.contract_id)
    if new.delivered_at > work.now:
        raise Refused("is in the future: record it when it was delivered", "delivered_at")
    item = None
    if new.configuration_item_id is not None:
        with named_at("configuration_item_id"):
            item = await work.registers.items.locked(new.configuration_item_id)
        if item.client_id != contract.client_id:
            raise Refused("is an item of another client", "configuration_item_id")
    if new.put_in_service and item is None:
        raise Refused("names nothing that could be in service: give configuration_item_id", "put_in_service")
    delivery = _delivery(
        work,
        contract.client_id,
        {**new.model_dump(), "audience": "client", "result": "succeeded", "item_name": item and item.name},
    )
    await work.registers.deliveries.add(delivery)
    work.registers.announcer.delivered(delivery)
    if item is not None and new.put_in_service:
        await _place(work, delivery, item)
    return delivery


async def follow_deployment(work: Workspace, told: Deployment) -> Delivery | None:
    """What a deployment put in service, by the newest version of its record; says `delivery.recorded`.

    None when nothing was brought anywhere, or a newer version was heard before. An item that is not in the register
    yet has its versions when it is entered. Raises Unknown and NotRecordable.
    """
    contract = await work.contracts.get(told.contract_id)
    # Whoever enters the item at this moment waits, or is waited for: one of us finds what the other wrote.
    await work.registers.items.hold_names(contract.client_id)
    known = await work.registers.deliveries.of_deployment(told.deployment_id)
    if known is not None and (known.deployment_version or 0) >= told.version:
        return None
    if known is None and told.result in ("planned", "failed"):
        return None
    client = await work.clients.get(contract.client_id)
    values: dict[str, Any] = {
        "contract_id": told.contract_id,
        "site_id": told.site_id,
        "audience": told.audience,
        "item_name": told.configuration_item,
        "what": f"{told.configuration_item} {told.released_version}",
        "delivered_to": told.store or client.name,
        "delivered_version": told.released_version,
        "previous_version": told.previous_version,
        "delivered_at": told.deployed_at,
        "means": told.kind,
        "put_in_service": True,
        "deployment_id": told.deployment_id,
        "deployment_version": told.version,
        "result": told.result,
        "rolled_back_at": told.rolled_back_at,
    }
    item = await work.registers.items.by_name(contract.client_id, told.configuration_item)
    values["configuration_item_id"] = item and item.configuration_item_id
    if known is None:
        delivery = _delivery(work, contract.client_id, values)
        await work.registers.deliveries.add(delivery)
    else:
        # The item that it was placed under keeps it, whatever the item is called now.
        if known.configuration_item_id is not None:
            item = await work.registers.items.locked(known.configuration_item_id)
            values["configuration_item_id"] = known.configuration_item_id
        delivery = changed(known, work.now, **values)
        await work.registers.deliveries.save(delivery)
    work.registers.announcer.delivered(delivery)
    if item is not None:
        await _place(work, delivery, item)
    return delivery


async def enter_item(work: Workspace, new: NewConfigurationItem) -> ConfigurationItem:
    """A new item, with the versions that deployments gave it before it was in the register.

    Raises Unknown, Refused, Taken and NotRecordable.
    """
    with named_at("client_id"):
        await work.clients.get(new.client_id)
    await work.registers.items.hold_names(new.client_id)
    return await _place_what_waits(work, await create_item(work, new))


async def item_to_change(work: Workspace, item_id: UUID) -> ConfigurationItem:
    """The item under a lock, with the names of its client's items held. Raises Unknown."""
    await work.registers.items.hold_names((await work.registers.items.get(item_id)).client_id)
    return await work.registers.items.locked(item_id)


async def change_item(work: Workspace, item: ConfigurationItem, changes: dict[str, Any]) -> ConfigurationItem:
    """The item from `item_to_change` with other values; deployments may have waited for its other name.

    Raises Refused and Taken.
    """
    return await _place_what_waits(work, await configuration.change_item(work, item, changes))


async def _place_what_waits(work: Workspace, item: ConfigurationItem) -> ConfigurationItem:
    """Deployments that named the locked item before it was in the register give it its versions."""
    for waiting in await work.registers.deliveries.unplaced(item.client_id, item.name):
        delivery = changed(waiting, work.now, configuration_item_id=item.configuration_item_id)
        await work.registers.deliveries.save(delivery)
        work.registers.announcer.delivered(delivery)
        item = await _place(work, delivery, item)
    return item


async def _place(work: Workspace, delivery: Delivery, item: ConfigurationItem) -> ConfigurationItem:
    """Records what the item's history lacks of the delivery, and corrects what it says of it wrongly."""
    versions = await work.registers.items.versions_of([item.configuration_item_id])
    noted = [
        deployments.Noted(each.label, each.effective_from, each.number)
        for each in rules.standing(versions, work.now)
        if each.delivery_id == delivery.delivery_id
    ]
    wanted = deployments.installed(
        delivery.result,
        delivery.delivered_version,
        delivery.delivered_at,
        delivery.previous_version,
        delivery.rolled_back_at,
    )
    for change in deployments.changes(noted, wanted):
        item, _ = await record_version(work, item, _version(change, noted, work.now), delivery.delivery_id)
    return item


def _version(change: deployments.Change, noted: list[deployments.Noted], now: datetime) -> NewVersion:
    if change.installed is not None:
        return NewVersion(label=change.installed.label, effective_from=change.installed.at, corrects=change.corrects)
    (wrong,) = (each for each in noted if each.number == change.corrects)
    return NewVersion(label=wrong.label, state=State.WITHDRAWN, effective_from=now, corrects=wrong.number)


def _delivery(work: Workspace, client_id: UUID, values: dict[str, Any]) -> Delivery:
    return Delivery.model_validate(
        {
            **dict.fromkeys(Delivery.model_fields),
            **values,
            "delivery_id": work.new_id(),
            "client_id": client_id,
            "version": 1,
            "created_at": work.now,
            "updated_at": work.now,
        }
    )
