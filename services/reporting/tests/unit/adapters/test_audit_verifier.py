"""The stand-alone verifier: it accepts what is whole, and says of everything else what is wrong with it."""

import ast
import copy
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given, settings
from hypothesis import strategies as st

from reporting.adapters import audit_verifier
from reporting.adapters.audit_verifier import ORDER, Unreadable, Verifier, is_signed, kept_checkpoints
from reporting.domain import audit_chain

from .exported_log import FIRST, Signing, entries, export, text


def check(lines: list[dict[str, Any]], kept: Sequence[dict[str, Any]] = (), keys: Sequence[bytes] = ()) -> Verifier:
    verifier = Verifier(kept, keys)
    for line in text(lines):
        verifier.take(line)
    verifier.finish()
    return verifier


def whole(count: int = 6) -> list[dict[str, Any]]:
    made = entries(count)
    return export(*made[:3], FIRST.checkpoint(made[2]), *made[3:], FIRST.checkpoint(made[-1]))


# --- RFC 8032, section 7.1 -------------------------------------------------------------------------------------------

VECTORS = [
    (
        "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
        "",
        "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24"
        "655141438e7a100b",
    ),
    (
        "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c",
        "72",
        "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aee"
        "b00d291612bb0c00",
    ),
    (
        "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025",
        "af82",
        "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28d"
        "c027beceea1ec40a",
    ),
]


@pytest.mark.parametrize(("key", "message", "signature"), VECTORS)
def test_the_signatures_of_rfc_8032_verify(key: str, message: str, signature: str) -> None:
    told = bytes.fromhex(message)
    assert is_signed(bytes.fromhex(key), told, bytes.fromhex(signature))
    assert not is_signed(bytes.fromhex(key), told + b"!", bytes.fromhex(signature))


