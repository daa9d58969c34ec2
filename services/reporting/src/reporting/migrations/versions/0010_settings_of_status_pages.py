"""What agencies decide about status pages: who may see them, how they look, under which domain.

Revision ID: 0010
Revises: 0009
"""

from alembic import op

from shared.database import protect_rows

revision = "0010"
down_revision = "0009"

SCHEMA = "reporting"

TABLES = {
    "status_page": """
        CREATE TABLE reporting.status_page (
            tenant_id UUID NOT NULL,
            slug TEXT NOT NULL,
            client_id UUID NOT NULL,
            version BIGINT NOT NULL,
            settings JSONB NOT NULL,
            password BYTEA,
            domain TEXT,
            domain_token TEXT,
            domain_verified_at timestamptz,
            updated_at timestamptz NOT NULL,
            CONSTRAINT pk_status_page PRIMARY KEY (tenant_id, slug)
        )
    """,
    "status_page_picture": """
        CREATE TABLE reporting.status_page_picture (
            tenant_id UUID NOT NULL,
            slug TEXT NOT NULL,
            kind TEXT NOT NULL,
            client_id UUID NOT NULL,
            digest TEXT NOT NULL,
            width INTEGER NOT NULL,
            height INTEGER NOT NULL,
            content BYTEA NOT NULL,
            CONSTRAINT pk_status_page_picture PRIMARY KEY (tenant_id, slug, kind)
        )
    """,
}


def upgrade() -> None:
    """Rows exist only for pages about which something was decided."""
    for table, statement in TABLES.items():
        op.execute(statement)
        protect_rows(op, SCHEMA, table, client_column="client_id")
        op.execute(f"GRANT SELECT, INSERT, UPDATE, DELETE ON {SCHEMA}.{table} TO {SCHEMA}_app")
    op.execute(
        f"CREATE INDEX ix_status_page_domain ON {SCHEMA}.status_page (domain) WHERE domain_verified_at IS NOT NULL"
    )


def downgrade() -> None:
    """A page that was not for everybody is taken away with its settings: without them everybody could read it."""
    op.execute(
        "UPDATE reporting.contract c SET slug = NULL FROM reporting.status_page p "
        "WHERE p.tenant_id = c.tenant_id AND p.slug = c.slug AND p.settings ->> 'audience' <> 'public'"
    )
    for table in TABLES:
        op.execute(f"DROP TABLE {SCHEMA}.{table}")
