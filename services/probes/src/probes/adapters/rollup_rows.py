"""An hour of checks as bytes, and the hours of a block as the bytes of one row."""

from collections.abc import Mapping

from probes.adapters.result_rows import code_of, outcome_with
from probes.domain.rollup import Durations, Figures
from shared.kernel.sketch import BitReader, BitWriter, read_sketch, write_sketch

_FORM = 1
"""The first byte says how to read the others; another form gets another number."""


def packed(figures: Figures) -> bytes:
    """About 20 bytes, and 30 for each phase whose durations vary."""
    bits = BitWriter()
    for count in (figures.expected, figures.executed, figures.missed, figures.blocked):
        bits.number(count)
    outcomes = sorted((code_of(outcome), count) for outcome, count in figures.outcomes.items() if count)
    bits.number(len(outcomes))
    previous = -1
    for code, count in outcomes:
        bits.number(code - previous - 1)
        bits.number(count - 1)
        previous = code
    for sketch in figures.durations:
        write_sketch(sketch, bits)
    return bytes((_FORM,)) + bits.to_bytes()


def unpacked(content: bytes) -> Figures:
    """The opposite of `packed`. Raises ValueError for bytes of no known form."""
    if not content or content[0] != _FORM:
        raise ValueError(f"No roll-up has the form {content[:1].hex() or 'of nothing'}.")
    bits = BitReader(content[1:])
    expected, executed, missed, blocked = (bits.number() for _ in range(4))
    outcomes: dict[str, int] = {}
    code = -1
    for _ in range(bits.number()):
        code += bits.number() + 1
        outcomes[outcome_with(code)] = bits.number() + 1
    durations = Durations._make(read_sketch(bits) for _ in Durations._fields)
    return Figures(expected, executed, missed, blocked, outcomes, durations)


BLOCK = 8
"""Hours that become one row."""


def folded(hours: Mapping[int, bytes]) -> bytes:
    """The packed hours of a block, by their place in it: a byte says which, two say how long it is."""
    return b"".join(
        bytes((hour,)) + len(content).to_bytes(2, "big") + content for hour, content in sorted(hours.items())
    )


def unfolded(content: bytes) -> dict[int, bytes]:
    """The opposite of `folded`. Raises ValueError for a part that is cut off."""
    hours: dict[int, bytes] = {}
    at = 0
    while at < len(content):
        size = int.from_bytes(content[at + 1 : at + 3], "big")
        hours[content[at]] = content[at + 3 : at + 3 + size]
        at += 3 + size
    if at != len(content):
        raise ValueError("The hours of a block are cut off.")
    return hours
