"""Which files may be attached to an item: of which types, how large, and whether they are what they say.

A file is judged by its first bytes, never by what it is called alone. What a desktop would run, or a browser would
take for a page, is refused whatever it claims to be; what is taken is still only ever handed out as a download.
"""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final, Literal

LARGEST: Final = 8 * 1024 * 1024
"""Bytes of one file."""
MOST_PER_ITEM: Final = 100
LONGEST_NAME: Final = 200

_OFFICE = "application/vnd.openxmlformats-officedocument."
_OPEN = "application/vnd.oasis.opendocument."

EXTENSIONS: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {
        "image/png": ("png",),
        "image/jpeg": ("jpg", "jpeg"),
        "image/gif": ("gif",),
        "image/webp": ("webp",),
        "video/mp4": ("mp4",),
        "video/webm": ("webm",),
        "application/pdf": ("pdf",),
        "text/plain": ("txt", "log", "md", "conf", "ini", "yaml", "yml", "diff", "patch"),
        "text/csv": ("csv",),
        "application/json": ("json", "har"),
        "message/rfc822": ("eml",),
        "application/zip": ("zip",),
        "application/gzip": ("gz", "tgz"),
        f"{_OFFICE}wordprocessingml.document": ("docx",),
        f"{_OFFICE}spreadsheetml.sheet": ("xlsx",),
        f"{_OFFICE}presentationml.presentation": ("pptx",),
        f"{_OPEN}text": ("odt",),
        f"{_OPEN}spreadsheet": ("ods",),
    }
)
"""The types that are taken, each with the endings that a file of it may have."""

_SIGNS: Final = (
    ("image/png", b"\x89PNG\r\n\x1a\n"),
    ("image/jpeg", b"\xff\xd8\xff"),
    ("image/gif", b"GIF87a"),
    ("image/gif", b"GIF89a"),
    ("video/webm", b"\x1a\x45\xdf\xa3"),
    ("application/pdf", b"%PDF-"),
    ("application/gzip", b"\x1f\x8b\x08"),
)
_PROGRAMS: Final = (
    b"MZ",
    b"\x7fELF",
    b"\xca\xfe\xba\xbe",
    b"\xfe\xed\xfa\xce",
    b"\xfe\xed\xfa\xcf",
    b"\xce\xfa\xed\xfe",
    b"\xcf\xfa\xed\xfe",
    b"\x00asm",
    b"dex\n",
    b"#!",
)
_ZIP, _OLE = b"PK\x03\x04", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_MARKUP: Final = re.compile(
    rb"\s*(?:<\?xml|<!--|<!doctype|<(?:html|head|body|script|style|svg|iframe|img|object|embed|meta|link|a|div|math)[\s>/])",
    re.IGNORECASE,
)
_CONTROLS: Final = re.compile(rb"[\x00-\x08\x0b\x0e-\x1a\x1c-\x1f]")
_MAIL: Final = re.compile(rb"[!-9;-~]{1,70}:[ \t\r\n]")
_BOM: Final = b"\xef\xbb\xbf"
_TEXTS: Final = frozenset({"text/plain", "text/csv", "application/json", "message/rfc822"})
_INSTEAD: Final = "Attach a picture of it, or an archive (application/zip)."

Place = Literal["name", "media_type", "content"]


class RefusedFileError(Exception):
    """A file is not taken; `place` says what about it is wrong, the text also what to do instead."""

    def __init__(self, place: Place, detail: str) -> None:
        self.place = place
        super().__init__(detail)


