"""What hours cost an agency: one row, or none while it has not said."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Integer
from sqlalchemy.orm import Mapped, mapped_column

from reporting.adapters.tables import Base


class CostRates(Base):
    """The rates of an agency. `client_isolation` hides them from whoever is bound to a client."""

    __tablename__ = "cost_rates"

    tenant_id: Mapped[UUID] = mapped_column(primary_key=True)
    version: Mapped[int] = mapped_column(Integer)
    content: Mapped[list[Any]]
    changed_at: Mapped[datetime]
