"""What a contract's blocks answer: is it complete, what does it include, who is asked, what was found."""

import base64
import hashlib
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Path, Query, Request, Response

from contracts.adapters import signing_stores
from contracts.adapters.sheet_page import sheet_page
from contracts.api.dependencies import SHOWN, VersionedRoute, Work, agency, tagged
from contracts.application import contract_facts, contracts
from contracts.application.completeness import Readiness
from contracts.application.continuity import BackupProof, ContinuityStanding, NewBackupProof
from contracts.application.prerequisites import PrerequisiteFacts, Prerequisites, PrerequisiteState
from contracts.application.responsibilities import Route
from contracts.application.scope import ScopeAnswer, ScopeQuestion
from contracts.application.service_desk_words import catalogues
from contracts.application.sheet import Sheet, sheet_of
from contracts.application.values import Code, Language
from shared.auth import Principal, require
from shared.etag import IfMatch
from shared.i18n import Translator
from shared.idempotency import Idempotent
from shared.pagination import Page, PageParams
from shared.problems import Conflict, ValidationFailed, responses_for
from shared.service import Unit

router = APIRouter(prefix="/v1/contracts/{contract_id}", tags=["contracts"], route_class=VersionedRoute)

Reader = Annotated[Principal, Depends(require("contracts:read"))]
Writer = Annotated[Principal, Depends(require("contracts:write"))]
AgencyReader = Annotated[Principal, agency("contracts:read")]
AgencyWriter = Annotated[Principal, agency("contracts:write")]
InLanguage = Annotated[Language | None, Query(description="fr or en; left out: the reader's, else the client's.")]
CodePath = Annotated[Code, Path(description="Code of a prerequisite of the contract.")]


@router.get("/readiness", summary="Read what a contract still lacks")
async def get_contract_readiness(contract_id: UUID, work: Work, _who: AgencyReader) -> Readiness:
    """Everything that keeps it from being proposed, all at once, and what both parties should know."""
    return await contracts.readiness(work, await work.contracts.get(contract_id))


@router.get("/sheet", summary="Read what a contract includes")
async def get_contract_sheet(
    request: Request, contract_id: UUID, work: Work, _who: Reader, language: InLanguage = None
) -> Sheet:
    """The sites, and every line that says what is included, scoped first, or excluded, and nothing else."""
    sheet, _ = await _sheet(request, contract_id, work, language)
    return sheet


@router.get(
    "/sheet/html",
    summary="Read what a contract includes as a page",
    response_class=Response,
    responses={200: {"description": "The page", "content": {"text/html": {"schema": {"type": "string"}}}}},
)
async def get_contract_sheet_page(
    request: Request, contract_id: UUID, work: Work, _who: Reader, language: InLanguage = None
) -> Response:
    """The same sheet for people, in French or English, ready to print."""
    sheet, translator = await _sheet(request, contract_id, work, language)
    page = sheet_page(sheet, translator)
    digest = base64.b64encode(hashlib.sha256(page.style.encode()).digest()).decode()
    headers = {
        "Cache-Control": "private, no-cache",
        "Content-Language": translator.language,
        "Content-Security-Policy": f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none';"
        " form-action 'none'; frame-ancestors 'self'",
        "Referrer-Policy": "no-referrer",
        "Vary": "Accept-Language",
        "X-Content-Type-Options": "nosniff",
    }
    return Response(page.html, headers=headers, media_type="text/html; charset=utf-8")


async def _sheet(
    request: Request, contract_id: UUID, work: Work, language: Language | None
) -> tuple[Sheet, Translator]:
    contract = await work.contracts.get(contract_id)
    client = await work.clients.get(contract.client_id)
    translator = catalogues().negotiate(language, request.headers.get("accept-language"), client.language)
    sites = [await work.sites.get(site_id) for site_id in contract.terms.site_ids]
    return sheet_of(contract, sites, translator), translator


@router.post("/scope-verdicts", summary="Classify a request", responses=responses_for(Conflict))
async def classify_request(contract_id: UUID, question: ScopeQuestion, work: Work, _who: Reader) -> ScopeAnswer:
    """In scope, out of scope, or to be scoped first, and whether it may draw on the included hours; keeps nothing."""
    return contract_facts.classified(await work.contracts.get(contract_id), question)


@router.get("/routing", summary="Read who is asked about an area")
async def get_routing(
    contract_id: UUID, work: Work, _who: Reader, area: Annotated[Code, Query(examples=["logs"])]
) -> Route:
    """The local support that knows the area, then the remote second level."""
    return contract_facts.routed(await work.contracts.get(contract_id), area)


@router.get("/prerequisites", summary="Read the prerequisites of a contract")
async def list_prerequisites(contract_id: UUID, work: Work, _who: Reader) -> Prerequisites:
    """Each as it is expected, as the client communicated it, and as it was found; a contract has at most 100."""
    return Prerequisites(data=await contract_facts.prerequisites_of(work, await work.contracts.get(contract_id)))


@router.get("/prerequisites/{prerequisite_code}", summary="Read a prerequisite", responses=SHOWN)
async def get_prerequisite(
    contract_id: UUID, prerequisite_code: CodePath, response: Response, work: Work, _who: Reader
) -> PrerequisiteState:
    """One prerequisite with its three states."""
    state = await contract_facts.prerequisite_of(work, await work.contracts.get(contract_id), prerequisite_code)
    tagged(response, state.version)
    return state


@router.put("/prerequisites/{prerequisite_code}", summary="Record what is known of a prerequisite", responses=SHOWN)
async def put_prerequisite(
    contract_id: UUID,
    prerequisite_code: CodePath,
    facts: PrerequisiteFacts,
    response: Response,
    work: Work,
    if_match: IfMatch,
    _who: AgencyWriter,
) -> PrerequisiteState:
    """What the client communicated and what was found. What is expected is agreed, and changes by an amendment."""
    contract = await work.contracts.locked(contract_id)
    known = await contract_facts.prerequisite_of(work, contract, prerequisite_code)
    if_match.require(known.version)
    state = await contract_facts.record_prerequisite(work, contract, known, facts)
    tagged(response, state.version)
    return state


@router.post(
    "/backup-proofs",
    summary="Record a proof of a backup",
    status_code=201,
    responses=responses_for(ValidationFailed),
    dependencies=[Idempotent],
)
async def create_backup_proof(contract_id: UUID, new: NewBackupProof, work: Work, _who: AgencyWriter) -> BackupProof:
    """What showed that there is a backup, and how long a restore of it took; it is never changed."""
    return await contract_facts.record_backup(work, await work.contracts.get(contract_id), new)


@router.get("/backup-proofs", summary="List the proofs of backups")
async def list_backup_proofs(
    contract_id: UUID, unit: Unit, work: Work, params: PageParams, _who: Reader
) -> Page[BackupProof]:
    """Those with the newest data first."""
    await work.contracts.get(contract_id)
    return await signing_stores.list_backup_proofs(unit, params, contract_id)


@router.get("/continuity", summary="Read where a contract stands on continuity")
async def get_continuity(contract_id: UUID, work: Work, _who: Reader) -> ContinuityStanding:
    """Each site's RPO and RTO against the newest proof; without a proof the standing is unknown."""
    return await contract_facts.continuity_of(work, await work.contracts.get(contract_id))
