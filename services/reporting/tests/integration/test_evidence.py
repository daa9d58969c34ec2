"""Evidence packs of the real service: checked in a process of its own by the file that is in them."""

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import text

from reporting.adapters import evidence_pack
from reporting.adapters.evidence_verifier import Doubt, archive, check, instant, told, uptime
from reporting.domain.audit_chain import canonical
from reporting.domain.evidence import evidence_statement, listed, manifest
from reporting.jobs.measure_months import MeasureMonths
from shared.ids import new_id
from shared.testing.third_party import opened_pack, verified_pack

from ..unit.adapters.exported_log import FIRST
from .test_response_times import measured, report

JULY = datetime(2026, 7, 1, 6, 0, tzinfo=UTC)


async def downloaded(service: Any, story: Any, rest: str = "2026-06", **who: Any) -> bytes:
    async with service.client(story, **who) as client:
        answer = await client.get(f"/v1/contracts/{story.contract_id}/evidence/{rest}")
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "application/zip"
    pack: bytes = answer.content
    return pack


async def told_and_heard(service: Any) -> None:
    """What reporting says of its months is heard by it, as its relay and its consumer would do."""
    while await MeasureMonths(service.runtime.units).run() == 0.0:
        pass
    async with service.runtime.units.for_every_tenant() as unit:
        query = "select convert_to(envelope::text, 'UTF8') from reporting.outbox where published_at is null order by id"
        said = (await unit.session.execute(text(query))).scalars().all()
    await service.hear(*map(bytes, said))


async def test_the_evidence_of_june_is_checked_without_us_and_computes_its_figure_again(
    service: Any, story: Any, tmp_path: Path
) -> None:
    heard = story.golden_june()
    await service.hear(*heard)
    service.clock.set(JULY)
    await told_and_heard(service)
    pack = await downloaded(service, story)
    status, said = verified_pack(tmp_path, pack)
    assert status == 0, said
    assert said.startswith("YES. 2 figures computed again from 7 events and 0 roll-ups: ")
    assert "production 99.965277" in said
    assert "--key" in said
    files = opened_pack(pack)
    originals = {json.loads(each)["id"]: each for each in heard}
    events = {Path(path).stem: each for path, each in files.items() if path.startswith("events/")}
    assert events.items() <= originals.items()
    assert len(events) > 5
    (told,) = [json.loads(content)["data"] for path, content in files.items() if path.startswith("told/")]
    assert told["content_hash"] == json.loads(files["measurement.json"])["content_hash"]
    assert "99,97\N{NO-BREAK SPACE}%" in files["explanation.fr.txt"].decode().replace(
        "\N{NARROW NO-BREAK SPACE}", "\xa0"
    )
    assert "99.97%" in files["explanation.en.txt"].decode()
    key = json.loads(files["keys.json"])[0]["public_key"]
    assert verified_pack(tmp_path, pack, "--key", key)[1].count("\n") == 1
    status, said = verified_pack(tmp_path, pack, "--key", "11" * 32)
    assert (status, said[:3]) == (1, "NO.")


async def test_hourly_roll_ups_are_in_it_and_tell_how_often_somebody_looked(
    service: Any, story: Any, tmp_path: Path
) -> None:
    june = datetime(2026, 6, 10, tzinfo=UTC)
    once, again = story.measured(june, version=1), story.measured(june + timedelta(hours=1))
    corrected = json.loads(once) | {"id": str(new_id()), "aggregateversion": 2}
    corrected["data"]["monitors"][0] |= {"executed": 119, "missed": 1}
    newest = json.dumps(corrected).encode()
    await service.hear(*story.golden_june(), once, newest, again, story.measured(datetime(2026, 5, 25, tzinfo=UTC)))
    service.clock.set(JULY)
    pack = await downloaded(service, story)
    status, said = verified_pack(tmp_path, pack)
    assert status == 0, said
    assert "2 roll-ups" in said
    files = opened_pack(pack)
    assert files["rollups.jsonl"].splitlines() == [newest, again]
    production, staging = sorted([story.environment_id, story.staging_id], key=lambda each: each == story.staging_id)
    checks = {line["environment_id"]: line for line in json.loads(files["checks.json"])}
    assert checks[str(production)] == {
        "environment_id": str(production),
        "hours": 2,
        "expected": 240,
        "executed": 239,
        "missed": 1,
        "blocked": 0,
    }
    assert checks[str(staging)]["hours"] == 0

    def more(checks_: Any) -> None:
        checks_[0]["executed"] += 1

    with pytest.raises(Doubt, match="not those of the hourly roll-ups"):
        check(signed_anew(files, checks__json=more))


