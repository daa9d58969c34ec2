"""Mails as they come: read with patience for what is malformed, and with limits for what is malicious.

Only the standard library's parser sees a mail, and only after its lines and parts were counted: nesting and endless
lines cost it more than their length. Values of headers are cut before they are decoded. Charsets that are unknown, or
that are no charsets of text, are read as UTF-8 with replacement.
"""

import codecs
import hashlib
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from email import message_from_bytes
from email.errors import HeaderParseError, MessageError
from email.header import decode_header
from email.message import Message
from email.policy import compat32
from email.utils import getaddresses
from html import unescape

from incidents.application.intake_formats import clean_text, one_line
from incidents.domain.attachments import EXTENSIONS, File, plain_name
from incidents.domain.intake import Nature, nature_of

MOST_LINES = 600_000
MOST_BOUNDARIES = 100
MOST_PARTS = 200
DEEPEST = 20
HEADER_BYTES = 256 * 1024
HEADER_LENGTH = 4_000
MOST_REFERENCES = 50
TEXT_BYTES = 512 * 1024
MOST_ATTACHMENTS = 50
ENDINGS = {media_type: f".{endings[0]}" for media_type, endings in EXTENSIONS.items()}
"""How a part without a name ends."""
_MESSAGE_ID = re.compile(r"<[^<>\s\x00-\x1f\x7f]{1,400}>")
_NO_TEXT = frozenset({"idna", "punycode", "unicode_escape", "raw_unicode_escape", "undefined", "mbcs", "oem"})
_BLOCKS = frozenset(
    {
        *("address", "article", "blockquote", "br", "dd", "div", "dl", "dt", "footer", "form", "header", "hr", "li"),
        *("h1", "h2", "h3", "h4", "h5", "h6", "ol", "p", "pre", "section", "table", "tr", "ul"),
    }
)
_NOT_READ = ("script", "style", "head", "title", "template", "svg")


class UnreadableMail(Exception):
    """The message cannot be read within our limits; the text says why."""


@dataclass(frozen=True)
class Mail:
    """One mail. `references` are the Message-IDs that it answers, the nearest first."""

    message_id: str
    sender: str
    sender_name: str
    subject: str
    text: str
    references: tuple[str, ...]
    nature: Nature
    files: tuple[File, ...]
    """Parts that are not its text. Their names are one line without a path."""


def read_mail(raw: bytes) -> Mail:
    """The mail. Raises UnreadableMail for what is none, or exceeds our limits."""
    _within_limits(raw)
    try:
        message = message_from_bytes(raw, policy=compat32)
        headers = _headers(message)
        if not headers.keys() & {"from", "sender", "message-id", "received", "date"}:
            raise UnreadableMail("This is no mail: it has neither a sender nor a date.")
        texts, files = _contents(message)
    except (RecursionError, MessageError, LookupError, ValueError) as error:
        raise UnreadableMail(f"This mail cannot be read ({type(error).__name__}).") from None
    sender_name, sender = _sender(headers)
    subject = one_line(_decoded(headers.get("subject", "")))
    named = _MESSAGE_ID.search(headers.get("message-id", ""))
    answered = _MESSAGE_ID.findall(headers.get("in-reply-to", ""))
    earlier = _MESSAGE_ID.findall(headers.get("references", ""))[::-1]
    return Mail(
        # Without a name of its own a mail is named by what it says.
        message_id=named.group() if named else f"<{hashlib.sha256(raw).hexdigest()}@unnamed.invalid>",
        sender=sender,
        sender_name=one_line(sender_name),
        subject=subject,
        text=clean_text(texts),
        references=tuple(dict.fromkeys([*answered, *earlier]))[:MOST_REFERENCES],
        nature=nature_of(headers, content_type=message.get_content_type(), sender=sender, subject=subject),
        files=tuple(files),
    )


def _within_limits(raw: bytes) -> None:
    head = re.split(rb"\r?\n\r?\n", raw[: HEADER_BYTES + 4], maxsplit=1)[0]
    if len(head) > HEADER_BYTES:
        raise UnreadableMail(f"The header of this mail is longer than {HEADER_BYTES // 1024} KiB.")
    if raw.count(b"\n") + raw.count(b"\r") > 2 * MOST_LINES:
        raise UnreadableMail("This mail has too many lines.")
    nested = len(re.findall(rb"boundary\s*(?:\*\d*\*?)?\s*=|content-type:\s*message/", raw, re.IGNORECASE))
    if nested > MOST_BOUNDARIES:
        raise UnreadableMail("This mail has too many parts within parts.")


