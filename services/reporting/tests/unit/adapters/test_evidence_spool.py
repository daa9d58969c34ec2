"""Files of a pack on disk: the same ZIP as in memory, in pieces, and nothing left behind."""

import tracemalloc
from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reporting.adapters.evidence_spool import PIECE, Spool
from reporting.adapters.evidence_verifier import archive, unpacked
from reporting.application.evidence import TooMuchEvidence


def spool(most_bytes: int = 2**30, most_files: int = 1_000) -> Spool:
    return Spool(most_bytes=most_bytes, most_files=most_files)


@given(st.dictionaries(st.text("abc/.", min_size=1, max_size=8), st.binary(max_size=200), max_size=6))
def test_it_is_the_zip_that_the_verifier_packs_again(files: dict[str, bytes]) -> None:
    kept = spool()
    for path, content in files.items():
        kept.add(path, content)
    assert {path: each.sha256 for path, each in kept.listed.items()} == {
        path: sha256(content).hexdigest() for path, content in files.items()
    }
    packed = b"".join(kept.archived())
    assert packed == archive(sorted(files.items()))
    assert unpacked(packed) == files


def test_a_file_of_many_pieces_is_one_whose_lines_can_be_read_again() -> None:
    with spool().kept_if_whole() as kept:
        with kept.file("lines") as write:
            for number in range(1_000):
                write(f"{number}\n".encode())
        kept.add("after", b"!")
        assert [int(line) for line in kept.lines("lines")] == list(range(1_000))
        assert unpacked(b"".join(kept.archived()))["after"] == b"!"


def test_a_large_pack_takes_no_more_memory_than_a_piece_of_it() -> None:
    kept, block, blocks = spool(), b"x" * 65_536, 1_024
    tracemalloc.start()
    try:
        with kept.file("large") as write:
            for _ in range(blocks):
                write(block)
        sent = sum(len(piece) for piece in kept.archived())
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert sent > len(block) * blocks
    assert most < 8 * PIECE


@pytest.mark.parametrize(("most_bytes", "most_files"), [(9, 10), (100, 1)])
def test_too_much_is_refused_and_leaves_nothing_behind(most_bytes: int, most_files: int) -> None:
    with pytest.raises(TooMuchEvidence), spool(most_bytes, most_files).kept_if_whole() as kept:
        kept.add("one", b"12345")
        kept.add("two", b"12345")
