"""Versions of contracts in PostgreSQL: kept as said, followed when they take effect."""

import json
from collections.abc import Collection, Iterator, Mapping
from datetime import date, datetime, timedelta
from typing import Any, Literal
from uuid import UUID

import structlog
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from probes.adapters.restore_rows import keep_restore_promise
from probes.domain.monitors import (
    CERTIFICATE_MONITORING,
    DATA_QUALITY_CHECK,
    EXPORT_CHECK,
    HOURLY,
    UPTIME_MONITORING,
    USUAL,
    WATCHED_PAGES,
    Cadence,
    Environment,
    ProbeSet,
    Promise,
    PromisedPages,
    PromisedPeriod,
    paced,
)

_CADENCES = {CERTIFICATE_MONITORING: HOURLY, EXPORT_CHECK: HOURLY, DATA_QUALITY_CHECK: HOURLY}
"""Deliverables that have something watched at a pace of its own, which the contract does not set."""

PATIENCE = timedelta(minutes=2)
"""How long a version waits for the one before it. Longer than it takes to deliver an event again after a crash (30
seconds) or after four failures (23 seconds)."""

_LACKS = (
    "(v.previous_version is not null and not exists (select from probes.contract_version p "
    "where p.contract_id = v.contract_id and p.version = v.previous_version))"
)
_WAITS = f"({_LACKS} and v.heard_at > :waiting_since)"

log = structlog.get_logger()


class _Part(BaseModel):
    """A consumer's own model: what it does not need may change without it noticing."""

    model_config = ConfigDict(frozen=True, extra="ignore")


class ContractClient(_Part):
    client_id: UUID
    time_zone: str | None = None


class ContractEnvironment(_Part):
    environment_id: UUID
    name: str = ""
    url: str | None = None
    counts_for_sla: bool = True


class ContractSite(_Part):
    site_id: UUID
    name: str = ""
    environments: tuple[ContractEnvironment, ...] = ()


class Monitoring(_Part):
    interval_seconds: int = Field(ge=1, le=86_400)
    timeout_seconds: int = Field(ge=1, le=300)
    rechecks: int = Field(ge=0, le=20)
    recheck_spacing_seconds: int = Field(ge=0, le=3600)
    recoveries: int = Field(ge=1, le=20)

    def cadence(self) -> Cadence:
        """As the domain has it. A deadline beyond the interval would let the checks of a monitor overlap."""
        values = self.model_dump()
        return Cadence(**values | {"timeout_seconds": min(self.timeout_seconds, self.interval_seconds)})


class ContractDeliverable(_Part):
    type: str = ""
    parameters: dict[str, Any] = Field(default_factory=dict)


class ContractPeriod(_Part):
    code: str
    first_day: date
    last_day: date
    page_interval_seconds: int | None = Field(default=None, ge=1, le=86_400)
    page_budget_ms: int | None = Field(default=None, ge=1, le=300_000)


class WatchedPage(_Part):
    name: str = Field(max_length=200)
    path: str


class WatchedPages(_Part):
    """The parameters of the deliverable that has pages watched."""

    pages: tuple[WatchedPage, ...] = Field(min_length=1, max_length=100)
    profile: Literal["desktop", "mobile"] | None = None
    interval_seconds: int = Field(ge=1, le=86_400)
    budget_ms: int | None = Field(default=None, ge=1, le=300_000)


class ContractState(_Part):
    """As much of a contract's state as decides what is watched, and how."""

    contract_id: UUID
    version: int = Field(ge=1)
    previous_version: int | None = None
    status: str
    effective_from: AwareDatetime
    starts_on: date | None = None
    client: ContractClient
    sites: tuple[ContractSite, ...] = ()
    deliverables: tuple[ContractDeliverable, ...] = ()
    monitoring: Monitoring | None = None
    critical_periods: tuple[ContractPeriod, ...] = ()

    def promise(self, tenant_id: UUID) -> Promise:
        """What it promises to watch. An unknown status is not an active one."""
        status = self.status if self.status in ("active", "suspended", "expired") else "terminated"
        return Promise(
            tenant_id=tenant_id,
            client_id=self.client.client_id,
            contract_id=self.contract_id,
            version=self.version,
            status=status,  # type: ignore[arg-type]
            effective_from=self.effective_from,
            probe_sets=tuple(self._probe_sets()),
            pages=self._pages(),
            environments=tuple(
                Environment(
                    site_id=site.site_id,
                    environment_id=environment.environment_id,
                    name=" – ".join(part for part in (site.name, environment.name) if part),
                    url=environment.url,
                    counts_for_sla=environment.counts_for_sla,
                )
                for site in self.sites
                for environment in site.environments
            ),
        )

    def _pages(self) -> PromisedPages | None:
        told = next((each for each in self.deliverables if each.type == WATCHED_PAGES), None)
        if told is None:
            return None
        pages = WatchedPages.model_validate(told.parameters)
        return PromisedPages(
            paths={page.path: page.name for page in pages.pages},
            profile=pages.profile,
            interval_seconds=pages.interval_seconds,
            budget_ms=pages.budget_ms,
            time_zone=self.client.time_zone or "UTC",
            periods=tuple(
                PromisedPeriod(
                    name=f"{each.code} {each.first_day}",
                    first_day=each.first_day,
                    last_day=each.last_day,
                    interval_seconds=each.page_interval_seconds,
                    budget_ms=each.page_budget_ms,
                )
                for each in self.critical_periods
                if each.page_interval_seconds is not None or each.page_budget_ms is not None
            ),
        )

    def _probe_sets(self) -> Iterator[ProbeSet]:
        if self.monitoring:
            yield ProbeSet(UPTIME_MONITORING, self.monitoring.cadence())
        if (pages := self._pages()) is not None:
            usual = self.monitoring.cadence() if self.monitoring else USUAL
            yield ProbeSet(WATCHED_PAGES, paced(usual, pages.shortest_interval))
        for deliverable in self.deliverables:
            if deliverable.type in _CADENCES:
                yield ProbeSet(deliverable.type, _CADENCES[deliverable.type], deliverable.parameters)


