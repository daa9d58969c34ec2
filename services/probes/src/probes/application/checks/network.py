"""Checks of the network itself: a port that answers, a name that leads where it should, a machine that echoes."""

from ipaddress import ip_address
from typing import Annotated, Literal, Self, TypeAlias

from pydantic import AfterValidator, Field, StrictBool, StringConstraints, model_validator

from probes.application.checks.base import Configuration, Host, Line, Port, is_a_host

RecordType: TypeAlias = Literal[
    "A",
    "AAAA",
    "CAA",
    "CNAME",
    "DNSKEY",
    "DS",
    "HTTPS",
    "MX",
    "NAPTR",
    "NS",
    "PTR",
    "SOA",
    "SRV",
    "SVCB",
    "TLSA",
    "TXT",
]
ResponseCode: TypeAlias = Literal["NOERROR", "NXDOMAIN", "SERVFAIL", "REFUSED"]


def _is_a_name(name: str) -> str:
    if not name.isascii():
        return is_a_host(name)
    if name != "." and not all(0 < len(label) <= 63 for label in name.removesuffix(".").split(".")):
        raise ValueError("is no name of the DNS: a label has 1 to 63 characters")
    return name


DomainName: TypeAlias = Annotated[
    str,
    StringConstraints(min_length=1, max_length=253, pattern=r"^[^\s/?#@:\[\]%\"\\\x00-\x1f]+$"),
    AfterValidator(_is_a_name),
]
"""Any name of the DNS, also internationalised or with underscores; it is complete, with or without its last dot."""


class TcpCheck(Configuration):
    """A port accepts a connection; when something is expected, it is what the other side says first, or in answer."""

    kind: Literal["tcp"] = "tcp"
    host: Host
    port: Port
    tls: StrictBool = False
    send: Line | None = Field(default=None, description="a line to send, without its line break")
    expect: Line | None = Field(default=None, description="text that must occur in the first 2 KiB of the answer")

    @property
    def address(self) -> str:
        """What is looked at, for people."""
        return f"{'tls' if self.tls else 'tcp'}://{self.host}:{self.port}"


class DnsCheck(Configuration):
    """A name server answers as expected.

    Values are compared as the DNS means them: names without regard to case and last dots, addresses in any notation,
    the strings of a text record put together.
    """

    kind: Literal["dns"] = "dns"
    name: DomainName
    record_type: RecordType = "A"
    resolver: Host | None = Field(default=None, description="who is asked; left out, the resolver of the location")
    resolver_port: Port = 53
    response_code: ResponseCode = "NOERROR"
    values: tuple[Line, ...] = Field(
        default=(), max_length=50, description="what the answer must hold; left out, any record will do"
    )
    values_match: Literal["subset", "exact"] = Field(
        default="subset", description="whether the answer may hold more than these values"
    )

    @model_validator(mode="after")
    def _can_be_met(self) -> Self:
        if self.values and self.response_code != "NOERROR":
            raise ValueError("values are only in an answer with the response code NOERROR")
        if self.record_type in ("A", "AAAA"):
            version = 4 if self.record_type == "A" else 6
            for value in self.values:
                if ip_address(value).version != version:
                    raise ValueError(f"{value} is not an IPv{version} address")
        return self

    @property
    def address(self) -> str:
        """What is looked at, for people: a URI of RFC 4501."""
        question = f"{self.name}?type={self.record_type}"
        return f"dns://{self.resolver}:{self.resolver_port}/{question}" if self.resolver else f"dns:{question}"


class IcmpCheck(Configuration):
    """A machine answers echo requests (ping): enough of them, and fast enough."""

    kind: Literal["icmp"] = "icmp"
    host: Host
    count: Annotated[int, Field(strict=True, ge=1, le=10, json_schema_extra={"format": "int32"})] = 3
    max_loss_percent: Annotated[int, Field(strict=True, ge=0, le=99, json_schema_extra={"format": "int32"})] = Field(
        default=50, description="more requests than this without an echo are too many"
    )
    max_round_trip_ms: Annotated[float, Field(gt=0, le=60_000, allow_inf_nan=False)] | None = Field(
        default=None, description="the mean round trip must not exceed this"
    )

    @property
    def address(self) -> str:
        """What is looked at, for people."""
        return f"icmp://{self.host}"
