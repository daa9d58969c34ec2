"""Messages that an agency had written: mailed as they are, once, with when each left and was opened first."""

import json
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any

import pytest

from reporting.jobs.mail_reports import MailReports
from shared.ids import new_id
from shared.testing.mailbox import Mailbox

from .test_report_contents import told

TEXT = (
    "Bonjour Léa,\n\nLe volume mensuel est fixé à 10 heures, réparties ainsi :\n\n- Correctifs\n\nÀ bientôt,\nRomain\n"
)


def written(story: Any, **data: Any) -> bytes:
    message = {"message_id": str(new_id()), "text": TEXT, "agency_name": "Atelier Numérique"}
    return told(story, "contracts.message.written.v1", **(message | data))


def path(story: Any, ending: str = "") -> str:
    return f"/v1/contracts/{story.contract_id}/message-deliveries{ending}"


async def read(service: Any, story: Any, ending: str = "", **how: Any) -> Any:
    async with service.client(story, **how) as client:
        answer = await client.get(path(story, ending))
    assert answer.status_code == 200, answer.text
    return answer.json()


async def mailed(service: Any) -> None:
    mails = MailReports(service.runtime.units, service.settings)
    while await mails.run() == 0.0:
        pass


@pytest.mark.capability("R12")
async def test_a_message_is_mailed_as_it_was_written_and_its_opening_is_noted(start_service: Any, story: Any) -> None:
    with Mailbox() as mailbox:
        service = await start_service(smtp_host="127.0.0.1", smtp_port=mailbox.port, smtp_starttls="never")
        event = written(story)
        await service.hear(event)
        (planned,) = (await read(service, story))["data"]
        assert (planned["state"], planned["sent_at"]) == ("planned", None)
        await mailed(service)
        (letter,) = mailbox.messages
    assert letter["Subject"] == "Maintenance annuelle – Explication"
    assert letter["To"] == "lea@hotel-du-lac.example"
    assert letter["Reply-To"] == "romain@agence-lumiere.example"
    assert letter["From"].startswith("Atelier Numérique")
    assert letter["Content-Language"] == "fr"
    content = letter.get_content().replace("\r\n", "\n")
    assert content.startswith(TEXT.strip())
    assert "nous notons l’heure" in content
    link = next(word for word in content.split() if word.startswith("http"))
    async with service.client() as visitor:
        opened = await visitor.get(link[link.index("/reports/sent") :], headers={"Accept": "text/html"})
    assert opened.status_code == 200
    assert "Le volume mensuel est fixé à 10 heures" in opened.text
    assert "fait foi" not in opened.text
    (sent,) = (await read(service, story))["data"]
    assert (sent["state"], sent["name"], sent["template_code"]) == ("seen", "Léa Martin", "hours_explanation")
    assert sent["message_id"] == json.loads(event)["data"]["message_id"]


async def test_what_was_written_can_be_read_again_byte_for_byte(service: Any, story: Any, another_story: Any) -> None:
    event = written(story)
    await service.hear(event)
    message_id = json.loads(event)["data"]["message_id"]
    kept = await read(service, story, f"/{message_id}")
    assert (kept["report"]["text"], kept["report"]["language"]) == (TEXT, "fr")
    content = json.dumps(kept["report"], ensure_ascii=False, separators=(",", ":"))
    assert sha256(content.encode()).hexdigest() == kept["content_hash"]
    async with service.client(story, role="client_staff", client_id=story.client_id) as staff:
        assert (await staff.get(path(story, f"/{message_id}"))).status_code == 403, "it may tell a price"
    async with service.client(story, role="client_decider", client_id=story.client_id) as decider:
        assert (await decider.get(path(story, f"/{message_id}"))).status_code == 200
    async with service.client(story) as client:
        assert (await client.get(path(story, f"/{new_id()}"))).status_code == 404
    async with service.client(another_story()) as stranger:
        assert (await stranger.get(path(story, f"/{message_id}"))).status_code == 404
        assert (await stranger.get(path(story))).status_code == 404


async def test_a_message_is_sent_once_however_often_it_is_heard_and_several_are_several(
    start_service: Any, story: Any
) -> None:
    with Mailbox() as mailbox:
        service = await start_service(smtp_host="127.0.0.1", smtp_port=mailbox.port, smtp_starttls="never")
        first = written(story)
        again = json.dumps(json.loads(first) | {"id": str(new_id())}).encode()
        await service.hear(first, first, again, written(story, subject="Une autre", language="en"))
        await mailed(service)
        service.clock.set(service.clock.now() + timedelta(hours=1))
        await service.hear(first)
        await mailed(service)
        subjects = sorted(letter["Subject"] for letter in mailbox.messages)
    assert subjects == ["Maintenance annuelle – Explication", "Une autre"]
    assert [each["state"] for each in (await read(service, story))["data"]] == ["sent", "sent"]


async def test_what_could_not_be_sent_for_three_days_is_told_so(service: Any, story: Any) -> None:
    await service.hear(written(story))
    service.clock.set(service.clock.now() + timedelta(days=3, seconds=1))
    await mailed(service)
    (late,) = (await read(service, story))["data"]
    assert (late["state"], late["ended_because"]) == ("not_sent", "too_late")


async def test_a_message_that_is_heard_of_when_its_three_days_are_over_is_kept_and_not_mailed(
    start_service: Any, story: Any
) -> None:
    with Mailbox() as mailbox:
        service = await start_service(smtp_host="127.0.0.1", smtp_port=mailbox.port, smtp_starttls="never")
        event = written(story)
        at = datetime.fromisoformat(json.loads(event)["time"])
        service.clock.set(at + timedelta(days=3, seconds=1))
        await service.hear(event)
        await mailed(service)
        assert mailbox.messages == []
    (late,) = (await read(service, story))["data"]
    assert (late["state"], late["ended_because"]) == ("not_sent", "too_late")
    assert datetime.fromisoformat(late["planned_at"]) == at


async def test_a_message_that_is_heard_of_within_its_three_days_is_mailed(start_service: Any, story: Any) -> None:
    with Mailbox() as mailbox:
        service = await start_service(smtp_host="127.0.0.1", smtp_port=mailbox.port, smtp_starttls="never")
        event = written(story)
        service.clock.set(datetime.fromisoformat(json.loads(event)["time"]) + timedelta(days=2))
        await service.hear(event)
        await mailed(service)
    assert [letter["Subject"] for letter in mailbox.messages] == ["Maintenance annuelle – Explication"]
