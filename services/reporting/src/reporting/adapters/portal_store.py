"""Askings, links, sessions and what could not be sent yet: the portal in the database."""

import hashlib
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import delete, func, select, update
from sqlalchemy.dialects.postgresql import insert

from reporting.adapters.portal_tables import PortalAsking, PortalDraft, PortalLink, PortalSession
from reporting.application.portal import LinkIsOver, Person, TooManyAskings, Way
from reporting.domain import portal as rules
from shared.ids import new_id
from shared.unit_of_work import UnitOfWork

LEASE = timedelta(minutes=5)
"""How long nobody else takes an asking that somebody took, counted anew before each mail: longer than a mail takes."""
MOST_TRIES = 10
KEPT = timedelta(days=2)
"""How long askings, links, and sessions that have ended are kept."""
LONGEST_BROWSER = 200
MOST_LOOKED_AT = 100
"""Sessions of a person from which a form may come."""
MOST_DRAFTS = 10
"""As many as are kept of one person: the newest."""


def new_secret() -> str:
    """What goes into a link or a cookie: 32 random bytes, so that a plain hash of it is enough to keep."""
    return secrets.token_urlsafe(32)


def digest_of(secret: str) -> bytes:
    """What is kept of a secret."""
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).digest()


# --- askings ---------------------------------------------------------------------------------------------------------


async def take_asking(uow: UnitOfWork, email: str, language: str, place: bytes) -> None:
    """Notes that a link was asked for. Raises TooManyAskings for a place that asked too often.

    Whether it is mailed is looked at by a job, so that whoever asks learns nothing, not even from the time it takes.
    """
    since = uow.now - rules.ASKING
    counted = select(func.count()).select_from(PortalAsking).where(PortalAsking.asked_at > since)
    from_place = await uow.session.scalar(counted.where(PortalAsking.place == place)) or 0
    if not rules.is_taken(from_place):
        raise TooManyAskings
    for_address = await uow.session.scalar(counted.where(func.lower(PortalAsking.email) == email.lower())) or 0
    uow.session.add(
        PortalAsking(
            asking_id=new_id(),
            email=email,
            language=language,
            place=place,
            asked_at=uow.now,
            due_at=uow.now if rules.is_mailed(for_address) else None,
            tries=0,
        )
    )


@dataclass(frozen=True)
class Asking:
    """One that is to be answered."""

    asking_id: UUID
    email: str
    language: str
    tries: int


async def claim_asking(uow: UnitOfWork) -> Asking | None:
    """One that is due, for whoever claims it first; due again after a lease, some times over."""
    row: PortalAsking | None = await uow.session.scalar(
        select(PortalAsking)
        .where(PortalAsking.due_at <= uow.now)
        .order_by(PortalAsking.due_at)
        .limit(1)
        .with_for_update(skip_locked=True)
    )
    if row is None:
        return None
    row.tries += 1
    # Whoever asked is not waiting any more by the time that a link would have ended.
    last = row.tries >= MOST_TRIES or row.asked_at + rules.LINK_LIFE <= uow.now
    row.due_at = None if last else uow.now + LEASE
    return Asking(row.asking_id, row.email, row.language, row.tries)


async def is_still_claimed(uow: UnitOfWork, asking: Asking) -> bool:
    """Whether nobody else took the asking since; if so, its lease begins anew."""
    row = await uow.session.get(PortalAsking, asking.asking_id, with_for_update=True)
    if row is None or row.tries != asking.tries:
        return False
    if row.due_at is not None:
        row.due_at = uow.now + LEASE
    return True


async def asking_is_answered(uow: UnitOfWork, asking_id: UUID) -> None:
    """Nothing more is to be done about it."""
    await uow.session.execute(update(PortalAsking).where(PortalAsking.asking_id == asking_id).values(due_at=None))


async def forget_the_old(uow: UnitOfWork) -> None:
    """Deletes what nobody can use any more."""
    before = uow.now - KEPT
    await uow.session.execute(delete(PortalAsking).where(PortalAsking.asked_at < before))
    await uow.session.execute(delete(PortalLink).where(PortalLink.expires_at < before))
    await uow.session.execute(delete(PortalDraft).where(PortalDraft.kept_at <= uow.now - rules.DRAFT_LIFE))
    await uow.session.execute(
        delete(PortalSession).where(
            (PortalSession.ended_at < before)
            | (PortalSession.seen_at < before - rules.IDLE_LIFE)
            | (PortalSession.began_at < before - rules.LONGEST_LIFE)
        )
    )


# --- links -----------------------------------------------------------------------------------------------------------


def make_link(uow: UnitOfWork, person: Person, identity_provider_id: UUID | None = None) -> str:
    """A new link for somebody; gives its secret, which is in the mail and nowhere else.

    With a provider: for somebody who signed in there, and has still to choose; its secret is on the page of choices.
    """
    secret = new_secret()
    uow.session.add(
        PortalLink(
            portal_link_id=new_id(),
            tenant_id=person.tenant_id,
            client_id=person.client_id,
            user_id=person.user_id,
            person=person.model_dump(mode="json"),
            digest=digest_of(secret),
            made_at=uow.now,
            expires_at=uow.now + rules.LINK_LIFE,
            used_at=None,
            identity_provider_id=identity_provider_id,
        )
    )
    return secret


async def look_at_link(uow: UnitOfWork, secret: str) -> Person:
    """Whom a link lets in. Changes nothing, however often it is looked at. Raises LinkIsOver."""
    row = await uow.session.scalar(select(PortalLink).where(PortalLink.digest == digest_of(secret)))
    if row is None or not rules.Link(row.expires_at, row.used_at).opens(uow.now):
        raise LinkIsOver
    return Person.model_validate(row.person)


