"""The parties in law, and what is known of a site before somebody answers for it."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Response

from contracts.api.dependencies import SHOWN, VersionedRoute, Work, agency, tagged
from contracts.application.intake_audits import IntakeAudit, IntakeAuditFacts, audit_of, change_audit
from contracts.application.parties import Party, PartyData, change_party, party_of
from shared.auth import Principal, require
from shared.etag import IfMatch

router = APIRouter(prefix="/v1", route_class=VersionedRoute)

Reader = Annotated[Principal, Depends(require("contracts:read"))]
Writer = Annotated[Principal, Depends(require("contracts:write"))]
AgencyReader = Annotated[Principal, agency("contracts:read")]
AgencyWriter = Annotated[Principal, agency("contracts:write")]


@router.get("/tenant/party", summary="Read who the agency is in law", tags=["identity"], responses=SHOWN)
async def get_tenant_party(response: Response, work: Work, _who: AgencyReader) -> Party:
    """The agency's legal name, registration and address; version 0 before they were given."""
    party = await party_of(work, None)
    tagged(response, party.version)
    return party


@router.put("/tenant/party", summary="Say who the agency is in law", tags=["identity"], responses=SHOWN)
async def put_tenant_party(
    data: PartyData, response: Response, work: Work, if_match: IfMatch, _who: AgencyWriter
) -> Party:
    """Stands in contracts that are proposed from now on."""
    await work.tenants.locked(work.tenant_id)
    party = await party_of(work, None)
    if_match.require(party.version)
    party = await change_party(work, None, party, data)
    tagged(response, party.version)
    return party


@router.get("/clients/{client_id}/party", summary="Read who a client is in law", tags=["clients"], responses=SHOWN)
async def get_client_party(client_id: UUID, response: Response, work: Work, _who: Reader) -> Party:
    """The client's legal name, registration and address; version 0 before they were given."""
    await work.clients.get(client_id)
    party = await party_of(work, client_id)
    tagged(response, party.version)
    return party


@router.put("/clients/{client_id}/party", summary="Say who a client is in law", tags=["clients"], responses=SHOWN)
async def put_client_party(
    client_id: UUID, data: PartyData, response: Response, work: Work, if_match: IfMatch, _who: Writer
) -> Party:
    """Stands in contracts that are proposed from now on."""
    await work.clients.locked(client_id)
    party = await party_of(work, client_id)
    if_match.require(party.version)
    party = await change_party(work, client_id, party, data)
    tagged(response, party.version)
    return party


@router.get("/sites/{site_id}/intake-audit", summary="Read the intake audit", tags=["sites"], responses=SHOWN)
async def get_intake_audit(site_id: UUID, response: Response, work: Work, _who: AgencyReader) -> IntakeAudit:
    """What is known of the system, and how much of the checklist is settled; version 0 is our checklist, untouched."""
    audit = await audit_of(work, site_id)
    tagged(response, audit.version)
    return audit


@router.put("/sites/{site_id}/intake-audit", summary="Write the intake audit", tags=["sites"], responses=SHOWN)
async def put_intake_audit(
    site_id: UUID, facts: IntakeAuditFacts, response: Response, work: Work, if_match: IfMatch, _who: AgencyWriter
) -> IntakeAudit:
    """The whole checklist as it stands now. Activating a contract warns of what is open."""
    await work.sites.locked(site_id)
    audit = await audit_of(work, site_id)
    if_match.require(audit.version)
    audit = await change_audit(work, audit, facts)
    tagged(response, audit.version)
    return audit
