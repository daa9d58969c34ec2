"""What people of an agency tell visitors about an outage: published, read everywhere, mailed, and withdrawn."""

from datetime import timedelta
from typing import Any
from uuid import UUID

import httpx
import psycopg
import pytest

from reporting.adapters.secret_box import SecretBox
from reporting.jobs.tell_subscribers import TellSubscribers
from shared.ids import new_id
from shared.testing.mailbox import Mailbox

from .test_schema import stepped_back
from .test_status_subscriptions import body, subscribe

PAGE = "/status/boulangerie-martin"
FRENCH = {"accept": "text/html", "accept-language": "fr"}
ENGLISH = {"accept": "text/html", "accept-language": "en"}
TEXTS = {"fr": "Cause trouvée, retour vers 14 h.", "en": "We found the cause, back by 14:00."}
ONGOING = timedelta(minutes=5)


@pytest.fixture
async def service(start_service: Any, story: Any, mailbox: Mailbox) -> Any:
    """With a mail server, and a page on which all is well."""
    started = await start_service(smtp_host="127.0.0.1", smtp_port=mailbox.port, smtp_starttls="never")
    await started.hear(*story.golden_june()[:5])
    return started


@pytest.fixture
async def outage(service: Any, story: Any) -> UUID:
    """One that goes on."""
    outage_id: UUID = new_id()
    await service.hear(story.down(outage_id, service.clock.now() - ONGOING))
    return outage_id


def updates(outage_id: UUID) -> str:
    return f"/v1/status-pages/boulangerie-martin/incidents/{outage_id}/updates"


async def publish(service: Any, story: Any, outage_id: UUID, how: Any = None, **said: Any) -> httpx.Response:
    async with service.client(story, **(how or {})) as agency:
        answer: httpx.Response = await agency.post(updates(outage_id), json=said)
    return answer


async def withdraw(service: Any, story: Any, published: dict[str, Any]) -> httpx.Response:
    path = f"{updates(UUID(published['page_incident_id']))}/{published['page_update_id']}/withdraw"
    async with service.client(story) as agency:
        answer: httpx.Response = await agency.post(path, headers={"if-match": f'"{published["version"]}"'})
    return answer


async def everywhere(service: Any, story: Any, language: str) -> dict[str, str]:
    """All that a visitor of a language may read of the page, by where it is."""
    (component,) = (await read(service))["components"]
    places = ("", f"/components/{component['component_id']}", "/api/v2/incidents.json", "/feed.atom", "/feed.json")
    headers = FRENCH if language == "fr" else ENGLISH
    async with service.client() as visitor:
        found = {place: await visitor.get(f"{PAGE}{place}", headers=headers) for place in places}
    assert {answer.status_code for answer in found.values()} == {200}
    return {place: answer.text for place, answer in found.items()}


async def read(service: Any) -> dict[str, Any]:
    async with service.client() as visitor:
        content: dict[str, Any] = (await visitor.get(f"{PAGE}.json")).json()
    return content


async def work(service: Any) -> None:
    """The worker until nothing is due."""
    job = TellSubscribers(service.runtime.units, service.settings, SecretBox(service.settings.secret_key))
    while await job.run() == 0.0:
        pass


async def test_a_sentence_is_read_in_each_language_wherever_the_page_speaks_until_it_is_withdrawn(
    service: Any, story: Any, outage: UUID
) -> None:
    answer = await publish(service, story, outage, status="identified", texts=TEXTS)
    assert answer.status_code == 201, answer.text
    published = answer.json()
    assert (published["texts"], published["status"], published["version"]) == (TEXTS, "identified", 1)
    for language, other in (("fr", "en"), ("en", "fr")):
        for place, text in (await everywhere(service, story, language)).items():
            assert TEXTS[language] in text, place
            assert TEXTS[other] not in text, place
    (incident,) = (await read(service))["open_incidents"]
    assert incident["status"] == "identified"
    assert [(step["status"], step["texts"]) for step in incident["updates"]] == [
        ("identified", TEXTS),
        ("investigating", {}),
    ]
    async with service.client(story) as agency:
        assert (await agency.get(answer.headers["location"])).headers["etag"] == '"1"'

    withdrawn = await withdraw(service, story, published)
    assert (withdrawn.status_code, withdrawn.json()["version"]) == (200, 2)
    for language in ("fr", "en"):
        for place, text in (await everywhere(service, story, language)).items():
            assert TEXTS[language] not in text, place
    (incident,) = (await read(service))["open_incidents"]
    assert incident["status"] == "investigating"
    assert (await withdraw(service, story, published)).status_code == 412
    assert (await withdraw(service, story, withdrawn.json())).status_code == 409
    async with service.client(story) as agency:
        (kept,) = (await agency.get(updates(outage))).json()["data"]
    assert kept == withdrawn.json()
    assert kept["withdrawn_by"] is not None


