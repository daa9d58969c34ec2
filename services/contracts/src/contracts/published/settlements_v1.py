"""The event of settlements: a closed version, whole."""

from collections.abc import Mapping
from typing import Any, ClassVar
from uuid import UUID

from pydantic import Field

from contracts.application.settlements import SettlementContent
from shared.events import PublishedEvent
from shared.values import Instant, LocalDate

_SETTLEMENT = "0190b5c8-7d4e-7c3a-9a51-000000000040"
_CONTRACT = "0190b5c8-7d4e-7c3a-9a51-000000000001"
_CLIENT = "0190b5c8-7d4e-7c3a-9a51-000000000002"
_HASH = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"
_TAX = {"category": "S", "rate": "20"}


class SettlementClosed(PublishedEvent, aggregate="settlement", name="closed", key="settlement_id"):
    """A version of a settlement is fixed for good; `hash` is the SHA-256 of its canonical JSON.

    The newest number is right. With number 2 and more, `settlement.delta` says what changed since the one before.
    """

    settlement_id: UUID
    version: int = Field(ge=1)
    contract_id: UUID
    client_id: UUID
    number: int = Field(ge=1)
    hash: str
    reason: str | None
    closed_at: Instant
    computed_at: Instant | None = Field(
        default=None,
        description="When it was computed: what was told later, until it was closed, is not in it. Null: an earlier "
        "release told this.",
    )
    claims_until: LocalDate | None
    settlement: SettlementContent

    EXAMPLE: ClassVar[Mapping[str, Any]] = {
        "settlement_id": _SETTLEMENT,
        "version": 3,
        "contract_id": _CONTRACT,
        "client_id": _CLIENT,
        "number": 1,
        "hash": _HASH,
        "reason": None,
        "closed_at": "2026-07-02T08:00:00Z",
        "computed_at": "2026-07-02T07:40:00Z",
        "claims_until": "2026-08-01",
        "settlement": {
            "format": "upheld.settlement/1",
            "settlement_id": _SETTLEMENT,
            "number": 1,
            "contract_id": _CONTRACT,
            "contract_number": "C-2026-0001",
            "client_id": _CLIENT,
            "currency": "EUR",
            "period": {
                "number": 0,
                "first": "2026-06-01",
                "end": "2026-07-01",
                "starts_at": "2026-05-31T22:00:00Z",
                "ends_at": "2026-06-30T22:00:00Z",
                "time_zone": "Europe/Paris",
            },
            "terms": [
                {
                    "starts_at": "2026-05-31T22:00:00Z",
                    "ends_at": "2026-06-30T22:00:00Z",
                    "document_hash": _HASH,
                    "plan_code": "premium",
                    "suspended": False,
                }
            ],
            "lines": [
                {
                    "code": "fee:premium",
                    "kind": "fee",
                    "quantity": "1",
                    "unit": "month",
                    "unit_price": "600.00",
                    "amount": "600.00",
                    "tax": _TAX,
                    "text": {
                        "key": "fee.whole",
                        "parameters": {
                            "plan_en": "Premium",
                            "plan_fr": "Premium",
                            "from": "2026-06-01",
                            "to": "2026-06-30",
                            "monthly": "600.00",
                            "share": "1",
                        },
                        "in_words": {
                            "en": "Maintenance, Premium, from 1 June 2026 to 30 June 2026",
                            "fr": "Maintenance, Premium, du 1er juin 2026 au 30 juin 2026",
                        },
                    },
                    "why": {"model": "FlatFee", "monthly": "600", "share": "1"},
                    "events": [_HASH],
                }
            ],
            "totals": {
                "by_tax": [{"tax": _TAX, "net": "600.00", "tax_amount": "120.00"}],
                "net": "600.00",
                "tax": "120.00",
                "gross": "720.00",
            },
            "deliverables": [
                {
                    "source": "deliverable",
                    "code": "monthly_report",
                    "type": "monthly_report",
                    "name": {"fr": "Rapport mensuel", "en": "Monthly report"},
                    "proof": "published_report",
                    "frequency": "monthly",
                    "state": "never_delivered",
                    "in_words": {"en": "promised, without proof", "fr": "promis, sans preuve"},
                    "proofs": [],
                    "proof_count": 0,
                    "missing": [{"first": "2026-06-01", "last": "2026-06-30"}],
                }
            ],
            "commitments": [
                {
                    "commitment_id": "0190b5c8-7d4e-7c3a-9a51-000000000041",
                    "kind": "uptime",
                    "subject": "production",
                    "at": "2026-06-30T22:00:00Z",
                    "target": "99.9",
                    "measured": "99.97",
                    "met": True,
                    "counted": True,
                    "why": {"up_seconds": "2591222", "counted_seconds": "2592000", "coverage_percent": "100.00"},
                    "events": ["0190b5c8-7d4e-7c3a-9a51-000000000042"],
                }
            ],
            "shared_responsibility": [],
            "refused_advice": [],
            "unpriced_tickets": [],
            "corrects": None,
            "delta": None,
        },
    }
