"""Reports in the portal: what was told of a month, edition by edition, with its files and its evidence."""

import io
import json
import zipfile
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from pypdf import PdfReader
from sqlalchemy import text

from reporting.adapters.evidence_verifier import canonical, check
from reporting.jobs.issue_reports import IssueReports
from reporting.jobs.measure_months import MeasureMonths
from shared.ids import new_id

from .test_portal_pages import Page, get, person_of, portal, signed_in, unwatched
from .test_report_contents import told

__all__ = ["portal"]

MIDNIGHT = datetime(2026, 6, 30, 22, 0, tzinfo=UTC)
"""The end of June in Paris."""
AFTERWARDS = MIDNIGHT + timedelta(hours=2)


async def issue(service: Any) -> None:
    for job in (MeasureMonths(service.runtime.units), IssueReports(service.runtime.units)):
        while await job.run() == 0.0:
            pass


async def told_of_june(portal: Any, story: Any) -> None:
    """June with a commentary, issued; and a correction three days later."""
    decider = {
        "contact_id": str(new_id()),
        "name": "Léa Martin",
        "email": "LEA@boulangerie.example",
        "language": "fr",
        "roles": ["decider"],
    }
    amended = datetime(2026, 5, 21, 8, 0, tzinfo=UTC)
    await portal.hear(*story.golden_june(), story.contract("amended", amended, contacts=[decider]))
    async with portal.client(story) as client:
        path = f"/v1/contracts/{story.contract_id}/reports/2026-06/commentary"
        kept = await client.put(path, json={"fr": "Un mois calme."}, headers={"If-Match": '"0"'})
    assert kept.status_code == 200, kept.text
    portal.clock.set(AFTERWARDS)
    await issue(portal)
    since, outage = MIDNIGHT - timedelta(days=2), new_id()
    await portal.hear(story.down(outage, since), story.recovered(outage, since, since + timedelta(hours=1)))
    portal.clock.set(AFTERWARDS + timedelta(days=3))
    await issue(portal)


def month_of(story: Any) -> str:
    return f"/portal/contracts/{story.contract_id}/reports/2026-06"


def plain(html: str) -> str:
    return " ".join(Page(html).words.replace("\u202f", " ").replace("\xa0", " ").split())


@pytest.mark.capability("R05")
async def test_a_client_reads_the_newest_edition_and_the_earlier_one_with_what_changed(portal: Any, story: Any) -> None:
    await told_of_june(portal, story)
    browser = await signed_in(portal, person_of(story))
    listed = await get(portal, "/portal/reports", browser)
    assert f'href="{month_of(story)}/editions/2"' in listed.text, "the newest one is what is read first"
    assert Page(listed.text).faults() == []
    month = await get(portal, month_of(story), browser)
    words = plain(month.text)
    assert Page(month.text).faults() == []
    assert words.index("Édition 2") < words.index("Éditions précédentes") < words.index("Édition 1")
    assert "Un mois calme." in words
    assert "Elle corrige l’édition précédente." in words
    assert "15 min" in words
    assert "1 h 15 min" in words
    newest = await get(portal, f"{month_of(story)}/editions/2", browser)
    assert "Un mois calme." in newest.text
    assert "fait foi" not in plain(newest.text)
    earlier = plain((await get(portal, f"{month_of(story)}/editions/1", browser)).text)
    assert "99,97 %" in earlier, "what was told then is what is read now"
    assert "édition 2" in earlier, "and that another one counts"
    for page in (newest, month):
        assert f'href="{month_of(story)}' in page.text
    so_far = await get(portal, f"/portal/contracts/{story.contract_id}/reports/2026-07", browser)
    assert "Ce mois n’est pas terminé" in so_far.text
    live = await get(portal, f"/portal/contracts/{story.contract_id}/reports/2026-07/so-far", browser)
    assert f'href="/portal/contracts/{story.contract_id}/reports/2026-07"' in live.text, "there is a way back"


