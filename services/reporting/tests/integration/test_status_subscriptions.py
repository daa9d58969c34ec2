"""Being told by mail what happens on a status page: asked for, confirmed, told, and ended by one request."""

import asyncio
import json
import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage
from typing import Any
from uuid import UUID

import httpx
import pytest
from sqlalchemy import Engine, event, select, text

from reporting.adapters.facts import StoredFacts
from reporting.adapters.secret_box import SecretBox
from reporting.adapters.status_subscriptions import (
    AGAIN,
    MISSING,
    StatusSubscription,
    confirm,
    due_watch,
    end,
    link_token,
    look_at_pages,
    queue_news,
    read_link_token,
)
from reporting.application.status_page import status_page
from reporting.jobs import tell_subscribers
from reporting.jobs.tell_subscribers import ForgetUnconfirmed, TellSubscribers
from shared.ids import new_id
from shared.testing.mailbox import Mailbox

NOW = datetime(2026, 6, 8, 9, tzinfo=UTC)
PAGE = "/status/boulangerie-martin"
FRENCH = {"accept": "text/html", "accept-language": "fr"}
ONE_CLICK = {"List-Unsubscribe": "One-Click"}


@pytest.fixture
async def service(start_service: Any, story: Any, mailbox: Mailbox) -> Any:
    """With a mail server, and a page on which all is well."""
    started = await start_service(smtp_host="127.0.0.1", smtp_port=mailbox.port, smtp_starttls="never")
    await started.hear(*story.golden_june()[:5])
    return started


async def work(service: Any) -> None:
    """The worker until nothing is due."""
    job = TellSubscribers(service.runtime.units, service.settings, SecretBox(service.settings.secret_key))
    while await job.run() == 0.0:
        pass


async def ask(service: Any, email: str = "paul@example.org") -> None:
    async with service.client() as visitor:
        answer = await visitor.post(f"{PAGE}/subscribe", data={"email": email}, headers=FRENCH)
    assert answer.status_code == 200
    await work(service)


def body(mail: EmailMessage) -> str:
    return str(mail.get_content()).replace("\r\n", "\n")


def link(mail: EmailMessage) -> str:
    """The path of the link in a mail, without the language that it names."""
    found = re.search(r"https://reports\.agency\.example(/status/\S+/subscription/[\w-]+)\?lang=", body(mail))
    assert found is not None
    return found.group(1)


async def subscribe(service: Any, mailbox: Mailbox, email: str = "paul@example.org") -> str:
    """Asks and confirms; returns the path of the link."""
    await ask(service, email)
    path = link(mailbox.messages[-1])
    async with service.client() as visitor:
        assert "Vous êtes prévenu" in (await visitor.post(f"{path}/confirm", headers=FRENCH)).text
    return path


async def rows(service: Any, table: str) -> int:
    async with service.runtime.units.for_every_tenant() as unit:
        return int(await unit.session.scalar(text(f"select count(*) from reporting.{table}")))


