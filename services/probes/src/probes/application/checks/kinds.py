"""The kinds of checks, and how a stored configuration becomes one of them."""

from collections.abc import Mapping
from typing import Annotated, Any, TypeAlias

from pydantic import Field, TypeAdapter

from probes.application.checks.domain import DomainCheck
from probes.application.checks.export import ExportCheck
from probes.application.checks.http import HttpCheck
from probes.application.checks.mail import ImapCheck, SmtpCheck
from probes.application.checks.network import DnsCheck, IcmpCheck, TcpCheck
from probes.application.checks.reported import CrashReports, HeartbeatReports
from probes.application.checks.tls import TlsCheck
from probes.application.checks.version import VersionCheck
from probes.application.checks.websocket import WebSocketCheck

CheckConfiguration: TypeAlias = Annotated[
    HttpCheck
    | ExportCheck
    | TcpCheck
    | DnsCheck
    | IcmpCheck
    | SmtpCheck
    | ImapCheck
    | WebSocketCheck
    | TlsCheck
    | DomainCheck
    | VersionCheck,
    Field(discriminator="kind"),
]
"""What a runner can execute. Each kind says its `address`, for people."""

ReportConfiguration: TypeAlias = Annotated[HeartbeatReports | CrashReports, Field(discriminator="kind")]
"""What reports by itself: nobody asks it."""
MonitorConfiguration: TypeAlias = Annotated[CheckConfiguration | ReportConfiguration, Field(discriminator="kind")]
"""Whatever a monitor can be configured with."""

_CONFIGURATION: TypeAdapter[CheckConfiguration] = TypeAdapter(CheckConfiguration)


_ANY: TypeAdapter[MonitorConfiguration] = TypeAdapter(MonitorConfiguration)


def any_configuration_of(document: Mapping[str, Any]) -> MonitorConfiguration:
    """The same for every monitor, also for what reports by itself."""
    return _ANY.validate_python(document)


def configuration_of(document: Mapping[str, Any]) -> CheckConfiguration:
    """The configuration that a document describes. Raises pydantic.ValidationError when it is none."""
    return _CONFIGURATION.validate_python(document)


def is_asked(configuration: MonitorConfiguration) -> bool:
    """Whether it is on the schedule; otherwise it reports by itself."""
    return not isinstance(configuration, HeartbeatReports | CrashReports)


def document_of(configuration: MonitorConfiguration) -> dict[str, Any]:
    """The document that is stored and sent to runners: `kind`, and whatever is not the default."""
    return {"kind": configuration.kind} | configuration.model_dump(mode="json", exclude_defaults=True)
