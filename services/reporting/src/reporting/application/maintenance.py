"""Planned work as contracts tells of it: a window with every occurrence, so that nobody here knows of recurrence."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID, uuid5

from pydantic import AwareDatetime

from reporting.application.facts import Fact
from shared.values import instant_text


class Occurrence(Fact):
    """One stretch `[starts_at, ends_at)` of planned work."""

    starts_at: AwareDatetime
    ends_at: AwareDatetime


class Window(Fact):
    """The part of `maintenance.scheduled` and `maintenance.cancelled` that is read.

    What is left of a cancelled window is what has been of it. The description is for those who do the work and is not
    read.
    """

    window_id: UUID
    client_id: UUID
    title: str
    site_ids: tuple[UUID, ...] = ()
    environment_ids: tuple[UUID, ...] = ()
    occurrences: tuple[Occurrence, ...] = ()

    def covers(self, site_id: UUID, environment_id: UUID) -> bool:
        """Whether it touches an environment; a window that names nothing touches all that the client has."""
        if not self.site_ids and not self.environment_ids:
            return True
        return site_id in self.site_ids or environment_id in self.environment_ids

    def maintenance_id(self, occurrence: Occurrence) -> UUID:
        """What visitors know one stretch by. One that is moved to another start is another one."""
        return uuid5(self.window_id, instant_text(occurrence.starts_at))


@dataclass(frozen=True, slots=True)
class KnownWindow:
    """A window and when its newest version was said."""

    state: Window
    announced_at: datetime
