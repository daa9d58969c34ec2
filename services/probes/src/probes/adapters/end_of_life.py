"""The list of cycles that comes with the service, or the one that an operator has put in its place."""

from datetime import date
from functools import lru_cache
from importlib import resources
from pathlib import Path

import structlog
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from probes.domain.versions import Cycle, EndOfLife

log = structlog.get_logger()

_replacement: list[Path] = []


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class _Cycle(_Part):
    cycle: str = Field(pattern=r"^\d{1,9}(\.\d{1,9}){0,5}$")
    released: date | None = None
    support_until: date | None = None
    end_of_life: date | None = None
    latest: str | None = Field(default=None, max_length=60)


class _Component(_Part):
    aliases: tuple[str, ...] = ()
    cycles: tuple[_Cycle, ...]


class _Document(_Part):
    data_of: date
    components: dict[str, _Component]


def replace_list(path: Path | None) -> None:
    """Makes this file the list, from now on and whenever it changes; None for the one that comes with the service.

    The settings say so when a process starts; whoever judges versions knows no settings.
    """
    _replacement[:] = [path] if path is not None else []


def end_of_life() -> EndOfLife:
    """The list as it is now. One that cannot be read is reported, and the one of the service counts."""
    if _replacement:
        path = _replacement[0]
        try:
            return _read(path, path.stat().st_mtime_ns)
        except (OSError, ValidationError) as error:
            log.error("end_of_life_file_is_not_read", path=str(path), error=f"{type(error).__name__}: {error}"[:500])
    return _shipped()


def parse_list(content: bytes) -> EndOfLife:
    """Raises pydantic.ValidationError for what is no list of cycles."""
    document = _Document.model_validate_json(content)
    aliases = {
        alias.lower(): name.lower() for name, component in document.components.items() for alias in component.aliases
    }
    components = {
        name.lower(): tuple(Cycle(**cycle.model_dump()) for cycle in component.cycles)
        for name, component in document.components.items()
    }
    return EndOfLife(document.data_of, components, aliases)


@lru_cache(maxsize=2)
def _read(path: Path, _changed: int) -> EndOfLife:
    return parse_list(path.read_bytes())


@lru_cache(maxsize=1)
def _shipped() -> EndOfLife:
    return parse_list(resources.files("probes").joinpath("data/end_of_life.json").read_bytes())
