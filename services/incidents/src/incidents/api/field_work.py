"""What is known and done on sites: anomalies, interventions, and what local support gathers for the second level."""

from datetime import datetime
from typing import Annotated, Any, ClassVar, Literal
from uuid import UUID

from fastapi import APIRouter, Query
from fastapi.responses import Response
from pydantic import BaseModel, ConfigDict, Field, StrictInt
from sqlalchemy import ColumnElement

from incidents.adapters import queries
from incidents.adapters.records_reading import SqlRecords
from incidents.adapters.records_tables import AnomalyRow, EvidenceRow, InterventionRow
from incidents.api.follow_up import CHANGED, MISSING
from incidents.api.record_desk import (
    CONTRACT,
    ITEM,
    PERSON,
    SITE,
    WRITTEN,
    Audience,
    Line,
    Narrowed,
    OfContract,
    OfItem,
    ReadingDesk,
    RecordAnswer,
    RecordDesk,
    Text,
    WritingDesk,
)
from incidents.api.record_files import CSV, From, To, in_period, record_file
from incidents.application.records import UnknownItemError
from incidents.domain.records import CHECKLIST, EvidenceKind, must, must_have_happened
from shared.etag import IfMatch
from shared.idempotency import Idempotent, IdempotentRoute
from shared.pagination import Page, PageParams
from shared.problems import NotFound
from shared.service import CurrentRuntime
from shared.values import Instant, forbid_unknown

AnomalyState = Literal["open", "being_fixed", "fixed", "accepted"]
Mode = Literal["remote", "on_site"]

_ANOMALY: dict[str, Any] = {
    "audience": "client",
    "configuration_item": "shop",
    "title": "The basket empties itself",
    "symptoms": "After 30 minutes without a click the basket is empty.",
    "workaround": "Sign in before shopping.",
    "state": "being_fixed",
    "fixing_item_ids": [],
    "confirmed_at": "2026-01-08T08:00:00Z",
}
_INTERVENTION: dict[str, Any] = {
    "audience": "client",
    "configuration_item": "till 3",
    "mode": "on_site",
    "what": "Replaced the receipt printer.",
    "result": "It prints.",
    "performed_by": "Ada Martin",
    "began_at": "2026-01-08T09:00:00Z",
    "ended_at": "2026-01-08T10:30:00Z",
    "travel_minutes": 40,
}
_EVIDENCE: dict[str, Any] = {
    "audience": "agency",
    "kind": "logs",
    "note": "Log of the payment service from 08:50 to 09:20.",
    "reference": None,
}


class AnomalyFacts(BaseModel):
    """How an anomaly shows, how to live with it, which items are to fix it, when it was last seen to be so."""

    model_config = forbid_unknown(examples=[_ANOMALY])

    audience: Audience = "client"
    configuration_item: Line | None = None
    title: Line
    symptoms: Text
    workaround: Text | None = None
    state: AnomalyState = "open"
    fixing_item_ids: list[UUID] = Field(default_factory=list, max_length=50, description="items that fix it")
    confirmed_at: Instant | None = Field(
        default=None, description="when somebody last saw that it is as described; null is now"
    )


class AnomalyBody(AnomalyFacts, OfContract):
    """A known anomaly of a site."""

    model_config = forbid_unknown(examples=[{"contract_id": CONTRACT, "site_id": SITE} | _ANOMALY])


class Anomaly(AnomalyFacts, RecordAnswer):
    """A known anomaly of a site."""

    model_config = ConfigDict(
        extra="ignore", json_schema_extra={"examples": [WRITTEN | {"anomaly_id": PERSON[:-2] + "71"} | _ANOMALY]}
    )
    ROW: ClassVar[type[Any]] = AnomalyRow
    KEY: ClassVar[str] = "anomaly_id"

    anomaly_id: UUID
    confirmed_at: Instant


class InterventionFacts(BaseModel):
    """What was done, when, by whom, from afar or there."""

    model_config = forbid_unknown(examples=[_INTERVENTION])

    audience: Audience = "client"
    configuration_item: Line | None = None
    mode: Mode
    what: Text
    result: Text | None = None
    performed_by: Line
    began_at: Instant
    ended_at: Instant
    travel_minutes: StrictInt = Field(
        default=0,
        ge=0,
        le=10_000,
        description="there and back; none for remote work",
        json_schema_extra={"format": "int32"},
    )

    def check(self, now: datetime) -> None:
        """Raises BrokenRuleError for an intervention that cannot have been."""
        must(self.ended_at >= self.began_at, "ended_at", "It cannot have ended before it began.")
        must_have_happened("ended_at", self.ended_at, now)
        must(self.mode == "on_site" or self.travel_minutes == 0, "travel_minutes", "Nobody travels for remote work.")


