"""Who is told by mail what happens on a status page, and the mails that are to be sent.

Revision ID: 0011
Revises: 0010
"""

from alembic import op

from shared.database import protect_rows

revision = "0011"
down_revision = "0010"

SCHEMA = "reporting"

TABLES = {
    "status_subscription": """
        CREATE TABLE reporting.status_subscription (
            subscription_id UUID NOT NULL,
            tenant_id UUID NOT NULL,
            client_id UUID NOT NULL,
            slug TEXT NOT NULL,
            email TEXT NOT NULL,
            language TEXT NOT NULL,
            asked_at timestamptz NOT NULL,
            confirmed_at timestamptz,
            CONSTRAINT pk_status_subscription PRIMARY KEY (subscription_id),
            CONSTRAINT uq_status_subscription_tenant_id_slug_email UNIQUE (tenant_id, slug, email)
        )
    """,
    "status_watch": """
        CREATE TABLE reporting.status_watch (
            tenant_id UUID NOT NULL,
            slug TEXT NOT NULL,
            client_id UUID NOT NULL,
            told JSONB NOT NULL,
            due_at timestamptz,
            CONSTRAINT pk_status_watch PRIMARY KEY (tenant_id, slug)
        )
    """,
    "status_mail": """
        CREATE TABLE reporting.status_mail (
            mail_id UUID NOT NULL,
            tenant_id UUID NOT NULL,
            client_id UUID NOT NULL,
            subscription_id UUID NOT NULL,
            news JSONB NOT NULL,
            created_at timestamptz NOT NULL,
            attempts INTEGER NOT NULL,
            due_at timestamptz NOT NULL,
            CONSTRAINT pk_status_mail PRIMARY KEY (mail_id),
            CONSTRAINT fk_status_mail_subscription_id_status_subscription FOREIGN KEY (subscription_id)
                REFERENCES reporting.status_subscription (subscription_id) ON DELETE CASCADE
        )
    """,
}
INDEXES = {
    "ix_status_subscription_asked_at": "status_subscription (asked_at) WHERE confirmed_at IS NULL",
    "ix_status_watch_client_id": "status_watch (client_id)",
    "ix_status_watch_due_at": "status_watch (due_at) WHERE due_at IS NOT NULL",
    "ix_status_mail_due_at": "status_mail (due_at, mail_id)",
    "ix_status_mail_subscription_id": "status_mail (subscription_id)",
}


def upgrade() -> None:
    """A mail goes with its subscription: who does not want to be told any more is not told the rest either."""
    for table, statement in TABLES.items():
        op.execute(statement)
        protect_rows(op, SCHEMA, table, client_column="client_id")
        op.execute(f"GRANT SELECT, INSERT, UPDATE, DELETE ON {SCHEMA}.{table} TO {SCHEMA}_app")
    for index, place in INDEXES.items():
        op.execute(f"CREATE INDEX {index} ON {SCHEMA}.{place}")


def downgrade() -> None:
    """Nothing else refers to them."""
    for table in reversed(TABLES):
        op.execute(f"DROP TABLE {SCHEMA}.{table}")
