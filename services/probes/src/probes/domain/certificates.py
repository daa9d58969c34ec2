"""What a server's certificate is worth at an instant: one verdict, from the facts of its chain.

The path counts, not what the server sent: certificates that it sent and that no path needs may be as old as they like.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from ipaddress import ip_address

DEFAULT_WARN_DAYS = (30, 14, 7)
"""Days before an expiry at which somebody is told, unless the contract says otherwise."""

PROTOCOLS = ("SSLv3", "TLSv1", "TLSv1.1", "TLSv1.2", "TLSv1.3")
"""From the weakest to the strongest, as handshakes name them."""

_BROKEN_HASHES = frozenset({"md2", "md4", "md5", "sha1"})
_LEAST_BITS = {"RSA": 2048, "EC": 224}


class Verdict(StrEnum):
    """What is to be said first about a certificate. In the order in which it matters."""

    SELF_SIGNED = "self_signed"
    UNKNOWN_ISSUER = "unknown_issuer"
    NOT_YET_VALID = "not_yet_valid"
    EXPIRED = "expired"
    HOST_MISMATCH = "host_mismatch"
    WEAK = "weak"
    EXPIRING = "expiring"
    GOOD = "good"

    @property
    def acceptable(self) -> bool:
        """Whether a client connects: an expiring certificate is still good."""
        return self in (Verdict.GOOD, Verdict.EXPIRING)


@dataclass(frozen=True, slots=True)
class Certificate:
    """One certificate. `names` are host names (A-labels, wildcards) and addresses that it is for.

    `signature_hash` is None where the signature has none of its own (Ed25519). `key_kind` is RSA, EC or another word.
    `for_servers` is false for one whose issuer made it for something else only (extended key usage).
    """

    subject: str
    issuer: str
    names: tuple[str, ...]
    not_before: datetime
    not_after: datetime
    fingerprint: str
    key_kind: str
    key_bits: int
    signature_hash: str | None
    self_signed: bool
    for_servers: bool = True


@dataclass(frozen=True, slots=True)
class Path:
    """Certificates from the server's own to one that is trusted, whose signatures hold."""

    certificates: tuple[Certificate, ...]

    @property
    def begins(self) -> datetime:
        """The first instant at which all of them are valid."""
        return max(certificate.not_before for certificate in self.certificates)

    @property
    def ends(self) -> datetime:
        """The last instant at which all of them are valid: the earliest expiry."""
        return min(certificate.not_after for certificate in self.certificates)

    @property
    def first_to_expire(self) -> Certificate:
        """The one that ends it."""
        return min(self.certificates, key=lambda certificate: certificate.not_after)

    def holds(self, at: datetime) -> bool:
        """Whether every certificate is valid at that instant."""
        return self.begins <= at <= self.ends


@dataclass(frozen=True, slots=True)
class Chain:
    """What a server presented (its own certificate first), and the paths to trust that can be made of it.

    `protocol` is what the handshake agreed on.
    """

    presented: tuple[Certificate, ...]
    paths: tuple[Path, ...]
    protocol: str

    @property
    def leaf(self) -> Certificate:
        """The server's own certificate."""
        return self.presented[0]


@dataclass(frozen=True, slots=True)
class Judgement:
    """All that is wrong, what matters most first; nothing wrong is `good`. `path` is the one that was judged."""

    problems: tuple[Verdict, ...]
    weaknesses: tuple[str, ...]
    path: Path | None

    @property
    def verdict(self) -> Verdict:
        """What is to be said first."""
        return self.problems[0] if self.problems else Verdict.GOOD


def judge(chain: Chain, host: str, at: datetime, warn_days: int, minimum_protocol: str = "TLSv1.2") -> Judgement:
    """What the chain is worth for this host (A-label or address) at this instant.

    It is expiring when its path ends within `warn_days` days.
    """
    path = best_path(chain.paths, at)
    weak = weaknesses(chain, path, minimum_protocol)
    problems = set()
    if path is None:
        if chain.leaf.self_signed:
            problems.add(Verdict.SELF_SIGNED)
        # Nobody makes a path over a broken signature or a key that can be factored: that is then what is wrong.
        elif not any(_weakness(certificate) for certificate in chain.presented):
            problems.add(Verdict.UNKNOWN_ISSUER)
    valid = path or Path((chain.leaf,))
    if at < valid.begins:
        problems.add(Verdict.NOT_YET_VALID)
    elif at > valid.ends:
        problems.add(Verdict.EXPIRED)
    elif path is not None and path.ends - at <= timedelta(days=warn_days):
        problems.add(Verdict.EXPIRING)
    if not any(covers(name, host) for name in chain.leaf.names):
        problems.add(Verdict.HOST_MISMATCH)
    if weak:
        problems.add(Verdict.WEAK)
    return Judgement(tuple(verdict for verdict in Verdict if verdict in problems), weak, path)


