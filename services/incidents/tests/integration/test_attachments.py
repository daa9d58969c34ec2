"""Files on items: sent, listed, downloaded, deleted, refused, brought by mail; who sees them."""

import hashlib
from base64 import b64encode
from typing import Any

import httpx
import pytest

from incidents.domain.attachments import LARGEST, MOST_PER_ITEM
from shared.ids import new_id

from .conftest import Agreement, Desk
from .test_api import a_report, problem
from .test_intake import Post, a_source
from .test_mail_in import a_mail, push

PNG = b"\x89PNG\r\n\x1a\n" + b"pixels"


@pytest.fixture
async def path(desk: Desk, agreement: Agreement) -> str:
    """Where the attachments of a reported incident are."""
    await desk.activate(agreement)
    async with desk.client(agreement) as client:
        incident = (await client.post("/v1/incidents", json=a_report(agreement))).json()
    return f"/v1/items/{incident['incident_id']}/attachments"


async def send(
    client: httpx.AsyncClient,
    path: str,
    name: str = "screen.png",
    content: bytes = PNG,
    media_type: str = "image/png",
    **params: str,
) -> httpx.Response:
    return await client.post(
        path, params={"name": name} | params, content=content, headers={"Content-Type": media_type}
    )


async def kept(client: httpx.AsyncClient, path: str, **how: Any) -> dict[str, Any]:
    answer = await send(client, path, **how)
    assert answer.status_code == 201, answer.text
    return dict(answer.json())


async def listed(client: httpx.AsyncClient, path: str) -> list[str]:
    answer = await client.get(path)
    assert answer.status_code == 200, answer.text
    return [each["name"] for each in answer.json()["data"]]


async def timeline(client: httpx.AsyncClient, path: str) -> list[tuple[str, str, dict[str, Any]]]:
    entries = (await client.get(path.replace("attachments", "timeline"))).json()["data"]
    return [(entry["kind"], entry["audience"], entry["data"]) for entry in entries if "attach" in entry["kind"]]


async def test_a_file_is_kept_with_its_hash_and_comes_back_as_a_download_only(
    desk: Desk, agreement: Agreement, path: str
) -> None:
    async with desk.client(agreement) as client:
        answer = await send(client, path, 'Capture d’écran "1".png')
        assert answer.status_code == 201, answer.text
        attachment = answer.json()
        assert answer.headers["location"] == f"{path}/{attachment['attachment_id']}"
        assert (attachment["size"], attachment["sha256"]) == (len(PNG), hashlib.sha256(PNG).hexdigest())
        assert (attachment["audience"], attachment["source"]) == ("agency", "api")
        assert (await client.get(answer.headers["location"])).json() == attachment
        got = await client.get(f"{answer.headers['location']}/content")
        again = await client.get(
            f"{answer.headers['location']}/content", headers={"If-None-Match": got.headers["etag"]}
        )
        told = await timeline(client, path)
    assert got.content == PNG
    assert got.headers["content-type"] == "image/png"
    assert got.headers["content-disposition"] == (
        "attachment; filename=\"Capture d__cran _1_.png\"; filename*=UTF-8''"
        "Capture%20d%E2%80%99%C3%A9cran%20%221%22.png"
    )
    assert got.headers["x-content-type-options"] == "nosniff"
    assert got.headers["content-security-policy"].startswith("sandbox;")
    assert (again.status_code, again.content) == (304, b"")
    (entry,) = told
    assert entry[:2] == ("attached", "agency")
    assert entry[2] == {name: attachment[name] for name in ("attachment_id", "name", "media_type", "size", "sha256")}


async def test_the_same_file_sent_again_is_there_once(desk: Desk, agreement: Agreement, path: str) -> None:
    async with desk.client(agreement) as client:
        first = await kept(client, path)
        again = await send(client, path)
        assert (again.status_code, again.json()) == (200, first)
        await kept(client, path, name="other.png")
        await kept(client, path, content=PNG + b"more")
        assert await listed(client, path) == ["screen.png", "other.png", "screen.png"]
        assert len(await timeline(client, path)) == 3


async def test_the_list_pages(desk: Desk, agreement: Agreement, path: str) -> None:
    async with desk.client(agreement) as client:
        names = [f"{number}.png" for number in range(5)]
        for name in names:
            await kept(client, path, name=name)
        found: list[str] = []
        cursor: dict[str, str] = {}
        while True:
            page = (await client.get(path, params={"limit": "2"} | cursor)).json()
            found += [each["name"] for each in page["data"]]
            if page["next_cursor"] is None:
                break
            cursor = {"cursor": page["next_cursor"]}
    assert found == names


