"""The bytes of a mail that a mail server receives, as a program reads them that knows nothing of how they were made."""

from dataclasses import replace
from datetime import UTC, datetime
from email import message_from_bytes
from email.header import decode_header, make_header
from email.utils import parseaddr
from pathlib import Path

import pytest
from pydantic import SecretStr

from shared.mail import Letter, MailServer, MailSettings
from shared.testing.mailbox import Mailbox

HOST = ".".join(["reports" * 8] * 3) + ".example"
LONGEST = f"{'l' * 64}@{HOST}"
PLACE = f"https://{HOST}/status/boulangerie-martin/subscription/{'A' * 43}/end"
LETTER = Letter(
    message_id=f"<status.01900000-0000-7000-8000-000000000001@{HOST}>",
    recipient=LONGEST,
    subject="[Boulangerie Martin] Retour à la normale",
    body="Bonjour, c’est réglé. " * 20,
    written_at=datetime(2026, 6, 8, tzinfo=UTC),
    language="fr",
    in_reply_to=f"<status.01900000-0000-7000-8000-000000000000@{HOST}>",
    reply_to=LONGEST,
    unsubscribe=PLACE,
)
SENDER = "upheld@agency.example"


async def received(letter: Letter, folder: Path) -> bytes:
    with Mailbox(folder=folder) as mailbox:
        settings = MailSettings(
            database_url=SecretStr("postgresql://localhost/x"),
            port=0,
            smtp_host="127.0.0.1",
            smtp_port=mailbox.port,
            smtp_from=SENDER,
        )
        await MailServer(settings).send(letter)
    (mail,) = folder.iterdir()  # noqa: ASYNC240  (nothing else runs here)
    return mail.read_bytes()


async def test_what_programs_follow_or_compare_leaves_letter_by_letter_however_long_it_is(tmp_path: Path) -> None:
    lines = (await received(LETTER, tmp_path)).split(b"\r\n\r\n")[0].decode("ascii").split("\r\n")
    for line in (
        f"From: Upheld <{SENDER}>",
        f"To: {LONGEST}",
        f"Reply-To: {LONGEST}",
        "Date: Mon, 08 Jun 2026 00:00:00 +0000",
        f"Message-ID: {LETTER.message_id}",
        f"In-Reply-To: {LETTER.in_reply_to}",
        f"References: {LETTER.in_reply_to}",
        "Auto-Submitted: auto-generated",
        f"List-Unsubscribe: <{PLACE}>",
        "List-Unsubscribe-Post: List-Unsubscribe=One-Click",
        "Content-Language: fr",
    ):
        assert line in lines


@pytest.mark.parametrize(
    "text",
    [
        "Everything is available again",
        "d’été] ! [Boulangerie à est " + "X" * 70 + " « Ω d’été » =?utf-8?b?QQ==?=",
        "=?utf-8?b?QQ==?= is what somebody called his site",
        "é" * 100,
        'Martin, Lea & Co. <lea@other.example>; "the\\bakery" of the long street that leads up to the church',
    ],
)
async def test_words_come_back_as_they_were_in_subject_and_name(text: str, tmp_path: Path) -> None:
    raw = await received(replace(LETTER, subject=text, sender_name=text[:100].strip()), tmp_path)
    mail = message_from_bytes(raw)
    assert str(make_header(decode_header(mail["Subject"]))) == text
    name, address = parseaddr(mail["From"].replace("\r\n", ""))
    assert (str(make_header(decode_header(name))), address) == (text[:100].strip(), SENDER)


async def test_no_line_is_longer_than_mail_servers_take_and_no_encoded_word_than_readers(tmp_path: Path) -> None:
    raw = await received(replace(LETTER, subject="Ω" * 180, sender_name="é" * 100), tmp_path)
    assert max(len(line) for line in raw.split(b"\r\n")) < 998
    encoded = [word for line in raw.split(b"\r\n") for word in line.split() if word.startswith(b"=?")]
    assert len(encoded) > 5
    assert max(len(word) for word in encoded) <= 75


async def test_no_words_become_a_header_of_their_own(tmp_path: Path) -> None:
    words = "=?utf-8?q?a=0D=0ABcc:_x=40y.example?="
    raw = await received(replace(LETTER, subject=words, sender_name=words), tmp_path)
    assert b"\r\nBcc" not in raw
    assert message_from_bytes(raw)["Bcc"] is None