async def test_a_sentence_in_one_language_is_read_by_everybody_and_says_in_which_it_is(
    service: Any, story: Any, outage: UUID
) -> None:
    assert (await publish(service, story, outage, texts={"fr": TEXTS["fr"]})).status_code == 201
    for place, text in (await everywhere(service, story, "en")).items():
        assert TEXTS["fr"] in text, place
    async with service.client() as visitor:
        assert f'<p class="said" lang="fr">{TEXTS["fr"]}</p>' in (await visitor.get(PAGE, headers=ENGLISH)).text
        assert f'<p class="said">{TEXTS["fr"]}</p>' in (await visitor.get(PAGE, headers=FRENCH)).text


async def test_what_was_written_is_text_and_never_markup(service: Any, story: Any, outage: UUID) -> None:
    text = "<script>alert(1)</script> & « 1 < 2 »\nBack soon."
    assert (await publish(service, story, outage, texts={"en": text})).status_code == 201
    told = await everywhere(service, story, "en")
    for place in ("", "/feed.atom"):
        assert "<script>alert" not in told[place]
        assert "&lt;script&gt;alert(1)&lt;/script&gt; &amp; « 1 &lt; 2 »\nBack soon." in told[place]


async def test_later_steps_that_are_seen_go_on_from_what_people_called_the_outage(
    service: Any, story: Any, outage: UUID
) -> None:
    since = service.clock.now() - ONGOING
    assert (await publish(service, story, outage, status="identified", texts=TEXTS)).status_code == 201
    incident_id = new_id()
    service.clock.advance(timedelta(minutes=4))
    now = service.clock.now()
    await service.hear(*story.incident(incident_id, outage, since, acknowledged=now - timedelta(minutes=2)))
    (incident,) = (await read(service))["open_incidents"]
    assert [step["status"] for step in incident["updates"]] == ["identified", "investigating"]
    await service.hear(story.recovered(outage, since, now))
    (incident,) = (await read(service))["open_incidents"]
    assert [step["status"] for step in incident["updates"]] == ["monitoring", "identified", "investigating"]
    again = await publish(service, story, outage, status="resolved", texts={"en": "It holds."})
    assert again.status_code == 201, again.text
    content = await read(service)
    assert content["open_incidents"] == []
    (incident,) = content["recent_incidents"]
    assert (incident["status"], incident["updates"][0]["texts"]) == ("resolved", {"en": "It holds."})


async def test_an_outage_that_goes_on_cannot_be_called_resolved(service: Any, story: Any, outage: UUID) -> None:
    answer = await publish(service, story, outage, status="resolved", texts=TEXTS)
    assert answer.status_code == 409
    assert "still goes on" in answer.json()["detail"]
    assert len((await read(service))["open_incidents"][0]["updates"]) == 1


async def test_no_sentence_begins_an_outage_again_that_is_over(service: Any, story: Any, outage: UUID) -> None:
    since = service.clock.now() - ONGOING
    await service.hear(story.recovered(outage, since, service.clock.now()))
    service.clock.advance(timedelta(hours=20))
    explained = await publish(service, story, outage, status="identified", texts={"en": "It was a full disk."})
    assert explained.status_code == 201, explained.text
    content = await read(service)
    assert content["open_incidents"] == []
    (incident,) = content["recent_incidents"]
    assert incident["status"] == "resolved"
    assert next((step["status"], step["texts"]) for step in incident["updates"]) == (
        "resolved",
        {"en": "It was a full disk."},
    )


async def test_an_outage_that_goes_on_although_somebody_resolved_its_incident_holds_up_no_mail(
    service: Any, story: Any, mailbox: Mailbox
) -> None:
    await subscribe(service, mailbox)
    outage, since = new_id(), service.clock.now() - ONGOING
    await service.hear(story.down(outage, since))
    await work(service)
    before = len(mailbox.messages)
    await service.hear(*story.incident(new_id(), outage, since, acknowledged=since, resolved=service.clock.now()))
    service.clock.advance(timedelta(minutes=2))
    assert (await publish(service, story, outage, texts=TEXTS)).status_code == 201
    await work(service)
    (mail,) = mailbox.messages[before:]
    assert TEXTS["fr"] in body(mail)


async def test_a_mail_that_cannot_be_written_lets_those_behind_it_leave(
    service: Any, story: Any, mailbox: Mailbox
) -> None:
    await subscribe(service, mailbox)
    outage: UUID = new_id()
    await service.hear(story.down(outage, service.clock.now() - ONGOING))
    job = TellSubscribers(service.runtime.units, service.settings, SecretBox(service.settings.secret_key))
    assert await job._look()
    before = len(mailbox.messages)
    with psycopg.connect(service.urls.superuser) as connection:
        connection.execute("""update reporting.status_mail set news = '{"kind": "down", "from": null}'""")
    service.clock.advance(timedelta(seconds=1))
    assert (await publish(service, story, outage, texts=TEXTS)).status_code == 201
    await work(service)
    (mail,) = mailbox.messages[before:]
    assert TEXTS["fr"] in body(mail)