class InterventionBody(InterventionFacts, OfContract):
    """An intervention on a site."""

    model_config = forbid_unknown(
        examples=[{"contract_id": CONTRACT, "site_id": SITE, "item_id": ITEM} | _INTERVENTION]
    )


class Intervention(InterventionFacts, RecordAnswer):
    """An intervention on a site."""

    model_config = ConfigDict(
        extra="ignore",
        json_schema_extra={"examples": [WRITTEN | {"intervention_id": PERSON[:-2] + "72"} | _INTERVENTION]},
    )
    ROW: ClassVar[type[Any]] = InterventionRow
    KEY: ClassVar[str] = "intervention_id"

    intervention_id: UUID


class EvidenceBody(OfItem):
    """What local support has gathered about an item. Nothing changes it; more can be added."""

    model_config = forbid_unknown(examples=[{"item_id": ITEM} | _EVIDENCE])

    audience: Audience = "agency"
    kind: EvidenceKind
    note: Text
    reference: Line | None = Field(default=None, description="where it is: an attachment, a path, a link")


class Evidence(RecordAnswer):
    """What local support has gathered about an item."""

    model_config = ConfigDict(
        extra="ignore", json_schema_extra={"examples": [WRITTEN | {"evidence_id": PERSON[:-2] + "73"} | _EVIDENCE]}
    )
    ROW: ClassVar[type[Any]] = EvidenceRow
    KEY: ClassVar[str] = "evidence_id"

    evidence_id: UUID
    kind: EvidenceKind
    note: Text
    reference: Line | None


