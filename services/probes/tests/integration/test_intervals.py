"""At 180, 60 and 30 seconds a site is checked on its slots: for a day by the schedule, once by the clock."""

from datetime import UTC, datetime, timedelta
from itertools import groupby, pairwise
from uuid import uuid4

import pytest

from probes.adapters.result_rows import first_instant_of
from probes.application.schedule import Timetable
from probes.domain.monitors import UPTIME_MONITORING, monitor_id
from probes.domain.slots import Schedule, Succession
from shared.testing.small_site import SmallSite

from .conftest import Contract, Service, contract, eventually

TOLERANCE = timedelta(milliseconds=500)
"""How late a check may begin on a machine that runs the tests of others at the same time."""
TICK = timedelta(milliseconds=200)
AHEAD = timedelta(milliseconds=600)


class OnSchedule:
    """A monitor as the timetable knows it."""

    checked = True

    def __init__(self, seconds: int) -> None:
        self.monitor_id = uuid4()
        self.schedule = Succession(Schedule.of(self.monitor_id, timedelta(seconds=seconds)))


@pytest.mark.parametrize("seconds", [180, 60, 30])
def test_for_a_day_every_slot_is_handed_out_once_and_before_it_is_due(seconds: int) -> None:
    monitor, now = OnSchedule(seconds), datetime(2026, 6, 8, tzinfo=UTC)
    table: Timetable[OnSchedule] = Timetable()
    table.update([monitor], now)
    end, due = now + timedelta(days=1), []
    while now < end:
        for check in table.take(now, now + AHEAD):
            assert not check.missed and now < check.due_at <= now + AHEAD
            due.append(check.due_at)
        now += TICK
    # Slots are handed out before they are due: the first of the next day may be among them already.
    due = [slot for slot in due if slot <= end]
    assert {later - earlier for earlier, later in pairwise(due)} == {timedelta(seconds=seconds)}
    assert len(due) == 86_400 // seconds


def due_soon(seconds: int, *, within: timedelta) -> Contract:
    """A contract whose site is due between three seconds from now and so much later: the phase is that of its id."""
    while True:
        given = contract("")
        identity = monitor_id(given.contract_id, given.environment_id, UPTIME_MONITORING)
        now = datetime.now(UTC)
        _, due = Schedule.of(identity, timedelta(seconds=seconds)).next_after(now)
        if timedelta(seconds=3) < due - now < timedelta(seconds=3) + within:
            return given


@pytest.mark.parametrize(
    "seconds",
    [
        pytest.param(180, marks=pytest.mark.capability("P01")),
        pytest.param(60, marks=pytest.mark.capability("P02")),
        pytest.param(30, marks=pytest.mark.capability("P03")),
    ],
)
async def test_the_service_begins_the_check_of_a_slot_when_it_is_due(service: Service, seconds: int) -> None:
    """Ten contracts with slots within the next seconds: nobody waits for three minutes to see ten of them."""
    pace = {"interval_seconds": seconds, "timeout_seconds": 10}
    with SmallSite() as site:
        contracts = [due_soon(seconds, within=timedelta(seconds=4)) for _ in range(10)]
        for given in contracts:
            given.url = site.url()
            await service.tell(given, "activated", given.state(monitoring=pace))

        async def checked_on_schedule() -> bool:
            return bool(await service.one("select count(*) from probes.result") >= 2 * len(contracts))

        # The first one is out of turn: what was just ordered is checked at once.
        await eventually(checked_on_schedule, 20.0)
        rows = await service.rows(
            "select m.monitor_id, r.day, r.started_ms, r.slot, m.interval_seconds from probes.result r "
            "join probes.monitor m on m.number = r.monitor_number order by m.monitor_id, r.day, r.started_ms"
        )
    assert {row["interval_seconds"] for row in rows} == {seconds}
    late = []
    for identity, found in groupby(rows, key=lambda row: row["monitor_id"]):
        first, second = found
        began = first_instant_of(second["day"]) + timedelta(milliseconds=second["started_ms"])
        schedule = Schedule.of(identity, timedelta(seconds=seconds))
        assert second["slot"] == schedule.slot_at(began) == first["slot"] + 1
        late.append(began - schedule.start_of(second["slot"]))
    assert len(late) == len(contracts) and max(late) < TOLERANCE