def _headers(message: Message) -> Mapping[str, str]:
    """The first value of each header, cut to a length that is cheap to read; names in lower case."""
    found: dict[str, str] = {}
    for name, value in message.raw_items():
        text = str(value)[:HEADER_LENGTH].encode("ascii", "surrogateescape").decode("utf-8", "replace")
        found.setdefault(name.lower(), " ".join(text.split()))
    return found


def _sender(headers: Mapping[str, str]) -> tuple[str, str]:
    for name, address in getaddresses([headers.get("from", ""), headers.get("sender", "")]):
        if "@" in address and address.isprintable():
            return _decoded(name), address.strip().lower()[:254]
    return "", ""


def _decoded(value: str) -> str:
    """A header's text (RFC 2047)."""
    try:
        pieces = decode_header(value)
    except (HeaderParseError, ValueError):
        return value
    return "".join(
        piece if isinstance(piece, str) else _text_of(piece, charset or "ascii") for piece, charset in pieces
    )


def _text_of(content: bytes, charset: str) -> str:
    try:
        codec = codecs.lookup(charset.strip().strip("'\""))
        if codec.name.replace("-", "_") in _NO_TEXT or not getattr(codec, "_is_text_encoding", True):
            raise LookupError(charset)
        return content.decode(codec.name, "replace")
    except (LookupError, ValueError, UnicodeError):
        return content.decode("utf-8", "replace")


def _contents(message: Message) -> tuple[str, list[File]]:
    """What a person reads, plain before HTML, and the rest as attachments."""
    plain: list[str] = []
    marked: list[str] = []
    files: list[File] = []
    for part in _leaves(message):
        kind = part.get_content_type()
        name = _name(part)
        content = _payload(part)
        if kind in ("text/plain", "text/html") and name is None and part.get_content_disposition() != "attachment":
            text = _text_of(content[:TEXT_BYTES], str(part.get_content_charset() or "utf-8"))
            (plain if kind == "text/plain" else marked).append(text)
        elif len(files) < MOST_ATTACHMENTS:
            files.append(File(name or f"unnamed{ENDINGS.get(kind, '')}", one_line(kind)[:100], content))
    return ("\n".join(plain) if any(text.strip() for text in plain) else html_to_text("\n".join(marked))), files


def _leaves(message: Message) -> Iterator[Message]:
    """The parts without parts. An enclosed message is one attachment, whatever is in it."""
    pending = [(message, 0)]
    count = 0
    while pending:
        part, depth = pending.pop()
        count += 1
        if depth > DEEPEST or count > MOST_PARTS:
            raise UnreadableMail("This mail has too many parts within parts.")
        if part.get_content_maintype() == "multipart" and part.is_multipart():
            pending.extend((each, depth + 1) for each in reversed(_enclosed(part)))
        else:
            yield part


def _enclosed(part: Message) -> list[Message]:
    payload = part.get_payload()
    return [each for each in payload if isinstance(each, Message)] if isinstance(payload, list) else []


def _payload(part: Message) -> bytes:
    if part.is_multipart():
        return b"".join(each.as_bytes() for each in _enclosed(part))
    decoded = part.get_payload(decode=True)
    return decoded if isinstance(decoded, bytes) else b""


def _name(part: Message) -> str | None:
    name = part.get_filename()
    if not name:
        return None
    return plain_name(one_line(re.split(r"[/\\]", _decoded(name[:HEADER_LENGTH]))[-1]))


def html_to_text(html: str) -> str:
    """The words of a document, in time proportional to its length. What comes out is text, never markup."""
    found: list[str] = []
    at, length = 0, len(html)
    while at < length:
        tag = html.find("<", at)
        if tag < 0:
            found.append(html[at:])
            break
        found.append(html[at:tag])
        if html.startswith("<!--", tag):
            end = html.find("-->", tag + 4)
            at = length if end < 0 else end + 3
            continue
        name = _tag_name(html, tag)
        if name is None:
            found.append("<")
            at = tag + 1
            continue
        end = html.find(">", tag)
        if end < 0:
            break
        at = end + 1
        if name in _NOT_READ:
            closing = re.compile(rf"</{name}\b", re.IGNORECASE).search(html, at)
            at = closing.start() if closing else length
        elif name.lstrip("/") in _BLOCKS:
            found.append("\n")
    lines = [" ".join(line.split()) for line in unescape("".join(found)).split("\n")]
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip()


def _tag_name(html: str, tag: int) -> str | None:
    match = re.compile(r"</?([a-zA-Z][a-zA-Z0-9]{0,20})|<[!?]").match(html, tag)
    if match is None:
        return None
    name = (match.group(1) or "!").lower()
    return f"/{name}" if match.group().startswith("</") else name
