"""Files that unfold: whoever takes one in reads it within its limit, or refuses it, without unpacking anything first.

Every route that takes more than JSON is in `TAKES`, and a new one has to enter. How much memory was needed is measured.
"""

import gzip
import io
import json
import struct
import time
import tracemalloc
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

import pytest

import contracts.main
import incidents.main
import probes.main
import reporting.main
from contracts.adapters import document_yaml
from incidents.adapters.mime import UnreadableMail, read_mail
from incidents.domain import attachments
from probes.application.uptime_kuma import Backup
from reporting.adapters import pictures
from shared.http_edge import BODY_LIMIT, check_json
from shared.problems import Problem

MIB = 1024 * 1024
FORMS = frozenset({"application/x-www-form-urlencoded", "multipart/form-data"})
"""Their fields are counted before they are read, and they are small."""
SECONDS = 5.0

Take = Callable[[bytes], object]


def attach(content: bytes) -> None:
    """As whatever it could claim to be."""
    for media_type, endings in attachments.EXTENSIONS.items():
        with suppress(attachments.RefusedFileError):
            attachments.File(f"file.{endings[0]}", media_type, content).check()


def take_a_picture(content: bytes) -> None:
    with suppress(pictures.NotAPicture):
        pictures.cleaned(content, widest=1200, highest=600)


def take_a_document(content: bytes) -> None:
    with suppress(document_yaml.BadYaml):
        document_yaml.read(content)


def take_a_mail(content: bytes) -> None:
    with suppress(UnreadableMail):
        read_mail(content)


def take_json(content: bytes) -> None:
    with suppress(Problem):
        check_json(content)


def import_monitors(content: bytes) -> None:
    with suppress(Problem, ValueError):
        Backup.model_validate(check_json(content))


TAKES: dict[str, tuple[Take, int]] = {
    "/v1/contract-documents": (take_a_document, document_yaml.LARGEST),
    "/v1/items": (attach, attachments.LARGEST),
    "/v1/intake": (take_a_mail, 25 * MIB),
    "/v1/status-pages": (take_a_picture, pictures.LARGEST),
    "JSON": (take_json, BODY_LIMIT),
    "import": (import_monitors, BODY_LIMIT),
}
"""By the beginning of their routes: how each reads what it is sent, and how many bytes the edge lets through."""


def zip_of(name: str, content: bytes, *, copies: int = 1) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as packed:
        for number in range(copies):
            packed.writestr(name if copies == 1 else f"{number}-{name}", content)
    return file.getvalue()


def png(width: int, height: int, pixels: bytes) -> bytes:
    def part(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 6, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + part(b"IHDR", header) + part(b"IDAT", zlib.compress(pixels, 9)) + part(b"IEND", b"")


ZEROS = bytes(50 * MIB)
LAUGHS = b"<!DOCTYPE x [" + b"".join(
    b'<!ENTITY l%d "%s">' % (level, b"&l%d;" % (level - 1) * 10 if level else b"ha") for level in range(10)
)
FILES = {
    "a zip of zeros": zip_of("zeros", ZEROS),
    "a zip in a zip": zip_of("inner.zip", zip_of("zeros", ZEROS)),
    "a zip of countless files": zip_of("x", b"", copies=20_000),
    "a document of an office that unfolds": zip_of("[Content_Types].xml", ZEROS) + zip_of("word/document.xml", ZEROS),
    "a workbook that unfolds": zip_of("[Content_Types].xml", b"<x/>") + zip_of("xl/worksheets/sheet1.xml", ZEROS),
    "a gzip of zeros": gzip.compress(ZEROS),
    "a picture of few bytes and many pixels": png(60_000, 60_000, b""),
    "a picture that unfolds to more than it says": png(10, 10, ZEROS),
    "a picture that unfolds to what it says": png(3_500, 3_500, bytes(3_500 * (3_500 * 4 + 1))),
    "a drawing that laughs": LAUGHS + b"]><svg>&l9;</svg>",
    "a drawing that reads a file": b'<!DOCTYPE x [<!ENTITY f SYSTEM "file:///etc/passwd">]><svg>&f;</svg>',
    "aliases that laugh": b"".join(
        b"l%d: &l%d [%s]\n" % (level, level, b", ".join([b"*l%d" % (level - 1)] * 10) if level else b"ha")
        for level in range(10)
    ),
    "a tag that makes something": b"!!python/object/apply:os.system ['true']",
    "lists in lists": b"[" * 500_000 + b"]" * 500_000,
    "objects in objects": b'{"x":' * 150_000 + b"1" + b"}" * 150_000,
    "a number without end": b"[" + b"9" * 900_000 + b"]",
    "keys without end": json.dumps({str(number): number for number in range(60_000)}).encode(),
    "an export of nested monitors": b'{"monitorList": ' + b'[{"monitorList": ' * 20_000 + b"1" + b"}]" * 20_000 + b"}",
    "one field of megabytes": b"a;b\n" + b'"' + b"x" * (7 * MIB) + b'"\n',
    "a mail of endless parts": b"From: a@b.example\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n"
    + b"--b\r\n\r\nx\r\n" * 300_000,
    "a mail in quoted-printable": b"From: a@b.example\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n"
    + b"=\r\n" * 500_000,
}


@contextmanager
def at_most(bytes_: int, seconds: float) -> Iterator[None]:
    """Fails when more memory was needed at any moment, or more time."""
    tracemalloc.start()
    began = time.monotonic()
    try:
        yield
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert most < bytes_
    assert time.monotonic() - began < seconds


@pytest.mark.parametrize("file", FILES)
@pytest.mark.parametrize("place", TAKES)
def test_a_file_that_unfolds_costs_a_few_times_what_was_sent(place: str, file: str) -> None:
    take, limit = TAKES[place]
    content = FILES[file][:limit]
    # What is read as JSON or YAML costs tens of bytes for each that was sent; nothing costs what it would unfold to.
    allowed = 8 * MIB + 60 * min(len(content), BODY_LIMIT) + 4 * len(content)
    with at_most(min(allowed, 120 * MIB), SECONDS * 4):  # measuring makes it several times slower
        take(content)


def test_whatever_takes_more_than_json_takes_part() -> None:
    services = (contracts.main, incidents.main, probes.main, reporting.main)
    takes = [(route, types) for service in services for route, types in service.SERVICE.raw_bodies.items()]
    assert takes
    for route, types in takes:
        limits = {media_type: limit for media_type, limit in types.items() if media_type not in FORMS}
        assert max(types.values()) <= BODY_LIMIT or limits, route
        # JSON, too, where it is read by the route
        assert not limits or any(route.startswith(place) for place in TAKES), route
        for place, (_, limit) in TAKES.items():
            assert not route.startswith(place) or max(limits.values()) <= limit, route
