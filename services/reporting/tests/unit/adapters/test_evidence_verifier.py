"""The verifier of evidence packs: its own arithmetic agrees with the service's, and it needs nothing of it."""

import ast
import io
import struct
import sys
import zipfile
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any, Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reporting.adapters import audit_verifier, evidence_verifier
from reporting.adapters.evidence_verifier import (
    Doubt,
    archive,
    duration,
    instant,
    merged,
    moment,
    quantile,
    sketch_of,
    told,
    unpacked,
    uptime,
)
from reporting.application.facts import UptimeRule
from reporting.application.uptime_rule import domain_rule
from reporting.domain.availability import State, StateSpan, measure_uptime
from reporting.domain.evidence import EVIDENCE
from shared.kernel.intervals import Interval
from shared.kernel.sketch import LARGEST, Sketch, as_text
from shared.values import seconds

BEGIN: Final = datetime(2026, 3, 27, 22, 0, tzinfo=UTC)
"""The clocks of Paris go forward on the second day of it."""
OFFICE: Final = {
    "time_zone": "Europe/Paris",
    "weekly": [
        {"days": ["mon", "tue", "wed", "thu", "fri"], "from": "09:00", "to": "18:00"},
        {"days": ["sat", "sun"], "from": "22:00", "to": "02:30", "to_next_day": True},
    ],
    "holidays": {"country": "FR"},
    "closures": [{"from": "2026-04-08", "to": "2026-04-09"}],
    "yearly_closures": [{"from": "12-24", "to": "01-02"}],
    "openings": [{"date": "2026-04-06", "from": "10:00", "to": "12:00"}],
}
EASTER_MONDAY: Final = "2026-04-06"
MICROSECONDS: Final = 14 * 86_400 * 10**6

instants = st.integers(-(10**11), MICROSECONDS).map(lambda at: BEGIN + timedelta(microseconds=at))
spans = st.tuples(instants, st.integers(1, 3 * 10**11), st.sampled_from(list(State)))
rules = st.fixed_dictionaries(
    {
        "minimum_outage": st.sampled_from(["PT0S", "PT5M", "PT1H30M"]),
        "whole_minutes": st.booleans(),
        "maintenance": st.sampled_from(["exclude", "up", "down"]),
        "unknown": st.sampled_from(["exclude", "up", "down"]),
        "degraded_weight": st.sampled_from(["0", "0.3", "1"]),
        "service_window": st.sampled_from([None, OFFICE, {"time_zone": "UTC", "always": True}]),
    }
)


@settings(max_examples=150)
@given(st.lists(st.lists(st.integers(0, 10**6) | st.integers(0, LARGEST + 9), min_size=1), min_size=1, max_size=4))
def test_its_percentiles_are_those_of_the_service(hours: list[list[int]]) -> None:
    theirs = merged([sketch for hour in hours if (sketch := sketch_of(as_text(Sketch.of(hour)))) is not None])
    ours = Sketch.of(value for hour in hours for value in hour)
    assert sum(theirs.counts.values()) == ours.count
    for thousandths in (0, 500, 950, 990, 1000):
        assert quantile(theirs, thousandths) == ours.quantile(thousandths)


