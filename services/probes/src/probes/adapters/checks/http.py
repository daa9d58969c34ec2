"""Executes HTTP checks with libcurl's multi interface, driven by the event loop.

A fresh connection per request, phase timings summed over the hops of a redirect, one deadline for everything, a cap on
the body after decompression, and an address guard in the callback that opens the socket: whatever the resolver says,
and on every hop, a refused address is never connected to. The redirects are followed here and not by libcurl, so that
each hop is measured, and so that no credential goes to another origin.
"""

import json
import socket
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Any
from urllib.parse import urljoin, urlsplit

import pycurl

from probes.adapters.checks.challenges import EXAMINED_BYTES, challenger
from probes.adapters.checks.finding import Finding, Timings, plain
from probes.adapters.checks.judging_room import NO_ROOM, NoRoom, judged
from probes.adapters.checks.sightings import Sightings
from probes.application.checks.assertions import BODY_LIMIT
from probes.application.checks.http import BasicAuthentication, BearerAuthentication, HttpCheck
from probes.application.checks.judging import UNSEEN_HEADERS, Answer, judge
from probes.application.checks.secrets import (
    basic_credentials,
    is_secret_header,
    split_credentials,
    without_credentials,
    without_secrets,
)
from probes.domain.states import Failure, Outcome, Reason
from shared.kernel.clock import Clock
from shared.outbound_http import AddressGuard, AddressRefused
from shared.time_source import SystemClock
from shared.web_addresses import as_requested

EXCERPT_BYTES = 2048
JUDGED_IN_PLACE = 32 * 1024
"""Bytes of a body that are looked through in less than a millisecond."""
MAX_HOPS = 10
MOST_HEADER_LINES = 1000
MAX_HEADERS = 60
"""Headers that evidence keeps, each at most HEADER_LENGTH long."""
HEADER_LENGTH = 500
USER_AGENT = "Upheld/0.1 (+https://upheld.dev)"
REDIRECTS = frozenset({301, 302, 303, 307, 308})
_BROWSER = "AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0"
_CLIENT_HINTS = {
    "Accept": "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8",
    "Sec-CH-UA": '"Chromium";v="142", "Not?A_Brand";v="99"',
}
PROFILES: Mapping[str, Mapping[str, str]] = {
    "desktop": {
        **_CLIENT_HINTS,
        "User-Agent": f"Mozilla/5.0 (X11; Linux x86_64) {_BROWSER} Safari/537.36 (compatible; {USER_AGENT})",
        "Sec-CH-UA-Mobile": "?0",
        "Sec-CH-UA-Platform": '"Linux"',
    },
    "mobile": {
        **_CLIENT_HINTS,
        "User-Agent": f"Mozilla/5.0 (Linux; Android 10; K) {_BROWSER} Mobile Safari/537.36 (compatible; {USER_AGENT})",
        "Sec-CH-UA-Mobile": "?1",
        "Sec-CH-UA-Platform": '"Android"',
        "Sec-CH-Viewport-Width": "412",
    },
}
"""What a browser of that kind sends, with our name in it: a site may serve its page by it, and can tell us apart."""

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

_ANSWERED = frozenset({Reason.HTTP_STATUS, Reason.REDIRECT, Reason.CONTENT, Reason.THRESHOLD, Reason.STALE})
"""Reasons for which the exchange itself went well."""