class SqlContractVersions:
    """The `ContractVersions` of one transaction."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def keep(self, tenant_id: UUID, state: ContractState, now: datetime) -> None:
        """Remembers a version, heard of at `now`. One that is known already stays as it is."""
        await self._session.execute(
            text(
                "insert into probes.contract_version "
                "(contract_id, version, previous_version, tenant_id, client_id, effective_from, heard_at, state) "
                "values (:contract_id, :version, :previous, :tenant_id, :client_id, :effective_from, :now, "
                "cast(:state as jsonb)) "
                "on conflict do nothing"
            ),
            {
                "contract_id": state.contract_id,
                "version": state.version,
                "previous": state.previous_version,
                "tenant_id": tenant_id,
                "client_id": state.client.client_id,
                "effective_from": state.effective_from,
                "now": now,
                "state": json.dumps(state.model_dump(mode="json")),
            },
        )

    async def waiting(self, now: datetime, limit: int, but: Collection[UUID] = ()) -> list[tuple[UUID, UUID]]:
        """Contracts (with their tenants) `but` some that have a version in effect at `now` to follow, or to be done
        with.
        """
        rows = await self._session.execute(
            text(
                "select contract_id, tenant_id from (select distinct on (v.contract_id) "  # noqa: S608
                f"v.contract_id, v.tenant_id, {_WAITS} as waits from probes.contract_version v "
                "where v.applied_at is null and v.effective_from <= :now order by v.contract_id, v.version) oldest "
                "where not waits and contract_id <> all(cast(:but as uuid[])) limit :limit"
            ),
            {"now": now, "limit": limit, "waiting_since": now - PATIENCE, "but": list(but)},
        )
        return [(row.contract_id, row.tenant_id) for row in rows]

    async def due(self, contract_id: UUID, now: datetime) -> Promise | None:
        """See the port. Whoever follows a contract does it alone."""
        await self._session.execute(
            text("select pg_advisory_xact_lock(hashtextextended(cast(:id as text), 0))"), {"id": str(contract_id)}
        )
        await self._give_up_overtaken(contract_id, now)
        row = (
            await self._session.execute(
                text(
                    f"select v.version, v.previous_version, v.tenant_id, v.state, {_WAITS} as waits, "  # noqa: S608
                    f"{_LACKS} as lacks from probes.contract_version v where v.contract_id = :id "
                    "and v.applied_at is null and v.effective_from <= :now order by v.version limit 1"
                ),
                {"id": contract_id, "now": now, "waiting_since": now - PATIENCE},
            )
        ).first()
        if row is None or row.waits:
            return None
        if row.lacks:
            log.warning(
                "contract_version_missing",
                contract_id=str(contract_id),
                missing=row.previous_version,
                followed=row.version,
            )
        state: Mapping[str, Any] = row.state
        return ContractState.model_validate(state).promise(row.tenant_id)

    async def in_force(self, contract_id: UUID, now: datetime) -> Promise | None:
        """See the port."""
        row = (
            await self._session.execute(
                text(
                    "select tenant_id, state from probes.contract_version "
                    "where contract_id = :id and effective_from <= :now order by version desc limit 1"
                ),
                {"id": contract_id, "now": now},
            )
        ).first()
        return ContractState.model_validate(row.state).promise(row.tenant_id) if row is not None else None

    async def followed(self, promise: Promise, now: datetime) -> None:
        """See the port. What is promised besides monitors follows too."""
        await self._session.execute(
            text("update probes.contract_version set applied_at = :now where contract_id = :id and version = :version"),
            {"id": promise.contract_id, "version": promise.version, "now": now},
        )
        await keep_restore_promise(self._session, promise.contract_id, promise.version, now)

    async def _give_up_overtaken(self, contract_id: UUID, now: datetime) -> None:
        """Is done with versions that are older than a followed one: they never come into force."""
        await self._session.execute(
            text(
                "update probes.contract_version set applied_at = :now "
                "where contract_id = :id and applied_at is null and version < "
                "(select max(version) from probes.contract_version where contract_id = :id and applied_at is not null)"
            ),
            {"id": contract_id, "now": now},
        )
