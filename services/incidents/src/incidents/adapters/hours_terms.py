"""The hours of a contract as contracts publishes them, read as far as time entries need it; the rest is free."""

from datetime import datetime
from typing import Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from incidents.adapters.tables import ContractTermsRow
from shared.kernel.hours import Accounting


class _Tolerant(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True)


class HoursLine(_Tolerant):
    code: str
    work_classes: list[str] = Field(default_factory=list)


class AccountingRule(_Tolerant):
    unit_minutes: int = Field(default=1, ge=1)
    per: Literal["entry", "ticket_day"] = "entry"


class Hours(_Tolerant):
    """The lines that work can be logged on (none named: any), and how it is accounted."""

    lines: list[HoursLine] = Field(default_factory=list)
    accounting: AccountingRule = AccountingRule()

    @property
    def rule(self) -> Accounting:
        """How minutes are accounted."""
        return Accounting(self.accounting.unit_minutes, self.accounting.per)

    def names(self, line: str) -> bool:
        """Whether the contract has a line of this code."""
        return any(known.code == line for known in self.lines)

    def line_of(self, work_class: str) -> str | None:
        """The line that takes this class of work when none is named."""
        return next((line.code for line in self.lines if work_class in line.work_classes), None)

    def knows(self, line: str) -> bool:
        """Whether work can be logged on this line."""
        return not self.lines or self.names(line)


async def hours_in_force(session: AsyncSession, contract_id: UUID, before: datetime) -> Hours:
    """What the newest version that took effect before this instant says; the first one for what is older."""
    versions = select(ContractTermsRow.state["hours"]).where(ContractTermsRow.contract_id == contract_id).limit(1)
    in_force = versions.where(ContractTermsRow.effective_from < before).order_by(ContractTermsRow.version.desc())
    first = versions.order_by(ContractTermsRow.version)
    for statement in (in_force, first):
        found = (await session.execute(statement)).first()
        if found is not None:
            return Hours.model_validate(found[0] or {})
    return Hours()
