"""Adding, changing and removing monitors over HTTP."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Response
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, Field, StrictBool, ValidationError

from probes.adapters import queries
from probes.adapters.announce import EventAnnouncer
from probes.adapters.contract_versions import SqlContractVersions
from probes.adapters.locations import SqlLocations
from probes.adapters.monitors import SqlMonitors
from probes.adapters.tables import MonitorRow
from probes.api.dependencies import Writer
from probes.api.models import MonitorDetails
from probes.application.adding_monitors import Addition, NotCovered, NotInForce, add_monitor
from probes.application.changing_monitors import (
    CannotChange,
    Change,
    NotAllowed,
    cadence_for,
    change_monitor,
    remove_monitor,
)
from probes.application.checks.kinds import MonitorConfiguration
from probes.application.dependencies import depend_on
from probes.domain.dependencies import DependencyError
from shared.etag import IfMatch, etag
from shared.idempotency import Idempotent, IdempotentRoute
from shared.ids import new_id
from shared.problems import Conflict, FieldError, NotFound, ValidationFailed, responses_for
from shared.service import Unit
from shared.values import forbid_unknown, json_pointer

router = APIRouter(prefix="/v1/monitors", tags=["monitors"], route_class=IdempotentRoute)

Name = Annotated[str, Field(min_length=1, max_length=300, pattern=r"^[^\x00]*$")]
_CADENCE = {"interval_seconds": 60, "timeout_seconds": 10}
_BODY: dict[str, Any] = {
    "contract_id": "0190a000-0000-7000-8000-000000000010",
    "environment_id": "0190a000-0000-7000-8000-000000000031",
    "name": "Paiement – interface du prestataire",
    "configuration": {
        "kind": "http",
        "url": "https://payments.example/health",
        "headers": {"Accept": "application/json"},
        "authentication": {"type": "basic", "username": "status", "password": "correct horse"},
        "assertions": [{"type": "keyword", "text": "ok"}],
    },
    "cadence": _CADENCE,
    "third_party": True,
}
_PATCH: dict[str, Any] = {
    "name": "Paiement – santé",
    "configuration": {"accepted_status": [{"lowest": 200, "highest": 299}]},
    "cadence": {"timeout_seconds": 1},
}


class CadenceBody(BaseModel):
    """How to check. What is left out is as the contract has it, or as it was."""

    model_config = forbid_unknown(examples=[_CADENCE])

    interval_seconds: Annotated[int, Field(strict=True, ge=1, le=86_400)] = Field(
        default_factory=int, description="no shorter than the contract's"
    )
    timeout_seconds: Annotated[int, Field(strict=True, ge=1, le=300)] = Field(
        default_factory=int, description="shorter than the interval"
    )
    rechecks: Annotated[int, Field(strict=True, ge=0, le=20)] = Field(default_factory=int)
    recheck_spacing_seconds: Annotated[int, Field(strict=True, ge=0, le=3600)] = Field(default_factory=int)
    recoveries: Annotated[int, Field(strict=True, ge=1, le=20)] = Field(default_factory=int)

    def given(self) -> dict[str, int]:
        """What was said."""
        return self.model_dump(exclude_unset=True)


class MonitorBody(BaseModel):
    """What is to be watched in an environment that a contract covers."""

    model_config = forbid_unknown(examples=[_BODY])

    contract_id: UUID
    environment_id: UUID
    name: Name
    configuration: MonitorConfiguration
    cadence: CadenceBody = Field(
        default_factory=CadenceBody, description="left out for what reports by itself: its configuration says when"
    )
    third_party: StrictBool = Field(default=False, description="whether somebody else answers for what is watched")
    parent_id: UUID | None = Field(default=None, description="the monitor that this one depends on")


class MonitorPatch(BaseModel):
    """A merge patch (RFC 7396). What a contract made can be changed only in what the contract leaves open.

    Open are its name, a shorter timeout, and of an HTTP check the accepted statuses, the headers and the assertions.
    """

    model_config = forbid_unknown(examples=[_PATCH])

    name: Name = Field(default_factory=str)
    configuration: dict[str, Any] = Field(default_factory=dict, max_length=50, description="a merge patch of its own")
    cadence: CadenceBody = Field(default_factory=CadenceBody)
    third_party: StrictBool = Field(default_factory=bool)
    parent_id: UUID | None = Field(default=None, description="null: it depends on no other")

    def change(self) -> Change:
        """What is to be otherwise."""
        return Change(
            name=self.name if "name" in self.model_fields_set else None,
            third_party=self.third_party if "third_party" in self.model_fields_set else None,
            cadence=self.cadence.given(),
            configuration=self.configuration,
        )


@router.post("", summary="Add a monitor", status_code=201, dependencies=[Idempotent])
async def create_monitor(body: MonitorBody, unit: Unit, principal: Writer, response: Response) -> MonitorDetails:
    """Watches something more under a contract: from now on, no more often than the contract has anything checked.

    It does not count for the service level, and goes on for as long as the contract covers its environment.
    """
    versions, monitors = SqlContractVersions(unit.session), SqlMonitors(unit.session)
    promise = await versions.in_force(body.contract_id, unit.now)
    if promise is None or promise.status != "active":
        raise _invalid("There is no active contract with this id.", "contract_id")
    with refused_at(body.model_dump(mode="json", exclude_unset=True)):
        cadence = cadence_for(body.configuration, promise, body.cadence.given(), unit.now)
        subject = await add_monitor(
            Addition(
                monitor_id=new_id(),
                contract_id=body.contract_id,
                environment_id=body.environment_id,
                deliverable=body.configuration.kind,
                name=body.name,
                configuration=body.configuration,
                cadence=cadence,
                third_party=body.third_party,
            ),
            versions,
            SqlLocations(unit.session),
            monitors,
            EventAnnouncer(unit),
            unit.now,
        )
    if body.parent_id is not None:
        await _depend(unit, subject.monitor_id, subject.client_id, body.parent_id)
    response.headers["Location"] = f"/v1/monitors/{subject.monitor_id}"
    return await _shown(unit, subject.monitor_id, response)


@router.patch("/{monitor_id}", summary="Change a monitor", responses=responses_for(Conflict))
async def update_monitor(
    monitor_id: UUID, patch: MonitorPatch, unit: Unit, principal: Writer, response: Response, if_match: IfMatch
) -> MonitorDetails:
    """A merge patch (RFC 7396). It holds from now on, through every version of the contract that is to come.

    What is hidden of a configuration stays as it is when it is sent back; a check that goes to another site needs its
    secrets in full.
    """
    row = await _monitor(unit, monitor_id)
    monitors = SqlMonitors(unit.session)
    monitor = (await monitors.locked([monitor_id]))[monitor_id]
    if_match.require(monitor.edition)
    if "parent_id" in patch.model_fields_set and not monitor.removed:
        await _depend(unit, monitor_id, row.client_id, patch.parent_id)
    with refused_at(patch.model_dump(mode="json", exclude_unset=True)):
        await change_monitor(monitor, patch.change(), SqlContractVersions(unit.session), monitors, unit.now)
    return await _shown(unit, monitor_id, response)


@router.delete("/{monitor_id}", summary="Remove a monitor", status_code=204, responses=responses_for(Conflict))
async def delete_monitor(monitor_id: UUID, unit: Unit, principal: Writer, if_match: IfMatch) -> None:
    """Watches what was added no more, for good; what was measured stays. What a contract made goes by amendment."""
    await _monitor(unit, monitor_id)
    monitors = SqlMonitors(unit.session)
    monitor = (await monitors.locked([monitor_id]))[monitor_id]
    if_match.require(monitor.edition)
    with refused_at({}):
        await remove_monitor(monitor, monitors, EventAnnouncer(unit), unit.now)


@contextmanager
def refused_at(body: Mapping[str, Any]) -> Iterator[None]:
    """Turns what the use cases refuse into problems that point into the body."""
    try:
        yield
    except NotAllowed as error:
        raise _invalid(str(error), *_present(body, error.path)) from None
    except NotCovered:
        raise _invalid("The contract does not cover this environment.", "environment_id") from None
    except NotInForce:
        raise Conflict("The contract is not active: nothing is watched under it that could be changed.") from None
    except CannotChange as error:
        raise Conflict(str(error)) from None
    except ValidationError as error:
        faults = [{**fault, "loc": ("body", "configuration", *fault["loc"])} for fault in error.errors()]
        raise RequestValidationError(faults, body=body) from None


def _present(body: Mapping[str, Any], path: tuple[str, ...]) -> tuple[str, ...]:
    """As much of the path as the body has."""
    found: list[str] = []
    here: Any = body
    for part in path:
        if isinstance(here, Mapping) and part in here:
            here = here[part]
        elif isinstance(here, list) and part.isdigit() and int(part) < len(here):
            here = here[int(part)]
        else:
            break
        found.append(part)
    return tuple(found)


def _invalid(detail: str, *path: str) -> ValidationFailed:
    return ValidationFailed(detail, errors=[FieldError(detail=detail[:1000], pointer=json_pointer(path))])


async def _depend(unit: Unit, monitor_id: UUID, client_id: UUID, parent_id: UUID | None) -> None:
    if parent_id is not None:
        parent = await queries.monitor(unit.session, parent_id)
        if parent is None or parent.client_id != client_id:
            raise _invalid("The client has no monitor with this id.", "parent_id")
    try:
        await depend_on(monitor_id, parent_id, SqlMonitors(unit.session))
    except DependencyError as error:
        raise _invalid(str(error), "parent_id") from None


async def _monitor(unit: Unit, monitor_id: UUID) -> MonitorRow:
    row = await queries.monitor(unit.session, monitor_id)
    if row is None:
        raise NotFound("There is no monitor with this id.")
    return row


async def _shown(unit: Unit, monitor_id: UUID, response: Response) -> MonitorDetails:
    row = await _monitor(unit, monitor_id)
    await unit.session.refresh(row)
    response.headers["ETag"] = etag(row.edition)
    locations = await queries.location_states(unit.session, [monitor_id])
    history = await queries.rules_history(unit.session, monitor_id, unit.now)
    return MonitorDetails.with_history(row, locations[monitor_id], list(history))
