"""Reads of what checks have seen. Row-level security says whose rows these are."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, cast
from uuid import UUID

from sqlalchemy import ColumnElement, Select, Text, func, or_, select
from sqlalchemy.orm import aliased

from probes.adapters.tables import MonitorRow, ObservationRow

FORGOTTEN_AFTER = timedelta(days=7)
"""A certificate that no check has seen for so long is no longer presented: a redirect leads elsewhere now."""

# Both have one form (…Z, whole seconds), so that texts sort like instants.
certificate_ends: ColumnElement[str] = func.coalesce(
    ObservationRow.value["verified_until"].astext, ObservationRow.value["not_after"].astext, type_=Text()
)
CERTIFICATE_ORDER = (certificate_ends, ObservationRow.monitor_id, ObservationRow.name)
"""Sorts certificates by when they end."""
OBSERVATION_ORDER = (ObservationRow.since, ObservationRow.name)
"""Sorts the observations of one monitor by when they were first made."""


@dataclass(frozen=True, slots=True)
class CertificateFilter:
    """Which certificates are asked for; None is any."""

    client_id: UUID | None = None
    contract_id: UUID | None = None
    site_id: UUID | None = None
    expiring_within: timedelta | None = None


def certificates(wanted: CertificateFilter, now: datetime) -> Select[Any]:
    """The newest observation of each certificate that is presented now, with the monitor that watches."""
    newer = aliased(ObservationRow)
    conditions = [
        or_(ObservationRow.name == "certificate", ObservationRow.name.startswith("certificate:")),
        ObservationRow.last_seen_at > now - FORGOTTEN_AFTER,
        MonitorRow.state != "paused",
        ~select(newer.since)
        .where(
            newer.monitor_id == ObservationRow.monitor_id,
            newer.name == ObservationRow.name,
            newer.since > ObservationRow.since,
        )
        .exists(),
    ]
    conditions += [
        column == value
        for column, value in (
            (MonitorRow.client_id, wanted.client_id),
            (MonitorRow.contract_id, wanted.contract_id),
            (MonitorRow.site_id, wanted.site_id),
        )
        if value is not None
    ]
    if wanted.expiring_within is not None:
        until = now + wanted.expiring_within
        conditions.append(certificate_ends <= until.strftime("%Y-%m-%dT%H:%M:%SZ"))
    both = cast("Select[Any]", select(ObservationRow, MonitorRow))
    return both.join(MonitorRow, MonitorRow.monitor_id == ObservationRow.monitor_id).where(*conditions)


def observations(monitor_id: UUID, name: str | None, since: datetime | None, until: datetime | None) -> Select[Any]:
    """The observations of one monitor that held in `[since, until)`, as far as checks have seen them."""
    conditions = [ObservationRow.monitor_id == monitor_id]
    if name is not None:
        conditions.append(ObservationRow.name == name)
    if since is not None:
        conditions.append(ObservationRow.last_seen_at >= since)
    if until is not None:
        conditions.append(ObservationRow.since < until)
    return select(ObservationRow).where(*conditions)
