"""Imports over HTTP: monitors and their past from an export of Uptime Kuma."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Literal, cast
from uuid import UUID

from fastapi import APIRouter
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, ConfigDict, Field, StrictBool, ValidationError

from probes.adapters import queries
from probes.adapters.announce import EventAnnouncer
from probes.adapters.contract_versions import SqlContractVersions
from probes.adapters.imported_history import keep_history
from probes.adapters.locations import SqlLocations
from probes.adapters.monitors import SqlMonitors
from probes.api.dependencies import Writer
from probes.api.models import KindName
from probes.application.adding_monitors import Addition, add_monitor
from probes.application.changing_monitors import cadence_for
from probes.application.checks.kinds import document_of
from probes.application.checks.secrets import masked
from probes.application.uptime_kuma import MOST_MONITORS, Backup, CannotMap, Entry, Mapped, mapped, past_checks
from probes.domain.monitors import Environment, Promise, quickest
from probes.domain.rollup import beginning_of, hour_of
from probes.settings import ProbesSettings
from shared.idempotency import Idempotent, IdempotentRoute
from shared.ids import new_id
from shared.problems import FieldError, ValidationFailed
from shared.service import CurrentRuntime, Unit
from shared.values import forbid_unknown, json_pointer

router = APIRouter(prefix="/v1/imports", tags=["monitors"], route_class=IdempotentRoute)

_FIRST_DAY = datetime(2020, 1, 1, tzinfo=UTC)
_ENVIRONMENT = "0190a000-0000-7000-8000-000000000031"
_BACKUP: dict[str, Any] = {
    "version": "1.23.16",
    "notificationList": [],
    "monitorList": [
        {
            "id": 1,
            "name": "Boutique",
            "type": "keyword",
            "url": "https://boutique.example/",
            "keyword": "Panier",
            "method": "GET",
            "interval": 60,
            "retryInterval": 20,
            "maxretries": 2,
            "active": True,
            "accepted_statuscodes": ["200-299"],
        }
    ],
    "heartbeatList": {"1": [{"status": 1, "time": "2026-06-07 09:00:00.123", "ping": 84}]},
}
_BODY: dict[str, Any] = {
    "contract_id": "0190a000-0000-7000-8000-000000000010",
    "environment_id": _ENVIRONMENT,
    "environments": [{"monitor": 1, "environment_id": _ENVIRONMENT}],
    "dry_run": True,
    "backup": _BACKUP,
}
_ENTRY: dict[str, Any] = {
    "monitor": 1,
    "name": "Boutique",
    "type": "keyword",
    "outcome": "new",
    "detail": None,
    "monitor_id": None,
    "environment_id": _ENVIRONMENT,
    "kind": "http",
    "configuration": {
        "kind": "http",
        "url": "https://boutique.example/",
        "assertions": [{"type": "keyword", "text": "Panier"}],
    },
    "notes": [],
    "past_checks": 1,
}
KumaId = Annotated[int, Field(strict=True, ge=0, le=2**53, json_schema_extra={"format": "int64"})]


class EnvironmentOfMonitor(BaseModel):
    """Where an entry belongs: `monitor` is its id in Uptime Kuma."""

    model_config = forbid_unknown(examples=[{"monitor": 1, "environment_id": _ENVIRONMENT}])

    monitor: KumaId
    environment_id: UUID


class UptimeKumaImport(BaseModel):
    """An export of Uptime Kuma and where its monitors belong.

    `backup` is the export of version 1, or what the API of version 2 gives: `monitorList`, `notificationList` and, for
    the past, `heartbeatList` by monitor. At most 1 MiB at a time: send a long past monitor by monitor.
    """

    model_config = forbid_unknown(examples=[_BODY])

    contract_id: UUID
    environment_id: UUID = Field(description="where every entry belongs that `environments` does not name")
    environments: list[EnvironmentOfMonitor] = Field(default_factory=list, max_length=MOST_MONITORS)
    dry_run: StrictBool = Field(default=True, description="only say what would be made")
    backup: dict[str, Any]


class ImportedEntry(BaseModel):
    """What becomes of one entry. `refused`: `detail` says why; `exists`: the environment has such a monitor already.

    `notes` say what is otherwise than it was, `past_checks` how much of its past is taken.
    """

    model_config = ConfigDict(frozen=True, json_schema_extra={"examples": [_ENTRY]})

    monitor: int = Field(ge=0, le=2**53)
    name: str = Field(max_length=300)
    type: str = Field(max_length=40)
    outcome: Literal["new", "exists", "refused"]
    detail: str | None = Field(default=None, max_length=1000)
    monitor_id: UUID | None = Field(default=None, description="null for a new one in a dry run")
    environment_id: UUID
    kind: KindName | None = None
    configuration: dict[str, Any] | None = Field(default=None, description="what is secret is hidden")
    notes: list[str] = Field(default_factory=list, max_length=20)
    past_checks: int = Field(default=0, ge=0, le=2**31)


class ImportReport(BaseModel):
    """What was made of an export, or would be, entry by entry. Notifications are not taken over."""

    model_config = ConfigDict(
        frozen=True,
        json_schema_extra={"examples": [{"dry_run": True, "entries": [_ENTRY], "notifications_left_out": 0}]},
    )

    dry_run: bool
    entries: list[ImportedEntry] = Field(max_length=MOST_MONITORS)
    notifications_left_out: int = Field(ge=0, le=2**31)


@router.post("/uptime-kuma", summary="Import from Uptime Kuma", dependencies=[Idempotent])
async def import_from_uptime_kuma(
    body: UptimeKumaImport, unit: Unit, principal: Writer, runtime: CurrentRuntime
) -> ImportReport:
    """Adds the monitors of an export under a contract, and takes over their past; says first what it would do.

    An entry of which an environment has the very same check already is not added again. The past becomes roll-ups of
    the location `imported`, and results as far back as results are kept; it counts in no figure of ours.
    """
    backup = _read(body)
    promise = await SqlContractVersions(unit.session).in_force(body.contract_id, unit.now)
    if promise is None or promise.status != "active":
        raise _invalid("There is no active contract with this id.", "contract_id")
    importing = _Importing(body, backup, promise, unit, cast(ProbesSettings, runtime.settings))
    return ImportReport(
        dry_run=body.dry_run,
        entries=[await importing.entry(each) for each in backup.monitors],
        notifications_left_out=len(backup.notifications),
    )


class _Importing:
    def __init__(
        self, body: UptimeKumaImport, backup: Backup, promise: Promise, unit: Unit, settings: ProbesSettings
    ) -> None:
        self._backup, self._promise, self._unit, self._settings = backup, promise, unit, settings
        self._apply = not body.dry_run
        self._places = _places(body, backup, promise)

    async def entry(self, entry: Entry) -> ImportedEntry:
        """What becomes of it, done unless this is a dry run."""
        place = self._places[entry.id]
        told: dict[str, Any] = {
            "monitor": entry.id,
            "name": entry.name,
            "type": entry.type,
            "environment_id": place.environment_id,
        }
        try:
            new = mapped(entry, quickest(self._promise))
        except CannotMap as error:
            return ImportedEntry(**told, outcome="refused", detail=str(error)[:1000])
        document = document_of(new.configuration)
        known = await queries.monitor_like(self._unit.session, place.environment_id, document)
        monitor_id = known.monitor_id if known else await self._add(entry, place, new) if self._apply else None
        return ImportedEntry(
            **told,
            outcome="exists" if known else "new",
            monitor_id=monitor_id,
            kind=new.configuration.kind,
            configuration=masked(document),
            notes=list(new.notes),
            past_checks=await self._past(entry, monitor_id, known.created_at if known else self._unit.now),
        )

    async def _add(self, entry: Entry, place: Environment, new: Mapped) -> UUID:
        session, now = self._unit.session, self._unit.now
        subject = await add_monitor(
            Addition(
                monitor_id=new_id(),
                contract_id=self._promise.contract_id,
                environment_id=place.environment_id,
                deliverable=new.configuration.kind,
                name=entry.name,
                configuration=new.configuration,
                cadence=cadence_for(new.configuration, self._promise, new.cadence, now),
            ),
            SqlContractVersions(session),
            SqlLocations(session),
            SqlMonitors(session),
            EventAnnouncer(self._unit),
            now,
        )
        return subject.monitor_id

    async def _past(self, entry: Entry, monitor_id: UUID | None, watched_since: datetime) -> int:
        # Hours of which some is ours are ours alone; older ones than the oldest roll-ups would go at once.
        now = self._unit.now
        since = max(_FIRST_DAY, now - timedelta(days=28) * self._settings.rollup_months)
        beats = self._backup.beats.get(str(entry.id), [])
        checks = past_checks(beats, since, beginning_of(hour_of(min(watched_since, now))))
        if not self._apply or monitor_id is None:
            return len(checks)
        return await keep_history(
            self._unit.session, monitor_id, checks, now=now, retention_days=self._settings.retention_days
        )


def _read(body: UptimeKumaImport) -> Backup:
    try:
        backup = Backup.model_validate(body.backup)
    except ValidationError as error:
        faults = [{**fault, "loc": ("body", "backup", *fault["loc"])} for fault in error.errors()]
        raise RequestValidationError(faults, body={"backup": body.backup}) from None
    ids = [entry.id for entry in backup.monitors]
    if len(set(ids)) != len(ids):
        raise _invalid("Two entries have the same id.", "backup", "monitorList")
    return backup


def _places(body: UptimeKumaImport, backup: Backup, promise: Promise) -> Mapping[int, Environment]:
    """The environment of every entry. Raises ValidationFailed where there is none."""
    covered = {environment.environment_id: environment for environment in promise.environments}
    ids = {entry.id for entry in backup.monitors}
    faults = []
    if body.environment_id not in covered:
        faults.append(_fault("The contract does not cover this environment.", "environment_id"))
    for number, each in enumerate(body.environments):
        if each.environment_id not in covered:
            detail = "The contract does not cover this environment."
            faults.append(_fault(detail, "environments", number, "environment_id"))
        if each.monitor not in ids:
            faults.append(_fault("The export has no monitor with this id.", "environments", number, "monitor"))
    if faults:
        raise ValidationFailed("The export does not fit the contract; see `errors`.", errors=faults)
    chosen = {each.monitor: each.environment_id for each in body.environments}
    return {entry: covered[chosen.get(entry, body.environment_id)] for entry in ids}


def _fault(detail: str, *path: str | int) -> FieldError:
    return FieldError(detail=detail, pointer=json_pointer(path))


def _invalid(detail: str, *path: str) -> ValidationFailed:
    return ValidationFailed(detail, errors=[_fault(detail, *path)])
