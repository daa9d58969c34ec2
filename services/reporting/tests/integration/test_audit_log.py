"""The audit log over a real database: what is heard is chained, signed, exported, and checked without us."""

import asyncio
import csv
import io
import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import openpyxl
import psycopg
import pytest
import sqlalchemy.exc
from pydantic import SecretStr
from pypdf import PdfReader
from sqlalchemy import text

from reporting.adapters.audit_checkpoints import tenants_due
from reporting.adapters.secret_box import SecretBox
from reporting.api import access_report
from reporting.api.commands import verify_audit
from reporting.jobs.audit_checkpoints import MakeAuditCheckpoints
from shared.database import libpq_url
from shared.ids import new_id
from shared.migrations import grant_application_role
from shared.operations import INSTALLATION
from shared.testing.third_party import bare_python

NOW = datetime(2026, 6, 8, 9, tzinfo=UTC)
SECRET = "what the client wrote"


def recorded(story: Any, **changes: Any) -> bytes:
    """The record of an operation, as contracts says it."""
    record_id, client_id = new_id(), str(story.client_id)
    data = {
        "record_id": str(record_id),
        "kind": "change",
        "operation": "update_client",
        "actor": {"kind": "user", "id": "nadia", "name": "Nadia Benali"},
        "role": "operator",
        "client_id": None,
        "resource": f"/v1/clients/{client_id}",
        "resource_id": client_id,
        "version_before": 3,
        "version_after": 4,
        "fields": ["name"],
        "events": [],
        "outcome": "done",
    }
    told: bytes = story.event("contracts.operation.recorded.v1", record_id, NOW, data | changes, 1)
    return told


async def relayed(service: Any) -> int:
    """What reporting itself has said is heard by it, as its relay and its consumer would do."""
    async with service.runtime.units.for_every_tenant() as unit:
        rows = await unit.session.execute(
            text(
                "select id, convert_to(envelope::text, 'UTF8') from reporting.outbox "
                "where published_at is null order by id"
            )
        )
        said = rows.all()
        await unit.session.execute(text("update reporting.outbox set published_at = now(), stream_seq = id"))
    heard: int = await service.hear(*(bytes(row[1]) for row in said))
    return heard


def owner(service: Any, statement: str, *values: Any) -> None:
    """What somebody with every right does to the database."""
    with psycopg.connect(libpq_url(service.urls.superuser), autocommit=True) as connection:
        connection.execute(statement, values)


def verified(folder: Path, exported: str, *kept: dict[str, Any]) -> tuple[int, str]:
    """The stand-alone file in a process of its own: exit status, and what it says."""
    verifier = folder / "audit_verifier.py"
    log = folder / "audit-log.jsonl"
    log.write_text(exported, encoding="utf-8")
    arguments = []
    for number, checkpoint in enumerate(kept):
        path = folder / f"checkpoint-{number}.json"
        path.write_text(json.dumps(checkpoint), encoding="utf-8")
        arguments += ["--checkpoint", str(path)]
    run = bare_python(folder, str(verifier), str(log), *arguments)
    assert run.stderr == ""
    return run.returncode, run.stdout


