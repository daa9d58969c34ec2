"""What may stand in the headers of a mail."""

from datetime import UTC, datetime

import pytest
from pydantic import SecretStr

from shared.mail import SUBJECT_LENGTH, Letter, MailRefusedError, MailSettings, compose, is_address, one_line

SETTINGS = MailSettings(database_url=SecretStr("postgresql://localhost/x"), port=0, smtp_from="us@agency.example")
LETTER = Letter("<1@agency.example>", "lea@hotel.example", "Heures", "Bonjour", datetime(2026, 6, 8, tzinfo=UTC))


def test_one_line_has_no_way_to_end_a_header() -> None:
    assert one_line("a\r\nBcc: x\x00\x85\u2028b\tc") == "a Bcc: x b c"


@pytest.mark.parametrize("text", ["a@b", "first.last+tag@sub.example.org", "o'neill@example.org"])
def test_addresses(text: str) -> None:
    assert is_address(text)


@pytest.mark.parametrize("text", ["", "a", "a@", "@b", "a@b\n", "a b@c", "a@b,c@d", "<a@b>", "é@b.c", "a@-b", "a@b..c"])
def test_what_is_no_address(text: str) -> None:
    assert not is_address(text)


def test_a_plain_letter_has_no_header_that_it_does_not_need() -> None:
    message = compose(LETTER, SETTINGS)
    assert str(message["From"]) == "Upheld <us@agency.example>"
    absent = ("In-Reply-To", "References", "Reply-To", "Content-Language", "List-Unsubscribe")
    assert [name for name in absent if message[name] is not None] == []


def test_a_letter_says_in_whose_name_and_language_it_is_where_answers_go_and_what_ends_it() -> None:
    letter = Letter(
        *("<2@agency.example>", "lea@hotel.example", "Heures\r\nBcc: x@y.z " + "x" * 300, "Bonjour", LETTER.written_at),
        language="fr",
        in_reply_to="<1@agency.example>",
        sender_name="Atelier Numérique",
        reply_to="romain@agency.example",
        unsubscribe="https://agency.example/end",
    )
    message = compose(letter, SETTINGS)
    assert message["From"].addresses[0].display_name == "Atelier Numérique"
    assert (message["Reply-To"], message["Content-Language"]) == ("romain@agency.example", "fr")
    assert message["In-Reply-To"] == message["References"] == "<1@agency.example>"
    assert message["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    assert (len(message["Subject"]), message["Bcc"]) == (SUBJECT_LENGTH, None)


def test_what_is_no_address_is_written_to_nobody() -> None:
    with pytest.raises(MailRefusedError):
        compose(Letter("<3@a>", "a@b\nBcc: c@d", "s", "b", LETTER.written_at), SETTINGS)
