"""Pictures that an agency gives: taken apart and written anew, so that nothing is kept but the picture.

Only PNG: it has no scripts, no outside addresses, and few enough parts that each can be checked. What is kept are the
parts that draw it; texts, times, places and whatever hides behind the end are left out.
"""

import struct
import zlib
from dataclasses import dataclass
from typing import Final

LARGEST: Final = 64 * 1024
"""Bytes of a picture as it is sent."""

_SIGNATURE: Final = b"\x89PNG\r\n\x1a\n"
_KEPT: Final = (b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"IEND")
_CHANNELS: Final = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
_DEPTHS: Final = {0: (1, 2, 4, 8, 16), 2: (8, 16), 3: (1, 2, 4, 8), 4: (8, 16), 6: (8, 16)}
# Where the seven passes of an interlaced picture begin and how they step: x, y, dx, dy (PNG, section 8.2).
_PASSES: Final = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2))


class NotAPicture(ValueError):
    """It is no PNG that a browser could be given. The message says why, for the person who sent it."""


@dataclass(frozen=True)
class Picture:
    """A PNG of known size in pixels, made of nothing but what draws it."""

    content: bytes
    width: int
    height: int


def cleaned(sent: bytes, *, widest: int, highest: int) -> Picture:
    """The picture in what was sent. Raises NotAPicture."""
    parts = _parts(sent)
    width, height, inflated = _header(parts[0][1], widest, highest)
    kinds = [kind for kind, _ in parts]
    if kinds.count(b"IHDR") != 1 or b"IDAT" not in kinds or (parts[0][1][9] == 3 and b"PLTE" not in kinds):
        raise NotAPicture("the picture is not complete")
    _check_pixels(b"".join(data for kind, data in parts if kind == b"IDAT"), inflated)
    written = [_SIGNATURE]
    for kind, data in parts:
        if kind in _KEPT:
            written.append(struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data)))
    return Picture(b"".join(written), width, height)


def _parts(sent: bytes) -> list[tuple[bytes, bytes]]:
    """The chunks up to the end of the picture, each with its sum checked."""
    if not sent.startswith(_SIGNATURE):
        raise NotAPicture("this is no PNG picture; save it as PNG and send that")
    parts: list[tuple[bytes, bytes]] = []
    place = len(_SIGNATURE)
    while not parts or parts[-1][0] != b"IEND":
        if place + 12 > len(sent):
            raise NotAPicture("the picture ends in the middle")
        (length,) = struct.unpack_from(">I", sent, place)
        kind, data = sent[place + 4 : place + 8], sent[place + 8 : place + 8 + length]
        place += 12 + length
        if place > len(sent):
            raise NotAPicture("the picture ends in the middle")
        if struct.unpack_from(">I", sent, place - 4) != (zlib.crc32(kind + data),):
            raise NotAPicture("the picture is damaged: a checksum does not fit")
        if kind not in _KEPT and not kind[0] & 0x20:
            raise NotAPicture("the picture has a part that no browser knows")
        parts.append((kind, data))
    if parts[0][0] != b"IHDR":
        raise NotAPicture("the picture does not begin with its header")
    return parts


def _header(header: bytes, widest: int, highest: int) -> tuple[int, int, int]:
    """Width, height, and how many bytes the pixels take."""
    if len(header) != 13:
        raise NotAPicture("the header of the picture has the wrong length")
    width, height, depth, colour, compression, filtering, interlace = struct.unpack(">IIBBBBB", header)
    if not (1 <= width <= widest and 1 <= height <= highest):
        raise NotAPicture(f"the picture may be {widest} × {highest} pixels at most; this one is {width} × {height}")
    if depth not in _DEPTHS.get(colour, ()) or compression or filtering or interlace > 1:
        raise NotAPicture("the picture has a form that PNG does not know")
    bits = depth * _CHANNELS[colour]

    def rows(wide: int, high: int) -> int:
        return high * (1 + (wide * bits + 7) // 8) if wide else 0

    if not interlace:
        return width, height, rows(width, height)
    return width, height, sum(rows(-(-(width - x) // dx), -(-(height - y) // dy)) for x, y, dx, dy in _PASSES)


def _check_pixels(packed: bytes, expected: int) -> None:
    """Unpacks no more than the picture can need: what claims to be small may blow up to gigabytes."""
    unpacking = zlib.decompressobj()
    try:
        pixels = unpacking.decompress(packed, expected + 1)
    except zlib.error:
        raise NotAPicture("the picture is damaged: its pixels cannot be unpacked") from None
    if len(pixels) != expected or not unpacking.eof:
        raise NotAPicture("the picture has more or fewer pixels than its header says")
