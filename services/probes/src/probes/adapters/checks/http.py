"""Executes HTTP checks with libcurl's multi interface, driven by the event loop.

A fresh connection per request, phase timings summed over the hops of a redirect, one deadline for everything, a cap on
the body after decompression, and an address guard in the callback that opens the socket: whatever the resolver says,
and on every hop, a refused address is never connected to.
"""

import socket
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Any

import pycurl

from probes.adapters.checks.finding import Finding, Timings, plain
from probes.application.checks.http import HttpCheck
from probes.domain.states import Failure, Outcome, Reason
from shared.outbound_http import AddressGuard, AddressRefused

BODY_LIMIT = 1024 * 1024
"""Bytes of a decompressed body that are read before the transfer is cut off; the answer counts as complete."""
EXCERPT_BYTES = 2048
MAX_HOPS = 10
MAX_HEADERS = 60
HEADER_LENGTH = 500
USER_AGENT = "Upheld/0.1 (+https://upheld.dev)"
REDIRECTS = frozenset({301, 302, 303, 307, 308})
HIDDEN_HEADERS = frozenset({"set-cookie", "authorization", "proxy-authorization", "www-authenticate"})

_REASONS = {
    pycurl.E_COULDNT_RESOLVE_HOST: Reason.DNS,
    pycurl.E_COULDNT_CONNECT: Reason.CONNECT,
    pycurl.E_OPERATION_TIMEDOUT: Reason.TIMEOUT,
    pycurl.E_URL_MALFORMAT: Reason.INVALID_TARGET,
    pycurl.E_UNSUPPORTED_PROTOCOL: Reason.INVALID_TARGET,
    pycurl.E_SSL_CONNECT_ERROR: Reason.TLS,
    pycurl.E_PEER_FAILED_VERIFICATION: Reason.TLS,
    pycurl.E_SSL_CERTPROBLEM: Reason.TLS,
    pycurl.E_SSL_CIPHER: Reason.TLS,
    pycurl.E_SSL_ISSUER_ERROR: Reason.TLS,
    pycurl.E_SSL_INVALIDCERTSTATUS: Reason.TLS,
}
"""libcurl's codes; every other one is a protocol that was not spoken properly."""

_ANSWERED = frozenset({Reason.HTTP_STATUS, Reason.REDIRECT, Reason.CONTENT})
"""Reasons for which the exchange itself went well."""


@dataclass(slots=True)
class _Hop:
    """One request and its answer, as the callbacks of libcurl fill it in."""

    url: str
    limit: int
    status_code: int | None = None
    remote_address: str | None = None
    timings: Timings = field(default_factory=Timings)
    header_lines: list[bytes] = field(default_factory=list)
    body_head: bytearray = field(default_factory=bytearray)
    body_size: int = 0
    cut_off: bool = False
    tried: list[str] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)
    sockets: list[socket.socket] = field(default_factory=list)

    def header(self, line: bytes) -> None:
        if line.startswith(b"HTTP/"):
            self.header_lines.clear()  # a 1xx answer before the real one
        elif len(self.header_lines) < MAX_HEADERS:
            self.header_lines.append(line)

    def body(self, chunk: bytes) -> int:
        self.body_size += len(chunk)
        if len(self.body_head) < EXCERPT_BYTES:
            self.body_head += chunk[: EXCERPT_BYTES - len(self.body_head)]
        if self.body_size > self.limit:
            self.cut_off = True
            return 0  # anything but the length of the chunk ends the transfer
        return len(chunk)

    def headers(self) -> dict[str, str]:
        """Names in lower case; what may hold a secret of a visitor is not kept."""
        found: dict[str, str] = {}
        for line in self.header_lines:
            name, colon, value = line.decode("latin-1").partition(":")
            name = name.strip().lower()
            if colon and name not in HIDDEN_HEADERS:
                found[name[:100]] = plain(value.strip()[:HEADER_LENGTH])
        return found

    def failed_phase(self, *, secure: bool) -> str:
        """Where the request stood when it failed."""
        timings = self.timings
        if not self.tried and not self.refused:
            return "name_lookup"
        if self.remote_address is None or not timings.connect:
            return "connect"
        if secure and not timings.tls:
            return "tls"
        return "body" if self.status_code else "first_byte"


@dataclass(frozen=True, slots=True)
class _Trouble:
    """What was wrong, in a word, in a sentence, and as libcurl's code (0 when libcurl saw nothing wrong)."""

    reason: Reason
    detail: str
    code: int


@dataclass(frozen=True, slots=True)
class _Answer:
    """What one hop led to: trouble, a redirect, or neither, which is good."""

    trouble: _Trouble | None = None
    next_url: str | None = None


