"""Whom the agency alerts, whatever the contract."""

from fastapi import APIRouter, Response

from incidents.adapters import queries
from incidents.adapters.defaults import default_recipients, incidents_settings
from incidents.adapters.tables import AlertAddressesRow
from incidents.api.dependencies import Reader, Writer, agency_only
from incidents.api.models import AlertAddress, AlertAddresses, AlertAddressesAnswer
from shared.etag import IfMatch, etag
from shared.problems import PreconditionFailed, PreconditionRequired, responses_for
from shared.service import CurrentRuntime, Unit

router = APIRouter(prefix="/v1/alert-addresses", tags=["alerts"])


@router.get("", summary="Read the agency's alert addresses")
async def get_alert_addresses(
    unit: Unit, principal: Reader, runtime: CurrentRuntime, response: Response
) -> AlertAddressesAnswer:
    """The agency's own list, or the installation's (version 0) until the agency sets one."""
    agency_only(principal)
    row = await queries.alert_addresses(unit.session, principal.tenant_id)
    if row is None:
        recipients = default_recipients(incidents_settings(runtime.settings))
        addresses = [AlertAddress.model_validate({"email": r.email, "language": r.language}) for r in recipients]
        answer = AlertAddressesAnswer(version=0, addresses=addresses)
    else:
        answer = AlertAddressesAnswer.model_validate({"version": row.version, "addresses": row.addresses})
    response.headers["ETag"] = etag(answer.version)
    return answer


@router.put(
    "",
    summary="Replace the agency's alert addresses",
    responses=responses_for(PreconditionFailed, PreconditionRequired),
)
async def replace_alert_addresses(
    body: AlertAddresses, unit: Unit, principal: Writer, if_match: IfMatch, response: Response
) -> AlertAddressesAnswer:
    """From now on these are alerted. An empty list alerts nobody besides the addresses of each contract."""
    agency_only(principal)
    row = await queries.alert_addresses(unit.session, principal.tenant_id, lock=True)
    if_match.require(row.version if row is not None else 0)
    listed = {address.email.lower(): address.model_dump() for address in body.addresses}
    if row is None:
        row = AlertAddressesRow(tenant_id=principal.tenant_id, version=0)
        unit.session.add(row)
    row.version += 1
    row.addresses = list(listed.values())
    row.changed_at = unit.now
    await unit.session.flush()
    response.headers["ETag"] = etag(row.version)
    return AlertAddressesAnswer.model_validate({"version": row.version, "addresses": row.addresses})
