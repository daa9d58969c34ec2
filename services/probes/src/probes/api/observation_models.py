"""What the API answers about what checks have seen."""

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from probes.adapters.tables import MonitorRow, ObservationRow
from probes.domain.certificates import Verdict, days_left, problems_at
from probes.published.v1 import CertificateVerdict
from shared.values import Instant

Fingerprint = Annotated[str, Field(max_length=64, description="SHA-256, hexadecimal")]

_MEMBER: dict[str, Any] = {
    "subject": "CN=boutique.example",
    "issuer": "CN=Authority R3,O=Authority,C=US",
    "not_before": "2026-03-24T08:00:00Z",
    "not_after": "2026-06-22T08:00:00Z",
    "fingerprint_sha256": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
}
_CERTIFICATE: dict[str, Any] = {
    "monitor_id": "b2c9a2de-6f53-5d1b-8a35-2f6f0e6d7a12",
    "client_id": "0190a000-0000-7000-8000-000000000020",
    "contract_id": "0190a000-0000-7000-8000-000000000010",
    "site_id": "0190a000-0000-7000-8000-000000000030",
    "environment_id": "0190a000-0000-7000-8000-000000000031",
    "name": "Boutique en ligne – production",
    "host": "boutique.example",
    "port": 443,
    **_MEMBER,
    "sans": ["boutique.example", "www.boutique.example"],
    "sans_count": 2,
    "key": "EC 256",
    "protocol": "TLSv1.3",
    "cipher": "TLS_AES_256_GCM_SHA384",
    "path": [_MEMBER],
    "expires_at": "2026-06-22T08:00:00Z",
    "expires_first": "CN=boutique.example",
    "days_left": 13,
    "verdict": "expiring",
    "problems": ["expiring"],
    "weaknesses": [],
    "location": "default",
    "since": "2026-03-24T08:12:00Z",
    "last_seen_at": "2026-06-08T08:48:00Z",
}


class PathMember(BaseModel):
    """One certificate of a verified path."""

    model_config = ConfigDict(frozen=True, json_schema_extra={"examples": [_MEMBER]})

    subject: str = Field(max_length=500)
    issuer: str = Field(max_length=500)
    not_before: Instant
    not_after: Instant
    fingerprint_sha256: Fingerprint


class Certificate(PathMember):
    """A certificate as a host presents it now, judged for that host.

    `expires_at` is the earliest expiry of the verified path, which may be an intermediate's (`expires_first`); without
    a path it is the certificate's own. `since` is when it was first seen like this.
    """

    model_config = ConfigDict(frozen=True, json_schema_extra={"examples": [_CERTIFICATE]})

    monitor_id: UUID
    client_id: UUID
    contract_id: UUID
    site_id: UUID
    environment_id: UUID
    name: str = Field(max_length=300)
    host: str = Field(max_length=253)
    port: int = Field(ge=1, le=65_535)
    sans: list[str] = Field(max_length=50, description="names that it is for, the first fifty")
    sans_count: int = Field(ge=0)
    key: str = Field(max_length=100)
    protocol: str | None = Field(max_length=20)
    cipher: str | None = Field(max_length=100)
    path: list[PathMember] = Field(max_length=20, description="from the certificate to a known authority; empty: none")
    expires_at: Instant
    expires_first: str = Field(max_length=500)
    days_left: int = Field(description="whole days; negative when it has expired")
    verdict: CertificateVerdict = Field(description="what is to be said first")
    problems: list[CertificateVerdict] = Field(max_length=10, description="all that is to be said, the worst first")
    weaknesses: list[str] = Field(max_length=50)
    location: str = Field(max_length=40)
    since: Instant
    last_seen_at: Instant

    @classmethod
    def of(cls, row: ObservationRow, monitor: MonitorRow, now: datetime) -> "Certificate":
        value = row.value
        ends = datetime.fromisoformat(value["verified_until"] or value["not_after"])
        problems = [problem.value for problem in problems_at(map(Verdict, value["problems"]), ends, now)]
        return cls.model_validate(
            {
                **{name: value[name] for name in _OBSERVED},
                "monitor_id": row.monitor_id,
                "client_id": row.client_id,
                "contract_id": monitor.contract_id,
                "site_id": monitor.site_id,
                "environment_id": monitor.environment_id,
                "name": monitor.name[:300],
                "expires_at": ends,
                "days_left": days_left(ends, now),
                "verdict": problems[0] if problems else Verdict.GOOD.value,
                "problems": problems,
                "location": row.location,
                "since": row.since,
                "last_seen_at": row.last_seen_at,
            }
        )


_OBSERVED = (
    "host",
    "port",
    "subject",
    "issuer",
    "not_before",
    "not_after",
    "fingerprint_sha256",
    "sans",
    "sans_count",
    "key",
    "protocol",
    "cipher",
    "path",
    "expires_first",
    "weaknesses",
)


class Observation(BaseModel):
    """A fact that checks of a monitor have seen, as it was from `since` until a later one of the same name."""

    model_config = ConfigDict(
        frozen=True,
        json_schema_extra={
            "examples": [
                {
                    "name": "domain",
                    "since": "2026-03-24T08:12:00Z",
                    "last_seen_at": "2026-06-08T08:48:00Z",
                    "location": "default",
                    "value": {
                        "domain": "boutique.example",
                        "expires_at": "2026-07-06T08:00:00Z",
                        "registrar": "Registrar SAS",
                        "status": ["active"],
                        "source": "registry",
                    },
                }
            ]
        },
    )

    name: str = Field(max_length=400)
    since: Instant
    last_seen_at: Instant
    location: str = Field(max_length=40)
    value: dict[str, Any]

    @classmethod
    def of(cls, row: ObservationRow) -> "Observation":
        return cls(
            name=row.name, since=row.since, last_seen_at=row.last_seen_at, location=row.location, value=row.value
        )
