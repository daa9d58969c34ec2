"""Mail: the settings of a mail server, a message for one person, and the server that takes it."""

import asyncio
import re
from dataclasses import dataclass
from datetime import datetime
from email.header import Header
from email.headerregistry import Address, BaseHeader, HeaderRegistry, UniqueAddressHeader
from email.message import EmailMessage
from email.policy import SMTP as SMTP_POLICY
from email.policy import Policy
from email.utils import format_datetime, formataddr
from typing import Annotated, Any, Final, Literal

import aiosmtplib
from pydantic import Field, SecretStr, field_validator

from shared.outbound_http import authorities_of_the_machine
from shared.settings import Port, ServiceSettings

_LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
ADDRESS_PATTERN = rf"^[A-Za-z0-9.!#$%&'*+/=?^_`{{|}}~-]{{1,64}}@{_LABEL}(?:\.{_LABEL})*$"
"""An ASCII addr-spec without quotes or comments: nothing in it can end a header. The mail server judges the rest."""
SEND_SECONDS: Final = 60.0
"""For one message from connecting to the server's last word; keep the lease of its row longer."""
SUBJECT_LENGTH: Final = 180


def is_address(text: str) -> bool:
    """Whether a text can be put into a header as one address."""
    return len(text) <= 254 and "\n" not in text and re.match(ADDRESS_PATTERN, text) is not None


def one_line(text: str) -> str:
    """The text without anything that could end a header line: control characters become spaces."""
    return " ".join("".join(char if char.isprintable() else " " for char in text).split())


class MailSettings(ServiceSettings):
    """What a service that mails needs to know besides."""

    smtp_host: str | None = Field(default=None, description="Mail server; without one, no mail leaves.")
    smtp_port: Port = 587
    smtp_username: str | None = None
    smtp_password: SecretStr | None = None
    smtp_starttls: Literal["auto", "always", "never"] = Field(
        default="auto", description="always refuses a server without STARTTLS; auto uses it where it is offered."
    )
    smtp_implicit_tls: bool = Field(default=False, description="TLS from the first byte (port 465).")
    smtp_timeout_seconds: Annotated[float, Field(gt=0, le=60)] = 20.0
    smtp_from: str = Field(default="upheld@localhost", description="Address that mails come from.")
    smtp_from_name: str = Field(default="Upheld", max_length=100)

    @field_validator("smtp_from")
    @classmethod
    def _is_an_address(cls, value: str) -> str:
        return checked_address(value)

    @field_validator("smtp_from_name")
    @classmethod
    def _one_line(cls, value: str) -> str:
        if not value.isprintable():
            raise ValueError("the sender's name must be one line of printable characters")
        return value


def checked_address(text: str) -> str:
    """The address of a setting. Raises ValueError."""
    if not is_address(text):
        raise ValueError(f"{text!r} is not an e-mail address like name@example.org")
    return text


class MailRefusedError(Exception):
    """The message can never be delivered to this recipient; trying again does not help."""


class MailDelayedError(Exception):
    """The server could not take the message now; try again later."""


@dataclass(frozen=True)
class Letter:
    """One message, complete: everything that goes on the wire but the sender's address."""

    message_id: str
    recipient: str
    subject: str
    body: str
    written_at: datetime
    language: str | None = None
    in_reply_to: str | None = None
    """The Message-ID of the message that it belongs to."""
    sender_name: str | None = None
    """In whose name; the configured one when there is none."""
    reply_to: str | None = None
    """Where answers go; to the sender's address when there is none."""
    unsubscribe: str | None = None
    """Where one request without more ends what it came from (RFC 8058)."""


# Headers leave as they are written here. Python's own folding encodes what is longer than a line and must not be
# encoded (identifiers, addresses of pages), drops the quotes of a long name, and loses spaces of a subject. A line may
# have 998 characters (RFC 5322, 2.1.1), and none of these comes near.


class _Identifiers(BaseHeader):
    """What programs compare or follow: letter by letter what it is, in one line."""

    max_count = 1

    @classmethod
    def parse(cls, value: str, kwds: dict[str, Any]) -> None:
        kwds |= {"parse_tree": None, "decoded": value}  # nothing in it is read as encoded: it may be somebody's words

    def fold(self, *, policy: Policy) -> str:
        return f"{self.name}: {self}{policy.linesep}"


class _Words(_Identifiers):
    """What a person reads."""

    def fold(self, *, policy: Policy) -> str:
        text = str(self)
        return f"{self.name}: {text if _is_plain(text) else _encoded(text, self.name, policy)}{policy.linesep}"


