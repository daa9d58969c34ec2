"""Domain checks: registries are asked over RDAP; IANA's list says which server speaks for which names."""

import asyncio
import ssl
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any

import httpx
from publicsuffixlist import PublicSuffixList

from probes.adapters.checks.chains import a_label
from probes.adapters.checks.finding import Finding, Timings, instant_text, plain
from probes.adapters.checks.trust import client_context
from probes.application.checks.domain import DomainCheck
from probes.domain.certificates import days_left
from probes.domain.registrations import LOST, Registration, registration_of, server_for, with_manual_date
from probes.domain.states import Failure, Outcome, Reason
from shared.kernel.clock import Clock
from shared.outbound_http import AddressRefused, Network, guarded_client

BOOTSTRAP_URL = "https://data.iana.org/rdap/dns.json"
BOOTSTRAP_KEPT_SECONDS = 86_400.0
ANSWER_LIMIT = 2 * 1024 * 1024
MOST_REDIRECTS = 5


class _NotAnswered(Exception):
    """The registry could not be asked, or said nothing that can be used. The message says why, for people."""


class _NotRegistered(Exception):
    """The registry does not know the name."""


@dataclass(slots=True)
class _Bootstrap:
    """IANA's list, and when it came (monotonic)."""

    document: Mapping[str, Any]
    came_at: float


