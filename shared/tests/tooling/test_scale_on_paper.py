"""What breaks first is multiplied from measured figures."""

import pytest
from scale_on_paper import CONTRACTS, MEASURED, STREAM_BYTES, STREAM_DAYS, as_often_as_wanted, full_hour, parts

from probes.settings import ProbesSettings
from shared.jetstream import event_stream

KNOWN = {name: value for name, (value, _) in MEASURED.items()}


def test_the_stream_is_the_one_that_probes_declares() -> None:
    assert ProbesSettings.model_fields["stream_days"].default == STREAM_DAYS
    declared = event_stream("probes", STREAM_DAYS)
    assert (declared.max_bytes, declared.max_age) == (STREAM_BYTES, STREAM_DAYS * 86_400)


def test_what_is_half_full_at_once_breaks_at_twice() -> None:
    half = STREAM_BYTES / 2 / (CONTRACTS * 24 * STREAM_DAYS)
    (stream,) = (
        part for name, part in parts(KNOWN | {"bytes_per_rollup_message": half}, 60).items() if "PROBES" in name
    )
    assert stream["can"] / stream["asked"] == pytest.approx(2)


def test_checks_every_five_minutes_cost_a_fifth_of_checks_every_minute() -> None:
    a_minute, five_minutes = (as_often_as_wanted(KNOWN, every)["runners and what records"] for every in (60, 300))
    assert a_minute == pytest.approx(5 * five_minutes)


def test_an_outage_waits_behind_the_roll_ups_that_the_relay_has_not_told_yet() -> None:
    fast = full_hour(KNOWN | {"relay_per_second": 1e6}, 1, workers=1)
    slow = full_hour(KNOWN | {"relay_per_second": 10.0}, 1, workers=1)
    assert fast["latest_outage_told_after_seconds"] == 0
    assert slow["latest_outage_told_after_seconds"] > 60
    assert slow["seconds_until_every_hour_is_told"] == pytest.approx((CONTRACTS + 500) / 10, rel=0.01)