async def test_a_month_in_which_nothing_was_watched_has_no_line_of_dashes(portal: Any, story: Any) -> None:
    await portal.hear(unwatched(story))
    portal.clock.set(AFTERWARDS)
    await issue(portal)
    browser = await signed_in(portal, person_of(story, "client_staff"))
    edition = f"{month_of(story)}/editions/1"
    told = (await get(portal, f"{edition}?lang=en", browser)).text
    assert "Nothing was measured." in told
    assert "No day had an interruption" not in told
    assert story.site_name not in told
    assert "unavailable for" not in told
    kept = (await get(portal, f"{edition}/json", browser)).json()
    assert [each["uptime_display"] for each in kept["report"]["uptime"]["figures"]] == [None, None]


async def test_the_reports_of_a_contract_that_ended_long_ago_are_listed_first(portal: Any, story: Any) -> None:
    ended = MIDNIGHT - timedelta(days=3)
    await portal.hear(*story.golden_june(), story.contract("terminated", ended))
    portal.clock.set(AFTERWARDS)
    await issue(portal)
    portal.clock.set(AFTERWARDS + timedelta(days=500))
    browser = await signed_in(portal, person_of(story))
    page = plain((await get(portal, "/portal/reports?lang=en", browser)).text)
    assert "June 2026 Edition 1" in page
    assert "Nothing was measured yet" not in page
    later = plain((await get(portal, "/portal/reports?lang=en&before=2027-12", browser)).text)
    assert "There is no report of this year." in later
    assert "Nothing was measured yet" not in later


async def test_every_edition_can_be_taken_away_in_each_form_and_its_evidence_too(portal: Any, story: Any) -> None:
    await told_of_june(portal, story)
    browser = await signed_in(portal, person_of(story))
    begins = {"pdf": b"%PDF", "csv": b"month,edition", "xlsx": b"PK", "json": b"{"}
    month = (await get(portal, month_of(story), browser)).text
    for edition in (1, 2):
        for file, first in begins.items():
            path = f"{month_of(story)}/editions/{edition}/{file}"
            assert f'href="{path}"' in month
            answer = await get(portal, path, browser)
            assert answer.status_code == 200, path
            assert answer.content.startswith(first), path
            assert answer.headers["content-disposition"].startswith("attachment"), path
    told = json.loads((await get(portal, f"{month_of(story)}/editions/1/json", browser)).content)
    assert (told["edition"], told["commentary"]["fr"]) == (1, "Un mois calme.")
    assert (await get(portal, f"{month_of(story)}/editions/1/exe", browser)).status_code == 404
    assert (await get(portal, f"{month_of(story)}/editions/3/pdf", browser)).status_code == 404
    path = f"/portal/contracts/{story.contract_id}/evidence/2026-06"
    assert f'href="{path}"' in month
    pack = zipfile.ZipFile(io.BytesIO((await get(portal, path, browser)).content))
    assert {"verify.py", "measurement.json", "README.txt"} <= {name.rpartition("/")[2] for name in pack.namelist()}


SIGNED = "0" * 64
"""The hash of the contract that both signed."""


