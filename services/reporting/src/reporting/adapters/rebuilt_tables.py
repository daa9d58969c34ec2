"""The next generation of the projections, which a rebuild fills beside the present one, and how far it has come."""

from datetime import datetime
from typing import Any, Final, cast
from uuid import UUID

from sqlalchemy import BigInteger, Boolean, Column, Integer, Table
from sqlalchemy.orm import Mapped, mapped_column

from reporting.adapters.kept_rows import Model
from reporting.adapters.maintenance_windows import MaintenanceWindow
from reporting.adapters.report_tables import ToldFactRow
from reporting.adapters.tables import (
    Base,
    Client,
    ClockRow,
    Contract,
    ContractVersion,
    Incident,
    Monitor,
    Site,
    SitePageRow,
    TransitionRow,
    VouchedRow,
    metadata,
)

PROJECTIONS: Final[tuple[Model, ...]] = (
    ContractVersion,
    Contract,
    SitePageRow,
    Client,
    Site,
    TransitionRow,
    Monitor,
    VouchedRow,
    Incident,
    ClockRow,
    MaintenanceWindow,
    ToldFactRow,
)
"""What follows from events and from nothing else."""
NEWER: Final[dict[Model, tuple[str, ...]]] = {ContractVersion: (), TransitionRow: (), VouchedRow: ("until", "version")}
"""By which columns a state gives way to a newer one, where that is not `version`; facts never do."""


def _beside(model: Model) -> Table:
    present = cast(Table, model.__table__)
    columns = [
        Column(column.name, column.type, primary_key=column.primary_key, nullable=column.nullable)
        for column in present.columns
    ]
    return Table(f"rebuilt_{present.name}", metadata, *columns)


REBUILT: Final[dict[Model, Table]] = {model: _beside(model) for model in PROJECTIONS}


class RebuildRow(Base):
    """The rebuild that is under way; there is one at most.

    `heard`: of what was heard up to there nothing is left to do once `stage` is `meanwhile`. `position` is in the
    present stage; `streams` says of each stream which message is next.
    """

    __tablename__ = "rebuild"

    one: Mapped[bool] = mapped_column(Boolean, primary_key=True)
    began_at: Mapped[datetime]
    stage: Mapped[str]
    heard: Mapped[int] = mapped_column(BigInteger)
    position: Mapped[UUID | None]
    streams: Mapped[dict[str, Any]]
    done: Mapped[int] = mapped_column(BigInteger)
    whole: Mapped[int] = mapped_column(BigInteger)
    restored: Mapped[int] = mapped_column(Integer)