async def test_the_percentiles_of_the_month_are_merged_again_from_the_sketches_of_its_hours(
    service: Any, story: Any, tmp_path: Path
) -> None:
    first = datetime(2026, 6, 10, tzinfo=UTC)
    hours = [
        measured(story, first + timedelta(hours=hour), *range(80_000 + hour, 1_900_000, 7_919), pages=1 + hour % 2)
        for hour in range(30)
    ]
    await service.hear(*story.golden_june(), *hours, measured(story, datetime(2026, 5, 31, 20, tzinfo=UTC), 9))
    service.clock.set(JULY)
    await told_and_heard(service)
    pack = await downloaded(service, story)
    status, said = verified_pack(tmp_path, pack)
    assert status == 0, said
    files = opened_pack(pack)
    times = json.loads(files["response-times.json"])
    (shown,) = await report(service, story)
    (figure,) = times["figures"]
    assert figure.pop("environment_id") == shown["environment_id"] == str(story.environment_id)
    assert figure == {"checks": shown["checks"], **{f"p{n}_us": shown[f"p{n}_ms"] * 1_000 for n in (50, 95, 99)}}
    assert f"answered within {figure['p50_us']}, {figure['p95_us']} and {figure['p99_us']} microseconds" in said
    assert "production: median " in files["explanation.en.txt"].decode()
    assert "production: médiane " in files["explanation.fr.txt"].decode()
    of_one = opened_pack(await downloaded(service, story, f"2026-06/environments/{story.environment_id}"))
    assert of_one["response-times.json"] == files["response-times.json"]
    of_other = opened_pack(await downloaded(service, story, f"2026-06/environments/{story.staging_id}"))
    assert json.loads(of_other["response-times.json"])["figures"] == []


async def test_percentiles_that_the_sketches_do_not_give_are_found_even_under_a_good_signature(
    service: Any, story: Any
) -> None:
    first = datetime(2026, 6, 10, tzinfo=UTC)
    hours = [measured(story, first + timedelta(hours=hour), 120_000, 340_000, 1_270_000) for hour in range(3)]
    await service.hear(*story.golden_june(), *hours)
    service.clock.set(JULY)
    files = opened_pack(await downloaded(service, story))
    check(signed_anew(files))

    def faster(times: Any) -> None:
        times["figures"][0]["p95_us"] -= 1_000

    def left_out(times: Any) -> None:
        times["figures"].clear()

    def another_time(times: Any) -> None:
        times["from"] = "2026-06-11T00:00:00Z"

    for change, reason in (
        (faster, "which give"),
        (left_out, "which give"),
        (another_time, "another time than the month"),
    ):
        with pytest.raises(Doubt, match=reason):
            check(signed_anew(files, **{"response-times__json": change}))
    without_an_hour = files | {"rollups.jsonl": b"".join(files["rollups.jsonl"].splitlines(keepends=True)[:-1])}
    with pytest.raises(Doubt):
        check(signed_anew(without_an_hour))
    for language, shown in (("en", "1.26"), ("fr", "1,26")):
        path = f"explanation.{language}.txt"
        assert shown.encode() in files[path]
        prettier = files | {path: files[path].replace(shown.encode(), shown.replace("6", "5").encode())}
        with pytest.raises(Doubt, match="other response times"):
            check(signed_anew(prettier))


async def test_a_sketch_that_nobody_can_read_counts_in_no_figure_and_the_rest_is_proved(
    service: Any, story: Any
) -> None:
    first = datetime(2026, 6, 10, tzinfo=UTC)
    broken = json.loads(measured(story, first, 120_000))
    broken["data"]["monitors"][0]["response_times"]["sketch"] = "A"
    await service.hear(
        *story.golden_june(), json.dumps(broken).encode(), measured(story, first + timedelta(hours=1), 90_000)
    )
    service.clock.set(JULY)
    pack = await downloaded(service, story)
    assert json.loads(opened_pack(pack)["response-times.json"])["figures"][0]["checks"] == 1
    assert "answered within 90000, 90000 and 90000 microseconds" in check(pack)


async def test_a_silence_that_a_roll_up_tells_of_is_shown_with_it(service: Any, story: Any, tmp_path: Path) -> None:
    last = story.measured(datetime(2026, 6, 20, tzinfo=UTC))
    await service.hear(*story.golden_june(), last)
    service.clock.set(JULY)
    pack = await downloaded(service, story)
    states = json.loads(opened_pack(pack)["states.json"])
    silent = [span for span in states[0]["states"] if span["state"] == "unknown"]
    assert [span["event_ids"] for span in silent] == [[json.loads(last)["id"]]]
    assert verified_pack(tmp_path, pack)[0] == 0