def test_an_empty_sketch_is_none_and_what_is_cut_off_is_no_sketch() -> None:
    assert sketch_of(as_text(Sketch.of([]))) is None
    whole = as_text(Sketch.of(range(100, 200_000, 77)))
    for broken in ("", "A", "é", whole[: len(whole) // 2]):
        with pytest.raises(ValueError):
            sketch_of(broken)


@settings(max_examples=150)
@given(found=st.lists(spans, max_size=8), rule=rules, target=st.sampled_from([None, "99.9", "50"]))
def test_its_figures_are_those_of_the_service(
    found: list[tuple[datetime, int, State]], rule: dict[str, Any], target: str | None
) -> None:
    end = BEGIN + timedelta(microseconds=MICROSECONDS)
    states = [(start, start + timedelta(microseconds=length), state) for start, length, state in found]
    ours = measure_uptime(
        Interval(BEGIN, end),
        domain_rule(UptimeRule.model_validate(rule).model_dump_json()),
        [StateSpan(*each) for each in states],
        Decimal(target) if target is not None else None,
    )
    theirs = uptime(
        (moment(BEGIN), moment(end)),
        rule,
        [(moment(first), moment(last), str(state)) for first, last, state in states],
        frozenset({EASTER_MONDAY}),
    )
    assert theirs["denominator"] == seconds(ours.denominator)
    assert theirs["lost"] == ours.lost
    assert {state: theirs[state.value] for state in State} == {s: seconds(ours.length_of[s]) for s in State}
    figure = told(theirs, rule, target)
    assert (figure["uptime_percent"], figure["coverage_percent"], figure["met"]) == (
        ours.percent_text,
        ours.coverage_text,
        ours.met,
    )
    assert Fraction(figure["denominator"], figure["units_per_second"]) == seconds(ours.denominator)


def test_it_states_the_signature_rule_of_the_service_and_the_arithmetic_of_the_other_verifier() -> None:
    assert evidence_verifier.EVIDENCE == EVIDENCE
    assert evidence_verifier.KEY == audit_verifier.KEY
    assert evidence_verifier.KEY_FIELDS == audit_verifier.KEY_FIELDS

    def curve(module: Any, end: str) -> str:
        source = Path(module.__file__).read_text(encoding="utf-8")
        return source[source.index("# --- Ed25519") : source.index(end)]

    assert curve(evidence_verifier, "# --- what is signed") == curve(audit_verifier, "# --- the log")


def test_it_needs_nothing_but_the_standard_library() -> None:
    source = Path(evidence_verifier.__file__).read_text(encoding="utf-8")
    used = set()
    for node in ast.walk(ast.parse(source, feature_version=(3, 9))):
        if isinstance(node, ast.Import):
            used |= {each.name.split(".")[0] for each in node.names}
        elif isinstance(node, ast.ImportFrom):
            used.add((node.module or "").split(".")[0])
    assert used <= sys.stdlib_module_names


@given(st.dictionaries(st.text("aé/.", min_size=1, max_size=9), st.binary(max_size=99), max_size=5))
def test_what_it_packs_others_read_and_it_unpacks(files: dict[str, bytes]) -> None:
    pack = archive(sorted(files.items()))
    with zipfile.ZipFile(io.BytesIO(pack)) as opened:
        assert opened.testzip() is None
        assert {name: opened.read(name) for name in opened.namelist()} == files
    assert unpacked(pack) == files


def test_a_pack_that_says_a_file_twice_is_refused() -> None:
    with pytest.raises(Doubt, match="twice"):
        unpacked(archive([("a", b"1"), ("a", b"2")]))


def test_what_is_compressed_or_lies_within_itself_is_refused_before_it_is_read() -> None:
    small = io.BytesIO()
    with zipfile.ZipFile(small, "w", zipfile.ZIP_DEFLATED) as packing:
        packing.writestr("a", bytes(2**20))
    twice = bytearray(archive([("a", bytes(99)), ("b", bytes(99))]))
    end = len(twice) - 22
    first, second = end - 2 * 47, end - 47
    twice[second:end] = twice[first:second]
    third = bytes(twice[first:second])
    nested = bytes(twice[:second]) + 9 * third + struct.pack("<4s4H2IH", b"PK\5\6", 0, 0, 10, 10, 470, first, 0)
    for pack in (small.getvalue(), nested):
        with pytest.raises(Doubt, match="no pack is"):
            unpacked(pack)


def test_it_reads_instants_and_durations_exactly() -> None:
    assert instant("2026-06-01T00:00:00.5Z") - instant("2026-06-01T00:00:00+00:00") == 500_000
    assert instant("2026-06-01T02:00:00.25+02:00") - instant("2026-05-31T20:00:00-04:00") == 250_000
    assert moment(datetime.combine(date(2026, 6, 1), datetime.min.time(), UTC)) == instant("2026-06-01T00:00:00Z")
    assert duration("P1DT1H1M1.25S") == 90_061_250_000
    for wrong in ("2026-06-01", "2026-06-01T00:00:00", "2026-06-01T00:00:00+02"):
        with pytest.raises(ValueError, match="no instant"):
            instant(wrong)
