"""The contracts of a client are found by an index: each page of the portal asks for them.

Revision ID: 0036
Revises: 0035
"""

from alembic import op

revision = "0036"
down_revision = "0035"


def upgrade() -> None:
    """The release before reads as it did."""
    op.execute("CREATE INDEX ix_contract_client_id ON reporting.contract (client_id)")


def downgrade() -> None:
    """Every page reads all contracts again."""
    op.execute("DROP INDEX reporting.ix_contract_client_id")
