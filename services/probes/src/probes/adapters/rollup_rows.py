"""An hour of checks as the bytes of one row."""

from probes.adapters.result_rows import code_of, outcome_with
from probes.domain.rollup import Durations, Figures
from probes.domain.sketch import BitReader, BitWriter, read_sketch, write_sketch

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
