"""What subscribers are told of a component that goes up and down, and of one that leaves the page while it is down."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from shared.ids import new_id
from shared.testing.mailbox import Mailbox

from .test_status_subscriptions import body, subscribe, work

NOW = datetime(2026, 6, 8, 9, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
SITE = "boulangerie-martin.example"
DOWN, BACK = f"{SITE} est indisponible", f"{SITE} est de nouveau disponible"
RESTLESS = f"{SITE} : indisponible par intermittence"
LOST = f"{SITE} : l’interruption n’est plus surveillée"


@pytest.fixture
async def service(start_service: Any, story: Any, mailbox: Mailbox) -> Any:
    """With a page on which all is well, and a subscriber of it."""
    started = await start_service(smtp_host="127.0.0.1", smtp_port=mailbox.port, smtp_starttls="never")
    await started.hear(*story.golden_june()[:5])
    await subscribe(started, mailbox)
    return started


async def mails(service: Any, mailbox: Mailbox) -> list[str]:
    """The subjects of all that subscribers were told, without the mail that asked them to confirm."""
    await work(service)
    return [" ".join(mail["Subject"].split()).removeprefix("[Boulangerie Martin] ") for mail in mailbox.messages[1:]]


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
