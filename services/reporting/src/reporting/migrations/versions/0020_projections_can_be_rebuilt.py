"""The next generation of the projections, and numbers for what is heard while it is built.

Revision ID: 0020
Revises: 0019
"""

from alembic import op

from shared.database import protect_rows

revision = "0020"
down_revision = "0019"

SCHEMA = "reporting"
ROLE = "reporting_app"
KEYS = {
    "contract_version": "contract_id, version",
    "contract": "contract_id",
    "client": "client_id",
    "site": "site_id",
    "transition": "monitor_id, number",
    "monitor": "monitor_id",
    "vouched": "monitor_id",
    "incident": "incident_id",
    "clock": "clock_id",
    "maintenance_window": "window_id",
    "told_fact": "kind, subject_id",
}


def upgrade() -> None:
    """What was heard before has no number: no table is written anew for it."""
    op.execute(f"CREATE SEQUENCE {SCHEMA}.heard")
    op.execute(f"GRANT USAGE, SELECT ON SEQUENCE {SCHEMA}.heard TO {ROLE}")
    for table in ("event", "rollup"):
        op.execute(f"ALTER TABLE {SCHEMA}.{table} ADD COLUMN heard BIGINT")
        op.execute(f"ALTER TABLE {SCHEMA}.{table} ALTER COLUMN heard SET DEFAULT nextval('{SCHEMA}.heard')")
        op.execute(f"CREATE INDEX ix_{table}_heard ON {SCHEMA}.{table} (heard) WHERE heard IS NOT NULL")
    for table, key in KEYS.items():
        op.execute(f"CREATE TABLE {SCHEMA}.rebuilt_{table} (LIKE {SCHEMA}.{table})")
        op.execute(f"ALTER TABLE {SCHEMA}.rebuilt_{table} ADD CONSTRAINT pk_rebuilt_{table} PRIMARY KEY ({key})")
        protect_rows(op, SCHEMA, f"rebuilt_{table}", client_column="client_id")
        op.execute(f"GRANT SELECT, INSERT, UPDATE, TRUNCATE ON {SCHEMA}.rebuilt_{table} TO {ROLE}")
    op.execute(f"""
        CREATE TABLE {SCHEMA}.rebuild (
            one BOOLEAN NOT NULL CHECK (one),
            began_at timestamptz NOT NULL,
            stage TEXT NOT NULL,
            heard BIGINT NOT NULL,
            position UUID,
            streams JSONB NOT NULL,
            done BIGINT NOT NULL,
            whole BIGINT NOT NULL,
            restored INTEGER NOT NULL,
            CONSTRAINT pk_rebuild PRIMARY KEY (one)
        )
    """)
    op.execute(f"GRANT SELECT, INSERT, UPDATE, DELETE ON {SCHEMA}.rebuild TO {ROLE}")
    op.execute(f"GRANT DELETE ON {SCHEMA}.told_fact TO {ROLE}")


def downgrade() -> None:
    """A rebuild that is under way is given up; nothing else refers to it."""
    op.execute(f"REVOKE DELETE ON {SCHEMA}.told_fact FROM {ROLE}")
    op.execute(f"DROP TABLE {SCHEMA}.rebuild")
    for table in KEYS:
        op.execute(f"DROP TABLE {SCHEMA}.rebuilt_{table}")
    for table in ("event", "rollup"):
        op.execute(f"ALTER TABLE {SCHEMA}.{table} DROP COLUMN heard")
    op.execute(f"DROP SEQUENCE {SCHEMA}.heard")
