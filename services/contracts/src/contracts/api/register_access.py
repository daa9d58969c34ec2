"""Who may do what in the registers: the agency keeps them, the client's decider answers and keeps his own lists."""

from typing import Annotated, Any

from fastapi import Depends

from contracts.api.dependencies import SHOWN
from contracts.application.errors import Refused
from shared.auth import Principal, require
from shared.problems import Conflict, Forbidden, NotFound, ValidationFailed, responses_for

Reader = Annotated[Principal, Depends(require("contracts:read"))]
Writer = Annotated[Principal, Depends(require("contracts:write"))]
Answerer = Annotated[Principal, Depends(require("contracts:answer"))]

ENTERED: dict[int | str, dict[str, Any]] = responses_for(NotFound, ValidationFailed, Conflict)
STEPPED: dict[int | str, dict[str, Any]] = SHOWN | responses_for(Conflict, ValidationFailed)


def must_be_evident(who: Principal, evidence: str | None) -> None:
    """The agency says how it knows what the client said. Raises Refused; the client himself need not."""
    if who.client_id is None and evidence is None:
        raise Refused("is required: say how the client told you", "evidence")


def of_the_agency(who: Principal) -> None:
    """Raises Forbidden for somebody who is bound to a client: this is the agency's own duty."""
    if who.client_id is not None:
        raise Forbidden("Only people of the agency may do this; your role is bound to one client.")
