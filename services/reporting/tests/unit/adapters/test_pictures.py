"""Pictures of strangers: what comes out is a picture or a refusal, never anything else."""

import struct
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reporting.adapters.pictures import NotAPicture, cleaned


def part(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(
    width: int, height: int, pixels: bytes, *, depth: int = 8, colour: int = 0, interlace: int = 0, more: bytes = b""
) -> bytes:
    header = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, interlace)
    body = part(b"IHDR", header) + more + part(b"IDAT", zlib.compress(pixels)) + part(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + body


GREY = png(5, 3, (b"\0" + b"\x80" * 5) * 3)


@given(st.integers(0, len(GREY) - 1), st.binary(min_size=0, max_size=6))
def test_whatever_is_changed_in_a_picture_it_is_refused_or_still_one(place: int, instead: bytes) -> None:
    changed = GREY[:place] + instead + GREY[place + len(instead) :]
    try:
        kept = cleaned(changed, widest=100, highest=100)
    except NotAPicture:
        return
    assert cleaned(kept.content, widest=100, highest=100) == kept


@given(st.binary(max_size=300))
def test_what_is_no_picture_is_refused(sent: bytes) -> None:
    for content in (sent, GREY[:8] + sent):
        with pytest.raises(NotAPicture):
            cleaned(content, widest=100, highest=100)


@given(st.lists(st.tuples(st.sampled_from([b"tEXt", b"iTXt", b"eXIf", b"tIME", b"gAMA"]), st.binary(max_size=20))))
def test_nothing_is_kept_but_the_picture(hidden: list[tuple[bytes, bytes]]) -> None:
    sent = png(5, 3, (b"\0" + b"\x80" * 5) * 3, more=b"".join(part(*each) for each in hidden)) + b"<script>"
    assert cleaned(sent, widest=100, highest=100).content == GREY


@pytest.mark.parametrize(
    ("depth", "colour", "row"), [(1, 0, 1), (4, 3, 3), (8, 2, 15), (16, 2, 30), (8, 4, 10), (8, 6, 20), (16, 6, 40)]
)
def test_every_form_of_a_picture_is_taken(depth: int, colour: int, row: int) -> None:
    table = part(b"PLTE", bytes(3)) if colour == 3 else b""
    sent = png(5, 3, (b"\0" + bytes(row)) * 3, depth=depth, colour=colour, more=table)
    assert (cleaned(sent, widest=5, highest=3).width, cleaned(sent, widest=5, highest=3).height) == (5, 3)


def test_an_interlaced_picture_is_taken() -> None:
    # 8 by 8: the seven passes have 1, 1, 2, 4, 8, 16 and 32 pixels, in 1, 1, 1, 2, 2, 4 and 4 rows.
    pixels = sum((1, 1, 2, 4, 8, 16, 32)) + sum((1, 1, 1, 2, 2, 4, 4))
    assert cleaned(png(8, 8, bytes(pixels), interlace=1), widest=8, highest=8).width == 8
    with pytest.raises(NotAPicture, match="more or fewer"):
        cleaned(png(8, 8, bytes(pixels + 1), interlace=1), widest=8, highest=8)


def test_a_palette_that_is_missing_is_told() -> None:
    with pytest.raises(NotAPicture, match="not complete"):
        cleaned(png(5, 3, (b"\0" + bytes(5)) * 3, colour=3), widest=5, highest=3)
