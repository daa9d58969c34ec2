"""What an export of Uptime Kuma says, as monitors of ours: its entries, its history, and why something cannot be had.

Version 1 exports `monitorList` as a list. Version 2 has no export; its API gives `monitorList` and `heartbeatList` as
objects by the ids of the monitors. Both are read. Whatever is not known is ignored.
"""

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, Any, Literal, TypeAlias

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StrictInt, StrictStr, ValidationError

from probes.application.checks.kinds import MonitorConfiguration, any_configuration_of, is_asked
from probes.domain.monitors import Cadence
from probes.domain.states import Outcome

MOST_MONITORS = 1000
_LONGEST_TIMEOUT = 300
_DOWN, _UP, _PENDING, _MAINTENANCE = range(4)
_PLAIN_PATH = re.compile(r"^\$?\.?([A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*)$")


class CannotMap(Exception):
    """We have nothing that does what this entry does; says why."""


def _truth(value: object) -> object:
    return bool(value) if isinstance(value, int) else value


def _instant(value: object) -> object:
    """`2026-06-08 07:00:00.123`, in UTC, as the database of Uptime Kuma has it; or with an offset."""
    if not isinstance(value, str):
        raise ValueError("is not an instant such as 2026-06-08 07:00:00.123")
    try:
        at = datetime.fromisoformat(value.strip())
        return at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)
    except (ValueError, OverflowError):
        raise ValueError("is not an instant such as 2026-06-08 07:00:00.123") from None


def _listed(value: object) -> object:
    return list(value.values()) if isinstance(value, Mapping) else value


Word: TypeAlias = Annotated[StrictStr, Field(max_length=40, pattern=r"^[^\x00]*$")] | None
Line: TypeAlias = Annotated[StrictStr, Field(max_length=4000, pattern=r"^[^\x00]*$")] | None
Body: TypeAlias = Annotated[StrictStr, Field(max_length=65_536, pattern=r"^[^\x00]*$")] | None
Flag = Annotated[bool, BeforeValidator(_truth)]
Seconds = Annotated[float, Field(ge=0, le=366 * 86_400, allow_inf_nan=False)]


class Entry(BaseModel):
    """A monitor of Uptime Kuma."""

    model_config = ConfigDict(frozen=True, extra="ignore", populate_by_name=True)

    id: Annotated[StrictInt, Field(ge=0, le=2**53)]
    name: Annotated[StrictStr, Field(min_length=1, max_length=300, pattern=r"^[^\x00]*$")]
    type: Annotated[StrictStr, Field(min_length=1, max_length=40, pattern=r"^[^\x00]*$")]
    active: Flag = True
    url: Line = None
    method: Word = None
    headers: Body = None
    body: Body = None
    basic_auth_user: Line = None
    basic_auth_pass: Line = None
    auth_method: Word = Field(default=None, alias="authMethod")
    accepted_statuscodes: list[Word] | None = Field(default=None, max_length=100)
    maxredirects: int | None = None
    keyword: Line = None
    invert_keyword: Flag = Field(default=False, alias="invertKeyword")
    json_path: Line = Field(default=None, alias="jsonPath")
    expected_value: Line = Field(default=None, alias="expectedValue")
    hostname: Line = None
    port: int | None = None
    dns_resolve_type: Word = None
    dns_resolve_server: Line = None
    interval: Seconds = 60
    retry_interval: Seconds | None = Field(default=None, alias="retryInterval")
    timeout: Seconds | None = None
    maxretries: Annotated[int, Field(ge=0, le=10_000)] = 0
    upside_down: Flag = Field(default=False, alias="upsideDown")
    ignore_tls: Flag = Field(default=False, alias="ignoreTls")
    proxy_id: int | None = Field(default=None, alias="proxyId")


