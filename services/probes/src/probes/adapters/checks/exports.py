"""Export checks: asks over HTTP, counts what comes without keeping it, and says how old it is."""

import time
from collections.abc import Callable
from datetime import datetime, timedelta

from probes.adapters.checks.challenges import EXAMINED_BYTES
from probes.adapters.checks.finding import Finding
from probes.adapters.checks.http import Exchange, HttpEngine, Reading
from probes.adapters.checks.judging_room import NO_ROOM, NoRoom, judged
from probes.application.checks.assertions import BODY_LIMIT
from probes.application.checks.export import (
    EXPORT_LIMIT,
    ExportCheck,
    InDocument,
    InFileName,
    InHeader,
    InUrl,
    RowCount,
    newest,
)
from probes.domain.states import Outcome, Reason
from shared.json_path import NotFoundOut, values_at
from shared.kernel.clock import Clock

NO_SUCH_EXPORT = frozenset({403, 404, 410})
"""What a store of files answers for a name that it does not have; some tell strangers 403."""
FUTURE_TOLERANCE = timedelta(hours=1)


class ExportChecks:
    """Executes export checks with the engine of HTTP checks."""

    def __init__(self, engine: HttpEngine, clock: Clock) -> None:
        self._engine = engine
        self._clock = clock

    async def check(self, configuration: ExportCheck, seconds: float) -> Finding:
        """Asks for the newest name first. Never raises for what a target does."""
        deadline = time.monotonic() + seconds
        now = self._clock.now()
        whole = isinstance(configuration.freshness, InDocument)
        asked = []
        for request, stamped in configuration.requests(now):
            counts: list[_Count] = []
            exchange = await self._engine.fetch(
                request,
                deadline - time.monotonic(),
                keep=BODY_LIMIT if whole else EXAMINED_BYTES,
                limit=BODY_LIMIT if whole else EXPORT_LIMIT,
                reading=_counting(configuration, counts),
            )
            blocked = self._engine.blocked(exchange)
            if blocked is not None:
                return blocked
            missing = exchange.last.status_code in NO_SUCH_EXPORT and exchange.trouble is not None
            if stamped is None or not missing:
                break
            asked.append(request.url.rpartition("/")[2])
        else:
            detail = f"There is no export of the last {_age(configuration.max_age)}: no {', no '.join(asked[:5])}."
            return exchange.refused(Reason.STALE, detail)
        if exchange.trouble is not None:
            return exchange.finding(Outcome.BAD, exchange.trouble)
        if whole:  # a megabyte of JSON takes too long for a loop in which other checks are being timed
            try:
                return await judged(deadline, _judged, configuration, exchange, counts[-1], stamped, now)
            except NoRoom:
                return NO_ROOM
        return _judged(configuration, exchange, counts[-1], stamped, now)


class _Count:
    """Bytes and rows of one answer, until there are as many as were asked for."""

    def __init__(self, wanted: ExportCheck, *, whole: bool) -> None:
        self._wanted = wanted
        self._whole = whole
        self._lines = RowCount()
        self.size = 0

    @property
    def rows(self) -> int:
        return max(0, self._lines.rows - self._wanted.header_rows)

    def add(self, chunk: bytes) -> bool:
        """False: it is enough. Whoever offers an export need not send all of it every time."""
        self.size += len(chunk)
        self._lines.add(chunk)
        # One more than is wanted, because the last line may be cut in the middle of a blank one.
        rows_left = self._wanted.at_least_rows is not None and self.rows <= self._wanted.at_least_rows
        return self._whole or rows_left or self.size < max(self._wanted.at_least_bytes, EXAMINED_BYTES)


def _counting(configuration: ExportCheck, counts: list[_Count]) -> Callable[[], Reading]:
    def begin() -> Reading:
        counts.append(_Count(configuration, whole=isinstance(configuration.freshness, InDocument)))
        return counts[-1].add

    return begin


def _judged(
    configuration: ExportCheck, exchange: Exchange, count: _Count, stamped: datetime | None, now: datetime
) -> Finding:
    answer = exchange.answer()
    faults = []
    seen: dict[str, object] = {
        "bytes_read": count.size,
        "rows_read": count.rows,
        "modified_at": None,
        "max_age_seconds": configuration.max_age_seconds,
    }
    media_type = (answer.header("content-type") or "").partition(";")[0].strip().lower()
    if configuration.content_type is not None and media_type != configuration.content_type:
        shown = media_type[:100] or "nothing in particular"
        faults.append(f"The export says it is {shown}, not {configuration.content_type}.")
    if count.size < configuration.at_least_bytes:
        faults.append(f"The export has {count.size} bytes, fewer than {configuration.at_least_bytes}.")
    if configuration.at_least_rows is not None and count.rows < configuration.at_least_rows:
        where = "What was read of the export" if exchange.last.cut_off else "The export"
        faults.append(f"{where} has {count.rows} rows, fewer than {configuration.at_least_rows}.")
    try:
        modified_at = _modified_at(configuration, exchange, stamped)
    except NotFoundOut as trouble:
        faults.append(f"It cannot be told how old the export is: {trouble}.")
        return exchange.refused(Reason.CONTENT, " ".join(faults), export=seen)
    seen["modified_at"] = modified_at.isoformat()
    age = now - modified_at
    if -age > FUTURE_TOLERANCE:
        faults.append(f"The export is dated in the future, {modified_at.isoformat()}: its age means nothing.")
    if faults:
        return exchange.refused(Reason.CONTENT, " ".join(faults), export=seen)
    if age > configuration.max_age:
        detail = f"The export is {_age(age)} old ({modified_at.isoformat()}), more than {_age(configuration.max_age)}."
        return exchange.refused(Reason.STALE, detail, export=seen)
    return exchange.accepted()


def _modified_at(configuration: ExportCheck, exchange: Exchange, stamped: datetime | None) -> datetime:
    answer, freshness = exchange.answer(), configuration.freshness
    if isinstance(freshness, InUrl):
        assert stamped is not None
        return stamped
    if isinstance(freshness, InDocument):
        return newest(values_at(freshness.path, answer.document), configuration)
    if isinstance(freshness, InFileName):
        return configuration.date_of_file(exchange.last.url, answer.header("content-disposition"))
    name = freshness.name if isinstance(freshness, InHeader) else "Last-Modified"
    value = answer.header(name)
    if value is None:
        raise NotFoundOut(f"the answer has no header {name}")
    return configuration.instant_of(value)


def _age(age: timedelta) -> str:
    seconds = int(age.total_seconds())
    if seconds < 2 * 3600:
        return f"{seconds // 60} min"
    return f"{seconds // 3600} h" if seconds < 3 * 86_400 else f"{seconds // 86_400} d"