@pytest.mark.capability("X06", "R24")
async def test_an_export_is_verified_without_us_and_every_change_to_it_is_found(
    service: Any, story: Any, tmp_path: Path
) -> None:
    await service.hear(*story.golden_june(), *(recorded(story) for _ in range(5)))
    async with service.client(story) as client:
        (tmp_path / "audit_verifier.py").write_bytes((await client.get("/v1/audit-log/verifier")).content)
        made = await client.post("/v1/audit-checkpoints")
        assert made.status_code == 201, made.text
        kept = made.json()
        whole = await client.get("/v1/audit-log/export")
    assert whole.headers["content-type"].startswith("application/jsonl")
    status, said = verified(tmp_path, whole.text, kept)
    assert (status, said.splitlines()[-1][:6]) == (0, "WHOLE."), said

    async def export() -> str:
        async with service.client(story) as client:
            answer = await client.get("/v1/audit-log/export")
            assert answer.status_code == 200, answer.text
            return str(answer.text)

    mine = "where tenant_id = %s and sequence = %s"
    before = whole.text.count("update_client")
    owner(service, f"create table kept as select * from reporting.audit_entry {mine}", story.tenant_id, 4)

    owner(
        service,
        f"update reporting.audit_entry set entry = replace(entry, 'done', 'refused') {mine}",
        story.tenant_id,
        4,
    )
    status, said = verified(tmp_path, await export(), kept)
    assert status == 1
    assert "Entry 4 was changed after it was recorded" in said

    owner(service, f"delete from reporting.audit_entry {mine}", story.tenant_id, 4)
    status, said = verified(tmp_path, await export(), kept)
    assert status == 1
    assert "Entry 4 is missing: after entry 3 comes entry 5." in said

    owner(service, "insert into reporting.audit_entry select * from kept")
    status, said = verified(tmp_path, await export(), kept)
    assert status == 0, said

    # Everything that is here about the end is gone with it: the checkpoints too. Only the one kept elsewhere can tell.
    last = kept["sequence"]
    owner(
        service, "delete from reporting.audit_entry where tenant_id = %s and sequence > %s", story.tenant_id, last - 2
    )
    owner(service, "delete from reporting.audit_checkpoint where tenant_id = %s", story.tenant_id)
    cut = await export()
    assert cut.count("update_client") == before - 2
    assert verified(tmp_path, cut)[0] == 0
    status, said = verified(tmp_path, cut, kept)
    assert status == 1
    assert f"vouches for {last} entries, and the log ends with entry {last - 2}." in said


@pytest.mark.capability("R30")
async def test_reading_the_log_is_itself_recorded(service: Any, story: Any) -> None:
    await service.hear(recorded(story))
    async with service.client(story, subject="auditor-7", name="Ines Roy", role="auditor") as auditor:
        assert [each["operation"] for each in (await auditor.get("/v1/audit-log")).json()["data"]] == ["update_client"]
        await auditor.get("/v1/audit-log/export")
        await auditor.get("/v1/access-log")
    assert await relayed(service) == 4  # three readings, and the checkpoint that the export made
    async with service.client(story) as client:
        found = (await client.get("/v1/audit-log", params={"actor_id": "auditor-7"})).json()["data"]
    assert [each["operation"] for each in found] == ["list_access_log", "export_audit_log", "list_audit_log"]
    assert {(each["kind"], each["role"], each["outcome"]) for each in found} == {("reading", "auditor", "done")}


@pytest.mark.capability("R37")
async def test_who_accessed_what_can_be_told(service: Any, story: Any, another_story: Callable[..., Any]) -> None:
    nadia = {"kind": "user", "id": "nadia", "name": "Nadia Benali"}
    formula = {"kind": "api_key", "id": "export", "name": "=cmd()"}
    item = str(new_id())
    await service.hear(
        recorded(story),
        recorded(
            story, kind="reading", operation="list_evidence", resource="/v1/evidence", resource_id=None, actor=nadia
        ),
        recorded(story, operation="begin_access_session", resource=f"/v1/access-sessions/{item}", resource_id=item),
        recorded(story, kind="reading", operation="download_time_entries", actor=formula, outcome="refused"),
        recorded(another_story(), kind="reading", operation="list_evidence"),
    )
    async with service.client(story) as client:
        found = (await client.get("/v1/access-log")).json()["data"]
        of_nadia = (await client.get("/v1/access-log", params={"actor_id": "nadia"})).json()["data"]
        of_item = (await client.get("/v1/access-log", params={"resource_id": item})).json()["data"]
        later = (await client.get("/v1/access-log", params={"from": "2099-01-01T00:00:00Z"})).json()["data"]
        table = await client.get("/v1/access-log.csv")
    assert [(each["operation"], each["actor_name"], each["outcome"]) for each in found] == [
        ("download_time_entries", "=cmd()", "refused"),
        ("begin_access_session", "Nadia Benali", "done"),
        ("list_evidence", "Nadia Benali", "done"),
    ]
    assert [each["operation"] for each in of_nadia] == ["begin_access_session", "list_evidence"]
    assert [each["operation"] for each in of_item] == ["begin_access_session"]
    assert later == []
    lines = list(csv.DictReader(io.StringIO(table.text)))
    assert [line["operation"] for line in lines] == [each["operation"] for each in reversed(found)]
    assert lines[-1]["actor_name"] == "'=cmd()"