@settings(max_examples=15)
@given(seed=st.binary(min_size=32, max_size=32), message=st.binary(max_size=80), place=st.integers(0, 511))
def test_it_agrees_with_the_library_that_signs(seed: bytes, message: bytes, place: int) -> None:
    private = Ed25519PrivateKey.from_private_bytes(seed)
    public, signature = private.public_key().public_bytes_raw(), private.sign(message)
    assert is_signed(public, message, signature)
    flipped = bytearray(signature)
    flipped[place // 8] ^= 1 << place % 8
    assert not is_signed(public, message, bytes(flipped))


def test_a_signature_has_one_form_only() -> None:
    public, signature = FIRST.public, FIRST.private.sign(b"said")
    number = int.from_bytes(signature[32:], "little")
    assert not is_signed(public, b"said", signature[:32] + (number + ORDER).to_bytes(32, "little"))
    assert not is_signed(public, b"said", signature[:-1])
    assert not is_signed(b"\xff" * 32, b"said", signature)


# --- whole logs ------------------------------------------------------------------------------------------------------


def test_a_log_as_it_was_recorded_is_whole() -> None:
    checked = check(whole())
    assert checked.faults == []
    assert (checked.entries, checked.checkpoints, checked.signed_up_to) == (6, 2, 6)


def test_what_no_checkpoint_covers_yet_is_said() -> None:
    made = entries(6)
    checked = check(export(*made[:4], FIRST.checkpoint(made[3]), *made[4:]))
    assert checked.faults == []
    assert any("Entries 5 to 6 are not under a checkpoint yet" in note for note in checked.notes)


def test_without_anything_from_elsewhere_it_says_what_it_could_not_find_out() -> None:
    assert any("--checkpoint" in note for note in check(whole()).notes)
    assert check(whole(), [FIRST.checkpoint(entries(6)[-1])]).notes == []


def test_both_halves_of_the_rules_give_the_same_bytes() -> None:
    for name in ("ENTRY", "CHECKPOINT", "KEY", "GENESIS", "CHECKPOINT_FIELDS", "KEY_FIELDS"):
        assert getattr(audit_verifier, name) == getattr(audit_chain, name)
    value = {"é": ["\u2028", 'a"b\\', "\x1f\x7f"], "b": None, "a": 2**53, "c": {"z": 1, "y": ""}}
    assert audit_verifier.canonical(value) == audit_chain.canonical(value)


# --- logs that somebody changed --------------------------------------------------------------------------------------


def test_an_edited_entry_is_named() -> None:
    lines = whole()
    lines[3]["entry"]["operation"] = "delete_client"
    (fault,) = check(lines).faults
    assert fault == "Entry 2 was changed after it was recorded: what it says does not give its hash."


def test_an_edited_entry_with_a_fitting_hash_does_not_fit_the_next() -> None:
    lines = whole()
    lines[3]["entry"]["operation"] = "delete_client"
    lines[3]["hash"] = audit_chain.entry_hash(audit_chain.canonical(lines[3]["entry"]))
    assert check(lines).faults[0].startswith("Entry 3 does not follow from the entry before it")


def test_a_chain_that_was_computed_anew_fits_no_checkpoint() -> None:
    signed, forged = entries(6), entries(6, words="nothing")
    (fault,) = check(export(*forged, FIRST.checkpoint(signed[-1]))).faults[:1]
    assert "entries up to it were changed, taken out or written anew after it was signed" in fault


def test_a_deleted_entry_is_named() -> None:
    lines = whole()
    del lines[3]
    lines[-1]["entries"] = 5
    assert check(lines).faults == ["Entry 2 is missing: after entry 1 comes entry 3."]


def test_a_cut_tail_is_found_by_a_checkpoint_that_was_kept_elsewhere() -> None:
    made = entries(6)
    kept = FIRST.checkpoint(made[5])
    cut = export(*made[:4], FIRST.checkpoint(made[3]))
    assert check(cut).faults == []  # nothing in the file can tell
    (fault,) = check(cut, [kept]).faults
    assert fault.startswith("The end was cut off: ")
    assert fault.endswith("vouches for 6 entries, and the log ends with entry 4.")


def test_a_log_that_was_written_and_signed_anew_is_found_by_a_checkpoint_that_was_kept_elsewhere() -> None:
    kept = FIRST.checkpoint(entries(6)[5])
    forged = entries(8, words="nothing")
    anew = export(*forged, FIRST.checkpoint(forged[-1]))
    assert check(anew).faults == []
    (fault,) = check(anew, [kept]).faults
    assert "entry 6 is another one than was signed" in fault


def test_a_stranger_s_signature_counts_for_nothing() -> None:
    stranger = Signing(b"2" * 32)
    forged = entries(4)
    anew = export(*forged, stranger.checkpoint(forged[-1]), keys=(stranger,))
    faults = check(anew, keys=[FIRST.public]).faults
    assert any("neither trusted nor endorsed" in fault for fault in faults)
    assert any("nobody vouches" in fault for fault in faults)


def test_a_forged_signature_is_found() -> None:
    lines = whole()
    lines[-2]["made_at"] = "2026-06-09T09:00:00Z"
    (fault,) = check(lines).faults
    assert "its signature is not by its key" in fault


def test_a_download_that_broke_off_is_not_whole() -> None:
    assert "without the line that ends an export" in check(whole()[:-1]).faults[0]


def test_lines_after_the_end_are_not_whole() -> None:
    lines = whole()
    assert check([*lines, lines[-2]]).faults == ["The file goes on after its end."]


def test_a_new_key_is_trusted_when_the_one_before_endorsed_it() -> None:
    second = Signing(b"3" * 32, endorsed_by=FIRST)
    made = entries(6)
    log = export(*made[:3], FIRST.checkpoint(made[2]), *made[3:], second.checkpoint(made[5]), keys=(FIRST, second))
    assert check(log, keys=[FIRST.public]).faults == []
    # Whoever trusts the newer one only: it is over all that the older one signed.
    assert check(log, keys=[second.public]).faults == []
    usurper = Signing(b"3" * 32)
    taken = export(*made, usurper.checkpoint(made[5]), keys=(FIRST, usurper))
    assert any("neither trusted nor endorsed" in fault for fault in check(taken, keys=[FIRST.public]).faults)


@settings(max_examples=60)
@given(data=st.data())
def test_whatever_is_changed_in_one_place_is_found(data: st.DataObject) -> None:
    lines = whole()
    kept = [{name: value for name, value in lines[-2].items() if name != "kind"}]
    changed = copy.deepcopy(lines)
    place = data.draw(st.integers(2, len(lines) - 1))
    how = data.draw(st.sampled_from(["delete", "repeat", "swap", "edit"]))
    if how == "delete":
        del changed[place]
        if lines[place]["kind"] == "checkpoint":  # no entry is lost, and the kept one vouches for all of them
            return
    elif how == "repeat":
        if lines[place]["kind"] == "checkpoint":
            return
        changed.insert(place, changed[place])
    elif how == "swap":
        other = data.draw(st.integers(2, len(lines) - 1).filter(lambda each: lines[each] != lines[place]))
        changed[place], changed[other] = changed[other], changed[place]
    else:
        line = changed[place]["entry"] if "entry" in changed[place] else changed[place]
        key = data.draw(st.sampled_from(sorted(set(line) - {"kind", "public_key"})))
        value = line[key]
        line[key] = value + 1 if isinstance(value, int) else f"{value or ''}0"
    try:
        found = check(changed, kept).faults
    except Unreadable:
        return
    assert found, (how, place)


# --- files that are none ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "line",
    [
        "",
        "{",
        "[]",
        "{}",
        '{"kind": "entry"}',
        '{"kind": "header", "version": 2, "tenant_id": ""}',
        '{"kind": 1.5}',
        "null",
    ],
)
def test_what_is_no_export_is_said_to_be_none(line: str) -> None:
    with pytest.raises(Unreadable, match="Line 1 is not a line of an exported audit log"):
        Verifier().take(line)