async def test_the_figure_of_one_environment_has_a_pack_of_its_own(service: Any, story: Any, tmp_path: Path) -> None:
    await service.hear(*story.golden_june())
    service.clock.set(JULY)
    pack = await downloaded(service, story, f"2026-06/environments/{story.environment_id}")
    status, said = verified_pack(tmp_path, pack)
    assert status == 0, said
    assert said.startswith("YES. 1 figures computed again from 6 events")
    files = opened_pack(pack)
    assert str(story.staging_monitor_id).encode() not in b"".join(
        content for path, content in files.items() if path.startswith("events/")
    )

    def another(measured: Any) -> None:
        measured["figures"][0]["environment_id"] = str(story.staging_id)

    with pytest.raises(Doubt, match="another environment"):
        check(signed_anew(files, measurement__json=another))
    async with service.client(story) as client:
        address = f"/v1/contracts/{story.contract_id}/evidence/2026-06/environments/{story.site_id}"
        assert (await client.get(address)).status_code == 404


async def test_the_client_gets_the_pack_that_the_agency_gets_in_his_language(
    service: Any, story: Any, another_story: Callable[..., Any]
) -> None:
    story.language = "fr"
    english = another_story(slug="english", language="en")
    await service.hear(*story.golden_june(), *english.golden_june())
    service.clock.set(JULY)
    pack = await downloaded(service, story)
    assert await downloaded(service, story, role="client_decider", client_id=story.client_id) == pack
    assert opened_pack(pack)["README.txt"].decode().startswith("Dossier de preuve\n")
    assert opened_pack(await downloaded(service, english))["README.txt"].decode().startswith("Evidence pack\n")


@pytest.mark.capability("X09")
async def test_staff_of_the_client_take_no_pack_because_the_contract_is_in_it_and_are_told_whom_to_ask(
    service: Any, story: Any
) -> None:
    await service.hear(*story.golden_june())
    service.clock.set(JULY)
    assert b'"price"' in await downloaded(service, story)
    about = f"incidents/{new_id()}"
    async with service.client(story, role="client_staff", client_id=story.client_id) as staff:
        for rest in ("2026-06", f"2026-06/environments/{story.environment_id}", about, f"{about}/clocks/{new_id()}"):
            refused = await staff.get(f"/v1/contracts/{story.contract_id}/evidence/{rest}")
            assert (refused.status_code, b"deciders" in refused.content) == (403, True), rest


