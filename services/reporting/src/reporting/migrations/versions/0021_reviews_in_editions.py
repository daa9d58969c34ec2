"""Reviews are told in editions as months are, and an agency can word them: one more part of the same keys.

Revision ID: 0021
Revises: 0020
"""

from alembic import op

from shared.database import protect_rows

revision = "0021"
down_revision = "0020"

SCHEMA = "reporting"
ROLE = "reporting_app"
KEYS = {
    "report_month": ("contract_id", "month"),
    "report_edition": ("contract_id", "month, edition"),
    "report_template": ("tenant_id", ""),
}


def upgrade() -> None:
    """What is there is of months. Notes of reviews become what their next edition says, as a commentary is."""
    for table in (*KEYS, "report_delivery"):
        op.execute(f"ALTER TABLE reporting.{table} ADD COLUMN kind TEXT NOT NULL DEFAULT 'monthly'")
        op.execute(f"ALTER TABLE reporting.{table} ALTER COLUMN kind DROP DEFAULT")
    for table, (first, rest) in KEYS.items():
        _key(table, ", ".join(part for part in (first, "kind", rest) if part))
    _index("contract_id, kind, month, edition")
    op.execute("""
        INSERT INTO reporting.report_month
            (contract_id, kind, month, tenant_id, client_id, edition, commentary, commentary_version)
        SELECT contract_id, kind, month, tenant_id, client_id, 0, content, version FROM reporting.review_note
    """)
    op.execute("DROP TABLE reporting.review_note")


def downgrade() -> None:
    """Editions of reviews are lost: the release before cannot read them. Their notes stay."""
    op.execute("""
        CREATE TABLE reporting.review_note (
            contract_id UUID NOT NULL,
            kind TEXT NOT NULL,
            month DATE NOT NULL,
            tenant_id UUID NOT NULL,
            client_id UUID NOT NULL,
            version INTEGER NOT NULL,
            content JSONB NOT NULL,
            CONSTRAINT pk_review_note PRIMARY KEY (contract_id, kind, month)
        )
    """)
    op.execute("""
        INSERT INTO reporting.review_note
        SELECT contract_id, kind, month, tenant_id, client_id, commentary_version, commentary
        FROM reporting.report_month WHERE kind <> 'monthly' AND commentary_version > 0
    """)
    protect_rows(op, SCHEMA, "review_note", client_column="client_id")
    op.execute(f"REVOKE ALL ON reporting.review_note FROM {ROLE}")
    op.execute(f"GRANT SELECT, INSERT, UPDATE ON reporting.review_note TO {ROLE}")
    for table in (*KEYS, "report_delivery"):
        op.execute(f"DELETE FROM reporting.{table} WHERE kind <> 'monthly'")  # noqa: S608  (names of this file)
    for table, (first, rest) in KEYS.items():
        _key(table, ", ".join(part for part in (first, rest) if part))
    _index("contract_id, month, edition")
    for table in (*KEYS, "report_delivery"):
        op.execute(f"ALTER TABLE reporting.{table} DROP COLUMN kind")


def _key(table: str, columns: str) -> None:
    op.execute(f"ALTER TABLE reporting.{table} DROP CONSTRAINT pk_{table}")
    op.execute(f"ALTER TABLE reporting.{table} ADD CONSTRAINT pk_{table} PRIMARY KEY ({columns})")


def _index(columns: str) -> None:
    op.execute("DROP INDEX reporting.ix_report_delivery_contract_id")
    op.execute(f"CREATE INDEX ix_report_delivery_contract_id ON reporting.report_delivery ({columns})")
