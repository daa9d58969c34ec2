"""Finding items: by words in any form, by filters, by kept filters; and what nobody finds who may not read it."""

from datetime import timedelta
from typing import Any

import httpx
import pytest

from shared.ids import new_id

from .conftest import Agreement, Desk
from .test_api import a_report, problem

_MINUTE = timedelta(minutes=1)


@pytest.fixture
async def desk_of_three(desk: Desk, agreement: Agreement) -> dict[str, str]:
    """Titles of three items to their ids: two incidents and a request."""
    await desk.activate(agreement)
    made = {}
    async with desk.client(agreement) as client:
        for title, description in (
            ("La caisse est bloquée", "Les élèves n'arrivent plus à payer."),
            ("Printer jammed", "Nothing about money."),
        ):
            body = a_report(agreement, title=title, description=description, severity="critical")
            made[title] = str((await client.post("/v1/incidents", json=body)).json()["incident_id"])
            desk.clock.advance(_MINUTE)
        asked = {
            "contract_id": str(agreement.contract_id),
            "form": "assistance",
            "title": "How do I export?",
            "topic": "Œuvres complètes",
            "requester": {"name": "Zoé Lefèvre", "email": "zoe@client.example"},
        }
        answer = await client.post("/v1/requests", json=asked)
        assert answer.status_code == 201, answer.text
        made["How do I export?"] = answer.json()["item_id"]
    return made


async def titles(client: httpx.AsyncClient, **params: Any) -> list[str]:
    answer = await client.get("/v1/items", params=params)
    assert answer.status_code == 200, answer.text
    return [each["title"] for each in answer.json()["data"]]


async def note(client: httpx.AsyncClient, item_id: str, text: str, audience: str) -> None:
    told = {"note": text, "note_audience": audience}
    answer = await client.post(f"/v1/incidents/{item_id}/acknowledge", json=told)
    assert answer.status_code == 200, answer.text


FOUND = (
    ("caisse", "La caisse est bloquée"),
    ("CAISSES BLOQUÉES", "La caisse est bloquée"),
    ("caisse bloquee", "La caisse est bloquée"),
    ("élève", "La caisse est bloquée"),
    ("eleves payer", "La caisse est bloquée"),
    ("arriver", "La caisse est bloquée"),
    ('"est bloquée"', "La caisse est bloquée"),
    ("INC-2026-0001", "La caisse est bloquée"),
    ("2026-0001 caisse", "La caisse est bloquée"),
    ("printers", "Printer jammed"),
    ("jam -caisse", "Printer jammed"),
    ("zoe lefevre", "How do I export?"),
    ("zoe@client.example", "How do I export?"),
    ("oeuvre", "How do I export?"),
    ("REQ-2026", "How do I export?"),
)
"""Words, and the title of the only item that they find."""


async def test_an_item_is_found_by_its_words_in_any_form(
    desk: Desk, agreement: Agreement, desk_of_three: dict[str, str]
) -> None:
    async with desk.client(agreement) as client:
        for words, title in FOUND:
            assert await titles(client, q=words) == [title], words


async def test_what_nothing_says_is_not_found(desk: Desk, agreement: Agreement, desk_of_three: dict[str, str]) -> None:
    async with desk.client(agreement) as client:
        for words in ("nonsense", "caisse printer", '"bloquée caisse"', "-caisse payer", "!!!", "' \" & | :*"):
            assert await titles(client, q=words) == [], words


async def test_what_fits_best_comes_first_and_the_list_pages_by_it(
    desk: Desk, agreement: Agreement, desk_of_three: dict[str, str]
) -> None:
    async with desk.client(agreement) as client:
        # an older item that only mentions it in a note, among newer ones that are called so
        await note(client, desk_of_three["Printer jammed"], "Not the fault of the caisse.", "client")
        for number in range(3):
            desk.clock.advance(_MINUTE)
            await client.post("/v1/incidents", json=a_report(agreement, title=f"Caisse {number}", description=""))
        whole = await titles(client, q="caisse")
        assert whole[-1] == "Printer jammed"
        assert sorted(whole) == ["Caisse 0", "Caisse 1", "Caisse 2", "La caisse est bloquée", "Printer jammed"]
        assert [each for each in whole if each.startswith("Caisse")] == ["Caisse 2", "Caisse 1", "Caisse 0"]
        found: list[str] = []
        page: dict[str, Any] = {"next_cursor": None}
        while not found or page["next_cursor"]:
            asked = {"q": "caisse", "limit": "2"} | ({"cursor": page["next_cursor"]} if page["next_cursor"] else {})
            page = (await client.get("/v1/items", params=asked)).json()
            found += [each["title"] for each in page["data"]]
        assert found == whole
        cursor = (await client.get("/v1/items", params={"q": "caisse", "limit": 2})).json()["next_cursor"]
        other = await client.get("/v1/items", params={"q": "printer", "limit": 2, "cursor": cursor})
        assert problem(other, 400)["code"] == "invalid-cursor"