def closed_of_june(story: Any) -> list[bytes]:
    """June settled at the price of the contract, with its hours: nobody worked."""
    shown = json.loads(told(story, "contracts.contract.activated.v1"))["data"]
    agreed = {name: shown[name] for name in ("price", "hours", "remedies")}
    signature = shown["signature"] | {"version_hash": SIGNED}
    content = json.loads(told(story, "contracts.settlement.closed.v1"))["data"]["settlement"]
    content |= {"contract_id": str(story.contract_id), "client_id": str(story.client_id), "commitments": []}
    content["terms"][0]["document_hash"] = SIGNED
    stretch = {"from": content["period"]["starts_at"], "to": content["period"]["ends_at"]}
    content["lines"][0]["why"] |= {"fee_part": "1", "stretches": [stretch], "period_number": 0}
    digest = sha256(canonical(content)).hexdigest()
    settled = json.loads(told(story, "contracts.settlement.closed.v1", settlement=content, hash=digest))
    may = {"month": "2026-05-01", "last_day": "2026-05-31", "hours_month_id": str(new_id()), "carried": []}
    unused = {"real_minutes": 0, "accounted_minutes": 0, "covered_minutes": 0, "overage_minutes": 0, "over": False}
    june = {
        "pooled": True,
        **dict.fromkeys(("included_minutes", "available_minutes", "remaining_minutes", "expired_minutes"), 300),
        **dict.fromkeys(("real_minutes", "accounted_minutes", "covered_minutes", "overage_minutes"), 0),
        "entries": [],
        "lines": [
            {name: line[name] for name in ("code", "name", "included_minutes")}
            | {"remaining_minutes": line["included_minutes"], **unused}
            for line in agreed["hours"]["lines"]
        ],
    }
    return [
        story.contract("amended", datetime(2026, 5, 22, 8, 0, tzinfo=UTC), **agreed, signature=signature),
        json.dumps(settled | {"time": settled["data"]["closed_at"]}).encode(),
        told(story, "contracts.hours_month.closed.v1", 1, **may),
        told(story, "contracts.hours_month.closed.v1", 2, **june),
    ]


async def test_the_evidence_of_amounts_and_hours_is_beside_that_of_the_month_once_they_are_closed(
    portal: Any, story: Any
) -> None:
    await told_of_june(portal, story)
    browser = await signed_in(portal, person_of(story))
    packs = f"/portal/contracts/{story.contract_id}/evidence/2026-06"
    assert f'href="{packs}/' not in (await get(portal, month_of(story), browser)).text
    assert (await get(portal, f"{packs}/amounts", browser)).status_code == 404
    await portal.hear(*closed_of_june(story))
    month = await get(portal, month_of(story), browser)
    assert Page(month.text).faults() == []
    for rest, said in (("amounts", "600.00 EUR net, 720.00 gross"), ("hours", "0 of 300 minutes used, 0 beyond")):
        assert f'href="{packs}/{rest}"' in month.text
        answer = await get(portal, f"{packs}/{rest}", browser)
        assert answer.status_code == 200, answer.text
        assert said in check(answer.content)
    async with portal.runtime.units.for_every_tenant() as unit:
        envelopes = [str(each) for each in await unit.session.scalars(text("select envelope from reporting.outbox"))]
    for operation in ("download_portal_amounts_evidence", "download_portal_hours_evidence"):
        assert any(operation in each for each in envelopes)
    staff = await signed_in(portal, person_of(story, "client_staff"))
    for rest in ("amounts", "hours"):
        assert (await get(portal, f"{packs}/{rest}", staff)).status_code == 403


async def test_what_was_closed_by_an_earlier_release_is_refused_in_words(portal: Any, story: Any) -> None:
    await told_of_june(portal, story)
    settled, hours = (
        json.loads(told(story, name)) for name in ("contracts.settlement.closed.v1", "contracts.hours_month.closed.v1")
    )
    hours["data"] |= dict.fromkeys(("entries", "brought", "carried", "adjustments"))
    settled["data"]["hash"] = sha256(canonical(settled["data"]["settlement"])).hexdigest()
    del settled["data"]["computed_at"]
    await portal.hear(*(json.dumps(each).encode() for each in (settled, hours)))
    browser = await signed_in(portal, person_of(story))
    for rest, words in (("amounts", "corriger le décompte"), ("hours", "Pas de preuve de ceci")):
        refused = await get(portal, f"/portal/contracts/{story.contract_id}/evidence/2026-06/{rest}", browser)
        assert (refused.status_code, words in plain(refused.text)) == (409, True), refused.text


async def test_amounts_of_which_an_event_is_still_to_come_are_asked_for_again_later(portal: Any, story: Any) -> None:
    await told_of_june(portal, story)
    version, settled, *_ = closed_of_june(story)
    event = json.loads(settled)
    content = event["data"]["settlement"]
    content["commitments"] = json.loads(told(story, "contracts.settlement.closed.v1"))["data"]["settlement"][
        "commitments"
    ]
    event["data"]["hash"] = sha256(canonical(content)).hexdigest()
    await portal.hear(version, json.dumps(event).encode())
    browser = await signed_in(portal, person_of(story))
    refused = await get(portal, f"/portal/contracts/{story.contract_id}/evidence/2026-06/amounts", browser)
    assert (refused.status_code, "Pas encore complet" in plain(refused.text)) == (409, True), refused.text


