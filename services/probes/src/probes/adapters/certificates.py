"""What follows from a certificate that a check has seen: it is told before it ends, and when it is another one.

Only where a contract has certificates watched. The certificate of a host that a site redirects to is seen by the checks
of the site; it is told like the site's own.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import text

from probes.adapters.checks.chains import a_label
from probes.adapters.notices import is_new
from probes.adapters.observations import Kept
from probes.domain.certificates import crossed_threshold, days_left, warn_days_of
from probes.domain.monitors import HTTPS_PORT, TLS, Subject
from probes.published.v1 import CertificateChanged, CertificateExpiring
from shared.unit_of_work import UnitOfWork

_WATCHED = text("""
select configuration from probes.monitor
where contract_id = :contract_id and environment_id = :environment_id and kind = 'tls' and state <> 'paused'
""")


async def certificate_was_seen(kept: Kept, unit: UnitOfWork) -> None:
    """Says what has to be said of this certificate, each once."""
    subject, value = kept.observation.subject, kept.observation.value
    warn_days = await _warn_days(subject, value, unit)
    if not warn_days:
        return
    fingerprint = str(value["fingerprint_sha256"])
    ends = datetime.fromisoformat(value["verified_until"] or value["not_after"])
    threshold = crossed_threshold(warn_days, ends, kept.observation.seen_at)
    if threshold is not None:
        # The same certificate on another path may end at another time.
        key = f"{fingerprint}/{ends.isoformat()}/{threshold}"
        notice = await is_new(subject, "certificate.expiring", key, unit)
        if notice is not None:
            event = CertificateExpiring(
                **_told(notice, kept),
                expires_at=ends,
                expires_first=value["expires_first"],
                days_left=days_left(ends, kept.observation.seen_at),
                threshold_days=threshold,
            )
            unit.publish(event, version=1, tenant_id=subject.tenant_id)
    previous = kept.previous
    if previous is not None and previous["fingerprint_sha256"] != fingerprint:
        # Servers that take turns with two certificates are told of once for each.
        notice = await is_new(subject, "certificate.changed", fingerprint, unit)
        if notice is not None:
            changed = CertificateChanged(
                **_told(notice, kept),
                previous_fingerprint_sha256=previous["fingerprint_sha256"],
                previous_issuer=previous["issuer"],
                previous_not_after=previous["not_after"],
            )
            unit.publish(changed, version=1, tenant_id=subject.tenant_id)


async def _warn_days(subject: Subject, value: Mapping[str, Any], unit: UnitOfWork) -> Sequence[int]:
    """The thresholds that hold for this certificate; none when nobody has asked to be told, or another monitor does."""
    if subject.kind == TLS:
        return warn_days_of(subject.configuration.get("warn_days"))
    watched: list[Mapping[str, Any]] = list(
        await unit.session.scalars(
            _WATCHED, {"contract_id": subject.contract_id, "environment_id": subject.environment_id}
        )
    )
    seen = (value["host"], value["port"])
    if not watched or any((a_label(each["host"]), each.get("port", HTTPS_PORT)) == seen for each in watched):
        return ()
    return warn_days_of(watched[0].get("warn_days"))


def _told(notice: UUID, kept: Kept) -> dict[str, Any]:
    subject, value = kept.observation.subject, kept.observation.value
    return {
        "notice_id": notice,
        "monitor_id": subject.monitor_id,
        "contract_id": subject.contract_id,
        "client_id": subject.client_id,
        "site_id": subject.site_id,
        "environment_id": subject.environment_id,
        "name": subject.name[:300],
        "url": subject.url[:2000],
        "host": value["host"],
        "port": value["port"],
        "subject": value["subject"],
        "issuer": value["issuer"],
        "fingerprint_sha256": value["fingerprint_sha256"],
        "not_after": value["not_after"],
        "verdict": value["verdict"],
        "observed_at": kept.observation.seen_at,
    }
