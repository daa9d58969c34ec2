"""Pages that a contract promises to watch and that cannot be watched as it says, with the reason.

Revision ID: 0006
Revises: 0005
"""

from alembic import op

from shared.database import protect_rows

revision = "0006"
down_revision = "0005"

UNWATCHED = """
CREATE TABLE probes.unwatched_pages (
    unwatched_pages_id UUID NOT NULL,
    tenant_id UUID NOT NULL,
    client_id UUID NOT NULL,
    contract_id UUID NOT NULL,
    site_id UUID NOT NULL,
    environment_id UUID NOT NULL,
    name TEXT NOT NULL,
    contract_version BIGINT NOT NULL,
    reason TEXT NOT NULL,
    found_at timestamptz NOT NULL,
    ended_at timestamptz,
    CONSTRAINT pk_unwatched_pages PRIMARY KEY (unwatched_pages_id)
);
CREATE INDEX ix_unwatched_pages_tenant_id ON probes.unwatched_pages (tenant_id, found_at, unwatched_pages_id);
CREATE UNIQUE INDEX uq_unwatched_pages_contract_id ON probes.unwatched_pages (contract_id, environment_id)
    WHERE ended_at IS NULL;
"""


def upgrade() -> None:
    """Until now a line in the log was all that said so."""
    op.execute(UNWATCHED)
    protect_rows(op, "probes", "unwatched_pages", client_column="client_id")
    op.execute("GRANT SELECT, INSERT, UPDATE ON probes.unwatched_pages TO probes_app")


def downgrade() -> None:
    """What was told stays told."""
    op.execute("DROP TABLE probes.unwatched_pages")
