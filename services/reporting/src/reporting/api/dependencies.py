"""What the routes of this service share."""

from collections.abc import Callable
from functools import lru_cache
from typing import Annotated, TypeVar, cast, get_args

from fastapi import Depends, Path, Query, Request

from reporting.adapters.secret_box import SecretBox, box_of
from reporting.application.page_settings import PictureKind
from reporting.settings import ReportingSettings
from shared.problems import NotFound

T = TypeVar("T")


def of_process(request: Request, name: str, make: Callable[[], T]) -> T:
    """What this process keeps under a name from one request to the next; whoever asks first has it made."""
    state = request.app.state
    if not hasattr(state, name):
        setattr(state, name, make())
    kept: T = getattr(state, name)
    return kept


def current_settings(request: Request) -> ReportingSettings:
    """The settings of this process."""
    settings: ReportingSettings = request.app.state.settings
    return settings


async def settings_dependency(request: Request) -> ReportingSettings:
    """Dependency: the settings of this process. What is no coroutine FastAPI gives to a thread, which takes longer."""
    return current_settings(request)


Settings = Annotated[ReportingSettings, Depends(settings_dependency)]


@lru_cache(maxsize=8)
def _box(settings: ReportingSettings) -> SecretBox:
    return box_of(settings)


def current_box(settings: ReportingSettings) -> SecretBox:
    """Seals secrets and signs links."""
    return _box(settings)


async def box_dependency(settings: Settings) -> SecretBox:
    """Dependency: seals secrets and signs links."""
    return current_box(settings)


Box = Annotated[SecretBox, Depends(box_dependency)]


def picture_kind(
    picture: Annotated[str, Path(max_length=20, description="`logo` or `favicon`", examples=["logo"])],
) -> PictureKind:
    """Dependency: which picture of a page. Raises NotFound: there are two."""
    if picture not in get_args(PictureKind):
        raise NotFound("A page has a `logo` and a `favicon`, and no other picture.")
    return cast(PictureKind, picture)


Kind = Annotated[PictureKind, Depends(picture_kind)]

Lang = Annotated[
    str | None,
    Query(
        max_length=35,
        description="`fr` or `en`; without it the reader's browser decides, then the client's own language",
        examples=["fr"],
    ),
]