@pytest.mark.capability("R37")
@pytest.mark.parametrize(
    ("language", "words"), [("fr", ("Journal des accès", "Refusé")), ("en", ("Access log", "Refused"))]
)
async def test_who_accessed_what_is_a_page_a_pdf_a_workbook_and_lines(
    service: Any, story: Any, language: str, words: tuple[str, ...]
) -> None:
    nadia = {"kind": "user", "id": "nadia", "name": "Nadia Benali"}
    formula = {"kind": "api_key", "id": "export", "name": "=cmd()"}
    await service.hear(
        recorded(story, kind="reading", operation="list_evidence", resource="/v1/evidence", actor=nadia),
        recorded(story, kind="reading", operation="download_time_entries", actor=formula, outcome="refused"),
    )
    async with service.client(story) as client:
        asked = {"lang": language, "from": "2020-01-01T00:00:00Z"}
        forms = {
            form: await client.get(f"/v1/access-log/{form}", params=asked) for form in ("html", "pdf", "csv", "xlsx")
        }
        empty = await client.get("/v1/access-log/html", params={"lang": "fr", "from": "2099-01-01T00:00:00Z"})
        assert (await client.get("/v1/access-log/docx")).status_code == 404
    assert {answer.status_code for answer in forms.values()} == {200}
    printed = " ".join(page.extract_text() for page in PdfReader(io.BytesIO(forms["pdf"].content)).pages)
    for said in (*words, "Nadia Benali", "=cmd()", "list_evidence"):
        assert said in forms["html"].text
        assert said in printed.replace("-\n", "").replace("\n", " ")
    (oldest, newest) = csv.DictReader(io.StringIO(forms["csv"].text))
    assert (newest["actor_name"], oldest["actor_name"]) == ("'=cmd()", "Nadia Benali")
    sheet = openpyxl.load_workbook(io.BytesIO(forms["xlsx"].content)).worksheets[0]
    names = [cell.value for cell in sheet[1]]
    told = sheet.cell(2, names.index("actor_name") + 1)
    assert (told.value, told.data_type) == ("=cmd()", "s")
    assert "Personne n’a accédé à quoi que ce soit pendant cette période." in empty.text
    async with service.client(story, role="operator") as operator:
        assert (await operator.get("/v1/access-log/pdf")).status_code == 403


