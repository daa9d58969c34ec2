"""What subscribers are told of what goes up and down, in which order, and of what leaves the page while it is down."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from reporting.adapters import status_subscriptions
from reporting.adapters.facts import StoredFacts
from reporting.adapters.status_subscriptions import claim_mail, due_watch, queue_news, settle_mail
from reporting.application.status_page import status_page
from shared.ids import new_id
from shared.testing.mailbox import Mailbox

from .test_outages_that_go_on import BACK, DOWN, LOST, MINUTE, NOW, SITE, mails
from .test_status_page_settings import DOMAIN, SETTINGS, claim, name_server
from .test_status_subscriptions import FRENCH, ONE_CLICK, PAGE, ask, body, link, rows, subscribe, work

RESTLESS = f"{SITE} : indisponible par intermittence"


@pytest.fixture
async def service(start_service: Any, story: Any, mailbox: Mailbox) -> Any:
    """With a page on which all is well, and a subscriber of it."""
    started = await start_service(smtp_host="127.0.0.1", smtp_port=mailbox.port, smtp_starttls="never")
    await started.hear(*story.golden_june()[:5])
    await subscribe(started, mailbox)
    return started


async def come_and_go(service: Any, story: Any, mailbox: Mailbox, *, looked_at: bool = True) -> UUID:
    """Four outages within fifteen minutes; the last goes on. Returns that one.

    :param looked_at: the worker looks at the page each time, not only when the fourth has begun.
    """
    for minute in (0, 4, 8):
        outage, since = new_id(), NOW + minute * MINUTE
        service.clock.advance(since + MINUTE - service.clock.now())
        await service.hear(story.down(outage, since))
        if looked_at:
            await work(service)
        service.clock.advance(MINUTE)
        await service.hear(story.recovered(outage, since, since + 2 * MINUTE))
        if looked_at:
            await work(service)
    last = new_id()
    service.clock.advance(NOW + 13 * MINUTE - service.clock.now())
    await service.hear(story.down(last, NOW + 12 * MINUTE), story.flapping(NOW + 13 * MINUTE, NOW + MINUTE / 3))
    return last


async def test_who_comes_and_goes_is_told_of_once_and_again_when_it_is_calm(
    service: Any, story: Any, mailbox: Mailbox
) -> None:
    last = await come_and_go(service, story, mailbox)
    told = [DOWN, BACK] * 3 + [RESTLESS]
    assert await mails(service, mailbox) == told
    assert "Des interruptions se succèdent depuis le 8 juin 2026, 11:" in body(mailbox.messages[-1])
    for minute in (14, 16, 18, 20):
        since = NOW + minute * MINUTE
        service.clock.advance(since - service.clock.now())
        await service.hear(story.recovered(last, since - 2 * MINUTE, since - MINUTE))
        last = new_id()
        await service.hear(story.down(last, since))
        assert await mails(service, mailbox) == told
    service.clock.advance(MINUTE)
    end = NOW + 21 * MINUTE
    await service.hear(story.recovered(last, NOW + 20 * MINUTE, end))
    assert await mails(service, mailbox) == told
    service.clock.advance(30 * MINUTE)
    await service.hear(story.settled(end + 30 * MINUTE, NOW + MINUTE / 3, last))
    assert await mails(service, mailbox) == [*told, BACK]
    assert "Indisponible du 8 juin 2026, 11:20 au 8 juin 2026, 11:21" in body(mailbox.messages[-1])
    service.clock.advance(timedelta(days=1))
    assert await mails(service, mailbox) == [*told, BACK]
    again = new_id()
    await service.hear(story.down(again, service.clock.now()))
    assert await mails(service, mailbox) == [*told, BACK, DOWN]


async def test_what_is_down_when_it_is_calm_is_told_as_down_and_its_end_as_ever(
    service: Any, story: Any, mailbox: Mailbox
) -> None:
    last = await come_and_go(service, story, mailbox)
    told = await mails(service, mailbox)
    since, calm = NOW + 12 * MINUTE, NOW + 43 * MINUTE
    service.clock.advance(calm - service.clock.now())
    await service.hear(story.settled(calm, NOW + MINUTE / 3, last))
    assert await mails(service, mailbox) == [*told, DOWN]
    assert "Depuis le 8 juin 2026, 11:12" in body(mailbox.messages[-1])
    service.clock.advance(MINUTE)
    await service.hear(story.recovered(last, since, calm + MINUTE))
    assert await mails(service, mailbox) == [*told, DOWN, BACK]


async def test_a_page_that_was_not_looked_at_meanwhile_tells_no_outage_of_that_time_but_the_last(
    service: Any, story: Any, mailbox: Mailbox
) -> None:
    last = await come_and_go(service, story, mailbox, looked_at=False)
    calm = NOW + 43 * MINUTE
    await service.hear(story.recovered(last, NOW + 12 * MINUTE, NOW + 13 * MINUTE))
    service.clock.advance(calm - service.clock.now())
    await service.hear(story.settled(calm, NOW + MINUTE / 3, last))
    assert await mails(service, mailbox) == [BACK]


async def test_a_pause_ends_what_comes_and_goes_with_one_mail(service: Any, story: Any, mailbox: Mailbox) -> None:
    last = await come_and_go(service, story, mailbox)
    told = await mails(service, mailbox)
    at, since = NOW + 15 * MINUTE, NOW + 12 * MINUTE
    service.clock.advance(at - service.clock.now())
    await service.hear(story.settled(at, NOW + MINUTE / 3, last), story.paused(at, outage=(last, since)))
    assert await mails(service, mailbox) == [*told, LOST]


def stop(service: Any, mailbox: Mailbox, *, stopped: bool = True) -> None:
    """The mail server takes nothing from now on; or takes mails again."""
    port = 9 if stopped else mailbox.port
    object.__setattr__(service, "settings", service.settings.model_copy(update={"smtp_port": port}))


async def test_an_end_does_not_leave_before_a_beginning_that_waits_and_takes_its_place(
    service: Any, story: Any, mailbox: Mailbox
) -> None:
    outage, since = new_id(), NOW - 2 * MINUTE
    stop(service, mailbox)
    await service.hear(story.down(outage, since))
    assert await mails(service, mailbox) == []
    stop(service, mailbox, stopped=False)
    await service.hear(story.recovered(outage, since, NOW - MINUTE))
    assert await mails(service, mailbox) == []
    service.clock.advance(MINUTE)
    assert await mails(service, mailbox) == [BACK]
    service.clock.advance(timedelta(days=1))
    assert await mails(service, mailbox) == [BACK]


async def test_what_is_new_waits_for_what_was_not_taken_before_and_not_for_hours(
    service: Any, story: Any, mailbox: Mailbox
) -> None:
    stop(service, mailbox)
    await service.hear(story.down(new_id(), NOW - MINUTE))
    for minutes in (0, 1, 6, 31):
        service.clock.advance(minutes * MINUTE)
        assert await mails(service, mailbox) == []
    stop(service, mailbox, stopped=False)
    soon = service.clock.now() + timedelta(days=1)
    await service.hear(story.maintenance(service.clock.now(), (soon, soon + 60 * MINUTE), window_id=new_id()))
    assert await mails(service, mailbox) == []
    service.clock.advance(2 * MINUTE)
    assert await mails(service, mailbox) == [DOWN, "Maintenance planifiée : Montée de version du serveur"]


async def test_what_is_being_sent_is_sent_by_nobody_else_and_nothing_of_its_reader_overtakes_it(
    service: Any, story: Any, mailbox: Mailbox
) -> None:
    units = service.runtime.units
    outage, since = new_id(), NOW - 2 * MINUTE
    await subscribe(service, mailbox, "lea@example.org")
    await service.hear(story.down(outage, since))
    async with units.for_every_tenant() as unit:
        watch = await due_watch(unit)
        assert watch is not None
        await queue_news(unit, watch, await status_page(StoredFacts(unit), story.slug, unit.now), [])
    async with units.for_every_tenant() as unit:
        sending = await claim_mail(unit)
    await service.hear(story.recovered(outage, since, NOW - MINUTE))
    async with units.for_every_tenant() as unit:
        watch = await due_watch(unit)
        assert watch is not None
        await queue_news(unit, watch, await status_page(StoredFacts(unit), story.slug, unit.now), [])
    async with units.for_every_tenant() as unit:
        claimed = [await claim_mail(unit), await claim_mail(unit)]
    assert sending is not None
    (other,) = [mail for mail in claimed if mail is not None]
    assert (sending.news["kind"], other.news["kind"], other.email != sending.email) == ("down", "over", True)
    async with units.for_every_tenant() as unit:
        await settle_mail(unit, sending, again=False)
    async with units.for_every_tenant() as unit:
        last = await claim_mail(unit)
    assert last is not None
    assert (last.news["kind"], last.email) == ("over", sending.email)


LEFT = f"{SITE} : plus de nouvelles de l’interruption"


def without_counting(story: Any, at: datetime) -> bytes:
    """From then on production is monitored and counts for nothing."""
    environment = {"environment_id": str(story.environment_id), "name": "production", "url": "https://b.example/"}
    site = {"site_id": str(story.site_id), "name": SITE, "kind": "website"}
    sites = [site | {"environments": [environment | {"counts_for_sla": False}]}]
    amended: bytes = story.contract("amended", at, sites=sites)
    return amended


async def test_who_was_told_of_an_outage_is_told_when_its_component_leaves_the_page(
    service: Any, story: Any, mailbox: Mailbox
) -> None:
    outage, since = new_id(), NOW - 2 * MINUTE
    await service.hear(story.down(outage, since))
    assert await mails(service, mailbox) == [DOWN]
    service.clock.advance(5 * MINUTE)
    now = service.clock.now()
    await service.hear(without_counting(story, now), story.unknown(now, outage=(outage, since)))
    assert await mails(service, mailbox) == [DOWN, LEFT]
    told = body(mailbox.messages[-1])
    assert "Indisponible depuis le 8 juin 2026, 10:58. Depuis le 8 juin 2026, 11:05, cette page ne dit plus" in told
    await service.hear(story.recovered(outage, since, now + MINUTE))
    service.clock.advance(timedelta(days=1))
    assert await mails(service, mailbox) == [DOWN, LEFT]


async def followed_while_down(service: Any, story: Any, mailbox: Mailbox) -> tuple[Any, datetime]:
    """An outage was told, and goes on while one contract follows another: what the next one tells, and from when on."""
    outage, since = new_id(), NOW - 2 * MINUTE
    await service.hear(story.down(outage, since))
    assert await mails(service, mailbox) == [DOWN]
    service.clock.advance(5 * MINUTE)
    now = service.clock.now()
    successor = replace(story, contract_id=new_id(), monitor_id=new_id(), versions={})
    await service.hear(
        *(story.contract("terminated", now), story.paused(now, reason="contract_ended", outage=(outage, since))),
        *(successor.contract("activated", now), successor.unknown(now)),
    )
    return successor, now


async def test_who_was_told_of_an_outage_is_told_once_that_its_contract_ended_before_it_did(
    service: Any, story: Any, mailbox: Mailbox
) -> None:
    successor, now = await followed_while_down(service, story, mailbox)
    assert await mails(service, mailbox) == [DOWN, LOST]
    await service.hear(successor.restored(now, now + MINUTE))
    service.clock.advance(2 * MINUTE)
    assert await mails(service, mailbox) == [DOWN, LOST]


async def test_an_outage_that_goes_on_under_the_next_contract_is_told_as_one_of_its_own(
    service: Any, story: Any, mailbox: Mailbox
) -> None:
    successor, now = await followed_while_down(service, story, mailbox)
    again = new_id()
    await service.hear(successor.down(again, now))
    service.clock.advance(MINUTE)
    assert await mails(service, mailbox) == [DOWN, LOST, DOWN]
    await service.hear(successor.recovered(again, now, now + MINUTE))
    service.clock.advance(MINUTE)
    assert await mails(service, mailbox) == [DOWN, LOST, DOWN, BACK]


async def test_what_is_found_at_one_look_is_told_in_the_order_of_time(
    service: Any, story: Any, mailbox: Mailbox
) -> None:
    outage, since = new_id(), NOW - 5 * MINUTE
    await service.hear(story.down(outage, since))
    assert await mails(service, mailbox) == [DOWN]
    await service.hear(story.recovered(outage, since, NOW - 3 * MINUTE), story.down(new_id(), NOW - MINUTE))
    assert await mails(service, mailbox) == [DOWN, BACK, DOWN]


async def test_links_go_to_a_domain_once_somebody_came_over_it_and_what_ends_a_subscription_never_depends_on_it(
    start_service: Any, story: Any, mailbox: Mailbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("reporting.adapters.own_domains.FRESH_SECONDS", 0.0)
    ours, own = f"https://reports.agency.example{PAGE}", f"https://{DOMAIN}"

    async def told(service: Any) -> tuple[str, bool]:
        """The page that a mail of now leads to, and whether its other link is ours."""
        await service.hear(story.down(new_id(), service.clock.now()))
        await work(service)
        text = body(mailbox.messages[-1])
        (page,) = (line for line in text.splitlines() if line in (ours, own))
        unsubscribe = str(mailbox.messages[-1]["List-Unsubscribe"])
        return page, unsubscribe.startswith(f"<{ours}/subscription/") and f"{ours}/subscription/" in text

    async with name_server() as (zone, address):
        mails_by = {"smtp_host": "127.0.0.1", "smtp_port": mailbox.port, "smtp_starttls": "never"}
        service = await start_service(dns_servers=(address,), **mails_by)
        await service.hear(*story.golden_june()[:5])
        async with service.client(story) as agency, service.client() as visitor:
            assert (await claim(agency, zone)).status_code == 200
            path = await subscribe(service, mailbox)
            assert await told(service) == (ours, True)
            assert f'rel="canonical" href="{ours}"' in (await visitor.get(PAGE, headers=FRENCH)).text
            assert (await visitor.get("/", headers=FRENCH | {"host": DOMAIN})).status_code == 200
            service.clock.advance(MINUTE)
            assert await told(service) == (own, True)
            await agency.delete(f"{SETTINGS}/domain")
            service.clock.advance(MINUTE)
            assert await told(service) == (ours, True)
            assert "pas prévenu" in (await visitor.post(f"{path}/end", data=ONE_CLICK, headers=FRENCH)).text
    assert await rows(service, "status_subscription") == 0


async def test_who_leaves_is_forgotten_also_when_the_address_is_another_agencys_by_now(
    service: Any, story: Any, another_story: Callable[..., Any], mailbox: Mailbox
) -> None:
    path = link(mailbox.messages[0])
    other = another_story(slug=story.slug, client_name="Hôtel Bellevue")
    now = service.clock.now()
    await service.hear(story.contract("terminated", now), other.contract("activated", now))
    async with service.client() as visitor:
        assert "Bellevue" in (await visitor.get(PAGE, headers=FRENCH)).text
        assert "pas prévenu" in (await visitor.post(f"{path}/end", data=ONE_CLICK, headers=FRENCH)).text
    assert await rows(service, "status_subscription") == 0


async def test_who_asks_while_too_many_have_not_confirmed_is_told_so_whoever_he_is(
    service: Any, mailbox: Mailbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(status_subscriptions, "MOST_UNCONFIRMED", 2)
    for name in ("a", "b"):
        await ask(service, f"{name}@example.org")
    before = len(mailbox.messages)
    async with service.client() as visitor:
        told = [
            (await visitor.post(f"{PAGE}/subscribe", data={"email": email}, headers=FRENCH)).text
            for email in ("c@example.org", "paul@example.org", "a@example.org")
        ]
    assert "Aucun e-mail ne peut être envoyé pour le moment" in told[0]
    assert told[1:] == told[:1] * 2
    await work(service)
    assert len(mailbox.messages) == before