async def test_reading_an_edition_counts_as_seen_for_whom_it_was_mailed_to_and_is_recorded(
    portal: Any, story: Any
) -> None:
    await told_of_june(portal, story)
    other = await signed_in(portal, person_of(story).model_copy(update={"email": "sam@boulangerie.example"}))
    await get(portal, f"{month_of(story)}/editions/2", other)
    shy = await signed_in(portal, person_of(story))
    await get(portal, f"{month_of(story)}/editions/2", shy | {"DNT": "1"})
    assert await seen(portal) == set()
    await get(portal, f"{month_of(story)}/editions/2", shy)
    assert await seen(portal) == {2}
    await get(portal, f"{month_of(story)}/editions/1/pdf", shy)
    assert await seen(portal) == {1, 2}
    async with portal.runtime.units.for_every_tenant() as unit:
        envelopes = [str(each) for each in await unit.session.scalars(text("select envelope from reporting.outbox"))]
    read = [each for each in envelopes if "show_portal_edition" in each]
    assert len(read) == 3
    assert any("download_portal_edition" in each for each in envelopes)


async def seen(portal: Any) -> set[int]:
    async with portal.runtime.units.for_every_tenant() as unit:
        query = text("select edition from reporting.report_delivery where month = '2026-06-01' and seen_at is not null")
        return set(await unit.session.scalars(query))


@pytest.mark.capability("X09")
async def test_staff_read_no_amount_and_take_no_evidence(portal: Any, story: Any) -> None:
    await told_of_june(portal, story)
    browser = await signed_in(portal, person_of(story, "client_staff"))
    month = await get(portal, month_of(story), browser)
    assert "/evidence/" not in month.text
    refused = await get(portal, f"/portal/contracts/{story.contract_id}/evidence/2026-06", browser)
    assert refused.status_code == 403
    told = json.loads((await get(portal, f"{month_of(story)}/editions/2/json", browser)).content)
    assert told["report"]["parts"]["settlement"] is None


async def test_nobody_reads_the_reports_of_another_client(portal: Any, story: Any, another_story: Any) -> None:
    await told_of_june(portal, story)
    browser = await signed_in(portal, person_of(another_story()))
    for path in ("", "/so-far", "/editions/1", "/editions/1/pdf", "/editions/1/json"):
        answer = await get(portal, month_of(story) + path, browser)
        assert answer.status_code == 404, path
        assert "Un mois calme" not in answer.text
    assert (await get(portal, f"/portal/contracts/{story.contract_id}/evidence/2026-06", browser)).status_code == 404


@pytest.mark.parametrize("role", ["client_decider", "client_staff"])
async def test_an_edition_as_json_is_what_the_api_tells_byte_for_byte(portal: Any, story: Any, role: str) -> None:
    """So that its content hash is of what was downloaded."""
    await told_of_june(portal, story)
    browser = await signed_in(portal, person_of(story, role))
    async with portal.client(story, role=role, client_id=story.client_id) as api:
        told = await api.get(f"/v1/contracts/{story.contract_id}/reports/2026-06/editions/2")
    assert told.status_code == 200
    taken = await get(portal, f"{month_of(story)}/editions/2/json", browser)
    assert taken.content == told.content
    report = json.dumps(taken.json()["report"], ensure_ascii=False, separators=(",", ":"))
    assert taken.json()["content_hash"] == sha256(report.encode()).hexdigest()


