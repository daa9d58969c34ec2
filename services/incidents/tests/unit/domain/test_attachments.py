"""Which files are taken, and what is said of those that are not."""

import pytest

from incidents.domain.attachments import EXTENSIONS, LARGEST, File, RefusedFileError, kind_of, plain_name

PNG = b"\x89PNG\r\n\x1a\n" + b"\0" * 20
DOCX = b"PK\x03\x04" + b"\0" * 26 + b"[Content_Types].xml ... word/document.xml"
ODT = b"PK\x03\x04" + b"\0" * 26 + b"mimetypeapplication/vnd.oasis.opendocument.textPK\x03\x04"
WORD = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"
GOOD = {
    "image/png": PNG,
    "image/jpeg": b"\xff\xd8\xff\xe0\0\x10JFIF",
    "image/gif": b"GIF89a\x01\0",
    "image/webp": b"RIFF\x24\0\0\0WEBPVP8 ",
    "video/mp4": b"\0\0\0\x20ftypisom\0\0",
    "video/webm": b"\x1a\x45\xdf\xa3\x01",
    "application/pdf": b"%PDF-1.7\n",
    "text/plain": "GET / 200\tà 9 h\r\n".encode(),
    "text/csv": b"a;b\n1;2\n",
    "application/json": b'{"log": {"entries": []}}',
    "message/rfc822": b"Received: from mx\r\nSubject: x\r\n\r\n<html>",
    "application/zip": b"PK\x03\x04 files",
    "application/gzip": b"\x1f\x8b\x08\0",
    WORD: DOCX,
    WORD.replace("wordprocessingml.document", "spreadsheetml.sheet"): DOCX.replace(b"word/", b"xl/"),
    WORD.replace("wordprocessingml.document", "presentationml.presentation"): DOCX.replace(b"word/", b"ppt/"),
    "application/vnd.oasis.opendocument.text": ODT,
    "application/vnd.oasis.opendocument.spreadsheet": ODT.replace(b"textPK", b"spreadsheetPK"),
}


def refusal(name: str, media_type: str, content: bytes) -> tuple[str, str]:
    with pytest.raises(RefusedFileError) as refused:
        File(name, media_type, content).check()
    return refused.value.place, str(refused.value)


def test_every_type_that_is_taken_is_taken() -> None:
    assert GOOD.keys() == EXTENSIONS.keys()
    for media_type, content in GOOD.items():
        for ending in EXTENSIONS[media_type]:
            File(f"Capture d’écran.{ending.upper()}", media_type, content).check()


def test_no_content_passes_as_another_type_but_a_document_as_the_archive_that_it_is() -> None:
    for declared, endings in EXTENSIONS.items():
        for real, content in GOOD.items():
            if declared == real or {declared, real} <= {"text/plain", "text/csv", "application/json", "message/rfc822"}:
                continue
            if declared == "application/zip" and content.startswith(b"PK"):
                File(f"x.{endings[0]}", declared, content).check()
                continue
            place, detail = refusal(f"x.{endings[0]}", declared, content)
            assert place == "media_type", (declared, real)
            assert f"not {declared}" in detail
            if kind_of(content) == real:
                assert "send it as that" in detail and real in detail


@pytest.mark.parametrize(
    "content",
    [
        b"MZ\x90\0",
        b"\x7fELF\x02",
        b"\xca\xfe\xba\xbe\0",
        b"\xcf\xfa\xed\xfe",
        b"#!/bin/sh\nrm x\n",
        b"\0asm\x01",
        b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1",
        DOCX + b"word/vbaProject.bin",
        b"<!DOCTYPE html><p>",
        b"\xef\xbb\xbf \n<svg onload=x>",
        b"<?xml version='1.0'?><svg/>",
        b"<SCRIPT>alert(1)</SCRIPT>",
    ],
)
@pytest.mark.parametrize("declared", ["text/plain", "image/png", "application/zip", WORD])
def test_what_would_run_is_refused_whatever_it_claims_to_be(content: bytes, declared: str) -> None:
    place, detail = refusal(f"x.{EXTENSIONS[declared][0]}", declared, content)
    assert place == "content"
    assert "Attach" in detail or "Save it without" in detail


@pytest.mark.parametrize(
    ("name", "media_type", "content", "place"),
    [
        ("x.png", "image/png", b"", "content"),
        ("x.png", "image/png", PNG + b"\0" * LARGEST, "content"),
        ("x.svg", "image/svg+xml", b"<svg/>", "media_type"),
        ("x.bin", "application/octet-stream", b"abc", "media_type"),
        ("x.txt", "text/plain", "UTF-16".encode("utf-16"), "media_type"),
        ("x.json", "application/json", b"{]", "media_type"),
        ("x.json", "application/json", b"[" * 100_000, "media_type"),
        ("x.eml", "message/rfc822", b"no header at all", "media_type"),
        ("run.bat", "text/plain", b"del *", "name"),
        ("invoice.pdf.exe", "application/pdf", b"%PDF-1.7", "name"),
        ("png", "image/png", PNG, "name"),
        ("", "image/png", PNG, "name"),
        (" x.png", "image/png", PNG, "name"),
        (".png", "image/png", PNG, "name"),
        ("a/b.png", "image/png", PNG, "name"),
        ("a\\b.png", "image/png", PNG, "name"),
        ("a\nb.png", "image/png", PNG, "name"),
        ("a\u202egnp.png", "image/png", PNG, "name"),
        ("x" * 200 + ".png", "image/png", PNG, "name"),
    ],
)
def test_the_refusal_says_what_about_the_file_is_wrong(name: str, media_type: str, content: bytes, place: str) -> None:
    assert refusal(name, media_type, content)[0] == place


def test_exactly_the_largest_size_is_taken() -> None:
    File("x.png", "image/png", PNG.ljust(LARGEST, b"\0")).check()


@pytest.mark.parametrize(
    ("written", "plain"),
    [
        ("screen.png", "screen.png"),
        ("..\\..\\a\u202eb.txt", "ab.txt"),
        ("\u200b", "unnamed"),
        ("a" * 300, "a" * 200),
    ],
)
def test_a_name_of_a_mail_loses_what_a_name_may_not_have(written: str, plain: str) -> None:
    assert plain_name(written) == plain