class EvidenceChecklist(BaseModel):
    """What the second level wants to find when an item is handed over, and what of it is there."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"item_id": ITEM, "gathered": ["logs"], "missing": ["configuration"]}]}
    )

    item_id: UUID
    gathered: list[EvidenceKind] = Field(max_length=10)
    missing: list[EvidenceKind] = Field(max_length=10, description="empty: it is ready to be handed over")


anomalies = APIRouter(prefix="/v1/known-anomalies", tags=["field work"], route_class=IdempotentRoute)
interventions = APIRouter(prefix="/v1/interventions", tags=["field work"], route_class=IdempotentRoute)
interventions_file = APIRouter(prefix="/v1/interventions.csv", tags=["field work"])
evidence = APIRouter(prefix="/v1/evidence", tags=["field work"], route_class=IdempotentRoute)
checklists = APIRouter(prefix="/v1/evidence-checklists", tags=["field work"])


@anomalies.post("", status_code=201, summary="Record an anomaly", dependencies=[Idempotent], responses=MISSING)
async def record_anomaly(body: AnomalyBody, desk: WritingDesk) -> Anomaly:
    """Something that is known to be wrong with a site, and how to live with it."""
    place = await body.place(desk.book)
    return await desk.record(Anomaly, body, **await _anomaly(body, desk, place.client_id))


@anomalies.get("", summary="List known anomalies")
async def list_anomalies(
    desk: ReadingDesk,
    params: PageParams,
    narrowed: Narrowed,
    state: Annotated[
        list[AnomalyState] | None, Query(max_length=4, description="any of these; repeat for several")
    ] = None,
    configuration_item: Annotated[Line | None, Query(description="of this configuration item only")] = None,
    fixed_by: Annotated[UUID | None, Query(description="those that this item is to fix")] = None,
    not_confirmed_since: Annotated[
        Instant | None, Query(description="only those that nobody has confirmed since: perhaps they are gone")
    ] = None,
) -> Page[Anomaly]:
    """Newest first."""
    conditions: list[ColumnElement[bool]] = []
    if state:
        conditions.append(AnomalyRow.state.in_(state))
    if configuration_item is not None:
        conditions.append(AnomalyRow.configuration_item == configuration_item)
    if fixed_by is not None:
        conditions.append(AnomalyRow.fixing_item_ids.contains([str(fixed_by)]))
    if not_confirmed_since is not None:
        conditions.append(AnomalyRow.confirmed_at < not_confirmed_since)
    return await desk.page(Anomaly, params, narrowed.select(AnomalyRow, *conditions))


@anomalies.get("/{anomaly_id}", summary="Read a known anomaly")
async def get_anomaly(anomaly_id: UUID, desk: ReadingDesk) -> Anomaly:
    """One anomaly as it stands."""
    return await desk.read(Anomaly, anomaly_id)


@anomalies.put("/{anomaly_id}", summary="Change a known anomaly", responses=CHANGED)
async def change_anomaly(anomaly_id: UUID, body: AnomalyFacts, desk: WritingDesk, if_match: IfMatch) -> Anomaly:
    """Its next version: a workaround, a fix, or only that it is still there. Its history stays."""
    known = await desk.found(Anomaly, anomaly_id)
    return await desk.revise(Anomaly, anomaly_id, body, if_match, **await _anomaly(body, desk, known.client_id))


async def _anomaly(body: AnomalyFacts, desk: RecordDesk, client_id: UUID) -> dict[str, Any]:
    must_have_happened("confirmed_at", body.confirmed_at, desk.unit.now)
    for index, item_id in enumerate(body.fixing_item_ids):
        item = await queries.item(desk.unit.session, item_id)
        # The client's people read the record: another client's items are no business of theirs.
        if item is None or item.client_id != client_id:
            raise UnknownItemError(f"fixing_item_ids/{index}")
    return {
        "confirmed_at": body.confirmed_at or desk.unit.now,
        "fixing_item_ids": list(dict.fromkeys(str(item_id) for item_id in body.fixing_item_ids)),
    }


@interventions.post("", status_code=201, summary="Record an intervention", dependencies=[Idempotent], responses=MISSING)
async def record_intervention(body: InterventionBody, desk: WritingDesk) -> Intervention:
    """What somebody did on a site, from afar or there."""
    body.check(desk.unit.now)
    return await desk.record(Intervention, body)


@interventions.get("", summary="List interventions")
async def list_interventions(
    desk: ReadingDesk,
    params: PageParams,
    narrowed: Narrowed,
    since: From = None,
    until: To = None,
    mode: Mode | None = None,
    configuration_item: Annotated[Line | None, Query(description="on this configuration item only")] = None,
) -> Page[Intervention]:
    """Newest first; those that began in the period."""
    conditions = in_period(InterventionRow.began_at, since, until)
    if mode is not None:
        conditions.append(InterventionRow.mode == mode)
    if configuration_item is not None:
        conditions.append(InterventionRow.configuration_item == configuration_item)
    return await desk.page(Intervention, params, narrowed.select(InterventionRow, *conditions))


@interventions_file.get("", summary="Download interventions", response_class=Response, responses=CSV)
async def download_interventions(
    desk: ReadingDesk, runtime: CurrentRuntime, narrowed: Narrowed, since: From = None, until: To = None
) -> Response:
    """Those that began in the period, in the order in which they were recorded. A text never begins like a formula."""
    selected = narrowed.select(InterventionRow, *in_period(InterventionRow.began_at, since, until))
    columns = (
        "began_at",
        "ended_at",
        "mode",
        "travel_minutes",
        "configuration_item",
        "what",
        "result",
        "performed_by",
        "site_id",
        "item_id",
        "contract_id",
        "client_id",
    )
    return record_file(desk, runtime, InterventionRow, selected, columns, "interventions.csv")


@interventions.get("/{intervention_id}", summary="Read an intervention")
async def get_intervention(intervention_id: UUID, desk: ReadingDesk) -> Intervention:
    """One intervention as it stands."""
    return await desk.read(Intervention, intervention_id)


@interventions.put("/{intervention_id}", summary="Correct an intervention", responses=CHANGED)
async def correct_intervention(
    intervention_id: UUID, body: InterventionFacts, desk: WritingDesk, if_match: IfMatch
) -> Intervention:
    """Its next version. What it said before stays in its history."""
    body.check(desk.unit.now)
    return await desk.revise(Intervention, intervention_id, body, if_match)


@evidence.post("", status_code=201, summary="Add evidence", dependencies=[Idempotent], responses=MISSING)
async def record_evidence(body: EvidenceBody, desk: WritingDesk) -> Evidence:
    """What local support found out before the second level is asked."""
    return await desk.record(Evidence, body)


@evidence.get("", summary="List evidence")
async def list_evidence(
    desk: ReadingDesk, params: PageParams, narrowed: Narrowed, kind: EvidenceKind | None = None
) -> Page[Evidence]:
    """Newest first."""
    conditions = [] if kind is None else [EvidenceRow.kind == kind]
    return await desk.page(Evidence, params, narrowed.select(EvidenceRow, *conditions))


@evidence.get("/{evidence_id}", summary="Read evidence")
async def get_evidence(evidence_id: UUID, desk: ReadingDesk) -> Evidence:
    """One piece of evidence as it was added."""
    return await desk.read(Evidence, evidence_id)


@checklists.get("/{item_id}", summary="Read what the second level still lacks")
async def get_evidence_checklist(item_id: UUID, desk: ReadingDesk) -> EvidenceChecklist:
    """Which kinds of evidence are there before an item is handed to the second level, and which are not."""
    if await queries.item(desk.unit.session, item_id) is None:
        raise NotFound("There is no item with this id.")
    there = await SqlRecords(desk.unit.session).gathered(item_id)
    return EvidenceChecklist(
        item_id=item_id,
        gathered=[kind for kind in CHECKLIST if kind in there],
        missing=[kind for kind in CHECKLIST if kind not in there],
    )
