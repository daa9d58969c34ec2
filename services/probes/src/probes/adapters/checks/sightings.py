"""The certificates of the hosts that HTTP checks come by: each looked at once an hour, and whenever one is refused.

libcurl verifies every handshake. Describing the chain costs more than the check itself, and a chain seldom changes: so
it is described once an hour per host and told with every check until then, as the same object.
"""

import ssl
import time
from collections import OrderedDict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from probes.adapters.checks.chains import Described, authorities
from probes.adapters.checks.connection import CheckFailed
from probes.adapters.checks.tls import TlsChecks
from probes.application.checks.tls import TlsCheck
from probes.domain.certificates import DEFAULT_WARN_DAYS
from probes.domain.monitors import secured_server
from shared.kernel.clock import Clock
from shared.outbound_http import AddressGuard

LOOK_AGAIN_SECONDS = 3600.0
LOOK_SPACING_SECONDS = 0.02
"""After a start every host is new: their descriptions are spread, so that the checks stay punctual."""
MOST_HOSTS = 20_000
EXPLANATION_SECONDS = 5.0

Server = tuple[str, int]


class Sightings:
    """What is known of the certificates of hosts. `ca_file`: the authorities that are trusted."""

    def __init__(self, guard: AddressGuard, ca_file: str, clock: Clock) -> None:
        self._ca_file = ca_file
        self._clock = clock
        self._looker = TlsChecks(guard, ca_file, clock)
        self._seen: OrderedDict[Server, tuple[Mapping[str, Any], float]] = OrderedDict()
        self._next_look_at = 0.0

    def wants(self, url: str) -> bool:
        """Whether the next handshake with the host of this URL should be looked at."""
        server = _server(url)
        if server is None:
            return False
        now = time.monotonic()
        known = self._seen.get(server)
        if (known is not None and now - known[1] < LOOK_AGAIN_SECONDS) or now < self._next_look_at:
            return False
        self._next_look_at = now + LOOK_SPACING_SECONDS
        return True

    def see(self, url: str, presented: Sequence[bytes]) -> None:
        """Remembers the chain (PEM, the server's own first) of a handshake that was verified."""
        server = _server(url)
        if server is None or not presented:
            return
        try:
            described = authorities(self._ca_file).describe(
                [ssl.PEM_cert_to_DER_cert(each.decode("ascii")) for each in presented],
                host=server[0],
                port=server[1],
                at=self._clock.now(),
                warn_days=max(DEFAULT_WARN_DAYS),
            )
        except Exception:
            return  # libcurl has verified it: that we cannot read it is nobody's outage
        self._remember(server, described.document)

    async def explain(self, url: str, seconds: float) -> Described | None:
        """What is wrong with the certificate of the URL's host, which was refused just now; None: nothing that we see.

        Shakes hands again without verifying, because the library that refused does not tell what it saw.
        """
        server = _server(url)
        if server is None or seconds <= 0:
            return None
        wanted = TlsCheck.model_construct(host=server[0], port=server[1])
        try:
            described = await self._looker.look(wanted, min(seconds, EXPLANATION_SECONDS))
        except CheckFailed:
            return None
        self._remember(server, described.document)
        return None if described.verdict.acceptable else described

    def observations(self, urls: Iterable[str]) -> dict[str, Mapping[str, object]]:
        """What is known of the hosts of these URLs, by the name of the observation."""
        found = {}
        for url in urls:
            server = _server(url)
            known = self._seen.get(server) if server is not None else None
            if known is not None:
                found[f"certificate:{known[0]['host']}:{known[0]['port']}"] = known[0]
        return found

    def _remember(self, server: Server, document: Mapping[str, Any]) -> None:
        self._seen[server] = (document, time.monotonic())
        self._seen.move_to_end(server)
        while len(self._seen) > MOST_HOSTS:
            self._seen.popitem(last=False)


def _server(url: str) -> Server | None:
    return secured_server(url) if url[:6].lower() == "https:" else None
