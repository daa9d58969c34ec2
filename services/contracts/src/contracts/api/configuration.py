"""Configuration items with their history, what does not go together, ends of support, deliveries."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Response

from contracts.adapters import register_queries
from contracts.api.dependencies import CREATED, SHOWN, VersionedRoute, Work, tagged
from contracts.api.register_access import ENTERED, Reader, Writer
from contracts.application import configuration, deliveries
from contracts.application.configuration import (
    Compatibility,
    CompatibilityRule,
    ConfigurationItem,
    ConfigurationItemPatch,
    ConfigurationVersion,
    ItemState,
    NewCompatibilityRule,
    NewConfigurationItem,
    NewSupportEnd,
    NewVersion,
    SupportEnd,
    SupportEndPatch,
)
from contracts.application.deliveries import Delivery, NewDelivery
from contracts.application.errors import Unknown
from contracts.application.register_records import Label
from contracts.domain.configuration import ItemKind
from shared.etag import IfMatch
from shared.idempotency import Idempotent
from shared.pagination import Page, PageParams
from shared.problems import Conflict, ValidationFailed, responses_for
from shared.service import Unit
from shared.values import Instant

OfClient = Annotated[UUID | None, Query(description="Only of this client.")]
OfSite = Annotated[UUID | None, Query(description="Only of this site.")]
At = Annotated[Instant | None, Query(description="What was so then: RFC 3339 with an offset; left out: now.")]
KnownAt = Annotated[
    Instant | None, Query(description="By what was known then: what was recorded later is left out; left out: now.")
]

items = APIRouter(prefix="/v1/configuration-items", tags=["configuration"], route_class=VersionedRoute)
states = APIRouter(prefix="/v1/configuration-states", tags=["configuration"], route_class=VersionedRoute)
rules = APIRouter(prefix="/v1/compatibility-rules", tags=["configuration"], route_class=VersionedRoute)
support = APIRouter(prefix="/v1/support-ends", tags=["configuration"], route_class=VersionedRoute)
delivered = APIRouter(prefix="/v1/deliveries", tags=["configuration"], route_class=VersionedRoute)


@items.post(
    "",
    summary="Enter a configuration item",
    status_code=201,
    responses=CREATED | ENTERED,
    dependencies=[Idempotent],
)
async def create_configuration_item(
    new: NewConfigurationItem, response: Response, work: Work, _who: Writer
) -> ConfigurationItem:
    """Hardware, operating system and patches, an application, a parameter or an interface of a client's system.

    Deployments that named it before it was entered give it its versions at once.
    """
    item = await deliveries.enter_item(work, new)
    tagged(response, item.version, f"/v1/configuration-items/{item.configuration_item_id}")
    return item


@items.get("", summary="List configuration items")
async def list_configuration_items(
    unit: Unit,
    params: PageParams,
    _who: Reader,
    client_id: OfClient = None,
    site_id: OfSite = None,
    kind: Annotated[ItemKind | None, Query(description="Only of this kind.")] = None,
) -> Page[ConfigurationItem]:
    """Items with what holds now, in the order in which they were entered."""
    return await register_queries.list_items(unit, params, client_id, site_id, kind)


@items.get("/{configuration_item_id}", summary="Read a configuration item", responses=SHOWN)
async def get_configuration_item(
    configuration_item_id: UUID, response: Response, work: Work, _who: Reader
) -> ConfigurationItem:
    """An item with what holds now."""
    item = await work.registers.items.get(configuration_item_id)
    tagged(response, item.version)
    return item


@items.patch(
    "/{configuration_item_id}",
    summary="Change a configuration item",
    responses=SHOWN | responses_for(Conflict, ValidationFailed),
)
async def update_configuration_item(
    configuration_item_id: UUID,
    patch: ConfigurationItemPatch,
    response: Response,
    work: Work,
    if_match: IfMatch,
    _who: Writer,
) -> ConfigurationItem:
    """A merge patch (RFC 7396) of its name, description and site. What is in service is recorded, not changed."""
    item = await deliveries.item_to_change(work, configuration_item_id)
    if_match.require(item.version)
    item = await deliveries.change_item(work, item, patch.model_dump(exclude_unset=True))
    tagged(response, item.version)
    return item


@items.post(
    "/{configuration_item_id}/versions",
    summary="Record a version",
    status_code=201,
    responses=responses_for(ValidationFailed),
    dependencies=[Idempotent],
)
async def record_configuration_version(
    configuration_item_id: UUID, new: NewVersion, work: Work, _who: Writer
) -> ConfigurationVersion:
    """What is in service from an instant on. What does not go together with it is flagged, not refused: it is so.

    Nothing that was recorded is changed. A mistake is put right by a version that `corrects` it.
    """
    item = await work.registers.items.locked(configuration_item_id)
    _, version = await configuration.record_version(work, item, new)
    return version


@items.get("/{configuration_item_id}/versions", summary="List the versions of a configuration item")
async def list_configuration_versions(
    configuration_item_id: UUID, unit: Unit, work: Work, params: PageParams, _who: Reader
) -> Page[ConfigurationVersion]:
    """Everything that was recorded of the item, corrected or not, in the order in which it was recorded."""
    await work.registers.items.get(configuration_item_id)
    return await register_queries.list_versions(unit, params, configuration_item_id)


@items.get("/{configuration_item_id}/state", summary="Read what an item was at an instant")
async def get_configuration_item_state(
    configuration_item_id: UUID, work: Work, _who: Reader, at: At = None, known_at: KnownAt = None
) -> ItemState:
    """What held at one instant, by what was known at another: asked again, the answer is the same for ever."""
    item = await work.registers.items.get(configuration_item_id)
    return await configuration.state_of_item(work, item, at or work.now, known_at or work.now)


@items.get("/{configuration_item_id}/compatibility", summary="Ask whether a version goes together with the rest")
async def get_configuration_item_compatibility(
    configuration_item_id: UUID,
    work: Work,
    _who: Reader,
    label: Annotated[Label | None, Query(description="Another version to try; left out: the present one.")] = None,
) -> Compatibility:
    """What would not go together, before anything is changed."""
    return await configuration.compatibility(work, await work.registers.items.get(configuration_item_id), label)


@states.get("", summary="Read the whole configuration at an instant")
async def list_configuration_states(
    unit: Unit,
    params: PageParams,
    _who: Reader,
    client_id: OfClient = None,
    site_id: OfSite = None,
    at: At = None,
    known_at: KnownAt = None,
) -> Page[ItemState]:
    """Every item with the version that held at an instant: that of an incident, for instance."""
    return await register_queries.list_states(unit, params, client_id, site_id, at or unit.now, known_at or unit.now)


@rules.post(
    "",
    summary="Make a compatibility rule",
    status_code=201,
    responses=CREATED | ENTERED,
    dependencies=[Idempotent],
)
async def create_compatibility_rule(
    new: NewCompatibilityRule, response: Response, work: Work, _who: Writer
) -> CompatibilityRule:
    """While one item is in these versions, the other must be in those. Later changes of either that break it say so."""
    rule = await configuration.create_rule(work, new)
    tagged(response, rule.version, f"/v1/compatibility-rules/{rule.rule_id}")
    return rule


@rules.get("", summary="List compatibility rules")
async def list_compatibility_rules(
    unit: Unit, params: PageParams, _who: Reader, client_id: OfClient = None
) -> Page[CompatibilityRule]:
    """Rules in the order in which they were made."""
    return await register_queries.list_rules(unit, params, client_id)


@rules.get("/{rule_id}", summary="Read a compatibility rule", responses=SHOWN)
async def get_compatibility_rule(rule_id: UUID, response: Response, work: Work, _who: Reader) -> CompatibilityRule:
    """A rule between two items."""
    rule = await work.registers.rules.get(rule_id)
    tagged(response, rule.version)
    return rule


@rules.delete("/{rule_id}", summary="Remove a compatibility rule", status_code=204)
async def delete_compatibility_rule(rule_id: UUID, work: Work, if_match: IfMatch, _who: Writer) -> None:
    """The rule holds no more. What it flagged stays flagged."""
    rule = await work.registers.rules.locked(rule_id)
    if_match.require(rule.version)
    await work.registers.rules.remove(rule)


@support.post(
    "",
    summary="Enter an end of support",
    status_code=201,
    responses=CREATED | ENTERED,
    dependencies=[Idempotent],
)
async def create_support_end(new: NewSupportEnd, response: Response, work: Work, _who: Writer) -> SupportEnd:
    """Until when versions of an item are supported. Once a date is over, what is in service raises an advisory."""
    end = await configuration.create_support_end(work, new)
    tagged(response, end.version, f"/v1/support-ends/{end.support_end_id}")
    return end


@support.get("", summary="List ends of support")
async def list_support_ends(
    unit: Unit,
    params: PageParams,
    _who: Reader,
    client_id: OfClient = None,
    configuration_item_id: Annotated[UUID | None, Query(description="Only of this item.")] = None,
) -> Page[SupportEnd]:
    """Ends of support in the order in which they were entered."""
    return await register_queries.list_support_ends(unit, params, client_id, configuration_item_id)


@support.get("/{support_end_id}", summary="Read an end of support", responses=SHOWN)
async def get_support_end(support_end_id: UUID, response: Response, work: Work, _who: Reader) -> SupportEnd:
    """An end of support, with the advisories that it raised."""
    end = await work.registers.support_ends.get(support_end_id)
    tagged(response, end.version)
    return end


@support.patch(
    "/{support_end_id}", summary="Change an end of support", responses=SHOWN | responses_for(ValidationFailed)
)
async def update_support_end(
    support_end_id: UUID, patch: SupportEndPatch, response: Response, work: Work, if_match: IfMatch, _who: Writer
) -> SupportEnd:
    """A merge patch (RFC 7396): vendors put dates off."""
    end = await work.registers.support_ends.locked(support_end_id)
    if_match.require(end.version)
    end = await configuration.change_support_end(work, end, patch.model_dump(exclude_unset=True))
    tagged(response, end.version)
    return end


@delivered.post(
    "",
    summary="Record a delivery",
    status_code=201,
    responses=CREATED | ENTERED,
    dependencies=[Idempotent],
)
async def create_delivery(new: NewDelivery, response: Response, work: Work, _who: Writer) -> Delivery:
    """What was handed over to whom, in which version. What the service desk deploys is recorded by itself."""
    delivery = await deliveries.record_delivery(work, new)
    tagged(response, delivery.version, f"/v1/deliveries/{delivery.delivery_id}")
    return delivery


@delivered.get("", summary="List deliveries")
async def list_contract_deliveries(
    unit: Unit,
    params: PageParams,
    who: Reader,
    contract_id: Annotated[UUID | None, Query(description="Only under this contract.")] = None,
    configuration_item_id: Annotated[UUID | None, Query(description="Only of this item.")] = None,
) -> Page[Delivery]:
    """Deliveries in the order in which they were recorded."""
    audience = None if who.client_id is None else "client"
    return await register_queries.list_deliveries(unit, params, contract_id, configuration_item_id, audience)


@delivered.get("/{contract_delivery_id}", summary="Read a delivery", responses=SHOWN)
async def get_contract_delivery(contract_delivery_id: UUID, response: Response, work: Work, who: Reader) -> Delivery:
    """A delivery; of a deployment as its newest record says."""
    delivery = await work.registers.deliveries.get(contract_delivery_id)
    if who.client_id is not None and delivery.audience == "agency":
        raise Unknown("delivery", contract_delivery_id)
    tagged(response, delivery.version)
    return delivery


ROUTERS = (items, states, rules, support, delivered)
