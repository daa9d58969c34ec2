"""Webhooks for some clients, in order if asked for, with keys of their own; stretches of what was heard, sent again.

Revision ID: 0013
Revises: 0012
"""

from alembic import op

from shared.database import protect_rows

revision = "0013"
down_revision = "0012"

SCHEMA = "reporting"
ROLE = "reporting_app"

CHANGES = """
alter table reporting.webhook
    add column client_ids uuid[] not null default '{}',
    add column ordered boolean not null default false,
    add column resting_until timestamptz,
    add column slow boolean not null default false,
    add column signing_key bytea,
    add column public_key text,
    add column previous_signing_key bytea,
    add column previous_public_key text;
alter table reporting.delivery
    add column aggregate text,
    add column aggregate_version bigint;
create index ix_delivery_in_order on reporting.delivery (webhook_id, aggregate, aggregate_version, delivery_id)
    where status = 'pending' and aggregate is not null;
alter table reporting.attempt
    add column sent_timestamp bigint,
    add column response_headers jsonb;
create index ix_event_tenant_id on reporting.event (tenant_id, occurred_at, event_id);
create table reporting.webhook_replay (
    replay_id uuid not null,
    tenant_id uuid not null,
    webhook_id uuid not null,
    since timestamptz not null,
    until timestamptz not null,
    event_types text[] not null,
    status text not null,
    queued integer not null,
    position_at timestamptz,
    position_id uuid,
    due_at timestamptz,
    created_at timestamptz not null,
    finished_at timestamptz,
    constraint pk_webhook_replay primary key (replay_id),
    constraint fk_webhook_replay_webhook_id foreign key (webhook_id)
        references reporting.webhook (webhook_id) on delete cascade
);
create index ix_webhook_replay_webhook_id on reporting.webhook_replay (webhook_id, created_at, replay_id);
create index ix_webhook_replay_due_at on reporting.webhook_replay (due_at) where due_at is not null;
create unique index uq_webhook_replay_running on reporting.webhook_replay (webhook_id) where status = 'running';
"""


def upgrade() -> None:
    """No `grant_application_role`: it would grant more on the tables of the audit log than they may have."""
    for statement in CHANGES.strip().split(";"):
        if statement.strip():
            op.execute(statement)
    protect_rows(op, SCHEMA, "webhook_replay")
    op.execute(f"grant select, insert, update, delete on {SCHEMA}.webhook_replay to {ROLE}")


def downgrade() -> None:
    """What was asked of webhooks since is lost with it. Whoever was to hear of some clients only hears nothing until
    somebody enables him: without his filter he would hear of all. What waited in order is sent."""
    op.execute(
        "update reporting.webhook set enabled = false, disabled_reason = 'by_hand', disabled_at = updated_at, "
        "version = version + 1 where enabled and client_ids <> '{}'"
    )
    op.execute("update reporting.delivery set due_at = created_at where status = 'pending' and due_at is null")
    op.execute("drop table reporting.webhook_replay")
    op.execute("drop index reporting.ix_event_tenant_id")
    op.execute("alter table reporting.attempt drop column sent_timestamp, drop column response_headers")
    op.execute("drop index reporting.ix_delivery_in_order")
    op.execute("alter table reporting.delivery drop column aggregate, drop column aggregate_version")
    op.execute(
        "alter table reporting.webhook drop column client_ids, drop column ordered, drop column resting_until, "
        "drop column slow, drop column signing_key, drop column public_key, drop column previous_signing_key, "
        "drop column previous_public_key"
    )
