"""That a report of a month, a review, or a document of a month was issued, or sent to nobody, version 1."""

from collections.abc import Mapping
from typing import Any, ClassVar, Literal
from uuid import UUID

from pydantic import Field

from shared.events import PublishedEvent
from shared.values import Instant, LocalDate


class ReportPublished(PublishedEvent, aggregate="report", name="published", key="report_id"):
    """An edition of the report of a contract's month was issued: the first one once the month is over in the client's
    zone, another one when facts that became known late, or a commentary, change what it tells.

    Editions count from 1 and are never changed; the newest counts. `content_hash` is the SHA-256 of the report as it is
    stored. `met` is its verdict on the uptime: null when it cannot be told, or nothing was promised.
    """

    report_id: UUID
    contract_id: UUID
    client_id: UUID
    month: LocalDate
    time_zone: str
    language: str
    edition: int = Field(ge=1)
    reason: Literal["scheduled", "addition", "correction", "commentary"]
    changes: int = Field(ge=0, description="How many figures it tells otherwise than the edition before.")
    starts_at: Instant
    ends_at: Instant
    issued_at: Instant
    met: bool | None
    incidents: int = Field(ge=0)
    content_hash: str = Field(pattern="^[0-9a-f]{64}$")

    EXAMPLE: ClassVar[Mapping[str, Any]] = {
        "report_id": "5f0c8b1e-6a34-5a6b-8a6e-3f1f7c8f4b22",
        "contract_id": "0190b5c8-7d4e-7c3a-9a51-000000000001",
        "client_id": "0190b5c8-7d4e-7c3a-9a51-000000000002",
        "month": "2026-06-01",
        "time_zone": "Europe/Paris",
        "language": "fr",
        "edition": 1,
        "reason": "scheduled",
        "changes": 0,
        "starts_at": "2026-05-31T22:00:00Z",
        "ends_at": "2026-06-30T22:00:00Z",
        "issued_at": "2026-07-01T00:00:05Z",
        "met": True,
        "incidents": 2,
        "content_hash": "2c26b46b68ffc68ff99b453c1d30413413422d706483bfa0f98a5e886266e7ae",
    }


class ReviewPublished(PublishedEvent, aggregate="review", name="published", key="review_id"):
    """An edition of a review that the contract promises was issued: the first one when its period is over in the
    client's zone and its months were told, another one when facts that became known late, or the agency's notes, change
    what it tells.

    Editions count from 1 and are never changed; the newest counts. `content_hash` is the SHA-256 of the review as it is
    stored. `month` and `last_month` are the first days of the first and the last month of the period.
    """

    review_id: UUID
    contract_id: UUID
    client_id: UUID
    kind: Literal["quarterly", "annual", "institutional"] = Field(
        description="`quarterly`: three months, `annual`: twelve, `institutional`: one"
    )
    month: LocalDate
    last_month: LocalDate
    time_zone: str
    language: str
    edition: int = Field(ge=1)
    reason: Literal["scheduled", "addition", "correction", "commentary"]
    changes: int = Field(ge=0, description="How many figures it tells otherwise than the edition before.")
    starts_at: Instant
    ends_at: Instant
    issued_at: Instant
    content_hash: str = Field(pattern="^[0-9a-f]{64}$")

    EXAMPLE: ClassVar[Mapping[str, Any]] = {
        "review_id": "7e0a4b1e-6a34-5a6b-8a6e-3f1f7c8f4b23",
        "contract_id": "0190b5c8-7d4e-7c3a-9a51-000000000001",
        "client_id": "0190b5c8-7d4e-7c3a-9a51-000000000002",
        "kind": "quarterly",
        "month": "2026-06-01",
        "last_month": "2026-08-01",
        "time_zone": "Europe/Paris",
        "language": "fr",
        "edition": 1,
        "reason": "scheduled",
        "changes": 0,
        "starts_at": "2026-05-31T22:00:00Z",
        "ends_at": "2026-08-31T22:00:00Z",
        "issued_at": "2026-09-01T07:00:05Z",
        "content_hash": "2c26b46b68ffc68ff99b453c1d30413413422d706483bfa0f98a5e886266e7ae",
    }


class ScheduledReportPublished(PublishedEvent, aggregate="scheduled_report", name="published", key="report_id"):
    """An edition of a document that the agency has sent after every month of a contract was issued: the first one in
    the morning after the month in the client's zone, another one when facts that became known late change what it
    tells.

    Editions count from 1 and are never changed; the newest counts. `content_hash` is the SHA-256 of the document as it
    is stored.
    """

    report_id: UUID
    contract_id: UUID
    client_id: UUID
    kind: str = Field(description="`hours`, `access`, `decisions`. There may be more.")
    month: LocalDate
    time_zone: str
    language: str
    edition: int = Field(ge=1)
    reason: Literal["scheduled", "addition", "correction"]
    changes: int = Field(ge=0, description="How many figures it tells otherwise than the edition before.")
    issued_at: Instant
    content_hash: str = Field(pattern="^[0-9a-f]{64}$")

    EXAMPLE: ClassVar[Mapping[str, Any]] = {
        "report_id": "3b7e4c1e-6a34-5a6b-8a6e-3f1f7c8f4b24",
        "contract_id": "0190b5c8-7d4e-7c3a-9a51-000000000001",
        "client_id": "0190b5c8-7d4e-7c3a-9a51-000000000002",
        "kind": "hours",
        "month": "2026-06-01",
        "time_zone": "Europe/Paris",
        "language": "fr",
        "edition": 1,
        "reason": "scheduled",
        "changes": 0,
        "issued_at": "2026-07-01T07:00:05Z",
        "content_hash": "2c26b46b68ffc68ff99b453c1d30413413422d706483bfa0f98a5e886266e7ae",
    }


class ReportDeliveryOmitted(PublishedEvent, aggregate="report_delivery", name="omitted", key="delivery_id"):
    """An edition that is to be mailed was sent to nobody: no contact of the client has the role `decider`. Whoever gets
    it is sent the next edition; this one can be read and downloaded.
    """

    delivery_id: UUID
    contract_id: UUID
    client_id: UUID
    contract_number: str
    client_name: str
    kind: str = Field(
        description="`monthly`, `quarterly`, `annual`, `institutional`, `hours`, `access`, `decisions`. "
        "There may be more."
    )
    month: LocalDate = Field(description="The first day of the month; of a review that of its first month.")
    edition: int = Field(ge=1)
    omitted_at: Instant

    EXAMPLE: ClassVar[Mapping[str, Any]] = {
        "delivery_id": "0198f000-0000-7000-8000-000000000d02",
        "contract_id": "0190b5c8-7d4e-7c3a-9a51-000000000001",
        "client_id": "0190b5c8-7d4e-7c3a-9a51-000000000002",
        "contract_number": "C-2026-0001",
        "client_name": "Boulangerie Martin",
        "kind": "monthly",
        "month": "2026-06-01",
        "edition": 1,
        "omitted_at": "2026-07-01T00:00:05Z",
    }