async def test_a_visitor_is_told_by_mail_from_his_confirmation_to_one_click(
    service: Any, story: Any, mailbox: Mailbox
) -> None:
    async with service.client() as visitor:
        assert 'type="email"' in (await visitor.get(PAGE, headers=FRENCH)).text
        await ask(service)
        (asked,) = mailbox.messages
        assert asked["To"] == "paul@example.org"
        assert asked["From"] == "Atelier Numérique <upheld@localhost>"
        assert asked["Subject"] == "[Boulangerie Martin] Merci de confirmer votre abonnement"
        path = link(asked)
        opened = await visitor.get(path, headers=FRENCH)
        assert "Oui, je confirme" in opened.text
        since = NOW - timedelta(minutes=3)
        early = new_id()
        await service.hear(story.down(early, since), story.recovered(early, since, since + timedelta(minutes=1)))
        await work(service)
        assert len(mailbox.messages) == 1

        assert "Vous êtes prévenu" in (await visitor.post(f"{path}/confirm", headers=FRENCH)).text
        outage = new_id()
        await service.hear(story.down(outage, NOW - timedelta(seconds=40)))
        await work(service)
        down = mailbox.messages[-1]
        assert down["Subject"] == "[Boulangerie Martin] boulangerie-martin.example est indisponible"
        assert "https://reports.agency.example/status/boulangerie-martin\n" in body(down)
        assert "10.0.0.7" not in body(down)
        await service.hear(story.recovered(outage, NOW - timedelta(seconds=40), NOW))
        soon = (NOW + timedelta(days=1), NOW + timedelta(days=1, hours=2))
        await service.hear(story.maintenance(NOW, soon, window_id=new_id()))
        await work(service)
        assert {mail["Subject"].strip() for mail in mailbox.messages[2:]} == {
            "[Boulangerie Martin] boulangerie-martin.example est de nouveau disponible",
            "[Boulangerie Martin] Maintenance planifiée : Montée de version du serveur",
        }

        assert down["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
        address = str(down["List-Unsubscribe"]).strip("<>").removeprefix("https://reports.agency.example")
        ended = await visitor.post(address, data=ONE_CLICK)
        assert ended.status_code == 200
        assert (await visitor.post(address, data=ONE_CLICK)).status_code == 200
        told = len(mailbox.messages)
        await service.hear(story.down(new_id(), NOW))
        await work(service)
        assert len(mailbox.messages) == told
    assert [await rows(service, f"status_{table}") for table in ("subscription", "watch", "mail")] == [0, 0, 0]


async def test_what_readers_do_is_in_the_audit_log_of_the_agency_and_their_addresses_are_not(
    service: Any, story: Any, mailbox: Mailbox
) -> None:
    path = await subscribe(service, mailbox)
    async with service.client() as visitor:
        await visitor.get(path, headers=FRENCH)
        for _ in range(2):
            assert (await visitor.post(f"{path}/end", data=ONE_CLICK)).status_code == 200
        forged = path[:-1] + ("A" if path[-1] != "A" else "B")
        await visitor.post(f"{forged}/confirm", headers=FRENCH)
    async with service.runtime.units.for_every_tenant() as unit:
        said = (await unit.session.scalars(text("select envelope from reporting.outbox order by id"))).all()
    recorded = [each for each in said if each["type"].endswith("operation.recorded.v1")]
    assert {each["tenantid"] for each in recorded} == {str(story.tenant_id)}
    subscription_id = read_link_token(SecretBox(service.settings.secret_key), path.rpartition("/")[2])
    his = f"{PAGE}/subscription/{subscription_id}"
    assert [(each["data"]["operation"], each["data"]["resource"]) for each in recorded] == [
        ("ask_for_status_mails", f"{PAGE}/subscribe"),
        ("confirm_status_subscription", his),
        ("end_status_subscription", his),
    ]
    assert {each["data"]["actor"]["name"] for each in recorded} == {"A reader of the status page"}
    told = json.dumps(recorded)
    assert "paul@example.org" not in told
    assert path.rpartition("/")[2] not in told, "what opens a door is in no log"


async def test_who_subscribed_in_french_confirms_and_leaves_in_french_whatever_his_browser_prefers(
    service: Any, story: Any, mailbox: Mailbox
) -> None:
    english = {"accept": "text/html", "accept-language": "en"}
    await ask(service)
    (asked,) = mailbox.messages
    async with service.client() as visitor:

        async def press(page: httpx.Response) -> httpx.Response:
            """The one button of a page."""
            (action,) = re.findall(r'<form method="post" action="([^"]+)"', page.text)
            answer: httpx.Response = await visitor.post(page.url.join(action), headers=english)
            return answer

        opened = await visitor.get(f"{link(asked)}?lang=fr", headers=english)
        assert f"{opened.url.path}?lang=fr" in body(asked)
        confirmed = await press(opened)
        assert "Vous êtes prévenu" in confirmed.text
        await service.hear(story.down(new_id(), NOW - timedelta(seconds=40)))
        await work(service)
        unsubscribe = str(mailbox.messages[-1]["List-Unsubscribe"]).strip("<>")
        asking = await visitor.get(unsubscribe.removeprefix("https://reports.agency.example"), headers=english)
        assert "Ne voulez-vous plus de ces" in asking.text
        left = await press(asking)
        assert 'lang="fr"' in left.text
        (to_page,) = re.findall(r'<p><a href="([^"]+)"', left.text)
        assert str(left.url.join(to_page)).endswith("/status/boulangerie-martin?lang=fr")


async def test_who_does_not_confirm_gets_one_mail_and_is_forgotten(service: Any, story: Any, mailbox: Mailbox) -> None:
    await ask(service)
    await ask(service)
    await service.hear(story.down(new_id(), NOW))
    await work(service)
    assert len(mailbox.messages) == 1
    service.clock.advance(AGAIN)
    await ask(service)
    assert len(mailbox.messages) == 2
    forget = ForgetUnconfirmed(service.runtime.units)
    await forget.run()
    assert await rows(service, "status_subscription") == 1
    service.clock.advance(timedelta(days=2, minutes=1))
    await forget.run()
    assert await rows(service, "status_subscription") == 0


async def test_an_address_in_other_capitals_is_the_same_mailbox(service: Any, mailbox: Mailbox) -> None:
    for email in ("paul@example.org", "Paul@example.org", "PAUL@EXAMPLE.ORG"):
        await ask(service, email)
    assert [mail["To"] for mail in mailbox.messages] == ["paul@example.org"]


async def test_what_happens_while_a_page_is_looked_at_makes_it_due_again(
    service: Any, story: Any, mailbox: Mailbox
) -> None:
    await subscribe(service, mailbox)
    await service.hear(story.down(new_id(), NOW - timedelta(seconds=40)))
    units = service.runtime.units

    async def hear() -> None:
        async with units.for_every_tenant() as unit:
            await look_at_pages(unit, {"client_id": str(story.client_id)}, "probes.monitor.down.v1")

    async with units.for_every_tenant() as looking:
        watch = await due_watch(looking)
        assert watch is not None
        hearing = asyncio.create_task(hear())
        await asyncio.sleep(0.2)
        watch.due_at = None
    await hearing
    async with units.for_every_tenant() as looking:
        assert await due_watch(looking) is not None


def subjects(mailbox: Mailbox, since: int) -> list[str]:
    return [str(mail["Subject"]).removeprefix("[Boulangerie Martin] ").strip() for mail in mailbox.messages[since:]]


def times_in(mail: EmailMessage) -> int:
    """How many times of planned work a mail lists."""
    return sum(line.startswith("Du ") for line in body(mail).splitlines())


PLANNED = "Maintenance planifiée : Montée de version du serveur"


async def test_work_that_comes_into_reach_by_time_alone_is_told(service: Any, story: Any, mailbox: Mailbox) -> None:
    await subscribe(service, mailbox)
    told = len(mailbox.messages)
    far = NOW + timedelta(days=45)
    await service.hear(story.maintenance(NOW, (far, far + timedelta(hours=2)), window_id=new_id()))
    await work(service)
    assert subjects(mailbox, told) == []
    for _ in range(44):
        service.clock.advance(timedelta(days=1))
        await work(service)
    assert subjects(mailbox, told) == [PLANNED]


async def test_work_that_is_moved_or_called_off_is_told_with_the_time_at_which_it_does_not_take_place(
    service: Any, story: Any, mailbox: Mailbox
) -> None:
    await subscribe(service, mailbox)
    told, window = len(mailbox.messages), new_id()
    first, second = (
        (start, start + timedelta(hours=2)) for start in (NOW + timedelta(days=2), NOW + timedelta(days=3))
    )
    await service.hear(story.maintenance(NOW, first, window_id=window))
    await work(service)
    await service.hear(story.maintenance(NOW + timedelta(minutes=1), second, window_id=window))
    await work(service)
    assert sorted(subjects(mailbox, told)) == [f"Annulé : {PLANNED}", PLANNED, PLANNED]
    off = next(mail for mail in mailbox.messages[told:] if "Annulé" in mail["Subject"])
    assert "Du 10 juin 2026, 11:00 au 10 juin 2026, 13:00" in body(off)
    await service.hear(story.maintenance(NOW + timedelta(minutes=2), window_id=window, cancelled=True))
    await work(service)
    assert subjects(mailbox, told + 3) == [f"Annulé : {PLANNED}"]
    assert "11 juin 2026" in body(mailbox.messages[-1])
    service.clock.advance(timedelta(days=1))
    await work(service)
    assert len(mailbox.messages) == told + 4


async def test_work_that_recurs_is_told_once_with_its_times_and_called_off_once(
    service: Any, story: Any, mailbox: Mailbox
) -> None:
    await subscribe(service, mailbox)
    told, window, day = len(mailbox.messages), new_id(), timedelta(days=1)
    nights = [(NOW + number * day, NOW + number * day + timedelta(hours=2)) for number in range(1, 60)]
    await service.hear(story.maintenance(NOW, *nights, window_id=window))
    for _ in range(25):
        await work(service)
        service.clock.advance(day)
    assert subjects(mailbox, told) == [PLANNED]
    said = body(mailbox.messages[told])
    assert times_in(mailbox.messages[told]) == 20
    assert "Du 9 juin 2026, 11:00 au 9 juin 2026, 13:00\nDu 10 juin 2026, 11:00 au 10 juin 2026, 13:00\n" in said
    assert "Elle est de nouveau prévue ensuite." in said

    been = [night for night in nights if night[0] < service.clock.now()]
    await service.hear(story.maintenance(service.clock.now(), *been, window_id=window, cancelled=True))
    for _ in range(3):
        await work(service)
        service.clock.advance(day)
    assert subjects(mailbox, told + 1) == [f"Annulé : {PLANNED}"]
    off = body(mailbox.messages[-1])
    assert times_in(mailbox.messages[-1]) == 20
    assert "Cette maintenance n’aura pas lieu alors, ni ensuite." in off


@pytest.mark.parametrize(("apart", "mails"), [(118, 1), (121, 2)])
async def test_only_work_of_which_no_mail_follows_is_said_to_be_announced_once(
    service: Any, story: Any, mailbox: Mailbox, apart: int, mails: int
) -> None:
    await subscribe(service, mailbox)
    told, first, hours = len(mailbox.messages), NOW + timedelta(days=1), timedelta(hours=2)
    second = first + hours + timedelta(days=apart)
    await service.hear(story.maintenance(NOW, (first, first + hours), (second, second + hours), window_id=new_id()))
    for _ in range(apart):
        await work(service)
        service.clock.advance(timedelta(days=1))
    assert subjects(mailbox, told) == [PLANNED] * mails
    assert ("n’annonce chaque date" in body(mailbox.messages[told])) == (mails == 1)


async def test_times_that_are_added_to_work_that_was_told_are_told_together(
    service: Any, story: Any, mailbox: Mailbox
) -> None:
    await subscribe(service, mailbox)
    told, window = len(mailbox.messages), new_id()
    times = [(start, start + timedelta(hours=2)) for start in (NOW + timedelta(days=day) for day in (2, 3, 4, 5))]
    await service.hear(story.maintenance(NOW, *times[:2], window_id=window))
    await work(service)
    await service.hear(story.maintenance(NOW + timedelta(minutes=1), *times[1:], window_id=window))
    await work(service)
    first, off, added = mailbox.messages[told:]
    assert subjects(mailbox, told) == [PLANNED, f"Annulé : {PLANNED}", PLANNED]
    assert [times_in(mail) for mail in (first, off, added)] == [2, 1, 2]
    assert "Du 10 juin" in body(off) and "Cette maintenance n’aura pas lieu à ce moment-là." in body(off)
    assert "Du 12 juin" in body(added) and "Du 13 juin" in body(added)
    assert "de nouveau prévue" not in body(first) + body(added)


async def show_sites(service: Any, story: Any, *site_ids: Any) -> None:
    """The agency names the sites that the page shows."""
    async with service.client(story) as agency:
        answer = await agency.patch(
            f"/v1/status-pages/{story.slug}",
            json={"site_ids": [str(each) for each in site_ids]},
            headers={"if-match": "*"},
        )
    assert answer.status_code == 200, answer.text


def with_second_site(story: Any) -> tuple[UUID, UUID, bytes]:
    """Another site and its environment, and the amendment that covers it."""
    site_id, environment_id = new_id(), new_id()
    own = {"name": "production", "url": "https://other.example/", "counts_for_sla": True}
    environments = [own | {"environment_id": str(environment_id)}]
    site = {"site_id": str(site_id), "name": "other.example", "kind": "website", "environments": environments}
    known = json.loads(story.contract("amended", NOW))["data"]["sites"]
    return site_id, environment_id, story.contract("amended", NOW, sites=[*known, site])


@pytest.mark.parametrize("looked_at", [False, True])
async def test_work_that_recurs_is_announced_once_also_where_other_sites_are_shown_before_its_announcement_left(
    service: Any, story: Any, mailbox: Mailbox, looked_at: bool
) -> None:
    await subscribe(service, mailbox)
    _, _, amended = with_second_site(story)
    await service.hear(amended)
    await work(service)
    told, week = len(mailbox.messages), timedelta(days=7)
    weekly = [(NOW + number * week, NOW + number * week + timedelta(hours=2)) for number in range(1, 30)]
    await service.hear(story.maintenance(NOW, *weekly, window_id=new_id()))
    if looked_at:
        job = TellSubscribers(service.runtime.units, service.settings, SecretBox(service.settings.secret_key))
        assert await job._look()
    await show_sites(service, story, story.site_id)
    await work(service)
    assert subjects(mailbox, told) == [PLANNED]
    assert times_in(mailbox.messages[told]) == 4
    assert "other.example" not in body(mailbox.messages[told])
    for _ in range(10):
        service.clock.advance(week)
        await work(service)
    assert subjects(mailbox, told) == [PLANNED]


@pytest.mark.parametrize("begun", [False, True])
async def test_work_that_recurs_on_a_site_that_a_page_shows_anew_is_announced_once(
    service: Any, story: Any, mailbox: Mailbox, begun: bool
) -> None:
    _, environment_id, amended = with_second_site(story)
    await service.hear(amended)
    await show_sites(service, story, story.site_id)
    await subscribe(service, mailbox)
    told, week = len(mailbox.messages), timedelta(days=7)
    weekly = [
        (NOW + number * week - timedelta(hours=1), NOW + number * week + timedelta(hours=2))
        for number in range(0 if begun else 1, 30)
    ]
    await service.hear(story.maintenance(NOW, *weekly, window_id=new_id(), environment_ids=[environment_id]))
    await work(service)
    assert subjects(mailbox, told) == []
    await show_sites(service, story)
    for _ in range(10):
        await work(service)
        service.clock.advance(week)
    assert subjects(mailbox, told) == [PLANNED]
    assert times_in(mailbox.messages[told]) == 4


async def test_work_that_is_called_off_before_its_announcement_could_leave_is_told_as_called_off_alone(
    service: Any, story: Any, mailbox: Mailbox
) -> None:
    await subscribe(service, mailbox)
    told, window = len(mailbox.messages), new_id()
    times = [(start, start + timedelta(hours=2)) for start in (NOW + timedelta(days=day) for day in (2, 3))]
    await service.hear(story.maintenance(NOW, *times, window_id=window))
    job = TellSubscribers(service.runtime.units, service.settings, SecretBox(service.settings.secret_key))
    assert await job._look()
    await service.hear(story.maintenance(NOW, window_id=window, cancelled=True))
    await work(service)
    assert subjects(mailbox, told) == [f"Annulé : {PLANNED}"]
    assert "Cette maintenance n’aura lieu à aucun de ces moments." in body(mailbox.messages[-1])


async def test_work_that_was_called_off_in_time_is_told_so_however_late_that_is_heard(
    service: Any, story: Any, mailbox: Mailbox
) -> None:
    await subscribe(service, mailbox)
    told, off, held, cut = len(mailbox.messages), new_id(), new_id(), new_id()
    start = NOW + timedelta(days=2)
    end = start + timedelta(hours=2)
    await service.hear(*(story.maintenance(NOW, (start, end), window_id=each) for each in (off, held, cut)))
    await work(service)
    assert subjects(mailbox, told) == [PLANNED] * 3
    called_off, stopped = NOW + timedelta(days=1), start + timedelta(minutes=20)
    service.clock.set(start + timedelta(minutes=30))
    await service.hear(
        story.maintenance(called_off, window_id=off, cancelled=True),
        story.maintenance(stopped, (start, stopped), window_id=cut, cancelled=True),
    )
    for _ in range(100):
        await work(service)
        service.clock.advance(timedelta(days=1))
    assert subjects(mailbox, told + 3) == [f"Annulé : {PLANNED}"]


async def test_work_that_a_suspended_contract_does_not_show_is_not_told_again_when_it_goes_on(
    service: Any, story: Any, mailbox: Mailbox
) -> None:
    await subscribe(service, mailbox)
    told = len(mailbox.messages)
    soon = NOW + timedelta(days=4)
    await service.hear(story.maintenance(NOW, (soon, soon + timedelta(hours=2)), window_id=new_id()))
    await work(service)
    for change in ("suspended", "resumed"):
        await service.hear(story.contract(change, service.clock.now()))
        service.clock.advance(timedelta(hours=25))
        await work(service)
    assert subjects(mailbox, told) == [PLANNED]


async def test_who_wanted_to_be_told_of_one_client_is_told_nothing_of_the_next_at_the_same_address(
    service: Any, story: Any, mailbox: Mailbox
) -> None:
    await subscribe(service, mailbox)
    await subscribe(service, mailbox, "lea@example.org")
    told = len(mailbox.messages)
    other = replace(
        story,
        **{name: new_id() for name in ("client_id", "contract_id", "site_id", "environment_id", "monitor_id")},
        client_name="Hôtel Bellevue",
        site_name="bellevue.example",
        versions={},
    )
    now = service.clock.now()
    await service.hear(story.contract("terminated", now), other.contract("activated", now), other.unknown(now))
    await service.hear(other.restored(now, now))
    service.clock.advance(timedelta(minutes=1))
    await subscribe(service, mailbox)
    confirmed = len(mailbox.messages)
    await service.hear(other.down(new_id(), now + timedelta(seconds=30)))
    await work(service)
    assert confirmed == told + 1
    assert [(mail["To"], "bellevue" in mail["Subject"]) for mail in mailbox.messages[confirmed:]] == [
        ("paul@example.org", True)
    ]
    assert await rows(service, "status_subscription") == 1


async def test_a_page_that_cannot_be_read_keeps_no_other_waiting(
    service: Any, story: Any, mailbox: Mailbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    await subscribe(service, mailbox)
    told = len(mailbox.messages)
    await service.hear(story.down(new_id(), NOW - timedelta(seconds=40)))

    async def unreadable(*_: Any) -> Any:
        raise RuntimeError("a page that nobody can read")

    with monkeypatch.context() as broken:
        broken.setattr(tell_subscribers, "status_page", unreadable)
        await work(service)
    assert len(mailbox.messages) == told
    service.clock.advance(timedelta(minutes=6))
    await work(service)
    assert len(mailbox.messages) == told + 1


async def test_of_two_who_asked_only_the_one_who_confirmed_is_told(service: Any, story: Any, mailbox: Mailbox) -> None:
    await subscribe(service, mailbox, "paul@example.org")
    await ask(service, "lea@example.org")
    await service.hear(story.down(new_id(), NOW - timedelta(seconds=40)))
    await work(service)
    assert [mail["To"] for mail in mailbox.messages] == ["paul@example.org", "lea@example.org", "paul@example.org"]


async def test_the_form_says_the_same_to_who_is_subscribed_and_mails_nobody_twice(
    service: Any, mailbox: Mailbox
) -> None:
    path = await subscribe(service, mailbox)
    async with service.client() as visitor:
        known = await visitor.post(f"{PAGE}/subscribe", data={"email": "paul@example.org"}, headers=FRENCH)
        unknown = await visitor.post(f"{PAGE}/subscribe", data={"email": "lea@example.org"}, headers=FRENCH)
        assert known.text == unknown.text
        await work(service)
        assert [mail["To"] for mail in mailbox.messages] == ["paul@example.org", "lea@example.org"]
        assert "Mettre fin" in (await visitor.get(path, headers=FRENCH)).text


@pytest.mark.parametrize(
    "email", ["", "paul", "paul@", "a@b\r\nBcc: all@example.org", "paul@example.org, lea@example.org"]
)
async def test_what_is_no_address_is_mailed_nothing(service: Any, mailbox: Mailbox, email: str) -> None:
    async with service.client() as visitor:
        answer = await visitor.post(f"{PAGE}/subscribe", data={"email": email}, headers=FRENCH)
    assert "pas une adresse" in answer.text
    await work(service)
    assert mailbox.messages == []
    assert await rows(service, "status_subscription") == 0


async def test_a_link_that_was_not_made_here_opens_nothing(service: Any, mailbox: Mailbox) -> None:
    path = await subscribe(service, mailbox)
    forged = path[:-3] + ("AAA" if not path.endswith("AAA") else "BBB")
    async with service.client() as visitor:
        assert "pas prévenu" in (await visitor.get(forged, headers=FRENCH)).text
        await visitor.post(f"{forged}/end", data=ONE_CLICK)
        assert await rows(service, "status_subscription") == 1
    box = SecretBox(service.settings.secret_key)
    subscription_id = new_id()
    assert read_link_token(box, link_token(box, subscription_id)) == subscription_id
    assert read_link_token(box, link_token(box, subscription_id)[::-1]) is None


async def test_a_mail_that_the_server_does_not_take_is_sent_later(
    start_service: Any, story: Any, mailbox: Mailbox
) -> None:
    service = await start_service(smtp_host="127.0.0.1", smtp_port=9, smtp_starttls="never")
    await service.hear(*story.golden_june()[:5])
    async with service.client() as visitor:
        await visitor.post(f"{PAGE}/subscribe", data={"email": "paul@example.org"})
    await work(service)
    assert await rows(service, "status_mail") == 1
    object.__setattr__(service, "settings", service.settings.model_copy(update={"smtp_port": mailbox.port}))
    await work(service)
    assert mailbox.messages == []
    service.clock.advance(timedelta(minutes=1))
    await work(service)
    assert [mail["To"] for mail in mailbox.messages] == ["paul@example.org"]
    assert await rows(service, "status_mail") == 0


async def test_without_a_mail_server_nothing_is_offered(start_service: Any, story: Any) -> None:
    service = await start_service()
    await service.hear(*story.golden_june()[:5])
    async with service.client() as visitor:
        assert 'type="email"' not in (await visitor.get(PAGE, headers=FRENCH)).text
        assert (await visitor.post(f"{PAGE}/subscribe", data={"email": "paul@example.org"})).status_code == 409


async def close(service: Any, story: Any, **settings: Any) -> None:
    """The agency makes the page one for those who know a password."""
    async with service.client(story) as agency:
        answer = await agency.patch(
            f"/v1/status-pages/{story.slug}", json={"audience": "password", **settings}, headers={"if-match": "*"}
        )
    assert answer.status_code == 200, answer.text


async def test_who_was_told_of_a_page_that_gets_a_password_is_told_so_once_and_nothing_more(
    service: Any, story: Any, mailbox: Mailbox
) -> None:
    path = await subscribe(service, mailbox)
    await ask(service, "lea@example.org")
    never_confirmed = link(mailbox.messages[-1])
    await service.hear(story.down(new_id(), NOW - timedelta(seconds=40)))
    await close(service, story, password="pain au levain")
    before = len(mailbox.messages)
    await work(service)
    (told,) = mailbox.messages[before:]
    assert (told["To"], told["Subject"]) == ("paul@example.org", "[Boulangerie Martin] Votre abonnement a pris fin")
    assert told["List-Unsubscribe"] is None
    assert "n’est plus ouverte à tous" in body(told)
    assert "indisponible" not in body(told)
    async with service.client() as visitor:
        for each in (path, never_confirmed):
            assert "pas prévenu" in (await visitor.post(f"{each}/confirm", headers=FRENCH)).text
            assert "pas prévenu" in (await visitor.get(each, headers=FRENCH)).text
    await service.hear(story.recovered(new_id(), NOW - timedelta(seconds=40), NOW))
    await work(service)
    assert len(mailbox.messages) == before + 1
    service.clock.advance(timedelta(days=2, minutes=1))
    await ForgetUnconfirmed(service.runtime.units).run()
    assert await rows(service, "status_subscription") == 0


async def test_who_was_told_of_a_page_that_an_amendment_drops_is_told_so_once_and_forgotten(
    service: Any, story: Any, mailbox: Mailbox
) -> None:
    path = await subscribe(service, mailbox)
    await service.hear(story.contract("amended", service.clock.now(), status_page=None))
    before = len(mailbox.messages)
    await work(service)
    assert mailbox.messages[before:] == [], "it may go over to another contract"
    service.clock.advance(MISSING)
    await work(service)
    (told,) = mailbox.messages[before:]
    assert (told["To"], told["Subject"]) == ("paul@example.org", "[Boulangerie Martin] Votre abonnement a pris fin")
    assert told["From"] == "Atelier Numérique <upheld@localhost>"
    assert told["List-Unsubscribe"] is None
    assert "n’est plus tenue" in body(told)
    async with service.client() as visitor:
        assert "pas prévenu" in (await visitor.get(path, headers=FRENCH)).text
    service.clock.advance(timedelta(days=2, minutes=1))
    await ForgetUnconfirmed(service.runtime.units).run()
    await work(service)
    assert len(mailbox.messages) == before + 1
    assert [await rows(service, f"status_{table}") for table in ("subscription", "watch", "mail")] == [0, 0, 0]


async def test_a_page_that_goes_over_to_another_contract_keeps_its_readers(
    service: Any, story: Any, mailbox: Mailbox
) -> None:
    await subscribe(service, mailbox)
    other = replace(story, **{name: new_id() for name in ("contract_id", "site_id", "environment_id", "monitor_id")})
    other = replace(other, site_name="bellevue.example", versions={})
    now, before = service.clock.now(), len(mailbox.messages)
    await service.hear(story.contract("amended", now, status_page=None))
    await work(service)
    service.clock.advance(MISSING - timedelta(minutes=1))
    now = service.clock.now()
    await service.hear(other.contract("activated", now), other.unknown(now), other.restored(now, now))
    await work(service)
    service.clock.advance(timedelta(hours=2))
    await work(service)
    assert mailbox.messages[before:] == []
    await service.hear(other.down(new_id(), service.clock.now()))
    await work(service)
    assert [mail["Subject"] for mail in mailbox.messages[before:]] == [
        "[Boulangerie Martin] bellevue.example est indisponible"
    ]


async def test_a_mail_that_waits_while_its_page_is_missing_is_sent_when_it_is_back(
    service: Any, story: Any, mailbox: Mailbox
) -> None:
    await subscribe(service, mailbox)
    outage, since, before = new_id(), NOW - timedelta(minutes=2), len(mailbox.messages)
    await service.hear(story.down(outage, since))
    await work(service)
    port = service.settings.smtp_port
    object.__setattr__(service, "settings", service.settings.model_copy(update={"smtp_port": 9}))
    await service.hear(story.recovered(outage, since, NOW - timedelta(minutes=1)))
    await work(service)
    object.__setattr__(service, "settings", service.settings.model_copy(update={"smtp_port": port}))
    await service.hear(story.contract("amended", service.clock.now(), status_page=None))
    for _ in range(5):
        service.clock.advance(timedelta(minutes=1))
        await work(service)
    assert len(mailbox.messages) == before + 1
    await service.hear(story.contract("amended", service.clock.now()))
    service.clock.advance(timedelta(minutes=5))
    await work(service)
    assert [subject.partition(" ")[2] for subject in subjects(mailbox, before)] == [
        "est indisponible",
        "est de nouveau disponible",
    ]
    assert await rows(service, "status_mail") == 0


async def test_the_link_of_a_mail_ends_a_subscription_also_while_its_page_is_missing(
    service: Any, story: Any, mailbox: Mailbox
) -> None:
    path = await subscribe(service, mailbox)
    await service.hear(story.contract("amended", service.clock.now(), status_page=None))
    async with service.client() as visitor:
        forged = path[:-1] + ("A" if path[-1] != "A" else "B")
        assert (await visitor.get(forged, headers=FRENCH)).status_code == 404
        for opened in (path, f"{path}/end"):
            page = await visitor.get(opened, headers=FRENCH)
            assert page.status_code == 200
            assert "Ne voulez-vous plus de ces" in page.text
            assert "Vers la page" not in page.text
        (action,) = re.findall(r'<form method="post" action="([^"]+)"', page.text)
        confirmed = await visitor.post(f"{path}/confirm", headers=FRENCH)
        assert "Ne voulez-vous plus de ces" in confirmed.text
        assert "pas prévenu" not in confirmed.text, "it is there still"
        assert await rows(service, "status_subscription") == 1
        ended = await visitor.post(page.url.join(action), headers=FRENCH)
        assert "pas prévenu" in ended.text
    assert await rows(service, "status_subscription") == 0


async def test_however_many_readers_a_page_has_their_mails_are_taken_back_at_once(
    service: Any, story: Any, mailbox: Mailbox
) -> None:
    for name in ("paul", "lea", "ines"):
        await subscribe(service, mailbox, f"{name}@example.org")
    await service.hear(story.down(new_id(), NOW - timedelta(seconds=40)))
    async with service.runtime.units.for_every_tenant() as unit:
        watch = await due_watch(unit)
        assert watch is not None
        await queue_news(unit, watch, await status_page(StoredFacts(unit), story.slug, unit.now), [])
    deleted: list[str] = []

    def count(_connection: object, _cursor: object, statement: str, *_: object) -> None:
        if statement.startswith("DELETE FROM reporting.status_mail"):
            deleted.append(statement)

    event.listen(Engine, "before_cursor_execute", count)
    try:
        await close(service, story, password="pain au levain")
    finally:
        event.remove(Engine, "before_cursor_execute", count)
    assert len(deleted) == 1
    assert await rows(service, "status_mail where news ->> 'kind' = 'closed'") == 3
    assert await rows(service, "status_mail") == 3


async def test_the_contacts_of_the_contract_stay_subscribed_when_a_page_gets_a_password(
    service: Any, story: Any, mailbox: Mailbox
) -> None:
    contact = {"contact_id": str(new_id()), "name": "Paul", "email": "Paul@Example.org", "language": "fr", "roles": []}
    await service.hear(story.contract("amended", NOW - timedelta(hours=1), contacts=[contact]))
    await subscribe(service, mailbox, "paul@example.org")
    await subscribe(service, mailbox, "lea@example.org")
    await close(service, story, password="pain au levain")
    await work(service)
    before = len(mailbox.messages)
    await service.hear(story.down(new_id(), NOW - timedelta(seconds=40)))
    await work(service)
    assert [mail["To"] for mail in mailbox.messages[before:]] == ["paul@example.org"]


async def test_who_knows_the_password_subscribes_anew_and_a_new_password_ends_that_too(
    service: Any, story: Any, mailbox: Mailbox
) -> None:
    await subscribe(service, mailbox)
    await close(service, story, password="pain au levain")
    await work(service)
    async with service.client() as visitor:
        basic = ("", "pain au levain")
        answer = await visitor.post(f"{PAGE}/subscribe", data={"email": "paul@example.org"}, auth=basic, headers=FRENCH)
        assert answer.status_code == 200
        await work(service)
        asked = mailbox.messages[-1]
        assert asked["Subject"] == "[Boulangerie Martin] Merci de confirmer votre abonnement"
        assert "Vous êtes prévenu" in (await visitor.post(f"{link(asked)}/confirm", headers=FRENCH)).text
    await close(service, story, name="Martin en direct")
    assert await rows(service, "status_subscription where confirmed_at is not null") == 1
    await close(service, story, password="baguette")
    assert await rows(service, "status_subscription where confirmed_at is not null") == 0


async def test_a_person_who_follows_the_address_to_unsubscribe_gets_a_button_and_one_click_ends_at_once(
    service: Any, mailbox: Mailbox
) -> None:
    path = await subscribe(service, mailbox)
    async with service.client() as visitor:
        page = await visitor.get(f"{path}/end", headers=FRENCH)
        assert page.status_code == 200
        assert "Ne voulez-vous plus de ces e-mails" in page.text
        assert await rows(service, "status_subscription") == 1
        (action,) = re.findall(r'<form method="post" action="([^"]+)"', page.text)
        pressed = await visitor.post(str(page.url.join(action)), headers=FRENCH)
        assert "pas prévenu" in pressed.text
        assert await rows(service, "status_subscription") == 0
        assert "pas prévenu" in (await visitor.get(f"{path}/end", headers=FRENCH)).text


async def test_who_confirms_while_the_last_reader_ends_is_told_of_what_follows(
    service: Any, story: Any, mailbox: Mailbox
) -> None:
    """What subscribers of the page were told is not forgotten under the one who comes."""
    await subscribe(service, mailbox, "paul@example.org")
    await ask(service, "lea@example.org")
    units = service.runtime.units
    async with units.for_every_tenant() as unit:
        found = (await unit.session.scalars(select(StatusSubscription))).all()
        ids = {each.email: each.subscription_id for each in found}

    async def leave() -> None:
        async with units.for_every_tenant() as unit:
            await end(unit, ids["paul@example.org"])

    async with units.for_every_tenant() as confirming:
        page = await status_page(StoredFacts(confirming), story.slug, confirming.now)
        assert await confirm(confirming, ids["lea@example.org"], page)
        leaving = asyncio.create_task(leave())
        await asyncio.sleep(0.2)
    await leaving
    assert await rows(service, "status_watch") == 1
    before = len(mailbox.messages)
    await service.hear(story.down(new_id(), NOW - timedelta(seconds=40)))
    await work(service)
    assert [mail["To"] for mail in mailbox.messages[before:]] == ["lea@example.org"]


async def test_who_ends_while_his_page_is_looked_at_waits_and_nobody_waits_for_him(
    service: Any, story: Any, mailbox: Mailbox
) -> None:
    await subscribe(service, mailbox)
    await service.hear(story.down(new_id(), NOW - timedelta(seconds=40)))
    units = service.runtime.units
    async with units.for_every_tenant() as unit:
        subscription_id = await unit.session.scalar(select(StatusSubscription.subscription_id))
        assert subscription_id is not None

    async def leave() -> None:
        async with units.for_every_tenant() as unit:
            await end(unit, subscription_id)

    async with units.for_every_tenant() as looking:
        watch = await due_watch(looking)
        assert watch is not None
        leaving = asyncio.create_task(leave())
        await asyncio.sleep(0.2)
        page = await status_page(StoredFacts(looking), story.slug, looking.now)
        await queue_news(looking, watch, page, [])
        await looking.session.flush()
    await leaving
    assert [await rows(service, f"status_{table}") for table in ("subscription", "watch", "mail")] == [0, 0, 0]
