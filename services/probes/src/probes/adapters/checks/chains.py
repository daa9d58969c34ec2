"""Chains of certificates as servers present them: read, led to an authority that is trusted, and told.

Paths are built here and not by the library that shook hands, because a bad chain has to be described too, and because
the instant at which it is judged is given. Certificates are looked at, never trusted by this: what a check sends over
a connection is for the library that verified it.
"""

import ssl
import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from pathlib import Path as File
from typing import Any

import idna
from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.utils import CryptographyDeprecationWarning
from cryptography.x509.oid import ExtendedKeyUsageOID
from cryptography.x509.verification import (
    ClientVerifier,
    Criticality,
    ExtensionPolicy,
    Policy,
    PolicyBuilder,
    Store,
)

from probes.adapters.checks.connection import CheckFailed
from probes.adapters.checks.finding import instant_text, plain
from probes.domain.certificates import Certificate, Chain, Judgement, Path, Verdict, judge, sentence
from probes.domain.states import Reason

MOST_PRESENTED = 12
"""Certificates of one server that are looked at; honest ones send three or four."""
MOST_PATHS = 8
NAMES_TOLD = 50
_SECOND = timedelta(seconds=1)
_END_OF_TIME = datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)
"""The end of certificates that have none (RFC 5280, 4.1.2.5)."""


@dataclass(frozen=True, slots=True)
class Described:
    """A chain with its judgement. `document` is JSON-shaped and what is observed; `sentence` is for people."""

    judgement: Judgement
    sentence: str
    document: Mapping[str, Any]

    @property
    def verdict(self) -> Verdict:
        """What is to be said first."""
        return self.judgement.verdict


class Authorities:
    """Whom we trust: the certificates of a PEM file."""

    def __init__(self, ca_file: str) -> None:
        with warnings.catch_warnings():
            # Roots from the nineties have serial numbers that today's rules forbid.
            warnings.simplefilter("ignore", CryptographyDeprecationWarning)
            self._store = Store(x509.load_pem_x509_certificates(File(ca_file).read_bytes()))

    def describe(
        self,
        presented: Sequence[bytes],
        *,
        host: str,
        port: int,
        at: datetime,
        warn_days: int,
        protocol: str | None = None,
        cipher: str | None = None,
        minimum_protocol: str = "TLSv1.2",
    ) -> Described:
        """What a server presented (DER, its own first), judged for this host at this instant.

        Raises CheckFailed when its own certificate cannot be read.
        """
        chain = self.chain(presented, at, protocol or "")
        name = a_label(host)
        judgement = judge(chain, name, at, warn_days, minimum_protocol)
        document = {"host": name, "port": port, "protocol": protocol, "cipher": cipher, **_document(chain, judgement)}
        return Described(judgement, plain(sentence(judgement, chain, name, at))[:1000], document)

    def chain(self, presented: Sequence[bytes], at: datetime, protocol: str) -> Chain:
        """The certificates as facts, with the paths to whom we trust that hold now; if none does, that held or will."""
        found = list(_readable(presented))
        leaf, others = found[0][0], [certificate for certificate, _ in found[1:]]
        paths = self._paths(leaf, others, at)
        return Chain(
            tuple(facts for _, facts in found), tuple(Path(tuple(map(_facts, path))) for path in paths), protocol
        )

    def _paths(
        self, leaf: x509.Certificate, others: list[x509.Certificate], at: datetime
    ) -> list[list[x509.Certificate]]:
        """A path that holds now and those that go on when it has ended; else one for another time."""
        found: list[list[x509.Certificate]] = []
        instant = at
        while len(found) < MOST_PATHS:
            path = self._path(leaf, others, instant)
            if path is None:
                break
            found.append(path)
            ends = min(certificate.not_valid_after_utc for certificate in path)
            if ends >= _END_OF_TIME:
                break
            instant = ends + _SECOND
        if found:
            return found
        changes = {
            change
            for certificate in (leaf, *others)
            for change in (certificate.not_valid_before_utc, certificate.not_valid_after_utc)
        }
        return [path for instant in sorted(changes) if (path := self._path(leaf, others, instant)) is not None]

    def _path(
        self, leaf: x509.Certificate, others: list[x509.Certificate], at: datetime
    ) -> list[x509.Certificate] | None:
        try:
            return self._verifier(at).verify(leaf, others).chain
        except Exception:  # VerificationError in all honest cases
            return None

    def _verifier(self, at: datetime) -> ClientVerifier:
        # The verifier for servers wants a name and tells a wrong one like any other fault; names are judged apart.
        builder = PolicyBuilder().store(self._store).time(at)
        return builder.extension_policies(ca_policy=_AUTHORITY, ee_policy=_SERVER).build_client_verifier()


def _may_sign(_policy: Policy, _certificate: x509.Certificate, usage: x509.KeyUsage | None) -> None:
    if usage is not None and not usage.key_cert_sign:
        raise ValueError("its key is not for signing certificates")


def _is_authority(_policy: Policy, _certificate: x509.Certificate, constraints: x509.BasicConstraints) -> None:
    if not constraints.ca:
        raise ValueError("it is no authority")


# What OpenSSL asks for, and with it every check that is not ours; the rules of public authorities ask for more.
_AUTHORITY = (
    ExtensionPolicy.permit_all()
    .require_present(x509.BasicConstraints, Criticality.AGNOSTIC, _is_authority)
    .may_be_present(x509.KeyUsage, Criticality.AGNOSTIC, _may_sign)
)
_SERVER = ExtensionPolicy.permit_all()