@dataclass(frozen=True, slots=True)
class _Errand:
    """What one request says. `authorization` is the value of that header."""

    url: str
    method: str
    headers: Mapping[str, str]
    body: bytes | None
    authorization: str | None

    @classmethod
    def of(cls, target: HttpCheck) -> "_Errand":
        headers = {**(PROFILES[target.profile] if target.profile else {"User-Agent": USER_AGENT})}
        given = {name.lower() for name in target.headers}
        headers = {name: value for name, value in headers.items() if name.lower() not in given} | dict(target.headers)
        body = target.body.encode() if target.body is not None else None
        if body is not None and "content-type" not in given:
            headers["Content-Type"] = "application/json" if _is_json(body) else "text/plain; charset=utf-8"
        url, credentials = split_credentials(as_requested(target.url))
        if isinstance(target.authentication, BasicAuthentication):
            credentials = basic_credentials(target.authentication.username, target.authentication.password)
        elif isinstance(target.authentication, BearerAuthentication):
            credentials = f"Bearer {target.authentication.token}"
        return cls(url, target.method, headers, body, credentials)

    def redirected(self, status: int, url: str) -> "_Errand":
        """The next request (RFC 9110, 15.4). Another origin gets nothing that could be a secret, now and later."""
        changed = replace(self, url=url)
        if (status == 303 and self.method != "HEAD") or (status in (301, 302) and self.method == "POST"):
            kept = {name: value for name, value in self.headers.items() if not name.lower().startswith("content-")}
            changed = replace(changed, method="GET", headers=kept, body=None)
        if _origin(url) != _origin(self.url):
            kept = {name: value for name, value in changed.headers.items() if not is_secret_header(name)}
            changed = replace(changed, headers=kept, authorization=None)
        return changed

    def lines(self) -> list[bytes]:
        """The headers as libcurl takes them; those without a value end with a semicolon there."""
        headers = dict(self.headers)
        if self.authorization is not None:
            headers["Authorization"] = self.authorization
        found = [f"{name}: {value}" if value.strip() else f"{name};" for name, value in headers.items()]
        return [line.encode() for line in [*found, "Expect:"]]


Reading = Callable[[bytes], bool]
"""Is given each piece of a body; false: it has seen enough."""


@dataclass(slots=True)
class _Hop:
    """One request and its answer, as the callbacks of libcurl fill it in. At most `keep` bytes of the body are kept."""

    url: str
    limit: int
    keep: int
    reading: Reading | None = None
    status_code: int | None = None
    remote_address: str | None = None
    timings: Timings = field(default_factory=Timings)
    header_lines: list[bytes] = field(default_factory=list)
    headers_complete: bool = False
    kept: bytearray = field(default_factory=bytearray)
    body_size: int = 0
    cut_off: bool = False
    enough: bool = False
    tried: list[str] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)
    sockets: list[socket.socket] = field(default_factory=list)

    def header(self, line: bytes) -> None:
        if line.startswith(b"HTTP/"):
            self.header_lines.clear()  # a 1xx answer before the real one
            self.headers_complete = False
        elif not line.strip():
            self.headers_complete = True  # what comes behind the body is trailers, and proves nothing
        elif not self.headers_complete and len(self.header_lines) < MOST_HEADER_LINES:
            self.header_lines.append(line)

    def body(self, chunk: bytes) -> int:
        self.body_size += len(chunk)
        if len(self.kept) < self.keep:
            self.kept += chunk[: self.keep - len(self.kept)]
        if self.body_size > self.limit:
            self.cut_off = True
            return 0  # anything but the length of the chunk ends the transfer
        if self.reading is not None and not self.reading(chunk):
            self.enough = True
            return 0
        return len(chunk)

    def headers(self) -> list[tuple[str, str]]:
        """All of them in their order, names in lower case."""
        found = []
        for line in self.header_lines:
            name, colon, value = line.decode("latin-1").partition(":")
            if colon:
                found.append((name.strip().lower(), value.strip()))
        return found

    def shown_headers(self, secrets: Sequence[str]) -> dict[str, str]:
        """As evidence keeps them; what may hold a secret of a visitor is not kept."""
        found: dict[str, str] = {}
        for name, value in self.headers():
            if name in UNSEEN_HEADERS or len(found) >= MAX_HEADERS:
                continue
            shown = without_credentials(value) if name == "location" else value
            found[name[:HEADER_LENGTH]] = without_secrets(secrets, plain(shown))[:HEADER_LENGTH]
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
class Exchange:
    """What came of a request and its redirects. `trouble` None: a complete answer with an accepted status.

    `certificates` are observations: what is known of those of the hosts that it came by. `refused_certificate` is the
    one because of which it broke off.
    """

    hops: Sequence[_Hop]
    timings: Timings
    trouble: _Trouble | None
    target: HttpCheck
    certificates: Mapping[str, Mapping[str, object]]
    refused_certificate: Mapping[str, object] | None = None

    @property
    def secrets(self) -> Sequence[str]:
        """What must not be kept of the answer."""
        return self.target.secrets

    @property
    def last(self) -> _Hop:
        """The hop that the finding is about."""
        return self.hops[-1]

    def answer(self) -> Answer:
        """For assertions to look at."""
        last = self.last
        return Answer(
            secure=last.url.lower().startswith("https:"),
            headers=last.headers(),
            body=bytes(last.kept),
            size=last.body_size,
            cut_off=last.cut_off,
            milliseconds=self.timings.in_milliseconds(),
        )

    def finding(self, outcome: Outcome, trouble: _Trouble, **evidence: object) -> Finding:
        """That the answer is bad, or none of the site's."""
        detail = without_secrets(self.secrets, plain(trouble.detail))[:1000]
        seen = _evidence(self, replace(trouble, detail=detail)) | evidence
        return Finding(
            outcome,
            self.last.status_code,
            self.timings,
            self.last.remote_address,
            Failure(trouble.reason, detail, seen),
            self.certificates,
        )

    def refused(self, reason: Reason, detail: str, **evidence: object) -> Finding:
        """That the site answered in full, and that the answer is not good."""
        return self.finding(Outcome.BAD, _Trouble(reason, detail, pycurl.E_OK), **evidence)

    def accepted(self, observations: Mapping[str, Mapping[str, object]] | None = None) -> Finding:
        """That all is well."""
        last = self.last
        observed = {**self.certificates, **observations} if observations else self.certificates
        return Finding(Outcome.GOOD, last.status_code, self.timings, last.remote_address, None, observed, self._account)

    def _account(self) -> Mapping[str, object]:
        return _evidence(self, _Trouble(Reason.CONTENT, "", pycurl.E_OK))


