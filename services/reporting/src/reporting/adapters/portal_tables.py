"""The tables of the portal. Of the secrets in links and cookies only hashes are kept."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Index, Integer, UniqueConstraint, func, text
from sqlalchemy.orm import Mapped, mapped_column

from reporting.adapters.tables import Base


class PortalAsking(Base):
    """Somebody asked for a link. `due_at` is set until it was looked at; `place` is a keyed hash of his address."""

    __tablename__ = "portal_asking"

    asking_id: Mapped[UUID] = mapped_column(primary_key=True)
    email: Mapped[str]
    language: Mapped[str]
    place: Mapped[bytes]
    asked_at: Mapped[datetime]
    due_at: Mapped[datetime | None]
    tries: Mapped[int] = mapped_column(Integer)


Index("ix_portal_asking_email", func.lower(PortalAsking.email), PortalAsking.asked_at)
Index("ix_portal_asking_place", PortalAsking.place, PortalAsking.asked_at)
Index("ix_portal_asking_due_at", PortalAsking.due_at, postgresql_where=text("due_at IS NOT NULL"))


class PortalLink(Base):
    """A link that was mailed to a person; with a provider: offered to whoever signed in there for several clients."""

    __tablename__ = "portal_link"

    portal_link_id: Mapped[UUID] = mapped_column(primary_key=True)
    tenant_id: Mapped[UUID]
    client_id: Mapped[UUID]
    user_id: Mapped[UUID]
    person: Mapped[dict[str, Any]]
    digest: Mapped[bytes]
    made_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    used_at: Mapped[datetime | None]
    identity_provider_id: Mapped[UUID | None]

    __table_args__ = (UniqueConstraint("digest"), Index("ix_portal_link_user_id", "user_id"))


class PortalSession(Base):
    """A browser that was let in; `browser` is what it calls itself."""

    __tablename__ = "portal_session"

    portal_session_id: Mapped[UUID] = mapped_column(primary_key=True)
    tenant_id: Mapped[UUID]
    client_id: Mapped[UUID]
    user_id: Mapped[UUID]
    person: Mapped[dict[str, Any]]
    digest: Mapped[bytes]
    began_at: Mapped[datetime]
    seen_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]
    way: Mapped[str]
    browser: Mapped[str]
    identity_provider_id: Mapped[UUID | None]

    __table_args__ = (
        UniqueConstraint("digest"),
        Index("ix_portal_session_user_id", "user_id"),
        Index(
            "ix_portal_session_identity_provider_id",
            "identity_provider_id",
            postgresql_where=text("identity_provider_id IS NOT NULL"),
        ),
    )


class PortalDraft(Base):
    """What a person wrote into the form that goes to `path` and that could not be sent; the form is on `page`."""

    __tablename__ = "portal_draft"

    user_id: Mapped[UUID] = mapped_column(primary_key=True)
    path: Mapped[str] = mapped_column(primary_key=True)
    tenant_id: Mapped[UUID]
    client_id: Mapped[UUID]
    page: Mapped[str]
    fields: Mapped[dict[str, Any]]
    kept_at: Mapped[datetime]

    __table_args__ = (Index("ix_portal_draft_kept_at", "kept_at"),)
