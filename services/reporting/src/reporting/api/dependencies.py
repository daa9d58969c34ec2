"""What the routes of this service share."""

from functools import lru_cache
from typing import Annotated

from fastapi import Depends, Query, Request
from pydantic import SecretStr

from reporting.adapters.secret_box import SecretBox
from reporting.settings import ReportingSettings


def current_settings(request: Request) -> ReportingSettings:
    """Dependency: the settings of this process."""
    settings: ReportingSettings = request.app.state.settings
    return settings


Settings = Annotated[ReportingSettings, Depends(current_settings)]


@lru_cache(maxsize=8)
def box_for(key: SecretStr) -> SecretBox:
    """The box of a key, made once."""
    return SecretBox(key)


def current_box(settings: Settings) -> SecretBox:
    """Dependency: seals secrets and signs links."""
    return box_for(settings.secret_key)


Box = Annotated[SecretBox, Depends(current_box)]

Lang = Annotated[
    str | None,
    Query(
        max_length=35,
        description="`fr` or `en`; without it the reader's browser decides, then the client's own language",
        examples=["fr"],
    ),
]