@lru_cache(maxsize=4)
def authorities(ca_file: str) -> Authorities:
    """Made once per file: reading a hundred roots takes milliseconds."""
    return Authorities(ca_file)


def presented_by(connection: ssl.SSLObject) -> list[bytes]:
    """The certificates that the other side sent in the handshake, DER, its own first; verified or not."""
    if hasattr(connection, "get_unverified_chain"):
        return list(connection.get_unverified_chain())
    # Before Python 3.13 only the object underneath has it.
    chain = connection._sslobj.get_unverified_chain()  # type: ignore[attr-defined]
    return [ssl.PEM_cert_to_DER_cert(certificate.public_bytes()) for certificate in chain or ()]


def a_label(host: str) -> str:
    """The host as certificates and the DNS spell it: internationalised names as xn--…; no brackets, lower case."""
    bare = host.strip("[]").rstrip(".").lower()
    if bare.isascii():
        return bare
    try:
        return idna.encode(bare, uts46=True).decode()
    except idna.IDNAError:
        return bare


def _readable(presented: Iterable[bytes]) -> Iterator[tuple[x509.Certificate, Certificate]]:
    """Raises CheckFailed when the first one cannot be read, or there is none; others are left out then."""
    first = True
    for encoded in list(presented)[:MOST_PRESENTED]:
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", CryptographyDeprecationWarning)
                certificate = x509.load_der_x509_certificate(encoded)
                yield certificate, _facts(certificate)
        except Exception as error:  # the library has many ways of refusing what strangers make up
            if first:
                detail = f"The server's certificate cannot be read: {error}"
                raise CheckFailed(Reason.CERTIFICATE, detail, "tls") from error
        first = False
    if first:
        raise CheckFailed(Reason.CERTIFICATE, "The server presents no certificate.", "tls")


def _facts(certificate: x509.Certificate) -> Certificate:
    kind, bits = _key(certificate)
    return Certificate(
        subject=_name(certificate.subject),
        issuer=_name(certificate.issuer),
        names=_names(certificate),
        not_before=certificate.not_valid_before_utc,
        not_after=certificate.not_valid_after_utc,
        fingerprint=certificate.fingerprint(hashes.SHA256()).hex(),
        key_kind=kind,
        key_bits=bits,
        signature_hash=_signature_hash(certificate),
        self_signed=_is_self_signed(certificate),
        for_servers=_is_for_servers(certificate),
    )


def _name(name: x509.Name) -> str:
    return plain(name.rfc4514_string())[:500]


def _names(certificate: x509.Certificate) -> tuple[str, ...]:
    try:
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return ()
    addresses = [str(address) for address in names.get_values_for_type(x509.IPAddress)]
    return (*(plain(name) for name in names.get_values_for_type(x509.DNSName)), *addresses)


def _key(certificate: x509.Certificate) -> tuple[str, int]:
    try:
        key = certificate.public_key()
    except (ValueError, UnsupportedAlgorithm):
        return "unknown", 0
    if isinstance(key, RSAPublicKey):
        return "RSA", key.key_size
    if isinstance(key, EllipticCurvePublicKey):
        return "EC", key.key_size
    return type(key).__name__.removesuffix("PublicKey"), int(getattr(key, "key_size", 0))


def _signature_hash(certificate: x509.Certificate) -> str | None:
    try:
        algorithm = certificate.signature_hash_algorithm
    except UnsupportedAlgorithm:
        return None
    return algorithm.name if algorithm else None


def _is_self_signed(certificate: x509.Certificate) -> bool:
    if certificate.subject != certificate.issuer:
        return False
    try:
        certificate.verify_directly_issued_by(certificate)
    except (ValueError, TypeError, InvalidSignature, UnsupportedAlgorithm):
        return False
    return True


def _is_for_servers(certificate: x509.Certificate) -> bool:
    try:
        usages = certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    except x509.ExtensionNotFound:
        return True
    return ExtendedKeyUsageOID.SERVER_AUTH in usages or ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE in usages


def _document(chain: Chain, judgement: Judgement) -> dict[str, Any]:
    leaf, path = chain.leaf, judgement.path
    return {
        "subject": leaf.subject,
        "issuer": leaf.issuer,
        "sans": [name[:253] for name in leaf.names[:NAMES_TOLD]],
        "sans_count": len(leaf.names),
        "not_before": instant_text(leaf.not_before),
        "not_after": instant_text(leaf.not_after),
        "fingerprint_sha256": leaf.fingerprint,
        "key": f"{leaf.key_kind} {leaf.key_bits}" if leaf.key_bits else leaf.key_kind,
        "path": [_member(certificate) for certificate in (path.certificates if path else ())],
        "presented": [_member(certificate) for certificate in chain.presented],
        "verified_until": instant_text(path.ends) if path else None,
        "expires_first": path.first_to_expire.subject if path else leaf.subject,
        "verdict": judgement.verdict.value,
        "problems": [problem.value for problem in judgement.problems],
        "weaknesses": [plain(weakness)[:600] for weakness in judgement.weaknesses],
    }


def _member(certificate: Certificate) -> dict[str, str]:
    return {
        "subject": certificate.subject,
        "issuer": certificate.issuer,
        "not_before": instant_text(certificate.not_before),
        "not_after": instant_text(certificate.not_after),
        "fingerprint_sha256": certificate.fingerprint,
    }
