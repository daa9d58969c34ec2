"""Exports that somebody relies on: there, fresh, not empty, and of the right kind."""

import re
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Annotated, Any, Literal, Self, TypeAlias
from urllib.parse import unquote, urlsplit
from zoneinfo import ZoneInfo

from pydantic import Field, StringConstraints, field_validator, model_validator

from probes.application.checks.assertions import HeaderName, Text
from probes.application.checks.base import Configuration
from probes.application.checks.http import HttpCheck, StatusRange, WebRequest
from shared.json_path import NotFoundOut, query_of
from shared.values import parse_zone

EXPORT_LIMIT = 64 * 1024 * 1024
"""Bytes of a decompressed export that are read, and counted without being kept."""
MOST_NAMES = 12
"""How many names a check asks for before it says that there is no fresh one."""
_DIRECTIVES = {"Y": "[0-9]{4}", "y": "[0-9]{2}", "j": "[0-9]{3}"} | dict.fromkeys("mdHMS", "[0-9]{2}")
_STAMP = re.compile(r"\{([^{}]*)\}")
_FILE_NAME = re.compile(r"filename\*?\s*=\s*(?:utf-8'[^']*')?\"?([^\";]{1,300})", re.IGNORECASE)
_MILLISECONDS_FROM = 100_000_000_000
"""A number from here on counts milliseconds, as JavaScript does: in seconds it would be the year 5138."""


MediaType: TypeAlias = Annotated[str, StringConstraints(pattern=r"^[a-z0-9!#$&^_.+-]{1,100}/[a-z0-9!#$&^_.+-]{1,100}$")]


class LastModified(Configuration):
    """By the Last-Modified header."""

    source: Literal["last_modified"]


class InHeader(Configuration):
    """By another header: an HTTP date, an ISO 8601 instant, or seconds since 1970."""

    source: Literal["header"]
    name: HeaderName


class InDocument(Configuration):
    """By what a JSONPath selects from the export itself: the newest ISO 8601 instant or number of seconds."""

    source: Literal["json_path"]
    path: Text

    @field_validator("path")
    @classmethod
    def _is_a_path(cls, path: str) -> str:
        query_of(path)
        return path


class InFileName(Configuration):
    """By the date in the name of the file that the address finally leads to, or that the answer gives it."""

    source: Literal["file_name"]
    format: Annotated[str, StringConstraints(min_length=2, max_length=50)] = Field(
        default="%Y-%m-%d", description="of %Y %y %m %d %j %H %M %S and what stands between them"
    )

    @field_validator("format")
    @classmethod
    def _is_a_format(cls, stamp: str) -> str:
        _check_stamp(stamp)
        return stamp


class InUrl(Configuration):
    """By the address: `{%Y-%m-%d}` in it becomes the date (or the hour), the newest one first.

    An export counts from the beginning of the day or hour in its name.
    """

    source: Literal["url"]


Freshness: TypeAlias = Annotated[
    LastModified | InHeader | InDocument | InFileName | InUrl, Field(discriminator="source")
]


