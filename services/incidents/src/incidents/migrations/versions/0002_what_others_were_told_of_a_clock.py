"""What others were told that a clock reads. Null for those that are there: the next look tells how they read then."""

from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("alter table incidents.clock add column told jsonb")