class HttpEngine:
    """Runs any number of checks at the same time in one event loop. Close it with `aclose`."""

    def __init__(
        self,
        guard: AddressGuard,
        *,
        ca_file: str,
        body_limit: int = BODY_LIMIT,
    ) -> None:
        self._guard = guard
        self._ca_file = ca_file
        self._body_limit = body_limit
        self._multi = pycurl.AsyncCurlMulti()
        self._idle: list[pycurl.Curl] = []
        self._refusal = lru_cache(maxsize=20_000)(self._refusal_of)

    async def aclose(self) -> None:
        """Ends every transfer and closes every handle."""
        await self._multi.aclose()
        for curl in self._idle:
            curl.close()
        self._idle.clear()

    async def check(self, target: HttpCheck, seconds: float) -> Finding:
        """Asks once, following redirects, within so many seconds.

        Never raises for what a target does; cancellation ends the transfer.
        """
        deadline = time.monotonic() + seconds
        hops: list[_Hop] = []
        total = Timings()
        url = target.url
        curl = self._idle.pop() if self._idle else pycurl.Curl()
        try:
            while True:
                hop = _Hop(url, self._body_limit)
                hops.append(hop)
                answer = await self._request(curl, hop, target, deadline - time.monotonic())
                total.add(hop.timings)
                if answer.next_url is None:
                    trouble = answer.trouble
                    break
                url = answer.next_url
                trouble = _unwelcome(url, len(hops))
                if trouble is not None:
                    break
        except BaseException:
            curl.close()
            raise
        curl.reset()
        self._idle.append(curl)
        if trouble is not None:
            if trouble.reason is Reason.TIMEOUT:
                trouble = replace(trouble, detail=f"There was no complete answer within {seconds:g} s.")
            failure = Failure(trouble.reason, trouble.detail, _evidence(hops, total, trouble))
            return Finding(Outcome.BAD, hop.status_code, total, hop.remote_address, failure)
        return Finding(Outcome.GOOD, hop.status_code, total, hop.remote_address)

    async def _request(self, curl: pycurl.Curl, hop: _Hop, target: HttpCheck, seconds: float) -> "_Answer":
        """One hop, with at most `seconds` left for it."""
        if seconds <= 0.001:
            return _Answer(_Trouble(Reason.TIMEOUT, "", pycurl.E_OPERATION_TIMEDOUT))
        code, message = await self._transfer(curl, hop, seconds)
        if code == pycurl.E_WRITE_ERROR and hop.cut_off:
            code = pycurl.E_OK
        if code != pycurl.E_OK:
            reason = _reason(code, hop)
            detail = _sentence(reason, message, hop)
            return _Answer(_Trouble(reason, detail, code))
        status = hop.status_code or 0
        if target.follow_redirects and status in REDIRECTS:
            next_url = curl.getinfo(pycurl.REDIRECT_URL)
            if isinstance(next_url, str) and next_url:
                return _Answer(next_url=next_url)
        if not target.accepts(status):
            return _Answer(_Trouble(Reason.HTTP_STATUS, f"The site answered with status {status}.", code))
        return _Answer()

    async def _transfer(self, curl: pycurl.Curl, hop: _Hop, seconds: float) -> tuple[int, str]:
        """libcurl's code and message; fills in the hop."""
        try:
            self._prepare(curl, hop, seconds)
        except UnicodeEncodeError:
            return pycurl.E_URL_MALFORMAT, "The address is not a URL."
        try:
            await self._multi.perform(curl)
            code, message = pycurl.E_OK, ""
        except pycurl.error as error:
            code, message = int(error.args[0]), str(error.args[1] if len(error.args) > 1 else "")
        finally:
            for opened in hop.sockets:
                opened.close()
            hop.sockets.clear()
        self._measure(curl, hop)
        return code, message

    def _prepare(self, curl: pycurl.Curl, hop: _Hop, seconds: float) -> None:
        curl.reset()
        curl.setopt(pycurl.URL, hop.url)
        curl.setopt(pycurl.PROTOCOLS, pycurl.PROTO_HTTP | pycurl.PROTO_HTTPS)
        curl.setopt(pycurl.NOSIGNAL, 1)
        curl.setopt(pycurl.PROXY, "")
        curl.setopt(pycurl.USERAGENT, USER_AGENT)
        curl.setopt(pycurl.ACCEPT_ENCODING, "")
        curl.setopt(pycurl.HTTP_VERSION, pycurl.CURL_HTTP_VERSION_1_1)
        curl.setopt(pycurl.FRESH_CONNECT, 1)
        curl.setopt(pycurl.FORBID_REUSE, 1)
        curl.setopt(pycurl.DNS_CACHE_TIMEOUT, 0)
        curl.setopt(pycurl.TIMEOUT_MS, max(1, int(seconds * 1000)))
        curl.setopt(pycurl.CONNECTTIMEOUT_MS, max(1, int(seconds * 1000)))
        curl.setopt(pycurl.CAINFO, self._ca_file)
        curl.setopt(pycurl.HEADERFUNCTION, hop.header)
        curl.setopt(pycurl.WRITEFUNCTION, hop.body)

        def open_socket(_purpose: int, address: Any) -> socket.socket | int:
            family, kind, protocol, where = address
            text = str(where[0] if isinstance(where, tuple) else where)
            if family not in (socket.AF_INET, socket.AF_INET6) or self._refusal(text) is not None:
                hop.refused.append(text)
                return int(pycurl.SOCKET_BAD)
            hop.tried.append(text)
            opened = socket.socket(family, kind, protocol)
            hop.sockets.append(opened)  # libcurl works on a duplicate; ours is closed after the transfer
            return opened

        curl.setopt(pycurl.OPENSOCKETFUNCTION, open_socket)

    def _refusal_of(self, address: str) -> str | None:
        try:
            self._guard.check(address)
        except (AddressRefused, ValueError) as refused:
            return str(refused)
        return None

    @staticmethod
    def _measure(curl: pycurl.Curl, hop: _Hop) -> None:
        lookup = int(curl.getinfo(pycurl.NAMELOOKUP_TIME_T))
        connected = int(curl.getinfo(pycurl.CONNECT_TIME_T))
        secured = int(curl.getinfo(pycurl.APPCONNECT_TIME_T))
        answered = int(curl.getinfo(pycurl.STARTTRANSFER_TIME_T))
        hop.timings = Timings(
            name_lookup=lookup,
            connect=max(0, connected - lookup) if connected else 0,
            tls=max(0, secured - connected) if secured else 0,
            first_byte=max(0, answered - max(connected, secured)) if answered else 0,
            total=int(curl.getinfo(pycurl.TOTAL_TIME_T)),
        )
        hop.status_code = int(curl.getinfo(pycurl.RESPONSE_CODE)) or None
        hop.remote_address = str(curl.getinfo(pycurl.PRIMARY_IP)) or None if hop.tried else None


