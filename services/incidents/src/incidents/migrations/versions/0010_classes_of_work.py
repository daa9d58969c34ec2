"""Work is of any class that the contract's hours name, not of a category only.

Revision ID: 0010
Revises: 0009
"""

from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("alter table incidents.time_entry drop constraint ck_time_entry_work_class")


def downgrade() -> None:
    op.execute(
        "alter table incidents.time_entry add constraint ck_time_entry_work_class"
        " check (work_class in ('corrective', 'preventive', 'evolutionary', 'assistance'))"
    )
