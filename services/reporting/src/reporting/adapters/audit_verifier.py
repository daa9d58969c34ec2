#!/usr/bin/env python3
"""Checks an exported audit log of Upheld, without Upheld: one file, Python 3.9 or newer, nothing else.

    python3 -I audit_verifier.py audit-log.jsonl [--checkpoint FILE]... [--key KEY]...

The export is what `GET /v1/audit-log/export` answers: one JSON document per line, a header, the public keys, then the
entries with the checkpoints between them, and a line that ends it. What is checked:

1. Entries are numbered from 1 without a gap.
2. The hash of each is SHA-256 over "upheld audit entry v1\\n" and the entry as JSON with sorted keys, without spaces,
   in UTF-8; and each holds the hash of the one before.
3. Each checkpoint is an Ed25519 signature (RFC 8032) under the number and the hash of one entry.
4. Each `--checkpoint`, a file with checkpoints that was kept elsewhere (a webhook's body, an answer of
   `/v1/audit-checkpoints`, one or many), is about an entry that is still there and still the same. Only this finds
   entries that were cut off at the end, or a log that was written and signed anew.

Trusted are the keys given with `--key` (64 hexadecimal digits), else those of the checkpoints from elsewhere, else
those in the export, and whichever keys those have endorsed.

Ends with 0 when the log is whole, 1 when it is not, 2 when it cannot be read. Says what it found in sentences.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, NoReturn

ENTRY = b"upheld audit entry v1\n"
CHECKPOINT = b"upheld audit checkpoint v1\n"
KEY = b"upheld audit key v1\n"
GENESIS = "0" * 64
CHECKPOINT_FIELDS = ("key_id", "made_at", "sequence", "hash", "tenant_id")
KEY_FIELDS = ("key_id", "made_at", "public_key", "tenant_id")
MOST_FAULTS = 20
LONGEST_LINE = 2**24
WHOLE, NOT_WHOLE, UNREADABLE = 0, 1, 2


# --- Ed25519, as RFC 8032, section 5.1 says it: slow, small, and only to verify ---------------------------------------

P = 2**255 - 19
ORDER = 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, P - 2, P) % P
ROOT_OF_MINUS_ONE = pow(2, (P - 1) // 4, P)


Point = tuple[int, int, int, int]


def _add(first: Point, second: Point) -> Point:
    """The sum of two points in extended coordinates (X, Y, Z, T), with x = X/Z, y = Y/Z, xy = T/Z."""
    a = (first[1] - first[0]) * (second[1] - second[0]) % P
    b = (first[1] + first[0]) * (second[1] + second[0]) % P
    c = 2 * first[3] * second[3] * D % P
    d = 2 * first[2] * second[2] % P
    e, f, g, h = b - a, d - c, d + c, b + a
    return (e * f % P, g * h % P, f * g % P, e * h % P)


def _times(number: int, point: Point) -> Point:
    total = (0, 1, 1, 0)
    while number > 0:
        if number & 1:
            total = _add(total, point)
        point = _add(point, point)
        number >>= 1
    return total


def _equal(first: Point, second: Point) -> bool:
    return (first[0] * second[2] - second[0] * first[2]) % P == 0 and (
        first[1] * second[2] - second[1] * first[2]
    ) % P == 0


def _point(encoded: bytes) -> Point | None:
    """The point of 32 bytes; None when they are none."""
    y = int.from_bytes(encoded, "little")
    sign, y = y >> 255, y & ((1 << 255) - 1)
    if y >= P:
        return None
    square = (y * y - 1) * pow(D * y * y + 1, P - 2, P) % P
    x = pow(square, (P + 3) // 8, P)
    if (x * x - square) % P != 0:
        x = x * ROOT_OF_MINUS_ONE % P
    if (x * x - square) % P != 0 or (x == 0 and sign):
        return None
    if x & 1 != sign:
        x = P - x
    return (x, y, 1, x * y % P)


BASE_Y = 4 * pow(5, P - 2, P) % P


def is_signed(public_key: bytes, message: bytes, signature: bytes) -> bool:
    """Whether the 64 bytes are the signature of the message by the holder of the key of 32 bytes."""
    if len(public_key) != 32 or len(signature) != 64:
        return False
    key, nonce = _point(public_key), _point(signature[:32])
    number = int.from_bytes(signature[32:], "little")
    if key is None or nonce is None or number >= ORDER:
        return False
    challenge = int.from_bytes(hashlib.sha512(signature[:32] + public_key + message).digest(), "little") % ORDER
    base = _point(BASE_Y.to_bytes(32, "little"))
    assert base is not None
    return _equal(_times(number, base), _add(nonce, _times(challenge, key)))


# --- the log ---------------------------------------------------------------------------------------------------------


class Unreadable(Exception):
    """This is no export, or no checkpoint; the message says why."""


def canonical(value: dict[str, Any]) -> bytes:
    """The one byte form of a JSON object."""
    return json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode("utf-8")


def key_id_of(public_key: bytes) -> str:
    """The name of a key."""
    return hashlib.sha256(public_key).hexdigest()[:32]


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object whose names are all different: a repeated one would be read in two ways."""
    value = dict(pairs)
    if len(value) != len(pairs):
        raise ValueError("a name is repeated")
    return value


