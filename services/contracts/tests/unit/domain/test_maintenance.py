"""What is left of planned work that is called off."""

from datetime import UTC, datetime

from contracts.domain.maintenance import cut_short
from shared.kernel.intervals import Interval


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def test_calling_off_keeps_what_has_been() -> None:
    spans = [Interval(utc(f"2026-06-{day}T00:00"), utc(f"2026-06-{day}T02:00")) for day in (10, 17, 24)]
    assert cut_short(spans, utc("2026-06-17T01:00")) == [spans[0], Interval(spans[1].start, utc("2026-06-17T01:00"))]
    assert cut_short(spans, utc("2026-06-01T00:00")) == []
