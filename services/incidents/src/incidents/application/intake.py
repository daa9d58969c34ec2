"""What a signal, a ticket of another tool or a call does: which item it belongs to, and what follows for it."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol
from uuid import UUID

from incidents.application import intake_items as items
from incidents.application.intake_formats import Signal, ToolUpdate
from incidents.application.ports import Ports
from incidents.domain.intake import Episode, Point, Spell, severity_of, spells
from incidents.domain.work_item import Status, Who


@dataclass(frozen=True)
class IntakeSource:
    """A source as far as what it sends is concerned."""

    id: UUID
    name: str
    contract_id: UUID
    site_id: UUID | None
    environment_id: UUID | None
    default_severity: str
    severities: Mapping[str, str]
    settle: timedelta
    created_at: datetime

    @property
    def who(self) -> Who:
        """The system behind the source, as the timeline names it."""
        return Who("system", f"intake:{self.id}", self.name)

    def severity(self, word: str | None) -> str:
        """Ours for the sender's word."""
        severity = severity_of(word, self.severities, self.default_severity)
        return severity if severity in items.SEVERITIES else self.default_severity


@dataclass(frozen=True)
class Link:
    """An item that a spell of a matter opened, and of how many of its episodes the item has been told."""

    id: UUID
    begins_at: datetime
    item_id: UUID
    told: int


@dataclass(frozen=True)
class Outcome:
    """What became of one signal. `changed`: something was opened, ended or noted."""

    key: str
    item_id: UUID | None
    number: str | None
    what: str

    @property
    def changed(self) -> bool:
        return self.what != "unchanged"


class Matters(Protocol):
    """What a source has said of its matters."""

    async def hold(self, key: str) -> None:
        """Until the end of the transaction nobody else works on this matter."""

    async def note(self, key: str, points: Iterable[Point]) -> None:
        """Keeps points; those that are known stay as they are."""

    async def points(self, key: str) -> Sequence[Point]:
        """Where what is known turned, in any order: repetitions of one state may be left out, and what is very old."""

    async def links(self, key: str) -> Sequence[Link]:
        """In the order of their beginnings."""

    async def link(self, key: str, begins_at: datetime, item_id: UUID, told: int) -> None: ...

    async def tell(self, link_id: UUID, told: int) -> None: ...


class Tickets(Protocol):
    """Which ticket of another tool is which item of ours."""

    async def hold(self, key: str) -> None: ...

    async def item_of(self, external_id: str) -> UUID | None: ...

    async def adopt(self, external_id: str, item: str | None, title: str) -> UUID | None:
        """The item that was opened here and this ticket was made for: the one named by number or id; else, the tool
        having just been asked for one of that title, that one. It has its ticket from then on.
        """

    async def just_told(self, external_id: str, state: str) -> bool:
        """Whether the tool has this state from us, and it is so fresh that it may be saying it back."""

    async def map(self, external_id: str, item_id: UUID) -> None: ...

    async def seen(self, external_id: str, before: int, version: int) -> None:
        """The tool knows of this version of the item, which came from there, if it had been told the one before it."""

    async def has_comment(self, external_id: str, text: str) -> bool: ...

    async def keep_comment(self, external_id: str, text: str) -> None: ...


async def take_signal(ports: Ports, matters: Matters, source: IntakeSource, signal: Signal) -> Outcome:
    """One signal, in any order and however often: every spell of its matter has its item, recovered when it is over."""
    await matters.hold(signal.key)
    await matters.note(signal.key, _points(signal, ports.now))
    known = list(await matters.links(signal.key))
    last: tuple[items.Item, str] | None = None
    ended_before: datetime | None = None
    for spell in spells(await matters.points(signal.key), source.settle):
        until = spell.ends_at
        # Of the first spell the beginning may be forgotten, and its item was linked with that.
        mine = [
            link
            for link in known
            if (ended_before is None or link.begins_at > ended_before) and (until is None or link.begins_at <= until)
        ]
        last = await _follow(ports, matters, source, signal, spell, mine) or last
        ended_before = until
    if last is None:
        return Outcome(signal.key, None, None, "unchanged")
    item, what = last
    return Outcome(signal.key, item.id, item.number, what)


def _points(signal: Signal, now: datetime) -> list[Point]:
    """A sender whose clock is ahead of ours cannot make something begin or end in the future."""
    found = []
    if signal.fired_at is not None:
        found.append(Point("firing", min(signal.fired_at, now)))
    if signal.state == "resolved":
        found.append(Point("resolved", min(signal.resolved_at or now, now)))
    return found or [Point("firing", now)]


