"""A month that was told stays as it was when its contract is amended, or an incident of it goes on, afterwards."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from shared.ids import new_id

from .test_measured_months import told as measured_months
from .test_report_editions import AFTERWARDS, MIDNIGHT, issue, published, read


def stamped(at: datetime) -> dict[str, Any]:
    return {"at": at.isoformat(), "actor": {"kind": "user", "id": "lea", "name": "Léa Dubois"}, "source": "portal"}


class Case:
    """The incident of 9 June, as incidents goes on telling of it."""

    def __init__(self, story: Any) -> None:
        self.story = story
        self.june: list[bytes] = [with_facts(event) for event in story.golden_june()]
        self.state: dict[str, Any] = next(data for event in self.june if (data := told(event))["status"] == "resolved")
        self.incident_id = UUID(self.state["incident_id"])

    @property
    def repair(self) -> dict[str, Any]:
        clock: dict[str, Any] = self.state["clocks"][1]
        return clock

    def says(self, event: str, at: datetime, status: str | None = None, **stamps: dict[str, Any] | None) -> bytes:
        """The next word on it: these stamps are otherwise."""
        self.state["status"] = status or self.state["status"]
        self.state["timestamps"] |= stamps
        self.state["version"] = version = self.story._next(self.incident_id)
        return bytes(
            self.story.event(f"incidents.incident.{event}.v1", self.incident_id, at, self.state, version),
        )

    def reopened(self, at: datetime, said_at: datetime | None = None) -> bytes:
        """The client says that it was not over: a new cycle, without what was done in the one before."""
        self.repair.update(state="running", verdict=None)
        self.repair["facts"].append({"kind": "reopened", "at": at.isoformat()})
        undone = dict.fromkeys(("acknowledged", "mitigated", "monitoring_paused", "recovered", "resolved", "closed"))
        return self.says("reopened", said_at or at, "open", **undone, reopened=stamped(at))

    def resolved(self, at: datetime, said_at: datetime | None = None) -> bytes:
        self.repair.update(state="met", verdict="met", elapsed_seconds=900)
        self.repair["facts"].append({"kind": "stopped", "at": at.isoformat()})
        return self.says("resolved", said_at or at, "resolved", acknowledged=stamped(at), resolved=stamped(at))

    def breached(self, at: datetime, version: int) -> bytes:
        """The repair clock says by itself that its time is over."""
        data = {key: self.state[key] for key in ("incident_id", "contract_id", "client_id")}
        data |= {key: value for key, value in self.repair.items() if key not in ("state", "verdict", "facts")}
        name, clock_id = "incidents.clock.breached.v1", self.repair["clock_id"]
        return bytes(self.story.event(name, clock_id, at, data | {"at": at.isoformat()}, version))

    async def line(self, service: Any, month: str) -> dict[str, Any] | None:
        """The incident in the report of a month, as it is known now."""
        async with service.client(self.story) as client:
            answer = await client.get(f"/v1/contracts/{self.story.contract_id}/reports/{month}")
        assert answer.status_code == 200, answer.text
        items = answer.json()["incidents"]["items"]
        return next((line for line in items if line["incident_id"] == str(self.incident_id)), None)


def told(event: bytes) -> dict[str, Any]:
    data: dict[str, Any] = json.loads(event)["data"]
    return {"status": "", **data}


def with_facts(event: bytes) -> bytes:
    """An event of an incident with what happened to its clocks; another one as it is."""
    envelope = json.loads(event)
    for clock in envelope["data"].get("clocks", ()):
        stamps = envelope["data"]["timestamps"]
        stop = stamps["acknowledged" if clock["metric"] == "response" else "recovered"]
        clock["facts"] = [{"kind": "opened", "at": stamps["detected"]["at"]}]
        clock["facts"] += [] if stop is None else [{"kind": "stopped", "at": stop["at"]}]
    return json.dumps(envelope).encode()


@pytest.fixture
def case(story: Any) -> Case:
    return Case(story)


async def june_is_told(service: Any, case: Case) -> dict[str, Any]:
    await service.hear(*case.june)
    service.clock.set(AFTERWARDS)
    await issue(service)
    return await read(service, case.story, 1)


async def editions(service: Any, month: str = "2026-06-01") -> list[tuple[int, str]]:
    return [(each["edition"], each["reason"]) for each in await published(service) if each["month"] == month]


async def test_an_incident_that_is_reopened_after_its_month_was_told_leaves_the_month_as_it_was(
    service: Any, case: Case
) -> None:
    first = await june_is_told(service, case)
    again = MIDNIGHT + timedelta(days=2)
    service.clock.set(again + timedelta(minutes=1))
    # Its repair clock counts anew and is missed: in July.
    await service.hear(case.reopened(again), case.breached(again + timedelta(seconds=30), 1))
    await issue(service)
    assert await editions(service) == [(1, "scheduled")]
    then = next(line for line in first["report"]["incidents"]["items"] if line["incident_id"] == str(case.incident_id))
    assert await case.line(service, "2026-06") == then
    assert (then["status"], then["duration_seconds"], then["clocks"][1]["verdict"]) == ("resolved", 600, "met")
    july = await case.line(service, "2026-07")
    assert july is not None
    assert (july["status"], july["ended_at"], july["carried_over"]) == ("open", None, True)
    assert july["clocks"][1]["verdict"] == "breached"
    # The ten minutes of June and the one since: not the three weeks between.
    assert july["duration_seconds"] == 660


async def test_one_that_is_reopened_and_resolved_again_and_again_is_told_in_each_month_by_its_cycle_of_then(
    service: Any, case: Case
) -> None:
    first = await june_is_told(service, case)
    july, september = datetime(2026, 7, 10, 8, tzinfo=UTC), datetime(2026, 9, 10, 8, tzinfo=UTC)
    words = [
        case.reopened(july),
        case.resolved(july + timedelta(hours=1)),
        case.reopened(september),
        case.resolved(september + timedelta(hours=2)),
    ]
    service.clock.set(datetime(2026, 10, 1, 6, tzinfo=UTC))
    await service.hear(*reversed(words))
    await issue(service)
    assert await editions(service) == [(1, "scheduled")]
    ended = {}
    for month in ("2026-06", "2026-07", "2026-08", "2026-09"):
        line = await case.line(service, month)
        ended[month] = line and (line["status"], line["ended_at"], line["duration_seconds"], len(line["event_ids"]))
    assert ended == {
        "2026-06": ("resolved", "2026-06-09T01:40:00Z", 600, 4),
        "2026-07": ("resolved", "2026-07-10T09:00:00Z", 600 + 3600, 6),
        "2026-08": None,
        "2026-09": ("resolved", "2026-09-10T10:00:00Z", 600 + 3600 + 7200, 8),
    }
    assert (await read(service, case.story, 1)) == first


@pytest.mark.parametrize(
    ("at", "status"),
    [
        (datetime(2026, 6, 20, 8, tzinfo=UTC), "open"),
        (MIDNIGHT - timedelta(microseconds=1), "open"),
        (MIDNIGHT, "resolved"),
    ],
    ids=["in the month", "at its last instant", "at its end"],
)
async def test_what_was_reopened_before_the_month_was_over_is_open_at_its_end_whenever_that_is_heard(
    service: Any, case: Case, at: datetime, status: str
) -> None:
    await june_is_told(service, case)
    service.clock.set(AFTERWARDS + timedelta(days=1))
    await service.hear(case.reopened(at, said_at=AFTERWARDS + timedelta(days=1)))
    await issue(service)
    line = await case.line(service, "2026-06")
    assert line is not None
    assert (line["status"], line["carried_forward"]) == (status, status == "open")
    assert line["duration_seconds"] == 600 + (max(MIDNIGHT - at, timedelta()).total_seconds())
    expected = [(1, "scheduled"), (2, "correction")] if status == "open" else [(1, "scheduled")]
    assert await editions(service) == expected


async def test_an_end_of_june_that_is_heard_of_in_july_corrects_june_even_if_it_was_reopened_by_then(
    service: Any, case: Case
) -> None:
    *others, resolved = [event for event in case.june if told(event).get("incident_id") == str(case.incident_id)]
    case.june = [event for event in case.june if event != resolved]
    await june_is_told(service, case)
    again = MIDNIGHT + timedelta(days=2)
    service.clock.set(again)
    await service.hear(case.reopened(again))
    await service.hear(resolved)
    await issue(service)
    assert await editions(service) == [(1, "scheduled"), (2, "correction")]
    second = await read(service, case.story, 2)
    assert [(each["measure"], each["before"], each["after"]) for each in second["changes"]] == [
        ("status", "acknowledged", "resolved")
    ]
    line = await case.line(service, "2026-06")
    assert line is not None
    assert len(line["event_ids"]) == len(others) + 1


async def test_a_recovery_of_june_that_is_told_after_a_reopening_ends_the_incident_in_june_and_not_in_july(
    service: Any, case: Case
) -> None:
    case.june = [event for event in map(without_recovery, case.june) if b"incident.recovered" not in event]
    await june_is_told(service, case)
    again = MIDNIGHT + timedelta(days=2)
    service.clock.set(again)
    back = datetime(2026, 6, 9, 1, 40, tzinfo=UTC)
    await service.hear(case.reopened(again), case.says("recovered", again, recovered=stamped(back)))
    await issue(service)
    second = await read(service, case.story, 2)
    changes = {each["measure"]: (each["before"], each["after"]) for each in second["changes"]}
    assert changes["duration_seconds"] == ("720", "600")
    assert set(changes) <= {"duration_seconds", "ended_at", "actual_at"}
    july = await case.line(service, "2026-07")
    assert july is not None
    assert (july["status"], july["ended_at"], july["clocks"][1]["verdict"]) == ("open", None, "running")


def without_recovery(event: bytes) -> bytes:
    envelope = json.loads(event)
    if "timestamps" in envelope["data"]:
        envelope["data"]["timestamps"]["recovered"] = None
    return json.dumps(envelope).encode()


async def test_what_was_wrong_again_in_july_had_recovered_in_june_and_an_answer_of_june_that_is_told_late_counts(
    service: Any, story: Any
) -> None:
    since = MIDNIGHT - timedelta(minutes=30)
    back, again = since + timedelta(minutes=10), MIDNIGHT + timedelta(minutes=5)
    case = Case(story)
    *_, last = story.incident(new_id(), None, since, recovered=back)
    await service.hear(*case.june[:5], last)
    case.state = told(last)
    case.incident_id = UUID(case.state["incident_id"])
    service.clock.set(AFTERWARDS)
    await issue(service)
    # Wrong again: it has not recovered, and its repair clock goes on. Then somebody says when he had answered.
    response, repair = case.state["clocks"]
    opened = {"kind": "opened", "at": case.state["timestamps"]["detected"]["at"]}
    response["facts"] = [opened]
    repair.update(
        *({"state": "running", "verdict": None},),
        facts=[opened, {"kind": "stopped", "at": back.isoformat()}, {"kind": "reopened", "at": again.isoformat()}],
    )
    answered = since + timedelta(minutes=4)
    wrong_again = case.says("changed", again + timedelta(minutes=1), "open", recovered=None)
    response.update(state="met", verdict="met", elapsed_seconds=220)
    response["facts"] = [opened, {"kind": "stopped", "at": answered.isoformat()}]
    late = case.says("acknowledged", AFTERWARDS, "acknowledged", acknowledged=stamped(answered))
    await service.hear(wrong_again)
    await issue(service)
    assert await editions(service) == [(1, "scheduled")]
    await service.hear(late)
    await issue(service)
    second = await read(service, story, 2)
    changes = {(each["subject"], each["measure"]): each["after"] for each in second["changes"]}
    assert changes[("promise", "verdict")] == "met"
    assert ("incident", "ended_at") not in changes
    (line,) = second["report"]["incidents"]["items"]
    assert (line["ended_at"], line["duration_seconds"]) == ("2026-06-30T21:40:00Z", 600)
    assert [clock["verdict"] for clock in line["clocks"]] == ["met", "met"]


LATELY = MIDNIGHT - timedelta(hours=10)
"""When something began to be wrong that went on into July."""
NEXT_DAY = MIDNIGHT + timedelta(days=1)


class Unfinished(Case):
    """An incident of the last day of June, which nobody has answered or mended by midnight."""

    def __init__(self, story: Any) -> None:
        self.story = story
        self.incident_id = new_id()
        (opened,) = story.incident(self.incident_id, None, LATELY, severity="minor")
        self.state = told(opened)
        for clock in self.state["clocks"]:
            clock["facts"] = [{"kind": "opened", "at": LATELY.isoformat(), "severity": "minor"}]
        self.repair.update(target_seconds=86400, due_at=iso(NEXT_DAY), breach_after=iso(NEXT_DAY))
        self.june = [story.golden_june()[0], json.dumps({**json.loads(opened), "data": self.state}).encode()]

    def clocks_say(self, at: datetime, kind: str | None, happened_at: datetime | None = None, **reading: Any) -> None:
        """From now on the repair clock reads so, because this happened to it."""
        if kind is not None:
            self.repair["facts"] = [*self.repair["facts"], {"kind": kind, "at": iso(happened_at or at)}]
        self.repair.update(reading)

    def reclassified(self, at: datetime) -> bytes:
        self.state["severity"] = "critical"
        due = iso(LATELY + timedelta(hours=16))
        self.clocks_say(at, "reclassified", policy="critical repair", target_seconds=57600, due_at=due)
        return self.says("changed", at)

    def paused(self, at: datetime, since: datetime | None = None) -> bytes:
        self.clocks_say(at, "paused", since, state="paused", due_at=iso(NEXT_DAY + timedelta(hours=5)))
        return self.says("changed", at)

    def merged(self, at: datetime) -> bytes:
        self.clocks_say(at, "cancelled", state="cancelled")
        return self.says("closed", at, "closed", closed=stamped(at))

    def renamed_while_it_waits(self, at: datetime) -> bytes:
        """What stands still is due later with every instant, whatever else is said of it."""
        self.clocks_say(at, None, due_at=iso(NEXT_DAY + timedelta(days=3)))
        self.state["title"] = "Search does not answer"
        return self.says("changed", at)

    def reads(self, at: datetime, **reading: Any) -> bytes:
        """The repair clock reads otherwise by what the contract says."""
        self.clocks_say(at, None, **reading)
        return self.says("clocks_changed", at)


def iso(at: datetime) -> str:
    return at.isoformat().replace("+00:00", "Z")


@pytest.fixture
def unfinished(story: Any) -> Unfinished:
    return Unfinished(story)


JULY = MIDNIGHT + timedelta(days=2)


@pytest.mark.parametrize("what", ["reclassified", "paused", "merged"])
async def test_what_is_judged_or_done_in_july_leaves_the_line_of_june_as_it_stood_at_its_end(
    service: Any, unfinished: Unfinished, what: str
) -> None:
    first = await june_is_told(service, unfinished)
    (then,) = first["report"]["incidents"]["items"]
    clock = then["clocks"][1]
    assert (then["severity"], then["status"], clock["verdict"]) == ("minor", "open", "running")
    assert (clock["policy"], clock["target_seconds"], clock["due_at"]) == ("critical repair", 86400, iso(NEXT_DAY))
    service.clock.set(JULY)
    await service.hear(getattr(unfinished, what)(JULY))
    await issue(service)
    assert await editions(service) == [(1, "scheduled")]
    assert await unfinished.line(service, "2026-06") == then
    july = await unfinished.line(service, "2026-07")
    assert july is not None
    assert {
        "reclassified": (july["severity"], july["clocks"][1]["target_seconds"]) == ("critical", 57600),
        "paused": july["clocks"][1]["due_at"] == iso(NEXT_DAY + timedelta(hours=5)),
        "merged": (july["status"], july["clocks"][1]["verdict"]) == ("closed", "cancelled"),
    }[what]


async def test_what_waits_over_the_end_of_june_is_due_in_it_when_it_was_then_however_long_it_waits(
    service: Any, unfinished: Unfinished
) -> None:
    unfinished.june.append(unfinished.paused(MIDNIGHT - timedelta(hours=1)))
    first = await june_is_told(service, unfinished)
    service.clock.set(JULY)
    await service.hear(unfinished.renamed_while_it_waits(JULY))
    await issue(service)
    assert await editions(service) == [(1, "scheduled")]
    assert await unfinished.line(service, "2026-06") == first["report"]["incidents"]["items"][0]


@pytest.mark.parametrize("reading", [{"target_seconds": 7200, "state": "breached"}, {"state": "cancelled"}], ids=str)
async def test_a_promise_that_is_amended_from_july_on_is_in_june_what_it_was(
    service: Any, unfinished: Unfinished, reading: dict[str, Any]
) -> None:
    first = await june_is_told(service, unfinished)
    service.clock.set(JULY)
    # Judged by the new terms from its opening on, it would have been missed in June.
    over = iso(LATELY + timedelta(hours=2))
    await service.hear(
        unfinished.story.contract("amended", MIDNIGHT),
        unfinished.reads(JULY, due_at=over, breach_after=over, **reading),
    )
    await issue(service)
    assert await editions(service) == [(1, "scheduled")]
    assert await unfinished.line(service, "2026-06") == first["report"]["incidents"]["items"][0]


async def test_a_pause_of_june_that_is_told_in_july_corrects_june(service: Any, unfinished: Unfinished) -> None:
    await june_is_told(service, unfinished)
    service.clock.set(JULY)
    await service.hear(unfinished.paused(JULY, since=MIDNIGHT - timedelta(hours=1)), unfinished.reclassified(JULY))
    await issue(service)
    second = await read(service, unfinished.story, 2)
    assert [(each["subject"], each["measure"], each["after"]) for each in second["changes"]] == [
        ("promise", "due_at", iso(NEXT_DAY + timedelta(hours=5)))
    ]
    (line,) = second["report"]["incidents"]["items"]
    assert len(line["event_ids"]) == 2


async def test_a_breach_of_june_that_is_taken_back_in_july_is_none_in_june(
    service: Any, unfinished: Unfinished
) -> None:
    missed = MIDNIGHT - timedelta(hours=1)
    unfinished.repair.update(due_at=iso(missed), breach_after=iso(missed))
    unfinished.june.append(unfinished.breached(missed, 1))
    first = await june_is_told(service, unfinished)
    assert first["report"]["targets"]["repair"]["breached"] == 1
    # That the contract was suspended in June was heard late.
    service.clock.set(JULY)
    due = iso(NEXT_DAY + timedelta(hours=3))
    await service.hear(unfinished.reads(JULY, due_at=due, breach_after=due, clock_version=1))
    await issue(service)
    second = await read(service, unfinished.story, 2)
    changes = {each["measure"]: (each["before"], each["after"]) for each in second["changes"]}
    assert changes["verdict"] == ("breached", "running")


async def test_a_breach_of_june_stays_one_when_another_severity_gives_more_time_in_july(
    service: Any, unfinished: Unfinished
) -> None:
    missed = MIDNIGHT - timedelta(hours=1)
    unfinished.repair.update(due_at=iso(missed), breach_after=iso(missed))
    unfinished.june.append(unfinished.breached(missed, 1))
    await june_is_told(service, unfinished)
    service.clock.set(JULY + timedelta(days=9))
    more_time = unfinished.reclassified(JULY)
    unfinished.repair["clock_version"] = 1
    later = iso(JULY + timedelta(days=3))
    unfinished.repair.update(due_at=later, breach_after=later)
    again = unfinished.breached(JULY + timedelta(days=3), 2)
    await service.hear(again, more_time)
    await issue(service)
    assert await editions(service) == [(1, "scheduled")]
    line = await unfinished.line(service, "2026-06")
    assert line is not None
    assert line["clocks"][1]["verdict"] == "breached"


async def test_an_answer_of_june_that_is_told_after_an_amendment_of_july_counts_in_june(
    service: Any, unfinished: Unfinished
) -> None:
    await june_is_told(service, unfinished)
    answered = LATELY + timedelta(minutes=9)
    response = unfinished.state["clocks"][0]
    response.update(state="met", verdict="met", elapsed_seconds=520)
    response["facts"].append({"kind": "stopped", "at": iso(answered)})
    late = unfinished.says("acknowledged", JULY, "acknowledged", acknowledged=stamped(answered))
    service.clock.set(JULY)
    await service.hear(unfinished.story.contract("amended", MIDNIGHT), late)
    await issue(service)
    line = await unfinished.line(service, "2026-06")
    assert line is not None
    assert (line["status"], line["clocks"][0]["verdict"], line["clocks"][1]["verdict"]) == (
        *("acknowledged", "met"),
        "running",
    )


HOURS = {"fr": "Maintenance technique", "en": "Technical maintenance"}
BASIC = {"code": "basic", "name": {"fr": "Formule Basique", "en": "Basic plan"}}


def included(minutes: int) -> dict[str, Any]:
    return {"lines": [{"code": "technical", "name": HOURS, "included_minutes": minutes}]}


def with_hours(story: Any, minutes: int) -> list[bytes]:
    activated, *others = story.golden_june()
    envelope = json.loads(activated)
    envelope["data"]["hours"] = included(minutes)
    return [json.dumps(envelope).encode(), *others]


async def hours_report(service: Any, story: Any) -> list[int]:
    async with service.client(story) as client:
        answer = await client.get(f"/v1/contracts/{story.contract_id}/hours-reports/2026-06")
    return [line["included_minutes"] for line in answer.json()["hours"]["lines"]]


def said_of_contract(edition: dict[str, Any]) -> tuple[Any, ...]:
    report = edition["report"]
    (line,) = report["parts"]["hours"]["lines"]
    return line["included_minutes"], report["contract"]["plan_code"], report["contract"]["version"]


async def test_what_is_agreed_from_the_first_of_july_on_is_not_told_of_june(service: Any, story: Any) -> None:
    await service.hear(*with_hours(story, 120))
    await service.hear(story.contract("amended", MIDNIGHT, hours=included(600), plan=BASIC, sites=[]))
    service.clock.set(AFTERWARDS)
    await issue(service)
    first = await read(service, story, 1)
    assert said_of_contract(first) == (120, "premium", 1)
    assert [each["version"] for each in first["report"]["contract_versions"]] == [1]
    assert {line["site_name"] for line in first["report"]["incidents"]["items"]} == {story.site_name}
    assert await hours_report(service, story) == [120]


async def test_the_status_page_that_june_had_is_told_of_it_though_july_has_none(service: Any, story: Any) -> None:
    await service.hear(*story.golden_june(), story.contract("amended", MIDNIGHT, status_page=None))
    service.clock.set(AFTERWARDS)
    measured = {each["month"]: each["status_page_slug"] for each in await measured_months(service)}
    assert measured["2026-06-01"] == story.slug


async def test_an_amendment_of_july_is_no_correction_of_june_when_a_late_fact_makes_one(
    service: Any, story: Any
) -> None:
    await service.hear(*with_hours(story, 120))
    service.clock.set(AFTERWARDS)
    await issue(service)
    service.clock.set(MIDNIGHT + timedelta(days=3))
    since, outage = MIDNIGHT - timedelta(days=2), new_id()
    await service.hear(
        story.contract("amended", MIDNIGHT + timedelta(days=3), hours=included(600), plan=BASIC),
        story.down(outage, since),
        story.recovered(outage, since, since + timedelta(minutes=1)),
    )
    await issue(service)
    second = await read(service, story, 2)
    assert {each["subject"] for each in second["changes"]} == {"uptime"}
    assert said_of_contract(second) == (120, "premium", 1)


async def test_an_amendment_in_the_middle_of_june_is_what_june_is_told_by(service: Any, story: Any) -> None:
    june = with_hours(story, 120)
    middle = datetime(2026, 6, 15, 8, tzinfo=UTC)
    await service.hear(*june, story.contract("amended", middle, hours=included(600), plan=BASIC))
    service.clock.set(AFTERWARDS)
    await issue(service)
    first = await read(service, story, 1)
    assert said_of_contract(first) == (600, "basic", 2)
    assert [each["version"] for each in first["report"]["contract_versions"]] == [1, 2]


async def test_a_site_and_a_severity_that_an_amendment_took_out_keep_their_names_in_the_month_in_which_they_were(
    service: Any, story: Any
) -> None:
    names = {"fr": "Gêne passagère", "en": "Passing nuisance"}
    desk = {"severities": [{"code": "critical", "rank": 1, "names": names}]}
    activated, *others = story.golden_june()
    envelope = json.loads(activated)
    envelope["data"]["service_desk"] = desk
    await service.hear(json.dumps(envelope).encode(), *others)
    await service.hear(story.contract("amended", datetime(2026, 6, 28, tzinfo=UTC), sites=[], service_desk=None))
    service.clock.set(AFTERWARDS)
    await issue(service)
    first = await read(service, story, 1)
    lines = first["report"]["incidents"]["items"]
    assert [(line["site_name"], line["severity_names"]) for line in lines] == [(story.site_name, names)] * 2


@pytest.mark.parametrize("ended", [MIDNIGHT - timedelta(days=3), MIDNIGHT], ids=["in June", "with June"])
async def test_a_contract_that_ended_is_told_as_ended_in_the_months_at_whose_end_it_had(
    service: Any, story: Any, ended: datetime
) -> None:
    await service.hear(*story.golden_june(), story.contract("terminated", ended))
    service.clock.set(AFTERWARDS)
    await issue(service)
    contract = (await read(service, story, 1))["report"]["contract"]
    assert contract["status"] == ("active" if ended == MIDNIGHT else "terminated")


async def test_a_review_is_of_the_plan_of_its_period_and_one_environment_has_one_trend_whatever_it_is_called(
    service: Any, story: Any
) -> None:
    await service.hear(*story.golden_june())
    await service.hear(story.contract("amended", datetime(2026, 8, 31, 22, tzinfo=UTC), plan=BASIC))
    for month in (7, 8, 9):
        service.clock.set(datetime(2026, month, 1, 6, tzinfo=UTC))
        if month == 8:
            await service.hear(renamed(story, "shop.example"))
        await issue(service)
    async with service.client(story) as client:
        review = (await client.get(f"/v1/contracts/{story.contract_id}/reviews/quarterly/2026-06")).json()
    assert review["contract"]["plan_code"] == "premium"
    called = [figure["environment"] for month in review["months"] for figure in month["figures"]]
    assert len(set(called)) == 2
    assert [each["subject"] for each in review["trends"] if each["measure"] == "uptime"] == [
        "shop.example · production"
    ]


def renamed(story: Any, name: str) -> bytes:
    data = {
        "site_id": str(story.site_id),
        "client_id": str(story.client_id),
        "name": name,
        "environments": [],
    }
    return bytes(story.event("contracts.site.changed.v1", story.site_id, datetime(2026, 8, 1, 5, tzinfo=UTC), data, 9))
