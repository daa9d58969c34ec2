"""The addresses at which contracts show single sites.

Revision ID: 0029
Revises: 0028
"""

from alembic import op

from shared.database import protect_rows

revision = "0029"
down_revision = "0028"

SCHEMA = "reporting"
ROLE = "reporting_app"


def upgrade() -> None:
    """No contract has told of any yet. A rebuild makes them too, from the events that tell of them."""
    op.execute("""
        CREATE TABLE reporting.site_page (
            contract_id UUID NOT NULL,
            slug TEXT NOT NULL,
            tenant_id UUID NOT NULL,
            client_id UUID NOT NULL,
            site_id UUID NOT NULL,
            version BIGINT NOT NULL,
            CONSTRAINT pk_site_page PRIMARY KEY (contract_id, slug)
        )
    """)
    op.execute("CREATE INDEX ix_site_page_slug ON reporting.site_page (slug)")
    op.execute("CREATE TABLE reporting.rebuilt_site_page (LIKE reporting.site_page)")
    op.execute(
        "ALTER TABLE reporting.rebuilt_site_page ADD CONSTRAINT pk_rebuilt_site_page PRIMARY KEY (contract_id, slug)"
    )
    for table in ("site_page", "rebuilt_site_page"):
        protect_rows(op, SCHEMA, table, client_column="client_id")
    op.execute(f"GRANT SELECT, INSERT, UPDATE, DELETE ON {SCHEMA}.site_page TO {ROLE}")
    op.execute(f"GRANT SELECT, INSERT, UPDATE, TRUNCATE ON {SCHEMA}.rebuilt_site_page TO {ROLE}")


def downgrade() -> None:
    """The release before shows no pages of single sites: their addresses lead nowhere."""
    op.execute("DROP TABLE reporting.rebuilt_site_page")
    op.execute("DROP TABLE reporting.site_page")
