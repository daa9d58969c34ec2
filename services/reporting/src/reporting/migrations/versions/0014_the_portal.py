"""The portal of clients: who asked for a link, links that were mailed, and browsers that were let in.

Revision ID: 0014
Revises: 0013
"""

from alembic import op

from shared.database import protect_rows

revision = "0014"
down_revision = "0013"

SCHEMA = "reporting"


def upgrade() -> None:
    """Of the secrets in links and cookies only hashes are kept. Who asks belongs to no tenant: nobody knows him yet."""
    op.execute("""
        CREATE TABLE reporting.portal_asking (
            asking_id UUID NOT NULL,
            email TEXT NOT NULL,
            language TEXT NOT NULL,
            place BYTEA NOT NULL,
            asked_at timestamptz NOT NULL,
            due_at timestamptz,
            tries INTEGER NOT NULL,
            CONSTRAINT pk_portal_asking PRIMARY KEY (asking_id)
        )
    """)
    op.execute("CREATE INDEX ix_portal_asking_email ON reporting.portal_asking (lower(email), asked_at)")
    op.execute("CREATE INDEX ix_portal_asking_place ON reporting.portal_asking (place, asked_at)")
    op.execute("CREATE INDEX ix_portal_asking_due_at ON reporting.portal_asking (due_at) WHERE due_at IS NOT NULL")
    for table, instants in (
        ("portal_link", "made_at timestamptz NOT NULL, expires_at timestamptz NOT NULL, used_at timestamptz"),
        (
            "portal_session",
            "began_at timestamptz NOT NULL, seen_at timestamptz NOT NULL, ended_at timestamptz,"
            " way TEXT NOT NULL, browser TEXT NOT NULL",
        ),
    ):
        op.execute(f"""
            CREATE TABLE {SCHEMA}.{table} (
                {table}_id UUID NOT NULL,
                tenant_id UUID NOT NULL,
                client_id UUID NOT NULL,
                user_id UUID NOT NULL,
                person JSONB NOT NULL,
                digest BYTEA NOT NULL,
                {instants},
                CONSTRAINT pk_{table} PRIMARY KEY ({table}_id),
                CONSTRAINT uq_{table}_digest UNIQUE (digest)
            )
        """)
        op.execute(f"CREATE INDEX ix_{table}_user_id ON {SCHEMA}.{table} (user_id)")
        protect_rows(op, SCHEMA, table, client_column="client_id")
        op.execute(f"GRANT SELECT, INSERT, UPDATE, DELETE ON {SCHEMA}.{table} TO {SCHEMA}_app")
    op.execute(f"GRANT SELECT, INSERT, UPDATE, DELETE ON {SCHEMA}.portal_asking TO {SCHEMA}_app")


def downgrade() -> None:
    """Whoever is signed in signs in again."""
    for table in ("portal_session", "portal_link", "portal_asking"):
        op.execute(f"DROP TABLE {SCHEMA}.{table}")
