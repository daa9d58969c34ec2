"""What the routes share."""

from datetime import datetime, timedelta
from typing import Annotated

from fastapi import Depends, Query

from shared.auth import Principal
from shared.problems import FieldError, ValidationFailed
from shared.service import require
from shared.values import Instant

Reader = Annotated[Principal, Depends(require("monitors:read"))]

From = Annotated[Instant | None, Query(alias="from", description="beginning of the period, included", max_length=40)]
To = Annotated[Instant | None, Query(alias="to", description="end of the period, not included", max_length=40)]

DEFAULT_PERIOD = timedelta(days=1)


def period(since: datetime | None, until: datetime | None, now: datetime) -> tuple[datetime, datetime]:
    """The period asked for: until now, for a day, where nothing is said.

    Raises ValidationFailed for a reversed one.
    """
    end = until or max(now + timedelta(seconds=1), since or now)
    beginning = since or end - DEFAULT_PERIOD
    check_order(beginning, end)
    return beginning, end


def check_order(since: datetime | None, until: datetime | None) -> None:
    """Raises ValidationFailed when `to` is not after `from`."""
    if since is not None and until is not None and since >= until:
        detail = "The period ends before it begins: `to` must be after `from`."
        raise ValidationFailed(detail, errors=[FieldError(detail=detail, parameter="to")])
