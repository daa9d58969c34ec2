"""What the routes share: ports, scopes, and who may act."""

from typing import Annotated

from fastapi import Depends

from incidents.adapters.defaults import box_of, default_recipients, incidents_settings
from incidents.adapters.repository import ports_of
from incidents.adapters.secret_box import SecretBox
from incidents.application.ports import Ports
from incidents.domain.work_item import Who
from shared.auth import Principal
from shared.problems import Forbidden
from shared.service import CurrentRuntime, Unit, require

Reader = Annotated[Principal, Depends(require("incidents:read"))]
Writer = Annotated[Principal, Depends(require("incidents:write"))]


def ports(unit: Unit, runtime: CurrentRuntime) -> Ports:
    """Dependency: the ports of the request's transaction."""
    return ports_of(unit, default_recipients(incidents_settings(runtime.settings)))


InPorts = Annotated[Ports, Depends(ports)]


def current_box(runtime: CurrentRuntime) -> SecretBox:
    """Dependency: seals secrets."""
    return box_of(incidents_settings(runtime.settings))


Box = Annotated[SecretBox, Depends(current_box)]


def agency_only(principal: Principal) -> Principal:
    """Only the agency answers for its promises: a client's person reports and reads.

    Raises Forbidden for a person who is bound to a client.
    """
    if principal.client_id is not None:
        raise Forbidden("Only the agency does this. You can report an incident and follow it.")
    return principal


def who(principal: Principal) -> Who:
    """The caller as the domain writes him down."""
    actor = principal.actor
    return Who(actor.kind, actor.id, actor.name)


def audience_of(principal: Principal) -> str:
    """As whom the caller reads: the client's people do not see what is for the agency."""
    return "agency" if principal.client_id is None else "client"
