"""Hours: what was worked and approved, closed months, thresholds, reviews, use of sites, reactions.

Revision ID: 0005
Revises: 0004
"""

from alembic import op

from shared.database import protect_rows

revision = "0005"
down_revision = "0004"

SCHEMA = "contracts"

OF_CONTRACT = """
    tenant_id UUID NOT NULL,
    client_id UUID NOT NULL,
    contract_id UUID NOT NULL,
    CONSTRAINT fk_{table}_tenant_id FOREIGN KEY (tenant_id) REFERENCES contracts.tenant (tenant_id),
    CONSTRAINT fk_{table}_client_id FOREIGN KEY (client_id) REFERENCES contracts.client (client_id),
    CONSTRAINT fk_{table}_contract_id FOREIGN KEY (contract_id) REFERENCES contracts.contract (contract_id),
"""

TABLES = {
    "hours_entry": OF_CONTRACT
    + """
    hours_entry_id UUID NOT NULL,
    source TEXT NOT NULL,
    time_entry_id UUID,
    line TEXT,
    work_class TEXT NOT NULL,
    worked_on DATE NOT NULL,
    month DATE NOT NULL,
    real_minutes INTEGER NOT NULL,
    multipliers JSONB NOT NULL,
    covered BOOLEAN NOT NULL,
    work_item_id UUID,
    person_name TEXT NOT NULL,
    note TEXT,
    audience TEXT NOT NULL,
    reverses_id UUID,
    recorded_at timestamptz NOT NULL,
    recorded_by TEXT NOT NULL,
    CONSTRAINT pk_hours_entry PRIMARY KEY (hours_entry_id),
    CONSTRAINT uq_hours_entry_tenant_id_time_entry_id UNIQUE (tenant_id, time_entry_id),
    CONSTRAINT uq_hours_entry_reverses_id UNIQUE (reverses_id),
    CONSTRAINT ck_hours_entry_source CHECK (source in ('service_desk', 'api')),
    CONSTRAINT ck_hours_entry_month CHECK (month = date_trunc('month', worked_on)::date)
    """,
    "hours_item": OF_CONTRACT
    + """
    work_item_id UUID NOT NULL,
    verdict TEXT NOT NULL,
    item_version BIGINT NOT NULL,
    changed_at timestamptz NOT NULL,
    CONSTRAINT pk_hours_item PRIMARY KEY (work_item_id),
    CONSTRAINT ck_hours_item_verdict CHECK (verdict in ('in_scope', 'out_of_scope', 'undecided'))
    """,
    "hours_approval": OF_CONTRACT
    + """
    approval_id UUID NOT NULL,
    work_item_id UUID NOT NULL,
    approved_by TEXT NOT NULL,
    evidence TEXT,
    recorded_at timestamptz NOT NULL,
    recorded_by TEXT NOT NULL,
    CONSTRAINT pk_hours_approval PRIMARY KEY (approval_id),
    CONSTRAINT uq_hours_approval_contract_id_work_item_id UNIQUE (contract_id, work_item_id)
    """,
    "hours_adjustment": OF_CONTRACT
    + """
    adjustment_id UUID NOT NULL,
    of_month DATE NOT NULL,
    in_month DATE NOT NULL,
    cause TEXT NOT NULL,
    cause_id UUID NOT NULL,
    recorded_at timestamptz NOT NULL,
    CONSTRAINT pk_hours_adjustment PRIMARY KEY (adjustment_id),
    CONSTRAINT ck_hours_adjustment_cause CHECK (cause in ('entry', 'item', 'approval')),
    CONSTRAINT ck_hours_adjustment_months CHECK (of_month < in_month)
    """,
    "hours_month": OF_CONTRACT
    + """
    month DATE NOT NULL,
    figures JSONB NOT NULL,
    closed_at timestamptz NOT NULL,
    closed_by TEXT NOT NULL,
    CONSTRAINT pk_hours_month PRIMARY KEY (contract_id, month)
    """,
    "hours_threshold": OF_CONTRACT
    + """
    threshold_id UUID NOT NULL,
    month DATE NOT NULL,
    line TEXT NOT NULL,
    percent INTEGER NOT NULL,
    accounted_minutes BIGINT NOT NULL,
    available_minutes BIGINT NOT NULL,
    reached_at timestamptz NOT NULL,
    CONSTRAINT pk_hours_threshold PRIMARY KEY (threshold_id),
    CONSTRAINT uq_hours_threshold_contract_id_month_line_percent UNIQUE (contract_id, month, line, percent)
    """,
    "hours_review": OF_CONTRACT
    + """
    review_id UUID NOT NULL,
    version INTEGER NOT NULL,
    year_number INTEGER NOT NULL,
    status TEXT NOT NULL,
    content JSONB NOT NULL,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    CONSTRAINT pk_hours_review PRIMARY KEY (review_id),
    CONSTRAINT uq_hours_review_contract_id_year_number UNIQUE (contract_id, year_number),
    CONSTRAINT ck_hours_review_status CHECK (status in ('proposed', 'accepted', 'declined'))
    """,
    "usage_figure": """
    site_id UUID NOT NULL,
    month DATE NOT NULL,
    number INTEGER NOT NULL,
    tenant_id UUID NOT NULL,
    client_id UUID NOT NULL,
    users BIGINT NOT NULL,
    visits BIGINT NOT NULL,
    source TEXT,
    recorded_at timestamptz NOT NULL,
    recorded_by TEXT NOT NULL,
    CONSTRAINT pk_usage_figure PRIMARY KEY (site_id, month, number),
    CONSTRAINT fk_usage_figure_site_id FOREIGN KEY (site_id) REFERENCES contracts.site (site_id),
    CONSTRAINT fk_usage_figure_tenant_id FOREIGN KEY (tenant_id) REFERENCES contracts.tenant (tenant_id),
    CONSTRAINT fk_usage_figure_client_id FOREIGN KEY (client_id) REFERENCES contracts.client (client_id)
    """,
    "reaction": OF_CONTRACT
    + """
    clock_id UUID NOT NULL,
    clock_version BIGINT NOT NULL,
    month DATE NOT NULL,
    at timestamptz NOT NULL,
    elapsed_seconds BIGINT NOT NULL,
    CONSTRAINT pk_reaction PRIMARY KEY (clock_id)
    """,
    "growth_alert": OF_CONTRACT
    + """
    alert_id UUID NOT NULL,
    month DATE NOT NULL,
    content JSONB NOT NULL,
    raised_at timestamptz NOT NULL,
    CONSTRAINT pk_growth_alert PRIMARY KEY (alert_id),
    CONSTRAINT uq_growth_alert_contract_id_month UNIQUE (contract_id, month)
    """,
}

