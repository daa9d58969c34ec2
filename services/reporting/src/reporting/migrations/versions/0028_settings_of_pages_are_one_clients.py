"""Settings of a status page count for the client for whom they were decided.

Revision ID: 0028
Revises: 0027
"""

from alembic import op

revision = "0028"
down_revision = "0027"

HAND_OVER = """
    UPDATE reporting.{table} p SET client_id = present.client_id
    FROM (
        SELECT DISTINCT ON (tenant_id, slug) tenant_id, slug, client_id
        FROM reporting.contract
        WHERE slug IS NOT NULL AND began_at IS NOT NULL
        ORDER BY tenant_id, slug, (status IN ('active', 'suspended')) DESC, began_at, contract_id
    ) present
    WHERE present.tenant_id = p.tenant_id AND present.slug = p.slug AND present.client_id <> p.client_id
"""


def upgrade() -> None:
    """What stands is taken to be decided for whom visitors see there: no page that is not for everybody opens by this.

    Of an address that went to another client before, nobody knows which of its settings are whose.
    """
    for table in ("status_page", "status_page_picture"):
        op.execute(HAND_OVER.format(table=table))


def downgrade() -> None:
    """The release before reads settings by their address, whoever's they are."""