class _Mailbox(UniqueAddressHeader, BaseHeader):  # type: ignore[misc]  # so its own module puts them together
    """One address, with or without a name."""

    def fold(self, *, policy: Policy) -> str:
        (mailbox,) = self.addresses
        name, address = mailbox.display_name, mailbox.addr_spec
        if _is_plain(name):
            return f"{self.name}: {formataddr((name, address))}{policy.linesep}"
        return f"{self.name}: {_encoded(name, self.name, policy)}{policy.linesep} <{address}>{policy.linesep}"


def _is_plain(text: str) -> bool:
    return text.isascii() and "=?" not in text


def _encoded(text: str, header: str, policy: Policy) -> str:
    """A text in a header (RFC 2047), over as many lines as it takes."""
    return Header(text, "utf-8", header_name=header, maxlinelen=75).encode(linesep=policy.linesep)


_HEADERS: Final = HeaderRegistry()
for _header in ("Message-ID", "In-Reply-To", "References", "List-Unsubscribe"):
    _HEADERS.map_to_type(_header, _Identifiers)
for _header in ("From", "To", "Reply-To"):
    _HEADERS.map_to_type(_header, _Mailbox)
_HEADERS.map_to_type("Subject", _Words)
_POLICY: Final = SMTP_POLICY.clone(header_factory=_HEADERS)


def compose(letter: Letter, settings: MailSettings) -> EmailMessage:
    """The message for the wire. Raises MailRefusedError for a recipient that is no address."""
    if not is_address(letter.recipient):
        raise MailRefusedError("the recipient is not an e-mail address")
    message = EmailMessage(policy=_POLICY)
    name = one_line(letter.sender_name or settings.smtp_from_name)[:100]
    message["From"] = Address(name, addr_spec=settings.smtp_from)
    message["To"] = Address(addr_spec=letter.recipient)
    if letter.reply_to is not None and is_address(letter.reply_to):
        message["Reply-To"] = Address(addr_spec=letter.reply_to)
    message["Subject"] = one_line(letter.subject)[:SUBJECT_LENGTH].rstrip()
    message["Date"] = format_datetime(letter.written_at)
    message["Message-ID"] = letter.message_id
    if letter.in_reply_to:
        message["In-Reply-To"] = letter.in_reply_to
        message["References"] = letter.in_reply_to
    message["Auto-Submitted"] = "auto-generated"
    if letter.unsubscribe is not None:
        message["List-Unsubscribe"] = f"<{letter.unsubscribe}>"
        message["List-Unsubscribe-Post"] = "List-Unsubscribe=One-Click"
    message.set_content(letter.body, cte="quoted-printable")
    if letter.language is not None:
        message["Content-Language"] = letter.language  # a content takes away what was said of one before
    return message


class MailServer:
    """The configured SMTP server."""

    def __init__(self, settings: MailSettings) -> None:
        self._settings = settings

    @property
    def configured(self) -> bool:
        """Whether there is one."""
        return self._settings.smtp_host is not None

    async def send(self, letter: Letter) -> None:
        """Hands a message over; returns when the server has accepted it.

        Raises MailRefusedError when it never will, MailDelayedError when it did not now.
        """
        settings = self._settings
        message = compose(letter, settings)
        password = settings.smtp_password
        try:
            async with asyncio.timeout(SEND_SECONDS):
                await aiosmtplib.send(
                    message,
                    hostname=settings.smtp_host,
                    port=settings.smtp_port,
                    username=settings.smtp_username,
                    password=password.get_secret_value() if password else None,
                    use_tls=settings.smtp_implicit_tls,
                    start_tls={"auto": None, "always": True, "never": False}[settings.smtp_starttls],
                    timeout=settings.smtp_timeout_seconds,
                    tls_context=authorities_of_the_machine(),
                )
        except aiosmtplib.SMTPRecipientsRefused as error:
            codes = [refused.code for refused in error.recipients]
            kind = MailRefusedError if all(code >= 500 for code in codes) else MailDelayedError
            raise kind(_told(error)) from error
        except (aiosmtplib.SMTPDataError, aiosmtplib.SMTPSenderRefused) as error:
            kind = MailRefusedError if error.code >= 500 else MailDelayedError
            raise kind(_told(error)) from error
        except (aiosmtplib.SMTPException, OSError, ValueError) as error:
            # No connection, no TLS, a wrong password: the server's or our configuration's fault, mended by somebody.
            raise MailDelayedError(_told(error)) from error


_ADDRESS: Final = re.compile(r"\S+@\S+")


def _told(error: Exception) -> str:
    """What went wrong, in a line without the recipient's address."""
    return _ADDRESS.sub("…", one_line(f"{type(error).__name__}: {error}"))[:500]
