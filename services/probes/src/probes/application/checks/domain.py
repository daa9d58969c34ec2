"""Domain checks: until when a name is registered."""

from datetime import date
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, StringConstraints

from probes.application.checks.base import Configuration, is_a_host
from probes.application.checks.tls import Thresholds
from probes.domain.certificates import DEFAULT_WARN_DAYS

Name = Annotated[
    str,
    StringConstraints(min_length=3, max_length=253, pattern=r"^[^\s/?#@:\[\]%\x00-\x1f]+$"),
    AfterValidator(is_a_host),
]


class DomainCheck(Configuration):
    """The registration of a name has not ended. The registry is asked; where it publishes no date, one is given here.

    Of a name below the registered one (www.hotel.example) the registered one is looked up.
    """

    kind: Literal["domain"] = "domain"
    name: Name
    expires_on: date | None = Field(
        default=None, description="the day on which it expires (UTC), for registries that do not publish it"
    )
    warn_days: Thresholds = DEFAULT_WARN_DAYS

    @property
    def address(self) -> str:
        """What is looked at, for people."""
        return f"domain:{self.name}"
