"""One place that knows how every kind of check is executed."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import certifi
import structlog
from pydantic import ValidationError

from probes.adapters.checks.diagnosis import Diagnostics
from probes.adapters.checks.dns import DnsChecks
from probes.adapters.checks.exports import ExportChecks
from probes.adapters.checks.finding import Finding, could_not_look
from probes.adapters.checks.http import HttpEngine
from probes.adapters.checks.icmp import IcmpChecks
from probes.adapters.checks.mail import MailChecks
from probes.adapters.checks.rdap import BOOTSTRAP_URL, DomainChecks
from probes.adapters.checks.tcp import TcpChecks
from probes.adapters.checks.tls import TlsChecks
from probes.adapters.checks.versions import VersionChecks
from probes.adapters.checks.websocket import WebSocketChecks
from probes.application.checks.kinds import configuration_of
from probes.application.checks.secrets import SEALED
from probes.domain.states import Failure, Outcome, Reason
from shared.kernel.clock import Clock
from shared.outbound_http import AddressGuard, Network
from shared.time_source import SystemClock

log = structlog.get_logger()

_CLOSED = (
    "The secrets of this check cannot be opened here: the runner has no PROBES_LOCATION_KEY of its location, or "
    "they were sealed with a key that the service no longer has."
)
Executor = Callable[[Any, float], Awaitable[Finding]]


class Executors:
    """Executes any number of checks at the same time in one event loop. Close it with `aclose`."""

    def __init__(
        self,
        allowed_networks: Sequence[Network] = (),
        *,
        ca_file: Path | None = None,
        clock: Clock | None = None,
        rdap_bootstrap_url: str = BOOTSTRAP_URL,
    ) -> None:
        clock = clock or SystemClock()
        trusted = str(ca_file) if ca_file else certifi.where()
        guard = AddressGuard(allowed_networks)
        self.diagnostics = Diagnostics(guard)
        mail = MailChecks(guard, trusted)
        self._http = HttpEngine(guard, ca_file=trusted, clock=clock)
        self._domains = DomainChecks(allowed_networks, trusted, clock, rdap_bootstrap_url)
        self._by_kind: Mapping[str, Executor] = {
            "http": self._http.check,
            "version": VersionChecks(self._http).check,
            "export": ExportChecks(self._http, clock).check,
            "tcp": TcpChecks(guard, trusted).check,
            "tls": TlsChecks(guard, trusted, clock).check,
            "domain": self._domains.check,
            "dns": DnsChecks(guard).check,
            "icmp": IcmpChecks(guard).check,
            "smtp": mail.smtp,
            "imap": mail.imap,
            "websocket": WebSocketChecks(guard, trusted).check,
        }

    async def aclose(self) -> None:
        """Ends whatever is under way."""
        await self.diagnostics.aclose()
        await self._http.aclose()
        await self._domains.aclose()

    async def check(self, document: Mapping[str, Any], seconds: float) -> Finding:
        """Executes the check that a document describes, within so many seconds. Never raises but for cancellation.

        What is our own fault, or the configuration's, is blocked: it says nothing about the target.
        """
        if SEALED in document:
            return Finding(Outcome.BLOCKED, failure=Failure(Reason.INVALID_TARGET, _CLOSED, {}))
        try:
            configuration = configuration_of(document)
        except ValidationError:
            detail = "The configuration of this check is not valid: correct the monitor."
            return Finding(Outcome.BLOCKED, failure=Failure(Reason.INVALID_TARGET, detail, {}))
        try:
            finding = await self._by_kind[configuration.kind](configuration, seconds)
        except Exception as error:
            log.error("check_failed_unexpectedly", kind=configuration.kind, exc_info=error)
            return could_not_look(error)
        if finding.failure is not None and finding.failure.reason is Reason.INVALID_TARGET:
            return replace(finding, outcome=Outcome.BLOCKED)
        return finding
