"""Maintenance windows in PostgreSQL, as contracts tells of them: expanded already, one row per occurrence and cover."""

from uuid import UUID

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

_KEEP = text("""
insert into probes.maintenance_window (window_id, version, tenant_id, client_id, title)
values (:window_id, :version, :tenant_id, :client_id, :title)
on conflict (window_id) do update set version = excluded.version, title = excluded.title
where maintenance_window.version < excluded.version returning window_id
""")
_FORGET = text("delete from probes.maintenance_occurrence where window_id = :window_id")
_ADD = text("""
insert into probes.maintenance_occurrence (window_id, starts_at, covers, tenant_id, client_id, ends_at)
values (:window_id, :starts_at, :covers, :tenant_id, :client_id, :ends_at)
on conflict (window_id, starts_at, covers) do update
set ends_at = greatest(maintenance_occurrence.ends_at, excluded.ends_at)
""")


class Occurrence(BaseModel):
    """One stretch of planned work."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    starts_at: AwareDatetime
    ends_at: AwareDatetime


class Window(BaseModel):
    """As much of a maintenance window as decides what is planned work."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    window_id: UUID
    version: int = Field(ge=1)
    client_id: UUID
    title: str = ""
    site_ids: tuple[UUID, ...] = ()
    environment_ids: tuple[UUID, ...] = ()
    occurrences: tuple[Occurrence, ...] = ()

    @property
    def covers(self) -> tuple[UUID, ...]:
        """The sites and environments that it names; the client, with all that he has, when it names none."""
        return (*self.site_ids, *self.environment_ids) or (self.client_id,)


async def keep_window(session: AsyncSession, tenant_id: UUID, window: Window) -> None:
    """Makes the newest version the one that counts; an older one changes nothing."""
    whose = {"window_id": window.window_id, "tenant_id": tenant_id, "client_id": window.client_id}
    newer = await session.scalar(_KEEP, whose | {"version": window.version, "title": window.title})
    if newer is None:
        return
    await session.execute(_FORGET, {"window_id": window.window_id})
    rows = [
        whose | {"starts_at": occurrence.starts_at, "ends_at": occurrence.ends_at, "covers": covered}
        for occurrence in window.occurrences
        for covered in window.covers
    ]
    if rows:
        await session.execute(_ADD, rows)
