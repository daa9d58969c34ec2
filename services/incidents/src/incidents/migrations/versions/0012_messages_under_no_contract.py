"""What the agency is told may be about no contract."""

from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Messages about a contract keep it."""
    op.execute("alter table incidents.agency_message alter column contract_id drop not null")


def downgrade() -> None:
    """Messages about none are forgotten."""
    op.execute("delete from incidents.agency_message where contract_id is null")
    op.execute("alter table incidents.agency_message alter column contract_id set not null")