def test_a_name_that_is_repeated_cannot_hide_another_value() -> None:
    verifier = Verifier()
    lines = text(whole())
    for line in lines[:2]:
        verifier.take(line)
    with pytest.raises(Unreadable, match="a name is repeated"):
        verifier.take(lines[2].replace('"role": null', '"role": null, "operation": "nothing"'))


def test_kept_checkpoints_are_read_in_every_form_in_which_they_are_given_out() -> None:
    made = entries(2)
    one, two = (FIRST.checkpoint(each) for each in made)
    for form in (
        [one, two],
        {"data": [one, two], "next_cursor": None},
        [{"specversion": "1.0", "data": one}, {"specversion": "1.0", "data": two}],
    ):
        assert sorted(each["sequence"] for each in kept_checkpoints(json.dumps(form))) == [1, 2]
    assert len(kept_checkpoints(f"{json.dumps(one)}\n{json.dumps({'data': two})}\n")) == 2
    for wrong in ("", "[", '{"name": 1}', json.dumps(one | {"sequence": "1"})):
        with pytest.raises(Unreadable):
            kept_checkpoints(wrong)


def test_a_kept_checkpoint_whose_signature_is_no_number_cannot_be_read() -> None:
    (made,) = entries(1)
    for name in ("public_key", "signature"):
        with pytest.raises(Unreadable, match="not hexadecimal"):
            kept_checkpoints(json.dumps(FIRST.checkpoint(made) | {name: "nothing"}))


def test_with_a_key_alone_it_says_that_a_cut_tail_could_not_be_found() -> None:
    verifier = check(whole(), keys=[FIRST.public])
    assert verifier.faults == []
    assert "entries after 6 were cut off" in verifier.notes[0]


def test_a_line_without_end_does_not_fill_the_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(audit_verifier, "LONGEST_LINE", 2_000)
    path = tmp_path / "audit-log.jsonl"
    lines = text(whole())
    path.write_text("".join(lines), encoding="utf-8")
    assert audit_verifier.main([str(path)]) == 0
    path.write_text("".join([*lines[:3], lines[3].replace("update_client", "x" * 10_000)]), encoding="utf-8")
    assert audit_verifier.main([str(path)]) == 2
    assert "Line 4 is not a line of an exported audit log" in capsys.readouterr().out


def test_the_verifier_needs_nothing_but_the_standard_library() -> None:
    tree = ast.parse(Path(audit_verifier.__file__).read_text(encoding="utf-8"))
    imported = {
        name.partition(".")[0]
        for node in ast.walk(tree)
        if isinstance(node, ast.Import | ast.ImportFrom)
        for name in ([node.module or ""] if isinstance(node, ast.ImportFrom) else [each.name for each in node.names])
    }
    assert imported <= sys.stdlib_module_names
