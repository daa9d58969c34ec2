#!/usr/bin/env python3
"""Checks an evidence pack of Upheld, without Upheld: one file, Python 3.9 or newer, nothing else.

    python3 -I evidence_verifier.py evidence.zip [--key KEY]...

A pack is one ZIP that holds what a figure rests on. What is checked:

1. The ZIP holds its files and nothing else: packed again from them it is the same, byte for byte.
2. `manifest.json` lists every other file but `signature.json` with its SHA-256, and is signed: Ed25519 (RFC 8032) over
   "upheld evidence v1\\n" and its bytes, by a key of `keys.json`.
3. The states in `states.json` are those that the pack's events give, computed anew: what each monitor said, silence
   where no roll-up vouches for it, pauses by the contract, and maintenance only where work was planned. Together they
   cover the period without holes, and each names its events. What a monitor said is there without a hole in its
   numbers.
4. The figures of each environment cover the month without holes, as long as the contract was in force in it. The rule
   of every figure is the one of the contract's version that was in force then, and no later one changed it before its
   end. Where outages count otherwise by decisions, the figure as measured is computed as well, and `decided` in
   `states.json` differs from what was measured only in the time and for the outages of decisions that a second person
   approved, as their events in the pack tell; no program's key proposes or approves one.
5. The figures of `measurement.json` are computed again from the states and the rule, exactly, and are the same; the
   checks of `checks.json` are those that the hourly roll-ups tell, and so are the percentiles of `response-times.json`,
   of the sketches of all hours, merged. The last word on the month in `told/` says the same, and so do the percentages
   and the response times in the explanations.

In the pack of an incident or of one clock, instead of 3 to 5: every clock is computed again from its facts (opened,
paused, resumed, stopped, ...), which the incident's newest event tells, and from the target, the business calendar and
the reasons for pauses that the versions of the contract promised. It reads what the events said, and `clocks.json`
shows the same, with every stretch of its life and why it counted or not.

In the pack of a month's amounts: the settlement has the hash that it says; its uptimes and clocks are those that events
told; fees, credits and penalties are computed again from them, from local days, and from the price and the rule of the
contract's version that was in force; every other line from what it says itself, unless it was agreed or entered as an
amount; then the sums and their VAT. `amounts.json` says of each line which of these it is. A settlement is held against
what had been told when it was computed; what was told since, until it was closed, is named and not in it. No uptime of
the contract that the pack tells of is left out, and no clock without a reason. That every clock is in the pack it does
not show: nobody can count them.

In the pack of a month's hours: every entry is accounted again by the terms of its day, what the contract included is
weighed by local days, and it is drawn from that and from what the month before left.

Trusted are the keys given with `--key` (64 hexadecimal digits) and whichever keys those have endorsed. Without `--key`
every key in the pack is believed, and that is said: whoever can make a pack can also make a key.

Time zones are those of the pack and those that this Python knows: wherever they are used both have to say the same. A
Python that knows none (Windows) believes the pack's, and says so. Public holidays are those that the pack lists.

Ends with 0 and YES; with 1, NO and the reasons; or with 3 and CANNOT TELL, where it needs a time zone that neither the
pack, of an earlier release, nor this Python knows, or that both know otherwise.
"""

from __future__ import annotations

import argparse
import base64
import hashlib
import io
import json
import re
import struct
import sys
import zipfile
import zlib
from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextvars import ContextVar
from datetime import date, datetime, time, timedelta, timezone
from fractions import Fraction
from math import gcd
from pathlib import Path
from typing import Any, NamedTuple, NoReturn, TypeVar
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

EVIDENCE = b"upheld evidence v1\n"
KEY = b"upheld audit key v1\n"
KEY_FIELDS = ("key_id", "made_at", "public_key", "tenant_id")
MANIFEST, SIGNATURE = "manifest.json", "signature.json"
YES, NO, CANNOT_TELL = 0, 1, 3


class Doubt(Exception):
    """The pack does not show what it says; the message says why."""


class Absent(Doubt):
    """Something is not in the pack that has to be."""


class Unsure(Doubt):
    """Here nobody can tell whether the pack shows what it says; the message says why."""


# --- the container: stored, not compressed, so that the same files are the same bytes everywhere ---------------------

UTF_8_NAMES, FIRST_OF_1980 = 0x0800, 0x21


def archived(files: Iterable[tuple[str, bytes]]) -> Iterator[bytes]:
    """A ZIP of these files in this order, without instants, compression or anything else that could differ."""
    directory, at, count = bytearray(), 0, 0
    for path, content in files:
        local, central = entry(path, zlib.crc32(content), len(content), at)
        directory += central
        yield local
        yield content
        at += len(local) + len(content)
        count += 1
    yield bytes(directory) + ending(count, len(directory), at)


def entry(path: str, crc: int, size: int, at: int) -> tuple[bytes, bytes]:
    """What stands before a file that begins at a place, and its line in the directory."""
    name = path.encode("utf-8")
    header = (20, UTF_8_NAMES, 0, 0, FIRST_OF_1980, crc, size, size, len(name))
    central = struct.pack("<4s6H3I5H2I", b"PK\x01\x02", 20, *header, 0, 0, 0, 0, 0, at) + name
    return struct.pack("<4s5H3I2H", b"PK\x03\x04", *header, 0) + name, central


def ending(count: int, directory: int, at: int) -> bytes:
    """The end of a ZIP: how many files, and how long the directory is and where."""
    return struct.pack("<4s4H2IH", b"PK\x05\x06", 0, 0, count, count, directory, at, 0)


def archive(files: Iterable[tuple[str, bytes]]) -> bytes:
    """The ZIP of `archived` in one piece."""
    return b"".join(archived(files))


UNREADABLE = (zipfile.BadZipFile, zlib.error, struct.error, OSError, ValueError, LookupError, RuntimeError, EOFError)


def unpacked(pack: bytes) -> dict[str, bytes]:
    """The files of a pack by path. Raises Doubt when it is not exactly what `archive` makes of them."""
    try:
        with zipfile.ZipFile(io.BytesIO(pack)) as opened:
            listed = opened.infolist()
            # Before anything is read: a small file must not become a large one.
            if any(each.compress_type for each in listed) or sum(each.file_size for each in listed) > len(pack):
                raise Doubt("The ZIP is compressed, or holds files within each other: no pack is.")
            files = [(each.filename, opened.read(each)) for each in listed]
    except UNREADABLE as error:
        raise Doubt(f"The file is no ZIP that can be read: {error}.") from None
    if archive(files) != pack:
        raise Doubt("The ZIP holds more than its files, or holds them otherwise than they were packed.")
    by_path = dict(files)
    if len(by_path) != len(files):
        raise Doubt("A file is in the pack twice.")
    return by_path


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


# --- what is signed --------------------------------------------------------------------------------------------------


def canonical(value: Any) -> bytes:
    """The one byte form of a JSON document."""
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


def _refuse(word: str) -> NoReturn:
    raise ValueError(f"{word} is no JSON")


def read(content: bytes) -> Any:
    """A JSON document. Raises ValueError."""
    return json.loads(content.decode("utf-8"), object_pairs_hook=_unique, parse_constant=_refuse)


def signer(files: Mapping[str, bytes], given: Sequence[bytes]) -> str:
    """The name of the key that signed the manifest. Raises Doubt when no trusted one did, or a file is another."""
    signature, keys = read(files[SIGNATURE]), read(files["keys.json"])
    if canonical(signature) != files[SIGNATURE]:
        raise Doubt("The signature is not written as it was made.")
    manifest = read(files[MANIFEST])
    listed = manifest["files"]
    if set(listed) != set(files) - {MANIFEST, SIGNATURE}:
        raise Doubt("The pack does not hold exactly the files that its manifest lists.")
    for path, said in listed.items():
        if said != {"bytes": len(files[path]), "sha256": hashlib.sha256(files[path]).hexdigest()}:
            raise Doubt(f"{path} is not the file that was signed.")
    trusted = {key_id_of(key): key for key in given}
    for line in keys:
        key = bytes.fromhex(line["public_key"])
        if (key_id_of(key), manifest["tenant_id"]) != (line["key_id"], line["tenant_id"]):
            raise Doubt(f"The key {line['key_id']} is not what it says to be.")
        endorser = trusted.get(line["endorsed_by"])
        statement = KEY + canonical({name: line[name] for name in KEY_FIELDS})
        if not given or (endorser is not None and is_signed(endorser, statement, bytes.fromhex(line["endorsement"]))):
            trusted[line["key_id"]] = key
    name: str = signature["key_id"]
    if name not in trusted:
        raise Doubt(f"The key {name} that signed is neither trusted nor endorsed by a trusted one.")
    if re.fullmatch(r"[0-9a-f]{128}", signature["signature"]) is None:
        raise Doubt("The signature is not written as it was made: 128 digits, a to f in lower case.")
    if not is_signed(trusted[name], EVIDENCE + files[MANIFEST], bytes.fromhex(signature["signature"])):
        raise Doubt("The signature is not of this manifest.")
    return name


# --- time zones -------------------------------------------------------------------------------------------------------

ZONES = "zones/"
"""Where a pack has the time zones that it needs: TZif (RFC 8536), a file each by its name. Earlier ones have none."""


class Zone(NamedTuple):
    """A time zone as the pack has it and as this Python knows it, each as far as it does."""

    name: str
    known: Sequence[ZoneInfo]


_OF_THE_PACK: ContextVar[Mapping[str, Zone]] = ContextVar("of_the_pack")


class _Whole(io.BytesIO):
    """A file that says when it is cut off: `ZoneInfo` would read on at its end for ever."""

    def read(self, size: int | None = -1, /) -> bytes:
        found = super().read(size)
        if size is not None and len(found) < size:
            raise EOFError("it ends too early")
        return found


def zones_of(files: Mapping[str, bytes]) -> dict[str, Zone]:
    """The time zones that are in a pack. Raises Doubt."""
    found = {}
    for path, content in files.items():
        if path.startswith(ZONES):
            name = path[len(ZONES) :]
            try:
                there = ZoneInfo.from_file(_Whole(content), key=name)
            except (*UNREADABLE, AssertionError) as error:
                raise Doubt(f"{path} is no time zone: {error}.") from None
            found[name] = Zone(name, (there, *_known_here(name)))
    return found


def _known_here(name: str) -> tuple[ZoneInfo, ...]:
    try:
        return (ZoneInfo(name),)
    except ZoneInfoNotFoundError:
        return ()


def zone_of(name: str) -> Zone:
    """A time zone by its name. Raises Unsure where neither the pack nor this Python knows it."""
    zone = _OF_THE_PACK.get({}).get(name) or Zone(name, _known_here(name))
    if not zone.known:
        raise Unsure(
            f"This Python does not know the time zone {name}, and the pack, of an earlier release, does not have it. "
            "Check it on another computer: macOS and nearly every Linux know it. Or put the package tzdata into a "
            "virtual environment, and check it there."
        )
    return zone


T = TypeVar("T")


def _agreed(zone: Zone, found: Sequence[T]) -> T:
    """What a zone says, the pack's and this Python's. Raises Unsure where they differ."""
    if found[0] != found[-1]:
        raise Unsure(
            f"The time zone {zone.name} is another one in the pack than this Python knows, at a time that matters: the "
            "data of one of them are out of date, or were changed."
        )
    return found[0]


# --- time: instants are whole microseconds since 1970, stretches are [start, end) -------------------------------------

Stretch = tuple[int, int]
SECOND, MINUTE = 1_000_000, 60_000_000
EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)  # noqa: UP017  (Python 3.9)
_INSTANT = re.compile(r"(\d{4}-\d\d-\d\d)T(\d\d:\d\d:\d\d)(?:\.(\d{1,6}))?(?:Z|([+-]\d\d:\d\d))")
_DURATION = re.compile(r"P(?:(\d+)W)?(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?(?:(\d+)(?:\.(\d{1,6}))?S)?)?")


def instant(text: str) -> int:
    """An instant as events write it: UTC, or the time of a place with its offset."""
    match = _INSTANT.fullmatch(text)
    if match is None:
        raise ValueError(f"{text} is no instant")
    day, clock, fraction, offset = match.groups()
    return moment(datetime.fromisoformat(f"{day}T{clock}{offset or '+00:00'}")) + int((fraction or "0").ljust(6, "0"))


def moment(at: datetime) -> int:
    """An instant out of a date-time with a zone."""
    return (at - EPOCH) // timedelta(microseconds=1)


def duration(text: str) -> int:
    """An ISO 8601 duration of weeks, days, hours, minutes and seconds."""
    match = _DURATION.fullmatch(text)
    if match is None:
        raise ValueError(f"{text} is no duration")
    weeks, days, hours, minutes, seconds = (int(part or 0) for part in match.groups()[:5])
    whole = ((weeks * 7 + days) * 24 + hours) * 3600 + minutes * 60 + seconds
    return whole * SECOND + int((match.group(6) or "0").ljust(6, "0"))


def joined(stretches: Iterable[Stretch]) -> list[Stretch]:
    """The union, in order; what touches is one."""
    found: list[Stretch] = []
    for start, end in sorted(each for each in stretches if each[0] < each[1]):
        if found and start <= found[-1][1]:
            found[-1] = (found[-1][0], max(found[-1][1], end))
        else:
            found.append((start, end))
    return found


def common(first: Sequence[Stretch], second: Sequence[Stretch]) -> list[Stretch]:
    """What lies in both; each is a union."""
    found, one, other = [], 0, 0
    while one < len(first) and other < len(second):
        start, end = max(first[one][0], second[other][0]), min(first[one][1], second[other][1])
        if start < end:
            found.append((start, end))
        if first[one][1] < second[other][1]:
            one += 1
        else:
            other += 1
    return found


def without(first: Sequence[Stretch], taken: Sequence[Stretch]) -> list[Stretch]:
    """What of the first lies outside of the second; each is a union."""
    if not first:
        return []
    gaps, at = [], first[0][0]
    for start, end in taken:
        gaps.append((at, start))
        at = max(at, end)
    gaps.append((at, first[-1][1]))
    return common(first, joined(gaps))


def length(stretches: Iterable[Stretch]) -> int:
    """How long they are together, in microseconds."""
    return sum(end - start for start, end in stretches)


def opened(calendar: Mapping[str, Any] | None, holidays: frozenset[str], period: Stretch) -> list[Stretch]:
    """When a business calendar is open within a period; without a calendar always."""
    if calendar is None or calendar.get("always"):
        return [period]
    zone = zone_of(calendar["time_zone"])
    weekdays = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
    openings: dict[str, list[Mapping[str, Any]]] = {}
    for each in calendar.get("openings", ()):
        openings.setdefault(each["date"], []).append(each)
    day, last = (_local_date(at, zone) for at in period)
    day -= timedelta(days=2)  # a night runs into the next day
    windows = []
    while day <= last:
        text = day.isoformat()
        shut = text in holidays or _is_closure(calendar, text)
        here = openings.get(text)
        if here is None:
            name = weekdays[day.weekday()]
            here = [] if shut else [each for each in calendar.get("weekly", ()) if name in each["days"]]
        for each in here:
            ends = day + timedelta(days=1) if each.get("to_next_day") else day
            windows.append(
                (_boundary(day, each["from"], zone, last=False), _boundary(ends, each["to"], zone, last=True))
            )
        day += timedelta(days=1)
    return common(joined(windows), [period])


def _is_closure(calendar: Mapping[str, Any], day: str) -> bool:
    if any(each["from"] <= day <= each["to"] for each in calendar.get("closures", ())):
        return True
    here = day[5:]
    yearly = [(each["from"], each["to"]) for each in calendar.get("yearly_closures", ())]
    return any(first <= here <= last if first <= last else here >= first or here <= last for first, last in yearly)


def _local_date(at: int, zone: Zone) -> date:
    whole = EPOCH + timedelta(microseconds=at)
    return _agreed(zone, [whole.astimezone(each).date() for each in zone.known])


def _boundary(day: date, clock: str, zone: Zone, *, last: bool) -> int:
    """A local time as an instant: in the gap of spring moved forward; twice in autumn, first or last."""
    hour, minute = (int(part) for part in clock.split(":"))
    if hour == 24:
        day, hour = day + timedelta(days=1), 0
    found = []
    for each in zone.known:
        first, second = (moment(datetime.combine(day, time(hour, minute, fold=fold), each)) for fold in (0, 1))
        found.append(max(first, second) if last else first)
    return _agreed(zone, found)


# --- the figure ------------------------------------------------------------------------------------------------------

STATES = ("paused", "maintenance", "down", "degraded", "unknown")
"""Of several at one instant the first one holds; everything else was up."""