def best_path(paths: Iterable[Path], at: datetime) -> Path | None:
    """The path that a client can use longest; else the one that could be used last; else the next that can be."""
    found = list(paths)
    for usable in (
        [path for path in found if path.holds(at)],
        [path for path in found if path.ends < at],
    ):
        if usable:
            return max(usable, key=lambda path: path.ends)
    return min(found, key=lambda path: path.begins, default=None)


def weaknesses(chain: Chain, path: Path | None, minimum_protocol: str) -> tuple[str, ...]:
    """What no longer protects: sentences. A root's own signature protects nothing anyway and is not looked at."""
    judged: Sequence[Certificate] = chain.presented
    if path is not None:
        judged = path.certificates if len(path.certificates) == 1 else path.certificates[:-1]
    found = [] if chain.leaf.for_servers else [f"{chain.leaf.subject}: not made for servers"]
    found += [f"{certificate.subject}: {told}" for certificate in judged if (told := _weakness(certificate))]
    if chain.protocol in PROTOCOLS and PROTOCOLS.index(chain.protocol) < PROTOCOLS.index(minimum_protocol):
        found.append(f"The server agreed on {chain.protocol}; at least {minimum_protocol} is asked for.")
    return tuple(found)


def _weakness(certificate: Certificate) -> str | None:
    least = _LEAST_BITS.get(certificate.key_kind)
    if least is not None and certificate.key_bits < least:
        return f"an {certificate.key_kind} key of {certificate.key_bits} bits (at least {least})"
    if certificate.signature_hash in _BROKEN_HASHES and not certificate.self_signed:
        return f"signed with {certificate.signature_hash}"
    return None


def covers(name: str, host: str) -> bool:
    """Whether a name in a certificate is for this host. A wildcard stands for exactly one first label."""
    name, host = name.lower().rstrip("."), host.lower().rstrip(".").strip("[]")
    address = _address(host)
    if address is not None:
        return _address(name) == address
    if name.startswith("*."):
        first, _, rest = host.partition(".")
        return bool(first) and rest == name[2:]
    return name == host


def _address(text: str) -> object | None:
    try:
        return ip_address(text)
    except ValueError:
        return None


def warn_days_of(said: object) -> list[int]:
    """The thresholds that somebody asks for, the longest first; the usual ones where nothing sensible is said."""
    days = {day for day in said if isinstance(day, int) and 1 <= day <= 3650} if isinstance(said, list | tuple) else ()
    return sorted(days or DEFAULT_WARN_DAYS, reverse=True)[-10:]


def crossed_threshold(warn_days: Iterable[int], ends: datetime, at: datetime) -> int | None:
    """The tightest of the thresholds that has been reached at this instant; None while all are ahead.

    What is found late is told once, for the tightest, not once for each that was missed.
    """
    return min((days for days in warn_days if ends - at <= timedelta(days=days)), default=None)


def days_left(ends: datetime, at: datetime) -> int:
    """Whole days until then; negative when it is past."""
    return (ends - at) // timedelta(days=1)


def sentence(judgement: Judgement, chain: Chain, host: str, at: datetime) -> str:
    """The verdict for people, with what to do next."""
    leaf, path = chain.leaf, judgement.path or Path((chain.leaf,))
    match judgement.verdict:
        case Verdict.SELF_SIGNED:
            told = "The certificate is self-signed: install one of a known authority."
        case Verdict.UNKNOWN_ISSUER:
            told = (
                f"No known authority vouches for the certificate (issuer: {leaf.issuer}): install one of a known "
                "authority, and have the server send its intermediate certificates."
            )
        case Verdict.NOT_YET_VALID:
            told = f"The certificate is not valid before {_day(path.begins)}."
        case Verdict.EXPIRED if path.first_to_expire is not leaf:
            which = f"A certificate of its chain ({path.first_to_expire.subject})"
            told = f"{which} expired on {_day(path.ends)}: install the present chain."
        case Verdict.EXPIRED:
            told = f"The certificate expired on {_day(path.ends)}: renew it."
        case Verdict.HOST_MISMATCH:
            names = ", ".join(leaf.names[:5]) or "no name at all"
            told = f"The certificate is not for {host} but for {names}: install one that names {host}."
        case Verdict.WEAK:
            told = f"The connection is not protected well enough: {'; '.join(judgement.weaknesses)}"
        case Verdict.EXPIRING:
            told = f"The certificate expires on {_day(path.ends)}, in {days_left(path.ends, at)} days: renew it."
        case Verdict.GOOD:
            told = f"The certificate is good until {_day(path.ends)}."
    return told


def _day(instant: datetime) -> str:
    return instant.strftime("%Y-%m-%d %H:%M UTC")


def problems_at(problems: Iterable[Verdict], ends: datetime, at: datetime) -> tuple[Verdict, ...]:
    """What is wrong later, of what was found wrong before: only that a certificate ends changes by itself."""
    found = set(problems)
    if at > ends:
        found = found - {Verdict.EXPIRING} | {Verdict.EXPIRED}
    return tuple(verdict for verdict in Verdict if verdict in found)