def read(text: str) -> Any:
    """A JSON document. Raises ValueError."""
    return json.loads(text, object_pairs_hook=_unique, parse_constant=_refuse, parse_float=_refuse)


def _refuse(word: str) -> NoReturn:
    raise ValueError(f"{word} does not occur in an audit log")


def _selected(value: dict[str, Any], names: Iterable[str]) -> bytes:
    return canonical({name: value[name] for name in names})


class Verifier:
    """Takes the lines of an export one by one; `faults` and `notes` say in sentences what was found.

    `holding` are the checkpoints from elsewhere that fit what is here.
    """

    def __init__(self, kept: Sequence[dict[str, Any]] = (), keys: Sequence[bytes] = ()) -> None:
        self.faults: list[str] = []
        self.notes: list[str] = []
        self.entries = 0
        self.checkpoints = 0
        self.signed_up_to = 0
        self.holding: list[dict[str, Any]] = []
        self._kept = sorted(kept, key=lambda each: each["sequence"])
        self._wanted = {each["sequence"] for each in self._kept}
        self._found: dict[int, str] = {}
        self._unknown: list[tuple[int, str, str]] = []
        self._trusted = {key_id_of(key): key for key in keys}
        self._from_elsewhere = bool(self._trusted or self._kept)
        self._keys: dict[str, bytes] = {}
        self._tenant: str | None = None
        self._previous = GENESIS
        self._number = 0
        self._line = 0
        self._ended = False
        if not self._trusted:
            for each in self._kept:
                key = bytes.fromhex(each["public_key"])
                self._trusted[key_id_of(key)] = key

    def take(self, text: str) -> None:
        """The next line of the export. Raises Unreadable for what is no line of one."""
        self._line += 1
        if self._ended:
            self._fault("The file goes on after its end.")
            return
        try:
            line = read(text)
            take = {
                "header": self._header,
                "key": self._key,
                "entry": self._entry,
                "checkpoint": self._checkpoint,
                "end": self._end,
            }[line["kind"]]
            if (self._tenant is None) != (line["kind"] == "header"):
                raise ValueError("an export begins with its header, and has one")
            take(line)
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            raise Unreadable(
                f"Line {self._line} is not a line of an exported audit log ({type(error).__name__}: {error}). "
                "The download may have broken off in the middle: export the log again."
            ) from None

    def finish(self) -> int:
        """All lines were taken: what can only be said now. Gives the exit status."""
        if not self._ended:
            self._fault(
                f"The file ends after entry {self._number} without the line that ends an export: the download broke "
                "off, or its end was cut off."
            )
        for each in self._kept:
            self._compare(each)
        if not self._from_elsewhere:
            self.notes.append(
                "No checkpoint and no key from elsewhere was given: whoever can write a whole log anew and sign it "
                "with a key of his own would not be found out. Give --checkpoint with one that was kept outside."
            )
        elif not self._kept:
            self.notes.append(
                f"No checkpoint from elsewhere was given: that entries after {self._number} were cut off, with the "
                "checkpoints over them, could not be seen. Give --checkpoint with one that was kept outside."
            )
        for number, made_at, key in self._unknown:
            if number > self.signed_up_to:  # else a trusted one is over the same entries, and more
                self._fault(
                    f"The checkpoint of {made_at} over entry {number} counts for nothing: its key {key} is neither "
                    "trusted nor endorsed by a trusted one."
                )
        if self._number and not self.signed_up_to:
            self._fault("No good checkpoint is in the export: nobody vouches for its entries.")
        elif self._number > self.signed_up_to:
            self.notes.append(
                f"Entries {self.signed_up_to + 1} to {self._number} are not under a checkpoint yet: that some after "
                "them were cut off could not be seen."
            )
        return NOT_WHOLE if self.faults else WHOLE

    def _fault(self, sentence: str) -> None:
        self.faults.append(sentence)

    def _header(self, line: dict[str, Any]) -> None:
        if line["version"] != 1:
            raise ValueError("this verifier reads version 1")
        self._tenant = line["tenant_id"]

    def _key(self, line: dict[str, Any]) -> None:
        key = bytes.fromhex(line["public_key"])
        name = key_id_of(key)
        if name != line["key_id"] or line["tenant_id"] != self._tenant:
            self._fault(f"The key {line['key_id']} is not what it says to be.")
            return
        endorser = self._trusted.get(line["endorsed_by"])
        endorsed = endorser is not None and is_signed(
            endorser, KEY + _selected(line, KEY_FIELDS), bytes.fromhex(line["endorsement"])
        )
        first = not self._from_elsewhere and not self._keys
        if endorsed or first or name in self._trusted:
            self._trusted[name] = key
        self._keys[name] = key

    def _entry(self, line: dict[str, Any]) -> None:
        entry, stated = line["entry"], line["hash"]
        number = entry["sequence"]
        wanted = self._number + 1
        if not isinstance(number, int) or not isinstance(stated, str):
            raise ValueError("an entry has a number and a hash")
        if number != wanted:
            if number > wanted:
                missing = f"Entry {wanted} is" if number == wanted + 1 else f"Entries {wanted} to {number - 1} are"
                self._fault(f"{missing} missing: after entry {self._number} comes entry {number}.")
            else:
                self._fault(f"After entry {self._number} stands entry {number} where entry {wanted} belongs.")
        elif entry["previous"] != self._previous:
            self._fault(f"Entry {number} does not follow from the entry before it: one of the two was replaced.")
        if hashlib.sha256(ENTRY + canonical(entry)).hexdigest() != stated:
            self._fault(f"Entry {number} was changed after it was recorded: what it says does not give its hash.")
        if entry["tenant_id"] != self._tenant:
            self._fault(f"Entry {number} is from the log of another tenant.")
        self._number, self._previous = number, stated
        self.entries += 1
        if number in self._wanted:
            self._found[number] = stated

    def _checkpoint(self, line: dict[str, Any]) -> None:
        if line["key_id"] not in self._trusted and line["key_id"] in self._keys:
            self._unknown.append((line["sequence"], line["made_at"], line["key_id"]))
            return
        problem = self._problem(line)
        if problem is None and line["sequence"] > self._number:
            problem = f"it vouches for {line['sequence']} entries, and those after {self._number} are gone"
        elif problem is None and (line["sequence"] != self._number or line["hash"] != self._previous):
            problem = (
                f"it is about another entry {line['sequence']} than the one that is here: entries up to it were "
                "changed, taken out or written anew after it was signed"
            )
        if problem is not None:
            self._fault(f"The checkpoint of {line['made_at']} does not hold: {problem}.")
            return
        self.checkpoints += 1
        self.signed_up_to = line["sequence"]

    def _problem(self, checkpoint: dict[str, Any]) -> str | None:
        """Why a checkpoint is not to be trusted; None when it is."""
        if checkpoint["tenant_id"] != self._tenant:
            return "it is from the log of another tenant"
        key = self._trusted.get(checkpoint["key_id"])
        if key is None:
            return f"its key {checkpoint['key_id']} is neither trusted nor endorsed by a trusted one"
        if not is_signed(
            key, CHECKPOINT + _selected(checkpoint, CHECKPOINT_FIELDS), bytes.fromhex(checkpoint["signature"])
        ):
            return "its signature is not by its key"
        return None

    def _compare(self, kept: dict[str, Any]) -> None:
        """A checkpoint from elsewhere against what was found at its place."""
        said = f"The checkpoint of {kept['made_at']} that was kept elsewhere"
        problem = self._problem(kept)
        if problem is not None:
            self._fault(f"{said} is of no use: {problem}.")
        elif kept["sequence"] > self._number:
            self._fault(
                f"The end was cut off: {said[0].lower()}{said[1:]} vouches for {kept['sequence']} entries, and the log "
                f"ends with entry {self._number}."
            )
        elif self._found.get(kept["sequence"]) != kept["hash"]:
            self._fault(
                f"{said} does not fit: entry {kept['sequence']} is another one than was signed. Entries up to it were "
                "changed, taken out or written anew."
            )
        else:
            self.holding.append(kept)
            self.checkpoints += 1
            self.signed_up_to = max(self.signed_up_to, kept["sequence"])

    def _end(self, line: dict[str, Any]) -> None:
        self._ended = True
        if line["entries"] != self.entries:
            self._fault(f"The export should hold {line['entries']} entries and holds {self.entries}.")


