"""Certificates made on the fly, good and bad ones, and TLS servers that present them."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import IPv4Address
from pathlib import Path
from tempfile import NamedTemporaryFile

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

Key = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey
DAY = timedelta(days=1)


@dataclass(frozen=True)
class Issued:
    """A certificate with its key."""

    certificate: x509.Certificate
    key: Key

    @property
    def pem(self) -> bytes:
        return self.certificate.public_bytes(serialization.Encoding.PEM)

    @property
    def der(self) -> bytes:
        return self.certificate.public_bytes(serialization.Encoding.DER)


def issue(
    name: str,
    by: Issued | None = None,
    *,
    names: Sequence[str] = (),
    days: float = 90,
    since: float = -30,
    authority: bool = False,
    key: Key | None = None,
    usage: x509.ObjectIdentifier | None = None,
    until: datetime | None = None,
    extensions: Sequence[x509.ExtensionType] = (),
) -> Issued:
    """A certificate valid from `since` to `days` from now on; signed by its own key where nobody else is named.

    The same `key` makes two certificates of one authority: alternative links of a path.
    """
    own = key or ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC).replace(microsecond=0)
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(by.certificate.subject if by else subject)
        .public_key(own.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now + since * DAY)
        .not_valid_after(until or now + days * DAY)
        .add_extension(x509.BasicConstraints(ca=authority, path_length=None), critical=True)
    )
    if names:
        builder = builder.add_extension(x509.SubjectAlternativeName([_general(each) for each in names]), critical=False)
    if usage is not None:
        builder = builder.add_extension(x509.ExtendedKeyUsage([usage]), critical=False)
    for extension in extensions:
        builder = builder.add_extension(extension, critical=False)
    return Issued(builder.sign(by.key if by else own, hashes.SHA256()), own)


def _general(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(IPv4Address(name))
    except ValueError:
        return x509.DNSName(name)


CLIENTS_ONLY = ExtendedKeyUsageOID.CLIENT_AUTH


def server_context(leaf: Issued, *others: Issued) -> ssl.SSLContext:
    """Presents the leaf and whatever else, in this order."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.set_ciphers("ALL:@SECLEVEL=0")
    private = leaf.key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    with NamedTemporaryFile() as file:
        file.write(b"".join([private, leaf.pem, *(other.pem for other in others)]))
        file.flush()
        context.load_cert_chain(file.name)
    return context


def trust(folder: Path, *roots: Issued) -> str:
    """A file of authorities to trust."""
    file = folder / f"roots-{len(list(folder.iterdir()))}.pem"
    file.write_bytes(b"".join(root.pem for root in roots))
    return str(file)


@asynccontextmanager
async def secured(context: ssl.SSLContext, before: Sequence[tuple[bytes, bytes]] = ()) -> AsyncIterator[int]:
    """A server on loopback that shakes hands and says nothing more; yields its port.

    `before` is the dialogue that precedes the handshake: what the server says, and the line that it then waits for
    (empty: none).
    """

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            for said, awaited in before:
                writer.write(said)
                if awaited and awaited not in await reader.readline():
                    return
            await writer.start_tls(context)
            await reader.read()
        except (OSError, EOFError):
            pass
        finally:
            writer.transport.abort()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