async def test_notes_count_once_they_are_written_and_those_for_the_agency_only_for_the_agency(
    desk: Desk, agreement: Agreement, desk_of_three: dict[str, str]
) -> None:
    async with desk.client(agreement) as agency, desk.client(agreement, "client_staff") as person:
        await note(agency, desk_of_three["Printer jammed"], "Le fournisseur refuse la garantie.", "agency")
        await note(agency, desk_of_three["La caisse est bloquée"], "Un technicien arrive.", "client")
        assert await titles(agency, q="fournisseur") == ["Printer jammed"]
        assert await titles(person, q="fournisseur") == []
        assert await titles(person, q="fournisseurs OR technicien") == ["La caisse est bloquée"]
        # words of the item and of a note together
        assert await titles(agency, q="printer garantie") == ["Printer jammed"]
        assert await titles(person, q="printer garantie") == []
        assert await titles(person, q="caisse technicien") == ["La caisse est bloquée"]


async def test_what_the_client_reports_is_found_by_the_agency(desk: Desk, agreement: Agreement) -> None:
    await desk.activate(agreement)
    async with desk.client(agreement, "client_staff") as person, desk.client(agreement) as agency:
        await person.post("/v1/incidents", json=a_report(agreement, title="Tout est lent"))
        assert await titles(agency, q="lente") == await titles(person, q="lent") == ["Tout est lent"]


async def test_another_client_and_another_agency_find_nothing(
    desk: Desk, agreement: Agreement, desk_of_three: dict[str, str]
) -> None:
    for stranger in (
        desk.client(agreement, "client_staff", client_id=new_id()),
        desk.client(agreement, "owner", tenant_id=new_id()),
    ):
        async with stranger:
            assert await titles(stranger, q="caisse") == await titles(stranger) == []


async def test_words_and_filters_narrow_together(
    desk: Desk, agreement: Agreement, desk_of_three: dict[str, str]
) -> None:
    async with desk.client(agreement) as client:
        await note(client, desk_of_three["Printer jammed"], "Seen.", "client")
        assert await titles(client) == ["How do I export?", "Printer jammed", "La caisse est bloquée"]
        assert await titles(client, kind=["request", "change"]) == ["How do I export?"]
        assert await titles(client, kind="incident", status="acknowledged") == ["Printer jammed"]
        assert await titles(client, severity="critical", q="caisse OR export") == ["La caisse est bloquée"]
        assert await titles(client, category="assistance") == ["How do I export?"]
        assert await titles(client, client_id=str(new_id())) == []
        assert await titles(client, contract_id=str(agreement.contract_id), site_id=str(agreement.site_id)) == [
            "Printer jammed",
            "La caisse est bloquée",
        ]
        worker = str(new_id())
        await client.post(
            f"/v1/items/{desk_of_three['Printer jammed']}/assignment", json={"user_id": worker, "name": "Ada"}
        )
        assert await titles(client, assignee_id=worker) == ["Printer jammed"]


async def test_a_filter_that_is_none_is_refused_by_its_name(desk: Desk, agreement: Agreement) -> None:
    faulty = {"kind": "incidents", "status": "new", "q": "", "filter": "mine", "site_id": "1", "assignee_id": "x" * 201}
    async with desk.client(agreement) as client:
        for name, value in faulty.items():
            refused = problem(await client.get("/v1/items", params={name: value}), 422)
            assert [error["parameter"].partition(".")[0] for error in refused["errors"]] == [name]


async def test_more_than_can_be_indexed_stops_nobody_from_writing(
    desk: Desk, agreement: Agreement, desk_of_three: dict[str, str]
) -> None:
    item_id = desk_of_three["La caisse est bloquée"]
    # some twenty notes of long words fill the megabyte that an item's words may take
    await desk.execute(
        "insert into incidents.timeline_entry select gen_random_uuid(), tenant_id, client_id, item_id, 'note', "
        "'client', at, recorded_at, actor_kind, actor_id, actor_name, source, "
        "(select string_agg(repeat(md5(n || '-' || m), 6), ' ') from generate_series(1, 300) m), data "
        f"from incidents.timeline_entry, generate_series(1, 25) n where item_id = '{item_id}' and kind = 'opened'"
    )
    async with desk.client(agreement) as client:
        await note(client, item_id, "One more.", "client")
        assert await titles(client, q="caisse") == ["La caisse est bloquée"]


# Saved filters --------------------------------------------------------------------------------------------------------

MINE = {"name": "Critical", "filters": {"severity": ["critical"], "q": "caisse"}}


async def saved(client: httpx.AsyncClient, **changes: Any) -> dict[str, Any]:
    answer = await client.post("/v1/saved-filters", json=MINE | changes)
    assert answer.status_code == 201, answer.text
    return dict(answer.json())