async def test_a_file_that_lies_or_would_run_is_refused_with_its_place_and_what_to_do(
    desk: Desk, agreement: Agreement, path: str
) -> None:
    refusals: tuple[tuple[str, bytes, str, dict[str, str], str], ...] = (
        ("screen.png", b"\xff\xd8\xff\xe0", "image/png", {"header": "Content-Type"}, "send it as that"),
        ("page.txt", b"<html><script>alert(1)</script>", "text/plain", {"pointer": "#"}, "Attach a picture"),
        ("setup.pdf", b"MZ\x90\0", "application/pdf", {"pointer": "#"}, "Attach a picture"),
        ("run.bat", b"del *", "text/plain", {"parameter": "name"}, "ends with .txt"),
        ("a\u202egnp.exe.png", PNG, "image/png", {"parameter": "name"}, "Rename"),
        ("empty.png", b"", "image/png", {"pointer": "#"}, "Send its content"),
    )
    async with desk.client(agreement) as client:
        for name, content, media_type, place, remedy in refusals:
            (error,) = problem(await send(client, path, name, content, media_type), 422)["errors"]
            assert {key: value for key, value in error.items() if key != "detail"} == place
            assert remedy in error["detail"]
        assert await listed(client, path) == []


async def test_a_type_that_is_not_taken_is_a_415_that_lists_those_that_are(
    desk: Desk, agreement: Agreement, path: str
) -> None:
    async with desk.client(agreement) as client:
        for media_type in ("text/html", "image/svg+xml", "application/x-msdownload", ""):
            answer = await send(client, path, media_type=media_type)
            assert problem(answer, 415)["errors"][0]["header"] == "Content-Type"
            assert "application/zip" in answer.headers["accept-post"]


async def test_a_file_over_the_limit_is_refused_before_it_is_read_whole(
    desk: Desk, agreement: Agreement, path: str
) -> None:
    taken = 0

    async def endless() -> Any:
        nonlocal taken
        while True:
            taken += 65536
            yield PNG.ljust(65536, b"\0")
            if taken > 3 * LARGEST:
                return

    async with desk.client(agreement) as client:
        announced = await send(client, path, content=PNG.ljust(LARGEST + 1, b"\0"))
        problem(announced, 413)
        chunked = await client.post(
            path, params={"name": "x.png"}, content=endless(), headers={"Content-Type": "image/png"}
        )
        problem(chunked, 413)
        assert (await send(client, path, content=PNG.ljust(LARGEST, b"\0"))).status_code == 201
        # what is JSON and no attachment stays at its own limit
        reported = await client.post(
            "/v1/incidents", content=b" " * (1024 * 1024 + 1), headers={"Content-Type": "application/json"}
        )
        problem(reported, 413)
        other = await client.post(
            path.replace("attachments", "pauses"), content=PNG, headers={"Content-Type": "image/png"}
        )
        problem(other, 415)


async def test_a_file_comes_in_once_it_is_known_whose_it_is_and_keeps_no_transaction_open(
    desk: Desk, agreement: Agreement, path: str
) -> None:
    comes, in_use = 0, []

    async def file() -> Any:
        nonlocal comes
        for _ in range(4):
            comes += 1
            in_use.append(desk.runtime.database.connections_in_use())
            yield PNG.ljust(512 * 1024, b"\0")

    how: dict[str, Any] = {"params": {"name": "x.png"}, "headers": {"Content-Type": "image/png"}}
    async with desk.client(agreement) as client:
        answer = await client.post(path, content=file(), **(how | {"headers": how["headers"] | {"Authorization": ""}}))
        problem(answer, 401)
        assert comes == 0
        assert (await client.post(path, content=file(), **how)).status_code == 201
        assert in_use == [0] * 4
    async with desk.client(agreement, scopes=frozenset({"incidents:read"})) as reader:
        problem(await reader.post(path, content=file(), **how), 403)
        assert comes == 4


