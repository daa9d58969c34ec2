"""Frozen examples of the parts of a report, for the documents."""

from typing import Final

from pydantic.config import JsonDict

_WORK_EVENT: Final = "0198f000-0000-7000-8000-000000000b01"
WORK: Final[JsonDict] = {
    "kind": "work_order",
    "id": "0198f000-0000-7000-8000-000000000601",
    "number": "WRK-2026-0003",
    "title": "Mises à jour mensuelles",
    "category": "preventive",
    "at": "2026-06-15T10:00:00Z",
    "event_id": _WORK_EVENT,
}
HOURS_LINE: Final[JsonDict] = {
    "code": "technical",
    "name": {"fr": "Maintenance technique", "en": "Technical maintenance"},
    "real_minutes": 450,
    "included_minutes": 600,
    "accounted_minutes": 450,
    "remaining_minutes": 150,
    "overage_minutes": 0,
}
TICKET: Final[JsonDict] = {
    "item_id": "0198f000-0000-7000-8000-000000000601",
    "number": "WRK-2026-0003",
    "title": "Mises à jour mensuelles",
    "line": "technical",
    "real_minutes": 90,
}
HOURS: Final[JsonDict] = {
    "status": "closed",
    "pooled": False,
    "real_minutes": 450,
    "available_minutes": 600,
    "accounted_minutes": 450,
    "remaining_minutes": 150,
    "overage_minutes": 0,
    "lines": [HOURS_LINE],
    "tickets": [TICKET],
    "event_ids": ["0198f000-0000-7000-8000-000000000b02"],
}
PROOF: Final[JsonDict] = {
    "id": "0198f000-0000-7000-8000-000000000b03",
    "on": "2026-06-30",
    "what": "report.published",
}
DELIVERABLE: Final[JsonDict] = {
    "code": "monthly_report",
    "type": "monthly_report",
    "name": {"fr": "Rapport mensuel", "en": "Monthly report"},
    "state": "proved",
    "in_words": {"fr": "prouvé", "en": "proved"},
    "proof_count": 1,
    "proofs": [PROOF],
}
ADVISORY: Final[JsonDict] = {
    "advisory_id": "0198f000-0000-7000-8000-000000000701",
    "kind": "security",
    "title": {"fr": "Double authentification", "en": "Two-factor authentication"},
    "status": "delivered",
    "issued_at": "2026-06-08T09:00:00Z",
    "delivered_at": "2026-06-08T09:05:00Z",
    "acknowledged_at": None,
    "answered_at": None,
    "event_id": "0198f000-0000-7000-8000-000000000b04",
}
AMOUNT: Final[JsonDict] = {
    "code": "fee:premium",
    "kind": "fee",
    "amount": "300.00",
    "text": {"fr": "Maintenance, Premium, juin 2026", "en": "Maintenance, Premium, June 2026"},
}
SETTLEMENT: Final[JsonDict] = {
    "settlement_id": "0198f000-0000-7000-8000-000000000801",
    "number": 1,
    "hash": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
    "closed_at": "2026-07-02T08:00:00Z",
    "currency": "EUR",
    "net": "300.00",
    "tax": "60.00",
    "gross": "360.00",
    "lines": [AMOUNT],
    "event_id": "0198f000-0000-7000-8000-000000000b05",
}
SENT: Final[JsonDict] = {
    "month": "2026-05",
    "edition": 1,
    "delivered_at": "2026-06-01T00:10:00Z",
    "seen_at": "2026-06-02T07:31:00Z",
}
PARTS: Final[JsonDict] = {
    "work": [WORK],
    "hours": HOURS,
    "deliverables": [DELIVERABLE],
    "advisories": [ADVISORY],
    "settlement": SETTLEMENT,
    "sent": [SENT],
}
