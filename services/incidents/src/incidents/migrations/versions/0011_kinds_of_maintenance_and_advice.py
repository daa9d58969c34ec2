"""Every item says what kind of maintenance it is; work orders that a contract promises; advice is mailed to clients."""

from alembic import op

from shared.database import protect_rows

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

SCHEMA = "incidents"

TABLES = """
update incidents.work_item set category = 'corrective' where category is null;
alter table incidents.work_item
    drop constraint ck_work_item_category,
    add constraint ck_work_item_category
        check (category in ('corrective', 'preventive', 'evolutionary', 'adaptive', 'assistance')),
    alter column category set not null;

-- The code of the deliverable that the contract promises this work by; null: somebody has scheduled it.
alter table incidents.work_order_schedule add column deliverable text;
create index ix_work_order_schedule_contract_id on incidents.work_order_schedule (contract_id)
    where deliverable is not null;

-- Advice may be owed under no contract.
alter table incidents.notification_try alter column contract_id drop not null;

create table incidents.advice_mail (
    id uuid not null,
    tenant_id uuid not null,
    client_id uuid not null,
    contract_id uuid,
    advisory_id uuid not null,
    sending integer not null,
    recipient text not null,
    name text not null,
    language text not null,
    title text not null,
    body text not null,
    first_sent_at timestamptz not null,
    state text not null,
    attempts integer not null,
    last_error text,
    created_at timestamptz not null,
    planned_at timestamptz,
    bundle_id uuid,
    next_attempt_at timestamptz,
    sent_at timestamptz,
    constraint pk_advice_mail primary key (id),
    constraint uq_advice_mail_advisory_id_sending_recipient unique (advisory_id, sending, recipient),
    constraint ck_advice_mail_state check (state in ('pending', 'sent', 'failed', 'dropped'))
);
create index ix_advice_mail_next_attempt_at on incidents.advice_mail (next_attempt_at)
    where next_attempt_at is not null;
create index ix_advice_mail_tenant_id_recipient on incidents.advice_mail (tenant_id, recipient);
create index ix_advice_mail_bundle_id on incidents.advice_mail (bundle_id) where bundle_id is not null;
"""


def upgrade() -> None:
    op.execute(TABLES)
    protect_rows(op, SCHEMA, "advice_mail", client_column="client_id")
    # Of this table only: what earlier migrations took from the role must stay taken.
    op.execute(f"grant select, insert, update on {SCHEMA}.advice_mail to {SCHEMA}_app")