INDEXES = """
CREATE INDEX ix_hours_entry_contract_id_recorded_at_hours_entry_id
    ON contracts.hours_entry (contract_id, recorded_at, hours_entry_id);
CREATE INDEX ix_hours_entry_contract_id_month ON contracts.hours_entry (contract_id, month);
CREATE INDEX ix_hours_entry_contract_id_work_item_id ON contracts.hours_entry (contract_id, work_item_id);
CREATE INDEX ix_hours_item_contract_id ON contracts.hours_item (contract_id);
CREATE INDEX ix_hours_adjustment_contract_id_in_month ON contracts.hours_adjustment (contract_id, in_month);
CREATE INDEX ix_hours_review_tenant_id_created_at_review_id
    ON contracts.hours_review (tenant_id, created_at, review_id);
CREATE INDEX ix_reaction_contract_id_month ON contracts.reaction (contract_id, month);
"""

CHANGED = dict.fromkeys(("hours_item", "hours_review", "reaction"), "select, insert, update")
"""All the others stay as they were recorded."""


def upgrade() -> None:
    """Add the tables, closed to other agencies and other clients."""
    for table, columns in TABLES.items():
        op.execute(f"CREATE TABLE {SCHEMA}.{table} ({columns.format(table=table)})")
    op.execute(INDEXES)
    for table in TABLES:
        protect_rows(op, SCHEMA, table, client_column="client_id")
        # Of these tables only: what earlier migrations took from the role must stay taken.
        op.execute(f"revoke all on {SCHEMA}.{table} from {SCHEMA}_app")
        op.execute(f"grant {CHANGED.get(table, 'select, insert')} on {SCHEMA}.{table} to {SCHEMA}_app")


def downgrade() -> None:
    """Take them away."""
    for table in TABLES:
        op.execute(f"DROP TABLE {SCHEMA}.{table}")