async def test_more_than_anybody_should_load_at_once_is_refused_with_what_to_ask_for(
    service: Any, story: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    await service.hear(*story.golden_june())
    service.clock.set(JULY)
    monkeypatch.setattr(evidence_pack, "MOST_BYTES", 5_000)
    async with service.client(story) as client:
        refused = await client.get(f"/v1/contracts/{story.contract_id}/evidence/2026-06")
    assert (refused.status_code, "one environment" in refused.json()["detail"]) == (409, True)


async def test_the_same_facts_give_the_same_bytes_a_day_later(service: Any, story: Any) -> None:
    await service.hear(*story.golden_june())
    service.clock.set(JULY)
    first = await downloaded(service, story)
    service.clock.set(JULY + timedelta(days=1))
    assert await downloaded(service, story) == first


async def test_whatever_byte_is_changed_the_answer_is_no(service: Any, story: Any) -> None:
    await service.hear(*story.golden_june(), measured(story, datetime(2026, 6, 10, tzinfo=UTC), 120_000, 340_000))
    service.clock.set(JULY)
    pack = await downloaded(service, story)
    check(pack)
    files = opened_pack(pack)
    # The signature is not listed with its hash, and the end of the ZIP is no file: most of what is tried is there.
    signature = pack.index(files["signature.json"])
    places = st.one_of(
        st.integers(0, len(pack) - 1),
        st.integers(signature, signature + len(files["signature.json"]) - 1),
        st.integers(len(pack) - 400, len(pack) - 1),
    )

    @settings(max_examples=400, suppress_health_check=list(HealthCheck))
    @given(place=places, flipped=st.integers(1, 255))
    def a_changed_byte_is_found(place: int, flipped: int) -> None:
        changed = bytearray(pack)
        changed[place] ^= flipped
        with pytest.raises(Doubt):
            check(bytes(changed))

    a_changed_byte_is_found()
    for cut_or_longer in (pack[:-1], pack + b"\0", b"\0" + pack):
        with pytest.raises(Doubt):
            check(cut_or_longer)


async def test_a_signature_in_capitals_is_another_file_and_no_signature(service: Any, story: Any) -> None:
    await service.hear(*story.golden_june())
    service.clock.set(JULY)
    files = opened_pack(await downloaded(service, story))
    assert check(archive(sorted(files.items()))) is not None
    signature = json.loads(files["signature.json"])
    files["signature.json"] = canonical({**signature, "signature": signature["signature"].upper()})
    with pytest.raises(Doubt, match="lower case"):
        check(archive(sorted(files.items())))


def signed_anew(files: dict[str, bytes], **changes: Any) -> bytes:
    """What somebody with a key of his own makes of a pack."""
    rest = {path: content for path, content in files.items() if path not in ("manifest.json", "signature.json")}
    for path, change in changes.items():
        name = path.replace("__", ".")
        document = json.loads(rest[name])
        change(document)
        rest[name] = json.dumps(document, ensure_ascii=False).encode()
    facts = {k: v for k, v in json.loads(files["manifest.json"]).items() if k != "files"}
    line = FIRST.line() | {"tenant_id": facts["tenant_id"]}
    rest["keys.json"] = b"[" + canonical({k: v for k, v in line.items() if k != "kind"}) + b"]"
    described = manifest(facts, {path: listed(content) for path, content in rest.items()})
    signature = {"key_id": line["key_id"], "signature": FIRST.private.sign(evidence_statement(described)).hex()}
    return archive(sorted({**rest, "manifest.json": described, "signature.json": canonical(signature)}.items()))


async def test_a_figure_that_its_events_do_not_give_is_found_even_under_a_good_signature(
    service: Any, story: Any
) -> None:
    await service.hear(*story.golden_june())
    service.clock.set(JULY)
    files = opened_pack(await downloaded(service, story))
    check(signed_anew(files))

    def better(measured: Any) -> None:
        measured["figures"][0]["numerator"] += 1

    def softer(measured: Any) -> None:
        measured["figures"][0]["rule"]["minimum_outage"] = "PT1H"

    def hidden(states: Any) -> None:
        for span in states[0]["states"]:
            span["state"] = "up"

    def shorter(states: Any) -> None:
        (first, *_) = [span for span in states[0]["states"] if span["state"] == "down"]
        first["outage_id"] = str(story.monitor_id)

    def holed(states: Any) -> None:
        del states[0]["states"][1]

    cases: list[tuple[str, Callable[[Any], None], str]] = [
        ("measurement__json", better, "says numerator"),
        ("measurement__json", softer, "another rule"),
        ("states__json", hidden, "up is shown; the events of its monitors say down"),
        ("states__json", shorter, "no event tells of the outage"),
        ("states__json", holed, "a hole"),
    ]
    for name, change, reason in cases:
        with pytest.raises(Doubt, match=reason):
            check(signed_anew(files, **{name: change}))


def event_named(files: dict[str, bytes], name: str) -> tuple[str, dict[str, Any]]:
    """The path and the content of the one event of this name."""
    (found,) = [
        (path, json.loads(content))
        for path, content in files.items()
        if path.startswith("events/") and json.loads(content)["type"] == f"dev.upheld.{name}"
    ]
    return found


def recomputed(files: dict[str, bytes], number: int) -> Callable[[Any], None]:
    """Makes the amounts of a figure anew from its states and its rule, and every hash."""
    shown = json.loads(files["states.json"])[number]

    def again(measured: Any) -> None:
        figure = measured["figures"][number]
        period = (instant(figure["starts_at"]), instant(figure["ends_at"]))
        spans = [(instant(each["from"]), instant(each["to"]), each["state"]) for each in shown["states"]]
        figure |= told(
            uptime(period, figure["rule"], spans, frozenset(shown["holidays"])),
            figure["rule"],
            figure["target_percent"],
        )
        judged = [each["met"] for each in measured["figures"] if each["rule_source"] == "contract"]
        measured["met"] = False if False in judged else (None if None in judged else True)
        rest = {name: value for name, value in measured.items() if name != "content_hash"}
        measured["content_hash"] = sha256(canonical(rest)).hexdigest()

    return again


async def test_a_figure_by_the_rule_of_a_version_that_was_not_in_force_is_found(service: Any, story: Any) -> None:
    june = story.golden_june()
    story.target = "99.0"
    amended = story.contract("amended", datetime(2026, 7, 31, 22, 0, tzinfo=UTC))
    await service.hear(*june, amended)
    service.clock.set(JULY)
    files = opened_pack(await downloaded(service, story))
    event = json.loads(amended)
    files[f"events/{event['id']}.json"] = amended
    assert check(signed_anew(files))

    def softer(measured: Any) -> None:
        measured["figures"][0] |= {"contract_version": event["aggregateversion"], "target_percent": "99.0"}
        recomputed(files, 0)(measured)

    with pytest.raises(Doubt, match="version 2 of the contract was not in force then, but version 1"):
        check(signed_anew(files, measurement__json=softer))

    def earlier(envelope: Any) -> None:
        envelope["data"]["effective_from"] = "2026-06-15T00:00:00Z"

    with pytest.raises(Doubt, match="another rule than the contract's version 2"):
        check(signed_anew(files, **{f"events/{event['id']}__json": earlier}))


async def test_a_figure_of_a_part_of_the_month_is_found(service: Any, story: Any) -> None:
    await service.hear(*story.golden_june())
    service.clock.set(JULY)
    files = opened_pack(await downloaded(service, story))
    place = next(n for n, each in enumerate(json.loads(files["measurement.json"])["figures"]) if each["down_units"])

    def starting_late(measured: Any) -> None:
        measured["figures"][place]["starts_at"] = "2026-06-19T00:00:00Z"
        recomputed(files, place)(measured)
        assert measured["figures"][place]["uptime_percent"] == "100.000000"

    def ending_early(measured: Any) -> None:
        measured["figures"][place]["ends_at"] = "2026-06-09T01:00:00Z"
        recomputed(files, place)(measured)

    for change in (starting_late, ending_early):
        with pytest.raises(Doubt, match="do not cover the month"):
            check(signed_anew(files, measurement__json=change))


async def test_a_contract_whose_beginning_is_left_out_is_found(service: Any, story: Any) -> None:
    june = story.golden_june()
    await service.hear(*june, story.contract("amended", datetime(2026, 6, 18, 22, 0, tzinfo=UTC)))
    service.clock.set(JULY)
    files = opened_pack(await downloaded(service, story))
    check(signed_anew(files))
    activated, _ = event_named(files, "contracts.contract.activated.v1")
    with pytest.raises(Doubt, match="no event tells that it was activated"):
        check(signed_anew({path: content for path, content in files.items() if path != activated}))


async def test_a_month_that_is_not_over_says_until_when_it_is_shown_and_one_that_ended_is_whole(
    service: Any, story: Any
) -> None:
    await service.hear(*story.golden_june())
    service.clock.set(datetime(2026, 6, 20, 12, 0, tzinfo=UTC))
    assert "nothing is shown from 2026-06-20T12:00:00Z on" in check(await downloaded(service, story))
    await service.hear(story.contract("terminated", datetime(2026, 6, 25, 9, 0, tzinfo=UTC)))
    service.clock.set(JULY)
    assert "nothing is shown" not in check(await downloaded(service, story))


async def test_an_outage_whose_events_are_left_out_is_found_by_the_numbers(service: Any, story: Any) -> None:
    june = story.golden_june()
    await service.hear(*june)
    service.clock.set(JULY)
    files = opened_pack(await downloaded(service, story))
    of_monitor = {
        (event["aggregateversion"], path)
        for path, content in files.items()
        if path.startswith("events/")
        for event in [json.loads(content)]
        if event["subject"] == f"monitor/{story.monitor_id}"
    }
    numbers = [number for number, _ in sorted(of_monitor)]
    assert numbers == list(range(numbers[0], numbers[0] + len(numbers)))
    first_outage = {path for _, path in sorted(of_monitor)[-4:-2]}
    with pytest.raises(Doubt, match="its numbers have a hole"):
        check(signed_anew({path: content for path, content in files.items() if path not in first_outage}))
    beginning = {path for _, path in sorted(of_monitor)[:-2]}
    with pytest.raises(Doubt, match="its numbers begin with"):
        check(signed_anew({path: content for path, content in files.items() if path not in beginning}))


async def test_what_a_monitor_said_that_is_no_state_is_in_the_pack_and_what_was_not_heard_makes_it_wait(
    service: Any, story: Any, tmp_path: Path
) -> None:
    june = story.golden_june()
    since = datetime(2026, 6, 20, 8, 0, tzinfo=UTC)
    flapping = json.loads(story.down(new_id(), since))
    flapping["type"] = "dev.upheld.probes.monitor.flapping.v1"
    flapping["dataschema"] = flapping["dataschema"].replace(".down.", ".flapping.")
    flapping["data"] |= {"since": flapping["data"]["down_since"], "state": "up", "edges": 7}
    outage = new_id()
    after = [story.down(outage, since), story.recovered(outage, since, since + timedelta(minutes=1))]
    await service.hear(*june, *after)
    service.clock.set(JULY)
    async with service.client(story) as client:
        early = await client.get(f"/v1/contracts/{story.contract_id}/evidence/2026-06")
    assert (early.status_code, "was not heard yet" in early.json()["detail"]) == (409, True)
    await service.hear(json.dumps(flapping).encode())
    pack = await downloaded(service, story)
    assert f"events/{flapping['id']}.json" in opened_pack(pack)
    assert verified_pack(tmp_path, pack)[0] == 0


WORK = (datetime(2026, 6, 15, 1, 0, tzinfo=UTC), datetime(2026, 6, 15, 3, 0, tzinfo=UTC))


async def with_planned_work(service: Any, story: Any) -> dict[str, bytes]:
    """June with two hours of planned work, told and heard."""
    month = story.golden_june()
    window = story.maintenance(WORK[0] - timedelta(days=5), WORK, window_id=new_id())
    await service.hear(*month, window, story.in_maintenance(WORK[0]), story.restored(*WORK, was="maintenance"))
    service.clock.set(JULY)
    await told_and_heard(service)
    return opened_pack(await downloaded(service, story))


async def test_maintenance_is_proved_by_the_window_that_was_planned_for_it(
    service: Any, story: Any, tmp_path: Path
) -> None:
    files = await with_planned_work(service, story)
    status, said = verified_pack(tmp_path, signed_anew(files))
    assert status == 0, said
    (planned,) = [path for path, content in files.items() if b"contracts.maintenance.scheduled" in content[:2_000]]
    (maintenance,) = [s for s in json.loads(files["states.json"])[0]["states"] if s["state"] == "maintenance"]
    assert (maintenance["from"], maintenance["to"]) == ("2026-06-15T01:00:00Z", "2026-06-15T03:00:00Z")

    def shortened(window: Any) -> None:
        window["data"]["occurrences"][0]["ends_at"] = "2026-06-15T02:00:00Z"

    def elsewhere(window: Any) -> None:
        window["data"]["environment_ids"] = [str(story.staging_id)]

    for change in (shortened, elsewhere):
        with pytest.raises(Doubt, match="no work was planned"):
            check(signed_anew(files, **{planned.replace(".", "__"): change}))
    with pytest.raises(Doubt, match="no work was planned"):
        check(signed_anew({path: content for path, content in files.items() if path != planned}))


async def test_a_computer_that_knows_no_time_zone_checks_a_pack_by_those_in_it(
    service: Any, story: Any, tmp_path: Path
) -> None:
    """Windows knows none."""
    files = await with_planned_work(service, story)
    assert [path for path in files if path.startswith("zones/")] == ["zones/Europe/Paris"]
    pack = signed_anew(files)
    status, said = verified_pack(tmp_path, pack, knows_zones=False)
    assert status == 0, said
    believed = ". The time zone Europe/Paris is as the pack has it: this Python knows none"
    assert believed in said
    assert verified_pack(tmp_path, pack) == (0, said.replace(believed, ""))


async def test_a_pack_of_an_earlier_release_without_time_zones_is_checked_by_those_of_the_computer_or_not_at_all(
    service: Any, story: Any, tmp_path: Path
) -> None:
    files = await with_planned_work(service, story)
    shown = check(signed_anew(files))
    earlier = signed_anew({path: content for path, content in files.items() if not path.startswith("zones/")})
    status, said = verified_pack(tmp_path, earlier)
    assert (status, said.splitlines()[0]) == (0, f"YES. {shown}")
    status, said = verified_pack(tmp_path, earlier, knows_zones=False)
    assert status == 3
    assert said.startswith("CANNOT TELL. This Python does not know the time zone Europe/Paris, ")
    assert "the package tzdata" in said


async def test_a_time_zone_in_a_pack_that_is_another_one_moves_no_month(
    service: Any, story: Any, tmp_path: Path
) -> None:
    files = await with_planned_work(service, story)
    elsewhere = signed_anew(files | {"zones/Europe/Paris": evidence_pack.zone_data("America/New_York")})
    status, said = verified_pack(tmp_path, elsewhere)
    assert status == 3
    assert said.startswith("CANNOT TELL. The time zone Europe/Paris is another one in the pack than this Python knows")
    status, said = verified_pack(tmp_path, elsewhere, knows_zones=False)
    assert (status, said[:3]) == (1, "NO.")
    for left in (0, 4, 60, 1_000, -9, -1):
        with pytest.raises(Doubt, match="is no time zone"):
            check(signed_anew(files | {"zones/Europe/Paris": files["zones/Europe/Paris"][:left]}))


@pytest.mark.parametrize("shown_as", ["maintenance", "unknown", "paused", "degraded", "up"])
async def test_down_time_that_is_shown_as_anything_else_is_found(service: Any, story: Any, shown_as: str) -> None:
    files = await with_planned_work(service, story)

    def hidden(states: Any) -> None:
        for span in states[0]["states"]:
            if span["state"] == "down":
                span.update(state=shown_as, outage_id=None)

    with pytest.raises(Doubt, match="monitors say down"):
        check(signed_anew(files, states__json=hidden))


async def test_up_time_that_is_shown_as_planned_work_is_found(service: Any, story: Any) -> None:
    files = await with_planned_work(service, story)

    def longer(states: Any) -> None:
        spans = states[0]["states"]
        place = next(number for number, span in enumerate(spans) if span["state"] == "maintenance")
        spans[place]["to"] = spans[place + 1]["from"] = "2026-06-15T04:00:00Z"

    with pytest.raises(Doubt, match="maintenance is shown"):
        check(signed_anew(files, states__json=longer))


async def test_the_last_word_on_the_month_and_what_is_printed_of_it_are_what_is_computed(
    service: Any, story: Any
) -> None:
    """Whoever makes every hash and a signature of his own anew still cannot change what the client was told."""
    files = await with_planned_work(service, story)
    (path,) = [path for path in files if path.startswith("told/")]

    def rehashed(event: Any) -> None:
        told = {name: value for name, value in event["data"].items() if name not in ("version", "content_hash")}
        event["data"]["content_hash"] = sha256(canonical(told)).hexdigest()

    def another(event: Any) -> None:
        event["data"]["figures"][0]["numerator"] += 60

    def verdict(event: Any) -> None:
        event["data"]["met"] = False
        rehashed(event)

    def amount(event: Any) -> None:
        another(event)
        rehashed(event)

    name = path.replace(".", "__")
    for change, reason in ((another, "its hash is another"), (verdict, "last told"), (amount, "last told")):
        with pytest.raises(Doubt, match=reason):
            check(signed_anew(files, **{name: change}))
    for language, printed, better in (("fr", "99,97", "99,99"), ("en", "99.97", "99.99")):
        explanation = f"explanation.{language}.txt"
        changed = files[explanation].decode().replace(printed, better, 1).encode()
        assert changed != files[explanation]
        with pytest.raises(Doubt, match="shows another figure"):
            check(signed_anew({**files, explanation: changed}))


async def test_a_forger_who_makes_every_hash_anew_and_has_no_key_is_found_by_the_signature(
    service: Any, story: Any
) -> None:
    files = await with_planned_work(service, story)
    key = bytes.fromhex(json.loads(files["keys.json"])[0]["public_key"])
    changed = {**files, "explanation.en.txt": files["explanation.en.txt"] + b" "}
    rest = {path: content for path, content in changed.items() if path not in ("manifest.json", "signature.json")}
    facts = {name: value for name, value in json.loads(files["manifest.json"]).items() if name != "files"}
    described = manifest(facts, {path: listed(content) for path, content in rest.items()})
    pack = archive(sorted({**changed, "manifest.json": described}.items()))
    for trusted in ((), (key,)):
        with pytest.raises(Doubt, match="not of this manifest"):
            check(pack, trusted)
    with pytest.raises(Doubt, match="neither trusted nor endorsed"):
        check(signed_anew(files), (key,))


async def test_a_decision_on_an_outage_is_proved_with_the_figure_before_it_and_nobody_makes_one_up(
    service: Any, story: Any, tmp_path: Path
) -> None:
    outage, since = new_id(), datetime(2026, 6, 20, 8, 0, tzinfo=UTC)
    back = since + timedelta(hours=3)
    await service.hear(*story.golden_june(), story.down(outage, since), story.recovered(outage, since, back))
    service.clock.set(JULY)
    body = {"outage_id": str(outage), "category": "third_party", "reason": "The network of the host was down."}
    async with service.client(story, role="operator", subject=str(new_id()), name="Nadia Benali") as client:
        proposed = (await client.post(f"/v1/contracts/{story.contract_id}/outage-decisions", json=body)).json()
    async with service.client(story, role="owner", subject=str(new_id()), name="Paul Garnier") as client:
        address = f"/v1/outage-decisions/{proposed['outage_decision_id']}/approve"
        assert (await client.post(address, json={}, headers={"If-Match": '"1"'})).status_code == 200
    async with service.client(story) as client:
        early = await client.get(f"/v1/contracts/{story.contract_id}/evidence/2026-06")
        report = (await client.get(f"/v1/contracts/{story.contract_id}/reports/2026-06")).json()
    assert (early.status_code, "was not heard yet" in early.json()["detail"]) == (409, True)
    await told_and_heard(service)
    shown = {each["environment_id"]: each for each in report["uptime"]["figures"]}
    for rest in ("2026-06", f"2026-06/environments/{story.environment_id}"):
        pack = await downloaded(service, story, rest)
        status, said = verified_pack(tmp_path, pack)
        assert status == 0, said
        figure = shown[str(story.environment_id)]
        before = figure["as_measured"]["uptime_percent"]
        assert f"production {figure['uptime_percent']} by decisions, {before} as measured" in said
    files = opened_pack(await downloaded(service, story))
    told = [json.loads(content)["data"] for path, content in files.items() if path.startswith("told/")]
    hashes = {each["content_hash"] for each in told}
    assert json.loads(files["measurement.json"])["content_hash"] in hashes
    explained = files["explanation.fr.txt"].decode()
    assert "telle que mesurée" in explained
    assert "Nadia Benali" in explained
    (approval,) = [path for path, content in files.items() if b"outage_decision.approved" in content and "/" in path]

    def longer(states: Any) -> None:
        spans = next(each["decided"] for each in states if "decided" in each)
        place = next(number for number, span in enumerate(spans) if "outage_decision_id" in span)
        spans[place]["from"] = spans[place - 1]["to"] = "2026-06-20T07:00:00Z"

    def alone(event: Any) -> None:
        first, second = event["data"]["steps"]
        second["by"]["id"] = first["by"]["id"]

    def undecided(states: Any) -> None:
        for each in states:
            each.pop("decided", None)

    def otherwise(event: Any) -> None:
        event["data"]["category"] = "agreed_maintenance"

    name = approval.replace(".", "__")
    for path, change, reason in (
        ("states__json", longer, "no decision says"),
        ("states__json", undecided, "before them only"),
        (name, alone, "by two people"),
        (name, otherwise, "says category"),
    ):
        with pytest.raises(Doubt, match=reason):
            check(signed_anew(files, **{path: change}))


async def test_a_month_that_is_known_otherwise_than_it_was_told_has_no_pack_until_it_is_told_anew(
    service: Any, story: Any, tmp_path: Path
) -> None:
    outage, since = new_id(), datetime(2026, 6, 20, 8, 0, tzinfo=UTC)
    back = since + timedelta(hours=3)
    await service.hear(*story.golden_june(), story.down(outage, since), story.recovered(outage, since, back))
    service.clock.set(JULY)
    of_production = f"2026-06/environments/{story.environment_id}"

    async def figure_of_production() -> str:
        """Of the month's pack, which the verifier says YES to, as the one of the environment alone."""
        await told_and_heard(service)
        for rest in ("2026-06", of_production):
            status, said = verified_pack(tmp_path, await downloaded(service, story, rest))
            assert status == 0, said
        return said

    async def there_is_none() -> None:
        async with service.client(story) as client:
            for rest in ("2026-06", of_production):
                early = await client.get(f"/v1/contracts/{story.contract_id}/evidence/{rest}")
                assert early.status_code == 409, rest
                assert "not those that the month was last told with. Ask again in a minute" in early.json()["detail"]
        # Of the other environment nothing changed, and what is told of it still holds.
        check(await downloaded(service, story, f"2026-06/environments/{story.staging_id}"))

    async def step(act: str, name: str, decision: Any, **body: Any) -> Any:
        async with service.client(story, role="owner", subject=str(new_id()), name=name) as client:
            address = f"/v1/outage-decisions/{decision['outage_decision_id']}/{act}"
            answer = await client.post(address, json=body, headers={"If-Match": f'"{decision["version"]}"'})
        assert answer.status_code == 200, answer.text
        return answer.json()

    before = await figure_of_production()
    body = {"outage_id": str(outage), "category": "third_party", "reason": "The network of the host was down."}
    async with service.client(story, role="operator", subject=str(new_id()), name="Nadia Benali") as client:
        proposed = (await client.post(f"/v1/contracts/{story.contract_id}/outage-decisions", json=body)).json()
    decision = await step("approve", "Paul Garnier", proposed)
    await there_is_none()
    assert "by decisions" in await figure_of_production()
    doubted = await step("withdraw", "Paul Garnier", decision, reason="It was our firewall.")
    await step("approve", "Zoé Petit", doubted)
    await there_is_none()
    assert await figure_of_production() == before
    late = new_id()
    since = datetime(2026, 6, 25, 8, 0, tzinfo=UTC)
    await service.hear(story.down(late, since), story.recovered(late, since, since + timedelta(minutes=7)))
    await there_is_none()
    assert await figure_of_production() != before


async def test_who_took_evidence_away_is_recorded_and_others_get_none(
    service: Any, story: Any, another_story: Callable[..., Any]
) -> None:
    other = another_story(slug="other")
    await service.hear(*story.golden_june(), *other.golden_june())
    service.clock.set(JULY)
    await downloaded(service, story)
    await downloaded(service, story, f"2026-06/environments/{story.environment_id}")
    async with service.client(other) as client:
        address = f"/v1/contracts/{story.contract_id}/evidence"
        assert (await client.get(f"{address}/2026-06")).status_code == 404
    async with service.client(story) as client:
        assert (await client.get(f"{address}/2026-08")).status_code == 422
        assert (await client.get(f"{address}/2026-04")).status_code == 404
    async with service.runtime.units.for_every_tenant() as unit:
        query = "select envelope::text from reporting.outbox order by id"
        said = [json.loads(row[0])["data"] for row in await unit.session.execute(text(query))]
    read = [each for each in said if str(each.get("operation")).endswith("_evidence") and each["kind"] == "reading"]
    assert [(each["operation"], each["resource"].split("/")[-1]) for each in read][:2] == [
        ("download_month_evidence", "2026-06"),
        ("download_figure_evidence", str(story.environment_id)),
    ]