class HttpEngine:
    """Runs any number of checks at the same time in one event loop. Close it with `aclose`.

    Certificates are described as of the clock's now; libcurl verifies by the machine's.
    """

    def __init__(self, guard: AddressGuard, *, ca_file: str, clock: Clock | None = None) -> None:
        self._guard = guard
        self._ca_file = ca_file
        self._sightings = Sightings(guard, ca_file, clock or SystemClock())
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
        exchange = await self.fetch(target, seconds, keep=BODY_LIMIT if target.needs_body else EXAMINED_BYTES)
        blocked = self.blocked(exchange)
        if blocked is not None:
            return blocked
        if exchange.trouble is not None:
            return exchange.finding(Outcome.BAD, exchange.trouble)
        if not target.assertions:
            return exchange.accepted()
        answer = exchange.answer()
        if target.needs_body and (len(exchange.last.kept) > JUDGED_IN_PLACE or target.asks_json):
            # Bounded, and yet too long for a loop in which other checks are being timed.
            try:
                judgement = await judged(deadline, judge, target.assertions, answer)
            except NoRoom:
                return NO_ROOM
        else:
            judgement = judge(target.assertions, answer)
        if judgement.failed:
            failed = [
                entry | {"detail": without_secrets(exchange.secrets, plain(str(entry["detail"])))}
                for entry in (each.document() for each in judgement.failed)
            ]
            return exchange.refused(judgement.reason, judgement.detail, assertions=failed)
        return exchange.accepted({"content": judgement.content} if judgement.content is not None else None)

    @staticmethod
    def blocked(exchange: Exchange) -> Finding | None:
        """That somebody else answered in the place of the site, if so."""
        last = exchange.last
        if not last.status_code:
            return None
        guard = challenger(last.status_code, dict(last.headers()), bytes(last.kept[:EXAMINED_BYTES]))
        if guard is None:
            return None
        detail = (
            f"{guard} answered with a challenge (status {last.status_code}), so that the site could not be looked at. "
            "Let the probe through there: by its user agent, or by the addresses of its locations."
        )
        return exchange.finding(Outcome.BLOCKED, _Trouble(Reason.HTTP_STATUS, detail, pycurl.E_OK), blocked_by=guard)

    async def fetch(
        self,
        target: HttpCheck,
        seconds: float,
        *,
        keep: int,
        limit: int = BODY_LIMIT,
        reading: Callable[[], Reading] | None = None,
    ) -> Exchange:
        """Asks once, following redirects, within so many seconds. Never raises for what a target does.

        At most `limit` bytes of each decompressed body are read, then it counts as complete; `keep` of the last one
        are kept. `reading` makes what each hop's body is given to.
        """
        deadline = time.monotonic() + seconds
        hops: list[_Hop] = []
        total = Timings()
        errand = _Errand.of(target)
        curl = self._idle.pop() if self._idle else pycurl.Curl()
        try:
            while True:
                hop = _Hop(errand.url, limit, keep, reading() if reading else None)
                hops.append(hop)
                trouble, next_url = await self._request(curl, hop, errand, target, deadline - time.monotonic())
                total.add(hop.timings)
                if next_url is None:
                    break
                del hop.kept[EXCERPT_BYTES:]
                trouble = _unwelcome(next_url, len(hops))
                if trouble is not None:
                    break
                before, errand = errand, errand.redirected(hop.status_code or 0, as_requested(next_url))
                if errand.body is not None and not _may_have_body(before.url, errand.url):
                    detail = "The site redirects what it was sent to another site, which gets nothing of it."
                    trouble = _Trouble(Reason.REDIRECT, detail, pycurl.E_OK)
                    break
        except BaseException:
            curl.close()
            raise
        curl.reset()
        self._idle.append(curl)
        if trouble is not None and trouble.reason is Reason.TIMEOUT:
            trouble = replace(trouble, detail=f"There was no complete answer within {seconds:g} s.")
        if trouble is not None and trouble.reason is Reason.INVALID_TARGET and len(hops) > 1:
            trouble = replace(trouble, reason=Reason.REDIRECT)  # whoever led us there is at fault
        refused = None
        if trouble is not None and trouble.code == pycurl.E_PEER_FAILED_VERIFICATION:
            described = await self._sightings.explain(hop.url, deadline - time.monotonic())
            if described is not None:
                trouble = replace(trouble, reason=Reason.CERTIFICATE, detail=described.sentence)
                refused = described.document
        certificates = self._sightings.observations(each.url for each in hops)
        return Exchange(hops, total, trouble, target, certificates, refused)

    async def _request(
        self, curl: pycurl.Curl, hop: _Hop, errand: _Errand, target: HttpCheck, seconds: float
    ) -> tuple[_Trouble | None, str | None]:
        """One hop, with at most `seconds` left for it: what was wrong, or where it leads on."""
        if seconds <= 0.001:
            return _Trouble(Reason.TIMEOUT, "", pycurl.E_OPERATION_TIMEDOUT), None
        code, message = await self._transfer(curl, hop, errand, seconds)
        if code == pycurl.E_WRITE_ERROR and (hop.cut_off or hop.enough):
            code = pycurl.E_OK
        if code != pycurl.E_OK:
            reason = _reason(code, hop)
            return _Trouble(reason, _sentence(reason, message, hop), code), None
        status = hop.status_code or 0
        if target.follow_redirects and status in REDIRECTS:
            raw = curl.getinfo_raw(pycurl.REDIRECT_URL)
            next_url = raw.decode("utf-8", "replace") if isinstance(raw, bytes) else None
            if hop.cut_off:  # libcurl works out where a redirect leads once it has all of it
                next_url = _joined(hop.url, dict(hop.headers()).get("location"))
            if next_url:
                return None, next_url
        if not target.accepts(status):
            return _Trouble(Reason.HTTP_STATUS, f"The site answered with status {status}.", code), None
        return None, None

    async def _transfer(self, curl: pycurl.Curl, hop: _Hop, errand: _Errand, seconds: float) -> tuple[int, str]:
        """libcurl's code and message; fills in the hop."""
        self._prepare(curl, hop, errand, seconds)
        looked = self._sightings.wants(hop.url)
        if looked:
            curl.setopt(pycurl.OPT_CERTINFO, 1)
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
        if looked and hop.timings.tls:
            presented = [dict(each).get(b"Cert", b"") for each in curl.getinfo_raw(pycurl.INFO_CERTINFO)]
            self._sightings.see(hop.url, presented)
        return code, message

    def _prepare(self, curl: pycurl.Curl, hop: _Hop, errand: _Errand, seconds: float) -> None:
        curl.reset()
        curl.setopt(pycurl.URL, hop.url)
        curl.setopt(pycurl.PROTOCOLS, pycurl.PROTO_HTTP | pycurl.PROTO_HTTPS)
        curl.setopt(pycurl.NOSIGNAL, 1)
        curl.setopt(pycurl.PROXY, "")
        if errand.body is not None or errand.method in ("POST", "PUT", "PATCH"):
            curl.setopt(pycurl.POSTFIELDS, errand.body or b"")
        if errand.method == "HEAD":
            curl.setopt(pycurl.NOBODY, 1)
        elif errand.method != "GET":
            curl.setopt(pycurl.CUSTOMREQUEST, errand.method)
        curl.setopt(pycurl.HTTPHEADER, errand.lines())
        curl.setopt(pycurl.ACCEPT_ENCODING, "")
        curl.setopt(pycurl.HTTP_VERSION, pycurl.CURL_HTTP_VERSION_1_1)
        curl.setopt(pycurl.FRESH_CONNECT, 1)
        curl.setopt(pycurl.FORBID_REUSE, 1)
        curl.setopt(pycurl.DNS_CACHE_TIMEOUT, 0)
        curl.setopt(pycurl.TIMEOUT_MS, max(1, int(seconds * 1000)))
        curl.setopt(pycurl.CONNECTTIMEOUT_MS, max(1, int(seconds * 1000)))
        curl.setopt(pycurl.CAINFO, self._ca_file)
        # A resumed session is not verified again, and no certificate is sent: one that has expired would stay unseen.
        curl.setopt(pycurl.SSL_SESSIONID_CACHE, 0)
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
    if code == pycurl.E_URL_MALFORMAT and hop.status_code:
        return Reason.REDIRECT  # libcurl works out where a redirect leads, also when nobody follows it
    if code == pycurl.E_UNSUPPORTED_PROTOCOL and hop.tried:
        return Reason.PROTOCOL  # it is the other side that speaks no HTTP
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
    try:
        as_requested(url)
    except ValueError:
        detail = f"The site redirects to {plain(without_credentials(url))[:300]}, which is no address."
        return _Trouble(Reason.REDIRECT, detail, pycurl.E_URL_MALFORMAT)
    return None


