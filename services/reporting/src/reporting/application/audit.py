"""The audit log: what entries are made of, and what can be wrong with it."""

from typing import Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict

CHECKPOINT_MADE = "reporting.audit.checkpoint_made.v1"
"""Said for every checkpoint, and recorded like everything else: it alone is no reason to make the next one."""


ACCESSES = frozenset({"create_token", "begin_access_session", "end_access_session"})
"""Operations that change little and open a door: the access log shows them beside what was read."""


class Somebody(BaseModel):
    """Who did something."""

    model_config = ConfigDict(extra="ignore")

    kind: str
    id: str
    name: str = ""


class HeardOperation(BaseModel):
    """The record of an operation, as any service says it: what the log needs of it."""

    model_config = ConfigDict(extra="ignore")

    kind: Literal["change", "reading"]
    operation: str
    actor: Somebody
    role: str | None = None
    resource: str
    resource_id: str | None = None
    version_before: int | None = None
    version_after: int | None = None
    fields: list[str] = []
    events: list[UUID] = []
    outcome: str = "done"


class NothingRecorded(Exception):
    """The log of this tenant has no entry yet."""


class LogIsBroken(Exception):
    """The log does not follow from its last checkpoint: nothing more is signed until somebody has looked."""