class ExportCheck(WebRequest):
    """One export. Good is an answer that is not older than `max_age_seconds` and holds what it should."""

    kind: Literal["export"] = "export"
    freshness: Freshness = LastModified(source="last_modified")
    max_age_seconds: Annotated[int, Field(strict=True, ge=60, le=366 * 86_400, json_schema_extra={"format": "int32"})]
    time_zone: Annotated[str, StringConstraints(min_length=1, max_length=64)] = Field(
        default="UTC", description="of dates that do not say theirs"
    )
    at_least_bytes: Annotated[int, Field(strict=True, ge=1, le=EXPORT_LIMIT, json_schema_extra={"format": "int32"})] = 1
    at_least_rows: (
        Annotated[int, Field(strict=True, ge=1, le=10_000_000, json_schema_extra={"format": "int32"})] | None
    ) = Field(default=None, description="lines that are not blank, less the header rows")
    header_rows: Annotated[int, Field(strict=True, ge=0, le=100, json_schema_extra={"format": "int32"})] = 1
    content_type: MediaType | None = None

    @field_validator("time_zone")
    @classmethod
    def _is_a_zone(cls, zone: str) -> str:
        parse_zone(zone)
        return zone

    @model_validator(mode="after")
    def _has_a_date_where_it_says(self) -> Self:
        stamps = _STAMP.findall(self.url)
        if not isinstance(self.freshness, InUrl):
            if stamps:
                raise ValueError("a date in the address needs the freshness source url")
            return self
        if len(stamps) != 1 or _STAMP.search(urlsplit(self.url).netloc):
            raise ValueError("the address needs one date such as {%Y-%m-%d}, in its path or query")
        _check_stamp(stamps[0])
        if self.max_age_seconds > MOST_NAMES * self._step.total_seconds():
            raise ValueError(f"max_age_seconds covers more than {MOST_NAMES} names of the address")
        return self

    @property
    def max_age(self) -> timedelta:
        """How old a good export may be."""
        return timedelta(seconds=self.max_age_seconds)

    def requests(self, now: datetime) -> list[tuple[HttpCheck, datetime | None]]:
        """What to ask for, in this order until there is an answer, each with the date that its address says."""
        if not isinstance(self.freshness, InUrl):
            return [(self._request(self.url), None)]
        stamp = "{" + _STAMP.findall(self.url)[0] + "}"
        local = now.astimezone(ZoneInfo(self.time_zone)).replace(minute=0, second=0, microsecond=0)
        if self._step == timedelta(days=1):
            local = local.replace(hour=0)
        found: list[tuple[HttpCheck, datetime | None]] = []
        # Wall-clock steps: a day more or less an hour is still the next name. One more name than fits has the newest.
        while not found or (now - local.astimezone(UTC) <= self.max_age and len(found) <= MOST_NAMES):
            url = self.url.replace(stamp, local.strftime(stamp[1:-1]))
            if not found or url != found[-1][0].url:
                found.append((self._request(url), local.astimezone(UTC)))
            local -= self._step
        return found

    def instant_of(self, value: object) -> datetime:
        """An instant as exports say it. Raises NotFoundOut when it is none."""
        try:
            if isinstance(value, int | float) and not isinstance(value, bool):
                seconds = value / 1000 if value >= _MILLISECONDS_FROM else value
                return datetime.fromtimestamp(seconds, UTC)
            if not isinstance(value, str) or len(value) > 100:
                raise ValueError
            text = value.strip()
            if re.fullmatch(r"[0-9]{9,13}", text):
                return self.instant_of(int(text))
            return self._placed(parsedate_to_datetime(text) if "," in text else datetime.fromisoformat(text))
        except (ValueError, TypeError, OverflowError, IndexError, OSError):
            shown = value[:100] if isinstance(value, str) else type(value).__name__
            raise NotFoundOut(f"“{shown}” is not a date") from None

    def date_of_file(self, url: str, disposition: str | None) -> datetime:
        """The date in a file's name. Raises NotFoundOut when there is none."""
        assert isinstance(self.freshness, InFileName)
        given = _FILE_NAME.search(disposition or "")
        name = unquote(given[1] if given else urlsplit(url).path.rpartition("/")[2])[:300]
        for found in _expression_of(self.freshness.format).finditer(name):
            try:
                return self._placed(datetime.strptime(found[0], self.freshness.format))  # noqa: DTZ007  (placed next)
            except ValueError:
                continue
        raise NotFoundOut(f"the name of the file, “{name[:100]}”, holds no date as {self.freshness.format}")

    @property
    def _step(self) -> timedelta:
        stamp = _STAMP.search(self.url)
        return timedelta(hours=1) if stamp and "%H" in stamp[1] else timedelta(days=1)

    def _request(self, url: str) -> HttpCheck:
        return HttpCheck(
            url=url,
            headers=self.headers,
            authentication=self.authentication,
            accepted_status=(StatusRange(lowest=200, highest=299),),
        )

    def _placed(self, instant: datetime) -> datetime:
        return instant if instant.tzinfo else instant.replace(tzinfo=ZoneInfo(self.time_zone))


class RowCount:
    """Counts the lines that are not blank, as they come, in one pass and without keeping any."""

    def __init__(self) -> None:
        self._complete = 0
        self._tail_holds = False

    def add(self, chunk: bytes) -> None:
        """The next piece."""
        first, *others = chunk.split(b"\n")
        self._tail_holds = self._tail_holds or bool(first.strip())
        for line in others:
            self._complete += self._tail_holds
            self._tail_holds = bool(line.strip())

    @property
    def rows(self) -> int:
        """Of what has come until now, a last line without its end included."""
        return self._complete + self._tail_holds


def newest(values: list[Any], check: ExportCheck) -> datetime:
    """The newest of the instants that a document holds. Raises NotFoundOut when there is none."""
    if not values:
        raise NotFoundOut("the JSONPath selects nothing in the export")
    return max(check.instant_of(value) for value in values)


def _check_stamp(stamp: str) -> None:
    directives = re.findall("%(.?)", stamp)
    if unknown := [f"%{each}" for each in directives if each not in _DIRECTIVES]:
        raise ValueError(f"{', '.join(unknown)} is none of {', '.join(f'%{each}' for each in _DIRECTIVES)}")
    if not ({"Y", "y"} & set(directives) and ({"m", "d"} <= set(directives) or "j" in directives)):
        raise ValueError("a date needs year, month and day")
    if len(directives) != len(set(directives)):
        raise ValueError("a date says each of its parts once")


def _expression_of(stamp: str) -> re.Pattern[str]:
    pieces = enumerate(re.split("%(.)", stamp))
    return re.compile("".join(_DIRECTIVES[piece] if place % 2 else re.escape(piece) for place, piece in pieces))