async def test_what_is_measured_so_far_says_that_it_is_no_edition_and_is_gone_once_there_is_one(
    portal: Any, story: Any
) -> None:
    await portal.hear(*story.golden_june())
    portal.clock.set(AFTERWARDS)
    browser = await signed_in(portal, person_of(story))
    path = f"{month_of(story)}/so-far"
    for asked, said in ((path, "Ceci n’est pas une édition"), (f"{path}?lang=en", "This is no edition")):
        page = await get(portal, asked, browser)
        assert page.status_code == 200
        assert said in page.text
    await issue(portal)
    assert (await get(portal, path, browser)).status_code == 404
    assert (await get(portal, f"{month_of(story)}/editions/1", browser)).status_code == 200


@pytest.mark.parametrize("before", ["0001-01", "0001-06", "0002-01", "9999-12"])
async def test_the_years_before_any_contract_are_an_empty_page(portal: Any, story: Any, before: str) -> None:
    await portal.hear(*story.golden_june()[:1])
    page = await get(portal, f"/portal/reports?before={before}", await signed_in(portal, person_of(story)))
    assert page.status_code == 200


@pytest.mark.parametrize("month", ["0001-01", "9999-12"])
async def test_a_month_of_which_no_calendar_can_tell_has_no_evidence(portal: Any, story: Any, month: str) -> None:
    await portal.hear(*story.golden_june()[:1])
    browser = await signed_in(portal, person_of(story))
    for rest in ("", "/amounts", "/hours"):
        path = f"/portal/contracts/{story.contract_id}/evidence/{month}{rest}"
        assert (await get(portal, path, browser)).status_code == 404, rest
    assert (await get(portal, f"/portal/contracts/{story.contract_id}/reports/{month}", browser)).status_code == 404


SECRET = "zibeline"
"""In everything that the agency wrote for itself."""
EXAMPLES = Path(__file__).parents[3] / "incidents" / "schemas" / "examples"


def for_the_agency(story: Any) -> list[bytes]:
    """Every record of the service desk that can be for the agency alone, in June, with the secret in all its texts."""
    told = []
    for path in sorted(EXAMPLES.glob("*.json")):
        envelope = json.loads(path.read_text(encoding="utf-8"))
        data = envelope["data"]
        if "audience" not in data:
            continue
        texts = {name: f"{SECRET} {text}" for name, text in data.items() if isinstance(text, str) and " " in text}
        whose = {"contract_id": str(story.contract_id), "client_id": str(story.client_id), "audience": "agency"}
        said = {"id": str(new_id()), "tenantid": str(story.tenant_id), "data": data | texts | whose}
        told.append(json.dumps(envelope | said).encode())
    assert len(told) >= 7, "there are as many kinds of them"
    return told


@pytest.mark.capability("X09")
async def test_nothing_that_is_for_the_agency_is_in_any_form_of_a_report_or_its_evidence(
    portal: Any, story: Any
) -> None:
    await portal.hear(*story.golden_june(), *for_the_agency(story))
    portal.clock.set(AFTERWARDS)
    browser = await signed_in(portal, person_of(story))
    so_far = await get(portal, f"{month_of(story)}/so-far", browser)
    assert so_far.status_code == 200
    assert SECRET not in so_far.text.lower()
    await issue(portal)
    opened = f"{month_of(story)}/editions/1"
    looked_at = 0
    for path in (
        "/portal",
        "/portal/reports",
        month_of(story),
        *(opened + file for file in ("", "/pdf", "/csv", "/xlsx", "/json")),
        f"/portal/contracts/{story.contract_id}/evidence/2026-06",
    ):
        answer = await get(portal, path, browser)
        assert answer.status_code == 200, path
        for where, words in texts_of(path, answer.content):
            looked_at += 1
            assert SECRET not in words.lower(), where
    assert looked_at > 30, "archives were looked into"


def texts_of(name: str, content: bytes) -> Iterator[tuple[str, str]]:
    """Every text of a page or a file with where it stands: what is inside of archives and of PDFs, too."""
    if content.startswith(b"PK"):
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            for inside in archive.namelist():
                yield from texts_of(f"{name}: {inside}", archive.read(inside))
    elif content.startswith(b"%PDF"):
        for page in PdfReader(io.BytesIO(content)).pages:
            yield name, page.extract_text()
    else:
        yield name, content.decode("utf-8", "replace")