@pytest.mark.capability("R37")
async def test_an_access_log_that_is_too_long_for_a_document_is_whole_as_lines_wherever_they_are_asked_for(
    service: Any, story: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(access_report, "MOST_ROWS", 2)
    await service.hear(*(recorded(story, kind="reading", operation="list_evidence") for _ in range(3)))
    asked = {"from": "2020-01-01T00:00:00Z"}
    async with service.client(story) as client:
        page = await client.get("/v1/access-log/html", params=asked)
        lines = await client.get("/v1/access-log/csv", params=asked)
        table = await client.get("/v1/access-log.csv", params=asked)
    assert (page.status_code, lines.status_code) == (409, 200)
    assert lines.text == table.text
    assert len(lines.text.splitlines()) == 4


async def test_an_event_is_recorded_once_and_without_what_it_says(service: Any, story: Any) -> None:
    first, second = recorded(story), recorded(story, actor={"kind": "user", "id": "nadia", "name": SECRET})
    assert await service.hear(first, second, first, second) == 2
    await service.hear(story.contract("activated", NOW))
    async with service.client(story) as client:
        entries = (await client.get("/v1/audit-log")).json()["data"]
        exported = (await client.get("/v1/audit-log/export")).text
    assert [each["sequence"] for each in entries] == [3, 2, 1]
    assert [each["previous"] for each in entries[:2]] == [each["hash"] for each in entries[1:]]
    assert [each["kind"] for each in entries] == ["event", "change", "change"]
    assert entries[0]["resource"] == f"contract/{story.contract_id}"
    for written in (SECRET, story.client_name, "Nadia Benali"):
        assert written not in json.dumps(entries, ensure_ascii=False) + exported


async def test_tenants_and_roles_are_kept_apart(service: Any, story: Any, another_story: Callable[..., Any]) -> None:
    other = another_story()
    await service.hear(recorded(story), recorded(other), recorded(other))
    async with service.client(story, role="auditor") as client:
        assert [each["sequence"] for each in (await client.get("/v1/audit-log")).json()["data"]] == [1]
    for role in ("operator", "viewer"):
        async with service.client(story, role=role) as client:
            assert (await client.get("/v1/audit-log")).status_code == 403
    assert await relayed(service) == 3
    async with service.client(story) as client:
        found = (await client.get("/v1/audit-log", params={"operation": "list_audit_log"})).json()["data"]
    assert [(each["role"], each["outcome"]) for each in found] == [
        ("viewer", "refused"),
        ("operator", "refused"),
        ("auditor", "done"),
    ]


async def test_entries_of_many_events_at_once_have_no_gap(service: Any, story: Any) -> None:
    await asyncio.gather(*(service.hear(recorded(story)) for _ in range(12)))
    async with service.client(story) as client:
        numbers = [each["sequence"] for each in (await client.get("/v1/audit-log")).json()["data"]]
        assert numbers == list(range(12, 0, -1))
        page = (await client.get("/v1/audit-log", params={"limit": 5})).json()
        rest = await client.get("/v1/audit-log", params={"limit": 5, "cursor": page["next_cursor"]})
    assert [each["sequence"] for each in rest.json()["data"]] == [7, 6, 5, 4, 3]


@pytest.mark.parametrize(
    "statement", ["update reporting.{} set hash = ''", "delete from reporting.{}", "truncate reporting.{}"]
)
@pytest.mark.parametrize("table", ["audit_entry", "audit_checkpoint"])
async def test_the_service_itself_may_not_change_what_is_recorded(
    service: Any, story: Any, table: str, statement: str
) -> None:
    await service.hear(recorded(story))
    with pytest.raises(sqlalchemy.exc.ProgrammingError, match="permission denied"):
        async with service.runtime.units.for_every_tenant() as unit:
            await unit.session.execute(text(statement.format(table)))


@pytest.mark.parametrize("table", ["audit_entry", "audit_checkpoint", "audit_key"])
async def test_the_grant_of_a_later_migration_leaves_the_log_closed(service: Any, table: str) -> None:
    with psycopg.connect(libpq_url(service.urls.superuser), autocommit=True) as connection:
        connection.execute("create table reporting.of_a_later_migration (id uuid)")
        try:
            grant_application_role(connection, "reporting")
            may = "select has_table_privilege('reporting_app', %s, %s)"
            for privilege in ("update", "delete", "truncate"):
                assert connection.execute(may, (f"reporting.{table}", privilege)).fetchone() == (False,), privilege
            assert connection.execute(may, ("reporting.of_a_later_migration", "update")).fetchone() == (True,)
        finally:
            connection.execute("drop table reporting.of_a_later_migration")


# --- checkpoints -----------------------------------------------------------------------------------------------------


def job(service: Any) -> MakeAuditCheckpoints:
    return MakeAuditCheckpoints(service.runtime.units, SecretBox(service.settings.secret_key), timedelta(hours=1))


async def checkpoints(service: Any, story: Any) -> list[dict[str, Any]]:
    async with service.client(story) as client:
        found: list[dict[str, Any]] = (await client.get("/v1/audit-checkpoints")).json()["data"]
    return found


async def test_the_log_is_signed_each_hour_in_which_it_grew(
    service: Any, story: Any, another_story: Callable[..., Any]
) -> None:
    other = another_story()
    await service.hear(recorded(story), recorded(other))
    work = job(service)
    await work.run()
    await work.run()
    assert await relayed(service) == 2  # both tenants are told, once
    service.clock.advance(timedelta(hours=2))
    await work.run()  # that there is a checkpoint is no reason for the next
    assert [each["sequence"] for each in await checkpoints(service, story)] == [1]
    await service.hear(recorded(story))
    await work.run()
    assert [each["sequence"] for each in await checkpoints(service, story)] == [3, 1]
    assert [each["sequence"] for each in await checkpoints(service, other)] == [1]


async def test_what_does_not_follow_from_the_last_checkpoint_is_not_signed(service: Any, story: Any) -> None:
    await service.hear(recorded(story), recorded(story), recorded(story))
    work = job(service)
    await work.run()
    await service.hear(recorded(story), recorded(story))
    owner(
        service,
        "update reporting.audit_entry set entry = replace(entry, 'update_client', 'nothing') where sequence = 5",
    )
    service.clock.advance(timedelta(hours=2))
    await work.run()
    assert [each["sequence"] for each in await checkpoints(service, story)] == [3]
    async with service.client(story) as client:
        refused = await client.post("/v1/audit-checkpoints")
    assert refused.status_code == 409
    assert "entry 5 was changed after it was recorded" in refused.json()["detail"]


@pytest.mark.parametrize("cut", [1, 2])
async def test_a_cut_that_goes_below_the_last_checkpoint_is_found_by_the_job(
    service: Any, story: Any, cut: int
) -> None:
    await service.hear(*(recorded(story) for _ in range(3)))
    work = job(service)
    await work.run()
    owner(service, "delete from reporting.audit_entry where sequence > %s", 3 - cut)
    service.clock.advance(timedelta(hours=2))
    async with service.client(story) as client:
        refused = await client.post("/v1/audit-checkpoints")
    assert f"the entries after {3 - cut} are gone, and a checkpoint vouches for 3" in refused.json()["detail"]
    async with service.runtime.units.for_every_tenant() as unit:
        assert await tenants_due(unit, unit.now) == [story.tenant_id]


async def test_a_log_that_cannot_be_signed_keeps_no_other_from_being_signed(
    service: Any, story: Any, another_story: Callable[..., Any]
) -> None:
    first, second = sorted((story, another_story()), key=lambda each: str(each.tenant_id))
    await service.hear(recorded(first), recorded(second))
    work = job(service)
    await work.run()
    # As if it had never been signed: what is said of its checkpoints was said already.
    owner(service, "delete from reporting.audit_checkpoint where tenant_id = %s", first.tenant_id)
    await service.hear(recorded(second))
    service.clock.advance(timedelta(hours=2))
    await work.run()
    assert [each["sequence"] for each in await checkpoints(service, first)] == []
    assert [each["sequence"] for each in await checkpoints(service, second)] == [2, 1]


async def test_an_empty_log_has_nothing_to_sign(service: Any, story: Any) -> None:
    async with service.client(story) as client:
        assert (await client.post("/v1/audit-checkpoints")).status_code == 409
        exported = await client.get("/v1/audit-log/export")
    assert [json.loads(line)["kind"] for line in exported.text.splitlines()] == ["header", "end"]


async def test_a_key_that_cannot_be_opened_is_followed_by_one_that_nobody_endorses(service: Any, story: Any) -> None:
    await service.hear(recorded(story))
    await job(service).run()
    service.clock.advance(timedelta(days=366))
    await service.hear(recorded(story))
    await job(service).run()
    service.clock.advance(timedelta(hours=2))
    await service.hear(recorded(story))
    other = SecretBox(SecretStr("another secret of thirty-two characters"))
    await MakeAuditCheckpoints(service.runtime.units, other, timedelta(hours=1)).run()
    async with service.client(story) as client:
        exported = await client.get("/v1/audit-log/export")
    keys = [line for line in map(json.loads, exported.text.splitlines()) if line["kind"] == "key"]
    assert [line["endorsed_by"] for line in keys[:3]] == [None, keys[0]["key_id"], None]


# --- the command -----------------------------------------------------------------------------------------------------


async def test_an_operator_checks_every_log_and_the_events_that_are_kept(
    service: Any, story: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    await service.hear(recorded(story), recorded(story), story.contract("activated", NOW))
    await job(service).run()
    (kept,) = await checkpoints(service, story)
    path = tmp_path / "checkpoint.json"
    path.write_text(json.dumps(kept))
    arguments = ["--checkpoint", str(path)]
    assert await verify_audit(arguments, service.settings) == 0
    assert f"{story.tenant_id} WHOLE, 3 entries" in capsys.readouterr().out
    owner(service, "update reporting.event set payload = payload || ' ' where name like 'contracts.contract%%'")
    owner(service, "update reporting.audit_entry set actor_id = 'somebody else' where sequence = 2")
    assert await verify_audit(arguments, service.settings) == 1
    said = capsys.readouterr().out
    assert "The event that entry 3 records was changed after it was recorded." in said
    assert "What entry 2 is searched by is not what it says." in said
    owner(service, "delete from reporting.audit_entry where sequence = 3")
    assert await verify_audit(arguments, service.settings) == 1
    assert "The end was cut off" in capsys.readouterr().out


@pytest.mark.parametrize("change", ["at = at - interval '1 year'", "event_id = gen_random_uuid()"])
async def test_an_entry_that_was_hidden_from_searches_is_found(
    service: Any, story: Any, change: str, capsys: pytest.CaptureFixture[str]
) -> None:
    await service.hear(recorded(story), recorded(story))
    await job(service).run()
    owner(service, f"update reporting.audit_entry set {change} where sequence = 2")
    assert await verify_audit([], service.settings) == 1
    assert "What entry 2 is searched by is not what it says." in capsys.readouterr().out


async def test_an_entry_of_other_parts_is_told_of_like_any_other_fault(
    service: Any, story: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    await service.hear(recorded(story), recorded(story))
    await job(service).run()
    owner(
        service,
        """
        update reporting.audit_entry set entry = jsonb_build_object(
            'sequence', sequence, 'tenant_id', tenant_id, 'previous', entry::jsonb ->> 'previous'
        )::text where sequence = 2
    """,
    )
    assert await verify_audit([], service.settings) == 1
    assert "Entry 2 was changed after it was recorded" in capsys.readouterr().out


async def test_a_word_with_an_end_of_line_of_another_kind_is_no_fault(
    service: Any, story: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    await service.hear(recorded(story, resource="/v1/presets/one\u2028two", resource_id="one\u2028two\u0085"))
    await job(service).run()
    assert await verify_audit([], service.settings) == 0, capsys.readouterr().out


async def test_commands_for_the_installation_have_a_log_of_their_own(service: Any, story: Any, capsys: Any) -> None:
    story.tenant_id = INSTALLATION
    await service.hear(recorded(story, operation="command: signing-keys"))
    await job(service).run()
    assert await verify_audit([], service.settings) == 0
    assert f"{INSTALLATION} WHOLE, 1 entries" in capsys.readouterr().out


# --- a checkpoint that somebody deleted ------------------------------------------------------------------------------


async def test_a_deleted_checkpoint_is_refused_with_a_reason_and_found_by_whoever_kept_it(
    service: Any, story: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    await service.hear(recorded(story), recorded(story))
    async with service.client(story) as client:
        kept = (await client.post("/v1/audit-checkpoints")).json()
        owner(service, "delete from reporting.audit_checkpoint where tenant_id = %s", story.tenant_id)
        refused = await client.post("/v1/audit-checkpoints")
        exported = await client.get("/v1/audit-log/export")
    assert (refused.status_code, exported.status_code) == (409, 200), refused.text
    assert "a checkpoint over entry 2 was made and told, and it is not here any more" in refused.json()["detail"]
    await service.hear(recorded(story))
    await job(service).run()
    path = tmp_path / "checkpoint.json"
    path.write_text(json.dumps(kept))
    capsys.readouterr()
    assert await verify_audit(["--tenant", str(story.tenant_id)], service.settings) == 0
    assert await verify_audit(["--checkpoint", str(path)], service.settings) == 1
    assert f"The checkpoint of {kept['made_at']} over entry 2 was deleted here." in capsys.readouterr().out


@pytest.mark.capability("R37")
async def test_who_read_the_report_of_a_month_and_that_a_link_was_opened_is_in_the_access_log(
    service: Any, story: Any
) -> None:
    await service.hear(*story.golden_june())
    service.clock.set(datetime(2026, 7, 1, 6, tzinfo=UTC))
    report = f"/v1/contracts/{story.contract_id}/reports/2026-06"
    async with service.client(story, subject="lea", name="Léa Martin") as client:
        assert (await client.get(report)).status_code == 200
        assert (await client.get(f"{report}/html")).status_code == 200
        made = await client.post(f"/v1/contracts/{story.contract_id}/report-links", json={"month": "2026-06"})
    async with service.client() as visitor:
        address = made.json()["url"].removeprefix(service.settings.public_url)
        assert (await visitor.get(address)).status_code == 200
    await relayed(service)
    async with service.client(story) as client:
        found = (await client.get("/v1/access-log")).json()["data"]
    assert [(each["operation"], each["actor_id"], each["resource"]) for each in found] == [
        ("get_shared_report", "report-link", report),
        ("get_monthly_report_page", "lea", f"{report}/html"),
        ("get_monthly_report", "lea", report),
    ]