def _reason(code: int, hop: _Hop) -> Reason:
    if hop.refused and (code == pycurl.E_COULDNT_CONNECT or not hop.tried):
        return Reason.ADDRESS_REFUSED
    return _REASONS.get(code, Reason.PROTOCOL)


def _sentence(reason: Reason, message: str, hop: _Hop) -> str:
    message = plain(message)[:300]
    if reason is Reason.ADDRESS_REFUSED:
        return (
            f"The name leads to {', '.join(hop.refused[:5])}, which is not a public address. An administrator can "
            "allow that network."
        )
    return message or f"The connection failed ({reason.value})."


def _unwelcome(url: str, hops: int) -> _Trouble | None:
    """Why a redirect is not followed, or None."""
    if hops > MAX_HOPS:
        detail = f"The site redirects more than {MAX_HOPS} times."
        return _Trouble(Reason.REDIRECT, detail, pycurl.E_TOO_MANY_REDIRECTS)
    if not url.lower().startswith(("http://", "https://")):
        scheme = plain(url.partition(":")[0])[:30]
        detail = f"The site redirects to {scheme}, which is not HTTP."
        return _Trouble(Reason.REDIRECT, detail, pycurl.E_UNSUPPORTED_PROTOCOL)
    return None


def _evidence(hops: Sequence[_Hop], total: Timings, trouble: _Trouble) -> Mapping[str, object]:
    last = hops[-1]
    answered = trouble.reason in _ANSWERED
    return {
        "url": last.url[:2000],
        "status_code": last.status_code,
        "phase": None if answered else last.failed_phase(secure=last.url.lower().startswith("https:")),
        "error": None if answered else trouble.detail,
        "curl_code": trouble.code or None,
        "remote_address": last.remote_address,
        "addresses": last.tried[:20],
        "refused_addresses": last.refused[:20],
        "timings_ms": total.in_milliseconds(),
        "headers": last.headers(),
        "body_excerpt": plain(bytes(last.body_head).decode("utf-8", "replace")) if last.body_head else None,
        "hops": [
            {
                "url": hop.url[:2000],
                "status_code": hop.status_code,
                "remote_address": hop.remote_address,
                "timings_ms": hop.timings.in_milliseconds(),
            }
            for hop in hops
        ],
    }
