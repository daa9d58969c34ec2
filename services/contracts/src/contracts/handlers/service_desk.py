"""deployment, intervention, anomaly: what the service desk did and found, entered in our registers.

A record comes whole with its version, so that the order does not matter: an older version than one that was heard adds
nothing. What is for the agency alone does not go into the client's lists.
"""

from typing import Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict

from contracts.adapters.workspace import workspace_of
from contracts.application import client_registers
from contracts.application.client_registers import EntryState, Told
from contracts.application.deliveries import Deployment, follow_deployment
from contracts.application.facts import take
from contracts.handlers.facts import fact_of_deployment, fact_of_intervention, of_a_contract
from contracts.handlers.registration import handlers
from shared.events import ReceivedEvent
from shared.unit_of_work import UnitOfWork

TITLE_LENGTH = 200
DESCRIPTION_LENGTH = 5000


class _Recorded(BaseModel):
    """As far as we read it."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    version: int
    contract_id: UUID
    site_id: UUID | None
    audience: Literal["agency", "client"]


class Anomaly(_Recorded):
    """A known anomaly."""

    anomaly_id: UUID
    title: str
    symptoms: str
    workaround: str | None
    state: Literal["open", "being_fixed", "fixed", "accepted"]


class Intervention(_Recorded):
    """Work that somebody did on a site."""

    intervention_id: UUID
    what: str
    result: str | None


@handlers.on("incidents.deployment.recorded.v1")
async def take_deployment(event: ReceivedEvent[Deployment], uow: UnitOfWork) -> None:
    """The item's versions are what the newest record of the deployment says; it is work that was done, too."""
    work, told = workspace_of(uow), event.data
    with of_a_contract():
        await take(work, fact_of_deployment(event))
        await follow_deployment(work, told)
        if told.audience == "client":
            title = f"{told.configuration_item} {told.released_version}"
            state: EntryState = "done" if told.result == "succeeded" else "removed"
            happened = told.result in ("succeeded", "rolled_back")
            await _list(uow, "works", told.deployment_id, told, title, "", state, begin=happened)


@handlers.on("incidents.intervention.recorded.v1")
async def take_intervention(event: ReceivedEvent[Intervention], uow: UnitOfWork) -> None:
    """Work that was done on a site."""
    told = event.data
    with of_a_contract():
        await take(workspace_of(uow), fact_of_intervention(event))
        if told.audience == "client":
            await _list(uow, "works", told.intervention_id, told, told.what, told.result or "", "done")


@handlers.on("incidents.anomaly.recorded.v1")
async def take_anomaly(event: ReceivedEvent[Anomaly], uow: UnitOfWork) -> None:
    """A known anomaly, confirmed again, or in another state."""
    told = event.data
    if told.audience == "client":
        description = "\n\n".join(filter(None, (told.symptoms, told.workaround)))
        with of_a_contract():
            await _list(uow, "anomalies", told.anomaly_id, told, told.title, description, told.state)


async def _list(
    uow: UnitOfWork,
    kind: Literal["anomalies", "works"],
    source_id: UUID,
    told: _Recorded | Deployment,
    title: str,
    description: str,
    state: EntryState,
    *,
    begin: bool = True,
) -> None:
    one_line = " ".join(title.split())[:TITLE_LENGTH]
    await client_registers.follow_record(
        workspace_of(uow),
        Told(
            kind=kind,
            source_id=source_id,
            source_version=told.version,
            contract_id=told.contract_id,
            site_id=told.site_id,
            title=one_line or "-",
            description=description[:DESCRIPTION_LENGTH],
            state=state,
        ),
        begin=begin,
    )
