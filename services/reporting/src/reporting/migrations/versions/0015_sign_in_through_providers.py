"""OpenID providers of agencies and their clients, and who signed in through which.

Revision ID: 0015
Revises: 0014
"""

from alembic import op

from shared.database import protect_rows

revision = "0015"
down_revision = "0014"

SCHEMA = "reporting"


def upgrade() -> None:
    """Of ways back that were used only hashes are kept, so that none is used twice."""
    op.execute("""
        CREATE TABLE reporting.identity_provider (
            identity_provider_id UUID NOT NULL,
            tenant_id UUID NOT NULL,
            client_id UUID,
            version BIGINT NOT NULL,
            name TEXT NOT NULL,
            issuer TEXT NOT NULL,
            oidc_client_id TEXT NOT NULL,
            oidc_client_secret BYTEA NOT NULL,
            allowed_domains TEXT[] NOT NULL,
            required_claims JSONB NOT NULL,
            verified_claim TEXT NOT NULL,
            enabled BOOLEAN NOT NULL,
            created_at timestamptz NOT NULL,
            updated_at timestamptz NOT NULL,
            CONSTRAINT pk_identity_provider PRIMARY KEY (identity_provider_id)
        )
    """)
    op.execute("CREATE INDEX ix_identity_provider_tenant_id ON reporting.identity_provider (tenant_id, created_at)")
    op.execute("""
        CREATE TABLE reporting.used_sign_in (
            digest BYTEA NOT NULL,
            tenant_id UUID NOT NULL,
            used_at timestamptz NOT NULL,
            CONSTRAINT pk_used_sign_in PRIMARY KEY (digest)
        )
    """)
    op.execute("CREATE INDEX ix_used_sign_in_used_at ON reporting.used_sign_in (tenant_id, used_at)")
    protect_rows(op, SCHEMA, "identity_provider", client_column="client_id")
    protect_rows(op, SCHEMA, "used_sign_in")
    op.execute("GRANT SELECT, INSERT, UPDATE, DELETE ON reporting.identity_provider TO reporting_app")
    op.execute("GRANT SELECT, INSERT, DELETE ON reporting.used_sign_in TO reporting_app")
    for table in ("portal_link", "portal_session"):
        op.execute(f"ALTER TABLE {SCHEMA}.{table} ADD COLUMN identity_provider_id UUID")
    op.execute(
        "CREATE INDEX ix_portal_session_identity_provider_id ON reporting.portal_session (identity_provider_id)"
        " WHERE identity_provider_id IS NOT NULL"
    )


def downgrade() -> None:
    """Whoever signed in through a provider does so by mailed links again; pages for those who sign in stay closed.

    The release before knows no such pages: to it they are pages for those who know a password, and there is none that
    is right. A cookie that is bound to an older password opens none either.
    """
    op.execute("""
        UPDATE reporting.status_page
        SET settings = jsonb_set(settings, '{audience}', '"password"'), password = NULL, version = version + 1
        WHERE settings ->> 'audience' = 'single_sign_on'
    """)
    # Of providers that are gone: no page may name one.
    op.execute("UPDATE reporting.status_page SET settings = settings - 'identity_provider_id' - 'admitted_domains'")
    for table in ("portal_link", "portal_session"):
        op.execute(f"ALTER TABLE {SCHEMA}.{table} DROP COLUMN identity_provider_id")
    op.execute("DROP TABLE reporting.used_sign_in")
    op.execute("DROP TABLE reporting.identity_provider")