def uptime(
    period: Stretch, rule: Mapping[str, Any], states: Iterable[tuple[int, int, str]], holidays: frozenset[str]
) -> dict[str, Fraction]:
    """The lengths that a figure is made of, in seconds, and `lost`: what counts against the promise."""
    spans: dict[str, list[Stretch]] = {name: [] for name in STATES}
    for start, end, state in states:
        if state != "up":
            spans[state].append((start, end))
    layers: dict[str, list[Stretch]] = {}
    covered: list[Stretch] = []
    for name in STATES:
        own = joined(spans[name])
        layers[name] = without(own, covered)
        covered = joined([*covered, *own])
    shortest = duration(rule["minimum_outage"])
    runs = [(start, end) for start, end in layers["down"] if end - start >= shortest]
    if rule["whole_minutes"]:
        runs = [(-(-start // MINUTE) * MINUTE, end // MINUTE * MINUTE) for start, end in runs]
    layers["down"] = joined(runs)
    service = opened(rule["service_window"], holidays, period)
    found = {name: Fraction(length(common(layers[name], service)), SECOND) for name in STATES}
    found["period"] = Fraction(period[1] - period[0], SECOND)
    found["service"] = Fraction(length(service), SECOND)
    found["denominator"] = found["service"] - found["paused"]
    found["lost"] = found["down"] + found["degraded"] * Fraction(rule["degraded_weight"])
    for name in ("maintenance", "unknown"):
        if rule[name] == "exclude":
            found["denominator"] -= found[name]
        elif rule[name] == "down":
            found["lost"] += found[name]
    return found


def told(found: Mapping[str, Fraction], rule: Mapping[str, Any], target: str | None) -> dict[str, Any]:
    """A figure as a measurement tells it, out of the lengths."""
    blind = found["unknown"] + found["paused"]
    exact = {
        "numerator": found["denominator"] - found["lost"],
        "denominator": found["denominator"],
        "period_units": found["period"],
        "service_units": found["service"],
        "measured_units": found["service"] - blind,
        "down_units": found["down"],
        "degraded_units": found["degraded"],
    }
    left_out = {
        "outside_service_window": found["period"] - found["service"],
        "paused": found["paused"],
        **{name: found[name] if rule[name] == "exclude" else Fraction(0) for name in ("maintenance", "unknown")},
    }
    unit = 1
    for each in (*exact.values(), *left_out.values()):
        unit = unit * each.denominator // gcd(unit, each.denominator)
    share = 100 * exact["numerator"] / exact["denominator"] if exact["denominator"] else None
    return {
        "units_per_second": unit,
        **{name: int(each * unit) for name, each in exact.items()},
        "excluded_units": {name: int(each * unit) for name, each in left_out.items()},
        "uptime_percent": None if share is None else _cut(share, 6),
        "coverage_percent": _cut(100 * exact["measured_units"] / found["service"], 2) if found["service"] else None,
        "met": None if share is None or target is None else share >= Fraction(target),
    }


def _cut(value: Fraction, decimals: int) -> str:
    units = value.numerator * 10**decimals // value.denominator
    return f"{units // 10**decimals}.{units % 10**decimals:0{decimals}}"


# --- response times: a sketch is how many values fell into which bucket -----------------------------------------------

LARGEST = 2**31 - 1


def _buckets() -> Iterator[tuple[int, int, int]]:
    """First value, last value and standing value of each bucket: none is further than one percent from the last."""
    yield 0, 0, 0
    lowest = 1
    while lowest <= LARGEST:
        standing = lowest + lowest // 100
        highest = 100 * standing // 99
        yield lowest, min(highest, LARGEST), min(standing, LARGEST)
        lowest = highest + 1


BUCKETS = list(_buckets())


class Sketch(NamedTuple):
    """Counts by bucket, and the exact least and greatest value."""

    counts: Mapping[int, int]
    least: int
    greatest: int


def sketch_of(text: str) -> Sketch | None:
    """A sketch as a roll-up carries it: bits in base64 for addresses; None when nothing is in it. Raises ValueError.

    The number of buckets and the width of counts; of each bucket the gap to the one before less one (Elias gamma code
    of the number plus one), and its count less one (Rice code); what the least and the greatest are above the bounds of
    their buckets; and what makes the sum exact, which no percentile needs.
    """
    content = base64.b64decode(text.encode("ascii") + b"=" * (-len(text) % 4), altchars=b"-_", validate=True)
    bits, at = "".join(f"{byte:08b}" for byte in content), 0

    def taken(width: int) -> str:
        nonlocal at
        if at + width > len(bits):
            raise ValueError("The bits of a sketch end before it does.")
        at += width
        return bits[at - width : at]

    def run(of: str) -> int:
        nonlocal at
        start = at
        while taken(1) == of:
            pass
        at -= of == "0"  # what ends the zeros is the first digit of the number
        return at - start - (of == "1")

    def gamma() -> int:
        return int(taken(run("0") + 1), 2) - 1

    def inside(bucket: int) -> int:
        lowest, highest, _ = BUCKETS[bucket]
        width = (highest - lowest).bit_length()
        return lowest + (int(taken(width), 2) if width else 0)

    size = gamma()
    if not size:
        return None
    width, bucket = gamma(), -1
    counts: dict[int, int] = {}
    for _ in range(size):
        bucket += gamma() + 1
        if bucket >= len(BUCKETS):
            raise ValueError(f"A sketch has no bucket {bucket}.")
        high = run("1")
        counts[bucket] = (high << width | (int(taken(width), 2) if width else 0)) + 1
    return Sketch(counts, inside(min(counts)), inside(bucket))


def merged(sketches: Sequence[Sketch]) -> Sketch:
    """One of all that went into these."""
    counts: dict[int, int] = {}
    for sketch in sketches:
        for bucket, count in sketch.counts.items():
            counts[bucket] = counts.get(bucket, 0) + count
    return Sketch(counts, min(each.least for each in sketches), max(each.greatest for each in sketches))


def quantile(sketch: Sketch, thousandths: int) -> int:
    """The value at the rank `thousandths × (count − 1) ÷ 1000`, rounded down, of all in order; right to one percent."""
    rank = thousandths * (sum(sketch.counts.values()) - 1) // 1000
    for bucket in sorted(sketch.counts):
        rank -= sketch.counts[bucket]
        if rank < 0:
            return min(max(BUCKETS[bucket][2], sketch.least), sketch.greatest)
    raise AssertionError("the counts of a sketch add up to its count")


def response_times(
    rollups: Iterable[Mapping[str, Any]], environment_ids: Iterable[str], period: Stretch
) -> list[dict[str, Any]]:
    """By environment the percentiles, in microseconds, of all good checks of the hours that begin in a period.

    A sketch that nobody can read counts in no figure.
    """
    found: dict[str, list[Sketch]] = {each: [] for each in environment_ids}
    for event in rollups:
        if not period[0] <= instant(event["data"]["starts_at"]) < period[1]:
            continue
        for monitor in event["data"]["monitors"]:
            said = monitor.get("response_times")
            if said is None or monitor["environment_id"] not in found:
                continue
            try:
                sketch = sketch_of(said["sketch"])
            except ValueError:
                continue
            if sketch is not None:
                found[monitor["environment_id"]].append(sketch)
    figures = []
    for environment_id, sketches in found.items():
        if sketches:
            whole = merged(sketches)
            percentiles = {f"p{each // 10}_us": quantile(whole, each) for each in (500, 950, 990)}
            figures.append({"environment_id": environment_id, "checks": sum(whole.counts.values()), **percentiles})
    return figures


# --- the clock -------------------------------------------------------------------------------------------------------

HORIZON = 3650 * 24 * 60 * MINUTE
"""How far after the instant of a reading a due time is looked for."""

EACH_TIME = ("next_reply", "acceptance", "post_mortem")
"""Metrics that begin anew each time: the next question has the whole time."""
NOT_PROMISED, SUSPENDED = "not_promised", "contract_suspended"
ALWAYS_PAUSES = frozenset({SUSPENDED, "monitoring_paused", NOT_PROMISED, "not_resolved"})
"""Reasons that stop a clock under every contract."""
OVER = ("terminated", "expired")


class Policy(NamedTuple):
    """What is promised: how long, by which calendar, and for which reasons the clock stands still."""

    target: int
    calendar: str
    pausable: frozenset[str]


Happening = tuple[int, str, str, str]
"""Something that happens to a clock: when, what (`opened`, `changed`, `paused`, `resumed`, `stopped`, `reopened`,
`cancelled`), the name of the policy or of the pause, and the reason of the pause."""


def promised(version: Mapping[str, Any], severity: str, metric: str) -> Policy | None:
    """What a version of a contract promises; None is nothing, or not any more."""
    response, desk = version.get("response"), version.get("service_desk")
    if version["status"] in OVER or response is None:
        return None
    text: str | None = None
    if metric in ("response", "repair"):
        text = {each["severity"]: each.get(metric) for each in response["targets"]}.get(severity)
    elif desk is not None and metric == "acceptance":
        text = desk.get("acceptance", {}).get("due", "PT45H")
    elif desk is not None and metric == "post_mortem":
        text = desk.get("post_mortem", {}).get("due", "PT40H")
    elif desk is not None:
        text = {each["severity"]: each[metric] for each in desk.get("targets", ()) if each.get(metric)}.get(severity)
    if text is None:
        return None
    return Policy(duration(text), response["calendar"], frozenset(response.get("pausable", ())) | ALWAYS_PAUSES)


class Life:
    """The facts of a clock, woven in order of time with what the versions of its contract did.

    The newest version among those in force counts; of several stops the earliest; nothing counts after a cancel; and a
    clock that has ended heeds only the versions that had taken effect by then.
    """

    def __init__(
        self, versions: Sequence[Mapping[str, Any]], metric: str, severity: str, facts: Sequence[Mapping[str, Any]]
    ) -> None:
        ordered = sorted(facts, key=lambda fact: instant(fact["at"]))
        first = next((fact for fact in ordered if fact["kind"] == "opened"), None)
        if first is None:
            raise Doubt("A clock was never opened.")
        self.metric = metric
        self._first, self._facts = first, ordered
        self._versions = sorted(versions, key=lambda version: version["version"])
        self._weave(first["severity"] or severity)
        if self.ended is not None:
            self._versions = [each for each in self._versions if instant(each["effective_from"]) <= self.ended]
            self._weave(first["severity"] or severity)
        self.calendars = {name: known for each in self._versions for name, known in each.get("calendars", {}).items()}

    def _weave(self, severity: str) -> None:
        opening = instant(self._first["at"])
        known = [each for each in self._versions if instant(each["effective_from"]) <= opening]
        promising = [each for each in known if promised(each, severity, self.metric) is not None]
        if not promising:
            raise Doubt(f"No version of the contract promised the {self.metric} of a clock when it opened.")
        self._terms, self._severity = promising[-1], severity
        policy = promised(self._terms, severity, self.metric)
        assert policy is not None
        self.rules: dict[str, str] = {
            "on_policy_change": "retroactive",
            "on_reopen": "resume",
            **self._terms["response"].get("rules", {}),
        }
        if self.metric in EACH_TIME:
            self.rules["on_reopen"] = "new_cycle"
        self.policies: dict[str, Policy] = {}
        self.ended: int | None = None
        self._pauses: set[str] = set()
        self._running, self._over, self._unpromised, self._suspended = True, False, False, False
        self._suspensions = 0
        self._policy = self._wanted = self._name(policy)
        self.happenings: list[Happening] = [(opening, "opened", self._policy, "")]
        self._suspend(opening, self._terms["status"] == "suspended")
        if self._terms is not known[-1]:
            self._cancel(opening)
        self._last_reopening = max(
            (max(instant(fact["at"]), opening) for fact in self._facts if fact["kind"] == "reopened"), default=None
        )
        steps: list[tuple[int, int, Mapping[str, Any]]] = [
            (max(instant(fact["at"]), opening), 1, fact) for fact in self._facts if fact is not self._first
        ]
        newest = known[-1]["version"]
        for each in sorted(
            self._versions, key=lambda version: (instant(version["effective_from"]), version["version"])
        ):
            if instant(each["effective_from"]) > opening and each["version"] > newest:
                newest = each["version"]
                steps.append((instant(each["effective_from"]), 0, each))
        # At one instant the contract's change comes first: what stops then is stopped under the new terms.
        for at, kind, step in sorted(steps, key=lambda each: each[:2]):
            if not self._over:
                take = self._take_fact if kind else self._take_terms
                take(at, step)

    def _say(self, at: int, what: str, name: str = "", reason: str = "") -> None:
        self.happenings.append((at, what, name, reason))

    def _take_terms(self, at: int, version: Mapping[str, Any]) -> None:
        self._terms = version
        policy = promised(version, self._severity, self.metric)
        suspended = version["status"] == "suspended"
        if policy is not None:
            self._promise_again(at)
            self._wanted = self._name(policy)
            self._change(at)
            self._suspend(at, suspended)
        elif self._unpromised and version["status"] not in OVER:
            self._suspend(at, suspended)
        elif self._running:
            self._cancel(at)

    def _take_fact(self, at: int, fact: Mapping[str, Any]) -> None:
        kind, pause = fact["kind"], fact.get("pause_id")
        if kind == "stopped" and self._running:
            reopened = self._last_reopening is not None and self._last_reopening >= at
            if self._unpromised and not reopened:
                self._cancel(at)
                return
            self._running = self._unpromised = False
            self.ended = at
            self._pauses.clear()
            self._say(at, "stopped")
        elif kind == "reopened" and not self._running:
            self._running, self.ended = True, None
            self._say(at, "reopened")
            self._change(at)
            if promised(self._terms, self._severity, self.metric) is None:
                self._unpromised = True
                self._say(at, "paused", NOT_PROMISED, NOT_PROMISED)
            suspended, self._suspended = self._suspended, False
            self._suspend(at, suspended)
        elif kind == "cancelled" and self._running:
            self._cancel(at)
        elif kind == "reclassified" and fact["severity"] is not None and fact["severity"] != self._severity:
            self._severity = fact["severity"]
            policy = promised(self._terms, self._severity, self.metric)
            if policy is not None:
                self._promise_again(at)
                self._wanted = self._name(policy)
                self._change(at)
            elif not self._unpromised and self._running:
                self._unpromised = True
                self._say(at, "paused", NOT_PROMISED, NOT_PROMISED)
        elif kind == "paused" and self._running and pause and pause not in self._pauses:
            self._pauses.add(pause)
            self._say(at, "paused", pause, fact.get("reason") or "")
        elif kind == "resumed" and self._running and pause in self._pauses:
            self._pauses.discard(pause)
            self._say(at, "resumed", pause)

    def _cancel(self, at: int) -> None:
        self._over, self.ended = True, at
        self._say(at, "cancelled")

    def _promise_again(self, at: int) -> None:
        if self._unpromised:
            self._unpromised = False
            self._say(at, "resumed", NOT_PROMISED)

    def _name(self, policy: Policy) -> str:
        """The same name while nothing in a policy changes, else that of the version that changed it."""
        for name, known in self.policies.items():
            if known == policy:
                return name
        name = f"{self._severity}-{self.metric}@{self._terms['version']}"
        self.policies[name] = policy
        return name

    def _change(self, at: int) -> None:
        if self._running and self._wanted != self._policy:
            self._policy = self._wanted
            self._say(at, "changed", self._policy)

    def _suspend(self, at: int, suspended: bool) -> None:
        if self._running and suspended != self._suspended:
            self._suspensions += suspended
            name = f"{SUSPENDED}.{self._suspensions}"
            self._say(at, "paused" if suspended else "resumed", name, SUSPENDED if suspended else "")
        self._suspended = suspended


def region_of(calendar: Mapping[str, Any]) -> str | None:
    """The name of the list of public holidays that a calendar heeds."""
    region = calendar.get("holidays")
    return None if not region else "-".join(filter(None, (region["country"], region.get("subdivision"))))


class Hours:
    """The versions of a business calendar, each from an instant on, and the public holidays by region."""

    def __init__(self, versions: Sequence[Mapping[str, Any]], holidays: Mapping[str, Sequence[str]]) -> None:
        self._versions = versions
        self._holidays = {region: frozenset(days) for region, days in holidays.items()}

    def spans(self, start: int, end: int) -> list[tuple[int, int, int]]:
        """`[start, end)` by the number of the version in force; the first is 1, and before it there is 0."""
        found, at = [], start
        for number, version in enumerate([*self._versions, None]):
            begins = version["effective_from"] if version is not None else None
            until = end if version is None else at if begins is None else min(instant(begins), end)
            if at < until:
                found.append((at, until, number))
                at = until
        return found

    def open(self, start: int, end: int) -> list[Stretch]:
        """When it is open."""
        return joined(
            stretch
            for left, right, number in self.spans(start, end)
            if number
            for stretch in self._opened(number, left, right)
        )

    def pieces(self, start: int, end: int) -> list[tuple[int, int, str, int]]:
        """`[start, end)` in pieces: `open`, or why not, by which version."""
        found = []
        for left, right, number in self.spans(start, end):
            calendar = self._versions[number - 1]["calendar"] if number else {}
            opens = self._opened(number, left, right) if number else []
            if not number or calendar.get("always"):
                found.append((left, right, "open" if number else "closed", number))
                continue
            zone = zone_of(calendar["time_zone"])
            day = _local_date(left, zone)
            while (at := max(left, _boundary(day, "00:00", zone, last=False))) < right:
                following = min(right, _boundary(day, "24:00", zone, last=False))
                why = self._why_closed(calendar, day.isoformat())
                for begins, ends in common(opens, [(at, following)]) if at < following else []:
                    found += [(at, begins, why, number), (begins, ends, "open", number)]
                    at = ends
                found.append((at, following, why, number))
                day += timedelta(days=1)
        return [piece for piece in found if piece[0] < piece[1]]

    def _opened(self, number: int, start: int, end: int) -> list[Stretch]:
        calendar = self._versions[number - 1]["calendar"]
        return opened(calendar, self._days(calendar), (start, end))

    def _days(self, calendar: Mapping[str, Any]) -> frozenset[str]:
        region = region_of(calendar)
        return self._holidays[region] if region is not None else frozenset()

    def _why_closed(self, calendar: Mapping[str, Any], day: str) -> str:
        if any(each["date"] == day for each in calendar.get("openings", ())):
            return "closed"
        if day in self._days(calendar):
            return "holiday"
        return "closure" if _is_closure(calendar, day) else "closed"


class Count:
    """What counts by one calendar: until `now` its open time where the clock runs, after `now` all of it."""

    def __init__(self, hours: Hours, countable: Sequence[Stretch], opening: int, now: int) -> None:
        self._hours, self._now = hours, now
        self._parts = common(hours.open(opening, now), joined(countable))
        self._read, self._step = now, 16 * 24 * 60 * MINUTE

    def until(self, at: int) -> int:
        """How much counted before an instant that is not after `now`."""
        return sum(min(end, at) - start for start, end in self._parts if start < at)

    def find(self, amount: int, *, last: bool) -> int | None:
        """The first instant at which this much has counted, or the last at which no more has."""
        total, index, limit = 0, 0, self._now + HORIZON
        while True:
            while index < len(self._parts):
                start, end = self._parts[index]
                if total + end - start > amount or (not last and total + end - start == amount):
                    at = start + amount - total
                    return at if at <= limit else None
                total += end - start
                index += 1
            if self._read > limit:
                return None
            until = min(self._read + self._step, limit + 1)
            self._parts += self._hours.open(self._read, until)
            self._read, self._step = until, self._step * 2


class Lap(NamedTuple):
    """A count under one policy from an instant on, beginning with what was carried over."""

    policy: str
    start: int
    carried: int


class Laps:
    """The laps that make the present figures. Every lap but the last ended where the next one starts."""

    def __init__(self, policies: Mapping[str, Policy], count: Callable[[str], Count], policy: str, at: int) -> None:
        self._policies, self._count = policies, count
        self._laps = [Lap(policy, at, 0)]

    @property
    def policy(self) -> str:
        """The one in force."""
        return self._laps[-1].policy

    @property
    def target(self) -> int:
        """Of the policy in force."""
        return self._policies[self.policy].target

    def start_over(self, policy: str, at: int) -> None:
        """Counts from an instant, from zero."""
        self._laps = [Lap(policy, at, 0)]

    def carry(self, policy: str, at: int) -> None:
        """Goes on with the same used share of another target; to or from a zero target there is none."""
        target = self._policies[policy].target
        if self.target and target:
            self._laps.append(Lap(policy, at, self.elapsed(at) * target // self.target))
        else:
            self.start_over(policy, at)

    def elapsed(self, at: int) -> int:
        """What the clock reads."""
        lap = self._laps[-1]
        return lap.carried + self._of(lap).until(at) - self._of(lap).until(lap.start)

    def breach_after(self) -> int | None:
        """The last instant at which no more than the target is used."""
        for lap in reversed(self._laps):
            left = self._policies[lap.policy].target - lap.carried
            if left >= 0:  # else the share was exceeded before this lap
                return self._of(lap).find(self._of(lap).until(lap.start) + left, last=True)
        raise AssertionError("the first lap carries nothing")

    def due_at(self) -> int | None:
        """The first instant at which the target is used; of a zero target, the first that counts."""
        if not self.target:
            return self.breach_after()
        for lap, following in zip(self._laps, [*self._laps[1:], None]):  # noqa: B905  (Python 3.9 has no `strict`)
            left, before = self._policies[lap.policy].target - lap.carried, self._of(lap).until(lap.start)
            if following is None or self._of(lap).until(following.start) - before >= left:
                return self._of(lap).find(before + left, last=False)
        raise AssertionError("there is at least one lap")

    def _of(self, lap: Lap) -> Count:
        return self._count(self._policies[lap.policy].calendar)


class Running(NamedTuple):
    """A stretch in which nothing happens to a clock; `pause` is the reason that is told and whether it is allowed."""

    start: int
    end: int
    policy: str
    cycle: int
    stopped: bool
    pause: tuple[str, bool] | None


def _runs(life: Life, past: Sequence[Happening], until: int) -> tuple[list[Running], bool]:
    """The life in stretches, and whether a pause that is allowed is open at the end."""
    found: list[Running] = []
    policy, cycle, stopped = "", 0, False
    pauses: dict[str, str] = {}

    def pause() -> tuple[str, bool] | None:
        allowed = [reason for reason in pauses.values() if reason in life.policies[policy].pausable]
        return (allowed[0], True) if allowed else next(((reason, False) for reason in pauses.values()), None)

    last = past[0][0]
    for at, what, name, reason in past:
        if at > last:
            found.append(Running(last, at, policy, cycle, stopped, pause()))
            last = at
        if what in ("opened", "changed"):
            policy = name
        elif what == "paused":
            pauses[name] = reason
        elif what == "resumed":
            del pauses[name]
        elif what == "reopened":
            stopped = False
            cycle += life.rules["on_reopen"] == "new_cycle"
        else:
            pauses.clear()
            stopped = life.rules["on_reopen"] != "count_through"
    told_now = pause()
    if until > last:
        found.append(Running(last, until, policy, cycle, stopped, told_now))
    return found, told_now is not None and told_now[1]


def clock_reading(life: Life, holidays: Mapping[str, Sequence[str]], as_of: int) -> dict[str, Any]:
    """What a clock reads at an instant, as events tell it, and `explanation`: every stretch of its life and why it
    counted or not.
    """
    opening = life.happenings[0][0]
    past = [each for each in life.happenings if each[0] <= max(as_of, opening)]
    ended = past[-1][1] in ("stopped", "cancelled")
    now = past[-1][0] if ended else max(as_of, opening)
    runs, paused = _runs(life, past, now)
    countable = [(each.start, each.end) for each in runs if not each.stopped and not (each.pause and each.pause[1])]
    hours = {name: Hours(versions, holidays) for name, versions in life.calendars.items()}
    counts: dict[str, Count] = {}

    def count(calendar: str) -> Count:
        if calendar not in counts:
            counts[calendar] = Count(hours[calendar], countable, opening, now)
        return counts[calendar]

    laps = Laps(life.policies, count, past[0][2], opening)
    counted_by, verdict = _followed(life, past, laps)
    over = laps.elapsed(now) > laps.target
    lives = "breached" if over else "met" if ended else "paused" if paused else "running"
    return {
        "metric": life.metric,
        "policy": laps.policy,
        "target_seconds": seconds_of(laps.target),
        "state": "cancelled" if past[-1][1] == "cancelled" else lives,
        "due_at": instant_of(laps.due_at()),
        "breach_after": instant_of(laps.breach_after()),
        "elapsed_seconds": seconds_of(laps.elapsed(now)),
        "verdict": verdict,
        "explanation": _explained(
            life, hours, runs, counted_by if life.rules["on_policy_change"] == "retroactive" else None
        ),
    }


def _followed(life: Life, past: Sequence[Happening], laps: Laps) -> tuple[list[str], str | None]:
    """Takes the laps through what happened; gives the policy that counted last in each count from zero, and the verdict
    of a clock that is stopped.
    """
    counted_by, began, verdict = [laps.policy], past[0][0], None
    for at, what, name, _ in past:
        if what == "changed" and name != laps.policy:
            rule = life.rules["on_policy_change"]
            if rule == "carry_ratio":
                laps.carry(name, at)
            else:
                laps.start_over(name, began if rule == "retroactive" else at)
            counted_by[-1] = name
        elif what == "stopped":
            verdict = "breached" if laps.elapsed(at) > laps.target else "met"
        elif what == "reopened":
            verdict = None
            if life.rules["on_reopen"] == "new_cycle":
                began = at
                laps.start_over(laps.policy, at)
                counted_by.append(laps.policy)
    return counted_by, verdict


def _explained(
    life: Life, hours: Mapping[str, Hours], runs: Sequence[Running], counted_by: Sequence[str] | None
) -> list[dict[str, Any]]:
    """The life without holes; neighbours that say the same are one."""
    told_spans: list[tuple[int, int, tuple[str, str | None, str | None]]] = []
    for run in runs:
        name = life.policies[counted_by[run.cycle] if counted_by else run.policy].calendar
        reason, allowed = run.pause or (None, False)
        while_open = "open" if reason is None else "paused" if allowed else "pause_not_allowed"
        pieces = [(run.start, run.end, "stopped", 0)] if run.stopped else hours[name].pieces(run.start, run.end)
        for start, end, why, number in pieces:
            label = f"{name}#{number}" if number else None
            said = (while_open, label, reason) if why == "open" else (why, label, None)
            if told_spans and told_spans[-1][2] == said:
                told_spans[-1] = (told_spans[-1][0], end, said)
            else:
                told_spans.append((start, end, said))
    return [
        {
            "from": instant_of(start),
            "to": instant_of(end),
            "counted": why in ("open", "pause_not_allowed"),
            "why": why,
            "calendar": calendar,
            "reason": reason,
        }
        for start, end, (why, calendar, reason) in told_spans
    ]


def seconds_of(length_: int) -> int | float:
    """Whole seconds, or the exact decimal figure."""
    return length_ // SECOND if length_ % SECOND == 0 else float(Fraction(length_, SECOND))


def instant_of(at: int | None) -> str | None:
    """An instant as events write it."""
    if at is None:
        return None
    text = (EPOCH + timedelta(microseconds=at)).isoformat().replace("+00:00", "Z")
    return re.sub(r"(\.\d*?)0+Z$", r"\1Z", text)


# --- the pack --------------------------------------------------------------------------------------------------------

PLAIN_RULE = {
    "minimum_outage": "PT0S",
    "whole_minutes": False,
    "maintenance": "exclude",
    "unknown": "exclude",
    "degraded_weight": "0",
    "service_window": None,
}
"""What is applied where a contract promises nothing."""


def check_month(files: Mapping[str, bytes]) -> str:
    """Computes every figure of a month again; gives what they came to in one sentence. Raises Doubt."""
    sentence = check_figures(files)
    manifest, measured = read(files[MANIFEST]), read(files["measurement.json"])
    promised_ = [each for each in measured["figures"] if each["rule_source"] == "contract"]
    before = [(each.get("as_measured") or each)["met"] for each in promised_] if measured.get("decisions") else []
    if measured["met"] is not _together([each["met"] for each in promised_]):
        raise Doubt("The verdict of the month is not the one of its figures.")
    if measured.get("met_as_measured") is not _together(before):
        raise Doubt("The verdict before the decisions is not the one of the figures before them.")
    told_of = {name: value for name, value in measured.items() if name != "content_hash"}
    if hashlib.sha256(canonical(told_of)).hexdigest() != measured["content_hash"]:
        raise Doubt(f"The measurement of {manifest['month']} has another hash than it says.")
    return sentence


def _together(judged: Sequence[Any]) -> Any:
    return False if False in judged else (True if judged and None not in judged else None)


def check_figures(files: Mapping[str, bytes]) -> str:
    """Computes the figures of a month, or of one environment in it, again. Raises Doubt."""
    manifest, measured, states = (read(files[name]) for name in (MANIFEST, "measurement.json", "states.json"))
    events = _events(files, manifest["tenant_id"])
    rollups = _rollups(files["rollups.jsonl"], manifest)
    figures = measured["figures"]
    versions = _versions(events.values(), manifest["contract_id"])
    if (measured["contract_id"], measured["month"][:7]) != (manifest["contract_id"], manifest["month"]):
        raise Doubt("The measurement is of another month or contract than the manifest says.")
    if len(figures) != len(states) or not figures:
        raise Doubt("Not every figure has its states.")
    if manifest["kind"] == "figure" and {each["environment_id"] for each in figures} != {manifest["environment_id"]}:
        raise Doubt("The figures are of another environment than the manifest says.")
    decisions = _decisions(measured, events.values(), manifest["contract_id"])
    if {each for figure in figures for each in figure.get("outage_decision_ids", ())} != set(decisions):
        raise Doubt("The decisions on outages are not those that the figures rest on.")
    so_far = _check_whole(files, manifest, figures, versions)
    _check_numbers(events.values(), min(instant(each["starts_at"]) for each in figures))
    told_until = max(instant(each["ends_at"]) for each in figures)
    for figure, shown in zip(figures, states):  # noqa: B905  (Python 3.9 has no `strict`; the lengths are compared above)
        _check_figure(figure, shown, events, rollups, versions, decisions, told_until)
    _check_told(files, manifest, measured)
    times = _check_times(files, manifest, figures, rollups.values(), versions)
    _check_explained(files, figures, times)
    if checks_counted(figures, rollups.values()) != read(files["checks.json"]):
        raise Doubt("The checks that were executed are not those of the hourly roll-ups.")
    listed = "; ".join([*map(_sentence, figures), *(_times_sentence(times, figures))])
    if so_far is not None:
        listed += f"; the month was not over, and nothing is shown from {instant_of(so_far)} on"
    return f"{len(figures)} figures computed again from {len(events)} events and {len(rollups)} roll-ups: {listed}"


def _versions(events: Iterable[Mapping[str, Any]], contract_id: str) -> list[Mapping[str, Any]]:
    """The events of the contract's versions."""
    subject = f"contract/{contract_id}"
    found = [each for each in events if (each["source"], each["subject"]) == ("/services/contracts", subject)]
    if not found:
        raise Absent("No version of the contract is in the pack.")
    return found


def in_force(versions: Iterable[Mapping[str, Any]], period: Stretch) -> list[tuple[int, int, Mapping[str, Any]]]:
    """Which version was in force when: of those that had taken effect the highest number. Before any, none was."""
    since = [(instant(each["data"]["effective_from"]), each["data"]) for each in versions]
    edges = sorted({*period, *(at for at, _ in since if period[0] < at < period[1])})
    found = []
    for start, end in neighbours(edges):
        effective = [each for at, each in since if at <= start]
        if effective:
            found.append((start, end, max(effective, key=lambda each: each["version"])))
    return found


def month_of(month: str, versions: Sequence[Mapping[str, Any]]) -> Stretch:
    """A month of the client: each bound is the midnight of the zone that the contract named until then."""
    effects = [instant(each["data"]["effective_from"]) for each in versions]
    known = in_force(versions, (min(effects), max(effects) + 1))
    zones = [(since, zone_of(version["client"]["time_zone"])) for since, _, version in known]
    year, number = (int(part) for part in month.split("-"))
    following = date(year + number // 12, number % 12 + 1, 1)
    return _month_begins(date(year, number, 1), zones), _month_begins(following, zones)


def _month_begins(first: date, zones: Sequence[tuple[int, Zone]]) -> int:
    begins = _boundary(first, "00:00", zones[0][1], last=False)
    for since, zone in zones[1:]:
        if begins <= since:
            break
        begins = max(since, _boundary(first, "00:00", zone, last=False))
    return begins


PROMISING = ("active", "suspended")


def _check_whole(
    files: Mapping[str, bytes],
    manifest: Mapping[str, Any],
    figures: Sequence[Mapping[str, Any]],
    versions: Sequence[Mapping[str, Any]],
) -> int | None:
    """The figures cover all of the month in which the contract promised something, environment by environment.

    Gives where they end when the month was not over; None when all of it is there.
    """
    month = month_of(manifest["month"], versions)
    promised_ = [each for each in in_force(versions, month) if _promises(each[2])]
    first = min(versions, key=lambda each: each["data"]["version"])
    if promised_ and promised_[0][0] > month[0] and ".contract.activated." not in first["type"]:
        raise Doubt("The contract began within the month, and no event tells that it was activated.")
    wanted: dict[str, list[Stretch]] = {}
    for start, end, version in promised_:
        for site in version["sites"]:
            for environment in site["environments"]:
                if manifest["kind"] == "month" or environment["environment_id"] == manifest["environment_id"]:
                    wanted.setdefault(environment["environment_id"], []).append((start, end))
    shown: dict[str, list[Stretch]] = {}
    for figure in figures:
        period = (instant(figure["starts_at"]), instant(figure["ends_at"]))
        shown.setdefault(figure["environment_id"], []).append(period)
    until = max(end for stretches in shown.values() for _, end in stretches)
    missing = []
    for environment_id in sorted({*wanted, *shown}):
        due, there = joined(wanted.get(environment_id, ())), joined(shown.get(environment_id, ()))
        if length(shown.get(environment_id, ())) != length(there) or without(there, due):
            raise Doubt(f"A figure of the environment {environment_id} is of a time that is not its own.")
        missing += without(due, there)
    over = any(path.startswith("told/") for path in files)
    if missing and (over or min(missing)[0] < until):
        raise Doubt(
            f"The figures do not cover the month: from {instant_of(min(missing)[0])} on an environment has none."
        )
    return until if missing else None


def _check_numbers(events: Iterable[Mapping[str, Any]], start: int) -> None:
    """Nothing that a monitor said is left out between the first and the last that is there. `start`: of the figures."""
    numbers: dict[str, dict[int, Mapping[str, Any]]] = {}
    for event in events:
        if event["source"] == "/services/probes" and event["subject"].startswith("monitor/"):
            numbers.setdefault(event["subject"], {})[event["aggregateversion"]] = event
    for subject, said in numbers.items():
        first = min(said)
        if len(said) != max(said) - first + 1:
            raise Doubt(f"Something that the {subject} said is left out: its numbers have a hole.")
        begins = said_by(said[first])
        if first != 1 and (begins is None or begins.at > start):
            raise Doubt(f"What the {subject} said first is left out: its numbers begin with {first}.")


TOLD = ("starts_at", "ends_at", "committed", "met", "met_as_measured", "decisions", "time_zone")
"""What a month and the last word on it say alike, beside the figures; of one environment there is less."""
UNTOLD = ("event_ids", "event_count")
"""Which events are behind a figure may be known better than when it was told."""


def _check_told(files: Mapping[str, bytes], manifest: Mapping[str, Any], measured: Mapping[str, Any]) -> None:
    """Each word on the month is whole, and the last one says what is shown."""
    words: dict[int, Mapping[str, Any]] = {}
    for path, content in files.items():
        if not path.startswith("told/"):
            continue
        event = read(content)
        data = event["data"]
        of_month = (event["source"], event["tenantid"], data["contract_id"], data["month"][:7])
        if of_month != ("/services/reporting", manifest["tenant_id"], manifest["contract_id"], manifest["month"]):
            raise Doubt(f"{path} is no word on this month.")
        hashed = {name: value for name, value in data.items() if name not in ("version", "content_hash")}
        if path != f"told/{event['id']}.json" or hashlib.sha256(canonical(hashed)).hexdigest() != data["content_hash"]:
            raise Doubt(f"{path} does not say what it said: its hash is another one.")
        if event["aggregateversion"] in words:
            raise Doubt("The month was told twice with one version.")
        words[event["aggregateversion"]] = data
    if words:
        check_last_word(words[max(words)], manifest, measured)


def check_last_word(last: Mapping[str, Any], manifest: Mapping[str, Any], measured: Mapping[str, Any]) -> None:
    """The last word on a month, as its event tells it, says what is shown. Raises Doubt."""
    figures = [
        each
        for each in last["figures"]
        if manifest["kind"] == "month" or each["environment_id"] == manifest["environment_id"]
    ]
    same = [_told_alike(each) for each in figures] == [_told_alike(each) for each in measured["figures"]]
    if manifest["kind"] == "month":
        same = same and all((last.get(name) or None) == (measured.get(name) or None) for name in TOLD)
    if not same:
        raise Doubt("The figures are not those that the month was last told with.")


def _told_alike(figure: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in figure.items() if name not in UNTOLD and value not in (None, [])}


PERCENT = re.compile(r"(\d+(?:[.,]\d+)?)\s?%")
SIGNS = {"en": ".", "fr": ","}


def _check_times(
    files: Mapping[str, bytes],
    manifest: Mapping[str, Any],
    figures: Sequence[Mapping[str, Any]],
    rollups: Iterable[Mapping[str, Any]],
    versions: Sequence[Mapping[str, Any]],
) -> list[dict[str, Any]]:
    """The response times are those of the roll-ups of the month, as long as the contract promised something in it.

    Packs of earlier releases have none.
    """
    if "response-times.json" not in files:
        return []
    said = read(files["response-times.json"])
    period = (instant(said["from"]), instant(said["to"]))
    promised_ = [each for each in in_force(versions, month_of(manifest["month"], versions)) if _promises(each[2])]
    shown = max(instant(each["ends_at"]) for each in figures)
    over = any(path.startswith("told/") for path in files)
    whole = (promised_[0][0], promised_[-1][1])
    if period[0] != whole[0] or not shown <= period[1] <= whole[1] or (over and period[1] != whole[1]):
        raise Doubt("The response times are of another time than the month.")
    again = response_times(rollups, dict.fromkeys(each["environment_id"] for each in figures), period)
    if said["figures"] != again:
        raise Doubt(f"The response times are not those of the hourly roll-ups, which give {again}.")
    return again


def _promises(version: Mapping[str, Any]) -> bool:
    return version["status"] in PROMISING


def _times_sentence(times: Sequence[Mapping[str, Any]], figures: Iterable[Mapping[str, Any]]) -> list[str]:
    names = {each["environment_id"]: each["environment_name"] for each in figures}
    return [
        f"{names[each['environment_id']]} answered within {each['p50_us']}, {each['p95_us']} and {each['p99_us']} "
        f"microseconds (50, 95 and 99 of 100 of {each['checks']} checks)"
        for each in times
    ]


TIME = re.compile(r"(\d[\d.,\s]*?)\s?(ms|s)\b")


def _check_times_explained(
    path: str, sign: str, lines: Sequence[str], times: Sequence[Mapping[str, Any]], names: Mapping[str, str]
) -> None:
    if len(lines) != len(times):
        raise Doubt(f"{path} tells of other response times.")
    for line, figure in zip(lines, times):  # noqa: B905  (Python 3.9 has no `strict`; the lengths are compared above)
        name = f"{names[figure['environment_id']]}: "
        found = [
            (re.sub(r"[^\d.]", "", number.replace("." if sign == "," else ",", "").replace(sign, ".")), unit)
            for number, unit in TIME.findall(line[len(name) :])
        ]
        if not line.startswith(name) or found != [_time(figure[each]) for each in ("p50_us", "p95_us", "p99_us")]:
            raise Doubt(f"{path} shows other response times of {name[:-2]} than were computed.")


def _time(microseconds: int) -> tuple[str, str]:
    """As people read it, rounded half up: whole milliseconds below a second, else seconds with two decimals."""
    whole = (microseconds + 500) // 1000
    if whole < 1000:
        return str(whole), "ms"
    hundredths = (microseconds + 5000) // 10_000
    return f"{hundredths // 100}.{hundredths % 100:02}", "s"


def _check_explained(
    files: Mapping[str, bytes], figures: Sequence[Mapping[str, Any]], times: Sequence[Mapping[str, Any]]
) -> None:
    """The figures that people read are the computed ones, rounded as the contract's figures are."""
    names = {each["environment_id"]: each["environment_name"] for each in figures}
    for language, sign in SIGNS.items():
        path = f"explanation.{language}.txt"
        blocks = files[path].decode("utf-8").split("\n\n")[1:]
        if times:
            _check_times_explained(path, sign, blocks[-1].splitlines()[1:], times, names)
            blocks.pop()
        if len(blocks) != len(figures):
            raise Doubt(f"{path} tells of other figures.")
        for block, figure in zip(blocks, figures):  # noqa: B905  (Python 3.9 has no `strict`)
            first, *others = block.splitlines()
            printed = [number.replace(sign, ".") for number in PERCENT.findall(first.rpartition(">: ")[2])]
            if not first.startswith(f"{figure['environment_name']} <{figure['url']}>: ") or printed != _printed(
                figure, figure["target_percent"]
            ):
                raise Doubt(f"{path} shows another figure of {figure['environment_name']} than was computed.")
            before = figure.get("as_measured")
            rest = [number.replace(sign, ".") for line in others for number in PERCENT.findall(line)]
            target = figure["target_percent"]
            wanted = ([] if target is None else [_shortened(target)]) + (_printed(before, target) if before else [])
            if [_shortened(each) for each in rest[: len(wanted)]] != [_shortened(each) for each in wanted]:
                raise Doubt(f"{path} shows another promise or another figure before the decisions than there is.")


def _shortened(number: str) -> str:
    return number.rstrip("0").rstrip(".") if "." in number else number


def _printed(amounts: Mapping[str, Any], target: str | None) -> list[str]:
    """The percentage as people read it, none where nothing was measured: two decimals, rounded half up, unless that
    would show a target as reached that was missed or the other way round, or 100 that it is not: then the fewest more.
    """
    if not amounts["denominator"]:
        return []
    exact = Fraction(100 * amounts["numerator"], amounts["denominator"])
    for decimals in range(2, 40):
        shown = Fraction(int(exact * 10**decimals + Fraction(1, 2)), 10**decimals)
        honest = target is None or (shown >= Fraction(target)) == (exact >= Fraction(target))
        if honest and (shown < 100 or exact >= 100):
            units = int(shown * 10**decimals)
            return [f"{units // 10**decimals}.{units % 10**decimals:0{decimals}}"]
    return []


def _sentence(figure: Mapping[str, Any]) -> str:
    text = f"{figure['environment_name']} {figure['uptime_percent'] or 'not measured'}"
    if figure.get("as_measured") is None:
        return text
    return f"{text} by decisions, {figure['as_measured']['uptime_percent'] or 'not measured'} as measured"


COUNTS_AS = {"agreed_maintenance": "maintenance", "client_caused": "paused", "third_party": "paused"}
"""What an outage is by a decision of two people."""


def _decisions(
    measured: Mapping[str, Any], events: Iterable[Mapping[str, Any]], contract_id: str
) -> dict[str, Mapping[str, Any]]:
    """The decisions that a measurement names, each as its event tells it: approved, by another person."""
    found: dict[str, Mapping[str, Any]] = {}
    for said in measured.get("decisions", ()):
        name = said["outage_decision_id"]
        of_it = [
            event
            for event in events
            if event["source"] == "/services/reporting" and event["subject"] == f"outage_decision/{name}"
        ]
        if not of_it:
            raise Doubt(f"No event tells of the decision {name}.")
        data = max(of_it, key=lambda event: event["aggregateversion"])["data"]
        proposed = data["steps"][0]
        approved = next((step for step in data["steps"] if step["act"] == "approved"), None)
        if approved is None or data["status"] != "approved":
            raise Doubt(f"The decision {name} is not in force.")
        people = {step["by"]["id"] for step in (proposed, approved) if step["by"]["kind"] == "user"}
        if len(people) != 2:
            raise Doubt(f"The decision {name} was not proposed and approved by two people.")
        told_ = {
            **{key: data[key] for key in ("outage_id", "environment_id", "category", "starts_at", "ends_at")},
            "reason": proposed["reason"],
            "proposed_by": proposed["by"]["name"],
            "approved_by": approved["by"]["name"],
            "approved_at": approved["at"],
        }
        for key, value in told_.items():
            same = instant(said[key]) == instant(value) if key.endswith("_at") else said[key] == value
            if not same:
                raise Doubt(f"The decision {name} says {key} {said[key]}; its event says {value}.")
        if data["outage_decision_id"] != name or data["contract_id"] != contract_id or name in found:
            raise Doubt(f"The decision {name} is of another contract, or is there twice.")
        found[name] = said
    return found


CHECKS_COUNTED = ("expected", "executed", "missed", "blocked")


def checks_counted(figures: Iterable[Mapping[str, Any]], rollups: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """By environment, over the hours that lie in its figures: how many checks were due, made, missed, turned away."""
    periods: dict[str, list[Stretch]] = {}
    for figure in figures:
        period = (instant(figure["starts_at"]), instant(figure["ends_at"]))
        periods[figure["environment_id"]] = joined([*periods.get(figure["environment_id"], ()), period])
    found: dict[str, dict[str, Any]] = {
        each: {"environment_id": each, "hours": 0, **dict.fromkeys(CHECKS_COUNTED, 0)} for each in periods
    }
    hours: dict[str, set[int]] = {each: set() for each in periods}
    for event in rollups:
        start, end = instant(event["data"]["starts_at"]), instant(event["data"]["ends_at"])
        for monitor in event["data"]["monitors"]:
            environment_id = monitor["environment_id"]
            if common(periods.get(environment_id, []), [(start, end)]) != [(start, end)]:
                continue
            hours[environment_id].add(start)
            for name in CHECKS_COUNTED:
                found[environment_id][name] += monitor[name]
    return [{**line, "hours": len(hours[environment_id])} for environment_id, line in sorted(found.items())]


def _rollups(content: bytes, manifest: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    """The hourly roll-ups by the ids of their events, one line each as it was said; of each hour the newest."""
    found: dict[str, Mapping[str, Any]] = {}
    subjects = set()
    for line in content.splitlines():
        event = read(line)
        if event["tenantid"] != manifest["tenant_id"] or event["data"]["contract_id"] != manifest["contract_id"]:
            raise Doubt("A roll-up is of somebody else.")
        found[event["id"]] = event
        subjects.add(event["subject"])
    if len(subjects) != len(content.splitlines()):
        raise Doubt("A roll-up is there twice.")
    return found


def _events(files: Mapping[str, bytes], tenant_id: str) -> dict[str, Mapping[str, Any]]:
    """The events of the pack by id, each a CloudEvent as it was said."""
    found: dict[str, Mapping[str, Any]] = {}
    for path, content in files.items():
        if path.startswith("events/"):
            event = read(content)
            if path != f"events/{event['id']}.json" or event["tenantid"] != tenant_id:
                raise Doubt(f"{path} holds another event, or one of somebody else.")
            found[event["id"]] = event
    return found


class Known(NamedTuple):
    """What the events of a pack tell of one environment: what the monitors that decide its state said, by monitor in
    the order of their numbers; when measuring vouched for each last; when work was planned on it; and when its contract
    was suspended.
    """

    said: Mapping[str, Sequence[Said]]
    vouched: Mapping[str, int]
    planned: Sequence[Stretch]
    suspended: Sequence[Stretch]


def _check_figure(
    figure: Mapping[str, Any],
    shown: Mapping[str, Any],
    events: Mapping[str, Mapping[str, Any]],
    rollups: Mapping[str, Mapping[str, Any]],
    versions: Sequence[Mapping[str, Any]],
    decisions: Mapping[str, Mapping[str, Any]],
    told_until: int,
) -> None:
    name = f"The figure of {figure['environment_name']} from {figure['starts_at']}"
    period = (instant(figure["starts_at"]), instant(figure["ends_at"]))
    spans = _covering(name, period, shown["states"])
    _check_rule(name, figure, versions)
    known = _known(figure, spans, events.values(), rollups.values(), versions)
    _check_named(name, shown["states"], {**rollups, **events})
    _check_states(name, shown["states"], known, period[1], told_until)
    holidays = frozenset(shown["holidays"])
    if ("decided" in shown) != (figure.get("as_measured") is not None):
        raise Doubt(f"{name} is shown with decisions and not before them, or before them only.")
    if "decided" in shown:
        _check_amounts(f"{name} as it was measured", figure, figure["as_measured"], period, spans, holidays)
        spans = _covering(name, period, shown["decided"])
        own = {each: decisions[each] for each in figure["outage_decision_ids"]}
        _check_named(name, shown["decided"], {**rollups, **events})
        _check_decided(name, figure["environment_id"], shown, known, own)
    _check_amounts(name, figure, figure, period, spans, holidays)


def _covering(name: str, period: Stretch, states: Sequence[Mapping[str, Any]]) -> list[tuple[int, int, str]]:
    """The states, which cover the period without a hole."""
    spans = [(instant(each["from"]), instant(each["to"]), each["state"]) for each in states]
    at = min(spans[0][0], period[0]) if spans else period[0]
    for start, end, state in spans:
        if start != at or start >= end or state not in (*STATES, "up"):
            raise Doubt(f"{name} rests on states with a hole, an overlap or an unknown word.")
        at = end
    if not spans or spans[0][0] > period[0] or at < period[1]:
        raise Doubt(f"{name} rests on states that do not cover its period.")
    return spans


def _check_amounts(
    name: str,
    figure: Mapping[str, Any],
    said: Mapping[str, Any],
    period: Stretch,
    spans: Sequence[tuple[int, int, str]],
    holidays: frozenset[str],
) -> None:
    again = told(uptime(period, figure["rule"], spans, holidays), figure["rule"], figure["target_percent"])
    for each, value in again.items():
        if said[each] != value or type(said[each]) is not type(value):
            raise Doubt(f"{name} says {each} {said[each]}; its states and its rule give {value}.")


def _check_named(name: str, states: Sequence[Mapping[str, Any]], events: Mapping[str, Mapping[str, Any]]) -> None:
    """Every state names events that are there, and down time one that tells of its outage."""
    for state in states:
        here = [events[each]["data"] for each in state["event_ids"] if each in events]
        if len(here) != len(state["event_ids"]):
            raise Doubt(f"{name} names events that are not in the pack.")
        told_of = {(fact.get("outage") or fact).get("outage_id") for fact in here}
        if state["state"] == "down" and state["outage_id"] not in told_of:
            raise Doubt(f"{name}: no event tells of the outage from {state['from']}.")


def _check_rule(name: str, figure: Mapping[str, Any], versions: Sequence[Mapping[str, Any]]) -> None:
    """The rule and the target are those that the contract's version in force then promised for this environment, and
    no version that came in force within the figure's time promised others.
    """
    pieces = in_force(versions, (instant(figure["starts_at"]), instant(figure["ends_at"])))
    if not pieces or pieces[0][0] != instant(figure["starts_at"]):
        raise Doubt(f"{name}: no version of the contract that is in the pack was in force then.")
    if pieces[0][2]["version"] != figure["contract_version"]:
        raise Doubt(
            f"{name}: version {figure['contract_version']} of the contract was not in force then, but version "
            f"{pieces[0][2]['version']}."
        )
    for _, _, data in pieces:
        _check_promise(name, figure, data)


def _check_promise(name: str, figure: Mapping[str, Any], data: Mapping[str, Any]) -> None:
    environments = [each for site in data["sites"] for each in site["environments"]]
    counting = [each["counts_for_sla"] for each in environments if each["environment_id"] == figure["environment_id"]]
    if counting != [figure["counts_for_sla"]]:
        raise Doubt(f"{name}: the contract says otherwise whether this environment counts.")
    promised = data["uptime"] if figure["counts_for_sla"] else None
    rule = promised["rule"] if promised is not None else PLAIN_RULE
    target = promised["target_percent"] if promised is not None else None
    source = "contract" if promised is not None else "informative"
    if (source, target) != (figure["rule_source"], figure["target_percent"]) or any(
        rule[key] != figure["rule"][key] for key in PLAIN_RULE
    ):
        raise Doubt(f"{name} is computed by another rule than the contract's version {data['version']} promised.")


def _known(
    figure: Mapping[str, Any],
    spans: Sequence[tuple[int, int, str]],
    events: Iterable[Mapping[str, Any]],
    rollups: Iterable[Mapping[str, Any]],
    versions: Sequence[Mapping[str, Any]],
) -> Known:
    """What the events tell of the environment of a figure."""
    environment_id = figure["environment_id"]
    said: dict[str, dict[int, Said]] = {}
    planned: list[Stretch] = []
    for event in events:
        data = event["data"]
        if event["source"] == "/services/probes" and data.get("environment_id") == environment_id:
            each = said_by(event) if decides(figure, data) else None
            if each is not None and f"contract/{data['contract_id']}" == versions[0]["subject"]:
                said.setdefault(each.monitor_id, {})[each.number] = each
        elif event["source"] == "/services/contracts" and event["subject"].startswith("maintenance/"):
            named = (*data["site_ids"], *data["environment_ids"])
            if not named or figure["site_id"] in data["site_ids"] or environment_id in data["environment_ids"]:
                planned += [(instant(each["starts_at"]), instant(each["ends_at"])) for each in data["occurrences"]]
    vouched: dict[str, int] = {}
    for event in rollups:
        for monitor in event["data"]["monitors"]:
            until = max(vouched.get(monitor["monitor_id"], 0), instant(event["data"]["ends_at"]))
            vouched[monitor["monitor_id"]] = until
    return Known(
        {monitor_id: [by_number[each] for each in sorted(by_number)] for monitor_id, by_number in said.items()},
        vouched,
        joined(planned),
        _suspensions(versions, (spans[0][0], spans[-1][1])),
    )


def decides(figure: Mapping[str, Any], data: Mapping[str, Any]) -> bool:
    """Whether what a monitor says is a state of its environment: where that counts, only if availability is measured.

    Where nothing was told of that, whether the monitor counts says it.
    """
    measures = data.get("measures_availability")
    return not figure["counts_for_sla"] or bool(data["counts_for_sla"] if measures is None else measures)


def _suspensions(versions: Sequence[Mapping[str, Any]], period: Stretch) -> list[Stretch]:
    """When the newest version in force suspended the contract."""
    pieces = in_force(versions, period)
    return joined((start, end) for start, end, version in pieces if version["status"] == "suspended")


class Said(NamedTuple):
    """A transition of a monitor: what it entered when, what it ended and since when that was, and silences in it."""

    monitor_id: str
    number: int
    entered: str
    at: int
    ended: str | None
    since: int | None
    outage_id: str | None
    gaps: tuple[tuple[int, int | None], ...]


def said_by(event: Mapping[str, Any]) -> Said | None:
    """What an event of a monitor tells; None when it is no transition."""
    data, name = event["data"], event["type"].rpartition("monitor.")[2].partition(".")[0]
    entered, at, whole = name, data.get("since"), data
    ended, since, outage_id = None, None, None
    if name == "down":
        at, outage_id = data["down_since"], data["outage_id"]
    elif name == "recovered":
        entered, at, ended = "up", data["recovered_at"], "down"
        since, outage_id = data["down_since"], data["outage_id"]
    elif name == "restored":
        entered, at, ended = data.get("state", "up"), data["restored_at"], data.get("previous_state")
        since = data["since"] if ended is not None else None
        outage_id = data.get("outage_id") if entered == "down" else None
    elif name == "paused" and data.get("outage") is not None:
        whole = data["outage"]
        ended, since, outage_id = "down", whole["down_since"], whole["outage_id"]
    elif name not in ("degraded", "maintenance", "unknown", "paused"):
        return None
    gaps = whole.get("gaps") or () if name in ("recovered", "paused") else ()
    return Said(
        data["monitor_id"],
        event["aggregateversion"],
        entered,
        instant(at),
        ended,
        None if since is None else instant(since),
        outage_id,
        tuple((instant(gap["start"]), None if gap["end"] is None else instant(gap["end"])) for gap in gaps),
    )


RANKS = {"paused": 0.0, "maintenance": 1.0, "down": 2.0, "degraded": 3.0, "unknown": 4.0, "up": 5.0}
"""Of several that speak of one instant the lowest holds."""
TOLD_SILENCE = 1.5
"""Silence of which both ends are told: whoever claimed down time only did not know of it yet."""
SILENT, SILENT_AFTER = "no_fresh_result", 2 * 60 * MINUTE

Claim = tuple[int, int, float, str, "str | None"]
"""From, to, rank, state and outage."""


def claims_of(said: Sequence[Said], vouched: int | None, until: int, end: int) -> list[Claim]:
    """What one monitor says of its time, each stretch on its own; they may overlap.

    `vouched`: until when roll-ups say that it was measured; None where none speaks of it. `end`: of the figure.
    """
    found: list[Claim] = []
    for number, each in enumerate(said):
        last = number + 1 == len(said)
        ends = until if last else said[number + 1].at
        outage = each.outage_id if each.entered == "down" else None
        heard = max(each.at, vouched or 0)
        if last and each.entered in ("up", "degraded") and vouched is not None and heard < end:
            found.append((heard, until, RANKS["unknown"], "unknown", None))
            ends = heard
        found.append((each.at, ends, RANKS[each.entered], each.entered, outage))
        if each.ended is not None and each.since is not None:
            outage = each.outage_id if each.ended == "down" else None
            rank = TOLD_SILENCE if each.ended == "unknown" else RANKS[each.ended]
            found.append((each.since, each.at, rank, each.ended, outage))
        for start, silent_until in each.gaps:
            found.append((start, each.at if silent_until is None else silent_until, TOLD_SILENCE, "unknown", None))
    return [claim for claim in found if claim[0] < claim[1]]


def neighbours(edges: Sequence[int]) -> Iterator[Stretch]:
    """Each with the one that follows."""
    return zip(edges, edges[1:])  # noqa: B905, RUF007  (Python 3.9 has neither `strict` nor `pairwise`)


Piece = tuple[int, int, str, "frozenset[str | None]"]
"""From, to, state, and the outages of which it may be."""


def line_of(known: Known, forgiven: Mapping[str, Sequence[Stretch]], period: Stretch, end: int) -> list[Piece]:
    """The states of an environment over a period, as the events tell them, with outages taken for up where forgiven."""
    by_monitor = []
    for monitor_id, said in known.said.items():
        claims = []
        for claim in claims_of(said, known.vouched.get(monitor_id), period[1], end):
            excused = forgiven.get(claim[4], ()) if claim[3] == "down" and claim[4] is not None else ()
            whole = [(claim[0], claim[1])]
            claims += [(*stretch, *claim[2:]) for stretch in without(whole, excused)]
            claims += [(*stretch, RANKS["up"], "up", None) for stretch in common(whole, excused)]
        by_monitor.append(sorted(claims, key=lambda claim: claim[0], reverse=True))
    edges = {*period, *(edge for claims in by_monitor for claim in claims for edge in claim[:2])}
    edges |= {edge for stretch in known.suspended for edge in stretch}
    ordered = sorted(edge for edge in edges if period[0] <= edge <= period[1])
    here: list[list[Claim]] = [[] for _ in by_monitor]
    found: list[Piece] = []
    for start, until in neighbours(ordered):
        present = []
        for number, to_come in enumerate(by_monitor):
            while to_come and to_come[-1][0] <= start:
                here[number].append(to_come.pop())
            here[number] = [claim for claim in here[number] if claim[1] > start]
            if here[number]:
                best = min(claim[2] for claim in here[number])
                winners = [claim for claim in here[number] if claim[2] == best]
                present.append((winners[0][3], {claim[4] for claim in winners}))
        found.append((start, until, *_together_at(present)))
    return [
        (start, until, "paused", frozenset({None})) if common([(start, until)], known.suspended) else piece
        for piece in found
        for start, until in [piece[:2]]
    ]


def _together_at(present: Sequence[tuple[str, set[str | None]]]) -> tuple[str, frozenset[str | None]]:
    """One state out of those of several monitors at one time."""
    if not present:
        return "unknown", frozenset({None})
    measuring = [each for each in present if each[0] != "paused"] or present
    state = min((each[0] for each in measuring), key=lambda name: RANKS[name])
    outages = {outage for name, of_it in measuring if name == state for outage in of_it}
    return state, frozenset(outages - {None} or {None})


def _beside(
    states: Sequence[Mapping[str, Any]], pieces: Sequence[Piece]
) -> Iterator[tuple[Mapping[str, Any], int, int, Piece]]:
    """Every stretch in which a state that is shown and one that was computed overlap."""
    place = 0
    for state in states:
        start, end = instant(state["from"]), instant(state["to"])
        while pieces[place][1] <= start:
            place += 1
        at = place
        while at < len(pieces) and pieces[at][0] < end:
            yield state, max(start, pieces[at][0]), min(end, pieces[at][1]), pieces[at]
            at += 1


def _check_states(name: str, states: Sequence[Mapping[str, Any]], known: Known, end: int, told_until: int) -> None:
    """The states are those that the monitors told, that maintenance was planned for, and that the contract paused.

    `told_until`: the end of the last figure of the pack: what an amendment ended before was over by then.
    """
    period = (instant(states[0]["from"]), instant(states[-1]["to"]))
    for state, start, until, (_, _, computed, outages) in _beside(states, line_of(known, {}, period, end)):
        shown = state["state"]
        # Until roll-ups were kept, and in the two hours in which the next one may still come, nobody knows of silence.
        unheard = (shown, state["reason"], state["event_ids"]) == ("unknown", SILENT, [])
        may_come = (shown, computed) in (("up", "unknown"), ("degraded", "unknown"))
        may_come = may_come and told_until - start <= SILENT_AFTER
        if shown != computed and not (unheard and computed in ("up", "degraded")) and not may_come:
            raise Doubt(
                f"{name}: from {instant_of(start)} on {shown} is shown; the events of its monitors say {computed}."
            )
        if shown == "down" and state["outage_id"] not in outages:
            raise Doubt(f"{name}: from {instant_of(start)} on another outage is shown than its monitors tell of.")
        if shown == "maintenance" and without([(start, until)], known.planned):
            raise Doubt(f"{name}: no work was planned for all of the maintenance from {instant_of(start)} on.")


def _check_decided(
    name: str,
    environment_id: str,
    shown: Mapping[str, Any],
    known: Known,
    decisions: Mapping[str, Mapping[str, Any]],
) -> None:
    """States with decisions are the measured ones, but for the time of outages that was decided on and in which no
    other monitor found another outage. Of several decisions the last approved one holds.
    """
    states = shown["decided"]
    period = (instant(states[0]["from"]), instant(states[-1]["to"]))
    forgiven: dict[str, list[Stretch]] = {}
    by_outage: dict[str, list[tuple[Stretch, str, Mapping[str, Any]]]] = {}
    newest = sorted(decisions, key=lambda each: (instant(decisions[each]["approved_at"]), each), reverse=True)
    for decision_id in newest:
        decision = decisions[decision_id]
        stretch = (instant(decision["starts_at"]), instant(decision["ends_at"]))
        if decision["environment_id"] != environment_id:
            raise Doubt(f"{name} rests on a decision on another environment.")
        forgiven[decision["outage_id"]] = joined([*forgiven.get(decision["outage_id"], ()), stretch])
        by_outage.setdefault(decision["outage_id"], []).append((stretch, decision_id, decision))
    rest = line_of(known, forgiven, period, period[1])
    lines = [[(instant(each["from"]), each) for each in shown[line]] for line in ("states", "decided")]
    bounds = {bound for stretches in by_outage.values() for stretch, _, _ in stretches for bound in stretch}
    edges = {at for line in lines for at, _ in line} | {piece[0] for piece in rest} | bounds | set(period)
    ordered = sorted(edge for edge in edges if period[0] <= edge <= period[1])
    for start, until in neighbours(ordered):
        measured, state = (line[bisect_right([at for at, _ in line], start) - 1][1] for line in lines)
        _, _, still, still_of = rest[bisect_right([piece[0] for piece in rest], start) - 1]
        expected, outages, by = measured["state"], {measured["outage_id"]}, None
        if expected == "down" and still == "down":
            outages &= still_of
            outages = outages or set(still_of)
        elif expected == "down":
            for stretch, decision_id, decision in by_outage.get(measured["outage_id"], ()):
                if stretch[0] <= start and until <= stretch[1]:
                    expected, by = COUNTS_AS[decision["category"]], decision_id
                    break
        if (state["state"], state.get("outage_decision_id")) != (expected, by) or state["outage_id"] not in outages:
            raise Doubt(f"{name}: no decision says what is shown from {instant_of(start)} on.")


def _outages(told_by: Iterable[Mapping[str, Any]]) -> list[tuple[str, int]]:
    """The outages that facts of monitors tell: id and beginning."""
    found = []
    for fact in told_by:
        data = fact.get("outage") or fact  # a pause cuts an outage off, and tells it whole
        if data.get("outage_id") is not None and data.get("down_since") is not None:
            found.append((data["outage_id"], instant(data["down_since"])))
    return found


ITEMS = ("incident", "request", "change", "work_order")


def check_clocks(files: Mapping[str, bytes]) -> str:
    """Computes the clocks of an incident again; gives what they came to in one sentence. Raises Doubt."""
    manifest, shown, holidays = (read(files[name]) for name in (MANIFEST, "clocks.json", "holidays.json"))
    events = _events(files, manifest["tenant_id"])
    versions = [
        event["data"]
        for event in events.values()
        if event["source"] == "/services/contracts" and event["data"].get("contract_id") == manifest["contract_id"]
    ]
    item = newest_of(events.values(), manifest["item_id"], *ITEMS)
    if item is None or item["data"]["contract_id"] != manifest["contract_id"]:
        raise Doubt("No event of this contract tells of the incident.")
    if [each["clock_id"] for each in shown] != manifest["clock_ids"] or not shown:
        raise Doubt("The clocks are not those that the manifest names.")
    if manifest["kind"] == "incident" and manifest["clock_ids"] != [
        each["clock_id"] for each in item["data"]["clocks"]
    ]:
        raise Doubt("A clock of the incident is left out.")
    for each in shown:
        own = newest_of(events.values(), each["clock_id"], "clock")
        if read_clock(item, own, versions, holidays, each["clock_id"]) != each:
            raise Doubt(f"The clock {each['clock_id']} is shown otherwise than its facts and its contract give.")
    _check_outage(item["data"], events.values())
    listed = "; ".join(
        f"{each['metric']} {each['state']}, {each['elapsed_seconds']} of {each['target_seconds']} seconds used"
        for each in shown
    )
    return f"{len(shown)} clocks computed again from {len(events)} events: {listed}"


def newest_of(events: Iterable[Mapping[str, Any]], aggregate_id: str, *aggregates: str) -> Mapping[str, Any] | None:
    """The newest event of incidents about something."""
    subjects = [f"{aggregate}/{aggregate_id}" for aggregate in aggregates]
    found = [each for each in events if each["source"] == "/services/incidents" and each["subject"] in subjects]
    return max(found, key=lambda event: event["aggregateversion"], default=None)


def read_clock(
    item: Mapping[str, Any],
    own: Mapping[str, Any] | None,
    versions: Sequence[Mapping[str, Any]],
    holidays: Mapping[str, Sequence[str]],
    clock_id: str,
) -> dict[str, Any]:
    """A clock computed from its facts, at the instant of the newest event that tells what it reads.

    `item` is the newest event of the incident, `own` the newest of the clock. Raises Doubt when it reads otherwise than
    an event says, or its facts are not told.
    """
    told_by = [each for each in item["data"]["clocks"] if each["clock_id"] == clock_id]
    if len(told_by) != 1 or told_by[0].get("facts") is None:
        raise Doubt(f"The incident's newest event does not tell the facts of the clock {clock_id}.")
    (clock,) = told_by
    life = Life(versions, clock["metric"], item["data"]["severity"], clock["facts"])
    said, said_by = clock, item
    reading = clock_reading(life, holidays, instant(item["time"]))
    _same_reading(reading, said, said_by)
    if own is not None and own["aggregateversion"] > clock["clock_version"]:
        said, said_by = own["data"], own
        reading = clock_reading(life, holidays, instant(own["time"]))
        _same_reading(reading, said, said_by)
    return {"clock_id": clock_id, "as_of": said_by["time"], "said_by": said_by["id"], **reading}


def _same_reading(reading: Mapping[str, Any], said: Mapping[str, Any], event: Mapping[str, Any]) -> None:
    for name, value in reading.items():
        if name not in said:
            continue
        given = said[name]
        if name.endswith("_seconds"):
            same = Fraction(str(given)) == Fraction(str(value))
        elif name in ("due_at", "breach_after") and given is not None and value is not None:
            same = instant(given) == instant(value)
        else:
            same = given == value
        if not same:
            raise Doubt(
                f"The event {event['id']} says {name} {given} of a clock; its facts and its contract give {value}."
            )


def _check_outage(incident: Mapping[str, Any], events: Iterable[Mapping[str, Any]]) -> None:
    """The incident began when the outage did that it was opened for, as far as the pack tells of it."""
    outage_id = (incident.get("source") or {}).get("outage_id")
    for outage, since in _outages(event["data"] for event in events):
        failed = incident["timestamps"].get("first_failure") if outage == outage_id else None
        if failed is not None and instant(failed["at"]) != since:
            raise Doubt(f"The outage {outage} began at another instant than the incident says.")


# --- amounts and hours: exact figures, each rounded once --------------------------------------------------------------

EVENTS, LINE, SAID = "events", "line", "said"
"""From what an amount follows: events and the contract; what its own line says; or nothing else, somebody agreed on or
entered it."""
NOT_PROVED = ["every_clock_is_in_the_pack"]
"""What a pack of amounts cannot show: a clock that neither the settlement names nor an event in the pack."""
NOT_PROVED_BEFORE = ["no_clock_is_left_out"]
"""The same of a settlement that does not say when it was computed: nobody knows of what was told by then."""
OWED_TO_THE_CLIENT = ("credit", "penalty", "late")


def rounded(exact: Fraction, decimals: int) -> str:
    """An amount as settlements write it: half away from zero, once."""
    scaled = abs(exact) * 10**decimals
    units = (2 * scaled.numerator + scaled.denominator) // (2 * scaled.denominator)
    text = f"{units // 10**decimals}.{units % 10**decimals:0{decimals}}" if decimals else str(units)
    return f"-{text}" if exact < 0 and units else text


def decimals_of(amount: str) -> int:
    """How many decimals an amount is written with: those of its currency."""
    return len(amount.partition(".")[2])


def local_instant(text: str) -> int:
    """An instant with any offset."""
    return moment(datetime.fromisoformat(text.replace("Z", "+00:00")))


def day_share(part: Stretch, whole: Stretch, zone: Zone) -> Fraction:
    """Which part of a period lies in `part`, in local days: part of a day is its share of that day."""

    def position(at: int) -> Fraction:
        day = _local_date(at, zone)
        if _boundary(day + timedelta(days=1), "00:00", zone, last=False) <= at:
            day += timedelta(days=1)
        begins, ends = (_boundary(each, "00:00", zone, last=False) for each in (day, day + timedelta(days=1)))
        return day.toordinal() + Fraction(at - begins, ends - begins)

    start, end = max(part[0], whole[0]), min(part[1], whole[1])
    return (position(end) - position(start)) / (position(whole[1]) - position(whole[0])) if start < end else Fraction(0)


def _said_until(events: Iterable[Mapping[str, Any]], contract_id: str, until: int) -> list[Mapping[str, Any]]:
    """The versions of the contract that had been told by an instant."""
    return [each for each in _versions(events, contract_id) if instant(each["time"]) <= until]


class InForce(NamedTuple):
    """A stretch of a settled period under one state of the contract, as its event told it."""

    start: int
    end: int
    version: Mapping[str, Any]

    @property
    def promises(self) -> bool:
        """In a suspension nothing is promised."""
        return bool(self.version["status"] == "active")


class Fee(NamedTuple):
    """What time cost in a stretch: of a price of a month, which part of it was owed, and what an index made of it."""

    start: int
    end: int
    model: str
    monthly: Fraction
    part: Fraction
    revised: Fraction | None


class Clock(NamedTuple):
    """A count of a clock by its number: what it told of itself last, and how its item told last that it reads."""

    clock_id: str
    number: int
    metric: str
    own: Mapping[str, Any] | None
    reading: Mapping[str, Any] | None

    def verdict(self) -> tuple[bool, int] | None:
        """Whether it was missed, and when that fell; None where it came to nothing, or that was taken back."""
        own, reading = self.own, self.reading
        said = None if own is None else (own["type"].split(".")[-2] == "breached", instant(own["data"]["at"]))
        if own is not None and (reading is None or own["aggregateversion"] > reading["clock_version"]):
            return said
        if reading is None or reading["state"] not in ("breached", "met"):
            return None
        missed = reading["state"] == "breached"
        if missed and reading.get("breach_after") is not None:
            return missed, instant(reading["breach_after"])
        return said if said is not None and said[0] is missed else None


class Settled:
    """A closed settlement, computed again from what its event says, the contract's versions and other events.

    `proved` says of each line from what its amount follows. Raises Doubt when something is not as it is said.
    """

    def __init__(self, event: Mapping[str, Any], events: Mapping[str, Mapping[str, Any]]) -> None:
        self.said = event["data"]
        self.content = content = self.said["settlement"]
        if hashlib.sha256(canonical(content)).hexdigest() != self.said["hash"]:
            raise Doubt("The settlement has another hash than it says.")
        self._events = events
        self._decimals = decimals_of(content["totals"]["net"])
        self._zone = zone_of(content["period"]["time_zone"])
        self._whole = (instant(content["period"]["starts_at"]), instant(content["period"]["ends_at"]))
        self._closed = instant(event["time"])
        self._computed = self._computed_at()
        self._told_by_then = [each for each in events.values() if instant(each["time"]) <= self._computed]
        self._held = self._in_force()
        self._fees = self._fee_stretches()
        self._by_their_word: set[str] = set()
        """Commitments of whose severity nothing but the settlement tells."""
        self._known = self._measured()
        self.left_out = self._left_out() if self.says_when else []
        self.proved: dict[str, str] = {}
        for line in content["lines"]:
            if line["kind"] not in OWED_TO_THE_CLIENT:
                self.proved[line["code"]] = self._level(line)
        self._check_owed()
        self._check_sums()
        self._check_correction()

    @property
    def says_when(self) -> bool:
        """Whether it says when it was computed."""
        return self.said.get("computed_at") is not None

    def _round(self, exact: Fraction) -> str:
        return rounded(exact, self._decimals)

    def _computed_at(self) -> int:
        """The instant by which everything that was told is in the settlement: earlier releases told none but that of
        its closing.
        """
        if not self.says_when:
            return self._closed
        computed = instant(self.said["computed_at"])
        if not self._whole[1] <= computed <= self._closed:
            raise Doubt("The settlement was computed before its period was over, or after it was closed.")
        return computed

    def _in_force(self) -> list[InForce]:
        """The states of the contract in the period, by the documents that the settlement names."""
        versions = _said_until(self._events.values(), self.said["contract_id"], self._computed)
        found: list[InForce] = []
        for stretch in self.content["terms"]:
            start, end = instant(stretch["starts_at"]), instant(stretch["ends_at"])
            pieces = in_force(versions, (start, end))
            if length((left, right) for left, right, _ in pieces) != end - start:
                raise Absent("No version of the contract is in the pack for a part of the period.")
            for left, right, version in pieces:
                signed = (version["signature"]["version_hash"], version["status"] == "suspended")
                if signed != (stretch["document_hash"], stretch["suspended"]):
                    raise Doubt("The settlement rests on another document than was in force.")
                found.append(InForce(left, right, version))
        if found and found[0].start > self._whole[0]:
            # The day on which a contract begins counts whole.
            begins = _boundary(_local_date(found[0].start, self._zone), "00:00", self._zone, last=False)
            found[0] = found[0]._replace(start=begins)
        return found

    # Fees

    def _stretches(self, line: Mapping[str, Any]) -> list[Stretch]:
        return [(local_instant(each["from"]), local_instant(each["to"])) for each in line["why"]["stretches"]]

    def _lines(self, *kinds: str) -> list[Mapping[str, Any]]:
        return [line for line in self.content["lines"] if line["kind"] in kinds]

    def _fee_stretches(self) -> list[Fee]:
        revised = [
            (stretch, Fraction(line["why"]["revised"]))
            for line in self._lines("indexation")
            for stretch in self._stretches(line)
        ]
        found = []
        for line in self._lines("fee"):
            why = line["why"]
            model, monthly, owed = why["model"], Fraction(why["monthly"]), Fraction(why["fee_part"])
            for stretch in self._stretches(line):
                changed = [(part, price) for each, price in revised for part in common([stretch], [each])]
                for (start, end), price in changed:
                    found.append(Fee(start, end, model, monthly, owed, price))
                for start, end in without([stretch], joined(part for part, _ in changed)):
                    found.append(Fee(start, end, model, monthly, owed, None))
        spans = [(fee.start, fee.end) for fee in found]
        held = joined((each.start, each.end) for each in self._held)
        if length(spans) != length(joined(spans)) or without(joined(spans), held):
            raise Doubt("A fee is of a time in which the contract was not in force, or is there twice.")
        return sorted(found)

    def _fee_of(self, stretches: Sequence[Stretch]) -> str:
        """The fee of some stretches with what an index adds to it: what credits and penalties are percentages of."""
        own = [(fee, part) for fee in self._fees for part in common([(fee.start, fee.end)], joined(stretches))]
        shares = [(fee, day_share(part, self._whole, self._zone) * fee.part) for fee, part in own]
        prices = {(fee.model, fee.monthly) if fee.revised is None else ("FlatFee", fee.revised) for fee, _ in own}
        if len(prices) == 1 and sum(share for _, share in shares) == 1 and own[0][0].model != "FlatFee":
            return self._instalment(own[0][0].model, own[0][0].monthly)
        exact = ((fee.monthly if fee.revised is None else fee.revised) * share for fee, share in shares)
        return self._round(sum(exact, Fraction(0)))

    def _instalment(self, model: str, monthly: Fraction) -> str:
        """What a whole month costs under a price of a year or of a duration: what is due with it less what was before.
        A year begins anew, as its price need not be whole cents; that of a duration is, whatever its months.
        """
        number = self.content["period"]["number"]
        if model == "ShareOfSalePrice":
            number %= 12
        before, after = (Fraction(self._round(monthly * parts)) for parts in (number, number + 1))
        return self._round(after - before)

    def _agreed(self, stretches: Sequence[Stretch], price: Fraction, *, signed: bool) -> bool:
        """Whether the contract's price was this all the time; `signed`: when its document was first in force."""
        for each in self._held:
            if common([(each.start, each.end)], joined(stretches)):
                version = each.version
                if signed:
                    of_document = self._of_document(version["signature"]["version_hash"])
                    version = min(of_document, key=lambda one: one["version"])
                if Fraction(version["price"]["amount"]) != price:
                    return False
        return True

    def _of_document(self, document: str) -> list[Mapping[str, Any]]:
        versions = (each["data"] for each in _versions(self._events.values(), self.said["contract_id"]))
        return [each for each in versions if each["signature"]["version_hash"] == document]

    def _level(self, line: Mapping[str, Any]) -> str:
        """From what the amount of a line follows that is not owed to the client."""
        kind, why = line["kind"], line["why"]
        level, again = SAID, line["amount"]
        if kind == "fee":
            stretches, monthly = self._stretches(line), Fraction(why["monthly"])
            share = sum((day_share(each, self._whole, self._zone) for each in stretches), Fraction(0))
            owed = share * Fraction(why["fee_part"])
            of_parts = why["model"] != "FlatFee" and owed == 1
            again = self._instalment(why["model"], monthly) if of_parts else self._round(owed * monthly)
            if share != Fraction(why["share"]):
                raise Doubt(f"The line {line['code']} says a share of {why['share']}; its time is {share}.")
            level = EVENTS if why["model"] == "FlatFee" and self._agreed(stretches, monthly, signed=True) else LINE
            unrevised = [(fee.start, fee.end) for fee in self._fees if fee.revised is None]
            now = common(joined(stretches), joined(unrevised))
            if why["model"] == "FlatFee" and not self._agreed(now, monthly, signed=False):
                raise Doubt(f"The line {line['code']} is of {why['monthly']} a month; the contract said otherwise.")
        elif kind == "indexation":
            stretches, revised = self._stretches(line), Fraction(why["revised"])
            if not self._agreed(stretches, revised, signed=False):
                raise Doubt(f"The line {line['code']} is of {why['revised']} a month; the contract said otherwise.")
            parts = {fee.part for fee in self._fees if common([(fee.start, fee.end)], joined(stretches))}
            if len(parts) != 1:
                raise Doubt(f"The line {line['code']} is of no fee.")
            share = sum((day_share(each, self._whole, self._zone) for each in stretches), Fraction(0))
            again = self._round(share * (revised - Fraction(why["agreed"])) * parts.pop())
            level = EVENTS if self._agreed(stretches, Fraction(why["agreed"]), signed=True) else LINE
        elif kind == "overage":
            minutes, rate = int(why["minutes"]), Fraction(line["text"]["parameters"]["rate"])
            again, level = self._round(Fraction(minutes, 60) * rate), self._hours_level(line)
        if again != line["amount"]:
            raise Doubt(f"The line {line['code']} says {line['amount']}; what it is made of gives {again}.")
        return level

    def _hours_level(self, line: Mapping[str, Any]) -> str:
        month = line["text"]["parameters"]["month"]
        for event in self._events.values():
            if event["subject"].startswith("hours_month/") and event["data"]["month"] == month:
                closed = event["data"]
                if (closed["billed_minutes"], closed["overage_amount"]["amount"]) == (
                    line["why"]["minutes"],
                    line["amount"],
                ):
                    return EVENTS
                # What was told after the end of a contract is in its last settlement, and in no month of hours.
                if not any(one["data"].get("status") in OVER for one in self._events.values()):
                    raise Doubt(f"The month of hours of the line {line['code']} was closed with other figures.")
                return LINE
        raise Absent(f"No event tells of the hours of the line {line['code']}.")

    # What was measured

    def _measured(self) -> bool:
        """Checks what was measured against the events that told it; whether the contract told what a miss costs."""
        for each in self.content["commitments"]:
            if each["kind"] == "uptime":
                self._check_uptime(each)
            else:
                self._check_clock(each)
        uptimes = [each for each in self.content["commitments"] if each["kind"] == "uptime"]
        counting = [
            (event["id"], self._uptime_id(event["data"], figure))
            for event in self._newest_uptimes()
            for figure in event["data"]["figures"]
            if figure["counts_for_sla"] and self._whole[0] < instant(figure["ends_at"]) <= self._whole[1]
        ]
        if sorted(counting) != sorted((each["events"][0], each["commitment_id"]) for each in uptimes):
            raise Doubt(
                "An uptime that counts and was told before the settlement was computed is left out of it, is "
                "superseded, or is there twice."
            )
        if len({each["commitment_id"] for each in self.content["commitments"]}) != len(self.content["commitments"]):
            raise Doubt("Something is committed to twice in the settlement.")
        return all(each.version.get("remedies") is not None for each in self._held)

    def _newest_uptimes(self) -> Iterable[Mapping[str, Any]]:
        """Of every measured month of the contract what was told of it last, named by the settlement or not."""
        newest: dict[str, Mapping[str, Any]] = {}
        for event in self._told_by_then:
            if (event["source"], event["subject"].partition("/")[0]) == ("/services/reporting", "uptime"):
                before = newest.get(event["subject"])
                newer = before is None or before["aggregateversion"] < event["aggregateversion"]
                if newer and event["data"]["contract_id"] == self.said["contract_id"]:
                    newest[event["subject"]] = event
        return newest.values()

    @staticmethod
    def _uptime_id(data: Mapping[str, Any], figure: Mapping[str, Any]) -> str:
        start = re.sub(r"\.\d+", "", figure["starts_at"])
        return f"{data['measurement_id']}:{figure['environment_id']}:{start}"

    def _check_uptime(self, said: Mapping[str, Any]) -> None:
        event = self._events.get(said["events"][0])
        if event is None or (event["source"], event["data"]["contract_id"]) != (
            "/services/reporting",
            self.said["contract_id"],
        ):
            raise Absent(f"No event tells of the uptime of {said['subject']}.")
        for figure in event["data"]["figures"]:
            if self._uptime_id(event["data"], figure) == said["commitment_id"]:
                unit = figure["units_per_second"]
                told_ = (Fraction(figure["numerator"], unit), Fraction(figure["denominator"], unit))
                why = said["why"]
                if told_ == (Fraction(why["up_seconds"]), Fraction(why["counted_seconds"])) and instant(
                    figure["ends_at"]
                ) == instant(said["at"]):
                    return
        raise Doubt(f"The uptime of {said['subject']} is another one than was measured.")

    def _check_clock(self, said: Mapping[str, Any]) -> None:
        clock_id, _, number = said["commitment_id"].partition(":")
        by, reading, at, item_id = self._named(said), None, None, ""
        for event in by:
            for data in (event["data"], *event["data"].get("clocks", ())):
                if data.get("clock_id") == clock_id and data.get("count", 1) == int(number or 1):
                    reading = data  # an item is named after the clock itself, when it knows better
                    missed_at = data.get("breach_after") if said["met"] is False else None
                    at = data["at"] if data is event["data"] else missed_at or at
                    item_id = event["data"].get("incident_id") or event["subject"].partition("/")[2]
        if reading is None or said["events"][0] not in self._events:
            raise Absent(f"No event tells of the {said['kind']} of {said['subject']}.")
        if reading["metric"] != said["kind"] or at is None or instant(at) != instant(said["at"]):
            raise Doubt(f"The {said['kind']} of {said['subject']} is told of as something else, or at another instant.")
        item = newest_of(self._told_by_then, item_id, *ITEMS)
        if item is None or instant(item["time"]) <= self._whole[0]:
            self._by_their_word.add(said["commitment_id"])
        elif item["data"]["severity"] != said["why"]["severity"]:
            raise Doubt(f"The severity of {said['subject']} is another one than was told.")
        target, elapsed = (Fraction(str(reading[name])) for name in ("target_seconds", "elapsed_seconds"))
        over = None if said["measured"] is None else Fraction(said["measured"])
        if Fraction(said["target"]) != target or (over is not None and over != max(elapsed - target, Fraction(0))):
            raise Doubt(f"The {said['kind']} of {said['subject']} is another one than its clock told.")
        if (over is None) != (said["met"] is True) or (over is None and elapsed > target):
            raise Doubt(
                f"The {said['kind']} of {said['subject']} was met by its clock, or missed, and is told otherwise."
            )
        share, decided = said["why"]["provider_percent"], self._decided(clock_id, int(number or 1), said["events"])
        if (None if share is None else Fraction(share)) != decided:
            raise Doubt(f"Nobody decided who answers for the {said['kind']} of {said['subject']} as it is told.")

    def _named(self, said: Mapping[str, Any]) -> list[Mapping[str, Any]]:
        """The events of the service desk that a commitment names; it may name breaches, too, and nothing else."""
        breaches = [event["data"].get("breach_id") for event in self._events.values()]
        if any(each not in self._events and each not in breaches for each in said["events"]):
            raise Absent(f"Something that the {said['kind']} of {said['subject']} names is not in the pack.")
        named = [self._events[each] for each in said["events"] if each in self._events]
        return [event for event in named if event["source"] == "/services/incidents"]

    def _decided(self, clock_id: str, count: int, named: Sequence[str]) -> Fraction | None:
        """The percentage that the provider answers for by the newest word on a miss when the settlement was computed.

        None while nobody had decided.
        """
        told_ = []
        for event in self._told_by_then:
            if (event["source"], event["subject"].partition("/")[0]) == ("/services/contracts", "breach"):
                breach = event["data"]
                of_count = breach.get("clock_count")  # earlier releases did not tell it
                own = breach["breach_id"] in named if of_count is None else of_count == count
                if breach["clock_id"] == clock_id and own:
                    told_.append(event)
        newest = max(told_, key=lambda each: each["aggregateversion"], default=None)
        if newest is None or newest["data"]["decided_at"] is None:
            return None
        return Fraction(newest["data"]["provider_percent"])

    def _left_out(self) -> list[dict[str, Any]]:
        """The clocks in the pack that the settlement leaves out, each with why.

        Raises Doubt where one has no reason to be left out, or is in the settlement otherwise than it was told last.
        """
        named = {each["commitment_id"]: each for each in self.content["commitments"] if each["kind"] != "uptime"}
        found = []
        for clock in self._clocks_told():
            commitment_id = clock.clock_id if clock.number == 1 else f"{clock.clock_id}:{clock.number}"
            said, verdict = named.get(commitment_id), clock.verdict()
            counts = verdict is not None and self._whole[0] <= verdict[1] < self._whole[1]
            if verdict is not None and counts:
                if said is None:
                    raise Doubt(f"The clock {commitment_id} was told of, and the settlement leaves it out.")
                if (said["met"], instant(said["at"])) != (not verdict[0], verdict[1]):
                    raise Doubt(f"The {said['kind']} of {said['subject']} is in it otherwise than it was told last.")
            elif said is not None:
                raise Doubt(f"The {said['kind']} of {said['subject']} was told last to be none of the period.")
            else:
                reason = "taken_back" if verdict is None else "other_period"
                found.append({"clock": commitment_id, "metric": clock.metric, "reason": reason})
        return sorted(found, key=lambda each: (each["clock"], each["metric"]))

    def _clocks_told(self) -> Iterable[Clock]:
        """What had been told of each count of a clock that was met or missed, and be it for a while. A time limit of
        the client's own is no promise of the provider's.
        """
        found: dict[tuple[str, int], Clock] = {}
        readings = []
        for event in self._told_by_then:
            data = event["data"]
            if event["source"] != "/services/incidents" or data.get("contract_id") != self.said["contract_id"]:
                continue
            if event["subject"].startswith("clock/") and event["type"].split(".")[-2] in ("breached", "met"):
                key = (data["clock_id"], data.get("count", 1))
                before = found.get(key)
                if data["metric"] != "acceptance" and (
                    before is None or before.own is None or before.own["aggregateversion"] < event["aggregateversion"]
                ):
                    found[key] = Clock(*key, data["metric"], event, None)
            else:
                readings += [(event["aggregateversion"], each) for each in data.get("clocks") or ()]
        for _, each in sorted(readings, key=lambda one: one[0]):
            key = (each["clock_id"], each.get("count", 1))
            if key in found:
                found[key] = found[key]._replace(reading=each)
            elif each["metric"] != "acceptance" and each["state"] == "breached":
                found[key] = Clock(*key, each["metric"], None, each)
        return found.values()

    # What is owed to the client

    def _check_owed(self) -> None:
        """Credits, penalties and lateness: computed from what was measured and from what the contract said of them."""
        groups: list[tuple[Any, list[InForce]]] = []
        for each in self._held:
            uptime_ = each.version.get("uptime")
            key = (each.version.get("remedies"), None if uptime_ is None else uptime_["target_percent"])
            known = next((group for own, group in groups if own == key), None)
            if known is None:
                groups.append((key, [each]))
            else:
                known.append(each)
        shown, late = self._lines(*OWED_TO_THE_CLIENT), self._lines("late")
        if not self._known or (late and len(groups) > 1):
            for line in shown:
                self._check_alone(line)
                self.proved[line["code"]] = LINE
            return
        again: list[tuple[str, str]] = []
        times: dict[str, int] = {}
        for (remedies, target), group in groups:
            for code, amount in self._owed(remedies, target, group, late):
                times[code] = times.get(code, 0) + 1
                again.append((code if times[code] == 1 else f"{code}#{times[code]}", amount))
        if again != [(line["code"], line["amount"]) for line in shown]:
            raise Doubt(f"What is owed to the client is not what the contract gives for what was measured: {again}.")
        for line in shown:
            about = line["code"].partition(":")[2].partition("#")[0]
            alone = line["kind"] == "late" or about in self._by_their_word
            self.proved[line["code"]] = LINE if alone else EVENTS

    def _owed(
        self,
        remedies: Mapping[str, Any],
        target: str | None,
        group: Sequence[InForce],
        late: Sequence[Mapping[str, Any]],
    ) -> list[tuple[str, str]]:
        promised_ = [(each.start, each.end) for each in group if each.promises]
        fee = Fraction(self._fee_of(promised_))
        found: list[tuple[str, Fraction]] = []
        credit = self._uptime_credit(remedies, target, promised_, fee)
        if credit is not None:
            found.append(("credit:uptime", credit))
        found += self._penalties(remedies, promised_, fee)
        found += [(f"late:{line['code'].partition(':')[2]}", self._late(remedies["late"], line)) for line in late]
        amounts = [amount for _, amount in found]
        left = sum(amounts, Fraction(0)) if remedies["cumulation"] == "sum" else max(amounts, default=Fraction(0))
        if remedies["cap_percent"] is not None:
            left = min(left, Fraction(self._round(fee * Fraction(remedies["cap_percent"]) / 100)))
        if remedies["cumulation"] == "max":
            found.sort(key=lambda each: each[1], reverse=True)
        taken = []
        for code, amount in found:
            part = min(amount, left)
            left -= part
            if amount:
                taken.append((code, self._round(-part)))
        return taken

    def _uptime_credit(
        self, remedies: Mapping[str, Any], target: str | None, promised_: Sequence[Stretch], fee: Fraction
    ) -> Fraction | None:
        if target is None or not remedies["tiers"]:
            return None
        measured = [
            each["why"]
            for each in self.content["commitments"]
            if each["kind"] == "uptime" and any(start < instant(each["at"]) <= end for start, end in promised_)
        ]
        counted = sum((Fraction(each["counted_seconds"]) for each in measured), Fraction(0))
        if not counted:
            return None
        percent = 100 * sum((Fraction(each["up_seconds"]) for each in measured), Fraction(0)) / counted
        written = {Fraction(each["below"]) for each in remedies["tiers"] if each["below"] is not None}
        tiers = [
            (Fraction(target if each["below"] is None else each["below"]), Fraction(each["credit_percent"]))
            for each in remedies["tiers"]
            if each["below"] is not None or Fraction(target) not in written
        ]
        reached = min((tier for tier in tiers if percent < tier[0]), default=None)
        return Fraction(0) if reached is None else Fraction(self._round(fee * reached[1] / 100))

    def _penalties(
        self, remedies: Mapping[str, Any], promised_: Sequence[Stretch], fee: Fraction
    ) -> list[tuple[str, Fraction]]:
        missed = [
            each
            for each in self.content["commitments"]
            if each["kind"] != "uptime"
            and each["met"] is False
            and any(start <= instant(each["at"]) < end for start, end in promised_)
        ]
        found = []
        for each in sorted(missed, key=lambda one: (instant(one["at"]), one["commitment_id"])):
            rates = [rate for rate in remedies["targets"] if rate["metric"] == each["kind"]]
            own = [
                rate for rate in rates if rate["severity"] is not None and rate["severity"] == each["why"]["severity"]
            ]
            own += [rate for rate in rates if rate["severity"] is None]
            if own:
                share = each["why"]["provider_percent"]
                amount = self._penalty(
                    fee,
                    Fraction(each["measured"]),
                    own[0]["cap_percent"],
                    (Fraction(duration(own[0]["unit"]), SECOND), Fraction(own[0]["percent_per_started_unit"])),
                    Fraction(1) if share is None else Fraction(share) / 100,
                )
                found.append((f"penalty:{each['commitment_id']}", amount))
        return found

    def _penalty(
        self, fee: Fraction, over: Fraction, cap: str | None, rate: tuple[Fraction, Fraction], share: Fraction
    ) -> Fraction:
        """Started units of the overrun × percentage, capped, of the fee, × the provider's share."""
        percent = -(-over // rate[0]) * rate[1]
        if cap is not None:
            percent = min(percent, Fraction(cap))
        return Fraction(self._round(fee * percent / 100 * share))

    def _late(self, rule: Mapping[str, Any] | None, line: Mapping[str, Any]) -> Fraction:
        """Value × days ÷ divisor; nothing up to the exemption; at most the cap's part of the value; × the share."""
        why = line["why"]
        if rule is None or rule["divisor"] != why["divisor"]:
            raise Doubt(f"The contract does not say what the line {line['code']} costs.")
        owed = Fraction(why["value"]) * why["days_late"] / why["divisor"]
        if rule["exempt_up_to"] is not None and owed <= Fraction(rule["exempt_up_to"]):
            return Fraction(0)
        if rule["cap_percent"] is not None:
            owed = min(owed, Fraction(why["value"]) * Fraction(rule["cap_percent"]) / 100)
        return Fraction(self._round(owed * Fraction(why["provider_share"])))

    def _check_alone(self, line: Mapping[str, Any]) -> None:
        """A line that is owed to the client by what it says itself: an earlier release told of no rule."""
        why = line["why"]
        if line["kind"] == "credit":
            computed = Fraction(self._round(Fraction(why["fee"]) * Fraction(why["credit_percent"]) / 100))
            if Fraction(why["uptime"]) >= Fraction(why["below"]):
                raise Doubt(f"The line {line['code']} credits an uptime that is not below its limit.")
        elif line["kind"] == "penalty":
            rate = (Fraction(why["unit_seconds"]), Fraction(why["percent_per_started_unit"]))
            share = Fraction(why["provider_share"])
            over = Fraction(why["overrun_seconds"])
            computed = self._penalty(Fraction(why["fee"]), over, why["cap_percent"], rate, share)
        else:
            computed = Fraction(why["computed"])
            figure = Fraction(why["value"]) * why["days_late"] / why["divisor"]
            owed = Fraction(self._round(figure * Fraction(why["provider_share"])))
            if computed > owed or (computed != owed and not why["capped"]):
                raise Doubt(f"The line {line['code']} says {why['computed']}; its days give {owed}.")
        taken = -Fraction(line["amount"])
        if computed != Fraction(why["computed"]) or not 0 <= taken <= computed:
            raise Doubt(f"The line {line['code']} says {why['computed']}; what it is made of gives {computed}.")
        if (taken != computed) != why["cut_by_cumulation_or_cap"]:
            raise Doubt(f"The line {line['code']} is cut, or is not, and says otherwise.")

    # Sums

    def _check_sums(self) -> None:
        groups: list[tuple[Any, Fraction]] = []
        for line in self.content["lines"]:
            at = next((number for number, (tax, _) in enumerate(groups) if tax == line["tax"]), None)
            if at is None:
                groups.append((line["tax"], Fraction(line["amount"])))
            else:
                groups[at] = (line["tax"], groups[at][1] + Fraction(line["amount"]))
        by_tax = [
            {
                "tax": tax,
                "net": self._round(net),
                "tax_amount": None if tax is None else self._round(net * Fraction(tax["rate"]) / 100),
            }
            for tax, net in groups
        ]
        net = self._round(sum((net for _, net in groups), Fraction(0)))
        taxes = [each["tax_amount"] for each in by_tax]
        tax = None if None in taxes else self._round(sum(map(Fraction, taxes), Fraction(0)))
        gross = None if tax is None else self._round(Fraction(net) + Fraction(tax))
        again = {"by_tax": by_tax, "net": net, "tax": tax, "gross": gross}
        if again != self.content["totals"]:
            raise Doubt(f"The sums of the settlement are not those of its lines, which give {again}.")

    def _check_correction(self) -> None:
        """A correction says which version it corrects, and what it comes to more."""
        corrects = self.content["corrects"]
        if (corrects is None) != (self.content["number"] == 1):
            raise Doubt("A version of the settlement says wrongly whether it corrects one.")
        if corrects is None:
            return
        before = [
            event["data"]
            for event in self._events.values()
            if event["subject"] == f"settlement/{self.said['settlement_id']}"
            and event["data"]["number"] == corrects["number"]
        ]
        if not before or before[0]["hash"] != corrects["hash"]:
            raise Absent("The version of the settlement that is corrected is not in the pack.")
        difference = Fraction(self.content["totals"]["net"]) - Fraction(before[0]["settlement"]["totals"]["net"])
        if Fraction(self.content["delta"]["totals"]["net"]) != difference:
            raise Doubt("A correction says that it comes to more, or less, than it does.")

    def figures(self) -> dict[str, Any]:
        """What the settlement comes to, and of each line from what that follows."""
        content = self.content
        return {
            "settlement_id": content["settlement_id"],
            "number": content["number"],
            "hash": self.said["hash"],
            "first": content["period"]["first"],
            "end": content["period"]["end"],
            "currency": content["currency"],
            **{name: content["totals"][name] for name in ("net", "tax", "gross")},
            "lines": [
                {"code": line["code"], "amount": line["amount"], "follows_from": self.proved[line["code"]]}
                for line in content["lines"]
            ],
            "computed_at": self.said.get("computed_at"),
            "told_since": self._told_since(),
            "clocks_left_out": self.left_out,
            "not_proved": NOT_PROVED if self.says_when else NOT_PROVED_BEFORE,
        }

    def _told_since(self) -> list[str]:
        """The events in the pack that were told after the settlement was computed and before it was closed: on what it
        rests on, and that it does not heed.
        """
        own = (f"settlement/{self.said['settlement_id']}", "hours_month/")
        return sorted(
            each["id"]
            for each in self._events.values()
            if self._computed < instant(each["time"]) <= self._closed and not each["subject"].startswith(own)
        )


def check_amounts(files: Mapping[str, bytes]) -> str:
    """Computes a closed settlement again; gives what it came to in one sentence. Raises Doubt."""
    manifest = read(files[MANIFEST])
    events = _events(files, manifest["tenant_id"])
    settled = Settled(newest_settlement(events.values(), manifest["settlement_id"]), events)
    figures = settled.figures()
    last_day = date.fromisoformat(settled.content["period"]["end"]) - timedelta(days=1)
    if (settled.said["contract_id"], f"{last_day:%Y-%m}") != (manifest["contract_id"], manifest["month"]):
        raise Doubt("The settlement is of another contract or month than the manifest says.")
    # Earlier releases did not say what is not proved, nor of what time a settlement is.
    unsaid = {"computed_at": None, "told_since": [], "clocks_left_out": [], "not_proved": NOT_PROVED_BEFORE}
    if {**unsaid, **read(files["amounts.json"])} != figures:
        raise Doubt("The amounts are not those of the settlement.")
    for language, sign in SIGNS.items():
        path = f"explanation.{language}.txt"
        wanted = [*(line["amount"] for line in figures["lines"]), figures["net"]]
        _check_amounts_explained(path, sign, files[path].decode("utf-8"), wanted)
    counted = [sum(line["follows_from"] == level for line in figures["lines"]) for level in (EVENTS, LINE, SAID)]
    since = f"; {len(figures['told_since'])} events were told after it was computed and are not in it" * bool(
        figures["told_since"]
    )
    return (
        f"The settlement of {figures['first']} computed again from {len(events)} events: {figures['net']} "
        f"{figures['currency']} net, {figures['gross'] or 'not known'} gross; of its lines {counted[0]} follow from "
        f"events and the contract, {counted[1]} from what they say themselves, {counted[2]} are as they were agreed or "
        f"entered{since}. Not proved: "
        + ("that every clock is in the pack" if settled.says_when else "that no clock is left out")
    )


def newest_settlement(events: Iterable[Mapping[str, Any]], settlement_id: str) -> Mapping[str, Any]:
    """The event of the newest closed version. Raises Doubt when one before it is left out."""
    subject = ("/services/contracts", f"settlement/{settlement_id}")
    found = {each["data"]["number"]: each for each in events if (each["source"], each["subject"]) == subject}
    if not found or set(found) != set(range(1, max(found) + 1)):
        raise Absent("A closed version of the settlement is not in the pack.")
    return found[max(found)]


def _check_amounts_explained(path: str, sign: str, text: str, wanted: Sequence[str]) -> None:
    printed = []
    for line in text.splitlines():
        if line.startswith("- "):
            number = line.rpartition(": ")[2].replace("." if sign == "," else ",", "").replace(sign, ".")
            printed.append(re.sub(r"[^\d.-]", "", number.replace("\N{MINUS SIGN}", "-")))
    if printed != list(wanted):
        raise Doubt(f"{path} shows other amounts than were computed.")


class Agreed(NamedTuple):
    """What a contract said of hours from an instant to another one; without an end it still does."""

    start: int
    end: int | None
    hours: Mapping[str, Any]


Minutes = tuple[int, int, int]
"""Of a line: real ones, with those that are covered; accounted ones; covered ones."""


def agreed_hours(versions: Sequence[Mapping[str, Any]]) -> tuple[list[Agreed], Zone]:
    """What was in force of hours, one after the other, and the zone of the contract's days. `versions`: their data."""
    ordered = sorted(versions, key=lambda each: (instant(each["effective_from"]), each["version"]))
    begins = [instant(each["effective_from"]) for each in ordered]
    first = zone_of(ordered[0]["client"]["time_zone"])
    begins[0] = _boundary(_local_date(begins[0], first), "00:00", first, last=False)
    held = [
        Agreed(start, end, version["hours"])
        for start, version, end in zip(begins, ordered, [*begins[1:], None])  # noqa: B905  (Python 3.9 has no `strict`)
        if version["status"] == "active" and version.get("hours") is not None and start != end
    ]
    return held, zone_of(ordered[-1]["client"]["time_zone"])


def _first_of(month: str) -> tuple[date, date]:
    year, number = (int(part) for part in month.split("-")[:2])
    return date(year, number, 1), date(year + number // 12, number % 12 + 1, 1)


def accounted(
    entries: Iterable[Mapping[str, Any]], held: Sequence[Agreed], zone: Zone
) -> tuple[dict[str, Minutes], int]:
    """What the entries of a month come to by the terms of their days, by line; and the minutes out of scope.

    Raises Doubt for an entry that counts otherwise than it says.
    """
    works: dict[tuple[int, str], list[tuple[str, Mapping[str, Any], bool, Fraction]]] = {}
    out_of_scope = 0
    for entry in entries:
        day = date.fromisoformat(entry["worked_on"])
        begins, ends = (_boundary(each, "00:00", zone, last=False) for each in (day, day + timedelta(days=1)))
        of_day = [each.hours for each in held if each.start < ends and (each.end is None or each.end > begins)]
        hours = of_day[-1] if of_day else None
        codes = [] if hours is None else [line["code"] for line in hours["lines"] if _takes(line, entry)]
        if entry["counted"] == "out_of_scope":
            out_of_scope += entry["real_minutes"]
        elif (entry["counted"] == "accounted") != bool(codes):
            raise Doubt(f"The entry {entry['hours_entry_id']} says wrongly whether a line of the contract takes it.")
        elif hours is not None and codes:
            covered = entry["covered"] or entry["work_class"] in hours["covered_classes"]
            factors = [Fraction(each) for each in entry["multipliers"]]
            factors += [Fraction(m["factor"]) for m in hours["multipliers"] if m["work_class"] == entry["work_class"]]
            exact = Fraction(0) if covered else entry["real_minutes"] * max(factors, default=Fraction(1))
            rule = (hours["accounting"]["unit_minutes"], hours["accounting"]["per"])
            works.setdefault(rule, []).append((codes[0], entry, covered, exact))
    found: dict[str, Minutes] = {}
    for (unit, per), of_rule in works.items():
        together: dict[tuple[Any, ...], tuple[str, Fraction]] = {}
        for number, (code, entry, covered, exact) in enumerate(of_rule):
            real, counted, own = found.get(code, (0, 0, 0))
            found[code] = (real + entry["real_minutes"], counted, own + (entry["real_minutes"] if covered else 0))
            alone = per != "ticket_day" or entry["work_item_id"] is None
            key = (number,) if alone else (code, entry["work_item_id"], entry["worked_on"])
            together[key] = (code, together.get(key, (code, Fraction(0)))[1] + exact)
        for code, exact in together.values():
            units = -(-abs(exact) // unit)
            real, counted, own = found[code]
            found[code] = (real, counted + unit * (units if exact >= 0 else -units), own)
    return found, out_of_scope


def _takes(line: Mapping[str, Any], entry: Mapping[str, Any]) -> bool:
    """Whether work draws on a line: the one that is named, else the first that covers its class."""
    if entry["line"] is not None:
        return bool(entry["line"] == line["code"])
    return bool(entry["work_class"] in line["work_classes"])


def _added(one: Minutes, other: Minutes) -> Minutes:
    return (one[0] + other[0], one[1] + other[1], one[2] + other[2])


Lots = list[tuple[int, int]]
"""Unused minutes, and in how many months after the next one they can be used; the first to be lost first."""


def drawn(policy: str, months: int, included: int, used: int, lots: Lots) -> tuple[int, int, int, Lots]:
    """What becomes of an account in a month: what was available, what goes beyond, what is lost, what is left."""
    own = (included + max(0, -used), months)
    order = [*lots, own] if policy == "fifo" else [own, *lots]
    wanted, unused = max(0, used), []
    for minutes, left in order:
        taken = min(minutes, wanted)
        wanted -= taken
        unused.append((minutes - taken, left))
    kept = sorted(((minutes, left - 1) for minutes, left in unused if minutes and left), key=lambda lot: lot[1])
    return sum(lot[0] for lot in order), wanted, sum(minutes for minutes, left in unused if not left), kept


def hours_figures(month: Mapping[str, Any], versions: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """The figures of a closed month of hours, from its entries, what it began with, and the contract's versions."""
    held, zone = agreed_hours(versions)
    whole = (*(_boundary(day, "00:00", zone, last=False) for day in _first_of(month["month"])),)
    begun = [each for each in held if each.start < whole[1]]
    if not begun:
        raise Doubt("The contract had no hours in this month.")
    for entry in month["entries"]:
        if entry["worked_on"][:7] != month["month"][:7]:
            raise Doubt(f"The entry {entry['hours_entry_id']} is of another month, which only adjustments are.")
    by_line, out_of_scope = accounted(month["entries"], held, zone)
    for late in month["adjustments"]:
        booked = (late["real_minutes"], late["accounted_minutes"], late["covered_minutes"])
        by_line[late["line"]] = _added(by_line.get(late["line"], (0, 0, 0)), booked)
    last = begun[-1].hours
    shares: dict[str, Fraction] = {line["code"]: Fraction(0) for line in last["lines"]}
    for each in begun:
        share = day_share((each.start, whole[1] if each.end is None else each.end), (whole[0], whole[1]), zone)
        for line in each.hours["lines"] if share else ():
            shares[line["code"]] = shares.get(line["code"], Fraction(0)) + line["included_minutes"] * share
    for code in by_line:
        shares.setdefault(code, Fraction(0))
    included = {code: int(rounded(exact, 0)) for code, exact in shares.items()}
    lots: dict[str | None, Lots] = {}
    for lot in month["brought"]:
        lots.setdefault(lot["line"], []).append((lot["minutes"], lot["months"]))
    policy = last["rollover"]["policy"]
    months = last["rollover"]["months"] or (1 if policy == "one_period" else 0)
    used = {code: by_line.get(code, (0, 0, 0)) for code in included}
    accounts: dict[str | None, tuple[int, int]] = (
        {None: (sum(included.values()), sum(each[1] for each in used.values()))}
        if last["pooled"]
        else {code: (minutes, used[code][1]) for code, minutes in included.items()}
    )
    drawn_ = {key: drawn(policy, months, *own, lots.get(key, [])) for key, own in accounts.items()}
    overage = sum(each[1] for each in drawn_.values())
    cap = last["overage_cap_minutes"]
    billed = overage if cap is None else min(overage, cap)
    rate = last["overage_rate_per_hour"]
    at_hand = {
        code: minutes + (0 if last["pooled"] else sum(lot[0] for lot in lots.get(code, ())))
        for code, minutes in included.items()
    }
    lines = [
        {
            "code": code,
            "included_minutes": minutes,
            "real_minutes": used[code][0],
            "accounted_minutes": used[code][1],
            "covered_minutes": used[code][2],
            "remaining_minutes": max(0, at_hand[code] - used[code][1]),
            "overage_minutes": 0 if last["pooled"] else max(0, used[code][1] - at_hand[code]),
            "over": used[code][1] > minutes if last["pooled"] else bool(drawn_[code][1]),
        }
        for code, minutes in included.items()
    ]
    available = sum(each[0] for each in drawn_.values())
    consumed = sum(each[1] for each in used.values())
    lost = sum(minutes for key, each in lots.items() if key not in drawn_ for minutes, _ in each)
    return {
        "pooled": last["pooled"],
        "included_minutes": sum(included.values()),
        "available_minutes": available,
        "real_minutes": sum(each[0] for each in used.values()),
        "accounted_minutes": consumed,
        "covered_minutes": sum(each[2] for each in used.values()),
        "out_of_scope_minutes": out_of_scope,
        "remaining_minutes": max(0, available - consumed)
        if last["pooled"]
        else sum(line["remaining_minutes"] for line in lines),
        "overage_minutes": overage,
        "billed_minutes": billed,
        "rolled_over_minutes": sum(minutes for each in drawn_.values() for minutes, _ in each[3]),
        "expired_minutes": lost + sum(each[2] for each in drawn_.values()),
        "overage_amount": {
            "amount": rounded(
                Fraction(billed, 60) * Fraction(rate["amount"]), decimals_of(month["overage_amount"]["amount"])
            ),
            "currency": rate["currency"],
        },
        "carried": [
            {"line": key, "minutes": minutes, "months": left}
            for key, each in drawn_.items()
            for minutes, left in each[3]
        ],
        "lines": lines,
    }


def read_hours(events: Mapping[str, Mapping[str, Any]], contract_id: str, month: str) -> dict[str, Any]:
    """A closed month of hours, computed from its entries and the contract. Raises Doubt when it is told otherwise."""
    told_ = {
        event["data"]["month"][:7]: event
        for event in events.values()
        if event["subject"].startswith("hours_month/") and event["data"]["contract_id"] == contract_id
    }
    event = told_.get(month)
    if event is None or event["source"] != "/services/contracts":
        raise Doubt("No event tells that this month of hours was closed.")
    said = event["data"]
    if any(said.get(name) is None for name in ("entries", "brought", "carried", "adjustments")):
        raise Doubt("The event of this month tells no entries.")
    versions = [each["data"] for each in _said_until(events.values(), contract_id, instant(event["time"]))]
    again = hours_figures(said, versions)
    for name, value in again.items():
        shown = (
            [{k: v for k, v in line.items() if k != "name"} for line in said[name]] if name == "lines" else said[name]
        )
        if shown != value:
            raise Doubt(f"The month says {name} {shown}; its entries and the contract give {value}.")
    held, zone = agreed_hours(versions)
    first = _first_of(month)[0]
    before = told_.get(f"{(first - timedelta(days=1)):%Y-%m}")
    begins = _local_date(held[0].start, zone).replace(day=1) == first
    if before is None and not begins:
        raise Doubt("The month before, with which this one begins, is not in the pack.")
    left = [] if before is None else before["data"].get("carried")
    if left is not None and left != said["brought"]:
        raise Doubt("The month does not begin with what the one before left.")
    _check_entries(contract_id, said["entries"], events.values())
    return {"month": month, "entries": len(said["entries"]), "adjustments": len(said["adjustments"]), **again}


ENTERED = {
    **{
        name: name
        for name in ("contract_id", "line", "work_class", "worked_on", "real_minutes", "multipliers", "covered")
    },
    "work_item_id": "item_id",
}
"""What is entered of work, and what the service desk calls it."""


def _check_entries(contract_id: str, entries: Iterable[Mapping[str, Any]], events: Iterable[Mapping[str, Any]]) -> None:
    """Work that the service desk told of is entered as it was told; and no entry, and no such work, is there twice.

    What takes work back is work of its own there, with negative minutes and an id of its own.
    """
    told_ = {event["subject"]: event["data"] for event in events if event["source"] == "/services/incidents"}
    seen: set[str] = set()
    for entry in entries:
        entered = {**entry, "contract_id": contract_id}
        desk = told_.get(f"time_entry/{entry['time_entry_id']}")
        if desk is not None and any(entered[name] != desk[there] for name, there in ENTERED.items()):
            raise Doubt(f"The entry {entry['hours_entry_id']} is another one than the service desk told.")
        ids = {each for each in (entry["hours_entry_id"], entry["time_entry_id"]) if each is not None}
        if ids & seen:
            raise Doubt(f"The entry {entry['hours_entry_id']} is there twice, or its work is.")
        seen |= ids


def check_hours(files: Mapping[str, bytes]) -> str:
    """Computes a closed month of hours again; gives what it came to in one sentence. Raises Doubt."""
    manifest = read(files[MANIFEST])
    events = _events(files, manifest["tenant_id"])
    figures = read_hours(events, manifest["contract_id"], manifest["month"])
    if read(files["hours.json"]) != figures:
        raise Doubt("The hours are not those of the month.")
    for language in SIGNS:
        path = f"explanation.{language}.txt"
        shown = [
            int(number)
            for line in files[path].decode("utf-8").splitlines()
            if line.startswith("- ")
            for number in re.findall(r"\((-?\d+) min\)", line.rpartition(": ")[2])
        ]
        names = ("included_minutes", "accounted_minutes", "remaining_minutes", "overage_minutes")
        if shown != [line[name] for line in figures["lines"] for name in names]:
            raise Doubt(f"{path} shows other hours than were computed.")
    late = f", with {figures['adjustments']} adjustments of earlier months as they were told" * bool(
        figures["adjustments"]
    )
    return (
        f"The hours of {manifest['month']} computed again from {figures['entries']} entries{late}: "
        f"{figures['accounted_minutes']} of {figures['available_minutes']} minutes used, {figures['overage_minutes']} "
        f"beyond, {figures['rolled_over_minutes']} usable in the next month"
    )


CHECKS = {
    "month": check_month,
    "figure": check_figures,
    "incident": check_clocks,
    "clock": check_clocks,
    "amounts": check_amounts,
    "hours": check_hours,
}


def check(pack: bytes, given: Sequence[bytes] = ()) -> str:
    """What a pack shows, in one sentence.

    Raises Doubt when it does not show what it says, and of that Unsure when nobody can tell here.
    """
    try:
        files = unpacked(pack)
        key = signer(files, given)
        zones = zones_of(files)
        of_the_pack = _OF_THE_PACK.set(zones)
        try:
            sentence = CHECKS[read(files[MANIFEST])["kind"]](files)
        finally:
            _OF_THE_PACK.reset(of_the_pack)
        believed = [name for name, zone in zones.items() if len(zone.known) == 1]
        if believed:
            sentence += f". The time zone {', '.join(believed)} is as the pack has it: this Python knows none"
        return f"{sentence}. Signed by the key {key}."
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError, OverflowError) as error:
        raise Doubt(f"The pack cannot be read ({type(error).__name__}: {error}).") from None


def main(arguments: Sequence[str] | None = None) -> int:
    """The command. Gives the exit status."""
    parser = argparse.ArgumentParser(description="Checks an evidence pack of Upheld.")
    parser.add_argument("pack", type=Path, help="the ZIP")
    parser.add_argument("--key", action="append", default=[], help="a public key to trust, 64 hexadecimal digits")
    options = parser.parse_args(arguments)
    try:
        sentence = check(options.pack.read_bytes(), [bytes.fromhex(key) for key in options.key])
    except Unsure as error:
        sys.stdout.write(f"CANNOT TELL. {error}\n")
        return CANNOT_TELL
    except (Doubt, OSError, ValueError) as error:
        sys.stdout.write(f"NO. {error}\n")
        return NO
    sys.stdout.write(f"YES. {sentence}\n")
    if not options.key:
        sys.stdout.write(
            "Note: no key from elsewhere was given, so this shows that the pack is whole, not who made it. Give --key "
            "with a key that was kept outside.\n"
        )
    return YES


if __name__ == "__main__":
    sys.exit(main())
