"""The portal keeps what somebody wrote into a form that could not be sent, until he is signed in again.

Revision ID: 0016
Revises: 0015
"""

from alembic import op

from shared.database import protect_rows

revision = "0016"
down_revision = "0015"

SCHEMA = "reporting"


def upgrade() -> None:
    """For a day, for the person who wrote it and nobody else."""
    op.execute("""
        CREATE TABLE reporting.portal_draft (
            user_id UUID NOT NULL,
            path TEXT NOT NULL,
            tenant_id UUID NOT NULL,
            client_id UUID NOT NULL,
            page TEXT NOT NULL,
            fields JSONB NOT NULL,
            kept_at timestamptz NOT NULL,
            CONSTRAINT pk_portal_draft PRIMARY KEY (user_id, path)
        )
    """)
    op.execute("CREATE INDEX ix_portal_draft_kept_at ON reporting.portal_draft (kept_at)")
    protect_rows(op, SCHEMA, "portal_draft", client_column="client_id")
    op.execute(f"GRANT SELECT, INSERT, UPDATE, DELETE ON {SCHEMA}.portal_draft TO {SCHEMA}_app")


def downgrade() -> None:
    """What was not sent is written again."""
    op.execute("DROP TABLE reporting.portal_draft")
