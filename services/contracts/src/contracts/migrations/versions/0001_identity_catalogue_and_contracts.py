"""Identity, clients and sites, the catalogue, contracts."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from shared.database import protect_rows
from shared.migrations import create_event_tables, grant_application_role

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

SCHEMA = "contracts"

AGENCY_ONLY = ("tenant", "calendar", "plan", "plan_version", "contract_number")
"""Tables of a tenant that no client is part of; who is bound to a client is kept from them by scope."""

CLIENTS_TOO = (
    "user_account",
    "api_key",
    "client",
    "contact",
    "site",
    "environment",
    "contract",
    "contract_document",
    "contract_state",
    "status_page_address",
)
"""Tables of which somebody who is bound to a client sees that client's rows."""

NEVER_CHANGED = ("plan_version", "contract_document", "contract_state")
"""What was offered, proposed and in force stays as it was: the application cannot even try."""


def upgrade() -> None:
    create_event_tables(op, SCHEMA)
    op.create_table(
        "signing_key",
        sa.Column("kid", sa.Text(), nullable=False),
        sa.Column("public_key", sa.LargeBinary(), nullable=False),
        sa.Column("encrypted_private_key", sa.LargeBinary(), nullable=False),
        sa.Column("signs_from", sa.DateTime(timezone=True), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("kid", name=op.f("pk_signing_key")),
        schema=SCHEMA,
    )
    op.create_table(
        "tenant",
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", name=op.f("pk_tenant")),
        schema=SCHEMA,
    )
    op.create_table(
        "calendar",
        sa.Column("calendar_id", sa.Uuid(), nullable=False),
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("title", postgresql.JSONB(), nullable=False),
        sa.Column("versions", postgresql.JSONB(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["tenant_id"], ["contracts.tenant.tenant_id"], name=op.f("fk_calendar_tenant_id")),
        sa.PrimaryKeyConstraint("calendar_id", name=op.f("pk_calendar")),
        sa.UniqueConstraint("tenant_id", "name", name=op.f("uq_calendar_tenant_id_name")),
        schema=SCHEMA,
    )
    op.create_table(
        "client",
        sa.Column("client_id", sa.Uuid(), nullable=False),
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("language", sa.Text(), nullable=False),
        sa.Column("time_zone", sa.Text(), nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("country", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["tenant_id"], ["contracts.tenant.tenant_id"], name=op.f("fk_client_tenant_id")),
        sa.PrimaryKeyConstraint("client_id", name=op.f("pk_client")),
        schema=SCHEMA,
    )
    op.create_index(
        op.f("ix_client_tenant_id_created_at_client_id"),
        "client",
        ["tenant_id", "created_at", "client_id"],
        unique=False,
        schema=SCHEMA,
    )
    op.create_table(
        "contract_number",
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("year", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("last", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["tenant_id"], ["contracts.tenant.tenant_id"], name=op.f("fk_contract_number_tenant_id")
        ),
        sa.PrimaryKeyConstraint("tenant_id", "year", name=op.f("pk_contract_number")),
        schema=SCHEMA,
    )
    op.create_table(
        "plan",
        sa.Column("plan_id", sa.Uuid(), nullable=False),
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("catalogue", sa.Text(), nullable=False),
        sa.Column("current_number", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["tenant_id"], ["contracts.tenant.tenant_id"], name=op.f("fk_plan_tenant_id")),
        sa.PrimaryKeyConstraint("plan_id", name=op.f("pk_plan")),
        sa.UniqueConstraint("tenant_id", "code", name=op.f("uq_plan_tenant_id_code")),
        schema=SCHEMA,
    )
    op.create_index(
        op.f("ix_plan_tenant_id_created_at_plan_id"),
        "plan",
        ["tenant_id", "created_at", "plan_id"],
        unique=False,
        schema=SCHEMA,
    )
    op.create_table(
        "contact",
        sa.Column("contact_id", sa.Uuid(), nullable=False),
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("client_id", sa.Uuid(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("email", sa.Text(), nullable=False),
        sa.Column("language", sa.Text(), nullable=False),
        sa.Column("roles", postgresql.ARRAY(sa.Text()), nullable=False),
        sa.ForeignKeyConstraint(["client_id"], ["contracts.client.client_id"], name=op.f("fk_contact_client_id")),
        sa.ForeignKeyConstraint(["tenant_id"], ["contracts.tenant.tenant_id"], name=op.f("fk_contact_tenant_id")),
        sa.PrimaryKeyConstraint("contact_id", name=op.f("pk_contact")),
        schema=SCHEMA,
    )
    op.create_index(op.f("ix_contact_client_id"), "contact", ["client_id"], unique=False, schema=SCHEMA)
    op.create_table(
        "plan_version",
        sa.Column("plan_id", sa.Uuid(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("content", postgresql.JSONB(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["plan_id"], ["contracts.plan.plan_id"], name=op.f("fk_plan_version_plan_id")),
        sa.ForeignKeyConstraint(["tenant_id"], ["contracts.tenant.tenant_id"], name=op.f("fk_plan_version_tenant_id")),
        sa.PrimaryKeyConstraint("plan_id", "number", name=op.f("pk_plan_version")),
        schema=SCHEMA,
    )
    op.create_table(
        "site",
        sa.Column("site_id", sa.Uuid(), nullable=False),
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("client_id", sa.Uuid(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["client_id"], ["contracts.client.client_id"], name=op.f("fk_site_client_id")),
        sa.ForeignKeyConstraint(["tenant_id"], ["contracts.tenant.tenant_id"], name=op.f("fk_site_tenant_id")),
        sa.PrimaryKeyConstraint("site_id", name=op.f("pk_site")),
        schema=SCHEMA,
    )
    op.create_index(op.f("ix_site_client_id"), "site", ["client_id"], unique=False, schema=SCHEMA)
    op.create_index(
        op.f("ix_site_tenant_id_created_at_site_id"),
        "site",
        ["tenant_id", "created_at", "site_id"],
        unique=False,
        schema=SCHEMA,
    )
    op.create_table(
        "user_account",
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("client_id", sa.Uuid(), nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("email", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("role", sa.Text(), nullable=False),
        sa.Column("language", sa.Text(), nullable=False),
        sa.Column("disabled", sa.Boolean(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["client_id"], ["contracts.client.client_id"], name=op.f("fk_user_account_client_id")),
        sa.ForeignKeyConstraint(["tenant_id"], ["contracts.tenant.tenant_id"], name=op.f("fk_user_account_tenant_id")),
        sa.PrimaryKeyConstraint("user_id", name=op.f("pk_user_account")),
        sa.UniqueConstraint("tenant_id", "email", name=op.f("uq_user_account_tenant_id_email")),
        schema=SCHEMA,
    )
    op.create_table(
        "api_key",
        sa.Column("api_key_id", sa.Uuid(), nullable=False),
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("client_id", sa.Uuid(), nullable=True),
        sa.Column("user_id", sa.Uuid(), nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("prefix", sa.Text(), nullable=False),
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("role", sa.Text(), nullable=False),
        sa.Column("scopes", postgresql.ARRAY(sa.Text()), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("revoked_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("last_used_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["client_id"], ["contracts.client.client_id"], name=op.f("fk_api_key_client_id")),
        sa.ForeignKeyConstraint(["tenant_id"], ["contracts.tenant.tenant_id"], name=op.f("fk_api_key_tenant_id")),
        sa.ForeignKeyConstraint(["user_id"], ["contracts.user_account.user_id"], name=op.f("fk_api_key_user_id")),
        sa.PrimaryKeyConstraint("api_key_id", name=op.f("pk_api_key")),
        sa.UniqueConstraint("prefix", name=op.f("uq_api_key_prefix")),
        schema=SCHEMA,
    )
    op.create_index(
        op.f("ix_api_key_tenant_id_created_at"), "api_key", ["tenant_id", "created_at"], unique=False, schema=SCHEMA
    )
    op.create_index(op.f("ix_api_key_user_id"), "api_key", ["user_id"], unique=False, schema=SCHEMA)
    op.create_table(
        "contract",
        sa.Column("contract_id", sa.Uuid(), nullable=False),
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("client_id", sa.Uuid(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("number", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("plan_id", sa.Uuid(), nullable=False),
        sa.Column("plan_number", sa.Integer(), nullable=False),
        sa.Column("plan", postgresql.JSONB(), nullable=False),
        sa.Column("terms", postgresql.JSONB(), nullable=False),
        sa.Column("deliverables", postgresql.JSONB(), nullable=False),
        sa.Column("document", postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), nullable=True),
        sa.Column("signatures", postgresql.JSONB(), nullable=False),
        sa.Column("amendment", postgresql.JSONB(), nullable=True),
        sa.Column("activated_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("ends_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("closed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["client_id"], ["contracts.client.client_id"], name=op.f("fk_contract_client_id")),
        sa.ForeignKeyConstraint(
            ["plan_id", "plan_number"],
            ["contracts.plan_version.plan_id", "contracts.plan_version.number"],
            name=op.f("fk_contract_plan_id_plan_number"),
        ),
        sa.ForeignKeyConstraint(["tenant_id"], ["contracts.tenant.tenant_id"], name=op.f("fk_contract_tenant_id")),
        sa.PrimaryKeyConstraint("contract_id", name=op.f("pk_contract")),
        sa.UniqueConstraint("tenant_id", "number", name=op.f("uq_contract_tenant_id_number")),
        schema=SCHEMA,
    )
    op.create_index(op.f("ix_contract_client_id"), "contract", ["client_id"], unique=False, schema=SCHEMA)
    op.create_index(op.f("ix_contract_ends_at"), "contract", ["ends_at"], unique=False, schema=SCHEMA)
    op.create_index(
        op.f("ix_contract_tenant_id_created_at_contract_id"),
        "contract",
        ["tenant_id", "created_at", "contract_id"],
        unique=False,
        schema=SCHEMA,
    )
    op.create_table(
        "environment",
        sa.Column("environment_id", sa.Uuid(), nullable=False),
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("client_id", sa.Uuid(), nullable=False),
        sa.Column("site_id", sa.Uuid(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("url", sa.Text(), nullable=False),
        sa.Column("counts_for_sla", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(["client_id"], ["contracts.client.client_id"], name=op.f("fk_environment_client_id")),
        sa.ForeignKeyConstraint(["site_id"], ["contracts.site.site_id"], name=op.f("fk_environment_site_id")),
        sa.ForeignKeyConstraint(["tenant_id"], ["contracts.tenant.tenant_id"], name=op.f("fk_environment_tenant_id")),
        sa.PrimaryKeyConstraint("environment_id", name=op.f("pk_environment")),
        schema=SCHEMA,
    )
    op.create_index(op.f("ix_environment_site_id"), "environment", ["site_id"], unique=False, schema=SCHEMA)
    op.create_table(
        "contract_document",
        sa.Column("contract_id", sa.Uuid(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("client_id", sa.Uuid(), nullable=False),
        sa.Column("hash", sa.Text(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("proposed_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["client_id"], ["contracts.client.client_id"], name=op.f("fk_contract_document_client_id")
        ),
        sa.ForeignKeyConstraint(
            ["contract_id"], ["contracts.contract.contract_id"], name=op.f("fk_contract_document_contract_id")
        ),
        sa.ForeignKeyConstraint(
            ["tenant_id"], ["contracts.tenant.tenant_id"], name=op.f("fk_contract_document_tenant_id")
        ),
        sa.PrimaryKeyConstraint("contract_id", "number", name=op.f("pk_contract_document")),
        schema=SCHEMA,
    )
    op.create_table(
        "contract_state",
        sa.Column("contract_id", sa.Uuid(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("client_id", sa.Uuid(), nullable=False),
        sa.Column("change", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("effective_from", sa.DateTime(timezone=True), nullable=False),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("state", postgresql.JSONB(), nullable=False),
        sa.Column("recorded_by", sa.Text(), nullable=False),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["client_id"], ["contracts.client.client_id"], name=op.f("fk_contract_state_client_id")
        ),
        sa.ForeignKeyConstraint(
            ["contract_id"], ["contracts.contract.contract_id"], name=op.f("fk_contract_state_contract_id")
        ),
        sa.ForeignKeyConstraint(
            ["tenant_id"], ["contracts.tenant.tenant_id"], name=op.f("fk_contract_state_tenant_id")
        ),
        sa.PrimaryKeyConstraint("contract_id", "version", name=op.f("pk_contract_state")),
        schema=SCHEMA,
    )
    op.create_index(
        op.f("ix_contract_state_contract_id_effective_from_version"),
        "contract_state",
        ["contract_id", "effective_from", "version"],
        unique=False,
        schema=SCHEMA,
    )
    op.create_table(
        "status_page_address",
        sa.Column("slug", sa.Text(), nullable=False),
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("client_id", sa.Uuid(), nullable=False),
        sa.Column("contract_id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(
            ["client_id"], ["contracts.client.client_id"], name=op.f("fk_status_page_address_client_id")
        ),
        sa.ForeignKeyConstraint(
            ["contract_id"], ["contracts.contract.contract_id"], name=op.f("fk_status_page_address_contract_id")
        ),
        sa.ForeignKeyConstraint(
            ["tenant_id"], ["contracts.tenant.tenant_id"], name=op.f("fk_status_page_address_tenant_id")
        ),
        sa.PrimaryKeyConstraint("slug", name=op.f("pk_status_page_address")),
        schema=SCHEMA,
    )
    op.create_index(
        op.f("ix_status_page_address_contract_id"), "status_page_address", ["contract_id"], unique=False, schema=SCHEMA
    )
    for table in AGENCY_ONLY:
        protect_rows(op, SCHEMA, table)
    for table in CLIENTS_TOO:
        protect_rows(op, SCHEMA, table, client_column="client_id")
    grant_application_role(op, SCHEMA)
    for table in NEVER_CHANGED:
        op.execute(f"revoke update, delete on {SCHEMA}.{table} from {SCHEMA}_app")
