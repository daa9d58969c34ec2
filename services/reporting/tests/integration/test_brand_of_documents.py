"""The brand that is decided for a client's status page, on all that he is sent and on his portal."""

import io
from base64 import b64encode
from datetime import UTC, datetime, timedelta
from typing import Any

from pypdf import PdfReader

from .test_portal_pages import get, person_of, portal, signed_in
from .test_report_editions import issue
from .test_status_page_settings import PNG, SETTINGS, change, png

__all__ = ["portal"]

AFTERWARDS = datetime(2026, 7, 1, 0, 0, tzinfo=UTC)
"""June is over in Paris, and measured."""
LOGO, NEXT_LOGO = png(30, 12), png(31, 12)
BRAND = {"name": "Martin en direct", "colours": {"primary": "#0b3d91"}, "variables": {"on-band": "#ffef9f"}}


async def branded(service: Any, story: Any, logo: bytes = LOGO) -> None:
    assert (await change(service, story, **BRAND)).status_code == 200
    async with service.client(story) as agency:
        assert (await agency.put(f"{SETTINGS}/pictures/logo", content=logo, headers=PNG)).status_code == 200


def sizes(file: bytes) -> list[tuple[int, int]]:
    """Of the pictures in a PDF."""
    pages: list[Any] = list(PdfReader(io.BytesIO(file)).pages)
    assert pages
    found = [each for page in pages for each in page["/Resources"].get("/XObject", {}).values()]
    return [(each.get_object()["/Width"], each.get_object()["/Height"]) for each in found]


def source(logo: bytes) -> str:
    return f'<img src="data:image/png;base64,{b64encode(logo).decode()}" alt="Martin en direct"'


def edition(story: Any, number: int = 1) -> str:
    return f"/v1/contracts/{story.contract_id}/reports/2026-06/editions/{number}"


async def test_a_report_has_the_brand_that_was_decided_for_the_status_page_and_keeps_it(
    service: Any, story: Any
) -> None:
    await service.hear(*story.golden_june())
    await branded(service, story)
    service.clock.set(AFTERWARDS)
    await issue(service)
    async with service.client(story) as client:
        page = await client.get(f"{edition(story)}/html")
        file = (await client.get(f"{edition(story)}/pdf")).content
    assert source(LOGO) in page.text
    assert "--band:#0b3d91" in page.text
    assert "--on-band:#ffef9f" in page.text
    assert "img-src data:;" in page.headers["content-security-policy"]
    assert sizes(file) == [(30, 12)]
    assert (await change(service, story, name="Fournil", colours={"primary": "#7c2d12"})).status_code == 200
    async with service.client(story) as client:
        assert (await client.put(f"{SETTINGS}/pictures/logo", content=NEXT_LOGO, headers=PNG)).status_code == 200
        assert (await client.get(f"{edition(story)}/pdf")).content == file, "as it was issued, byte for byte"
        assert (await client.get(f"{edition(story)}/html")).text == page.text
        live = await client.get(f"/v1/contracts/{story.contract_id}/reports/2026-07/html")
    assert 'alt="Fournil"' in live.text, "what is computed now looks as it does now"
    assert "--band:#7c2d12" in live.text
    assert b64encode(NEXT_LOGO).decode() in live.text


async def test_an_edition_with_other_comments_looks_like_the_one_whose_figures_it_tells(
    service: Any, story: Any
) -> None:
    await service.hear(*story.golden_june())
    await branded(service, story)
    service.clock.set(AFTERWARDS)
    await issue(service)
    await branded(service, story, NEXT_LOGO)
    path = f"/v1/contracts/{story.contract_id}/reports/2026-06/commentary"
    async with service.client(story) as client:
        kept = await client.put(path, json={"fr": "Un mois calme."}, headers={"If-Match": '"0"'})
        assert kept.status_code == 200, kept.text
    service.clock.set(AFTERWARDS + timedelta(days=1))
    await issue(service)
    async with service.client(story) as client:
        assert sizes((await client.get(f"{edition(story, 2)}/pdf")).content) == [(30, 12)]


async def test_every_other_document_of_the_contract_has_it_too(service: Any, story: Any) -> None:
    await service.hear(*story.golden_june())
    await branded(service, story)
    service.clock.set(AFTERWARDS)
    of_contract, month = f"/v1/contracts/{story.contract_id}", "2026-06"
    documents = [
        f"{of_contract}/reviews/quarterly/2026-04",
        f"{of_contract}/hours-reports/{month}",
        f"{of_contract}/decision-log",
        f"{of_contract}/margins",
        f"/v1/clients/{story.client_id}/history",
    ]
    async with service.client(story) as client:
        for document in documents:
            page = await client.get(f"{document}/html")
            assert page.status_code == 200, (document, page.text)
            assert source(LOGO) in page.text, document
            assert sizes((await client.get(f"{document}/pdf")).content) == [(30, 12)], document


async def test_without_a_decision_the_contract_says_how_reports_look_and_without_a_status_page_nothing_does(
    service: Any, story: Any
) -> None:
    await service.hear(*story.golden_june())
    service.clock.set(AFTERWARDS)
    june = f"/v1/contracts/{story.contract_id}/reports/2026-06/html"
    async with service.client(story) as client:
        signed = (await client.get(june)).text
        assert "--band:#7c2d12" in signed
        assert "<img" not in signed
        amended = datetime(2026, 6, 20, 8, 0, tzinfo=UTC)
        await branded(service, story)
        await service.hear(story.contract("amended", amended, status_page=None))
        plain = (await client.get(june)).text
    assert "--band:#1d4ed8" in plain
    assert "<img" not in plain


async def test_the_portal_shows_the_logo_and_the_colours_that_were_decided_under_the_name_of_the_agency(
    portal: Any, story: Any, another_story: Any
) -> None:
    await portal.hear(*story.golden_june())
    browser = await signed_in(portal, person_of(story))
    before = (await get(portal, "/portal/reports", browser)).text
    assert "<img" not in before
    await branded(portal, story)
    page = await get(portal, "/portal/reports", browser)
    (address,) = [each.partition('"')[0] for each in page.text.split('<img src="')[1:]]
    assert "<strong>Atelier Numérique</strong>" in page.text
    assert "--band:#0b3d91" in page.text
    assert "img-src 'self';" in page.headers["content-security-policy"]
    assert address.startswith("/portal/logo.png?v=")
    shown = await get(portal, address, browser)
    assert (shown.status_code, shown.headers["content-type"], shown.content) == (200, "image/png", LOGO)
    assert "private" in shown.headers["cache-control"]
    assert (await get(portal, "/portal/logo.png?v=0123456789abcdef", browser)).status_code == 404
    neighbour = another_story(tenant_id=story.tenant_id, slug="hotel-des-quais")
    await portal.hear(neighbour.contract("activated", datetime(2026, 6, 1, tzinfo=UTC)))
    other = await signed_in(portal, person_of(neighbour))
    assert (await get(portal, address, other)).status_code == 404, "another client of the agency"
