"""What the routes of contracts need: the workspace of the request's transaction, and who may ask for what."""

from collections.abc import Callable, Coroutine
from typing import Annotated, Any

from fastapi import Depends, Request, Response

from contracts.adapters.workspace import workspace_of
from contracts.application.ports import Workspace
from shared.auth import Principal, Scope, require
from shared.etag import etag, not_modified
from shared.idempotency import IdempotentRoute
from shared.problems import Forbidden
from shared.service import Unit


def workspace(unit: Unit) -> Workspace:
    """Dependency: the workspace over the request's unit of work."""
    return workspace_of(unit)


class VersionedRoute(IdempotentRoute):
    """Answers 304 to whoever has the present version, and repeats answers for an Idempotency-Key."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handle = super().get_route_handler()

        async def handle_conditionally(request: Request) -> Response:
            response = await handle(request)
            tag = response.headers.get("etag")
            if request.method != "GET" or tag is None:
                return response
            return not_modified(request, tag.strip('"')) or response

        return handle_conditionally


Work = Annotated[Workspace, Depends(workspace)]


def agency(scope: Scope) -> Any:
    """Dependency: the scope, and a role of the agency: its catalogue is not its clients' business."""
    required = require(scope)

    async def of_the_agency(principal: Annotated[Principal, Depends(required)]) -> Principal:
        if principal.client_id is not None:
            raise Forbidden("Only people of the agency may do this; your role is bound to one client.")
        return principal

    return Depends(of_the_agency)


def tagged(response: Response, version: int, location: str | None = None) -> None:
    """Sets the ETag of what is answered, and where a new thing can be read."""
    response.headers["ETag"] = etag(version)
    if location is not None:
        response.headers["Location"] = location


ETAG: dict[str, Any] = {
    "ETag": {
        "description": "Version, for If-Match and If-None-Match.",
        "schema": {"type": "string", "maxLength": 100},
    }
}
LOCATION: dict[str, Any] = {
    "Location": {"description": "Where it can be read.", "schema": {"type": "string", "maxLength": 2000}}
}
SHOWN: dict[int | str, dict[str, Any]] = {200: {"headers": ETAG}}
CREATED: dict[int | str, dict[str, Any]] = {201: {"headers": {**ETAG, **LOCATION}}}
