"""What the routes share."""

from datetime import UTC, datetime, timedelta
from typing import Annotated

from fastapi import Depends, Query

from shared.auth import Principal
from shared.problems import FieldError, ValidationFailed
from shared.service import require
from shared.values import Instant

Reader = Annotated[Principal, Depends(require("monitors:read"))]
Writer = Annotated[Principal, Depends(require("monitors:write"))]

From = Annotated[Instant | None, Query(alias="from", description="beginning of the period, included")]
To = Annotated[Instant | None, Query(alias="to", description="end of the period, not included")]

DEFAULT_PERIOD = timedelta(days=1)
_EARLIEST = datetime.min.replace(tzinfo=UTC)


def period(since: datetime | None, until: datetime | None, now: datetime) -> tuple[datetime, datetime]:
    """The period asked for: until now, for a day, where nothing is said.

    Raises ValidationFailed for a reversed one.
    """
    check_order(since, until)
    end = until or max(now + timedelta(seconds=1), since or now)
    return since or end - min(DEFAULT_PERIOD, end - _EARLIEST), end


def check_order(since: datetime | None, until: datetime | None) -> None:
    """Raises ValidationFailed when `to` is not after `from`."""
    if since is not None and until is not None and since >= until:
        detail = "The period ends before it begins: `to` must be after `from`."
        raise ValidationFailed(detail, errors=[FieldError(detail=detail, parameter="to")])