def kept_checkpoints(text: str) -> list[dict[str, Any]]:
    """The checkpoints of a file: one, a list, a page of them, an event of a webhook, or one of these per line."""
    try:
        documents = [read(text)]
    except ValueError:
        try:
            documents = [read(line) for line in text.splitlines() if line.strip()]
        except ValueError as error:
            raise Unreadable(f"This is no file of checkpoints ({error}).") from None
    found: list[dict[str, Any]] = []
    while documents:
        document = documents.pop()
        if isinstance(document, list):
            documents.extend(document)
        elif isinstance(document, dict) and "signature" in document:
            found.append(document)
        elif isinstance(document, dict) and "data" in document:
            documents.append(document["data"])
        else:
            raise Unreadable("This is no file of checkpoints: give an answer of /v1/audit-checkpoints or its event.")
    if not found:
        raise Unreadable("This file holds no checkpoint.")
    if not all(
        isinstance(each.get("sequence"), int)
        and all(isinstance(each.get(name), str) for name in ("tenant_id", "hash", "made_at", "key_id", "signature"))
        and isinstance(each.get("public_key"), str)
        for each in found
    ):
        raise Unreadable("A checkpoint of this file lacks one of its fields.")
    try:
        for each in found:
            bytes.fromhex(each["public_key"] + each["signature"])
    except ValueError:
        raise Unreadable("The key or the signature of a checkpoint of this file is not hexadecimal.") from None
    return found


