"""Books and the shelves that they must stand on by the end of a transaction.

Revision ID: 0001
Revises:
"""

from alembic import op

from shared.database import protect_rows
from shared.migrations import create_event_tables, grant_application_role

revision = "0001"
down_revision = None


def upgrade() -> None:
    create_event_tables(op, "library")
    op.execute("create table library.shelf (shelf_id uuid constraint pk_shelf primary key)")
    op.execute(
        "create table library.book (book_id uuid constraint pk_book primary key, tenant_id uuid not null, "
        "title text not null, pages integer not null, added_at timestamptz not null, version bigint not null, "
        "shelf_id uuid constraint fk_book_shelf_id references library.shelf deferrable initially deferred, "
        "constraint uq_book_tenant_id_title unique (tenant_id, title))"
    )
    protect_rows(op, "library", "book")
    grant_application_role(op, "library")