class Beat(BaseModel):
    """One check of Uptime Kuma: 0 down, 1 up, 2 down and to be retried, 3 in a maintenance window; `ping` in ms."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    time: Annotated[datetime, BeforeValidator(_instant)]
    status: Annotated[StrictInt, Field(ge=_DOWN, le=_MAINTENANCE)]
    ping: Annotated[float, Field(ge=0, le=2_000_000, allow_inf_nan=False)] | None = None


class Backup(BaseModel):
    """The parts of an export that are read."""

    model_config = ConfigDict(frozen=True, extra="ignore", populate_by_name=True)

    monitors: Annotated[list[Entry], BeforeValidator(_listed), Field(alias="monitorList", max_length=MOST_MONITORS)]
    notifications: Annotated[list[Any], BeforeValidator(_listed)] = Field(
        default_factory=list, alias="notificationList"
    )
    beats: dict[str, list[Beat]] = Field(default_factory=dict, alias="heartbeatList")


@dataclass(frozen=True, slots=True)
class Mapped:
    """An entry as a monitor of ours; `notes` say what is otherwise than it was."""

    configuration: MonitorConfiguration
    cadence: Mapping[str, int]
    notes: Sequence[str]


@dataclass(frozen=True, slots=True)
class PastCheck:
    """A check that Uptime Kuma made; `milliseconds` where it says."""

    at: datetime
    outcome: Literal[Outcome.GOOD, Outcome.BAD]
    milliseconds: float | None


def mapped(entry: Entry, pace: Cadence) -> Mapped:
    """What an entry becomes under a contract that has nothing checked more often than `pace`. Raises CannotMap."""
    if not entry.active:
        raise CannotMap("It is paused in Uptime Kuma: resume it there before exporting, or add it here.")
    if entry.upside_down:
        raise CannotMap("It is upside down (good is what fails), which no check of ours is.")
    make = _KINDS.get(entry.type)
    if make is None:
        raise CannotMap(f"There is no check of ours like the type {entry.type!r}. Known are: {', '.join(_KINDS)}.")
    try:
        configuration = any_configuration_of(make(entry))
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(part) for part in first["loc"][1:])
        raise CannotMap(f"{where + ': ' if where else ''}{first['msg'].removeprefix('Value error, ')}"[:500]) from None
    if not is_asked(configuration):
        note = "It reports to a new address: make it, and change the job that reports."
        return Mapped(configuration, {}, (note,))
    cadence, notes = _cadence(entry, pace)
    return Mapped(configuration, cadence, (*notes, *_left_out(entry)))


def past_checks(beats: Sequence[Beat], since: datetime, until: datetime) -> list[PastCheck]:
    """The checks in `[since, until)` in their order, each once; none of what lay in a maintenance window."""
    found = {
        beat.time: PastCheck(beat.time, Outcome.GOOD if beat.status == _UP else Outcome.BAD, beat.ping)
        for beat in beats
        if since <= beat.time < until and beat.status != _MAINTENANCE
    }
    return [found[at] for at in sorted(found)]


def _cadence(entry: Entry, pace: Cadence) -> tuple[dict[str, int], list[str]]:
    notes = []
    interval = min(max(1, round(entry.interval)), 86_400)
    if interval < pace.interval_seconds:
        notes.append(f"Checked every {pace.interval_seconds} seconds, as the contract has it, not every {interval}.")
        interval = pace.interval_seconds
    # Without a timeout of its own an entry has eight tenths of its interval.
    timeout = round(entry.timeout or entry.interval * 0.8)
    cadence = {
        "interval_seconds": interval,
        "timeout_seconds": min(max(1, timeout), max(1, interval - 1), _LONGEST_TIMEOUT),
        "rechecks": min(entry.maxretries, 20),
        "recheck_spacing_seconds": min(round(entry.retry_interval or 0), 3600),
    }
    return cadence, notes


def _left_out(entry: Entry) -> Iterator[str]:
    if entry.ignore_tls:
        yield "Its certificate was not verified; here it is."
    if entry.proxy_id:
        yield "It went through a proxy; here it goes directly."


def _http(entry: Entry) -> dict[str, Any]:
    if entry.auth_method not in (None, "", "basic"):
        raise CannotMap(f"Its authentication {entry.auth_method!r} is none of ours: use Basic or a header.")
    document: dict[str, Any] = {"kind": "http", "url": entry.url or "", "method": (entry.method or "GET").upper()}
    if entry.headers:
        document["headers"] = _headers(entry.headers)
    if entry.body and document["method"] not in ("GET", "HEAD", "OPTIONS"):
        document["body"] = entry.body
    if entry.basic_auth_user:
        credentials = {"username": entry.basic_auth_user, "password": entry.basic_auth_pass or ""}
        document["authentication"] = {"type": "basic", **credentials}
    if entry.accepted_statuscodes:
        document["accepted_status"] = [_range(each or "") for each in entry.accepted_statuscodes]
    if entry.maxredirects == 0:
        document["follow_redirects"] = False
    return document


def _keyword(entry: Entry) -> dict[str, Any]:
    word = {"type": "keyword", "text": entry.keyword or "", "present": not entry.invert_keyword}
    return {**_http(entry), "assertions": [word]}


def _json_query(entry: Entry) -> dict[str, Any]:
    found = _PLAIN_PATH.match(entry.json_path or "")
    if found is None:
        raise CannotMap("Its query is JSONata beyond a plain path: write it as a JSONPath assertion.")
    try:
        value = json.loads(entry.expected_value or "")
    except (ValueError, RecursionError):
        value = entry.expected_value
    if not isinstance(value, str | int | float | bool | None):
        value = entry.expected_value
    query = {"type": "json_path", "path": f"$.{found[1]}", "condition": "equals", "value": value}
    return {**_http(entry), "assertions": [query]}


def _dns(entry: Entry) -> dict[str, Any]:
    document: dict[str, Any] = {"kind": "dns", "name": entry.hostname or ""}
    if entry.dns_resolve_type:
        document["record_type"] = entry.dns_resolve_type.upper()
    servers = [server.strip() for server in (entry.dns_resolve_server or "").split(",") if server.strip()]
    if servers:
        document |= {"resolver": _host(servers[0]), "resolver_port": entry.port or 53}
    return document


def _push(entry: Entry) -> dict[str, Any]:
    every = max(30, round(entry.interval))
    return {"kind": "heartbeat", "every_seconds": every, "grace_seconds": max(1, round(entry.interval) or 1)}


def _host(name: str | None) -> str:
    """An IPv6 address stands in brackets."""
    return f"[{name}]" if name and ":" in name and not name.startswith("[") else name or ""


_KINDS: Mapping[str, Callable[[Entry], dict[str, Any]]] = {
    "http": _http,
    "keyword": _keyword,
    "json-query": _json_query,
    "port": lambda entry: {"kind": "tcp", "host": _host(entry.hostname), "port": entry.port},
    "ping": lambda entry: {"kind": "icmp", "host": _host(entry.hostname)},
    "dns": _dns,
    "push": _push,
}


def _headers(text: str) -> dict[str, str]:
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        raise CannotMap("Its headers are not JSON.") from None
    if not isinstance(found, dict):
        raise CannotMap("Its headers are not a JSON object.")
    return {str(name): str(value) for name, value in found.items()}


def _range(text: str) -> dict[str, int]:
    lowest, _, highest = text.partition("-")
    if not lowest.isdecimal() or not (highest or lowest).isdecimal() or len(text) > 7:
        raise CannotMap(f"It accepts the status {text!r}, which is neither a status nor a range of them.")
    return {"lowest": int(lowest), "highest": int(highest or lowest)}
