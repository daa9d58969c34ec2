"""Mails as strangers send them: malformed, in any charset, and made to hurt."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from incidents.adapters.mime import HEADER_BYTES, UnreadableMail, html_to_text, read_mail
from incidents.domain.attachments import File

HEAD = b"From: =?utf-8?q?L=C3=A9a_Martin?= <Lea@Client.example>\r\nMessage-ID: <a1@client.example>\r\n"


def of(rest: bytes) -> bytes:
    return HEAD + rest


def test_a_plain_mail_is_read() -> None:
    mail = read_mail(
        of(
            b"Subject: =?iso-8859-1?Q?Panne_=E0_la_caisse?=\r\nIn-Reply-To: <b@x>\r\nReferences: <c@x> <b@x>\r\n"
            b"Content-Type: text/plain; charset=utf-8\r\n\r\nDepuis ce matin.\r\n"
        )
    )
    assert (mail.sender, mail.sender_name, mail.subject) == ("lea@client.example", "Léa Martin", "Panne à la caisse")
    assert mail.text == "Depuis ce matin."
    assert mail.references == ("<b@x>", "<c@x>")
    assert mail.nature == "human"


def test_plain_text_comes_before_html_and_files_are_attachments() -> None:
    mail = read_mail(
        of(
            b"Content-Type: multipart/mixed; boundary=o\r\n\r\n--o\r\n"
            b"Content-Type: multipart/alternative; boundary=i\r\n\r\n"
            b"--i\r\nContent-Type: text/plain\r\n\r\nPlain words.\r\n"
            b"--i\r\nContent-Type: text/html\r\n\r\n<p>Marked words.</p>\r\n--i--\r\n"
            b'--o\r\nContent-Type: image/png; name="../../etc/screen shot.png"\r\nContent-Transfer-Encoding: base64\r\n'
            b"\r\niVBORw==\r\n--o--\r\n"
        )
    )
    assert mail.text == "Plain words."
    assert mail.files == (File("screen shot.png", "image/png", b"\x89PNG"),)


def test_html_alone_becomes_text_without_anything_that_runs() -> None:
    mail = read_mail(
        of(
            b"Content-Type: text/html\r\n\r\n<html><head><title>t</title></head><body><p>Hello&nbsp;&amp; bye</p>"
            b"<script>alert('x')</script><div>Second <b>line</b></div><!-- hidden --><a href='javascript:x'>link</a>"
        )
    )
    assert mail.text == "Hello & bye\n\nSecond line\nlink"


@pytest.mark.parametrize(
    "charset", ["no-such-charset", "idna", "punycode", "unicode_escape", "rot13", "hex", "utf-8\\0", "'", "x" * 500]
)
def test_a_charset_that_is_none_loses_no_mail(charset: str) -> None:
    mail = read_mail(of(f'Content-Type: text/plain; charset="{charset}"\r\n\r\n'.encode() + "été".encode()))
    assert mail.text == "été"


def test_bytes_that_are_not_of_their_charset_are_replaced() -> None:
    assert read_mail(of(b"Content-Type: text/plain; charset=utf-8\r\n\r\ncaf\xe9 \x00 end")).text == "caf\ufffd   end"


def test_a_mail_without_an_id_is_named_by_what_it_says() -> None:
    raw = b"From: lea@client.example\r\n\r\nHello"
    assert read_mail(raw).message_id == read_mail(raw).message_id
    assert read_mail(raw).message_id != read_mail(raw + b"!").message_id


@pytest.mark.parametrize(
    "head", [b"From: lea@client.example\r\nMessage-ID: <a\x001@x>\r\n", b"From: l\x00a@client.example\r\nDate: x\r\n"]
)
def test_a_name_or_an_address_that_cannot_be_stored_is_none(head: bytes) -> None:
    mail = read_mail(head + b"In-Reply-To: <b\x00@x>\r\n\r\nHello")
    assert "\x00" not in f"{mail.message_id}{mail.sender}{mail.sender_name}{mail.references}"
    assert mail.message_id.endswith("@unnamed.invalid>")


def nested(depth: int) -> bytes:
    opened = b"".join(
        b'Content-Type: multipart/mixed; boundary="b%d"\r\n\r\n--b%d\r\n' % (level, level) for level in range(depth)
    )
    return of(opened + b"Content-Type: text/plain\r\n\r\ninside\r\n")


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"\x00" * 1000,
        b"no mail at all",
        of(b"X: " + b"y" * HEADER_BYTES + b"\r\n\r\n"),
        of(b"".join(b"X-%d: y\r\n" % number for number in range(100_000))),
        nested(30),
        nested(2_000),
        of(b"Content-Type: message/rfc822\r\n\r\n" * 2_000),
        of(b"Content-Type: multipart/mixed; boundary=b\r\n\r\n" + b"--b\r\n\r\nx\r\n" * 10_000),
        of(b"\r\n" + b"\n" * 3_000_000),
    ],
    ids=[
        "nothing", "NULs", "words", "one endless header", "endless headers", "nested", "bottomless", "mails in mails",
        "countless parts", "endless lines",
    ],
)  # fmt: skip
def test_what_exceeds_the_limits_is_refused_at_once(raw: bytes) -> None:
    began = time.monotonic()
    with pytest.raises(UnreadableMail):
        read_mail(raw)
    assert time.monotonic() - began < 5


@pytest.mark.parametrize(
    "raw",
    [
        of(b"To: " + b"a@b, " * 40_000 + b"\r\n\r\nx"),
        of(b"Subject: " + b"=?utf-8?q?x?= " * 15_000 + b"\r\n\r\nx"),
        of(b"Subject: =?utf-8?b?" + b"A" * 100_000 + b"?=\r\n\r\nx"),
        of(b"Content-Type: text/plain; " + b'name*0="x"; ' * 15_000 + b"\r\n\r\nx"),
        of(b"Content-Type: text/html\r\n\r\n" + b"<!--" * 500_000),
        of(b"Content-Type: text/html\r\n\r\n" + b"<a " * 500_000),
        of(b"Content-Type: text/html\r\n\r\n" + b"<script>" * 200_000),
        of(b"Content-Type: text/html\r\n\r\n" + b"&" * 1_000_000),
        of(b"Content-Transfer-Encoding: base64\r\n\r\n" + b"QUJD" * 500_000),
        of(b"Content-Transfer-Encoding: x-uuencode\r\n\r\nbegin 644 x\nM" + b"#" * 100_000),
    ],
    ids=[
        "receivers", "encoded words", "one encoded word", "parameters", "comments", "tags", "scripts", "references",
        "base64", "uuencode",
    ],
)  # fmt: skip
def test_what_would_be_slow_to_read_is_read_in_no_time(raw: bytes) -> None:
    began = time.monotonic()
    mail = read_mail(raw)
    assert time.monotonic() - began < 5
    assert len(mail.text) <= 10_000
    assert len(mail.subject) <= 200


@given(st.binary(max_size=400))
def test_no_bytes_do_harm(rest: bytes) -> None:
    try:
        mail = read_mail(of(rest))
    except UnreadableMail:
        return
    for text in (mail.subject, mail.text, mail.sender, mail.sender_name, mail.message_id):
        assert "\x00" not in text
        text.encode()


@given(st.text(alphabet="<>!-/abscriptyle &;\n\"'", max_size=200))
def test_no_markup_does_harm(html: str) -> None:
    html_to_text(html)


def test_an_enclosed_mail_is_one_attachment() -> None:
    mail = read_mail(
        of(
            b"Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Type: text/plain\r\n\r\nSee below.\r\n"
            b"--b\r\nContent-Type: message/rfc822\r\n\r\nFrom: x@y.example\r\n\r\nInner words.\r\n--b--\r\n"
        )
    )
    assert mail.text == "See below."
    (enclosed,) = mail.files
    assert (enclosed.name, enclosed.media_type) == ("unnamed.eml", "message/rfc822")
    assert b"Inner words." in enclosed.content
