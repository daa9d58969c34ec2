"""Shifts as an iCalendar file (RFC 5545)."""

from collections.abc import Iterable
from datetime import datetime
from uuid import UUID

from icalendar import Calendar, Event

from incidents.domain.on_call import Span, Why


def calendar_file(name: str, shifts: Iterable[tuple[UUID, str, Span]], written_at: datetime) -> bytes:
    """The shifts of a person, each with the id and the name of its schedule. Instants are in UTC."""
    calendar = Calendar()
    calendar.add("prodid", "-//Upheld//On-call shifts//EN")
    calendar.add("version", "2.0")
    calendar.add("x-wr-calname", name)
    for schedule_id, schedule, span in shifts:
        event = Event()
        event.add("uid", f"{schedule_id}.{span.start:%Y%m%dT%H%M%SZ}@upheld.dev")
        event.add("dtstamp", written_at)
        event.add("dtstart", span.start)
        event.add("dtend", span.end)
        event.add("summary", schedule)
        if span.why is Why.LAYER and span.layer is not None:
            event.add("description", span.layer)
        calendar.add_component(event)
    content: bytes = calendar.to_ical()
    return content
