"""Who is told by mail what happens on a page, as rows: subscriptions, what they were told, mails to be sent."""

import base64
import binascii
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Any, Final, get_args
from uuid import UUID, uuid5

from sqlalchemy import (
    ForeignKey,
    Index,
    Integer,
    Text,
    UniqueConstraint,
    cast,
    delete,
    exists,
    func,
    or_,
    select,
    text,
    update,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB, insert
from sqlalchemy.orm import Mapped, aliased, mapped_column

from reporting.adapters.secret_box import SecretBox
from reporting.adapters.tables import Base
from reporting.application.maintenance import KnownWindow, Occurrence
from reporting.application.status_page import (
    AHEAD,
    RECENT,
    FormerPage,
    PublicIncident,
    PublicMaintenance,
    PublicUpdate,
    ShownPage,
)
from reporting.domain.news import Flapping, Matter, Stage, news
from shared.ids import new_id
from shared.unit_of_work import UnitOfWork

UNCONFIRMED: Final = timedelta(days=2)
"""How long somebody has to confirm; then he is forgotten."""
AGAIN: Final = timedelta(hours=6)
"""How soon a mail that asks to confirm may be asked for again: anybody may ask, for anybody's address."""
MOST_OF_ONE: Final = 3
"""Pages of an agency for which one address may be asked to confirm at one time."""
MOST_UNCONFIRMED: Final = 200
"""Of one page: whoever types in other people's addresses reaches no more of them. Who comes then is told so."""
SIGNED_BYTES: Final = 16
"""Of a signature in a link: 128 bits, and the link fits into a line of a mail."""
LEASE: Final = timedelta(minutes=2)
PAUSES: Final = tuple(timedelta(seconds=seconds) for seconds in (30, 300, 1_800, 3_600, 7_200, 14_400, 28_800))
REMEMBERED: Final = timedelta(days=90)
"""So long is known what was told of something that a page shows no more: a withdrawal may open it again."""
LOOKED_AT_AGAIN: Final = timedelta(days=1)
"""Planned work comes into a page's reach by time alone, without any event."""
SILENT: Final = REMEMBERED + AHEAD - 2 * LOOKED_AT_AGAIN
"""A time that follows within this comes into reach while it is still known that its window was announced."""
MISSING: Final = timedelta(hours=1)
"""So long a page may be missing before its readers are told: it may go over from one contract to another."""
SET_ASIDE: Final = timedelta(minutes=5)
WATCHED: Final = ("probes.monitor.", "contracts.maintenance.", "contracts.contract.")
"""The events that change what a page says of outages and planned work, whether anybody looks, and whose it is."""


class StatusSubscription(Base):
    """An address that wants to be told; counts once it is confirmed. `closed_at`: the page was closed to its reader."""

    __tablename__ = "status_subscription"

    subscription_id: Mapped[UUID] = mapped_column(primary_key=True)
    tenant_id: Mapped[UUID]
    client_id: Mapped[UUID]
    slug: Mapped[str]
    email: Mapped[str]
    language: Mapped[str]
    asked_at: Mapped[datetime]
    confirmed_at: Mapped[datetime | None]
    closed_at: Mapped[datetime | None]

    __table_args__ = (
        UniqueConstraint("tenant_id", "slug", "email"),
        Index("ix_status_subscription_asked_at", "asked_at", postgresql_where=text("confirmed_at IS NULL")),
    )


class StatusWatch(Base):
    """What the subscribers of a page were told; `due_at`: when to see whether there is news; `again_at`: in any case.

    `seen`: of all that is in `told`, when the page showed it last (`at`), and of planned work what was said (`work`).
    `missing_since`: no contract has the page at present.
    """

    __tablename__ = "status_watch"

    tenant_id: Mapped[UUID] = mapped_column(primary_key=True)
    slug: Mapped[str] = mapped_column(primary_key=True)
    client_id: Mapped[UUID]
    told: Mapped[dict[str, Any]]
    seen: Mapped[dict[str, Any]]
    due_at: Mapped[datetime | None]
    again_at: Mapped[datetime]
    missing_since: Mapped[datetime | None]

    __table_args__ = (
        Index("ix_status_watch_client_id", "client_id"),
        Index("ix_status_watch_due_at", "due_at", postgresql_where=text("due_at IS NOT NULL")),
        Index("ix_status_watch_again_at", "again_at"),
    )


class StatusMail(Base):
    """A mail that is to be sent. `news` is what it tells; the words are found when it is sent.

    A reader gets his mails in the order of `mail_id`, and none about a matter (`key` in `news`) of which a later one
    waits. One that could not be written (`unwritten` in `news`) keeps nothing waiting, and goes when a later one left.
    """

    __tablename__ = "status_mail"

    mail_id: Mapped[UUID] = mapped_column(primary_key=True)
    tenant_id: Mapped[UUID]
    client_id: Mapped[UUID]
    subscription_id: Mapped[UUID] = mapped_column(
        ForeignKey("reporting.status_subscription.subscription_id", ondelete="CASCADE")
    )
    news: Mapped[dict[str, Any]]
    created_at: Mapped[datetime]
    attempts: Mapped[int] = mapped_column(Integer)
    due_at: Mapped[datetime]

    __table_args__ = (
        Index("ix_status_mail_due_at", "due_at", "mail_id"),
        Index("ix_status_mail_subscription_id", "subscription_id"),
    )


def link_token(box: SecretBox, subscription_id: UUID) -> str:
    """What only the mails of a subscription hold: it confirms and ends that one."""
    signature = box.sign(_signed(subscription_id))[:SIGNED_BYTES]
    return base64.urlsafe_b64encode(subscription_id.bytes + signature).decode()[:43]


def read_link_token(box: SecretBox, token: str) -> UUID | None:
    """The subscription that a token is of; None when it was not made here."""
    try:
        raw = base64.b64decode(token.encode("ascii") + b"=", altchars=b"-_", validate=True)
    except (ValueError, binascii.Error):
        return None
    if len(raw) != 32:
        return None
    subscription_id = UUID(bytes=raw[:16])
    return subscription_id if box.is_signed(_signed(subscription_id), raw[16:], SIGNED_BYTES) else None


def _signed(subscription_id: UUID) -> bytes:
    return b"status subscription " + subscription_id.bytes


async def ask(uow: UnitOfWork, page: ShownPage, email: str, language: str) -> bool:
    """Remembers who asked and queues the mail that lets him confirm. Who is confirmed already is asked nothing.

    False for everybody, known or not, while so many have not confirmed that nobody more is asked.
    """
    slug = page.content.slug
    mine = (StatusSubscription.tenant_id == page.tenant_id, StatusSubscription.slug == slug)
    his = func.lower(StatusSubscription.email) == email.lower()  # capitals lead to the same mailbox
    open_ = (StatusSubscription.confirmed_at.is_(None), StatusSubscription.closed_at.is_(None))
    waiting = await uow.session.scalar(select(func.count()).select_from(StatusSubscription).where(*mine, *open_))
    if (waiting or 0) >= MOST_UNCONFIRMED:
        return False
    known = await uow.session.scalar(
        select(StatusSubscription)
        .where(*mine, his)
        .order_by(StatusSubscription.confirmed_at.nulls_last())
        .limit(1)
        .with_for_update()
    )
    if known is None:
        elsewhere = select(func.count()).where(StatusSubscription.tenant_id == page.tenant_id, *open_, his)
        if (await uow.session.scalar(elsewhere) or 0) >= MOST_OF_ONE:
            return True
        known = StatusSubscription(
            subscription_id=new_id(),
            tenant_id=page.tenant_id,
            client_id=page.client_id,
            slug=slug,
            email=email,
            language=language,
            asked_at=uow.now,
            confirmed_at=None,
            closed_at=None,
        )
        uow.session.add(known)
        await uow.session.flush()
    elif known.client_id == page.client_id and (
        known.confirmed_at is not None or (known.closed_at is None and uow.now - known.asked_at < AGAIN)
    ):
        return True
    known.asked_at, known.language, known.closed_at = uow.now, language, None
    if known.client_id != page.client_id:  # the address of the page was another client's when this was asked for
        known.client_id, known.confirmed_at = page.client_id, None
    uow.session.add(_mail(known, {"kind": "confirm"}, uow.now))
    return True


def _mail(
    subscription: StatusSubscription, told: Mapping[str, Any], now: datetime, mail_id: UUID | None = None
) -> StatusMail:
    return StatusMail(
        mail_id=mail_id or new_id(),
        tenant_id=subscription.tenant_id,
        client_id=subscription.client_id,
        subscription_id=subscription.subscription_id,
        news=dict(told),
        created_at=now,
        attempts=0,
        due_at=now,
    )


# Whoever needs both takes first what the subscribers of a page were told, then their subscriptions: two who confirm,
# end or are told at one time wait for each other in one order, and see what the other has done.


async def confirm(uow: UnitOfWork, subscription_id: UUID, page: ShownPage) -> bool:
    """From now on this subscription is told what is new. False when there is none of this page, or it was closed."""
    place = await place_of(uow, subscription_id)
    if place != (page.tenant_id, page.content.slug):
        return False
    _, told = news(matters(page), {})
    row = {
        "tenant_id": page.tenant_id,
        "slug": page.content.slug,
        "client_id": page.client_id,
        "told": dict(told),
        "seen": _seen(page, uow.now, {}, told),
        "again_at": uow.now + LOOKED_AT_AGAIN,
    }
    watch = insert(StatusWatch).values(row)
    await uow.session.execute(
        # An update that changes nothing: it waits for whoever is at this page.
        watch.on_conflict_do_update(index_elements=["tenant_id", "slug"], set_={"slug": watch.excluded.slug})
    )
    present = await uow.session.get_one(StatusWatch, (page.tenant_id, page.content.slug), populate_existing=True)
    if present.client_id != page.client_id:
        await hand_over(uow, present, page)
    found = await uow.session.get(StatusSubscription, subscription_id, with_for_update=True)
    if found is None or found.closed_at is not None or found.client_id != page.client_id:
        await _forget_what_nobody_is_told(uow, *place)
        return False
    found.confirmed_at = found.confirmed_at or uow.now
    return True


async def end(uow: UnitOfWork, subscription_id: UUID) -> None:
    """Forgets a subscription with its mails; with the last one of a page, what its subscribers were told."""
    place = await place_of(uow, subscription_id)
    if place is None:
        return
    await _lock_watch(uow, *place)
    found = await uow.session.get(StatusSubscription, subscription_id, with_for_update=True)
    if found is not None:
        await uow.session.delete(found)
        await _forget_what_nobody_is_told(uow, *place)


def is_missing_for_long(watch: StatusWatch, now: datetime) -> bool:
    """No contract has the page: whether that lasts. If not yet, it is looked at again when it would."""
    watch.missing_since = watch.missing_since or now
    watch.again_at = watch.missing_since + MISSING
    return watch.again_at <= now


async def drop_page(uow: UnitOfWork, watch: StatusWatch, former: FormerPage | None) -> None:
    """The page is kept no more: its readers are told so once, and nothing any more. Expects the watch to be locked."""
    if former is None:
        await give_up(uow, watch)
    else:
        about = {"name": former.name, "agency": former.agency_name}
        await close_to_readers(uow, watch.tenant_id, watch.slug, told={"kind": "dropped", "about": about})


async def close_to_readers(
    uow: UnitOfWork,
    tenant_id: UUID,
    slug: str,
    but: Collection[str] = (),
    told: Mapping[str, Any] = MappingProxyType({"kind": "closed"}),
) -> None:
    """Ends the subscriptions of a page that is not for everybody any more, but those of the addresses `but`.

    Who had confirmed is `told` so once. Nothing else that was to be sent is.
    """
    await _lock_watch(uow, tenant_id, slug)
    spared = {email.lower() for email in but}
    readers = await uow.session.scalars(
        select(StatusSubscription)
        .where(StatusSubscription.tenant_id == tenant_id, StatusSubscription.slug == slug)
        .where(StatusSubscription.closed_at.is_(None))
        .order_by(StatusSubscription.subscription_id)
        .with_for_update()
    )
    leaving = [reader for reader in readers.all() if reader.email.lower() not in spared]
    # By one statement: others wait for this page's rows, however many readers it has.
    mails = StatusMail.subscription_id.in_([reader.subscription_id for reader in leaving])
    await uow.session.execute(delete(StatusMail).where(mails))
    for reader in leaving:
        if reader.confirmed_at is None:
            await uow.session.delete(reader)
            continue
        # Asked now, not confirmed: he is forgotten like those who never confirm, when the mail has had its time.
        reader.closed_at, reader.asked_at, reader.confirmed_at = uow.now, uow.now, None
        uow.session.add(_mail(reader, told, uow.now))
    await _forget_what_nobody_is_told(uow, tenant_id, slug)


async def place_of(uow: UnitOfWork, subscription_id: UUID) -> tuple[UUID, str] | None:
    """The tenant and the page that a subscription is of, if it is there (still)."""
    found = (
        await uow.session.execute(
            select(StatusSubscription.tenant_id, StatusSubscription.slug).where(
                StatusSubscription.subscription_id == subscription_id
            )
        )
    ).first()
    return None if found is None else (found.tenant_id, found.slug)


async def _lock_watch(uow: UnitOfWork, tenant_id: UUID, slug: str) -> None:
    await uow.session.execute(
        select(StatusWatch.slug).where(StatusWatch.tenant_id == tenant_id, StatusWatch.slug == slug).with_for_update()
    )


async def _forget_what_nobody_is_told(uow: UnitOfWork, tenant_id: UUID, slug: str) -> None:
    await uow.session.flush()
    reader = exists().where(
        StatusSubscription.tenant_id == tenant_id,
        StatusSubscription.slug == slug,
        StatusSubscription.confirmed_at.is_not(None),
    )
    await uow.session.execute(
        delete(StatusWatch).where(StatusWatch.tenant_id == tenant_id, StatusWatch.slug == slug, ~reader)
    )


async def state_of(uow: UnitOfWork, subscription_id: UUID, client_id: UUID | None) -> str:
    """`asked`, `confirmed`, or `gone`: also when it was for the page of another client, who had the address before.

    :param client_id: whose page is at the address; None while there is no page.
    """
    found = await uow.session.get(StatusSubscription, subscription_id)
    if found is None or found.closed_at is not None or client_id not in (None, found.client_id):
        return "gone"
    return "asked" if found.confirmed_at is None else "confirmed"


async def look_at_pages(uow: UnitOfWork, data: Mapping[str, Any], name: str) -> None:
    """In the transaction of an event with such `data`: the client's pages that somebody wants to be told of are due.

    Also those that are due already: one of them may be looked at just now, without this event. Its row is locked until
    then, so this waits, and the page is looked at again.
    """
    if not name.startswith(WATCHED):
        return
    client_id = data.get("client_id", (data.get("client") or {}).get("client_id"))  # a contract holds its client
    if isinstance(client_id, str):
        mine = StatusWatch.client_id == UUID(client_id)
        # In one order, so that two who take several do not wait for each other.
        await uow.session.execute(select(StatusWatch.slug).where(mine).order_by(StatusWatch.slug).with_for_update())
        await uow.session.execute(
            update(StatusWatch).where(mine).values(due_at=func.coalesce(StatusWatch.due_at, uow.now))
        )


async def look_at_page(uow: UnitOfWork, tenant_id: UUID, slug: str) -> None:
    """In the transaction of what changes one page: it is due, if somebody wants to be told of it."""
    await uow.session.execute(
        update(StatusWatch)
        .where(StatusWatch.tenant_id == tenant_id, StatusWatch.slug == slug)
        .values(due_at=func.coalesce(StatusWatch.due_at, uow.now))
    )


async def show_other_sites(uow: UnitOfWork, page: ShownPage) -> None:
    """The page shows other sites from now on: no mail tells of those before, nor what had happened to the new ones.

    Work to come that was not announced is announced yet. An announcement that waits goes, if its window is still shown.
    """
    mine = (page.tenant_id, page.content.slug)
    watch = await uow.session.get(StatusWatch, mine, with_for_update=True, populate_existing=True)
    if watch is None:
        return
    works = {str(each.maintenance_id): _work(each, page) for each in page.content.maintenance}
    await _keep_announcements(uow, page, {work["window"][0]: work["touched"] for work in works.values()})
    _, told = news(matters(page), {})
    silent, seen = dict(told), _seen(page, uow.now, {}, told)
    announced = _announced(watch)
    for each in page.content.maintenance:
        key = str(each.maintenance_id)
        if key not in seen:
            continue
        if key in watch.seen:  # as it was announced: a version that no mail told of is news still
            seen[key] = watch.seen[key]
        elif works[key]["window"] not in announced:
            if each.status == "scheduled":
                del seen[key], silent[key]
            else:
                del seen[key]["work"]["window"]  # nobody was told of the times that follow
    watch.told, watch.seen = silent, seen
    watch.due_at = watch.due_at or uow.now


async def _keep_announcements(uow: UnitOfWork, page: ShownPage, shown: Mapping[str, list[str]]) -> None:
    """Of the mails of a page that wait, those stay that announce a window which is shown, with what it touches there.

    :param shown: by window the names of the components that it touches.
    """
    readers = select(StatusSubscription.subscription_id).where(
        StatusSubscription.tenant_id == page.tenant_id, StatusSubscription.slug == page.content.slug
    )
    waiting = StatusMail.subscription_id.in_(readers)
    kind, window = StatusMail.news["kind"].astext, StatusMail.news["window"].astext
    announcement = (kind == "scheduled") & func.coalesce(window.in_(shown), False)
    await uow.session.execute(
        delete(StatusMail)
        .where(waiting, kind.in_(get_args(Stage)), ~announcement)
        .execution_options(synchronize_session=False)
    )
    for window_id, touched in shown.items():
        told: Any = StatusMail.news
        for place in (["touched"], ["about", "touched"]):  # an announcement has them at one of these
            told = func.jsonb_set(told, cast(place, ARRAY(Text)), cast(touched, JSONB), False)
        await uow.session.execute(
            update(StatusMail)
            .where(waiting, announcement, window == window_id)
            .values(news=told)
            .execution_options(synchronize_session=False)
        )


def _announced(watch: StatusWatch) -> list[Any]:
    """The windows of which readers were told, each with the version."""
    return [seen["work"].get("window") for seen in watch.seen.values() if "work" in seen]


async def forget_mails_of_updates(
    uow: UnitOfWork, tenant_id: UUID, slug: str, page_update_ids: Collection[UUID]
) -> None:
    """What was withdrawn is mailed to nobody any more. Waits for whoever is writing mails about it just now."""
    await _lock_watch(uow, tenant_id, slug)
    told_of = StatusMail.news["page_update_id"].astext
    await uow.session.execute(
        delete(StatusMail).where(
            StatusMail.tenant_id == tenant_id, told_of.in_([str(page_update_id) for page_update_id in page_update_ids])
        )
    )


def matters(page: ShownPage) -> list[Matter]:
    """What subscribers of a page are told about, as it stands."""
    content = page.content
    return [
        # Somebody may call an outage resolved that goes on: it is over when it was seen to be. What people put on the
        # page is told by what they say of it.
        *(
            Matter(str(each.incident_id), "down" if each.ended_at is None else "over")
            for each in content.incidents
            if not each.titles
        ),
        *(Matter(str(update.page_update_id), "said") for _, update in _told_by_people(page)),
        *(Matter(str(each.maintenance_id), "scheduled") for each in content.maintenance if each.status != "completed"),
    ]


def _told_by_people(page: ShownPage) -> Iterator[tuple[PublicIncident, PublicUpdate]]:
    """What people told of each incident, oldest first."""
    for incident in page.content.incidents:
        for each in incident.updates[::-1]:
            if each.page_update_id is not None:
                yield incident, each


async def due_watch(uow: UnitOfWork) -> StatusWatch | None:
    """A page that may have news, taken for this unit."""
    return await uow.session.scalar(
        select(StatusWatch)
        .where(or_(StatusWatch.due_at <= uow.now, StatusWatch.again_at <= uow.now))
        .order_by(func.least(StatusWatch.due_at, StatusWatch.again_at))
        .limit(1)
        .with_for_update(skip_locked=True)
    )


async def queue_news(
    uow: UnitOfWork,
    watch: StatusWatch,
    page: ShownPage,
    windows: Sequence[KnownWindow],
    flapping: Sequence[Flapping] = (),
) -> int:
    """A mail for every confirmed subscriber and piece of news. Returns how many.

    :param windows: the client's planned work, on the page or not, of at least `REMEMBERED` and to come: what is not in
        it any more is called off. That is told also after its time, for as long as a page would show that it has been.
    """
    planned = {str(window.state.maintenance_id(each)) for window in windows for each in window.state.occurrences}
    off = [
        Matter(key, "cancelled")
        for key, seen in watch.seen.items()
        if "work" in seen and key not in planned and datetime.fromisoformat(seen["work"]["to"]) > uow.now - RECENT
    ]
    gone = _gone(watch, page, uow.now)
    new, told = news(
        [*off, *(Matter(key, stage) for key, (stage, _) in gone.items()), *matters(page)], watch.told, flapping
    )
    times = {each.key: each for each in flapping}
    pieces: list[Mapping[str, Any]] = _work_pieces(new, watch, page, windows, uow.now)
    for matter in new:
        if matter.stage in ("scheduled", "cancelled"):
            continue
        if matter.key in gone:
            piece = gone[matter.key][1]
        elif matter.key in times:
            piece = _flapping_piece(matter, times[matter.key], page)
        else:
            piece = _piece(matter, page)
        if piece:
            pieces.append({**piece, "key": matter.key})
    pieces.sort(key=_told_of)
    watch.seen = _seen(page, uow.now, watch.seen, told)
    watch.told = {key: stage for key, stage in told.items() if key in watch.seen}
    if not pieces:
        return 0
    readers = (
        await uow.session.scalars(
            select(StatusSubscription).where(
                StatusSubscription.tenant_id == watch.tenant_id,
                StatusSubscription.slug == watch.slug,
                StatusSubscription.client_id == watch.client_id,
                StatusSubscription.confirmed_at.is_not(None),
            )
        )
    ).all()
    # What is new waits for what the server did not take before, and not for hours: that is tried once more, beside its
    # tries. A mail that is being sent just now stays with who is sending it.
    mine = StatusMail.subscription_id.in_([reader.subscription_id for reader in readers])
    soon = uow.now + LEASE
    await uow.session.execute(
        update(StatusMail)
        .where(mine, StatusMail.due_at > soon)
        .values(due_at=soon, attempts=func.greatest(StatusMail.attempts - 1, 0))
    )
    ids = iter(sorted(new_id() for _ in range(len(pieces) * len(readers))))
    uow.session.add_all([_mail(reader, piece, uow.now, next(ids)) for piece in pieces for reader in readers])
    return len(pieces) * len(readers)


def _seen(page: ShownPage, now: datetime, before: Mapping[str, Any], told: Mapping[str, str]) -> dict[str, Any]:
    """When the page showed what was told, and what planned work was told to be; without what is long gone."""
    at = {"at": now.isoformat()}
    kept = {
        key: before.get(key, at)
        for key in told
        if key not in before or datetime.fromisoformat(before[key]["at"]) > now - REMEMBERED
    }
    shown = {matter.key: at for matter in matters(page)} | {
        str(each.incident_id): at | {"outage": _outage(each)}
        for each in page.content.incidents
        if each.ended_at is None and not each.titles
    }
    works = {str(each.maintenance_id): at | {"work": _work(each, page)} for each in page.content.maintenance}
    return kept | shown | {key: works[key] for key in shown if key in works}


def _outage(incident: PublicIncident) -> dict[str, Any]:
    """What is kept of an outage that goes on, should its component leave the page."""
    (component,) = incident.components
    return {
        "component_id": str(component.component_id),
        "name": component.component_name,
        "from": incident.started_at.isoformat(),
    }


def _gone(watch: StatusWatch, page: ShownPage, now: datetime) -> dict[str, tuple[Stage, Mapping[str, Any]]]:
    """Outages that were told as going on and that the page shows no more: how far each is, and what is told of it.

    A component that is there still, under another contract, is as it is measured now: up is the end; down is told by
    the outage of now, and nothing else of this one. A component that left the page leaves it with a word.
    """
    shown = {str(each.incident_id) for each in page.content.incidents}
    components = {str(each.component_id): each for each in page.content.components}
    gone: dict[str, tuple[Stage, Mapping[str, Any]]] = {}
    for key, stage in watch.told.items():
        outage = watch.seen.get(key, {}).get("outage")
        if stage != "down" or outage is None or key in shown:
            continue
        component = components.get(outage["component_id"])
        if component is None:
            gone[key] = "left", {"kind": "left", "about": outage | {"to": now.isoformat()}}
        elif component.state == "up" and component.since is not None:
            gone[key] = "over", outage | {"kind": "over", "to": component.since.isoformat()}
        elif component.state == "down":
            gone[key] = "over", {}
    return gone


async def hand_over(uow: UnitOfWork, watch: StatusWatch, page: ShownPage) -> None:
    """The address of the page was another client's: who wanted to be told of that one's page is forgotten, and who asks
    for this one is told what happens from now on. Expects the watch to be locked.
    """
    mine = (StatusSubscription.tenant_id == watch.tenant_id, StatusSubscription.slug == watch.slug)
    await uow.session.execute(delete(StatusSubscription).where(*mine, StatusSubscription.client_id != page.client_id))
    _, told = news(matters(page), {})
    watch.client_id, watch.told, watch.seen = page.client_id, dict(told), _seen(page, uow.now, {}, told)


async def give_up(uow: UnitOfWork, watch: StatusWatch) -> None:
    """The address is that of another agency's page: here nobody is told of it any more, nor asked to confirm. Expects
    the watch to be locked.
    """
    mine = (StatusSubscription.tenant_id == watch.tenant_id, StatusSubscription.slug == watch.slug)
    await uow.session.execute(delete(StatusSubscription).where(*mine))
    await uow.session.delete(watch)


async def set_watch_aside(uow: UnitOfWork, tenant_id: UUID, slug: str) -> None:
    """The page cannot be looked at now."""
    await uow.session.execute(
        update(StatusWatch)
        .where(StatusWatch.tenant_id == tenant_id, StatusWatch.slug == slug)
        .values(due_at=None, again_at=uow.now + SET_ASIDE)
    )


def _piece(matter: Matter, page: ShownPage) -> Mapping[str, Any]:
    """What a mail tells, so that it tells the same however late it is sent."""
    content = page.content
    for incident in content.incidents:
        if str(incident.incident_id) == matter.key:
            outage = {
                "name": incident.components[0].component_name,
                "from": incident.started_at.isoformat(),
                "to": incident.ended_at.isoformat() if incident.ended_at else None,
            }
            return {"kind": matter.stage} | ({"unwatched": True, "about": outage} if incident.unwatched else outage)
    incident, said = next(told for told in _told_by_people(page) if str(told[1].page_update_id) == matter.key)
    return {
        "kind": matter.stage,
        "page_update_id": matter.key,
        "name": incident.components[0].component_name,
        "titles": incident.titles,
        "touched": [each.component_name for each in incident.components] if incident.titles else [],
        "over": incident.ended_at is not None,
        "from": said.at.isoformat(),
        "status": said.status,
        "texts": said.texts,
    }


def _told_of(piece: Mapping[str, Any]) -> tuple[datetime, bool]:
    """The instant that a mail is about: readers are told in the order of time, an end before what begins with it."""
    about, ends = piece.get("about", piece), piece["kind"] in ("over", "left")
    return datetime.fromisoformat(about["to"] if ends else about["from"]), not ends


def _flapping_piece(matter: Matter, time: Flapping, page: ShownPage) -> Mapping[str, Any]:
    """That a component comes and goes; or, when that is over, what holds of its last outage."""
    if matter.stage == "settled":
        last = next((each for each in matters(page) if each.key == time.last), None)
        return {} if last is None else _piece(last, page)  # it left the page, which is told by itself
    among = [each for each in page.content.incidents if str(each.incident_id) in time.outages]
    if not among:
        return {}
    first = min(among, key=lambda each: each.started_at)
    about = {"name": first.components[0].component_name, "from": first.started_at.isoformat()}
    return {"kind": matter.stage, "about": about}


def _work(work: PublicMaintenance, page: ShownPage) -> dict[str, Any]:
    """What is told of planned work."""
    return {
        "name": work.name,
        "from": work.starts_at.isoformat(),
        "to": work.ends_at.isoformat(),
        "again": work.again,
        "window": [str(work.window_id), work.announced_at.isoformat()],
        "touched": [each.name for each in page.content.components if each.component_id in work.component_ids],
    }


def _work_pieces(
    new: Sequence[Matter], watch: StatusWatch, page: ShownPage, windows: Sequence[KnownWindow], now: datetime
) -> list[Mapping[str, Any]]:
    """What mails tell of planned work: one of all that was announced of a window, and one of all that was called off.

    What comes into the page's reach by time alone was announced with what was told of its window before.

    :param windows: as in `queue_news`.
    """
    known = {str(each.state.window_id): each.state.occurrences for each in windows}
    works = {str(each.maintenance_id): _work(each, page) for each in page.content.maintenance}
    announced = _announced(watch)
    together: dict[tuple[Stage, str], dict[str, Mapping[str, Any]]] = {}
    for matter in new:
        if matter.stage == "scheduled" and works[matter.key]["window"] not in announced:
            work = works[matter.key]
        elif matter.stage == "cancelled":
            work = watch.seen[matter.key]["work"]
        else:
            continue
        # What the release before this one kept of a window does not say which one.
        window = work.get("window", [matter.key])[0]
        together.setdefault((matter.stage, window), {})[matter.key] = work
    pieces: list[Mapping[str, Any]] = []
    for (stage, window), found in together.items():
        keys = sorted(found, key=lambda key: str(found[key]["from"]))
        first, last = found[keys[0]], found[keys[-1]]
        about = {name: value for name, value in first.items() if name != "window"}
        if stage == "scheduled":
            about["again"] = _goes_on_silently(known.get(window, ()), last)
        else:
            about["again"] = last.get("again", False) and all(each.starts_at <= now for each in known.get(window, ()))
        if len(keys) > 1:
            about["times"] = [[found[key]["from"], found[key]["to"]] for key in keys]
        # The release before this one finds a single announcement where it looks for it.
        told: Mapping[str, Any] = {"about": about} if stage == "cancelled" or about["again"] or len(keys) > 1 else about
        # A call-off takes the place of an announcement that nobody was sent yet if it is of the very same times.
        key = keys[0] if len(keys) == 1 else str(uuid5(UUID(keys[0]), " ".join(keys)))
        pieces.append({**told, "kind": stage, "key": key, "window": window})
    return pieces


def _goes_on_silently(times: Sequence[Occurrence], last: Mapping[str, Any]) -> bool:
    """Whether work takes place again after the `last` time that is told, each time so soon that no mail tells of it."""
    follow = sorted(
        (each for each in times if each.starts_at > datetime.fromisoformat(last["from"])),
        key=lambda each: each.starts_at,
    )
    ends = [datetime.fromisoformat(last["to"]), *(each.ends_at for each in follow)]
    return bool(follow) and all(each.starts_at - end <= SILENT for end, each in zip(ends, follow, strict=False))


@dataclass(frozen=True)
class DueMail:
    """A mail that this worker sends now, with its reader."""

    mail_id: UUID
    tenant_id: UUID
    client_id: UUID
    slug: str
    subscription_id: UUID
    email: str
    language: str
    news: Mapping[str, Any]
    created_at: datetime
    attempts: int


async def claim_mail(uow: UnitOfWork) -> DueMail | None:
    """Takes a mail that is due and leases it to this worker: of each reader the oldest, before whatever is newer.

    What is not told any more, because a later mail of the reader tells how that went on, is forgotten.
    """
    other = aliased(StatusMail)
    before = exists().where(
        other.subscription_id == StatusMail.subscription_id,
        other.mail_id < StatusMail.mail_id,
        ~other.news.has_key("unwritten"),
    )
    while True:
        row = (
            await uow.session.execute(
                select(StatusMail, StatusSubscription)
                .join(StatusSubscription, StatusSubscription.subscription_id == StatusMail.subscription_id)
                .where(StatusMail.due_at <= uow.now, ~before)
                .order_by(StatusMail.due_at, StatusMail.mail_id)
                .limit(1)
                .with_for_update(skip_locked=True, of=StatusMail)
            )
        ).first()
        if row is None:
            return None
        mail, reader = row
        overtaken = exists().where(
            other.subscription_id == mail.subscription_id,
            other.mail_id > mail.mail_id,
            other.news["key"].astext == mail.news.get("key", ""),
        )
        if "key" not in mail.news or not await uow.session.scalar(select(overtaken)):
            break
        await uow.session.delete(mail)
        await uow.session.flush()
    mail.attempts += 1
    mail.due_at = uow.now + LEASE
    return DueMail(
        mail.mail_id,
        mail.tenant_id,
        mail.client_id,
        reader.slug,
        reader.subscription_id,
        reader.email,
        reader.language,
        mail.news,
        mail.created_at,
        mail.attempts,
    )


async def settle_mail(uow: UnitOfWork, mail: DueMail, *, again: bool, unwritten: bool = False) -> None:
    """It was sent, or can never be; `again`: the server could not take it now, and the schedule is not used up.

    :param unwritten: no words were found for it.
    """
    if again and mail.attempts <= len(PAUSES):
        left = {"news": {**mail.news, "unwritten": True}} if unwritten else {}
        await uow.session.execute(
            update(StatusMail)
            .where(StatusMail.mail_id == mail.mail_id)
            .values(due_at=uow.now + PAUSES[mail.attempts - 1], **left)
        )
    else:
        before = (StatusMail.mail_id < mail.mail_id) & StatusMail.news.has_key("unwritten")
        await uow.session.execute(
            delete(StatusMail).where(
                StatusMail.subscription_id == mail.subscription_id, (StatusMail.mail_id == mail.mail_id) | before
            )
        )


async def may_come_back(uow: UnitOfWork, mail: DueMail) -> bool:
    """Whether the page of a mail, missing now, has readers still: they are told when it is missing for good."""
    reader = await uow.session.get_one(StatusSubscription, mail.subscription_id)
    return reader.closed_at is None or await uow.session.get(StatusWatch, (mail.tenant_id, mail.slug)) is not None


async def set_mail_aside(uow: UnitOfWork, mail: DueMail) -> None:
    """Its page is missing now: it is tried later, beside its tries."""
    await uow.session.execute(
        update(StatusMail)
        .where(StatusMail.mail_id == mail.mail_id)
        .values(due_at=uow.now + SET_ASIDE, attempts=mail.attempts - 1)
    )


async def forget_unconfirmed(uow: UnitOfWork) -> None:
    """Who did not confirm did not ask."""
    await uow.session.execute(
        delete(StatusSubscription).where(
            StatusSubscription.confirmed_at.is_(None), StatusSubscription.asked_at < uow.now - UNCONFIRMED
        )
    )
