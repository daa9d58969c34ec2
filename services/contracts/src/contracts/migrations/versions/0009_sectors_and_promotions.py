"""Sector presets and promotions of the catalogue.

Revision ID: 0009
Revises: 0008
"""

from alembic import op

from shared.database import protect_rows

revision = "0009"
down_revision = "0008"

SCHEMA = "contracts"

TABLES = """
CREATE TABLE contracts.sector_preset (
    sector_preset_id UUID NOT NULL,
    tenant_id UUID NOT NULL,
    version INTEGER NOT NULL,
    name TEXT NOT NULL,
    content JSONB NOT NULL,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    CONSTRAINT pk_sector_preset PRIMARY KEY (sector_preset_id),
    CONSTRAINT uq_sector_preset_tenant_id_name UNIQUE (tenant_id, name),
    CONSTRAINT fk_sector_preset_tenant_id FOREIGN KEY (tenant_id) REFERENCES contracts.tenant (tenant_id)
);
CREATE INDEX ix_sector_preset_page ON contracts.sector_preset (tenant_id, created_at, sector_preset_id);

CREATE TABLE contracts.promotion (
    promotion_id UUID NOT NULL,
    tenant_id UUID NOT NULL,
    version INTEGER NOT NULL,
    promotion_code TEXT NOT NULL,
    content JSONB NOT NULL,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    CONSTRAINT pk_promotion PRIMARY KEY (promotion_id),
    CONSTRAINT uq_promotion_tenant_id_promotion_code UNIQUE (tenant_id, promotion_code),
    CONSTRAINT fk_promotion_tenant_id FOREIGN KEY (tenant_id) REFERENCES contracts.tenant (tenant_id)
);
CREATE INDEX ix_promotion_page ON contracts.promotion (tenant_id, created_at, promotion_id);
"""

OF_THE_AGENCY = ("sector_preset", "promotion")


def upgrade() -> None:
    """Add the tables, closed to other agencies."""
    op.execute(TABLES)
    for table in OF_THE_AGENCY:
        protect_rows(op, SCHEMA, table)
        op.execute(f"grant select, insert, update on {SCHEMA}.{table} to {SCHEMA}_app")


def downgrade() -> None:
    """Take them away."""
    for table in OF_THE_AGENCY:
        op.execute(f"DROP TABLE {SCHEMA}.{table}")