async def names(client: httpx.AsyncClient) -> list[str]:
    return [each["name"] for each in (await client.get("/v1/saved-filters")).json()["data"]]


async def test_a_saved_filter_is_applied_and_what_is_asked_besides_takes_its_place(
    desk: Desk, agreement: Agreement, desk_of_three: dict[str, str]
) -> None:
    async with desk.client(agreement) as client:
        kept = await saved(client)
        assert (kept["shared"], kept["mine"], kept["version"]) == (False, True, 1)
        used = {"filter": kept["saved_filter_id"]}
        assert await titles(client, **used) == ["La caisse est bloquée"]
        assert await titles(client, **used, status="closed") == []
        assert await titles(client, **used, q="printer") == ["Printer jammed"]
        unknown = problem(await client.get("/v1/items", params={"filter": str(new_id())}), 404)
        assert unknown["errors"][0]["parameter"] == "filter"


async def test_a_filter_is_one_s_own_until_it_is_shared_and_only_its_owner_changes_it(
    desk: Desk, agreement: Agreement, desk_of_three: dict[str, str]
) -> None:
    async with (
        desk.client(agreement, subject=str(new_id())) as ada,
        desk.client(agreement, "viewer", subject=str(new_id())) as grace,
        desk.client(agreement, "client_staff") as person,
        desk.client(agreement, "owner", tenant_id=new_id()) as stranger,
    ):
        kept = await saved(ada)
        path = f"/v1/saved-filters/{kept['saved_filter_id']}"
        await saved(grace, name="Grace's")
        assert (await names(ada), await names(grace)) == (["Critical"], ["Grace's"])
        for other in (grace, person, stranger):
            problem(await other.get(path), 404)
            problem(await other.get("/v1/items", params={"filter": kept["saved_filter_id"]}), 404)
            problem(await other.delete(path, headers={"If-Match": "*"}), 404)
        shared = await ada.put(path, json=MINE | {"shared": True}, headers={"If-Match": '"1"'})
        assert (shared.status_code, shared.headers["etag"]) == (200, '"2"')
        assert (await names(ada), await names(grace)) == (["Critical"], ["Critical", "Grace's"])
        assert (await grace.get(path)).json()["mine"] is False
        assert await titles(grace, filter=kept["saved_filter_id"]) == ["La caisse est bloquée"]
        problem(await grace.put(path, json=MINE, headers={"If-Match": "*"}), 403)
        problem(await grace.delete(path, headers={"If-Match": "*"}), 403)
        for other in (person, stranger):
            problem(await other.get(path), 404)
        problem(await ada.put(path, json=MINE, headers={"If-Match": '"1"'}), 412)
        problem(await ada.put(path, json=MINE), 428)
        assert (await ada.delete(path, headers={"If-Match": '"2"'})).status_code == 204
        assert await names(grace) == ["Grace's"]


async def test_people_of_a_client_keep_and_share_filters_among_themselves(
    desk: Desk, agreement: Agreement, desk_of_three: dict[str, str]
) -> None:
    async with (
        desk.client(agreement, "client_staff", subject=str(new_id())) as one,
        desk.client(agreement, "client_decider", subject=str(new_id())) as other,
        desk.client(agreement, "client_staff", client_id=new_id(), subject=str(new_id())) as stranger,
    ):
        kept = await saved(one, shared=True)
        assert (await names(other), await names(stranger)) == (["Critical"], [])
        assert await titles(other, filter=kept["saved_filter_id"]) == ["La caisse est bloquée"]


async def test_what_the_list_does_not_know_is_not_kept(desk: Desk, agreement: Agreement) -> None:
    faulty: tuple[tuple[dict[str, Any], str], ...] = (
        ({"filters": {"colour": "red"}}, "#/filters/colour"),
        ({"filters": {"status": ["new"]}}, "#/filters/status/0"),
        ({"filters": {"status": "open"}}, "#/filters/status"),
        ({"filters": {"q": ""}}, "#/filters/q"),
        ({"filters": {"site_id": "x"}}, "#/filters/site_id"),
        ({"name": " "}, "#/name"),
        ({"shared": "yes"}, "#/shared"),
        ({"owner": "me"}, "#/owner"),
    )
    async with desk.client(agreement) as client:
        for changes, pointer in faulty:
            problem(await client.post("/v1/saved-filters", json=MINE | changes), 422, pointer)
        assert await names(client) == []


async def test_one_keeps_a_name_once(desk: Desk, agreement: Agreement) -> None:
    async with desk.client(agreement, subject="1") as one, desk.client(agreement, subject="2") as other:
        await saved(one)
        problem(await one.post("/v1/saved-filters", json=MINE), 409)
        second = await saved(one, name="Second")
        path = f"/v1/saved-filters/{second['saved_filter_id']}"
        problem(await one.put(path, json=MINE, headers={"If-Match": "*"}), 409)
        await saved(other)
