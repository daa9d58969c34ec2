"""The blocks of a contract as they stand in the document that both parties sign: self-contained, nothing to look up."""

from typing import Any

from contracts.application.clients import Client
from contracts.application.controlled_documents import ControlledDocument, DocumentVersion
from contracts.application.further_terms import BLOCKS, FurtherTerms
from contracts.application.ports import Workspace
from contracts.application.pricing import told
from contracts.application.settlement_terms import written_out
from contracts.domain.agreement import local_date


async def document_blocks(work: Workspace, client: Client, terms: FurtherTerms) -> dict[str, Any]:
    """Name to block; null is not agreed. Clauses stand there in full, in the version that is in force today."""
    content = terms.model_dump(mode="json", by_alias=True, include=set(BLOCKS))
    if terms.offer is not None and terms.offer.coverage_calendar is not None:
        calendar = await work.calendars.by_name(terms.offer.coverage_calendar)
        # As it is today: another version of the calendar is another agreement.
        content["offer"]["coverage"] = (
            None if calendar is None else calendar.model_dump(mode="json", by_alias=True, include={"title", "versions"})
        )
    if terms.legal is not None:
        today = local_date(work.now, client.time_zone)
        for field in ("clauses", "controlled_documents"):
            named = []
            for code in getattr(terms.legal, field):
                document = await work.signing.documents.by_code(code)
                version = None if document is None else document.in_force(today)
                assert document is not None and version is not None  # a contract that names others is incomplete
                named.append(_stated(document, version))
            content["legal"][field] = named
    content |= await written_out(work, terms)
    parties = {"agency": None, "client": client.client_id}
    return {
        **content,
        "price_breakdown": None if terms.pricing is None else told(terms.pricing).model_dump(mode="json"),
        "parties": {
            name: None if party is None or party.party is None else party.party.model_dump(mode="json")
            for name, party in [(name, await work.signing.parties.of(owner)) for name, owner in parties.items()]
        },
    }


def _stated(document: ControlledDocument, version: DocumentVersion) -> dict[str, Any]:
    told_of = version.model_dump(mode="json", include={"number", "text", "reference", "effective_on"})
    approval = version.approval
    return {
        "code": document.code,
        "kind": document.kind,
        "title": document.title.model_dump(),
        **told_of,
        "approved_by": None if approval is None else approval.approved_by,
    }