async def test_the_client_sees_what_is_for_him_and_what_he_sends_himself(
    desk: Desk, agreement: Agreement, path: str
) -> None:
    async with desk.client(agreement) as agency:
        internal = await kept(agency, path, name="internal.png")
        await kept(agency, path, name="for you.png", audience="client")
        async with desk.client(agreement, "client_staff") as person:
            mine = await kept(person, path, name="mine.png")
            assert mine["audience"] == "client"
            assert await listed(person, path) == ["for you.png", "mine.png"]
            for hidden in ("", "/content"):
                problem(await person.get(f"{path}/{internal['attachment_id']}{hidden}"), 404)
            problem(await person.delete(f"{path}/{internal['attachment_id']}"), 404)
            told = [(kind, data["name"]) for kind, _, data in await timeline(person, path)]
            assert told == [("attached", "for you.png"), ("attached", "mine.png")]
            refused = problem(await send(person, path, name="x.png", audience="agency"), 422)
            assert refused["errors"][0]["parameter"] == "audience"
            # the same file as the agency's, which he cannot know to be there
            await kept(person, path, name="internal.png")
        assert await listed(agency, path) == ["internal.png", "for you.png", "mine.png", "internal.png"]


async def test_another_client_and_another_agency_see_no_attachment(desk: Desk, agreement: Agreement, path: str) -> None:
    async with desk.client(agreement) as agency:
        attachment = await kept(agency, path, audience="client")
    own = f"{path}/{attachment['attachment_id']}"
    strangers = (
        desk.client(agreement, "client_staff", client_id=new_id()),
        desk.client(agreement, "owner", tenant_id=new_id()),
    )
    for stranger in strangers:
        async with stranger:
            for answer in (
                await stranger.get(path),
                await stranger.get(own),
                await stranger.get(f"{own}/content"),
                await stranger.delete(own),
                await send(stranger, path),
            ):
                problem(answer, 404)
    async with desk.client(agreement) as agency:
        elsewhere = (await agency.post("/v1/incidents", json=a_report(agreement))).json()["incident_id"]
        problem(await agency.get(f"/v1/items/{elsewhere}/attachments/{attachment['attachment_id']}"), 404)


async def test_its_author_or_the_owner_deletes_it_and_the_timeline_keeps_that_it_was_there(
    desk: Desk, agreement: Agreement, path: str
) -> None:
    authors = {"subject": str(new_id()), "name": "Ada"}
    async with (
        desk.client(agreement, **authors) as author,
        desk.client(agreement, subject=str(new_id())) as colleague,
        desk.client(agreement, "owner", subject=str(new_id())) as owner,
    ):
        first, second = await kept(author, path), await kept(author, path, name="other.png")
        problem(await colleague.delete(f"{path}/{first['attachment_id']}"), 403)
        assert (await author.delete(f"{path}/{first['attachment_id']}")).status_code == 204
        assert (await owner.delete(f"{path}/{second['attachment_id']}")).status_code == 204
        assert await listed(author, path) == []
        problem(await author.get(f"{path}/{first['attachment_id']}/content"), 404)
        problem(await author.delete(f"{path}/{first['attachment_id']}"), 404)
        told = [(kind, data["name"], data["sha256"]) for kind, _, data in await timeline(author, path)]
    digest = hashlib.sha256(PNG).hexdigest()
    assert sorted(told) == [
        ("attached", "other.png", digest),
        ("attached", "screen.png", digest),
        ("attachment_deleted", "other.png", digest),
        ("attachment_deleted", "screen.png", digest),
    ]
    assert await desk.rows("select id from incidents.attachment") == []


async def test_an_item_has_a_limited_number_of_attachments(desk: Desk, agreement: Agreement, path: str) -> None:
    async with desk.client(agreement) as client:
        await kept(client, path)
        await desk.execute(
            "insert into incidents.attachment select gen_random_uuid(), tenant_id, client_id, item_id, audience, "
            "n || '.png', media_type, size, sha256, content, source, added_at, actor_kind, actor_id, actor_name "
            f"from incidents.attachment, generate_series(2, {MOST_PER_ITEM}) n"
        )
        refused = problem(await send(client, path, name="one more.png"), 409)
    assert "Delete one" in refused["detail"]