@pytest.mark.parametrize(
    ("said", "pointer"),
    [
        ({}, "#/texts"),
        ({"texts": {}}, "#/texts"),
        ({"texts": {"en": "x" * 2_001}}, "#/texts/en"),
        ({"texts": {"fr": " \n "}}, "#/texts/fr"),
        ({"texts": {"en": "a\u0007b"}}, "#/texts/en"),
        ({"texts": TEXTS, "status": "open"}, "#/status"),
        ({"texts": TEXTS, "title": "Home page"}, "#/title"),
    ],
)
async def test_what_cannot_be_published_is_refused_with_its_place(
    service: Any, story: Any, outage: UUID, said: Any, pointer: str
) -> None:
    answer = await publish(service, story, outage, **said)
    assert answer.status_code == 422
    assert pointer in [error["pointer"] for error in answer.json()["errors"]]


async def test_a_language_that_pages_do_not_speak_is_refused(service: Any, story: Any, outage: UUID) -> None:
    answer = await publish(service, story, outage, texts={"de": "Wir arbeiten daran."})
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["pointer"].startswith("#/texts")


async def test_another_agency_and_an_outage_that_the_page_does_not_show_are_not_found(
    service: Any, story: Any, another_story: Any, outage: UUID
) -> None:
    published = (await publish(service, story, outage, texts=TEXTS)).json()
    stranger = another_story()
    assert (await publish(service, stranger, outage, texts=TEXTS)).status_code == 404
    assert (await withdraw(service, stranger, published)).status_code == 404
    async with service.client(stranger) as agency:
        assert (await agency.get(updates(outage))).status_code == 404
        assert (await agency.get(f"{updates(outage)}/{published['page_update_id']}")).status_code == 404
    assert (await publish(service, story, new_id(), texts=TEXTS)).status_code == 404
    async with service.client(story) as agency:
        assert (await agency.get(f"{updates(new_id())}/{published['page_update_id']}")).status_code == 404


@pytest.mark.parametrize("role", ["client_decider", "client_staff"])
async def test_a_client_reads_what_is_published_and_publishes_and_withdraws_nothing(
    service: Any, story: Any, outage: UUID, role: str
) -> None:
    published = (await publish(service, story, outage, texts=TEXTS)).json()
    gone = (await publish(service, story, outage, texts={"en": "Somebody's name"})).json()
    assert (await withdraw(service, story, gone)).status_code == 200
    client = {"role": role, "client_id": story.client_id}
    assert (await publish(service, story, outage, client, texts=TEXTS)).status_code == 403
    async with service.client(story, **client) as reader:
        path = f"{updates(outage)}/{published['page_update_id']}"
        assert (await reader.post(f"{path}/withdraw", headers={"if-match": '"1"'})).status_code == 403
        assert (await reader.get(updates(outage))).json()["data"] == [published]
        assert (await reader.get(f"{updates(outage)}/{gone['page_update_id']}")).status_code == 404
    async with service.client(story, role=role, client_id=new_id()) as neighbour:
        assert (await neighbour.get(updates(outage))).status_code == 404


async def test_subscribers_are_told_once_in_their_language_and_never_of_what_was_withdrawn(
    service: Any, story: Any, mailbox: Mailbox
) -> None:
    await subscribe(service, mailbox)
    outage: UUID = new_id()
    await service.hear(story.down(outage, service.clock.now() - ONGOING))
    await work(service)
    before = len(mailbox.messages)
    published = (await publish(service, story, outage, status="identified", texts=TEXTS)).json()
    await work(service)
    await service.hear(story.down(new_id(), service.clock.now(), staging=True))
    await work(service)
    (mail,) = mailbox.messages[before:]
    assert mail["Subject"] == "[Boulangerie Martin] boulangerie-martin.example est indisponible"
    assert TEXTS["fr"] in body(mail)
    assert TEXTS["en"] not in body(mail)
    assert (await withdraw(service, story, published)).status_code == 200

    hidden = (await publish(service, story, outage, texts={"fr": "Une phrase retirée"})).json()
    looking = TellSubscribers(service.runtime.units, service.settings, SecretBox(service.settings.secret_key))
    assert await looking._look()
    assert (await withdraw(service, story, hidden)).status_code == 200
    await work(service)
    assert len(mailbox.messages) == before + 1


async def test_a_step_back_before_sentences_takes_their_mails_away(service: Any, story: Any, mailbox: Mailbox) -> None:
    await subscribe(service, mailbox)
    outage: UUID = new_id()
    await service.hear(story.down(outage, service.clock.now() - ONGOING))
    await publish(service, story, outage, texts=TEXTS)
    job = TellSubscribers(service.runtime.units, service.settings, SecretBox(service.settings.secret_key))
    assert await job._look()
    with stepped_back(service, "0021"), psycopg.connect(service.urls.superuser) as connection:
        kinds = connection.execute("select news ->> 'kind' from reporting.status_mail").fetchall()
    assert kinds == [("down",)]