@dataclass(frozen=True, slots=True)
class File:
    """A file as somebody sends it: `media_type` is what he says that it is."""

    name: str
    media_type: str
    content: bytes

    def check(self) -> None:
        """Raises RefusedFileError for the first thing that is wrong with it."""
        _check_name(self.name)
        if self.media_type not in EXTENSIONS:
            raise RefusedFileError("media_type", f"Files of the type {self.media_type[:100]} are not taken. {_INSTEAD}")
        if not self.content:
            raise RefusedFileError("content", "The file is empty. Send its content as the body of the request.")
        if len(self.content) > LARGEST:
            raise RefusedFileError(
                "content", f"The file is larger than {LARGEST // 1024 // 1024} MiB. Send it in parts."
            )
        self._check_content()
        endings = EXTENSIONS[self.media_type]
        if self.name.rpartition(".")[2].lower() not in endings or "." not in self.name:
            named = " or ".join(f".{ending}" for ending in endings)
            raise RefusedFileError("name", f"A file of the type {self.media_type} has a name that ends with {named}.")

    def _check_content(self) -> None:
        found = kind_of(self.content)
        if found == "program":
            raise RefusedFileError("content", f"This is a program: programs are not taken. {_INSTEAD}")
        if found == "macros":
            raise RefusedFileError("content", "This document has macros. Save it without them and send it again.")
        if found == "markup" and self.media_type != "message/rfc822":
            raise RefusedFileError("content", f"This is a page or a drawing that a browser would run. {_INSTEAD}")
        if found in ("text", "markup"):
            right = self.media_type in _TEXTS
        elif found == "application/zip":
            right = self.media_type == found
        else:
            # A document of an office is an archive too, and may be sent as one.
            right = found == self.media_type or (found in _ARCHIVES and self.media_type == "application/zip")
        if not right:
            known = f"It is {found}: send it as that" if found in EXTENSIONS else "Say what it is"
            raise RefusedFileError("media_type", f"The content is not {self.media_type}. {known}, or do not send it.")
        if self.media_type == "application/json" and not _is_json(self.content):
            raise RefusedFileError("media_type", "The content is not JSON in UTF-8. Send it as text/plain.")
        if self.media_type == "message/rfc822" and not _MAIL.match(self.content):
            raise RefusedFileError("media_type", "The content is no mail. Send it as text/plain.")


_ARCHIVES: Final = frozenset(each for each in EXTENSIONS if each.startswith((_OFFICE, _OPEN)))


def kind_of(content: bytes) -> str:  # noqa: PLR0911 - one return per family of signatures
    """What the bytes are: one of our types, or text, markup, program, macros, unknown."""
    for media_type, sign in _SIGNS:
        if content.startswith(sign):
            return media_type
    if content.startswith(_PROGRAMS):
        return "program"
    if content.startswith(_OLE):
        return "macros"  # the old formats of offices, and installers: nobody can tell them apart by their beginning
    if content.startswith(_ZIP):
        return _archive(content)
    if content[:4] == b"RIFF" and content[8:12] == b"WEBP":
        return "image/webp"
    if content[4:8] == b"ftyp" and content[8:12] not in (b"heic", b"avif"):
        return "video/mp4"
    if _CONTROLS.search(content):
        return "unknown"
    return "markup" if _MARKUP.match(content.removeprefix(_BOM)) else "text"


def _archive(content: bytes) -> str:
    if b"vbaProject.bin" in content:
        return "macros"
    if b"[Content_Types].xml" in content:
        for folder, name in (
            (b"word/", "wordprocessingml.document"),
            (b"xl/", "spreadsheetml.sheet"),
            (b"ppt/", "presentationml.presentation"),
        ):
            if folder in content:
                return _OFFICE + name
    for name in ("text", "spreadsheet"):
        if content[30:].startswith(f"mimetype{_OPEN}{name}PK".encode()):
            return _OPEN + name
    return "application/zip"


def _is_json(content: bytes) -> bool:
    try:
        json.loads(content.decode("utf-8-sig"))
    except (ValueError, RecursionError):
        return False
    return True


def _check_name(name: str) -> None:
    if not 0 < len(name) <= LONGEST_NAME or name != name.strip() or name.startswith("."):
        raise RefusedFileError("name", f"A name has 1 to {LONGEST_NAME} characters, and none of them before a dot.")
    if re.search(r"[/\\]", name) or any(unicodedata.category(each) in _UNSEEN for each in name):
        raise RefusedFileError(
            "name", "A name is one line without slashes and without characters that nobody sees. Rename the file."
        )


_UNSEEN: Final = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})
"""What hides in a name: line ends, and marks that turn the direction of what follows (`gpj.exe` for `exe.jpg`)."""


def plain_name(name: str) -> str:
    """A name as somebody's mail program wrote it, without what a name may not have; `unnamed` when nothing is left."""
    kept = "".join(each for each in name if unicodedata.category(each) not in _UNSEEN and each not in "/\\")
    return kept.strip().lstrip(". ")[:LONGEST_NAME].strip() or "unnamed"