async def use_link(uow: UnitOfWork, secret: str) -> tuple[Person, UUID | None]:
    """Whom a link lets in, this once: of two who use it at the same time one comes in. Raises LinkIsOver.

    With the provider that let him in, for whoever signed in there.
    """
    row = await uow.session.scalar(select(PortalLink).where(PortalLink.digest == digest_of(secret)).with_for_update())
    if row is None or not rules.Link(row.expires_at, row.used_at).opens(uow.now):
        raise LinkIsOver
    row.used_at = uow.now
    return Person.model_validate(row.person), row.identity_provider_id


# --- sessions --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class OpenSession:
    """A session that lets in."""

    session_id: UUID
    person: Person
    began_at: datetime
    seen_at: datetime
    way: str
    browser: str


def _open(row: PortalSession) -> OpenSession:
    return OpenSession(
        row.portal_session_id, Person.model_validate(row.person), row.began_at, row.seen_at, row.way, row.browser
    )


def begin_session(
    uow: UnitOfWork, person: Person, way: Way, browser: str, identity_provider_id: UUID | None = None
) -> str:
    """A new session; gives its secret, which is in the cookie and nowhere else."""
    secret = new_secret()
    uow.session.add(
        PortalSession(
            portal_session_id=new_id(),
            tenant_id=person.tenant_id,
            client_id=person.client_id,
            user_id=person.user_id,
            person=person.model_dump(mode="json"),
            digest=digest_of(secret),
            began_at=uow.now,
            seen_at=uow.now,
            ended_at=None,
            way=way,
            browser="".join(each for each in browser if each.isprintable())[:LONGEST_BROWSER],
            identity_provider_id=identity_provider_id,
        )
    )
    return secret


def _goes_on(row: PortalSession, now: datetime) -> bool:
    return rules.Session(row.began_at, row.seen_at, row.ended_at).goes_on(now)


async def find_session(uow: UnitOfWork, secret: str) -> OpenSession | None:
    """The session of a cookie, if it still lets in; notes that it was used."""
    row = await uow.session.scalar(select(PortalSession).where(PortalSession.digest == digest_of(secret)))
    if row is None or not _goes_on(row, uow.now):
        return None
    if rules.Session(row.began_at, row.seen_at, row.ended_at).seen_anew(uow.now):
        row.seen_at = uow.now
    return _open(row)


async def session_that_was(uow: UnitOfWork, secret: str) -> OpenSession | None:
    """The session of a cookie whether it lets in or not; None once it is forgotten."""
    row = await uow.session.scalar(select(PortalSession).where(PortalSession.digest == digest_of(secret)))
    return None if row is None else _open(row)


async def sessions_that_were(uow: UnitOfWork, person: Person) -> Sequence[UUID]:
    """The sessions of a person that are not forgotten, whether they let in or not, the one used last first."""
    row = PortalSession
    found = await uow.session.scalars(
        select(row.portal_session_id)
        .where(row.user_id == person.user_id, row.client_id == person.client_id)
        .order_by(row.seen_at.desc(), row.portal_session_id)
        .limit(MOST_LOOKED_AT)
    )
    return found.all()


async def sessions_of(uow: UnitOfWork, user_id: UUID) -> Sequence[OpenSession]:
    """Every session of a person that still lets in, the one used last first."""
    rows = await uow.session.scalars(
        select(PortalSession)
        .where(PortalSession.user_id == user_id, PortalSession.ended_at.is_(None))
        .order_by(PortalSession.seen_at.desc(), PortalSession.portal_session_id)
    )
    return [_open(row) for row in rows if _goes_on(row, uow.now)]


async def end_session(uow: UnitOfWork, user_id: UUID, session_id: UUID) -> None:
    """The session of that person lets in no more; of somebody else's nothing happens."""
    await uow.session.execute(
        update(PortalSession)
        .where(
            PortalSession.portal_session_id == session_id,
            PortalSession.user_id == user_id,
            PortalSession.ended_at.is_(None),
        )
        .values(ended_at=uow.now)
    )


# --- what could not be sent ------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Draft:
    """What somebody wrote into the form of a page, which goes to a path."""

    path: str
    page: str
    fields: Mapping[str, str]


async def keep_draft(uow: UnitOfWork, person: Person, draft: Draft) -> None:
    """For this person, in the place of what was kept of the same form before."""
    values = {
        "user_id": person.user_id,
        "path": draft.path,
        "tenant_id": person.tenant_id,
        "client_id": person.client_id,
        "page": draft.page,
        "fields": dict(draft.fields),
        "kept_at": uow.now,
    }
    statement = insert(PortalDraft).values(values)
    anew = {name: values[name] for name in ("page", "fields", "kept_at")}
    await uow.session.execute(statement.on_conflict_do_update(index_elements=["user_id", "path"], set_=anew))
    mine = PortalDraft.user_id == person.user_id
    newest = select(PortalDraft.path).where(mine).order_by(PortalDraft.kept_at.desc()).limit(MOST_DRAFTS)
    await uow.session.execute(delete(PortalDraft).where(mine, PortalDraft.path.not_in(newest)))


async def drafts_of(uow: UnitOfWork, user_id: UUID) -> Sequence[Draft]:
    """Everything that is kept for a person, the newest first."""
    row = PortalDraft
    rows = await uow.session.scalars(
        select(row)
        .where(row.user_id == user_id, row.kept_at > uow.now - rules.DRAFT_LIFE)
        .order_by(row.kept_at.desc(), row.path)
    )
    return [Draft(each.path, each.page, each.fields) for each in rows]


async def forget_draft(uow: UnitOfWork, user_id: UUID, path: str) -> None:
    """It was sent."""
    await uow.session.execute(delete(PortalDraft).where(PortalDraft.user_id == user_id, PortalDraft.path == path))