def _evidence(exchange: Exchange, trouble: _Trouble) -> dict[str, object]:
    last, secrets = exchange.last, exchange.secrets
    answered = trouble.reason in _ANSWERED
    excerpt = without_secrets(secrets, plain(bytes(last.kept[:EXAMINED_BYTES]).decode("utf-8", "replace")))[
        :EXCERPT_BYTES
    ]
    return {
        "url": _shown(last.url, secrets),
        "status_code": last.status_code,
        "phase": None if answered else last.failed_phase(secure=last.url.lower().startswith("https:")),
        "error": None if answered else trouble.detail,
        "curl_code": trouble.code or None,
        "remote_address": last.remote_address,
        "addresses": last.tried[:20],
        "refused_addresses": last.refused[:20],
        "timings_ms": exchange.timings.in_milliseconds(),
        "headers": last.shown_headers(secrets),
        "body_excerpt": excerpt or None,
        **({"certificate": exchange.refused_certificate} if exchange.refused_certificate else {}),
        "hops": [
            {
                "url": _shown(hop.url, secrets),
                "status_code": hop.status_code,
                "remote_address": hop.remote_address,
                "timings_ms": hop.timings.in_milliseconds(),
            }
            for hop in exchange.hops
        ],
    }


def _shown(url: str, secrets: Sequence[str]) -> str:
    return without_secrets(secrets, without_credentials(url))[:2000]


def _is_json(body: bytes) -> bool:
    try:
        json.loads(body)
    except (ValueError, RecursionError):
        return False
    return True


def _joined(url: str, location: str | None) -> str | None:
    if not location:
        return None
    try:
        return urljoin(url, location.encode("latin-1").decode("utf-8", "replace"))
    except ValueError:
        return location


def _may_have_body(url: str, next_url: str) -> bool:
    """Whether what was sent to the first may be sent to the second: the same origin, or the same host secured."""
    before, after = _origin(url), _origin(next_url)
    return before == after or (before[1] == after[1] and before[::2] == ("http", 80) and after[::2] == ("https", 443))


def _origin(url: str) -> tuple[str, str, int | None]:
    try:
        parts = urlsplit(url)
        scheme = parts.scheme.lower()
        return scheme, (parts.hostname or "").lower(), parts.port or {"http": 80, "https": 443}.get(scheme)
    except ValueError:
        return "", url, None