@pytest.mark.capability("I44")
async def test_an_error_report_says_all_that_its_form_asks_and_takes_files_that_are_what_they_say(
    desk: Desk, agreement: Agreement
) -> None:
    await desk.activate(agreement)
    asked = {
        "steps": "Put something into the basket, pay by card.",
        "expected": "A confirmation.",
        "observed": "A blank page.",
        "environment": "Firefox 140, production",
        "ci_version": "shop 4.2.1",
    }
    report = {"form": "error", "contract_id": str(agreement.contract_id), "title": "Checkout shows an error"} | asked
    async with desk.client(agreement, "client_staff") as person:
        for name in asked:
            without = {key: value for key, value in report.items() if key != name}
            problem(await person.post("/v1/requests", json=without), 422, f"#/{name}")
        answer = await person.post("/v1/requests", json=report)
        assert answer.status_code == 201, answer.text
        assert {name: answer.json()["details"][name] for name in asked} == asked
        path = f"/v1/items/{answer.json()['item_id']}/attachments"
        await kept(person, path)
        problem(await send(person, path, "log.txt", b"MZ\x90", "text/plain"), 422)
        assert await listed(person, path) == ["screen.png"]


# Mails ----------------------------------------------------------------------------------------------------------------


def a_mail_with(*files: tuple[str, str, bytes], **headers: str) -> bytes:
    parts = b"".join(
        f"--b\r\nContent-Type: {media_type}\r\nContent-Transfer-Encoding: base64\r\n"
        f'Content-Disposition: attachment; filename="{name}"\r\n\r\n'.encode()
        + b64encode(content)
        + b"\r\n"
        for name, media_type, content in files
    )
    return a_mail(Content_Type="multipart/mixed; boundary=b", **headers).replace(
        b"Since this morning.\r\n", b"--b\r\n\r\nSee the picture.\r\n" + parts + b"--b--\r\n"
    )


@pytest.fixture
async def inbox(desk: Desk, agreement: Agreement) -> Post:
    await desk.activate(agreement)
    return await a_source(desk, agreement, "mail", default_severity="critical")


async def test_the_files_of_a_mail_are_kept_on_the_item_under_the_same_limits(
    desk: Desk, agreement: Agreement, inbox: Post
) -> None:
    raw = a_mail_with(("screen.png", "image/png", PNG), ("setup.png", "image/png", b"MZ\x90"))
    item = await push(inbox, raw)
    assert await push(inbox, raw) == item
    path = f"/v1/items/{item['incident_id']}/attachments"
    async with desk.client(agreement, "client_staff") as client:
        (kept_one,) = (await client.get(path)).json()["data"]
        assert (kept_one["name"], kept_one["source"], kept_one["added_by"]["name"]) == ("screen.png", "mail", "Ada")
        content = await client.get(f"{path}/{kept_one['attachment_id']}/content")
        assert content.content == PNG
    (entry,) = [each for each in await inbox.timeline(item["incident_id"]) if each["kind"] == "comment"]
    first, second = entry["data"]["attachments"]
    assert first == {
        "name": "screen.png",
        "media_type": "image/png",
        "size": len(PNG),
        "attachment_id": kept_one["attachment_id"],
    }
    assert second["not_kept"].startswith("This is a program")
    assert "attachment_id" not in second


async def test_the_files_of_an_automatic_answer_are_for_the_agency(
    desk: Desk, agreement: Agreement, inbox: Post
) -> None:
    item = await push(inbox, a_mail())
    automatic = a_mail_with(
        ("report.txt", "text/plain", b"550"), subject=f"[{item['number']}]", Auto_Submitted="auto-replied"
    )
    await push(inbox, automatic)
    path = f"/v1/items/{item['incident_id']}/attachments"
    async with desk.client(agreement) as agency, desk.client(agreement, "client_staff") as person:
        assert (await listed(agency, path), await listed(person, path)) == (["report.txt"], [])


@pytest.mark.parametrize("decision", ["accept", "discard"])
async def test_the_files_of_a_held_mail_wait_with_it(
    desk: Desk, agreement: Agreement, inbox: Post, decision: str
) -> None:
    raw = a_mail_with(
        ("screen.png", "image/png", PNG),
        ("x.exe", "application/x-msdownload", b"MZ"),
        sender="somebody@elsewhere.example",
    )
    await push(inbox, raw)
    async with desk.client(agreement) as client:
        (held,) = (await client.get("/v1/intake-held")).json()["data"]
        assert [(each["name"], each["not_kept"] is None) for each in held["attachments"]] == [
            ("screen.png", True),
            ("x.exe", False),
        ]
        body = {"severity": "major"} if decision == "accept" else None
        decided = (await client.post(f"/v1/intake-held/{held['held_id']}/{decision}", json=body)).json()
        if decision == "accept":
            path = f"/v1/items/{decided['incident_id']}/attachments"
            assert await listed(client, path) == ["screen.png"]
    assert await desk.rows("select mail_id from incidents.held_file") == []
