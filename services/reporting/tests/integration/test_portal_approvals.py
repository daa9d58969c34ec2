"""What waits for the client's decider, and his approval in times in which his contract allows no changes."""

from html import unescape
from typing import Any

import pytest

from .test_portal_pages import Page, get, person_of, signed_in
from .test_portal_refusals import CHANGE, ITEM, READ, UPDATE, form_of, refusing, write

__all__ = ["refusing"]

FREEZES = ["Bac <blanc>", "Parcoursup"]
WAITING = [
    {"decision": "approve", "freezes_to_approve": FREEZES, "item": UPDATE},
    {"decision": "accept", "freezes_to_approve": [], "item": CHANGE | {"status": "deployed", "title": "PHP"}},
]


async def portal_of(start_service: Any, story: Any, refusing: Any, **reads: Any) -> Any:
    url = f"http://127.0.0.1:{refusing.server_port}"
    refusing.reads = READ | reads
    portal = await start_service(portal_secret="s" * 40, contracts_url=url, incidents_url=url)
    await portal.hear(*story.golden_june()[:1])
    return portal


@pytest.mark.capability("I40")
async def test_work_that_a_freeze_stops_waits_among_the_approvals_and_on_the_first_page_in_the_order_of_the_queue(
    start_service: Any, story: Any, refusing: Any
) -> None:
    listed = {
        "/v1/queue/decisions": {"data": WAITING, "next_cursor": "x&y"},
        "/v1/advisories": {"data": [], "next_cursor": None},
    }
    portal = await portal_of(start_service, story, refusing, **listed)
    browser = await signed_in(portal, person_of(story))
    for path in ("/portal/approvals", "/portal"):
        page = (await get(portal, path, browser)).text
        assert Page(page).faults() == []
        update, change = page.find(f"/portal/work-orders/{ITEM}"), page.find(f"/portal/changes/{ITEM}")
        assert 0 < update < change, path
    words = Page((await get(portal, "/portal/approvals", browser)).text).words
    assert "WO-1 · Mises à jour" in words
    assert "Pendant une période sans changement" in words
    assert "Bac <blanc>, Parcoursup" in words
    assert 'href="/portal/approvals?cursor=x%26y"' in (await get(portal, "/portal/approvals", browser)).text
    staff = await signed_in(portal, person_of(story, role="client_staff"))
    page = (await get(portal, f"/portal/work-orders/{ITEM}", staff)).text
    assert "15 juin 2026" in page
    assert "/approve" not in page


@pytest.mark.capability("I40")
@pytest.mark.parametrize(
    ("kind", "read", "named"),
    [
        # The last word counts: what was approved before is named again.
        ("work-orders", UPDATE, ["Soldes", *FREEZES]),
        ("changes", CHANGE | {"freezes_to_approve": FREEZES}, FREEZES),
    ],
)
async def test_the_decider_approves_in_a_freeze_by_the_names_that_he_was_shown(
    start_service: Any, story: Any, refusing: Any, kind: str, read: dict[str, Any], named: list[str]
) -> None:
    portal = await portal_of(start_service, story, refusing, **{f"/v1/{kind}/{ITEM}": read})
    browser, page = await signed_in(portal, person_of(story)), f"/portal/{kind}/{ITEM}"
    opened = await get(portal, page, browser)
    assert Page(opened.text).faults() == []
    assert "Bac <blanc>, Parcoursup. En approuvant" in Page(opened.text).words
    fields = {name: unescape(value) for name, value in form_of(opened.text, f"{page}/approve").items()}
    # As browsers send it.
    fields["approved_freezes"] = fields["approved_freezes"].replace("\n", "\r\n")
    refusing.answers_with = 200
    done = await write(portal, f"{page}/approve", browser, **fields, note="La nuit.")
    assert (done.status_code, done.headers["location"]) == (303, f"{page}?done=yes")
    assert refusing.sent == [(f"/v1/{kind}/{ITEM}/approve", {"note": "La nuit.", "approved_freezes": named})]
    staff = await signed_in(portal, person_of(story, role="client_staff"))
    refused = await write(portal, f"{page}/approve", staff, **fields)
    assert (refused.status_code, len(refusing.sent)) == (403, 1)