class DomainChecks:
    """Executes domain checks. Close it with `aclose`. `bootstrap_url` is where IANA's list of servers is."""

    def __init__(
        self, allowed_networks: Sequence[Network], ca_file: str, clock: Clock, bootstrap_url: str = BOOTSTRAP_URL
    ) -> None:
        self._allowed_networks = tuple(allowed_networks)
        self._context: ssl.SSLContext = client_context(ca_file)
        self._clock = clock
        self._bootstrap_url = bootstrap_url
        self._bootstrap: _Bootstrap | None = None
        self._fetching = asyncio.Lock()
        self._client: httpx.AsyncClient | None = None

    async def aclose(self) -> None:
        """Closes what is open."""
        if self._client is not None:
            await self._client.aclose()

    async def check(self, configuration: DomainCheck, seconds: float) -> Finding:
        """Asks the registry once. Blocked when it says no date and none was given. Never raises for what it does."""
        domain = registered_domain(configuration.name)
        began = time.perf_counter_ns()
        if domain is None:
            detail = f"{configuration.name} is a public suffix and nobody's own: give the name that is registered."
            return _bad(configuration, Reason.INVALID_TARGET, detail, Timings())
        registration: Registration | None = None
        trouble = f"The registry publishes no expiry date of {domain}."
        missing = False
        try:
            async with asyncio.timeout(seconds):
                registration = await self._registration(domain)
        except TimeoutError:
            trouble = f"The registry gave no complete answer within {seconds:g} s."
        except _NotAnswered as error:
            trouble = str(error)
        except _NotRegistered:
            missing = True
        timings = Timings(total=(time.perf_counter_ns() - began) // 1000)
        if missing:
            detail = f"The registry does not know {domain}: it is not registered, or not any more."
            return _bad(configuration, Reason.ANSWER, detail, timings)
        return self._judged(
            configuration, domain, with_manual_date(registration, configuration.expires_on), trouble, timings
        )

    def _judged(
        self,
        configuration: DomainCheck,
        domain: str,
        registration: Registration | None,
        trouble: str,
        timings: Timings,
    ) -> Finding:
        if registration is None or registration.expires_at is None:
            detail = f"{trouble} Enter the day as expires_on to be warned."
            return _not_good(Outcome.BLOCKED, configuration, Reason.ANSWER, detail, timings, {})
        observed = {"domain": _document(domain, registration, registration.expires_at)}
        left = days_left(registration.expires_at, self._clock.now())
        lost = sorted(LOST & set(registration.status))
        if left < 0:
            detail = f"The registration of {domain} expired on {registration.expires_at:%Y-%m-%d}: renew it."
            return _bad(configuration, Reason.STALE, detail, timings, observed)
        if lost:
            detail = f"The registry has {domain} in the state {', '.join(lost)}: ask the registrar at once."
            return _bad(configuration, Reason.ANSWER, detail, timings, observed)
        return Finding(Outcome.GOOD, None, timings, observations=observed)

    async def _registration(self, domain: str) -> Registration:
        server = server_for(await self._list_of_servers(), domain)
        if server is None:
            raise _NotAnswered(f"The registry of .{domain.rpartition('.')[2]} has no RDAP server.")
        response = await self._get(f"{server}domain/{domain}")
        if response.status_code == httpx.codes.NOT_FOUND:
            raise _NotRegistered
        return registration_of(_json_of(response))

    async def _list_of_servers(self) -> Mapping[str, Any]:
        async with self._fetching:
            now = time.monotonic()
            known = self._bootstrap
            if known is not None and now - known.came_at < BOOTSTRAP_KEPT_SECONDS:
                return known.document
            try:
                document = _json_of(await self._get(self._bootstrap_url))
            except _NotAnswered as error:
                if known is not None:
                    return known.document  # registries seldom move: an old list is better than none
                raise _NotAnswered(f"IANA's list of registries cannot be read: {error}") from error
            self._bootstrap = _Bootstrap(document, now)
            return document

    async def _get(self, url: str) -> httpx.Response:
        """Follows redirects, each through the address guard. Raises _NotAnswered."""
        if self._client is None:
            self._client = guarded_client(self._allowed_networks, verify=self._context, body_limit=ANSWER_LIMIT)
        try:
            request = self._client.build_request(
                "GET", url, headers={"Accept": "application/rdap+json, application/json"}
            )
        except httpx.InvalidURL as error:
            raise _NotAnswered(f"The registry's address cannot be used: {error}"[:500]) from error
        try:
            for _ in range(MOST_REDIRECTS + 1):
                response = await self._client.send(request)
                if response.next_request is None:
                    return response
                request = response.next_request
        except AddressRefused as error:
            raise _NotAnswered(f"The registry's server may not be reached: {error}") from error
        except (httpx.HTTPError, httpx.InvalidURL, ValueError) as error:
            told = str(error) or type(error).__name__
            raise _NotAnswered(f"The registry's server {request.url.host} did not answer: {told}"[:500]) from error
        raise _NotAnswered(f"The registry's server {request.url.host} redirects without end.")


@lru_cache(maxsize=1)
def _suffixes() -> PublicSuffixList:
    # Names below a private suffix (github.io) are not registered with a registry of their own.
    return PublicSuffixList(only_icann=True)


def registered_domain(name: str) -> str | None:
    """The registered name (A-labels) that a name belongs to; None for a public suffix such as co.uk."""
    found = _suffixes().privatesuffix(a_label(name))
    return str(found) if found else None


def _json_of(response: httpx.Response) -> Mapping[str, Any]:
    if response.status_code != httpx.codes.OK:
        raise _NotAnswered(f"The registry's server answered with status {response.status_code}.")
    try:
        document = response.json()
    except (ValueError, RecursionError):
        document = None
    if not isinstance(document, dict):
        raise _NotAnswered("The registry's server answered with something that is not RDAP.")
    return document


def _document(domain: str, registration: Registration, expires_at: datetime) -> dict[str, object]:
    return {
        "domain": domain,
        "expires_at": instant_text(expires_at),
        "registrar": plain(registration.registrar) if registration.registrar else None,
        "status": [plain(each) for each in registration.status],
        "source": registration.source,
    }


def _bad(
    configuration: DomainCheck,
    reason: Reason,
    detail: str,
    timings: Timings,
    observed: Mapping[str, Mapping[str, object]] | None = None,
) -> Finding:
    return _not_good(Outcome.BAD, configuration, reason, detail, timings, observed or {})


def _not_good(
    outcome: Outcome,
    configuration: DomainCheck,
    reason: Reason,
    detail: str,
    timings: Timings,
    observed: Mapping[str, Mapping[str, object]],
) -> Finding:
    evidence: dict[str, object] = {
        "url": configuration.address[:2000],
        "status_code": None,
        "phase": None,
        "error": None,
        "remote_address": None,
        "addresses": [],
        "refused_addresses": [],
        "timings_ms": timings.in_milliseconds(),
        "headers": {},
        "body_excerpt": None,
        "registration": observed.get("domain"),
    }
    return Finding(outcome, None, timings, None, Failure(reason, plain(detail)[:1000], evidence), observed)