async def _follow(
    ports: Ports, matters: Matters, source: IntakeSource, signal: Signal, spell: Spell, mine: Sequence[Link]
) -> tuple[items.Item, str] | None:
    """Brings the item of a spell, the last of its own, in line with it; None for a spell before there was a source."""
    until = spell.ends_at
    if until is not None and until < source.created_at:
        return None
    item = await items.read_item(ports, mine[-1].item_id) if mine else None
    what, told = "unchanged", mine[-1].told if mine else 0
    begins_at = spell.begins_at
    if item is not None and item.closed_at is not None:
        # Whoever closed it said that nothing more is to be done; what begins after that is another matter.
        later = [episode for episode in spell.episodes if episode.start > item.closed_at]
        if not later:
            return item, "unchanged"
        item, begins_at = None, later[0].start
    if item is None:
        new = items.NewItem(
            contract_id=source.contract_id,
            site_id=source.site_id,
            environment_id=source.environment_id,
            severity=source.severity(signal.severity),
            title=signal.title,
            description=signal.description,
            occurred_at=begins_at,
            # A machine knows from the beginning; what began before there was a source is promised from then on.
            reported_at=max(begins_at, source.created_at),
        )
        item = await items.open_item(ports, new, source.who)
        await matters.link(signal.key, begins_at, item.id, len(spell.episodes))
        what = "opened"
    elif news := _news(spell, item, told):
        for episode in news:
            await items.fired_again(ports, item.id, episode.start, source.who, "intake")
        await matters.tell(mine[-1].id, max(told, len(spell.episodes)))
        item = await items.read_item(ports, item.id) or item
        what = "fired_again"
    if until is not None and item.recovered_at is None:
        await items.recover(ports, item.id, until, source.who, "intake")
        what = "opened_and_recovered" if what == "opened" else "recovered"
    return item, what


def _news(spell: Spell, item: items.Item, told: int) -> Sequence[Episode]:
    """The episodes that an item has not been told. Of a spell so long that its beginning is forgotten they cannot be
    counted; but what is wrong has not recovered before that.
    """
    last = spell.episodes[-1]
    forgotten = item.recovered_at is not None and item.recovered_at < last.start and item.status != Status.RESOLVED
    return spell.episodes[told:] or ([last] if forgotten else [])


async def take_ticket(ports: Ports, tickets: Tickets, source: IntakeSource, update: ToolUpdate) -> Outcome:
    """What an external tool says of a ticket of its own: our item follows, once for each thing said.

    What began with us and comes back (`origin`) changes nothing: two tools would tell one another for ever. It may
    tell which ticket an item of ours has become.
    """
    await tickets.hold(update.external_id)
    item_id = await tickets.item_of(update.external_id)
    if item_id is None:
        item_id = await tickets.adopt(update.external_id, update.item, update.title)
    if update.origin == "upheld":
        return await _as_it_is(ports, update.external_id, item_id, "echo")
    author = Who("api_key", str(source.id), update.author or source.name)
    what = "unchanged"
    if item_id is None:
        if update.state in ("resolved", "closed"):
            return Outcome(update.external_id, None, None, "unchanged")
        began = max(update.at or ports.now, source.created_at)
        new = items.NewItem(
            contract_id=source.contract_id,
            site_id=source.site_id,
            environment_id=source.environment_id,
            severity=source.severity(update.severity),
            title=update.title,
            description=update.description,
            occurred_at=None,
            reported_at=min(began, ports.now),
        )
        item_id = (await items.open_item(ports, new, source.who)).id
        await tickets.map(update.external_id, item_id)
        what = "opened"
    before = 0 if what == "opened" else await _version(ports, item_id)
    if update.comment is not None and not await tickets.has_comment(update.external_id, update.comment):
        await items.comment(
            ports,
            item_id,
            update.comment,
            source.who if update.automatic else author,
            at=min(update.at or ports.now, ports.now),
            source="intake",
            kind="automatic_reply" if update.automatic else "comment",
        )
        await tickets.keep_comment(update.external_id, update.comment)
        what = "commented" if what == "unchanged" else what
    echoed = update.state is not None and await tickets.just_told(update.external_id, update.state)
    if update.state is not None and not update.automatic and not echoed:
        standing: items.Standing = update.state  # type: ignore[assignment]  # one of its words, by the mapping
        if await items.move(ports, item_id, standing, author, at=update.at, source="intake"):
            what = "moved" if what == "unchanged" else what
    item = await items.read_item(ports, item_id)
    assert item is not None
    await tickets.seen(update.external_id, before, item.version)
    return Outcome(update.external_id, item.id, item.number, what)


async def _version(ports: Ports, item_id: UUID) -> int:
    item = await items.read_item(ports, item_id)
    assert item is not None  # its ticket names it
    return item.version


async def _as_it_is(ports: Ports, key: str, item_id: UUID | None, what: str) -> Outcome:
    item = await items.read_item(ports, item_id) if item_id is not None else None
    return Outcome(key, item.id if item else None, item.number if item else None, what)