def main(arguments: Sequence[str] | None = None) -> int:
    """The command. Gives the exit status."""
    parser = argparse.ArgumentParser(description="Checks an exported audit log of Upheld.")
    parser.add_argument("export", type=Path, help="the file that /v1/audit-log/export answered")
    parser.add_argument(
        "--checkpoint", type=Path, action="append", default=[], help="a file of checkpoints kept elsewhere"
    )
    parser.add_argument("--key", action="append", default=[], help="a public key to trust, 64 hexadecimal digits")
    options = parser.parse_args(arguments)
    try:
        keys = [bytes.fromhex(key) for key in options.key]
        kept = [each for path in options.checkpoint for each in kept_checkpoints(path.read_text(encoding="utf-8"))]
        verifier = Verifier(kept, keys)
        with options.export.open(encoding="utf-8", newline="\n") as lines:
            # What is longer is cut, and then no JSON: one line must not fill the memory.
            while len(verifier.faults) < MOST_FAULTS and (line := lines.readline(LONGEST_LINE)):
                verifier.take(line)
        status = verifier.finish() if len(verifier.faults) < MOST_FAULTS else NOT_WHOLE
    except (Unreadable, ValueError, OSError) as error:
        sys.stdout.write(f"CANNOT BE READ. {error}\n")
        return UNREADABLE
    for sentence in verifier.faults:
        sys.stdout.write(f"{sentence}\n")
    for sentence in verifier.notes:
        sys.stdout.write(f"Note: {sentence}\n")
    if status == WHOLE:
        sys.stdout.write(
            f"WHOLE. {verifier.entries} entries, each as it was recorded; {verifier.checkpoints} checkpoints hold, the "
            f"newest over entry {verifier.signed_up_to}.\n"
        )
    else:
        sys.stdout.write("NOT WHOLE. This log is not what was recorded.\n")
    return status


if __name__ == "__main__":
    sys.exit(main())
